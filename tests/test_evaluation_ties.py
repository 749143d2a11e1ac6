"""Ties between columns, decimals and heaps, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from synthtab.core.randomness import Streams
from synthtab.evaluation import evaluate, prepare
from synthtab.evaluation.metrics.association import CoarseColumns, of


def bergsma(a: np.ndarray, b: np.ndarray) -> float:
    """Bias-corrected V by scipy's chi-square and the formulae of the paper (Bergsma
    2013, equations 5 to 8).
    """
    crossed = pd.crosstab(a, b).to_numpy()
    n, (r, c) = crossed.sum(), crossed.shape
    phi = chi2_contingency(crossed, correction=False)[0] / n
    phi = max(0.0, phi - (r - 1) * (c - 1) / (n - 1))
    r, c = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return float(np.sqrt(phi / (min(r, c) - 1)))


def mixed(seed: int, rows: int = 700) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    c = rng.choice(list("abcd"), rows, p=[0.4, 0.3, 0.2, 0.1])
    d = np.where(rng.random(rows) < 0.5, c, rng.choice(list("abcd"), rows))
    n = rng.integers(0, 5, rows) + (c == "a")
    frame = pd.DataFrame({"c": c, "d": d, "n": n.astype(float)})
    frame.loc[rng.random(rows) < np.where(c == "b", 0.5, 0.1), "d"] = None
    return frame


def test_strengths_agree_with_scipy() -> None:
    frame = mixed(0)
    tables = prepare(frame, mixed(1), numeric=["n"])
    ties = of(tables, Streams(0))
    owners, missing = ties.coding.owners, ties.coding.missing.tolist()
    at = {
        (name, gone): k
        for k, (name, gone) in enumerate(zip(owners, missing, strict=True))
    }
    there = frame["d"].notna()
    wanted = {
        (("n", False), ("c", False)): bergsma(frame["n"], frame["c"]),
        (("n", False), ("d", False)): bergsma(frame["n"][there], frame["d"][there]),
        (("c", False), ("d", False)): bergsma(frame["c"][there], frame["d"][there]),
        (("c", False), ("d", True)): bergsma(frame["c"], ~there),
    }
    for (a, b), value in wanted.items():
        assert ties.real[at[a], at[b]] == pytest.approx(value, abs=1e-9), (a, b)
        assert ties.real[at[b], at[a]] == ties.real[at[a], at[b]]
    assert sorted(at) == [("c", False), ("d", False), ("d", True), ("n", False)]


def test_a_number_is_cut_at_octiles_and_its_heaps_stand_alone() -> None:
    rng = np.random.default_rng(0)
    x = np.where(rng.random(4_000) < 0.6, 0.0, rng.exponential(size=4_000))
    item = CoarseColumns(
        prepare(pd.DataFrame({"x": x}), pd.DataFrame({"x": x}), numeric=["x"])
    ).items[0]
    view = prepare(
        pd.DataFrame({"x": x}),
        pd.DataFrame({"x": [0.0, -1.0, 1e-9, 9.0]}),
        numeric=["x"],
    ).synthetic
    levels = dict(
        zip(view.numbers[:, 0].tolist(), item.levels(view).tolist(), strict=True)
    )
    assert levels[-1.0] < levels[0.0] < levels[1e-9] < levels[9.0]


def test_error_of_a_lost_tie_by_hand() -> None:
    """Two equal columns against two independent ones: V falls from 1 to 0, and there is
    one pair.
    """
    real = pd.DataFrame({"a": ["x", "y"] * 500, "b": ["p", "q"] * 500})
    synthetic = pd.DataFrame({"a": ["x", "y"] * 500, "b": ["p", "p", "q", "q"] * 250})
    score = evaluate(real, synthetic, metrics=["association_error"], numeric=[]).scores[
        0
    ]
    assert score.value == pytest.approx(100.0)
    assert score.n == 1
    (pair,) = score.detail["broken"]
    assert (pair["columns"], round(pair["real"], 6), pair["synthetic"]) == (
        ["a", "b"],
        1.0,
        0.0,
    )
    back = evaluate(synthetic, real, metrics=["association_error"], numeric=[]).scores[
        0
    ]
    assert back.detail["invented"][0]["columns"] == ["a", "b"]


def test_the_floor_is_what_a_fresh_sample_scores() -> None:
    values, floors = [], []
    for seed in range(1, 7):
        score = evaluate(
            mixed(0), mixed(seed), metrics=["association_error"], numeric=["n"]
        ).scores[0]
        assert score.reference is not None
        values.append(score.value)
        floors.append(score.reference.value)
    assert 0.4 < np.mean(values) / np.mean(floors) < 2.0


@pytest.mark.parametrize(
    ("real", "synthetic", "decimals", "share"),
    [
        (np.arange(40.0), [1.0, 2.5, 3.0, 4.25], 0, 50.0),
        (np.arange(40.0) / 10, [0.1, 0.15, 0.2, 0.3], 1, 25.0),
        (np.arange(40.0) * 100, [100.0, 150.0, 1_000.0, 30.0], -2, 50.0),
        (np.arange(40.0) % 4 * 100, [100.0, 150.0, 1_000.0, 30.0], 0, 0.0),
        (np.arange(40) / 7, [0.5], None, None),
    ],
    ids=["whole", "tenths", "hundreds", "few values", "no format"],
)
def test_decimals_by_hand(real, synthetic, decimals, share) -> None:
    frames = [pd.DataFrame({"x": values}) for values in (real, synthetic)]
    score = evaluate(*frames, numeric=["x"], metrics=["off_grid"]).scores[0]
    if decimals is None:
        assert score.status == "skipped: no number has a fixed format"
        return
    assert score.detail["decimals"] == {"x": decimals}
    assert score.value == share


def test_heaps_by_hand() -> None:
    """0 fills 60 % and 30 %; 1, a half of the rest, 20 % and 50 %: half of 0.3 + 0.3 +
    0.
    """
    rest = np.linspace(2, 3, 200)
    real = pd.DataFrame({"x": [0.0] * 600 + [1.0] * 200 + rest.tolist()})
    synthetic = pd.DataFrame({"x": [0.0] * 300 + [1.0] * 500 + rest.tolist()})
    score = evaluate(real, synthetic, numeric=["x"], metrics=["heap_error"]).scores[0]
    assert score.value == pytest.approx(30.0)
    assert score.detail["heaps"]["x"] == {"value": 0.0, "real": 0.6, "synthetic": 0.3}
    none = evaluate(
        pd.DataFrame({"x": rest}),
        pd.DataFrame({"x": rest}),
        numeric=["x"],
        metrics=["heap_error"],
    )
    assert none.scores[0].status == "skipped: no number repeats that often"


def test_ties_of_a_handful_of_rows_raise_no_alarm() -> None:
    """Columns of 0 and 1 with a dozen ones, tied to places: genuine rows, any seed."""

    def soils(seed: int, rows: int = 800) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        place = rng.choice(["a", "b", "c", "d"], rows, p=[0.5, 0.3, 0.15, 0.05])
        high = rng.normal(0, 1, rows) + (place == "d")
        columns: dict[str, object] = {"place": place, "high": high}
        for j in range(10):
            chance = np.where(place == "abcd"[j % 4], 0.04, 0.005)
            columns[f"soil{j}"] = (rng.random(rows) < chance).astype(int)
        return pd.DataFrame(columns)

    metrics = ["association_error", "off_grid", "range_coverage", "group_error"]
    found = []
    for seed in range(6):
        report = evaluate(soils(seed), soils(seed + 100), metrics=metrics)
        found += [v for v in report.verdicts if v.level in ("bad", "fair")]
    assert not found
