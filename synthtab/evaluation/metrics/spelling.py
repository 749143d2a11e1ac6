"""Are words written as the real ones are?

``ua`` for ``UA`` is a new category to every model, and the same to a person; so are
``107`` for the code ``00107``, and ``ZÃ¼rich`` or ``Z?rich`` for ``Zürich``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.metric import (
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.metrics.fidelity import largest_first
from synthtab.evaluation.report.findings import (
    Evidence,
    Verdict,
    quote,
    sentences,
    share,
)
from synthtab.evaluation.views import Tables

# Share of the cells to be worth a word.
WORTH = 0.005
# Words that fewer real rows have are not shown.
SHOWN_FROM = 5
# Words of so many letters can be misspelt: UA and US are two words. And words of a column
# that are looked at.
LONG_WORD = 5
MOST_WORDS = 2_000
# In which a text may have been read that was written in UTF-8.
ENCODINGS = ("cp1252", "latin-1")


def other_spellings(tables: Tables, streams: Streams) -> Outcome:
    """Mean over categories of the share that are written otherwise, times 100.

    That is cells whose word no real row has, but for capitals, spaces, marks, accents,
    zeros in front or a wrong encoding, or for one letter too few or too many. From 0,
    which is best, to 100.
    """
    if not tables.categorical:
        raise Skip("no column is categorical")
    shares: dict[str, float] = {}
    faults: list[dict[str, Any]] = []
    # Most columns are written in one way: that one is not is asked once a table.
    limit = chance.limit(1)
    rows = len(tables.synthetic)
    for j, name in enumerate(tables.categorical):
        size = tables.sizes[j]
        of_real = np.bincount(tables.real.codes[:, j], minlength=size)[:-1]
        of_synthetic = np.bincount(tables.synthetic.codes[:, j], minlength=size)[:-1]
        words = tables.categories[j]
        alike = _written_otherwise(words, of_real, of_synthetic)
        count = sum(int(of_synthetic[new]) for new in alike)
        misspelt = _misspelt(words, of_real, of_synthetic)
        wrong = sum(int(of_synthetic[new]) for new in misspelt)
        # Real words that are as near to a synthetic one: codes and numbered names are.
        beside = _misspelt(words, of_synthetic, of_real)
        right = sum(int(of_real[new]) for new in beside)
        shares[name] = 100 * (count + wrong) / rows
        luck = float(chance.all_beyond(count, rows, len(tables.real)))
        kind = "case"
        if wrong > count:
            luck = float(chance.more(wrong, rows, right, len(tables.real)))
            count, alike, kind = wrong, misspelt, "letter"
        if count / rows <= WORTH:
            continue
        if luck < limit:
            fault: dict[str, Any] = {"column": name, "share": count / rows}
            fault["kind"] = kind
            new, word = max(alike.items(), key=lambda two: int(of_synthetic[two[0]]))
            fault["how"] = "by a letter"
            if kind == "case":
                fault["how"] = _how(words[new], words[word])
            if of_real[word] >= SHOWN_FROM:
                fault["words"] = [words[new], words[word]]
            faults.append(fault)
    return Outcome(
        float(np.mean(list(shares.values()))),
        Reference(0.0, PERFECT_SAMPLER),
        n=rows,
        detail={"columns": largest_first(shares), "faults": faults},
    )


def _written_otherwise(
    words: tuple[str, ...], of_real: Any, of_synthetic: Any
) -> dict[int, int]:
    """New words that are real ones, but written otherwise: their codes."""
    real: dict[str, int] = {}
    for code in np.flatnonzero(of_real):
        for spelling in _spellings(words[code]):
            if spelling not in real or of_real[code] > of_real[real[spelling]]:
                real[spelling] = int(code)
    found: dict[int, int] = {}
    for code in np.flatnonzero((of_synthetic > 0) & (of_real == 0)):
        for spelling in _spellings(words[code]):
            if spelling in real:
                found[int(code)] = real[spelling]
                break
    return found


def _spellings(word: str) -> list[str]:
    """A word as others may write it, each without spaces and in small letters."""
    bare = bare_text(word)
    spellings = [bare]
    if bare.isdecimal():
        # A code that went through a spreadsheet.
        spellings.append(bare.lstrip("0") or "0")
    elif any(letter.isalpha() for letter in bare):
        # Of words with letters, marks are no matter; "-1" and "1" are two numbers.
        spellings.append("".join(c for c in bare if c.isalnum()) or bare)
    if not word.isascii():
        spellings.append(bare_text(word.encode("ascii", "replace").decode()))
        apart = unicodedata.normalize("NFKD", word)
        without = "".join(c for c in apart if not unicodedata.combining(c))
        spellings.append(bare_text(without))
        for encoding in ENCODINGS:
            try:
                spellings.append(bare_text(word.encode(encoding).decode()))
            except UnicodeError:
                continue
    return spellings


def _how(new: str, word: str) -> str:
    """In what the one word is written otherwise than the other."""
    if bare_text(new) == bare_text(word):
        return "in capitals or spaces"
    if new.isdecimal() and word.isdecimal():
        return "in zeros in front"
    if new.isascii() and word.isascii():
        return "in capitals, spaces or marks"
    return "in letters with accents"


def _misspelt(
    words: tuple[str, ...], of_real: Any, of_synthetic: Any
) -> dict[int, int]:
    """New words that lack one letter of a real one, or have one more: their codes."""
    real: dict[str, int] = {}
    for code in np.flatnonzero(of_real):
        bare = bare_text(words[code])
        if len(bare) >= LONG_WORD and bare.isalpha():
            real[bare] = int(code)
    if len(real) > MOST_WORDS:
        return {}
    shorter = {s: code for bare, code in real.items() for s in _without_a_letter(bare)}
    found: dict[int, int] = {}
    for code in np.flatnonzero((of_synthetic > 0) & (of_real == 0)):
        bare = bare_text(words[code])
        if not bare.isalpha():
            continue
        if bare in shorter:
            found[int(code)] = shorter[bare]
            continue
        for text in _without_a_letter(bare):
            if text in real:
                found[int(code)] = real[text]
                break
    return found


def _without_a_letter(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(len(word))}


def bare_text(text: str) -> str:
    """The text without spaces, in small letters."""
    return "".join(text.split()).casefold()


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Columns whose words are written otherwise.

    Evidence: the share of its cells that equal a real word but for case and space.
    """
    score = evidence.get("other_spellings")
    if score is None:
        return

    def about_column(fault: Mapping[str, Any]) -> str:
        text = (
            f"{share(fault['share'])} of {quote(fault['column'])} are written otherwise "
            f"than any real cell, {fault['how']}"
        )
        if "words" in fault:
            new, word = (quote(word, 24) for word in fault["words"])
            text += f": {new} for {word}"
        return text

    yield from sentences(
        score.detail.get("faults", []),
        "case",
        about_column,
        "columns have words that are written otherwise than the real ones",
    )


SPELLING = Metric(
    "other_spellings",
    "Words written otherwise",
    "share of words that are real ones, but written otherwise",
    "fidelity",
    "lower",
    other_spellings,
    (0.0, 100.0),
    "%",
    like="category_coverage",
    rule=rule,
)
