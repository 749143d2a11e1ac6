"""Times of day written as one number: 517 is 5:17, and nothing is 12:75."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.json_schema import shown
from synthtab.core.schema import Column
from synthtab.data.columns.base import (
    Cells,
    Mask,
    Texts,
    cell_error,
    name_words,
    natural,
)
from synthtab.data.columns.numbers import Numbers
from synthtab.data.columns.numeric import (
    BOUND_OPTIONS,
    Ends,
    FloatEncoder,
    IntegerEncoder,
    NumberEncoder,
)

Integers = npt.NDArray[np.int64]

# One to four digits without zeros before them, or four digits.
SHORT = re.compile(r"\s*(?:0|[1-9]\d{0,3})\s*|\s*[0-2]\d{3}\s*")
# Four digits that are a time of day.
PADDED = re.compile(r"\s*(?:[01]\d|2[0-4])[0-5]\d\s*")
TIME_WORDS = frozenset(
    {
        "time",
        "hour",
        "clock",
        "hhmm",
        "dep",
        "arr",
        "departure",
        "arrival",
        "start",
        "end",
    }
)
# Midnight at the end of a day.
LAST = 2400
# Minutes.
DAY = 24 * 60
# Least distinct values, hours and minutes that a column of times has; fewer are enough if
# its name speaks of times.
EVIDENCE = (100, 6, 20)
EVIDENCE_IF_NAMED = (12, 3, 4)


class ClockEncoder(NumberEncoder):
    """Minutes since midnight.

    Options:
        ``padded``: whether 5:17 is "0517".
        ``minimum`` and ``maximum``, as the cells have them.
        ``missing``.
    """

    kind: ClassVar[str] = "clock"
    turn: ClassVar[int] = 45
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **BOUND_OPTIONS,
        "padded": {"type": "boolean", "description": "Whether 5:17 is 0517."},
    }
    temporal: ClassVar[bool] = True
    combinable: ClassVar[bool] = False

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Whole numbers in any dtype, and text of four digits.

        All must be times of day, and so many of them that it is no coincidence.
        """
        clock = _whole_numbers(cells)
        if clock is None or not _are_times(clock).all():
            return None
        if not forced and not _is_evident(clock, cells.name):
            return None
        # "1030" alone does not tell whether 5:17 is "517" or "0517".
        padded = cells.matches(PADDED) and any(
            text.strip().startswith("0") for text in cells.words
        )
        missing = cells.missing_or_token
        dtype = "Int64" if missing else "int64"
        if padded:
            dtype = "str"
        options: dict[str, Any] = {"padded": padded} | cells.missing_options()
        why = f"{len(clock):,} distinct times of day, 517 being 5:17"
        ends = cells.bounds(_to_minutes(clock))
        if ends:
            # Means of minutes are times of day, means of their digits are not.
            least, greatest = _to_clock(np.array(ends)).tolist()
            options |= {"minimum": least, "maximum": greatest}
            why += f", from {least} to {greatest}"
        return cells.column(cls.kind, dtype, why, options, missing)

    @classmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Integers, Mask]:
        """Cells => minutes since midnight."""
        values, missing = IntegerEncoder.numbers(series, column)
        others = values[~_are_times(values)]
        if len(others):
            raise cell_error(column, others[0], "a time of day such as 517 for 5:17")
        return _to_minutes(values), missing

    @classmethod
    def check(cls, column: Column) -> None:
        """As `NumberEncoder.check`; and the bounds are times of day."""
        ends = [column.options.get("minimum"), column.options.get("maximum")]
        for end in ends:
            if isinstance(end, (int, float)) and not (0 <= end <= LAST):
                raise SchemaError(
                    f"column {column.name!r}: the bound {shown(end)} is no time of day, "
                    "such as 517 for 5:17"
                )
        super().check(column)

    @classmethod
    def measure(cls, column: Column) -> str:
        """Numbers to constraints, as they are written."""
        return "number"

    @classmethod
    def as_written(cls, series: pd.Series, column: Column) -> tuple[Numbers, Mask]:
        """Constraints compute with 517 for 5:17."""
        return IntegerEncoder.numbers(series, column)

    @classmethod
    def from_written(cls, values: Numbers, column: Column) -> Integers:
        """517 => minutes since midnight."""
        return _to_minutes(values)

    @classmethod
    def natural(cls, values: Numbers, missing: Mask, column: Column) -> pd.Series:
        """Minutes => cells of a numeric dtype."""
        clock: Numbers = _to_clock(values)
        if _holds_floats(column):
            clock = clock.astype(np.float64)
        return natural(clock, missing, column.dtype)

    @classmethod
    def decimals(cls, column: Column) -> int | None:
        """Whole numbers have none."""
        return 0

    @classmethod
    def domain(cls, column: Column) -> Ends:
        """Midnight to midnight."""
        return 0, DAY

    @classmethod
    def bounds(cls, column: Column) -> tuple[int | None, int | None]:
        """``minimum`` and ``maximum`` in minutes."""
        least = _bound(column.options.get("minimum"))
        greatest = _bound(column.options.get("maximum"))
        return least, greatest

    @classmethod
    def render(cls, values: Numbers, column: Column) -> Texts:
        """Minutes => digits."""
        clock = _to_clock(values)
        if column.options.get("padded"):
            return np.array([f"{c:04d}" for c in clock.tolist()], dtype=object)
        kind = FloatEncoder if _holds_floats(column) else IntegerEncoder
        return kind.render(clock, column)


def _holds_floats(column: Column) -> bool:
    """Whether the dtype has floats, as pandas reads whole numbers with missing cells."""
    return "float" in column.dtype.lower()


def _are_times(clock: Numbers) -> Mask:
    """Which numbers are times of day."""
    within = (clock >= 0) & (clock <= LAST)
    return np.asarray(within & (clock % 100 <= 59))


def _is_evident(clock: Integers, name: str) -> bool:
    """Whether so many distinct times are no coincidence, given the column's name."""
    named = bool(TIME_WORDS & set(name_words(name)))
    values, hours, minutes = EVIDENCE_IF_NAMED if named else EVIDENCE
    return (
        len(clock) >= values
        and len(np.unique(clock // 100)) >= hours
        and len(np.unique(clock % 100)) >= minutes
    )


def _bound(clock: Any) -> int | None:
    """A bound of the schema in minutes."""
    if clock is None:
        return None
    return int(_to_minutes(np.array([clock], dtype=np.int64))[0])


def _whole_numbers(cells: Cells) -> Integers | None:
    """The distinct cells as whole numbers, if they are such."""
    if cells.is_text:
        return cells.words.astype(np.int64) if cells.matches(SHORT) else None
    dtype = cells.series.dtype
    is_number = pd.api.types.is_integer_dtype(dtype) or pd.api.types.is_float_dtype(
        dtype
    )
    if not is_number or not cells.count:
        return None
    values = np.asarray(cells.distinct, dtype=np.float64)
    # Four digits; more would be no time of day.
    if np.abs(values).max() >= 1e4 or (values != np.rint(values)).any():
        return None
    return values.astype(np.int64)


def _to_minutes(clock: Numbers) -> Integers:
    return np.asarray(clock // 100 * 60 + clock % 100, dtype=np.int64)


def _to_clock(minutes: Numbers) -> Integers:
    return np.asarray(minutes // 60 * 100 + minutes % 60, dtype=np.int64)
