"""Rebalance a training set with synthetic rows, and ask whether that helps.

Needs imbalanced-learn: pip install 'synthtab[augment]'.
"""

import sys

from imblearn.pipeline import make_pipeline
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import OrdinalEncoder

import synthtab
from synthtab.augment import SyntheticSampler

TIME = sys.argv[1] if len(sys.argv) > 1 else "20s"
# The class to predict: a third of the penguins are of the rarest species.
TARGET = "species"

table = synthtab.datasets.load("penguins")
X = table.drop(columns=TARGET)
y = table[TARGET]


def steps():
    """Words as numbers, then boosted trees, which know what to do with missing cells."""
    words = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    is_word = make_column_selector(dtype_exclude="number")
    numbers = make_column_transformer((words, is_word), remainder="passthrough")
    numbers.set_output(transform="pandas")
    trees = HistGradientBoostingClassifier(random_state=0)
    return [numbers, trees]


# Inside a pipeline, only the training part of every fold is learnt and enlarged: a model
# is never tested on rows whose neighbours were made from them.
balanced = make_pipeline(SyntheticSampler(time=TIME, seed=0), *steps())

for name, pipeline in {
    "real rows": make_pipeline(*steps()),
    "rebalanced": balanced,
}.items():
    scores = cross_val_score(pipeline, X, y, scoring="balanced_accuracy", cv=3)
    print(f"{name:12} balanced accuracy {scores.mean():.3f}, by fold {scores.round(3)}")
