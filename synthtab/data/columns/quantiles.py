"""The distribution of one continuous mode, as a table from values to [0, 1] and back.

A value's offset is its probability integral transform within the mode: F(value), where F
is the distribution function. Where a value stands for a step of F (it repeats, or it was
rounded) the offset is drawn uniformly from that step. So offsets are uniform on [0, 1]
whatever the data, and the quantile function leads back to the value.

Positions, which are values of F, are kept as whole multiples of 2**-24. float32
represents these exactly, so that no offset changes its step by rounding.

A table may be made of averages (see `synthtab.data.columns.disclosure`). Then F is linear
from one average to the next, and values beyond the first and the last of them are drawn
within the segment there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# The position of F = 1.
UNIT = 1 << 24
# A mode with at most this many distinct values is kept exactly.
STEPS = 2048
# Further knots in each tail of a mode that is not, where F would be too coarse.
TAIL_KNOTS = 64

Numbers = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Quantiles:
    """A distribution function and its inverse.

    Attributes:
        values: Ascending. All distinct values (``exact``), or the knots of a piecewise
            linear F. A knot stands there twice where F jumps.
        positions: The upper end of each value's step, or F at each knot, in `UNIT`.
        exact: Which of the two.
        resolution: Distance of neighbouring values that the column can hold (1 for
            integers, 0.01 for two decimals, 0 for any float). A value between knots
            owns half of it on each side.
        averaged: Whether some values are averages of several.
    """

    values: Numbers
    positions: Integers
    exact: bool
    resolution: float
    averaged: bool = False

    @classmethod
    def fit(
        cls,
        distinct: Numbers,
        weights: Numbers,
        resolution: float,
        knots: int = 1024,
        averages: npt.NDArray[np.bool_] | None = None,
    ) -> Quantiles:
        """The distribution that has these weights on these values.

        Args:
            distinct: Ascending values.
            weights: Of each.
            resolution: See the class.
            knots: About how many are kept, where there are more than `STEPS` values.
            averages: Which values are averages of several; None for none of them.
        """
        if averages is None:
            averages = np.zeros(len(distinct), dtype=bool)
        if len(distinct) <= STEPS and not averages.any():
            positions = _widths(weights).cumsum()
            return cls(distinct, positions, True, resolution)

        # F from below and from above: between them, a value's step.
        right = np.cumsum(weights, dtype=np.float64)
        left = right - weights
        total = right[-1]
        if len(distinct) <= STEPS:
            heavy = np.flatnonzero(~averages)
            light = np.flatnonzero(averages)
        else:
            chosen = _evenly(right, knots)
            heavy = np.flatnonzero(~averages & (weights > total / knots))
            light = chosen[~np.isin(chosen, heavy)]
        # A light value is a knot in the middle of its step; a heavy one is two knots,
        # so that F jumps there.
        middle = (left + right) / 2
        middle[0] = 0
        middle[-1] = total
        value = np.concatenate([light, heavy, heavy])
        at = np.concatenate([middle[light], left[heavy], right[heavy]])
        order = np.lexsort([value, at])
        positions = np.rint(at[order] / total * UNIT).astype(np.int64)
        values = np.asarray(distinct, dtype=np.float64)[value[order]]
        return cls(values, positions, False, resolution, bool(averages.any()))

    def encode(
        self, values: Numbers, rng: np.random.Generator
    ) -> npt.NDArray[np.float32]:
        """Values => offsets in [0, 1].

        A value that is not in an exact table counts as its nearest.
        """
        draws = rng.random(len(values))
        if self.exact:
            step = nearest(self.values, values)
            high = self.positions[step]
            low = np.append(0, self.positions)[step]
            position = low + np.floor(draws * (high - low))
            return np.asarray(position / UNIT, dtype=np.float32)
        half = self.resolution / 2
        begin = self._below(values - half, "left")
        end = self._below(values + half, "right")
        if self.averaged and len(self.values) > 1:
            # Beyond an average at the edge: anywhere in the segment there.
            begin = np.where(values > self.values[-1], self.positions[-2], begin)
            end = np.where(values < self.values[0], self.positions[1], end)
        offsets = (begin + draws * (end - begin)) / UNIT
        return np.clip(offsets, 0, 1).astype(np.float32)

    def decode(self, offsets: npt.NDArray[np.floating[Any]]) -> Numbers:
        """Offsets => values; between knots not yet rounded to the resolution."""
        position = offsets.astype(np.float64) * UNIT
        if self.exact:
            step = np.searchsorted(self.positions, np.floor(position), side="right")
            return self.values[np.clip(step, 0, len(self.values) - 1)]
        # Halves, so that the distance of -1e308 and 1e308 is a number.
        return 2 * np.interp(position, self.positions, 0.5 * self.values)

    def _below(self, values: Floats, side: str) -> Floats:
        """F just below ("left") or at ("right") each value; they differ where F jumps."""
        knots = self.values
        positions = self.positions
        upper = np.searchsorted(knots, values, side="left")
        knot = np.minimum(upper, len(knots) - 1)
        if side == "right":
            upper = np.searchsorted(knots, values, side="right")
            knot = np.maximum(upper - 1, 0)
        on_knot = knots[knot] == values
        # Between two knots, F is linear. Halves, as in `decode`.
        right = np.clip(upper, 1, len(knots) - 1)
        left = right - 1
        gap = 0.5 * knots[right] - 0.5 * knots[left]
        gone = 0.5 * values - 0.5 * knots[left]
        share = np.clip(gone / np.where(gap > 0, gap, 1), 0, 1)
        rise = positions[right] - positions[left]
        between = positions[left] + share * rise
        return np.asarray(np.where(on_knot, positions[knot], between), dtype=np.float64)

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {
            "values": self.values.tolist(),
            "positions": self.positions.tolist(),
            "exact": self.exact,
            "averaged": self.averaged,
        }

    @classmethod
    def from_state(
        cls, state: Mapping[str, Any], dtype: npt.DTypeLike, resolution: float
    ) -> Quantiles:
        """The inverse of `state`."""
        exact = state["exact"]
        # Averages of whole numbers are floats.
        values = np.array(state["values"], dtype=dtype if exact else np.float64)
        positions = np.array(state["positions"], dtype=np.int64)
        averaged = state.get("averaged", False)
        return cls(values, positions, exact, resolution, averaged)


def _widths(weights: Numbers) -> Integers:
    """Steps in proportion to the weights, none of them empty; they sum to `UNIT`."""
    widths = np.rint(weights / weights.sum() * UNIT)
    widths = np.maximum(1, widths).astype(np.int64)
    # The widest step takes what rounding left.
    widths[widths.argmax()] += UNIT - widths.sum()
    return widths


def _evenly(right: Floats, knots: int) -> Integers:
    """About so many values at even distances in F, and more of them in the tails.

    Args:
        right: The cumulated weights of ascending values.
        knots: How many.
    """
    total = right[-1]
    even = np.linspace(0, 1, knots + 1)
    tail = np.geomspace(min(1 / total, 1 / knots), 1 / knots, TAIL_KNOTS)
    grid = np.concatenate([even, tail, 1 - tail])
    places = np.searchsorted(right, grid * total, side="right")
    return np.unique(np.clip(places, 0, len(right) - 1))


def nearest(ascending: Numbers, values: Numbers) -> Integers:
    """Index of the entry of ``ascending`` that is nearest to each value."""
    right = np.searchsorted(ascending, values)
    right = np.clip(right, 0, len(ascending) - 1)
    left = np.maximum(right - 1, 0)
    middle = 0.5 * ascending[left] + 0.5 * ascending[right]
    # Equality first: differences of huge integers vanish in float64.
    take_left = (ascending[right] != values) & (values <= middle)
    return np.where(take_left, left, right)
