"""Cells that follow from other cells of their row: a total, an absolute value.

A continuous column has a density, and no density makes two numbers equal. So where a
column often equals another one, or a simple function of others, that is a code of its
own: "as in column x". The networks learn when it holds, as they learn any category;
nothing is imposed. A `Link` says what a cell follows from; `Linked` encodes a column
that has links.

Parts of a whole (shares that add up to 1; compositional data, Aitchison 1982) follow
from one another in a circle. In each row the largest of them is the one that follows: a
small one, computed as what the others leave, would get the errors of the large ones. In
a tenth of the rows even that one is encoded as what it is, so that the networks know
its values, too.

A rate that is a count divided by another column, its base, is a whole number of units
of one over that base: what is drawn goes to the nearest such number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.layout import Block, Codes, Offsets
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import KINDS, Settings, dates, number_kind
from synthtab.data.columns.base import Mask
from synthtab.data.columns.disclosure import (
    Holders,
    bounds,
    people_of_values,
    spread,
)
from synthtab.data.columns.numbers import Numbers, nearest
from synthtab.data.columns.numeric import NumberEncoder

# A link always holds that this share of the rows keep to.
ALWAYS = 0.995
# A value is common that this share of the rows has.
COMMON = 0.002
# How near numbers are that count as equal, in units of the column's standard deviation:
# to another column as it is, to what is computed from one, and from several.
EXACT = 1e-9
NEAR = 1e-6
CLOSE = 1e-5
# Rows that show that a link does not hold beyond some number.
BEYOND = 10
# Share of the cells that are the largest part of a whole, and yet are encoded as what
# they are.
ENCODED_LARGEST = 0.1

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# A column's numbers, 0 where missing, and where they are missing.
Cells = tuple[Numbers, Mask]
# The least and the greatest number for which a link holds; None where it has no end.
Range = tuple[float | None, float | None]


def _sum(parents: Sequence[Numbers]) -> Numbers:
    # From the first one on, lest whole numbers become floats.
    return np.asarray(sum(parents[1:], parents[0]))


def _over(x: Numbers, y: Numbers) -> Numbers:
    return np.asarray(x / y.astype(np.float64))


# The numbers of a link from those of its parents and a constant.
Formula = Callable[[Sequence[Numbers], Any], Any]
# Name -> how a link reads, and its formula. A "sum" of one is "equal to"; "largest"
# holds where it is the largest part of a whole.
FORMS: dict[str, tuple[str, Formula]] = {
    "sum": ("{sum}", lambda x, c: _sum(x)),
    "rest": ("{c:g} - {sum}", lambda x, c: c - _sum(x)),
    "largest": ("{c:g} - {sum}", lambda x, c: c - _sum(x)),
    "distance": ("|{0} - {c:g}|", lambda x, c: np.abs(x[0] - c)),
    "difference": ("{0} - {1}", lambda x, c: x[0] - x[1]),
    # In float64, since a product of whole numbers may be beyond int64.
    "product": ("{0} * {1}", lambda x, c: x[0] * x[1].astype(np.float64)),
    "ratio": ("{0} / {1}", lambda x, c: _over(x[0], x[1])),
    "remainder": ("{0} / {1} - {0}", lambda x, c: _over(x[0], x[1]) - x[0]),
    "share": ("{0} / ({0} + {1})", lambda x, c: _over(x[0], _sum(x))),
}


@dataclass(frozen=True)
class Link:
    """What a cell is, as one of `FORMS` of other cells of its row.

    Attributes:
        parents: Names of the columns of these cells.
        form: Name of the form.
        constant: Its constant, where it has one.
    """

    parents: tuple[str, ...]
    form: str = "sum"
    constant: float = 0.0

    def follow(self, parents: Sequence[Numbers]) -> Numbers:
        """The numbers that those of the parents lead to.

        From whole numbers these are whole ones, where the form leaves them so.
        """
        _, compute = FORMS[self.form]
        constant: float = self.constant
        if float(constant).is_integer():
            # An int leaves int64 columns as they are.
            constant = int(constant)
        with np.errstate(all="ignore"):
            return np.asarray(compute(parents, constant))

    @property
    def equal(self) -> bool:
        """Whether it says just "the same as"."""
        return self.form == "sum" and len(self.parents) == 1

    @property
    def part(self) -> bool:
        """Whether it is what the other parts leave of a whole."""
        return self.form == "largest"

    def __str__(self) -> str:
        joined = " + ".join(self.parents)
        if self.form in ("rest", "largest"):
            joined = " - ".join(self.parents)
            return f"{self.constant:g} - {joined}" if self.constant else f"-{joined}"
        if self.form == "distance" and not self.constant:
            return f"|{self.parents[0]}|"
        text, _ = FORMS[self.form]
        return text.format(*self.parents, sum=joined, c=self.constant)


# --------------------------------------------------------------------------------------
# A column with links as codes


class Linked:
    """The encoder of a column of numbers of which some follow from other columns.

    Its codes are those of the numbers that do not follow, with an atom more per link,
    between the atoms and the modes.

    Args:
        inner: The encoder of the other numbers.
        links: What cells follow from.
        grid: Values of the column that repeat, ascending. A computed number that is as
            near to one of them as ``slack`` becomes that value, since tables differ
            from their own arithmetic in the last digits.
        slack: See there.
        bounds_apply: Whether the column's lower and upper bound hold for computed
            numbers, too. They do not if training cells lie beyond them, as they do
            where a bound is the mean of several cells.
        base: The column by which its cells are counts divided; "" for none.
        ranges: Of each link, the numbers for which it holds: see `_range`.
        shares: How many training cells without a link have each code of ``inner``,
            missing ones aside; empty if no range has an end.
        always: The links that all but every row holds, of those that have all cells.
    """

    def __init__(
        self,
        inner: NumberEncoder,
        links: tuple[Link, ...],
        grid: Numbers,
        slack: float,
        bounds_apply: tuple[bool, bool] = (True, True),
        base: str = "",
        ranges: Sequence[Range] = (),
        shares: Sequence[int] = (),
        always: Sequence[int] = (),
    ) -> None:
        self.inner = inner
        self.column = inner.column
        self.links = links
        self.grid = grid
        self.slack = slack
        self.bounds_apply = bounds_apply
        self.base = base
        no_ends: Range = (None, None)
        self.ranges = tuple(ranges) or (no_ends,) * len(links)
        self.shares = tuple(shares)
        self.always = tuple(always)
        # The columns that must be decoded before this one. Parts of a whole need each
        # other, and are computed once all are decoded.
        needs: list[str] = []
        for link in links:
            if not link.part:
                needs += link.parents
        if base:
            needs.append(base)
        self.needs = tuple(needs)
        # The code of the first link: after all atoms, of which "missing" is the last.
        self.first_link = len(inner.codec.atoms) + inner.codec.missing
        self.blocks = self._blocks()

    def _blocks(self) -> tuple[Block, ...]:
        """The block of ``inner`` with an atom per link; none if there is one code."""
        inner = self.inner.codec.block(self.column.name)
        values = inner.values if inner else (0.0,) * self.first_link
        # What a link stands for is no number of its own.
        values += (float("nan"),) * len(self.links)
        modes = inner.modes if inner else 0
        curves = inner.curves if inner else ()
        if len(values) + modes <= 1:
            return ()
        block = Block(
            self.column.name,
            atoms=len(values),
            modes=modes,
            values=values,
            curves=curves,
        )
        return (block,)

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        column: Column,
        links: tuple[Link, ...],
        base: str,
        schema: Schema,
        rng: np.random.Generator,
        settings: Settings,
    ) -> Linked:
        """Learn the encoding of the cells that follow from no other."""
        kind = number_kind(column)
        follows = np.zeros(len(frame), dtype=bool)
        ranges: list[Range] = []
        always: list[int] = []
        for number, link in enumerate(links):
            if link.part:
                # Of these, any cell may be encoded as what it is.
                ranges.append((None, None))
                continue
            held = holds(link, frame, column, schema)
            present = frame[[column.name, *link.parents]].notna().all(axis=1)
            if held.sum() >= ALWAYS * present.sum() > 0:
                always.append(number)
            follows |= held
            ranges.append(_range(link, held, frame, schema, settings))

        values, missing = numbers(frame, column)
        present = values[~missing]
        distinct, inverse, counts = np.unique(
            present, return_inverse=True, return_counts=True
        )
        people = settings.people_of(frame[~missing])
        is_shared = people_of_values(inverse, len(distinct), people) >= settings.rare
        grid = distinct[is_shared & (counts >= max(3, COMMON * len(frame)))]
        slack = 0.0
        if values.dtype == np.float64:
            slack = CLOSE * spread(present, settings.rare, people)

        others = frame[column.name][~follows]
        inner = kind.fit_whole(others, column, rng, settings)
        bounds_apply = _bounds_apply(kind.bounds(column), distinct)
        shares: list[int] = []
        if any(ends != (None, None) for ends in ranges):
            free = values[~follows & ~missing]
            none_missing = np.zeros(len(free), dtype=bool)
            codes, _ = inner.codec.encode(free, none_missing, rng)
            counts = np.bincount(codes, minlength=inner.codec.size)
            shares = counts.tolist()
        return cls(
            inner, links, grid, slack, bounds_apply, base, ranges, shares, always
        )

    def encode_in(
        self,
        frame: pd.DataFrame,
        schema: Schema,
        rng: np.random.Generator,
    ) -> tuple[npt.NDArray[np.uint8], Offsets]:
        """As `ColumnEncoder.encode_in`."""
        codes, offsets = self.inner.encode(frame[self.column.name], rng)
        if codes.shape[1]:
            # The modes move up to make room for the links.
            codes[codes >= self.first_link] += len(self.links)
        else:
            # One value at most beside the links. Cells that are neither this value nor
            # follow from others count as the first code.
            rows = len(frame)
            codes = np.zeros((rows, 1), np.uint8)
            offsets = np.zeros((rows, 0), np.float32)
        # Where several links hold, the first one counts: it is written last.
        for i, link in reversed(list(enumerate(self.links))):
            held = holds(link, frame, self.column, schema)
            if link.part:
                held &= rng.random(len(held)) >= ENCODED_LARGEST
            codes[held, 0] = self.first_link + i
            offsets[held] = 0.5
        return codes[:, : len(self.blocks)], offsets

    def decode_in(
        self,
        codes: Codes,
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
        done: Mapping[str, pd.Series],
        schema: Schema,
    ) -> pd.Series:
        """As `ColumnEncoder.decode_in`.

        A cell that follows from a missing one is missing, where the column has missing
        cells; one that cannot be what its link says is any of the column's numbers.
        """
        link_numbers, inner_codes = self._split(codes)
        if offsets.shape[1]:
            inner_offsets = offsets[:, 0]
        else:
            inner_offsets = np.full(len(codes), 0.5, dtype=np.float32)

        codec = self.inner.codec
        present, missing = codec.decode(inner_codes, inner_offsets)
        values = np.zeros(len(codes), dtype=codec.atoms.dtype)
        values[~missing] = self.inner.within(present, step=codec.step)
        for i, link in enumerate(self.links):
            follows = link_numbers == i
            if link.part:
                # Its number is known when all parts are: see `complete_whole`.
                missing[follows] = False
                continue
            parents = [numbers(done, schema[name]) for name in link.parents]
            result = link.follow([x for x, _ in parents])
            computable = ~_any_missing(parents) & np.isfinite(result)
            missing[follows & computable] = False
            missing[follows & ~computable] = self.column.missing
            follows &= computable
            beyond = follows & self._beyond(result, self.ranges[i])
            if beyond.any():
                values[beyond] = self._unlinked(result[beyond])
            within = follows & ~beyond
            values[within] = self.computed(result[within])
        if self.base:
            base, base_missing = numbers(done, schema[self.base])
            values = self._whole_counts(values, base, base_missing)
        return self.inner.series(values[~missing], missing)

    def _split(self, codes: Codes) -> tuple[Ints, Ints]:
        """Codes ``[rows, blocks]`` as numbers of links and codes of ``inner``.

        Both are ``[rows]``. The number is -1 where a cell follows from none; the code
        is 0 where it does.
        """
        if self.blocks:
            code = codes[:, 0].astype(np.int64)
        else:
            # A column of one code, which is that of a link if it has one.
            code = np.full(len(codes), self.first_link, dtype=np.int64)
        first = self.first_link
        end = first + len(self.links)
        is_link = (code >= first) & (code < end)
        link_number = np.where(is_link, code - first, -1)
        # The modes come after the links.
        before_links = code - len(self.links)
        inner_code = np.where(code >= end, before_links, code)
        return link_number, np.where(is_link, 0, inner_code)

    @property
    def whole(self) -> tuple[str, ...]:
        """The parts of the whole that this is one of; none if it is not."""
        if not self.links or not self.links[0].part:
            return ()
        others = self.links[0].parents
        return tuple(sorted([self.column.name, *others]))

    def _beyond(self, result: Numbers, range_of_link: Range) -> Mask:
        """``[rows]``: where a link leads beyond the numbers for which it holds."""
        beyond = np.zeros(len(result), dtype=bool)
        if not sum(self.shares):
            # All training cells follow from others: there is nothing else to draw.
            return beyond
        low, high = range_of_link
        if low is not None:
            beyond |= result < low
        if high is not None:
            beyond |= result > high
        return beyond

    def _unlinked(self, results: Numbers) -> Numbers:
        """Numbers distributed as those of cells without a link.

        Which ones, the results that they replace decide, so that a row is the same
        however many are decoded.
        """
        ends = np.cumsum(self.shares) / sum(self.shares)
        hashes = pd.util.hash_array(results.astype(np.float64))
        # The upper 53 bits as a number in [0, 1): as many as a float64 holds.
        uniform = (hashes >> 11) / 2.0**53
        codes = np.searchsorted(ends, uniform, side="right")
        # How far into the share of its code a number is, is its offset.
        share = np.diff(ends, prepend=0.0)[codes]
        offsets = 1 - (ends[codes] - uniform) / share
        codec = self.inner.codec
        values, _ = codec.decode(codes, offsets)
        return np.asarray(self.inner.within(values, step=codec.step))

    def _whole_counts(
        self,
        values: Numbers,
        base: Numbers,
        missing: Mask,
    ) -> Numbers:
        """The rates nearest to some numbers whose counts are whole.

        Args:
            values: ``[rows]``: the numbers.
            base: What the counts are divided by.
            missing: Where that is missing: these numbers stay as they are.
        """
        base = np.abs(base.astype(np.float64))
        able = ~missing & (base > 0) & (values != 0)
        # What is not 0 is no count of 0.
        divisor = base[able]
        some = values[able]
        counts = np.rint(np.abs(some) * divisor)
        counts = np.maximum(counts, 1)
        signed_counts = np.sign(some) * counts
        rates = values.copy()
        rates[able] = self.computed(signed_counts / divisor)
        return rates

    def computed(self, result: Numbers) -> Numbers:
        """Numbers that follow from others, as the column writes them."""
        values = self.inner.codec.rounded(result)
        if len(self.grid) and self.slack:
            on_grid = self.grid[nearest(self.grid, values)]
            is_near = np.abs(on_grid - values) <= self.slack
            values = np.where(is_near, on_grid, values)
        return np.asarray(self.inner.within(values, *self.bounds_apply))

    @property
    def withheld(self) -> str:
        """As `ColumnEncoder.withheld`."""
        return self.inner.withheld

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {
            **self.inner.state(),
            "links": [asdict(link) for link in self.links],
            "grid": self.grid.tolist(),
            "slack": self.slack,
            "bounded": list(self.bounds_apply),
            "base": self.base,
            "limits": self.ranges,
            "shares": self.shares,
            "always": self.always,
        }

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> Linked:
        """The inverse of `state`."""
        inner = number_kind(column).from_state(column, state)
        links = []
        for link in state["links"]:
            parents = tuple(link["parents"])
            links.append(Link(parents, link["form"], link["constant"]))
        # Files of earlier versions lack some of these.
        low_applies, high_applies = state.get("bounded", (True, True))
        ranges = [(low, high) for low, high in state.get("limits", ())]
        grid = np.array(state["grid"], dtype=inner.codec.atoms.dtype)
        return cls(
            inner,
            tuple(links),
            grid,
            state["slack"],
            (low_applies, high_applies),
            state.get("base", ""),
            ranges,
            state.get("shares", ()),
            state.get("always", ()),
        )


def _range(
    link: Link,
    held: Mask,
    frame: pd.DataFrame,
    schema: Schema,
    settings: Settings,
) -> Range:
    """The least and the greatest number for which a link may hold.

    That is the range of the numbers for which it does, and as much again on either
    side, since its ends are means of several. There is no end where too few rows lie
    beyond it to say that the link does not hold there.
    """
    parents = [numbers(frame, schema[name]) for name in link.parents]
    result = link.follow([x for x, _ in parents])
    if not held.any():
        return None, None
    distinct, inverse, counts = np.unique(
        result[held], return_inverse=True, return_counts=True
    )
    people = settings.people_of(frame[held])
    holders = None
    if people is not None:
        holders = Holders.of(inverse, people, len(distinct))
    ends = bounds(distinct, counts, settings.rare, holders)
    if ends is None:
        return None, None
    least, greatest = (float(end) for end in ends)
    low = least - (greatest - least)
    high = greatest + (greatest - least)
    computable = ~_any_missing(parents) & np.isfinite(result)
    others = result[computable & ~held]
    ends_below = (others < low).sum() >= BEYOND
    ends_above = (others > high).sum() >= BEYOND
    return low if ends_below else None, high if ends_above else None


def _bounds_apply(bounds: Range, distinct: Numbers) -> tuple[bool, bool]:
    """Whether all numbers of a column are within its lower and its upper bound.

    Args:
        bounds: Of the column.
        distinct: Its numbers, ascending.
    """
    low, high = bounds
    if not len(distinct):
        distinct = np.zeros(1)
    least = distinct[0]
    greatest = distinct[-1]
    low_applies = low is None or bool(low <= least)
    high_applies = high is None or bool(greatest <= high)
    return low_applies, high_applies


def _any_missing(columns: Sequence[Cells]) -> Mask:
    """``[rows]``: where the cell of any of some columns is missing."""
    masks = [missing for _, missing in columns]
    return np.asarray(np.any(masks, axis=0))


# --------------------------------------------------------------------------------------
# Parts of a whole

# The encoder of a part, its codes ``[rows, 1]``, and the cells that these stand for.
Part = tuple[Linked, Codes, pd.Series]


def complete_whole(parts: Sequence[Part]) -> dict[str, pd.Series]:
    """All parts of a whole, of which one in each row becomes what the others leave."""
    cells = []
    has_code = []
    for encoder, codes, series in parts:
        column = encoder.column
        cells.append(numbers({column.name: series}, column))
        has_code.append(codes[:, 0] == encoder.first_link)
    # All ``[rows, parts]``.
    values = np.column_stack([x for x, _ in cells]).astype(np.float64)
    missing = np.column_stack([m for _, m in cells])
    follows = np.column_stack(has_code)

    # If no code says which part follows, the largest one does.
    none_follows = ~follows.any(axis=1)
    largest = np.abs(values[none_follows]).argmax(axis=1)
    follows[none_follows, largest] = True
    # Of a row with a missing part, the sum of the others says nothing.
    follows &= ~missing.any(axis=1, keepdims=True)
    first_part, _, _ = parts[0]
    total = first_part.links[0].constant
    others = np.where(follows, 0.0, values)
    left = total - others.sum(axis=1)
    # Several parts that follow share equally what the others leave.
    followers = follows.sum(axis=1)
    left /= np.maximum(followers, 1)

    completed = {}
    for i, (encoder, _, series) in enumerate(parts):
        rows = follows[:, i]
        if rows.any():
            column_values, column_missing = cells[i]
            computed = encoder.computed(left[rows])
            column_values[rows] = computed.astype(column_values.dtype)
            series = encoder.inner.series(
                column_values[~column_missing], column_missing
            )
        completed[encoder.column.name] = series
    return completed


# --------------------------------------------------------------------------------------
# Where a link holds


def holds(
    link: Link,
    frame: pd.DataFrame,
    child: Column,
    schema: Schema,
) -> Mask:
    """``[rows]``: where the child's cell is what the link says."""
    names = (child.name, *link.parents)
    cells = {name: numbers(frame, schema[name]) for name in names}
    return holds_in(link, cells, child)


