"""Floats and integers, as pandas numbers or as text; and what all numbers share."""

from __future__ import annotations

import re
import sys
from abc import abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SchemaError, SynthtabError
from synthtab.core.json_schema import shown
from synthtab.core.schema import Column
from synthtab.data.columns import dtypes, exact
from synthtab.data.columns.base import (
    MOSTLY,
    Cells,
    ColumnEncoder,
    Mask,
    Settings,
    Texts,
    as_dtype,
    cell_error,
    distinct_texts,
    finite,
    holds_text,
    is_text,
    matching,
    natural,
    objects,
    words_of,
)
from synthtab.data.columns.numbers import Floats, NumberCodec, Numbers, round_decimals
from synthtab.data.columns.writing import WRITTEN_OPTION, Writing, detect

# Numbers with more decimals than that are taken for floats of full precision.
MOST_DECIMALS = 12
# The text of a number. Without leading zeros: "007" is a name.
INTEGER = re.compile(r"\s*(0|-?[1-9]\d{0,18})\s*")
FLOAT = re.compile(r"\s*-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")
WHOLE = re.compile(rf"\s*(0|-?[1-9]\d{{0,{exact.LONGEST - 1}}})\s*")
INFINITE = re.compile(r"\s*[+-]?(?i:inf|infinity)\s*")
FLOAT_OR_INFINITE = re.compile(rf"{FLOAT.pattern}|{INFINITE.pattern}")

# So many digits every float64 keeps; with so many, a text may be that of a float64.
FLOAT_DIGITS = 15
FLOAT_TEXT_DIGITS = 17
# Below this, a float is written without an exponent.
_PLAIN = 1e15

BOUND_OPTIONS: dict[str, Mapping[str, Any]] = {
    "minimum": {
        "type": ["number", "string", "null"],
        "description": "The least value that comes back; a date as text.",
    },
    "maximum": {
        "type": ["number", "string", "null"],
        "description": "The greatest value that comes back.",
    },
}

# A least and a greatest value; None where there is none.
Ends = tuple[float | int | None, float | int | None]

Self = TypeVar("Self", bound="NumberEncoder")


def _within_64_bits(bound: Any) -> Any:
    """A bound moved to what 64 bits can hold."""
    return min(max(bound, exact.LEAST), exact.GREATEST)


def exact_scale(column: Column) -> exact.Scale | None:
    """That of a column whose numbers fit no usual dtype; None for any other column."""
    return exact.Scale.of(column) if "base" in column.options else None


