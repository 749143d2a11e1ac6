"""Keys that count: whole numbers, or texts in which one number does. New ones go on beyond the greatest.

Nothing of a single cell is kept but the greatest number, rounded up where rare values are not stored, and the words
around it, which at least `LEAST` cells share.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.data.columns.base import Texts
from synthtab.data.columns.disclosure import beyond
from synthtab.data.columns.shapes import choose

LEAST = 10
MOST_SERIALS = 64
MOST_DIGITS = 18
DENSE = 0.5
COVERED = 0.95
# The last, the second last and the third last number of a text, with what stands before and after.
NUMBERS = tuple(
    re.compile(rf"(.*?)([0-9]+)((?:[^0-9]+[0-9]+){{{k}}}[^0-9]*)", re.DOTALL)
    for k in range(3)
)


@dataclass(frozen=True)
class Counter:
    """Whole numbers, one after the other, beyond all of the table."""

    first: int

    def make(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The numbers of these rows."""
        return self.first + rows.astype(np.int64)

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {"first": self.first}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Counter:
        """The inverse of `state`."""
        return cls(state["first"])


@dataclass(frozen=True)
class Serial:
    """Texts that differ in one number.

    Attributes:
        before: What stands before the number.
        after: What stands after it.
        digits: How many digits it has at least; zeros fill it up, and a greater number has more.
        first: A number after the greatest.
        weight: Share of the cells.
    """

    before: str
    after: str
    digits: int
    first: int
    weight: float

    def make(self, rows: npt.NDArray[np.int64]) -> Texts:
        """The texts of these rows, all different."""
        # Not np.char.zfill: that of NumPy 1 cuts numbers that are longer.
        numbers = pd.Series(self.first + rows).astype(str).str.zfill(self.digits)
        return np.asarray(
            self.before + numbers.astype(object) + self.after, dtype=object
        )


@dataclass(frozen=True)
class Serials:
    """One or several series, such as one for each year in "INV-2024-0001"."""

    serials: tuple[Serial, ...]
    key: int

    @classmethod
    def fit(
        cls, texts: Texts, rng: np.random.Generator, rare: int = 0
    ) -> Serials | None:
        """The series that (nearly) all texts belong to, or None if they do not count.

        A series is dense: at least half of the numbers from its least to its greatest occur. It has `LEAST` texts, and
        ``rare`` ones; the greatest number is told exactly only if ``rare`` is 0.
        """
        texts = np.asarray(pd.unique(texts), dtype=object)
        for number in NUMBERS:
            found = [
                m
                for m in map(number.fullmatch, texts.tolist())
                if m and len(m[2]) <= MOST_DIGITS
            ]
            if len(found) < max(LEAST, COVERED * len(texts)):
                continue
            parts = pd.DataFrame(
                [m.groups() for m in found],
                columns=["before", "digits", "after"],
                dtype=object,
            )
            serials = _dense(parts, len(texts), rare)
            if serials:
                return cls(serials, int(rng.integers(2**62)))
        return None

    def make(self, rows: npt.NDArray[np.int64]) -> Texts:
        """The texts of these rows."""
        which = choose([s.weight for s in self.serials], rows, self.key)
        texts = np.empty(len(rows), dtype=object)
        for i in np.unique(which):
            texts[which == i] = self.serials[i].make(rows[which == i])
        return texts

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {
            "serials": [
                [s.before, s.after, s.digits, s.first, s.weight] for s in self.serials
            ],
            "key": self.key,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Serials:
        """The inverse of `state`."""
        return cls(tuple(Serial(*s) for s in state["serials"]), state["key"])


def _dense(parts: pd.DataFrame, texts: int, rare: int) -> tuple[Serial, ...]:
    """The series among texts that were taken apart; none if too few of all ``texts`` belong to them."""
    parts = parts.assign(
        width=parts["digits"].str.len(), number=parts["digits"].astype(np.int64)
    )
    groups = parts.groupby(["before", "after"], sort=True)
    facts = groups.agg(
        count=("number", "size"),
        least=("number", "min"),
        most=("number", "max"),
        digits=("width", "min"),
    ).reset_index()
    span = (facts["most"] - facts["least"] + 1).astype(np.float64)
    facts = facts[
        (facts["count"] >= max(LEAST, rare)) & (facts["count"] >= DENSE * span)
    ]
    total = int(facts["count"].sum())
    if total < COVERED * texts or len(facts) > MOST_SERIALS:
        return ()
    rows = facts[["before", "after", "digits", "most", "count"]].itertuples(index=False)
    return tuple(
        Serial(b, a, int(d), beyond(int(most), rare), int(n) / total)
        for b, a, d, most, n in rows
    )
