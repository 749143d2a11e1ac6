"""What can be asked of a fitted generator, as tables: rows, rows that meet conditions, given cells completed.

Beside `Synthesizer`, which is what users call, the one other place that sees both pandas and torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from synthtab.core.errors import ConditionError, ConfigError, DataError
from synthtab.core.layout import Encoded, Restriction
from synthtab.core.progress import Observer, Progress, silent
from synthtab.core.randomness import Streams
from synthtab.data.constraints.enforce import Refill
from synthtab.data.encoder import TableEncoder
from synthtab.model.networks import Networks
from synthtab.runtime.parallel import ENDLESS
from synthtab.sampling import sampler
from synthtab.sampling.predicate import Test, conditions
from synthtab.sampling.recipe import Recipe
from synthtab.sampling.region import few_values, present, restrictions
from synthtab.sampling.tree_critic import TreeCritic

# Rows that depend on one another where some of those made are left out: each segment is
# filled from candidates of its own, so that it can be made without those before it.
SEGMENT = 16 * sampler.BLOCK
# After so many blocks of rows, the least share of them that must meet the conditions.
PATIENCE, SHARE = 50, 1 / 2000
# After so many blocks, the share of rows that meet the conditions below which cells no
# longer follow from others.
ENOUGH, UNLIKELY = 2, 0.05
# Share of the rows that meet the conditions below which it is said.
SAID = 0.5
# Times that rows which do not meet the conditions are completed anew.
ROUNDS = 20
MOST_CLASSES = 10_000


@dataclass
class Tally:
    """How many rows were made, and how many of them met the conditions.

    Attributes:
        made: Rows that the generator gave, after the trees.
        kept: Those that were as asked.
    """

    made: int = 0
    kept: int = 0

    @property
    def share(self) -> float:
        """Of the rows made, those kept; 1 before the first."""
        return self.kept / self.made if self.made else 1.0


@dataclass(frozen=True)
class Requests:
    """A fitted model, as far as sampling concerns it.

    Attributes:
        encoder: Of the table.
        networks: What makes rows; None where nothing varies.
        recipe: How rows are drawn.
        device: Where to compute.
    """

    encoder: TableEncoder
    networks: Networks | None
    recipe: Recipe
    device: torch.device

    def encoded(
        self,
        n: int,
        passes: int,
        streams: Streams,
        critic: TreeCritic | None,
        within: Sequence[Restriction] = (),
        begin: int = 0,
        then: Callable[[int, Encoded], Any] = lambda number, block: block,
    ) -> Iterator[Any]:
        """Blocks of rows before decoding, from number ``begin`` on, or what ``then`` makes of them."""
        layout = self.encoder.layout
        if self.networks is None:
            for start in range(begin * sampler.BLOCK, n, sampler.BLOCK):
                size = min(sampler.BLOCK, n - start)
                empty = Encoded(
                    np.zeros((size, 0), np.int16),
                    np.zeros((size, 0), np.float32),
                    layout,
                )
                yield then(start // sampler.BLOCK, empty)
            return
        ways = self.recipe.plans(layout, passes)
        yield from sampler.generate(
            self.networks,
            n,
            ways,
            streams,
            self.device,
            critic,
            within,
            begin,
            then,
        )

    def rows(
        self, n: int, passes: int, streams: Streams, observe: Observer, first: int = 0
    ) -> Iterator[pd.DataFrame]:
        """``n`` rows like those of the table, from number ``first`` on."""
        critic = self.recipe.critic_of(passes)

        def made(
            streams: Streams, end: int = ENDLESS, begin: int = 0
        ) -> Iterator[pd.DataFrame]:
            def decoded(number: int, block: Encoded) -> pd.DataFrame:
                rng = streams.numpy("decode", number)
                return self.encoder.decode(
                    block.codes, block.offsets, rng, number * sampler.BLOCK
                )

            return self.encoded(end, passes, streams, critic, begin=begin, then=decoded)

        if self.encoder.enforced.steps:
            yield from self._segments(made, n, streams, observe, first)
        else:
            begin = first // sampler.BLOCK
            yield from _told(
                made(streams, first + n, begin),
                first - begin * sampler.BLOCK,
                n,
                observe,
            )

    def within(
        self,
        tests: Sequence[Test],
        n: int,
        streams: Streams,
        observe: Observer,
        start: int = 0,
        first: int = 0,
    ) -> Iterator[pd.DataFrame]:
        """Rows that meet conditions: drawn so where codes and offsets decide it, else left out if they do not.

        Args:
            tests: The conditions.
            n: How many rows, from number ``first`` on.
            streams: Randomness.
            observe: Told about the progress and, at the end, what share of the rows met the conditions.
            start: The number from which on identifiers are invented is this one more than that of the row.
            first: See ``n``.
        """
        tallies: list[Tally] = []

        def made(streams: Streams) -> Iterator[pd.DataFrame]:
            tallies.append(Tally())
            yield from self._meeting(tests, streams, tallies[-1])

        yield from self._segments(made, n, streams, observe, first, start)
        tally = Tally(sum(t.made for t in tallies), sum(t.kept for t in tallies))
        if tally.share < SAID:
            said = f"{tally.kept:,} of {tally.made:,} rows met the conditions; the others were thrown away"
            observe(Progress("sample", 1.0, message=said))

    def _segments(
        self,
        make: Callable[[Streams], Iterator[pd.DataFrame]],
        n: int,
        streams: Streams,
        observe: Observer,
        first: int,
        start: int = 0,
    ) -> Iterator[pd.DataFrame]:
        """``n`` rows that hold the constraints, from number ``first`` on: of each segment of rows, those that come
        first among endless rows made for it.
        """
        refill = Refill(self.encoder.enforced)

        def held() -> Iterator[pd.DataFrame]:
            for number in range(first // SEGMENT, -(-(first + n) // SEGMENT)):
                own, at = (
                    Streams(streams.integer("segment", number)) if number else streams,
                    number * SEGMENT,
                )
                for rows in refill.rows(make(own), min(SEGMENT, first + n - at)):
                    yield self.encoder.renumbered(rows, start + at)
                    at += len(rows)

        yield from _told(held(), first % SEGMENT, n, observe)
        if said := refill.said():
            observe(Progress("sample", 1.0, message=said))

    def grain(self, tests: Sequence[Test]) -> int:
        """Rows that had better be made at once, counted from the first: what a part of a sample costs least in.

        Raises:
            ConfigError: No row can be made without all those before it.
        """
        steps = self.encoder.enforced.steps
        if spanning := self.encoder.enforced.spanning:
            raise ConfigError(
                f"{steps[spanning[0]].form} compares each row with all before it: parts of a sample "
                "cannot be made by themselves; leave out jobs, first or dask, or do not enforce it"
            )
        return SEGMENT if tests or steps else sampler.BLOCK

    def _meeting(
        self, tests: Sequence[Test], streams: Streams, tally: Tally
    ) -> Iterator[pd.DataFrame]:
        """Rows that meet conditions, without end."""
        few = few_values(self.encoder, tests)
        for number, block in enumerate(self._likely(tests, streams, tally)):
            frame = self.encoder.decode(
                block.codes, block.offsets, streams.numpy("decode", number)
            )
            for test in few:
                frame[test.column.name] = test.snapped(frame[test.column.name]).array
            met = _all(frame, tests)
            tally.made, tally.kept = (
                tally.made + len(frame),
                tally.kept + int(met.sum()),
            )
            _bound(tests, tally)
            yield frame if met.all() else frame[met].reset_index(drop=True)

    def _likely(
        self, tests: Sequence[Test], streams: Streams, tally: Tally
    ) -> Iterator[Encoded]:
        """Blocks of rows many of which meet conditions, before decoding."""
        limits = restrictions(self.encoder, tests)  # also that they can be met
        if not self.completes:
            yield from self.encoded(
                ENDLESS, self.recipe.passes, streams, self.recipe.critic
            )
            return
        passes, trees = self._completing()
        for block in self.encoded(ENDLESS, passes, streams, trees, limits):
            yield block
            if tally.made >= ENOUGH * sampler.BLOCK and tally.share < UNLIKELY:
                break  # what follows from others hardly ever gives such cells: let it not follow
        yield from self.encoded(
            ENDLESS,
            passes,
            Streams(streams.integer("unlinked")),
            trees,
            restrictions(self.encoder, tests, links=False),
        )

    def shared(
        self,
        column: str,
        shares: Mapping[Any, float] | None,
        tests: Sequence[Test],
        n: int,
        streams: Streams,
        observe: Observer,
    ) -> Iterator[pd.DataFrame]:
        """Rows of which each class of a column has a share: its weight among all; None for equal ones.

        Any number of first rows has every class as often as its share says, up to about one row.
        """
        schema = self.encoder.schema
        conditions({column: None}, schema)  # the column must be there
        shares = (
            dict.fromkeys(self._classes(column, tests), 1.0)
            if shares is None
            else shares
        )
        weights = np.array([float(w) for w in shares.values()])
        if (
            not len(weights)
            or not np.isfinite(weights).all()
            or (weights < 0).any()
            or weights.sum() <= 0
        ):
            raise ConditionError(
                f"the weights of {column!r} must be numbers of 0 or more, and one more than 0"
            )
        own = {
            v: p for v, p in zip(shares, weights / weights.sum(), strict=True) if p > 0
        }
        rng, times = streams.numpy("classes"), []
        for p in own.values():
            times.append((np.arange(int(n * p) + 2) + rng.random()) / p)
        order = np.argsort(np.concatenate(times), kind="stable")[:n]
        owner = np.repeat(np.arange(len(own)), [len(t) for t in times])[order]
        sources = [
            _Source(
                self.within(
                    (*tests, *conditions({column: value}, schema)),
                    ENDLESS,
                    Streams(streams.integer(f"class {value}")),
                    silent,
                )
            )
            for value in own
        ]
        for start in range(0, n, sampler.BLOCK):
            mine = owner[start : start + sampler.BLOCK]
            parts = [
                source.take(int((mine == i).sum())) for i, source in enumerate(sources)
            ]
            places = np.argsort(np.argsort(mine, kind="stable"), kind="stable")
            frame = (
                pd.concat(parts, ignore_index=True).take(places).reset_index(drop=True)
            )
            frame = self.encoder.renumbered(frame, start)
            observe(
                Progress(
                    "sample", min(1.0, (start + len(mine)) / n), rows=start + len(mine)
                )
            )
            yield frame

    def completed(
        self,
        partial: pd.DataFrame,
        tests: Sequence[Test],
        streams: Streams,
        observe: Observer,
        whole: bool = False,
    ) -> pd.DataFrame:
        """Partial rows with their unknown cells drawn, in the schema's dtypes; known cells stay as they are.

        Args:
            partial: Any columns of the table; missing cells, and columns that are not there, are unknown.
            tests: Conditions on the rows.
            streams: Randomness.
            observe: Told about the progress.
            whole: Whether no drawn cell may be missing: imputation.
        """
        if not self.completes:
            raise ConditionError(
                "this model cannot complete rows: it was trained without cross_entropy and density (preset ctgan)"
            )
        encoded, known, cells = self.encoder.encode_partial(partial, streams)
        for test in tests:
            given = cells[test.column.name]
            wrong = given.notna().to_numpy(dtype=bool) & ~test.holds(given)
            if wrong.any():
                raise ConditionError(
                    f"condition {str(test.condition)!r}: given row {int(wrong.argmax()) + 1} breaks it"
                )
        limits = [
            *restrictions(self.encoder, tests),
            *(present(self.encoder) if whole else ()),
        ]
        limits = list({r.blocks: r for r in reversed(limits)}.values())
        found, todo, enforced = None, np.arange(len(cells)), self.encoder.enforced
        for turn in range(ROUNDS):
            own = Streams(streams.integer("turn", turn))
            part = self._filled(encoded, known, cells, todo, limits, own, observe)
            bad = ~_all(part, tests)
            if enforced.steps:
                bad |= ~enforced.judge(part).to_numpy().all(axis=1)
            if whole:
                bad |= part.isna().to_numpy(dtype=bool)[:, self._fillable].any(axis=1)
            found = part if found is None else _put(found, todo, part)
            todo = todo[bad]
            if not len(todo):
                break
        assert found is not None
        if len(todo) and not whole:
            asked = [
                *(str(t.condition) for t in tests),
                *(str(step.form) for step in enforced.steps),
            ]
            raise ConditionError(
                f"given row {int(todo[0]) + 1} cannot be completed so that {' and '.join(asked)}"
            )
        return found.set_axis(partial.index)

    @property
    def completes(self) -> bool:
        """Whether cells can be drawn given others."""
        return self.networks is not None and self.networks.completer is not None

    @property
    def _fillable(self) -> npt.NDArray[np.bool_]:
        """``[columns]``: those that had any value when the table was learnt."""
        return np.array(
            [c.options.get("value", 0) is not None for c in self.encoder.schema.columns]
        )

    def _filled(
        self,
        encoded: Encoded,
        known: npt.NDArray[np.bool_],
        cells: pd.DataFrame,
        rows: npt.NDArray[np.int64],
        limits: Sequence[Restriction],
        streams: Streams,
        observe: Observer,
    ) -> pd.DataFrame:
        passes, trees = self._completing()
        assert self.networks is not None
        blocks = sampler.fill(
            self.networks,
            encoded.take(rows),
            known[rows],
            self.recipe.plans(self.encoder.layout, passes),
            streams,
            self.device,
            trees,
            limits,
        )
        parts, done = [], 0
        for number, block in enumerate(blocks):
            rng = streams.numpy("decode", number)
            frame = self.encoder.decode(
                block.codes, block.offsets, rng, int(rows[done])
            )
            given = cells.iloc[rows[done : done + len(frame)]]
            parts.append(_overwritten(frame, given))
            done += len(frame)
            observe(Progress("complete", done / len(rows)))
        return pd.concat(parts, ignore_index=True)

    def _completing(self) -> tuple[int, TreeCritic | None]:
        """Passes in which to complete rows, and the trees that know such rows.

        Trees of rows of one pass do not know them.
        """
        if self.recipe.passes == 1:
            return len(self.encoder.layout.units), None
        critic = self.recipe.critic
        trees = critic.without_raking() if critic and critic.forests else None
        return self.recipe.passes, trees

    def _classes(self, column: str, tests: Sequence[Test]) -> list[Any]:
        """The values of a column of categories, none of them missing."""
        some = conditions(f"`{column}` is not missing", self.encoder.schema)
        limits = restrictions(
            self.encoder, (*some, *(t for t in tests if t.column.name == column))
        )
        if not limits or any(
            self.encoder.layout.blocks[b].modes for b in limits[0].blocks
        ):
            raise DataError(
                f"column {column!r} does not vary in steps: balance needs a column of categories"
            )
        values = self.encoder.values(column, limits[0].codes)
        if values is None or len(values) > MOST_CLASSES:
            raise DataError(
                f"column {column!r} is of kind {self.encoder.schema[column].kind}: balance needs categories"
            )
        return values


class _Source:
    """Tables one after another, of which any number of rows can be taken."""

    def __init__(self, frames: Iterator[pd.DataFrame]) -> None:
        self.frames, self.rest = frames, next(frames)

    def take(self, count: int) -> pd.DataFrame:
        while len(self.rest) < count:
            self.rest = pd.concat([self.rest, next(self.frames)], ignore_index=True)
        taken, self.rest = self.rest.head(count), self.rest.iloc[count:]
        return taken


def _told(
    frames: Iterator[pd.DataFrame], skipped: int, n: int, observe: Observer
) -> Iterator[pd.DataFrame]:
    """Tables without their first rows in all; and the observer, how many of ``n`` there are."""
    done = 0
    for frame in frames:
        left_out = min(skipped, len(frame))
        skipped -= left_out
        if left_out:
            frame = frame.iloc[left_out:].reset_index(drop=True)
        done += len(frame)
        if len(frame):
            yield frame
            observe(Progress("sample", done / n, rows=done))


def _bound(tests: Sequence[Test], tally: Tally) -> None:
    """Raise where next to no row meets the conditions."""
    if tally.made >= PATIENCE * sampler.BLOCK and tally.share < SHARE:
        raise ConditionError(
            f"only {tally.kept:,} of {tally.made:,} rows made meet "
            f"{' and '.join(str(t.condition) for t in tests)!r}: ask for less at once, or train longer"
        )


def _all(frame: pd.DataFrame, tests: Sequence[Test]) -> npt.NDArray[np.bool_]:
    """``[rows]``: which rows meet all conditions."""
    met = np.ones(len(frame), dtype=bool)
    for test in tests:
        met &= test.holds(frame[test.column.name])
    return met


def _overwritten(drawn: pd.DataFrame, given: pd.DataFrame) -> pd.DataFrame:
    """Drawn rows with the given cells in their places."""
    found = {}
    for name in drawn.columns:
        own, there = (
            given[name].reset_index(drop=True),
            given[name].notna().to_numpy(dtype=bool),
        )
        if there.any():
            cells = drawn[name].astype(own.dtype)
            found[name] = own if there.all() else cells.mask(there, own)
            if not found[name].isna().any():
                found[name] = found[name].astype(drawn[name].dtype)
        else:
            found[name] = drawn[name]
    return pd.DataFrame(found)


def _put(
    found: pd.DataFrame, rows: npt.NDArray[np.int64], part: pd.DataFrame
) -> pd.DataFrame:
    """A table whose given rows are replaced."""
    kept = np.setdiff1d(found.index, rows)
    return pd.concat([found.loc[kept], part.set_axis(rows, axis=0)]).sort_index()
