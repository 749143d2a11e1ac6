"""A table becomes typed if it is what its schema says; else each disagreement."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import typed_cells
from synthtab.data.columns.base import Mask
from synthtab.data.constraints import form_of
from synthtab.data.constraints.table import Table

# Disagreements that a message lists.
MOST_LISTED = 12


def agreed(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """A table in the dtypes of the schema that it is to be learnt by.

    Raises:
        SchemaError: Something of `disagreements`; the first `MOST_LISTED` are named.
    """
    typed, problems = _compare(frame, schema)
    if not problems:
        return typed
    listed = problems[:MOST_LISTED]
    if len(problems) > MOST_LISTED:
        listed.append(f"and {len(problems) - MOST_LISTED} more")
    raise SchemaError(f"table and schema disagree: {'; '.join(listed)}")


def disagreements(frame: pd.DataFrame, schema: Schema) -> list[str]:
    """What contradicts the schema, one sentence each.

    That is: cells that are not of their column's kind or of no category that the schema
    lists; missing cells where the schema says that there are none; and constraints that
    do not hold, each with the number of rows and one of them, counted from 1.

    Raises:
        SchemaError: The table has other columns than the schema.
    """
    _, problems = _compare(frame, schema)
    return problems


def _compare(frame: pd.DataFrame, schema: Schema) -> tuple[pd.DataFrame, list[str]]:
    """The columns whose cells are of their kind, typed; and all disagreements."""
    schema.check(frame)
    problems: list[str] = []
    cells = {}
    for column in schema.columns:
        try:
            typed = typed_cells(frame[column.name], column)
        except SchemaError as error:
            problems.append(str(error))
            continue
        cells[column.name] = typed
        problems += _missing_cells(typed, column)

    if schema.enforced:
        problems += _broken_constraints(pd.DataFrame(cells), schema)
    return pd.DataFrame(cells, index=frame.index), problems


def _broken_constraints(typed: pd.DataFrame, schema: Schema) -> list[str]:
    problems = []
    table = Table(typed, schema)
    for constraint in schema.enforced:
        form = form_of(constraint, schema)
        # Of a column that could not be read, only that is reported.
        if not all(name in table for name in form.columns):
            continue
        broken = ~form.holds(table)
        if broken.any():
            problems.append(f"the constraint {form} fails in {_rows(broken)}")
    return problems


def _missing_cells(typed: pd.Series, column: Column) -> list[str]:
    missing = typed.isna().to_numpy(dtype=bool)
    if column.missing or not missing.any():
        return []
    return [
        f"column {column.name!r}: no cell may be missing, "
        f"but one is in {_rows(missing)}"
    ]


def _rows(mask: Mask) -> str:
    """``3 rows, such as row 17``."""
    count = int(mask.sum())
    # The first row that is true, counted from 1 as people do.
    first = int(np.argmax(mask)) + 1
    if count == 1:
        return f"row {first:,}"
    return f"{count:,} rows, such as row {first:,}"
