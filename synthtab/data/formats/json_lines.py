"""JSON lines: an object a row, a line an object.

Numbers, truth values and missing cells have forms of their own; all else is text, dates
in the format of the schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from synthtab.core.errors import DataError
from synthtab.core.schema import Schema
from synthtab.data.columns import cells_to_text
from synthtab.data.formats.base import Codec, Target
from synthtab.data.formats.cells import series_of
from synthtab.data.formats.compression import packing, unpacked
from synthtab.data.formats.text_rows import glue, joined
from synthtab.data.places import Input

# Rows that are made into text together.
WRITE_ROWS = 1 << 16
# A whole number of so many digits may be more than 64 bits hold; pyarrow makes a
# rounded one of it, without a word.
LONG_NUMBER = re.compile(rb"[:\s]-?\d{19,}\s*[,}\n]")
MOST_BYTES = (1 << 31) - 1


class JsonLinesCodec(Codec):
    """See the head of the file."""

    growth: ClassVar[float] = 15.0

    def read(self, source: Input) -> pd.DataFrame:
        content = content_of(source)
        frame = None if LONG_NUMBER.search(content) else _by_arrow(content)
        if frame is None:
            frame = frame_of(_objects(content, source), source)
        return frame

    def write(
        self, pieces: Iterator[pd.DataFrame], target: Target, schema: Schema | None
    ) -> None:
        member = target.named.stem + target.named.suffix
        with packing(target.path, target.named.compression, member) as file:
            for rows in json_rows(pieces, schema):
                file.write(joined(glue([rows, "\n"])).encode())


def content_of(source: Input) -> bytes:
    """All bytes of a file, without a byte order mark."""
    with source.open() as file, unpacked(file, source) as content:
        found = content.read().removeprefix(b"\xef\xbb\xbf")
    if not found.strip():
        raise DataError(f"{source} is empty; expected a JSON object a line")
    return found


def _by_arrow(content: bytes) -> pd.DataFrame | None:
    """The table, or None where a column has values of several types."""
    options = pa.json.ReadOptions(block_size=min(len(content) + 1, MOST_BYTES))
    try:
        table = pa.json.read_json(pa.BufferReader(content), read_options=options)
        # A text that looks like an instant stays a text.
        instants = [f.name for f in table.schema if pa.types.is_timestamp(f.type)]
        if instants:
            as_text = pa.schema([(name, pa.string()) for name in instants])
            table = pa.json.read_json(
                pa.BufferReader(content),
                read_options=options,
                parse_options=pa.json.ParseOptions(explicit_schema=as_text),
            )
    except pa.ArrowInvalid:
        return None
    if any(pa.types.is_nested(field.type) for field in table.schema):
        return None
    columns = {}
    for i, name in enumerate(table.column_names):
        columns[name] = _series(table.column(i))
    return pd.DataFrame(columns, columns=table.column_names)


def _series(cells: pa.ChunkedArray) -> pd.Series:
    """A column in a dtype that keeps whole numbers and truth values beside gaps."""
    if cells.null_count and pa.types.is_integer(cells.type):
        return pd.Series(
            cells.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        )
    if cells.null_count and pa.types.is_boolean(cells.type):
        return pd.Series(
            cells.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
        )
    if pa.types.is_string(cells.type):
        missing = pc.equal(cells, "")
        cells = pc.if_else(missing, pa.scalar(None, pa.string()), cells)
    return pd.Series(cells.to_pandas())


def _objects(content: bytes, source: Input) -> list[dict[str, Any]]:
    """The rows as Python has them; it also says which line is wrong."""
    rows = []
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{source}: line {number} is not JSON; write an object a line"
            ) from error
        if not isinstance(row, dict):
            raise DataError(
                f"{source}: line {number} is not a JSON object; "
                'write one a line, as in {"age": 41}'
            )
        rows.append(row)
    return rows


def frame_of(rows: list[dict[str, Any]], source: Input) -> pd.DataFrame:
    """Objects as a table; the columns in the order in which they first come.

    Raises:
        DataError: A cell is a list or an object.
    """
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        nested = next((v for v in values if isinstance(v, (list, dict))), None)
        if nested is not None:
            raise DataError(
                f"{source}: column {name!r} holds lists or objects; flatten it, say "
                "with pandas.json_normalize"
            )
        columns[name] = series_of(values)
    return pd.DataFrame(columns, columns=list(names))


def json_rows(
    pieces: Iterator[pd.DataFrame], schema: Schema | None
) -> Iterator[pa.LargeStringArray]:
    """Typed rows as JSON objects, some at a time."""
    for piece in pieces:
        names = list(schema.names) if schema else list(piece.columns)
        for start in range(0, len(piece), WRITE_ROWS):
            rows = piece.iloc[start : start + WRITE_ROWS]
            parts: list[pa.LargeStringArray | str] = []
            for number, name in enumerate(names):
                before = "{" if number == 0 else ", "
                parts.append(f"{before}{_quoted(str(name))}: ")
                column = schema[name] if schema else None
                parts.append(_values(rows[name], column))
            yield glue([*parts, "}"])


def _values(series: pd.Series, column: Any) -> pa.LargeStringArray:
    """The cells of a column as JSON."""
    missing = series.isna().to_numpy(dtype=bool)
    dtype = series.dtype
    if pd.api.types.is_bool_dtype(dtype):
        texts = np.where(series.fillna(False).to_numpy(dtype=bool), "true", "false")
    elif pd.api.types.is_integer_dtype(dtype):
        texts = series.fillna(0).to_numpy().astype(str)
    elif pd.api.types.is_float_dtype(dtype):
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        missing = ~np.isfinite(numbers)
        # The shortest text that is this number.
        texts = np.array([repr(float(x)) for x in numbers], dtype=object)
    else:
        words = series.astype(str) if column is None else cells_to_text(series, column)
        codes, distinct = pd.factorize(pd.Series(np.asarray(words, dtype=object)))
        literals = [_quoted(str(word)) for word in distinct]
        texts = np.array([*literals, "null"], dtype=object)[codes]
    cells = np.where(missing, "null", texts.astype(object))
    return pa.array(cells, pa.large_string())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


CODEC = JsonLinesCodec()
