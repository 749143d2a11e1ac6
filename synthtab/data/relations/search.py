"""The search for links: which cells of a table follow from other cells of their row.

    find    the links of a table
    bases   rates: columns whose cells are counts divided by another column

There are far too many possible links to try each in every row. So `find` works in three
steps:

    propose   links to one column that hold in a glance at some rows (`_links_to_one`),
              links to several that hold in the first of these (`_Several`)
    confirm   those that hold in a sample, by more than chance (`_confirmed`)
    choose    the best of them, none in a circle (`_choose`)

What holds *by chance* is always measured in one way: the link is tried once more, with
each row's parents taken from another row.

A cell is *telling* if few others of its column have the same value. Two columns of
small whole numbers often agree by chance; two telling cells hardly ever do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.schema import Column, Schema
from synthtab.data.columns import KINDS
from synthtab.data.columns.base import Mask
from synthtab.data.columns.numbers import Numbers
from synthtab.data.columns.numeric import MOST_DECIMALS
from synthtab.data.relations.links import (
    CLOSE,
    COMMON,
    EXACT,
    NEAR,
    Cells,
    Floats,
    Link,
    agrees,
    decimals,
    holds_in,
    numbers,
    rounding,
)

# -- When a link holds

# A link to one column holds in at least this share of the rows, and in so many rows,
# telling cells alone;
LEAST_SHARE = 0.01
LEAST_ROWS = 20
# and in so many times as many as by chance.
LIFT = 4.0
# Or it holds, as a link to several columns must, in this share of all rows, and fails
# `LIFT` times less often than by chance.
ALWAYS = 0.95
# A glance at a few rows asks for less: for half the share, half the lift, and, of equal
# columns in wide tables and of links to several, for this share of all rows.
NEARLY_ALWAYS = ALWAYS - 0.03
# A link counts so much more if it is no absolute value: the plainer one is the
# likelier.
PLAIN = 1.1
# Most links of one column.
MOST_LINKS = 3

# -- How many rows and columns are looked at

# Rows of the sample in which links are confirmed.
SAMPLE_ROWS = 50_000
# Rows in which links to one column are proposed, and links to several.
GLANCE_ROWS = 2_000
PEEK_ROWS = 300
# Of so many rows half must agree, before any more are compared.
GLIMPSE_ROWS = 16
# Equal cells of a row stand side by side once the row is sorted, at most so many places
# from one another.
PLACES_BETWEEN = 4
# In a table of more columns only equal ones are looked for: there are too many pairs
# for anything else.
WIDE = 100
# Most neighbouring columns that may add up to something.
WINDOW = 12

# -- Parts of a whole

# Parts add up to the same total in at least this share of the rows.
WHOLE = 0.999
# In at most this share of the rows, one part is all of the total: else they are flags.
ONE_PART_IS_ALL = 0.9

# -- Rates

# Decimals that a rate has at least: short decimals times anything are often whole.
RATE_DECIMALS = 4
# A rate times its base is whole if it is so near to a whole number.
NEAR_WHOLE = 1e-3
# Share of the cells, other than 0, that must be whole; and the most that may be by
# chance.
WHOLE_COUNTS = 0.995
WHOLE_BY_CHANCE = 0.5
# Largest median of the counts: of large counts nobody sees that they are whole.
LARGEST_COUNT = 100

# The forms of links to two columns, and whether the order of the two matters.
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
    frame: pd.DataFrame,
    schema: Schema,
    rng: np.random.Generator,
) -> dict[str, tuple[Link, ...]]:
    """The links of a table: name of a column -> what its cells often are.

    No column follows from itself by a detour.

    Args:
        frame: The table, in the dtypes of the schema.
        schema: What its columns are.
        rng: Chooses the rows that are looked at.
    """
    groups = _comparable(schema)
    sample = rng.permutation(len(frame))[:SAMPLE_ROWS]
    frame = frame.iloc[sample]
    shuffled = rng.permutation(len(frame))
    links: dict[str, tuple[Link, ...]] = {}
    for parts, total in _wholes(frame, groups.get("number", [])):
        # Each part is what the others leave of the total; all are drawn together, as
        # shares of it.
        for i, part in enumerate(parts):
            others = (*parts[:i], *parts[i + 1 :])
            links[part] = (Link(others, "largest", total),)
    for name, columns in groups.items():
        # Arithmetic with several columns is for numbers, and not for very wide tables.
        equal_only = name != "number" or len(columns) > WIDE
        cells = {c.name: numbers(frame, c) for c in columns}
        candidates = _confirmed(cells, columns, equal_only, shuffled)
        _choose(candidates, cells, links)
    return links


def _comparable(schema: Schema) -> dict[str, list[Column]]:
    """Columns that may follow from one another: numbers, or dates of one format."""
    groups: dict[str, list[Column]] = {}
    for column in schema.columns:
        group = KINDS[column.kind].link_group(column)
        if group:
            groups.setdefault(group, []).append(column)
    return groups


# --------------------------------------------------------------------------------------
# Confirm and choose


@dataclass(frozen=True)
class _Candidate:
    """A link that holds in a table, beyond chance.

    Attributes:
        worth: Sorts the candidates, the best one last: those that hold always, those of
            few parents, those that explain many telling cells.
        child: The column that follows.
        link: What it follows from.
        explained: ``[rows]``: the telling cells of which it holds.
    """

    worth: tuple[bool, int, float]
    child: Column
    link: Link
    explained: Mask


def _confirmed(
    cells: Mapping[str, Cells],
    columns: list[Column],
    equal_only: bool,
    shuffled: Any,
) -> list[_Candidate]:
    """Of the links that a glance proposes, those that hold in the whole sample."""
    rows = len(shuffled)
    telling = {c.name: _telling(*cells[c.name]) for c in columns}
    glance = {
        name: (values[:GLANCE_ROWS], missing[:GLANCE_ROWS])
        for name, (values, missing) in cells.items()
    }
    least_share = max(LEAST_SHARE, LEAST_ROWS / rows)
    proposals = list(_links_to_one(glance, columns, equal_only, least_share))
    if not equal_only:
        proposals += _Several(glance, columns).links()
    candidates = []
    for child, link in proposals:
        # A link to one column may hold now and then, one to several must hold always.
        to_one = len(link.parents) == 1
        if not to_one and not _as_smooth(telling, child.name, link.parents):
            continue
        held = holds_in(link, cells, child)
        by_chance = holds_in(link, cells, child, shuffled)
        both_telling = telling[child.name] & telling[link.parents[0]]
        explained = held & both_telling
        always = held.mean() >= ALWAYS and _fails_less(
            held.mean(), by_chance.mean(), LIFT
        )
        # So of a link to several the share is not asked: 0 is never enough.
        share = explained.mean() if to_one else 0.0
        share_by_chance = (by_chance & both_telling).mean()
        enough = max(least_share, LIFT * share_by_chance)
        if always or share >= enough:
            weight = PLAIN if link.form != "distance" else 1
            worth = (always, -len(link.parents), share * weight)
            candidates.append(_Candidate(worth, child, link, explained))
    return candidates


def _fails_less(
    held: Any,
    by_chance: Any,
    times: float,
) -> Any:
    """Whether a link fails so many times less often than by chance.

    Where most cells are 0, any two columns agree in most rows: that a link holds in
    most of them says little, that it fails in fewer says more.

    Args:
        held: Share of the rows in which it holds: a number, or an array of one per
            link.
        by_chance: The same, by chance.
        times: How many times less often.
    """
    return (1 - held) * times <= 1 - by_chance


def _telling(values: Numbers, missing: Mask) -> Mask:
    """``[rows]``: which cells have a value that few others of the column have."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    is_rare = counts < max(3, COMMON * len(values))
    return np.asarray(~missing & is_rare[inverse])


