"""A table to learn: a DataFrame, or a file that may be larger than memory.

A file that memory holds comfortably is read as a whole. Of a larger one a uniform
random sample of rows is held: all that is learnt about columns is learnt from it. Then
all rows go by in pieces (`Source.pieces`), to be checked and encoded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synthtab.core.errors import ConfigError, DataError, SchemaError, argument
from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.data import check, tables
from synthtab.data.columns import KINDS, typed_cells
from synthtab.data.columns.base import MISSING_TOKENS
from synthtab.data.columns.disclosure import number_people
from synthtab.data.frames import to_pandas
from synthtab.data.places import Input, open_input
from synthtab.runtime import machine

# Share of the memory at hand that a table may need to be held.
TABLE_SHARE = 0.5
# Most rows of the sample, and most cells of it where a table is wide.
SAMPLE_ROWS = 200_000
SAMPLE_CELLS = 20_000_000
# Rows of the sample, however wide the table.
LEAST_SAMPLE_ROWS = 20_000
# Memory for one key while shapes are learnt from all of them.
KEY_BYTES = 200

# Rows that are read, checked and hashed at a time. The digest of a table depends on it.
PIECE_ROWS = 1 << 16

PathLike = str | os.PathLike[str]
RowNumbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """A table to learn.

    Attributes:
        rows: How many there are.
        sample: Some of them, in order; all, unless the table is read in pieces.
        numbers: The row numbers of ``sample``.
        path: What is read in pieces; None where ``sample`` is the table.
        total: Rows of the larger table that ``rows`` of them were drawn from; None
            where all are learnt.
        counted: Whether ``rows`` is exact, and not estimated from the size of the file.
        reading_bytes: Memory that it will take to read the remainder of the file at
            once; 0 where nothing remains to be read.
    """

    rows: int
    sample: pd.DataFrame
    numbers: RowNumbers
    path: Input | None = None
    total: int | None = None
    counted: bool = True
    reading_bytes: int = 0

    def typed(self, schema: Schema) -> Source:
        """With the sample in the dtypes of a schema that was inferred from it."""
        return replace(self, sample=tables.typed(self.sample, schema))

    def agreed(self, schema: Schema) -> Source:
        """The same for a schema that may disagree with the table.

        Raises:
            SchemaError: It does; see `synthtab.data.check.agreed`.
        """
        return replace(self, sample=check.agreed(self.sample, schema))

    def pieces(self) -> Iterator[tuple[int, pd.DataFrame]]:
        """All rows, `PIECE_ROWS` at a time; with each piece, its first row number.

        Raises:
            DataError: The file has changed since its rows were counted.
        """
        if self.path is None:
            for start in range(0, self.rows, PIECE_ROWS):
                yield start, self.sample.iloc[start : start + PIECE_ROWS]
            return
        start = 0
        for piece in _equal_pieces(tables.batches(self.path)):
            yield start, tables.to_frame(piece, self.path)
            start += len(piece)
        if start != self.rows:
            raise DataError(
                f"{self.path} had {self.rows:,} rows and now has {start:,}: "
                "leave it alone during the fit"
            )

    def people(self, schema: Schema) -> npt.NDArray[np.int64] | None:
        """``[rows]``: whom each row is about.

        None where the schema does not say it, or where the file is read in pieces: then
        the rows of the sample alone say it.
        """
        is_held = self.path is None or len(self.sample) == self.rows
        if schema.person is None or not is_held:
            return None
        return number_people(self.sample[schema.person])

    def whole(self, schema: Schema) -> dict[str, pd.Series]:
        """All cells of the columns of which none may come back, typed.

        Of a file that is read in pieces, each distinct cell comes once.

        Raises:
            DataError: They are larger than memory.
        """
        names = _invented(schema)
        if self.path is None or len(self.sample) == self.rows or not names:
            return {name: self.sample[name] for name in names}

        distinct: dict[str, list[Any]] = {name: [] for name in names}
        size = 0
        free = machine.memory()
        for batch in tables.batches(self.path, list(names)):
            for name in names:
                cells = pc.unique(batch.column(name))
                distinct[name].append(cells)
                size += len(cells) * KEY_BYTES
            if free is not None and size > TABLE_SHARE * free:
                listed = ", ".join(map(repr, names))
                raise DataError(
                    f"{self.path}: the keys in {listed} are more than memory holds, "
                    "and all must be known so that none comes back: leave these "
                    f"columns out, or learn fewer rows ({argument('rows')})"
                )

        columns = {}
        for name, parts in distinct.items():
            # The same cell may have come in several batches.
            cells = pa.chunked_array(parts).unique()
            text = tables.to_frame(pa.table({name: cells}), self.path)[name]
            columns[name] = typed_cells(text, schema[name])
        return columns


# -- A source from a DataFrame or a file


def open_table(
    table: pd.DataFrame | PathLike | Input | Source,
    streams: Streams,
    rows: int | None = None,
    at_once: int | None = None,
) -> Source:
    """A table ready to be learnt.

    Args:
        table: A DataFrame, an Arrow table, or the path of a file.
        streams: Randomness; uses the streams "rows" and "encoder.sample".
        rows: Learn only so many rows, drawn uniformly at random.
        at_once: Most bytes of memory for a file that is held as a whole; None for
            `TABLE_SHARE` of what is at hand.

    Raises:
        DataError: The file cannot be read.
        ConfigError: ``rows`` is not positive.
    """
    if isinstance(table, Source):
        return table
    _check_rows(rows)
    if isinstance(table, (str, os.PathLike, Input)):
        path = open_input(table)
        if not fits(path, at_once):
            if rows:
                return _draw_from_file(path, streams, rows)
            return _sample_file(path, streams)
        table = tables.read(path)
    if not isinstance(table, pd.DataFrame):
        table = to_pandas(table)
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            "fit takes a DataFrame of pandas or polars, an Arrow table or the path of a file, "
            f"not {type(table).__name__}"
        )
    if rows is None or rows >= len(table):
        return Source(len(table), table, np.arange(len(table)))
    drawn = table.iloc[draw_rows(len(table), rows, streams)]
    return Source(rows, drawn, np.arange(rows), total=len(table))


def _check_rows(rows: int | None) -> None:
    if rows is None:
        return
    # A bool is an int to Python.
    is_whole = isinstance(rows, (int, np.integer)) and not isinstance(rows, bool)
    if not is_whole or rows < 1:
        raise ConfigError(f"rows must be a whole number of 1 or more, not {rows!r}")


def glimpse(
    where: PathLike, rows: int | None = None, at_once: int | None = None
) -> Source:
    """What `open_table` would make of a file, from its first rows alone.

    That is enough to plan a fit, whatever the size of the file. The number of rows
    stands in a Parquet file; of a text file it is estimated.
    """
    path = open_input(where)
    if not tables.reads_in_pieces(path):
        return open_table(path, Streams(0), rows, at_once)
    first_batches = []
    count = 0
    for batch in tables.batches(path):
        first_batches.append(batch)
        count += len(batch)
        if count >= sample_rows(batch.num_columns):
            break
    else:
        # These are all rows.
        return open_table(path, Streams(0), rows, at_once)

    head = pa.concat_tables(first_batches)
    counted = tables.rows_of(path)
    is_exact = counted is not None
    total = _estimate_rows(path, head) if counted is None else counted
    learnt = total if rows is None else min(rows, total)
    is_held = fits(path, at_once)
    is_read_in_pieces = rows is None and not is_held
    return Source(
        learnt,
        tables.to_frame(head, path),
        np.arange(len(head)),
        path=path if is_read_in_pieces else None,
        total=total if learnt < total else None,
        # As many rows as the user asked for is exact, too.
        counted=is_exact or learnt < total,
        reading_bytes=int(held_bytes(path)) if is_held else 0,
    )


def _estimate_rows(path: Input, head: pa.Table) -> int:
    """Rows of a file whose first ones are ``head``."""
    if tables.is_compressed(path):
        # Its size says little: the rows are counted.
        first_column = head.column_names[:1]
        return sum(map(len, tables.batches(path, first_column)))
    cell_bytes = sum(pc.sum(pc.binary_length(c)).as_py() or 0 for c in head.columns)
    # A delimiter or a line end after each cell. Quotes are not counted.
    row_bytes = cell_bytes / len(head) + head.num_columns
    return max(len(head), round(path.size() / row_bytes))


def draw_rows(total: int, rows: int, streams: Streams) -> RowNumbers:
    """The numbers of ``rows`` rows of ``total``, drawn uniformly, ascending.

    Each row gets a random key, and those with the least keys are drawn. `_Reservoir`
    does the same without the whole table, so that both draw the same rows.
    """
    if rows >= total:
        return np.arange(total)
    keys = streams.numpy("rows").random(total)
    return np.sort(np.argpartition(keys, rows - 1)[:rows])


def fits(path: PathLike | Input, at_once: int | None = None) -> bool:
    """Whether a file can be held in memory as a whole, judged by its size.

    Raises:
        DataError: It cannot, and is of a format that is not read in pieces.
    """
    most = at_once
    if most is None:
        free = machine.memory()
        if free is None:
            return True
        most = int(TABLE_SHARE * free)
    source = open_input(path)
    if held_bytes(source) <= most:
        return True
    if not tables.reads_in_pieces(source):
        raise DataError(
            f"{source} is larger than memory, and {source.format.name} is read as a "
            "whole: convert it to Parquet or CSV, which are read in pieces"
        )
    return False


def held_bytes(path: PathLike | Input) -> float:
    """About how much memory it takes to hold a file; 0 where it cannot be read."""
    try:
        return tables.held_bytes(open_input(path))
    except (OSError, pa.ArrowException):
        # Reading it will say what is wrong.
        return 0.0


def sample_rows(columns: int) -> int:
    """Rows of the sample of a table of so many columns."""
    narrow_enough = SAMPLE_CELLS // max(1, columns)
    return max(LEAST_SAMPLE_ROWS, min(SAMPLE_ROWS, narrow_enough))


def _invented(schema: Schema) -> list[str]:
    """Columns of which every cell must be known, so that none comes back."""
    return [c.name for c in schema.columns if KINDS[c.kind].invented]


# -- Rows of a file that memory does not hold


def _sample_file(path: Input, streams: Streams) -> Source:
    """A file that is read in pieces, with a sample of its rows.

    The sample must show in which columns cells may be missing. Where it has no missing
    cell of a column but the file has one, the first row with one joins the sample.
    """
    reservoir = _Reservoir(None, streams.numpy("encoder.sample"))
    first_missing = _FirstMissing()
    for batch in tables.batches(path):
        first_missing.look(batch, reservoir.seen)
        reservoir.add(batch)
    numbers, sample = reservoir.close(path)

    extra_rows: dict[int, pa.Table] = {}
    for name, (number, row) in first_missing.rows.items():
        shown = _missing(sample.column(name)).true_count > 0
        if not shown and not np.isin(number, numbers):
            extra_rows[number] = row
    if extra_rows:
        extra_numbers = np.array(list(extra_rows), dtype=np.int64)
        numbers = np.concatenate([numbers, extra_numbers])
        in_file_order = np.argsort(numbers)
        numbers = numbers[in_file_order]
        sample = pa.concat_tables([sample, *extra_rows.values()]).take(in_file_order)
    return Source(reservoir.seen, tables.to_frame(sample, path), numbers, path)


def _draw_from_file(path: Input, streams: Streams, rows: int) -> Source:
    """So many rows of a file: the same that `draw_rows` draws where memory holds it."""
    reservoir = _Reservoir(rows, streams.numpy("rows"))
    for batch in tables.batches(path):
        reservoir.add(batch)
    _, sample = reservoir.close(path)
    count = len(sample)
    return Source(
        count,
        tables.to_frame(sample, path),
        np.arange(count),
        total=reservoir.seen if count < reservoir.seen else None,
    )


class _Reservoir:
    """A uniform sample of rows that go by.

    Each row gets a random key, and those with the least keys stay.

    Args:
        size: Rows that stay; None for `sample_rows` of the table's columns.
        rng: Draws the keys.

    Attributes:
        seen: Rows that have gone by.
    """

    def __init__(self, size: int | None, rng: np.random.Generator) -> None:
        self.size = size
        self.rng = rng
        self.seen = 0
        self.numbers = np.zeros(0, dtype=np.int64)
        self.keys = np.zeros(0)
        self.tables: list[pa.Table] = []
        # No row with a greater key can stay: so many have a smaller one.
        self.greatest_key = np.inf

    def add(self, batch: pa.Table) -> None:
        """The next rows."""
        if self.size is None:
            self.size = sample_rows(batch.num_columns)
        keys = self.rng.random(len(batch))
        candidates = np.flatnonzero(keys < self.greatest_key)
        if len(candidates) < len(batch):
            batch_candidates = batch.take(candidates)
        else:
            batch_candidates = batch
        self.tables.append(batch_candidates)
        self.numbers = np.append(self.numbers, self.seen + candidates)
        self.keys = np.append(self.keys, keys[candidates])
        self.seen += len(batch)
        # Not at every batch: each cut copies the sample.
        if len(self.numbers) > 2 * self.size:
            self._cut()

    def _cut(self) -> None:
        """Keep the rows with the least keys, in the order of the file."""
        assert self.size is not None, "nothing was added, report this"
        least = np.sort(np.argpartition(self.keys, self.size - 1)[: self.size])
        self.greatest_key = float(self.keys[least].max())
        self.tables = [pa.concat_tables(self.tables).take(least)]
        self.numbers = self.numbers[least]
        self.keys = self.keys[least]

    def close(self, path: Input) -> tuple[RowNumbers, pa.Table]:
        """The numbers of the rows that stay, and these rows."""
        if not self.seen:
            raise DataError(f"{path}: the table has no rows")
        if self.size is not None and len(self.numbers) > self.size:
            self._cut()
        return self.numbers, pa.concat_tables(self.tables)


class _FirstMissing:
    """Of every column the first row whose cell is missing: its number, and the row."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, pa.Table]] = {}

    def look(self, batch: pa.Table, start: int) -> None:
        """The next rows; ``start`` is the number of the first of them."""
        for name in batch.column_names:
            if name in self.rows:
                continue
            missing = _missing(batch.column(name))
            if missing.true_count:
                at = pc.index(missing, True).as_py()
                self.rows[name] = (start + at, batch.slice(at, 1))


