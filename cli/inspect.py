"""`synthtab inspect`: a model file in words."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer

from synthtab.core.errors import ConfigError, DataError
from synthtab.core.files import write_text

from .options import check_model, check_output
from .render import note, print_columns, print_facts


def inspect(
    model: Annotated[
        Path, typer.Argument(help="Model file written by fit.", show_default=False)
    ],
    card: Annotated[
        Path | None,
        typer.Option(
            help="Write a model card there, in the format of Hugging Face.",
            metavar="FILE.md",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Put figures into the card: what evaluate --json wrote.",
            metavar="FILE",
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(
            "--license",
            help="Of the model, for the card, such as cc-by-4.0.",
            metavar="NAME",
        ),
    ] = None,
) -> None:
    """Say in words what a model file holds.

    Example: synthtab inspect people.synthtab --card README.md --report report.json
    """
    if card is None and (report is not None or licence is not None):
        raise ConfigError("--report and --license are for the card: name it by --card")
    if card is not None:
        check_output(card, model, report)
    check_model(model)
    figures = None if report is None else _report(report, model)

    from synthtab import Synthesizer

    # Reading needs no accelerator, and its machine may have none.
    synthesizer = Synthesizer.load(model, device="cpu")
    if card is None:
        print_facts(synthesizer.describe())
        print_columns(synthesizer.schema_)
        return
    try:
        text = synthesizer.card(model.name, figures, licence)
    except DataError as error:
        raise DataError(f"{report}: {error}") from error
    write_text(card, text)
    note(f"card: {card}")


def _report(path: Path, model: Path) -> dict[str, Any]:
    """What `synthtab evaluate --json` wrote of this model.

    Raises:
        DataError: It cannot be read, or is about another model.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise DataError(f"cannot read the report {path}: {reason}") from None
    if not isinstance(report, dict):
        raise DataError(f"{path} is no report: write one with synthtab evaluate --json")
    judged = (report.get("made") or {}).get("model")
    if judged and judged["digest"] != sha256(model.read_bytes()).hexdigest():
        raise DataError(
            f"{path} is about another model, {judged['name']}: judge rows of {model} "
            "with synthtab evaluate --model"
        )
    return report
