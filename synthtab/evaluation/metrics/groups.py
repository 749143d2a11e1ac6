"""Are groups of rows what they are in the real table?

The women over sixty are missing, two rare words stand for each other, a town has the
code of another one: no single column shows it, and the tie between two columns hardly
gets weaker by a few rows. Each cell of each table of two columns is therefore counted
by itself, pairs of words that no real row has are counted, and the numbers within each
group and their correlations are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.stats import binom
from scipy.stats import t as student

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.levels import some_combinations
from synthtab.evaluation.metric import (
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.metrics import association, signs
from synthtab.evaluation.metrics.timestamps import Part
from synthtab.evaluation.report.findings import (
    Evidence,
    Verdict,
    both,
    named_columns,
    quote,
    sentences,
    share,
)
from synthtab.evaluation.views import Tables, View

# Levels of all columns together: of more the matrix of all cells is too large.
MOST_LEVELS = 6_000
# By so many of the rows must a cell be off, and so much of the smaller of its groups.
WORTH = 0.01
WORTH_OF_GROUP = 0.15
# Standard errors of two shares below which no exact test is made.
LIKELY = 3.5
LISTED = 50

# Rows in which pairs of words are looked for, pairs of columns, and the most words of a
# column.
PAIR_ROWS = 20_000
MOST_PAIRS = 2_000
MOST_WORDS = 2_000
# Numbers of so few values are words.
FEW_NUMBERS = 100
# Share of the rows with a new pair of words that is worth a word, beyond the real ones.
NEW_WORTH = 0.005
NEW_ROWS = 5

# Rows of a group of which correlations are looked at, and by how much one must be off,
# also beside that of the whole table.
GROUP_ROWS = 40
WORTH_WITHIN = 0.3
# By so much must the mean rank within a group be off.
WORTH_INSIDE = 0.1
BEYOND_WHOLE = 0.15
MOST_NUMBERS = 60


def group_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over the cells of all tables of two columns of |p - p'|, times 100.

    The columns are cut as for the ties (`association`). From 0, which is best. The
    floor is that of two random parts of one table. The detail names the cells that are
    off beyond chance (Fisher's exact test) as shares of both of their groups, pairs of
    words that no real row has, and correlations that are others within a group.
    """
    ties = association.of(tables, streams)
    if ties.coding.width > MOST_LEVELS:
        raise Skip(f"the columns have more than {MOST_LEVELS:,} levels")
    if not ties.comparable.any():
        raise Skip("no two columns vary")
    cells = _Cells(ties)
    return Outcome(
        100 * cells.error,
        Reference(100 * cells.floor, PERFECT_SAMPLER),
        n=cells.number,
        detail={
            "cells": cells.faults(tables),
            "pairs": _new_pairs(tables, streams),
            "inside": _inside(tables, ties),
            "within": _within(tables, ties),
        },
    )


# -- cells of two columns


