"""What a report comes to: two sentences, and the worst findings.

`concluded` asks the verdicts alone, and says nothing that they do not. Whatever the rows
are good for needs a verdict that says so, from the rule that can: without it a use is
not judged. A leak that was looked for and not found is no proof that there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synthtab.evaluation.metric import FamilyName
from synthtab.evaluation.report.findings import (
    ABOUT_PEOPLE,
    LEVELS,
    Level,
    Verdict,
    joined,
    quote,
)
from synthtab.evaluation.report.leaks import GAINS

# Most findings that are told at once.
WORST_SHOWN = 3
# Columns that the sentence about the uses names.
COLUMNS_SHOWN = 2

# Family of a verdict -> what the rows may be used for.
USE_OF_FAMILY: Mapping[FamilyName, str] = {
    "fidelity": "columns",
    "coverage": "columns",
    "detection": "together",
    "utility": "model",
}
# Rules of these families that are about several columns, or whole rows.
TOGETHER = frozenset(
    {
        "detached",
        "missing at random",
        "pair",
        "invented tie",
        "ties",
        "sign",
        "triple",
        "weaker",
        "curve",
        "stray",
        "group",
        "within",
        "combination",
        "order",
        "impossible rows",
        "repeats",
        "missing together",
        "reach",
    }
)
# Use -> the rules without whose word "good" nobody can say that the rows serve it.
PROOF_OF_USE: Mapping[str, frozenset[str]] = {
    "columns": frozenset({"shape"}),
    "together": frozenset({"ties", "detector"}),
    "model": frozenset({"usefulness"}),
}

# It says that the holdout was mended, not that the rows leak.
NO_LEAK = "holdout"
PROOF_OF_SAFETY = frozenset({"copies", "near copies", "membership_auc"})
# Rule -> what leaks, where it speaks.
LEAKS = {
    "copies": "rows are copies of training rows",
    "near copies": "rows are near copies of training rows",
    "nearer": "rows lie nearer to training rows than to others",
    "dcr": "rows cling to training rows",
    "nndr": "rows cling to training rows",
    "copied text": "keys or texts of the training table come back",
    "extremes": "extreme training rows come back all but unchanged",
    "membership_auc": "an attacker can tell who was in the training table",
    "membership_tpr": "an attacker is all but sure of some people",
    "singling_out": "an attacker can single people out",
    "linkability": "an attacker can link parts of a record",
    "attribute_inference": "an attacker can infer hidden cells",
}
# Rule -> why it is unknown what leaks.
DOUBTS = {
    "holdout": "there is no holdout of real rows that were not learnt",
    "drift": "the holdout is of another time, place or kind than the training table",
    "nearer": "too few rows tell whether they lie nearer to training rows",
    "copies": "too few rows tell whether copies are chance",
}


@dataclass(frozen=True)
class Statement:
    """One sentence of a conclusion.

    Attributes:
        level: As of a verdict; "unknown" where nothing was judged.
        text: The sentence.
    """

    level: Level
    text: str


@dataclass(frozen=True)
class Conclusion:
    """What a report comes to.

    Attributes:
        use: What the rows can be used for.
        safety: Whether they leak what they were learnt from.
        worst: At most three verdicts that are bad or, where fewer are, fair.
    """

    use: Statement
    safety: Statement
    worst: tuple[Verdict, ...]


def concluded(verdicts: Sequence[Verdict], target: str | None = None) -> Conclusion:
    """The conclusion of a report.

    Args:
        verdicts: All of them, the bad ones first.
        target: The column that models predict.
    """
    return Conclusion(_use(verdicts, target), _safety(verdicts), _worst(verdicts))


def _worst(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The first verdict of each rule, then the others, in the order of the verdicts."""
    findings = [v for v in verdicts if v.level in ("bad", "fair")]
    seen: set[tuple[str, str]] = set()
    again: list[bool] = []
    for verdict in findings:
        again.append((verdict.level, verdict.rule) in seen)
        seen.add((verdict.level, verdict.rule))

    def rank(place: int) -> tuple[int, bool]:
        return LEVELS.index(findings[place].level), again[place]

    # The sort is stable.
    chosen = sorted(range(len(findings)), key=rank)[:WORST_SHOWN]
    return tuple(findings[place] for place in sorted(chosen))


# --- what the rows can be used for ---------------------------------------------------


