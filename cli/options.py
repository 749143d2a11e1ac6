"""What several commands share: options, and checks of paths before the long work."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from synthtab.core.errors import ConfigError
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
