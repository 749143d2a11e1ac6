"""Which columns does a model need?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from synthtab.evaluation.cells import Floats


def permutation(
    score: Callable[[Floats], float], matrix: Floats, rng: np.random.Generator
) -> Floats:
    """How far the score of these rows falls when a column is shuffled, for each column (Breiman 2001)."""
    whole = score(matrix)
    drops = np.zeros(matrix.shape[1])
    for j in range(matrix.shape[1]):
        shuffled = matrix.copy()
        shuffled[:, j] = matrix[rng.permutation(len(matrix)), j]
        drops[j] = whole - score(shuffled)
    return drops
