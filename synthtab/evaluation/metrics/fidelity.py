"""Do single columns and pairs of columns look like the real ones?

Shape and Trend are the two errors of the literature on tabular generators, as SDMetrics
0.11 defines them (KSComplement, TVComplement, CorrelationSimilarity,
ContingencySimilarity), in percent and over all pairs. A floor stands beside each: a
bootstrap of the real rows of the synthetic table's size, thus what a perfect sampler
scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.floors import total_variation_floor
from synthtab.evaluation.metric import (
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.views import Tables, View

SHAPE_DRAWS = 5
# One outlier more or less moves a correlation: heavy tails need many draws, of which
# large tables afford few. The cells are rows times pairs of columns, over all draws.
TREND_DRAWS = 20
TREND_MIN_DRAWS = 2
TREND_CELLS = 800_000_000
MISSING_DRAWS = 200
# Equal-width bins of a number beside a category.
BINS = 10
WORST_PAIRS = 20
# Mean of Kolmogorov's distribution: of m draws, √m max |F(x) - F'(x)| is on average.
MEAN_OF_KOLMOGOROV = 0.8687
# Points by which Shape with and without missing cells differ to be shown side by side.
APART = 1.0
# A two-way table with more cells than this, and than 4 times the rows, is sparse.
DENSE_CELLS = 1 << 16
# Variance below this share of the mean square is rounding.
NO_VARIANCE = 1e-13

Codes = npt.NDArray[np.int64]
# Names of two columns.
PairNames = tuple[str, str]


def shape_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over columns of a distance between the two distributions, times 100.

    For a number the Kolmogorov-Smirnov distance max |F(x) - F'(x)|, for a category the
    total variation ½ Σ |p - p'|. A missing cell is a category of its own, or a number
    below all others. From 0, which is best, to 100.
    """
    return tables.once(f"shape {streams.seed}", lambda: _shape(tables, streams))


def _shape(tables: Tables, streams: Streams) -> Outcome:
    """`shape_error`, which another metric needs too."""
    errors: dict[str, float] = {}
    floors: dict[str, float] = {}
    rows, size = len(tables.real), len(tables.synthetic)
    # A perfect sampler: real rows drawn with replacement, the same for all columns.
    draws = []
    for d in range(SHAPE_DRAWS):
        draws.append(streams.numpy("shape floor", d).integers(rows, size=size))
    for column in _leveled_columns(tables):
        levels = int(max(column.real.max(), column.synthetic.max())) + 1
        p = np.bincount(column.real, minlength=levels) / rows
        q = np.bincount(column.synthetic, minlength=levels) / size
        errors[column.name] = 100 * _distance(p, q, column.ordered)
        of_draws = []
        for draw in draws:
            drawn = np.bincount(column.real[draw], minlength=levels) / size
            of_draws.append(_distance(p, drawn, column.ordered))
        floors[column.name] = 100 * float(np.mean(of_draws))
    return Outcome(
        _mean(errors),
        Reference(_mean(floors), PERFECT_SAMPLER),
        n=size,
        detail={"columns": largest_first(errors), "floors": floors},
    )


