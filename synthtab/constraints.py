"""What users import of constraints: write one, find those of a table.

    from synthtab.constraints import predicate
    schema = schema.enforcing([predicate(lambda df: df.a > df.b, ["a", "b"])])

The forms themselves are in `synthtab.data.constraints`, a file each.
"""

from __future__ import annotations

from synthtab.data.constraints.finding import find_constraints
from synthtab.data.constraints.predicate import predicate
from synthtab.data.constraints.text import parse_constraint

__all__ = ["find_constraints", "parse_constraint", "predicate"]
