"""The picture of the columns: each of them in both tables, the worst first.

`distributions` gives plain data (shares of bins, of categories), `section` a card for
each column. All is computed when the page is asked for, not with the scores, so that
JSON stays small.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.data.columns import KINDS, number_kind
from synthtab.evaluation.cells import Floats, Integers, known
from synthtab.evaluation.naming import tellable
from synthtab.evaluation.report import svg
from synthtab.evaluation.report.section import Section, render
from synthtab.evaluation.views import Tables

if TYPE_CHECKING:
    from synthtab.evaluation.report.report import Report

BINS = 30
# Share of the real rows at either end that may lie beyond the outer bins, if they would
# squeeze all others together: that is, if they reach farther than `MARGIN` times the
# range of the rest.
TAIL = 0.005
MARGIN = 0.25
SHOWN_CATEGORIES = 7
# So many cards are open, the others are folded.
OPEN_CARDS = 12

Data = dict[str, Any]


def section(tables: Tables, streams: Streams, report: Report) -> Section:
    """A card for each column, with its verdict and its shape error."""
    return Section(
        "columns",
        "Columns",
        "Columns",
        render("columns.html", columns=_cards(tables, report), open_columns=OPEN_CARDS),
    )


def anchors(tables: Tables | None) -> dict[str, str]:
    """Column -> the id of its card on the page; without tables there are no cards."""
    if tables is None:
        return {}
    return {name: f"column-{k}" for k, name in enumerate(tables.names, 1)}


def _cards(tables: Tables, report: Report) -> list[Data]:
    """What the template draws of each column, the worst first."""
    errors: Mapping[str, float] = {}
    floors: Mapping[str, float] = {}
    for score in report.scores:
        if score.name == "shape_error" and score.ok:
            errors = score.detail["columns"]
            floors = score.detail["floors"]
    levels = _levels(report)
    ids = anchors(tables)
    cards = []
    for column in distributions(tables):
        name = column["name"]
        card = column | {
            "id": ids[name],
            "error": errors.get(name),
            "floor": floors.get(name),
            "level": levels.get(name),
        }
        if column["kind"] == "number":
            picture, cut = svg.histogram(column["real"], column["synthetic"])
            card["picture"] = picture
            card["cut"] = cut
            card["top"] = [max(column["real"]), max(column["synthetic"])]
        else:
            card["scale"] = _longest(column["bars"])
        cards.append(card)

    def badness(card: Data) -> tuple[int, float, str]:
        by_level = {"bad": 0, "fair": 1}.get(card["level"], 2)
        # Minus the error beyond that of a perfect sampler: the largest comes first.
        by_error = (card["floor"] or 0.0) - (card["error"] or 0.0)
        return by_level, by_error, card["name"]

    return sorted(cards, key=badness)


def _levels(report: Report) -> dict[str, str]:
    """Column -> "bad" or "fair", the worst of the verdicts that name it.

    The detector names columns that give rows away together, not those that are at
    fault.
    """
    levels: dict[str, str] = {}
    for verdict in report.verdicts:  # the bad ones come first
        if verdict.level in ("bad", "fair") and verdict.rule != "detector":
            for name in verdict.columns:
                levels.setdefault(name, verdict.level)
    return levels


def _longest(bars: list[Data]) -> float:
    """The share that fills the width of a card."""
    longest = max((max(bar["real"], bar["synthetic"]) for bar in bars), default=1.0)
    return longest or 1.0


def distributions(tables: Tables) -> list[Data]:
    """Shares of the real and the synthetic rows for each column, numbers first."""
    columns = [_number(tables, j, name) for j, name in enumerate(tables.numeric)]
    columns += [_category(tables, j, name) for j, name in enumerate(tables.categorical)]
    return columns


def _number(tables: Tables, j: int, name: str) -> Data:
    """Shares of both tables in equal bins over the real range.

    The outer bins also hold what lies beyond. The range, and whatever else is a number
    on the page, is that of the numbers that may be told.
    """
    real = tables.real.numbers[:, j]
    synthetic = tables.synthetic.numbers[:, j]
    # Not empty: a column without a number in the real table is left out of the tables.
    there = tellable(real)
    if not len(there):
        # Fewer cells than may be told: nothing but that there are some.
        there = np.zeros(1)
    low = float(there[0])
    high = float(there[-1])
    # A few cells far out are put into the outer bins.
    inner_low, inner_high = (float(q) for q in np.quantile(there, [TAIL, 1 - TAIL]))
    cut_low = False
    cut_high = False
    if inner_high > inner_low:
        margin = MARGIN * (inner_high - inner_low)
        cut_low = low < inner_low - margin
        cut_high = high > inner_high + margin
    if cut_low:
        low = inner_low
    if cut_high:
        high = inner_high

    present = known(real)
    whole = bool((present == np.rint(present)).all())
    if whole:
        low, high = np.rint([low, high]).tolist()
    edges = _edges(low, high, whole)
    real_shares = _shares(real, edges)
    synthetic_shares = _shares(synthetic, edges)

    ends = np.array([low, (low + high) / 2, high])
    labels = _labels(tables, name, np.rint(ends) if whole else ends)
    if cut_low:
        labels[0] = f"≤ {labels[0]}"
    if cut_high:
        labels[2] = f"≥ {labels[2]}"
    # The value that most rows of the highest bar have, should the bar be cut.
    peak = int(np.argmax(real_shares + synthetic_shares))
    inside = there[(there >= edges[peak]) & (there < edges[peak + 1])]
    if not len(inside):
        inside = edges[[peak]]
    values, counts = np.unique(inside, return_counts=True)
    return {
        "name": name,
        "kind": "number",
        "real": rounded(real_shares),
        "synthetic": rounded(synthetic_shares),
        "labels": labels,
        "peak": _labels(tables, name, values[[np.argmax(counts)]])[0],
        "missing": [float(np.isnan(real).mean()), float(np.isnan(synthetic).mean())],
    }


def _edges(low: float, high: float, whole: bool) -> Floats:
    """About `BINS` equal bins; of few whole numbers, each holds equally many."""
    if whole and high - low < 5 * BINS:
        # Otherwise some bins would hold two numbers and others three, and look like
        # heaps.
        width = max(1.0, np.ceil((high - low + 1) / BINS))
        count = int((high - low) // width) + 1
        edges: Floats = low - 0.5 + width * np.arange(count + 1)
        return edges
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    return edges


def _shares(values: Floats, edges: Floats) -> Floats:
    """Share of all rows in each bin; values beyond count for the outer ones."""
    there = values[~np.isnan(values)]
    bins = np.searchsorted(edges, there, side="right") - 1
    bins = np.clip(bins, 0, len(edges) - 2)
    shares: Floats = np.bincount(bins, minlength=len(edges) - 1) / max(len(values), 1)
    return shares


def _labels(tables: Tables, name: str, values: Floats) -> list[str]:
    """Numbers as the column writes them: dates as dates."""
    column = tables.columns.get(name)
    if column is not None and KINDS[column.kind].temporal:
        kind = number_kind(column)
        cells = np.rint(values).astype(np.int64)
        try:
            return [str(text) for text in kind.render(cells, column)]
        except (ValueError, OverflowError):
            pass  # beyond the calendar: as a number
    return [_short(float(value)) for value in values]


def _short(value: float) -> str:
    """At most four digits, or a whole number of up to seven."""
    if value == round(value) and abs(value) < 1e7:
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"
    if abs(value) < 1_000 or abs(value) >= 1e7:
        return f"{value:.3g}"
    return f"{value:,.0f}"


def _category(tables: Tables, j: int, name: str) -> Data:
    """Shares of the commonest categories, of all others, and of missing cells.

    Those that too few rows have to be named are among the others.
    """
    words = tables.categories[j]
    real = _frequencies(tables.real.codes[:, j], len(words) + 1)
    synthetic = _frequencies(tables.synthetic.codes[:, j], len(words) + 1)

    def bar(label: str, codes: Any, kind: str) -> Data:
        return {
            "label": label,
            "real": float(real[codes].sum()),
            "synthetic": float(synthetic[codes].sum()),
            "kind": kind,
        }

    # The code behind the last word stands for a missing cell.
    missing = len(words)
    order = np.argsort(-np.maximum(real[:-1], synthetic[:-1]), kind="stable")
    nameable = tables.nameable(j)
    named = order[nameable[order]]
    # One category more is shown by itself: "1 others" would take as much room.
    fits = len(words) <= SHOWN_CATEGORIES + 1
    shown = named if fits else named[:SHOWN_CATEGORIES]
    bars = [bar(words[code], [code], "") for code in shown]
    others = order[~np.isin(order, shown)]
    if len(others):
        noun = "others" if len(others) > 1 else "other"
        bars.append(bar(f"{len(others):,} {noun}", others, "rest"))
    if real[missing] or synthetic[missing]:
        bars.append(bar("missing", [missing], "rest"))
    return {"name": name, "kind": "category", "bars": bars, "categories": len(words)}


def _frequencies(codes: Integers, size: int) -> Floats:
    shares: Floats = np.bincount(codes, minlength=size) / len(codes)
    return shares


def rounded(values: Any, digits: int = 4) -> list[float]:
    """Numbers as a list, short enough for a page."""
    # Adding 0 turns -0.0 into 0.0.
    return [round(float(value), digits) + 0.0 for value in values]
