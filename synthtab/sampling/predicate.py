"""Conditions on rows: what users write, and which cells meet it.

A condition is on one column: some values, a range, missing or not; several hold together. As text::

    sex = Female and age in 18..30 and city in ('Oslo', 'Bergen') and income is not missing

as a mapping ``{"sex": "Female", "age": (18, 30), "city": ["Oslo", "Bergen"], "income": None}``. A missing cell meets
nothing but "is missing".
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from synthtab.core.errors import ConditionError, SynthtabError, hint
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import KINDS, typed_cells
from synthtab.data.columns.base import Mask
from synthtab.data.columns.numeric import NumberEncoder
from synthtab.data.columns.quantiles import Numbers, nearest
from synthtab.sampling.language import Condition, Where, written


def conditions(where: Where | None, schema: Schema) -> tuple[Test, ...]:
    """Conditions as users write them, each ready to be asked of cells.

    Raises:
        ConditionError: It cannot be read, names no column of the schema, or does not suit the column's kind.
    """
    found = [] if where is None else list(written(where))
    for condition in found:
        if condition.column not in schema.names:
            near = hint(condition.column, schema.names, "the columns are")
            raise ConditionError(
                f"condition {str(condition)!r}: there is no column "
                f"{condition.column!r}{near}"
            )
    return tuple(Test(condition, schema[condition.column]) for condition in found)


class Test:
    """A condition, its values read as the column's cells are.

    Args:
        condition: What users wrote.
        column: What the schema says of the column.
    """

    __test__ = False  # not pytest's

    def __init__(self, condition: Condition, column: Column) -> None:
        self.condition, self.column = condition, column
        kind = KINDS[column.kind]
        self.numeric = kind if issubclass(kind, NumberEncoder) else None
        if kind.invented and not (condition.missing or condition.any_value):
            raise self.error(
                "its cells are invented, so that none of them can be asked for; only missing can"
            )
        if not (
            condition.missing or condition.any_value
        ):  # so that what cannot be read is found out now
            found = (
                self.intervals
                if self.numeric
                else self._order
                if condition.values is None
                else self._texts
            )
            assert len(found), f"a condition without values, report this: {condition}"

    def error(self, why: str) -> ConditionError:
        """That the condition cannot be met, and why."""
        return ConditionError(f"condition {str(self.condition)!r}: {why}")

    def holds(self, cells: pd.Series) -> Mask:
        """``[rows]``: which cells, of the schema's dtype, meet it."""
        absent = cells.isna().to_numpy(dtype=bool)
        if self.condition.missing:
            return absent
        if self.condition.any_value:
            return ~absent
        if self.numeric:
            values, absent = self.numeric.numbers(cells, self.column)
            met = np.zeros(len(cells), dtype=bool)
            met[~absent] = self.meets(values)
            return met
        kind = KINDS[self.column.kind]
        codes, distinct = pd.factorize(cells)
        pool = kind.text(pd.Series(distinct).astype(cells.dtype), self.column)
        if self.condition.values is not None:
            met = np.isin(pool, self._texts)
        else:
            low, high = self._order
            places = self._places(pool)
            met = (places >= low) & (places <= high)
        return np.asarray(
            np.append(met != self.condition.negated, False)[codes] & ~absent, dtype=bool
        )

    def meets(self, values: Numbers) -> Mask:
        """``[rows]``: which numbers of a numeric kind do."""
        lows, highs = self.intervals
        place = np.searchsorted(lows, values, side="right") - 1
        return np.asarray((place >= 0) & (values <= highs[place]))

    def snapped(self, cells: pd.Series) -> pd.Series:
        """Each number as the nearest of the few that the condition asks for."""
        assert self.numeric is not None and self.condition.few, (
            f"no few numbers, report this: {self.condition}"
        )
        values, missing = self.numeric.numbers(cells, self.column)
        if missing.any():
            return cells
        wanted = self._typed(self.condition.values or ())
        numbers = self.numeric.numbers(wanted, self.column)[0]
        order = np.argsort(numbers)
        return wanted.take(order[nearest(numbers[order], values)]).set_axis(cells.index)

    @cached_property
    def intervals(self) -> tuple[Numbers, Numbers]:
        """Of a numeric kind: closed intervals of its numbers, ascending; their lows and highs."""
        condition = self.condition
        if condition.values is not None:
            points = np.unique([self._number(v) for v in condition.values])
            pairs = [(p, p) for p in points]
        elif condition.missing:
            pairs = []
        else:
            low, high = self._bounds()
            pairs = [(low, high)] if low <= high else []
        if condition.negated:
            ends = (
                [self._least, *(self._next(h, 1) for _, h in pairs)],
                [self._next(low, -1) for low, _ in pairs],
            )
            pairs = [
                (a, b)
                for a, b in zip(ends[0], [*ends[1], self._greatest], strict=True)
                if a <= b
            ]
        dtype = np.int64 if self._whole else np.float64
        return np.array([a for a, _ in pairs], dtype=dtype), np.array(
            [b for _, b in pairs], dtype=dtype
        )

    def _bounds(self) -> tuple[Any, Any]:
        condition, found = self.condition, []
        for i, (bound, default) in enumerate(
            ((condition.low, self._least), (condition.high, self._greatest))
        ):
            if bound is None:
                found.append(default)
                continue
            number = self._number(bound, bound_of=i)
            exact = condition.open[i] and (
                not self._whole or float(number).is_integer()
            )
            # "< 2020-01-31" ends where that day begins, "> 2020-01-31" begins after it.
            if exact and self.numeric and self.numeric.width(bound, self.column) > 1:
                number = self._number(bound, bound_of=1 - i)
            if self._whole and not isinstance(number, (int, np.integer)):
                exact, number = (
                    exact and float(number).is_integer(),
                    int(np.ceil(number) if i == 0 else np.floor(number)),
                )
            found.append(self._next(number, -1 if i else 1) if exact else number)
        return found[0], found[1]

    def _number(self, value: Any, bound_of: int | None = None) -> Any:
        """A value as the kind's number; the end of a day as the high bound of a column with times of day."""
        assert self.numeric is not None
        try:
            values, missing = self.numeric.numbers(pd.Series([value]), self.column)
            if missing.any():
                raise self.error(
                    f"{value!r} is no value: write {self.column.name} is missing"
                )
            number = values[0]
        except SynthtabError as error:
            if isinstance(error, ConditionError):
                raise
            try:
                number = self.numeric.read_loosely(value, self.column)
            except (TypeError, ValueError):
                raise self.error(str(error).split(";")[0]) from None
        if bound_of == 1:
            number = number + self.numeric.width(value, self.column) - 1
        return number

    @property
    def _whole(self) -> bool:
        return KINDS[self.column.kind].discrete

    @property
    def _least(self) -> Any:
        return np.iinfo(np.int64).min if self._whole else -np.inf

    @property
    def _greatest(self) -> Any:
        return np.iinfo(np.int64).max if self._whole else np.inf

    def _next(self, number: Any, step: int) -> Any:
        """The neighbour of a number."""
        return (
            int(number) + step if self._whole else np.nextafter(number, np.inf * step)
        )

    def _typed(self, values: Iterable[Any]) -> pd.Series:
        """Values as cells of the column."""
        series = pd.Series(list(values), dtype=object)
        series = (
            series.astype("str")
            if all(isinstance(v, str) for v in series)
            else series.infer_objects()
        )
        try:
            return typed_cells(series, self.column)
        except (SynthtabError, TypeError, ValueError) as error:
            raise self.error(str(error).split(";")[0]) from None

    @cached_property
    def _texts(self) -> Any:
        """The values as texts of the column."""
        cells = self._typed(self.condition.values or ())
        if cells.isna().any():
            known = self.column.options.get("categories")
            hint = (
                f": its categories are {', '.join(map(str, known[:12]))}"
                if known
                else ""
            )
            raise self.error(f"some value is none of {self.column.name!r}{hint}")
        return KINDS[self.column.kind].text(cells, self.column)

    @cached_property
    def _order(self) -> tuple[float, float]:
        """The range as places in the order of an ordered categorical, or as numbers where all categories are such."""
        bounds = (self.condition.low, self.condition.high)
        ends = [float("-inf"), float("inf")]
        for i, bound in enumerate(bounds):
            if bound is not None:
                place = self._places(np.array([str(bound)], dtype=object))[0]
                if np.isnan(place):
                    raise self.error(
                        f"{bound!r} is no value of {self.column.name!r} that has an order"
                    )
                ends[i] = (
                    np.nextafter(place, -np.inf if i else np.inf)
                    if self.condition.open[i]
                    else place
                )
        return ends[0], ends[1]

    def _places(self, texts: Any) -> Any:
        """``[texts]``: where each stands in the order of the column's values."""
        places = KINDS[self.column.kind].places(texts, self.column)
        if places is None:
            raise self.error(
                f"{self.column.name!r} is of kind {self.column.kind}, without ranges: list its values"
            )
        return places
