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
from synthtab.data.columns.base import (
    Cells,
    ColumnEncoder,
    Mask,
    Settings,
    Texts,
    as_dtype,
    cell_error,
    holds_text,
    is_text,
    natural,
)

PAIRS = {"true": "false", "yes": "no", "t": "f", "y": "n"}


class BooleanEncoder(ColumnEncoder):
    """One block: false, true and, where it occurs, missing. Options: the words ``true``, ``false``."""

    kind: ClassVar[str] = "boolean"
    turn: ClassVar[int] = 20
    dtypes: ClassVar[re.Pattern[str] | None] = re.compile("bool")
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
            pair = _pair(cells.distinct, alone=forced)
            if (
                pair is None
                and forced
                and cells.count
                and set(cells.distinct) <= {"0", "1"}
            ):
                pair = "1", "0"
            if pair is None:
                return None
            words = {"true": pair[0], "false": pair[1]}
            dtype = "boolean" if cells.missing else "bool"
            return cells.column(cls.kind, dtype, f"{pair[0]!r} or {pair[1]!r}", words)
        if pd.api.types.is_bool_dtype(cells.series.dtype) or cells.python == "boolean":
            return cells.column(
                cls.kind,
                cells.dtype,
                f"dtype {cells.dtype}",
                {"true": "True", "false": "False"},
            )
        if forced and cells.count <= 2 and set(cells.distinct) <= {0, 1}:
            return cells.column(
                cls.kind, cells.dtype, "0 or 1", {"true": "1", "false": "0"}
            )
        return None

    @classmethod
    def no_and_yes(cls, column: Column) -> tuple[str, str] | None:
        """The words of the schema."""
        options = column.options
        return options.get("false", "False"), options.get("true", "True")

    @classmethod
    def truths(cls, series: pd.Series, column: Column) -> tuple[Mask, Mask]:
        """Cells => truth of those not missing, and which are missing."""
        missing = series.isna().to_numpy(dtype=bool)
        present = series[~missing]
        if not is_text(present):
            return present.to_numpy(dtype=bool), missing
        texts = present.to_numpy(dtype=object)
        true, false = (
            column.options.get("true", "True"),
            column.options.get("false", "False"),
        )
        truth = texts == true
        if not (truth | (texts == false)).all():
            raise cell_error(
                column, texts[~truth & (texts != false)][0], f"{true!r} or {false!r}"
            )
        return truth, missing

    @classmethod
    def _words(cls, truth: Mask, column: Column) -> Texts:
        words = np.array(
            [column.options.get("false", "False"), column.options.get("true", "True")],
            dtype=object,
        )
        return words[truth.astype(np.int64)]

    @classmethod
    def _natural(cls, truth: Mask, missing: Mask, column: Column) -> pd.Series:
        dtype = column.dtype
        if holds_text(column):
            return natural(cls._words(truth, column), missing, dtype)
        cells = np.full(len(missing), None, dtype=object)
        cells[~missing] = truth
        if dtype == "object":
            return pd.Series(cells, dtype=object)
        if not missing.any():
            return as_dtype(pd.Series(truth), dtype)
        return as_dtype(pd.Series(cells, dtype="boolean"), dtype)

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Text or typed cells => the typed form."""
        truth, missing = cls.truths(series, column)
        return (
            cls._natural(truth, missing, column)
            .set_axis(series.index)
            .rename(column.name)
        )

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
        codes = np.full((len(series), 1), 2 if self.missing else 0, dtype=np.uint8)
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
        missing = codes[:, 0] == 2
        return self._natural(codes[~missing, 0] == 1, missing, self.column).rename(
            self.column.name
        )

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {"missing": self.missing}

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> BooleanEncoder:
        """The inverse of `state`."""
        return cls(column, state["missing"])


def _pair(distinct: Texts, alone: bool) -> tuple[str, str] | None:
    """The words for true and false: two texts spelled alike or, if ``alone`` is enough, one of a pair."""
    if len(distinct) == 0 or len(distinct) > 2 or (len(distinct) == 1 and not alone):
        return None
    for lower_true, lower_false in PAIRS.items():
        for spelled in (str.lower, str.upper, str.capitalize):
            true, false = spelled(lower_true), spelled(lower_false)
            if set(distinct) <= {true, false}:
                return true, false
    return None
