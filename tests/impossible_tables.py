"""Small tables with relations of every kind, and rows of them that cannot be.

Each table is a function of seed and rows; each fault changes some rows of one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

MONTHS = pd.date_range("2020-01-01", periods=12, freq="MS").month_name()


def hotel(seed: int, rows: int = 4000) -> pd.DataFrame:
    """Bookings: an arrival in three columns, nights, a status with a date."""
    rng = np.random.default_rng(seed)
    arrival = pd.Timestamp("2015-07-01") + pd.to_timedelta(
        rng.integers(0, 790, rows), "D"
    )
    week_nights, weekend_nights = rng.poisson(2.2, rows), rng.poisson(0.9, rows)
    lead = np.round(rng.exponential(80, rows)).astype(int)
    status = rng.choice(
        ["Check-Out", "Canceled", "No-Show"], rows, p=[0.63, 0.33, 0.04]
    )
    before = np.round(rng.random(rows) * lead).astype(int)
    nights = week_nights + weekend_nights
    shift = np.select(
        [status == "Check-Out", status == "Canceled"], [nights, -before], 0
    )
    segment = rng.choice(
        ["Online", "Offline", "Direct", "Complementary"], rows, p=[0.5, 0.3, 0.15, 0.05]
    )
    agent = rng.integers(1, 61, rows)
    home = np.where(agent % 3 == 0, "Resort Hotel", "City Hotel")
    price = np.where(segment == "Complementary", 0.0, 40 + rng.gamma(3, 25, rows))
    deposit = np.where(segment == "Offline", "Non Refund", "No Deposit")
    deposit = np.where(rng.random(rows) < 0.5, "No Deposit", deposit)
    return pd.DataFrame(
        {
            "hotel": home,
            "lead_time": lead,
            "arrival_year": arrival.year,
            "arrival_month": arrival.month_name(),
            "arrival_week": arrival.isocalendar().week.to_numpy(),
            "arrival_day": arrival.day,
            "weekend_nights": weekend_nights,
            "week_nights": week_nights,
            "adults": rng.choice([1, 2, 2, 2, 3], rows),
            "segment": segment,
            "agent": [f"A{number:02d}" for number in agent],
            "deposit": deposit,
            "price": price.round(2),
            "status": status,
            "status_date": (arrival + pd.to_timedelta(shift, "D")).strftime("%Y-%m-%d"),
        }
    )


def weather(seed: int, rows: int = 4000) -> pd.DataFrame:
    """Stations and days: no two rows of one; some stations lack an instrument."""
    rng = np.random.default_rng(seed)
    stations = [f"S{number:02d}" for number in range(30)]
    days = 1200
    place = rng.permutation(len(stations) * days)[:rows]
    station, day = place % len(stations), place // len(stations)
    date = pd.Timestamp("2008-01-01") + pd.to_timedelta(day, "D")
    season = np.cos(2 * np.pi * (date.day_of_year - 20) / 365.25)
    mean = 15 + 0.2 * station + 8 * season
    least = mean - rng.gamma(4, 1.2, rows)
    most = mean + rng.gamma(4, 1.2, rows)
    at_nine = least + (most - least) * rng.beta(2, 3, rows)
    at_three = least + (most - least) * rng.beta(5, 2, rows)
    rain = np.where(rng.random(rows) < 0.65, 0.0, rng.exponential(6, rows).round(1))
    sun = np.where(station % 3 == 0, np.nan, (rng.random(rows) * 13).round(1))
    return pd.DataFrame(
        {
            "date": date.strftime("%Y-%m-%d"),
            "station": np.array(stations)[station],
            "min_temp": least.round(1),
            "max_temp": most.round(1),
            "temp_9am": at_nine.round(1),
            "temp_3pm": at_three.round(1),
            "rainfall": rain,
            "sunshine": sun,
            "rain_today": np.where(rain > 1.0, "Yes", "No"),
        }
    )


def houses(seed: int, rows: int = 4000) -> pd.DataFrame:
    """Houses in zip codes: places, parts of an area, years, a date in ISO form."""
    rng = np.random.default_rng(seed)
    number = rng.integers(0, 30, rows)
    grid = np.random.default_rng(99)
    centre = grid.random((30, 2)) * [0.6, 1.0] + [47.1, -122.5]
    above = rng.gamma(4, 400, rows).round(-1) + 300
    basement = np.where(
        rng.random(rows) < 0.6, 0, rng.gamma(3, 200, rows).round(-1) + 50
    )
    built = rng.integers(1900, 2014, rows)
    renovated = np.where(
        rng.random(rows) < 0.85, 0, built + (rng.random(rows) * (2014 - built)).round()
    )
    place = centre[number] + (rng.random((rows, 2)) - 0.5) * 0.06
    sold = pd.Timestamp("2014-05-01") + pd.to_timedelta(rng.integers(0, 380, rows), "D")
    return pd.DataFrame(
        {
            "sold": sold.strftime("%Y-%m-%d"),
            "sold_weekday": sold.day_name(),
            "sold_quarter": sold.quarter,
            "price": (rng.lognormal(13, 0.4, rows) / 500).round() * 500,
            "sqft_living": above + basement,
            "sqft_above": above,
            "sqft_basement": basement,
            "yr_built": built,
            "yr_renovated": renovated.astype(int),
            "zipcode": 98001 + number,
            "county": np.where(
                number < 12, "King", np.where(number < 20, "Pierce", "Snohomish")
            ),
            "lat": place[:, 0].round(4),
            "long": place[:, 1].round(3),
        }
    )


TABLES = {"hotel": hotel, "weather": weather, "houses": houses}


def _later(dates: pd.Series, days: int) -> pd.Series:
    moved = pd.to_datetime(dates) + pd.to_timedelta(days, "D")
    return moved.dt.strftime("%Y-%m-%d")


def _some(frame: pd.DataFrame, mask: object = True, count: int = 60) -> pd.Index:
    """The first rows that may be spoilt."""
    return frame.index[np.broadcast_to(np.asarray(mask), len(frame))][:count]


# What is spoilt: (table, how, what the report must say of it).


def wrong_nights(frame: pd.DataFrame) -> None:
    rows = _some(frame, frame["status"] == "Check-Out")
    frame.loc[rows, "status_date"] = _later(frame.loc[rows, "status_date"], 3)


def out_before_in(frame: pd.DataFrame) -> None:
    rows = _some(frame, frame["status"] == "Check-Out", 120)
    frame.loc[rows, "status_date"] = _later(frame.loc[rows, "status_date"], -40)


def no_show_later(frame: pd.DataFrame) -> None:
    rows = _some(frame, frame["status"] == "No-Show")
    frame.loc[rows, "status_date"] = _later(frame.loc[rows, "status_date"], 1)


def cancelled_before_booked(frame: pd.DataFrame) -> None:
    rows = _some(frame, (frame["status"] == "Canceled") & (frame["lead_time"] < 100))
    frame.loc[rows, "status_date"] = _later(frame.loc[rows, "status_date"], -100)


def another_week(frame: pd.DataFrame) -> None:
    rows = _some(frame)
    frame.loc[rows, "arrival_week"] = frame.loc[rows, "arrival_week"] % 50 + 2


def no_such_day(frame: pd.DataFrame) -> None:
    rows = _some(frame)
    frame.loc[rows, ["arrival_month", "arrival_day"]] = ["February", 30]


def free_stay_with_price(frame: pd.DataFrame) -> None:
    rows = _some(frame, frame["segment"] == "Complementary")
    frame.loc[rows, "price"] = 95.0


def foreign_agent(frame: pd.DataFrame) -> None:
    rows = _some(frame)
    frame.loc[rows, "hotel"] = frame.loc[rows, "hotel"].map(
        {"City Hotel": "Resort Hotel", "Resort Hotel": "City Hotel"}
    )


def impossible_deposit(frame: pd.DataFrame) -> None:
    rows = _some(frame, frame["segment"] == "Direct")
    frame.loc[rows, "deposit"] = "Non Refund"


def too_hot(frame: pd.DataFrame) -> None:
    rows = _some(frame)
    frame.loc[rows, "temp_3pm"] = frame.loc[rows, "max_temp"] + 1.5


def too_cold(frame: pd.DataFrame) -> None:
    rows = _some(frame)
    frame.loc[rows, "temp_9am"] = frame.loc[rows, "min_temp"] - 1.5


def dry_rain(frame: pd.DataFrame) -> None:
    rows = _some(frame, frame["rainfall"] == 0)
    frame.loc[rows, "rain_today"] = "Yes"


def wet_no(frame: pd.DataFrame) -> None:
    rows = _some(frame, frame["rainfall"] > 3)
    frame.loc[rows, "rain_today"] = "No"


def never_measured(frame: pd.DataFrame) -> None:
    rows = _some(frame, frame["sunshine"].isna())
    frame.loc[rows, "sunshine"] = 7.5


def same_day_again(frame: pd.DataFrame) -> None:
    for name in ("station", "date", "sunshine"):
        frame.loc[0:79, name] = frame.loc[100:179, name].to_numpy()


def out_of_town(frame: pd.DataFrame) -> None:
    rows = _some(frame)
    frame.loc[rows, "lat"] = frame["lat"].to_numpy()[1000:1060]
    frame.loc[rows, "long"] = frame["long"].to_numpy()[1000:1060]


def rebuilt_before_built(frame: pd.DataFrame) -> None:
    rows = _some(frame, frame["yr_renovated"] > 0)
    frame.loc[rows, "yr_renovated"] = frame.loc[rows, "yr_built"] - 5


def no_sum(frame: pd.DataFrame) -> None:
    rows = _some(frame)
    frame.loc[rows, "sqft_living"] += 70


def another_weekday(frame: pd.DataFrame) -> None:
    rows = _some(frame, frame["sold_weekday"] != "Monday")
    frame.loc[rows, "sold_weekday"] = "Monday"


def another_quarter(frame: pd.DataFrame) -> None:
    rows = _some(frame)
    frame.loc[rows, "sold_quarter"] = frame.loc[rows, "sold_quarter"] % 4 + 1


def another_county(frame: pd.DataFrame) -> None:
    rows = _some(frame, frame["county"] != "King")
    frame.loc[rows, "county"] = "King"


def sold_before_built(frame: pd.DataFrame) -> None:
    rows = _some(frame)
    frame.loc[rows, "yr_built"] = 2013
    frame.loc[rows, "yr_renovated"] = 1990


FAULTS = {
    wrong_nights: (
        hotel,
        "'status_date' is not the date 'arrival'",
        " + 'week_nights'",
    ),
    out_before_in: (hotel, "'status_date'", "where 'status' is 'Check-Out'"),
    no_show_later: (
        hotel,
        "'status_date' is not the date 'arrival'",
        "where 'status' is 'No-Show'",
    ),
    cancelled_before_booked: (
        hotel,
        "'status_date' to the date 'arrival' above 'lead_time'",
        "",
    ),
    another_week: (
        hotel,
        "'arrival_week' is not that of the week of the date 'arrival'",
        "",
    ),
    no_such_day: (hotel, "a date that does not exist in", "'arrival_day'"),
    free_stay_with_price: (hotel, "'price'", "'segment'"),
    foreign_agent: (hotel, "'hotel' is not that of 'agent'", ""),
    impossible_deposit: (hotel, "'deposit' and 'segment' in a combination", ""),
    too_hot: (weather, "'temp_3pm' above 'max_temp'", ""),
    too_cold: (weather, "'min_temp' above 'temp_9am'", ""),
    dry_rain: (weather, "'rain_today'", "'rainfall'"),
    wet_no: (weather, "'rainfall'", "'rain_today'"),
    never_measured: (weather, "'sunshine'", "'station'"),
    same_day_again: (weather, "two rows with the same", "'station'"),
    out_of_town: (houses, "outside the range of its 'zipcode'", ""),
    rebuilt_before_built: (
        houses,
        "'yr_built' above 'yr_renovated' (other than 0)",
        "",
    ),
    no_sum: (houses, "'sqft_living = sqft_above + sqft_basement' does not hold", ""),
    another_weekday: (
        houses,
        "'sold_weekday' is not that of the weekday of 'sold'",
        "",
    ),
    another_quarter: (
        houses,
        "'sold_quarter' is not that of the quarter of 'sold'",
        "",
    ),
    another_county: (houses, "'county' is not that of 'zipcode'", ""),
    sold_before_built: (houses, "'yr_built' above 'yr_renovated' (other than 0)", ""),
}
