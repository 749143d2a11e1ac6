"""Where a table is: a file, a pipe, standard input, or a table of a database.

`Place` is what a user names, before anything is opened; it needs no pandas. `Input` is
the same, opened, so that it can be read as often as needed: what comes through a pipe is
kept in memory, or in a temporary file if it is large.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, BinaryIO, cast
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from synthtab.core.errors import DataError, MissingExtraError
from synthtab.core.files import is_special
from synthtab.data import formats
from synthtab.data.formats import Format, Named

# Standard input or output.
DASH = "-"
# Of what comes through a pipe, so many bytes are kept in memory.
MEMORY_BYTES = 1 << 26
# Bytes that are read from a pipe at a time.
CHUNK_BYTES = 1 << 20

# The first bytes of a stream -> what it holds.
MARKS = {
    b"PAR1": ".parquet",
    b"ARROW1": ".feather",
    b"{": ".jsonl",
    b"[": ".json",
}
# In a zip archive with these there is an Excel sheet.
EXCEL_MEMBERS = (b"[Content_Types].xml", b"xl/", b"_rels/")

DATABASES = {
    "sqlite": formats.SQLITE,
    "postgresql": formats.POSTGRESQL,
    "postgres": formats.POSTGRESQL,
}
URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
# What to do with a table of the name that is there already.
IF_EXISTS = ("fail", "append", "replace")

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Database:
    """A table of a database.

    Attributes:
        url: Where the database is; without what is meant for us.
        table: The name of the table.
        schema: The schema of the database that holds it; "" for the usual one.
        if_exists: One of `IF_EXISTS`.
    """

    url: str
    table: str
    schema: str = ""
    if_exists: str = "fail"

    @property
    def file(self) -> Path:
        """The file of an SQLite database: ``sqlite:///shop.db``, or four for ``/``."""
        return Path(unquote(urlsplit(self.url).path.removeprefix("/")))


@dataclass(frozen=True)
class Place:
    """Where a table is, as a user names it.

    Attributes:
        shown: Its name in messages; never with a password.
        named: What the name says of the format; None where the content must say it.
        path: The file; None for standard input and databases.
        database: Where it is in a database, else None.
    """

    shown: str
    named: Named | None
    path: Path | None = None
    database: Database | None = None

    @property
    def is_dash(self) -> bool:
        """Whether it is standard input or output."""
        return self.path is None and self.database is None

    @property
    def stem(self) -> str:
        """A name for what is made of the table: ``people`` for ``people.csv.gz``."""
        if self.database:
            return self.database.table
        if self.named is None or self.path is None:
            return "table"
        return self.named.stem


def place(where: PathLike) -> Place:
    """Where a table to read is.

    Raises:
        DataError: Nothing that can be read has such a name.
    """
    text = os.fspath(where)
    found = URL.match(text)
    if found:
        return _database(text, found[1].lower())
    if text == DASH:
        return Place("standard input", None)
    path = Path(text)
    if is_special(path):
        # A pipe of a shell, such as /dev/fd/63, has no suffix; one of a user may.
        suffix = path.suffix.lower()
        known = any(suffix in choice.suffixes for choice in formats.FORMATS)
        return Place(text, formats.named(path.name) if known else None, path)
    try:
        return Place(text, formats.named(text), path)
    except DataError as error:
        if not path.exists() and not path.is_symlink():
            raise DataError(f"{text} does not exist") from error
        raise


def place_to_write(where: PathLike) -> Place:
    """Where a table to write shall be.

    Raises:
        DataError: No table is written under such a name.
    """
    text = os.fspath(where)
    found = URL.match(text)
    if found:
        return _database(text, found[1].lower())
    if text == DASH:
        return Place("standard output", formats.named("-.csv"))
    path = Path(text)
    if is_special(path):
        found_format = formats.named(path.name)
        return Place(text, found_format, path)
    return Place(text, formats.named_to_write(text), path)