class NumberEncoder(ColumnEncoder):
    """What all kinds share whose cells are numbers in disguise.

    Attributes:
        bounds_are_texts: Whether the bounds of a schema are written like the cells.
        codec: Numbers <=> codes and offsets.
    """

    numeric: ClassVar[bool] = True
    of_digits: ClassVar[bool] = True
    reads_missing: ClassVar[bool] = True
    bounds_are_texts: ClassVar[bool] = False

    def __init__(self, column: Column, codec: NumberCodec) -> None:
        block = codec.block(column.name)
        super().__init__(column, (block,) if block else ())
        self.codec = codec

    # What a subclass has to say.

    @classmethod
    @abstractmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Numbers, Mask]:
        """Text or typed cells => numbers, int64 or float64.

        Returns:
            The numbers of the cells that are not missing ``[present]``, and which cells
            are missing ``[rows]``.
        """

    @classmethod
    @abstractmethod
    def render(cls, values: Numbers, column: Column) -> Texts:
        """Values => texts in the format of the column."""

    @classmethod
    @abstractmethod
    def decimals(cls, column: Column) -> int | None:
        """To how many decimals values are rounded; None for not at all."""

    # What it may say otherwise.

    @classmethod
    def natural(cls, values: Numbers, missing: Mask, column: Column) -> pd.Series:
        """Values => the typed form, for a dtype that is not text."""
        cells: npt.NDArray[Any] = values
        python = column.options.get("python")
        if scale := exact_scale(column):
            return cls._exact_cells(scale.cells(values), missing, column)
        if python == "decimal":
            # Through text: a float has no decimals of its own.
            cells = objects(map(Decimal, cls.render(values, column)), len(values))
        elif python == "mixed-integer-float":
            whole_or_not = (int(v) if v.is_integer() else v for v in values.tolist())
            cells = objects(whole_or_not, len(values))
        return natural(cells, missing, column.dtype, column.options)

    @classmethod
    def _exact_cells(cls, cells: Texts, missing: Mask, column: Column) -> pd.Series:
        """Python's whole numbers or decimals => the typed form."""
        values: npt.NDArray[Any] = cells
        if column.options.get("python") == "decimal":
            values = objects(map(Decimal, cells), len(cells))
        elif "uint" in column.dtype.lower():
            values = cells.astype(np.uint64)
        return natural(values, missing, column.dtype, column.options)

    @classmethod
    def check(cls, column: Column) -> None:
        """As `ColumnEncoder.check`; and the bounds are numbers in their order."""
        super().check(column)
        options = column.options
        # Long decimals have bounds in words: a number of JSON would lose their last digits.
        texts = cls.bounds_are_texts or ("base" in options and "places" in options)
        for name in ("minimum", "maximum"):
            bound = column.options.get(name)
            if bound is not None and isinstance(bound, str) != texts:
                wanted = "text in the column's format" if texts else "number"
                raise SchemaError(
                    f"column {column.name!r}: the option {name!r} is {shown(bound)}, "
                    f"not a {wanted}"
                )
            if isinstance(bound, int) and abs(bound) > sys.float_info.max:
                raise SchemaError(
                    f"column {column.name!r}: the option {name!r} is beyond all floats"
                )
        low, high = cls.bounds(column)
        if low is not None and high is not None and low > high:
            raise SchemaError(
                f"column {column.name!r}: the minimum is greater than the maximum"
            )

    @classmethod
    def domain(cls, column: Column) -> Ends:
        """The least and the greatest value that a cell can have at all, bounds or not."""
        return None, None

    @classmethod
    def ends(cls, column: Column, low: bool = True, high: bool = True) -> Ends:
        """Between which values cells lie, where not every bound of the column counts.

        Args:
            column: Of this kind.
            low: Whether the lower bound counts.
            high: Whether the upper bound counts.
        """
        least, greatest = cls.bounds(column)
        first, last = cls.domain(column)
        return least if low else first, greatest if high else last

    @classmethod
    def bounds(cls, column: Column) -> Ends:
        """The least and the greatest value that may come back."""
        ends = column.options.get("minimum"), column.options.get("maximum")
        scale = exact_scale(column)
        if scale is not None:
            cells = pd.Series(ends, dtype=object)
            numbers, missing = scale.read(cells, column)
            kept = iter(numbers.tolist())
            least, greatest = (None if gone else next(kept) for gone in missing)
            return least, greatest
        return ends

    @classmethod
    def measure(cls, column: Column) -> str:
        """As `ColumnEncoder.measure`."""
        return cls.kind

    @classmethod
    def link_group(cls, column: Column) -> str:
        """As `ColumnEncoder.link_group`: columns of one format."""
        if column.options.get("words"):
            return ""
        # Bounds differ even where a column is a copy of another but for some rows.
        form = dict(column.options)
        form.pop("minimum", None)
        form.pop("maximum", None)
        return f"{cls.kind} {column.dtype} {form}"

    @classmethod
    def as_written(cls, series: pd.Series, column: Column) -> tuple[Numbers, Mask]:
        """`numbers` as constraints compute with them."""
        values, missing = cls.numbers(series, column)
        scale = exact_scale(column)
        return (values if scale is None else scale.floats(values)), missing

    @classmethod
    def from_written(cls, values: Numbers, column: Column) -> Numbers:
        """Numbers of `as_written` => those of `numbers`."""
        scale = exact_scale(column)
        return values if scale is None else scale.of_floats(values)

    @classmethod
    def read_loosely(cls, value: Any, column: Column) -> Any:
        """A value of a condition that is not written like a cell => a number.

        Raises:
            TypeError, ValueError: It cannot be read.
        """
        return float(value)

    @classmethod
    def width(cls, value: Any, column: Column) -> int:
        """How many whole numbers a value of a condition covers, from its own upwards.

        A day covers many seconds: "until 2020-01-31" includes all of that day.
        """
        return 1

    @classmethod
    def readable(cls, texts: Texts, column: Column) -> Mask:
        """As `ColumnEncoder.readable`: what `numbers` does not refuse."""

        def can_read(some: Texts) -> bool:
            try:
                cls.numbers(pd.Series(some, dtype=object), column)
            except SynthtabError:
                return False
            return True

        if can_read(texts):
            return np.ones(len(texts), dtype=bool)
        one_by_one = (texts[i : i + 1] for i in range(len(texts)))
        return np.array([can_read(one) for one in one_by_one])

    # What follows.

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Text or typed cells => the typed form."""
        values, missing = cls.numbers(series, column)
        scale = exact_scale(column)
        if scale is not None and not holds_text(column):
            numbers, missing = scale.exact(series, column)
            cells = cls._exact_cells(numbers, missing, column)
        elif not holds_text(column):
            cells = cls.natural(values, missing, column)
        # What was read without error needs no other spelling.
        elif is_text(series) or missing.all():
            return as_dtype(series, column.dtype)
        else:
            cells = cls._as_text(values, missing, column)
        return cells.set_axis(series.index).rename(column.name)

    @classmethod
    def text(cls, series: pd.Series, column: Column) -> Texts:
        """The typed form => the cells of a CSV file."""
        if is_text(series):
            texts = series.astype(object).where(series.notna(), "")
            return texts.to_numpy(dtype=object)
        if scale := exact_scale(column):
            texts, missing = scale.exact_texts(series, column)
        else:
            values, missing = cls.numbers(series, column)
            texts = cls.render(values, column)
        cells = np.full(len(missing), column.options.get("missing", ""), dtype=object)
        cells[~missing] = texts
        return cells

    @classmethod
    def typed_numbers(cls, values: Numbers, missing: Mask, column: Column) -> pd.Series:
        """Values of the cells that are not missing => typed form."""
        make = cls._as_text if holds_text(column) else cls.natural
        return make(values, missing, column).rename(column.name)

    @classmethod
    def cells_of(cls, values: Numbers, missing: Mask, column: Column) -> pd.Series:
        """The cells that come nearest to any numbers, which need not be of the column.

        Args:
            values: As `numbers` gives them, but perhaps with too many decimals, or beyond
                what a cell can be, as 24:54 is beyond a day: ``[present]``.
            missing: Which cells are missing, ``[rows]``.
            column: The column.
        """
        least, greatest = cls.domain(column)
        if least is not None or greatest is not None:
            values = np.clip(values, least, greatest)
        decimals = cls.decimals(column)
        # Whole numbers stay as they are: floats could not hold all of them.
        if decimals is not None and values.dtype != np.int64:
            values = round_decimals(values, decimals)
            if cls.discrete:
                values = np.rint(values).astype(np.int64)
        return cls.typed_numbers(values, missing, column)

    @classmethod
    def _as_text(cls, values: Numbers, missing: Mask, column: Column) -> pd.Series:
        """Values => the typed form, for a dtype that is text."""
        return cls.of_texts(cls.render(values, column), missing, column)

    @classmethod
    def of_texts(cls, texts: Texts, missing: Mask, column: Column) -> pd.Series:
        """The texts of cells => the typed form, for a dtype that is text."""
        token = column.options.get("missing")
        if token is None:
            return natural(texts, missing, column.dtype, column.options)
        # The token is a text like any other: no cell of the dtype is null.
        cells = np.full(len(missing), token, dtype=object)
        cells[~missing] = texts
        return natural(cells, np.zeros(len(missing), dtype=bool), column.dtype)

    @classmethod
    def fit(
        cls: type[Self],
        series: pd.Series,
        column: Column,
        rng: np.random.Generator,
        settings: Settings,
    ) -> Self:
        """Learn atoms and modes."""
        return cls.fit_whole(series, column, rng, settings)

    @classmethod
    def fit_whole(
        cls: type[Self],
        series: pd.Series,
        column: Column,
        rng: np.random.Generator,
        settings: Settings,
    ) -> Self:
        """`fit` in one part, for kinds that may have several."""
        values, missing = cls.numbers(series, column)
        decimals = cls.decimals(column)
        blank, words = cls.blanks_and_words(series, missing, column)
        people = settings.people_of(series[~missing])
        is_discrete = column.name in settings.discrete
        codec = NumberCodec.fit(
            values, blank, decimals, rng, settings, words, people, is_discrete
        )
        return cls(column, codec)

    @classmethod
    def blanks_and_words(
        cls, series: pd.Series, missing: Mask, column: Column
    ) -> tuple[Mask, int]:
        """Which cells are missing and no word, ``[rows]``, and how many words there are.

        Args:
            series: The cells.
            missing: As `numbers` says: words are no numbers.
            column: Lists the words.
        """
        return missing & (words_of(series, column) < 0), len(words_in(column))

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, 0 or 1]`` and offsets ``[rows, 0 or 1]``."""
        if not self.blocks:
            nothing = np.zeros((len(series), 0), dtype=np.uint8)
            return nothing, nothing.astype(np.float32)
        values, missing = self.numbers(series, self.column)
        codes, offsets = self.codec.encode(values, missing, rng)
        self.write_words(codes, series)
        # No offsets where all values are atoms.
        wanted = 1 if self.blocks[0].modes else 0
        return codes[:, None], offsets[:, None][:, :wanted]

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """Codes and offsets => typed form."""
        rows = len(codes)
        code = codes[:, 0] if codes.shape[1] else np.zeros(rows, dtype=np.uint8)
        offset = np.full(rows, 0.5, dtype=np.float32)
        if offsets.shape[1]:
            offset = offsets[:, 0]
        values, missing = self.codec.decode(code, offset)
        cells = self.series(self.within(values, step=self.codec.step), missing)
        return self.with_words(cells, code)

    def write_words(self, codes: npt.NDArray[np.uint8], series: pd.Series) -> None:
        """Write the codes of the cells that are words over those that they have.

        Args:
            codes: ``[rows]``: of the codec; changed in place.
            series: The cells.
        """
        word = words_of(series, self.column)
        is_word = word >= 0
        if is_word.any() and self.codec.words:
            codes[is_word] = self.codec.code_of_word(word[is_word])

    def with_words(
        self, cells: pd.Series, codes: npt.NDArray[np.integer[Any]]
    ) -> pd.Series:
        """The cells, with the words that some codes stand for.

        Args:
            cells: Typed.
            codes: ``[rows]``: of the codec.
        """
        word = self.codec.word_of(codes)
        # A kind may have further codes there.
        is_word = (word >= 0) & (word < len(words_in(self.column)))
        if not is_word.any():
            return cells
        texts = np.array(words_in(self.column), dtype=object)
        result = cells.astype(object)
        result[is_word] = texts[word[is_word]]
        return as_dtype(result, self.column.dtype)

    def within(
        self, values: Numbers, low: bool = True, high: bool = True, step: float = 0.0
    ) -> Numbers:
        """Values moved to the nearest bound where they lie beyond it.

        Args:
            values: Any.
            low: Whether the lower bound counts.
            high: Whether the upper bound counts.
            step: What is moved becomes a multiple of that, if it is not 0.
        """
        least, greatest = self.ends(self.column, low, high)
        if least is None and greatest is None:
            return values
        if values.dtype == np.int64:
            # What no whole number of 64 bits reaches is no bound.
            least = None if least is None else _within_64_bits(least)
            greatest = None if greatest is None else _within_64_bits(greatest)
        clipped = np.clip(values, least, greatest)
        moved = clipped != values
        if not step or not moved.any():
            return clipped
        # Towards the inside, so that the bound still holds.
        steps = clipped / step
        inward = np.where(values < clipped, np.ceil(steps), np.floor(steps)) * step
        return np.where(moved, self.codec.rounded(inward), clipped).astype(values.dtype)

    def series(self, values: Numbers, missing: Mask) -> pd.Series:
        """Values of the cells that are not missing => typed form."""
        return self.typed_numbers(values, missing, self.column)

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return self.codec.state()

    @classmethod
    def from_state(cls: type[Self], column: Column, state: Mapping[str, Any]) -> Self:
        """The inverse of `state`."""
        return cls(column, NumberCodec.from_state(state))


