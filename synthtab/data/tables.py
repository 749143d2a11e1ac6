"""Files <=> DataFrames, without a guess: a text file is read as text, typed by the schema alone.

A table goes ``read`` (text) -> `synthtab.data.columns.infer` (schema) -> ``typed`` (pandas dtypes), and
``write`` renders it back in the formats that the schema remembers.
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

from synthtab.core.errors import DataError, SchemaError
from synthtab.core.files import replacing
from synthtab.core.schema import Schema
from synthtab.data.columns import TEXT_MARK, cells_to_text, check_table, typed_cells

DELIMITERS = (",", ";", "\t", "|")
SNIFF_BYTES = 1 << 16
WRITE_ROWS = 1 << 16
# Rows of a row group of a Parquet file: each has statistics and dictionaries of its
# own.
GROUP_ROWS = 1 << 17
# Rows of a Parquet file, and bytes of a text file, that `batches` reads at a time;
# pyarrow reads up to 32 such pieces of a text file ahead.
BATCH_ROWS, BATCH_BYTES = 1 << 16, 1 << 22
# The first bytes of a gzip file.
GZIP_MARK = b"\x1f\x8b"
SIGNATURES = {
    b"PAR1": "a Parquet file; name it *.parquet",
    b"PK\x03\x04": "a zip archive or an Excel sheet; save the table as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel sheet; save the table as CSV",
    b"\xff\xfe": "text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "text in UTF-16; save it as UTF-8",
}

PathLike = str | os.PathLike[str]


def read(path: PathLike, *, schema: Schema | None = None) -> pd.DataFrame:
    """Read a CSV, TSV (either with .gz) or Parquet file.

    Args:
        path: The file. Every cell of a text file comes back as text, an empty one as missing.
            A file with another suffix is taken for CSV; a header without a comma may be separated
            by semicolons, tabs or bars.
        schema: Makes the result `typed` by it.

    Raises:
        DataError: One line that names the file, what is wrong with it, and what to do.
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
        Pieces of any size, in the order of the rows; `to_frame` makes of any of them, of some rows of them, or of
        several together, what `read` makes of the file.

    Raises:
        DataError: As `read`; as it is met.
    """
    path = Path(path)
    with _readable(path):
        yield from (
            _parquet_batches(path, columns)
            if holds_parquet(path)
            else _text_batches(path, columns)
        )


def to_frame(table: pa.Table, path: PathLike) -> pd.DataFrame:
    """Rows of `batches` as a DataFrame, with the dtypes that `read` gives them."""
    if holds_parquet(path):
        frame = _without_numbering(table.unify_dictionaries().to_pandas())
    else:
        frame = _text_frame(table, table.column_names)
    _check_frame(frame, Path(path))
    return frame


def holds_parquet(path: PathLike) -> bool:
    """Whether a file's name says that it is a Parquet file; all others are text."""
    return Path(path).suffix.lower() in (".parquet", ".pq")


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
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


