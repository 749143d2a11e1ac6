"""Numbers <=> codes and offsets: atoms for values that repeat, modes for all others.

Shared by every kind whose cells are numbers in disguise (float, integer, datetime, ...).
All work is on the distinct values and their counts, so that its cost is one sort whatever
the number of rows.

What comes back: atoms, and modes of at most 2,048 distinct values, exactly. Otherwise a
value of the same rank to within 1e-6 of the rows, rounded to the column's decimals (whole
numbers beyond 2**53 are as near as floats are). Of values that too few rows share, averages come
back (`synthtab.data.columns.disclosure`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.core.layout import CURVE_POINTS, Block
from synthtab.data.columns.base import Mask, Settings, flag
from synthtab.data.columns.disclosure import Groups, Holders, aggregate, fenced
from synthtab.data.columns.grains import CLOCKWISE, ROUND, Grains
from synthtab.data.columns.mixture import Mixture

# All values are atoms if there are at most so many and each repeats so often.
ALL_ATOMS = 128
REPEATS = 4
# Most atoms where there are modes as well.
MOST_ATOMS = 100
# An atom has this share of the rows and so many rows ...
LEAST_SHARE = 0.002
LEAST_ROWS = 5
# ... and stands out: it has so many times the rows of so many neighbours on either side,
# or a share of the rows that is large by itself.
STANDS_OUT = 3
NEIGHBOURS = 10
LARGE_SHARE = 0.02
# If no more than this share of the rows has rare values, and all other values are atoms,
# the rare ones count as the nearest atom.
SNAPPED = 0.05
# The same where each value is a word in disguise, which goes with words of others.
SNAPPED_DISCRETE = 0.01
# And if that moves them by no more than this share of the variance: a long tail is not cut.
SNAPPED_SPREAD = 0.01

# Units of the last decimal of which numbers are often whole multiples: round numbers,
# and those of times.
STEPS = sorted(ROUND | CLOCKWISE, reverse=True)
# Least distinct values that show such a step, share of the rows that must keep it, and
# how many values are looked at first.
FEWEST_MULTIPLES = 20
MULTIPLES = 0.99
GLANCE = 1000
# Least share of the rows in modes that have averages, for a mix of decimals; and most of
# such rows that may have all decimals.
NEARLY_ALL = 0.95
ALL_DECIMALS = 0.95
# Fewest rows that show a mix, and a number of decimals that belongs to it.
FEWEST_MIXED = 100
FEWEST_OF_MIX = 20

# Cells of equally many rows in which breaks of the density are looked for. There is one
# where a cell is so many times as dense as its neighbour.
CELLS = 256
ABRUPT = 1000.0
# Share of the rows that a tail is, and the least rows of a tail.
TAIL = 0.01
FEWEST_IN_TAIL = 100
# A tail is heavy if its last tenth is that much further from its beginning than its
# beginning is from the median.
HEAVY = 1.25

# Points at which the curve of a mode is averaged, for each point of `Block.curves`.
CURVE_DETAIL = 16
# Standardised values are cut there, so that a far one does not swamp the network.
FARTHEST = 10

# Least and greatest float64 that fit int64.
LEAST_INT = -(2.0**63)
GREATEST_INT = 2.0**63 - 1024
# Most codes that have one byte each; a column has further ones for its links.
NARROW = 200
# An odd number whose multiples look random.
MIX = 0x9E3779B97F4A7C15

Numbers = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


# --------------------------------------------------------------------------------------
# One mode, as a table from values to [0, 1] and back
#
# A value's offset is its probability integral transform within the mode: F(value), where F
# is the distribution function. Where a value stands for a step of F (it repeats, or it was
# rounded) the offset is drawn uniformly from that step. So offsets are uniform on [0, 1]
# whatever the data, and the quantile function leads back to the value.
#
# Positions, which are values of F, are kept as whole multiples of 2**-24. float32
# represents these exactly, so that no offset changes its step by rounding.
#
# A table may be made of averages (see `synthtab.data.columns.disclosure`). Then F is linear
# from one average to the next, and values beyond the first and the last of them are drawn
# within the segment there.

# The position of F = 1: F is position / UNIT. No unit of a column is meant.
UNIT = 1 << 24
# A mode with at most this many distinct values is kept exactly.
EXACT_VALUES = 2048
# Further knots in each tail of a mode that is not, where F would be too coarse.
TAIL_KNOTS = 64


@dataclass(frozen=True)
class Quantiles:
    """A distribution function and its inverse.

    Attributes:
        values: Ascending. All distinct values (``exact``), or the knots of a piecewise
            linear F. A knot stands there twice where F jumps.
        positions: The upper end of each value's step, or F at each knot, in `UNIT`.
        exact: Which of the two.
        resolution: Distance of neighbouring values that the column can hold (1 for
            integers, 0.01 for two decimals, 0 for any float). A value between knots
            owns half of it on each side.
        averaged: Whether some values are averages of several.
    """

    values: Numbers
    positions: Integers
    exact: bool
    resolution: float
    averaged: bool = False

    @classmethod
    def fit(
        cls,
        distinct: Numbers,
        weights: Numbers,
        resolution: float,
        knots: int = 1024,
        averages: npt.NDArray[np.bool_] | None = None,
    ) -> Quantiles:
        """The distribution that has these weights on these values.

        Args:
            distinct: Ascending values.
            weights: Of each.
            resolution: See the class.
            knots: About how many are kept, where there are more than `EXACT_VALUES` values.
            averages: Which values are averages of several; None for none of them.
        """
        if averages is None:
            averages = np.zeros(len(distinct), dtype=bool)
        if len(distinct) <= EXACT_VALUES and not averages.any():
            positions = _widths(weights).cumsum()
            return cls(distinct, positions, True, resolution)

        # F from below and from above: between them, a value's step.
        right = np.cumsum(weights, dtype=np.float64)
        left = right - weights
        total = right[-1]
        if len(distinct) <= EXACT_VALUES:
            # All that are no averages are kept with their steps.
            heavy = np.flatnonzero(~averages)
            light = np.flatnonzero(averages)
        else:
            chosen = _evenly(right, knots)
            heavy = np.flatnonzero(~averages & (weights > total / knots))
            light = chosen[~np.isin(chosen, heavy)]
        # A light value is a knot in the middle of its step; a heavy one is two knots,
        # so that F jumps there.
        middle = (left + right) / 2
        middle[0] = 0
        middle[-1] = total
        place = np.concatenate([light, heavy, heavy])
        at = np.concatenate([middle[light], left[heavy], right[heavy]])
        # By F; knots of one F, by their values.
        order = np.lexsort([place, at])
        positions = np.rint(at[order] / total * UNIT).astype(np.int64)
        values = np.asarray(distinct, dtype=np.float64)[place[order]]
        return cls(values, positions, False, resolution, bool(averages.any()))

    def encode(
        self, values: Numbers, rng: np.random.Generator, width: float | None = None
    ) -> npt.NDArray[np.float32]:
        """Values => offsets in [0, 1].

        A value that is not in an exact table counts as its nearest.

        Args:
            values: Any.
            rng: Draws the place within a step.
            width: Of the numbers that each value stands for; None for the resolution.
        """
        draws = rng.random(len(values))
        if self.exact:
            step = nearest(self.values, values)
            high = self.positions[step]
            low = np.append(0, self.positions)[step]
            position = low + np.floor(draws * (high - low))
            return np.asarray(position / UNIT, dtype=np.float32)
        half = (self.resolution if width is None else width) / 2
        begin = self._below(values - half, "left")
        end = self._below(values + half, "right")
        if self.averaged and len(self.values) > 1:
            # Beyond an average at the edge: anywhere in the segment there.
            begin = np.where(values > self.values[-1], self.positions[-2], begin)
            end = np.where(values < self.values[0], self.positions[1], end)
        offsets = (begin + draws * (end - begin)) / UNIT
        return np.clip(offsets, 0, 1).astype(np.float32)

    def decode(self, offsets: npt.NDArray[np.floating[Any]]) -> Numbers:
        """Offsets => values; between knots not yet rounded to the resolution."""
        position = offsets.astype(np.float64) * UNIT
        if self.exact:
            step = np.searchsorted(self.positions, np.floor(position), side="right")
            return self.values[np.clip(step, 0, len(self.values) - 1)]
        # Halves, so that the distance of -1e308 and 1e308 is a number.
        return 2 * np.interp(position, self.positions, 0.5 * self.values)

    @property
    def jumps(self) -> Numbers:
        """The values that come back as they are though others lie between knots."""
        if self.exact:
            return self.values[:0]
        return self.values[1:][self.values[1:] == self.values[:-1]]

    @property
    def reaches_far(self) -> bool:
        """Whether knots are beyond 2**53, where floats leave whole numbers out."""
        return not self.exact and float(np.abs(self.values).max()) >= 2.0**53

    def decode_whole(self, offsets: npt.NDArray[np.floating[Any]]) -> Integers:
        """`decode` between knots that are whole numbers far from 0.

        In whole numbers, as distances from the knot below.
        """
        position = np.floor(offsets.astype(np.float64) * UNIT).astype(np.int64)
        right = np.searchsorted(self.positions, position, side="right")
        right = np.clip(right, 1, len(self.positions) - 1)
        left = right - 1
        width = np.maximum(self.positions[right] - self.positions[left], 1)
        gone = np.clip(position - self.positions[left], 0, width).astype(np.uint64)
        # Unsigned, since a gap may be longer than the greatest number; sums go round.
        knots = _with_last_digits(self.values)
        gap = knots[right] - knots[left]
        units = width.astype(np.uint64)
        steps = gap // units * gone + gap % units * gone // units
        return np.asarray(knots[left] + steps).view(np.int64)

    def _below(self, values: Floats, side: str) -> Floats:
        """F just below ("left") or at ("right") each value; they differ where F jumps."""
        knots = self.values
        positions = self.positions
        # ``upper``: the first knot at or above each value ("left"), or above it ("right").
        # ``knot``: the one that stands at the value, if any does. Of two (a jump) it is
        # the lower one for "left", the upper one for "right".
        upper = np.searchsorted(knots, values, side="left")
        knot = np.minimum(upper, len(knots) - 1)
        if side == "right":
            upper = np.searchsorted(knots, values, side="right")
            knot = np.maximum(upper - 1, 0)
        on_knot = knots[knot] == values
        # Between two knots, F is linear. Halves, as in `decode`.
        right = np.clip(upper, 1, len(knots) - 1)
        left = right - 1
        gap = 0.5 * knots[right] - 0.5 * knots[left]
        gone = 0.5 * values - 0.5 * knots[left]
        share = np.clip(gone / np.where(gap > 0, gap, 1), 0, 1)
        rise = positions[right] - positions[left]
        between = positions[left] + share * rise
        return np.asarray(np.where(on_knot, positions[knot], between), dtype=np.float64)

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {
            "values": self.values.tolist(),
            "positions": self.positions.tolist(),
            "exact": self.exact,
            "averaged": self.averaged,
        }

    @classmethod
    def from_state(
        cls, state: Mapping[str, Any], dtype: npt.DTypeLike, resolution: float
    ) -> Quantiles:
        """The inverse of `state`."""
        exact = state["exact"]
        # Averages of whole numbers are floats.
        values = np.array(state["values"], dtype=dtype if exact else np.float64)
        positions = np.array(state["positions"], dtype=np.int64)
        averaged = state.get("averaged", False)
        return cls(values, positions, exact, resolution, averaged)


def _with_last_digits(knots: Floats) -> npt.NDArray[np.uint64]:
    """Ascending whole numbers as unsigned ones, their last digits filled in.

    A float beyond 2**53 stands for all whole numbers up to the next float. One of them
    is taken, the same for equal floats: otherwise all numbers would be even.
    """
    within = np.clip(knots, LEAST_INT, GREATEST_INT)
    whole = within.astype(np.int64).view(np.uint64)
    room = np.maximum(np.spacing(np.abs(within)), 1).astype(np.uint64)
    random = whole * np.uint64(MIX) >> np.uint64(40)
    return np.asarray(whole + random % room)


def _widths(weights: Numbers) -> Integers:
    """Steps in proportion to the weights, none of them empty; they sum to `UNIT`."""
    widths = np.rint(weights / weights.sum() * UNIT)
    widths = np.maximum(1, widths).astype(np.int64)
    # The widest step takes what rounding left.
    widths[widths.argmax()] += UNIT - widths.sum()
    return widths


def _evenly(right: Floats, knots: int) -> Integers:
    """About so many values at even distances in F, and more of them in the tails.

    Args:
        right: The cumulated weights of ascending values.
        knots: How many.
    """
    total = right[-1]
    even = np.linspace(0, 1, knots + 1)
    tail = np.geomspace(min(1 / total, 1 / knots), 1 / knots, TAIL_KNOTS)
    grid = np.concatenate([even, tail, 1 - tail])
    places = np.searchsorted(right, grid * total, side="right")
    return np.unique(np.clip(places, 0, len(right) - 1))


def nearest(ascending: Numbers, values: Numbers) -> Integers:
    """Index of the entry of ``ascending`` that is nearest to each value."""
    right = np.searchsorted(ascending, values)
    right = np.clip(right, 0, len(ascending) - 1)
    left = np.maximum(right - 1, 0)
    middle = 0.5 * ascending[left] + 0.5 * ascending[right]
    # Equality first: differences of huge integers vanish in float64.
    take_left = (ascending[right] != values) & (values <= middle)
    return np.where(take_left, left, right)


# --------------------------------------------------------------------------------------
# All modes and atoms of a column


class NumberCodec:
    """The encoding of one numeric column.

    Args:
        atoms: Ascending values with a code of their own.
        missing: Whether "missing" has a code, the one after the atoms.
        words: How many words have a code, those after "missing": texts that stand for
            themselves among the numbers.
        tables: The distribution of each continuous mode.
        mixture: Which mode a value (scaled) belongs to, at random, where components
            overlap; None where modes have ``edges``.
        decimals: To what results are rounded; None for not at all. 0 for integers.
        scale: Power of two by which values are divided before they are squared, so that
            1e308 can be.
        moments: Mean and standard deviation of the training values (scaled), outliers
            moved to a fence.
        step: The column holds whole multiples of it, as prices in full tens do, which
            averages do not know by themselves; 0 for no such rule.
        edges: Ascending: where the second mode and each further one begins.
        mix: Of numbers that do not all have their last decimals, the shares of those
            with 0, 1, ... decimals, see `find_mix`; empty where digits alone tell.
        grains: Which share of the numbers between knots is round; None where none is.
    """

    def __init__(
        self,
        atoms: Numbers,
        missing: bool,
        tables: tuple[Quantiles, ...],
        mixture: Mixture | None,
        decimals: int | None,
        scale: float,
        moments: tuple[float, float],
        step: float = 0.0,
        edges: Numbers | None = None,
        words: int = 0,
        mix: tuple[float, ...] = (),
        grains: Grains | None = None,
    ) -> None:
        self.atoms = atoms
        self.missing = missing
        self.tables = tables
        self.mixture = mixture
        self.decimals = decimals
        self.scale = scale
        self.moments = moments
        self.step = step
        self.edges = np.zeros(0) if edges is None else edges
        self.words = words
        self.mix = mix
        self.grains = grains

    @classmethod
    def fit(
        cls,
        values: Numbers,
        missing: Mask,
        decimals: int | None,
        rng: np.random.Generator,
        settings: Settings,
        words: int = 0,
        people: Integers | None = None,
        discrete: bool = False,
    ) -> NumberCodec:
        """Learn atoms and modes.

        Args:
            values: The cells that are not missing, int64 or float64.
            missing: ``[rows]``: which cells are missing; those with a word aside.
            decimals: See the class.
            rng: For the mixture alone.
            settings: ``continuous`` "cdf" for one mode, and one more at breaks and
                tails (`find_modes`); "mixture" for up to ``max_modes``. Values that
                fewer than ``rare`` rows have are kept as averages.
            words: See the class.
            people: Whom each value is about, where ``rare`` counts people.
            discrete: Whether every value is an atom that is not too rare.
        """
        scale = _scale(values)
        distinct, inverse, counts = np.unique(
            values, return_inverse=True, return_counts=True
        )
        holders = None
        if people is not None:
            holders = Holders.of(inverse, people, len(distinct))
        # What lies far beyond all others has no say in anything that follows.
        scaled = fenced(distinct / scale, counts, settings.rare, holders)
        is_atom, others = _split(scaled, counts, settings.rare, holders, discrete)
        atoms = distinct[is_atom]
        # `others.shared` marks values that enough rows have; all others are averages.
        # One average and nothing else is no distribution: it is an atom.
        if len(others.values) == 1 and not others.shared[0]:
            atoms = _with_average(atoms, others.values[0] * scale, decimals)
            others = _no_groups()
        averages = ~others.shared
        step = 0.0
        mix: tuple[float, ...] = ()
        if averages.any():
            knots = others.values * scale
            step = find_step(distinct, counts, decimals)
            of_averages = others.rows[averages].sum() / others.rows.sum()
            if not step and decimals and of_averages > NEARLY_ALL:
                # Values that enough rows have come back exactly, if they are many.
                mix = find_mix(distinct[~is_atom], counts[~is_atom], decimals)
        else:
            # In their own type: whole numbers beyond 2**53 are no floats.
            knots = distinct[~is_atom][others.source]
        resolution = step or _resolution(decimals)

        weights = others.rows.astype(np.float64)
        mixture = None
        tables: tuple[Quantiles, ...] = ()
        edges: Numbers = np.zeros(0)
        if len(knots) and settings.continuous == "mixture":
            mixture, tables = _mixed_modes(
                knots, weights, averages, resolution, scale, settings.max_modes, rng
            )
        elif len(knots):
            begins = find_modes(knots, weights)
            edges = 0.5 * knots[begins - 1] + 0.5 * knots[begins]
            parts = zip(
                np.split(knots, begins),
                np.split(weights, begins),
                np.split(averages, begins),
                strict=True,
            )
            tables = tuple(
                Quantiles.fit(own, own_weights, resolution, averages=own_averages)
                for own, own_weights, own_averages in parts
            )
        grains = None
        if resolution and not mix:
            grains = _find_grains(distinct, counts, atoms, tables, resolution)
        return cls(
            atoms,
            bool(missing.any()),
            tables,
            mixture,
            decimals,
            scale,
            _moments(scaled, counts),
            step,
            edges,
            words,
            mix,
            grains,
        )

    @property
    def first_word(self) -> int:
        """The code of the first word: atoms and "missing" come before."""
        return len(self.atoms) + self.missing

    @property
    def first_mode(self) -> int:
        """The code of the first mode: words come before."""
        return self.first_word + self.words

    @property
    def size(self) -> int:
        """Number of codes."""
        return self.first_mode + len(self.tables)

    def block(self, column: str) -> Block | None:
        """The layout's view of the column; None where there is nothing to choose."""
        if self.size < 2 and not self.tables:
            return None
        values = self._standardise(self.atoms).tolist()
        # "Missing" and words are no numbers.
        values += [float("nan")] * (self.missing + self.words)
        curves = tuple(self._curve(table) for table in self.tables)
        return Block(column, "", len(values), len(curves), tuple(values), curves)

    def encode(
        self, values: Numbers, missing: Mask, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Numbers => codes ``[rows]`` and offsets ``[rows]``.

        Args:
            values: Of the cells that are not missing, ``[present]``.
            missing: ``[rows]``.
            rng: Draws the modes of a mixture, and offsets within a step.
        """
        codes = np.full(len(missing), self._code_of_missing(), dtype=self._code_type)
        offsets = np.full(len(missing), 0.5, dtype=np.float32)
        if not len(self.atoms) and not self.tables:
            return codes, offsets
        own_codes = np.full(len(values), self.first_mode, dtype=self._code_type)
        own_offsets = np.full(len(values), 0.5, dtype=np.float32)
        in_a_mode = np.ones(len(values), dtype=bool)
        if len(self.atoms):
            atom = nearest(self.atoms, values)
            in_a_mode = self.atoms[atom] != values
            # Without modes, a value that training never saw counts as its nearest atom.
            if not self.tables:
                in_a_mode[:] = False
            own_codes[~in_a_mode] = atom[~in_a_mode]
        others = values[in_a_mode]
        mode = self._draw_modes(others, rng)
        own_codes[in_a_mode] = self.first_mode + mode
        place = np.flatnonzero(in_a_mode)
        for m, table in enumerate(self.tables):
            mine = mode == m
            own_offsets[place[mine]] = self._offsets(table, others[mine], rng)
        codes[~missing] = own_codes
        offsets[~missing] = own_offsets
        return codes, offsets

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
    ) -> tuple[Numbers, Mask]:
        """Codes and offsets => the values of the cells that have one, and which have none.

        A word is no value: see `word_of`.
        """
        missing = (codes >= len(self.atoms)) & (codes < self.first_mode)
        codes = codes[~missing]
        offsets = offsets[~missing]
        values = np.zeros(len(codes), dtype=self.atoms.dtype)
        if len(self.atoms):
            is_atom = codes < len(self.atoms)
            values[is_atom] = self.atoms[codes[is_atom]]
        for m, table in enumerate(self.tables):
            mine = codes == self.first_mode + m
            if values.dtype == np.int64 and table.reaches_far:
                values[mine] = table.decode_whole(offsets[mine])
                continue
            decoded = table.decode(offsets[mine])
            if self.grains and not table.exact:
                decoded = self.grains.snap(decoded)
            if self.step:
                decoded = np.rint(decoded / self.step) * self.step
            values[mine] = self.rounded(decoded)
            if self.mix:
                values[mine] = with_fewer_decimals(values[mine], self.mix)
        return values, missing

    def _offsets(
        self, table: Quantiles, values: Numbers, rng: np.random.Generator
    ) -> npt.NDArray[np.float32]:
        """Values of one mode => offsets."""
        if self.grains is None or table.exact or table.reaches_far:
            return table.encode(values, rng)
        numbers = values.astype(np.float64)
        spread = self.grains.spread(numbers, rng)
        # What stays has a step of its own; all others lie between knots.
        offsets = table.encode(spread, rng, width=0.0)
        stays = spread == numbers
        offsets[stays] = table.encode(values[stays], rng)
        return offsets

    def code_of_word(self, word: Integers) -> npt.NDArray[np.uint8]:
        """The codes of words, given their numbers."""
        return (self.first_word + word).astype(self._code_type)

    @property
    def _code_type(self) -> Any:
        """What holds the codes, and those of some links among them."""
        return np.uint8 if self.size <= NARROW else np.uint16

    def word_of(self, codes: npt.NDArray[np.integer[Any]]) -> Integers:
        """``[rows]``: the number of the word that each code stands for; -1 for none."""
        word = codes.astype(np.int64) - self.first_word
        return np.where((word >= 0) & (word < self.words), word, -1)

    def rounded(self, values: Numbers) -> Numbers:
        """Numbers as the column can hold them."""
        whole = self.atoms.dtype == np.int64
        if self.decimals is None or (whole and values.dtype == np.int64):
            return values
        if whole:
            fitting = np.clip(np.rint(values), LEAST_INT, GREATEST_INT)
            return fitting.astype(np.int64)
        return round_decimals(values, self.decimals)

    def _draw_modes(self, values: Numbers, rng: np.random.Generator) -> Integers:
        """The mode of each value."""
        if self.mixture is None or len(self.tables) < 2:
            return np.searchsorted(self.edges, values, side="right")
        distinct, inverse = np.unique(values, return_inverse=True)
        shares = self.mixture.responsibilities(distinct / self.scale)
        ends = np.cumsum(shares, axis=1)
        draws = rng.random(len(values))
        mode = np.zeros(len(values), dtype=np.int64)
        for m in range(len(self.tables) - 1):
            mode += draws >= ends[inverse, m]
        return mode

    def _code_of_missing(self) -> int:
        """Where no training cell was missing, such a cell counts as a middling value."""
        if self.missing or not len(self.atoms):
            return len(self.atoms)
        return len(self.atoms) // 2

    def _standardise(self, values: Numbers) -> Floats:
        mean, deviation = self.moments
        standardised = (values / self.scale - mean) / deviation
        return np.clip(standardised, -FARTHEST, FARTHEST)

    def _curve(self, table: Quantiles) -> tuple[float, ...]:
        """``[CURVE_POINTS]``: the mean standardised value around each offset."""
        count = (CURVE_POINTS - 1) * CURVE_DETAIL
        middles = (np.arange(count) + 0.5) / count
        fine = self._standardise(table.decode(middles))
        # The first and the last point have half a neighbourhood.
        half = CURVE_DETAIL // 2
        begins = [0, *range(half, count, CURVE_DETAIL)]
        sums = np.add.reduceat(fine, begins)
        widths = np.full(CURVE_POINTS, float(CURVE_DETAIL))
        widths[[0, -1]] = half
        return tuple((sums / widths).tolist())

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {
            "whole": self.atoms.dtype == np.int64,
            "atoms": self.atoms.tolist(),
            "missing": self.missing,
            "tables": [table.state() for table in self.tables],
            "mixture": self.mixture.state() if self.mixture else None,
            "decimals": self.decimals,
            "scale": self.scale,
            "moments": list(self.moments),
            "step": self.step,
            "edges": self.edges.tolist(),
            "words": self.words,
            "mix": list(self.mix),
            "grains": self.grains.state() if self.grains else [],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> NumberCodec:
        """The inverse of `state`."""
        dtype = np.int64 if state["whole"] else np.float64
        decimals = state["decimals"]
        # Earlier versions had neither steps nor edges nor words, nor a mix, nor grains.
        step = state.get("step", 0.0)
        edges = np.array(state.get("edges", []))
        resolution = step or _resolution(decimals)
        mixture = None
        if state["mixture"]:
            mixture = Mixture.from_state(state["mixture"])
        mean, deviation = state["moments"]
        atoms = np.array(state["atoms"], dtype=dtype)
        tables = tuple(
            Quantiles.from_state(t, dtype, resolution) for t in state["tables"]
        )
        grains = None
        if state.get("grains"):
            grains = Grains.from_state(
                state["grains"], resolution, _kept(atoms, tables)
            )
        return cls(
            atoms,
            flag(state, "missing"),
            tables,
            mixture,
            decimals,
            state["scale"],
            (mean, deviation),
            step,
            edges,
            state.get("words", 0),
            tuple(state.get("mix", ())),
            grains,
        )


# --------------------------------------------------------------------------------------
# Atoms


def _split(
    distinct: Floats,
    counts: Integers,
    rare: int,
    holders: Holders | None,
    discrete: bool,
) -> tuple[Mask, Groups]:
    """Which distinct values are atoms, and what is kept of the others."""
    is_atom = np.ones(len(counts), bool) if discrete else choose_atoms(counts)
    all_are = bool(is_atom.all())
    is_atom &= (holders.each if holders else counts) >= rare
    others = ~is_atom
    # All values would be atoms, but few rows have rare ones: those would be a mode of
    # their own. Nothing of them is kept; they count as the nearest atom.
    most = SNAPPED_DISCRETE if discrete else SNAPPED
    few = counts[others].sum() <= most * counts.sum()
    if all_are and is_atom.any() and few and _lie_among(distinct, counts, is_atom):
        return is_atom, _no_groups()
    of_others = holders.among(others) if holders else None
    return is_atom, aggregate(distinct[others], counts[others], rare, of_others)


def _lie_among(distinct: Floats, counts: Integers, is_atom: Mask) -> bool:
    """Whether values that become the nearest atom move so little that no tail is lost."""
    atoms, others = distinct[is_atom], distinct[~is_atom]
    after = np.searchsorted(atoms, others).clip(1, max(1, len(atoms) - 1))
    to_next = np.abs(atoms[np.minimum(after, len(atoms) - 1)] - others)
    distance = np.minimum(np.abs(others - atoms[after - 1]), to_next)
    moved = (distance**2 * counts[~is_atom]).sum()
    mean = np.average(distinct, weights=counts)
    spread = ((distinct - mean) ** 2 * counts).sum()
    return bool(moved <= SNAPPED_SPREAD * spread)


def choose_atoms(counts: Integers) -> Mask:
    """Which of the distinct values, in ascending order, are atoms.

    All, where there are few and each repeats. Otherwise the frequent ones that have 2 %
    of the rows, or stand out among their neighbours: they have three times the median of
    the ten values on either side.

    Args:
        counts: How many rows have each value.
    """
    rows = int(counts.sum())
    size = len(counts)
    if size <= ALL_ATOMS and rows >= REPEATS * size:
        return np.ones(size, dtype=bool)
    is_atom = np.zeros(size, dtype=bool)
    frequent = np.flatnonzero(counts >= max(LEAST_ROWS, LEAST_SHARE * rows))
    if not len(frequent):
        return is_atom
    stands_out = counts[frequent] >= STANDS_OUT * around(counts, frequent)
    is_large = counts[frequent] >= LARGE_SHARE * rows
    chosen = frequent[stands_out | is_large]
    by_frequency = np.argsort(-counts[chosen], kind="stable")
    chosen = chosen[by_frequency][:MOST_ATOMS]
    is_atom[chosen] = True
    # A mode of one value alone might as well be an atom.
    if size - len(chosen) == 1 and size <= MOST_ATOMS:
        is_atom[:] = True
    return is_atom


def around(counts: Integers, places: Integers) -> Floats:
    """The median count of the neighbours of some values."""
    before = np.arange(-NEIGHBOURS, 0)
    window = places[:, None] + np.concatenate([before, -before[::-1]])
    inside = (window >= 0) & (window < len(counts))
    neighbours = counts[np.clip(window, 0, len(counts) - 1)]
    around = np.where(inside, neighbours, np.nan)
    # A value without neighbours stands out anyway.
    around[~inside.any(axis=1)] = 0
    return np.asarray(np.nanmedian(around, axis=1), dtype=np.float64)


def _with_average(atoms: Numbers, average: float, decimals: int | None) -> Numbers:
    """The atoms and an average, as the column can hold it."""
    value = np.array([average])
    if atoms.dtype == np.int64:
        value = np.clip(np.rint(value), LEAST_INT, GREATEST_INT)
    elif decimals is not None:
        value = round_decimals(value, decimals)
    return np.union1d(atoms, value.astype(atoms.dtype))


def _no_groups() -> Groups:
    return aggregate(np.zeros(0), np.zeros(0, dtype=np.int64), 0)


def find_step(distinct: Numbers, counts: Integers, decimals: int | None) -> float:
    """The greatest of `STEPS` of which nearly all numbers are whole multiples, or 0.

    Args:
        distinct: Ascending values.
        counts: How many rows have each.
        decimals: Of the column; there is no step without.
    """
    if decimals is None or len(distinct) < FEWEST_MULTIPLES:
        return 0.0
    units = 10.0**decimals
    # Beyond, floats are no longer whole numbers one apart.
    if np.abs(distinct).max() * units >= 2.0**53:
        return 0.0
    whole = np.rint(distinct * units).astype(np.int64)
    enough = MULTIPLES * counts.sum()
    for step in STEPS:
        # Most steps are ruled out by a few values.
        if (whole[:GLANCE] % step == 0).mean() <= 0.5:
            continue
        if counts[whole % step == 0].sum() >= enough:
            return float(step / units)
    return 0.0


def _find_grains(
    distinct: Numbers,
    counts: Integers,
    atoms: Numbers,
    tables: Sequence[Quantiles],
    resolution: float,
) -> Grains | None:
    """The grains of the values that do not come back as they are.

    Args:
        distinct: Ascending values of the column.
        counts: How many rows have each.
        atoms: Those that have a code of their own.
        tables: The modes.
        resolution: Of the column.
    """
    if all(table.exact for table in tables):
        return None
    # Beyond, floats are no longer whole numbers one apart.
    if np.abs(distinct).max() / resolution >= 2.0**53:
        return None
    kept = _kept(atoms, tables)
    blurred = ~np.isin(distinct, kept)
    values = distinct[blurred].astype(np.float64)
    return Grains.find(values, counts[blurred], resolution, kept)


def _kept(atoms: Numbers, tables: Sequence[Quantiles]) -> Floats:
    """The values that come back as they are, ascending."""
    each = [table.values if table.exact else table.jumps for table in tables]
    return np.unique(np.concatenate([atoms, *each]).astype(np.float64))


# --------------------------------------------------------------------------------------
# Modes


def find_mix(distinct: Floats, counts: Integers, decimals: int) -> tuple[float, ...]:
    """The shares of the numbers that were written with 0, 1, ... decimals.

    A tenth of the numbers with five decimals end in a zero and seem to have four: that
    is taken into account.

    Args:
        distinct: Ascending values, as exact as the decimals.
        counts: How many rows have each.
        decimals: The most that a number has.

    Returns:
        ``[decimals + 1]``, of the sum 1; empty where nearly all have the most.
    """
    needed = np.full(len(distinct), decimals)
    for fewer in range(decimals - 1, -1, -1):
        needed[round_decimals(distinct, fewer) == distinct] = fewer
    rows = np.bincount(needed, counts, minlength=decimals + 1)
    if rows.sum() < FEWEST_MIXED:
        return ()
    written = np.zeros(decimals + 1)
    for places in range(decimals, 0, -1):
        # Of more decimals, as many seem to have these: nine tenths of a tenth, and so on.
        more = np.arange(places + 1, decimals + 1)
        seeming = float((written[more] * 0.9 * 10.0 ** (places - more)).sum())
        written[places] = max(0.0, rows[places] - seeming) / 0.9
    written[0] = max(0.0, rows.sum() - written.sum())
    written[written < FEWEST_OF_MIX] = 0
    if not written.any() or written[-1] > ALL_DECIMALS * written.sum():
        return ()
    return tuple((written / written.sum()).tolist())


def with_fewer_decimals(values: Floats, mix: Sequence[float]) -> Floats:
    """Numbers of which shares have fewer decimals; their order stays.

    The line of numbers is cut into cells of one unit of the fewest decimals. A share of
    the cells, told by their numbers, are rounded to their middle; the others are cut
    again into ten. So it depends on a number alone, and a greater one comes from one
    that was as great or greater.
    """
    result = values.copy()
    open_cells = np.ones(len(values), dtype=bool)
    left = 1.0
    for places, share in enumerate(mix[:-1]):
        if not share:
            continue
        cell = np.rint(values * 10.0**places)
        chance = _as_random(cell, places)
        rounded = open_cells & (chance < share / left)
        result[rounded] = round_decimals(values[rounded], places)
        open_cells &= ~rounded
        left -= share
    return result


def _as_random(cells: Floats, salt: int) -> Floats:
    """Numbers in [0, 1) that look random, the same for the same cell."""
    # Whole numbers beyond 64 bits have no decimals that could be fewer.
    whole = np.clip(cells, LEAST_INT, GREATEST_INT).astype(np.int64).view(np.uint64)
    mixed = (whole + np.uint64(salt + 1)) * np.uint64(MIX)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(MIX)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53


def _mixed_modes(
    values: Numbers,
    weights: Floats,
    averages: Mask,
    resolution: float,
    scale: float,
    max_modes: int,
    rng: np.random.Generator,
) -> tuple[Mixture, tuple[Quantiles, ...]]:
    """A mixture, and the distribution of each component that has values."""
    scaled = values / scale
    mixture = Mixture.fit(scaled, weights, max_modes, rng)
    shares = mixture.responsibilities(scaled) * weights[:, None]
    used = shares.sum(axis=0) > 0
    mixture = Mixture(
        mixture.weights[used], mixture.means[used], mixture.deviations[used]
    )
    tables = []
    for share in np.ascontiguousarray(shares.T[used]):
        mine = share > 0
        table = Quantiles.fit(
            values[mine], share[mine], resolution, knots=256, averages=averages[mine]
        )
        tables.append(table)
    return mixture, tuple(tables)


def find_modes(distinct: Numbers, weights: Floats) -> Integers:
    """Which ascending values begin a new mode.

    Those after a break of the density or at a heavy tail, if the modes on both sides are
    large enough.
    """
    right = np.cumsum(weights)
    least = right[-1] / CELLS
    breaks = find_breaks(distinct, weights)
    tails = find_tails(distinct, weights)
    begins: list[int] = []
    begun = 0.0
    for place in np.union1d(breaks, tails):
        before = right[place - 1]
        if before - begun >= least and right[-1] - before >= least:
            begins.append(int(place))
            begun = before
    return np.array(begins, dtype=np.int64)


def find_tails(distinct: Numbers, weights: Floats) -> Integers:
    """Where a heavy tail of ascending values begins, below or above.

    In the distribution function, which is what the generator sees, the greatest
    hundredth of the values is as short as any other, however far it reaches. Its rows
    weigh most in a mean, and in a correlation.
    """
    right = np.cumsum(weights)
    if weights.sum() * TAIL < FEWEST_IN_TAIL:
        return np.zeros(0, dtype=np.int64)
    shares = np.array([TAIL / 10, TAIL, 0.5, 1 - TAIL, 1 - TAIL / 10])
    places = np.searchsorted(right, shares * right[-1])
    places = np.minimum(places, len(distinct) - 1)
    # Halves, so that the distance of -1e308 and 1e308 is a number.
    lowest, low, middle, high, highest = 0.5 * distinct[places].astype(np.float64)
    begins = []
    if low - lowest > HEAVY * (middle - low):
        # The lower tail is a mode that ends with this value.
        begins.append(places[1] + 1)
    if highest - high > HEAVY * (high - middle):
        begins.append(places[3])
    return np.array(begins, dtype=np.int64)


def find_breaks(distinct: Numbers, weights: Floats) -> Integers:
    """Where the density of ascending values jumps, as places of values.

    Shares of a topic, say, of which many are nothing but the prior, with a sharp lower
    end, and above them those of real topics. In the distribution function, which is
    what the generator sees, both sides look alike, and a smooth density there leaks from
    one into the other.

    Between two neighbouring cells of which one is `ABRUPT` times as dense as the other,
    the break is where two uniform densities are likeliest.
    """
    right = np.cumsum(weights)
    if len(distinct) < 4 * CELLS:
        return np.zeros(0, dtype=np.int64)
    inner = np.arange(1, CELLS) / CELLS
    ends = np.searchsorted(right, inner * right[-1])
    ends = np.unique(np.concatenate([[0], ends, [len(distinct) - 1]]))
    # The inverse of the density of each cell. Halves, so that it is a number.
    half = 0.5 * distinct
    # Cell i reaches from ends[i] to ends[i + 1].
    spread = np.diff(half[ends]) / np.diff(right[ends])
    logs = np.log(np.maximum(spread, np.finfo(float).tiny))
    jump = np.abs(np.diff(logs))
    # jump[i] is between cells i and i + 1. The outermost cells are left out: they are
    # long where tails are.
    abrupt = 1 + np.flatnonzero(jump[1:-1] > np.log(ABRUPT))
    breaks = []
    for cell in abrupt:
        both = slice(ends[cell], ends[cell + 2] + 1)
        place = _likeliest_break(distinct[both].astype(np.float64), weights[both])
        if place is not None:
            breaks.append(ends[cell] + place)
    return np.unique(np.array(breaks, dtype=np.int64))


def _likeliest_break(values: Floats, weights: Floats) -> int | None:
    """Which value begins the second of two uniform densities.

    The log likelihood of two is -n log(l / n) - m log(k / m) but for a constant, where n
    and m are the rows on both sides and l and k the lengths.

    Returns:
        None if all values on one side are equal.
    """
    below = np.cumsum(weights)[:-1]
    above = below[-1] + weights[-1] - below
    length_below = values[:-1] - values[0]
    length_above = values[-1] - values[1:]
    possible = (length_below > 0) & (length_above > 0)
    if not possible.any():
        return None
    with np.errstate(all="ignore"):
        likelihood = -below * np.log(length_below / below)
        likelihood -= above * np.log(length_above / above)
    return 1 + int(np.where(possible, likelihood, -np.inf).argmax())


# --------------------------------------------------------------------------------------
# Arithmetic


def round_decimals(values: Floats, decimals: int) -> Floats:
    """`numpy.round` that leaves values alone which are too large for the decimals."""
    # Where the last binary digit is coarser than a tenth of the last decimal.
    fine = np.abs(values) < 2.0**52 / 10.0**decimals
    rounded = np.round(np.where(fine, values, 0), decimals)
    return np.where(fine, rounded, values)


def _scale(values: Numbers) -> float:
    """A power of two by which the squares of the values become finite."""
    if values.dtype == np.int64 or not len(values) or np.abs(values).max() < 1e150:
        return 1.0
    return float(2.0**600)


def _resolution(decimals: int | None) -> float:
    """The distance of neighbouring values."""
    return 0.0 if decimals is None else float(10.0**-decimals)


def _moments(distinct: Floats, counts: Integers) -> tuple[float, float]:
    """Mean and standard deviation; 1 for the latter if all values are equal."""
    if not len(distinct):
        return 0.0, 1.0
    shares = counts / counts.sum()
    mean = float(shares @ distinct)
    deviation = float(np.sqrt(shares @ (distinct - mean) ** 2))
    return mean, deviation or 1.0
