"""The one mixed-type view of the tables that every metric works on.

A column is *numeric* (numbers, dates as seconds) or *categorical*; identifiers and constants are
left out. Cells become a float matrix (NaN = missing) and a matrix of integer codes (the last code of
a column = missing) over the categories of all tables together. Columns are put in the order of
their names and rows are sorted, so that neither order can change a score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import DataError
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import NUMERIC, infer
from synthtab.evaluation import cells
from synthtab.evaluation.cells import Floats, Integers

Result = TypeVar("Result")

_SKIPPED_KINDS = ("identifier", "constant")


@dataclass(frozen=True)
class View:
    """One table.

    Attributes:
        numbers: ``[rows, numeric columns]``, NaN where missing.
        codes: ``[rows, categorical columns]``.
        positions: Where each row stood in its table; None if that is not known.
    """

    numbers: Floats
    codes: Integers
    positions: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: Any) -> View:
        """The given rows (indices or mask)."""
        return View(
            self.numbers[rows],
            self.codes[rows],
            None if self.positions is None else self.positions[rows],
        )

    def some(self, size: int, rng: np.random.Generator) -> View:
        """A random part of that many rows, or all if there are no more."""
        return (
            self
            if len(self) <= size
            else self.take(np.sort(rng.permutation(len(self))[:size]))
        )


@dataclass(frozen=True)
class Tables:
    """The prepared tables.

    Attributes:
        numeric: Names of the columns of `View.numbers`.
        categorical: Names of the columns of `View.codes`.
        categories: The words of each categorical column, in the order of their codes.
        real: What the generator learnt from.
        synthetic: What it wrote.
        holdout: Real rows that it never saw.
        target: The column that a model is to predict.
        skipped: Column -> why it is left out.
        columns: What the schema says of each column; empty where the roles were given by name.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    real: View
    synthetic: View
    holdout: View | None = None
    target: str | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=dict)
    _memo: dict[str, Future[Any]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def names(self) -> tuple[str, ...]:
        """All compared columns: the numeric ones, then the categorical ones."""
        return self.numeric + self.categorical

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each categorical column, "missing" included."""
        return tuple(len(words) + 1 for words in self.categories)

    def once(self, key: str, compute: Callable[[], Result]) -> Result:
        """The result under this key, computed at its first use: what several metrics share.

        Whoever asks while it is being computed waits for it. An error is a result too.
        """
        mine: Future[Any] = Future()
        found = self._memo.setdefault(
            key, mine
        )  # one step, so that one thread alone finds its own
        if found is mine:
            try:
                mine.set_result(compute())
            except BaseException as error:
                mine.set_exception(error)
        return cast("Result", found.result())


def prepare(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    holdout: pd.DataFrame | None = None,
    *,
    target: str | None = None,
    schema: Schema | None = None,
    numeric: Sequence[str] | None = None,
) -> Tables:
    """Check the tables against each other and bring them into one view.

    Args:
        real: The training table.
        synthetic: Rows to judge.
        holdout: Real rows that the generator never saw.
        target: The column that a model is to predict.
        schema: Decides what each column is; inferred from ``real`` by default.
        numeric: The numeric columns by name; all others are then categorical, whatever they look like.
    """
    frames = {"real": real, "synthetic": synthetic} | (
        {} if holdout is None else {"holdout": holdout}
    )
    for name, frame in frames.items():
        _check(frame, real, name)
    names = sorted(str(name) for name in real.columns)
    frames = {
        name: frame.set_axis([str(c) for c in frame.columns], axis=1)
        for name, frame in frames.items()
    }
    frames |= {
        name: frame.apply(cells.plain)
        for name, frame in frames.items()
        if name != "real"
    }
    if target is not None and target not in names:
        raise DataError(
            f"target {target!r} is not a column; the table has {_listing(names)}"
        )
    if numeric is not None and (unknown := sorted(set(numeric) - set(names))):
        raise DataError(f"numeric columns {_listing(unknown)} are not in the table")
    roles, columns, skipped = _roles(frames["real"], names, schema, numeric)

    numbers = {
        name: {
            key: cells.numbers(frame[name], columns.get(name))
            for key, frame in frames.items()
        }
        for name in names
        if roles.get(name) == "numeric"
    }
    for name in [
        name for name, parts in numbers.items() if np.isnan(parts["real"]).all()
    ]:
        skipped[name] = "no cell of the real table is a number"
        del numbers[name]
    words = {
        name: cells.codes(
            {key: frame[name] for key, frame in frames.items()}, columns.get(name)
        )
        for name in names
        if roles.get(name) == "categorical"
    }
    if not numbers and not words:
        raise DataError(
            "the tables have no column to compare: all are identifiers, constants or empty"
        )
    views = {
        key: _view(numbers, words, key, len(frame)) for key, frame in frames.items()
    }
    return Tables(
        tuple(numbers),
        tuple(words),
        tuple(categories for categories, _ in words.values()),
        views["real"],
        views["synthetic"],
        views.get("holdout"),
        target,
        skipped,
        columns,
    )


def features(
    tables: Tables, view: View, leave_out: str | None = None
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Columns for a boosted tree, and which of them are categories.

    Missing cells are NaN in both. A column of more categories than scikit-learn's trees can take
    becomes the rank of the category by its frequency in the real table.
    """
    parts, categorical = [], []
    for j, name in enumerate(tables.numeric):
        if name != leave_out:
            parts.append(view.numbers[:, j])
            categorical.append(False)
    for j, (name, size) in enumerate(
        zip(tables.categorical, tables.sizes, strict=True)
    ):
        if name == leave_out:
            continue
        codes = view.codes[:, j].astype(np.float64)
        codes[view.codes[:, j] == size - 1] = np.nan
        categorical.append(size <= 255)
        if size > 255:
            counts = np.bincount(tables.real.codes[:, j], minlength=size)
            ranks = np.empty(size)
            ranks[np.argsort(-counts, kind="stable")] = np.arange(size)
            codes = np.where(np.isnan(codes), np.nan, ranks[view.codes[:, j]])
        parts.append(codes)
    stacked = np.column_stack(parts) if parts else np.zeros((len(view), 0))
    return stacked, np.array(categorical, dtype=bool)


def _check(frame: pd.DataFrame, real: pd.DataFrame, name: str) -> None:
    if len(frame) == 0:
        raise DataError(f"the {name} table has no rows")
    if frame.columns.has_duplicates:
        twice = sorted({str(c) for c in frame.columns[frame.columns.duplicated()]})
        raise DataError(
            f"the {name} table has more than one column named {_listing(twice)}"
        )
    wanted, given = {str(c) for c in real.columns}, {str(c) for c in frame.columns}
    if wanted != given:
        problems = []
        if lacking := sorted(wanted - given):
            problems.append(f"lacks {_listing(lacking)}")
        if extra := sorted(given - wanted):
            problems.append(f"has {_listing(extra)} besides")
        raise DataError(
            f"the {name} table does not have the real table's columns: it {' and '.join(problems)}"
        )


def _roles(
    real: pd.DataFrame,
    names: list[str],
    schema: Schema | None,
    numeric: Sequence[str] | None,
) -> tuple[dict[str, str], dict[str, Column], dict[str, str]]:
    """Column -> "numeric" or "categorical" (skipped ones absent), what the schema says, why skipped."""
    if numeric is not None and schema is None:
        return (
            {name: "numeric" if name in numeric else "categorical" for name in names},
            {},
            {},
        )
    schema = infer(real, rare=0) if schema is None else schema
    schema.check(real)
    roles, columns, skipped = dict.fromkeys(names, ""), {}, {}
    for column in schema.columns:
        columns[column.name] = column
        if column.kind in _SKIPPED_KINDS:
            skipped[column.name] = column.kind
        elif numeric is not None:
            roles[column.name] = "numeric" if column.name in numeric else "categorical"
        else:
            roles[column.name] = "numeric" if column.kind in NUMERIC else "categorical"
    return roles, columns, skipped


def _view(
    numbers: Mapping[str, Mapping[str, Floats]],
    words: Mapping[str, tuple[tuple[str, ...], Mapping[str, Integers]]],
    key: str,
    rows: int,
) -> View:
    """The table under this key, its rows sorted."""
    floats: list[Any] = [parts[key] for parts in numbers.values()]
    codes: list[Any] = [parts[key] for _, parts in words.values()]
    order = np.lexsort([*codes, *floats])
    return View(
        np.column_stack(floats)[order] if floats else np.zeros((rows, 0)),
        np.column_stack(codes)[order] if codes else np.zeros((rows, 0), dtype=np.int32),
        order,
    )


def _listing(names: Sequence[str], limit: int = 8) -> str:
    quoted = [repr(name) for name in names]
    more = f" and {len(quoted) - limit} more" if len(quoted) > limit else ""
    return ", ".join(quoted[:limit]) + more
