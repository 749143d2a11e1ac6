"""Columns that are coded as their distance from other cells of their row.

An arrival and a departure, drawn each by itself, contradict each other as often as chance
has it, and so do a minimum and a mean. What the table shows of them is how far the one is
from the other: nights, hours, degrees. So that is what the networks learn. The cell itself
is put together when the row is decoded, and the order of the two is kept as often as in the
table: nothing is imposed, since a distance may be negative.

    an origin    a cell to measure from, or a date and some counts of days: arrival,
                 arrival + nights
    exactly      "the cell is this origin" is a code of its own: checked out after all nights
    after        the cell is measured from the greatest of some origins
    before       ... from the least of some; with both, it is a share of the way between them

Where all origins of a row are missing, the cell is coded as what it is, by codes of its own.

Two things are not left to the networks, which would get them wrong in one row of thirty. Which
codes there may be follows from which origins are missing. And where a cell is an origin in
(nearly) all rows of a category of another column, as in all rows of bookings that were checked
out, the category decides: codes only say which rows are exceptions, of which there are as few as
in the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.layout import Block, Codes, Offsets
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import Settings, cells_to_text, dates, number_kind
from synthtab.data.columns.base import Mask
from synthtab.data.columns.disclosure import Holders, bounds, people_of_values
from synthtab.data.columns.numbers import NumberCodec, Numbers, round_decimals
from synthtab.data.constraints.table import number_cells
from synthtab.data.relations.calendars import Assembled
from synthtab.data.relations.links import Cells, in_unit, numbers, own_unit

# Days of the units of counts that are longer than one, months aside.
WEEK = 7
# Cells without an origin that have codes of their own.
FEWEST_LOOSE = 5
# A code fills a byte.
MOST_CODES = 250
# What a column may be measured in: of plain numbers, nothing.
NO_UNIT = ""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Origin:
    """A point from which cells are measured.

    Attributes:
        start: Name of a column.
        counts: Names of columns of numbers, or of durations, that are added to it.
        unit: Where it is a date, what the numbers count: "D" for days, see `dates`.
        sign: -1 where the counts are taken away.
    """

    start: str
    counts: tuple[str, ...] = ()
    unit: str = NO_UNIT
    sign: int = 1

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that it is made of."""
        return (self.start, *self.counts)

    def __str__(self) -> str:
        mark = " + " if self.sign > 0 else " - "
        return mark.join(self.columns)


