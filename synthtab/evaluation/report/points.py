"""The picture of the rows: both tables as clouds of points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation.design import Coding, Design
from synthtab.evaluation.report import svg
from synthtab.evaluation.report.columns import rounded
from synthtab.evaluation.report.section import Section, render
from synthtab.evaluation.views import Tables

if TYPE_CHECKING:
    from synthtab.evaluation.report.report import Report

# Most rows of a table that are drawn.
POINTS = 2_000
# What the components are made of: numbers that end at 4 standard deviations, as
# outliers must not squeeze everybody else into a point, and the 12 commonest
# categories.
CODING = Coding(
    farthest=4.0,
    categories=12,
    gaps_marked=False,
    gaps_count=False,
    dense_up_to=np.inf,
)
# Share of the points at either end of an axis that may lie beyond it, and the margin
# around the others.
BEYOND = 0.003
MARGIN = 0.04


def section(tables: Tables, streams: Streams, report: Report) -> Section | None:
    """The real rows, the synthetic rows, and both, in one frame."""
    points = projected(tables, streams)
    if points is None:
        return None
    real = ("real", points["real"])
    synthetic = ("synthetic", points["synthetic"])
    both = [*points["real"], *points["synthetic"]]
    frame = [_axis([x for x, _ in both]), _axis([y for _, y in both])]
    drawn = {
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
    return Section(
        "rows", "Rows", "All columns at once", render("points.html", points=drawn)
    )


def projected(tables: Tables, streams: Streams) -> dict[str, Any] | None:
    """Both tables on the first two principal components of the real one.

    Returns:
        "real" and "synthetic", lists of (x, y), and "explained", the share of the
        variance that the two components hold; None for a table that has no two.
    """
    real = tables.real.some(POINTS, streams.numpy("points, real"))
    synthetic = tables.synthetic.some(POINTS, streams.numpy("points, synthetic"))
    design = Design(tables, tables.real, CODING)
    a = design(real)
    b = design(synthetic)
    # The real table decides the axes: synthetic rows that lie elsewhere
    # can be seen to.
    mean = a.mean(axis=0)
    if len(a) < 3 or a.shape[1] < 2:
        return None
    values, vectors = np.linalg.eigh(np.cov(a - mean, rowvar=False))
    # `eigh` gives them in ascending order.
    axes = vectors[:, [-1, -2]]
    # The sign of an eigenvector means nothing: its largest part shall be positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    total = float(values.sum())
    if total <= 0:
        return None
    return {
        "real": [rounded(row, 3) for row in (a - mean) @ axes],
        "synthetic": [rounded(row, 3) for row in (b - mean) @ axes],
        "explained": float(values[-2:].sum()) / total,
    }


def _axis(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis for nearly all values; the few beyond are drawn at its ends."""
    ordered = sorted(values)
    beyond = int(BEYOND * len(ordered))
    low = ordered[beyond]
    high = ordered[-1 - beyond]
    margin = MARGIN * (high - low)
    return low - margin, high + margin
