"""The entry point: all commands, and the one place where errors become messages.

A command parses its options, calls the library and prints. Whatever goes wrong comes up
to `main`.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from synthtab import __version__
from synthtab.core.errors import SynthtabError

from .augment import augment
from .compare import compare
from .evaluate import evaluate
from .fit import fit
from .impute import impute
from .inspect import inspect
from .options import in_options
from .render import note
from .sample import sample
from .schema import schema
from .signals import stopped_like_ctrl_c
from .study import study

COMMANDS: dict[str, Callable[..., None]] = {
    "fit": fit,
    "sample": sample,
    "impute": impute,
    "evaluate": evaluate,
    "augment": augment,
    "study": study,
    "compare": compare,
    "schema": schema,
    "inspect": inspect,
}


# Exit statuses of a shell's convention: 128 and the number of the signal.
SIGNALLED = 128
INTERRUPTED = SIGNALLED + signal.SIGINT


def application() -> typer.Typer:
    """All commands of the registry, as Typer runs them."""
    app = typer.Typer(
        name="synthtab",
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_synthtab)
    for name, command in COMMANDS.items():
        app.command(name)(_heard(command))
    return app


def _heard(command: Callable[..., None]) -> Callable[..., None]:
    """The command; Ctrl-C leaves a line. Some releases of Typer swallow it."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt:
            raise typer.Exit(_fail("interrupted", INTERRUPTED)) from None

    return run


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"synthtab {__version__}")
        raise typer.Exit


def _synthtab(
    version: Annotated[
        bool,
        typer.Option(
            "-V",
            "--version",
            callback=_version,
            is_eager=True,
            help="Print the version.",
        ),
    ] = False,
) -> None:
    """Learn a table, write rows like it, and say how good they are.

    Example: synthtab fit people.csv, then synthtab sample -n 1000 -o rows.csv
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, `sys.argv` if not given.

    Returns:
        The exit status: 0, or 2 for an error of the user, 130 after Ctrl-C, 143 and 129
        after SIGTERM and SIGHUP, 1 where a score is too low or nobody reads the output
        any more.
    """
    with stopped_like_ctrl_c() as received:
        status = _main(sys.argv[1:] if arguments is None else arguments)
    if status == INTERRUPTED and received:
        return SIGNALLED + received[0]
    return status


def _main(arguments: Sequence[str]) -> int:
    """Run a command line, and make messages of errors."""
    try:
        status = application()(
            args=arguments or ["--help"], prog_name="synthtab", standalone_mode=False
        )
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read us has gone (`| head`). Without this, the interpreter would
        # complain when it flushes in the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SynthtabError as error:
        return _fail(in_options(str(error)))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{error.strerror or error}")
    except Exception as error:
        message = _usage(error) or _memory(error)
        # Anything else is a bug of ours: the traceback is of use.
        if message is None:
            raise
        return _fail(message)
    return status if isinstance(status, int) else 0


def _fail(message: str, status: int = 2) -> int:
    if status == 2:
        # One line, whatever the library that complains has put into it.
        message = f"error: {' '.join(message.split())}"
    note(f"synthtab: {message}")
    return status


def _usage(error: Any) -> str | None:
    """The message of an error in the command line itself."""
    # By what it can do: the classes of such errors differ between releases of Typer.
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "synthtab"
    return f"{error.format_message()} (see {path} --help)"


def _memory(error: Exception) -> str | None:
    """The message of an error that means too little memory, on whatever device."""
    # torch names the error of its GPU so, and on the CPU raises a RuntimeError. It may
    # not be loaded here, so its classes cannot be asked for.
    of_torch = type(error).__name__ == "OutOfMemoryError"
    of_torch_on_cpu = "can't allocate" in str(error)
    if isinstance(error, MemoryError) or of_torch or of_torch_on_cpu:
        return (
            "not enough memory: use fewer rows, a smaller preset, or another --device"
        )
    return None


if __name__ == "__main__":
    sys.exit(main())
