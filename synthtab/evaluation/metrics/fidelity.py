"""Do single columns and pairs of columns look like the real ones?

Shape and Trend are the two errors of the literature on tabular generators, as SDMetrics 0.11
defines them (KSComplement, TVComplement, CorrelationSimilarity, ContingencySimilarity), in percent
and over all pairs. A floor stands beside each: a bootstrap of the real rows of the synthetic
table's size, thus what a perfect sampler scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip
from synthtab.evaluation.views import Tables, View

DRAWS = 5
TREND_DRAWS = 20
TREND_CELLS = 800_000_000
BINS = 10
PERFECT = "a perfect sampler"

Codes = npt.NDArray[np.int64]


def shape_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over columns of the Kolmogorov-Smirnov distance (numeric) or total variation (categorical).

    A missing cell is a category of its own, or a number below all others.
    """
    errors: dict[str, float] = {}
    floors: dict[str, float] = {}
    rows, size = len(tables.real), len(tables.synthetic)
    draws = [
        streams.numpy("shape floor", d).integers(rows, size=size) for d in range(DRAWS)
    ]
    for name, real, synthetic, ordered in _levels(tables):
        top = int(max(real.max(), synthetic.max())) + 1
        p = np.bincount(real, minlength=top) / rows
        errors[name] = 100 * _distance(
            p, np.bincount(synthetic, minlength=top) / size, ordered
        )
        again = [
            _distance(p, np.bincount(real[draw], minlength=top) / size, ordered)
            for draw in draws
        ]
        floors[name] = 100 * float(np.mean(again))
    return Outcome(
        _mean(errors),
        Reference(_mean(floors), PERFECT),
        n=size,
        detail={"columns": _worst(errors), "floors": floors},
    )


def trend_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over all pairs of |ρR - ρS| / 2 (two numerics) or total variation of the two-way table.

    ρ is Pearson's correlation over the rows in which both cells are there. In a two-way table a
    numeric column is cut into 10 equal-width bins of the real range. A pair whose real correlation
    is undefined is left out; an undefined synthetic correlation counts as 0.
    """
    if len(tables.names) < 2:
        raise Skip("fewer than two columns to compare")
    pairs = Pairs(tables, tables.real)
    errors = pairs.errors(tables.synthetic)
    if not errors:
        raise Skip("no pair of columns varies")
    rows, size = len(tables.real), len(tables.synthetic)
    # One outlier more or less moves a correlation: heavy tails need many draws, large tables afford few.
    count = int(np.clip(TREND_CELLS // (size * len(errors)), 2, TREND_DRAWS))
    draws = [
        streams.numpy("trend floor", d).integers(rows, size=size) for d in range(count)
    ]
    floors = [_mean(pairs.errors(tables.real.take(draw))) for draw in draws]
    worst = _worst(
        {" + ".join(pair): error for pair, error in errors.items()}, limit=20
    )
    columns = {
        name: float(np.mean([e for pair, e in errors.items() if name in pair]))
        for name in tables.names
        if any(name in pair for pair in errors)
    }
    return Outcome(
        _mean(errors),
        Reference(float(np.mean(floors)), PERFECT),
        n=size,
        detail={
            "floors": floors,
            "pairs": worst,
            "columns": _worst(columns),
            "number of pairs": len(errors),
        },
    )


def missing_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over the columns with missing cells of the difference of their share."""
    real, synthetic = _missing(tables, tables.real), _missing(tables, tables.synthetic)
    errors = {
        name: 100 * abs(float(r - s))
        for name, r, s in zip(tables.names, real, synthetic, strict=True)
        if r > 0 or s > 0
    }
    if not errors:
        raise Skip("no cell is missing in either table")
    shares = dict(zip(tables.names, real, strict=True))
    size, floors = len(tables.synthetic), []
    for name in errors:
        counts = streams.numpy("missing floor", tables.names.index(name)).binomial(
            size, shares[name], size=200
        )
        floors.append(100 * float(np.abs(counts / size - shares[name]).mean()))
    return Outcome(
        _mean(errors),
        Reference(float(np.mean(floors)), PERFECT),
        n=size,
        detail={"columns": _worst(errors)},
    )


