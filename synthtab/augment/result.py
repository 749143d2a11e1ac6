"""What a study found: scores, comparisons with real rows alone, and a verdict. No model is trained here."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from synthtab.augment.arms import REAL, Arm
from synthtab.augment.intervals import Interval, holdout_interval, paired_interval
from synthtab.core.errors import ConfigError
from synthtab.evaluation.report import plain_data

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.95
WORDS = {
    "auc": "AUC",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "r2": "R²",
}
WIDTH = 80


@dataclass(frozen=True)
class Score:
    """One trained model.

    Attributes:
        size: The size that was asked for; None for all real rows.
        repeat: Which repeat.
        arm: What it learnt from.
        learner: What kind of model it is.
        real: Real rows learnt from.
        rows: All rows learnt from.
        tested: Rows tested on.
        values: Metric -> value.
        halves: The same on random halves of the holdout, if there is one.
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
class Comparison:
    """An arm against another one, paired over the repeats.

    Attributes:
        arm: What is compared.
        score: Its mean score.
        difference: Mean difference from the other arm; positive is better.
        interval: Of the difference, see `synthtab.augment.intervals`.
    """

    arm: str
    score: float
    difference: float
    interval: Interval


@dataclass(frozen=True)
class Verdict:
    """The answer for one size of training table.

    Attributes:
        answer: "helps", "no evidence", "hurts" or "cannot say".
        size: Real rows learnt from; None for all.
        learner: The kind of model that is best on real rows alone: the one that a user would take.
        ratio: Synthetic rows per real row of the best synthetic arm; None where it balances the classes.
        best: The synthetic arm with the best score, against real rows alone. The interval holds for all synthetic arms
            at once (Bonferroni), since the best of several is looked at.
        baseline: The best of the usual remedies, against real rows alone; None where there is none.
        lead: The best synthetic arm against the best remedy.
        others: Learner -> the answer for it.
        why: Why it cannot be said; "" otherwise.
    """

    answer: str
    size: int | None
    learner: str
    ratio: float | None
    best: Comparison
    baseline: Comparison | None
    lead: Comparison | None
    others: dict[str, str]
    why: str = ""


def verdict(
    scores: Sequence[Score],
    arms: Sequence[Arm],
    learners: Sequence[str],
    metric: str,
    size: int | None,
    share: float,
    doubt: str | None,
) -> Verdict:
    """Judge one size. A synthetic arm helps if its interval lies above 0; all hurt if even the best lies below.

    Args:
        scores: All scores of the study.
        arms: The arms that were tried.
        learners: The learners that were tried.
        metric: What to judge by.
        size: Which size.
        share: Share of the rows that each repeat tested on, where there is no holdout.
        doubt: Why no verdict can be given.
    """
    mine = [s for s in scores if s.size == size]
    whole = len(
        {s.repeat for s in mine}
    )  # what could not be had in every repeat is shown, but not judged by
    mine = [s for s in mine if len({t.repeat for t in mine if t.arm == s.arm}) == whole]
    strongest = max(learners, key=lambda name: _mean(mine, REAL, name, metric))
    tried = {s.arm for s in mine}
    kinds = {arm.name: arm for arm in arms if arm.name in tried}
    synthetic = [name for name, arm in kinds.items() if arm.kind == "synthetic"]
    remedies = [name for name, arm in kinds.items() if arm.kind == "baseline"]
    level = 1 - (1 - LEVEL) / len(synthetic)

    def best(names: Sequence[str], learner: str, level: float) -> Comparison:
        found = [
            compare(mine, name, REAL, learner, metric, share, level) for name in names
        ]
        return max(
            found, key=lambda c: -math.inf if math.isnan(c.difference) else c.difference
        )

    chosen = best(synthetic, strongest, level)
    remedy = best(remedies, strongest, LEVEL) if remedies else None
    lead = (
        compare(mine, chosen.arm, remedy.arm, strongest, metric, share, LEVEL)
        if remedy
        else None
    )
    others = {name: _answer(best(synthetic, name, level)) for name in learners}
    answer = _answer(chosen)
    if doubt is not None:
        answer, others = "cannot say", dict.fromkeys(learners, "cannot say")
    return Verdict(
        answer,
        size,
        strongest,
        kinds[chosen.arm].ratio,
        chosen,
        remedy,
        lead,
        others,
        doubt or "",
    )


