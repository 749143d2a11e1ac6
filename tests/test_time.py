"""`--time`: a limit for all that a fit does, however busy the machine is."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer, TrainConfig, costs
from synthtab.core.layout import Encoded
from synthtab.core.progress import Clock, Progress, WholeFit
from synthtab.core.randomness import Streams
from synthtab.sampling import pace, tree_critic
from synthtab.sampling.pace import Pace
from tests.model_tables import LAYOUT

QUICK = Pace(block=0.01, judge=0.01, tree=1e-8)
SLOW = Pace(block=60.0, judge=60.0, tree=1e-3)


class FakeClock(Clock):
    """A clock of which a part is spent, and that stands still."""

    def __init__(self, limit: float, spent: float) -> None:
        super().__init__(limit)
        self.gone = spent

    def spent(self) -> float:
        return self.gone


def table(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(0)
    age = random.integers(18, 80, rows)
    job = random.choice(["clerk", "nurse", "pilot"], rows)
    return pd.DataFrame(
        {"age": age, "job": job, "pay": age * 3.5 + random.random(rows)}
    )


# -- The clock and what is told of it


def test_a_clock_without_a_limit_never_ends() -> None:
    clock = Clock()
    assert not clock.limited
    assert clock.left() == math.inf
    assert clock.spent() >= 0


def test_a_clock_counts_down_and_goes_below_zero() -> None:
    assert FakeClock(60, 45).left() == 15
    assert FakeClock(60, 75).left() == -15


def test_the_time_left_is_that_of_the_whole_fit() -> None:
    told = []
    clock = FakeClock(0, 10)
    observe = WholeFit(told.append, clock)
    observe.after_training = 20
    observe(Progress("read"))
    observe(Progress("train", 0.5, seconds_left=30))
    clock.gone = 25
    observe(Progress("tree critic", 0.1))
    clock.gone = 60
    observe(Progress("tree critic", 0.9))
    assert [one.seconds_left for one in told] == [None, 50, 5, None]


def test_the_time_left_is_never_more_than_the_limit_leaves() -> None:
    told = []
    clock = FakeClock(60, 50)
    observe = WholeFit(told.append, clock)
    observe.after_training = 20
    observe(Progress("read"))
    observe(Progress("train", 0.5, seconds_left=3))
    observe(Progress("train", 0.5, seconds_left=300))
    clock.gone = 70
    observe(Progress("judge"))
    assert [one.seconds_left for one in told] == [10, 10, 10, 0]


# -- What is cut


def test_training_gets_what_the_rest_leaves() -> None:
    assert costs.seconds_to_train(FakeClock(0, 5), 10) == 0
    clock = FakeClock(60, 10)
    assert costs.seconds_to_train(clock, 10) == pytest.approx(50 - costs.MARGIN * 10)
    # Of a slow rest, half is for the training.
    assert costs.seconds_to_train(clock, 1000) == pytest.approx(25)
    # And something is learnt even if the time is up.
    assert costs.seconds_to_train(FakeClock(60, 90), 10) == pytest.approx(3)


def test_rows_are_cut_before_rounds_are() -> None:
    slow = Pace(block=1.0, judge=1.0, tree=1e-6)
    assert QUICK.affordable(2, 10_000, 60) == (2, 10_000)
    rounds, rows = slow.affordable(2, 60_000, 60)
    assert rounds == 2
    assert 500 <= rows < 60_000
    assert slow.affordable(2, 60_000, 5)[0] == 1
    assert slow.affordable(2, 60_000, 1) == (0, 0)
    assert slow.affordable(2, 60_000, -5) == (0, 0)


def test_few_rows_join_columns_where_time_is_short() -> None:
    slow = Pace(block=1.0, judge=1.0, tree=1e-6)
    assert QUICK.joining_rows(1000, 60) == 1000
    assert pace.LEAST_JOINING_ROWS <= slow.joining_rows(1000, 30) < 1000
    assert slow.joining_rows(1000, 1) == 0


def test_more_work_is_expected_of_more_rows_and_rounds() -> None:
    config = TrainConfig()
    some = QUICK.expected(config, 1_000, 100)
    assert QUICK.expected(config, 50_000, 100) > some
    assert QUICK.expected(TrainConfig(rounds=0), 1_000, 100) < some


def test_forests_have_fewer_trees_where_time_is_short() -> None:
    random = np.random.default_rng(0)

    def rows(n: int, streams: Streams | None = None) -> Encoded:
        sizes = LAYOUT.sizes
        codes = (random.random((n, len(sizes))) * sizes).astype(np.int16)
        offsets = random.random((n, len(LAYOUT.continuous))).astype(np.float32)
        return Encoded(codes, offsets, LAYOUT)

    real = rows(600)
    real.codes[:, 2] = real.codes[:, 0] % 2
    draws = []

    def draw(n: int, streams: Streams) -> Encoded:
        draws.append(n)
        return rows(n)

    def grown(left: float) -> tree_critic.TreeCritic:
        draws.clear()
        return tree_critic.grow(
            real, 2, True, draw, Streams(0), lambda done: None, left=lambda: left
        )

    full = grown(math.inf)
    assert len(full.forests) == 2
    assert len(draws) == 3
    hurried = grown(0.0)
    assert len(hurried.forests) == 1
    assert len(draws) == 1
    trees = len(hurried.forests[0].leaves)
    assert 1 <= trees <= tree_critic.TRIED_TREES
    assert hurried.pool >= tree_critic.LEAST_POOL


@pytest.mark.long
@pytest.mark.parametrize("limit", [0.001, 2.0])
def test_a_fit_without_time_still_makes_rows_and_says_what_it_skipped(
    monkeypatch: pytest.MonkeyPatch, limit: float
) -> None:
    """Also if the limit is over before the training begins."""
    monkeypatch.setattr(Pace, "measured", classmethod(lambda cls, *a, **k: SLOW))
    options: dict[str, Any] = dict(time=limit, completer="network", seed=0)
    model = Synthesizer("quick", **options).fit(table())
    assert len(model.sample(20)) == 20
    said = " ".join(model.report_["warnings"])
    assert "number of passes" in said
    assert "0 of 2 rounds of the tree critic" in said
    assert model.report_["total_seconds"] >= model.report_["seconds"]
    assert model.report_["stopped"] == "time"


@pytest.mark.long
def test_a_limit_holds_for_all_of_a_fit() -> None:
    Synthesizer("quick", epochs=1).fit(table())  # imports are no part of it
    began = time.monotonic()
    model = Synthesizer("quick", time=6, seed=0).fit(table(2000))
    taken = time.monotonic() - began
    assert taken < 12, taken
    assert model.report_["total_seconds"] == pytest.approx(taken, abs=0.5)


@pytest.mark.long
def test_the_summary_states_the_total(call, tmp_path: Path) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    said = call("fit", "t.csv", "--epochs", "1", "--seed", "1")
    assert said.status == 0, said.err
    assert "learned 200 rows in " in said.err
    assert ", of which training " in said.err


@pytest.mark.long
def test_a_long_phase_has_a_line_even_if_it_says_nothing_more(capfd) -> None:
    from synthtab_cli import render

    with render.progress() as observe:
        observe(Progress("read"))
        observe(Progress("short"))
        observe(Progress("long and silent"))
        time.sleep(render.PHASE_EVERY + 0.5)
        observe(Progress("next"))
    lines = capfd.readouterr().err.splitlines()
    assert lines == ["long and silent"]
