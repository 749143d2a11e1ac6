"""Rules of the verdicts on copies and privacy."""

from __future__ import annotations

import math
from collections.abc import Iterator

from synthtab.evaluation.findings import Findings, Level, Verdict, share

COPIES_FAIR = 0.01
NEARER_FAIR = 0.55
RISK_GOOD, RISK_FAIR = 0.05, 0.15


def copies(f: Findings) -> Iterator[Verdict]:
    """Rows that equal a training row, more than rows that were never learnt do."""
    score = f.get("exact_copies")
    if score is None:
        return
    expected, label = (0.0, "") if score.reference is None else (score.reference.value, score.reference.label)
    control = f.rows["holdout"] if label.startswith("holdout") else f.rows["real"]
    pooled = (score.value + expected) / 2
    chance = 3 * math.sqrt(pooled * (1 - pooled) * (1 / f.rows["synthetic"] + 1 / control))
    figures = {"copies": score.value, "beside it": expected}
    beside = f"; of {label}, {share(expected)}" if label else ""
    if score.value - expected > chance:
        level: Level = "bad" if score.value - expected > COPIES_FAIR else "fair"
        yield Verdict(
            level, f"{share(score.value)} of the rows are copies of training rows{beside}", "copies", (), figures
        )
    elif score.value == 0:
        yield Verdict("good", "No row is a copy of a training row", "copies", (), figures)
    else:
        text = f"Training rows do not recur more than chance allows: {share(score.value)} of the rows{beside}"
        yield Verdict("good", text, "copies", (), figures)


def nearer(f: Findings) -> Iterator[Verdict]:
    """Rows that lie nearer to the training rows than to rows that were never seen."""
    score = f.get("nearer_to_train")
    if score is None:
        if f.skipped("nearer_to_train") == "no holdout given":
            text = (
                "Whether the rows lie too near to the training rows: unknown without a holdout (real rows not learnt)"
            )
            yield Verdict("unknown", text, "nearer")
        return
    low = score.value if score.interval is None else score.interval[0]
    figures = {"nearer": score.value, "ideal": 0.5}
    text = f"{share(score.value)} of the rows are nearer to training rows than to rows never seen (50 % is ideal)"
    yield Verdict(
        "good" if low <= 0.5 else "fair" if score.value <= NEARER_FAIR else "bad", text, "nearer", (), figures
    )


def near_copies(f: Findings) -> Iterator[Verdict]:
    """Rows much nearer to a training row than rows of the holdout are."""
    score = f.get("near_copies")
    if score is None or score.reference is None:
        return
    low = score.value if score.interval is None else score.interval[0]
    excess = score.value - score.reference.value
    figures = {"near copies": score.value, "beside it": score.reference.value}
    text = (
        f"{share(score.value)} of the rows are near copies of training rows; {share(score.reference.value)} is chance"
    )
    good = low <= score.reference.value or excess <= COPIES_FAIR
    yield Verdict("good" if good else "fair" if excess <= 4 * COPIES_FAIR else "bad", text, "near copies", (), figures)


_ATTACKS = {
    "membership_auc": "An attacker who guesses which people were in the training table",
    "singling_out": "An attacker who singles out people by values that they alone have",
    "linkability": "An attacker who links two parts of a person's record",
    "attribute_inference": "An attacker who infers a hidden cell of a person in the training table",
}


def attacks(f: Findings) -> Iterator[Verdict]:
    """Attacks on privacy, each against what it reaches without the synthetic rows or by guessing."""
    for name, who in _ATTACKS.items():
        score = f.get(name)
        if score is None:
            if "holdout" in (f.skipped(name) or ""):
                yield Verdict("unknown", f"{who}: unknown without a holdout (real rows not learnt)", name)
            continue
        base = float(name == "membership_auc") / 2 if score.reference is None else score.reference.value
        low = score.value if score.interval is None else score.interval[0]
        excess = score.value - base
        good = low <= base or excess <= RISK_GOOD
        level: Level = "good" if good else "fair" if excess <= RISK_FAIR else "bad"
        result = "gains nothing to speak of" if good else "gains"
        text = f"{who} {result}: {score.title} {score.value:.3f}, where {base:.3f} is nothing gained"
        yield Verdict(level, text, name, (), {name: score.value, "beside it": base})
