"""`synthtab compare`: the rows of several generators, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from synthtab.data.places import place

from .marked import without_real
from .options import (
    Holdout,
    Html,
    Json,
    Quiet,
    Seed,
    check_reports,
    check_seed,
    check_table,
    in_options,
    label,
    without_none,
)
from .render import deliver, progress, read_table


def compare(
    real: Annotated[
        str, typer.Argument(help="The table that was learned.", show_default=False)
    ],
    synthetic: Annotated[
        list[str],
        typer.Argument(help="Rows to judge, a file each.", show_default=False),
    ],
    holdout: Holdout = None,
    target: Annotated[
        str | None, typer.Option(help="Column to predict, for the score of usefulness.")
    ] = None,
    json: Json = None,
    html: Html = None,
    seed: Seed = None,
    quiet: Quiet = False,
) -> None:
    """Score the rows of several generators side by side.

    Example: synthtab compare people.csv ours.csv theirs.csv --holdout people-test.csv --target income
    """
    check_reports(json, html, real, *synthetic, holdout)
    check_table(real, *synthetic, holdout)
    check_seed(seed)

    # Imported here, as in every command: `--help` must not wait for pandas and torch.
    from synthtab import compare as judge
    from synthtab import infer
    from synthtab.data import tables

    cells = read_table(real, quiet)
    # Nothing is withheld: this schema is used here and never stored.
    schema = infer(cells, rare=0)
    rows = {}
    for name, path in zip(_names(synthetic), synthetic, strict=True):
        judged = read_table(path, quiet)
        rows[name] = without_real(judged, cells.columns, path, quiet)
    unseen = None if holdout is None else read_table(holdout, quiet)
    with progress(quiet) as observe:
        comparison = judge(
            tables.typed(cells, schema),
            rows,
            holdout=unseen,
            target=target,
            schema=schema,
            observe=observe,
            **without_none(seed=seed),
        )

    worded = {
        name: replace(report, wording=in_options)
        for name, report in comparison.reports.items()
    }
    comparison = replace(comparison, reports=worded)
    deliver(comparison, json, html, comparison.to_html, quiet)


def _names(tables: list[str]) -> list[str]:
    """The shortest names by which the tables can be told from each other."""
    stems = [place(table).stem for table in tables]
    file_names = [label(table) for table in tables]
    whole_names = [place(table).shown for table in tables]
    for names in (stems, file_names, whole_names):
        if len(set(names)) == len(tables):
            return names
    # One file was given twice.
    return [f"{stem} ({i})" for i, stem in enumerate(stems, 1)]
