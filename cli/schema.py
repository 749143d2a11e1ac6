"""`synthtab schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .options import Rare, check_output
from .render import note, print_columns


def schema(
    data: Annotated[Path, typer.Argument(help="Table to look at.", show_default=False)],
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Write the schema as JSON; - is stdout.", metavar="FILE")
    ] = None,
    rare: Rare = None,
) -> None:
    """Show the kind of each column, and why.

    Written to a file, it can be edited and given to fit.

    Example: synthtab schema people.csv -o people.schema.json
    """
    if output not in (None, "-"):
        check_output(Path(output), data)

    from synthtab import infer, tables
    from synthtab.config import configure

    inferred = infer(tables.read(data), rare=configure(rare=rare).rare)
    if output == "-":
        typer.echo(json.dumps(inferred.to_json(), indent=2, ensure_ascii=False))
        return
    print_columns(inferred)
    if output is not None:
        inferred.save(output)
        note(f"schema: {output}")
        note(f"next:   synthtab fit {data} --schema {output}")