def shape_of_present(tables: Tables, streams: Streams) -> Outcome:
    """Shape as SDMetrics has it, missing cells dropped: mean over columns, times 100.

    For a number the Kolmogorov-Smirnov distance, for a category the total variation, of
    the cells that are there. From 0, which is best, to 100; a column without any
    synthetic cell counts as 100. Of 97 % missing cells `shape_error` sees 97 % that are
    right. The floors are those of m draws, .8687 / √m for a number and in closed form
    for a category.
    """
    errors: dict[str, float] = {}
    floors: dict[str, float] = {}
    rows_there: dict[str, list[int]] = {}
    anything_missing = False
    for column in _leveled_columns(tables):
        real = column.real[column.real != column.missing]
        synthetic = column.synthetic[column.synthetic != column.missing]
        gone = len(column.real) + len(column.synthetic) - len(real) - len(synthetic)
        anything_missing |= gone > 0
        if not len(real):
            continue
        if not len(synthetic):
            errors[column.name], floors[column.name] = 100.0, 0.0
            continue
        levels = int(max(real.max(), synthetic.max())) + 1
        p = np.bincount(real, minlength=levels) / len(real)
        q = np.bincount(synthetic, minlength=levels) / len(synthetic)
        errors[column.name] = 100 * _distance(p, q, column.ordered)
        floor = MEAN_OF_KOLMOGOROV / np.sqrt(len(synthetic))
        if not column.ordered:
            floor = total_variation_floor(p, len(synthetic))
        floors[column.name] = 100 * min(float(floor), 1.0)
        if gone:
            rows_there[column.name] = [len(real), len(synthetic)]
    if not anything_missing:
        raise Skip("no cell is missing in either table")
    value = _mean(errors)
    whole = shape_error(tables, streams).value
    return Outcome(
        value,
        Reference(_mean(floors), PERFECT_SAMPLER),
        n=len(tables.synthetic),
        detail={
            "columns": largest_first(errors),
            "floors": floors,
            "rows": rows_there,
            "apart": abs(value - whole) > APART,
        },
    )


def trend_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over all pairs of columns of how far their relation is off, times 100.

    For two numbers |ρ - ρ'| / 2 of Pearson's correlations over the rows in which both
    cells are there; otherwise the total variation ½ Σ |p - p'| of the two-way table, in
    which a number is cut into 10 equal-width bins of the real range. From 0, which is
    best, to 100. A pair whose real correlation is undefined is left out; an undefined
    synthetic correlation counts as 0.
    """
    if len(tables.names) < 2:
        raise Skip("fewer than two columns to compare")
    pairs = Pairs(tables, tables.real)
    errors = pairs.errors(tables.synthetic)
    if not errors:
        raise Skip("no pair of columns varies")
    rows, size = len(tables.real), len(tables.synthetic)
    affordable = TREND_CELLS // (size * len(errors))
    draws = int(np.clip(affordable, TREND_MIN_DRAWS, TREND_DRAWS))
    floors = []
    for d in range(draws):
        drawn = streams.numpy("trend floor", d).integers(rows, size=size)
        errors_of_draw = pairs.errors(tables.real.take(drawn))
        floors.append(_mean(errors_of_draw))
    # A column's figure is the mean over the pairs that it is in.
    by_column: dict[str, list[float]] = {name: [] for name in tables.names}
    for names, error in errors.items():
        for name in names:
            by_column[name].append(error)
    of_columns = {n: float(np.mean(found)) for n, found in by_column.items() if found}
    of_pairs = {" + ".join(names): error for names, error in errors.items()}
    return Outcome(
        _mean(errors),
        Reference(float(np.mean(floors)), PERFECT_SAMPLER),
        n=size,
        detail={
            "floors": floors,
            "pairs": largest_first(of_pairs, WORST_PAIRS),
            "columns": largest_first(of_columns),
            "number of pairs": len(errors),
        },
    )


def missing_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over columns of |share of missing cells, real - synthetic|, times 100.

    Over the columns in which a cell is missing in either table. From 0, which is best,
    to 100.
    """
    real = _missing_shares(tables, tables.real)
    synthetic = _missing_shares(tables, tables.synthetic)
    size = len(tables.synthetic)
    errors: dict[str, float] = {}
    missing_cells: dict[str, list[int]] = {}
    floors = []
    for j, name in enumerate(tables.names):
        if real[j] == 0 and synthetic[j] == 0:
            continue
        errors[name] = 100 * abs(real[j] - synthetic[j])
        missing_cells[name] = [
            round(real[j] * len(tables.real)),
            round(synthetic[j] * size),
        ]
        # Of a perfect sampler's rows, a binomial number lack this cell.
        rng = streams.numpy("missing floor", j)
        counts = rng.binomial(size, real[j], size=MISSING_DRAWS)
        differences = np.abs(counts / size - real[j])
        floors.append(100 * float(differences.mean()))
    if not errors:
        raise Skip("no cell is missing in either table")
    return Outcome(
        _mean(errors),
        Reference(float(np.mean(floors)), PERFECT_SAMPLER),
        n=size,
        detail={
            "columns": largest_first(errors),
            # Missing cells of the real and of the synthetic rows.
            "counts": missing_cells,
            "number of columns": len(tables.names),
        },
    )


