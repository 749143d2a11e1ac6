"""Do two columns rise and fall together as they should, and not against each other?

The strength of a tie (`association`) has no sign: where high incomes went with high
ages and now go with low ones, it is as strong as before. Rank correlations have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, rankdata
from scipy.stats import t as student

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.metric import (
    MIN_ROWS,
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.report import impossible
from synthtab.evaluation.report.findings import (
    Evidence,
    Verdict,
    both,
    sentences,
)
from synthtab.evaluation.views import Tables, View

MAX_ROWS = 20_000
# A correlation turned if it was and is at least so strong.
CLEAR = 0.1
# By so much must a correlation differ to be worth a word.
WORTH = 0.15
# Pairs in the detail.
LISTED = 20


def rank_correlation_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over pairs of |ρ - ρ'| / 2 of Spearman's rank correlations, times 100.

    Of numbers, and of categories of two words, the second in the alphabet being 1. From
    0, which is best, to 100. The floor is that of two random parts of one table, for
    whose correlations Fisher's atanh varies by (1 + ρ² / 2) / (n - 3) (Bonett and
    Wright 2000). The detail names the pairs whose sign turned, and those that are tied more or
    less closely.
    """
    ranks = of(tables, streams)
    names = ranks.names
    if len(names) < 2:
        raise Skip("fewer than two ordered columns")
    of_real, of_synthetic = ranks.real.values, np.nan_to_num(ranks.synthetic.values)
    rows = np.minimum(ranks.real.rows, ranks.synthetic.rows)
    upper = np.triu(np.ones(of_real.shape, dtype=bool), 1)
    seen = upper & ~np.isnan(of_real) & (rows >= MIN_ROWS)
    if not seen.any():
        raise Skip(f"fewer than {MIN_ROWS} rows of any pair")
    gaps = np.abs(of_real - of_synthetic)
    normal = np.sqrt(_if_normal(ranks.real) + _if_normal(ranks.synthetic))
    # What the correlation itself varies by is less where it is strong.
    floor = (1 - of_real**2) * normal * np.sqrt(2 / np.pi)
    limit = chance.limit(int(seen.sum()))
    turned = (
        seen
        & (2 * norm.sf(_apart(ranks.real, ranks.synthetic) / normal) < limit)
        & (of_real * of_synthetic < 0)
        & (np.minimum(np.abs(of_real), np.abs(of_synthetic)) > CLEAR)
    )
    beyond_luck = luck(ranks.real, ranks.synthetic) < limit
    otherwise = seen & ~turned & beyond_luck & (gaps > WORTH)
    detail: dict[str, Any] = {}
    for kind, which in (("turned", turned), ("weaker", otherwise)):
        i, j = np.nonzero(which)
        faults = []
        for k in np.argsort(-gaps[i, j], kind="stable")[:LISTED]:
            a, b = int(i[k]), int(j[k])
            fault = {
                "real": float(of_real[a, b]),
                "synthetic": float(of_synthetic[a, b]),
            }
            faults.append({"columns": [names[a], names[b]], **fault})
        detail |= {kind: faults, f"number {kind}": len(i)}
    return Outcome(
        50 * float(gaps[seen].mean()),
        Reference(50 * float(floor[seen].mean()), PERFECT_SAMPLER),
        n=int(seen.sum()),
        detail=detail,
    )


@dataclass(frozen=True)
class Correlations:
    """Spearman's correlations of some columns.

    Attributes:
        values: ``[columns, columns]``; NaN where a column is constant.
        rows: Rows that each rests on.
        variance: That of the correlation by its influence function, which needs no
            normal distribution.
    """

    values: Floats
    rows: Floats
    variance: Floats


@dataclass(frozen=True)
class Ranks:
    """Spearman's correlations in both tables.

    Attributes:
        names: The columns that have an order.
        real: In the real table.
        synthetic: In the synthetic table.
    """

    names: list[str]
    real: Correlations
    synthetic: Correlations


def of(tables: Tables, streams: Streams) -> Ranks:
    """The correlations of both tables, computed once."""
    return tables.once(f"ranks {streams.seed}", lambda: _ranks(tables, streams))


