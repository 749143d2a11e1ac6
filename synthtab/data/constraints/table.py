"""A typed table as constraints look at it: each column as numbers, as codes of its distinct cells, or as truths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.schema import Column, Schema, nullable_dtype
from synthtab.data.columns import KINDS, cells_to_text, dates, number_kind, typed_cells
from synthtab.data.columns.base import Mask, as_dtype, is_text, natural
from synthtab.data.columns.numbers import round_decimals
from synthtab.data.columns.quantiles import Numbers

Integers = npt.NDArray[np.int64]

# Minutes.
DAY = 1440
# Texts of cells that are no or yes.
BITS = {"0": False, "0.0": False, "False": False, "1": True, "1.0": True, "True": True}


class Table:
    """Typed cells, each column converted once.

    Args:
        frame: The cells, in the schema's dtypes.
        schema: What the columns are.
    """

    def __init__(self, frame: pd.DataFrame, schema: Schema) -> None:
        self.frame, self.schema = frame, schema
        self._known: dict[tuple[str, str], Any] = {}

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, name: str) -> bool:
        return name in self.frame.columns

    def take(self, rows: Integers) -> Table:
        """Some of the rows."""
        return Table(self.frame.iloc[rows].reset_index(drop=True), self.schema)

    def with_cells(self, cells: dict[str, pd.Series]) -> Table:
        """A table in which these columns are replaced, or new."""
        table = Table(
            self.frame.assign(**{n: c.array for n, c in cells.items()}), self.schema
        )
        table._known = {
            key: value for key, value in self._known.items() if key[1] not in cells
        }
        return table

    def shuffled(self, rng: np.random.Generator, keep: Sequence[str] = ()) -> Table:
        """A table whose columns, but those to keep, are shuffled each for itself: what holds there holds by chance."""
        orders = {
            n: rng.permutation(len(self)) for n in self.frame.columns if n not in keep
        }
        return self.with_cells(
            {
                n: self.frame[n].iloc[order].reset_index(drop=True)
                for n, order in orders.items()
            }
        )

    def column(self, name: str) -> Column:
        """The schema's word on a column."""
        return self.schema[name]

    def missing(self, name: str) -> Mask:
        """``[rows]``: which cells are missing."""
        series = self.frame[name]
        if is_number(self.column(name)) and is_text(series):
            return self.numbers(name)[1]
        return series.isna().to_numpy(dtype=bool)

    def present(self, names: Sequence[str]) -> Mask:
        """``[rows]``: where none of the cells is missing."""
        return (
            ~np.any([self.missing(n) for n in names], axis=0)
            if len(names)
            else np.ones(len(self), dtype=bool)
        )

    def numbers(self, name: str) -> tuple[Numbers, Mask]:
        """A column's numbers, 0 where missing, and where they are missing; dates as whole numbers of their unit."""
        if ("numbers", name) not in self._known:
            self._known["numbers", name] = _numbers(self.frame[name], self.column(name))
        return self._known["numbers", name]

    def codes(self, name: str) -> tuple[Integers, list[str]]:
        """The number of each cell among the column's distinct cells, -1 where missing, and the texts of these."""
        if ("codes", name) not in self._known:
            codes, distinct = pd.factorize(self.frame[name])
            texts = cells_to_text(pd.Series(distinct), self.column(name)).tolist()
            self._known["codes", name] = np.asarray(codes, dtype=np.int64), texts
        return self._known["codes", name]

    def coded(self, name: str, texts: Sequence[str]) -> Integers:
        """`codes` among given texts; their count where a cell is none of them."""
        codes, own = self.codes(name)
        place = _index(texts).get_indexer(_index(own))
        return np.append(np.where(place < 0, len(texts), place), -1)[codes]

    def truths(self, name: str, constants: bool = False) -> Mask | None:
        """``[rows]``: a column of 0 and 1, or of booleans, with both among them unless ``constants`` will do; None
        where it is none, or where cells are missing.
        """
        column = self.column(name)
        if self.missing(name).any():
            return None
        kind = KINDS[column.kind]
        if kind.invented:
            return None
        codes, texts = self.codes(name)
        words = kind.no_and_yes(column)
        if words is not None:
            return np.array([t == words[1] for t in texts], dtype=bool)[codes]
        if not set(texts) <= set(BITS) or not (constants or len(texts) == 2):
            return None
        return np.array([BITS[t] for t in texts], dtype=bool)[codes]


