"""Do the synthetic rows reach everywhere that the real rows do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.metric import (
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.views import Tables

# A category with a smaller share of the real rows is rare.
RARE_SHARE = 0.01
# Draws of the range that a perfect sampler reaches.
RANGE_DRAWS = 20
# Categories of a column in the detail.
LISTED = 10


@dataclass(frozen=True)
class _Categories:
    """The categories of a column in both tables.

    Attributes:
        column: Name of the column.
        words: The categories, of any table.
        real: Share of the real rows that have each ``[words]``; 0 for an invented one.
        synthetic: Number of synthetic rows that have each ``[words]``.
        nameable: Which of them a report may name ``[words]``.
    """

    column: str
    words: tuple[str, ...]
    real: Floats
    synthetic: npt.NDArray[np.int64]
    nameable: npt.NDArray[np.bool_]

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """Which of them occur among the synthetic rows."""
        return self.synthetic > 0


def category_coverage(tables: Tables, streams: Streams) -> Outcome:
    """Mean over columns of the share of the real categories among the synthetic rows.

    From 0 to 1, which is best. Of a category of share p, a perfect sampler of m rows
    shows 1 - (1 - p)^m. The detail names the commonest categories that are lacking, and
    those that were invented; of those that too few rows have to be named it says how
    many are lacking.
    """
    covered: dict[str, float] = {}
    expected: dict[str, float] = {}
    lacking: dict[str, list[str]] = {}
    real_rows_of_lacking: dict[str, dict[str, int]] = {}
    unnamed: dict[str, int] = {}
    invented: dict[str, dict[str, int]] = {}
    alone: dict[str, dict[str, Any]] = {}
    number = 0
    for categories in _all_categories(tables):
        name, words = categories.column, categories.words
        shares, seen = categories.real, categories.seen
        real = shares > 0
        number += len(words)
        alone[name] = _alone(categories, tables)
        if (seen & ~real).any():
            invented[name] = _commonest_invented(categories)
        # A column whose real cells are all missing has invented categories alone.
        if not real.any():
            continue
        covered[name] = float(seen[real].mean())
        expected[name] = float(_expected(shares[real], len(tables.synthetic)).mean())
        if not seen[real].all():
            # The commonest first: that they are lacking is the worst.
            unseen_shares = np.where(seen | ~categories.nameable, 0.0, shares)
            commonest = np.argsort(-unseen_shares, kind="stable")[:LISTED]
            absent = [k for k in commonest if unseen_shares[k] > 0]
            rows = np.rint(shares * len(tables.real))
            unnamed[name] = int((real & ~seen & ~categories.nameable).sum())
            lacking[name] = [words[k] for k in absent]
            real_rows_of_lacking[name] = {words[k]: int(rows[k]) for k in absent}
    if not covered:
        raise Skip("no column is categorical")
    return Outcome(
        float(np.mean(list(covered.values()))),
        Reference(float(np.mean(list(expected.values()))), PERFECT_SAMPLER),
        n=len(covered),
        detail={
            "columns": covered,
            "lacking": lacking,
            "too rare to be named": unnamed,
            "real rows": real_rows_of_lacking,
            "invented": invented,
            "categories": number,
            "alone": alone,
        },
    )


def rare_category_coverage(tables: Tables, streams: Streams) -> Outcome:
    """Share of the rare real categories that occur among the synthetic rows.

    Rare are those with under 1 % of the real rows. From 0 to 1, which is best.
    """
    seen_rare: list[bool] = []
    expected: list[float] = []
    for categories in _all_categories(tables):
        shares = categories.real
        rare = (shares > 0) & (shares < RARE_SHARE)
        seen_rare.extend(categories.seen[rare].tolist())
        expected.extend(_expected(shares[rare], len(tables.synthetic)).tolist())
    if not seen_rare:
        raise Skip("no category is that rare")
    return Outcome(
        float(np.mean(seen_rare)),
        Reference(float(np.mean(expected)), PERFECT_SAMPLER),
        n=len(seen_rare),
    )


def range_coverage(tables: Tables, streams: Streams) -> Outcome:
    """Mean over numeric columns of the share of the real range that is reached.

    Reached is what lies between the smallest and the largest synthetic value. The real
    range ends where `fit` would end it (`naming.tellable`): the share of another one
    would tell its end. From 0 to 1, which is best.
    """
    numeric = len(tables.numeric)
    uniform = streams.numpy("range").random((RANGE_DRAWS, 2, max(numeric, 1)))
    covered: dict[str, float] = {}
    expected: dict[str, float] = {}
    least: dict[str, float] = {}
    luck: dict[str, float] = {}
    for j, name in enumerate(tables.numeric):
        real = tables.tellable(j)
        width = real[-1] - real[0] if len(real) else 0.0
        if width <= 0:
            continue
        covered[name] = _range(tables.synthetic.numbers[:, j], real[0], real[-1])
        reached = _perfect_range(real, tables, uniform[:, :, j]) / width
        expected[name] = float(reached.mean())
        least[name] = float(reached.min())
        luck[name] = _luck_of_range(
            known(tables.real.numbers[:, j]), known(tables.synthetic.numbers[:, j])
        )
    if not covered:
        raise Skip("no column is numeric")
    return Outcome(
        float(np.mean(list(covered.values()))),
        Reference(float(np.mean(list(expected.values()))), PERFECT_SAMPLER),
        n=len(covered),
        detail={"columns": covered, "least": least, "luck": luck},
    )


def _luck_of_range(real: Floats, synthetic: Floats) -> float:
    """How often by luck as many of the real rows lie beyond all others, at either end."""
    if len(synthetic) == 0:
        return 0.0
    beyond = [(real > synthetic.max()).sum(), (real < synthetic.min()).sum()]
    lucks = chance.all_beyond(np.array(beyond), len(real), len(synthetic))
    return float(min(2 * lucks.min(), 1.0))


def _range(values: Floats, low: float, high: float) -> float:
    """Share of the range from low to high that the values reach."""
    values = known(values)
    if len(values) == 0:
        return 0.0
    reached = min(values.max(), high) - max(values.min(), low)
    return float(max(0.0, reached) / (high - low))


def _perfect_range(real: Floats, tables: Tables, uniform: Floats) -> Floats:
    """Width of the range that a perfect sampler reaches, for each draw ``[draws]``.

    Args:
        real: The real values, sorted.
        tables: Says how many rows a perfect sampler draws.
        uniform: Random numbers in [0, 1), ``[draws, 2]``.
    """
    last = len(real) - 1
    # So many of the synthetic rows have a number in this column.
    size = len(tables.synthetic)
    draws = max(round(size * len(real) / len(tables.real)), 1)
    # Instead of drawing so many rows: the smallest of m uniform ranks is distributed as
    # 1 - u^(1/m), the largest as u^(1/m).
    smallest_rank = 1 - uniform[:, 0] ** (1 / draws)
    largest_rank = uniform[:, 1] ** (1 / draws)
    low = real[np.minimum((len(real) * smallest_rank).astype(np.int64), last)]
    high = real[np.minimum((len(real) * largest_rank).astype(np.int64), last)]
    return np.maximum(high - low, 0.0)


def _all_categories(tables: Tables) -> list[_Categories]:
    """Of every categorical column, without "missing", the last code."""
    columns = []
    for j, (name, words) in enumerate(
        zip(tables.categorical, tables.categories, strict=True)
    ):
        size = len(words) + 1
        real = np.bincount(tables.real.codes[:, j], minlength=size)[:-1]
        synthetic = np.bincount(tables.synthetic.codes[:, j], minlength=size)[:-1]
        shares = real / len(tables.real)
        nameable = tables.nameable(j)
        columns.append(_Categories(name, words, shares, synthetic, nameable))
    return columns


def _alone(categories: _Categories, tables: Tables) -> dict[str, Any]:
    """Rows with words that the other table lacks, all words together, and their luck."""
    of_real = np.rint(categories.real * len(tables.real)).astype(np.int64)
    of_synthetic = categories.synthetic
    rows, beside = len(tables.synthetic), len(tables.real)
    return {
        "invented": int(of_synthetic[of_real == 0].sum()),
        "luck of invented": chance.only_here(of_synthetic, of_real, rows, beside),
        "absent": int(of_real[of_synthetic == 0].sum()),
        "luck of absent": chance.only_here(of_real, of_synthetic, beside, rows),
    }


def _commonest_invented(categories: _Categories) -> dict[str, int]:
    """Words that no real row has, and the number of synthetic rows that have them."""
    is_invented = (categories.real == 0) & categories.nameable
    counts = np.where(is_invented, categories.synthetic, 0)
    commonest = np.argsort(-counts, kind="stable")[:LISTED]
    return {categories.words[k]: int(counts[k]) for k in commonest if counts[k]}


def _expected(shares: Floats, size: int) -> Floats:
    """Probability 1 - (1 - p)^m that a category of share p occurs among m rows."""
    # Exact for small shares, too; a share of 1 gives log(0), and rightly 1.
    with np.errstate(divide="ignore"):
        return -np.expm1(size * np.log1p(-shares))


CATEGORIES = Metric(
    "category_coverage",
    "Categories covered",
    "share of the real categories that occur at all",
    "coverage",
    "higher",
    category_coverage,
)
RARE_CATEGORIES = Metric(
    "rare_category_coverage",
    "Rare categories covered",
    "the same for categories with under 1 % of the real rows",
    "coverage",
    "higher",
    rare_category_coverage,
)
RANGES = Metric(
    "range_coverage",
    "Ranges covered",
    "share of each number's real range that is reached, on average",
    "coverage",
    "higher",
    range_coverage,
)