def compare(
    scores: Sequence[Score],
    arm: str,
    other: str,
    learner: str,
    metric: str,
    share: float,
    level: float = LEVEL,
) -> Comparison:
    """One arm against another one for one learner."""
    mine, its = _of(scores, arm, learner), _of(scores, other, learner)
    pairs = [(mine[r], its[r]) for r in sorted(mine.keys() & its.keys())]
    pairs = [
        (a, b) for a, b in pairs if math.isfinite(a.values[metric] - b.values[metric])
    ]
    if not pairs:
        return Comparison(arm, math.nan, math.nan, (-math.inf, math.inf))
    differences = [a.values[metric] - b.values[metric] for a, b in pairs]
    if pairs[0][0].halves:
        parts = [
            [p[metric] - q[metric] for p, q in zip(a.halves, b.halves, strict=True)]
            for a, b in pairs
        ]
        interval = holdout_interval(differences, list(np.mean(parts, axis=0)), level)
    else:
        interval = paired_interval(differences, share, level)
    return Comparison(
        arm, _mean(scores, arm, learner, metric), float(np.mean(differences)), interval
    )


def _of(scores: Sequence[Score], arm: str, learner: str) -> dict[int, Score]:
    return {s.repeat: s for s in scores if s.arm == arm and s.learner == learner}


def _mean(scores: Sequence[Score], arm: str, learner: str, metric: str) -> float:
    values = [s.values[metric] for s in _of(scores, arm, learner).values()]
    finite = [v for v in values if math.isfinite(v)]
    return float(np.mean(finite)) if finite else math.nan


def _answer(found: Comparison) -> str:
    low, high = found.interval
    return "helps" if low > 0 else "hurts" if high < 0 else "no evidence"


