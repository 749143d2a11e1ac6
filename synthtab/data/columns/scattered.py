"""Keys that do not count: whole numbers of any size, scattered over a range.

No key of the table comes back, as in `synthtab.data.columns.shapes`: new ones lie in one
residue class modulo m in which no key of the table lies, and m is the smallest of a fixed
sequence for which there is such a class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.data.columns.disclosure import DIGITS, beyond, first_new_key
from synthtab.data.columns.grains import KeyGrains
from synthtab.data.columns.shapes import MOST_COUNTED, mix, shuffle

# So many new keys for each of the table, at least; otherwise keys count.
SPACIOUS = 8

Integers = npt.NDArray[np.int64]
# int64, or Python's integers.
Whole = npt.NDArray[Any]


@dataclass(frozen=True)
class Scattered:
    """Whole numbers in a range, in an order of their own; then others beyond the range.

    Attributes:
        low: The numbers of the range are ``low + step * i`` and up to a step more.
        room: How many ``i`` there are; a power of two.
        step: A multiple of the modulus.
        modulus, residue: ``number % modulus == residue`` for all numbers of the range.
        key: Begins the order.
        first: Where those beyond the range begin.
        grains: Of what shares of the numbers are multiples; None for nothing.
    """

    low: int
    room: int
    step: int
    modulus: int
    residue: int
    key: int
    first: int
    grains: KeyGrains | None = None

    @classmethod
    def fit(
        cls, keys: Whole, rng: np.random.Generator, rare: int, most: int | None
    ) -> Scattered | None:
        """Learn a range and a residue class; None if there is too little room.

        Args:
            keys: The distinct keys of the table.
            rng: Draws the order.
            rare: The range is that of the numbers beyond which so many others lie, in
                few digits.
            most: The greatest number that the column's dtype can hold; None for any.
        """
        ascending = np.sort(keys[keys >= 0])
        if not len(ascending):
            return None
        end = min(max(rare, 1), len(ascending))
        low = _rounded_down(int(ascending[end - 1]))
        high = beyond(int(ascending[-end]), max(rare, 1))
        if most is not None:
            high = min(high, most)
        grains = None
        if ascending.dtype != object:
            grains = KeyGrains.find(ascending)
        widest = grains.widest if grains else 1
        modulus, residue = _free_class(ascending, widest)
        # The last step may reach over the range by as much.
        places = (high - low) // modulus - 2
        if places < SPACIOUS * len(ascending):
            return None
        most_steps = places
        if grains is not None:
            # Each step has a multiple of the widest grain in the class, if there is room.
            wide = places // (2 * widest)
            if wide >= SPACIOUS * len(ascending):
                most_steps = wide
            else:
                grains = None
        room = 1 << (min(most_steps, MOST_COUNTED).bit_length() - 1)
        step = places // room * modulus
        low += modulus - low % modulus
        above = first_new_key(ascending, rare, rng, most or 2**62)
        first = max(above, beyond(high, rare))
        key = int(rng.integers(2**62))
        return cls(low, room, step, modulus, residue, key, first, grains)

    def make(self, rows: Integers) -> Whole:
        """The numbers of these rows, all different: int64, or Python's if too large."""
        counts = rows.astype(np.uint64)
        bits = self.room.bit_length() - 1
        places = shuffle(counts, bits, self.key)
        # Anywhere within the step.
        classes = self.step // self.modulus
        if self.grains is not None:
            classes -= self.grains.widest
        within = mix(places + np.uint64(self.key)) % np.uint64(classes)
        numbers = places.astype(object) * self.step
        numbers += within.astype(object) * self.modulus + (self.low + self.residue)
        if self.grains is not None:
            for_grain = (self.key + 1) % 2**62
            grain = self.grains.of_rows(rows, for_grain)
            numbers += self._to_multiples(numbers, grain)
        used_up = rows >= self.room
        numbers[used_up] = self.first + (rows[used_up] - self.room).astype(object)
        greatest = max(numbers.tolist(), default=0)
        return numbers.astype(np.int64) if greatest < 2**63 else numbers

    def _to_multiples(self, numbers: Whole, grain: Integers) -> Whole:
        """How far the next multiple of each one's grain is, in the same residue class."""
        away = np.zeros(len(numbers), dtype=object)
        for size in np.unique(grain).tolist():
            mine = grain == size
            # The modulus has no divisor in common with a grain.
            inverse = pow(self.modulus, -1, size)
            classes = (-(numbers[mine] % size) * inverse) % size
            away[mine] = classes * self.modulus
        return away

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`; numbers as text, as JSON readers may round them."""
        names = ("low", "step", "modulus", "residue", "key", "first")
        numbers = {name: str(getattr(self, name)) for name in names}
        grains = {"grains": self.grains.state()} if self.grains else {}
        return {"scattered": str(self.room), **numbers, **grains}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Scattered:
        """The inverse of `state`."""
        names = ("low", "step", "modulus", "residue", "key", "first")
        numbers = {name: int(state[name]) for name in names}
        grains = KeyGrains.from_state(state.get("grains"))
        return cls(room=int(state["scattered"]), grains=grains, **numbers)


def _rounded_down(number: int) -> int:
    """Cut to its first `DIGITS` digits."""
    unit = 10 ** max(len(str(number)) - DIGITS, 0)
    return number // unit * unit


def _free_class(keys: Whole, apart: int) -> tuple[int, int]:
    """The modulus, and a remainder that no key has.

    Args:
        keys: Of the table.
        apart: The modulus has no divisor in common with it.
    """
    modulus = 1
    while True:
        remainders = (keys % modulus).astype(np.int64)
        free = np.flatnonzero(np.bincount(remainders, minlength=modulus) == 0)
        if len(free) and gcd(modulus, apart) == 1:
            return modulus, int(free[len(free) // 2])
        # One by one, then in steps of a half: a fixed sequence. Beyond the number of
        # the keys, some class must be free.
        modulus = modulus + 1 if modulus < 16 else modulus * 3 // 2
