"""`synthtab inspect`: a model file in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import check_model
from .render import print_columns, print_facts


def inspect(
    model: Annotated[
        Path, typer.Argument(help="Model file written by fit.", show_default=False)
    ],
) -> None:
    """Say in words what a model file holds.

    Example: synthtab inspect people.synthtab
    """
    check_model(model)

    from synthtab import Synthesizer

    # Reading needs no accelerator, and its machine may have none.
    synthesizer = Synthesizer.load(model, device="cpu")
    print_facts(synthesizer.describe())
    print_columns(synthesizer.schema_)
