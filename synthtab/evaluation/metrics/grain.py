"""Are the numbers written like the real ones: as whole, as round, as often the same?

A generator that blurs an integer or spreads a heap (0 in a column of gains, 40 among the hours of
work) changes the distribution little, but everybody sees it.
"""

from __future__ import annotations

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip
from synthtab.evaluation.views import Tables

FINEST, COARSEST = 6, -3
MIN_VALUES = 20
HEAP, HEAP_ROWS = 0.02, 10  # fewer rows are a heap by chance
DRAWS = 50
PERFECT = "a perfect sampler"


def off_grid(tables: Tables, streams: Streams) -> Outcome:
    """Mean over numeric columns of the share of values with more decimals than any real value has.

    Decimals go from 6 down to -3 (whole thousands); a column with more is left out.
    """
    shares: dict[str, float] = {}
    decimals: dict[str, int] = {}
    for j, name in enumerate(tables.numeric):
        found = _decimals(_there(tables.real.numbers[:, j]))
        values = _there(tables.synthetic.numbers[:, j])
        if found is not None and len(values):
            decimals[name] = found
            shares[name] = 100 * float((~_on(values, found)).mean())
    if not shares:
        raise Skip("no number has a fixed format")
    return Outcome(
        float(np.mean(list(shares.values()))),
        Reference(0.0, PERFECT),
        n=len(shares),
        detail={
            "columns": dict(sorted(shares.items(), key=lambda s: (-s[1], s[0]))),
            "decimals": decimals,
        },
    )


def heap_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over numeric columns of the total variation of their heaps.

    A heap is a value that 2 % of the real rows share, and 10 rows at least; all others are one more heap.
    """
    errors: dict[str, float] = {}
    floors: dict[str, float] = {}
    heaps: dict[str, dict[str, object]] = {}
    for j, name in enumerate(tables.numeric):
        real, synthetic = (
            _there(tables.real.numbers[:, j]),
            _there(tables.synthetic.numbers[:, j]),
        )
        values, counts = np.unique(real, return_counts=True)
        kept = counts >= max(HEAP * len(real), HEAP_ROWS)
        if not kept.any() or not len(synthetic):
            continue
        p, q = (
            counts[kept] / len(real),
            (synthetic[:, None] == values[kept]).mean(axis=0),
        )
        errors[name] = 100 * _variation(p, q)
        draws = streams.numpy("heap floor", j).multinomial(
            len(synthetic), [*p, max(1.0 - float(p.sum()), 0.0)], size=DRAWS
        )
        floors[name] = 100 * float(
            np.mean([_variation(p, d[:-1] / len(synthetic)) for d in draws])
        )
        worst = int(np.argmax(np.abs(p - q)))
        heaps[name] = {
            "value": float(values[kept][worst]),
            "real": float(p[worst]),
            "synthetic": float(q[worst]),
        }
    if not errors:
        raise Skip("no number repeats that often")
    return Outcome(
        float(np.mean(list(errors.values()))),
        Reference(float(np.mean(list(floors.values()))), PERFECT),
        n=len(errors),
        detail={
            "columns": dict(sorted(errors.items(), key=lambda e: (-e[1], e[0]))),
            "floors": floors,
            "heaps": heaps,
        },
    )


def _there(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _decimals(values: Floats) -> int | None:
    """The fewest decimals that all values have, below 0 for tens and more; None if they have too many."""
    if len(values) < MIN_VALUES:
        return None
    coarsest = COARSEST if len(np.unique(values)) >= MIN_VALUES else 0
    for decimals in range(coarsest, FINEST + 1):
        if _on(values, decimals).all():
            return decimals
    return None


def _on(values: Floats, decimals: int) -> np.ndarray:
    scaled = values * 10.0**decimals
    # Far from 0 a float has no decimals left to look at.
    close: np.ndarray = np.abs(scaled - np.rint(scaled)) <= 1e-6 + 1e-12 * np.abs(
        scaled
    )
    return close


def _variation(p: Floats, q: Floats) -> float:
    """Total variation of two distributions whose last, unnamed cell is the rest."""
    return float(np.abs(p - q).sum() + abs(float(p.sum() - q.sum()))) / 2


GRID = Metric(
    "off_grid",
    "Wrong decimals",
    "share of numbers with more decimals than any real one; 0 = none",
    "fidelity",
    "lower",
    off_grid,
    (0.0, 100.0),
    "%",
)
HEAPS = Metric(
    "heap_error",
    "Repeated values",
    "do values that many rows share occur as often? 0 = as often",
    "fidelity",
    "lower",
    heap_error,
    (0.0, 100.0),
    "%",
)