def holds_in(
    link: Link,
    cells: Mapping[str, Cells],
    child: Column,
    order: Ints | None = None,
) -> Mask:
    """`holds`, given the columns' numbers; ``order`` shuffles the parents' rows."""
    y, y_missing = cells[child.name]
    parents = []
    for name in link.parents:
        x, missing = cells[name]
        if order is not None:
            x = x[order]
            missing = missing[order]
        parents.append((x, missing))
    xs = [x for x, _ in parents]
    none_missing = ~y_missing & ~_any_missing(parents)
    held = none_missing & agrees(link, xs, y, child)
    if link.part:
        for x in xs:
            held &= np.abs(y) >= np.abs(x)
    return np.asarray(held)


def agrees(
    link: Link,
    parents: Sequence[Numbers],
    wanted: Numbers,
    child: Column,
) -> Mask:
    """``[rows]``: whether a link's numbers are the child's.

    That is, up to the child's rounding, or up to a tiny part of its standard deviation.

    Args:
        link: What is asked.
        parents: The numbers of its parents, ``[rows]`` each.
        wanted: The numbers of the child.
        child: Its column.
    """
    result = link.follow(parents)
    if result.dtype == wanted.dtype == np.int64:
        return np.asarray(result == wanted)
    places = decimals(child)
    error = rounding(places)
    if link.part and places:
        # Each of the parts is rounded, too.
        error *= 1 + len(link.parents)
    slack = 0.0
    if wanted.dtype != np.int64:
        slack = float(np.std(wanted)) * _tolerance(link)
    with np.errstate(all="ignore"):
        gaps = np.abs(result - wanted)
    return np.asarray(gaps <= max(error, slack))


