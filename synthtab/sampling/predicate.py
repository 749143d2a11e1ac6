"""Predicates: which cells of a column meet what users ask of it.

A `Condition` is what users write, see `synthtab.sampling.language`; as text::

    sex = Female and age in 18..30 and city in ('Oslo', 'Bergen') and income is not
    missing

or as a mapping ``{"sex": "Female", "age": (18, 30), "city": ["Oslo", "Bergen"]}``,
where None asks for a missing cell. A `Predicate` is a condition whose values are read
as the cells of its column are. A missing cell meets nothing but "is missing".
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from synthtab.core.errors import MOST_LISTED, ConditionError, SynthtabError, hint
from synthtab.core.json_schema import shown
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import KINDS, typed_cells
from synthtab.data.columns.base import Mask, words_of
from synthtab.data.columns.numbers import Integers, Numbers, nearest
from synthtab.data.columns.numeric import NumberEncoder, words_in
from synthtab.sampling.language import Condition, Where, written

# A number that is larger than any whole number of 64 bits.
BEYOND_WHOLE = 2.0**64


def predicates(where: Where, schema: Schema) -> tuple[Predicate, ...]:
    """The predicates of conditions as users write them.

    Raises:
        ConditionError: A condition cannot be read, names no column of the schema, or
            does not suit the column's kind.
    """
    result = []
    for condition in written(where):
        name = condition.column
        if name not in schema.names:
            near = hint(name, schema.names, "the columns are")
            raise ConditionError(
                f"condition {str(condition)!r}: there is no column {name!r}{near}"
            )
        result.append(Predicate(condition, schema[name]))
    return tuple(result)


class Predicate:
    """What the cells of one column must meet.

    Args:
        condition: What users wrote.
        column: What the schema says of the column.

    Attributes:
        numeric: The column's kind, if its cells are numbers or stand for numbers, such
            as dates; else None.

    Raises:
        ConditionError: The condition does not suit the column.
    """

    def __init__(self, condition: Condition, column: Column) -> None:
        self.condition = condition
        self.column = column
        kind = KINDS[column.kind]
        self.numeric = kind if issubclass(kind, NumberEncoder) else None
        if condition.missing or condition.any_value:
            return
        self._check_values()
        if kind.invented:
            raise self.error(
                "its cells are invented, so that none of them can be asked for; "
                "only missing can"
            )
        if not kind.askable:
            raise self.error(
                "its cells are numbers in text, which cannot be asked for; only missing "
                "can"
            )
        # What cannot be read is found out now, rather than when rows are drawn.
        values = self._read_values()
        assert len(values), f"a condition without values, report this: {condition}"

    def _check_values(self) -> None:
        """Whether each value is a single one, and its text can be written."""
        bounds = (self.condition.low, self.condition.high)
        for value in (*(self.condition.values or ()), *bounds):
            if not pd.api.types.is_scalar(value):
                raise self.error(f"{shown(value)} is no value of a cell")
            if isinstance(value, str) and not value.isprintable():
                try:
                    value.encode()
                except UnicodeEncodeError:
                    raise self.error(f"{shown(value)} is no text") from None

    def _read_values(self) -> Any:
        """The values, or the range, as cells of the column."""
        if self.numeric:
            return self.intervals
        if self.condition.values is None:
            return self._range
        return self._texts

    def error(self, why: str) -> ConditionError:
        """That the condition cannot be met, and why."""
        return ConditionError(f"condition {str(self.condition)!r}: {why}")

    def holds(self, cells: pd.Series) -> Mask:
        """``[rows]``: which cells, of the schema's dtype, meet it."""
        missing = cells.isna().to_numpy(dtype=bool)
        if self.condition.missing:
            return missing
        if self.condition.any_value:
            return ~missing
        if self.numeric:
            values, missing = self.numeric.numbers(cells, self.column)
            met = np.zeros(len(cells), dtype=bool)
            met[~missing] = self._holds_of_numbers(values)
            word = words_of(cells, self.column)
            is_word = word >= 0
            met[is_word] = self._holds_of_words(word[is_word])
            return met
        # Equal cells are asked once.
        codes, distinct = pd.factorize(cells)
        kind = KINDS[self.column.kind]
        texts = kind.text(pd.Series(distinct).astype(cells.dtype), self.column)
        met = self._holds_of_texts(texts)
        # The code of a missing cell is -1: the last one.
        met = np.append(met, False)
        return np.asarray(met[codes] & ~missing, dtype=bool)

    def _holds_of_numbers(self, values: Numbers) -> Mask:
        """Which numbers are in one of the intervals."""
        lows, highs = self.intervals
        if not len(lows):
            return np.zeros(len(values), dtype=bool)
        # The last interval that begins at or before each number; -1 for none.
        place = np.searchsorted(lows, values, side="right") - 1
        return np.asarray((place >= 0) & (values <= highs[place]))

    def _holds_of_words(self, word: Integers) -> Mask:
        """Which words are among the values, or else are not; given their numbers."""
        words = words_in(self.column)
        asked = [words.index(value) for value in self._split_values[1]]
        return np.asarray(np.isin(word, asked) != self.condition.negated)

    def _holds_of_texts(self, texts: Any) -> Mask:
        """Which texts are among the values or in the range, or else are not."""
        if self.condition.values is not None:
            met = np.isin(texts, self._texts)
        else:
            low, high = self._range
            places = self._places(texts)
            met = (places >= low) & (places <= high)
        return np.asarray(met != self.condition.negated)

    def snapped(self, cells: pd.Series) -> pd.Series:
        """Each number as the nearest of the few that the condition asks for."""
        assert self.numeric is not None and self.condition.few, (
            f"no few numbers, report this: {self.condition}"
        )
        values, missing = self.numeric.numbers(cells, self.column)
        if missing.all():
            return cells
        # Without those that the column cannot hold.
        points, _ = self.intervals
        asked = self._split_values[0]
        wanted = self._typed(value for value in asked if self._number(value) in points)
        numbers, _ = self.numeric.numbers(wanted, self.column)
        # `nearest` wants them in order.
        ascending = np.argsort(numbers)
        chosen = ascending[nearest(numbers[ascending], values)]
        snapped = wanted.take(chosen)
        # Words are among the cells that are no numbers.
        return pd.concat(
            [snapped.set_axis(cells.index[~missing]), cells[missing]]
        ).reindex(cells.index)

    @cached_property
    def _split_values(self) -> tuple[list[Any], list[str]]:
        """The values that are asked for: those that are no word, and the words."""
        words = set(words_in(self.column))
        values: list[Any] = []
        asked: list[str] = []
        for value in self.condition.values or ():
            is_word = isinstance(value, str) and value.strip() in words
            if is_word:
                asked.append(value.strip())
            else:
                values.append(value)
        return values, asked

    # -- of numbers

    @cached_property
    def intervals(self) -> tuple[Numbers, Numbers]:
        """Lows and highs of the closed intervals of numbers that meet it, ascending."""
        condition = self.condition
        # The low and the high of each; a value is an interval of one number.
        pairs: list[tuple[Any, Any]] = []
        if condition.values is not None:
            numbers = [self._number(value) for value in self._split_values[0]]
            if self._whole:
                numbers = self._whole_numbers(numbers)
            pairs = [(number, number) for number in np.unique(numbers)]
        elif not condition.missing:
            low = self._end(is_high=False)
            high = self._end(is_high=True)
            if low <= high:
                pairs = [(low, high)]
        if condition.negated:
            pairs = self._complement(pairs)
        dtype = np.int64 if self._whole else np.float64
        lows = np.array([low for low, _ in pairs], dtype=dtype)
        highs = np.array([high for _, high in pairs], dtype=dtype)
        return lows, highs

    def _whole_numbers(self, numbers: list[Any]) -> list[int]:
        """Those of some numbers that a column of whole numbers can hold."""
        whole = [int(number) for number in numbers if float(number).is_integer()]
        return [number for number in whole if self._least <= number <= self._greatest]

    def _complement(self, pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """The intervals before, between and after some closed intervals."""
        lows = [self._least]
        highs = []
        for low, high in pairs:
            highs.append(self._next(low, -1))
            lows.append(self._next(high, 1))
        highs.append(self._greatest)
        return [
            (low, high) for low, high in zip(lows, highs, strict=True) if low <= high
        ]

    def _end(self, is_high: bool) -> Any:
        """The least number of the range, or the greatest."""
        bound = self.condition.high if is_high else self.condition.low
        if bound is None:
            return self._greatest if is_high else self._least
        number = self._number(bound, at_end=is_high)
        if self._whole and not float(number).is_integer():
            # "> 30.5" begins at 31, as ">= 30.5" does. Infinity is cut: it is no int.
            number = np.clip(number, -BEYOND_WHOLE, BEYOND_WHOLE)
            number = int(np.floor(number) if is_high else np.ceil(number))
        elif self.condition.open[is_high]:
            # "< 2020-01-31" ends where that day begins; "> 2020-01-31" begins after it.
            if self._width(bound) > 1:
                number = self._number(bound, at_end=not is_high)
            number = self._next(number, -1 if is_high else 1)
        # What no number of the column reaches is no bound.
        if is_high:
            return min(number, self._greatest)
        return max(number, self._least)

    def _number(self, value: Any, at_end: bool = False) -> Any:
        """A value as the kind's number.

        Args:
            value: As users write it.
            at_end: Whether a value that stands for several numbers, such as a day of a
                column with times of day, is the last of them rather than the first.
        """
        assert self.numeric is not None, f"no numbers, report this: {self.column}"
        try:
            values, missing = self.numeric.numbers(pd.Series([value]), self.column)
            if missing.any():
                raise self.error(
                    f"{value!r} is no value: write {self.column.name} is missing"
                )
            number = values[0]
        except ConditionError:
            raise
        # Of a whole number that is too long for 64 bits, too.
        except (SynthtabError, OverflowError) as error:
            try:
                number = self.numeric.read_loosely(value, self.column)
            except (TypeError, ValueError):
                raise self.error(str(error).split(";")[0]) from None
        if at_end:
            # First the difference: 0.1 + 1 - 1 is not 0.1.
            number = number + (self._width(value) - 1)
        return number

    def _width(self, value: Any) -> int:
        """How many of the kind's numbers a value stands for."""
        assert self.numeric is not None, f"no numbers, report this: {self.column}"
        return self.numeric.width(value, self.column)

    @property
    def _whole(self) -> bool:
        """Whether the kind's numbers are whole; they are int64 then."""
        return KINDS[self.column.kind].discrete

    @property
    def _least(self) -> Any:
        return np.iinfo(np.int64).min if self._whole else -np.inf

    @property
    def _greatest(self) -> Any:
        return np.iinfo(np.int64).max if self._whole else np.inf

    def _next(self, number: Any, step: int) -> Any:
        """The neighbour of a number, above it for a step of 1 and below it for -1."""
        if self._whole:
            return int(number) + step
        return np.nextafter(number, np.inf * step)

    # -- of other values

    def _typed(self, values: Iterable[Any]) -> pd.Series:
        """Values as cells of the column."""
        series = pd.Series(list(values), dtype=object)
        if all(isinstance(value, str) for value in series):
            series = series.astype("str")
        else:
            series = series.infer_objects()
        try:
            return typed_cells(series, self.column)
        except (SynthtabError, TypeError, ValueError, OverflowError) as error:
            raise self.error(str(error).split(";")[0]) from None

    @cached_property
    def _texts(self) -> Any:
        """The values as texts of the column."""
        cells = self._typed(self.condition.values or ())
        if cells.isna().any():
            hint = ""
            if categories := self.column.options.get("categories"):
                names = ", ".join(map(str, categories[:MOST_LISTED]))
                hint = f": its categories are {names}"
            raise self.error(f"some value is none of {self.column.name!r}{hint}")
        return KINDS[self.column.kind].text(cells, self.column)

    @cached_property
    def _range(self) -> tuple[float, float]:
        """The least and the greatest place of the range, see `_places`."""
        low = self._place_of_bound(self.condition.low, -np.inf, self.condition.open[0])
        high = self._place_of_bound(self.condition.high, np.inf, self.condition.open[1])
        return low, high

    def _place_of_bound(
        self,
        bound: Any,
        outwards: float,
        is_open: bool,
    ) -> float:
        """The last place within a bound.

        Args:
            bound: As users write it; None for no bound.
            outwards: Minus infinity for a low bound, infinity for a high one.
            is_open: Whether the bound itself is left out.
        """
        if bound is None:
            return outwards
        text = np.array([str(bound)], dtype=object)
        place = float(self._places(text)[0])
        if np.isnan(place):
            raise self.error(
                f"{bound!r} is no value of {self.column.name!r} that has an order"
            )
        if is_open:
            # Places may be any numbers, so that the next one inwards is the next float.
            place = float(np.nextafter(place, -outwards))
        return place

    def _places(self, texts: Any) -> Any:
        """``[texts]``: where each stands in the order of the column's values."""
        places = KINDS[self.column.kind].places(texts, self.column)
        if places is None:
            raise self.error(
                f"{self.column.name!r} is of kind {self.column.kind}, without ranges: "
                "list its values"
            )
        return places
