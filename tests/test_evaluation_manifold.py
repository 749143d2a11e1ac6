"""α-precision, β-recall, density and coverage against scikit-learn's neighbours on
one-hot rows, and closed forms.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import OneHotEncoder

from synthtab.evaluation import Report, evaluate, prepare
from synthtab.evaluation.metrics import manifold
from synthtab.evaluation.neighbours import blocks

NAMES = ("alpha_precision", "density", "beta_recall", "coverage")
NUMERIC = ["x", "y"]


def frame(seed: int, rows: int, scale: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = scale * rng.normal(size=rows)
    group = rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    found = pd.DataFrame(
        {"x": x, "y": np.exp(x + 0.3 * rng.normal(size=rows)), "group": group}
    )
    found.loc[rng.random(rows) < 0.1, "y"] = np.nan
    found.loc[rng.random(rows) < 0.05, "group"] = None
    return found


def report(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    numeric: list[str] = NUMERIC,
    seed: int = 0,
) -> Report:
    return evaluate(real, synthetic, numeric=numeric, metrics=NAMES, seed=seed)


def embedded(table: pd.DataFrame, real: pd.DataFrame) -> np.ndarray:
    """The documented space, written out: standardised numbers, one-hot categories, an
    indicator of missing numbers.
    """
    parts = []
    for name in NUMERIC:
        parts.append(
            ((table[name] - real[name].mean()) / real[name].std(ddof=0))
            .fillna(0.0)
            .to_numpy()
        )
        x = table[name].to_numpy()
        one_hot = OneHotEncoder(categories=[[False, True]], sparse_output=False)
        parts.extend(one_hot.fit_transform(np.isnan(x)[:, None]).T)
    words = OneHotEncoder(categories=[["a", "b", "c", "-"]], sparse_output=False)
    parts.extend(words.fit_transform(table[["group"]].fillna("-")).T)
    return np.column_stack(parts)


def test_distances_are_those_of_the_space_written_out() -> None:
    real, synthetic = frame(0, 120), frame(1, 70, 1.6)
    tables = prepare(real, synthetic, numeric=NUMERIC)
    a, b = (manifold.space(tables, v) for v in (tables.real, tables.synthetic))
    own = (a.numbers**2).sum(axis=1, keepdims=True)
    found = own + np.concatenate([block for _, block in blocks(a, b)])
    expected = cdist(embedded(real, real), embedded(synthetic, real), "sqeuclidean")
    np.testing.assert_allclose(
        np.sort(found.ravel()), np.sort(expected.ravel()), atol=1e-9
    )
    centre = embedded(real, real).mean(axis=0)
    distances = ((embedded(synthetic, real) - centre) ** 2).sum(axis=1)
    np.testing.assert_allclose(
        np.sort(manifold.from_centre(a, b)), np.sort(distances), atol=1e-9
    )


def test_the_figures_are_those_of_scikit_learns_neighbours() -> None:
    real, synthetic = frame(0, 200), frame(1, 100, 1.5)
    tables = prepare(real, synthetic, numeric=NUMERIC)
    rows = np.arange(0, 200, 2)
    found = manifold.neighbourhoods(
        manifold.space(tables, tables.real.take(rows)),
        manifold.space(tables, tables.synthetic),
    )
    # The same rows in the same order, from the view.
    words = np.array([*tables.categories[0], None], dtype=object)
    a, b = (
        embedded(
            pd.DataFrame(view.numbers, columns=NUMERIC).assign(
                group=words[view.codes[:, 0]]
            ),
            real,
        )
        for view in (tables.real.take(rows), tables.synthetic)
    )

    k = manifold.NEIGHBOURS
    radius = NearestNeighbors(n_neighbors=k + 1).fit(a).kneighbors(a)[0][:, k] * (
        1 + 1e-7
    )
    distance = NearestNeighbors(n_neighbors=1).fit(b).kneighbors(a)[0][:, 0]
    nearest = cdist(a, b).round(9).argmin(axis=1)  # of equally near rows the first
    np.testing.assert_array_equal(found.covered, distance <= radius)
    np.testing.assert_array_equal(
        found.inside, (cdist(a, b) <= radius[:, None]).sum(axis=0)
    )

    centre = (
        np.linalg.norm(a - a.mean(axis=0), axis=1),
        np.linalg.norm(b - a.mean(axis=0), axis=1),
    )
    own = np.linalg.norm(b - b.mean(axis=0), axis=1)
    for step in range(1, manifold.GRID + 1):  # 100 rows: a step of the grid is a row
        support, own_support = (
            np.sort(d)[step - 1] * (1 + 1e-9) for d in (centre[0], own)
        )
        assert found.precise[:step].sum() == (centre[1] <= support).sum()
        recalled = (distance <= radius) & (own[nearest] <= own_support)
        assert found.recalled[:step].sum() == recalled.sum()


def test_a_perfect_sampler_of_a_continuous_table_has_the_closed_forms() -> None:
    """Coverage: equation 9 of arXiv 2002.09797; density: 1; α-precision: that of a Brownian bridge. Mean of six tables.

    P(α) - α is the difference of two empirical distributions of 400 rows, thus √(2 / 400) times a
    bridge, and the integral of the bridge's mean size √(2 α (1 - α) / π) is 0.3133.
    """
    rng = np.random.default_rng(0)
    found = []
    for seed in range(6):
        real, synthetic = (
            pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc"))
            for n in (800, 400)
        )
        found.append(report(real, synthetic, list("abc"), seed))
    expected = manifold.expected_coverage(400, 400, 5)
    assert expected == pytest.approx(1 - 2.0**-5, abs=0.002)
    assert found[0].score("coverage").detail["expected"] == expected
    for value in ("value", "reference"):
        figures = [
            [
                getattr(s, value) if value == "value" else s.reference.value
                for s in r.scores
                if s.reference
            ]
            for r in found
        ]
        precision, density, recall, coverage = np.mean(figures, axis=0)
        assert coverage == pytest.approx(expected, abs=0.012)
        assert density == pytest.approx(1.0, abs=0.04)
        assert precision == pytest.approx(1 - 2 * 0.3133 * np.sqrt(2 / 400), abs=0.02)
        assert 0.9 < recall < 1.0


def test_rows_near_the_centre_are_precise_but_recall_little() -> None:
    real = frame(0, 1000)
    narrow = frame(1, 1000, 0.2)
    found = report(real, narrow)
    density = found.score("density").interval
    assert density is not None
    assert density[0] > 1.0  # all where real rows are dense
    assert found.score("coverage").value < 0.5
    assert found.score("alpha_precision").value < 0.75
    assert found.score("beta_recall").value < 0.6
    curve = dict(found.score("alpha_precision").detail["curve"])
    assert curve[0.5] > 0.8


def test_rows_elsewhere_are_nowhere() -> None:
    real = frame(0, 400)
    far = report(real, real.assign(x=real["x"] + 1000.0, y=5e6))
    assert [
        far.score(name).value for name in ("density", "beta_recall", "coverage")
    ] == [0.0, 0.0, 0.0]
    assert far.score("alpha_precision").value < 0.01


def test_repeated_rows_are_inside_each_others_ball() -> None:
    table = pd.DataFrame({"c": list("aab") * 40, "d": list("pq") * 60})
    found = report(table, table.sample(frac=1, random_state=0), [])
    assert found.score("coverage").value == 1.0
    assert found.score("alpha_precision").reference is not None
    assert (
        report(table.iloc[:30], table, []).score("coverage").status
        == "skipped: a table has fewer than 40 rows"
    )
