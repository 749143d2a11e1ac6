"""`Comparison`: several synthetic tables against one real table, side by side."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from synthtab.evaluation.metric import Score, headlines
from synthtab.evaluation.report import display, page
from synthtab.evaluation.report.text import clean, cut, figure, short_names

if TYPE_CHECKING:
    from synthtab.evaluation.report.report import Report

# Characters of a line, of its title, and of each figure.
LINE_WIDTH = 80
TITLE_WIDTH = 34
FIGURE_WIDTH = 11
# Figures that differ by less than half of the last digit that is shown are a tie; those
# in percent have one digit less.
TIE = 5e-4
TIE_PERCENT = 5e-3


@dataclass(frozen=True)
class Line:
    """One metric over all tables.

    Attributes:
        family: Its family.
        title: The metric for people.
        meaning: The same for somebody who does not know the term.
        reference: What is possible, as text.
        values: One figure per table, as text.
        best: Whether each of them is the best.
        skipped: Why there is no figure; "" if there is.
    """

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
        seed: The same tables and seed give the same comparison.
    """

    reports: Mapping[str, Report] = field(default_factory=dict)
    seed: int = 0

    @property
    def _first(self) -> Report:
        """One report, for what is the same in all."""
        return next(iter(self.reports.values()))

    def best(self, metric: str) -> tuple[str, ...]:
        """The tables with the best figure under this metric.

        Several if they tie; none if it was not computed, or if all are alike.
        """
        scores = [report.score(metric) for report in self.reports.values()]
        marks = best_marks(scores, self._chance(metric))
        return tuple(
            name for name, mark in zip(self.reports, marks, strict=True) if mark
        )

    def rows(self) -> list[Line]:
        """One `Line` per metric, ready to print.

        Not of metrics that answer the question of another one once more (`Score.like`).
        """
        shown: set[str] = set()
        for report in self.reports.values():
            shown |= {score.name for score in headlines(report.scores)}
        lines = []
        for scores in zip(*(r.scores for r in self.reports.values()), strict=True):
            name = scores[0].name
            if name in shown:
                lines.append(_line(scores, self._chance(name)))
        return lines

    def _chance(self, name: str) -> float | None:
        """The figure of a guess under this metric, if a better one is no merit."""
        for metric in self._first.metrics:
            if metric.name == name:
                return metric.chance
        return None

    def headings(self) -> dict[str, str]:
        """Family -> heading."""
        return self._first.headings()

    def facts(self) -> dict[str, Any]:
        """Facts as in a report, with the rows of every synthetic table."""
        facts = dict(self._first.tables)
        facts["synthetic"] = {
            name: report.tables["rows"]["synthetic"]
            for name, report in self.reports.items()
        }
        facts["rows"] = {
            name: count for name, count in facts["rows"].items() if name != "synthetic"
        }
        return facts

    def to_dict(self) -> dict[str, Any]:
        """Plain data: every report in full, and the best of each metric."""
        metrics = [score.name for score in self._first.scores]
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
        return page.comparison_page(self)

    def __repr__(self) -> str:
        """One line: which tables were compared."""
        names = ", ".join(clean(name) for name in self.reports)
        return f"<Comparison: {cut(names, LINE_WIDTH - 20)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: conclusions and scores side by side, on one screen."""
        return display.of_comparison(self)

    def __str__(self) -> str:
        """Tables of at most 80 columns, as many generators in each as fit.

        The best figure of a line is marked.
        """
        names = list(self.reports)
        facts = self.facts()
        rows = [f"{name} {count:,} rows" for name, count in facts["rows"].items()]
        lines = [", ".join(rows)]
        # The first column behind the title is what is possible.
        in_a_block = max((LINE_WIDTH - TITLE_WIDTH - FIGURE_WIDTH) // FIGURE_WIDTH, 1)
        for start in range(0, len(names), in_a_block):
            lines += ["", *self._block(slice(start, start + in_a_block))]
        lines += [
            "",
            "* the best of its line, as far as can be told; possible: a perfect sampler or",
            "  real rows",
        ]
        for name, report in self.reports.items():
            lines += ["", f"{clean(name)[:40]}: {report.summary()}"]
            lines += report.concluding_lines()
            for verdict in report.verdicts:
                if verdict.level == "bad":
                    lines.append(cut(f"  {verdict.text}", LINE_WIDTH))
        return "\n".join(lines)

    def _block(self, tables: slice) -> list[str]:
        """The lines of some of the tables."""
        names = list(self.reports)[tables]
        sizes = self.facts()["synthetic"]
        head = f"{'':<{TITLE_WIDTH}}{'possible':>{FIGURE_WIDTH}}"
        rows = f"{'  rows':<{TITLE_WIDTH + FIGURE_WIDTH}}"
        # Told apart from those of other blocks, too.
        every_name = [clean(name) for name in self.reports]
        heads = short_names(every_name, FIGURE_WIDTH - 1)[tables]
        for name, short in zip(names, heads, strict=True):
            head += f"{short:>{FIGURE_WIDTH}}"
            # A space stands where other lines have the mark of the best.
            rows += f"{sizes[name]:>{FIGURE_WIDTH - 1},} "
        lines = [head.rstrip(), rows.rstrip()]
        family = ""
        for line in self.rows():
            if line.family != family:
                family = line.family
                lines += ["", self.headings()[family]]
            lines.append(_text_line(line, tables))
        return lines


def _text_line(line: Line, tables: slice) -> str:
    """One metric for some of the tables."""
    if line.skipped:
        text = f"  {line.title:<{TITLE_WIDTH - 2}}  {line.skipped}"
        return cut(text, LINE_WIDTH)
    text = f"  {_fit(line.title, TITLE_WIDTH - 2):<{TITLE_WIDTH - 2}}"
    text += f"{line.reference:>{FIGURE_WIDTH - 1}} "
    for value, best in zip(line.values[tables], line.best[tables], strict=True):
        mark = "*" if best else " "
        text += f"{value}{mark}".rjust(FIGURE_WIDTH)
    return text.rstrip()


def _line(scores: Sequence[Score], chance: float | None) -> Line:
    """One metric over all tables as text."""
    # What is the same for all is read from one that was computed.
    first = next((score for score in scores if score.ok), scores[0])
    reference = ""
    if first.reference is not None:
        reference = figure(first.reference.value, first.unit)
    values = [figure(s.value, s.unit) if s.ok else "-" for s in scores]
    return Line(
        first.family,
        first.title,
        first.meaning,
        reference,
        tuple(values),
        best_marks(scores, chance),
        "" if first.ok else first.status,
    )


def best_marks(
    scores: Sequence[Score], chance: float | None = None
) -> tuple[bool, ...]:
    """Which figures are the best, or differ from the best by less than its interval.

    Args:
        scores: One metric, one score per table.
        chance: The figure of a guess, if a better one is no merit.

    Returns:
        One mark per score; none is set where nothing stands out.
    """
    badness = [_badness(score, chance) for score in scores]
    known = [value for value in badness if not math.isnan(value)]
    nothing = (False,) * len(scores)
    # One figure alone is not the best of anything.
    if len(known) < 2:
        return nothing
    least = min(known)
    winner = scores[badness.index(least)]
    tie = TIE_PERCENT if winner.unit else TIE
    if winner.interval is not None:
        # What differs by less than chance is as good.
        low, high = winner.interval
        tie = max(tie, (high - low) / 2)
    marks = tuple(not math.isnan(value) and value <= least + tie for value in badness)
    return nothing if sum(marks) == len(known) else marks


def _badness(score: Score, chance: float | None) -> float:
    """A figure of which less is better; NaN if there is none."""
    if not score.ok:
        return math.nan
    if score.better == "ideal":
        if score.reference is None:
            return math.nan
        return abs(score.value - score.reference.value)
    value = score.value if score.better == "lower" else -score.value
    # Beyond a guess nothing is gained.
    if chance is not None:
        limit = chance if score.better == "lower" else -chance
        value = max(value, limit)
    return value


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
