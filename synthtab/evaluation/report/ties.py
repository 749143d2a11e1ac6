"""The picture of the ties: which columns depend on which, in both tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metrics import association, signs
from synthtab.evaluation.report import svg
from synthtab.evaluation.report.section import Section, render
from synthtab.evaluation.report.text import clean
from synthtab.evaluation.views import Tables

if TYPE_CHECKING:
    from synthtab.evaluation.report.report import Report

# Pairs that are listed beside the maps.
PAIRS_SHOWN = 8


def section(tables: Tables, streams: Streams, report: Report) -> Section | None:
    """Three maps (real, synthetic, difference) and the pairs that differ most."""
    count = len(tables.names)
    if count < 2:
        return None
    ties = association.of(tables, streams)
    # Besides the columns, `association.of` has a row for the gaps of each.
    real = ties.real[:count, :count]
    synthetic = ties.synthetic[:count, :count]
    order = _side_by_side(real)
    names = [tables.names[k] for k in order]
    real = _rounded(real[np.ix_(order, order)])
    synthetic = _rounded(synthetic[np.ix_(order, order)])
    difference = synthetic - real
    labels = [clean(name) for name in names]
    ranks = signs.of(tables, streams)
    drawn = {
        "count": count,
        "maps": [
            ("Real", svg.heatmap(real.tolist(), labels)),
            ("Synthetic", svg.heatmap(synthetic.tolist(), labels)),
            ("Difference", svg.heatmap(difference.tolist(), labels, signed=True)),
        ],
        "ranks": _rank_maps(ranks, names),
        "pairs": _with_ranks(_worst_pairs(names, real, synthetic), ranks),
    }
    return Section(
        "ties",
        "Ties",
        "Which columns are tied to which",
        render("ties.html", ties=drawn),
    )


def _rank_maps(ranks: signs.Ranks, names: list[str]) -> list[tuple[str, Markup]]:
    """Three maps of the rank correlations, the columns in the order of the other maps.

    None where fewer than two columns have an order.
    """
    if len(ranks.names) < 2:
        return []
    ordered = [name for name in names if name in ranks.names]
    where = [ranks.names.index(name) for name in ordered]
    labels = [clean(name) for name in ordered]
    square = np.ix_(where, where)
    real = _rounded(np.nan_to_num(ranks.real.values[square]))
    synthetic = _rounded(np.nan_to_num(ranks.synthetic.values[square]))
    matrices = (
        ("Real", real),
        ("Synthetic", synthetic),
        ("Difference", synthetic - real),
    )
    return [
        (heading, svg.heatmap(matrix.tolist(), labels, signed=True))
        for heading, matrix in matrices
    ]


def _with_ranks(
    pairs: list[dict[str, Any]], ranks: signs.Ranks
) -> list[dict[str, Any]]:
    """The pairs with their rank correlations, which have a sign, where there are any."""
    told = []
    for pair in pairs:
        correlations = None
        if pair["a"] in ranks.names and pair["b"] in ranks.names:
            place = ranks.names.index(pair["a"]), ranks.names.index(pair["b"])
            correlations = [
                # Adding 0 turns -0.0 into 0.0.
                round(float(np.nan_to_num(matrix[place])), 2) + 0.0
                for matrix in (ranks.real.values, ranks.synthetic.values)
            ]
        told.append({**pair, "ranks": correlations})
    return told


def _side_by_side(ties: Floats) -> Any:
    """An order in which columns that go together stand side by side."""
    distance = 1.0 - (ties + ties.T) / 2
    np.fill_diagonal(distance, 0.0)
    # Rounded, so that the last bits of a sum cannot change the order.
    condensed = squareform(np.round(distance, 6), checks=False)
    return hierarchy.leaves_list(hierarchy.linkage(condensed, "average"))


def _worst_pairs(
    names: list[str], real: Floats, synthetic: Floats
) -> list[dict[str, Any]]:
    """The pairs whose ties differ most, without those that do not differ."""
    count = len(names)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]

    def gap(pair: tuple[int, int]) -> float:
        return float(abs(synthetic[pair] - real[pair]))

    # The sort is stable: of equal gaps, the pair that stands first.
    pairs.sort(key=gap, reverse=True)
    return [
        {
            "a": names[i],
            "b": names[j],
            "real": float(real[i, j]),
            "synthetic": float(synthetic[i, j]),
        }
        for i, j in pairs[:PAIRS_SHOWN]
        if gap((i, j)) > 0
    ]


def _rounded(matrix: Floats) -> Floats:
    digits: Floats = np.array(
        [[round(float(v), 4) + 0.0 for v in row] for row in matrix]
    )
    return digits
