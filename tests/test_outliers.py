"""One extreme value: what is stored does not depend on how extreme it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab.core.randomness import Streams
from synthtab.data.columns import infer, typed
from synthtab.data.columns.disclosure import bounds, fenced, first_new_key, spread
from synthtab.data.encoder import TableEncoder

ROWS = 600
LEAST = 5
TIMES = (2, 3, 10, 100, 10_000)
Numbers = Any


def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def stored(cells: Any, **options: Any) -> str:
    """Everything that a schema and a model file say of a column."""
    frame = pd.DataFrame({"c": cells, "d": rng().normal(size=len(cells))})
    schema = infer(frame)
    encoder = TableEncoder.fit(frame, schema, Streams(0), rare=LEAST, **options)
    blocks = [repr(block) for block in encoder.layout.blocks]
    return json.dumps([encoder.state(), blocks], default=str)


def leaves(data: Any) -> list[float]:
    """All numbers of JSON data."""
    if isinstance(data, dict):
        return [n for value in data.values() for n in leaves(value)]
    if isinstance(data, list):
        return [n for value in data for n in leaves(value)]
    return [float(data)] if isinstance(data, (int, float)) else []


COLUMNS: dict[str, Callable[[], Numbers]] = {
    "salaries": lambda: rng().lognormal(10.5, 0.6, ROWS).round(2),
    "floats without decimals": lambda: rng().gamma(2.0, 10.0, ROWS),
    "normal": lambda: rng().normal(100, 15, ROWS).round(1),
    "heavy": lambda: (rng().pareto(1.2, ROWS) + 1).round(3),
    "counts, mostly 0": lambda: np.where(
        rng().random(ROWS) < 0.9, 0, rng().integers(1, 400, ROWS)
    ),
    "whole numbers": lambda: rng().integers(0, 5000, ROWS),
    "years": lambda: rng().integers(1990, 2020, ROWS),
    "with a word for unknown as a number": lambda: np.where(
        rng().random(ROWS) < 0.1, 10**9, rng().integers(10_000, 80_000, ROWS)
    ),
}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("continuous", ["cdf", "mixture"])
def test_an_outlier_of_any_size_gives_the_same_file(
    name: str, sign: int, continuous: str
) -> None:
    """So nobody can compute it, whatever he knows of the others."""
    values = COLUMNS[name]()
    sentinel = values.max() == 10**9
    largest = np.sort(values[values < 10**9])[-1]
    files = {}
    for times in TIMES[:-1] if sentinel else TIMES:
        outlier = np.round(times * largest, 2).astype(values.dtype)
        if sentinel and times < 10:
            continue  # a gap is wider than an end: docs/privacy.md
        cells = sign * np.append(values, outlier)
        files[times] = stored(cells, continuous=continuous)
    assert len(set(files.values())) == 1


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("name", [n for n in COLUMNS if "unknown" not in n])
def test_who_knows_all_others_is_off_by_more_than_a_tenth(
    name: str, times: int, sign: int
) -> None:
    others = np.sort(COLUMNS[name]())
    outlier = np.round(times * others[-1], 2).astype(others.dtype)
    values = sign * np.append(others, outlier)
    frame = pd.DataFrame({"c": values})
    schema = infer(frame)
    state = TableEncoder.fit(frame, schema, Streams(0), rare=LEAST).state()
    end = schema["c"].options["maximum" if sign > 0 else "minimum"]
    mean, deviation = state["columns"][0]["moments"]
    rest = sign * others.astype(np.float64)
    n = len(values)
    k = LEAST + n % LEAST
    guesses = [
        end,
        # Of the mean of k extreme rows, by those that are known.
        k * end - rest[-(k - 1) :].sum(),
        n * mean - rest.sum(),
        # The root of the sum of squares that the others leave.
        sign * np.sqrt(max(n * (deviation**2 + mean**2) - (rest**2).sum(), 0.0)),
        *leaves([table["values"] for table in state["columns"][0]["tables"]]),
        *state["columns"][0]["atoms"],
    ]
    off = np.abs(np.array(guesses) / (sign * float(outlier)) - 1)
    assert off.min() > 0.1, guesses[off.argmin()]


def days(n: int = ROWS) -> Numbers:
    return pd.Timestamp("1990-01-01") + pd.to_timedelta(
        rng().integers(0, 9000, n), unit="D"
    )


def test_a_far_date_duration_or_time_of_day_of_any_size_gives_the_same_file() -> None:
    seconds = pd.to_timedelta(rng().integers(60, 3600, ROWS), unit="s")
    minutes = rng().integers(8 * 60, 11 * 60, ROWS)
    clock = minutes // 60 * 100 + minutes % 60
    stamps = days() + pd.to_timedelta(rng().integers(0, 86_400, ROWS), unit="s")
    texts = days().strftime("%d.%m.%Y")
    cases: dict[str, list[Any]] = {
        "date": [
            days().append(pd.DatetimeIndex([d])) for d in ("2077-03-04", "2150-01-09")
        ],
        "early date": [
            days().append(pd.DatetimeIndex([d])) for d in ("1801-03-04", "1913-01-10")
        ],
        "date and time": [
            stamps.append(pd.DatetimeIndex([f"{d} 05:06:07"]))
            for d in ("2077-03-07", "2150-01-11")
        ],
        "date as text": [[*texts, d] for d in ("04.03.2077", "17.01.2150")],
        "duration": [
            seconds.append(pd.TimedeltaIndex([pd.Timedelta(seconds=s)]))
            for s in (7300, 999_983)
        ],
        "time of day": [np.append(clock, c) for c in (1801, 2359)],
        "early time of day": [np.append(clock, c) for c in (3, 211)],
    }
    for name, columns in cases.items():
        first, second = (
            stored(np.asarray(c, dtype=object) if isinstance(c, list) else c)
            for c in columns
        )
        assert first == second, name


def test_an_outlier_on_either_side_of_a_link_gives_the_same_file() -> None:
    files = []
    for times in (10, 1000):
        bill = np.append(rng().lognormal(3, 0.5, 3000).round(2), 200.0 * times)
        paid = np.random.default_rng(5).lognormal(3, 0.5, 3001).round(2)
        paid[::3] = bill[::3]
        frame = pd.DataFrame({"bill": bill, "paid": paid})
        schema = infer(frame)
        encoder = TableEncoder.fit(frame, schema, Streams(0), rare=LEAST)
        assert encoder.links
        files.append(json.dumps(encoder.state(), default=str))
    assert files[0] == files[1]


def test_no_real_value_is_moved_where_the_tail_is_an_ordinary_one() -> None:
    """In 200 tables each, few tails have an end that is cut, and that by little."""
    r = rng()
    draws: dict[str, tuple[Callable[[], Numbers], float]] = {
        "uniform": (lambda: r.random(2000), 0.1),
        "normal": (lambda: r.normal(size=2000), 0.15),
        "exponential": (lambda: r.exponential(size=2000), 0.2),
        "lognormal": (lambda: r.lognormal(0, 1, 2000), 0.65),
    }
    for name, (draw, most) in draws.items():
        cut = []
        for _ in range(200):
            values = np.unique(draw())
            ones = np.ones(len(values), dtype=np.int64)
            moved = fenced(values, ones, LEAST)
            cut.append((moved != values).sum())
            assert cut[-1] <= 2 * (LEAST - 1)
            assert moved.mean() == pytest.approx(values.mean(), rel=0.02, abs=0.01)
        assert np.mean(np.array(cut) > 0) <= most, name


def test_the_order_and_what_enough_rows_share_are_left_alone() -> None:
    r = rng()
    for _ in range(500):
        least = int(r.integers(0, 9))
        values = np.unique(np.rint(r.standard_cauchy(r.integers(1, 60)) * 10))
        counts = r.integers(1, r.integers(2, 9), len(values))
        moved = fenced(values, counts, least)
        assert (np.diff(moved) >= 0).all()
        assert (moved == values)[counts >= least].all()
        assert values[0] <= moved[0] <= moved[-1] <= values[-1]
    huge = np.array([-1.7e308, -1.0, 0.0, 1.0, 2.0, 3.0, 1.7e308])
    assert np.isfinite(fenced(huge, np.ones(7, dtype=np.int64), 5)).all()


def test_the_smallest_groups_do_not_become_one_row() -> None:
    """Five rows are all there is: none of them is what is kept."""
    values = np.array([10.0, 20.0, 35.0, 60.0, 9e6])
    ones = np.ones(5, dtype=np.int64)
    for outlier in (1e3, 9e6):
        values[-1] = outlier
        ends = bounds(values, ones, 5)
        assert ends is not None
        assert ends[0] == ends[1] == pytest.approx(40.5)
        assert ends[0] not in values


def test_a_spread_does_not_tell_an_outlier() -> None:
    values = rng().normal(size=500)
    assert spread(values, 5) == float(np.std(values))
    far = [spread(np.append(values, v), 5) for v in (50.0, 1e7)]
    assert far[0] == far[1]
    assert spread(np.append(values, 1e7), 0) > 1e5


def test_new_keys_do_not_tell_a_far_one_and_never_meet_it() -> None:
    keys = np.arange(1, 2001)
    assert first_new_key(keys, 5, rng()) == 2100
    assert first_new_key(keys, 0, rng()) == 2001
    for far in (5000, 98_765_432):
        firsts = [
            first_new_key(np.append(keys, far), 5, np.random.default_rng(seed))
            for seed in range(50)
        ]
        assert min(firsts) > 1.1 * far
        assert max(firsts) > 2 * min(firsts)
    # Where a dtype has no room for that, new keys are new in any case.
    assert first_new_key(np.append(keys, 30_000), 5, rng(), most=32_767) == 31_000


def test_a_schema_says_whose_bounds_are_means() -> None:
    values = rng().integers(0, 40, 400)
    frame = pd.DataFrame({"both": rng().normal(size=400), "shared": values})
    frame["last"] = np.append(values[:-1], 900)
    schema = infer(frame)
    assert schema["both"].why.endswith(
        ", which are means of 5 or more rows; the table's own are not stored"
    )
    assert schema["shared"].why == "40 distinct whole numbers from 0 to 39"
    assert "900" not in schema["last"].why
    assert "stored" not in infer(frame, rare=0)["both"].why


def test_a_long_tail_of_counts_is_not_cut() -> None:
    """Visits to a doctor: one row in thirty has more than any five rows share."""
    r = np.random.default_rng(0)
    visits = r.negative_binomial(0.9, 0.13, 1000)
    table = pd.DataFrame({"visits": visits})
    schema = infer(table)
    encoder = TableEncoder.fit(typed(table, schema), schema, Streams(0), rare=5)
    codes = encoder.encode(typed(table, schema), Streams(0))
    back = encoder.decode(codes.codes, codes.offsets, r)["visits"]
    top = np.sort(visits)[-30:].mean()
    assert np.sort(back.to_numpy(float))[-30:].mean() == pytest.approx(top, rel=0.1)
    assert back.std() == pytest.approx(visits.std(), rel=0.05)
