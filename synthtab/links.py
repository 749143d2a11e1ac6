"""Cells that follow from other cells of their row: a bill paid in full, an absolute value, a total.

A continuous column has a density, and no density makes two numbers equal. So where a column often equals another
one, or a simple function of others, that is a code of its own: "as in column x". The generator learns when it holds,
as it learns any category; nothing is imposed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.columns import KINDS, Settings
from synthtab.columns.base import Mask
from synthtab.columns.numeric import NumberEncoder
from synthtab.columns.quantiles import Numbers, nearest
from synthtab.layout import Block
from synthtab.schema import Column, Schema

SHARE, LEAST, LIFT = 0.01, 20, 4.0
"""A link to one column holds for at least this share of the rows and so many, cells that repeat a common value aside,
and for `LIFT` times as many as where the parent is shuffled;"""
ALWAYS = 0.95
"""or it holds, as one to several columns must, for this share of all rows, and fails `LIFT` times less than by
chance."""
PLAIN = 1.1
"""So much more a link counts that is no absolute value."""
COMMON = 0.002
"""A value is common that this share of the rows has."""
MOST = 3
"""Links of one column."""
GLANCE, PEEK, LOOK = 2_000, 300, 50_000
"""Rows in which links to one column are looked for, and to several; and rows that are asked about those found there."""
WIDE = 100
"""Among more columns than this, only equal ones are looked for: there are too many pairs for the rest."""
WINDOW = 12
"""Most neighbouring columns that may add up to something."""
EXACT, CLOSE = 1e-6, 1e-5
"""How near numbers are that count as equal, in units of the column's spread; the second where they are computed."""

Floats = npt.NDArray[np.float64]
Known = tuple[Numbers, Mask]
"""A column's numbers, 0 where missing, and where they are missing."""


def _sum(parents: Sequence[Numbers]) -> Numbers:
    return np.asarray(sum(parents[1:], parents[0]))


FORMS: dict[str, tuple[str, Callable[[Sequence[Numbers], Any], Any]]] = {
    "sum": ("{sum}", lambda x, c: _sum(x)),
    "rest": ("{c:g} - {sum}", lambda x, c: c - _sum(x)),
    "distance": ("|{0} - {c:g}|", lambda x, c: np.abs(x[0] - c)),
    "difference": ("{0} - {1}", lambda x, c: x[0] - x[1]),
    "product": ("{0} * {1}", lambda x, c: x[0] * x[1].astype(np.float64)),
    "ratio": ("{0} / {1}", lambda x, c: x[0] / x[1].astype(np.float64)),
    "remainder": ("{0} / {1} - {0}", lambda x, c: x[0] / x[1].astype(np.float64) - x[0]),
    "share": ("{0} / ({0} + {1})", lambda x, c: x[0] / _sum(x).astype(np.float64)),
}
"""Name -> how a link reads, and its numbers from those of its parents and a constant. A sum of one is "equal"."""
PAIRS = {"sum": False, "difference": True, "product": False, "ratio": True, "remainder": True, "share": True}
"""The forms of two parents, and whether their order matters."""


