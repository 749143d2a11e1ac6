"""What is said and shown of rows that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.metric import Score
from synthtab.evaluation.report.findings import (
    Evidence,
    Level,
    Verdict,
    share,
    surely,
)
from synthtab.evaluation.report.section import Section, render
from synthtab.evaluation.report.text import clean, shorten
from synthtab.evaluation.views import Tables

RULE = "impossible rows"
# Percent of the rows beyond real ones: up to the first it is good, up to the second
# fair.
GOOD = 0.5
FAIR = 2.0
FIGURES = {
    "synthetic",
    "real",
    "luck",
    "relations",
    "number broken",
    "number of relations",
}
# Relations that the verdict tells, and characters of each, there and in the conclusion.
TOLD = 2
LONG = 104
SHORT = 76
SUCH_AS = 60


def impossible(evidence: Evidence) -> Iterator[Verdict]:
    """Rows that break what all real rows hold, and what they break.

    Evidence: the share of such rows, beside that of other real rows.
    """
    score = evidence.get("impossible_rows")
    # A score of another version may carry less.
    if score is None or not score.detail.keys() >= FIGURES:
        return
    synthetic, real = score.detail["synthetic"], score.detail["real"]
    relations = score.detail["relations"]
    _, high = surely(score)
    figures = {"impossible_rows": score.value, "synthetic": synthetic, "real": real}
    beside = f"of other real rows {share(real)}"
    if _is_broken(score):
        level: Level = "fair" if score.value <= FAIR else "bad"
        text = f"{share(synthetic)} of the rows are impossible, {beside}"
        worst = relations[:TOLD]
        if worst:
            text += f": {'; '.join(_told(one) for one in worst)}"
            more = score.detail["number broken"] - len(worst)
            text += f"; and {more} more" if more > 0 else ""
            fault = shorten(worst[0]["brief"], SHORT)
            short = f"{share(synthetic)} of rows are impossible: {fault}"
            figures["short"] = short
        columns = tuple(dict.fromkeys(c for one in worst for c in one["columns"]))
        yield Verdict(level, text, RULE, columns, figures)
        return
    if high > FAIR:
        text = (
            f"Whether rows are impossible is unknown: {share(synthetic)} break what real "
            f"rows hold, {beside}; there are too few rows to tell from chance"
        )
        yield Verdict("unknown", text, RULE, (), figures)
        return
    if evidence.speaks("stray_rows"):
        return
    count = score.detail["number of relations"]
    text = (
        f"Rows are as possible as real ones: {share(synthetic)} break one of {count} "
        f"relations, {beside}"
    )
    if relations:
        text += f"; the worst: {_told(relations[0])}"
    yield Verdict("good", text, RULE, (), figures)


def _is_broken(score: Score) -> bool:
    """Whether more rows are impossible than are worth a word, and than luck explains."""
    return score.value > GOOD and bool(score.detail["luck"] < chance.LUCK)


def named_pairs(evidence: Evidence) -> set[frozenset[str]]:
    """Pairs of columns of relations that rows are said to break."""
    score = evidence.get("impossible_rows")
    if score is None or not score.detail.keys() >= FIGURES or not _is_broken(score):
        return set()
    told = score.detail.get("relations", [])
    return {frozenset(one["columns"]) for one in told if len(one["columns"]) == 2}


def _told(one: Mapping[str, Any]) -> str:
    """A broken relation, how often, and how mostly."""
    such = ""
    if one["such as"] not in ("", one["fault"]):
        such = f", such as {shorten(one['such as'], SUCH_AS)}"
    return f"{shorten(one['fault'], LONG)} ({share(one['synthetic'])}{such})"


def section(tables: Tables, streams: Streams, score: Score) -> Section | None:
    """The relations that are broken, with synthetic rows that break them."""
    relations = [
        {
            "says": clean(one["says"]),
            "fault": clean(one["fault"]),
            "such_as": "" if one["such as"] == one["fault"] else clean(one["such as"]),
            "synthetic": share(one["synthetic"]),
            "real": share(one["real"]),
            "columns": [clean(name) for name in one["columns"]],
            "examples": [
                [clean(row[name]) for name in one["columns"]] for row in one["examples"]
            ],
        }
        for one in score.detail["relations"]
    ]
    if not relations:
        return None
    return Section(
        "impossible",
        "Impossible rows",
        "Rows that cannot be, and what they break",
        render("impossible.html", relations=relations, score=score.detail, share=share),
    )
