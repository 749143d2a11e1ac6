"""The search for links: which cells of a table follow from other cells of their row.

    find            the links of a table
    bases           rates: columns whose cells are counts divided by another column
    find_distances  columns that are measured from others, see `Measured`

There are far too many possible links to try each in every row. So `find` works in three
steps:

    propose   links to one column that hold in a glance at some rows (`_links_to_one`),
              links to several that hold in the first of these (`_Several`)
    confirm   those that hold in a sample, by more than chance (`_confirmed`)
    choose    the best of them, none in a circle (`_choose`)

A column is measured from others for two reasons. It often *is* one of them, or a date and
some counts of days (`_exact`): always, or in all rows of one category of another column.
Or it is hardly ever on the wrong side of one (`_ordered`), although it would be if its
cells were shuffled.

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
from synthtab.data.columns import KINDS, cells_to_text, dates, number_kind
from synthtab.data.columns.base import Mask
from synthtab.data.columns.numbers import LEAST_ROWS as ROWS_OF_ATOM
from synthtab.data.columns.numbers import Numbers, around
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
    in_unit,
    numbers,
    own_unit,
    rounding,
)
from synthtab.data.relations.measured import NO_UNIT, Origin, Relation, position, steps

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

# Rows in which distances are looked for.
DISTANCE_ROWS = 20_000
# More columns of one kind than this are not compared with each other.
MOST_COLUMNS = 60

# -- Distances: what a cell is exactly

# An origin is a cell exactly in `ALWAYS` of the rows, or of those of a category, of which
# there are so many, and such a share of all rows; and it fails `LIFT` times less often than
# if its counts were those of other rows.
FEWEST = 30
LEAST_OF_CATEGORY = 0.003
# In so many rows of a category at least, the category decides, and not a code.
CERTAIN = 0.99
# Most origins that a cell may be exactly, and most counts that are added up.
MOST_EXACT = 3
MOST_COUNTS = 4
# Columns of counts that are tried in pairs; neighbours are added up in any case.
MOST_PAIRED = 40
# A column of so many distinct cells at most says which rows are alike.
MOST_CATEGORIES = 30
# What columns of numbers beside dates may count.
COUNTED = ("W", "D", "h", "m", "s")

# -- Distances: what it is hardly ever less than

# An order may fail in this share of the rows,
MOST_FAILING = 0.01
# and fails in this share (of dates, of other numbers), and so many times as often, if one
# column is shuffled.
LEAST_BY_CHANCE = 0.005
LEAST_BY_CHANCE_OF_NUMBERS = 0.05
TIMES_BY_CHANCE = 10.0
# So many rows would break it then.
EVIDENCE = 10
# A column of numbers that is measured has so many distinct values, and its distance not
# so many times as many; and it spreads over so much of what the column does. Columns that
# count different things keep an order, too, and their distance says nothing.
FEWEST_DISTINCT = 8
MORE_DISTINCT = 1.2
NARROWER = 0.7
# Whole numbers between these are years.
YEARS = (1500, 2199)
# Most columns of which the greatest, or the least, is the origin.
MOST_ENDS = 4

# -- Distances: values apart

# They have this share of the rows and so many times those of their neighbours.
SHARE_APART = 0.005
TIMES_AROUND = 10.0
# One that is no exception to an order is so many times as far off as the others reach.
FAR = 1.0
MOST_APART = 10

# Distances of so many days and more leave the time of day to itself.
DAYS_APART = 2.0

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


# --------------------------------------------------------------------------------------
# Distances


def find_distances(
    frame: pd.DataFrame,
    schema: Schema,
    links: Mapping[str, tuple[Link, ...]],
    bases: Mapping[str, str],
    target: str | None,
    rng: np.random.Generator,
) -> tuple[dict[str, Relation], dict[str, tuple[Link, ...]]]:
    """From what columns are measured, and the links that remain beside that.

    Both by the name of the column.

    Args:
        frame: The table, in the dtypes of the schema.
        schema: What its columns are.
        links: What cells follow from otherwise; a column that is here *equal* to another
            now and then may be measured instead.
        bases: Columns by which rates are divided.
        target: A column that models will predict: it is not measured.
        rng: Chooses the rows that are looked at, and shuffles.
    """
    groups: dict[str, list[Column]] = {}
    for column in schema.columns:
        what = _comparable_as(column)
        if what:
            groups.setdefault(what, []).append(column)
    groups = {what: columns for what, columns in groups.items() if len(columns) > 1}
    if not groups or len(frame) < FEWEST:
        return {}, dict(links)
    sample = rng.permutation(len(frame))[:DISTANCE_ROWS]
    search = _Search(frame.iloc[sample].reset_index(drop=True), schema, rng)
    tree = _Tree(links, bases, target)
    for columns in groups.values():
        if len(columns) > MOST_COLUMNS:
            continue
        names = [column.name for column in columns]
        if own_unit(columns[0]) and KINDS[columns[0].kind].of_text:
            _exact(search, names, tree)
        _ordered(search, names, tree)
    return tree.relations, tree.remaining()


def _comparable_as(column: Column) -> str:
    """What a column's cells can be compared with; "" if they cannot be measured."""
    kind = KINDS[column.kind]
    if not kind.numeric or kind.constant or kind.invented:
        return ""
    options = column.options
    if options.get("words") or "base" in options or not kind.measure(column):
        return ""
    form = options.get("format")
    if not isinstance(form, str) and form is not None:
        return ""
    # Weeks and months have days in common only.
    unit = own_unit(column)
    return f"{kind.measure(column)} {unit if unit in dates.LONG else ''}"