def _ranks(tables: Tables, streams: Streams) -> Ranks:
    rows = tables.real.some(MAX_ROWS, streams.numpy("ranks"))
    real, names = columns_in_order(tables, rows)
    other = tables.synthetic.some(MAX_ROWS, streams.numpy("ranks, synthetic"))
    synthetic, _ = columns_in_order(tables, other)
    return Ranks(names, correlations(real), correlations(synthetic))


def real_ranks(tables: Tables, view: View) -> Floats:
    """Where numbers lie among the real ones ``[rows, numeric columns]``.

    From -0.5 to 0.5, half of equal ones below; NaN where missing.
    """
    ranks = np.empty_like(view.numbers)
    for j in range(view.numbers.shape[1]):
        ordered = np.sort(known(tables.real.numbers[:, j]))
        low = np.searchsorted(ordered, view.numbers[:, j], side="left")
        high = np.searchsorted(ordered, view.numbers[:, j], side="right")
        ranks[:, j] = (low + high) / (2 * len(ordered)) - 0.5
    ranks[np.isnan(view.numbers)] = np.nan
    return ranks


def columns_in_order(tables: Tables, view: View) -> tuple[Floats, list[str]]:
    """The columns that have an order ``[rows, columns]``, NaN where missing."""
    numbers = [view.numbers]
    names = list(tables.numeric)
    for j, name in enumerate(tables.categorical):
        counts = np.bincount(tables.real.codes[:, j], minlength=tables.sizes[j])[:-1]
        words = np.flatnonzero(counts)
        if len(words) == 2:
            codes = view.codes[:, j]
            known = np.isin(codes, words)
            numbers.append(np.where(known, codes == words[1], np.nan)[:, None])
            names.append(name)
    return np.concatenate(numbers, axis=1), names


def correlations(columns: Floats) -> Correlations:
    """Spearman's correlation of all pairs of columns ``[rows, columns]``.

    Ranks are those within a column; a pair rests on the rows in which both are there.
    With both standardised, a row (x, y) moves the correlation by
    xy - ρ (x² + y²) / 2, over the number of rows.
    """
    there = ~np.isnan(columns)
    ranks = np.zeros(columns.shape)
    for j in range(columns.shape[1]):
        values = columns[there[:, j], j]
        ranks[there[:, j], j] = rankdata(values) / max(len(values), 1) - 0.5
    present = there.astype(np.float64)
    rows = present.T @ present
    n = np.maximum(rows, 1)
    sums = ranks.T @ present
    squares = (ranks**2).T @ present / n - (sums / n) ** 2
    products = ranks.T @ ranks / n - sums * sums.T / n**2
    varies = (squares > 1e-12) & (squares.T > 1e-12)
    divisor = np.sqrt(np.where(varies, squares * squares.T, 1.0))
    found: Floats = np.where(varies, np.clip(products / divisor, -1, 1), np.nan)
    return Correlations(found, rows, _variance(ranks, present, found))


def _variance(ranks: Floats, present: Floats, values: Floats) -> Floats:
    """The mean square of what a row moves a correlation by, over the rows."""
    rows = np.maximum(present.sum(axis=0), 1)
    mean = ranks.sum(axis=0) / rows
    deviation = np.sqrt(np.maximum((ranks**2).sum(axis=0) / rows - mean**2, 1e-12))
    x = (ranks - mean) / deviation * present
    n = np.maximum(present.T @ present, 1)
    rho = np.nan_to_num(values)
    x2, x3, x4 = x**2, x**3, x**4
    mixed = x3.T @ x + (x3.T @ x).T
    # (x² + y²)² = x⁴ + 2 x² y² + y⁴, in the rows in which both are there.
    fourth = x4.T @ present
    even = fourth + fourth.T + 2 * (x2.T @ x2)
    square: Floats = (x2.T @ x2 - rho * mixed + rho**2 / 4 * even) / n
    return np.maximum(square, 0.0) / n


