"""Faults that neither a column alone nor a tie of two shows: each is named, with its
columns, by its own metric; fresh rows have none; the figures by hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from synthtab.evaluation import Verdict, agreement, chance, evaluate, prepare

ROWS = 800


def table(seed: int, rows: int = ROWS) -> pd.DataFrame:
    """Days at a pool: guests by the weekday, degrees by the season, prices that end in
    99, even pressures, a cost that is least in the middle, two tied lengths.
    """
    rng = np.random.default_rng(seed)
    every = pd.date_range("2020-01-01", "2023-12-31")
    day = every[rng.integers(0, len(every), rows)]
    season = -np.cos(2 * np.pi * day.day_of_year.to_numpy() / 365.25)
    guests = rng.gamma(20.0, 5.0, rows) * np.where(day.day_of_week >= 5, 2, 1)
    whole = rng.gamma(5.0, 8.0, rows).round()
    cents = np.where(rng.random(rows) < 0.8, 99, rng.integers(0, 100, rows))
    depth = rng.uniform(-10.0, 10.0, rows)
    length = rng.normal(100.0, 10.0, rows)
    return pd.DataFrame(
        {
            "day": day,
            "degrees": (10 + 12 * season + rng.normal(0.0, 3.0, rows)).round(1),
            "guests": guests.round(1),
            "price": (whole + cents / 100).round(2),
            "pressure": 2 * rng.normal(65.0, 8.0, rows).round(),
            "depth": depth.round(2),
            "cost": (depth**2 / 4 + rng.normal(0.0, 3.0, rows)).round(2),
            "length": length.round(1),
            "width": (length + rng.normal(0.0, 5.0, rows)).round(1),
        }
    ).assign(**_words(rng, rows))


def _words(rng: np.random.Generator, rows: int) -> dict[str, object]:
    """Towns with accents, codes and keys with zeros in front, shares of 100 and a unit
    that is converted.
    """
    towns = np.array(["Zürich", "Genève", "Bern", "Malmö", "Rom"])
    codes = np.array([f"{code:05d}" for code in range(107, 9_000, 411)])
    parts = np.round(100 * rng.dirichlet([3, 2, 1], rows)).astype(int)
    grams = rng.gamma(9.0, 100.0, rows).round()
    return {
        "town": towns[rng.integers(0, len(towns), rows)],
        "code": codes[rng.integers(0, len(codes), rows)],
        "key": [f"{key:09d}" for key in rng.integers(0, 10**8, rows)],
        "bus": parts[:, 0],
        "car": parts[:, 1],
        "walk": 100 - parts[:, 0] - parts[:, 1],
        "grams": grams,
        "kilos": grams / 1_000,
        "opened": pd.Timestamp("2023-01-01")
        + pd.to_timedelta(rng.integers(0, 300, rows), "D")
        + pd.to_timedelta(rng.integers(480, 1_080, rows), "min"),
    }


REAL, FRESH = table(0), table(1)
Fault = Callable[[pd.DataFrame, np.random.Generator], None]


def any_cents(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    cents = rng.integers(0, 100, len(frame)) / 100
    frame["price"] = (np.floor(frame["price"]) + cents).round(2)


def odd_pressures(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["pressure"] += rng.integers(0, 2, len(frame))


def cost_of_any_depth(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["cost"] = rng.permutation(frame["cost"].to_numpy())


def degrees_of_any_season(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["degrees"] = rng.permutation(frame["degrees"].to_numpy())


def guests_of_any_weekday(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["guests"] = rng.permutation(frame["guests"].to_numpy())


def lengths_of_other_rows(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    others = rng.permutation(frame["length"].to_numpy())
    frame["length"] = np.where(rng.random(len(frame)) < 0.1, others, frame["length"])


def badly_decoded(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["town"] = frame["town"].map(lambda town: town.encode().decode("latin-1"))


def with_question_marks(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["town"] = frame["town"].map(lambda t: t.encode("ascii", "replace").decode())


def codes_without_zeros(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["code"] = frame["code"].str.lstrip("0")


def keys_without_zeros(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame.loc[:79, "key"] = frame.loc[:79, "key"].str.lstrip("0")


def rare_words_invented(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame.loc[:23, "town"] = [f"Neustadt {i // 3}" for i in range(24)]


def beyond_100(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame.loc[:39, "car"] += 5


def other_kilos(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame.loc[:39, "kilos"] = (frame.loc[:39, "kilos"] * 1.05).round(3)


def open_at_night(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame.loc[:19, "opened"] -= pd.Timedelta("8h")


def copied_but_three_cells(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    copies = REAL.iloc[:100].copy()
    for row in range(100):
        for column in rng.permutation(frame.shape[1])[:3]:
            copies.iat[row, column] = frame.iat[row, column]
    frame.loc[:99] = copies


def repeated_but_one_cell(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    again = frame.iloc[100:140].sample(100, replace=True, random_state=0)
    frame.loc[:99] = again.assign(degrees=frame["degrees"].to_numpy()[:100]).to_numpy()


def repeated_with_noise(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    again = frame.iloc[100:140].sample(100, replace=True, random_state=0)
    for name in again.select_dtypes("float"):
        again[name] += rng.normal(0.0, 0.001 * frame[name].std(), 100)
    frame.loc[:99] = again.to_numpy()


# Fault -> the metric that sees it, the rule, and what the sentence says.
PLANTED: dict[Fault, tuple[str, str, str]] = {
    any_cents: ("digit_error", "digits", "Numbers of 'price' end otherwise: "),
    odd_pressures: (
        "digit_error",
        "digits",
        "in 0, 2, 4, 6 or 8, of the real ones 100.0 %",
    ),
    cost_of_any_depth: (
        "curve_error",
        "curve",
        "How high 'cost' is at both ends of 'depth' is not as in real rows",
    ),
    degrees_of_any_season: (
        "curve_error",
        "curve",
        "'degrees' does not follow the time of the year of 'day'",
    ),
    guests_of_any_weekday: (
        "association_error",
        "pair",
        "The pair ('guests', 'weekday of day') is broken",
    ),
    lengths_of_other_rows: (
        "stray_rows",
        "stray",
        "of the rows stray from the tie of ('length', 'width')",
    ),
    badly_decoded: ("other_spellings", "case", "in letters with accents: 'Z"),
    with_question_marks: ("other_spellings", "case", "in letters with accents: '"),
    codes_without_zeros: ("other_spellings", "case", "in zeros in front: '"),
    keys_without_zeros: (
        "left_out_error",
        "form of text",
        "of 'key' have more or fewer than 9 characters, which every real one has",
    ),
    rare_words_invented: (
        "category_coverage",
        "invented category",
        "3.0 % of the rows have categories of 'town' that no real row has",
    ),
    beyond_100: (
        "impossible_rows",
        "impossible rows",
        "'walk' = - 'bus' - 'car' + 100",
    ),
    other_kilos: (
        "impossible_rows",
        "impossible rows",
        "'kilos' = 0.001 * 'grams'",
    ),
    open_at_night: (
        "timestamp_error",
        "time of day",
        "The times of 'opened' are not the real ones",
    ),
    copied_but_three_cells: (
        "close_copies",
        "near copies",
        "of the rows equal a training row in most of their cells",
    ),
    repeated_but_one_cell: (
        "repeated_rows",
        "repeats",
        "of the rows repeat another of them in most of their cells",
    ),
    repeated_with_noise: (
        "repeated_rows",
        "repeats",
        "repeat another of them all but exactly, ten times nearer than any real row",
    ),
}


def alarms(frame: pd.DataFrame, metric: str) -> list[Verdict]:
    found = evaluate(REAL, frame, metrics=[metric]).verdicts
    return [verdict for verdict in found if verdict.level in ("bad", "fair")]


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.__name__)
def test_a_fault_is_named_with_its_columns(fault: Fault) -> None:
    metric, rule, says = PLANTED[fault]
    frame = FRESH.copy()
    fault(frame, np.random.default_rng(7))
    found = [v for v in alarms(frame, metric) if v.rule == rule]
    assert any(says in v.text for v in found), found


@pytest.mark.parametrize(
    "metric", sorted({metric for metric, _, _ in PLANTED.values()})
)
def test_fresh_rows_have_none(metric: str) -> None:
    for seed in range(3, 6):
        assert not alarms(table(seed), metric)


def test_one_fault_is_one_sentence() -> None:
    """The weekday that guests do not follow is told as a broken pair, and that alone."""
    frame = FRESH.copy()
    guests_of_any_weekday(frame, np.random.default_rng(7))
    metrics = ["association_error", "group_error", "curve_error"]
    found = evaluate(REAL, frame, metrics=metrics).verdicts
    assert [v.rule for v in found if v.level != "unknown"] == ["pair"], found


@pytest.mark.parametrize(
    "fault", [copied_but_three_cells, None], ids=["three cells", "copies"]
)
def test_copies_are_told_once(fault: Fault | None) -> None:
    """By the rule that says most of them, whatever else the copies are near to."""
    frame = FRESH.copy()
    if fault is None:
        frame.loc[:79] = REAL.iloc[:80]
    else:
        fault(frame, np.random.default_rng(7))
    metrics = ["exact_copies", "close_copies", "near_copies", "copied_extremes"]
    found = evaluate(REAL, frame, holdout=table(2), metrics=metrics).verdicts
    rule = "copies" if fault is None else "near copies"
    assert [v.rule for v in found if v.level in ("bad", "fair")] == [rule], found


def test_nothing_is_good_about_what_copies_are_near_to() -> None:
    """Forty of 3,000 rows are copies: too few to move what half of the rows do."""
    real, frame, holdout = (table(seed, 3_000) for seed in range(3))
    metrics = ["exact_copies", "near_copies", "nearer_to_train"]
    fresh = evaluate(real, frame, holdout=holdout, metrics=metrics).verdicts
    assert {v.rule for v in fresh if v.level == "good"} >= {"copies", "nearer"}
    frame.loc[:39] = real.loc[:39]
    copied = evaluate(real, frame, holdout=holdout, metrics=metrics).verdicts
    assert "copies" in [v.rule for v in copied if v.level == "bad"]
    assert not [v for v in copied if v.level == "good"]


def test_endings_by_hand() -> None:
    """All even against all odd: every row ends otherwise. Half of each: half of them."""
    even = pd.DataFrame({"x": np.arange(0, 2_000, 2)})
    odd = even + 1
    half = pd.concat([even[::2], odd[::2]])
    for other, error in ((odd, 100.0), (half, 50.0), (even, 0.0)):
        score = evaluate(even, other, numeric=["x"], metrics=["digit_error"]).scores[0]
        assert score.value == pytest.approx(error)


def test_last_digits_of_few_numbers_are_not_looked_at() -> None:
    """Of ages from 20 to 25, the last digit is the age."""
    rng = np.random.default_rng(0)
    ages = pd.DataFrame({"age": rng.integers(20, 26, 500), "x": rng.normal(size=500)})
    score = evaluate(ages, ages, numeric=["age", "x"], metrics=["digit_error"])
    assert not score.scores[0].ok


def test_folded_correlations_agree_with_scipy() -> None:
    """Of two columns, three correlations: each with the other one folded, and both."""
    rng = np.random.default_rng(0)
    x = rng.permutation(500) + 1.0
    y = (x - 250) ** 2 + rng.normal(0.0, 5_000.0, 500)
    real = pd.DataFrame({"x": x, "y": y})
    other = pd.DataFrame({"x": x, "y": rng.permutation(y)})
    # From -0.5 to 0.5, as the real numbers say.
    rank_of = dict(zip(y, (pd.Series(y).rank() - 0.5) / 500 - 0.5, strict=True))
    wanted = []
    for frame in (real, other):
        a = (frame["x"] - 0.5) / 500 - 0.5
        b = frame["y"].map(rank_of)
        pairs = ((a, b.abs()), (a.abs(), b), (a.abs(), b.abs()))
        wanted.append([spearmanr(one, two).statistic for one, two in pairs])
    score = evaluate(real, other, numeric=["x", "y"], metrics=["curve_error"]).scores[0]
    gaps = np.abs(np.subtract(*wanted))
    assert score.value == pytest.approx(50 * gaps.mean(), abs=1e-9)
    (fault,) = score.detail["faults"]
    assert abs(fault["real"] - fault["synthetic"]) == pytest.approx(gaps.max())


def test_strays_by_hand() -> None:
    """Two equal columns, and a twentieth of the rows at the other end."""
    x = np.arange(1_000.0)
    real = pd.DataFrame({"x": x, "y": x})
    y = np.where(x < 50, 999 - x, x)
    other = pd.DataFrame({"x": x, "y": y})
    score = evaluate(real, other, numeric=["x", "y"], metrics=["stray_rows"]).scores[0]
    assert score.value == pytest.approx(5.0)
    assert score.reference is not None
    assert score.reference.value == 0.0


def test_words_of_one_table_alone_by_hand() -> None:
    """Three words of two rows each, all in one of two tables of as many rows: each is
    alone there with a chance of 1/4, so that all of them are with 1/64.
    """
    three, none = np.array([2, 2, 2]), np.array([0, 0, 0])
    assert chance.only_here(three, none, 100, 100) == pytest.approx(1 / 64)
    # Of 2 or more words: 3 * (1/4)^2 * 3/4 more.
    two = np.array([2, 2, 0])
    found = chance.only_here(two, np.array([0, 0, 2]), 100, 100)
    assert found == pytest.approx(1 / 64 + 9 / 64)
    assert chance.only_here(none, three, 100, 100) == 1.0


def test_words_of_one_table_alone_are_as_rare_as_they_say() -> None:
    rng = np.random.default_rng(0)
    words = rng.zipf(1.5, 400) % 60
    found = []
    for _ in range(400):
        one = rng.random(400) < 0.5
        counts = [np.bincount(words[side], minlength=60) for side in (one, ~one)]
        found.append(chance.only_here(*counts, int(one.sum()), int((~one).sum())))
    for level in (0.05, 0.2):
        assert np.mean(np.array(found) < level) < 1.5 * level


def test_parts_of_a_row_tell_a_copy_with_changed_cells() -> None:
    """Of ten telling columns, a part of five is untouched by two changes in 2 of 9."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 50, (400, 10)))
    other = pd.DataFrame(rng.integers(0, 50, (400, 10)))
    other.iloc[:100] = frame.iloc[:100]
    for row in range(100):
        for column in rng.permutation(10)[:2]:
            other.iat[row, column] = 99
    names = [str(name) for name in frame]
    tables = prepare(
        frame.set_axis(names, axis=1), other.set_axis(names, axis=1), numeric=names
    )
    real, copies = agreement.hashes(tables.real), agreement.hashes(tables.synthetic)
    parts = agreement.telling_parts(real, rng)
    assert {len(part) for part in parts} == {5}
    counts = agreement.agreeing(copies, real, parts)
    assert (counts > 0).sum() == 100
    share = counts[counts > 0].mean() / len(parts)
    assert share == pytest.approx(2 / 9, abs=0.03)
    assert not agreement.agreeing_at_home(real, parts).any()
