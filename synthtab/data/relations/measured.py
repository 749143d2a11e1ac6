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

Where all origins of a row are missing, a middling one takes their place.
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
from synthtab.data.columns import Settings, dates, number_kind
from synthtab.data.columns.base import Mask
from synthtab.data.columns.disclosure import people_of_values
from synthtab.data.columns.numbers import NumberCodec, Numbers, round_decimals
from synthtab.data.relations.links import Cells, in_unit, numbers, own_unit

# Days of the units of counts that are longer than one, months aside.
WEEK = 7
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
    """

    unit: str = NO_UNIT
    exactly: tuple[Origin, ...] = ()
    after: tuple[Origin, ...] = ()
    before: tuple[Origin, ...] = ()
    apart: tuple[float, ...] = ()

    @property
    def origins(self) -> tuple[Origin, ...]:
        """All of them."""
        return self.exactly + self.after + self.before

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that the cells are measured from, each once."""
        named = [name for origin in self.origins for name in origin.columns]
        return tuple(dict.fromkeys(named))

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


class Measured:
    """The encoder of a column that is measured from others.

    Its first block has the codes of the distance, with a word more for each origin that
    a cell may be exactly, and for each value that stands apart.

    Args:
        column: The schema's description of the column.
        relation: From what its cells are measured.
        codec: Of the distances.
        clock: Of the time of day, where the distance is in days.
        middle: What takes the place of a missing low end, and of a missing high end.
        bounds_apply: Whether the column's lower and upper bound hold for all cells.
    """

    def __init__(
        self,
        column: Column,
        relation: Relation,
        codec: NumberCodec,
        clock: NumberCodec | None,
        middle: tuple[float, float],
        bounds_apply: tuple[bool, bool],
    ) -> None:
        self.column = column
        self.relation = relation
        self.codec = codec
        self.clock = clock
        self.middle = middle
        self.bounds_apply = bounds_apply
        self.kind = number_kind(column)
        self.needs = relation.columns
        self.withheld = ""
        self.date_block = codec.block(column.name)
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
    ) -> Measured:
        """Learn the distances of the cells that are no origin exactly."""
        values, missing = numbers(frame, column)
        people = settings.people_of(frame[column.name])
        relation = replace(
            relation, apart=_shared(values, people, relation, settings.rare)
        )
        timed = _is_timed(column, relation)
        measured, _ = in_unit((values, missing), column, relation.unit)

        # Which word each cell is.
        word = _words(frame, values, measured, missing, relation, schema)
        free = ~missing & (word < 0)
        middle = _middle(frame, relation, schema)
        reference = _reference(frame, relation, schema, middle)
        distance = reference.distance(measured)[free]
        own_people = None if people is None else people[free]
        # A share of the way between two ends has any decimals.
        decimals = None
        if not reference.is_between:
            decimals = 0 if relation.unit else _decimals(column, relation, schema)
        if decimals is not None and distance.dtype != np.int64:
            distance = round_decimals(distance, decimals)
        elif relation.unit and not reference.is_between:
            distance = distance.astype(np.int64)
        words = len(relation.exactly) + len(relation.apart)
        codec = NumberCodec.fit(
            distance, missing, decimals, rng, settings, words, own_people
        )
        clock = None
        if timed:
            ordinary = ~missing & (word < len(relation.exactly))
            times = _times(values, column)[ordinary]
            none_missing = np.zeros(len(times), dtype=bool)
            whose = None if people is None else people[ordinary]
            clock = NumberCodec.fit(times, none_missing, 0, rng, settings, people=whose)
        present = values[~missing]
        low, high = number_kind(column).bounds(column)
        low_applies = low is None or not len(present) or bool(low <= present.min())
        high_applies = high is None or not len(present) or bool(high >= present.max())
        return cls(column, relation, codec, clock, middle, (low_applies, high_applies))

    # -- As other encoders

    @property
    def whole(self) -> tuple[str, ...]:
        """It is no part of a whole."""
        return ()

    def encode_in(
        self, frame: pd.DataFrame, schema: Schema, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], Offsets]:
        """As `ColumnEncoder.encode_in`."""
        rows = len(frame)
        relation = self.relation
        values, missing = numbers(frame, self.column)
        measured, _ = in_unit((values, missing), self.column, relation.unit)
        word = _words(frame, values, measured, missing, relation, schema)
        reference = _reference(frame, relation, schema, self.middle)
        distance = self.codec.rounded(reference.distance(measured))
        code, offset = self.codec.encode(
            distance[~missing].astype(self.codec.atoms.dtype), missing, rng
        )
        is_word = word >= 0
        code[is_word] = self.codec.code_of_word(word[is_word])
        offset[is_word] = 0.5
        codes = []
        offsets = []
        if self.date_block is not None:
            codes.append(code)
            if self.date_block.modes:
                offsets.append(offset)
        if self.clock is not None and self.time_block is not None:
            times = _times(values, self.column)
            # So that the block of a missing cell looks like that of any other.
            ordinary = np.flatnonzero(~missing & (word < len(relation.exactly)))
            other = np.setdiff1d(np.arange(rows), ordinary)
            if len(ordinary):
                times[other] = times[rng.choice(ordinary, len(other))]
            none_missing = np.zeros(rows, dtype=bool)
            time, time_offset = self.clock.encode(times, none_missing, rng)
            codes.append(time)
            if self.time_block.modes:
                offsets.append(time_offset)
        return (
            np.array(codes, dtype=np.uint8).reshape(len(codes), rows).T,
            np.array(offsets, dtype=np.float32).reshape(len(offsets), rows).T,
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
        rows = len(codes)
        relation = self.relation
        remaining_codes = iter(codes.T)
        remaining_offsets = iter(offsets.T)

        def read(block: Block | None) -> tuple[Any, Any]:
            """The next part; what does not vary has code 0."""
            code = np.zeros(rows, dtype=np.int64)
            offset = np.full(rows, 0.5, dtype=np.float32)
            if block is not None:
                code = next(remaining_codes).astype(np.int64)
                if block.modes:
                    offset = next(remaining_offsets)
            return code, offset

        code, offset = read(self.date_block)
        time_code, time_offset = read(self.time_block)
        distance, no_number = self.codec.decode(code, offset)
        word = self.codec.word_of(code)
        missing = no_number & (word < 0)

        # Without a word, the distance from the reference.
        reference = _reference(done, relation, schema, self.middle)
        far = np.zeros(rows, dtype=distance.dtype)
        far[~no_number] = distance
        measured = reference.at(far)
        for number, origin in enumerate(relation.exactly):
            mine = word == number
            cells = cells_of(done, origin, schema, relation.unit)
            values, unknown = position(origin, cells, relation.unit)
            # What follows from a missing cell is missing, or, in a column without
            # missing cells, middling.
            measured = np.where(mine & ~unknown, values, measured)
            if self.column.missing:
                missing |= mine & unknown
        values = self._whole(measured)
        if self.clock is not None:
            times, _ = self.clock.decode(time_code, time_offset)
            values = values + times
        apart = word - len(relation.exactly)
        is_apart = apart >= 0
        known = np.array(relation.apart)
        values[is_apart] = known[apart[is_apart]]
        values = self._within(values[~missing])
        return self.kind.typed_numbers(values, missing, self.column)

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
        low, high = self.kind.bounds(self.column)
        low_applies, high_applies = self.bounds_apply
        least = low if low_applies else None
        greatest = high if high_applies else None
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
            "clock": self.clock.state() if self.clock else None,
            "middle": list(self.middle),
            "bounded": list(self.bounds_apply),
        }

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> Measured:
        """The inverse of `state`."""
        clock = None
        if state["clock"]:
            clock = NumberCodec.from_state(state["clock"])
        low, high = state["middle"]
        low_applies, high_applies = state["bounded"]
        return cls(
            column,
            Relation.from_state(state["measured"]),
            NumberCodec.from_state(state["codec"]),
            clock,
            (low, high),
            (low_applies, high_applies),
        )


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
    frame: pd.DataFrame,
    values: Numbers,
    measured: Numbers,
    missing: Mask,
    relation: Relation,
    schema: Schema,
) -> Integers:
    """``[rows]``: which origin a cell is exactly, or which value apart; -1 for none.

    Args:
        frame: The table.
        values: The column's cells.
        measured: The same in the unit of the relation.
        missing: Where they are missing.
        relation: From what they are measured.
        schema: What the columns are.
    """
    word = np.full(len(frame), -1, dtype=np.int64)
    for number in reversed(range(len(relation.exactly))):
        origin = relation.exactly[number]
        cells = cells_of(frame, origin, schema, relation.unit)
        at, unknown = position(origin, cells, relation.unit)
        word[(at == measured) & ~unknown] = number
    for number, value in enumerate(relation.apart):
        word[values == value] = len(relation.exactly) + number
    word[missing] = -1
    return word


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
) -> _Reference:
    """From what the cells of a table are measured."""
    sides: list[Numbers | None] = []
    pairs = ((relation.after, True), (relation.before, False))
    for (origins, greatest), stand_in in zip(pairs, middle, strict=True):
        ends = _ends(table, origins, schema, relation.unit, greatest)
        if ends is None:
            sides.append(None)
            continue
        values, missing = ends
        filler = np.array([stand_in])
        if values.dtype == np.int64:
            filler = np.rint(filler).astype(np.int64)
        sides.append(np.where(missing, filler, values))
    low, high = sides
    return _Reference(low, high)