def luck(one: Correlations, other: Correlations) -> Floats:
    """How often by luck two tables' correlations are as far apart ``[pairs]``.

    The larger of two answers: on Fisher's scale, if columns were normal; and by what
    single rows move either correlation by, as much in the one table as in the other. A
    correlation that a few rows decide is known no better than they are. Student's t of
    the smaller table.
    """
    freedom = np.maximum(np.minimum(one.rows, other.rows) - 3, 1)
    normal = _apart(one, other) / np.sqrt(_if_normal(one) + _if_normal(other))
    rows = np.maximum(np.minimum(one.rows, other.rows), 1)
    # Of one row; under luck both tables have the same.
    variance = np.maximum(one.variance * one.rows, other.variance * other.rows)
    gap = np.abs(np.nan_to_num(one.values) - np.nan_to_num(other.values))
    with np.errstate(divide="ignore", invalid="ignore"):
        free = gap / np.sqrt(2 * variance / rows)
    far = np.minimum(normal, np.where(gap > 0, free, 0.0))
    found: Floats = 2 * student.sf(far, freedom)
    return found


def _apart(one: Correlations, other: Correlations) -> Floats:
    """On Fisher's scale."""
    apart: Floats = np.abs(
        np.arctanh(_inside(one.values)) - np.arctanh(_inside(other.values))
    )
    return apart


def _if_normal(side: Correlations) -> Floats:
    """Variance of atanh of a correlation."""
    varies: Floats = (1 + np.nan_to_num(side.values) ** 2 / 2) / np.maximum(
        side.rows - 3, 1
    )
    return varies


def _inside(values: Floats) -> Floats:
    """So that atanh is finite."""
    return np.clip(np.nan_to_num(values), -0.999, 0.999)


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Pairs of columns that rise together and should not, or the reverse.

    Evidence: Spearman's correlation of the pair in both tables.
    """
    score = evidence.get("rank_correlation_error")
    if score is None:
        return

    def about_pair(fault: Mapping[str, Any]) -> str:
        return (
            f"The tie of ({both(fault)}) is turned around: rank correlation "
            f"{fault['synthetic']:+.2f}, in the real table {fault['real']:+.2f}"
        )

    yield from sentences(
        score.detail.get("turned", []),
        "sign",
        about_pair,
        "pairs of columns are tied the other way round",
        total=score.detail.get("number turned"),
    )
    named = broken_pairs(evidence)
    yield from sentences(
        [
            fault
            for fault in score.detail.get("weaker", [])
            if frozenset(fault["columns"]) not in named
        ],
        "weaker",
        _about_strength,
        "pairs of columns are tied more or less closely than they should be",
        level="fair",
    )


def broken_pairs(evidence: Evidence) -> set[frozenset[str]]:
    """Pairs that are said to be broken, or of a column that lost all its ties."""
    ties = evidence.get("association_error")
    if ties is None:
        return set()
    faults = [*ties.detail.get("broken", []), *ties.detail.get("invented", [])]
    # Also what is told of parts of dates: the weekday of a date is of the date.
    named = {frozenset(fault.get("owners", fault["columns"])) for fault in faults}
    for fault in ties.detail.get("detached", []):
        for tie in fault["ties"]:
            partner = tie.get("owner", tie["column"])
            named.add(frozenset((fault["column"], partner)))
    return named


def named_pairs(evidence: Evidence) -> set[frozenset[str]]:
    """Pairs that are said to be broken, impossible, turned or tied otherwise."""
    named = broken_pairs(evidence)
    ranks = evidence.get("rank_correlation_error")
    if ranks is not None:
        for kind in ("turned", "weaker"):
            for fault in ranks.detail.get(kind, []):
                named.add(frozenset(fault["columns"]))
    return named | impossible.named_pairs(evidence)


def _about_strength(fault: Mapping[str, Any]) -> str:
    weaker = abs(fault["synthetic"]) < abs(fault["real"])
    return (
        f"({both(fault)}) are tied {'less' if weaker else 'more'} closely: rank "
        f"correlation {fault['synthetic']:+.2f}, in the real table {fault['real']:+.2f}"
    )


SIGNS = Metric(
    "rank_correlation_error",
    "Rank correlation error",
    "whether columns rise and fall together as real ones do; 0 = yes",
    "fidelity",
    "lower",
    rank_correlation_error,
    (0.0, 100.0),
    "%",
    like="trend_error",
    rule=rule,
)