def _tolerance(link: Link) -> float:
    """How near a link's numbers are to the child's, in standard deviations."""
    if link.equal:
        return EXACT
    return NEAR if len(link.parents) == 1 else CLOSE


def rounding(places: int | None) -> float:
    """The largest error of numbers of so many decimals; None for unrounded ones."""
    return 0.0 if places is None else 0.5 * 10.0**-places


def decimals(column: Column) -> int | None:
    """To what a column of numbers is rounded; None for not at all."""
    return number_kind(column).decimals(column)


def numbers(
    table: Mapping[str, pd.Series] | pd.DataFrame,
    column: Column,
) -> Cells:
    """A column's numbers, 0 where missing, and where they are missing."""
    kind = number_kind(column)
    present, missing = kind.numbers(table[column.name], column)
    values = np.zeros(len(missing), dtype=present.dtype)
    values[~missing] = present
    return values, missing


def own_unit(column: Column) -> str:
    """The unit of a column of dates or durations; "" of any other."""
    if not KINDS[column.kind].in_units:
        return ""
    return str(column.options.get("unit", "s"))


def in_unit(cells: Cells, column: Column, unit: str) -> Cells:
    """A column's numbers, of dates in a given unit, rounded down."""
    values, missing = cells
    own = own_unit(column)
    if unit and own and own != unit:
        values = dates.convert(values, own, unit)
    return values, missing
