"""Cells that follow from other cells of their row: a bill paid in full, an absolute value, a total.

A continuous column has a density, and no density makes two numbers equal. So where a column often equals another
one, or a simple function of others, that is a code of its own: "as in column x". The generator learns when it holds,
as it learns any category; nothing is imposed.

Parts of a whole (shares that add up to 1; compositional data, Aitchison 1982) follow from one another in a circle. In
each row, the largest of them is the one that follows: a small one, computed as the rest, would get the errors of the
large ones. In a tenth of the rows such a cell is encoded as what it is: the generator knows it by its value, too.

A rate that is a count divided by another column is whole in units of one over that: what is drawn goes to the nearest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.layout import Block
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import KINDS, Settings
from synthtab.data.columns.base import Mask
from synthtab.data.columns.disclosure import bounds
from synthtab.data.columns.numeric import NumberEncoder
from synthtab.data.columns.quantiles import Numbers, nearest

# A value is common that this share of the rows has.
COMMON = 0.002
# How near numbers are that count as equal, in units of the column's spread: to another
# column as it is, to what is computed from one, and from several.
EXACT, NEAR, CLOSE = 1e-9, 1e-6, 1e-5
# Rows that show that a link does not hold beyond some number.
BEYOND = 10
# Share of the cells that are the rest of a whole, and yet are encoded as what they are.
VALUES = 0.1
Floats = npt.NDArray[np.float64]
# A column's numbers, 0 where missing, and where they are missing.
Known = tuple[Numbers, Mask]
# The least and the greatest number that there can be; None where nothing is known of
# it.
Limits = tuple[float | None, float | None]


def _sum(parents: Sequence[Numbers]) -> Numbers:
    return np.asarray(sum(parents[1:], parents[0]))


# Name -> how a link reads, and its numbers from those of its parents and a constant. A
# sum of one is "equal"; "largest" is the rest of a whole, and holds where it is the
# largest part.
FORMS: dict[str, tuple[str, Callable[[Sequence[Numbers], Any], Any]]] = {
    "sum": ("{sum}", lambda x, c: _sum(x)),
    "rest": ("{c:g} - {sum}", lambda x, c: c - _sum(x)),
    "largest": ("{c:g} - {sum}", lambda x, c: c - _sum(x)),
    "distance": ("|{0} - {c:g}|", lambda x, c: np.abs(x[0] - c)),
    "difference": ("{0} - {1}", lambda x, c: x[0] - x[1]),
    "product": ("{0} * {1}", lambda x, c: x[0] * x[1].astype(np.float64)),
    "ratio": ("{0} / {1}", lambda x, c: x[0] / x[1].astype(np.float64)),
    "remainder": (
        "{0} / {1} - {0}",
        lambda x, c: x[0] / x[1].astype(np.float64) - x[0],
    ),
    "share": ("{0} / ({0} + {1})", lambda x, c: x[0] / _sum(x).astype(np.float64)),
}


@dataclass(frozen=True)
class Link:
    """What a cell is, as one of `FORMS` of other cells of its row."""

    parents: tuple[str, ...]
    form: str = "sum"
    constant: float = 0.0

    def follow(self, parents: Sequence[Numbers]) -> Numbers:
        """The numbers that those of the parents lead to; from whole ones, whole ones where the form leaves them so."""
        constant = (
            int(self.constant) if float(self.constant).is_integer() else self.constant
        )
        with np.errstate(all="ignore"):
            return np.asarray(FORMS[self.form][1](parents, constant))

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
        return FORMS[self.form][0].format(*self.parents, sum=joined, c=self.constant)


class Linked:
    """The encoder of a column of numbers of which some follow from other columns.

    Its codes are those of the numbers that do not, with an atom more per link between atoms and modes.

    Args:
        inner: The encoder of the other numbers.
        links: What the rest follows from.
        grid: Values of the column that repeat, ascending; what is computed and as near to one as ``slack`` is that
            value, since tables differ from their own arithmetic in the last digits.
        slack: See there.
        bounded: Whether the column's lower and upper bound hold for what is computed, too: not if training cells lie
            beyond it, as they do where it is the mean of several.
        base: The column by which its cells are counts divided, if any.
        limits: Of each link, the least and the greatest number for which it holds (see `_limits`).
        shares: Cells without a link that have each code of ``inner``, missing ones aside; empty if no link has limits.
    """

    def __init__(
        self,
        inner: NumberEncoder,
        links: tuple[Link, ...],
        grid: Numbers,
        slack: float,
        bounded: tuple[bool, bool] = (True, True),
        base: str = "",
        limits: Sequence[Limits] = (),
        shares: Sequence[int] = (),
    ) -> None:
        self.inner, self.links, self.grid, self.slack, self.bounded = (
            inner,
            links,
            grid,
            slack,
            bounded,
        )
        self.base, self.limits = base, tuple(limits) or ((None, None),) * len(links)
        self.shares = tuple(shares)
        self.column = inner.column
        self.needs = tuple(
            name for link in links for name in link.parents if not link.part
        ) + (base,) * bool(base)
        codec = inner.codec
        own = codec.block(self.column.name)
        self.first = len(codec.atoms) + codec.missing
        values = (own.values if own else (0.0,) * self.first) + (float("nan"),) * len(
            links
        )
        modes, curves = (own.modes, own.curves) if own else (0, ())
        several = len(values) + modes > 1
        self.blocks = (
            (Block(self.column.name, "", len(values), modes, values, curves),)
            if several
            else ()
        )

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
        kind = KINDS[column.kind]
        assert issubclass(kind, NumberEncoder), (
            f"links join numbers, report this: {column.kind}"
        )
        held, limits = np.zeros(len(frame), dtype=bool), list[Limits]()
        for link in links:
            limits.append((None, None))
            if not link.part:  # of these, any may be encoded as what it is
                true = holds(link, frame, column, schema)
                held |= true
                limits[-1] = _limits(link, true, frame, schema, settings.rare)
        values, missing = numbers(frame, column)
        distinct, counts = np.unique(values[~missing], return_counts=True)
        grid = distinct[counts >= max(3, settings.rare, COMMON * len(frame))]
        slack = (
            CLOSE * float(np.std(values[~missing]))
            if values.dtype == np.float64
            else 0.0
        )
        inner, (low, high) = (
            kind.fit_whole(frame[column.name][~held], column, rng, settings),
            kind.bounds(column),
        )
        ends = distinct[[0, -1]] if len(distinct) else (0, 0)
        bounded = (
            low is None or bool(low <= ends[0]),
            high is None or bool(ends[1] <= high),
        )
        shares: list[int] = []
        if any(end is not None for ends_of in limits for end in ends_of):
            free = ~held & ~missing
            codes, _ = inner.codec.encode(
                values[free], np.zeros(free.sum(), dtype=bool), rng
            )
            shares = np.bincount(codes, minlength=inner.codec.size).tolist()
        return cls(inner, links, grid, slack, bounded, base, limits, shares)

    def encode_in(
        self, frame: pd.DataFrame, schema: Schema, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """As `ColumnEncoder.encode_in`."""
        codes, offsets = self.inner.encode(frame[self.column.name], rng)
        if codes.shape[1]:
            codes[codes >= self.first] += len(self.links)
        else:  # one value at most beside the links; cells that are neither it nor follow a link count as the first code
            codes, offsets = (
                np.zeros((len(frame), 1), np.uint8),
                np.zeros((len(frame), 0), np.float32),
            )
        for i, link in reversed(list(enumerate(self.links))):
            held = holds(link, frame, self.column, schema)
            if link.part:
                held &= rng.random(len(held)) >= VALUES
            codes[held, 0], offsets[held] = self.first + i, 0.5
        return codes[:, : len(self.blocks)], offsets

    def decode_in(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
        done: Mapping[str, pd.Series],
        schema: Schema,
    ) -> pd.Series:
        """As `ColumnEncoder.decode_in`. A cell that is as in a missing one is missing, where the column has such; one
        that cannot be what its link says is any of the column's numbers.
        """
        codec, count = self.inner.codec, len(self.links)
        code = (
            codes[:, 0].astype(np.int64)
            if self.blocks
            else np.full(len(codes), self.first, dtype=np.int64)
        )
        link = np.where(
            (code >= self.first) & (code < self.first + count), code - self.first, -1
        )
        own = np.where(link >= 0, 0, np.where(code >= self.first, code - count, code))
        inner = (
            offsets[:, 0]
            if offsets.shape[1]
            else np.full(len(code), 0.5, dtype=np.float32)
        )
        found, missing = codec.decode(own, inner)
        values = np.zeros(len(code), dtype=codec.atoms.dtype)
        values[~missing] = self.inner.within(found, step=codec.step)
        for i, known in enumerate(self.links):
            if known.part:  # when all parts are known: `completed`
                missing[link == i] = False
                continue
            cells = [numbers(done, schema[name]) for name in known.parents]
            result = known.follow([x for x, _ in cells])
            absent = np.any([m for _, m in cells], axis=0) | ~np.isfinite(result)
            rows = (link == i) & ~absent
            rows &= ~self._beyond(result, rows, self.limits[i], values)
            values[rows] = self.computed(result[rows])
            missing[(link == i) & ~absent] = False
            missing[(link == i) & absent] = self.column.missing
        if self.base:
            values = self._counted(values, *numbers(done, schema[self.base]))
        return self.inner.series(values[~missing], missing)

    @property
    def whole(self) -> tuple[str, ...]:
        """The parts of the whole that this is one of; none if it is not."""
        first = self.links[:1]
        return (
            tuple(sorted((self.column.name, *first[0].parents)))
            if first and first[0].part
            else ()
        )

    def _beyond(
        self, result: Numbers, rows: Mask, limits: Limits, values: Numbers
    ) -> Mask:
        """Which of the rows a link leads beyond its limits; these get other ``values``, distributed as those of cells
        without a link. Which, the number beyond decides: a row is the same however many are decoded.
        """
        low, high = limits
        none = np.zeros(len(rows), dtype=bool)
        far = rows & (
            (none if low is None else result < low)
            | (none if high is None else result > high)
        )
        if not sum(self.shares) or not far.any():
            return none
        ends = np.cumsum(self.shares) / sum(self.shares)
        draws = (pd.util.hash_array(result[far].astype(np.float64)) >> 11) / 2.0**53
        codes = np.searchsorted(ends, draws, side="right")
        inner = 1 - (ends[codes] - draws) / np.diff(ends, prepend=0.0)[codes]
        values[far] = self.inner.within(
            self.inner.codec.decode(codes, inner)[0], step=self.inner.codec.step
        )
        return far

    def _counted(self, values: Numbers, base: Numbers, missing: Mask) -> Numbers:
        """The nearest counts, divided; what is not 0 is no count of 0."""
        base = np.abs(base.astype(np.float64))
        able = ~missing & (base > 0) & (values != 0)
        counts = np.maximum(np.rint(np.abs(values[able]) * base[able]), 1)
        found = values.copy()
        found[able] = self.computed(np.sign(values[able]) * counts / base[able])
        return found

    def computed(self, result: Numbers) -> Numbers:
        """Numbers that follow from others, as the column writes them, between its bounds."""
        return np.asarray(
            self.inner.within(
                self._snapped(self.inner.codec.rounded(result)), *self.bounded
            )
        )

    def _snapped(self, values: Numbers) -> Numbers:
        if not len(self.grid) or not self.slack:
            return values
        there = self.grid[nearest(self.grid, values)]
        return np.asarray(np.where(np.abs(there - values) <= self.slack, there, values))

    @property
    def withheld(self) -> str:
        """As `ColumnEncoder.withheld`."""
        return self.inner.withheld

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        links = [asdict(link) for link in self.links]
        return {
            **self.inner.state(),
            "links": links,
            "grid": self.grid.tolist(),
            "slack": self.slack,
            "bounded": list(self.bounded),
            "base": self.base,
            "limits": self.limits,
            "shares": self.shares,
        }

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> Linked:
        """The inverse of `state`."""
        inner = KINDS[column.kind].from_state(column, state)
        assert isinstance(inner, NumberEncoder), (
            f"links join numbers, report this: {column.kind}"
        )
        links = tuple(
            Link(tuple(k["parents"]), k["form"], k["constant"]) for k in state["links"]
        )
        low, high = state.get("bounded", (True, True))
        grid = np.array(state["grid"], dtype=inner.codec.atoms.dtype)
        limits = [(least, most) for least, most in state.get("limits", ())]
        return cls(
            inner,
            links,
            grid,
            state["slack"],
            (low, high),
            state.get("base", ""),
            limits,
            state.get("shares", ()),
        )


def _limits(
    link: Link, held: Mask, frame: pd.DataFrame, schema: Schema, rare: int
) -> Limits:
    """The least and the greatest number for which a link may hold; None where too few rows lie beyond to tell. That is
    the range of the numbers for which it does, and as much again on either side: its ends are averages.
    """
    cells = [numbers(frame, schema[name]) for name in link.parents]
    result = link.follow([x for x, _ in cells])
    ends = (
        bounds(*np.unique(result[held], return_counts=True), rare)
        if held.any()
        else None
    )
    if ends is None:
        return None, None
    low, high = (float(end) for end in ends)
    low, high = low - (high - low), high + (high - low)
    others = result[
        ~held & np.isfinite(result) & ~np.any([m for _, m in cells], axis=0)
    ]
    return low if (others < low).sum() >= BEYOND else None, high if (
        others > high
    ).sum() >= BEYOND else None


def completed(
    parts: Sequence[tuple[Linked, npt.NDArray[np.integer[Any]], pd.Series]],
    schema: Schema,
) -> dict[str, pd.Series]:
    """All parts of a whole, of which each row's rest, or else its largest part, becomes what the others leave.

    Args:
        parts: Of each part the encoder, the codes ``[rows, 1]`` and the cells that these stand for.
        schema: What the columns are.
    """
    cells = [
        numbers({encoder.column.name: own}, encoder.column) for encoder, _, own in parts
    ]
    values = np.column_stack([x.astype(np.float64) for x, _ in cells])
    missing = np.column_stack([m for _, m in cells])
    rest = np.column_stack(
        [codes[:, 0] == encoder.first for encoder, codes, _ in parts]
    )
    none = ~rest.any(axis=1)
    rest[none, np.abs(values[none]).argmax(axis=1)] = True
    rest &= ~missing.any(axis=1, keepdims=True)
    left = parts[0][0].links[0].constant - np.where(rest, 0.0, values).sum(axis=1)
    left /= np.maximum(rest.sum(axis=1), 1)
    found = {}
    for i, (encoder, _, own) in enumerate(parts):
        mine, (known, gaps) = rest[:, i], cells[i]
        known[mine] = encoder.computed(left[mine]).astype(known.dtype)
        found[encoder.column.name] = (
            encoder.inner.series(known[~gaps], gaps) if mine.any() else own
        )
    return found


def holds(link: Link, frame: pd.DataFrame, child: Column, schema: Schema) -> Mask:
    """``[rows]``: where the child's cell is what the link says."""
    cells = {name: numbers(frame, schema[name]) for name in (child.name, *link.parents)}
    return held_in(link, cells, child)


