"""What a score is and what a metric declares about itself.

A number alone says little: a `Score` carries beside its value what a perfect sampler
(or real rows) would score, an interval where one is cheap, and why it is absent where
it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

from scipy.stats import beta

from synthtab.core.randomness import Streams

if TYPE_CHECKING:
    from synthtab.evaluation.report.findings import Evidence, Verdict
    from synthtab.evaluation.report.section import Section
    from synthtab.evaluation.views import Tables

FamilyName = Literal[
    "fidelity", "detection", "utility", "coverage", "copying", "privacy"
]
Better = Literal["higher", "lower", "ideal"]
Cost = Literal["low", "medium", "high"]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Family:
    """Metrics that answer one question.

    Attributes:
        name: Short name, as in JSON.
        heading: The question, in reports.
        about_people: Whether it is about the people in the training table: the page
            lists these metrics once more, together.
    """

    name: FamilyName
    heading: str
    about_people: bool = False


# From fewer rows than this a score would say nothing: metrics skip such a table.
MIN_ROWS = 20

# Label of a reference: as many rows drawn from the real ones with replacement.
PERFECT_SAMPLER = "a perfect sampler"

# In the order of reports.
FAMILIES = (
    Family("fidelity", "Fidelity: do the columns look like the real ones?"),
    Family("detection", "Detection: can a model tell the rows from real ones?"),
    Family("utility", "Utility: do the rows train a model as well as real ones?"),
    Family("coverage", "Coverage: do the rows reach everything that the real ones do?"),
    Family(
        "copying",
        "Copying: are they the training rows over again? (not a privacy measure)",
        about_people=True,
    ),
    Family(
        "privacy",
        "Privacy: what could an attacker learn about the people in the training table?",
        about_people=True,
    ),
)


@dataclass(frozen=True)
class Reference:
    """What stands beside a score: a floor, a ceiling or an ideal."""

    value: float
    label: str


@dataclass(frozen=True)
class Outcome:
    """What a metric's function returns: the measured part of a `Score`."""

    value: float
    reference: Reference | None = None
    interval: Interval | None = None
    n: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """One figure of a report.

    Attributes:
        name: Name of the metric, for `Report.score` and JSON.
        title: The same for people.
        meaning: One line for somebody who does not know the term.
        family: "fidelity", "detection", "utility", "coverage", "copying" or "privacy".
        value: The figure; NaN where `status` is not "ok".
        unit: "%" or "".
        better: "higher", "lower", or "ideal" (the nearer to the reference, the better).
        bounds: Smallest and largest possible value; infinite where there is none.
        reference: What a perfect sampler or real rows score, with a label.
        interval: About 95 %, where it is cheap.
        n: Number of rows (or other units) that the value rests on.
        detail: Per-column figures, the worst pairs and the like; plain data.
        status: "ok" or "skipped: reason".
        like: Name of the score that answers the same question: where that is shown,
            this one is a detail.
    """

    name: str
    title: str
    meaning: str
    family: FamilyName
    value: float
    unit: str
    better: Better
    bounds: Interval
    reference: Reference | None = None
    interval: Interval | None = None
    n: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    status: str = "ok"
    like: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.status == "ok"


class Skip(Exception):
    """Raised by a metric that can say nothing of these tables; the text is why."""


@dataclass(frozen=True)
class Metric:
    """One metric: what it declares and the function that computes it.

    Attributes:
        needs: Which optional parts of the tables it cannot do without: "holdout",
            "target".
        measure: ``(tables, streams) -> Outcome``; may raise `Skip`.
        cost: About 30,000 rows of 15 columns on one core take it under half a second
            ("low"), under three ("medium") or longer ("high"). Of metrics that share
            their work the first bears it.
        unknown: What stays unknown where the metric needs a holdout and there is none,
            such as "whether they tell who is in the training table".
        chance: The figure of a guess, if a better one is luck and no merit: a detector
            with an AUC below 0.5 has not been fooled more than one with 0.5.
        rule: A rule of the verdicts about this metric, ``(evidence) -> verdicts``; see
            `synthtab.evaluation.report.findings`. Those of `verdicts.RULES` are read
            first.
        picture: Draws a part of the HTML page, ``(tables, streams, score) -> Section``;
            None where these tables have no such picture.

    The other attributes are those of `Score`.
    """

    name: str
    title: str
    meaning: str
    family: FamilyName
    better: Better
    measure: Callable[[Tables, Streams], Outcome]
    bounds: Interval = (0.0, 1.0)
    unit: str = ""
    needs: tuple[str, ...] = ()
    cost: Cost = "low"
    like: str = ""
    unknown: str = ""
    chance: float | None = None
    rule: Callable[[Evidence], Iterator[Verdict]] | None = None
    picture: Callable[[Tables, Streams, Score], Section | None] | None = None

    def compute(self, tables: Tables, streams: Streams) -> Score:
        """The score of the tables; never raises for want of data."""
        outcome = Outcome(math.nan)
        status = "ok"
        lacking = [need for need in self.needs if getattr(tables, need) is None]
        if lacking:
            status = f"skipped: no {lacking[0]} given"
        else:
            try:
                outcome = self.measure(tables, streams)
            except Skip as reason:
                status = f"skipped: {reason}"
        return Score(
            name=self.name,
            title=self.title,
            meaning=self.meaning,
            family=self.family,
            value=outcome.value,
            unit=self.unit,
            better=self.better,
            bounds=self.bounds,
            reference=outcome.reference,
            interval=outcome.interval,
            n=outcome.n,
            detail=outcome.detail,
            status=status,
            like=self.like,
        )


def headlines(scores: Sequence[Score]) -> tuple[Score, ...]:
    """The scores of which none answers the question of another one that is there.

    But for those that say of themselves that they answer it otherwise, by "apart" in
    their detail.
    """
    # A score that could not be computed leaves its question to the others.
    there = {score.name for score in scores if score.ok}
    return tuple(
        score
        for score in scores
        if score.like not in there or score.detail.get("apart", False)
    )


def share_interval(successes: float, n: float, z: float = 1.96) -> Interval:
    """Wilson's interval of a share (Wilson 1927), 95 % by default."""
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half)))


def exact_interval(successes: float, n: float, z: float = 1.96) -> Interval:
    """Clopper and Pearson's interval of a share (1934), 95 % by default.

    For shares of few successes.
    """
    tail = 1.0 - NormalDist().cdf(z)
    low = 0.0
    high = 1.0
    if successes > 0:
        low = float(beta.ppf(tail, successes, n - successes + 1.0))
    if successes < n:
        high = float(beta.ppf(1.0 - tail, successes + 1.0, n - successes))
    return (low, high)


def simultaneous(count: int) -> float:
    """The z with which ``count`` intervals hold at once in 95 % (Bonferroni)."""
    return NormalDist().inv_cdf(1.0 - 0.025 / count)


def auc_interval(
    auc: float, positives: int, negatives: int, z: float = 1.96
) -> Interval:
    """Interval of a ROC area (Hanley and McNeil 1982), 95 % by default."""
    # The chance that two random positives both rank above one random negative, and that
    # one positive ranks above two negatives, for exponential scores.
    q1 = auc / (2 - auc)
    q2 = 2 * auc * auc / (1 + auc)
    variance = (
        auc * (1 - auc)
        + (positives - 1) * (q1 - auc * auc)
        + (negatives - 1) * (q2 - auc * auc)
    )
    half = z * math.sqrt(max(variance, 0.0) / (positives * negatives))
    return (max(0.0, auc - half), min(1.0, auc + half))
