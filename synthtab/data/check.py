"""A table becomes typed, if it is what its schema says; else every disagreement at once."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import typed_cells
from synthtab.data.constraints import form_of
from synthtab.data.constraints.table import Table

# Disagreements that a message lists.
MOST = 12


def agreed(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """A table in the dtypes of the schema that it is to be learnt by.

    Raises:
        SchemaError: Naming all columns whose cells are not of their kind, missing though
            the schema says that none is, or of no listed category; and all enforced
            constraints that do not hold, each with the number of rows and one of them,
            counted from 1.
    """
    typed, problems = _compared(frame, schema)
    if problems:
        listed = "; ".join(problems[:MOST])
        if len(problems) > MOST:
            listed += f"; and {len(problems) - MOST} more"
        raise SchemaError(f"table and schema disagree: {listed}")
    return typed


def disagreements(frame: pd.DataFrame, schema: Schema) -> list[str]:
    """What `agreed` complains about, one sentence each.

    Raises:
        SchemaError: The table has other columns than the schema.
    """
    return _compared(frame, schema)[1]


def _compared(frame: pd.DataFrame, schema: Schema) -> tuple[pd.DataFrame, list[str]]:
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
        cells[column.name] = typed.array
        problems += _cell_problems(typed, column)

    table = Table(pd.DataFrame(cells), schema)
    for constraint in schema.enforced:
        form = form_of(constraint, schema)
        # A column that could not be typed was complained about above.
        if all(name in table for name in form.columns):
            broken = ~form.holds(table)
            if broken.any():
                problems.append(f"the constraint {form} fails in {_rows(broken)}")
    return pd.DataFrame(cells, index=frame.index), problems


def _cell_problems(typed: pd.Series, column: Column) -> list[str]:
    missing = typed.isna().to_numpy(dtype=bool)
    problems = []
    if missing.any() and not column.missing:
        problems.append(
            f"column {column.name!r}: no cell may be missing, but one is in {_rows(missing)}"
        )
    return problems


def _rows(mask: np.ndarray) -> str:
    """``3 rows, such as row 17``."""
    count, first = int(mask.sum()), int(np.argmax(mask)) + 1
    return f"{count:,} rows, such as row {first:,}" if count > 1 else f"row {first:,}"
