"""Keys that count: whole numbers, or texts in which one number does.

New ones go on beyond the greatest. Nothing of a single cell is kept but the greatest
number, rounded up where rare values are not stored, and the words around it, which at
least `LEAST` cells share.
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
from synthtab.data.columns.disclosure import first_new_key
from synthtab.data.columns.grains import KeyGrains
from synthtab.data.columns.shapes import choose, mix

# Least texts of a series.
LEAST = 10
# Most series of a column, such as one for each year.
MOST_SERIALS = 64
# Longer numbers do not fit 64 bits.
MOST_DIGITS = 18
# Share of the numbers between its least and its greatest that a series has.
DENSE = 0.5
# Share of the texts that belong to some series.
COVERED = 0.95
# The last, the second last and the third last number of a text, each with what stands
# before and after it.
NUMBERS = tuple(
    re.compile(rf"(.*?)([0-9]+)((?:[^0-9]+[0-9]+){{{later}}}[^0-9]*)", re.DOTALL)
    for later in range(3)
)

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Counter:
    """Whole numbers, one after the other, beyond all of the table.

    Attributes:
        first: A number after the greatest.
        grains: Of what they are multiples; None for numbers that follow each other.
    """

    first: int
    grains: KeyGrains | None = None

    def make(self, rows: Integers) -> Integers:
        """The numbers of these rows."""
        # Beyond 64 bits, those of Python have no end.
        is_huge = self.first >= 2**62
        numbers: Integers = rows.astype(object if is_huge else np.int64)
        if self.grains is None:
            return self.first + numbers
        # One number in each stretch as long as the widest grain.
        widest = self.grains.widest
        grain = self.grains.of_rows(rows, self.first)
        drawn = mix(rows.astype(np.uint64) + np.uint64(self.first // 2 % 2**62))
        within = (drawn % (widest // grain).astype(np.uint64)).astype(np.int64) * grain
        begin = -(-self.first // widest) * widest
        return begin + numbers * widest + within

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        grains = {"grains": self.grains.state()} if self.grains else {}
        return {"first": self.first, **grains}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Counter:
        """The inverse of `state`."""
        return cls(state["first"], KeyGrains.from_state(state.get("grains")))


@dataclass(frozen=True)
class Serial:
    """Texts that differ in one number.

    Attributes:
        before: What stands before the number.
        after: What stands after it.
        digits: How many digits it has at least; zeros fill it up.
        first: A number after the greatest.
        weight: Share of the cells.
    """

    before: str
    after: str
    digits: int
    first: int
    weight: float

    def make(self, rows: Integers) -> Texts:
        """The texts of these rows, all different."""
        # Not np.char.zfill: that of NumPy 1 cuts numbers that are longer.
        numbers = pd.Series(self.first + rows).astype(str)
        padded = numbers.str.zfill(self.digits).to_numpy(dtype=object)
        return np.asarray(self.before + padded + self.after, dtype=object)


@dataclass(frozen=True)
class Serials:
    """One or several series, such as one for each year in "INV-2024-0001"."""

    serials: tuple[Serial, ...]
    key: int

    @classmethod
    def fit(
        cls,
        texts: Texts,
        rng: np.random.Generator,
        rare: int = 0,
        voices: Integers | None = None,
    ) -> Serials | None:
        """The series that (nearly) all texts belong to, or None if they do not count.

        A series is dense: at least half of the numbers from its least to its greatest
        occur.

        Args:
            texts: The training cells.
            rng: Draws the key by which rows choose a series, and where one goes on whose
                greatest number lies far beyond the others.
            rare: A series has so many texts, and `LEAST`. Its greatest number is kept
                exactly only if this is 0.
            voices: ``[texts]``: somebody who has each, where so many people are meant.
        """
        codes, distinct = pd.factorize(texts)
        # Without people, each text is somebody's.
        voice = np.arange(len(distinct))
        if voices is not None:
            voice[codes] = voices
        for number in NUMBERS:
            matches = [number.fullmatch(text) for text in distinct.tolist()]
            fit = [m is not None and len(m[2]) <= MOST_DIGITS for m in matches]
            rows = [
                m.groups() for m, fits in zip(matches, fit, strict=True) if m and fits
            ]
            if len(rows) < max(LEAST, COVERED * len(distinct)):
                continue
            names = ["before", "digits", "after"]
            parts = pd.DataFrame(rows, columns=names, dtype=object)
            parts["voice"] = voice[np.array(fit, dtype=bool)]
            serials = _dense(parts, len(distinct), rng, rare)
            if serials:
                return cls(serials, int(rng.integers(2**62)))
        return None

    def make(self, rows: Integers) -> Texts:
        """The texts of these rows."""
        weights = [serial.weight for serial in self.serials]
        which = choose(weights, rows, self.key)
        texts = np.empty(len(rows), dtype=object)
        for place in np.unique(which):
            mine = which == place
            texts[mine] = self.serials[place].make(rows[mine])
        return texts

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        serials = [
            [s.before, s.after, s.digits, s.first, s.weight] for s in self.serials
        ]
        return {"serials": serials, "key": self.key}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Serials:
        """The inverse of `state`."""
        serials = tuple(Serial(*entry) for entry in state["serials"])
        return cls(serials, state["key"])


def _dense(
    parts: pd.DataFrame, texts: int, rng: np.random.Generator, rare: int
) -> tuple[Serial, ...]:
    """The series among texts that were taken apart.

    Args:
        parts: "before", "digits" and "after" of each text, and its "voice".
        texts: How many texts there are in all.
        rng: See `Serials.fit`.
        rare: See there.

    Returns:
        Nothing if too few of all texts belong to them.
    """
    width = parts["digits"].str.len()
    number = parts["digits"].astype(np.int64)
    parts = parts.assign(width=width, number=number)
    facts = parts.groupby(["before", "after"], sort=True).agg(
        count=("number", "size"),
        least=("number", "min"),
        greatest=("number", "max"),
        digits=("width", "min"),
        voices=("voice", "nunique"),
    )
    facts = facts.reset_index()
    # As floats: the span of two long numbers may not fit 64 bits.
    span = (facts["greatest"] - facts["least"] + 1).astype(np.float64)
    is_large = (facts["count"] >= LEAST) & (facts["voices"] >= rare)
    is_dense = facts["count"] >= DENSE * span
    facts = facts[is_large & is_dense]
    total = int(facts["count"].sum())
    if total < COVERED * texts or len(facts) > MOST_SERIALS:
        return ()
    numbers = parts.groupby(["before", "after"])["number"]
    serials = []
    for row in facts.to_dict("records"):
        own = numbers.get_group((row["before"], row["after"])).to_numpy()
        first = first_new_key(own, rare, rng)
        weight = int(row["count"]) / total
        digits = int(row["digits"])
        serials.append(Serial(row["before"], row["after"], digits, first, weight))
    return tuple(serials)
