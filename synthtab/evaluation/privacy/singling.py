"""Singling out: can an attacker describe one person, and only one, of the training table?

The attacker reads predicates off the synthetic rows, such as ``age >= 87`` or ``job = pilot and age <=
19 and pay >= 5000``, that fit one synthetic row only. A predicate succeeds on a table if exactly one
of its rows fits (arXiv 2211.10459, section 4.1). Whether one does depends on the number of rows, so
every trial is on a table of the control's size: the holdout, and parts of that size of the training
table. A row that leaked can be found in one of the parts only, so the gain over the control is
multiplied by the number of times that the training table holds the control's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip, simultaneous
from synthtab.evaluation.privacy.risk import Rate, Risk
from synthtab.evaluation.views import Tables, View

PREDICATES = 2_000
CANDIDATES = 4 * PREDICATES
POPULATION = 250_000
MOST_COLUMNS = 8
MIN_ROWS = 20
MIN_PREDICATES = 20
DEALS = 100
GUESSES = 500
MANY = 100

EQUAL, AT_MOST, AT_LEAST, ABSENT = range(4)

Predicate = tuple["Condition", ...]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Condition:
    """One comparison of a predicate."""

    column: int
    operator: int
    value: float

    def holds(self, cells: Floats) -> npt.NDArray[np.bool_]:
        """For which of the column's cells it is true; for a missing number only `ABSENT` is."""
        if self.operator == EQUAL:
            return cells == self.value
        if self.operator == AT_MOST:
            return cells <= self.value
        return cells >= self.value if self.operator == AT_LEAST else np.isnan(cells)


