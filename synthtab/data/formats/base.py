"""`Codec`: what every format can do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pyarrow as pa

from synthtab.core.schema import Schema
from synthtab.data.columns import DELIMITER_MARK
from synthtab.data.formats import Named
from synthtab.data.places import Input, Place

# Keys of `DataFrame.attrs`: lines on how a file was read that its user may want to know,
# and what stands between the cells of a text file, which inference asks for.
NOTES = "synthtab.notes"
DELIMITER = DELIMITER_MARK
# Where a piece of a file keeps both.
METADATA = b"synthtab"


@dataclass(frozen=True)
class Target:
    """What rows are written to.

    Attributes:
        path: The file. It may have another name than the one in the end.
        named: What its name in the end says.
        place: What messages call it.
        is_safe: Whether texts that a spreadsheet would run get an apostrophe.
    """

    path: Path
    named: Named
    place: Place
    is_safe: bool = False


class Codec:
    """Reads and writes the tables of one format.

    Attributes:
        growth: Bytes of memory that it takes to read one byte of a file.
        in_pieces: Whether a file can be read a piece at a time.
    """

    growth: ClassVar[float] = 10.0
    in_pieces: ClassVar[bool] = False

    def read(self, source: Input) -> pd.DataFrame:
        """The whole table.

        Raises:
            DataError: In one line: the file, what is wrong with it, what to do.
        """
        raise NotImplementedError

    def batches(
        self, source: Input, columns: Sequence[str] | None
    ) -> Iterator[pa.Table]:
        """The table a piece at a time, with these columns; None for all."""
        frame = self.read(source)
        if columns is not None:
            frame = frame[list(columns)]
        facts = {str(key): value for key, value in frame.attrs.items()}
        yield with_facts(pa.Table.from_pandas(frame, preserve_index=False), facts)

    def to_frame(self, table: pa.Table) -> pd.DataFrame:
        """Rows of `batches`, with the dtypes that `read` gives them."""
        # Each piece may number the categories of a column in its own way.
        frame = without_numbering(table.unify_dictionaries().to_pandas())
        frame.attrs.update(facts_of(table))
        return frame

    def rows(self, source: Input) -> int | None:
        """How many there are, where that stands in the file."""
        return None

    def held_bytes(self, source: Input) -> float:
        """About how much memory it takes to hold the table."""
        return self.growth * source.size()

    def write(
        self, pieces: Iterator[pd.DataFrame], target: Target, schema: Schema | None
    ) -> None:
        """Write typed rows.

        Raises:
            DataError: The format cannot hold them.
        """
        raise NotImplementedError


def without_numbering(frame: pd.DataFrame) -> pd.DataFrame:
    """An index with a name is a column in disguise; one without is only a numbering."""
    return frame.reset_index(drop=frame.index.names == [None])


def with_facts(table: pa.Table, facts: dict[str, object]) -> pa.Table:
    """A piece of a file, with what is to stand in the attrs of its frame."""
    metadata = {**(table.schema.metadata or {}), METADATA: json.dumps(facts)}
    return table.replace_schema_metadata(metadata)


def facts_of(table: pa.Table) -> dict[str, object]:
    """What `with_facts` has put there."""
    found = (table.schema.metadata or {}).get(METADATA)
    facts: dict[str, object] = json.loads(found) if found else {}
    return facts
