"""Text that users write, cut into tokens: conditions of ``--where``, and ``--constraint``.

Both languages have quoted texts, signs and words. Each says which signs it has. A word is
all that stands between blanks, quotes and signs, so that most values need no quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# ``'it''s'``: inside quotes, the quote itself is written twice.
_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`"""


@dataclass(frozen=True)
class Token:
    """A piece of a text.

    Attributes:
        kind: "quoted", "sign" or "word"; "name" for one of the names that the language
            knows, "call" for a function that a bracket follows.
        text: What is written there, without quotes.
    """

    kind: str
    text: str


class UnclosedQuoteError(ValueError):
    """A quote begins and does not end.

    Attributes:
        rest: The text from that quote on.
    """

    def __init__(self, rest: str) -> None:
        super().__init__(f"a quote is not closed: {rest[:20]!r}")
        self.rest = rest


class Language:
    """How a text is cut into tokens.

    Args:
        signs: A regular expression of all signs. Where one begins like another, the longer
            one comes first.
        names: Names that may hold blanks and signs and yet need no quotes.
        functions: Words that are functions where a bracket follows.
    """

    def __init__(
        self, signs: str, names: Iterable[str] = (), functions: Iterable[str] = ()
    ) -> None:
        kinds = {"quoted": _QUOTED}
        if calls := "|".join(map(re.escape, functions)):
            kinds["call"] = rf"(?:{calls})(?=\s*\()"
        if known := _names_pattern(names):
            kinds["name"] = known
        kinds["sign"] = signs
        kinds["word"] = rf"""(?:(?!{signs})[^\s'"`])+"""
        groups = (f"(?P<{kind}>{pattern})" for kind, pattern in kinds.items())
        # Of several kinds that could begin at one place, the first of `kinds` is taken.
        self._token = re.compile("|".join(groups))

    def tokens(self, text: str) -> list[Token]:
        """The tokens of a text, from left to right.

        Raises:
            UnclosedQuoteError: Nothing else can keep a text from being cut.
        """
        found = []
        at = _skip_blanks(text, 0)
        while at < len(text):
            match = self._token.match(text, at)
            if match is None:
                raise UnclosedQuoteError(text[at:])
            kind = str(match.lastgroup)
            written = match[kind]
            if kind == "quoted":
                written = unquoted(written)
            found.append(Token(kind, written))
            at = _skip_blanks(text, match.end())
        return found


def _names_pattern(names: Iterable[str]) -> str:
    """A regular expression of names: of two that begin alike the longer one is meant."""
    patterns = []
    for name in sorted(names, key=len, reverse=True):
        if not name:
            continue
        # "age" is not meant where "ages" is written.
        last_is_letter = re.match(r"\w", name[-1])
        end = r"(?!\w)" if last_is_letter else ""
        patterns.append(re.escape(name) + end)
    return "|".join(patterns)


def _skip_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def quoted(text: str) -> str:
    """A text in double quotes, as `Language.tokens` reads it."""
    return '"' + text.replace('"', '""') + '"'


def unquoted(text: str) -> str:
    """The inverse of `quoted`, whichever quotes they are."""
    mark = text[0]
    return text[1:-1].replace(mark * 2, mark)
