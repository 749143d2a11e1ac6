"""Parquet: typed columns, in groups of rows with statistics of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import ClassVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from synthtab.core.errors import DataError
from synthtab.core.schema import Schema
from synthtab.data.columns import dtypes
from synthtab.data.formats.base import Codec, Target, without_numbering
from synthtab.data.places import Input

# Rows of a row group: each has statistics and dictionaries of its own.
GROUP_ROWS = 1 << 17
# Rows that `batches` reads at a time.
BATCH_ROWS = 1 << 16
# Fewest bytes of memory for a cell: columns with few distinct cells take next to
# nothing in the file.
CELL_BYTES = 4


class ParquetCodec(Codec):
    """See the head of the file."""

    in_pieces: ClassVar[bool] = True

    def read(self, source: Input) -> pd.DataFrame:
        with _whole(source), source.open() as file:
            return without_numbering(pd.read_parquet(file, engine="pyarrow"))

    def batches(
        self, source: Input, columns: Sequence[str] | None
    ) -> Iterator[pa.Table]:
        names = None if columns is None else list(columns)
        with (
            _whole(source),
            source.open() as opened,
            pa.parquet.ParquetFile(opened) as file,
        ):
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names):
                yield pa.Table.from_batches([batch])

    def rows(self, source: Input) -> int | None:
        with _whole(source), source.open() as file:
            return int(pa.parquet.read_metadata(file).num_rows)

    def held_bytes(self, source: Input) -> float:
        with source.open() as file:
            facts = pa.parquet.read_metadata(file)
        groups = range(facts.num_row_groups)
        size = sum(facts.row_group(i).total_byte_size for i in groups)
        least = CELL_BYTES * facts.num_rows * facts.num_columns
        return self.growth * max(size, least)

    def write(
        self, pieces: Iterator[pd.DataFrame], target: Target, schema: Schema | None
    ) -> None:
        """Row groups of `GROUP_ROWS` rows each but the last, whatever the pieces."""
        writer = None
        waiting: list[pa.Table] = []
        for piece in pieces:
            # The first piece decides the types: a later one may have only missing cells.
            types = writer.schema if writer else None
            table = pa.Table.from_pandas(
                dtypes.storable_frame(piece), preserve_index=False, schema=types
            )
            if writer is None:
                writer = pa.parquet.ParquetWriter(target.path, table.schema)
            waiting.append(table)
            count = sum(map(len, waiting))
            if count >= GROUP_ROWS:
                joined = pa.concat_tables(waiting)
                full = count // GROUP_ROWS * GROUP_ROWS
                writer.write_table(joined.slice(0, full), row_group_size=GROUP_ROWS)
                waiting = [joined.slice(full)]
        if writer is None:
            return
        last_group = pa.concat_tables(waiting)
        if len(last_group):
            writer.write_table(last_group, row_group_size=GROUP_ROWS)
        writer.close()


@contextlib.contextmanager
def _whole(source: Input) -> Iterator[None]:
    """Complaints of pyarrow about a Parquet file, in the words of this program."""
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(
            f"{source} is not a whole Parquet file; write it again, or use CSV"
        ) from error


CODEC = ParquetCodec()
