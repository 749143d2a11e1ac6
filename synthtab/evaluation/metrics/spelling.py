"""Are words written as the real ones are?

``ua`` for ``UA`` is a new category to every model, and the same to a person.
"""

from __future__ import annotations

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


def other_spellings(tables: Tables, streams: Streams) -> Outcome:
    """Mean over categories of the share that differ in case or space, times 100.

    That is cells whose word no real row has, but for capitals and spaces, or for one
    letter too few or too many. From 0, which is best, to 100.
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
    """New words that are real ones but for case and space: their codes."""
    real: dict[str, int] = {}
    for code in np.flatnonzero(of_real):
        bare = bare_text(words[code])
        if bare not in real or of_real[code] > of_real[real[bare]]:
            real[bare] = int(code)
    new = np.flatnonzero((of_synthetic > 0) & (of_real == 0))
    bare_words = {int(code): bare_text(words[code]) for code in new}
    return {code: real[bare] for code, bare in bare_words.items() if bare in real}


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
        how = "in capitals or spaces" if fault["kind"] == "case" else "by a letter"
        text = (
            f"{share(fault['share'])} of {quote(fault['column'])} are written otherwise "
            f"than any real cell, {how}"
        )
        if "words" in fault:
            new, word = (quote(word, 24) for word in fault["words"])
            text += f": {new} for {word}"
        return text

    yield from sentences(
        score.detail.get("faults", []),
        "case",
        about_column,
        "columns have words that are written otherwise, in capitals, spaces or a letter",
    )


SPELLING = Metric(
    "other_spellings",
    "Words written otherwise",
    "share of words that are real ones but for case, spaces or a letter",
    "fidelity",
    "lower",
    other_spellings,
    (0.0, 100.0),
    "%",
    like="category_coverage",
    rule=rule,
)
