"""Do numbers end as real ones do?

Prices that end in 99, salaries in whole thousands, pressures that are always even: a
generator that draws from a smooth curve loses it, and everybody sees it who scrolls
down a column. No heap is large enough to tell: every price ends in 99, and each is
another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.data.columns import KINDS
from synthtab.evaluation import chance
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.floors import total_variation_floor
from synthtab.evaluation.metric import (
    MIN_ROWS,
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.metrics.fidelity import largest_first
from synthtab.evaluation.metrics.grain import decimals_of
from synthtab.evaluation.report.findings import (
    Evidence,
    Verdict,
    named_columns,
    quote,
    sentences,
)
from synthtab.evaluation.views import Tables

# What is left of a number divided by these: odd or even, the last digit, two, or three.
ENDINGS = (2, 5, 10, 100, 1000)
# A column must reach over so many times as many numbers as there are endings: the last
# digits of ages are a matter of the ages.
REACH = 4
# Percent of the rows that end otherwise to be worth a word.
WORTH = 10.0


def digit_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over numbers of the total variation ½ Σ |p - p'| of their endings, times 100.

    An ending is the last digit, or the last two or three, or what is left of a division by
    2 or 5, at the decimals that the real numbers have; what differs most beyond a perfect
    sampler's counts. From 0, which is
    best, to 100. The floor is that of a bootstrap of the real rows, in closed form.
    """
    errors: dict[str, float] = {}
    floors: list[float] = []
    faults: list[dict[str, Any]] = []
    limit = chance.limit(len(ENDINGS) * len(tables.numeric))
    for j, name in enumerate(tables.numeric):
        column = tables.columns.get(name)
        if column is not None and KINDS[column.kind].temporal:
            continue
        real = known(tables.real.numbers[:, j])
        synthetic = known(tables.synthetic.numbers[:, j])
        places = decimals_of(real)
        if places is None or min(len(real), len(synthetic)) < MIN_ROWS:
            continue
        found = [
            ending
            for size in ENDINGS
            if (ending := _ending(real, synthetic, places, size)) is not None
        ]
        if not found:
            continue
        worst = max(found, key=lambda ending: ending["error"] - ending["floor"])
        errors[name] = worst["error"]
        floors.append(worst["floor"])
        # The shortest ending that is off says most.
        off = (e for e in found if e["error"] > WORTH and e["luck"] < limit)
        fault = next(off, None)
        if fault is not None:
            faults.append({"column": name, "decimals": places, **fault})
    if not errors:
        raise Skip("no number has endings to compare")
    return Outcome(
        float(np.mean(list(errors.values()))),
        Reference(float(np.mean(floors)), PERFECT_SAMPLER),
        n=len(tables.synthetic),
        detail={"columns": largest_first(errors), "faults": faults},
    )


def _ending(
    real: Floats, synthetic: Floats, places: int, size: int
) -> dict[str, Any] | None:
    """How far the last digits are off; None if the column does not reach over them."""
    units, others = (
        np.rint(np.clip(np.abs(values) * 10.0**places, 0, 2.0**53)).astype(np.int64)
        for values in (real, synthetic)
    )
    low, high = np.quantile(units, [0.1, 0.9])
    if high - low < REACH * size:
        return None
    counts = np.bincount(units % size, minlength=size)
    beside = np.bincount(others % size, minlength=size)
    p, q = counts / len(units), beside / len(others)
    worst = int(np.argmax(np.abs(p - q)))
    return {
        "size": size,
        "ending": worst,
        "real": float(p[worst]),
        "synthetic": float(q[worst]),
        "error": 50 * float(np.abs(p - q).sum()),
        "floor": 100 * total_variation_floor(p, len(others)),
        "luck": chance.unlike_shares(beside, counts),
    }


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Columns whose numbers end in other digits.

    Evidence: the shares of the last digits in both tables. Not of columns of which a rule
    about the whole distribution speaks, or one about their decimals.
    """
    score = evidence.get("digit_error")
    if score is None:
        return
    named = named_columns(evidence)
    faults = [f for f in score.detail.get("faults", []) if f["column"] not in named]
    yield from sentences(
        faults,
        "digits",
        _about_digits,
        "columns have numbers that end otherwise",
        level="fair",
    )


def _about_digits(fault: Mapping[str, Any]) -> str:
    size, ending = fault["size"], fault["ending"]
    if size == 2:
        told = ("0, 2, 4, 6 or 8", "1, 3, 5, 7 or 9")[ending]
    elif size == 5:
        told = f"{ending} or {ending + 5}"
    else:
        told = f"{ending:0{len(str(size)) - 1}d}"
    where = ""
    if fault["decimals"] > 0:
        where = f", written with {fault['decimals']} decimals"
    elif fault["decimals"] < 0:
        where = f", counted in {10 ** -fault['decimals']:,}"
    return (
        f"Numbers of {quote(fault['column'])} end otherwise: "
        f"{100 * fault['synthetic']:.1f} % in {told}{where}, "
        f"of the real ones {100 * fault['real']:.1f} %"
    )


DIGITS = Metric(
    "digit_error",
    "Last digits",
    "how far the last digits of numbers are from the real ones; 0 = the same",
    "fidelity",
    "lower",
    digit_error,
    (0.0, 100.0),
    "%",
    like="heap_error",
    rule=rule,
)
