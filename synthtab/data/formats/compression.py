"""Files that are compressed as a whole: what they are shows in their first bytes."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import pyarrow as pa

from synthtab.core.errors import DataError

# The first bytes -> the suffix of such files.
MARKS = {
    b"\x1f\x8b": ".gz",
    b"BZh": ".bz2",
    b"\xfd7zXZ\x00": ".xz",
    b"\x28\xb5\x2f\xfd": ".zst",
    b"PK\x03\x04": ".zip",
}
NAMES = {
    ".gz": "gzip file",
    ".bz2": "bzip2 file",
    ".xz": "xz file",
    ".zst": "zstd file",
    ".zip": "zip archive",
}
# What the libraries raise for damaged content.
DAMAGED = (
    EOFError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
    # A member of a zip archive that needs a password or an unknown method.
    RuntimeError,
    NotImplementedError,
)
LEVEL = 6


def compression_of(start: bytes) -> str:
    """How a file is compressed, from its first bytes: a suffix, or ""."""
    for mark, suffix in MARKS.items():
        if start.startswith(mark):
            return suffix
    return ""


@contextlib.contextmanager
def unpacked(file: BinaryIO, name: object) -> Iterator[BinaryIO]:
    """What is in a file, which may be compressed.

    Args:
        file: At its start, where it is left.
        name: What messages call it.

    Raises:
        DataError: It is damaged, or an archive of several files.
    """
    suffix = compression_of(file.read(8))
    file.seek(0)
    if not suffix:
        yield file
        return
    try:
        with _unpacking(file, suffix, name) as content:
            yield content
    except DAMAGED as error:
        raise damaged(suffix, name) from error
    except OSError as error:
        # bzip2 and zstd have no class of their own.
        if error.errno is not None:
            raise
        raise damaged(suffix, name) from error


def damaged(suffix: str, name: object) -> DataError:
    """The error of a file that cannot be unpacked."""
    if suffix == ".zip":
        return DataError(
            f"{name} is a damaged or locked zip archive or Excel sheet; "
            "save the table as CSV"
        )
    return DataError(f"{name} is a damaged {NAMES[suffix]}; compress it again")


def _unpacking(file: BinaryIO, suffix: str, name: object) -> BinaryIO:
    if suffix == ".gz":
        return cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="rb"))
    if suffix == ".bz2":
        return cast("BinaryIO", bz2.BZ2File(file, "rb"))
    if suffix == ".xz":
        return cast("BinaryIO", lzma.LZMAFile(file, "rb"))
    if suffix == ".zst":
        return cast("BinaryIO", pa.CompressedInputStream(pa.PythonFile(file), "zstd"))
    return _only_member(zipfile.ZipFile(file), name)


def _only_member(archive: zipfile.ZipFile, name: object) -> BinaryIO:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if "[Content_Types].xml" in names:
        raise DataError(f"{name} is an Excel sheet; name it *.xlsx")
    # What macOS adds.
    tables = [member for member in names if not member.startswith("__MACOSX/")]
    if len(tables) != 1:
        raise DataError(
            f"{name} holds {len(tables)} files; unpack it and name the one to read"
        )
    return cast("BinaryIO", archive.open(tables[0]))


@contextlib.contextmanager
def packing(path: Path, suffix: str, member: str) -> Iterator[IO[bytes]]:
    """A file to write into, compressed as a suffix says.

    Args:
        path: The file.
        suffix: One of those above, or "".
        member: The name of what is in it, for a zip archive.
    """
    with open(path, "wb") as file, contextlib.ExitStack() as closing:
        if suffix == ".zip":
            archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
            closing.enter_context(archive)
            packed: Any = archive.open(member, "w", force_zip64=True)
        else:
            packed = _packed(file, suffix)
        # Before the archive, and the archive before the file.
        yield closing.enter_context(packed)


def _packed(file: BinaryIO, suffix: str) -> Any:
    """What compresses into a file."""
    if suffix == ".gz":
        return gzip.GzipFile("", "wb", LEVEL, file, mtime=0)
    if suffix == ".bz2":
        return bz2.BZ2File(file, "wb")
    if suffix == ".xz":
        return lzma.LZMAFile(file, "wb")
    if suffix == ".zst":
        return pa.CompressedOutputStream(pa.PythonFile(file, "w"), "zstd")
    return contextlib.nullcontext(file)
