"""Round numbers among others: which share of a column's numbers is a multiple of what.

Prices are whole thousands in most rows and any number in the others; counts come in
dozens. Of numbers that are kept as averages, and of those between two knots of a curve,
nothing says which ones are round. So the shares are kept.

A chain of grains is found, each a divisor of the one before: 1000, 500, 50. The line of
numbers is cut into cells around the multiples of a grain. In the middle of each cell,
its share of the numbers becomes the multiple; what lies beside is stretched over the
whole cell. Then the same for the next grain. So a greater number comes from a greater
one, cells keep their rows, and the way back is known (`Grains.spread`).

Nothing is stored of a single number: a grain, and the share of the rows that have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthtab.data.columns.shapes import choose

# Units of the last decimal of which numbers are often multiples: round ones, those of
# times, dozens and weeks.
ROUND = {m * 10**j for m in (1, 2, 5, 25) for j in range(10)} - {1}
CLOCKWISE = {3, 4, 6, 12, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 86_400}
COUNTED = {7, 14, 24, 28, 36, 48, 144}
GRAINS = np.array(sorted(ROUND | CLOCKWISE | COUNTED, reverse=True))
# Least share of the rows that a grain has beyond chance, and so many rows and distinct
# multiples: one rare value makes no grain.
LEAST_SHARE = 0.02
FEWEST_ROWS = 20
FEWEST_MULTIPLES = 10
# The same in standard deviations of chance.
BEYOND_CHANCE = 5.0
# About so many values are looked at for grains; all of them for shares.
MOST_VALUES = 50_000
# A grain is as good as another whose share is greater by no more than that.
AS_GOOD = 0.01

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Grains:
    """A chain of grains.

    Attributes:
        sizes: Descending, each a divisor of the one before.
        shares: Of the numbers that no grain before has: how many this one has.
        unit: Of what numbers are multiples anyway; it divides the last grain.
        kept: Ascending numbers that stay as they are, and whose cells do: values of
            which there are enough rows come back as they are.
    """

    sizes: tuple[float, ...]
    shares: tuple[float, ...]
    unit: float
    kept: Floats

    @classmethod
    def find(
        cls, values: Floats, counts: Counts, unit: float, kept: Floats
    ) -> Grains | None:
        """The grains of numbers, or None if they have none.

        Args:
            values: Distinct numbers, none of them ``kept``.
            counts: How many rows have each.
            unit: Of which all of them are multiples.
            kept: See the class.
        """
        some = slice(None, None, 1 + len(values) // MOST_VALUES)
        sizes = find_sizes(np.rint(values[some] / unit), counts[some])
        if not sizes:
            return None
        chain = cls(tuple(s * unit for s in sizes), (0.0,) * len(sizes), unit, kept)
        multiples = chain._multiples(values, counts)
        shares = [0.0] * len(sizes)
        by_chance = 1 / sizes[-1]
        for level in range(len(sizes) - 1, -1, -1):
            # What is on the grain by chance is taken out.
            excess = (multiples[level] - by_chance) / max(1 - by_chance, 1e-9)
            shares[level] = float(np.clip(excess, 0, 1))
            if level:
                by_chance = multiples[level] * sizes[level] / sizes[level - 1]
        # Of few rows no share is told.
        if max(shares) < LEAST_SHARE:
            return None
        return cls(chain.sizes, tuple(shares), unit, kept)

    def state(self) -> list[list[float]]:
        """Plain data for `from_state`: grains and their shares."""
        return [list(self.sizes), list(self.shares)]

    @classmethod
    def from_state(
        cls, state: Sequence[Sequence[float]], unit: float, kept: Floats
    ) -> Grains:
        """The inverse of `state`; what is kept is told by the curves."""
        sizes, shares = state
        return cls(tuple(sizes), tuple(shares), unit, kept)

    def _multiples(self, values: Floats, counts: Counts) -> list[float]:
        """For each grain: its share of the numbers that no grain before has."""
        open_rows = counts.astype(np.float64)
        shares = []
        for level, size in enumerate(self.sizes):
            is_free, _ = self._cells(values, size)
            rows = open_rows * is_free
            on_grain = _is_multiple(values, size, self.unit)
            share = float((rows * on_grain).sum() / max(rows.sum(), 1.0))
            if level:
                # Multiples of the grain before are not among these rows.
                ratio = size / self.sizes[level - 1]
                share = share / (1 - ratio + share * ratio)
            shares.append(share)
            open_rows[is_free & on_grain] = 0
        return shares

    def snap(self, values: Floats) -> Floats:
        """Numbers between others => their share of them is round. Ascending stay so."""
        result = values.copy()
        for size, share in zip(self.sizes, self.shares, strict=True):
            is_free, middle = self._cells(result, size)
            aside = (result - middle) / size
            outside = np.maximum(np.abs(aside) - share / 2, 0) / max(1 - share, 1e-9)
            moved = middle + np.sign(aside) * np.minimum(outside, 0.5) * size
            result = np.where(is_free, moved, result)
        return result

    def spread(self, values: Floats, rng: np.random.Generator) -> Floats:
        """Numbers => such that `snap` makes these numbers of them, to within a unit.

        Round ones lie anywhere in what becomes them.

        Args:
            values: As the column has them.
            rng: Draws where.
        """
        by = self._drawn_levels(values, rng)
        result = values + (rng.random(len(values)) - 0.5) * self.unit
        for level in range(len(self.sizes) - 1, -1, -1):
            size, share = self.sizes[level], self.shares[level]
            is_free, middle = self._cells(np.where(by == level, values, result), size)
            aside = (result - middle) / size
            outside = share / 2 + np.abs(aside) * (1 - share)
            beside = middle + np.sign(aside) * outside * size
            within = middle + (rng.random(len(values)) - 0.5) * share * size
            result = np.where((by > level) & is_free, beside, result)
            result = np.where(by == level, within, result)
        return np.where(self._is_kept(values), values, result)

    def _drawn_levels(self, values: Floats, rng: np.random.Generator) -> Counts:
        """Which grain made each number round; one more for those that none did.

        A number in whole thousands may come from any grain, or none: by their shares.
        """
        by = np.full(len(values), len(self.sizes))
        # How likely a number that no grain took so far comes on this one by a later one.
        later = []
        on_next, next_size = 1.0, self.unit
        for size, share in zip(self.sizes[::-1], self.shares[::-1], strict=True):
            later.append(on_next * next_size / size)
            on_next, next_size = share + (1 - share) * later[-1], size
        levels = zip(self.sizes, self.shares, later[::-1], strict=True)
        for level, (size, share, by_later) in enumerate(levels):
            is_free, _ = self._cells(values, size)
            could = is_free & _is_multiple(values, size, self.unit)
            could &= by == len(self.sizes)
            chance = share / max(share + (1 - share) * by_later, 1e-9)
            by[could & (rng.random(len(values)) < chance)] = level
        return by

    def _is_kept(self, values: Floats) -> Mask:
        place = np.searchsorted(self.kept, values).clip(0, max(len(self.kept) - 1, 0))
        if not len(self.kept):
            return np.zeros(len(values), dtype=bool)
        return np.asarray(self.kept[place] == values)

    def _cells(self, values: Floats, size: float) -> tuple[Mask, Floats]:
        """Which values lie in a cell without kept numbers, and the middle of each cell."""
        middle = np.rint(values / size) * size
        # Kept numbers on the border of a cell stay there anyway.
        margin = self.unit / 4
        low = np.searchsorted(self.kept, middle - size / 2 + margin)
        high = np.searchsorted(self.kept, middle + size / 2 - margin)
        return np.asarray(low == high), middle


def find_sizes(whole: Floats, counts: Counts) -> tuple[int, ...]:
    """The chain of grains of whole numbers, the greatest first; empty for none.

    The grain is looked for that most rows have beyond chance, then the same among its
    multiples.

    Args:
        whole: Distinct whole numbers.
        counts: How many rows have each.
    """
    base = 1
    chain: list[int] = []
    total = counts.sum()
    while True:
        on_base = whole % base == 0
        values, rows = whole[on_base], counts[on_base]
        candidates = GRAINS[(GRAINS % base == 0) & (base < GRAINS)]
        best = _best(values, rows, base, candidates, LEAST_SHARE * total)
        if best is None:
            return tuple(chain[::-1])
        chain.append(best)
        base = best


def _best(
    values: Floats,
    rows: Counts,
    base: int,
    candidates: npt.NDArray[np.int64],
    least: float,
) -> int | None:
    """The greatest of the candidates that have (nearly) the most rows beyond chance."""
    size = int(rows.sum())
    if size < FEWEST_ROWS:
        return None
    found: dict[int, float] = {}
    for grain in candidates.tolist():
        on_grain = values % grain == 0
        chance = base / grain
        of_grain = int(rows[on_grain].sum())
        beyond = of_grain - size * chance
        deviation = np.sqrt(size * chance * (1 - chance))
        enough = max(least, FEWEST_ROWS, BEYOND_CHANCE * deviation)
        if beyond >= enough and on_grain.sum() >= FEWEST_MULTIPLES:
            found[grain] = beyond / (size * (1 - chance))
    if not found:
        return None
    most = max(found.values())
    return max(grain for grain, share in found.items() if share >= most - AS_GOOD)


@dataclass(frozen=True)
class KeyGrains:
    """Which share of the keys of a column is a multiple of what; keys are whole numbers.

    Attributes:
        sizes: Descending, each a divisor of the one before.
        shares: How many of all keys each makes round.
    """

    sizes: tuple[int, ...]
    shares: tuple[float, ...]

    @classmethod
    def find(cls, keys: npt.NDArray[np.int64]) -> KeyGrains | None:
        """The grains of distinct keys that are no farther than keys are from each other.

        None if there are none.
        """
        if not len(keys) or np.abs(keys).max() >= 2.0**53:
            return None
        gap = (int(keys.max()) - int(keys.min())) / max(len(keys) - 1, 1)
        if gap < 2:
            return None
        once = np.ones(len(keys), dtype=np.int64)
        found = Grains.find(np.sort(keys).astype(np.float64), once, 1.0, np.zeros(0))
        if found is None or found.sizes[0] > gap:
            return None
        left = 1.0
        shares = []
        for share in found.shares:
            shares.append(left * share)
            left *= 1 - share
        return cls(tuple(int(size) for size in found.sizes), tuple(shares))

    @property
    def widest(self) -> int:
        """The greatest grain; all others divide it."""
        return self.sizes[0]

    def of_rows(self, rows: npt.NDArray[np.int64], key: int) -> npt.NDArray[np.int64]:
        """``[rows]``: of what the key of each row is a multiple, always the same."""
        weights = [*self.shares, max(0.0, 1 - sum(self.shares))]
        which = choose(weights, rows, key)
        return np.array([*self.sizes, 1], dtype=np.int64)[which]

    def state(self) -> list[list[float]]:
        """Plain data for `from_state`."""
        return [list(self.sizes), list(self.shares)]

    @classmethod
    def from_state(cls, state: Sequence[Sequence[float]] | None) -> KeyGrains | None:
        """The inverse of `state`; None of nothing, as in files of earlier versions."""
        if not state:
            return None
        sizes, shares = state
        return cls(tuple(int(size) for size in sizes), tuple(shares))


def _is_multiple(values: Floats, size: float, unit: float) -> Mask:
    middle = np.rint(values / size) * size
    return np.asarray(np.abs(values - middle) < unit / 4)
