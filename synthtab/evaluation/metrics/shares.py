"""Do single values come as often as they should, and are numbers as round as real ones?

A category at twice its share hardly moves the distribution of a column with many
categories, and ends that are cut to one value, or lost digits, hardly that of numbers.
Each value is therefore counted by itself, with an exact test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

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
from synthtab.evaluation.naming import may_be_named
from synthtab.evaluation.report.findings import (
    Evidence,
    Verdict,
    named_columns,
    quote,
    sentences,
    share,
)
from synthtab.evaluation.views import Tables

# A value is looked at if so many rows of both tables together have it, ...
LEAST_ROWS = 10
# ... and is worth a word if its share is off by so much, and by this factor or so much
# in all.
WORTH = 0.01
FACTOR = 1.3
WORTH_IN_ALL = 0.05
# Numbers on a coarser grid: by so much must their share be larger.
ROUND_WORTH = 0.2
MOST_PLACES = 4
FEWEST_PLACES = -3
# Percent of a column whose value is off from which that is bad.
BAD = 0.1


def share_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over columns of the largest |p - p'| of any of their values, times 100.

    Values that 10 rows of the two tables have. From 0, which is best, to 100. A perfect
    sampler's is √(2 p (1 - p) / πm) of m rows. The detail names the values that come too
    often or too seldom by more than chance, and numbers that are too round.
    """
    by_kind = (list(_of_numbers(tables)), list(_of_categories(tables)))
    errors: dict[str, float] = {}
    floors: list[float] = []
    faults: list[dict[str, Any]] = []
    unsure: list[str] = []
    for columns in by_kind:
        # Each kind of column has half of the luck.
        limit = chance.limit(2 * sum(len(c["of real"]) for c in columns))
        for column in columns:
            p = column["of real"] / column["real rows"]
            q = column["of synthetic"] / column["rows"]
            worst = int(np.argmax(np.abs(p - q)))
            errors[column["column"]] = 100 * float(abs(p - q)[worst])
            spread = np.sqrt(2 / np.pi * p * (1 - p) / column["rows"])
            floors.append(100 * float(spread[worst]))
            fault = _fault(column, p, q, limit)
            if fault is not None:
                faults.append(fault)
            elif _fault(column, p, q, chance.unsure(limit)) is not None:
                unsure.append(column["column"])
    if not errors:
        raise Skip("no value has enough rows")
    faults.sort(key=lambda f: (-abs(f["real"] - f["synthetic"]), f["column"]))
    return Outcome(
        float(np.mean(list(errors.values()))),
        Reference(float(np.mean(floors)), PERFECT_SAMPLER),
        n=len(tables.synthetic),
        detail={
            "columns": largest_first(errors),
            "faults": faults,
            "rounded": _rounded(tables),
            "unsure": unsure,
        },
    )


def _of_numbers(tables: Tables) -> Iterator[dict[str, Any]]:
    """Of each numeric column: its values that rows share, and the rows of each."""
    for j, name in enumerate(tables.numeric):
        real = known(tables.real.numbers[:, j])
        synthetic = known(tables.synthetic.numbers[:, j])
        if min(len(real), len(synthetic)) < MIN_ROWS:
            continue
        values, counts = np.unique(
            np.concatenate([real, synthetic]), return_counts=True
        )
        values = values[counts >= LEAST_ROWS]
        if not len(values):
            continue
        column = tables.columns.get(name)
        dated = column is not None and KINDS[column.kind].temporal
        yield {
            "column": name,
            "names": None if dated else [f"{value:g}" for value in values],
            "of real": _count(real, values),
            "of synthetic": _count(synthetic, values),
            "real rows": len(real),
            "rows": len(synthetic),
        }


def _count(numbers: Floats, values: Floats) -> Any:
    """How many of the numbers are each of the values, which are sorted."""
    place = np.minimum(np.searchsorted(values, numbers), len(values) - 1)
    return np.bincount(place[values[place] == numbers], minlength=len(values))


def _of_categories(tables: Tables) -> Iterator[dict[str, Any]]:
    """The same of each categorical column; of words that both tables have."""
    for j, name in enumerate(tables.categorical):
        size = tables.sizes[j]
        of_real = np.bincount(tables.real.codes[:, j], minlength=size)[:-1]
        of_synthetic = np.bincount(tables.synthetic.codes[:, j], minlength=size)[:-1]
        real_rows, rows = int(of_real.sum()), int(of_synthetic.sum())
        # Words that one table lacks are another rule's business.
        common = (of_real > 0) & (of_synthetic > 0)
        common &= of_real + of_synthetic >= LEAST_ROWS
        if min(real_rows, rows) < MIN_ROWS or not common.any():
            continue
        words = tables.categories[j]
        yield {
            "column": name,
            "names": [words[code] for code in np.flatnonzero(common)],
            "of real": of_real[common],
            "of synthetic": of_synthetic[common],
            "real rows": real_rows,
            "rows": rows,
        }


