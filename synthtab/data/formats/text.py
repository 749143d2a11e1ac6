"""CSV and TSV, read: every cell comes as text, and nothing is guessed.

How a file is written is found out by `synthtab.data.formats.dialect`; rows are written by
`synthtab.data.formats.text_rows`.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from synthtab.core.errors import DataError
from synthtab.core.schema import Schema
from synthtab.data.columns import TEXT_MARK
from synthtab.data.formats import dialect as dialects
from synthtab.data.formats import text_rows
from synthtab.data.formats.base import (
    DELIMITER,
    NOTES,
    Codec,
    Target,
    facts_of,
    with_facts,
)
from synthtab.data.formats.compression import compression_of, unpacked
from synthtab.data.formats.dialect import Dialect
from synthtab.data.places import Input, looks_like_json

# Bytes in which the header is looked for; more, if it is longer.
SNIFF_BYTES = 1 << 16
# Bytes that `batches` reads at a time; pyarrow reads up to 32 such pieces ahead.
BATCH_BYTES = 1 << 22
# Memory for a byte of a compressed file, measured on numbers and words.
GROWTH_COMPRESSED = 50.0
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF_16 = "text in UTF-16; save it as UTF-8"
# The first bytes of files that are often taken for CSV -> what to say of them.
SIGNATURES = {
    b"PAR1": "a Parquet file; name it *.parquet",
    b"ARROW1": "a Feather file; name it *.feather",
    b"\xd0\xcf\x11\xe0": "an old Excel sheet; save it as .xlsx",
    b"SQLite format 3\0": "a database; name it sqlite:///FILE?table=NAME",
    b"<html": "a web page; save the table as CSV",
    b"<!DOCTYPE": "a web page; save the table as CSV",
    b"%PDF": "no table but a PDF; copy the table into a sheet",
    b"\xff\xfe": UTF_16,
    b"\xfe\xff": UTF_16,
}


class TextCodec(Codec):
    """See the head of the file."""

    in_pieces: ClassVar[bool] = True

    def read(self, source: Input) -> pd.DataFrame:
        with _opened(source) as opened:
            rows = opened.rest.read()
            dialect = opened.dialect
            _check_nul(rows, dialect.lines, source)
            table = _parse(rows, dialect, source)
            if dialect.quote.encode() in rows:
                _check_quotes(table, opened)
        return self.to_frame(_without_trailing(table, dialect, source))

    def batches(
        self, source: Input, columns: Sequence[str] | None
    ) -> Iterator[pa.Table]:
        with _opened(source) as opened:
            # With one thread pyarrow says which line is wrong.
            options = _arrow_options(opened.dialect, threads=False)
            options["read_options"].block_size = BATCH_BYTES
            if columns is not None:
                options["convert_options"].include_columns = list(columns)
            watched = cast("BinaryIO", _Watched(opened, source))
            try:
                reader = pa.csv.open_csv(pa.PythonFile(watched, "r"), **options)
                for batch in reader:
                    piece = pa.Table.from_batches([batch])
                    piece = _without_trailing(piece, opened.dialect, source)
                    yield with_facts(piece, facts_of(piece) | _facts(opened.dialect))
            except pa.ArrowInvalid as error:
                raise _parse_error(str(error), opened) from error

    def to_frame(self, table: pa.Table) -> pd.DataFrame:
        columns = {
            name: _as_text(table.column(i)) for i, name in enumerate(table.column_names)
        }
        frame = pd.DataFrame(columns, columns=list(table.column_names))
        # Inference may choose other dtypes for such cells; a DataFrame's it keeps.
        frame.attrs[TEXT_MARK] = True
        frame.attrs.update(facts_of(table))
        return frame

    def held_bytes(self, source: Input) -> float:
        is_compressed = bool(compression_of(source.start(8)))
        growth = GROWTH_COMPRESSED if is_compressed else self.growth
        return growth * source.size()

    def write(
        self, pieces: Iterator[pd.DataFrame], target: Target, schema: Schema | None
    ) -> None:
        text_rows.write_file(pieces, target, schema)


@dataclass(frozen=True)
class _Opened:
    """A text file that is being read.

    Attributes:
        source: The file.
        dialect: How it is written.
        rest: The rows: all that is below the header.
    """

    source: Input
    dialect: Dialect
    rest: BinaryIO


@contextlib.contextmanager
def _opened(source: Input) -> Iterator[_Opened]:
    with source.open() as file, unpacked(file, source) as content:
        start = content.read(SNIFF_BYTES)
        _check_start(start, source)
        # A header may be longer; without a row below it nothing can be told.
        while not _has_rows(start) and (more := content.read(len(start))):
            start += more
        is_whole = not (more := content.read(1))
        start += more
        mark = len(BYTE_ORDER_MARK) if start.startswith(BYTE_ORDER_MARK) else 0
        text = _decode(start[mark:], source)
        has_tabs = source.format.name == "TSV"
        dialect = dialects.find(text, has_tabs, is_whole, source)
        before = mark + len(text[: dialect.start].encode())
        yield _Opened(source, dialect, _joined(start[before:], content))


def _has_rows(start: bytes) -> bool:
    """Whether there are a few lines below the first one."""
    lines = start.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n")
    return lines > 3


def _joined(start: bytes, rest: BinaryIO) -> BinaryIO:
    """Bytes that were read, then those that were not."""
    return cast("BinaryIO", io.BufferedReader(_Joined(start, rest), 1 << 20))


class _Joined(io.RawIOBase):
    """See `_joined`."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start = memoryview(start)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if len(self._start):
            count = min(len(buffer), len(self._start))
            buffer[:count] = self._start[:count]
            self._start = self._start[count:]
            return count
        chunk = self._rest.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


