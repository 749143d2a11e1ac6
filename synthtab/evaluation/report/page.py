"""A report as one HTML page that needs nothing beside itself: no script, font or
request.

`page` arranges what is already known (scores, verdicts, pictures); the templates in
templates/ draw it. What it shows comes from the records of the metrics: their families
give the headings, and a metric with a picture draws a `Section` itself. The pictures of
the tables (`PICTURES`) are there whichever metrics were computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from synthtab.core.randomness import Streams
from synthtab.evaluation.metric import FAMILIES, Score, headlines
from synthtab.evaluation.privacy.exposure import WARNING
from synthtab.evaluation.report import columns, crossed, points, ties
from synthtab.evaluation.report.findings import Verdict
from synthtab.evaluation.report.section import Section, render
from synthtab.evaluation.report.study_chart import charts
from synthtab.evaluation.report.text import exposure, figure, short_names
from synthtab.evaluation.views import Tables

if TYPE_CHECKING:
    from synthtab.evaluation.report.compare import Comparison
    from synthtab.evaluation.report.report import Report

# Links of a finding to cards, and letters of each.
LINKS_SHOWN = 8
LINK_LENGTH = 24

Picture = Callable[[Tables, Streams, "Report"], Section | None]

# Pictures of the tables, in their order on the page.
PICTURES: tuple[Picture, ...] = (
    columns.section,
    crossed.section,
    ties.section,
    points.section,
)


def page(
    report: Report,
    *,
    names: tuple[str, str] = ("real rows", "synthetic rows"),
    augmentation: Mapping[str, Any] | None = None,
) -> str:
    """The report as text of an HTML file.

    Args:
        report: Scores and verdicts, and the tables for the pictures: a report without
            them has none.
        names: What the two tables are called.
        augmentation: What `synthtab.augment.Study.to_dict` gives, or
            `synthtab augment --json` wrote.

    Raises:
        DataError: ``augmentation`` is something else.
    """
    # Scores that answer the question of another one are folded.
    shown = headlines(report.scores)
    families = [
        {
            "heading": heading,
            "scores": [score_view(s) for s in shown if s.family == name],
        }
        for name, heading in report.headings().items()
    ]
    about_people = {family.name for family in FAMILIES if family.about_people}
    cards = columns.anchors(report.compared)
    crosses = crossed.anchors(report)
    worst = report.conclusion.worst
    others = [verdict for verdict in report.in_order() if verdict not in worst]
    return render(
        "report.html",
        title=f"{names[1]} against {names[0]}",
        names=names,
        facts=report.tables,
        origin=_origin(report, names),
        conclusion=report.conclusion,
        worst=[_finding(verdict, cards, crosses) for verdict in worst],
        summary=report.summary(),
        verdicts=[_finding(verdict, cards, crosses) for verdict in others],
        families=families,
        details=[score_view(s) for s in report.scores if s not in shown],
        privacy=[score_view(s) for s in report.scores if s.family in about_people],
        pictures=_pictures(report),
        metric_pictures=_metric_pictures(report),
        augmentation=None if augmentation is None else charts(augmentation),
        riskiest=_riskiest(report),
        warning=WARNING,
    )


def comparison_page(comparison: Comparison) -> str:
    """Several generators side by side as text of an HTML file."""
    reports = comparison.reports
    return render(
        "compare.html",
        title=f"{len(reports)} tables of synthetic rows compared",
        names=list(reports),
        rows=comparison.rows(),
        headings=comparison.headings(),
        conclusions={name: report.conclusion for name, report in reports.items()},
        verdicts={name: report.verdicts for name, report in reports.items()},
        summaries={name: report.summary() for name, report in reports.items()},
        facts=comparison.facts(),
        made=next(iter(reports.values())).made if reports else {},
        seed=comparison.seed,
    )


def _finding(
    verdict: Verdict,
    cards: Mapping[str, str],
    crosses: Mapping[frozenset[str], str],
) -> dict[str, Any]:
    """A verdict as a line of the page, with links to the cards of its columns and pairs."""
    there = [name for name in verdict.columns if name in cards]
    short = short_names(there, LINK_LENGTH)
    links = [
        {"text": text, "name": name, "to": cards[name]}
        for text, name in zip(short, there, strict=True)
    ]
    for pair in crossed.pairs_of(verdict):
        if frozenset(pair) in crosses:
            one, other = short_names(list(pair), LINK_LENGTH)
            name = " and ".join(pair)
            to = crosses[frozenset(pair)]
            links.append({"text": f"{one} and {other}", "name": name, "to": to})
    return {
        "level": verdict.level,
        "text": verdict.text,
        "links": links[:LINKS_SHOWN],
        "more": max(len(links) - LINKS_SHOWN, 0),
    }


def _origin(report: Report, names: tuple[str, str]) -> dict[str, Any]:
    """Where the report comes from: the tables and their rows, the model, the program."""
    files = {"real": names[0], "synthetic": names[1], **report.made.get("files", {})}
    rows = report.tables.get("rows", {})
    return {
        "tables": [
            {"role": role, "file": files.get(role, ""), "rows": count}
            for role, count in rows.items()
        ],
        "model": report.made.get("model"),
        "version": report.made.get("version"),
        "date": report.made.get("date"),
        "seed": report.seed,
    }


def _pictures(report: Report) -> list[Section | None]:
    """The pictures of the tables; None for one that these tables do not have."""
    if report.compared is None:
        return [None] * len(PICTURES)
    streams = Streams(report.seed)
    return [draw(report.compared, streams, report) for draw in PICTURES]


def _metric_pictures(report: Report) -> list[Section]:
    """What the metrics draw of their scores, in the order of the registry."""
    if report.compared is None:
        return []
    scores = {score.name: score for score in report.scores if score.ok}
    streams = Streams(report.seed)
    sections = []
    for metric in report.metrics:
        if metric.picture is None or metric.name not in scores:
            continue
        section = metric.picture(report.compared, streams, scores[metric.name])
        if section is not None:
            sections.append(section)
    return sections


def score_view(score: Score) -> dict[str, Any]:
    """A score as a line of the page: figures as text, places on its axis in percent."""
    view: dict[str, Any] = {
        "title": score.title,
        "meaning": score.meaning,
        "unit": score.unit,
        "ok": score.ok,
        "family": score.family,
        "reason": score.status.removeprefix("skipped: "),
    }
    if not score.ok:
        return view
    low, high = axis(score)

    def place(value: float) -> float:
        along = min(max((value - low) / (high - low), 0.0), 1.0)
        return round(100 * along, 2)

    view |= {
        "value": figure(score.value, score.unit),
        "at": place(score.value),
        "reference": None,
        "reference_at": None,
        "label": "",
        "interval": None,
        "span": None,
        "n": score.n,
        "ends": [figure(end, score.unit, short=True) for end in (low, high)],
        "better": score.better,
    }
    if score.reference is not None:
        view["reference"] = figure(score.reference.value, score.unit)
        view["reference_at"] = place(score.reference.value)
        view["label"] = score.reference.label
    if score.interval is not None:
        view["interval"] = [figure(end, score.unit) for end in score.interval]
        view["span"] = [place(end) for end in score.interval]
    return view


def axis(score: Score) -> tuple[float, float]:
    """The ends of a score's axis.

    These are its bounds or, where all that is shown lies near 0, a part of them.
    """
    shown = [score.value, *(score.interval or ())]
    if score.reference is not None:
        shown.append(score.reference.value)
    low, high = score.bounds
    largest = max(shown)
    if not math.isfinite(low):
        low = min(0.0, *shown)
    # An error of 2 % would stand at the left end of an axis to 100 %, beside its
    # reference of 1 %. One that is better the higher keeps its bounds: 1 is what it is
    # to reach.
    if score.better == "lower" and low == 0.0 and largest <= 0.4 * high:
        high = _round_up(1.2 * largest)
        if high == 0.0:
            high = 1.0 if score.unit else 0.01
    if not math.isfinite(high):
        high = _round_up(1.2 * largest) or 1.0
    # No axis without a length, whatever the figures.
    return low, max(high, low + 1e-9)


def _round_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    # 10 is there for a value such as 6. A little less is allowed, since 0.2 may come as
    # 0.20000000000000001.
    steps = [m * power for m in (1, 2, 5, 10)]
    return next(float(step) for step in steps if step >= value * (1 - 1e-9))


def _riskiest(report: Report) -> dict[str, Any] | None:
    """The most exposed training rows: where they stand, why, and their cells."""
    if not report.riskiest:
        return None
    names = list(report.riskiest[0].get("cells", {}))
    rows = [
        {
            "row": entry["row"] + 1,
            "why": exposure(entry),
            "cells": [entry["cells"][name] for name in names],
        }
        for entry in report.riskiest
    ]
    return {"names": names, "rows": rows}
