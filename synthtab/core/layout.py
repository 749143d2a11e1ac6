"""The words that the pandas side and the torch side share, and what lies where.

An encoded table is two compact arrays: integer codes ``[rows, blocks]`` and float
offsets ``[rows, continuous blocks]``. A `Block` is one discrete variable. Its first
codes are *atoms*: a category, a repeated value, "missing". The others are continuous
*modes*: a row whose code is a mode also has an offset in [0, 1], its position within
the distribution of the mode.

The networks see a block as logits (or a one-hot vector) in a *flat* vector: one *slot*
a code. There, blocks of similar size are padded to one width and stored side by side as
a `Group`. So a softmax over every block is a handful of operations on views ``[rows,
count, width]``, whatever the number of columns. Only `Layout` adds up positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams

# Number of equally spaced offsets at which a block's `curves` are given.
CURVE_POINTS = 33

# A block joins a group if it fills at least this share of the group's width: padding
# takes less than a third of any block, and the groups are few.
LEAST_FILLED = 0.7

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
        values: For a numeric column, the standardised value of each atom (NaN for
            "missing"); empty for any other column.
        curves: For a numeric column and each mode, the standardised values at
            `CURVE_POINTS` equally spaced offsets from 0 to 1.
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


def combination_of(codes: Any, blocks: tuple[int, ...], layout: Layout) -> Any:
    """The codes of some blocks as one number a row, whose digits they are, ``[rows]``.

    Args:
        codes: ``[rows, blocks]``, an array or a tensor.
        blocks: Which of its columns.
        layout: What the columns of ``codes`` mean.
    """
    cell = codes[:, blocks[0]]
    # A code may fill a byte; the number of a combination needs more.
    cell = cell.astype(np.int64) if isinstance(cell, np.ndarray) else cell.long()
    for block in blocks[1:]:
        cell = cell * layout.blocks[block].size + codes[:, block]
    return cell


@dataclass(frozen=True)
class Rule:
    """Blocks whose codes do not all go together: the sampler draws by it.

    A mode may be cut into *pieces*, ranges of its offsets. Then its code stands for as
    many codes, side by side, and those after it move up.

    Attributes:
        blocks: At least two, of two columns or three.
        cells: Combinations of their codes, see `combination_of`.
        never: Whether these are the ones that never occur; if not, all that do.
        free: The share of rows that need not keep to it.
        cuts: For each block, where its modes are cut: the code of the mode plus the
            offset, ascending. Empty if no block is cut.
        strong: Whether it leaves out so much that it is heeded while one of its two
            columns is still unknown: by what this may still be.
    """

    blocks: tuple[int, ...]
    cells: tuple[int, ...] = ()
    never: bool = False
    free: float = 0.0
    cuts: tuple[tuple[float, ...], ...] = ()
    strong: bool = False

    def cuts_of(self, place: int) -> tuple[float, ...]:
        """Where the modes of one of the blocks are cut."""
        return self.cuts[place] if self.cuts else ()

    def sizes(self, layout: Layout) -> tuple[int, ...]:
        """How many codes and pieces each of the blocks has."""
        return tuple(
            layout.blocks[block].size + len(self.cuts_of(place))
            for place, block in enumerate(self.blocks)
        )

    def allowed(self, layout: Layout) -> npt.NDArray[np.bool_]:
        """Which combinations of codes and pieces go together, one axis a block."""
        sizes = self.sizes(layout)
        flat = np.full(int(np.prod(sizes)), self.never)
        flat[list(self.cells)] = not self.never
        allowed = flat.reshape(sizes)
        if self.never:
            return allowed
        # A code of which no combination is known goes with everything.
        strange = np.zeros_like(allowed)
        for axis in range(allowed.ndim):
            others = tuple(i for i in range(allowed.ndim) if i != axis)
            strange |= ~allowed.any(axis=others, keepdims=True)
        return allowed | strange

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        state = {
            "blocks": self.blocks,
            "cells": self.cells,
            "never": self.never,
            "free": self.free,
        }
        if self.cuts:
            state["cuts"] = self.cuts
        if self.strong:
            state["strong"] = True
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Rule:
        """The inverse of `state`."""
        return cls(
            blocks=tuple(int(block) for block in state["blocks"]),
            cells=tuple(int(cell) for cell in state["cells"]),
            never=bool(state["never"]),
            free=float(state["free"]),
            cuts=tuple(tuple(map(float, own)) for own in state.get("cuts", ())),
            strong=bool(state.get("strong", False)),
        )


@dataclass(frozen=True)
class Cross:
    """Blocks whose combinations of codes count as categories of their own.

    Attributes:
        blocks: At least two, without modes.
        cells: Those combinations, as numbers whose digits are the codes.
        unexplained: Other blocks, of which it tells nothing.
    """

    blocks: tuple[int, ...]
    cells: tuple[int, ...] = ()
    unexplained: tuple[int, ...] = ()

    def of(self, codes: Any, layout: Layout) -> Any:
        """The combination of every row of codes, as a number ``[rows]``.

        Args:
            codes: ``[rows, blocks]``, an array or a tensor.
            layout: What the columns of ``codes`` mean.
        """
        return combination_of(codes, self.blocks, layout)

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        # Model files call it "apart".
        return {
            "blocks": self.blocks,
            "cells": self.cells,
            "apart": self.unexplained,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Cross:
        """The inverse of `state`."""
        return cls(
            blocks=tuple(state["blocks"]),
            cells=tuple(state["cells"]),
            unexplained=tuple(state.get("apart", ())),
        )


@dataclass(frozen=True)
class Layout:
    """Which position means what. Immutable; everything is derived from the blocks.

    Attributes:
        blocks: In the order of the columns.
        last: The target of a model: where several passes make a row, it is drawn in the
            last one, given all other columns.
        crosses: Blocks whose combinations count as categories of their own, see
            `synthtab.data.relations.crosses`.
        rules: Blocks whose codes do not all go together, see
            `synthtab.data.relations.rules`.
    """

    blocks: tuple[Block, ...]
    last: str | None = None
    crosses: tuple[Cross, ...] = ()
    rules: tuple[Rule, ...] = ()

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The blocks, largest first; a group ends where padding would waste much."""
        sizes = [block.size for block in self.blocks]
        # Sorting keeps the order of the columns among blocks of one size.
        largest_first = sorted(range(len(sizes)), key=lambda b: -sizes[b])
        members: list[list[int]] = []
        for b in largest_first:
            # The first block of a group is its largest, and gives the width.
            if members and sizes[b] >= LEAST_FILLED * sizes[members[-1][0]]:
                members[-1].append(b)
            else:
                members.append([b])

        groups = []
        start = 0
        for blocks in members:
            group = Group(start, len(blocks), sizes[blocks[0]], tuple(blocks))
            groups.append(group)
            start = group.slice.stop
        return tuple(groups)

    @cached_property
    def width(self) -> int:
        """Length of the flat vector, unused slots included."""
        return self.groups[-1].slice.stop if self.groups else 0

    # -- Positions in the flat vector

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """``[blocks]``: the slot of each block's code 0.

        The slot of another code is ``starts[block] + code``.
        """
        starts = np.zeros(len(self.blocks), dtype=np.int64)
        for group in self.groups:
            starts[list(group.blocks)] = group.start + group.width * np.arange(
                group.count
            )
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
        slot_block = np.zeros(self.width, dtype=np.int64)
        for group in self.groups:
            slot_block[group.slice] = np.repeat(group.blocks, group.width)
        return slot_block

    # -- The same facts of all blocks, as arrays

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """``[blocks]``: number of codes of each block."""
        return np.array([b.size for b in self.blocks], dtype=np.int64)

    @cached_property
    def atoms(self) -> npt.NDArray[np.int64]:
        """``[blocks]``: number of atoms of each block: the code of its first mode."""
        return np.array([b.atoms for b in self.blocks], dtype=np.int64)

    @cached_property
    def continuous(self) -> npt.NDArray[np.int64]:
        """``[offset columns]``: the block of each column of the offsets array."""
        with_modes = [i for i, block in enumerate(self.blocks) if block.modes]
        return np.array(with_modes, dtype=np.int64)

    @cached_property
    def _mode_counts(self) -> list[int]:
        """``[offset columns]``: number of modes of each continuous block."""
        return [self.blocks[b].modes for b in self.continuous]

    @cached_property
    def mode_slots(self) -> npt.NDArray[np.int64]:
        """``[modes]``: the slot of every continuous mode, block by block."""
        slots = [np.zeros(0, dtype=np.int64)]
        for b in self.continuous:
            block = self.blocks[b]
            slots.append(self.starts[b] + block.atoms + np.arange(block.modes))
        return np.concatenate(slots)

    @cached_property
    def mode_offsets(self) -> npt.NDArray[np.int64]:
        """``[modes]``: the column of the offsets array that each mode uses."""
        return np.repeat(np.arange(len(self.continuous)), self._mode_counts)

    @cached_property
    def mode_starts(self) -> npt.NDArray[np.int64]:
        """``[offset columns]``: index of a block's first mode among all modes."""
        counts = np.array(self._mode_counts, dtype=np.int64)
        # All modes up to and with those of the block, without the block's own.
        return np.cumsum(counts) - counts

    # -- Columns

    @cached_property
    def conditionable(self) -> npt.NDArray[np.int64]:
        """The blocks that hold categories; all blocks where every column is numeric."""
        nominal = [i for i, block in enumerate(self.blocks) if not block.numeric]
        return np.array(nominal or range(len(self.blocks)), dtype=np.int64)

    @cached_property
    def columns(self) -> dict[str, tuple[int, ...]]:
        """Table column -> indices of its blocks, in order.

        A constant column has no block, thus no entry.
        """
        columns: dict[str, tuple[int, ...]] = {}
        for i, block in enumerate(self.blocks):
            columns[block.column] = (*columns.get(block.column, ()), i)
        return columns

    @cached_property
    def units(self) -> dict[str, tuple[int, ...]]:
        """What one pass of sampling may draw by itself -> indices of its blocks.

        That is a column or one part of a column that has several ("city digit 0"). The
        blocks of one pass are drawn independently, so parts that depend on each other
        need a pass each.
        """
        units: dict[str, tuple[int, ...]] = {}
        for column, blocks in self.columns.items():
            for i in blocks:
                name = column
                if len(blocks) > 1:
                    name = f"{column} {self.blocks[i].part}"
                # A column may be called "city digit 0", too.
                while name in units or (name in self.columns and name != column):
                    name += "'"
                units[name] = (i,)
        return units


