"""Are the numbers written like the real ones: as whole, as round, as often the same?

A generator that blurs an integer or spreads a heap (0 in a column of gains, 40 among
the hours of work) changes the distribution little, but everybody sees it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.metric import (
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.metrics.fidelity import largest_first
from synthtab.evaluation.views import Tables

# From six decimals to whole thousands.
MOST_DECIMALS = 6
FEWEST_DECIMALS = -3
# With fewer values, that all of them are whole says little.
MIN_VALUES = 20
# A heap is a value of so many of the rows, by share and by number: fewer rows are a
# heap by chance.
HEAP_SHARE = 0.02
HEAP_ROWS = 10
FLOOR_DRAWS = 50


def off_grid(tables: Tables, streams: Streams) -> Outcome:
    """Mean over numeric columns of the share with too many decimals, times 100.

    Too many is more than any real value has. Decimals go from 6 down to -3 (whole
    thousands); a column whose real values have more is left out. From 0, which is best,
    to 100.
    """
    shares: dict[str, float] = {}
    decimals: dict[str, int] = {}
    luck: dict[str, float] = {}
    for j, name in enumerate(tables.numeric):
        real_decimals = decimals_of(known(tables.real.numbers[:, j]))
        values = known(tables.synthetic.numbers[:, j])
        if real_decimals is not None and len(values):
            decimals[name] = real_decimals
            off = ~_have_decimals(values, real_decimals)
            shares[name] = 100 * float(off.mean())
            real = known(tables.real.numbers[:, j])
            # By luck no real number has more decimals, and so many of these have.
            luck[name] = float(chance.all_beyond(off.sum(), len(values), len(real)))
    if not shares:
        raise Skip("no number has a fixed format")
    return Outcome(
        float(np.mean(list(shares.values()))),
        Reference(0.0, PERFECT_SAMPLER),
        n=len(shares),
        detail={
            "columns": largest_first(shares),
            "decimals": decimals,
            "luck": luck,
        },
    )


def heap_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over numbers of the total variation ½ Σ |p - p'| of their heaps, times 100.

    A heap is a value that 2 % of the real rows share, and 10 rows at least; all other
    values are one more heap. From 0, which is best, to 100. The floor is the mean over
    50 draws of the synthetic rows from the real shares.
    """
    errors: dict[str, float] = {}
    floors: dict[str, float] = {}
    worst_heaps: dict[str, dict[str, object]] = {}
    luck: dict[str, float] = {}
    for j, name in enumerate(tables.numeric):
        real = known(tables.real.numbers[:, j])
        synthetic = known(tables.synthetic.numbers[:, j])
        size = len(synthetic)
        values, counts = np.unique(real, return_counts=True)
        is_heap = counts >= max(HEAP_SHARE * len(real), HEAP_ROWS)
        if not is_heap.any() or size == 0:
            continue
        heaps = values[is_heap]
        p = counts[is_heap] / len(real)
        q = (synthetic[:, None] == heaps).mean(axis=0)
        errors[name] = 100 * _variation(p, q)

        heaps_beside = (synthetic[:, None] == heaps).sum(axis=0)
        luck[name] = chance.unlike_shares(
            [*heaps_beside, size - heaps_beside.sum()],
            [*counts[is_heap], len(real) - counts[is_heap].sum()],
        )
        all_others = max(1.0 - float(p.sum()), 0.0)
        rng = streams.numpy("heap floor", j)
        draws = rng.multinomial(size, [*p, all_others], size=FLOOR_DRAWS)
        of_draws = [_variation(p, draw[:-1] / size) for draw in draws]
        floors[name] = 100 * float(np.mean(of_draws))

        worst = int(np.argmax(np.abs(p - q)))
        worst_heaps[name] = {
            "value": float(heaps[worst]),
            "real": float(p[worst]),
            "synthetic": float(q[worst]),
        }
    if not errors:
        raise Skip("no number repeats that often")
    return Outcome(
        float(np.mean(list(errors.values()))),
        Reference(float(np.mean(list(floors.values()))), PERFECT_SAMPLER),
        n=len(errors),
        detail={
            "columns": largest_first(errors),
            "floors": floors,
            "heaps": worst_heaps,
            "luck": luck,
        },
    )


def decimals_of(values: Floats) -> int | None:
    """The fewest decimals with which all values can be written.

    Below 0 for tens and more: -1 for 10, 40 and 70. None if they have too many.
    """
    if len(values) < MIN_VALUES:
        return None
    # A few distinct values, such as 0 and 1000, may be round by chance.
    several = len(np.unique(values)) >= MIN_VALUES
    first = FEWEST_DECIMALS if several else 0
    for decimals in range(first, MOST_DECIMALS + 1):
        if _have_decimals(values, decimals).all():
            return decimals
    return None


def _have_decimals(values: Floats, decimals: int) -> npt.NDArray[np.bool_]:
    """Which of the values have no more decimals than that ``[values]``."""
    scaled = values * 10.0**decimals
    # Far from 0 a float has no decimals left to look at.
    tolerance = 1e-6 + 1e-12 * np.abs(scaled)
    close: npt.NDArray[np.bool_] = np.abs(scaled - np.rint(scaled)) <= tolerance
    return close


def _variation(p: Floats, q: Floats) -> float:
    """Total variation of two distributions whose last, unnamed cell is what is left."""
    of_last = abs(float(p.sum() - q.sum()))
    return float(np.abs(p - q).sum() + of_last) / 2


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
