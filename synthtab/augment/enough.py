"""How many rows are enough? A generator learns more and more of a table's rows.

`study_rows` tries sizes such as 100, 300, 1,000. Each repeat keeps a fifth of the rows to
test on. For each size a generator learns so many of the other rows; models learn from its
rows, and from the real rows that it has learnt, and predict the target of the test rows.
The scores at growing sizes are a curve, and what more rows would bring is where it leads.

Errors of what is estimated from n rows fall as 1 / sqrt(n), so the scores of the last
sizes are taken as

    a - b / sqrt(n)

by least squares, in each repeat. The largest size that was tried says whether such a
curve can be believed: it is foretold from the sizes before it, and both are told.
"""

from __future__ import annotations

import json
import math
import textwrap
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from synthtab.augment.intervals import Interval, paired_estimate
from synthtab.augment.learners import LEARNERS
from synthtab.augment.result import METRIC_TITLES, TEXT_WIDTH
from synthtab.augment.scores import measures
from synthtab.augment.source import drawn_rows
from synthtab.augment.splits import MIN_LABELLED, TEST_SHARE, split, usable_rows
from synthtab.augment.target import Target, target_of
from synthtab.core.errors import ConfigError, DataError
from synthtab.core.progress import Observer, Progress, silent
from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.learners import Sample
from synthtab.evaluation.metrics.fidelity import TREND
from synthtab.evaluation.report.report import plain_data
from synthtab.evaluation.views import prepare

# The sizes that are tried by default, as far as there are so many rows; and all rows.
SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000)
# All rows are a size of their own if they are so many times the size before.
A_SIZE_OF_ITS_OWN = 1.5
REPEATS = 5
# Rows that are drawn of each generator, or as many as it has learnt if these are more.
DRAWN_ROWS = 1_000
# Scores that differ by less are alike.
ALIKE = 0.01
# So many times the rows are asked about.
TIMES = 3
# Sizes that say where the curve leads.
LAST_SIZES = 3

# A table, seconds that it may take (None: as long as it takes) -> what has learnt it.
Fit = Callable[[pd.DataFrame, float | None], Any]


@dataclass(frozen=True)
class Point:
    """One size of the curve; each figure is a mean over the repeats.

    Attributes:
        rows: Real rows that were learnt.
        real: Score of models that learnt these.
        synthetic: Score of models that learnt from the generator's rows.
        trend_error: How far pairs of columns of the generator's rows are from those of
            the test rows, in percent.
        floor: The same of the real rows that were learnt.
        intervals: Of each of these figures, by name: 95 %.
    """

    rows: int
    real: float
    synthetic: float
    trend_error: float
    floor: float
    intervals: dict[str, Interval]


