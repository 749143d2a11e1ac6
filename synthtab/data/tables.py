"""Tables of any format <=> DataFrames. Text stays text: nothing is guessed while reading.

`read`                           file or database => cells, of text files as text
`synthtab.data.columns.infer`    cells => schema
`typed`                          cells and schema => cells in pandas dtypes
`write`                          these cells => file or database, as the schema says

Each format is a file of `synthtab.data.formats`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import pandas as pd
import pyarrow as pa

from synthtab.core.errors import DataError
from synthtab.core.files import replacing
from synthtab.core.schema import Schema
from synthtab.data import formats
from synthtab.data.columns import check_table

# Under this name, so that `tables` has the whole way of a table.
from synthtab.data.columns import typed as typed
from synthtab.data.formats import Format, text_rows
from synthtab.data.formats.base import DELIMITER, NOTES, Codec, Target
from synthtab.data.formats.compression import compression_of
from synthtab.data.places import (
    Input,
    PathLike,
    Place,
    open_input,
    place_to_write,
    readable,
)

__all__ = [
    "DELIMITER",
    "NOTES",
    "batches",
    "check_writable",
    "held_bytes",
    "is_compressed",
    "notes",
    "read",
    "reads_in_pieces",
    "rows_of",
    "to_frame",
    "typed",
    "write",
]


def codec(choice: Format) -> Codec:
    """What reads and writes a format; only now it is imported.

    Raises:
        MissingExtraError: It needs a library that is not installed.
    """
    formats.check_extra(choice)
    module = importlib.import_module(f"synthtab.data.formats.{choice.module}")
    return cast("Codec", module.CODEC)


# -- Reading


def read(where: PathLike | Input, *, schema: Schema | None = None) -> pd.DataFrame:
    """Read a table.

    Args:
        where: A file, in the format that its suffix names, a CSV file if it names none;
            "-" for standard input, or a pipe; ``sqlite:///FILE?table=NAME`` or
            ``postgresql://...?table=NAME``. Every cell of a text file comes back as
            text, an empty one as missing.
        schema: Makes the result `typed` by it.

    Raises:
        DataError: In one line: the file, what is wrong with it, and what to do.
        SchemaError: The schema disagrees with the file.
        MissingExtraError: A library is missing.
    """
    source = open_input(where)
    with readable(str(source)):
        frame = codec(source.format).read(source)
    _check_frame(frame, source)
    return frame if schema is None else typed(frame, schema)


def batches(
    where: PathLike | Input, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Read what `read` does a piece at a time.

    Args:
        where: See `read`.
        columns: Those that are wanted, in this order; None for all.

    Returns:
        Pieces of any size, in the order of the rows; a single one of formats that cannot
        be read in pieces. `to_frame` makes of any of them, of some rows of them, or of
        several together, what `read` makes of the file.

    Raises:
        DataError: As `read`, but only once the piece that is wrong is reached.
    """
    source = open_input(where)
    with readable(str(source)):
        yield from codec(source.format).batches(source, columns)


def to_frame(table: pa.Table, where: PathLike | Input) -> pd.DataFrame:
    """Rows of `batches` as a DataFrame, with the dtypes that `read` gives them."""
    source = open_input(where)
    frame = codec(source.format).to_frame(table)
    _check_frame(frame, source)
    return frame


def notes(frame: pd.DataFrame) -> list[str]:
    """Lines on how a table was read that its user may not expect."""
    return list(frame.attrs.get(NOTES, []))


def reads_in_pieces(source: Input) -> bool:
    """Whether a table can be read a piece at a time, in constant memory."""
    return codec(source.format).in_pieces


def rows_of(source: Input) -> int | None:
    """How many rows there are, where that stands in the file."""
    return codec(source.format).rows(source)


def held_bytes(source: Input) -> float:
    """About how much memory it takes to hold a table."""
    return codec(source.format).held_bytes(source)


def is_compressed(where: PathLike | Input) -> bool:
    """Whether a file is compressed as a whole, whatever its name says."""
    return bool(compression_of(open_input(where).start(8)))


def _check_frame(frame: pd.DataFrame, source: Input) -> None:
    try:
        check_table(frame)
    except DataError as error:
        raise DataError(f"{source}: {error}") from error


# -- Writing


def check_writable(where: PathLike) -> Place:
    """Find out now whether a table could be written, as far as its name says.

    Raises:
        DataError: The name says no format that is written, or the table of a database
            exists.
        MissingExtraError: A library is missing.
    """
    place = place_to_write(where)
    assert place.named is not None, "what is written has a format, report this"
    formats.check_extra(place.named.format)
    if place.database:
        name = f"synthtab.data.formats.{place.named.format.module}"
        importlib.import_module(name).check_writable(place)
    return place


def write(
    frames: pd.DataFrame | Iterable[pd.DataFrame],
    where: PathLike,
    schema: Schema | None = None,
    *,
    safe_cells: bool = False,
) -> None:
    """Write typed rows, a piece at a time.

    A file appears under its name only once it is whole, and a table of a database once
    all rows are in it.

    Args:
        frames: The rows, in one piece or several.
        where: A file whose suffix names the format; "-" is CSV on standard output; or a
            table of a database, with ``&if_exists=append`` or ``replace`` if there is
            one.
        schema: Decimals, dates and words are written as it says; without it, as pandas
            writes them.
        safe_cells: Of CSV files: put an apostrophe before texts that a spreadsheet would
            run. Numbers stay as they are.

    Raises:
        DataError: The table cannot be written; nothing is left behind.
        MissingExtraError: A library is missing.
    """
    if isinstance(frames, pd.DataFrame):
        frames = [frames]
    pieces = iter(frames)
    if str(where) == "-":
        text_rows.write_stdout(pieces, schema, safe_cells)
        return
    if not str(where).count("://") and Path(where).is_dir():
        raise DataError(f"{where} is a folder; name a file in it")
    place = check_writable(where)
    assert place.named is not None, "what is written has a format, report this"
    writer = codec(place.named.format)
    try:
        if place.path is None:
            target = Target(Path(), place.named, place, safe_cells)
            writer.write(pieces, target, schema)
            return
        # The scratch file has another suffix: the target says which format to write.
        with replacing(place.path, DataError) as scratch:
            target = Target(scratch, place.named, place, safe_cells)
            writer.write(pieces, target, schema)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"cannot write {place.shown}: {reason}; use CSV") from error
