"""E-mail addresses: nobody's name at the usual providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.data.columns.base import Texts
from synthtab.data.columns.shapes import Shapes, choose

# Stands for the domains that too few addresses have; reserved for such use by RFC 2606.
ELSEWHERE = "example.com"
MOST_DOMAINS = 256


@dataclass(frozen=True)
class Emails:
    """Addresses whose part before the ``@`` is invented.

    Attributes:
        local: Invents that part: none of the table, and none twice.
        domains: What stands after it.
        weights: How often each domain is drawn.
    """

    local: Shapes
    domains: tuple[str, ...]
    weights: tuple[float, ...]

    @classmethod
    def fit(
        cls, texts: Texts, rng: np.random.Generator, rare: int = 0
    ) -> Emails | None:
        """Learn the domains that at least ``rare`` rows have; None unless every text has one."""
        parts = pd.Series(texts, dtype=object).str.rpartition("@")
        if not len(parts) or not (parts[0].ne("") & parts[2].ne("")).all():
            return None
        counts = (
            parts[2]
            .value_counts()
            .sort_index()
            .sort_values(ascending=False, kind="stable")
        )
        known = counts[counts >= rare][:MOST_DOMAINS]
        domains, weights = list(map(str, known.index)), [int(n) for n in known]
        if left := len(texts) - sum(weights):
            domains, weights = [*domains, ELSEWHERE], [*weights, left]
        local = Shapes.fit(parts[0].to_numpy(dtype=object), rng, rare)
        return cls(local, tuple(domains), tuple(w / len(texts) for w in weights))

    def make(self, rows: npt.NDArray[np.int64]) -> Texts:
        """The addresses of these rows, all different."""
        which = choose(self.weights, rows, self.local.shapes[0].key + 1)
        return np.asarray(
            self.local.make(rows) + "@" + np.array(self.domains, dtype=object)[which],
            dtype=object,
        )

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {
            "domains": list(self.domains),
            "weights": list(self.weights),
            "local": self.local.state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Emails:
        """The inverse of `state`."""
        return cls(
            Shapes.from_state(state["local"]),
            tuple(state["domains"]),
            tuple(state["weights"]),
        )
