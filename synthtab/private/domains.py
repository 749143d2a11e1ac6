"""The values that a column can have, as numbers from 0 on: what counts are counted over.

A domain is public: it comes from the schema, or from noisy answers that were paid for. So
nothing here looks at a table but to say which value each cell of it has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import KINDS, number_kind
from synthtab.data.columns.base import is_text
from synthtab.data.columns.categorical import category_texts
from synthtab.data.columns.numeric import NumberEncoder

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# A number without bounds is sought between these, on a scale of logarithms.
FARTHEST = 1e15
# Where that scale is linear, for numbers that are not rounded.
FINEST = 1e-6
# The same between public bounds, as a share of the way from one to the other.
FINEST_SHARE = 1e-5


class Domain(ABC):
    """The values of a column.

    Attributes:
        column: The column.
        size: How many values there are, "missing" and "any other word" among them.
    """

    column: Column
    size: int

    @abstractmethod
    def codes(self, cells: pd.Series) -> Ints:
        """The value of every cell, ``[rows]`` in ``0 .. size - 1``."""

    @abstractmethod
    def cells(self, codes: Ints, rng: np.random.Generator) -> pd.Series:
        """Cells with such values, in the dtype of the column."""


@dataclass
class Words(Domain):
    """The words of a category, or the two of a truth.

    Args:
        column: The column.
        words: Its words, as texts.
        shares: How frequent each is; for cells with any other word, of which nothing is
            told. None if there is no other word.
    """

    column: Column
    words: Sequence[str]
    shares: Floats | None = None

    def __post_init__(self) -> None:
        self.other = len(self.words)
        self.missing = self.other + (self.shares is not None)
        self.size = self.missing + self.column.missing

    def codes(self, cells: pd.Series) -> Ints:
        """As `Domain.codes`; a word that is not listed is missing, or any other one."""
        places = pd.Index(self.words).get_indexer(texts_of(cells))
        codes = np.asarray(places, dtype=np.int64)
        unknown = codes < 0
        is_missing = cells.isna().to_numpy(dtype=bool)
        # Where there is no such value, what is not listed is the first word.
        codes[unknown] = self.other if self.shares is not None else 0
        if self.column.missing:
            codes[unknown & is_missing] = self.missing
        return codes

    def cells(self, codes: Ints, rng: np.random.Generator) -> pd.Series:
        """As `Domain.cells`; any other word becomes one of those that there are."""
        codes = codes.copy()
        if self.shares is not None:
            others = codes == self.other
            shares = self.shares / self.shares.sum()
            codes[others] = rng.choice(len(self.words), others.sum(), p=shares)
        is_missing = codes == self.missing
        texts = np.full(len(codes), None, dtype=object)
        words = np.array([*self.words], dtype=object)
        texts[~is_missing] = words[codes[~is_missing]]
        series = pd.Series(texts, dtype=object, name=self.column.name)
        return KINDS[self.column.kind].typed(series, self.column)


@dataclass
class Ranges(Domain):
    """Ranges of a column of numbers, dates or times.

    Args:
        column: The column.
        ends: ``[ranges + 1]``: where they begin, and where the last one ends, ascending.
        step: What all numbers are multiples of; None for any number.
        points: ``[ranges]``: the value that so many rows have that the range has no other;
            NaN where there is none. None if there is none at all.
        grid: The scale on which numbers of a range are equally likely; the numbers
            themselves if there is none.
    """

    column: Column
    ends: Floats
    step: float | None
    points: Floats | None = None
    grid: Grid | None = None

    def __post_init__(self) -> None:
        self.missing = len(self.ends) - 1
        self.size = self.missing + self.column.missing

    def codes(self, cells: pd.Series) -> Ints:
        """As `Domain.codes`; a number beyond the ranges counts as the nearest one."""
        values, is_missing = numbers_of(cells, self.column)
        places = np.searchsorted(self.ends, values, side="right") - 1
        codes = np.full(len(is_missing), self.missing, dtype=np.int64)
        codes[~is_missing] = places.clip(0, self.missing - 1)
        if not self.column.missing:
            codes[is_missing] = 0
        return codes

    def cells(self, codes: Ints, rng: np.random.Generator) -> pd.Series:
        """As `Domain.cells`; within a range, all numbers are equally likely."""
        is_missing = codes == self.missing
        places = codes[~is_missing]
        values = self._between(self.ends[places], self.ends[places + 1], rng)
        if self.points is not None:
            points = self.points[places]
            values = np.where(np.isnan(points), values, points)
        kind = number_kind(self.column)
        if self.step is not None:
            values = self.step * np.floor(values / self.step + 1e-9)
        # The last range may reach beyond what a cell can be.
        return kind.cells_of(values, is_missing, self.column)

    def _between(self, low: Floats, high: Floats, rng: np.random.Generator) -> Floats:
        """A number between each two, ``[rows]``."""
        share = rng.random(len(low))
        if self.grid is None:
            return np.asarray(low + (high - low) * share)
        low, high = self.grid.scaled(low), self.grid.scaled(high)
        values = self.grid.unscaled(low + (high - low) * share)
        return values


@dataclass
class Fixed(Domain):
    """A column of which nothing is learnt: a constant, or keys that are counted anew."""

    column: Column
    size: int = 1

    def codes(self, cells: pd.Series) -> Ints:
        """As `Domain.codes`."""
        return np.zeros(len(cells), dtype=np.int64)

    def cells(self, codes: Ints, rng: np.random.Generator) -> pd.Series:
        """As `Domain.cells`."""
        kind = KINDS[self.column.kind]
        # Of a category of which no word may be told, every cell is missing.
        value = self.column.options.get("value") if kind.constant else None
        texts: Any = np.full(len(codes), value, dtype=object)
        if kind.invented:
            texts = np.arange(1, len(codes) + 1).astype(str).astype(object)
        series = pd.Series(texts, dtype=object, name=self.column.name)
        return kind.typed(series, self.column)


# --------------------------------------------------------------------------------------
# What a schema says


def check(schema: Schema) -> None:
    """Whether all columns of a schema can be learnt so.

    Raises:
        SchemaError: One cannot.
    """
    for column in schema.columns:
        kind = KINDS[column.kind]
        is_simple = (
            kind.constant or kind.invented or column.kind in ("category", "boolean")
        )
        if not is_simple and not issubclass(kind, NumberEncoder):
            raise SchemaError(
                f"column {column.name!r} is of kind {column.kind}, of which nothing can be "
                "learnt with epsilon: make it a category in the schema, or leave it out"
            )


def public(schema: Schema) -> Schema:
    """The schema as a private model holds it.

    Words among numbers count as missing. Reasons and notes are left out: they tell how many
    cells of some table are what.
    """
    columns = []
    for column in schema.columns:
        options = dict(column.options)
        had_words = options.pop("words", None)
        missing = column.missing or bool(had_words)
        columns.append(
            replace(
                column,
                options=options,
                missing=missing,
                why="said by the schema",
                note="",
            )
        )
    return replace(schema, columns=tuple(columns), constraints=())


def listed_words(column: Column) -> list[str] | None:
    """The words that the schema lists; None if it lists none."""
    if column.kind == "boolean":
        no, yes = KINDS["boolean"].no_and_yes(column) or ("False", "True")
        return [no, yes]
    categories = column.options.get("categories")
    return None if categories is None else [str(word) for word in categories]


def is_fixed(column: Column) -> bool:
    """Whether nothing is learnt of a column."""
    kind = KINDS[column.kind]
    return kind.constant or kind.invented


def is_number(column: Column) -> bool:
    """Whether the column's cells are numbers, dates or times."""
    return not is_fixed(column) and issubclass(KINDS[column.kind], NumberEncoder)


