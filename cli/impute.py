"""`synthtab impute`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthtab.core.errors import ConfigError, DataError

from .options import Device, Quiet, Seed, check_output
from .render import note, progress

if TYPE_CHECKING:
    import pandas as pd

    from synthtab import Schema


def impute(
    data: Annotated[
        Path, typer.Argument(help="Table with missing cells.", show_default=False)
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help=".csv, .tsv (also .gz) or .parquet; - is stdout.",
            metavar="FILE",
        ),
    ] = "-",
    draws: Annotated[
        int | None,
        typer.Option(
            help="Multiple imputation: so many tables, FILE-1.csv, FILE-2.csv, ...",
            metavar="M",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="Take this model. [default: fit DATA first]",
            metavar="FILE",
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(help="Column kinds, see synthtab schema.", metavar="FILE"),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="How much to compute.", metavar="quick|default|best"),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(help="Most time to train: 90s, 5m, 1h30m.", metavar="TIME"),
    ] = None,
    seed: Seed = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Fill every missing cell, drawn given the rest of its row; all other cells stay as they are.

    Example: synthtab impute people.csv -o people-filled.csv
    """
    if draws is not None and draws < 1:
        raise ConfigError(f"--draws must be at least 1, not {draws}")
    if draws is not None and output == "-":
        raise ConfigError("--draws writes several files: name them with -o")
    if model is not None and (schema or preset or time):
        raise ConfigError(
            "--schema, --preset and --time are for fitting: leave them out with --model"
        )
    outputs = (
        [output]
        if draws is None
        else [_numbered(Path(output), i + 1) for i in range(draws)]
    )
    for path in outputs:
        if path != "-":
            check_output(Path(path), data, model, schema)

    from synthtab import Schema, Synthesizer, infer
    from synthtab.data import tables

    frame = tables.read(data)
    given: dict[str, Any] = {
        k: v
        for k, v in dict(preset=preset, time=time, seed=seed, device=device).items()
        if v
    }
    with progress(quiet) as observe:
        if model is not None:
            synthesizer = Synthesizer.load(model, device=device or "auto")
        else:
            declared = Schema.load(schema) if schema else infer(frame)
            synthesizer = Synthesizer(**given).fit(frame, declared, observe)
        lacking = [c for c in synthesizer.schema_.names if c not in frame.columns]
        if lacking:
            raise DataError(
                f"{data} lacks the column {lacking[0]!r} that the model knows"
            )
        typed = tables.typed(frame, synthesizer.schema_.nullable)
        filled = synthesizer.impute(typed, draws or 1, seed=seed, observe=observe)
    for path, rows in zip(outputs, filled, strict=True):
        tables.write(_kept(frame, typed, rows, synthesizer.schema_), path)
    if output != "-" and not quiet:
        note(f"{int(typed.isna().sum().sum()):,} cells filled: {', '.join(outputs)}")


def _numbered(path: Path, number: int) -> str:
    """``rows.csv.gz`` -> ``rows-2.csv.gz``."""
    stem, dot, suffixes = path.name.partition(".")
    return str(path.with_name(f"{stem}-{number}{dot}{suffixes}"))


def _kept(
    frame: pd.DataFrame, typed: pd.DataFrame, filled: pd.DataFrame, schema: Schema
) -> pd.DataFrame:
    """The table as it was read, letter by letter, with the missing cells filled in."""
    from synthtab.data.columns import cells_to_text
    from synthtab.data.columns.base import is_text

    found = frame.copy()
    for name in typed.columns:
        holes = typed[name].isna().to_numpy(dtype=bool)
        if holes.any() and is_text(frame[name]):
            found[name] = (
                frame[name]
                .astype(object)
                .mask(holes, cells_to_text(filled[name], schema[name]))
            )
        elif holes.any():
            found[name] = filled[name]
    return found
