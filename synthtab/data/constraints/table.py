"""A typed table as constraints look at it.

Each column is seen as numbers, as codes of its distinct cells, or as truths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from synthtab.core.schema import Column, Schema, nullable_dtype
from synthtab.data.columns import KINDS, cells_to_text, dates, number_kind, typed_cells
from synthtab.data.columns.base import Mask, as_dtype, is_text, natural
from synthtab.data.columns.numbers import Numbers, round_decimals

Integers = npt.NDArray[np.int64]
# A column's numbers, 0 where they are missing, and where that is.
Cells = tuple[Numbers, Mask]
# Each cell's number among a column's distinct cells, and the texts of these.
Codes = tuple[Integers, list[str]]

# Minutes.
DAY = 1440
# Texts of cells that are no, or yes.
NO = ("0", "0.0", "False")
YES = ("1", "1.0", "True")


class Table:
    """Typed cells, each column converted once.

    Args:
        frame: The cells, in the schema's dtypes.
        schema: What the columns are.
        people: ``[rows]``: whom each row is about, where people count and not rows.
    """

    def __init__(
        self, frame: pd.DataFrame, schema: Schema, people: Integers | None = None
    ) -> None:
        self.frame = frame
        self.schema = schema
        self.people = people
        # What was converted before, by the column.
        self._numbers: dict[str, Cells] = {}
        self._codes: dict[str, Codes] = {}
        self._distinct: dict[str, tuple[Any, Any]] = {}
        self._missing: dict[str, Mask] = {}
        self._truths: dict[tuple[str, bool], Mask | None] = {}

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, name: str) -> bool:
        return name in self.frame.columns

    def take(self, rows: Integers) -> Table:
        """Some of the rows."""
        frame = self.frame.iloc[rows]
        return Table(frame.reset_index(drop=True), self.schema)

    def with_cells(self, cells: Mapping[str, pd.Series]) -> Table:
        """A table in which these columns are replaced, or new."""
        # Arrays, since the cells' index is not the table's.
        arrays = {name: series.array for name, series in cells.items()}
        frame = self.frame.assign(**arrays)
        table = Table(frame, self.schema)
        # The other columns need not be converted again.
        table._converted_as(
            self, [str(name) for name in self.frame if name not in cells]
        )
        return table

    def only(self, names: Sequence[str]) -> Table:
        """A table of some of the columns."""
        table = Table(self.frame[[*names]], self.schema)
        table._converted_as(self, names)
        return table

    def _converted_as(self, other: Table, names: Sequence[str]) -> None:
        """Take over what another table of the same rows has converted."""
        kept = set(names)
        for name in kept & other._numbers.keys():
            self._numbers[name] = other._numbers[name]
        for name in kept & other._codes.keys():
            self._codes[name] = other._codes[name]
        for name in kept & other._missing.keys():
            self._missing[name] = other._missing[name]
        for key in [key for key in other._truths if key[0] in kept]:
            self._truths[key] = other._truths[key]

    def shuffled(self, rng: np.random.Generator, names: Sequence[str]) -> Table:
        """A table in which some columns are shuffled, each for itself.

        What holds there holds by chance.
        """
        cells = {}
        for name in names:
            order = rng.permutation(len(self))
            cells[name] = self.frame[name].iloc[order]
        return self.with_cells(cells)

    def column(self, name: str) -> Column:
        """The schema's word on a column."""
        return self.schema[name]

    def missing(self, name: str) -> Mask:
        """``[rows]``: which cells are missing."""
        if name not in self._missing:
            self._missing[name] = self._find_missing(name)
        return self._missing[name]

    def _find_missing(self, name: str) -> Mask:
        series = self.frame[name]
        if is_number(self.column(name)) and is_text(series):
            # Some texts of numbers and dates mean "missing".
            return self.numbers(name)[1]
        return series.isna().to_numpy(dtype=bool)

    def present(self, names: Sequence[str]) -> Mask:
        """``[rows]``: where none of the cells is missing."""
        present = np.ones(len(self), dtype=bool)
        for name in names:
            present &= ~self.missing(name)
        return present

    def numbers(self, name: str) -> Cells:
        """A column's numbers, 0 where they are missing, and where that is.

        Dates are whole numbers of their unit.
        """
        if name not in self._numbers:
            column = self.column(name)
            self._numbers[name] = _numbers(self.frame[name], column)
        return self._numbers[name]

    def codes(self, name: str) -> Codes:
        """Each cell's number among the column's distinct cells, and the texts of these.

        A missing cell has the number -1.
        """
        if name not in self._codes:
            codes, distinct = self._factorized(name)
            texts = cells_to_text(pd.Series(distinct), self.column(name))
            self._codes[name] = (codes.astype(np.int64), texts.tolist())
        return self._codes[name]

    def _factorized(self, name: str) -> tuple[Any, Any]:
        """Each cell's number among the column's distinct cells, and these."""
        if name not in self._distinct:
            self._distinct[name] = pd.factorize(self.frame[name])
        return self._distinct[name]

    def coded(self, name: str, texts: Sequence[str]) -> Integers:
        """`codes` among given texts; their count where a cell is none of them."""
        codes, own_texts = self.codes(name)
        given = _index(texts)
        place = given.get_indexer(_index(own_texts))
        place = np.where(place < 0, len(texts), place)
        # The last one is that of code -1.
        place = np.append(place, -1)
        return place[codes]

    def truths(self, name: str, constants: bool = False) -> Mask | None:
        """A column of 0 and 1, or of booleans, with both among them.

        Args:
            name: The column.
            constants: Whether one of the two will do.

        Returns:
            ``[rows]``; None if it is no such column, or if cells are missing.
        """
        key = (name, constants)
        if key not in self._truths:
            self._truths[key] = self._find_truths(name, constants)
        return self._truths[key]

    def _find_truths(self, name: str, constants: bool) -> Mask | None:
        column = self.column(name)
        kind = KINDS[column.kind]
        if kind.invented or self.missing(name).any():
            return None
        yes: Sequence[str] = YES
        words = kind.no_and_yes(column)
        # Most columns have more cells than two, and need not be written as texts.
        if words is None and len(self._factorized(name)[1]) > 2:
            return None
        codes, texts = self.codes(name)
        if words is not None:
            # A column of booleans, which has words of its own for them.
            yes = words[1:]
        else:
            enough = constants or len(texts) == 2
            if not enough or not set(texts) <= {*NO, *YES}:
                return None
        is_yes = [text in yes for text in texts]
        return np.array(is_yes, dtype=bool)[codes]


