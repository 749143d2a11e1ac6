"""Words within codes that many codes share: the LH of LH1749, the mail of /85038?ref=mail.

Such a word is no secret of a single code and says what it is a code of. So it is kept, as a
category is, where at least so many texts have it as may be shown; only what is between such
words is invented. A place for words is a *slot*. In a text that is marked, a character for
private use stands for it, see `MARKS`.
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthtab.data.columns.base import Texts

# The first of the characters that stand for slots, and how many there are.
MARKS = 0xE000
MOST_SLOTS = 64
# Fewest texts of one structure, fewest that share a word, most words of a slot, and the
# share of the texts that have one of these.
FEWEST_ALIKE = 20
FEWEST_OF_WORD = 5
MOST_WORDS = 24
COVERED = 0.9
# As many new texts as the table has must be possible without other words. Of n texts the
# new ones are about one in n / log(n) of all that there are, see
# `synthtab.data.columns.shapes`.
ROOM = 0.25
# Letters, digits, or one other character.
_RUN = re.compile(r"[^\W\d_]+|\d+|[\W_]", re.DOTALL)
_ALNUM = re.compile(r"[^\W_]+")

Integers = npt.NDArray[np.int64]
Words = tuple[tuple[str, float], ...]
Structure = tuple[str, ...]


@dataclass(frozen=True)
class Slots:
    """The slots of a column.

    Attributes:
        words: For each slot, its words and the shares of the texts that have them.
        places: Structure -> number of a run of characters -> number of the slot there.
    """

    words: tuple[Words, ...]
    places: Mapping[Structure, Mapping[int, int]]

    def marked(self, text: str) -> str:
        """The text with marks in its slots."""
        runs = _RUN.findall(text)
        for place, slot in self.places.get(_structure(runs), {}).items():
            runs[place] = chr(MARKS + slot)
        return "".join(runs)


NO_SLOTS = Slots((), {})


def find_slots(texts: Texts, voice: Integers, rare: int) -> Slots:
    """Where texts have words that many of them share.

    Args:
        texts: Distinct ones.
        voice: ``[texts]``: somebody who has each.
        rare: No word is kept that fewer of them have.
    """
    runs_of = [_RUN.findall(text) for text in texts.tolist()]
    rows: dict[Structure, list[int]] = {}
    for row, runs in enumerate(runs_of):
        rows.setdefault(_structure(runs), []).append(row)
    found: dict[Structure, dict[int, Words]] = {}
    for structure, mine in rows.items():
        words = _words([runs_of[row] for row in mine], voice[mine], structure, rare)
        if words:
            found[structure] = words
    # What else looks like these could be invented as one of them.
    others: Tally[str] = Tally()
    for structure, mine in rows.items():
        if structure not in found:
            others[_outline(structure)] += len(mine)
    slots: list[Words] = []
    places: dict[Structure, dict[int, int]] = {}
    for structure, words in found.items():
        is_alone = others[_outline(structure)] < max(rare, 1)
        if is_alone and len(slots) + len(words) <= MOST_SLOTS:
            places[structure] = {place: len(slots) + i for i, place in enumerate(words)}
            slots += words.values()
    return Slots(tuple(slots), places)


def _structure(runs: list[str]) -> Structure:
    """What a text consists of: letters as "a", digits as "9", all else as it is."""
    return tuple(
        "9" if run[0].isdigit() else "a" if run[0].isalpha() else run for run in runs
    )


def _outline(structure: Structure) -> str:
    """A structure without the difference of letters and digits, or their number."""
    return _ALNUM.sub("x", "".join(structure))


def _words(
    runs_of: list[list[str]], voice: Integers, structure: Structure, rare: int
) -> dict[int, Words]:
    """Run -> words, for texts of one structure; none if too little is left to invent."""
    if len(runs_of) < max(FEWEST_ALIKE, rare) or "9" not in structure:
        return {}
    found: dict[int, Words] = {}
    # How many texts there are without the words.
    room = 1.0
    for place, kind in enumerate(structure):
        runs = [runs[place] for runs in runs_of]
        words = _shared(runs, voice, rare) if kind == "a" else ()
        if words:
            found[place] = words
        elif kind in ("a", "9"):
            room *= _room(runs)
    return found if room >= ROOM * len(runs_of) ** 2 else {}


def _room(runs: list[str]) -> float:
    """How many runs of the usual length there are with the characters of some."""
    length = int(np.median([len(run) for run in runs]))
    ends = [run[-length:] for run in runs if len(run) >= length]
    return float(
        np.prod([float(len(set(column))) for column in zip(*ends, strict=True)])
    )


def _shared(runs: list[str], voice: Integers, rare: int) -> Words:
    """The words that many texts share, if nearly all texts have one of them."""
    counts = Tally(runs)
    people: Tally[str] = Tally()
    for run, _ in set(zip(runs, voice.tolist(), strict=True)):
        people[run] += 1
    least = max(rare, FEWEST_OF_WORD)
    shared = {run: n for run, n in counts.most_common() if people[run] >= least}
    total = sum(shared.values())
    if not 0 < len(shared) <= MOST_WORDS or total < COVERED * len(runs):
        return ()
    return tuple((run, n / total) for run, n in shared.items())
