"""What every form of constraint can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Table
from synthtab.data.constraints.written import Written

# Rows, and cells, in which constraints are looked for, before they are confirmed on
# all.
MOST_SAMPLED_ROWS = 20_000
MOST_SAMPLED_CELLS = 2_000_000
# Constraints of one form that are offered; those that say most come first.
MOST_OFFERED = 20


class Search:
    """A table in which constraints are looked for.

    Attributes:
        full: All rows.
        sample: At most `MOST_SAMPLED_ROWS` of them, at random.
        rng: For shuffled columns, which show what holds by chance.
        found: The constraints that the forms before this one have found.
    """

    def __init__(self, full: Table, rng: np.random.Generator) -> None:
        self.full = full
        self.rng = rng
        affordable = MOST_SAMPLED_CELLS // len(full.schema)
        rows = min(MOST_SAMPLED_ROWS, affordable)
        sampled = np.sort(rng.permutation(len(full))[:rows])
        # All rows, in their order, are converted once.
        self.sample = full if len(sampled) == len(full) else full.take(sampled)
        self.found: list[Form] = []

    @property
    def settled(self) -> set[str]:
        """Columns about which there is no more to say than what was found."""
        return {name for form in self.found for name in form.settles}

    @property
    def following(self) -> set[str]:
        """Columns that follow exactly from others."""
        names: set[str] = set()
        for form in self.found:
            if form.exact:
                names.update(form.writes(self.full.schema, None))
        return names

    def related(self, what: str) -> list[set[str]]:
        """The columns of each constraint that `Form.relates` such things."""
        return [set(form.columns) for form in self.found if form.relates == what]


class Form(ABC):
    """One constraint.

    A subclass is a frozen dataclass, and a line in `synthtab.data.constraints.FORMS`.

    Attributes:
        form: Name of the form.
        about: What it says, in a sentence for the readers of a schema.
        schema_options: The entries of `Constraint.options` that it reads, each as a
            JSON Schema; see `synthtab.data.schema_document`.
        turn: Its place in the search: forms of a lower turn are looked for before, so
            that this one can leave out what they say.
        least_support: Share of the rows in which it must hold to be offered.
        functions: Names that may be followed by a bracket in its text.
        examples: Texts that it reads, for messages.
        relates: "numbers" if it says how the numbers of its columns depend on each
            other, "cells" if it says which cells of its columns stand together; "" if
            neither.
        exact: Whether the columns that it `writes` follow from the others without any
            choice.
        from_one_code: Whether `restore` needs nothing but the columns that remain, so
            that each code of one such column gives certain cells. Conditions on these
            cells then restrict the codes.
        spanning: Whether a row can break it together with other rows, see `keys`.
        columns: The columns that it is about.
    """

    form: ClassVar[str]
    about: ClassVar[str] = ""
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    turn: ClassVar[int] = 100
    least_support: ClassVar[float] = 1.0
    functions: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[str, ...]] = ()
    relates: ClassVar[str] = ""
    exact: ClassVar[bool] = False
    from_one_code: ClassVar[bool] = False
    spanning: ClassVar[bool] = False
    columns: tuple[str, ...]

    # As text and in a schema.

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

    def constraint(self, **extra: Any) -> Constraint:
        """The entry of a schema."""
        return Constraint(
            self.form, self.columns, self.options(), says=str(self), **extra
        )

    @classmethod
    def read(cls, written: Written) -> Form | None:
        """The constraint that a text means; None where it is not of this form.

        Raises:
            SchemaError: It is of this form, and something in it is wrong.
        """
        return None

    @abstractmethod
    def __str__(self) -> str:
        """The constraint in words, which are those that `read` reads, if it reads any."""

    def check(self, schema: Schema) -> None:  # noqa: B027
        """Raise a `SchemaError` if the form cannot be about columns of such kinds."""

    # In a table.

    @classmethod
    def find(cls, search: Search) -> Iterable[Form]:
        """Constraints that a table seems to hold, and not by chance.

        Those that say most come first.
        """
        return ()

    @property
    def settles(self) -> tuple[str, ...]:
        """Columns about which there is no more to say, once this was found."""
        return ()

    def applies(self, table: Table) -> Mask:
        """``[rows]``: which rows it says something about."""
        return table.present(self.columns)

    def learn(self, table: Table, least_rows: int = 1) -> Lookup | None:
        """What must be known of a table to judge and repair rows of another, if anything.

        Args:
            table: Rows that hold it.
            least_rows: Nothing is kept of combinations of cells that fewer rows have.
        """
        return None

    @abstractmethod
    def holds(self, table: Table, lookup: Lookup | None = None) -> Mask:
        """``[rows]``: where it holds, or does not apply.

        Args:
            table: The rows to judge.
            lookup: What was learnt; None to judge the rows by the table itself.
        """

    def in_bounds(self, table: Table, name: str) -> Mask:
        """``[rows]``: where a cell that it wrote is one that the column may have."""
        return np.ones(len(table), dtype=bool)

    def keys(self, table: Table) -> npt.NDArray[np.uint64]:
        """``[rows]``: hashes, no two of which may be equal, of a form that is `spanning`."""
        raise NotImplementedError

    # In sampled rows. Three ways to hold it: `hide` and `restore` columns that follow,
    # `restore` alone, which mends rows, or, where nothing can be written, leave out rows.

    def writes(self, schema: Schema, lookup: Lookup | None) -> tuple[str, ...]:
        """Columns that `restore` can make from the other ones."""
        return ()

    @property
    def repairs(self) -> bool:
        """Whether `restore` can also mend cells of columns that were not hidden."""
        return True

    def hides(self, table: Table, lookup: Lookup | None) -> tuple[Column, ...] | None:
        """The columns that remain to be learnt in place of those that it `writes`.

        Returns:
            Perhaps none; None where all are learnt as they are.
        """
        return None

    def hide(
        self,
        table: Table,
        lookup: Lookup | None,
        column: Column,
    ) -> pd.Series:
        """The cells of one of the columns that remain."""
        raise NotImplementedError

    def restore(
        self, table: Table, lookup: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        """The cells of the columns that it `writes`; it holds wherever that can be done.

        Args:
            table: The other columns, and what `hide` left of these or, where it is not
                ``hidden``, their own cells.
            lookup: See `learn`.
            hidden: Whether `hide` was applied to the table that the model learnt.
        """
        raise NotImplementedError


def option(
    constraint: Constraint,
    name: str,
    types: Any,
    default: Any = ...,
) -> Any:
    """An option of a schema's entry, checked.

    Raises:
        SchemaError: It is of none of the types, or lacks and has no default.
    """
    value = constraint.options.get(name, default)
    if value is ...:
        raise _entry_error(constraint, f"it lacks the option {name!r}")
    # For Python a boolean is an integer; for a reader of JSON it is not.
    is_stray_boolean = isinstance(value, bool) and types is not bool
    if not isinstance(value, types) or is_stray_boolean:
        raise _entry_error(constraint, f"{name!r} cannot be {value!r}")
    return value


def known_options(constraint: Constraint, *names: str) -> None:
    """Raise a `SchemaError` for an option that the form does not have."""
    has = f"it has {', '.join(names)}" if names else "it has none"
    for name in constraint.options:
        if name not in names:
            raise _entry_error(constraint, f"unknown option {name!r}; {has}")


def _entry_error(constraint: Constraint, why: str) -> SchemaError:
    what = constraint.says or constraint.form
    return SchemaError(f"constraint {what!r}: {why}")


def needs(
    constraint: Constraint,
    least: int,
    most: int | None = None,
) -> None:
    """Raise a `SchemaError` unless so many distinct columns are named."""
    what = constraint.says or constraint.form
    count = len(constraint.columns)
    if len(set(constraint.columns)) < count:
        raise SchemaError(f"constraint {what!r} names a column twice")
    if least <= count and (most is None or count <= most):
        return
    if least == most:
        wanted = f"{least}"
    elif most is None:
        wanted = f"{least} or more"
    else:
        wanted = f"{least} to {most}"
    raise SchemaError(f"constraint {what!r} is about {wanted} columns, not {count}")
