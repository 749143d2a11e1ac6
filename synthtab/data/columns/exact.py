"""Numbers that neither int64 nor float64 holds exactly <=> int64.

Unsigned numbers beyond 2**63, say, amounts of 20 digits, or decimals of 19. They are
learnt as whole numbers of 64 bits, which count units above a base, and are read and
written as Python's whole numbers and decimals, which have no greatest one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.schema import Column
from synthtab.data.columns import dtypes
from synthtab.data.columns.base import (
    Cells,
    Mask,
    Texts,
    cell_error,
    distinct_texts,
    is_text,
    objects,
)
from synthtab.data.columns.numbers import MIX

Integers = npt.NDArray[np.int64]

LEAST = -(2**63)
GREATEST = 2**63 - 1
# The base of unsigned numbers of 64 bits: all of them are as many units from it as fit.
HALF = 2**63
# Digits of the longest number.
LONGEST = 300
_CONTEXT = Context(prec=2 * LONGEST)
# Most exact values that are listed, where last digits are not learnt.
MOST_LISTED = 128

OPTIONS: dict[str, Mapping[str, Any]] = {
    "base": {
        "type": "string",
        "description": "Where numbers count from that are too large for 64 bits.",
    },
    "places": {
        "type": "integer",
        "description": "Decimals of such numbers.",
    },
    "dropped": {
        "type": "integer",
        "description": "How many of their last digits are not learnt.",
    },
    "frequent": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Those that come back with these digits.",
    },
}


@dataclass(frozen=True)
class Scale:
    """What one unit is, and where units count from.

    A number of so many ``places`` is a whole number of units of its last place.

    Attributes:
        base: What counts as 0, in units of the last place.
        places: Decimals of the numbers.
        dropped: How many of the last digits are not learnt.
        frequent: Numbers, in units of the last place, that are learnt to the last digit.
    """

    base: int
    places: int = 0
    dropped: int = 0
    frequent: tuple[int, ...] = ()

    @classmethod
    def fit(cls, units: Texts, cells: Cells, places: int, counts: Integers) -> Scale:
        """The scale of the distinct numbers of a column.

        Args:
            units: Python's whole numbers, in units of the last place.
            cells: The column.
            places: See the class.
            counts: How many rows have each.
        """
        least, greatest = min(units), max(units)
        if not places and least >= 0 and greatest < 2 * HALF:
            return cls(HALF)
        shown = cells.bounds(units.astype(np.float64), counts)
        low, high = map(int, shown or (0, 0))
        # A round number at the lower end, which tells no row.
        digits = len(str(max(high - low, 1)))
        base = low // 10**digits * 10**digits
        reach = max(greatest - base, base - least)
        dropped = 0
        while reach >= HALF * 10**dropped:
            dropped += 1
        if not dropped:
            return cls(base, places)
        frequent = [
            int(unit)
            for unit, people in zip(units, cells.people[~cells.token_mask], strict=True)
            if people >= max(cells.rare, 2)
        ]
        return cls(base, places, dropped, tuple(frequent[:MOST_LISTED]))

    @classmethod
    def of(cls, column: Column) -> Scale:
        """That of a column which has one."""
        options = column.options
        return _scale(
            options["base"],
            options.get("places", 0),
            options.get("dropped", 0),
            tuple(options.get("frequent", ())),
        )

    def options(self) -> dict[str, Any]:
        """Entries of `Column.options`."""
        options: dict[str, Any] = {"base": str(self.base)}
        if self.places:
            options["places"] = self.places
        if self.dropped:
            options["dropped"] = self.dropped
            options["frequent"] = [str(unit) for unit in self.frequent]
        return options

    def read(self, series: pd.Series, column: Column) -> tuple[Integers, Mask]:
        """Cells => whole numbers of the cells that are not missing; which are missing."""
        series = dtypes.plain(series)
        if self.is_unsigned and series.dtype in (np.uint64, "UInt64"):
            missing = series.isna().to_numpy(dtype=bool)
            return _of_unsigned(series[~missing].to_numpy(dtype=np.uint64)), missing
        units, codes, missing = self._units(series, column)
        numbers = [(unit - self.base) // 10**self.dropped for unit in units]
        # What lies beyond all numbers counts as the last one.
        within = [min(max(number, LEAST), GREATEST) for number in numbers]
        return np.array(within, dtype=np.int64)[codes], missing

    def exact(self, series: pd.Series, column: Column) -> tuple[Texts, Mask]:
        """Cells => numbers as `cells` gives them, to the last digit; which are missing."""
        units, codes, missing = self._units(dtypes.plain(series), column)
        return self._of_units(units)[codes], missing

    def written(self, numbers: Integers) -> Texts:
        """Whole numbers => the texts of `cells`."""
        return _plain_texts(self.cells(numbers))

    def exact_texts(self, series: pd.Series, column: Column) -> tuple[Texts, Mask]:
        """Cells => the texts of `exact`; which are missing."""
        cells, missing = self.exact(series, column)
        return _plain_texts(cells), missing

    @property
    def is_unsigned(self) -> bool:
        """Whether the numbers are those of uint64."""
        return self == Scale(HALF)

    def _units(
        self, series: pd.Series, column: Column
    ) -> tuple[list[int], Integers, Mask]:
        """The distinct cells in units of the last place, as `distinct_texts` does.

        Raises:
            SchemaError: A cell is no number.
        """
        if is_text(series):
            cells, codes, missing = distinct_texts(series, column)
        else:
            missing = series.isna().to_numpy(dtype=bool)
            codes, distinct = pd.factorize(series[~missing])
            cells = np.asarray(distinct, dtype=object)
        units = []
        for cell in cells:
            unit = units_of(cell, self.places)
            if unit is None:
                raise cell_error(column, cell, "such a number")
            units.append(unit)
        return units, codes, missing

    def _of_units(self, units: Sequence[int]) -> Texts:
        """Units of the last place => Python's whole numbers, or decimals."""
        if not self.places:
            return objects(units, len(units))
        decimals = (Decimal(unit).scaleb(-self.places, _CONTEXT) for unit in units)
        return objects(decimals, len(units))

    def cells(self, numbers: Integers) -> Texts:
        """Whole numbers => Python's whole numbers, or decimals."""
        if self.is_unsigned:
            return _to_unsigned(numbers).astype(object)
        known = {(unit - self.base) // 10**self.dropped: unit for unit in self.frequent}
        distinct, codes = np.unique(numbers, return_inverse=True)
        units = [known.get(n) or self._unit(n) for n in distinct.tolist()]
        return self._of_units(units)[codes]

    def _unit(self, number: int) -> int:
        """A number in units of the last place; the last digits are any."""
        last = (number * MIX % 2**64) * 10**self.dropped >> 64
        return self.base + number * 10**self.dropped + last

    def floats(self, numbers: Integers) -> npt.NDArray[np.float64]:
        """Whole numbers => the cells, as nearly as floats are."""
        units = numbers * 10.0**self.dropped + float(self.base)
        return np.asarray(units * 10.0**-self.places, dtype=np.float64)

    def of_floats(self, values: npt.NDArray[Any]) -> Integers:
        """The inverse of `floats`."""
        units = values.astype(np.float64) * 10.0**self.places - float(self.base)
        numbers = np.rint(units / 10.0**self.dropped)
        return np.clip(numbers, -(2.0**63), 2.0**63 - 1024).astype(np.int64)


@lru_cache(maxsize=256)
def _scale(base: str, places: int, dropped: int, frequent: tuple[str, ...]) -> Scale:
    return Scale(int(base), places, dropped, tuple(map(int, frequent)))


def units_of(cell: Any, places: int) -> int | None:
    """A number as a whole number of its last place, rounded down; None if it is none."""
    try:
        if isinstance(cell, (int, np.integer)) or (not places and _is_digits(cell)):
            return int(cell) * 10**places
        scaled = Decimal(str(cell)).scaleb(places, _CONTEXT)
        return int(scaled // 1) if scaled.is_finite() else None
    except (ValueError, InvalidOperation):
        return None


def _plain_texts(cells: Texts) -> Texts:
    """Whole numbers and decimals as texts, without exponents."""
    return objects((f"{Decimal(cell):f}" for cell in cells), len(cells))


def _is_digits(cell: Any) -> bool:
    return isinstance(cell, str) and cell.strip().lstrip("-").isdigit()


def places_of(cells: Iterable[Decimal]) -> int:
    """The most decimals that decimals have, zeros at the end included."""
    exponents = (cell.as_tuple().exponent for cell in cells)
    return max(0, *(-int(exponent) for exponent in exponents))


def _of_unsigned(values: npt.NDArray[np.uint64]) -> Integers:
    """Unsigned numbers, less 2**63."""
    return np.asarray(values ^ np.uint64(HALF)).view(np.int64)


def _to_unsigned(numbers: Integers) -> npt.NDArray[np.uint64]:
    """The inverse of `_of_unsigned`."""
    return np.ascontiguousarray(numbers).view(np.uint64) ^ np.uint64(HALF)
