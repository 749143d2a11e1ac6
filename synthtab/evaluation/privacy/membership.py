"""Can an attacker tell whether a real row was in the training table?

The attacker has the synthetic rows and real rows of the same population: half of the holdout, the
*reference*. The other half are the non-members, rows of the training table the members; each attack
gives every one of them a number, and the area under the ROC curve says how well the numbers part the
two. 0.5 means that the synthetic rows do not tell. Four attacks, in the order of what they know:

- distance: members should be nearer to a synthetic row;
- distance ratio: the same in units of the distance to the nearest reference row, as a row in a dense
  region is near to everything;
- density ratio (DOMIAS, arXiv 2302.12580): a boosted tree that tells synthetic rows from reference
  rows takes members for synthetic;
- classifier: boosted trees that learn, from other members and non-members, what parts them in all of
  these figures (five folds, each judged by a model that has not seen it).

All of it supposes that members and holdout are draws of one population. A holdout of, say, a later
year differs from the training table by itself; ``drift`` in the detail is what a tree finds in the
real rows alone, without any synthetic row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.model_selection import StratifiedKFold

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import (
    Interval,
    Metric,
    Outcome,
    Reference,
    Skip,
    auc_interval,
    exact_interval,
    simultaneous,
)
from synthtab.evaluation.neighbours import distances, scale
from synthtab.evaluation.views import Tables, View, features
from synthtab.runtime.parallel import each

ATTACKED = 4_000
SEARCHED = 50_000
LEARNT = 25_000
MIN_ROWS = 20
NEIGHBOURS = 5
TREES = 100
FOLDS = 5
DRIFT_FOLDS = 3
FALSE_POSITIVES = 0.01
MIN_STRANGERS = (
    round(1 / FALSE_POSITIVES) - 1
)  # with fewer, no threshold has so few false positives
TINY = 1e-6

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Attacks:
    """What the attackers say of the same rows.

    Attributes:
        scores: Attack -> a number per row, members first, the larger the more a member.
        members: How many of the rows are members.
        strangers: How many are not.
        reference: How many real rows the attacker has.
        drift: AUC of a tree that sees the same real rows and no synthetic one.
    """

    scores: dict[str, Floats]
    members: int
    strangers: int
    reference: int
    drift: float

    @property
    def labels(self) -> Labels:
        """1 for a member, 0 for a stranger."""
        return np.repeat(
            np.array([1, 0], dtype=np.int64), [self.members, self.strangers]
        )

    def areas(self) -> dict[str, float]:
        """Attack -> area under its ROC curve."""
        return {
            name: float(roc_auc_score(self.labels, score))
            for name, score in self.scores.items()
        }

    def hits(self) -> dict[str, float]:
        """Attack -> share of the members found at 1 % false positives."""
        return {
            name: hits_at(score, self.members) for name, score in self.scores.items()
        }


def membership_auc(tables: Tables, streams: Streams) -> Outcome:
    """The largest area under the ROC curve of four membership attacks.

    The largest of four is above 0.5 by chance. The interval allows for it: Hanley and McNeil's for each
    attack at 1 - 0.05/4 (Bonferroni), then from the largest lower to the largest upper end. With rows
    that say nothing it covers 0.5 in 95 of 100 cases at least.
    """
    found = attacks(tables, streams)
    areas, z = found.areas(), simultaneous(len(found.scores))
    intervals = {
        name: auc_interval(auc, found.members, found.strangers, z)
        for name, auc in areas.items()
    }
    drift = {
        "auc": found.drift,
        "interval": list(auc_interval(found.drift, found.members, found.strangers)),
    }
    return Outcome(
        max(areas.values()),
        Reference(0.5, "ideal: cannot tell"),
        _widest(intervals),
        found.members + found.strangers,
        _detail(found, intervals) | {"drift": drift},
    )


def membership_tpr(tables: Tables, streams: Streams) -> Outcome:
    """The largest share of members found by one of four attacks that is wrong on 1 % of the others.

    A few people given away matter although an area under a curve hardly shows them (arXiv 2112.03570).
    The interval is Clopper and Pearson's, as in `membership_auc` for four at once, and for as many rows as
    the harmonic half of members and non-members, as the threshold is estimated too. (Wilson's would lie
    above 0.01 four times too often: so few of so few rows are not nearly normal.)
    """
    found = attacks(tables, streams)
    if found.strangers < MIN_STRANGERS:
        raise Skip(f"fewer than {2 * MIN_STRANGERS} holdout rows")
    hits, z = found.hits(), simultaneous(len(found.scores))
    effective = 1.0 / (1.0 / found.members + 1.0 / found.strangers)
    intervals = {
        name: exact_interval(hit * effective, effective, z)
        for name, hit in hits.items()
    }
    return Outcome(
        max(hits.values()),
        Reference(FALSE_POSITIVES, "ideal: as for non-members"),
        _widest(intervals),
        found.members + found.strangers,
        _detail(found, intervals),
    )


def attacks(tables: Tables, streams: Streams) -> Attacks:
    """Run all attacks, once."""
    return tables.once(f"membership {streams.seed}", lambda: _attacks(tables, streams))


def hits_at(
    scores: Floats, members: int, false_positives: float = FALSE_POSITIVES
) -> float:
    """Share of the members (which come first) above a threshold that this share of the others exceeds.

    Of n others, the threshold is put where the expected share of a further one above it is exactly
    ``false_positives``, between two of them if need be; members at the threshold count in proportion.
    """
    strangers = len(scores) - members
    share = max(false_positives * (strangers + 1) - 1, 0.0) / strangers
    wrong, right, _ = roc_curve(
        np.arange(len(scores)) < members, scores, drop_intermediate=False
    )
    last = np.append(
        np.diff(wrong) > 0, True
    )  # of the points with equally many false positives, the best
    return float(np.interp(share, wrong[last], right[last]))


def _attacks(tables: Tables, streams: Streams) -> Attacks:
    assert tables.holdout is not None
    order = streams.numpy("holdout halves").permutation(len(tables.holdout))
    half = len(order) // 2
    size = min(len(order) - half, len(tables.real), ATTACKED)
    if min(size, half, len(tables.synthetic)) < MIN_ROWS:
        raise Skip("too few rows for an attack")
    reference = tables.holdout.take(np.sort(order[:half]))
    strangers = tables.holdout.take(np.sort(order[half:][:size]))
    members = tables.real.some(size, streams.numpy("members"))
    rows = View(
        np.concatenate([members.numbers, strangers.numbers]),
        np.concatenate([members.codes, strangers.codes]),
    )
    labels = np.repeat(np.array([1, 0], dtype=np.int64), size)
    near = distances(
        scale(tables),
        rows,
        tables.synthetic,
        NEIGHBOURS,
        SEARCHED,
        streams.numpy("synthetic searched"),
    )
    known = distances(
        scale(tables),
        rows,
        reference,
        NEIGHBOURS,
        SEARCHED,
        streams.numpy("reference searched"),
    )
    ratio = np.log(known[:, 0] + TINY) - np.log(near[:, 0] + TINY)
    density = _density_ratio(tables, reference, rows, streams)
    figures = np.column_stack([near, known, ratio, density])
    matrix, categorical = features(tables, rows)
    return Attacks(
        {
            "distance": -near[:, 0],
            "distance ratio": ratio,
            "density ratio": density,
            "classifier": _cross_fitted(
                figures, labels, np.zeros(figures.shape[1], dtype=bool), FOLDS, streams
            ),
        },
        size,
        size,
        half,
        float(
            roc_auc_score(
                labels, _cross_fitted(matrix, labels, categorical, DRIFT_FOLDS, streams)
            )
        ),
    )


def _density_ratio(
    tables: Tables, reference: View, rows: View, streams: Streams
) -> Floats:
    """Log of the estimated density of synthetic over that of real rows, by a boosted tree on equally many of both."""
    size = min(len(reference), len(tables.synthetic), LEARNT)
    (a, categorical), (b, _) = (
        features(tables, view.some(size, streams.numpy("density ratio", i)))
        for i, view in enumerate((tables.synthetic, reference))
    )
    sample, labels = np.concatenate([a, b]), np.repeat(np.array([1, 0]), size)
    seed = streams.integer("density ratio")
    (scores,) = each(
        lambda matrix: _scores(sample, labels, matrix, categorical, 31, seed),
        [features(tables, rows)[0]],
    )
    return scores


def _cross_fitted(
    matrix: Floats,
    labels: Labels,
    categorical: npt.NDArray[np.bool_],
    folds: int,
    streams: Streams,
) -> Floats:
    """For every row its rank within its fold, in (0, 1), by a model of the other folds."""
    splits = StratifiedKFold(
        folds, shuffle=True, random_state=streams.integer("membership folds") % 2**32
    )

    def fold(job: tuple[int, tuple[Any, Any]]) -> tuple[Any, Floats]:
        number, (train, test) = job
        seed = streams.integer("membership classifier", number)
        found = _scores(
            matrix[train], labels[train], matrix[test], categorical, 8, seed
        )
        _, position, counts = np.unique(found, return_inverse=True, return_counts=True)
        middle = np.cumsum(counts) - counts / 2  # equal scores share a rank
        return test, middle[position] / len(test)

    ranks = np.empty(len(labels))
    for test, rank in each(fold, list(enumerate(splits.split(matrix, labels)))):
        ranks[test] = rank
    return ranks


def _scores(
    sample: Floats,
    labels: Labels,
    matrix: Floats,
    categorical: npt.NDArray[np.bool_],
    leaves: int,
    seed: int,
) -> Floats:
    """What boosted trees that learnt from the sample say of the rows of the matrix, as log odds."""
    filled = ~np.isnan(sample).all(axis=0)
    if not filled.any():
        return np.zeros(len(matrix))
    model = HistGradientBoostingClassifier(
        max_iter=TREES,
        max_leaf_nodes=leaves,
        categorical_features=categorical[filled],
        early_stopping=False,
        random_state=seed % 2**32,
    )
    found: Floats = model.fit(sample[:, filled], labels).decision_function(
        matrix[:, filled]
    )
    return found


def _widest(intervals: dict[str, Interval]) -> Interval:
    return max(low for low, _ in intervals.values()), max(
        high for _, high in intervals.values()
    )


def _detail(found: Attacks, intervals: dict[str, Interval]) -> dict[str, object]:
    areas, hits = found.areas(), found.hits()
    return {
        "attacks": {
            name: {
                "auc": areas[name],
                "tpr": hits[name],
                "interval": list(intervals[name]),
            }
            for name in found.scores
        },
        "members": found.members,
        "non-members": found.strangers,
        "reference": found.reference,
    }


AUC = Metric(
    "membership_auc",
    "Membership told, AUC",
    "best of four attacks: was this row in the training table? 0.5 = no idea",
    "privacy",
    "lower",
    membership_auc,
    needs=("holdout",),
    cost="high",
    unknown="whether they tell who is in the training table",
)
TPR = Metric(
    "membership_tpr",
    "Members found at 1 % errors",
    "share of training rows told for certain; 0.01 = no more than chance",
    "privacy",
    "lower",
    membership_tpr,
    needs=("holdout",),
    cost="high",
    unknown="whether they tell who is in the training table",
)
