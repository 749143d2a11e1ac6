"""Bounds of one column, narrower than its declared ones or strict. A column's own bounds hold without this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Constraint, Schema
from synthtab.data.columns import KINDS, typed_cells
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.base import Form, known_options, needs, option, quoted
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Table, is_number, measure

Bound = int | float | str | None


@dataclass(frozen=True)
class Range(Form):
    """``minimum <= column <= maximum``, either of which may be None; exclusive, the bounds themselves are outside.

    Bounds of dates are texts in the format of the column.
    """

    form: ClassVar[str] = "range"
    about: ClassVar[str] = "Bounds of one column."
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "minimum": {
            "type": ["number", "string"],
            "description": "range: a date as text.",
        },
        "maximum": {
            "type": ["number", "string"],
            "description": "range: a date as text.",
        },
        "exclusive": {
            "type": "boolean",
            "description": "range: the bounds themselves are outside.",
        },
    }

    columns: tuple[str, ...]
    minimum: Bound = None
    maximum: Bound = None
    exclusive: bool = False

    @classmethod
    def of(cls, constraint: Constraint) -> Range:
        needs(constraint, 1, 1)
        known_options(constraint, "minimum", "maximum", "exclusive")
        types = (int, float, str, type(None))
        low, high = (
            option(constraint, key, types, None) for key in ("minimum", "maximum")
        )
        if low is None and high is None:
            raise SchemaError(
                f"constraint on {constraint.columns[0]!r}: a range needs a minimum or a maximum"
            )
        return cls(
            constraint.columns, low, high, option(constraint, "exclusive", bool, False)
        )

    def options(self) -> dict[str, Any]:
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        return {k: v for k, v in bounds.items() if v is not None} | {
            "exclusive": self.exclusive
        }

    def __str__(self) -> str:
        sign, name = "<" if self.exclusive else "<=", quoted(self.columns[0])
        if self.minimum is None:
            return f"{name} {sign} {self.maximum}"
        if self.maximum is None:
            return f"{name} {sign.replace('<', '>')} {self.minimum}"
        return f"{self.minimum} {sign} {name} {sign} {self.maximum}"

    def check(self, schema: Schema) -> None:
        column = schema[self.columns[0]]
        if not measure(column):
            raise SchemaError(
                f"constraint {self}: {column.name!r} is of kind {column.kind}, not a number or a date"
            )
        for bound in (self.minimum, self.maximum):
            if bound is not None:
                self._number(bound, Table(pd.DataFrame(), schema))

    def _number(self, bound: Bound, table: Table) -> Any:
        """The bound as the column's numbers count."""
        column = table.column(self.columns[0])
        assert is_number(column), f"a range of {column.kind}, report this"
        if not KINDS[column.kind].in_units and isinstance(bound, (int, float)):
            return bound
        cell = typed_cells(
            pd.Series([str(bound)], dtype=object, name=column.name), column
        )
        values, missing = Table(cell.to_frame(column.name), table.schema).numbers(
            column.name
        )
        if missing[0]:
            raise SchemaError(
                f"constraint {self}: the bound {bound!r} is no value of {column.name!r}"
            )
        return values[0]

    def holds(self, table: Table, learnt: Lookup | None = None) -> Mask:
        values, missing = table.numbers(self.columns[0])
        inside = np.ones(len(table), dtype=bool)
        if self.minimum is not None:
            low = self._number(self.minimum, table)
            inside &= values > low if self.exclusive else values >= low
        if self.maximum is not None:
            high = self._number(self.maximum, table)
            inside &= values < high if self.exclusive else values <= high
        return np.asarray(inside | missing)
