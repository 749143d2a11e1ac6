"""Faults that neither a column alone nor a tie of two shows: each is named, with its
columns, by its own metric; fresh rows have none; the figures by hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from synthtab.evaluation import Verdict, evaluate

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
    )


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
