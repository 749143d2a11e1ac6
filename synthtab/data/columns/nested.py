"""Cells that are a table of their own: JSON objects and lists, as text."""

from __future__ import annotations

import json
import re

from synthtab.core.errors import DataError
from synthtab.data.columns.base import Cells

LOOKS_NESTED = re.compile(r"\s*(\{.*\}|\[.*\])\s*", re.DOTALL)
GLANCE = 100
# Of a few cells, so many are JSON where the column is taken for it.
SHARE = 0.8


def refuse_nested(cells: Cells) -> None:
    """Raise a DataError for a column of JSON objects or lists: neither categories nor anything to invent.

    What is in them would come back as it is in the table, or as gibberish.
    """
    if not cells.is_text:
        return
    words = [w for w in cells.words[:GLANCE].tolist() if LOOKS_NESTED.fullmatch(w)]
    nested = [w for w in words if _is_json(w)]
    if nested and len(nested) >= SHARE * min(len(cells.words), GLANCE):
        what = "objects" if nested[0].lstrip().startswith("{") else "lists"
        advice = "give their fields columns of their own, say with pandas.json_normalize, or drop it"
        raise DataError(
            f"column {cells.name!r} holds JSON {what}; {advice} (or declare it an identifier)"
        )


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except ValueError:
        return False