def _as_smooth(
    telling: Mapping[str, Mask],
    child: str,
    parents: Sequence[str],
) -> bool:
    """Whether a column repeats common values no more than those that it follows from.

    What is computed from numbers that hardly repeat hardly repeats either.
    """
    share = telling[child].mean()
    least_of_parents = min(telling[name].mean() for name in parents)
    return bool(share >= least_of_parents - 0.05)


def _choose(
    candidates: list[_Candidate],
    cells: Mapping[str, Cells],
    links: dict[str, tuple[Link, ...]],
) -> None:
    """Add the best candidates to the links, if they explain what others do not."""
    best_first = sorted(candidates, key=lambda c: c.worth, reverse=True)
    for candidate in best_first:
        child = candidate.child
        link = candidate.link
        earlier = links.get(child.name, ())
        ancestors = set(link.parents)
        for parent in link.parents:
            ancestors |= _ancestors(parent, links)
        in_a_circle = child.name in ancestors
        if in_a_circle or len(earlier) == MOST_LINKS:
            continue
        if earlier:
            # A link to several columns, or to a part of a whole, stands alone.
            if len(link.parents) > 1 or earlier[0].part:
                continue
            held = [holds_in(other, cells, child) for other in earlier]
            unexplained = candidate.explained & ~np.any(held, axis=0)
            if unexplained.mean() < LEAST_SHARE:
                continue
        links[child.name] = (*earlier, link)


