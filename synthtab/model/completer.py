"""The completer: the network that says what hidden cells are, given the known ones.

Given any subset of a row's cells it returns, for every other cell, the distribution of its code
(a softmax over the codes of the block) and of its offset (a mixture of normal distributions of
the offset's probit). It learns by maximum likelihood on rows of which random cells are hidden
(`synthtab.model.losses.completion`), and makes rows one column after another: each pass draws
some cells, and the next pass sees them (`synthtab.sampling.sampler`). Rows of the default
preset are made by this network; the generator of `synthtab.model.gan` makes a row in one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthtab.core.config import TrainConfig
from synthtab.core.layout import Layout
from synthtab.model.layers import (
    WAVES,
    Embedding,
    Linear,
    Slots,
    choose,
    draw_normal,
    gumbel,
    hidden_layers,
    probit,
)
from synthtab.runtime.compute import product

Ints = npt.NDArray[np.int64]

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


# ------------------------------------------------------------------------------------------
# Combinations of columns

# Width of the embedding of a combination: a wider one learns single rows by heart
# (docs/lab.md).
CROSS_WIDTH = 16


class CrossEmbedding(nn.Module):
    """What a known combination of codes adds to the first layer (`Layout.crosses`).

    The date of a measurement, for example, says more about the weather than year, month and
    day by themselves. Each combination that the table has often enough is one row of an
    embedding; row 0 is zero, for all others.
    """

    def __init__(self, layout: Layout, width: int) -> None:
        super().__init__()
        self.layout = layout
        rows = 1
        for i, cross in enumerate(layout.crosses):
            # Number of the combination -> its row of the embedding.
            combinations = int(np.prod(layout.sizes[list(cross.blocks)]))
            table = torch.zeros(combinations, dtype=torch.int64)
            table[list(cross.cells)] = rows + torch.arange(len(cross.cells))
            self.register_buffer(f"rows_{i}", table, persistent=False)
            rows += len(cross.cells)
        self.embedding = Embedding(rows, CROSS_WIDTH, padding_idx=0)
        self.out = Linear(CROSS_WIDTH, width, bias=False)
        draw_normal(self.embedding.weight, std=0.05)
        with torch.no_grad():
            self.embedding.weight[0] = 0.0

    def forward(self, codes: Tensor, counts: Tensor) -> Tensor:
        """``[B, width]`` for codes ``[B, K]``.

        Args:
            codes: ``[B, K]``.
            counts: ``[B, crosses]``: whether each cross counts in each row.
        """
        rows = [
            getattr(self, f"rows_{i}")[cross.of(codes, self.layout)]
            for i, cross in enumerate(self.layout.crosses)
        ]
        # Where a cross does not count, its row is 0, whose embedding is zero.
        counted = torch.stack(rows, dim=1) * counts
        hidden: Tensor = self.out(self.embedding(counted).sum(1))
        return hidden

    def known(self, mask: Tensor) -> Tensor:
        """``[B, crosses]``: which combinations the known cells ``[B, K]`` complete."""
        complete = [mask[:, list(c.blocks)].all(1) for c in self.layout.crosses]
        return torch.stack(complete, dim=1)


# ------------------------------------------------------------------------------------------
# The network

# Scale of what the head sees of the first layer past all others: columns that nearly equal one
# another are linear.
SHORTCUT = 0.2


class Completer(nn.Module):
    """The distribution of hidden cells, given the known cells of their row.

    Args:
        layout: What codes and offsets mean.
        config: Sizes of the layers.
    """

    def __init__(self, layout: Layout, config: TrainConfig) -> None:
        super().__init__()
        self.slots = slots = Slots(layout)
        self.crossed = CrossEmbedding(layout, config.width) if layout.crosses else None
        self.from_cells = Linear(slots.reads, config.width)
        self.body, width = hidden_layers(config)
        outputs = layout.width + len(layout.mode_slots) * PARAMETERS
        self.head = Linear(width + config.width, outputs)
        draw_normal(self.from_cells.weight, std=0.2)

    def start_from(self, frequencies: Tensor) -> None:
        """Let the logits start at the one-way frequencies ``[W]`` of the training rows."""
        width = len(frequencies)
        with torch.no_grad():
            self.head.bias[:width] = frequencies.clamp(min=1e-6).log()
            self.head.weight[:width] *= 0.3
            self.head.bias[width:] = first_outputs(len(self.slots.mode_slots))
            self.head.weight[width:] *= 0.3

    def first(self, codes: Tensor, offsets: Tensor, mask: Tensor) -> Tensor:
        """The first layer, ``[B, width]``.

        It is a sum over the known cells, so that sampling can add what each pass reveals
        instead of computing it anew.

        Args:
            codes: ``[B, K]``.
            offsets: ``[B, C]``.
            mask: ``[B, K]``: which cells are known.
        """
        hidden: Tensor = self.from_cells(self.slots.reading(codes, offsets, mask))
        if self.crossed is None:
            return hidden
        return hidden + self.crossed(codes, self.crossed.known(mask))

    def forward(
        self, codes: Tensor, offsets: Tensor, mask: Tensor
    ) -> tuple[Tensor, Mixtures]:
        """Logits ``[B, W]``, and the distributions of the offsets of every mode.

        Args:
            codes: ``[B, K]``.
            offsets: ``[B, C]``.
            mask: ``[B, K]``: which cells are known.
        """
        return self.outputs(self.first(codes, offsets, mask))

    def outputs(self, hidden: Tensor) -> tuple[Tensor, Mixtures]:
        """What `forward` returns, given the first layer, ``[B, width]``."""
        seen_by_head = torch.cat([self.body(hidden), SHORTCUT * hidden], dim=1)
        outputs = self.head(seen_by_head)
        width = self.slots.layout.width
        logits = outputs[:, :width] + self.slots.padding
        return logits, Mixtures.of(outputs[:, width:], len(self.slots.mode_slots))

    def part(self, blocks: Sequence[int]) -> NetworkPart:
        """What is needed to draw some blocks, in ascending order."""
        return NetworkPart(self, blocks)


# ------------------------------------------------------------------------------------------
# One pass of sampling

# Rows that a processor takes at a time: what it computes of them stays in its cache.
CHUNK_ROWS = 1024


class NetworkPart:
    """A `Completer` as far as it concerns some blocks: what a pass of sampling asks.

    The head says what the cells of these blocks may be: only its rows for these cells are
    computed. Once they are drawn, the first layer has to read them: only its columns for these
    cells are. So a pass costs no more than what it reveals. The layers between are computed in
    full.

    Args:
        completer: The whole network.
        blocks: Which blocks, in ascending order.
    """

    def __init__(self, completer: Completer, blocks: Sequence[int]) -> None:
        layout = completer.slots.layout
        device = completer.slots.starts.device
        blocks = list(blocks)
        part = Layout(tuple(layout.blocks[b] for b in blocks))
        self.completer = completer
        self.slots = Slots(part).to(device)
        self.blocks = torch.as_tensor(blocks, device=device)
        # The columns of the offsets array that these blocks have.
        columns = np.flatnonzero(np.isin(layout.continuous, blocks))
        self.columns = torch.as_tensor(columns, device=device)

        slots = _slots_of(layout, part, blocks)
        modes = _modes_of(layout, blocks)
        reads = _inputs(layout, blocks, slots, modes)
        reads_on_device = torch.as_tensor(reads, device=device)
        self.read_weight = completer.from_cells.weight[:, reads_on_device]

        # The head writes all logits, and then the parameters of all mixtures.
        parameters = layout.width + _spread(modes, PARAMETERS)
        writes = np.concatenate([slots, parameters])
        writes_on_device = torch.as_tensor(writes, device=device)
        weight = completer.head.weight[writes_on_device]
        # It reads the last deep layer, and the first one by a shortcut.
        first_width = len(completer.from_cells.weight)
        deep_width = weight.shape[1] - first_width
        self.head_weight, shortcut = weight.split([deep_width, first_width], dim=1)
        self.shortcut_weight = SHORTCUT * shortcut
        self.bias = completer.head.bias[writes_on_device].clone()
        self.bias[: part.width] += self.slots.padding

        # For each cross, which blocks of this pass (by their place in it) are in it.
        self.cross_members = [
            [i for i, b in enumerate(blocks) if b in cross.blocks]
            for cross in layout.crosses
        ]
        self.crossed = completer.crossed if any(self.cross_members) else None

    def outputs(self, hidden: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """What the head says of these blocks.

        Logits ``[rows, slots of these blocks]``, and the parameters of the mixtures of their
        modes, ``[rows, modes x PARAMETERS]``.

        Args:
            hidden: The first layer, ``[rows, width]``, or ``[1, width]`` for all rows.
            rows: Number of rows.
        """
        size = CHUNK_ROWS if hidden.device.type == "cpu" else len(hidden)
        chunks = []
        for chunk in hidden.split(size):
            deep = self.completer.body(chunk)
            out = product(deep, self.head_weight, self.bias)
            chunks.append(out.add_(product(chunk, self.shortcut_weight)))
        outputs = torch.cat(chunks) if len(chunks) > 1 else chunks[0]
        # One row, where it stands for all.
        outputs = outputs.expand(rows, -1)
        width = self.slots.layout.width
        return outputs[:, :width], outputs[:, width:]

    def reveal(
        self,
        codes: Tensor,
        offsets: Tensor,
        mask: Tensor,
        fresh: Tensor,
    ) -> Tensor:
        """What this pass adds to the first layer, ``[B, width]``.

        Args:
            codes: Of whole rows, ``[B, K]``.
            offsets: Of whole rows, ``[B, C]``.
            mask: ``[B, K]``: which cells are known after this pass.
            fresh: ``[B, blocks]``: which cells this pass has revealed; others were
                known.
        """
        codes_of_pass = codes[:, self.blocks]
        offsets_of_pass = offsets[:, self.columns]
        added = self._read(codes_of_pass, offsets_of_pass, fresh)
        if self.crossed is None:
            return added
        # A combination counts once, in the pass that completes it: one that reveals
        # some block of the cross. ``any`` of no block is False.
        has_fresh = [fresh[:, members].any(1) for members in self.cross_members]
        completed = self.crossed.known(mask) & torch.stack(has_fresh, dim=1)
        return added + self.crossed(codes, completed)

    def _read(
        self,
        codes: Tensor,
        offsets: Tensor,
        fresh: Tensor,
    ) -> Tensor:
        """What the cells that ``fresh`` marks add to the first layer."""
        if len(self.columns):
            reading = self.slots.reading(codes, offsets, fresh)
            return product(reading, self.read_weight)
        # A sum of rows of a table is cheaper than a product with one-hot vectors.
        return F.embedding_bag(
            codes + self.slots.starts,
            self._code_table,
            mode="sum",
            per_sample_weights=fresh.float(),
        )

    @cached_property
    def _code_table(self) -> Tensor:
        """``[slots, width]``: what each code adds, where no block has an offset."""
        slots = self.slots
        device = slots.slot_block.device
        block_of_slot = slots.slot_block
        # Row i of the readings is a row whose only known cell has the code of slot i.
        code = torch.arange(len(block_of_slot), device=device)
        code = code - slots.starts[block_of_slot]
        blocks = torch.arange(len(slots.layout.blocks), device=device)
        mask = blocks == block_of_slot[:, None]
        codes = torch.where(mask, code[:, None], 0)
        # Padding slots have no code: theirs is cut to the last one, and never read.
        last_codes = torch.as_tensor(slots.layout.sizes - 1).to(block_of_slot)
        codes = codes.clamp(max=last_codes)
        no_offsets = codes[:, :0].float()
        reading = slots.reading(codes, no_offsets, mask)
        return product(reading, self.read_weight)


def _slots_of(
    layout: Layout,
    part: Layout,
    blocks: list[int],
) -> Ints:
    """The slots of the whole flat vector that a part has, in the part's order."""
    slots = np.zeros(part.width, dtype=np.int64)
    for start, block in zip(part.starts, blocks, strict=True):
        codes = np.arange(layout.blocks[block].size)
        slots[start + codes] = layout.starts[block] + codes
    return slots


