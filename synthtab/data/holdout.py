"""The training rows and the held-out rows of a table: which they are, and their codes.

`split`    numbers of rows, from the seed
`ingest`   the table, a piece at a time, to the codes and offsets of both
`parts`    the same rows of the same table again, later, without any having been stored

The seed, the number of rows and the share give the same row numbers again. A digest of
the cells recognises the table, so that another table is never split as if it were the
one that the model learnt.

Since the table goes by in pieces, a file larger than memory can be learnt. Its codes lie
in memory or, where there is too little of it, in files of a temporary folder that are
mapped into memory and removed in the end.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthtab.core.errors import DataError, SchemaError, argument, call
from synthtab.core.layout import Encoded
from synthtab.core.progress import Observer, Progress
from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.data import check
from synthtab.data.columns import cells_to_text, typed, typed_cells
from synthtab.data.columns.disclosure import number_people
from synthtab.data.encoder import TableEncoder
from synthtab.data.sources import PIECE_ROWS, RowNumbers, Source, first_refused
from synthtab.runtime import machine

# Fewer held-out rows could not choose anything: then all rows train, and the last
# checkpoint stays.
MIN_HOLDOUT = 20
# Rows that are encoded together, at least, unless there are fewer. Each lot has a
# random stream of its own: with another number here, the same seed gives other rows.
ENCODED_ROWS = 1 << 18
# Share of the memory at hand that the encoded table may take; a larger one is mapped
# from files.
ENCODED_SHARE = 0.25


def split(
    rows: int, share: float, streams: Streams, people: RowNumbers | None = None
) -> tuple[RowNumbers, RowNumbers]:
    """The numbers of the training rows and of the held-out rows, both ascending.

    Args:
        rows: Rows of the table.
        share: How much of it is held out.
        streams: Randomness; uses the stream "holdout".
        people: Whom each row is about; all rows of a person are on one side.
    """
    order = streams.numpy("holdout").permutation(rows)
    count = int(share * rows)
    if count < MIN_HOLDOUT:
        count = 0
    if people is not None:
        # In the order of the first row of each person.
        by_person, first = np.unique(people[order], return_index=True)
        rank = np.empty(len(by_person), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(by_person))
        rank_of_row = rank[np.searchsorted(by_person, people[order])]
        order = order[np.argsort(rank_of_row, kind="stable")]
        ranks = np.sort(rank_of_row)
        # No person is cut in two.
        while 0 < count < rows and ranks[count - 1] == ranks[count]:
            count -= 1
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


# --------------------------------------------------------------------------------------
# Encode both parts


@dataclass(frozen=True)
class Ingested:
    """What became of a table.

    Attributes:
        training: The rows to train on, encoded.
        held_out: The rows that choose the checkpoint, encoded.
        digest: See `Digest`.
    """

    training: Encoded
    held_out: Encoded
    digest: str


@contextmanager
def ingest(
    source: Source,
    encoder: TableEncoder,
    held_out: RowNumbers,
    streams: Streams,
    observe: Observer,
    at_once: int | None = None,
) -> Iterator[Ingested]:
    """Encode a table. The result can be used until the end of the context.

    Args:
        source: The table, typed. One that is read in pieces is compared with the schema
            and typed here, as its rows go by.
        encoder: Learnt from it.
        held_out: The numbers of the rows that are not trained on.
        streams: Randomness; uses the streams "encoder.encode".
        observe: Receives the progress.
        at_once: Most bytes of codes and offsets that memory holds; None for
            `ENCODED_SHARE` of what is at hand.

    Raises:
        SchemaError: A row of a file that is read in pieces disagrees with the schema,
            which was inferred from a sample without it.
        DataError: There is no room for the files.
    """
    with ExitStack() as stack:
        folder = None
        if _is_too_large(encoder.bytes * source.rows, at_once):
            scratch = tempfile.TemporaryDirectory(prefix="synthtab-")
            folder = Path(stack.enter_context(scratch))
        training_rows = source.rows - len(held_out)
        training = _Filler(encoder, training_rows, streams, "train", folder)
        kept = _Filler(encoder, len(held_out), streams, "held", folder)
        digest = Digest(encoder.schema, held_out)
        is_held_out = np.zeros(source.rows, dtype=bool)
        is_held_out[held_out] = True

        for start, piece in source.pieces():
            cells = _typed(piece, start, source, encoder)
            end = start + len(cells)
            digest.add(cells)
            training.add(cells[~is_held_out[start:end]])
            kept.add(cells[is_held_out[start:end]])
            observe(Progress("encode", end / source.rows))

        training.close()
        kept.close()
        yield Ingested(training.encoded, kept.encoded, digest.hex())


def _is_too_large(size: int, at_once: int | None) -> bool:
    """Whether so many bytes are more than memory shall hold."""
    if at_once is not None:
        return size > at_once
    free = machine.memory()
    # Where the system does not say how much there is, everything is held.
    return free is not None and size > ENCODED_SHARE * free


def _typed(
    piece: pd.DataFrame, start: int, source: Source, encoder: TableEncoder
) -> pd.DataFrame:
    """Rows in the schema's dtypes; ``start`` is the number of the first of them."""
    schema = encoder.schema
    if source.path is None:
        # A table that is held as a whole was typed as a whole.
        return piece

    try:
        return check.agreed(piece, schema)
    except SchemaError as error:
        in_piece = first_refused(piece, lambda rows: check.agreed(rows, schema))
        row = start + in_piece + 1
        complaint = str(error).removeprefix("table and schema disagree: ")
        raise SchemaError(
            f"row {row:,} of {source.path} disagrees with the schema, inferred from "
            f"{len(source.sample):,} random rows or given: {complaint}; correct it, or "
            f"write the schema with {call('Schema.save')}, edit it and give it by "
            f"{argument('schema')}"
        ) from error


