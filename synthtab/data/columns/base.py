"""What every kind of column can do, and how a column looks to inference.

A kind has two forms of a column. The *typed* form has the pandas dtype that the schema
names; the *text* form is the cells of a CSV file. `ColumnEncoder.typed` and
`ColumnEncoder.text` lead from one to the other. `ColumnEncoder.encode` takes the typed
form to codes and offsets, `ColumnEncoder.decode` leads back.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Mapping
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

# pandas 3 has a text dtype of its own, "str".
_PANDAS = int(pd.__version__.split(".")[0])

# Greatest integer that is a float64 and fits int64.
_GREATEST = 2.0**63 - 1024

# JSON objects and lists.
_LOOKS_NESTED = re.compile(r"\s*(\{.*\}|\[.*\])\s*", re.DOTALL)
# So many texts are looked at, and this share of them is JSON, where a column is taken
# for it.
_GLANCE = 100
_NESTED_SHARE = 0.8

# Entries of `Column.options` that every kind may have, see
# `ColumnEncoder.schema_options`.
COMMON_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "missing": {
        "type": "string",
        "description": "The text of a missing cell, where it is not the empty one.",
    },
    "python": {
        "type": "string",
        "description": "Of what Python type objects are: date, decimal, ...",
    },
}

Texts = npt.NDArray[np.object_]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Settings:
    """How columns are encoded.

    Attributes:
        continuous, max_modes: See `synthtab.data.columns.numbers`.
        rare: Values that fewer rows have are not stored, see
            `synthtab.data.columns.disclosure`; 0 to store all.
    """

    continuous: str = "cdf"
    max_modes: int = 10
    rare: int = 0


class ColumnEncoder(ABC):
    """One kind of column. A subclass is registered in `synthtab.data.columns.KINDS`.

    What a kind is, it says by class attributes and class methods. The defaults suit a
    kind whose cells are words, as categories are.

    Attributes:
        kind: Name of the kind.
        turn: When inference asks the kind whether a column is one of it; the kind of
            the lowest turn is asked first. Kinds that refuse nearly everything come
            first, since the first that does not refuse is chosen.
        dtypes: The dtypes whose cells this kind reads and writes even where the column
            is modelled as a category, as a pattern of their names.
        schema_options: The entries of `Column.options` that the kind reads, each as a
            JSON Schema; see `synthtab.data.schema_document`.
        numeric: Whether the cells are numbers, or dates that count as numbers. Such a
            kind is a `synthtab.data.columns.numeric.NumberEncoder`.
        reads_missing: Whether the kind knows by itself which texts of a file mean
            "missing".
        constant: Whether all cells are equal.
        invented: Whether cells are invented. They must differ from every cell of the
            whole table, so that `fit` gets all of them, held-out rows included.
        temporal: Whether the numbers mean a time, so that pandas has no plain numbers
            for the cells, and people want to see them as the column writes them.
        in_units: Whether the numbers count units of time, ``options["unit"]``.
        discrete: Whether values are counted, as words and whole numbers are, and not
            measured: then equal cells are more than a coincidence.
        combinable: Whether a model may hold a list of the combinations of its cells
            with those of other columns, see `synthtab.data.constraints.combination`.
        column: The schema's description of the column.
        blocks: The discrete variables that the column becomes; none where nothing
            varies.
        needs: Names of the columns that must be decoded first.
    """

    kind: ClassVar[str]
    turn: ClassVar[int] = 50
    dtypes: ClassVar[re.Pattern[str] | None] = None
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    numeric: ClassVar[bool] = False
    reads_missing: ClassVar[bool] = False
    constant: ClassVar[bool] = False
    invented: ClassVar[bool] = False
    temporal: ClassVar[bool] = False
    in_units: ClassVar[bool] = False
    discrete: ClassVar[bool] = True
    combinable: ClassVar[bool] = True
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
        """Text or typed cells => the typed form.

        Raises:
            SchemaError: A cell does not fit; the message names it.
        """

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
        """Typed form => codes and offsets.

        Returns:
            Codes ``[rows, blocks]``; offsets ``[rows, blocks that have modes]``.
        """

    @abstractmethod
    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """Codes and offsets => typed form; ``start`` is the number of the first row."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`; no cell that could name a person."""

    @classmethod
    @abstractmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> ColumnEncoder:
        """The inverse of `state`."""

    def knows(self, series: pd.Series) -> Mask:
        """``[rows]``: which cells have a code or an offset that stands for them."""
        return np.ones(len(series), dtype=bool)

    def encode_in(
        self, frame: pd.DataFrame, schema: Schema, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """`encode` for the column's cells in a table."""
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
        """How much is not stored because too few rows have it, in words; "" if all is."""
        return ""

    @classmethod
    def informative(cls) -> bool:
        """Whether the cells say something about their rows."""
        return not (cls.constant or cls.invented)

    @classmethod
    def measure(cls, column: Column) -> str:
        """What the column's numbers count; "" if it has none.

        Columns of one measure can be compared by constraints.
        """
        return ""

    @classmethod
    def link_group(cls, column: Column) -> str:
        """Columns of one group may follow from one another; "" if this one cannot.

        See `synthtab.data.relations.links`.
        """
        return ""

    @classmethod
    def no_and_yes(cls, column: Column) -> tuple[str, str] | None:
        """The texts that mean no and yes; None where cells are not that simple."""
        return None

    @classmethod
    def places(cls, texts: Texts, column: Column) -> npt.NDArray[np.float64] | None:
        """Where each text stands in the order of the column's values, for conditions.

        Returns:
            ``[texts]``, NaN for one that has no place; None if the values have no order.
        """
        if column.options.get("ordered"):
            categories = pd.Index([str(c) for c in column.options["categories"]])
            found = categories.get_indexer(texts).astype(np.float64)
            return np.where(found < 0, np.nan, found)
        numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce")
        dtype = column.dtype.lower()
        of_numbers = any(word in dtype for word in ("int", "float", "double"))
        # Words have no order but that of the alphabet, which is hardly ever meant.
        if not of_numbers and numbers.isna().any():
            return None
        return numbers.to_numpy(dtype=np.float64)


class Cells:
    """A column as inference sees it: what is costly is computed once for all kinds.

    Args:
        series: The column.
        from_file: The cells were read from a text file, thus a kind may choose a
            natural dtype; otherwise the dtype is the user's own and is kept.
        rare: No option and no word of a kind may tell a value that fewer rows have.
    """

    def __init__(
        self, series: pd.Series, from_file: bool = False, rare: int = 0
    ) -> None:
        self.rare = rare
        self.series = series
        self.name = str(series.name)
        self.rows = len(series)
        self.is_text = is_text(series)
        self.dtype = str(series.dtype)
        # Of what Python type the cells are, where pandas has no dtype for it.
        self.python = ""
        if series.dtype == object and not self.is_text and series.notna().any():
            self.python = pd.api.types.infer_dtype(series, skipna=True)
        self.from_file = from_file and (self.is_text or bool(series.isna().all()))

    @cached_property
    def missing(self) -> int:
        """Number of null cells (an unusual token for "missing" not counted)."""
        return int(self.series.isna().sum())

    @cached_property
    def missing_or_token(self) -> int:
        """Number of cells that are null or, in a column of text, `MISSING_TOKENS`."""
        if not self.is_text:
            return self.missing
        return self.missing + int(self.counts[self.token_mask].sum())

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
        """Which distinct cells could stand for "missing" among numbers or dates."""
        is_token = [
            isinstance(cell, str) and cell.strip() in MISSING_TOKENS
            for cell in self.distinct
        ]
        return np.array(is_token, dtype=bool)

    @cached_property
    def words(self) -> Texts:
        """The distinct texts that are not such a token."""
        return self.distinct[~self.token_mask]

    def commonest(self, tokens: Container[str]) -> str | None:
        """Of the distinct texts that are one of these tokens, the most frequent."""
        is_token = np.array([text.strip() in tokens for text in self.distinct])
        counts = np.where(is_token, self.counts, 0)
        if not counts.any():
            return None
        return str(self.distinct[counts.argmax()])

    def matches(self, pattern: re.Pattern[str]) -> bool:
        """Whether every cell but missing ones is text and matches in full."""
        if not self.is_text or not len(self.words):
            return False
        return all_match(self.words, pattern)

    def missing_options(self) -> dict[str, str]:
        """``{"missing": token}`` if a token means "missing" more often than an empty cell."""
        if not self.is_text:
            return {}
        counts = np.where(self.token_mask, self.counts, 0)
        if not counts.any() or counts.max() <= self.missing:
            return {}
        return {"missing": str(self.distinct[counts.argmax()])}

    def bounds(
        self, values: npt.NDArray[Any], counts: npt.NDArray[np.int64] | None = None
    ) -> list[Any] | None:
        """The least and the greatest of numbers that may be shown, in their dtype.

        Args:
            values: What `words` stand for, or any others with their ``counts``.
            counts: How many rows have each.

        Returns:
            None if too few rows have any of them.
        """
        if counts is None:
            counts = self.counts[~self.token_mask]
        distinct, inverse = np.unique(values, return_inverse=True)
        if not len(distinct):
            return None
        rows = np.bincount(inverse, counts).astype(np.int64)
        ends = bounds(distinct, rows, self.rare)
        if ends is None:
            return None
        if values.dtype != np.int64:
            return [float(end) for end in ends]
        return [_whole(end) for end in ends]

    def column(
        self,
        kind: str,
        dtype: str,
        why: str,
        options: Mapping[str, Any],
        missing: int | None = None,
    ) -> Column:
        """The description that a kind gives of the column.

        Args:
            kind: Name of the kind.
            dtype: Used only where the column comes from a file.
            why: Why it is of this kind.
            options: What the kind needs to know.
            missing: Number of missing cells; None for the null ones.
        """
        if missing is None:
            missing = self.missing
        if missing:
            why += f", {missing:,} of {self.rows:,} missing"
        options = dict(options)
        if self.python:
            options["python"] = self.python
        if not self.from_file:
            dtype = self.dtype
        return Column(self.name, kind, dtype, options, missing > 0, why)


def _whole(end: Any) -> int:
    """A bound of whole numbers, which is a float where it is a mean of several."""
    if isinstance(end, float):
        end = np.clip(np.rint(end), -(2.0**63), _GREATEST)
    return int(end)


def is_text(series: pd.Series) -> bool:
    """Whether every cell that is not null is a str."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        return False
    if series.dtype == object:
        return pd.api.types.infer_dtype(series, skipna=True) == "string"
    return pd.api.types.is_string_dtype(series.dtype)


def is_text_dtype(dtype: str) -> bool:
    """Whether a column of this dtype holds its cells as text, or as objects."""
    if dtype in ("object", "str", "string"):
        return True
    return dtype.startswith(("string[", "large_string"))


def holds_text(column: Column) -> bool:
    """Whether the typed form is text; objects such as `datetime.date` are not."""
    return is_text_dtype(column.dtype) and not column.options.get("python")


def all_match(texts: Texts, pattern: re.Pattern[str]) -> bool:
    """Whether all match in full."""
    match = pattern.fullmatch
    # A look at the first few spares most columns the rest.
    return all(map(match, texts[:100])) and all(map(match, texts[100:]))


def refuse_nested(cells: Cells) -> None:
    """Raise a `DataError` for a column of JSON objects or lists.

    They are neither categories nor anything to invent: what is in them would come back
    as it is in the table, or as gibberish.
    """
    if not cells.is_text:
        return
    glance = cells.words[:_GLANCE].tolist()
    nested = [w for w in glance if _LOOKS_NESTED.fullmatch(w) and _is_json(w)]
    if nested and len(nested) >= _NESTED_SHARE * len(glance):
        what = "objects" if nested[0].lstrip().startswith("{") else "lists"
        raise DataError(
            f"column {cells.name!r} holds JSON {what}; give their fields columns of "
            "their own, say with pandas.json_normalize, or drop it "
            "(or declare it an identifier)"
        )


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except ValueError:
        return False


def name_words(name: str) -> list[str]:
    """``"PassengerId"`` => ``["passenger", "id"]``."""
    # Capitals of their own, a word in small letters, or a number.
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return [word.lower() for word in words]


def blank(series: pd.Series, token: str) -> pd.Series:
    """The texts, those that equal the token (spaces around it aside) as missing cells."""
    codes, distinct = pd.factorize(series)
    token = token.strip()
    is_token = [text.strip() == token for text in _listed(distinct)]
    # Code -1, a missing cell, reads the last entry.
    mask = np.append(is_token, False)[codes].astype(bool)
    return series.mask(mask)


def distinct_texts(
    series: pd.Series, column: Column
) -> tuple[Texts, npt.NDArray[np.int64], Mask]:
    """The distinct texts of a column; they are fewer than its cells, so work on them.

    Returns:
        The texts ``[distinct]``, stripped; which of them each cell holds that is not
        missing, ``[present]``; which cells are missing, ``[rows]``.
    """
    codes, distinct = pd.factorize(series)
    texts = objects((str(text).strip() for text in _listed(distinct)), len(distinct))
    tokens = MISSING_TOKENS | {column.options.get("missing")}
    is_token = np.array([text in tokens for text in texts.tolist()], dtype=bool)
    # Code -1, a missing cell, reads the last entry.
    missing = np.append(is_token, True)[codes]
    # Where each text stands once the tokens are gone.
    place = np.cumsum(~is_token) - 1
    return texts[~is_token], place[codes[~missing]], missing


def parse_text(series: pd.Series, column: Column) -> tuple[Texts, Mask]:
    """The cells of text that are not missing, stripped; and which cells are missing."""
    texts, codes, missing = distinct_texts(series, column)
    return texts[codes], missing


def natural(values: npt.NDArray[Any], missing: Mask, dtype: str) -> pd.Series:
    """Values of the cells that are not missing => a series of the dtype.

    Args:
        values: ``[present]``.
        missing: ``[rows]``.
        dtype: Of the result.
    """
    if dtype == "object":
        return pd.Series(_spread(values, missing, None, object), dtype=object)
    if not missing.any():
        return as_dtype(pd.Series(values), dtype)
    # Each type of numpy has a missing value of its own, or needs a mask.
    letter = np.dtype(values.dtype).kind
    if letter == "f" and not is_text_dtype(dtype):
        floats = _spread(values, missing, np.nan, np.float64)
        return as_dtype(pd.Series(floats), dtype)
    if letter in "mM":
        not_a_time = np.array("NaT", dtype=values.dtype)
        stamps = _spread(values, missing, not_a_time, values.dtype)
        return as_dtype(pd.Series(stamps), dtype)
    if letter == "i":
        whole = _spread(values, missing, 0, np.int64)
        masked = pd.arrays.IntegerArray(whole, missing.copy())
        return as_dtype(pd.Series(masked), dtype)
    cells = pd.Series(_spread(values, missing, None, object), dtype=object)
    return as_dtype(cells, dtype)


def _spread(values: Any, missing: Mask, filler: Any, dtype: Any) -> npt.NDArray[Any]:
    """``[rows]``: the values of the present cells, and a filler in the missing ones."""
    full = np.full(len(missing), filler, dtype=dtype)
    full[~missing] = values
    return full


def as_dtype(series: pd.Series, dtype: Any) -> pd.Series:
    """``astype`` that leaves missing cells missing."""
    # pandas 2 takes "str" for Python's type and turns a missing cell into "nan".
    if dtype == "str" and _PANDAS < 3:
        dtype = "object"
    if dtype == "object":
        return series.astype(object)
    result: pd.Series = series.astype(dtype)
    return result


def objects(items: Iterable[Any], count: int) -> Texts:
    """So many items as an array of Python's objects."""
    return np.fromiter(items, dtype=object, count=count)


def _listed(distinct: Any) -> list[Any]:
    """The distinct cells that `pandas.factorize` gives, as a list."""
    cells: list[Any] = np.asarray(distinct, dtype=object).tolist()
    return cells


def cell_error(column: Column, cell: object, wanted: str) -> SchemaError:
    """The error that a cell contradicts the schema."""
    return SchemaError(
        f"column {column.name!r}: {str(cell)[:60]!r} is not {wanted}; "
        "correct the cell or the column's kind in the schema"
    )


def finite(values: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
    """The values; a `DataError` if one of them is infinite."""
    if np.isinf(values).any():
        raise DataError(
            f"column {name!r} holds infinite values; "
            "make these cells missing or large numbers"
        )
    return values
