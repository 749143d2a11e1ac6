"""`SyntheticSampler`: imbalanced-learn's own checks, pipelines, dtypes."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("imblearn", reason="needs imbalanced-learn: pip install 'synthtab[augment]'")

from imblearn.pipeline import make_pipeline
from imblearn.utils.estimator_checks import parametrize_with_checks
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import OneHotEncoder

from synthtab.augment import SyntheticSampler

TINY = dict(epochs=2, options=dict(width=16, depth=1, noise=8, rounds=0, batch=64, holdout=0.0, rake=False, passes=2))


@parametrize_with_checks([SyntheticSampler(**TINY)])
def test_checks_of_imbalanced_learn(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)