def _fault(
    column: Mapping[str, Any], p: Floats, q: Floats, limit: float
) -> dict[str, Any] | None:
    """The value that is most off, if it is so by more than chance and worth a word."""
    gap = np.abs(p - q)
    larger, smaller = np.maximum(p, q), np.minimum(p, q)
    worth = (gap > WORTH) & ((larger > FACTOR * smaller) | (gap > WORTH_IN_ALL))
    if not worth.any():
        return None
    luck = chance.unlike(
        column["of synthetic"], column["rows"], column["of real"], column["real rows"]
    )
    beyond = worth & (luck < limit)
    if not beyond.any():
        return None
    worst = int(np.argmax(np.where(beyond, gap, -1.0)))
    fault: dict[str, Any] = {"column": column["column"]}
    if column["names"] is not None and may_be_named(column["of real"])[worst]:
        fault["value"] = column["names"][worst]
    return {**fault, "real": float(p[worst]), "synthetic": float(q[worst])}


def _rounded(tables: Tables) -> list[dict[str, Any]]:
    """Columns of which more numbers have few decimals than in the real table."""
    faults = []
    limit = chance.limit(len(tables.numeric) * (MOST_PLACES - FEWEST_PLACES + 1))
    for j, name in enumerate(tables.numeric):
        column = tables.columns.get(name)
        if column is not None and KINDS[column.kind].temporal:
            continue
        real = known(tables.real.numbers[:, j])
        synthetic = known(tables.synthetic.numbers[:, j])
        if min(len(real), len(synthetic)) < MIN_ROWS:
            continue
        for places in range(FEWEST_PLACES, MOST_PLACES + 1):
            of_real = _are_round(real, places)
            of_synthetic = _are_round(synthetic, places)
            p, q = float(of_real.mean()), float(of_synthetic.mean())
            luck = chance.more(
                of_synthetic.sum(), len(synthetic), of_real.sum(), len(real)
            )
            if q - p > ROUND_WORTH and luck < limit:
                fault = {"column": name, "places": places, "real": p, "synthetic": q}
                faults.append(fault)
                break
    return faults


def _are_round(values: Floats, places: int) -> Any:
    """Which of the numbers have no more decimals; 0 has any number of them."""
    scaled = values * 10.0**places
    tolerance = 1e-6 + 1e-12 * np.abs(scaled)
    return (np.abs(scaled - np.rint(scaled)) <= tolerance) & (values != 0)


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Values that come too often or too seldom, and numbers that are too round.

    Evidence: their shares in both tables. Not of columns of which a rule about the whole
    distribution speaks.
    """
    score = evidence.get("share_error")
    if score is None:
        return
    named = named_columns(evidence)
    faults = [f for f in score.detail.get("faults", []) if f["column"] not in named]
    bad = [f for f in faults if abs(f["real"] - f["synthetic"]) > BAD]
    fair = [f for f in faults if abs(f["real"] - f["synthetic"]) <= BAD]
    many = "columns have a value too often or too seldom"
    yield from sentences(bad, "share", _about_share, many)
    yield from sentences(fair, "share", _about_share, many, level="fair")
    yield from sentences(
        score.detail.get("rounded", []),
        "rounded",
        _about_rounded,
        "columns have rounder numbers than the real ones",
        level="fair",
    )


def _about_share(fault: Mapping[str, Any]) -> str:
    name = quote(fault["column"])
    often = "often" if fault["synthetic"] > fault["real"] else "seldom"
    value = quote(fault["value"], 24) if "value" in fault else "one value"
    return (
        f"Column {name} has {value} too {often}: in {share(fault['synthetic'])} of the "
        f"rows, in {share(fault['real'])} of the real ones"
    )


def _about_rounded(fault: Mapping[str, Any]) -> str:
    places = fault["places"]
    if places > 0:
        what = f"have {places} decimal{'s' if places > 1 else ''} at most"
    elif places == 0:
        what = "are whole numbers"
    else:
        what = f"are multiples of {10**-places:,}"
    return (
        f"Numbers of {quote(fault['column'])} are rounder than the real ones: "
        f"{share(fault['synthetic'])} {what}, of the real ones {share(fault['real'])}"
    )


SHARES = Metric(
    "share_error",
    "Single values",
    "how far the share of the worst value of a column is off; 0 = not",
    "fidelity",
    "lower",
    share_error,
    (0.0, 100.0),
    "%",
    like="shape_error",
    rule=rule,
)
