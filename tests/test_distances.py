"""Dates that are other dates plus counts, and columns that are hardly ever less than others, are learnt as distances."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer
from synthtab.core.errors import ConditionError
from synthtab.core.randomness import Streams
from synthtab.data.columns import infer
from synthtab.data.encoder import TableEncoder
from synthtab.data.relations.measured import Measured
from synthtab.sampling.predicate import predicates
from synthtab.sampling.region import regions

ROWS = 2500


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def days(numbers: object) -> pd.Series:
    return pd.Series(pd.to_timedelta(np.asarray(numbers), unit="D"))


def stays() -> pd.DataFrame:
    """Arrivals and nights; the last day is the departure where the guest came, else between booking and arrival."""
    r = rng()
    arrival = pd.Series(pd.Timestamp("2020-01-01") + days(r.integers(0, 700, ROWS)))
    week = r.poisson(2, ROWS)
    weekend = r.poisson(1, ROWS)
    lead = r.integers(0, 200, ROWS)
    status = r.choice(["out", "cancelled", "no show"], ROWS, p=[0.6, 0.35, 0.05])
    before = np.floor(lead * r.random(ROWS))
    gone = np.select(
        [status == "out", status == "no show"], [week + weekend, 0], -before
    )
    return pd.DataFrame(
        {
            "arrival": arrival.dt.strftime("%Y-%m-%d"),
            "weekend": weekend,
            "week": week,
            "adults": r.integers(1, 4, ROWS),
            "lead": lead,
            "status": status,
            "last_day": (arrival + days(gone)).dt.strftime("%d.%m.%Y"),
        }
    )


def temperatures() -> pd.DataFrame:
    """A minimum, two readings and a maximum, with gaps, and one reading that contradicts."""
    r = rng(1)
    low = 10 + 6 * r.standard_normal(ROWS)
    high = low + r.gamma(4, 2, ROWS)
    table = pd.DataFrame(
        {
            "low": low.round(1),
            "high": high.round(1),
            "wind": r.integers(0, 60, ROWS),
            "at_nine": (low + (high - low) * r.beta(3, 2, ROWS)).round(1),
            "at_three": (low + (high - low) * r.beta(4, 2, ROWS)).round(1),
        }
    )
    for name in ("low", "at_nine", "at_three"):
        table.loc[r.random(ROWS) < 0.03, name] = np.nan
    table.loc[0, "at_three"] = table.loc[0, "high"] + 2
    return table


def houses() -> pd.DataFrame:
    """Years: built, and renovated or 0."""
    r = rng(2)
    built = r.integers(1900, 2010, ROWS)
    later = built + np.floor((2015 - built) * r.random(ROWS)).astype(int)
    return pd.DataFrame(
        {
            "built": built,
            "renovated": np.where(r.random(ROWS) < 0.2, later, 0),
            "grade": r.integers(3, 13, ROWS),
        }
    )


def rides() -> pd.DataFrame:
    """Seconds apart; a contract that never ends has the year 9999; due two weeks later."""
    r = rng(3)
    seconds = pd.to_timedelta(r.integers(0, 86_400 * 300, ROWS), unit="s")
    start = pd.Series(pd.Timestamp("2021-01-01") + seconds)
    end = start + pd.to_timedelta(r.gamma(2, 500, ROWS).round(), unit="s")
    day = start.dt.normalize()
    until = (day + days(r.integers(30, 900, ROWS))).dt.strftime("%Y-%m-%d")
    return pd.DataFrame(
        {
            "start": start,
            "end": end,
            "until": until.mask(r.random(ROWS) < 0.4, "9999-12-31"),
            "due": (day + pd.Timedelta(days=14)).dt.strftime("%Y-%m-%d"),
            "fare": r.gamma(2, 8, ROWS).round(2),
        }
    )


def people() -> pd.DataFrame:
    """Born, died or not; admitted at some time of day, for whole days and for hours."""
    r = rng(4)
    born = pd.Series(pd.Timestamp("1900-01-01") + days(r.integers(0, 25_000, ROWS)))
    died = born + days(np.floor(33_000 * r.beta(2, 2, ROWS)))
    at = pd.to_timedelta(r.integers(8 * 3600, 17 * 3600, ROWS), unit="s")
    admitted = pd.Series(
        pd.Timestamp("2019-01-01") + days(r.integers(0, 300, ROWS)) + at
    )
    stay = r.poisson(6, ROWS)
    hours = r.integers(1, 60, ROWS)
    return pd.DataFrame(
        {
            "born": born,
            "died": died.where(r.random(ROWS) < 0.7),
            "admitted": admitted,
            "stay": stay,
            "left": admitted.dt.normalize() + days(stay),
            "hours": hours,
            "checked": admitted + pd.to_timedelta(hours, unit="h"),
        }
    )


TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    "stays": stays,
    "temperatures": temperatures,
    "houses": houses,
    "rides": rides,
    "people": people,
}


def fitted(table: pd.DataFrame, rare: int = 0) -> TableEncoder:
    return TableEncoder.fit(table, infer(table, rare=rare), Streams(0), rare=rare)


def measured(encoder: TableEncoder) -> dict[str, str]:
    """Column -> from what it is measured, in words."""
    return {
        c.column.name: str(c.relation)
        for c in encoder.columns
        if isinstance(c, Measured)
    }


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (
            "stays",
            {
                "last_day": "= arrival + weekend + week or arrival, >= arrival - lead, <= arrival"
            },
        ),
        (
            "temperatures",
            {
                "at_nine": ">= low",
                "at_three": ">= low",
                "high": ">= at_three or at_nine or low",
            },
        ),
        ("houses", {"renovated": ">= built"}),
        ("rides", {"end": ">= start", "until": ">= due", "due": ">= start"}),
        (
            "people",
            {
                "died": ">= born",
                "left": "= admitted + stay, >= admitted",
                "checked": "= admitted + hours, >= admitted",
            },
        ),
    ],
)
def test_what_is_found(name: str, found: dict[str, str]) -> None:
    assert measured(fitted(TABLES[name]())) == found


@pytest.mark.parametrize("name", TABLES)
def test_cells_come_back_as_they_were(name: str) -> None:
    """With their exceptions and gaps; what is a share of a way may be a day off."""
    table = TABLES[name]()
    encoder = fitted(table)
    encoded = encoder.encode(table, Streams(0))
    again = encoder.decode(encoded.codes, encoded.offsets, rng())
    for column in measured(encoder):
        one = again[column]
        other = table[column]
        same = (one == other) | (one.isna() & other.isna())
        # An instant among many comes back to within a millionth of them.
        least = 1 if name in ("temperatures", "houses") else 0.99
        assert same.mean() >= least, column


@pytest.mark.parametrize("name", TABLES)
def test_a_state_leads_back(name: str) -> None:
    table = TABLES[name]()
    encoder = fitted(table, rare=5)
    encoded = encoder.encode(table, Streams(0))
    state = json.loads(json.dumps(encoder.state()))
    twin = TableEncoder.from_state(state)
    twin.try_out()
    once = encoder.decode(encoded.codes, encoded.offsets, rng())
    again = twin.decode(encoded.codes, encoded.offsets, rng())
    pd.testing.assert_frame_equal(once, again)


def drawn_apart(table: pd.DataFrame, encoder: TableEncoder) -> pd.DataFrame:
    """Rows whose columns have nothing to do with each other: each block shuffled for itself."""
    encoded = encoder.encode(table, Streams(0))
    r = rng(9)
    codes = encoded.codes.copy()
    offsets = encoded.offsets.copy()
    column_of_offsets = {int(b): i for i, b in enumerate(encoder.layout.continuous)}
    for b in range(codes.shape[1]):
        order = r.permutation(len(codes))
        codes[:, b] = codes[order, b]
        if b in column_of_offsets:
            i = column_of_offsets[b]
            offsets[:, i] = offsets[order, i]
    return encoder.decode(codes, offsets, r)


def test_even_independent_rows_keep_an_order_as_often_as_the_table() -> None:
    """So little is left to learn."""
    table = temperatures()
    rows = drawn_apart(table, fitted(table, rare=5))
    for low, high in (
        ("low", "at_nine"),
        ("low", "at_three"),
        ("at_nine", "high"),
        ("at_three", "high"),
        ("low", "high"),
    ):
        assert (rows[low] > rows[high]).mean() < 0.005, (low, high)
    rows = drawn_apart(houses(), fitted(houses(), rare=5))
    is_renovated = rows["renovated"] != 0
    assert abs(is_renovated.mean() - 0.2) < 0.02
    assert not (rows["renovated"] < rows["built"])[is_renovated].any()
    rows = drawn_apart(rides(), fitted(rides(), rare=5))
    assert not (rows["end"] < rows["start"]).any()
    assert ((rows["until"] == "9999-12-31").mean() - 0.4) < 0.01
    until = pd.to_datetime(rows["until"], errors="coerce")
    assert not (until < pd.to_datetime(rows["due"])).any()
    due_in = pd.to_datetime(rows["due"]) - rows["start"].dt.normalize()
    assert (due_in.dt.days == 14).all()
    rows = drawn_apart(people(), fitted(people(), rare=5))
    assert not (rows["died"] < rows["born"]).any()
    stayed = rows["left"] - rows["admitted"].dt.normalize()
    assert (stayed.dt.days == rows["stay"]).all()
    assert (
        (rows["checked"] - rows["admitted"]) == pd.to_timedelta(rows["hours"], "h")
    ).all()


def test_orders_of_unlike_columns_are_left_alone() -> None:
    """A distance in miles is greater than the minutes of the flight, and no less of them."""
    r = rng(5)
    miles = r.choice(np.arange(200, 2600, 20), ROWS)
    table = pd.DataFrame(
        {
            "miles": miles,
            "minutes": (miles / 8 + 15 + r.normal(0, 8, ROWS)).round().astype(int),
            "year": r.integers(2000, 2020, ROWS),
            "age": r.integers(18, 90, ROWS),
            "score": r.integers(80, 120, ROWS),
        }
    )
    assert not measured(fitted(table))


def test_a_target_is_learnt_as_it_is() -> None:
    table = temperatures()
    schema = infer(table, rare=0)
    encoder = TableEncoder.fit(table, schema, Streams(0), target="high")
    assert "high" not in measured(encoder)


def test_no_links_no_distances() -> None:
    table = temperatures()
    encoder = TableEncoder.fit(table, infer(table), Streams(0), links=False)
    assert not measured(encoder)


def test_a_partial_row_gets_an_origin_within_reach_of_what_is_measured_from_it() -> (
    None
):
    """So that a known maximum says something of an unknown minimum."""
    table = temperatures().dropna().reset_index(drop=True)
    encoder = fitted(temperatures())
    partial = table[["at_nine", "at_three", "wind"]]
    encoded, known, _ = encoder.encode_partial(partial, Streams(0))
    low = encoder.layout.columns["low"]
    assert known[:, low].all() and known[:, encoder.layout.columns["at_nine"]].all()
    rows = encoder.decode(encoded.codes, encoded.offsets, rng())
    assert (rows["low"] > partial["at_nine"]).mean() < 0.01
    assert np.corrcoef(rows["low"], table["low"])[0, 1] > 0.8
    # Nothing is known where nothing is given.
    _, known, _ = encoder.encode_partial(table[["wind"]], Streams(0))
    assert not known[:, low].any()


def test_a_category_decides_which_origin_a_date_is() -> None:
    """Whatever codes are drawn: of a stay that took place, the last day is known."""
    table = stays()
    rows = drawn_apart(table, fitted(table, rare=5))
    last = pd.to_datetime(rows["last_day"], format="%d.%m.%Y")
    nights = (last - pd.to_datetime(rows["arrival"])).dt.days
    out = rows["status"] == "out"
    assert (nights == rows["week"] + rows["weekend"])[out].all()
    assert (nights == 0)[rows["status"] == "no show"].all()
    cancelled = rows["status"] == "cancelled"
    assert (nights <= 0)[cancelled].all()
    assert (-nights <= rows["lead"])[cancelled].all()


def test_exceptions_to_what_a_category_says_stay_as_rare_as_they_are() -> None:
    table = stays()
    is_odd = (table["status"] == "out") & (np.arange(ROWS) % 160 == 0)
    last = pd.to_datetime(table["last_day"], format="%d.%m.%Y")
    earlier = (last - pd.Timedelta(days=40)).dt.strftime("%d.%m.%Y")
    table["last_day"] = table["last_day"].mask(is_odd, earlier)
    encoder = fitted(table, rare=5)
    encoded = encoder.encode(table, Streams(0))
    rows = encoder.decode(encoded.codes, encoded.offsets, rng())
    last = pd.to_datetime(rows["last_day"], format="%d.%m.%Y")
    nights = (last - pd.to_datetime(rows["arrival"])).dt.days
    out = rows["status"] == "out"
    wrong = (nights != rows["week"] + rows["weekend"]) & out
    assert wrong.sum() == is_odd.sum() > 5


def test_a_condition_on_a_measured_date_narrows_what_it_is_measured_from() -> None:
    """A stay that ends on a day began within reach of it: few rows are left out."""
    table = stays()
    encoder = fitted(table, rare=5)

    def asked(text: str) -> set[str]:
        found = regions(encoder, predicates(text, encoder.schema))
        return {encoder.layout.blocks[r.blocks[0]].column for r in found}

    assert asked("last_day = 03.06.2021") == {"arrival", "last_day"}
    assert asked("last_day >= 01.06.2021") == {"arrival", "last_day"}
    assert asked("last_day is not missing") == {"last_day"}
    (arrival,) = (
        r
        for r in regions(encoder, predicates("last_day = 03.06.2021", encoder.schema))
        if encoder.layout.blocks[r.blocks[0]].column == "arrival"
    )
    # Not in the first days of the table.
    assert arrival.low.max() > 0.5
    with pytest.raises(ConditionError, match="they lie between"):
        asked("last_day = 03.06.2031")


@pytest.mark.long
def test_rows_contradict_themselves_as_rarely_as_the_table() -> None:
    """A short fit: what is left are errors of codes; drawn as dates, nine in ten are wrong."""
    table = stays()
    model = Synthesizer("quick", epochs=20, rounds=0, seed=1).fit(table)
    rows = model.sample(3000)
    arrival = pd.to_datetime(rows["arrival"])
    last = pd.to_datetime(rows["last_day"], format="%d.%m.%Y")
    nights = (last - arrival).dt.days
    out = rows["status"] == "out"
    assert (nights != rows["week"] + rows["weekend"])[out].mean() < 0.005
    assert (nights < 0)[out].mean() < 0.005
    cancelled = rows["status"] == "cancelled"
    assert (nights > 0)[cancelled].mean() < 0.005
    assert (-nights > rows["lead"])[cancelled].mean() < 0.02
    # What is asked for is met, also of a cell that is put together last.
    asked = model.sample(200, where="last_day >= 2021-06-01")
    assert (pd.to_datetime(asked["last_day"], format="%d.%m.%Y") >= "2021-06-01").all()
    one_day = model.sample(20, where="last_day = 2021-06-03")
    assert (one_day["last_day"] == "03.06.2021").all()
    stayed = one_day[one_day["status"] == "out"]
    gone = pd.to_datetime(stayed["last_day"], format="%d.%m.%Y")
    nights = (gone - pd.to_datetime(stayed["arrival"])).dt.days
    assert (nights == stayed["week"] + stayed["weekend"]).mean() > 0.9
    completed = model.impute(table.head(50).assign(last_day=None))
    out = completed["status"] == "out"
    gone = pd.to_datetime(completed["last_day"], format="%d.%m.%Y")
    nights = (gone - pd.to_datetime(completed["arrival"])).dt.days
    assert (nights == completed["week"] + completed["weekend"])[out].mean() > 0.9
