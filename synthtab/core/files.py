"""Write a file whole or not at all.

A command that is stopped half-way, or meets a full disk, must not leave half a file
under the name that the user gave, nor destroy what was there before.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from synthtab.core.errors import SynthtabError


def is_special(path: Path) -> bool:
    """Whether a path leads to something that is no regular file and no folder.

    That is a named pipe, a socket or a device.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


@contextlib.contextmanager
def replacing(
    path: str | os.PathLike[str],
    error_class: type[SynthtabError] | None = None,
    name: str = "",
) -> Iterator[Path]:
    """Give a scratch path to write to; at the end it takes the place of ``path``.

    After an exception the scratch file is removed and ``path`` is as it was before. A link
    stays a link: the file that it leads to is replaced. A replaced file keeps its
    permissions. What exists and is no regular file, such as a named pipe or a device, is
    never replaced: the whole content is written into it.

    Args:
        path: The file to write.
        error_class: What an `OSError` becomes; None lets it through.
        name: What messages call the file; the path if not given.
    """
    target = Path(path)
    if target.is_symlink():
        target = target.resolve()
    writes_into = is_special(target)
    folder = Path(tempfile.gettempdir()) if writes_into else target.parent
    # In the same folder: only within one file system is a renaming all or nothing. The
    # process number keeps two runs that write the same file out of each other's way.
    scratch = folder / f".{target.name}.{os.getpid()}.tmp"
    _remove_leftovers(folder, target.name)
    try:
        yield scratch
        if writes_into:
            with open(scratch, "rb") as content, open(target, "wb") as sink:
                shutil.copyfileobj(content, sink)
        else:
            if target.exists():
                os.chmod(scratch, stat.S_IMODE(target.stat().st_mode))
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


def _remove_leftovers(folder: Path, name: str) -> None:
    """Remove the scratch files of earlier runs that were killed."""
    # Elsewhere, asking whether a process is alive would end it.
    if os.name != "posix":
        return
    ours = re.compile(rf"\.{re.escape(name)}\.(\d+)\.tmp")
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            found = ours.fullmatch(file.name)
            if found and not _is_alive(int(found[1])):
                file.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    """Whether a process of this number runs; in doubt, it does."""
    try:
        # Signal 0 is none: it only asks.
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
