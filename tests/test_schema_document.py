"""docs/schema.json: it accepts what the program writes, and refuses what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from synthtab import Schema, find_constraints, infer, parse_constraint
from synthtab.core.errors import SchemaError
from synthtab.data import schema_document
from synthtab.data.columns import KINDS
from synthtab.data.constraints import FORMS, form_of
from synthtab.data.constraints.equation import EQUATIONS
from tests.constraint_tables import shop

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = json.loads((ROOT / "docs" / "schema.json").read_text(encoding="utf-8"))
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}
WORDS = {
    "$schema",
    "title",
    "description",
    "$defs",
    "$ref",
    "type",
    "enum",
    "const",
    "oneOf",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "minItems",
    "minLength",
    "minimum",
    "maximum",
}


def problems(data: Any, rule: dict[str, Any], at: str = "") -> Iterator[str]:
    """What a validator would say, for the words of JSON Schema that the document uses."""
    assert set(rule) <= WORDS, f"this validator does not know {set(rule) - WORDS}"
    if "$ref" in rule:
        name = rule["$ref"].removeprefix("#/$defs/")
        yield from problems(data, DOCUMENT["$defs"][name], at)
    if "oneOf" in rule:
        accepting = [r for r in rule["oneOf"] if not list(problems(data, r, at))]
        if len(accepting) != 1:
            yield f"{at}: none or several of oneOf"
    if not has_type(data, rule):
        yield f"{at}: not of type {rule['type']}"
        return
    yield from value_problems(data, rule, at)
    if isinstance(data, list):
        for i, item in enumerate(data):
            yield from problems(item, rule.get("items", {}), f"{at}[{i}]")
    if isinstance(data, dict):
        yield from object_problems(data, rule, at)


def has_type(data: Any, rule: dict[str, Any]) -> bool:
    """Whether the data is of a type of the rule; a boolean is no number, unlike in Python."""
    kinds = rule.get("type", [])
    if isinstance(kinds, str):
        kinds = [kinds]
    if isinstance(data, bool):
        return not kinds or "boolean" in kinds
    return not kinds or any(isinstance(data, TYPES[kind]) for kind in kinds)


def value_problems(data: Any, rule: dict[str, Any], at: str) -> Iterator[str]:
    """A value that is not listed, out of bounds or too short."""
    if "enum" in rule and data not in rule["enum"]:
        yield f"{at}: {data!r} is not allowed"
    if "const" in rule and data != rule["const"]:
        yield f"{at}: {data!r} is not allowed"
    if isinstance(data, (int, float)):
        low = rule.get("minimum", data)
        high = rule.get("maximum", data)
        if not low <= data <= high:
            yield f"{at}: {data} is out of bounds"
    if isinstance(data, (str, list)):
        shortest = rule.get("minItems", rule.get("minLength", 0))
        if len(data) < shortest:
            yield f"{at}: too short"


def object_problems(
    data: dict[str, Any], rule: dict[str, Any], at: str
) -> Iterator[str]:
    """Names that lack or that nobody knows, and what is wrong below them."""
    known = rule.get("properties", {})
    for name in rule.get("required", ()):
        if name not in data:
            yield f"{at}: lacks {name}"
    for name, value in data.items():
        if name in known:
            yield from problems(value, known[name], f"{at}.{name}")
        elif rule.get("additionalProperties") is False:
            yield f"{at}: unknown {name}"


def valid(data: Any) -> list[str]:
    """The disagreements; of the jsonschema library's too, where it is installed."""
    mine = list(problems(data, DOCUMENT))
    try:
        import jsonschema
    except ImportError:
        return mine
    library = jsonschema.Draft202012Validator(DOCUMENT)
    assert library.is_valid(data) == (not mine)
    return mine


