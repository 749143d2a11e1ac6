"""Do three columns go together as they should, where any two of them do?

If one column says whether two others agree, no two of the three have a tie. A generator
that has all ties of two may have none of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.levels import coarse
from synthtab.evaluation.metric import (
    MIN_ROWS,
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.report.findings import Evidence, Verdict, both, sentences
from synthtab.evaluation.views import Tables

# Numbers are cut into so many levels, and so many categories of a column stay.
BINS = 3
# A level must have so many of the real rows, and so many must not have it.
LEAST_SHARE = 0.15
# By so much must a tie of three differ to be worth a word; 1 is the greatest for levels
# of half the rows. Ties of two of them may differ by half as much.
WORTH = 0.25
PAIRS_ALIKE = 0.5
# Rows that are read, and multiplications: fewer rows, or columns, where there are many.
MAX_ROWS = 5_000
LEAST_ROWS = 1_000
MULTIPLICATIONS = 1e10
# Triples in the detail.
LISTED = 20


@dataclass(frozen=True)
class _Levels:
    """Levels of all columns as variables of mean 0, of both tables.

    Attributes:
        columns: Position of the column of each variable, ascending.
        real: ``[rows, variables]``, with variance 1 in the real table.
        synthetic: The same of the synthetic table.
    """

    columns: npt.NDArray[np.int64]
    real: Floats
    synthetic: Floats


def interaction_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over triples of levels of three columns of |κ - κ'|, times 100.

    κ = E[abc] is the third joint cumulant of three levels, each with mean 0 and, in the
    real table, variance 1: what three columns have beyond their ties in pairs. From 0,
    which is best, upwards. The floor is that of two random parts of one table. Of
    tables of very many columns a random part of the columns is looked at.
    """
    if len(tables.names) < 3:
        raise Skip("fewer than three columns")
    levels = _levels(tables, streams)
    pairs_apart = np.abs(_pairs(levels.real) - _pairs(levels.synthetic))
    # What one row can add to a mean, and the rows of a mean.
    largest = np.maximum(
        abs(levels.real).max(axis=0), abs(levels.synthetic).max(axis=0)
    )
    rows = min(len(levels.real), len(levels.synthetic))
    gaps: list[Floats] = []
    errors: list[Floats] = []
    found: list[dict[str, Any]] = []
    for a, column in enumerate(levels.columns):
        later = np.flatnonzero(levels.columns > column)
        # Each triple of columns once.
        b, c = np.nonzero(levels.columns[later][:, None] < levels.columns[later])
        if not len(b):
            continue
        of_real, luck = _cumulants(levels.real, a, later)
        of_synthetic, luck_beside = _cumulants(levels.synthetic, a, later)
        gap = np.abs(of_real - of_synthetic)[b, c]
        error = np.sqrt(luck + luck_beside)[b, c]
        gaps.append(gap)
        errors.append(error)
        for k in np.flatnonzero(gap > WORTH):
            i, j = int(later[b[k]]), int(later[c[k]])
            of_two = max(pairs_apart[a, i], pairs_apart[a, j], pairs_apart[i, j])
            if of_two > PAIRS_ALIKE * gap[k]:
                continue
            columns = [tables.names[levels.columns[level]] for level in (a, i, j)]
            found.append(
                {
                    "columns": columns,
                    "real": float(of_real[b[k], c[k]]),
                    "synthetic": float(of_synthetic[b[k], c[k]]),
                    "luck": _luck(gap[k], error[k], largest[[a, i, j]].prod(), rows),
                }
            )
    if not gaps:
        raise Skip("fewer than three columns vary")
    limit = chance.limit(sum(map(len, gaps)))
    return Outcome(
        100 * float(np.concatenate(gaps).mean()),
        Reference(
            100 * float(np.concatenate(errors).mean() * np.sqrt(2 / np.pi)),
            PERFECT_SAMPLER,
        ),
        n=len(levels.synthetic),
        detail={"lost": _worst([f for f in found if f["luck"] < limit])},
    )


def _luck(gap: float, error: float, largest: float, rows: int) -> float:
    """How often by luck two means differ as much, at most (Bernstein 1946).

    The products of three levels are seldom and large: a normal distribution would take
    a few rows for no luck.
    """
    exponent = gap**2 / (2 * (error**2 + largest * gap / (3 * rows)))
    return float(2 * np.exp(-exponent))


