"""Feather, which is Arrow's own format: typed columns as they lie in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc

from synthtab.core.errors import DataError
from synthtab.core.schema import Schema
from synthtab.data.formats.base import Codec, Target
from synthtab.data.places import Input

# Old files, of Feather's first version, begin so.
FIRST_VERSION = b"FEA1"
FILE_MARK = b"ARROW1"


class FeatherCodec(Codec):
    """See the head of the file."""

    in_pieces: ClassVar[bool] = True

    def read(self, source: Input) -> pd.DataFrame:
        with _whole(source), source.open() as file:
            if source.start(4) == FIRST_VERSION:
                table = pa.feather.read_table(file)
            else:
                table = _reader(source, file).read_all()
        return self.to_frame(table)

    def batches(
        self, source: Input, columns: Sequence[str] | None
    ) -> Iterator[pa.Table]:
        if source.start(4) == FIRST_VERSION:
            yield from super().batches(source, columns)
            return
        with _whole(source), source.open() as file:
            for batch in _batches(_reader(source, file)):
                table = pa.Table.from_batches([batch])
                yield table if columns is None else table.select(list(columns))

    def write(
        self, pieces: Iterator[pd.DataFrame], target: Target, schema: Schema | None
    ) -> None:
        """A batch for each piece; with categories, all rows at once.

        A file has one list of categories a column, and the last piece may have others
        than the first.
        """
        first = next(pieces, None)
        if first is None:
            return
        head = pa.Table.from_pandas(first, preserve_index=False)
        tables = _as_tables(head, pieces)
        if any(pa.types.is_dictionary(field.type) for field in head.schema):
            joined = pa.concat_tables(list(tables))
            tables = iter([joined.unify_dictionaries().combine_chunks()])
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            pa.OSFile(str(target.path), "wb") as file,
            pa.ipc.new_file(file, head.schema, options=options) as writer,
        ):
            for table in tables:
                writer.write_table(table)


def _as_tables(head: pa.Table, pieces: Iterator[pd.DataFrame]) -> Iterator[pa.Table]:
    """The first piece and the others, whose types are those of the first."""
    yield head
    for piece in pieces:
        yield pa.Table.from_pandas(piece, preserve_index=False, schema=head.schema)


def _reader(source: Input, file: Any) -> Any:
    # A stream has no directory at its end.
    if source.start(len(FILE_MARK)) == FILE_MARK:
        return pa.ipc.open_file(file)
    return pa.ipc.open_stream(file)


def _batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
    else:
        yield from reader


@contextlib.contextmanager
def _whole(source: Input) -> Iterator[None]:
    """Complaints of pyarrow, in the words of this program."""
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(
            f"{source} is not a whole Feather file; write it again, or use CSV"
        ) from error


CODEC = FeatherCodec()