class _Watched:
    """The rows of a file for pyarrow, where a NUL byte is an error."""

    def __init__(self, opened: _Opened, source: Input) -> None:
        self._rest = opened.rest
        self._lines = opened.dialect.lines
        self._source = source
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        chunk = self._rest.read(size)
        _check_nul(chunk, self._lines, self._source)
        self._lines += chunk.count(b"\n")
        return chunk

    def close(self) -> None:
        self.closed = True


def _facts(dialect: Dialect) -> dict[str, object]:
    return {DELIMITER: dialect.delimiter, NOTES: list(dialect.notes)}


def _check_start(start: bytes, source: Input) -> None:
    if not start.removeprefix(BYTE_ORDER_MARK).strip():
        raise DataError(f"{source} is empty; expected a header line and rows")
    for signature, advice in SIGNATURES.items():
        if start.startswith(signature):
            raise DataError(f"{source} is {advice}")
    if looks_like_json(start):
        raise DataError(f"{source} is JSON; name it *.jsonl, or *.json if it is a list")
    zeros = start.count(b"\0")
    # Text of one-byte characters in UTF-16 is half zeros, with or without a mark.
    if zeros > len(start) // 3 and start[:2].count(b"\0") == 1:
        raise DataError(f"{source} is {UTF_16}")
    if zeros:
        _check_nul_start(start, source)


def _check_nul_start(start: bytes, source: Input) -> None:
    """A binary file, or a text with a stray NUL byte."""
    controls = sum(start.count(bytes([byte])) for byte in (*range(9), *range(14, 32)))
    if controls > 3 or start[:1] == b"\0":
        raise DataError(f"{source} is a binary file; expected CSV text")
    _check_nul(start, 0, source)


def _check_nul(content: bytes, lines_before: int, source: Input) -> None:
    at = content.find(b"\0")
    if at < 0:
        return
    line = lines_before + content.count(b"\n", 0, at) + 1
    raise DataError(
        f"{source}: line {line} holds a NUL byte; take such bytes out, "
        "say with: tr -d '\\000'"
    )


def _decode(start: bytes, source: Input) -> str:
    """The start of a text file as text."""
    try:
        return start.decode("utf-8")
    except UnicodeDecodeError as error:
        # The start may end within a character, which has at most four bytes.
        cut_in_two = error.start >= len(start) - 4
        if not cut_in_two:
            raise _encoding_error(source) from error
        return start[: error.start].decode("utf-8")


def _encoding_error(source: Input) -> DataError:
    path = source.place.path
    file = "FILE" if path is None else path.name
    return DataError(
        f"{source} is not in UTF-8; convert it, say with: "
        f"iconv -f latin1 -t utf-8 {file}"
    )


