"""Rules of the verdicts on whole rows: where they lie, whether a detector knows them, what models learn from them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from synthtab.evaluation.findings import (
    EACH,
    SURE,
    Findings,
    Level,
    Verdict,
    listing,
    surely,
)
from synthtab.evaluation.metric import Score, auc_interval

AUC_GOOD, AUC_FAIR = 0.55, 0.70
GIVEAWAY = 0.01
GAP_GOOD, GAP_FAIR = 0.01, 0.05
REACH_FAIR, REACH_BAD = 0.1, 0.25
CROWD_FAIR, CROWD_BAD = (
    0.4,
    0.8,
)  # a copy lies in one ball of five more than others do: that is for other rules
FOLDS = 2.2  # times the detector's interval, which does not know that its folds hang together
REFERENCE = math.sqrt(2) * SURE  # what is possible was measured, too, on as many rows

_REACH = {
    "alpha_precision": "Rows lie where no real rows do, or too close together",
    "beta_recall": "Parts of the real table have no rows beside them",
    "coverage": "Many real rows have no row near them",
}


def reach(f: Findings) -> Iterator[Verdict]:
    """Whether the rows lie where the real ones lie, and everywhere there: the mark of mode collapse."""
    for name, what in _REACH.items():
        score = f.get(name)
        if score is not None and score.reference is not None:
            yield from _short(score, what, score.reference.value - score.value)
    score = f.get("density")
    if score is None or score.reference is None or score.reference.value <= 0:
        return
    gap = 1 - score.value / score.reference.value
    if gap > 0:
        yield from _short(score, "Rows lie where real rows are sparse", gap)
    else:
        # A perfect sampler has 1 at least: of few rows, that the other real ones happen to have less is luck.
        crowded = score.value / max(score.reference.value, 1.0) - 1
        yield from _short(
            score,
            "Rows crowd together where real rows are dense",
            crowded,
            (CROWD_FAIR, CROWD_BAD),
        )


def _short(
    score: Score,
    what: str,
    gap: float,
    limits: tuple[float, float] = (REACH_FAIR, REACH_BAD),
) -> Iterator[Verdict]:
    """The sentence, if the gap is worth one and more than chance."""
    assert score.reference is not None
    low, high = surely(score, times=REFERENCE)
    if gap <= limits[0] or low <= score.reference.value <= high:
        return
    level: Level = "fair" if gap <= limits[1] else "bad"
    text = f"{what}: {score.title} {score.value:.3f}, where {score.reference.value:.3f} is possible"
    yield Verdict(
        level,
        text,
        "reach",
        (),
        {score.name: score.value, "possible": score.reference.value},
    )


def detector(f: Findings) -> Iterator[Verdict]:
    """Whether a boosted tree can tell, and what gives the rows away."""
    score = f.get("detection_auc")
    if score is None:
        return
    found = list(score.detail.get("giveaways", {}).items())
    # Where many columns tell the same, none of them alone matters: then the first are named all the same.
    giveaways = dict(
        [(name, drop) for name, drop in found if drop >= GIVEAWAY] or found[:EACH]
    )
    figures = {"detection_auc": score.value, "giveaways": giveaways}
    low, _ = surely(score, times=FOLDS)
    if low <= 0.5 or score.value <= AUC_GOOD:
        text = f"A boosted tree cannot tell the rows from real ones: AUC {score.value:.3f}, where 0.5 is a guess"
        yield Verdict("good", text, "detector", (), figures)
        return
    names = tuple(giveaways)[:5]
    because = (
        f"; {listing(names)} give{'s' if len(names) == 1 else ''} them away"
        if names
        else ""
    )
    level: Level = "fair" if score.value <= AUC_FAIR else "bad"
    text = f"A boosted tree tells the rows from real ones: AUC {score.value:.3f}, where 0.5 is a guess{because}"
    yield Verdict(level, text, "detector", names, figures)


_MODELS = {
    "utility": "model",
    "utility_linear": "linear model",
    "utility_forest": "random forest",
}


def usefulness(f: Findings) -> Iterator[Verdict]:
    """What a model loses when it learns from the rows in place of real ones; other models where they lose more."""
    if f.skipped("utility") == "no target given":
        yield Verdict(
            "unknown",
            "Whether the rows train a model: unknown without a target to predict",
            "usefulness",
        )
    worst = -1
    for name, model in _MODELS.items():
        score = f.get(name)
        if score is None or score.reference is None:
            continue
        level = _lost(score)
        rank = ("good", "fair", "bad").index(level)
        if rank <= worst:
            continue
        worst = rank
        measure = str(score.detail.get("measure", "score"))
        seen = score.detail.get("test", "holdout") != "holdout"
        text = (
            f"A {model} that learnt from the rows reaches {measure} {score.value:.3f} on "
            f"real rows{' (which the generator has seen)' if seen else ''}; "
            f"one that learnt from real rows, {score.reference.value:.3f}"
        )
        yield Verdict(
            level,
            text,
            "usefulness",
            (),
            {name: score.value, "real": score.reference.value},
        )


def _lost(score: Score) -> Level:
    """How much less than a model of real rows: "good" where that is little, or may be the luck of few test rows."""
    assert score.reference is not None
    gap, interval = score.reference.value - score.value, score.interval
    if (
        interval is None
        and score.n
        and 0 < score.value < 1
        and "classes" in score.detail
    ):
        # A mean over classes has no interval of its own: that of one class of the mean size is wider.
        few = max(score.n // score.detail["classes"], 1)
        interval = auc_interval(score.value, few, max(score.n - few, 1))
    _, high = surely(score, interval)
    if gap <= GAP_GOOD or score.reference.value <= high:
        return "good"
    return "fair" if gap <= GAP_FAIR else "bad"
