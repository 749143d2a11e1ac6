"""`SyntheticSampler`: imbalanced-learn's own checks, pipelines, dtypes."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

pytest.importorskip(
    "imblearn", reason="needs imbalanced-learn: pip install 'synthtab[augment]'"
)

from imblearn.pipeline import make_pipeline
from imblearn.utils.estimator_checks import parametrize_with_checks
from scipy.sparse import csr_matrix
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import OneHotEncoder

from synthtab.augment import SyntheticSampler

TINY = dict(
    epochs=2,
    options=dict(
        width=16,
        depth=1,
        noise=8,
        rounds=0,
        batch=64,
        holdout=0.0,
        rake=False,
        passes=2,
    ),
)


def checks_of(estimator: object) -> pytest.MarkDecorator:
    """imbalanced-learn's checks as a list: it hands pytest a generator, which pytest will refuse from version 10 on."""
    mark = parametrize_with_checks([estimator])
    names, checks = mark.args
    return pytest.mark.parametrize(names, list(checks), **mark.kwargs)


@pytest.mark.long
@checks_of(SyntheticSampler(**TINY))
def test_checks_of_imbalanced_learn(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def people(rows: int = 200) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "pay": np.where(
                rng.random(rows) < 0.1, np.nan, rng.normal(2000, 300, rows).round(2)
            ),
            "town": pd.Categorical(
                rng.choice(["a", "b"], rows), categories=["b", "a", "c"]
            ),
            "note": rng.choice(["x", "y"], rows).astype(object),
            "member": rng.random(rows) < 0.5,
            "since": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 900, rows), unit="D"),
            "size": pd.array(rng.integers(0, 5, rows), dtype="Int64"),
        },
        index=np.arange(rows) + 1000,
    )
    return X, pd.Series(
        rng.choice(["no", "yes", "maybe"], rows, p=[0.7, 0.2, 0.1]),
        index=X.index,
        name="buys",
    )


@pytest.mark.long
def test_pandas_in_pandas_out_with_dtypes() -> None:
    X, y = people()
    more, labels = SyntheticSampler(**TINY).fit_resample(X, y)
    assert (more.dtypes == X.dtypes).all() and list(more.columns) == list(X.columns)
    assert labels.name == "buys" and labels.dtype == y.dtype
    assert set(labels.value_counts()) == {y.value_counts().max()}
    pd.testing.assert_frame_equal(more.head(len(X)), X.reset_index(drop=True))
    assert (labels.head(len(y)).to_numpy() == y.to_numpy()).all()
    again, _ = SyntheticSampler(**TINY).fit_resample(X, y)
    pd.testing.assert_frame_equal(more, again)
    other, _ = SyntheticSampler(**TINY, seed=1).fit_resample(X, y)
    assert not more.equals(other)


def test_sampling_strategies() -> None:
    X, y = people()
    counts = y.value_counts()
    _, labels = SyntheticSampler(sampling_strategy="minority", **TINY).fit_resample(
        X, y
    )
    assert labels.value_counts().to_dict() == {**counts, "maybe": counts["no"]}
    _, labels = SyntheticSampler(sampling_strategy={"yes": 90}, **TINY).fit_resample(
        X, y
    )
    assert labels.value_counts().to_dict() == {**counts, "yes": 90}
    sampler = SyntheticSampler(sampling_strategy={"yes": int(counts["yes"])}, **TINY)
    rows, _ = sampler.fit_resample(X, y)
    assert len(rows) == len(X) and sampler.model_ is None


@pytest.mark.long
def test_a_pipeline_enlarges_training_folds_only(monkeypatch) -> None:
    X, y = people()
    seen = []
    plain = SyntheticSampler._fit_resample

    def watched(self, X, y):
        seen.append(len(X))
        return plain(self, X, y)

    monkeypatch.setattr(SyntheticSampler, "_fit_resample", watched)
    words = make_column_selector(pattern="town|note|member")
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), words), ("passthrough", ["age"])
    )
    pipeline = make_pipeline(
        SyntheticSampler(**TINY), encode, LogisticRegression(max_iter=500)
    )
    scores = cross_val_score(pipeline, X, y, cv=2, error_score="raise")
    assert seen == [100, 100] and np.isfinite(scores).all()


def test_column_names_that_are_numbers_or_that_clash() -> None:
    X, y = people()
    X = X[["age", "town"]].set_axis(["class", 7], axis=1)
    more, _ = SyntheticSampler(**TINY).fit_resample(X, y)
    assert list(more.columns) == ["class", 7]


def test_bad_parameters_are_named() -> None:
    X, y = people()
    with pytest.raises(ValueError, match="'seed' parameter"):
        SyntheticSampler(seed="x").fit_resample(X, y)
    with pytest.raises(ValueError, match="no sparse matrix"):
        SyntheticSampler().fit_resample(csr_matrix(np.eye(len(y))), y)
    with pytest.raises(ValueError, match="two dimensions"):
        SyntheticSampler().fit_resample(np.arange(len(y)), y)
    with pytest.raises(ValueError, match="width"):
        SyntheticSampler(options={"widht": 3}).fit_resample(X, y)
