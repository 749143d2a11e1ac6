"""How often rows contradict themselves: the table, and rows of the default preset.

python benchmarks/contradictions.py [hotel weather houses orders season insurance]
    [--rows 4000] [--preset default] [--time 2m]

Each table is made by code (`TABLES`), and each contradiction is a test of its rows
(`contradictions`): its share in the table, in other rows of the same table where rows are
compared with the table's (an agent that is never with that hotel), and in as many synthetic
rows. A * marks a share of more than twice the real one and half a percent.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from hotel import hotel

from synthtab import Synthesizer

DAY = "D"
# A contradiction is as rare as it should be up to this factor, and so many % more.
FACTOR = 2.0
# The seed of other rows is that much greater.
OTHER = 100
# Share of the bookings that occur twice.
TWICE = 0.13
MARGIN = 0.5
SITES = ("north", "south", "west")
# Stations of weather without an instrument.
NO_SUN = (3, 7, 11, 14)
NO_CLOUD = (2, 7, 16)


def bookings(rows: int, seed: int = 0) -> pd.DataFrame:
    """`hotel` with statuses as in the well-known table: check-out, cancelled, no-show."""
    random = np.random.default_rng(seed)
    table = hotel(rows, seed)
    arrival = arrival_of(table)
    # Weeks begin on Sundays, and the first one is that of the 1st of January.
    first = pd.to_datetime(arrival.dt.year.astype(str) + "-01-01").dt.day_of_week
    days_before = (first + 1) % 7
    table["arrival_week"] = (arrival.dt.day_of_year - 1 + days_before) // 7 + 1
    # Each agent sends guests to one hotel; some stays are a present.
    is_resort = table["hotel"] == "Resort Hotel"
    table["agent"] = 3 * (table["agent"] // 3) + np.where(is_resort, 0, 1)
    is_free = random.random(rows) < 0.015
    table["segment"] = table["segment"].mask(is_free, "Complementary")
    table["price"] = table["price"].mask(is_free & (random.random(rows) > 0.06), 0.0)
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
    # Two rooms in one booking.
    twice = table.sample(int(TWICE * rows / 2), random_state=seed)
    table = pd.concat([table.iloc[: rows - len(twice)], twice])
    return table.sample(frac=1, random_state=seed + 1, ignore_index=True)


def arrival_of(table: pd.DataFrame) -> pd.Series:
    """The arrival, of year, month name and day; missing where there is no such date."""
    parts = ["arrival_year", "arrival_month", "arrival_day"]
    text = table[parts].astype(str).agg(" ".join, axis=1)
    return pd.to_datetime(text, format="%Y %B %d", errors="coerce")


def weather(rows: int, seed: int = 0) -> pd.DataFrame:
    """Ten years of days at 20 stations, none twice: minimum, 9 am, 3 pm, maximum."""
    random = np.random.default_rng(seed)
    place = random.permutation(20 * 3650)[:rows]
    station, days = place % 20, place // 20
    date = np.datetime64("2008-01-01") + days
    season = np.cos(2 * np.pi * (days - 15) / 365.25)
    mean = 12 + station * 0.6 + (4 + station * 0.3) * season
    mean = mean + 3 * random.standard_normal(rows)
    low = mean - random.gamma(4, 1, rows)
    high = mean + random.gamma(4, 1.4, rows)
    share = random.beta([[3.0], [12.0]], [[4.0], [1.3]], (2, rows))
    at_nine, at_three = low + share * (high - low)
    rain = np.where(random.random(rows) < 0.65, 0, random.gamma(0.6, 9, rows)).round(1)
    rain[random.random(rows) < 0.015] = np.nan
    is_wet = np.where(rain > 1, "Yes", "No").astype(object)
    is_wet[np.isnan(rain)] = None
    sun = (12 * random.beta(2, 1.5, rows)).round(1)
    cloud = np.clip(np.round(8 - sun / 1.6 + random.normal(0, 1, rows)), 0, 8)
    winds = np.array(["N", "NE", "E", "SE", "S", "SW", "W", "NW"])
    table = pd.DataFrame(
        {
            "date": pd.to_datetime(date),
            "station": [f"S{number:02}" for number in station],
            "min_temp": low.round(1),
            "max_temp": high.round(1),
            "rainfall": rain,
            "sunshine": np.where(np.isin(station, NO_SUN), np.nan, sun),
            "wind_dir": winds[(station + random.integers(0, 4, rows)) % 8],
            "wind_9am": random.integers(0, 60, rows),
            "wind_3pm": random.integers(0, 75, rows),
            "cloud_3pm": np.where(np.isin(station, NO_CLOUD), np.nan, cloud),
            "temp_9am": at_nine.round(1),
            "temp_3pm": at_three.round(1),
            "rain_today": is_wet,
            "rain_tomorrow": np.where(random.random(rows) < 0.2, "Yes", "No"),
        }
    )
    for name in ("min_temp", "temp_9am", "temp_3pm", "wind_dir", "sunshine"):
        table.loc[random.random(rows) < 0.02, name] = np.nan
    # Once in a while it is read off elsewhere.
    is_odd = random.random(rows) < 0.0004
    table.loc[is_odd, "temp_3pm"] = (table["max_temp"] + 1.5)[is_odd]
    return table


def houses(rows: int, seed: int = 0) -> pd.DataFrame:
    """Houses: a place in a zip code by the sea, built, renovated or 0, areas, a price."""
    random = np.random.default_rng(seed)
    built = 2015 - np.floor(115 * random.beta(1.2, 1.6, rows)).astype(int)
    later = built + np.floor((2016 - built) * random.beta(3, 1.2, rows)).astype(int)
    living = np.round(random.lognormal(7.5, 0.4, rows), -1).astype(int)
    below = np.where(random.random(rows) < 0.6, 0, living * random.beta(3, 6, rows))
    below = np.round(below, -1).astype(int)
    price = 150 * living + 1000 * (built - 1900) + random.gamma(3, 40_000, rows)
    grain = random.choice([1000, 500, 1], rows, p=[0.7, 0.15, 0.15])
    number = random.choice(
        40, rows, p=np.random.default_rng(9).dirichlet(np.full(40, 3))
    )
    lat, long = _within(number, random)
    key = random.integers(10**8, 10**10, rows)
    key = np.where(random.random(rows) < 0.58, key // 10 * 10, key)
    sold = pd.Timestamp("2014-05-02") + pd.to_timedelta(
        random.integers(0, 390, rows), DAY
    )
    return pd.DataFrame(
        {
            "id": key,
            "date": sold.strftime("%Y%m%dT000000"),
            "price": (np.round(price / grain) * grain).astype(int),
            "bedrooms": random.choice([2, 3, 3, 4, 5], rows),
            "living": living,
            "lot": np.round(living * random.lognormal(1.2, 0.8, rows)).astype(int),
            "above": living - below,
            "below": below,
            "grade": np.clip(living // 300, 3, 13),
            "built": built,
            "renovated": np.where(random.random(rows) < 0.06, later, 0),
            "zip": 98_001 + number,
            "lat": lat.round(4),
            "long": long.round(3),
        }
    )


def _within(number: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Latitude and longitude within tilted patches of land; in the sound lives nobody."""
    fixed = np.random.default_rng(8)
    centre = np.column_stack([fixed.uniform(47.2, 47.75, 40), np.zeros(40)])
    # On one of two shores.
    centre[:, 1] = np.where(fixed.random(40) < 0.3, -122.45, -122.25)
    centre[:, 1] += fixed.uniform(-0.06, 0.06, 40)
    tilt = fixed.uniform(0, np.pi, 40)[number]
    size = fixed.uniform(0.01, 0.03, 40)[number]
    along, across = random.uniform(-1, 1, (2, len(number))) * size * [[1.0], [0.4]]
    lat = centre[number, 0] + along * np.cos(tilt) - across * np.sin(tilt)
    long = centre[number, 1] + along * np.sin(tilt) + across * np.cos(tilt)
    return lat, long


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


