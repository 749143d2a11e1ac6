"""Dates that are spread over columns are dates, what they say is not drawn, and seasons are parts of them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer
from synthtab.core.randomness import Streams
from synthtab.data.columns import infer
from synthtab.data.columns.calendar_words import names
from synthtab.data.encoder import TableEncoder
from synthtab.data.relations.calendars import Assembled, PartOf

ROWS = 3000


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def days(n: int = ROWS, span: int = 1100, start: str = "2019-03-01") -> pd.Series:
    since = pd.to_timedelta(rng().integers(0, span, n), unit="D")
    return pd.Series(pd.Timestamp(start) + since)


def fitted(table: pd.DataFrame, rare: int = 5) -> TableEncoder:
    return TableEncoder.fit(table, infer(table, rare=rare), Streams(0), rare=rare)


def shuffled_rows(table: pd.DataFrame, encoder: TableEncoder) -> pd.DataFrame:
    """Rows of which every block is another row's."""
    encoded = encoder.encode(table, Streams(0))
    r = rng(1)
    codes = np.column_stack([r.permutation(column) for column in encoded.codes.T])
    offsets = encoded.offsets[r.permutation(len(codes))]
    return encoder.decode(codes, offsets, r)


def parts_of(encoder: TableEncoder) -> dict[str, str]:
    return {c.column.name: c.part for c in encoder.columns if isinstance(c, PartOf)}


def spread(date: pd.Series, language: str, letter: str, case: str) -> pd.DataFrame:
    """A year, the name of the month and a day, and what follows from them."""
    months = names(letter, language, case)
    assert months is not None
    r = rng(2)
    return pd.DataFrame(
        {
            "arrival_year": date.dt.year,
            "arrival_month": [months[m - 1] for m in date.dt.month],
            "arrival_week": date.dt.isocalendar().week.astype(int),
            "arrival_day": date.dt.day,
            "quarter": "Q" + date.dt.quarter.astype(str),
            "nights": r.integers(0, 9, len(date)),
            "price": r.gamma(3, 30, len(date)).round(2),
        }
    )


def date_of(table: pd.DataFrame, months: tuple[str, ...]) -> pd.Series:
    """NaT where there is no such date."""
    number = table["arrival_month"].map({name: i + 1 for i, name in enumerate(months)})
    text = (
        table["arrival_year"].astype(str)
        + "-"
        + number.astype(str)
        + "-"
        + table["arrival_day"].astype(str)
    )
    return pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")


@pytest.mark.parametrize(
    ("language", "letter", "case"),
    [
        ("", "B", ""),
        ("de", "B", ""),
        ("fr", "B", "~"),
        ("es", "b", "~"),
        ("pt", "b", "^"),
    ],
)
def test_a_spread_date_is_one(language: str, letter: str, case: str) -> None:
    """Whatever is drawn, it exists, and its week and quarter are its own."""
    table = spread(days(), language, letter, case)
    encoder = fitted(table)
    (date,) = (c for c in encoder.columns if isinstance(c, Assembled))
    assert date.parts == ("arrival_year", "arrival_month", "arrival_day")
    assert parts_of(encoder) == {"arrival_week": "week", "quarter": "quarter"}
    rows = shuffled_rows(table, encoder)
    assert list(rows.columns) == list(table.columns)
    months = names(letter, language, case)
    assert months is not None
    dates = date_of(rows, months)
    assert dates.notna().all()
    assert (dates.dt.isocalendar().week == rows["arrival_week"]).all()
    assert ("Q" + dates.dt.quarter.astype(str) == rows["quarter"]).all()
    encoded = encoder.encode(table, Streams(0))
    again = encoder.decode(encoded.codes, encoded.offsets, rng())
    for name in ("arrival_year", "arrival_month", "arrival_week", "arrival_day"):
        assert (again[name] == table[name]).mean() > 0.99, name


