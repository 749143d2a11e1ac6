"""Files <=> DataFrames. A text file is read as text: nothing is guessed while reading.

`read`                           file => text
`synthtab.data.columns.infer`    text => schema
`typed`                          text and schema => cells in pandas dtypes
`write`                          these cells => file, in the formats of the schema
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from synthtab.core.errors import DataError
from synthtab.core.files import replacing
from synthtab.core.schema import Schema
from synthtab.data.columns import TEXT_MARK, cells_to_text, check_table

# Under this name, so that `tables` has the whole way of a table.
from synthtab.data.columns import typed as typed

# Of those that occur equally often in a header, the first one counts.
DELIMITERS = (",", ";", "\t", "|")
# Bytes of a text file in which the header is looked for.
SNIFF_BYTES = 1 << 16
# Rows of a text file that are made into text together.
WRITE_ROWS = 1 << 16
# Rows of a row group of a Parquet file: each has statistics and dictionaries of its
# own.
GROUP_ROWS = 1 << 17
# Rows of a Parquet file, and bytes of a text file, that `batches` reads at a time;
# pyarrow reads up to 32 such pieces of a text file ahead.
BATCH_ROWS = 1 << 16
BATCH_BYTES = 1 << 22
PARQUET_SUFFIXES = (".parquet", ".pq")
# The first bytes of a gzip file.
GZIP_MARK = b"\x1f\x8b"
# The first bytes of files that are often taken for CSV -> what to say of them.
SIGNATURES = {
    b"PAR1": "a Parquet file; name it *.parquet",
    b"PK\x03\x04": "a zip archive or an Excel sheet; save the table as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel sheet; save the table as CSV",
    b"\xff\xfe": "text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "text in UTF-16; save it as UTF-8",
}

PathLike = str | os.PathLike[str]


# -- Reading: files => DataFrames


def read(path: PathLike, *, schema: Schema | None = None) -> pd.DataFrame:
    """Read a CSV, TSV (either with .gz) or Parquet file.

    Args:
        path: The file. Every cell of a text file comes back as text, an empty one as
            missing. A file with another suffix is taken for CSV; a header without a
            comma may be separated by semicolons, tabs or bars.
        schema: Makes the result `typed` by it.

    Raises:
        DataError: In one line: the file, what is wrong with it, and what to do.
        SchemaError: The schema disagrees with the file.
    """
    path = Path(path)
    with _readable(path):
        frame = _read_parquet(path) if holds_parquet(path) else _read_text(path)
    _check_frame(frame, path)
    return frame if schema is None else typed(frame, schema)


def batches(path: PathLike, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Read the files that `read` does a piece at a time, in constant memory.

    Args:
        path: See `read`.
        columns: Those that are wanted, in this order; None for all.

    Returns:
        Pieces of any size, in the order of the rows. `to_frame` makes of any of them,
        of some rows of them, or of several together, what `read` makes of the file.

    Raises:
        DataError: As `read`, but only once the piece that is wrong is reached.
    """
    path = Path(path)
    of_format = _parquet_batches if holds_parquet(path) else _text_batches
    with _readable(path):
        yield from of_format(path, columns)


def to_frame(table: pa.Table, path: PathLike) -> pd.DataFrame:
    """Rows of `batches` as a DataFrame, with the dtypes that `read` gives them."""
    if holds_parquet(path):
        # Each piece may number the categories of a column in its own way.
        frame = _without_numbering(table.unify_dictionaries().to_pandas())
    else:
        frame = _text_frame(table, table.column_names)
    _check_frame(frame, Path(path))
    return frame


