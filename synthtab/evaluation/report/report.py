"""`Report`: all scores of a pair of tables, as text, as table rows, as JSON and as
HTML.

Verdicts come first. No score is computed here.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from synthtab.core.errors import ConfigError
from synthtab.evaluation.metric import FAMILIES, Metric, Score, headlines
from synthtab.evaluation.privacy.exposure import WARNING
from synthtab.evaluation.report import display, frame, page, plots
from synthtab.evaluation.report.conclusion import Conclusion, concluded
from synthtab.evaluation.report.findings import LEVELS, Level, Verdict
from synthtab.evaluation.report.text import clean, cut, exposure, figure
from synthtab.evaluation.report.verdicts import verdicts
from synthtab.evaluation.views import Tables

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# A line of the text has at most this many characters; a wrapped one a little fewer.
LINE_WIDTH = 80
WRAPPED_WIDTH = 78
VERDICT_WIDTH = 69
REPR_WIDTH = 200
# Lines of a terminal, but for one with the prompt and one for a note such as where the
# report is.
SCREEN_LINES = 22
# Lines of the worst verdict where a screen cannot hold all verdicts as a whole.
LINES_OF_FIRST = 2


@dataclass(frozen=True)
class Row:
    """One line of a report as text; if skipped, ``label`` says why.

    Where the score has an interval, ``interval`` says it: ``0.489 to 0.517``.
    """

    family: str
    title: str
    value: str
    reference: str
    label: str
    meaning: str
    interval: str = ""


@dataclass(frozen=True)
class Report:
    """What `evaluate` found.

    Attributes:
        scores: In the order of the registry.
        tables: Facts about the tables: rows of each, columns of each role, what was
            left out.
        seed: The same tables and seed give the same report.
        made: Where the report comes from: "version" and "date", and, if they are known,
            "files" (table -> its name) and "model" ("name", "digest", "seed").
        riskiest: The training rows that are exposed most, with their cells, if they
            were asked for.
        compared: The tables themselves, for the pictures of `to_html`.
        metrics: The metrics of the scores: their pictures and their own rules.
        wording: What is done to the text of a verdict: the command line names its
            options there.
    """

    scores: tuple[Score, ...]
    tables: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    riskiest: tuple[dict[str, Any], ...] = ()
    compared: Tables | None = field(default=None, repr=False, compare=False)
    metrics: tuple[Metric, ...] = field(default=(), repr=False, compare=False)
    made: Mapping[str, Any] = field(default_factory=dict, compare=False)
    wording: Callable[[str], str] = field(default=str, repr=False, compare=False)

    @cached_property
    def conclusion(self) -> Conclusion:
        """What the verdicts come to: two sentences, and the worst findings."""
        return concluded(self.verdicts, self.tables.get("target"))

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the scores say in plain sentences, the bad ones first."""
        found = verdicts(self.scores, self.tables.get("rows", {}), self.metrics)
        return tuple(replace(one, text=self.wording(one.text)) for one in found)

    def summary(self) -> str:
        """How many verdicts of each level, in words: ``2 bad, 14 good``."""
        counts = Counter(verdict.level for verdict in self.verdicts)
        return ", ".join(
            f"{counts[level]} {level}" for level in LEVELS if counts[level]
        )

    def score(self, name: str) -> Score:
        """The score of this name.

        Raises:
            ConfigError: There is none.
        """
        for score in self.scores:
            if score.name == name:
                return score
        raise ConfigError(
            f"the report has no score {name!r}; it has {', '.join(s.name for s in self.scores)}"
        )

    def rows(self) -> list[Row]:
        """One `Row` per score, ready to print."""
        return [_row(score) for score in self.scores]

    def frame(self) -> pd.DataFrame:
        """The figures as a table: a row for each score, column and worst pair.

        Its columns are "metric", "family", "column" and "other" (missing for the whole
        table), "score", "low" and "high" (the interval), "floor" (a perfect sampler or
        real rows), "unit", "better" and "verdict".
        """
        return frame.of_report(self)

    def plot(self, *columns: str) -> Figure:
        """A figure of one column in both tables, or of two against each other.

        It names no value that fewer than 5 real rows have.

        Raises:
            ConfigError: There is no such column, or it is not compared.
            MissingExtraError: matplotlib is not installed: ``synthtab[plot]``.
        """
        return plots.of_columns(self.compared, columns)

    def headings(self) -> dict[str, str]:
        """Family -> heading, for the families that the report has."""
        there = {score.family for score in self.scores}
        return {f.name: f.heading for f in FAMILIES if f.name in there}

    def to_dict(self) -> dict[str, Any]:
        """Plain data; figures that do not exist or are infinite are None."""
        conclusion = self.conclusion
        data = {
            "conclusion": {
                "use": asdict(conclusion.use),
                "safety": asdict(conclusion.safety),
                "worst": [_plain_verdict(verdict) for verdict in conclusion.worst],
            },
            "made": dict(self.made),
            "seed": self.seed,
            "tables": self.tables,
            "verdicts": [_plain_verdict(verdict) for verdict in self.verdicts],
            "scores": [asdict(score) for score in self.scores],
        }
        # Without real rows the report holds none, and needs no warning.
        if self.riskiest:
            data |= {"warning": WARNING, "riskiest": self.riskiest}
        plain: dict[str, Any] = plain_data(data)
        return plain

    def to_json(self, indent: int | None = 2) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(
            self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False
        )

    def to_html(
        self,
        *,
        names: tuple[str, str] = ("real rows", "synthetic rows"),
        augmentation: Mapping[str, Any] | None = None,
    ) -> str:
        """One self-contained page: verdicts, scores, and pictures of the tables.

        Args:
            names: What the tables are called, such as their files.
            augmentation: An augmentation study (`Study.to_dict`, or the JSON of
                ``synthtab augment``), to be drawn too.

        Raises:
            DataError: ``augmentation`` is something else.
        """
        return page.page(self, names=names, augmentation=augmentation)

    def __repr__(self) -> str:
        """One line: how many verdicts of each level, and what they come to."""
        text = self.summary() or "no verdict"
        if self.verdicts:
            text += f"; {clean(self.conclusion.use.text)}"
        return f"<Report: {cut(text, REPR_WIDTH)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: conclusion, verdicts and scores on one screen."""
        return display.of_report(self)

    def __str__(self) -> str:
        """Conclusion, verdicts and a plain table, at most 80 columns wide.

        Of scores that answer one question, the first.
        """
        lines = [
            *self._beginning(),
            *chain.from_iterable(map(_verdict_lines, self.in_order())),
            *self._score_lines(),
            *self._riskiest_lines(),
        ]
        return "\n".join(lines)

    def first_screen(self, rest: str = "str(report)") -> str:
        """The conclusion, and as many bad, then unknown, verdicts as a terminal shows.

        80 columns wide, at most 22 lines; the riskiest rows, if they were asked for,
        stand below.

        Args:
            rest: What prints the rest, for the last line.
        """
        lines = self._beginning()
        told = 0
        waiting = [
            verdict
            for verdict in self.in_order()
            if verdict.level in ("bad", "unknown") or verdict in self.conclusion.worst
        ]
        # Two lines are for the rest.
        room = SCREEN_LINES - 2 - len(lines)
        for verdict in waiting:
            whole = _verdict_lines(verdict)
            others = waiting[told + 1 :]
            if verdict in self.conclusion.worst:
                # Only what is bad is worth cutting these for.
                others = [other for other in others if other.level == "bad"]
            if len(whole) + len(others) > room:
                # Not all have room as a whole. The first tells most.
                most = LINES_OF_FIRST if told == 0 else 1
                whole = _levelled(verdict.level, verdict.text, most)
            if len(whole) > room:
                break
            lines += whole
            room -= len(whole)
            told += 1
        left = Counter(verdict.level for verdict in waiting[told:])
        counts = [f"{left[level]} more {level}" for level in LEVELS if left[level]]
        what = "all verdicts and scores"
        end = f"{', '.join(counts)}; {what}: {rest}" if counts else f"{what}: {rest}"
        end = end[:1].upper() + end[1:]
        return "\n".join([*lines, "", end, *self._riskiest_lines()])

    def in_order(self) -> list[Verdict]:
        """The verdicts as they are told: the worst findings, then the others.

        What is unknown stands before what is fair.
        """
        worst = self.conclusion.worst
        others = [verdict for verdict in self.verdicts if verdict not in worst]
        levels = ("bad", "unknown", "fair", "good")
        others.sort(key=lambda verdict: levels.index(verdict.level))
        return [*worst, *others]

    def _beginning(self) -> list[str]:
        """The tables, the conclusion, and how many verdicts there are."""
        lines = self.facts()
        if not self.verdicts:
            return lines
        lines += ["", "Conclusion"] if lines else ["Conclusion"]
        lines += self.concluding_lines()
        return [*lines, "", f"Verdicts: {self.summary()}"]

    def concluding_lines(self) -> list[str]:
        """The two sentences of the conclusion, in lines of at most 80 columns."""
        lines = []
        for statement in (self.conclusion.use, self.conclusion.safety):
            lines += _levelled(statement.level, statement.text)
        return lines

    def facts(self) -> list[str]:
        """The tables in words, in lines of at most 80 columns."""
        facts = self.tables
        if not facts:
            return []
        rows = [f"{name} {count:,} rows" for name, count in facts["rows"].items()]
        columns = f"{len(facts['numeric'])} numeric and {len(facts['categorical'])} categorical columns"
        if facts["target"] is not None:
            # A target's name may be anything.
            columns = f"{columns}; target {facts['target']}"[:LINE_WIDTH]
        lines = [", ".join(rows), columns]
        if facts["skipped"]:
            left = [f"{name} ({why})" for name, why in facts["skipped"].items()]
            lines.append(cut(f"left out: {', '.join(left)}", LINE_WIDTH))
        return lines

    def _score_lines(self) -> list[str]:
        """The scores, family by family, and what each of them means."""
        # Of scores that answer one question the first is shown, the others are named.
        shown = headlines(self.scores)
        lines = ["", f"{'':<34}{'score':>9}  {'beside it'}"]
        for family, heading in self.headings().items():
            lines += ["", heading]
            for score in shown:
                if score.family == family:
                    row = _row(score)
                    lines.append(_score_line(row))
                    lines.append(f"      {row.meaning}"[:LINE_WIDTH])
                    if row.interval:
                        lines.append(f"      95 % from {row.interval}")
        details = [score.title for score in self.scores if score not in shown]
        if details:
            text = f"In JSON and HTML too, for the same questions: {', '.join(details)}"
            lines += ["", *textwrap.wrap(text, WRAPPED_WIDTH)]
        return lines

    def _riskiest_lines(self) -> list[str]:
        """The riskiest rows, if they were asked for: where, why, and their cells."""
        if not self.riskiest:
            return []
        lines = [
            "",
            f"The {len(self.riskiest)} training rows that are exposed most, counted from 1 below the header",
            *textwrap.wrap(WARNING, WRAPPED_WIDTH),
        ]
        for entry in self.riskiest:
            # Positions count from 0, people from 1.
            lines.append(f"  row {entry['row'] + 1:,}, {exposure(entry)}")
            cells = [
                f"{clean(name)}={_cell(value)}"
                for name, value in entry.get("cells", {}).items()
            ]
            wrapped = textwrap.wrap(
                ", ".join(cells), WRAPPED_WIDTH - 6, break_on_hyphens=False
            )
            lines += [f"      {line}" for line in wrapped]
        return lines


