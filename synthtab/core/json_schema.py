"""Whether plain JSON data is what a JSON Schema says: the few words of it that ours use.

`schema_options` of column kinds and of forms of constraints are such schemas. They make
docs/schema.json, and every schema that is read is checked by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# For Python a boolean is an integer, for JSON it is none: see `_is_of_type`.
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (Mapping,),
    "null": (type(None),),
}
_CALLED = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
# Letters of a value that a message shows.
SHOWN = 40


def fault(data: Any, schema: Mapping[str, Any]) -> str:
    """What is wrong with the data, as the end of a sentence; "" for nothing.

    Args:
        data: Plain JSON data.
        schema: May say type, enum, const, minimum, maximum, minLength, minItems, items,
            properties, required and additionalProperties. Other words are ignored.
    """
    for check in (_type, _value, _size, _items, _properties):
        if found := check(data, schema):
            return found
    return ""


def shown(data: Any) -> str:
    """Data in a message: not more of it than a line has room for."""
    try:
        text = repr(data)
    # Nested too deeply, or a number of too many digits.
    except (RecursionError, ValueError):
        return "something too large"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _type(data: Any, schema: Mapping[str, Any]) -> str:
    wanted = schema.get("type")
    if wanted is None:
        return ""
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if any(_is_of_type(data, name) for name in names):
        return ""
    return f"is {shown(data)}, not {' or '.join(_CALLED[name] for name in names)}"


def _is_of_type(data: Any, name: str) -> bool:
    if isinstance(data, bool):
        return name == "boolean"
    # JSON has no infinite numbers, but Python reads them.
    if isinstance(data, float) and not math.isfinite(data):
        return False
    return isinstance(data, _TYPES[name])


def _value(data: Any, schema: Mapping[str, Any]) -> str:
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if allowed is None or data in allowed:
        return ""
    return f"is {shown(data)}; it may be {', '.join(map(repr, allowed))}"


def _size(data: Any, schema: Mapping[str, Any]) -> str:
    is_number = isinstance(data, (int, float))
    if is_number and data < schema.get("minimum", -math.inf):
        return f"is {shown(data)}, less than {schema['minimum']}"
    if is_number and data > schema.get("maximum", math.inf):
        return f"is {shown(data)}, more than {schema['maximum']}"
    least = schema.get("minLength", 0) if isinstance(data, str) else 0
    if isinstance(data, (list, tuple)):
        least = schema.get("minItems", 0)
    if least and len(data) < least:
        return "is empty" if least == 1 else f"has fewer than {least} entries"
    return ""


def _items(data: Any, schema: Mapping[str, Any]) -> str:
    if not isinstance(data, (list, tuple)) or "items" not in schema:
        return ""
    faults = (fault(item, schema["items"]) for item in data)
    found = next(filter(None, faults), "")
    return f"has an entry that {found}" if found else ""


def _properties(data: Any, schema: Mapping[str, Any]) -> str:
    if not isinstance(data, Mapping):
        return ""
    properties = schema.get("properties", {})
    lacking = [name for name in schema.get("required", ()) if name not in data]
    if lacking:
        return f"lacks {lacking[0]!r}"
    if schema.get("additionalProperties") is False:
        unknown = sorted(set(map(str, data)) - set(properties))
        if unknown:
            return f"has an unknown entry {shown(unknown[0])}"
    for name, own in properties.items():
        if name in data and (found := fault(data[name], own)):
            return f"has an entry {name!r} that {found}"
    return ""