def holds_parquet(path: PathLike) -> bool:
    """Whether a file's name says that it is a Parquet file; all others are text."""
    return Path(path).suffix.lower() in PARQUET_SUFFIXES


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Errors while a file is read, in the words of this program."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a CSV or Parquet file in it")
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist") from error
    except (EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is a damaged gzip file; compress it again") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _check_frame(frame: pd.DataFrame, path: Path) -> None:
    try:
        check_table(frame)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _read_parquet(path: Path) -> pd.DataFrame:
    with _whole_parquet(path):
        return _without_numbering(pd.read_parquet(path, engine="pyarrow"))


def _parquet_batches(path: Path, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    with _whole_parquet(path), pa.parquet.ParquetFile(path) as file:
        names = None if columns is None else list(columns)
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names):
            yield pa.Table.from_batches([batch])


@contextlib.contextmanager
def _whole_parquet(path: Path) -> Iterator[None]:
    """Complaints of pyarrow about a Parquet file, in the words of this program."""
    try:
        yield
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{path} is not a whole Parquet file; write it again, or use CSV"
        ) from error


def _without_numbering(frame: pd.DataFrame) -> pd.DataFrame:
    """An index with a name is a column in disguise; one without is only a numbering."""
    return frame.reset_index(drop=frame.index.names == [None])


def _read_text(path: Path) -> pd.DataFrame:
    with _opened(path) as (file, start, names, delimiter):
        table = _parse(start + file.read(), names, delimiter, path)
    return _text_frame(table, names)


def _text_batches(path: Path, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    with _opened(path) as (file, _, names, delimiter):
        file.seek(0)
        # With one thread pyarrow says which line is wrong.
        options = _arrow_options(names, delimiter, threads=False)
        if columns is not None:
            options["convert_options"].include_columns = list(columns)
        options["read_options"].block_size = BATCH_BYTES
        try:
            reader = pa.csv.open_csv(pa.PythonFile(file, "r"), **options)
            # The header comes as the first row of the first batch.
            header_rows = 1
            for batch in reader:
                yield pa.Table.from_batches([batch]).slice(header_rows)
                header_rows = 0
        except pa.ArrowInvalid as error:
            raise _parse_error(str(error).splitlines()[0], path) from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, bytes, list[str], str]]:
    """An open text file and what its start says.

    Yields:
        The file, from which the start has been read; that start; the names of the
        columns; and the delimiter.
    """
    open_bytes = gzip.open if is_compressed(path) else open
    with open_bytes(path, "rb") as file:
        start = file.read(SNIFF_BYTES)
        _check_start(start, path)
        has_tabs = ".tsv" in [suffix.lower() for suffix in path.suffixes]
        names, delimiter = _header(start, has_tabs, path)
        yield file, start, names, delimiter


def is_compressed(path: Path) -> bool:
    """Whether a file is in gzip format, whatever its name says."""
    with open(path, "rb") as file:
        return file.read(2) == GZIP_MARK


def _text_frame(table: pa.Table, names: Sequence[str]) -> pd.DataFrame:
    columns = {name: _as_text(table.column(i)) for i, name in enumerate(names)}
    frame = pd.DataFrame(columns, columns=list(names))
    # Inference may choose other dtypes for such cells; those of a DataFrame it keeps.
    frame.attrs[TEXT_MARK] = True
    return frame


def _as_text(column: pa.ChunkedArray) -> pd.Series:
    series = column.to_pandas()
    if int(pd.__version__.split(".")[0]) < 3:
        return series
    # An all-missing column of text comes as object.
    return series.astype("str")


def _check_start(start: bytes, path: Path) -> None:
    if not start.strip():
        raise DataError(f"{path} is empty; expected a header line and rows")
    for signature, advice in SIGNATURES.items():
        if start.startswith(signature):
            raise DataError(f"{path} is {advice}")
    if b"\0" in start:
        raise DataError(f"{path} is a binary file; expected CSV text")


def _decode(start: bytes, path: Path) -> str:
    """The start of a text file as text."""
    try:
        return start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The start may end within a character, which has at most four bytes.
        cut_in_two = error.start >= len(start) - 4
        if not cut_in_two:
            raise _encoding_error(path) from error
        return start[: error.start].decode("utf-8-sig")


def _delimiter(line: str) -> str:
    """The comma if there is one in the header; else what occurs most often."""
    if "," in line:
        return ","
    return max(DELIMITERS, key=line.count)