def _index(texts: Sequence[str]) -> pd.Index:
    cells: Any = np.array([*texts], dtype=object)
    return pd.Index(cells)


def is_number(column: Column) -> bool:
    """Whether the cells are numbers or dates."""
    return KINDS[column.kind].numeric


def _numbers(series: pd.Series, column: Column) -> tuple[Numbers, Mask]:
    missing = series.isna().to_numpy(dtype=bool)
    if not KINDS[column.kind].in_units and pd.api.types.is_numeric_dtype(series.dtype):
        whole = pd.api.types.is_integer_dtype(
            series.dtype
        ) or pd.api.types.is_bool_dtype(series.dtype)
        known = series[~missing].to_numpy(dtype=np.int64 if whole else np.float64)
    else:
        known, missing = number_kind(column).as_written(series, column)
    values = np.zeros(len(missing), dtype=known.dtype)
    values[~missing] = known
    return values, missing


def measure(column: Column) -> str:
    """What a column's numbers count; two columns can be compared where this is the same. "" where it has none."""
    return KINDS[column.kind].measure(column)


def comparable(table: Table, names: Sequence[str]) -> list[tuple[Numbers, Mask]]:
    """Numbers of columns of one `measure`; dates of several units in the finest."""
    units = [
        table.column(n).options.get("unit", "s")
        if KINDS[table.column(n).kind].in_units
        else ""
        for n in names
    ]
    known = [table.numbers(n) for n in names]
    finest = max(units, key=lambda u: dates.PER_DAY[u] if u else 0)
    pairs = zip(known, units, strict=True)
    return [
        (dates.convert(v, unit, finest) if unit and unit != finest else v, m)
        for (v, m), unit in pairs
    ]


def number_cells(values: Numbers, missing: Mask, column: Column) -> pd.Series:
    """Numbers, whatever where missing, => typed cells; rounded as the column is."""
    kind = number_kind(column)
    decimals = kind.decimals(column)
    known = values[~missing]
    if decimals is not None:
        known = (
            round_decimals(known.astype(np.float64), decimals)
            if known.dtype.kind == "f"
            else known
        )
        known = np.rint(known).astype(np.int64) if kind.discrete else known
    if pd.api.types.is_numeric_dtype(pd.api.types.pandas_dtype(column.dtype)):
        return natural(
            known if "int" in column.dtype.lower() else known.astype(np.float64),
            missing,
            column.dtype,
        )
    texts = np.full(len(missing), None, dtype=object)
    texts[~missing] = kind.render(kind.from_written(known), column)
    return typed_cells(pd.Series(texts, dtype=object), column)


def text_cells(texts: Sequence[str], codes: Integers, column: Column) -> pd.Series:
    """Texts by number, missing where -1, => typed cells."""
    pool: list[str | None] = [*texts]
    if (codes < 0).any() or not pool:
        pool.append(None)  # number -1 is the last
    return (
        typed_cells(pd.Series(pool, dtype=object), column)
        .take(codes)
        .reset_index(drop=True)
    )


def with_gaps(column: Column) -> Column:
    """The column with cells that may be missing, in a dtype that can miss them."""
    return replace(column, dtype=nullable_dtype(column.dtype), missing=True)


def blanked(series: pd.Series, rows: Mask, column: Column) -> pd.Series:
    """The cells without those of these rows, in the dtype of a column of `with_gaps`."""
    if str(series.dtype) != column.dtype and column.dtype.startswith(
        ("boolean", "Int", "UInt")
    ):
        series = as_dtype(series, column.dtype)
    return series.mask(rows)


def minutes(clock: Numbers) -> Numbers:
    """Times as HHMM => minutes since midnight."""
    return clock // 100 * 60 + clock % 100


def hhmm(since: Numbers, midnight: float) -> Numbers:
    """The inverse of `minutes`, whatever the day; midnight is 0 or 2400."""
    since = since % DAY
    return np.where(since == 0, midnight, since // 60 * 100 + since % 60)
