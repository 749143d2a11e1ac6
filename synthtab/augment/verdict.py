"""From the scores of trained models to the answer: do synthetic rows help?

Every arm is compared with the real rows alone, repeat by repeat (`Trials.difference`).
`judge` then judges the best synthetic arm by the interval of its difference: above 0 it
helps, below 0 it hurts, otherwise there is no evidence. No model is trained here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synthtab.augment.arms import REAL, Arm
from synthtab.augment.intervals import Interval, holdout_interval, paired_interval
from synthtab.core.errors import DataError

LEVEL = 0.95


@dataclass(frozen=True)
class Trial:
    """One trained model and its scores.

    Attributes:
        size: The number of real rows that was asked for; None for all.
        repeat: Number of the repeat, from 0.
        arm: Name of the arm: what the model learnt from.
        learner: What kind of model it is.
        real: Number of real rows in the training table.
        rows: Number of all rows that the model learnt from.
        tested: Number of rows that it was tested on.
        values: Metric -> value.
        halves: Metric -> value for each random half of the holdout, if there is one.
    """

    size: int | None
    repeat: int
    arm: str
    learner: str
    real: int
    rows: int
    tested: int
    values: dict[str, float]
    halves: tuple[dict[str, float], ...] = ()


@dataclass(frozen=True)
class Difference:
    """An arm against another one, paired over the repeats.

    Attributes:
        arm: The arm that is compared.
        score: Its mean score.
        difference: Mean difference from the other arm; positive is better.
        interval: Of the difference, see `synthtab.augment.intervals`.
    """

    arm: str
    score: float
    difference: float
    interval: Interval

    @property
    def answer(self) -> str:
        """What the interval says: "helps", "hurts" or "no evidence"."""
        low, high = self.interval
        if low > 0:
            return "helps"
        if high < 0:
            return "hurts"
        return "no evidence"


@dataclass(frozen=True)
class StudyVerdict:
    """The verdict for one size of training table.

    Attributes:
        answer: "helps", "no evidence", "hurts" or "cannot say".
        size: The number of real rows that was asked for; None for all.
        learner: The kind of model that is best on real rows alone: the one that a user
            would take.
        ratio: Synthetic rows per real row of the best synthetic arm; None where it
            balances the classes.
        best: The synthetic arm with the best score, against real rows alone. The
            interval holds for all synthetic arms at once (Bonferroni), since the best
            of several is looked at.
        baseline: The best of the usual remedies, against real rows alone; None where
            there is none.
        lead: The best synthetic arm against the best remedy; None where there is none.
        others: Learner -> the answer for it.
        why: Why it cannot be said; "" otherwise.
    """

    answer: str
    size: int | None
    learner: str
    ratio: float | None
    best: Difference
    baseline: Difference | None
    lead: Difference | None
    others: dict[str, str]
    why: str = ""


@dataclass(frozen=True)
class Trials:
    """The trials of one size, judged by one metric.

    Attributes:
        trials: All of them.
        metric: The metric.
        test_share: Share of the rows that each repeat tested on, where there is no
            holdout.
    """

    trials: Sequence[Trial]
    metric: str
    test_share: float

    def mean(self, arm: str, learner: str) -> float:
        """Mean score of an arm over the repeats in which it has one; NaN if none."""
        trials = self._by_repeat(arm, learner).values()
        values = [trial.values[self.metric] for trial in trials]
        finite = [value for value in values if math.isfinite(value)]
        return float(np.mean(finite)) if finite else math.nan

    def difference(
        self, arm: str, other: str, learner: str, level: float = LEVEL
    ) -> Difference:
        """An arm against another one for one learner.

        Repeats in which one of the two has no score are left out.
        """
        pairs = self._pairs(arm, other, learner)
        if not pairs:
            return Difference(arm, math.nan, math.nan, (-math.inf, math.inf))
        metric = self.metric
        gains = [its.values[metric] - others.values[metric] for its, others in pairs]
        first = pairs[0][0]
        if first.halves:
            # [repeats, halves] -> one mean over the repeats for each half.
            gains_on_halves = [
                [
                    half[metric] - other_half[metric]
                    for half, other_half in zip(its.halves, others.halves, strict=True)
                ]
                for its, others in pairs
            ]
            of_halves = list(np.mean(gains_on_halves, axis=0))
            interval = holdout_interval(gains, of_halves, level)
        else:
            interval = paired_interval(gains, self.test_share, level)
        return Difference(arm, self.mean(arm, learner), float(np.mean(gains)), interval)

    def best(
        self, arms: Sequence[str], learner: str, level: float = LEVEL
    ) -> Difference:
        """The arm that gains most over the real rows alone; the first one of equals."""
        found = [self.difference(arm, REAL, learner, level) for arm in arms]

        def gain(difference: Difference) -> float:
            # An arm without a score comes last.
            value = difference.difference
            return -math.inf if math.isnan(value) else value

        return max(found, key=gain)

    def complete(self) -> Trials:
        """Only the arms that could be had in every repeat.

        The others are shown, but not judged by: they were tried on easier repeats,
        maybe.
        """
        repeats = len({trial.repeat for trial in self.trials})
        repeats_of_arm: dict[str, set[int]] = {}
        for trial in self.trials:
            repeats_of_arm.setdefault(trial.arm, set()).add(trial.repeat)
        kept = [t for t in self.trials if len(repeats_of_arm[t.arm]) == repeats]
        return Trials(kept, self.metric, self.test_share)

    def _pairs(self, arm: str, other: str, learner: str) -> list[tuple[Trial, Trial]]:
        """The trials of both arms, repeat by repeat, where both have a score."""
        of_arm = self._by_repeat(arm, learner)
        of_other = self._by_repeat(other, learner)
        pairs = []
        for repeat in sorted(of_arm.keys() & of_other.keys()):
            its = of_arm[repeat]
            others = of_other[repeat]
            if math.isfinite(its.values[self.metric] - others.values[self.metric]):
                pairs.append((its, others))
        return pairs

    def _by_repeat(self, arm: str, learner: str) -> dict[int, Trial]:
        return {
            trial.repeat: trial
            for trial in self.trials
            if trial.arm == arm and trial.learner == learner
        }


def judge(
    trials: Trials,
    arms: Sequence[Arm],
    learners: Sequence[str],
    size: int | None,
    doubt: str | None,
    skipped: Mapping[str, str],
) -> StudyVerdict:
    """Judge one size.

    Synthetic rows help if the interval of the best synthetic arm lies above 0. They
    hurt if even the best one lies below.

    Args:
        trials: The trials of this size.
        arms: The arms that were tried.
        learners: The learners that were tried.
        size: The size.
        doubt: Why no verdict can be given; None if it can.
        skipped: Arm -> why it could not be tried.

    Raises:
        DataError: No synthetic arm could be tried in every repeat.
    """
    trials = trials.complete()
    names_there = {trial.arm for trial in trials.trials}
    there = [arm for arm in arms if arm.name in names_there]
    synthetic = [arm.name for arm in there if arm.kind == "synthetic"]
    remedies = [arm.name for arm in there if arm.kind == "baseline"]
    if not synthetic:
        reasons = "; ".join(f"{arm}: {why}" for arm, why in skipped.items())
        raise DataError(
            f"there are no synthetic rows to try in every repeat: {reasons}"
        )
    ratio_of = {arm.name: arm.ratio for arm in there}

    # The model that a user would take: weaker ones gain from rows that it does not
    # need.
    strongest = max(learners, key=lambda learner: trials.mean(REAL, learner))
    # The best of several is looked at, and its interval is to hold for all of them.
    level = 1 - (1 - LEVEL) / len(synthetic)
    best = trials.best(synthetic, strongest, level)
    baseline = None
    lead = None
    if remedies:
        baseline = trials.best(remedies, strongest)
        lead = trials.difference(best.arm, baseline.arm, strongest)
    answer = best.answer
    others = {
        learner: trials.best(synthetic, learner, level).answer for learner in learners
    }
    # The figures stand all the same, for those who know what they do.
    if doubt is not None:
        answer = "cannot say"
        others = dict.fromkeys(learners, "cannot say")
    return StudyVerdict(
        answer=answer,
        size=size,
        learner=strongest,
        ratio=ratio_of[best.arm],
        best=best,
        baseline=baseline,
        lead=lead,
        others=others,
        why=doubt or "",
    )
