"""Yes or no, in pandas' booleans or in a consistent pair of words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.layout import Block
from synthtab.core.schema import Column
from synthtab.data.columns import dtypes
from synthtab.data.columns.base import (
    Cells,
    ColumnEncoder,
    Mask,
    Settings,
    Texts,
    as_dtype,
    cell_error,
    flag,
    holds_text,
    is_text,
    natural,
)
from synthtab.data.columns.categorical import categorical_options, category_texts, take

# Words for yes and no, each in one spelling throughout a column.
PAIRS = {"true": "false", "yes": "no", "t": "f", "y": "n"}
SPELLINGS = (str.lower, str.upper, str.capitalize)
# The code of a missing cell, after those of no and yes.
MISSING = 2


class BooleanEncoder(ColumnEncoder):
    """One block: false, true and, where it occurs, missing. Options: the words ``true``, ``false``."""

    kind: ClassVar[str] = "boolean"
    turn: ClassVar[int] = 20
    most_values: ClassVar[float] = 2
    dtypes: ClassVar[re.Pattern[str] | None] = re.compile(r"(sparse\[)?bool")
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "true": {"type": "string", "description": "The word for yes."},
        "false": {"type": "string", "description": "The word for no."},
    }

    def __init__(self, column: Column, missing: bool) -> None:
        super().__init__(column, (Block(column.name, "", 2 + missing),))
        self.missing = missing

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Boolean dtypes, and two texts that are a pair such as "yes" and "no" in one spelling."""
        if cells.is_text:
            words = _pair(cells.distinct, alone=forced)
            # Numbers, unless the user knows better.
            if forced and cells.count and set(cells.distinct) <= {"0", "1"}:
                words = "1", "0"
            if words is None:
                return None
            dtype = "boolean" if cells.missing else "bool"
            why = f"{words[0]!r} or {words[1]!r}"
        elif isinstance(cells.series.dtype, pd.CategoricalDtype):
            return cls._accept_categorical(cells, forced)
        elif cells.python == "boolean" or _is_boolean(cells.series):
            words = "True", "False"
            dtype = cells.dtype
            why = f"dtype {dtype}"
        elif forced and cells.count <= 2 and set(cells.distinct) <= {0, 1}:
            words = "1", "0"
            dtype = cells.dtype
            why = "0 or 1"
        else:
            return None
        options = {"true": words[0], "false": words[1]}
        return cells.column(cls.kind, dtype, why, options)

    @classmethod
    def _accept_categorical(cls, cells: Cells, forced: bool) -> Column | None:
        """`accepts` for a categorical, whose categories come back."""
        texts = category_texts(pd.Series(cells.distinct, dtype=object))
        words = None
        if _is_boolean(cells.series):
            words = "True", "False"
        elif forced:
            zero_and_one = {"0", "1"} if set(texts) <= {"0", "1"} else {"0.0", "1.0"}
            words = _pair(texts, alone=True)
            if words is None and set(texts) <= zero_and_one:
                words = max(zero_and_one), min(zero_and_one)
        if words is None:
            return None
        options = categorical_options(cells) | {"true": words[0], "false": words[1]}
        why = f"dtype {cells.dtype} of {words[0]!r} or {words[1]!r}"
        return cells.column(cls.kind, cells.dtype, why, options)

    @classmethod
    def no_and_yes(cls, column: Column) -> tuple[str, str]:
        """The words of the schema."""
        options = column.options
        return options.get("false", "False"), options.get("true", "True")

    @classmethod
    def truths(cls, series: pd.Series, column: Column) -> tuple[Mask, Mask]:
        """Cells => truth of those not missing, and which are missing."""
        missing = series.isna().to_numpy(dtype=bool)
        present = dtypes.plain(series[~missing])
        if isinstance(present.dtype, pd.CategoricalDtype):
            present = pd.Series(category_texts(present), dtype=object)
        # 0 and 1, too, where the kind was set by hand.
        if not is_text(present):
            return present.to_numpy(dtype=bool), missing
        texts = present.to_numpy(dtype=object)
        no, yes = cls.no_and_yes(column)
        truth = texts == yes
        others = texts[~truth & (texts != no)]
        if len(others):
            raise cell_error(column, others[0], f"{yes!r} or {no!r}")
        return truth, missing

    @classmethod
    def _words(cls, truth: Mask, column: Column) -> Texts:
        # False is number 0, true is number 1.
        words = np.array(cls.no_and_yes(column), dtype=object)
        return words[truth.astype(np.int64)]

    @classmethod
    def _natural(cls, truth: Mask, missing: Mask, column: Column) -> pd.Series:
        """Truths of the cells that are not missing => the typed form."""
        if "categories" in column.options:
            # Of a word that no cell has there may be no category.
            used, codes = np.unique(truth, return_inverse=True)
            return take(cls._words(used, column), codes, missing, column)
        if holds_text(column):
            words = cls._words(truth, column)
            return natural(words, missing, column.dtype, column.options)
        if column.dtype == "object" or not missing.any():
            return natural(truth, missing, column.dtype, column.options)
        # numpy's booleans cannot be missing, those of pandas can.
        cells = np.full(len(missing), None, dtype=object)
        cells[~missing] = truth
        return as_dtype(pd.Series(cells, dtype="boolean"), column.dtype)

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Text or typed cells => the typed form."""
        truth, missing = cls.truths(series, column)
        cells = cls._natural(truth, missing, column)
        return cells.set_axis(series.index).rename(column.name)

    @classmethod
    def text(cls, series: pd.Series, column: Column) -> Texts:
        """The typed form => the cells of a CSV file."""
        truth, missing = cls.truths(series, column)
        cells = np.full(len(missing), "", dtype=object)
        cells[~missing] = cls._words(truth, column)
        return cells

    @classmethod
    def fit(
        cls,
        series: pd.Series,
        column: Column,
        rng: np.random.Generator,
        settings: Settings,
    ) -> BooleanEncoder:
        """Learn whether cells are missing."""
        return cls(column, bool(series.isna().any()))

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, 1]``; a missing cell that training never saw counts as false."""
        truth, missing = self.truths(series, self.column)
        # A block has no code for what training never saw.
        code_of_missing = MISSING if self.missing else 0
        codes = np.full((len(series), 1), code_of_missing, dtype=np.uint8)
        codes[~missing, 0] = truth
        return codes, np.zeros((len(series), 0), dtype=np.float32)

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """Codes => typed form."""
        missing = codes[:, 0] == MISSING
        truth = codes[~missing, 0] == 1
        cells = self._natural(truth, missing, self.column)
        return cells.rename(self.column.name)

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {"missing": self.missing}

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> BooleanEncoder:
        """The inverse of `state`."""
        return cls(column, flag(state, "missing"))


def _pair(distinct: Texts, alone: bool) -> tuple[str, str] | None:
    """The words for yes and no, if the texts are such a pair.

    Args:
        distinct: The texts.
        alone: Whether one of a pair is enough.
    """
    fewest = 1 if alone else 2
    if not fewest <= len(distinct) <= 2:
        return None
    for yes, no in PAIRS.items():
        # "Yes" and "no" are two spellings, and rather two words.
        for spelling in SPELLINGS:
            words = spelling(yes), spelling(no)
            if set(distinct) <= set(words):
                return words
    return None


def _is_boolean(series: pd.Series) -> bool:
    return bool(pd.api.types.is_bool_dtype(series.dtype))
