"""A column in figures: mean, deviation, quantiles, ends, real beside synthetic.

What is told of the real numbers is what `fit` would store of them; what is told of the
others is no value that few real rows have (`synthtab.evaluation.naming`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthtab.data.columns import KINDS, number_kind
from synthtab.data.columns.dates import PER_DAY
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.naming import LEAST, tellable_beside
from synthtab.evaluation.report.text import percent
from synthtab.evaluation.views import Tables

QUANTILES = (0.05, 0.5, 0.95)
# Largest number of the calendars that there are.
LARGEST = 2.0**62
MINUTES_PER_DAY = 1440
# What cannot be told.
UNTOLD = "–"


@dataclass(frozen=True)
class Figure:
    """One line of the table of a column.

    Attributes:
        title: What it is, such as "mean".
        real: Of the real table, as text.
        synthetic: The same of the synthetic one.
    """

    title: str
    real: str
    synthetic: str


def figures(tables: Tables, j: int) -> list[Figure]:
    """The figures of a column of numbers or dates.

    Args:
        tables: The tables.
        j: Its number among the numeric ones.
    """
    name = tables.numeric[j]
    real = tables.real.numbers[:, j]
    synthetic = tables.synthetic.numbers[:, j]
    whole = is_whole(real)
    told = [
        tables.tellable(j),
        tellable_beside(synthetic, real, tables.real.people),
    ]
    lines = [
        ["mean", *(_mean(tables, name, values) for values in told)],
        ["deviation", *(_deviation(tables, name, values) for values in told)],
    ]
    quantiles = [_quantiles(tables, name, values, whole) for values in told]
    titles = ["least", *(f"{100 * q:.0f} %" for q in QUANTILES), "greatest"]
    lines += [list(line) for line in zip(titles, *quantiles, strict=True)]
    both = (real, synthetic)
    lines.append(["distinct", *(f"{len(np.unique(known(v))):,}" for v in both)])
    lines.append(["missing", *(percent(float(np.isnan(v).mean())) for v in both)])
    return [Figure(*line) for line in lines]


def is_whole(values: Floats) -> bool:
    """Whether a column has whole numbers only."""
    present = known(values)
    return bool((present == np.rint(present)).all())


def _mean(tables: Tables, name: str, values: Floats) -> str:
    if not len(values):
        return UNTOLD
    # Halves: the sum of huge numbers overflows.
    mean = 2 * float(np.mean(values / 2))
    return labels(tables, name, np.array([mean]))[0]


def _quantiles(tables: Tables, name: str, values: Floats, whole: bool) -> list[str]:
    """The ends, and quantiles between them."""
    if not len(values):
        return [UNTOLD] * (len(QUANTILES) + 2)
    at = np.quantile(values, [0.0, *QUANTILES, 1.0], method="inverted_cdf")
    return labels(tables, name, np.rint(at) if whole else at)


def _deviation(tables: Tables, name: str, values: Floats) -> str:
    """Of dates, in days or a part of one."""
    if len(values) < LEAST:
        return UNTOLD
    with np.errstate(over="ignore"):
        deviation = float(np.std(values))
    column = tables.columns.get(name)
    if column is None or not KINDS[column.kind].temporal:
        return written(deviation)
    if column.kind == "duration":
        return labels(tables, name, np.array([deviation]))[0]
    unit = column.options.get("unit", "s")
    per_day = MINUTES_PER_DAY if column.kind == "clock" else PER_DAY.get(unit)
    if per_day is None:
        return f"{written(deviation)} {unit}"
    days = deviation / per_day
    if days >= 2:
        return f"{written(days)} days"
    return f"{written(24 * days)} h"


def labels(tables: Tables, name: str, values: Floats) -> list[str]:
    """Numbers as the column writes them: dates as dates."""
    column = tables.columns.get(name)
    if column is not None and KINDS[column.kind].temporal:
        kind = number_kind(column)
        cells = np.rint(np.clip(values, -LARGEST, LARGEST)).astype(np.int64)
        try:
            return [str(text) for text in kind.render(cells, column)]
        except (ValueError, OverflowError):
            pass  # beyond the calendar: as a number
    return [written(float(value)) for value in values]


def written(value: float) -> str:
    """About four digits, or a whole number of up to seven."""
    if not np.isfinite(value):
        return UNTOLD
    if value == round(value) and abs(value) < 1e7:
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"
    if abs(value) < 10_000 or abs(value) >= 1e7:
        return f"{value:.4g}"
    return f"{value:,.0f}"
