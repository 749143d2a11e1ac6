"""Regions: the codes and offsets of a column whose cells meet predicates.

What a code decodes to is asked of the column's own encoder, so that a new kind of
column needs nothing here. Within a mode, values ascend with the offset: so the ends of
a range are found by bisection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import argument, hint
from synthtab.core.layout import Block, Region
from synthtab.core.schema import Column
from synthtab.data.columns import ColumnEncoder, dates, number_kind
from synthtab.data.columns.base import Mask
from synthtab.data.columns.numbers import UNIT, Numbers
from synthtab.data.columns.numeric import NumberEncoder
from synthtab.data.constraints.table import Table
from synthtab.data.encoder import AnyEncoder, TableEncoder
from synthtab.data.relations.calendars import Assembled, PartOf
from synthtab.data.relations.links import Linked, own_unit
from synthtab.data.relations.measured import Measured
from synthtab.sampling.language import Condition
from synthtab.sampling.predicate import Predicate

# The largest offset: the multiples of 1 / UNIT are all that there are.
LAST_OFFSET = 1 - 1 / UNIT
# Numbers of dates are below, in any unit; ends of intervals without an end are not.
FARTHEST_DATE = 9e18
# Most combinations of codes of a column that are asked.
MOST_CODES = 4_000_000

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """What a `Region` is made of: combinations of codes, each with a range of offsets.

    Attributes:
        codes: ``[pieces, blocks]``.
        low: ``[pieces]``: where the first block's code is a mode, its least offset;
            else 0.
        high: ``[pieces]``: the offset below which that must be; else 1.
    """

    codes: Ints
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of_codes(cls, codes: Ints) -> Pieces:
        """Combinations of codes with any offset."""
        low = np.zeros(len(codes))
        high = np.ones(len(codes))
        return cls(codes, low, high)

    @classmethod
    def joined(cls, parts: Sequence[Pieces]) -> Pieces:
        """All pieces of some."""
        return cls(
            np.concatenate([part.codes for part in parts]),
            np.concatenate([part.low for part in parts]),
            np.concatenate([part.high for part in parts]),
        )

    def where(self, met: Mask) -> Pieces:
        """Those that a mask marks."""
        codes = self.codes[met]
        return Pieces(codes, self.low[met], self.high[met])

    def region(self, blocks: tuple[int, ...]) -> Region:
        """The region of the given blocks of a layout."""
        return Region(blocks, self.codes, self.low, self.high)


# --------------------------------------------------------------------------------------
# Regions of a table


def regions(
    encoder: TableEncoder,
    predicates: Sequence[Predicate],
    links: bool = True,
) -> list[Region]:
    """The regions of the columns that predicates are about.

    Args:
        encoder: Of the table.
        predicates: What cells must meet.
        links: Whether a cell may follow from other cells of its row (`Link`). Whether
            it then meets the predicates shows once the row is decoded.

    Raises:
        ConditionError: No cell of a column meets a predicate, or not all of them at
            once.
    """
    by_column: dict[str, list[Predicate]] = {}
    for predicate in (*_implied(encoder, predicates), *predicates):
        by_column.setdefault(predicate.column.name, []).append(predicate)
    result = []
    for part, blocks in _parts(encoder):
        name = part.column.name
        # A column that a constraint makes from others is not drawn: its predicates are
        # handed on to the column that it follows from.
        is_drawn = name not in encoder.enforced.made
        asked = by_column.get(name, []) if is_drawn else []
        handed_on = _handed_on(encoder, part, by_column)
        if not asked and not handed_on:
            continue
        if asked:
            pieces = _pieces(part, asked, links)
            if not len(pieces):
                raise asked[-1].error(_why_none(part, asked))
        else:
            pieces = Pieces.of_codes(_all_codes(part.blocks))
        sizes = [block.size for block in part.blocks]
        for cells, predicate in handed_on:
            # The place of each combination of codes in `_all_codes`.
            place = np.ravel_multi_index(tuple(pieces.codes.T), sizes)
            pieces = pieces.where(predicate.holds(cells)[place])
            if not len(pieces):
                child = predicate.column.name
                raise predicate.error(
                    f"no value of {name!r}, which {child!r} follows from, "
                    "gives such a one"
                )
        if blocks:
            result.append(pieces.region(blocks[: pieces.codes.shape[1]]))
    return result


def _implied(encoder: TableEncoder, predicates: Sequence[Predicate]) -> list[Predicate]:
    """What predicates on measured dates imply for the dates that they are measured from.

    A departure in May has an arrival in April or May. So few rows must be left out.
    """
    measured = {c.column.name: c for c in encoder.columns if isinstance(c, Measured)}
    spread = {date.column.name: date for date in encoder.assembled}
    result: list[Predicate] = []
    waiting = list(predicates)
    while waiting:
        predicate = waiting.pop()
        part = measured.get(predicate.column.name)
        if part is None or not part.relation.unit or predicate.condition.missing:
            continue
        lows, highs = predicate.intervals
        if not len(lows) or predicate.holds(_apart_cells(part)).any():
            continue
        for name, (nearest, farthest) in part.reach.items():
            column = encoder.inner[name]
            date = spread.get(name)
            may_miss = column.missing and date is None
            if may_miss or (date is not None and encoder.inner[date.parts[0]].missing):
                continue
            low = _moved(part, lows.min(), -farthest, column)
            high = _moved(part, highs.max(), -nearest, column, last=True)
            if low is None and high is None:
                continue
            if date is not None:
                # Of a date that is spread over columns, only the year is asked.
                column = encoder.inner[date.parts[0]]
            ends = [_shown(end, column, date is not None) for end in (low, high)]
            condition = Condition(column.name, low=ends[0], high=ends[1])
            result.append(Predicate(condition, column))
            waiting.append(result[-1])
    return result


def _apart_cells(part: Measured) -> pd.Series:
    """The cells of a measured column that have nothing to do with other columns."""
    values = np.array(part.relation.apart, dtype=np.int64)
    none_missing = np.zeros(len(values), dtype=bool)
    return part.kind.typed_numbers(values, none_missing, part.column)


def _shown(end: int | None, column: Column, as_year: bool) -> Any:
    """An end of a range of dates as a condition has it: as text, or as its year."""
    if end is None:
        return None
    if as_year:
        return int(dates.years(np.array([end]), False)[0][0])
    return number_kind(column).render(np.array([end]), column)[0]


def _moved(
    part: Measured, end: Any, by: float, column: Column, last: bool = False
) -> int | None:
    """An end of an interval of a measured date, moved, as a number of another date.

    Args:
        part: The measured column.
        end: A number of it; beyond all dates if there is no end.
        by: How far it moves, in the unit that is measured in.
        column: The other date.
        last: Whether the whole of its last day is meant.
    """
    if not np.isfinite(float(end)) or abs(float(end)) > FARTHEST_DATE:
        return None
    unit = part.relation.unit
    value = dates.convert(np.array([int(end)]), own_unit(part.column), unit)
    moved = value + int(np.ceil(by) if last else np.floor(by))
    own = own_unit(column)
    if last and dates.fineness(own) > dates.fineness(unit):
        return int(dates.convert(moved + 1, unit, own)[0]) - 1
    return int(dates.convert(moved, unit, own)[0])


def present_regions(encoder: TableEncoder) -> list[Region]:
    """The regions of the cells that are not missing, of columns that may be missing."""
    result = []
    for part, blocks in _parts(encoder):
        name = part.column.name
        if not part.column.missing or not blocks or name in encoder.enforced.made:
            continue
        pieces = _present_pieces(part)
        if len(pieces):
            result.append(pieces.region(blocks[: pieces.codes.shape[1]]))
    return result


def to_snap(
    encoder: TableEncoder,
    predicates: Sequence[Predicate],
) -> list[Predicate]:
    """Predicates whose cells must be snapped to a number that is asked for.

    A region of a few numbers holds the offsets nearest to them, which may decode to
    their neighbours. Where a column has several predicates, no single one says what is
    asked.
    """
    result = []
    for part in encoder.columns:
        name = part.column.name
        asked = [p for p in predicates if p.column.name == name]
        if len(asked) != 1 or name in encoder.enforced.made:
            continue
        # What is measured from other cells is not what is asked for, but as far as that.
        if isinstance(part, Measured | PartOf):
            continue
        if asked[0].numeric and asked[0].condition.few:
            result += asked
    return result


def _parts(
    encoder: TableEncoder,
) -> Iterator[tuple[AnyEncoder, tuple[int, ...]]]:
    """The encoder of each column, and the numbers of its blocks in the layout."""
    first = 0
    for part in encoder.columns:
        end = first + len(part.blocks)
        yield part, tuple(range(first, end))
        first = end


def _handed_on(
    encoder: TableEncoder,
    part: AnyEncoder,
    by_column: Mapping[str, Sequence[Predicate]],
) -> list[tuple[pd.Series, Predicate]]:
    """Predicates on columns that constraints make from one column alone.

    Args:
        encoder: Of the table.
        part: The encoder of that column.
        by_column: All predicates.

    Returns:
        For each predicate on a column that follows from this one, the cells of the
        follower, one for each combination of codes in `_all_codes`.
    """
    if not isinstance(part, ColumnEncoder) or not part.blocks:
        return []
    if any(block.modes for block in part.blocks):
        return []
    name = part.column.name
    result = []
    for step in encoder.enforced.steps:
        asked = [p for column in step.writes for p in by_column.get(column, ())]
        if not asked or step.remains is None or not step.form.from_one_code:
            continue
        sources = {column.name for column in step.remains}
        sources = sources or set(step.form.columns) - set(step.writes)
        if sources != {name}:
            continue
        codes = _all_codes(part.blocks)
        cells = pd.DataFrame({name: _decoded(part, codes)})
        table = Table(cells, encoder.schema)
        followers = step.form.restore(table, step.lookup, True)
        for predicate in asked:
            if predicate.column.name in followers:
                result.append((followers[predicate.column.name], predicate))
    return result


# --------------------------------------------------------------------------------------
# Pieces of a column


def _pieces(
    part: AnyEncoder,
    predicates: Sequence[Predicate],
    links: bool = True,
) -> Pieces:
    """The pieces of a column whose cells meet all of some predicates."""
    if isinstance(part, Linked):
        return _linked_pieces(part, predicates, links)
    if isinstance(part, Measured):
        return _measured_pieces(part, predicates)
    if isinstance(part, PartOf | Assembled):
        return _derived_pieces(part, predicates)
    if not part.askable:
        missing = [predicate.condition.missing for predicate in predicates]
        return _pieces_by_first_block(part, missing)
    has_modes = any(block.modes for block in part.blocks)
    codes = _all_codes(part.blocks)
    if has_modes:
        assert isinstance(part, NumberEncoder), (
            f"only numbers have modes, report this: {part.column.kind}"
        )
        if len(part.blocks) > 1:
            return _split_pieces(part, codes, predicates)
        return _number_pieces(part, codes, predicates)
    met = _all_hold(predicates, _decoded(part, codes))
    return Pieces.of_codes(codes[met])


def _pieces_by_first_block(
    part: ColumnEncoder | Measured, missing: Sequence[bool]
) -> Pieces:
    """The pieces of a column that is not `askable`, or measured, by its first block alone.

    Args:
        part: The column's encoder.
        missing: Whether each predicate asks for missing cells, or for others.
    """
    codes = np.arange(part.blocks[0].size if part.blocks else 0)
    is_missing = codes == part.code_of_missing
    met = np.ones(len(codes), dtype=bool)
    for wanted in missing:
        met &= is_missing == wanted
    return Pieces.of_codes(codes[met][:, None])


def _number_pieces(
    part: NumberEncoder,
    codes: Ints,
    predicates: Sequence[Predicate],
) -> Pieces:
    """`_pieces` of numbers of one block, with the codes ``[n, 1]``."""
    is_mode = codes[:, 0] >= part.blocks[0].atoms
    met = _all_hold(predicates, _decoded(part, codes))
    atoms = codes[met & ~is_mode]
    modes = codes[is_mode, 0].tolist()
    parts = [Pieces.of_codes(atoms)]
    for code in modes:
        parts.append(_mode_pieces(part, code, predicates))
    if len(predicates) == 1 and predicates[0].condition.few:
        pieces = Pieces.joined(parts)
        parts += _nearest_pieces(part, modes, predicates[0], pieces)
    return Pieces.joined(parts)


def _present_pieces(part: AnyEncoder) -> Pieces:
    """The pieces of a column whose cells are not missing."""
    if isinstance(part, Linked):
        inner = _shifted(part, _present_pieces(part.inner))
        return Pieces.joined([inner, _link_pieces(part)])
    if isinstance(part, PartOf | Assembled):
        return Pieces.of_codes(np.zeros((1, 0), dtype=np.int64))
    if isinstance(part, Measured) or not part.askable:
        return _pieces_by_first_block(part, [False])
    codes = _all_codes(part.blocks)
    present = _decoded(part, codes).notna().to_numpy(dtype=bool)
    return Pieces.of_codes(codes[present])


def _all_hold(predicates: Sequence[Predicate], cells: pd.Series) -> Mask:
    """``[cells]``: which cells meet all predicates."""
    met = np.ones(len(cells), dtype=bool)
    for predicate in predicates:
        met &= predicate.holds(cells)
    return met


def _all_codes(blocks: Sequence[Block]) -> Ints:
    """``[n, blocks]``: every combination of the codes of some blocks, in order."""
    sizes = [block.size for block in blocks]
    assert np.prod(sizes, dtype=np.float64) <= MOST_CODES, (
        f"too many codes, report this: {sizes}"
    )
    if not sizes:
        return np.zeros((1, 0), dtype=np.int64)
    places = np.arange(int(np.prod(sizes)))
    return np.stack(np.unravel_index(places, sizes), axis=1)


def _decoded(
    part: ColumnEncoder,
    codes: Ints,
    first: Floats | float = 0.5,
    others: float | None = None,
) -> pd.Series:
    """Cells of combinations of codes.

    Args:
        part: The column's encoder.
        codes: ``[n, blocks]``.
        first: Offset of the first block: ``[n]``, or one for all.
        others: Offset of the other blocks; None for the same.
    """
    shape = (len(codes), len(part.blocks))
    offsets = np.zeros(shape, dtype=np.float32)
    offsets += np.reshape(first, (-1, 1)).astype(np.float32)
    if others is not None:
        offsets[:, 1:] = others
    has_offsets = [block.modes > 0 for block in part.blocks]
    offsets = offsets[:, has_offsets]
    # Only cells that cannot be asked for are drawn at random.
    rng = np.random.default_rng(0)
    return part.decode(codes, offsets, rng, 0)


# -- of numbers, within a mode


def _mode_pieces(
    part: NumberEncoder,
    code: int,
    predicates: Sequence[Predicate],
) -> Pieces:
    """The pieces of a mode whose numbers meet all predicates, one for each interval."""
    lows, highs = _intervals(predicates)
    if any(predicate.condition.missing for predicate in predicates):
        lows = lows[:0]
        highs = highs[:0]
    codes = np.array([code])
    begin = _first_position(part, codes, lows)
    end = _first_position(part, codes, highs, above=True)
    some = begin < end
    low = begin[some] / UNIT
    high = end[some] / UNIT
    codes = np.full((len(low), 1), code)
    return Pieces(codes, low, high)


def _intervals(predicates: Sequence[Predicate]) -> tuple[Numbers, Numbers]:
    """Lows and highs of the intervals of the numbers that meet all predicates."""
    lows, highs = predicates[0].intervals
    for predicate in predicates[1:]:
        other_lows, other_highs = predicate.intervals
        # The intersection of every interval with every other one, in the order of the
        # former; flat, since either may have none.
        cut_lows = np.maximum.outer(lows, other_lows).ravel()
        cut_highs = np.minimum.outer(highs, other_highs).ravel()
        some = cut_lows <= cut_highs
        lows = cut_lows[some]
        highs = cut_highs[some]
    return lows, highs


def _first_position(
    part: NumberEncoder,
    codes: Ints,
    bounds: Numbers,
    above: bool = False,
    others: float | None = None,
) -> Ints:
    """The first offset whose number reaches each of some bounds, in units of 1 / UNIT.

    All bounds are bisected side by side. UNIT where no number reaches a bound.

    Args:
        part: The column's encoder.
        codes: ``[blocks]``; that of the first block is a mode.
        bounds: ``[n]``.
        above: Whether a number must be above a bound, rather than at least that.
        others: Offset of the other blocks; None for the same.
    """
    low = np.zeros(len(bounds), dtype=np.int64)
    high = np.full(len(bounds), UNIT, dtype=np.int64)
    while (low < high).any():
        finished = low >= high
        middle = (low + high) // 2
        position = np.minimum(middle, UNIT - 1)
        values = _numbers_at(part, codes, position, others)
        reached = (values > bounds) if above else (values >= bounds)
        # Where the search is finished, low, middle and high are one: they stay.
        high = np.where(reached, middle, high)
        low = np.where(reached | finished, low, middle + 1)
    return low


def _numbers_at(
    part: NumberEncoder,
    codes: Ints,
    positions: Ints,
    others: float | None = None,
) -> Numbers:
    """The numbers at some offsets of the first block, in units of 1 / UNIT."""
    repeated = np.repeat(codes[None], len(positions), axis=0)
    cells = _decoded(part, repeated, positions / UNIT, others)
    values, _ = part.numbers(cells, part.column)
    return values


def _nearest_pieces(
    part: NumberEncoder,
    modes: Sequence[int],
    predicate: Predicate,
    pieces: Pieces,
) -> list[Pieces]:
    """The offsets nearest to numbers that no offset gives exactly.

    A column without steps has more numbers than offsets. So a number that is asked for
    is drawn as its neighbour, and snapped once decoded: see `to_snap`.

    Args:
        part: The column's encoder.
        modes: The codes of its modes.
        predicate: Asks for a few numbers.
        pieces: What meets it exactly.
    """
    points, _ = predicate.intervals
    if len(pieces):
        cells = _decoded(part, pieces.codes, pieces.low)
        exact, _ = part.numbers(cells, part.column)
        points = np.setdiff1d(points, exact)
    # What the column cannot hold, such as a half of a whole number, is not drawn.
    points = points[part.codec.rounded(points) == points]
    result = []
    for code in modes:
        codes = np.array([code])
        least, greatest = _numbers_at(part, codes, np.array([0, UNIT - 1]))
        within = points[(least <= points) & (points <= greatest)]
        position = _first_position(part, codes, within)
        position = np.minimum(position, UNIT - 1)
        repeated = np.full((len(within), 1), code)
        low = position / UNIT
        high = (position + 1) / UNIT
        result.append(Pieces(repeated, low, high))
        points = np.setdiff1d(points, within)
    return result


# -- of numbers in several blocks


def _split_pieces(
    part: NumberEncoder,
    codes: Ints,
    predicates: Sequence[Predicate],
) -> Pieces:
    """The pieces of numbers of several blocks, such as a date and its time of day.

    The offset of the first block may be where some offset of the others gives a number
    that meets all predicates. Whether the two fit together shows once decoded.
    """
    # One cell for each combination of codes, with all offsets at their least, and at
    # their greatest.
    at_low_end = _decoded(part, codes, 0.0)
    at_high_end = _decoded(part, codes, LAST_OFFSET)
    missing = at_low_end.isna().to_numpy(dtype=bool)
    asks_for_missing = [predicate.condition.missing for predicate in predicates]
    if any(asks_for_missing):
        return Pieces.of_codes(codes[missing & all(asks_for_missing)])
    lows, highs = _intervals(predicates)
    # "Missing" and words are no numbers. `numbers` gives those of the other cells only.
    least, no_number = part.numbers(at_low_end, part.column)
    greatest, _ = part.numbers(at_high_end, part.column)
    are_words = no_number & ~missing & _all_hold(predicates, at_low_end)
    words = Pieces.of_codes(codes[are_words])
    # From here on, ``[codes]`` are those of numbers, as least and greatest are.
    codes = codes[~no_number]
    is_mode = codes[:, 0] >= part.blocks[0].atoms
    # ``[codes, intervals]``
    overlaps = (least[:, None] <= highs) & (greatest[:, None] >= lows)
    atoms = codes[overlaps.any(axis=1) & ~is_mode]
    parts = [words, Pieces.of_codes(atoms)]
    for mode in np.unique(codes[is_mode, 0]):
        of_mode = np.flatnonzero(codes[:, 0] == mode)
        # Of the other blocks, the codes that give the least and the greatest number.
        earliest = codes[of_mode[least[of_mode].argmin()]]
        latest = codes[of_mode[greatest[of_mode].argmax()]]
        # A day may begin an interval if its latest time is in it, and end one if its
        # earliest time is.
        starts = _first_position(part, latest, lows, others=LAST_OFFSET)
        stops = _first_position(part, earliest, highs, above=True, others=0.0)
        for start, stop in zip(starts, stops, strict=True):
            if start < stop:
                low = np.full(len(of_mode), start / UNIT)
                high = np.full(len(of_mode), stop / UNIT)
                parts.append(Pieces(codes[of_mode], low, high))
    return Pieces.joined(parts)


# -- of a column with links


def _linked_pieces(
    part: Linked,
    predicates: Sequence[Predicate],
    links: bool,
) -> Pieces:
    """The pieces of numbers without a link that meet predicates, and of each link.

    What a link gives is not known here. So links are left out where a few values are
    asked for, which they would hardly ever give.
    """
    if not part.blocks:
        return Pieces.of_codes(np.zeros((1, 0), dtype=np.int64))
    pieces = _pieces(part.inner, predicates)
    if not len(pieces) and _may_snap(part, predicates):
        # A number that only links give: any cell, which then is snapped to it.
        pieces = _present_pieces(part.inner)
    pieces = _shifted(part, pieces)
    asks_for_few = any(p.condition.missing or p.condition.few for p in predicates)
    if len(pieces) and (asks_for_few or not links):
        return pieces
    return Pieces.joined([pieces, _link_pieces(part)])


def _measured_pieces(part: Measured, predicates: Sequence[Predicate]) -> Pieces:
    """The pieces of a column that is measured from others.

    What a distance gives is not known here: any may do, if the column has such cells.
    """
    missing = [predicate.condition.missing for predicate in predicates]
    pieces = _pieces_by_first_block(part, missing)
    if any(missing):
        return pieces
    lows, highs = _intervals(predicates)
    least, greatest = part.kind.bounds(part.column)
    possible = np.ones(len(lows), dtype=bool)
    if least is not None:
        possible &= highs >= least
    if greatest is not None:
        possible &= lows <= greatest
    return pieces if possible.any() else pieces.where(np.zeros(len(pieces), dtype=bool))


def _derived_pieces(
    part: PartOf | Assembled, predicates: Sequence[Predicate]
) -> Pieces:
    """The pieces of a column that is not drawn: one without a code, if a cell may do."""
    cells = part.cells() if isinstance(part, PartOf) else None
    asks_for_missing = any(predicate.condition.missing for predicate in predicates)
    if asks_for_missing:
        possible = part.column.missing
    else:
        possible = cells is None or bool(_all_hold(predicates, cells).any())
    return Pieces.of_codes(np.zeros((int(possible), 0), dtype=np.int64))


def _shifted(part: Linked, pieces: Pieces) -> Pieces:
    """Pieces of the inner column as pieces of the column with links."""
    codes = pieces.codes
    if not codes.shape[1]:
        # There is one value at most beside the links.
        codes = np.zeros((len(codes), 1), dtype=np.int64)
    after_links = codes + len(part.links)
    codes = np.where(codes >= part.first_link, after_links, codes)
    return Pieces(codes, pieces.low, pieces.high)


def _link_pieces(part: Linked) -> Pieces:
    """A piece for each link."""
    codes = part.first_link + np.arange(len(part.links))
    return Pieces.of_codes(codes[:, None])


def _may_snap(part: Linked, predicates: Sequence[Predicate]) -> bool:
    """Whether some numbers are asked for that are within the column's bounds."""
    if len(predicates) > 1 or not predicates[0].condition.few:
        return False
    low, high = part.inner.bounds(part.column)
    values, _ = predicates[0].intervals
    within = np.ones(len(values), dtype=bool)
    if low is not None:
        within &= values >= low
    if high is not None:
        within &= values <= high
    return bool(within.any())


