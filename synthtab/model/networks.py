"""The networks of one model: the completer, and the generator of the GAN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from synthtab.core.config import TrainConfig
from synthtab.core.layout import Layout
from synthtab.model.completer import Completer
from synthtab.model.gan import Generator
from synthtab.model.layers import fresh_weights

if TYPE_CHECKING:
    from synthtab.model.forest import ForestCompleter

# What the tensors of the two networks were called in model files up to format 2.
OLD_NAMES = {
    "completing.": "completer.",
    "plain.": "generator.",
    "frequencies": "generator.frequencies",
}


class Networks(nn.Module):
    """The networks that make rows; what a model file stores of training.

    They are two, since their objectives spoil each other in one network (docs/lab.md). The
    critic is not among them: it is needed only while the generator learns.

    Of a small table, forests are the completer, and there is no generator.

    Args:
        layout: What codes and offsets mean.
        config: Which of the two there are, and the sizes of their layers.
        forests: The completer, if it is no network.

    Attributes:
        generator: Makes whole rows from noise; None if no loss of the config teaches it.
        completer: Gives the distribution of hidden cells; None likewise.
    """

    generator: Generator | None
    completer: Completer | ForestCompleter | None

    def __init__(
        self,
        layout: Layout,
        config: TrainConfig,
        forests: ForestCompleter | None = None,
    ) -> None:
        super().__init__()
        self.layout = layout
        if forests is not None:
            self.generator, self.completer = None, forests
            return
        # In this order, which is that of the random numbers of their initial weights.
        self.generator = Generator(layout, config) if config.invents else None
        self.completer = Completer(layout, config) if config.completes else None

    @classmethod
    def of_file(
        cls, layout: Layout, config: TrainConfig, weights: Mapping[str, Tensor]
    ) -> Networks:
        """The networks of a model file, ready to draw from.

        Raises:
            ValueError: The weights are not those of such networks.
        """
        # Compared before anything is allocated: a forged file may claim any size.
        if config.completer == "forest":
            return cls(layout, config, _forests(layout, weights)).eval()
        stored = sum(tensor.numel() for tensor in weights.values())
        if stored < _least_weights(layout, config):
            raise ValueError("there are fewer weights than the config says")
        with fresh_weights():
            networks = cls(layout, config)
        networks.load(weights)
        return networks.eval()

    @property
    def device(self) -> torch.device:
        """Where they compute."""
        network = self.completer or self.generator
        assert network is not None, "these networks make no rows, report this"
        return network.slots.starts.device

    @property
    def most_passes(self) -> int:
        """The most passes that make sense: one per unit of the layout, if cells are drawn."""
        return len(self.layout.units) if self.completer else 1

    def start_from(self, frequencies: Tensor) -> None:
        """Let the logits start at the one-way frequencies ``[W]`` of the training rows."""
        if self.generator is not None:
            self.generator.start_from(frequencies)
        if isinstance(self.completer, Completer):
            self.completer.start_from(frequencies)

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of a model file, those of older formats too."""
        named = {_current_name(name): tensor for name, tensor in weights.items()}
        if self.generator is None:
            named.pop("generator.frequencies", None)
        self.load_state_dict(named)


def _forests(layout: Layout, weights: Mapping[str, Tensor]) -> ForestCompleter:
    """The forests of a model file.

    Raises:
        ValueError: The arrays are none of such forests.
    """
    # Imported here: most models are networks.
    from synthtab.model.forest import ADDED, STATE, ForestCompleter

    state = {name.removeprefix("completer."): weights[name] for name in weights}
    if not STATE.keys() - ADDED <= state.keys() <= STATE.keys():
        raise ValueError("these are no forests")
    return ForestCompleter(layout, state)


def _least_weights(layout: Layout, config: TrainConfig) -> int:
    """No network of this config has fewer weights: those of the head and of the blocks."""
    head = layout.width * config.width
    if config.network != "residual":
        return head
    return head + 2 * config.depth * config.width**2


def _current_name(name: str) -> str:
    for old, new in OLD_NAMES.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name
