"""Constraints between columns: found in a table, offered in its schema, held by every sampled row where enforced.

A form is one class in one file and one line in `FORMS`. Nothing is imposed: `find_constraints` offers, with the share
of the rows that hold each; `synthtab.Constraint.enforce` says which shall hold.
"""

from __future__ import annotations

from synthtab.core.schema import Constraint, Schema
from synthtab.data.constraints.base import Form, Look
from synthtab.data.constraints.combination import Combination
from synthtab.data.constraints.determines import Determines
from synthtab.data.constraints.equation import Equation
from synthtab.data.constraints.inequality import Inequality
from synthtab.data.constraints.one_hot import OneHot
from synthtab.data.constraints.predicate import Predicate, predicate
from synthtab.data.constraints.range import Range
from synthtab.data.constraints.together import Together
from synthtab.data.constraints.unique import Unique

# In the order in which they are looked for: a later one leaves out what an earlier one
# says.
FORMS: dict[str, type[Form]] = {
    "one_hot": OneHot,
    "equation": Equation,
    "determines": Determines,
    "together": Together,
    "combination": Combination,
    "inequality": Inequality,
    "range": Range,
    "unique": Unique,
    "predicate": Predicate,
}

__all__ = ["FORMS", "Form", "Look", "form_of", "predicate"]


def form_of(constraint: Constraint, schema: Schema | None = None) -> Form:
    """The form that a schema's entry describes, checked against the schema's columns where that is given.

    Raises:
        SchemaError: It makes no sense.
    """
    form = FORMS[constraint.form].of(constraint)
    if schema is not None:
        form.check(schema)
    return form