class FloatEncoder(NumberEncoder):
    """Numbers with a fraction.

    Options:
        ``decimals`` that reproduce every value; null for all that a float has.
        ``shown``: how many of them stand in text even where they are zero.
        ``minimum``, ``maximum``.
        ``missing``: the text of a missing cell, where it is not the empty one.
    """

    kind: ClassVar[str] = "float"
    turn: ClassVar[int] = 80
    dtypes: ClassVar[re.Pattern[str] | None] = re.compile(
        r"(sparse\[)?(float|double|halffloat|decimal)"
    )
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **BOUND_OPTIONS,
        **exact.OPTIONS,
        "decimals": {
            "type": ["integer", "null"],
            "minimum": 0,
            "maximum": 40,
            "description": "Of a float; null for all that it has.",
        },
        "shown": {
            "type": "integer",
            "minimum": 0,
            "maximum": 40,
            "description": "Decimals written even where they are zero.",
        },
        "written": WRITTEN_OPTION,
    }
    discrete: ClassVar[bool] = False
    combinable: ClassVar[bool] = False

    @classmethod
    def measure(cls, column: Column) -> str:
        """Floats and integers can be compared."""
        return "number"

    @classmethod
    def link_group(cls, column: Column) -> str:
        """Floats and integers may follow from one another, if they are just numbers."""
        if column.options.get("words") or "base" in column.options:
            return ""
        return "number"

    @classmethod
    def fitting(cls, cells: Cells) -> Mask:
        """As `ColumnEncoder.fitting`, for whole numbers as well."""
        fits = matching(cells.words, FLOAT_OR_INFINITE)
        return fits & False if _are_ordinals(cells) else fits

    @classmethod
    def readable(cls, texts: Texts, column: Column) -> Mask:
        """As `ColumnEncoder.readable`."""
        return matching(texts, FLOAT)

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Float dtypes, and text of numbers without leading zeros."""
        if cells.is_text:
            if not cells.matches(FLOAT_OR_INFINITE) or _are_ordinals(cells):
                return None
            cells = _with_exponents(cells)
            values = finite(np.array([float(t) for t in cells.words]), cells.name)
            decimals, shown = _decimals_of_texts(cells.words)
            if _is_long(cells.words, FLOAT_TEXT_DIGITS) and decimals is not None:
                places = max(len(t.strip().partition(".")[2]) for t in cells.words)
                return _exactly(cls, cells, cells.words, places)
        elif _is_float(cells) or (forced and _is_number(cells.series)):
            values = finite(np.asarray(cells.distinct, dtype=np.float64), cells.name)
            decimals, shown = _decimals_of_floats(values, cells.dtype), 1
            if cells.python == "decimal":
                # With their zeros at the end: 1.50 has two decimals.
                texts = objects((f"{cell:f}" for cell in cells.distinct), cells.count)
                decimals, shown = _decimals_of_texts(texts)
                places = exact.places_of(cells.distinct)
                if _is_long(texts, FLOAT_DIGITS):
                    return _exactly(cls, cells, cells.distinct, places)
        else:
            return None
        options: dict[str, Any] = {"decimals": decimals, "shown": shown}
        ends = cells.bounds(values)
        if ends:
            # Where rare values are not shown, the bounds may be means.
            if cells.rare and decimals is not None:
                ends = round_decimals(np.array(ends), decimals).tolist()
            options |= {"minimum": ends[0], "maximum": ends[1]}
        why = _why(len(values), "numbers", decimals, options)
        options |= cells.missing_options()
        return cells.column(cls.kind, "float64", why, options, cells.missing_or_token)

    @classmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Numbers, Mask]:
        """Cells => float64 values; int64 where floats are not exact."""
        scale = exact_scale(column)
        if scale is not None:
            return scale.read(series, column)
        return parse_floats(series, column)

    @classmethod
    def decimals(cls, column: Column) -> int | None:
        """As the schema says; a kind set by hand may have left an integer dtype."""
        if "int" in column.dtype.lower() or "base" in column.options:
            return 0
        decimals = column.options.get("decimals")
        return None if decimals is None else int(decimals)

    @classmethod
    def render(cls, values: Numbers, column: Column) -> Texts:
        """Values => texts with the column's decimals."""
        if scale := exact_scale(column):
            return as_written(scale.written(values), column)
        # Adding 0 turns -0.0 into 0.0.
        values = values.astype(np.float64) + 0.0
        decimals = cls.decimals(column)
        shown = int(column.options.get("shown", 1))
        plain = np.abs(values) < _PLAIN
        # The shortest text that gives the float back; huge ones get an exponent.
        texts = objects(map(repr, values.tolist()), len(values))
        if decimals is not None:
            most = max(decimals, shown)
            # The least number of decimals that shows all of a value.
            needed = np.full(len(values), most)
            for fewer in range(most - 1, shown - 1, -1):
                needed[round_decimals(values, fewer) == values] = fewer
            for count in np.unique(needed):
                rows = plain & (needed == count)
                texts[rows] = _formatted(values[rows], count)
        elif shown == 0:
            whole = plain & (values == np.rint(values))
            texts[whole] = _formatted(values[whole], 0)
        return as_written(texts, column)


