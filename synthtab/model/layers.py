"""The layers that the networks are built of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthtab.core.config import TrainConfig
from synthtab.runtime.compute import product

# Width of the two hidden layers of the networks of arXiv 1907.00503.
CTGAN_WIDTH = 256


# Where the initial weights of the layers of this file come from, in each thread: torch's own
# layers draw from a stream that all threads share, so that one fit would disturb another.
# None is that global stream, for layers that are built outside of `fresh_weights`.
_initial: ContextVar[torch.Generator | None] = ContextVar("initial", default=None)


@contextmanager
def fresh_weights(seed: int = 0) -> Iterator[None]:
    """Build networks in here: their initial weights follow from the seed alone."""
    before = _initial.set(torch.Generator().manual_seed(seed))
    try:
        yield
    finally:
        _initial.reset(before)


def draw_normal(weight: Tensor, std: float = 1.0) -> None:
    """Initial weights from a normal distribution."""
    # Weights without memory, of which only the shapes are asked for.
    if not weight.is_meta:
        nn.init.normal_(weight, std=std, generator=_initial.get())


class Linear(nn.Linear):
    """``x W^T + b``, in bfloat16 where `product` says so."""

    def reset_parameters(self) -> None:
        """Initial weights and biases: uniform within 1 / sqrt(inputs), as torch's are."""
        if self.weight.is_meta:
            return
        bound = 1 / self.in_features**0.5
        nn.init.kaiming_uniform_(self.weight, a=5**0.5, generator=_initial.get())
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound, generator=_initial.get())

    def forward(self, x: Tensor) -> Tensor:
        return product(x, self.weight, self.bias)


class Embedding(nn.Embedding):
    """A vector for each number; zero for 0."""

    def reset_parameters(self) -> None:
        """Initial weights: standard normal, as torch's are."""
        draw_normal(self.weight)
        self._fill_padding_idx_with_zero()


class ScoreHead(Linear):
    """A layer of one output, as a sum instead of a matrix product.

    The last digit of a product with one output depends on the number of threads, and what is
    learnt must not.
    """

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum(1, keepdim=True) + self.bias


class Dropout(nn.Module):
    """Drops half of the features, from a random stream of its own.

    torch's dropout draws from the global stream, which is not ours to move.
    """

    def __init__(self, random: torch.Generator | None) -> None:
        super().__init__()
        self.random = random

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        keep = torch.empty_like(x).bernoulli_(0.5, generator=self.random)
        # Times 2, so that the mean stays as it is without dropout.
        return x * keep * 2


class ResidualBlock(nn.Module):
    """``x + W2 silu(W1 norm(x))``."""

    def __init__(self, width: int, norm: bool) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width) if norm else nn.Identity()
        self.inner = Linear(width, width)
        self.outer = Linear(width, width, bias=False)
        # Small at first, so that a new block hardly changes what goes through it.
        draw_normal(self.outer.weight, std=0.1 / width**0.5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.outer(F.silu(self.inner(self.norm(x))))
        return x + y


class ConcatBlock(nn.Module):
    """``[relu(batchnorm(W x)), x]``: the generator's layer of arXiv 1907.00503, 4.4."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = Linear(inputs, outputs)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.relu(self.norm(self.linear(x))), x], dim=1)


def hidden_layers(config: TrainConfig) -> tuple[nn.Module, int]:
    """The layers of a generator or completer between its inputs and its head.

    Returns:
        The layers, which take ``[B, config.width]``, and the width of what they return.
    """
    width = config.width
    if config.network == "concat":
        first = ConcatBlock(width, CTGAN_WIDTH)
        second = ConcatBlock(width + CTGAN_WIDTH, CTGAN_WIDTH)
        return nn.Sequential(first, second), width + 2 * CTGAN_WIDTH
    blocks = [ResidualBlock(width, norm=True) for _ in range(config.depth)]
    return nn.Sequential(*blocks, nn.RMSNorm(width)), width