class _Cells:
    """The cells of all tables of two columns, of both tables."""

    def __init__(self, ties: association.Ties) -> None:
        self.coding = ties.coding
        self.real = ties.coding.counts(ties.rows)
        self.synthetic = ties.coding.counts(ties.other)
        sizes = [item.size for item in self.coding.items]
        self.owner = np.repeat(np.arange(len(sizes)), sizes)
        self.starts = np.cumsum([0, *sizes])[:-1]
        apart = np.repeat(np.repeat(ties.comparable, sizes, axis=0), sizes, axis=1)
        self.looked_at = np.triu(apart, 1)
        self.number = int(self.looked_at.sum())
        rows, other = len(ties.rows), len(ties.other)
        p, q = self.real / rows, self.synthetic / other
        self.error = float(np.abs(p - q)[self.looked_at].mean())
        spread = np.sqrt(2 / np.pi * p * (1 - p) * (1 / rows + 1 / other))
        self.floor = float(spread[self.looked_at].mean())

    def faults(self, tables: Tables) -> list[dict[str, Any]]:
        """The worst cell of each pair of columns that has one, the worst first."""
        # Of a level, over the rows in which the other column is there too.
        of_real = self._margins(self.real)
        of_synthetic = self._margins(self.synthetic)
        luck = np.zeros(self.real.shape)
        worth = self.looked_at.copy()
        gaps = np.full(self.real.shape, np.inf)
        for a, b in ((of_real, of_synthetic), (of_real.T, of_synthetic.T)):
            one, other = np.maximum(a, 1), np.maximum(b, 1)
            p, q = self.real / one, self.synthetic / other
            # Rows that the cell has too many or too few, of its group.
            gap = np.abs(p - q)
            pooled = (self.real + self.synthetic) / (one + other)
            error = np.sqrt(pooled * (1 - pooled) * (1 / one + 1 / other))
            worth &= (a > 0) & (b > 0) & (gap > LIKELY * error)
            gaps = np.minimum(gaps, gap * np.minimum(one, other))
            worth &= gap > WORTH_OF_GROUP * np.minimum(np.maximum(p, q), 1 - p)
        worth &= gaps > WORTH * min(self.real.max(), self.synthetic.max())
        i, j = np.nonzero(worth)
        for a, b in ((of_real, of_synthetic), (of_real.T, of_synthetic.T)):
            found = chance.unlike(
                self.synthetic[i, j].astype(int),
                b[i, j].astype(int),
                self.real[i, j].astype(int),
                a[i, j].astype(int),
            )
            luck[i, j] = np.maximum(luck[i, j], found)
        beyond = luck[i, j] < chance.limit(self.number)
        i, j = i[beyond], j[beyond]
        found_faults: dict[tuple[int, int], dict[str, Any]] = {}
        for k in np.argsort(-gaps[i, j], kind="stable"):
            one, two = int(i[k]), int(j[k])
            pair = (int(self.owner[one]), int(self.owner[two]))
            if pair in found_faults:
                continue
            # Told of the smaller group.
            if of_real[one, two] > of_real.T[one, two]:
                one, two = two, one
            found_faults[pair] = {
                "columns": [self._name(one), self._name(two)],
                "levels": [self._said(one, tables), self._said(two, tables)],
                "real": float(self.real[one, two] / of_real[one, two]),
                "synthetic": float(self.synthetic[one, two] / of_synthetic[one, two]),
            }
        return list(found_faults.values())[:LISTED]

    def _margins(self, counts: Floats) -> Floats:
        """Rows of each level in which the other's column is there ``[levels, levels]``."""
        sums = np.add.reduceat(counts, self.starts, axis=1)
        repeated: Floats = sums[:, self.owner]
        return repeated

    def _name(self, level: int) -> str:
        return self.coding.items[self.owner[level]].owner

    def _said(self, level: int, tables: Tables) -> str:
        """What a level is, in words; numbers by ranks, since they are single rows'."""
        item = self.coding.items[self.owner[level]]
        place = level - int(self.starts[self.owner[level]])
        name = quote(item.owner)
        if item.part is not None:
            return f"{name} is {_called(item.part, place, item.size)}"
        if item.missing:
            return f"{name} is {'missing' if place else 'there'}"
        if item.numeric:
            levels = item.levels(tables.real)
            there = levels >= 0
            below = float((levels[there] < place).mean())
            above = float((levels[there] > place).mean())
            if below == 0:
                return f"{name} is among its least {share(1 - above)}"
            if above == 0:
                return f"{name} is among its greatest {share(1 - below)}"

            return f"{name} is between its quantiles {below:.2f} and {1 - above:.2f}"
        codes = np.flatnonzero(item.table == place)
        codes = codes[codes != item.absent]
        if len(codes) == 1:
            word = tables.categories[item.position][int(codes[0])]
            return f"{name} is {quote(word, 24)}"
        return f"{name} is one of its rarest"


def _called(part: Part, place: int, size: int) -> str:
    """A level of a part of a date; where it has several, the first and the last."""
    several = part.size // size
    first = part.called(place * several)
    if several == 1:
        return first
    return f"{first} to {part.called((place + 1) * several - 1)}"


# -- words that do not belong together