def _database(text: str, scheme: str) -> Place:
    """A table of a database, from ``sqlite:///shop.db?table=orders``."""
    shown = without_password(text)
    if scheme not in DATABASES:
        known = "sqlite:///FILE?table=NAME or postgresql://HOST/DATABASE?table=NAME"
        raise DataError(
            f"{shown}: {scheme}:// cannot be read: use {known}, or export the table as CSV"
        )
    parts = urlsplit(text)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    table = options.pop("table", "")
    if not table:
        raise DataError(f"{shown} does not say which table: add ?table=NAME")
    if_exists = options.pop("if_exists", IF_EXISTS[0])
    if if_exists not in IF_EXISTS:
        raise DataError(
            f"{shown}: if_exists can be append or replace, not {if_exists!r}"
        )
    schema = options.pop("schema", "")
    if scheme == "sqlite" and (parts.netloc or len(parts.path) < 2):
        raise DataError(
            f"{shown}: write sqlite:///FILE?table=NAME, with three slashes "
            "(four before a path that begins with /)"
        )
    # What is left, such as sslmode, is for the database.
    rest = urlunsplit(
        (scheme, parts.netloc, parts.path, urlencode(options), parts.fragment)
    )
    return Place(
        shown,
        Named(DATABASES[scheme], "", "", table),
        database=Database(rest, table, schema, if_exists),
    )


# A password may itself hold an @ or a slash: all up to the last @ is hidden.
OF_USER = re.compile(r"^([a-z][a-z0-9+.-]*://[^:/@?]*):.*@", re.IGNORECASE | re.DOTALL)
OF_OPTION = re.compile(r"([?&][a-z_]*(?:password|passwd|pwd)=)[^&]*", re.IGNORECASE)


def without_password(url: str) -> str:
    """An URL, as messages, reports and model files may show it; other text as it is."""
    return OF_OPTION.sub(r"\1***", OF_USER.sub(r"\1:***@", url))


def passwords(url: str) -> list[str]:
    """The passwords in an URL, as they stand there and as they are meant."""
    found = []
    parts = urlsplit(url)
    if parts.password:
        found += [parts.password, unquote(parts.password)]
    for name, value in parse_qsl(parts.query):
        if re.search("password|passwd|pwd", name, re.IGNORECASE):
            found += [value, quote(value)]
    return found


# -- Find out early whether a table can be read, or written


def check_readable(where: PathLike) -> Place:
    """Find out now whether a table can be read later, without opening it.

    Raises:
        DataError: There is none, or none that can be read.
        MissingExtraError: A library is missing.
    """
    found = place(where)
    if found.is_dash:
        if sys.stdin is None or sys.stdin.closed:
            raise DataError("there is no standard input to read a table from")
        if sys.stdin.isatty():
            raise _terminal(DASH)
        return found
    if found.named is not None:
        formats.check_extra(found.named.format)
    path = found.path
    if found.database and found.named and found.named.format is formats.SQLITE:
        path = found.database.file
    if path is not None:
        if path.is_dir():
            raise DataError(f"{path} is a folder; name a CSV or Parquet file in it")
        if not path.exists():
            raise DataError(f"{path} does not exist")
    return found


def _terminal(name: str) -> DataError:
    return DataError(
        f"{name}: standard input is a terminal: send a table into it, "
        "as in `synthtab schema - < people.csv`"
    )


# -- Open what is to be read


class Input:
    """A table that can be read as often as needed.

    Attributes:
        place: Where it is.
        named: How it is stored.
    """

    def __init__(self, place: Place, named: Named, content: bytes | Path) -> None:
        self.place = place
        self.named = named
        self._content = content

    def __str__(self) -> str:
        return self.place.shown

    @property
    def format(self) -> Format:
        """How it is stored."""
        return self.named.format

    def open(self) -> BinaryIO:
        """The bytes, from the first one on."""
        if isinstance(self._content, bytes):
            return io.BytesIO(self._content)
        return open(self._content, "rb")

    def size(self) -> int:
        """How many bytes there are."""
        if isinstance(self._content, bytes):
            return len(self._content)
        return self._content.stat().st_size

    def start(self, size: int) -> bytes:
        """The first bytes."""
        with self.open() as file:
            return file.read(size)


