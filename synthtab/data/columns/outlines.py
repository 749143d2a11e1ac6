"""Patterns of words: what texts of words look like where no two of them look alike.

The letters of a pattern are the classes of `synthtab.data.columns.shapes`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.data.columns.base import Texts

MOST_WORDS = 24
# Least letters of a word that is spoken; of one in capitals, which is rather a code,
# `SPOKEN_CAPITALS`.
SPOKEN = 3
SPOKEN_CAPITALS = 5
VOWELS = "aeiouàáâäåãæèéêëìíîïòóôöõøœùúûü"
WORD = re.compile(r"^(\W*)(.*?)(\W*)$", re.DOTALL)


def outlines(texts: Texts, least: int, most: int) -> list[tuple[str, int]]:
    """Patterns of texts by their number of words, and how many texts each stands for, the most frequent first.

    Args:
        texts: Any; those of a number of words that fewer than ``least`` of them have are left out.
        least: See there.
        most: At most so many patterns.
    """
    words = [t.split()[:MOST_WORDS] for t in texts.tolist()]
    sizes = np.array([len(w) for w in words], dtype=np.int64)
    found: list[tuple[str, int]] = []
    for size in np.argsort(-np.bincount(sizes), kind="stable") if len(sizes) else ():
        rows = np.flatnonzero(sizes == size)
        if len(rows) < max(least, 1) or not size or len(found) == most:
            continue
        columns = zip(*(words[i] for i in rows), strict=True)
        found.append(
            (
                " ".join(
                    _word(pd.Series(column, dtype=object), least) for column in columns
                ),
                len(rows),
            )
        )
    return found


def spoken(symbols: Sequence[str], letters: npt.NDArray[np.str_]) -> list[str]:
    """The symbols of a pattern with words as consonants and vowels in turn; codes are left as they are.

    Args:
        symbols: One for each position.
        letters: ``[texts, positions]``, from which the symbols were made.
    """
    symbols = list(symbols)
    runs = re.finditer(
        r"[Aa]+", "".join(s if s in ("A", "a") else "-" for s in symbols)
    )
    for run in runs:
        at = np.arange(run.start(), run.end())
        if len(at) < (SPOKEN_CAPITALS if "a" not in run[0] else SPOKEN):
            continue
        vowels = np.isin(np.char.lower(letters[:, at]), list(VOWELS))
        if 0.25 <= vowels.mean() <= 0.65:
            symbols[run.start() : run.end()] = _in_turn(
                run[0], bool(vowels[:, 0].mean() > 0.5)
            )
    return symbols


def _in_turn(run: str, vowel_first: bool) -> list[str]:
    """``Aaaa`` => ``Cvcv``."""
    lower = ["v" if i % 2 != vowel_first else "c" for i in range(len(run))]
    return [s.upper() if r == "A" else s for s, r in zip(lower, run, strict=True)]


def _word(words: pd.Series, least: int) -> str:
    """The pattern of one word of each of several texts."""
    parts = words.str.extract(WORD.pattern, flags=WORD.flags)
    before, after = (_common(parts[i], least) for i in (0, 2))
    core = parts[1]
    size = max(1, round(float(core.str.len().mean())))
    if core.str.isdigit().mean() > 0.5:
        return f"{before}{'9' * size}{after}"
    upper = "A" if core.str[:1].str.isupper().mean() > 0.5 else "a"
    rest = (
        "A"
        if core.str.len().gt(1).any()
        and core[core.str.len() > 1].str.isupper().mean() > 0.5
        else "a"
    )
    run = upper + rest * (size - 1)
    if size >= (SPOKEN_CAPITALS if rest == "A" else SPOKEN):
        run = "".join(_in_turn(run, vowel_first=False))
    return f"{before}{run}{after}"


def _common(marks: pd.Series, least: int) -> str:
    """The punctuation that most words have there; what comes in pairs left out."""
    counts = marks.str.replace(r"""[()\[\]{}<>"'«»“”]""", "", regex=True).value_counts()
    mark = str(counts.index[0])
    return mark if counts.iloc[0] > len(marks) / 2 and counts.iloc[0] >= least else ""
