"""Rows that cannot be: each kind of relation is found, and nothing else is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from impossible_tables import FAULTS, MONTHS, TABLES, hotel, out_before_in, weather

from synthtab import datasets
from synthtab.data.columns import infer
from synthtab.evaluation import Report, Score, evaluate

Table = Callable[..., pd.DataFrame]


def report(real: pd.DataFrame, rows: pd.DataFrame, **options: Any) -> Report:
    return evaluate(real, rows, metrics=["impossible_rows"], **options)


def score(real: pd.DataFrame, rows: pd.DataFrame, **options: Any) -> Score:
    return report(real, rows, **options).scores[0]


def named(found: Score) -> list[str]:
    return [one["fault"] for one in found.detail["relations"]]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_named_and_counted(fault: Callable[[pd.DataFrame], None]) -> None:
    table, *says = FAULTS[fault]
    rows = table(1)
    fault(rows)
    clean = table(1)
    same = (rows == clean) | (rows.isna() & clean.isna())
    spoilt = 1 - same.all(axis=1).mean()
    found = report(table(0), rows)
    (verdict,) = found.verdicts
    assert verdict.level in ("fair", "bad")
    faults = named(found.scores[0])
    assert any(all(word in text for word in says) for text in faults), faults
    # No row is called impossible that is not, but for what luck brings.
    assert found.scores[0].value <= 100 * spoilt + 0.2
    assert found.scores[0].value >= 100 * spoilt * 0.6 - 0.2
    assert found.scores[0].detail["real"] < 0.005


@pytest.mark.parametrize("name", TABLES)
def test_clean_rows_break_nothing(name: str) -> None:
    table = TABLES[name]
    for seed in range(1, 4):
        found = report(table(0), table(seed), seed=seed)
        (verdict,) = found.verdicts
        assert verdict.level == "good"
        assert found.scores[0].value < 0.2
        assert named(found.scores[0]) == []
        assert found.scores[0].detail["real"] < 0.01


@pytest.mark.long
@pytest.mark.parametrize("name", ["flights", "penguins", "anes96"])
def test_real_rows_beside_real_rows_raise_no_alarm(name: str) -> None:
    table = datasets.load(name)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(table))
        half = len(table) // 2
        parts = table.iloc[order[:half]], table.iloc[order[half:]]
        found = report(*parts, seed=seed)
        assert {v.level for v in found.verdicts} <= {"good", "unknown"}
        (one,) = found.scores
        if one.ok:
            assert named(one) == []
            assert one.interval is not None and one.interval[0] < 0.5


def test_independent_columns_have_no_relation() -> None:
    rng = np.random.default_rng(0)
    columns = {
        "a": rng.choice(list("uvwxyz"), 3000),
        "b": rng.integers(0, 9, 3000),
        "c": rng.normal(size=3000),
        "d": rng.gamma(1, 1, 3000).round(3),
        "e": rng.choice([None, "p", "q"], 3000),
    }
    frame = pd.DataFrame(columns)
    found = score(frame[:2000], frame[2000:])
    assert not found.ok and "no relation" in found.status


def test_dependent_columns_without_a_rule_are_no_alarm() -> None:
    """Rare is not impossible: heavy tails, strong ties, hundreds of words."""

    def table(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        x = rng.normal(size=3000)
        word = np.minimum(rng.zipf(1.4, 3000), 200)
        return pd.DataFrame(
            {
                "x": x,
                "y": x + 0.2 * rng.standard_t(2, size=3000),
                "heavy": np.exp(x + rng.normal(size=3000)),
                "word": [f"w{number}" for number in word],
                "tied": [
                    f"t{number}" for number in (word + rng.poisson(0.3, 3000)) % 40
                ],
            }
        )

    for seed in range(1, 6):
        found = report(table(0), table(seed), seed=seed)
        assert {v.level for v in found.verdicts} <= {"good", "unknown"}
        assert not found.scores[0].ok or named(found.scores[0]) == []


@pytest.mark.parametrize(
    "words",
    [
        "January February March April May June July August September October November "
        "December",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "Januar Februar März April Mai Juni Juli August September Oktober November "
        "Dezember",
        "janvier février mars avril mai juin juillet août septembre octobre novembre "
        "décembre",
        "1 2 3 4 5 6 7 8 9 10 11 12",
        "01 02 03 04 05 06 07 08 09 10 11 12",
    ],
)
def test_months_in_any_language_make_a_date(words: str) -> None:
    write = dict(zip(MONTHS, words.split(), strict=True))

    def table(seed: int) -> pd.DataFrame:
        frame = hotel(seed)
        frame["arrival_month"] = frame["arrival_month"].map(write)
        return frame

    rows = table(1)
    out_before_in(rows)
    (first, *_) = named(score(table(0), rows))
    assert first.startswith("'status_date' is not the date 'arrival' + 'week_nights'")
    rows = table(1)
    rows.loc[:59, ["arrival_month", "arrival_day"]] = [write["April"], 31]
    assert any("does not exist" in text for text in named(score(table(0), rows)))


def test_days_of_the_year_flags_and_products() -> None:
    def table(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        day = pd.Timestamp("2021-01-01") + pd.to_timedelta(
            rng.integers(0, 900, 3000), "D"
        )
        items, price = rng.integers(1, 20, 3000), rng.integers(100, 9000, 3000) / 100
        kind = rng.integers(0, 4, 3000)
        frame = {"day": day, "day_of_year": day.day_of_year}
        frame |= {"items": items, "price": price, "amount": (items * price).round(2)}
        frame |= {f"is_{k}": (kind == k).astype(int) for k in range(4)}
        return pd.DataFrame(frame)

    assert named(score(table(0), table(1))) == []
    rows = table(1)
    rows.loc[:49, "day_of_year"] = rows.loc[:49, "day_of_year"] % 360 + 5
    rows.loc[50:99, "amount"] += 200
    rows.loc[100:149, "is_0"] = 1 - rows.loc[100:149, "is_0"]
    faults = " ".join(named(score(table(0), rows)))
    assert "'day_of_year' is not the day of the year of 'day'" in faults
    assert "amount" in faults and "one_hot(is_0" in faults


def test_hours_are_added_to_instants() -> None:
    def table(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        start = pd.Timestamp("2024-01-01") + pd.to_timedelta(
            rng.integers(0, 500_000, 2000), "min"
        )
        hours, waits = rng.integers(1, 30, 2000), rng.integers(0, 5, 2000)
        end = start + pd.to_timedelta(hours + waits, "h")
        frame = {"start": start, "hours": hours, "waits": waits, "end": end}
        frame["hour"] = start.hour
        return pd.DataFrame(frame)

    rows = table(1)
    rows.loc[:39, "end"] += pd.Timedelta("2h")
    rows.loc[40:79, "hour"] = (rows.loc[40:79, "hour"] + 5) % 24
    faults = named(score(table(0), rows))
    assert "'end' is not 'start' + 'hours' + 'waits'" in faults
    assert "'hour' is not that of the hour of 'start'" in faults


def test_a_holdout_says_how_often_real_rows_break_them() -> None:
    rows = hotel(1)
    out_before_in(rows)
    found = score(hotel(0), rows, holdout=hotel(2, 1500))
    assert found.detail["other real rows"] == 1500
    assert found.value > 2.5
    # A holdout of another time breaks what holds in the table: it says nothing.
    later = hotel(2, 1500)
    later["status_date"] = (
        later["status_date"].sample(frac=1, random_state=0).to_numpy()
    )
    found = score(hotel(0), rows, holdout=later)
    assert found.detail["other real rows"] == 2000
    assert found.value > 2.5
    # A holdout of a few rows says too little.
    found = score(hotel(0), rows, holdout=hotel(2, 100))
    assert found.detail["other real rows"] == 2000


def test_exceptions_of_real_rows_are_allowed_for() -> None:
    """A relation that 0.3 % of the real rows break is one, and they are no alarm."""

    def table(seed: int) -> pd.DataFrame:
        frame = weather(seed, 6000)
        rows = np.random.default_rng(seed).permutation(6000)[:18]
        frame.loc[rows, "temp_3pm"] = frame.loc[rows, "max_temp"] + 1
        return frame

    assert named(score(table(0), table(1))) == []
    worse = table(1)
    worse.loc[:99, "temp_3pm"] = worse.loc[:99, "max_temp"] + 1
    found = score(table(0), worse)
    assert named(found) == ["'temp_3pm' above 'max_temp'"]
    assert found.detail["relations"][0]["real"] < 0.008


def test_examples_break_the_relation_and_tell_of_nobody() -> None:
    real, rows = hotel(0), hotel(1)
    out_before_in(rows)
    (one, *_) = score(real, rows).detail["relations"]
    assert len(one["examples"]) == 3
    for example in one["examples"]:
        assert list(example) == one["columns"]
        arrival = pd.Timestamp(
            f"{example['arrival_day']} {example['arrival_month']} {example['arrival_year']}"
        )
        assert pd.Timestamp(example["status_date"]) < arrival
        for name, cell in example.items():
            holders = int((real[name].astype(str) == cell).sum())
            assert holders == 0 or holders >= 5, (name, cell, holders)


def test_no_rare_value_is_named() -> None:
    """Neither in a sentence nor as an example, also where the schema counts people."""
    real, rows = hotel(0), hotel(1)
    real.loc[:3, "agent"] = "Secret Agent"
    rows.loc[:199, "agent"] = "Secret Agent"
    rows.loc[:199, "price"] = 0.0
    rows.loc[:199, "segment"] = "Direct"
    text = report(real, rows).to_json()
    assert "'price' 0" in text or "'price' in a combination" in text
    assert "Secret Agent" not in text


def test_two_stays_of_one_person_are_one() -> None:
    real, rows = hotel(0), hotel(1)
    for frame in (real, rows):
        frame["guest"] = [f"guest {number}" for number in frame.index]
    real.loc[:29, "guest"] = "guest 0"
    real.loc[:29, "agent"] = "Secret Agent"
    real.loc[:29, "hotel"] = "City Hotel"
    rows.loc[:199, "agent"] = "Secret Agent"
    rows.loc[:199, "hotel"] = "Resort Hotel"
    schema = infer(real, rare=0)
    found = report(real, rows, schema=replace(schema, person="guest"))
    assert "'hotel' is not that of 'agent'" in named(found.scores[0])
    assert "Secret Agent" not in found.to_json()


def test_it_is_told_everywhere() -> None:
    rows = hotel(1)
    rows["status_date"] = rows["status_date"].sample(frac=1, random_state=0).to_numpy()
    found = evaluate(hotel(0), rows, metrics=["impossible_rows", "shape_error"])
    (verdict,) = (v for v in found.verdicts if v.rule == "impossible rows")
    assert verdict.level == "bad"
    assert verdict in found.conclusion.worst
    quoted = " % of rows are impossible: 'status_date' is not the date 'arrival'"
    assert quoted in found.conclusion.use.text
    assert quoted in " ".join(found.first_screen().split())
    data = json.loads(found.to_json())
    (data_score,) = (s for s in data["scores"] if s["name"] == "impossible_rows")
    assert data_score["detail"]["relations"][0]["examples"]
    page = found.to_html()
    assert 'id="impossible"' in page and "that hardly any real row breaks" in page
    assert "Impossible rows" in str(found) and "impossible" in found._repr_html_()


def test_names_on_the_page_are_escaped() -> None:
    def odd(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.rename(columns={"status": "<b>status</b>"})

    rows = hotel(1)
    out_before_in(rows)
    page = report(odd(hotel(0)), odd(rows)).to_html()
    assert "<b>status" not in page


def test_a_million_cells_in_seconds() -> None:
    """Rows are sampled for the search; all of them are checked."""
    rows = hotel(1, 30_000)
    rows.loc[:29, "status_date"] = "2010-01-01"
    found = score(hotel(0, 30_000), rows)
    assert any("'status_date'" in text for text in named(found))
