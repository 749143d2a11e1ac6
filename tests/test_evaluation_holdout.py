"""The holdout is checked before anything is said by it; few rows make no verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synthtab import evaluate
from synthtab.augment import study
from synthtab.core.errors import DataError
from synthtab.evaluation.report.report import Report

RNG = np.random.default_rng(4)


def people(rows: int, seed: int) -> pd.DataFrame:
    """A table in which no row has a twin."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    return pd.DataFrame(
        {
            "age": age,
            "income": (500 * age + rng.normal(0, 5000, rows)).round(2),
            "town": rng.choice(["Oslo", "Bergen", "Bodø"], rows, p=[0.6, 0.3, 0.1]),
        }
    )


TRAIN, ROWS, HELD_OUT = people(600, 1), people(600, 2), people(600, 3)
ATTACKS = ["membership_auc", "linkability", "near_copies", "nearer_to_train"]


def judged(holdout: pd.DataFrame, rows: pd.DataFrame = ROWS) -> Report:
    metrics = ["holdout_overlap", "exact_copies", *ATTACKS]
    return evaluate(TRAIN, rows, holdout=holdout, metrics=metrics)


def rules(report: Report, level: str) -> set[str]:
    return {v.rule for v in report.verdicts if v.level == level}


def test_a_holdout_that_is_the_training_table_is_refused() -> None:
    with pytest.raises(DataError, match="600 of its 600 rows are rows of the training"):
        judged(TRAIN.sample(frac=1, random_state=0))


@pytest.mark.long
def test_training_rows_in_the_holdout_are_left_out_and_said() -> None:
    mixed = pd.concat([HELD_OUT, TRAIN.head(200)], ignore_index=True)
    report = judged(mixed)
    said = [v.text for v in report.verdicts if v.rule == "holdout"]
    assert len(said) == 1
    assert "200 of the 800 rows of the holdout" in said[0]
    clean = judged(HELD_OUT)
    assert "holdout" not in rules(clean, "fair")
    # A copy does not look like chance because the holdout has it, too.
    copies = pd.concat([ROWS.head(400), TRAIN.head(200)], ignore_index=True)
    assert "copies" in rules(judged(mixed, copies), "bad")


def test_rows_that_recur_by_chance_stay_in_the_holdout() -> None:
    def coarse(seed: int) -> pd.DataFrame:
        return people(500, seed)[["town"]].assign(decade=people(500, seed)["age"] // 10)

    report = evaluate(
        coarse(1), coarse(2), holdout=coarse(3), metrics=["holdout_overlap"]
    )
    assert report.score("holdout_overlap").value == 0


def test_a_holdout_of_another_time_makes_attacks_unknown() -> None:
    later = HELD_OUT.assign(income=HELD_OUT["income"] + 60_000)
    report = judged(later)
    assert "drift" in rules(report, "unknown")
    of_attacks = {"membership_auc", "linkability", "near copies", "nearer"}
    assert not of_attacks & (rules(report, "good") | rules(report, "bad"))


def test_few_holdout_rows_are_no_evidence() -> None:
    report = judged(HELD_OUT.head(45))
    # What lacks holdout rows is told once, with the rows that each would take.
    assert rules(report, "unknown") >= {"too few rows", "nearer"}
    (told,) = [v for v in report.verdicts if v.rule == "too few rows"]
    assert "The 45 rows of the holdout are too few to judge near copies of" in told.text
    needed = told.figures["needed for each"]
    assert {"membership_auc", "near copies"} <= set(needed)
    assert all(f"({rows:,})" in told.text and rows > 45 for rows in needed.values())
    assert told.figures["needed"] == max(needed.values())
    few = {"membership_auc", "near copies", "nearer"}
    assert few <= rules(judged(HELD_OUT), "good")


def test_a_study_refuses_the_rows_that_it_tests_on() -> None:
    added = pd.concat([ROWS.head(300), HELD_OUT.head(300)], ignore_index=True)
    with pytest.raises(DataError, match="300 of the 600 added rows are rows of the"):
        study(TRAIN, added, target="income", holdout=HELD_OUT, repeats=2)


@pytest.mark.long
def test_ranks_of_categories_do_not_tell_two_draws_apart() -> None:
    def words(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        numbers = rng.integers(0, 1000, 2000)
        return pd.DataFrame(
            {"word": [f"w{n}" for n in numbers], "x": rng.normal(size=2000)}
        )

    aucs = [
        evaluate(words(seed), words(seed + 50), metrics=["detection_auc"], seed=seed)
        .score("detection_auc")
        .value
        for seed in range(4)
    ]
    # The mean of four: its standard error is about 0.005.
    assert abs(np.mean(aucs) - 0.5) < 0.02
