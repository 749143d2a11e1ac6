"""A constraint as a person writes it, cut into tokens for the forms to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from synthtab.core.errors import SchemaError, hint
from synthtab.core.expressions import Language, Token, UnclosedQuoteError, quoted
from synthtab.core.schema import Schema

# A minus is a sign only where a blank or nothing follows: "-5", "2021-01-01" and
# "well-being" are single words.
SIGNS = r"<=|>=|->|[<>=+*/(),%|]|-(?=\s|$)"
COMPARISONS = ("<", "<=", ">", ">=")


class Written:
    """One constraint as text.

    Args:
        text: What was written.
        schema: Whose columns it names. A name needs no quotes unless it is a part of
            a longer word.
        functions: Names that may be followed by a bracket, see `Form.functions`.
        examples: Texts that can be read, for messages.

    Attributes:
        tokens: The whole text. A quoted text is a "name" or a "word", as if it had
            no quotes.

    Raises:
        SchemaError: A quote is not closed.
    """

    def __init__(
        self,
        text: str,
        schema: Schema,
        functions: Iterable[str],
        examples: Iterable[str],
    ) -> None:
        self.text = text
        self.schema = schema
        self._examples = examples
        language = Language(SIGNS, schema.names, functions)
        try:
            tokens = language.tokens(text)
        except UnclosedQuoteError:
            raise self.error("a quote is not closed") from None
        self.tokens = [self._without_quotes(token) for token in tokens]

    def _without_quotes(self, token: Token) -> Token:
        if token.kind != "quoted":
            return token
        kind = "name" if token.text in self.schema else "word"
        return Token(kind, token.text)

    def error(self, why: str) -> SchemaError:
        """What to raise where the text can be read but makes no sense."""
        return SchemaError(f"constraint {self.text!r}: {why}")

    def unreadable(self) -> SchemaError:
        """What to raise where the text cannot be read."""
        return SchemaError(
            f"cannot read the constraint {self.text!r}; "
            f"write it like one of: {', '.join(self._examples)}"
        )

    @property
    def function(self) -> str:
        """The function that the text begins with, or ""."""
        if self.tokens and self.tokens[0].kind == "call":
            return self.tokens[0].text
        return ""

    @property
    def arguments(self) -> list[Token]:
        """The tokens between the brackets of `function`.

        Raises:
            SchemaError: There is something after the closing bracket, or there is none.
        """
        match self.tokens:
            case [_, Token("sign", "("), *arguments, Token("sign", ")")]:
                return arguments
        raise self.unreadable()

    def name(self, token: Token) -> str:
        """The column that a token names.

        Raises:
            SchemaError: It names none.
        """
        if token.kind == "name":
            return token.text
        # A sign or a function: more is wrong than a name.
        if token.kind != "word":
            raise self.unreadable()
        near = hint(token.text, self.schema.names, "the columns are")
        raise self.error(f"there is no column {token.text!r}{near}")

    def names(self, tokens: Sequence[Token]) -> tuple[str, ...]:
        """The columns of ``a, b, c``.

        Raises:
            SchemaError: It is no such list, or one of them is no column.
        """
        commas = tokens[1::2]
        if len(tokens) % 2 == 0 or any(t != Token("sign", ",") for t in commas):
            # A name with blanks that is misspelt is the likeliest reason.
            for token in tokens:
                if token.kind == "word":
                    self.name(token)
            raise self.unreadable()
        return tuple(self.name(token) for token in tokens[::2])

    def number(self, token: Token) -> float:
        """The number that a token is.

        Raises:
            SchemaError: It is none.
        """
        if not is_number(token):
            raise self.unreadable()
        return float(token.text)

    def split(self, *signs: str) -> list[list[Token]]:
        """The tokens between some signs: one list more than there are such signs."""
        sides: list[list[Token]] = [[]]
        for token in self.tokens:
            if token.kind == "sign" and token.text in signs:
                sides.append([])
            else:
                sides[-1].append(token)
        return sides

    def comparison(self) -> tuple[list[list[Token]], bool] | None:
        """``a <= b``, ``a >= b >= c`` and the like.

        Returns:
            What stands between the signs, the lowest first, and whether the signs are
            strict; None where it is no comparison of two or three things.

        Raises:
            SchemaError: Two signs do not go together.
        """
        signs = [token.text for token in self.tokens if token.kind == "sign"]
        sides = self.split(*COMPARISONS)
        only_comparisons = len(sides) == len(signs) + 1
        if not only_comparisons or not all(sides) or len(sides) not in (2, 3):
            return None
        if len(set(signs)) > 1:
            raise self.error(
                "both signs of a range must be alike; write two constraints"
            )
        # ``b >= a`` is ``a <= b``.
        if signs[0] in (">", ">="):
            sides.reverse()
        return sides, signs[0] in ("<", ">")


def is_number(token: Token) -> bool:
    """Whether a token is a number, such as ``-1.5e3``."""
    try:
        float(token.text)
    except ValueError:
        return False
    return True


def in_quotes_if_needed(name: str) -> str:
    """A column's name as `Written` reads it."""
    # Letters, digits and "_" are a single word; a first digit could begin a number.
    is_plain = name.replace("_", "a").isalnum() and not name[0].isdigit()
    return name if is_plain else quoted(name)


def listed(names: Iterable[str]) -> str:
    """``a, b, c``."""
    return ", ".join(map(in_quotes_if_needed, names))
