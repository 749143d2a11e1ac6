"""`Study`: what a study found, as text, as a table and as JSON."""

from __future__ import annotations

import json
import math
import textwrap
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from synthtab.augment.arms import REAL, Arm
from synthtab.augment.intervals import LEVEL
from synthtab.augment.target import METRICS_OF_TASK
from synthtab.augment.verdict import Difference, StudyVerdict, Trial, Trials
from synthtab.core.errors import ConfigError
from synthtab.evaluation.report import display, plots
from synthtab.evaluation.report.report import plain_data

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

METRIC_TITLES = {
    "brier_skill": "Brier skill",
    "auc": "AUC",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "r2": "R²",
}
# Columns of the text: a terminal's, the first column of its table, and the others.
TEXT_WIDTH = 80
ARM_WIDTH = 24
CELL_WIDTH = 18
# Of more classes, those that lost most and those that gained most are told of.
CLASSES_TOLD = 6


@dataclass(frozen=True)
class Study:
    """What `synthtab.augment.study` found.

    Attributes:
        scores: One trial for every model that was trained.
        verdicts: One answer for each size.
        arms: What was tried.
        learners: The kinds of models.
        metric: What the verdicts go by.
        share: Share of the rows that each repeat tested on, where there is no holdout.
        facts: About the tables and the target.
        skipped: Arm -> why it was left out.
        notes: What else to know, in sentences.
        seed: One seed, one study.
    """

    scores: tuple[Trial, ...]
    verdicts: tuple[StudyVerdict, ...]
    arms: tuple[Arm, ...]
    learners: tuple[str, ...]
    metric: str
    share: float
    facts: dict[str, Any]
    skipped: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seed: int = 0

    @property
    def verdict(self) -> StudyVerdict:
        """The verdict for the first size."""
        return self.verdicts[0]

    def compare(
        self, arm: str, learner: str, metric: str | None = None, size: int | None = None
    ) -> Difference:
        """An arm against the real rows alone.

        Its interval holds together with those of all other arms and models.

        Args:
            arm: Name of the arm.
            learner: Name of the learner.
            metric: Name of the metric; that of the verdicts by default.
            size: One of the sizes that were asked for.

        Raises:
            ConfigError: There is no such arm, learner or metric.
        """
        metric = metric or self.metric
        trials = self._trials(size)
        known = {trial.arm for trial in trials}
        if arm not in known or learner not in self.learners:
            raise ConfigError(
                f"there is no {arm!r} with {learner!r}; there are {', '.join(sorted(known))}"
            )
        # All trials have the same metrics: those of the task, and of single classes.
        metrics = self.scores[0].values
        if metric not in metrics:
            raise ConfigError(
                f"there is no metric {metric!r}; there are {', '.join(metrics)}"
            )
        if (size, metric) not in self._tables:
            self._tables[size, metric] = Trials(trials, metric, self.share).table()
        return self._tables[size, metric][arm, learner]

    @cached_property
    def _tables(self) -> dict[tuple[int | None, str], dict[Any, Difference]]:
        """Size and metric -> what `compare` tells, once it was asked for."""
        return {}

    def rows(self) -> list[dict[str, Any]]:
        """One dict per size, learner, arm and metric.

        Each holds the mean score, the difference from real rows alone and its interval.
        The intervals of one size and metric hold together.
        """
        rows = []
        for size in [verdict.size for verdict in self.verdicts]:
            for learner in self.learners:
                for arm in self.arms:
                    rows += self._rows_of(size, learner, arm)
        return rows

    def _rows_of(
        self, size: int | None, learner: str, arm: Arm
    ) -> list[dict[str, Any]]:
        """One dict per metric; none for an arm that was left out."""
        trials = [
            trial
            for trial in self._trials(size)
            if trial.learner == learner and trial.arm == arm.name
        ]
        if not trials:
            return []
        rows = []
        for metric in METRICS_OF_TASK[self.facts["task"]]:
            compared = self.compare(arm.name, learner, metric, size)
            low, high = compared.interval
            rows.append(
                {
                    "size": size,
                    "learner": learner,
                    "arm": arm.name,
                    "kind": arm.kind,
                    "metric": metric,
                    "real_rows": trials[0].real,
                    "rows": trials[0].rows,
                    "score": compared.score,
                    "difference": compared.difference,
                    "low": low,
                    "high": high,
                    "repeats": len(trials),
                }
            )
        return rows

    def _trials(self, size: int | None) -> list[Trial]:
        return [trial for trial in self.scores if trial.size == size]

    def frame(self) -> pd.DataFrame:
        """`rows` as a table; "verdict" is what the interval says of the arm."""
        import pandas as pd

        frame = pd.DataFrame(self.rows())
        differs = frame["kind"] != "real"
        frame["verdict"] = pd.Series("no evidence", frame.index).where(differs)
        frame.loc[differs & (frame["low"] > 0), "verdict"] = "helps"
        frame.loc[differs & (frame["high"] < 0), "verdict"] = "hurts"
        doubted = [verdict.size for verdict in self.verdicts if verdict.why]
        frame.loc[differs & frame["size"].isin(doubted), "verdict"] = "cannot say"
        return frame

    def plot(self) -> Figure:
        """The arms against real rows alone, for the best model, with intervals.

        Raises:
            MissingExtraError: matplotlib is not installed: ``synthtab[plot]``.
        """
        return plots.of_study(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Plain data; figures that do not exist or are infinite are None."""
        scores = [dict(vars(trial)) for trial in self.scores]
        for score in scores:
            # Twenty more sets of figures a model, which nobody reads one by one.
            del score["halves"]
        data = {
            "seed": self.seed,
            "metric": self.metric,
            "level": LEVEL,
            "facts": self.facts,
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
            "comparisons": self.rows(),
            "scores": scores,
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

    def __repr__(self) -> str:
        """One line: the answer, and the arm and the figures that it rests on."""
        verdict = self.verdict
        asked = verdict.asked
        figures = f"{asked.difference:+.4f} ({_ends(asked)})"
        why = verdict.why or f"{asked.arm}, {METRIC_TITLES[self.metric]} {figures}"
        return f"<Study: {verdict.answer}: {why}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the answer and the arms on one screen."""
        return display.of_study(self.to_dict())

    def __str__(self) -> str:
        """A plain text of at most 80 columns."""
        facts = self.facts
        lines = [f"Do synthetic rows help to predict {facts['target']}?"]
        for verdict in self.verdicts:
            lines += [
                "",
                *self._verdict_lines(verdict),
                "",
                *self._table_lines(verdict),
            ]
        # Without a holdout, classes are split with rounding at random: repeats differ.
        tested = min(trial.tested for trial in self.scores)
        of_what = "real rows that it did not learn from"
        if facts["holdout"]:
            of_what = "rows of the holdout"
        lines += [
            "",
            f"{facts['repeats']} repeats, each tested on {tested:,} {of_what}",
            f"{self.title}; ± for 95 % of such tables as a whole, * it does not reach 0",
        ]
        for name, why in self.skipped.items():
            lines += textwrap.wrap(f"{name}: {why}", TEXT_WIDTH)
        for note in self.notes:
            lines += textwrap.wrap(note, TEXT_WIDTH)
        return "\n".join(line[:TEXT_WIDTH] for line in lines)

    @property
    def title(self) -> str:
        """What the verdicts go by, and of which class."""
        title = METRIC_TITLES[self.metric]
        classes = self.facts["classes"]
        if len(classes) > 2 and self.metric == "brier_skill":
            return f"{title} over all {len(classes)} classes"
        if len(classes) > 2:
            return f"{title}: mean of {len(classes)} classes, each against the rest"
        if self.metric == "average_precision":
            return f"{title} of class {self.facts['class']}"
        return title

    def _verdict_lines(self, verdict: StudyVerdict) -> list[str]:
        asked = verdict.asked
        # Why it cannot be said stands in place of figures that might be taken for it.
        if verdict.why:
            lines = textwrap.wrap(f"CANNOT SAY: {verdict.why}", TEXT_WIDTH)
        else:
            lines = [
                f"{verdict.answer.upper()}: {asked.arm}, {METRIC_TITLES[self.metric]} "
                f"{asked.difference:+.4f} ({_ends(asked)})"
            ]
            lines += _told(self._findings(verdict))
        real_rows = self._trials(verdict.size)[0].real
        told = [f"best model on {real_rows:,} real rows alone: {verdict.learner}"]
        remedy = verdict.baseline
        lead = verdict.lead
        if remedy and lead and remedy.known and lead.known:
            told.append(
                f"best usual remedy: {remedy.arm}, {remedy.difference:+.4f}; "
                f"the rows against it {lead.difference:+.4f} ({_ends(lead)})"
            )
        if len(verdict.others) > 1 and not verdict.why:
            answers = [f"{name} {answer}" for name, answer in verdict.others.items()]
            told.append(f"by model: {'; '.join(answers)}")
        return lines + _told(told)

    def _findings(self, verdict: StudyVerdict) -> list[str]:
        """What else is sure, and what the study could not see."""
        told = []
        asked = verdict.asked
        control = verdict.control
        if control and asked.answer != verdict.answer:
            told.append(
                "sure, but as many real rows again may do the same: against "
                f"them {control.difference:+.4f} ({_ends(control)})"
            )
        if self.metric == "brier_skill":
            order = self.compare(asked.arm, verdict.learner, "auc", verdict.size)
            unsaid = order.answer == "hurts" != verdict.answer
            what = "the order alone is worse for sure" if unsaid else "the order alone"
            told.append(f"{what}: AUC {_cell(order).rstrip()}")
        if verdict.trend and verdict.trend.answer != "no evidence":
            word = "worse" if verdict.trend.answer == "hurts" else "better"
            steps = [
                (arm.ratio, self.compare(arm.name, verdict.learner, None, verdict.size))
                for arm in self.arms
                if arm.is_step
            ]
            gains = ", ".join(f"{step.difference:+.3f}" for _, step in steps)
            ratios = ", ".join(f"x{ratio:.3g}" for ratio, _ in steps)
            told.append(f"the more rows, the {word}: {gains} at {ratios}")
        taught = self._taught(verdict)
        if taught is not None and taught.difference > asked.difference:
            told.append(
                f"the same rows with a target that a teacher says: "
                f"{taught.difference:+.4f} ({_ends(taught)})"
            )
        if verdict.by_class:
            told.append("by class: " + _of_classes(verdict.by_class))
        if verdict.power:
            told.append(self._power_sentence(verdict))
        return told

    def _taught(self, verdict: StudyVerdict) -> Difference | None:
        """What taught rows do, where the answer is about others as many."""
        for arm in self.arms:
            is_other = arm.kind == "synthetic" and arm.name != verdict.asked.arm
            if is_other and arm.taught and arm.ratio == verdict.ratio:
                found = self.compare(arm.name, verdict.learner, None, verdict.size)
                return found if found.known else None
        return None

    def _power_sentence(self, verdict: StudyVerdict) -> str:
        """What could have been seen; where nothing was, what it takes."""
        power = verdict.power
        assert power is not None
        text = f"could see a difference of {power.seen:.4f} or more"
        if verdict.answer != "no evidence":
            return text
        holdout = self.facts["holdout"]
        takes = []
        if power.rows > (holdout or self.facts["real"]):
            what = "holdout" if holdout else "table"
            takes.append(f"a {what} of {_rounded_up(power.rows):,} rows")
        if power.repeats > self.facts["repeats"]:
            takes.append(f"{power.repeats:,} repeats")
        if takes:
            text += f"; {power.effect:.4f} takes {' and '.join(takes)}"
        return text

    def _table_lines(self, verdict: StudyVerdict) -> list[str]:
        """A row for each arm, a column for each learner."""
        lines = [_table_line(METRIC_TITLES[self.metric], self.learners)]
        there = {trial.arm for trial in self._trials(verdict.size)}
        for arm in self.arms:
            if arm.name not in there:
                continue
            cells = []
            for learner in self.learners:
                compared = self.compare(arm.name, learner, None, verdict.size)
                if arm.name == REAL:
                    # Ends below the difference of the arms, so that digits stand in
                    # line.
                    score = compared.score
                    text = "-" if math.isnan(score) else f"{score:.4f}"
                    cells.append(f"{text:>10}{'':8}")
                else:
                    cells.append(_cell(compared))
            lines.append(_table_line(arm.name, cells))
        return lines


def _told(sentences: list[str]) -> list[str]:
    """Below the verdict, indented, and more where they go on."""
    lines = []
    for sentence in sentences:
        lines += textwrap.wrap(
            sentence, TEXT_WIDTH, initial_indent="  ", subsequent_indent="    "
        )
    return lines


def _of_classes(by_class: dict[str, Difference]) -> str:
    """The classes that lost most first; of many, those at either end."""
    known = [(word, it) for word, it in by_class.items() if it.known]
    known.sort(key=lambda pair: pair[1].difference)
    told = [f"{word} {_cell(it).rstrip()}" for word, it in known]
    if len(told) > CLASSES_TOLD:
        told = [*told[: CLASSES_TOLD // 2], "...", *told[-(CLASSES_TOLD // 2) :]]
    return ", ".join(told) or "too few rows of each"


def _rounded_up(rows: int) -> int:
    """To two digits: more would be made up."""
    digits = max(len(str(rows)) - 2, 0)
    return math.ceil(rows / 10**digits) * 10**digits


def _table_line(first: str, cells: list[str] | tuple[str, ...]) -> str:
    line = f"{first:<{ARM_WIDTH}}"
    for cell in cells:
        line += f"{cell:>{CELL_WIDTH}}"
    return line.rstrip()


def _cell(compared: Difference) -> str:
    """``+0.0123 ±0.0045*``: difference, half its interval, whether it is sure."""
    low, high = compared.interval
    if not compared.known:
        return "-"
    mark = " " if compared.answer == "no evidence" else "*"
    return f"{compared.difference:+.4f} ±{(high - low) / 2:.4f}{mark}"


def _ends(compared: Difference) -> str:
    low, high = compared.interval
    return f"{low:+.4f} to {high:+.4f}"
