"""Constraints between columns: what a table holds, and what sampled rows shall hold.

A form is one class in one file and one line in `FORMS`: how it is written, where it is
looked for, and how rows come to hold it. Nothing is imposed: `find_constraints` offers,
with the share of the rows that hold each; `synthtab.Constraint.enforce` says which shall
hold.
"""

from __future__ import annotations

from synthtab.core import schema as names
from synthtab.core.schema import Constraint, Schema
from synthtab.data.constraints.base import Form, Search
from synthtab.data.constraints.combination import Combination
from synthtab.data.constraints.determines import Determines
from synthtab.data.constraints.equation import Equation
from synthtab.data.constraints.inequality import Inequality
from synthtab.data.constraints.one_hot import OneHot
from synthtab.data.constraints.predicate import Predicate, predicate
from synthtab.data.constraints.range import Range
from synthtab.data.constraints.together import Together
from synthtab.data.constraints.unique import Unique

# In the order in which messages list the forms; they are looked for by their `turn`.
FORMS: dict[str, type[Form]] = names.FORMS
FORMS["inequality"] = Inequality
FORMS["equation"] = Equation
FORMS["range"] = Range
FORMS["one_hot"] = OneHot
FORMS["determines"] = Determines
FORMS["combination"] = Combination
FORMS["together"] = Together
FORMS["unique"] = Unique
FORMS["predicate"] = Predicate

__all__ = ["FORMS", "Form", "Search", "form_of", "predicate"]


def form_of(constraint: Constraint, schema: Schema | None = None) -> Form:
    """The form that a schema's entry describes.

    Args:
        constraint: The entry.
        schema: Its columns are checked, if it is given.

    Raises:
        SchemaError: The entry makes no sense.
    """
    # `Constraint` has checked that there is such a form.
    form = FORMS[constraint.form].of(constraint)
    if schema is not None:
        form.check(schema)
    return form