def _ancestors(name: str, links: Mapping[str, tuple[Link, ...]]) -> set[str]:
    """All columns that a column follows from."""
    # Parts of a whole follow from one another in a circle; they are drawn all together.
    ancestors: set[str] = set()
    for link in links.get(name, ()):
        if link.part:
            continue
        for parent in link.parents:
            ancestors |= {parent} | _ancestors(parent, links)
    return ancestors


# --------------------------------------------------------------------------------------
# Propose links to one column


def _links_to_one(
    glance: Mapping[str, Cells],
    columns: list[Column],
    equal_only: bool,
    least_share: float,
) -> Iterator[tuple[Column, Link]]:
    """Links to one column that seem to hold: children, and what they follow from.

    Args:
        glance: Cells of the columns in some rows.
        columns: What they are.
        equal_only: Whether only equal columns are looked for.
        least_share: Share of the telling rows in which a link must hold in the end.
    """
    cells = [glance[column.name] for column in columns]
    telling = [_telling(*of_column) for of_column in cells]
    # ``[children, parents]``: the pairs that are tried.
    pairs = ~np.eye(len(columns), dtype=bool)
    if equal_only:
        places = [decimals(c) for c in columns]
        pairs = _may_be_equal(cells, telling, places, least_share)
    for j, i in np.argwhere(pairs).tolist():
        child = columns[j]
        parent = columns[i].name
        y, y_missing = cells[j]
        x, x_missing = cells[i]
        both = ~y_missing & ~x_missing
        if not both.any():
            continue
        both_telling = both & telling[j] & telling[i]
        # Two equal columns are one link, of the later to the earlier.
        links = [Link((parent,))] if i < j else []
        if not equal_only:
            links += _mirrored(parent, y, x, both, both_telling, i < j)
        for link in links:
            held = both & agrees(link, [x], y, child)
            share = (held & both_telling).mean()
            if share >= least_share / 2 or _nearly_always(
                link, held, cells[j], cells[i], child
            ):
                yield child, link


def _nearly_always(
    link: Link,
    held: Mask,
    child_cells: Cells,
    parent_cells: Cells,
    child: Column,
) -> bool:
    """Whether a link to one column holds in most rows of a glance, and not by chance.

    In `ALWAYS` of them, not in the smaller share `NEARLY_ALWAYS`.
    """
    if held.mean() < ALWAYS:
        return False
    y, y_missing = child_cells
    # The rows are in random order, so that this takes each parent from a random row.
    half = len(held) // 2
    x, x_missing = (np.roll(part, half) for part in parent_cells)
    both = ~y_missing & ~x_missing
    by_chance = both & agrees(link, [x], y, child)
    return bool(_fails_less(held.mean(), by_chance.mean(), LIFT / 2))


def _mirrored(
    parent: str,
    y: Numbers,
    x: Numbers,
    both: Mask,
    both_telling: Mask,
    earlier: bool,
) -> Iterator[Link]:
    """Links ``c - x`` and ``|x - c|`` with a c that the cells suggest; and ``|x|``.

    Where x < c, both forms have x + y = c: so c is the sum that occurs most often.

    Args:
        parent: Name of the column with the cells x.
        y: Cells of the child, ``[rows]``.
        x: Cells of the parent, ``[rows]``.
        both: Where neither is missing.
        both_telling: Where both are telling, too.
        earlier: Whether the parent comes before the child: ``y = c - x`` is ``x = c -
            y``, and is tried once.
    """
    middles = {0.0}
    if both_telling.sum() >= 10:
        totals = y[both_telling].astype(np.float64) + x[both_telling]
        values, counts = np.unique(np.round(totals, 6), return_counts=True)
        enough = max(5, LEAST_SHARE / 2 * len(y))
        if counts.max() >= enough:
            commonest = float(values[counts.argmax()])
            middles.add(commonest)
            if earlier:
                yield Link((parent,), "rest", commonest)
    # An absolute value is never negative; of numbers on one side of c it is no other
    # form than those above.
    if y[both].min() < 0:
        return
    least = x[both].min()
    greatest = x[both].max()
    for middle in sorted(middles):
        if least < middle < greatest:
            yield Link((parent,), "distance", middle)