class IntegerEncoder(NumberEncoder):
    """Whole numbers within int64. Options: ``minimum``, ``maximum``, ``missing``."""

    kind: ClassVar[str] = "integer"
    turn: ClassVar[int] = 70
    dtypes: ClassVar[re.Pattern[str] | None] = re.compile(r"(sparse\[)?u?int\d")
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **BOUND_OPTIONS,
        **exact.OPTIONS,
        "written": WRITTEN_OPTION,
    }

    @classmethod
    def measure(cls, column: Column) -> str:
        """Floats and integers can be compared."""
        return "number"

    @classmethod
    def link_group(cls, column: Column) -> str:
        """Floats and integers may follow from one another, if they are just numbers."""
        if column.options.get("words") or "base" in column.options:
            return ""
        return "number"

    @classmethod
    def fitting(cls, cells: Cells) -> Mask:
        """As `ColumnEncoder.fitting`."""
        return matching(cells.words, INTEGER)

    @classmethod
    def readable(cls, texts: Texts, column: Column) -> Mask:
        """As `ColumnEncoder.readable`: "5.0" is a whole number, too."""
        if "base" in column.options:
            return matching(texts, WHOLE)
        is_number = matching(texts, FLOAT)
        wide = texts[is_number].astype(np.float64)
        whole = (wide == np.rint(wide)) & (np.abs(wide) < 2.0**63)
        is_number[is_number] = whole
        return is_number

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Integer dtypes, and text of whole numbers without leading zeros."""
        if cells.is_text:
            if not (cells.matches(WHOLE) or (forced and cells.matches(FLOAT))):
                return None
            wide = [_int_of_text(text) for text in cells.words]
        elif _is_integer(cells) or (forced and _is_number(cells.series)):
            wide = [int(cell) for cell in cells.distinct]
        else:
            return None
        # As Python's integers so far, which have no greatest one.
        if wide and (min(wide) < exact.LEAST or max(wide) > exact.GREATEST):
            return _exactly(cls, cells, np.array(wide, dtype=object), 0)
        values = np.array(wide, dtype=np.int64)
        ends = cells.bounds(values)
        options: dict[str, Any] = {}
        if ends:
            options = {"minimum": ends[0], "maximum": ends[1]}
        missing = cells.missing_or_token
        dtype = "Int64" if missing else "int64"
        why = _why(len(values), "whole numbers", None, options)
        options |= cells.missing_options()
        return cells.column(cls.kind, dtype, why, options, missing)

    @classmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Numbers, Mask]:
        """Cells => int64 values."""
        if scale := exact_scale(column):
            return scale.read(series, column)
        series = dtypes.plain(series)
        if not is_text(series) and pd.api.types.is_integer_dtype(series.dtype):
            missing = series.isna().to_numpy(dtype=bool)
            return series[~missing].to_numpy(dtype=np.int64), missing
        if series.dtype == object:
            missing = series.isna().to_numpy(dtype=bool)
            present = series[~missing]
            # Not by way of floats, which are too coarse beyond 2**53.
            if pd.api.types.infer_dtype(present) == "integer":
                return present.to_numpy(dtype=np.int64), missing
        if is_text(series):
            texts, codes, missing = distinct_texts(series, column)
            try:
                return texts.astype(np.int64)[codes], missing
            except (ValueError, OverflowError):
                # "5.0" is a whole number, too.
                pass
        floats, missing = parse_floats(series, column, "a whole number")
        whole = (floats == np.rint(floats)) & (np.abs(floats) < 2.0**63)
        if not whole.all():
            raise cell_error(column, floats[~whole][0], "a whole number")
        return floats.astype(np.int64), missing

    @classmethod
    def decimals(cls, column: Column) -> int | None:
        """Whole numbers have none."""
        return 0

    @classmethod
    def render(cls, values: Numbers, column: Column) -> Texts:
        """Values => digits."""
        if scale := exact_scale(column):
            return as_written(scale.written(values), column)
        texts = objects(map(str, values.tolist()), len(values))
        return as_written(texts, column)


def as_written(texts: Texts, column: Column) -> Texts:
    """Plain numbers as the column writes them."""
    written = column.options.get("written")
    return Writing.from_json(written).written(texts) if written else texts


def _with_exponents(cells: Cells) -> Cells:
    """The column; where all numbers have an exponent, with the form that it has."""
    if not all("e" in text.lower() for text in cells.words):
        return cells
    found = detect(cells.words, cells.counts[~cells.token_mask])
    if found is None or not found[1].all():
        return cells
    return cells.rewritten(found[0])


def _are_ordinals(cells: Cells) -> bool:
    """Whether texts are rather written numbers, each with a point behind it: 1., 2."""
    with_point = [text.strip().endswith(".") for text in cells.words]
    return cells.share_of(np.array(with_point, dtype=bool)) >= MOSTLY


def _exactly(
    kind: type[NumberEncoder], cells: Cells, distinct: Any, places: int
) -> Column:
    """The description of a column of numbers that floats and int64 do not hold exactly.

    Args:
        kind: What the column is.
        cells: The column.
        distinct: Its distinct numbers: texts, whole numbers or decimals.
        places: Their decimals.
    """
    units = objects((exact.units_of(cell, places) for cell in distinct), len(distinct))
    counts = cells.counts[~cells.token_mask]
    scale = exact.Scale.fit(units, cells, places, counts)
    options = scale.options() | cells.missing_options()
    plain = cells.column(kind.kind, "", "", options)
    numbers, _ = kind.numbers(pd.Series(distinct, dtype=object), plain)
    ends = cells.bounds(numbers, counts)
    noun = "numbers" if places else "whole numbers"
    why = f"{len(distinct):,} distinct {noun}, too long for 64 bits"
    if ends:
        # JSON has whole numbers of any length, but no such decimals.
        texts = kind.render(np.array(ends, dtype=np.int64), plain).tolist()
        why += f", from {texts[0]} to {texts[1]}"
        least, greatest = texts if places else map(int, texts)
        options |= {"minimum": least, "maximum": greatest}
    missing = cells.missing_or_token
    dtype = "str"
    if scale == exact.Scale(exact.HALF):
        dtype = "UInt64" if missing else "uint64"
    return cells.column(kind.kind, dtype, why, options, missing)


def _is_long(texts: Texts, digits: int) -> bool:
    """Whether some numbers have more digits than a float tells apart."""
    return any(sum(map(str.isdigit, text.strip("-0. "))) > digits for text in texts)


def words_in(column: Column) -> list[str]:
    """The texts that stand for themselves among the numbers of a column."""
    return list(column.options.get("words", ()))


def parse_floats(
    series: pd.Series, column: Column, wanted: str = "a number"
) -> tuple[Floats, Mask]:
    """Text or numbers => float64 values of those not missing, and which are missing.

    Args:
        series: The cells.
        column: Says which text means missing.
        wanted: What a cell should be, for the message.

    Raises:
        SchemaError: A cell is no number.
        DataError: A cell is infinite.
    """
    series = dtypes.plain(series)
    missing = series.isna().to_numpy(dtype=bool)
    if missing.all():
        return np.zeros(0), missing
    if is_text(series):
        texts, codes, missing = distinct_texts(series, column)
        try:
            values = texts.astype(np.float64)[codes]
        except ValueError:
            culprit = next(t for t in texts if not FLOAT_OR_INFINITE.fullmatch(t))
            raise cell_error(column, culprit, wanted) from None
    else:
        present = series[~missing]
        try:
            values = present.to_numpy(dtype=np.float64)
        except (TypeError, ValueError):
            raise cell_error(column, present.iloc[0], wanted) from None
    return finite(values, column.name), missing


def refuse_infinite(cells: Cells) -> None:
    """Raise a `DataError` for a column of numbers of which some are infinite."""
    if _is_float(cells):
        finite(np.asarray(cells.distinct, dtype=np.float64), cells.name)
    elif cells.matches(FLOAT_OR_INFINITE) and any(map(INFINITE.fullmatch, cells.words)):
        finite(np.array([np.inf]), cells.name)


def _int_of_text(text: str) -> int:
    if "." in text or "e" in text.lower():
        return int(float(text))
    return int(text)


def _formatted(values: Floats, decimals: int) -> Texts:
    """Floats as texts with so many decimals."""
    return objects(map(f"%.{decimals}f".__mod__, values.tolist()), len(values))


def _is_float(cells: Cells) -> bool:
    if pd.api.types.is_float_dtype(cells.series.dtype):
        return True
    return cells.python in ("floating", "decimal", "mixed-integer-float")


def _is_integer(cells: Cells) -> bool:
    if pd.api.types.is_integer_dtype(cells.series.dtype):
        return True
    return cells.python == "integer"


def _is_number(series: pd.Series) -> bool:
    if pd.api.types.is_complex_dtype(series.dtype):
        return False
    return pd.api.types.is_numeric_dtype(series.dtype)


def _decimals_of_texts(texts: Texts) -> tuple[int | None, int]:
    """How many decimals reproduce all numbers, and how many are shown in every one.

    None decimals where that takes more than `MOST_DECIMALS`, or an exponent.
    """
    fractions = [text.strip().partition(".")[2] for text in texts]
    shown = min(map(len, fractions), default=0)
    needed = max((len(fraction.rstrip("0")) for fraction in fractions), default=0)
    # Those of 1e-5 cannot be counted.
    exponents = any("e" in text.lower() for text in texts)
    if exponents or needed > MOST_DECIMALS:
        return None, min(shown, 1)
    return needed, shown


def _decimals_of_floats(values: Floats, column_dtype: str) -> int | None:
    """How many decimals reproduce all numbers, in the precision of the column.

    None where that takes more than `MOST_DECIMALS`.
    """
    own = re.fullmatch(r"float(16|32)|(half)?(float)\[pyarrow\]", column_dtype.lower())
    dtype: Any = np.float64
    if own:
        dtype = np.float16 if own[1] == "16" or own[2] else np.float32

    def enough(some: Floats, decimals: int) -> bool:
        rounded = round_decimals(some, decimals).astype(dtype)
        return bool((rounded == some.astype(dtype)).all())

    # The first thousand values rule out most numbers of decimals.
    glance = values[:1000]
    for decimals in range(MOST_DECIMALS + 1):
        if enough(glance, decimals) and enough(values, decimals):
            return decimals
    return None


def _why(
    count: int, noun: str, decimals: int | None, options: Mapping[str, Any]
) -> str:
    """Why a column is one of numbers, in words."""
    if not count:
        return f"{noun}, all missing"
    why = f"{count:,} distinct {noun}"
    if decimals:
        why += f" with {decimals} decimal{'s' * (decimals > 1)}"
    if "minimum" in options:
        why += f" from {options['minimum']:.10g} to {options['maximum']:.10g}"
    return why
