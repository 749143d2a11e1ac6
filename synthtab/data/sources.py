"""A table to learn: a DataFrame, or a file that may be larger than memory.

Of a file that memory does not hold comfortably, a uniform random sample of its rows is kept, which all that is learnt
about columns is learnt from; all rows go by in pieces.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from synthtab.core.errors import ConfigError, DataError, SchemaError
from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.data import check, tables
from synthtab.data.columns import KINDS, typed_cells
from synthtab.data.columns.base import MISSING_TOKENS
from synthtab.data.holdout import PIECE
from synthtab.runtime import machine

# Share of the memory at hand that a table may need to be held.
SHARE = 0.5
# Bytes of memory for one of a file (of a Parquet file, uncompressed) while it is read,
# typed and encoded: measured on numbers and words (benchmarks/README.md).
GROWTH = {"text": 10.0, "gzip": 50.0, "parquet": 10.0}
# Most rows of the sample, and most cells of it where a table is wide.
SAMPLE, CELLS = 200_000, 20_000_000
# Rows of the sample, however wide the table.
LEAST = 20_000
# Memory for one key while shapes are learnt from all of them.
KEY_BYTES = 200

Rows = npt.NDArray[np.int64]
PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Source:
    """A table to learn.

    Attributes:
        rows: How many there are.
        sample: Some of them, in order; all, unless the table is read in pieces.
        numbers: Which rows these are.
        path: The file that is read in pieces; None where ``sample`` is the table.
        total: Rows of the larger table that ``rows`` of them were drawn from; None where all are learnt.
        counted: Whether ``rows`` is exact, and not told from the size of the file.
        ahead: Bytes of memory that reading the rest of the file at once will take; 0 where that is done.
    """

    rows: int
    sample: pd.DataFrame
    numbers: Rows
    path: Path | None = None
    total: int | None = None
    counted: bool = True
    ahead: int = 0

    def typed(self, schema: Schema) -> Source:
        """With cells in the dtypes of a schema that was inferred, where they are at hand."""
        return replace(self, sample=tables.typed(self.sample, schema))

    def agreed(self, schema: Schema) -> Source:
        """The same for a schema that may disagree with the table.

        Raises:
            SchemaError: It does; see `synthtab.data.check.agreed`.
        """
        return replace(self, sample=check.agreed(self.sample, schema))

    def pieces(self) -> Iterator[tuple[int, pd.DataFrame]]:
        """All rows, `PIECE` at a time, each piece with the number of its first row."""
        if self.path is None:
            for start in range(0, self.rows, PIECE):
                yield start, self.sample.iloc[start : start + PIECE]
            return
        start = 0
        for piece in _even(tables.batches(self.path)):
            yield start, tables.to_frame(piece, self.path)
            start += len(piece)
        if start != self.rows:
            raise DataError(
                f"{self.path} had {self.rows:,} rows and now has {start:,}: leave it alone during the fit"
            )

    def whole(self, schema: Schema) -> dict[str, pd.Series]:
        """The columns in full of which no cell may come back, typed.

        Of a file that is read in pieces, each distinct cell once.

        Raises:
            DataError: They are larger than memory.
        """
        names = keys(schema)
        if self.path is None or len(self.sample) == self.rows or not names:
            return {name: self.sample[name] for name in names}
        found: dict[str, list[Any]] = {name: [] for name in names}
        size, most = 0, machine.memory()
        for batch in tables.batches(self.path, list(names)):
            for name in names:
                found[name].append(pc.unique(batch.column(name)))
                size += len(found[name][-1]) * KEY_BYTES
            if most is not None and size > SHARE * most:
                listed = ", ".join(map(repr, names))
                raise DataError(
                    f"{self.path}: the keys in {listed} are more than memory holds, and all must be known "
                    "so that none comes back: leave these columns out, or learn fewer rows (fit --rows)"
                )
        columns = {
            name: pa.chunked_array(parts).unique() for name, parts in found.items()
        }
        cells = {
            name: tables.to_frame(pa.table({name: column}), self.path)[name]
            for name, column in columns.items()
        }
        return {name: typed_cells(cells[name], schema[name]) for name in names}


def opened(
    table: pd.DataFrame | PathLike | Source,
    streams: Streams,
    rows: int | None = None,
    at_once: int | None = None,
) -> Source:
    """A table ready to be learnt.

    Args:
        table: A DataFrame or the path of a file.
        streams: Randomness; uses the streams "rows" and "encoder.sample".
        rows: Learn only so many rows, drawn uniformly at random.
        at_once: Most bytes of memory for a file that is held as a whole; None for `SHARE` of what is at hand.

    Raises:
        DataError: The file cannot be read.
        ConfigError: ``rows`` is not positive.
    """
    if isinstance(table, Source):
        return table
    if rows is not None and (
        isinstance(rows, bool) or not isinstance(rows, (int, np.integer)) or rows < 1
    ):
        raise ConfigError(f"rows must be a whole number of 1 or more, not {rows!r}")
    if isinstance(table, (str, os.PathLike)):
        path = Path(table)
        if not fits(path, at_once):
            return _drawn(path, streams, rows) if rows else _sampled(path, streams)
        table = tables.read(path)
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"fit takes a pandas DataFrame or the path of a file, not {type(table).__name__}"
        )
    if rows is not None and rows < len(table):
        return Source(
            rows,
            table.iloc[chosen(len(table), rows, streams)],
            np.arange(rows),
            None,
            len(table),
        )
    return Source(len(table), table, np.arange(len(table)))


def glimpse(
    path: PathLike, rows: int | None = None, at_once: int | None = None
) -> Source:
    """What `opened` would make of a file, from its first rows alone: enough to plan, whatever its size. How many rows
    it has is in a Parquet file, and else told from the bytes that the first ones take.
    """
    path, parts, count = Path(path), [], 0
    for batch in tables.batches(path):
        parts.append(batch)
        count += len(batch)
        if count >= sample_rows(batch.num_columns):
            break
    else:  # all rows
        return opened(path, Streams(0), rows, at_once)
    head = pa.concat_tables(parts)
    if tables.holds_parquet(path):
        total, exact = pa.parquet.read_metadata(path).num_rows, True
    else:
        total, exact = _guessed(path, head), False
    learnt = total if rows is None else min(rows, total)
    held = fits(path, at_once)
    in_pieces = rows is None and not held
    return Source(
        learnt,
        tables.to_frame(head, path),
        np.arange(len(head)),
        path if in_pieces else None,
        total if learnt < total else None,
        exact or learnt < total,
        int(held_bytes(path)) if held else 0,
    )


def _guessed(path: Path, head: pa.Table) -> int:
    """Rows of a text file like these, its first ones; of a compressed one, all are counted."""
    with open(path, "rb") as file:
        if file.read(2) == b"\x1f\x8b":
            return sum(map(len, tables.batches(path, head.column_names[:1])))
    texts = sum(
        pc.sum(pc.binary_length(column)).as_py() or 0 for column in head.columns
    )
    return max(
        len(head), round(path.stat().st_size / (texts / len(head) + head.num_columns))
    )


def chosen(total: int, rows: int, streams: Streams) -> Rows:
    """The numbers of ``rows`` rows of ``total``, drawn uniformly, in order."""
    keys = streams.numpy("rows").random(total)
    return (
        np.sort(np.argpartition(keys, rows - 1)[:rows])
        if rows < total
        else np.arange(total)
    )


def fits(path: Path, at_once: int | None = None) -> bool:
    """Whether a file can be held in memory as a whole, as far as its size tells."""
    most = at_once
    if most is None:
        free = machine.memory()
        most = None if free is None else int(SHARE * free)
    return most is None or held_bytes(path) <= most


def held_bytes(path: Path) -> float:
    """About how much memory it takes to hold a file; 0 where it cannot be read."""
    try:
        if tables.holds_parquet(path):
            facts = pa.parquet.read_metadata(path)
            size = sum(
                facts.row_group(i).total_byte_size for i in range(facts.num_row_groups)
            )
            return GROWTH["parquet"] * max(size, 4 * facts.num_rows * facts.num_columns)
        with open(path, "rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        return GROWTH["gzip" if compressed else "text"] * path.stat().st_size
    except (OSError, pa.ArrowException):
        return 0.0  # reading it says what is wrong


def sample_rows(columns: int) -> int:
    """Rows of the sample of a table of so many columns."""
    return max(LEAST, min(SAMPLE, CELLS // max(1, columns)))


def keys(schema: Schema) -> list[str]:
    """Columns of which every cell must be known, so that none comes back."""
    return [c.name for c in schema.columns if KINDS[c.kind].invented]


def _sampled(path: Path, streams: Streams) -> Source:
    """A file that is read in pieces. Where no cell of a column is missing in the sample but one is in the file, the row
    of the first such joins the sample: columns in which cells may be missing are known as such.
    """
    kept, witnesses = _Reservoir(None, streams.numpy("encoder.sample")), _Witnesses()
    for batch in tables.batches(path):
        witnesses.look(batch, kept.seen)
        kept.add(batch)
    rows, sample = kept.close(path)
    lacking = [
        spot
        for name, spot in witnesses.found.items()
        if not _missing(sample.column(name)).true_count
    ]
    extra = {row: piece for row, piece in lacking if not np.isin(row, rows)}
    if extra:
        numbers = np.concatenate([rows, np.array(list(extra), dtype=np.int64)])
        order = np.argsort(numbers)
        rows, sample = (
            numbers[order],
            pa.concat_tables([sample, *extra.values()]).take(order),
        )
    return Source(kept.seen, tables.to_frame(sample, path), rows, path)


def _drawn(path: Path, streams: Streams, rows: int) -> Source:
    """So many rows of a file, the same as of one that memory holds."""
    kept = _Reservoir(rows, streams.numpy("rows"))
    for batch in tables.batches(path):
        kept.add(batch)
    _, sample = kept.close(path)
    count = len(sample)
    return Source(
        count,
        tables.to_frame(sample, path),
        np.arange(count),
        None,
        kept.seen if count < kept.seen else None,
    )


class _Reservoir:
    """A uniform sample of rows that go by: each gets a random key, and those with the least keys stay."""

    def __init__(self, size: int | None, rng: np.random.Generator) -> None:
        self.size, self.rng, self.seen = size, rng, 0
        self.rows, self.keys = np.zeros(0, dtype=np.int64), np.zeros(0)
        self.tables: list[pa.Table] = []
        self.bar = np.inf

    def add(self, batch: pa.Table) -> None:
        """Rows that go by."""
        if self.size is None:
            self.size = sample_rows(batch.num_columns)
        keys = self.rng.random(len(batch))
        low = np.flatnonzero(keys < self.bar)
        self.tables.append(batch if len(low) == len(batch) else batch.take(low))
        self.rows, self.keys = (
            np.append(self.rows, self.seen + low),
            np.append(self.keys, keys[low]),
        )
        self.seen += len(batch)
        if len(self.rows) > 2 * self.size:
            self._cut()

    def _cut(self) -> None:
        assert self.size is not None, "nothing was added, report this"
        least = np.sort(np.argpartition(self.keys, self.size - 1)[: self.size])
        self.bar = float(self.keys[least].max())
        self.tables = [pa.concat_tables(self.tables).take(least)]
        self.rows, self.keys = self.rows[least], self.keys[least]

    def close(self, path: Path) -> tuple[Rows, pa.Table]:
        """The numbers of the rows that stay, and these."""
        if not self.seen:
            raise DataError(f"{path}: the table has no rows")
        if self.size is not None and len(self.rows) > self.size:
            self._cut()
        return self.rows, pa.concat_tables(self.tables)


class _Witnesses:
    """Of every column the first row whose cell is missing: its number, and the row."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, pa.Table]] = {}

    def look(self, batch: pa.Table, first: int) -> None:
        """Rows that go by, and the number of the first of them."""
        for name in batch.column_names:
            if (
                name not in self.found
                and (missing := _missing(batch.column(name))).true_count
            ):
                row = pc.index(missing, True).as_py()
                self.found[name] = (first + row, batch.slice(row, 1))


