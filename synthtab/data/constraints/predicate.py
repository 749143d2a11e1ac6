"""Whatever a Python function says; for the library, since no file can hold it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Constraint
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.base import Form
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Table


@dataclass(frozen=True)
class Predicate(Form):
    """A function that is given the columns and judges each row by itself.

    Attributes:
        function: A DataFrame => ``[rows]`` of True and False.
        name: What messages call it.
    """

    form: ClassVar[str] = "predicate"
    turn: ClassVar[int] = 90

    columns: tuple[str, ...]
    function: Callable[[pd.DataFrame], Any]
    name: str = "predicate"

    @classmethod
    def of(cls, constraint: Constraint) -> Predicate:
        function = constraint.options.get("function")
        if not callable(function):
            raise SchemaError(
                "a predicate needs a Python function: "
                "predicates cannot be written in a schema file"
            )
        return cls(constraint.columns, function, constraint.says or "predicate")

    def options(self) -> dict[str, Any]:
        return {"function": self.function}

    def __str__(self) -> str:
        return self.name

    def applies(self, table: Table) -> Mask:
        # What missing cells mean is up to the function.
        return np.ones(len(table), dtype=bool)

    def holds(self, table: Table, lookup: Lookup | None = None) -> Mask:
        # Whatever a user's function raises is said in one line, with its name.
        try:
            answer = self.function(table.frame[list(self.columns)])
        except Exception as error:
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            raise SchemaError(
                f"constraint {self}: the function failed with {what}"
            ) from error
        if np.ndim(answer) == 1 and len(answer) == len(table):
            # A list or an array of objects may hold booleans too.
            mask = pd.Series(np.asarray(answer)).convert_dtypes()
            if pd.api.types.is_bool_dtype(mask):
                return mask.fillna(False).to_numpy(dtype=bool)
        raise SchemaError(
            f"constraint {self}: the function must return one True or False "
            f"for each of {len(table)} rows"
        )


def predicate(
    function: Callable[[pd.DataFrame], Any],
    columns: tuple[str, ...] | list[str],
    name: str = "",
) -> Constraint:
    """An enforced constraint that is a Python function.

    Args:
        function: Takes a DataFrame of the columns, returns one True or False for each
            row. It must judge each row by itself: rows come in blocks.
        columns: What it needs to see.
        name: What messages call it; the function's own name, if not given.
    """
    called = name or getattr(function, "__name__", "predicate")
    return Predicate(tuple(columns), function, called).constraint(enforce=True)
