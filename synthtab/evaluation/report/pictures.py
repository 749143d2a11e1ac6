"""What the pictures of a report show, as plain data: computed apart from the scores, so that JSON stays small."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from synthtab.core.randomness import Streams
from synthtab.data.columns import KINDS, TEMPORAL
from synthtab.data.columns.numeric import NumberEncoder
from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.metrics import association, detection
from synthtab.evaluation.neighbours import scale
from synthtab.evaluation.views import Tables, View

BINS = 30
TAIL = 0.005
SHOWN_CATEGORIES = 7
POINTS = 2_000
ONE_HOT = 12
FAR = 4.0  # standard deviations: outliers must not squeeze everybody else into a point
CURVE = 50

Data = dict[str, Any]


def pictures(tables: Tables, seed: int = 0) -> Data:
    """Distributions of every column, ties of all pairs, both tables as points, and the detector's curve."""
    streams = Streams(seed)
    columns = [_number(tables, j, name) for j, name in enumerate(tables.numeric)]
    columns += [_category(tables, j, name) for j, name in enumerate(tables.categorical)]
    return {
        "columns": columns,
        "ties": _ties(tables, streams),
        "points": _points(tables, streams),
        "curve": _curve(tables, streams),
    }


# --- columns ---------------------------------------------------------------------------------------


def _number(tables: Tables, j: int, name: str) -> Data:
    """Shares of both tables in equal bins over the real range; the outer bins hold what lies beyond."""
    real, synthetic = tables.real.numbers[:, j], tables.synthetic.numbers[:, j]
    there = np.sort(real[~np.isnan(real)])
    low, high = float(there[0]), float(there[-1])
    inner_low, inner_high = (float(q) for q in np.quantile(there, [TAIL, 1 - TAIL]))
    cut_low = cut_high = False
    if inner_high > inner_low:
        margin = 0.25 * (inner_high - inner_low)
        cut_low, cut_high = low < inner_low - margin, high > inner_high + margin
        low, high = inner_low if cut_low else low, inner_high if cut_high else high
    whole = bool((there == np.rint(there)).all())
    edges = _edges(low, high, whole)
    shares = [_shares(view, edges) for view in (real, synthetic)]
    ends = [low, (low + high) / 2, high]
    labels = _labels(tables, name, np.rint(ends) if whole else np.array(ends))
    peak = int(np.argmax(shares[0] + shares[1]))
    inside = there[(there >= edges[peak]) & (there < edges[peak + 1])]
    values, counts = np.unique(
        inside if len(inside) else edges[[peak]], return_counts=True
    )
    return {
        "name": name,
        "kind": "number",
        "real": _rounded(shares[0]),
        "synthetic": _rounded(shares[1]),
        "labels": [
            ("≤ " if cut_low else "") + labels[0],
            labels[1],
            ("≥ " if cut_high else "") + labels[2],
        ],
        "peak": _labels(tables, name, values[[np.argmax(counts)]])[0],
        "missing": [float(np.isnan(real).mean()), float(np.isnan(synthetic).mean())],
    }


