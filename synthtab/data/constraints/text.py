"""Constraints as a person writes them: ``arr_time >= dep_time``, ``total = price * amount``, ``city -> country``."""

from __future__ import annotations

import re
from dataclasses import replace

from synthtab.core.errors import SchemaError, hint
from synthtab.core.schema import Constraint, Schema
from synthtab.data.constraints import Form
from synthtab.data.constraints.combination import Combination
from synthtab.data.constraints.determines import Determines
from synthtab.data.constraints.equation import Equation
from synthtab.data.constraints.inequality import Inequality
from synthtab.data.constraints.one_hot import OneHot
from synthtab.data.constraints.range import Range
from synthtab.data.constraints.together import Together
from synthtab.data.constraints.unique import Unique

# What `parse_constraint` reads; ``=`` is "equals", ``->`` "determines". A name with
# spaces or signs may be quoted.
GRAMMAR = (
    "a <= b, a < 5, 0 <= a <= 10, a = b + c, a = b - c, a = b * c, a = b / c, a = clock(b + c), a = 100 * b + c, "
    "a = b * c within 5 %, a, b -> c, one_hot(a, b), at_most_one(a, b), unique(a, b), together(a, b), combination(a, b)"
)

FUNCTIONS = ("one_hot", "at_most_one", "unique", "together", "combination", "clock")
SIGN = re.compile(r"<=|>=|->|[<>=+*/(),%|]|-(?=\s)")
CALL = re.compile(rf"({'|'.join(FUNCTIONS)})\s*(?=\()")
WORD = re.compile(r"[^\s<>=+*/(),%|]+")

# What it is ("name", "sign", "call", "word"), and its text.
Token = tuple[str, str]


def parse_constraint(text: str, schema: Schema) -> Constraint:
    """The constraint that a text means, enforced.

    Args:
        text: See `GRAMMAR`.
        schema: Whose columns it names.

    Raises:
        SchemaError: It cannot be read, names an unknown column, or compares what cannot be compared.
    """
    tokens = _tokens(text, schema)
    try:
        form = _form(tokens, text, schema)
    except SchemaError:
        raise
    except (IndexError, ValueError):
        raise _unread(text) from None
    checked = type(form).of(form.constraint())
    checked.check(schema)
    return checked.constraint(enforce=True)


def _unread(text: str) -> SchemaError:
    return SchemaError(
        f"cannot read the constraint {text!r}; write it like one of: {GRAMMAR}"
    )


def _tokens(text: str, schema: Schema) -> list[Token]:
    """Names are matched before anything else, the longest first, so that most need no quotes."""
    tokens: list[Token] = []
    names = sorted(schema.names, key=len, reverse=True)
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text[at] in "\"'`":
            end = text.find(text[at], at + 1)
            if end < 0:
                raise SchemaError(f"constraint {text!r}: a quote is not closed")
            quoted = text[at + 1 : end]
            tokens.append(("name" if quoted in schema else "word", quoted))
            at = end + 1
        elif found := CALL.match(text, at):
            tokens.append(("call", found[1]))
            at = found.end()
        elif name := next((n for n in names if _starts(text, at, n)), None):
            tokens.append(("name", name))
            at += len(name)
        elif found := SIGN.match(text, at) or WORD.match(text, at):
            tokens.append(("sign" if SIGN.match(text, at) else "word", found[0]))
            at = found.end()
        else:
            raise _unread(text)
    return tokens


def _starts(text: str, at: int, name: str) -> bool:
    """Whether a name stands there, and is not the start of a longer word."""
    after = text[at + len(name) : at + len(name) + 1]
    whole = not (name[-1:].isalnum() or name[-1:] == "_") or not (
        after.isalnum() or after == "_"
    )
    return text.startswith(name, at) and whole


def _form(tokens: list[Token], text: str, schema: Schema) -> Form:
    signs = [value for kind, value in tokens if kind == "sign"]
    if tokens[0][0] == "call":
        return _called(tokens, text, schema)
    if "->" in signs:
        at = tokens.index(("sign", "->"))
        left, right = (
            _names(part, text, schema) for part in (tokens[:at], tokens[at + 1 :])
        )
        return Determines((*left, *right), right)
    if "=" in signs:
        if tokens[1] != ("sign", "="):
            raise _unread(text)
        return _equation(_name(tokens[0], text, schema), tokens[2:], text, schema)
    return _comparison(tokens, text, schema)


def _name(token: Token, text: str, schema: Schema) -> str:
    kind, value = token
    if kind == "name":
        return value
    if kind != "word":
        raise _unread(text)
    near = hint(value, schema.names, "the columns are")
    raise SchemaError(f"constraint {text!r}: there is no column {value!r}{near}")


def _names(tokens: list[Token], text: str, schema: Schema) -> tuple[str, ...]:
    """``a, b, c``."""
    if len(tokens) % 2 == 0 or any(token != ("sign", ",") for token in tokens[1::2]):
        unknown = next((t for t in tokens if t[0] == "word"), None)
        if unknown:
            _name(unknown, text, schema)
        raise _unread(text)
    return tuple(_name(token, text, schema) for token in tokens[::2])


