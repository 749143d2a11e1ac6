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
# The most frequent ones.
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
        cls,
        texts: Texts,
        rng: np.random.Generator,
        rare: int = 0,
        voices: npt.NDArray[np.int64] | None = None,
    ) -> Emails | None:
        """Learn the domains; None unless every text is an address.

        Args:
            texts: The training cells.
            rng: For the shapes.
            rare: Domains that fewer rows have are not stored.
            voices: ``[texts]``: somebody who has each, where fewer people are meant.
        """
        parts = pd.Series(texts, dtype=object).str.rpartition("@")
        if not len(parts):
            return None
        local_parts = parts[0]
        of_domains = parts[2]
        if local_parts.eq("").any() or of_domains.eq("").any():
            return None
        # By frequency, then by name.
        counts = of_domains.value_counts().sort_index()
        counts = counts.sort_values(ascending=False, kind="stable")
        holders = counts
        if voices is not None:
            holders = pd.Series(voices).groupby(of_domains.to_numpy()).nunique()
            holders = holders.reindex(counts.index)
        frequent = counts[holders >= rare][:MOST_DOMAINS]
        domains = [str(domain) for domain in frequent.index]
        rows = [int(count) for count in frequent]
        others = len(texts) - sum(rows)
        if others:
            domains.append(ELSEWHERE)
            rows.append(others)
        weights = tuple(count / len(texts) for count in rows)
        local = Shapes.fit(local_parts.to_numpy(dtype=object), rng, rare, voices)
        return cls(local, tuple(domains), weights)

    def make(self, rows: npt.NDArray[np.int64]) -> Texts:
        """The addresses of these rows, all different."""
        # Another key than that of the local part, so that they do not go together.
        which = choose(self.weights, rows, self.local.shapes[0].key + 1)
        domains = np.array(self.domains, dtype=object)[which]
        return np.asarray(self.local.make(rows) + "@" + domains, dtype=object)

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