@dataclass(frozen=True)
class Relation:
    """From what a column is measured.

    Attributes:
        unit: What the distance counts: a unit of `dates`, or nothing.
        exactly: Origins that cells are equal to.
        after: Origins that the other cells are hardly ever less than.
        before: Origins that these are hardly ever greater than.
        apart: Values of the column that have nothing to do with the origins, such as
            9999-12-31, or 0 for a house that was never renovated.
        by: A column by whose categories cells are one of ``exactly``; "" for none.
        rules: Categories, as text, and the number of the origin.
    """

    unit: str = NO_UNIT
    exactly: tuple[Origin, ...] = ()
    after: tuple[Origin, ...] = ()
    before: tuple[Origin, ...] = ()
    apart: tuple[float, ...] = ()
    by: str = ""
    rules: tuple[tuple[str, int], ...] = ()

    @property
    def origins(self) -> tuple[Origin, ...]:
        """All of them."""
        return self.exactly + self.after + self.before

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that the cells are measured from, each once."""
        named = [name for origin in self.origins for name in origin.columns]
        if self.by:
            named.append(self.by)
        return tuple(dict.fromkeys(named))

    @property
    def exception(self) -> int:
        """The number of the word for exceptions to what a category says."""
        return len(self.exactly) + len(self.apart)

    def __str__(self) -> str:
        parts = []
        for sign, origins in (
            ("=", self.exactly),
            (">=", self.after),
            ("<=", self.before),
        ):
            if origins:
                parts.append(f"{sign} {' or '.join(map(str, origins))}")
        return ", ".join(parts)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Relation:
        """The inverse of `dataclasses.asdict`."""

        def read(key: str) -> tuple[Origin, ...]:
            return tuple(
                Origin(part["start"], tuple(part["counts"]), part["unit"], part["sign"])
                for part in state[key]
            )

        return cls(
            state["unit"],
            read("exactly"),
            read("after"),
            read("before"),
            tuple(state["apart"]),
            state["by"],
            tuple((text, number) for text, number in state["rules"]),
        )


# --------------------------------------------------------------------------------------
# Cells in a common unit


def steps(unit_of_counts: str, unit: str) -> int:
    """How many of a unit one of the counted things is; 0 where it is no whole number."""
    if unit_of_counts == unit:
        return 1
    days = {"W": WEEK, "D": 1}.get(unit_of_counts, 0)
    if unit not in dates.PER_DAY:
        return 0
    if days:
        return days * dates.PER_DAY[unit]
    if unit_of_counts not in dates.PER_DAY:
        return 0
    whole, rest = divmod(dates.PER_DAY[unit], dates.PER_DAY[unit_of_counts])
    return 0 if rest else whole


def position(origin: Origin, cells: Mapping[str, Cells], unit: str) -> Cells:
    """``[rows]``: where an origin is, and where it is missing.

    Args:
        origin: The origin.
        cells: Its columns: the dates among them in the unit, counts and durations as
            they are (`counted`).
        unit: What is measured in.
    """
    values, missing = cells[origin.start]
    if not origin.counts:
        return values, missing
    total = np.zeros(len(values), dtype=np.int64)
    for name in origin.counts:
        count, absent = cells[name]
        missing = missing | absent
        # A count may have a fraction: 7.5 hours.
        total += np.rint(count * steps(origin.unit, unit)).astype(np.int64)
    return values + origin.sign * total, missing


def cells_of(
    table: Mapping[str, pd.Series] | pd.DataFrame,
    origin: Origin,
    schema: Schema,
    unit: str,
) -> dict[str, Cells]:
    """The columns of an origin, as `position` takes them."""
    found = {}
    for name in origin.columns:
        column = schema[name]
        found[name] = in_unit(numbers(table, column), column, unit)
    return found


# --------------------------------------------------------------------------------------
# The encoder


@dataclass(frozen=True, eq=False)
class _Reference:
    """What the cells of some rows are measured from.

    Attributes:
        low: ``[rows]``: the greatest origin that they come after; None for no such.
        high: ``[rows]``: the least one that they come before; None for no such.
    """

    low: Numbers | None
    high: Numbers | None

    @property
    def is_between(self) -> bool:
        """Whether the distance is a share of the way from the one to the other."""
        return self.low is not None and self.high is not None

    def distance(self, values: Numbers) -> Numbers:
        """How far values are from it, ``[rows]``."""
        if self.low is None or self.high is None:
            origin = self.high if self.low is None else self.low
            return np.asarray(values - origin)
        way = (self.high - self.low).astype(np.float64)
        # Where both ends are one, there is no way.
        share = (values - self.low) / np.where(way != 0, way, 1)
        return np.asarray(np.where(way != 0, share, 0.0))

    def at(self, distance: Numbers) -> Numbers:
        """The inverse of `distance`."""
        if self.low is None or self.high is None:
            origin = self.high if self.low is None else self.low
            return np.asarray(origin + distance)
        return np.asarray(self.low + distance * (self.high - self.low))


@dataclass(frozen=True, eq=False)
class _Rows:
    """Some rows as a relation sees them.

    Attributes:
        places: Of each origin that cells may be exactly, where it is, and where that is
            missing.
        reference: What the other cells are measured from.
        lost: ``[rows]``: where there is nothing to measure from.
        rule: ``[rows]``: the number of the origin that the category says; -1 for none.
    """

    places: list[Cells]
    reference: _Reference
    lost: Mask
    rule: Integers

    def at_rule(self) -> Numbers:
        """``[rows]``: where the origin is that the category says; 0 where it says none."""
        result = np.zeros(len(self.rule), dtype=np.int64)
        for number, (at, _) in enumerate(self.places):
            result = np.where(self.rule == number, at, result)
        return result


class Measured:
    """The encoder of a column that is measured from others.

    The codes of its first block are those of the distance, among them a word for each
    origin that a cell may be exactly, for each value apart, and for exceptions to what a
    category says; and those of ``loose``.

    Args:
        column: The schema's description of the column.
        relation: From what its cells are measured.
        codec: Of the distances.
        loose: Of the cells themselves, where there is nothing to measure from; None if
            no row is so.
        clock: Of the time of day, where the distance is in days.
        exceptions: Of the distances from what the category says, where it is wrong; None
            if too few rows are so.
        shares: How many training cells have each code of the codec, where neither a
            category nor a missing origin says anything.
        middle: What takes the place of a missing low end, and of a missing high end.
        bounds_apply: Whether the column's lower and upper bound hold for all cells.
        spread: Where it is a date that is spread over columns: how. These follow from it.
        reach: Name of a column that cells are measured from -> how far from it they are
            at least, and at most.
    """

    def __init__(
        self,
        column: Column,
        relation: Relation,
        codec: NumberCodec,
        loose: NumberCodec | None,
        clock: NumberCodec | None,
        exceptions: NumberCodec | None,
        shares: Sequence[int],
        middle: tuple[float, float],
        bounds_apply: tuple[bool, bool],
        reach: Mapping[str, tuple[float, float]],
        spread: Assembled | None = None,
    ) -> None:
        self.column = column
        self.relation = relation
        self.codec = codec
        self.loose = loose
        self.clock = clock
        self.exceptions = exceptions
        self.shares = tuple(shares)
        self.middle = middle
        self.bounds_apply = bounds_apply
        self.reach = dict(reach)
        self.spread = spread
        self.kind = number_kind(column)
        self.needs = relation.columns
        self.withheld = ""
        # The words: origins first, then values apart, then "an exception".
        self.exact_words = len(relation.exactly)
        self.exception = self.exact_words + len(relation.apart)
        self.date_block = _block(column.name, codec, loose)
        self.time_block = None
        if clock is not None:
            self.time_block = clock.block(column.name)
        if self.date_block is not None and self.time_block is not None:
            self.date_block = replace(self.date_block, part="distance")
            self.time_block = replace(self.time_block, part="time")
        blocks = (self.date_block, self.time_block)
        self.blocks: tuple[Block, ...] = tuple(b for b in blocks if b is not None)

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        column: Column,
        relation: Relation,
        schema: Schema,
        rng: np.random.Generator,
        settings: Settings,
        spread: Assembled | None = None,
    ) -> Measured:
        """Learn the distances of the cells that are no origin exactly."""
        values, missing = numbers(frame, column)
        people = settings.people_of(frame[column.name])
        relation = replace(
            relation, apart=_shared(values, people, relation, settings.rare)
        )
        measured, _ = in_unit((values, missing), column, relation.unit)
        middle = _middle(frame, relation, schema)
        rows = _rows(frame, relation, schema, middle)
        word = _words(values, measured, missing, relation, rows)

        def learn(cells: Numbers, chosen: Mask, places: int | None) -> NumberCodec:
            """The codec of some rows' numbers, without missing ones."""
            whose = None if people is None else people[chosen]
            none_missing = np.zeros(int(chosen.sum()), dtype=bool)
            return NumberCodec.fit(
                cells[chosen], none_missing, places, rng, settings, people=whose
            )

        # A share of the way between two ends has any decimals.
        places = None
        if not rows.reference.is_between:
            places = 0 if relation.unit else _decimals(column, relation, schema)
        distance = _written(rows.reference.distance(measured), places, relation)
        is_exception = word == relation.exception
        exceptions = None
        if is_exception.sum() >= max(settings.rare, 1):
            wrong_by = (measured - rows.at_rule()).astype(np.int64)
            exceptions = learn(wrong_by, is_exception, 0)
        free = ~missing & (word < 0)
        has_origin = free & ~rows.lost
        words = relation.exception + (exceptions is not None)
        codec = NumberCodec.fit(
            distance[has_origin],
            missing,
            places,
            rng,
            settings,
            words,
            None if people is None else people[has_origin],
        )
        loose = None
        is_loose = free & rows.lost
        if is_loose.sum() >= max(settings.rare, FEWEST_LOOSE):
            own_places = 0 if relation.unit else number_kind(column).decimals(column)
            loose = learn(measured, is_loose, own_places)
            if codec.size + loose.size > MOST_CODES:
                loose = None
        shares: list[int] = []
        if has_origin.any():
            none_missing = np.zeros(int(has_origin.sum()), dtype=bool)
            codes, _ = codec.encode(distance[has_origin], none_missing, rng)
            shares = np.bincount(codes, minlength=codec.size).tolist()
        clock = None
        if _is_timed(column, relation):
            ordinary = ~missing & ~_is_apart(word, relation)
            clock = learn(_times(values, column), ordinary, 0)
        present = values[~missing]
        low, high = number_kind(column).bounds(column)
        low_applies = low is None or not len(present) or bool(low <= present.min())
        high_applies = high is None or not len(present) or bool(high >= present.max())
        return cls(
            column,
            relation,
            codec,
            loose,
            clock,
            exceptions,
            shares,
            middle,
            (low_applies, high_applies),
            _reach(
                frame,
                measured,
                missing | _is_apart(word, relation),
                relation,
                schema,
                settings,
            ),
            spread,
        )

    # -- As other encoders

    @property
    def whole(self) -> tuple[str, ...]:
        """It is no part of a whole."""
        return ()

    def encode_in(
        self, frame: pd.DataFrame, schema: Schema, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], Offsets]:
        """As `ColumnEncoder.encode_in`."""
        relation = self.relation
        values, missing = numbers(frame, self.column)
        measured, _ = in_unit((values, missing), self.column, relation.unit)
        rows = _rows(frame, relation, schema, self.middle)
        word = _words(values, measured, missing, relation, rows)
        if self.exceptions is None:
            # Too few to be told: they count as what the category says.
            word = np.where(word == self.exception, rows.rule, word)
        distance = rows.reference.distance(measured)
        distance = _written(distance, self.codec.decimals, relation)
        code, offset = self.codec.encode(distance[~missing], missing, rng)
        code = code.astype(np.int64)
        is_word = word >= 0
        code[is_word] = self.codec.code_of_word(word[is_word])
        offset[is_word] = 0.5
        if self.loose is not None:
            code = np.where(
                code >= self.codec.first_mode, code + len(self.loose.atoms), code
            )
            is_loose = rows.lost & ~is_word & ~missing
            none_missing = np.zeros(int(is_loose.sum()), dtype=bool)
            own, own_offset = self.loose.encode(measured[is_loose], none_missing, rng)
            first = self.codec.first_mode
            is_atom = own < len(self.loose.atoms)
            code[is_loose] = own + np.where(is_atom, first, self.codec.size)
            offset[is_loose] = own_offset
        codes = []
        offsets = []
        if self.date_block is not None:
            codes.append(code)
            if self.date_block.modes:
                offsets.append(offset)
        if self.clock is not None and self.time_block is not None:
            times = _times(values, self.column)
            # So that the block of a missing cell looks like that of any other.
            is_ordinary = ~missing & ~_is_apart(word, relation)
            ordinary = np.flatnonzero(is_ordinary)
            if len(ordinary):
                others = int((~is_ordinary).sum())
                times[~is_ordinary] = times[rng.choice(ordinary, others)]
            none_missing = np.zeros(len(frame), dtype=bool)
            time, time_offset = self.clock.encode(times, none_missing, rng)
            codes.append(time)
            if self.time_block.modes:
                offsets.append(time_offset)
        return (
            np.array(codes, dtype=np.uint8).reshape(len(codes), len(frame)).T,
            np.array(offsets, dtype=np.float32).reshape(len(offsets), len(frame)).T,
        )

    def decode_in(
        self,
        codes: Codes,
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
        done: Mapping[str, pd.Series],
        schema: Schema,
    ) -> pd.Series:
        """As `ColumnEncoder.decode_in`."""
        count = len(codes)
        remaining_codes = iter(codes.T)
        remaining_offsets = iter(offsets.T)

        def read(block: Block | None) -> tuple[Any, Any]:
            """The next part; what does not vary has code 0."""
            code = np.zeros(count, dtype=np.int64)
            offset = np.full(count, 0.5, dtype=np.float32)
            if block is not None:
                code = next(remaining_codes).astype(np.int64)
                if block.modes:
                    offset = next(remaining_offsets)
            return code, offset

        code, offset = read(self.date_block)
        time_code, time_offset = read(self.time_block)
        rows = _rows(done, self.relation, schema, self.middle)
        code, is_loose, loose = self._without_loose(code, offset)
        # A cell is loose where there is nothing else to say of it, and only there.
        misplaced = is_loose & ~rows.lost
        is_loose &= rows.lost & (rows.rule < 0)
        code, offset = self._allowed(code, offset, rows, misplaced)
        distance, no_number = self.codec.decode(code, offset)
        word = self.codec.word_of(code)
        missing = no_number & (word < 0) & ~is_loose

        far = np.zeros(count, dtype=distance.dtype)
        far[~no_number] = distance
        measured = rows.reference.at(far)
        if self.loose is not None:
            measured = np.where(is_loose, loose, measured)
        for number, (at, unknown) in enumerate(rows.places):
            mine = (word == number) & ~is_loose
            # What follows from a missing cell is missing, or, in a column without
            # missing cells, middling.
            measured = np.where(mine & ~unknown, at, measured)
            if self.column.missing:
                missing |= mine & unknown
        if self.exceptions is not None:
            mine = (word == self.exception) & (rows.rule >= 0)
            at = rows.at_rule()
            wrong_by, _ = _drawn(self.exceptions, at)
            measured = np.where(mine, at + wrong_by, measured)
        values = self._whole(measured)
        if self.clock is not None:
            times, _ = self.clock.decode(time_code, time_offset)
            values = values + times
        if self.relation.apart:
            is_apart = _is_apart(word, self.relation) & ~is_loose
            which = np.where(is_apart, word - self.exact_words, 0)
            values = np.where(is_apart, np.array(self.relation.apart)[which], values)
        values = self._within(values[~missing])
        return self.kind.typed_numbers(values, missing, self.column)

    def _without_loose(
        self, code: Integers, offset: npt.NDArray[np.floating[Any]]
    ) -> tuple[Integers, Mask, Numbers]:
        """Codes of the first block as those of the codec, and the loose cells.

        Returns:
            Codes of the codec ``[rows]``, 0 for loose cells; which cells are loose; and
            what these are.
        """
        none = np.zeros(len(code), dtype=bool)
        if self.loose is None:
            return code, none, np.zeros(len(code), dtype=np.int64)
        first = self.codec.first_mode
        atoms = len(self.loose.atoms)
        is_atom = (code >= first) & (code < first + atoms)
        is_mode = code >= self.codec.size + atoms
        own = np.where(is_atom, code - first, 0)
        own = np.where(is_mode, code - self.codec.size, own)
        values, _ = self.loose.decode(own, offset)
        is_loose = is_atom | is_mode
        inner = np.where(code >= first + atoms, code - atoms, code)
        return np.where(is_loose, 0, inner), is_loose, values

    def _allowed(
        self,
        code: Integers,
        offset: npt.NDArray[np.floating[Any]],
        rows: _Rows,
        misplaced: Mask,
    ) -> tuple[Integers, Any]:
        """Codes of the codec that may be, given what the category of a row says.

        Where it says an origin, that is the code, if it is no exception. Where it says
        none, a code of an origin that only categories say becomes one of those that
        such rows have; so do the codes that are ``misplaced``.
        """
        wrong = misplaced
        if self.relation.by:
            word = self.codec.word_of(code)
            ruled = rows.rule >= 0
            is_exception = word == self.exception
            follows = ruled & ~is_exception & (code != self.code_of_missing)
            code = np.where(follows, self.codec.first_word + rows.rule, code)
            said = {number for _, number in self.relation.rules}
            only_there = [number for number in said if not self._is_free(number)]
            wrong = wrong | np.isin(word, only_there) | is_exception
            wrong &= ~ruled
        if wrong.any() and np.sum(self.shares):
            low = rows.reference.low
            by = rows.reference.high if low is None else low
            assert by is not None, "nothing to measure from, report this"
            drawn, at = _codes_by_share(self.shares, by)
            code = np.where(wrong, drawn, code)
            offset = np.where(wrong, at, offset)
        return code, offset

    def _is_free(self, number: int) -> bool:
        """Whether cells may be an origin where no category says so."""
        return not self.relation.exactly[number].counts

    def _whole(self, measured: Numbers) -> Numbers:
        """What was measured, in the column's own unit and decimals."""
        if not self.relation.unit:
            places = self.kind.decimals(self.column)
            if places is None:
                return np.asarray(measured)
            if places == 0 and self.kind.discrete:
                return np.rint(measured).astype(np.int64)
            return round_decimals(np.asarray(measured, dtype=np.float64), places)
        whole = np.rint(measured).astype(np.int64)
        own = own_unit(self.column)
        return dates.convert(whole, self.relation.unit, own)

    def _within(self, values: Numbers) -> Numbers:
        """Values moved to the nearest bound, where bounds apply."""
        least, greatest = self.kind.ends(self.column, *self.bounds_apply)
        if least is None and greatest is None:
            return values
        return np.asarray(np.clip(values, least, greatest)).astype(values.dtype)

    def knows(self, frame: pd.DataFrame) -> Mask:
        """``[rows]``: of which rows the cells say what their codes are.

        That is, where the column's own cell is there, and those that it is measured from.
        """
        present = frame[self.column.name].notna().to_numpy(dtype=bool, copy=True)
        for origin in self.relation.exactly:
            present &= frame[list(origin.columns)].notna().all(axis=1).to_numpy()
        for origins in (self.relation.after, self.relation.before):
            if origins:
                known = [
                    frame[list(origin.columns)].notna().all(axis=1).to_numpy()
                    for origin in origins
                ]
                present &= np.any(known, axis=0)
        return np.asarray(present)

    def origin_of(self, frame: pd.DataFrame, schema: Schema) -> dict[str, pd.Series]:
        """A column that cells are measured from, where it is unknown and they are not.

        For rows to complete. The cell itself cannot be told to a network that does not
        know from where it is measured; so its origin is put at a distance that the
        table has, and is as good as known.
        """
        relation = self.relation
        if relation.exactly or relation.before or not sum(self.shares):
            return {}
        origin = relation.after[0]
        column = schema[origin.start]
        if origin.counts or origin.start not in frame:
            return {}
        values, missing = numbers(frame, self.column)
        measured, _ = in_unit((values, missing), self.column, relation.unit)
        ends = _ends(frame, relation.after, schema, relation.unit, greatest=True)
        assert ends is not None, "nothing to measure from, report this"
        unknown = ends[1] & ~missing & ~np.isin(values, relation.apart)
        if not unknown.any():
            return {}
        codes, offsets = _codes_by_share(self.shares, measured)
        distance, _ = self.codec.decode(codes, offsets)
        at = measured - distance
        if relation.unit:
            at = dates.convert(at.astype(np.int64), relation.unit, own_unit(column))
        old, was_missing = numbers(frame, column)
        new = np.where(unknown, at, old)
        cells = number_cells(new, was_missing & ~unknown, column)
        return {origin.start: cells}

    @property
    def code_of_missing(self) -> int | None:
        """The code of the first block that means "missing", if there is one."""
        return len(self.codec.atoms) if self.codec.missing else None

    def __str__(self) -> str:
        return f"{self.column.name} {self.relation}"

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {
            "measured": asdict(self.relation),
            "codec": self.codec.state(),
            "loose": self.loose.state() if self.loose else None,
            "clock": self.clock.state() if self.clock else None,
            "exceptions": self.exceptions.state() if self.exceptions else None,
            "shares": list(self.shares),
            "middle": list(self.middle),
            "bounded": list(self.bounds_apply),
            "reach": {name: list(ends) for name, ends in self.reach.items()},
            "spread": self.spread.state() if self.spread else None,
        }

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> Measured:
        """The inverse of `state`."""

        def read(name: str) -> NumberCodec | None:
            part = state[name]
            return NumberCodec.from_state(part) if part else None

        low, high = state["middle"]
        low_applies, high_applies = state["bounded"]
        return cls(
            column,
            Relation.from_state(state["measured"]),
            NumberCodec.from_state(state["codec"]),
            read("loose"),
            read("clock"),
            read("exceptions"),
            state["shares"],
            (low, high),
            (low_applies, high_applies),
            {name: (low, high) for name, (low, high) in state["reach"].items()},
            Assembled.from_state(state["spread"]) if state["spread"] else None,
        )


