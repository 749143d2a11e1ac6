"""Do the synthetic rows reach everywhere that the real rows do?"""

from __future__ import annotations

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip
from synthtab.evaluation.views import Tables

RARE = 0.01
DRAWS = 20
PERFECT = "a perfect sampler"


def category_coverage(tables: Tables, streams: Streams) -> Outcome:
    """Mean over columns of the share of the real categories that occur among the synthetic rows.

    Of a category of share p, a perfect sampler of m rows shows 1 - (1 - p)^m.
    """
    covered, expected, lacking, absent, invented = {}, {}, {}, {}, {}
    number = 0
    for j, (name, words, shares, seen) in enumerate(_columns(tables)):
        real = shares > 0
        number += len(words)
        if (seen & ~real).any():
            counts = (
                np.bincount(tables.synthetic.codes[:, j], minlength=len(words) + 1)[:-1]
                * ~real
            )
            invented[name] = {
                words[k]: int(counts[k])
                for k in np.argsort(-counts, kind="stable")[:10]
                if counts[k]
            }
        if not real.any():
            continue
        covered[name] = float(seen[real].mean())
        expected[name] = float(_expected(shares[real], len(tables.synthetic)).mean())
        if not seen[real].all():
            commonest = np.argsort(-np.where(seen, 0.0, shares), kind="stable")[:10]
            lacking[name] = [
                words[k] for k in commonest if shares[k] > 0 and not seen[k]
            ]
            rows = np.rint(shares * len(tables.real))
            absent[name] = {
                words[k]: int(rows[k])
                for k in commonest
                if shares[k] > 0 and not seen[k]
            }
    if not covered:
        raise Skip("no column is categorical")
    reference = Reference(float(np.mean(list(expected.values()))), PERFECT)
    value = float(np.mean(list(covered.values())))
    detail = {
        "columns": covered,
        "lacking": lacking,
        "real rows": absent,
        "invented": invented,
        "categories": number,
    }
    return Outcome(value, reference, n=len(covered), detail=detail)


def rare_category_coverage(tables: Tables, streams: Streams) -> Outcome:
    """Share of the categories with under 1 % of the real rows that occur among the synthetic rows."""
    seen_rare, expected = [], []
    for _, _, shares, seen in _columns(tables):
        rare = (shares > 0) & (shares < RARE)
        seen_rare.extend(seen[rare].tolist())
        expected.extend(_expected(shares[rare], len(tables.synthetic)).tolist())
    if not seen_rare:
        raise Skip("no category is that rare")
    return Outcome(
        float(np.mean(seen_rare)),
        Reference(float(np.mean(expected)), PERFECT),
        n=len(seen_rare),
    )


def range_coverage(tables: Tables, streams: Streams) -> Outcome:
    """Mean over numeric columns of the share of the real range between the smallest and largest synthetic value."""
    rows, size = len(tables.real), len(tables.synthetic)
    ends = streams.numpy("range").random((DRAWS, 2, max(len(tables.numeric), 1)))
    covered, expected, least = {}, {}, {}
    for j, name in enumerate(tables.numeric):
        real = np.sort(tables.real.numbers[:, j])
        real = real[~np.isnan(real)]
        width = real[-1] - real[0]
        if width <= 0:
            continue
        covered[name] = _range(tables.synthetic.numbers[:, j], real[0], real[-1])
        # The smallest of m uniform ranks is 1 - u^(1/m), the largest u^(1/m); few draws are enough.
        draws = max(round(size * len(real) / rows), 1)
        low = real[
            np.minimum(
                (len(real) * (1 - ends[:, 0, j] ** (1 / draws))).astype(np.int64),
                len(real) - 1,
            )
        ]
        high = real[
            np.minimum(
                (len(real) * ends[:, 1, j] ** (1 / draws)).astype(np.int64),
                len(real) - 1,
            )
        ]
        reached = np.maximum(high - low, 0.0) / width
        expected[name], least[name] = float(reached.mean()), float(reached.min())
    if not covered:
        raise Skip("no column is numeric")
    reference = Reference(float(np.mean(list(expected.values()))), PERFECT)
    detail = {"columns": covered, "least": least}
    return Outcome(
        float(np.mean(list(covered.values()))), reference, n=len(covered), detail=detail
    )


def _range(values: Floats, low: float, high: float) -> float:
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return 0.0
    return float(
        max(0.0, min(values.max(), high) - max(values.min(), low)) / (high - low)
    )


def _columns(tables: Tables) -> list[tuple[str, tuple[str, ...], Floats, np.ndarray]]:
    """Every categorical column: name, words, real shares of the words, which are among the synthetic rows."""
    columns = []
    for j, (name, words) in enumerate(
        zip(tables.categorical, tables.categories, strict=True)
    ):
        real = np.bincount(tables.real.codes[:, j], minlength=len(words) + 1)[
            :-1
        ] / len(tables.real)
        synthetic = np.bincount(tables.synthetic.codes[:, j], minlength=len(words) + 1)[
            :-1
        ]
        columns.append((name, words, real, synthetic > 0))
    return columns


def _expected(shares: Floats, size: int) -> Floats:
    """Probability that a category of this share occurs among ``size`` rows."""
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
