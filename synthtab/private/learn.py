"""Rows with differential privacy: which questions are asked, and rows from their answers.

The budget goes to questions in this order:

1. How many rows there are.
2. Which words the columns have, and which ranges their numbers lie in, where the schema
   leaves that open.
3. How frequent each value of each column is.
4. Of each column with the target, if there is one: how often each pair of values occurs.
5. Again and again: of which two or three columns the counts are most wrong; and these.

After each answer of the last two, the mixture is fitted to all answers. In the end rows are
drawn from it, as many as the table has, and the target once more, given all other columns.
Steps 3 to 5 are those of MST and AIM (McKenna et
al., arXiv 2108.04978 and 2201.12677), with a mixture in place of a graphical model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from synthtab.core.errors import ConfigError, SchemaError
from synthtab.core.randomness import Streams
from synthtab.core.schema import Column, Schema
from synthtab.data.relations.thresholds import roundest
from synthtab.private import domains
from synthtab.private.domains import Domain, Fixed, Grid, Ranges, Words
from synthtab.private.ledger import Ledger
from synthtab.private.mixture import Answer, Mixture
from synthtab.private.noise import Noise, OpenDP, deviation, rho_of
from synthtab.private.questions import Questions
from synthtab.private.target import redrawn

Floats = npt.NDArray[np.float64]

# Share of epsilon for the number of rows.
ROWS_SHARE = 0.01
# Share of delta for words that hardly anybody has; the remainder is for the conversion.
WORDS_DELTA = 0.5
# How the remaining budget is split. What is not needed, the others get.
DOMAINS, SINGLES, WITH_TARGET, PAIRS = 0.1, 0.15, 0.25, 0.5
# Where numbers lie takes several questions, which words there are takes one.
NUMBERS_NEED = 2
# Share of a round's budget for the choice.
CHOICE = 0.15
# Rounds for each column: at least, and where the noise is small, at most.
LEAST_ROUNDS, MOST_ROUNDS = 1.5, 6.0
# The noise is small if that of a table of so many values changes this share of the rows.
USUAL_TABLE = 300
SMALL_NOISE = 0.05
# Questions that are chosen, at most, before the mixture is fitted to their answers.
FITS = 16
# Ranges of a column of numbers, about, at most: as usual, and where the noise is small.
USUAL_RANGES, MOST_RANGES = 32, 64
# Values of a column at most; what is rarer becomes any other word.
MOST_WORDS = 64
# Most counts of three columns that are thought of.
MOST_OF_THREE = 600
# Most combinations of three columns that are thought of in a round.
MOST_TRIPLES = 400
# Values of a target at most that is drawn anew: ranges of a number have an order, of which
# the weights of `redrawn` know nothing.
MOST_CLASSES = 20
# Components of the mixture: one for so many rows, within limits.
ROWS_PER_COMPONENT = 8
LEAST_COMPONENTS, MOST_COMPONENTS = 100, 1_500
# Steps after each answer, and in the end.
STEPS, LAST_STEPS = 60, 600
# Most rows that are drawn.
MOST_ROWS = 1_000_000

# A share of the work that is done.
Tell = Callable[[float], None]


@dataclass(frozen=True)
class PrivateTable:
    """Rows that may be used in any way, and what was paid for them.

    Attributes:
        frame: The rows, in the dtypes of the schema.
        schema: Their columns, without what only the table said.
        ledger: What was asked, and what it promises.
    """

    frame: pd.DataFrame
    schema: Schema
    ledger: Ledger


@dataclass(frozen=True)
class Plan:
    """How a budget is split, known before the table is read.

    Attributes:
        epsilon: In all.
        rows_epsilon: For the number of rows.
        delta: In all; None until the number of rows is known, about.
    """

    epsilon: float
    rows_epsilon: float
    delta: float | None

    @classmethod
    def of(cls, epsilon: float, delta: float | None) -> Plan:
        """The plan of a budget.

        Raises:
            ConfigError: There is no such budget.
        """
        if not 0 < epsilon < math.inf:
            raise ConfigError(f"epsilon must be more than 0, not {epsilon!r}")
        if delta is not None and not 0 < delta < 1:
            raise ConfigError(f"delta must be between 0 and 1, not {delta!r}")
        return cls(epsilon, ROWS_SHARE * epsilon, delta)

    def in_words(self, has_target: bool) -> str:
        """What the budget is spent on."""
        delta = "1 / (n sqrt n)" if self.delta is None else f"{self.delta:g}"
        shares = {
            "which values there are": DOMAINS,
            "single columns": SINGLES,
            "each column with the target": WITH_TARGET if has_target else 0.0,
            "columns that go together": PAIRS if has_target else PAIRS + WITH_TARGET,
        }
        spent = [f"{share:.0%} {what}" for what, share in shares.items() if share]
        return (
            f"epsilon {self.epsilon:g}, delta {delta}: {ROWS_SHARE:.0%} of epsilon for the "
            f"number of rows; of what is left, {', '.join(spent)}"
        )


def private_rows(
    frame: pd.DataFrame,
    schema: Schema,
    epsilon: float,
    delta: float | None,
    streams: Streams,
    target: str | None = None,
    tell: Tell = lambda done: None,
    left: Callable[[], float] = lambda: math.inf,
    noise: Noise | None = None,
) -> PrivateTable:
    """Rows like those of a table, with (epsilon, delta)-differential privacy.

    Two tables are neighbours if one has a row more, or, with a person's column in the schema,
    a person more.

    Args:
        frame: The table.
        schema: What is public: kinds, formats, and bounds and words where it has them. What
            it leaves open is paid for. Constraints are left out.
        epsilon: Above 0.
        delta: Between 0 and 1; if not given 1 / (n sqrt n) for about n rows, rounded down to a
            power of ten.
        streams: Randomness of all but the noise, which has none to repeat.
        target: A column whose relations matter most.
        tell: Called with the share of the work that is done.
        left: Says how many seconds are left. Where few are, the rows agree less with the
            answers; the promise is the same.
        noise: What makes answers private; OpenDP if not given.

    Raises:
        ConfigError: There is no such budget, or OpenDP is missing.
        SchemaError: Of a column nothing can be learnt so.
    """
    plan = Plan.of(epsilon, delta)
    domains.check(schema)
    schema = domains.public(schema)
    noise = noise or OpenDP()
    unit = schema.person or "row"
    ledger = Ledger(epsilon, delta or 0.0, 0.0, plan.rows_epsilon, 0.0, unit)
    questions = Questions(frame, schema, ledger, noise)
    rows = questions.rows(plan.rows_epsilon)
    if delta is None:
        delta = 10.0 ** math.floor(-1.5 * math.log10(max(rows, 10)))
    ledger.delta = delta
    if _open_words(schema):
        ledger.other_delta = WORDS_DELTA * delta
    ledger.rho = rho_of(epsilon - plan.rows_epsilon, delta - ledger.other_delta)

    try:
        return _learn(questions, schema, ledger, rows, streams, target, tell, left)
    except SchemaError:
        # Its own message may hold a cell of the table.
        raise SchemaError(
            "a column of the table has a dtype that its kind in the schema cannot be "
            "(the cells are not told): give the table as a CSV file"
        ) from None


def _learn(
    questions: Questions,
    schema: Schema,
    ledger: Ledger,
    rows: int,
    streams: Streams,
    target: str | None,
    tell: Tell,
    left: Callable[[], float],
) -> PrivateTable:
    """Ask, and draw rows from what was answered."""
    known = _domains(questions, schema, ledger.rho, ledger.other_delta, rows)
    questions.encode(known)
    sizes = {name: domain.size for name, domain in known.items() if domain.size > 1}
    count = min(rows, MOST_ROWS)
    rng = streams.numpy("private.rows")
    codes: dict[str, npt.NDArray[np.int64]] = {}
    if sizes:
        # What the schema says already needs no budget.
        rho = ledger.rho * (1.0 - (DOMAINS if _is_open(schema) else 0.0))
        mixture, answers = _fitted(
            questions, sizes, rho, rows, streams, target, tell, left
        )
        codes = mixture.draw(count, rng)
        others = [name for name in sizes if name != target]
        if others and target in sizes and sizes[target] <= MOST_CLASSES:
            codes[target] = redrawn(codes, answers, target, sizes, rng)
    nothing = np.zeros(count, dtype=np.int64)
    cells = {
        name: domain.cells(codes.get(name, nothing), rng)
        for name, domain in known.items()
    }
    tell(1.0)
    # A column of which no word may be told has missing cells, whatever the schema says.
    schema = replace(schema, columns=tuple(one.column for one in known.values()))
    return PrivateTable(pd.DataFrame(cells), schema, ledger)


def _fitted(
    questions: Questions,
    sizes: Mapping[str, int],
    rho: float,
    rows: int,
    streams: Streams,
    target: str | None,
    tell: Tell,
    left: Callable[[], float],
) -> tuple[Mixture, list[Answer]]:
    """A mixture that agrees with the answers to questions that cost ``rho`` in all.

    Returns:
        It, and the answers.
    """
    random = torch.Generator().manual_seed(streams.integer("private.mixture"))
    components = min(MOST_COMPONENTS, max(LEAST_COMPONENTS, rows // ROWS_PER_COMPONENT))
    mixture = Mixture(sizes, components, rows, random)
    answers: list[Answer] = []

    def ask(names: tuple[str, ...], rho: float) -> None:
        counts = questions.counts(names, rho).astype(np.float64)
        answers.append(Answer(names, counts, deviation(rho)))

    with_target = [name for name in sizes if name != target] if target in sizes else []
    several = len(sizes) > 1
    share = rho / (SINGLES + several * (PAIRS + WITH_TARGET))
    for name in sizes:
        ask((name,), SINGLES * share / len(sizes))
        mixture.start_from(answers[-1])
    tell(0.1)
    for name in with_target:
        assert target is not None
        ask((name, target), WITH_TARGET * share / len(with_target))
    if several:
        mixture.fit(answers, 3 * STEPS, left)
        of_pairs = (PAIRS if with_target else PAIRS + WITH_TARGET) * share
        candidates = len(_candidates(sizes)) - len(with_target)
        rounds = min(candidates, _rounds(len(sizes), of_pairs, rows))
        at_once = -(-rounds // FITS)
        for done in range(0, rounds, at_once):
            for _ in range(min(at_once, rounds - done)):
                cost = of_pairs / rounds
                _round(questions, mixture, answers, sizes, cost, streams, ask)
            mixture.fit(answers, STEPS, left)
            tell(0.1 + 0.7 * (done + 1) / rounds)
        mixture.fit(answers, LAST_STEPS, left)
    return mixture, answers


def _noise_of_a_table(columns: int, rho: float, rows: int) -> float:
    """The share of the rows that the noise of a usual table changes, with few rounds.

    Args:
        columns: Columns that vary.
        rho: The budget of all rounds.
        rows: About how many rows there are.
    """
    one_round = rho / (LEAST_ROUNDS * columns)
    return deviation(one_round) * USUAL_TABLE / 2 / rows


def _rounds(columns: int, rho: float, rows: int) -> int:
    """How many tables are counted: the more, the less the noise of each matters."""
    least = LEAST_ROUNDS * columns
    # The variance of the noise grows with the number of tables.
    affordable = least * (SMALL_NOISE / _noise_of_a_table(columns, rho, rows)) ** 2
    return round(min(MOST_ROUNDS * columns, max(least, affordable)))


def _round(
    questions: Questions,
    mixture: Mixture,
    answers: list[Answer],
    sizes: Mapping[str, int],
    rho: float,
    streams: Streams,
    ask: Callable[[tuple[str, ...], float], None],
) -> None:
    """Find two or three columns whose counts are most wrong, and count them."""
    asked = {frozenset(answer.names) for answer in answers}
    candidates = [n for n in _candidates(sizes) if frozenset(n) not in asked]
    triples = [names for names in candidates if len(names) == 3]
    if len(triples) > MOST_TRIPLES:
        order = streams.numpy("private.triples", len(answers)).permutation(len(triples))
        left_out = {triples[i] for i in order[MOST_TRIPLES:]}
        candidates = [names for names in candidates if names not in left_out]
    guesses = mixture.counts(candidates)
    measuring = (1 - CHOICE) * rho
    # The mean absolute value of normal noise.
    handicap = math.sqrt(2 / math.pi) * deviation(measuring)
    ask(questions.worst(guesses, CHOICE * rho, handicap), measuring)


def _candidates(sizes: Mapping[str, int]) -> list[tuple[str, ...]]:
    """All pairs of columns, and triples with few values together."""
    triples = [
        names
        for names in combinations(sizes, 3)
        if math.prod(sizes[name] for name in names) <= MOST_OF_THREE
    ]
    return [*combinations(sizes, 2), *triples]


# --------------------------------------------------------------------------------------
# Which values there are


def _open_words(schema: Schema) -> list[str]:
    """The columns of which the schema does not list the words."""
    return [
        column.name
        for column in schema.columns
        if not domains.is_fixed(column)
        and not domains.is_number(column)
        and domains.listed_words(column) is None
    ]


def _is_open(schema: Schema) -> bool:
    """Whether some values have to be paid for."""
    return bool(_open_words(schema)) or any(map(domains.is_number, schema.columns))


def _domains(
    questions: Questions, schema: Schema, rho: float, delta: float, rows: int
) -> dict[str, Domain]:
    """The domain of every column: public, or paid for."""
    open_words = _open_words(schema)
    numbers = [c.name for c in schema.columns if domains.is_number(c)]
    asked = len(open_words) + NUMBERS_NEED * len(numbers)
    noise = _noise_of_a_table(len(schema.columns), PAIRS * rho, rows)
    ranges = MOST_RANGES if noise < SMALL_NOISE else USUAL_RANGES
    known: dict[str, Domain] = {}
    for column in schema.columns:
        one = DOMAINS * rho / max(1, asked)
        if domains.is_fixed(column):
            known[column.name] = Fixed(column)
        elif domains.is_number(column):
            known[column.name] = _ranges(
                questions, column, NUMBERS_NEED * one, rows, ranges
            )
        elif column.name in open_words:
            counts = questions.words(column, one, delta / len(open_words))
            known[column.name] = _words(column, counts)
        else:
            known[column.name] = Words(column, domains.listed_words(column) or [])
    return known


def _ranges(
    questions: Questions, column: Column, rho: float, rows: int, ranges: int
) -> Domain:
    grid = Grid.of(column)
    places = questions.ranges(column, grid, rho, fewest=rows / ranges)
    ends = grid.numbers(places)
    step = domains.step_of(column)
    if step is not None:
        # Ranges of whole steps.
        ends = np.ceil(ends / step - 1e-6) * step
    is_wide = np.diff(ends) > 0
    if not is_wide.any():
        return Ranges(column, np.array([ends[0], ends[0] + (step or 1.0)]), step)
    # A single cell that so many rows are in is one value, most likely a round one.
    is_cell = np.diff(places)[is_wide] == 1
    ends = np.append(ends[:1], ends[1:][is_wide])
    points = [
        # The value may be that where the cell begins, not that where it ends.
        -roundest(-high, -low) if is_one else np.nan
        for low, high, is_one in zip(ends[:-1], ends[1:], is_cell, strict=True)
    ]
    return Ranges(column, ends, step, np.array(points), grid)


def _words(column: Column, counts: Mapping[str, int]) -> Domain:
    """The words that many rows have; none of them may be a column of one word, too."""
    often = sorted(counts, key=lambda word: -counts[word])[:MOST_WORDS]
    if not often:
        # Nothing can be told: every cell is missing.
        return Fixed(replace(column, missing=True))
    shares = np.array([max(1, counts[word]) for word in often], dtype=np.float64)
    return Words(column, often, shares)
