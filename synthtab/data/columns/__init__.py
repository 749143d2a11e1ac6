"""Column kinds: what they are called, and which one a column is.

A kind is one class in one file and one line in `KINDS`. Inference asks each whether a
column is of it; the first that does not decline decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core import schema as names
from synthtab.core.config import TrainConfig
from synthtab.core.errors import DataError, SchemaError, SynthtabError, hint
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import dtypes
from synthtab.data.columns.base import (
    HALF,
    MISSING_TOKENS,
    MOSTLY,
    Cells,
    ColumnEncoder,
    Mask,
    Settings,
    Texts,
    blank,
    distinct_texts,
    is_text,
    is_text_dtype,
    refuse_nested,
)
from synthtab.data.columns.boolean import BooleanEncoder
from synthtab.data.columns.categorical import CategoryEncoder
from synthtab.data.columns.clock import ClockEncoder
from synthtab.data.columns.compound import CompoundEncoder
from synthtab.data.columns.constant import ConstantEncoder
from synthtab.data.columns.datetime import DatetimeEncoder
from synthtab.data.columns.disclosure import number_people
from synthtab.data.columns.durations import DurationEncoder
from synthtab.data.columns.identifier import IdentifierEncoder
from synthtab.data.columns.numeric import (
    FloatEncoder,
    IntegerEncoder,
    NumberEncoder,
    refuse_infinite,
)
from synthtab.data.columns.writing import Writing
from synthtab.data.columns.writing import detect as detect_writing

# What schemas accept. In the order in which messages list the kinds; inference asks
# them by their `turn`.
KINDS: dict[str, type[ColumnEncoder]] = names.KINDS
KINDS["float"] = FloatEncoder
KINDS["integer"] = IntegerEncoder
KINDS["boolean"] = BooleanEncoder
KINDS["category"] = CategoryEncoder
KINDS["datetime"] = DatetimeEncoder
KINDS["clock"] = ClockEncoder
KINDS["duration"] = DurationEncoder
KINDS["compound"] = CompoundEncoder
KINDS["identifier"] = IdentifierEncoder
KINDS["constant"] = ConstantEncoder

# Fewest rows that share a word for missing among keys.
FEWEST_MISSING = 5

# Key of `DataFrame.attrs` with which `synthtab.data.tables.read` marks cells that come
# from a text file.
TEXT_MARK = "synthtab.text"
# The same for the delimiter of that file.
DELIMITER_MARK = "synthtab.delimiter"

__all__ = [
    "KINDS",
    "TEXT_MARK",
    "Cells",
    "ColumnEncoder",
    "Settings",
    "cells_to_text",
    "check_table",
    "in_turn",
    "infer",
    "number_kind",
    "typed",
    "typed_cells",
]


def in_turn() -> list[type[ColumnEncoder]]:
    """The kinds in the order in which inference asks them."""
    return sorted(KINDS.values(), key=lambda kind: kind.turn)


def _asked(cells: Cells) -> list[type[ColumnEncoder]]:
    """The kinds that a column may be of, in their turn."""
    return [kind for kind in in_turn() if kind.may_be(cells)]


def number_kind(column: Column) -> type[NumberEncoder]:
    """The kind of a column of numbers or dates."""
    kind = KINDS[column.kind]
    assert issubclass(kind, NumberEncoder), (
        f"{column.name!r} is no column of numbers but a {column.kind}, report this"
    )
    return kind


def infer(
    frame: pd.DataFrame,
    overrides: Mapping[str, str] | None = None,
    *,
    text: bool | None = None,
    rare: int = TrainConfig.rare,
    person: str | None = None,
) -> Schema:
    """What each column is.

    Args:
        frame: A table. Cells that a file gave as text (see `synthtab.data.tables.read`)
            get natural pandas dtypes; a DataFrame's own dtypes are kept.
        overrides: Column name -> kind, where inference shall not decide.
        text: Whether the cells come from a text file; None to ask the frame's mark.
        rare: The schema shows no value that fewer rows have: bounds are means instead,
            see `synthtab.data.columns.disclosure`.
        person: The column that says whom each row is about. Then ``rare`` counts people,
            and the column's cells are invented.

    Raises:
        DataError: For a table that cannot be described, such as one with two columns of
            one name.
        SchemaError: For an override that names no column or no kind, or that cannot be.
    """
    overrides = dict(overrides or {})
    check_table(frame)
    people = None
    if person is not None:
        people = _people(frame, person)
        overrides.setdefault(person, "identifier")
    _check_overrides(frame, overrides)
    from_file = bool(frame.attrs.get(TEXT_MARK, False)) if text is None else text
    for name in frame.columns:
        _refuse_dtype(frame[name])
    # Where semicolons part the cells, a comma is free to stand before decimals.
    comma = frame.attrs.get(DELIMITER_MARK) == ";"
    cells = {
        name: Cells(frame[name], from_file, rare, comma=comma, people=people)
        for name in frame.columns
    }

    # Columns of numbers and dates first: they show which texts mean "missing".
    described: dict[str, Column] = {}
    for name, own in cells.items():
        override = overrides.get(name)
        if override is None or KINDS[override].reads_missing:
            described[name] = _describe(own, override)
    tokens: dict[str, str] = {}
    if from_file:
        tokens = _missing_tokens(
            cells[name]
            for name, column in described.items()
            if KINDS[column.kind].reads_missing
        )
    for name, own in cells.items():
        # These have their missing cells already.
        column = described.get(name)
        if column is not None and KINDS[column.kind].reads_missing:
            continue
        override = overrides.get(name)
        token = own.commonest(tokens) if from_file and own.is_text else None
        if token is not None:
            source = tokens[token.strip()]
            described[name] = _describe_without(own, override, token, source)
            continue
        if column is None:
            column = _describe(own, override)
        if from_file and own.is_text and KINDS[column.kind].invented:
            column = _key_with_missing(own, override) or column
        described[name] = column
    return Schema(tuple(described[name] for name in cells), person=person)


def _people(frame: pd.DataFrame, person: str) -> npt.NDArray[np.int64]:
    """``[rows]``: whom each row is about, as a column says."""
    if person not in frame.columns:
        near = hint(person, list(frame.columns), "the columns are")
        raise SchemaError(f"the person {person!r} is not a column{near}")
    return number_people(frame[person])


def _check_overrides(frame: pd.DataFrame, overrides: Mapping[str, str]) -> None:
    """Refuse kinds that there are not, and kinds of columns that there are not."""
    for name, kind in overrides.items():
        if name not in frame.columns:
            raise SchemaError(f"the table has no column {name!r} to override")
        if kind not in KINDS:
            raise SchemaError(
                f"column {name!r}: unknown kind {kind!r}; use one of {', '.join(KINDS)}"
            )


_NESTED = (
    "lists or other nested cells; give their parts columns of their own, "
    "or leave it out, with df.drop(columns={0!r})"
)
# What cannot be learnt, as a pattern of the name of a dtype or of what pandas says of
# objects => what to do instead.
_REFUSED = {
    r"complex.*": "complex numbers; give its parts columns of their own, with "
    "np.real(df[{0!r}].astype(complex)) and np.imag(...)",
    r"(large_|fixed_size_)?binary.*|bytes": "bytes; decode them to text, with "
    "df[{0!r}].map(bytes.decode, na_action='ignore')",
    r"(large_|fixed_size_)?list.*|map<.*|struct<.*": _NESTED,
    r"string_view.*": "texts of a dtype that pandas cannot compute with; convert it, "
    "with list(df[{0!r}])",
    r"period|interval": "objects that pandas has a dtype for; convert it, with "
    "df[{0!r}].infer_objects()",
}


def _refuse_dtype(series: pd.Series) -> None:
    """Raise a `DataError` for a column of a dtype that cannot be learnt."""
    name = str(series.name)
    own = str(series.dtype)
    if series.dtype == object:
        own = pd.api.types.infer_dtype(series.dropna())
    for pattern, advice in _REFUSED.items():
        if re.fullmatch(pattern, own):
            raise DataError(f"column {name!r} holds {advice.format(name)}")
    if not dtypes.is_known(series.dtype):
        is_zoned = isinstance(series.dtype, pd.DatetimeTZDtype)
        way = "df[{0!r}].dt.tz_convert('UTC')" if is_zoned else "df[{0!r}].astype(str)"
        raise DataError(
            f"column {name!r} has the dtype {own}, which no file can name; convert it, "
            f"with {way.format(name)}"
        )


def _missing_tokens(numeric: Iterable[Cells]) -> dict[str, str]:
    """Texts that mean "missing" in some columns => the first such column.

    Args:
        numeric: Columns of a kind that reads missing cells by itself.
    """
    tokens: dict[str, str] = {}
    for cells in numeric:
        if cells.is_text:
            # An empty cell is missing in any column.
            for text in cells.distinct[cells.token_mask]:
                if text.strip() and text.strip() in MISSING_TOKENS:
                    tokens.setdefault(str(text).strip(), cells.name)
    return tokens


def _key_with_missing(cells: Cells, kind: str | None) -> Column | None:
    """A column of keys in which many cells have a usual word for missing, or None.

    No key is shared by so many rows, and none would be called so.

    Args:
        cells: The column.
        kind: As what it shall be described; None to find out.
    """
    words = cells.distinct[cells.token_mask]
    counts = cells.counts[cells.token_mask]
    if not len(words) or counts.max() < max(cells.rare, FEWEST_MISSING):
        return None
    token = str(words[counts.argmax()])
    column = _describe_without(cells, kind, token)
    note = f"{counts.max():,} of {cells.rows:,} cells are {token.strip()!r}: missing"
    return replace(column, note="; ".join(filter(None, (note, column.note))))


def _describe_without(
    cells: Cells, kind: str | None, token: str, source: str = ""
) -> Column:
    """A column of text some of whose cells mean "missing".

    Args:
        cells: The column.
        kind: As what it shall be described; None to find out.
        token: The text of these cells.
        source: The column of the same file in which it means "missing".
    """
    present = blank(cells.series, token)
    blanked = Cells(present, True, cells.rare, people=cells.rows_about)
    column = _describe(blanked, kind)
    options = {**column.options, "missing": token}
    why = f"{column.why}; {token.strip()!r} means missing"
    if source:
        why += f", as in {source!r}"
    return replace(column, options=options, why=why)


def _describe(cells: Cells, kind: str | None) -> Column:
    """The column as one of a kind, or of the first kind that accepts it."""
    if kind is not None:
        forced = _describe_as(cells, KINDS[kind])
        if forced is None:
            raise SchemaError(
                f"column {cells.name!r} cannot be of kind {kind}: some cells do not "
                "fit; choose another"
            )
        return forced
    try:
        verdicts = (kind_class.accepts(cells) for kind_class in _asked(cells))
        column = next(verdict for verdict in verdicts if verdict is not None)
        if not KINDS[column.kind].reads_missing:
            column = _describe_mostly(cells, column) or column
        # Infinite numbers look like words, and so do nested cells as text.
        if not KINDS[column.kind].reads_missing:
            refuse_infinite(cells)
            refuse_nested(cells)
        return column
    except TypeError as error:
        # Unhashable cells: lists, dicts.
        advice = _NESTED.format(cells.name)
        raise DataError(f"column {cells.name!r} holds {advice}") from error


@dataclass(frozen=True)
class _Fit:
    """Which cells of a column of text are of a kind.

    Attributes:
        kind: The kind.
        fits: ``[words]``: which texts are.
        share: Of the cells.
        writing: How they are written, where they are no plain numbers.
    """

    kind: type[ColumnEncoder]
    fits: Mask
    share: float
    writing: Writing | None = None


def _best_fit(cells: Cells, kinds: Iterable[type[ColumnEncoder]]) -> _Fit | None:
    """The kind that most cells of a column of text are of; None if it is none of these."""
    kinds = list(kinds)
    candidates = []
    for kind in kinds:
        fits = kind.fitting(cells)
        if fits is not None:
            candidates.append(_Fit(kind, fits, cells.share_of(fits)))
    numbers = [kind for kind in kinds if kind in (IntegerEncoder, FloatEncoder)]
    if numbers:
        counts = cells.counts[~cells.token_mask]
        found = detect_writing(cells.words, counts, cells.comma)
        if found is not None:
            writing, fits = found
            fit = _Fit(numbers[-1], fits, cells.share_of(fits), writing)
            candidates.append(fit)
    # Of equal ones the first: plain numbers rather than others.
    return max(candidates, key=lambda fit: fit.share, default=None)


def _describe_mostly(cells: Cells, otherwise: Column) -> Column | None:
    """The column as one of numbers or dates that most of its cells are, or None.

    Args:
        cells: The column.
        otherwise: What it is else.
    """
    if not cells.is_text or not len(cells.words):
        return None
    best = _best_fit(cells, _asked(cells))
    if best is None or (best.fits.all() and best.writing is None):
        return None
    # Rather than to invent texts from the digits of dates.
    of_dates = best.kind.temporal and KINDS[otherwise.kind].invented
    if best.share < (HALF if of_dates else MOSTLY) and not cells.are_beside_words(
        best.fits
    ):
        return None
    if not of_dates and cells.are_codes(best.fits):
        return None
    others = cells.without(best.fits)
    if best.writing is not None:
        plain = others.rewritten(best.writing)
        column = IntegerEncoder.accepts(plain) or FloatEncoder.accepts(plain)
        if column is not None and best.writing.is_guess(others.words):
            column = _with_note_of_guess(column, best.writing)
        return column
    verdicts = (kind.accepts(others) for kind in in_turn())
    column = next(verdict for verdict in verdicts if verdict is not None)
    return column if KINDS[column.kind].reads_missing else None


def _with_note_of_guess(column: Column, writing: Writing) -> Column:
    """The column, with a note that its marks could be read otherwise."""
    shown = writing.write("1234")
    note = f"{shown!r} is read as 1234, not as 1.234: no cell tells (schema: written)"
    return replace(column, note="; ".join(filter(None, (note, column.note))))


def _describe_as(cells: Cells, kind: type[ColumnEncoder]) -> Column | None:
    """The column as one of the kind that the user names, or None if it cannot be."""
    forced = kind.accepts(cells, forced=True)
    if forced is not None or not cells.is_text or not len(cells.words):
        return forced
    fit = _best_fit(cells, [kind])
    if fit is None or fit.share < HALF:
        return None
    others = cells.without(fit.fits)
    if fit.writing is not None:
        others = others.rewritten(fit.writing)
    return kind.accepts(others, forced=True)


def typed_cells(series: pd.Series, column: Column) -> pd.Series:
    """Text or other cells => the dtype that the schema names.

    Raises:
        SchemaError: A cell does not fit; the message names it.
    """
    kind = _kind_of_cells(column)
    token = column.options.get("missing")
    if token is not None and not kind.reads_missing and is_text(series):
        series = blank(series, token)
    if column.options.get("misfits") and is_text(series):
        series = _without_misfits(series, column, kind)
    try:
        return kind.typed(series, column)
    # What pandas says where a dtype cannot hold the cells. It may name a cell.
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, SynthtabError):
            raise
        raise SchemaError(
            f"column {column.name!r}: its cells, of kind {column.kind}, cannot be of "
            f"dtype {column.dtype}; correct one of the two in the schema"
        ) from error


def _without_misfits(
    series: pd.Series, column: Column, kind: type[ColumnEncoder]
) -> pd.Series:
    """The cells of text, those that the kind cannot read as missing ones."""
    texts, codes, missing = distinct_texts(series, column)
    misfit = ~kind.readable(texts, column)
    if not misfit.any():
        return series
    is_misfit = np.zeros(len(series), dtype=bool)
    is_misfit[~missing] = misfit[codes]
    return series.mask(is_misfit)


def typed(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Text or other cells => the columns, order and dtypes of the schema.

    Raises:
        SchemaError: Columns differ from the schema's, or cells do not fit their
            columns' kinds; it names all such columns.
    """
    schema.check(frame)
    cells = {}
    problems = []
    for column in schema.columns:
        try:
            cells[column.name] = typed_cells(frame[column.name], column)
        except SchemaError as error:
            problems.append(str(error))
    if len(problems) == 1:
        raise SchemaError(problems[0])
    if problems:
        raise SchemaError(f"table and schema disagree: {'; '.join(problems)}")
    return pd.DataFrame(cells, columns=list(schema.names), index=frame.index)