def open_input(where: PathLike | Input) -> Input:
    """Open a table; what cannot be read twice is read now.

    Raises:
        DataError: There is none, or it cannot be read.
    """
    if isinstance(where, Input):
        return where
    found = check_readable(where)
    if found.database:
        assert found.named is not None, "databases have a format, report this"
        return Input(found, found.named, b"")
    with readable(found.shown):
        if found.is_dash:
            return _kept(sys.stdin.buffer, found)
        path = found.path
        assert path is not None, "what is nowhere else is a file, report this"
        if not is_special(path):
            assert found.named is not None, "files have a name, report this"
            return Input(found, found.named, path)
        with open(path, "rb", buffering=0) as file:
            if os.isatty(file.fileno()):
                raise _terminal(found.shown)
            return _kept(cast("IO[bytes]", file), found)


@contextlib.contextmanager
def readable(name: str) -> Iterator[None]:
    """Errors while a table is read, in the words of this program."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{name} does not exist") from error
    except (DataError, MissingExtraError):
        raise
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}") from error


def _kept(stream: IO[bytes], found: Place) -> Input:
    """What comes through a pipe, to be read as often as needed."""
    parts = [stream.read(CHUNK_BYTES) or b""]
    _check_not_endless(parts[0], found)
    size = len(parts[0])
    # A pipe may give less than is asked for, and nothing only at its end.
    while parts[-1] and size <= MEMORY_BYTES:
        parts.append(stream.read(CHUNK_BYTES) or b"")
        size += len(parts[-1])
    start = parts[0] if len(parts[0]) > 4 else b"".join(parts[:9])
    how = found.named or _by_content(start)
    if not parts[-1]:
        return Input(found, how, b"".join(parts))

    file = _temporary_file(parts, stream, found)
    kept = Input(found, how, file)
    # Also at the end of the program.
    weakref.finalize(kept, file.unlink, missing_ok=True)
    return kept


def _temporary_file(parts: list[bytes], stream: IO[bytes], found: Place) -> Path:
    """A file with what was read from a pipe and what is still to come."""
    handle, name = tempfile.mkstemp(prefix="synthtab-", suffix=".input")
    try:
        with open(handle, "wb") as file:
            file.writelines(parts)
            while chunk := stream.read(CHUNK_BYTES):
                file.write(chunk)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise DataError(
                f"{found.shown} is kept in {tempfile.gettempdir()} while it is read: "
                f"{error.strerror or error}; name a folder with room in TMPDIR"
            ) from error
        raise
    return Path(name)


def _check_not_endless(start: bytes, found: Place) -> None:
    """Refuse what is no table before all of it is read: /dev/zero has no end."""
    from synthtab.data.formats.compression import compression_of

    is_known = compression_of(start) or any(start.startswith(m) for m in MARKS)
    if b"\0" in start and not is_known and not _is_utf16(start):
        raise DataError(f"{found.shown} is a binary file; expected CSV text")


def _is_utf16(start: bytes) -> bool:
    return start.startswith((b"\xff\xfe", b"\xfe\xff"))


def _by_content(start: bytes) -> Named:
    """What the first bytes of a stream say of its format; text in doubt."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    suffix = ".csv"
    for mark, of_mark in MARKS.items():
        if text.startswith(mark):
            suffix = of_mark
    # [1, 2] and {"a": 1} begin with these, and so may the header of a CSV file.
    if suffix in (".json", ".jsonl") and not looks_like_json(text):
        suffix = ".csv"
    in_zip = start.startswith(b"PK\x03\x04")
    if in_zip and any(member in start[:4096] for member in EXCEL_MEMBERS):
        suffix = ".xlsx"
    return replace(formats.named(f"-{suffix}"), stem="table")


def looks_like_json(text: bytes) -> bool:
    """Whether a file begins as JSON objects do, or a list of them."""
    return re.match(rb'(\[\s*)?\{\s*("|\})', text) is not None
