"""From counts of successful attacks to a risk (Giomi et al. 2022, arXiv 2211.10459).

An attack that works as well on people whom the generator never saw has learnt about the
population, not about those in the training table. The risk is what it gains beyond
that, in the room that is left: if 3 of 10 attacks succeed on training rows and 2 of 10
on the control, (0.3 - 0.2) / (1 - 0.2) = 0.125.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.evaluation.metric import Interval, share_interval


@dataclass(frozen=True)
class Rate:
    """So many successes in so many trials.

    Where trials hang together, as many as count as independent; these need not be whole
    numbers.
    """

    successes: float
    trials: float

    @property
    def share(self) -> float:
        """Successes per trial."""
        return self.successes / self.trials

    def interval(self, z: float = 1.96) -> Interval:
        """Wilson's interval of the share, 95 % by default."""
        return share_interval(self.successes, self.trials, z)

    def worth(self, times: float) -> Rate:
        """The same share of so many times fewer trials."""
        return Rate(self.successes / times, self.trials / times)

    def plain(self) -> dict[str, Any]:
        """As plain data, for the detail of a score."""
        return {
            "rate": self.share,
            "interval": list(self.interval()),
            "trials": self.trials,
        }


@dataclass(frozen=True)
class Risk:
    """Success of one attack on training rows, on control rows, and of a guess.

    Attributes:
        train: On rows of the training table.
        control: On rows of the holdout.
        naive: Of a guesser who does not look at the synthetic rows' dependences.
        parts: How many times the table of one trial goes into the training table, see
            `privacy.singling`.
    """

    train: Rate
    control: Rate
    naive: Rate
    parts: float = 1.0

    @property
    def unclipped(self) -> float:
        """Parts · (train - control) / (1 - control); may be below 0."""
        return self._gain(self.train.share, self.control.share)

    @property
    def value(self) -> float:
        """The same in [0, 1]."""
        return _clip(self.unclipped)

    def interval(self, z: float = 1.96) -> Interval:
        """The interval of the risk from those of both rates, in [0, 1].

        By the recovery of variance estimates (MOVER; Zou and Donner 2008): how far the
        risk moves if one rate goes to an end of its interval, for both rates, in
        quadrature. Everything is possible where the control always succeeds, as nothing
        is left to be learnt.
        """
        train, control = self.train.share, self.control.share
        if control >= 1.0:
            return 0.0, 1.0
        train_low, train_high = self.train.interval(z)
        control_low, control_high = self.control.interval(z)
        risk = self.unclipped
        # The risk grows with the rate of training rows, and falls with the control's.
        below = math.hypot(
            risk - self._gain(train_low, control),
            risk - self._gain(train, control_high),
        )
        above = math.hypot(
            self._gain(train_high, control) - risk,
            self._gain(train, control_low) - risk,
        )
        return _clip(risk - below), _clip(risk + above)

    def plain(self, z: float = 1.96) -> dict[str, Any]:
        """As plain data, for the detail of a score."""
        return {
            "risk": self.value,
            "interval": list(self.interval(z)),
            "unclipped": self.unclipped,
            "train": self.train.plain(),
            "control": self.control.plain(),
            "naive": self.naive.plain(),
            "stronger than guessing": self.train.share > self.naive.share,
        }

    def _gain(self, train: float, control: float) -> float:
        if control >= 1.0:
            return 0.0
        return self.parts * (train - control) / (1.0 - control)


def pooled(hits: npt.NDArray[np.bool_]) -> Rate:
    """The rate over all attacks on each target.

    Attacks on one target hang together. They count as the number of independent trials
    whose share would vary as the mean over targets does (Kish's effective size): no
    fewer than the targets, no more than all.

    Args:
        hits: Which attacks succeeded ``[targets, attacks]``.
    """
    share = float(hits.mean())
    variance_of_targets = float(hits.mean(axis=1).var())
    trials: float = hits.size
    if variance_of_targets > 0.0:
        trials = share * (1.0 - share) * len(hits) / variance_of_targets
    trials = min(max(trials, len(hits)), hits.size)
    return Rate(share * trials, trials)


def _clip(value: float) -> float:
    return min(max(value, 0.0), 1.0)
