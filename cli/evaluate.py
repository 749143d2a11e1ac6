"""`synthtab evaluate`."""

from __future__ import annotations

from dataclasses import replace
from json import loads as parse
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthtab.core.errors import ConfigError, DataError

from .options import Holdout, Html, Json, Quiet, Seed, check_reports
from .render import deliver, note, progress

if TYPE_CHECKING:
    import pandas as pd

    from synthtab import Schema


def evaluate(
    real: Annotated[
        Path, typer.Argument(help="The table that was learned.", show_default=False)
    ],
    synthetic: Annotated[
        Path, typer.Argument(help="Rows to judge.", show_default=False)
    ],
    holdout: Holdout = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="Take as holdout the rows of REAL that fit held out.",
            metavar="FILE",
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Column to predict, for the score of usefulness.")
    ] = None,
    json: Json = None,
    html: Html = None,
    augmentation: Annotated[
        Path | None,
        typer.Option(
            help="Draw what synthtab augment --json wrote there, in the page of --html.",
            metavar="FILE",
        ),
    ] = None,
    fail_under: Annotated[
        str | None,
        typer.Option(
            help="Exit with status 1 where a score is worse.", metavar="NAME=NUMBER,..."
        ),
    ] = None,
    riskiest: Annotated[
        int | None,
        typer.Option(
            help="List the N most exposed rows of REAL: the report then holds real rows.",
            metavar="N",
        ),
    ] = None,
    seed: Seed = None,
    quiet: Quiet = False,
) -> None:
    """Score rows: are they faithful, useful, or copies?

    Example: synthtab evaluate people.csv people-synthetic.csv --model people.synthtab --target income
    """
    if model is not None and holdout is not None:
        raise ConfigError(
            "--holdout and --model both say which rows were not learnt: leave one out"
        )
    if riskiest is not None and riskiest < 1:
        raise ConfigError(f"--riskiest must be at least 1, not {riskiest}")
    if augmentation is not None and html is None:
        raise ConfigError(
            "--augmentation draws a chart in the page: name the page with --html"
        )
    check_reports(json, html, real, synthetic, holdout, model, augmentation)

    from synthtab import evaluate as judge
    from synthtab.data import tables
    from synthtab.evaluation import METRICS, parse_bounds

    study = None if augmentation is None else _study(augmentation)
    bounds = () if fail_under is None else parse_bounds(fail_under, METRICS)
    frame, unseen, schema = (
        _split(real, model) if model is not None else _whole(real, holdout)
    )
    # Only the real table must fit the schema: a cell of the others that does not fit counts against them, no more.
    rows = tables.read(synthetic)
    chosen: dict[str, Any] = {
        k: v for k, v in dict(seed=seed, riskiest=riskiest).items() if v is not None
    }
    with progress(quiet) as observe:
        report = judge(
            frame,
            rows,
            holdout=unseen,
            target=target,
            schema=schema,
            observe=observe,
            **chosen,
        )
    # Of the training rows alone the numbers would be others than those of the file.
    report = replace(
        report,
        riskiest=tuple(
            r | {"row": int(frame.index[r["row"]])} for r in report.riskiest
        ),
    )

    deliver(
        report,
        json,
        html,
        lambda: report.to_html(names=(real.name, synthetic.name), augmentation=study),
        quiet,
    )
    failures = [failure for bound in bounds if (failure := bound.failure(report))]
    for failure in failures:
        note(f"failed: {failure}")
    if failures:
        raise typer.Exit(1)


def _whole(
    real: Path, holdout: Path | None
) -> tuple[pd.DataFrame, pd.DataFrame | None, Schema]:
    """The real table, the holdout if there is one, and what the columns are."""
    from synthtab import infer
    from synthtab.data import tables

    frame = tables.read(real)
    schema = infer(frame, rare=0)
    return (
        tables.typed(frame, schema),
        None if holdout is None else tables.read(holdout),
        schema,
    )


def _split(real: Path, model: Path) -> tuple[pd.DataFrame, pd.DataFrame, Schema]:
    """What the model was trained on, what was held out of that, and what the columns are."""
    from synthtab import Synthesizer
    from synthtab.data import tables

    fitted = Synthesizer.load(model, device="cpu")
    try:
        learnt, unseen = fitted.split(tables.read(real))
    except DataError as error:
        raise DataError(f"{real} and {model}: {error}") from error
    return tables.typed(learnt, fitted.schema_), unseen, fitted.schema_


def _study(path: Path) -> dict[str, Any]:
    """What `synthtab augment --json` wrote, tried now and not only when the page is drawn."""
    from synthtab.evaluation.report.study_chart import charts

    try:
        found: dict[str, Any] = parse(path.read_text(encoding="utf-8"))
        charts(found)
    except FileNotFoundError:
        raise DataError(
            f"{path} does not exist: write it with synthtab augment --json {path}"
        ) from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as JSON: {str(error).splitlines()[0]}"
        ) from None
    return found
