"""Cells as plain Python values, for formats whose cells have types of their own.

`series_of` makes a typed column of what such a file holds, `plain` the values to write.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from synthtab.core.schema import Column, Schema
from synthtab.data.columns import cells_to_text

NUMBERS = {int, float}
DATES = {dt.datetime, dt.date, pd.Timestamp}
INT64 = 1 << 63


def series_of(values: Sequence[Any]) -> pd.Series:
    """A column of the dtype that its values suggest; words where they are mixed."""
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    # An empty text is what a cell of a sheet or of a CSV file is without a value.
    missing = pd.isna(cells) | (cells == "")
    cells[missing] = None
    types = set(map(type, cells[~missing]))
    if not types:
        return pd.Series(cells, dtype=object)
    if types == {bool}:
        return pd.Series(cells, dtype="boolean" if missing.any() else "bool")
    if types == {int} and all(-INT64 <= cell < INT64 for cell in cells[~missing]):
        return pd.Series(cells, dtype="Int64" if missing.any() else "int64")
    if types <= NUMBERS and float in types:
        return pd.Series(cells, dtype="float64")
    if types <= DATES:
        return _dates(cells)
    if types <= {decimal.Decimal}:
        return pd.Series(cells, dtype=object)
    cells[~missing] = [_text(cell) for cell in cells[~missing]]
    return pd.Series(cells, dtype="str")


def _dates(cells: Any) -> pd.Series:
    try:
        return pd.Series(pd.to_datetime(pd.Series(cells)))
    except (ValueError, TypeError, OverflowError):
        # Of several time zones, say.
        return pd.Series([None if c is None else _text(c) for c in cells], dtype="str")


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, (dt.date, dt.time)):
        return cell.isoformat()
    return str(cell)


def plain(series: pd.Series, column: Column | None) -> list[Any]:
    """The values of a typed column: bool, int, float, datetime, str, or None."""
    missing = series.isna().to_numpy(dtype=bool)
    dtype = series.dtype
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype):
        values = series.to_numpy(dtype=object)
        pairs = zip(values, missing, strict=True)
        return [None if gone else _python(value) for value, gone in pairs]
    if isinstance(dtype, np.dtype) and dtype.kind == "M":
        return [None if t is pd.NaT else t.to_pydatetime(warn=False) for t in series]
    if column is None:
        texts = [str(value) for value in series]
    else:
        texts = list(cells_to_text(series, column))
    return [None if gone else text for text, gone in zip(texts, missing, strict=True)]


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def plain_columns(piece: pd.DataFrame, schema: Schema | None) -> dict[str, list[Any]]:
    """All columns of a piece, in the order of the schema if there is one."""
    if schema is None:
        return {name: plain(piece[name], None) for name in piece.columns}
    return {c.name: plain(piece[c.name], c) for c in schema.columns}
