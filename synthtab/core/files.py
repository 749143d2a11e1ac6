"""Write a file whole or not at all.

A command that is stopped half-way, or meets a full disk, must not leave half a file
under the name that the user gave, nor destroy what was there before.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from synthtab.core.errors import SynthtabError


@contextlib.contextmanager
def replacing(
    path: str | os.PathLike[str],
    error_class: type[SynthtabError] | None = None,
    name: str = "",
) -> Iterator[Path]:
    """Give a scratch path to write to; at the end it takes the place of ``path``.

    After an exception the scratch file is removed and ``path`` is as it was before.

    Args:
        path: The file to write.
        error_class: What an `OSError` becomes; None lets it through.
        name: What messages call the file; the path if not given.
    """
    target = Path(path)
    # In the same folder: only within one file system is a renaming all or nothing. The
    # process number keeps two runs that write the same file out of each other's way.
    scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield scratch
        os.replace(scratch, target)
    except OSError as error:
        if error_class is None:
            raise
        raise error_class(
            f"cannot write {name or target}: {error.strerror or error}"
        ) from error
    finally:
        # A folder that has vanished meanwhile must not hide the error that matters.
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)


def write_text(
    path: str | os.PathLike[str],
    text: str,
    error_class: type[SynthtabError] | None = None,
    name: str = "",
) -> None:
    """Write a text file in UTF-8, whole or not at all; see `replacing`."""
    with replacing(path, error_class, name) as scratch:
        scratch.write_text(text, encoding="utf-8")
