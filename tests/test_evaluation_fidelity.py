from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp, pearsonr

from synthtab.evaluation import evaluate

FIGURES = ("shape_error", "trend_error", "missing_error")


def figures(
    real: pd.DataFrame, synthetic: pd.DataFrame, numeric: list[str]
) -> dict[str, float]:
    report = evaluate(real, synthetic, numeric=numeric, metrics=FIGURES)
    return {score.name: score.value for score in report.scores}


def test_shape_and_trend_of_two_categories_by_hand() -> None:
    real = pd.DataFrame({"a": list("xxyy"), "b": list("ppqq")})
    synthetic = pd.DataFrame({"a": list("xxxz"), "b": list("pqqq")})
    found = figures(real, synthetic, [])
    # a: x .5/.75, y .5/0, z 0/.25 => .5;  b: p .5/.25, q .5/.75 => .25
    assert found["shape_error"] == pytest.approx(100 * (0.5 + 0.25) / 2)
    # real xp .5, yq .5; synthetic xp .25, xq .5, zq .25 => half of .25 + .5 + .5 + .25
    assert found["trend_error"] == pytest.approx(75.0)


def test_shape_and_trend_of_two_numbers_by_hand() -> None:
    real = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [1.0, 2.0, 3.0, 4.0]})
    synthetic = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [40.0, 30.0, 20.0, 3.0]})
    found = figures(real, synthetic, ["a", "b"])
    assert found["shape_error"] == pytest.approx(100 * (0.0 + 0.75) / 2)
    rho = pearsonr(synthetic["a"], synthetic["b"])[0]
    assert found["trend_error"] == pytest.approx(100 * (1.0 - rho) / 2)


def test_a_number_and_a_category_by_hand() -> None:
    real = pd.DataFrame({"a": np.arange(11.0), "b": list("ppppppppppp")})
    synthetic = pd.DataFrame(
        {
            "a": [-5.0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 99.0],
            "b": list("ppppppppppp"),
        }
    )
    # Bins [0,1) ... [9,10) and one for the maximum and above: bin 9 is empty, one value lies below.
    assert figures(real, synthetic, ["a"])["trend_error"] == pytest.approx(100 / 11)


def test_missing_cells_are_a_value_of_their_own() -> None:
    real = pd.DataFrame({"a": [1.0, 2.0, np.nan, np.nan], "b": ["p", "q", None, "q"]})
    synthetic = pd.DataFrame({"a": [1.0, 2.0, 3.0, np.nan], "b": ["p", "q", "p", "q"]})
    report = evaluate(real, synthetic, numeric=["a"], metrics=FIGURES)
    assert report.score("shape_error").detail["columns"] == {"a": 25.0, "b": 25.0}
    assert report.score("missing_error").value == pytest.approx(25.0)


def test_correlation_is_over_rows_with_both_cells() -> None:
    rng = np.random.default_rng(3)
    frames = []
    for slope in (1.0, -0.5):
        x = rng.normal(size=200)
        y = slope * x + rng.normal(size=200)
        frame = pd.DataFrame({"x": 1e6 + x, "y": y})
        frame.loc[rng.random(200) < 0.3, "x"] = np.nan
        frame.loc[rng.random(200) < 0.2, "y"] = np.nan
        frames.append(frame)
    real, synthetic = (f.dropna() for f in frames)
    expected = 50 * abs(
        pearsonr(real["x"], real["y"])[0] - pearsonr(synthetic["x"], synthetic["y"])[0]
    )
    assert figures(*frames, ["x", "y"])["trend_error"] == pytest.approx(
        expected, abs=1e-8
    )


def test_a_constant_synthetic_column_counts_as_uncorrelated() -> None:
    real = pd.DataFrame({"x": [0.1, 0.2, 0.3], "y": [1.0, 2.0, 3.0]})
    assert figures(real, real.assign(x=0.1), ["x", "y"])[
        "trend_error"
    ] == pytest.approx(50.0)
    report = evaluate(
        real.assign(x=0.1), real, numeric=["x", "y"], metrics=["trend_error"]
    )
    assert report.score("trend_error").status == "skipped: no pair of columns varies"


