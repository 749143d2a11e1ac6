"""Which cells of a table follow from other cells of their row: the search for links."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.schema import Column, Schema
from synthtab.data.columns.base import Mask
from synthtab.data.columns.numeric import MOST_DECIMALS
from synthtab.data.columns.quantiles import Numbers
from synthtab.data.relations.links import (
    CLOSE,
    COMMON,
    EXACT,
    NEAR,
    Floats,
    Known,
    Link,
    close,
    decimals,
    held_in,
    numbers,
)

# A link to one column holds for at least this share of the rows and so many, cells that
# repeat a common value aside, and for `LIFT` times as many as where the parent is
# shuffled;
SHARE, LEAST, LIFT = 0.01, 20, 4.0
# or it holds, as one to several columns must, for this share of all rows, and fails
# `LIFT` times less than by chance.
ALWAYS = 0.95
# So much more a link counts that is no absolute value.
PLAIN = 1.1
# Links of one column.
MOST = 3
# Rows in which links to one column are looked for, and to several; and rows that are
# asked about those found there.
GLANCE, PEEK, LOOK = 2_000, 300, 50_000
# Places by which equal values of a row may be apart once they are sorted.
BESIDE = 4
# Rows of which half must agree, lest all are compared.
SEEN = 16
# Among more columns than this, only equal ones are looked for: there are too many pairs
# for the rest.
WIDE = 100
# Most neighbouring columns that may add up to something.
WINDOW = 12
# Parts add up to the same in at least this share of the rows, and the largest is all of
# it in at most that share.
WHOLE, FULL = 0.999, 0.9
# Least share of the cells of a column, but 0, that are counts once multiplied by
# another column; and the most of them where that one is shuffled.
COUNTS, CHANCE = 0.995, 0.5
# The median of the counts is at most that: of large ones, nobody sees that they are
# whole. How near they are to whole numbers; and the decimals without which that says
# nothing.
FEW, NEARLY, LEAST_DECIMALS = 100, 1e-3, 4
# The forms of two parents, and whether their order matters.
PAIRS = {
    "sum": False,
    "difference": True,
    "product": False,
    "ratio": True,
    "remainder": True,
    "share": True,
}
Ints = npt.NDArray[np.int64]


@np.errstate(all="ignore")  # 1e308 and 0 / 0 are no links
def find(
    frame: pd.DataFrame, schema: Schema, rng: np.random.Generator
) -> dict[str, tuple[Link, ...]]:
    """The links of a table: name of a column -> what its cells often are.

    No column follows from itself by a detour.

    Args:
        frame: The table, in the dtypes of the schema.
        schema: What its columns are.
        rng: Chooses the rows that are looked at.
    """
    groups = _comparable(schema)
    frame = frame.iloc[rng.permutation(len(frame))[:LOOK]]
    shuffled = rng.permutation(len(frame))
    links: dict[str, tuple[Link, ...]] = {}
    for parts, total in _wholes(frame, groups.get("number", [])):
        # Each part is the rest of the total; they are drawn together as shares of it.
        for i, part in enumerate(parts):
            others = (*parts[:i], *parts[i + 1 :])
            links[part] = (Link(others, "largest", total),)
    for name, columns in groups.items():
        # Arithmetic with several columns is for numbers, and not for very wide tables.
        simple = name != "number" or len(columns) > WIDE
        cells = {c.name: numbers(frame, c) for c in columns}
        candidates = _confirmed(cells, columns, simple, shuffled)
        _take_best(candidates, cells, links)
    return links


def _comparable(schema: Schema) -> dict[str, list[Column]]:
    """Columns that may follow from one another: numbers, or dates of one format."""
    groups: dict[str, list[Column]] = {}
    for column in schema.columns:
        if column.kind in ("integer", "float"):
            groups.setdefault("number", []).append(column)
        elif column.kind in ("datetime", "duration", "clock"):
            form = {
                name: value
                for name, value in column.options.items()
                if name not in ("minimum", "maximum")
            }
            group = f"{column.kind} {column.dtype} {form}"
            groups.setdefault(group, []).append(column)
    return groups


@dataclass(frozen=True)
class _Candidate:
    """A link that holds in a table, beyond chance.

    Attributes:
        worth: Sorts the candidates, the best one last: those that hold always, those of few
            parents, those that explain many uncommon cells.
        child: The column that follows.
        link: What it follows from.
        special: ``[rows]``: where it holds for cells that are not common.
    """

    worth: tuple[bool, int, float]
    child: Column
    link: Link
    special: Mask


def _confirmed(
    cells: Mapping[str, Known], columns: list[Column], simple: bool, shuffled: Any
) -> list[_Candidate]:
    """Of the links that a glance proposes, those that hold in all rows of the sample."""
    rows = len(shuffled)
    rare = {c.name: ~common(*cells[c.name]) for c in columns}
    glance = {
        name: (x[:GLANCE], missing[:GLANCE]) for name, (x, missing) in cells.items()
    }
    proposals = list(_proposals(glance, columns, simple))
    if not simple:
        proposals += _several(glance, columns)
    candidates = []
    for child, link in proposals:
        held = held_in(link, cells, child, None)
        # The same with the parents' rows in another order: what chance alone gives.
        chance = held_in(link, cells, child, shuffled)
        alone = len(link.parents) == 1
        both_rare = rare[child.name] & rare[link.parents[0]]
        if not alone and not _as_rough(rare, child.name, link.parents):
            continue
        misses = 1 - held.mean()
        always = held.mean() >= ALWAYS and misses * LIFT <= 1 - chance.mean()
        special = (held & both_rare).mean() if alone else 0.0
        least = max(SHARE, LEAST / rows, LIFT * (chance & both_rare).mean())
        if always or special >= least:
            weight = PLAIN if link.form != "distance" else 1
            worth = (always, -len(link.parents), special * weight)
            candidates.append(_Candidate(worth, child, link, held & both_rare))
    return candidates


def _take_best(
    candidates: list[_Candidate],
    cells: Mapping[str, Known],
    links: dict[str, tuple[Link, ...]],
) -> None:
    """Add the best candidates to the links, each if it explains what the others do not."""
    best_first = sorted(candidates, key=lambda c: c.worth, reverse=True)
    for candidate in best_first:
        child = candidate.child
        link = candidate.link
        known = links.get(child.name, ())
        ancestors = set(link.parents)
        for parent in link.parents:
            ancestors |= _ancestors(parent, links)
        in_a_circle = child.name in ancestors
        # A link to several columns, or to a part of a whole, stands alone.
        stands_alone = known and (len(link.parents) > 1 or known[0].part)
        if len(known) == MOST or in_a_circle or stands_alone:
            continue
        explained = [held_in(other, cells, child) for other in known]
        if known and (candidate.special & ~np.any(explained, axis=0)).mean() < SHARE:
            continue
        links[child.name] = (*known, link)


def _proposals(
    glance: Mapping[str, Known], columns: list[Column], simple: bool
) -> Iterator[tuple[Column, Link]]:
    """Links that seem to hold for half of `SHARE` of a few rows, or for nearly all and not by chance."""
    cells = [glance[column.name] for column in columns]
    rare = [~common(*c) for c in cells]
    near = _alike(cells, rare, [decimals(c) for c in columns]) if simple else None
    for j, child in enumerate(columns):
        y, y_rare = cells[j], rare[j]
        for i in (
            range(len(columns)) if near is None else np.flatnonzero(near[j]).tolist()
        ):
            parent = columns[i]
            both = ~y[1] & ~cells[i][1]
            if i == j or not both.any():
                continue
            special = both & y_rare & rare[i]

            def by_more(
                link: Link,
                held: Mask,
                i: int = i,
                y: Known = cells[j],
                child: Column = child,
            ) -> bool:
                """Than where the parent is shuffled (the rows are in random order): columns that hold few values but 0
                agree in most rows.
                """
                x, missing = (np.roll(part, len(held) // 2) for part in cells[i])
                chance = ~y[1] & ~missing & close(link, [x], y[0], child)
                return bool((1 - held.mean()) * LIFT / 2 <= 1 - chance.mean())

            forms = [Link((parent.name,))] if i < j else []
            if not simple:
                forms += _forms(parent.name, y[0], cells[i][0], both, special, i < j)
            for link in forms:
                held = both & close(link, [cells[i][0]], y[0], child)
                if (held & special).mean() >= SHARE / 2 or (
                    held.mean() >= ALWAYS and by_more(link, held)
                ):
                    yield child, link


def _alike(
    cells: Sequence[Known], rare: Sequence[Mask], places: Sequence[int | None]
) -> Mask:
    """``[columns, columns]``: which may be equal, up to their rounding, in some cells that are not common, or in nearly
    all. A value that is equal to others of its row stands beside them once they are sorted.
    """
    table = np.column_stack(
        [np.where(gaps, np.nan, x.astype(np.float64)) for x, gaps in cells]
    )
    largest = np.fmax.reduce(np.abs(table), axis=0, initial=0.0)
    slack = np.maximum(
        EXACT * largest, [0.0 if p is None else 0.5 * 10.0**-p for p in places]
    )
    special = np.where(np.column_stack(rare), table, np.nan)
    order = np.argsort(special, axis=1)
    ranked, wide = np.take_along_axis(special, order, axis=1), slack[order]
    found = np.zeros((len(cells), len(cells)), dtype=np.int64)
    for apart in range(1, min(BESIDE, len(cells) - 1) + 1):
        near = ranked[:, apart:] - ranked[:, :-apart] <= np.maximum(
            wide[:, apart:], wide[:, :-apart]
        )
        row, place = np.nonzero(near)
        np.add.at(found, (order[row, place], order[row, place + apart]), 1)
    alike = found + found.T >= SHARE / 4 * len(table)
    for j in range(len(cells)):
        same = np.abs(table[:PEEK, [j]] - table[:PEEK]) <= np.maximum(slack[j], slack)
        alike[j] |= same.mean(axis=0) >= ALWAYS - 0.03
    np.fill_diagonal(alike, False)
    return np.asarray(alike | alike.T)


def _forms(
    parent: str, y: Numbers, x: Numbers, both: Mask, special: Mask, earlier: bool
) -> Iterator[Link]:
    """``c - x`` and ``|x - c|``: where x < c, both have x + y = c, the commonest sum; and ``|x|``."""
    middles = {0.0}
    if special.sum() >= 10:
        values, counts = np.unique(
            np.round(y[special].astype(np.float64) + x[special], 6), return_counts=True
        )
        if counts.max() >= max(5, SHARE / 2 * len(y)):
            middles.add(float(values[counts.argmax()]))
            if earlier:
                yield Link((parent,), "rest", float(values[counts.argmax()]))
    if y[both].min() >= 0:
        for middle in sorted(middles):
            if x[both].min() < middle < x[both].max():
                yield Link((parent,), "distance", middle)


def _several(
    glance: Mapping[str, Known], columns: list[Column]
) -> Iterator[tuple[Column, Link]]:
    """Links to two columns, and to neighbours that add up to another column. Not to those that add up to a constant: a
    small share of a whole would get the errors of the large ones.
    """
    cells = [
        (x[:PEEK], missing[:PEEK])
        for x, missing in (glance[column.name] for column in columns)
    ]
    table = np.column_stack(
        [np.where(m, np.nan, x.astype(np.float64)) for x, m in cells]
    )
    spread = np.array(
        [x[~m].astype(np.float64).std() if not m.all() else 0.0 for x, m in cells]
    )
    near = np.maximum(CLOSE * spread, [0.5 * (c.kind == "integer") for c in columns])
    names = [c.name for c in columns]

    def agreeing(
        values: Floats, parents: Collection[int], likely: Ints
    ) -> Iterator[Column]:
        """Those of some columns that are as computed, and not by chance."""
        with np.errstate(invalid="ignore"):
            same = (np.abs(values[:, None] - table[:, likely]) <= near[likely]).mean(
                axis=0
            )
            likely, same = (
                x[(same >= ALWAYS - 0.03) & (spread[likely] > 0)]
                for x in (likely, same)
            )
            # Columns that hold few values but 0 agree in most rows: not more than where the rows are others.
            other = np.roll(values, len(values) // 2)[:, None]
            chance = (
                (np.abs(other - table[:, likely]) <= near[likely]).mean(axis=0)
                if len(likely)
                else likely
            )
        more = (1 - same) * LIFT / 2 <= 1 - chance
        yield from (columns[j] for j in likely[more] if j not in parents)

    def glimpsed(values: Floats) -> Iterator[tuple[int, Ints]]:
        """Of computed columns ``[SEEN, n]``, those that half of the first rows may agree with, and with which."""
        with np.errstate(invalid="ignore"):
            seen = np.abs(values[:, :, None] - table[:SEEN, None, :]) <= near
        may = 2 * seen.sum(axis=0) >= len(values)
        yield from (
            (int(k), np.flatnonzero(may[k])) for k in np.flatnonzero(may.any(axis=1))
        )

    for i in range(len(columns)):
        looked: list[tuple[int, int, str, Ints]] = []
        for order, (form, ordered) in enumerate(PAIRS.items()):
            others = np.array(
                [j for j in range(len(columns)) if j != i and (ordered or i < j)],
                dtype=np.int64,
            )
            values = Link(("", ""), form).follow(
                [table[:SEEN, [i]], table[:SEEN, others]]
            )
            looked += [
                (int(others[k]), order, form, likely) for k, likely in glimpsed(values)
            ]
        for j, _, form, likely in sorted(looked, key=lambda found: found[:2]):
            link = Link((names[i], names[j]), form)
            for child in agreeing(
                link.follow([table[:, i], table[:, j]]), {i, j}, likely
            ):
                yield child, link
    sums = np.cumsum(np.column_stack([np.zeros(len(table)), table]), axis=1)
    for i, j in combinations(range(len(columns) + 1), 2):
        if not 3 <= j - i <= WINDOW:
            continue
        total = sums[:, j] - sums[:, i]
        for _, likely in glimpsed(total[:SEEN, None]):
            for child in agreeing(total, range(i, j), likely):
                yield child, Link(tuple(names[i:j]))


def _wholes(
    frame: pd.DataFrame, columns: Sequence[Column]
) -> Iterator[tuple[tuple[str, ...], float]]:
    """Neighbouring columns that add up to the same in every row, and to what: fewest first, none twice. Two are links
    like others, and one-hot columns are none.
    """
    if len(columns) < 3 or len(frame) < LEAST:
        return
    cells = [numbers(frame, column) for column in columns]
    table = np.column_stack(
        [np.where(gaps, np.nan, x.astype(np.float64)) for x, gaps in cells]
    )
    lows, highs = (end(table, axis=0) for end in (np.fmin.reduce, np.fmax.reduce))
    varies = lows < highs
    places = [decimals(column) for column in columns]
    halves = np.array([0.5 * 10.0**-d if d else 0.0 for d in places])
    taken = np.zeros(len(columns), dtype=bool)
    for size in range(2, WINDOW + 1):
        for i in range(len(columns) - size + 1):
            window = slice(i, i + size)
            if taken[window].any() or not varies[window].all():
                continue
            slack = float(halves[window].sum())
            if (
                _total(table[:PEEK, window], slack) is None
                or (total := _total(table[:, window], slack)) is None
            ):
                continue
            taken[window] = True
            if size > 2:
                most = max(MOST_DECIMALS if d is None else d for d in places[window])
                yield tuple(c.name for c in columns[window]), round(total, most)


def _total(parts: Floats, slack: float) -> float | None:
    """What the parts ``[rows, parts]`` add up to; None where they do not, or where one part is mostly all."""
    parts = parts[~np.isnan(parts).any(axis=1)]
    if len(parts) < LEAST:
        return None
    sums = parts.sum(axis=1)
    total = float(np.median(sums))
    same = np.abs(sums - total) <= max(slack, NEAR * abs(total))
    alone = np.abs(parts).max(axis=1) >= abs(total)
    return total if same.mean() >= WHOLE and alone.mean() <= FULL else None


@np.errstate(all="ignore")  # products of 1e308 are no counts
def bases(
    frame: pd.DataFrame, schema: Schema, found: Mapping[str, tuple[Link, ...]]
) -> dict[str, str]:
    """Columns whose cells are counts divided by another column => that one, which does not follow from them.

    Args:
        frame: The table.
        schema: What its columns are.
        found: Its links.
    """
    columns = [c for c in schema.columns if c.kind in ("integer", "float")]
    if len(columns) > WIDE:
        return {}
    cells = {c.name: numbers(frame.iloc[:LOOK], c) for c in columns}
    places = {
        c.name: LEAST_DECIMALS if decimals(c) is None else decimals(c) or 0
        for c in columns
    }
    rates = [name for name, some in places.items() if some >= LEAST_DECIMALS]
    joined, result = dict(found), dict[str, str]()
    for child in rates:
        for base in (name for name, some in places.items() if not some):
            if child in _ancestors(base, joined):
                continue
            if all(
                _are_counts(cells[child], cells[base], size) for size in (PEEK, None)
            ):
                result[child], joined[child] = (
                    base,
                    (*joined.get(child, ()), Link((base,))),
                )
                break
    return result


def _are_counts(child: Known, base: Known, size: int | None) -> bool:
    """Whether a column's cells are small counts divided by another column's, and not by those of other rows."""
    (y, y_missing), (x, x_missing) = (
        (values[:size], gaps[:size]) for values, gaps in (child, base)
    )
    some = ~y_missing & ~x_missing & (y != 0) & (np.abs(x) > 1)
    if some.sum() < LEAST:
        return False
    counts, others = y[some] * x[some], y[some] * np.roll(x[some], some.sum() // 2)
    if np.median(np.abs(counts)) > FEW:
        return False
    same, chance = ((np.abs(k - np.rint(k)) <= NEARLY).mean() for k in (counts, others))
    return bool(same >= COUNTS and chance < CHANCE)


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
    parents = {
        parent
        for link in found.get(name, ())
        if not link.part
        for parent in link.parents
    }
    return parents.union(*(_ancestors(parent, found) for parent in parents))
