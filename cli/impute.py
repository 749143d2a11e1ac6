"""`synthtab impute`: the same table without missing cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthtab.core.errors import ConfigError, DataError, hint
from synthtab.data.places import place_to_write, without_password

from .keep import keeping
from .options import (
    Device,
    Output,
    Person,
    Quiet,
    SafeCells,
    Seed,
    check_fit,
    check_model,
    check_schema,
    check_table,
    check_table_output,
    without_none,
)
from .render import note, progress, read_table

if TYPE_CHECKING:
    import pandas as pd

    from synthtab import Schema


def impute(
    data: Annotated[
        str, typer.Argument(help="Table with missing cells.", show_default=False)
    ],
    output: Output = "-",
    columns: Annotated[
        str | None,
        typer.Option(
            help="Fill these columns only. [default: all]", metavar="NAME,..."
        ),
    ] = None,
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
        typer.Option(
            "--time", help="Most time to fit: 90s, 5m, 1h30m.", metavar="TIME"
        ),
    ] = None,
    person: Person = None,
    safe_cells: SafeCells = False,
    seed: Seed = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Fill every missing cell, drawn given its row; all other cells stay as they are.

    Example: synthtab impute people.csv -o people-filled.csv
    """
    if draws is not None and draws < 1:
        raise ConfigError(f"--draws must be at least 1, not {draws}")
    if draws is not None and output == "-":
        raise ConfigError("--draws writes several files: name them with -o")
    if model is not None and (schema or preset or time or person):
        raise ConfigError(
            "--schema, --preset, --time and --person are for fitting: leave them out "
            "with --model"
        )
    # One table keeps the name as it is; several are numbered.
    outputs = [output]
    if draws is not None:
        outputs = [_numbered(output, i) for i in range(1, draws + 1)]
    # All of them, before the long work.
    for path in outputs:
        if path != "-":
            check_table_output(path, data, model, schema)
    check_table(data)
    check_model(model)
    check_schema(schema)
    check_fit(preset, time, None, device, seed)

    # Imported here, as in every command: `--help` must not wait for pandas and torch.
    from synthtab import Schema, Synthesizer, infer
    from synthtab.data import tables

    cells = read_table(data, quiet)
    wanted = _named(columns, cells) if columns is not None else None
    with progress(quiet) as observe:
        if model is not None:
            synthesizer = Synthesizer.load(model, device=device or "auto")
        else:
            declared = Schema.load(schema) if schema else infer(cells, person=person)
            options = without_none(
                preset=preset, time=time, person=person, seed=seed, device=device
            )
            synthesizer = Synthesizer(**options).fit(cells, declared, observe)
        for name in synthesizer.schema_.names:
            if name not in cells.columns:
                raise DataError(
                    f"{without_password(data)} lacks the column {name!r} that the model knows"
                )
        # Here cells may be missing where none was in the table that was learnt.
        typed = tables.typed(cells, synthesizer.schema_.nullable)
        imputations = synthesizer.impute(
            typed, draws or 1, columns=wanted, seed=seed, observe=observe
        )
    with keeping(None if model else synthesizer, data):
        for path, filled in zip(outputs, imputations, strict=True):
            table = _fill(cells, typed, filled, synthesizer.schema_)
            tables.write(table, path, safe_cells=safe_cells)
    if output != "-" and not quiet:
        missing = typed.isna().sum()
        count = missing.sum() if wanted is None else missing[wanted].sum()
        left = missing.sum() - count
        others = f", {left:,} of other columns left missing" if left else ""
        _note_replaced(cells, typed, wanted or list(typed.columns), synthesizer.schema_)
        note(f"{count:,} cells filled{others}: {', '.join(outputs)}")


def _note_replaced(
    cells: pd.DataFrame, typed: pd.DataFrame, names: list[str], schema: Schema
) -> None:
    """Say which cells were filled though they were not empty: words among numbers."""
    from synthtab.data.columns.base import means_missing

    for name in names:
        column = schema[name]
        token = str(column.options.get("missing", ""))
        was_filled = typed[name].isna().to_numpy(dtype=bool)
        texts = cells[name].astype(object).fillna("").astype(str).str.strip().tolist()
        rows = [
            row
            for row, (text, filled) in enumerate(zip(texts, was_filled, strict=True), 1)
            if filled and text not in ("", token) and not means_missing(text)
        ]
        if rows:
            were = "1 cell was" if len(rows) == 1 else f"{len(rows):,} cells were"
            note(
                f"column {name!r}: {were} filled that held what is no {column.kind}, "
                f"such as row {rows[0]:,}"
            )


def _named(columns: str, cells: pd.DataFrame) -> list[str]:
    """The columns that --columns names: one whose name has commas, or several.

    Raises:
        ConfigError: There is no such column.
    """
    names = [str(name) for name in cells.columns]
    if columns in names:
        return [columns]
    wanted = [name.strip() for name in columns.split(",")]
    for name in wanted:
        if name not in names:
            near = hint(name, names, "the columns are")
            raise ConfigError(f"--columns {name!r} is not a column{near}")
    return wanted


def _numbered(output: str, number: int) -> str:
    """``rows.csv.gz`` -> ``rows-2.csv.gz``."""
    if place_to_write(output).database:
        raise ConfigError("--draws writes several files, not tables of a database")
    path = Path(output)
    # At the first dot: the name may end in ".csv.gz".
    stem, dot, suffixes = path.name.partition(".")
    return str(path.with_name(f"{stem}-{number}{dot}{suffixes}"))


def _fill(
    cells: pd.DataFrame, typed: pd.DataFrame, filled: pd.DataFrame, schema: Schema
) -> pd.DataFrame:
    """The table as it was read, letter by letter, with the missing cells filled in.

    Args:
        cells: As they were read.
        typed: The same in the schema's dtypes: it says which cells are missing.
        filled: All cells, typed.
        schema: What the columns are.
    """
    from synthtab.data.columns import cells_to_text
    from synthtab.data.columns.base import is_text

    result = cells.copy()
    for name in typed.columns:
        missing = typed[name].isna().to_numpy(dtype=bool)
        if not missing.any():
            continue
        if is_text(cells[name]):
            # "1.50" stays "1.50", and is not written as 1.5.
            texts = cells_to_text(filled[name], schema[name])
            result[name] = cells[name].astype(object).mask(missing, texts)
        else:
            result[name] = filled[name]
    return result
