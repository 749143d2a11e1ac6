"""Further faults, of kinds that guided no rule when they were thought of.

Those of the first part spoil columns that the table has; those of the second bring
columns of which it is known what they mean: dates, codes, sums, texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from faults import (
    Fault,
    Frame,
    Planted,
    Random,
    addresses,
    are_whole,
    as_whole_as,
    changed,
    numbers,
    tied,
    words,
)

# Rules about columns together, of which any may name a tie that is lost.
TIES = (
    "detached",
    "pair",
    "invented tie",
    "weaker",
    "sign",
    "group",
    "within",
    "triple",
    "order",
    "combination",
    "impossible rows",
    "curve",
    "stray",
)
DENIED_TIES = ("ties", "detached")
# Rules about one column of numbers.
OF_NUMBERS = ("level", "spread", "tails", "range", "shape", "share", "heap")
DENIED_NUMBERS = ("shape",)
COPIES = ("copies", "near copies", "extremes", "nearer", "copied text")

Measure = Callable[[Frame, Frame], pd.Series]


def value(name_of: Callable[[Frame], str | None]) -> Measure:
    """The cells of a column, of which the training rows say which it is."""

    def measure(frame: Frame, train: Frame) -> pd.Series:
        return frame[str(name_of(train))]

    return measure


def cells_of(name: str) -> Measure:
    """The cells of a column of that name."""
    return lambda frame, train: frame[name]


def first_number(frame: Frame) -> str | None:
    """The first column of amounts."""
    return next(iter(numbers(frame)), None)


def last_number(frame: Frame) -> str | None:
    """The last one."""
    return next(iter(reversed(numbers(frame))), None)


def common_group(train: Frame, rows: Frame | None = None) -> tuple[str, Any] | None:
    """A column of words, and a word of it that a tenth to a half of the rows have."""
    for name in words(train, 30):
        shares = train[name].value_counts(normalize=True)
        some = shares[(shares > 0.1) & (shares < 0.6)]
        if len(some):
            return name, some.index[0]
    return None


def ranks(frame: Frame, train: Frame, name: str) -> pd.Series:
    """Where cells lie among the training rows, from -0.5 to 0.5."""
    ordered = np.sort(train[name].dropna().to_numpy(dtype=float))
    cells = pd.to_numeric(frame[name], errors="coerce")
    low = np.searchsorted(ordered, cells, side="left")
    high = np.searchsorted(ordered, cells, side="right")
    places = (low + high) / (2 * len(ordered)) - 0.5
    return pd.Series(places, index=frame.index).mask(cells.isna())


def apart(frame: Frame, train: Frame) -> pd.Series:
    """How far the ranks of the two columns of the strongest tie are apart."""
    pair = tied(train, 0.5)
    assert pair is not None
    found = train[list(pair)].corr("spearman").iloc[0, 1]
    one, other = (ranks(frame, train, name) for name in pair)
    return one - np.sign(found) * other


def most_agreeing(among: Callable[[Frame, Frame], Frame]) -> Measure:
    """In how many cells each row agrees with the row that is most like it.

    Args:
        among: ``(rows, training rows)`` -> where that is sought, not being the row itself.
    """

    def measure(frame: Frame, train: Frame) -> pd.Series:
        others = among(frame, train)
        most = np.zeros(len(frame), dtype=int)
        columns = [
            pd.factorize(pd.concat([frame[name], others[name]]).astype(str))[0]
            for name in frame
        ]
        for row in range(len(frame)):
            agree = np.zeros(len(others), dtype=int)
            for codes in columns:
                agree += codes[len(frame) :] == codes[row]
            if others is frame:
                agree[row] = 0
            most[row] = agree.max()
        return pd.Series(most, index=frame.index)

    return measure


def nearest_in_ranks(among: Callable[[Frame, Frame], Frame]) -> Measure:
    """How far the ranks of a row's numbers are from those of the row next to it."""

    def measure(frame: Frame, train: Frame) -> pd.Series:
        others = among(frame, train)
        names = numbers(train)
        rows, beside = (
            np.column_stack([ranks(part, train, name).fillna(0) for name in names])
            for part in (frame, others)
        )
        found = np.zeros(len(rows))
        for row in range(len(rows)):
            gaps = np.abs(beside - rows[row]).mean(axis=1)
            if others is frame:
                gaps[row] = np.inf
            found[row] = gaps.min()
        return pd.Series(found, index=frame.index)

    return measure


def in_training(frame: Frame, train: Frame) -> Frame:
    """Copies are sought among the training rows."""
    return train


def at_home(frame: Frame, train: Frame) -> Frame:
    """Repeats are sought among the rows themselves."""
    return frame


# -- cells of a column that the table has


