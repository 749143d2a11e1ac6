"""How far do the numbers of single columns lie from the real ones, in their own units?"""

from __future__ import annotations

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.floors import wasserstein_floor
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip
from synthtab.evaluation.metrics.fidelity import PERFECT
from synthtab.evaluation.views import Tables


def wasserstein(tables: Tables, streams: Streams) -> Outcome:
    """Mean over numeric columns of the Wasserstein-1 distance in standard deviations of the real column.

    W1 = ∫ |F_real(x) - F_synthetic(x)| dx over the cells that are there: the mean way that a value
    has to move. A column without any synthetic number counts as one standard deviation. The floor is
    that of a bootstrap of the real rows, in closed form (`floors.wasserstein_floor`).
    """
    distances: dict[str, float] = {}
    floors: dict[str, float] = {}
    for j, name in enumerate(tables.numeric):
        real, synthetic = (
            _there(view.numbers[:, j]) for view in (tables.real, tables.synthetic)
        )
        spread = float(real.std())
        if spread == 0:
            continue
        distances[name] = _distance(real, synthetic) / spread if len(synthetic) else 1.0
        draws = max(round(len(tables.synthetic) * len(real) / len(tables.real)), 1)
        floors[name] = wasserstein_floor(real, draws) / spread
    if not distances:
        raise Skip("no numeric column varies")
    order = sorted(distances, key=lambda name: (-distances[name], name))
    return Outcome(
        float(np.mean(list(distances.values()))),
        Reference(float(np.mean(list(floors.values()))), PERFECT),
        n=len(tables.synthetic),
        detail={"columns": {name: distances[name] for name in order}, "floors": floors},
    )


def _there(values: Floats) -> Floats:
    return np.sort(values[~np.isnan(values)])


def _distance(a: Floats, b: Floats) -> float:
    """Between two sorted samples."""
    both = np.sort(np.concatenate([a, b]))
    at = both[:-1]
    gap = np.searchsorted(a, at, side="right") / len(a) - np.searchsorted(
        b, at, side="right"
    ) / len(b)
    return float((np.abs(gap) * np.diff(both)).sum())


WASSERSTEIN = Metric(
    "wasserstein",
    "Wasserstein distance",
    "how far numbers must move to be the real ones, in standard deviations",
    "fidelity",
    "lower",
    wasserstein,
    (0.0, np.inf),
)
