"""How good generated rows are, in encoded form: the score that chooses the checkpoint.

Fast enough to be taken many times during a fit, on rows that training never saw. The figures that users
read come from `synthtab.evaluation`, on decoded tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from synthtab.core.layout import Encoded
from synthtab.core.randomness import Streams
from synthtab.sampling.trees import Binning, Cells

# Rows of each table that the score looks at.
ROWS = 4000
# Largest number of values of a column in the two-way tables.
BINS = 16


@dataclass(frozen=True)
class Quality:
    """Held-out quality of generated rows.

    Attributes:
        auc: Area under the ROC of a boosted tree telling the two tables apart, out of fold; 0.5 is ideal.
        pairs: Mean total variation of all two-way tables, in [0, 1]; sampling noise included.
        coverage: Share of the codes of the held-out rows that were generated at all.
        duplicates: Share of generated rows that repeat another one, beyond that share in the held-out rows.
    """

    auc: float
    pairs: float
    coverage: float
    duplicates: float

    @property
    def score(self) -> float:
        """Mean of the detection score, 1 - |2 AUC - 1|, and of 1 - pair error; in [0, 1], higher is better."""
        return 1 - (abs(2 * self.auc - 1) + self.pairs) / 2


def quality(real: Encoded, fake: Encoded, streams: Streams) -> Quality:
    """Compare two encoded tables of one layout; at most `ROWS` rows of each count."""
    rows = min(ROWS, len(real), len(fake))
    real, fake = real.take(slice(rows)), fake.take(slice(rows))
    binning = Binning(real.layout, torch.device("cpu"))
    a, b = binning.cells(real), binning.cells(fake)
    coverage = float(
        np.mean(
            [
                np.isin(np.unique(x), y).mean()
                for x, y in zip(real.codes.T, fake.codes.T, strict=True)
            ]
        )
    )
    found = detection(a, b, binning.nominal, streams)
    return Quality(found, pair_error(a, b), coverage, max(0.0, repeats(b) - repeats(a)))


def detection(
    a: Cells, b: Cells, nominal: npt.NDArray[np.bool_], streams: Streams
) -> float:
    """AUC of a boosted tree on two tables in bins, two folds, out of fold."""
    # here, since `sample` imports this module too, and would pay a second for what only `fit` needs
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    x, y = np.concatenate([a, b]), np.repeat([0, 1], [len(a), len(b)])
    fold = streams.numpy("quality folds").permutation(len(y)) % 2
    scores = np.zeros(len(y))
    for f in (0, 1):
        tree = HistGradientBoostingClassifier(
            max_iter=60,
            learning_rate=0.15,
            max_leaf_nodes=15,
            categorical_features=nominal,
            early_stopping=False,
            random_state=0,
        )
        if len(set(y[fold != f])) < 2 or not (fold == f).any():
            return 0.5
        tree.fit(x[fold != f], y[fold != f])
        scores[fold == f] = tree.predict_proba(x[fold == f])[:, 1]
    return float(roc_auc_score(y, scores))


def pair_error(a: Cells, b: Cells) -> float:
    """Mean over pairs of columns of the total variation between their two-way tables."""
    binned = [_bins(x, y) for x, y in zip(a.T, b.T, strict=True)]
    if len(binned) < 2:
        return (
            float(np.mean([_variation(*columns) for columns in binned]))
            if binned
            else 0.0
        )
    errors = [
        _variation(left[0] * BINS + right[0], left[1] * BINS + right[1])
        for i, left in enumerate(binned)
        for right in binned[i + 1 :]
    ]
    return float(np.mean(errors))


def repeats(table: Cells) -> float:
    """Share of rows that equal an earlier row."""
    return 1 - len(np.unique(table, axis=0)) / max(1, len(table))


def _bins(
    x: npt.NDArray[np.uint8], y: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int64], ...]:
    """Both columns as bins 0 .. BINS - 1: the values of the first, where they are few, or its quantiles."""
    distinct = np.unique(x)
    cuts = (
        distinct[1:]
        if len(distinct) <= BINS
        else np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1]))
    )
    return tuple(np.searchsorted(cuts, v, side="right") for v in (x, y))


def _variation(x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> float:
    size = int(max(x.max(), y.max())) + 1
    p, q = (
        np.bincount(x, minlength=size) / len(x),
        np.bincount(y, minlength=size) / len(y),
    )
    return float(np.abs(p - q).sum() / 2)
