"""A table, a piece at a time, into codes and offsets: those of the training rows and those of the held-out ones.

In memory or, where there is too little of it, in files of a temporary folder that are mapped into memory and removed
in the end.
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
from synthtab.data.holdout import Digest, Rows
from synthtab.data.sources import Source, first_refused
from synthtab.runtime import machine

# Rows that are encoded together, at least, unless there are fewer; each block has
# random numbers of its own.
BLOCK = 1 << 18
# Share of the memory at hand that the encoded table may take; a larger one is mapped
# from files.
SHARE = 0.25


@dataclass(frozen=True)
class Ingested:
    """What became of a table.

    Attributes:
        training, held_out: Its rows, encoded.
        digest: See `synthtab.data.holdout.Digest`.
    """

    training: Encoded
    held_out: Encoded
    digest: str


@contextmanager
def ingest(
    source: Source,
    encoder: TableEncoder,
    held_out: Rows,
    streams: Streams,
    observe: Observer,
    in_memory: int | None = None,
) -> Iterator[Ingested]:
    """Encode a table; what comes of it is there until the end of the context.

    Args:
        source: The table, typed. One that is read in pieces is compared with the schema and
            typed here, as its rows come by.
        encoder: Learnt from it.
        held_out: The numbers of the rows that are not trained on.
        streams: Randomness; uses the streams "encoder.encode".
        observe: Told about the progress.
        in_memory: Most bytes of codes and offsets that are held in memory; None for `SHARE` of what is at hand.

    Raises:
        SchemaError: A row of a file that is read in pieces disagrees with the schema, which was inferred without it.
        DataError: There is no room for the files.
    """
    free = machine.memory() if in_memory is None else None
    most = in_memory if free is None else SHARE * free
    mapped = most is not None and encoder.bytes * source.rows > most
    with ExitStack() as stack:
        folder = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="synthtab-")))
            if mapped
            else None
        )
        rows = (source.rows - len(held_out), len(held_out))
        learnt, kept = (
            _Filled(encoder, n, streams, name, folder)
            for n, name in zip(rows, ("train", "held"), strict=True)
        )
        digest, aside = (
            Digest(encoder.schema, held_out),
            np.zeros(source.rows, dtype=bool),
        )
        aside[held_out] = True
        for start, piece in source.pieces():
            cells = _typed(piece, start, source, encoder)
            mine = aside[start : start + len(cells)]
            digest.add(cells)
            learnt.add(cells[~mine])
            kept.add(cells[mine])
            observe(Progress("encode", (start + len(cells)) / source.rows))
        learnt.close()
        kept.close()
        yield Ingested(learnt.encoded, kept.encoded, digest.hex())


def _typed(
    piece: pd.DataFrame, start: int, source: Source, encoder: TableEncoder
) -> pd.DataFrame:
    if source.path is None:  # typed as a whole before
        return piece
    try:
        return check.agreed(piece, encoder.schema)
    except SchemaError as error:
        row = (
            start
            + first_refused(piece, lambda rows: check.agreed(rows, encoder.schema))
            + 1
        )
        told = str(error).removeprefix("table and schema disagree: ")
        raise SchemaError(
            f"row {row:,} of {source.path} disagrees with the schema, inferred from "
            f"{len(source.sample):,} random rows or given: {told}; correct it, or write the schema with "
            "synthtab schema, edit it and give it by --schema"
        ) from error


class _Filled:
    """Codes and offsets that are filled from the top."""

    def __init__(
        self,
        encoder: TableEncoder,
        rows: int,
        streams: Streams,
        name: str,
        folder: Path | None,
    ) -> None:
        self.encoder, self.streams = encoder, streams
        self.waiting: list[pd.DataFrame] = []
        self.done = self.number = 0

        def mapped(what: str, shape: tuple[int, int], dtype: Any) -> Any:
            if folder is None or not shape[0] * shape[1]:
                return np.zeros(shape, dtype)
            try:
                return np.lib.format.open_memmap(
                    folder / f"{name}-{what}.npy", "w+", dtype, shape
                )
            except OSError as error:
                raise DataError(
                    f"no room for the encoded table in {folder.parent}: {error.strerror or error}; set "
                    "TMPDIR to a folder with more"
                ) from error

        self.encoded = encoder.empty(rows, mapped)

    def add(self, cells: pd.DataFrame) -> None:
        """The next rows. A last block is no shorter than the others: what is rare in it is not what is rare."""
        self.waiting.append(cells)
        if sum(map(len, self.waiting)) >= 2 * BLOCK:
            joined = pd.concat(self.waiting, ignore_index=True)
            self._encode(joined.iloc[:BLOCK])
            self.waiting = [joined.iloc[BLOCK:]]

    def close(self) -> None:
        """Encode what waits."""
        joined = pd.concat(self.waiting, ignore_index=True)
        self.waiting = []
        if len(joined) or not self.number:
            self._encode(joined)
        assert self.done == len(self.encoded), (
            f"{self.done} rows of {len(self.encoded)} came by, report this"
        )

    def _encode(self, cells: pd.DataFrame) -> None:
        found = self.encoder.encode(cells, self.streams, self.number)
        place = slice(self.done, self.done + len(cells))
        self.encoded.codes[place], self.encoded.offsets[place] = (
            found.codes,
            found.offsets,
        )
        self.done, self.number = self.done + len(cells), self.number + 1
