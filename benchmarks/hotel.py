"""A made-up table of hotel bookings: 12,000 rows, 32 columns of every kind.

python benchmarks/hotel.py hotel.csv [ROWS]
synthtab fit hotel.csv --time 1m          # takes at most 66 s on two idle cores
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd


def hotel(rows: int = 12_000, seed: int = 0) -> pd.DataFrame:
    """Bookings: names of few and many, dates, counts, prices, flags, missing cells."""
    random = np.random.default_rng(seed)
    start = np.datetime64("2015-07-01")
    arrival = start + random.integers(0, 790, rows)
    nights_week = random.poisson(2.2, rows)
    nights_weekend = random.poisson(0.9, rows)
    lead = np.round(random.exponential(95, rows)).astype(int)
    adults = random.choice([1, 2, 2, 2, 3, 4], rows)
    hotel = random.choice(["City Hotel", "Resort Hotel"], rows, p=[0.66, 0.34])
    is_canceled = (random.random(rows) < 0.2 + 0.3 * (lead > 90)).astype(int)
    price = 60 + 25 * adults + 30 * (hotel == "City Hotel") + random.gamma(2, 12, rows)
    countries = [f"{a}{b}X" for a in "PGFEID" for b in "RBSTAEL"]
    of_countries = random.dirichlet(np.full(len(countries), 0.4))
    agents = np.round(random.lognormal(3, 1.2, rows))
    companies = np.round(random.lognormal(4, 1.0, rows))
    month = pd.to_datetime(arrival).month_name()
    table = pd.DataFrame(
        {
            "hotel": hotel,
            "is_canceled": is_canceled,
            "lead_time": lead,
            "arrival_year": pd.to_datetime(arrival).year,
            "arrival_month": month,
            "arrival_week": pd.to_datetime(arrival).isocalendar().week.to_numpy(),
            "arrival_day": pd.to_datetime(arrival).day,
            "weekend_nights": nights_weekend,
            "week_nights": nights_week,
            "adults": adults,
            "children": random.poisson(0.1, rows),
            "babies": random.poisson(0.01, rows),
            "meal": random.choice(
                ["BB", "HB", "SC", "FB"], rows, p=[0.7, 0.15, 0.1, 0.05]
            ),
            "country": random.choice(countries, rows, p=of_countries),
            "segment": random.choice(["Online", "Offline", "Direct", "Groups"], rows),
            "channel": random.choice(["TA/TO", "Direct", "Corporate", "GDS"], rows),
            "is_repeated": (random.random(rows) < 0.04).astype(int),
            "previous_cancellations": random.poisson(0.08, rows),
            "previous_stays": random.poisson(0.13, rows),
            "reserved_room": random.choice(list("ADEFGBCH"), rows),
            "assigned_room": random.choice(list("ADEFGBCHIK"), rows),
            "changes": random.poisson(0.2, rows),
            "deposit": random.choice(
                ["No Deposit", "Non Refund"], rows, p=[0.88, 0.12]
            ),
            "agent": np.where(random.random(rows) < 0.14, np.nan, agents),
            "company": np.where(random.random(rows) < 0.94, np.nan, companies),
            "waiting_days": np.where(random.random(rows) < 0.97, 0, lead // 3),
            "customer": random.choice(["Transient", "Contract", "Group"], rows),
            "price": np.round(price, 2),
            "parking": random.poisson(0.06, rows),
            "requests": random.poisson(0.6, rows),
            "status": np.where(is_canceled == 1, "Canceled", "Check-Out"),
            "status_date": arrival + (nights_week + nights_weekend) * (1 - is_canceled),
        }
    )
    assert table.shape[1] == 32
    return table


if __name__ == "__main__":
    path = sys.argv[1]
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 12_000
    hotel(rows).to_csv(path, index=False)
