"""Cells of a column, text or typed, whoever wrote them, as numbers or as codes.

Tolerant on purpose: a foreign generator may write 3.0 for 3, or a word where numbers
were. Such a cell counts as missing or as a category of its own, thus against the rows,
and is no error. For example, the cells "7", "7.0", "seven" and "" are the numbers 7.0,
7.0, nan and nan, and as categories "7", "7", "seven" and missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SynthtabError
from synthtab.core.schema import Column
from synthtab.data.columns import KINDS, number_kind
from synthtab.data.columns.base import MISSING_WORDS, is_text
from synthtab.data.columns.numeric import NumberEncoder
from synthtab.data.columns.writing import Writing

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]

# So that squares and their sums stay finite.
_LARGEST = 1e150
# Their numbers have about seven digits, and float64 shows sixteen of them.
_SHORT_FLOATS = ("float32", "float16", "float[pyarrow]", "halffloat[pyarrow]")
# A whole number with decimals, such as "3.00".
_WHOLE = re.compile(r"([+-]?\d+)\.0+")


def known(values: Floats) -> Floats:
    """Those of the numbers that are not missing."""
    return values[~np.isnan(values)]


def plain(series: pd.Series) -> pd.Series:
    """The column with odd cells, such as lists, as text.

    Odd is what is neither text nor a number nor a date.
    """
    if pd.api.types.is_complex_dtype(series.dtype):
        return series.astype(str)
    if series.dtype != object:
        return series
    # What pandas says of cells of several types, or of types it does not know.
    kind = pd.api.types.infer_dtype(series)
    if not kind.startswith(("mixed", "complex")):
        return series
    usual = (str, int, float, np.generic, date)
    odd = [cell is not None and not isinstance(cell, usual) for cell in series]
    return series.where(~np.array(odd), series.astype(str))


def numbers(series: pd.Series, column: Column | None) -> Floats:
    """Cells as floats ``[rows]``; NaN where there is no finite number.

    Dates become whole numbers of the unit of their column, such as days.

    Args:
        series: The cells.
        column: What the schema says of them, if there is one.
    """
    if column is not None and KINDS[column.kind].temporal:
        values = _dates(series, column)
    elif pd.api.types.is_numeric_dtype(series.dtype):
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
        if str(series.dtype).lower() in _SHORT_FLOATS:
            values = _as_written(values)
    else:
        # Each distinct text is read once.
        positions, distinct = pd.factorize(series)
        cells = pd.Series(np.asarray(distinct, dtype=object), dtype=object)
        if column is not None and "missing" in column.options:
            missing = column.options["missing"]
            cells = cells.mask(cells == missing)
        if column is not None and "written" in column.options and is_text(cells):
            writing = Writing.from_json(column.options["written"])
            plain, _ = writing.plain_texts(cells.fillna("").to_numpy(dtype=object))
            cells = pd.Series(plain, dtype=object)
        parsed = pd.to_numeric(cells, errors="coerce")
        of_distinct = parsed.to_numpy(dtype=np.float64, na_value=np.nan)
        values = _looked_up(of_distinct, positions)
    values = np.where(np.isfinite(values), values, np.nan)
    # -0.0 equals 0.0, but not bit by bit, and rows are compared by their hash.
    return np.clip(values, -_LARGEST, _LARGEST) + 0.0


def _as_written(values: Floats) -> Floats:
    """Single-precision numbers as one would write them: 0.1, not 0.10000000149."""
    distinct, positions = np.unique(values, return_inverse=True)
    texts = distinct.astype(np.float32).astype(str)
    written: Floats = texts.astype(np.float64)[positions.ravel()]
    return written


def unread(
    series: pd.Series, values: Floats, column: Column | None
) -> Mapping[str, int]:
    """Cells that are there and gave no number: text => rows, the commonest first.

    Words for "missing", and those that the schema lists, are not among them.

    Args:
        series: The cells.
        values: What `numbers` made of them.
        column: What the schema says of them, if there is one.
    """
    lost = series[np.isnan(values) & series.notna().to_numpy()]
    expected = set(MISSING_WORDS)
    if column is not None:
        expected.add(str(column.options.get("missing", "")).lower())
        expected.update(str(word).lower() for word in column.options.get("words", ()))
    counts = lost.astype(str).str.strip().value_counts()
    # Of equally common texts the first, so that the order of rows changes nothing.
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return {
        str(text): int(count)
        for text, count in ordered
        if str(text).lower() not in expected
    }


def texts(series: pd.Series) -> npt.NDArray[np.object_]:
    """Cells as texts ``[rows]``, as `codes` writes words; None where missing."""
    positions, distinct = pd.factorize(series)
    words = [_word(cell) or None for cell in np.asarray(distinct, dtype=object)]
    # Position -1 reads the last entry.
    lookup = np.array([*words, None], dtype=object)
    found: npt.NDArray[np.object_] = lookup[positions]
    return found


def codes(
    parts: Mapping[str, pd.Series], column: Column | None
) -> tuple[tuple[str, ...], dict[str, Integers]]:
    """One vocabulary for the same column of all tables, and each table's codes in it.

    Args:
        parts: Table -> cells.
        column: What the schema says of them, if there is one.

    Returns:
        The words in alphabetical order, and table -> codes ``[rows]``. The code after
        the last word means missing.
    """
    synonyms = _synonyms(column)
    # Table -> which of its distinct words each row has (-1: missing), and these words.
    read: dict[str, tuple[npt.NDArray[np.intp], list[str]]] = {}
    every_word: set[str] = set()
    for key, series in parts.items():
        positions, distinct = pd.factorize(series)
        words = []
        for cell in np.asarray(distinct, dtype=object):
            word = _word(cell)
            words.append(synonyms.get(word, word))
        read[key] = positions, words
        every_word.update(words)
    # An empty cell is a missing one.
    vocabulary = sorted(every_word - {""})
    code_of = {word: code for code, word in enumerate(vocabulary)}
    missing = len(vocabulary)
    code_of[""] = missing
    codes_of_tables = {}
    for key, (positions, words) in read.items():
        # Position -1 reads the last entry.
        lookup = [*(code_of[word] for word in words), missing]
        codes_of_tables[key] = np.array(lookup, dtype=np.int32)[positions]
    return tuple(vocabulary), codes_of_tables


def _looked_up(of_distinct: Any, positions: npt.NDArray[np.intp]) -> Floats:
    """What stands for the distinct values at the positions of `pd.factorize`.

    The position of a missing cell is -1: it reads the NaN at the end.
    """
    values: Floats = np.append(of_distinct, np.nan)[positions]
    return values


def _word(cell: Any) -> str:
    """One text for 1, 1.0, "1" and "1.0".

    A code with a gap comes back from a CSV file as floats.
    """
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
        return str(int(cell))
    text = str(cell)
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _synonyms(column: Column | None) -> dict[str, str]:
    """Words that mean the same: a column's own for "missing", true and false."""
    if column is None:
        return {}
    synonyms = {}
    if "missing" in column.options:
        synonyms[column.options["missing"]] = ""
    words = KINDS[column.kind].no_and_yes(column)
    if words is not None:
        no, yes = words
        synonyms[yes] = "True"
        synonyms[no] = "False"
    return synonyms


def _dates(series: pd.Series, column: Column) -> Floats:
    """As the column's kind reads them or, where it refuses a cell, each for itself."""
    kind = number_kind(column)
    try:
        return _spread(*kind.numbers(series, column))
    except (SynthtabError, OverflowError):
        positions, distinct = pd.factorize(series)
        cells = np.asarray(distinct, dtype=object)
        return _looked_up([_date(cell, column, kind) for cell in cells], positions)


def _date(cell: Any, column: Column, kind: type[NumberEncoder]) -> float:
    """One cell that may be written unlike the others; NaN if it is no date."""
    # As it stands, then as a date in the international format.
    iso = pd.to_datetime(str(cell), errors="coerce", format="ISO8601", utc=True)
    for reading in (cell, iso):
        one = pd.Series([reading])
        try:
            if is_text(one) or not pd.isna(reading):
                return float(_spread(*kind.numbers(one, column))[0])
        except (SynthtabError, OverflowError):
            continue
    return float("nan")


def _spread(values: npt.NDArray[Any], missing: npt.NDArray[np.bool_]) -> Floats:
    """Values of the cells that are there, put back among the missing ones."""
    full = np.full(len(missing), np.nan)
    full[~missing] = values
    return full
