"""How often keys repeat: invented people have as many rows as those of the table.

Row number ``i`` always gets the same key, however rows are produced. Keys have their rows
near one another, in random order: any stretch of some hundred rows has about as many keys
as one of the table would have if its keys were sorted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.data.columns.disclosure import aggregate

# Keys after which their numbers of rows come again, in the same order.
PERIOD = 4096
# Rows within which those of a key are scattered, or within three times its usual rows.
NEAR = 64
SPREAD = 3

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Repeats:
    """How many rows keys have.

    Attributes:
        rows: Numbers of rows, ascending.
        weights: How many keys have each.
        seed: Other seeds give them in another order.
    """

    rows: tuple[int, ...]
    weights: tuple[int, ...]
    seed: int

    @classmethod
    def fit(
        cls, counts: Integers, rng: np.random.Generator, rare: int = 0
    ) -> Repeats | None:
        """Learn from the rows of each key; None if none repeats.

        Args:
            counts: ``[keys]``: rows of each.
            rng: Draws the seed.
            rare: Nobody with unusually many rows shall be told: so many keys have as
                many rows as the greatest number that is kept, and each other number is
                a mean of so many.
        """
        if not len(counts):
            return None
        least = min(max(rare, 1), len(counts))
        # The rows of the key that is so many-th from the top.
        most = int(np.sort(counts)[-least])
        sizes, keys = np.unique(np.minimum(counts, most), return_counts=True)
        groups = aggregate(sizes, keys, least)
        rows = np.rint(groups.values).astype(np.int64)
        if not len(rows) or rows.max() < 2:
            return None
        distinct, place = np.unique(rows, return_inverse=True)
        weights = np.bincount(place, groups.rows).astype(np.int64)
        return cls(
            tuple(distinct.tolist()), tuple(weights.tolist()), int(rng.integers(2**31))
        )

    @cached_property
    def _period(self) -> Integers:
        """``[rows of a period]``: the key of each, from 0."""
        rng = np.random.default_rng(self.seed)
        # As even as can be: each number of rows has its share of the keys.
        ends = np.cumsum(self.weights) / sum(self.weights)
        keys = min(PERIOD, sum(self.weights) * 16)
        position = (np.arange(keys) + 0.5) / keys
        rows_of_key = np.array(self.rows)[np.searchsorted(ends, position)]
        rng.shuffle(rows_of_key)
        ordered = np.repeat(np.arange(keys), rows_of_key)
        near = max(NEAR, SPREAD * int(np.median(rows_of_key)))
        # Rows change places with others that are near.
        moved = np.arange(len(ordered)) + rng.random(len(ordered)) * near
        return ordered[np.argsort(moved, kind="stable")]

    def keys_of(self, rows: Integers) -> Integers:
        """The number of the key of each of these rows."""
        period = self._period
        keys = int(period.max()) + 1
        before, place = np.divmod(rows.astype(np.int64), len(period))
        return np.asarray(before * keys + period[place], dtype=np.int64)

    @property
    def share_of_single(self) -> float:
        """Share of the keys that have one row."""
        single = sum(w for r, w in zip(self.rows, self.weights, strict=True) if r == 1)
        return single / sum(self.weights)

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {
            "rows": list(self.rows),
            "weights": list(self.weights),
            "seed": self.seed,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Repeats:
        """The inverse of `state`."""
        return cls(tuple(state["rows"]), tuple(state["weights"]), state["seed"])
