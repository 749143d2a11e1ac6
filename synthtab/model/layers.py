"""What all networks are made of: how they read and write encoded rows, and their layers.

An encoded row is K codes and C offsets (see `synthtab.core.layout`). A network reads it as a
flat vector of numbers, and returns logits in the same flat order. `Slots` turns one into the
other: it is the `Layout` as tensors. Shapes, here and in all of `synthtab.model`:

    B  rows of a batch
    K  blocks                     codes    [B, K]   integers
    C  blocks that have modes     offsets  [B, C]   in [0, 1]
    W  slots of the flat vector   logits   [B, W]   one slot a code of a block, padding included
    M  continuous modes, over all blocks; a block of one mode adds one
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthtab.core.config import TrainConfig
from synthtab.core.layout import CURVE_POINTS, Layout
from synthtab.runtime.compute import product

# Cycles per unit of offset of the Fourier features (arXiv 2006.10739). Higher ones make the
# critic's game worse.
FREQUENCIES = (0.5, 1.0, 2.0)
# Features of one offset: itself, and a sine and a cosine for each frequency.
WAVES = 1 + 2 * len(FREQUENCIES)
# Offsets count as no nearer to 0 and 1 than this, which is a probit of 4.3.
PROBIT_EDGE = 1e-5
# Fewer logits than this are drawn from faster by Gumbel noise than by running sums.
FEW_LOGITS = 12
# Added to the logits of unused slots, so that no softmax gives them anything.
NEVER = -1e9
# Width of the two hidden layers of the networks of arXiv 1907.00503.
CTGAN_WIDTH = 256

# ------------------------------------------------------------------------------------------
# Draws


def gumbel(logits: Tensor, random: torch.Generator | None) -> Tensor:
    """Logits plus Gumbel noise: their argmax is a draw from the softmax."""
    # The noise is -log(-log u). `exponential_` would be one logarithm less and, on a CPU,
    # seven times slower.
    uniform = torch.rand(logits.shape, generator=random, device=logits.device)
    return logits - uniform.clamp_(1e-20).log_().neg_().clamp_(1e-20).log_()


def choose(logits: Tensor, random: torch.Generator | None) -> Tensor:
    """Draw from the softmax over the last dimension.

    The draw is where the running sum of the probabilities passes a uniform number: one random
    number a draw, not one for each logit. `gumbel` is for what a gradient must pass.
    """
    if logits.shape[-1] < FEW_LOGITS:
        return gumbel(logits, random).argmax(-1)
    ends = logits.softmax(-1).cumsum(-1)
    uniform = torch.rand(logits.shape[:-1], generator=random, device=logits.device)
    # Below the last end even after rounding: what has no probability is never drawn.
    uniform = uniform * (1 - 2.0**-20)
    places = (uniform * ends[..., -1]).unsqueeze(-1)
    return torch.searchsorted(ends, places, right=True).squeeze(-1)


def probit(offsets: Tensor) -> Tensor:
    """The inverse of the normal distribution function, for offsets in [0, 1]."""
    return torch.special.ndtri(offsets.clamp(PROBIT_EDGE, 1 - PROBIT_EDGE))


# ------------------------------------------------------------------------------------------
# Slots


class Slots(nn.Module):
    """Turns codes and offsets into what networks read, and their outputs into codes.

    Its tensors are derived from the layout, move with the network to a device, and are not
    stored in a model file.

    Args:
        layout: What codes and offsets mean.
    """

    # The layout's arrays of the same names.
    starts: Tensor
    slot_block: Tensor
    mode_slots: Tensor
    mode_offsets: Tensor
    mode_starts: Tensor
    continuous: Tensor
    atoms: Tensor
    # [W]: 0 for a slot in use, `NEVER` for padding.
    padding: Tensor
    # [K]: where each block stands among the groups of equal width.
    unsort: Tensor
    # [N]: the numeric blocks.
    numeric: Tensor
    # [W, N]: the squashed value of each atom of each numeric block, 0 elsewhere.
    atom_values: Tensor
    # [m]: those of the M modes that belong to numeric blocks.
    curved: Tensor
    # [m, N]: 1 where the mode belongs to the numeric block.
    curve_owner: Tensor
    # [m, CURVE_POINTS]: squashed values of each such mode at equally spaced offsets.
    curves: Tensor

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout

        def keep(name: str, array: object) -> None:
            tensor = torch.as_tensor(np.asarray(array))
            self.register_buffer(name, tensor, persistent=False)

        keep("starts", layout.starts)
        keep("slot_block", layout.slot_block)
        keep("mode_slots", layout.mode_slots)
        keep("mode_offsets", layout.mode_offsets)
        keep("mode_starts", layout.mode_starts)
        keep("continuous", layout.continuous)
        keep("atoms", layout.atoms)
        keep("padding", np.where(layout.used, 0.0, NEVER).astype(np.float32))
        keep("unsort", np.argsort([b for g in layout.groups for b in g.blocks]))

        numeric = [i for i, block in enumerate(layout.blocks) if block.numeric]
        keep("numeric", np.array(numeric, dtype=np.int64))
        values = np.zeros((layout.width, len(numeric)), dtype=np.float32)
        for column, b in enumerate(numeric):
            block = layout.blocks[b]
            slots = layout.starts[b] + np.arange(block.atoms)
            values[slots, column] = np.nan_to_num(_squash(block.values))
        keep("atom_values", values)

        column_of_block = {b: column for column, b in enumerate(numeric)}
        block_of_mode = layout.continuous[layout.mode_offsets].tolist()
        curved = [m for m, b in enumerate(block_of_mode) if b in column_of_block]
        owners = [column_of_block[block_of_mode[m]] for m in curved]
        keep("curved", np.array(curved, dtype=np.int64))
        owner_flags = [[owner == c for c in range(len(numeric))] for owner in owners]
        keep("curve_owner", np.array(owner_flags, dtype=np.float32))
        curves = [curve for b in numeric for curve in layout.blocks[b].curves]
        squashed = _squash(curves).astype(np.float32)
        keep("curves", squashed.reshape(len(curved), CURVE_POINTS))

    # -- flat vectors, block by block

    def by_block(
        self, flat: Tensor, function: Callable[[Tensor], Tensor]
    ) -> list[Tensor]:
        """Apply a function to every group of blocks, as a view ``[B, count, width]``."""
        groups = self.layout.groups
        # One split, whose gradient is one concatenation, rather than a slice a group.
        parts = flat.split([g.count * g.width for g in groups], dim=1)
        return [
            function(part.unflatten(1, (group.count, group.width)))
            for part, group in zip(parts, groups, strict=True)
        ]

    def softmax(self, logits: Tensor) -> Tensor:
        """Probabilities ``[B, W]``, one softmax per block."""
        parts = self.by_block(logits, lambda x: x.softmax(2))
        return torch.cat([p.flatten(1) for p in parts], dim=1)

    def log_softmax(self, logits: Tensor) -> Tensor:
        """Log-probabilities ``[B, W]``, one softmax per block."""
        parts = self.by_block(logits, lambda x: x.log_softmax(2))
        return torch.cat([p.flatten(1) for p in parts], dim=1)

    def argmax(self, flat: Tensor) -> Tensor:
        """The code with the largest entry in each block, ``[B, K]``."""
        codes = torch.cat(self.by_block(flat, lambda x: x.argmax(2)), dim=1)
        return codes[:, self.unsort]

    def sample(self, logits: Tensor, random: torch.Generator) -> Tensor:
        """A code of each block, drawn from its softmax, ``[B, K]``."""
        codes = torch.cat(self.by_block(logits, lambda x: choose(x, random)), dim=1)
        return codes[:, self.unsort]

    def draw(
        self,
        logits: Tensor,
        temperature: float,
        hard: bool,
        random: torch.Generator | None,
    ) -> Tensor:
        """Gumbel-softmax draws ``[B, W]``, which a gradient passes (arXiv 1611.01144).

        With ``hard`` they are one-hot forwards, and soft backwards (straight-through).
        """
        noisy = gumbel(logits, random)
        soft = self.softmax(noisy / temperature)
        if not hard:
            return soft
        with torch.no_grad():
            correction = self.one_hot(self.argmax(noisy)) - soft
        return soft + correction

    # -- codes

    def one_hot(self, codes: Tensor) -> Tensor:
        """Codes ``[B, K]`` as a flat one-hot vector ``[B, W]``."""
        flat = torch.zeros(len(codes), self.layout.width, device=codes.device)
        return flat.scatter_(1, codes.long() + self.starts, 1.0)

    def spread(self, cells: Tensor) -> Tensor:
        """A value per block ``[B, K]`` as a value per slot ``[B, W]``."""
        return cells[:, self.slot_block]

    def modes(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """The mode that each block with modes is in.

        Returns:
            Indices among all M modes ``[B, C]``, that of the block's first mode where the code
            is an atom; and whether the code is a mode, ``[B, C]``.
        """
        local = codes[:, self.continuous].long() - self.atoms[self.continuous]
        return self.mode_starts + local.clamp(min=0), local >= 0

    # -- what networks read

    def fourier(self, offsets: Tensor) -> Tensor:
        """Features ``[..., WAVES]`` of offsets in [0, 1] (arXiv 2006.10739)."""
        frequencies = torch.tensor(FREQUENCIES, device=offsets.device)
        angles = offsets.unsqueeze(-1) * (2 * torch.pi * frequencies)
        centred = 2 * offsets.unsqueeze(-1) - 1
        return torch.cat([centred, angles.sin(), angles.cos()], dim=-1)

    def dense(self, one_hot: Tensor, offsets: Tensor) -> Tensor:
        """What the critic sees of a row, ``[B, features]``.

        The one-hot vector, the Fourier features of the offset of each mode that the row is in
        (0 for all other modes), and the values of the numeric blocks.

        Args:
            one_hot: ``[B, W]``, or soft draws of it.
            offsets: An offset per mode, ``[B, M]``.
        """
        gate = one_hot[:, self.mode_slots]
        waves = (gate.unsqueeze(-1) * self.fourier(offsets)).flatten(1)
        return torch.cat([one_hot, waves, self.values(one_hot, gate, offsets)], dim=1)

    def values(self, one_hot: Tensor, gate: Tensor, offsets: Tensor) -> Tensor:
        """The numbers that a row stands for, ``[B, N]``, one per numeric block.

        Standardised, squashed by ``sign(x) log(1 + |x|)``, and 0 for missing.

        Args:
            one_hot: ``[B, W]``.
            gate: ``[B, M]``: its part for the modes.
            offsets: An offset per mode, ``[B, M]``.
        """
        of_atoms = one_hot @ self.atom_values
        if not len(self.curved):
            return of_atoms
        # Interpolate each mode's curve at its offset, between the two nearest points.
        at = offsets[:, self.curved] * (CURVE_POINTS - 1)
        left = at.detach().floor().clamp(0, CURVE_POINTS - 2).long()
        mode = torch.arange(len(self.curved), device=at.device).expand(left.shape)
        low = self.curves[mode, left]
        high = self.curves[mode, left + 1]
        of_modes = (low + (high - low) * (at - left)) * gate[:, self.curved]
        return of_atoms + of_modes @ self.curve_owner

    def reading(self, codes: Tensor, offsets: Tensor, mask: Tensor) -> Tensor:
        """What a generator or completer sees of the cells that are known, ``[B, reads]``.

        Their part of `dense`, the probits of their offsets, and which cells they are.

        Args:
            codes: ``[B, K]``.
            offsets: ``[B, C]``.
            mask: ``[B, K]``: which cells are known.
        """
        seen = mask.float()
        hot = self.one_hot(codes) * self.spread(seen)
        by_mode = offsets[:, self.mode_offsets]
        gate = hot[:, self.mode_slots]
        waves = (gate.unsqueeze(-1) * self.fourier(by_mode)).flatten(1)
        numbers = self.values(hot, gate, by_mode) * seen[:, self.numeric]
        return torch.cat([hot, waves, numbers, gate * probit(by_mode), seen], dim=1)

    @property
    def features(self) -> int:
        """Width of `dense`."""
        waves = WAVES * len(self.layout.mode_slots)
        return self.layout.width + waves + len(self.numeric)

    @property
    def reads(self) -> int:
        """Width of `reading`."""
        return self.features + len(self.layout.mode_slots) + len(self.layout.blocks)


def _squash(values: object) -> npt.NDArray[np.float64]:
    """``sign(x) log(1 + |x|)``: large values come closer, small ones stay as they are."""
    x = np.asarray(values, dtype=np.float64)
    return np.asarray(np.sign(x) * np.log1p(np.abs(x)))


# ------------------------------------------------------------------------------------------
# Layers

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
    """``x W^T + b``, see `product` for its precision."""

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


# ------------------------------------------------------------------------------------------
# Distributions of offsets

# Normal distributions in the mixture of one mode.
COMPONENTS = 16
# Outputs of the network per mode: a share, a mean and a deviation for each component.
PARAMETERS = 3 * COMPONENTS
# Least and greatest logarithm of the deviation of a component.
LEAST_LOG_DEVIATION = -6.0
GREATEST_LOG_DEVIATION = 2.0
# Least logarithm of a mass between two points: exp(-700) is next to the smallest double.
LEAST_LOG_MASS = -700.0
# The float32 before 1 is 1 minus this: offsets stay below the end of their range.
BELOW_ONE = 2.0**-24


@dataclass(frozen=True)
class Mixtures:
    """The distribution of the offset of every row and mode: a mixture density network.

    Offsets are uniform on [0, 1] by construction, so their probits are standard normal. Given
    the known cells, the probit is a mixture of `COMPONENTS` normal distributions (Bishop 1994).

    Attributes:
        shares: Logits of the shares of the components, ``[B, M, COMPONENTS]``.
        means: Their means, in probits, of the same shape.
        deviations: Logarithms of their standard deviations, of the same shape.
    """

    shares: Tensor
    means: Tensor
    deviations: Tensor

    @classmethod
    def of(cls, outputs: Tensor, modes: int) -> Mixtures:
        """From what the network returns, ``[B, modes x PARAMETERS]``."""
        parameters = outputs.unflatten(1, (modes, 3, COMPONENTS))
        shares, means, deviations = parameters.unbind(2)
        bounded = deviations.clamp(LEAST_LOG_DEVIATION, GREATEST_LOG_DEVIATION)
        return cls(shares, means, bounded)

    def take(self, rows: Tensor) -> Mixtures:
        """Those of some rows."""
        return Mixtures(self.shares[rows], self.means[rows], self.deviations[rows])

    def log_density(self, offsets: Tensor, mode: Tensor) -> Tensor:
        """Log-density ``[B, C]`` of offsets, relative to uniform ones.

        It is 0 where all offsets are equally likely.

        Args:
            offsets: ``[B, C]``.
            mode: ``[B, C]``: the mode, among all M, that each offset is in.
        """
        index = mode.unsqueeze(-1).expand(-1, -1, COMPONENTS)
        shares = self.shares.gather(1, index)
        means = self.means.gather(1, index)
        deviations = self.deviations.gather(1, index)
        at = probit(offsets).unsqueeze(-1)
        normalised = (at - means) * (-deviations).exp()
        # log N(at; mean, deviation) - log N(at; 0, 1): the second is the density that the
        # probit of a uniform offset has. The constants of the two cancel.
        logs = shares.log_softmax(-1) - deviations - 0.5 * normalised.square()
        return logs.logsumexp(-1) + 0.5 * at.squeeze(-1).square()

    def draw(self, random: torch.Generator) -> Tensor:
        """An offset for every row and mode, ``[B, M]``."""
        component = choose(self.shares, random).unsqueeze(-1)
        mean = self.means.gather(-1, component).squeeze(-1)
        deviation = self.deviations.gather(-1, component).squeeze(-1)
        normal = torch.randn(mean.shape, generator=random, device=mean.device)
        return torch.special.ndtr(mean + deviation.exp() * normal)

    def log_mass(self, low: Tensor, high: Tensor, mode: Tensor) -> Tensor:
        """Log-probability ``[B, N]`` that the offset lies in each of N ranges.

        Args:
            low: ``[N]``.
            high: ``[N]``.
            mode: ``[N]``: the mode that each range is in.
        """
        shares, start, end = self._in_deviations(low, high, mode)
        return (shares.log_softmax(-1) + _log_between(start, end)).logsumexp(-1)

    def draw_within(
        self, low: Tensor, high: Tensor, mode: Tensor, random: torch.Generator
    ) -> Tensor:
        """An offset ``[B]`` for every row, between ``low [B]`` and ``high [B]``.

        Args:
            low: Least offset of each row.
            high: The offset that it stays below.
            mode: ``[B]``: the mode of each row.
            random: Randomness.
        """
        index = mode[:, None, None].expand(-1, 1, COMPONENTS)
        of_row = Mixtures(
            self.shares.gather(1, index),
            self.means.gather(1, index),
            self.deviations.gather(1, index),
        )
        # `of_row` has the mode of each row alone: number 0.
        only_mode = torch.zeros_like(mode[:1])
        bounds = of_row._in_deviations(low[:, None], high[:, None], only_mode)
        shares, start, end = (x[:, 0] for x in bounds)

        # First a component, in proportion to the mass that it has within the range ...
        logits = shares + _log_between(start, end)
        component = gumbel(logits, random).argmax(-1, keepdim=True)
        start = start.gather(-1, component)[:, 0]
        end = end.gather(-1, component)[:, 0]
        mean = of_row.means[:, 0].double().gather(-1, component)[:, 0]
        deviation = of_row.deviations[:, 0].double().gather(-1, component)[:, 0]

        # ... then a point of it, by inverting its distribution function: in the half where
        # that function is small, and thus exact.
        flip = start > 0
        # Mirrored at 0, the end becomes the start.
        start, end = torch.where(flip, -end, start), torch.where(flip, -start, end)
        below = torch.special.ndtr(start)
        above = torch.special.ndtr(end)
        uniform = torch.rand(
            len(below), generator=random, device=below.device, dtype=below.dtype
        )
        at = torch.special.ndtri(below + uniform * (above - below))
        # Where the mass is 0 in floating point: the end that is nearer to the mean.
        nearer = torch.where(end.isfinite(), end, start)
        at = torch.where(at.isfinite(), at, nearer).clamp(start, end)
        at = torch.where(flip, -at, at)
        last = (high - BELOW_ONE).clamp(min=low)
        return torch.special.ndtr(mean + deviation.exp() * at).clamp(low, last).float()

    def _in_deviations(
        self, low: Tensor, high: Tensor, mode: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Where ranges begin and end, in deviations from the mean of each component.

        Returns:
            Shares of the components of the modes, starts and ends, in double precision.
        """
        shares = self.shares[:, mode].double()
        means = self.means[:, mode].double()
        scale = (-self.deviations[:, mode].double()).exp()
        start = torch.special.ndtri(low.double()).unsqueeze(-1)
        end = torch.special.ndtri(high.double()).unsqueeze(-1)
        return shares, (start - means) * scale, (end - means) * scale


def _log_between(low: Tensor, high: Tensor) -> Tensor:
    """Logarithm of the mass of the standard normal distribution between two points."""
    # In the lower tail the difference of two logarithms stays exact; so the upper one is
    # mirrored.
    flip = low > 0
    low, high = torch.where(flip, -high, low), torch.where(flip, -low, high)
    lower = torch.special.log_ndtr(low)
    upper = torch.special.log_ndtr(high)
    # log(U - L) = log U + log(1 - L / U), where U and L are the masses below the two.
    log_share_between = (-(lower - upper).exp()).log1p()
    return upper + log_share_between.clamp(min=LEAST_LOG_MASS)


def first_outputs(modes: int) -> Tensor:
    """Biases ``[modes x PARAMETERS]`` to start with: components over the whole range."""
    start = torch.zeros(modes, 3, COMPONENTS)
    start[:, 1] = torch.linspace(-1.5, 1.5, COMPONENTS)
    start[:, 2] = -0.5
    return start.flatten()