# --------------------------------------------------------------------------------------
# What to say where nothing meets a predicate


def _why_none(part: AnyEncoder, predicates: Sequence[Predicate]) -> str:
    """Why no cell of a column meets predicates: what the column does hold."""
    each_alone = [len(_pieces(part, [predicate])) for predicate in predicates]
    if len(predicates) > 1 and all(each_alone):
        other = str(predicates[0].condition)
        return f"no value meets it and {other!r} at once"
    last = predicates[-1]
    name = repr(part.column.name)
    if last.condition.missing:
        return f"no cell of {name} was missing in the table that was learnt"
    if isinstance(part, Measured):
        return _within_bounds(part)
    if isinstance(part, PartOf | Assembled):
        return f"the model knows no such value of {name}"
    inner = part.inner if isinstance(part, Linked) else part
    if last.numeric:
        return _known_numbers(inner, last.numeric, name)
    return _known_words(inner, last, name)


def _known_numbers(
    part: ColumnEncoder,
    kind: type[NumberEncoder],
    name: str,
) -> str:
    """Between which numbers the values of a column lie."""
    codes = _all_codes(part.blocks)
    ends = [_decoded(part, codes, offset).dropna() for offset in (0.0, 1.0)]
    cells = pd.concat(ends, ignore_index=True)
    values, _ = kind.numbers(cells, part.column)
    if not len(values):
        return f"all cells of {name} that the model knows are missing"
    places = [int(values.argmin()), int(values.argmax())]
    extremes = cells.iloc[places]
    low, high = kind.text(extremes, part.column)
    return f"the model knows no such value of {name}: they lie between {low} and {high}"


def _within_bounds(part: Measured) -> str:
    """Between which cells those of a measured column lie."""
    name = repr(part.column.name)
    ends = part.kind.bounds(part.column)
    if None in ends:
        return f"the model knows no such value of {name}"
    low, high = part.kind.render(np.array(ends), part.column)
    return f"the model knows no such value of {name}: they lie between {low} and {high}"


def _known_words(
    part: ColumnEncoder,
    predicate: Predicate,
    name: str,
) -> str:
    """Which values a column has, the one nearest to what was asked for first."""
    cells = _decoded(part, _all_codes(part.blocks)).dropna()
    words = [str(word) for word in type(part).text(cells, part.column)]
    values = predicate.condition.values
    message = f"the model knows no such value of {name}"
    message += hint(values[0] if values else "", words, "it knows")
    if part.withheld:
        message += (
            f" ({part.withheld} not stored: fit with {argument('rare', 0)} "
            "to ask for those)"
        )
    return message