def singling_out(tables: Tables, streams: Streams) -> Outcome:
    """The larger risk of predicates about one column and about several, against the holdout.

    Up to 2,000 of each. The naive rate is that of 500 with random conditions on random columns. As there are two
    kinds, the interval is from the larger lower to the larger upper end at 1 - 0.05/2 (Bonferroni). A
    trial is a predicate on one table of the control's size. Predicates on one table hang together, as one
    unusual row decides about many: dealing all rows out anew to the tables, 100 times, shows how much the
    rates vary by chance, and as many trials are counted as would vary so if they were independent. Tables
    of more than 250,000 rows are sampled.
    """
    assert tables.holdout is not None
    searched = min(len(tables.real), POPULATION)
    count = max(1, round(searched / len(tables.holdout)))
    size = min(searched // count, len(tables.holdout))
    if size < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")
    order = streams.numpy("parts of train").permutation(len(tables.real))[
        : count * size
    ]
    train, control = (
        tables.real.take(order),
        tables.holdout.some(size, streams.numpy("control")),
    )
    synthetic = columns(
        tables.synthetic.some(POPULATION, streams.numpy("predicates from"))
    )
    numeric = len(tables.numeric)
    width, populations = (
        len(synthetic),
        ((columns(train), count), (columns(control), 1)),
    )
    kinds = {
        "univariate": univariate(synthetic, numeric, streams.numpy("univariate")),
        "multivariate": multivariate(synthetic, numeric, streams.numpy("multivariate"))
        if width > 1
        else [],
    }
    risks = {}
    for number, (kind, predicates) in enumerate(kinds.items()):
        if len(predicates) < MIN_PREDICATES:
            continue
        lengths = [len(predicate) for predicate in predicates[:GUESSES]]
        guesses = _random(
            synthetic, numeric, lengths, streams.numpy("naive predicates", number)
        )
        here, there = (_fits(predicates, *population) for population in populations)
        naive = _rate(_fits(guesses, *populations[0]), count, size)
        rates = [_rate(here, count, size), _rate(there, 1, size)]
        spread = _crowding(
            here, there, count, size, streams.numpy("dealt anew", number)
        )
        risks[kind] = Risk(
            rates[0].worth(spread),
            rates[1].worth(spread),
            naive,
            len(tables.real) / size,
        )
    if not risks:
        raise Skip("no synthetic row stands out")
    z = simultaneous(len(risks))
    intervals = [risk.interval(z) for risk in risks.values()]
    detail = {kind: risk.plain(z) for kind, risk in risks.items()}
    return Outcome(
        max(risk.value for risk in risks.values()),
        Reference(0.0, "ideal: as on holdout rows"),
        (max(low for low, _ in intervals), max(high for _, high in intervals)),
        sum(
            len(predicates)
            for predicates in kinds.values()
            if len(predicates) >= MIN_PREDICATES
        ),
        {**detail, "rows per trial": size, "parts of train": count},
    )


def columns(view: View) -> list[Floats]:
    """Cells of every column: numbers, then codes."""
    return [
        np.ascontiguousarray(c)
        for c in (*view.numbers.T, *view.codes.T.astype(np.float64))
    ]


def univariate(
    cells: list[Floats], numeric: int, rng: np.random.Generator
) -> list[Predicate]:
    """Conditions on one column that one row fits: a value that occurs once, the least, the largest, the only gap."""
    found: list[tuple[int, int, Floats]] = []
    for j, column in enumerate(cells):
        values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        found.append((j, EQUAL, values[counts == 1]))
        if j < numeric:
            found += [
                (j, AT_MOST, values[:1][counts[:1] == 1]),
                (j, AT_LEAST, values[-1:][counts[-1:] == 1]),
            ]
            found.append((j, ABSENT, np.full(int(np.isnan(column).sum() == 1), np.nan)))
    ends = np.cumsum([len(values) for _, _, values in found])
    predicates: list[Predicate] = []
    for i in rng.permutation(int(ends[-1]))[:PREDICATES]:
        group = int(np.searchsorted(ends, i, side="right"))
        j, operator, values = found[group]
        predicates.append(
            (Condition(j, operator, float(values[i - ends[group]])),)
        )  # from the group's end
    return predicates


def multivariate(
    cells: list[Floats], numeric: int, rng: np.random.Generator
) -> list[Predicate]:
    """Conditions on two to eight columns of a synthetic row that no other synthetic row fits.

    A category must be equal; a number at least its value if that is above the median, else at most.
    """
    there = [column[~np.isnan(column)] for column in cells]
    medians = [float(np.median(column)) if len(column) else 0.0 for column in there]
    rows, width, found = len(cells[0]), len(cells), []
    for _ in range(CANDIDATES):
        chosen = rng.permutation(width)[: rng.integers(2, min(width, MOST_COLUMNS) + 1)]
        row, predicate = int(rng.integers(rows)), []
        for j in sorted(chosen.tolist()):
            value = float(cells[j][row])
            operator = (
                EQUAL if j >= numeric else AT_LEAST if value >= medians[j] else AT_MOST
            )
            predicate.append(
                Condition(j, ABSENT if np.isnan(value) else operator, value)
            )
        if len(_fitting(tuple(predicate), cells)) == 1:
            found.append(tuple(predicate))
            if len(found) == PREDICATES:
                break
    return found


def _random(
    cells: list[Floats], numeric: int, lengths: list[int], rng: np.random.Generator
) -> list[Predicate]:
    """Predicates of these lengths on random columns, with random operators and values that occur."""
    domains = [np.unique(column[~np.isnan(column)]) for column in cells]
    filled = [j for j, domain in enumerate(domains) if len(domain)]
    found = []
    for length in lengths:
        chosen = rng.permutation(filled)[:length].tolist()
        operators = [int(rng.integers(3)) if j < numeric else EQUAL for j in chosen]
        values = [float(rng.choice(domains[j])) for j in chosen]
        found.append(
            tuple(
                Condition(j, o, v)
                for j, o, v in zip(chosen, operators, values, strict=True)
            )
        )
    return found


@dataclass(frozen=True)
class _Fits:
    """Which rows fit which predicates, as pairs."""

    predicates: Indices
    rows: Indices
    count: int

    def shares(self, part: Indices, parts: int) -> Floats:
        """For each part of the rows, given the part of every row, the share of predicates that single out."""
        fitting = np.bincount(
            self.predicates * parts + part[self.rows], minlength=self.count * parts
        )
        shares: Floats = (fitting.reshape(self.count, parts) == 1).mean(axis=0)
        return shares


def _fits(predicates: list[Predicate], cells: list[Floats], parts: int) -> _Fits:
    """Leaves out a predicate's rows if there are more than `MANY` per part: dealt by chance, no part has just one."""
    found = [_few(_fitting(predicate, cells), MANY * parts) for predicate in predicates]
    which = np.repeat(np.arange(len(found)), [len(rows) for rows in found])
    return _Fits(which, np.concatenate(found), len(found))


def _few(rows: Indices, limit: int) -> Indices:
    return rows if len(rows) <= limit else np.zeros(0, dtype=np.int64)


def _rate(fits: _Fits, parts: int, size: int) -> Rate:
    """How many trials succeed; a trial is a predicate on one part of ``size`` rows."""
    shares = fits.shares(np.arange(parts * size) // size, parts)
    return Rate(round(float(shares.sum()) * fits.count), fits.count * parts)


def _crowding(
    real: _Fits, control: _Fits, parts: int, size: int, rng: np.random.Generator
) -> float:
    """How many times as much the rates vary by chance as those of independent trials would; at least 1."""
    both = _Fits(
        np.concatenate([real.predicates, control.predicates]),
        np.concatenate([real.rows, control.rows + parts * size]),
        real.count,
    )
    tables = np.arange((parts + 1) * size) // size
    dealt = np.array(
        [both.shares(rng.permutation(tables), parts + 1) for _ in range(DEALS)]
    )
    share = float(dealt.mean())
    expected = share * (1.0 - share) / real.count
    return (
        max(1.0, float(dealt.var(axis=1, ddof=1).mean()) / expected)
        if expected > 0.0
        else 1.0
    )


def _fitting(predicate: Predicate, cells: list[Floats]) -> Indices:
    """Positions of the rows that meet all conditions."""
    first, *others = predicate
    rows = np.flatnonzero(first.holds(cells[first.column]))
    for condition in others:
        rows = rows[condition.holds(cells[condition.column][rows])]
    return rows


SINGLING_OUT = Metric(
    "singling_out",
    "Singling out",
    "risk that a description fits one training row only; 0 = as on holdout",
    "privacy",
    "lower",
    singling_out,
    needs=("holdout",),
    unknown="single people out",
)