def _new_pairs(tables: Tables, streams: Streams) -> list[dict[str, Any]]:
    """Pairs of columns whose words come together as in no real row.

    Those that luck may explain, but not often, are not "sure".
    """
    real = tables.real.some(PAIR_ROWS, streams.numpy("pairs of words, real"))
    synthetic = tables.synthetic.some(PAIR_ROWS, streams.numpy("pairs of words"))
    columns = _as_words(tables, real, synthetic)
    rng = streams.numpy("pairs of words, columns")
    pairs = some_combinations(len(columns), 2, MOST_PAIRS, rng) if columns else []
    limit = chance.limit(len(pairs))
    odds = len(synthetic) / (len(real) + len(synthetic))
    faults: list[dict[str, Any]] = []
    for a, b in pairs:
        name, one, other, _ = columns[a]
        name_beside, one_beside, other_beside, size = columns[b]
        of_real = _together(one, one_beside, size)
        of_synthetic = _together(other, other_beside, size)
        new = of_synthetic[~np.isin(of_synthetic, of_real)]
        gone = of_real[~np.isin(of_real, of_synthetic)]
        excess = len(new) / len(synthetic) - len(gone) / len(real)
        if excess < NEW_WORTH or len(new) < NEW_ROWS:
            continue
        # Of the pairs that one table alone has, each is as likely in either.
        kinds, counts = np.unique(new, return_counts=True)
        of_one = len(np.unique(gone))
        by_kinds = binom.sf(len(kinds) - 1, len(kinds) + of_one, odds)
        tried = len(np.unique(of_synthetic))
        by_rows = tried * chance.all_beyond(
            int(counts.max()), len(synthetic), len(real)
        )
        luck = 2 * min(float(by_kinds), float(by_rows))
        if luck < chance.unsure(limit):
            faults.append(
                {
                    "columns": [name, name_beside],
                    "share": len(new) / len(synthetic),
                    "real": len(gone) / len(real),
                    "sure": luck < limit,
                }
            )
    faults.sort(key=lambda fault: (-fault["share"], fault["columns"]))
    return faults[:LISTED]


def _as_words(
    tables: Tables, real: View, synthetic: View
) -> list[tuple[str, Integers, Integers, int]]:
    """Name, codes of both tables, and number of words; -1 what no real row has."""
    columns = []
    for j, name in enumerate(tables.categorical):
        size = tables.sizes[j]
        seen = np.zeros(size, dtype=bool)
        seen[real.codes[:, j]] = True
        seen[-1] = False
        if not 2 <= seen.sum() <= MOST_WORDS:
            continue
        one, other = (
            np.where(seen[view.codes[:, j]], view.codes[:, j], -1)
            for view in (real, synthetic)
        )
        columns.append((name, one, other, size))
    for j, name in enumerate(tables.numeric):
        values = np.unique(real.numbers[:, j])
        values = values[~np.isnan(values)]
        if not 2 <= len(values) <= FEW_NUMBERS:
            continue
        codes = []
        for view in (real, synthetic):
            place = np.searchsorted(values, view.numbers[:, j])
            place = np.minimum(place, len(values) - 1)
            codes.append(np.where(values[place] == view.numbers[:, j], place, -1))
        columns.append((name, codes[0], codes[1], len(values)))
    return columns


def _together(one: Integers, other: Integers, size: int) -> Any:
    """A number for each row in which both words are known."""
    there = (one >= 0) & (other >= 0)
    return one[there].astype(np.int64) * size + other[there]


# -- numbers within a group


