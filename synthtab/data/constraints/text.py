"""Constraints as a person writes them: ``arr_time >= dep_time``, ``city -> country``.

Each form reads its own texts, see `Form.read`; this file only asks them in turn.
"""

from __future__ import annotations

from synthtab.core.schema import Constraint, Schema
from synthtab.data.constraints import FORMS
from synthtab.data.constraints.base import Form
from synthtab.data.constraints.written import Written


def parse_constraint(text: str, schema: Schema) -> Constraint:
    """The constraint that a text means, enforced.

    Args:
        text: Like one of `Form.examples`.
        schema: Whose columns it names. Names with spaces or signs may be quoted.

    Raises:
        SchemaError: It cannot be read, names an unknown column, or compares what cannot
            be compared.
    """
    functions: list[str] = []
    examples: list[str] = []
    for kind in FORMS.values():
        functions += kind.functions
        examples += kind.examples
    form = _form(Written(text, schema, functions, examples))
    # As if it came from a file: how many columns there are and what else is wrong with
    # it is checked in one place.
    checked = type(form).of(form.constraint())
    checked.check(schema)
    return checked.constraint(enforce=True)


def _form(written: Written) -> Form:
    """What the first form says that can read it."""
    for kind in FORMS.values():
        form = kind.read(written)
        if form is not None:
            return form
    raise written.unreadable()