def _header(start: bytes, has_tabs: bool, path: Path) -> tuple[list[str], str]:
    """Column names and the delimiter."""
    text = _decode(start, path).lstrip("\r\n")
    delimiter = "\t" if has_tabs else _delimiter(text.splitlines()[0])
    # Not the first line: a quoted name may hold a line end.
    names = next(csv.reader(io.StringIO(text), delimiter=delimiter))
    blank = [i for i, name in enumerate(names, 1) if not name.strip()]
    if blank:
        raise DataError(
            f"{path}: column {blank[0]} of {len(names)} has a blank name; "
            "give it one in the first line"
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"{path}: two columns are named {repeated[0]!r}; "
            "rename one in the first line"
        )
    return names, delimiter


def _parse(content: bytes, names: list[str], delimiter: str, path: Path) -> pa.Table:
    try:
        return _arrow_table(content, names, delimiter, threads=True)
    except pa.ArrowInvalid as error:
        message = str(error).splitlines()[0]
    try:
        # Again with one thread: only then pyarrow says which line is wrong.
        _arrow_table(content, names, delimiter, threads=False)
    except pa.ArrowInvalid as error:
        message = str(error).splitlines()[0]
    raise _parse_error(message, path)


def _parse_error(message: str, path: Path) -> DataError:
    if "UTF8" in message or "UTF-8" in message:
        return _encoding_error(path)
    return DataError(f"{path}: {_plain_words(message)}")


def _arrow_table(
    content: bytes, names: list[str], delimiter: str, threads: bool
) -> pa.Table:
    options = _arrow_options(names, delimiter, threads)
    table = pa.csv.read_csv(pa.BufferReader(content), **options)
    header_rows = 1
    return table.slice(header_rows)


