"""Text that comes from a table or a file name, as a terminal may show it.

A column may be named in such a way that a terminal turns red, moves its cursor or
changes its title. Whatever is shown to a person goes through `shown`.
"""

from __future__ import annotations

# Line ends and tabs only lay a text out.
HARMLESS = "\n\t"
# These change in which direction the text around them is read.
DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def _escape(character: str) -> str:
    r"""``\x1b`` for the character that begins the escape sequences of terminals."""
    return character.encode("unicode_escape").decode("ascii")


def _escapes() -> dict[int, str]:
    controls = [chr(number) for number in (*range(0x20), *range(0x7F, 0xA0))]
    risky = [c for c in (*controls, *DIRECTIONS) if c not in HARMLESS]
    # Half of a character: a terminal cannot print it.
    halves = {number: f"\\u{number:04x}" for number in range(0xD800, 0xE000)}
    return {ord(c): _escape(c) for c in risky} | halves


ESCAPES = _escapes()


def shown(text: str) -> str:
    """The text, with control characters as escapes: seen, not run."""
    return text.translate(ESCAPES)
