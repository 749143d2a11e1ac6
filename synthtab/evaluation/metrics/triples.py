"""Do three columns at a time occur together as they should?"""

from __future__ import annotations

import math

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation.floors import sample_interval, total_variation_floor
from synthtab.evaluation.levels import coarse, some_combinations
from synthtab.evaluation.metric import (
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.views import Tables

BINS = 5
MAX_TRIPLES = 200
# Triples in the detail.
WORST = 20


def triples_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over triples of columns of the total variation ½ Σ |p - p'|, times 100.

    It is that of the three-way tables, in which numbers are in 5 quantile bins of the
    real table and columns keep their 5 commonest categories (see `levels`). From 0,
    which is best, to 100. Of more than 200 triples that many are drawn, and the
    interval is the error of that draw. The floor is that of a bootstrap of the real
    rows, in closed form.
    """
    columns = len(tables.names)
    size = len(tables.synthetic)
    if columns < 3:
        raise Skip("fewer than three columns")
    levels = coarse(tables, BINS)
    triples = some_combinations(columns, 3, MAX_TRIPLES, streams.numpy("triples"))
    errors = []
    floors = []
    for triple in triples:
        p, q = levels.joint(triple)
        errors.append(50 * float(np.abs(p - q).sum()))
        floors.append(100 * total_variation_floor(p, size))
    worst = sorted(range(len(triples)), key=lambda t: (-errors[t], triples[t]))[:WORST]
    of_worst = {}
    for t in worst:
        of_worst[" + ".join(tables.names[j] for j in triples[t])] = errors[t]
    total = math.comb(columns, 3)
    interval = sample_interval(errors, total)
    if interval is not None:
        interval = (max(interval[0], 0.0), min(interval[1], 100.0))
    return Outcome(
        float(np.mean(errors)),
        Reference(float(np.mean(floors)), PERFECT_SAMPLER),
        interval,
        n=size,
        detail={"triples": of_worst, "number of triples": len(triples), "of": total},
    )


TRIPLES_ERROR = Metric(
    "triples_error",
    "Triples error",
    "how far triples of columns are from the real ones, on average; 0 = same",
    "fidelity",
    "lower",
    triples_error,
    (0.0, 100.0),
    "%",
)
