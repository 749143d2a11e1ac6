"""Columns cut into a few levels, so that two or three together have cells to count.

A number falls into quantile bins of the real table in which no repeated value counts
for more than one bin. Of the categories the commonest of the real table stay, and all
others are one level. A missing cell is a level of its own. For example, with 2 bins the
hours 20, 40, 40, 60 and a missing one become the levels 0, 1, 1, 1 and 2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthtab.evaluation.cells import Floats, Integers, known
from synthtab.evaluation.views import Tables

Levels = npt.NDArray[np.int16]

# Steps after which the fill of a bin has settled, see `even_bins`.
FILL_STEPS = 20


@dataclass(frozen=True)
class Coarse:
    """Both tables in levels.

    Attributes:
        real: One array ``[rows]`` per column, in the order of `Tables.names`.
        synthetic: The same of the other table.
        sizes: Number of levels of each column.
    """

    real: list[Levels]
    synthetic: list[Levels]
    sizes: list[int]

    def joint(self, columns: Sequence[int]) -> tuple[Floats, Floats]:
        """The table of shares over these columns, real and synthetic.

        Each has an axis per column, as long as the column has levels, and sums to 1.
        """
        sizes = [self.sizes[j] for j in columns]
        real = _shares([self.real[j] for j in columns], sizes)
        synthetic = _shares([self.synthetic[j] for j in columns], sizes)
        return real, synthetic


def coarse(tables: Tables, bins: int) -> Coarse:
    """Both tables in levels: bins or categories, "other", "missing".

    Args:
        tables: The tables.
        bins: Most bins of a number, and most categories of a column that stay.
    """
    return tables.once(f"levels {bins}", lambda: _coarse(tables, bins))


def _coarse(tables: Tables, bins: int) -> Coarse:
    levels = Coarse([], [], [])
    sides = ((tables.real, levels.real), (tables.synthetic, levels.synthetic))
    for j in range(len(tables.numeric)):
        edges = quantile_edges(tables.real.numbers[:, j], bins)
        missing = len(edges) + 1
        for view, levels_of_view in sides:
            values = view.numbers[:, j]
            bin_of = np.searchsorted(edges, values, side="right").astype(np.int16)
            bin_of[np.isnan(values)] = missing
            levels_of_view.append(bin_of)
        levels.sizes.append(missing + 1)
    for j, size in enumerate(tables.sizes):
        level_of = _commonest(tables.real.codes[:, j], size, bins)
        for view, levels_of_view in sides:
            levels_of_view.append(level_of[view.codes[:, j]])
        levels.sizes.append(int(level_of.max()) + 1)
    return levels


def quantile_edges(values: Floats, bins: int) -> Floats:
    """The smallest value of every bin but the first."""
    distinct, counts = np.unique(known(values), return_counts=True)
    if len(distinct) <= bins:
        return distinct[1:]
    starts_a_bin = np.diff(even_bins(counts, bins)) > 0
    edges: Floats = distinct[1:][starts_a_bin]
    return edges


def even_bins(counts: npt.NDArray[np.int64], bins: int) -> Floats:
    """Bin of each of many sorted distinct values, given how often each occurs.

    The bins are of about equal count, once no value counts for more than one bin. Plain
    quantiles of a column that is 0 in 9 rows of 10 would leave the other values a tenth
    of the bins.
    """
    # How full a bin is depends on how much of the common values counts, and the other
    # way round. Repeated, the two come to rest.
    fill = counts.sum() / bins
    for _ in range(FILL_STEPS):
        fill = np.minimum(counts, fill).sum() / bins
    weights = np.minimum(counts, max(fill, 1.0))
    # A value goes where the middle of its rows lies.
    middle = np.cumsum(weights) - weights / 2
    bin_of: Floats = np.floor(middle / weights.sum() * bins)
    return bin_of


def some_combinations(
    columns: int, k: int, limit: int, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """All combinations of k columns or, if there are more than ``limit``, so many.

    Those are drawn at random, without listing all of them: of 3,000 columns there are
    4,495,501,000 triples.
    """
    total = math.comb(columns, k)
    if total <= limit:
        return list(itertools.combinations(range(columns), k))
    chosen = np.sort(rng.choice(total, size=limit, replace=False, shuffle=False))
    return [combination_of(int(index), k) for index in chosen]


def combination_of(index: int, k: int) -> tuple[int, ...]:
    """The combination of this number in colexicographic order.

    In the combinatorial number system (D. H. Lehmer 1964) the combination c1 < ... < ck
    has the number C(c1, 1) + ... + C(ck, k). The largest member is therefore the
    largest c with C(c, k) <= index, and so on with what is left.
    """
    members: list[int] = []
    for size in range(k, 0, -1):
        largest = size - 1
        while math.comb(largest + 1, size) <= index:
            largest += 1
        members.append(largest)
        index -= math.comb(largest, size)
    return tuple(members[::-1])


def _shares(levels: list[Levels], sizes: list[int]) -> Floats:
    """Share of the rows in each cell of the table over these columns ``sizes``."""
    # The number of a row's cell, as in a flattened array.
    cell = levels[0].astype(np.int32)
    for column, size in zip(levels[1:], sizes[1:], strict=True):
        cell *= size
        cell += column
    counts = np.bincount(cell, minlength=math.prod(sizes))
    shares: Floats = counts.reshape(sizes) / len(cell)
    return shares


def _commonest(codes: Integers, size: int, bins: int) -> Levels:
    """Level of every code ``[size]``: the commonest in turn, then others, then missing.

    The last code means missing.
    """
    counts = np.bincount(codes, minlength=size)[: size - 1]
    # Of equally common ones the first, so that the order of rows changes nothing.
    commonest = np.argsort(-counts, kind="stable")[:bins]
    level_of = np.full(size, len(commonest), dtype=np.int16)
    level_of[commonest] = np.arange(len(commonest))
    level_of[size - 1] = len(commonest) + 1
    return level_of
