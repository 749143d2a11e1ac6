"""How users write conditions, as text or as Python values: see `synthtab.sampling.predicate`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from synthtab.core.errors import ConditionError
from synthtab.core.expressions import (
    Language,
    Token,
    UnclosedQuoteError,
    quoted,
    unquoted,
)

# What users may give: text, several texts, or column -> value, ``(low, high)``, list of
# values, None for missing.
Where = str | Mapping[str, Any] | Sequence[str]

# "!" alone is a sign so that it is refused, and not taken for a part of a value.
LANGUAGE = Language(r"!=|<>|>=|<=|==|\.\.|[=<>!(),]")
# Signs that compare, with one spelling for each.
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
# Words that end the name of a column.
_GRAMMAR = ("is", "in", "not", "and", "or")
EXAMPLE = (
    "write conditions like: sex = Female and age in 18..30 "
    "and city in ('Oslo', 'Bergen') and income is missing"
)


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
        negated: Whether values or range are those that it must not have; a missing cell
            does not meet that.
    """

    column: str
    values: tuple[Any, ...] | None = None
    low: Any = None
    high: Any = None
    open: tuple[bool, bool] = (False, False)
    missing: bool = False
    negated: bool = False

    def __str__(self) -> str:
        if self.missing:
            return f"{self.column} is missing"
        if self.values is not None:
            return self._values_in_words(self.values)
        if self.low is None and self.high is None:
            return f"{self.column} is not missing"
        not_ = "not " if self.negated else ""
        if self.low is not None and self.high is not None:
            return f"{self.column} {not_}in {self.low}..{self.high}"
        open_low, open_high = self.open
        if self.low is None:
            sign = "<" if open_high else "<="
            return f"{self.column} {not_}{sign} {self.high}"
        sign = ">" if open_low else ">="
        return f"{self.column} {not_}{sign} {self.low}"

    def _values_in_words(self, values: tuple[Any, ...]) -> str:
        if len(values) == 1:
            sign = "!=" if self.negated else "="
            return f"{self.column} {sign} {values[0]}"
        sign = "not in" if self.negated else "in"
        return f"{self.column} {sign} ({', '.join(map(str, values))})"

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
    # A text is a sequence as well, of letters.
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
    """What a Python value beside a column means."""
    # A tuple is a range, and only a list, a set or an array holds single values.
    if isinstance(value, tuple):
        yield _of_pair(column, value)
    elif isinstance(value, (list, Set, np.ndarray, pd.Series, pd.Index)):
        values = tuple(value)
        if not values:
            raise ConditionError(
                f"condition on {column!r}: an empty list, which no value is in"
            )
        if any(map(_is_missing, values)):
            raise ConditionError(
                f"condition on {column!r}: missing cannot stand among values; "
                "ask for it by itself"
            )
        yield Condition(column, values)
    elif _is_missing(value):
        yield Condition(column, missing=True)
    else:
        yield Condition(column, (value,))


def _of_pair(column: str, pair: tuple[Any, ...]) -> Condition:
    """``(low, high)``: a range, whose bounds are included."""
    if len(pair) != 2:
        raise ConditionError(
            f"condition on {column!r}: a tuple is (low, high); list values in a list"
        )
    low, high = (None if _is_missing(bound) else bound for bound in pair)
    if low is None and high is None:
        raise ConditionError(f"condition on {column!r}: a range needs a bound")
    return Condition(column, low=low, high=high)


def _is_missing(value: Any) -> bool:
    # pandas.isna would compare an array cell by cell.
    return (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, float) and np.isnan(value))
    )


def parse(text: str) -> tuple[Condition, ...]:
    """Conditions joined by "and".

    Grammar: ``column = value``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``column [not] in
    low..high`` (both included, either may be left out), ``column [not] in (value,
    ...)``, ``column is [not] missing``. Words are in any case; values with spaces, and
    names with signs or with one of these words, are quoted.

    Raises:
        ConditionError: It cannot be read; the message shows where.
    """
    return tuple(_Reader(text).all())


def parse_weights(text: str) -> dict[str, dict[str, float]]:
    """``"income: >50K=0.5, <=50K=0.5"`` as column -> value -> weight.

    Raises:
        ConditionError: It cannot be read.
    """
    named = re.match(r"\s*(?:`([^`]*)`|([^:]*?))\s*:(.*)", text, flags=re.S)
    column = (named[1] or named[2]) if named else ""
    listed = named[3] if named else ""
    # A value may hold signs, such as <=50K: its weight follows the last "=".
    entries = re.findall(
        r"""\s*('[^']*'|"[^"]*"|[^,'"]*?)\s*=\s*([^=,]*?)\s*(?:,|$)""", listed
    )
    # The pattern skips what it cannot read; then there are fewer entries than weights.
    weights = re.findall(r"=\s*[^=,]*(?:,|$)", listed)
    shares = {}
    try:
        for value, weight in entries:
            is_quoted = value[:1] in ("'", '"')
            shares[unquoted(value) if is_quoted else value] = float(weight)
    except ValueError:
        shares = {}
    if not column or not shares or len(entries) != len(weights):
        raise ConditionError(
            f'weights {text!r}: write them like "income: >50K=0.5, <=50K=0.5"'
        )
    return {column: shares}


