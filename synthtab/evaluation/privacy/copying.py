"""Are the synthetic rows the training rows over again?

A generator that repeats its training rows scores perfectly elsewhere and is worthless.
These figures find that out by comparison with rows that the generator never saw. They
are checks against copying, not a measure of privacy: rows may be far from all training
rows and still say who was among them (`privacy.membership` and `privacy.attacks` are
for that).

The distance is that of `evaluation.neighbours`: Euclidean over standardised numbers and
one-hot categories.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import (
    MIN_ROWS,
    Metric,
    Outcome,
    Reference,
    Skip,
    share_interval,
)
from synthtab.evaluation.neighbours import fingerprints, nearest, nearest_distances
from synthtab.evaluation.views import Tables, View

# Synthetic rows, and holdout rows, whose neighbours are sought.
QUERIES = 3_000
# Most rows of either side in `nearer_to_train`, and most training rows searched by the
# others.
MAX_ROWS_PER_SIDE = 20_000
SEARCHED_ROWS = 50_000
# Holdout rows that lie nearest to the training rows set the limit of a near copy.
NEAREST_SHARE = 0.02
# Bootstrap draws for an interval.
DRAWS = 200
# Copies in the detail.
LISTED = 100
# Two distances that differ by less are equal but for rounding.
TIE = 1e-9
HOLDOUT_ROWS = "holdout rows"


def exact_copies(tables: Tables, streams: Streams) -> Outcome:
    """Share of synthetic rows that equal a real row in every compared column.

    From 0, which is best, to 1. Beside it: the same share of the holdout's rows or,
    without a holdout, of the real rows that occur more than once in their own table.
    Detail: the positions of the first 100 copies.
    """
    real = fingerprints(tables.real)
    copied = np.isin(fingerprints(tables.synthetic), real)
    if tables.holdout is not None:
        holdout_copied = np.isin(fingerprints(tables.holdout), real)
        reference = Reference(float(holdout_copied.mean()), HOLDOUT_ROWS)
    else:
        _, position, counts = np.unique(real, return_inverse=True, return_counts=True)
        repeated = counts[position] > 1
        reference = Reference(float(repeated.mean()), "real rows, repeated")
    # Rows of a view are sorted; these are the positions in the table that was given.
    positions = tables.synthetic.positions
    where = np.flatnonzero(copied) if positions is None else positions[copied]
    count = int(copied.sum())
    return Outcome(
        float(copied.mean()),
        reference,
        share_interval(float(count), len(copied)),
        len(copied),
        {"copies": count, "rows": np.sort(where)[:LISTED].tolist()},
    )


def nearer_to_train(tables: Tables, streams: Streams) -> Outcome:
    """Share of synthetic rows nearer to a training row than to any holdout row.

    There are as many of either. A tie counts half. From 0 to 1; 0.5 is ideal.
    """
    assert tables.holdout is not None
    size = min(len(tables.real), len(tables.holdout), MAX_ROWS_PER_SIDE)
    if size < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")
    queries = tables.synthetic.some(QUERIES, streams.numpy("queries"))
    real = tables.real.some(size, streams.numpy("real side"))
    holdout = tables.holdout.some(size, streams.numpy("holdout side"))
    to_real = np.sqrt(nearest(tables, queries, real))
    to_holdout = np.sqrt(nearest(tables, queries, holdout))
    tie = np.abs(to_real - to_holdout) <= TIE * (1.0 + to_real)
    wins = float(((to_real < to_holdout) & ~tie).sum() + 0.5 * tie.sum())
    return Outcome(
        wins / len(queries),
        Reference(0.5, "ideal: no nearer"),
        share_interval(wins, len(queries)),
        len(queries),
        {"rows on each side": size, "ties": int(tie.sum())},
    )


def near_copies(tables: Tables, streams: Streams) -> Outcome:
    """Share of rows as near to a training row as the nearest 2 % of holdout rows.

    The threshold is the 2 % quantile of the holdout rows' distances to their nearest
    training row; a synthetic row at the threshold or below counts. From 0, which is
    best, to 1. Beside it: the share of the holdout rows that do, 2 % or, where many
    holdout rows are equally near (equal to a training row, say), more.

    The interval is Wilson's for as many rows as the harmonic half of both samples,
    1 / (1/n + 1/m), as the threshold is estimated too.
    """
    near = _nearest_two(tables, streams)
    ordered = np.sort(near.holdout[:, 0])
    last = max(math.ceil(NEAREST_SHARE * len(ordered)), 1) - 1
    threshold = float(ordered[last])
    limit = threshold * (1.0 + TIE)
    value = float((near.synthetic[:, 0] <= limit).mean())
    beside = float((near.holdout[:, 0] <= limit).mean())
    effective = 1.0 / (1.0 / len(near.synthetic) + 1.0 / len(near.holdout))
    return Outcome(
        value,
        Reference(beside, HOLDOUT_ROWS),
        share_interval(value * effective, effective),
        len(near.synthetic),
        {"threshold": threshold, "training rows searched": near.searched},
    )


def closest_record(tables: Tables, streams: Streams) -> Outcome:
    """DCR: median distance of a synthetic row to its closest training row.

    In units of the same median of the holdout rows. 0 where the rows are copies, 1,
    which is ideal, where they are as far from the training rows as real rows are, more
    where they lie off the real rows. The interval is the percentile interval of 200
    bootstrap draws of both samples.
    """
    near = _nearest_two(tables, streams)
    synthetic, holdout = near.synthetic[:, 0], near.holdout[:, 0]
    median = float(np.median(synthetic))
    median_of_holdout = float(np.median(holdout))
    if median_of_holdout == 0.0:
        raise Skip("most holdout rows are training rows")
    rng = streams.numpy("closest record")
    medians = _bootstrap_medians(synthetic, rng)
    medians_of_holdout = _bootstrap_medians(holdout, rng)
    positive = medians_of_holdout > 0.0
    ratios = medians[positive] / medians_of_holdout[positive]
    low, high = np.quantile(ratios, [0.025, 0.975])
    value = median / median_of_holdout
    return Outcome(
        value,
        Reference(1.0, "ideal: as far as holdout rows"),
        (min(float(low), value), max(float(high), value)),
        len(synthetic),
        {
            "median distance": median,
            "median distance of holdout rows": median_of_holdout,
            "training rows searched": near.searched,
        },
    )


def distance_ratio(tables: Tables, streams: Streams) -> Outcome:
    """NNDR: median of the distance to the nearest over that to the second training row.

    From 0 to 1; that of the holdout rows is ideal. Near 0: rows cling to single
    training rows. A row that equals two training rows counts as 1. The interval is the
    percentile interval of 200 bootstrap draws of the difference from the holdout's
    ratio, thus allows for the chance in that too.
    """
    near = _nearest_two(tables, streams)
    if near.searched < 2:
        raise Skip("a single training row")
    ratios = _ratios(near.synthetic)
    ratios_of_holdout = _ratios(near.holdout)
    rng = streams.numpy("distance ratio")
    medians = _bootstrap_medians(ratios, rng)
    differences = medians - _bootstrap_medians(ratios_of_holdout, rng)
    value = float(np.median(ratios))
    beside = float(np.median(ratios_of_holdout))
    low, high = beside + np.quantile(differences, [0.025, 0.975])
    return Outcome(
        value,
        Reference(beside, HOLDOUT_ROWS),
        (min(max(float(low), 0.0), value), max(min(float(high), 1.0), value)),
        len(ratios),
        {"training rows searched": near.searched},
    )


@dataclass(frozen=True)
class _NearestTwo:
    """Distances to the nearest two training rows.

    Attributes:
        synthetic: Of synthetic rows ``[queries, 2]``, nearest first.
        holdout: The same of holdout rows.
        searched: Number of training rows among which they are the nearest.
    """

    synthetic: Floats
    holdout: Floats
    searched: int


def _nearest_two(tables: Tables, streams: Streams) -> _NearestTwo:
    """What three metrics share, computed once."""
    holdout = tables.holdout
    assert holdout is not None
    if min(len(tables.real), len(holdout), len(tables.synthetic)) < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")

    def of(whole: View, is_synthetic: bool) -> Floats:
        # Streams 1 and 0 of this name.
        queries = whole.some(QUERIES, streams.numpy("neighbourhoods", is_synthetic))
        searched = streams.numpy("training rows")
        return nearest_distances(
            tables, queries, tables.real, 2, SEARCHED_ROWS, searched
        )

    def both() -> _NearestTwo:
        searched = min(len(tables.real), SEARCHED_ROWS)
        return _NearestTwo(of(tables.synthetic, True), of(holdout, False), searched)

    return tables.once(f"neighbourhoods {streams.seed}", both)


def _bootstrap_medians(values: Floats, rng: np.random.Generator) -> Floats:
    """Medians of samples with replacement, each as large as the values ``[DRAWS]``."""
    drawn = rng.integers(len(values), size=(DRAWS, len(values)))
    medians: Floats = np.median(values[drawn], axis=1)
    return medians


def _ratios(near: Floats) -> Floats:
    """Nearest over second nearest; 1 where both are 0."""
    second = np.where(near[:, 1] > 0.0, near[:, 1], 1.0)
    ratios: Floats = np.where(near[:, 1] > 0.0, near[:, 0] / second, 1.0)
    return ratios


COPIES = Metric(
    "exact_copies",
    "Exact copies",
    "share of rows that equal a real row in every column",
    "copying",
    "lower",
    exact_copies,
)
NEARER = Metric(
    "nearer_to_train",
    "Nearer to train than to holdout",
    "share of rows; 0.5 = as near to rows that were never seen",
    "copying",
    "ideal",
    nearer_to_train,
    needs=("holdout",),
    cost="medium",
    unknown="whether the rows lie too near to training rows",
)
NEAR_COPIES = Metric(
    "near_copies",
    "Near copies",
    "share as near to a training row as the nearest 2 % of holdout rows",
    "copying",
    "lower",
    near_copies,
    needs=("holdout",),
    unknown="whether the rows lie too near to training rows",
)
DCR = Metric(
    "dcr",
    "Distance to closest record",
    "median, in that of holdout rows; finds copying, says nothing of privacy",
    "copying",
    "ideal",
    closest_record,
    (0.0, np.inf),
    needs=("holdout",),
    unknown="whether the rows lie too near to training rows",
)
NNDR = Metric(
    "nndr",
    "Nearest to second nearest",
    "NNDR, median ratio; finds copying, says nothing of privacy",
    "copying",
    "ideal",
    distance_ratio,
    needs=("holdout",),
    unknown="whether the rows lie too near to training rows",
)
