"""Bounds of one column, narrower than its own or strict.

A column's own bounds, those of the schema, hold without this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.expressions import Token
from synthtab.core.schema import Constraint, Schema
from synthtab.data.columns import KINDS, typed_cells
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.base import Form, known_options, needs, option
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Table, is_number, measure
from synthtab.data.constraints.written import Written, in_quotes_if_needed
from synthtab.data.constraints.written import is_number as is_number_token

Bound = int | float | str | None


@dataclass(frozen=True)
class Range(Form):
    """``minimum <= column <= maximum``, either of which may be None.

    Bounds of dates are texts in the format of the column.

    Attributes:
        exclusive: Whether the bounds themselves are outside.
    """

    form: ClassVar[str] = "range"
    turn: ClassVar[int] = 70
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
    examples: ClassVar[tuple[str, ...]] = ("a < 5", "0 <= a <= 10")

    columns: tuple[str, ...]
    minimum: Bound = None
    maximum: Bound = None
    exclusive: bool = False

    @classmethod
    def of(cls, constraint: Constraint) -> Range:
        needs(constraint, 1, 1)
        known_options(constraint, "minimum", "maximum", "exclusive")
        types = (int, float, str, type(None))
        minimum = option(constraint, "minimum", types, None)
        maximum = option(constraint, "maximum", types, None)
        if minimum is None and maximum is None:
            name = constraint.columns[0]
            raise SchemaError(
                f"constraint on {name!r}: a range needs a minimum or a maximum"
            )
        # One word for both ends: a range with one of each kind is two constraints.
        exclusive = option(constraint, "exclusive", bool, False)
        return cls(constraint.columns, minimum, maximum, exclusive)

    def options(self) -> dict[str, Any]:
        data: dict[str, Any] = {}
        if self.minimum is not None:
            data["minimum"] = self.minimum
        if self.maximum is not None:
            data["maximum"] = self.maximum
        data["exclusive"] = self.exclusive
        return data

    @classmethod
    def read(cls, written: Written) -> Form | None:
        comparison = written.comparison()
        if comparison is None:
            return None
        sides, strict = comparison
        if not _one_column(sides, written):
            return None
        # What has no digit is neither a number nor a date, but a misspelt column.
        for token in (sides[0][0], sides[-1][0]):
            has_digit = any(letter.isdigit() for letter in token.text)
            if token.kind == "word" and not has_digit:
                written.name(token)
        name = next(side[0].text for side in sides if _is_column(side))
        low = None if _is_column(sides[0]) else _constant(sides[0])
        high = None if _is_column(sides[-1]) else _constant(sides[-1])
        return cls((name,), low, high, strict)

    def __str__(self) -> str:
        name = in_quotes_if_needed(self.columns[0])
        less = "<" if self.exclusive else "<="
        greater = ">" if self.exclusive else ">="
        if self.minimum is None:
            return f"{name} {less} {self.maximum}"
        if self.maximum is None:
            return f"{name} {greater} {self.minimum}"
        return f"{self.minimum} {less} {name} {less} {self.maximum}"

    def check(self, schema: Schema) -> None:
        column = schema[self.columns[0]]
        if not measure(column):
            raise SchemaError(
                f"constraint {self}: {column.name!r} is of kind {column.kind}, "
                "not a number or a date"
            )
        # To read a bound as the column's cells are read takes no row of it.
        no_rows = Table(pd.DataFrame(), schema)
        for bound in (self.minimum, self.maximum):
            if bound is not None:
                self._as_number(bound, no_rows)

    def _as_number(self, bound: Bound, table: Table) -> Any:
        """The bound as one of the column's numbers: dates count some unit of time.

        Raises:
            SchemaError: No cell of the column could be like this.
        """
        column = table.column(self.columns[0])
        assert is_number(column), f"a range of {column.kind}, report this"
        if not KINDS[column.kind].in_units and isinstance(bound, (int, float)):
            return bound
        # Read it like a cell of a table of one row.
        text = pd.Series([str(bound)], dtype=object, name=column.name)
        cell = typed_cells(text, column).to_frame(column.name)
        values, missing = Table(cell, table.schema).numbers(column.name)
        if missing[0]:
            raise SchemaError(
                f"constraint {self}: the bound {bound!r} is no value of {column.name!r}"
            )
        return values[0]

    def holds(self, table: Table, lookup: Lookup | None = None) -> Mask:
        values, missing = table.numbers(self.columns[0])
        # Comparisons of dates are those of whole numbers, exact to their unit.
        inside = np.ones(len(table), dtype=bool)
        if self.minimum is not None:
            low = self._as_number(self.minimum, table)
            inside &= values > low if self.exclusive else values >= low
        if self.maximum is not None:
            high = self._as_number(self.maximum, table)
            inside &= values < high if self.exclusive else values <= high
        return np.asarray(inside | missing)


def _is_column(side: Sequence[Token]) -> bool:
    return len(side) == 1 and side[0].kind == "name"


def _one_column(sides: Sequence[Sequence[Token]], written: Written) -> bool:
    """Whether exactly one side is a column, which is the middle one of three.

    Raises:
        SchemaError: Of two sides, one is a word that is no column.
    """
    columns = [_is_column(side) for side in sides]
    if sum(columns) == 1 and (len(sides) == 2 or columns[1]):
        return True
    # ``strat <= end``: not a date, as might be thought of the first word here.
    if len(sides) == 2:
        for side in sides:
            is_word = len(side) == 1 and side[0].kind == "word"
            if is_word and not is_number_token(side[0]):
                written.name(side[0])
    return False


def _constant(side: Sequence[Token]) -> int | float | str:
    """A number, or a text such as a date, perhaps of several words."""
    text = " ".join(token.text for token in side)
    if not is_number_token(Token("word", text)):
        return text
    # An int is compared exactly with large integers; a float may be rounded.
    is_whole = re.fullmatch(r"[+-]?\d+", text)
    return int(text) if is_whole else float(text)
