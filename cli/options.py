"""What several commands share: options, and checks of them before the long work.

The checks import neither torch nor pandas, which take seconds: a mistyped name or value
is answered at once. Whatever they let through is checked again where it is used.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from synthtab.core.config import DEVICES, check_choice, of_parameters
from synthtab.core.errors import ArtefactError, ConfigError, DataError, SchemaError
from synthtab.core.files import is_special

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
    Path | None,
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

# Of the files that `fit` writes where no name is given.
MODEL_SUFFIX = ".synthtab"
# These leave the name of a table; any other suffix is taken for a part of the name.
TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
# How the address of a table that is no file begins: "sqlite:///".
_SCHEME = re.compile(r"\w+:/")


def without_none(**options: Any) -> dict[str, Any]:
    """The options that were given; the others keep the defaults of what they go to."""
    return {name: value for name, value in options.items() if value is not None}


def default_model(data: Path) -> Path:
    """``somewhere/data.csv.gz`` -> ``data.synthtab`` in the working folder."""
    name = data.name.removesuffix(".gz")
    stem, suffix = os.path.splitext(name)
    if suffix.lower() not in TABLE_SUFFIXES:
        stem = name
    return Path(stem + MODEL_SUFFIX)


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


def check_table(*paths: Path | None) -> None:
    """Find out now whether there are such tables.

    Raises:
        DataError: One does not exist, or is a folder.
    """
    for path in paths:
        # "-" is standard input, and what has a scheme is no file.
        if path is None or str(path) == "-" or _SCHEME.match(str(path)):
            continue
        if path.is_dir():
            raise DataError(f"{path} is a folder; name a CSV or Parquet file in it")
        if not path.exists():
            raise DataError(f"{path} does not exist")


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


def check_output(path: Path, *inputs: Path | None) -> None:
    """Find out now whether ``path`` can be written later.

    Raises:
        ConfigError: It is a folder or one of the inputs, or its folder is missing or
            read-only.
    """
    if path.is_dir():
        raise ConfigError(f"cannot write {path}: it is a folder")
    for source in inputs:
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


def check_reports(json: str | None, html: Path | None, *inputs: Path | None) -> None:
    """Find out now whether the reports can be written later, each to its own file."""
    json_file = None if json in (None, "-") else Path(str(json))
    for path in (json_file, html):
        if path is not None:
            check_output(path, *inputs)
    if json_file is None or html is None:
        return
    if json_file.resolve() == html.resolve():
        raise ConfigError(f"--json and --html are both {html}: name another output")