def _arrow_options(names: list[str], delimiter: str, threads: bool) -> dict[str, Any]:
    """How pyarrow shall read a text file; the header comes as a row.

    The names are given, so that each column can be declared as text.
    """
    return dict(
        read_options=pa.csv.ReadOptions(column_names=names, use_threads=threads),
        parse_options=pa.csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=True,
            # In a table of one column an empty line is a missing cell.
            ignore_empty_lines=len(names) > 1,
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _plain_words(message: str) -> str:
    """Pyarrow's complaint about a row, in the words of this program."""
    match = re.search(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", message)
    if not match:
        return f"not a well-formed table ({message})"
    number, expected, count = match.groups()
    line = f"line {number}" if number else "a line"
    return (
        f"{line} has {count} cells where the header has {expected}; correct or quote it"
    )


def _encoding_error(path: Path) -> DataError:
    return DataError(
        f"{path} is not in UTF-8; convert it, say with: "
        f"iconv -f latin1 -t utf-8 {path.name}"
    )


# -- Text => cells in pandas dtypes


# -- Writing: DataFrames => files


def write(
    frames: pd.DataFrame | Iterable[pd.DataFrame],
    path: PathLike,
    schema: Schema | None = None,
) -> None:
    """Write typed rows, a piece at a time.

    The file appears under its name only once it is whole.

    Args:
        frames: The rows, in one piece or several.
        path: ``*.csv``, ``*.tsv`` (either with .gz) or ``*.parquet``; "-" is CSV on
            standard output.
        schema: Decimals, dates and words are written as it says; without it, as pandas
            writes them.

    Raises:
        DataError: The file cannot be written; nothing is left behind.
    """
    if isinstance(frames, pd.DataFrame):
        frames = [frames]
    pieces = iter(frames)
    if str(path) == "-":
        _write_text(pieces, sys.stdout, ",", schema)
        sys.stdout.flush()
        return
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file in it")
    # The scratch file has another suffix: this one says which format to write.
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    try:
        with replacing(path, DataError) as scratch:
            _write_file(pieces, scratch, suffixes, schema)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"cannot write {path}: {reason}; use CSV") from error


def _write_file(
    pieces: Iterator[pd.DataFrame],
    path: Path,
    suffixes: list[str],
    schema: Schema | None,
) -> None:
    last = suffixes[-1] if suffixes else ""
    if last in PARQUET_SUFFIXES:
        _write_parquet(pieces, path)
        return
    delimiter = "\t" if ".tsv" in suffixes else ","
    with _open_text(path, compressed=last == ".gz") as file:
        _write_text(pieces, file, delimiter, schema)


def _write_parquet(pieces: Iterator[pd.DataFrame], path: Path) -> None:
    """Row groups of `GROUP_ROWS` rows each but the last, whatever the pieces' sizes."""
    writer = None
    waiting: list[pa.Table] = []
    for piece in pieces:
        # The first piece decides the types: a later one may have only missing cells.
        types = writer.schema if writer else None
        table = pa.Table.from_pandas(piece, preserve_index=False, schema=types)
        if writer is None:
            writer = pa.parquet.ParquetWriter(path, table.schema)
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


def _open_text(path: Path, compressed: bool) -> IO[str]:
    if compressed:
        return gzip.open(path, "wt", encoding="utf-8", newline="", compresslevel=6)
    return open(path, "w", encoding="utf-8", newline="")


def _write_text(
    pieces: Iterator[pd.DataFrame], file: IO[str], delimiter: str, schema: Schema | None
) -> None:
    for i, piece in enumerate(pieces):
        is_first = i == 0
        if schema is None:
            piece.to_csv(
                file, sep=delimiter, index=False, header=is_first, lineterminator="\n"
            )
            continue
        if is_first:
            header = csv.writer(file, delimiter=delimiter, lineterminator="\n")
            header.writerow(schema.names)
        for start in range(0, len(piece), WRITE_ROWS):
            rows = piece.iloc[start : start + WRITE_ROWS]
            columns = []
            for column in schema.columns:
                texts = cells_to_text(rows[column.name], column)
                columns.append(pa.array(texts, pa.large_string()))
            file.write(_csv_rows(columns, delimiter))


def _csv_rows(columns: list[pa.LargeStringArray], delimiter: str) -> str:
    """Columns of texts => rows of CSV, with quotes around the cells that need them.

    Column by column with pyarrow: many times as fast as the csv module row by row.
    """
    if len(columns) == 1:
        # An empty line would be no row to most readers.
        only = columns[0]
        cells = pc.if_else(pc.equal(only, ""), '""', _quote(only, delimiter))
        return _join([cells], delimiter)
    # Few tables have a cell that needs quotes. The joined text shows whether one has:
    # it then holds a quote, or more delimiters or line ends than belong between cells.
    text = _join(columns, delimiter)
    rows = len(columns[0])
    delimiters_between = (len(columns) - 1) * rows
    is_plain = (
        text.count(delimiter) == delimiters_between
        and text.count("\n") == rows
        and '"' not in text
        and "\r" not in text
    )
    if is_plain:
        return text
    return _join([_quote(column, delimiter) for column in columns], delimiter)


def _join(columns: list[pa.LargeStringArray], delimiter: str) -> str:
    """The rows, one after the other."""
    last = _glue([columns[-1], "\n"])
    rows = _glue([*columns[:-1], last], between=delimiter)
    # Arrow stores texts without a gap, so the content of the array is that of the file.
    # Beyond the end of the last row its buffer may hold anything.
    _, offsets, content = rows.buffers()
    end = int(np.frombuffer(offsets, dtype=np.int64)[len(rows)])
    return str(memoryview(content)[:end], "utf-8")


def _quote(cells: pa.LargeStringArray, delimiter: str) -> pa.LargeStringArray:
    """The cells, with quotes where a delimiter, a quote or a line end is in them."""
    special = pc.match_substring_regex(cells, f'[\r\n"{re.escape(delimiter)}]')
    doubled = pc.replace_substring(cells, '"', '""')
    return pc.if_else(special, _glue(['"', doubled, '"']), cells)


def _glue(
    parts: list[pa.LargeStringArray | str], between: str = ""
) -> pa.LargeStringArray:
    """The texts of each row as one; a part that is a str is the same in all rows."""
    arguments = []
    # pyarrow takes what stands between as the last argument.
    for part in [*parts, between]:
        if isinstance(part, str):
            part = pa.scalar(part, pa.large_string())
        arguments.append(part)
    return pc.binary_join_element_wise(*arguments)
