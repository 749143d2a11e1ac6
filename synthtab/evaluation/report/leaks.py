"""Rules of the verdicts on copies and privacy.

Each of them compares with what real rows that were not learnt would score, or with a
guess: training rows recur, and lie near to other rows, in any table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from synthtab.core.errors import argument, call
from synthtab.evaluation.metric import Score
from synthtab.evaluation.report.findings import (
    Evidence,
    Level,
    Verdict,
    graded,
    share,
    surely,
    widened,
)

# Limits of "good" and "fair", each in the unit of its score.
COPIES_FAIR = 0.01
NEAR_COPIES_GOOD = 0.01
NEAR_COPIES_FAIR = 0.04
# Near copies that are no more than so many times the copies are the same rows.
SAME_COPIES = 1.5
NEARER_FAIR = 0.55
ATTACK_GOOD = 0.05
ATTACK_FAIR = 0.15
# Share of the people in the training table who are found, beyond chance.
FOUND_GOOD = 0.01
FOUND_FAIR = 0.05
DCR_GOOD = 0.1
DCR_FAIR = 0.3
NNDR_GOOD = 0.05
NNDR_FAIR = 0.15
# The interval of `nearer` does not know that one real row may be the nearest of many:
# it is made this much wider.
NEARER_SURE = 2.5
# Of a guess.
AUC_OF_CHANCE = 0.5
TPR_OF_CHANCE = 0.01
NO_HOLDOUT = "no holdout given"
# Shares of rows nearer to training rows that are surely worth an alarm.
NEARER_MATTERS = 0.6
# A gain of an attacker that the interval must exclude before it is called none.
ATTACK_MATTERS = 0.2
# A tree that tells training rows from holdout rows that well, without any synthetic
# row, says that they are draws of two populations.
DRIFT = 0.6
# Metrics whose own rules are about copies of some kind.
OF_COPIES = ("copied_text", "close_copies", "copied_extremes")
# So many of the copies are named by the number of their row.
ROWS_SHOWN = 5


def copies(evidence: Evidence) -> Iterator[Verdict]:
    """Rows that equal a training row, more of them than chance explains.

    Evidence: the share of such rows beside that of rows that were never learnt. People
    who are alike in all columns are in any table, so that some copies are no fault.
    """
    score = evidence.get("exact_copies")
    if score is None:
        return
    expected = 0.0
    label = ""
    if score.reference is not None:
        expected = score.reference.value
        label = score.reference.label
    # What is expected comes from so many rows.
    control = evidence.rows["holdout" if label.startswith("holdout") else "real"]
    # Three standard deviations of the difference of two shares.
    pooled = (score.value + expected) / 2
    chance = 3 * math.sqrt(
        pooled * (1 - pooled) * (1 / evidence.rows["synthetic"] + 1 / control)
    )
    excess = score.value - expected
    beside = f"; of {label}, {share(expected)}" if label else ""
    figures = {
        "copies": score.value,
        "beside it": expected,
        "rows": list(score.detail.get("rows", ())),
    }
    level: Level = "good"
    if excess > chance:
        level = "bad" if excess > COPIES_FAIR else "fair"
        text = f"{share(score.value)} of the rows are copies of training rows{beside}{_which(score)}"
    elif evidence.speaks(*OF_COPIES):
        return
    elif excess > COPIES_FAIR:
        # Too many to call them chance, too few rows to be sure.
        level = "unknown"
        text = f"Whether rows are copies of training rows: {share(score.value)} are{beside}, too few to tell from chance"
    elif score.value == 0:
        text = "No row is a copy of a training row"
    else:
        text = f"Training rows do not recur more than chance allows: {share(score.value)} of the rows{beside}"
    yield Verdict(level, text, "copies", (), figures)


def _are_copied(evidence: Evidence) -> bool:
    """Whether a rule names copies of training rows, whole ones or of some kind."""
    whole = any(verdict.level in ("fair", "bad") for verdict in copies(evidence))
    return whole or evidence.speaks(*OF_COPIES)


def _which(score: Score) -> str:
    """The first of the rows that are copies: `` (rows 1, 2, 3, 4, 5 and 95 more)``."""
    rows = list(score.detail.get("rows", ()))
    count = int(score.detail.get("copies", 0))
    if not rows:
        return ""
    if count == 1:
        return f" (row {rows[0] + 1:,})"
    named = ", ".join(f"{row + 1:,}" for row in rows[:ROWS_SHOWN])
    more = f" and {count - ROWS_SHOWN:,} more" if count > ROWS_SHOWN else ""
    return f" (rows {named}{more})"


def near_copies(evidence: Evidence) -> Iterator[Verdict]:
    """Rows much nearer to a training row than rows that were never learnt are.

    Evidence: their share, beside that among rows of the holdout.
    """
    score = evidence.get("near_copies")
    if score is None or score.reference is None or drift(evidence):
        return
    chance = score.reference.value
    low, _ = surely(score)
    level: Level = "good"
    if low > chance:
        level = graded(score.value - chance, NEAR_COPIES_GOOD, NEAR_COPIES_FAIR)
    elif rows := rows_that_tell(score, chance, NEAR_COPIES_FAIR, evidence):
        what = "near copies of training rows"
        yield _too_few_rows(what, "near copies", rows, evidence)
        return
    if level == "good" and _are_copied(evidence):
        return
    if level != "good" and _is_said(score.value - chance, evidence):
        return
    text = (
        f"{share(score.value)} of the rows are near copies of training rows; "
        f"{share(chance)} is chance"
    )
    figures = {"near copies": score.value, "beside it": chance}
    yield Verdict(level, text, "near copies", (), figures)


def _is_said(excess: float, evidence: Evidence) -> bool:
    """Whether the rows beside training rows are those that another rule names.

    Copies lie near to training rows, too, and so does what is a copy but for some cells.
    """
    if evidence.speaks("close_copies"):
        return True
    score = evidence.get("exact_copies")
    if score is None or score.reference is None:
        return False
    return excess < SAME_COPIES * (score.value - score.reference.value)


def nearer(evidence: Evidence) -> Iterator[Verdict]:
    """Rows that lie nearer to the training rows than to rows that were never seen.

    Evidence: of all rows, the share whose nearest real row is a training row and not
    one of as many rows of the holdout. Half of them is ideal.
    """
    score = evidence.get("nearer_to_train")
    if score is None or drift(evidence):
        return
    low, high = surely(score, times=NEARER_SURE)
    level: Level = "good"
    if low > 0.5:
        level = "fair" if score.value <= NEARER_FAIR else "bad"
    elif high > NEARER_MATTERS:
        text = (
            "Whether the rows are nearer to training rows than to rows never seen: "
            f"unknown, {len_of(score)} rows are too few to tell"
        )
        yield Verdict("unknown", text, "nearer", (), {"nearer": score.value})
        return
    if level == "good" and _are_copied(evidence):
        return
    text = (
        f"{share(score.value)} of the rows are nearer to training rows "
        "than to rows never seen (50 % is ideal)"
    )
    yield Verdict(level, text, "nearer", (), {"nearer": score.value, "ideal": 0.5})


def clinging(evidence: Evidence) -> Iterator[Verdict]:
    """Rows that cling to training rows as a whole.

    Evidence: distances to the nearest training row, beside those of rows of the
    holdout. Where they are right nothing is said: other rules do.
    """
    yield from _too_short(
        evidence,
        "dcr",
        (DCR_GOOD, DCR_FAIR),
        "Half of the rows lie within {value:.2f} times the distance to their nearest "
        "training row at which half of the holdout rows lie",
    )
    yield from _too_short(
        evidence,
        "nndr",
        (NNDR_GOOD, NNDR_FAIR),
        "The rows cling to single training rows: half of them have a nearest one at most "
        "{value:.2f} times as far as the second; of holdout rows, {beside:.2f} times",
    )


def _too_short(
    evidence: Evidence, name: str, limits: tuple[float, float], sentence: str
) -> Iterator[Verdict]:
    """The sentence, if the distances are shorter than chance explains."""
    score = evidence.get(name)
    if score is None or score.reference is None or drift(evidence):
        return
    beside = score.reference.value
    _, high = surely(score)
    level = graded(beside - score.value, *limits)
    if high >= beside or level == "good":
        return
    text = sentence.format(value=score.value, beside=beside)
    yield Verdict(level, text, name, (), {name: score.value, "beside it": beside})


# Attack -> who makes it, in the order in which they are read.
ATTACKERS = {
    "membership_auc": "An attacker who guesses which people were in the training table",
    "singling_out": "An attacker who singles out people by values that they alone have",
    "linkability": "An attacker who links two parts of a person's record",
    "attribute_inference": "An attacker who infers a hidden cell of a person in the training table",
}
# The same attacks, as what cannot be judged.
GAINS = {
    "membership_auc": "who was in the training table",
    "singling_out": "singling people out",
    "linkability": "linking parts of a record",
    "attribute_inference": "inferring hidden cells",
}


def attacks(evidence: Evidence) -> Iterator[Verdict]:
    """Attacks on privacy that gain from the synthetic rows.

    Evidence: what each attack reaches, beside what it reaches without the synthetic
    rows or by guessing.
    """
    if drift(evidence):
        return
    for name, attacker in ATTACKERS.items():
        score = evidence.get(name)
        if score is None:
            continue
        if score.reference is not None:
            base = score.reference.value
        else:
            base = AUC_OF_CHANCE if name == "membership_auc" else 0.0
        low, _ = surely(score)
        level: Level = "good"
        if low > base:
            level = graded(score.value - base, ATTACK_GOOD, ATTACK_FAIR)
        elif rows := rows_that_tell(score, base, ATTACK_MATTERS, evidence):
            yield _too_few_rows(GAINS[name], name, rows, evidence)
            continue
        result = "gains nothing to speak of" if level == "good" else "gains"
        text = (
            f"{attacker} {result}: {score.title} {score.value:.3f}, "
            f"where {base:.3f} is nothing gained"
        )
        figures = {name: score.value, "beside it": base}
        yield Verdict(level, text, name, (), figures)


def surely_found(evidence: Evidence) -> Iterator[Verdict]:
    """People whom an attacker finds with hardly an error, however well others are
    hidden.

    Evidence: the share of the people in the training table who are found where one in a
    hundred of the others is found wrongly.
    """
    score = evidence.get("membership_tpr")
    if score is None or drift(evidence):
        return
    chance = TPR_OF_CHANCE if score.reference is None else score.reference.value
    low, _ = surely(score)
    level = graded(score.value - chance, FOUND_GOOD, FOUND_FAIR)
    if low <= chance or level == "good":
        return
    text = (
        f"An attacker is all but sure of {share(score.value)} of the people in the training table, "
        f"where {share(chance)} is chance"
    )
    figures = {"membership_tpr": score.value, "beside it": chance}
    yield Verdict(level, text, "membership_tpr", (), figures)


def drifting(evidence: Evidence) -> Iterator[Verdict]:
    """A holdout that is no draw of the population of the training table.

    Rows of another year or place differ from the training rows by themselves, so that an
    attacker finds those who were learnt without any synthetic row.
    """
    auc = drift(evidence)
    if auc is None:
        return
    text = (
        "The holdout is of another time, place or kind than the training table: a tree "
        f"tells the two apart without any synthetic row (AUC {auc:.3f}). So what the "
        "rows tell about the people in the training table is unknown: hold out rows at "
        "random"
    )
    yield Verdict("unknown", text, "drift", (), {"drift": auc})


def drift(evidence: Evidence) -> float | None:
    """AUC of training rows against holdout rows, if it says that they differ."""
    score = evidence.get("membership_auc")
    if score is None or "drift" not in score.detail:
        return None
    found = score.detail["drift"]
    auc = float(found["auc"])
    low, high = found["interval"]
    low, _ = widened(auc, (low, high))
    return auc if auc > DRIFT and low > AUC_OF_CHANCE else None


def rows_that_tell(
    score: Score, base: float, matters: float, evidence: Evidence
) -> int:
    """How many holdout rows would tell whether there is a gain that matters; 0 if these do.

    An interval is as wide as the root of the number of rows is small.

    Args:
        score: Of an attack, with its interval.
        base: What is nothing gained.
        matters: A gain that would be an alarm.
        evidence: Says how many holdout rows there are.
    """
    _, high = score.interval or (score.value, score.value)
    if high <= base + matters:
        return 0
    # What the half width of the interval may be, for a value of no gain.
    wanted = max(base + matters - score.value, matters / 3)
    rows = evidence.rows["holdout"] * ((high - score.value) / wanted) ** 2
    # Two digits, rounded up.
    unit = 10.0 ** max(math.floor(math.log10(max(rows, 1))) - 1, 0)
    return int(math.ceil(rows / unit) * unit)


def _too_few_rows(what: str, rule: str, rows: int, evidence: Evidence) -> Verdict:
    """That the holdout is too small to judge something, and how many rows would tell."""
    there = evidence.rows["holdout"]
    text = f"{_too_few_for(there, what)}: about {rows:,} would tell"
    figures = {"holdout rows": there, "needed": rows, "unknown": what}
    return Verdict("unknown", text, rule, (), figures)


def _too_few_for(there: int, what: str) -> str:
    return f"The {there:,} rows of the holdout are too few to judge {what}"


def one_of_too_few(found: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts; several that lack holdout rows are one, where the first was."""
    lacking = [verdict for verdict in found if "needed" in verdict.figures]
    if len(lacking) < 2:
        return list(found)
    there = lacking[0].figures["holdout rows"]
    parts = [f"{v.figures['unknown']} ({v.figures['needed']:,})" for v in lacking]
    text = (
        f"{_too_few_for(there, ', '.join(parts))}: "
        "in brackets, about how many rows would tell"
    )
    needed = {verdict.rule: verdict.figures["needed"] for verdict in lacking}
    figures = {
        "holdout rows": there,
        "needed": max(needed.values()),
        "needed for each": needed,
    }
    one = replace(lacking[0], text=text, rule="too few rows", figures=figures)
    merged = []
    for verdict in found:
        if verdict is lacking[0]:
            merged.append(one)
        elif verdict not in lacking:
            merged.append(verdict)
    return merged


def len_of(score: Score) -> str:
    """The number of rows that a score rests on, for a sentence."""
    return f"{score.n:,}" if score.n else "the"


def unseen(evidence: Evidence) -> Iterator[Verdict]:
    """What nobody can say without real rows that were not learnt, and how to get them.

    Evidence: the metrics that were skipped since there is no holdout.
    """
    unknown = [
        metric.unknown
        for metric in evidence.metrics
        if metric.unknown and evidence.skipped(metric.name) == NO_HOLDOUT
    ]
    if not unknown:
        return
    each_once = dict.fromkeys(unknown)
    text = (
        f"Unknown without a holdout (real rows not learnt): {', '.join(each_once)}. "
        f"Give one with {argument('holdout')}, or the rows that fit held out with "
        f"{call('Synthesizer.split')}"
    )
    yield Verdict("unknown", text, "holdout")
