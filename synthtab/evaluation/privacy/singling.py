"""Singling out: can an attacker describe exactly one person of the training table?

The attacker reads predicates off the synthetic rows, such as ``age >= 87`` or ``job =
pilot and age <= 19 and pay >= 5000``, that fit one synthetic row only. A predicate
succeeds on a table if exactly one of its rows fits (arXiv 2211.10459, section 4.1).

Whether one does depends on the number of rows, so every trial is on a table of the
control's size: the holdout, and parts of that size of the training table. A row that
leaked can be found in one of the parts only, so the gain over the control is multiplied
by the number of times that the training table holds the control's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.metric import (
    MIN_ROWS,
    Metric,
    Outcome,
    Reference,
    Skip,
    simultaneous,
)
from synthtab.evaluation.privacy.risk import Rate, Risk
from synthtab.evaluation.views import Tables, View

# Predicates of each kind, and tries to find those about several columns.
PREDICATES = 2_000
CANDIDATES = 4 * PREDICATES
MIN_PREDICATES = 20
GUESSES = 500
# Columns of a predicate about several.
FEWEST_COLUMNS = 2
MOST_COLUMNS = 8
# Most rows of a table.
POPULATION = 250_000
# How often the rows are dealt out anew, to see how the rates vary.
DEALS = 100
# A predicate that more rows of a part fit never fits a single one by chance.
MANY_ROWS = 100

# Operators of a clause: = value, <= value, >= value, is missing.
EQUAL, AT_MOST, AT_LEAST, ABSENT = range(4)

Predicate = tuple["Clause", ...]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Clause:
    """One comparison of a predicate.

    Attributes:
        column: Position in `columns`.
        operator: `EQUAL`, `AT_MOST`, `AT_LEAST` or `ABSENT`.
        value: What cells are compared with; a number, or the code of a category.
    """

    column: int
    operator: int
    value: float

    def holds(self, cells: Floats) -> npt.NDArray[np.bool_]:
        """For which of the column's cells it is true.

        For a missing number only `ABSENT` is: comparisons with NaN are false.
        """
        if self.operator == EQUAL:
            return cells == self.value
        if self.operator == AT_MOST:
            return cells <= self.value
        if self.operator == AT_LEAST:
            return cells >= self.value
        return np.isnan(cells)


@dataclass(frozen=True)
class Population:
    """A table in which predicates are tried, its rows in random order.

    Attributes:
        cells: See `columns`.
        parts: Number of tables of the control's size that the rows make.
    """

    cells: list[Floats]
    parts: int


def singling_out(tables: Tables, streams: Streams) -> Outcome:
    """The larger risk of predicates about one column and about several columns.

    From 0, which is ideal, to 1; see `risk.Risk`. Up to 2,000 predicates of each kind
    are tried. The naive rate is that of 500 with random clauses on random columns.
    As there are two kinds, the interval is from the larger lower to the larger upper
    end at 1 - 0.05/2 (Bonferroni).

    A trial is a predicate on one table of the control's size. Predicates on one table
    hang together, as one unusual row decides about many: dealing all rows out anew to
    the tables, 100 times, shows how much the rates vary by chance, and as many trials
    are counted as would vary so if they were independent. Tables of more than 250,000
    rows are sampled.
    """
    assert tables.holdout is not None
    searched = min(len(tables.real), POPULATION)
    parts = max(1, round(searched / len(tables.holdout)))
    size = min(searched // parts, len(tables.holdout))
    if size < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")
    # In random order: the first rows are the first part, and so on.
    order = streams.numpy("parts of train").permutation(len(tables.real))
    train = tables.real.take(order[: parts * size])
    control = tables.holdout.some(size, streams.numpy("control"))
    train_population = Population(columns(train), parts)
    control_population = Population(columns(control), 1)

    synthetic = tables.synthetic.some(POPULATION, streams.numpy("predicates from"))
    cells = columns(synthetic)
    numeric = len(tables.numeric)
    kinds = {"univariate": univariate(cells, numeric, streams.numpy("univariate"))}
    kinds["multivariate"] = []
    if len(cells) >= FEWEST_COLUMNS:
        rng = streams.numpy("multivariate")
        kinds["multivariate"] = multivariate(cells, numeric, rng)

    risks: dict[str, Risk] = {}
    predicates_tried = 0
    for number, (kind, predicates) in enumerate(kinds.items()):
        if len(predicates) < MIN_PREDICATES:
            continue
        predicates_tried += len(predicates)
        # Guesses have as many clauses as the predicates of the attack.
        lengths = [len(predicate) for predicate in predicates[:GUESSES]]
        rng = streams.numpy("naive predicates", number)
        guesses = _random(cells, numeric, lengths, rng)
        naive = rate_of_trials(find_fits(guesses, train_population), size)
        on_train = find_fits(predicates, train_population)
        on_control = find_fits(predicates, control_population)
        # As many trials count as would be independent.
        rng = streams.numpy("dealt anew", number)
        times = crowding(on_train, on_control, size, rng)
        risks[kind] = Risk(
            train=rate_of_trials(on_train, size).worth(times),
            control=rate_of_trials(on_control, size).worth(times),
            naive=naive,
            parts=len(tables.real) / size,
        )
    if not risks:
        raise Skip("no synthetic row stands out")
    z = simultaneous(len(risks))
    intervals = [risk.interval(z) for risk in risks.values()]
    detail: dict[str, object] = {kind: risk.plain(z) for kind, risk in risks.items()}
    detail["rows per trial"] = size
    detail["parts of train"] = parts
    return Outcome(
        max(risk.value for risk in risks.values()),
        Reference(0.0, "ideal: as on holdout rows"),
        (max(low for low, _ in intervals), max(high for _, high in intervals)),
        predicates_tried,
        detail,
    )


def columns(view: View) -> list[Floats]:
    """Cells of every column: numbers, then codes as numbers."""
    of_codes = view.codes.T.astype(np.float64)
    return [np.ascontiguousarray(column) for column in (*view.numbers.T, *of_codes)]


@dataclass(frozen=True)
class _Singles:
    """Conditions on one column that a single row fits: one for each value."""

    column: int
    operator: int
    values: Floats


def univariate(
    cells: list[Floats], numeric: int, rng: np.random.Generator
) -> list[Predicate]:
    """Conditions on one column that one row fits.

    A value that occurs once is one; so are the least and the largest number where they
    occur once, and a gap where it is the only one. Of more than `PREDICATES` that many
    are drawn.

    Args:
        cells: See `columns`.
        numeric: So many columns are numbers; they come first.
        rng: Draws.
    """
    groups: list[_Singles] = []
    for j, column in enumerate(cells):
        values, counts = np.unique(known(column), return_counts=True)
        once = counts == 1
        groups.append(_Singles(j, EQUAL, values[once]))
        if j < numeric:
            # Each of these three has one value, or none.
            least = values[:1][once[:1]]
            largest = values[-1:][once[-1:]]
            gaps = np.isnan(column).sum()
            only_gap = np.full(1 if gaps == 1 else 0, np.nan)
            groups.append(_Singles(j, AT_MOST, least))
            groups.append(_Singles(j, AT_LEAST, largest))
            groups.append(_Singles(j, ABSENT, only_gap))
    # All clauses have one numbering: those of group g end at ends[g].
    ends = np.cumsum([len(group.values) for group in groups])
    predicates: list[Predicate] = []
    for i in rng.permutation(int(ends[-1]))[:PREDICATES]:
        g = int(np.searchsorted(ends, i, side="right"))
        group = groups[g]
        # Negative: counted from the end of the group.
        value = float(group.values[i - ends[g]])
        predicates.append((Clause(group.column, group.operator, value),))
    return predicates


def multivariate(
    cells: list[Floats], numeric: int, rng: np.random.Generator
) -> list[Predicate]:
    """Conditions on two to eight columns of a synthetic row that no other one fits.

    A category must be equal; a number at least its value if that is above the median,
    else at most. Args: see `univariate`.
    """
    medians = []
    for column in cells:
        there = known(column)
        medians.append(float(np.median(there)) if len(there) else 0.0)
    rows, width = len(cells[0]), len(cells)
    most = min(width, MOST_COLUMNS)
    predicates: list[Predicate] = []
    for _ in range(CANDIDATES):
        # In this order: what is drawn decides the predicates of a seed.
        order = rng.permutation(width)
        chosen = sorted(order[: rng.integers(FEWEST_COLUMNS, most + 1)].tolist())
        row = int(rng.integers(rows))
        clauses = []
        for j in chosen:
            value = float(cells[j][row])
            if np.isnan(value):
                operator = ABSENT
            elif j >= numeric:
                operator = EQUAL
            else:
                operator = AT_LEAST if value >= medians[j] else AT_MOST
            clauses.append(Clause(j, operator, value))
        predicate = tuple(clauses)
        if len(_fitting(predicate, cells)) == 1:
            predicates.append(predicate)
            if len(predicates) == PREDICATES:
                break
    return predicates


def _random(
    cells: list[Floats], numeric: int, lengths: list[int], rng: np.random.Generator
) -> list[Predicate]:
    """Predicates of these lengths on random columns.

    Operators are random, and values random ones of those that occur, each as likely.
    """
    domains = [np.unique(known(column)) for column in cells]
    filled = [j for j, domain in enumerate(domains) if len(domain)]
    predicates: list[Predicate] = []
    for length in lengths:
        chosen = rng.permutation(filled)[:length].tolist()
        # All operators are drawn before all values: the order decides what a seed
        # gives. EQUAL, AT_MOST and AT_LEAST are 0, 1 and 2.
        operators = []
        for j in chosen:
            operators.append(int(rng.integers(3)) if j < numeric else EQUAL)
        clauses = []
        for j, operator in zip(chosen, operators, strict=True):
            value = float(rng.choice(domains[j]))
            clauses.append(Clause(j, operator, value))
        predicates.append(tuple(clauses))
    return predicates


@dataclass(frozen=True)
class Fits:
    """Which rows fit which predicates.

    Attributes:
        predicates: Number of the predicate of each fit ``[fits]``.
        rows: Number of the row of each fit ``[fits]``.
        count: Number of predicates.
        parts: Number of tables that the rows make, see `Population`.
    """

    predicates: Indices
    rows: Indices
    count: int
    parts: int

    def shares(self, part_of_row: Indices, parts: int) -> Floats:
        """Share of the predicates that single out one row of each part ``[parts]``."""
        # A cell of the table of predicates by parts.
        cell = self.predicates * parts + part_of_row[self.rows]
        fitting = np.bincount(cell, minlength=self.count * parts)
        single = fitting.reshape(self.count, parts) == 1
        shares: Floats = single.mean(axis=0)
        return shares


def find_fits(predicates: list[Predicate], population: Population) -> Fits:
    """Try predicates on all rows of a population.

    A predicate that more than `MANY_ROWS` per part fit counts as one that none fits:
    dealt by chance, no part has just one of them.
    """
    limit = MANY_ROWS * population.parts
    rows = []
    for predicate in predicates:
        fitting = _fitting(predicate, population.cells)
        if len(fitting) > limit:
            fitting = np.zeros(0, dtype=np.int64)
        rows.append(fitting)
    numbers = np.repeat(np.arange(len(rows)), [len(fitting) for fitting in rows])
    return Fits(numbers, np.concatenate(rows), len(rows), population.parts)


def rate_of_trials(fits: Fits, size: int) -> Rate:
    """How many trials succeed; a trial is a predicate on one part of ``size`` rows."""
    part_of_row = np.arange(fits.parts * size) // size
    shares = fits.shares(part_of_row, fits.parts)
    successes = round(float(shares.sum()) * fits.count)
    return Rate(successes, fits.count * fits.parts)


def crowding(train: Fits, control: Fits, size: int, rng: np.random.Generator) -> float:
    """How many times as much the rates vary by chance as if trials were independent.

    At least 1. The rows of both populations are dealt out anew, each time to as many
    tables of ``size`` rows as they made.
    """
    parts = train.parts
    both = Fits(
        np.concatenate([train.predicates, control.predicates]),
        # The rows of the control are numbered after those of the training table.
        np.concatenate([train.rows, control.rows + parts * size]),
        train.count,
        parts + 1,
    )
    part_of_row = np.arange(both.parts * size) // size
    shares = []
    for _ in range(DEALS):
        shares.append(both.shares(rng.permutation(part_of_row), both.parts))
    dealt = np.array(shares)
    share = float(dealt.mean())
    # The variance of the share of `count` independent trials.
    expected = share * (1.0 - share) / train.count
    if expected == 0.0:
        return 1.0
    return max(1.0, float(dealt.var(axis=1, ddof=1).mean()) / expected)


def _fitting(predicate: Predicate, cells: list[Floats]) -> Indices:
    """Positions of the rows that meet all clauses."""
    first, *others = predicate
    rows = np.flatnonzero(first.holds(cells[first.column]))
    for clause in others:
        rows = rows[clause.holds(cells[clause.column][rows])]
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
