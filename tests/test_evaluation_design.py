"""Scales and design matrices against scikit-learn's scaler and one-hot encoder."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from synthtab.evaluation import Tables, prepare
from synthtab.evaluation.design import Coding, Design
from synthtab.evaluation.scale import Scale


def frame(seed: int, rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    word = rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    table = pd.DataFrame(
        {"x": rng.normal(3, 2, rows), "y": rng.normal(size=rows), "w": word}
    )
    table.loc[rng.random(rows) < 0.1, "y"] = np.nan
    return table


def tables() -> Tables:
    # The synthetic table has a word that no real row has.
    synthetic = frame(1)
    synthetic.loc[:4, "w"] = "new"
    return prepare(frame(0), synthetic, numeric=["x", "y"])


def test_a_scale_is_scikit_learns() -> None:
    numbers = tables().real.numbers
    other = tables().synthetic.numbers
    expected = StandardScaler().fit(numbers).transform(other)
    found = Scale.of(numbers).standardise(other)
    np.testing.assert_allclose(found, np.nan_to_num(expected, nan=0.0))


def test_gaps_that_count_shorten_the_unit() -> None:
    numbers = np.array([[0.0], [2.0], [np.nan], [np.nan]])
    assert Scale.of(numbers).deviation[0] == 1.0
    assert Scale.of(numbers, gaps_count=True).deviation[0] == pytest.approx(0.5**0.5)
    assert Scale.of(np.array([[7.0], [7.0]])).deviation[0] == 1.0


def test_a_design_is_scikit_learns_scaler_and_encoder() -> None:
    t = tables()
    coding = Coding(gaps_count=False)
    found = Design(t, t.real, coding)(t.synthetic)
    numbers = StandardScaler().fit(t.real.numbers).transform(t.synthetic.numbers)
    gaps = np.isnan(t.synthetic.numbers[:, [1]])
    # Of words that are equally common, such as those that no real row has, the first.
    counts = np.bincount(t.real.codes[:, 0], minlength=t.sizes[0])
    order = np.argsort(-counts, kind="stable")
    encoder = OneHotEncoder(categories=[np.sort(order)], sparse_output=False)
    one_hot = encoder.fit_transform(t.synthetic.codes)[:, order]
    expected = np.concatenate([np.nan_to_num(numbers, nan=0.0), gaps, one_hot], axis=1)
    np.testing.assert_allclose(found, expected)


def test_each_choice_of_a_coding_changes_the_matrix() -> None:
    t = tables()

    def matrix(**choices: object) -> np.ndarray:
        coding = Coding(**choices)  # type: ignore[arg-type]
        return np.asarray(Design(t, t.real, coding)(t.synthetic))

    whole = matrix()
    # x, y, where y is missing, and four words and "missing".
    assert whole.shape == (200, 8)
    assert np.abs(matrix(farthest=1.0)[:, :2]).max() == 1.0
    assert matrix(categories=2).shape[1] == 3 + 2
    assert matrix(unseen=False).shape[1] == 3 + 3
    assert matrix(gaps_marked=False).shape[1] == 7
    assert not np.array_equal(matrix(gaps_count=False), whole)
    coding = Coding(dense_up_to=7)
    sparse = Design(t, t.real, coding)(t.synthetic)
    np.testing.assert_array_equal(sparse.toarray(), whole)


def test_a_design_of_nothing_is_a_column_of_zeros() -> None:
    x = pd.DataFrame({"x": np.arange(30.0)})
    t = prepare(x, x, numeric=["x"])
    design = Design(t, t.real, leave_out="x")
    assert design.width == 0
    np.testing.assert_array_equal(design(t.real), np.zeros((30, 1)))
