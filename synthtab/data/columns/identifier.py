"""Keys, names and other text that is (nearly) different in every row.

New ones are invented, none is learnt. `synthtab.data.columns.shapes` and
`synthtab.data.columns.serials` say how, and why no cell of the table comes back.
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
    name_words,
    natural,
)
from synthtab.data.columns.categorical import CategoryEncoder, category_texts
from synthtab.data.columns.disclosure import first_new_key
from synthtab.data.columns.emails import Emails
from synthtab.data.columns.numeric import FLOAT, INTEGER, IntegerEncoder
from synthtab.data.columns.serials import Counter, Serials
from synthtab.data.columns.shapes import Shapes, skeleton

# Words in the name of a column that numbers its rows.
ID_WORDS = frozenset(
    {"id", "ids", "key", "uuid", "guid", "index", "idx", "rowid", "rownum", "serial"}
)
ID_NAME = re.compile(
    r"(user|cust|customer|client|order|row|record|account|patient|member|passenger|trans)"
    r"_?(id|no|nr)"
)
# Words in the name of a column that tells who somebody is.
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
# So many cells, or texts, are few.
FEW = 50
# Fewest codes of one shape that are keys.
FEWEST_ALIKE = 10
# Letters of the pattern that is shown.
LONGEST_PATTERN = 80
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
        column: The schema's description of the column.
        missing: Whether some training cells were missing.
        maker: What invents cells: `Counter` for integers, `Serials` for text that
            counts, `Emails` for addresses, `Shapes` for any other.
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
        blocks = (Block(column.name, "", 2),) if missing else ()
        super().__init__(column, blocks)
        self.missing = missing
        self.maker = maker

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Text that hardly repeats, and integers that never do if the name is a key's.

        Numbers as text count as integers. What makes text an identifier, see
        `_why_text`.
        """
        if not cells.count:
            return None
        if not cells.is_text:
            is_whole = pd.api.types.is_integer_dtype(cells.series.dtype)
            return cls._accept_whole(cells, forced) if is_whole else None
        if cells.matches(INTEGER):
            return cls._accept_whole(cells, forced)
        why = _why_text(cells, forced)
        if why is None:
            return None
        # For the reader alone, so some texts are enough.
        some = cells.distinct[:1000]
        shapes = Shapes.fit(some, np.random.default_rng(0), cells.rare).shapes
        options = {"pattern": shapes[0].pattern[:LONGEST_PATTERN]}
        return cells.column(cls.kind, "str", f"{why}; new ones are invented", options)

    @classmethod
    def _accept_whole(cls, cells: Cells, forced: bool) -> Column | None:
        """`accepts` for whole numbers, as such or as text."""
        count = len(cells.words)
        missing = cells.missing_or_token
        unique = count == cells.rows - missing > 2
        named = names_a_key(cells.name) or _speaks_of_people(cells.name)
        if not forced and not (unique and named):
            return None
        dtype = "Int64" if missing else "int64"
        options = {"pattern": "9"} | cells.missing_options()
        why = f"{count:,} distinct whole numbers, none repeats"
        return cells.column(cls.kind, dtype, why, options, missing)

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
            raise SchemaError(
                f"column {column.name!r}: no identifiers of dtype {column.dtype} can be "
                "invented; use kind category, or convert the column to text"
            )
        missing = series.isna().to_numpy(dtype=bool)
        present = series[~missing]
        maker: Maker
        if _whole(column):
            values, _ = IntegerEncoder.numbers(present, column)
            first = first_new_key(values, settings.rare, rng, _room(column))
            maker = Counter(first)
        else:
            # The first that suits the texts; shapes suit all.
            texts = category_texts(present)
            rare = settings.rare
            maker = (
                Serials.fit(texts, rng, rare)
                or Emails.fit(texts, rng, rare)
                or Shapes.fit(texts, rng, rare)
            )
        some_missing = bool(missing.any()) and not missing.all()
        return cls(column, some_missing, maker)

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
        missing = np.zeros(len(codes), dtype=bool)
        if self.missing:
            missing = codes[:, 0] == 1
        rows = start + np.arange(len(codes))
        made = self.maker.make(rows[~missing])
        if isinstance(self.maker, Counter):
            self._check_room(made)
            cells = natural(made, missing, self.column.dtype)
        else:
            texts = natural(made, missing, "object")
            cells = CategoryEncoder.typed(texts, self.column)
        return cells.rename(self.column.name)

    def _check_room(self, keys: npt.NDArray[Any]) -> None:
        """Raise a `DataError` if a key is too large for the column's dtype."""
        if len(keys) and keys.max() > _room(self.column):
            raise DataError(
                f"column {self.column.name!r}: dtype {self.column.dtype} has no room "
                "for more keys"
            )

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {"missing": self.missing, "maker": self.maker.state()}

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> IdentifierEncoder:
        """The inverse of `state`."""
        of_maker = state["maker"]
        maker = next(kind for entry, kind in MAKERS.items() if entry in of_maker)
        return cls(column, state["missing"], maker.from_state(of_maker))


def names_a_key(name: str) -> bool:
    """Whether a column of this name is expected to number its rows."""
    words = name_words(name)
    if ID_WORDS & set(words) or ID_NAME.fullmatch(name.lower()):
        return True
    # What pandas calls the index of a CSV file.
    return words[:1] == ["unnamed"]


def _speaks_of_people(name: str) -> bool:
    return bool(PERSON_WORDS & set(name_words(name)))


def _why_text(cells: Cells, forced: bool) -> str | None:
    """Why text other than numbers is an identifier, in words; None if it is none.

    It is one if the cells hold e-mail addresses; if values occur less than twice on
    average and there are more than 50 cells; if no value repeats and the column's name
    speaks of people, or all are codes of one shape; or if no value is so frequent that
    it may be shown.
    """
    if cells.matches(EMAIL):
        return "e-mail addresses"
    count = cells.count
    present = cells.rows - cells.missing
    why = f"{count:,} distinct texts in {present:,} cells"
    if forced:
        return why
    # Measurements differ from row to row, too.
    if cells.matches(FLOAT):
        return None
    unique = count == present > 2
    # Less than twice on average.
    if count >= present / 2 and present > FEW:
        return why
    if _speaks_of_people(cells.name) and (unique or count > FEW):
        return why
    if unique and "name" in name_words(cells.name):
        return why
    if unique and FEWEST_ALIKE <= count <= FEW and _are_codes(cells.distinct):
        return why
    if cells.counts.max() < cells.rare:
        return f"{why}, none of them in {cells.rare} rows"
    return None


def _room(column: Column) -> int:
    """The greatest number that the column's dtype holds."""
    name = column.dtype.lower().removesuffix("[pyarrow]")
    if not name.startswith(("int", "uint")):
        return 2**63 - 1
    return int(np.iinfo(name).max)


def _whole(column: Column) -> bool:
    return "int" in column.dtype.lower()


def _are_codes(texts: Texts) -> bool:
    """Whether all texts have one shape, with digits beside something else."""
    first = texts[0]
    mixes = any(c.isdigit() for c in first) and not first.isdigit()
    return mixes and len({skeleton(text) for text in texts}) == 1
