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
    """``function(frame) -> [rows]`` of True and False, given the columns; it judges each row by itself."""

    form: ClassVar[str] = "predicate"

    columns: tuple[str, ...]
    function: Callable[[pd.DataFrame], Any]
    name: str = "predicate"

    @classmethod
    def of(cls, constraint: Constraint) -> Predicate:
        function = constraint.options.get("function")
        if not callable(function):
            raise SchemaError(
                "a predicate needs a Python function: predicates cannot be written in a schema file"
            )
        return cls(constraint.columns, function, constraint.says or "predicate")

    def options(self) -> dict[str, Any]:
        return {"function": self.function}

    def __str__(self) -> str:
        return self.name

    def applies(self, table: Table) -> Mask:
        return np.ones(len(table), dtype=bool)

    def holds(self, table: Table, learnt: Lookup | None = None) -> Mask:
        try:
            answer = self.function(table.frame[list(self.columns)])
        except Exception as error:
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            raise SchemaError(
                f"constraint {self}: the function failed with {what}"
            ) from error
        mask = pd.Series(np.asarray(answer)) if np.ndim(answer) == 1 else None
        if (
            mask is None
            or len(mask) != len(table)
            or not pd.api.types.is_bool_dtype(mask.convert_dtypes())
        ):
            raise SchemaError(
                f"constraint {self}: the function must return one True or False for each of {len(table)} rows"
            )
        return mask.convert_dtypes().fillna(False).to_numpy(dtype=bool)


def predicate(
    function: Callable[[pd.DataFrame], Any],
    columns: tuple[str, ...] | list[str],
    name: str = "",
) -> Constraint:
    """An enforced constraint that is a Python function.

    Args:
        function: Takes a DataFrame of the columns, returns one True or False for each row. It must judge each row by
            itself: rows come in blocks.
        columns: What it needs to see.
        name: What messages call it; the function's own name, if not given.
    """
    called = name or getattr(function, "__name__", "predicate")
    return Predicate(tuple(columns), function, called).constraint(enforce=True)