@dataclass(frozen=True)
class Encoded:
    """A table as arrays.

    Attributes:
        codes: Integers ``[rows, blocks]``, each in ``0 .. block.size-1``.
        offsets: float32 ``[rows, continuous blocks]`` in [0, 1]; meaningful only in the
            rows whose code in that block is a mode, 0.5 elsewhere.
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
    """The codes and offsets that a column's cells may have: any of several pieces.

    Attributes:
        blocks: The column's blocks, ``d`` of them.
        codes: ``[pieces, d]``.
        low: ``[pieces]``: where the first block's code is a mode, its least offset; 0
            for an atom.
        high: ``[pieces]``: the offset below which that must be; 1 for an atom.
    """

    blocks: tuple[int, ...]
    codes: Codes
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]


# --------------------------------------------------------------------------------------
# In which order the columns of a row are drawn
#
# The completer draws a row in several *passes*: each pass reveals some blocks, given all
# that the passes before it revealed. A *plan* lists the blocks of every pass. A model is a
# little wrong in every order, and in another way; so rows are made in several orders, each
# for its share of them, and the mixture is better than any of its parts (docs/lab.md).

# Orders of the columns, each for an equal share of the rows.
ORDERS = 8

# The blocks of the layout that each pass reveals, in the order of the passes.
Plan = tuple[tuple[int, ...], ...]


def plans(layout: Layout, passes: int) -> tuple[Plan, ...]:
    """Ways to draw a row in at most ``passes`` passes.

    One way for one pass, else `ORDERS` ways. The orders are random, but the same for every
    model of a layout, and they respect three rules:

    1. What no cross explains comes first. Of the hours of a day, a model would learn by heart
       which ones the training rows have (docs/lab.md).
    2. What is in a cross comes before what the cross explains: the weather of a day is easily
       drawn, the day of some weather is not.
    3. `Layout.last`, the target, comes at the end.

    The blocks of one column follow each other.

    Args:
        layout: Whose blocks.
        passes: The most passes; at least 1.
    """
    passes = min(max(1, passes), max(1, len(layout.units)))
    columns = list(layout.columns.values())
    orders = _orders(layout, several=passes > 1)
    found = []
    for order in orders:
        blocks = [block for column in order for block in columns[column]]
        parts = np.array_split(blocks, passes)
        found.append(tuple(tuple(part.tolist()) for part in parts))
    return tuple(found)


def _orders(layout: Layout, several: bool) -> list[np.ndarray]:
    """Numbers of the columns, in the orders in which `plans` draws them."""
    columns = list(layout.columns.values())
    if several:
        random = Streams(0).numpy("orders")
        orders = [random.permutation(len(columns)) for _ in range(ORDERS)]
    else:
        orders = [np.arange(len(columns))]
    stage = np.array([_stage(layout, blocks) for blocks in columns])
    # A stable sort: within a stage, columns stay in their random order.
    orders = [order[np.argsort(stage[order], kind="stable")] for order in orders]
    if layout.last in layout.columns:
        last = list(layout.columns).index(layout.last)
        orders = [np.append(order[order != last], last) for order in orders]
    return orders


# When a column is drawn, by what crosses say of it.
UNEXPLAINED, IN_A_CROSS, EXPLAINED = 0, 1, 2


def _stage(layout: Layout, blocks: tuple[int, ...]) -> int:
    if not layout.crosses:
        return EXPLAINED
    in_crosses = {b for cross in layout.crosses for b in cross.blocks}
    unexplained = set.intersection(
        *(set(cross.unexplained) for cross in layout.crosses)
    )
    if unexplained.issuperset(blocks):
        return UNEXPLAINED
    return EXPLAINED if in_crosses.isdisjoint(blocks) else IN_A_CROSS


def to_names(layout: Layout, found: Sequence[Plan]) -> list[list[list[str]]]:
    """Plans as plain data: for each plan and pass, the names of the units that it draws."""
    unit_of = {b: name for name, blocks in layout.units.items() for b in blocks}
    return [[[unit_of[b] for b in blocks] for blocks in plan] for plan in found]


def from_names(
    layout: Layout, named: Sequence[Sequence[Sequence[str]]]
) -> tuple[Plan, ...]:
    """The inverse of `to_names`; the name of a column stands for all of its units."""
    blocks_of = {**layout.columns, **layout.units}
    return tuple(
        tuple(tuple(b for name in names for b in blocks_of[name]) for names in plan)
        for plan in named
    )