def _parse(rows: bytes, dialect: Dialect, source: Input) -> pa.Table:
    """The rows as a table of text."""
    if not rows.strip(b"\r\n"):
        empty = {name: pa.array([], pa.string()) for name in dialect.kept}
        return with_facts(pa.table(empty), _facts(dialect))
    try:
        table = _arrow_table(rows, dialect, threads=True)
    except pa.ArrowInvalid as error:
        first_message = str(error)
        try:
            # Again with one thread and one block: a row may be longer than a block.
            table = _arrow_table(rows, dialect, threads=False)
        except pa.ArrowInvalid:
            raise _error_of_rows(first_message, rows, dialect, source) from error
    return with_facts(table, _facts(dialect))


def _arrow_table(rows: bytes, dialect: Dialect, threads: bool) -> pa.Table:
    options = _arrow_options(dialect, threads)
    if not threads:
        most = (1 << 31) - 1
        options["read_options"].block_size = min(len(rows) + 1, most)
    return pa.csv.read_csv(pa.BufferReader(rows), **options)


def _arrow_options(dialect: Dialect, threads: bool) -> dict[str, Any]:
    """How pyarrow shall read the rows.

    The names are given, so that each column can be declared as text.
    """
    names = list(dialect.names)
    wanted = list(dialect.kept)
    # pyarrow wants a name for each column, and all of them different.
    if dialect.index:
        names[0] = "\0index"
    for number in range(len(names) - dialect.trailing, len(names)):
        names[number] = f"\0{number}"
        wanted.append(names[number])
    return dict(
        read_options=pa.csv.ReadOptions(column_names=names, use_threads=threads),
        parse_options=pa.csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote,
            newlines_in_values=True,
            # In a table of one column an empty line is a missing cell.
            ignore_empty_lines=len(names) > 1,
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=wanted,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _without_trailing(table: pa.Table, dialect: Dialect, source: Input) -> pa.Table:
    """Without the columns at the end that have neither name nor cells."""
    for name in [name for name in table.column_names if name.startswith("\0")]:
        cells = table.column(name)
        if cells.null_count < len(cells):
            number = int(name[1:]) + 1
            raise DataError(
                f"{source}: column {number} of {len(dialect.names)} has a blank name; "
                f"give it one in line {dialect.header_line}"
            )
        table = table.drop_columns([name])
    return table


def _as_text(column: pa.ChunkedArray) -> pd.Series:
    series = column.to_pandas()
    if int(pd.__version__.split(".")[0]) < 3:
        return series
    # An all-missing column of text comes as object.
    return series.astype("str")


# -- What is wrong


def _check_quotes(table: pa.Table, opened: _Opened) -> None:
    """Refuse a table in which a quote that was not closed has swallowed lines.

    Raises:
        DataError: A cell of several lines is not quoted as it should be.
    """
    for column in table.columns:
        breaks = pc.match_substring_regex(column, r"[\r\n]")
        if not pc.any(breaks).as_py():
            continue
        # Only now: this looks at each row.
        with _lines(opened.source) as lines:
            fault = dialects.first_fault(lines, opened.dialect, is_strict=True)
        if fault:
            raise DataError(f"{opened.source}: {fault}")
        return


@contextlib.contextmanager
def _lines(source: Input) -> Iterator[Iterator[str]]:
    """All lines of a file with their ends; what is not UTF-8 is replaced."""
    with source.open() as file, unpacked(file, source) as content:
        yield iter(io.TextIOWrapper(content, "utf-8-sig", errors="replace", newline=""))


def _error_of_rows(
    message: str, rows: bytes, dialect: Dialect, source: Input
) -> DataError:
    """The error of rows that pyarrow cannot read, all of which are at hand."""
    opened = _Opened(source, dialect, io.BytesIO(rows))
    return _parse_error(message, opened)


def _parse_error(message: str, opened: _Opened) -> DataError:
    """Pyarrow's complaint about a row, in the words of this program."""
    if "UTF8" in message or "UTF-8" in message:
        return _encoding_error(opened.source)
    with _lines(opened.source) as lines:
        fault = dialects.first_fault(lines, opened.dialect, is_strict=False)
    if fault is None:
        with _lines(opened.source) as lines:
            fault = dialects.first_fault(lines, opened.dialect, is_strict=True)
    reason = fault or f"not a well-formed table ({message.splitlines()[0]})"
    return DataError(f"{opened.source}: {reason}")


CODEC = TextCodec()