def _may_be_equal(
    cells: Sequence[Cells],
    telling: Sequence[Mask],
    places: Sequence[int | None],
    least_share: float,
) -> Mask:
    """``[columns, columns]``: which pairs may be equal, up to their rounding.

    In some telling cells, or in nearly all cells. For tables of so many columns that no
    pair can be compared in every row.
    """
    table = _table(cells)
    largest = np.fmax.reduce(np.abs(table), axis=0, initial=0.0)
    errors = [rounding(p) for p in places]
    tolerance = np.maximum(EXACT * largest, errors)
    only_telling = np.where(np.column_stack(telling), table, np.nan)
    equal = _neighbours(only_telling, tolerance) >= least_share / 4 * len(table)
    start = table[:PEEK_ROWS]
    for j in range(len(cells)):
        gaps = np.abs(start[:, [j]] - start)
        same = gaps <= np.maximum(tolerance[j], tolerance)
        equal[j] |= same.mean(axis=0) >= NEARLY_ALWAYS
    np.fill_diagonal(equal, False)
    return np.asarray(equal | equal.T)


def _neighbours(table: Floats, tolerance: Floats) -> Ints:
    """``[columns, columns]``: in how many rows two cells are equal and side by side.

    That is, once the cells of the row are sorted: which costs far less than to compare
    all pairs of them.

    Args:
        table: ``[rows, columns]``; NaN is equal to nothing.
        tolerance: ``[columns]``: how far apart equal cells may be.
    """
    columns = table.shape[1]
    order = np.argsort(table, axis=1)
    ascending = np.take_along_axis(table, order, axis=1)
    tolerances = tolerance[order]
    counts = np.zeros((columns, columns), dtype=np.int64)
    for places in range(1, min(PLACES_BETWEEN, columns - 1) + 1):
        gaps = ascending[:, places:] - ascending[:, :-places]
        allowed = np.maximum(tolerances[:, places:], tolerances[:, :-places])
        row, place = np.nonzero(gaps <= allowed)
        lower = order[row, place]
        upper = order[row, place + places]
        np.add.at(counts, (lower, upper), 1)
    return counts + counts.T


# --------------------------------------------------------------------------------------
# Propose links to several columns


