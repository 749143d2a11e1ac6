"""Rows of a CSV file: typed columns => text, with quotes where they are needed."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synthtab.core.schema import Column, Schema
from synthtab.data.columns import KINDS, cells_to_text
from synthtab.data.formats.base import Target
from synthtab.data.formats.compression import packing

# Rows that are made into text together.
WRITE_ROWS = 1 << 16

# A spreadsheet takes a cell that begins so for a formula, and may run what it says
# (OWASP, "CSV injection"); but not where it is a number, or a mark alone.
RUNS = r"^[=+\-@\t\r]."
IS_NUMBER = (
    r"^[+\-]?\s*\p{Sc}?\s*[+\-]?(\d[\d.,' \x{a0}\x{202f}]*|[.,]\d+)([eE][+\-]?\d+)?"
    r"\s*(%|\p{Sc})?$"
)


def delimiter_of(target: Target) -> str:
    """What stands between cells: a comma, or a tab in ``*.tsv``."""
    return "\t" if target.named.format.name == "TSV" else ","


def write_file(
    pieces: Iterator[pd.DataFrame], target: Target, schema: Schema | None
) -> None:
    """Write rows to a file, which may be compressed."""
    member = target.named.stem + (target.named.suffix or ".csv")
    with (
        packing(target.path, target.named.compression, member) as packed,
        open_text(packed) as file,
    ):
        write_text(pieces, file, delimiter_of(target), schema, target.is_safe)


def open_text(packed: IO[bytes]) -> IO[str]:
    """Text in UTF-8, whose line ends stay as they are written."""
    return io.TextIOWrapper(packed, encoding="utf-8", newline="")


def write_stdout(
    pieces: Iterator[pd.DataFrame], schema: Schema | None, is_safe: bool
) -> None:
    """CSV on standard output."""
    write_text(pieces, sys.stdout, ",", schema, is_safe)
    sys.stdout.flush()


def write_text(
    pieces: Iterator[pd.DataFrame],
    file: IO[str],
    delimiter: str,
    schema: Schema | None,
    is_safe: bool = False,
) -> None:
    """One header, then all rows.

    Args:
        pieces: Typed rows.
        file: What they are written to.
        delimiter: What stands between cells.
        schema: How cells are written; None for pandas' way.
        is_safe: Whether texts that a spreadsheet would run get an apostrophe.
    """
    for i, piece in enumerate(pieces):
        is_first = i == 0
        if schema is None:
            if is_safe:
                piece = _safe_frame(piece)
            piece.to_csv(
                file, sep=delimiter, index=False, header=is_first, lineterminator="\n"
            )
            continue
        if is_first:
            names = pa.array(schema.names, pa.large_string())
            header = csv.writer(file, delimiter=delimiter, lineterminator="\n")
            header.writerow((safe(names) if is_safe else names).to_pylist())
        for start in range(0, len(piece), WRITE_ROWS):
            rows = piece.iloc[start : start + WRITE_ROWS]
            columns = []
            for column in schema.columns:
                texts = pa.array(
                    cells_to_text(rows[column.name], column), pa.large_string()
                )
                columns.append(safe(texts, column) if is_safe else texts)
            file.write(csv_rows(columns, delimiter))


# -- Cells that a spreadsheet would run


def runs(cells: pa.Array) -> pa.Array:
    """Which texts a spreadsheet would take for a formula, and which are no numbers."""
    formula = pc.match_substring_regex(cells, RUNS)
    number = pc.match_substring_regex(cells, IS_NUMBER)
    return pc.and_not(formula, number)


def safe(cells: pa.Array, column: Column | None = None) -> pa.Array:
    """The texts, with an apostrophe before those that a spreadsheet would run."""
    dangerous = pc.fill_null(runs(cells), False)
    if column is not None:
        dangerous = pc.and_(dangerous, _may_run(cells, column))
    return pc.if_else(dangerous, glue(["'", cells]), cells)


def _safe_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """A table with safe names, and safe cells where they are text."""
    columns = {}
    for name in frame.columns:
        cells = frame[name]
        if _is_words(cells):
            texts = pa.array(cells, pa.large_string(), from_pandas=True)
            cells = pd.Series(safe(texts).to_pandas(), index=frame.index)
        columns[name] = cells
    names = safe(pa.array([str(name) for name in frame.columns], pa.large_string()))
    return pd.DataFrame(columns).set_axis(names.to_pylist(), axis=1)


def _is_words(cells: pd.Series) -> bool:
    return pd.api.types.infer_dtype(cells, skipna=True) in ("string", "categorical")


def count_runs(frame: pd.DataFrame, schema: Schema) -> dict[str, int]:
    """Columns with cells that a spreadsheet would run => how many there are.

    Args:
        frame: As it was read.
        schema: What its columns are; those that the table lacks are passed over.
    """
    counts = {}
    for column in schema.columns:
        if column.name not in frame or not _is_words(frame[column.name]):
            continue
        distinct = frame[column.name].value_counts()
        texts = pa.array([str(v) for v in distinct.index], pa.large_string())
        hits = np.asarray(pc.and_(runs(texts), _may_run(texts, column)), dtype=bool)
        if hits.any():
            counts[column.name] = int(distinct.to_numpy()[hits].sum())
    return counts


def _may_run(texts: pa.Array, column: Column) -> pa.Array:
    """Which cells are no numbers or dates of a column, but words."""
    if not KINDS[column.kind].reads_missing:
        return pa.array(np.ones(len(texts), dtype=bool))
    words = [str(word) for word in column.options.get("words", ())]
    return pc.is_in(texts, pa.array(words, texts.type))


# -- Columns of texts => rows of CSV


def csv_rows(columns: list[pa.LargeStringArray], delimiter: str) -> str:
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
    last = glue([columns[-1], "\n"])
    return joined(glue([*columns[:-1], last], between=delimiter))


def joined(rows: pa.LargeStringArray) -> str:
    """All texts of an array as one."""
    # Arrow stores texts without a gap, so the content of the array is that of the file.
    # Beyond the end of the last row its buffer may hold anything.
    _, offsets, content = rows.buffers()
    end = int(np.frombuffer(offsets, dtype=np.int64)[len(rows)])
    return str(memoryview(content)[:end], "utf-8")


def _quote(cells: pa.LargeStringArray, delimiter: str) -> pa.LargeStringArray:
    """The cells, with quotes where a delimiter, a quote or a line end is in them."""
    special = pc.match_substring_regex(cells, f'[\r\n"{re.escape(delimiter)}]')
    doubled = pc.replace_substring(cells, '"', '""')
    return pc.if_else(special, glue(['"', doubled, '"']), cells)


def glue(
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
