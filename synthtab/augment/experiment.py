"""Does adding these rows help a model? The experiment; data-side: whoever made the rows.

What is valid depends on what made the rows. A generator must not have seen the rows that models are tested on, else it
hands their answers to the models. Three ways to ask:

- rows, or a fitted generator, with a ``holdout`` that it never saw: models learn from all real rows in every repeat,
  since the generator, too, knows them all (a part of them beside its rows would favour the rows); a repeat has new
  synthetic rows and new models, tested on all of the holdout.
- a function that fits a generator, without a holdout: every repeat splits the real rows, fits on the training part
  alone, and tests on the rest.
- rows, or a fitted generator, without a holdout: the figures are computed, but there is no verdict.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from synthtab.augment.arms import Arm, Material, arms
from synthtab.augment.learners import LEARNERS, Sample, measures
from synthtab.augment.result import Score, Study, verdict
from synthtab.augment.source import balancing_rows, drawn_rows
from synthtab.augment.task import METRICS, Task, canonical, hashes, task_of
from synthtab.core.errors import ConfigError, DataError
from synthtab.core.progress import Observer, Progress, silent
from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.metric import Skip
from synthtab.evaluation.views import prepare
from synthtab.runtime.parallel import each

RATIOS = (0.25, 0.5, 1.0, 2.0)
REPEATS = 10
# Random halves of the holdout, for the interval.
HALVES = 20
# Share of the real rows that a repeat tests on, where there is no holdout.
TEST_SHARE = 0.2
# A rarest class with less than this share is judged by average precision, unless told
# otherwise.
RARE = 0.05
# Most real rows that are learnt from, and tested on; a random part of larger tables is
# taken.
MAX_ROWS, MAX_TEST = 100_000, 50_000
MIN_ROWS = 30
# A holdout of which more than this share are real rows again is not one.
SAME = 0.5

# Rows (a DataFrame), an object with ``sample(n)``, or a function that fits such an
# object to a table.
Generator = Any


def study(
    real: pd.DataFrame,
    synthetic: Generator,
    target: str,
    holdout: pd.DataFrame | None = None,
    *,
    schema: Schema | None = None,
    task: str | None = None,
    metric: str | None = None,
    ratios: Sequence[float] | None = None,
    learners: Sequence[str] | None = None,
    sizes: Sequence[int | None] = (None,),
    rare: float | None = None,
    repeats: int = REPEATS,
    seed: int = 0,
    observe: Observer = silent,
) -> Study:
    """Train models on real rows, with and without synthetic ones, and compare them on rows that nothing has seen.

    Every arm is compared with the real rows alone, repeat by repeat; see `synthtab.augment.intervals` for the interval
    and `synthtab.augment.arms` for the arms: synthetic rows at several ratios and balancing the classes, against random
    duplicates, class weights and SMOTENC. Row order and column order change nothing.

    Args:
        real: The table that a model is to learn from.
        synthetic: Rows; or a fitted generator, any object with ``sample(n)`` (and ``sample_class(value, n)``, if it
            can); or a function that fits one to the table it is given, such as
            ``lambda train: Synthesizer(time="30s").fit(train)``.
        target: The column that the model predicts.
        holdout: Real rows that the generator never saw, to test on. Without them there is a verdict only if
            ``synthetic`` is a function that fits.
        schema: What each column is; inferred from ``real`` by default.
        task: "classification" or "regression"; told from the target's kind by default: words, booleans and numbers of
            two values are classes.
        metric: What the verdict goes by: "auc", "average_precision", "balanced_accuracy"; "r2" for a number. By default
            "auc", or "average_precision" if the rarest class has less than 5 % of the rows.
        ratios: Synthetic rows for each real one; by default 0.25, 0.5, 1, 2 and all that are given.
        learners: Some of "linear", "trees" and "forest"; all by default.
        sizes: Numbers of real rows to learn from, None for all. Others than all need a function that fits: a generator
            that has learnt from all rows would bring in what the small part does not hold.
        rare: Thin out the rarest class of what is learnt from to this share; needs a function that fits, too.
        repeats: At least 2.
        seed: One seed, one result.
        observe: Told of the progress.

    Raises:
        DataError: The tables do not fit each other, or there is too little to compare.
        ConfigError: An option cannot work.
    """
    makes = isinstance(synthetic, type) or not hasattr(synthetic, "sample")
    _check(synthetic, makes, sizes, rare, repeats, learners, ratios)
    asked = task_of(real, target, schema, task)
    names = METRICS["classification" if asked.classes else "regression"]
    if metric is not None and metric not in names:
        raise ConfigError(
            f"there is no metric {metric!r} for this target; use one of {', '.join(names)}"
        )
    notes: list[str] = []
    streams = Streams(seed)
    real = _usable(real, asked, MAX_ROWS if not makes else None, streams, notes, "real")
    tests = (
        None
        if holdout is None
        else _usable(holdout, asked, MAX_TEST, streams, notes, "holdout")
    )
    doubt = _doubt(real, tests, makes)
    if isinstance(synthetic, pd.DataFrame):
        synthetic = canonical(synthetic)
    plan = _ratios(ratios, synthetic, len(real))
    learned = tuple(LEARNERS) if learners is None else tuple(learners)
    todo = arms(plan, len(asked.classes))
    scores: list[Score] = []
    skipped: dict[str, str] = {}
    for number, size in enumerate(sizes):
        for repeat in range(repeats):
            done = (number + repeat / repeats) / len(sizes)
            observe(Progress("augmentation study", done))
            own = Streams(streams.integer("repeat", number, repeat))
            train, test = _split(real, tests, asked, size, rare, own)
            material = _material(
                synthetic(train) if makes else synthetic,
                train,
                test,
                asked,
                max(plan),
                own,
            )
            halves = None if tests is None else Streams(streams.integer("halves"))
            scores += _repeat(
                material, todo, learned, asked, (size, repeat), own, halves, skipped
            )
    observe(Progress("done", 1.0))
    primary = metric or _metric(asked, real, rare)
    facts = {
        "target": target,
        "task": "classification" if asked.classes else "regression",
        "classes": list(asked.classes),
        "log": asked.log,
        "real": len(real),
        "holdout": None if tests is None else len(tests),
        "rows": len(synthetic) if isinstance(synthetic, pd.DataFrame) else None,
        "fits": makes,
        "repeats": repeats,
        "rare": rare,
    }
    verdicts = tuple(
        verdict(scores, todo, learned, primary, size, TEST_SHARE, doubt)
        for size in sizes
    )
    return Study(
        tuple(scores),
        verdicts,
        todo,
        learned,
        primary,
        TEST_SHARE,
        facts,
        skipped,
        tuple(notes),
        seed,
    )


def _check(
    synthetic: Any,
    makes: bool,
    sizes: Sequence[int | None],
    rare: float | None,
    repeats: int,
    learners: Sequence[str] | None,
    ratios: Sequence[float] | None,
) -> None:
    if makes and not callable(synthetic):
        raise ConfigError(
            f"rows must be a DataFrame, an object with sample(n) or a function that fits one, not {synthetic!r}"
        )
    if not makes and (rare is not None or any(size is not None for size in sizes)):
        raise ConfigError(
            "sizes and rare need a function that fits a generator to a table: one that has learnt from all rows "
            "would bring in what a part of them does not hold"
        )
    if not sizes:
        raise ConfigError("sizes names no size; (None,) stands for all rows")
    if bad := [size for size in sizes if size is not None and size < MIN_ROWS]:
        raise ConfigError(f"a size must be at least {MIN_ROWS} rows, not {bad[0]}")
    if rare is not None and not 0 < rare < 0.5:
        raise ConfigError(
            f"rare must be a share of the rows between 0 and 0.5, not {rare!r}"
        )
    if repeats < 2:
        raise ConfigError(
            f"repeats must be at least 2, not {repeats}: one has no interval"
        )
    if unknown := [name for name in learners or () if name not in LEARNERS]:
        raise ConfigError(
            f"there is no learner {unknown[0]!r}; there are {', '.join(LEARNERS)}"
        )
    if learners is not None and not learners:
        raise ConfigError(f"learners names none; there are {', '.join(LEARNERS)}")
    if ratios is not None and (not ratios or min(ratios) <= 0):
        raise ConfigError(f"ratios must be positive numbers, not {list(ratios)}")


def _usable(
    frame: pd.DataFrame,
    task: Task,
    most: int | None,
    streams: Streams,
    notes: list[str],
    name: str,
) -> pd.DataFrame:
    """The rows with a target, in an order that depends on their cells alone, and no more than ``most``."""
    if task.target not in frame.columns:
        raise DataError(f"the {name} table has no column {task.target!r}")
    frame = canonical(frame[frame[task.target].notna().to_numpy(dtype=bool)])
    if len(frame) < MIN_ROWS:
        raise DataError(
            f"the {name} table has {len(frame)} rows with a target: at least {MIN_ROWS} are needed"
        )
    if most is not None and len(frame) > most:
        notes.append(f"of {len(frame):,} {name} rows, a random {most:,} are used")
        frame = frame.iloc[
            np.sort(streams.numpy(f"{name} part").permutation(len(frame))[:most])
        ]
    return frame.reset_index(drop=True)


def _doubt(real: pd.DataFrame, holdout: pd.DataFrame | None, makes: bool) -> str | None:
    """Why no verdict can be given."""
    if holdout is None:
        return (
            None
            if makes
            else "no holdout: the generator may have learnt the very rows that models are tested on"
        )
    known = hashes(real)
    again = (
        float(np.isin(hashes(holdout[list(real.columns)]), known).mean())
        if set(real) == set(holdout)
        else 0.0
    )
    _, position, counts = np.unique(known, return_inverse=True, return_counts=True)
    if again > SAME and again > 2 * float((counts[position] > 1).mean()):
        return (
            f"{again:.0%} of the holdout are rows of the real table: it is not held out"
        )
    return None


def _ratios(
    ratios: Sequence[float] | None, synthetic: Any, rows: int
) -> tuple[float, ...]:
    given = len(synthetic) / rows if isinstance(synthetic, pd.DataFrame) else None
    if ratios is not None:
        if given is not None and (
            over := [r for r in ratios if round(r * rows) > len(synthetic)]
        ):
            raise ConfigError(
                f"ratio {over[0]:g} needs {round(over[0] * rows):,} rows; {len(synthetic):,} are given"
            )
        return tuple(sorted({float(r) for r in ratios}))
    if given is None:
        return RATIOS
    known = [r for r in RATIOS if r <= given]
    return tuple(known if given - max(known, default=0.0) < 0.02 else [*known, given])


def _split(
    real: pd.DataFrame,
    holdout: pd.DataFrame | None,
    task: Task,
    size: int | None,
    rare: float | None,
    streams: Streams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What a repeat learns from and what it tests on; every class is split in the same proportion."""
    rng = streams.numpy("split")
    if holdout is not None:
        train, test = real, holdout
    else:
        tested, rest = _parted(task, real, TEST_SHARE, rng)
        train, test = real.iloc[rest], real.iloc[tested]
    if rare is not None and task.classes:
        words = task.words(train)
        few = np.flatnonzero(words == task.classes[task.rarest])
        keep = min(len(few), max(2, round(rare / (1 - rare) * (len(train) - len(few)))))
        train = train.drop(train.index[np.sort(rng.permutation(few)[keep:])])
    if size is not None and size < len(train):
        chosen, _ = _parted(task, train, size / len(train), rng)
        train = train.iloc[chosen]
    return train.reset_index(drop=True), test.reset_index(drop=True)


