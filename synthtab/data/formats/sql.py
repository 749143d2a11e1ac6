"""A table of a database, by SQLAlchemy: PostgreSQL, with the extra `postgres`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, ClassVar

import pandas as pd

from synthtab.core.errors import DataError, hint
from synthtab.core.schema import Schema
from synthtab.data.columns.base import is_text
from synthtab.data.formats.base import Codec, Target
from synthtab.data.formats.cells import plain_columns, series_of
from synthtab.data.formats.sqlite import exists_already
from synthtab.data.places import Database, Input, Place, passwords

# Rows that are sent together.
SEND_ROWS = 1000


class SqlCodec(Codec):
    """See the head of the file."""

    growth: ClassVar[float] = 0.0

    def read(self, source: Input) -> pd.DataFrame:
        import sqlalchemy as sa

        database = _database(source.place)
        with _connected(source.place) as connection:
            table = _table(connection, database, source.place)
            result = connection.execute(sa.select(table))
            names = list(result.keys())
            rows = result.fetchall()
        columns = {
            name: series_of([row[i] for row in rows]) for i, name in enumerate(names)
        }
        return pd.DataFrame(columns, columns=names)

    def held_bytes(self, source: Input) -> float:
        """Unknown."""
        return 0.0

    def write(
        self, pieces: Iterator[pd.DataFrame], target: Target, schema: Schema | None
    ) -> None:
        """All rows in one transaction: all of them or none."""
        database = _database(target.place)
        with _connected(target.place) as connection:
            _check_writable(connection, database, target.place)
            kept = database.if_exists == "append" and _is_there(connection, database)
            for number, piece in enumerate(pieces):
                mode: Any = "append" if number else database.if_exists
                columns = plain_columns(piece, schema)
                frame = pd.DataFrame(
                    {name: series_of(values) for name, values in columns.items()}
                )
                types = {}
                if connection.dialect.name == "postgresql":
                    types = _use_its_types(frame, piece, kept)
                frame.to_sql(
                    database.table,
                    connection,
                    schema=database.schema or None,
                    index=False,
                    if_exists=mode,
                    chunksize=SEND_ROWS,
                    dtype=types,
                )


def _use_its_types(frame: pd.DataFrame, typed: pd.DataFrame, kept: bool) -> Any:
    """The types of columns that are no plain ones, for pandas; ``frame`` gets their cells.

    Args:
        frame: What is sent.
        typed: The same as the schema types it.
        kept: Whether the columns of a table that is there take the cells: then it is
            the server that reads texts as these want them.
    """
    import sqlalchemy as sa

    types: dict[str, Any] = {}
    for name in frame.columns:
        cells = typed[name]
        if isinstance(cells.dtype, pd.DatetimeTZDtype):
            frame[name] = cells.to_numpy(dtype=object)
            types[name] = sa.DateTime(timezone=True)
        elif pd.api.types.infer_dtype(cells, skipna=True) == "decimal":
            frame[name] = cells.to_numpy(dtype=object)
            types[name] = sa.Numeric()
        elif kept and (is_text(frame[name]) or frame[name].isna().all()):
            types[name] = sa.types.NullType()
    return types


def check_writable(place: Place) -> None:
    """Find out now whether a table can be written later.

    Raises:
        DataError: There is one of the name, or the database does not answer.
    """
    with _connected(place) as connection:
        _check_writable(connection, _database(place), place)


def _check_writable(connection: Any, database: Database, place: Place) -> None:
    if database.if_exists == "fail" and _is_there(connection, database):
        raise exists_already(database, place)


def _is_there(connection: Any, database: Database) -> bool:
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    return bool(inspector.has_table(database.table, database.schema or None))


def _database(place: Place) -> Database:
    assert place.database is not None, "not a database, report this"
    return place.database


def engine(url: str) -> Any:
    """SQLAlchemy's engine; PostgreSQL is asked through psycopg."""
    import sqlalchemy as sa

    _, rest = url.split("://", 1)
    return sa.create_engine(f"postgresql+psycopg://{rest}")


@contextlib.contextmanager
def _connected(place: Place) -> Iterator[Any]:
    """A connection within a transaction. No message shows a password."""
    import sqlalchemy as sa

    database = _database(place)
    try:
        made = engine(database.url)
        try:
            with made.begin() as connection:
                yield connection
        finally:
            made.dispose()
    except (sa.exc.SQLAlchemyError, pd.errors.DatabaseError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        # What the driver says, without the statement and its values. pandas wraps it.
        cause: Any = error
        if isinstance(error, pd.errors.DatabaseError):
            cause = error.__cause__ or error
        reason = str(getattr(cause, "orig", None) or cause).split("\n")[0]
        for password in passwords(database.url):
            if password:
                reason = reason.replace(password, "***")
        raise DataError(f"{place.shown}: {reason}") from None


def _table(connection: Any, database: Database, place: Place) -> Any:
    import sqlalchemy as sa

    schema = database.schema or None
    inspector = sa.inspect(connection)
    names = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
    if database.table not in names:
        near = hint(database.table, names, "the tables are")
        raise DataError(f"{place.shown}: there is no table {database.table!r}{near}")
    return sa.Table(
        database.table, sa.MetaData(), schema=schema, autoload_with=connection
    )


CODEC = SqlCodec()
