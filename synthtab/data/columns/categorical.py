"""Categories: words, or any other dtype taken at its text.

Codes go by descending frequency, then by text, with "missing" last. Beyond 128 categories
a code is written in digits, the most significant first, so that no part of the model grows
with the square of the number of categories. There are as few digits as a base of at most
128 allows.

Categories that too few rows have are not kept (`synthtab.data.columns.disclosure`): their
rows are encoded as other categories, drawn at random. Where there are none of these, a
category that training never saw is encoded as the rarest one that it saw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import DataError, SchemaError
from synthtab.core.layout import Block
from synthtab.core.schema import Column
from synthtab.data.columns import dtypes
from synthtab.data.columns.base import (
    Cells,
    ColumnEncoder,
    Mask,
    Settings,
    Texts,
    flag,
    is_text,
    is_text_dtype,
    natural,
)
from synthtab.data.columns.disclosure import people_of_values, takers

# Most categories of one block, "missing" aside.
WIDEST = 128

Integers = npt.NDArray[np.int64]


class CategoryEncoder(ColumnEncoder):
    """One block, or one for each digit.

    Options:
        ``categories`` and ``ordered`` of a pandas categorical: all categories in order.
        Those that occur in too few rows are left out. So are those that do not occur,
        if these are the most and there is no order.

    Args:
        column: The schema's description of the column.
        categories: Texts in the order of their codes.
        missing: Whether "missing" has a code, the one after them.
        counts: Rows of each category; None where no category was rare.
        rare: How many categories are not kept, and how many rows they had.
    """

    kind: ClassVar[str] = "category"
    turn: ClassVar[int] = 90
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "categories": {
            "type": "array",
            "description": "All categories of a pandas categorical, in order.",
        },
        "ordered": {"type": "boolean", "description": "Whether they are ordered."},
        "of": {"type": "string", "description": "Their dtype, where it is not text."},
        "types": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Of what Python types objects are: int, str, Fraction, ...",
        },
    }

    def __init__(
        self,
        column: Column,
        categories: Texts,
        missing: bool,
        counts: Integers | None = None,
        rare: tuple[int, int] = (0, 0),
    ) -> None:
        self.categories = categories
        self.missing = missing
        self.counts = counts
        self.rare = rare
        self.base, self.digits = digit_base(self.size)
        super().__init__(column, self._blocks(column.name))

    @property
    def size(self) -> int:
        """Number of codes before they are split."""
        return len(self.categories) + self.missing

    def _blocks(self, name: str) -> tuple[Block, ...]:
        if self.size < 2:
            return ()
        if self.digits == 1:
            return (Block(name, "", self.size),)
        # The first digit takes few values where the last code does not use up the base.
        unit = self.base ** (self.digits - 1)
        first = max(math.ceil(self.size / unit), 2)
        widths = [first] + [self.base] * (self.digits - 1)
        blocks = [Block(name, f"digit {i}", width) for i, width in enumerate(widths)]
        return tuple(blocks)

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Everything whose cells can be written as text and read back."""
        dtype = cells.series.dtype
        options = categorical_options(cells)
        if cells.python:
            options["types"] = _types_of(cells.distinct, cells.name)
        try:
            count = cells.count
            some = category_texts(cells.given.dropna().iloc[:10])
            from_texts(some, cells.column(cls.kind, "str", "", options))
        except (TypeError, ValueError, NotImplementedError) as error:
            raise DataError(
                f"column {cells.name!r} has cells of a type that is not supported "
                f"({cells.dtype}); convert it to text, with .astype(str)"
            ) from error
        noun = "texts" if cells.is_text else f"values of dtype {dtype}"
        if cells.python:
            noun = f"objects of type {' or '.join(options['types'])}"
        return cells.column(cls.kind, "str", f"{count:,} distinct {noun}", options)

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Cells => the schema's dtype."""
        own = dtypes.name_of(series.dtype)
        # Objects may be texts of others, and a categorical may have other categories.
        is_particular = {"types", "null"} & set(column.options) or own == "category"
        if own == column.dtype and not is_particular:
            return series
        missing = series.isna().to_numpy(dtype=bool)
        codes, distinct = pd.factorize(category_texts(series)[~missing])
        cells = take(distinct, codes, missing, column)
        return cells.set_axis(series.index).rename(column.name)

    @classmethod
    def text(cls, series: pd.Series, column: Column) -> Texts:
        """The typed form => the cells of a CSV file."""
        return category_texts(series)

    @classmethod
    def fit(
        cls,
        series: pd.Series,
        column: Column,
        rng: np.random.Generator,
        settings: Settings,
    ) -> CategoryEncoder:
        """Learn the categories that occur.

        Raises:
            SchemaError: None occurs in so many rows that it may be stored.
        """
        missing = series.isna().to_numpy(dtype=bool)
        codes, distinct = pd.factorize(category_texts(series)[~missing])
        counts = np.bincount(codes, minlength=len(distinct))
        people = settings.people_of(series[~missing])
        is_rare = people_of_values(codes, len(distinct), people) < settings.rare
        # Rare ones last; by frequency, then by text.
        order = np.lexsort([np.asarray(distinct, dtype=str), -counts, is_rare])
        categories = np.asarray(distinct, dtype=object)[order]
        counts = counts[order]
        kept = int((~is_rare).sum())
        if kept == len(counts):
            return cls(column, categories, bool(missing.any()))
        if not kept:
            noun = "rows" if people is None else "people"
            raise SchemaError(
                f"column {column.name!r}: none of its {len(counts):,} categories has "
                f"{settings.rare} {noun} or more, so that none may be stored; "
                "make it an identifier, drop it, or set rare to 0"
            )
        rare = len(counts) - kept, int(counts[kept:].sum())
        return cls(column, categories[:kept], bool(missing.any()), counts[:kept], rare)

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, digits]``; no offsets."""
        missing = series.isna().to_numpy(dtype=bool)
        present = category_texts(series)[~missing]
        found = pd.Index(self.categories).get_indexer(present)
        unknown = found < 0
        found[unknown] = max(len(self.categories) - 1, 0)
        if self.counts is not None and unknown.any():
            chances = takers(self.counts, self.rare[1])
            draws = rng.choice(len(chances), int(unknown.sum()), p=chances)
            found[unknown] = draws
        # Where training saw none, a missing cell counts as the commonest category.
        code_of_missing = len(self.categories) if self.missing else 0
        flat = np.full(len(series), code_of_missing, dtype=np.int64)
        flat[~missing] = found
        codes = np.zeros((len(series), len(self.blocks)), dtype=np.uint8)
        # From the last digit on; the first one takes what remains.
        for digit in range(len(self.blocks) - 1, 0, -1):
            flat, codes[:, digit] = np.divmod(flat, self.base)
        if self.blocks:
            codes[:, 0] = flat
        return codes, np.zeros((len(series), 0), dtype=np.float32)

    def knows(self, series: pd.Series) -> Mask:
        """As `ColumnEncoder.knows`: not a category that training never saw."""
        texts = pd.Series(category_texts(series), dtype=object)
        known = texts.isin(list(self.categories)).to_numpy()
        return np.asarray(known | series.isna().to_numpy(dtype=bool))

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """Codes => typed form; digits that no category has count as the last category."""
        flat = np.zeros(len(codes), dtype=np.int64)
        for digit in codes.T:
            flat = flat * self.base + digit
        flat = np.clip(flat, 0, max(self.size - 1, 0))
        missing = flat == len(self.categories)
        cells = take(self.categories, flat[~missing], missing, self.column)
        return cells.rename(self.column.name)

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        listed = self.column.options.get("categories")
        categories: npt.NDArray[Any] = self.categories
        # Categories that the schema lists are kept by number.
        if listed is not None:
            categories = _numbers_of(categories, listed)
        state = {"categories": categories.tolist(), "missing": self.missing}
        if self.counts is not None:
            state |= {"counts": self.counts.tolist(), "rare": list(self.rare)}
        return state

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> CategoryEncoder:
        """The inverse of `state`."""
        listed = column.options.get("categories")
        categories = state["categories"]
        if listed is not None:
            categories = [str(listed[number]) for number in categories]
        counts = None
        if "counts" in state:
            counts = np.array(state["counts"], dtype=np.int64)
        kinds, rows = state.get("rare", (0, 0))
        texts = np.array(categories, dtype=object)
        return cls(column, texts, flag(state, "missing"), counts, (kinds, rows))

    @property
    def withheld(self) -> str:
        """How many categories are not kept."""
        kinds, rows = self.rare
        if not kinds:
            return ""
        categories = "category" if kinds == 1 else "categories"
        noun = "row" if rows == 1 else "rows"
        return f"{kinds:,} {categories} ({rows:,} {noun})"


def digit_base(size: int) -> tuple[int, int]:
    """The base and the number of digits that write so many codes.

    ``(size, 1)`` for few: 128 categories and "missing" are still one block.
    """
    if size <= WIDEST + 1:
        return max(size, 1), 1
    digits = 2
    while (base := _root(size, digits)) > WIDEST:
        digits += 1
    return base, digits


def _root(size: int, digits: int) -> int:
    """``ceil(size ** (1/digits))``, safe from rounding."""
    base = max(1, math.floor(size ** (1 / digits)) - 1)
    while base**digits < size:
        base += 1
    return base


# --------------------------------------------------------------------------------------
# Cells <=> texts


def category_texts(series: pd.Series) -> Texts:
    """Cells of any dtype => texts, "" where missing."""
    if is_text(series):
        return series.to_numpy(dtype=object, na_value="")
    if isinstance(series.dtype, pd.ArrowDtype):
        series = dtypes.plain(series)
    if isinstance(series.dtype, pd.CategoricalDtype):
        distinct = series.cat.categories
        codes = series.cat.codes.to_numpy()
    else:
        codes, distinct = pd.factorize(series)
    texts = [str(cell) for cell in np.asarray(distinct, dtype=object)]
    # Code -1, a missing cell, reads the last entry.
    pool = np.array([*texts, ""], dtype=object)
    return np.asarray(pool[codes], dtype=object)


def from_texts(texts: Texts, column: Column) -> pd.Series:
    """Texts that are not missing => cells of the column's dtype.

    The inverse of `category_texts`.
    """
    dtype = column.dtype
    types = column.options.get("types", ())
    if dtype == "category":
        return _categorical(texts, column)
    if is_text_dtype(dtype) and not types:
        return natural(texts, np.zeros(len(texts), dtype=bool), dtype)
    return dtypes.read_texts(texts, dtype, types)


def _categorical(texts: Texts, column: Column) -> pd.Series:
    """`from_texts` for a pandas categorical."""
    listed = column.options.get("categories")
    if listed is None:
        return pd.Series(texts, dtype="category")
    codes = _numbers_of(texts, listed)
    # Real rows have more categories than the schema shows.
    if (codes < 0).any():
        listed = [*listed, *pd.unique(texts[codes < 0])]
        codes = _numbers_of(texts, listed)
    ordered = column.options.get("ordered", False)
    index = pd.Index(listed)
    if of := column.options.get("of"):
        names = np.array([*map(str, listed)], dtype=object)
        types = column.options.get("types", ())
        index = pd.Index(dtypes.read_texts(names, of, types))
    return pd.Series(pd.Categorical.from_codes(codes, index, ordered=ordered))


def _numbers_of(texts: Any, categories: Sequence[Any]) -> Integers:
    """Where each text stands among categories of the schema; -1 if nowhere."""
    index = pd.Index([str(category) for category in categories])
    return np.asarray(index.get_indexer(texts), dtype=np.int64)


def take(categories: Any, codes: Integers, missing: Mask, column: Column) -> pd.Series:
    """Cells by number; only the distinct categories are converted to the dtype.

    Args:
        categories: Texts.
        codes: ``[present]``: the number of each cell that is not missing.
        missing: ``[rows]``.
        column: Says the dtype.
    """
    texts = np.asarray(categories, dtype=object)
    pool = from_texts(texts, column)
    if pool.dtype == object:
        cells = pool.to_numpy()[codes]
        return natural(cells, missing, column.dtype, column.options)
    places = np.full(len(missing), -1)
    places[~missing] = codes
    if missing.any():
        # A missing cell comes first, as number -1.
        dtype = pool.dtype
        pool = pool.reindex(pd.RangeIndex(-1, len(pool)))
        return pool.take(places + 1).astype(dtype).reset_index(drop=True)
    return pool.take(places).reset_index(drop=True)


# --------------------------------------------------------------------------------------
# The categories of a pandas categorical


def _shown_categories(cells: Cells, dtype: pd.CategoricalDtype) -> pd.Index:
    """The categories that may be shown.

    Those without rows may come from another, larger table.
    """
    # Missing cells have the code -1.
    codes = cells.series.cat.codes.to_numpy().astype(np.int64) + 1
    people = people_of_values(codes, len(dtype.categories) + 1, cells.rows_about)[1:]
    absent = people == 0
    frequent = people >= cells.rare
    kept = absent | frequent
    if cells.rare and not dtype.ordered and absent.sum() > frequent.sum():
        kept &= ~absent
    return dtype.categories[kept]


def categorical_options(cells: Cells) -> dict[str, Any]:
    """What a column must remember of its categories; nothing for other dtypes."""
    dtype = cells.series.dtype
    if not isinstance(dtype, pd.CategoricalDtype):
        return {}
    index = dtype.categories
    categories = _plain(_shown_categories(cells, dtype))
    options = {"categories": categories, "ordered": bool(dtype.ordered)}
    if is_text(pd.Series(index)):
        return options
    if index.dtype == object:
        options["types"] = _types_of(index, cells.name)
    return options | {"of": dtypes.name_of(index.dtype)}


def _types_of(distinct: Any, name: str) -> list[str]:
    """Of what Python types objects are, where their texts lead back to them.

    Raises:
        DataError: They do not.
    """
    types = dtypes.python_types(distinct)
    texts = np.array([str(cell) for cell in distinct], dtype=object)
    strange = [name for name in types if name not in dtypes.READERS]
    if not strange:
        back = dtypes.read_texts(texts, "object", types)
        pairs = zip(back, distinct, strict=True)
        if all(type(read) is type(cell) and read == cell for read, cell in pairs):
            return types
    what = f"objects of type {' and '.join(strange or types)}"
    if not strange:
        what += " that look alike as text"
    raise DataError(
        f"column {name!r} holds {what}; convert it to text, with .astype(str)"
    )


def _plain(categories: pd.Index) -> list[Any]:
    """Categories as JSON keeps them: what is no number, boolean or text, as text."""
    plain = (str, int, float, bool)
    return [c if isinstance(c, plain) else str(c) for c in categories.tolist()]