@dataclass(frozen=True)
class Link:
    """What a cell is, as one of `FORMS` of other cells of its row."""

    parents: tuple[str, ...]
    form: str = "sum"
    constant: float = 0.0

    def follow(self, parents: Sequence[Numbers]) -> Numbers:
        """The numbers that those of the parents lead to; from whole ones, whole ones where the form leaves them so."""
        constant = int(self.constant) if float(self.constant).is_integer() else self.constant
        with np.errstate(all="ignore"):
            return np.asarray(FORMS[self.form][1](parents, constant))

    @property
    def equal(self) -> bool:
        """Whether it says just "the same as"."""
        return self.form == "sum" and len(self.parents) == 1

    def __str__(self) -> str:
        joined = " + ".join(self.parents)
        if self.form == "rest":
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
    """

    def __init__(
        self, inner: NumberEncoder, links: tuple[Link, ...], grid: Numbers, slack: float,
        bounded: tuple[bool, bool] = (True, True),
    ) -> None:  # fmt: skip
        self.inner, self.links, self.grid, self.slack, self.bounded = inner, links, grid, slack, bounded
        self.column = inner.column
        self.needs = tuple(name for link in links for name in link.parents)
        codec = inner.codec
        own = codec.block(self.column.name)
        self.first = len(codec.atoms) + codec.missing
        values = (own.values if own else (0.0,) * self.first) + (float("nan"),) * len(links)
        modes, curves = (own.modes, own.curves) if own else (0, ())
        several = len(values) + modes > 1
        self.blocks = (Block(self.column.name, "", len(values), modes, values, curves),) if several else ()

    @classmethod
    def fit(
        cls, frame: pd.DataFrame, column: Column, links: tuple[Link, ...], schema: Schema, rng: np.random.Generator,
        settings: Settings,
    ) -> Linked:  # fmt: skip
        """Learn the encoding of the cells that follow from no other."""
        kind = KINDS[column.kind]
        assert issubclass(kind, NumberEncoder), f"links join numbers, report this: {column.kind}"
        held = np.any([holds(link, frame, column, schema) for link in links], axis=0)
        values, missing = numbers(frame, column)
        distinct, counts = np.unique(values[~missing], return_counts=True)
        grid = distinct[counts >= max(3, settings.rare, COMMON * len(frame))]
        slack = CLOSE * float(np.std(values[~missing])) if values.dtype == np.float64 else 0.0
        inner, (low, high) = kind.fit_whole(frame[column.name][~held], column, rng, settings), kind.bounds(column)
        ends = distinct[[0, -1]] if len(distinct) else (0, 0)
        bounded = low is None or bool(low <= ends[0]), high is None or bool(ends[1] <= high)
        return cls(inner, links, grid, slack, bounded)

    def encode_in(
        self, frame: pd.DataFrame, schema: Schema, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """As `ColumnEncoder.encode_in`."""
        codes, offsets = self.inner.encode(frame[self.column.name], rng)
        if codes.shape[1]:
            codes[codes >= self.first] += len(self.links)
        else:  # one value at most beside the links; cells that are neither it nor follow a link count as the first code
            codes, offsets = np.zeros((len(frame), 1), np.uint8), np.zeros((len(frame), 0), np.float32)
        for i, link in reversed(list(enumerate(self.links))):
            held = holds(link, frame, self.column, schema)
            codes[held, 0], offsets[held] = self.first + i, 0.5
        return codes[:, : len(self.blocks)], offsets

    def decode_in(
        self, codes: npt.NDArray[np.integer[Any]], offsets: npt.NDArray[np.floating[Any]], rng: np.random.Generator,
        start: int, done: Mapping[str, pd.Series], schema: Schema,
    ) -> pd.Series:  # fmt: skip
        """As `ColumnEncoder.decode_in`. A cell that is as in a missing one is missing, where the column has such."""
        codec, count = self.inner.codec, len(self.links)
        code = codes[:, 0].astype(np.int64) if self.blocks else np.full(len(codes), self.first, dtype=np.int64)
        link = np.where((code >= self.first) & (code < self.first + count), code - self.first, -1)
        own = np.where(link >= 0, 0, np.where(code >= self.first, code - count, code))
        inner = offsets[:, 0] if offsets.shape[1] else np.full(len(code), 0.5, dtype=np.float32)
        found, missing = codec.decode(own, inner)
        values = np.zeros(len(code), dtype=codec.atoms.dtype)
        values[~missing] = self.inner.within(found, step=codec.step)
        for i, known in enumerate(self.links):
            cells = [numbers(done, schema[name]) for name in known.parents]
            result = known.follow([x for x, _ in cells])
            absent = np.any([m for _, m in cells], axis=0) | ~np.isfinite(result)
            rows = (link == i) & ~absent
            values[rows] = self.inner.within(self._snapped(codec.rounded(result[rows])), *self.bounded)
            missing[rows] = False
            missing[(link == i) & absent] = self.column.missing
        return self.inner.series(values[~missing], missing)

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
        return {**self.inner.state(), "links": links, "grid": self.grid.tolist(), "slack": self.slack,
                "bounded": list(self.bounded)}  # fmt: skip

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> Linked:
        """The inverse of `state`."""
        inner = KINDS[column.kind].from_state(column, state)
        assert isinstance(inner, NumberEncoder), f"links join numbers, report this: {column.kind}"
        links = tuple(Link(tuple(k["parents"]), k["form"], k["constant"]) for k in state["links"])
        low, high = state.get("bounded", (True, True))
        return cls(inner, links, np.array(state["grid"], dtype=inner.codec.atoms.dtype), state["slack"], (low, high))


@np.errstate(all="ignore")  # 1e308 and 0 / 0 are no links
def find(frame: pd.DataFrame, schema: Schema, rng: np.random.Generator) -> dict[str, tuple[Link, ...]]:
    """The links of a table: name of a column -> what its cells often are. No column follows from itself by a detour."""
    found: dict[str, tuple[Link, ...]] = {}
    groups: dict[str, list[Column]] = {}
    for column in schema.columns:
        if column.kind in ("integer", "float"):
            groups.setdefault("number", []).append(column)
        elif column.kind in ("datetime", "duration", "clock"):
            form = {k: v for k, v in column.options.items() if k not in ("minimum", "maximum")}
            groups.setdefault(f"{column.kind} {column.dtype} {form}", []).append(column)
    frame = frame.iloc[rng.permutation(len(frame))[:LOOK]]
    shuffled = rng.permutation(len(frame))
    for name, columns in groups.items():
        simple = name != "number" or len(columns) > WIDE
        cells = {c.name: numbers(frame, c) for c in columns}
        rare = {c.name: ~common(*cells[c.name]) for c in columns}
        glance = {c: (x[:GLANCE], missing[:GLANCE]) for c, (x, missing) in cells.items()}
        checked = []
        for child, link in [*_proposals(glance, columns, simple), *([] if simple else _several(glance, columns))]:
            held, chance = (_held(link, cells, child, order) for order in (None, shuffled))
            both = rare[child.name] & rare[link.parents[0]]
            if len(link.parents) > 1 and not _as_rough(rare, child.name, link.parents):
                continue
            always = held.mean() >= ALWAYS and (1 - held.mean()) * LIFT <= 1 - chance.mean()
            special = (held & both).mean() if len(link.parents) == 1 else 0.0
            if always or special >= max(SHARE, LEAST / len(frame), LIFT * (chance & both).mean()):
                worth = (always, -len(link.parents), special * (PLAIN if link.form != "distance" else 1))
                checked.append((worth, child, link, held & both))
        for _, child, link, special in sorted(checked, key=lambda c: c[0], reverse=True):
            mine = found.get(child.name, ())
            ancestors = set(link.parents).union(*(_ancestors(parent, found) for parent in link.parents))
            if len(mine) == MOST or child.name in ancestors or (mine and len(link.parents) > 1):
                continue
            before = [_held(known, cells, child) for known in mine]
            if not mine or (special & ~np.any(before, axis=0)).mean() >= SHARE:
                found[child.name] = (*mine, link)
    return found


def _proposals(glance: Mapping[str, Known], columns: list[Column], simple: bool) -> Iterator[tuple[Column, Link]]:
    """Links that seem to hold for half of `SHARE` of a few rows, or for nearly all and not by chance."""
    cells = [glance[column.name] for column in columns]
    rare = [~common(*c) for c in cells]
    for j, child in enumerate(columns):
        y, y_rare = cells[j], rare[j]
        for i, parent in enumerate(columns):
            both = ~y[1] & ~cells[i][1]
            if i == j or not both.any():
                continue
            special = both & y_rare & rare[i]

            def by_more(link: Link, held: Mask, i: int = i, y: Known = cells[j], child: Column = child) -> bool:
                """Than where the parent is shuffled (the rows are in random order): columns that hold few values but 0
                agree in most rows.
                """
                x, missing = (np.roll(part, len(held) // 2) for part in cells[i])
                chance = ~y[1] & ~missing & _close(link, [x], y[0], child)
                return bool((1 - held.mean()) * LIFT / 2 <= 1 - chance.mean())

            forms = [Link((parent.name,))] if i < j else []
            if not simple:
                forms += _forms(parent.name, y[0], cells[i][0], both, special, i < j)
            for link in forms:
                held = both & _close(link, [cells[i][0]], y[0], child)
                if (held & special).mean() >= SHARE / 2 or (held.mean() >= ALWAYS and by_more(link, held)):
                    yield child, link


def _forms(parent: str, y: Numbers, x: Numbers, both: Mask, special: Mask, earlier: bool) -> Iterator[Link]:
    """``c - x`` and ``|x - c|``: where x < c, both have x + y = c, the commonest sum; and ``|x|``."""
    middles = {0.0}
    if special.sum() >= 10:
        values, counts = np.unique(np.round(y[special].astype(np.float64) + x[special], 6), return_counts=True)
        if counts.max() >= max(5, SHARE / 2 * len(y)):
            middles.add(float(values[counts.argmax()]))
            if earlier:
                yield Link((parent,), "rest", float(values[counts.argmax()]))
    if y[both].min() >= 0:
        for middle in sorted(middles):
            if x[both].min() < middle < x[both].max():
                yield Link((parent,), "distance", middle)


def _several(glance: Mapping[str, Known], columns: list[Column]) -> Iterator[tuple[Column, Link]]:
    """Links to two columns, and to neighbours that add up to another column. Not to those that add up to a constant: a
    small share of a whole would get the errors of the large ones.
    """
    cells = [(x[:PEEK], missing[:PEEK]) for x, missing in (glance[column.name] for column in columns)]
    table = np.column_stack([np.where(m, np.nan, x.astype(np.float64)) for x, m in cells])
    spread = np.array([x[~m].astype(np.float64).std() if not m.all() else 0.0 for x, m in cells])
    near = np.maximum(CLOSE * spread, [0.5 * (c.kind == "integer") for c in columns])
    names = [c.name for c in columns]

    def agreeing(values: Floats, parents: Collection[int]) -> Iterator[Column]:
        with np.errstate(invalid="ignore"):
            same = (np.abs(values[:, None] - table) <= near).mean(axis=0)
            likely = np.flatnonzero((same >= ALWAYS - 0.03) & (spread > 0))
            # Columns that hold few values but 0 agree in most rows: not more than where the rows are others.
            other = np.roll(values, len(values) // 2)[:, None]
            chance = (np.abs(other - table[:, likely]) <= near[likely]).mean(axis=0) if len(likely) else likely
        more = (1 - same[likely]) * LIFT / 2 <= 1 - chance
        yield from (columns[j] for j in likely[more] if j not in parents)

    for i, j in permutations(range(len(columns)), 2):
        for form, ordered in PAIRS.items():
            if ordered or i < j:
                link = Link((names[i], names[j]), form)
                for child in agreeing(link.follow([table[:, i], table[:, j]]), {i, j}):
                    yield child, link
    sums = np.cumsum(np.column_stack([np.zeros(len(table)), table]), axis=1)
    for i, j in combinations(range(len(columns) + 1), 2):
        if not 3 <= j - i <= WINDOW:
            continue
        total = sums[:, j] - sums[:, i]
        for child in agreeing(total, range(i, j)):
            yield child, Link(tuple(names[i:j]))


def holds(link: Link, frame: pd.DataFrame, child: Column, schema: Schema) -> Mask:
    """``[rows]``: where the child's cell is what the link says."""
    cells = {name: numbers(frame, schema[name]) for name in (child.name, *link.parents)}
    return _held(link, cells, child)


