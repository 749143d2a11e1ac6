"""`synthtab evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Holdout, Html, Json, Quiet, Seed, check_reports
from .render import deliver, note, progress


def evaluate(
    real: Annotated[Path, typer.Argument(help="The table that was learned.", show_default=False)],
    synthetic: Annotated[Path, typer.Argument(help="Rows to judge.", show_default=False)],
    holdout: Holdout = None,
    target: Annotated[str | None, typer.Option(help="Column to predict, for the score of usefulness.")] = None,
    json: Json = None,
    html: Html = None,
    fail_under: Annotated[
        str | None, typer.Option(help="Exit with status 1 where a score is worse.", metavar="NAME=NUMBER,...")
    ] = None,
    seed: Seed = None,
    quiet: Quiet = False,
) -> None:
    """Score rows: are they faithful, useful, or copies?

    Example: synthtab evaluate people.csv people-synthetic.csv --holdout people-test.csv --target income
    """
    check_reports(json, html, real, synthetic, holdout)

    from synthtab import evaluate as judge
    from synthtab import infer, tables
    from synthtab.evaluation import METRICS, parse_bounds

    bounds = () if fail_under is None else parse_bounds(fail_under, METRICS)
    frame = tables.read(real)
    schema = infer(frame, rare=0)
    frame = tables.typed(frame, schema)
    # Only the real table must fit the schema: a cell of the others that does not fit counts against them, no more.
    rows = tables.read(synthetic)
    unseen = None if holdout is None else tables.read(holdout)
    chosen: dict[str, Any] = {} if seed is None else {"seed": seed}
    with progress(quiet) as observe:
        report = judge(frame, rows, holdout=unseen, target=target, schema=schema, observe=observe, **chosen)

    deliver(report, json, html, lambda: report.to_html(names=(real.name, synthetic.name)), quiet)
    failures = [failure for bound in bounds if (failure := bound.failure(report))]
    for failure in failures:
        note(f"failed: {failure}")
    if failures:
        raise typer.Exit(1)