def _worst(faults: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The worst of each triple of columns, the worst first."""
    faults.sort(key=lambda f: (-abs(f["real"] - f["synthetic"]), f["columns"]))
    of_triples: dict[tuple[str, ...], dict[str, Any]] = {}
    for fault in faults:
        of_triples.setdefault(tuple(fault["columns"]), fault)
    return list(of_triples.values())[:LISTED]


def _levels(tables: Tables, streams: Streams) -> _Levels:
    """The levels that enough rows have, of both tables."""
    cut = coarse(tables, BINS)
    variables: list[tuple[int, int]] = []
    for j, size in enumerate(cut.sizes):
        shares = np.bincount(cut.real[j], minlength=size) / len(cut.real[j])
        common = np.flatnonzero((shares >= LEAST_SHARE) & (shares <= 1 - LEAST_SHARE))
        # Of two levels one says all.
        kept = common[:1] if np.count_nonzero(shares) == 2 else common
        variables += [(j, int(level)) for level in kept]
    chosen, rows = _affordable(len(variables), streams)
    some = [variables[k] for k in chosen]
    real = _one_hot(cut.real, some, rows, streams.numpy("interactions, real"))
    synthetic = _one_hot(cut.synthetic, some, rows, streams.numpy("interactions"))
    if min(len(real), len(synthetic)) < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")
    deviation = real.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    return _Levels(
        np.array([j for j, _ in some], dtype=np.int64),
        (real - real.mean(axis=0)) / deviation,
        (synthetic - synthetic.mean(axis=0)) / deviation,
    )


def _affordable(count: int, streams: Streams) -> tuple[list[int], int]:
    """Which of the variables are looked at, and in how many rows."""
    most = int((MULTIPLICATIONS / LEAST_ROWS) ** (1 / 3))
    chosen = list(range(count))
    if count > most:
        rng = streams.numpy("interactions, levels")
        chosen = sorted(rng.permutation(count)[:most].tolist())
    rows = MULTIPLICATIONS / max(len(chosen), 1) ** 3
    return chosen, int(np.clip(rows, LEAST_ROWS, MAX_ROWS))


def _one_hot(
    levels: list[Any],
    variables: list[tuple[int, int]],
    limit: int,
    rng: np.random.Generator,
) -> Floats:
    """Which of the rows have each level, 0 or 1 ``[rows, variables]``."""
    rows = len(levels[0])
    chosen = np.sort(rng.permutation(rows)[:limit])
    one_hot: Floats = np.zeros((len(chosen), len(variables)))
    for k, (j, level) in enumerate(variables):
        one_hot[:, k] = levels[j][chosen] == level
    return one_hot


def _pairs(variables: Floats) -> Floats:
    """Mean products of all pairs ``[variables, variables]``."""
    products: Floats = variables.T @ variables / len(variables)
    return products


def _cumulants(variables: Floats, a: int, later: Any) -> tuple[Floats, Floats]:
    """Mean products of one variable with all pairs of the later ones, and the variance
    of each mean ``[later, later]``.
    """
    others = variables[:, later]
    products = others * variables[:, [a]]
    rows = len(variables)
    means = products.T @ others / rows
    squares = (products**2).T @ (others**2) / rows
    return means, np.maximum(squares - means**2, 0.0) / rows


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Three columns that go together otherwise, although any two of them do not.

    Evidence: the third joint cumulant of levels of them in both tables.
    """
    score = evidence.get("interaction_error")
    if score is None:
        return

    def about_triple(fault: Mapping[str, Any]) -> str:
        return (
            f"Three columns together ({both(fault)}) are not as in real rows, although "
            f"any two of them are: {fault['synthetic']:+.2f} beyond pairs, "
            f"in the real table {fault['real']:+.2f}"
        )

    yield from sentences(
        score.detail.get("lost", []),
        "triple",
        about_triple,
        "sets of three columns are not as in real rows, although any two of them are",
    )


INTERACTIONS = Metric(
    "interaction_error",
    "Interactions of three",
    "how far three columns at a time are off beyond their pairs; 0 = not",
    "fidelity",
    "lower",
    interaction_error,
    (0.0, np.inf),
    "%",
    like="triples_error",
    rule=rule,
)