@dataclass(frozen=True)
class Pairs:
    """The two-way tables and correlations of a table, to compare others with."""

    tables: Tables
    real: View

    def errors(self, other: View) -> dict[tuple[str, str], float]:
        """Pair of columns -> error in percent."""
        numeric, names = len(self.tables.numeric), self.tables.names
        errors: dict[tuple[str, str], float] = {}
        correlations = np.nan_to_num(_correlations(other.numbers), nan=0.0)
        half = 50 * np.abs(self._correlations - correlations)
        for i in range(numeric):
            for j in range(i + 1, numeric):
                if not np.isnan(half[i, j]):
                    errors[names[i], names[j]] = float(half[i, j])
        binned = self._binned(other)
        for (i, j), table in self._two_way.items():
            errors[names[i], names[j]] = 100 * self._total_variation(
                table, binned, i, j
            )
        return errors

    @cached_property
    def _correlations(self) -> Floats:
        return _correlations(self.real.numbers)

    @cached_property
    def _edges(self) -> list[Floats]:
        return [
            np.histogram_bin_edges(column[~np.isnan(column)], bins=BINS)
            for column in self.real.numbers.T
        ]

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        # Bin 0 lies below the real range, the last but one at its upper end and above, then "missing".
        return (BINS + 3,) * len(self.tables.numeric) + self.tables.sizes

    @cached_property
    def _two_way(self) -> dict[tuple[int, int], tuple[Codes, Floats]]:
        binned, numeric, columns = (
            self._binned(self.real),
            len(self.tables.numeric),
            len(self.tables.names),
        )
        return {
            (i, j): _shares(self._joint(binned, i, j), self._sizes[i] * self._sizes[j])
            for i in range(columns)
            for j in range(max(i + 1, numeric), columns)
        }

    def _binned(self, view: View) -> list[Codes]:
        """Every column as small integers."""
        binned = []
        for column, edges in zip(view.numbers.T, self._edges, strict=True):
            bins = np.digitize(column, edges)
            bins[np.isnan(column)] = BINS + 2
            binned.append(bins.astype(np.int64))
        return binned + [column.astype(np.int64) for column in view.codes.T]

    def _joint(self, binned: list[Codes], i: int, j: int) -> Codes:
        return binned[i] * self._sizes[j] + binned[j]

    def _total_variation(
        self, real: tuple[Codes, Floats], binned: list[Codes], i: int, j: int
    ) -> float:
        cells, shares = real
        other_cells, other = _shares(
            self._joint(binned, i, j), self._sizes[i] * self._sizes[j]
        )
        if len(cells) == len(other_cells) == self._sizes[i] * self._sizes[j]:
            return float(np.abs(shares - other).sum()) / 2
        overlap = np.minimum(
            shares[np.isin(cells, other_cells)], other[np.isin(other_cells, cells)]
        ).sum()
        return 1.0 - float(overlap)


def _shares(joint: Codes, cells: int) -> tuple[Codes, Floats]:
    """Cells of a two-way table and their shares: all cells, or the filled ones of a vast table."""
    if cells <= max(4 * len(joint), 1 << 16):
        return np.arange(cells), np.bincount(joint, minlength=cells) / len(joint)
    filled, counts = np.unique(joint, return_counts=True)
    return filled, counts / len(joint)


def _correlations(numbers: Floats) -> Floats:
    """Pearson's correlation of every pair of columns, over the rows where both are there; NaN where undefined."""
    if numbers.shape[1] == 0:
        return np.zeros((0, 0))
    there = (~np.isnan(numbers)).astype(np.float64)
    counts = np.maximum(there.sum(axis=0), 1)
    filled = np.nan_to_num(numbers, nan=0.0)
    centred = (filled - filled.sum(axis=0) / counts) * there
    largest = np.abs(centred).max(axis=0)
    centred /= np.where(largest > 0, largest, 1.0)
    both = np.maximum(there.T @ there, 1.0)
    sums, squares = centred.T @ there, (centred * centred).T @ there
    covariance = centred.T @ centred - sums * sums.T / both
    variance = squares - sums * sums / both
    variance = np.where(variance > 1e-13 * np.maximum(squares, 1e-300), variance, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations: Floats = covariance / np.sqrt(variance * variance.T)
    return np.clip(np.where(np.isfinite(correlations), correlations, np.nan), -1.0, 1.0)


def _levels(tables: Tables) -> list[tuple[str, Codes, Codes, bool]]:
    """Every column as (name, real levels, synthetic levels, whether the levels have an order)."""
    levels: list[tuple[str, Codes, Codes, bool]] = []
    rows = len(tables.real)
    for j, name in enumerate(tables.numeric):
        both = np.concatenate(
            [tables.real.numbers[:, j], tables.synthetic.numbers[:, j]]
        )
        ranks = np.unique(both, return_inverse=True)[1].astype(np.int64).ravel() + 1
        ranks[np.isnan(both)] = 0
        levels.append((name, ranks[:rows], ranks[rows:], True))
    for j, name in enumerate(tables.categorical):
        levels.append(
            (
                name,
                tables.real.codes[:, j].astype(np.int64),
                tables.synthetic.codes[:, j].astype(np.int64),
                False,
            )
        )
    return levels


def _distance(p: Floats, q: Floats, ordered: bool) -> float:
    """Kolmogorov-Smirnov distance of two histograms with an order, total variation of two without."""
    difference = p - q
    return float(
        np.abs(np.cumsum(difference)).max() if ordered else np.abs(difference).sum() / 2
    )


def _missing(tables: Tables, view: View) -> list[float]:
    """Share of missing cells per column."""
    numbers = np.isnan(view.numbers).mean(axis=0)
    codes = (view.codes == np.array(tables.sizes, dtype=np.int32) - 1).mean(axis=0)
    return [*numbers.tolist(), *codes.tolist()]


def _mean(
    errors: Mapping[object, float]
    | Mapping[str, float]
    | Mapping[tuple[str, str], float],
) -> float:
    return float(np.mean(list(errors.values())))


def _worst(errors: Mapping[str, float], limit: int | None = None) -> dict[str, float]:
    """The largest first."""
    return dict(sorted(errors.items(), key=lambda item: (-item[1], item[0]))[:limit])


SHAPE = Metric(
    "shape_error",
    "Shape error",
    "how far single columns are from the real ones, on average; 0 = the same",
    "fidelity",
    "lower",
    shape_error,
    (0.0, 100.0),
    "%",
)
TREND = Metric(
    "trend_error",
    "Trend error",
    "how far pairs of columns are from the real ones, on average; 0 = the same",
    "fidelity",
    "lower",
    trend_error,
    (0.0, 100.0),
    "%",
    cost="medium",
)
MISSING = Metric(
    "missing_error",
    "Missing cells",
    "difference of the share of missing cells, over columns that have any",
    "fidelity",
    "lower",
    missing_error,
    (0.0, 100.0),
    "%",
)
