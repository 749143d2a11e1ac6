"""What can be asked of a fitted model, as tables.

    Requests.rows            rows like those of the table
    Requests.within          rows that meet predicates
    Requests.by_share        rows of which each class of a column has a share
    Requests.completed_rows  partial rows, completed

Beside `Synthesizer`, which is what users call, this is the one place that sees both
pandas and torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from synthtab.core.errors import ConditionError, ConfigError, DataError
from synthtab.core.layout import Encoded, Region
from synthtab.core.progress import Observer, Progress, silent
from synthtab.core.randomness import Streams
from synthtab.data.constraints.enforce import Refill
from synthtab.data.encoder import TableEncoder
from synthtab.data.relations.implied import add_up, settle
from synthtab.data.relations.keys import Key
from synthtab.model.networks import Networks
from synthtab.runtime.machine import ENDLESS
from synthtab.sampling import sampler
from synthtab.sampling.apart import Apart
from synthtab.sampling.broken import Broken
from synthtab.sampling.recipe import Recipe
from synthtab.sampling.tree_critic import TreeCritic

if TYPE_CHECKING:
    from synthtab.sampling.language import Where
    from synthtab.sampling.predicate import Predicate

# Rows that depend on one another where some candidates are left out: each segment is
# filled from candidates of its own, so that it can be made without those before it.
SEGMENT = 16 * sampler.BLOCK
# After so many blocks of candidates, at least this share of them must meet the
# predicates.
PATIENCE = 50
LEAST_SHARE = 1 / 2000
# If, after so many blocks, a smaller share than this meets the predicates, cells no
# longer follow from others.
PATIENCE_WITH_LINKS = 2
LEAST_SHARE_WITH_LINKS = 0.05
# If a smaller share than this meets the predicates, the observer is told.
SHARE_OF_NOTE = 0.5
# Times that rows which do not meet the predicates are completed anew.
ROUNDS = 20
# Most classes that can have shares.
MOST_CLASSES = 10_000

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass
class Tally:
    """How many candidates there were, and how many of them met the predicates.

    Attributes:
        candidates: Rows as the model draws them, after the tree critic.
        met: Those that were as asked.
    """

    candidates: int = 0
    met: int = 0

    @property
    def share(self) -> float:
        """Of the candidates, those that were as asked; 1 before the first."""
        return self.met / self.candidates if self.candidates else 1.0


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

    def predicates(self, where: Where | None) -> tuple[Predicate, ...]:
        """What cells must meet, from conditions as users write them.

        Raises:
            ConditionError: A condition cannot be read, or does not suit its column.
        """
        if where is None:
            return ()
        # Loaded for those who ask for something: most do not.
        from synthtab.sampling.predicate import predicates

        return predicates(where, self.encoder.schema)

    @property
    def completes(self) -> bool:
        """Whether cells can be drawn given others."""
        return self.networks is not None and self.networks.completer is not None

    def grain(self, predicates: Sequence[Predicate]) -> int:
        """Rows that had better be made at once, counted from the first one.

        Raises:
            ConfigError: No row can be made without all those before it.
        """
        steps = self.encoder.enforced.steps
        if spanning := self.encoder.enforced.spanning:
            raise ConfigError(
                f"{steps[spanning[0]].form} compares each row with all before it: "
                "parts of a sample cannot be made by themselves; leave out jobs, first "
                "or dask, or do not enforce it"
            )
        chosen = predicates or steps or self.encoder.keys
        return SEGMENT if chosen else sampler.BLOCK

    # -- rows like those of the table

    def rows(
        self,
        n: int,
        passes: int,
        streams: Streams,
        observe: Observer,
        first: int = 0,
    ) -> Iterator[pd.DataFrame]:
        """``n`` rows like those of the table, from number ``first`` on."""
        critic = self.recipe.critic_of(passes)

        def candidates(
            streams: Streams,
            end: int = ENDLESS,
            begin: int = 0,
        ) -> Iterator[pd.DataFrame]:
            def decode(number: int, block: Encoded) -> pd.DataFrame:
                rng = streams.numpy("decode", number)
                start = number * sampler.BLOCK
                return self.encoder.decode(block.codes, block.offsets, rng, start)

            return self._blocks(end, passes, streams, critic, begin=begin, then=decode)

        if self.encoder.enforced.steps or self.encoder.keys:
            yield from self._segments(candidates, n, streams, observe, first)
            return
        begin = first // sampler.BLOCK
        frames = candidates(streams, first + n, begin)
        yield from _reporting(frames, first - begin * sampler.BLOCK, n, observe)

    def _blocks(
        self,
        n: int,
        passes: int,
        streams: Streams,
        critic: TreeCritic | None,
        within: Sequence[Region] = (),
        begin: int = 0,
        then: Callable[[int, Encoded], Any] = lambda number, block: block,
    ) -> Iterator[Any]:
        """Blocks of rows as codes, or what ``then`` makes of them; see `generate`."""
        layout = self.encoder.layout
        if self.networks is None:
            # Nothing varies: rows of no codes.
            for start in range(begin * sampler.BLOCK, n, sampler.BLOCK):
                size = min(sampler.BLOCK, n - start)
                codes = np.zeros((size, 0), np.int16)
                offsets = np.zeros((size, 0), np.float32)
                yield then(start // sampler.BLOCK, Encoded(codes, offsets, layout))
            return
        yield from sampler.generate(
            self.networks,
            n,
            self.recipe.plans(layout, passes),
            streams,
            self.device,
            critic,
            within,
            begin,
            then,
            self.recipe.repeats,
        )

    def _segments(
        self,
        candidates: Callable[[Streams], Iterator[pd.DataFrame]],
        n: int,
        streams: Streams,
        observe: Observer,
        first: int,
        start: int = 0,
    ) -> Iterator[pd.DataFrame]:
        """``n`` rows that hold the constraints, from number ``first`` on.

        Within a segment they differ in their keys, too.

        Of each segment, those that come first among endless candidates for it.

        Args:
            candidates: Makes endless candidates from a stream of randomness.
            n: How many rows.
            streams: Randomness of the first segment; the others have streams of their
                own.
            observe: Called with the progress, and with what the constraints cost.
            first: Number of the first row.
            start: The number from which invented identifiers go on is that of the row
                and this.
        """
        refill = Refill(self.encoder.enforced)
        used_up: dict[Key, int] = {}
        end = first + n

        def rows() -> Iterator[pd.DataFrame]:
            for number in range(first // SEGMENT, -(-end // SEGMENT)):
                of_segment = streams
                if number:
                    of_segment = Streams(streams.integer("segment", number))
                row = number * SEGMENT
                size = min(SEGMENT, end - row)
                apart = Apart(self.encoder.keys)
                for frame in refill.rows(apart.rows(candidates(of_segment)), size):
                    yield self.encoder.renumbered(frame, start + row)
                    row += len(frame)
                used_up.update(apart.used_up)

        yield from _reporting(rows(), first % SEGMENT, n, observe)
        for message in (refill.said(), self._said_of_keys(used_up, n)):
            if message:
                observe(Progress("sample", 1.0, message=message))

    def _said_of_keys(self, used_up: Mapping[Key, int], n: int) -> str | None:
        """Which keys the rows repeat, and why; None if they do not."""
        for key, rows in used_up.items():
            return (
                f"after {rows:,} rows next to no combination of {', '.join(key)} was left "
                "that had not occurred: in further rows they repeat, which in the table "
                "they never do"
            )
        if self.encoder.keys and n > SEGMENT:
            key = self.encoder.keys[0]
            return f"{', '.join(key)} may repeat beyond {SEGMENT:,} rows"
        return None

    # -- rows that meet predicates

    def within(
        self,
        predicates: Sequence[Predicate],
        n: int,
        streams: Streams,
        observe: Observer,
        start: int = 0,
        first: int = 0,
    ) -> Iterator[pd.DataFrame]:
        """Rows that meet predicates.

        They are drawn so where codes and offsets decide it, else left out if they do
        not.

        Args:
            predicates: What the cells must meet.
            n: How many rows, from number ``first`` on.
            streams: Randomness.
            observe: Called with the progress and, at the end, with the share of the
                candidates that met the predicates.
            start: The number from which invented identifiers go on is that of the row
                and this.
            first: See ``n``.
        """
        tallies: list[Tally] = []
        broken = Broken(self.encoder.layout)

        def candidates(streams: Streams) -> Iterator[pd.DataFrame]:
            tallies.append(Tally())
            yield from self._meeting(predicates, streams, tallies[-1], broken)

        yield from self._segments(candidates, n, streams, observe, first, start)
        total = Tally(
            sum(tally.candidates for tally in tallies),
            sum(tally.met for tally in tallies),
        )
        if total.share < SHARE_OF_NOTE:
            message = (
                f"{total.met:,} of {total.candidates:,} rows met the conditions; "
                "the others were thrown away"
            )
            observe(Progress("sample", 1.0, message=message))
        for message in broken.told():
            observe(Progress("sample", 1.0, message=message))

    def _meeting(
        self,
        predicates: Sequence[Predicate],
        streams: Streams,
        tally: Tally,
        broken: Broken,
    ) -> Iterator[pd.DataFrame]:
        """Rows that meet predicates, without end."""
        imprecise = _region().to_snap(self.encoder, predicates)
        blocks = self._likely_blocks(predicates, streams, tally)
        for number, block in enumerate(blocks):
            rng = streams.numpy("decode", number)
            frame = self.encoder.decode(block.codes, block.offsets, rng)
            for predicate in imprecise:
                name = predicate.column.name
                frame[name] = predicate.snapped(frame[name]).array
            met = _all_hold(predicates, frame)
            tally.candidates += len(frame)
            tally.met += int(met.sum())
            _require_enough(predicates, tally)
            broken.count(block, met)
            yield frame if met.all() else frame[met].reset_index(drop=True)

    def _likely_blocks(
        self,
        predicates: Sequence[Predicate],
        streams: Streams,
        tally: Tally,
    ) -> Iterator[Encoded]:
        """Blocks of rows many of which meet predicates, before decoding.

        Raises:
            ConditionError: No cell of a column meets them.
        """
        with_links = _region().regions(self.encoder, predicates)
        if not self.completes:
            passes = self.recipe.passes
            yield from self._blocks(ENDLESS, passes, streams, self.recipe.critic)
            return
        passes, critic = self._completing()
        for block in self._blocks(ENDLESS, passes, streams, critic, with_links):
            yield block
            patience = PATIENCE_WITH_LINKS * sampler.BLOCK
            if tally.candidates >= patience and tally.share < LEAST_SHARE_WITH_LINKS:
                # What follows from other cells hardly ever meets them: let none follow.
                break
        without_links = _region().regions(self.encoder, predicates, links=False)
        streams = Streams(streams.integer("unlinked"))
        yield from self._blocks(ENDLESS, passes, streams, critic, without_links)

    def _completing(self) -> tuple[int, TreeCritic | None]:
        """Passes in which to complete rows, and the trees that know such rows.

        Trees of rows of one pass do not know them.
        """
        if self.recipe.passes == 1:
            return len(self.encoder.layout.units), None
        critic = self.recipe.critic
        trees = critic.without_raking() if critic and critic.forests else None
        return self.recipe.passes, trees

    # -- rows of classes

    def by_share(
        self,
        column: str,
        weights: Mapping[Any, float] | None,
        predicates: Sequence[Predicate],
        n: int,
        streams: Streams,
        observe: Observer,
    ) -> Iterator[pd.DataFrame]:
        """Rows of which each class of a column has a share.

        Any number of first rows has every class as often as its share says, up to about
        one row.

        Args:
            column: Name of the column.
            weights: Class -> its weight among all; None for equal ones.
            predicates: What the rows must meet besides.
            n: How many rows.
            streams: Randomness.
            observe: Called with the progress.
        """
        # Raises if there is no such column.
        self.predicates({column: None})
        if weights is None:
            weights = dict.fromkeys(self._classes(column, predicates, streams), 1.0)
        shares = _shares(column, weights)
        class_of_row = _classes_in_turn(shares, n, streams.numpy("classes"))
        sources = []
        for value in shares:
            of_class = (*predicates, *self.predicates({column: value}))
            of_value = Streams(streams.integer(f"class {value}"))
            sources.append(_Source(self.within(of_class, ENDLESS, of_value, silent)))
        for start in range(0, n, sampler.BLOCK):
            classes = class_of_row[start : start + sampler.BLOCK]
            counts = np.bincount(classes, minlength=len(sources))
            parts = [
                source.take(count)
                for source, count in zip(sources, counts.tolist(), strict=True)
            ]
            # Joined, the rows are sorted by class. This is where the row of each place
            # is.
            sorted_places = np.argsort(classes, kind="stable")
            place = np.argsort(sorted_places, kind="stable")
            frame = pd.concat(parts, ignore_index=True).take(place)
            frame = self.encoder.renumbered(frame.reset_index(drop=True), start)
            done = start + len(classes)
            observe(Progress("sample", min(1.0, done / n), rows=done))
            yield frame

    def _classes(
        self, column: str, predicates: Sequence[Predicate], streams: Streams
    ) -> list[Any]:
        """The values of a column of categories, none of them missing."""
        if column in self.encoder.schema.names and not self._is_drawn(column):
            return self._classes_among_rows(column, streams)
        present = self.predicates(f"`{column}` is not missing")
        of_column = [p for p in predicates if p.column.name == column]
        within = _region().regions(self.encoder, (*present, *of_column))
        layout = self.encoder.layout
        if not within or any(layout.blocks[b].modes for b in within[0].blocks):
            raise DataError(
                f"column {column!r} does not vary in steps: balance needs a column of "
                "categories"
            )
        values = self.encoder.values(column, within[0].codes)
        if values is None or len(values) > MOST_CLASSES:
            kind = self.encoder.schema[column].kind
            raise DataError(
                f"column {column!r} is of kind {kind}: balance needs categories"
            )
        return values

    def _is_drawn(self, column: str) -> bool:
        """Whether a column varies by itself, and does not follow from others."""
        return column in self.encoder.layout.columns

    def _classes_among_rows(self, column: str, streams: Streams) -> list[Any]:
        """The values of a column that follows from others, as far as rows have them."""
        rows = self.rows(sampler.BLOCK, self.recipe.passes, streams, silent)
        values = next(iter(rows))[column].dropna().unique().tolist()
        if len(values) > MOST_CLASSES:
            raise DataError(
                f"column {column!r} has more than {MOST_CLASSES} values: balance needs "
                "categories"
            )
        return sorted(values, key=str)

    # -- partial rows, completed

    def completed_rows(
        self,
        partial: pd.DataFrame,
        predicates: Sequence[Predicate],
        streams: Streams,
        observe: Observer,
        none_missing: bool = False,
    ) -> pd.DataFrame:
        """Partial rows with their unknown cells drawn, in the schema's dtypes.

        Known cells stay as they are. Rows that do not meet the predicates, or break a
        constraint, are drawn anew.

        Args:
            partial: Any columns of the table. Missing cells, and columns that are not
                there, are unknown.
            predicates: What the rows must meet.
            streams: Randomness.
            observe: Called with the progress.
            none_missing: Whether no drawn cell may be missing: imputation.

        Raises:
            ConditionError: A given cell breaks a predicate, or a row cannot be
                completed.
        """
        if not self.completes:
            raise ConditionError(
                "this model cannot complete rows: it was trained without cross_entropy "
                "and density (preset ctgan)"
            )
        encoded, known, cells = self.encoder.encode_partial(
            partial, streams, none_missing
        )
        _require_given(predicates, cells)
        within = _region().regions(self.encoder, predicates)
        if none_missing:
            # A region of a predicate stands for its column; whether a cell of it is
            # missing shows below.
            columns = {region.blocks for region in within}
            for region in _region().present_regions(self.encoder):
                if region.blocks not in columns:
                    within.append(region)
        broken = Broken(self.encoder.layout)
        completed: pd.DataFrame | None = None
        odd = np.zeros(0, dtype=np.int64)
        todo = np.arange(len(cells))
        for turn in range(ROUNDS):
            of_turn = Streams(streams.integer("turn", turn))
            part = self._completed_once(
                encoded, known, cells, todo, within, of_turn, observe, broken
            )
            given = cells.iloc[todo]
            good = self._is_good(part, given, predicates, none_missing)
            completed = part if completed is None else _replaced(completed, todo, part)
            adds_up = add_up(part, given, self.encoder.sums, self.encoder.schema)
            odd = todo[good & ~adds_up]
            todo = todo[~good | ~adds_up]
            if not len(todo):
                break
        assert completed is not None, "no round, report this"
        # A sum that was learnt, and that no draw could keep, is no error.
        todo = np.setdiff1d(todo, odd)
        # A cell that cannot but be missing stays so.
        if len(todo) and not none_missing:
            asked = [str(predicate.condition) for predicate in predicates]
            asked += [str(step.form) for step in self.encoder.enforced.steps]
            raise ConditionError(
                f"given row {int(todo[0]) + 1} cannot be completed so that "
                f"{' and '.join(asked)}"
            )
        for message in broken.told():
            observe(Progress("complete", 1.0, message=message))
        return completed.set_axis(partial.index)

    def _is_good(
        self,
        frame: pd.DataFrame,
        given: pd.DataFrame,
        predicates: Sequence[Predicate],
        none_missing: bool,
    ) -> Mask:
        """``[rows]``: which completed rows meet predicates and hold the constraints."""
        good = _all_hold(predicates, frame)
        if self.encoder.enforced.steps:
            good &= self.encoder.enforced.judge(frame, given).to_numpy().all(axis=1)
        if none_missing:
            missing = frame.isna().to_numpy(dtype=bool)
            good &= ~missing[:, self._has_values].any(axis=1)
        return good

    @property
    def _has_values(self) -> Mask:
        """``[columns]``: those that had any value when the table was learnt."""
        columns = self.encoder.schema.columns
        # A column of one value has that as an option, None if all cells were missing.
        return np.array([c.options.get("value", 0) is not None for c in columns])

    def _completed_once(
        self,
        encoded: Encoded,
        known: Mask,
        cells: pd.DataFrame,
        rows: Ints,
        within: Sequence[Region],
        streams: Streams,
        observe: Observer,
        broken: Broken,
    ) -> pd.DataFrame:
        """Some of the partial rows with their unknown cells drawn once.

        Args:
            encoded: All partial rows.
            known: ``[rows, blocks]``: what is known of them.
            cells: Their cells.
            rows: Numbers of the rows that are drawn.
            within: Regions of the drawn cells.
            streams: Randomness.
            observe: Called with the progress.
            broken: Counts the rows.
        """
        assert self.networks is not None, "nothing varies, report this"
        passes, trees = self._completing()
        blocks = sampler.fill(
            self.networks,
            encoded.take(rows),
            known[rows],
            self.recipe.plans(self.encoder.layout, passes),
            streams,
            self.device,
            trees,
            within,
        )
        parts = []
        done = 0
        for number, block in enumerate(blocks):
            rng = streams.numpy("decode", number)
            start = int(rows[done])
            broken.count(block)
            given = cells.iloc[rows[done : done + len(block.codes)]]
            drawn = self.encoder.decode(block.codes, block.offsets, rng, start, given)
            sums = self.encoder.sums
            parts.append(settle(drawn, given, sums, self.encoder.schema))
            done += len(drawn)
            observe(Progress("complete", done / len(rows)))
        return pd.concat(parts, ignore_index=True)


# --------------------------------------------------------------------------------------
# Tables one after another


class _Source:
    """Tables one after another, of which any number of rows can be taken."""

    def __init__(self, frames: Iterator[pd.DataFrame]) -> None:
        self.frames = frames
        self.buffer = next(frames)

    def take(self, count: int) -> pd.DataFrame:
        """So many rows, which no other call gets."""
        while len(self.buffer) < count:
            frame = next(self.frames)
            self.buffer = pd.concat([self.buffer, frame], ignore_index=True)
        rows = self.buffer.head(count)
        self.buffer = self.buffer.iloc[count:]
        return rows


def _region() -> ModuleType:
    """What conditions allow: loaded for those who ask for something, as most do not."""
    from synthtab.sampling import region

    return region


def _reporting(
    frames: Iterator[pd.DataFrame],
    skip: int,
    n: int,
    observe: Observer,
) -> Iterator[pd.DataFrame]:
    """Tables without their first rows; the observer is told how far they are.

    Args:
        frames: The tables.
        skip: Rows of all tables together that are left out at the start.
        n: Rows in all.
        observe: Called with the progress.
    """
    done = 0
    for frame in frames:
        skip_here = min(skip, len(frame))
        skip -= skip_here
        if skip_here:
            frame = frame.iloc[skip_here:].reset_index(drop=True)
        done += len(frame)
        if len(frame):
            yield frame
            observe(Progress("sample", done / n, rows=done))


# --------------------------------------------------------------------------------------
# Predicates and rows


def _all_hold(predicates: Sequence[Predicate], frame: pd.DataFrame) -> Mask:
    """``[rows]``: which rows meet all predicates."""
    met = np.ones(len(frame), dtype=bool)
    for predicate in predicates:
        met &= predicate.holds(frame[predicate.column.name])
    return met


def _require_enough(predicates: Sequence[Predicate], tally: Tally) -> None:
    """Raise a ConditionError where next to no row meets predicates."""
    is_early = tally.candidates < PATIENCE * sampler.BLOCK
    if is_early or tally.share >= LEAST_SHARE:
        return
    conditions = " and ".join(str(predicate.condition) for predicate in predicates)
    raise ConditionError(
        f"only {tally.met:,} of {tally.candidates:,} rows made meet {conditions!r}: the "
        "table has next to no such row, or the conditions contradict each other or a sum "
        "of the table; ask for less at once"
    )


def _require_given(predicates: Sequence[Predicate], cells: pd.DataFrame) -> None:
    """Raise a ConditionError where a given cell breaks a predicate."""
    for predicate in predicates:
        given = cells[predicate.column.name]
        wrong = given.notna().to_numpy(dtype=bool) & ~predicate.holds(given)
        if wrong.any():
            raise ConditionError(
                f"condition {str(predicate.condition)!r}: "
                f"given row {int(wrong.argmax()) + 1} breaks it"
            )


# --------------------------------------------------------------------------------------
# Classes


def _shares(column: str, weights: Mapping[Any, float]) -> dict[Any, float]:
    """Class -> its share, from weights; classes of weight 0 are left out.

    Raises:
        ConditionError: They are no weights.
    """
    values = np.array([float(weight) for weight in weights.values()])
    total = values.sum()
    are_weights = np.isfinite(values).all() and (values >= 0).all()
    if not are_weights or total <= 0:
        raise ConditionError(
            f"the weights of {column!r} must be numbers of 0 or more, "
            "and one more than 0"
        )
    shares = zip(weights, values / total, strict=True)
    return {value: share for value, share in shares if share > 0}


def _classes_in_turn(
    shares: Mapping[Any, float],
    n: int,
    rng: np.random.Generator,
) -> Ints:
    """``[n]``: the number of each row's class, such that every class recurs regularly.

    A class of share p comes at the times (i + u) / p for i = 0, 1, 2, ... and one
    random u; the rows are all these times in order.
    """
    times = []
    for share in shares.values():
        count = int(n * share) + 2
        times.append((np.arange(count) + rng.random()) / share)
    in_order = np.argsort(np.concatenate(times), kind="stable")
    classes = np.repeat(np.arange(len(times)), [len(of_class) for of_class in times])
    return classes[in_order[:n]]


# --------------------------------------------------------------------------------------
# Rows over rows


def _replaced(
    frame: pd.DataFrame,
    rows: Ints,
    part: pd.DataFrame,
) -> pd.DataFrame:
    """A table some of whose rows are replaced by those of another."""
    others = np.setdiff1d(frame.index, rows)
    replacements = part.set_axis(rows, axis=0)
    return pd.concat([frame.loc[others], replacements]).sort_index()
