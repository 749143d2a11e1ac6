"""What can go wrong because of the user's input.

Every message is one line that names the thing (file, column, argument, value) and the
fix. The command line catches `SynthtabError` once, prints the message and exits with
status 2. A state that only a bug of ours can reach is an ``assert``, not one of these.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

# Choices that a message lists before it breaks off.
MOST_LISTED = 12


class SynthtabError(Exception):
    """Base of all errors that the caller can fix."""


class DataError(SynthtabError, ValueError):
    """The table cannot be read or used as it is."""


class SchemaError(SynthtabError, ValueError):
    """The schema is malformed or disagrees with the table."""


class ConfigError(SynthtabError, ValueError):
    """An option has a value that cannot work."""


class ConditionError(SynthtabError, ValueError):
    """A condition on rows is malformed, names no column, or no row can meet it."""


class ArtefactError(SynthtabError, ValueError):
    """The model file is damaged, foreign, or of a newer format."""


class NotFittedError(SynthtabError, AttributeError):
    """`sample` or `save` was called before `fit`."""


class MissingExtraError(SynthtabError, ImportError):
    """An optional library is not installed; the message says how to get it."""


class SynthtabWarning(UserWarning):
    """What was done in a way that the caller may not expect.

    A column that is read with words left out, rows that no row of the table is like. The
    command line prints such lines, a notebook shows them above the bar; elsewhere they are
    warnings, unless ``verbose=False``.
    """


def argument(name: str, value: object = None) -> str:
    """An argument of the library, as messages name it: `holdout=` or `batch=64`.

    Whoever calls from Python can type it. The command line puts its own option there
    (`in_options` of ``cli/options.py``), as it does with what `call` names.

    Args:
        name: The argument.
        value: What to give; None names the argument alone.
    """
    return f"`{name}=`" if value is None else f"`{name}={value!r}`"


def call(name: str) -> str:
    """A method of the library, as messages name it: `Schema.save`."""
    return f"`{name}`"


def hint(
    word: object, choices: Sequence[str], listing: str = "", most: int = MOST_LISTED
) -> str:
    """The end of a message about a name that is none of the choices.

    Args:
        word: What was written.
        choices: What could have been.
        listing: Words before the choices, such as "the columns are". Without them
            nothing is listed.
        most: Choices that are listed at most.

    Returns:
        ": did you mean 'width'?" where a choice looks like the word; else
        ": the columns are a, b" or "".
    """
    near = difflib.get_close_matches(str(word), choices, n=1)
    if near:
        return f": did you mean {near[0]!r}?"
    if not listing:
        return ""
    listed = ", ".join(choices[:most])
    if len(choices) > most:
        listed += ", ..."
    return f": {listing} {listed}"
