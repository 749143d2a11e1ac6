"""Numbers <=> codes and offsets: atoms for values that repeat, modes for the continuous rest.

Shared by every kind whose cells are numbers in disguise (float, integer, datetime). All work is on
the distinct values and their counts, so that its cost is one sort whatever the number of rows.

What comes back: atoms and modes of at most 2,048 distinct values exactly; otherwise a value of the
same rank to within 1e-6 of the rows, rounded to the column's decimals (whole numbers beyond 2**53
keep 53 bits there). Of values that too few rows share, averages come back (`synthtab.data.columns.disclosure`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.core.layout import CURVE_POINTS, Block
from synthtab.data.columns.base import Mask, Settings
from synthtab.data.columns.disclosure import Groups, aggregate
from synthtab.data.columns.mixture import Mixture
from synthtab.data.columns.quantiles import Floats, Numbers, Quantiles, nearest

ALL_ATOMS = 128
MOST_ATOMS = 100
NEIGHBOURS = 10
CURVE_DETAIL = 16
# Units of the last decimal of which numbers are often whole multiples: round ones, and
# those of times.
STEPS = sorted(
    {m * 10**j for m in (1, 2, 5, 25) for j in range(10)} - {1}
    | {3, 4, 6, 12, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 86_400},
    reverse=True,
)
# Least distinct values that show such a rule, and the share of the rows that keep it;
# values looked at first.
FEWEST_MULTIPLES, MULTIPLES, GLANCE = 20, 0.99, 1000
# Cells of equally many rows in which breaks of the density are looked for, and how many
# times as dense as its neighbour a cell is where there is one.
CELLS, ABRUPT = 256, 1000.0
# Share of the rows that a tail is, and the least rows of one that gets a mode of its
# own; it does where its last tenth is further from its beginning than that is from the
# median, times so much.
TAIL, FEWEST_IN_TAIL, HEAVY = 0.01, 100, 1.25
# Share of the rows that may have rare values if these are to count as the nearest atom,
# where all values are atoms.
SNAPPED = 0.05


class NumberCodec:
    """The encoding of one numeric column.

    Args:
        atoms: Ascending values with a code of their own.
        missing: Whether "missing" has a code, the one after the atoms.
        tables: The distribution of each continuous mode.
        mixture: Which mode a value (scaled) belongs to, where there is more than one: at random, as its components
            overlap; or None, and
        edges: ascending, where the second mode and each further one begins.
        decimals: To what results are rounded; None for not at all. 0 for integers.
        scale: Power of two by which values are divided before they are squared, for 1e308.
        moments: Mean and standard deviation of the training values (scaled).
        step: The column holds whole multiples of it, as prices in full tens do, which averages do not know by
            themselves; 0 for no such rule.
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

    @classmethod
    def fit(
        cls,
        values: Numbers,
        missing: Mask,
        decimals: int | None,
        rng: np.random.Generator,
        settings: Settings,
    ) -> NumberCodec:
        """Learn atoms and modes.

        Args:
            values: The cells that are not missing, int64 or float64.
            missing: ``[rows]``: which cells are missing.
            decimals: See the class.
            rng: For the mixture alone.
            settings: ``continuous`` "cdf" for one mode, or one more at breaks and tails (`find_modes`);
                "mixture" for up to ``max_modes``; values that fewer than ``rare`` rows have are kept as averages.
        """
        scale = _scale(values)
        distinct, counts = np.unique(values, return_counts=True)
        atom, kept = _split(distinct / scale, counts, settings.rare)
        atoms = distinct[atom]
        if len(kept.values) == 1 and not kept.shared[0]:  # an average alone
            atoms, kept = (
                _with_average(atoms, kept.values[0] * scale, decimals),
                _none(),
            )
        rest, weights, averages = (
            kept.values * scale,
            kept.rows.astype(np.float64),
            ~kept.shared,
        )
        if not averages.any():
            rest = distinct[~atom][kept.source]
        step = find_step(distinct, counts, decimals) if averages.any() else 0.0
        resolution = step or _resolution(decimals)
        mixture = None
        tables: tuple[Quantiles, ...] = ()
        if len(rest) and settings.continuous == "mixture":
            mixture = Mixture.fit(rest / scale, weights, settings.max_modes, rng)
            shares = mixture.responsibilities(rest / scale) * weights[:, None]
            used = shares.sum(axis=0) > 0
            mixture = Mixture(
                mixture.weights[used], mixture.means[used], mixture.deviations[used]
            )
            tables = tuple(
                Quantiles.fit(
                    rest[s > 0],
                    s[s > 0],
                    resolution,
                    knots=256,
                    averages=averages[s > 0],
                )
                for s in np.ascontiguousarray(shares.T[used])
            )
        breaks = (
            find_modes(rest, weights)
            if len(rest) and mixture is None
            else np.zeros(0, dtype=np.int64)
        )
        if len(rest) and mixture is None:
            parts = [np.split(array, breaks) for array in (rest, weights, averages)]
            tables = tuple(
                Quantiles.fit(v, w, resolution, averages=a)
                for v, w, a in zip(*parts, strict=True)
            )
        edges = 0.5 * rest[breaks - 1] + 0.5 * rest[breaks]
        moments = _moments(distinct / scale, counts)
        return cls(
            atoms,
            bool(missing.any()),
            tables,
            mixture,
            decimals,
            scale,
            moments,
            step,
            edges,
        )

    @property
    def size(self) -> int:
        """Number of codes."""
        return len(self.atoms) + self.missing + len(self.tables)

    def block(self, column: str) -> Block | None:
        """The layout's view of the column; None where there is nothing to choose."""
        if self.size < 2 and not self.tables:
            return None
        values = (
            tuple(self._standardise(self.atoms).tolist())
            + (float("nan"),) * self.missing
        )
        curves = tuple(self._curve(table) for table in self.tables)
        return Block(column, "", len(values), len(curves), values, curves)

    def encode(
        self, values: Numbers, missing: Mask, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Values that are not missing, and which cells are => codes ``[rows]``, offsets ``[rows]``."""
        codes = np.full(len(missing), self._code_of_missing(), dtype=np.uint8)
        offsets = np.full(len(missing), 0.5, dtype=np.float32)
        if not len(self.atoms) and not self.tables:
            return codes, offsets
        first_mode = len(self.atoms) + self.missing
        own = np.full(len(values), first_mode, dtype=np.uint8)
        inner = np.full(len(values), 0.5, dtype=np.float32)
        continuous = np.ones(len(values), dtype=bool)
        if len(self.atoms):
            atom = nearest(self.atoms, values)
            hit = (
                self.atoms[atom] == values
                if self.tables
                else np.ones(len(values), dtype=bool)
            )
            own[hit] = atom[hit]
            continuous = ~hit
        rest = values[continuous]
        mode = self._draw_modes(rest, rng)
        own[continuous] = first_mode + mode
        spot = np.flatnonzero(continuous)
        for m, table in enumerate(self.tables):
            inner[spot[mode == m]] = table.encode(rest[mode == m], rng)
        codes[~missing], offsets[~missing] = own, inner
        return codes, offsets

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
    ) -> tuple[Numbers, Mask]:
        """Codes and offsets => the values that are not missing, and which cells are."""
        missing = (
            codes == len(self.atoms)
            if self.missing
            else np.zeros(len(codes), dtype=bool)
        )
        codes, offsets = codes[~missing], offsets[~missing]
        first_mode = len(self.atoms) + self.missing
        values = np.zeros(len(codes), dtype=self.atoms.dtype)
        if len(self.atoms):
            atom = codes < len(self.atoms)
            values[atom] = self.atoms[codes[atom]]
        for m, table in enumerate(self.tables):
            mine = codes == first_mode + m
            found = table.decode(offsets[mine])
            values[mine] = self.rounded(
                np.rint(found / self.step) * self.step if self.step else found
            )
        return values, missing

    def rounded(self, values: Numbers) -> Numbers:
        """Numbers as the column can hold them."""
        if self.decimals is None or values.dtype == self.atoms.dtype == np.int64:
            return values
        if self.atoms.dtype == np.int64:
            # Largest magnitudes that are floats and fit int64.
            return np.clip(np.rint(values), -(2.0**63), 2.0**63 - 1024).astype(np.int64)
        return round_decimals(values, self.decimals)

    def _draw_modes(
        self, values: Numbers, rng: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        if self.mixture is None or len(self.tables) < 2:
            return np.searchsorted(self.edges, values, side="right")
        distinct, inverse = np.unique(values, return_inverse=True)
        edges = np.cumsum(self.mixture.responsibilities(distinct / self.scale), axis=1)
        draws = rng.random(len(values))
        mode = np.zeros(len(values), dtype=np.int64)
        for m in range(len(self.tables) - 1):
            mode += draws >= edges[inverse, m]
        return mode

    def _code_of_missing(self) -> int:
        """Where no training cell was missing, a missing cell counts as a middling value."""
        if self.missing or not len(self.atoms):
            return len(self.atoms)
        return len(self.atoms) // 2

    def _standardise(self, values: Numbers) -> Floats:
        mean, deviation = self.moments
        return np.clip((values / self.scale - mean) / deviation, -10, 10)

    def _curve(self, table: Quantiles) -> tuple[float, ...]:
        """Mean standardised value of each curve point's neighbourhood of offsets."""
        cells = (CURVE_POINTS - 1) * CURVE_DETAIL
        fine = self._standardise(table.decode((np.arange(cells) + 0.5) / cells))
        half = CURVE_DETAIL // 2
        sums = np.add.reduceat(fine, [0, *range(half, cells, CURVE_DETAIL)])
        widths = np.full(CURVE_POINTS, float(CURVE_DETAIL))
        widths[[0, -1]] = half
        return tuple((sums / widths).tolist())

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {
            "whole": self.atoms.dtype == np.int64,
            "atoms": self.atoms.tolist(),
            "missing": self.missing,
            "tables": [t.state() for t in self.tables],
            "mixture": self.mixture.state() if self.mixture else None,
            "decimals": self.decimals,
            "scale": self.scale,
            "moments": list(self.moments),
            "step": self.step,
            "edges": self.edges.tolist(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> NumberCodec:
        """The inverse of `state`."""
        dtype = np.int64 if state["whole"] else np.float64
        decimals, step = state["decimals"], state.get("step", 0.0)
        return cls(
            np.array(state["atoms"], dtype=dtype),
            state["missing"],
            tuple(
                Quantiles.from_state(t, dtype, step or _resolution(decimals))
                for t in state["tables"]
            ),
            Mixture.from_state(state["mixture"]) if state["mixture"] else None,
            decimals,
            state["scale"],
            (state["moments"][0], state["moments"][1]),
            step,
            np.array(state.get("edges", [])),
        )


def _split(
    distinct: Floats, counts: npt.NDArray[np.int64], rare: int
) -> tuple[Mask, Groups]:
    """Which distinct values are atoms, and what is kept of the others."""
    atom = choose_atoms(counts)
    every, shared = bool(atom.all()), counts >= rare
    atom &= shared
    rest = aggregate(distinct[~atom], counts[~atom], rare)
    if every and atom.any() and counts[~atom].sum() <= SNAPPED * counts.sum():
        rest = _none()
    return atom, rest


def _with_average(atoms: Numbers, average: float, decimals: int | None) -> Numbers:
    value = (
        average
        if decimals is None
        else float(round_decimals(np.array([average]), decimals)[0])
    )
    if atoms.dtype == np.int64:
        value = float(np.clip(np.rint(average), -(2.0**63), 2.0**63 - 1024))
    return np.union1d(atoms, np.array([value]).astype(atoms.dtype))


def _none() -> Groups:
    return aggregate(np.zeros(0), np.zeros(0, dtype=np.int64), 0)


def choose_atoms(counts: npt.NDArray[np.int64]) -> Mask:
    """Which of the distinct values, given in ascending order by their counts, are atoms.

    All, where there are few and each repeats. Otherwise the frequent ones that hold 2 % of the rows
    or stand out among their neighbours: three times the median of the ten values on either side.
    """
    rows, distinct = int(counts.sum()), len(counts)
    if distinct <= ALL_ATOMS and rows >= 4 * distinct:
        return np.ones(distinct, dtype=bool)
    atoms = np.zeros(distinct, dtype=bool)
    candidates = np.flatnonzero(counts >= max(5, 0.002 * rows))
    if not len(candidates):
        return atoms
    reach = np.concatenate([np.arange(-NEIGHBOURS, 0), np.arange(1, NEIGHBOURS + 1)])
    window = candidates[:, None] + reach
    inside = (window >= 0) & (window < distinct)
    around = np.where(inside, counts[np.clip(window, 0, distinct - 1)], np.nan)
    around[~inside.any(axis=1)] = 0
    standing_out = counts[candidates] >= 3 * np.nanmedian(around, axis=1)
    chosen = candidates[standing_out | (counts[candidates] >= 0.02 * rows)]
    chosen = chosen[np.argsort(-counts[chosen], kind="stable")][:MOST_ATOMS]
    atoms[chosen] = True
    if distinct - len(chosen) == 1 and distinct <= MOST_ATOMS:
        atoms[:] = True
    return atoms


def find_step(
    distinct: Numbers, counts: npt.NDArray[np.int64], decimals: int | None
) -> float:
    """The greatest of `STEPS` of which nearly all numbers are whole multiples; 0 if there is none."""
    if (
        decimals is None
        or len(distinct) < FEWEST_MULTIPLES
        or np.abs(distinct).max() * 10.0**decimals >= 2.0**53
    ):
        return 0.0
    whole = np.rint(distinct * 10.0**decimals).astype(np.int64)
    for step in STEPS:
        if (whole[:GLANCE] % step == 0).mean() > 0.5 and counts[
            whole % step == 0
        ].sum() >= MULTIPLES * counts.sum():
            return float(step / 10.0**decimals)
    return 0.0


def find_modes(distinct: Numbers, weights: Floats) -> npt.NDArray[np.int64]:
    """Which ascending values begin a new mode: those after a break of the density or before a heavy tail."""
    right = np.cumsum(weights)
    least = right[-1] / CELLS
    kept: list[int] = []
    for at in np.union1d(find_breaks(distinct, weights), find_tails(distinct, weights)):
        rows = right[at - 1] - (right[kept[-1] - 1] if kept else 0.0)
        if rows >= least and right[-1] - right[at - 1] >= least:
            kept.append(int(at))
    return np.array(kept, dtype=np.int64)


def find_tails(distinct: Numbers, weights: Floats) -> npt.NDArray[np.int64]:
    """Where a heavy tail of ascending values begins, below or above.

    In the distribution function, which is what the generator sees, the greatest hundredth of the values is as short as
    any other, however far it reaches; its rows weigh most in a mean, and in a correlation.
    """
    right = np.cumsum(weights)
    if weights.sum() * TAIL < FEWEST_IN_TAIL:
        return np.zeros(0, dtype=np.int64)
    shares = np.array([TAIL / 10, TAIL, 0.5, 1 - TAIL, 1 - TAIL / 10])
    at = np.minimum(np.searchsorted(right, shares * right[-1]), len(distinct) - 1)
    farthest, low, middle, high, beyond = 0.5 * distinct[at].astype(np.float64)
    heavy = (
        low - farthest > HEAVY * (middle - low),
        beyond - high > HEAVY * (high - middle),
    )
    return np.array(
        [place for place, long in zip((at[1] + 1, at[3]), heavy, strict=True) if long],
        dtype=np.int64,
    )


def find_breaks(distinct: Numbers, weights: Floats) -> npt.NDArray[np.int64]:
    """Where the density of ascending values jumps, as numbers of the values that begin a new stretch: shares of a
    topic that are nothing but the prior, with a sharp lower end, and above them those of real topics.

    In the distribution function, which is what the generator sees, both sides look alike, and a smooth density there
    leaks from one into the other. Between two neighbouring cells of which one is `ABRUPT` times as dense as the other,
    the break is where two uniform densities are likeliest.
    """
    right = np.cumsum(weights)
    if len(distinct) < 4 * CELLS:
        return np.zeros(0, dtype=np.int64)
    ends = np.searchsorted(right, np.arange(1, CELLS) / CELLS * right[-1])
    ends = np.unique(np.concatenate([[0], ends, [len(distinct) - 1]]))
    spread = (0.5 * distinct[ends[1:]] - 0.5 * distinct[ends[:-1]]) / (
        right[ends[1:]] - right[ends[:-1]]
    )
    jump = np.abs(np.diff(np.log(np.maximum(spread, np.finfo(float).tiny))))
    found = []
    for cell in 1 + np.flatnonzero(
        jump[1:-1] > np.log(ABRUPT)
    ):  # the outermost are long where tails are
        first, last = ends[cell], ends[cell + 2]
        x, below = (
            distinct[first : last + 1].astype(np.float64),
            right[first:last] - right[first] + weights[first],
        )
        above = right[last] - right[first] + weights[first] - below
        lengths = x[:-1] - x[0], x[-1] - x[1:]
        able = (lengths[0] > 0) & (lengths[1] > 0)
        with np.errstate(all="ignore"):
            logs = -below * np.log(lengths[0] / below) - above * np.log(
                lengths[1] / above
            )
        if able.any():
            found.append(first + 1 + int(np.where(able, logs, -np.inf).argmax()))
    return np.unique(np.array(found, dtype=np.int64))


def round_decimals(values: Floats, decimals: int) -> Floats:
    """`numpy.round` that leaves values alone whose last binary digit is coarser than the decimals."""
    fine = np.abs(values) < 2.0**52 / 10.0**decimals
    return np.where(fine, np.round(np.where(fine, values, 0), decimals), values)


def _scale(values: Numbers) -> float:
    if values.dtype == np.int64 or not len(values) or np.abs(values).max() < 1e150:
        return 1.0
    return float(2.0**600)


def _resolution(decimals: int | None) -> float:
    return 0.0 if decimals is None else float(10.0**-decimals)


def _moments(distinct: Floats, counts: npt.NDArray[np.int64]) -> tuple[float, float]:
    if not len(distinct):
        return 0.0, 1.0
    shares = counts / counts.sum()
    mean = float(shares @ distinct)
    deviation = float(np.sqrt(shares @ (distinct - mean) ** 2))
    return mean, deviation or 1.0
