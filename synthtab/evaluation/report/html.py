"""A report as one HTML page that needs nothing beside itself: no script, no font, no request.

`page` arranges what is already known (scores, verdicts, `pictures`); templates/report.html draws it.
Names and categories may be anything: the template escapes all text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from synthtab.evaluation.metric import Score, headlines
from synthtab.evaluation.privacy.exposure import WARNING
from synthtab.evaluation.report import svg
from synthtab.evaluation.report.study_chart import charts

if TYPE_CHECKING:
    from synthtab.evaluation.report.compare import Comparison
    from synthtab.evaluation.report.report import Report

OPEN_COLUMNS = 12
PAIRS = 8
PRIVACY = ("copying", "privacy")


def page(
    report: Report,
    pictures: Mapping[str, Any] | None = None,
    *,
    names: tuple[str, str] = ("real rows", "synthetic rows"),
    augmentation: Mapping[str, Any] | None = None,
) -> str:
    """The report as text of an HTML file.

    Args:
        report: Scores and verdicts.
        pictures: What `synthtab.evaluation.report.pictures.pictures` returns; without it, no pictures.
        names: What the two tables are called.
        augmentation: What `synthtab.augment.Study.to_dict` gives, or `synthtab augment --json` wrote.

    Raises:
        DataError: ``augmentation`` is something else.
    """
    pictures = pictures or {}
    flagged: dict[str, str] = {}
    for verdict in report.verdicts:
        if verdict.level in ("bad", "fair") and verdict.rule != "detector":
            for name in verdict.columns:
                flagged.setdefault(name, verdict.level)
    shown = headlines(report.scores)
    by_family = {
        family: {
            "heading": heading,
            "scores": [score_view(s) for s in shown if s.family == family],
        }
        for family, heading in report.headings().items()
    }
    return _template("report.html").render(
        title=f"{names[1]} against {names[0]}",
        names=names,
        facts=report.tables,
        seed=report.seed,
        summary=report.summary(),
        verdicts=report.verdicts,
        families=by_family,
        details=[score_view(s) for s in report.scores if s not in shown],
        privacy=[score_view(s) for s in report.scores if s.family in PRIVACY],
        columns=_columns(report, pictures.get("columns", []), flagged),
        open_columns=OPEN_COLUMNS,
        ties=_ties(pictures.get("ties")),
        points=_points(pictures.get("points")),
        detector=_detector(report, pictures.get("curve")),
        augmentation=None if augmentation is None else charts(augmentation),
        riskiest=_riskiest(report),
        warning=WARNING,
    )


def comparison_page(comparison: Comparison) -> str:
    """Several generators side by side as text of an HTML file."""
    return _template("compare.html").render(
        title=f"{len(comparison.reports)} tables of synthetic rows compared",
        names=list(comparison.reports),
        rows=comparison.rows(),
        headings=comparison.headings(),
        verdicts={name: report.verdicts for name, report in comparison.reports.items()},
        summaries={
            name: report.summary() for name, report in comparison.reports.items()
        },
        facts=comparison.facts(),
        seed=comparison.seed,
    )


def score_view(score: Score) -> dict[str, Any]:
    """A score as its line of the page: figures as text, places on its axis in percent."""
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
    reference = None if score.reference is None else score.reference.value
    low, high = axis(score)

    def place(value: float) -> float:
        return round(100 * min(max((value - low) / (high - low), 0.0), 1.0), 2)

    view |= {
        "value": figure(score.value, score.unit),
        "reference": None if reference is None else figure(reference, score.unit),
        "label": "" if score.reference is None else score.reference.label,
        "interval": None
        if score.interval is None
        else [figure(v, score.unit) for v in score.interval],
        "n": score.n,
        "at": place(score.value),
        "reference_at": None if reference is None else place(reference),
        "span": None if score.interval is None else [place(v) for v in score.interval],
        "ends": [figure(v, score.unit, short=True) for v in (low, high)],
        "better": score.better,
    }
    return view


def axis(score: Score) -> tuple[float, float]:
    """The ends of a score's axis: its bounds or, where all that is shown lies near 0, a part of them."""
    shown = [score.value, *(score.interval or ())]
    shown += [] if score.reference is None else [score.reference.value]
    low, high = score.bounds
    largest = max(shown)
    if not math.isfinite(low):
        low = min(0.0, *shown)
    if score.better == "lower" and low == 0.0 and largest <= 0.4 * high:
        high = _round_up(1.2 * largest) or (1.0 if score.unit else 0.01)
    if not math.isfinite(high):
        high = _round_up(1.2 * largest) or 1.0
    return low, max(high, low + 1e-9)


def figure(value: float, unit: str, *, short: bool = False) -> str:
    """As in the terminal: percentages with two decimals, others with three; the ends of an axis shorter."""
    if not math.isfinite(value):
        return "-"
    if short:
        return f"{value:.3g} {unit}".rstrip()
    return f"{value:.2f} {unit}" if unit else f"{value:.3f}"


