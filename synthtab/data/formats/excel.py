"""Excel sheets, by openpyxl: the first sheet of a workbook.

A sheet is made in memory, and holds at most 1,048,576 rows.
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pandas as pd

from synthtab.core.errors import DataError
from synthtab.core.schema import Schema
from synthtab.data.formats.base import NOTES, Codec, Target
from synthtab.data.formats.cells import plain_columns, series_of
from synthtab.data.places import Input

# What a sheet and its cells can hold.
MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384
MOST_CHARACTERS = 32_767
# Numbers are stored as floats, whose whole numbers end here.
MOST_WHOLE = 2**53
# Days are counted from 1900, which Excel takes for a leap year.
FIRST_DAY = dt.datetime(1900, 3, 1)
# XML cannot hold these.
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


class ExcelCodec(Codec):
    """See the head of the file."""

    # A sheet is a zip archive of XML.
    growth: ClassVar[float] = 60.0

    def read(self, source: Input) -> pd.DataFrame:
        with source.open() as file:
            try:
                with warnings.catch_warnings():
                    # Of what is in the workbook beside its cells.
                    warnings.simplefilter("ignore")
                    with pd.ExcelFile(file, engine="openpyxl") as book:
                        names = list(map(str, book.sheet_names))
                        sheet: Any = book.parse(
                            0, header=None, dtype=object, na_filter=False
                        )
            except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise DataError(
                    f"{source} is not a whole Excel sheet; save it again, or as CSV"
                ) from error
        frame = _table(sheet, source)
        if len(names) > 1:
            frame.attrs[NOTES] = [
                f"the first of {len(names)} sheets, {names[0]!r}, is read"
            ]
        return frame

    def write(
        self, pieces: Iterator[pd.DataFrame], target: Target, schema: Schema | None
    ) -> None:
        from openpyxl import Workbook

        book = Workbook(write_only=True)
        sheet = book.create_sheet("Sheet1")
        try:
            _fill(sheet, pieces, target, schema)
        except BaseException:
            # It has a scratch file of its own.
            sheet.close()
            raise
        book.save(target.path)


def _fill(
    sheet: Any, pieces: Iterator[pd.DataFrame], target: Target, schema: Schema | None
) -> None:
    """A header, then all rows."""
    count = 1
    for piece in pieces:
        columns = plain_columns(piece, schema)
        if count == 1:
            _check_width(len(columns), target)
            sheet.append([_cell(sheet, str(name), str(name)) for name in columns])
        count += len(piece)
        if count > MOST_ROWS:
            raise DataError(
                f"cannot write {target.place.shown}: a sheet holds at most "
                f"{MOST_ROWS - 1:,} rows below its header; use .csv or .parquet"
            )
        cells = [_cells(sheet, name, values) for name, values in columns.items()]
        for row in zip(*cells, strict=True):
            sheet.append(row)


def _check_width(columns: int, target: Target) -> None:
    if columns > MOST_COLUMNS:
        raise DataError(
            f"cannot write {target.place.shown}: a sheet holds at most "
            f"{MOST_COLUMNS:,} columns; use .csv or .parquet"
        )


def _table(sheet: pd.DataFrame, source: Input) -> pd.DataFrame:
    """The cells below the first row, under the names in it."""
    filled = (sheet != "") & sheet.notna()
    # What was emptied still counts as used.
    rows = filled.any(axis=1).to_numpy()
    columns = filled.any(axis=0).to_numpy()
    if not rows.any():
        raise DataError(f"{source} is empty; expected a header line and rows")
    first, last = rows.argmax(), len(rows) - rows[::-1].argmax()
    left, right = columns.argmax(), len(columns) - columns[::-1].argmax()
    used = sheet.iloc[first:last, left:right]
    names = [str(name).strip() for name in used.iloc[0]]
    _check_names(names, source)
    values = [used.iloc[1:, i].tolist() for i in range(used.shape[1])]
    return pd.DataFrame(
        {name: series_of(cells) for name, cells in zip(names, values, strict=True)},
        columns=names,
    )


def _check_names(names: Sequence[str], source: Input) -> None:
    for number, name in enumerate(names, 1):
        if not name:
            raise DataError(
                f"{source}: column {number} of {len(names)} has a blank name; give it "
                "one in the first row, and take out what stands above the table"
            )
        if names.count(name) > 1:
            raise DataError(f"{source}: two columns are named {name!r}; rename one")


def _cells(sheet: Any, name: str, values: list[Any]) -> list[Any]:
    """The values of a column, as openpyxl shall write them."""
    if any(isinstance(v, dt.datetime) for v in values):
        values = _days(values)
    return [_cell(sheet, name, value) for value in values]


def _days(values: list[Any]) -> list[Any]:
    """Instants, as dates if they all are, and as text if Excel does not know them."""
    present = [value for value in values if value is not None]
    too_fine = any(value.microsecond % 1000 for value in present)
    if too_fine or min(present) < FIRST_DAY:
        return [None if v is None else v.isoformat(" ") for v in values]
    if all(value.time() == dt.time() for value in present):
        return [None if v is None else v.date() for v in values]
    return values


def _cell(sheet: Any, name: str, value: Any) -> Any:
    """A value for openpyxl; no text becomes a formula."""
    from openpyxl.cell import WriteOnlyCell

    if isinstance(value, int) and abs(value) > MOST_WHOLE:
        value = str(value)
    if not isinstance(value, str):
        return value
    if len(value) > MOST_CHARACTERS or CONTROLS.search(value):
        raise DataError(
            f"column {name!r} has a text that a sheet cannot hold "
            f"(control characters, or more than {MOST_CHARACTERS:,}); "
            "use .csv or .parquet"
        )
    cell = WriteOnlyCell(sheet, value)
    # It would be a formula where it begins with an equals sign.
    cell.data_type = "s"
    return cell


CODEC = ExcelCodec()
