"""A table of an SQLite database, by Python's own sqlite3."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Iterator
from typing import Any, ClassVar

import pandas as pd

from synthtab.core.errors import DataError, hint
from synthtab.core.schema import Schema
from synthtab.data.formats.base import Codec, Target
from synthtab.data.formats.cells import plain_columns, series_of
from synthtab.data.places import Database, Input, Place

# SQLite stores whole numbers of 64 bits.
MOST_WHOLE = 2**63


class SqliteCodec(Codec):
    """See the head of the file."""

    growth: ClassVar[float] = 10.0

    def read(self, source: Input) -> pd.DataFrame:
        database = _database(source.place)
        with _errors(source.place), _connected(database, "ro") as connection:
            _check_table(connection, database, source.place)
            query = f"SELECT * FROM {_name(database.table)}"
            cursor = connection.execute(query)
            names = [description[0] for description in cursor.description]
            rows = cursor.fetchall()
            types = _declared(connection, database.table)
        columns = {}
        for i, name in enumerate(names):
            values = [_readable(row[i]) for row in rows]
            columns[name] = _typed(series_of(values), types.get(name, ""))
        return pd.DataFrame(columns, columns=names)

    def held_bytes(self, source: Input) -> float:
        """What the whole database takes, at most."""
        return self.growth * _database(source.place).file.stat().st_size

    def write(
        self, pieces: Iterator[pd.DataFrame], target: Target, schema: Schema | None
    ) -> None:
        """All rows in one transaction: all of them or none."""
        database = _database(target.place)
        table = _name(database.table)
        is_new = not database.file.exists()
        try:
            with _errors(target.place), _connected(database, "rwc") as connection:
                connection.execute("BEGIN IMMEDIATE")
                exists = _exists(connection, database.table)
                if exists and database.if_exists == "replace":
                    connection.execute(f"DROP TABLE {table}")
                    exists = False
                for number, piece in enumerate(pieces):
                    columns = plain_columns(piece, schema)
                    if number == 0 and not exists:
                        connection.execute(_definition(database.table, columns))
                    names = ", ".join(map(_name, columns))
                    marks = ", ".join("?" * len(columns))
                    cells = [list(map(_stored, v)) for v in columns.values()]
                    connection.executemany(
                        f"INSERT INTO {table} ({names}) VALUES ({marks})",
                        zip(*cells, strict=True),
                    )
                connection.commit()
        except BaseException:
            if is_new:
                database.file.unlink(missing_ok=True)
            raise


def check_writable(place: Place) -> None:
    """Find out now whether a table can be written later.

    Raises:
        DataError: There is one of the name, or no folder for the database.
    """
    database = _database(place)
    folder = database.file.resolve().parent
    if not folder.is_dir():
        raise DataError(f"cannot write {place.shown}: there is no folder {folder}")
    if not database.file.exists():
        return
    with _errors(place), _connected(database, "rw") as connection:
        if database.if_exists == "fail" and _exists(connection, database.table):
            raise exists_already(database, place)


def exists_already(database: Database, place: Place) -> DataError:
    """The error of a table that would be overwritten."""
    return DataError(
        f"cannot write {place.shown}: there is a table {database.table!r}; add "
        "&if_exists=append or &if_exists=replace, or name another"
    )


def _database(place: Place) -> Database:
    assert place.database is not None, "not a database, report this"
    return place.database


@contextlib.contextmanager
def _connected(database: Database, mode: str) -> Iterator[sqlite3.Connection]:
    """A connection; the mode is SQLite's: ro, rw, or rwc to make the file."""
    uri = f"{database.file.resolve().as_uri()}?mode={mode}"
    # Transactions are begun and ended here, not by the library.
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def _errors(place: Place) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise DataError(f"{place.shown}: {error}") from error


def _name(name: str) -> str:
    """A name in quotes, as SQL has them."""
    return '"' + name.replace('"', '""') + '"'


def _tables(connection: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
    return [row[0] for row in connection.execute(query)]


def _exists(connection: sqlite3.Connection, table: str) -> bool:
    return table.lower() in [name.lower() for name in _tables(connection)]


def _check_table(
    connection: sqlite3.Connection, database: Database, place: Place
) -> None:
    if not _exists(connection, database.table):
        near = hint(database.table, _tables(connection), "the tables are")
        raise DataError(f"{place.shown}: there is no table {database.table!r}{near}")


def _declared(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    """The types that the columns were declared with, which SQLite does not enforce."""
    rows = connection.execute(f"PRAGMA table_info({_name(table)})")
    return {row[1]: str(row[2]).upper() for row in rows}


def _readable(cell: Any) -> Any:
    # Bytes are no cell of a table; as text they are at least seen.
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell


def _typed(series: pd.Series, declared: str) -> pd.Series:
    """Dates and truth values, which SQLite stores as texts and numbers."""
    if declared.startswith("BOOL") and set(series.dropna().unique()) <= {0, 1}:
        missing = bool(series.isna().any())
        return series.astype("boolean" if missing else "bool")
    if declared.startswith(("DATE", "TIMESTAMP")):
        try:
            return pd.Series(pd.to_datetime(series, format="ISO8601"))
        except (ValueError, TypeError):
            return series
    return series


def _definition(table: str, columns: dict[str, list[Any]]) -> str:
    """The statement that makes the table; types are those of the first piece."""
    parts = [f"{_name(name)} {_type(values)}" for name, values in columns.items()]
    return f"CREATE TABLE {_name(table)} ({', '.join(parts)})"


def _type(values: list[Any]) -> str:
    types = {type(value) for value in values if value is not None}
    for python, name in ((bool, "BOOLEAN"), (dt.datetime, "TIMESTAMP")):
        if types == {python}:
            return name
    if types == {int}:
        return "INTEGER"
    if types and types <= {int, float}:
        return "REAL"
    return "TEXT"


def _stored(value: Any) -> Any:
    """A value as SQLite stores it."""
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, int) and not -MOST_WHOLE <= value < MOST_WHOLE:
        return str(value)
    return value


CODEC = SqliteCodec()
