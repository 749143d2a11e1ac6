"""Which columns are tied to which, and which of these ties did the synthetic rows lose?

The strength of a tie is the bias-corrected V of Cramér (Bergsma 2013) on a coarse
two-way table: 0 = independent, 1 = one column says all about the other. Rows in which a
cell of the pair is missing do not count; that a cell is missing is an item of its own,
so that missing cells can be tied, too.

All pairs are counted at once. Every item is cut into few levels and written one-hot, a
column of 0 and 1 for each level; the product of that matrix with itself holds the
two-way tables of all pairs as blocks (`CoarseColumns.counts`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats, Integers, known
from synthtab.evaluation.metric import (
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.metrics import timestamps
from synthtab.evaluation.metrics.timestamps import Part
from synthtab.evaluation.views import Tables, View

MAX_ROWS = 20_000
LEAST_TABULATED_ROWS = 1_000
# Multiplications for one table: fewer rows are read where there are very many levels.
MULTIPLICATIONS = 3e10
# A number is cut at its octiles.
BINS = 8
# Categories of a column that stay apart, and the fewest rows for one to stay: a share,
# but no more than 20 rows, or a tenth of a small table.
CATEGORIES = 11
RARE_SHARE = 0.01
RARE_ROWS = 20
FLOOR_DRAWS = 5
# Ties in the detail, and of a detached column.
LISTED = 20
LISTED_OF_DETACHED = 5

# A weaker tie is not worth a word.
CLEAR = 0.1
# Standard errors from which a difference is no chance, and from which there is a tie.
SURE = 4.0
TIED = 3.0
# What is found is found again among random parts of all rows: so many of them, the
# standard deviations from which a change is no luck, partners of a column, and pairs.
PARTS_DRAWN = 60
PARTS_SURE = 4.5
TRIED_PARTNERS = 8
TRIED_PAIRS = 40
# A tie is broken if less than this share of its strength is left.
BROKEN = 0.6
# An item is detached if less than this share of all of its ties together is left.
DETACHED = 0.5

# Parts of dates, and their levels: hours come in eights of a day.
PARTS_OF_DATES = {
    timestamps.MONTH: 12,
    timestamps.WEEKDAY: 7,
    timestamps.HOUR: 8,
}
# So many times must a date come around for its parts to be items.
LAPS = 1.5

Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def association_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over all pairs of items of |V - V'|, real and synthetic, times 100.

    V is Cramér's, bias-corrected (Bergsma 2013). A number is cut at its real octiles,
    with repeated values by themselves; categories under 1 % are one. From 0, which is
    best, to 100. The detail names the columns that follow no other any more, and the
    pairs that broke.
    """
    ties = of(tables, streams)
    comparable = ties.comparable
    if not comparable.any():
        raise Skip("no two columns vary")
    difference = 100 * np.abs(ties.real - ties.synthetic)
    detached, broken = ties.lost()
    return Outcome(
        float(difference[comparable].mean()),
        Reference(_floor(ties, tables, streams), PERFECT_SAMPLER),
        # Each pair stands in the matrix twice.
        n=int(comparable.sum()) // 2,
        detail={
            "detached": detached,
            "broken": broken[:LISTED],
            "number broken": len(broken),
            "invented": ties.invented()[:LISTED],
        },
    )


def of(tables: Tables, streams: Streams) -> Ties:
    """The ties of both tables, computed once."""
    return tables.once(f"ties {streams.seed}", lambda: Ties(tables, streams))


