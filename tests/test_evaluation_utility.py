"""Utility of every learner against scikit-learn used directly, its floor, and the
agreement of importances.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from synthtab.evaluation import Report, evaluate
from synthtab.evaluation.importance import permutation

LEARNERS = ("utility", "utility_linear", "utility_forest")
KINDS = ("binary", "classes", "number")


def frame(seed: int, kind: str, rows: int = 900) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, w = rng.uniform(-2, 2, size=(2, rows))
    c = rng.choice(["a", "b", "c"], rows)
    latent = x + 1.5 * (c == "b") + 0.3 * rng.normal(size=rows)
    if kind == "number":
        target = latent
    elif kind == "classes":
        target = np.array(["low", "mid", "top"])[np.digitize(latent, [-0.5, 1.0])]
    else:
        target = np.where(latent > 0.5, "yes", "no")
    return pd.DataFrame({"c": c, "t": target, "w": w, "x": x})


def report(
    real: pd.DataFrame, synthetic: pd.DataFrame, holdout: pd.DataFrame, *names: str
) -> Report:
    numeric = ["w", "x"] + (["t"] if real["t"].dtype.kind == "f" else [])
    return evaluate(
        real, synthetic, holdout=holdout, target="t", numeric=numeric, metrics=names
    )


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_all_learners_see_the_dependence_and_its_absence(kind: str) -> None:
    real, synthetic, holdout = (frame(seed, kind) for seed in range(3))
    broken = synthetic.assign(t=frame(9, kind)["t"])
    good, bad = (report(real, rows, holdout, *LEARNERS) for rows in (synthetic, broken))
    for name in LEARNERS:
        fine, poor = good.score(name), bad.score(name)
        assert fine.reference is not None
        assert fine.reference.value > 0.85
        assert fine.value == pytest.approx(fine.reference.value, abs=0.04)
        assert poor.value < fine.value - 0.3
        # Independent columns teach nothing, or noise.
        nothing = 0.0 if kind == "number" else 0.5
        assert nothing - 0.5 < fine.detail["floor"] < nothing + 0.2
        assert fine.detail["kept"] == pytest.approx(1.0, abs=0.1)
        assert fine.detail["kept"] == pytest.approx(
            (fine.value - nothing) / (fine.reference.value - nothing)
        )
        assert (
            fine.detail["measure"]
            == {"binary": "AUC", "classes": "mean AUC", "number": "R²"}[kind]
        )


@pytest.mark.parametrize("kind", KINDS)
def test_the_linear_model_is_scikit_learns(kind: str) -> None:
    real, synthetic, holdout = (frame(seed, kind) for seed in range(3))
    found = report(real, synthetic, holdout, "utility_linear").scores[0]
    design = make_column_transformer(
        (StandardScaler(), ["w", "x"]), (OneHotEncoder(), ["c"])
    )
    design.fit(real)  # what the columns' units are, the real rows say
    if kind == "number":
        model = Ridge().fit(design.transform(synthetic), synthetic["t"])
        expected = r2_score(holdout["t"], model.predict(design.transform(holdout)))
    else:
        model = LogisticRegression(max_iter=1000, tol=1e-6).fit(
            design.transform(synthetic), synthetic["t"]
        )
        chances = model.predict_proba(design.transform(holdout))
        areas = [
            roc_auc_score(holdout["t"] == label, chances[:, k])
            for k, label in enumerate(model.classes_)
        ]
        expected = np.mean(areas)
    assert found.value == pytest.approx(expected, abs=2e-3)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_the_boosted_tree_is_scikit_learns(kind: str) -> None:
    real, synthetic, holdout = (frame(seed, kind) for seed in range(3))
    found = report(real, synthetic, holdout, "utility").scores[0]

    def design(table: pd.DataFrame) -> np.ndarray:
        return np.column_stack(
            [table["w"], table["x"], table["c"].map({"a": 0, "b": 1, "c": 2})]
        )

    options = {"categorical_features": [2], "early_stopping": False, "random_state": 0}
    if kind == "number":
        regression = HistGradientBoostingRegressor(**options).fit(
            design(synthetic), synthetic["t"]
        )
        expected = r2_score(holdout["t"], regression.predict(design(holdout)))
    else:
        model = HistGradientBoostingClassifier(**options).fit(
            design(synthetic), synthetic["t"]
        )
        chances = model.predict_proba(design(holdout))
        areas = [
            roc_auc_score(holdout["t"] == label, chances[:, k])
            for k, label in enumerate(model.classes_)
        ]
        expected = np.mean(areas)
    assert found.value == pytest.approx(expected, abs=1e-9)


@pytest.mark.long
def test_the_interval_of_r_squared_is_that_of_resampled_test_rows() -> None:
    real, synthetic, holdout = (frame(seed, "number") for seed in range(3))
    found = report(real, synthetic, holdout, "utility_linear").scores[0]
    assert found.interval is not None
    values = [
        report(
            real,
            synthetic,
            holdout.sample(frac=1, replace=True, random_state=s),
            "utility_linear",
        )
        .scores[0]
        .value
        for s in range(40)
    ]
    half = (found.interval[1] - found.interval[0]) / 2
    assert half == pytest.approx(1.96 * np.std(values), rel=0.4)


@pytest.mark.long
def test_wide_and_unseen_categories_and_gaps_are_no_obstacle() -> None:
    rng = np.random.default_rng(0)

    def wide(seed: int) -> pd.DataFrame:
        table = frame(seed, "binary")
        table["many"] = [
            f"{seed if i % 9 == 0 else ''}w{i}"
            for i in rng.integers(0, 700, len(table))
        ]
        table.loc[rng.random(len(table)) < 0.3, ["x", "c"]] = None
        table.loc[:20, "t"] = None
        return table

    found = report(wide(0), wide(1), wide(2), *LEARNERS)
    for score in found.scores:
        assert score.value > 0.75, score.name
        assert score.n == 900 - 21


def test_a_forest_can_do_what_a_linear_model_cannot() -> None:
    def ring(seed: int) -> pd.DataFrame:
        table = frame(seed, "binary")
        return table.assign(
            t=np.where(table["x"] ** 2 + table["w"] ** 2 > 2, "out", "in")
        )

    found = report(ring(0), ring(1), ring(2), "utility_linear", "utility_forest")
    assert found.score("utility_linear").value < 0.6
    assert found.score("utility_forest").value > 0.95


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_importances_agree_with_what_the_target_is_made_of(kind: str) -> None:
    real, synthetic, holdout = (frame(seed, kind) for seed in range(3))
    good = report(real, synthetic, holdout, "importance_agreement").scores[0]
    assert good.reference is not None
    assert good.value == pytest.approx(good.reference.value, abs=0.03)
    assert good.detail["rank correlation"] > 0.4
    for source in ("real", "synthetic"):
        drops = good.detail[source]
        assert list(drops) == ["w", "x", "c"]
        assert max(drops, key=drops.get) == "x"
        assert drops["w"] < 0.05
    # Rows in which w does what x should do.
    swapped = synthetic.rename(columns={"x": "w", "w": "x"})
    assert (
        report(real, swapped, holdout, "importance_agreement").scores[0].value
        < 0.9 * good.value
    )
    itself = report(real, real, holdout, "importance_agreement").scores[0]
    assert itself.value == pytest.approx(1.0, abs=1e-12)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["binary", "classes"])
def test_rows_of_a_single_class_teach_nothing(kind: str) -> None:
    real, synthetic, holdout = (frame(seed, kind) for seed in range(3))
    only = synthetic.assign(t=real["t"].iloc[0])
    found = report(real, only, holdout, *LEARNERS, "importance_agreement")
    assert [found.score(name).value for name in LEARNERS] == [0.5, 0.5, 0.5]
    assert found.score("importance_agreement").value == 0.0


def test_permutation_importance_by_hand() -> None:
    """A score that is the correlation with the first column falls by all of it, and by
    nothing for the second.
    """
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(2000, 2))
    y = matrix[:, 0].copy()
    drops = permutation(
        lambda m: float(np.corrcoef(m[:, 0], y)[0, 1]), matrix, np.random.default_rng(1)
    )
    assert drops == pytest.approx([1.0, 0.0], abs=0.07)


def test_nothing_to_learn_is_said() -> None:
    rng = np.random.default_rng(0)
    real = pd.DataFrame(
        {"x": np.tile([0.0, 1.0], 100), "t": np.repeat(["a", "b"], 100)}
    )
    found = evaluate(
        real,
        real,
        holdout=real.assign(x=real["x"] + 0.5),
        target="t",
        numeric=["x"],
        metrics=["importance_agreement"],
    ).scores[0]
    assert found.status == "skipped: no column helps on real rows"
    many = pd.DataFrame(
        {"x": rng.normal(size=300), "t": [f"c{i % 60}" for i in range(300)]}
    )
    found = evaluate(
        many,
        many,
        holdout=many.assign(x=many["x"] + 0.5),
        target="t",
        numeric=["x"],
        metrics=["utility_forest"],
    ).scores[0]
    assert found.status == "skipped: the target has more than 50 classes"
