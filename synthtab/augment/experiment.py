"""Does adding these rows help a model? The experiment, from tables to a verdict.

What is valid depends on what made the rows. A generator must not have seen the rows
that models are tested on, or it hands their answers to the models. There are three ways
to ask:

- Rows, or a fitted generator, with a ``holdout`` that it never saw. Models learn from
  all real rows in every repeat, since the generator, too, knows them all (to compare
  with a part of them would favour the synthetic rows). Each repeat has new synthetic
  rows and new models, tested on all of the holdout.
- A function that fits a generator, without a holdout. Each repeat splits the real rows,
  fits on the training part alone, and tests on the rest.
- Rows, or a fitted generator, without a holdout. The figures are computed, but there is
  no verdict.

`study` is the whole of it: rows (`splits`, `source`), what is learnt from (`arms`),
models (`learners`), scores (`scores`), and the verdict (`verdict`, with `intervals`).
It does not matter who made the rows, and no network is trained here.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from synthtab.augment.arms import (
    BALANCED,
    Arm,
    Material,
    arms,
    synthetic_arm,
    taught_arm,
)
from synthtab.augment.learners import LEARNERS
from synthtab.augment.result import Study
from synthtab.augment.scores import class_values, measures
from synthtab.augment.source import balancing_rows, drawn_rows
from synthtab.augment.splits import (
    MIN_LABELLED,
    TEST_SHARE,
    halves,
    in_order,
    reason_for_doubt,
    refuse_tested_rows,
    split,
    untestable,
    usable_rows,
)
from synthtab.augment.target import METRICS_OF_TASK, Target, target_of
from synthtab.augment.teacher import RATIO as RATIO_OF_TAUGHT
from synthtab.augment.verdict import Question, Trial, Trials, judge
from synthtab.core.errors import ConfigError
from synthtab.core.progress import Observer, Progress, silent
from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.evaluation.learners import Sample
from synthtab.evaluation.metric import Skip
from synthtab.evaluation.naming import may_be_named
from synthtab.evaluation.views import prepare
from synthtab.runtime.machine import each

# Synthetic rows for each real one.
RATIOS = (0.25, 0.5, 1.0, 2.0)
# The ratio that the verdict is about, where a generator makes the rows.
RATIO = 1.0
# More repeats where they are cheap, and tell something: each has new rows of a fitted
# generator. The same rows again and again tell next to nothing.
REPEATS = 10
REPEATS_OF_SMALL = 20
SMALL = 2_000
# A rarest class with less than this share is judged by average precision, unless
# another metric is asked for.
RARE_CLASS = 0.05
# Most real rows that models learn from and are tested on.
MAX_TRAINING_ROWS = 100_000
MAX_TEST_ROWS = 50_000
# A table of synthetic rows is used as a whole, too, unless the largest ratio of
# `RATIOS` that it allows comes as near to that as this.
NEARLY_ALL = 0.02

# Rows (a DataFrame), an object with ``sample(n)``, or a function that fits such an
# object to a table.
Generator = Any


@dataclass(frozen=True)
class Plan:
    """What every repeat of a study does.

    Attributes:
        target: What models predict.
        arms: What they learn from.
        learners: What kinds of models there are.
        largest_ratio: Most synthetic rows that an arm takes for each real one.
        metric: What the verdict goes by.
        words: What each class is called, if there are more than two.
    """

    target: Target
    arms: tuple[Arm, ...]
    learners: tuple[str, ...]
    largest_ratio: float
    metric: str
    words: tuple[str, ...]


def study(
    real: pd.DataFrame,
    synthetic: Generator,
    target: str,
    holdout: pd.DataFrame | None = None,
    *,
    schema: Schema | None = None,
    task: str | None = None,
    metric: str | None = None,
    ratio: float | Literal["balanced"] | None = None,
    ratios: Sequence[float] | None = None,
    taught: bool = False,
    learners: Sequence[str] | None = None,
    sizes: Sequence[int | None] = (None,),
    rare: float | None = None,
    repeats: int | None = None,
    seed: int = 0,
    observe: Observer = silent,
) -> Study:
    """Train models on real rows, with and without synthetic ones, and compare them.

    They are compared on rows that nothing has seen. Every arm is compared with the real
    rows alone, repeat by repeat: see `synthtab.augment.intervals` for the interval and
    `synthtab.augment.arms` for the arms (synthetic rows at several ratios and balancing
    the classes, against duplicates, a bootstrap, class weights and SMOTENC). The answer
    is about one ratio, see `synthtab.augment.verdict`. The order of rows and columns
    changes nothing.

    Args:
        real: The table that a model is to learn from.
        synthetic: Rows; or a fitted generator, any object with ``sample(n)`` (and
            ``sample_class(value, n)``, if it can); or a function that fits one to the
            table it is given, such as
            ``lambda train: Synthesizer(time="30s").fit(train)``.
        target: The column that the model predicts.
        holdout: Real rows that the generator never saw, to test on. Without them there
            is a verdict only if ``synthetic`` is a function that fits.
        schema: What each column is; inferred from ``real`` by default.
        task: "classification" or "regression". By default the target's kind decides:
            words, booleans and numbers of two values are classes.
        metric: What the verdict goes by: "brier_skill", "auc", "average_precision",
            "balanced_accuracy"; "r2" for a number. By default "brier_skill"; "auc" if
            the answer is about balanced classes, which shift every probability; in any
            case "average_precision" if the rarest class has less than 5 % of the rows.
        ratio: What the answer is about: synthetic rows for each real one, or
            "balanced". By default all rows of a table; of a generator as many as there
            are real ones, and four times as many taught ones. Where ``ratios`` are named, one of them: the largest, of a
            generator 1 if that is among them.
        ratios: Synthetic rows for each real one, to see what more and fewer do; by
            default 0.25, 0.5, 1, 2 and all that are given.
        taught: Whether the answer is about rows whose target a teacher says, see
            `synthtab.augment.teach`. They are tried in any case.
        learners: Some of "linear", "trees" and "forest"; all by default.
        sizes: Numbers of real rows to learn from, None for all. Others than all need a
            function that fits: a generator that has learnt from all rows would bring in
            what the small part does not hold.
        rare: Thin out the rarest class of what is learnt from to this share; needs a
            function that fits, too.
        repeats: At least 2; by default 10, and 20 for at most 2,000 real rows where a
            fitted generator makes new rows for each.
        seed: The same seed gives the same result.
        observe: Is called with the progress.

    Raises:
        DataError: The tables do not fit each other, or there is too little to compare.
        ConfigError: An option cannot work.
    """
    # A class is called like a function, even where its objects have a method `sample`.
    fits = isinstance(synthetic, type) or not hasattr(synthetic, "sample")
    _check_generator(synthetic, fits, sizes, rare)
    _check_numbers(sizes, rare, repeats)
    _check_choices(learners, ratio, ratios)
    if taught and ratio == "balanced":
        raise ConfigError(
            "taught rows have no classes to balance: leave out taught or ratio='balanced'"
        )
    predicted = target_of(real, target, schema, task)
    metrics = METRICS_OF_TASK[predicted.task]
    if metric is not None and metric not in metrics:
        raise ConfigError(
            f"there is no metric {metric!r} for this target; use one of {', '.join(metrics)}"
        )

    # Rows. A function that fits is given all that there are.
    notes: list[str] = []
    streams = Streams(seed)
    most = None if fits else MAX_TRAINING_ROWS
    real = usable_rows(real, predicted, most, streams, notes, "real")
    tests = None
    if holdout is not None:
        tests = usable_rows(
            holdout, predicted, MAX_TEST_ROWS, streams, notes, "holdout"
        )
    words = _words(predicted, real)
    doubt = reason_for_doubt(real, tests, fits)
    if tests is not None:
        doubt = doubt or untestable(tests, predicted, words, notes)
    if isinstance(synthetic, pd.DataFrame):
        refuse_tested_rows(synthetic, real, tests)
        synthetic = in_order(synthetic)
    if repeats is None:
        new_rows = not fits and not isinstance(synthetic, pd.DataFrame)
        cheap = new_rows and len(real) <= SMALL
        repeats = REPEATS_OF_SMALL if cheap else REPEATS

    # Arms and learners.
    wanted = _asked_ratio(ratio, ratios, taught, synthetic)
    if ratio == "balanced" and not predicted.classes:
        raise ConfigError(f"ratio='balanced' needs classes: {target!r} is a number")
    chosen_ratios = _ratios(ratios, wanted, synthetic, len(real))
    if wanted is None:
        wanted = _default_ratio(chosen_ratios, synthetic)
    plan = Plan(
        target=predicted,
        arms=arms(chosen_ratios, len(predicted.classes), wanted, taught),
        learners=tuple(LEARNERS) if learners is None else tuple(learners),
        largest_ratio=max(chosen_ratios),
        metric=metric or _metric(predicted, real, rare, ratio == "balanced"),
        words=words if len(words) > 2 else (),
    )

    # Scores. All repeats share the halves of the holdout, each has other random rows.
    of_halves = None if tests is None else Streams(streams.integer("halves"))
    trials: list[Trial] = []
    skipped: dict[str, str] = {}
    for number, size in enumerate(sizes):
        for repeat in range(repeats):
            done = (number + repeat / repeats) / len(sizes)
            observe(Progress("augmentation study", done))
            of_repeat = Streams(streams.integer("repeat", number, repeat))
            train, test = split(real, tests, predicted, size, rare, of_repeat)
            source = synthetic(train) if fits else synthetic
            material = _material(source, train, test, plan, of_repeat)
            samples = _samples(material, plan, of_repeat, skipped)
            trials += _trials(
                samples, len(material.real), plan, (size, repeat), of_repeat, of_halves
            )
    observe(Progress("done", 1.0))

    # Verdicts.
    asked = taught_arm(wanted) if taught else synthetic_arm(wanted)
    question = Question(
        asked=BALANCED if ratio == "balanced" else asked,
        arms=plan.arms,
        learners=plan.learners,
        doubt=doubt,
        skipped=skipped,
        classes=plan.words,
        rows=len(real) if tests is None else len(tests),
    )
    verdicts = []
    for size in sizes:
        trials_of_size = [t for t in trials if t.size == size]
        of_size = Trials(trials_of_size, plan.metric, TEST_SHARE)
        verdicts.append(judge(of_size, question, size))
    facts = {
        "target": target,
        "task": predicted.task,
        "classes": _named(predicted, real),
        "class": words[predicted.rarest] if words else None,
        "log": predicted.log,
        "real": len(real),
        "holdout": None if tests is None else len(tests),
        "rows": len(synthetic) if isinstance(synthetic, pd.DataFrame) else None,
        "fits": fits,
        "repeats": repeats,
        "rare": rare,
    }
    return Study(
        scores=tuple(trials),
        verdicts=tuple(verdicts),
        arms=plan.arms,
        learners=plan.learners,
        metric=plan.metric,
        share=TEST_SHARE,
        facts=facts,
        skipped=skipped,
        notes=tuple(notes),
        seed=seed,
    )


def _named(target: Target, real: pd.DataFrame) -> list[str | None]:
    """The classes; None for one that too few rows have to be named in a file."""
    counts = pd.Series(target.words(real)).value_counts()
    rows = np.array([counts.get(word, 0) for word in target.classes], dtype=np.int64)
    pairs = zip(target.classes, may_be_named(rows), strict=True)
    return [word if nameable else None for word, nameable in pairs]


def _words(target: Target, real: pd.DataFrame) -> tuple[str, ...]:
    """What each class is called in what is told of the study: as the table has it."""
    words = []
    named = _named(target, real)
    for number, (word, cell) in enumerate(zip(named, target.examples, strict=True)):
        words.append(f"no. {number + 1}" if word is None else str(cell))
    return tuple(words)


def _check_generator(
    synthetic: Any, fits: bool, sizes: Sequence[int | None], rare: float | None
) -> None:
    """What makes the rows, and whether it can do what is asked."""
    if fits and not callable(synthetic):
        raise ConfigError(
            f"rows must be a DataFrame, an object with sample(n) or a function that fits one, not {synthetic!r}"
        )
    part_of_the_rows = rare is not None or any(size is not None for size in sizes)
    if part_of_the_rows and not fits:
        raise ConfigError(
            "sizes and rare need a function that fits a generator to a table: one that has learnt from all rows "
            "would bring in what a part of them does not hold"
        )


def _check_numbers(
    sizes: Sequence[int | None], rare: float | None, repeats: int | None
) -> None:
    if not sizes:
        raise ConfigError("sizes names no size; (None,) stands for all rows")
    for size in sizes:
        if size is not None and size < MIN_LABELLED:
            raise ConfigError(
                f"a size must be at least {MIN_LABELLED} rows, not {size}"
            )
    if rare is not None and not 0 < rare < 0.5:
        raise ConfigError(
            f"rare must be a share of the rows between 0 and 0.5, not {rare!r}"
        )
    if repeats is not None and repeats < 2:
        raise ConfigError(
            f"repeats must be at least 2, not {repeats}: one has no interval"
        )


def _check_choices(
    learners: Sequence[str] | None,
    ratio: float | str | None,
    ratios: Sequence[float] | None,
) -> None:
    if learners is not None:
        for name in learners:
            if name not in LEARNERS:
                raise ConfigError(
                    f"there is no learner {name!r}; there are {', '.join(LEARNERS)}"
                )
        if not learners:
            raise ConfigError(f"learners names none; there are {', '.join(LEARNERS)}")
    if ratios is not None and (not ratios or min(ratios) <= 0):
        raise ConfigError(f"ratios must be positive numbers, not {list(ratios)}")
    is_number = isinstance(ratio, int | float) and ratio > 0
    if ratio not in (None, "balanced") and not is_number:
        raise ConfigError(
            f"ratio must be a positive number or 'balanced', not {ratio!r}"
        )


def _asked_ratio(
    ratio: float | Literal["balanced"] | None,
    ratios: Sequence[float] | None,
    taught: bool,
    synthetic: Any,
) -> float | None:
    """The ratio that was asked for, or that taught rows of a generator have."""
    if ratio == "balanced":
        return None
    is_open = ratio is None and ratios is None
    if taught and is_open and not isinstance(synthetic, pd.DataFrame):
        return RATIO_OF_TAUGHT
    return ratio


def _ratios(
    ratios: Sequence[float] | None, asked: float | None, synthetic: Any, rows: int
) -> tuple[float, ...]:
    """The ratios to try, in ascending order.

    A table of synthetic rows bounds them; a generator does not.
    """
    given = len(synthetic) if isinstance(synthetic, pd.DataFrame) else None
    wanted = [float(ratio) for ratio in ratios or ()]
    if asked is not None:
        wanted.append(float(asked))
    for ratio in wanted:
        needed = round(ratio * rows)
        if given is not None and needed > given:
            raise ConfigError(
                f"ratio {ratio:g} needs {needed:,} rows; {given:,} are given"
            )
    if ratios is None:
        most = np.inf if given is None else given / rows
        possible = [ratio for ratio in RATIOS if ratio <= most]
        if given is not None and most - max(possible, default=0.0) >= NEARLY_ALL:
            possible.append(most)
        wanted += possible
    # By name: two ratios that are told alike are one arm.
    by_name = {synthetic_arm(ratio): ratio for ratio in reversed(wanted)}
    return tuple(sorted(by_name.values()))


def _default_ratio(ratios: tuple[float, ...], synthetic: Any) -> float:
    """What the answer is about where nothing is said: what one would do by default."""
    if not isinstance(synthetic, pd.DataFrame) and RATIO in ratios:
        return RATIO
    return max(ratios)


def _material(
    source: Any,
    train: pd.DataFrame,
    test: pd.DataFrame,
    plan: Plan,
    streams: Streams,
) -> Material:
    """The real rows and the synthetic ones of a repeat, as numbers and codes."""
    target = plan.target

    def prepared(synthetic: pd.DataFrame) -> tuple[Sample, Sample]:
        tables = prepare(
            train, synthetic, test, target=target.name, schema=target.schema
        )
        real = target.sample(tables, tables.real)
        return real, target.sample(tables, tables.synthetic)

    rows = drawn_rows(source, round(plan.largest_ratio * len(train)), streams)
    real, synthetic = prepared(rows)
    balancing = None
    if target.classes:
        rarer = balancing_rows(source, rows, train, target, streams)
        if rarer is not None:
            balancing = prepared(rarer)
    return Material(real, synthetic, balancing, len(target.classes))


def _samples(
    material: Material, plan: Plan, streams: Streams, skipped: dict[str, str]
) -> dict[str, Sample]:
    """Arm -> the rows that models learn from; ``skipped`` gets why an arm has none."""
    samples = {}
    for arm in plan.arms:
        try:
            samples[arm.name] = arm.build(material, streams.numpy(f"arm {arm.name}"))
        except Skip as reason:
            skipped[arm.name] = str(reason)
    return samples


def _trials(
    samples: dict[str, Sample],
    real_rows: int,
    plan: Plan,
    size_and_repeat: tuple[int | None, int],
    streams: Streams,
    of_halves: Streams | None,
) -> list[Trial]:
    """One model for every arm and learner, trained and scored.

    They are scored on random halves of the test rows, too, if ``of_halves`` is given.
    """
    target = plan.target
    classes = len(target.classes)
    size, repeat = size_and_repeat
    # One seed for all arms, so that nothing but the rows tells their models apart.
    seed = streams.integer("learner") % 2**32

    def trial(job: tuple[str, str]) -> Trial:
        arm, learner = job
        sample = samples[arm]
        test = sample.tables.holdout
        assert test is not None, "a study always has test rows, report this"
        tested = target.sample(sample.tables, test)
        predicted = LEARNERS[learner](sample, tested.view, classes, seed)

        def values(rows: Any) -> dict[str, float]:
            y = tested.y[rows]
            found = measures(y, predicted[rows], classes, target.rarest)
            if plan.words:
                each_class = range(classes)
                single = class_values(plan.metric, y, predicted[rows], each_class)
                names = [f"{plan.metric} of {word}" for word in plan.words]
                found |= dict(zip(names, single, strict=True))
            return found

        on_halves: list[dict[str, float]] = []
        if of_halves is not None:
            for rows in halves(tested.y, classes > 0, of_halves):
                on_halves.append(values(rows))
        return Trial(
            size=size,
            repeat=repeat,
            arm=arm,
            learner=learner,
            real=real_rows,
            rows=len(sample),
            tested=len(tested),
            values=values(slice(None)),
            halves=tuple(on_halves),
        )

    jobs = [(arm, learner) for arm in samples for learner in plan.learners]
    with warnings.catch_warnings():
        # A linear model that has not converged is as good as it gets here.
        warnings.simplefilter("ignore")
        return each(trial, jobs)


def _metric(
    target: Target, real: pd.DataFrame, rare: float | None, balanced: bool
) -> str:
    """What the verdict goes by, unless it was asked for.

    The area under the ROC curve hides how many false alarms a rare class costs. And it
    sees the order of the rows alone: 200 rows of noise beside 200 real ones spoil every
    probability, and hardly the order.
    """
    if not target.classes:
        return "r2"
    is_rarest = target.words(real) == target.classes[target.rarest]
    share = float(is_rarest.mean())
    if rare is not None:
        share = min(share, rare)
    if share < RARE_CLASS:
        return "average_precision"
    return "auc" if balanced else "brier_skill"
