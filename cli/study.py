"""`synthtab study rows`: how many rows are enough?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthtab.core.config import seconds
from synthtab.core.errors import ConfigError, DataError, hint
from synthtab.core.files import write_text

from .options import (
    Device,
    Quiet,
    Seed,
    check_fit,
    check_output,
    check_schema,
    check_table,
    without_none,
)
from .render import note, progress, read_table, say

if TYPE_CHECKING:
    import pandas as pd

    from synthtab import Synthesizer

# What can be studied.
QUESTIONS = ("rows",)
TIME = "10m"


def study(
    question: Annotated[
        str, typer.Argument(help="rows: how many are enough?", show_default=False)
    ],
    data: Annotated[str, typer.Argument(help="Table to learn.", show_default=False)],
    target: Annotated[
        str, typer.Option(help="Column that a model is to predict.", show_default=False)
    ],
    sizes: Annotated[
        str | None,
        typer.Option(
            help="Numbers of rows to learn. [default: 100,300,1000,... and all]",
            metavar="N,N,...",
        ),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(help="Of each size; more are surer.", metavar="K")
    ] = None,
    time: Annotated[
        str, typer.Option("--time", help="Most time for all of it.", metavar="TIME")
    ] = TIME,
    schema: Annotated[
        Path | None,
        typer.Option(help="Column kinds, see synthtab schema.", metavar="FILE"),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="How much to compute.", metavar="quick|default|best|ctgan"),
    ] = None,
    json: Annotated[
        str | None,
        typer.Option(help="Write the curve there; - is stdout.", metavar="FILE"),
    ] = None,
    device: Device = None,
    seed: Seed = None,
    quiet: Quiet = False,
) -> None:
    """Find out how many rows are enough, and what more would bring.

    A generator learns 100, 300, 1,000 and more of the rows, several times each, and
    models that learn from its rows are tested on rows that nothing has seen.

    Example: synthtab study rows people.csv --target income --time 10m
    """
    if question not in QUESTIONS:
        raise ConfigError(
            f"there is no study of {question!r}; there is {', '.join(QUESTIONS)}"
        )
    limit = seconds(time)
    wanted = None if sizes is None else _numbers(sizes)
    check_table(data)
    check_schema(schema)
    check_fit(preset, time, None, device, seed)
    if json not in (None, "-"):
        check_output(Path(str(json)), data, schema)

    # Imported here, as in every command: `--help` must not wait for pandas and torch.
    from synthtab import Schema, Synthesizer, infer
    from synthtab.augment.enough import REPEATS, sizes_of, study_rows
    from synthtab.data import tables

    cells = read_table(data, quiet)
    declared = Schema.load(schema) if schema else infer(cells)
    table = tables.typed(cells, declared)
    if target not in declared.names:
        near = hint(target, declared.names, "the columns are")
        raise ConfigError(f"the target {target!r} is not a column{near}")
    count = repeats or REPEATS
    tried = wanted or sizes_of(int(table[target].notna().sum()))
    if not quiet:
        note(
            f"{count * len(tried)} models, {count} each of "
            f"{', '.join(f'{size:,}' for size in tried)} rows, in at most {time}"
        )

    def fit(train: pd.DataFrame, allowed: float | None) -> Synthesizer:
        options = without_none(preset=preset, device=device, seed=seed)
        return Synthesizer(target=target, time=allowed, **options).fit(train, declared)

    with progress(quiet) as observe:
        found = study_rows(
            table,
            fit,
            target,
            schema=declared,
            sizes=wanted,
            time_limit=limit,
            observe=observe,
            **without_none(repeats=repeats, seed=seed),
        )
    if json == "-":
        typer.echo(found.to_json())
        return
    if json is not None:
        write_text(json, found.to_json() + "\n", DataError)
    say(str(found))


def _numbers(text: str) -> tuple[int, ...]:
    """``100,1_000`` as numbers."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--sizes {text!r} is no list of numbers: write, for example, 100,300"
        ) from None