def _reach(
    frame: pd.DataFrame,
    measured: Numbers,
    left_out: Mask,
    relation: Relation,
    schema: Schema,
    settings: Settings,
) -> dict[str, tuple[float, float]]:
    """How far cells are at least, and at most, from each column that they are measured from.

    Both are means of several, as all ends that are stored.
    """
    found = {}
    for name in {origin.start for origin in relation.origins}:
        at, unknown = in_unit(numbers(frame, schema[name]), schema[name], relation.unit)
        rows = ~left_out & ~unknown
        distinct, inverse, counts = np.unique(
            (measured - at)[rows], return_inverse=True, return_counts=True
        )
        people = settings.people_of(frame[name])
        holders = None
        if people is not None:
            holders = Holders.of(inverse, people[rows], len(distinct))
        ends = bounds(distinct, counts, settings.rare, holders) if len(counts) else None
        if ends is not None:
            found[name] = (float(ends[0]), float(ends[1]))
    return found


def _block(column: str, codec: NumberCodec, loose: NumberCodec | None) -> Block | None:
    """The block of the distances and of the loose cells: atoms of both, then modes."""
    block = codec.block(column)
    if loose is None:
        return block
    # One code of each at least.
    values = block.values if block else (0.0,) * codec.first_mode
    curves = block.curves if block else ()
    own = loose.block(column)
    own_curves = own.curves if own else ()
    # What they are is no distance.
    values += (float("nan"),) * len(loose.atoms)
    curves += own_curves
    return Block(column, "", len(values), len(curves), values, curves)