def _inside(tables: Tables, ties: association.Ties) -> list[dict[str, Any]]:
    """Numbers that are too high or low within a group of rows, or too far from the middle.

    By their ranks among the real rows, from 0 to 1, and by how far these are from 0.5.
    Welch's test of both means.
    """
    if not tables.numeric:
        return []
    ranks, others = (signs.real_ranks(tables, view) for view in (ties.rows, ties.other))
    there, others_there = ~np.isnan(ranks), ~np.isnan(others)
    ranks, others = np.nan_to_num(ranks + 0.5), np.nan_to_num(others + 0.5)
    found: list[dict[str, Any]] = []
    tests = 0
    for kind in ("level", "spread"):
        if kind == "spread":
            ranks = np.where(there, np.abs(ranks - 0.5), 0.0)
            others = np.where(others_there, np.abs(others - 0.5), 0.0)
        everywhere = _means(ranks, there)[0] - _means(others, others_there)[0]
        for group, mask, beside in _groups(tables, ties):
            of_real, variance, rows = _means(ranks[mask], there[mask])
            of_other, variance_beside, other_rows = _means(
                others[beside], others_there[beside]
            )
            fewest = np.minimum(rows, other_rows)
            enough = fewest >= GROUP_ROWS
            tests += int(enough.sum())
            gap = of_real - of_other
            error = np.sqrt(
                np.maximum(variance, variance_beside)
                * (1 / np.maximum(rows, 1) + 1 / np.maximum(other_rows, 1))
            )
            luck = 2 * student.sf(
                np.abs(gap) / np.maximum(error, 1e-9), np.maximum(fewest - 1, 1)
            )
            worth = WORTH_INSIDE if kind == "level" else WORTH_INSIDE / 2
            clear = (np.abs(gap) > worth) & (np.abs(gap - everywhere) > worth / 2)
            for j in np.flatnonzero(enough & clear):
                means = {"real": float(of_real[j]), "synthetic": float(of_other[j])}
                found.append(
                    {
                        "columns": [group["column"], tables.numeric[j]],
                        "group": group,
                        "kind": kind,
                        "luck": float(luck[j]),
                        **means,
                    }
                )
    limit = chance.limit(tests)
    beyond = [fault for fault in found if fault["luck"] < limit]
    beyond.sort(key=_difference, reverse=True)
    worst: dict[tuple[str, ...], dict[str, Any]] = {}
    for fault in beyond:
        worst.setdefault(tuple(fault["columns"]), fault)
    return list(worst.values())[:LISTED]


def _means(values: Floats, there: Any) -> tuple[Floats, Floats, Floats]:
    """Mean, variance and rows of each column, of the cells that are there."""
    rows = there.sum(axis=0).astype(np.float64)
    n = np.maximum(rows, 1)
    mean = values.sum(axis=0) / n
    return mean, np.maximum((values**2).sum(axis=0) / n - mean**2, 0.0), rows


# -- correlations within a group


def _within(tables: Tables, ties: association.Ties) -> list[dict[str, Any]]:
    """Pairs of columns whose correlation is another one within a group of rows."""
    real, names = signs.columns_in_order(tables, ties.rows)
    synthetic, _ = signs.columns_in_order(tables, ties.other)
    real, synthetic = real[:, :MOST_NUMBERS], synthetic[:, :MOST_NUMBERS]
    if real.shape[1] < 2:
        return []
    whole = signs.correlations(real).values - signs.correlations(synthetic).values
    tests = 0
    found: list[dict[str, Any]] = []
    for group, mask, mask_beside in _groups(tables, ties):
        one = signs.correlations(real[mask])
        other = signs.correlations(synthetic[mask_beside])
        enough = np.minimum(one.rows, other.rows) >= GROUP_ROWS
        seen = np.triu(enough & ~np.isnan(one.values) & ~np.isnan(other.values), 1)
        tests += int(seen.sum())
        gap = np.nan_to_num(one.values - other.values)
        beyond = np.abs(gap - np.nan_to_num(whole)) > BEYOND_WHOLE
        luck = signs.luck(one, other)
        i, j = np.nonzero(seen & (np.abs(gap) > WORTH_WITHIN) & beyond)
        for a, b in zip(i, j, strict=True):
            if group["column"] in (names[a], names[b]):
                continue
            found.append(
                {
                    "columns": [names[a], names[b]],
                    "group": group,
                    "real": float(one.values[a, b]),
                    "synthetic": float(other.values[a, b]),
                    "luck": float(luck[a, b]),
                }
            )
    limit = chance.limit(tests)
    beyond_luck = [fault for fault in found if fault["luck"] < limit]
    beyond_luck.sort(key=_difference, reverse=True)
    worst: dict[tuple[str, ...], dict[str, Any]] = {}
    for fault in beyond_luck:
        worst.setdefault((*fault["columns"], fault["group"]["column"]), fault)
    return list(worst.values())[:LISTED]


def _difference(fault: Mapping[str, Any]) -> float:
    return abs(float(fault["real"]) - float(fault["synthetic"]))


