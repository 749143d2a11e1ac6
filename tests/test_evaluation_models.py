"""Detection, utility, coverage and copying against hand-computed cases and planted
faults.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synthtab.evaluation import Report, evaluate
from synthtab.evaluation.metric import auc_interval, share_interval
from synthtab.evaluation.metrics.detection import BINS, even_binned


def frame(seed: int, rows: int = 1200) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    c = np.where(x + rng.normal(size=rows) > 0, "up", "down")
    return pd.DataFrame(
        {
            "x": x,
            "y": x + 0.3 * rng.normal(size=rows),
            "w": rng.normal(size=rows),
            "c": c,
        }
    )


def score(name: str, *tables: pd.DataFrame, **options: object) -> Report:
    return evaluate(*tables, metrics=[name], **options)  # type: ignore[arg-type]


def test_the_tree_finds_what_the_logistic_regression_cannot_and_names_it() -> None:
    real, synthetic = frame(0), frame(1)
    synthetic["y"] = frame(2)["y"]  # right by itself, no longer next to x
    found = evaluate(
        real,
        synthetic,
        metrics=["detection_auc", "detection_auc_logistic", "detection_score"],
    )
    auc = found.score("detection_auc")
    assert auc.value > 0.75
    assert set(list(auc.detail["giveaways"])[:2]) == {"x", "y"}
    assert found.score("detection_auc_logistic").value < 0.6
    assert found.score("detection_score").value == pytest.approx(2 - 2 * auc.value)


def test_unequal_tables_are_cut_to_equal_size() -> None:
    found = score("detection_auc", frame(0), frame(1).iloc[:300]).scores[0]
    assert found.n == 600
    assert 0.4 < found.value < 0.6


def test_bins_are_fine_where_values_do_not_repeat() -> None:
    values = np.concatenate([np.zeros(9000), np.arange(1.0, 1001.0), [np.nan]])
    binned = even_binned(values)
    assert len(np.unique(binned[:9000])) == 1
    assert len(np.unique(binned[9000:-1])) > 0.95 * BINS
    assert np.isnan(binned[-1])
    assert (np.diff(binned[9000:-1]) >= 0).all()
    few = np.arange(100.0)
    assert even_binned(few) is few


def test_a_repeated_amount_gives_rows_away() -> None:
    def amounts(seed: int, repeated: bool) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        x = np.where(
            rng.random(4000) < 0.9,
            0.0,
            np.exp(rng.normal(size=4000)).round(3 if not repeated else 0) + 1,
        )
        return pd.DataFrame({"x": x})

    assert (
        score("detection_auc", amounts(0, True), amounts(1, False), numeric=["x"])
        .scores[0]
        .value
        > 0.53
    )


@pytest.mark.long
@pytest.mark.parametrize(
    "kind", ["binary", "zero and one", "classes", "number", "heavy tail"]
)
def test_utility_falls_without_the_dependence(kind: str) -> None:
    def labelled(seed: int) -> pd.DataFrame:
        f = frame(seed)
        noise = 0.3 * np.random.default_rng(seed + 100).normal(size=len(f))
        if kind == "classes":
            f["t"] = pd.cut(
                f["x"] + noise, [-9, -0.5, 0.5, 9], labels=["low", "mid", "high"]
            ).astype(str)
        elif kind == "binary":
            f["t"] = np.where(f["x"] + noise > 0, "1", "0")
        elif kind == "zero and one":
            f["t"] = (f["x"] + noise > 0).astype(int)
        else:
            f["t"] = (
                np.exp(2 * f["x"] + noise) if kind == "heavy tail" else f["x"] + noise
            )
        return f

    real, synthetic, holdout = labelled(0), labelled(1), labelled(2)
    numeric = ["x", "y", "w"] + (
        ["t"] if kind in ("number", "heavy tail", "zero and one") else []
    )
    options = {"target": "t", "numeric": numeric, "holdout": holdout}
    good = score("utility", real, synthetic, **options).scores[0]
    bad = score(
        "utility", real, synthetic.assign(t=labelled(3)["t"]), **options
    ).scores[0]
    assert good.reference is not None
    assert good.value == pytest.approx(good.reference.value, abs=0.05)
    assert good.detail["gap"] == pytest.approx(good.reference.value - good.value)
    assert bad.value < good.value - 0.25
    measures = {
        "binary": "AUC",
        "zero and one": "AUC",
        "classes": "mean AUC",
        "number": "R²",
        "heavy tail": "R² of log(1 + target)",
    }
    assert good.detail["measure"] == measures[kind]


@pytest.mark.long
def test_utility_without_a_holdout_tests_on_a_fifth_of_the_real_rows() -> None:
    found = score("utility", frame(0), frame(1), target="c").scores[0]
    assert found.n == 240
    assert "generator has seen" in found.detail["test"]


def test_utility_says_why_it_cannot() -> None:
    real = frame(0)
    assert score("utility", real, real).scores[0].status == "skipped: no target given"
    one = real.assign(c="up")
    found = score(
        "utility", real, one, target="c", holdout=one, numeric=["x", "y", "w"]
    ).scores[0]
    assert found.status == "skipped: the test rows have one class only"
    lone = score("utility", real, one, target="c", numeric=["x", "y", "w"]).scores[0]
    assert lone.value == 0.5  # a single synthetic class teaches nothing
    assert (
        "left out"
        in score("utility", real.assign(k=1), real.assign(k=1), target="k")
        .scores[0]
        .status
    )


def test_coverage_by_hand() -> None:
    real = pd.DataFrame({"c": ["a"] * 1990 + ["b"] * 9 + ["d"], "x": np.arange(2000.0)})
    synthetic = pd.DataFrame(
        {"c": ["a"] * 99 + ["b"], "x": np.linspace(199.9, 1799.1, 100)}
    )
    found = evaluate(real, synthetic, numeric=["x"])
    assert found.score("category_coverage").value == pytest.approx(2 / 3)
    detail = found.score("category_coverage").detail
    # One row is too few to be named.
    assert detail["lacking"] == {"c": []}
    assert detail["too rare to be named"] == {"c": 1}
    assert found.score("rare_category_coverage").value == 0.5
    expected = [1 - (1 - p) ** 100 for p in (1990 / 2000, 9 / 2000, 1 / 2000)]
    reference = found.score("category_coverage").reference
    assert reference is not None
    assert reference.value == pytest.approx(np.mean(expected))
    assert found.score("range_coverage").value == pytest.approx(
        # The ends are means of five rows.
        (1799.1 - 199.9) / 1995
    )
    ranges = found.score("range_coverage").reference
    assert ranges is not None
    assert ranges.value == pytest.approx(1 - 2 / 101, abs=0.01)


def test_copies_are_counted_beside_those_of_the_holdout() -> None:
    real, other, holdout = frame(0), frame(1), frame(2)
    planted = pd.concat([other.iloc[:900], real.iloc[:100]])
    # So few may be chance; more are left out as rows of the training table.
    near_holdout = pd.concat([holdout.iloc[:-3], real.iloc[:3]])
    found = evaluate(
        real, planted, holdout=near_holdout, metrics=["exact_copies"]
    ).scores[0]
    assert found.value == 0.1
    assert found.detail["copies"] == 100
    assert found.reference is not None
    assert found.reference.value == 3 / len(near_holdout)
    twice = pd.concat([real, real.iloc[:300]])
    alone = evaluate(twice, other, metrics=["exact_copies"]).scores[0]
    assert alone.reference is not None
    assert alone.reference.value == 600 / 1500


def test_nearest_rows_by_hand() -> None:
    """Standardised numbers, 2 for another category: checked against all distances, one
    by one.
    """
    real, synthetic, holdout = frame(0, 60), frame(1, 50), frame(2, 60)
    holdout.iloc[0] = real.iloc[0]
    synthetic.iloc[0] = real.iloc[0]  # at distance 0 of both: a tie
    numbers, spread = ["x", "y", "w"], real[["x", "y", "w"]].std(ddof=0)

    def nearest(row: pd.Series, rows: pd.DataFrame) -> float:
        squares = (((rows[numbers] - row[numbers].astype(float)) / spread) ** 2).sum(
            axis=1
        )
        return float((squares + 2.0 * (rows["c"] != row["c"])).min())

    pairs = [
        (nearest(row, real), nearest(row, holdout)) for _, row in synthetic.iterrows()
    ]
    expected = np.mean([0.5 if near == far else near < far for near, far in pairs])
    found = evaluate(
        real, synthetic, holdout=holdout, metrics=["nearer_to_train"]
    ).scores[0]
    assert found.value == pytest.approx(expected)
    assert found.detail["ties"] == 1


def test_nearest_rows_need_a_holdout() -> None:
    found = evaluate(frame(0), frame(1), metrics=["nearer_to_train"]).scores[0]
    assert found.status == "skipped: no holdout given"


def test_intervals_have_the_textbook_values() -> None:
    assert share_interval(50, 100) == pytest.approx((0.4038, 0.5962), abs=2e-4)
    assert share_interval(0, 10)[0] == 0.0
    low, high = auc_interval(0.9, 50, 50)
    assert (low, high) == pytest.approx((0.839, 0.961), abs=2e-3)
    assert auc_interval(1.0, 10, 10) == (1.0, 1.0)
