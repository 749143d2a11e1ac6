"""Which rows a fit holds out of training; how to find them again without storing any.

The seed, the number of rows and the share give the same row numbers again. A digest of
the cells recognises the table, so that another table is never split as if it were the
one that the model learnt.
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
# Rows that are read, checked and hashed at a time. The digest of a table depends on it.
PIECE_ROWS = 1 << 16

RowNumbers = npt.NDArray[np.int64]


def split(rows: int, share: float, streams: Streams) -> tuple[RowNumbers, RowNumbers]:
    """The numbers of the training rows and of the held-out rows, both ascending.

    Args:
        rows: Rows of the table.
        share: How much of it is held out.
        streams: Randomness; uses the stream "holdout".
    """
    order = streams.numpy("holdout").permutation(rows)
    count = int(share * rows)
    if count < MIN_HOLDOUT:
        count = 0
    held_out = np.sort(order[:count])
    training = np.sort(order[count:])
    return training, held_out


class Digest:
    """SHA-256 of the held-out row numbers and of all cells, as the schema writes them.

    A file and the same file in another format have one digest, whatever the order of
    their columns.
    """

    def __init__(self, schema: Schema, held_out: RowNumbers) -> None:
        self.schema = schema
        # The row numbers, too: NumPy does not promise that a later release permutes in
        # the same way, and then the split must be refused rather than be wrong.
        self._hash = hashlib.sha256(np.asarray(held_out, dtype="<i8").tobytes())

    def add(self, piece: pd.DataFrame) -> None:
        """The next `PIECE_ROWS` rows in the schema's dtypes, or as many as are left."""
        for column in self.schema.columns:
            cells = "\0".join(cells_to_text(piece[column.name], column).tolist())
            # With its length, since a cell may hold any character, the separator too.
            content = f"\0{column.name}\0{len(cells)}\0{cells}"
            # Text from a DataFrame may hold half a surrogate pair, which UTF-8 lacks.
            self._hash.update(content.encode("utf-8", "surrogatepass"))

    def hex(self) -> str:
        """The digest of the rows so far."""
        return self._hash.hexdigest()


def digest(table: pd.DataFrame, schema: Schema, held_out: RowNumbers) -> str:
    """The `Digest` of a table."""
    result = Digest(schema, held_out)
    for start in range(0, len(table), PIECE_ROWS):
        result.add(typed(table.iloc[start : start + PIECE_ROWS], schema))
    return result.hex()


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
        expected: The `digest` that the fit recorded; None in models that are older than
            this record.

    Raises:
        DataError: It is another table, or no row was held out, or the model does not
            know.
    """
    if expected is None:
        raise DataError(
            "the model is older than the record of its held-out rows: fit it again"
        )
    another = "this is not the table that the model learnt"
    same_file = "name the same file as in fit"
    if len(table) != rows:
        raise DataError(
            f"{another}: it has {len(table):,} rows, that had {rows:,}; {same_file}"
        )

    training, held_out = split(rows, share, Streams(seed))
    try:
        is_same = digest(table, schema, held_out) == expected
    except SchemaError as error:
        raise DataError(f"{another}: {error}") from error
    if not is_same:
        raise DataError(
            f"{another}: a cell or the order of the rows differs; {same_file}"
        )
    if not len(held_out):
        raise DataError(
            f"the model held no rows out: {int(share * rows)} of {rows:,} would be "
            f"fewer than {MIN_HOLDOUT}; give other real rows as the holdout"
        )
    return table.iloc[training], table.iloc[held_out]
