"""How far do the numbers of a column lie from the real ones, in their own units?"""

from __future__ import annotations

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.floors import wasserstein_floor
from synthtab.evaluation.metric import (
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.metrics.fidelity import largest_first
from synthtab.evaluation.views import Tables


def wasserstein(tables: Tables, streams: Streams) -> Outcome:
    """Mean over numeric columns of the Wasserstein-1 distance, in standard deviations.

    W1 = ∫ |F(x) - F'(x)| dx over the cells that are there: the mean way that a value
    has to move. The unit is the standard deviation of the real column; a column without
    any synthetic number counts as one of them. From 0, which is best, upwards. The
    floor is that of a bootstrap of the real rows, in closed form
    (`floors.wasserstein_floor`).
    """
    distances: dict[str, float] = {}
    floors: dict[str, float] = {}
    for j, name in enumerate(tables.numeric):
        real = np.sort(known(tables.real.numbers[:, j]))
        synthetic = np.sort(known(tables.synthetic.numbers[:, j]))
        deviation = float(real.std())
        if deviation == 0:
            continue
        distances[name] = 1.0
        if len(synthetic):
            distances[name] = _distance(real, synthetic) / deviation
        # A bootstrap of all rows draws about so many that have a number here.
        share_known = len(real) / len(tables.real)
        draws = max(round(len(tables.synthetic) * share_known), 1)
        floors[name] = wasserstein_floor(real, draws) / deviation
    if not distances:
        raise Skip("no numeric column varies")
    return Outcome(
        float(np.mean(list(distances.values()))),
        Reference(float(np.mean(list(floors.values()))), PERFECT_SAMPLER),
        n=len(tables.synthetic),
        detail={"columns": largest_first(distances), "floors": floors},
    )


def _distance(a: Floats, b: Floats) -> float:
    """W1 of two sorted samples: between neighbouring values both F are constant."""
    values = np.sort(np.concatenate([a, b]))
    steps = values[:-1]
    share_of_a = np.searchsorted(a, steps, side="right") / len(a)
    share_of_b = np.searchsorted(b, steps, side="right") / len(b)
    return float((np.abs(share_of_a - share_of_b) * np.diff(values)).sum())


WASSERSTEIN = Metric(
    "wasserstein",
    "Wasserstein distance",
    "how far numbers must move to be the real ones, in standard deviations",
    "fidelity",
    "lower",
    wasserstein,
    (0.0, np.inf),
)