def held_in(
    link: Link,
    cells: Mapping[str, Known],
    child: Column,
    order: npt.NDArray[np.int64] | None = None,
) -> Mask:
    """`holds`, given the numbers of the columns; ``order`` shuffles the parents."""
    y, y_missing = cells[child.name]
    parents = [cells[name] for name in link.parents]
    if order is not None:
        parents = [(x[order], missing[order]) for x, missing in parents]
    missing = np.any([y_missing, *(m for _, m in parents)], axis=0)
    found = ~missing & close(link, [x for x, _ in parents], y, child)
    if link.part:
        found &= np.all([np.abs(y) >= np.abs(x) for x, _ in parents], axis=0)
    return np.asarray(found)


def close(
    link: Link, parents: Sequence[Numbers], wanted: Numbers, child: Column
) -> Mask:
    """Whether a link's numbers are the child's, once rounded as those are, or up to a tiny part of their spread."""
    found = link.follow(parents)
    if found.dtype == wanted.dtype == np.int64:
        return np.asarray(found == wanted)
    places = decimals(child)
    half = 0.0 if places is None else 0.5 * 10.0**-places
    tolerance = EXACT if link.equal else NEAR if len(link.parents) == 1 else CLOSE
    slack = 0.0 if wanted.dtype == np.int64 else float(np.std(wanted)) * tolerance
    if link.part and places:
        half *= 1 + len(link.parents)  # each is rounded
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(found - wanted) <= max(half, slack))


def decimals(column: Column) -> int | None:
    """To what a column of numbers is rounded; None for not at all."""
    kind = KINDS[column.kind]
    assert issubclass(kind, NumberEncoder), (
        f"links join numbers, report this: {column.kind}"
    )
    return kind.decimals(column)


def numbers(
    table: Mapping[str, pd.Series] | pd.DataFrame, column: Column
) -> tuple[Numbers, Mask]:
    """A column's numbers, 0 where missing, and where they are missing."""
    kind = KINDS[column.kind]
    assert issubclass(kind, NumberEncoder), (
        f"links join numbers, report this: {column.kind}"
    )
    known, missing = kind.numbers(table[column.name], column)
    values = np.zeros(len(missing), dtype=known.dtype)
    values[~missing] = known
    return values, missing
