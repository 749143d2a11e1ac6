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
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthtab.core.config import TrainConfig
from synthtab.core.layout import Layout
from synthtab.model.layers import (
    PARAMETERS,
    WAVES,
    Embedding,
    Linear,
    Mixtures,
    Slots,
    draw_normal,
    first_outputs,
    hidden_layers,
)
from synthtab.runtime.compute import product

Ints = npt.NDArray[np.int64]

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
