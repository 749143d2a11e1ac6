"""Which kinds of column and which forms of constraint there are.

A schema names them, but `core` imports no package that defines them. So these packages
register themselves here when they are imported. They are imported at the latest when a
schema is checked.
"""

from __future__ import annotations

import importlib
from typing import Any

# Name => class. The order is that of the messages that list the names.
KINDS: dict[str, Any] = {}
FORMS: dict[str, Any] = {}


def kinds() -> dict[str, Any]:
    """The kinds of column by their names, see `synthtab.data.columns`."""
    importlib.import_module("synthtab.data.columns")
    return KINDS


def forms() -> dict[str, Any]:
    """The forms of constraint by their names, see `synthtab.data.constraints`."""
    importlib.import_module("synthtab.data.constraints")
    return FORMS