def _parted(
    task: Task, frame: pd.DataFrame, share: float, rng: np.random.Generator
) -> tuple[Integers, Integers]:
    """Row numbers of a random part and of the rest; of every class that share, rounded at random."""
    words = task.words(frame) if task.classes else np.zeros(len(frame))
    first: list[Any] = []
    for word in pd.unique(words):
        rows = rng.permutation(np.flatnonzero(words == word))
        first.append(rows[: int(share * len(rows) + rng.random())])
    chosen = np.sort(np.concatenate(first))
    return chosen, np.setdiff1d(np.arange(len(frame)), chosen)


def _material(
    source: Any,
    train: pd.DataFrame,
    test: pd.DataFrame,
    task: Task,
    ratio: float,
    streams: Streams,
) -> Material:
    rows = drawn_rows(source, round(ratio * len(train)), streams)
    tables = prepare(train, rows, test, target=task.target, schema=task.schema)
    balancing = None
    if (
        task.classes
        and (extra := balancing_rows(source, rows, train, task, streams)) is not None
    ):
        other = prepare(train, extra, test, target=task.target, schema=task.schema)
        balancing = task.sample(other, other.real), task.sample(other, other.synthetic)
    real, synthetic = (
        task.sample(tables, tables.real),
        task.sample(tables, tables.synthetic),
    )
    return Material(real, synthetic, balancing, len(task.classes))