def test_a_date_that_follows_from_a_spread_one_is_measured_from_it() -> None:
    table = spread(days(), "", "B", "")
    months = names("B", "", "")
    assert months is not None
    left = date_of(table, months) + pd.to_timedelta(table["nights"], unit="D")
    table["left"] = left.dt.strftime("%Y-%m-%d")
    encoder = fitted(table)
    rows = shuffled_rows(table, encoder)
    gone = pd.to_datetime(rows["left"])
    assert ((gone - date_of(rows, months)).dt.days == rows["nights"]).all()
    twin = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    twin.try_out()
    pd.testing.assert_frame_equal(shuffled_rows(table, twin), rows)


@pytest.mark.long
def test_two_spread_dates_keep_their_order() -> None:
    """A departure in three columns, measured from an arrival in three columns."""
    arrival = days()
    stay = rng(10).poisson(5, ROWS)
    departure = arrival + pd.to_timedelta(stay, unit="D")
    table = pd.DataFrame(
        {
            "arrival_year": arrival.dt.year,
            "arrival_month": arrival.dt.month_name(),
            "arrival_day": arrival.dt.day,
            "guests": rng(11).integers(1, 5, ROWS),
            "departure_year": departure.dt.year,
            "departure_month": departure.dt.month_name(),
            "departure_day": departure.dt.day,
        }
    )
    encoder = fitted(table)
    rows = shuffled_rows(table, encoder)

    def read(what: str) -> pd.Series:
        parts = [f"{what}_year", f"{what}_month", f"{what}_day"]
        text = rows[parts].astype(str).agg(" ".join, axis=1)
        return pd.to_datetime(text, format="%Y %B %d")

    assert (read("departure") >= read("arrival")).all()
    assert abs((read("departure") - read("arrival")).dt.days.mean() - stay.mean()) < 0.2
    twin = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    twin.try_out()
    pd.testing.assert_frame_equal(shuffled_rows(table, twin), rows)


def test_a_spread_date_of_one_year_comes_after_a_date_beside_it() -> None:
    booked = days(span=200, start="2021-01-01")
    due = booked + pd.to_timedelta(rng(12).integers(1, 100, ROWS), unit="D")
    table = pd.DataFrame(
        {
            "booked": booked.dt.strftime("%Y-%m-%d"),
            "year": 2021,
            "month": due.dt.month,
            "day": due.dt.day,
            "price": rng(13).gamma(3, 30, ROWS).round(2),
        }
    )
    encoder = fitted(table)
    assert len(encoder.assembled) == 1
    rows = shuffled_rows(table, encoder)
    found = pd.to_datetime(rows[["year", "month", "day"]])
    assert (found >= pd.to_datetime(rows["booked"])).all()
    assert (rows["year"] == 2021).all()


def test_what_a_date_beside_it_says_is_not_drawn() -> None:
    date = days()
    weekdays = names("a", "de", "")
    assert weekdays is not None
    table = pd.DataFrame(
        {
            "date": date.dt.strftime("%d.%m.%Y"),
            "jahr": date.dt.year,
            "monat": date.dt.month,
            "tag": [weekdays[day] for day in date.dt.day_of_week],
            "wochentag": date.dt.day_of_week + 1,
            "weekend": np.where(date.dt.day_of_week >= 5, "yes", "no"),
            "season": date.dt.month.map(lambda m: "wsummer"[m % 7]),
            "noise": rng(3).integers(1, 13, ROWS),
        }
    )
    gaps = rng(4).random(ROWS) < 0.05
    table["monat"] = table["monat"].astype("Int64")
    table.loc[gaps, ["date", "monat"]] = None
    encoder = fitted(table)
    # What has a cell where the date has none does not follow from it.
    assert parts_of(encoder) == {"monat": "month"}
    whole = table[~gaps].reset_index(drop=True)
    whole["monat"] = whole["monat"].astype("int64")
    encoder = fitted(whole)
    assert parts_of(encoder) == {
        "jahr": "year",
        "monat": "month",
        "tag": "weekday",
        "wochentag": "weekday",
        "weekend": "weekday",
        "season": "month",
    }
    rows = shuffled_rows(whole, encoder)
    dates = pd.to_datetime(rows["date"], format="%d.%m.%Y")
    assert (dates.dt.day_of_week + 1 == rows["wochentag"]).all()
    assert ((dates.dt.day_of_week >= 5) == (rows["weekend"] == "yes")).all()
    assert (dates.dt.year == rows["jahr"]).all()


