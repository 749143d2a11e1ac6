"""The vocabulary shared by the pandas side and the torch side, and the only place with offsets.

An encoded table is two compact arrays: integer codes ``[rows, blocks]`` and float offsets
``[rows, continuous blocks]``. A `Block` is one discrete variable: its first codes are *atoms*
(a category, a repeated value, "missing"), the remaining ones are continuous *modes*; a row whose
code is a mode also has an offset in [0, 1], its position within the mode's distribution.

The networks see a block as logits (or a one-hot vector) in a *flat* vector. There, blocks of
similar size are padded to one width and stored side by side, a `Group`, so that a softmax over
every block is a handful of operations on views ``[rows, count, width]``, whatever the number of
columns. Nobody but `Layout` adds positions up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

# Number of equally spaced offsets at which a block's `curves` are given.
CURVE_POINTS = 33

# A block joins a group if it fills at least this share of the group's width.
SLACK = 0.7

Codes = npt.NDArray[np.integer[Any]]
Offsets = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Block:
    """One discrete variable of the encoded table.

    Attributes:
        column: The table column that it belongs to.
        part: Which part of the column, where it has several ("digit 0"); "" otherwise.
        atoms: Number of codes that stand for one value each: codes 0 .. atoms-1.
        modes: Number of continuous modes: codes atoms .. atoms+modes-1.
        values: For a numeric column, the standardised value of each atom (NaN for "missing");
            empty for any other column.
        curves: For a numeric column and each mode, the standardised values at `CURVE_POINTS`
            equally spaced offsets from 0 to 1.
    """

    column: str
    part: str = ""
    atoms: int = 0
    modes: int = 0
    values: tuple[float, ...] = ()
    curves: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        assert self.size >= 2 or (self.size == 1 and self.modes == 1), (
            f"a block must vary, report this: {self}"
        )
        assert not self.numeric or len(self.values) == self.atoms, (
            f"one value per atom, report this: {self}"
        )
        assert len(self.curves) == (self.modes if self.numeric else 0), (
            f"one curve per mode, report this: {self}"
        )

    @property
    def size(self) -> int:
        """Number of codes."""
        return self.atoms + self.modes

    @property
    def numeric(self) -> bool:
        """Whether codes and offsets stand for numbers."""
        return bool(self.values) or bool(self.curves)


@dataclass(frozen=True)
class Group:
    """Blocks of similar size, side by side in the flat vector.

    Attributes:
        start: First position in the flat vector.
        count: Number of blocks.
        width: Slots per block; a block with fewer codes leaves the last slots unused.
        blocks: Indices of the blocks, in flat order.
    """

    start: int
    count: int
    width: int
    blocks: tuple[int, ...]

    @property
    def slice(self) -> slice:
        """The group's part of the flat vector; view it as ``[rows, count, width]``."""
        return slice(self.start, self.start + self.count * self.width)


@dataclass(frozen=True)
class Cross:
    """Blocks whose combinations of codes count as categories of their own.

    Attributes:
        blocks: At least two, without modes.
        cells: Those combinations, as numbers whose digits are the codes.
        apart: Other blocks, of which it tells nothing.
    """

    blocks: tuple[int, ...]
    cells: tuple[int, ...] = ()
    apart: tuple[int, ...] = ()

    def of(self, codes: Any, layout: Layout) -> Any:
        """The combination of every row of codes ``[rows, blocks]``, an array or a tensor."""
        cell = codes[:, self.blocks[0]]
        cell = cell.astype(np.int64) if isinstance(cell, np.ndarray) else cell.long()
        for block in self.blocks[1:]:
            cell = cell * layout.blocks[block].size + codes[:, block]
        return cell


