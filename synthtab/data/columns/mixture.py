"""Gaussian modes of a continuous distribution (mode-specific normalization of CTGAN, arXiv 1907.00503)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLE = 10_000
LEAST_WEIGHT = 0.005
LEAST_RESPONSIBILITY = 1e-4
LEAST_DEVIATION = 1e-9

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """Weights, means and standard deviations of the components that were kept, all ``[modes]``."""

    weights: Floats
    means: Floats
    deviations: Floats

    @classmethod
    def fit(
        cls, distinct: Floats, counts: Floats, max_modes: int, rng: np.random.Generator
    ) -> Mixture:
        """Variational mixture with a Dirichlet-process prior, on at most `SAMPLE` rows."""
        rows = int(min(SAMPLE, counts.sum()))
        sample = rng.choice(distinct, size=rows, p=counts / counts.sum())[:, None]
        components = min(max_modes, len(np.unique(sample)))
        centre, spread = float(sample.mean()), float(sample.std())
        # A mode much narrower than that would be at an infinite distance from other values.
        width = float(distinct.max() - distinct.min())
        # One over less than `tiny` is infinite.
        tiny = float(np.finfo(np.float64).tiny)
        least = max(LEAST_DEVIATION * width, tiny) if width else 1.0
        if components < 2 or spread < least:
            return cls(np.ones(1), np.array([centre]), np.array([max(spread, least)]))
        # Imported here: scikit-learn takes a second to load, which `synthtab sample` need not wait for.
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import BayesianGaussianMixture

        model = BayesianGaussianMixture(
            n_components=components,
            weight_concentration_prior=0.001,
            max_iter=50,  # as good a likelihood as 100 on real columns, in half the time
            random_state=int(rng.integers(2**31)),
        )
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ConvergenceWarning
            )  # an unfinished fit still is a partition
            model.fit((sample - centre) / spread)
        keep = model.weights_ > LEAST_WEIGHT
        weights = model.weights_[keep] / model.weights_[keep].sum()
        means = centre + spread * model.means_[keep, 0]
        deviations = spread * np.sqrt(model.covariances_[keep, 0, 0])
        return cls(weights, means, np.maximum(deviations, least))

    def responsibilities(self, values: Floats) -> Floats:
        """P(mode | value), ``[values, modes]``; tiny ones are zero, so that a mode's table stays short."""
        z = (values[:, None] - self.means) / self.deviations
        logs = np.log(self.weights / self.deviations) - 0.5 * z * z
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares[shares < LEAST_RESPONSIBILITY] = 0
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {
            name: getattr(self, name).tolist()
            for name in ("weights", "means", "deviations")
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Mixture:
        """The inverse of `state`."""
        return cls(
            *(
                np.array(state[name], dtype=np.float64)
                for name in ("weights", "means", "deviations")
            )
        )
