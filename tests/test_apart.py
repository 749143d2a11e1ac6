"""Keys of several columns: found, told, stored as names alone, and kept in sampling."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer, infer
from synthtab.core.progress import Progress
from synthtab.data.relations.keys import check_keys, find_keys
from synthtab.data.tables import typed
from synthtab.sampling.apart import Apart

BRIEF = dict(epochs=1, width=16, depth=1, adversarial=0, rounds=0, seed=0)


def readings(rows: int = 2000, days: int = 400, seed: int = 0) -> pd.DataFrame:
    """Days of ten stations, none of them twice."""
    r = np.random.default_rng(seed)
    place = r.permutation(10 * days)[:rows]
    date = pd.Timestamp("2020-01-01") + pd.to_timedelta(place // 10, "D")
    return pd.DataFrame(
        {
            "station": [f"S{number}" for number in place % 10],
            "date": date,
            "wind": r.integers(0, 40, rows),
            "rain": r.gamma(2, 3, rows).round(2),
        }
    )


def keys_of(
    table: pd.DataFrame, **dates: tuple[str, ...]
) -> tuple[tuple[str, ...], ...]:
    schema = infer(table)
    rng = np.random.default_rng(0)
    return find_keys(typed(table, schema), schema, list(dates.values()), rng)


def test_keys_of_two_and_three_columns_are_found() -> None:
    table = readings()
    assert keys_of(table) == (("station", "date"),)
    # Each day is there in the morning and in the evening.
    both = pd.concat([table.assign(half="am"), table.assign(half="pm")])
    both = both.sample(frac=1, random_state=0, ignore_index=True)
    assert keys_of(both) == (("station", "date", "half"),)
    # A date in three columns counts as one.
    spread = table.drop(columns="date").assign(
        year=table["date"].dt.year,
        month=table["date"].dt.month,
        day=table["date"].dt.day,
    )
    found = keys_of(spread, date=("year", "month", "day"))
    assert found == (("station", "year", "month", "day"),)


def test_what_is_no_key_is_not_found() -> None:
    table = readings()
    # One row twice.
    assert keys_of(pd.concat([table, table.iloc[:1]], ignore_index=True)) == ()
    # Fifty rows: chance would repeat hardly any.
    assert keys_of(table.head(50)) == ()
    # A column that is a key by itself needs no other.
    assert keys_of(table.assign(number=range(7, 2007))) == (("station", "date"),)
    # Without dates for every tenth row, it is not known.
    gaps = table.assign(date=table["date"].mask(table.index % 10 == 0))
    assert keys_of(gaps) == ()


def test_rows_whose_key_occurred_are_left_out() -> None:
    first = pd.DataFrame({"a": [1.0, 1, 2, 2], "b": [1, 1, 1, 3], "c": [0, 1, 2, 3]})
    second = pd.DataFrame({"a": [2, 3, None, None], "b": [3, 1, 1, 1], "c": 9})
    kept = list(Apart((("a", "b"),)).rows(iter([first, second])))
    assert kept[0]["c"].tolist() == [0, 2, 3]
    # Without a cell there is no key.
    assert kept[1]["a"].fillna(0).tolist() == [3, 0, 0]


def test_where_no_key_is_free_rows_repeat_them() -> None:
    r = np.random.default_rng(0)
    frames = (
        pd.DataFrame(r.integers(0, 20, (300, 2)), columns=["a", "b"]) for _ in range(99)
    )
    apart = Apart((("a", "b"),))
    kept = pd.concat(itertools.islice(apart.rows(frames), 20), ignore_index=True)
    # 400 there are; few of the last ones are waited for.
    until = apart.used_up["a", "b"]
    assert 300 < until <= 400
    assert not kept.head(until).duplicated().any()
    assert len(kept) > 2000


@pytest.mark.long
def test_sampled_rows_have_different_keys(tmp_path) -> None:
    table = readings()
    model = Synthesizer("quick", **BRIEF).fit(table)
    assert "station and date occur once together" in str(model.describe())
    model.save(tmp_path / "m.synthtab")
    model = Synthesizer.load(tmp_path / "m.synthtab")
    said: list[str] = []

    def listen(progress: Progress) -> None:
        if progress.message:
            said.append(progress.message)

    rows = model.sample(2000, seed=1, observe=listen)
    key = ["station", "date"]
    assert not rows.duplicated(key).any() and not said
    # The start of many rows is the same as few rows; parts are those of the whole.
    pd.testing.assert_frame_equal(model.sample(100, seed=1), rows.head(100))
    later = model.sample(500, seed=1, first=1500)
    pd.testing.assert_frame_equal(later, rows.tail(500).reset_index(drop=True))
    of_one = model.sample(200, where="station = S3", seed=1)
    assert not of_one.duplicated(key).any()
    # Of one station, there are not so many days: that is said, once.
    many = model.sample(3000, where="station = S3", seed=1, observe=listen)
    assert len(many) == 3000 and many.duplicated(key).any()
    (message,) = (text for text in said if "station, date" in text)
    assert "had not occurred" in message
    # Without links, none is looked for.
    free = Synthesizer("quick", **BRIEF, links=False).fit(table)
    assert free.sample(2000, seed=1).duplicated(key).any()


def test_a_forged_key_is_refused() -> None:
    with pytest.raises(ValueError, match="a key of"):
        check_keys([("station", "nobody")], ["station", "date"])
    with pytest.raises(ValueError, match="a key of"):
        check_keys([("station",)], ["station", "date"])