def typed(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Text or other cells => the columns, order and dtypes of the schema.

    Raises:
        SchemaError: Columns differ from the schema's, or cells do not fit their columns' kinds: all such columns.
    """
    schema.check(frame)
    cells, problems = {}, []
    for column in schema.columns:
        try:
            cells[column.name] = typed_cells(frame[column.name], column).array
        except SchemaError as error:
            problems.append(str(error))
    if problems:
        raise SchemaError(
            problems[0]
            if len(problems) == 1
            else f"table and schema disagree: {'; '.join(problems)}"
        )
    return pd.DataFrame(cells, columns=list(schema.names), index=frame.index)


def write(
    frames: pd.DataFrame | Iterable[pd.DataFrame],
    path: PathLike,
    schema: Schema | None = None,
) -> None:
    """Write typed rows, a piece at a time; the file appears under its name only once it is whole.

    Args:
        frames: The rows, in one piece or several.
        path: ``*.csv``, ``*.tsv`` (either with .gz) or ``*.parquet``; "-" is CSV on standard output.
        schema: Decimals, dates and words as the schema says; pandas' own forms without it.

    Raises:
        DataError: The file cannot be written; nothing is left behind.
    """
    pieces = iter([frames] if isinstance(frames, pd.DataFrame) else frames)
    if str(path) == "-":
        _write_text(pieces, sys.stdout, ",", schema)
        sys.stdout.flush()
        return
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file in it")
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    try:
        with replacing(path, DataError) as scratch:
            _write_file(pieces, scratch, suffixes, schema)
    except pa.ArrowException as error:
        raise DataError(
            f"cannot write {path}: {str(error).splitlines()[0]}; use CSV"
        ) from error


def _write_file(
    pieces: Iterator[pd.DataFrame],
    path: Path,
    suffixes: list[str],
    schema: Schema | None,
) -> None:
    if suffixes[-1:] in ([".parquet"], [".pq"]):
        _write_parquet(pieces, path)
        return
    delimiter = "\t" if ".tsv" in suffixes else ","
    with _open_text(path, compressed=suffixes[-1:] == [".gz"]) as file:
        _write_text(pieces, file, delimiter, schema)


def _write_parquet(pieces: Iterator[pd.DataFrame], path: Path) -> None:
    """Row groups of `GROUP_ROWS` rows, the last one aside, whatever the sizes of the pieces."""
    writer, held = None, []
    for piece in pieces:
        held.append(
            pa.Table.from_pandas(
                piece, preserve_index=False, schema=writer.schema if writer else None
            )
        )
        writer = writer or pa.parquet.ParquetWriter(path, held[0].schema)
        if (count := sum(map(len, held))) >= GROUP_ROWS:
            whole, full = pa.concat_tables(held), count - count % GROUP_ROWS
            writer.write_table(whole.slice(0, full), row_group_size=GROUP_ROWS)
            held = [whole.slice(full)]
    if writer:
        rest = pa.concat_tables(held)
        if len(rest):
            writer.write_table(rest, row_group_size=GROUP_ROWS)
        writer.close()


def _open_text(path: Path, compressed: bool) -> IO[str]:
    if compressed:
        return gzip.open(path, "wt", encoding="utf-8", newline="", compresslevel=6)
    return open(path, "w", encoding="utf-8", newline="")


def _write_text(
    pieces: Iterator[pd.DataFrame], file: IO[str], delimiter: str, schema: Schema | None
) -> None:
    for i, piece in enumerate(pieces):
        if schema is None:
            piece.to_csv(
                file, sep=delimiter, index=False, header=i == 0, lineterminator="\n"
            )
            continue
        if i == 0:
            csv.writer(file, delimiter=delimiter, lineterminator="\n").writerow(
                schema.names
            )
        for start in range(0, len(piece), WRITE_ROWS):
            rows = piece.iloc[start : start + WRITE_ROWS]
            cells = [
                pa.array(cells_to_text(rows[c.name], c), pa.large_string())
                for c in schema.columns
            ]
            file.write(_lines(cells, delimiter))


def _lines(cells: list[pa.LargeStringArray], delimiter: str) -> str:
    """Columns of texts => rows of CSV, with quotes around the cells that need them."""
    if len(cells) == 1:  # an empty line would be no row to most readers
        cells = [pc.if_else(pc.equal(cells[0], ""), '""', _quoted(cells[0], delimiter))]
    text = _joined(cells, delimiter)
    plain = text.count(delimiter) == (len(cells) - 1) * len(cells[0]) and text.count(
        "\n"
    ) == len(cells[0])
    if len(cells) == 1 or (plain and '"' not in text and "\r" not in text):
        return text
    return _joined([_quoted(c, delimiter) for c in cells], delimiter)


def _joined(cells: list[pa.LargeStringArray], delimiter: str) -> str:
    rows = _glued(*cells[:-1], _glued(cells[-1], "\n"), between=delimiter)
    _, offsets, content = (
        rows.buffers()
    )  # the rows one after the other: the text of the file
    return str(
        memoryview(content)[: int(np.frombuffer(offsets, dtype=np.int64)[len(rows)])],
        "utf-8",
    )


def _quoted(cells: pa.LargeStringArray, delimiter: str) -> pa.LargeStringArray:
    special = pc.match_substring_regex(cells, f'[\r\n"{re.escape(delimiter)}]')
    return pc.if_else(
        special, _glued('"', pc.replace_substring(cells, '"', '""'), '"'), cells
    )


def _glued(*parts: pa.LargeStringArray | str, between: str = "") -> pa.LargeStringArray:
    """The texts of each row as one."""
    typed_parts = [
        pa.scalar(p, pa.large_string()) if isinstance(p, str) else p
        for p in (*parts, between)
    ]
    return pc.binary_join_element_wise(*typed_parts)


def _read_parquet(path: Path) -> pd.DataFrame:
    with _whole_parquet(path):
        return _without_numbering(pd.read_parquet(path, engine="pyarrow"))


def _parquet_batches(path: Path, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    with _whole_parquet(path), pa.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(
            batch_size=BATCH_ROWS, columns=columns and list(columns)
        ):
            yield pa.Table.from_batches([batch])


@contextlib.contextmanager
def _whole_parquet(path: Path) -> Iterator[None]:
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
        options = _arrow_options(names, delimiter, threads=False)
        if columns is not None:
            options["convert_options"].include_columns = list(columns)
        options["read_options"].block_size = BATCH_BYTES
        try:
            reader = pa.csv.open_csv(pa.PythonFile(file, "r"), **options)
            header = 1
            for batch in reader:
                yield pa.Table.from_batches([batch]).slice(header)
                header = 0
        except pa.ArrowInvalid as error:
            raise _parse_error(str(error).splitlines()[0], path) from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, bytes, list[str], str]]:
    """A text file, of which the start was read; that start, the names of the columns, and the delimiter."""
    with open(path, "rb") as file:
        compressed = file.read(2) == GZIP_MARK
    with gzip.open(path) if compressed else open(path, "rb") as file:
        start = file.read(SNIFF_BYTES)
        _check_start(start, path)
        names, delimiter = _header(
            start, ".tsv" in [s.lower() for s in path.suffixes], path
        )
        yield file, start, names, delimiter


def _text_frame(table: pa.Table, names: Sequence[str]) -> pd.DataFrame:
    frame = pd.DataFrame(
        {name: _as_text(table.column(i)) for i, name in enumerate(names)},
        columns=list(names),
    )
    frame.attrs[TEXT_MARK] = True
    return frame


def _as_text(column: pa.ChunkedArray) -> pd.Series:
    series = column.to_pandas()
    # An all-missing column of text comes as object.
    return series.astype("str") if int(pd.__version__.split(".")[0]) >= 3 else series


def _check_start(start: bytes, path: Path) -> None:
    if not start.strip():
        raise DataError(f"{path} is empty; expected a header line and rows")
    for signature, advice in SIGNATURES.items():
        if start.startswith(signature):
            raise DataError(f"{path} is {advice}")
    if b"\0" in start:
        raise DataError(f"{path} is a binary file; expected CSV text")


def _header(start: bytes, tabs: bool, path: Path) -> tuple[list[str], str]:
    """Column names and the delimiter."""
    try:
        text = start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:  # otherwise a character that was cut in two
            raise _encoding_error(path) from error
        text = start[: error.start].decode("utf-8-sig")
    first = text.lstrip("\r\n").splitlines()[0]
    delimiter = (
        "\t"
        if tabs
        else max(DELIMITERS, key=lambda d: (d == "," and d in first, first.count(d)))
    )
    names = next(csv.reader(io.StringIO(text.lstrip("\r\n")), delimiter=delimiter))
    blank = [i for i, name in enumerate(names, 1) if not name.strip()]
    if blank:
        raise DataError(
            f"{path}: column {blank[0]} of {len(names)} has a blank name; give it one in the first line"
        )
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise DataError(
            f"{path}: two columns are named {twice[0]!r}; rename one in the first line"
        )
    return names, delimiter


def _parse(content: bytes, names: list[str], delimiter: str, path: Path) -> pa.Table:
    try:
        return _arrow_table(content, names, delimiter, threads=True)
    except pa.ArrowInvalid as error:
        message = str(error).splitlines()[0]
    try:
        _arrow_table(
            content, names, delimiter, threads=False
        )  # only one thread knows the line
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
    return pa.csv.read_csv(
        pa.BufferReader(content), **_arrow_options(names, delimiter, threads)
    ).slice(1)


def _arrow_options(names: list[str], delimiter: str, threads: bool) -> dict[str, Any]:
    """How pyarrow shall read a text file; the header comes as a row."""
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
    found = re.search(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", message)
    if not found:
        return f"not a well-formed table ({message})"
    row = f"line {found[1]}" if found[1] else "a line"
    return f"{row} has {found[3]} cells where the header has {found[2]}; correct or quote it"


def _encoding_error(path: Path) -> DataError:
    return DataError(
        f"{path} is not in UTF-8; convert it, say with: iconv -f latin1 -t utf-8 {path.name}"
    )