def _index(texts: Sequence[str]) -> pd.Index:
    cells: Any = np.array([*texts], dtype=object)
    return pd.Index(cells)


def is_number(column: Column) -> bool:
    """Whether the cells are numbers or dates."""
    return KINDS[column.kind].numeric


def _numbers(series: pd.Series, column: Column) -> Cells:
    """As `Table.numbers`."""
    is_numeric = types.is_numeric_dtype(series.dtype)
    kind = KINDS[column.kind]
    # Those that 64 bits do not hold have a scale of their own.
    if is_numeric and not kind.in_units and "base" not in column.options:
        missing = series.isna().to_numpy(dtype=bool)
        dtype = _number_dtype(series)
        known = series[~missing].to_numpy(dtype=dtype)
    else:
        known, missing = number_kind(column).as_written(series, column)
    # Something must stand where cells are missing.
    values = np.zeros(len(missing), dtype=known.dtype)
    values[~missing] = known
    return values, missing


def _number_dtype(series: pd.Series) -> Any:
    """That of the numbers of a numeric column: whole numbers stay exact."""
    is_integer = types.is_integer_dtype(series.dtype)
    is_boolean = types.is_bool_dtype(series.dtype)
    return np.int64 if is_integer or is_boolean else np.float64


def measure(column: Column) -> str:
    """What a column's numbers count, "" if they count nothing.

    Two columns can be compared if this is the same.
    """
    return KINDS[column.kind].measure(column)


