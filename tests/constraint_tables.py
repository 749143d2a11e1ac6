"""A table that holds constraints of every form."""

from __future__ import annotations

import numpy as np
import pandas as pd

ROWS = 4000


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def shop(rows: int = ROWS) -> pd.DataFrame:
    """A table that holds something of every form; the comments say what."""
    r = rng(1)
    city = r.choice(
        ["Bonn", "Köln", "Lyon", "Nice", "Rome"], rows, p=[0.3, 0.2, 0.2, 0.2, 0.1]
    )
    country = (
        pd.Series(city)
        .map({"Bonn": "de", "Köln": "de", "Lyon": "fr", "Nice": "fr", "Rome": "it"})
        .to_numpy()
    )
    start = pd.Timestamp("2021-01-01") + pd.to_timedelta(
        r.integers(0, 700, rows), unit="D"
    )
    price, amount = r.uniform(1, 99, rows).round(2), r.integers(1, 40, rows)
    colour = r.integers(0, 4, rows)
    phone = r.random(rows) < 0.7
    planned, delay = r.integers(0, 1440, rows), np.round(r.normal(8, 40, rows))
    gone = r.random(rows) < 0.1
    came = (planned + delay) % 1440
    came = np.where(came == 0, 2400, came // 60 * 100 + came % 60)
    size = r.choice(["S", "M", "L", "XL"], rows)
    fits = {
        "S": ["tiny", "slim"],
        "M": ["slim", "plain"],
        "L": ["plain", "wide"],
        "XL": ["wide", "huge"],
    }
    fit = np.array([fits[s] for s in size])[np.arange(rows), r.integers(0, 2, rows)]
    return pd.DataFrame(
        {
            "city": city,
            "country": country,  # city -> country
            "start": start,
            "end": start
            + pd.to_timedelta(r.integers(0, 200, rows), unit="D"),  # start <= end
            "price": price,
            "amount": amount,
            "total": (price * amount).round(2),  # a product
            "red": (colour == 0).astype(int),  # exactly one colour
            "green": (colour == 1).astype(int),
            "blue": (colour == 2).astype(int),
            "grey": (colour == 3).astype(int),
            "phone": phone,
            "lines": np.where(
                phone, r.choice(["one", "two"], rows), "no phone"
            ),  # a value that follows another
            "planned": planned // 60 * 100 + planned % 60,
            "came": np.where(gone, np.nan, came),  # a clock: planned + delay
            "delay": np.where(gone, np.nan, delay),  # missing together with came
            "size": size,
            "fit": fit,  # XL is never slim
            "noise": r.normal(size=rows).round(3),
        }
    )
