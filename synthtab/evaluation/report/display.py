"""A report, a comparison and an augmentation study in a notebook: one screen each.

What stands there is what the text and the page say, shortened: the conclusion, the
verdicts that matter, a score of each family. The rest is folded, or named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from synthtab.core.errors import DataError
from synthtab.core.notebook import Html, badge, block, folded, sentence, table
from synthtab.evaluation.metric import Score, headlines
from synthtab.evaluation.report.findings import LEVELS
from synthtab.evaluation.report.study_chart import charts
from synthtab.evaluation.report.text import clean, figure, short_names

if TYPE_CHECKING:
    from synthtab.evaluation.report.compare import Comparison, Line
    from synthtab.evaluation.report.report import Report

# What fits a screen: verdicts of a report; answers, arms and notes of a study.
MOST_VERDICTS = 8
MOST_ANSWERS = 4
MOST_ARMS = 12
MOST_NOTES = 4
# Tables of a comparison that are told of, and letters of their names.
MOST_TABLES = 12
NAME_LENGTH = 16
SCORE_HEADINGS = ("", "score", "95 % from", "beside it", "")
SCORE_NUMBERS = (1, 2, 3)
# What a study answers -> the level whose colour says so.
LEVEL_OF_ANSWER = {"helps": "good", "hurts": "bad"}


def of_report(report: Report) -> Html:
    """The conclusion, the worst verdicts, and the first score of each family."""
    parts = [sentence(line, soft=True) for line in report.facts()[1:]]
    if report.verdicts:
        parts += _verdicts(report)
    shown = headlines(report.scores)
    # A score that was skipped says nothing that a verdict does not.
    first_of_family = {score.family: score for score in reversed(shown) if score.ok}
    first = [score for score in shown if first_of_family.get(score.family) is score]
    if first:
        rows = [_score(score) for score in first]
        parts.append(table(rows, SCORE_HEADINGS, numbers=SCORE_NUMBERS))
    everything = [_score(score) for score in report.scores]
    parts += [
        folded(
            f"All {len(everything)} scores",
            table(
                everything,
                SCORE_HEADINGS,
                numbers=SCORE_NUMBERS,
                most=len(everything),
            ),
        ),
        sentence(
            "frame() has all figures, plot(column) draws a column, print() tells all "
            "verdicts, to_html() is a page with pictures",
            soft=True,
        ),
    ]
    facts = report.facts()
    return block(facts[0] if facts else "Report", *parts)


def _verdicts(report: Report) -> list[Html]:
    """The conclusion, then verdicts as a report tells them, without the good ones."""
    conclusion = report.conclusion
    told = report.in_order()
    waiting = [verdict for verdict in told if verdict.level != "good"] or told[:1]
    shown = waiting[:MOST_VERDICTS]
    left = Counter(verdict.level for verdict in report.verdicts)
    left.subtract(verdict.level for verdict in shown)
    counts = [f"{left[level]} more {level}" for level in LEVELS if left[level]]
    statements = (conclusion.use, conclusion.safety)
    parts = [
        table([(badge(one.level), one.text) for one in statements]),
        table([(badge(one.level), one.text) for one in shown]),
    ]
    if counts:
        parts.append(sentence(", ".join(counts), soft=True))
    return parts


def _score(score: Score) -> tuple[str, ...]:
    """The cells of a score below `SCORE_HEADINGS`."""
    if not score.ok:
        return (score.title, "", "", "", score.status)
    interval = ""
    if score.interval is not None:
        low, high = (figure(end, score.unit) for end in score.interval)
        interval = f"{low} to {high}"
    value = figure(score.value, score.unit)
    if score.reference is None:
        return (score.title, value, interval, "", "")
    beside = figure(score.reference.value, score.unit)
    return (score.title, value, interval, beside, score.reference.label)


def of_comparison(comparison: Comparison) -> Html:
    """What each table is usable for, and the first score of each family, side by side.

    The best figure of a line is marked.
    """
    names = list(comparison.reports)
    concluded = []
    for name, report in comparison.reports.items():
        if report.verdicts:
            told = report.conclusion
            levels = (badge(told.use.level), badge(told.safety.level))
            concluded.append((name, *levels, report.summary()))
    lines = comparison.rows()
    first_of_family = {
        line.family: line for line in reversed(lines) if not line.skipped
    }
    first = [line for line in lines if first_of_family.get(line.family) is line]
    headings = (
        "",
        "possible",
        *short_names([clean(name) for name in names], NAME_LENGTH),
    )
    numbers = range(1, len(headings))

    def cells(line: Line) -> tuple[str, ...]:
        marked = [
            f"{value}{' *' if best else ''}"
            for value, best in zip(line.values, line.best, strict=True)
        ]
        return (line.title, line.reference, *marked)

    parts = []
    if concluded:
        told_of = ("", "use", "sharing", "verdicts")
        parts.append(table(concluded, told_of, most=MOST_TABLES))
    parts.append(table([cells(line) for line in first], headings, numbers=numbers))
    everything = [cells(line) for line in lines]
    parts += [
        sentence("* the best of its line, as far as can be told", soft=True),
        folded(
            f"All {len(everything)} scores",
            table(everything, headings, numbers=numbers, most=len(everything)),
        ),
        sentence(
            "reports[name] is the report of a table, print() tells more, to_html() is a "
            "page",
            soft=True,
        ),
    ]
    rows = [
        f"{name} {count:,} rows" for name, count in comparison.facts()["rows"].items()
    ]
    return block(f"{len(names)} tables beside {', '.join(rows)}", *parts)


def of_study(study: Mapping[str, Any]) -> Html:
    """The answer for each size, and every arm of the model that it is about.

    Args:
        study: What `synthtab.augment.Study.to_dict` gives.
    """
    try:
        drawn = charts(study)
    except DataError:  # no model has a score
        drawn = []
    main = [chart for chart in drawn if chart["main"]]
    parts = []
    for chart in main[:MOST_ANSWERS]:
        level = LEVEL_OF_ANSWER.get(chart["answer"], "unknown")
        parts.append(table([(badge(level, chart["answer"]), chart["sentence"])]))
    if main:
        parts.append(_arms(main[0]))
    others = [chart for chart in drawn if chart not in main[:1]]
    if others:
        parts.append(folded("Other models and sizes", *map(_arms, others)))
    parts += [sentence(note, soft=True) for note in study["notes"][:MOST_NOTES]]
    parts.append(
        sentence(
            "frame() has all figures, plot() draws them, print() tells all", soft=True
        )
    )
    target = study["facts"]["target"]
    return block(f"Do synthetic rows help to predict {target}?", *parts)


def _arms(chart: Mapping[str, Any]) -> Html:
    """The arms of one model: scores, and differences from real rows alone."""
    rows = []
    for row in chart["rows"]:
        interval = " to ".join(row["interval"] or ())
        surely = "surely" if row["sure"] else ""
        rows.append((row["label"], row["text"], row["difference"], interval, surely))
    headings = ("", chart["measure"], "difference", "95 % from", "")
    title = sentence(chart["heading"])
    return Html(title + table(rows, headings, numbers=(1, 2, 3), most=MOST_ARMS))
