"""JSON: one list with an object a row."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd

from synthtab.core.errors import DataError
from synthtab.core.schema import Schema
from synthtab.data.formats.base import Target
from synthtab.data.formats.compression import packing
from synthtab.data.formats.json_lines import (
    JsonLinesCodec,
    content_of,
    frame_of,
    json_rows,
)
from synthtab.data.formats.text_rows import glue, joined
from synthtab.data.places import Input


class JsonRecordsCodec(JsonLinesCodec):
    """See the head of the file."""

    def read(self, source: Input) -> pd.DataFrame:
        content = content_of(source)
        try:
            rows = json.loads(content)
        except UnicodeDecodeError as error:
            raise DataError(f"{source} is not in UTF-8; convert it") from error
        except (ValueError, RecursionError) as error:
            # JSON lines under another name.
            if content.lstrip().startswith(b"{"):
                return super().read(source)
            raise DataError(f"{source} is not JSON ({error})") from error
        if isinstance(rows, dict):
            rows = [rows]
        if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
            raise DataError(
                f'{source} is not a list of objects, as in [{{"age": 41}}, ...]; '
                "write it so, or as CSV"
            )
        return frame_of(rows, source)

    def write(
        self, pieces: Iterator[pd.DataFrame], target: Target, schema: Schema | None
    ) -> None:
        member = target.named.stem + target.named.suffix
        with packing(target.path, target.named.compression, member) as file:
            before = "[\n"
            for rows in json_rows(pieces, schema):
                text = joined(glue([rows, ",\n"])).removesuffix(",\n")
                file.write((before + text).encode())
                before = ",\n"
            file.write(b"[]\n" if before == "[\n" else b"\n]\n")


CODEC = JsonRecordsCodec()
