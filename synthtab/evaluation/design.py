"""Rows as a linear model wants them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from synthtab.evaluation.cells import Floats
from synthtab.evaluation.views import Tables, View

MAX_DUMMIES = 100
DENSE = 500


class Design:
    """Standardised numbers and one-hot categories (the commonest of them), sparse if there are many.

    A missing number is the mean, and a category of its own.

    Attributes:
        width: Number of columns.
    """

    def __init__(
        self,
        tables: Tables,
        view: View,
        leave_out: str | None = None,
        far: float = np.inf,
    ) -> None:
        """Means, spreads and the commonest categories are those of ``view``; numbers end at ``far`` spreads."""
        self._far = far
        self._numeric = [
            j for j, name in enumerate(tables.numeric) if name != leave_out
        ]
        numbers = view.numbers[:, self._numeric]
        there = ~np.isnan(numbers)
        self._mean = np.where(there, numbers, 0.0).sum(axis=0) / np.maximum(
            there.sum(axis=0), 1
        )
        spread = np.where(there, numbers, self._mean).std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        self._gaps = np.flatnonzero(~there.all(axis=0))
        self._slots: list[tuple[int, Any, int]] = []
        for j, (name, size) in enumerate(
            zip(tables.categorical, tables.sizes, strict=True)
        ):
            if name == leave_out:
                continue
            counts = np.bincount(view.codes[:, j], minlength=size)
            kept = np.argsort(-counts, kind="stable")[:MAX_DUMMIES]
            slot = np.full(size, -1)
            slot[kept] = np.arange(len(kept))
            self._slots.append((j, slot, len(kept)))
        self.width = (
            len(self._numeric)
            + len(self._gaps)
            + sum(kept for _, _, kept in self._slots)
        )

    def __call__(self, view: View) -> Any:
        """The matrix of some rows."""
        parts = [sparse.csr_matrix(self._scaled(view.numbers[:, self._numeric]))]
        parts.append(
            sparse.csr_matrix(
                np.isnan(view.numbers[:, self._numeric])[:, self._gaps].astype(
                    np.float64
                )
            )
        )
        for j, slot, kept in self._slots:
            slots = slot[view.codes[:, j]]
            rows = np.flatnonzero(slots >= 0)
            parts.append(
                sparse.csr_matrix(
                    (np.ones(len(rows)), (rows, slots[rows])), shape=(len(view), kept)
                )
            )
        design = sparse.hstack(parts, format="csr")
        return design.toarray() if self.width <= DENSE else design

    def _scaled(self, numbers: Floats) -> Floats:
        filled = np.where(np.isnan(numbers), self._mean, numbers)
        scaled: Floats = np.clip(
            (filled - self._mean) / self._spread, -self._far, self._far
        )
        return scaled
