"""What every form of constraint can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Table

# Rows, and cells, in which constraints are looked for, before they are confirmed on
# all.
GLANCE, CELLS = 20_000, 2_000_000
# Constraints of one form that are offered; those that say most come first.
MOST = 20


class Look:
    """A table in which constraints are looked for.

    Attributes:
        full: All rows.
        some: At most `GLANCE` of them, at random.
        rng: For shuffled columns, which show what holds by chance.
        found: What the forms before this one have found.
    """

    def __init__(self, full: Table, rng: np.random.Generator) -> None:
        self.full, self.rng = full, rng
        rows = min(GLANCE, CELLS // len(full.schema))
        self.some = full.take(np.sort(rng.permutation(len(full))[:rows]))
        self.found: list[Form] = []

    @property
    def told(self) -> set[str]:
        """Columns of which all is said: those of one-hot groups, and those that equal another."""
        groups = {n for f in self.found if f.form == "one_hot" for n in f.columns}
        equal = [f for f in self.found if f.form == "equation" and len(f.columns) == 2]
        return groups | {f.columns[0] for f in equal if f.options()["equals"] == "sum"}


class Form(ABC):
    """One constraint. A subclass is a frozen dataclass, and a line in `synthtab.data.constraints.FORMS`.

    Attributes:
        form: Name of the form.
        about: What it says, in a sentence for the readers of a schema.
        schema_options: The entries of `Constraint.options` that it reads, each as a
            JSON Schema; see `synthtab.data.schema_document`.
        least: Share of the rows in which it must hold to be offered.
        columns: The columns that it is about.
    """

    form: ClassVar[str]
    about: ClassVar[str] = ""
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    least: ClassVar[float] = 1.0
    columns: tuple[str, ...]

    @classmethod
    @abstractmethod
    def of(cls, constraint: Constraint) -> Form:
        """The form that a schema's entry describes.

        Raises:
            SchemaError: Its options make no sense.
        """

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """What a schema keeps beside the columns: plain JSON data."""

    @abstractmethod
    def __str__(self) -> str:
        """The constraint in words: for those of the grammar of `synthtab.parse_constraint`, in that."""

    @classmethod
    def find(cls, look: Look) -> Iterable[Form]:
        """Constraints that seem to hold in a table and not by chance, those that say most first."""
        return ()

    def check(self, schema: Schema) -> None:  # noqa: B027
        """Raise a `SchemaError` where the columns are of kinds that the form cannot be about."""

    def applies(self, table: Table) -> Mask:
        """``[rows]``: which rows it says something about."""
        return table.present(self.columns)

    def learn(self, table: Table, least: int = 1) -> Lookup | None:
        """What must be known of a table to judge and repair rows of another, if anything; nothing of combinations of
        cells that fewer rows have than ``least``.
        """
        return None

    @abstractmethod
    def holds(self, table: Table, learnt: Lookup | None = None) -> Mask:
        """``[rows]``: where it holds, or does not apply; by the table itself, if nothing was learnt."""

    def writes(self, schema: Schema, learnt: Lookup | None) -> tuple[str, ...]:
        """Columns that `restore` can make from the other ones."""
        return ()

    @property
    def repairs(self) -> bool:
        """Whether `restore` can also mend cells of columns that were not hidden."""
        return True

    def hides(self, table: Table, learnt: Lookup | None) -> tuple[Column, ...] | None:
        """The columns that remain to be learnt in place of those that it `writes`, perhaps none; None for all."""
        return None

    def hide(self, table: Table, learnt: Lookup | None, column: Column) -> pd.Series:
        """The cells of one of the columns that remain."""
        raise NotImplementedError

    def restore(
        self, table: Table, learnt: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        """The cells of the columns that it `writes`, such that it holds wherever that can be done.

        Args:
            table: The other columns, and what `hide` left of these or, where it is not ``hidden``, their own cells.
            learnt: See `learn`.
            hidden: Whether `hide` was applied to the table that the model learnt.
        """
        raise NotImplementedError

    def constraint(self, **extra: Any) -> Constraint:
        """The entry of a schema."""
        return Constraint(
            self.form, self.columns, self.options(), says=str(self), **extra
        )


def option(constraint: Constraint, name: str, types: Any, default: Any = ...) -> Any:
    """An option of a schema's entry, checked."""
    value = constraint.options.get(name, default)
    if value is ...:
        raise SchemaError(
            f"constraint {constraint.says or constraint.form!r}: it lacks the option {name!r}"
        )
    if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
        raise SchemaError(
            f"constraint {constraint.says or constraint.form!r}: {name!r} cannot be {value!r}"
        )
    return value


def known_options(constraint: Constraint, *names: str) -> None:
    """Raise a `SchemaError` for an option that the form does not have."""
    for name in constraint.options:
        if name not in names:
            has = f"it has {', '.join(names)}" if names else "it has none"
            raise SchemaError(
                f"constraint {constraint.says or constraint.form!r}: unknown option {name!r}; {has}"
            )


def needs(constraint: Constraint, least: int, most: int | None = None) -> None:
    """Raise a `SchemaError` unless so many distinct columns are named."""
    count, what = len(constraint.columns), constraint.says or constraint.form
    if len(set(constraint.columns)) < count:
        raise SchemaError(f"constraint {what!r} names a column twice")
    if count < least or (most is not None and count > most):
        wanted = (
            f"{least}"
            if least == most
            else f"{least} or more"
            if most is None
            else f"{least} to {most}"
        )
        raise SchemaError(f"constraint {what!r} is about {wanted} columns, not {count}")


def quoted(name: str) -> str:
    """A column's name as `synthtab.parse_constraint` reads it."""
    return (
        name
        if name.replace("_", "a").isalnum() and not name[0].isdigit()
        else f'"{name}"'
    )


def listed(names: Iterable[str]) -> str:
    """``a, b, c``."""
    return ", ".join(map(quoted, names))