def _modes_of(layout: Layout, blocks: list[int]) -> Ints:
    """The modes of some blocks, among all modes."""
    block_of_mode = layout.continuous[layout.mode_offsets]
    modes = [np.flatnonzero(block_of_mode == block) for block in blocks]
    return np.concatenate(modes).astype(np.int64)


def _inputs(
    layout: Layout,
    blocks: list[int],
    slots: Ints,
    modes: Ints,
) -> Ints:
    """Which inputs of the whole first layer read the cells of some blocks.

    In the order in which `Slots.reading` of these blocks alone has them.
    """
    all_modes = len(layout.mode_slots)
    is_numeric = [block.numeric for block in layout.blocks]
    all_numeric = np.flatnonzero(is_numeric)
    numeric = np.flatnonzero(np.isin(all_numeric, blocks))
    # The parts of `Slots.reading`: one-hot, Fourier features, numbers, probits, known
    # cells.
    sizes = [layout.width, WAVES * all_modes, len(all_numeric), all_modes]
    waves = _spread(modes, WAVES)
    parts = [slots, waves, numeric, modes, np.asarray(blocks)]
    starts = np.cumsum([0, *sizes])
    numbered = zip(starts, parts, strict=True)
    inputs = [start + part for start, part in numbered]
    return np.concatenate(inputs)


def _spread(numbers: Ints, count: int) -> Ints:
    """The places of things of which each has ``count``, side by side.

    >>> _spread(np.array([0, 2]), 3)
    array([0, 1, 2, 6, 7, 8])
    """
    first = count * numbers[:, None]
    return (first + np.arange(count)).ravel()
