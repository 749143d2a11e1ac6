"""How users write conditions, as text or as Python values: see `synthtab.sampling.predicate`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from synthtab.core.errors import ConditionError

# What users may give: text, several texts, or column -> value, ``(low, high)``, list of
# values, None for missing.
Where = str | Mapping[str, Any] | Sequence[str]

TOKENS = re.compile(
    r"""\s*(?:(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`)|(?P<sign>!=|<>|>=|<=|==|=|<|>|\.\.|\(|\)|,)"""
    r"""|(?P<word>(?:(?!\.\.)[^\s'"`()=<>!,])+))"""
)
SIGNS = {
    "=": "=",
    "==": "=",
    "!=": "!=",
    "<>": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
EXAMPLE = "write conditions like: sex = Female and age in 18..30 and city in ('Oslo', 'Bergen') and income is missing"


@dataclass(frozen=True)
class Condition:
    """What the cells of one column must be.

    Attributes:
        column: Its name.
        values: Any of these; None for a range, or for a condition on missing alone.
        low: Least value of a range; None for no bound.
        high: Greatest value of a range; None for no bound.
        open: Whether the low and the high bound are left out themselves.
        missing: Whether the cell must be missing.
        negated: Whether values or range are those that it must not have; a missing cell does not meet that.
    """

    column: str
    values: tuple[Any, ...] | None = None
    low: Any = None
    high: Any = None
    open: tuple[bool, bool] = (False, False)
    missing: bool = False
    negated: bool = False

    def __str__(self) -> str:
        no = "not " * self.negated
        if self.missing:
            return f"{self.column} is missing"
        if self.values is not None and len(self.values) == 1:
            return f"{self.column} {'!=' if self.negated else '='} {self.values[0]}"
        if self.values is not None:
            return f"{self.column} {no}in ({', '.join(map(str, self.values))})"
        if self.low is None and self.high is None:
            return f"{self.column} is not missing"
        if self.low is not None and self.high is not None:
            return f"{self.column} {no}in {self.low}..{self.high}"
        sign, bound, opened = (
            ("<", self.high, self.open[1])
            if self.low is None
            else (">", self.low, self.open[0])
        )
        return f"{self.column} {no}{sign}{'' if opened else '='} {bound}"

    @property
    def few(self) -> bool:
        """Whether it asks for a few values."""
        return self.values is not None and not self.negated

    @property
    def any_value(self) -> bool:
        """Whether it asks just that there is a value."""
        return (
            not self.missing
            and self.values is None
            and self.low is None
            and self.high is None
        )


def written(where: Where) -> Iterator[Condition]:
    """Conditions, not yet compared with any table."""
    if isinstance(where, str):
        yield from parse(where)
    elif isinstance(where, Mapping):
        for column, value in where.items():
            yield from _of_value(str(column), value)
    elif isinstance(where, Sequence):
        for text in where:
            if not isinstance(text, str):
                raise ConditionError(
                    f"a list of conditions holds texts, not {text!r}; {EXAMPLE}"
                )
            yield from parse(text)
    else:
        raise ConditionError(
            f"where is text, a list of texts, or a dict of columns, not {type(where).__name__}"
        )


def _of_value(column: str, value: Any) -> Iterator[Condition]:
    if isinstance(value, tuple):
        if len(value) != 2:
            raise ConditionError(
                f"condition on {column!r}: a tuple is (low, high); list values in a list"
            )
        low, high = (None if _is_missing(v) else v for v in value)
        if low is None and high is None:
            raise ConditionError(f"condition on {column!r}: a range needs a bound")
        yield Condition(column, low=low, high=high)
    elif isinstance(value, (list, Set, np.ndarray, pd.Series, pd.Index)):
        values = tuple(value)
        if not values:
            raise ConditionError(
                f"condition on {column!r}: an empty list, which no value is in"
            )
        if any(map(_is_missing, values)):
            raise ConditionError(
                f"condition on {column!r}: missing cannot stand among values; ask for it by itself"
            )
        yield Condition(column, values)
    elif _is_missing(value):
        yield Condition(column, missing=True)
    else:
        yield Condition(column, (value,))


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, float) and np.isnan(value))
    )


def parse(text: str) -> tuple[Condition, ...]:
    """Conditions joined by "and".

    Grammar: ``column = value``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``column [not] in low..high`` (both included,
    either may be left out), ``column [not] in (value, ...)``, ``column is [not] missing``. Words are in any case;
    names and values with spaces or signs are quoted.

    Raises:
        ConditionError: It cannot be read; the message shows where.
    """
    return tuple(_Reader(text).all())


def parse_weights(text: str) -> dict[str, dict[str, float]]:
    """``"income: >50K=0.5, <=50K=0.5"`` as column -> value -> weight.

    Raises:
        ConditionError: It cannot be read.
    """
    name = re.match(r"\s*(?:`([^`]*)`|([^:]*?))\s*:(.*)", text, flags=re.S)
    column, rest = (name[1] or name[2], name[3]) if name else ("", "")
    entries = re.findall(
        r"""\s*('[^']*'|"[^"]*"|[^,'"]*?)\s*=\s*([^=,]*?)\s*(?:,|$)""", rest
    )
    try:
        shares = {
            _unquoted(v) if v[:1] in ("'", '"') else v: float(w) for v, w in entries
        }
        if (
            not column
            or not shares
            or len(entries) != len(re.findall(r"=\s*[^=,]*(?:,|$)", rest))
        ):
            raise ValueError
    except ValueError:
        example = 'write them like "income: >50K=0.5, <=50K=0.5"'
        raise ConditionError(f"weights {text!r}: {example}") from None
    return {column: shares}


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.at, end = text, 0, 0
        self.tokens: list[tuple[str, str]] = []
        while text[end:].strip():
            match = TOKENS.match(text, end)
            if match is None:
                raise self.wrong(f"cannot read {text[end:].strip()[:20]!r}")
            end = match.end()
            kind = str(match.lastgroup)
            self.tokens.append(
                (kind, _unquoted(match[kind]) if kind == "quoted" else match[kind])
            )

    def wrong(self, why: str) -> ConditionError:
        return ConditionError(f"condition {self.text!r}: {why}; {EXAMPLE}")

    def all(self) -> Iterator[Condition]:
        if not self.tokens:
            raise self.wrong("it is empty")
        yield self.one()
        while self.at < len(self.tokens):
            if self.is_word("or"):
                raise self.wrong("there is no 'or': list values with in (...)")
            if not self.skip_word("and"):
                raise self.wrong(
                    f"expected 'and', not {self.tokens[self.at][1]!r} (quote what holds spaces)"
                )
            yield self.one()

    def one(self) -> Condition:
        column = self.value("a column")
        if self.skip_word("is"):
            negated = self.skip_word("not")
            if not (self.skip_word("missing") or self.skip_word("null")):
                raise self.wrong("'is' is followed by missing or not missing")
            return Condition(column, missing=not negated)
        negated = self.skip_word("not")
        if self.skip_word("in"):
            return self.inside(column, negated)
        kind, sign = (
            self.tokens[self.at] if self.at < len(self.tokens) else ("", "the end")
        )
        if kind != "sign" or sign not in SIGNS or negated:
            raise self.wrong(
                f"expected =, !=, <, <=, >, >=, in or is after {column!r}, not {sign!r}"
            )
        self.at += 1
        glued = ""
        while (
            self.at < len(self.tokens)
            and self.tokens[self.at][0] == "sign"
            and self.tokens[self.at][1] in SIGNS
        ):
            glued, self.at = (
                glued + self.tokens[self.at][1],
                self.at + 1,
            )  # income = >50K
        sign, value, opened = SIGNS[sign], glued + self.value("a value"), len(sign) == 1
        if sign[0] == "<":
            return Condition(column, high=value, open=(False, opened))
        if sign[0] == ">":
            return Condition(column, low=value, open=(opened, False))
        return Condition(column, (value,), negated=sign == "!=")

    def inside(self, column: str, negated: bool) -> Condition:
        if self.skip("("):
            values = [self.value("a value")]
            while self.skip(","):
                values.append(self.value("a value"))
            if not self.skip(")"):
                raise self.wrong("a list of values ends with )")
            return Condition(column, tuple(values), negated=negated)
        low = None if self.skip("..") else self.value("a range or a list")
        if low is not None and not self.skip(".."):
            raise self.wrong("'in' is followed by low..high or by (value, value)")
        ended = self.at == len(self.tokens) or self.is_word("and")
        high = None if ended and low is not None else self.value("the end of the range")
        return Condition(column, low=low, high=high, negated=negated)

    def value(self, what: str) -> str:
        kind, text = (
            self.tokens[self.at] if self.at < len(self.tokens) else ("", "the end")
        )
        if kind not in ("word", "quoted"):
            raise self.wrong(f"expected {what}, not {text!r}")
        self.at += 1
        return text

    def skip(self, sign: str) -> bool:
        there = self.at < len(self.tokens) and self.tokens[self.at] == ("sign", sign)
        self.at += there
        return there

    def is_word(self, word: str) -> bool:
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        return kind == "word" and text.lower() == word

    def skip_word(self, word: str) -> bool:
        there = self.is_word(word)
        self.at += there
        return there


def _unquoted(text: str) -> str:
    return text[1:-1].replace(text[0] * 2, text[0])
