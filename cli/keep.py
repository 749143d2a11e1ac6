"""A model that was trained is not lost: not by a full disk, and not by Ctrl-C."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from synthtab.core.errors import SynthtabError

from .options import MODEL_SUFFIX, as_typed, default_model
from .render import note
from .signals import finishing

if TYPE_CHECKING:
    from synthtab import Synthesizer

# Where nothing has room: seconds between two attempts, and how many there are. The model
# stays in memory meanwhile.
PAUSE = 5.0
ATTEMPTS = 120
# Errors that go when somebody makes room.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def keep_model(model: Synthesizer, output: Path) -> None:
    """Write a model file: where it was asked for, or where there is room.

    Raises:
        SynthtabError: It is in another place; the message says in which.
        typer.Exit: Somebody pressed Ctrl-C meanwhile; it is written nevertheless.
    """
    error = _try(model, output)
    if error is None:
        return
    reason = f"cannot write {output}: {error.strerror or error}"
    elsewhere = _elsewhere(model, output)
    if elsewhere is None and error.errno in NO_ROOM:
        note(
            f"{reason}. The model is kept in memory: make room there within "
            f"{round(PAUSE * ATTEMPTS / 60)} minutes, or press Ctrl-C to give it up"
        )
        if _wait_for_room(model, output):
            return
    if elsewhere is None:
        raise SynthtabError(
            f"{reason}, and no other folder has room: the model is lost"
        )
    raise SynthtabError(f"{reason}; the model is in {elsewhere} instead")


def _try(model: Synthesizer, path: Path) -> OSError | None:
    """Write the file; the error, if there is no room for it.

    Ctrl-C waits until it is whole.
    """
    with finishing() as received:
        try:
            model.save(path)
        except OSError as error:
            return error
    if received:
        note(f"interrupted while saving: the model is in {path}")
        raise typer.Exit(130)
    return None


def _elsewhere(model: Synthesizer, output: Path) -> Path | None:
    """Write the file to another folder; None where none has room."""
    for folder in _folders(output):
        path = _free_name(folder, output)
        if _try(model, path) is None:
            # Some of these folders are everybody's.
            os.chmod(path, 0o600)
            return path
    return None


def _folders(output: Path) -> list[Path]:
    """Folders that may have room, those that outlive the machine's next start first."""
    candidates = [Path.cwd(), Path("/var/tmp"), Path(tempfile.gettempdir())]
    # Of a user without a home, as in some containers.
    with suppress(RuntimeError):
        candidates.insert(1, Path.home())
    candidates.append(Path("/dev/shm"))
    full = output.resolve().parent
    folders: list[Path] = []
    for folder in candidates:
        if folder.is_dir() and folder.resolve() != full and folder not in folders:
            folders.append(folder)
    return folders


def _free_name(folder: Path, output: Path) -> Path:
    """A name like that of the output that no file there has."""
    path = folder / output.name
    number = 1
    while path.exists():
        number += 1
        path = folder / f"{output.stem}-{number}{output.suffix}"
    return path


def _wait_for_room(model: Synthesizer, output: Path) -> bool:
    """Try again and again; whether it was written in the end."""
    for _ in range(ATTEMPTS):
        time.sleep(PAUSE)
        if _try(model, output) is None:
            note(f"model: {output}")
            return True
    return False


@contextmanager
def keeping(model: Synthesizer | None, data: str) -> Iterator[None]:
    """Write rows within it: if they cannot be written, the model that made them stays.

    Args:
        model: What was trained for these rows; None where there is a file of it.
        data: The table that it has learnt, after which its file is called.
    """
    try:
        yield
    except (SynthtabError, OSError):
        if model is not None:
            name = default_model(data)
            path = _free_name(name.parent, name)
            if _try(model, path) is not None:
                path = _elsewhere(model, path) or Path()
            if path.suffix == MODEL_SUFFIX:
                note(
                    f"the model that was fitted is kept: go on with -m {as_typed(path)}"
                )
        raise
