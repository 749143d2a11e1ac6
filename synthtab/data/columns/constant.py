"""A column that holds one value, or nothing at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.layout import Block
from synthtab.core.schema import Column
from synthtab.data.columns.base import Cells, ColumnEncoder, Settings, Texts, cell_error
from synthtab.data.columns.categorical import CategoryEncoder, category_texts


class ConstantEncoder(ColumnEncoder):
    """No block, unless some cells are missing: then one that says which.

    Options: ``value``, its text, or null where every cell is missing; and, for a pandas
    categorical, its ``categories`` and ``ordered``.
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
    combinable: ClassVar[bool] = False

    def __init__(self, column: Column, missing: bool) -> None:
        self.missing = missing
        self.value = column.options.get("value")
        varies = missing and self.value is not None
        super().__init__(column, (Block(column.name, "", 2),) if varies else ())

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """At most one distinct value, and not one that too few rows have to be told."""
        if cells.count > 1 or (cells.count and cells.counts[0] < cells.rare):
            return None
        if not cells.count:
            return cells.column(
                cls.kind,
                "str",
                "no cell has a value",
                {"value": None} | _categories(cells),
            )
        value = category_texts(cells.series.dropna().iloc[:1])[0]
        return cells.column(
            cls.kind,
            "str",
            f"every cell is {value[:40]!r}",
            {"value": value} | _categories(cells),
        )

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Cells => the schema's dtype; a cell with another value is an error."""
        present = category_texts(series.dropna())
        other = present[present != column.options.get("value")]
        if len(other):
            raise cell_error(
                column, other[0], f"the constant {column.options.get('value')!r}"
            )
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
        texts = np.array([] if self.value is None else [self.value], dtype=object)
        inner = CategoryEncoder(self.column, texts, self.missing or self.value is None)
        flat = codes if codes.shape[1] else np.zeros((len(codes), 1), dtype=np.uint8)
        return inner.decode(flat, offsets, rng, start)

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {"missing": self.missing}

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> ConstantEncoder:
        """The inverse of `state`."""
        return cls(column, state["missing"])


def _categories(cells: Cells) -> dict[str, Any]:
    described = CategoryEncoder.accepts(cells)
    assert described is not None
    return dict(described.options)
