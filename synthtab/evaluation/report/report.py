"""All scores of a pair of tables: verdicts first, as text, as table rows, as JSON and as HTML.

Nothing is computed here.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from synthtab.core.errors import ConfigError
from synthtab.evaluation.metric import Score, headlines
from synthtab.evaluation.privacy.exposure import WARNING
from synthtab.evaluation.report import html
from synthtab.evaluation.report.findings import LEVELS, Verdict
from synthtab.evaluation.report.pictures import pictures
from synthtab.evaluation.report.verdicts import verdicts
from synthtab.evaluation.views import Tables

WIDTH = 78
_HEADINGS = {
    "fidelity": "Fidelity: do the columns look like the real ones?",
    "detection": "Detection: can a model tell the rows from real ones?",
    "utility": "Utility: do the rows train a model as well as real ones?",
    "coverage": "Coverage: do the rows reach everything that the real ones do?",
    "copying": "Copying: are they the training rows over again? (not a privacy measure)",
    "privacy": "Privacy: what could an attacker learn about the people in the training table?",
}


@dataclass(frozen=True)
class Row:
    """One line of a report, as text."""

    family: str
    title: str
    value: str
    reference: str
    label: str
    meaning: str


@dataclass(frozen=True)
class Report:
    """What `evaluate` found.

    Attributes:
        scores: In the order of the registry.
        tables: Facts about the tables: rows of each, columns of each role, what was left out.
        seed: One seed, one report.
        riskiest: The training rows that are exposed most, with their cells, if they were asked for.
        compared: The tables themselves, for the pictures of `to_html`.
    """

    scores: tuple[Score, ...]
    tables: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    riskiest: tuple[dict[str, Any], ...] = ()
    compared: Tables | None = field(default=None, repr=False, compare=False)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the scores say in plain sentences, the bad ones first."""
        return verdicts(self.scores, self.tables.get("rows", {}))

    def summary(self) -> str:
        """How many verdicts of each level, in words."""
        counts = Counter(verdict.level for verdict in self.verdicts)
        return ", ".join(
            f"{counts[level]} {level}" for level in LEVELS if counts[level]
        )

    def score(self, name: str) -> Score:
        """The score of this name."""
        for score in self.scores:
            if score.name == name:
                return score
        raise ConfigError(
            f"the report has no score {name!r}; it has {', '.join(s.name for s in self.scores)}"
        )

    def rows(self) -> list[Row]:
        """One `Row` per score, ready to print."""
        return [_row(score) for score in self.scores]

    def headings(self) -> dict[str, str]:
        """Family -> heading, for the families that the report has."""
        return {
            family: text
            for family, text in _HEADINGS.items()
            if any(s.family == family for s in self.scores)
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain data; figures that do not exist or are infinite are None."""
        found = {
            "seed": self.seed,
            "tables": self.tables,
            "verdicts": [asdict(v) for v in self.verdicts],
            "scores": [asdict(s) for s in self.scores],
        }
        exposed = (
            {"warning": WARNING, "riskiest": self.riskiest} if self.riskiest else {}
        )
        data: dict[str, Any] = plain_data(found | exposed)
        return data

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
        """One self-contained page: verdicts, scores, and pictures of the columns, their ties and the rows.

        Args:
            names: What the tables are called, such as their files.
            augmentation: An augmentation study (`Study.to_dict`, or the JSON of ``synthtab augment``), to be drawn too.

        Raises:
            DataError: ``augmentation`` is something else.
        """
        drawn = None if self.compared is None else pictures(self.compared, self.seed)
        return html.page(self, drawn, names=names, augmentation=augmentation)

    def __str__(self) -> str:
        """Verdicts and a plain table, at most 80 columns wide; of scores that answer one question, the first."""
        shown = headlines(self.scores)
        rows = [_row(score) for score in shown]
        lines = [
            *self.facts(),
            *self._sentences(),
            "",
            f"{'':<34}{'score':>9}  {'beside it'}",
        ]
        for family, heading in self.headings().items():
            lines += ["", heading]
            for row in rows:
                if row.family != family:
                    continue
                if row.value:
                    lines.append(
                        f"  {row.title:<32}{row.value:>9}  {row.reference:>8}  {row.label}"[
                            :80
                        ].rstrip()
                    )
                else:
                    reason = row.label.removeprefix("skipped: ")
                    lines.append(
                        f"  {row.title:<32}{'skipped':>9}  {reason}"[:80].rstrip()
                    )
                lines.append(f"      {row.meaning}"[:80])
        if other := [score.title for score in self.scores if score not in shown]:
            lines += [
                "",
                *textwrap.wrap(
                    f"In JSON and HTML too, for the same questions: {', '.join(other)}",
                    WIDTH,
                ),
            ]
        return "\n".join([*lines, *self._exposed()])

    def _sentences(self) -> list[str]:
        """The verdicts, wrapped, each behind its level."""
        lines = ["", f"Verdicts: {self.summary()}"] if self.verdicts else []
        for verdict in self.verdicts:
            wrapped = textwrap.wrap(
                verdict.text, 69, break_long_words=True, break_on_hyphens=False
            )
            lines += [
                f"  {verdict.level:<9}{wrapped[0]}",
                *(f"{'':<11}{line}" for line in wrapped[1:]),
            ]
        return lines

    def _exposed(self) -> list[str]:
        """The riskiest rows, if they were asked for: where they stand, why, and their cells, wrapped."""
        if not self.riskiest:
            return []
        lines = [
            "",
            f"The {len(self.riskiest)} training rows that are exposed most, counted from 1 below the header",
        ]
        lines += textwrap.wrap(WARNING, WIDTH)
        for entry in self.riskiest:
            lines.append(f"  row {entry['row'] + 1:,}, {html.exposure(entry)}")
            cells = ", ".join(
                f"{html.clean(n)}={_cell(v)}" for n, v in entry.get("cells", {}).items()
            )
            lines += [
                f"      {line}"
                for line in textwrap.wrap(cells, WIDTH - 6, break_on_hyphens=False)
            ]
        return lines

    def facts(self) -> list[str]:
        """The tables in words, in lines of at most 80 columns."""
        facts = self.tables
        if not facts:
            return []
        rows = [f"{name} {count:,} rows" for name, count in facts["rows"].items()]
        lines = [", ".join(rows)]
        columns = f"{len(facts['numeric'])} numeric and {len(facts['categorical'])} categorical columns"
        lines.append(
            columns
            if facts["target"] is None
            else f"{columns}; target {facts['target']}"[:80]
        )
        if facts["skipped"]:
            left = ", ".join(
                f"{name} ({why})" for name, why in facts["skipped"].items()
            )
            lines.append(_shorten(f"left out: {left}"))
        return lines


def _row(score: Score) -> Row:
    if not score.ok:
        return Row(score.family, score.title, "", "", score.status, score.meaning)
    reference = score.reference
    return Row(
        score.family,
        score.title,
        _figure(score.value, score.unit),
        "" if reference is None else _figure(reference.value, score.unit),
        "" if reference is None else reference.label,
        score.meaning,
    )


def _figure(value: float, unit: str) -> str:
    """Percentages with two decimals, shares and areas with three."""
    if not math.isfinite(value):
        return "-"
    return f"{value:.2f} {unit}" if unit else f"{value:.3f}"


def _cell(value: Any) -> str:
    return "(missing)" if value is None else html.clean(value)


def _shorten(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def plain_data(value: Any) -> Any:
    """JSON data: tuples become lists, NaN and infinities None."""
    if isinstance(value, dict):
        return {str(k): plain_data(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