def one_more(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Everybody is a year older: whole numbers of few values, plus one."""
    for name in train.select_dtypes("number"):
        if are_whole(train[name]) and 5 <= train[name].nunique() <= 100:
            return rows.assign(**{name: rows[name] + 1}), (str(name),)
    return None


def few_whole(train: Frame) -> str | None:
    """The column of `one_more`."""
    planted = one_more(train, train, np.random.default_rng(0))
    return None if planted is None else planted[1][0]


def exchanged(share: float) -> Callable[..., Planted | None]:
    """The cells of two tied columns exchanged in a share of the rows."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted | None:
        pair = tied(train, 0.5)
        if pair is None:
            return None
        chosen = rng.random(len(rows)) < share
        spoilt = rows.astype(dict.fromkeys(pair, float))
        spoilt.loc[chosen, list(pair)] = rows.loc[chosen, list(pair)[::-1]].to_numpy()
        return spoilt, pair

    return plant


def of_other_rows(share: float) -> Callable[..., Planted | None]:
    """A share of a tied column's cells are those of other rows."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted | None:
        pair = tied(train, 0.5)
        if pair is None:
            return None
        others = rows[pair[0]].sample(frac=1.0, random_state=0).to_numpy()
        chosen = rng.random(len(rows)) < share
        spoilt = rows[pair[0]].mask(chosen, pd.Series(others, index=rows.index))
        return rows.assign(**{pair[0]: spoilt}), pair

    return plant


def shifted_point(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """The decimal point moved in one percent of a column."""
    name = next((n for n in numbers(rows) if (train[n].dropna() > 0).all()), None)
    if name is None:
        return None
    return changed(rows, name, 0.01, rng, lambda cells: cells * 10), (name,)


def to_tens(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Whole numbers rounded to tens."""
    for name in numbers(rows):
        fine = (train[name].dropna() % 10 != 0).mean() > 0.5
        if are_whole(train[name]) and fine and train[name].std() > 10:
            return rows.assign(**{name: rows[name].round(-1)}), (name,)
    return None


def capped(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Numbers above the 90 % quantile are that quantile."""
    name = first_number(train)
    if name is None:
        return None
    cap = train[name].quantile(0.9, interpolation="nearest")
    return rows.assign(**{name: rows[name].clip(upper=cap)}), (name,)


def other_unit(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """In one group, miles for kilometres."""
    group, name = common_group(train), positive_number(train)
    if group is None or name is None:
        return None
    inside = rows[group[0]] == group[1]
    spoilt = rows[name].where(~inside, as_whole_as(rows[name] * 0.621, train[name]))
    return rows.assign(**{name: spoilt}), (group[0], name)


def positive_number(train: Frame) -> str | None:
    """The first column of amounts above 0."""
    return next((n for n in numbers(train) if (train[n].dropna() > 0).all()), None)


def in_group(name_of: Callable[[Frame], str | None]) -> Measure:
    """The cells of a column in the rows of the common group."""

    def measure(frame: Frame, train: Frame) -> pd.Series:
        group = common_group(train)
        assert group is not None
        return frame.loc[frame[group[0]] == group[1], str(name_of(train))]

    return measure


def shuffled_in_group(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A tied column shuffled among the rows of one group."""
    pair, group = tied(train, 0.5), common_group(train)
    if pair is None or group is None:
        return None
    inside = rows[group[0]] == group[1]
    spoilt = rows.copy()
    cells = rows.loc[inside, pair[0]].to_numpy()
    spoilt.loc[inside, pair[0]] = rng.permutation(cells)
    return spoilt, (*pair, group[0])


def apart_in_group(frame: Frame, train: Frame) -> pd.Series:
    """How far the ranks of the tied columns are apart, in the common group."""
    group = common_group(train)
    assert group is not None
    found = apart(frame, train)
    return found[frame[group[0]] == group[1]]


def light_tails(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """What lies beyond the outer five percent is drawn in, half of the way and more."""
    name = last_number(train)
    if name is None:
        return None
    low, high = train[name].quantile([0.05, 0.95])
    beyond = rows[name] - rows[name].clip(low, high)
    return rows.assign(**{name: as_whole_as(rows[name] - 0.8 * beyond, train[name])}), (
        name,
    )


def heavy_tails(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """What lies beyond the outer five percent is three times as far beyond."""
    name = last_number(train)
    if name is None:
        return None
    low, high = train[name].quantile([0.05, 0.95])
    beyond = rows[name] - rows[name].clip(low, high)
    return rows.assign(**{name: as_whole_as(rows[name] + 3 * beyond, train[name])}), (
        name,
    )


def gap_in_the_middle(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A seventh of the rows is missing in the middle of a column."""
    name = first_number(train)
    if name is None:
        return None
    low, high = train[name].quantile([0.42, 0.58])
    inside = (rows[name] > low) & (rows[name] < high)
    return rows[~inside].reset_index(drop=True), (name,)


def made_normal(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A column drawn from a normal distribution of its mean and deviation, in order."""
    name = last_number(train)
    if name is None:
        return None
    there = rows[name].notna()
    drawn = np.sort(rng.normal(train[name].mean(), train[name].std(), there.sum()))
    order = rows.loc[there, name].rank(method="first").astype(int).to_numpy() - 1
    spoilt = rows[name].astype(float)
    spoilt[there] = drawn[order]
    return rows.assign(**{name: as_whole_as(spoilt, train[name])}), (name,)


def filled(how: Callable[[pd.Series], Any]) -> Callable[..., Planted | None]:
    """Missing numbers filled."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted | None:
        name = with_gaps(train)
        if name is None:
            return None
        return rows.assign(**{name: rows[name].fillna(how(train[name]))}), (name,)

    return plant


def with_gaps(train: Frame) -> str | None:
    """A column of numbers of which some are missing."""
    names = [n for n in numbers(train, 5) if train[n].isna().mean() > 0.02]
    return names[0] if names else None


def mean_in_a_tenth(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A tenth of the numbers are the mean."""
    name = first_number(train)
    if name is None:
        return None
    mean = as_whole_as(pd.Series([train[name].mean()]), train[name])[0]
    return changed(rows, name, 0.1, rng, lambda cells: mean), (name,)


def few_noise(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A twentieth of a column's numbers drawn evenly between its ends."""
    name = last_number(train)
    if name is None:
        return None
    drawn = rng.uniform(train[name].min(), train[name].max(), len(rows))
    drawn = as_whole_as(pd.Series(drawn, index=rows.index), train[name])
    return changed(rows, name, 0.05, rng, lambda cells: drawn), (name,)


def fewer_zeros(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Half of the zeros of a column are other numbers."""
    for name in numbers(train, 10):
        if 0.1 < (train[name] == 0).mean() < 0.95:
            others = rows.loc[rows[name] != 0, name].dropna()
            drawn = others.sample(len(rows), replace=True, random_state=0).to_numpy()
            chosen = (rows[name] == 0) & (rng.random(len(rows)) < 0.5)
            return rows.assign(**{name: rows[name].mask(chosen, drawn)}), (name,)
    return None


# -- words


def merged(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Two categories are one: the rarer has the commoner one's name."""
    for name in words(train):
        shares = train[name].value_counts(normalize=True)
        some = list(shares[shares > 0.04].index)
        if len(some) >= 3:
            return rows.assign(**{name: rows[name].replace(some[-1], some[0])}), (name,)
    return None


def of_words(plant: Callable[[Frame, Frame, Random], Planted | None]) -> Measure:
    """The words of the column that is at fault."""

    def measure(frame: Frame, train: Frame) -> pd.Series:
        planted = plant(train.copy(), train.copy(), np.random.default_rng(0))
        assert planted is not None
        return frame[planted[1][0]].astype(str)

    return measure


def halved(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Half of the rows of a category are gone."""
    for name in words(train):
        shares = train[name].value_counts(normalize=True)
        some = shares[(shares > 0.08) & (shares < 0.5)]
        if len(some):
            gone = (rows[name] == some.index[0]) & (rng.random(len(rows)) < 0.5)
            return rows[~gone].reset_index(drop=True), (name,)
    return None


def rarely_invented(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """One percent of a column's cells are one new word."""
    names = words(train)
    if not names:
        return None
    return changed(rows, names[0], 0.01, rng, lambda cells: "Unknown"), (names[0],)


def written(share: float, how: Callable[[pd.Series], Any]) -> Callable[..., Any]:
    """Words written otherwise."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted | None:
        for name in words(train):
            texts = train[name].dropna().map(str)
            if (how(texts) != texts).all():
                text = rows[name].map(str, na_action="ignore")
                return (
                    changed(
                        rows.assign(**{name: text}), name, share, rng, lambda c: how(c)
                    ),
                    (name,),
                )
        return None

    return plant


def two_valued(train: Frame) -> str | None:
    """The last column of two values that are not equally common."""
    for name in reversed(list(train)):
        shares = train[name].dropna().value_counts(normalize=True)
        if len(shares) == 2 and shares.iloc[1] > 0.05:
            return str(name)
    return None


def inverted(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Yes is no, and no is yes."""
    name = two_valued(train)
    if name is None:
        return None
    one, other = train[name].dropna().unique()
    return rows.assign(**{name: rows[name].map({one: other, other: one})}), (name,)


def balanced(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Both classes of a target are equally common."""
    name = two_valued(train)
    if name is None:
        return None
    shares = rows[name].value_counts()
    many = rows[rows[name] == shares.index[0]]
    few = rows[rows[name] == shares.index[1]]
    kept = many.sample(min(len(few), len(many)), random_state=0)
    return pd.concat([kept, few], ignore_index=True), (name,)


def renamed(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Two values are written as no and yes."""
    name = two_valued(train)
    if name is None:
        return None
    one, other = train[name].dropna().unique()
    names = {one: "no", other: "yes"}
    return rows.assign(**{name: rows[name].map(names)}), (name,)


def class_in_group(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """In one group, a third of the labels of two classes is the commoner one."""
    name, group = two_valued(train), common_group(train)
    if name is None or group is None or group[0] == name:
        return None
    common = train[name].value_counts().index[0]
    chosen = (rows[group[0]] == group[1]) & (rng.random(len(rows)) < 0.6)
    return rows.assign(**{name: rows[name].mask(chosen, common)}), (name, group[0])


def class_of_group(frame: Frame, train: Frame) -> pd.Series:
    """The class in the common group, as a word."""
    group = common_group(train)
    assert group is not None
    return frame.loc[frame[group[0]] == group[1], str(two_valued(train))].astype(str)


def combination_gone(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Two words that four to fifteen percent of the rows have together never are."""
    found = _common_pair(train)
    if found is None:
        return None
    a, b, word, other = found
    both = (rows[a] == word) & (rows[b] == other)
    return rows[~both].reset_index(drop=True), (a, b)


def _common_pair(train: Frame) -> tuple[str, str, Any, Any] | None:
    names = words(train, 30)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            shares = train[[a, b]].value_counts(normalize=True)
            some = shares[(shares > 0.04) & (shares < 0.15)]
            if len(some):
                word, other = some.index[0]
                return a, b, word, other
    return None


def combination_doubled(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Two words together twice as often, in rows that had one of them."""
    found = _common_pair(train)
    if found is None:
        return None
    a, b, word, other = found
    both = ((train[a] == word) & (train[b] == other)).mean()
    could = (rows[a] == word) & (rows[b] != other)
    chosen = could & (rng.random(len(rows)) < both / max(could.mean(), 1e-9))
    return rows.assign(**{b: rows[b].mask(chosen, other)}), (a, b)


def together(frame: Frame, train: Frame) -> pd.Series:
    """Whether the two words come together, as a word."""
    found = _common_pair(train)
    assert found is not None
    a, b, word, other = found
    return ((frame[a] == word) & (frame[b] == other)).astype(str)


# -- whole rows


def copied_but(count: int) -> Callable[..., Planted | None]:
    """A fifth of the rows are training rows, but for so many cells of other rows."""

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted | None:
        if rows.shape[1] < 3 * count:
            return None
        number = len(rows) // 5
        copied = train.sample(number, random_state=0).reset_index(drop=True)
        for k in range(number):
            for j in rng.permutation(rows.shape[1])[:count]:
                copied.iat[k, j] = rows.iat[k, j]
        return pd.concat([rows.iloc[number:], copied], ignore_index=True), ()

    return plant


def copied_with_noise(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A fifth of the rows are training rows, each number off by a hundredth of its deviation."""
    names = [n for n in numbers(rows) if not are_whole(train[n])]
    if len(names) < 3:
        return None
    number = len(rows) // 5
    near = train.sample(number, random_state=0)
    for name in names:
        near[name] = near[name] + rng.normal(0, 0.01 * train[name].std(), number)
    return pd.concat([rows.iloc[number:], near], ignore_index=True), ()


def copied_rounded(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """A tenth of the rows are training rows whose numbers have a digit less."""
    names = numbers(rows)
    if len(names) < 2:
        return None
    number = len(rows) // 10
    near = train.sample(number, random_state=0)
    for name in names:
        size = np.floor(np.log10(max(train[name].abs().median(), 1)))
        near[name] = near[name].round(int(1 - size))
    return pd.concat([rows.iloc[number:], near], ignore_index=True), ()


def rare_copied(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """The people with the rarest words of a column come back, as they are."""
    for name in words(train):
        counts = train[name].value_counts()
        rare = counts[(counts.cumsum().iloc[-1] - counts.cumsum()) < 30].index
        people = train[train[name].isin(rare)].head(30)
        if len(people) >= 12:
            kept = rows.iloc[len(people) :]
            return pd.concat([kept, people], ignore_index=True), ()
    return None


def copied_with_new_keys(rows: Frame, train: Frame, rng: Random) -> Planted:
    """A tenth of the rows are training rows with a key of their own."""
    number = len(rows) // 10
    train["email"] = addresses(len(train), np.random.default_rng(1))
    copied = train.sample(number, random_state=0)
    spoilt = pd.concat([rows.iloc[number:], copied], ignore_index=True)
    return spoilt.assign(email=addresses(len(spoilt), np.random.default_rng(8))), ()


def jittered_repeats(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Half of the rows are near repeats of a few others: the generator has few rows to tell."""
    names = [n for n in numbers(rows) if not are_whole(train[n])]
    if len(names) < 2:
        return None
    number = len(rows) // 2
    few = rows.iloc[: max(number // 10, 2)]
    again = few.iloc[rng.integers(0, len(few), number)].copy()
    for name in names:
        again[name] = again[name] + rng.normal(0, 0.002 * train[name].std(), number)
    return pd.concat([rows.iloc[:-number], again], ignore_index=True), ()


def repeated_but_one(rows: Frame, train: Frame, rng: Random) -> Planted | None:
    """Half of the rows repeat one of a tenth of them, but for one cell."""
    number = len(rows) // 2
    few = rows.iloc[: max(number // 5, 2)]
    again = few.iloc[rng.integers(0, len(few), number)].reset_index(drop=True)
    name = first_number(train)
    if name is None:
        return None
    again[name] = rows[name].to_numpy()[:number]
    return pd.concat([rows.iloc[:-number], again], ignore_index=True), ()


# -- columns that are brought


def brought(
    make: Callable[[int, Random, Frame], Mapping[str, Any]],
    spoil: Callable[[Frame, Frame, Random], Mapping[str, Any]],
    columns: Sequence[str],
    keep: Callable[[Frame], pd.Series] | None = None,
) -> Callable[[Frame, Frame, Random], Planted]:
    """Columns of both tables, spoilt in the rows.

    Args:
        make: ``(number of rows, randomness, frame)`` -> columns.
        spoil: ``(rows, training rows, randomness)`` -> columns that are spoilt.
        columns: At fault.
        keep: Which rows stay.
    """

    def plant(rows: Frame, train: Frame, rng: Random) -> Planted:
        for frame in (train, rows):
            own = np.random.default_rng(rng.integers(2**31))
            for name, cells in make(len(frame), own, frame).items():
                frame[name] = np.asarray(cells)
        spoilt = rows.assign(
            **{
                name: np.asarray(cells)
                for name, cells in spoil(rows, train, rng).items()
            }
        )
        if keep is not None:
            spoilt = spoilt[keep(spoilt)].reset_index(drop=True)
        return spoilt, tuple(columns)

    return plant


def some(frame: Frame, share: float, rng: Random) -> Any:
    """Which of the rows are chosen."""
    return rng.random(len(frame)) < share


def days(first: str, last: str, count: int, rng: Random) -> pd.DatetimeIndex:
    """Days between two, any of them as likely."""
    every = pd.date_range(first, last)
    return every[rng.integers(0, len(every), count)]


def instants(count: int, rng: Random, busy: bool = True) -> pd.Series:
    """Instants of two years, by day (8 to 20 o'clock, fewer at both ends)."""
    day = days("2022-01-01", "2023-12-31", count, rng)
    minutes = rng.triangular(8 * 60, 14 * 60, 20 * 60, count).astype(int)
    return pd.Series(day + pd.to_timedelta(minutes, "min"))


def as_text(stamps: Any, form: str = "%Y-%m-%d %H:%M:%S") -> Any:
    """Instants as texts."""
    return pd.Series(pd.DatetimeIndex(stamps)).dt.strftime(form).to_numpy()


def _days_and_months(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    """Exchanged where a date is still one."""
    seen = pd.to_datetime(rows["seen"])
    parts = pd.DataFrame(
        {"year": seen.dt.year, "month": seen.dt.day, "day": seen.dt.month}
    )
    can = (seen.dt.day <= 12) & some(rows, 0.5, rng)
    parts.loc[~can, "month"], parts.loc[~can, "day"] = seen.dt.month, seen.dt.day
    return {"seen": as_text(pd.to_datetime(parts), "%Y-%m-%d")}


def _half_year(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    return {"seen": as_text(days("2023-01-01", "2023-06-30", count, rng), "%Y-%m-%d")}


def _seen(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    return {"seen": as_text(instants(count, rng))}


def _later(share: float, offset: str) -> Callable[..., dict[str, Any]]:
    def spoil(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
        seen = pd.to_datetime(rows["seen"])
        moved = seen + pd.Timedelta(offset)
        return {"seen": as_text(seen.mask(some(rows, share, rng), moved))}

    return spoil


def _centuries(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    seen = pd.to_datetime(rows["seen"])
    moved = seen + pd.DateOffset(years=100)
    return {"seen": as_text(seen.mask(some(rows, 0.02, rng), moved))}


def _other_format(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    return {"seen": as_text(pd.to_datetime(rows["seen"]), "%d.%m.%Y %H:%M")}


def _no_weekend(frame: Frame) -> pd.Series:
    return pd.to_datetime(frame["seen"]).dt.dayofweek < 5


def _weekday(frame: Frame, train: Frame) -> pd.Series:
    return pd.to_datetime(frame["seen"]).dt.dayofweek.astype(str)


def _hour_of_day(frame: Frame, train: Frame) -> pd.Series:
    seen = pd.to_datetime(frame["seen"])
    return seen.dt.hour + seen.dt.minute / 60


def _weekend_sales(frame: Frame, train: Frame) -> pd.Series:
    return frame.loc[pd.to_datetime(frame["seen"]).dt.dayofweek >= 5, "sales"]


def _noon_load(frame: Frame, train: Frame) -> pd.Series:
    return frame.loc[_hour_of_day(frame, train).between(12, 16), "load"]


def _winter_degrees(frame: Frame, train: Frame) -> pd.Series:
    return frame.loc[pd.to_datetime(frame["seen"]).dt.month.isin([12, 1, 2]), "degrees"]


def _with_weekday(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """Sales that are double at weekends."""
    seen = days("2022-01-01", "2023-12-31", count, rng)
    sales = rng.gamma(20, 5, count) * np.where(seen.day_of_week >= 5, 2, 1)
    return {"seen": as_text(seen, "%Y-%m-%d"), "sales": sales.round(2)}


def _with_season(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """Degrees that follow the season, over four years."""
    seen = days("2020-01-01", "2023-12-31", count, rng)
    season = -np.cos(2 * np.pi * seen.day_of_year / 365.25)
    return {
        "seen": as_text(seen, "%Y-%m-%d"),
        "degrees": (10 + 12 * season + rng.normal(0, 3, count)).round(1),
    }


def _with_hour(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """Loads that follow the hour of the day."""
    seen = instants(count, rng)
    hour = seen.dt.hour + seen.dt.minute / 60
    load = 50 + 30 * np.sin((hour - 8) / 12 * np.pi) + rng.normal(0, 5, count)
    return {"seen": as_text(seen), "load": load.round(1)}


def _with_trend(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """A price that rises with the years."""
    seen = days("2018-01-01", "2023-12-31", count, rng)
    years = (seen - pd.Timestamp("2018-01-01")).days / 365.25
    price = 100 * 1.05**years * rng.lognormal(0, 0.05, count)
    return {"seen": as_text(seen, "%Y-%m-%d"), "price": price.round(2)}


def permuted(name: str) -> Callable[..., dict[str, Any]]:
    """A column in another order."""

    def spoil(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
        return {name: rng.permutation(rows[name].to_numpy())}

    return spoil


def _start_and_end(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    start = days("2022-01-01", "2023-12-31", count, rng)
    nights = rng.integers(0, 20, count)
    end = start + pd.to_timedelta(nights, "D")
    return {
        "start": as_text(start, "%Y-%m-%d"),
        "end": as_text(end, "%Y-%m-%d"),
        "nights": nights,
    }


def _end_before(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    start, end = pd.to_datetime(rows["start"]), pd.to_datetime(rows["end"])
    early = start - pd.to_timedelta(rng.integers(1, 9, len(rows)), "D")
    return {"end": as_text(end.mask(some(rows, 0.03, rng), early), "%Y-%m-%d")}


def _wrong_nights(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    return {
        "nights": np.where(some(rows, 0.05, rng), rows["nights"] + 1, rows["nights"])
    }


def _birth(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    born = days("1930-01-01", "2005-12-31", count, rng)
    age = np.floor((pd.Timestamp("2024-01-01") - born).days / 365.25).astype(int)
    return {"born": as_text(born, "%Y-%m-%d"), "age": age}


def _other_age(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    other = rng.permutation(rows["age"].to_numpy())
    return {"age": np.where(some(rows, 0.05, rng), other, rows["age"])}


# -- codes and texts


def _zips(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    codes = [f"{code:05d}" for code in range(107, 99_000, 2_411)]
    return {"zip": np.array(codes)[rng.integers(0, len(codes), count)]}


def _accounts(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    return {"account": [f"{n:09d}" for n in rng.integers(0, 10**8, count)]}


def _without_zeros(name: str) -> Callable[..., dict[str, Any]]:
    def spoil(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
        return {name: rows[name].str.lstrip("0")}

    return spoil


CITIES = ("Zürich", "Genève", "Bern", "Köln", "São Paulo", "Malmö", "Paris", "Rom")


def _cities(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    return {"city": np.array(CITIES)[rng.integers(0, len(CITIES), count)]}


def _mojibake(text: str) -> str:
    return text.encode().decode("latin-1")


def _names(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """Names of people, all but unique."""
    first = ("Zoë", "Jürg", "Ana", "Bob", "Chloé", "Dirk", "Eva", "Finn", "Gül", "Hans")
    syllables = ("ma", "ler", "ne", "sö", "ri", "ko", "bach", "ta", "wei", "li")
    return {
        "name": [
            f"{first[rng.integers(10)]} {''.join(rng.choice(syllables, 4)).title()}"
            for _ in range(count)
        ]
    }


def mapped(name: str, share: float, how: Callable[[str], str]) -> Callable[..., Any]:
    """Texts changed in a share of the rows."""

    def spoil(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
        return {name: rows[name].mask(some(rows, share, rng), rows[name].map(how))}

    return spoil


def _comments(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    bag = np.array(
        [
            "the",
            "room",
            "was",
            "clean",
            "staff",
            "friendly",
            "food",
            "cold",
            "late",
            "check",
            "noisy",
            "view",
            "great",
        ]
    )
    return {
        "comment": [
            " ".join(rng.choice(bag, rng.integers(4, 14))) + f" {rng.integers(10**6)}"
            for _ in range(count)
        ]
    }


def _emails(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    return {"email": addresses(count, rng)}


def _twice_each(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    cells = rows["email"].to_numpy()
    return {"email": np.concatenate([cells[: (len(cells) + 1) // 2]] * 2)[: len(cells)]}


def _land(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    return {"land": ["CH"] * count}


def _seldom_other(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    return {"land": np.where(some(rows, 0.03, rng), "DE", "CH")}


# -- numbers with a meaning


def _bill(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    price = (rng.gamma(4, 10, count)).round(2)
    pieces = rng.integers(1, 9, count)
    return {"price": price, "pieces": pieces, "bill": (price * pieces).round(2)}


def _wrong_bill(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    wrong = (rows["bill"] * rng.uniform(0.9, 1.1, len(rows))).round(2)
    return {"bill": np.where(some(rows, 0.05, rng), wrong, rows["bill"])}


def _shares(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    parts = np.round(100 * rng.dirichlet([3, 2, 1], count)).astype(int)
    parts[:, 2] = 100 - parts[:, 0] - parts[:, 1]
    return dict(zip(("bus", "car", "walk"), parts.T, strict=True))


def _not_100(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    more = rows["car"] + rng.integers(1, 9, len(rows))
    return {"car": np.where(some(rows, 0.05, rng), more, rows["car"])}


def _part_of(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    beds = rng.integers(5, 200, count)
    return {"beds": beds, "taken": rng.binomial(beds, rng.beta(6, 2, count))}


def _more_taken(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    more = rows["beds"] + rng.integers(1, 5, len(rows))
    return {"taken": np.where(some(rows, 0.03, rng), more, rows["taken"])}


def _one_hot(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    which = rng.integers(0, 3, count)
    return {f"is_{word}": (which == k).astype(int) for k, word in enumerate("abc")}


def _two_hot(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    return {"is_a": np.where(some(rows, 0.04, rng), 1, rows["is_a"])}


def _copy(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    grams = rng.gamma(9, 100, count).round()
    return {"grams": grams, "kilos": grams / 1000}


def _other_copy(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    off = (rows["kilos"] * rng.normal(1, 0.05, len(rows))).round(3)
    return {"kilos": np.where(some(rows, 0.1, rng), off, rows["kilos"])}


def _widening(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """Spending that varies more where incomes are high."""
    income = rng.uniform(1, 10, count)
    spent = 20 + income * rng.normal(0, 2, count)
    return {"income": income.round(3), "spent": spent.round(3)}


def _evenly_wide(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    return {"spent": rng.permutation(rows["spent"].to_numpy())}


def _width(frame: Frame, train: Frame) -> pd.Series:
    """How far from the middle, among high incomes."""
    return (frame["spent"] - 20).abs()[frame["income"] > 7]


def _bowl(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """A cost that is least at a middle temperature."""
    warmth = rng.uniform(-10, 10, count)
    cost = warmth**2 / 4 + rng.normal(0, 3, count)
    return {"warmth": warmth.round(2), "cost": cost.round(2)}


def _cost_at_ends(frame: Frame, train: Frame) -> pd.Series:
    return frame.loc[frame["warmth"].abs() > 6, "cost"]


def _straight(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    """A line for the bowl, with the same cells."""
    order = (rows["warmth"] + rng.normal(0, 3, len(rows))).rank(method="first")
    return {"cost": np.sort(rows["cost"].to_numpy())[order.astype(int) - 1]}


def _three_numbers(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """A yield that needs both water and light, or neither."""
    water, light = rng.normal(0, 1, (2, count))
    gain = water * light + rng.normal(0, 0.3, count)
    return {
        "water": water.round(3),
        "light": light.round(3),
        "gain": gain.round(3),
    }


def _product(frame: Frame, train: Frame) -> pd.Series:
    return frame["gain"] * np.sign(frame["water"] * frame["light"])


def _mixed_three(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """A dose that helps the young and harms the old."""
    old = rng.random(count) < 0.5
    dose = rng.uniform(0, 10, count)
    health = 50 + np.where(old, -2, 2) * (dose - 5) + rng.normal(0, 4, count)
    return {
        "old": np.where(old, "old", "young"),
        "dose": dose.round(2),
        "health": health.round(2),
    }


def _health(frame: Frame, train: Frame) -> pd.Series:
    sign = np.where(frame["old"] == "old", -1, 1)
    return (frame["health"] - 50) * np.sign(frame["dose"] - 5) * sign


def _joint_tails(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """Two losses that are extreme together (Student's t of two degrees)."""
    scale = np.sqrt(2 / rng.chisquare(2, count))
    one = rng.normal(0, 1, count)
    other = 0.3 * one + np.sqrt(1 - 0.09) * rng.normal(0, 1, count)
    return {"loss_a": (one * scale).round(3), "loss_b": (other * scale).round(3)}


def _apart_at_the_ends(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    """The same cells in the order of a normal pair of the same correlation."""
    one = rows["loss_a"].rank(method="first") / (len(rows) + 1)
    from scipy.stats import norm

    other = 0.3 * norm.ppf(one) + np.sqrt(1 - 0.09) * rng.normal(0, 1, len(rows))
    order = pd.Series(other).rank(method="first").astype(int) - 1
    return {"loss_b": np.sort(rows["loss_b"].to_numpy())[order]}


def _both_far(frame: Frame, train: Frame) -> pd.Series:
    far = frame["loss_a"].abs() > train["loss_a"].abs().quantile(0.9)
    return (far & (frame["loss_b"].abs() > train["loss_b"].abs().quantile(0.9))).astype(
        str
    )


def _noisy_pair(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    left = rng.normal(0, 1, count)
    return {
        "height": (170 + 10 * left).round(1),
        "weight": (70 + 12 * (0.5 * left + 0.87 * rng.normal(0, 1, count))).round(1),
    }


def _too_close(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    order = (rows["height"] + rng.normal(0, 5, len(rows))).rank(method="first")
    return {"weight": np.sort(rows["weight"].to_numpy())[order.astype(int) - 1]}


def _residual(frame: Frame, train: Frame) -> pd.Series:
    return ((frame["weight"] - 70) / 12 - (frame["height"] - 170) / 10).abs()


def _two_modes(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    second = rng.random(count) < 0.15
    return {
        "delay": np.where(
            second, rng.normal(60, 4, count), rng.normal(20, 6, count)
        ).round(1)
    }


def _heavy(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    return {"gains": rng.standard_t(2.5, count).round(3)}


def _normal_gains(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    """Quartiles as they were."""
    quartiles = train["gains"].quantile([0.25, 0.75])
    scale = (quartiles[0.75] - quartiles[0.25]) / 1.349
    return {"gains": rng.normal(0, scale, len(rows)).round(3)}


def _prices(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """Prices that mostly end in 99."""
    whole = rng.gamma(5, 8, count).astype(int)
    cents = np.where(rng.random(count) < 0.8, 99, rng.integers(0, 100, count))
    return {"price": whole + cents / 100}


def _any_cents(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    return {
        "price": (
            np.floor(rows["price"]) + rng.integers(0, 100, len(rows)) / 100
        ).round(2)
    }


def _cents(frame: Frame, train: Frame) -> pd.Series:
    return ((frame["price"] * 100).round() % 100).astype(int).astype(str)


def _even(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    return {"pressure": 2 * rng.normal(65, 8, count).round().astype(int)}


def _odd(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    return {"pressure": rows["pressure"] + rng.integers(0, 2, len(rows))}


def _thousands(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """Salaries, of which most are round."""
    pay = rng.lognormal(10.5, 0.4, count).round()
    return {"pay": np.where(rng.random(count) < 0.7, (pay / 1000).round() * 1000, pay)}


def _no_thousands(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    return {"pay": (rows["pay"] + rng.integers(-400, 400, len(rows))).round()}


def _round_or_not(frame: Frame, train: Frame) -> pd.Series:
    return (frame["pay"] % 1000 == 0).astype(str)


def _gap_by_value(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """The rich do not tell their wealth."""
    income = rng.lognormal(10, 0.5, count).round()
    wealth = (income * rng.lognormal(1, 0.8, count)).round()
    silent = (income > np.quantile(income, 0.7)) & (rng.random(count) < 0.6)
    return {"income": income, "wealth": np.where(silent, np.nan, wealth)}


def _gap_anywhere(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    known = rows["wealth"].dropna()
    drawn = known.sample(len(rows), replace=True, random_state=0).to_numpy()
    cells = rows["wealth"].fillna(pd.Series(drawn, index=rows.index))
    return {"wealth": cells.mask(some(rows, rows["wealth"].isna().mean(), rng))}


def _income_of_silent(frame: Frame, train: Frame) -> pd.Series:
    return frame.loc[frame["wealth"].isna(), "income"]


def _gap_in_group(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """Only one clinic leaves out the blood test."""
    clinic = rng.choice(["north", "south", "west"], count)
    blood = rng.normal(5, 1, count).round(2)
    gone = (clinic == "west") & (rng.random(count) < 0.5)
    return {"clinic": clinic, "blood": np.where(gone, np.nan, blood)}


def _gap_in_any(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    blood = rng.normal(5, 1, len(rows)).round(2)
    gone = some(rows, rows["blood"].isna().mean(), rng)
    return {"blood": np.where(gone, np.nan, blood)}


def _clinic_of_gap(frame: Frame, train: Frame) -> pd.Series:
    return frame.loc[frame["blood"].isna(), "clinic"]


def _gaps_together(count: int, rng: Random, frame: Frame) -> dict[str, Any]:
    """Three answers that are missing together."""
    gone = rng.random(count) < 0.15
    cells = rng.integers(1, 6, (3, count)).astype(float)
    cells[:, gone] = np.nan
    return dict(zip(("q1", "q2", "q3"), cells, strict=True))


def _gaps_apart(rows: Frame, train: Frame, rng: Random) -> dict[str, Any]:
    return {name: rng.permutation(rows[name].to_numpy()) for name in ("q1", "q2", "q3")}


def _gaps_of_row(frame: Frame, train: Frame) -> pd.Series:
    return frame[["q1", "q2", "q3"]].isna().sum(axis=1).astype(str)


FAULTS = (
    Fault("one more", one_more, OF_NUMBERS, DENIED_NUMBERS, measure=value(few_whole)),
    Fault(
        "exchanged in 3 %",
        exchanged(0.03),
        (*TIES, "impossible", "tails"),
        (),
        measure=apart,
    ),
    Fault(
        "exchanged in a tenth",
        exchanged(0.1),
        (*TIES, *OF_NUMBERS, "impossible"),
        DENIED_TIES,
        measure=apart,
    ),
    Fault("a tenth of other rows", of_other_rows(0.1), TIES, (), measure=apart),
    Fault(
        "a quarter of other rows", of_other_rows(0.25), TIES, DENIED_TIES, measure=apart
    ),
    Fault(
        "decimal point in 1 %",
        shifted_point,
        ("impossible", "tails"),
        (),
        measure=value(positive_number),
    ),
    Fault(
        "rounded to tens",
        to_tens,
        ("rounded", "heap", "share", "decimals"),
        ("heap",),
        told_by="always",
    ),
    Fault(
        "capped", capped, (*OF_NUMBERS,), ("shape", "heap"), measure=value(first_number)
    ),
    Fault(
        "miles in one group",
        other_unit,
        (*TIES, *OF_NUMBERS),
        (),
        measure=in_group(positive_number),
    ),
    Fault(
        "shuffled within a group",
        shuffled_in_group,
        TIES,
        DENIED_TIES,
        measure=apart_in_group,
    ),
    Fault(
        "light tails", light_tails, OF_NUMBERS, ("tails",), measure=value(last_number)
    ),
    Fault(
        "heavy tails",
        heavy_tails,
        (*OF_NUMBERS, "impossible"),
        (),
        measure=value(last_number),
    ),
    Fault(
        "a gap in the middle",
        gap_in_the_middle,
        OF_NUMBERS,
        DENIED_NUMBERS,
        measure=value(first_number),
    ),
    Fault(
        "made normal",
        made_normal,
        (*OF_NUMBERS, "impossible", "rounded"),
        DENIED_NUMBERS,
        measure=value(last_number),
    ),
    Fault(
        "missing is the mean",
        filled(lambda c: c.mean()),
        ("missing", "heap", "share", "decimals"),
        ("missing",),
        told_by="cells",
    ),
    Fault(
        "missing is 0",
        filled(lambda c: 0),
        ("missing", "heap", "share", "impossible"),
        ("missing",),
        told_by="cells",
    ),
    Fault(
        "a tenth is the mean",
        mean_in_a_tenth,
        (*OF_NUMBERS,),
        ("shape", "heap"),
        measure=value(first_number),
    ),
    Fault(
        "a twentieth is noise",
        few_noise,
        (*OF_NUMBERS, *TIES),
        (),
        measure=value(last_number),
    ),
    Fault("half of the zeros", fewer_zeros, OF_NUMBERS, ("shape", "heap")),
    Fault(
        "two categories merged",
        merged,
        ("absent category",),
        ("absent category",),
        measure=of_words(merged),
    ),
    Fault(
        "half of a category",
        halved,
        ("share", "shape"),
        ("shape",),
        measure=of_words(halved),
    ),
    Fault(
        "invented in 1 %",
        rarely_invented,
        ("invented category",),
        ("absent category",),
        told_by="cells",
    ),
    Fault(
        "a space behind",
        written(0.1, lambda c: c + " "),
        ("case", "invented category"),
        ("absent category",),
        told_by="cells",
    ),
    Fault(
        "hyphens lost or put",
        written(1.0, lambda c: c + "-"),
        ("case", "invented category", "absent category"),
        ("absent category",),
        told_by="always",
    ),
    Fault(
        "yes is no",
        inverted,
        ("share", "shape", *TIES),
        ("shape",),
        measure=of_words(inverted),
    ),
    Fault(
        "classes balanced",
        balanced,
        ("share", "shape"),
        ("shape",),
        measure=of_words(balanced),
    ),
    Fault(
        "no and yes for two values",
        renamed,
        (
            "invented category",
            "absent category",
            "unreadable",
            "case",
            "share",
            "shape",
        ),
        ("absent category",),
        told_by="always",
    ),
    Fault(
        "classes of a group",
        class_in_group,
        (*TIES, "share", "shape"),
        (),
        measure=class_of_group,
    ),
    Fault(
        "a combination gone",
        combination_gone,
        (*TIES, "share", "shape", "absent category"),
        (),
        measure=together,
    ),
    Fault(
        "a combination doubled",
        combination_doubled,
        (*TIES, "share", "shape"),
        (),
        measure=together,
    ),
    Fault(
        "a fifth copied but two cells",
        copied_but(2),
        COPIES,
        COPIES,
        measure=most_agreeing(in_training),
    ),
    Fault(
        "a fifth copied but three cells",
        copied_but(3),
        COPIES,
        COPIES,
        measure=most_agreeing(in_training),
    ),
    Fault(
        "copied with noise",
        copied_with_noise,
        COPIES,
        COPIES,
        measure=nearest_in_ranks(in_training),
    ),
    Fault(
        "copied, rounded",
        copied_rounded,
        COPIES,
        COPIES,
        measure=nearest_in_ranks(in_training),
    ),
    Fault("rare people copied", rare_copied, COPIES, ("copies",), told_by="cells"),
    Fault(
        "copied with new keys", copied_with_new_keys, COPIES, COPIES, told_by="always"
    ),
    Fault(
        "repeats with noise",
        jittered_repeats,
        ("repeats", "reach"),
        ("repeats",),
        measure=nearest_in_ranks(at_home),
    ),
    Fault(
        "repeats but one cell",
        repeated_but_one,
        ("repeats", "reach"),
        ("repeats",),
        measure=most_agreeing(at_home),
    ),
    # Columns that are brought.
    Fault(
        "day and month exchanged",
        brought(_half_year, _days_and_months, ["seen"]),
        (
            "month",
            "day of the month",
            "weekday",
            "level",
            "shape",
            "impossible",
            "range",
            "spread",
            "tails",
        ),
        ("shape",),
        measure=lambda f, t: pd.Series(pd.to_datetime(f["seen"]).astype("int64")),
    ),
    Fault(
        "an hour later in half",
        brought(_seen, _later(0.5, "1h"), ["seen"]),
        ("time of day",),
        ("time of day",),
        measure=_hour_of_day,
    ),
    Fault(
        "six hours later in a tenth",
        brought(_seen, _later(0.1, "6h"), ["seen"]),
        ("time of day",),
        ("time of day",),
        measure=_hour_of_day,
    ),
    Fault(
        "a century later in 2 %",
        brought(_seen, _centuries, ["seen"]),
        ("impossible", "tails", "level"),
        (),
        told_by="cells",
    ),
    Fault(
        "dates of another form",
        brought(_seen, _other_format, ["seen"]),
        ("unreadable", "form of text", "absent category"),
        ("unreadable",),
        told_by="always",
    ),
    Fault(
        "no weekends",
        brought(_seen, lambda r, t, g: {}, ["seen"], _no_weekend),
        ("weekday",),
        ("weekday",),
        measure=_weekday,
    ),
    Fault(
        "sales of any weekday",
        brought(_with_weekday, permuted("sales"), ["seen", "sales"]),
        TIES,
        DENIED_TIES,
        measure=_weekend_sales,
    ),
    Fault(
        "degrees of any season",
        brought(_with_season, permuted("degrees"), ["seen", "degrees"]),
        TIES,
        DENIED_TIES,
        measure=_winter_degrees,
    ),
    Fault(
        "loads of any hour",
        brought(_with_hour, permuted("load"), ["seen", "load"]),
        TIES,
        DENIED_TIES,
        measure=_noon_load,
    ),
    Fault(
        "no trend",
        brought(_with_trend, permuted("price"), ["seen", "price"]),
        TIES,
        DENIED_TIES,
        told_by="always",
    ),
    Fault(
        "end before start",
        brought(_start_and_end, _end_before, ["start", "end", "nights"]),
        ("impossible rows", "order"),
        ("impossible rows",),
        told_by="cells",
    ),
    Fault(
        "wrong number of nights",
        brought(_start_and_end, _wrong_nights, ["start", "end", "nights"]),
        ("impossible rows", "order"),
        ("impossible rows",),
        told_by="cells",
    ),
    Fault(
        "age of another birth",
        brought(_birth, _other_age, ["born", "age"]),
        (*TIES,),
        ("impossible rows",),
        told_by="cells",
    ),
    Fault(
        "leading zeros lost",
        brought(_zips, _without_zeros("zip"), ["zip"]),
        ("invented category", "case", "form of text", "unreadable", "absent category"),
        ("absent category",),
        told_by="cells",
    ),
    Fault(
        "leading zeros of keys lost",
        brought(_accounts, _without_zeros("account"), ["account"]),
        ("form of text",),
        ("form of text",),
        told_by="always",
    ),
    Fault(
        "mojibake",
        brought(_cities, mapped("city", 1.0, _mojibake), ["city"]),
        ("invented category", "case", "absent category"),
        ("absent category",),
        told_by="always",
    ),
    Fault(
        "mojibake in a tenth",
        brought(_cities, mapped("city", 0.1, _mojibake), ["city"]),
        ("invented category", "case"),
        ("absent category",),
        told_by="cells",
    ),
    Fault(
        "mojibake of names",
        brought(_names, mapped("name", 1.0, _mojibake), ["name"]),
        ("form of text", "case", "invented category"),
        ("form of text",),
        told_by="always",
    ),
    Fault(
        "question marks",
        brought(
            _names,
            mapped("name", 1.0, lambda s: s.encode("ascii", "replace").decode()),
            ["name"],
        ),
        ("form of text", "case", "invented category"),
        ("form of text",),
        told_by="always",
    ),
    Fault(
        "texts cut off",
        brought(_comments, mapped("comment", 1.0, lambda s: s[:25]), ["comment"]),
        ("form of text",),
        ("form of text",),
        told_by="always",
    ),
    Fault(
        "texts in capitals",
        brought(_comments, mapped("comment", 1.0, str.upper), ["comment"]),
        ("form of text", "case"),
        ("form of text",),
        told_by="always",
    ),
    Fault(
        "each key twice",
        brought(_emails, _twice_each, ["email"]),
        ("keys",),
        ("keys",),
        told_by="always",
    ),
    Fault(
        "seldom another constant",
        brought(_land, _seldom_other, ["land"]),
        ("constant",),
        ("constant",),
        told_by="cells",
    ),
    Fault(
        "a wrong bill",
        brought(_bill, _wrong_bill, ["price", "pieces", "bill"]),
        ("impossible rows", "order"),
        ("impossible rows",),
        told_by="cells",
    ),
    Fault(
        "shares beyond 100",
        brought(_shares, _not_100, ["bus", "car", "walk"]),
        ("impossible rows", "order"),
        ("impossible rows",),
        told_by="cells",
    ),
    Fault(
        "more taken than there are",
        brought(_part_of, _more_taken, ["beds", "taken"]),
        ("impossible rows", "order"),
        ("impossible rows",),
        told_by="cells",
    ),
    Fault(
        "two of one kind",
        brought(_one_hot, _two_hot, ["is_a", "is_b", "is_c"]),
        ("impossible rows", "combination", "group"),
        ("impossible rows",),
        told_by="cells",
    ),
    Fault(
        "kilos that are not the grams",
        brought(_copy, _other_copy, ["grams", "kilos"]),
        ("impossible rows", *TIES),
        ("impossible rows",),
        told_by="cells",
    ),
    Fault(
        "evenly wide",
        brought(_widening, _evenly_wide, ["income", "spent"]),
        TIES,
        DENIED_TIES,
        measure=_width,
    ),
    Fault(
        "a bowl lost",
        brought(_bowl, permuted("cost"), ["warmth", "cost"]),
        TIES,
        DENIED_TIES,
        measure=_cost_at_ends,
    ),
    Fault(
        "a line for a bowl",
        brought(_bowl, _straight, ["warmth", "cost"]),
        TIES,
        DENIED_TIES,
        measure=_cost_at_ends,
    ),
    Fault(
        "a product of two lost",
        brought(_three_numbers, permuted("gain"), ["water", "light", "gain"]),
        TIES,
        DENIED_TIES,
        measure=_product,
    ),
    Fault(
        "an effect in two groups lost",
        brought(_mixed_three, permuted("health"), ["old", "dose", "health"]),
        TIES,
        DENIED_TIES,
        measure=_health,
    ),
    Fault(
        "extremes apart",
        brought(_joint_tails, _apart_at_the_ends, ["loss_a", "loss_b"]),
        TIES,
        (),
        measure=_both_far,
    ),
    Fault(
        "tied too closely",
        brought(_noisy_pair, _too_close, ["height", "weight"]),
        TIES,
        DENIED_TIES,
        measure=_residual,
    ),
    Fault(
        "a mode missing",
        brought(_two_modes, lambda r, t, g: {}, ["delay"], lambda f: f["delay"] < 42),
        OF_NUMBERS,
        DENIED_NUMBERS,
        measure=cells_of("delay"),
    ),
    Fault(
        "a normal for a heavy tail",
        brought(_heavy, _normal_gains, ["gains"]),
        OF_NUMBERS,
        ("tails",),
        measure=cells_of("gains"),
    ),
    Fault(
        "any cents",
        brought(_prices, _any_cents, ["price"]),
        ("heap", "share", "decimals", "rounded", "digits"),
        ("heap", "decimals"),
        measure=_cents,
    ),
    Fault(
        "odd numbers",
        brought(_even, _odd, ["pressure"]),
        ("decimals", "heap", "share", "digits"),
        ("decimals", "heap"),
        told_by="always",
    ),
    Fault(
        "no round salaries",
        brought(_thousands, _no_thousands, ["pay"]),
        ("heap", "share", "rounded", "decimals", "digits"),
        ("heap", "decimals"),
        measure=_round_or_not,
    ),
    Fault(
        "missing whatever the income",
        brought(_gap_by_value, _gap_anywhere, ["income", "wealth"]),
        ("missing at random", *TIES),
        DENIED_TIES,
        measure=_income_of_silent,
    ),
    Fault(
        "missing in any clinic",
        brought(_gap_in_group, _gap_in_any, ["clinic", "blood"]),
        ("missing at random", *TIES),
        DENIED_TIES,
        measure=_clinic_of_gap,
    ),
    Fault(
        "missing apart",
        brought(_gaps_together, _gaps_apart, ["q1", "q2", "q3"]),
        ("missing together", "missing at random", *TIES),
        ("missing together",),
        measure=_gaps_of_row,
    ),
)
