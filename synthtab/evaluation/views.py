"""The one mixed-type view of the tables that every metric works on.

A column is *numeric* (numbers, dates as seconds) or *categorical*; identifiers and
constants are left out. Cells become a float matrix (NaN = missing) and a matrix of
integer codes (the last code of a column = missing) over the categories of all tables
together. Columns are put in the order of their names and rows are sorted, so that
neither order can change a score.

For example, the columns age (41, missing) and job ("nurse", "clerk") become
numbers [[41.], [nan]] and codes [[1], [0]] with the categories (("clerk", "nurse"),).
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
from synthtab.data.columns import KINDS, infer
from synthtab.data.columns.disclosure import number_people, people_of_values
from synthtab.evaluation import cells
from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.naming import may_be_named, tellable

Result = TypeVar("Result")
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class View:
    """One table.

    Attributes:
        numbers: ``[rows, numeric columns]``, NaN where missing.
        codes: ``[rows, categorical columns]``.
        positions: Where each row stood in its table; None if that is not known.
        people: ``[rows]``: the number of the person of each row, where the schema says
            that a column names people; the same numbers in all real tables.
    """

    numbers: Floats
    codes: Integers
    positions: npt.NDArray[np.int64] | None = None
    people: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: Any) -> View:
        """The given rows (indices or mask)."""
        positions = None if self.positions is None else self.positions[rows]
        people = None if self.people is None else self.people[rows]
        return View(self.numbers[rows], self.codes[rows], positions, people)

    def some(self, size: int, rng: np.random.Generator) -> View:
        """A random part of that many rows, or all if there are no more."""
        if len(self) <= size:
            return self
        return self.take(np.sort(rng.permutation(len(self))[:size]))

    def plus(self, other: View) -> View:
        """These rows, then those of another table; where they stood is forgotten."""
        return View(
            np.concatenate([self.numbers, other.numbers]),
            np.concatenate([self.codes, other.codes]),
        )


@dataclass(frozen=True)
class LeftOut:
    """A column that is neither numbers nor categories, such as keys: its bare cells.

    Attributes:
        why: Its kind, or why it is left out.
        real: The cells of the real table as texts ``[rows]``; None where missing.
        synthetic: Those of the synthetic table.
        holdout: Those of the holdout, if there is one.
    """

    why: str
    real: Texts
    synthetic: Texts
    holdout: Texts | None = None


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
        left_out: Rows of the holdout that are left out, since they were learnt.
        columns: What the schema says of each column; empty where the roles were given
            by name.
        bare: Column -> the bare cells of a column that is left out.
        unread: Table -> numeric column -> texts that gave no number, with their rows,
            the commonest first. They count as missing in the views.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    real: View
    synthetic: View
    holdout: View | None = None
    target: str | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    left_out: int = 0
    columns: Mapping[str, Column] = field(default_factory=dict)
    bare: Mapping[str, LeftOut] = field(default_factory=dict)
    unread: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
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

    def nameable(self, j: int) -> npt.NDArray[np.bool_]:
        """``[words]``: which words of a categorical column a report may name.

        Args:
            j: The number of the column.
        """
        codes = self.real.codes[:, j]
        people = self.real.people
        if self.holdout is not None:
            codes = np.concatenate([codes, self.holdout.codes[:, j]])
            if people is not None and self.holdout.people is not None:
                people = np.concatenate([people, self.holdout.people])
        counts = people_of_values(codes.astype(np.int64), self.sizes[j], people)
        # The last code means missing.
        return may_be_named(counts[:-1])

    def tellable(self, j: int) -> Floats:
        """The real numbers of a numeric column that may be told, see `naming.tellable`."""
        return tellable(self.real.numbers[:, j], self.real.people)

    def missing(self, view: View) -> npt.NDArray[np.bool_]:
        """Which cells of a view are missing ``[rows, columns]``, as in `names`."""
        last_codes = np.array(self.sizes, dtype=np.int32) - 1
        return np.concatenate(
            [np.isnan(view.numbers), view.codes == last_codes], axis=1
        )

    def once(self, key: str, compute: Callable[[], Result]) -> Result:
        """The result under this key, computed at its first use: what several metrics
        share.

        Whoever asks while it is being computed waits for it. An error is a result too.
        """
        promise: Future[Any] = Future()
        # `setdefault` looks and stores in one step: of several threads that ask at the
        # same time, only the first finds its own promise there, and keeps it.
        first_promise = self._memo.setdefault(key, promise)
        if first_promise is promise:
            try:
                promise.set_result(compute())
            except BaseException as error:
                promise.set_exception(error)
        return cast("Result", first_promise.result())


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
        numeric: The numeric columns by name; all others are then categorical, whatever
            they look like.

    Raises:
        DataError: The tables do not fit each other, a name is not that of a column, or
            there is nothing to compare.
    """
    frames = _frames(real, synthetic, holdout)
    # The order of columns in the tables decides nothing from here on.
    names = sorted(frames["real"].columns)
    _check_names(names, target, numeric)
    roles, columns, skipped = _roles(frames["real"], names, schema, numeric)

    numbers: dict[str, Mapping[str, Floats]] = {}
    words: dict[str, tuple[tuple[str, ...], Mapping[str, Integers]]] = {}
    unread: dict[str, dict[str, Mapping[str, int]]] = {key: {} for key in frames}
    for name in names:
        cells_of_tables = {key: frame[name] for key, frame in frames.items()}
        if roles[name] == "numeric":
            numbers_of_tables = {}
            for key, series in cells_of_tables.items():
                values = cells.numbers(series, columns.get(name))
                numbers_of_tables[key] = values
                unread[key][name] = cells.unread(series, values, columns.get(name))
            if np.isnan(numbers_of_tables["real"]).all():
                skipped[name] = "no cell of the real table is a number"
            else:
                numbers[name] = numbers_of_tables
        elif roles[name] == "categorical":
            words[name] = cells.codes(cells_of_tables, columns.get(name))
    if not numbers and not words:
        raise DataError(
            "the tables have no column to compare: all are identifiers, constants or empty"
        )

    people = _people(frames, schema)
    views = {}
    for key, frame in frames.items():
        views[key] = _view(numbers, words, key, len(frame), people.get(key))
    return Tables(
        numeric=tuple(numbers),
        categorical=tuple(words),
        categories=tuple(vocabulary for vocabulary, _ in words.values()),
        real=views["real"],
        synthetic=views["synthetic"],
        holdout=views.get("holdout"),
        target=target,
        skipped=skipped,
        columns=columns,
        bare={name: _left_out(why, name, frames) for name, why in skipped.items()},
        unread=unread,
    )