class _Reader:
    """Reads a text from left to right.

    Attributes:
        tokens: Of the whole text, and one of kind "end".
        at: Number of the token that is read next.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        try:
            tokens = LANGUAGE.tokens(text)
        except UnclosedQuoteError as error:
            raise self.wrong(str(error)) from None
        self.tokens = [*tokens, Token("end", "the end")]

    @property
    def next(self) -> Token:
        """The token that is read next."""
        return self.tokens[self.at]

    @property
    def ended(self) -> bool:
        """Whether all is read."""
        return self.next.kind == "end"

    def wrong(self, why: str) -> ConditionError:
        """What is raised, and not returned, wherever the text makes no sense."""
        return ConditionError(f"condition {self.text!r}: {why}; {EXAMPLE}")

    def all(self) -> Iterator[Condition]:
        """``condition and condition and ...``"""
        if self.ended:
            raise self.wrong("it is empty")
        yield self.one()
        while not self.ended:
            if self.is_word("or"):
                raise self.wrong("there is no 'or': list values with in (...)")
            if not self.skip_word("and"):
                raise self.wrong(
                    f"expected 'and', not {self.next.text!r} (quote what holds spaces)"
                )
            yield self.one()

    def one(self) -> Condition:
        """One condition, on one column."""
        begin = self.at
        column = self.name()
        if self.skip_word("is"):
            negated = self.skip_word("not")
            if not (self.skip_word("missing") or self.skip_word("null")):
                raise self.wrong(
                    "'is' is followed by missing or not missing"
                    + self.quoting_of(begin)
                )
            return Condition(column, missing=not negated)
        # Only "in" and "is" can be negated by a word; the others have a sign for it.
        negated = self.skip_word("not")
        if self.skip_word("in"):
            return self.inside(column, negated, begin)
        if not self.compares or negated:
            raise self.wrong(
                f"expected =, !=, <, <=, >, >=, in or is after {column!r}, "
                f"not {self.next.text!r}" + self.quoting_of(begin)
            )
        return self.comparison(column)

    def name(self) -> str:
        """A column; several words are one if no word of the grammar is among them."""
        words = [self.value("a column")]
        while self.next.kind == "word" and not any(map(self.is_word, _GRAMMAR)):
            words.append(self.take())
        return " ".join(words)

    def quoting_of(self, begin: int) -> str:
        """How a column is quoted, of which the grammar's words may be a part.

        Args:
            begin: Number of the token with which the condition begins.

        Returns:
            "" where there is nothing to quote.
        """
        words = []
        for token in self.tokens[begin:]:
            if token.kind != "word":
                break
            words.append(token.text)
        if token.kind != "sign":
            return ""
        if token.text == "(":
            return ' (quote a column that holds signs: "price (EUR)" = ...)'
        if len(words) > 1 and token.text in SIGNS:
            shown = quoted(" ".join(words))
            return f" (quote a column that holds spaces: {shown} {token.text} ...)"
        return ""

    @property
    def compares(self) -> bool:
        """Whether the next token is one of `SIGNS`."""
        return self.next.kind == "sign" and self.next.text in SIGNS

    def comparison(self, column: str) -> Condition:
        """``= value``, ``< value`` and the like."""
        sign = SIGNS[self.take()]
        # "income = >50K": signs after the first one belong to the value.
        glued = ""
        while self.compares:
            glued += self.take()
        value = glued + self.value("a value")
        strict = len(sign) == 1
        if sign[0] == "<":
            return Condition(column, high=value, open=(False, strict))
        if sign[0] == ">":
            return Condition(column, low=value, open=(strict, False))
        return Condition(column, (value,), negated=sign == "!=")

    def inside(self, column: str, negated: bool, begin: int) -> Condition:
        """What follows "in": ``(value, value)``, or ``low..high``.

        Args:
            column: The column.
            negated: Whether "not" stands before "in".
            begin: Number of the token with which the condition begins.
        """
        if self.skip_sign("("):
            values = [self.value("a value")]
            while self.skip_sign(","):
                values.append(self.value("a value"))
            if not self.skip_sign(")"):
                raise self.wrong("a list of values ends with )")
            return Condition(column, tuple(values), negated=negated)
        if self.skip_sign(".."):
            high = self.value("the end of the range")
            return Condition(column, high=high, negated=negated)
        low = self.value("a range or a list")
        if not self.skip_sign(".."):
            raise self.wrong(
                "'in' is followed by low..high or by (value, value)"
                + self.quoting_of(begin)
            )
        # "age in 30.. and sex = Male": the range has no end.
        if self.ended or self.is_word("and"):
            return Condition(column, low=low, negated=negated)
        high = self.value("the end of the range")
        return Condition(column, low=low, high=high, negated=negated)

    def take(self) -> str:
        """The next token's text; the one after it is read next."""
        self.at += 1
        return self.tokens[self.at - 1].text

    def value(self, what: str) -> str:
        """A name or a value; ``what`` says in messages which was expected."""
        if self.next.kind not in ("word", "quoted"):
            raise self.wrong(f"expected {what}, not {self.next.text!r}")
        return self.take()

    def skip_sign(self, sign: str) -> bool:
        """Whether that sign comes next; if so, it is read."""
        is_there = self.next == Token("sign", sign)
        self.at += is_there
        return is_there

    def is_word(self, word: str) -> bool:
        """Whether that word comes next, in whatever case."""
        return self.next.kind == "word" and self.next.text.lower() == word

    def skip_word(self, word: str) -> bool:
        """Whether that word comes next; if so, it is read."""
        is_there = self.is_word(word)
        self.at += is_there
        return is_there