def _edges(low: float, high: float, whole: bool) -> Floats:
    """About `BINS` equal bins; those of a few whole numbers hold equally many of them."""
    if whole and high - low < 5 * BINS:
        width = max(1.0, np.ceil((high - low + 1) / BINS))
        count = int((high - low) // width) + 1
        edges: Floats = low - 0.5 + width * np.arange(count + 1)
        return edges
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    return edges


def _shares(values: Floats, edges: Floats) -> Floats:
    """Share of all rows in each bin; values beyond count for the outer ones."""
    there = values[~np.isnan(values)]
    bins = np.clip(np.searchsorted(edges, there, side="right") - 1, 0, len(edges) - 2)
    shares: Floats = np.bincount(bins, minlength=len(edges) - 1) / max(len(values), 1)
    return shares


def _labels(tables: Tables, name: str, values: Floats) -> list[str]:
    """Numbers as the column writes them: dates as dates."""
    column = tables.columns.get(name)
    if column is not None and column.kind in TEMPORAL:
        kind = KINDS[column.kind]
        assert issubclass(kind, NumberEncoder)
        try:
            return [
                str(text)
                for text in kind.render(np.rint(values).astype(np.int64), column)
            ]
        except (ValueError, OverflowError):
            pass
    return [_short(float(value)) for value in values]


def _short(value: float) -> str:
    """At most four digits, or a whole number of up to seven."""
    if value == round(value) and abs(value) < 1e7:
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"
    return (
        f"{value:.3g}" if abs(value) < 1_000 or abs(value) >= 1e7 else f"{value:,.0f}"
    )


def _category(tables: Tables, j: int, name: str) -> Data:
    """Shares of the commonest categories of either table, of all others together, and of missing cells."""
    words = tables.categories[j]
    p, q = (
        _frequencies(view.codes[:, j], len(words) + 1)
        for view in (tables.real, tables.synthetic)
    )
    order = np.argsort(-np.maximum(p[:-1], q[:-1]), kind="stable")
    shown = SHOWN_CATEGORIES if len(words) > SHOWN_CATEGORIES + 1 else len(words)
    bars = [
        {"label": words[k], "real": float(p[k]), "synthetic": float(q[k]), "kind": ""}
        for k in order[:shown]
    ]
    rest = order[shown:]
    if len(rest):
        label = f"{len(rest):,} others"
        bars.append(
            {
                "label": label,
                "real": float(p[rest].sum()),
                "synthetic": float(q[rest].sum()),
                "kind": "rest",
            }
        )
    if p[-1] or q[-1]:
        bars.append(
            {
                "label": "missing",
                "real": float(p[-1]),
                "synthetic": float(q[-1]),
                "kind": "rest",
            }
        )
    return {"name": name, "kind": "category", "bars": bars, "categories": len(words)}


def _frequencies(codes: Integers, size: int) -> Floats:
    shares: Floats = np.bincount(codes, minlength=size) / len(codes)
    return shares


# --- tables ----------------------------------------------------------------------------------------


def _ties(tables: Tables, streams: Streams) -> Data | None:
    """Strength of the tie of every pair in both tables, columns that go together side by side."""
    count = len(tables.names)
    if count < 2:
        return None
    ties = association.of(tables, streams)
    real, synthetic = ties.real[:count, :count], ties.synthetic[:count, :count]
    apart = 1.0 - (real + real.T) / 2
    np.fill_diagonal(apart, 0.0)
    order = hierarchy.leaves_list(
        hierarchy.linkage(squareform(np.round(apart, 6), checks=False), "average")
    )
    grid = np.ix_(order, order)
    return {
        "names": [tables.names[k] for k in order],
        "real": [_rounded(row) for row in real[grid]],
        "synthetic": [_rounded(row) for row in synthetic[grid]],
    }


def _points(tables: Tables, streams: Streams) -> Data | None:
    """Both tables on the first two principal components of the real one (numbers standardised, categories one-hot)."""
    real = tables.real.some(POINTS, streams.numpy("points, real"))
    synthetic = tables.synthetic.some(POINTS, streams.numpy("points, synthetic"))
    a, b = (_design(tables, view) for view in (real, synthetic))
    mean = a.mean(axis=0)
    if len(a) < 3 or a.shape[1] < 2:
        return None
    values, vectors = np.linalg.eigh(np.cov(a - mean, rowvar=False))
    axes = vectors[:, [-1, -2]]
    # The sign of an eigenvector means nothing: its largest part shall be positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    total = float(values.sum())
    if total <= 0:
        return None
    return {
        "real": [_rounded(row, 3) for row in (a - mean) @ axes],
        "synthetic": [_rounded(row, 3) for row in (b - mean) @ axes],
        "explained": float(values[-2:].sum()) / total,
    }


def _design(tables: Tables, view: View) -> Floats:
    units = scale(tables)
    parts = [np.clip(units.numbers(view), -FAR, FAR)]
    for j, size in enumerate(tables.sizes):
        common = np.argsort(
            -np.bincount(tables.real.codes[:, j], minlength=size), kind="stable"
        )[:ONE_HOT]
        parts.append((view.codes[:, [j]] == common).astype(np.float64))
    return np.concatenate(parts, axis=1)


def _curve(tables: Tables, streams: Streams) -> list[list[float]] | None:
    """The detector's ROC curve, the mean over its folds: (false, true) positives among real and synthetic rows."""
    tests = detection.tests_of(tables, streams)
    if not tests:
        return None
    grid = np.linspace(0.0, 1.0, CURVE + 1)
    curves = []
    for labels, guesses in tests:
        order = np.argsort(-guesses, kind="stable")
        last = np.append(
            np.diff(guesses[order]) != 0, True
        )  # equal guesses are one step
        hits = np.cumsum(labels[order])[last] / max(labels.sum(), 1)
        alarms = np.cumsum(1 - labels[order])[last] / max((1 - labels).sum(), 1)
        curves.append(np.interp(grid, np.append(0.0, alarms), np.append(0.0, hits)))
    return [
        _rounded(point) for point in zip(grid, np.mean(curves, axis=0), strict=True)
    ]


def _rounded(values: Any, digits: int = 4) -> list[float]:
    return [round(float(value), digits) + 0.0 for value in values]
