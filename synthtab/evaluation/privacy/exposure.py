"""Which training rows do the synthetic rows expose most? Answered only when asked.

A training row is exposed if a synthetic row lies near to it where no other training row
does. Rows that many share are not. Exposure is o / (o + s), with the distance o to the
nearest other training row and s to the nearest synthetic row. 1 is a copy of a unique
row, about 0.5 what a fresh real sample of the same size gives on average, and 0.5 by
definition where both are 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from synthtab.core.randomness import Streams
from synthtab.evaluation.neighbours import nearest_distances, neighbours, occurs_in
from synthtab.evaluation.views import Tables

WARNING = "These are real rows: keep this report as safe as the training table itself."
# Most training rows whose exposure is computed, and most rows searched for neighbours.
CANDIDATES = 50_000
SEARCHED_ROWS = 50_000


def riskiest(tables: Tables, streams: Streams, count: int = 10) -> list[dict[str, Any]]:
    """The most exposed training rows, most exposed first: positions, no cells.

    Of equally exposed rows, those farther from all other training rows come first. Of
    more than 50,000 training rows all that were copied are looked at (50,000 at most),
    the others as a sample.

    Args:
        tables: The tables.
        streams: Where random numbers come from.
        count: How many rows to list.

    Returns:
        For each row, plain data: "row", its position in the real table, "exposure",
        both distances, and whether it was "copied".
    """
    real = tables.real
    rng = streams.numpy("exposure")
    copied = occurs_in(real, tables.synthetic)
    order = rng.permutation(len(real))
    copied_first = np.concatenate([order[copied[order]], order[~copied[order]]])
    chosen = np.sort(copied_first[:CANDIDATES])
    rows = real.take(chosen)

    to_synthetic = nearest_distances(
        tables,
        rows,
        tables.synthetic,
        1,
        SEARCHED_ROWS,
        streams.numpy("exposure, synthetic"),
    )[:, 0]
    searched = np.sort(rng.permutation(len(real))[:SEARCHED_ROWS])
    squared, positions_found = neighbours(tables, rows, real.take(searched), 2)
    # If the nearest training row is the row itself, the second is the nearest other.
    is_itself = searched[positions_found[:, 0]] == chosen
    to_other = np.sqrt(np.where(is_itself, squared[:, -1], squared[:, 0]))

    total = to_other + to_synthetic
    divisor = np.where(total > 0, total, 1.0)
    exposure = np.where(total > 0, to_other / divisor, 0.5)
    assert real.positions is not None
    positions = real.positions[chosen]
    # The last key is the first to decide.
    ranked = np.lexsort([positions, -to_other, -exposure])[: max(count, 0)]
    return [
        {
            "row": int(positions[i]),
            "exposure": float(exposure[i]),
            "distance to a synthetic row": float(to_synthetic[i]),
            "distance to another training row": float(to_other[i]),
            "copied": bool(copied[chosen[i]]),
        }
        for i in ranked
    ]


def with_cells(
    exposed: list[dict[str, Any]], real: pd.DataFrame
) -> list[dict[str, Any]]:
    """The same rows, each with "cells": column => number, bool, text, or None."""
    entries = []
    for entry in exposed:
        row = real.iloc[entry["row"]]
        cells = {str(name): _plain(cell) for name, cell in row.items()}
        entries.append({**entry, "cells": cells})
    return entries


def _plain(cell: Any) -> Any:
    """A cell as JSON knows it; None where it is missing."""
    if pd.isna(cell):
        return None
    if isinstance(cell, np.generic):
        cell = cell.item()
    return cell if isinstance(cell, (bool, int, float, str)) else str(cell)
