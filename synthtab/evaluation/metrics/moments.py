"""Do numbers lie where the real ones lie, spread as far, and have their tails?

What a data scientist looks at first: mean, median, deviation and quantiles of each
column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import ks_2samp, norm

from synthtab.core.randomness import Streams
from synthtab.data.columns import KINDS
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
from synthtab.evaluation.metrics.fidelity import largest_first
from synthtab.evaluation.naming import tellable_beside
from synthtab.evaluation.report.findings import (
    Evidence,
    Verdict,
    quote,
    sentences,
    share,
)
from synthtab.evaluation.report.text import TOO_LONG
from synthtab.evaluation.views import Tables

# By so many standard deviations a mean must be off to be worth a word, ...
LEVEL_WORTH = 0.1
# ... so many of the rows must lie on the other side of the median, ...
MEDIAN_WORTH = 0.06
# ... and a deviation must be so many times too large or too small.
SPREAD_WORTH = 1.2
# Values beyond these quantiles do not count for the deviation, but as if they lay there: a
# few far cells would decide it, and tails are looked at by themselves.
TRIMMED = 0.1
# The share of the real rows in a tail; a third of it too few, or twice as many, is
# worth a word.
TAILS = (0.05, 0.02, 0.01)
TAIL_SHORT = 0.34
TAIL_LONG = 2.0
# The largest difference of two distribution functions that is worth a word.
DISTANCE_WORTH = 0.1
# Mean, median and distribution have half of all luck, deviation and tails the other half.
LEVEL_TESTS = 2
OTHER_TESTS = 2 * (1 + 2 * len(TAILS))


@dataclass(frozen=True)
class Moments:
    """What a table of figures shows of a column.

    Attributes:
        mean: Of the cells that are there.
        median: The same.
        deviation: Standard deviation.
    """

    mean: float
    median: float
    deviation: float

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """Those of some values, of which there is at least one."""
        return cls(float(values.mean()), float(np.median(values)), float(values.std()))


def level_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over numbers of |mean - mean'| in real standard deviations, times 100.

    From 0, which is best, upwards. A perfect sampler's mean is off by √(2 / πm) of m
    rows on average. The detail has mean, median and deviation of each column in both
    tables, and names the columns whose level, spread or tails are off by more than
    chance.
    """
    errors: dict[str, float] = {}
    floors: list[float] = []
    figures: dict[str, dict[str, Any]] = {}
    faults: dict[str, dict[str, Any]] = {}
    unsure: list[str] = []
    limit = chance.limit(len(tables.numeric))
    for j, name in enumerate(tables.numeric):
        real = known(tables.real.numbers[:, j])
        synthetic = known(tables.synthetic.numbers[:, j])
        if len(synthetic) == 0 or real.std() == 0:
            continue
        one, other = Moments.of(real), Moments.of(synthetic)
        errors[name] = 100 * abs(one.mean - other.mean) / one.deviation
        floors.append(100 * np.sqrt(2 / np.pi / len(synthetic)))
        # A median is some row's value: it is told as `fit` would store it.
        told = tables.tellable(j)
        beside = tellable_beside(
            synthetic, tables.real.numbers[:, j], tables.real.people
        )
        figures[name] = {
            "real": asdict(one) | {"median": _median(told)},
            "synthetic": asdict(other) | {"median": _median(beside)},
        }
        if min(len(real), len(synthetic)) < MIN_ROWS:
            continue
        fault = _fault(real, synthetic, limit)
        if fault is None:
            if _fault(real, synthetic, chance.unsure(limit)) is not None:
                unsure.append(name)
        else:
            column = tables.columns.get(name)
            dated = column is not None and KINDS[column.kind].temporal
            faults[name] = {**fault, "dated": dated}
    if not errors:
        raise Skip("no numeric column varies")
    return Outcome(
        float(np.mean(list(errors.values()))),
        Reference(float(np.mean(floors)), PERFECT_SAMPLER),
        n=len(tables.synthetic),
        detail={
            "columns": largest_first(errors),
            "figures": figures,
            "faults": faults,
            "unsure": unsure,
        },
    )