@dataclass(frozen=True)
class Layout:
    """Which position means what. Immutable; everything is derived from the blocks.

    Attributes:
        blocks: In the order of the columns.
        last: The column that is drawn given all others, where several passes make a row: the target of a model.
        crosses: Blocks whose combinations count as categories of their own, see `synthtab.data.relations.crosses`.
    """

    blocks: tuple[Block, ...]
    last: str | None = None
    crosses: tuple[Cross, ...] = ()

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Blocks sorted by size; a group starts where padding would waste over 30 % of a block."""
        order = sorted(range(len(self.blocks)), key=lambda b: (-self.blocks[b].size, b))
        members: list[list[int]] = []
        for b in order:
            if (
                members
                and self.blocks[b].size >= SLACK * self.blocks[members[-1][0]].size
            ):
                members[-1].append(b)
            else:
                members.append([b])
        groups, start = [], 0
        for m in members:
            group = Group(start, len(m), self.blocks[m[0]].size, tuple(m))
            start = group.slice.stop
            groups.append(group)
        return tuple(groups)

    @cached_property
    def width(self) -> int:
        """Length of the flat vector, unused slots included."""
        return self.groups[-1].slice.stop if self.groups else 0

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """``[blocks]``: flat position of each block's code 0; a code's slot is ``starts[b] + code``."""
        starts = np.zeros(len(self.blocks), dtype=np.int64)
        for g in self.groups:
            starts[list(g.blocks)] = g.start + g.width * np.arange(g.count)
        return starts

    @cached_property
    def used(self) -> npt.NDArray[np.bool_]:
        """``[width]``: False for the padding slots."""
        used = np.zeros(self.width, dtype=bool)
        for start, block in zip(self.starts, self.blocks, strict=True):
            used[start : start + block.size] = True
        return used

    @cached_property
    def slot_block(self) -> npt.NDArray[np.int64]:
        """``[width]``: the block of each slot, padding slots included."""
        owner = np.zeros(self.width, dtype=np.int64)
        for g in self.groups:
            owner[g.slice] = np.repeat(g.blocks, g.width)
        return owner

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """``[blocks]``: number of codes of each block."""
        return np.array([b.size for b in self.blocks], dtype=np.int64)

    @cached_property
    def atoms(self) -> npt.NDArray[np.int64]:
        """``[blocks]``: number of atoms of each block, thus the code of its first mode."""
        return np.array([b.atoms for b in self.blocks], dtype=np.int64)

    @cached_property
    def continuous(self) -> npt.NDArray[np.int64]:
        """``[offset columns]``: the block that each column of the offsets array belongs to."""
        return np.array(
            [i for i, b in enumerate(self.blocks) if b.modes], dtype=np.int64
        )

    @cached_property
    def mode_slots(self) -> npt.NDArray[np.int64]:
        """``[modes]``: flat position of every continuous mode, block by block."""
        slots = [
            self.starts[b] + self.blocks[b].atoms + np.arange(self.blocks[b].modes)
            for b in self.continuous
        ]
        return np.concatenate(slots) if slots else np.zeros(0, dtype=np.int64)

    @cached_property
    def mode_offsets(self) -> npt.NDArray[np.int64]:
        """``[modes]``: the column of the offsets array that each mode reads and writes."""
        return np.repeat(
            np.arange(len(self.continuous)),
            [self.blocks[b].modes for b in self.continuous],
        )

    @cached_property
    def mode_starts(self) -> npt.NDArray[np.int64]:
        """``[offset columns]``: index of each continuous block's first mode among all modes."""
        counts = [self.blocks[b].modes for b in self.continuous]
        return (
            np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
            if counts
            else np.zeros(0, np.int64)
        )

    @cached_property
    def conditionable(self) -> npt.NDArray[np.int64]:
        """The blocks that hold categories; all blocks where every column is numeric."""
        nominal = [i for i, b in enumerate(self.blocks) if not b.numeric]
        return np.array(nominal or range(len(self.blocks)), dtype=np.int64)

    @cached_property
    def columns(self) -> dict[str, tuple[int, ...]]:
        """Table column -> indices of its blocks, in order; a constant column has no block and no entry."""
        columns: dict[str, tuple[int, ...]] = {}
        for i, b in enumerate(self.blocks):
            columns[b.column] = (*columns.get(b.column, ()), i)
        return columns

    @cached_property
    def units(self) -> dict[str, tuple[int, ...]]:
        """What one pass of sampling may draw by itself -> indices of its blocks: a column or, as blocks of one pass are
        drawn independently, one part of a column that has several ("city digit 0").
        """
        units: dict[str, tuple[int, ...]] = {}
        for column, blocks in self.columns.items():
            for i in blocks:
                name = column if len(blocks) == 1 else f"{column} {self.blocks[i].part}"
                while name in units or (name in self.columns and name != column):
                    name += "'"
                units[name] = (i,)
        return units


@dataclass(frozen=True)
class Encoded:
    """A table as arrays.

    Attributes:
        codes: Integers ``[rows, blocks]``, each in ``0 .. block.size-1``.
        offsets: float32 ``[rows, continuous blocks]`` in [0, 1]; meaningful only in the rows whose
            code in that block is a mode, 0.5 elsewhere.
        layout: What the columns of both mean.
    """

    codes: Codes
    offsets: Offsets
    layout: Layout

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Any) -> Encoded:
        """The given rows (slice, indices or mask)."""
        return Encoded(self.codes[rows], self.offsets[rows], self.layout)


@dataclass(frozen=True)
class Region:
    """The cells that a column may have, as any of several pieces.

    Attributes:
        blocks: The column's blocks, ``d`` of them.
        codes: ``[pieces, d]``.
        low: ``[pieces]``: where the first block's code is a mode, its least offset; 0 for an atom.
        high: The offset below which that must be; 1 for an atom.
    """

    blocks: tuple[int, ...]
    codes: Codes
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
