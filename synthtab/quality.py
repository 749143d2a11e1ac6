"""How good generated rows are, in encoded form: the score that chooses the checkpoint.

Fast enough to be taken many times during a fit, on rows that training never saw. The figures that users
read come from `synthtab.evaluation`, on decoded tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthtab.layout import CURVE_POINTS, Encoded
from synthtab.randomness import Streams

ROWS = 4000
"""Rows of each table that the score looks at."""
BINS = 16
"""Largest number of values of a column in the two-way tables."""


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
    a, b = values(real), values(fake)
    coverage = float(
        np.mean([np.isin(np.unique(x), y).mean() for x, y in zip(real.codes.T, fake.codes.T, strict=True)])
    )
    return Quality(detection(real, a, b, streams), pair_error(a, b), coverage, max(0.0, repeats(b) - repeats(a)))


def values(table: Encoded) -> npt.NDArray[np.float32]:
    """``[rows, blocks]``: the standardised number where a block is numeric (NaN: missing), else the code."""
    out = table.codes.astype(np.float32)
    offset_of = {int(b): i for i, b in enumerate(table.layout.continuous)}
    grid = np.linspace(0, 1, CURVE_POINTS)
    for b, block in enumerate(table.layout.blocks):
        if not block.numeric:
            continue
        codes = table.codes[:, b]
        out[:, b] = np.array([*block.values, *[0.0] * block.modes], dtype=np.float32)[codes]
        for m, curve in enumerate(block.curves):
            inside = codes == block.atoms + m
            out[inside, b] = np.interp(table.offsets[inside, offset_of[b]], grid, curve)
    return out


def detection(layout_of: Encoded, a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], streams: Streams) -> float:
    """AUC of a boosted tree on `values`, two folds, out of fold."""
    # here, since `sample` imports this module too, and would pay a second for what only `fit` needs
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    x, y = np.concatenate([a, b]), np.repeat([0, 1], [len(a), len(b)])
    nominal = [i for i, k in enumerate(layout_of.layout.blocks) if not k.numeric and k.size <= 255]
    fold = streams.numpy("quality folds").permutation(len(y)) % 2
    scores = np.zeros(len(y))
    for f in (0, 1):
        tree = HistGradientBoostingClassifier(
            max_iter=60, learning_rate=0.15, max_leaf_nodes=15, categorical_features=nominal or None,
            early_stopping=False, random_state=0,
        )  # fmt: skip
        if len(set(y[fold != f])) < 2 or not (fold == f).any():
            return 0.5
        tree.fit(x[fold != f], y[fold != f])
        scores[fold == f] = tree.predict_proba(x[fold == f])[:, 1]
    return float(roc_auc_score(y, scores))


def pair_error(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Mean over pairs of columns of the total variation between their two-way tables."""
    binned = [_bins(x, y) for x, y in zip(a.T, b.T, strict=True)]
    if len(binned) < 2:
        return float(np.mean([_variation(*columns) for columns in binned])) if binned else 0.0
    errors = [
        _variation(left[0] * (BINS + 1) + right[0], left[1] * (BINS + 1) + right[1])
        for i, left in enumerate(binned)
        for right in binned[i + 1 :]
    ]
    return float(np.mean(errors))


def repeats(table: npt.NDArray[np.float32]) -> float:
    """Share of rows that equal an earlier row."""
    return 1 - len(np.unique(table, axis=0)) / max(1, len(table))


def _bins(x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int64], ...]:
    """Both columns as bins 0 .. BINS: the most frequent values of the first, or its quantiles; NaN last."""
    known = x[~np.isnan(x)]
    distinct = np.unique(known)
    cuts = distinct[1:] if len(distinct) <= BINS else np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    return tuple(np.where(np.isnan(v), BINS, np.searchsorted(cuts, v, side="right")) for v in (x, y))


def _variation(x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> float:
    size = int(max(x.max(), y.max())) + 1
    p, q = np.bincount(x, minlength=size) / len(x), np.bincount(y, minlength=size) / len(y)
    return float(np.abs(p - q).sum() / 2)
