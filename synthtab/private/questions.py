"""The table, and the only way to learn of it: questions that are answered with noise.

No other object of a private fit holds a row. Every question is paid for in the ledger
before it is answered, and its answer depends on the rows by way of OpenDP's noise alone.
Whatever is made of the answers costs nothing more.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.schema import Column, Schema
from synthtab.private.domains import (
    FAN,
    Domain,
    Grid,
    numbers_of,
    texts_of,
)
from synthtab.private.ledger import Ledger
from synthtab.private.noise import Noise, deviation

# In standard deviations: a count above is hardly that of nothing.
EMPTY = 2.5

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Questions:
    """A table that answers with noise.

    Args:
        frame: The table.
        schema: What is public of it. With a person's column, one row of each person counts:
            so that one person changes one row.
        ledger: What may be spent.
        noise: What makes answers private.
    """

    def __init__(
        self, frame: pd.DataFrame, schema: Schema, ledger: Ledger, noise: Noise
    ) -> None:
        self.ledger = ledger
        self.noise = noise
        if schema.person is not None:
            frame = frame.iloc[_one_each(frame[schema.person])]
        self.__frame = frame.reset_index(drop=True)
        self.__codes: dict[str, Ints] = {}
        self.__sizes: dict[str, int] = {}
        # True counts that were needed before, which are needed again in every round.
        self.__counts: dict[tuple[str, ...], Ints] = {}

    def rows(self, epsilon: float) -> int:
        """About how many rows there are, at least 1."""
        self.ledger.spend("how many rows there are", epsilon=epsilon)
        return max(1, self.noise.total(len(self.__frame), epsilon))

    def words(self, column: Column, rho: float, delta: float) -> dict[str, int]:
        """The words of a column that many rows have, and about how many have each."""
        what = f"the words of {column.name!r}"
        self.ledger.spend(what, rho=rho, delta=delta)
        counts = Counter(texts_of(self.__frame[column.name]).tolist())
        # What is missing is no word, and no word is empty.
        counts.pop("", None)
        return self.noise.frequent(counts, rho, delta)

    def ranges(self, column: Column, grid: Grid, rho: float, fewest: float) -> Ints:
        """Where ranges of a column end that hold about as many rows each.

        A tree: the whole is cut into `FAN` parts, each part that holds enough rows again,
        and so on. The parts of a level share no row, so a level costs what one count does.

        Args:
            column: A column of numbers.
            grid: Its finest parts.
            rho: What all levels cost together.
            fewest: Rows of a part that is cut again.

        Returns:
            ``[ranges + 1]``: cells of the grid, ascending.
        """
        values, _ = numbers_of(self.__frame[column.name], column)
        places = grid.places(values)
        per_level = rho / grid.levels
        noise_of_part = deviation(per_level)
        least = max(fewest, 4 * noise_of_part)
        parents = np.zeros(1, dtype=np.int64)
        # Where each part begins that is not cut again, and about how many rows it has.
        found: dict[int, int] = {}
        for level in range(1, grid.levels + 1):
            width = FAN ** (grid.levels - level)
            parts = (parents[:, None] * FAN + np.arange(FAN)).ravel()
            self.ledger.spend(f"where {column.name!r} lies, {level}", rho=per_level)
            own = places // width
            at = np.searchsorted(parts, own).clip(0, len(parts) - 1)
            true = np.bincount(at[parts[at] == own], minlength=len(parts))
            noisy = self.noise.counts(true.astype(np.int64), per_level)
            is_full = noisy > least
            if level == grid.levels:
                is_full[:] = False
            for part, count in zip(parts[~is_full], noisy[~is_full], strict=True):
                found[int(part) * width] = int(count)
            parents = parts[is_full]
            if not len(parents):
                break
        return _merged(found, FAN**grid.levels, least, noise_of_part)

    # -- counts

    def encode(self, domains: Mapping[str, Domain]) -> None:
        """Number the values of every cell; nothing comes back."""
        for name, domain in domains.items():
            self.__codes[name] = domain.codes(self.__frame[name])
            self.__sizes[name] = domain.size

    def counts(self, names: Sequence[str], rho: float) -> Ints:
        """How often each combination of values of some columns occurs, flat."""
        what = f"counts of {' x '.join(map(repr, names))}"
        self.ledger.spend(what, rho=rho)
        return self.noise.counts(self.__count(names), rho)

    def worst(
        self, guesses: Mapping[tuple[str, ...], Floats], rho: float, handicap: float
    ) -> tuple[str, ...]:
        """About that combination of columns of which some counts are most wrong.

        Error is the sum of absolute differences, which a row changes by 1, less what the
        noise of a measurement would have (McKenna et al., AIM, arXiv 2201.12677).

        Args:
            guesses: Columns -> what their counts are thought to be, flat.
            rho: The cost.
            handicap: The mean absolute noise of one count, if it were measured.
        """
        self.ledger.spend("which counts are most wrong", rho=rho)
        candidates = list(guesses)
        scores = []
        for names in candidates:
            error = np.abs(self.__count(names) - guesses[names]).sum()
            scores.append(float(error) - handicap * len(guesses[names]))
        return candidates[self.noise.largest(scores, rho)]

    def __count(self, names: Sequence[str]) -> Ints:
        key = tuple(names)
        if key not in self.__counts:
            cell = np.zeros(len(self.__frame), dtype=np.int64)
            size = 1
            for name in names:
                cell = cell * self.__sizes[name] + self.__codes[name]
                size *= self.__sizes[name]
            self.__counts[key] = np.bincount(cell, minlength=size).astype(np.int64)
        return self.__counts[key]


def _one_each(people: pd.Series) -> npt.NDArray[np.int64]:
    """Numbers of rows: one of each person.

    Which one, the person's name and number of rows decide alone: so one person more or less
    leaves the rows of all others as they are. A row that names nobody is left out.
    """
    texts = pd.Series(texts_of(people))
    groups = texts[texts != ""].groupby(texts, sort=False).indices
    chosen = []
    for person, rows in groups.items():
        digest = hashlib.sha256(str(person).encode()).digest()
        chosen.append(rows[int.from_bytes(digest[:8], "big") % len(rows)])
    return np.sort(np.array(chosen, dtype=np.int64))


def _first_seen(counts: Floats, noise_of_part: float) -> int:
    """How many of the first parts may be empty together, by their noisy counts."""
    in_all = np.cumsum(counts)
    noise = noise_of_part * np.sqrt(1 + np.arange(len(counts)))
    surely = np.flatnonzero(in_all > EMPTY * noise)
    if not len(surely):
        return 0
    # The part that made it sure; and those before it that have a good part of these rows.
    first = int(surely[0])
    while first and counts[first - 1] > noise_of_part:
        first -= 1
    return first


def _merged(
    counts: Mapping[int, int], end: int, enough: float, noise_of_part: float
) -> Ints:
    """Where ranges of about equally many rows begin, and where the last one ends.

    Args:
        counts: The place where each part begins -> its noisy count.
        end: Where the last part ends.
        enough: Rows of a range that is closed.
        noise_of_part: Standard deviation of a count.
    """
    starts = sorted(counts)
    ends = [*starts[1:], end]
    # At either end, parts that may well be empty together belong to no range.
    inner = np.array([counts[start] for start in starts], dtype=np.float64)
    first = _first_seen(inner, noise_of_part)
    last = len(inner) - _first_seen(inner[::-1], noise_of_part)
    if first < last:
        starts, ends = starts[first:last], ends[first:last]
    edges = [starts[0]]
    held = 0.0
    for start, stop in zip(starts, ends, strict=True):
        count = counts[start]
        # A narrow part that is full is a range of its own: a value that repeats.
        if count > enough and start > edges[-1]:
            edges.append(start)
            held = 0.0
        held += count
        if held > enough:
            edges.append(stop)
            held = 0.0
    # The last part may be wide and all but empty: what is counted next will tell.
    edges += [starts[-1], ends[-1]]
    return np.unique(np.array(edges, dtype=np.int64))