def step_of(column: Column) -> float | None:
    """What all numbers of a column are multiples of."""
    decimals = number_kind(column).decimals(column)
    return None if decimals is None else 10.0**-decimals


def texts_of(cells: pd.Series) -> npt.NDArray[Any]:
    """Cells as texts, "" where missing."""
    return category_texts(cells)


def numbers_of(
    cells: pd.Series, column: Column
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The numbers of the cells that have one, and which cells have none.

    A cell that is no number of the column is missing. That a table has such cells must not be
    told, so there is no error.
    """
    kind = number_kind(column)
    if is_text(cells):
        texts = cells.to_numpy(dtype=object, na_value="")
        distinct, places = np.unique(texts.astype(str), return_inverse=True)
        distinct = distinct.astype(object)
        fits = np.asarray(kind.readable(distinct, column)) & (distinct != "")
        cells = cells.astype(object).where(pd.Series(fits[places], cells.index), None)
    values, missing = kind.numbers(cells, column)
    numbers = np.asarray(values, dtype=np.float64)
    # An infinite number is none.
    finite = np.isfinite(numbers)
    if not finite.all():
        missing = missing.copy()
        missing[np.flatnonzero(~missing)[~finite]] = True
        numbers = numbers[finite]
    return numbers, missing


# --------------------------------------------------------------------------------------
# A grid on which ranges are sought


# Parts into which a range is cut at a time, and how often at most: where there are bounds,
# and where there are none.
FAN = 4
MOST_LEVELS = 7
MOST_LEVELS_ANYWHERE = 9


@dataclass(frozen=True)
class Grid:
    """Equal cells, of a number or of its logarithm, that are halved and halved again.

    Attributes:
        low: Where the first cell begins, on the scale.
        high: Where the last one ends.
        levels: Times that the whole is cut into `FAN` parts to get the cells.
        unit: Of a scale of logarithms: where it is linear; None for a linear scale.
        base: From where logarithms count.
    """

    low: float
    high: float
    levels: int
    unit: float | None = None
    base: float = 0.0

    @classmethod
    def of(cls, column: Column) -> Grid:
        """The grid of a column: within its public bounds, or wherever numbers may be."""
        low, high = number_kind(column).bounds(column)
        step = step_of(column)
        if low is None or high is None:
            return cls._anywhere(low, high, step or FINEST)
        low, high = float(low), float(high)
        if step is not None:
            values = round((high - low) / step) + 1
            if values <= FAN**MOST_LEVELS:
                # A power of FAN of whole steps: then cells are values.
                levels = max(1, int(np.ceil(np.log(values) / np.log(FAN))))
                return cls(low, low + FAN**levels * step, levels)
        # A column whose bounds are equal has a width, too.
        width = max(high - low, FINEST)
        unit = max(width * FINEST_SHARE, step or 0.0)
        # Numbers are finest around 0, or at the bound that is nearer to it.
        base = min(max(0.0, low), high)
        first = np.arcsinh((low - base) / unit)
        # Beyond the greatest number, so that the last cell holds it.
        last = np.arcsinh((high + unit - base) / unit)
        return cls(float(first), float(last), MOST_LEVELS, unit, base)

    @classmethod
    def _anywhere(cls, low: Any, high: Any, unit: float) -> Grid:
        """The grid of a column that has one bound or none."""
        far = float(np.arcsinh(FARTHEST / unit))
        ends = [-far, far]
        if low is not None:
            ends[0] = float(np.arcsinh(float(low) / unit))
        if high is not None:
            ends[1] = float(np.arcsinh((float(high) + unit) / unit))
        return cls(ends[0], ends[1], MOST_LEVELS_ANYWHERE, unit)

    def scaled(self, numbers: Floats) -> Floats:
        """Numbers on the scale."""
        if self.unit is None:
            return numbers
        return np.asarray(np.arcsinh((numbers - self.base) / self.unit))

    def unscaled(self, scaled: Floats) -> Floats:
        """The inverse of `scaled`."""
        if self.unit is None:
            return scaled
        return np.asarray(self.base + self.unit * np.sinh(scaled))

    def places(self, numbers: Floats) -> Ints:
        """``[numbers]``: the cell of each, in ``0 .. FAN ** levels - 1``."""
        cells = FAN**self.levels
        # A tiny part of a cell, lest a number just fall short of where it begins.
        share = (self.scaled(numbers) - self.low) / (self.high - self.low) * cells
        return np.floor(share + 1e-7).clip(0, cells - 1).astype(np.int64)

    def numbers(self, places: Ints) -> Floats:
        """Where cells begin."""
        share = np.asarray(places, dtype=np.float64) / FAN**self.levels
        return self.unscaled(self.low + (self.high - self.low) * share)
