"""Categories: words, or any other dtype taken at its text.

Codes go by descending frequency, then by text, with "missing" last. Beyond 128 categories a code is
written in digits, so that no part of the model grows with the square of the cardinality: the
smallest number of digits whose base is at most 128, the most significant first.

Categories that too few rows have are not kept (`synthtab.data.columns.disclosure`): their rows are encoded as others, drawn
at random. Without such, a category that training never saw is encoded as the rarest one that it saw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import DataError, SchemaError
from synthtab.core.layout import Block
from synthtab.core.schema import Column
from synthtab.data.columns.base import (
    Cells,
    ColumnEncoder,
    Settings,
    Texts,
    as_dtype,
    is_text,
    is_text_dtype,
    natural,
)
from synthtab.data.columns.disclosure import takers

WIDEST = 128


class CategoryEncoder(ColumnEncoder):
    """One block, or one per digit.

    Options: ``categories`` and ``ordered`` for a pandas categorical, all categories in order; those that occur in
    too few rows are left out, and so are, unless they are ordered, those that do not occur if these are the most.

    Args:
        column: The schema's word on the column.
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
    }

    def __init__(
        self,
        column: Column,
        categories: Texts,
        missing: bool,
        counts: npt.NDArray[np.int64] | None = None,
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
        first = -(-self.size // self.base ** (self.digits - 1))
        widths = [max(first, 2), *[self.base] * (self.digits - 1)]
        return tuple(Block(name, f"digit {i}", w) for i, w in enumerate(widths))

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Everything whose cells can be written as text and read back."""
        options: dict[str, Any] = {}
        dtype = cells.series.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            options = {
                "categories": _plain(_told(cells, dtype)),
                "ordered": bool(dtype.ordered),
            }
        if cells.python == "bytes":
            raise DataError(f"column {cells.name!r} holds bytes; decode them to text")
        try:
            count = cells.count
            from_texts(
                category_texts(cells.series.dropna().iloc[:10]),
                cells.column(cls.kind, "str", "", options),
            )
        except (TypeError, ValueError, NotImplementedError) as error:
            message = f"column {cells.name!r} has cells of a type that is not supported ({dtype}); convert it to text"
            raise DataError(message) from error
        noun = "texts" if cells.is_text else f"values of dtype {dtype}"
        if cells.python or _are_objects(dtype):
            noun += ", which come back as text"
        return cells.column(cls.kind, "str", f"{count:,} distinct {noun}", options)

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Cells => the schema's dtype."""
        if str(series.dtype) == column.dtype and column.dtype != "category":
            return series
        missing = series.isna().to_numpy(dtype=bool)
        codes, distinct = pd.factorize(category_texts(series)[~missing])
        return (
            _take(distinct, codes, missing, column)
            .set_axis(series.index)
            .rename(column.name)
        )

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
        order = np.lexsort([np.asarray(distinct, dtype=str), -counts])
        categories, counts = np.asarray(distinct, dtype=object)[order], counts[order]
        kept = int((counts >= settings.rare).sum())
        if kept == len(counts):
            return cls(column, categories, bool(missing.any()))
        if not kept:
            found = f"column {column.name!r}: none of its {len(counts):,} categories has {settings.rare} rows or more"
            raise SchemaError(
                f"{found}, so that none may be stored; make it an identifier, drop it, or set rare to 0"
            )
        rare = len(counts) - kept, int(counts[kept:].sum())
        return cls(column, categories[:kept], bool(missing.any()), counts[:kept], rare)

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, digits]``; no offsets."""
        missing = series.isna().to_numpy(dtype=bool)
        rarest = max(len(self.categories) - 1, 0)
        flat = np.full(
            len(series), len(self.categories) if self.missing else 0, dtype=np.int64
        )
        found = pd.Index(self.categories).get_indexer(category_texts(series)[~missing])
        unknown = found < 0
        found[unknown] = rarest
        if self.counts is not None and unknown.any():
            chances = takers(self.counts, self.rare[1])
            found[unknown] = rng.choice(len(chances), int(unknown.sum()), p=chances)
        flat[~missing] = found
        codes = np.zeros((len(series), len(self.blocks)), dtype=np.uint8)
        for i in range(len(self.blocks) - 1, -1, -1):
            flat, codes[:, i] = np.divmod(flat, self.base) if i else (flat, flat)
        return codes, np.zeros((len(series), 0), dtype=np.float32)

    def knows(self, series: pd.Series) -> npt.NDArray[np.bool_]:
        """As `ColumnEncoder.knows`: not a category that training never saw."""
        known = (
            pd.Series(category_texts(series), dtype=object)
            .isin(list(self.categories))
            .to_numpy()
        )
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
        for i in range(codes.shape[1]):
            flat = flat * self.base + codes[:, i]
        flat = np.clip(flat, 0, max(self.size - 1, 0))
        missing = flat == len(self.categories)
        return _take(self.categories, flat[~missing], missing, self.column).rename(
            self.column.name
        )

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`; categories that the schema lists are kept by number."""
        listed = self.column.options.get("categories")
        numbers = (
            None
            if listed is None
            else pd.Index([str(c) for c in listed]).get_indexer(self.categories)
        )
        state = {
            "categories": (self.categories if numbers is None else numbers).tolist(),
            "missing": self.missing,
        }
        if self.counts is None:
            return state
        return {**state, "counts": self.counts.tolist(), "rare": list(self.rare)}

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> CategoryEncoder:
        """The inverse of `state`."""
        listed = column.options.get("categories")
        categories = (
            state["categories"]
            if listed is None
            else [str(listed[i]) for i in state["categories"]]
        )
        counts = (
            np.array(state["counts"], dtype=np.int64) if "counts" in state else None
        )
        categories, rare = np.array(categories, dtype=object), state.get("rare", (0, 0))
        return cls(column, categories, state["missing"], counts, (rare[0], rare[1]))

    @property
    def withheld(self) -> str:
        """How many categories are not kept."""
        kinds, rows = self.rare
        plural = "y" if kinds == 1 else "ies", "s" * (rows != 1)
        return (
            f"{kinds:,} categor{plural[0]} ({rows:,} row{plural[1]})" if kinds else ""
        )


def digit_base(size: int) -> tuple[int, int]:
    """The base and the number of digits that write ``size`` codes: ``(size, 1)`` for few."""
    if size <= WIDEST + 1:  # 128 categories and "missing" are still one block
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


def category_texts(series: pd.Series) -> Texts:
    """Cells of any dtype => texts, "" where missing."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        names = np.array([str(c) for c in series.cat.categories] + [""], dtype=object)
        return names[series.cat.codes.to_numpy()]
    if is_text(series):
        return series.to_numpy(dtype=object, na_value="")
    codes, distinct = pd.factorize(series)
    names = np.array([*map(str, np.asarray(distinct, dtype=object)), ""], dtype=object)
    return np.asarray(names[codes], dtype=object)


def from_texts(texts: Texts, column: Column) -> pd.Series:
    """Texts that are not missing => cells of the column's dtype: the inverse of `category_texts`."""
    dtype = column.dtype
    if is_text_dtype(dtype):
        return natural(texts, np.zeros(len(texts), dtype=bool), dtype)
    if dtype == "category":
        listed = column.options.get("categories")
        if listed is None:
            return pd.Series(texts, dtype="category")
        codes = pd.Index([str(c) for c in listed]).get_indexer(texts)
        if (codes < 0).any():  # real rows have more than the schema tells
            listed = [*listed, *pd.unique(texts[codes < 0])]
            codes = pd.Index([str(c) for c in listed]).get_indexer(texts)
        return pd.Series(
            pd.Categorical.from_codes(
                codes, pd.Index(listed), ordered=column.options.get("ordered", False)
            )
        )
    if dtype.lower().startswith("bool"):
        return as_dtype(
            pd.Series(
                np.array([t.lower() in ("true", "1") for t in texts], dtype=bool)
            ),
            dtype,
        )
    if "int" in dtype.lower():
        return as_dtype(
            pd.Series([int(float(t)) if "." in t else int(t) for t in texts]), dtype
        )
    if any(word in dtype.lower() for word in ("float", "double")):
        return as_dtype(pd.Series([float(t) for t in texts], dtype=np.float64), dtype)
    return as_dtype(pd.Series(texts), dtype)


def _take(
    categories: Any,
    codes: npt.NDArray[np.int64],
    missing: npt.NDArray[np.bool_],
    column: Column,
) -> pd.Series:
    """Cells by number; only the distinct categories are converted to the dtype."""
    pool = from_texts(np.asarray(categories, dtype=object), column)
    if pool.dtype == object:
        return natural(
            np.asarray(categories, dtype=object)[codes], missing, column.dtype
        )
    spots = np.full(len(missing), -1)
    spots[~missing] = codes
    if not missing.any():
        return pool.take(spots).reset_index(drop=True)
    return (
        pool.reindex(pd.RangeIndex(-1, len(pool)))
        .take(spots + 1)
        .astype(pool.dtype)
        .reset_index(drop=True)
    )


def _told(cells: Cells, dtype: pd.CategoricalDtype) -> pd.Index:
    """The categories of a dtype that may be told. Those without rows may come from another, larger table."""
    rows = np.bincount(
        cells.series.cat.codes.to_numpy() + 1, minlength=len(dtype.categories) + 1
    )[1:]
    kept = (rows == 0) | (rows >= cells.rare)
    if (
        cells.rare
        and not dtype.ordered
        and (rows == 0).sum() > (rows >= cells.rare).sum()
    ):
        kept &= rows > 0
    return dtype.categories[kept]


def _are_objects(dtype: Any) -> bool:
    """Whether the categories of a categorical are neither numbers nor text, such as intervals."""
    categories = (
        dtype.categories.tolist() if isinstance(dtype, pd.CategoricalDtype) else []
    )
    return _plain(pd.Index(categories, dtype=object)) != categories


def _plain(categories: pd.Index) -> list[Any]:
    """Categories as JSON keeps them: numbers, booleans and texts as they are, all else as text."""
    items = categories.tolist()
    return [c if isinstance(c, (str, int, float, bool)) else str(c) for c in items]
