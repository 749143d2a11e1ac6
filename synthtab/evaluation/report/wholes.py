"""Rules of the verdicts on whole rows.

Where they lie, whether a detector knows them from real ones, and what models learn from
them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from synthtab.evaluation.metric import Score, auc_interval
from synthtab.evaluation.report.findings import (
    OWN_SENTENCE,
    SURE,
    Evidence,
    Level,
    Verdict,
    graded,
    listing,
    surely,
)

# Limits of "good" and "fair", each in the unit of its score.
AUC_OF_CHANCE = 0.5
AUC_GOOD = 0.55
AUC_FAIR = 0.70
LOSS_GOOD = 0.01
LOSS_FAIR = 0.05
# What a guess scores, and by how much a model must be better for it to be one.
GUESS_OF_MEASURE = {"AUC": 0.5, "mean AUC": 0.5, "R²": 0.0}
NO_MODEL = 0.06
REACH_GOOD = 0.1
REACH_FAIR = 0.25
# A copy lies in one ball of five more than other rows do, which makes a density of 1.2:
# that is for other rules to say.
CROWD_GOOD = 0.4
CROWD_FAIR = 0.8
# A column without which the detector's AUC falls by this much gives the rows away.
GIVEAWAY = 0.01
GIVEAWAYS_NAMED = 5
# One report in forty may not speak by luck of the detector alone: its interval is made
# this much wider.
DETECTOR_SURE = 1.7
# What is possible was measured, too, on as many rows: the difference of the two varies
# by the square root of two as much.
REACH_SURE = math.sqrt(2) * SURE


def reach(evidence: Evidence) -> Iterator[Verdict]:
    """Rows where no real ones lie, and real ones without rows beside them.

    Evidence: precision, recall, coverage and density, each beside what real rows reach.
    Parts of the table without rows are the mark of mode collapse.
    """
    yield from _short_of_real(
        evidence,
        "alpha_precision",
        "Rows lie where no real rows do, or too close together",
    )
    yield from _short_of_real(
        evidence,
        "beta_recall",
        "Parts of the real table have no rows beside them",
    )
    yield from _short_of_real(
        evidence,
        "coverage",
        "Many real rows have no row near them",
    )
    yield from _density(evidence)


def _short_of_real(evidence: Evidence, name: str, what: str) -> Iterator[Verdict]:
    score = evidence.get(name)
    if score is None or score.reference is None:
        return
    gap = score.reference.value - score.value
    yield from _gap(score, what, gap, REACH_GOOD, REACH_FAIR)


def _density(evidence: Evidence) -> Iterator[Verdict]:
    """Density may be too low as well as too high."""
    score = evidence.get("density")
    if score is None or score.reference is None or score.reference.value <= 0:
        return
    possible = score.reference.value
    gap = 1 - score.value / possible
    if gap > 0:
        what = "Rows lie where real rows are sparse"
        yield from _gap(score, what, gap, REACH_GOOD, REACH_FAIR)
    else:
        # A perfect sampler has 1 at least. Of few rows, it is luck if the other real
        # rows that it is compared with happen to have less.
        crowd = score.value / max(possible, 1.0) - 1
        what = "Rows crowd together where real rows are dense"
        yield from _gap(score, what, crowd, CROWD_GOOD, CROWD_FAIR)


def _gap(
    score: Score, what: str, gap: float, good: float, fair: float
) -> Iterator[Verdict]:
    """The sentence ``what``, if the gap is worth one and more than chance."""
    assert score.reference is not None
    possible = score.reference.value
    low, high = surely(score, times=REACH_SURE)
    level = graded(gap, good, fair)
    if level == "good" or low <= possible <= high:
        return
    text = f"{what}: {score.title} {score.value:.3f}, where {possible:.3f} is possible"
    figures = {score.name: score.value, "possible": possible}
    yield Verdict(level, text, "reach", (), figures)


def detector(evidence: Evidence) -> Iterator[Verdict]:
    """Rows that a boosted tree can tell from real ones, and what gives them away.

    Evidence: its AUC on rows that it did not learn from, and by how much that falls
    when a column is shuffled.
    """
    score = evidence.get("detection_auc")
    if score is None:
        return
    giveaways = _giveaways(score)
    figures = {"detection_auc": score.value, "giveaways": giveaways}
    low, high = surely(score, times=DETECTOR_SURE)
    if high < AUC_OF_CHANCE:
        # Rows that occur on both sides, or twice, are learnt with the wrong label.
        text = (
            f"A boosted tree is wrong more often than by chance, AUC {score.value:.3f}: "
            "the mark of rows that repeat, or that are copies of real ones"
        )
        yield Verdict("fair", text, "detector", (), figures)
        return
    if low <= AUC_OF_CHANCE and high > AUC_FAIR:
        text = (
            "Whether a boosted tree can tell the rows from real ones is unknown: AUC "
            f"{score.value:.3f}, and {score.n:,} rows are too few to tell"
        )
        yield Verdict("unknown", text, "detector", (), figures)
        return
    if low <= AUC_OF_CHANCE or score.value <= AUC_GOOD:
        text = f"A boosted tree cannot tell the rows from real ones: AUC {score.value:.3f}, where 0.5 is a guess"
        yield Verdict("good", text, "detector", (), figures)
        return
    text = f"A boosted tree tells the rows from real ones: AUC {score.value:.3f}, where 0.5 is a guess"
    names = tuple(giveaways)[:GIVEAWAYS_NAMED]
    if names:
        give = "gives" if len(names) == 1 else "give"
        text += f"; {listing(names)} {give} them away"
    level = graded(score.value, AUC_GOOD, AUC_FAIR)
    yield Verdict(level, text, "detector", names, figures)


def _giveaways(score: Score) -> dict[str, float]:
    """Column -> by how much the AUC falls without it, where that is worth a word."""
    drops: dict[str, float] = dict(score.detail.get("giveaways", {}))
    large = {name: drop for name, drop in drops.items() if drop >= GIVEAWAY}
    if large:
        return large
    # Where many columns tell the same, none of them alone matters: the first are named
    # all the same.
    return dict(list(drops.items())[:OWN_SENTENCE])


# Score -> the model that it is about, the one that most users would take first.
MODELS = {
    "utility": "model",
    "utility_linear": "linear model",
    "utility_forest": "random forest",
}


def usefulness(evidence: Evidence) -> Iterator[Verdict]:
    """Models that learn less from the rows than from real ones.

    Evidence: their scores on real rows, beside those of models that learnt from real
    rows. Another model than the first is named only where it loses more. Where real
    rows train none either, nobody can say.
    """
    if evidence.skipped("utility") == "no target given":
        text = "Whether the rows train a model: unknown without a target to predict"
        yield Verdict("unknown", text, "usefulness")
    worst = -1
    for name, model in MODELS.items():
        score = evidence.get(name)
        if score is None or score.reference is None:
            continue
        level = _level_of_loss(score)
        rank = ("good", "fair", "bad").index(level)
        if rank <= worst:
            continue
        worst = rank
        measure = str(score.detail.get("measure", "score"))
        real = score.reference.value
        gain = real - GUESS_OF_MEASURE.get(measure, -math.inf)
        if level == "good" and gain <= NO_MODEL:
            # Nobody loses what there is not.
            text = (
                f"Whether the rows train a {model}: unknown, as real rows hardly do, "
                f"{measure} {real:.3f}"
            )
            figures = {name: score.value, "real": real}
            yield Verdict("unknown", text, "usefulness", (), figures)
            continue
        seen = ""
        if score.detail.get("test", "holdout") != "holdout":
            seen = " (which the generator has seen)"
        text = (
            f"A {model} that learnt from the rows reaches {measure} {score.value:.3f} on "
            f"real rows{seen}; "
            f"one that learnt from real rows, {score.reference.value:.3f}"
        )
        figures = {name: score.value, "real": score.reference.value}
        yield Verdict(level, text, "usefulness", (), figures)


def _level_of_loss(score: Score) -> Level:
    """How bad a loss is; "good", too, if the luck of few test rows may explain it."""
    assert score.reference is not None
    interval = score.interval
    mean_over_classes = "classes" in score.detail and 0 < score.value < 1
    if interval is None and mean_over_classes and score.n:
        # A mean over classes has no interval of its own. That of one class of the mean
        # size is wider, thus on the safe side.
        rows_of_class = max(score.n // score.detail["classes"], 1)
        other_rows = max(score.n - rows_of_class, 1)
        interval = auc_interval(score.value, rows_of_class, other_rows)
    _, high = surely(score, interval)
    if score.reference.value <= high:
        return "good"
    return graded(score.reference.value - score.value, LOSS_GOOD, LOSS_FAIR)