def _floor(ties: Ties, tables: Tables, streams: Streams) -> float:
    """What a perfect sampler scores: by how much two halves of the real rows differ.

    They differ by chance alone. A bootstrap would repeat rows, which looks like a tie.
    """
    half = len(ties.rows) // 2
    # Two halves of h rows differ by √(2/h) times a constant, and two tables of n and m
    # rows by √(1/n + 1/m) times that.
    chance = 1 / len(tables.real) + 1 / len(tables.synthetic)
    scale = math.sqrt(chance * max(half, 1) / 2)
    floors = []
    for draw in range(FLOOR_DRAWS):
        rng = streams.numpy("association floor", draw)
        order = rng.permutation(len(ties.rows))
        one = ties.strengths(ties.rows.take(order[:half]))
        other = ties.strengths(ties.rows.take(order[half:]))
        difference = 100 * np.abs(one - other)[ties.comparable].mean()
        floors.append(min(float(difference) * scale, 100.0))
    return float(np.mean(floors))


class Ties:
    """Strengths of the ties between items, in both tables.

    The items are the columns in the order of `Tables.names`, then the missing cells of
    those columns that have enough of them, then the months, weekdays and hours of dates.

    Attributes:
        coding: How the columns become levels.
        rows: The real rows that were read.
        other: The synthetic ones.
        real: Strengths in the real table ``[items, items]``.
        synthetic: The same of the synthetic table.
        noise: Standard error of a difference of two strengths ``[items, items]``: that
            under independence or, where it is larger, that of these tables. What rests
            on the few rows of a rare level is known no better than from these.
        comparable: Which pairs can be compared: two different columns that vary.
    """

    def __init__(self, tables: Tables, streams: Streams) -> None:
        self.coding = CoarseColumns(tables)
        affordable = MULTIPLICATIONS / max(self.coding.width, 1) ** 2
        limit = int(min(MAX_ROWS, max(affordable, LEAST_TABULATED_ROWS)))
        self.rows = tables.real.some(limit, streams.numpy("association, real"))
        self.other = tables.synthetic.some(
            limit, streams.numpy("association, synthetic")
        )
        counts = self.coding.counts(self.rows)
        self.real, real_rows, levels = self.coding.strengths(counts)
        luck = self.coding.luck(counts, self.real)
        counts = self.coding.counts(self.other)
        self.synthetic, synthetic_rows, _ = self.coding.strengths(counts)
        luck_beside = self.coding.luck(counts, self.synthetic)
        self.noise = np.sqrt(
            np.maximum(luck, 1 / np.maximum(real_rows, 1))
            + np.maximum(luck_beside, 1 / np.maximum(synthetic_rows, 1))
        )
        owner = np.array(self.coding.owners)
        different_columns = owner[:, None] != owner
        both_vary = np.minimum(levels, levels.T) > 1
        self.comparable = different_columns & both_vary
        self._streams = streams

    def strengths(self, view: View) -> Matrix:
        """Strengths of the ties among some rows ``[items, items]``."""
        return self.coding.strengths(self.coding.counts(view))[0]

    def lost(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Items that follow none of the others any more, and pairs that broke.

        An item that lost its ties shows it in every pair. The one that lost most is
        named first, and its pairs are then no longer held against its partners, until
        no such item is left. Broken pairs are those between other items.
        """
        open_pairs = self.comparable & (self.real > TIED * self.noise)
        detached = []
        doubtful: list[int] = []
        while True:
            worst = self._most_detached(open_pairs, doubtful)
            if worst is None:
                break
            strongest = np.argsort(-self.real[worst], kind="stable")
            partners = [int(j) for j in strongest if open_pairs[worst, j]]
            if not self._is_sure(worst, partners[:TRIED_PARTNERS]):
                doubtful.append(worst)
                continue
            ties = []
            for j in partners[:LISTED_OF_DETACHED]:
                tie = {"column": self._name(j), "owner": self.coding.owners[j]}
                ties.append({**tie, **self._figures(worst, j)})
            detached.append(
                {
                    "column": self.coding.items[worst].column,
                    "missing": bool(self.coding.missing[worst]),
                    "ties": ties,
                }
            )
            open_pairs[worst] = False
            open_pairs[:, worst] = False
        fall = self.real - self.synthetic
        little_left = self.synthetic < BROKEN * self.real
        broken = open_pairs & (fall > self._clear) & little_left
        return detached, list(self._sure_pairs(broken, fall))

    def _is_sure(self, item: int, partners: Sequence[int]) -> bool:
        """Whether an item's ties changed by more than those of random parts do.

        All rows are cut in two at random, as large as the tables: what rests on the few
        rows of a rare level changes as much as it does there.
        """
        if not partners:
            return False
        items = [self.coding.items[j] for j in (item, *partners)]
        levels = [
            np.concatenate([one.levels(self.rows), one.levels(self.other)])
            for one in items
        ]
        others = [
            _PairOf(levels[0], beside, items[0].size, one.size)
            for beside, one in zip(levels[1:], items[1:], strict=True)
        ]
        size, whole = len(self.rows), len(levels[0])
        order = np.arange(whole)
        measured = self._change(others, order, size)
        rng = self._streams.numpy("ties of random parts", item)
        by_luck = []
        for _ in range(PARTS_DRAWN):
            by_luck.append(self._change(others, rng.permutation(whole), size))
        luck = np.array(by_luck)
        spread = float(np.sqrt((luck**2).mean()))
        return bool(
            abs(measured) > PARTS_SURE * spread and abs(measured) > abs(luck).max()
        )

    @staticmethod
    def _change(pairs: Sequence[_PairOf], order: Any, size: int) -> float:
        """How much stronger ties are in the first rows of the order than in the others."""
        one, other = order[:size], order[size:]
        return sum(pair.strength(one) - pair.strength(other) for pair in pairs)

    def _sure_pairs(self, which: Mask, size: Matrix) -> Iterator[dict[str, Any]]:
        """`_pairs` that changed by more than those of random parts."""
        i, j = np.nonzero(np.triu(which))
        sure = np.zeros_like(which)
        for k in np.argsort(-size[i, j], kind="stable")[:TRIED_PAIRS]:
            a, b = int(i[k]), int(j[k])
            sure[a, b] = self._is_sure(a, [b])
        yield from self._pairs(sure, size)

    def _most_detached(
        self, open_pairs: Mask, doubtful: Sequence[int] = ()
    ) -> int | None:
        """The detached item that lost most; None if there is none."""
        strength = (self.real * open_pairs).sum(axis=1)
        left = (self.synthetic * open_pairs).sum(axis=1)
        loss = strength - left
        chance = SURE * np.sqrt((self.noise**2 * open_pairs).sum(axis=1))
        strongest = (self.real * open_pairs).max(axis=1, initial=0.0)
        # Of two columns that only had each other nobody can say which went astray: that
        # is a broken pair. Missing cells are compared with columns alone.
        partners = open_pairs.sum(axis=1)
        enough_partners = partners >= np.where(self.coding.missing, 1, 2)
        detached = (
            (loss > chance)
            & (left < DETACHED * strength)
            & (strongest > CLEAR)
            & enough_partners
        )
        detached[list(doubtful)] = False
        if not detached.any():
            return None
        return int(np.argmax(np.where(detached, loss, -1.0)))

    def invented(self) -> list[dict[str, Any]]:
        """Pairs that are tied in the synthetic table alone, or much more closely."""
        rise = self.synthetic - self.real
        much_closer = self.real < BROKEN * self.synthetic
        invented = self.comparable & (rise > self._clear) & much_closer
        return list(self._sure_pairs(invented, rise))

    @cached_property
    def _clear(self) -> Matrix:
        """From which difference on a pair is worth a word, and no chance."""
        return np.maximum(CLEAR, SURE * self.noise)

    def _pairs(self, which: Mask, size: Matrix) -> Iterator[dict[str, Any]]:
        """The marked pairs, those of the largest size first."""
        # Above the diagonal: each pair once.
        i, j = np.nonzero(np.triu(which))
        for k in np.argsort(-size[i, j], kind="stable"):
            a, b = int(i[k]), int(j[k])
            columns = [self._name(a), self._name(b)]
            owners = [self.coding.owners[a], self.coding.owners[b]]
            yield {"columns": columns, "owners": owners, **self._figures(a, b)}

    def _figures(self, a: int, b: int) -> dict[str, float]:
        """Both strengths of a pair."""
        return {
            "real": float(self.real[a, b]),
            "synthetic": float(self.synthetic[a, b]),
        }

    def _name(self, item: int) -> str:
        return self.coding.items[item].name


@dataclass(frozen=True)
class _PairOf:
    """Two items in all rows of both tables.

    Attributes:
        one: Levels of the first ``[rows]``; -1 where missing.
        other: Those of the second.
        size: Number of levels of the first.
        size_beside: The same of the second.
    """

    one: Integers
    other: Integers
    size: int
    size_beside: int

    def strength(self, rows: Any) -> float:
        """Cramér's V of the pair in some rows, as in `CoarseColumns.strengths`."""
        one, other = self.one[rows], self.other[rows]
        there = (one >= 0) & (other >= 0)
        cell = one[there].astype(np.int64) * self.size_beside + other[there]
        counts = np.bincount(cell, minlength=self.size * self.size_beside)
        table = counts.reshape(self.size, self.size_beside).astype(np.float64)
        table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
        a, b = table.shape
        n = table.sum()
        if min(a, b) < 2:
            return 0.0
        margins = table.sum(axis=1)[:, None] * table.sum(axis=0)
        phi_squared = (
            float((table**2 / margins).sum()) - 1 - (a - 1) * (b - 1) / (n - 1)
        )
        smallest = min(a - (a - 1) ** 2 / (n - 1), b - (b - 1) ** 2 / (n - 1)) - 1
        return min(math.sqrt(max(phi_squared, 0.0) / smallest), 1.0)


@dataclass(frozen=True)
class _Item:
    """One column as few levels, or the missing cells of one.

    Attributes:
        owner: Name of the column.
        missing: Whether the item is about its missing cells: levels 0 (there) and 1.
        numeric: Whether the column is one of `View.numbers`.
        position: Which one there, or of `View.codes`.
        size: Number of levels.
        table: Smallest value of every level of a number but the first, or level of each
            code of a category.
        absent: The code of a category that means missing.
        part: What of a date, such as its weekday; None for the column itself.
        per_day: Numbers of a day, where there is a part.
    """

    owner: str
    missing: bool
    numeric: bool
    position: int
    size: int
    table: Any
    absent: int = 0
    part: Part | None = None
    per_day: int = 1

    @property
    def name(self) -> str:
        """What a report calls it."""
        if self.part is not None:
            return f"{self.part.rule} of {self.owner}"
        return f"missing {self.owner}" if self.missing else self.owner

    @property
    def column(self) -> str:
        """The same without a word of missing cells."""
        return self.owner if self.missing else self.name

    def levels(self, view: View) -> Integers:
        """Levels of a table's rows; -1 where the cell is missing."""
        levels: Any
        if self.numeric:
            numbers = view.numbers[:, self.position]
            gone = np.isnan(numbers)
            if self.part is not None:
                filled = np.where(gone, 0.0, numbers)
                of_part = self.part.levels(filled, self.per_day)
                return np.where(gone, -1, of_part * self.size // self.part.size).astype(
                    np.int32
                )
            levels = np.searchsorted(self.table, numbers, side="right")
        else:
            codes = view.codes[:, self.position]
            gone = codes == self.absent
            levels = self.table[codes]
        if self.missing:
            return gone.astype(np.int32)
        return np.where(gone, -1, levels).astype(np.int32)


class CoarseColumns:
    """How the columns become few levels each: as the real table says, in any table.

    Attributes:
        items: The items: first one for each column, then those of missing cells, then
            those of parts of dates.
        owners: Of each item, the column that it is about.
        missing: Of each item, whether it is about missing cells.
        width: Number of levels of all items together.
    """

    def __init__(self, tables: Tables) -> None:
        real = tables.real
        columns = []
        for j, name in enumerate(tables.numeric):
            columns.append(_number(real.numbers[:, j], name, j))
        for j, name in enumerate(tables.categorical):
            columns.append(_category(real.codes[:, j], name, j, tables.sizes[j]))
        gaps = []
        for column in columns:
            gone = int((column.levels(real) < 0).sum())
            there = len(real) - gone
            # Of fewer rows on either side no tie can be seen.
            if min(gone, there) >= RARE_ROWS:
                gaps.append(replace(column, missing=True, size=2))
        self.items = columns + gaps + list(_parts_of_dates(tables))
        self.owners = tuple(item.owner for item in self.items)
        self.missing = np.array([item.missing for item in self.items], dtype=bool)
        sizes = [item.size for item in self.items]
        # Where the levels of each item start among all levels.
        self._starts = np.cumsum([0, *sizes])[:-1]
        self.width = sum(sizes)

    def counts(self, view: View) -> Matrix:
        """The two-way tables of all pairs in one matrix ``[levels, levels]``.

        These are sums of 0 and 1, exact in single precision up to 16,777,216 rows, thus
        the same on every machine.
        """
        one_hot = np.zeros((len(view), self.width), dtype=np.float32)
        for start, item in zip(self._starts, self.items, strict=True):
            levels = item.levels(view)
            # A row whose cell is missing is 0 everywhere, thus counts for no pair.
            there = np.flatnonzero(levels >= 0)
            one_hot[there, start + levels[there]] = 1.0
        return (one_hot.T @ one_hot).astype(np.float64)

    def strengths(self, counts: Matrix) -> tuple[Matrix, Matrix, Matrix]:
        """V of every pair of items, and what it rests on, each ``[items, items]``.

        Bergsma's V: with φ² = χ²/n of an a x b table, φ̃² = max(φ² - (a-1)(b-1)/(n-1),
        0), ã = a - (a-1)²/(n-1), and b̃ likewise, V = √(φ̃² / (min(ã, b̃) - 1)).

        Returns:
            V; the rows in which both items are there; the number of levels of the item
            of the row of the matrix that occur in those rows.
        """

        def blocks(matrix: Matrix, axis: int) -> Matrix:
            """Sums over the levels of each item."""
            return np.add.reduceat(matrix, self._starts, axis=axis)

        # Of a level, over the rows in which the other item is there: [levels, items].
        sums = blocks(counts, 1)
        rows = blocks(sums, 0)
        levels = blocks((sums > 0).astype(np.float64), 0)
        sizes = [item.size for item in self.items]
        # The same for every level of the other item: [levels, levels].
        margins = np.repeat(sums, sizes, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            # χ²/n + 1 is the sum of the squared counts over the product of both sums.
            shares = np.where(counts > 0, counts**2 / (margins * margins.T), 0.0)
            chi_squared = blocks(blocks(shares, 1), 0) - 1
            n_less_one = np.maximum(rows, 2) - 1
            by_chance = (levels - 1) * (levels.T - 1) / n_less_one
            phi_squared = np.maximum(chi_squared - by_chance, 0.0)
            corrected = levels - (levels - 1) ** 2 / n_less_one
            largest = np.minimum(corrected, corrected.T) - 1
            strengths = np.sqrt(phi_squared / largest)
        both_vary = np.minimum(levels, levels.T) > 1
        strengths = np.where(both_vary & np.isfinite(strengths), strengths, 0.0)
        # The two halves of the matrix are equal but for rounding.
        symmetric = np.minimum((strengths + strengths.T) / 2, 1.0)
        return symmetric, rows, levels

    def luck(self, counts: Matrix, strengths: Matrix) -> Matrix:
        """Variance of each strength by the delta method ``[items, items]``.

        φ² + 1 is Σ p² / (r c) over the cells, with the sums r of their rows and c of
        their columns. It changes with a cell's p by g = 2p / (r c) - Σ p² / (r² c) over
        its row - Σ p² / (r c²) over its column, so that it varies by the variance of g
        over the rows of the table, divided by their number; V by 1 / 4φ² of that.
        """
        sizes = [item.size for item in self.items]

        def blocks(matrix: Matrix, axis: int) -> Matrix:
            return np.add.reduceat(matrix, self._starts, axis=axis)

        margins = np.repeat(blocks(counts, 1), sizes, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            # All of these are per row of the table: its number of rows cancels.
            part = np.where(counts > 0, counts**2 / (margins * margins.T), 0.0)
            # Of a level, over the levels of the other item: [levels, levels].
            of_row = np.repeat(blocks(part, 1), sizes, axis=1)
            of_level = np.where(margins > 0, of_row / margins, 0.0)
            ratio = np.where(counts > 0, 2 * counts / (margins * margins.T), 0.0)
            g = ratio - of_level - of_level.T
            rows = np.maximum(blocks(blocks(counts, 1), 0), 1)
            # In units of the shares: each term has rows in its denominator once.
            mean = blocks(blocks(counts * g, 1), 0)
            squares = blocks(blocks(counts * g**2, 1), 0) * rows
            of_phi = np.maximum(squares - mean**2, 0.0) / rows
            smallest = np.maximum(np.minimum(np.array(sizes)[:, None], sizes) - 1, 1)
            # As it is, not as it is corrected: that may be 0.
            phi_squared = blocks(blocks(part, 1), 0) - 1
            variance = of_phi / (4 * phi_squared * smallest)
        # Where there is no tie, independence says more.
        return np.where((strengths > 0) & np.isfinite(variance), variance, 0.0)


def _number(values: Floats, name: str, position: int) -> _Item:
    """Octiles; a value that fills more than one of them is a level by itself."""
    there = known(values)
    distinct, counts = np.unique(there, return_counts=True)
    rarest = counts.min(initial=len(there))
    if len(distinct) <= BINS and rarest >= _fewest_rows(len(there)):
        edges = distinct[1:]
    else:
        octiles = np.linspace(0, 1, BINS + 1)[1:-1]
        cuts, repeats = np.unique(
            np.quantile(there, octiles, method="lower"), return_counts=True
        )
        # A level of its own ends right behind the value.
        behind = np.nextafter(cuts[repeats > 1], np.inf)
        edges = np.union1d(cuts, behind)
    return _Item(name, False, True, position, len(edges) + 1, edges)


def _category(codes: Integers, name: str, position: int, size: int) -> _Item:
    """The commonest categories; all others are one level."""
    absent = size - 1
    counts = np.bincount(codes, minlength=size)[:absent]
    commonest = np.argsort(-counts, kind="stable")[:CATEGORIES]
    kept = commonest[counts[commonest] >= _fewest_rows(int(counts.sum()))]
    level_of = np.full(size, len(kept), dtype=np.int32)
    level_of[kept] = np.arange(len(kept))
    return _Item(name, False, False, position, len(kept) + 1, level_of, absent)


def _parts_of_dates(tables: Tables) -> Iterator[_Item]:
    """Months, weekdays and hours: what comes again and again has ties of its own.

    Dates that do not come around tell the month themselves.
    """
    for j, name, per_day in timestamps.dated(tables):
        values = known(tables.real.numbers[:, j])
        for part, size in PARTS_OF_DATES.items():
            levels = part.levels(values, per_day)
            lap = part.lap * per_day
            comes_again = float(np.ptp(values)) > LAPS * lap if len(values) else False
            if comes_again and len(np.unique(levels)) > 1:
                yield _Item(
                    name, False, True, j, size, None, part=part, per_day=per_day
                )


def _fewest_rows(rows: int) -> float:
    """So many rows must have a value for it to be a level of its own."""
    return max(RARE_SHARE * rows, min(RARE_ROWS, rows / 10))


ASSOCIATION = Metric(
    "association_error",
    "Association error",
    "how far the ties between columns are from the real ones; 0 = as strong",
    "fidelity",
    "lower",
    association_error,
    (0.0, 100.0),
    "%",
    cost="medium",
)