def _missing(column: pa.ChunkedArray) -> Any:
    """``[rows]``: which cells are null, or a text that may mean so."""
    missing = pc.is_null(column, nan_is_null=True)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        tokens = pa.array(sorted(MISSING_TOKENS), column.type)
        missing = pc.or_(missing, pc.is_in(column, value_set=tokens))
    return (
        missing
        if not isinstance(missing, pa.ChunkedArray)
        else missing.combine_chunks()
    )


def _even(parts: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Pieces of `PIECE` rows each, and what is left."""
    waiting: list[pa.Table] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) < PIECE:
            continue
        joined = pa.concat_tables(waiting)
        full = len(joined) // PIECE * PIECE
        for start in range(0, full, PIECE):
            yield joined.slice(start, PIECE)
        waiting = [joined.slice(full)]
    if sum(map(len, waiting)):
        yield pa.concat_tables(waiting)


def first_refused(piece: pd.DataFrame, check: Callable[[pd.DataFrame], object]) -> int:
    """The first row of a piece that a check refuses with a `SchemaError`, counted from 0; for a check of rows one by
    one, which refuses the whole piece.
    """
    low, high = 0, len(piece)
    while high - low > 1:  # halves, each tried alone
        middle = (low + high) // 2
        try:
            check(piece.iloc[low:middle])
        except SchemaError:
            high = middle
        else:
            low = middle
    return low