def _people(
    frames: Mapping[str, pd.DataFrame], schema: Schema | None
) -> dict[str, npt.NDArray[np.int64]]:
    """Of each real table, the number of the person of each row, if a column names them."""
    if schema is None or schema.person is None:
        return {}
    real = {key: frame for key, frame in frames.items() if key != "synthetic"}
    named = [frame[schema.person].astype(str) for frame in real.values()]
    numbers = number_people(pd.concat(named, ignore_index=True))
    ends = np.cumsum([len(frame) for frame in real.values()])
    return dict(zip(real, np.split(numbers, ends[:-1]), strict=True))


def _left_out(why: str, name: str, frames: Mapping[str, pd.DataFrame]) -> LeftOut:
    """The bare cells of a column in all tables."""
    texts = {key: cells.texts(frame[name]) for key, frame in frames.items()}
    return LeftOut(why, texts["real"], texts["synthetic"], texts.get("holdout"))


def _frames(
    real: pd.DataFrame, synthetic: pd.DataFrame, holdout: pd.DataFrame | None
) -> dict[str, pd.DataFrame]:
    """The tables by name, checked, with texts as names of columns."""
    given = check_frames(real, synthetic, holdout)
    frames = {}
    for name, frame in given.items():
        frames[name] = frame.set_axis([str(c) for c in frame.columns], axis=1)
        if name != "real":
            # A foreign table may hold lists and the like.
            frames[name] = frames[name].apply(cells.plain)
    return frames


