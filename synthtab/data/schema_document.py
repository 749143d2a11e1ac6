"""docs/schema.json: what a schema file may hold, as a JSON Schema for editors and checks.

It is made from the registries of column kinds and constraint forms. After a change:

    python -m synthtab.data.schema_document > docs/schema.json
"""

from __future__ import annotations

import json
from typing import Any

from synthtab.core.schema import FORMAT
from synthtab.data.columns import KINDS
from synthtab.data.columns.base import COMMON_OPTIONS
from synthtab.data.constraints import FORMS


def document() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a schema file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "synthtab schema",
        "description": (
            "What the columns of a table are, and what holds between them: written by "
            "`synthtab schema`, edited by hand, read by `synthtab fit --schema`."
        ),
        "type": "object",
        "required": ["format", "columns"],
        "properties": {
            "$schema": _of("string", "Where this file is, for editors."),
            "format": {"const": FORMAT, "description": "Version of this format."},
            "columns": {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/$defs/column"},
            },
            "constraints": {
                "type": "array",
                "items": {"$ref": "#/$defs/constraint"},
            },
            "person": _of(
                "string",
                "The column that says whom each row is about: then what few people "
                "have is not stored, whatever the number of their rows.",
            ),
        },
        "$defs": {"column": _column(), "constraint": _constraint(), "form": _form()},
    }


def as_text() -> str:
    """The document as docs/schema.json holds it."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _column() -> dict[str, Any]:
    """`synthtab.core.schema.Column`."""
    options: dict[str, Any] = dict(COMMON_OPTIONS)
    for kind in KINDS.values():
        options |= kind.schema_options
    return {
        "type": "object",
        "required": ["name", "kind", "dtype"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "minLength": 1, "description": "Its header."},
            "kind": {
                "enum": list(KINDS),
                "description": (
                    "What it is learnt as; a time of day is a datetime whose format "
                    "has no date."
                ),
            },
            "dtype": _of(
                "string", "The pandas dtype of sampled rows, such as int64 or str."
            ),
            "missing": _of("boolean", "Whether cells may be missing."),
            "why": _of("string", "Why this kind; for people only."),
            "note": _of("string", "What is unexpected; for people only."),
            # An option of another version is no error.
            "options": {
                "type": "object",
                "description": "What the kind needs to know.",
                "properties": options,
            },
        },
    }


def _constraint() -> dict[str, Any]:
    """`synthtab.core.schema.Constraint`."""
    options: dict[str, Any] = {}
    for form in FORMS.values():
        options |= form.schema_options
    return {
        "type": "object",
        "required": ["form", "columns"],
        "additionalProperties": False,
        "properties": {
            "form": {"$ref": "#/$defs/form"},
            "columns": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            "enforce": _of(
                "boolean",
                "Whether every sampled row must hold it; if not, it is only offered.",
            ),
            "support": {
                "type": ["number", "null"],
                "minimum": 0,
                "maximum": 1,
                "description": (
                    "Share of the rows that it applies to in which it holds."
                ),
            },
            "rows": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "Number of these rows.",
            },
            "says": _of("string", "The constraint in words; for people only."),
            "options": {
                "type": "object",
                "additionalProperties": False,
                "properties": options,
            },
        },
    }


def _form() -> dict[str, Any]:
    """The forms of constraints that a file can hold."""
    # A Python function has no text: nothing to say about it to the reader of a file.
    written = [form for form in FORMS.values() if form.about]
    return {
        "oneOf": [{"const": form.form, "description": form.about} for form in written]
    }


def _of(kind: str, description: str) -> dict[str, Any]:
    return {"type": kind, "description": description}


if __name__ == "__main__":
    print(as_text(), end="")
