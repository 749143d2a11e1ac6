"""Columns cut into a few levels, so that tables of two or three of them have cells to count.

A number falls into quantile bins of the real table in which no repeated value counts for more than
one bin; of the categories, the commonest of the real table stay and all others are one; a missing
cell is a level of its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.views import Tables

Levels = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Coarse:
    """Both tables in levels.

    Attributes:
        real: One array per column, in the order of `Tables.names`.
        synthetic: The same of the other table.
        sizes: Number of levels of each column.
    """

    real: list[Levels]
    synthetic: list[Levels]
    sizes: list[int]

    def joint(self, columns: Sequence[int]) -> tuple[Floats, Floats]:
        """Shares of all cells of the table over these columns, real and synthetic; an axis per column."""
        sizes = [self.sizes[j] for j in columns]
        real, synthetic = (
            _shares([levels[j] for j in columns], sizes)
            for levels in (self.real, self.synthetic)
        )
        return real, synthetic


def coarse(tables: Tables, bins: int) -> Coarse:
    """Every column in at most ``bins`` bins, or ``bins`` categories and "other"; then "missing"."""
    return tables.once(f"levels {bins}", lambda: _coarse(tables, bins))


def _coarse(tables: Tables, bins: int) -> Coarse:
    found = Coarse([], [], [])
    for j in range(len(tables.numeric)):
        edges = quantile_edges(tables.real.numbers[:, j], bins)
        for view, levels in (
            (tables.real, found.real),
            (tables.synthetic, found.synthetic),
        ):
            cut = np.searchsorted(edges, view.numbers[:, j], side="right").astype(
                np.int16
            )
            cut[np.isnan(view.numbers[:, j])] = len(edges) + 1
            levels.append(cut)
        found.sizes.append(len(edges) + 2)
    for j, size in enumerate(tables.sizes):
        slots = _commonest(tables.real.codes[:, j], size, bins)
        for view, levels in (
            (tables.real, found.real),
            (tables.synthetic, found.synthetic),
        ):
            levels.append(slots[view.codes[:, j]])
        found.sizes.append(int(slots.max()) + 1)
    return found


def quantile_edges(values: Floats, bins: int) -> Floats:
    """The smallest value of every bin but the first."""
    distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    if len(distinct) <= bins:
        return distinct[1:]
    edges: Floats = distinct[1:][np.diff(even_bins(counts, bins)) > 0]
    return edges


def even_bins(counts: npt.NDArray[np.int64], bins: int) -> Floats:
    """Bin of each of many sorted distinct values, given how often each occurs.

    The bins are of about equal count, once no value counts for more than one bin. Plain quantiles of
    a column that is 0 in 9 rows of 10 would leave the other values a tenth of the bins.
    """
    cap = counts.sum() / bins
    for _ in range(20):
        cap = np.minimum(counts, cap).sum() / bins
    weights = np.minimum(counts, max(cap, 1.0))
    middle = np.cumsum(weights) - weights / 2
    found: Floats = np.floor(middle / weights.sum() * bins)
    return found


def some_combinations(
    columns: int, k: int, limit: int, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """All combinations of k columns or, if there are more than ``limit``, that many of them at random."""
    total = math.comb(columns, k)
    if total <= limit:
        return list(itertools.combinations(range(columns), k))
    chosen = np.sort(rng.choice(total, size=limit, replace=False, shuffle=False))
    return [_combination(int(index), k) for index in chosen]


def _combination(index: int, k: int) -> tuple[int, ...]:
    """The combination of this number in colexicographic order (the combinatorial number system)."""
    found: list[int] = []
    for size in range(k, 0, -1):
        largest = size - 1
        while math.comb(largest + 1, size) <= index:
            largest += 1
        found.append(largest)
        index -= math.comb(largest, size)
    return tuple(found[::-1])


def _shares(levels: list[Levels], sizes: list[int]) -> Floats:
    joint = levels[0].astype(np.int32)
    for column, size in zip(levels[1:], sizes[1:], strict=True):
        joint *= size
        joint += column
    counts = np.bincount(joint, minlength=math.prod(sizes))
    shares: Floats = counts.reshape(sizes) / len(joint)
    return shares


def _commonest(codes: Integers, size: int, bins: int) -> Levels:
    """Level of every code: the commonest real ones in turn, the others, "missing" (the last code)."""
    counts = np.bincount(codes, minlength=size)[: size - 1]
    kept = np.argsort(-counts, kind="stable")[:bins]
    slots = np.full(size, len(kept), dtype=np.int16)
    slots[kept] = np.arange(len(kept))
    slots[size - 1] = len(kept) + 1
    return slots
