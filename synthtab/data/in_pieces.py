"""A table => the codes and offsets of its training rows and of its held-out rows.

The table goes by in pieces, so that a file larger than memory can be learnt. The result
lies in memory or, where there is too little of it, in files of a temporary folder that
are mapped into memory and removed in the end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthtab.core.errors import DataError, SchemaError
from synthtab.core.layout import Encoded
from synthtab.core.progress import Observer, Progress
from synthtab.core.randomness import Streams
from synthtab.data import check
from synthtab.data.encoder import TableEncoder
from synthtab.data.holdout import Digest, RowNumbers
from synthtab.data.sources import Source, first_refused
from synthtab.runtime import machine

# Rows that are encoded together, at least, unless there are fewer. Each lot has a
# random stream of its own: with another number here, the same seed gives other rows.
ENCODED_ROWS = 1 << 18
# Share of the memory at hand that the encoded table may take; a larger one is mapped
# from files.
ENCODED_SHARE = 0.25


@dataclass(frozen=True)
class Ingested:
    """What became of a table.

    Attributes:
        training: The rows to train on, encoded.
        held_out: The rows that choose the checkpoint, encoded.
        digest: See `synthtab.data.holdout.Digest`.
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
            "write the schema with synthtab schema, edit it and give it by --schema"
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
