"""Constraints that every sampled row holds: by construction where the form allows, else
mended, else rejected.

What a constraint can make from other columns is taken out of the table that the model
learns, or learnt in another form (a group of columns of 0 and 1 as one category), and
put back when rows are decoded. Other cells are mended after decoding where one column
follows from others. Rows that still do not hold every constraint are replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from synthtab.core.errors import DataError
from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns.base import Mask
from synthtab.data.constraints import Form, form_of
from synthtab.data.constraints.keys import Keys
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Integers, Table

# Sampling gives up where fewer than this share of so many rows hold the constraints.
LEAST_SHARE = 0.005
PATIENCE = 100_000
# Constraints that messages name as the cause.
MOST_CAUSES = 3


@dataclass(frozen=True)
class Step:
    """One enforced constraint.

    Attributes:
        constraint: The schema's entry.
        form: The same, at work.
        lookup: What it must know of the table.
        writes: The columns that it makes or mends; none where rows are only judged by it.
        remains: Where these are hidden from the model, the columns learnt in their place,
            perhaps none; else None.
    """

    constraint: Constraint
    form: Form
    lookup: Lookup | None = None
    writes: tuple[str, ...] = ()
    remains: tuple[Column, ...] | None = None

    @property
    def reads(self) -> set[str]:
        """The columns that those which it writes follow from."""
        return set(self.form.columns) - set(self.writes)

    def holds(self, table: Table, given: pd.DataFrame | None = None) -> Mask:
        """``[rows]``: where it holds, and what it made may stand in its column.

        Args:
            table: The rows.
            given: The cells of these rows that a user gave. They, and what follows from
                them, may stand anywhere.
        """
        held = self.form.holds(table, self.lookup)
        follows: Mask = np.zeros(len(table), dtype=bool)
        if given is not None:
            follows = given[list(self.form.columns)].notna().any(axis=1).to_numpy()
        for name in self.writes:
            held = held & (self.form.in_bounds(table, name) | follows)
        return held

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        remains = None
        if self.remains is not None:
            remains = [column.to_json() for column in self.remains]
        lookup = None
        if self.lookup is not None:
            lookup = self.lookup.state()
        return {
            "constraint": self.constraint.to_json(),
            # The name that files of the first version have for it.
            "learnt": lookup,
            "writes": self.writes,
            "remains": remains,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Step:
        """The inverse of `state`."""
        constraint = Constraint.from_json(state["constraint"])
        lookup = None
        if state["learnt"] is not None:
            lookup = Lookup.from_state(state["learnt"])
        remains = None
        if state["remains"] is not None:
            remains = tuple(Column.from_json(data) for data in state["remains"])
        form = form_of(constraint)
        return cls(constraint, form, lookup, tuple(state["writes"]), remains)


@dataclass(frozen=True)
class Enforced:
    """The enforced constraints of a schema, after a table was seen.

    Attributes:
        schema: All columns of the table.
        steps: The constraints; those that write columns come after those that write what
            these follow from.
    """

    schema: Schema
    steps: tuple[Step, ...] = ()

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        schema: Schema,
        target: str | None = None,
        least_rows: int = 1,
        people: Integers | None = None,
    ) -> Enforced:
        """Plan how to hold the constraints, and learn what that needs.

        Args:
            frame: Typed cells that hold them.
            schema: Its columns, and the constraints.
            target: A column that is learnt whatever it follows from, since models will
                predict it; then mended.
            least_rows: Rows that a combination of cells needs to be kept, where such are
                looked up.
            people: Whom each row is about, where so many people are meant.
        """
        table = Table(frame, schema, people)
        steps: list[Step] = []
        # Each column that is written, and those that it follows from.
        follows: dict[str, set[str]] = {}
        for constraint in schema.enforced:
            form = form_of(constraint, schema)
            lookup = form.learn(table, least_rows)
            judging = Step(constraint, form, lookup)
            writing = Step(constraint, form, lookup, form.writes(schema, lookup))
            if not _may_write(writing, follows):
                steps.append(judging)
                continue
            # What models will predict must be learnt itself, and not in another form.
            remains = None
            if target not in writing.writes:
                remains = form.hides(table, lookup)
            if remains is None and not form.repairs:
                steps.append(judging)
                continue
            follows.update(dict.fromkeys(writing.writes, writing.reads))
            steps.append(Step(constraint, form, lookup, writing.writes, remains))
        return cls(schema, _ordered(steps))

    @property
    def spanning(self) -> tuple[int, ...]:
        """Numbers of the steps that a row holds or not depending on all rows before it."""
        return tuple(i for i, step in enumerate(self.steps) if step.form.spanning)

    @property
    def made(self) -> frozenset[str]:
        """The columns that some step makes or mends."""
        return frozenset(name for step in self.steps for name in step.writes)

    @property
    def inner(self) -> Schema:
        """The columns that the model learns."""
        # What stands in the place of each column that is hidden: another one, or none.
        replaced: dict[str, Column | None] = {}
        for step in self.steps:
            if step.remains is not None:
                replaced.update(dict.fromkeys(step.writes))
                replaced.update({column.name: column for column in step.remains})
        columns = []
        for column in self.schema.columns:
            remaining = replaced.get(column.name, column)
            if remaining is not None:
                columns.append(remaining)
        return Schema(tuple(columns))

    def hide(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The whole table => the one that the model learns."""
        if all(step.remains is None for step in self.steps):
            return frame
        table = Table(frame, self.schema)
        cells = {}
        for step in self.steps:
            for column in step.remains or ():
                hidden = step.form.hide(table, step.lookup, column)
                cells[column.name] = hidden.array
        return frame[list(self.inner.names)].assign(**cells)

    def restore(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Rows like those that the model learnt => whole rows, mended where possible."""
        # In the order of the steps: what one writes, a later one may read.
        table = Table(frame, self.schema)
        for step in self.steps:
            if step.writes:
                is_hidden = step.remains is not None
                cells = step.form.restore(table, step.lookup, is_hidden)
                table = table.with_cells(cells)
        return table.frame[list(self.schema.names)]

    def judge(
        self, frame: pd.DataFrame, given: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """``[rows, constraints]``: which constraints each row holds; see `Step.holds`."""
        table = Table(frame, self.schema)
        held = {i: step.holds(table, given) for i, step in enumerate(self.steps)}
        return pd.DataFrame(held, index=frame.index)

    def state(self) -> list[dict[str, Any]]:
        """Plain JSON data for `from_state`."""
        return [step.state() for step in self.steps]

    @classmethod
    def from_state(cls, schema: Schema, state: Any) -> Enforced:
        """The inverse of `state`."""
        return cls(schema, tuple(Step.from_state(data) for data in state))


def _may_write(step: Step, follows: Mapping[str, set[str]]) -> bool:
    """Whether a step can write its columns beside the steps before it.

    Args:
        step: The step, with all columns that its form can write.
        follows: Each column that is written already, and those that it follows from.
    """
    written_twice = set(step.writes) & set(follows)
    # A column that its own sources follow from would have to be there before itself.
    in_a_circle = set(step.writes) & _sources(step.reads, follows)
    return bool(step.writes) and not written_twice and not in_a_circle


def _sources(names: set[str], follows: Mapping[str, set[str]]) -> set[str]:
    """Some columns, and all that they are made from."""
    found = set(names)
    for name in names:
        found |= _sources(follows.get(name, set()), follows)
    return found


def _ordered(steps: list[Step]) -> tuple[Step, ...]:
    """The steps in such an order that what writes a column precedes what reads it."""
    done: list[Step] = []
    waiting = list(steps)
    while waiting:
        unmade = {name for step in waiting for name in step.writes}
        ready: list[Step] = []
        later: list[Step] = []
        for step in waiting:
            # What only judges rows does so when they are whole.
            if step.writes and step.reads & unmade:
                later.append(step)
            else:
                ready.append(step)
        assert ready, (
            f"constraints in a circle, report this: {[str(s.form) for s in waiting]}"
        )
        done += ready
        waiting = later
    return tuple(done)


@dataclass
class Refill:
    """Rows that hold all constraints, from as many as have to be made.

    Attributes:
        enforced: The constraints.
        made: Rows so far.
        good: Those of them that hold the constraints.
        failed: How many did not hold each constraint, by the number of its step.
        keys: Of each step that is `spanning`, the keys of the rows that hold all
            constraints.
    """

    enforced: Enforced
    made: int = 0
    good: int = 0
    failed: dict[int, int] = field(default_factory=dict)
    keys: dict[int, Keys] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for i in range(len(self.enforced.steps)):
            self.failed.setdefault(i, 0)
        for i in self.enforced.spanning:
            self.keys.setdefault(i, Keys())

    def rows(self, blocks: Iterator[pd.DataFrame], n: int) -> Iterator[pd.DataFrame]:
        """The first ``n`` rows of the blocks that hold them, or all if there are fewer.

        Raises:
            DataError: Hardly any row holds them.
        """
        for block in blocks:
            good = self._good(block)
            rows = block if good.all() else block[good].reset_index(drop=True)
            self.made += len(block)
            self.good += len(rows)
            # More than enough of the last block.
            if len(rows) > n:
                rows = rows.head(n).reset_index(drop=True)
            n -= len(rows)
            if len(rows):
                yield rows
            if not n:
                break
            if self.made >= PATIENCE and self.good < LEAST_SHARE * self.made:
                raise DataError(
                    f"of {self.made:,} rows {self.good:,} hold the constraints "
                    f"({self.causes()}): train longer, or do not enforce what fails most"
                )

    def _good(self, block: pd.DataFrame) -> Mask:
        """``[rows]``: which hold all constraints; the keys of these are remembered."""
        if not self.enforced.steps:
            return np.ones(len(block), dtype=bool)
        held = self.enforced.judge(block)
        table = Table(block, self.enforced.schema)
        keys = {}
        for i, known in self.keys.items():
            form = self.enforced.steps[i].form
            keys[i] = form.keys(table)
            occurred_before = known.known(keys[i]) & form.applies(table)
            held[i] = held[i].to_numpy() & ~occurred_before
        good = held.to_numpy().all(axis=1)
        # A row that is left out for another reason leaves its keys to others.
        for i, known in self.keys.items():
            known.add(keys[i][good])
        for i in self.failed:
            self.failed[i] += int((~held[i]).sum())
        return np.asarray(good)

    def causes(self) -> str:
        """Which constraints rows failed most."""
        worst = [(count, i) for i, count in self.failed.items() if count]
        worst.sort(reverse=True)
        texts = []
        for count, i in worst[:MOST_CAUSES]:
            share = 100 * count / self.made
            texts.append(f"{self.enforced.steps[i].form}: {share:.2g} %")
        return "; ".join(texts)

    def said(self) -> str | None:
        """How many rows were replaced, and why; None if none was."""
        # Rows that are left out by conditions alone are not told here.
        if not any(self.failed.values()):
            return None
        share = 100 * (1 - self.good / self.made)
        return (
            f"{share:.2g} % of the rows made did not hold the constraints "
            f"and were replaced ({self.causes()})"
        )


def checks(schema: Schema, frame: pd.DataFrame) -> list[Callable[[pd.DataFrame], Mask]]:
    """One function for each enforced constraint, which judges rows.

    Args:
        schema: What the columns are, and the constraints.
        frame: Typed cells, from which combinations of cells are learnt.

    Returns:
        Functions that take rows and return ``[rows]``: where the constraint holds.
    """

    def check(step: Step) -> Callable[[pd.DataFrame], Mask]:
        return lambda rows: step.holds(Table(rows, schema))

    return [check(step) for step in Enforced.fit(frame, schema).steps]
