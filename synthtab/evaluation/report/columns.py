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
from synthtab.evaluation.cells import Floats, Integers, known
from synthtab.evaluation.naming import LEAST
from synthtab.evaluation.report import hours, svg
from synthtab.evaluation.report.figures import figures, is_whole, labels
from synthtab.evaluation.report.findings import LEVELS
from synthtab.evaluation.report.section import Section, render
from synthtab.evaluation.report.text import clean, short_names, shorten
from synthtab.evaluation.views import Tables

if TYPE_CHECKING:
    from synthtab.evaluation.report.report import Report

BINS = 30
# Share of the real rows at either end that may lie beyond the outer bins, if they would
# squeeze all others together: that is, if they reach farther than `MARGIN` times the
# range of the rest.
TAIL = 0.005
MARGIN = 0.25
# Share of the rows beyond the real range from which on it has a bar of its own. An end is
# a mean of few real rows, so that some rows are beyond it in any table.
BEYOND_SHOWN = 0.001
SHOWN_CATEGORIES = 7
# Letters of a category and of the name of a column, on a card.
WORD_LENGTH = 17
TITLE_LENGTH = 60
# Sentences about a column on its card.
FINDINGS_SHOWN = 3
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
    findings = _findings(report)
    ids = anchors(tables)
    clocks = hours.pictures(tables)
    cards = []
    for column in distributions(tables):
        name = column["name"]
        of_column = findings.get(name, [])
        card = column | {
            "id": ids[name],
            "title": shorten(clean(name), TITLE_LENGTH),
            "error": errors.get(name),
            "floor": floors.get(name),
            "level": of_column[0][0] if of_column else None,
            "findings": of_column[:FINDINGS_SHOWN],
        }
        if column["kind"] == "number":
            beyond = column["beyond"]
            picture, cut = svg.histogram(column["real"], column["synthetic"], **beyond)
            card["picture"] = picture
            card["cut"] = cut
            card["top"] = [max(column["real"]), max(column["synthetic"])]
            card["figures"] = figures(tables, tables.numeric.index(name))
            card["clocks"] = clocks.get(name, [])
        else:
            card["scale"] = _longest(column["bars"])
            words = [clean(bar["label"]) for bar in column["bars"]]
            for bar, short in zip(
                column["bars"], short_names(words, WORD_LENGTH), strict=True
            ):
                bar["short"] = short
        cards.append(card)

    def badness(card: Data) -> tuple[int, float, str]:
        by_level = {"bad": 0, "fair": 1}.get(card["level"], 2)
        # Minus the error beyond that of a perfect sampler: the largest comes first.
        by_error = (card["floor"] or 0.0) - (card["error"] or 0.0)
        return by_level, by_error, card["name"]

    return sorted(cards, key=badness)


def _findings(report: Report) -> dict[str, list[tuple[str, str]]]:
    """Column -> the levels and sentences about it alone, the worst first.

    What is wrong with a pair is no fault of one of its columns.
    """
    findings: dict[str, list[tuple[str, str]]] = {}
    for level in LEVELS:
        for verdict in report.verdicts:
            if verdict.level == level:
                for name, text in verdict.own.items():
                    findings.setdefault(name, []).append((level, text))
    return findings


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
    """Shares of both tables in equal bins over the real range, and beyond it.

    The range, the real shares and whatever else is a number on the page are those of
    the numbers that may be told.
    """
    real = tables.real.numbers[:, j]
    synthetic = tables.synthetic.numbers[:, j]
    told = tables.tellable(j)
    # Not empty: a column without a number in the real table is left out of the tables.
    # Fewer cells than may be told: nothing but that there are some.
    there = told if len(told) else np.zeros(1)
    low = float(there[0])
    high = float(there[-1])
    # A few cells far out are put into bins of their own.
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

    whole = is_whole(real)
    if whole:
        low, high = np.rint([low, high]).tolist()
    edges = _edges(low, high, whole)
    of_real = _shares(told, len(real), edges)
    of_synthetic = _shares(known(synthetic), len(synthetic), edges)
    # What is beyond an end that was not cut is in the outer bin, unless it is much.
    beyond = {}
    for side, end, was_cut in (("below", 0, cut_low), ("above", -1, cut_high)):
        pair = (float(of_real[end]), float(of_synthetic[end]))
        if was_cut or max(pair) > max(BEYOND_SHOWN, 2 * LEAST / len(real)):
            beyond[side] = pair
        else:
            next_one = 1 if end == 0 else -2
            of_real[next_one] += of_real[end]
            of_synthetic[next_one] += of_synthetic[end]
    real_shares = of_real[1:-1]
    synthetic_shares = of_synthetic[1:-1]

    ends = np.array([low, (low + high) / 2, high])
    ticks = labels(tables, name, np.rint(ends) if whole else ends)
    if whole and high - low < 2:
        # No whole number lies between.
        ticks[1] = ""
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
        "beyond": beyond,
        "labels": ticks,
        "peak": labels(tables, name, values[[np.argmax(counts)]])[0],
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


def _shares(values: Floats, rows: int, edges: Floats) -> Floats:
    """Share of all rows below the bins, in each bin, and above them.

    Args:
        values: Those that are there.
        rows: Rows of the table, missing cells included.
        edges: Of the bins; the last one belongs to the last bin.
    """
    bins = np.searchsorted(edges, values, side="right")
    bins[values == edges[-1]] = len(edges) - 1
    shares: Floats = np.bincount(bins, minlength=len(edges) + 1) / max(rows, 1)
    return shares


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
