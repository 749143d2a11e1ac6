"""A column that holds one value, or nothing at all."""

from __future__ import annotations

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
    Settings,
    Texts,
    cell_error,
    flag,
)
from synthtab.data.columns.categorical import CategoryEncoder, category_texts


class ConstantEncoder(ColumnEncoder):
    """No block, unless some cells are missing: then one that says which.

    Options:
        ``value``: its text, or null where every cell is missing.
        ``categories`` and ``ordered`` of a pandas categorical.
    """

    kind: ClassVar[str] = "constant"
    turn: ClassVar[int] = 10
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "value": {
            "type": ["string", "null"],
            "description": "Of a constant, as text; null where every cell is missing.",
        }
    }
    constant: ClassVar[bool] = True
    most_values: ClassVar[float] = 1
    combinable: ClassVar[bool] = False

    def __init__(self, column: Column, missing: bool) -> None:
        self.missing = missing
        self.value = column.options.get("value")
        blocks: tuple[Block, ...] = ()
        if missing and self.value is not None:
            blocks = (Block(column.name, "", 2),)
        super().__init__(column, blocks)

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """At most one distinct value, and not one that too few rows have to be told."""
        if cells.count > 1:
            return None
        value = None
        why = "no cell has a value"
        if cells.count:
            # The schema would show a value that few rows have.
            if cells.people[0] < cells.rare:
                return None
            value = category_texts(cells.given.dropna().iloc[:1])[0]
            why = f"every cell is {value[:40]!r}"
        # Those of a pandas categorical, which are part of its dtype.
        categories = CategoryEncoder.accepts(cells)
        assert categories is not None
        options = {"value": value, **categories.options}
        return cells.column(cls.kind, "str", why, options)

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Cells => the schema's dtype; a cell with another value is an error."""
        value = column.options.get("value")
        present = category_texts(series.dropna())
        others = present[present != value]
        if len(others):
            raise cell_error(column, others[0], f"the constant {value!r}")
        return CategoryEncoder.typed(series, column)

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
    ) -> ConstantEncoder:
        """Learn whether cells are missing."""
        return cls(column, bool(series.isna().any()))

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, 0 or 1]``: 0 for the value, 1 for missing."""
        missing = series.isna().to_numpy(dtype=bool)
        # One column, or none if nothing varies.
        codes = np.broadcast_to(missing[:, None], (len(series), len(self.blocks)))
        return codes.astype(np.uint8), np.zeros((len(series), 0), dtype=np.float32)

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """Codes => typed form."""
        # A category of one value, or of "missing" alone.
        texts = np.array([], dtype=object)
        if self.value is not None:
            texts = np.array([self.value], dtype=object)
        missing = self.missing or self.value is None
        category = CategoryEncoder(self.column, texts, missing)
        # Without a block, every code is the first one.
        if not codes.shape[1]:
            codes = np.zeros((len(codes), 1), dtype=np.uint8)
        return category.decode(codes, offsets, rng, start)

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {"missing": self.missing}

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> ConstantEncoder:
        """The inverse of `state`."""
        return cls(column, flag(state, "missing"))
