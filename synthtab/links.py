"""Cells that follow from another cell of their row: a bill paid in full, an absolute value, a complement.

A continuous column has a density, and no density makes two numbers equal. So where a column often equals another
one, or a simple function of it, that is a code of its own: "as in column x". The generator learns when it holds,
as it learns any category; nothing is imposed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.columns import KINDS, Settings
from synthtab.columns.base import Mask
from synthtab.columns.numeric import NumberEncoder
from synthtab.columns.quantiles import Numbers
from synthtab.layout import Block
from synthtab.schema import Column, Schema

SHARE, LEAST = 0.01, 20
"""A link holds for at least this share of the rows and so many, cells that repeat a common value aside, and for
`LIFT` times as many as where one column is shuffled; or it holds `ALWAYS`, for that share of all rows."""
LIFT, ALWAYS = 4.0, 0.95
PLAIN = 1.1
"""So much more a link counts that is no absolute value."""
COMMON = 0.002
"""A value is common that this share of the rows has."""
MOST = 3
"""Links of one column."""
GLANCE = 2_000
"""Rows in which links are looked for; all rows are asked about those that show there."""
WIDE = 150
"""Among more columns than this, only equal ones are looked for: finding the constants of others takes long."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Link:
    """``sign * parent + constant``, or the absolute value of that."""

    parent: str
    sign: int = 1
    constant: float = 0.0
    absolute: bool = False

    def follow(self, parent: Numbers) -> Numbers:
        """What the parent's numbers lead to; from whole numbers, whole ones where the constant is whole."""
        whole = parent.dtype == np.int64 and float(self.constant).is_integer()
        values = self.sign * parent + (int(self.constant) if whole else self.constant)
        return np.asarray(np.abs(values) if self.absolute else values)

    def __str__(self) -> str:
        term = f"{'-' if self.sign < 0 else ''}{self.parent}"
        if self.constant and self.sign < 0:
            term = f"{self.constant:g} - {self.parent}"
        elif self.constant:
            term = f"{self.parent} {'-' if self.constant < 0 else '+'} {abs(self.constant):g}"
        return f"|{term}|" if self.absolute else term


