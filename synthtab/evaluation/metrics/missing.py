"""Are cells missing together as they are in real rows?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation.floors import total_variation_floor
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip
from synthtab.evaluation.metrics.fidelity import PERFECT
from synthtab.evaluation.views import Tables, View

WORST = 10


def missing_patterns(tables: Tables, streams: Streams) -> Outcome:
    """Total variation between the distributions of missing-value patterns, in percent.

    The pattern of a row is the set of its missing cells. Columns that lose cells independently of
    each other, each at the right rate, have the wrong patterns. The floor is that of a bootstrap of
    the real rows, in closed form.
    """
    real, synthetic = _missing(tables, tables.real), _missing(tables, tables.synthetic)
    columns = np.flatnonzero(real.any(axis=0) | synthetic.any(axis=0))
    if len(columns) == 0:
        raise Skip("no cell is missing in either table")
    names = [tables.names[j] for j in columns]
    packed = np.packbits(np.concatenate([real, synthetic])[:, columns], axis=1)
    kinds, which = np.unique(packed, axis=0, return_inverse=True)
    which = which.ravel()
    p, q = (
        np.bincount(w, minlength=len(kinds)) / len(w)
        for w in (which[: len(real)], which[len(real) :])
    )
    bits = np.unpackbits(kinds, axis=1, count=len(columns)).astype(bool)
    worst = sorted(range(len(kinds)), key=lambda k: (-abs(p[k] - q[k]), k))[:WORST]
    patterns = [
        {
            "missing": [
                name for name, gone in zip(names, bits[k], strict=True) if gone
            ],
            "real": float(p[k]),
            "synthetic": float(q[k]),
        }
        for k in worst
    ]
    return Outcome(
        50 * float(np.abs(p - q).sum()),
        Reference(100 * total_variation_floor(p, len(synthetic)), PERFECT),
        n=len(synthetic),
        detail={"patterns": patterns, "number of patterns": int((p > 0).sum())},
    )


def _missing(tables: Tables, view: View) -> npt.NDArray[np.bool_]:
    """Of every cell, whether it is missing."""
    return np.concatenate(
        [
            np.isnan(view.numbers),
            view.codes == np.array(tables.sizes, dtype=np.int32) - 1,
        ],
        axis=1,
    )


PATTERNS = Metric(
    "missing_patterns",
    "Missing together",
    "how far the sets of cells that are missing together are from the real ones",
    "fidelity",
    "lower",
    missing_patterns,
    (0.0, 100.0),
    "%",
)
