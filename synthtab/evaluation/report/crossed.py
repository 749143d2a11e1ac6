"""The picture of the pairs that are broken: how often which values go together.

Each pair is a two-way table in either table of rows, of bins that hold about as many real
rows each, or of categories. A cell with fewer real rows than may be told of is left
white, and so is one with as few synthetic rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.data.columns.disclosure import people_of_values
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.levels import quantile_edges
from synthtab.evaluation.naming import LEAST
from synthtab.evaluation.report import svg
from synthtab.evaluation.report.figures import is_whole, labels
from synthtab.evaluation.report.findings import Verdict
from synthtab.evaluation.report.section import Section, render
from synthtab.evaluation.report.text import clean, short_names
from synthtab.evaluation.views import Tables, View

if TYPE_CHECKING:
    from synthtab.evaluation.report.report import Report

# Most pairs that are drawn, bins of a number, and categories that stay apart.
PAIRS = 12
BINS = 12
CATEGORIES = 9
WORD_LENGTH = 12
# What an item of `association` is called that is about missing cells.
GAPS = "missing "
# Rules about pairs, and about columns that lost theirs.
OF_PAIRS = ("pair", "invented tie", "sign", "order", "weaker", "curve", "stray")
OF_TIES = ("detached", "missing at random")

Codes = npt.NDArray[np.int64]
Pair = tuple[str, str]


def section(tables: Tables, streams: Streams, report: Report) -> Section | None:
    """A card for each pair that a verdict calls broken, and each column's lost tie."""
    drawn = [
        _card(tables, number, pair, level)
        for number, (pair, level) in enumerate(broken(report, tables), 1)
    ]
    if not drawn:
        return None
    return Section(
        "pairs", "Pairs", "Pairs that are broken", render("pairs.html", pairs=drawn)
    )


def broken(report: Report, tables: Tables) -> list[tuple[Pair, str]]:
    """The pairs that the verdicts are about, each once, and their levels."""
    found: dict[frozenset[str], tuple[Pair, str]] = {}
    for verdict in report.verdicts:
        for one, other in pairs_of(verdict):
            known = all(_column(name, tables) is not None for name in (one, other))
            if known and one != other:
                key = frozenset((one, other))
                found.setdefault(key, ((one, other), verdict.level))
    return list(found.values())[:PAIRS]


def anchors(report: Report) -> dict[frozenset[str], str]:
    """The two of a pair -> the id of its card on the page."""
    if report.compared is None:
        return {}
    pairs = broken(report, report.compared)
    return {frozenset(pair): f"pair-{k}" for k, (pair, _) in enumerate(pairs, 1)}


def pairs_of(verdict: Verdict) -> Iterator[Pair]:
    """The pairs that a verdict is about; of a column that lost its ties, the strongest."""
    if verdict.level not in ("bad", "fair"):
        return
    for fault in verdict.figures.get("worst", [verdict.figures]):
        if verdict.rule in OF_PAIRS and len(fault["columns"]) == 2:
            one, other = fault["columns"]
            yield str(one), str(other)
        elif verdict.rule in OF_TIES:
            gaps = GAPS if fault["missing"] else ""
            yield f"{gaps}{fault['column']}", str(fault["ties"][0]["column"])


def _column(item: str, tables: Tables) -> str | None:
    """The column of an item: itself, or that whose missing cells it is about."""
    if item in tables.names:
        return item
    name = item.removeprefix(GAPS)
    return name if item.startswith(GAPS) and name in tables.names else None


def _card(tables: Tables, number: int, pair: Pair, level: str) -> dict[str, Any]:
    across, down, real, synthetic = two_way(tables, pair)
    top = max(float(real.max()), float(synthetic.max())) or 1.0
    pictures = [
        (heading, svg.crossed(shares.tolist(), down.labels, across.labels, top))
        for heading, shares in (("Real", real), ("Synthetic", synthetic))
    ]
    return {
        "id": f"pair-{number}",
        "level": level,
        "across": across.name,
        "down": down.name,
        "short": short_names([clean(across.name), clean(down.name)], 32),
        "maps": pictures,
    }


def two_way(tables: Tables, pair: Pair) -> tuple[Axis, Axis, Floats, Floats]:
    """A pair in cells: how often which values go together.

    Returns:
        What goes across and what goes up, and the shares of the real and the synthetic
        rows in each cell ``[up, across]``, 0 where few rows are.
    """
    across, down = (Axis(tables, item) for item in pair)
    if len(across.labels) < len(down.labels) and not across.numeric:
        # Words are read more easily at the left.
        across, down = down, across
    width = len(across.labels)
    size = width * len(down.labels)

    def shares(view: View) -> Floats:
        cell = down.levels(view) * width + across.levels(view)
        counts = np.bincount(cell, minlength=size)
        # Rows, or people where the schema names them.
        enough = people_of_values(cell, size, view.people) >= LEAST
        told: Floats = np.where(enough, counts, 0) / len(view)
        return told.reshape(len(down.labels), width)

    return across, down, shares(tables.real), shares(tables.synthetic)


class Axis:
    """A column, or its missing cells, as few levels.

    Attributes:
        name: What it is called.
        numeric: Whether it has bins.
        labels: One for each level; "" for a bin between others.
    """

    def __init__(self, tables: Tables, item: str) -> None:
        column = _column(item, tables)
        assert column is not None
        self.name = item
        self._of_gaps = item not in tables.names
        self._place = tables.names.index(column)
        self._missing = tables.missing
        self.numeric = not self._of_gaps and column in tables.numeric
        if self._of_gaps:
            self.labels = ["there", "missing"]
            return
        if self.numeric:
            self._number(tables, column)
        else:
            self._category(tables, tables.categorical.index(column))
        views = (tables.real, tables.synthetic)
        if any(tables.missing(view)[:, self._place].any() for view in views):
            self.labels.append("missing")

    def _number(self, tables: Tables, column: str) -> None:
        told = tables.tellable(self._place)
        self._edges = quantile_edges(told, BINS)
        self.labels = [""] * (len(self._edges) + 1)
        if len(told):
            middle = len(self.labels) // 2
            ends = np.array([told[0], np.quantile(told, 0.5), told[-1]])
            if is_whole(tables.real.numbers[:, self._place]):
                ends = np.rint(ends)
            least, median, greatest = labels(tables, column, ends)
            self.labels[middle] = median
            self.labels[0], self.labels[-1] = least, greatest

    def _category(self, tables: Tables, j: int) -> None:
        self._code = j
        words = tables.categories[j]
        counts = np.bincount(tables.real.codes[:, j], minlength=len(words) + 1)[:-1]
        order = np.argsort(-counts, kind="stable")
        nameable = tables.nameable(j)
        shown = [code for code in order if nameable[code]][:CATEGORIES]
        # Code -> level; all others share one.
        self._level_of = np.full(len(words) + 1, len(shown), dtype=np.int64)
        self._level_of[shown] = np.arange(len(shown))
        self.labels = short_names([clean(words[code]) for code in shown], WORD_LENGTH)
        if len(shown) < len(words):
            self.labels.append("others")
        self._level_of[-1] = len(self.labels)

    def levels(self, view: View) -> Codes:
        """``[rows]``: the level of each row of a table."""
        gone = self._missing(view)[:, self._place]
        if self._of_gaps:
            return gone.astype(np.int64)
        if not self.numeric:
            return self._level_of[view.codes[:, self._code]]
        values = view.numbers[:, self._place]
        bins = np.searchsorted(self._edges, values, side="right")
        return np.where(gone, len(self._edges) + 1, bins).astype(np.int64)
