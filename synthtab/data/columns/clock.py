"""Times of day written as one number: 517 is 5:17, and nothing is 12:75."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.schema import Column
from synthtab.data.columns.base import Cells, Mask, Texts, cell_error, natural
from synthtab.data.columns.identifier import name_words
from synthtab.data.columns.numeric import (
    BOUND_OPTIONS,
    FloatEncoder,
    IntegerEncoder,
    NumberEncoder,
)
from synthtab.data.columns.quantiles import Numbers

Integers = npt.NDArray[np.int64]

SHORT = re.compile(r"\s*(?:0|[1-9]\d{0,3})\s*|\s*[0-2]\d{3}\s*")
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
# Least distinct values, hours and minutes; fewer are enough (True) if the column's name
# speaks of times.
EVIDENCE = {False: (100, 6, 20), True: (12, 3, 4)}


class ClockEncoder(NumberEncoder):
    """Minutes since midnight.

    Options: ``padded``, whether 5:17 is "0517"; ``minimum`` and ``maximum`` as the cells have them; ``missing``.
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
        """Whole numbers, in any dtype, and text of four digits: all times of day, and so many that it shows."""
        padded = cells.matches(PADDED) and any(
            t.strip().startswith("0") for t in cells.words
        )
        clock = _whole_numbers(cells)
        if (
            clock is None
            or clock.min() < 0
            or clock.max() > 2400
            or (clock % 100 > 59).any()
        ):
            return None
        named = bool(TIME_WORDS & set(name_words(cells.name)))
        found = len(clock), len(np.unique(clock // 100)), len(np.unique(clock % 100))
        if not forced and not all(
            n >= least for n, least in zip(found, EVIDENCE[named], strict=True)
        ):
            return None
        missing = cells.missing + (
            int(cells.counts[cells.token_mask].sum()) if cells.is_text else 0
        )
        dtype = "str" if padded else "Int64" if missing else "int64"
        options: dict[str, Any] = {"padded": padded} | cells.missing_options()
        why, ends = (
            f"{len(clock):,} distinct times of day, 517 being 5:17",
            cells.bounds(_to_minutes(clock)),
        )
        if ends:
            least, greatest = _to_clock(np.array(ends)).tolist()
            options |= {"minimum": least, "maximum": greatest}
            why += f", from {least} to {greatest}"
        return cells.column(cls.kind, dtype, why, options, missing)

    @classmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Integers, Mask]:
        """Cells => minutes since midnight."""
        values, missing = IntegerEncoder.numbers(series, column)
        wrong = (values < 0) | (values > 2400) | (values % 100 > 59)
        if wrong.any():
            raise cell_error(
                column, values[wrong][0], "a time of day such as 517 for 5:17"
            )
        return _to_minutes(values), missing

    @classmethod
    def measure(cls, column: Column) -> str:
        """Numbers to constraints, as they are written."""
        return "number"

    @classmethod
    def as_written(cls, series: pd.Series, column: Column) -> tuple[Numbers, Mask]:
        """Constraints compute with 517 for 5:17."""
        return IntegerEncoder.numbers(series, column)

    @classmethod
    def from_written(cls, values: Numbers) -> Integers:
        """517 => minutes since midnight."""
        return _to_minutes(values)

    @classmethod
    def natural(cls, values: Numbers, missing: Mask, column: Column) -> pd.Series:
        """Minutes => cells of a numeric dtype."""
        clock = _to_clock(values)
        return natural(
            clock.astype(np.float64) if "float" in column.dtype.lower() else clock,
            missing,
            column.dtype,
        )

    @classmethod
    def decimals(cls, column: Column) -> int | None:
        """Whole numbers have none."""
        return 0

    @classmethod
    def bounds(cls, column: Column) -> tuple[int | None, int | None]:
        """``minimum`` and ``maximum`` in minutes."""
        ends = [column.options.get(key) for key in ("minimum", "maximum")]
        low, high = (
            None if e is None else int(_to_minutes(np.array([e], dtype=np.int64))[0])
            for e in ends
        )
        return low, high

    @classmethod
    def render(cls, values: Numbers, column: Column) -> Texts:
        """Minutes => digits."""
        clock = _to_clock(values)
        if column.options.get("padded"):
            return np.array([f"{c:04d}" for c in clock.tolist()], dtype=object)
        return (
            FloatEncoder if "float" in column.dtype.lower() else IntegerEncoder
        ).render(clock, column)


def _whole_numbers(cells: Cells) -> Integers | None:
    """The distinct cells as whole numbers, if they are such."""
    if cells.is_text:
        return cells.words.astype(np.int64) if cells.matches(SHORT) else None
    dtype = cells.series.dtype
    if (
        not (pd.api.types.is_integer_dtype(dtype) or pd.api.types.is_float_dtype(dtype))
        or not cells.count
    ):
        return None
    values = np.asarray(cells.distinct, dtype=np.float64)
    whole = np.abs(values).max() < 1e4 and (values == np.rint(values)).all()
    return values.astype(np.int64) if whole else None


def _to_minutes(clock: Numbers) -> Integers:
    return np.asarray(clock // 100 * 60 + clock % 100, dtype=np.int64)


def _to_clock(minutes: Numbers) -> Integers:
    return np.asarray(minutes // 60 * 100 + minutes % 60, dtype=np.int64)
