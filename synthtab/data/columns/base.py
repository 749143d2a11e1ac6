"""What every kind of column can do, and how a column looks to inference.

A kind has two forms of a column. The *typed* form has the pandas dtype that the schema
names; the *text* form is the cells of a CSV file. `ColumnEncoder.typed` and
`ColumnEncoder.text` lead from one to the other. `ColumnEncoder.encode` takes the typed
form to codes and offsets, `ColumnEncoder.decode` leads back.
"""

from __future__ import annotations

import json
import math
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
from synthtab.core.json_schema import fault, shown
from synthtab.core.layout import Block
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import dtypes
from synthtab.data.columns.disclosure import Holders, bounds, people_of_values
from synthtab.data.columns.writing import Writing

# Texts that mean "missing" where the other cells of the column are numbers or dates. Where
# they do in one column, they do in the columns of words of the same file, too.
MISSING_TOKENS = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "?"})
# Further such texts, in small letters. Among words, any of these may be a category.
MISSING_WORDS = frozenset(
    {token.lower() for token in MISSING_TOKENS}
    | {"na", "n.a.", "n.a", "#n/a", "#na", "<na>", "nil", "none", "nat", "-nan", "\\n"}
    | {"(null)", "[null]", "<null>", "#null!", "<none>", "1.#qnan", "-1.#ind", "1.#ind"}
    | {"missing", "(missing)", "<missing>", "blank", "(blank)", "empty", "(empty)"}
    | {
        "unknown",
        "(unknown)",
        "unk",
        "unk.",
        "undefined",
        "unspecified",
        "not specified",
    }
    | {"not available", "not applicable", "not known", "not reported", "not recorded"}
    | {"no data", "nodata", "no value", "no answer", "not stated", "not given", "n.d."}
    | {"nd", "n/d", "tbd", "tba", "tbc", "-", "--", "---", "\u2013", "\u2014", "."}
    | {"..", "...", "\u2026", "*", "**", "??", "???"}
    | {"k.a.", "k. a.", "keine angabe", "unbekannt", "fehlt", "inconnu", "non connu"}
    | {"desconocido", "sin datos", "s/d", "sconosciuto", "onbekend", "ok\u00e4nd"}
)
# Texts with which instruments and spreadsheets say that a cell has no number, in small
# letters. Everyone knows them, so that one tells of no row that it is there.
ERROR_WORDS = frozenset(
    {"err", "error", "err.", "fail", "failed", "failure", "fault", "invalid", "bad"}
    | {"overflow", "underflow", "overrange", "out of range", "saturated", "offline"}
    | {"#value!", "#div/0!", "#ref!", "#name?", "#num!", "#error!", "#####"}
    | {"total", "totals", "sum", "subtotal", "grand total", "average", "mean"}
    | {"trace", "tr", "bdl", "<lod", "<loq", "below detection", "not detected"}
    | {"pending", "cancelled", "canceled", "closed", "void", "varies", "various"}
)
# A kind that so many of a column's cells fit is the column's. What does not fit is a
# word, or missing.
MOSTLY = 0.95
# Of text that would be invented, or if a user names the kind, so many are enough.
HALF = 0.5
# Letters of a cell that an error shows.
LONGEST_SHOWN = 32
# Most words of a column of numbers or dates.
MOST_WORDS = 20
# If such a share of the cells, and so many different ones, are numbers, the column is one
# of numbers even if many cells have one of a few words: "<0.01", "not detected".
BESIDE_WORDS = 0.6
FEWEST_BESIDE_WORDS = 20
# Fewest rows of each such word.
FEWEST_SHARED = 5
# Where there is no date: 0000-00-00, __/__/____ and dd.mm.yyyy.
_NO_DATE = re.compile(
    r"0{1,4}([-/.])0{1,2}\1(?:0{1,2}|0{4})(?:[ T]00?:00(?::00(?:[.,]0+)?)?Z?)?"
    r"|[-_ ]{1,4}([-/.])[-_ ]{1,4}\2[-_ ]{1,4}"
    r"|(?:dd|mm|yyyy|yy)(?:[-/.](?:dd|mm|yyyy|yy)){2}|nat|invalid date"
)
# A letter or a few, and then digits: a code of what the digits alone would be, too.
_CODE = re.compile(r"[A-Za-z]{1,3}-?\d[\w.-]*")
# Digits that are no number, such as the postal code 02134.
_DIGITS = re.compile(r"\d+")
# What is beyond the scale, with its unit: <0.01 mg/l.
_BEYOND = re.compile(r"[<>≤≥]=? ?\d[\d.,]*(?: ?[^\W\d_/][^\d]{0,12})?")

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
    "scalar": {
        "type": "string",
        "description": "The type of objects: int64 of NumPy, Timestamp of pandas, ...",
    },
    "null": {
        "enum": ["nan", "NA", "NaT"],
        "description": "What a missing cell is among objects, where it is not None.",
    },
    "words": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Texts that stand for themselves among numbers or dates.",
    },
    "misfits": {
        "type": "boolean",
        "description": "Whether a cell that cannot be read counts as missing.",
    },
}

