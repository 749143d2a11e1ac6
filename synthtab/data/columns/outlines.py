"""Patterns of words: what texts look like of which no two are shaped alike.

For example, "Green, Anna (née Weber)" and "Moser, Kurt (born Ott)" have four words each,
and one pattern, ``Cvcvc, Cvcv cvcv Cvcv``. The letters of a pattern are the classes of
`synthtab.data.columns.shapes`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.data.columns.base import Texts

# Further words of a text are left out.
MOST_WORDS = 24
# Least letters of a word that is spoken. A short one in capitals is rather a code.
SPOKEN = 3
SPOKEN_CAPITALS = 5
# Share of vowels among the letters of words that can be spoken.
FEWEST_VOWELS = 0.25
MOST_VOWELS = 0.65
VOWELS = "aeiouàáâäåãæèéêëìíîïòóôöõøœùúûü"
# A word with the punctuation before and after it.
WORD = re.compile(r"^(\W*)(.*?)(\W*)$", re.DOTALL)
# What comes in pairs: half of a pair means nothing.
PAIRED = r"""[()\[\]{}<>"'«»“”]"""


def outlines(texts: Texts, least: int, most: int) -> list[tuple[str, int]]:
    """Patterns of texts by their number of words, the most frequent number first.

    Args:
        texts: Any.
        least: A number of words that fewer texts have is left out.
        most: At most so many patterns.

    Returns:
        Patterns, and how many texts each stands for.
    """
    words = [text.split()[:MOST_WORDS] for text in texts.tolist()]
    sizes = np.array([len(own) for own in words], dtype=np.int64)
    patterns: list[tuple[str, int]] = []
    if not len(sizes):
        return patterns
    for size in np.argsort(-np.bincount(sizes), kind="stable"):
        rows = np.flatnonzero(sizes == size)
        if size == 0 or len(rows) < max(least, 1):
            continue
        if len(patterns) == most:
            break
        # The first words of all texts, the second ones, ...
        columns = zip(*(words[row] for row in rows), strict=True)
        pattern = [_word(pd.Series(column, dtype=object), least) for column in columns]
        patterns.append((" ".join(pattern), len(rows)))
    return patterns


def spoken(symbols: Sequence[str], letters: npt.NDArray[np.str_]) -> list[str]:
    """The symbols of a pattern, its words as consonants and vowels in turn.

    Codes, whose letters are not those of words, are left as they are.

    Args:
        symbols: One for each position.
        letters: ``[texts, positions]``, from which the symbols were made.
    """
    result = list(symbols)
    # One character a position, so that places in the text are positions.
    plain = "".join(s if s in ("A", "a") else "-" for s in symbols)
    for run in re.finditer(r"[Aa]+", plain):
        capitals = "a" not in run[0]
        if len(run[0]) < (SPOKEN_CAPITALS if capitals else SPOKEN):
            continue
        mine = np.char.lower(letters[:, run.start() : run.end()])
        vowels = np.isin(mine, list(VOWELS))
        if FEWEST_VOWELS <= vowels.mean() <= MOST_VOWELS:
            vowel_first = bool(vowels[:, 0].mean() > 0.5)
            result[run.start() : run.end()] = _in_turn(run[0], vowel_first)
    return result


def _in_turn(run: str, vowel_first: bool) -> list[str]:
    """``Aaaa`` => ``Cvcv``, or ``Vcvc``."""
    symbols = []
    vowel = vowel_first
    for letter in run:
        symbol = "v" if vowel else "c"
        symbols.append(symbol.upper() if letter == "A" else symbol)
        vowel = not vowel
    return symbols


def _word(words: pd.Series, least: int) -> str:
    """The pattern of one word of each of several texts."""
    parts = words.str.extract(WORD.pattern, flags=WORD.flags)
    before = _common(parts[0], least)
    core = parts[1]
    after = _common(parts[2], least)
    size = max(1, round(float(core.str.len().mean())))
    if core.str.isdigit().mean() > 0.5:
        return f"{before}{'9' * size}{after}"
    first = "A" if core.str[:1].str.isupper().mean() > 0.5 else "a"
    # A single capital, as of an initial, says nothing about the letters after it.
    longer = core[core.str.len() > 1]
    capitals = len(longer) > 0 and bool(longer.str.isupper().mean() > 0.5)
    further = "A" if capitals else "a"
    run = first + further * (size - 1)
    if size >= (SPOKEN_CAPITALS if capitals else SPOKEN):
        run = "".join(_in_turn(run, vowel_first=False))
    return f"{before}{run}{after}"


def _common(marks: pd.Series, least: int) -> str:
    """The punctuation that most words have there, "" if there is none."""
    counts = marks.str.replace(PAIRED, "", regex=True).value_counts()
    commonest = str(counts.index[0])
    # A mark that few have could be somebody's.
    if counts.iloc[0] > len(marks) / 2 and counts.iloc[0] >= least:
        return commonest
    return ""
