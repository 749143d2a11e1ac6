"""A new form of constraint is one file and one line: here is the whole of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from synthtab import (
    Schema,
    Synthesizer,
    find_constraints,
    infer,
    parse_constraint,
)
from synthtab.core.errors import SchemaError
from synthtab.core.expressions import Token
from synthtab.core.schema import Column, Constraint
from synthtab.data import schema_document
from synthtab.data.columns.base import Mask
from synthtab.data.constraints import FORMS, Form, Search, form_of
from synthtab.data.constraints.base import known_options, needs, option
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Table, measure, number_cells
from synthtab.data.constraints.written import Written, in_quotes_if_needed

TINY = dict(width=32, noise=16, batch=60, rounds=0, epochs=4)


@dataclass(frozen=True)
class Multiple(Form):
    """Each number of the column is a multiple of ``of_number``: 0, 7, 14, ..."""

    form: ClassVar[str] = "multiple"
    about: ClassVar[str] = "Each number of the column is a multiple of one number."
    schema_options: ClassVar[Any] = {"of_number": {"type": "integer", "minimum": 2}}
    functions: ClassVar[tuple[str, ...]] = ("multiple",)
    examples: ClassVar[tuple[str, ...]] = ("multiple(a, 7)",)

    columns: tuple[str, ...]
    of_number: int

    @classmethod
    def of(cls, constraint: Constraint) -> Multiple:
        needs(constraint, 1, 1)
        known_options(constraint, "of_number")
        return cls(constraint.columns, option(constraint, "of_number", int))

    def options(self) -> dict[str, Any]:
        return {"of_number": self.of_number}

    @classmethod
    def read(cls, written: Written) -> Form | None:
        if written.function not in cls.functions:
            return None
        match written.arguments:
            case [column, Token("sign", ","), number]:
                return cls((written.name(column),), int(written.number(number)))
        raise written.unreadable()

    def __str__(self) -> str:
        return f"multiple({in_quotes_if_needed(self.columns[0])}, {self.of_number})"

    def check(self, schema: Schema) -> None:
        if measure(schema[self.columns[0]]) != "number":
            raise SchemaError(f"constraint {self}: {self.columns[0]!r} is no number")

    @classmethod
    def find(cls, search: Search) -> Iterable[Form]:
        for column in search.sample.schema.columns:
            if measure(column) != "number" or column.name in search.settled:
                continue
            values, missing = search.sample.numbers(column.name)
            divisor = np.gcd.reduce(np.rint(values[~missing]).astype(np.int64))
            if divisor > 1:
                yield cls((column.name,), int(divisor))

    def holds(self, table: Table, lookup: Lookup | None = None) -> Mask:
        values, missing = table.numbers(self.columns[0])
        return np.asarray((values % self.of_number == 0) | missing)

    # Without the following rows that break it would be left out and replaced.

    def writes(self, schema: Schema, lookup: Lookup | None) -> tuple[str, ...]:
        return self.columns

    def hides(self, table: Table, lookup: Lookup | None) -> tuple[Column, ...] | None:
        return None

    def restore(
        self, table: Table, lookup: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        name = self.columns[0]
        values, missing = table.numbers(name)
        nearest = np.rint(values / self.of_number) * self.of_number
        return {name: number_cells(nearest, missing, table.column(name))}


@pytest.fixture(autouse=True)
def one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line in `synthtab/data/constraints/__init__.py`."""
    monkeypatch.setitem(FORMS, "multiple", Multiple)


def weeks(rows: int = 300) -> pd.DataFrame:
    """``days`` are whole weeks, nothing else is."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "days": 7 * random.integers(0, 40, rows),
            "price": random.normal(50, 9, rows).round(2),
            "colour": random.choice(["red", "green"], rows),
        }
    )


def test_it_is_written_found_and_kept(tmp_path) -> None:
    table = weeks()
    schema = infer(table)
    constraint = parse_constraint("multiple(days, 7)", schema)
    assert constraint.says == "multiple(days, 7)" and constraint.enforce
    assert form_of(constraint, schema) == Multiple(("days",), 7)

    (found,) = find_constraints(table, schema)
    assert found.says == constraint.says and found.certain
    assert found.rows == len(table)

    schema.enforcing([found]).save(tmp_path / "schema.json")
    loaded = Schema.load(tmp_path / "schema.json")
    assert form_of(loaded.enforced[0]) == Multiple(("days",), 7)


def test_its_mistakes_are_one_line() -> None:
    schema = infer(weeks())
    with pytest.raises(SchemaError, match="there is no column 'day': did you mean"):
        parse_constraint("multiple(day, 7)", schema)
    with pytest.raises(SchemaError, match="'colour' is no number"):
        parse_constraint("multiple(colour, 7)", schema)
    with pytest.raises(SchemaError, match="cannot read the constraint"):
        parse_constraint("multiple(days)", schema)
    with pytest.raises(SchemaError, match=r"write it like one of: .*multiple\(a, 7\)"):
        parse_constraint("seven days", schema)
    with pytest.raises(SchemaError, match="lacks the option 'of_number'"):
        form_of(Constraint("multiple", ("days",)))
    with pytest.raises(SchemaError, match=r"use one of inequality.*, multiple"):
        Constraint("magic", ("days",))


def test_it_is_part_of_the_document_of_schemas() -> None:
    definitions = schema_document.document()["$defs"]
    assert {"const": "multiple", "description": Multiple.about} in definitions["form"][
        "oneOf"
    ]
    options = definitions["constraint"]["properties"]["options"]["properties"]
    assert options["of_number"]["minimum"] == 2


@pytest.mark.long
def test_every_sampled_row_holds_it(tmp_path) -> None:
    table = weeks()
    schema = infer(table)
    schema = schema.enforcing([parse_constraint("multiple(days, 7)", schema)])
    wrong = table.copy()
    wrong.loc[2, "days"] = 8
    with pytest.raises(SchemaError, match=r"multiple\(days, 7\) fails in row 3"):
        Synthesizer(**TINY).fit(wrong, schema=schema)

    model = Synthesizer(**TINY).fit(table, schema=schema)
    rows = model.sample(500)
    assert (rows["days"] % 7 == 0).all() and rows["days"].nunique() > 5

    model.save(tmp_path / "weeks.synthtab")
    loaded = Synthesizer.load(tmp_path / "weeks.synthtab")
    assert loaded.sample(500).equals(rows)
    assert "multiple(days, 7)" in str(loaded.describe())


@pytest.mark.long
def test_it_holds_where_conditions_are_asked() -> None:
    table = weeks()
    schema = infer(table)
    schema = schema.enforcing([parse_constraint("multiple(days, 7)", schema)])
    model = Synthesizer(**TINY).fit(table, schema=schema)
    rows = model.sample(50, where="colour = red and days > 70")
    assert (rows["days"] % 7 == 0).all() and (rows["days"] > 70).all()