def _row(score: Score) -> Row:
    if not score.ok:
        return Row(score.family, score.title, "", "", score.status, score.meaning)
    reference = ""
    label = ""
    if score.reference is not None:
        reference = figure(score.reference.value, score.unit)
        label = score.reference.label
    value = figure(score.value, score.unit)
    interval = ""
    if score.interval is not None:
        low, high = (figure(end, score.unit) for end in score.interval)
        interval = f"{low} to {high}"
    return Row(
        score.family, score.title, value, reference, label, score.meaning, interval
    )


def _verdict_lines(verdict: Verdict) -> list[str]:
    return _levelled(verdict.level, verdict.text)


def _levelled(level: Level, text: str, most: int | None = None) -> list[str]:
    """A sentence, wrapped, behind its level; cut to so many lines, if these are given."""
    # Names of columns may be longer than a line.
    first, *others = textwrap.wrap(
        text,
        VERDICT_WIDTH,
        break_long_words=True,
        break_on_hyphens=False,
        max_lines=most,
        placeholder=" ...",
    )
    return [f"  {level:<9}{first}", *(f"{'':<11}{line}" for line in others)]


def _plain_verdict(verdict: Verdict) -> dict[str, Any]:
    """A verdict as data; its sentences about single columns are words for the page."""
    data = asdict(verdict)
    del data["own"]
    return data


def _score_line(row: Row) -> str:
    if row.value:
        line = f"  {row.title:<32}{row.value:>9}  {row.reference:>8}  {row.label}"
    else:
        reason = row.label.removeprefix("skipped: ")
        line = f"  {row.title:<32}{'skipped':>9}  {reason}"
    return line[:LINE_WIDTH].rstrip()


def _cell(value: Any) -> str:
    return "(missing)" if value is None else clean(value)


def plain_data(value: Any) -> Any:
    """JSON data: tuples become lists, NaN and infinities None."""
    if isinstance(value, dict):
        return {str(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
