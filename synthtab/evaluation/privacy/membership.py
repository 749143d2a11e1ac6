"""Can an attacker tell whether a real row was in the training table?

The attacker has the synthetic rows and real rows of the same population: half of the
holdout, the *reference*. The other half are the non-members, rows of the training table
the members. Each attack gives every one of them a number, and the area under the ROC
curve (AUC) says how well the numbers part the two. 0.5 means that the synthetic rows do
not tell. There are four attacks, in the order of what they know:

- distance: members should be nearer to a synthetic row;
- distance ratio: the same in units of the distance to the nearest reference row, as a
  row in a dense region is near to everything;
- density ratio (DOMIAS, arXiv 2302.12580): a boosted tree that tells synthetic rows
  from reference rows takes members for synthetic;
- classifier: boosted trees that learn, from other members and non-members, what parts
  them in all of these figures (five folds, each judged by a model that has not seen
  it).

All of it supposes that members and holdout are draws of one population. A holdout of,
say, a later year differs from the training table by itself; ``drift`` in the detail is
what a tree finds in the real rows alone, without any synthetic row.
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
from synthtab.evaluation.design import tree_features
from synthtab.evaluation.metric import (
    MIN_ROWS,
    Interval,
    Metric,
    Outcome,
    Reference,
    Skip,
    auc_interval,
    exact_interval,
    simultaneous,
)
from synthtab.evaluation.neighbours import nearest_distances
from synthtab.evaluation.views import Tables, View
from synthtab.runtime.machine import each

# Members that are attacked, and as many non-members.
ATTACKED = 4_000
# Rows of a table among which neighbours are sought.
SEARCHED_ROWS = 50_000
# Rows of either table that the density ratio is learnt from.
DENSITY_ROWS = 25_000
# Distances to so many nearest rows are what the classifier sees.
NEIGHBOURS = 5
TREES = 100
DENSITY_LEAVES = 31
CLASSIFIER_LEAVES = 8
CLASSIFIER_FOLDS = 5
DRIFT_FOLDS = 3
FALSE_POSITIVES = 0.01
# With fewer non-members, no threshold has so few false positives.
MIN_NON_MEMBERS = round(1 / FALSE_POSITIVES) - 1
# Added to distances, so that the ratio of two that are 0 is 1.
SMALLEST_DISTANCE = 1e-6

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
        return _labels(self.members, self.strangers)

    def areas(self) -> dict[str, float]:
        """Attack -> AUC."""
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
    """The largest AUC of four membership attacks.

    From 0 to 1; 0.5, which is ideal, is a guess. The largest of four is above that by
    chance. The interval allows for it: Hanley and McNeil's for each attack at
    1 - 0.05/4 (Bonferroni), then from the largest lower to the largest upper end. With
    rows that say nothing it covers 0.5 in 95 of 100 cases at least.
    """
    attacks_made = attacks(tables, streams)
    members, strangers = attacks_made.members, attacks_made.strangers
    areas = attacks_made.areas()
    z = simultaneous(len(areas))
    intervals = {
        name: auc_interval(auc, members, strangers, z) for name, auc in areas.items()
    }
    detail = _detail(attacks_made, intervals)
    detail["drift"] = {
        "auc": attacks_made.drift,
        "interval": list(auc_interval(attacks_made.drift, members, strangers)),
    }
    return Outcome(
        max(areas.values()),
        Reference(0.5, "ideal: cannot tell"),
        _of_the_largest(intervals),
        members + strangers,
        detail,
    )


def membership_tpr(tables: Tables, streams: Streams) -> Outcome:
    """The largest share of members found by one of four attacks at 1 % false positives.

    That is the true positive rate (TPR) of an attack that is wrong on 1 % of the
    others. From 0 to 1; 0.01 is ideal. A few people given away matter although an area
    under a curve hardly shows them (arXiv 2112.03570).

    The interval is Clopper and Pearson's, as in `membership_auc` for four at once, and
    for as many rows as the harmonic half of members and non-members, as the threshold
    is estimated too. (Wilson's would lie above 0.01 four times too often: so few of so
    few rows are not nearly normal.)
    """
    attacks_made = attacks(tables, streams)
    members, strangers = attacks_made.members, attacks_made.strangers
    if strangers < MIN_NON_MEMBERS:
        raise Skip(f"fewer than {2 * MIN_NON_MEMBERS} holdout rows")
    hits = attacks_made.hits()
    z = simultaneous(len(hits))
    effective = 1.0 / (1.0 / members + 1.0 / strangers)
    intervals = {
        name: exact_interval(hit * effective, effective, z)
        for name, hit in hits.items()
    }
    return Outcome(
        max(hits.values()),
        Reference(FALSE_POSITIVES, "ideal: as for non-members"),
        _of_the_largest(intervals),
        members + strangers,
        _detail(attacks_made, intervals),
    )


def attacks(tables: Tables, streams: Streams) -> Attacks:
    """Run all attacks, once."""
    return tables.once(f"membership {streams.seed}", lambda: _attacks(tables, streams))


def hits_at(
    scores: Floats, members: int, false_positives: float = FALSE_POSITIVES
) -> float:
    """Share of the members above a threshold that this share of the others exceeds.

    Of n others, the threshold is put where the expected share of a further one above it
    is exactly ``false_positives``, between two of them if need be; members at the
    threshold count in proportion.

    Args:
        scores: Of the members, then of the others ``[rows]``.
        members: How many of them are members.
        false_positives: See above.
    """
    others = len(scores) - members
    # n others cut the line into n + 1 parts that a further one falls into equally
    # often: with k of them above the threshold, its chance is (k + 1) / (n + 1).
    share = max(false_positives * (others + 1) - 1, 0.0) / others
    wrong, right, _ = roc_curve(
        np.arange(len(scores)) < members, scores, drop_intermediate=False
    )
    # Of the points with equally many false positives, the best is the last.
    last = np.append(np.diff(wrong) > 0, True)
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
    rows = members.plus(strangers)
    labels = _labels(size, size)

    def distances(view: View, stream: str) -> Floats:
        """To the nearest rows of a view ``[rows, NEIGHBOURS]``."""
        rng = streams.numpy(stream)
        return nearest_distances(tables, rows, view, NEIGHBOURS, SEARCHED_ROWS, rng)

    to_synthetic = distances(tables.synthetic, "synthetic searched")
    to_reference = distances(reference, "reference searched")
    distance = to_synthetic[:, 0]
    ratio = np.log(to_reference[:, 0] + SMALLEST_DISTANCE) - np.log(
        distance + SMALLEST_DISTANCE
    )
    density = _density_ratio(tables, reference, rows, streams)

    # The classifier sees what the three others see.
    figures = np.column_stack([to_synthetic, to_reference, ratio, density])
    all_numbers = np.zeros(figures.shape[1], dtype=bool)
    classifier = _cross_fitted(figures, labels, all_numbers, CLASSIFIER_FOLDS, streams)
    matrix, categorical = tree_features(tables, rows, counted=rows)
    drift = _cross_fitted(matrix, labels, categorical, DRIFT_FOLDS, streams)
    return Attacks(
        scores={
            "distance": -distance,
            "distance ratio": ratio,
            "density ratio": density,
            "classifier": classifier,
        },
        members=size,
        strangers=size,
        reference=half,
        drift=float(roc_auc_score(labels, drift)),
    )


def _labels(members: int, strangers: int) -> Labels:
    """1 for each member, then 0 for each stranger."""
    return np.repeat(np.array([1, 0], dtype=np.int64), [members, strangers])


def _density_ratio(
    tables: Tables, reference: View, rows: View, streams: Streams
) -> Floats:
    """Log of the density of synthetic rows over that of real ones, at each of the rows.

    It is estimated by a boosted tree that tells equally many of both apart: its log
    odds are the log of the ratio of densities.
    """
    size = min(len(reference), len(tables.synthetic), DENSITY_ROWS)
    synthetic = tables.synthetic.some(size, streams.numpy("density ratio", 0))
    real = reference.some(size, streams.numpy("density ratio", 1))
    # What the attacker has.
    known = synthetic.plus(real)
    sample, categorical = tree_features(tables, known, counted=known)
    labels = _labels(size, size)
    seed = streams.integer("density ratio")

    def log_odds(matrix: Floats) -> Floats:
        return _log_odds(sample, labels, matrix, categorical, DENSITY_LEAVES, seed)

    # By way of `each`, which gives a job one core: trees that share several cores wait
    # for each other most of the time.
    (scores,) = each(log_odds, [tree_features(tables, rows, counted=known)[0]])
    return scores


def _cross_fitted(
    matrix: Floats,
    labels: Labels,
    categorical: npt.NDArray[np.bool_],
    folds: int,
    streams: Streams,
) -> Floats:
    """For every row its rank within its fold, in (0, 1), by a model of the other folds.

    Ranks, since the log odds of two models cannot be compared.
    """
    splitter = StratifiedKFold(
        folds, shuffle=True, random_state=streams.integer("membership folds") % 2**32
    )

    def ranked(job: tuple[int, tuple[Any, Any]]) -> tuple[Any, Floats]:
        number, (train, test) = job
        seed = streams.integer("membership classifier", number)
        scores = _log_odds(
            matrix[train],
            labels[train],
            matrix[test],
            categorical,
            CLASSIFIER_LEAVES,
            seed,
        )
        _, position, counts = np.unique(scores, return_inverse=True, return_counts=True)
        # Equal scores share the rank in the middle of theirs.
        middle = np.cumsum(counts) - counts / 2
        return test, middle[position] / len(test)

    ranks = np.empty(len(labels))
    for test, rank in each(ranked, list(enumerate(splitter.split(matrix, labels)))):
        ranks[test] = rank
    return ranks


def _log_odds(
    sample: Floats,
    labels: Labels,
    matrix: Floats,
    categorical: npt.NDArray[np.bool_],
    leaves: int,
    seed: int,
) -> Floats:
    """What boosted trees that learnt from a sample say of other rows.

    Args:
        sample: Rows to learn from ``[rows, columns]``.
        labels: Their labels, 0 or 1.
        matrix: Rows to judge.
        categorical: Which columns are categories.
        leaves: Most leaves of a tree.
        seed: Seed of the model.
    """
    # scikit-learn's trees refuse a column without any value.
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
    model.fit(sample[:, filled], labels)
    log_odds: Floats = model.decision_function(matrix[:, filled])
    return log_odds


def _of_the_largest(intervals: dict[str, Interval]) -> Interval:
    """From the largest lower to the largest upper end: of the largest figure."""
    lows = [low for low, _ in intervals.values()]
    highs = [high for _, high in intervals.values()]
    return max(lows), max(highs)


def _detail(attacks: Attacks, intervals: dict[str, Interval]) -> dict[str, object]:
    areas = attacks.areas()
    hits = attacks.hits()
    of_attacks = {}
    for name in attacks.scores:
        of_attacks[name] = {
            "auc": areas[name],
            "tpr": hits[name],
            "interval": list(intervals[name]),
        }
    return {
        "attacks": of_attacks,
        "members": attacks.members,
        "non-members": attacks.strangers,
        "reference": attacks.reference,
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
