"""Can the verdicts of a report be trusted? Faults are planted in real rows, and counted.

    python benchmarks/trust.py                     # flights, penguins, anes96: 5 seeds
    python benchmarks/trust.py --tables flights --seeds 1 --faults "sign of a tie"
    python benchmarks/trust.py --data ../shared/data --out trust.jsonl

Of a table, up to 1,500 rows are the training table, as many others stand for the synthetic
rows, and the rest are the holdout. Both are real, so that a report of the two should raise
no alarm (`real against real`). Then a fault is planted in the rows that stand for the
synthetic ones, one at a time, and the report should name it: in a sentence that is not
good, by a rule that is about faults of this kind, with the column where one is at fault.

Whether a fault could be told from chance at all is derived from the rows, not from the
report: whoever knew where to look, could he? (`beyond_chance`). In a table of 114 rows two
negative cells are not. Three counts for each fault that could:

    named       a rule of its kind names it
    seen        only another rule says that something is wrong
    called good no sentence says that anything is wrong, or a sentence calls good what the
                fault contradicts
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, fisher_exact, ks_2samp, norm

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# Rows of the training table, and of those that stand for synthetic ones.
ROWS = 1_500
MOST_ROWS = 20_000
# A share of the rows, and a factor, that faults use where nothing else is said.
FEW = 0.05
RAISE = 1.1

# Of the scores without a rule of their own, those that tell of columns, pairs and copies.
QUICK = (
    "shape_error",
    "association_error",
    "missing_error",
    "missing_patterns",
    "off_grid",
    "heap_error",
    "category_coverage",
    "range_coverage",
    "exact_copies",
    "impossible_rows",
)

Frame = pd.DataFrame
Random = np.random.Generator
# What a fault gives: the rows with the fault, and the columns that are at fault.
Planted = tuple[Frame, tuple[str, ...]]


@dataclass(frozen=True)
class Fault:
    """A way to spoil rows.

    Attributes:
        name: Of the fault.
        plant: ``(rows, training rows, randomness) -> Planted``, or None where the table has
            no column that could have it.
        rules: Rules of the verdicts that are about faults of this kind.
        denied_by: Rules that must not call such rows good.
    """

    name: str
    plant: Callable[[Frame, Frame, Random], Planted | None]
    rules: tuple[str, ...]
    denied_by: tuple[str, ...] = ()


# -- what a column is


def numbers(frame: Frame, distinct: int = 30) -> list[str]:
    """Columns of numbers with so many distinct values at least; no times as 517."""
    names = frame.select_dtypes("number").columns.difference(
        ["id", "PassengerId"], sort=False
    )
    amounts = [name for name in names if not _are_times(frame[name])]
    return [name for name in amounts if frame[name].nunique() >= distinct]


def _are_times(values: pd.Series) -> bool:
    """Whether the numbers are times of day, hours and minutes."""
    there = values.dropna()
    in_a_day = there.between(0, 2400) & (there % 100 < 60)
    return bool(in_a_day.all()) and there.max() > 2000


def words(frame: Frame, most: int = 60) -> list[str]:
    """Columns of few words."""
    others = frame.select_dtypes(exclude="number").columns
    return [name for name in others if 2 <= frame[name].nunique() <= most]


def tied(frame: Frame, least: float = 0.6) -> tuple[str, str] | None:
    """Two columns of numbers with a strong rank correlation."""
    names = numbers(frame)
    best: tuple[float, str, str] | None = None
    ranks = frame[names].corr("spearman").abs() if names else pd.DataFrame()
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            value = float(ranks.loc[a, b])
            if value >= least and (best is None or value > best[0]):
                best = (value, a, b)
    return None if best is None else (best[1], best[2])


def ordered(frame: Frame) -> tuple[str, str] | None:
    """Two columns of numbers of which the first is never the greater one."""
    names = numbers(frame)
    for a in names:
        for b in names:
            both = frame[[a, b]].dropna()
            if a == b or len(both) < len(frame) / 2:
                continue
            gap = both[b] - both[a]
            # Of one unit: the gap is no larger than the numbers.
            alike = gap.abs().median() < 2 * both[a].abs().median()
            if (gap >= 0).all() and gap.nunique() > 5 and alike:
                return a, b
    return None


# -- faults


def level(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """All numbers of a column ten percent too high."""
    names = [name for name in numbers(rows) if (train[name].dropna() > 0).all()]
    if not names:
        return None
    name = names[0]
    return rows.assign(**{name: _rounded(rows[name] * RAISE, train[name])}), (name,)


def spread(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """The deviation of a column a third too small, around the same mean."""
    names = numbers(rows)
    if not names:
        return None
    name = names[-1]
    centre = rows[name].mean()
    narrowed = centre + (rows[name] - centre) / 1.5
    return rows.assign(**{name: _rounded(narrowed, train[name])}), (name,)


def top_cut(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """The greatest two percent of a column are missing from the rows."""
    names = numbers(rows)
    if not names:
        return None
    name = names[0]
    cut = train[name].quantile(0.98)
    return rows[~(rows[name] >= cut)].reset_index(drop=True), (name,)


def negative(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Two percent of the numbers negative, where none is."""
    names = [name for name in numbers(rows) if (train[name].dropna() >= 0).all()]
    if not names:
        return None
    name = names[0]
    return _changed(rows, name, 0.02, rng, lambda cells: -cells.abs() - 1), (name,)