@dataclass(frozen=True)
class Study:
    """What `synthtab.augment.study` found.

    Attributes:
        scores: Of every model that was trained.
        verdicts: One for each size.
        arms: What was tried.
        learners: The kinds of models.
        metric: What the verdicts go by.
        share: Share of the rows that each repeat tested on, where there is no holdout.
        facts: About the tables and the target.
        skipped: Arm -> why it was left out.
        notes: What else to know.
        seed: One seed, one study.
    """

    scores: tuple[Score, ...]
    verdicts: tuple[Verdict, ...]
    arms: tuple[Arm, ...]
    learners: tuple[str, ...]
    metric: str
    share: float
    facts: dict[str, Any]
    skipped: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seed: int = 0

    @property
    def verdict(self) -> Verdict:
        """The verdict for the first size."""
        return self.verdicts[0]

    def compare(
        self, arm: str, learner: str, metric: str | None = None, size: int | None = None
    ) -> Comparison:
        """An arm against the real rows alone."""
        metric = metric or self.metric
        mine = [s for s in self.scores if s.size == size]
        known = {s.arm for s in mine}
        if arm not in known or learner not in self.learners:
            raise ConfigError(
                f"there is no {arm!r} with {learner!r}; there are {', '.join(sorted(known))}"
            )
        if metric not in self.scores[0].values:
            raise ConfigError(
                f"there is no metric {metric!r}; there are {', '.join(self.scores[0].values)}"
            )
        return compare(mine, arm, REAL, learner, metric, self.share)

    def rows(self) -> list[dict[str, Any]]:
        """One dict per size, learner, arm and metric: mean score, difference from real rows alone, interval."""
        found = []
        for size in [v.size for v in self.verdicts]:
            for learner in self.learners:
                for arm in self.arms:
                    mine = [
                        s
                        for s in self.scores
                        if (s.size, s.learner, s.arm) == (size, learner, arm.name)
                    ]
                    for metric in mine[0].values if mine else ():
                        c = self.compare(arm.name, learner, metric, size)
                        found.append(
                            {
                                "size": size,
                                "learner": learner,
                                "arm": arm.name,
                                "kind": arm.kind,
                                "metric": metric,
                                "real_rows": mine[0].real,
                                "rows": mine[0].rows,
                                "score": c.score,
                                "difference": c.difference,
                                "low": c.interval[0],
                                "high": c.interval[1],
                                "repeats": len(mine),
                            }
                        )
        return found

    def frame(self) -> pd.DataFrame:
        """`rows` as a table."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """Plain data; figures that do not exist or are infinite are None."""
        data = {
            "seed": self.seed,
            "metric": self.metric,
            "level": LEVEL,
            "facts": self.facts,
            "verdicts": [asdict(v) for v in self.verdicts],
            "comparisons": self.rows(),
            "scores": [
                {k: v for k, v in vars(s).items() if k != "halves"} for s in self.scores
            ],
            "skipped": self.skipped,
            "notes": self.notes,
        }
        plain: dict[str, Any] = plain_data(data)
        return plain

    def to_json(self, indent: int | None = 2) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(
            self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False
        )

    def __str__(self) -> str:
        """A plain text of at most 80 columns."""
        facts = self.facts
        lines = [f"Do synthetic rows help to predict {facts['target']}?"[:WIDTH]]
        for v in self.verdicts:
            lines += ["", *self._said(v), "", *self._table(v)]
        tested = min(s.tested for s in self.scores)
        where = (
            "rows of the holdout"
            if facts["holdout"]
            else "real rows that it did not learn from"
        )
        lines += ["", f"{facts['repeats']} repeats, each tested on {tested:,} {where}"]
        lines.append("± about 95 % for one figure; * it does not reach 0")
        lines += [f"{name}: {why}"[:WIDTH] for name, why in self.skipped.items()]
        return "\n".join([*lines, *(note[:WIDTH] for note in self.notes)])

    def _said(self, v: Verdict) -> list[str]:
        metric, real = (
            WORDS[self.metric],
            next(s.real for s in self.scores if s.size == v.size),
        )
        low, high = v.best.interval
        lines = [
            f"{v.answer.upper()}: {v.best.arm}, {metric} {v.best.difference:+.4f} ({low:+.4f} to {high:+.4f})"
        ]
        if v.why:
            lines = [line.rstrip() for line in _wrapped(f"CANNOT SAY: {v.why}")]
        lines.append(f"  best model on {real:,} real rows alone: {v.learner}")
        if v.baseline and v.lead:
            c, (low, high) = v.baseline, v.lead.interval
            lines.append(f"  best usual remedy: {c.arm}, {c.difference:+.4f}")
            lines.append(
                f"  synthetic rows against it: {v.lead.difference:+.4f} ({low:+.4f} to {high:+.4f})"
            )
        if len(v.others) > 1 and not v.why:
            lines.append(
                "  by model: "
                + "; ".join(f"{name} {answer}" for name, answer in v.others.items())
            )
        return [line[:WIDTH] for line in lines]

    def _table(self, v: Verdict) -> list[str]:
        lines = [
            f"{WORDS[self.metric]:<24}"
            + "".join(f"{name:>18}" for name in self.learners)
        ]
        there = {s.arm for s in self.scores if s.size == v.size}
        for arm in (a for a in self.arms if a.name in there):
            found = [
                self.compare(arm.name, learner, None, v.size)
                for learner in self.learners
            ]
            cells = [
                f"{c.score:>10.4f}{'':8}" if arm.name == REAL else _cell(c)
                for c in found
            ]
            lines.append(f"{arm.name:<24}" + "".join(f"{cell:>18}" for cell in cells))
        return [line.rstrip()[:WIDTH] for line in lines]


def _cell(c: Comparison) -> str:
    low, high = c.interval
    if not math.isfinite(high - low):
        return "-"
    return f"{c.difference:+.4f} ±{(high - low) / 2:.4f}{'*' if low > 0 or high < 0 else ' '}"


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, WIDTH)
