"""What every kind of column can do, and how a column looks to inference.

A kind has two forms of a column: the *typed* form, with the pandas dtype that the schema names, and
the *text* form, the cells of a CSV file. `ColumnEncoder.typed` and `ColumnEncoder.text` lead from
one to the other; `encode` takes the typed form to codes and offsets, `decode` leads back.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import DataError, SchemaError
from synthtab.core.layout import Block
from synthtab.core.schema import Column, Schema
from synthtab.data.columns.disclosure import bounds

# Texts that mean "missing" where all other cells of the column are numbers or dates.
MISSING_TOKENS = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "?"})

_PANDAS = int(pd.__version__.split(".")[0])

Texts = npt.NDArray[np.object_]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Settings:
    """How columns are encoded.

    Attributes:
        continuous, max_modes: See `synthtab.data.columns.numbers`.
        rare: Values that fewer rows have are not stored, see `synthtab.data.columns.disclosure`; 0 to store all.
    """

    continuous: str = "cdf"
    max_modes: int = 10
    rare: int = 0


class ColumnEncoder(ABC):
    """One kind of column. A subclass is registered in `synthtab.data.columns.KINDS`.

    Attributes:
        kind: Name of the kind.
        column: The schema's word on the column.
        blocks: The discrete variables that the column becomes; none where nothing varies.
        needs: Names of the columns that must be decoded first.
        avoids_all: Whether decoded cells must differ from every cell of the whole table, so that
            `fit` gets all of them, held-out rows included.
    """

    kind: ClassVar[str]
    avoids_all: ClassVar[bool] = False
    needs: tuple[str, ...] = ()

    def __init__(self, column: Column, blocks: tuple[Block, ...]) -> None:
        self.column = column
        self.blocks = blocks

    @classmethod
    @abstractmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Describe the column as one of this kind, or decline with None.

        Args:
            cells: The column.
            forced: The user demands this kind: decline only what cannot be done at all.
        """

    @classmethod
    @abstractmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Text or typed cells => the typed form; a `SchemaError` names a cell that does not fit."""

    @classmethod
    @abstractmethod
    def text(cls, series: pd.Series, column: Column) -> Texts:
        """The typed form => the cells of a CSV file."""

    @classmethod
    @abstractmethod
    def fit(
        cls,
        series: pd.Series,
        column: Column,
        rng: np.random.Generator,
        settings: Settings,
    ) -> ColumnEncoder:
        """Learn the encoding from the typed form."""

    @abstractmethod
    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, blocks]`` and offsets ``[rows, continuous blocks]``."""

    @abstractmethod
    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """Codes and offsets => typed form; ``start`` is the number of the first row."""

    def knows(self, series: pd.Series) -> Mask:
        """``[rows]``: which cells of the typed form have a code or an offset that stands for them."""
        return np.ones(len(series), dtype=bool)

    def encode_in(
        self, frame: pd.DataFrame, schema: Schema, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """`encode` for its cells in a table."""
        return self.encode(frame[self.column.name], rng)

    def decode_in(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
        done: Mapping[str, pd.Series],
        schema: Schema,
    ) -> pd.Series:
        """`decode` for a table of which the columns that this one `needs` are done."""
        return self.decode(codes, offsets, rng, start)

    @property
    def withheld(self) -> str:
        """How much of the column is not stored because too few rows have it, in words; "" for nothing."""
        return ""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`; no cell that could name a person."""

    @classmethod
    @abstractmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> ColumnEncoder:
        """The inverse of `state`."""


class Cells:
    """A column as inference sees it; what is costly is computed once and shared by all kinds.

    Args:
        series: The column.
        from_file: The cells were read from a text file, thus a kind may choose a natural dtype;
            otherwise the dtype is the user's own and is kept.
        rare: No option and no word of a kind tells a value that fewer rows have.
    """

    def __init__(
        self, series: pd.Series, from_file: bool = False, rare: int = 0
    ) -> None:
        self.rare = rare
        self.series = series
        self.name = str(series.name)
        self.rows = len(series)
        self.is_text = is_text(series)
        self.python = (
            pd.api.types.infer_dtype(series, skipna=True)
            if _holds_objects(series, self.is_text)
            else ""
        )
        self.from_file = from_file and (self.is_text or bool(series.isna().all()))
        self.dtype = str(series.dtype)

    @cached_property
    def missing(self) -> int:
        """Number of null cells (an unusual token for "missing" not counted)."""
        return int(self.series.isna().sum())

    @cached_property
    def _factorized(self) -> tuple[npt.NDArray[np.int64], Any]:
        codes, uniques = pd.factorize(self.series)
        return np.asarray(codes, dtype=np.int64), uniques

    @property
    def count(self) -> int:
        """Number of distinct cells that are not null."""
        return len(self._factorized[1])

    @cached_property
    def distinct(self) -> Texts:
        """These cells, in order of appearance."""
        return np.asarray(self._factorized[1], dtype=object)

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """How often each of them occurs."""
        codes = self._factorized[0]
        return np.bincount(codes[codes >= 0], minlength=self.count)

    @cached_property
    def token_mask(self) -> Mask:
        """Which distinct texts could stand for "missing" in a column of numbers or dates."""
        return np.array(
            [isinstance(t, str) and t.strip() in MISSING_TOKENS for t in self.distinct],
            dtype=bool,
        )

    @cached_property
    def words(self) -> Texts:
        """The distinct texts that are not such a token."""
        return self.distinct[~self.token_mask]

    def commonest(self, tokens: Container[str]) -> str | None:
        """Of the distinct texts that are one of these tokens, the one that most cells hold."""
        counts = np.array(
            [
                n if t.strip() in tokens else 0
                for t, n in zip(self.distinct, self.counts, strict=True)
            ]
        )
        return str(self.distinct[counts.argmax()]) if counts.any() else None

    def matches(self, pattern: re.Pattern[str]) -> bool:
        """Whether the column is text and every cell but missing ones matches in full."""
        return self.is_text and len(self.words) > 0 and all_match(self.words, pattern)

    def missing_options(self) -> dict[str, str]:
        """``{"missing": token}`` where a token stands for "missing" more often than an empty cell."""
        counts = (
            np.where(self.token_mask, self.counts, 0)
            if self.is_text
            else np.zeros(1, dtype=np.int64)
        )
        if not counts.any() or counts.max() <= self.missing:
            return {}
        return {"missing": str(self.distinct[int(counts.argmax())])}

    def bounds(
        self, values: npt.NDArray[Any], counts: npt.NDArray[np.int64] | None = None
    ) -> list[Any] | None:
        """The least and the greatest of numbers that may be told, in their dtype.

        Args:
            values: What `words` stand for, or any others with their ``counts``.
            counts: How many rows have each.
        """
        counts = self.counts[~self.token_mask] if counts is None else counts
        distinct, inverse = np.unique(values, return_inverse=True)
        ends = (
            bounds(distinct, np.bincount(inverse, counts).astype(np.int64), self.rare)
            if len(distinct)
            else None
        )
        if ends is None or values.dtype != np.int64:
            return None if ends is None else [float(v) for v in ends]
        return [
            int(
                np.clip(np.rint(v), -(2.0**63), 2.0**63 - 1024)
                if isinstance(v, float)
                else v
            )
            for v in ends
        ]

    def column(
        self,
        kind: str,
        dtype: str,
        why: str,
        options: Mapping[str, Any],
        missing: int | None = None,
    ) -> Column:
        """The verdict of a kind; the dtype is used only where the column comes from a file."""
        missing = self.missing if missing is None else missing
        if missing:
            why += f", {missing:,} of {self.rows:,} missing"
        options = dict(options) | ({"python": self.python} if self.python else {})
        return Column(
            self.name,
            kind,
            dtype if self.from_file else self.dtype,
            options,
            missing > 0,
            why,
        )


def is_text(series: pd.Series) -> bool:
    """Whether every cell that is not null is a str."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        return False
    if series.dtype == object:
        return pd.api.types.infer_dtype(series, skipna=True) == "string"
    return pd.api.types.is_string_dtype(series.dtype)


def is_text_dtype(dtype: str) -> bool:
    """Whether a column of this dtype holds its cells as text, or as objects."""
    return dtype in ("object", "str", "string") or dtype.startswith(
        ("string[", "large_string")
    )


def holds_text(column: Column) -> bool:
    """Whether the typed form of the column is text; objects such as `datetime.date` are not."""
    return is_text_dtype(column.dtype) and not column.options.get("python")


def _holds_objects(series: pd.Series, text: bool) -> bool:
    return series.dtype == object and not text and bool(series.notna().any())


def all_match(texts: Texts, pattern: re.Pattern[str]) -> bool:
    """Whether all match in full; a look at the first few spares most columns the rest."""
    match = pattern.fullmatch
    return all(map(match, texts[:100])) and all(map(match, texts[100:]))


def blank(series: pd.Series, token: str) -> pd.Series:
    """The texts, those that equal the token (spaces around it aside) as missing cells."""
    codes, distinct = pd.factorize(series)
    same = [
        t.strip() == token.strip() for t in np.asarray(distinct, dtype=object).tolist()
    ]
    mask = np.append(same, False)[codes].astype(bool)
    return series.mask(mask)


def distinct_texts(
    series: pd.Series, column: Column
) -> tuple[Texts, npt.NDArray[np.int64], Mask]:
    """The distinct texts of a column, stripped; which of them each cell that is not missing holds, ``[present]``; and
    which cells are missing, ``[rows]``. Whatever is done to texts is done to these, for they are fewer.
    """
    codes, found = pd.factorize(series)
    stripped = np.array(
        [str(t).strip() for t in np.asarray(found, dtype=object).tolist()], dtype=object
    )
    tokens = MISSING_TOKENS | {column.options.get("missing")}
    token = np.array([t in tokens for t in stripped.tolist()], dtype=bool)
    missing = np.append(token, True)[codes]
    place = np.cumsum(~token) - 1
    return stripped[~token], place[codes[~missing]], missing


def parse_text(series: pd.Series, column: Column) -> tuple[Texts, Mask]:
    """The cells of a text column that are not missing, stripped, and which cells are missing."""
    texts, codes, missing = distinct_texts(series, column)
    return texts[codes], missing


def natural(values: npt.NDArray[Any], missing: Mask, dtype: str) -> pd.Series:
    """A series of the dtype; ``values`` are those of the cells that are not missing."""
    if dtype == "object":
        objects = np.full(len(missing), None, dtype=object)
        objects[~missing] = values
        return pd.Series(objects, dtype=object)
    if not missing.any():
        return as_dtype(pd.Series(values), dtype)
    if np.dtype(values.dtype).kind == "f" and not is_text_dtype(dtype):
        full = np.full(len(missing), np.nan)
        full[~missing] = values
        return as_dtype(pd.Series(full), dtype)
    if np.dtype(values.dtype).kind in "mM":
        stamps = np.full(len(missing), np.array("NaT", dtype=values.dtype))
        stamps[~missing] = values
        return as_dtype(pd.Series(stamps), dtype)
    if np.dtype(values.dtype).kind == "i":
        whole = np.zeros(len(missing), dtype=np.int64)
        whole[~missing] = values
        return as_dtype(pd.Series(pd.arrays.IntegerArray(whole, missing.copy())), dtype)
    cells = np.full(len(missing), None, dtype=object)
    cells[~missing] = values
    return as_dtype(pd.Series(cells, dtype=object), dtype)


def as_dtype(series: pd.Series, dtype: Any) -> pd.Series:
    """``astype`` that leaves missing cells missing: `str` would turn them into the word "nan"."""
    if dtype == "str" and _PANDAS < 3:
        dtype = "object"
    if dtype == "object":
        return series.astype(object)
    result: pd.Series = series.astype(dtype)
    return result


def cell_error(column: Column, cell: object, wanted: str) -> SchemaError:
    """A cell that contradicts the schema."""
    found = f"column {column.name!r}: {str(cell)[:60]!r} is not {wanted}"
    return SchemaError(f"{found}; correct the cell or the column's kind in the schema")


def finite(values: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
    """The values, once it is sure that none is infinite."""
    if np.isinf(values).any():
        raise DataError(
            f"column {name!r} holds infinite values; make these cells missing or large numbers"
        )
    return values
