"""The distribution of one continuous mode, as a table that takes values to [0, 1] and back.

A value's offset is its probability integral transform within the mode. Where a value stands for a
step of the distribution function F (it repeats, or it was rounded) the offset is drawn uniformly
from that step, so offsets are uniform on [0, 1] whatever the data, and the quantile function leads
back to the value. Positions are kept as whole multiples of 2**-24, which float32 represents
exactly: no offset changes step by rounding.

A table may be made of averages (see `synthtab.data.columns.disclosure`): then F is linear from one to the next, and values
beyond the first and the last of them are drawn within the segment there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

UNIT = 1 << 24
# A mode with at most this many distinct values is kept exactly.
STEPS = 2048

Numbers = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quantiles:
    """A distribution function and its inverse.

    Attributes:
        values: Ascending. All distinct values (``exact``), else knots of a piecewise linear F.
        positions: Multiples of 2**-24: the upper end of each value's step, or F at each knot.
        exact: Which of the two.
        resolution: Distance of neighbouring values that the column can hold (1 for integers,
            0.01 for two decimals, 0 for any float); a value of knots owns half of it on each side.
        averaged: Whether some values are averages of several.
    """

    values: Numbers
    positions: npt.NDArray[np.int64]
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
        """The distribution that has these weights on these ascending distinct values, some of them ``averages``."""
        averages = np.zeros(len(distinct), dtype=bool) if averages is None else averages
        if len(distinct) <= STEPS and not averages.any():
            widths = np.maximum(1, np.rint(weights / weights.sum() * UNIT)).astype(
                np.int64
            )
            widths[widths.argmax()] += UNIT - widths.sum()
            return cls(distinct, np.cumsum(widths), True, resolution)
        right = np.cumsum(weights, dtype=np.float64)
        total = right[-1]
        left = right - weights
        tail = np.geomspace(min(1 / total, 1 / knots), 1 / knots, 64)
        grid = np.concatenate([np.linspace(0, 1, knots + 1), tail, 1 - tail])
        chosen = np.unique(
            np.clip(
                np.searchsorted(right, grid * total, side="right"), 0, len(distinct) - 1
            )
        )
        if len(distinct) <= STEPS:
            heavy, light = np.flatnonzero(~averages), np.flatnonzero(averages)
        else:
            heavy = np.flatnonzero(~averages & (weights > total / knots))
            light = chosen[~np.isin(chosen, heavy)]
        centre = (left + right) / 2
        centre[0], centre[-1] = 0, total
        index = np.concatenate([light, heavy, heavy])
        at = np.concatenate([centre[light], left[heavy], right[heavy]])
        order = np.lexsort([index, at])
        positions = np.rint(at[order] / total * UNIT).astype(np.int64)
        values = np.asarray(distinct, dtype=np.float64)[index[order]]
        return cls(values, positions, False, resolution, bool(averages.any()))

    def encode(
        self, values: Numbers, rng: np.random.Generator
    ) -> npt.NDArray[np.float32]:
        """Values => offsets in [0, 1]; a value that is not in an exact table counts as its nearest."""
        draws = rng.random(len(values))
        if self.exact:
            step = nearest(self.values, values)
            low = np.append(0, self.positions)[step]
            position = low + np.floor(draws * (self.positions[step] - low))
            return np.asarray(position / UNIT, dtype=np.float32)
        half = self.resolution / 2
        low, high = (
            self._below(values - half, "left"),
            self._below(values + half, "right"),
        )
        if self.averaged and len(self.values) > 1:
            low = np.where(values > self.values[-1], self.positions[-2], low)
            high = np.where(values < self.values[0], self.positions[1], high)
        return np.clip((low + draws * (high - low)) / UNIT, 0, 1).astype(np.float32)

    def decode(self, offsets: npt.NDArray[np.floating[Any]]) -> Numbers:
        """Offsets => values; between knots not yet rounded to the resolution."""
        if self.exact:
            position = np.floor(offsets.astype(np.float64) * UNIT)
            step = np.searchsorted(self.positions, position, side="right")
            return self.values[np.clip(step, 0, len(self.values) - 1)]
        # Halves, so that the distance of -1e308 and 1e308 is a number.
        return 2 * np.interp(
            offsets.astype(np.float64) * UNIT, self.positions, 0.5 * self.values
        )

    def _below(self, values: Floats, side: str) -> Floats:
        """F just below ("left") or at ("right") each value; they differ where F jumps."""
        knots, positions = self.values, self.positions
        if side == "left":
            upper = np.searchsorted(knots, values, side="left")
            on_knot = knots[np.minimum(upper, len(knots) - 1)] == values
            at_knot = positions[np.minimum(upper, len(knots) - 1)]
        else:
            upper = np.searchsorted(knots, values, side="right")
            on_knot = knots[np.maximum(upper - 1, 0)] == values
            at_knot = positions[np.maximum(upper - 1, 0)]
        right = np.clip(upper, 1, len(knots) - 1)
        gap = 0.5 * knots[right] - 0.5 * knots[right - 1]
        share = np.clip(
            (0.5 * values - 0.5 * knots[right - 1]) / np.where(gap > 0, gap, 1), 0, 1
        )
        between = positions[right - 1] + share * (
            positions[right] - positions[right - 1]
        )
        return np.asarray(np.where(on_knot, at_knot, between), dtype=np.float64)

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
        values = np.array(
            state["values"], dtype=dtype if state["exact"] else np.float64
        )
        positions = np.array(state["positions"], dtype=np.int64)
        return cls(
            values, positions, state["exact"], resolution, state.get("averaged", False)
        )


def nearest(ascending: Numbers, values: Numbers) -> npt.NDArray[np.int64]:
    """Index of the entry of ``ascending`` that is nearest to each value."""
    right = np.clip(np.searchsorted(ascending, values), 0, len(ascending) - 1)
    left = np.maximum(right - 1, 0)
    middle = 0.5 * ascending[left] + 0.5 * ascending[right]
    # Equality first: differences of huge integers vanish in float64.
    take_left = (ascending[right] != values) & (values <= middle)
    return np.where(take_left, left, right)