@dataclass(frozen=True)
class RowStudy:
    """What `study_rows` found.

    Attributes:
        answer: "enough", "more would help" or "cannot tell".
        points: The curve, by ascending size.
        gain: What three times the largest size would bring to the score of models that
            learn synthetic rows; NaN from a single size.
        interval: Of the gain: 95 %.
        foretold: The score at the largest size, from the sizes before it; NaN where
            these are fewer than two.
        alike_from: The least size whose score is within 0.01 of that of the largest.
        metric: "auc", or "r2" for a number.
        target: What models predict.
        repeats: How often each size was tried.
        notes: What else to know, in sentences.
    """

    answer: str
    points: tuple[Point, ...]
    gain: float
    interval: Interval
    foretold: float
    alike_from: int
    metric: str
    target: str
    repeats: int
    notes: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        """The curve as a table: a row for each size."""
        rows = []
        for point in self.points:
            row: dict[str, Any] = {"rows": point.rows}
            for name, (low, high) in point.intervals.items():
                row |= {name: getattr(point, name)}
                row |= {f"{name}_low": low, f"{name}_high": high}
            rows.append(row)
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; figures that do not exist or are infinite are None."""
        plain: dict[str, Any] = plain_data(asdict(self))
        return plain

    def to_json(self, indent: int | None = 2) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(
            self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False
        )

    def __str__(self) -> str:
        """A plain text of at most 80 columns."""
        title = METRIC_TITLES[self.metric]
        lines = textwrap.wrap(
            f"How many rows are enough to predict {self.target} from synthetic ones?",
            TEXT_WIDTH,
        )
        lines += ["", *textwrap.wrap(self._answer(title), TEXT_WIDTH)]
        if not math.isnan(self.foretold):
            last = self.points[-1]
            told = (
                f"the curve foretold {self.foretold:.3f} for {last.rows:,} rows from "
                f"fewer; it was {last.synthetic:.3f}"
            )
            lines += textwrap.wrap(
                told, TEXT_WIDTH, initial_indent="  ", subsequent_indent="    "
            )
        if self.alike_from < self.points[-1].rows:
            lines.append(
                f"  within {ALIKE} of the most from {self.alike_from:,} rows on"
            )
        lines += [
            "",
            f"{'':>9}{title + ', learnt from':^36}{'Trend error, %':^34}".rstrip(),
            f"{'rows':>9}{'real rows':>17}{'synthetic ones':>19}"
            f"{'synthetic':>19}{'real':>15}",
        ]
        for point in self.points:
            lines.append(
                f"{point.rows:>9,}"
                f"{_cell(point, 'real', 3):>17}{_cell(point, 'synthetic', 3):>19}"
                f"{_cell(point, 'trend_error', 1):>19}{point.floor:>15.1f}"
            )
        lines += [
            "",
            f"{self.repeats} repeats, each tested on {TEST_SHARE:.0%} of the rows; "
            "± for 95 %",
        ]
        for text in self.notes:
            lines += textwrap.wrap(text, TEXT_WIDTH)
        return "\n".join(lines)

    def _answer(self, title: str) -> str:
        """The answer, and the figures that it rests on."""
        if math.isnan(self.gain):
            return "CANNOT TELL: one size is no curve"
        low, high = self.interval
        most = self.points[-1].rows
        return (
            f"{self.answer.upper()}: {TIMES * most:,} rows instead of {most:,} would "
            f"bring {title} {self.gain:+.3f} ({low:+.3f} to {high:+.3f})"
        )

    def __repr__(self) -> str:
        return f"<RowStudy: {self.answer}: {self.gain:+.4f}>"


def sizes_of(rows: int) -> tuple[int, ...]:
    """The sizes that are tried by default, of a table of so many rows.

    >>> sizes_of(2000)
    (100, 300, 1000, 1600)
    """
    learnt = rows - round(TEST_SHARE * rows)
    chosen = [size for size in SIZES if size * A_SIZE_OF_ITS_OWN <= learnt]
    return (*chosen, learnt)


def study_rows(
    real: pd.DataFrame,
    fit: Fit,
    target: str,
    *,
    schema: Schema | None = None,
    task: str | None = None,
    sizes: Sequence[int] | None = None,
    learners: Sequence[str] = ("linear", "forest"),
    repeats: int = REPEATS,
    time_limit: float | None = None,
    seed: int = 0,
    observe: Observer = silent,
) -> RowStudy:
    """Find out how many rows a generator needs, and what more would bring.

    Args:
        real: The table.
        fit: Learns a table in so many seconds, such as
            ``lambda train, seconds: Synthesizer(time=seconds).fit(train)``.
        target: The column that models predict; the score is the mean of the learners.
        schema: What each column is; inferred from ``real`` by default.
        task: "classification" or "regression"; by default what the column looks like.
        sizes: Numbers of rows to learn; by default 100, 300, 1,000 and so on, and all
            but a fifth, which is tested on.
        learners: Some of "linear", "trees" and "forest".
        repeats: At least 2.
        time_limit: Seconds for all of it; None for no limit. Small sizes come first;
            a size for which there is no time left is left out, and a note says so.
        seed: The same seed gives the same result, if there is no limit.
        observe: Is called with the progress.

    Raises:
        DataError: The table is too small, or cannot be predicted.
        ConfigError: An option cannot work.
    """
    began = time.monotonic()
    predicted = target_of(real, target, schema, task)
    notes: list[str] = []
    streams = Streams(seed)
    real = usable_rows(real, predicted, None, streams, notes, "real")
    chosen = sizes_of(len(real)) if sizes is None else tuple(sorted(set(sizes)))
    _check(chosen, learners, repeats, len(real))
    measured: dict[int, list[dict[str, float]]] = {}
    slowest = 0.0
    for number, size in enumerate(chosen):
        left_out = chosen[number:]
        spent = time.monotonic() - began
        if time_limit and number and spent + repeats * slowest > time_limit:
            names = ", ".join(f"{size:,}" for size in left_out)
            notes.append(f"no time was left for {names} rows: allow more")
            break
        measured[size] = []
        for repeat in range(repeats):
            done = number * repeats + repeat
            observe(Progress(f"learn {size:,} rows", done / (len(chosen) * repeats)))
            start = time.monotonic()
            left = None
            if time_limit:
                # As much for each fit that is still to come.
                to_come = len(chosen) * repeats - done
                left = max(1.0, (time_limit - (start - began)) / to_come)
            of_repeat = Streams(streams.integer("repeat", repeat))
            train, test = split(real, None, predicted, size, None, of_repeat)
            model = fit(train, left)
            count = max(DRAWN_ROWS, len(train))
            rows = drawn_rows(model, count, Streams(of_repeat.integer("rows", size)))
            measured[size].append(
                _figures(train, rows, test, predicted, learners, of_repeat)
            )
            slowest = max(slowest, time.monotonic() - start)
    observe(Progress("done", 1.0))
    metric = "auc" if predicted.classes else "r2"
    return _result(measured, metric, target, repeats, notes)


def _check(
    sizes: Sequence[int], learners: Sequence[str], repeats: int, rows: int
) -> None:
    if not sizes:
        raise ConfigError("sizes names no size")
    if repeats < 2:
        raise ConfigError(
            f"repeats must be at least 2, not {repeats}: one has no interval"
        )
    unknown = [name for name in learners if name not in LEARNERS]
    if unknown or not learners:
        raise ConfigError(
            f"there is no learner {', '.join(unknown)!r}; there are {', '.join(LEARNERS)}"
        )
    most = rows - round(TEST_SHARE * rows)
    if sizes[0] < MIN_LABELLED:
        raise ConfigError(
            f"a size must be at least {MIN_LABELLED} rows, not {sizes[0]}"
        )
    if sizes[-1] > most:
        raise DataError(
            f"{sizes[-1]:,} rows cannot be learnt of {rows:,}: a fifth is tested on, "
            f"which leaves {most:,}"
        )


def _figures(
    train: pd.DataFrame,
    rows: pd.DataFrame,
    test: pd.DataFrame,
    target: Target,
    learners: Sequence[str],
    streams: Streams,
) -> dict[str, float]:
    """The figures of a `Point` for one repeat."""
    tables = prepare(train, rows, test, target=target.name, schema=target.schema)
    assert tables.holdout is not None, "there are always test rows, report this"
    tested = target.sample(tables, tables.holdout)

    def trend_error(of: pd.DataFrame) -> float:
        against_test = prepare(test, of, schema=target.schema)
        return TREND.compute(against_test, streams).value

    return {
        "real": _score(target.sample(tables, tables.real), tested, target, learners),
        "synthetic": _score(
            target.sample(tables, tables.synthetic), tested, target, learners
        ),
        "trend_error": trend_error(rows),
        "floor": trend_error(train),
    }


def _score(
    sample: Sample, tested: Sample, target: Target, learners: Sequence[str]
) -> float:
    """AUC or R², the mean of the learners; NaN for no rows."""
    classes = len(target.classes)
    if not len(sample):
        return math.nan
    found = []
    with warnings.catch_warnings():
        # A linear model that has not converged is as good as it gets here.
        warnings.simplefilter("ignore")
        for name in learners:
            predicted = LEARNERS[name](sample, tested.view, classes, 0)
            scores = measures(tested.y, predicted, classes, target.rarest)
            found.append(scores["auc" if classes else "r2"])
    return float(np.mean(found))


def _result(
    measured: dict[int, list[dict[str, float]]],
    metric: str,
    target: str,
    repeats: int,
    notes: list[str],
) -> RowStudy:
    """The curve, where it leads, and the answer."""
    sizes = np.array(list(measured), dtype=np.float64)
    points = []
    for size, figures in measured.items():
        by_name = {name: [one[name] for one in figures] for name in figures[0]}
        estimates = {
            name: paired_estimate(values, TEST_SHARE)
            for name, values in by_name.items()
        }
        points.append(
            Point(
                rows=size,
                **{name: estimate.mean for name, estimate in estimates.items()},
                intervals={name: e.interval() for name, e in estimates.items()},
            )
        )
    # [repeats, sizes]
    scores = np.array(
        [[one["synthetic"] for one in figures] for figures in measured.values()]
    ).T
    gain, interval, foretold = math.nan, (-math.inf, math.inf), math.nan
    if len(sizes) > 1:
        gains = foreseen(sizes, scores, TIMES * sizes[-1])
        gains -= foreseen(sizes, scores, sizes[-1])
        estimate = paired_estimate(gains, TEST_SHARE)
        gain, interval = estimate.mean, estimate.interval()
    if len(sizes) > 2:
        foretold = float(foreseen(sizes[:-1], scores[:, :-1], sizes[-1]).mean())
    means = [point.synthetic for point in points]
    alike = [
        point.rows for point in points if abs(point.synthetic - means[-1]) <= ALIKE
    ]
    return RowStudy(
        answer=_answer(interval),
        points=tuple(points),
        gain=gain,
        interval=interval,
        foretold=foretold,
        alike_from=alike[0] if alike else points[-1].rows,
        metric=metric,
        target=target,
        repeats=repeats,
        notes=tuple(notes),
    )


def foreseen(sizes: Floats, scores: Floats, size: float) -> Floats:
    """The scores ``[repeats]`` at a size, by a - b / sqrt(n) through the last sizes.

    Args:
        sizes: ``[sizes]``, ascending, at least two.
        scores: ``[repeats, sizes]``.
        size: Which size is asked.
    """
    known = 1 / np.sqrt(sizes[-LAST_SIZES:])
    slope, level = np.polyfit(known, scores[:, -LAST_SIZES:].T, 1)
    found: Floats = level + slope / math.sqrt(size)
    return found


def _answer(interval: Interval) -> str:
    low, high = interval
    if high < ALIKE:
        return "enough"
    return "more would help" if low > 0 else "cannot tell"


def _cell(point: Point, name: str, digits: int) -> str:
    """A figure and half the width of its interval."""
    low, high = point.intervals[name]
    value = getattr(point, name)
    if math.isnan(value):
        return "-"
    return f"{value:.{digits}f} ±{(high - low) / 2:.{digits}f}"