class _Several:
    """Links to two columns, and to neighbours that add up to another column.

    Not to neighbours that add up to a constant: a small share of a whole, computed as
    what the others leave, would get the errors of the large ones. See `_wholes`.

    A table of K columns has K * K pairs in six forms, each of which may be any of K
    columns. So a computed column is compared with all columns at once; first in
    `GLIMPSE_ROWS` rows, which rule out nearly all, then in `PEEK_ROWS`.

    Args:
        glance: Cells of the columns.
        columns: What they are.
    """

    def __init__(self, glance: Mapping[str, Cells], columns: list[Column]) -> None:
        cells = []
        spreads = []
        for column in columns:
            values, missing = (part[:PEEK_ROWS] for part in glance[column.name])
            present = values[~missing].astype(np.float64)
            cells.append((values, missing))
            spreads.append(present.std() if len(present) else 0.0)
        self.columns = columns
        # ``[rows, columns]``
        self.table = _table(cells)
        # ``[columns]``: standard deviations; 0 of a column that does not vary.
        self.spread = np.array(spreads)
        # ``[columns]``: how far from a column's cells computed ones may be.
        half_units = [0.5 * KINDS[c.kind].discrete for c in columns]
        self.tolerance = np.maximum(CLOSE * self.spread, half_units)

    def links(self) -> Iterator[tuple[Column, Link]]:
        """Children, and what they may follow from."""
        for first in range(len(self.columns)):
            yield from self._pairs(first)
        yield from self._sums()

    def _pairs(self, first: int) -> Iterator[tuple[Column, Link]]:
        """Links to a given column and another one."""
        columns = len(self.columns)
        # The second column, the number of the form, the form, the children that it may
        # be.
        glimpses: list[tuple[int, int, str, Ints]] = []
        for number, (form, ordered) in enumerate(PAIRS.items()):
            seconds = np.arange(0 if ordered else first + 1, columns)
            seconds = seconds[seconds != first]
            x = self.table[:GLIMPSE_ROWS, [first]]
            y = self.table[:GLIMPSE_ROWS, seconds]
            values = Link(("", ""), form).follow([x, y])
            for place, children in self._glimpse(values):
                second = int(seconds[place])
                glimpses.append((second, number, form, children))
        glimpses.sort(key=lambda glimpse: glimpse[:2])
        names = [column.name for column in self.columns]
        for second, _, form, children in glimpses:
            link = Link((names[first], names[second]), form)
            x = self.table[:, first]
            y = self.table[:, second]
            values = link.follow([x, y])
            for child in self._agreeing(values, (first, second), children):
                yield child, link

    def _sums(self) -> Iterator[tuple[Column, Link]]:
        """Links to the sum of three or more neighbouring columns."""
        # The sum of neighbours is the difference of two sums from the first column on. A
        # row with a missing cell among the neighbours agrees with nothing.
        of_none = np.zeros(len(self.table))
        is_missing = np.isnan(self.table)
        sums = np.column_stack([of_none, np.nan_to_num(self.table)]).cumsum(axis=1)
        missing = np.column_stack([of_none, is_missing]).cumsum(axis=1)
        ends = range(len(self.columns) + 1)
        for begin, end in combinations(ends, 2):
            if not 3 <= end - begin <= WINDOW:
                continue
            total = sums[:, end] - sums[:, begin]
            total[missing[:, end] > missing[:, begin]] = np.nan
            parents = range(begin, end)
            names = tuple(column.name for column in self.columns[begin:end])
            for _, children in self._glimpse(total[:GLIMPSE_ROWS, None]):
                for child in self._agreeing(total, parents, children):
                    yield child, Link(names)

    def _glimpse(self, values: Floats) -> Iterator[tuple[int, Ints]]:
        """Of computed columns, those that half of the first rows agree with.

        Args:
            values: The computed columns, ``[GLIMPSE_ROWS, n]``.

        Yields:
            The number of a computed column, and the columns that it agrees with.
        """
        start = self.table[:GLIMPSE_ROWS, None, :]
        same = np.abs(values[:, :, None] - start) <= self.tolerance
        # ``[n, columns]``
        likely = 2 * same.sum(axis=0) >= len(values)
        agree_with_any = np.flatnonzero(likely.any(axis=1))
        for computed in agree_with_any.tolist():
            yield computed, np.flatnonzero(likely[computed])

    def _agreeing(
        self,
        values: Floats,
        parents: Collection[int],
        children: Ints,
    ) -> Iterator[Column]:
        """Columns that are as computed in nearly all rows, and not by chance.

        Args:
            values: The computed column, ``[rows]``.
            parents: The columns that it is computed from: these are no children.
            children: The columns that are asked.
        """
        same = self._shares(values, children)
        close = (same >= NEARLY_ALWAYS) & (self.spread[children] > 0)
        children = children[close]
        same = same[close]
        # As in `_nearly_always`: the rows are in random order.
        of_other_rows = np.roll(values, len(values) // 2)
        by_chance = self._shares(of_other_rows, children)
        children = children[_fails_less(same, by_chance, LIFT / 2)]
        for child in children.tolist():
            if child not in parents:
                yield self.columns[child]

    def _shares(self, values: Floats, children: Ints) -> Floats:
        """``[children]``: in what share of the rows they are as computed."""
        gaps = np.abs(values[:, None] - self.table[:, children])
        same = gaps <= self.tolerance[children]
        return np.asarray(same.mean(axis=0))


def _table(cells: Sequence[Cells]) -> Floats:
    """``[rows, columns]``: the cells of columns, NaN where missing."""
    columns = [
        np.where(missing, np.nan, values.astype(np.float64))
        for values, missing in cells
    ]
    return np.column_stack(columns)


# --------------------------------------------------------------------------------------
# Parts of a whole


def _wholes(
    frame: pd.DataFrame, columns: Sequence[Column]
) -> Iterator[tuple[tuple[str, ...], float]]:
    """Neighbouring columns that add up to the same in every row, and to what.

    The fewest first, and no column twice. Two such columns are an ordinary link, and
    flags of which one is set are no whole.
    """
    if len(columns) < 3 or len(frame) < LEAST_ROWS:
        return
    table = _table([numbers(frame, column) for column in columns])
    least = np.fmin.reduce(table, axis=0)
    greatest = np.fmax.reduce(table, axis=0)
    varies = least < greatest
    places = [decimals(column) for column in columns]
    # Whole numbers add up without an error.
    errors = np.array([rounding(p or None) for p in places])
    in_a_whole = np.zeros(len(columns), dtype=bool)
    for window in _windows(len(columns)):
        if in_a_whole[window].any() or not varies[window].all():
            continue
        error = float(errors[window].sum())
        # A few rows show of most windows that they add up to nothing.
        if _total(table[:PEEK_ROWS, window], error) is None:
            continue
        total = _total(table[:, window], error)
        if total is None:
            continue
        in_a_whole[window] = True
        names = tuple(column.name for column in columns[window])
        if len(names) > 2:
            most_places = max(MOST_DECIMALS if p is None else p for p in places[window])
            yield names, round(total, most_places)


def _windows(columns: int) -> Iterator[slice]:
    """Runs of two or more of so many columns, the shortest first."""
    for size in range(2, WINDOW + 1):
        for first in range(columns - size + 1):
            yield slice(first, first + size)


def _total(parts: Floats, error: float) -> float | None:
    """What parts add up to; None where they do not, or where one part is mostly all.

    Args:
        parts: ``[rows, parts]``; rows with NaN are left out.
        error: How far a sum may be off, since its parts are rounded.
    """
    parts = parts[~np.isnan(parts).any(axis=1)]
    if len(parts) < LEAST_ROWS:
        return None
    sums = parts.sum(axis=1)
    total = float(np.median(sums))
    tolerance = max(error, NEAR * abs(total))
    same = np.abs(sums - total) <= tolerance
    largest = np.abs(parts).max(axis=1)
    one_is_all = largest >= abs(total)
    if same.mean() < WHOLE or one_is_all.mean() > ONE_PART_IS_ALL:
        return None
    return total


# --------------------------------------------------------------------------------------
# Rates


@np.errstate(all="ignore")  # products of 1e308 are no counts
def bases(
    frame: pd.DataFrame,
    schema: Schema,
    links: Mapping[str, tuple[Link, ...]],
) -> dict[str, str]:
    """Rates: columns whose cells are counts divided by another column, their base.

    Args:
        frame: The table.
        schema: What its columns are.
        links: Its links: the base of a rate does not follow from it.

    Returns:
        Name of a rate -> name of its base.
    """
    columns = _comparable(schema).get("number", [])
    if len(columns) > WIDE:
        return {}
    sample = frame.iloc[:SAMPLE_ROWS]
    cells = {c.name: numbers(sample, c) for c in columns}
    rates = []
    whole = []
    for column in columns:
        places = decimals(column)
        if places is None or places >= RATE_DECIMALS:
            rates.append(column.name)
        elif places == 0:
            whole.append(column.name)
    with_bases = dict(links)
    found = dict[str, str]()
    for rate in rates:
        for base in whole:
            if rate in _ancestors(base, with_bases):
                continue
            # Most pairs fail in the first rows already.
            if all(
                _is_rate_of(cells[rate], cells[base], rows)
                for rows in (PEEK_ROWS, None)
            ):
                found[rate] = base
                others = with_bases.get(rate, ())
                with_bases[rate] = (*others, Link((base,)))
                break
    return found


def _is_rate_of(
    rate: Cells,
    base: Cells,
    rows: int | None,
) -> bool:
    """Whether a column's cells, times another column's, are small whole numbers.

    And those times the other column's cells of other rows are not.

    Args:
        rate: The cells of the one column.
        base: The cells of the other.
        rows: How many of the first rows are asked; None for all.
    """
    y, y_missing = (part[:rows] for part in rate)
    x, x_missing = (part[:rows] for part in base)
    # 0 is a count of anything, and every whole number is one divided by 1.
    says_something = ~y_missing & ~x_missing
    says_something &= (y != 0) & (np.abs(x) > 1)
    y = y[says_something]
    x = x[says_something]
    if len(y) < LEAST_ROWS:
        return False
    counts = y * x
    if np.median(np.abs(counts)) > LARGEST_COUNT:
        return False
    counts_by_chance = y * np.roll(x, len(x) // 2)
    share = _whole_share(counts)
    share_by_chance = _whole_share(counts_by_chance)
    return share >= WHOLE_COUNTS and share_by_chance < WHOLE_BY_CHANCE


def _whole_share(values: Numbers) -> float:
    """The share of numbers that are whole."""
    errors = np.abs(values - np.rint(values))
    return float((errors <= NEAR_WHOLE).mean())
