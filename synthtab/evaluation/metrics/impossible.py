"""Are there rows that cannot be?

A check-out before the arrival, a city in another city's country, a sum that is none:
what nobody who knows the table would believe, and what no model needs to see that
learns densities. Nothing says what is possible but the real rows: relations that hardly
any of them breaks, though chance would break them often, are looked for
(`synthtab.evaluation.possible`), and rows that break one are impossible.

Fresh real rows break such relations, too, now and then. So they are looked for in one
part of the real rows, and how often real rows break them is counted in another part: in
the holdout, if it has rows enough, else in half of the real table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.data.columns.disclosure import people_of_values
from synthtab.evaluation import chance
from synthtab.evaluation.metric import (
    MIN_ROWS,
    PERFECT_SAMPLER,
    Interval,
    Metric,
    Outcome,
    Reference,
    Skip,
    share_interval,
)
from synthtab.evaluation.naming import LEAST, may_be_named
from synthtab.evaluation.possible.fields import Mask, Sheet, number_of, word_of
from synthtab.evaluation.possible.relations import NeverTwice, Relation
from synthtab.evaluation.possible.search import BUDGET, find
from synthtab.evaluation.report import impossible as shown
from synthtab.evaluation.views import Tables, View

# The holdout is counted in if it has so many rows, or such a share of the real ones.
HOLDOUT_ROWS = 1_000
HOLDOUT_SHARE = 0.2
DRIFTED = 4 * BUDGET
# Most relations that are told, and example rows of each.
TOLD = 30
EXAMPLES = 3
# A relation is told if so many rows break it, or such a share.
WORTH = 0.001
WORTH_ROWS = 5
# Of two relations that the same rows break, such a share of them, one is told.
THE_SAME = 0.7
# Those that say most first.
KINDS = ("date", "sum", "order", "rule", "bounds", "key")


@dataclass(frozen=True)
class Counted:
    """A relation and who breaks it.

    Attributes:
        relation: The relation.
        synthetic: ``[rows]``: which synthetic rows break it.
        real: ``[rows]``: which of the other real rows do.
    """

    relation: Relation
    synthetic: Mask
    real: Mask

    @property
    def excess(self) -> float:
        return float(self.synthetic.mean() - self.real.mean())


# Numbers of 1e308 and dates beyond the calendar are no relation, and need no warning.
@np.errstate(all="ignore")
def impossible_rows(tables: Tables, streams: Streams) -> Outcome:
    """Share of the rows that break a relation of the real ones, times 100.

    Less the share of real rows that do in which the relations were not looked for; not
    below 0, which is best, nor above 100. The detail tells both shares, and the
    relations that are broken by more rows than by luck, the worst first, each with
    synthetic rows that break it.
    """
    rng = streams.numpy("impossible rows")
    if min(len(tables.real) // 2, len(tables.synthetic)) < MIN_ROWS:
        raise Skip(f"fewer than {2 * MIN_ROWS} rows")
    synthetic = Sheet(tables, tables.synthetic)
    counted: list[Counted] = []
    for learnt, others in _parts(tables, rng):
        counted = [
            Counted(relation, relation.breaks(synthetic), relation.breaks(others))
            for relation in find(learnt, rng)
        ]
        if not counted:
            raise Skip("no relation in the real rows")
        wrong_real = np.any([one.real for one in counted], axis=0)
        # Of rows that are like those in which the relations were found, so few break
        # them. A holdout of which more do is of another time, place or kind.
        if wrong_real.mean() <= DRIFTED:
            break
    wrong = np.any([one.synthetic for one in counted], axis=0)
    value = float(wrong.mean() - wrong_real.mean())
    low, high = _interval(wrong, wrong_real)
    luck = float(
        chance.more(
            int(wrong.sum()), len(wrong), int(wrong_real.sum()), len(wrong_real)
        )
    )
    # Where rows are impossible for sure, what they break need not be as sure.
    limit = chance.limit(len(counted)) if luck >= chance.LUCK else chance.UNSURE
    told = _told(counted, limit)
    return Outcome(
        100 * max(value, 0.0),
        Reference(0.0, PERFECT_SAMPLER),
        (100 * max(low, 0.0), 100 * max(high, 0.0)),
        n=len(synthetic),
        detail={
            "synthetic": float(wrong.mean()),
            "real": float(wrong_real.mean()),
            "other real rows": len(others),
            "luck": luck,
            "number of relations": len(counted),
            "relations": [_as_data(one, tables, synthetic, rng) for one in told[:TOLD]],
            "number broken": len(told),
        },
    )


def _parts(tables: Tables, rng: np.random.Generator) -> Iterator[tuple[Sheet, Sheet]]:
    """Real rows in which relations are looked for, and others in which not.

    The table and its holdout, if this has rows enough; then two halves of the table.
    """
    holdout = tables.holdout
    if holdout is not None:
        enough = min(HOLDOUT_ROWS, HOLDOUT_SHARE * len(tables.real))
        if len(holdout) >= max(enough, MIN_ROWS):
            learnt = Sheet(tables, tables.real)
            yield learnt, Sheet(tables, holdout, learnt)
    order = rng.permutation(len(tables.real))
    middle = len(order) // 2
    learnt = Sheet(tables, tables.real.take(np.sort(order[:middle])))
    yield learnt, Sheet(tables, tables.real.take(np.sort(order[middle:])), learnt)


def _interval(wrong: Mask, wrong_real: Mask) -> Interval:
    """Of a difference of two shares (Newcombe 1998, method 10), about 95 %."""
    share, share_real = float(wrong.mean()), float(wrong_real.mean())
    low, high = share_interval(float(wrong.sum()), len(wrong))
    low_real, high_real = share_interval(float(wrong_real.sum()), len(wrong_real))
    difference = share - share_real
    return (
        difference - math.hypot(share - low, high_real - share_real),
        difference + math.hypot(high - share, share_real - low_real),
    )


def _told(counted: Sequence[Counted], limit: float) -> list[Counted]:
    """Relations that more rows break than luck allows, the worst first.

    Of several that the same rows break, the worst.
    """
    # Of equal ones what says most: that a week is not that of its date, rather than
    # which weeks go with which months.
    worst = sorted(
        counted,
        key=lambda one: (
            -one.excess,
            KINDS.index(one.relation.kind),
            one.relation.says,
        ),
    )
    told: list[Counted] = []
    for one in worst:
        count, rows = int(one.synthetic.sum()), len(one.synthetic)
        if count < min(WORTH * rows, WORTH_ROWS) or one.excess <= 0:
            continue
        luck = chance.more(count, rows, int(one.real.sum()), len(one.real))
        if luck >= limit or any(_is_same(one, other) for other in told):
            continue
        told.append(one)
    return told


def _is_same(one: Counted, other: Counted) -> bool:
    """Whether a relation is broken by rows that break another one of its columns."""
    columns, others = {*one.relation.columns}, {*other.relation.columns}
    if not (columns <= others or others <= columns):
        return False
    shared = int((one.synthetic & other.synthetic).sum())
    return shared >= THE_SAME * int(one.synthetic.sum())


def _as_data(
    one: Counted, tables: Tables, synthetic: Sheet, rng: np.random.Generator
) -> dict[str, Any]:
    """A relation as plain data."""
    relation = one.relation
    return {
        "says": relation.says,
        "fault": relation.fault,
        # Without the rows of which it speaks.
        "brief": relation.fault.removesuffix(str(relation.only or "")),
        "such as": relation.such_as(synthetic, one.synthetic),
        "kind": relation.kind,
        "columns": list(relation.columns),
        "synthetic": float(one.synthetic.mean()),
        "real": float(one.real.mean()),
        "examples": _examples(one, tables, synthetic.view, rng),
    }


def _examples(
    one: Counted, tables: Tables, view: View, rng: np.random.Generator
) -> list[dict[str, str]]:
    """Synthetic rows that break a relation: column -> cell.

    None has a cell that too few real rows have, or cells that are together a real row's.
    """
    names = one.relation.columns
    rows = np.flatnonzero(one.synthetic)
    rows = rows[rng.permutation(len(rows))]
    may = np.ones(len(rows), dtype=bool)
    for name in names:
        may &= _may_be_shown(tables, view, name)[rows]
    examples: list[dict[str, str]] = []
    # A key repeats the cells of a row that may be real: it is told by its kind alone.
    if isinstance(one.relation, NeverTwice):
        return examples
    real = _cells_of_real(tables, names)
    cells = _cells(tables, view, names)
    for row in rows[may][: 20 * EXAMPLES]:
        same = (real == cells[row]) | (np.isnan(real) & np.isnan(cells[row]))
        if 0 < same.all(axis=1).sum() < LEAST:
            continue
        example = {name: _text(tables, view, name, int(row)) for name in names}
        if example not in examples:
            examples.append(example)
        if len(examples) == EXAMPLES:
            break
    return examples


def _cells(tables: Tables, view: View, names: Sequence[str]) -> Any:
    """``[rows, columns]``: numbers, and codes of words."""
    columns: list[Any] = []
    for name in names:
        if name in tables.numeric:
            columns.append(view.numbers[:, tables.numeric.index(name)])
        else:
            columns.append(view.codes[:, tables.categorical.index(name)])
    return np.column_stack(columns).astype(np.float64)


def _cells_of_real(tables: Tables, names: Sequence[str]) -> Any:
    views = [tables.real]
    if tables.holdout is not None:
        views.append(tables.holdout)
    return np.concatenate([_cells(tables, view, names) for view in views])


def _may_be_shown(tables: Tables, view: View, name: str) -> Mask:
    """``[rows]``: whose cells no real row has, or so many that they tell of none."""
    if name in tables.categorical:
        j = tables.categorical.index(name)
        # A missing cell may be shown.
        return np.append(tables.nameable(j), True)[view.codes[:, j]]
    real = _cells_of_real(tables, [name])[:, 0]
    people = tables.real.people
    if tables.holdout is not None and people is not None:
        of_holdout = tables.holdout.people
        people = None if of_holdout is None else np.concatenate([people, of_holdout])
    there = ~np.isnan(real)
    distinct, inverse = np.unique(real[there], return_inverse=True)
    cells = view.numbers[:, tables.numeric.index(name)]
    if not len(distinct):
        return np.ones(len(cells), dtype=bool)
    counts = people_of_values(
        inverse.astype(np.int64),
        len(distinct),
        None if people is None else people[there],
    )
    place = np.minimum(np.searchsorted(distinct, cells), len(distinct) - 1)
    is_real = distinct[place] == cells
    return np.asarray(~is_real | may_be_named(counts)[place])


def _text(tables: Tables, view: View, name: str, row: int) -> str:
    """A cell of the table as its column writes it."""
    if name in tables.categorical:
        codes = view.codes[:, tables.categorical.index(name)]
        return word_of(tables, name, int(codes[row]))
    numbers = view.numbers[:, tables.numeric.index(name)]
    return number_of(tables, name, float(numbers[row]))


IMPOSSIBLE = Metric(
    "impossible_rows",
    "Impossible rows",
    "share of rows that break a relation of the real ones, beyond real rows",
    "fidelity",
    "lower",
    impossible_rows,
    (0.0, 100.0),
    "%",
    cost="high",
    picture=shown.section,
)
