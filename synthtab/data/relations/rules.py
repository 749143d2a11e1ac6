"""Rules: which codes of two or three columns go together.

A network gives everything some probability: a species on an island where it never is, a
distance that is another route's. So combinations are counted, and where they say nearly
all, the sampler draws by them (`synthtab.sampling.rules`). Four kinds are found:

    closed      two columns; few combinations have all but 0.5 % of the rows
    determined  a column that two others determine together, and neither alone
    never       two columns; single combinations that chance would make often
    range       a column of numbers, between bounds that depend on another column

Where rows must differ by a rule, chance must break it in many rows, and many times as
often as the table does. Combinations that fewer than ``rare`` rows (or people) have
count as if they never occurred, and are not told from those that do not. So that
exceptions stay possible, a share of the rows is free of the rule: the exceptions of the
table over those of chance. A network that knew nothing would then break it as often as
the table, and a better one less.

No single row decides a bound. It lies beyond the k-th outermost row of a code (of people,
where people count) by so many times the distance from there to the mean of the k
outermost, none of which counts as farther than a fence
(`synthtab.data.columns.disclosure`). Of rows that lie evenly up to a border, twice that
distance is where the first one is expected. How far beyond depends on the tails: those of
a measurement are long, those of places end. One factor for all codes is chosen, the least
with which hardly any row is outside, or hardly more than with the greatest: what is
outside then lies far from all others. Where k rows share the outermost value, it is the
bound: a limit as sharp as the table's. The modes of the numbers are cut into pieces at
the bounds, and some pieces never go with some codes.

A number of which each value repeats can be part of a rule by its values only if each
has a code of its own: `discrete` finds the numbers for which that pays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.layout import Encoded, Layout, Rule, combination_of
from synthtab.core.schema import Schema
from synthtab.data.columns import KINDS
from synthtab.data.columns.disclosure import (
    FARTHEST,
    SPREAD_ROWS,
    people_of_values,
)
from synthtab.data.columns.numbers import UNIT, NumberCodec

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
# A combination is seldom if at most so many rows have it, so many times as many would by
# chance, and one of its codes has at most so many rows.
MOST_SELDOM = 20
ROWS_OF_RARE = 200
SELDOM_LIFT = 8.0
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
# A rule of two columns that such a share of the rows would break by chance is strong.
STRONG = 0.3
# Most distinct values of a number that get a code each, and rows of each on average.
MOST_VALUES = 500
ROWS_PER_VALUE = 10
# The kinds of such numbers, and of what they go with (yes and no are told by a threshold);
# of the rows, so many have a number that is neither missing nor rare.
WITH_VALUES = ("integer", "float", "category")
MOST_TELL = 0.5

# Most rows in which ranges are looked for.
ROWS_OF_RANGES = 20_000
# None of the k outermost rows counts as farther from the k-th than so many times the
# distance from there to the (4 k)-th.
FENCE = 1.0
# By how many times the distance from the k-th outermost row to the mean of those a bound
# may lie beyond it.
REACHES = (2.5, 3.0, 4.0, 6.0, 9.0)
# By chance such a share of all rows lies beyond the bounds of a rule.
LEAST_BY_CHANCE = 0.01
# By chance such a share does beyond the bounds of some codes: then all codes have bounds.
ALL_BY_CHANCE = 0.3
# A reach is long enough if so few of the rows lie outside all bounds together, and so
# many times fewer than by chance.
OUTSIDE = 0.002
OUTSIDE_LIFT = 50.0
# Or so few, and hardly more than with the greatest reach.
NEARLY_OUTSIDE = 0.005
FAR_OUTSIDE = 3.0
# Most places at which the modes of a column are cut for one rule.
MOST_CUTS = 200

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
    rows: Encoded,
    rare: int = 0,
    people: Ints | None = None,
    lines: Sequence[Line] = (),
) -> tuple[Rule, ...]:
    """The rules of training rows, those that exclude most first.

    Args:
        rows: Training rows.
        rare: Combinations that fewer rows have count as if they never occurred.
        people: Whom each row is about, where fewer people are meant.
        lines: Columns of numbers whose ranges may depend on other columns.
    """
    layout = rows.layout
    columns = coded_columns(rows)
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
        pair = _pairs(one, other, counts, stored, blanks_only=ranges)
        found += pair
    for i, j, k in _triples(columns, determined):
        triple = _determined(columns[i], columns[j], columns[k], counting)
        if triple is not None:
            found.append(triple)
    # Of what depends on a range of numbers, a code says little.
    coded = [column for column in columns if not is_code_of_modes(layout, column)]
    for by_chance, rule in range_rules(rows, coded, lines, counting):
        if np.prod(rule.sizes(layout), dtype=np.float64) <= MOST_COMBINATIONS:
            found.append((by_chance, rule))
    found.sort(key=lambda pair: -pair[0])
    rules = []
    room = MOST_TOGETHER
    for by_chance, rule in found[:MOST_RULES]:
        size = int(np.prod(rule.sizes(layout)))
        if size <= room:
            room -= size
            strong = len(rule.blocks) == 2 and by_chance >= STRONG * len(rows)
            rules.append(replace(rule, strong=strong))
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
    is_missing: list[Mask] = []
    for column in schema.columns[:MOST_COLUMNS]:
        kind = KINDS[column.kind]
        if kind.invented or column.kind not in WITH_VALUES:
            continue
        ids, values = pd.factorize(chosen[column.name], use_na_sentinel=False)
        many = MOST_VALUES if kind.numeric else len(chosen) // ROWS_PER_VALUE
        if 2 <= len(values) <= min(many, len(chosen) // ROWS_PER_VALUE):
            names.append(column.name)
            columns.append(Coded(ids.astype(np.int64), len(values)))
            is_missing.append(np.asarray(pd.isna(values), dtype=bool))
    numbers = [i for i, name in enumerate(names) if KINDS[schema[name].kind].numeric]
    found: set[int] = set()
    determined: set[tuple[int, int]] = set()
    for i, j in permutations(range(len(columns)), 2):
        is_small = columns[i].size * columns[j].size <= MOST_COMBINATIONS
        if not is_small or not {i, j} & {*numbers}:
            continue
        one = columns[i]
        if i in numbers and j not in numbers:
            one = _without_rare(one, is_missing[i], counting)
        counts, stored = counting.table(one, columns[j])
        if _values_tell(counts, one.present):
            determined.add((i, j))
            if _closed(counts, stored) is not None:
                found |= {i, j} & {*numbers}
    for i, j, k in _triples(columns, determined):
        if k not in numbers or k in found:
            continue
        if _determined(columns[i], columns[j], columns[k], counting) is not None:
            found |= {i, j, k} & {*numbers}
    return frozenset(names[i] for i in found)


def _values_tell(counts: Ints, present: Mask | None) -> bool:
    """Whether another column follows from a number, where it is neither missing nor rare.

    Args:
        counts: ``[numbers, codes]`` rows.
        present: Which are; None for all.
    """
    if present is None:
        return _follows(counts)
    is_told = counts[present].sum() >= MOST_TELL * counts.sum()
    return bool(is_told and _follows(counts[present]))


def _without_rare(column: Coded, is_missing: Mask, counting: Counting) -> Coded:
    """Numbers that too few rows have as one code, since they get none of their own."""
    holders = np.bincount(column.ids, minlength=column.size)
    if counting.people is not None:
        holders = people_of_values(column.ids, column.size, counting.people)
    is_rare = (holders < counting.least) & ~is_missing
    # The first code is that of all rare ones.
    new = np.where(is_rare, 0, np.cumsum(~is_rare))
    present = np.concatenate([[False], ~is_missing[~is_rare]])
    return Coded(new[column.ids].astype(np.int64), len(present), (), present)


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


def coded_columns(rows: Encoded) -> list[Coded]:
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


def _pairs(
    one: Coded, other: Coded, counts: Ints, stored: Mask, blanks_only: bool
) -> list[tuple[float, Rule]]:
    """The rules of two columns, as `_pair`."""
    pair = _pair(one, other, counts, stored, blanks_only)
    if pair is not None and not pair[1].never:
        # All that is seldom is left out already.
        return [pair]
    seldom = [] if blanks_only else _seldom(one, other, counts, stored)
    return seldom if pair is None else [pair, *seldom]


def _seldom(
    one: Coded, other: Coded, counts: Ints, stored: Mask
) -> list[tuple[float, Rule]]:
    """A rule of single combinations of few rows that chance would make far more often.

    A network does not learn from six rows how seldom they are. The rule does without the
    network in as many of the rows as the table has of chance's.
    """
    expected = _expected(counts)
    few = stored & (counts <= MOST_SELDOM) & (counts * SELDOM_LIFT <= expected)
    few &= expected >= OFTEN
    # Of codes of many rows, networks learn what they go with.
    rare = (counts.sum(axis=1) <= ROWS_OF_RARE)[:, None]
    few &= rare | (counts.sum(axis=0) <= ROWS_OF_RARE)
    if not few.any():
        return []
    by_chance = float(expected[few].sum())
    free = float(counts[few].sum()) / by_chance
    cells = tuple(np.flatnonzero(few).tolist())
    return [
        (by_chance, Rule((*one.blocks, *other.blocks), cells, never=True, free=free))
    ]


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
# Ranges of numbers


@dataclass(frozen=True, eq=False)
class Line:
    """A column of numbers that is one block with modes.

    Attributes:
        block: Its number in the layout.
        codec: What its codes and offsets stand for.
        links: How many codes are between its atoms and its modes that stand for no
            number of their own.
    """

    block: int
    codec: NumberCodec
    links: int = 0

    @property
    def first_mode(self) -> int:
        """The code of the first mode."""
        return self.codec.first_mode + self.links

    @property
    def modes(self) -> int:
        """Number of modes."""
        return len(self.codec.tables)

    @property
    def of_atoms(self) -> Floats:
        """``[codes before the modes]``: their numbers, NaN for what is none."""
        values = np.full(self.first_mode, np.nan)
        values[: len(self.codec.atoms)] = self.codec.atoms
        return values

    def values(self, rows: Encoded) -> Floats:
        """``[rows]``: the numbers, NaN where there is none."""
        codes = rows.codes[:, self.block].astype(np.int64)
        values = np.full(len(codes), np.nan)
        is_atom = codes < self.first_mode
        values[is_atom] = self.of_atoms[codes[is_atom]]
        inner = codes[~is_atom] - self.links
        offsets = self.offsets(rows)[~is_atom]
        values[~is_atom], _ = self.codec.decode(inner, offsets)
        return values

    def offsets(self, rows: Encoded) -> Floats:
        """``[rows]``: the offsets."""
        column = rows.layout.continuous.tolist().index(self.block)
        return rows.offsets[:, column].astype(np.float64)

    def position(self, mode: int, bounds: Floats, above: bool) -> Ints:
        """The first offset, in 1 / UNIT, whose number reaches each bound; else UNIT.

        Args:
            mode: Number of the mode.
            bounds: ``[n]``; not NaN.
            above: Whether a number must be above a bound, rather than at least that.
        """
        low = np.zeros(len(bounds), dtype=np.int64)
        high = np.full(len(bounds), UNIT, dtype=np.int64)
        code = np.full(len(bounds), self.codec.first_mode + mode)
        while (low < high).any():
            middle = (low + high) // 2
            at = np.minimum(middle, UNIT - 1) / UNIT
            numbers, _ = self.codec.decode(code, at)
            reached = (numbers > bounds) if above else (numbers >= bounds)
            searching = low < high
            high = np.where(searching & reached, middle, high)
            low = np.where(searching & ~reached, middle + 1, low)
        return low


def range_rules(
    rows: Encoded,
    columns: Sequence[Coded],
    lines: Sequence[Line],
    counting: Counting,
) -> Iterator[tuple[float, Rule]]:
    """The ranges of columns of numbers, and how many rows chance would have break each.

    Args:
        rows: Training rows.
        columns: What ranges may depend on.
        lines: The columns of numbers.
        counting: Of how many rows, or people, none is told.
    """
    least = counting.least
    people = counting.people
    # The rows of all other rules, for each that is looked at.
    scale = max(1.0, len(rows) / ROWS_OF_RANGES)
    if len(rows) > ROWS_OF_RANGES:
        # Evenly spread: a table may be sorted.
        places = np.arange(ROWS_OF_RANGES) * len(rows) // ROWS_OF_RANGES
        rows = rows.take(places)
        columns = [replace(column, ids=column.ids[places]) for column in columns]
        people = None if people is None else people[places]
    for line in lines:
        values = line.values(rows)
        by_value = np.argsort(values, kind="stable")
        # NaN comes last.
        by_value = by_value[: int(np.isfinite(values).sum())]
        if len(by_value) < SPREAD_ROWS * least:
            continue
        for column in columns:
            if line.block in column.blocks:
                continue
            outer = Outer.of(column, values, by_value, least, people)
            bounds, far = _bounds(outer)
            if bounds is not None:
                by_chance, rule = _rule(rows, column, line, bounds, far)
                yield scale * by_chance, rule


@dataclass(frozen=True, eq=False)
class Outer:
    """The outermost numbers of each code.

    Attributes:
        rows: ``[codes]``: how many have a number.
        everything: All numbers, ascending.
        told: ``[codes]``: which have rows enough.
        first: ``[2, codes]``: the least, and the opposite of the greatest, of the codes
            that are told; so all bounds are lower ones. NaN for others, as below.
        kth: ``[2, codes]``: of the k-th row from there.
        mean: ``[2, codes]``: the mean of those up to there, moved to a fence where they
            are farther.
        median: ``[2, codes]``.
        sorted: The numbers by code, and then ascending.
    """

    rows: Ints
    everything: Floats
    told: Mask
    first: Floats
    kth: Floats
    mean: Floats
    median: Floats
    sorted: Floats

    @classmethod
    def of(
        cls,
        column: Coded,
        values: Floats,
        by_value: Ints,
        least: int,
        people: Ints | None,
    ) -> Outer:
        """From codes, numbers, and the rows that have one in ascending order."""
        ids, size = column.ids, column.size
        order, rows = _by_code(ids, size, by_value)
        starts = np.cumsum(rows) - rows
        cells = values[order]
        has_rows = rows >= SPREAD_ROWS * least
        median = np.full(size, np.nan)
        median[has_rows] = cells[(starts + rows // 2)[has_rows]]
        ends = []
        for way in (1, -1):
            own, own_rows = order, rows
            if people is not None:
                outermost = _once(ids, people, by_value[::way])[::way]
                own, own_rows = _by_code(ids, size, outermost)
            begin = np.cumsum(own_rows) - own_rows
            if way < 0:
                begin += own_rows - 1
            told = own_rows >= SPREAD_ROWS * least
            ranks = np.arange(SPREAD_ROWS * least)[:, None]
            outer = np.full((len(ranks), size), np.nan)
            outer[:, told] = way * values[own[begin[told] + way * ranks]]
            kth = outer[least - 1]
            with np.errstate(over="ignore", invalid="ignore"):
                reach = FENCE * (outer[-1] - kth)
                fence = kth - np.minimum(reach, FARTHEST * (way * median - kth))
            mean = np.maximum(outer[:least], fence).mean(axis=0)
            ends.append(np.stack([outer[0], kth, mean]))
        first, kth, mean = np.stack(ends, axis=1)
        told = ~np.isnan(first).any(axis=0)
        median[~told] = np.nan
        medians = np.stack([median, -median])
        return cls(rows, values[by_value], told, first, kth, mean, medians, cells)

    def by_chance(self, bounds: Floats) -> Floats:
        """``[2, codes]``: rows that chance would have beyond bounds; NaN says nothing.

        Args:
            bounds: ``[2, codes]``, as `first` is.
        """
        low, high = bounds[0], -bounds[1]
        below = np.searchsorted(self.everything, low, "left")
        above = len(self.everything) - np.searchsorted(self.everything, high, "right")
        share = np.stack([below, above]) / len(self.everything)
        return np.where(np.isnan(bounds), 0.0, self.rows * share)

    def beyond(self, bounds: Floats) -> Floats:
        """``[2, codes]``: how many rows lie beyond bounds, see `by_chance`."""
        low, high = bounds[0], -bounds[1]
        size = len(self.rows)
        code = np.repeat(np.arange(size), self.rows)
        with np.errstate(invalid="ignore"):
            outside = self.sorted < low[code], self.sorted > high[code]
        counts = [np.bincount(code[out], minlength=size) for out in outside]
        return np.stack(counts).astype(np.float64)


def _by_code(ids: Ints, size: int, order: Ints) -> tuple[Ints, Ints]:
    """Rows by code, those of a code in their order; and how many each code has."""
    # Of narrow numbers a stable sort takes a pass or two.
    narrow = ids[order].astype(np.min_scalar_type(max(size - 1, 0)))
    by_code = order[np.argsort(narrow, kind="stable")]
    return by_code, np.bincount(narrow, minlength=size)


def _once(ids: Ints, people: Ints, order: Ints) -> Ints:
    """Of the rows that a person has of one code, the first in an order."""
    count = int(people.max(initial=0)) + 1
    _, first = np.unique(ids[order] * count + people[order], return_index=True)
    return order[np.sort(first)]


def _bounds(outer: Outer) -> tuple[Floats | None, float]:
    """``[2, codes]``: lower bounds, and the opposites of upper ones; NaN for none.

    Returns:
        The bounds, None if there is none at all; and how many rows are outside however
        far the bounds reach.
    """
    if not outer.told.any():
        return None, 0.0
    found = None
    shared = outer.first == outer.kth
    tried = []
    for reach in REACHES:
        with np.errstate(over="ignore", invalid="ignore"):
            margin = np.minimum(
                reach * (outer.kth - outer.mean),
                FARTHEST * (outer.median - outer.kth),
            )
            bounds = np.where(shared, outer.kth, outer.kth - margin)
        bounds[~np.isfinite(bounds)] = np.nan
        tried.append(bounds)
    farthest = float(outer.beyond(tried[-1]).sum())
    for bounds in tried:
        by_chance = outer.by_chance(bounds)
        says = by_chance >= OFTEN
        if by_chance[says].sum() < LEAST_BY_CHANCE * len(outer.sorted):
            # With a longer reach there are fewer still.
            break
        outside = outer.beyond(bounds)
        says &= outside * LIFT <= by_chance
        if by_chance[says].sum() >= ALL_BY_CHANCE * len(outer.sorted):
            says = by_chance > 0
        if by_chance[says].sum() < LEAST_BY_CHANCE * len(outer.sorted):
            continue
        found = np.where(says, bounds, np.nan)
        exceptions = float(outside[says].sum())
        few = exceptions <= OUTSIDE * len(outer.sorted)
        # Those who are outside anyway are no tail.
        nearly_few = exceptions <= NEARLY_OUTSIDE * len(outer.sorted)
        few |= nearly_few and exceptions <= FAR_OUTSIDE * farthest
        if few and exceptions * OUTSIDE_LIFT <= float(by_chance[says].sum()):
            break
    return found, farthest


def _rule(
    rows: Encoded, column: Coded, line: Line, bounds: Floats, far: float
) -> tuple[float, Rule]:
    """Bounds as a rule, and how many rows would break it by chance.

    Args:
        rows: Training rows.
        column: What the range depends on.
        line: The column of numbers.
        bounds: See `_bounds`.
        far: The rows that are exceptions; others outside are but a little beyond.
    """
    told = np.flatnonzero(~np.isnan(bounds).all(axis=0))
    low = np.where(np.isnan(bounds[0]), -np.inf, bounds[0])[told]
    high = np.where(np.isnan(bounds[1]), np.inf, -bounds[1])[told]
    of_atoms = line.of_atoms
    with np.errstate(invalid="ignore"):
        never = (of_atoms < low[:, None]) | (of_atoms > high[:, None])
    parts = [never]
    cuts: list[float] = []
    most = max(1, MOST_CUTS // line.modes)
    for mode in range(line.modes):
        begin = line.position(mode, low, above=False)
        end = line.position(mode, high, above=True)
        own = np.unique(np.concatenate([begin, end]))
        own = own[(own > 0) & (own < UNIT)]
        if len(own) > most:
            own = own[np.linspace(0, len(own) - 1, most).round().astype(np.int64)]
        edges = np.concatenate([[0], own, [UNIT]])
        # Where some cuts are left out, pieces that are partly within stay.
        is_low = edges[None, 1:] <= begin[:, None]
        is_high = edges[None, :-1] >= end[:, None]
        parts.append(is_low | is_high)
        cuts += (line.first_mode + mode + own / UNIT).tolist()
    never = np.concatenate(parts, axis=1)
    pieces = never.shape[1]
    cells = (told[:, None] * pieces + np.arange(pieces))[never]

    # How many rows have which code and piece.
    key = rows.codes[:, line.block] + line.offsets(rows).clip(max=1 - 1 / UNIT)
    ends = np.sort(np.concatenate([np.arange(1, pieces - len(cuts)), cuts]))
    piece = np.searchsorted(ends, key, side="right")
    size = column.size
    counts = np.bincount(column.ids * pieces + piece, minlength=size * pieces)
    counts = counts.reshape(size, pieces)
    exceptions = min(far, float(counts.ravel()[cells].sum()))
    by_chance = float(_expected(counts).ravel()[cells].sum())
    rule = Rule(
        (*column.blocks, line.block),
        tuple(cells.tolist()),
        never=True,
        free=min(1.0, exceptions / max(by_chance, 1.0)),
        cuts=(*((),) * len(column.blocks), tuple(cuts)),
    )
    return by_chance, rule


# --------------------------------------------------------------------------------------
# What else there is to say of rules


def sample_size(columns: int) -> int:
    """Most rows in which the rules of so many columns are looked for."""
    return min(MOST_ROWS, MOST_CELLS // max(1, columns))


def described(rule: Rule, layout: Layout) -> str:
    """A rule in words: "distance follows from origin and dest"."""
    columns = list(dict.fromkeys(layout.blocks[b].column for b in rule.blocks))
    if rule.cuts and len(columns) > 2:
        return (
            f"{columns[1]} and {columns[2]} lie on the same sides of two limits, as "
            f"{columns[0]} says"
        )
    if rule.cuts:
        return f"{columns[-1]} lies within a range that depends on {columns[0]}"
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
        for block in rule.blocks:
            if not 0 <= block < len(layout.blocks):
                raise ValueError(f"a rule of block {block}")
        if rule.cuts and len(rule.cuts) != len(rule.blocks):
            raise ValueError(f"a rule of {rule.blocks} with {len(rule.cuts)} cuts")
        for place, block in enumerate(rule.blocks):
            cuts = np.array(rule.cuts_of(place))
            own = layout.blocks[block]
            in_modes = (cuts > own.atoms) & (cuts < own.size)
            if not in_modes.all() or not (np.diff(cuts) > 0).all():
                raise ValueError(f"a rule that cuts block {block} elsewhere")
        sizes = rule.sizes(layout)
        size = float(np.prod(sizes, dtype=np.float64))
        is_small = size <= MOST_COMBINATIONS
        if not is_small or len(set(rule.blocks)) != len(rule.blocks):
            raise ValueError(f"a rule of {rule.blocks}")
        if rule.cells and not 0 <= min(rule.cells) <= max(rule.cells) < size:
            raise ValueError(f"a rule of combinations beyond {size}")
