"""What a study could have seen, and how many rows or repeats would tell more.

Both follow from how uncertain a difference is, not from whether it was found: "power of
the effect that was observed" is the p-value said again (Hoenig and Heisey 2001).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from synthtab.augment.intervals import LEVEL, Estimate

# How often an effect should be found that is there.
FOUND = 0.8
# A smaller difference than this, of a metric that is 1 at best, is worth no plan, unless
# the study could see it; and a smaller one than the other is worth none at all.
WORTH = 0.01
LEAST_WORTH = 0.002


@dataclass(frozen=True)
class Power:
    """What a study can tell from 0.

    Attributes:
        seen: The smallest true difference that such a study finds four times in five.
        effect: The difference that the counts below are for: the one that was measured,
            or 0.01 if that is larger; where the study could see 0.01, the one that was
            measured, or 0.002.
        rows: Rows that would tell it four times in five: of the holdout, or of the real
            table where there is none. As many as there are if repeats alone would do.
        repeats: Repeats that it takes with these rows.
    """

    seen: float
    effect: float
    rows: int
    repeats: int


def power(estimate: Estimate, rows: int, repeats: int) -> Power | None:
    """The power of a study; None if it has no interval.

    The variance is that of the draws, which goes with 1 / repeats, and that of the rows,
    which goes with 1 / rows. A difference is found with the chance `FOUND` if it is
    z(0.975) + z(0.8) standard errors from 0.

    Args:
        estimate: The difference.
        rows: Rows of the holdout, or of the real table where there is none.
        repeats: How many it had.
    """
    if not estimate.freedom:
        return None
    # t of the study itself, and z for one that is larger.
    limit = stats.t.ppf(0.5 + LEVEL / 2, estimate.freedom)
    seen = float(limit + stats.t.ppf(FOUND, estimate.freedom)) * estimate.error
    least = LEAST_WORTH if seen <= WORTH else WORTH
    effect = max(abs(estimate.mean), least)
    errors = stats.norm.ppf(0.5 + LEVEL / 2) + stats.norm.ppf(FOUND)
    wanted = (effect / float(errors)) ** 2
    of_one_draw = estimate.of_draws * repeats
    # As many repeats as leave at most half of the variance to the draws.
    enough_repeats = max(repeats, math.ceil(2 * of_one_draw / wanted))
    left_for_rows = wanted - of_one_draw / enough_repeats
    enough_rows = max(rows, math.ceil(rows * estimate.of_rows / left_for_rows))
    return Power(seen, effect, enough_rows, enough_repeats)