class Linked:
    """The encoder of a column of numbers of which some follow from other columns.

    Its codes are those of the numbers that do not, with an atom more per link between atoms and modes.
    """

    def __init__(self, inner: NumberEncoder, links: tuple[Link, ...]) -> None:
        self.inner, self.links = inner, links
        self.column = inner.column
        self.needs = tuple(link.parent for link in links)
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
        held = np.any([holds(link, frame, column, schema[link.parent]) for link in links], axis=0)
        return cls(kind.fit(frame[column.name][~held], column, rng, settings), links)

    def encode_in(
        self, frame: pd.DataFrame, schema: Schema, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """As `ColumnEncoder.encode_in`."""
        codes, offsets = self.inner.encode(frame[self.column.name], rng)
        if not codes.shape[1]:  # one value at most beside the links
            codes, offsets = np.zeros((len(frame), 1), np.uint8), np.zeros((len(frame), 0), np.float32)
        codes[codes >= self.first] += len(self.links)
        for i, link in reversed(list(enumerate(self.links))):
            held = holds(link, frame, self.column, schema[link.parent])
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
        values[~missing] = found
        for i, known in enumerate(self.links):
            parent, absent = numbers(done, schema[known.parent])
            rows = (link == i) & ~absent
            values[rows] = codec.rounded(known.follow(parent[rows]))
            missing[rows] = False
            missing[(link == i) & absent] = self.column.missing
        return self.inner.series(values[~missing], missing)

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {**self.inner.state(), "links": [asdict(link) for link in self.links]}

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> Linked:
        """The inverse of `state`."""
        inner = KINDS[column.kind].from_state(column, state)
        assert isinstance(inner, NumberEncoder), f"links join numbers, report this: {column.kind}"
        return cls(inner, tuple(Link(**link) for link in state["links"]))


def find(frame: pd.DataFrame, schema: Schema, rng: np.random.Generator) -> dict[str, tuple[Link, ...]]:
    """The links of a table: name of a column -> what its cells often are. No column follows from itself by a detour."""
    found: dict[str, tuple[Link, ...]] = {}
    groups: dict[str, list[Column]] = {}
    for column in schema.columns:
        if column.kind in ("integer", "float"):
            groups.setdefault("number", []).append(column)
        elif column.kind == "datetime":
            form = {k: v for k, v in column.options.items() if k not in ("minimum", "maximum")}
            groups.setdefault(f"{column.dtype} {form}", []).append(column)
    glance = frame.iloc[np.sort(rng.permutation(len(frame))[:GLANCE])]
    shuffled = rng.permutation(len(frame))
    for name, columns in groups.items():
        proposals = _proposals(glance, columns, simple=name != "number" or len(columns) > WIDE)
        checked = []
        for child, link in proposals:
            held = holds(link, frame, child, schema[link.parent])
            rare = ~common(*numbers(frame, child)) & ~common(*numbers(frame, schema[link.parent]))
            always, special = float(held.mean()) >= ALWAYS, held & rare
            chance = rare & holds(link, frame, child, schema[link.parent], shuffled)
            if always or special.mean() >= max(SHARE, LEAST / len(frame), LIFT * chance.mean()):
                checked.append((always, special.mean() * (1 if link.absolute else PLAIN), child, link, special))
        for _, _, child, link, special in sorted(checked, key=lambda c: (-c[0], -c[1])):
            mine = found.get(child.name, ())
            if len(mine) == MOST or child.name in _ancestors(link.parent, found) | {link.parent}:
                continue
            before = [holds(known, frame, child, schema[known.parent]) for known in mine]
            if not mine or (special & ~np.any(before, axis=0)).mean() >= SHARE:
                found[child.name] = (*mine, link)
    return found


def _proposals(glance: pd.DataFrame, columns: list[Column], simple: bool) -> Iterator[tuple[Column, Link]]:
    """Links that seem to hold for half of `SHARE` of a few rows, or for nearly all."""
    cells = [numbers(glance, column) for column in columns]
    rare = [~common(*c) for c in cells]
    for j, child in enumerate(columns):
        y, y_rare = cells[j], rare[j]
        for i, parent in enumerate(columns):
            both = ~y[1] & ~cells[i][1]
            if i == j or not both.any():
                continue
            special = both & y_rare & rare[i]
            forms = [Link(parent.name)] if i < j else []
            if not simple:
                forms += _forms(parent.name, y[0], cells[i][0], both, special, i < j)
            for link in forms:
                held = both & _close(link.follow(cells[i][0]), y[0], child)
                if (held & special).mean() >= SHARE / 2 or held.mean() >= ALWAYS:
                    yield child, link


def _forms(parent: str, y: Numbers, x: Numbers, both: Mask, special: Mask, earlier: bool) -> Iterator[Link]:
    """``c - x`` and ``|x - c|``: where x < c, both have x + y = c, the commonest sum; and ``|x|``."""
    middles = {0.0}
    if special.sum() >= 10:
        values, counts = np.unique(np.round(y[special].astype(np.float64) + x[special], 6), return_counts=True)
        if counts.max() >= max(5, SHARE / 2 * len(y)):
            middles.add(float(values[counts.argmax()]))
            if earlier:
                yield Link(parent, -1, float(values[counts.argmax()]))
    if y[both].min() >= 0:
        for middle in sorted(middles):
            if x[both].min() < middle < x[both].max():
                yield Link(parent, 1, -middle or 0.0, absolute=True)


def holds(
    link: Link, frame: pd.DataFrame, child: Column, parent: Column, order: npt.NDArray[np.int64] | None = None
) -> Mask:
    """``[rows]``: where the child's cell is what the link says; ``order`` shuffles the parent."""
    (y, y_missing), (x, x_missing) = numbers(frame, child), numbers(frame, parent)
    if order is not None:
        x, x_missing = x[order], x_missing[order]
    return np.asarray(~y_missing & ~x_missing & _close(link.follow(x), y, child))


def _close(found: Numbers, wanted: Numbers, child: Column) -> Mask:
    """Whether numbers are equal once rounded as the child's are, or to a millionth of its spread."""
    if found.dtype == wanted.dtype == np.int64:
        return np.asarray(found == wanted)
    if wanted.dtype == np.int64:
        return np.asarray(np.abs(found - wanted) < 0.5)
    kind = KINDS[child.kind]
    assert issubclass(kind, NumberEncoder)
    decimals = kind.decimals(child)
    half = 0.0 if decimals is None else 0.5 * 10.0**-decimals
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.abs(found - wanted) <= max(half, 1e-6 * float(np.std(wanted))))


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


def _ancestors(name: str, found: Mapping[str, tuple[Link, ...]]) -> set[str]:
    """All columns that a column follows from."""
    parents = {link.parent for link in found.get(name, ())}
    return parents.union(*(_ancestors(parent, found) for parent in parents))
