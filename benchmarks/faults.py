"""Faults of synthetic rows, planted in real ones: what `trust.py` counts.

A fault is a function ``(rows, training rows, randomness) -> Planted`` and one line in
`FAULTS`. It spoils a column that the table has, or brings one (dates, keys, codes) to both
tables. `more_faults.py` has further ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

# A share of the rows, and a factor, that faults use where nothing else is said.
FEW = 0.05
RAISE = 1.1

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
        told_by: How `luck.beyond_chance` decides whether anybody could tell the fault from
            luck: by its columns and their pairs; by cells that no real row could have; by
            the rows that are gone at an end; or there is no doubt.
        measure: ``(rows, training rows) -> [rows]``: what one who knows the fault would
            look at in each row, NaN where at nothing. Decides in the place of `told_by`.
    """

    name: str
    plant: Callable[[Frame, Frame, Random], Planted | None]
    rules: tuple[str, ...]
    denied_by: tuple[str, ...] = ()
    told_by: Literal["columns", "cells", "ends", "always"] = "columns"
    measure: Callable[[Frame, Frame], pd.Series] | None = None


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
    return rows.assign(**{name: as_whole_as(rows[name] * RAISE, train[name])}), (name,)


def spread(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """The deviation of a column a third too small, around the same mean."""
    names = numbers(rows)
    if not names:
        return None
    name = names[-1]
    centre = rows[name].mean()
    narrowed = centre + (rows[name] - centre) / 1.5
    return rows.assign(**{name: as_whole_as(narrowed, train[name])}), (name,)


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
    return changed(rows, name, 0.02, rng, lambda cells: -cells.abs() - 1), (name,)


def beyond(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Two percent of the numbers at three times the greatest one."""
    names = [name for name in numbers(rows) if train[name].max() > 0]
    if not names:
        return None
    name = names[0]
    far = 3 * train[name].max()
    return changed(rows, name, 0.02, rng, lambda cells: 0 * cells.fillna(0) + far), (
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
    return turned_around(rows, pair[0], pd.Series(True, rows.index))[0], pair


def turned_around(rows: Frame, name: str, where: pd.Series) -> tuple[Frame, pd.Series]:
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
    return changed(rows, name, FEW, rng, lambda cells: "Zzz"), (name,)


def other_case(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A tenth of a column's words in capitals."""
    names = [
        name
        for name in words(rows)
        # Not True and False, which have no capitals.
        if pd.api.types.infer_dtype(train[name].dropna()) == "string"
        and (train[name].dropna().str.upper() != train[name].dropna()).all()
    ]
    if not names:
        return None
    name = names[0]
    return changed(rows, name, 0.1, rng, lambda cells: cells.str.upper()), (name,)


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
    names = [name for name in numbers(rows) if are_whole(train[name])]
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
        train["email"] = addresses(len(train), np.random.default_rng(1))
        return rows.assign(
            email=fill(rows.assign(email=train["email"].to_numpy()[: len(rows)]), rng)
        ), ("email",)

    return plant


def addresses(count: int, rng: Random) -> list[str]:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    names = ["".join(rng.choice(letters, 9)) for _ in range(count)]
    return [f"{name[:4]}.{name[4:]}{i}@example.org" for i, name in enumerate(names)]


def hours(rows: Frame, train: Frame, rng: Random) -> Planted:
    """Timestamps of office hours at any hour."""
    train["seen"] = stamps(len(train), np.random.default_rng(2))
    planted = stamps(len(rows), np.random.default_rng(3))
    moved = planted.dt.normalize() + pd.to_timedelta(
        rng.integers(0, 24 * 60, len(rows)), "min"
    )
    return rows.assign(seen=moved.dt.strftime("%Y-%m-%d %H:%M:%S")), ("seen",)


def weekdays(rows: Frame, train: Frame, rng: Random) -> Planted:
    """Timestamps of working days on any day."""
    train["seen"] = stamps(len(train), np.random.default_rng(2))
    planted = stamps(len(rows), np.random.default_rng(3))
    moved = planted + pd.to_timedelta(rng.integers(0, 7, len(rows)), "D")
    return rows.assign(seen=moved.dt.strftime("%Y-%m-%d %H:%M:%S")), ("seen",)


def stamps(count: int, rng: Random) -> pd.Series:
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
    return changed(rows, names[-1], FEW, rng, lambda cells: cells * 100), (names[-1],)


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
    return changed(rows, names[-1], 0.1, rng, lambda c: c.map(str).str[:-1]), (
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
            turned, _ = turned_around(rows, pair[0], inside)
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
    moved = changed(
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
    return changed(rows, "town", FEW, rng, lambda cells: other), ("town", "code")


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
        train["email"] = addresses(len(train), np.random.default_rng(1))
        fresh = addresses(len(rows), np.random.default_rng(8))
        count = count_of(len(rows))
        fresh[:count] = [train["email"].iloc[0]] * count
        return rows.assign(email=fresh), ("email",)

    return plant


def moved_dates(move: Callable[[pd.Series], pd.Series]) -> Callable[..., Planted]:
    """Timestamps of office hours, those of the rows moved."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted:
        train["seen"] = stamps(len(train), np.random.default_rng(2))
        planted = move(stamps(len(rows), np.random.default_rng(3)))
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


def as_whole_as(values: pd.Series, like: pd.Series) -> pd.Series:
    """Whole numbers where those of the column are whole."""
    return values.round() if are_whole(like) else values


def are_whole(values: pd.Series) -> bool:
    there = values.dropna()
    return bool((there == there.round()).all())


def changed(
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
        told_by="ends",
    ),
    Fault(
        "negative numbers", negative, ("impossible",), ("impossible",), told_by="cells"
    ),
    Fault(
        "beyond the greatest", beyond, ("impossible",), ("impossible",), told_by="cells"
    ),
    Fault(
        "missing where never",
        blank,
        ("missing", "constant", "keys"),
        ("missing",),
        told_by="cells",
    ),
    Fault(
        "order of columns",
        out_of_order(FEW),
        ("impossible rows",),
        ("impossible rows",),
        told_by="cells",
    ),
    Fault(
        "order in two percent",
        out_of_order(0.02),
        ("impossible rows",),
        ("impossible rows",),
        told_by="cells",
    ),
    Fault(
        "sign of a tie",
        sign,
        ("sign", "pair", "detached"),
        ("ties", "sign", "detached"),
    ),
    Fault("shuffled column", shuffled, ("detached", "pair"), ("ties", "detached")),
    Fault(
        "a fifth repeated", repeats(0.2), ("repeats",), ("repeats",), told_by="always"
    ),
    Fault(
        "every row twice", repeats(0.5), ("repeats",), ("repeats",), told_by="always"
    ),
    Fault(
        "five percent copied",
        copied(0.05),
        ("copies", "near copies", "copied text"),
        ("copies",),
        told_by="cells",
    ),
    Fault(
        "all copied",
        copied(1.0),
        ("copies",),
        ("copies", "nearer", "attacks"),
        told_by="always",
    ),
    Fault(
        "the richest copied",
        rich_copied,
        ("near copies", "extremes", "copied text"),
        ("near copies", "extremes"),
        told_by="always",
    ),
    Fault(
        "a new category",
        new_category,
        ("invented category",),
        ("absent category",),
        told_by="cells",
    ),
    Fault(
        "another case",
        other_case,
        ("invented category", "case"),
        ("absent category",),
        told_by="cells",
    ),
    Fault("a lost category", lost_category, ("absent category",), ("absent category",)),
    Fault("decimals", blurred, ("decimals",), ("decimals",), told_by="always"),
    Fault(
        "unreadable numbers",
        unreadable,
        ("unreadable",),
        ("unreadable", "missing"),
        told_by="always",
    ),
    Fault("another constant", constant, ("constant",), ("constant",), told_by="always"),
    Fault(
        "no constant",
        constant_missing,
        ("constant", "missing"),
        ("constant",),
        told_by="always",
    ),
    Fault(
        "keys copied",
        keys(lambda rows, rng: rows["email"]),
        ("copied text",),
        ("copied text", "copies"),
        told_by="always",
    ),
    Fault(
        "keys copied in capitals",
        keys(lambda rows, rng: rows["email"].str.upper() + " "),
        ("copied text",),
        ("copied text", "copies"),
        told_by="always",
    ),
    Fault(
        "keys all equal",
        keys(lambda rows, rng: "x@example.org"),
        ("keys",),
        ("keys",),
        told_by="always",
    ),
    Fault(
        "keys missing",
        keys(lambda rows, rng: None),
        ("keys", "missing"),
        ("keys",),
        told_by="always",
    ),
    Fault(
        "keys of another form",
        keys(lambda rows, rng: [f"{i:07d}" for i in range(len(rows))]),
        ("form of text",),
        ("form of text",),
        told_by="always",
    ),
    Fault("any hour", hours, ("time of day",), ("time of day",), told_by="always"),
    Fault("any weekday", weekdays, ("weekday",), ("weekday",), told_by="always"),
    Fault("tie of three columns", three_way, ("triple",), ("triple", "detached")),
    Fault(
        "least two percent missing",
        least_cut,
        ("range", "level", "shape", "tails", "share"),
        ("tails",),
        told_by="ends",
    ),
    Fault(
        "ends clipped",
        clipped,
        ("range", "tails", "heap", "share"),
        ("tails", "heap"),
    ),
    Fault(
        "a hundred times larger",
        hundredfold,
        ("impossible", "tails"),
        (),
        told_by="cells",
    ),
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
        "rounded",
        rounded,
        ("rounded", "heap", "decimals", "shape", "share"),
        ("heap",),
        told_by="always",
    ),
    Fault(
        "-999 for missing",
        zeros_for_missing,
        ("missing", "impossible"),
        ("missing", "impossible"),
        told_by="cells",
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
        told_by="cells",
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
        told_by="cells",
    ),
    Fault(
        "town of another code",
        town_and_code,
        ("combination", "group", "pair", "impossible rows"),
        ("combination", "ties", "impossible rows"),
        told_by="cells",
    ),
    Fault(
        "a tenth nearly copied",
        near_copied,
        ("near copies", "copies", "extremes", "nearer", "copied text"),
        ("near copies", "copies", "nearer"),
        told_by="cells",
    ),
    Fault(
        "a tenth copied but one cell",
        all_but_one_copied,
        ("near copies", "copies", "extremes", "nearer", "copied text"),
        ("near copies", "copies", "nearer"),
        told_by="cells",
    ),
    Fault(
        "one key copied",
        one_key(lambda rows: 1),
        ("copied text",),
        ("copies",),
        told_by="always",
    ),
    Fault(
        "one key copied often",
        one_key(lambda rows: rows // 20),
        ("copied text", "keys"),
        ("copies", "keys"),
        told_by="always",
    ),
    Fault(
        "keys copied without marks",
        keys(lambda rows, rng: rows["email"].str.replace(".", "")),
        ("copied text",),
        ("copied text", "copies"),
        told_by="always",
    ),
    Fault(
        "an hour later",
        moved_dates(lambda seen: seen + pd.Timedelta(hours=1)),
        ("time of day",),
        ("time of day",),
        told_by="always",
    ),
    Fault(
        "a year later",
        moved_dates(lambda seen: seen + pd.Timedelta(days=364)),
        ("level", "shape", "impossible"),
        ("level", "shape"),
        told_by="always",
    ),
    Fault(
        "first of the month",
        moved_dates(_first_of_month),
        ("day of the month",),
        ("day of the month",),
        told_by="always",
    ),
    Fault(
        "every five minutes",
        moved_dates(lambda seen: seen.dt.floor("5min")),
        ("time of day", "rounded", "heap"),
        ("time of day",),
        told_by="always",
    ),
)