@dataclass(frozen=True)
class TwoWay:
    """Shares of rows in the cells of a two-way table.

    Attributes:
        cells: Numbers of the cells, ascending: all of them or, of a vast table, those
            that a row falls into.
        shares: Share of the rows in each ``[cells]``.
    """

    cells: Codes
    shares: Floats


@dataclass(frozen=True)
class Pairs:
    """The relations between the columns of a table, to compare others with.

    Attributes:
        tables: What the columns mean.
        real: The rows of the table.
    """

    tables: Tables
    real: View

    def errors(self, other: View) -> dict[PairNames, float]:
        """Pair of columns -> error in percent."""
        names = self.tables.names
        errors: dict[PairNames, float] = {}
        # Two numbers: by their correlation.
        correlations = np.nan_to_num(_correlations(other.numbers), nan=0.0)
        of_numbers = 50 * np.abs(self._correlations - correlations)
        numeric = len(self.tables.numeric)
        for i in range(numeric):
            for j in range(i + 1, numeric):
                # Not a number where the real correlation is undefined.
                if not np.isnan(of_numbers[i, j]):
                    errors[names[i], names[j]] = float(of_numbers[i, j])
        # Other pairs: by their two-way table.
        binned = self._binned(other)
        for (i, j), real_table in self._two_way.items():
            other_table = self._table(binned, i, j)
            variation = self._total_variation(real_table, other_table, i, j)
            errors[names[i], names[j]] = 100 * variation
        return errors

    @cached_property
    def _correlations(self) -> Floats:
        return _correlations(self.real.numbers)

    @cached_property
    def _edges(self) -> list[Floats]:
        """Edges of the bins of every number, over its real range."""
        edges = []
        for column in self.real.numbers.T:
            edges.append(np.histogram_bin_edges(known(column), bins=BINS))
        return edges

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        """Number of codes of every binned column.

        Of a number, bin 0 lies below the real range, bin 11 at its upper end and above,
        and 12 is "missing".
        """
        return (BINS + 3,) * len(self.tables.numeric) + self.tables.sizes

    @cached_property
    def _two_way(self) -> dict[tuple[int, int], TwoWay]:
        """The two-way table of every pair of columns that are not both numbers."""
        binned = self._binned(self.real)
        numeric = len(self.tables.numeric)
        columns = len(self.tables.names)
        two_way = {}
        for i in range(columns):
            for j in range(max(i + 1, numeric), columns):
                two_way[i, j] = self._table(binned, i, j)
        return two_way

    def _binned(self, view: View) -> list[Codes]:
        """Every column as small integers."""
        binned = []
        for column, edges in zip(view.numbers.T, self._edges, strict=True):
            bins = np.digitize(column, edges)
            # `digitize` counts NaN as larger than all edges.
            bins[np.isnan(column)] = BINS + 2
            binned.append(bins.astype(np.int64))
        for column in view.codes.T:
            binned.append(column.astype(np.int64))
        return binned

    def _table(self, binned: list[Codes], i: int, j: int) -> TwoWay:
        """The two-way table of two columns."""
        cell_of_row = binned[i] * self._sizes[j] + binned[j]
        rows = len(cell_of_row)
        cells = self._sizes[i] * self._sizes[j]
        if cells <= max(4 * rows, DENSE_CELLS):
            counts = np.bincount(cell_of_row, minlength=cells)
            return TwoWay(np.arange(cells), counts / rows)
        # Two columns of 10,000 categories have 100,000,000 cells, most of them empty.
        filled, filled_counts = np.unique(cell_of_row, return_counts=True)
        return TwoWay(filled, filled_counts / rows)

    def _total_variation(self, real: TwoWay, other: TwoWay, i: int, j: int) -> float:
        cells = self._sizes[i] * self._sizes[j]
        if len(real.cells) == len(other.cells) == cells:
            return float(np.abs(real.shares - other.shares).sum()) / 2
        # 1 - Σ min(p, p'), where only cells that both tables have count.
        in_both = real.shares[np.isin(real.cells, other.cells)]
        other_in_both = other.shares[np.isin(other.cells, real.cells)]
        return 1.0 - float(np.minimum(in_both, other_in_both).sum())