def _repeat(
    material: Material,
    todo: Sequence[Arm],
    learned: Sequence[str],
    task: Task,
    which: tuple[int | None, int],
    streams: Streams,
    halves: Streams | None,
    skipped: dict[str, str],
) -> list[Score]:
    """The scores of every arm and learner; on random halves of the test rows, too, if these are the same each time."""
    samples: dict[str, Sample] = {}
    for arm in todo:
        try:
            samples[arm.name] = arm.build(material, streams.numpy(f"arm {arm.name}"))
        except Skip as reason:
            skipped[arm.name] = str(reason)
    seed = (
        streams.integer("learner") % 2**32
    )  # one for all arms: what differs is the rows

    def score(job: tuple[str, str]) -> Score:
        arm, learner = job
        sample = samples[arm]
        test = sample.tables.holdout
        assert test is not None, "a study always has test rows, report this"
        y = task.y(sample.tables, test)
        view, y = test.take(~np.isnan(y)), y[~np.isnan(y)]
        predicted = LEARNERS[learner](sample, view, len(task.classes), seed)

        def values(rows: Any) -> dict[str, float]:
            return measures(y[rows], predicted[rows], len(task.classes), task.rarest)

        parts = (
            []
            if halves is None
            else [values(rows) for rows in _halves(y, bool(task.classes), halves)]
        )
        sizes = (len(material.real), len(sample), len(view))
        return Score(*which, arm, learner, *sizes, values(slice(None)), tuple(parts))

    jobs = [(arm, learner) for arm in samples for learner in learned]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # a linear model that has not converged is as good as it gets here
        return each(score, jobs)


def _halves(y: Floats, stratified: bool, streams: Streams) -> Iterator[Integers]:
    """Rows of random halves, of every class one half, rounded at random."""
    groups = (
        [np.flatnonzero(y == value) for value in np.unique(y)]
        if stratified
        else [np.arange(len(y))]
    )
    for number in range(HALVES):
        rng = streams.numpy("half", number)
        picked: list[Any] = [
            rng.permutation(rows)[: int(len(rows) / 2 + rng.random())]
            for rows in groups
        ]
        yield np.sort(np.concatenate(picked))


def _metric(task: Task, real: pd.DataFrame, rare: float | None) -> str:
    if not task.classes:
        return "r2"
    share = float((task.words(real) == task.classes[task.rarest]).mean())
    return "average_precision" if min(share, rare or 1.0) < RARE else "auc"