def _groups(
    tables: Tables, ties: association.Ties
) -> Iterator[tuple[dict[str, str], Any, Any]]:
    """The rows of each common word of a column, in both tables."""
    for item in ties.coding.items:
        if item.numeric or item.missing:
            continue
        levels, beside = item.levels(ties.rows), item.levels(ties.other)
        for place in range(item.size):
            codes = np.flatnonzero(item.table == place)
            codes = codes[codes != item.absent]
            mask, mask_beside = levels == place, beside == place
            if len(codes) != 1 or min(mask.sum(), mask_beside.sum()) < GROUP_ROWS:
                continue
            word = tables.categories[item.position][int(codes[0])]
            yield {"column": item.owner, "word": word}, mask, mask_beside


# -- sentences


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Groups that are too small or too large, words and ties that are others there.

    Evidence: the shares of both groups in both tables; the share of rows with a pair of
    words that no real row has; rank correlations within a group. Not of columns and
    pairs that another rule names.
    """
    score = evidence.get("group_error")
    if score is None:
        return
    named = named_columns(evidence)
    pairs = signs.named_pairs(evidence)

    def is_new(fault: Mapping[str, Any]) -> bool:
        columns = set(fault["columns"])
        return not columns & named and frozenset(columns) not in pairs

    new_pairs = [f for f in score.detail.get("pairs", []) if f["sure"] and is_new(f)]
    pairs |= {frozenset(fault["columns"]) for fault in new_pairs}
    yield from sentences(
        new_pairs,
        "combination",
        _about_pair,
        "pairs of columns have cells together that no real row has",
    )
    inside = [f for f in score.detail.get("inside", []) if is_new(f)]
    yield from sentences(
        inside,
        "group",
        _about_inside,
        "pairs of columns are distributed otherwise within a group",
        level="fair",
    )
    pairs |= {frozenset(fault["columns"]) for fault in inside}
    yield from sentences(
        [f for f in score.detail.get("cells", []) if is_new(f)],
        "group",
        _about_cell,
        "pairs of columns have groups of another size",
        level="fair",
    )
    yield from sentences(
        [f for f in score.detail.get("within", []) if is_new(f)],
        "within",
        _about_within,
        "pairs of columns are tied otherwise within a group",
        level="fair",
    )


def _about_cell(fault: Mapping[str, Any]) -> str:
    one, two = fault["levels"]
    return (
        f"Where {one}, {two} in {share(fault['synthetic'])} of the rows, "
        f"in {share(fault['real'])} of the real ones"
    )


def _about_inside(fault: Mapping[str, Any]) -> str:
    group, name = fault["group"], quote(fault["columns"][1])
    more = fault["synthetic"] > fault["real"]
    where = f"Where {quote(group['column'])} is {quote(group['word'], 24)}, {name}"
    if fault["kind"] == "level":
        return (
            f"{where} is too {'high' if more else 'low'}: above "
            f"{share(fault['synthetic'])} of all real rows on average, in real rows "
            f"above {share(fault['real'])}"
        )
    return (
        f"{where} is too {'wide' if more else 'narrow'}: its ranks are "
        f"{share(fault['synthetic'])} from the middle on average, in real rows "
        f"{share(fault['real'])}"
    )


def _about_pair(fault: Mapping[str, Any]) -> str:
    return (
        f"In {share(fault['share'])} of the rows ({both(fault)}) have cells that no real "
        f"row has together; {share(fault['real'])} would be chance"
    )


def _about_within(fault: Mapping[str, Any]) -> str:
    group = fault["group"]
    return (
        f"Where {quote(group['column'])} is {quote(group['word'], 24)}, ({both(fault)}) "
        f"have the rank correlation {fault['synthetic']:+.2f}, "
        f"in the real table {fault['real']:+.2f}"
    )


GROUPS = Metric(
    "group_error",
    "Groups of two columns",
    "how far the shares of two columns' values together are off; 0 = not",
    "fidelity",
    "lower",
    group_error,
    (0.0, 100.0),
    "%",
    cost="medium",
    like="trend_error",
    rule=rule,
)
