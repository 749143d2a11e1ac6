"""Are rows where real rows are, and is there a row wherever there is a real one?

Four figures on the neighbours of rows, by the distance of `evaluation.neighbours`.
α-precision and β-recall: Alaa et al., arXiv 2102.08921, with the mean as the centre of
the support. Density and coverage: Naeem et al., arXiv 2002.09797. Beside each stands
what other rows of the real table score.

All four need the distances between as many real rows and judged rows, thus are computed
together, once (`neighbourhoods`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import (
    MIN_ROWS,
    Interval,
    Metric,
    Outcome,
    Reference,
    Skip,
    share_interval,
)
from synthtab.evaluation.neighbours import Points, blocks, points
from synthtab.evaluation.views import Tables, View

# The ball of a row reaches to its 5th nearest.
NEIGHBOURS = 5
MAX_ROWS = 5_000
# Rows of one side times rows of the other times columns.
MAX_COMPARISONS = 500_000_000
# α and β go from 1/100 to 100/100.
GRID = 100
# Draws of the rows, for the interval of an area.
DRAWS = 200
OTHER_REAL_ROWS = "other real rows"
# Two distances that differ by less are equal but for rounding.
TIE = 1e-9
# Standard deviations at which numbers end. A foreign table may hold anything, and the
# square of a number must leave something of the other columns' squares.
FARTHEST = 1e6

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Neighbourhoods:
    """Rows to judge among as many real rows.

    Attributes:
        precise: How many of the judged rows need each α of the grid to lie in the real
            α-support ``[GRID + 1]``; the last lie outside all of the real rows.
        recalled: How many real rows need each β of the grid to be recalled
            ``[GRID + 1]``; the last are not at all.
        inside: For every judged row, in the balls of how many real rows it lies.
        covered: For every real row, whether there is a judged row in its ball.
    """

    precise: Counts
    recalled: Counts
    inside: Counts
    covered: npt.NDArray[np.bool_]


def alpha_precision(tables: Tables, streams: Streams) -> Outcome:
    """IPα = 1 - 2 ∫ |P(α) - α| dα: are typical and untypical rows in proportion?

    P(α) is the share of synthetic rows in the ball around the real centre that holds a
    share α of the real rows. From 0 to 1, which is best: rows too near to the centre
    cost as much as rows too far from it.
    """
    judged, other = _shared(tables, streams)
    return _area(judged.precise, other.precise, streams)


def beta_recall(tables: Tables, streams: Streams) -> Outcome:
    """IRβ = 1 - 2 ∫ |R(β) - β| dβ: are real rows, typical and not, recalled?

    R(β) is the share of real rows that (a) have a synthetic row at least as near as
    their 5th nearest real one, where (b) the nearest synthetic row lies in the ball
    around the synthetic centre that holds a share β of the synthetic rows. From 0 to 1,
    which is best.
    """
    judged, other = _shared(tables, streams)
    return _area(judged.recalled, other.recalled, streams)


def density(tables: Tables, streams: Streams) -> Outcome:
    """Mean over synthetic rows of the number of balls of real rows they lie in, over 5.

    The ball of a real row reaches to its 5th nearest real row. From 0 upwards: a
    perfect sampler has 1 (more where rows repeat); rows drawn only where real ones are
    dense have more.
    """
    judged, other = _shared(tables, streams)
    shares = judged.inside / NEIGHBOURS
    value = float(shares.mean())
    half = 1.96 * float(shares.std()) / len(shares) ** 0.5
    beside = float(other.inside.mean()) / NEIGHBOURS
    return Outcome(
        value,
        Reference(beside, OTHER_REAL_ROWS),
        (max(value - half, 0.0), value + half),
        len(shares),
        {"neighbours": NEIGHBOURS},
    )


def coverage(tables: Tables, streams: Streams) -> Outcome:
    """Share of real rows with a synthetic row at least as near as their 5th real one.

    From 0 to 1. Of n rows and as many synthetic ones, a perfect sampler covers
    1 - [(n - 1) … (n - 5)] / [(2n - 1) … (2n - 5)], about 1 - 2⁻⁵, where no row
    repeats: "expected" in the detail. The reference is measured.
    """
    judged, other = _shared(tables, streams)
    n = len(judged.covered)
    return Outcome(
        float(judged.covered.mean()),
        Reference(float(other.covered.mean()), OTHER_REAL_ROWS),
        share_interval(float(judged.covered.sum()), n),
        n,
        {"neighbours": NEIGHBOURS, "expected": expected_coverage(n, n, NEIGHBOURS)},
    )


def expected_coverage(real: int, synthetic: int, k: int) -> float:
    """Of a perfect sampler of a continuous table: equation 9 of arXiv 2002.09797."""
    steps = np.arange(1, k + 1)
    return 1.0 - float(np.prod((real - steps) / (real + synthetic - steps)))


def space(tables: Tables, view: View) -> Points:
    """The rows as points, none of them endlessly far away."""
    rows = points(tables, view)
    return Points(np.clip(rows.numbers, -FARTHEST, FARTHEST), rows.codes)


def neighbourhoods(real: Points, judged: Points) -> Neighbourhoods:
    """Where the judged points lie among the real ones."""
    n = len(real)
    own_squares = (real.numbers**2).sum(axis=1)[:, None]

    # The radius of a real row's ball, squared.
    radius = np.empty(n)
    for rows, squared in blocks(real, real):
        squared = np.maximum(squared + own_squares[rows], 0.0)
        # The nearest of all, at position 0, is the row itself.
        radius[rows] = np.partition(squared, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
    radius += TIE * (1.0 + radius)

    inside = np.zeros(len(judged), dtype=np.int64)
    covered = np.zeros(n, dtype=bool)
    nearest = np.empty(n, dtype=np.int64)
    for rows, squared in blocks(real, judged):
        squared = np.maximum(squared + own_squares[rows], 0.0)
        near = squared <= radius[rows, None]
        inside += near.sum(axis=0)
        covered[rows] = near.any(axis=1)
        # In single precision equal distances are equal: of those rows the first.
        nearest[rows] = squared.astype(np.float32).argmin(axis=1)

    precise = _levels(from_centre(real, real), from_centre(real, judged))
    # The β with which each judged row enters the synthetic support. A real row is
    # recalled with that of its nearest judged row, or never.
    from_own_centre = from_centre(judged, judged)
    entry = _levels(from_own_centre, from_own_centre)
    recalled = np.where(covered, entry[nearest], GRID)
    return Neighbourhoods(_counts(precise), _counts(recalled), inside, covered)


def from_centre(of: Points, points: Points) -> Floats:
    """Squared distance of every point to the mean of the first points ``[points]``.

    The mean of one-hot vectors are the shares p of the categories. The squared distance
    from category c to it is (1 - p_c)² plus p² of all others, = 1 - 2 p_c + Σ p².
    """
    from_mean = points.numbers - of.numbers.mean(axis=0)
    squared: Floats = (from_mean**2).sum(axis=1)
    for j in range(of.codes.shape[1]):
        size = 1 + max(of.codes[:, j].max(), points.codes[:, j].max())
        shares = np.bincount(of.codes[:, j], minlength=size) / len(of)
        from_shares = 1.0 - 2.0 * shares + (shares**2).sum()
        squared += from_shares[points.codes[:, j]]
    return squared


def _counts(levels: Counts) -> Counts:
    return np.bincount(levels, minlength=GRID + 1).astype(np.int64)


def _levels(of: Floats, distances: Floats) -> Counts:
    """The first step of the grid whose ball reaches as far as each of the distances.

    The ball of step i holds (i + 1) / 100 of the first distances; `GRID` where even the
    last does not reach.
    """
    radii = np.sort(of)[_steps(len(of)) - 1]
    return np.searchsorted(radii + TIE * (1.0 + radii), distances, side="left")


def _shared(tables: Tables, streams: Streams) -> tuple[Neighbourhoods, Neighbourhoods]:
    """What the four metrics share."""
    return tables.once(f"neighbours {streams.seed}", lambda: _compare(tables, streams))


def _compare(tables: Tables, streams: Streams) -> tuple[Neighbourhoods, Neighbourhoods]:
    """Synthetic rows, and as many other real rows, among real rows."""
    affordable = int((MAX_COMPARISONS / len(tables.names)) ** 0.5)
    # The real table is halved: rows to compare with, and rows to stand beside.
    size = min(len(tables.real) // 2, len(tables.synthetic), MAX_ROWS, affordable)
    if size < MIN_ROWS:
        raise Skip(f"a table has fewer than {2 * MIN_ROWS} rows")
    # One stream for both: of two equal tables the same rows are compared.
    order = streams.numpy("neighbours").permutation(len(tables.real))
    order_synthetic = streams.numpy("neighbours").permutation(len(tables.synthetic))

    def chosen(view: View, rows: npt.NDArray[np.int64]) -> Points:
        return space(tables, view.take(np.sort(rows)))

    real = chosen(tables.real, order[:size])
    other = chosen(tables.real, order[size : 2 * size])
    synthetic = chosen(tables.synthetic, order_synthetic[:size])
    return neighbourhoods(real, synthetic), neighbourhoods(real, other)


def _area(counts: Counts, other: Counts, streams: Streams) -> Outcome:
    """1 - 2 ∫ |curve - diagonal|, its interval over draws of rows, and the curve."""
    n = int(counts.sum())
    value = float(_integral(counts))
    draws = streams.numpy("area").multinomial(n, counts / n, size=DRAWS)
    half = 1.96 * float(_integral(draws).std())
    # Every tenth step.
    curve = np.cumsum(counts)[9:GRID:10] / n
    return Outcome(
        value,
        Reference(float(_integral(other)), OTHER_REAL_ROWS),
        _around(value, half),
        n,
        {"curve": [[(i + 1) / 10, float(share)] for i, share in enumerate(curve)]},
    )


def _integral(counts: Counts) -> Floats:
    """1 - 2 ∫ |curve - diagonal| of counts ``[..., GRID + 1]``, not below 0."""
    n = int(counts.sum(axis=-1).max())
    excess = np.cumsum(counts, axis=-1)[..., :GRID] - _steps(n)
    return np.maximum(1.0 - 2.0 * np.abs(excess).mean(axis=-1) / n, 0.0)


def _steps(n: int) -> Counts:
    """The α of the grid as whole numbers of rows, rounded up: of 20, 1, 1, ... 20."""
    # Minus the number, divided, rounded down, is minus the number divided, rounded up.
    steps: Counts = -(-np.arange(1, GRID + 1) * n // GRID)
    return steps


def _around(value: float, half: float) -> Interval:
    return max(value - half, 0.0), min(value + half, 1.0)


ALPHA_PRECISION = Metric(
    "alpha_precision",
    "α-precision",
    "whether typical and untypical rows are in the real proportion; 1 = yes",
    "fidelity",
    "higher",
    alpha_precision,
    cost="medium",
)
DENSITY = Metric(
    "density",
    "Density",
    "how densely rows lie where real rows are; below 1 = many lie elsewhere",
    "fidelity",
    "higher",
    density,
    (0.0, np.inf),
)
BETA_RECALL = Metric(
    "beta_recall",
    "β-recall",
    "whether real rows, typical and not, have rows beside them; 1 = all",
    "coverage",
    "higher",
    beta_recall,
)
COVERAGE = Metric(
    "coverage",
    "Real rows covered",
    "share of real rows with a synthetic row about as near as real ones are",
    "coverage",
    "higher",
    coverage,
)