def beyond(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Two percent of the numbers at three times the greatest one."""
    names = [name for name in numbers(rows) if train[name].max() > 0]
    if not names:
        return None
    name = names[0]
    far = 3 * train[name].max()
    return _changed(rows, name, 0.02, rng, lambda cells: 0 * cells.fillna(0) + far), (
        name,
    )


def blank(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Two percent of the cells missing, in a column where none is."""
    names = [name for name in rows if train[name].notna().all()]
    if not names:
        return None
    name = names[0]
    return rows.assign(**{name: rows[name].mask(rng.random(len(rows)) < 0.02)}), (name,)


def out_of_order(share: float) -> Callable[..., Planted | None]:
    """Two columns in the wrong order in that share of the rows, where never."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted | None:
        pair = ordered(train)
        if pair is None:
            return None
        a, b = pair
        chosen = rng.random(len(rows)) < share
        swapped = rows.copy()
        swapped.loc[chosen, [a, b]] = rows.loc[chosen, [b, a]].to_numpy()
        return swapped, (a, b)

    return plant


def sign(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A correlation turned around, each column distributed as it was."""
    pair = tied(train)
    if pair is None:
        return None
    return _turned(rows, pair[0], pd.Series(True, rows.index))[0], pair


def _turned(rows: Frame, name: str, where: pd.Series) -> tuple[Frame, pd.Series]:
    """The column with its greatest value for its least one and so on, in some rows."""
    there = rows[name].notna() & where
    ranks = rows.loc[there, name].rank(method="first").astype(int).to_numpy()
    ascending = np.sort(rows.loc[there, name].to_numpy())
    turned = rows.copy()
    turned.loc[there, name] = ascending[len(ascending) - ranks]
    return turned, there


def shuffled(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A column that follows no other any more."""
    pair = tied(train)
    if pair is None:
        return None
    name = pair[0]
    return rows.assign(**{name: rng.permutation(rows[name].to_numpy())}), (name,)


def repeats(share: float) -> Callable[[Frame, Frame, Random], Planted]:
    """That share of the rows repeats another of the rows."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted:
        count = round(share * len(rows))
        first = rows.iloc[: len(rows) - count]
        again = first.iloc[rng.integers(0, len(first), count)]
        return pd.concat([first, again], ignore_index=True), ()

    return plant


def copied(share: float) -> Callable[[Frame, Frame, Random], Planted]:
    """That share of the rows are rows of the training table."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted:
        count = round(share * len(rows))
        own = rows.iloc[count:]
        return pd.concat(
            [train.sample(count, random_state=0), own], ignore_index=True
        ), ()

    return plant


def rich_copied(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """The fifteen greatest of a column come back, a thousandth larger."""
    names = [name for name in numbers(rows, 200) if train[name].max() > 0]
    if not names:
        return None
    name = names[0]
    top = train.nlargest(15, name)
    top = top.assign(**{name: top[name] * 1.001})
    return pd.concat([rows.iloc[15:], top], ignore_index=True), (name,)


def new_category(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Five percent of a column's cells are a word that it never has."""
    names = words(rows)
    if not names:
        return None
    name = names[0]
    return _changed(rows, name, FEW, rng, lambda cells: "Zzz"), (name,)


def other_case(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A tenth of a column's words in capitals."""
    names = [
        name
        for name in words(rows)
        if (train[name].dropna().map(str.upper) != train[name].dropna()).all()
    ]
    if not names:
        return None
    name = names[0]
    return _changed(rows, name, 0.1, rng, lambda cells: cells.str.upper()), (name,)


def lost_category(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A word that five percent of the training rows have never comes."""
    for name in words(rows):
        shares = train[name].value_counts(normalize=True)
        rare = shares[(shares > 0.04) & (shares < 0.3)]
        if len(rare):
            word = rare.index[-1]
            return rows[rows[name] != word].reset_index(drop=True), (name,)
    return None


def blurred(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Whole numbers with decimals."""
    names = [name for name in numbers(rows) if _are_whole(train[name])]
    if not names:
        return None
    name = names[0]
    return rows.assign(**{name: rows[name] + rng.normal(0, 0.2, len(rows)).round(2)}), (
        name,
    )


def unreadable(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Numbers with a unit, as text."""
    names = numbers(rows)
    if not names:
        return None
    name = names[0]
    return rows.assign(**{name: rows[name].map("{:.2f} EUR".format)}), (name,)


def constant(rows: Frame, train: Frame, rng: Random) -> Planted:
    """A column that is one word in the training table, and another in the rows."""
    train["country"] = "CH"
    return rows.assign(country="XX"), ("country",)


def constant_missing(rows: Frame, train: Frame, rng: Random) -> Planted:
    """A column that is one word in the training table, and missing in the rows."""
    train["country"] = "CH"
    return rows.assign(country=pd.Series([None] * len(rows), dtype=object)), (
        "country",
    )


def keys(
    fill: Callable[[Frame, Random], Any],
) -> Callable[[Frame, Frame, Random], Planted]:
    """A column of e-mail addresses, all different; those of the rows as ``fill`` says."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted:
        train["email"] = _addresses(len(train), np.random.default_rng(1))
        return rows.assign(
            email=fill(rows.assign(email=train["email"].to_numpy()[: len(rows)]), rng)
        ), ("email",)

    return plant


def _addresses(count: int, rng: Random) -> list[str]:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    names = ["".join(rng.choice(letters, 9)) for _ in range(count)]
    return [f"{name[:4]}.{name[4:]}{i}@example.org" for i, name in enumerate(names)]


def hours(rows: Frame, train: Frame, rng: Random) -> Planted:
    """Timestamps of office hours at any hour."""
    train["seen"] = _stamps(len(train), np.random.default_rng(2))
    planted = _stamps(len(rows), np.random.default_rng(3))
    moved = planted.dt.normalize() + pd.to_timedelta(
        rng.integers(0, 24 * 60, len(rows)), "min"
    )
    return rows.assign(seen=moved.dt.strftime("%Y-%m-%d %H:%M:%S")), ("seen",)


def weekdays(rows: Frame, train: Frame, rng: Random) -> Planted:
    """Timestamps of working days on any day."""
    train["seen"] = _stamps(len(train), np.random.default_rng(2))
    planted = _stamps(len(rows), np.random.default_rng(3))
    moved = planted + pd.to_timedelta(rng.integers(0, 7, len(rows)), "D")
    return rows.assign(seen=moved.dt.strftime("%Y-%m-%d %H:%M:%S")), ("seen",)


def _stamps(count: int, rng: Random) -> pd.Series:
    """Instants of two years, from nine to five on working days."""
    days = pd.bdate_range("2022-01-03", "2023-12-29")
    day = days[rng.integers(0, len(days), count)]
    return pd.Series(day + pd.to_timedelta(rng.integers(9 * 60, 17 * 60, count), "min"))


def three_way(rows: Frame, train: Frame, rng: Random) -> Planted:
    """A column that is one of two others' parity, drawn at random in the rows."""
    for frame, seed in ((train, 4), (rows, 5)):
        own = np.random.default_rng(seed)
        frame["left"] = own.choice(["a", "b"], len(frame))
        frame["right"] = own.choice(["c", "d"], len(frame))
        same = (frame["left"] == "a") == (frame["right"] == "c")
        frame["both"] = np.where(same, "even", "odd")
    return rows.assign(both=rng.permutation(rows["both"].to_numpy())), (
        "both",
        "left",
        "right",
    )


def least_cut(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """The least two percent of a column are missing from the rows."""
    for name in reversed(numbers(rows)):
        cut = train[name].quantile(0.02)
        # A heap at the least value is no tail.
        if (train[name] <= cut).mean() < 0.04:
            return rows[~(rows[name] <= cut)].reset_index(drop=True), (name,)
    return None


def clipped(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """What is beyond the outer two percent of a column lies at their ends."""
    for name in numbers(rows):
        low, high = train[name].quantile([0.02, 0.98], interpolation="nearest")
        moved = (rows[name] < low) | (rows[name] > high)
        if moved.mean() > 0.03:
            return rows.assign(**{name: rows[name].clip(low, high)}), (name,)
    return None


def hundredfold(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Cents for francs in a twentieth of the rows."""
    names = [n for n in numbers(rows) if (train[n].dropna() > 0).all()]
    if not names:
        return None
    return _changed(rows, names[-1], FEW, rng, lambda cells: cells * 100), (names[-1],)


def negated(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """All numbers of a column with the other sign."""
    names = [n for n in numbers(rows) if train[n].median() != 0]
    if not names:
        return None
    return rows.assign(**{names[-1]: -rows[names[-1]]}), (names[-1],)


def one_number(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A column of numbers that is its median everywhere."""
    names = numbers(rows)
    if not names:
        return None
    name = names[-1]
    return rows.assign(**{name: train[name].median()}), (name,)


def rounded(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Numbers with a digit less than the real ones have."""
    for name in numbers(rows, 60):
        there = train[name].dropna()
        for places in range(3, -3, -1):
            fine = (there - there.round(places)).abs() > 1e-9
            if fine.mean() > 0.5:
                return rows.assign(**{name: rows[name].round(places)}), (name,)
    return None


def zeros_for_missing(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Missing cells of a column are -999."""
    names = [n for n in numbers(rows, 5) if train[n].isna().mean() > 0.02]
    if not names:
        return None
    return rows.assign(**{names[0]: rows[names[0]].fillna(-999)}), (names[0],)


def more_missing(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Twice as many missing cells as there should be."""
    names = [n for n in rows if 0.02 < train[n].isna().mean() < 0.4]
    if not names:
        return None
    name = names[0]
    gone = rng.random(len(rows)) < train[name].isna().mean() / rows[name].notna().mean()
    return rows.assign(**{name: rows[name].mask(gone)}), (name,)


def missing_elsewhere(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """As many missing cells of a column, in other rows; where they follow another column."""
    gaps = [n for n in rows if 0.02 < train[n].isna().mean() < 0.98]
    best: tuple[float, str, str] | None = None
    for name in gaps:
        gone = train[name].isna()
        for other in gaps:
            tie = abs(np.corrcoef(gone, train[other].isna())[0, 1])
            if other != name and tie > 0.3 and (best is None or tie > best[0]):
                best = (tie, name, other)
    if best is None:
        return None
    _, name, other = best
    moved = rng.permutation(rows[name].isna().to_numpy())
    filled = rows[name].dropna().sample(len(rows), replace=True, random_state=0)
    cells = rows[name].fillna(pd.Series(filled.to_numpy(), index=rows.index))
    return rows.assign(**{name: cells.mask(moved)}), (name, other)


def twice_as_often(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A category twice as often as it should be."""
    for name in words(rows):
        shares = train[name].value_counts(normalize=True)
        some = shares[(shares > 0.04) & (shares < 0.4)]
        if len(some):
            word = some.index[-1]
            share = some.iloc[-1] / (1 - some.iloc[-1])
            chosen = rng.random(len(rows)) < share
            return rows.assign(**{name: rows[name].mask(chosen, word)}), (name,)
    return None


def rare_permuted(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """The words of at most a tenth of the rows each stand for one another."""
    for name in words(rows):
        shares = train[name].value_counts(normalize=True)
        rare = list(shares[(shares > 0.01) & (shares < 0.1)].index)
        if len(rare) >= 3:
            swapped = dict(zip(rare, rare[1:] + rare[:1], strict=True))
            return rows.assign(**{name: rows[name].replace(swapped)}), (name,)
    return None


def trimmed(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A tenth of a column's words without their last letter."""
    names = [n for n in words(rows) if train[n].dropna().map(str).str.len().min() >= 2]
    if not names:
        return None
    return _changed(rows, names[-1], 0.1, rng, lambda c: c.map(str).str[:-1]), (
        names[-1],
    )


def flipped(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A quarter of the labels of two classes exchanged."""
    for name in reversed(list(rows)):
        classes = list(train[name].dropna().unique())
        if len(classes) == 2:
            other = rows[name].map({classes[0]: classes[1], classes[1]: classes[0]})
            chosen = rng.random(len(rows)) < 0.25
            return rows.assign(**{name: rows[name].mask(chosen, other)}), (name,)
    return None


def group_turned(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A tie that is turned around in one group of the rows."""
    pair = tied(train, 0.5)
    if pair is None:
        return None
    for group in words(rows, 30):
        shares = train[group].value_counts(normalize=True)
        some = shares[(shares > 0.1) & (shares < 0.5)]
        if group not in pair and len(some):
            inside = rows[group] == some.index[0]
            turned, _ = _turned(rows, pair[0], inside)
            return turned, (*pair, group)
    return None


def subgroup_gone(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """No row of a group is in the upper half of a column."""
    for group in words(rows, 30):
        shares = train[group].value_counts(normalize=True)
        some = shares[(shares > 0.1) & (shares < 0.5)]
        for name in numbers(rows):
            if not len(some):
                continue
            upper = (rows[group] == some.index[0]) & (rows[name] > train[name].median())
            if upper.mean() > 0.03:
                return rows[~upper].reset_index(drop=True), (group, name)
    return None


def sum_broken(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A column that is the sum of two others, except in a twentieth of the rows."""
    names = numbers(rows)[:2]
    if len(names) < 2:
        return None
    for frame in (train, rows):
        frame["total"] = frame[names[0]] + frame[names[1]]
    far = train["total"].std()
    moved = _changed(
        rows, "total", FEW, rng, lambda cells: (cells + far * rng.random()).round()
    )
    return moved, ("total", *names)


def town_and_code(rows: Frame, train: Frame, rng: Random) -> Planted:
    """A town and its code that do not belong together in a twentieth of the rows."""
    for frame, seed in ((train, 6), (rows, 7)):
        code = np.random.default_rng(seed).integers(0, 12, len(frame))
        frame["code"] = [f"C{i}" for i in code]
        frame["town"] = [f"town {i}" for i in code]
    other = rng.permutation(rows["town"].to_numpy())
    return _changed(rows, "town", FEW, rng, lambda cells: other), ("town", "code")


def near_copied(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A tenth of the rows are training rows, their numbers a thousandth larger."""
    if len(numbers(rows)) < 2:
        return None
    count = len(rows) // 10
    near = train.sample(count, random_state=0)
    for name in numbers(rows):
        # Of a zip code a thousandth is another town.
        if abs(train[name].mean()) < 10 * train[name].std():
            near[name] = near[name] * 1.001
    return pd.concat([rows.iloc[count:], near], ignore_index=True), ()


def all_but_one_copied(rows: Frame, train: Frame, rng: Random) -> Planted:
    """A tenth of the rows are training rows, but for one cell."""
    count = len(rows) // 10
    near = train.sample(count, random_state=0).reset_index(drop=True)
    name = str(rows.columns[0])
    near[name] = rows[name].to_numpy()[:count]
    return pd.concat([rows.iloc[count:], near], ignore_index=True), ()


def one_key(count_of: Callable[[int], int]) -> Callable[..., Planted]:
    """One person's e-mail in so many of the rows, all others new."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted:
        train["email"] = _addresses(len(train), np.random.default_rng(1))
        fresh = _addresses(len(rows), np.random.default_rng(8))
        count = count_of(len(rows))
        fresh[:count] = [train["email"].iloc[0]] * count
        return rows.assign(email=fresh), ("email",)

    return plant


def moved_dates(move: Callable[[pd.Series], pd.Series]) -> Callable[..., Planted]:
    """Timestamps of office hours, those of the rows moved."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted:
        train["seen"] = _stamps(len(train), np.random.default_rng(2))
        planted = move(_stamps(len(rows), np.random.default_rng(3)))
        return rows.assign(seen=planted.dt.strftime("%Y-%m-%d %H:%M:%S")), ("seen",)

    return plant


def _first_of_month(stamps: pd.Series) -> pd.Series:
    return stamps - pd.to_timedelta(stamps.dt.day - 1, "D")


def single_precision(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Numbers in single precision: no fault."""
    names = list(rows.select_dtypes("float").columns)
    if not names:
        return None
    return rows.assign(**{name: rows[name].astype("float32") for name in names}), ()


def nothing(rows: Frame, train: Frame, rng: Random) -> Planted:
    """Real rows: no fault."""
    return rows, ()


def _rounded(values: pd.Series, like: pd.Series) -> pd.Series:
    """Whole numbers where those of the column are whole."""
    return values.round() if _are_whole(like) else values


def _are_whole(values: pd.Series) -> bool:
    there = values.dropna()
    return bool((there == there.round()).all())


def _changed(
    rows: Frame,
    name: str,
    share: float,
    rng: Random,
    change: Callable[[pd.Series], Any],
) -> Frame:
    """The rows, some cells of a column changed."""
    chosen = rng.random(len(rows)) < share
    changed = rows.copy()
    changed[name] = changed[name].mask(chosen, change(changed[name]))
    return changed


NO_FAULTS = (
    Fault("real against real", nothing, ()),
    Fault("single precision", single_precision, ()),
)

FAULTS = (
    Fault(
        "ten percent too high", level, ("level", "shape", "tails"), ("shape", "level")
    ),
    Fault("too narrow", spread, ("spread", "shape", "range"), ("shape", "spread")),
    Fault(
        "greatest two percent missing",
        top_cut,
        ("range", "level", "shape", "tails", "share"),
        ("tails",),
    ),
    Fault("negative numbers", negative, ("impossible",), ("impossible",)),
    Fault("beyond the greatest", beyond, ("impossible",), ("impossible",)),
    Fault("missing where never", blank, ("missing", "constant", "keys"), ("missing",)),
    Fault(
        "order of columns",
        out_of_order(FEW),
        ("impossible rows",),
        ("impossible rows",),
    ),
    Fault(
        "order in two percent",
        out_of_order(0.02),
        ("impossible rows",),
        ("impossible rows",),
    ),
    Fault(
        "sign of a tie",
        sign,
        ("sign", "pair", "detached"),
        ("ties", "sign", "detached"),
    ),
    Fault("shuffled column", shuffled, ("detached", "pair"), ("ties", "detached")),
    Fault("a fifth repeated", repeats(0.2), ("repeats",), ("repeats",)),
    Fault("every row twice", repeats(0.5), ("repeats",), ("repeats",)),
    Fault(
        "five percent copied",
        copied(0.05),
        ("copies", "near copies", "copied text"),
        ("copies",),
    ),
    Fault("all copied", copied(1.0), ("copies",), ("copies", "nearer", "attacks")),
    Fault(
        "the richest copied",
        rich_copied,
        ("near copies", "extremes", "copied text"),
        ("near copies", "extremes"),
    ),
    Fault("a new category", new_category, ("invented category",), ("absent category",)),
    Fault(
        "another case", other_case, ("invented category", "case"), ("absent category",)
    ),
    Fault("a lost category", lost_category, ("absent category",), ("absent category",)),
    Fault("decimals", blurred, ("decimals",), ("decimals",)),
    Fault("unreadable numbers", unreadable, ("unreadable",), ("unreadable", "missing")),
    Fault("another constant", constant, ("constant",), ("constant",)),
    Fault("no constant", constant_missing, ("constant", "missing"), ("constant",)),
    Fault(
        "keys copied",
        keys(lambda rows, rng: rows["email"]),
        ("copied text",),
        ("copied text", "copies"),
    ),
    Fault(
        "keys copied in capitals",
        keys(lambda rows, rng: rows["email"].str.upper() + " "),
        ("copied text",),
        ("copied text", "copies"),
    ),
    Fault(
        "keys all equal", keys(lambda rows, rng: "x@example.org"), ("keys",), ("keys",)
    ),
    Fault("keys missing", keys(lambda rows, rng: None), ("keys", "missing"), ("keys",)),
    Fault(
        "keys of another form",
        keys(lambda rows, rng: [f"{i:07d}" for i in range(len(rows))]),
        ("form of text",),
        ("form of text",),
    ),
    Fault("any hour", hours, ("time of day",), ("time of day",)),
    Fault("any weekday", weekdays, ("weekday",), ("weekday",)),
    Fault("tie of three columns", three_way, ("triple",), ("triple", "detached")),
    Fault(
        "least two percent missing",
        least_cut,
        ("range", "level", "shape", "tails", "share"),
        ("tails",),
    ),
    Fault(
        "ends clipped",
        clipped,
        ("range", "tails", "heap", "share"),
        ("tails", "heap"),
    ),
    Fault("a hundred times larger", hundredfold, ("impossible", "tails"), ()),
    Fault(
        "another sign",
        negated,
        ("impossible", "level", "shape"),
        ("shape", "level"),
    ),
    Fault(
        "one number everywhere",
        one_number,
        ("spread", "shape", "range", "heap", "share"),
        ("shape", "heap", "range"),
    ),
    Fault(
        "rounded", rounded, ("rounded", "heap", "decimals", "shape", "share"), ("heap",)
    ),
    Fault(
        "-999 for missing",
        zeros_for_missing,
        ("missing", "impossible"),
        ("missing", "impossible"),
    ),
    Fault(
        "twice as many missing",
        more_missing,
        ("missing", "group", "missing at random", "impossible rows"),
        ("missing",),
    ),
    Fault(
        "missing in other rows",
        missing_elsewhere,
        ("missing at random", "missing together", "pair", "group"),
        ("missing at random", "missing together", "detached"),
    ),
    Fault(
        "a category twice as often",
        twice_as_often,
        ("share", "shape"),
        ("shape", "share"),
    ),
    Fault(
        "rare words exchanged",
        rare_permuted,
        ("group", "share", "shape", "pair", "detached", "combination"),
        ("detached", "ties"),
    ),
    Fault(
        "words trimmed",
        trimmed,
        ("invented category", "case", "form of text"),
        ("absent category",),
    ),
    Fault(
        "labels exchanged",
        flipped,
        ("group", "pair", "detached", "weaker", "share", "shape", "combination"),
        ("detached", "ties"),
    ),
    Fault(
        "sign in one group",
        group_turned,
        ("within", "group", "sign", "pair", "weaker", "triple", "detached", "order"),
        ("detached", "ties"),
    ),
    Fault(
        "a group without its upper half",
        subgroup_gone,
        ("group", "share", "shape", "pair", "within", "combination"),
        ("ties",),
    ),
    Fault(
        "a sum that is none",
        sum_broken,
        ("impossible rows", "order"),
        ("impossible rows",),
    ),
    Fault(
        "town of another code",
        town_and_code,
        ("combination", "group", "pair", "impossible rows"),
        ("combination", "ties", "impossible rows"),
    ),
    Fault(
        "a tenth nearly copied",
        near_copied,
        ("near copies", "copies", "extremes", "nearer", "copied text"),
        ("near copies", "copies", "nearer"),
    ),
    Fault(
        "a tenth copied but one cell",
        all_but_one_copied,
        ("near copies", "copies", "extremes", "nearer", "copied text"),
        ("near copies", "copies", "nearer"),
    ),
    Fault("one key copied", one_key(lambda rows: 1), ("copied text",), ("copies",)),
    Fault(
        "one key copied often",
        one_key(lambda rows: rows // 20),
        ("copied text", "keys"),
        ("copies", "keys"),
    ),
    Fault(
        "keys copied without marks",
        keys(lambda rows, rng: rows["email"].str.replace(".", "")),
        ("copied text",),
        ("copied text", "copies"),
    ),
    Fault(
        "an hour later",
        moved_dates(lambda seen: seen + pd.Timedelta(hours=1)),
        ("time of day",),
        ("time of day",),
    ),
    Fault(
        "a year later",
        moved_dates(lambda seen: seen + pd.Timedelta(days=364)),
        ("level", "shape", "impossible"),
        ("level", "shape"),
    ),
    Fault(
        "first of the month",
        moved_dates(_first_of_month),
        ("day of the month",),
        ("day of the month",),
    ),
    Fault(
        "every five minutes",
        moved_dates(lambda seen: seen.dt.floor("5min")),
        ("time of day", "rounded", "heap"),
        ("time of day",),
    ),
)


# -- what could be told from chance

# A rule speaks by luck in so many reports of real rows.
LUCK = 0.002


def beyond_chance(
    planted: str, rows: Frame, spoilt: Frame, train: Frame, columns: Sequence[str]
) -> bool:
    """Whether one who knows the fault and its columns could tell it from luck.

    Of all columns any could have had it, so that the limit is LUCK / columns
    (or pairs, or triples). The
    smallest probability of these counts: that as many rows as were changed are all of
    one of two random parts; that the column differs as much from that of the training
    rows (Kolmogorov-Smirnov or chi-squared); that two columns do together, cut at their
    quartiles; and, of repeats and copies, that as many rows are of this sort.
    """
    if planted in ALWAYS:
        return True
    size = len(train) / (len(train) + len(spoilt))
    # Columns, pairs or triples that could have had it.
    limit = LUCK / max(math.comb(train.shape[1], max(len(columns), 1)), 1)
    if planted in OF_ENDS:
        # As many rows as were cut off would all have to be of the training table.
        return size ** (len(rows) - len(spoilt)) < limit
    if planted in OF_CELLS:
        changed = _changed_rows(rows, spoilt, columns)
        # All of these rows would have to lie in one part.
        return (1 - size) ** changed < limit
    lucks = [_luck_of_column(train[name], spoilt[name]) for name in columns]
    for a, b in itertools.combinations(columns, 2):
        lucks.append(_luck_of_pair(train[[a, b]], spoilt[[a, b]]))
    if len(columns) == 1:
        for other in train.columns.difference(list(columns)):
            pair = [columns[0], other]
            # Any other column may be the one that tells.
            luck = _luck_of_pair(train[pair], spoilt[pair])
            lucks.append(luck * (train.shape[1] - 1))
    if len(columns) == 3:
        lucks.append(_luck_of_levels(train, spoilt, columns))
    return min(lucks, default=1.0) < limit


# Faults of all rows or of texts, of which there is no doubt, ...
ALWAYS = (
    "a fifth repeated",
    "every row twice",
    "all copied",
    "the richest copied",
    "unreadable numbers",
    "another constant",
    "no constant",
    "one key copied",
    "one key copied often",
    "rounded",
    "decimals",
    "keys copied",
    "keys copied in capitals",
    "keys copied without marks",
    "keys all equal",
    "keys missing",
    "keys of another form",
    "any hour",
    "any weekday",
    "an hour later",
    "a year later",
    "first of the month",
    "every five minutes",
)
# ... those of rows that are cut off at an end, ...
OF_ENDS = ("greatest two percent missing", "least two percent missing")
# ... and those of single cells, which no real row could have.
OF_CELLS = (
    "negative numbers",
    "missing where never",
    "order of columns",
    "order in two percent",
    "five percent copied",
    "a tenth nearly copied",
    "a tenth copied but one cell",
    "a new category",
    "another case",
    "words trimmed",
    "a sum that is none",
    "town of another code",
    "a hundred times larger",
    "beyond the greatest",
    "-999 for missing",
)


def _changed_rows(rows: Frame, spoilt: Frame, columns: Sequence[str]) -> int:
    """Rows of which a cell was changed; of all columns if none is named."""
    names = list(columns) or list(rows)
    before = rows[names].astype(object).where(rows[names].notna(), None)
    after = spoilt[names].astype(object).where(spoilt[names].notna(), None)
    if not columns:
        # Rows in any order that were not there before.
        known = set(map(tuple, before.to_numpy()))
        return sum(row not in known for row in map(tuple, after.to_numpy()))
    return int((before.to_numpy() != after.to_numpy()).any(axis=1).sum())


def _luck_of_column(real: pd.Series, other: pd.Series) -> float:
    if pd.api.types.is_numeric_dtype(real) and pd.api.types.is_numeric_dtype(other):
        gaps = _luck_of_counts(real.isna(), other.isna())
        heap = _luck_of_heap(real, other)
        if real.notna().any() and other.notna().any():
            gaps = min(float(ks_2samp(real.dropna(), other.dropna()).pvalue), gaps)
        return min(gaps, heap)
    return _luck_of_counts(real.astype(str), other.astype(str))


def _luck_of_heap(real: pd.Series, other: pd.Series) -> float:
    """By the value whose number of rows differs most, any of them being as likely."""
    counts = pd.DataFrame({"a": real.value_counts(), "b": other.value_counts()})
    counts = counts.fillna(0)
    counts = counts[counts.sum(axis=1) >= 10]
    if not len(counts):
        return 1.0
    worst = counts.iloc[(counts["a"] - counts["b"]).abs().argmax()]
    cells = [
        [worst["a"], len(real) - worst["a"]],
        [worst["b"], len(other) - worst["b"]],
    ]
    return float(fisher_exact(np.array(cells)).pvalue) * len(counts)


def _luck_of_counts(real: pd.Series, other: pd.Series) -> float:
    """By chi-squared, over the levels that ten rows have."""
    counts = pd.DataFrame({"a": real.value_counts(), "b": other.value_counts()})
    counts = counts.fillna(0)
    rare = counts.sum(axis=1) < 10
    counts = pd.concat([counts[~rare], counts[rare].sum().to_frame().T])
    counts = counts[counts.sum(axis=1) > 0]
    if len(counts) < 2:
        return 1.0
    return float(chi2_contingency(counts.to_numpy(), correction=False).pvalue)


def _luck_of_pair(real: Frame, other: Frame) -> float:
    """By the cells of both, or by Fisher's test of their rank correlation."""
    levels = _luck_of_levels(real, other, list(real))
    if all(map(pd.api.types.is_numeric_dtype, [*real.dtypes, *other.dtypes])):
        found = [frame.corr("spearman").iloc[0, 1] for frame in (real, other)]
        if np.isfinite(found).all():
            z = np.diff(np.arctanh(np.clip(found, -0.999, 0.999)))[0]
            error = np.sqrt(1.06 / (len(real) - 3) + 1.06 / (len(other) - 3))
            return min(levels, float(2 * norm.sf(abs(z) / error)))
    return levels


def _luck_of_levels(real: Frame, other: Frame, columns: Sequence[str]) -> float:
    """By chi-squared of the cells of several columns, numbers cut at their quartiles."""
    sides = []
    for frame in (real, other):
        cells = pd.Series("", index=frame.index)
        for name in columns:
            levels = frame[name].astype(str)
            if pd.api.types.is_numeric_dtype(real[name]) and real[name].nunique() > 10:
                cuts = np.unique(real[name].dropna().quantile([0.25, 0.5, 0.75]))
                numbers = pd.to_numeric(frame[name], errors="coerce")
                levels = pd.Series(np.searchsorted(cuts, numbers), index=frame.index)
                levels = levels.astype(str).mask(numbers.isna(), "missing")
            cells = cells + "|" + levels
        sides.append(cells)
    return _luck_of_counts(*sides)


# -- tables


def tables(data: Path | None) -> dict[str, Callable[[], Frame]]:
    """Name -> the rows of a table."""
    found: dict[str, Callable[[], Frame]] = {}
    for name in ("flights", "penguins", "anes96"):
        path = ROOT / "datasets" / name / f"{name}.csv"
        found[name] = lambda path=path: pd.read_csv(path)
    if data is not None:
        for path in sorted(data.glob("*/train.csv")):
            found[path.parent.name] = lambda path=path: pd.read_csv(path)
        for path in sorted((data / "messy").glob("*")):
            read = pd.read_parquet if path.suffix == ".parquet" else pd.read_csv
            found[path.stem] = lambda path=path, read=read: read(path)
    return found


@functools.cache
def table_of(name: str, data: Path | None) -> Frame:
    """The rows of a table, read once; of a longer one, a random part of 20,000."""
    table = tables(data)[name]()
    if len(table) > MOST_ROWS:
        table = table.sample(MOST_ROWS, random_state=0)
    return table.reset_index(drop=True)


def parts(table: Frame, seed: int) -> tuple[Frame, Frame, Frame | None]:
    """Training rows, rows that stand for synthetic ones, and a holdout if rows are left."""
    order = np.random.default_rng(seed).permutation(len(table))
    size = min(ROWS, len(table) // 3)
    train, rows, rest = np.split(order, [size, 2 * size])
    holdout = table.iloc[rest[:ROWS]].reset_index(drop=True)
    return (
        table.iloc[train].reset_index(drop=True),
        table.iloc[rows].reset_index(drop=True),
        holdout if len(holdout) >= 20 else None,
    )


# -- counting


def judge(
    name: str,
    data: Path | None,
    fault_name: str,
    seed: int,
    quick: bool = False,
) -> dict[str, Any] | None:
    """What the report says of one table with one fault; None where it cannot have it."""
    from synthtab import evaluate
    from synthtab.evaluation import METRICS

    metrics = None
    if quick:
        metrics = [m.name for m in METRICS if m.rule is not None or m.name in QUICK]
    fault = next(f for f in (*NO_FAULTS, *FAULTS) if f.name == fault_name)
    train, rows, holdout = parts(table_of(name, data), seed)
    both = pd.concat(
        [train, rows, *([] if holdout is None else [holdout])], ignore_index=True
    )
    # Integers that become floats in one part alone are no fault that was planted.
    train = both.iloc[: len(train)].copy()
    rows = both.iloc[len(train) : len(train) + len(rows)].reset_index(drop=True).copy()
    planted = fault.plant(rows, train, np.random.default_rng(seed + 100))
    if planted is None:
        return None
    spoilt, columns = planted
    brought = [] if holdout is None else train.columns.difference(holdout.columns)
    if holdout is not None and len(brought):
        # Columns that the fault brought: the holdout has them as a training table has.
        as_train = holdout.copy()
        fault.plant(rows.copy(), as_train, np.random.default_rng(seed + 100))
        for column in brought:
            holdout[column] = as_train[column]
            if column == "email":
                holdout[column] = _addresses(len(holdout), np.random.default_rng(9))
    began = time.perf_counter()
    report = evaluate(train, spoilt, holdout=holdout, seed=seed, metrics=metrics)
    alarms = [v for v in report.verdicts if v.level in ("bad", "fair")]
    goods = [v for v in report.verdicts if v.level == "good"]
    named = [
        v
        for v in alarms
        if v.rule in fault.rules
        and (not columns or not v.columns or set(columns) & set(v.columns))
    ]
    return {
        "table": name,
        "fault": fault_name,
        "seed": seed,
        "named": bool(named),
        "beyond chance": beyond_chance(fault.name, rows, spoilt, train, columns),
        "alarms": [f"{v.level}: {v.text}" for v in alarms],
        "bad": sum(v.level == "bad" for v in alarms),
        "contradicted": [v.text for v in goods if v.rule in fault.denied_by],
        "seconds": round(time.perf_counter() - began, 1),
    }


def summary(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The counts as lines."""
    for fault in NO_FAULTS:
        own = [r for r in results if r["fault"] == fault.name]
        if own:
            alarmed = sum(bool(r["alarms"]) for r in own)
            bad = sum(bool(r["bad"]) for r in own)
            yield f"{fault.name:<32} {alarmed} of {len(own)} reports with an alarm, {bad} with a bad one"
    totals = [0, 0, 0, 0]
    within = 0
    for planted in FAULTS:
        every = [r for r in results if r["fault"] == planted.name]
        own = [r for r in every if r["beyond chance"]]
        by_luck = [r for r in every if not r["beyond chance"]]
        within += len(by_luck)
        if by_luck:
            yield (
                f"{planted.name:<32} within chance {len(by_luck):3d}: of these named "
                f"{sum(r['named'] for r in by_luck):3d}   called good "
                f"{sum(bool(r['contradicted']) for r in by_luck):3d}"
            )
        if not own:
            continue
        named = sum(r["named"] for r in own)
        seen = sum(not r["named"] and bool(r["alarms"]) for r in own)
        good = len(own) - named - seen
        denied = sum(bool(r["contradicted"]) for r in own)
        counts = (len(own), named, seen, denied)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        yield (
            f"{planted.name:<32} named {named:3d} of {len(own):3d}   seen {seen:3d}   "
            f"no word {good:3d}   called good {denied:3d}"
        )
    if totals[0]:
        yield (
            f"{'all faults':<32} named {totals[1]} of {totals[0]} "
            f"({totals[1] / totals[0]:.0%}), seen otherwise {totals[2]}, called good {totals[3]}; {within} within chance"
        )
        seconds = statistics.median(r["seconds"] for r in results)
        yield f"{'seconds of a report, median':<32} {seconds:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a folder with more tables")
    parser.add_argument("--tables", nargs="+", help="only these")
    parser.add_argument("--faults", nargs="+", help="only these; their names")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="without detectors, models and attacks"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, help="a line of JSON for each report")
    args = parser.parse_args()
    names = args.tables or list(tables(args.data))
    faults = args.faults or [fault.name for fault in (*NO_FAULTS, *FAULTS)]
    jobs = [
        (n, args.data, f, s, args.quick)
        for s in range(args.seeds)
        for f in faults
        for n in names
    ]
    results = []
    with ProcessPoolExecutor(args.jobs) as pool:
        for found in pool.map(judge, *zip(*jobs, strict=True)):
            if found is None:
                continue
            results.append(found)
            if args.out:
                with args.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(found) + "\n")
    for line in summary(results):
        print(line)


if __name__ == "__main__":
    main()
