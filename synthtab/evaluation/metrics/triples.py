"""Do three columns at a time occur together as they should?"""

from __future__ import annotations

import math

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation.floors import sample_interval, total_variation_floor
from synthtab.evaluation.levels import coarse, some_combinations
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip
from synthtab.evaluation.metrics.fidelity import PERFECT
from synthtab.evaluation.views import Tables

BINS = 5
TRIPLES = 200
WORST = 20


def triples_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over triples of columns of the total variation between the three-way tables, in percent.

    Numbers are in 5 quantile bins of the real table and columns keep their 5 commonest categories
    (see levels.py). Of more than 200 triples that many are drawn, and the interval is the error of
    that draw. The floor is that of a bootstrap of the real rows, in closed form.
    """
    columns, size = len(tables.names), len(tables.synthetic)
    if columns < 3:
        raise Skip("fewer than three columns")
    levels = coarse(tables, BINS)
    triples = some_combinations(columns, 3, TRIPLES, streams.numpy("triples"))
    errors, floors = [], []
    for triple in triples:
        p, q = levels.joint(triple)
        errors.append(50 * float(np.abs(p - q).sum()))
        floors.append(100 * total_variation_floor(p, size))
    order = sorted(range(len(triples)), key=lambda t: (-errors[t], triples[t]))[:WORST]
    total = math.comb(columns, 3)
    interval = sample_interval(errors, total)
    return Outcome(
        float(np.mean(errors)),
        Reference(float(np.mean(floors)), PERFECT),
        None if interval is None else (max(interval[0], 0.0), min(interval[1], 100.0)),
        n=size,
        detail={
            "triples": {
                " + ".join(tables.names[j] for j in triples[t]): errors[t]
                for t in order
            },
            "number of triples": len(triples),
            "of": total,
        },
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