def _written(distance: Numbers, places: int | None, relation: Relation) -> Numbers:
    """Distances, rounded to so many decimals; whole ones where they count time."""
    if places is None:
        return distance.astype(np.float64)
    if relation.unit or distance.dtype == np.int64:
        return distance.astype(np.int64)
    return round_decimals(distance, places)


def _is_apart(word: Integers, relation: Relation) -> Mask:
    """``[rows]``: which words are values apart."""
    first = len(relation.exactly)
    return (word >= first) & (word < first + len(relation.apart))


def _hashed(cells: Numbers) -> npt.NDArray[np.float64]:
    """Numbers in [0, 1) that look random, the same for the same cell.

    So a row is the same however many are decoded.
    """
    hashes = pd.util.hash_array(np.asarray(cells, dtype=np.float64))
    # The upper 53 bits: as many as a float64 holds.
    return np.asarray((hashes >> 11) / 2.0**53)


def _codes_by_share(
    shares: Sequence[int], by: Numbers
) -> tuple[Integers, npt.NDArray[np.float64]]:
    """Codes distributed by their shares, and offsets, as numbers decide."""
    uniform = _hashed(by)
    ends = np.cumsum(shares) / sum(shares)
    codes = np.minimum(np.searchsorted(ends, uniform, side="right"), len(ends) - 1)
    share = np.diff(ends, prepend=0.0)[codes]
    offsets = 1 - (ends[codes] - uniform) / share
    return codes, np.clip(offsets, 0, 1)