def _correlations(numbers: Floats) -> Floats:
    """Pearson's correlation of every pair of columns ``[columns, columns]``.

    Over the rows where both cells are there; NaN where undefined.
    """
    if numbers.shape[1] == 0:
        return np.zeros((0, 0))
    there = (~np.isnan(numbers)).astype(np.float64)
    counts = np.maximum(there.sum(axis=0), 1)
    filled = np.nan_to_num(numbers, nan=0.0)
    # Near 0 and at most 1 in size, so that sums of squares neither overflow nor cancel.
    centred = (filled - filled.sum(axis=0) / counts) * there
    largest = np.abs(centred).max(axis=0)
    centred /= np.where(largest > 0, largest, 1.0)
    # Sums over the rows where both are there, of every pair, as products of matrices:
    # entry [i, j] of `sums` and `squares` is about column i.
    both = np.maximum(there.T @ there, 1.0)
    sums = centred.T @ there
    squares = (centred * centred).T @ there
    covariance = centred.T @ centred - sums * sums.T / both
    variance = squares - sums * sums / both
    varies = variance > NO_VARIANCE * np.maximum(squares, 1e-300)
    variance = np.where(varies, variance, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations: Floats = covariance / np.sqrt(variance * variance.T)
    return np.clip(np.where(np.isfinite(correlations), correlations, np.nan), -1.0, 1.0)


@dataclass(frozen=True)
class _LeveledColumn:
    """A column of both tables as whole numbers from 0.

    Attributes:
        name: Its name.
        real: Levels of the real rows.
        synthetic: Levels of the synthetic rows.
        ordered: Whether the levels have an order, as those of a number do.
        missing: The level of missing cells.
    """

    name: str
    real: Codes
    synthetic: Codes
    ordered: bool
    missing: int


def _leveled_columns(tables: Tables) -> list[_LeveledColumn]:
    """Every column: ranks of numbers in both tables (missing below all), or codes."""
    columns = []
    rows = len(tables.real)
    for j, name in enumerate(tables.numeric):
        of_real = tables.real.numbers[:, j]
        both = np.concatenate([of_real, tables.synthetic.numbers[:, j]])
        _, ranks = np.unique(both, return_inverse=True)
        # From 1 on: 0 is "missing", below all numbers.
        ranks = ranks.astype(np.int64).ravel() + 1
        ranks[np.isnan(both)] = 0
        columns.append(_LeveledColumn(name, ranks[:rows], ranks[rows:], True, 0))
    for j, name in enumerate(tables.categorical):
        real = tables.real.codes[:, j].astype(np.int64)
        synthetic = tables.synthetic.codes[:, j].astype(np.int64)
        columns.append(
            _LeveledColumn(name, real, synthetic, False, tables.sizes[j] - 1)
        )
    return columns


def _distance(p: Floats, q: Floats, ordered: bool) -> float:
    """Kolmogorov-Smirnov distance of shares with an order, total variation without."""
    difference = p - q
    if ordered:
        return float(np.abs(np.cumsum(difference)).max())
    return float(np.abs(difference).sum() / 2)


def _missing_shares(tables: Tables, view: View) -> list[float]:
    """Share of missing cells of each column, in the order of `Tables.names`."""
    shares: list[float] = tables.missing(view).mean(axis=0).tolist()
    return shares


def _mean(errors: Mapping[Any, float]) -> float:
    return float(np.mean(list(errors.values())))


def largest_first(
    errors: Mapping[str, float], limit: int | None = None
) -> dict[str, float]:
    """The errors from the largest down, equal ones by name; at most ``limit``."""
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
SHAPE_OF_PRESENT = Metric(
    "shape_of_present",
    "Shape error, missing dropped",
    "the same over the cells that are there, as SDMetrics has it",
    "fidelity",
    "lower",
    shape_of_present,
    (0.0, 100.0),
    "%",
    like="shape_error",
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
