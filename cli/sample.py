"""`synthtab sample`: rows from a model file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from synthtab.core.errors import ConfigError

from .options import (
    Device,
    Output,
    Quiet,
    SafeCells,
    Seed,
    check_device,
    check_model,
    check_seed,
    check_table,
    check_table_output,
    newest_model,
)
from .render import note, progress, read_table

# More than any disk holds: a slip of the keyboard, not a wish.
MOST_ROWS = 10**12


def sample(
    n: Annotated[
        int | None,
        typer.Option(
            "--rows", "-n", help="How many rows.", metavar="N", show_default=False
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="Model file. [default: the newest here]",
            metavar="FILE",
        ),
    ] = None,
    output: Output = "-",
    where: Annotated[
        list[str] | None,
        typer.Option(
            help='What every row must meet: "sex = Female and age in 18..30 and city in '
            "('Oslo', 'Bergen')\". May be given several times.",
            metavar="CONDITION",
            show_default=False,
        ),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option(
            help="Partial rows to complete: any columns; empty cells are drawn.",
            metavar="FILE",
        ),
    ] = None,
    balance: Annotated[
        str | None,
        typer.Option(help="All values of this column equally often.", metavar="COLUMN"),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            help='How often each value of a column: "income: >50K=0.5, <=50K=0.5".',
            metavar="WEIGHTS",
        ),
    ] = None,
    passes: Annotated[
        int | None,
        typer.Option(
            help="More passes, better rows, slower. [default: chosen by fit]",
            metavar="K",
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            help="Processes to make the rows with; the rows are the same.",
            metavar="K",
        ),
    ] = 1,
    safe_cells: SafeCells = False,
    seed: Seed = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Write rows like those that a model learned.

    Example: synthtab sample -n 10000 -m people.synthtab --where "age in 18..30" -o people-synthetic.csv
    """
    if n is None and given is None:
        raise ConfigError("say how many rows with -n")
    if n is not None and n < 0:
        raise ConfigError(f"-n must be 0 or more, not {n}")
    if n is not None and n > MOST_ROWS:
        raise ConfigError(f"-n must be at most {MOST_ROWS:,}")
    if jobs < 1:
        raise ConfigError(f"--jobs must be at least 1, not {jobs}")
    # These look at all rows together, so no process can make a part of them.
    if jobs > 1 and (given is not None or balance or weights):
        raise ConfigError(
            "--jobs goes together with --where only, "
            "not with --given, --balance or --weights"
        )
    # So that `fit` and then `sample` need no name.
    if model is None:
        model = newest_model()
        note(f"using {model}, the newest model in this folder")
    if output != "-":
        check_table_output(output, model, given)
    check_model(model)
    check_table(given)
    check_device(device)
    check_seed(seed)

    # Imported here, as in every command: `--help` must not wait for pandas and torch.
    from synthtab import Synthesizer
    from synthtab.data import tables
    from synthtab.sampling.language import parse_weights

    # Rows that scroll by on the same terminal are progress enough.
    rows_scroll_by = output == "-" and sys.stdout.isatty()
    request: dict[str, Any] = dict(
        where=where,
        balance=balance,
        weights=parse_weights(weights) if weights else None,
        seed=seed,
        passes=passes,
    )
    try:
        # Within reach of Ctrl-C: loading takes seconds, too.
        synthesizer = Synthesizer.load(model, device=device or "auto")
        with progress(quiet or rows_scroll_by) as observe:
            if given is not None:
                partial = read_table(given, quiet)
                blocks: Any = synthesizer.sample(
                    n, given=partial, observe=observe, **request
                )
                n = len(blocks)
            else:
                # Block by block, so that any number of rows takes the same memory.
                blocks = synthesizer.sample_blocks(
                    n, jobs=jobs, observe=observe, **request
                )
            tables.write(blocks, output, synthesizer.schema_, safe_cells=safe_cells)
    except KeyboardInterrupt:
        lost = "" if output == "-" else f": {output} was not written"
        note(f"interrupted{lost}")
        raise typer.Exit(130) from None
    # Where rows went to stdout, no other line shall stand among them.
    if output != "-" and not quiet:
        note(f"{n:,} rows in {output}")