def _drawn(codec: NumberCodec, by: Numbers) -> tuple[Numbers, Integers]:
    """Numbers of a codec, each code as likely as any other, as numbers decide."""
    codes, offsets = _codes_by_share([1] * codec.size, by)
    values, _ = codec.decode(codes, offsets)
    return values, codes


def _is_timed(column: Column, relation: Relation) -> bool:
    """Whether cells have a time of day beside the days that are measured."""
    return relation.unit == "D" and own_unit(column) != "D"


def _times(values: Integers, column: Column) -> Integers:
    """Times of day, in units of the column."""
    return values % dates.PER_DAY[own_unit(column)]


def _decimals(column: Column, relation: Relation, schema: Schema) -> int | None:
    """The decimals of a distance between plain numbers: the most that one of them has."""
    names = (column.name, *relation.columns)
    places = [number_kind(schema[name]).decimals(schema[name]) for name in names]
    if any(p is None for p in places):
        return None
    return max(p for p in places if p is not None)


def _shared(
    values: Numbers, people: Integers | None, relation: Relation, rare: int
) -> tuple[float, ...]:
    """The values apart that enough rows, or people, have."""
    kept = []
    for value in relation.apart:
        rows = np.flatnonzero(values == value)
        whose = None if people is None else people[rows]
        holders = people_of_values(np.zeros(len(rows), dtype=np.int64), 1, whose)
        if len(rows) and holders[0] >= rare:
            kept.append(value)
    return tuple(kept)


