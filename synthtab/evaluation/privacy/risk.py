"""From counts of successful attacks to a risk (Giomi and others 2022, arXiv 2211.10459).

An attack that works as well on people whom the generator never saw has learnt about the population,
not about those in the training table. The risk is what it gains beyond that, in the room that is left.
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
    """Successes among so many trials; where trials hang together, as many as count as independent."""

    successes: float
    trials: float

    @property
    def share(self) -> float:
        """Successes per trial."""
        return self.successes / self.trials

    def interval(self, z: float = 1.96) -> Interval:
        """Wilson's."""
        return share_interval(self.successes, self.trials, z)

    def worth(self, times: float) -> Rate:
        """The same share of so many times fewer trials."""
        return Rate(self.successes / times, self.trials / times)

    def plain(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "rate": self.share,
            "interval": list(self.interval()),
            "trials": self.trials,
        }


@dataclass(frozen=True)
class Risk:
    """Success of one attack on training rows, on control rows and of a guess without looking.

    Attributes:
        train: On rows of the training table.
        control: On rows of the holdout.
        naive: Of a guesser who does not look at the synthetic rows' dependences.
        parts: See `singling`: how many times the table of the trials goes into the training table.
    """

    train: Rate
    control: Rate
    naive: Rate
    parts: float = 1.0

    @property
    def unclipped(self) -> float:
        """Parts · (train - control) / (1 - control); below 0 if the control did better."""
        return self._gain(self.train.share, self.control.share)

    @property
    def value(self) -> float:
        """The same in [0, 1]."""
        return _clip(self.unclipped)

    def interval(self, z: float = 1.96) -> Interval:
        """From the rates' intervals by the recovery of variance estimates (Zou and Donner 2008), in [0, 1].

        Everything where the control always succeeds, as nothing is left to be learnt.
        """
        train, control = self.train.share, self.control.share
        if control >= 1.0:
            return 0.0, 1.0
        risk = self.unclipped
        (train_low, train_high), (control_low, control_high) = (
            self.train.interval(z),
            self.control.interval(z),
        )
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
        """Plain data."""
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
        return (
            self.parts * (train - control) / (1.0 - control) if control < 1.0 else 0.0
        )


def pooled(hits: npt.NDArray[np.bool_]) -> Rate:
    """The rate over all attacks on each target, ``[targets, attacks]``.

    Attacks on one target hang together. They count as the number of independent trials whose share would
    vary as the mean over targets does (Kish's effective size): no fewer than the targets, no more than all.
    """
    share, varies = float(hits.mean()), float(hits.mean(axis=1).var())
    trials = share * (1.0 - share) * len(hits) / varies if varies > 0.0 else hits.size
    trials = min(max(trials, len(hits)), hits.size)
    return Rate(share * trials, trials)


def _clip(value: float) -> float:
    return min(max(value, 0.0), 1.0)