def _median(values: Floats) -> float:
    """NaN where nothing may be told."""
    return float(np.median(values)) if len(values) else float("nan")


def _fault(real: Floats, synthetic: Floats, limit: float) -> dict[str, Any] | None:
    """The first of level, spread and tails that is off by more than chance."""
    if _level_is_off(real, synthetic, limit / LEVEL_TESTS):
        return {"kind": "level"}
    limit = limit / OTHER_TESTS
    if _spread_is_off(real, synthetic, limit):
        return {"kind": "spread"}
    for sign in (1, -1):
        tail = _end(real, synthetic, sign, limit)
        if tail is not None:
            return {"kind": "tails", **tail}
    return None


def _end(
    real: Floats, synthetic: Floats, sign: int, limit: float
) -> dict[str, Any] | None:
    """The greatest values (or the least, with the sign -1), if they are off."""
    for tail in TAILS:
        found = _tail(sign * real, sign * synthetic, tail, limit)
        if found is not None:
            return {"upper": sign > 0, **found}
    return None


def _level_is_off(real: Floats, synthetic: Floats, limit: float) -> bool:
    """By the means (Welch 1947) and the distributions (Kolmogorov and Smirnov), or by
    the rows on either side of the real median.
    """
    gap = abs(real.mean() - synthetic.mean())
    error = np.sqrt(real.var() / len(real) + synthetic.var() / len(synthetic))
    luck = 2 * norm.sf(gap / error) if error > 0 else 0.0
    if gap > LEVEL_WORTH * real.std():
        # Two heaps that both move are seen by their distribution.
        whole = ks_2samp(real, synthetic, method="asymp")
        of_whole = whole.pvalue if whole.statistic > DISTANCE_WORTH else 1.0
        if min(luck, of_whole) < limit:
            return True
    return _median_is_off(real, synthetic, limit)


def _median_is_off(real: Floats, synthetic: Floats, limit: float) -> bool:
    """Whether rows went from one side of the real median to the other.

    If they left the median itself, for both sides, the column is wider, not higher.
    """
    median = np.median(real)
    below = (synthetic < median).mean() - (real < median).mean()
    above = (synthetic > median).mean() - (real > median).mean()
    if below * above >= 0:
        return False
    return _share_is_off(
        synthetic < median, real < median, limit, MEDIAN_WORTH
    ) or _share_is_off(synthetic > median, real > median, limit, MEDIAN_WORTH)


def _share_is_off(mask: Any, real_mask: Any, limit: float, worth: float) -> bool:
    gap = abs(float(mask.mean()) - float(real_mask.mean()))
    luck = chance.unlike(mask.sum(), len(mask), real_mask.sum(), len(real_mask))
    return bool(luck < limit and gap > worth)


def _spread_is_off(real: Floats, synthetic: Floats, limit: float) -> bool:
    """By the logarithms of the deviations, the outer values drawn in.

    Of n rows and the kurtosis k, the logarithm of a deviation varies by (k - 1) / 4n.
    """
    low, high = np.quantile(real, [TRIMMED, 1 - TRIMMED])
    one, other = real.clip(low, high), synthetic.clip(low, high)
    if one.std() == 0:
        return False
    if other.std() == 0:
        # One value everywhere: how many real rows have it is all that counts.
        same = int((one == other[0]).sum())
        luck = chance.more(len(other), len(other), same, len(one))
        return bool(luck < limit)
    factor = float(other.std() / one.std())
    error = np.sqrt(_luck_of_deviation(one) + _luck_of_deviation(other))
    luck = 2 * norm.sf(abs(np.log(factor)) / error)
    return bool(luck < limit and max(factor, 1 / factor) > SPREAD_WORTH)