def _use(verdicts: Sequence[Verdict], target: str | None) -> Statement:
    """Uses of one level are told together, those that the rows serve first."""
    of_target = "" if target is None else f" to predict {quote(target)}"
    names = {
        "columns": "statistics of single columns",
        "together": "questions about several columns at once",
        "model": f"training a model{of_target}",
    }
    found: dict[str, list[Verdict]] = {use: [] for use in names}
    for verdict in verdicts:
        if verdict.family not in ABOUT_PEOPLE:
            together = verdict.rule in TOGETHER
            use = "together" if together else USE_OF_FAMILY[verdict.family]
            found[use].append(verdict)

    levels = {use: _level(found[use], PROOF_OF_USE[use]) for use in names}
    parts: list[str] = []
    beginnings: Mapping[Level | None, str] = {
        "good": "usable for",
        "fair": "with care for",
        "bad": "not for",
        "unknown": "unknown for",
        None: "not judged for",
    }
    for level, beginning in beginnings.items():
        uses = [use for use in names if levels[use] == level]
        if not uses:
            continue
        if level == "fair" and not parts:
            beginning = "usable with care for"
        if level == "bad" and not parts:
            beginning = "not usable for"
        told = [names[use] + _reason(level, found[use]) for use in uses]
        # Of what is not, each is meant: "not for a or b".
        word = "and" if level in ("good", "fair") else "or"
        parts.append(f"{beginning} {joined(told, word)}")
    judged = [level for level in levels.values() if level is not None]
    # Nobody who gave no target asked for a model.
    if target is None and levels["model"] == "unknown":
        judged.remove("unknown")
    return Statement(_worst_level(judged), _sentence("; ".join(parts)))


def _level(found: Sequence[Verdict], proof: frozenset[str]) -> Level | None:
    """The level of a use; None if nothing was found that would prove it."""
    levels = [verdict.level for verdict in found]
    if "bad" in levels:
        return "bad"
    if "fair" in levels:
        return "fair"
    good = {verdict.rule for verdict in found if verdict.level == "good"}
    if proof <= good:
        return "good"
    return "unknown" if "unknown" in levels else None


def _reason(level: Level | None, found: Sequence[Verdict]) -> str:
    """What stands in brackets behind a use: how much was found, or what is unknown."""
    if level in ("bad", "fair"):
        findings = [verdict for verdict in found if verdict.level == level]
        count = len(findings)
        # What anybody sees who knows the table.
        quoted = [v.figures["short"] for v in findings if "short" in v.figures]
        text = f"{count} {level} finding{'s' if count > 1 else ''}"
        columns = list(dict.fromkeys(name for v in findings for name in v.columns))
        if columns and all(verdict.own for verdict in findings):
            # Each is at fault by itself.
            shown = [quote(name, 24) for name in columns[:COLUMNS_SHOWN]]
            more = len(columns) - len(shown)
            text += f" in {joined([*shown, f'{more} more'] if more else shown)}"
        if quoted:
            text += f", {quoted[0]}"
        return f" ({text})"
    doubts = [verdict for verdict in found if verdict.level == "unknown"]
    if any(verdict.rule == "usefulness" for verdict in doubts):
        # Without figures there was nothing to measure.
        measured = any(verdict.figures for verdict in doubts)
        why = "real rows hardly train one" if measured else "no target was given"
        return f" ({why})"
    return " (some of it unknown: too few rows)" if doubts else ""


# --- whether they are safe -----------------------------------------------------------


def _safety(verdicts: Sequence[Verdict]) -> Statement:
    """The worst that was found; without a finding, what stayed unknown."""
    found = [verdict for verdict in verdicts if verdict.family in ABOUT_PEOPLE]
    doubt = _doubt([verdict for verdict in found if verdict.level == "unknown"])
    good = {verdict.rule for verdict in found if verdict.level == "good"}
    beginnings: Mapping[Level, str] = {"bad": "Not safe", "fair": "Perhaps not safe"}
    for level, beginning in beginnings.items():
        leaks = [
            LEAKS.get(verdict.rule, verdict.text)
            for verdict in found
            if verdict.level == level and verdict.rule != NO_LEAK
        ]
        if leaks:
            text = f"{beginning} to share: {joined(list(dict.fromkeys(leaks)))}"
            if doubt:
                text += "; what else leaks is unknown"
            return Statement(level, _sentence(text))
    known = "no row is more of a copy than chance allows" if "copies" in good else ""
    if doubt:
        text = f"Whether they are safe to share is unknown: {doubt}"
        return Statement("unknown", _sentence(f"{text}; {known}" if known else text))
    if good >= PROOF_OF_SAFETY:
        text = f"No leak was found, which is no guarantee: {known}"
        gained = [told for rule, told in GAINS.items() if rule in good]
        text += f", and an attacker gains nothing to speak of at {joined(gained)}"
        return Statement("good", _sentence(text))
    text = "Whether they are safe to share was not judged"
    return Statement("unknown", _sentence(f"{text}; {known}" if known else text))


def _doubt(unknown: Sequence[Verdict]) -> str:
    """Why it is unknown whether the rows are safe; "" if it is known."""
    for verdict in unknown:
        if "needed" in verdict.figures:
            there = verdict.figures["holdout rows"]
            needed = verdict.figures["needed"]
            return (
                f"the {there:,} rows of the holdout are too few, about {needed:,} "
                "would tell"
            )
        return DOUBTS.get(verdict.rule, verdict.text)
    return ""


def _worst_level(levels: Sequence[Level]) -> Level:
    return min(levels, key=LEVELS.index, default="unknown")


def _sentence(text: str) -> str:
    """With a capital letter; verdicts end without a full stop, too."""
    return text[:1].upper() + text[1:]
