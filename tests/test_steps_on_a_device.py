"""A step of training asks the device for nothing, and does the same work each time.

Whatever brings a number from the device to Python, or makes a tensor whose size depends on
values, stops the queue of a GPU. PyTorch on the CPU names every operation that a step makes,
so that this can be seen without a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from model_tables import CROSSED, table
from torch.utils._python_dispatch import TorchDispatchMode

from synthtab.core.config import configure
from synthtab.core.randomness import Streams
from synthtab.model.losses import ADVERSARIAL
from synthtab.model.trainer import Trainer

# Operations that wait for the device.
WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal.default")
# The rows of an epoch wait in a queue, which grows shorter until it is filled again.
OF_THE_QUEUE = ("aten.slice.Tensor", "aten.randperm", "aten.cat.default")

Operation = tuple[str, tuple[tuple[int, ...], ...]]


class Watch(TorchDispatchMode):
    """Writes down every operation and the shapes that it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[str] = []
        self.made: list[Operation] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = function(*args, **(kwargs or {}))
        name = str(function)
        if any(word in name for word in WAITING) or _picks_by_mask(name, args):
            self.waited.append(name)
        tensors = given if isinstance(given, (tuple, list)) else (given,)
        shapes = tuple(tuple(t.shape) for t in tensors if isinstance(t, torch.Tensor))
        if not name.startswith(OF_THE_QUEUE):
            self.made.append((name, shapes))
        return given


def _picks_by_mask(name: str, args: Sequence[Any]) -> bool:
    """Whether cells are chosen by a mask: how many are, is known on the device alone."""
    if not name.startswith("aten.index"):
        return False
    indices = [one for arg in args if isinstance(arg, (list, tuple)) for one in arg]
    return any(isinstance(i, torch.Tensor) and i.dtype == torch.bool for i in indices)


@pytest.mark.parametrize(
    "options",
    [{"loss": loss} for loss in ADVERSARIAL]
    + [{"condition": "category"}, {"packing": 4}, {"critic_steps": 2}],
    ids=str,
)
def test_a_step_never_waits_and_is_always_the_same(options: dict[str, Any]) -> None:
    config = configure(completer="network", batch=64, width=32, **options)
    rows = table(800, layout=CROSSED)
    trainer = Trainer(rows, config, Streams(0), torch.device("cpu"))
    trainer.set_learning_rates(0.5)
    # Rounds of the game, penalties and pairs of columns come every so many steps.
    period = config.adversarial_every * config.penalty_every
    made = []
    for _ in range(3 * period):
        with Watch() as watch:
            trainer.play()
        assert not watch.waited
        made.append(watch.made)
    # The first steps of an optimiser make its state.
    assert made[period : 2 * period] == made[2 * period :]