def _luck_of_deviation(values: Floats) -> float:
    """Variance of the logarithm of the deviation."""
    # In deviations first: fourth powers of large numbers overflow.
    centred = (values - values.mean()) / values.std()
    kurtosis = float((centred**4).mean())
    # That of two equal heaps is 1, and known too well from few rows.
    return max(kurtosis - 1, 0.2) / (4 * len(values))


def _tail(
    real: Floats, synthetic: Floats, tail: float, limit: float
) -> dict[str, Any] | None:
    """An upper tail that has far too few or too many rows."""
    cut = float(np.quantile(real, 1 - tail, method="higher"))
    of_real, of_synthetic = int((real >= cut).sum()), int((synthetic >= cut).sum())
    # A heap at the end, such as a ceiling, is no tail.
    if of_real > 2 * tail * len(real) + 5:
        return None
    p, q = of_real / len(real), of_synthetic / len(synthetic)
    luck = chance.unlike(of_synthetic, len(synthetic), of_real, len(real))
    if luck >= limit or TAIL_SHORT * p < q < TAIL_LONG * p:
        return None
    return {"real share": p, "share": q}


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Columns too high or low, too wide or narrow, or without their tails.

    Evidence: mean, median, deviation and the rows in the tails, in both tables.
    """
    score = evidence.get("level_error")
    if score is None:
        return
    figures = score.detail.get("figures", {})
    by_kind: dict[str, list[dict[str, Any]]] = {"level": [], "spread": [], "tails": []}
    for name, fault in score.detail.get("faults", {}).items():
        by_kind[fault["kind"]].append({"column": name, **figures[name], **fault})
    yield from sentences(
        by_kind["level"], "level", _about_level, "columns are too high or too low"
    )
    yield from sentences(
        by_kind["spread"], "spread", _about_spread, "columns are too wide or too narrow"
    )
    yield from sentences(
        by_kind["tails"],
        "tails",
        _about_tail,
        "columns have too few or too many of their extreme values",
        level="fair",
    )


def _about_level(fault: Mapping[str, Any]) -> str:
    real, other = fault["real"], fault["synthetic"]
    # Dates have no percents, and neither has what lies on both sides of 0.
    gap = other["mean"] - real["mean"]
    if gap == 0:
        gap = other["median"] - real["median"]
    direction = "high" if gap > 0 else "low"
    deviations = abs(gap) / real["deviation"]
    digits = ".2f" if deviations < TOO_LONG else ".3g"
    far = f"{deviations:{digits}} standard deviations"
    if real["mean"] > real["deviation"] and not fault["dated"]:
        far = share(abs(gap) / real["mean"])
    text = f"Column {quote(fault['column'])} is too {direction}, by {far}"
    if fault["dated"]:
        return text
    return (
        f"{text}: mean {other['mean']:.4g}, median {other['median']:.4g}; "
        f"of the real rows {real['mean']:.4g} and {real['median']:.4g}"
    )


def _about_spread(fault: Mapping[str, Any]) -> str:
    real, other = fault["real"], fault["synthetic"]
    factor = other["deviation"] / real["deviation"]
    direction = "wide" if factor > 1 else "narrow"
    return (
        f"Column {quote(fault['column'])} is too {direction}: "
        f"its standard deviation is {factor:.2f} times the real one"
    )


def _about_tail(fault: Mapping[str, Any]) -> str:
    amount = "few" if fault["share"] < fault["real share"] else "many"
    end = "greatest" if fault["upper"] else "least"
    return (
        f"Column {quote(fault['column'])} has too {amount} of its {end} values: "
        f"where {share(fault['real share'])} of the real rows lie, "
        f"{share(fault['share'])} do"
    )


LEVEL = Metric(
    "level_error",
    "Mean",
    "how far means are from the real ones, in % of a standard deviation",
    "fidelity",
    "lower",
    level_error,
    (0.0, np.inf),
    "%",
    like="shape_error",
    rule=rule,
)
