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

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import (
    MIN_ROWS,
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
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
# Pairs in the detail.
LISTED = 20


def rank_correlation_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over pairs of |ρ - ρ'| / 2 of Spearman's rank correlations, times 100.

    Of numbers, and of categories of two words, the second in the alphabet being 1. From
    0, which is best, to 100. The floor is that of two random parts of one table, for
    whose correlations Fisher's atanh varies by (1 + ρ² / 2) / (n - 3) (Bonett and
    Wright 2000). The detail names the pairs whose sign turned.
    """
    ranks = of(tables, streams)
    names = ranks.names
    if len(names) < 2:
        raise Skip("fewer than two ordered columns")
    of_real, real_rows = ranks.real, ranks.real_rows
    of_synthetic, rows = ranks.synthetic, ranks.synthetic_rows
    upper = np.triu(np.ones(of_real.shape, dtype=bool), 1)
    seen = upper & ~np.isnan(of_real) & (np.minimum(real_rows, rows) >= MIN_ROWS)
    if not seen.any():
        raise Skip(f"fewer than {MIN_ROWS} rows of any pair")
    of_synthetic = np.nan_to_num(of_synthetic, nan=0.0)
    gaps = np.abs(of_real - of_synthetic)
    error = np.sqrt(_luck(of_real, real_rows) + _luck(of_synthetic, rows))
    # What the correlation itself varies by is less where it is strong.
    floor = (1 - of_real**2) * error * np.sqrt(2 / np.pi)
    far = np.abs(np.arctanh(_inside(of_real)) - np.arctanh(_inside(of_synthetic)))
    by_luck = 2 * norm.sf(far / error)
    turned = (
        seen
        & (by_luck < chance.limit(int(seen.sum())))
        & (of_real * of_synthetic < 0)
        & (np.minimum(np.abs(of_real), np.abs(of_synthetic)) > CLEAR)
    )
    faults = []
    i, j = np.nonzero(turned)
    for k in np.argsort(-gaps[i, j], kind="stable"):
        a, b = int(i[k]), int(j[k])
        fault = {"real": float(of_real[a, b]), "synthetic": float(of_synthetic[a, b])}
        faults.append({"columns": [names[a], names[b]], **fault})
    return Outcome(
        50 * float(gaps[seen].mean()),
        Reference(50 * float(floor[seen].mean()), PERFECT_SAMPLER),
        n=int(seen.sum()),
        detail={"turned": faults[:LISTED], "number turned": len(faults)},
    )


@dataclass(frozen=True)
class Ranks:
    """Spearman's correlations in both tables.

    Attributes:
        names: The columns that have an order.
        real: In the real table ``[columns, columns]``; NaN where a column is constant.
        synthetic: The same of the synthetic table.
        real_rows: Rows that each rests on.
        synthetic_rows: The same.
    """

    names: list[str]
    real: Floats
    synthetic: Floats
    real_rows: Floats
    synthetic_rows: Floats


def of(tables: Tables, streams: Streams) -> Ranks:
    """The correlations of both tables, computed once."""
    return tables.once(f"ranks {streams.seed}", lambda: _ranks(tables, streams))


def _ranks(tables: Tables, streams: Streams) -> Ranks:
    real, names = _columns(tables, tables.real.some(MAX_ROWS, streams.numpy("ranks")))
    synthetic, _ = _columns(
        tables, tables.synthetic.some(MAX_ROWS, streams.numpy("ranks, synthetic"))
    )
    of_real, real_rows = _correlations(real)
    of_synthetic, rows = _correlations(synthetic)
    return Ranks(names, of_real, of_synthetic, real_rows, rows)


def _columns(tables: Tables, view: View) -> tuple[Floats, list[str]]:
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


def _correlations(columns: Floats) -> tuple[Floats, Floats]:
    """Spearman's correlation of all pairs, and the rows of each ``[columns, columns]``.

    Ranks are those within a column; a pair rests on the rows in which both are there.
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
    return found, rows


def _luck(correlations: Floats, rows: Floats) -> Floats:
    """Variance of atanh of a correlation."""
    varies: Floats = (1 + np.nan_to_num(correlations) ** 2 / 2) / np.maximum(
        rows - 3, 1
    )
    return varies


def _inside(correlations: Floats) -> Floats:
    """So that atanh is finite."""
    return np.clip(np.nan_to_num(correlations), -0.999, 0.999)


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