def check_frames(
    real: pd.DataFrame, synthetic: pd.DataFrame, holdout: pd.DataFrame | None
) -> dict[str, pd.DataFrame]:
    """The tables by name, if each has rows and the real table's columns.

    Raises:
        DataError: One has not.
    """
    given = {"real": real, "synthetic": synthetic}
    if holdout is not None:
        given["holdout"] = holdout
    for name, frame in given.items():
        _check(frame, real, name)
    return given


def _check(frame: pd.DataFrame, real: pd.DataFrame, name: str) -> None:
    """Whether a table has rows, and the real table's columns."""
    if len(frame) == 0:
        raise DataError(f"the {name} table has no rows")
    if frame.columns.has_duplicates:
        twice = sorted({str(c) for c in frame.columns[frame.columns.duplicated()]})
        raise DataError(
            f"the {name} table has more than one column named {_listing(twice)}"
        )
    wanted = {str(c) for c in real.columns}
    given = {str(c) for c in frame.columns}
    if wanted != given:
        lacking = sorted(wanted - given)
        extra = sorted(given - wanted)
        problems = []
        if lacking:
            problems.append(f"lacks {_listing(lacking)}")
        if extra:
            problems.append(f"has {_listing(extra)} besides")
        raise DataError(
            f"the {name} table does not have the real table's columns: it {' and '.join(problems)}"
        )


def _check_names(
    names: list[str], target: str | None, numeric: Sequence[str] | None
) -> None:
    """Whether the columns that are asked for are there."""
    if target is not None and target not in names:
        raise DataError(
            f"target {target!r} is not a column; the table has {_listing(names)}"
        )
    if numeric is not None:
        unknown = sorted(set(numeric) - set(names))
        if unknown:
            raise DataError(f"numeric columns {_listing(unknown)} are not in the table")


def _roles(
    real: pd.DataFrame,
    names: list[str],
    schema: Schema | None,
    numeric: Sequence[str] | None,
) -> tuple[dict[str, str], dict[str, Column], dict[str, str]]:
    """What each column is to the metrics.

    Returns:
        Column -> "numeric", "categorical", or "" if it is skipped; column -> what the
        schema says of it; column -> why it is skipped.
    """

    def role(name: str, is_number: bool) -> str:
        # Names that are given overrule the schema.
        if numeric is not None:
            is_number = name in numeric
        return "numeric" if is_number else "categorical"

    if numeric is not None and schema is None:
        return {name: role(name, False) for name in names}, {}, {}
    if schema is None:
        schema = infer(real, rare=0)
    schema.check(real)
    # In the order of the names, whatever the order of the schema.
    roles = dict.fromkeys(names, "")
    columns = {}
    skipped = {}
    for column in schema.columns:
        columns[column.name] = column
        kind = KINDS[column.kind]
        if kind.informative():
            roles[column.name] = role(column.name, kind.numeric)
        else:
            skipped[column.name] = column.kind
    return roles, columns, skipped


def _view(
    numbers: Mapping[str, Mapping[str, Floats]],
    words: Mapping[str, tuple[tuple[str, ...], Mapping[str, Integers]]],
    key: str,
    rows: int,
    people: npt.NDArray[np.int64] | None = None,
) -> View:
    """One table as a view, its rows sorted: their order in the table decides nothing.

    Args:
        numbers: Column -> table -> numbers.
        words: Column -> (categories, table -> codes).
        key: Which table.
        rows: Number of its rows.
        people: The number of the person of each row, if that is known.
    """
    floats: list[Any] = [parts[key] for parts in numbers.values()]
    codes: list[Any] = [parts[key] for _, parts in words.values()]
    # By the last column of numbers first; any order would do.
    order = np.lexsort([*codes, *floats])
    return View(
        np.column_stack(floats)[order] if floats else np.zeros((rows, 0)),
        np.column_stack(codes)[order] if codes else np.zeros((rows, 0), dtype=np.int32),
        order,
        None if people is None else people[order],
    )


def _listing(names: Sequence[str], limit: int = 8) -> str:
    quoted = [repr(name) for name in names]
    more = f" and {len(quoted) - limit} more" if len(quoted) > limit else ""
    return ", ".join(quoted[:limit]) + more