class _Filler:
    """Codes and offsets of a known number of rows, filled from the top.

    Args:
        encoder: Encodes the rows.
        rows: How many there will be.
        streams: Randomness; uses the streams "encoder.encode".
        name: Begins the names of the files.
        folder: Where the arrays lie as files; None to hold them in memory.

    Attributes:
        encoded: All rows, once `close` was called.
    """

    def __init__(
        self,
        encoder: TableEncoder,
        rows: int,
        streams: Streams,
        name: str,
        folder: Path | None,
    ) -> None:
        self.encoder = encoder
        self.streams = streams
        # Rows that are typed, but not yet encoded.
        self.waiting: list[pd.DataFrame] = []
        self.rows_done = 0
        self.lots_done = 0

        def new_array(what: str, shape: tuple[int, int], dtype: Any) -> Any:
            # A file of no bytes cannot be mapped.
            is_empty = shape[0] * shape[1] == 0
            if folder is None or is_empty:
                return np.zeros(shape, dtype)
            try:
                return np.lib.format.open_memmap(
                    folder / f"{name}-{what}.npy", "w+", dtype, shape
                )
            except OSError as error:
                raise DataError(
                    f"no room for the encoded table in {folder.parent}: "
                    f"{error.strerror or error}; set TMPDIR to a folder with more"
                ) from error

        self.encoded = encoder.empty(rows, new_array)

    def add(self, cells: pd.DataFrame) -> None:
        """The next rows.

        A lot is encoded only once the rows suffice for two, so that the last one is no
        shorter than the others. A missing date, for one, borrows the time of day of
        another row of its lot; of a handful of rows, it would always be the same few.
        """
        self.waiting.append(cells)
        if sum(map(len, self.waiting)) >= 2 * ENCODED_ROWS:
            joined = pd.concat(self.waiting, ignore_index=True)
            self._encode(joined.iloc[:ENCODED_ROWS])
            self.waiting = [joined.iloc[ENCODED_ROWS:]]

    def close(self) -> None:
        """Encode what waits."""
        joined = pd.concat(self.waiting, ignore_index=True)
        self.waiting = []
        if len(joined) or not self.lots_done:
            self._encode(joined)
        assert self.rows_done == len(self.encoded), (
            f"{self.rows_done} rows of {len(self.encoded)} came by, report this"
        )

    def _encode(self, cells: pd.DataFrame) -> None:
        lot = self.encoder.encode(cells, self.streams, self.lots_done)
        end = self.rows_done + len(cells)
        self.encoded.codes[self.rows_done : end] = lot.codes
        self.encoded.offsets[self.rows_done : end] = lot.offsets
        self.rows_done = end
        self.lots_done += 1


# --------------------------------------------------------------------------------------
# Find them again


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

    try:
        found = _recognised(table, schema, rows, share, seed, expected)
    except SchemaError as error:
        raise DataError(f"{another}: {error}") from error
    if found is None:
        raise DataError(
            f"{another}: a cell or the order of the rows differs; {same_file}"
        )
    training, held_out = found
    if not len(held_out):
        raise DataError(
            f"the model held no rows out: {int(share * rows)} of {rows:,} would be "
            f"fewer than {MIN_HOLDOUT}; give other real rows as the holdout"
        )
    return table.iloc[training], table.iloc[held_out]


def _recognised(
    table: pd.DataFrame,
    schema: Schema,
    rows: int,
    share: float,
    seed: int,
    expected: str,
) -> tuple[RowNumbers, RowNumbers] | None:
    """The `split` of a table whose digest is the expected one; None for another table.

    The arguments are those of `parts`.
    """
    splits = [split(rows, share, Streams(seed))]
    if schema.person is not None and schema.person in table:
        cells = typed_cells(table[schema.person], schema[schema.person])
        by_person = split(rows, share, Streams(seed), number_people(cells))
        # A file that was read in pieces was split by rows all the same.
        splits.insert(0, by_person)
    for parts_of_rows in splits:
        if digest(table, schema, parts_of_rows[1]) == expected:
            return parts_of_rows
    return None
