"""`synthtab evaluate`: a report on rows, and a status that a script can use."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from json import loads as parse
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthtab.core.errors import ConfigError, DataError
from synthtab.data.places import without_password

from .marked import without_real
from .options import (
    Holdout,
    Html,
    Json,
    Quiet,
    Seed,
    as_typed,
    check_model,
    check_reports,
    check_seed,
    check_table,
    in_options,
    label,
    without_none,
)
from .render import deliver, note, progress, read_table

if TYPE_CHECKING:
    import pandas as pd

    from synthtab import Report, Schema


def evaluate(
    real: Annotated[
        str, typer.Argument(help="The table that was learned.", show_default=False)
    ],
    synthetic: Annotated[
        str, typer.Argument(help="Rows to judge.", show_default=False)
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
            help="Draw what synthtab augment --json wrote there, "
            "in the page of --html.",
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
            help="List the N most exposed rows of REAL: "
            "the report then holds real rows.",
            metavar="N",
        ),
    ] = None,
    whole: Annotated[
        bool,
        typer.Option("--all", help="Print all verdicts and scores, not a screen."),
    ] = False,
    person: Annotated[
        str | None,
        typer.Option(
            help="Column that says whom a row is about: "
            "what fewer than 5 people have is not named then.",
            metavar="COLUMN",
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
    if model is not None and person is not None:
        raise ConfigError(
            "--person and --model both say who counts as a person: leave one out"
        )
    if riskiest is not None and riskiest < 1:
        raise ConfigError(f"--riskiest must be at least 1, not {riskiest}")
    if augmentation is not None and html is None:
        raise ConfigError(
            "--augmentation draws a chart in the page: name the page with --html"
        )
    check_reports(json, html, real, synthetic, holdout, model, augmentation)
    check_table(real, synthetic, holdout)
    check_model(model)
    check_seed(seed)

    # Imported here, as in every command: `--help` must not wait for pandas and torch.
    from synthtab import evaluate as judge
    from synthtab.evaluation import METRICS, parse_bounds

    # Whatever can be wrong with the options shows now, before the long work.
    study = None if augmentation is None else _study(augmentation)
    bounds = () if fail_under is None else parse_bounds(fail_under, METRICS)
    unseen: pd.DataFrame | None
    origin: dict[str, object] | None = None
    if model is not None:
        training, unseen, schema, origin = _split(real, model, quiet)
    else:
        training, unseen, schema = _whole(real, holdout, person, quiet)
    # Only the real table must fit the schema: a cell of the others that does not fit
    # counts against them, no more.
    rows = read_table(synthetic, quiet)
    rows = without_real(rows, training.columns, synthetic, quiet)
    with progress(quiet) as observe:
        report = judge(
            training,
            rows,
            holdout=unseen,
            target=target,
            schema=schema,
            observe=observe,
            **without_none(seed=seed, riskiest=riskiest),
        )
    report = _with_rows_of_the_file(report, training)
    files = {"real": label(real), "synthetic": label(synthetic)}
    if holdout is not None:
        files["holdout"] = label(holdout)
    known = {"files": files} if origin is None else {"files": files, "model": origin}
    report = replace(report, made={**report.made, **known}, wording=in_options)

    # Before the status: a report is worth most where a score is too low.
    deliver(
        report,
        json,
        html,
        lambda: report.to_html(
            names=(label(real), label(synthetic)), augmentation=study
        ),
        quiet,
        None if whole else report.first_screen("--all"),
    )
    failures = [bound.failure(report) for bound in bounds]
    for failure in filter(None, failures):
        note(f"failed: {failure}")
    # Not 2, which means that the command could not do its work.
    if any(failures):
        raise typer.Exit(1)


def _with_rows_of_the_file(report: Report, training: pd.DataFrame) -> Report:
    """The report, in which the riskiest rows have their numbers in the file.

    It counts training rows, and with a model these are only some rows of the file.
    """
    riskiest = []
    for risk in report.riskiest:
        riskiest.append(risk | {"row": int(training.index[risk["row"]])})
    return replace(report, riskiest=tuple(riskiest))


def _whole(
    real: str, holdout: str | None, person: str | None, quiet: bool
) -> tuple[pd.DataFrame, pd.DataFrame | None, Schema]:
    """The real table, the holdout if there is one, and what the columns are."""
    from synthtab import infer
    from synthtab.data import tables

    cells = read_table(real, quiet)
    # Nothing is withheld: this schema is used here and never stored.
    schema = infer(cells, rare=0, person=person)
    unseen = None if holdout is None else read_table(holdout, quiet)
    return tables.typed(cells, schema), unseen, schema


def _split(
    real: str, model: Path, quiet: bool
) -> tuple[pd.DataFrame, pd.DataFrame | None, Schema, dict[str, object]]:
    """The training rows of a model, its held-out rows, what the columns are, and which
    model it is.

    A model with differential privacy was learnt from all rows, and holds none out.
    """
    from synthtab import Synthesizer
    from synthtab.data import tables

    # It makes no row here, so it needs no accelerator.
    synthesizer = Synthesizer.load(model, device="cpu")
    origin: dict[str, object] = {
        "name": model.name,
        "digest": sha256(model.read_bytes()).hexdigest(),
        "seed": synthesizer.seed,
    }
    if paid := synthesizer.report_.get("privacy"):
        if not quiet:
            note(f"promise of {model.name}: {paid['promise']}")
        table, _, schema = _whole(real, None, synthesizer.schema_.person, quiet)
        return table, None, schema, origin | {"privacy": paid["promise"]}
    try:
        training, unseen = synthesizer.split(read_table(real, quiet))
    except DataError as error:
        name = without_password(real)
        raise DataError(f"{name} and {model}: {error}") from error
    schema = synthesizer.schema_
    return tables.typed(training, schema), unseen, schema, origin


def _study(path: Path) -> dict[str, Any]:
    """What `synthtab augment --json` wrote.

    Its charts are drawn now, and not only after the long work, to see whether they
    can be.
    """
    from synthtab.evaluation.report.study_chart import charts

    try:
        study: dict[str, Any] = parse(path.read_text(encoding="utf-8"))
        charts(study)
    except FileNotFoundError:
        raise DataError(
            f"{path} does not exist: "
            f"write it with synthtab augment --json {as_typed(path)}"
        ) from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read as JSON: {reason}") from None
    return study