def _called(tokens: list[Token], text: str, schema: Schema) -> Form:
    if tokens[1] != ("sign", "(") or tokens[-1] != ("sign", ")"):
        raise _unread(text)
    names = _names(tokens[2:-1], text, schema)
    match tokens[0][1]:
        case "one_hot":
            return OneHot(names)
        case "at_most_one":
            return OneHot(names, some_none=True)
        case "unique":
            return Unique(names)
        case "together":
            return Together(names, (None,) * len(names))
        case "combination":
            return Combination(names)
    raise _unread(text)


def _equation(child: str, right: list[Token], text: str, schema: Schema) -> Form:
    within = 0.0
    if ("word", "within") in right:
        at = right.index(("word", "within"))
        (_, share), *percent = right[at + 1 :]
        if percent != [("sign", "%")]:
            raise _unread(text)
        within, right = float(share) / 100, right[:at]
    if (
        right[0] == ("call", "clock")
        and right[1] == ("sign", "(")
        and right[-1] == ("sign", ")")
    ):
        clock = _arithmetic(child, right[2:-1], text, schema)
        if clock.equals != "sum" or len(clock.columns) != 3:
            raise _unread(text)
        return replace(
            clock,
            equals="clock",
            constant=2400.0 if schema[child].options.get("maximum") == 2400 else 0.0,
        )
    return replace(_arithmetic(child, right, text, schema), within=within)


def _arithmetic(child: str, right: list[Token], text: str, schema: Schema) -> Equation:
    if right[0] == ("sign", "|"):  # |b|, |b - 0.5|
        inner = right[1:-1]
        middle = (
            float(inner[2][1]) if len(inner) == 3 and inner[1] == ("sign", "-") else 0.0
        )
        if right[-1] != ("sign", "|") or len(inner) not in (1, 3):
            raise _unread(text)
        return Equation((child, _name(inner[0], text, schema)), "distance", middle)
    if (
        len(right) == 5
        and right[0][0] == "word"
        and [right[1], right[3]] == [("sign", "*"), ("sign", "+")]
    ):
        places = (_name(right[2], text, schema), _name(right[4], text, schema))
        return Equation((child, *places), "digits", float(right[0][1]))
    signs = [token[1] for token in right[1::2]]
    if right[0][0] == "word" and set(signs) == {"-"} and _is_number(right[0][1]):
        return Equation(
            (child, *(_name(t, text, schema) for t in right[2::2])),
            "rest",
            float(right[0][1]),
        )
    names = tuple(_name(t, text, schema) for t in right[::2])
    if len(right) % 2 == 0 or any(kind != "sign" for kind, _ in right[1::2]):
        raise _unread(text)
    forms = {(): "sum", ("-",): "difference", ("*",): "product", ("/",): "ratio"}
    equals = "sum" if set(signs) == {"+"} else forms.get(tuple(signs))
    if equals is None:
        raise _unread(text)
    return Equation((child, *names), equals)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _comparison(tokens: list[Token], text: str, schema: Schema) -> Form:
    signs = [value for kind, value in tokens if kind == "sign"]
    sides: list[list[Token]] = []
    side: list[Token] = []
    for token in tokens:
        if token[0] == "sign" and token[1] in ("<", "<=", ">", ">="):
            sides, side = [*sides, side], []
        else:
            side.append(token)
    sides.append(side)
    if (
        any(not s for s in sides)
        or len(sides) != len(signs) + 1
        or not 2 <= len(sides) <= 3
    ):
        raise _unread(text)
    if len({sign[0] for sign in signs}) > 1 or len({len(sign) for sign in signs}) > 1:
        raise SchemaError(
            f"constraint {text!r}: both signs of a range must be alike; write two constraints"
        )
    if signs[0][0] == ">":
        sides = sides[::-1]
    strict = len(signs[0]) == 1
    names = [len(s) == 1 and s[0][0] == "name" for s in sides]
    if names == [True, True]:
        return Inequality((sides[0][0][1], sides[1][0][1]), strict)
    if sum(names) != 1 or (len(sides) == 3 and not names[1]):
        words = [
            s[0]
            for s in sides
            if len(s) == 1 and s[0][0] == "word" and not _is_number(s[0][1])
        ]
        if words and len(sides) == 2:
            _name(words[0], text, schema)
        raise _unread(text)
    for end in (sides[0], sides[-1]):
        if end[0][0] == "word" and not any(letter.isdigit() for letter in end[0][1]):
            _name(end[0], text, schema)  # no number and no date
    name = sides[names.index(True)][0][1]
    low, high = (
        None if end == [("name", name)] else _constant(end)
        for end in (sides[0], sides[-1])
    )
    return Range((name,), low, high, strict)


def _constant(tokens: list[Token]) -> int | float | str:
    word = " ".join(value for _, value in tokens)
    if not _is_number(word):
        return word
    return int(word) if re.fullmatch(r"[+-]?\d+", word) else float(word)
