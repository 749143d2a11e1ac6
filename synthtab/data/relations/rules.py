"""Rules: which codes of two or three columns go together.

A network gives everything some probability: a species on an island where it never is, a
distance that is another route's. So combinations are counted, and where they say nearly
all, the sampler draws by them (`synthtab.sampling.rules`). Three kinds are found:

    closed      two columns; few combinations have all but 0.5 % of the rows
    determined  a column that two others determine together, and neither alone
    never       two columns; single combinations that chance would make often

Where rows must differ by a rule, chance must break it in many rows, and many times as
often as the table does. Combinations that fewer than ``rare`` rows (or people) have
count as if they never occurred, and are not told from those that do not. So that
exceptions stay possible, a share of the rows is free of the rule: the exceptions of the
table over those of chance. A network that knew nothing would then break it as often as
the table, and a better one less.

A number of which each value repeats can be part of a rule by its values only if each
has a code of its own: `discrete` finds the numbers for which that pays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.layout import Encoded, Layout, Rule, combination_of
from synthtab.core.schema import Schema
from synthtab.data.columns import KINDS
from synthtab.data.columns.disclosure import people_of_values

# Most rows, and most cells, in which rules are looked for.
MOST_ROWS = 100_000
MOST_CELLS = 4_000_000

# Most of the rows that may break a rule.
EXCEPTIONS = 0.005
# Up to so many, if so few rows are the only one of their combination: then few others are
# still to come (Good 1953).
MORE_EXCEPTIONS = 0.015
ALONE = 0.003
# So many rows would break it by chance, and so many times fewer do.
EVIDENCE = 20.0
LIFT = 20.0
# What is told by the combinations that occur excludes such a share of all rows by
# chance; else it is hardly one.
NEVER_BY_CHANCE = 0.05
# Chance would make so many rows of each single combination that never occurs.
OFTEN = 20.0
# Fewer rows than this are not counted as a combination, even where rare ones may be
# stored.
LEAST_ROWS = 5

# Most combinations, seen or not, of the codes of a rule.
MOST_COMBINATIONS = 1_000_000
# Most of all rules together: the sampler holds a number for each of them.
MOST_TOGETHER = 5_000_000
# Columns of fewest codes, two of which may determine another.
PAIRED = 10
MOST_COLUMNS = 60
MOST_RULES = 100
# Most distinct values of a number that get a code each, and rows of each on average.
MOST_VALUES = 500
ROWS_PER_VALUE = 10

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Coded:
    """A column as one number a row.

    Attributes:
        ids: ``[rows]``.
        size: All are below it.
        blocks: Of the layout, whose codes are the digits.
        present: ``[size]``: which of them stand for a cell that is not missing; None
            where that is said of each by itself.
    """

    ids: Ints
    size: int
    blocks: tuple[int, ...] = ()
    present: Mask | None = None


def find_rules(
    rows: Encoded, rare: int = 0, people: Ints | None = None
) -> tuple[Rule, ...]:
    """The rules of training rows, those that exclude most first.

    Args:
        rows: Training rows.
        rare: Combinations that fewer rows have count as if they never occurred.
        people: Whom each row is about, where fewer people are meant.
    """
    layout = rows.layout
    columns = _columns(rows)
    counting = Counting(len(rows), max(rare, LEAST_ROWS), people)
    found: list[tuple[float, Rule]] = []
    determined: set[tuple[int, int]] = set()
    for i, j in combinations(range(len(columns)), 2):
        one, other = columns[i], columns[j]
        if one.size * other.size > MOST_COMBINATIONS:
            continue
        counts, stored = counting.table(one, other)
        for first, second, by_one in ((i, j, counts), (j, i, counts.T)):
            if _follows(by_one):
                determined.add((first, second))
        # Of two columns of numbers, only what is missing is told.
        ranges = is_code_of_modes(layout, one) and is_code_of_modes(layout, other)
        pair = _pair(one, other, counts, stored, blanks_only=ranges)
        if pair is not None:
            found.append(pair)
    for i, j, k in _triples(columns, determined):
        triple = _determined(columns[i], columns[j], columns[k], counting)
        if triple is not None:
            found.append(triple)
    found.sort(key=lambda pair: -pair[0])
    rules = []
    room = MOST_TOGETHER
    for _, rule in found[:MOST_RULES]:
        size = int(np.prod(layout.sizes[list(rule.blocks)]))
        if size <= room:
            room -= size
            rules.append(rule)
    return tuple(rules)


def discrete(
    table: pd.DataFrame, schema: Schema, rare: int, people: Ints | None
) -> frozenset[str]:
    """Names of numbers whose every value should have a code of its own.

    They follow from one or two other columns, or another column follows from them.

    Args:
        table: Typed cells.
        schema: What its columns are.
        rare: See `find_rules`.
        people: See `find_rules`.
    """
    most_rows = min(len(table), sample_size(len(schema.columns)))
    # Evenly spread: a table may be sorted.
    places = np.arange(most_rows) * len(table) // max(1, most_rows)
    chosen = table.iloc[places]
    about = None if people is None else people[places]
    counting = Counting(len(chosen), max(rare, LEAST_ROWS), about)
    names: list[str] = []
    columns: list[Coded] = []
    for column in schema.columns[:MOST_COLUMNS]:
        kind = KINDS[column.kind]
        if kind.invented or column.kind not in ("integer", "float", "category"):
            continue
        ids, values = pd.factorize(chosen[column.name], use_na_sentinel=False)
        many = MOST_VALUES if kind.numeric else len(chosen) // ROWS_PER_VALUE
        if 2 <= len(values) <= min(many, len(chosen) // ROWS_PER_VALUE):
            names.append(column.name)
            columns.append(Coded(ids.astype(np.int64), len(values)))
    numbers = [i for i, name in enumerate(names) if KINDS[schema[name].kind].numeric]
    found: set[int] = set()
    determined: set[tuple[int, int]] = set()
    for i, j in permutations(range(len(columns)), 2):
        is_small = columns[i].size * columns[j].size <= MOST_COMBINATIONS
        if not is_small or not {i, j} & {*numbers}:
            continue
        counts, stored = counting.table(columns[i], columns[j])
        if _follows(counts):
            determined.add((i, j))
            if _closed(counts, stored) is not None:
                found |= {i, j} & {*numbers}
    for i, j, k in _triples(columns, determined):
        if k not in numbers or k in found:
            continue
        if _determined(columns[i], columns[j], columns[k], counting) is not None:
            found |= {i, j, k} & {*numbers}
    return frozenset(names[i] for i in found)


@dataclass(frozen=True, eq=False)
class Counting:
    """How combinations are counted.

    Attributes:
        rows: How many there are.
        least: What fewer rows (or people) have is not stored.
        people: ``[rows]``: whom each is about, or None.
    """

    rows: int
    least: int
    people: Ints | None

    def table(self, one: Coded, other: Coded) -> tuple[Ints, Mask]:
        """``[codes, codes]``: how many rows have which, and which of them may be stored.

        What is so much seldomer than by chance is an exception, however many rows it has.
        """
        cells = one.ids * other.size + other.ids
        shape = (one.size, other.size)
        size = one.size * other.size
        counts = np.bincount(cells, minlength=size)
        holders = counts
        if self.people is not None:
            holders = people_of_values(cells, size, self.people)
        counts = counts.reshape(shape)
        is_common = (holders >= self.least).reshape(shape)
        return counts, is_common & (counts * LIFT > _expected(counts))


def is_code_of_modes(layout: Layout, column: Coded) -> bool:
    """Whether some of the codes stand for ranges of numbers."""
    return any(layout.blocks[b].modes for b in column.blocks)


def _columns(rows: Encoded) -> list[Coded]:
    """The columns of which rules are made."""
    found = []
    for blocks in list(rows.layout.columns.values())[:MOST_COLUMNS]:
        own = [rows.layout.blocks[b] for b in blocks]
        # The parts of a date are no digits of one number.
        if len(blocks) > 1 and any(block.numeric or block.modes for block in own):
            continue
        size = int(np.prod([block.size for block in own]))
        if size > MOST_COMBINATIONS:
            continue
        ids = combination_of(rows.codes, blocks, rows.layout)
        present = None
        if own[0].numeric and np.isnan(own[0].values).any():
            present = np.ones(size, dtype=bool)
            present[: own[0].atoms] = ~np.isnan(own[0].values)
        found.append(Coded(ids, size, tuple(blocks), present))
    return found


def _triples(
    columns: Sequence[Coded], determined: set[tuple[int, int]]
) -> Iterator[tuple[int, int, int]]:
    """Two columns, and a third one that neither of them determines."""
    fewest = sorted(range(len(columns)), key=lambda i: columns[i].size)[:PAIRED]
    for i, j in combinations(sorted(fewest), 2):
        if (i, j) in determined or (j, i) in determined:
            continue
        for k in range(len(columns)):
            known = k in (i, j) or (i, k) in determined or (j, k) in determined
            size = columns[i].size * columns[j].size * columns[k].size
            if not known and size <= MOST_COMBINATIONS:
                yield i, j, k


def _follows(counts: Ints) -> bool:
    """Whether nearly all rows of a code have its commonest one of the other column."""
    return bool(counts.max(axis=1).sum() >= (1 - EXCEPTIONS) * counts.sum())


def _expected(counts: Ints) -> Floats:
    """How many rows would have which codes by chance."""
    rows = max(int(counts.sum()), 1)
    expected: Floats = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / rows
    return expected


def _closed(counts: Ints, stored: Mask) -> float | None:
    """The exceptions of chance, if nearly all rows have a stored combination."""
    # What has no combination at all is left alone.
    told = np.outer(stored.any(axis=1), stored.any(axis=0)) & ~stored
    return _evidence(counts, stored, told)


def _evidence(counts: Ints, stored: Mask, told: Mask) -> float | None:
    """How many rows break a rule by chance, if that is evidence enough.

    Args:
        counts: ``[codes, codes]`` rows.
        stored: Which combinations keep to the rule.
        told: Which break it.
    """
    rows = int(counts.sum())
    exceptions = float(counts[~stored].sum())
    by_chance = float(_expected(counts)[told].sum())
    alone = int((counts == 1).sum())
    most = MORE_EXCEPTIONS if alone <= ALONE * rows else EXCEPTIONS
    is_one = (
        exceptions <= most * rows
        and exceptions * LIFT <= by_chance
        and by_chance >= max(EVIDENCE, NEVER_BY_CHANCE * rows)
    )
    return by_chance if is_one else None


def _pair(
    one: Coded, other: Coded, counts: Ints, stored: Mask, blanks_only: bool
) -> tuple[float, Rule] | None:
    """The rule of two columns, and how many rows chance would have break it."""
    blocks = (*one.blocks, *other.blocks)
    by_chance = None if blanks_only else _closed(counts, stored)
    if by_chance is not None:
        free = float(counts[~stored].sum()) / by_chance
        cells = np.flatnonzero(stored)
        return by_chance, Rule(blocks, tuple(cells.tolist()), free=free)
    never, exceptions, by_chance = _never(counts, stored | blanks_only)
    for of, present in ((never, other.present), (never.T, one.present)):
        if present is not None:
            by_code = counts if of is never else counts.T
            more = _never_present(by_code, present)
            exceptions += float(by_code[more & ~of].sum())
            by_chance += float(_expected(by_code)[more & ~of].sum())
            of |= more
    if not never.any():
        return None
    cells = np.flatnonzero(never)
    free = exceptions / by_chance
    return by_chance, Rule(blocks, tuple(cells.tolist()), never=True, free=free)


def _never(counts: Ints, stored: Mask) -> tuple[Mask, float, float]:
    """Single combinations that never occur; exceptions, and those of chance."""
    expected = _expected(counts)
    often = OFTEN
    while True:
        never = ~stored & (expected >= often)
        exceptions = float(counts[never].sum())
        by_chance = float(expected[never].sum())
        if exceptions * LIFT <= by_chance:
            return never, exceptions, by_chance
        # Only what chance would make oftener still.
        often *= 2


def _never_present(counts: Ints, present: Mask) -> Mask:
    """``[codes, codes]``: codes that have no cell at all in the other column.

    Args:
        counts: ``[codes, codes]`` rows.
        present: Which codes of the other column stand for cells.
    """
    with_cell = counts[:, present].sum(axis=1)
    expected = counts.sum(axis=1) * (with_cell.sum() / max(1, counts.sum()))
    empty = (expected >= OFTEN) & (with_cell < LEAST_ROWS)
    empty &= with_cell * LIFT <= expected
    return np.outer(empty, present)


def _determined(
    one: Coded, other: Coded, third: Coded, counting: Counting
) -> tuple[float, Rule] | None:
    """The rule of a column that two others determine, as `_pair`."""
    pair = Coded(one.ids * other.size + other.ids, one.size * other.size)
    counts, stored = counting.table(pair, third)
    if not _follows(counts):
        return None
    exceptions = float(counts[~stored].sum())
    by_chance = _evidence(counts, stored, ~stored)
    if by_chance is None:
        return None
    blocks = (*one.blocks, *other.blocks, *third.blocks)
    cells = tuple(np.flatnonzero(stored).tolist())
    return by_chance, Rule(blocks, cells, free=exceptions / by_chance)


# --------------------------------------------------------------------------------------
# What else there is to say of rules


def sample_size(columns: int) -> int:
    """Most rows in which the rules of so many columns are looked for."""
    return min(MOST_ROWS, MOST_CELLS // max(1, columns))


def described(rule: Rule, layout: Layout) -> str:
    """A rule in words: "distance follows from origin and dest"."""
    columns = list(dict.fromkeys(layout.blocks[b].column for b in rule.blocks))
    if rule.never:
        names = " and ".join(columns)
        return f"{names}: {len(rule.cells):,} combinations never occur"
    if len(columns) > 2:
        return f"{columns[2]} follows from {columns[0]} and {columns[1]}"
    sizes = [layout.blocks[b].size for b in rule.blocks]
    is_first = [layout.blocks[b].column == columns[0] for b in rule.blocks]
    rest = int(
        np.prod([s for s, first in zip(sizes, is_first, strict=True) if not first])
    )
    first, second = np.divmod(np.array(rule.cells, dtype=np.int64), rest)
    # A range of numbers does not follow, only that there is one.
    ranges = {layout.blocks[b].column for b in rule.blocks if layout.blocks[b].modes}
    if ranges:
        return f"{columns[0]} and {columns[1]}: {len(rule.cells):,} combinations"
    if len(np.unique(first)) == len(first):
        return f"{columns[1]} follows from {columns[0]}"
    if len(np.unique(second)) == len(second):
        return f"{columns[0]} follows from {columns[1]}"
    return f"{columns[0]} and {columns[1]}: {len(rule.cells):,} combinations"


def check_rules(layout: Layout) -> None:
    """See that the rules of a file are about the layout.

    Raises:
        ValueError: They are not, as in a forged file.
    """
    for rule in layout.rules:
        size = 1
        for block in rule.blocks:
            if not 0 <= block < len(layout.blocks):
                raise ValueError(f"a rule of block {block}")
            size *= layout.blocks[block].size
        is_small = size <= MOST_COMBINATIONS
        if not is_small or len(set(rule.blocks)) != len(rule.blocks):
            raise ValueError(f"a rule of {rule.blocks}")
        if rule.cells and not 0 <= min(rule.cells) <= max(rule.cells) < size:
            raise ValueError(f"a rule of combinations beyond {size}")
