"""Are cells missing together as they are in real rows?"""

from __future__ import annotations

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.floors import total_variation_floor
from synthtab.evaluation.metric import (
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.views import Tables

# Patterns in the detail.
WORST = 10


def missing_patterns(tables: Tables, streams: Streams) -> Outcome:
    """Total variation ½ Σ |p - p'| between the distributions of patterns, times 100.

    The pattern of a row is the set of its missing cells. Columns that lose cells
    independently of each other, each at the right rate, have the wrong patterns. From
    0, which is best, to 100. The floor is that of a bootstrap of the real rows, in
    closed form.
    """
    real = tables.missing(tables.real)
    synthetic = tables.missing(tables.synthetic)
    with_gaps = np.flatnonzero(real.any(axis=0) | synthetic.any(axis=0))
    if len(with_gaps) == 0:
        raise Skip("no cell is missing in either table")
    names = [tables.names[j] for j in with_gaps]

    # A pattern is a row of bits, packed into bytes: rows are compared by a few bytes,
    # however many columns there are.
    both = np.concatenate([real, synthetic])[:, with_gaps]
    packed = np.packbits(both, axis=1)
    patterns, pattern_of_row = np.unique(packed, axis=0, return_inverse=True)
    pattern_of_row = pattern_of_row.ravel()
    count = len(patterns)
    of_real = pattern_of_row[: len(real)]
    of_synthetic = pattern_of_row[len(real) :]
    p = np.bincount(of_real, minlength=count) / len(of_real)
    q = np.bincount(of_synthetic, minlength=count) / len(of_synthetic)

    # In words, those whose share differs most; equals by their bits.
    farthest = sorted(range(count), key=lambda k: (-abs(p[k] - q[k]), k))
    bits = np.unpackbits(patterns, axis=1, count=len(with_gaps)).astype(bool)
    worst = []
    for k in farthest[:WORST]:
        absent = [names[j] for j in np.flatnonzero(bits[k])]
        entry = {"missing": absent, "real": float(p[k]), "synthetic": float(q[k])}
        worst.append(entry)
    return Outcome(
        50 * float(np.abs(p - q).sum()),
        Reference(100 * total_variation_floor(p, len(synthetic)), PERFECT_SAMPLER),
        n=len(synthetic),
        detail={
            "patterns": worst,
            "number of patterns": int((p > 0).sum()),
            "luck": chance.unlike_shares(
                np.bincount(of_synthetic, minlength=count),
                np.bincount(of_real, minlength=count),
            ),
        },
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
