"""Cells of a partial row that follow from its known cells: the goods from total and shipping.

A sum that always holds says what any one of its numbers is, given the others. To complete
rows, what is known that way is filled in before anything is drawn; and where several of
its numbers are unknown, one of those that were drawn is put right afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from synthtab.core.schema import Column, Schema
from synthtab.data.columns import KINDS, number_kind
from synthtab.data.columns.base import Mask
from synthtab.data.columns.numbers import Numbers
from synthtab.data.columns.numeric import exact_scale
from synthtab.data.relations.links import NEAR, Link, numbers

# Forms that any of their numbers can be found from: the whole is a constant plus terms.
LINEAR = ("sum", "rest", "difference")


@dataclass(frozen=True)
class Sum:
    """Numbers of which signed ones add up to a constant, in every row.

    Attributes:
        columns: Their columns; the first one is what the table computes.
        signs: 1 or -1 for each of them.
        constant: What they add up to.
    """

    columns: tuple[str, ...]
    signs: tuple[int, ...]
    constant: float = 0.0

    @classmethod
    def of(cls, child: str, link: Link) -> Sum | None:
        """What a link says; None if its form is another one."""
        if link.form not in LINEAR:
            return None
        columns = (child, *link.parents)
        if link.form == "difference":
            return cls(columns, (1, -1, 1))
        if link.form == "rest":
            return cls(columns, (1,) * len(columns), link.constant)
        return cls(columns, (1, *(-1 for _ in link.parents)))


def fill(
    cells: pd.DataFrame, sums: Sequence[Sum], schema: Schema, none_missing: bool
) -> pd.DataFrame:
    """Cells with those filled in that follow from the known ones of their row.

    Args:
        cells: Typed, missing where unknown.
        sums: What always holds.
        schema: Of the columns.
        none_missing: Whether an unknown cell cannot be a missing one. Otherwise columns
            that may have missing cells are left alone.
    """
    # What one sum tells, another one may need.
    for _ in sums:
        for one in sums:
            missing = cells[list(one.columns)].isna().to_numpy(dtype=bool)
            follows = missing.sum(axis=1) == 1
            for number, name in enumerate(one.columns):
                rows = follows & missing[:, number]
                if rows.any() and (none_missing or not schema[name].missing):
                    cells = _solved(cells, one, number, rows, schema)
    return cells


def settle(
    drawn: pd.DataFrame, given: pd.DataFrame, sums: Sequence[Sum], schema: Schema
) -> pd.DataFrame:
    """Completed rows in which the sums hold, where a drawn cell can make them hold.

    Of several drawn cells, that of the column with the greatest spread is put right.

    Args:
        drawn: Completed rows, typed.
        given: The same rows as they were given, missing where a cell was drawn.
        sums: What always holds.
        schema: Of the drawn rows.
    """
    for one in sums:
        names = list(one.columns)
        was_drawn = given[names].isna().to_numpy(dtype=bool)
        open_rows = _is_wrong(drawn, given, one, schema)
        if not open_rows.any():
            continue
        spread = [float(np.std(_numbers(drawn, schema, name))) for name in names]
        for number in np.argsort(spread)[::-1].tolist():
            rows = open_rows & was_drawn[:, number]
            if rows.any():
                solved = _solved(drawn, one, number, rows, schema)
                rows &= _is_possible(solved, schema, names[number])
                # It may have fewer decimals than the others.
                rows &= ~_is_wrong(solved, given, one, schema)
                cells = drawn[names[number]].where(~rows, solved[names[number]])
                drawn = drawn.assign(**{names[number]: cells})
                open_rows = open_rows & ~rows
    return drawn


def add_up(
    drawn: pd.DataFrame, given: pd.DataFrame, sums: Iterable[Sum], schema: Schema
) -> Mask:
    """``[rows]``: where all sums hold of which some cell was drawn; args as `settle`."""
    wrong = [_is_wrong(drawn, given, one, schema) for one in sums]
    return ~np.any([np.zeros(len(drawn), dtype=bool), *wrong], axis=0)


def _is_wrong(
    drawn: pd.DataFrame, given: pd.DataFrame, one: Sum, schema: Schema
) -> Mask:
    """``[rows]``: where a sum does not hold, and one of its cells was drawn."""
    names = list(one.columns)
    was_drawn = given[names].isna().any(axis=1).to_numpy(dtype=bool)
    present = drawn[names].notna().all(axis=1).to_numpy(dtype=bool)
    values = [_numbers(drawn, schema, name) for name in names]
    off = np.abs(_signed_sum(values, one.signs) - _exact(one.constant))
    if off.dtype == np.int64:
        # Whole numbers are exact.
        return was_drawn & present & (off != 0)
    largest = np.max(np.abs(values), axis=0)
    return was_drawn & present & (off > _rounding(names, schema) + NEAR * largest)


def _rounding(names: Sequence[str], schema: Schema) -> float:
    """How far off a computed number may be: half of the last decimal, and a little.

    Of the finest column: numbers of fewer decimals are exact.
    """
    places = [number_kind(schema[name]).decimals(schema[name]) for name in names]
    known = [place for place in places if place is not None]
    return 0.6 * 10.0 ** -max(known) if known else 0.0


def _solved(
    cells: pd.DataFrame, one: Sum, number: int, rows: Mask, schema: Schema
) -> pd.DataFrame:
    """The cells, with what follows in one column of some rows."""
    name = one.columns[number]
    column = schema[name]
    others = [i for i in range(len(one.columns)) if i != number]
    known = [_numbers(cells, schema, one.columns[i]) for i in others]
    rest = _exact(one.constant) - _signed_sum(known, [one.signs[i] for i in others])
    values = rest * one.signs[number]
    # In a dtype that holds missing cells: in the other rows nothing follows.
    typed = number_kind(column).cells_of(values[rows], ~rows, schema.nullable[name])
    typed = typed.set_axis(cells.index)
    merged = cells[name].astype(typed.dtype).where(~rows, typed)
    return cells.assign(**{name: merged.astype(cells[name].dtype)})


def _is_possible(cells: pd.DataFrame, schema: Schema, name: str) -> Mask:
    """``[rows]``: where a number is no impossible one: negative, where none can be.

    The bounds themselves may be means of several numbers, which given cells go beyond.
    """
    values = _numbers(cells, schema, name)
    low, _ = number_kind(schema[name]).bounds(schema[name])
    is_positive = low is not None and float(low) >= 0
    return np.asarray(values >= 0) | (not is_positive)


def _numbers(cells: pd.DataFrame, schema: Schema, name: str) -> Numbers:
    """The numbers of a column, 0 where missing."""
    values, _ = numbers(cells, schema[name])
    return values


def _signed_sum(values: Sequence[Numbers], signs: Sequence[int]) -> Numbers:
    """``[rows]``: whole numbers, where all of them are."""
    total = signs[0] * values[0]
    for sign, more in zip(signs[1:], values[1:], strict=True):
        total = total + sign * more
    return np.asarray(total)


def _exact(constant: float) -> float | int:
    """The constant, as a whole number if it is one: it leaves whole numbers whole."""
    return int(constant) if float(constant).is_integer() else constant


def known_sums(found: Iterable[tuple[str, Link]], schema: Schema) -> tuple[Sum, ...]:
    """The links that are sums of plain numbers, each once.

    Times, dates and numbers that fit no usual dtype are counted in units of their own,
    which need not be the same; a constraint may be about columns that are not learnt.
    """
    sums = (Sum.of(child, link) for child, link in found)
    names = set(schema.names)
    return tuple(
        one
        for one in dict.fromkeys(sums)
        if one is not None
        and names.issuperset(one.columns)
        and all(_is_plain(schema[name]) for name in one.columns)
    )


def _is_plain(column: Column) -> bool:
    return not KINDS[column.kind].temporal and exact_scale(column) is None
