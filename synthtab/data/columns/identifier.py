"""Keys, names and other text that is (nearly) different in every row: invented, never learned.

`synthtab.data.columns.shapes` and `synthtab.data.columns.serials` say how, and why no cell of the table comes
back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import DataError, SchemaError
from synthtab.core.layout import Block
from synthtab.core.schema import Column
from synthtab.data.columns.base import (
    Cells,
    ColumnEncoder,
    Settings,
    Texts,
    is_text_dtype,
    natural,
)
from synthtab.data.columns.categorical import CategoryEncoder, category_texts
from synthtab.data.columns.disclosure import beyond
from synthtab.data.columns.emails import Emails
from synthtab.data.columns.numeric import FLOAT, INTEGER, IntegerEncoder
from synthtab.data.columns.serials import Counter, Serials
from synthtab.data.columns.shapes import Shapes, skeleton

ID_WORDS = frozenset(
    {"id", "ids", "key", "uuid", "guid", "index", "idx", "rowid", "rownum", "serial"}
)
ID_NAME = re.compile(
    r"(user|cust|customer|client|order|row|record|account|patient|member|passenger|trans)_?(id|no|nr)"
)
PERSON_WORDS = frozenset(
    {
        "email",
        "mail",
        "phone",
        "mobile",
        "ssn",
        "iban",
        "passport",
        "surname",
        "lastname",
    }
)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

Maker = Counter | Serials | Emails | Shapes
# By the entry of their state that no other has.
MAKERS: dict[str, type[Maker]] = {
    "first": Counter,
    "serials": Serials,
    "domains": Emails,
    "shapes": Shapes,
}


class IdentifierEncoder(ColumnEncoder):
    """No block, unless some cells are missing: then one that says which.

    Options: ``pattern``, the most frequent shape, for the reader of the schema.

    Args:
        column: The schema's word on the column.
        missing: Whether some training cells were.
        maker: What invents cells: `Counter` for integers, `Serials` for text that counts, `Emails` for addresses,
            `Shapes` for any other.
    """

    kind: ClassVar[str] = "identifier"
    turn: ClassVar[int] = 60
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "pattern": {
            "type": "string",
            "description": "What an identifier looks like; for people only.",
        }
    }
    invented: ClassVar[bool] = True
    combinable: ClassVar[bool] = False

    def __init__(self, column: Column, missing: bool, maker: Maker) -> None:
        super().__init__(column, (Block(column.name, "", 2),) if missing else ())
        self.missing = missing
        self.maker = maker

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Text that hardly repeats, and integers that never do if the name is that of a key.

        Text is an identifier if values occur less than twice on average and there are more than 50
        cells; if no value repeats and all are shaped alike, or the column's name speaks of people;
        if the cells hold e-mail addresses; or if none is so frequent that it may be told. Numbers as text count as
        integers.
        """
        if not cells.count or not (
            cells.is_text or pd.api.types.is_integer_dtype(cells.series.dtype)
        ):
            return None
        whole = not cells.is_text or cells.matches(INTEGER)
        missing = cells.missing + (
            int(cells.counts[cells.token_mask].sum()) if whole and cells.is_text else 0
        )
        count, cellcount = (
            len(cells.words) if whole else cells.count,
            cells.rows - missing,
        )
        unique = count == cellcount > 2
        personal = bool(PERSON_WORDS & set(name_words(cells.name)))
        if whole:
            if not (forced or (unique and (names_a_key(cells.name) or personal))):
                return None
            options = {"pattern": "9"} | cells.missing_options()
            why = f"{count:,} distinct whole numbers, none repeats"
            return cells.column(
                cls.kind, "Int64" if missing else "int64", why, options, missing
            )
        reason = f"{count:,} distinct texts in {cellcount:,} cells"
        if cells.matches(EMAIL):
            reason = "e-mail addresses"
        elif not forced:
            rare = count >= cellcount / 2 and cellcount > 50
            alike = (
                unique
                and 10 <= count <= 50
                and len(set(map(skeleton, cells.distinct))) == 1
            )
            named = (personal and (unique or count > 50)) or (
                unique and "name" in name_words(cells.name)
            )
            secret = cells.counts.max() < cells.rare
            if not (
                rare or named or secret or (alike and _mixes(cells.distinct))
            ) or cells.matches(FLOAT):
                return None
            if secret and not (rare or named or alike):
                reason += f", none of them in {cells.rare} rows"
        pattern = (
            Shapes.fit(cells.distinct[:1000], np.random.default_rng(0), cells.rare)
            .shapes[0]
            .pattern
        )
        return cells.column(
            cls.kind,
            "str",
            f"{reason}; new ones are invented",
            {"pattern": pattern[:80]},
        )

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Cells => the schema's dtype."""
        kind = IntegerEncoder if _whole(column) else CategoryEncoder
        return kind.typed(series, column)

    @classmethod
    def text(cls, series: pd.Series, column: Column) -> Texts:
        """The typed form => the cells of a CSV file."""
        kind = IntegerEncoder if _whole(column) else CategoryEncoder
        return kind.text(series, column)

    @classmethod
    def fit(
        cls,
        series: pd.Series,
        column: Column,
        rng: np.random.Generator,
        settings: Settings,
    ) -> IdentifierEncoder:
        """Learn the shapes, and whether cells are missing."""
        if not (_whole(column) or is_text_dtype(column.dtype)):
            fix = "use kind category, or convert the column to text"
            raise SchemaError(
                f"column {column.name!r}: no identifiers of dtype {column.dtype} can be invented; {fix}"
            )
        missing = series.isna().to_numpy(dtype=bool)
        present = series[~missing]
        maker: Maker
        if _whole(column):
            values, _ = IntegerEncoder.numbers(present, column)
            maker = Counter(beyond(int(values.max(initial=0)), settings.rare))
        else:
            texts = category_texts(present)
            rare = settings.rare
            maker = (
                Serials.fit(texts, rng, rare)
                or Emails.fit(texts, rng, rare)
                or Shapes.fit(texts, rng, rare)
            )
        return cls(column, bool(missing.any()) and not missing.all(), maker)

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, 0 or 1]``: 0 for a cell, 1 for missing."""
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
        """New cells for rows ``start``, ``start + 1``, ... in the typed form."""
        missing = codes[:, 0] == 1 if self.missing else np.zeros(len(codes), dtype=bool)
        rows = (start + np.arange(len(codes)))[~missing]
        if isinstance(self.maker, Counter):
            numbers = self.maker.make(rows)
            self._check_room(numbers)
            return natural(numbers, missing, self.column.dtype).rename(self.column.name)
        texts = natural(self.maker.make(rows), missing, "object")
        return CategoryEncoder.typed(texts, self.column).rename(self.column.name)

    def _check_room(self, cells: npt.NDArray[np.int64]) -> None:
        name = self.column.dtype.lower().removesuffix("[pyarrow]")
        if (
            name.startswith(("int", "uint"))
            and len(cells)
            and cells.max() > np.iinfo(name).max
        ):
            raise DataError(
                f"column {self.column.name!r}: dtype {self.column.dtype} has no room for more keys"
            )

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {"missing": self.missing, "maker": self.maker.state()}

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> IdentifierEncoder:
        """The inverse of `state`."""
        maker = next(kind for entry, kind in MAKERS.items() if entry in state["maker"])
        return cls(column, state["missing"], maker.from_state(state["maker"]))


def name_words(name: str) -> list[str]:
    """``"PassengerId"`` => ``["passenger", "id"]``."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def names_a_key(name: str) -> bool:
    """Whether a column of this name is expected to number its rows."""
    words = name_words(name)
    return (
        bool(ID_WORDS & set(words))
        or bool(ID_NAME.fullmatch(name.lower()))
        or words[:1] == ["unnamed"]
    )


def _whole(column: Column) -> bool:
    return "int" in column.dtype.lower()


def _mixes(texts: Texts) -> bool:
    """Whether the first text holds digits beside something else, as codes do and words do not."""
    return any(c.isdigit() for c in texts[0]) and not texts[0].isdigit()
