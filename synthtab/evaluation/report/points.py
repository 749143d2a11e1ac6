"""The picture of the rows: where those of either table lie, all columns at once.

A report is shared, so that no row is drawn as a point: rows are counted in squares, and a
square of fewer than five real rows (or people) is as empty as one of none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.data.columns.disclosure import people_of_values
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.design import Coding, Design
from synthtab.evaluation.naming import LEAST
from synthtab.evaluation.report import svg
from synthtab.evaluation.report.section import Section, render
from synthtab.evaluation.views import Tables

if TYPE_CHECKING:
    from synthtab.evaluation.report.report import Report

# Most rows of a table that are counted.
POINTS = 20_000
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
# Squares of a side, and so many rows for each on average.
FEWEST_SQUARES = 6
MOST_SQUARES = 28
ROWS_A_SQUARE = 8


def section(tables: Tables, streams: Streams, report: Report) -> Section | None:
    """The real rows, the synthetic rows, and their difference, in one frame."""
    points = projected(tables, streams)
    if points is None:
        return None
    counted = squares(points)
    real = counted["real"] / len(points["real"])
    synthetic = counted["synthetic"] / len(points["synthetic"])
    top = max(float(real.max()), float(synthetic.max()), 1e-12)
    drawn = {
        "explained": points["explained"],
        "least": LEAST,
        "maps": [
            (f"{len(points['real']):,} real rows", svg.squares(real, top, "real")),
            (
                f"{len(points['synthetic']):,} synthetic rows",
                svg.squares(synthetic, top, "synthetic"),
            ),
            (
                "Synthetic less real",
                svg.squares(synthetic - real, top, "difference"),
            ),
        ],
    }
    return Section(
        "rows", "Rows", "All columns at once", render("points.html", points=drawn)
    )


def squares(points: dict[str, Any]) -> dict[str, Floats]:
    """How many rows lie in each square, of both tables, 0 for fewer than five.

    Args:
        points: As `projected` gives them.

    Returns:
        "real" and "synthetic" ``[squares upwards, squares across]``. Real rows count as
        people, where it is known who is who.
    """
    tables = [points["real"], points["synthetic"]]
    both = np.concatenate(tables)
    fewest = min(map(len, tables))
    side = int(np.clip(np.sqrt(fewest / ROWS_A_SQUARE), FEWEST_SQUARES, MOST_SQUARES))
    ends = [_axis(both[:, 0].tolist()), _axis(both[:, 1].tolist())]
    counted: dict[str, Floats] = {}
    for name, cloud in zip(("real", "synthetic"), tables, strict=True):
        places = []
        for axis, (low, high) in enumerate(ends):
            along = (cloud[:, axis] - low) / ((high - low) or 1.0)
            places.append(np.clip((along * side).astype(int), 0, side - 1))
        square = places[1] * side + places[0]
        rows = np.bincount(square, minlength=side * side).astype(np.float64)
        people = points["people"] if name == "real" else None
        enough = people_of_values(square, side * side, people) >= LEAST
        counted[name] = np.where(enough, rows, 0.0).reshape(side, side)
    return counted


def projected(tables: Tables, streams: Streams) -> dict[str, Any] | None:
    """Both tables on the first two principal components of the real one.

    Returns:
        "real" and "synthetic" ``[rows, 2]``, "people", the person of each real row or
        None, and "explained", the share of the variance that the two components hold;
        None for a table that has no two.
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
        "real": (a - mean) @ axes,
        "synthetic": (b - mean) @ axes,
        "people": real.people,
        "explained": float(values[-2:].sum()) / total,
    }


def _axis(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis for nearly all values; the few beyond count at its ends."""
    ordered = sorted(values)
    beyond = int(BEYOND * len(ordered))
    low = ordered[beyond]
    high = ordered[-1 - beyond]
    margin = MARGIN * (high - low)
    return low - margin, high + margin
