"""The figures of a report and of a study as DataFrames."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from synthtab import evaluate
from synthtab.augment import study
from synthtab.augment.arms import Arm, alone
from synthtab.augment.result import Study
from synthtab.augment.target import METRICS_OF_TASK
from synthtab.augment.verdict import Difference, StudyVerdict, Trial
from synthtab.evaluation import Report
from synthtab.evaluation.report.frame import COLUMNS


def table(seed: int, shift: float = 0.0) -> pd.DataFrame:
    """``a + b`` is a name of one column; x + shift moves."""
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1, 400)
    return pd.DataFrame(
        {"x": x, "a + b": x + rng.normal(size=400), "b": rng.choice(["u", "v"], 400)}
    )


@pytest.fixture(scope="module")
def report() -> Report:
    return evaluate(table(0), table(1, shift=2.0), holdout=table(2))


@pytest.mark.long
def test_a_row_for_each_score(report: Report) -> None:
    frame = report.frame()
    assert list(frame.columns) == list(COLUMNS)
    whole = frame[frame["column"].isna()].set_index("metric")
    assert list(whole.index) == [score.name for score in report.scores]
    for score in report.scores:
        row = whole.loc[score.name]
        assert row["score"] == score.value or math.isnan(score.value)
        assert math.isnan(row["low"]) is (score.interval is None)
        if score.interval:
            assert (row["low"], row["high"]) == score.interval
        if score.reference:
            assert row["floor"] == score.reference.value
    assert frame[["score", "low", "high", "floor"]].dtypes.eq("float64").all()


def test_a_row_for_each_column_and_pair(report: Report) -> None:
    frame = report.frame()
    of_shape = frame[frame["metric"] == "shape_error"].set_index("column")
    detail = report.score("shape_error").detail
    for name, error in detail["columns"].items():
        assert of_shape.loc[name, "score"] == error
        assert of_shape.loc[name, "floor"] == detail["floors"][name]
    of_pairs = frame[(frame["metric"] == "trend_error") & frame["other"].notna()]
    pairs = set(map(frozenset, of_pairs[["column", "other"]].to_numpy()))
    assert pairs == {
        frozenset(pair) for pair in [("x", "a + b"), ("x", "b"), ("a + b", "b")]
    }


def test_verdicts_stand_beside_what_they_are_about(report: Report) -> None:
    frame = report.frame()
    of_columns = frame[frame["column"].notna() & frame["other"].isna()]
    by_place = of_columns.set_index(["metric", "column"])["verdict"]
    named = {
        v.columns for v in report.verdicts if (v.rule, v.level) == ("shape", "bad")
    }
    assert ("x",) in named
    assert by_place["shape_error", "x"] == "bad"
    assert pd.isna(by_place["shape_error", "b"])
    whole = frame[frame["column"].isna()].set_index("metric")["verdict"]
    assert whole["shape_error"] == "bad" and whole["exact_copies"] == "good"
    # No other level than the report has.
    levels = {verdict.level for verdict in report.verdicts}
    assert set(whole.dropna()) <= levels


def test_every_verdict_stands_somewhere(report: Report) -> None:
    whole = report.frame()
    whole = whole[whole["column"].isna()]
    for family, level in {(v.family, v.level) for v in report.verdicts}:
        # Rules of fidelity read scores of other families too, and the other way round.
        assert level in set(whole["verdict"]), (family, level)


def test_a_skipped_score_has_no_figure() -> None:
    frame = evaluate(table(0), table(1), metrics=["dcr", "shape_error"]).frame()
    (row,) = frame[frame["metric"] == "dcr"].to_dict("records")
    assert math.isnan(row["score"]) and row["verdict"] == "unknown"


def by_hand(why: str = "") -> Study:
    """Two repeats of an arm that helps, of one that hurts, and of real rows alone."""
    arms = (
        Arm("real rows alone", "real", alone),
        Arm("synthetic x1", "synthetic", alone, 1.0),
        Arm("duplicates", "baseline", alone),
    )
    gains = {"real rows alone": 0.0, "synthetic x1": 0.1, "duplicates": -0.1}
    trials = [
        Trial(
            None,
            repeat,
            arm.name,
            "trees",
            100,
            200,
            50,
            dict.fromkeys(METRICS_OF_TASK["classification"], value),
        )
        for repeat in range(4)
        for arm in arms
        for value in [0.7 + gains[arm.name] + 0.001 * repeat * gains[arm.name]]
    ]
    best = Difference("synthetic x1", 0.8, 0.1, (0.09, 0.11))
    verdict = StudyVerdict(
        answer="cannot say" if why else "helps",
        size=None,
        learner="trees",
        ratio=1.0,
        asked=best,
        control=None,
        best=best,
        baseline=None,
        lead=None,
        trend=None,
        by_class={},
        power=None,
        others={"trees": "helps"},
        why=why,
    )
    return Study(
        tuple(trials),
        (verdict,),
        arms,
        ("trees",),
        "auc",
        0.3,
        {"target": "y", "task": "classification"},
    )


def test_a_study_says_what_each_interval_says() -> None:
    frame = by_hand().frame()
    said = frame[frame["metric"] == "auc"].set_index("arm")["verdict"]
    assert said["synthetic x1"] == "helps" and said["duplicates"] == "hurts"
    assert pd.isna(said["real rows alone"])
    doubted = by_hand("the rows are those of the test").frame()
    of_duplicates = doubted[doubted["arm"] == "duplicates"].set_index("metric")
    assert of_duplicates.loc["auc", "verdict"] == "cannot say"


@pytest.mark.long
def test_the_frame_of_a_study_has_its_rows() -> None:
    found = study(table(0), table(1), target="b", repeats=2, learners=["linear"])
    frame = found.frame()
    assert frame.drop(columns="verdict").to_dict("records") == found.rows()
