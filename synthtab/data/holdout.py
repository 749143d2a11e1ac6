"""Which rows of a table a fit holds out of training, and finding them again later without storing any.

The seed, the number of rows and the share re-create the row numbers; a digest of the cells recognises
the table, so that the split of another table is never taken for the one that was made.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import DataError, SchemaError
from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.data.columns import cells_to_text
from synthtab.data.tables import typed

# Fewer held-out rows could not choose anything: then all rows train, and the last
# checkpoint stays.
MIN_HOLDOUT = 20
# Rows that are read, checked and hashed at a time.
PIECE = 1 << 16

Rows = npt.NDArray[np.int64]


def split(rows: int, share: float, streams: Streams) -> tuple[Rows, Rows]:
    """Training and held-out row numbers of a table of so many rows, both in table order."""
    order = streams.numpy("holdout").permutation(rows)
    count = int(share * rows)
    if count < MIN_HOLDOUT:
        count = 0
    return np.sort(order[count:]), np.sort(order[:count])


class Digest:
    """SHA-256 of the held-out row numbers and of all cells, as the schema writes them, row after row.

    A file and the same file in another format have one digest, whatever the order of their columns.
    """

    def __init__(self, schema: Schema, held_out: Rows) -> None:
        self.schema = schema
        # The row numbers too: NumPy does not promise that a later release permutes in the same way.
        self._hash = hashlib.sha256(np.asarray(held_out, dtype="<i8").tobytes())

    def add(self, piece: pd.DataFrame) -> None:
        """The next `PIECE` rows in the schema's dtypes, or as many as are left."""
        for column in self.schema.columns:
            cells = "\0".join(cells_to_text(piece[column.name], column).tolist())
            self._hash.update(
                f"\0{column.name}\0{len(cells)}\0{cells}".encode(
                    "utf-8", "surrogatepass"
                )
            )

    def hex(self) -> str:
        """Of the rows so far."""
        return self._hash.hexdigest()


def digest(table: pd.DataFrame, schema: Schema, held_out: Rows) -> str:
    """The `Digest` of a table."""
    found = Digest(schema, held_out)
    for start in range(0, len(table), PIECE):
        found.add(typed(table.iloc[start : start + PIECE], schema))
    return found.hex()


def parts(
    table: pd.DataFrame,
    schema: Schema,
    rows: int,
    share: float,
    seed: int,
    expected: str | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a fitted table that were trained on, and those that were held out.

    Args:
        table: The table that was fitted.
        schema: What its columns are.
        rows: How many rows were fitted.
        share: The share that was held out.
        seed: The seed of the fit.
        expected: The `digest` that the fit recorded; None in models that are older than this.

    Raises:
        DataError: It is another table, or no row was held out, or the model does not know.
    """
    if expected is None:
        raise DataError(
            "the model is older than the record of its held-out rows: fit it again"
        )
    if len(table) != rows:
        raise DataError(
            f"this is not the table that the model learnt: it has {len(table):,} rows, that had {rows:,}; "
            "name the same file as in fit"
        )
    learnt, held_out = split(rows, share, Streams(seed))
    try:
        same = digest(table, schema, held_out) == expected
    except SchemaError as error:
        raise DataError(
            f"this is not the table that the model learnt: {error}"
        ) from error
    if not same:
        raise DataError(
            "this is not the table that the model learnt: a cell or the order of the rows differs; "
            "name the same file as in fit"
        )
    if not len(held_out):
        raise DataError(
            f"the model held no rows out: {int(share * rows)} of {rows:,} would be fewer than {MIN_HOLDOUT}; "
            "give other real rows as the holdout"
        )
    return table.iloc[learnt], table.iloc[held_out]
