"""How often rows contradict themselves: the table, and rows of the default preset.

python benchmarks/contradictions.py [hotel weather houses orders season] [--rows 4000] [--preset default]

Each table is made by code (`TABLES`), and each contradiction is a test of its rows
(`contradictions`): its share in the table, and in as many synthetic rows.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from hotel import hotel

from synthtab import Synthesizer

DAY = "D"
SITES = ("north", "south", "west")


def bookings(rows: int, seed: int = 0) -> pd.DataFrame:
    """`hotel` with statuses as in the well-known table: check-out, cancelled, no-show."""
    random = np.random.default_rng(seed)
    table = hotel(rows, seed)
    arrival = arrival_of(table)
    is_noshow = (table["is_canceled"] == 1) & (random.random(rows) < 0.04)
    nights = table["weekend_nights"] + table["week_nights"]
    # A stay is cancelled some time between the day that it was booked and the arrival.
    before = np.floor(table["lead_time"] * random.beta(1, 1.5, rows))
    days = np.where(table["is_canceled"] == 0, nights, np.where(is_noshow, 0, -before))
    table["status"] = table["status"].mask(is_noshow, "No-Show")
    status_date = arrival + pd.to_timedelta(days, unit=DAY)
    # Somebody left a day early now and then.
    left_early = (table["is_canceled"] == 0) & (random.random(rows) < 0.0003)
    table["status_date"] = status_date - pd.to_timedelta(left_early.astype(int), DAY)
    return table


def arrival_of(table: pd.DataFrame) -> pd.Series:
    """The arrival, of year, month name and day; missing where there is no such date."""
    parts = ["arrival_year", "arrival_month", "arrival_day"]
    text = table[parts].astype(str).agg(" ".join, axis=1)
    return pd.to_datetime(text, format="%Y %B %d", errors="coerce")


def weather(rows: int, seed: int = 0) -> pd.DataFrame:
    """Ten years of days at 20 stations: minimum, 9 am, 3 pm, maximum, with gaps."""
    random = np.random.default_rng(seed)
    days = random.integers(0, 3650, rows)
    date = np.datetime64("2008-01-01") + days
    station = random.integers(0, 20, rows)
    season = np.cos(2 * np.pi * (days - 15) / 365.25)
    mean = 12 + station * 0.6 + (4 + station * 0.3) * season
    mean = mean + 3 * random.standard_normal(rows)
    low = mean - random.gamma(4, 1, rows)
    high = mean + random.gamma(4, 1.4, rows)
    share = random.beta([[3.0], [12.0]], [[4.0], [1.3]], (2, rows))
    at_nine, at_three = low + share * (high - low)
    rain = np.where(random.random(rows) < 0.65, 0, random.gamma(0.6, 9, rows)).round(1)
    table = pd.DataFrame(
        {
            "date": pd.to_datetime(date),
            "station": [f"S{number:02}" for number in station],
            "min_temp": low.round(1),
            "max_temp": high.round(1),
            "rainfall": rain,
            "wind_9am": random.integers(0, 60, rows),
            "wind_3pm": random.integers(0, 75, rows),
            "temp_9am": at_nine.round(1),
            "temp_3pm": at_three.round(1),
            "rain_today": np.where(rain > 1, "Yes", "No"),
        }
    )
    for name in ("min_temp", "temp_9am", "temp_3pm"):
        table.loc[random.random(rows) < 0.02, name] = np.nan
    # Once in a while it is read off elsewhere.
    is_odd = random.random(rows) < 0.0004
    table.loc[is_odd, "temp_3pm"] = (table["max_temp"] + 1.5)[is_odd]
    return table


def houses(rows: int, seed: int = 0) -> pd.DataFrame:
    """Houses: built, renovated or 0, living space above and below the ground."""
    random = np.random.default_rng(seed)
    built = 2015 - np.floor(115 * random.beta(1.2, 1.6, rows)).astype(int)
    later = built + np.floor((2016 - built) * random.beta(3, 1.2, rows)).astype(int)
    living = np.round(random.lognormal(7.5, 0.4, rows), -1).astype(int)
    below = np.where(random.random(rows) < 0.6, 0, living * random.beta(3, 6, rows))
    below = np.round(below, -1).astype(int)
    price = 150 * living + 1000 * (built - 1900) + random.gamma(3, 40_000, rows)
    return pd.DataFrame(
        {
            "price": np.round(price / 500).astype(int) * 500,
            "bedrooms": random.choice([2, 3, 3, 4, 5], rows),
            "living": living,
            "above": living - below,
            "below": below,
            "grade": np.clip(living // 300, 3, 13),
            "built": built,
            "renovated": np.where(random.random(rows) < 0.06, later, 0),
            "zip": random.choice(98_001 + np.arange(40), rows).astype(str),
        }
    )


def orders(rows: int, seed: int = 0) -> pd.DataFrame:
    """Orders with times, shipped after some days, delivered or not; due in 14 days."""
    random = np.random.default_rng(seed)
    seconds = 86_400 * random.integers(0, 700, rows)
    office = np.clip(random.normal(13, 3, rows), 6, 22) * 3600
    ordered = pd.Timestamp("2020-01-01") + pd.to_timedelta(seconds + office, unit="s")
    ordered = pd.Series(ordered).dt.floor("s")
    handling = random.integers(0, 4, rows)
    transit = 1 + random.poisson(3, rows)
    day = ordered.dt.normalize()
    shipped = day + pd.to_timedelta(handling, unit=DAY)
    delivered = shipped + pd.to_timedelta(transit, unit=DAY)
    return pd.DataFrame(
        {
            "ordered": ordered,
            "shipped": shipped.dt.strftime("%d/%m/%Y"),
            "handling_days": handling,
            "transit_days": transit,
            "delivered": delivered.where(random.random(rows) < 0.9),
            "due": day + pd.Timedelta(days=14),
            "carrier": random.choice(["A", "B", "C"], rows),
            "value": random.lognormal(4, 1, rows).round(2),
        }
    )


def season(rows: int, seed: int = 0) -> pd.DataFrame:
    """A date within ten years, a site, and a temperature that follows from both."""
    random = np.random.default_rng(seed)
    days = random.integers(0, 3650, rows)
    date = pd.to_datetime(np.datetime64("2010-01-01") + days)
    site = random.integers(0, 3, rows)
    wave = 10 * np.sin(2 * np.pi * date.day_of_year.to_numpy() / 365.25)
    temp = 5 * site + wave + random.normal(0, 2, rows)
    names = np.array(SITES)[site]
    return pd.DataFrame({"date": date, "site": names, "temp": temp.round(2)})


TABLES = {
    "hotel": bookings,
    "weather": weather,
    "houses": houses,
    "orders": orders,
    "season": season,
}


def contradictions(name: str, table: pd.DataFrame) -> dict[str, float]:
    """Each contradiction of a table, and the share of the rows that have it, in %.

    Of a figure that is no share, its value.
    """
    tests = {
        "hotel": _of_bookings,
        "weather": _of_weather,
        "houses": _of_houses,
        "orders": _of_orders,
        "season": _of_season,
    }
    return {what: float(share) for what, share in tests[name](table).items()}


def _percent(wrong: pd.Series) -> float:
    return 100 * float(np.asarray(wrong, dtype=float).mean()) if len(wrong) else 0.0


def _of_bookings(table: pd.DataFrame) -> dict[str, float]:
    arrival = arrival_of(table)
    nights = table["weekend_nights"] + table["week_nights"]
    status = pd.to_datetime(table["status_date"])
    out = table["status"] == "Check-Out"
    stayed = (status - arrival).dt.days
    booked = arrival - pd.to_timedelta(table["lead_time"], unit=DAY)
    cancelled = table["status"] == "Canceled"
    week = arrival.dt.isocalendar().week
    valid = arrival.notna()
    return {
        "check-out is not arrival plus nights": _percent((stayed != nights)[out]),
        "check-out before arrival": _percent((stayed < 0)[out]),
        "no-show not on arrival": _percent((stayed != 0)[table["status"] == "No-Show"]),
        "cancelled before booked": _percent((status < booked)[cancelled]),
        "cancelled after arrival": _percent((status > arrival)[cancelled]),
        "week is not that of the date": _percent(
            (week != table["arrival_week"])[valid]
        ),
        "a date that does not exist": _percent(~valid),
        "status contradicts the flag": _percent(out == (table["is_canceled"] == 1)),
    }


def _of_weather(table: pd.DataFrame) -> dict[str, float]:
    date = pd.to_datetime(table["date"])
    south = table[table["station"] == "S19"]
    month = date.dt.month[table["station"] == "S19"]
    january = south["max_temp"][month == 1].mean()
    july = south["max_temp"][month == 7].mean()
    return {
        "3 pm above the maximum": _percent(table["temp_3pm"] > table["max_temp"]),
        "9 am above the maximum": _percent(table["temp_9am"] > table["max_temp"]),
        "9 am below the minimum": _percent(table["temp_9am"] < table["min_temp"]),
        "3 pm below the minimum": _percent(table["temp_3pm"] < table["min_temp"]),
        "minimum above the maximum": _percent(table["min_temp"] > table["max_temp"]),
        "rain today contradicts the rainfall": _percent(
            (table["rain_today"] == "Yes") != (table["rainfall"] > 1)
        ),
        "(January less July, station S19)": january - july,
    }


def _of_houses(table: pd.DataFrame) -> dict[str, float]:
    is_renovated = table["renovated"] != 0
    return {
        "renovated before built": _percent(
            is_renovated & (table["renovated"] < table["built"])
        ),
        "living is not above plus below": _percent(
            table["living"] != table["above"] + table["below"]
        ),
        "above more than living": _percent(table["above"] > table["living"]),
        "(share renovated)": _percent(is_renovated),
    }


def _of_orders(table: pd.DataFrame) -> dict[str, float]:
    ordered = pd.to_datetime(table["ordered"])
    day = ordered.dt.normalize()
    shipped = pd.to_datetime(table["shipped"], format="%d/%m/%Y")
    delivered = pd.to_datetime(table["delivered"])
    due = pd.to_datetime(table["due"])
    has_come = delivered.notna()
    return {
        "shipped less ordered is not the handling": _percent(
            (shipped - day).dt.days != table["handling_days"]
        ),
        "delivered less shipped is not the transit": _percent(
            ((delivered - shipped).dt.days != table["transit_days"])[has_come]
        ),
        "shipped before ordered": _percent(shipped < day),
        "due is not in 14 days": _percent((due - day).dt.days != 14),
        "ordered at night": _percent(ordered.dt.hour < 6),
    }


def _of_season(table: pd.DataFrame) -> dict[str, float]:
    month = pd.to_datetime(table["date"]).dt.month
    within = table["temp"].groupby([table["site"], month]).std()
    return {"(spread of temp within site and month)": float(within.mean())}


def main() -> None:
    """Fit each table, and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", default=list(TABLES))
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in options.tables or TABLES:
        table = TABLES[name](options.rows, options.seed)
        start = time.perf_counter()
        model = Synthesizer(options.preset, seed=options.seed).fit(table)
        rows = model.sample(len(table))
        seconds = time.perf_counter() - start
        print(f"{name}, {len(table):,} rows, {seconds:.0f} s")
        real = contradictions(name, table)
        ours = contradictions(name, rows)
        for what in real:
            print(f"  {what:45} {real[what]:8.2f} -> {ours[what]:8.2f}")


if __name__ == "__main__":
    main()
