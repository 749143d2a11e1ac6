"""Combinations of columns that matter are found, and others are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer, infer
from synthtab.core.layout import plans
from synthtab.core.randomness import Streams
from synthtab.data.encoder import TableEncoder

ROWS = 6000


def calendar(effect: float, seed: int = 0) -> pd.DataFrame:
    """The weather of 300 days, 20 hours of each; every day has its own, by so much."""
    r = np.random.default_rng(seed)
    day, month, year = (
        r.integers(1, 26, ROWS),
        r.integers(1, 5, ROWS),
        r.integers(2020, 2023, ROWS),
    )
    own = r.normal(size=(3, 5, 26, 3))[year - 2020, month, day]
    weather = effect * own + np.sin(month)[:, None] + r.normal(size=(ROWS, 3))
    frame = pd.DataFrame(weather.round(4), columns=["warm", "wet", "windy"])
    return frame.assign(
        year=year.astype(str),
        month=month.astype(str),
        day=day.astype(str),
        noise=r.normal(size=ROWS),
    )


def crosses(
    frame: pd.DataFrame, target: str | None = None, rare: int = 5
) -> list[set[str]]:
    encoder = TableEncoder.fit(
        frame, infer(frame), Streams(0), crosses=True, rare=rare, target=target
    )
    blocks = encoder.layout.blocks
    return [
        {blocks[i].column for i in cross.blocks} for cross in encoder.layout.crosses
    ]


def test_days_are_found_where_they_matter() -> None:
    assert crosses(calendar(2.0)) == [{"year", "month", "day"}]
    assert crosses(calendar(0.0)) == []
    assert crosses(calendar(2.0), rare=100) == []  # no day has so many rows
    assert crosses(calendar(2.0), target="day") == []  # nothing is drawn after it
    assert crosses(calendar(2.0).assign(month="1", year="2020")) == []


def test_combinations_that_few_rows_have_do_not_count() -> None:
    frame = calendar(2.0)
    encoder = TableEncoder.fit(frame, infer(frame), Streams(0), crosses=True, rare=15)
    (cross,) = encoder.layout.crosses
    counts = frame.groupby(["year", "month", "day"]).size()
    assert len(cross.cells) == (counts >= 15).sum() < len(counts)
    assert encoder.crosses == [f"year, month, day: {len(cross.cells)} combinations"]
    again = TableEncoder.from_state(encoder.state())
    assert again.layout == encoder.layout
    cells, seen = np.unique(
        cross.of(encoder.encode(frame, Streams(1)).codes, encoder.layout),
        return_counts=True,
    )
    assert set(cells[seen >= 15]) == set(cross.cells)


def hours() -> pd.DataFrame:
    """The weather of 300 days, 20 of the 24 hours of each."""
    frame = calendar(2.0).sort_values(
        ["year", "month", "day"], kind="stable", ignore_index=True
    )
    hour = np.random.default_rng(1).permuted(np.tile(np.arange(24), (ROWS, 1)), axis=1)
    days = frame.groupby(["year", "month", "day"])
    return frame.assign(hour=hour[days.ngroup(), days.cumcount() % 24].astype(str))


def test_what_a_combination_does_not_tell_is_drawn_before_it() -> None:
    """Else a model learns by heart which hours of a day its rows have, and leaves out those of other rows."""
    frame = hours()
    layout = TableEncoder.fit(
        frame, infer(frame), Streams(0), crosses=True, rare=5
    ).layout
    names = [block.column for block in layout.blocks]
    (cross,) = layout.crosses
    assert {names[b] for b in cross.blocks} == {"year", "month", "day"}
    assert {names[b] for b in cross.unexplained} == {"hour", "noise"}
    for plan in plans(layout, len(names)):
        drawn = [names[b] for blocks in plan for b in blocks]
        assert set(drawn[:2]) == {"hour", "noise"} and set(drawn[2:5]) == {
            "year",
            "month",
            "day",
        }


@pytest.mark.slow
def test_rows_keep_the_weather_of_their_day(tmp_path) -> None:
    """What the mean of its day says of a cell: .91 for real rows. Each row left out of a mean of 20, it cannot be more
    than sqrt(4.5 / 5.5) = .90 for others.
    """
    frame, key = calendar(2.0), ["year", "month", "day"]
    means = frame.groupby(key)["warm"].mean()

    def told(rows: pd.DataFrame) -> float:
        return float(
            np.corrcoef(
                means.reindex(pd.MultiIndex.from_frame(rows[key])).fillna(0),
                rows["warm"],
            )[0, 1]
        )

    brief: dict[str, Any] = dict(
        epochs=15, batch=128, width=48, depth=1, ema=50, seed=0
    )
    options = brief | dict(adversarial=0, moments=0, rounds=0)
    model = Synthesizer(**options).fit(frame)
    model.save(tmp_path / "days.synthtab")
    rows = Synthesizer.load(tmp_path / "days.synthtab").sample(4000)
    assert rows.equals(model.sample(4000))
    assert told(frame) > 0.9 and told(rows) > 0.8
    assert told(model.sample(given=frame[[*key, "wet"]].head(2000))) > 0.75
    assert told(model.sample(2000, where="warm > 0")) > 0.4  # a narrower range
    some = model.sample(1000, where={"day": ["3", "4"], "month": "2"})
    assert (
        set(some["day"]) == {"3", "4"}
        and set(some["month"]) == {"2"}
        and told(some) > 0.8
    )
    assert told(Synthesizer(**options, crosses=False).fit(frame).sample(2000)) < 0.4
