"""`synthtab evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Quiet, Seed, check_output, write_text
from .render import note, print_report, progress


def evaluate(
    real: Annotated[Path, typer.Argument(help="The table that was learned.", show_default=False)],
    synthetic: Annotated[Path, typer.Argument(help="Rows to judge.", show_default=False)],
    holdout: Annotated[
        Path | None, typer.Option(help="Real rows that were not learned: the fair test.", metavar="FILE")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column to predict, for the score of usefulness.")] = None,
    json: Annotated[str | None, typer.Option(help="Write the report there too; - is stdout.", metavar="FILE")] = None,
    seed: Seed = None,
    quiet: Quiet = False,
) -> None:
    """Score rows: are they faithful, useful, or copies?

    Example: synthtab evaluate people.csv people-synthetic.csv --holdout people-test.csv --target income
    """
    if json not in (None, "-"):
        check_output(Path(json), real, synthetic, holdout)

    from synthtab import evaluate as judge
    from synthtab import infer, tables

    frame = tables.read(real)
    schema = infer(frame)
    frame = tables.typed(frame, schema)
    # Only the real table must fit the schema: a cell of the others that does not fit counts against them, no more.
    rows = tables.read(synthetic)
    unseen = None if holdout is None else tables.read(holdout)
    chosen: dict[str, Any] = {} if seed is None else {"seed": seed}
    with progress(quiet) as observe:
        report = judge(frame, rows, holdout=unseen, target=target, schema=schema, observe=observe, **chosen)

    if json == "-":
        typer.echo(report.to_json())
        return
    print_report(report)
    if json is not None:
        write_text(Path(json), report.to_json() + "\n")
        if not quiet:
            note(f"report: {json}")