def _words(
    values: Numbers,
    measured: Numbers,
    missing: Mask,
    relation: Relation,
    rows: _Rows,
) -> Integers:
    """``[rows]``: which word each cell is; -1 for none.

    That is an origin that it is exactly, a value apart, or an exception to what the
    category says.

    Args:
        values: The column's cells.
        measured: The same in the unit of the relation.
        missing: Where they are missing.
        relation: From what they are measured.
        rows: The cells that they are measured from.
    """
    word = np.full(len(values), -1, dtype=np.int64)
    order = list(range(len(relation.exactly)))
    if relation.by:
        # Where no category says anything, the plainest origin counts: it is written last.
        order.sort(key=lambda number: len(relation.exactly[number].counts))
    for number in reversed(order):
        at, unknown = rows.places[number]
        word[(at == measured) & ~unknown] = number
    for number, (at, unknown) in enumerate(rows.places):
        mine = (rows.rule == number) & ~unknown
        word[mine] = np.where(at == measured, number, relation.exception)[mine]
    for number, value in enumerate(relation.apart):
        word[values == value] = len(relation.exactly) + number
    word[missing] = -1
    return word


def _rows(
    table: Mapping[str, pd.Series] | pd.DataFrame,
    relation: Relation,
    schema: Schema,
    middle: tuple[float, float],
) -> _Rows:
    """The rows of a table as a relation sees them."""
    places = []
    for origin in relation.exactly:
        cells = cells_of(table, origin, schema, relation.unit)
        places.append(position(origin, cells, relation.unit))
    reference, lost = _reference(table, relation, schema, middle)
    rule = np.full(len(lost), -1, dtype=np.int64)
    if relation.by:
        codes, distinct = pd.factorize(table[relation.by])
        texts = cells_to_text(pd.Series(distinct), schema[relation.by]).tolist()
        of_text = dict(relation.rules)
        # Code -1, a missing cell, reads the last entry.
        numbers_of = np.array([*(of_text.get(text, -1) for text in texts), -1])
        rule = numbers_of[codes]
        for number, (_, unknown) in enumerate(places):
            rule = np.where((rule == number) & unknown, -1, rule)
    return _Rows(places, reference, lost, rule)