def comparable(table: Table, names: Sequence[str]) -> list[Cells]:
    """Numbers of columns of one `measure`, and where they are missing.

    Dates of several units are given in the finest of them.
    """
    units = {name: _unit(table.column(name)) for name in names}
    dated = set(units.values()) - {""}
    finest = max(dated, key=dates.fineness, default="")
    converted = []
    for name in names:
        unit = units[name]
        values, missing = table.numbers(name)
        if unit and unit != finest:
            values = dates.convert(values, unit, finest)
        converted.append((values, missing))
    return converted


def _unit(column: Column) -> str:
    """The unit that a column's numbers count, "" if they count none."""
    if not KINDS[column.kind].in_units:
        return ""
    return column.options.get("unit", "s")


def number_cells(
    values: Numbers,
    missing: Mask,
    column: Column,
) -> pd.Series:
    """Numbers => typed cells, rounded as the column is.

    Args:
        values: ``[rows]`` numbers, whatever where missing.
        missing: ``[rows]`` which cells are missing.
        column: The column.
    """
    kind = number_kind(column)
    decimals = kind.decimals(column)
    known = values[~missing]
    if "base" in column.options:
        return kind.typed_numbers(kind.from_written(known, column), missing, column)
    if decimals is not None:
        if known.dtype.kind == "f":
            known = round_decimals(known.astype(np.float64), decimals)
        if kind.discrete:
            known = np.rint(known).astype(np.int64)
    dtype = types.pandas_dtype(column.dtype)
    if types.is_numeric_dtype(dtype):
        if "int" not in column.dtype.lower():
            known = known.astype(np.float64)
        return natural(known, missing, column.dtype)
    # The dtype is that of text, or of what only text can be turned into.
    internal = kind.from_written(known, column)
    texts = np.full(len(missing), None, dtype=object)
    texts[~missing] = kind.render(internal, column)
    cells = pd.Series(texts, dtype=object)
    return typed_cells(cells, column)


def text_cells(
    texts: Sequence[str],
    codes: Integers,
    column: Column,
) -> pd.Series:
    """Texts by number, missing where the number is -1, => typed cells."""
    pool: list[str | None] = [*texts]
    if not pool or (codes < 0).any():
        # Number -1 is the last.
        pool.append(None)
    # Each text is typed once, however many rows have it.
    distinct = pd.Series(pool, dtype=object)
    cells = typed_cells(distinct, column).take(codes)
    return cells.reset_index(drop=True)


def with_gaps(column: Column) -> Column:
    """The column with cells that may be missing, in a dtype that can miss them."""
    dtype = nullable_dtype(column.dtype)
    return replace(column, dtype=dtype, missing=True)


def blanked(
    series: pd.Series,
    rows: Mask,
    column: Column,
) -> pd.Series:
    """The cells without those of some rows.

    Args:
        series: The cells.
        rows: ``[rows]`` which cells become missing.
        column: A column of `with_gaps`, whose dtype the result has.
    """
    is_nullable = column.dtype.startswith(("boolean", "Int", "UInt"))
    if is_nullable and str(series.dtype) != column.dtype:
        series = as_dtype(series, column.dtype)
    return series.mask(rows)


def minutes(clock: Numbers) -> Numbers:
    """Times as HHMM => minutes since midnight."""
    hours = clock // 100
    return hours * 60 + clock % 100


def hhmm(since_midnight: Numbers, midnight: float) -> Numbers:
    """The inverse of `minutes`, whatever the day.

    Args:
        since_midnight: Minutes; more than a day of them start anew.
        midnight: What that is written as, 0 or 2400.
    """
    of_day = since_midnight % DAY
    hours = of_day // 60
    clock = hours * 100 + of_day % 60
    return np.where(of_day == 0, midnight, clock)
