"""From the scores of trained models to the answer: do synthetic rows help?

The answer is about the one ratio that was asked for, which is known before any score
is. `judge` compares it with the real rows alone, repeat by repeat (`Trials.difference`),
and with the control, as many real rows again (`Question.control`), since models change
with the number of rows alone. Rows that beat both for sure help. Rows hurt that are
surely worse than the real rows alone, if they are worse than the control, too, or if the
loss is 0.01 or more.
Where two things must hold, neither needs a correction (Berger 1982). Otherwise there is
no evidence.

All other figures are looked at together, and have intervals that hold together
(`synthtab.augment.intervals.together`). No model is trained here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from synthtab.augment.arms import (
    BALANCED_DUPLICATES,
    REAL,
    Arm,
    bootstrap_arm,
    taught_bootstrap_arm,
)
from synthtab.augment.intervals import LEVEL, Figure, Interval, together
from synthtab.augment.power import WORTH, Power, power
from synthtab.core.errors import DataError
from synthtab.evaluation.cells import Floats

# What is compared: the weight of each arm's score. The weights sum up to 0.
Contrast = Mapping[str, float]

# A difference that may be as small as this is none, however sure its sign is: nobody
# would see a thousandth.
NEGLIGIBLE = 0.001
# Fewer repeats with a score than this share of them are no ground for an answer.
ENOUGH_REPEATS = 0.5


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
        values: Metric -> value. Over more than two classes also "METRIC of CLASS".
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
        if low > NEGLIGIBLE:
            return "helps"
        if high < -NEGLIGIBLE:
            return "hurts"
        return "no evidence"

    @property
    def known(self) -> bool:
        """Whether it could be measured often enough to have an interval."""
        low, high = self.interval
        return math.isfinite(high - low)


@dataclass(frozen=True)
class StudyVerdict:
    """The verdict for one size of training table.

    Attributes:
        answer: "helps", "no evidence", "hurts" or "cannot say".
        size: The number of real rows that was asked for; None for all.
        learner: The kind of model that is best on real rows alone: the one that a user
            would take.
        ratio: Synthetic rows per real row of the arm that the answer is about; None
            where it balances the classes.
        asked: That arm against real rows alone. Its interval is for it alone.
        control: That arm against as many real rows again, see `Question.control`; None
            where there are none.
        best: The synthetic arm with the best score, against real rows alone. Its
            interval holds together with those of all arms and models.
        baseline: The best of the usual remedies, likewise; None where there is none.
        lead: The arm that was asked about against that remedy, with an interval that
            holds for all remedies; None where there is none.
        trend: What each doubling of the synthetic rows changes; its interval holds
            together with those of all arms and models. None for fewer than three
            ratios.
        by_class: Class -> the difference of that class against the rest, for the arm
            that was asked about, with intervals that hold together. Empty for two
            classes or numbers.
        power: What such a study can see; None if it has no interval.
        others: Learner -> the answer for it, by the intervals that hold together.
        why: Why it cannot be said; "" otherwise.
    """

    answer: str
    size: int | None
    learner: str
    ratio: float | None
    asked: Difference
    control: Difference | None
    best: Difference
    baseline: Difference | None
    lead: Difference | None
    trend: Difference | None
    by_class: dict[str, Difference]
    power: Power | None
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
        scores = self.figure({arm: 1.0}, learner).by_repeat
        finite = scores[np.isfinite(scores)]
        return float(finite.mean()) if len(finite) else math.nan

    def figure(self, contrast: Contrast, learner: str) -> Figure:
        """A weighted sum of the scores of arms, in each repeat and on each half."""
        by_repeat = np.zeros(len(self.repeats))
        # [repeats, halves]
        halves = np.zeros((len(self.repeats), self._halves))
        for arm, weight in contrast.items():
            scores, of_halves = self._scores(arm, learner)
            by_repeat += weight * scores
            halves += weight * of_halves
        if not self._halves:
            return Figure(by_repeat, None, self.test_share)
        measured = np.isfinite(by_repeat)
        by_half = np.full(self._halves, np.nan)
        if measured.any():
            by_half = halves[measured].mean(axis=0)
        return Figure(by_repeat, by_half, self.test_share)

    def difference(
        self, arm: str, other: str, learner: str, level: float = LEVEL
    ) -> Difference:
        """An arm against another one for one learner, with an interval for it alone.

        Repeats in which one of the two has no score are left out.
        """
        estimate = self.figure(against(arm, other), learner).estimate()
        score = self.mean(arm, learner)
        return Difference(arm, score, estimate.mean, estimate.interval(level))

    def differences(
        self, contrasts: Sequence[tuple[str, Contrast, str]]
    ) -> list[Difference]:
        """Several comparisons with intervals that hold together.

        Args:
            contrasts: Name of the arm, what is compared, and the learner, of each.
        """
        figures = [self.figure(contrast, learner) for _, contrast, learner in contrasts]
        found = []
        for (arm, _, learner), figure, interval in zip(
            contrasts, figures, together(figures), strict=True
        ):
            mean = figure.estimate().mean
            found.append(Difference(arm, self.mean(arm, learner), mean, interval))
        return found

    def table(self) -> dict[tuple[str, str], Difference]:
        """Arm and learner -> its difference from the real rows alone.

        All intervals hold together, whatever cell of the table is looked at.
        """
        pairs = list(dict.fromkeys((t.arm, t.learner) for t in self.trials))
        contrasts = [(arm, against(arm, REAL), learner) for arm, learner in pairs]
        return dict(zip(pairs, self.differences(contrasts), strict=True))

    def complete(self) -> Trials:
        """Only the arms that could be had in every repeat.

        The others are shown, but not judged by: they were tried on easier repeats,
        maybe.
        """
        repeats_of_arm: dict[str, set[int]] = {}
        for trial in self.trials:
            repeats_of_arm.setdefault(trial.arm, set()).add(trial.repeat)
        all_of_them = len(self.repeats)
        kept = [t for t in self.trials if len(repeats_of_arm[t.arm]) == all_of_them]
        return Trials(kept, self.metric, self.test_share)

    @cached_property
    def repeats(self) -> list[int]:
        """The numbers of the repeats, ascending."""
        return sorted({trial.repeat for trial in self.trials})

    @cached_property
    def _halves(self) -> int:
        """Number of halves of the holdout; 0 where there is none."""
        return max((len(trial.halves) for trial in self.trials), default=0)

    @cached_property
    def _found(self) -> dict[tuple[str, str], dict[int, Trial]]:
        """Arm and learner -> repeat -> its trial."""
        found: dict[tuple[str, str], dict[int, Trial]] = {}
        for trial in self.trials:
            found.setdefault((trial.arm, trial.learner), {})[trial.repeat] = trial
        return found

    def _scores(self, arm: str, learner: str) -> tuple[Floats, Floats]:
        """Of every repeat ``[repeats]``, and of its halves ``[repeats, halves]``."""
        scores = np.full(len(self.repeats), np.nan)
        of_halves = np.full((len(self.repeats), self._halves), np.nan)
        trials = self._found.get((arm, learner), {})
        for row, repeat in enumerate(self.repeats):
            if repeat in trials:
                trial = trials[repeat]
                scores[row] = trial.values[self.metric]
                of_halves[row] = [half[self.metric] for half in trial.halves]
        return scores, of_halves


def against(arm: str, other: str) -> Contrast:
    """The contrast of one arm against another one."""
    return {} if arm == other else {arm: 1.0, other: -1.0}


@dataclass(frozen=True)
class Question:
    """What a verdict is about.

    Attributes:
        asked: Name of the synthetic arm that the answer is about.
        arms: The arms that were tried.
        learners: The learners that were tried.
        doubt: Why no verdict can be given; None if it can.
        skipped: Arm -> why it could not be tried.
        classes: Classes to tell of one by one; none for two of them, or a number.
        rows: Rows of the holdout, or of the real table where there is none.
    """

    asked: str
    arms: Sequence[Arm]
    learners: Sequence[str]
    doubt: str | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    classes: Sequence[str] = ()
    rows: int = 0

    @property
    def ratio(self) -> float | None:
        """Synthetic rows per real row of that arm; None where it balances."""
        return self._arm.ratio

    @property
    def _arm(self) -> Arm:
        return next(arm for arm in self.arms if arm.name == self.asked)

    @property
    def control(self) -> str:
        """Name of the arm of as many rows that bring nothing new."""
        if self.ratio is None:
            return BALANCED_DUPLICATES
        if self._arm.taught:
            return taught_bootstrap_arm(self.ratio)
        return bootstrap_arm(self.ratio)


def judge(trials: Trials, question: Question, size: int | None = None) -> StudyVerdict:
    """Judge one size.

    Args:
        trials: The trials of this size.
        question: What is asked.
        size: The size.

    Raises:
        DataError: No synthetic arm could be tried in every repeat.
    """
    trials = trials.complete()
    names_there = {trial.arm for trial in trials.trials}
    there = [arm for arm in question.arms if arm.name in names_there]
    synthetic = [arm.name for arm in there if arm.kind == "synthetic"]
    remedies = [arm.name for arm in there if arm.kind == "baseline"]
    if not synthetic:
        reasons = "; ".join(f"{arm}: {why}" for arm, why in question.skipped.items())
        raise DataError(
            f"there are no synthetic rows to try in every repeat: {reasons}"
        )
    asked = question.asked

    # The model that a user would take: weaker ones gain from rows that it does not
    # need.
    def score_on_real_rows(learner: str) -> float:
        score = trials.mean(REAL, learner)
        return -math.inf if math.isnan(score) else score

    strongest = max(question.learners, key=score_on_real_rows)
    headline = trials.difference(asked, REAL, strongest)
    control = None
    if question.control in names_there:
        control = trials.difference(asked, question.control, strongest)
    why = question.doubt or _unknown(trials, question, headline, strongest)
    answer = "cannot say" if why else _answer(headline, control)

    # What is looked at beside it, together.
    looked_at = [
        (arm.name, against(arm.name, REAL), learner)
        for learner in question.learners
        for arm in there
        if arm.kind != "real"
    ]
    slope = _slope([arm for arm in there if arm.is_step])
    if slope:
        looked_at.append(("each doubling", slope, strongest))
    compared = trials.differences(looked_at)
    by_arm = {
        (arm, learner): difference
        for (arm, _, learner), difference in zip(looked_at, compared, strict=True)
    }
    others = {}
    for learner in question.learners:
        found = by_arm.get((asked, learner), headline)
        others[learner] = "cannot say" if why else found.answer
    others[strongest] = answer
    baseline = _best([by_arm[arm, strongest] for arm in remedies])
    lead = None
    if baseline is not None:
        contrasts = [(asked, against(asked, arm), strongest) for arm in remedies]
        leads = trials.differences(contrasts)
        lead = leads[remedies.index(baseline.arm)]
    best = _best([by_arm[arm, strongest] for arm in synthetic])
    assert best is not None, "there are synthetic arms, report this"
    return StudyVerdict(
        answer=answer,
        size=size,
        learner=strongest,
        ratio=question.ratio,
        asked=headline,
        control=control,
        best=best,
        baseline=baseline,
        lead=lead,
        trend=by_arm.get(("each doubling", strongest)),
        by_class=_by_class(trials, question, strongest),
        power=_power(trials, question, strongest, headline, control),
        others=others,
        why=why or "",
    )


def _answer(headline: Difference, control: Difference | None) -> str:
    answer = headline.answer
    beyond_control = control is None or control.answer == answer
    serious_loss = headline.difference <= -WORTH
    if beyond_control or (answer == "hurts" and serious_loss):
        return answer
    return "no evidence"


def _unknown(
    trials: Trials, question: Question, headline: Difference, learner: str
) -> str | None:
    """Why the figures that there are give no answer; None if they do."""
    if question.asked not in {trial.arm for trial in trials.trials}:
        reason = question.skipped.get(question.asked, "it could not be tried")
        return f"{question.asked}: {reason}"
    gains = trials.figure(against(question.asked, REAL), learner).by_repeat
    measured = int(np.isfinite(gains).sum())
    if measured < ENOUGH_REPEATS * len(gains):
        return (
            f"only {measured} of {len(gains)} repeats have test rows that allow "
            "a score: there are too few rows of a class, or all have one value"
        )
    if not headline.known:
        return "the score exists too seldom to say how sure it is"
    return None


def _best(differences: Sequence[Difference]) -> Difference | None:
    """The one that gains most; the first one of equals, None of none."""

    def gain(difference: Difference) -> float:
        # An arm without a score comes last.
        value = difference.difference
        return -math.inf if math.isnan(value) else value

    return max(differences, key=gain, default=None)


def _slope(arms: Sequence[Arm]) -> dict[str, float]:
    """The contrast that is the least-squares slope of the score over log2(ratio).

    Empty for fewer than three ratios: two have no trend beside their difference.
    """
    if len(arms) < 3:
        return {}
    doublings = np.log2([float(arm.ratio or 1.0) for arm in arms])
    centred = doublings - doublings.mean()
    weights = centred / (centred**2).sum()
    return {arm.name: float(w) for arm, w in zip(arms, weights, strict=True)}


def _by_class(
    trials: Trials, question: Question, learner: str
) -> dict[str, Difference]:
    """What the rows do to each class against the rest."""
    contrast = against(question.asked, REAL)
    figures = []
    scores = []
    for word in question.classes:
        of_class = Trials(
            trials.trials, f"{trials.metric} of {word}", trials.test_share
        )
        figures.append(of_class.figure(contrast, learner))
        scores.append(of_class.mean(question.asked, learner))
    found = {}
    intervals = together(figures)
    for word, score, figure, interval in zip(
        question.classes, scores, figures, intervals, strict=True
    ):
        mean = figure.estimate().mean
        found[word] = Difference(question.asked, score, mean, interval)
    return found


def _power(
    trials: Trials,
    question: Question,
    learner: str,
    headline: Difference,
    control: Difference | None,
) -> Power | None:
    """Of the comparison that the answer hangs on."""
    other = REAL
    if control is not None and headline.answer != "no evidence":
        other = question.control
    estimate = trials.figure(against(question.asked, other), learner).estimate()
    return power(estimate, question.rows, len(trials.repeats))