# --------------------------------------------------------------------------------------
# The table


class _Search:
    """A sample of rows, each column converted once."""

    def __init__(
        self, frame: pd.DataFrame, schema: Schema, rng: np.random.Generator
    ) -> None:
        self.frame = frame
        self.schema = schema
        self.shuffled = rng.permutation(len(frame))
        self._cells: dict[tuple[str, str], Cells] = {}
        self._categories: dict[str, Ints] | None = None
        self._apart: dict[str, list[tuple[Any, bool]]] = {}

    def __len__(self) -> int:
        return len(self.frame)

    def cells(self, name: str, unit: str = NO_UNIT) -> Cells:
        """A column's numbers; those of dates in a unit, if one is given."""
        if (name, unit) not in self._cells:
            column = self.schema[name]
            cells = numbers(self.frame, column)
            self._cells[name, unit] = in_unit(cells, column, unit)
        return self._cells[name, unit]

    def position(
        self, origin: Origin, unit: str, shuffle_counts: bool = False
    ) -> Cells:
        """Where an origin is, perhaps with the counts of other rows."""
        cells = {name: self.cells(name, unit) for name in origin.columns}
        if shuffle_counts:
            for name in origin.counts or (origin.start,):
                values, missing = cells[name]
                cells[name] = (values[self.shuffled], missing[self.shuffled])
        return position(origin, cells, unit)

    def apart(self, name: str) -> list[tuple[Any, bool]]:
        """The values apart of a column, in its own unit, and which lie far off."""
        if name not in self._apart:
            values, missing = self.cells(name, own_unit(self.schema[name]))
            present = values[~missing]
            self._apart[name] = [
                (value.item(), _is_far(present, value)) for value in _apart(present)
            ]
        return self._apart[name]

    @property
    def categories(self) -> dict[str, Ints]:
        """Columns of few distinct cells, as numbers of these; -1 where missing."""
        if self._categories is None:
            self._categories = {}
            for column in self.schema.columns:
                kind = KINDS[column.kind]
                if kind.invented or kind.constant:
                    continue
                codes, distinct = pd.factorize(self.frame[column.name])
                if 1 < len(distinct) <= MOST_CATEGORIES:
                    self._categories[column.name] = codes.astype(np.int64)
        return self._categories

    def counts(self, unit: str) -> list[tuple[str, str]]:
        """Columns that may be added to dates of a unit, and what each may count."""
        found = []
        for column in self.schema.columns:
            kind = KINDS[column.kind]
            if column.kind == "duration":
                if steps(own_unit(column), unit):
                    found.append((column.name, unit))
                continue
            if kind.measure(column) != "number" or kind.constant or kind.invented:
                continue
            if column.options.get("words") or "base" in column.options:
                continue
            for counted in COUNTED:
                size = steps(counted, unit)
                whole = number_kind(column).decimals(column) == 0
                if size and (whole or size > 1):
                    found.append((column.name, counted))
        return found