def _held(link: Link, cells: Mapping[str, Known], child: Column, order: npt.NDArray[np.int64] | None = None) -> Mask:
    """`holds`, given the numbers of the columns; ``order`` shuffles the parents."""
    y, y_missing = cells[child.name]
    parents = [cells[name] for name in link.parents]
    if order is not None:
        parents = [(x[order], missing[order]) for x, missing in parents]
    missing = np.any([y_missing, *(m for _, m in parents)], axis=0)
    return np.asarray(~missing & _close(link, [x for x, _ in parents], y, child))


def _close(link: Link, parents: Sequence[Numbers], wanted: Numbers, child: Column) -> Mask:
    """Whether a link's numbers are the child's, once rounded as those are, or up to a tiny part of their spread."""
    found = link.follow(parents)
    if found.dtype == wanted.dtype == np.int64:
        return np.asarray(found == wanted)
    kind = KINDS[child.kind]
    assert issubclass(kind, NumberEncoder)
    decimals = kind.decimals(child)
    half = 0.0 if decimals is None else 0.5 * 10.0**-decimals
    slack = 0.0 if wanted.dtype == np.int64 else float(np.std(wanted)) * (EXACT if link.equal else CLOSE)
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(found - wanted) <= max(half, slack))


def numbers(table: Mapping[str, pd.Series] | pd.DataFrame, column: Column) -> tuple[Numbers, Mask]:
    """A column's numbers, 0 where missing, and where they are missing."""
    kind = KINDS[column.kind]
    assert issubclass(kind, NumberEncoder), f"links join numbers, report this: {column.kind}"
    known, missing = kind.numbers(table[column.name], column)
    values = np.zeros(len(missing), dtype=known.dtype)
    values[~missing] = known
    return values, missing


def common(values: Numbers, missing: Mask) -> Mask:
    """``[rows]``: which cells repeat a common value, or none."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(missing | (counts >= max(3, COMMON * len(values)))[inverse])


def _as_rough(rare: Mapping[str, Mask], child: str, parents: Sequence[str]) -> bool:
    """Whether a column repeats common values no more than those that it follows from: what is computed from smooth
    numbers is smooth.
    """
    return bool(rare[child].mean() >= min(rare[name].mean() for name in parents) - 0.05)


def _ancestors(name: str, found: Mapping[str, tuple[Link, ...]]) -> set[str]:
    """All columns that a column follows from."""
    parents = {parent for link in found.get(name, ()) for parent in link.parents}
    return parents.union(*(_ancestors(parent, found) for parent in parents))