def cells_to_text(series: pd.Series, column: Column) -> Texts:
    """Typed cells => the cells of a CSV file, in the format of the schema."""
    kind = _kind_of_cells(column)
    texts = kind.text(series, column)
    # The other kinds write it themselves.
    token = column.options.get("missing")
    if token is not None and not kind.reads_missing:
        # pandas may lend its own cells.
        texts = texts.copy()
        texts[series.isna().to_numpy(dtype=bool)] = token
    return texts


def _kind_of_cells(column: Column) -> type[ColumnEncoder]:
    """The kind that reads and writes the cells of a column.

    Numbers and dates keep their format when they are modelled as categories.
    """
    own = KINDS[column.kind]
    dtype = column.dtype.lower()
    if own is not CategoryEncoder or is_text_dtype(dtype) or dtype == "category":
        return own
    for kind in in_turn():
        if kind.dtypes is not None and kind.dtypes.match(dtype):
            return kind
    return own


def check_table(frame: pd.DataFrame) -> None:
    """Raise a DataError unless there are rows, and columns with distinct text names."""
    if frame.columns.nlevels > 1:
        raise DataError(
            "the table has a header of several levels; "
            "flatten its column names to one text each"
        )
    for name in frame.columns:
        if not isinstance(name, str):
            raise DataError(
                f"column name {name!r} is not text; "
                "rename the columns, say with df.columns.map(str)"
            )
        if not name.strip():
            raise DataError("a column has a blank name; give it one")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"two columns are named {twice!r}; rename one")
    if not len(frame.columns):
        raise DataError("the table has no columns")
    if not len(frame):
        raise DataError("the table has no rows")
