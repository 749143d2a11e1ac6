"""Rules of the verdicts on copies and privacy."""

from __future__ import annotations

import math
from collections.abc import Iterator

from synthtab.evaluation.findings import Findings, Level, Verdict, share, surely
from synthtab.evaluation.metric import Score

COPIES_FAIR = 0.01
NEARER_FAIR = 0.55
NEAREST = 2.5  # times the interval, which does not know that one real row is the nearest of many rows
RISK_GOOD, RISK_FAIR = 0.05, 0.15
FOUND_GOOD, FOUND_FAIR = 0.01, 0.05  # of the members, beyond chance
DCR_GOOD, DCR_FAIR = 0.1, 0.3
NNDR_GOOD, NNDR_FAIR = 0.05, 0.15
NO_HOLDOUT = "no holdout given"
SHOWN = 5


def copies(f: Findings) -> Iterator[Verdict]:
    """Rows that equal a training row, more than rows that were never learnt do."""
    score = f.get("exact_copies")
    if score is None:
        return
    expected, label = (
        (0.0, "")
        if score.reference is None
        else (score.reference.value, score.reference.label)
    )
    control = f.rows["holdout"] if label.startswith("holdout") else f.rows["real"]
    pooled = (score.value + expected) / 2
    chance = 3 * math.sqrt(
        pooled * (1 - pooled) * (1 / f.rows["synthetic"] + 1 / control)
    )
    figures = {
        "copies": score.value,
        "beside it": expected,
        "rows": list(score.detail.get("rows", ())),
    }
    beside = f"; of {label}, {share(expected)}" if label else ""
    if score.value - expected > chance:
        level: Level = "bad" if score.value - expected > COPIES_FAIR else "fair"
        text = f"{share(score.value)} of the rows are copies of training rows{beside}{_which(score)}"
        yield Verdict(level, text, "copies", (), figures)
    elif score.value == 0:
        yield Verdict(
            "good", "No row is a copy of a training row", "copies", (), figures
        )
    else:
        text = f"Training rows do not recur more than chance allows: {share(score.value)} of the rows{beside}"
        yield Verdict("good", text, "copies", (), figures)


def nearer(f: Findings) -> Iterator[Verdict]:
    """Rows that lie nearer to the training rows than to rows that were never seen."""
    score = f.get("nearer_to_train")
    if score is None:
        return
    low, _ = surely(score, times=NEAREST)
    figures = {"nearer": score.value, "ideal": 0.5}
    text = f"{share(score.value)} of the rows are nearer to training rows than to rows never seen (50 % is ideal)"
    yield Verdict(
        "good" if low <= 0.5 else "fair" if score.value <= NEARER_FAIR else "bad",
        text,
        "nearer",
        (),
        figures,
    )


def near_copies(f: Findings) -> Iterator[Verdict]:
    """Rows much nearer to a training row than rows of the holdout are."""
    score = f.get("near_copies")
    if score is None or score.reference is None:
        return
    low, _ = surely(score)
    excess = score.value - score.reference.value
    figures = {"near copies": score.value, "beside it": score.reference.value}
    text = f"{share(score.value)} of the rows are near copies of training rows; {share(score.reference.value)} is chance"
    good = low <= score.reference.value or excess <= COPIES_FAIR
    yield Verdict(
        "good" if good else "fair" if excess <= 4 * COPIES_FAIR else "bad",
        text,
        "near copies",
        (),
        figures,
    )


_DISTANCES = {
    "dcr": (
        DCR_GOOD,
        DCR_FAIR,
        "Half of the rows lie within {value:.2f} times the distance to their nearest training "
        "row at which half of the holdout rows lie",
    ),
    "nndr": (
        NNDR_GOOD,
        NNDR_FAIR,
        "The rows cling to single training rows: half of them have a nearest one at most "
        "{value:.2f} times as far as the second; of holdout rows, {beside:.2f} times",
    ),
}


def clinging(f: Findings) -> Iterator[Verdict]:
    """Rows that cling to training rows as a whole; nothing is said where they do not, as other rules do."""
    for name, (good, fair, says) in _DISTANCES.items():
        score = f.get(name)
        if score is None or score.reference is None:
            continue
        beside = score.reference.value
        _, high = surely(score)
        short = beside - score.value
        if high >= beside or short <= good:
            continue
        level: Level = "fair" if short <= fair else "bad"
        figures = {name: score.value, "beside it": beside}
        yield Verdict(
            level, says.format(value=score.value, beside=beside), name, (), figures
        )


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
            continue
        base = (
            float(name == "membership_auc") / 2
            if score.reference is None
            else score.reference.value
        )
        low, _ = surely(score)
        excess = score.value - base
        good = low <= base or excess <= RISK_GOOD
        level: Level = "good" if good else "fair" if excess <= RISK_FAIR else "bad"
        result = "gains nothing to speak of" if good else "gains"
        text = f"{who} {result}: {score.title} {score.value:.3f}, where {base:.3f} is nothing gained"
        yield Verdict(level, text, name, (), {name: score.value, "beside it": base})


def surely_found(f: Findings) -> Iterator[Verdict]:
    """People whom an attacker finds with hardly an error, however well the others are hidden."""
    score = f.get("membership_tpr")
    if score is None:
        return
    base = 0.01 if score.reference is None else score.reference.value
    low, _ = surely(score)
    excess = score.value - base
    if low <= base or excess <= FOUND_GOOD:
        return
    text = (
        f"An attacker is all but sure of {share(score.value)} of the people in the training table, "
        f"where {share(base)} is chance"
    )
    figures = {"membership_tpr": score.value, "beside it": base}
    yield Verdict(
        "fair" if excess <= FOUND_FAIR else "bad", text, "membership_tpr", (), figures
    )


_UNSEEN = {
    "nearer_to_train": "whether the rows lie too near to training rows",
    "near_copies": "whether the rows lie too near to training rows",
    "dcr": "whether the rows lie too near to training rows",
    "nndr": "whether the rows lie too near to training rows",
    "membership_auc": "whether they tell who is in the training table",
    "membership_tpr": "whether they tell who is in the training table",
    "singling_out": "single people out",
    "linkability": "link parts of a record",
    "attribute_inference": "give away hidden cells",
}


def unseen(f: Findings) -> Iterator[Verdict]:
    """What nobody can say without real rows that were not learnt, and how to get them."""
    missing = tuple(
        dict.fromkeys(
            what for name, what in _UNSEEN.items() if f.skipped(name) == NO_HOLDOUT
        )
    )
    if missing:
        text = (
            f"Unknown without a holdout (real rows not learnt): {', '.join(missing)}. "
            "Give one with --holdout, or the rows that fit held out with --model"
        )
        yield Verdict("unknown", text, "holdout")


def _which(score: Score) -> str:
    """The first of the rows that are copies."""
    rows, count = list(score.detail.get("rows", ())), int(score.detail.get("copies", 0))
    if not rows:
        return ""
    if count == 1:
        return f" (row {rows[0] + 1:,})"
    named = ", ".join(f"{row + 1:,}" for row in rows[:SHOWN])
    return f" (rows {named}{f' and {count - SHOWN:,} more' if count > SHOWN else ''})"