def insurance(rows: int, seed: int = 0) -> pd.DataFrame:
    """Charges: a sharp rule of three columns, smokers with a BMI above 30."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 65, rows)
    bmi = random.normal(30.7, 6.1, rows).clip(16, 53).round(3)
    smokes = random.random(rows) < 0.205
    plain = 3000 + 270 * (age - 18) + random.gamma(1, 800, rows)
    ill = (random.random(rows) < 0.1) * random.gamma(4, 2500, rows)
    charges = np.where(
        smokes,
        np.where(bmi > 30, 33_000, 14_000) + 260 * (age - 18),
        plain + ill,
    ) + random.normal(0, 500, rows)
    return pd.DataFrame(
        {
            "age": age,
            "sex": random.choice(["female", "male"], rows),
            "bmi": bmi,
            "children": random.choice(6, rows, p=[0.43, 0.24, 0.18, 0.12, 0.02, 0.01]),
            "smoker": np.where(smokes, "yes", "no"),
            "region": random.choice(["ne", "nw", "se", "sw"], rows),
            "charges": charges.clip(1100).round(4),
        }
    )


TABLES = {
    "hotel": bookings,
    "weather": weather,
    "houses": houses,
    "orders": orders,
    "season": season,
    "insurance": insurance,
}


def contradictions(
    name: str, table: pd.DataFrame, known: pd.DataFrame
) -> dict[str, float]:
    """Each contradiction of a table, and the share of the rows that have it, in %.

    Of a figure that is no share, its value, and its name in brackets.

    Args:
        name: Of the table.
        table: The rows.
        known: The table that was learnt, for what depends on its rows.
    """
    tests = {
        "hotel": _of_bookings,
        "weather": _of_weather,
        "houses": _of_houses,
        "orders": _of_orders,
        "season": _of_season,
        "insurance": _of_insurance,
    }
    found = tests[name](table, known).items()
    return {what: float(share) for what, share in found}


def _percent(wrong: pd.Series) -> float:
    return 100 * float(np.asarray(wrong, dtype=float).mean()) if len(wrong) else 0.0


def _of_bookings(table: pd.DataFrame, known: pd.DataFrame) -> dict[str, float]:
    arrival = arrival_of(table)
    nights = table["weekend_nights"] + table["week_nights"]
    status = pd.to_datetime(table["status_date"])
    out = table["status"] == "Check-Out"
    stayed = (status - arrival).dt.days
    booked = arrival - pd.to_timedelta(table["lead_time"], unit=DAY)
    cancelled = table["status"] == "Canceled"
    sunday = (
        pd.to_datetime(
            arrival.dt.year.astype("Int64").astype(str) + "-01-01", errors="coerce"
        ).dt.day_of_week
        + 1
    ) % 7
    week = (arrival.dt.day_of_year - 1 + sunday) // 7 + 1
    is_free = table["segment"] == "Complementary"
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
        "price of a complementary stay": _percent((table["price"] > 0)[is_free]),
        "no price of any other stay": _percent((table["price"] == 0)[~is_free]),
        "* agent never with that hotel": _never_together(
            table, known, ["agent", "hotel"]
        ),
        "(rows that occur twice)": _percent(table.duplicated(keep=False)),
    }


def _of_weather(table: pd.DataFrame, known: pd.DataFrame) -> dict[str, float]:
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
        "rain today without rainfall, or the reverse": _percent(
            table["rain_today"].isna() != table["rainfall"].isna()
        ),
        "sunshine where none is measured": _percent(
            table["sunshine"].notna()[_is_one_of(table, NO_SUN)]
        ),
        "clouds where none are measured": _percent(
            table["cloud_3pm"].notna()[_is_one_of(table, NO_CLOUD)]
        ),
        "* a wind that the station never has": _never_together(
            table, known, ["station", "wind_dir"]
        ),
        "two rows of one station and day": _percent(
            table.duplicated(["station", "date"], keep=False)
        ),
        "(January less July, station S19)": january - july,
    }


def _of_houses(table: pd.DataFrame, known: pd.DataFrame) -> dict[str, float]:
    is_renovated = table["renovated"] != 0
    return {
        "renovated before built": _percent(
            is_renovated & (table["renovated"] < table["built"])
        ),
        "living is not above plus below": _percent(
            table["living"] != table["above"] + table["below"]
        ),
        "above more than living": _percent(table["above"] > table["living"]),
        "* outside the box of the zip code": _outside(table, known),
        "in the sound": _percent(_in_the_sound(table)),
        "(price a multiple of 500)": _percent(table["price"] % 500 == 0),
        "(price a multiple of 1,000)": _percent(table["price"] % 1000 == 0),
        "(id that ends in 0)": _percent(table["id"] % 10 == 0),
        "(share renovated)": _percent(is_renovated),
    }


def _of_orders(table: pd.DataFrame, known: pd.DataFrame) -> dict[str, float]:
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


def _of_season(table: pd.DataFrame, known: pd.DataFrame) -> dict[str, float]:
    month = pd.to_datetime(table["date"]).dt.month
    within = table["temp"].groupby([table["site"], month]).std()
    return {"(spread of temp within site and month)": float(within.mean())}


def _of_insurance(table: pd.DataFrame, known: pd.DataFrame) -> dict[str, float]:
    is_dear = (table["smoker"] == "yes") & (table["bmi"] > 30)
    return {
        "charges on the wrong side of 30,000": _percent(
            is_dear != (table["charges"] > 30_000)
        ),
        "(the same of smokers)": _percent(
            (is_dear != (table["charges"] > 30_000))[table["smoker"] == "yes"]
        ),
    }


def _is_one_of(table: pd.DataFrame, stations: tuple[int, ...]) -> pd.Series:
    return table["station"].isin([f"S{number:02}" for number in stations])


def _never_together(
    table: pd.DataFrame, known: pd.DataFrame, names: list[str]
) -> float:
    """Rows whose cells the table has, but never together, in %."""
    there = table[names].dropna()
    pairs = pd.MultiIndex.from_frame(there)
    occur = pairs.isin(pd.MultiIndex.from_frame(known[names].dropna()))
    for name in names:
        there = there[there[name].isin(known[name].unique())]
    is_known = pairs.isin(pd.MultiIndex.from_frame(there)) if len(there) else occur
    return _percent(pd.Series(is_known & ~occur))


def _outside(table: pd.DataFrame, known: pd.DataFrame) -> float:
    """Houses beyond the outermost ones of their zip code, in %."""
    boxes = known.groupby("zip")[["lat", "long"]].agg(["min", "max"])
    box = boxes.reindex(table["zip"])
    beyond = np.zeros(len(table), dtype=bool)
    for name in ("lat", "long"):
        beyond |= table[name].to_numpy() < box[name, "min"].to_numpy()
        beyond |= table[name].to_numpy() > box[name, "max"].to_numpy()
    return _percent(pd.Series(beyond))


def _in_the_sound(table: pd.DataFrame) -> pd.Series:
    """Between the two shores, as far as no patch reaches there."""
    return table["long"].between(-122.358, -122.342)


def main() -> None:
    """Fit each table, and print the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", default=list(TABLES))
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--time", help="time for a fit, such as 2m")
    parser.add_argument("--target")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chosen = {"time": options.time} if options.time else {}
    for name in options.tables or TABLES:
        table = TABLES[name](options.rows, options.seed)
        # Other rows, for what depends on the rows that are known.
        other = TABLES[name](options.rows, options.seed + OTHER)
        start = time.perf_counter()
        model = Synthesizer(
            options.preset, seed=options.seed, target=options.target, **chosen
        ).fit(table)
        rows = model.sample(len(table))
        seconds = time.perf_counter() - start
        print(f"{name}, {len(table):,} rows, {seconds:.0f} s")
        real = contradictions(name, table, table)
        beside = contradictions(name, other, table)
        ours = contradictions(name, rows, table)
        for what in real:
            # Of what depends on the rows that are known, other rows say what is usual.
            usual = beside[what] if what.startswith("*") else real[what]
            is_share = not what.startswith("(")
            is_bad = is_share and ours[what] > FACTOR * usual + MARGIN
            mark = "*" if is_bad else ""
            figures = f"{real[what]:8.2f} {beside[what]:8.2f} -> {ours[what]:8.2f}"
            print(f"  {what.removeprefix('* '):45} {figures} {mark}", flush=True)


if __name__ == "__main__":
    main()
