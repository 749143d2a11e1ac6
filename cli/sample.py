"""`synthtab sample`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from synthtab.errors import ConfigError

from .options import Device, Quiet, Seed, check_output, newest_model
from .render import note, progress


def sample(
    n: Annotated[int, typer.Option("--rows", "-n", help="How many rows.", metavar="N", show_default=False)],
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Model file. [default: the newest here]", metavar="FILE")
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help=".csv, .tsv (also .gz) or .parquet; - is stdout.", metavar="FILE")
    ] = "-",
    passes: Annotated[
        int | None, typer.Option(help="More passes, better rows, slower. [default: chosen by fit]", metavar="K")
    ] = None,
    seed: Seed = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Write rows like those that a model learned.

    Example: synthtab sample -n 10000 -m people.synthtab -o people-synthetic.csv
    """
    if n <= 0:
        raise ConfigError(f"-n must be at least 1, not {n}")
    if model is None:
        model = newest_model()
        note(f"using {model}, the newest model in this folder")
    if output != "-":
        check_output(Path(output), model)

    from synthtab import Synthesizer, tables

    # Rows that scroll by on the same terminal are progress enough.
    hidden = quiet or (output == "-" and sys.stdout.isatty())
    try:
        synthesizer = Synthesizer.load(model, device=device or "auto")
        with progress(hidden) as observe:
            blocks = synthesizer.sample_blocks(n, seed=seed, passes=passes, observe=observe)
            tables.write(blocks, output, synthesizer.schema)
    except KeyboardInterrupt:
        note("interrupted" if output == "-" else f"interrupted: {output} was not written")
        raise typer.Exit(130) from None
    if output != "-" and not quiet:
        note(f"{n:,} rows in {output}")
