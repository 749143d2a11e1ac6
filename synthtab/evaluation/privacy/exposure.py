"""Which training rows do the synthetic rows expose most? Answered only when asked.

A training row is exposed if a synthetic row lies near to it where no other training row does. Rows
that many share are not: exposure is other / (other + synthetic), of the distances to the nearest
other training row and to the nearest synthetic row. 1 is a copy of a unique row, about 0.5 what a
fresh real sample of the same size gives on average, and 0.5 by definition where both are 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from synthtab.core.randomness import Streams
from synthtab.evaluation.neighbours import distances, found_in, neighbours, scale
from synthtab.evaluation.views import Tables

WARNING = "These are real rows: keep this report as safe as the training table itself."
CANDIDATES = 50_000
SEARCHED = 50_000


def riskiest(tables: Tables, streams: Streams, count: int = 10) -> list[dict[str, Any]]:
    """The most exposed training rows, most exposed first: their positions in the real table, no cells.

    Of equally exposed rows, those farther from all other training rows come first. Of more than 50,000
    training rows all that were copied are looked at (50,000 at most), the others as a sample.
    """
    real, rng = tables.real, streams.numpy("exposure")
    copied = found_in(real, tables.synthetic)
    order = rng.permutation(len(real))
    order = np.concatenate([order[copied[order]], order[~copied[order]]])
    chosen = np.sort(order[:CANDIDATES])
    rows = real.take(chosen)
    synthetic = distances(
        scale(tables),
        rows,
        tables.synthetic,
        1,
        SEARCHED,
        streams.numpy("exposure, synthetic"),
    )[:, 0]
    pool = np.sort(rng.permutation(len(real))[:SEARCHED])
    squared, found = neighbours(scale(tables), rows, real.take(pool), 2)
    itself = pool[found[:, 0]] == chosen
    other = np.sqrt(np.where(itself, squared[:, -1], squared[:, 0]))
    total = other + synthetic
    exposure = np.where(total > 0, other / np.where(total > 0, total, 1.0), 0.5)
    assert real.positions is not None
    positions = real.positions[chosen]
    ranked = np.lexsort([positions, -other, -exposure])[: max(count, 0)]
    return [
        {
            "row": int(positions[i]),
            "exposure": float(exposure[i]),
            "distance to a synthetic row": float(synthetic[i]),
            "distance to another training row": float(other[i]),
            "copied": bool(copied[chosen[i]]),
        }
        for i in ranked
    ]


def with_cells(found: list[dict[str, Any]], real: pd.DataFrame) -> list[dict[str, Any]]:
    """The same, each with the cells of its row: column -> number, truth value, text, or None where missing."""
    return [
        entry
        | {"cells": {str(n): _plain(v) for n, v in real.iloc[entry["row"]].items()}}
        for entry in found
    ]


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (bool, int, float, str)) else str(value)