def test_vast_two_way_tables_agree_with_the_direct_sum() -> None:
    rng = np.random.default_rng(5)

    def frame() -> pd.DataFrame:
        return pd.DataFrame(
            {c: [f"w{i}" for i in rng.geometric(0.005, 1500)] for c in "ab"}
        )

    real, synthetic = frame(), frame()
    p, q = (f.value_counts(normalize=True) for f in (real, synthetic))
    expected = p.sub(q, fill_value=0).abs().sum() / 2
    assert figures(real, synthetic, [])["trend_error"] == pytest.approx(100 * expected)


def mixed(seed: int, rows: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", "c", "d"], rows, p=[0.5, 0.3, 0.15, 0.05])
    x = rng.normal(size=rows) + (group == "b") * (1 + seed)
    flag = np.where(rng.random(rows) < 1 / (1 + np.exp(-x)), "yes", "no")
    y = np.exp(x / (2 + seed)) + rng.integers(0, 3, rows)
    frame = pd.DataFrame(
        {"x": x.clip(-2, 3), "y": y.clip(0.5, 4), "group": group, "flag": flag}
    )
    frame.loc[0, ["x", "y"]] = [
        -2.0,
        0.5,
    ]  # one range, thus one set of bins, in every table
    frame.loc[1, ["x", "y"]] = [3.0, 4.0]
    return frame


def test_the_parts_agree_with_scipy_and_pandas() -> None:
    real, synthetic = mixed(0), mixed(1)
    report = evaluate(real, synthetic, numeric=["x", "y"], metrics=FIGURES)
    shape = report.score("shape_error").detail["columns"]
    assert shape["x"] == pytest.approx(
        100 * ks_2samp(real["x"], synthetic["x"]).statistic, abs=1e-6
    )
    pairs = report.score("trend_error").detail["pairs"]
    assert len(pairs) == 6
    for a, b in itertools.product(["x", "y"], ["group", "flag"]):
        edges = np.histogram_bin_edges(real[a], bins=10)
        shares = [
            pd.crosstab(np.digitize(f[a], edges), f[b], normalize=True).stack()
            for f in (real, synthetic)
        ]
        expected = 50 * shares[0].sub(shares[1], fill_value=0).abs().sum()
        found = pairs.get(f"{a} + {b}", pairs.get(f"{b} + {a}"))
        assert found == pytest.approx(expected, abs=1e-6)


def test_sdmetrics_agrees() -> None:
    """SDMetrics 0.11 itself; it bins each table by its own range, hence the shared
    range of `mixed`.
    """
    properties = pytest.importorskip("sdmetrics.reports.single_table._properties")
    real, synthetic = mixed(0), mixed(1)
    kinds = {
        "x": "numerical",
        "y": "numerical",
        "group": "categorical",
        "flag": "categorical",
    }
    metadata = {"columns": {name: {"sdtype": kind} for name, kind in kinds.items()}}
    found = figures(real, synthetic, ["x", "y"])
    shape = properties.ColumnShapes().get_score(real, synthetic, metadata)
    trend = properties.ColumnPairTrends().get_score(real, synthetic, metadata)
    assert found["shape_error"] == pytest.approx(100 * (1 - shape), abs=1e-6)
    assert found["trend_error"] == pytest.approx(100 * (1 - trend), abs=1e-6)


def test_the_floor_is_what_a_bootstrap_scores() -> None:
    real = mixed(0, 4000)
    values, floors = [], []
    for seed in range(6):
        draw = real.sample(len(real), replace=True, random_state=seed)
        report = evaluate(
            real,
            draw,
            numeric=["x", "y"],
            metrics=["shape_error", "trend_error"],
            seed=seed,
        )
        values.append([s.value for s in report.scores])
        floors.append([s.reference.value for s in report.scores if s.reference])
    np.testing.assert_allclose(
        np.mean(values, axis=0), np.mean(floors, axis=0), rtol=0.25
    )


def test_a_smaller_sample_has_a_higher_floor() -> None:
    real = mixed(0, 3000)
    few, many = (
        evaluate(real, real.iloc[:n], numeric=["x", "y"], metrics=["shape_error"])
        for n in (100, 3000)
    )
    floors = [r.score("shape_error").reference for r in (few, many)]
    assert floors[0] is not None
    assert floors[1] is not None
    assert floors[0].value > 3 * floors[1].value
