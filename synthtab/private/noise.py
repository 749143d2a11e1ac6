"""Noise from a library that others audit: OpenDP.

Floating-point noise on counts has broken many promises (Mironov 2012). So counts stay
whole numbers, and their noise is drawn from the discrete Gaussian distribution (Canonne,
Kamath and Steinke, arXiv 2004.00010), by OpenDP, from the randomness of the operating
system. It has no seed: who knew the seed could take the noise away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from synthtab.core.errors import ConfigError

Ints = npt.NDArray[np.int64]
# Largest rho that is ever sought: an epsilon of some hundreds.
MOST_RHO = 1e3


class Noise(Protocol):
    """What makes true answers private. All costs are those of one row more or less."""

    def counts(self, true: Ints, rho: float) -> Ints:
        """Counts of parts that share no row; costs ``rho`` of zCDP."""

    def total(self, true: int, epsilon: float) -> int:
        """One count; costs ``epsilon``, and no delta."""

    def frequent(
        self, counts: Mapping[str, int], rho: float, delta: float
    ) -> dict[str, int]:
        """Noisy counts of the words that many rows have, and no other word.

        It costs ``rho`` of zCDP and ``delta``: the chance to tell a word that one row has.
        """

    def largest(self, scores: Sequence[float], rho: float) -> int:
        """The place of about the largest score; one row changes each by at most 1."""


@cache
def _opendp() -> Any:
    """OpenDP, ready to use.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import opendp.prelude as dp
    except ImportError:
        raise ConfigError(
            "epsilon needs OpenDP, which draws the noise: "
            "pip install 'synthtab[privacy]'"
        ) from None
    # What its authors have written but not yet proven in full; there is no other noise.
    dp.enable_features("contrib")
    return dp


class OpenDP:
    """`Noise` by OpenDP.

    Each method asks OpenDP itself what its measurement costs, and refuses to give an answer
    that costs more than was said.

    Raises:
        ConfigError: OpenDP is not installed.
    """

    def __init__(self) -> None:
        self.dp = _opendp()

    def counts(self, true: Ints, rho: float) -> Ints:
        """As `Noise.counts`."""
        dp = self.dp
        space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="i64")
        measure = dp.m.make_gaussian(*space, scale=deviation(rho))
        _refuse_more(measure.map(1), rho)
        noisy = measure([int(count) for count in true])
        return np.array(noisy, dtype=np.int64)

    def total(self, true: int, epsilon: float) -> int:
        """As `Noise.total`."""
        dp = self.dp
        space = dp.atom_domain(T="i64"), dp.absolute_distance(T="i64")
        measure = dp.m.make_geometric(*space, scale=1 / epsilon)
        _refuse_more(measure.map(1), epsilon)
        return int(measure(true))

    def frequent(
        self, counts: Mapping[str, int], rho: float, delta: float
    ) -> dict[str, int]:
        """As `Noise.frequent`."""
        dp = self.dp
        space = (
            dp.map_domain(dp.atom_domain(T=str), dp.atom_domain(T="i64")),
            dp.l02inf_distance(dp.absolute_distance(T="i64")),
        )
        scale = deviation(rho)
        # The noise of a word of one row passes the threshold with a chance below delta.
        threshold = 1 + math.ceil(scale * math.sqrt(2 * math.log(1 / delta)))
        measure = dp.m.make_gaussian_threshold(*space, scale=scale, threshold=threshold)
        # One row more or less changes one word, by 1.
        own_rho, own_delta = measure.map((1, 1, 1))
        _refuse_more(own_rho, rho)
        _refuse_more(own_delta, delta)
        found: dict[str, int] = measure({word: int(n) for word, n in counts.items()})
        return found

    def largest(self, scores: Sequence[float], rho: float) -> int:
        """As `Noise.largest`."""
        dp = self.dp
        space = (
            dp.vector_domain(dp.atom_domain(T=float, nan=False)),
            dp.linf_distance(T=float),
        )
        measure = dp.m.make_noisy_max(
            *space, dp.zero_concentrated_divergence(), scale=deviation(rho)
        )
        _refuse_more(measure.map(1.0), rho)
        return int(measure([float(score) for score in scores]))


def deviation(rho: float) -> float:
    """The standard deviation of Gaussian noise that costs ``rho`` (arXiv 1605.02065)."""
    # A little more than needed, so that rounding never makes it cost more.
    return (1 + 1e-9) / math.sqrt(2 * rho)


def rho_of(epsilon: float, delta: float) -> float:
    """The zCDP that an approximate differential privacy allows.

    OpenDP says what a zCDP promises (Canonne, Kamath and Steinke, proposition 7); this is
    its inverse, by bisection.
    """
    dp = _opendp()
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="i64")
    low, high = 0.0, MOST_RHO
    for _ in range(60):
        middle = (low + high) / 2
        measure = dp.m.make_gaussian(*space, scale=deviation(middle))
        profile = dp.c.make_zCDP_to_approxDP(measure).map(1)
        if profile.epsilon(delta) > epsilon:
            high = middle
        else:
            low = middle
    return low


def _refuse_more(cost: float, allowed: float) -> None:
    assert cost <= allowed, f"a question costs {cost}, not {allowed}; report this"