class _Tree:
    """Which column is measured from, or follows from, which others: never in a circle."""

    def __init__(
        self,
        links: Mapping[str, tuple[Link, ...]],
        bases: Mapping[str, str],
        target: str | None,
    ) -> None:
        self.links = links
        self.target = target
        self.relations: dict[str, Relation] = {}
        self.needs: dict[str, set[str]] = {}
        self.closed: set[str] = set(bases)
        if target is not None:
            self.closed.add(target)
        for name, own in links.items():
            # A column that is now and then equal to another may be measured from it, or
            # the other from it: to be equal is to be at no distance.
            if not all(link.equal for link in own):
                self.needs[name] = _needs(own)
                self.closed.add(name)
        for name, base in bases.items():
            self.needs.setdefault(name, set()).add(base)

    def ancestors(self, name: str) -> set[str]:
        """All columns that a column needs."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for parent in self.needs.get(waiting.pop(), ()):
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return found

    def may_need(self, child: str, parents: Sequence[str]) -> bool:
        """Whether a column may be measured from others."""
        return child not in self.closed and not self.in_a_circle(child, parents)

    def in_a_circle(self, child: str, parents: Collection[str]) -> bool:
        """Whether some columns need another one."""
        if child in parents:
            return True
        return any(child in self.ancestors(parent) for parent in parents)

    def add(self, child: str, relation: Relation) -> None:
        """Measure a column from others."""
        self.relations[child] = relation
        self.needs.setdefault(child, set()).update(relation.columns)

    def remaining(self) -> dict[str, tuple[Link, ...]]:
        """The links beside the relations: of no column twice, and none in a circle."""
        kept: dict[str, tuple[Link, ...]] = {}
        for name, own in self.links.items():
            if name in self.relations:
                continue
            is_equal = all(link.equal for link in own)
            if is_equal and self.in_a_circle(name, _needs(own)):
                continue
            kept[name] = own
            self.needs.setdefault(name, set()).update(_needs(own))
        return kept


def _needs(links: Sequence[Link]) -> set[str]:
    """The columns that must be there before one with links."""
    return {name for link in links if not link.part for name in link.parents}


# --------------------------------------------------------------------------------------
# What a cell is exactly


def _exact(search: _Search, names: Sequence[str], tree: _Tree) -> None:
    """Measure dates that are another date, or one and some counts of days."""
    for child in names:
        unit = _unit_of_counts(search, child, names)
        y, y_missing = search.cells(child, unit)
        candidates = []
        for start in names:
            if start != child and tree.may_need(child, [start]):
                candidates += list(_candidates(search, child, start, unit))
        chosen = _choose_exact(search, ~y_missing, candidates, tree, child)
        if not any(origin.counts for origin in chosen):
            # Equal dates alone are a link.
            continue
        explained = np.zeros(len(search), dtype=bool)
        for origin in chosen:
            at, unknown = search.position(origin, unit)
            explained |= (at == y) & ~unknown
        rest = ~explained & ~y_missing
        apart = _apart(y[rest])
        rest &= ~np.isin(y, apart)
        starts = list(dict.fromkeys(origin.start for origin in chosen))
        after, before = _ends_of_rest(search, child, starts, names, unit, rest, tree)
        if not after and not before:
            after = (Origin(starts[0]),)
        own = _in_own_unit(apart, search.schema[child], unit)
        by, rules = _rules(search, child, chosen, unit, tree)
        relation = Relation(unit, chosen, after, before, own, by, rules)
        tree.add(child, relation)


def _unit_of_counts(search: _Search, child: str, names: Sequence[str]) -> str:
    """In what a date is measured: in days where it has times of day that are its own."""
    unit = own_unit(search.schema[child])
    if unit == "D" or unit in dates.LONG:
        return unit
    # Days of the date, against its distance from the others.
    y, y_missing = search.cells(child, unit)
    per_day = dates.PER_DAY[unit]
    nearest = np.inf
    for name in names:
        if name == child:
            continue
        x, x_missing = search.cells(name, unit)
        both = ~y_missing & ~x_missing
        if both.any():
            gap = float(np.median(np.abs(y[both] - x[both]))) / per_day
            nearest = min(nearest, gap)
    return unit if nearest < DAYS_APART else "D"


@dataclass(frozen=True, eq=False)
class _Exact:
    """An origin, and where a column is exactly that.

    Attributes:
        origin: The origin.
        held: ``[rows]``.
        by_chance: ``[rows]``: the same with counts of other rows.
    """

    origin: Origin
    held: Mask
    by_chance: Mask


def _candidates(search: _Search, child: str, start: str, unit: str) -> Iterator[_Exact]:
    """Origins from one date that a column is now and then."""
    y, y_missing = search.cells(child, unit)
    x, x_missing = search.cells(start, unit)
    glance = slice(0, GLANCE_ROWS)
    both = ~y_missing & ~x_missing
    for origin in _origins(search, start, unit, (y - x)[glance], both[glance]):
        at, unknown = search.position(origin, unit)
        held = both & ~unknown & (at == y)
        other, unknown = search.position(origin, unit, shuffle_counts=True)
        by_chance = both & ~unknown & (other == y)
        if held.mean() >= LEAST_OF_CATEGORY:
            yield _Exact(origin, held, by_chance)


def _origins(
    search: _Search, start: str, unit: str, gap: Ints, both: Mask
) -> Iterator[Origin]:
    """Origins from a date that may be another one: those that a glance shows.

    Args:
        search: The table.
        start: The date.
        unit: What is measured in.
        gap: ``[glance]``: how far the other date is from it.
        both: ``[glance]``: where neither is missing.
    """
    enough = max(3.0, LEAST_OF_CATEGORY / 2 * len(gap))
    if (both & (gap == 0)).sum() >= enough:
        yield Origin(start)
    if (both & (gap > 0)).sum() < enough:
        return
    by_unit: dict[str, list[str]] = {}
    for name, counted in search.counts(unit):
        by_unit.setdefault(counted, []).append(name)
    for counted, columns in by_unit.items():
        size = steps(counted, unit)
        table = []
        for name in columns:
            values, missing = search.cells(name, unit)
            own = np.rint(values[: len(gap)] * np.float64(size))
            table.append(np.where(missing[: len(gap)], np.nan, own))
        counts = np.column_stack(table)
        for places in _sets(len(columns)):
            total = counts[:, list(places)].sum(axis=1)
            # A count of 0 says nothing: the date is the other one.
            if (both & (gap > 0) & (total == gap)).sum() >= enough:
                yield Origin(start, tuple(columns[i] for i in places), counted)


def _sets(columns: int) -> Iterator[tuple[int, ...]]:
    """Which counts are added up: one, two, or several neighbours."""
    for i in range(columns):
        yield (i,)
    if columns <= MOST_PAIRED:
        yield from combinations(range(columns), 2)
    least = 3 if columns <= MOST_PAIRED else 2
    for size in range(least, MOST_COUNTS + 1):
        for first in range(columns - size + 1):
            yield tuple(range(first, first + size))


def _choose_exact(
    search: _Search,
    present: Mask,
    candidates: Sequence[_Exact],
    tree: _Tree,
    child: str,
) -> tuple[Origin, ...]:
    """The origins that explain most, each of the rows that those before it do not."""
    chosen: list[Origin] = []
    left = present.copy()
    waiting = list(candidates)
    while waiting and len(chosen) < MOST_EXACT:
        worth = [
            (int((one.held & left).sum()), -len(one.origin.counts)) for one in waiting
        ]
        best_first = sorted(range(len(waiting)), key=worth.__getitem__, reverse=True)
        waiting = [waiting[i] for i in best_first]
        best = None
        for one in waiting:
            if (one.held & left).mean() < LEAST_OF_CATEGORY:
                break
            if tree.may_need(child, one.origin.columns) and _is_rule(
                search, one, left, child
            ):
                best = one
                break
        if best is None:
            break
        waiting.remove(best)
        chosen.append(best.origin)
        left &= ~best.held
    return tuple(chosen)


def _is_rule(search: _Search, one: _Exact, left: Mask, child: str) -> bool:
    """Whether an origin is the cell in nearly all rows, or in those of a category."""
    whole = np.zeros(len(left), dtype=np.int64)
    for name, codes in {"": whole, **search.categories}.items():
        if name == child or name in one.origin.columns:
            continue
        inside = left & (codes >= 0)
        rows = np.bincount(codes[inside])
        held = np.bincount(codes[inside & one.held], minlength=len(rows))
        lucky = np.bincount(codes[inside & one.by_chance], minlength=len(rows))
        enough = rows >= max(FEWEST, LEAST_OF_CATEGORY * len(left))
        nearly_all = held >= ALWAYS * rows
        # That it fails in fewer rows than by chance says more than that it holds.
        lifted = (rows - held) * LIFT <= rows - lucky
        beyond_chance = rows - lucky >= 1
        if (enough & nearly_all & lifted & beyond_chance).any():
            return True
    return False


def _rules(
    search: _Search, child: str, chosen: Sequence[Origin], unit: str, tree: _Tree
) -> tuple[str, tuple[tuple[str, int], ...]]:
    """A column whose categories say which origin a cell is, and what they say.

    The one that says most, and is least often wrong.
    """
    y, y_missing = search.cells(child, unit)
    held = []
    for origin in chosen:
        at, unknown = search.position(origin, unit)
        held.append((at == y) & ~unknown & ~y_missing)
    present = ~y_missing
    if any(mask[present].mean() >= ALWAYS for mask in held):
        return "", ()
    involved = {name for origin in chosen for name in origin.columns}
    best: tuple[int, int] = (0, 0)
    found: tuple[str, tuple[tuple[str, int], ...]] = ("", ())
    for name, codes in search.categories.items():
        if name in involved or not tree.may_need(child, [name]):
            continue
        _, distinct = pd.factorize(search.frame[name])
        texts = cells_to_text(pd.Series(distinct), search.schema[name]).tolist()
        rules = []
        right = wrong = 0
        for category, text in enumerate(texts):
            inside = (codes == category) & ~y_missing
            if inside.sum() < max(FEWEST, LEAST_OF_CATEGORY * len(y)):
                continue
            shares = [mask[inside].mean() for mask in held]
            number = int(np.argmax(shares))
            if shares[number] >= CERTAIN:
                rules.append((text, number))
                right += int(held[number][inside].sum())
                wrong += int((~held[number][inside]).sum())
        if rules and (right, -wrong) > best:
            best = (right, -wrong)
            found = (name, tuple(rules))
    return found


def _ends_of_rest(
    search: _Search,
    child: str,
    starts: Sequence[str],
    names: Sequence[str],
    unit: str,
    rest: Mask,
    tree: _Tree,
) -> tuple[tuple[Origin, ...], tuple[Origin, ...]]:
    """Between what the cells lie that are no origin exactly.

    That may be another date, or a date and a count of days: a stay is cancelled after it
    was booked, which is so many days before the arrival.
    """
    if rest.sum() < FEWEST:
        return (), ()
    singles = [Origin(n) for n in names if n != child and tree.may_need(child, [n])]
    composed = []
    for start in starts:
        for name, counted in search.counts(unit):
            for sign in (-1, 1):
                composed.append(Origin(start, (name,), counted, sign))
    ends: tuple[list[tuple[float, Origin]], ...] = ([], [])
    for origin in singles + composed:
        if not tree.may_need(child, origin.columns):
            continue
        for side, is_after in enumerate((True, False)):
            surprise = _surprise(search, child, origin, unit, rest, is_after)
            if surprise:
                ends[side].append((surprise, origin))
    after = _tightest(search, [origin for _, origin in _best_first(ends[0])], unit, 1)
    before = _tightest(search, [origin for _, origin in _best_first(ends[1])], unit, -1)
    return after, before


def _best_first(ends: list[tuple[float, Origin]]) -> list[tuple[float, Origin]]:
    """The most surprising first; of equal ones, those that come first."""
    return sorted(ends, key=lambda pair: -pair[0])


def _tightest(
    search: _Search, origins: Sequence[Origin], unit: str, sign: int
) -> tuple[Origin, ...]:
    """Origins without those that hardly ever say more than another one.

    Args:
        search: The table.
        origins: The best first.
        unit: What they are measured in.
        sign: 1 where the greatest of them counts, -1 where the least does.
    """
    chosen: list[Origin] = []
    for origin in origins:
        x, unknown = search.position(origin, unit)
        says_more = True
        for other in chosen:
            z, other_unknown = search.position(other, unit)
            both = ~unknown & ~other_unknown
            says_more &= bool((sign * (x - z)[both] > 0).mean() > MOST_FAILING)
        if says_more and len(chosen) < MOST_ENDS:
            chosen.append(origin)
    return tuple(chosen)


def _surprise(
    search: _Search, child: str, origin: Origin, unit: str, rows: Mask, is_after: bool
) -> float:
    """How often an order would be broken by chance; 0 if it is not kept beyond chance."""
    y, y_missing = search.cells(child, unit)
    x, x_missing = search.position(origin, unit)
    both = rows & ~y_missing & ~x_missing
    other, unknown = search.position(origin, unit, shuffle_counts=True)
    both_other = rows & ~y_missing & ~unknown
    if both.sum() < FEWEST or both_other.sum() < FEWEST:
        return 0.0
    broken = (y < x) if is_after else (y > x)
    broken_by_chance = (y < other) if is_after else (y > other)
    return _beyond_chance(broken[both], broken_by_chance[both_other])


def _beyond_chance(broken: Mask, broken_by_chance: Mask) -> float:
    """The share of rows that break an order by chance; 0 if it is no rule."""
    fails = float(broken.mean())
    by_chance = float(broken_by_chance.mean())
    is_rule = (
        fails <= MOST_FAILING
        and by_chance >= max(LEAST_BY_CHANCE, TIMES_BY_CHANCE * fails)
        and by_chance * len(broken) >= EVIDENCE
    )
    return by_chance if is_rule else 0.0


# --------------------------------------------------------------------------------------
# What it is hardly ever less than


@dataclass(frozen=True)
class _Order:
    """One column is hardly ever less than another.

    Attributes:
        surprise: Share of the rows that would break it by chance.
        low: The lesser column.
        high: The greater one.
        steady: Whether it is always by the same: due within 14 days.
        apart: Values of the greater one that the order is not about.
    """

    surprise: float
    low: str
    high: str
    steady: bool
    apart: tuple[float, ...]


def _ordered(search: _Search, names: Sequence[str], tree: _Tree) -> None:
    """Measure columns from those that they are hardly ever less than.

    From the least to the greatest: so each is measured from what it comes after, and a
    maximum from the greatest of all that it is the maximum of.
    """
    orders = [order for order in _orders(search, names) if order is not None]
    orders.sort(key=lambda order: (order.steady, order.surprise), reverse=True)
    settled: set[str] = set()
    pairs = {(order.low, order.high) for order in orders}
    for order in orders:
        # A column without gaps between the two says as much.
        between = any(
            (order.low, name) in pairs
            and (name, order.high) in pairs
            and not search.schema[name].missing
            for name in names
        )
        high = order.high
        if (between and not order.steady) or high in settled:
            # It follows from two others, or there is no more to say.
            continue
        known = tree.relations.get(high)
        if known is not None and (known.exactly or len(known.after) == MOST_ENDS):
            continue
        if not _may_replace_links(tree, high, order.low):
            continue
        if not tree.may_need(high, [order.low]):
            continue
        if known is None:
            unit = _unit_of_order(search, order)
            known = Relation(unit)
        apart = tuple(sorted({*known.apart, *order.apart}))[:MOST_APART]
        after = (*known.after, Origin(order.low))
        tree.add(high, Relation(known.unit, (), after, (), apart))
        if order.steady:
            settled.add(high)


def _may_replace_links(tree: _Tree, child: str, parent: str) -> bool:
    """Whether what a column is linked to is what it would be measured from.

    To be equal is to be at no distance.
    """
    return all(link.parents == (parent,) for link in tree.links.get(child, ()))


def _unit_of_order(search: _Search, order: _Order) -> str:
    """What the distance of two columns counts."""
    column = search.schema[order.high]
    own = own_unit(column)
    if not own or own == "D" or own in dates.LONG or column.kind == "duration":
        return own
    if own_unit(search.schema[order.low]) == "D":
        return "D"
    y, y_missing = search.cells(order.high, own)
    x, x_missing = search.cells(order.low, own)
    both = ~y_missing & ~x_missing
    if order.apart:
        both &= ~np.isin(y, order.apart)
    median = float(np.median((y - x)[both])) / dates.PER_DAY[own]
    return "D" if median >= DAYS_APART else own


def _orders(search: _Search, names: Sequence[str]) -> Iterator[_Order | None]:
    """All orders of some columns."""
    for low, high in combinations(names, 2):
        yield _order(search, low, high)
        yield _order(search, high, low)


def _order(search: _Search, low: str, high: str) -> _Order | None:
    """Whether one column is hardly ever less than another."""
    # What is finer than the greater column is rounded down.
    unit = own_unit(search.schema[high])
    x, x_missing = search.cells(low, unit)
    y, y_missing = search.cells(high, unit)
    both = ~x_missing & ~y_missing
    if both.sum() < FEWEST:
        return None
    glance = np.flatnonzero(both)[:GLANCE_ROWS]
    apart = _exceptions(search, high, x[glance], y[glance])
    # Most pairs are no order.
    ordinary = glance[~np.isin(y[glance], apart)]
    if not len(ordinary) or (x[ordinary] > y[ordinary]).mean() > 3 * MOST_FAILING:
        return None
    rows = both & ~np.isin(y, apart)
    if rows.sum() < max(FEWEST, LEAST_SHARE * len(search)):
        return None
    x = x[rows]
    y = y[rows]
    surprise = _beyond_chance(x > y, x[_turned(len(x))] > y)
    is_time = bool(unit) or (_are_years(x) and _are_years(y))
    if not surprise or (not is_time and surprise < LEAST_BY_CHANCE_OF_NUMBERS):
        return None
    if not is_time and not _is_plainer(search, low, high, x, y):
        return None
    _, counts = np.unique(_gap(search, low, high, x, y), return_counts=True)
    steady = counts.max() >= ALWAYS * len(x)
    return _Order(surprise, low, high, bool(steady), tuple(apart))


def _gap(search: _Search, low: str, high: str, x: Numbers, y: Numbers) -> Numbers:
    """How far one column is from another, as exact as they are."""
    gap = y - x
    places = [
        number_kind(search.schema[n]).decimals(search.schema[n]) for n in (low, high)
    ]
    if gap.dtype != np.int64 and None not in places:
        return np.round(gap, max(p for p in places if p is not None))
    return np.asarray(gap)


def _exceptions(search: _Search, high: str, x: Numbers, y: Numbers) -> list[Any]:
    """Values apart of a column that an order is not about.

    Nearly all of their rows break it, or they lie far beyond all others, and then keep
    it for no reason.

    Args:
        search: The table.
        high: The column.
        x: Some cells of the column that may be less.
        y: The cells of the column beside them.
    """
    found = []
    for value, is_far in search.apart(high):
        mine = y == value
        if is_far or (mine.any() and (x[mine] > value).mean() > 0.5):
            found.append(value)
    return found


def _turned(rows: int) -> Ints:
    """Each row's number half a table on; the rows are in random order."""
    return np.roll(np.arange(rows), rows // 2)


def _is_plainer(search: _Search, low: str, high: str, x: Numbers, y: Numbers) -> bool:
    """Whether two columns of numbers seem to count the same thing.

    Then their distance is narrower than the greater one, and hardly more various.
    """
    places = [
        number_kind(search.schema[name]).decimals(search.schema[name])
        for name in (low, high)
    ]
    if places[0] != places[1]:
        return False
    gap = _gap(search, low, high, x, y)
    wide = np.abs(gap - np.median(gap)).mean()
    if wide > NARROWER * np.abs(y - np.median(y)).mean():
        return False
    values = len(np.unique(y))
    distances = len(np.unique(gap))
    return values >= FEWEST_DISTINCT and distances <= MORE_DISTINCT * values + 10


def _are_years(values: Numbers) -> bool:
    """Whether numbers are years."""
    if values.dtype != np.int64:
        return False
    return bool(values.min() >= YEARS[0] and values.max() <= YEARS[1])


def _apart(values: Numbers) -> Numbers:
    """Values that are much more frequent than those around them."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) < FEWEST_DISTINCT:
        return distinct[:0]
    enough = counts >= max(ROWS_OF_ATOM, SHARE_APART * len(values))
    ratio = counts / np.maximum(around(counts, np.arange(len(counts))), 1)
    chosen = np.flatnonzero(enough & (ratio >= TIMES_AROUND))
    most_first = chosen[np.argsort(-counts[chosen], kind="stable")]
    return np.sort(distinct[most_first[:MOST_APART]])


def _is_far(values: Numbers, value: float) -> bool:
    """Whether a value lies as far beyond all others as these reach."""
    others = values[values != value].astype(np.float64)
    if not len(others):
        return False
    low, high = np.quantile(others, [0.001, 0.999])
    reach = FAR * max(high - low, 1.0)
    return bool(value > high + reach or value < low - reach)


def _in_own_unit(apart: Ints, column: Column, unit: str) -> tuple[int, ...]:
    """Dates apart, in the unit of their column."""
    own = dates.convert(apart.astype(np.int64), unit, own_unit(column))
    return tuple(own.tolist())
