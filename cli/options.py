"""What several commands share: options, and checks of them before the long work.

The checks import neither torch nor pandas, which take seconds: a mistyped name or value
is answered at once. Whatever they let through is checked again where it is used.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from synthtab.core.config import DEVICES, check_choice, of_parameters
from synthtab.core.errors import ArtefactError, ConfigError, SchemaError
from synthtab.core.files import is_special
from synthtab.data.formats import check_extra
from synthtab.data.places import (
    DASH,
    check_readable,
    place,
    place_to_write,
    without_password,
)

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no summary.")
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed", help="Same seed, same result.", metavar="N", show_default=False
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="Where to compute.",
        metavar="auto|cpu|cuda|mps",
        show_default=False,
    ),
]

Holdout = Annotated[
    str | None,
    typer.Option(
        "--holdout",
        help="Real rows that were not learned: the fair test.",
        metavar="FILE",
    ),
]
Json = Annotated[
    str | None,
    typer.Option(
        "--json", help="Write the report there too; - is stdout.", metavar="FILE"
    ),
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html", help="Write it there as one page with pictures.", metavar="FILE"
    ),
]

Rare = Annotated[
    int | None,
    typer.Option(
        "--rare-below",
        help="Store no value that fewer rows have; 0 stores all. [default: 5]",
        metavar="K",
    ),
]

Person = Annotated[
    str | None,
    typer.Option(
        "--person",
        help="Column that says whom a row is about: --rare-below counts people then.",
        metavar="COLUMN",
    ),
]

# Of the files that `fit` writes where no name is given.
MODEL_SUFFIX = ".synthtab"

# What rows can be written to.
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help=".csv or .tsv (also .gz, .zst, ...), .parquet, .feather, .jsonl, .xlsx, "
        "or sqlite:///FILE?table=NAME; - is stdout.",
        metavar="FILE",
    ),
]
SafeCells = Annotated[
    bool,
    typer.Option(
        "--safe-cells",
        help="In CSV, put an apostrophe before texts that a spreadsheet would run.",
    ),
]


def without_none(**options: Any) -> dict[str, Any]:
    """The options that were given; the others keep the defaults of what they go to."""
    return {name: value for name, value in options.items() if value is not None}


# Arguments whose option has another name.
OPTIONS = {"rare": "--rare-below"}
# What the command line offers in place of methods of the library.
COMMANDS_FOR = {
    "Synthesizer.split": "synthtab evaluate --model",
    "Schema.save": "synthtab schema",
    "Study.to_json": "synthtab augment --json FILE",
}
# As `argument` and `call` of synthtab.core.errors write them.
NAMED_ARGUMENT = re.compile(r"`([a-z_]+)=([^`]*)`")
NAMED_CALL = re.compile(f"`({'|'.join(map(re.escape, COMMANDS_FOR))})`")


def in_options(message: str) -> str:
    """A message of the library with options in place of arguments and methods.

    >>> in_options("learn fewer rows (`rows=500`), or use `device='cpu'`")
    'learn fewer rows (--rows 500), or use --device cpu'
    """

    def option(found: re.Match[str]) -> str:
        name, value = found.groups()
        dashed = OPTIONS.get(name, f"--{name.replace('_', '-')}")
        return f"{dashed} {value.strip(chr(39))}".rstrip()

    message = NAMED_ARGUMENT.sub(option, message)
    return NAMED_CALL.sub(lambda found: COMMANDS_FOR[found[1]], message)


def default_model(data: str) -> Path:
    """``somewhere/data.csv.gz`` -> ``data.synthtab`` in the working folder."""
    return Path(place(data).stem + MODEL_SUFFIX)


def label(table: str) -> str:
    """What reports call a table; never with a password."""
    found = place(table)
    return found.path.name if found.path else found.stem


def as_typed(table: str | Path) -> str:
    """A name for the next command line, in quotes if it needs them."""
    return shlex.quote(without_password(str(table)))


def newest_model() -> Path:
    """The model file in the working folder that was written last."""
    models = [path for path in Path.cwd().glob(f"*{MODEL_SUFFIX}") if path.is_file()]
    if not models:
        raise ConfigError(
            f"no {MODEL_SUFFIX} file in this folder: name one with -m, "
            "or make one with synthtab fit"
        )
    newest = max(models, key=lambda path: path.stat().st_mtime_ns)
    # Without the folder: messages then show it as the user would type it.
    return Path(newest.name)


def check_table(*tables: str | None) -> None:
    """Find out now whether there are such tables.

    Raises:
        DataError: One does not exist, is a folder, or of a format that is not read.
        ConfigError: Two of them are standard input.
    """
    named = [table for table in tables if table is not None]
    if named.count(DASH) > 1:
        raise ConfigError(
            "only one table can come from standard input: name the others"
        )
    for table in named:
        check_readable(table)


def check_table_output(output: str, *inputs: str | Path | None) -> None:
    """Find out now whether rows can be written later.

    Raises:
        DataError: The name says no format that is written.
        ConfigError: See `check_output`; or a table of a database would be overwritten.
        MissingExtraError: A library is missing.
    """
    found = place_to_write(output)
    if found.named is not None:
        check_extra(found.named.format)
    if found.path is not None:
        check_output(found.path, *inputs)
    if found.database is None:
        return
    for source in inputs:
        other = place(source).database if isinstance(source, str) else None
        if other and (other.url, other.table) == (
            found.database.url,
            found.database.table,
        ):
            raise ConfigError(
                f"refusing to overwrite the input {found.shown}: name another table"
            )
    # Only now: it takes pandas to ask a database.
    from synthtab.data.tables import check_writable

    check_writable(output)


def check_model(path: Path | None) -> None:
    """Find out now whether there is such a model file.

    Raises:
        ArtefactError: It does not exist, or is a folder.
    """
    if path is None:
        return
    if path.is_dir():
        raise ArtefactError(f"{path} is a folder, not a model file")
    if not path.exists():
        raise ArtefactError(f"no model file {path}: make one with `synthtab fit`")


def check_schema(path: Path | None) -> None:
    """Find out now whether there is such a schema file.

    Raises:
        SchemaError: It cannot be opened.
    """
    if path is None:
        return
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise SchemaError(
            f"cannot read the schema {path}: {error.strerror or error}"
        ) from error


def check_fit(
    preset: str | None = None,
    time: str | None = None,
    epochs: int | None = None,
    device: str | None = None,
    seed: int | None = None,
    **dials: Any,
) -> None:
    """Find out now whether the options of a fit can work.

    Raises:
        ConfigError: One of them cannot.
    """
    of_parameters(preset or "default", time, epochs, **dials)
    check_device(device)
    check_seed(seed)


def check_device(device: str | None) -> None:
    """Refuse a device that there is nowhere; whether it is here, only torch can say."""
    if device is not None:
        check_choice("device", device, DEVICES)


def check_seed(seed: int | None) -> None:
    """Refuse a seed that is negative."""
    if seed is not None and seed < 0:
        raise ConfigError(f"seed must be a whole number of 0 or more, not {seed}")


def check_output(path: Path, *inputs: str | Path | None) -> None:
    """Find out now whether ``path`` can be written later.

    Raises:
        ConfigError: It is a folder or one of the inputs, or its folder is missing or
            read-only.
    """
    if path.is_dir():
        raise ConfigError(f"cannot write {path}: it is a folder")
    for name in inputs:
        source = None if name is None else Path(name)
        if source is None or not path.exists() or not source.exists():
            continue
        # Not by name: a link and its file are the same.
        if path.samefile(source):
            raise ConfigError(
                f"refusing to overwrite the input {source}: name another output"
            )
    if is_special(path):
        # A pipe or a device is written into; there is no file to make beside it.
        return
    # A link is followed: the file that it leads to is replaced.
    folder = path.resolve().parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise ConfigError(f"cannot write {path}: there is no folder {folder}")
    try:
        # Trying is the only honest check: permissions as well as read-only and virtual
        # file systems show.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error


def check_reports(
    json: str | None, html: Path | None, *inputs: str | Path | None
) -> None:
    """Find out now whether the reports can be written later, each to its own file."""
    json_file = None if json in (None, "-") else Path(str(json))
    for path in (json_file, html):
        if path is not None:
            check_output(path, *inputs)
    if json_file is None or html is None:
        return
    if json_file.resolve() == html.resolve():
        raise ConfigError(f"--json and --html are both {html}: name another output")
