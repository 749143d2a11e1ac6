"""Do two numbers bend and spread together as real ones do?

A cost that is least at a middle temperature, spending that varies more where incomes
are high, losses that are extreme on the same days: no rank correlation sees these, and
a coarse table of two columns sees them late. Here a column is folded at its middle, so
that both ends count as far from it, and a date is wound up, by the day, week and year;
rank correlations are taken of what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

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
from synthtab.evaluation.metrics import signs, timestamps
from synthtab.evaluation.report.findings import Evidence, Verdict, quote, sentences
from synthtab.evaluation.views import Tables, View

# Columns that are looked at, those of fewer values are not folded.
MOST_COLUMNS = 80
FEWEST_VALUES = 8
# By so much must a correlation differ to be worth a word.
WORTH = 0.2
# Pairs in the detail.
LISTED = 20
# What dates are wound up by, in days, and how many turns they must go.
LAPS = {"day": 1.0, "week": 7.0, "year": 365.2425}
FEWEST_LAPS = 1.5


def curve_error(tables: Tables, streams: Streams) -> Outcome:
    """Mean over pairs of |ρ - ρ'| / 2 of folded rank correlations, times 100.

    A column is folded to |rank - ½|, with ranks among the real numbers from 0 to 1. Of
    each pair of numbers three correlations are compared: of the one with the folded other
    one, the reverse, and of both folded. A date is wound up to sin 2πt / L and cos 2πt / L,
    with L a day, a week, a year, where it comes around, and compared with all other numbers.
    From 0, which is best, to 100. The floor is that of two random parts of one table, as
    in `signs`.
    """
    plan = _Plan(tables)
    if not plan.compared.any():
        raise Skip("no two numbers of several values")
    rows = tables.real.some(signs.MAX_ROWS, streams.numpy("ranks"))
    other = tables.synthetic.some(signs.MAX_ROWS, streams.numpy("ranks, synthetic"))
    real = signs.correlations(plan.read(tables, rows))
    synthetic = signs.correlations(plan.read(tables, other))
    seen = plan.compared & (np.minimum(real.rows, synthetic.rows) >= MIN_ROWS)
    seen &= ~np.isnan(real.values)
    if not seen.any():
        raise Skip(f"fewer than {MIN_ROWS} rows of any pair")
    of_real, of_synthetic = real.values, np.nan_to_num(synthetic.values)
    gaps = np.abs(of_real - of_synthetic)
    beyond = signs.luck(real, synthetic) < chance.limit(int(seen.sum()))
    i, j = np.nonzero(seen & beyond & (gaps > WORTH))
    faults: dict[frozenset[str], dict[str, Any]] = {}
    for k in np.argsort(-gaps[i, j], kind="stable"):
        a, b = int(i[k]), int(j[k])
        # The worst of each pair of columns.
        columns = [plan.items[a].column, plan.items[b].column]
        if frozenset(columns) not in faults:
            faults[frozenset(columns)] = {
                "columns": columns,
                "how": [plan.items[a].how, plan.items[b].how],
                "real": float(of_real[a, b]),
                "synthetic": float(of_synthetic[a, b]),
            }
    spread = np.sqrt(np.maximum(real.variance + synthetic.variance, 0.0))
    return Outcome(
        50 * float(gaps[seen].mean()),
        Reference(
            50 * float(np.sqrt(2 / np.pi) * spread[seen].mean()), PERFECT_SAMPLER
        ),
        n=int(seen.sum()),
        detail={"faults": list(faults.values())[:LISTED], "number": len(faults)},
    )


@dataclass(frozen=True)
class _Item:
    """A column as it is, folded or wound up.

    Attributes:
        column: Its name.
        position: Which one of `View.numbers` it is.
        how: "", "folded", or what a date is wound up by: "day", "week", "year".
        lap: How many of its numbers that is, and which part of a turn is 0.
    """

    column: str
    position: int
    how: str = ""
    lap: tuple[float, float] = (1.0, 0.0)


class _Plan:
    """What is compared with what.

    Attributes:
        items: The numbers, the same folded, then dates wound up.
        compared: Which pairs are compared ``[items, items]``, each once.
    """

    def __init__(self, tables: Tables) -> None:
        foldable = _foldable(tables)
        names = tables.numeric
        plain = [_Item(names[j], j) for j in foldable]
        folded = [_Item(names[j], j, "folded") for j in foldable]
        wound = list(_wound(tables))
        self.items = [*plain, *folded, *wound]
        owner = np.array([item.position for item in self.items], dtype=np.int64)
        kind = np.repeat([0, 1, 2], [len(plain), len(folded), len(wound)])
        bends = (kind[:, None] == 0) & (kind >= 1)
        spreads = np.triu((kind[:, None] == 1) & (kind == 1), 1)
        self.compared = (bends | spreads) & (owner[:, None] != owner)

    def read(self, tables: Tables, view: View) -> Floats:
        """``[rows, items]``; NaN where missing."""
        ranks = signs.real_ranks(tables, view)
        columns = []
        for item in self.items:
            cells = view.numbers[:, item.position]
            if item.how == "folded":
                cells = np.abs(ranks[:, item.position])
            elif item.how:
                length, start = item.lap
                cells = np.sin(2 * np.pi * (cells / length + start))
            columns.append(cells)
        return np.column_stack(columns)


def _foldable(tables: Tables) -> list[int]:
    """Positions of the numbers that have two ends and a middle."""
    several = [
        j
        for j in range(len(tables.numeric))
        if len(np.unique(known(tables.real.numbers[:, j]))) >= FEWEST_VALUES
    ]
    return several[:MOST_COLUMNS]


def _wound(tables: Tables) -> Iterator[_Item]:
    """Sine and cosine of dates, by the laps that they go around."""
    for j, name, per_day in timestamps.dated(tables):
        values = known(tables.real.numbers[:, j])
        for how, in_days in LAPS.items():
            length = in_days * per_day
            turns = np.ptp(values) / length if len(values) else 0.0
            # Days have no time of day.
            fine = len(np.unique(np.mod(values, length))) > 2
            if turns > FEWEST_LAPS and fine:
                for start in (0.0, 0.25):
                    yield _Item(name, j, how, (length, start))


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Pairs of numbers of which one bends, or spreads, otherwise with the other.

    Evidence: rank correlations with a column folded at its middle. Not of pairs that
    another rule names.
    """
    score = evidence.get("curve_error")
    if score is None:
        return
    named = signs.named_pairs(evidence)
    yield from sentences(
        [
            fault
            for fault in score.detail.get("faults", [])
            if frozenset(fault["columns"]) not in named
        ],
        "curve",
        _about_pair,
        "pairs of columns bend or spread otherwise",
        level="fair",
    )


def _about_pair(fault: Mapping[str, Any]) -> str:
    one, other = (quote(name) for name in fault["columns"])
    how, how_other = fault["how"]
    if how_other in LAPS:
        what = f"{one} does not follow the time of the {how_other} of {other} as in real rows"
    elif how == how_other == "folded":
        what = f"{one} and {other} are far from their middles in other rows"
    else:
        what = f"How high {one} is at both ends of {other} is not as in real rows"
    return (
        f"{what}: rank correlation {fault['synthetic']:+.2f}, "
        f"in the real table {fault['real']:+.2f}"
    )


CURVES = Metric(
    "curve_error",
    "Curves and spreads",
    "whether columns bend and spread together as real ones do; 0 = yes",
    "fidelity",
    "lower",
    curve_error,
    (0.0, 100.0),
    "%",
    like="trend_error",
    rule=rule,
)
