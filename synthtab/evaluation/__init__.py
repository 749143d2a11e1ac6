"""How good are these rows? Any two tables, whoever made the second.

`evaluate` compares a real table with a synthetic one. Every score stands beside what a
perfect sampler or real rows would get. A metric is one file and one line in `METRICS`:

    def tall(tables, streams):
        return Outcome(float(tables.synthetic.numbers.max()), Reference(2.0, "real rows"))

    TALL = Metric("tall", "Tallest", "the largest number", "fidelity", "lower", tall)

Text, JSON, the HTML page, comparisons and bounds then have it. With ``rule=`` it brings
a sentence to the verdicts, with ``picture=`` a part of the page.

How a metric gets from two tables to a figure: `views.prepare` reads all cells once into
numbers and codes (`views.Tables`). On these work what several metrics share: distances
(`neighbours`, `scale`), matrices for models and the models (`design`, `learners`),
coarse levels (`levels`), and what chance alone does (`floors`). `metrics/` and
`privacy/` hold the metrics, `report/` shows the scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, get_args

from threadpoolctl import threadpool_limits

from synthtab import __version__
from synthtab.core.errors import ConfigError, DataError
from synthtab.core.progress import Observer, Progress, done, silent, watching
from synthtab.core.randomness import Streams
from synthtab.data.columns import infer
from synthtab.data.frames import to_pandas
from synthtab.evaluation.bounds import Bound, parse_bounds
from synthtab.evaluation.metric import Cost, Metric, Outcome, Reference, Score, Skip
from synthtab.evaluation.metrics import (
    association,
    coverage,
    curves,
    detection,
    digits,
    fidelity,
    grain,
    groups,
    impossible,
    interactions,
    left_out,
    limits,
    manifold,
    marginals,
    missing,
    moments,
    pairs,
    repeats,
    shares,
    signs,
    spelling,
    strays,
    timestamps,
    triples,
    unreadable,
    utility,
)
from synthtab.evaluation.privacy import (
    attacks,
    beside,
    copying,
    extremes,
    membership,
    singling,
    texts,
)
from synthtab.evaluation.privacy import (
    holdout as holdouts,
)
from synthtab.evaluation.privacy.exposure import riskiest as _riskiest
from synthtab.evaluation.privacy.exposure import with_cells
from synthtab.evaluation.report.compare import Comparison
from synthtab.evaluation.report.findings import Verdict
from synthtab.evaluation.report.report import Report
from synthtab.evaluation.views import Tables, check_frames, prepare
from synthtab.runtime.machine import each

if TYPE_CHECKING:
    import pandas as pd

    from synthtab.core.schema import Schema

__all__ = [
    "METRICS",
    "Bound",
    "Comparison",
    "Metric",
    "Outcome",
    "Reference",
    "Report",
    "Score",
    "Skip",
    "Tables",
    "Verdict",
    "compare",
    "evaluate",
    "parse_bounds",
    "prepare",
]

METRICS: tuple[Metric, ...] = (
    fidelity.SHAPE,
    fidelity.SHAPE_OF_PRESENT,
    fidelity.TREND,
    moments.LEVEL,
    shares.SHARES,
    marginals.WASSERSTEIN,
    timestamps.TIMESTAMPS,
    signs.SIGNS,
    curves.CURVES,
    strays.STRAYS,
    pairs.MUTUAL_INFORMATION,
    triples.TRIPLES_ERROR,
    interactions.INTERACTIONS,
    limits.IMPOSSIBLE,
    impossible.IMPOSSIBLE,
    unreadable.UNREADABLE,
    left_out.LEFT_OUT,
    repeats.REPEATS,
    fidelity.MISSING,
    missing.PATTERNS,
    manifold.ALPHA_PRECISION,
    manifold.DENSITY,
    association.ASSOCIATION,
    groups.GROUPS,
    grain.GRID,
    grain.HEAPS,
    digits.DIGITS,
    detection.AUC,
    detection.SCORE,
    detection.LOGISTIC,
    utility.UTILITY,
    utility.LINEAR,
    utility.FOREST,
    utility.IMPORTANCE,
    coverage.CATEGORIES,
    spelling.SPELLING,
    coverage.RARE_CATEGORIES,
    coverage.RANGES,
    manifold.BETA_RECALL,
    manifold.COVERAGE,
    holdouts.OVERLAP,
    copying.COPIES,
    texts.COPIED_TEXT,
    extremes.EXTREMES,
    beside.CLOSE_COPIES,
    copying.NEARER,
    copying.NEAR_COPIES,
    copying.DCR,
    copying.NNDR,
    membership.AUC,
    membership.TPR,
    singling.SINGLING_OUT,
    attacks.LINKABILITY,
    attacks.INFERENCE,
)
# From the lowest to the highest.
_COSTS = get_args(Cost)


def evaluate(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    holdout: pd.DataFrame | None = None,
    target: str | None = None,
    schema: Schema | None = None,
    numeric: Sequence[str] | None = None,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
    riskiest: int = 0,
    observe: Observer | None = None,
    verbose: bool = True,
) -> Report:
    """Score synthetic rows against the real ones.

    Metrics are computed side by side on all cores; how many there are changes no
    figure.

    Args:
        real: The table that the generator learnt from, of pandas, polars or Arrow, as all
            tables here.
        synthetic: The rows to judge, with the same columns in any order.
        holdout: Real rows that the generator never saw: for utility, the checks on
            copying and the attacks on privacy.
        target: The column that a model is to predict; without it, utility is skipped.
        schema: Says what each column is; inferred from ``real`` by default.
        numeric: The numeric columns by name, all others being categorical, as the
            literature fixes them per table; overrides the schema.
        seed: The same seed gives the same report.
        metrics: Names of the metrics to compute; all by default.
        riskiest: So many of the training rows that the synthetic rows expose most are
            listed in `Report.riskiest`, with their positions and cells: the report then
            holds real rows.
        observe: Is called when a metric starts, by one thread at a time. If not given, a
            notebook shows a bar.
        verbose: Whether it does.

    Returns:
        The scores, in the order of `METRICS` or of ``metrics``, and what they mean.

    Raises:
        DataError: The tables do not fit each other, or the holdout is the training
            table.
        ConfigError: There is no metric of such a name.
    """
    chosen = METRICS if metrics is None else tuple(_metric(name) for name in metrics)
    observe = watching(observe, verbose)
    real, synthetic = to_pandas(real), to_pandas(synthetic)
    holdout = to_pandas(holdout)
    observe(Progress("prepare tables"))
    tables = prepare(
        real, synthetic, holdout, target=target, schema=schema, numeric=numeric
    )
    tables = holdouts.checked(tables)
    scores = _scores(chosen, tables, seed, observe)
    exposed = []
    if riskiest > 0:
        exposed = with_cells(_riskiest(tables, Streams(seed), riskiest), real)
    observe(Progress("done", 1.0))
    done(observe)
    return Report(
        scores,
        _facts(tables),
        seed,
        tuple(exposed),
        compared=tables,
        # In the order of the registry, whatever the order in which they were asked for.
        metrics=tuple(metric for metric in METRICS if metric in chosen),
        made=_made(),
    )


def compare(
    real: pd.DataFrame,
    synthetic: Mapping[str, pd.DataFrame],
    *,
    holdout: pd.DataFrame | None = None,
    target: str | None = None,
    schema: Schema | None = None,
    numeric: Sequence[str] | None = None,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
    observe: Observer = silent,
) -> Comparison:
    """Score several synthetic tables against one real table, side by side.

    Each table gets the report that `evaluate` gives it.

    Args:
        real: The table that the generators learnt from.
        synthetic: Name -> rows to judge, such as one table per generator.
        holdout: As in `evaluate`, like all that follow.
        target: The column that a model is to predict.
        schema: Says what each column is.
        numeric: The numeric columns by name.
        seed: The same seed gives the same comparison.
        metrics: Names of the metrics to compute.
        observe: Is called with the progress.

    Raises:
        DataError: A table does not fit the real one; the message names it.
        ConfigError: There is nothing to compare, or no metric of such a name.
    """
    if not synthetic:
        raise ConfigError(
            "there is nothing to compare: give at least one synthetic table"
        )
    real, holdout = to_pandas(real), to_pandas(holdout)
    synthetic = {name: to_pandas(rows) for name, rows in synthetic.items()}
    if schema is None and numeric is None:
        # Once, not again for every table.
        schema = infer(real, rare=0)
    # All of them before the first is scored, which may take minutes.
    for name, rows in synthetic.items():
        with _naming(str(name)):
            check_frames(real, rows, holdout)
    reports: dict[str, Report] = {}
    for number, (name, rows) in enumerate(synthetic.items()):
        with _naming(str(name)):
            reports[str(name)] = evaluate(
                real,
                rows,
                holdout=holdout,
                target=target,
                schema=schema,
                numeric=numeric,
                seed=seed,
                metrics=metrics,
                observe=_part_of(observe, str(name), number, len(synthetic)),
            )
    return Comparison(reports, seed)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Errors within it say which table they are about."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{name}: {error}") from error


def _part_of(observe: Observer, name: str, number: int, count: int) -> Observer:
    """Progress with one of ``count`` tables as progress with all of them."""

    def watch(progress: Progress) -> None:
        fraction = progress.fraction
        if fraction is not None:
            # Tables done, and the part of this one.
            fraction = number / count + 1 / count * fraction
        phase = f"{name}: {progress.phase}"
        observe(replace(progress, phase=phase, fraction=fraction))

    return watch


def _scores(
    metrics: Sequence[Metric], tables: Tables, seed: int, observe: Observer
) -> tuple[Score, ...]:
    """The score of every metric, in their order, computed side by side on all cores."""
    # Position of the metric -> its score, in the order in which they are done.
    scores: dict[int, Score] = {}

    def cost(number: int) -> int:
        return _COSTS.index(metrics[number].cost)

    def positions() -> Iterator[int]:
        """Which metric is computed next, with a word to the observer."""
        # The costly ones first, so that none is left over at the end for one core.
        for number in sorted(range(len(metrics)), key=cost, reverse=True):
            observe(Progress(metrics[number].title, len(scores) / len(metrics)))
            yield number

    def compute(number: int) -> None:
        scores[number] = metrics[number].compute(tables, Streams(seed))

    # Sums in another order are other sums: no library may split one over several cores.
    with threadpool_limits(1, user_api="blas"):
        each(compute, positions())
    return tuple(scores[number] for number in range(len(metrics)))


def _metric(name: str) -> Metric:
    """The metric of this name."""
    for metric in METRICS:
        if metric.name == name:
            return metric
    raise ConfigError(
        f"there is no metric {name!r}; there are {', '.join(m.name for m in METRICS)}"
    )


def _made() -> dict[str, object]:
    """Which program made a report, and on which day: not when, so that a day has one."""
    return {"version": __version__, "date": date.today().isoformat()}


def _facts(tables: Tables) -> dict[str, object]:
    """What was compared: rows of each table, and what became of the columns."""
    rows = {"real": len(tables.real), "synthetic": len(tables.synthetic)}
    if tables.holdout is not None:
        rows["holdout"] = len(tables.holdout)
    return {
        "rows": rows,
        "numeric": list(tables.numeric),
        "categorical": list(tables.categorical),
        "skipped": dict(tables.skipped),
        "target": tables.target,
    }