Texts = npt.NDArray[np.object_]
Mask = npt.NDArray[np.bool_]
NO_OPTIONS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Settings:
    """How columns are encoded.

    Attributes:
        continuous, max_modes: See `synthtab.data.columns.numbers`.
        rare: Values that fewer rows have are not stored, see
            `synthtab.data.columns.disclosure`; 0 to store all.
        people: Whom each row of the table is about, by the row's label; None where rows
            count.
        sample: Rows as they repeat, where the cells to learn are each a distinct one.
        seasonal: Names of dates that have a season, see `synthtab.data.relations.seasons`.
        discrete: Names of numbers whose every value gets a code of its own, see
            `synthtab.data.relations.rules`.
    """

    continuous: str = "cdf"
    max_modes: int = 10
    rare: int = 0
    people: npt.NDArray[np.int64] | None = None
    sample: pd.Series | None = None
    seasonal: frozenset[str] = frozenset()
    discrete: frozenset[str] = frozenset()

    def people_of(self, series: pd.Series) -> npt.NDArray[np.int64] | None:
        """``[rows]``: whom the rows of a series are about; None where rows count."""
        if self.people is None:
            return None
        return self.people[series.index.to_numpy()]


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
        of_digits: Whether each of its texts has a digit.
        most_values: Columns of more distinct values are never of this kind.
        of_text: Whether numbers as such are never of this kind, only text and dtypes of its
            own.
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
        askable: Whether conditions may ask for its cells; of others they may ask only
            whether one is missing, which the first block then says.
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
    of_digits: ClassVar[bool] = False
    of_text: ClassVar[bool] = False
    most_values: ClassVar[float] = math.inf
    reads_missing: ClassVar[bool] = False
    constant: ClassVar[bool] = False
    invented: ClassVar[bool] = False
    temporal: ClassVar[bool] = False
    in_units: ClassVar[bool] = False
    discrete: ClassVar[bool] = True
    combinable: ClassVar[bool] = True
    askable: ClassVar[bool] = True
    needs: tuple[str, ...] = ()

    def __init__(self, column: Column, blocks: tuple[Block, ...]) -> None:
        self.column = column
        self.blocks = blocks

    @classmethod
    def may_be(cls, cells: Cells) -> bool:
        """Whether to ask `accepts` at all: a quick look at a column."""
        if cells.count > cls.most_values:
            return False
        if cells.is_text:
            # Of any kind but words, half the cells must be: `without` leaves out the rest.
            return not cls.of_digits or cells.share_with_digits >= HALF
        is_number = pd.api.types.is_numeric_dtype(cells.series.dtype)
        return not (cls.of_text and is_number)

    @classmethod
    @abstractmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Describe the column as one of this kind, or decline with None.

        Args:
            cells: The column.
            forced: The user demands this kind: decline only what cannot be done at all.
        """

    @classmethod
    def check(cls, column: Column) -> None:
        """Whether a description of a column, as a file has it, can be one of this kind.

        A kind may ask for more than what `schema_options` say.

        Raises:
            SchemaError: It cannot.
        """
        for name, rule in {**COMMON_OPTIONS, **cls.schema_options}.items():
            if name in column.options and (found := fault(column.options[name], rule)):
                raise SchemaError(
                    f"column {column.name!r}: the option {name!r} {found}"
                )
        try:
            own = str(dtypes.parse(column.dtype))
            # A date or a duration without its unit is no dtype of cells.
            if own in ("datetime64", "timedelta64"):
                raise TypeError(own)
        # pandas and pyarrow raise whatever comes to hand.
        except Exception:
            raise SchemaError(
                f"column {column.name!r}: there is no dtype {shown(column.dtype)}; "
                "it may be str, int64, float64, datetime64[us] or any other of pandas"
            ) from None

    @classmethod
    def fitting(cls, cells: Cells) -> Mask | None:
        """Which of ``cells.words`` are written like cells of this kind.

        Inference asks it of a column of text that no kind accepts as a whole.

        Returns:
            ``[words]``; None for a kind that takes a column as a whole or not at all.
        """
        return None

    @classmethod
    def readable(cls, texts: Texts, column: Column) -> Mask:
        """``[texts]``: which distinct texts the kind can read as cells of the column."""
        return np.ones(len(texts), dtype=bool)

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

    def going_on(
        self, series: pd.Series, rng: np.random.Generator, settings: Settings
    ) -> ColumnEncoder:
        """The encoder with which a model goes on to further rows: the same blocks.

        What is invented must not be a cell of these rows either.
        """
        return self

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
    def code_of_missing(self) -> int | None:
        """Of a kind that is not `askable`: the code of the first block that means missing."""
        return None

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
        series: The column. As an attribute, its `dtypes.plain` cells; ``given`` is the
            column as it is.
        from_file: The cells were read from a text file, thus a kind may choose a
            natural dtype; otherwise the dtype is the user's own and is kept.
        rare: No option and no word of a kind may tell a value that fewer rows have.
        misfits: What was no cell of the kind in question, and is missing in ``series``.
        writing: How the numbers were written that are plain in ``series``.
        comma: Whether a comma stands before decimals where the column does not tell.
        people: ``[rows]``: whom each row is about, where people count and not rows.
    """

    def __init__(
        self,
        series: pd.Series,
        from_file: bool = False,
        rare: int = 0,
        misfits: Misfits | None = None,
        writing: Writing | None = None,
        comma: bool = False,
        people: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self.rare = rare
        self.rows_about = people
        self.misfits = misfits
        self.writing = writing
        self.comma = comma
        # Whether the bounds, the least and the greatest, are means of several rows.
        self.means: tuple[bool, bool] = (False, False)
        self.dtype = dtypes.name_of(series.dtype)
        self.given = series
        series = dtypes.plain(series)
        self.series = series
        self.name = str(series.name)
        self.rows = len(series)
        self.is_text = is_text(series)
        # Of what Python type the cells are, where pandas has no dtype for it.
        self.python = ""
        if series.dtype == object and not self.is_text and series.notna().any():
            self.python = pd.api.types.infer_dtype(series.dropna())
        self.from_file = from_file and (self.is_text or bool(series.isna().all()))

    @cached_property
    def missing(self) -> int:
        """Number of null cells (an unusual token for "missing" not counted)."""
        nulls = int(self.series.isna().sum())
        return nulls - self.misfits.rows_of_words if self.misfits else nulls

    @cached_property
    def missing_or_token(self) -> int:
        """Number of cells that are null or, in a column of text, `means_missing`."""
        if not self.is_text:
            return self.missing
        return self.missing + int(self.counts[self.token_mask].sum())

    @cached_property
    def _factorized(self) -> tuple[npt.NDArray[np.int64], Any]:
        cells: Any = self.series
        if cells.dtype == object:
            # Of a Series, pandas 2 would turn Python's dates into its own.
            cells = cells.to_numpy()
        codes, uniques = pd.factorize(cells)
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
    def people(self) -> npt.NDArray[np.int64]:
        """How many people have each of them; how often it occurs where rows count."""
        codes = self._factorized[0]
        about = self.rows_about
        if about is not None:
            about = about[codes >= 0]
        return people_of_values(codes[codes >= 0], self.count, about)

    @cached_property
    def people_once(self) -> npt.NDArray[np.int64]:
        """The same for sums: everybody counts at one of the cells that he has."""
        if self.rows_about is None:
            return self.counts
        codes = self._factorized[0]
        about = self.rows_about[codes >= 0]
        return Holders.of(codes[codes >= 0], about, self.count).once

    @cached_property
    def first_rows(self) -> npt.NDArray[np.int64]:
        """The first row of each of them, counted from 1."""
        codes = self._factorized[0]
        first = np.zeros(self.count + 1, dtype=np.int64)
        # Backwards: what is written last is the first row. Code -1 writes the last entry.
        first[codes[::-1]] = np.arange(len(codes), 0, -1)
        return first[:-1]

    @cached_property
    def token_mask(self) -> Mask:
        """Which distinct cells could stand for "missing" among numbers or dates."""
        is_token = [
            isinstance(cell, str) and means_missing(cell) for cell in self.distinct
        ]
        return np.array(is_token, dtype=bool)

    @cached_property
    def words(self) -> Texts:
        """The distinct texts that are not such a token."""
        return self.distinct[~self.token_mask]

    @cached_property
    def trimmed(self) -> Cells:
        """The column without the spaces around some of its texts, see `trimmed`."""
        if not self.is_text:
            return self
        texts = trimmed(self.distinct)
        if texts is self.distinct:
            return self
        codes, _ = self._factorized
        # Code -1, a missing cell, reads the last entry.
        pool = objects([*texts.tolist(), None], len(texts) + 1)
        series = pd.Series(
            pool[codes], index=self.series.index, name=self.name, dtype="str"
        )
        return Cells(
            series, self.from_file, self.rare, comma=self.comma, people=self.rows_about
        )

    @cached_property
    def share_with_digits(self) -> float:
        """The share of the cells of a text column, but for missing ones, with a digit."""
        has_digit = [_DIGITS.search(word) is not None for word in self.words]
        return self.share_of(np.array(has_digit, dtype=bool))

    def without(self, fits: Mask) -> Cells:
        """The column without the cells that a kind cannot read.

        Args:
            fits: ``[words]``: which texts it can read.
        """
        if fits.all():
            return self
        misfits = Misfits.of(self, fits)
        codes, _ = self._factorized
        is_misfit = np.zeros(self.count, dtype=bool)
        is_misfit[np.flatnonzero(~self.token_mask)[~fits]] = True
        # Code -1, a missing cell, reads the last entry.
        blanked = self.series.mask(np.append(is_misfit, False)[codes])
        return Cells(
            blanked, self.from_file, self.rare, misfits, people=self.rows_about
        )

    def rewritten(self, writing: Writing) -> Cells:
        """The column with plain numbers in place of written ones."""
        texts, _ = writing.plain_texts(self.distinct)
        codes, _ = self._factorized
        # Code -1, a missing cell, reads the last entry.
        pool = objects([*texts.tolist(), None], len(texts) + 1)
        plain = pd.Series(
            pool[codes], index=self.series.index, name=self.name, dtype="str"
        )
        return Cells(
            plain,
            self.from_file,
            self.rare,
            self.misfits,
            writing,
            people=self.rows_about,
        )

    def share_of(self, fits: Mask) -> float:
        """The share of the cells that are not missing which have one of these texts.

        Args:
            fits: ``[words]``: which texts.
        """
        counts = self.counts[~self.token_mask]
        return float(counts[fits].sum() / max(counts.sum(), 1))

    def are_beside_words(self, fits: Mask) -> bool:
        """Whether texts are numbers beside a few words, each of which many rows have.

        Args:
            fits: ``[words]``: which texts are numbers.
        """
        if self.share_of(fits) < BESIDE_WORDS:
            return False
        different = {text.strip() for text in self.words[fits]}
        if len(different) < FEWEST_BESIDE_WORDS:
            return False
        rows_of: dict[str, int] = {}
        people = self.people[~self.token_mask][~fits]
        for text, count in zip(self.words[~fits], people.tolist(), strict=True):
            rows_of[text.strip()] = rows_of.get(text.strip(), 0) + count
        frequent = [
            text
            for text, count in rows_of.items()
            if count >= max(self.rare, FEWEST_SHARED)
        ]
        if len(frequent) > MOST_WORDS:
            return False
        if any(
            re.search(r"\d", text) and not _BEYOND.fullmatch(text) for text in frequent
        ):
            return False
        # Rare ones as in any column of numbers.
        shared = sum(rows_of[text] for text in frequent)
        rows = int(self.people[~self.token_mask][fits].sum())
        others = sum(rows_of.values()) - shared
        return others <= (1 - MOSTLY) * (rows + shared + others)

    def are_codes(self, fits: Mask) -> bool:
        """Whether the texts that do not fit show that the others are no numbers.

        The postal code 02134 shows that 10001 is none, and the diagnosis V57 that 250 is
        none.
        """
        others = self.words[~fits]
        texts = [text.strip() for text in others]
        if any(map(_DIGITS.fullmatch, texts)):
            return True
        alike = [bool(_CODE.fullmatch(text)) for text in texts]
        return len(texts) > 1 and 2 * sum(alike) > len(texts)

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
        holders = None
        if self.rows_about is not None:
            place, about = self._rows_of(len(values), self.rows_about)
            holders = Holders.of(inverse.ravel()[place], about, len(distinct))
        ends = bounds(distinct, rows, self.rare, holders)
        if ends is None:
            return None
        least, greatest = ends
        self.means = (least not in distinct, greatest not in distinct)
        if values.dtype != np.int64:
            return [float(end) for end in ends]
        return [_whole(end) for end in ends]

    def _rows_of(
        self, count: int, about: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Which of so many values the rows have, and whom these rows are about.

        Args:
            count: As many as there are `words`, or as there are cells that are not null.
            about: Whom each row is about.
        """
        codes = self._factorized[0]
        if count != len(self.words):
            return np.arange(count), about[codes >= 0]
        # Code -1, a missing cell, reads the last entry.
        place = np.append(np.cumsum(~self.token_mask) - 1, -1)
        place[np.append(self.token_mask, True)] = -1
        of_row = place[codes]
        return of_row[of_row >= 0], about[of_row >= 0]

    def column(
        self,
        kind: str,
        dtype: str,
        why: str,
        options: Mapping[str, Any],
        missing: int | None = None,
        note: str = "",
    ) -> Column:
        """The description that a kind gives of the column.

        Args:
            kind: Name of the kind.
            dtype: Used only where the column comes from a file.
            why: Why it is of this kind.
            options: What the kind needs to know.
            missing: Number of missing cells; None for the null ones.
            note: What a user would not expect, if anything.
        """
        if missing is None:
            missing = self.missing
        if "minimum" in options:
            why += self._coarsened()
        if missing:
            why += f", {missing:,} of {self.rows:,} missing"
        options = dict(options)
        notes = [note] if note else []
        if self.python:
            options["python"] = self.python
            options |= dtypes.scalar_option(self.distinct)
        if self.dtype == "object" and not self.from_file and self.missing:
            null = dtypes.null_name(self.series[self.series.isna()])
            options |= {"null": null} if null != "None" else {}
        if self.writing:
            options["written"] = self.writing.to_json()
            why += f", written like {self.writing.example(kind == 'integer')}"
        if self.misfits:
            options |= self.misfits.options()
            notes.append(self.misfits.note(kind))
            # Words and numbers side by side are texts.
            dtype = "str" if self.misfits.words else dtype
        if missing > self.missing:
            # Their tokens are among those that are counted as missing.
            notes += self._note_of_words_for_missing()
        if not self.from_file:
            dtype = self.dtype
        note = "; ".join(notes)
        return Column(self.name, kind, dtype, options, missing > 0, why, note)

    def _coarsened(self) -> str:
        """Which bounds are not those of the table, in words; "" if both are."""
        mean = f"mean of {self.rare} or more rows; the table's own is not stored"
        means = f"means of {self.rare} or more rows; the table's own are not stored"
        words = {
            (True, False): f", the first of them the {mean}",
            (False, True): f", the last of them the {mean}",
            (True, True): f", which are {means}",
        }
        return words.get(self.means, "")

    def _note_of_words_for_missing(self) -> list[str]:
        """That cells with a word such as "unknown" count as missing, if there are any."""
        words = {
            str(text).strip(): int(rows)
            for text, rows in zip(
                self.distinct[self.token_mask],
                self.counts[self.token_mask],
                strict=True,
            )
            if str(text).strip() not in MISSING_TOKENS
        }
        if not words:
            return []
        listed = ", ".join(map(repr, list(words)[:3]))
        count = sum(words.values())
        cells = "cell with {} counts" if count == 1 else "cells with {} count"
        return [f"{count:,} {cells.format(listed)} as missing"]


@dataclass(frozen=True)
class Misfits:
    """The cells of a column that are not of the kind that most of its cells are of.

    Attributes:
        cells: How many cells of the column are not missing.
        fitting: How many of them fit.
        words: The texts that stand for themselves: so many rows have them that they may
            be told, or everyone knows them. The most frequent comes first.
        rows_of_words: How many cells have one of these.
        row_of_word: A row with the first of them, counted from 1.
        row_of_other: A row whose misfit counts as missing, counted from 1; 0 for none.
    """

    cells: int
    fitting: int
    words: tuple[str, ...]
    rows_of_words: int
    row_of_word: int
    row_of_other: int

    @classmethod
    def of(cls, cells: Cells, fits: Mask) -> Misfits:
        """The misfits of a column.

        Args:
            cells: The column.
            fits: ``[words]``: which texts a kind can read.
        """
        place = np.flatnonzero(~cells.token_mask)[~fits]
        counts = cells.counts[place]
        by_frequency = np.argsort(-counts, kind="stable")
        place = place[by_frequency]
        texts = [str(text) for text in cells.distinct[place]]
        rows_of_text: dict[str, int] = {}
        for text, rows in zip(texts, counts[by_frequency].tolist(), strict=True):
            # Spaces around a word say nothing.
            rows_of_text[text.strip()] = rows_of_text.get(text.strip(), 0) + rows
        people_of_text = rows_of_text
        if cells.rows_about is not None:
            stripped = cells.series.astype(object).map(str.strip, na_action="ignore")
            people = pd.Series(cells.rows_about).groupby(stripped.to_numpy()).nunique()
            people_of_text = people.to_dict()
        words = [
            text
            for text in rows_of_text
            if people_of_text[text] >= cells.rare or text.lower() in ERROR_WORDS
        ][:MOST_WORDS]
        first_rows = cells.first_rows[place]
        of_word = [text.strip() in words for text in texts]
        of_other = np.flatnonzero(~np.array(of_word, dtype=bool))
        total = int(cells.counts[~cells.token_mask].sum())
        return cls(
            cells=total,
            fitting=total - int(counts.sum()),
            words=tuple(words),
            rows_of_words=sum(rows_of_text[word] for word in words),
            row_of_word=int(first_rows[of_word.index(True)]) if words else 0,
            row_of_other=int(first_rows[of_other[0]]) if len(of_other) else 0,
        )

    def options(self) -> dict[str, Any]:
        """Entries of `Column.options`."""
        options: dict[str, Any] = {"misfits": True}
        if self.words:
            options["words"] = list(self.words)
        return options

    def note(self, kind: str) -> str:
        """What became of them, for people."""
        text = f"{self.fitting:,} of {self.cells:,} cells are of kind {kind}"
        if self.words:
            shown = ", ".join(map(repr, self.words[:3]))
            further = f" and {len(self.words) - 3} more" if len(self.words) > 3 else ""
            are_kept = (
                "are kept as words" if len(self.words) > 1 else "is kept as a word"
            )
            text += f"; {shown}{further} (row {self.row_of_word:,}) {are_kept}"
        others = self.cells - self.fitting - self.rows_of_words
        if others:
            # Too few rows have it: its text is nothing to show.
            counts_as = "counts as missing" if others == 1 else "count as missing"
            such = "" if others == 1 else "such as "
            text += f"; {others:,} other ({such}row {self.row_of_other:,}) {counts_as}"
        return text


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
    return dtype.startswith(("string[", "large_string", "string_view"))


def holds_text(column: Column) -> bool:
    """Whether the typed form is text; objects such as `datetime.date` are not."""
    return is_text_dtype(column.dtype) and not column.options.get("python")


def all_match(texts: Texts, pattern: re.Pattern[str]) -> bool:
    """Whether all match in full."""
    match = pattern.fullmatch
    # A look at the first few spares most columns the rest.
    return all(map(match, texts[:100])) and all(map(match, texts[100:]))


def matching(texts: Texts, pattern: re.Pattern[str]) -> Mask:
    """``[texts]``: which match in full."""
    match = pattern.fullmatch
    return np.fromiter((match(text) is not None for text in texts), bool, len(texts))


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


def means_missing(text: str) -> bool:
    """Whether a text means "missing" among numbers or dates, in capitals or not."""
    small = text.strip().lower()
    return small in MISSING_WORDS or _NO_DATE.fullmatch(small) is not None


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
        The texts ``[distinct]``, stripped; which of them each cell holds that is neither
        missing nor one of the column's words, ``[present]``; which cells are that,
        ``[rows]``.
    """
    codes, distinct = pd.factorize(series)
    texts = objects((str(text).strip() for text in _listed(distinct)), len(distinct))
    written = column.options.get("written")
    if written:
        texts, _ = Writing.from_json(written).plain_texts(texts)
    tokens = {column.options.get("missing"), *column.options.get("words", ())}
    is_token = np.array(
        [text in tokens or means_missing(text) for text in texts.tolist()], dtype=bool
    )
    # Code -1, a missing cell, reads the last entry.
    missing = np.append(is_token, True)[codes]
    # Where each text stands once the tokens are gone.
    place = np.cumsum(~is_token) - 1
    return texts[~is_token], place[codes[~missing]], missing


def words_of(series: pd.Series, column: Column) -> npt.NDArray[np.int64]:
    """``[rows]``: which of the column's words each cell is; -1 for none."""
    listed = column.options.get("words")
    if not listed or not is_text(series):
        return np.full(len(series), -1)
    codes, distinct = pd.factorize(series)
    stripped = [str(text).strip() for text in _listed(distinct)]
    number = pd.Index(listed).get_indexer(stripped)
    # Code -1, a missing cell, reads the last entry.
    return np.asarray(np.append(number, -1)[codes], dtype=np.int64)


def parse_text(series: pd.Series, column: Column) -> tuple[Texts, Mask]:
    """The cells of text that are not missing, stripped; and which cells are missing."""
    texts, codes, missing = distinct_texts(series, column)
    return texts[codes], missing


def natural(
    values: npt.NDArray[Any],
    missing: Mask,
    dtype: str,
    options: Mapping[str, Any] = NO_OPTIONS,
) -> pd.Series:
    """Values of the cells that are not missing => a series of the dtype.

    Args:
        values: ``[present]``.
        missing: ``[rows]``.
        dtype: Of the result.
        options: Of the column: which objects cells and missing cells are.
    """
    if dtype == "object":
        cells = dtypes.scalars(values, options.get("scalar", ""))
        filler = dtypes.NULLS[options.get("null", "None")]
        return pd.Series(_spread(cells, missing, filler, object), dtype=object)
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
    if letter in "iu":
        whole = _spread(values, missing, 0, np.uint64 if letter == "u" else np.int64)
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
    return dtypes.restored(series, dtypes.parse(dtype))


def objects(items: Iterable[Any], count: int) -> Texts:
    """So many items as an array of Python's objects."""
    return np.fromiter(items, dtype=object, count=count)


def flag(state: Mapping[str, Any], name: str) -> bool:
    """A yes or no of a model file.

    Raises:
        TypeError: It is something else, such as a number, which would count codes.
    """
    value = state[name]
    if not isinstance(value, bool):
        raise TypeError(f"{name!r} is not true or false")
    return value


def trimmed(texts: Texts) -> Texts:
    """Texts without the spaces around them, where most have none; else the texts."""
    bare = objects((str(text).strip() for text in texts), len(texts))
    changed = int((bare != texts).sum())
    return bare if 0 < changed <= len(texts) / 2 else texts


def _listed(distinct: Any) -> list[Any]:
    """The distinct cells that `pandas.factorize` gives, as a list."""
    cells: list[Any] = np.asarray(distinct, dtype=object).tolist()
    return cells


def cell_error(column: Column, cell: object, wanted: str) -> SchemaError:
    """The error that a cell contradicts the schema.

    It shows a short cell, which is what people look for. It goes to who gave the table,
    never into a file. A long one may be a note about somebody: its length will do.
    """
    text = str(cell)
    is_short = len(text) <= LONGEST_SHOWN and "@" not in text
    shown = repr(text) if is_short else f"a text of {len(text):,} letters"
    return SchemaError(
        f"column {column.name!r}: {shown} is not {wanted}; "
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