def _ends(
    table: Mapping[str, pd.Series] | pd.DataFrame,
    origins: Sequence[Origin],
    schema: Schema,
    unit: str,
    greatest: bool,
) -> Cells | None:
    """The greatest, or the least, of some origins that are not missing."""
    if not origins:
        return None
    chosen: Numbers | None = None
    missing: Mask | None = None
    for origin in origins:
        values, unknown = position(origin, cells_of(table, origin, schema, unit), unit)
        if chosen is None or missing is None:
            chosen, missing = values, unknown
            continue
        better = values > chosen if greatest else values < chosen
        take = ~unknown & (missing | better)
        chosen = np.where(take, values, chosen)
        missing = missing & unknown
    assert chosen is not None and missing is not None, "no origins, report this"
    return chosen, missing


def _middle(
    table: pd.DataFrame, relation: Relation, schema: Schema
) -> tuple[float, float]:
    """The medians of the low and of the high end; 0 where there is none."""
    found = []
    for origins, greatest in ((relation.after, True), (relation.before, False)):
        ends = _ends(table, origins, schema, relation.unit, greatest)
        middle = 0.0
        if ends is not None and not ends[1].all():
            middle = float(np.median(ends[0][~ends[1]]))
        found.append(middle)
    return found[0], found[1]


def _reference(
    table: Mapping[str, pd.Series] | pd.DataFrame,
    relation: Relation,
    schema: Schema,
    middle: tuple[float, float],
) -> tuple[_Reference, Mask]:
    """From what the cells of a table are measured, and where all of that is missing."""
    sides: list[Numbers | None] = []
    lost: Mask | None = None
    pairs = ((relation.after, True), (relation.before, False))
    for (origins, greatest), stand_in in zip(pairs, middle, strict=True):
        ends = _ends(table, origins, schema, relation.unit, greatest)
        if ends is None:
            sides.append(None)
            continue
        values, missing = ends
        lost = missing if lost is None else lost | missing
        filler = np.array([stand_in])
        if values.dtype == np.int64:
            filler = np.rint(filler).astype(np.int64)
        sides.append(np.where(missing, filler, values))
    assert lost is not None, "nothing to measure from, report this"
    low, high = sides
    return _Reference(low, high), lost
