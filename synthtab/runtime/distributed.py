"""Training by several processes, as ``torchrun`` starts them: who this process is, and how it agrees with the others.

Each process takes its share of every batch; gradients are averaged, so that all have the same weights after every step
(synchronous data-parallel training; Li et al., arXiv 2006.15704). What depends on a clock, on held-out rows or on a
person is decided by the first process, or by all together, at places that all of them pass in the same order.
Without torchrun there is one process, and nothing of ``torch.distributed`` is imported.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor

from synthtab.core.errors import ConfigError

# Time that processes wait for the first one, which alone grows the trees; one that has
# died is noticed at once.
PATIENCE = timedelta(days=1)


class World:
    """This process and the others that train with it; by itself, as here, or one of a `ProcessGroup`.

    Attributes:
        rank: Number of this process; number 0 tells the observer and finishes the model.
        size: How many there are.
    """

    rank, size = 0, 1

    def time(self) -> float:
        """Seconds on the clock of the first process, the same in all of them: of the last time that they met."""
        return time.monotonic()

    def meet(self) -> None:
        """Wait for all.

        Raises:
            KeyboardInterrupt: In all of them, if any was interrupted within `listening`.
        """

    @contextmanager
    def listening(self) -> Iterator[None]:
        """In here Ctrl-C waits until all `meet`."""
        yield

    def placed(self, device: torch.device) -> torch.device:
        """A device for this process, where several share a machine."""
        return device

    def average(self, tensors: Iterable[Tensor | None]) -> None:
        """Replace tensors by their means over all processes, in place."""

    def copy(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by those of the first process, in place."""

    def decided(self, compute: Callable[[], Iterable[float]]) -> list[float]:
        """Numbers that the first process computes while the others wait, at most `MOST_NUMBERS`."""
        return list(compute())

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Means over all processes; NaN if any is."""
        return dict(values)

    def shared(self, make: Callable[[], bytes]) -> bytes:
        """What the first process makes while the others wait."""
        return make()

    def require_same(self, text: str) -> None:
        """Check that all processes say the same of their table and options.

        Raises:
            ConfigError: In all of them, if it differs.
        """

    def leave(self) -> None:
        """Wait until all are done, so that none ends, and takes the others with it, before the model is saved."""


ALONE = World()
MOST_NUMBERS = 32


class ProcessGroup(World):
    """Processes that exchange tensors: gradients by NCCL between GPUs, all else by Gloo."""

    def __init__(self) -> None:
        import torch.distributed

        self.net: Any = torch.distributed
        self.gpus = torch.cuda.device_count()
        local = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ["WORLD_SIZE"]))
        fast = self.net.is_nccl_available() and self.gpus >= local
        try:
            self.net.init_process_group(
                "cpu:gloo,cuda:nccl" if fast else "gloo", timeout=PATIENCE
            )
        except (ValueError, RuntimeError) as error:
            raise ConfigError(
                f"the processes cannot reach each other ({str(error).splitlines()[0]}): "
                "start them with torchrun"
            ) from None
        self.rank, self.size = self.net.get_rank(), self.net.get_world_size()
        self.now, self.waits, self.pressed = 0.0, False, False
        if threading.current_thread() is threading.main_thread():
            self.usual: Any = signal.signal(signal.SIGINT, self._press)
        self.meet()

    def _press(self, number: int, frame: Any) -> None:
        """Ctrl-C. torchrun passes it on, so that it comes twice: the second one must not break the saving."""
        again, self.pressed = self.pressed, True
        if not (again or self.waits):
            raise KeyboardInterrupt

    def time(self) -> float:
        return self.now

    def meet(self) -> None:
        said = torch.tensor(
            [0.0 if self.rank else time.monotonic(), float(self.waits and self.pressed)]
        ).double()
        self.net.all_reduce(said)
        self.now = float(said[0])
        if said[1]:
            self.pressed = True
            raise KeyboardInterrupt

    @contextmanager
    def listening(self) -> Iterator[None]:
        self.waits = True
        try:
            yield
        finally:
            self.waits = False

    def placed(self, device: torch.device) -> torch.device:
        if device.type != "cuda":
            return device
        own = torch.device(
            "cuda", int(os.environ.get("LOCAL_RANK", self.rank)) % self.gpus
        )
        torch.cuda.set_device(own)
        return own

    def average(self, tensors: Iterable[Tensor | None]) -> None:
        found = [t for t in tensors if t is not None]
        flat = torch.cat([t.reshape(-1) for t in found])
        self.net.all_reduce(flat)
        flat /= self.size
        self._spread(flat, found)

    def copy(self, tensors: Iterable[Tensor]) -> None:
        found = [t.detach() for t in tensors if t.is_floating_point()]
        flat = torch.cat([t.reshape(-1) for t in found])
        self.net.broadcast(flat, 0)
        self._spread(flat, found)

    def _spread(self, flat: Tensor, tensors: list[Tensor]) -> None:
        parts = flat.split([t.numel() for t in tensors])
        torch._foreach_copy_(
            tensors, [p.view_as(t) for p, t in zip(parts, tensors, strict=True)]
        )

    def decided(self, compute: Callable[[], Iterable[float]]) -> list[float]:
        said = torch.zeros(MOST_NUMBERS + 2).double()
        if self.rank == 0:
            values = list(compute())
            said[: len(values) + 2] = torch.tensor(
                [time.monotonic(), len(values), *values]
            ).double()
        self.net.broadcast(said, 0)
        self.now = float(said[0])
        return said[2 : 2 + int(said[1])].tolist()

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        means = torch.tensor(list(values.values())).double()
        self.net.all_reduce(means)
        return dict(zip(values, (means / self.size).tolist(), strict=True))

    def shared(self, make: Callable[[], bytes]) -> bytes:
        data = (
            torch.frombuffer(bytearray(make()), dtype=torch.uint8)
            if self.rank == 0
            else torch.zeros(0)
        )
        length = torch.tensor([len(data)])
        self.net.broadcast(length, 0)
        data = data if self.rank == 0 else torch.zeros(int(length), dtype=torch.uint8)
        self.net.broadcast(data, 0)
        return data.numpy().tobytes()

    def require_same(self, text: str) -> None:
        own = torch.frombuffer(
            bytearray(sha256(text.encode()).digest()[:8]), dtype=torch.int64
        )
        least, most = own.clone(), own.clone()
        self.net.all_reduce(least, self.net.ReduceOp.MIN)
        self.net.all_reduce(most, self.net.ReduceOp.MAX)
        if not torch.equal(least, most):
            raise ConfigError(
                f"the {self.size} processes do not have the same table and options: give all of them "
                "the same file, the same options and the same versions"
            )

    def leave(self) -> None:
        self.net.barrier()


@cache
def world() -> World:
    """The processes that torchrun started, this one among them; by itself without torchrun.

    Raises:
        ConfigError: The others cannot be reached.
    """
    started = "RANK" in os.environ and "MASTER_ADDR" in os.environ
    return (
        ProcessGroup()
        if started and int(os.environ.get("WORLD_SIZE", "1")) > 1
        else ALONE
    )
