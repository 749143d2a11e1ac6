"""Constraints that every sampled row holds: by construction where the form allows, else mended, else rejected.

What a constraint can make from other columns is taken out of the table that the model learns, or learnt in another
form (a group of columns of 0 and 1 as one category), and put back when rows are decoded. Other cells are mended after
decoding where one column follows from others. Rows that still do not hold every constraint are replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import DataError
from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns import number_kind
from synthtab.data.columns.base import Mask
from synthtab.data.constraints import Form, form_of
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Table
from synthtab.data.constraints.unique import Keys, Unique

# Sampling gives up where fewer than this share of so many rows hold the constraints.
FEW, PATIENCE = 0.005, 100_000


@dataclass(frozen=True)
class Step:
    """One enforced constraint.

    Attributes:
        constraint: The schema's entry.
        form: The same, at work.
        learnt: What it must know of the table.
        writes: The columns that it makes or mends; none where rows are only judged by it.
        remains: Where these are hidden from the model, the columns learnt in their place, perhaps none; else None.
    """

    constraint: Constraint
    form: Form
    learnt: Lookup | None = None
    writes: tuple[str, ...] = ()
    remains: tuple[Column, ...] | None = None

    def holds(self, table: Table) -> Mask:
        """``[rows]``: where it holds, and what it made lies within the bounds of its column."""
        mask = self.form.holds(table, self.learnt)
        for name in self.writes if self.form.form == "equation" else ():
            kind = number_kind(table.column(name))
            values, missing = table.numbers(name)
            low, high = kind.bounds(table.column(name))
            mask = mask & (
                missing
                | (
                    (values >= (-np.inf if low is None else low))
                    & (values <= (np.inf if high is None else high))
                )
            )
        return mask

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        remains = None if self.remains is None else [c.to_json() for c in self.remains]
        learnt = self.learnt.state() if self.learnt else None
        return {
            "constraint": self.constraint.to_json(),
            "learnt": learnt,
            "writes": self.writes,
            "remains": remains,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Step:
        """The inverse of `state`."""
        constraint = Constraint.from_json(state["constraint"])
        remains, learnt = state["remains"], state["learnt"]
        return cls(
            constraint,
            form_of(constraint),
            None if learnt is None else Lookup.from_state(learnt),
            tuple(state["writes"]),
            None if remains is None else tuple(Column.from_json(c) for c in remains),
        )


@dataclass(frozen=True)
class Enforced:
    """The enforced constraints of a schema, after a table was seen.

    Attributes:
        schema: All columns of the table.
        steps: The constraints; those that write columns come after those that write what these follow from.
    """

    schema: Schema
    steps: tuple[Step, ...] = ()

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        schema: Schema,
        target: str | None = None,
        least: int = 1,
    ) -> Enforced:
        """Plan how to hold the constraints, and learn what that needs.

        Args:
            frame: Typed cells that hold them.
            schema: Its columns, and the constraints.
            target: A column that is learnt whatever it follows from, since models will predict it; then mended.
            least: Rows that a combination of cells needs to be kept, where such are looked up.
        """
        table = Table(frame, schema)
        steps: list[Step] = []
        follows: dict[str, set[str]] = {}
        for constraint in schema.enforced:
            form = form_of(constraint, schema)
            learnt = form.learn(table, least)
            writes = form.writes(schema, learnt)
            reads = set(form.columns) - set(writes)
            sources = reads.union(*(_sources(name, follows) for name in reads))
            free = (
                writes
                and not (set(writes) & set(follows))
                and not (set(writes) & sources)
            )
            remains = (
                form.hides(table, learnt) if free and target not in writes else None
            )
            if not free or (remains is None and not form.repairs):
                steps.append(Step(constraint, form, learnt))
                continue
            follows.update(dict.fromkeys(writes, reads))
            steps.append(Step(constraint, form, learnt, writes, remains))
        return cls(schema, _ordered(steps))

    @property
    def spanning(self) -> tuple[int, ...]:
        """Numbers of the steps that a row holds or not depending on all rows before it: keys."""
        return tuple(
            i for i, step in enumerate(self.steps) if isinstance(step.form, Unique)
        )

    @property
    def made(self) -> frozenset[str]:
        """The columns that some step makes or mends."""
        return frozenset(name for step in self.steps for name in step.writes)

    @property
    def inner(self) -> Schema:
        """The columns that the model learns."""
        hidden: dict[str, Column | None] = {}
        for step in self.steps:
            if step.remains is not None:
                hidden.update(dict.fromkeys(step.writes))
                hidden.update({c.name: c for c in step.remains})
        if not hidden:
            return self.schema.with_constraints(())
        columns = (
            hidden.get(c.name) if c.name in hidden else c for c in self.schema.columns
        )
        return Schema(tuple(c for c in columns if c is not None))

    def hide(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The whole table => the one that the model learns."""
        if not any(step.remains is not None for step in self.steps):
            return frame
        table, cells = Table(frame, self.schema), {}
        for step in self.steps:
            for column in step.remains or ():
                cells[column.name] = step.form.hide(table, step.learnt, column).array
        return frame[list(self.inner.names)].assign(**cells)

    def restore(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Rows like those that the model learnt => rows of the whole table, mended where that can be done."""
        table = Table(frame, self.schema)
        for step in self.steps:
            if step.writes:
                table = table.with_cells(
                    step.form.restore(table, step.learnt, step.remains is not None)
                )
        return table.frame[list(self.schema.names)]

    def judge(self, frame: pd.DataFrame) -> pd.DataFrame:
        """``[rows, constraints]``: which constraints each row holds."""
        table = Table(frame, self.schema)
        return pd.DataFrame(
            {i: step.holds(table) for i, step in enumerate(self.steps)},
            index=frame.index,
        )

    def state(self) -> list[dict[str, Any]]:
        """Plain JSON data for `from_state`."""
        return [step.state() for step in self.steps]

    @classmethod
    def from_state(cls, schema: Schema, state: Any) -> Enforced:
        """The inverse of `state`."""
        return cls(schema, tuple(Step.from_state(s) for s in state))


@dataclass
class Refill:
    """Rows that hold all constraints, from as many as have to be made.

    Attributes:
        enforced: The constraints.
        made, good: Rows so far: all, and those that hold the constraints.
        failed: How many did not hold each constraint.
        keys: Of each `Unique`, what the rows that hold all constraints have.
    """

    enforced: Enforced
    made: int = 0
    good: int = 0
    failed: dict[int, int] = field(default_factory=dict)
    keys: dict[int, Keys] = field(default_factory=dict)

    def rows(self, blocks: Iterator[pd.DataFrame], n: int) -> Iterator[pd.DataFrame]:
        """The first ``n`` rows of the blocks, as many as these have, that hold them.

        Raises:
            DataError: Hardly any row holds them.
        """
        for block in blocks:
            good = self._good(block)
            rows = block if good.all() else block[good].reset_index(drop=True)
            self.made, self.good = self.made + len(block), self.good + len(rows)
            if len(rows) > n:
                rows = rows.head(n).reset_index(drop=True)
            n -= len(rows)
            if len(rows):
                yield rows
            if not n:
                break
            if self.made >= PATIENCE and self.good < FEW * self.made:
                raise DataError(
                    f"of {self.made:,} rows {self.good:,} hold the constraints ({self.causes()}): "
                    "train longer, or do not enforce what fails most"
                )

    def _good(self, block: pd.DataFrame) -> Mask:
        """``[rows]``: which hold all constraints; the keys of these are remembered."""
        if not self.enforced.steps:
            return np.ones(len(block), dtype=bool)
        held = self.enforced.judge(block)
        keys = {i: self._keys(block, i) for i in self.enforced.spanning}
        for i, own in keys.items():
            held[i] = held[i].to_numpy() & self._fresh(block, i, own)
        good = held.to_numpy().all(axis=1)
        for i, own in keys.items():
            self.keys.setdefault(i, Keys()).add(own[good])
        for i in range(len(self.enforced.steps)):
            self.failed[i] = self.failed.get(i, 0) + int((~held[i]).sum())
        return np.asarray(good)

    def _keys(self, block: pd.DataFrame, i: int) -> npt.NDArray[np.uint64]:
        form = self.enforced.steps[i].form
        assert isinstance(form, Unique), f"{form} has no keys, report this"
        return form.keys(Table(block, self.enforced.schema))

    def _fresh(self, block: pd.DataFrame, i: int, keys: npt.NDArray[np.uint64]) -> Mask:
        applies = self.enforced.steps[i].form.applies(
            Table(block, self.enforced.schema)
        )
        return np.asarray(~self.keys.setdefault(i, Keys()).known(keys) | ~applies)

    def causes(self, most: int = 3) -> str:
        """Which constraints rows failed most."""
        worst = sorted(
            ((count, i) for i, count in self.failed.items() if count), reverse=True
        )[:most]
        return "; ".join(
            f"{self.enforced.steps[i].form}: {100 * count / self.made:.2g} %"
            for count, i in worst
        )

    def said(self) -> str | None:
        """How many rows were replaced, and why; None if none was."""
        if not any(self.failed.values()):
            return None
        share = 100 * (1 - self.good / self.made)
        return f"{share:.2g} % of the rows made did not hold the constraints and were replaced ({self.causes()})"


def checks(schema: Schema, frame: pd.DataFrame) -> list[Callable[[pd.DataFrame], Mask]]:
    """One function per enforced constraint: rows => ``[rows]`` where it holds, as it was learnt from a table.

    Args:
        schema: What the columns are, and the constraints.
        frame: Typed cells, from which combinations of cells are learnt.
    """
    steps = Enforced.fit(frame, schema).steps
    return [lambda rows, step=step: step.holds(Table(rows, schema)) for step in steps]  # type: ignore[misc]


def _sources(name: str, follows: Mapping[str, set[str]]) -> set[str]:
    """All columns that a column is made from."""
    direct = follows.get(name, set())
    return direct.union(*(_sources(parent, follows) for parent in direct))


def _ordered(steps: list[Step]) -> tuple[Step, ...]:
    """What writes a column comes before what reads it."""
    waiting, done = list(steps), []
    while waiting:
        unmade = {name for step in waiting for name in step.writes}
        ready = [
            s
            for s in waiting
            if not (set(s.form.columns) - set(s.writes)) & unmade or not s.writes
        ]
        assert ready, (
            f"constraints in a circle, report this: {[str(s.form) for s in waiting]}"
        )
        done += ready
        waiting = [s for s in waiting if not any(s is r for r in ready)]
    return tuple(done)
