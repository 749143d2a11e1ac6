"""The figures of a report as a DataFrame: a row for each score, column and pair."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from synthtab.evaluation.metric import Score
from synthtab.evaluation.report.findings import LEVELS, Level, Verdict
from synthtab.evaluation.report.verdicts import verdicts

if TYPE_CHECKING:
    from synthtab.evaluation.report.report import Report

# The columns of the frame, and what each is.
COLUMNS = {
    "metric": "name of the score, as in `Report.score`",
    "family": "what it is about: fidelity, detection, utility, ...",
    "column": "the column that the figure is about; missing for the whole table",
    "other": "the second column of a pair; missing otherwise",
    "score": "the figure; missing where it was skipped",
    "low": "lower end of its interval of about 95 %, where there is one",
    "high": "upper end",
    "floor": "what a perfect sampler or real rows score, where that is known",
    "unit": '"%" or ""',
    "better": '"higher", "lower" or "ideal"',
    "verdict": "the worst that is said of the figure: bad, fair, unknown or good; "
    "missing where nothing is said",
}
# How a detail joins the names of a pair.
JOINED = " + "

Row = dict[str, Any]


def of_report(report: Report) -> pd.DataFrame:
    """A row for each score, then rows for its columns and its worst pairs."""
    rows: list[Row] = []
    names = {*report.tables.get("numeric", ()), *report.tables.get("categorical", ())}
    for score in report.scores:
        said = _said_of(score, report)
        rows += _rows(score, said, names)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(score: Score, said: Sequence[Verdict], names: set[str]) -> Iterator[Row]:
    """The row of the whole table, of each column, and of each pair that is known."""
    low, high = score.interval or (math.nan, math.nan)
    floor = math.nan if score.reference is None else score.reference.value
    yield _row(score, score.value, _worst(said)) | {
        "low": low,
        "high": high,
        "floor": floor,
    }
    floors = score.detail.get("floors")
    for name, value in score.detail.get("columns", {}).items():
        about_it = [verdict for verdict in said if name in verdict.columns]
        row = _row(score, value, _worst(about_it)) | {"column": name}
        if isinstance(floors, Mapping):
            row["floor"] = floors.get(name, math.nan)
        yield row
    # Without their number, pairs are something else than the figures of this score.
    if "number of pairs" not in score.detail:
        return
    for joined, value in score.detail.get("pairs", {}).items():
        first, second = _parted(joined, names)
        both = [verdict for verdict in said if {first, second} <= set(verdict.columns)]
        yield _row(score, value, _worst(both)) | {"column": first, "other": second}


def _row(score: Score, value: float, verdict: Level | None) -> Row:
    return {
        "metric": score.name,
        "family": score.family,
        "column": None,
        "other": None,
        "score": value,
        "low": math.nan,
        "high": math.nan,
        "floor": math.nan,
        "unit": score.unit,
        "better": score.better,
        "verdict": verdict,
    }


def _parted(joined: str, names: set[str]) -> tuple[str, str]:
    """The two columns of ``a + b``, whatever their names hold."""
    parts = joined.split(JOINED)
    for end in range(1, len(parts)):
        first = JOINED.join(parts[:end])
        second = JOINED.join(parts[end:])
        if first in names and second in names:
            return first, second
    return joined, ""


def _said_of(score: Score, report: Report) -> list[Verdict]:
    """The verdicts of the report that rest on this score alone.

    Those are what the rules say who see no other score, as far as the report says it
    too: with the others in sight, some rules are silent.
    """
    rules = [metric for metric in report.metrics if metric.name == score.name]
    alone = verdicts((score,), report.tables.get("rows", {}), rules)
    told = {(verdict.rule, verdict.text) for verdict in report.verdicts}
    return [
        verdict
        for verdict in alone
        # What is unknown of several scores is told in one sentence.
        if verdict.level == "unknown"
        or (verdict.rule, report.wording(verdict.text)) in told
    ]


def _worst(said: Iterable[Verdict]) -> Level | None:
    return min((verdict.level for verdict in said), key=LEVELS.index, default=None)
