"""Tables of other libraries: polars and Arrow, in and out.

What has the Arrow interface (`__arrow_c_stream__`) comes in as an Arrow table: polars,
pyarrow, DuckDB and others. Columns that pandas holds as Arrow does are not copied. Rows
go out as the table came in, in its types.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

from synthtab.core.errors import (
    ConfigError,
    DataError,
    MissingExtraError,
    hint,
)

FRAMES = ("pandas", "polars", "arrow")
# Arrow's whole numbers and booleans -> the dtypes of pandas that hold missing ones: what
# pandas would make of them by itself are floats and objects.
WITH_MISSING: dict[pa.DataType, Any] = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


@dataclass(frozen=True)
class Frames:
    """What tables a user has, and gets.

    Attributes:
        library: One of `FRAMES`.
        types: Column -> its type in that library, where a table has told it.
    """

    library: str = "pandas"
    types: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Any) -> Frames:
        """The library and the types of a table; pandas, whatever else it is."""
        if _is_polars(table) and not hasattr(table, "collect"):
            return cls("polars", dict(table.schema))
        if isinstance(table, pd.DataFrame) or not hasattr(table, "__arrow_c_stream__"):
            return cls()
        schema = table.schema if isinstance(table, pa.Table) else _arrow(table).schema
        return cls("arrow", {one.name: one.type for one in schema})

    def named(self, library: str | None) -> Frames:
        """The same in another library, if one is named.

        Raises:
            ConfigError: There is no such library.
        """
        if library is None or library == self.library:
            return self
        if library not in FRAMES:
            near = hint(library, FRAMES, "there are")
            raise ConfigError(f"the frame {library!r} is not known{near}")
        return Frames(library)

    def give(self, rows: pd.DataFrame) -> Any:
        """Rows of pandas in this library, in the types of the table where they fit.

        Raises:
            MissingExtraError: polars is not installed.
        """
        if self.library == "pandas":
            return rows
        table = pa.Table.from_pandas(rows, preserve_index=False)
        table = table.replace_schema_metadata(None)
        if self.library == "arrow":
            for place, one in enumerate(table.schema):
                wanted = self.types.get(one.name, one.type)
                table = table.set_column(
                    place, one.name, _cast(table.column(place), wanted)
                )
            return table
        if importlib.util.find_spec("polars") is None:
            raise MissingExtraError("frame='polars' needs polars: pip install polars")
        polars = importlib.import_module("polars")
        given = polars.from_arrow(table)
        for name, wanted in self.types.items():
            if name in given.columns and given.schema[name] != wanted:
                try:
                    given = given.with_columns(given[name].cast(wanted))
                except polars.exceptions.PolarsError:
                    # A value has no place in the type: the column keeps its own.
                    continue
        return given


def to_pandas(table: Any) -> Any:
    """A table of polars or Arrow as a DataFrame of pandas; anything else as it is.

    Raises:
        DataError: It is a table that was not computed yet.
    """
    if isinstance(table, pd.DataFrame):
        return table
    if _is_polars(table) and hasattr(table, "collect"):
        raise DataError("a polars LazyFrame is no table yet: give it .collect()")
    # The first releases of polars lack the interface.
    if not hasattr(table, "__arrow_c_stream__") and not _is_polars(table):
        return table
    whole = _arrow(table)
    frames = []
    for name, column in zip(whole.column_names, whole.columns, strict=True):
        mapper = WITH_MISSING.get if column.null_count else None
        one = pa.table({name: column}).to_pandas(types_mapper=mapper)
        frames.append(one)
    if not frames:
        return pd.DataFrame(index=range(whole.num_rows))
    return pd.concat(frames, axis=1)


def _is_polars(table: Any) -> bool:
    return type(table).__module__.partition(".")[0] == "polars"


def _arrow(table: Any) -> pa.Table:
    """A table of any library as one of Arrow."""
    if isinstance(table, pa.Table):
        return table
    if _is_polars(table):
        return table.to_arrow()
    return pa.table(table)


def _cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """A column in another type, if it has a place for all its values."""
    try:
        return column.cast(wanted)
    except pa.ArrowException:
        return column
