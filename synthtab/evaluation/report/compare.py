"""Several synthetic tables against one real table, side by side."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from synthtab.evaluation.metric import Score, headlines
from synthtab.evaluation.report import html

if TYPE_CHECKING:
    from synthtab.evaluation.report.report import Report

WIDTH = 80
TITLE = 34
CELL = 11
TIE = 5e-4  # of what is shown, half of the last digit


@dataclass(frozen=True)
class Line:
    """One metric: its figures as text, one per table, and which of them are the best; or why there is none."""

    family: str
    title: str
    meaning: str
    reference: str
    values: tuple[str, ...]
    best: tuple[bool, ...]
    skipped: str = ""


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        reports: Name of each synthetic table -> its report; all have the same metrics.
        seed: One seed, one comparison.
    """

    reports: Mapping[str, Report] = field(default_factory=dict)
    seed: int = 0

    def best(self, metric: str) -> tuple[str, ...]:
        """The tables with the best figure under this metric; several if they tie, none if it was not computed."""
        scores = {name: report.score(metric) for name, report in self.reports.items()}
        marked = _best(list(scores.values()))
        return tuple(
            name for name, is_best in zip(scores, marked, strict=True) if is_best
        )

    def rows(self) -> list[Line]:
        """One `Line` per metric, ready to print; not of those that answer a question once more (`Score.like`)."""
        found = zip(*(r.scores for r in self.reports.values()), strict=True)
        shown = [
            {score.name for score in headlines(r.scores)} for r in self.reports.values()
        ]
        return [
            _line(scores)
            for scores in found
            if any(scores[0].name in names for names in shown)
        ]

    def headings(self) -> dict[str, str]:
        """Family -> heading."""
        return next(iter(self.reports.values())).headings()

    def facts(self) -> dict[str, Any]:
        """Facts about the tables: as in a report, with the rows of every synthetic table."""
        facts = dict(next(iter(self.reports.values())).tables)
        rows = {k: v for k, v in facts["rows"].items() if k != "synthetic"}
        return facts | {
            "rows": rows,
            "synthetic": {
                n: r.tables["rows"]["synthetic"] for n, r in self.reports.items()
            },
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain data: every report in full, and the best of each metric."""
        metrics = [score.name for score in next(iter(self.reports.values())).scores]
        return {
            "seed": self.seed,
            "best": {metric: list(self.best(metric)) for metric in metrics},
            "reports": {
                name: report.to_dict() for name, report in self.reports.items()
            },
        }

    def to_json(self, indent: int | None = 2) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(
            self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False
        )

    def to_html(self) -> str:
        """One self-contained page."""
        return html.comparison_page(self)

    def __str__(self) -> str:
        """Tables of at most 80 columns, as many generators in each as fit; the best figure is marked."""
        names = list(self.reports)
        each = max((WIDTH - TITLE - CELL) // CELL, 1)
        facts = self.facts()
        lines = [
            ", ".join(f"{name} {count:,} rows" for name, count in facts["rows"].items())
        ]
        for start in range(0, len(names), each):
            lines += ["", *self._block(names[start : start + each], start)]
        lines += [
            "",
            "* the best of its line, as far as can be told; possible: a perfect sampler or",
            "  real rows",
        ]
        for name, report in self.reports.items():
            bad = [v for v in report.verdicts if v.level == "bad"]
            lines += ["", f"{html.clean(name)[:40]}: {report.summary()}"]
            lines += [_cut(f"  {verdict.text}") for verdict in bad]
        return "\n".join(lines)

    def _block(self, names: Sequence[str], start: int) -> list[str]:
        short = {name: _fit(html.clean(name), CELL - 1) for name in names}
        head = f"{'':<{TITLE}}{'possible':>{CELL}}" + "".join(
            f"{short[name]:>{CELL}}" for name in names
        )
        sizes = self.facts()["synthetic"]
        lines = [
            head.rstrip(),
            f"{'  rows':<{TITLE + CELL}}"
            + "".join(f"{sizes[n]:>{CELL - 1},} " for n in names).rstrip(),
        ]
        family = ""
        for row in self.rows():
            if row.family != family:
                family = row.family
                lines += ["", self.headings()[family]]
            if row.skipped:
                lines.append(_cut(f"  {row.title:<{TITLE - 2}}  {row.skipped}"))
                continue
            cells = [
                f"{value}{'*' if best else ' '}".rjust(CELL)
                for value, best in list(zip(row.values, row.best, strict=True))[
                    start : start + len(names)
                ]
            ]
            lines.append(
                f"  {_fit(row.title, TITLE - 2):<{TITLE - 2}}{row.reference:>{CELL - 1}} {''.join(cells)}".rstrip()
            )
        return lines


def _line(scores: Sequence[Score]) -> Line:
    first = next((s for s in scores if s.ok), scores[0])
    reference = (
        ""
        if first.reference is None
        else html.figure(first.reference.value, first.unit)
    )
    values = tuple(html.figure(s.value, s.unit) if s.ok else "-" for s in scores)
    return Line(
        first.family,
        first.title,
        first.meaning,
        reference,
        values,
        _best(scores),
        "" if first.ok else first.status,
    )


def _best(scores: Sequence[Score]) -> tuple[bool, ...]:
    """Which figures are the best, or differ from it by less than its interval; none where nothing stands out."""
    badness = [_badness(score) for score in scores]
    known = [b for b in badness if not math.isnan(b)]
    if len(known) < 2:
        return (False,) * len(scores)
    first = scores[badness.index(min(known))]
    tie = TIE * (10 if first.unit else 1)
    if first.interval is not None:
        tie = max(tie, (first.interval[1] - first.interval[0]) / 2)
    best = tuple(not math.isnan(b) and b <= min(known) + tie for b in badness)
    return (False,) * len(scores) if sum(best) == len(known) else best


def _badness(score: Score) -> float:
    """The lower the better; a negative distance from 0.5 is no merit of a detection score."""
    if not score.ok:
        return math.nan
    if score.better == "ideal":
        return (
            math.nan
            if score.reference is None
            else abs(score.value - score.reference.value)
        )
    if score.name.startswith("detection_auc"):
        return max(score.value, 0.5)  # below 0.5 is chance, not merit
    return score.value if score.better == "lower" else -score.value


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