def _missing(column: pa.ChunkedArray) -> Any:
    """``[rows]``: which cells are null, or a text that may mean so."""
    missing = pc.is_null(column, nan_is_null=True)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        tokens = pa.array(sorted(MISSING_TOKENS), column.type)
        missing = pc.or_(missing, pc.is_in(column, value_set=tokens))
    # pyarrow counts what is true only in one array.
    if isinstance(missing, pa.ChunkedArray):
        return missing.combine_chunks()
    return missing


def _equal_pieces(batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in pieces of `PIECE_ROWS`; the last one may be shorter."""
    waiting: list[pa.Table] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) < PIECE_ROWS:
            continue
        joined = pa.concat_tables(waiting)
        full = len(joined) // PIECE_ROWS * PIECE_ROWS
        for start in range(0, full, PIECE_ROWS):
            yield joined.slice(start, PIECE_ROWS)
        waiting = [joined.slice(full)]
    if sum(map(len, waiting)):
        yield pa.concat_tables(waiting)


def first_refused(piece: pd.DataFrame, check: Callable[[pd.DataFrame], object]) -> int:
    """The first row of a piece that a check refuses, counted from 0.

    Args:
        piece: Rows that the check refuses as a whole, with a `SchemaError`.
        check: Looks at rows one by one: it refuses any rows that hold a bad one.
    """
    # The first bad row is in ``low .. high - 1``, and none comes before: halve that.
    low = 0
    high = len(piece)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            check(piece.iloc[low:middle])
        except SchemaError:
            high = middle
        else:
            low = middle
    return low