def test_numbers_without_a_name_are_a_date_if_no_row_contradicts_it() -> None:
    date = days()
    table = pd.DataFrame({"a": date.dt.year, "b": date.dt.month, "c": date.dt.day})
    assert any(isinstance(c, Assembled) for c in fitted(table).columns)
    table["c"] = rng(5).integers(1, 32, ROWS)
    assert not any(isinstance(c, Assembled) for c in fitted(table).columns)


def test_a_target_is_drawn_whatever_it_follows_from() -> None:
    date = days()
    table = pd.DataFrame({"date": date, "month": date.dt.month})
    schema = infer(table)
    encoder = TableEncoder.fit(table, schema, Streams(0), target="month")
    assert not parts_of(encoder)


def seasonal(noise: float = 2.0) -> pd.DataFrame:
    date = days(span=3600)
    wave = 10 * np.sin(2 * np.pi * date.dt.day_of_year / 365.25)
    temp = (wave + rng(6).normal(0, noise, ROWS)).round(2)
    return pd.DataFrame(
        {"date": date, "temp": temp, "lot": rng(7).integers(0, 9, ROWS)}
    )


def test_a_season_is_a_part_of_its_date() -> None:
    table = seasonal()
    encoder = fitted(table, rare=0)
    blocks = [encoder.layout.blocks[b].part for b in encoder.layout.columns["date"]]
    assert blocks == ["year", "day of the year"]
    encoded = encoder.encode(table, Streams(0))
    again = encoder.decode(encoded.codes, encoded.offsets, rng())
    assert (again["date"] == table["date"]).all()
    # Of dates that nothing else follows, only the number counts.
    table["temp"] = rng(8).normal(0, 1, ROWS).round(2)
    assert len(fitted(table).layout.columns["date"]) == 1


def test_weeks_of_the_year_where_weekdays_differ() -> None:
    table = seasonal()
    monday = table["date"] - pd.to_timedelta(table["date"].dt.day_of_week, unit="D")
    is_first = rng(9).random(ROWS) < 0.6
    table["date"] = monday.where(is_first, table["date"])
    encoder = fitted(table, rare=0)
    blocks = [encoder.layout.blocks[b].part for b in encoder.layout.columns["date"]]
    assert blocks == ["year", "week of the year", "weekday"]
    encoded = encoder.encode(table, Streams(0))
    again = encoder.decode(encoded.codes, encoded.offsets, rng())
    assert (again["date"] == table["date"]).all()


@pytest.mark.long
def test_rows_have_the_season_of_the_table_and_meet_conditions() -> None:
    table = seasonal()
    table["month"] = table["date"].dt.month_name()
    model = Synthesizer("quick", epochs=20, rounds=0, seed=0).fit(table)
    rows = model.sample(2000)
    assert (rows["date"].dt.month_name() == rows["month"]).all()

    def spread_within(frame: pd.DataFrame) -> float:
        return float(frame["temp"].groupby(frame["date"].dt.month).std().mean())

    assert spread_within(rows) < 1.35 * spread_within(table)
    july = model.sample(50, where="month = July and temp < 10")
    assert (july["date"].dt.month == 7).all() and (july["month"] == "July").all()
    late = model.sample(50, where="date >= 2027-06-01")
    assert (late["date"] >= "2027-06-01").all()
    given = model.sample(given=table.head(20)[["date"]])
    assert (given["date"].dt.month_name() == given["month"]).all()
