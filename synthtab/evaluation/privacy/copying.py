"""Are the synthetic rows the training rows over again?

A generator that repeats its training rows scores perfectly elsewhere and is worthless. These figures
find that out by comparison with rows that the generator never saw. They are checks against copying,
not a measure of privacy: rows may be far from all training rows and still say who was among them
(`synthtab.evaluation.privacy.membership` and `synthtab.evaluation.privacy.attacks` are for that).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip, share_interval
from synthtab.evaluation.neighbours import distances, fingerprints, nearest, scale
from synthtab.evaluation.views import Tables

QUERIES = 3_000
MAX_ROWS = 20_000
SEARCHED = 50_000
MIN_ROWS = 20
NEAR = 0.02
DRAWS = 200
LISTED = 100
TIE = 1e-9
HOLDOUT = "holdout rows"


def exact_copies(tables: Tables, streams: Streams) -> Outcome:
    """Share of synthetic rows that equal a real row in every compared column.

    Beside it: the same share of the holdout's rows or, without a holdout, of the real rows that
    occur more than once in their own table. Detail: the positions of the first 100 copies.
    """
    real = fingerprints(tables.real)
    copies = np.isin(fingerprints(tables.synthetic), real)
    if tables.holdout is not None:
        reference = Reference(
            float(np.isin(fingerprints(tables.holdout), real).mean()), HOLDOUT
        )
    else:
        _, position, counts = np.unique(real, return_inverse=True, return_counts=True)
        reference = Reference(
            float((counts[position] > 1).mean()), "real rows, repeated"
        )
    value, positions = float(copies.mean()), tables.synthetic.positions
    where = np.flatnonzero(copies) if positions is None else positions[copies]
    return Outcome(
        value,
        reference,
        share_interval(float(copies.sum()), len(copies)),
        len(copies),
        {"copies": int(copies.sum()), "rows": np.sort(where)[:LISTED].tolist()},
    )


def nearer_to_train(tables: Tables, streams: Streams) -> Outcome:
    """Share of synthetic rows that are nearer to a real row than to any of as many holdout rows.

    The distance is Euclidean over standardised numbers and one-hot categories; a tie counts half.
    """
    assert tables.holdout is not None
    size = min(len(tables.real), len(tables.holdout), MAX_ROWS)
    if size < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")
    queries = tables.synthetic.some(QUERIES, streams.numpy("queries"))
    real = tables.real.some(size, streams.numpy("real side"))
    holdout = tables.holdout.some(size, streams.numpy("holdout side"))
    near, far = (
        np.sqrt(nearest(scale(tables), queries, view)) for view in (real, holdout)
    )
    tie = np.abs(near - far) <= TIE * (1.0 + near)
    wins = float(((near < far) & ~tie).sum() + 0.5 * tie.sum())
    return Outcome(
        wins / len(queries),
        Reference(0.5, "ideal: no nearer"),
        share_interval(wins, len(queries)),
        len(queries),
        {"rows on each side": size, "ties": int(tie.sum())},
    )


def near_copies(tables: Tables, streams: Streams) -> Outcome:
    """Share of synthetic rows as near to a training row as the nearest 2 % of the holdout rows are.

    The threshold is the 2 % quantile of the holdout rows' distances to their nearest training row; a
    synthetic row at the threshold or below counts. Beside it: the share of the holdout rows that do,
    2 % or, where many holdout rows are equally near (equal to a training row, say), more. The interval
    is Wilson's for as many rows as the harmonic half of both samples, as the threshold is estimated too.
    """
    found = _neighbourhoods(tables, streams)
    ordered = np.sort(found.holdout[:, 0])
    threshold = float(ordered[max(math.ceil(NEAR * len(ordered)), 1) - 1])
    limit = threshold * (1.0 + TIE)
    value, beside = (
        float((near[:, 0] <= limit).mean()) for near in (found.synthetic, found.holdout)
    )
    effective = 1.0 / (1.0 / len(found.synthetic) + 1.0 / len(found.holdout))
    return Outcome(
        value,
        Reference(beside, HOLDOUT),
        share_interval(value * effective, effective),
        len(found.synthetic),
        {"threshold": threshold, "training rows searched": found.searched},
    )


def closest_record(tables: Tables, streams: Streams) -> Outcome:
    """Median distance from a synthetic row to its nearest training row over that of a holdout row.

    Known as DCR (distance to closest record). 0 where the rows are copies, 1 where they are as far
    from the training rows as real rows are, more where they lie off the real rows. Its interval is
    the percentile interval of 200 bootstrap draws of both samples.
    """
    found = _neighbourhoods(tables, streams)
    sides = found.synthetic[:, 0], found.holdout[:, 0]
    own, other = (float(np.median(side)) for side in sides)
    if other == 0.0:
        raise Skip("most holdout rows are training rows")
    rng = streams.numpy("closest record")
    draws = [
        np.median(side[rng.integers(len(side), size=(DRAWS, len(side)))], axis=1)
        for side in sides
    ]
    kept = draws[1] > 0.0
    low, high = np.quantile(draws[0][kept] / draws[1][kept], [0.025, 0.975])
    value = own / other
    return Outcome(
        value,
        Reference(1.0, "ideal: as far as holdout rows"),
        (min(float(low), value), max(float(high), value)),
        len(found.synthetic),
        {
            "median distance": own,
            "median distance of holdout rows": other,
            "training rows searched": found.searched,
        },
    )


def distance_ratio(tables: Tables, streams: Streams) -> Outcome:
    """Median over synthetic rows of the distances to the nearest over the second-nearest training row.

    Known as NNDR (nearest-neighbour distance ratio). Near 0: rows cling to single training rows. A row
    that equals two training rows counts as 1. The interval is the percentile interval of 200 bootstrap draws
    of the difference from the holdout's ratio, thus allows for the chance in that too.
    """
    found = _neighbourhoods(tables, streams)
    if found.searched < 2:
        raise Skip("a single training row")
    own, other = (_ratio(near) for near in (found.synthetic, found.holdout))
    rng = streams.numpy("distance ratio")
    draws = [
        np.median(side[rng.integers(len(side), size=(DRAWS, len(side)))], axis=1)
        for side in (own, other)
    ]
    value, beside = float(np.median(own)), float(np.median(other))
    low, high = beside + np.quantile(draws[0] - draws[1], [0.025, 0.975])
    return Outcome(
        value,
        Reference(beside, HOLDOUT),
        (min(max(float(low), 0.0), value), max(min(float(high), 1.0), value)),
        len(own),
        {"training rows searched": found.searched},
    )


@dataclass(frozen=True)
class _Neighbourhoods:
    """Distances to the nearest two training rows, nearest first: ``[queries, 2]``."""

    synthetic: Floats
    holdout: Floats
    searched: int


def _neighbourhoods(tables: Tables, streams: Streams) -> _Neighbourhoods:
    """What three metrics share: `QUERIES` rows of either table against `SEARCHED` training rows."""
    holdout = tables.holdout
    assert holdout is not None
    if min(len(tables.real), len(holdout), len(tables.synthetic)) < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")

    def side(name: str) -> Floats:
        whole = tables.synthetic if name == "synthetic" else holdout
        queries = whole.some(
            QUERIES, streams.numpy("neighbourhoods", name == "synthetic")
        )
        return distances(
            scale(tables),
            queries,
            tables.real,
            2,
            SEARCHED,
            streams.numpy("training rows"),
        )

    return tables.once(
        f"neighbourhoods {streams.seed}",
        lambda: _Neighbourhoods(
            side("synthetic"), side("holdout"), min(len(tables.real), SEARCHED)
        ),
    )


def _ratio(near: Floats) -> Floats:
    ratio: Floats = np.where(
        near[:, 1] > 0.0, near[:, 0] / np.where(near[:, 1] > 0.0, near[:, 1], 1.0), 1.0
    )
    return ratio


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
