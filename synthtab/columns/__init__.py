"""Column kinds: what they are called, and which one a column is.

A kind is one class in one file and one line in `KINDS`. Inference asks each in order; the first
that does not decline decides.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from synthtab.columns.base import Cells, ColumnEncoder, Settings, Texts, is_text_dtype
from synthtab.columns.boolean import BooleanEncoder
from synthtab.columns.categorical import CategoryEncoder
from synthtab.columns.constant import ConstantEncoder
from synthtab.columns.datetime import DatetimeEncoder
from synthtab.columns.identifier import IdentifierEncoder
from synthtab.columns.numeric import FloatEncoder, IntegerEncoder
from synthtab.errors import DataError, SchemaError
from synthtab.schema import KIND_NAMES, Column, Schema

KINDS: dict[str, type[ColumnEncoder]] = {
    "constant": ConstantEncoder,
    "boolean": BooleanEncoder,
    "datetime": DatetimeEncoder,
    "identifier": IdentifierEncoder,
    "integer": IntegerEncoder,
    "float": FloatEncoder,
    "category": CategoryEncoder,
}
"""In the order in which inference asks them."""

TEXT_MARK = "synthtab.text"
"""Key of `DataFrame.attrs` with which `synthtab.tables.read` marks cells that come from a text file."""

__all__ = [
    "KINDS",
    "TEXT_MARK",
    "Cells",
    "ColumnEncoder",
    "Settings",
    "cells_to_text",
    "check_table",
    "infer",
    "typed_cells",
]


def infer(frame: pd.DataFrame, overrides: Mapping[str, str] | None = None, *, text: bool | None = None) -> Schema:
    """What each column is.

    Args:
        frame: A table; cells that a file gave as text (see `synthtab.tables.read`) get natural
            pandas dtypes, a DataFrame's own dtypes are kept.
        overrides: Column name -> kind, where inference shall not decide.
        text: Whether the cells come from a text file; None to tell by the frame's mark.

    Raises:
        DataError: For a table that cannot be described, such as one with two columns of one name.
        SchemaError: For an override that names no column or no kind, or that cannot be.
    """
    overrides = dict(overrides or {})
    check_table(frame)
    for name, kind in overrides.items():
        if name not in frame.columns:
            raise SchemaError(f"the table has no column {name!r} to override")
        if kind not in KIND_NAMES:
            raise SchemaError(f"column {name!r}: unknown kind {kind!r}; use one of {', '.join(KIND_NAMES)}")
    from_file = bool(frame.attrs.get(TEXT_MARK, False)) if text is None else text
    return Schema(tuple(_describe(Cells(frame[n], from_file), overrides.get(n)) for n in frame.columns))


def _describe(cells: Cells, kind: str | None) -> Column:
    if kind is None:
        try:
            found = (kind_class.accepts(cells) for kind_class in KINDS.values())
            return next(column for column in found if column is not None)
        except TypeError as error:  # unhashable cells: lists, dicts
            raise DataError(f"column {cells.name!r} holds lists or other nested cells; convert it to text") from error
    column = KINDS[kind].accepts(cells, forced=True)
    if column is None:
        raise SchemaError(f"column {cells.name!r} cannot be of kind {kind}: some cells do not fit; choose another")
    return column


def typed_cells(series: pd.Series, column: Column) -> pd.Series:
    """Text or other cells => the dtype that the schema names.

    Raises:
        SchemaError: A cell does not fit; the message names it.
    """
    return KINDS[_kind_of_cells(column)].typed(series, column)


def cells_to_text(series: pd.Series, column: Column) -> Texts:
    """Typed cells => the cells of a CSV file, in the format of the schema."""
    return KINDS[_kind_of_cells(column)].text(series, column)


def _kind_of_cells(column: Column) -> str:
    """Who reads and writes the cells: numbers and dates keep their format when modelled as categories."""
    dtype = column.dtype.lower()
    if column.kind != "category" or is_text_dtype(dtype) or dtype == "category":
        return column.kind
    for kind, words in {"datetime": ("date", "time"), "boolean": ("bool",), "integer": ("int",)}.items():
        if any(word in dtype for word in words):
            return kind
    return "float" if "float" in dtype or "double" in dtype else column.kind


def check_table(frame: pd.DataFrame) -> None:
    """Raise a DataError unless there are rows, and columns with distinct names that are text."""
    if frame.columns.nlevels > 1:
        raise DataError("the table has a header of several levels; flatten its column names to one text each")
    for name in frame.columns:
        if not isinstance(name, str):
            raise DataError(f"column name {name!r} is not text; rename the columns, say with df.columns.map(str)")
        if not name.strip():
            raise DataError("a column has a blank name; give it one")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"two columns are named {twice!r}; rename one")
    if not len(frame.columns):
        raise DataError("the table has no columns")
    if not len(frame):
        raise DataError("the table has no rows")
