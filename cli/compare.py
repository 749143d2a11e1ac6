"""`synthtab compare`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Holdout, Html, Json, Quiet, Seed, check_reports
from .render import deliver, progress


def compare(
    real: Annotated[
        Path, typer.Argument(help="The table that was learned.", show_default=False)
    ],
    synthetic: Annotated[
        list[Path],
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

    from synthtab import compare as judge
    from synthtab import infer
    from synthtab.data import tables

    frame = tables.read(real)
    schema = infer(frame, rare=0)
    frame = tables.typed(frame, schema)
    rows = {
        name: tables.read(path)
        for name, path in zip(_names(synthetic), synthetic, strict=True)
    }
    unseen = None if holdout is None else tables.read(holdout)
    chosen: dict[str, Any] = {} if seed is None else {"seed": seed}
    with progress(quiet) as observe:
        comparison = judge(
            frame,
            rows,
            holdout=unseen,
            target=target,
            schema=schema,
            observe=observe,
            **chosen,
        )

    deliver(comparison, json, html, comparison.to_html, quiet)


def _names(paths: list[Path]) -> list[str]:
    """The shortest names that tell the files apart: their stems, their names, or their paths; then numbers."""
    stems = [path.name.removesuffix(".gz").rsplit(".", 1)[0] for path in paths]
    for names in (
        stems,
        [path.name for path in paths],
        [os.fspath(path) for path in paths],
    ):
        if len(set(names)) == len(paths):
            return names
    return [f"{stem} ({i})" for i, stem in enumerate(stems, 1)]