def everything() -> pd.DataFrame:
    """A column of every kind, with and without missing cells, of several dtypes."""
    frame = shop(400)
    frame["key"] = [f"K{i:05d}" for i in range(len(frame))]
    frame["always"] = "x"
    frame["never"] = None
    frame["rank"] = pd.Categorical(frame["size"], ["S", "M", "L", "XL"], ordered=True)
    frame["time"] = [f"{i % 24:02d}:{i % 60:02d}" for i in range(len(frame))]
    frame["maybe"] = pd.array(frame["amount"].where(frame["amount"] > 3), dtype="Int64")
    return frame


def test_every_schema_that_is_written_is_valid() -> None:
    frame = everything()
    schema = infer(frame)
    kinds = {column.kind for column in schema.columns}
    assert {
        "float",
        "integer",
        "boolean",
        "category",
        "datetime",
        "identifier",
        "constant",
    } <= kinds
    written = [
        parse_constraint(text, schema) for text in ("unique(key)", "amount < 50")
    ]
    schema = schema.enforcing([*find_constraints(frame, schema), *written])
    data = json.loads(json.dumps(schema.to_json()))
    assert valid(data) == [] and len(data["constraints"]) > 8
    assert valid(json.loads(json.dumps(infer(frame.astype(str)).to_json()))) == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "datasets").rglob("*.schema.json")), ids=lambda p: p.name
)
def test_shipped_schemas_are_valid(path: Path) -> None:
    assert valid(json.loads(path.read_text(encoding="utf-8"))) == []


def test_the_file_is_what_the_registries_say() -> None:
    """After a change: python -m synthtab.data.schema_document > docs/schema.json."""
    text = (ROOT / "docs" / "schema.json").read_text(encoding="utf-8")
    assert text == schema_document.as_text()


def test_the_document_lists_every_kind_form_and_equation() -> None:
    column, constraint, form = (
        DOCUMENT["$defs"][name] for name in ("column", "constraint", "form")
    )
    assert set(column["properties"]["kind"]["enum"]) == set(KINDS)
    assert {f["const"] for f in form["oneOf"]} | {"predicate"} == set(FORMS)
    assert set(
        constraint["properties"]["options"]["properties"]["equals"]["enum"]
    ) == set(EQUATIONS)
    full = infer(pd.DataFrame({"a": [1, 2, 3, 4]})).columns[0].to_json()
    assert set(column["properties"]) == set(full)
    assert set(constraint["properties"]) == set(
        parse_constraint("a < 9", infer(pd.DataFrame({"a": [1, 2, 3]}))).to_json()
    )


def damaged() -> Iterator[tuple[str, Any]]:
    base = {
        "format": 1,
        "columns": [{"name": "a", "kind": "integer", "dtype": "int64"}],
    }
    rule = {"form": "range", "columns": ["a"], "options": {"minimum": 1}}
    yield "no columns", {"format": 1}
    yield "empty", {"format": 1, "columns": []}
    yield "format", {**base, "format": 2}
    yield "kind", {**base, "columns": [{**base["columns"][0], "kind": "number"}]}  # type: ignore[index,dict-item]
    yield "entry", {**base, "columns": [{**base["columns"][0], "Missing": True}]}  # type: ignore[index,dict-item]
    yield "missing", {**base, "columns": [{**base["columns"][0], "missing": 1}]}  # type: ignore[index,dict-item]
    yield "dtype", {**base, "columns": [{"name": "a", "kind": "integer"}]}
    yield "constraints", {**base, "constraints": {}}
    yield "form", {**base, "constraints": [{**rule, "form": "magic"}]}
    yield "enforce", {**base, "constraints": [{**rule, "enforce": "yes"}]}
    yield "names", {**base, "constraints": [{**rule, "columns": "a"}]}
    yield (
        "option",
        {**base, "constraints": [{**rule, "options": {"minimum": 1, "least": 1}}]},
    )
    yield "bound", {**base, "constraints": [{**rule, "options": {"minimum": True}}]}


@pytest.mark.parametrize(
    "data", [d for _, d in damaged()], ids=[name for name, _ in damaged()]
)
def test_what_the_document_refuses_the_program_refuses(data: Any) -> None:
    assert valid(data)
    with pytest.raises(SchemaError):
        [form_of(constraint) for constraint in Schema.from_json(data).constraints]
