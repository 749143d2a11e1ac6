"""Rows that agree with another row in most of their cells.

A copy with two cells changed equals its original in no hash of the whole row. It does in
the hash of most parts of the row: half of the columns at a time, drawn at random. Of
these parts those tell that hardly any real row shares with another one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.evaluation import chance
from synthtab.evaluation.views import View

Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Part = tuple[int, ...]

# Parts of a row that are drawn, and the fewest that tell something.
PARTS = 60
FEWEST_PARTS = 12
# A part tells a row if at most such a share of the real rows shares it with another one.
SHARED = 0.02
# Rows that agree come in clumps: they count as so many times fewer.
CLUMPS = 2.0
# In such a share of the parts must rows agree: any of these may be where copies differ
# most from other rows.
LEVELS = (0.02, 0.05, 0.15, 0.3, 0.5)


def hashes(view: View) -> Hashes:
    """A 64-bit hash of every cell ``[rows, columns]``."""
    columns = []
    for j, cells in enumerate([*view.numbers.T, *view.codes.T]):
        # The position makes equal cells of two columns different.
        of_cells = pd.util.hash_array(np.ascontiguousarray(cells))
        columns.append(of_cells * np.uint64(2 * j + 1))
    found: Hashes = np.column_stack(columns)
    return found


def of_rows(cells: Hashes, part: Part | None = None) -> Hashes:
    """The hash of each row, or of a part of it: a sum that wraps around ``[rows]``."""
    chosen = cells if part is None else cells[:, list(part)]
    total: Hashes = chosen.sum(axis=1, dtype=np.uint64)
    return total


def is_repeated(prints: Hashes) -> npt.NDArray[np.bool_]:
    """Which hashes another row has, too ``[rows]``."""
    order = np.argsort(prints)
    ordered = prints[order]
    # Equal hashes stand side by side.
    same = ordered[1:] == ordered[:-1]
    repeated = np.zeros(len(prints), dtype=bool)
    repeated[order[1:]] |= same
    repeated[order[:-1]] |= same
    return repeated


def is_among(prints: Hashes, others: Hashes) -> npt.NDArray[np.bool_]:
    """Which hashes are among others ``[rows]``; sorting beats the tables of `np.isin`."""
    ordered = np.sort(others)
    place = np.minimum(np.searchsorted(ordered, prints), len(ordered) - 1)
    found: npt.NDArray[np.bool_] = ordered[place] == prints
    return found


def telling_parts(real: Hashes, rng: np.random.Generator) -> list[Part]:
    """Parts of a row, as few columns each as tell the real rows apart; or none."""
    width = real.shape[1]
    for size in range(math.ceil(width / 2), width - 1):
        if math.comb(width, size) <= PARTS:
            parts = list(itertools.combinations(range(width), size))
        else:
            drawn = {
                tuple(sorted(rng.permutation(width)[:size].tolist()))
                for _ in range(PARTS)
            }
            parts = sorted(drawn)
        telling = [
            part for part in parts if is_repeated(of_rows(real, part)).mean() <= SHARED
        ]
        if len(telling) >= FEWEST_PARTS:
            return telling
    return []


def agreeing(rows: Hashes, among: Hashes, parts: Sequence[Part]) -> Counts:
    """In how many of the parts each row equals one among others ``[rows]``."""
    counts = np.zeros(len(rows), dtype=np.int64)
    for part in parts:
        counts += is_among(of_rows(rows, part), of_rows(among, part))
    return counts


def agreeing_at_home(rows: Hashes, parts: Sequence[Part]) -> Counts:
    """The same among the other rows of their own table."""
    counts = np.zeros(len(rows), dtype=np.int64)
    for part in parts:
        counts += is_repeated(of_rows(rows, part))
    return counts


def more_agree(counts: Counts, real: Counts, parts: int) -> dict[str, Any]:
    """How many more rows agree in many parts than real ones, where they differ most.

    Args:
        counts: In how many of the parts each row agrees.
        real: The same of the real rows.
        parts: How many there are.

    Returns:
        "count" and "beside": rows of either table; "luck": how often by luck they are so
        many.
    """
    found = []
    for level in LEVELS:
        least = max(math.ceil(level * parts), 1)
        count, beside = int((counts >= least).sum()), int((real >= least).sum())
        luck = chance.more(
            int(count / CLUMPS),
            len(counts),
            math.ceil(beside / CLUMPS),
            len(real),
        )
        luck = min(float(luck) * len(LEVELS), 1.0)
        found.append({"count": count, "beside": beside, "luck": luck})
    return min(found, key=lambda one: (one["luck"], -one["count"]))
