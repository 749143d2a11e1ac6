"""What a relation is: something that real rows hold, and that a row can break."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.schema import Schema
from synthtab.data.columns import infer
from synthtab.data.constraints.base import Form
from synthtab.data.constraints.table import Table
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.possible.fields import (
    Coding,
    Field,
    Mask,
    Sheet,
    SpreadDate,
)


@dataclass(frozen=True)
class Only:
    """The rows that have one code: only of those a relation speaks.

    Attributes:
        coding: What is looked at.
        code: The code.
    """

    coding: Coding
    code: int

    def rows(self, sheet: Sheet) -> Mask:
        return np.asarray(sheet.codes(self.coding) == self.code)

    def __str__(self) -> str:
        return f" where {self.coding.said} is {self.coding.words[self.code]}"


@dataclass(frozen=True)
class Relation:
    """Something that nearly all real rows hold.

    Attributes:
        columns: The columns that it is about.
        says: What holds, in words.
        fault: What a row does that breaks it.
        only: Of which rows it speaks; None for all.
    """

    kind: ClassVar[str]
    columns: tuple[str, ...]
    says: str
    fault: str
    only: Only | None

    def breaks(self, sheet: Sheet) -> Mask:
        """``[rows]``: which break it."""
        broken = self._broken(sheet)
        return broken if self.only is None else broken & self.only.rows(sheet)

    def _broken(self, sheet: Sheet) -> Mask:
        raise NotImplementedError

    def such_as(self, sheet: Sheet, broken: Mask) -> str:
        """The commonest way in which these rows break it, "" if there is one way."""
        return ""


@dataclass(frozen=True)
class Order(Relation):
    """``low <= high``."""

    kind = "order"
    low: Field
    high: Field

    def _broken(self, sheet: Sheet) -> Mask:
        with np.errstate(invalid="ignore"):
            return np.asarray(sheet.numbers(self.low) > sheet.numbers(self.high))


@dataclass(frozen=True)
class Span(Relation):
    """A date is another one plus counts; or, without any, the same date.

    Attributes:
        span: The time between the two.
        counts: What adds up to it.
        slack: By how much rounding may be off.
    """

    kind = "sum"
    span: Field
    counts: tuple[Field, ...]
    slack: float

    def _broken(self, sheet: Sheet) -> Mask:
        added: Floats = np.zeros(len(sheet))
        for count in self.counts:
            added = added + sheet.numbers(count)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.abs(sheet.numbers(self.span) - added) > self.slack)


@dataclass(frozen=True, eq=False)
class Held(Relation):
    """A form of constraint on numbers: sums, products, flags of which one is set.

    Attributes:
        form: The constraint.
        fields: Those of its columns.
        schema: What they are.
    """

    kind = "sum"
    form: Form
    fields: tuple[Field, ...]
    schema: Schema

    def _broken(self, sheet: Sheet) -> Mask:
        table = numbers_table(sheet, self.fields, self.schema)
        with np.errstate(all="ignore"):
            return np.asarray(self.form.applies(table) & ~self.form.holds(table))


@dataclass(frozen=True, eq=False)
class Linear(Relation):
    """Numbers of which one follows from the others: ``kilos = 0.001 * grams``.

    Attributes:
        fields: The numbers.
        weights: ``[fields]``: what each counts; they add up to `total`.
        total: A constant.
        slack: By how much rounding may be off.
    """

    kind = "sum"
    fields: tuple[Field, ...]
    weights: Floats
    total: float
    slack: float

    def _broken(self, sheet: Sheet) -> Mask:
        cells = np.column_stack([sheet.numbers(field) for field in self.fields])
        with np.errstate(invalid="ignore"):
            off = np.abs(cells @ self.weights - self.total)
            return np.asarray(off > self.slack)


def numbers_table(
    sheet: Sheet, fields: tuple[Field, ...], schema: Schema | None = None
) -> Table:
    """Fields of numbers as constraints look at them.

    Args:
        sheet: The rows.
        fields: The fields, of one column each.
        schema: What the columns are; inferred if not given.
    """
    frame = pd.DataFrame({field.columns[0]: sheet.numbers(field) for field in fields})
    return Table(frame, schema or infer(frame, rare=0))


@dataclass(frozen=True)
class Exists(Relation):
    """A date that is spread over columns is one of the calendar."""

    kind = "date"
    date: SpreadDate

    def _broken(self, sheet: Sheet) -> Mask:
        _, exists = self.date.days(sheet)
        return self.date.given(sheet) & ~exists


@dataclass(frozen=True, eq=False)
class Together(Relation):
    """Two codes, of which some never occur together.

    Attributes:
        never: ``[codes of the first, codes of the second]``: which do not.
    """

    kind = "rule"
    first: Coding
    second: Coding
    never: npt.NDArray[np.bool_]

    def _broken(self, sheet: Sheet) -> Mask:
        codes = sheet.codes(self.first), sheet.codes(self.second)
        return np.asarray(self.never[codes])

    def such_as(self, sheet: Sheet, broken: Mask) -> str:
        codes = sheet.codes(self.first)[broken], sheet.codes(self.second)[broken]
        counts = np.zeros(self.never.shape, dtype=np.int64)
        np.add.at(counts, codes, 1)
        i, j = np.unravel_index(int(counts.argmax()), counts.shape)
        return (
            f"{self.first.said} {self.first.words[i]} with "
            f"{self.second.said} {self.second.words[j]}"
        )


@dataclass(frozen=True, eq=False)
class PartOfDate(Together):
    """A column that follows from what the calendar says of a date."""

    kind = "date"


@dataclass(frozen=True, eq=False)
class Bounds(Relation):
    """A number that lies between bounds which depend on a code.

    Attributes:
        coding: What the bounds depend on.
        field: The number.
        least: ``[codes]``: below it there is nothing.
        most: ``[codes]``: above it there is nothing.
    """

    kind = "bounds"
    coding: Coding
    field: Field
    least: Floats
    most: Floats

    def _broken(self, sheet: Sheet) -> Mask:
        codes = sheet.codes(self.coding)
        values = sheet.numbers(self.field)
        with np.errstate(invalid="ignore"):
            return np.asarray(
                (values < self.least[codes]) | (values > self.most[codes])
            )

    def such_as(self, sheet: Sheet, broken: Mask) -> str:
        codes = sheet.codes(self.coding)[broken]
        commonest = int(np.bincount(codes).argmax())
        return f"{self.coding.said} {self.coding.words[commonest]}"


@dataclass(frozen=True, eq=False)
class NeverTwice(Relation):
    """No two rows have the same cells in two columns.

    Attributes:
        first: One of the columns.
        second: The other one.
        most_rows: Rows of the table in which it was found.
    """

    kind = "key"
    first: Field | Coding
    second: Field | Coding
    most_rows: int

    def _broken(self, sheet: Sheet) -> Mask:
        """Rows that repeat one before them, or one of the rows beside them.

        Of more rows more are equal: of a larger table as many as the real one has are
        looked at.
        """
        here = keys(sheet, self.first, self.second)
        if len(here) > self.most_rows:
            order = np.random.default_rng(0).permutation(len(here))
            here[order[self.most_rows :]] = np.nan
        both = here
        earlier = 0
        if sheet.beside is not None:
            beside = keys(sheet.beside, self.first, self.second)
            earlier = len(beside)
            both = np.concatenate([beside, here])
        known = ~np.isnan(both).any(axis=1)
        repeats = np.zeros(len(both), dtype=bool)
        _, first_rows = np.unique(both[known], axis=0, return_index=True)
        repeats[known] = True
        repeats[np.flatnonzero(known)[first_rows]] = False
        return repeats[earlier:]


def keys(sheet: Sheet, *parts: Field | Coding) -> Floats:
    """``[rows, parts]``: the cells of each row; NaN where one is missing."""
    columns = []
    for part in parts:
        if isinstance(part, Coding):
            codes = sheet.codes(part)
            columns.append(np.where(codes == part.size - 1, np.nan, codes))
        else:
            columns.append(sheet.numbers(part))
    return np.column_stack(columns).astype(np.float64)
