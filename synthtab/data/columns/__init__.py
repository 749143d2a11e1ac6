"""Column kinds: what they are called, and which one a column is.

A kind is one class in one file and one line in `KINDS`. Inference asks each in order; the first
that does not decline decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from synthtab.core.config import TrainConfig
from synthtab.core.errors import DataError, SchemaError
from synthtab.core.schema import KIND_NAMES, Column, Schema
from synthtab.data.columns.base import (
    Cells,
    ColumnEncoder,
    Settings,
    Texts,
    blank,
    is_text,
    is_text_dtype,
)
from synthtab.data.columns.boolean import BooleanEncoder
from synthtab.data.columns.categorical import CategoryEncoder
from synthtab.data.columns.clock import ClockEncoder
from synthtab.data.columns.constant import ConstantEncoder
from synthtab.data.columns.datetime import DatetimeEncoder
from synthtab.data.columns.durations import DurationEncoder
from synthtab.data.columns.identifier import IdentifierEncoder
from synthtab.data.columns.nested import refuse_nested
from synthtab.data.columns.numeric import FloatEncoder, IntegerEncoder, refuse_infinite

# In the order in which inference asks them.
KINDS: dict[str, type[ColumnEncoder]] = {
    "constant": ConstantEncoder,
    "boolean": BooleanEncoder,
    "datetime": DatetimeEncoder,
    "duration": DurationEncoder,
    "clock": ClockEncoder,
    "identifier": IdentifierEncoder,
    "integer": IntegerEncoder,
    "float": FloatEncoder,
    "category": CategoryEncoder,
}

# The kinds that know by themselves which text of a file means "missing".
NUMERIC = ("integer", "float", "datetime", "duration", "clock")

# Of these, the kinds whose cells are not numbers to pandas, or other numbers than they
# mean.
TEMPORAL = ("datetime", "duration", "clock")

# Key of `DataFrame.attrs` with which `synthtab.data.tables.read` marks cells that come
# from a text file.
TEXT_MARK = "synthtab.text"

__all__ = [
    "KINDS",
    "NUMERIC",
    "TEMPORAL",
    "TEXT_MARK",
    "Cells",
    "ColumnEncoder",
    "Settings",
    "cells_to_text",
    "check_table",
    "infer",
    "typed_cells",
]


def infer(
    frame: pd.DataFrame,
    overrides: Mapping[str, str] | None = None,
    *,
    text: bool | None = None,
    rare: int = TrainConfig.rare,
) -> Schema:
    """What each column is.

    Args:
        frame: A table; cells that a file gave as text (see `synthtab.data.tables.read`) get natural
            pandas dtypes, a DataFrame's own dtypes are kept.
        overrides: Column name -> kind, where inference shall not decide.
        text: Whether the cells come from a text file; None to tell by the frame's mark.
        rare: No value that fewer rows have is told: bounds are means instead, see `synthtab.data.columns.disclosure`.

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
            raise SchemaError(
                f"column {name!r}: unknown kind {kind!r}; use one of {', '.join(KIND_NAMES)}"
            )
    from_file = bool(frame.attrs.get(TEXT_MARK, False)) if text is None else text
    cells = {name: Cells(frame[name], from_file, rare) for name in frame.columns}
    forms = {n: overrides.get(n) for n in cells}
    found = {
        n: _describe(cells[n], forms[n])
        for n in cells
        if forms[n] is None or forms[n] in NUMERIC
    }
    source = _missing_tokens(
        [
            cells[n]
            for n, column in found.items()
            if from_file and column.kind in NUMERIC
        ]
    )
    for name, form in forms.items():
        if name not in found or found[name].kind not in NUMERIC:
            token = (
                cells[name].commonest(source)
                if from_file and cells[name].is_text
                else None
            )
            if token is not None:
                found[name] = _describe_without(
                    cells[name], form, token, source[token.strip()]
                )
            elif name not in found:
                found[name] = _describe(cells[name], form)
    return Schema(tuple(found[n] for n in cells))


def _missing_tokens(numeric: list[Cells]) -> dict[str, str]:
    """The texts that mean "missing" in columns of numbers or dates, each with the name of such a column."""
    return {
        str(t).strip(): c.name
        for c in reversed(numeric)
        if c.is_text
        for t in c.distinct[c.token_mask]
        if t.strip()
    }


def _describe_without(
    cells: Cells, kind: str | None, token: str, source: str
) -> Column:
    """A text column some of whose cells hold a token that means "missing" in another column of its file."""
    column = _describe(
        Cells(blank(cells.series, token), from_file=True, rare=cells.rare), kind
    )
    why = f"{column.why}; {token.strip()!r} means missing, as in {source!r}"
    return replace(column, options={**column.options, "missing": token}, why=why)


def _describe(cells: Cells, kind: str | None) -> Column:
    if kind is None:
        try:
            found = (kind_class.accepts(cells) for kind_class in KINDS.values())
            column = next(c for c in found if c is not None)
            if (
                column.kind not in NUMERIC
            ):  # infinite numbers look like words, and so do nested cells as text
                refuse_infinite(cells)
                refuse_nested(cells)
            return column
        except TypeError as error:  # unhashable cells: lists, dicts
            raise DataError(
                f"column {cells.name!r} holds lists or other nested cells; convert it to text"
            ) from error
    forced = KINDS[kind].accepts(cells, forced=True)
    if forced is None:
        raise SchemaError(
            f"column {cells.name!r} cannot be of kind {kind}: some cells do not fit; choose another"
        )
    return forced


def typed_cells(series: pd.Series, column: Column) -> pd.Series:
    """Text or other cells => the dtype that the schema names.

    Raises:
        SchemaError: A cell does not fit; the message names it.
    """
    kind = _kind_of_cells(column)
    if kind not in NUMERIC and "missing" in column.options and is_text(series):
        series = blank(series, column.options["missing"])
    return KINDS[kind].typed(series, column)


def cells_to_text(series: pd.Series, column: Column) -> Texts:
    """Typed cells => the cells of a CSV file, in the format of the schema."""
    kind = _kind_of_cells(column)
    texts = KINDS[kind].text(series, column)
    if kind not in NUMERIC and "missing" in column.options:
        texts[series.isna().to_numpy(dtype=bool)] = column.options["missing"]
    return texts


def _kind_of_cells(column: Column) -> str:
    """Who reads and writes the cells: numbers and dates keep their format when modelled as categories."""
    dtype = column.dtype.lower()
    if column.kind != "category" or is_text_dtype(dtype) or dtype == "category":
        return column.kind
    for kind, words in {
        "duration": ("timedelta", "duration"),
        "datetime": ("date", "time"),
        "boolean": ("bool",),
        "integer": ("int",),
    }.items():
        if any(word in dtype for word in words):
            return kind
    return "float" if "float" in dtype or "double" in dtype else column.kind


def check_table(frame: pd.DataFrame) -> None:
    """Raise a DataError unless there are rows, and columns with distinct names that are text."""
    if frame.columns.nlevels > 1:
        raise DataError(
            "the table has a header of several levels; flatten its column names to one text each"
        )
    for name in frame.columns:
        if not isinstance(name, str):
            raise DataError(
                f"column name {name!r} is not text; rename the columns, say with df.columns.map(str)"
            )
        if not name.strip():
            raise DataError("a column has a blank name; give it one")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"two columns are named {twice!r}; rename one")
    if not len(frame.columns):
        raise DataError("the table has no columns")
    if not len(frame):
        raise DataError("the table has no rows")
