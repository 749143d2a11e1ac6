"""`synthtab schema`: what each column is taken for, to read or to edit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .options import Person, Rare, as_typed, check_fit, check_output, check_table
from .render import note, print_columns, print_constraints, read_table


def schema(
    data: Annotated[str, typer.Argument(help="Table to look at.", show_default=False)],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Write the schema as JSON; - is stdout.",
            metavar="FILE",
        ),
    ] = None,
    rare: Rare = None,
    person: Person = None,
) -> None:
    """Show the kind of each column, and why, and what holds between columns.

    Written to a file, it can be edited and given to fit. Constraints are only
    offered: fit holds those whose "enforce" is set to true there.

    Example: synthtab schema people.csv -o people.schema.json
    """
    if output not in (None, "-"):
        check_output(Path(output), data)
    check_table(data)
    check_fit(rare=rare)

    from synthtab import find_constraints, infer
    from synthtab.core.config import configure

    cells = read_table(data)
    # As `fit` would: a value that few rows have is in no schema file.
    inferred = infer(cells, rare=configure(rare=rare).rare, person=person)
    inferred = inferred.with_constraints(find_constraints(cells, inferred))
    # Nothing but JSON: another program reads this.
    if output == "-":
        typer.echo(json.dumps(inferred.to_json(), indent=2, ensure_ascii=False))
        return
    print_columns(inferred)
    print_constraints(inferred)
    if output is not None:
        inferred.save(output)
        note(f"schema: {output}")
        note(f"next:   synthtab fit {as_typed(data)} --schema {as_typed(output)}")
