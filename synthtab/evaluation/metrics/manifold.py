"""Are whole rows where real rows are, and is there a synthetic row wherever there is a real one?

Four figures on the neighbours of rows in the space of `space.py`. α-precision and β-recall: Alaa et
al., arXiv 2102.08921, with the mean as the centre of the support. Density and coverage: Naeem et
al., arXiv 2002.09797. Beside each stands what other rows of the real table score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import (
    Interval,
    Metric,
    Outcome,
    Reference,
    Skip,
    share_interval,
)
from synthtab.evaluation.space import Points, Space, squared_distances
from synthtab.evaluation.views import Tables

NEIGHBOURS = 5
MAX_ROWS = 5_000
CELLS = 500_000_000  # rows of one side times rows of the other times columns
MIN_ROWS = 20
GRID = 100
DRAWS = 200
REAL = "other real rows"
TIE = 1e-9

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Neighbours:
    """Rows to judge among as many real rows.

    Attributes:
        precise: How many of the judged rows need each α of a grid to lie in the real α-support; the last
            lie outside all of the real rows.
        recalled: How many real rows need each β of the grid to be recalled; the last are not at all.
        inside: For every judged row, in the balls of how many real rows it lies.
        covered: For every real row, whether there is a judged row in its ball.
    """

    precise: Counts
    recalled: Counts
    inside: Counts
    covered: npt.NDArray[np.bool_]


def alpha_precision(tables: Tables, streams: Streams) -> Outcome:
    """IPα = 1 - 2 ∫ |P(α) - α| dα: how well typical and untypical rows are in proportion.

    P(α) is the share of synthetic rows in the ball around the real centre that holds a share α of
    the real rows. 1 is best: rows too near to the centre cost as much as rows too far from it.
    """
    judged, other = _neighbours(tables, streams)
    return _area(judged.precise, other.precise, streams)


def beta_recall(tables: Tables, streams: Streams) -> Outcome:
    """IRβ = 1 - 2 ∫ |R(β) - β| dβ: how well real rows, typical and not, have synthetic ones beside them.

    R(β) is the share of real rows whose nearest synthetic row is at least as near as the 5th real
    one, and in the ball around the synthetic centre that holds a share β of the synthetic rows.
    """
    judged, other = _neighbours(tables, streams)
    return _area(judged.recalled, other.recalled, streams)


def density(tables: Tables, streams: Streams) -> Outcome:
    """Mean over synthetic rows of the number of real rows in whose ball they lie, over 5.

    The ball of a real row reaches to its 5th nearest real row. A perfect sampler has 1 (more where
    rows repeat); rows drawn only where real ones are dense have more.
    """
    judged, other = _neighbours(tables, streams)
    shares = judged.inside / NEIGHBOURS
    value, half = float(shares.mean()), 1.96 * float(shares.std()) / len(shares) ** 0.5
    return Outcome(
        value,
        Reference(float(other.inside.mean()) / NEIGHBOURS, REAL),
        (max(value - half, 0.0), value + half),
        len(shares),
        {"neighbours": NEIGHBOURS},
    )


def coverage(tables: Tables, streams: Streams) -> Outcome:
    """Share of real rows that have a synthetic row at least as near as their 5th nearest real row.

    Of n rows and as many synthetic ones, a perfect sampler covers 1 - [(n - 1) … (n - 5)] / [(2n - 1)
    … (2n - 5)], about 1 - 2⁻⁵, where no row repeats; "expected" in the detail. The reference is measured.
    """
    judged, other = _neighbours(tables, streams)
    n = len(judged.covered)
    return Outcome(
        float(judged.covered.mean()),
        Reference(float(other.covered.mean()), REAL),
        share_interval(float(judged.covered.sum()), n),
        n,
        {"neighbours": NEIGHBOURS, "expected": expected_coverage(n, n, NEIGHBOURS)},
    )


def expected_coverage(real: int, synthetic: int, k: int) -> float:
    """Of a perfect sampler of a continuous table: equation 9 of arXiv 2002.09797."""
    steps = np.arange(1, k + 1)
    return 1.0 - float(np.prod((real - steps) / (real + synthetic - steps)))


def neighbours(space: Space, real: Points, judged: Points) -> Neighbours:
    """Where the judged points lie among the real ones."""
    n, k = len(real), NEIGHBOURS
    radius = np.empty(n)
    for rows, squared in squared_distances(real, real):
        radius[rows] = np.partition(squared, k, axis=1)[
            :, k
        ]  # the first is the row itself
    radius += TIE * (1.0 + radius)  # two equal distances may differ in the last bit
    inside, covered, nearest = (
        np.zeros(len(judged), dtype=np.int64),
        np.zeros(n, dtype=bool),
        np.empty(n, np.int64),
    )
    for rows, squared in squared_distances(real, judged):
        near = squared <= radius[rows, None]
        inside += near.sum(axis=0)
        covered[rows] = near.any(axis=1)
        nearest[rows] = squared.astype(np.float32).argmin(
            axis=1
        )  # of equally near rows the first
    precise = _levels(space.from_centre(real, real), space.from_centre(real, judged))
    own = space.from_centre(judged, judged)
    recalled = np.where(covered, _levels(own, own)[nearest], GRID)
    return Neighbours(_counts(precise), _counts(recalled), inside, covered)


def _counts(levels: Counts) -> Counts:
    return np.bincount(levels, minlength=GRID + 1).astype(np.int64)


def _levels(of: Floats, distances: Floats) -> Counts:
    """The first step of the grid whose share of the first distances reaches as far as each of the others."""
    radii = np.sort(of)[_steps(len(of)) - 1]
    return np.searchsorted(radii + TIE * (1.0 + radii), distances, side="left")


def _neighbours(tables: Tables, streams: Streams) -> tuple[Neighbours, Neighbours]:
    return tables.once(f"neighbours {streams.seed}", lambda: _compare(tables, streams))


def _compare(tables: Tables, streams: Streams) -> tuple[Neighbours, Neighbours]:
    """Synthetic rows, and as many other real rows, among real rows."""
    affordable = int((CELLS / len(tables.names)) ** 0.5)
    size = min(len(tables.real) // 2, len(tables.synthetic), MAX_ROWS, affordable)
    if size < MIN_ROWS:
        raise Skip(f"a table has fewer than {2 * MIN_ROWS} rows")
    space = Space(tables)
    # One stream for both: of two equal tables the same rows are compared.
    order, other = (
        streams.numpy("neighbours").permutation(len(v))
        for v in (tables.real, tables.synthetic)
    )
    real, more = (
        space.points(tables.real.take(np.sort(part)))
        for part in (order[:size], order[size : 2 * size])
    )
    synthetic = space.points(tables.synthetic.take(np.sort(other[:size])))
    return neighbours(space, real, synthetic), neighbours(space, real, more)


def _area(counts: Counts, other: Counts, streams: Streams) -> Outcome:
    """1 - 2 ∫ |curve - diagonal|, its interval over draws of the rows, and the curve in ten steps."""
    n = int(counts.sum())
    value = float(_integral(counts))
    again = _integral(streams.numpy("area").multinomial(n, counts / n, size=DRAWS))
    curve = np.cumsum(counts)[9:GRID:10] / n
    return Outcome(
        value,
        Reference(float(_integral(other)), REAL),
        _around(value, 1.96 * float(again.std())),
        n,
        {"curve": [[(i + 1) / 10, float(share)] for i, share in enumerate(curve)]},
    )


def _integral(counts: Counts) -> Floats:
    n = int(counts.sum(axis=-1).max())
    excess = np.cumsum(counts, axis=-1)[..., :GRID] - _steps(n)
    return np.maximum(1.0 - 2.0 * np.abs(excess).mean(axis=-1) / n, 0.0)


def _steps(n: int) -> Counts:
    """The α of the grid as whole numbers of rows, rounded up."""
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
