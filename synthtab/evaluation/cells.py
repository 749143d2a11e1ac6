"""Cells of a column, text or typed, whoever wrote them, as numbers or as codes.

Tolerant on purpose: a foreign generator may write 3.0 for 3, or a word where numbers were. Such a
cell counts as missing or as a category of its own, thus against the rows, and is no error.
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
from synthtab.data.columns import KINDS, TEMPORAL
from synthtab.data.columns.base import is_text
from synthtab.data.columns.numeric import NumberEncoder

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]

_LARGEST = 1e150  # so that squares and their sums stay finite
_WHOLE = re.compile(r"([+-]?\d+)\.0+")


def plain(series: pd.Series) -> pd.Series:
    """The column with cells that are neither text nor numbers nor dates, such as lists, as text."""
    if pd.api.types.is_complex_dtype(series.dtype):
        return series.astype(str)
    if series.dtype != object or not pd.api.types.infer_dtype(series).startswith(
        ("mixed", "complex")
    ):
        return series
    odd = np.array(
        [
            c is not None and not isinstance(c, (str, int, float, np.generic, date))
            for c in series
        ]
    )
    return series.where(~odd, series.astype(str))


def numbers(series: pd.Series, column: Column | None) -> Floats:
    """Cells as floats (dates as whole numbers of the column's unit); NaN where there is no finite number."""
    if column is not None and column.kind in TEMPORAL:
        values = _dates(series, column)
    elif pd.api.types.is_numeric_dtype(series.dtype):
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        codes, distinct = pd.factorize(series)
        cells = pd.Series(np.asarray(distinct, dtype=object), dtype=object)
        if column is not None and "missing" in column.options:
            cells = cells.mask(cells == column.options["missing"])
        parsed = pd.to_numeric(cells, errors="coerce").to_numpy(
            dtype=np.float64, na_value=np.nan
        )
        values = np.append(parsed, np.nan)[codes]
    values = np.where(np.isfinite(values), values, np.nan)
    return (
        np.clip(values, -_LARGEST, _LARGEST) + 0.0
    )  # -0.0 equals 0.0, but not bit by bit


def codes(
    parts: Mapping[str, pd.Series], column: Column | None
) -> tuple[tuple[str, ...], dict[str, Integers]]:
    """One vocabulary for all tables: its words in order, and each table's codes; the last code means missing."""
    same = _synonyms(column)
    found = {}
    for key, series in parts.items():
        own, distinct = pd.factorize(series)
        words = [_word(cell) for cell in np.asarray(distinct, dtype=object)]
        found[key] = own, [same.get(word, word) for word in words]
    vocabulary = sorted({word for _, words in found.values() for word in words if word})
    position = {word: i for i, word in enumerate(vocabulary)} | {"": len(vocabulary)}
    return tuple(vocabulary), {
        key: np.array(
            [position[word] for word in words] + [len(vocabulary)], dtype=np.int32
        )[own]
        for key, (own, words) in found.items()
    }


def _word(cell: Any) -> str:
    """One text for 1, 1.0, "1" and "1.0": a code with a gap comes back from CSV as floats."""
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
        return str(int(cell))
    text = str(cell)
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _synonyms(column: Column | None) -> dict[str, str]:
    """The words of a boolean column and its token for "missing", and what they are called here."""
    if column is None:
        return {}
    same = {column.options["missing"]: ""} if "missing" in column.options else {}
    if column.kind == "boolean":
        same |= {
            column.options.get("true", "True"): "True",
            column.options.get("false", "False"): "False",
        }
    return same


def _dates(series: pd.Series, column: Column) -> Floats:
    """As the column's kind reads them or, where it refuses a cell, each for itself."""
    kind = KINDS[column.kind]
    assert issubclass(kind, NumberEncoder)
    try:
        return _spread(*kind.numbers(series, column))
    except (SynthtabError, OverflowError):
        own, distinct = pd.factorize(series)
        return np.append(
            [_date(cell, column, kind) for cell in np.asarray(distinct, dtype=object)],
            np.nan,
        )[own]


def _date(cell: Any, column: Column, kind: type[NumberEncoder]) -> float:
    """One cell that may be written unlike the others; NaN if it is no date."""
    for reading in (
        cell,
        pd.to_datetime(str(cell), errors="coerce", format="ISO8601", utc=True),
    ):
        one = pd.Series([reading])
        try:
            if is_text(one) or not pd.isna(reading):
                return float(_spread(*kind.numbers(one, column))[0])
        except (SynthtabError, OverflowError):
            continue
    return float("nan")


def _spread(values: npt.NDArray[Any], missing: npt.NDArray[np.bool_]) -> Floats:
    full = np.full(len(missing), np.nan)
    full[~missing] = values
    return full