def _round_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        float(m * power) for m in (1, 2, 5, 10) if m * power >= value * (1 - 1e-9)
    )


def _columns(
    report: Report, columns: Sequence[Mapping[str, Any]], flagged: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Cards of the columns, the worst first."""
    shape = next((s for s in report.scores if s.name == "shape_error" and s.ok), None)
    errors, floors = (
        ({}, {}) if shape is None else (shape.detail["columns"], shape.detail["floors"])
    )
    cards = []
    for column in columns:
        name = column["name"]
        card = dict(column) | {
            "error": errors.get(name),
            "floor": floors.get(name),
            "level": flagged.get(name),
        }
        if column["kind"] == "number":
            card["picture"], card["cut"] = svg.histogram(
                column["real"], column["synthetic"]
            )
            card["top"] = [max(column["real"]), max(column["synthetic"])]
        else:
            card["scale"] = (
                max(
                    (max(b["real"], b["synthetic"]) for b in column["bars"]),
                    default=1.0,
                )
                or 1.0
            )
        cards.append(card)
    rank = {"bad": 0, "fair": 1}
    return sorted(
        cards,
        key=lambda c: (
            rank.get(c["level"], 2),
            (c["floor"] or 0.0) - (c["error"] or 0.0),
            c["name"],
        ),
    )


def _ties(ties: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if ties is None:
        return None
    names = [clean(name) for name in ties["names"]]
    real, synthetic = ties["real"], ties["synthetic"]
    difference = [
        [b - a for a, b in zip(x, y, strict=True)]
        for x, y in zip(real, synthetic, strict=True)
    ]
    count = len(names)
    pairs = sorted(
        (
            (abs(difference[i][j]), i, j)
            for i in range(count)
            for j in range(i + 1, count)
        ),
        key=lambda p: (-p[0], p[1], p[2]),
    )
    return {
        "count": count,
        "maps": [
            ("Real", svg.heatmap(real, names)),
            ("Synthetic", svg.heatmap(synthetic, names)),
            ("Difference", svg.heatmap(difference, names, signed=True)),
        ],
        "pairs": [
            {
                "a": ties["names"][i],
                "b": ties["names"][j],
                "real": real[i][j],
                "synthetic": synthetic[i][j],
            }
            for gap, i, j in pairs[:PAIRS]
            if gap > 0
        ],
    }


def _points(points: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if points is None:
        return None
    frame = [
        _frame([p[k] for p in (*points["real"], *points["synthetic"])]) for k in (0, 1)
    ]
    real, synthetic = ("real", points["real"]), ("synthetic", points["synthetic"])
    return {
        "explained": points["explained"],
        "maps": [
            (f"{len(points['real']):,} real rows", svg.scatter([real], frame)),
            (
                f"{len(points['synthetic']):,} synthetic rows",
                svg.scatter([synthetic], frame),
            ),
            ("Both", svg.scatter([real, synthetic], frame)),
        ],
    }


def _frame(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis that holds nearly all values; the few beyond are drawn at its ends."""
    ordered = sorted(values)
    low, high = (
        ordered[int(0.003 * len(ordered))],
        ordered[-1 - int(0.003 * len(ordered))],
    )
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def _detector(
    report: Report, curve: Sequence[Sequence[float]] | None
) -> dict[str, Any] | None:
    score = next((s for s in report.scores if s.name == "detection_auc" and s.ok), None)
    if score is None or not curve:
        return None
    giveaways = score.detail.get("giveaways", {})
    top = max(giveaways.values(), default=1.0)
    return {
        "auc": figure(score.value, ""),
        "picture": svg.curve(curve),
        "giveaways": [
            {"name": n, "drop": d, "width": round(100 * d / max(top, 0.02), 1)}
            for n, d in giveaways.items()
        ],
    }


def _riskiest(report: Report) -> dict[str, Any] | None:
    """The most exposed training rows as a table: where they stand, why, and their cells."""
    if not report.riskiest:
        return None
    names = list(report.riskiest[0].get("cells", {}))
    return {
        "names": names,
        "rows": [
            {
                "row": r["row"] + 1,
                "why": exposure(r),
                "cells": [r["cells"][n] for n in names],
            }
            for r in report.riskiest
        ],
    }


def exposure(entry: Mapping[str, Any]) -> str:
    """In words, how exposed a training row is."""
    return (
        "copied"
        if entry["copied"]
        else f"exposure {entry['exposure']:.3f} (0.5 is chance)"
    )


def clean(text: object) -> str:
    """Text without what a browser would obey or choke on: control, format and surrogate characters."""
    kept = "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text)
    )
    return kept.replace(" %", "\N{NO-BREAK SPACE}%")


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %" if value < 0.9995 else "100 %"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("synthtab.evaluation.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clean": clean, "percent": _percent}
    return environment


def _template(name: str) -> Any:
    return _environment().get_template(name)
