"""Gaussian modes of a continuous distribution.

Mode-specific normalization of CTGAN (Xu et al., Modeling tabular data using conditional
GAN, NeurIPS 2019, arXiv 1907.00503).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Most rows that are looked at.
SAMPLE = 10_000
# Least weight of a component that is kept.
LEAST_WEIGHT = 0.005
# Below that, a value is said not to belong to a mode.
LEAST_RESPONSIBILITY = 1e-4
# Least deviation of a mode, as a share of the range of the values.
LEAST_DEVIATION = 1e-9
# As good a likelihood as 100 on real columns, in half the time.
MOST_STEPS = 50
# Of the Dirichlet process: so little that components without need lose their weight.
CONCENTRATION = 0.001

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """The components that were kept.

    Attributes:
        weights: ``[modes]``, summing to one.
        means: ``[modes]``.
        deviations: ``[modes]``, standard deviations.
    """

    weights: Floats
    means: Floats
    deviations: Floats

    @classmethod
    def fit(
        cls, distinct: Floats, counts: Floats, max_modes: int, rng: np.random.Generator
    ) -> Mixture:
        """A variational mixture with a Dirichlet process as prior.

        Args:
            distinct: Values.
            counts: How many rows have each.
            max_modes: Most components.
            rng: Draws at most `SAMPLE` rows, and where the fit begins.
        """
        rows = int(min(SAMPLE, counts.sum()))
        sample = rng.choice(distinct, size=rows, p=counts / counts.sum())[:, None]
        components = min(max_modes, len(np.unique(sample)))
        centre = float(sample.mean())
        spread = float(sample.std())
        # From a mode much narrower than that, other values would be infinitely far.
        width = float(distinct.max() - distinct.min())
        # One over less than `tiny` is infinite.
        tiny = float(np.finfo(np.float64).tiny)
        least = max(LEAST_DEVIATION * width, tiny) if width else 1.0
        if components < 2 or spread < least:
            one_deviation = np.array([max(spread, least)])
            return cls(np.ones(1), np.array([centre]), one_deviation)
        # Imported here: scikit-learn takes a second to load, which `synthtab sample`
        # need not wait for.
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import BayesianGaussianMixture

        model = BayesianGaussianMixture(
            n_components=components,
            weight_concentration_prior=CONCENTRATION,
            max_iter=MOST_STEPS,
            random_state=int(rng.integers(2**31)),
        )
        with warnings.catch_warnings():
            # An unfinished fit still is a partition.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit((sample - centre) / spread)
        keep = model.weights_ > LEAST_WEIGHT
        weights = model.weights_[keep] / model.weights_[keep].sum()
        means = centre + spread * model.means_[keep, 0]
        deviations = spread * np.sqrt(model.covariances_[keep, 0, 0])
        return cls(weights, means, np.maximum(deviations, least))

    def responsibilities(self, values: Floats) -> Floats:
        """P(mode | value), ``[values, modes]``.

        Tiny ones are zero, so that the table of a mode stays short.
        """
        z = (values[:, None] - self.means) / self.deviations
        logs = np.log(self.weights / self.deviations) - 0.5 * z * z
        # The greatest becomes 1, so that the exponential neither over- nor underflows.
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares[shares < LEAST_RESPONSIBILITY] = 0
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {
            "weights": self.weights.tolist(),
            "means": self.means.tolist(),
            "deviations": self.deviations.tolist(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Mixture:
        """The inverse of `state`."""
        return cls(
            np.array(state["weights"], dtype=np.float64),
            np.array(state["means"], dtype=np.float64),
            np.array(state["deviations"], dtype=np.float64),
        )
