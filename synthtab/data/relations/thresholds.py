"""Thresholds: given a word, one number decides on which side of a limit another one lies.

Smokers with a body mass index above 30 pay more than 30,000, other smokers less. Smooth
densities blur that, and a range of one column given another does not tell it. So for each
word, pairs of numbers are looked at: sorted by one, does the rank of the other jump? Where
it does, both are cut there, and the combinations that (nearly) no row has are a rule, as
those of `synthtab.data.relations.rules`.

A limit is the roundest number between the values on its sides, so that no value is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from synthtab.core.layout import Encoded, Rule
from synthtab.data.columns.numbers import UNIT
from synthtab.data.relations.rules import (
    EVIDENCE,
    LIFT,
    Coded,
    Line,
    coded_columns,
    is_code_of_modes,
)

# Rows in which thresholds are looked for; fewest of a word, and their share of all.
ROWS = 6000
FEWEST = 100
LEAST_SHARE = 0.03
# Most words of a column, columns of words, and numbers that are looked at.
MOST_WORDS = 12
MOST_COLUMNS = 10
MOST_LINES = 12
# Rows on either side of a jump: this share of a word's, and so many at least.
WINDOW = 1 / 12
FEWEST_IN_WINDOW = 15
# How far ranks jump, in deviations of those on one side. Half of a word's rows on either
# side of two limits: 3.5.
JUMP = 2.5
# And that is so many times as far as at most other places: else the one rises with the other.
TREND = 3.0
# Greatest rank correlation of the two on either side: with more, one follows the other.
FLAT = 0.65
# Of the rows of a word, so many more may be on the wrong side of a rounder limit; and how
# many rows on either side of the best one are looked at for such.
NEARLY_BEST = 0.005
NEAR_ROWS = (0, 1, 2, 4)
# A gap that is such a share of the range has a limit at both ends, so far within it at most.
WIDE_GAP = 0.05
WITHIN_GAP = 0.25
# Share of a word's rows on either side of a limit, at least.
LEAST_SIDE = 0.1
# Where a piece lies that is neither below limits nor above them.
GAP = 2
NO_NUMBER = -1
# Most rules.
MOST_THRESHOLDS = 10

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# Of two columns: one each, or two with a gap between them.
Limits = tuple[tuple[float, ...], tuple[float, ...]]


def threshold_rules(
    rows: Encoded, people: Ints | None, lines: Sequence[Line]
) -> tuple[Rule, ...]:
    """The thresholds of training rows, as rules of a word and two numbers.

    Args:
        rows: Training rows.
        people: Whom each row is about; then each person has one row for each word.
        lines: The columns of numbers.
    """
    if len(rows) > ROWS:
        # Evenly spread: a table may be sorted.
        places = np.arange(ROWS) * len(rows) // ROWS
        rows = rows.take(places)
        people = None if people is None else people[places]
    lines = lines[:MOST_LINES]
    if len(lines) < 2:
        return ()
    values = np.column_stack([_between_atoms(line, rows) for line in lines])
    words = [
        column
        for column in coded_columns(rows)
        if 2 <= column.size <= MOST_WORDS
        and len(column.blocks) == 1
        and not is_code_of_modes(rows.layout, column)
    ]
    found: list[Rule] = []
    for column in words[:MOST_COLUMNS]:
        for code, of_word in _rows_of_words(column, people):
            for i, j, limits in _jumps(values[of_word]):
                sides = [lines[i], lines[j]]
                rule = _rule(
                    rows, column, code, sides, limits, values[of_word][:, [i, j]]
                )
                if rule is not None and len(found) < MOST_THRESHOLDS:
                    found.append(rule)
    return tuple(found)


def _between_atoms(line: Line, rows: Encoded) -> Floats:
    """``[rows]``: the numbers of a column; NaN for those that have a code of their own.

    What goes with such a number, codes tell.
    """
    is_atom = rows.codes[:, line.block] < line.first_mode
    return np.where(is_atom, np.nan, line.values(rows))


def _rows_of_words(column: Coded, people: Ints | None) -> Iterator[tuple[int, Ints]]:
    """The words that enough rows have, and which rows these are."""
    fewest = max(FEWEST, LEAST_SHARE * len(column.ids))
    for code in range(column.size):
        own = np.flatnonzero(column.ids == code)
        if people is not None:
            _, first = np.unique(people[own], return_index=True)
            own = own[np.sort(first)]
        if len(own) >= fewest:
            yield code, own


def _jumps(values: Floats) -> Iterator[tuple[int, int, Limits]]:
    """Numbers of two columns of which one jumps where the other passes a limit.

    Each pair comes once, where the jump is the greatest.

    Args:
        values: ``[rows of a word, columns]``; NaN where there is none.
    """
    missing = np.isnan(values)
    ranks = np.column_stack(
        [
            rankdata(np.where(gone, np.nan, own), nan_policy="omit")
            for own, gone in zip(values.T, missing.T, strict=True)
        ]
    )
    ranks = np.nan_to_num(ranks / len(values), nan=0.5)
    best: dict[tuple[int, int], tuple[float, tuple[int, int, Limits]]] = {}
    for i in range(values.shape[1]):
        present = np.flatnonzero(~missing[:, i])
        if len(present) < FEWEST:
            continue
        order = present[np.argsort(values[present, i], kind="stable")]
        by = values[order, i]
        jump = _jump(ranks[order], by)
        jump[:, i] = 0
        highest = jump.max(axis=0, initial=0)
        is_steep = highest >= TREND * _usual(jump)
        for j in np.flatnonzero(is_steep & (highest >= JUMP)).tolist():
            place = _sharpest(ranks[order, j], by, int(jump[:, j].argmax()))
            if not _is_a_step(ranks[order, j], place):
                continue
            limits = _limits(by, values[order, j], place)
            if limits is None:
                continue
            pair = (min(i, j), max(i, j))
            one = (float(jump[:, j].max()), (i, j, limits))
            if pair not in best or best[pair][0] < one[0]:
                best[pair] = one
    for _, found in best.values():
        yield found


def _usual(jump: Floats) -> Floats:
    """``[columns]``: the median where there is any."""
    return np.array([np.median(own[own > 0]) if own.any() else 0.0 for own in jump.T])


def _window(rows: int) -> int:
    return max(FEWEST_IN_WINDOW, int(WINDOW * rows))


def _jump(ranks: Floats, by: Floats) -> Floats:
    """``[rows, columns]``: how far ranks jump before each row, in deviations.

    Args:
        ranks: ``[rows, columns]``, the rows sorted.
        by: ``[rows]``: what they are sorted by; there is no jump between equal ones.
    """
    window = _window(len(by))
    jump = np.zeros_like(ranks)
    if len(by) < 2 * window:
        return jump
    nothing = np.zeros((1, ranks.shape[1]))
    sums = np.concatenate([nothing, ranks.cumsum(axis=0)])
    squares = np.concatenate([nothing, (ranks**2).cumsum(axis=0)])
    mean = (sums[window:] - sums[:-window]) / window
    variance = (squares[window:] - squares[:-window]) / window - mean**2
    before, after = slice(None, -window), slice(window, None)
    pooled = (variance[before] + variance[after]) / 2
    # Where all are equal, ranks are as good as a hundredth apart.
    deviation = np.sqrt(np.maximum(pooled, 1e-4))
    jump[window : len(by) - window + 1] = np.abs(mean[after] - mean[before]) / deviation
    is_new = np.append(False, by[1:] > by[:-1])
    return np.asarray(jump * is_new[:, None])


def _sharpest(ranks: Floats, by: Floats, near: int) -> int:
    """The row near another one before which ranks are best cut in two."""
    window = _window(len(by))
    low, high = max(near - window, 0), min(near + window, len(by))
    own = ranks[low:high]
    sums = own.cumsum()[:-1]
    count = np.arange(1, len(own))
    rest = own.sum() - sums
    # The variance between both sides.
    between = sums**2 / count + rest**2 / (len(own) - count)
    is_new = by[low + 1 : high] > by[low : high - 1]
    return low + 1 + int(np.where(is_new, between, -np.inf).argmax())


def _is_a_step(ranks: Floats, place: int) -> bool:
    """Whether ranks go neither up nor down before a row and after it."""
    for own in (ranks[:place], ranks[place:]):
        if len(own) < FEWEST_IN_WINDOW:
            return False
        if own.std() == 0:
            continue
        correlation = np.corrcoef(np.arange(len(own)), rankdata(own))[0, 1]
        if abs(correlation) > FLAT:
            return False
    return True


def _limits(by: Floats, other: Floats, place: int) -> Limits | None:
    """The limits of both columns; None where the other one has none.

    Two limits of a column have a gap between them.

    Args:
        by: Ascending.
        other: The other column, in the same order.
        place: The first row above the limit.
    """
    above = np.arange(len(by)) >= place
    there = ~np.isnan(other)
    order = np.argsort(other[there], kind="stable")
    cells, is_high = other[there][order], above[there][order]
    # Wrong, if the limit is before each row: low ones above it, high ones below it.
    wrong = np.append(0, is_high.cumsum())
    wrong += np.append((~is_high)[::-1].cumsum()[::-1], 0)
    # It may be the other way round.
    wrong = np.minimum(wrong, len(cells) - wrong)[1:-1]
    gaps = np.diff(cells)
    if not (gaps > 0).any():
        return None
    # Of cuts that are about as good, that in the widest gap.
    best = int(wrong[gaps > 0].min())
    is_good = wrong <= best + NEARLY_BEST * len(cells)
    cut = 1 + int(np.where(is_good, gaps, -1.0).argmax())
    limits = _at(cells, is_high, cut)
    is_above = other[there] >= limits[0]
    first = int(there[:place].sum())
    if not 0 < first < len(cells):
        return None
    return _at(by[there], is_above, first), limits


def _at(values: Floats, is_above: Mask, cut: int) -> tuple[float, ...]:
    """The limit before a row, or two if there is a wide gap.

    Args:
        values: Ascending.
        is_above: Whether the other number is above its limit.
        cut: The row.
    """
    low, high = float(values[cut - 1]), float(values[cut])
    if high - low < WIDE_GAP * (values[-1] - values[0]):
        return (_round_limit(values, is_above, high),)
    edge = WITHIN_GAP * (high - low)
    return roundest(low, low + edge), roundest(high - edge, high)


def _round_limit(by: Floats, is_above: Mask, limit: float) -> float:
    """A rounder limit than the given one that is about as good.

    Values near it are means of several, which may lie on the other side than these.

    Args:
        by: Ascending.
        is_above: Whether the other number is above its limit.
        limit: The least value above.
    """
    place = int(np.searchsorted(by, limit))
    found = []
    for rows in NEAR_ROWS:
        low = by[max(place - 1 - rows, 0)]
        high = by[min(place + rows, len(by) - 1)]
        if low < high:
            round_one = roundest(float(low), float(high))
            right = int(((by >= round_one) == is_above).sum())
            # Both on the same side, or always on the other one.
            right = max(right, len(by) - right)
            found.append((right + NEARLY_BEST * rows, round_one))
    return max(found)[1] if found else limit


def roundest(low: float, high: float) -> float:
    """The number of the fewest digits above ``low``, and at most ``high``."""
    width = high - low
    unit = 10.0 ** np.ceil(np.log10(max(abs(low), abs(high), width)))
    while unit > width / 1000:
        for step in (unit, unit / 2, unit / 4):
            number = (np.floor(low / step) + 1) * step
            if low < number <= high:
                return float(number)
        unit /= 10
    return high


def _rule(
    rows: Encoded,
    column: Coded,
    code: int,
    lines: Sequence[Line],
    limits: Limits,
    values: Floats,
) -> Rule | None:
    """What never occurs of a word and the sides of two limits; None if all does.

    Args:
        rows: Training rows.
        column: Of the word.
        code: The word.
        lines: The columns of numbers.
        limits: Of them.
        values: ``[rows of the word, 2]``.
    """
    there = ~np.isnan(values).any(axis=1)
    is_above = np.column_stack(
        [own >= ends[-1] for own, ends in zip(values[there].T, limits, strict=True)]
    )
    size = len(is_above)
    sides = is_above.mean(axis=0) if size else np.zeros(2)
    if (np.minimum(sides, 1 - sides) < LEAST_SIDE).any():
        return None
    never: list[tuple[bool, bool]] = []
    exceptions = by_chance = 0.0
    for first in (False, True):
        for second in (False, True):
            count = (is_above == (first, second)).all(axis=1).sum()
            chance = size * (sides[0] if first else 1 - sides[0])
            chance *= sides[1] if second else 1 - sides[1]
            if chance >= EVIDENCE and count * LIFT <= chance:
                never.append((first, second))
                exceptions += float(count)
                by_chance += chance
    if not never:
        return None
    parts = [_pieces(line, ends) for line, ends in zip(lines, limits, strict=True)]
    one, other = parts[0][1], parts[1][1]
    broken = np.zeros((column.size, len(one), len(other)), dtype=bool)
    for first, second in never:
        broken[code] |= np.outer(one == first, other == second)
    # In a gap there is no row of the word, whatever else it has.
    broken[code] |= (other == GAP) | (one == GAP)[:, None]
    return Rule(
        (*column.blocks, lines[0].block, lines[1].block),
        tuple(np.flatnonzero(broken).tolist()),
        never=True,
        free=min(1.0, float(exceptions / by_chance)),
        cuts=((), parts[0][0], parts[1][0]),
    )


def _pieces(
    line: Line, limits: Sequence[float]
) -> tuple[tuple[float, ...], npt.NDArray[np.int8]]:
    """Where the modes of a column are cut at limits; and where each piece lies.

    Returns:
        The cuts, as `Rule.cuts`; and ``[codes and pieces]``: 0 for below, 1 for at least
        the (greatest) limit, `GAP` for between two, `NO_NUMBER` for what is none.
    """
    atoms = line.of_atoms
    names = (0, 1) if len(limits) == 1 else (0, GAP, 1)
    among = np.searchsorted(limits, atoms, side="right")
    side = np.where(np.isnan(atoms), NO_NUMBER, np.array([*names, 0])[among]).tolist()
    cuts = []
    ends = np.array(limits)
    for mode in range(line.modes):
        begins = [0, *line.position(mode, ends, above=False).tolist()]
        for name, begin, end in zip(names, begins, [*begins[1:], UNIT], strict=True):
            if end > begin:
                side.append(name)
                if begin > 0:
                    cuts.append(line.first_mode + mode + begin / UNIT)
    return tuple(cuts), np.array(side, dtype=np.int8)
