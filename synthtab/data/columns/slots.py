"""Words within codes that many codes share: the LH of LH1749, the mail of /85038?ref=mail.

Such a word is no secret of a single code and says what it is a code of. So it is kept, as a
category is, where at least so many texts have it as may be shown; only what is between such
words is invented. A place for words is a *slot*. In a text that is marked, a character for
private use stands for it, see `MARKS`. Words of several slots that go together (the C and
the T of c.2028C>T) are chosen together.

Words are looked for in three ways: among runs of letters; among runs of letters and digits,
as web and app before -5c0a976d; and at the beginning of texts that look alike, as the 00:1A:2B
of the addresses of one maker.

Where too few new texts are left without the words, as for the numbers of an airline's
flights, each word has texts of its own: the letters of the word are marked as such, see
`literal`.
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from synthtab.data.columns.base import Texts

# The first of the characters that stand for slots, and how many there are.
MARKS = 0xE000
MOST_SLOTS = 64
# The letters of words that have texts of their own are moved to a plane for private use.
LITERAL = 0x100000
# Fewest texts of one structure, fewest that share a word, most words of a slot, and the
# share of the texts that have one of these.
FEWEST_ALIKE = 20
FEWEST_OF_WORD = 5
MOST_WORDS = 24
# The same for words that go together, or that have texts of their own.
MOST_TOGETHER = 40
# Most structures of texts that look alike but for the difference of letters and digits.
MOST_WAYS = 3
COVERED = 0.9
# Least share of the texts that have digits: names of people have none.
DIGITS = 0.5
# So many times as many texts as the table has must be possible without other words: new
# ones are only a part of these, see `synthtab.data.columns.shapes`. The same where each word
# has texts of its own; and the least.
SPACIOUS = 64
SPACIOUS_APART = 8
SPACIOUS_ENOUGH = 4
# The beginnings of texts are words if there are so many fewer than its characters allow.
FEWER = 0.7
# Letters, digits, or one other character.
_FINE = re.compile(r"[^\W\d_]+|\d+|[\W_]", re.DOTALL)
# Letters and digits, or one other character.
_COARSE = re.compile(r"[^\W_]+|[\W_]", re.DOTALL)
_ALNUM = re.compile(r"[^\W_]+")

Integers = npt.NDArray[np.int64]
Words = tuple[tuple[str, float], ...]
# What a text consists of, and the kind of each part.
Structure = tuple[str, ...]
Cut = Callable[[str], tuple[list[str], Structure]]
# A word, or words that go together.
T = TypeVar("T", str, tuple[str, ...])


@dataclass
class Slots:
    """The slots of a column.

    Attributes:
        texts: The texts with marks.
        words: For each slot, its words and the shares of the texts that have them.
        together: For each slot, the first one with which its words are chosen: the
            first of the one goes with the first of the other, and so on.
    """

    texts: Texts
    words: list[Words] = field(default_factory=list)
    together: list[int] = field(default_factory=list)

    def add(self, rows: list[int], parts: list[list[str]], found: _Found) -> None:
        """Mark what was found in some texts, given their parts."""
        first = len(self.words)
        if not found.apart:
            groups = [[place] for place in found.places]
            if found.combinations:
                groups = [list(found.places)]
            for group in groups:
                self.together += [len(self.words)] * len(group)
                self.words += [found.words_of(place) for place in group]
        slot_of = {place: first + i for i, place in enumerate(found.places)}
        for row, own in zip(rows, parts, strict=True):
            combination = tuple(own[place] for place in found.places)
            if found.apart and combination not in found.combinations:
                combination = next(iter(found.combinations))
            for place, word in zip(found.places, combination, strict=True):
                mark = chr(MARKS + slot_of[place])
                own[place] = literal(word) if found.apart else mark
            self.texts[row] = "".join(own)


@dataclass(frozen=True)
class _Found:
    """Words in texts of one structure.

    Attributes:
        places: Numbers of the parts that are slots.
        combinations: Frequent words of these places => their number of texts; those of
            each place by itself if none.
        single: The same for each place.
        apart: Whether each combination has texts of its own.
    """

    places: tuple[int, ...]
    combinations: dict[tuple[str, ...], int]
    single: dict[int, dict[str, int]]
    apart: bool

    def words_of(self, place: int) -> Words:
        """The words of a place with their shares."""
        counts = list(self.single[place].items())
        if self.combinations:
            number = self.places.index(place)
            counts = [(c[number], n) for c, n in self.combinations.items()]
        total = sum(n for _, n in counts)
        return tuple((word, n / total) for word, n in counts)


def literal(word: str) -> str:
    """A word as no text of the table has it; `plain` is the inverse."""
    return "".join(chr(LITERAL + ord(c)) if ord(c) < 0xFFFE else c for c in word)


def plain(character: str) -> str:
    """A character of `literal` as it was; "" if it is none of these."""
    return chr(ord(character) - LITERAL) if ord(character) >= LITERAL else ""


def find_slots(texts: Texts, voice: Integers, rare: int) -> Slots:
    """Where texts have words that many of them share.

    Args:
        texts: Distinct ones.
        voice: ``[texts]``: somebody who has each.
        rare: No word is kept that fewer of them have.
    """
    slots = Slots(texts.copy())
    least = max(rare, FEWEST_OF_WORD)
    remaining = list(range(len(texts)))
    for cut in (_fine, _coarse):
        done = _mark_runs(slots, remaining, cut, voice, rare)
        remaining = [row for row in remaining if row not in done]
    alike: dict[str, list[int]] = {}
    for row, text in enumerate(slots.texts):
        alike.setdefault(re.sub(r"[^\W_]", "x", text), []).append(row)
    for rows in alike.values():
        if len(slots.words) < MOST_SLOTS:
            begun = _beginnings([slots.texts[row] for row in rows], voice[rows], least)
            if begun is not None:
                slots.add(rows, *begun)
    return slots


def _mark_runs(
    slots: Slots, remaining: list[int], cut: Cut, voice: Integers, rare: int
) -> set[int]:
    """Mark words among the parts of some texts.

    Args:
        slots: To which these are added.
        remaining: Numbers of texts.
        cut: Cuts texts into parts.
        voice: Of all texts, as `find_slots` has it.
        rare: See there.

    Returns:
        The numbers of the texts that are marked now.
    """
    least = max(rare, FEWEST_OF_WORD)
    parts: dict[int, list[str]] = {}
    groups: dict[Structure, list[int]] = {}
    for row in remaining:
        parts[row], structure = cut(slots.texts[row])
        groups.setdefault(structure, []).append(row)
    found: dict[Structure, _Found] = {}
    # What else looks like these could be invented as one of them.
    others: Tally[str] = Tally()
    for structure, rows in groups.items():
        own = _words([parts[row] for row in rows], voice[rows], structure, least)
        if own is None:
            others[_outline(structure)] += len(rows)
        else:
            found[structure] = own
    # Letters and digits that take turns in many ways are no words and numbers.
    ways = Tally(map(_outline, found))
    done: set[int] = set()
    for structure, own in found.items():
        outline = _outline(structure)
        is_alone = others[outline] < max(rare, 1) and ways[outline] <= MOST_WAYS
        if is_alone and len(slots.words) + len(own.places) <= MOST_SLOTS:
            rows = groups[structure]
            slots.add(rows, [parts[row] for row in rows], own)
            done |= set(rows)
    return done


def _fine(text: str) -> tuple[list[str], Structure]:
    """Letters as "a", digits as "9", all else as it is."""
    runs = _FINE.findall(text)
    kinds = ("9" if r[0].isdigit() else "a" if r[0].isalpha() else r for r in runs)
    return runs, tuple(kinds)


def _coarse(text: str) -> tuple[list[str], Structure]:
    """Letters and digits as "x", all else as it is."""
    runs = _COARSE.findall(text)
    return runs, tuple("x" if r[0].isalnum() else r for r in runs)


def _outline(structure: Structure) -> str:
    """A structure without the difference of letters and digits, or their number."""
    return _ALNUM.sub("x", "".join(structure))


def _words(
    runs_of: list[list[str]], voice: Integers, structure: Structure, least: int
) -> _Found | None:
    """The words of texts of one structure; None if too little is left to invent.

    Args:
        runs_of: ``[texts]``: the parts of each.
        voice: ``[texts]``: somebody who has each.
        structure: The kinds of the parts.
        least: Fewest people who have a word.
    """
    has_digits = np.mean(
        [any(c.isdigit() for run in runs for c in run) for runs in runs_of]
    )
    if len(runs_of) < max(FEWEST_ALIKE, least) or has_digits < DIGITS:
        return None
    single = {}
    # How many texts there are without the words.
    room = 1.0
    for place, kind in enumerate(structure):
        if kind not in ("a", "9", "x"):
            continue
        runs = [runs[place] for runs in runs_of]
        words = {} if kind == "9" else _shared(runs, voice, least, MOST_WORDS)
        # What has digits is no word, and what all have needs no slot.
        if len(words) > 1 and not any(c.isdigit() for word in words for c in word):
            single[place] = words
        else:
            room *= _room(runs)
    return _found(single, runs_of, voice, least, room)


def _found(
    single: dict[int, dict[str, int]],
    parts: list[list[str]],
    voice: Integers,
    least: int,
    room: float,
) -> _Found | None:
    """The words of some places, if enough can be invented beside them.

    Args:
        single: Place -> word -> number of texts.
        parts: ``[texts]``: the parts of each.
        voice: ``[texts]``: somebody who has each.
        least: Fewest people who have a word.
        room: How many texts there are without the words.
    """
    if not single:
        return None
    places = tuple(single)
    chosen = [tuple(own[place] for place in places) for own in parts]
    together = _shared(chosen, voice, least, MOST_TOGETHER)
    if room >= SPACIOUS * len(parts):
        return _Found(places, together, single, apart=False)
    if together and room * len(together) >= SPACIOUS_APART * len(parts):
        return _Found(places, together, single, apart=True)
    if room >= SPACIOUS_ENOUGH * len(parts):
        return _Found(places, together, single, apart=False)
    return None


def _beginnings(
    texts: list[str], voice: Integers, least: int
) -> tuple[list[list[str]], _Found] | None:
    """The longest beginnings that texts of one skeleton share, as `Slots.add` wants them."""
    has_digits = np.mean([any(map(str.isdigit, text)) for text in texts])
    if len(texts) < max(FEWEST_ALIKE, least) or has_digits < DIGITS:
        return None
    best = None
    # How many beginnings the characters of each place would allow.
    possible = 1
    marks = [i for i, c in enumerate(texts[0]) if ord(c) >= MARKS]
    end = min([len(texts[0]) - 1, *marks])
    for length in range(1, end + 1):
        possible *= len({text[length - 1] for text in texts})
        words = _shared([text[:length] for text in texts], voice, least, MOST_WORDS)
        if not words:
            break
        if len(words) <= FEWER * possible:
            best = length, words
    if best is None:
        return None
    length, words = best
    parts = [[text[:length], text[length:]] for text in texts]
    room = _room([rest for _, rest in parts])
    found = _found({0: words}, parts, voice, least, room)
    return None if found is None else (parts, found)


def _room(runs: list[str]) -> float:
    """How many runs of the usual length there are with the characters of some."""
    length = int(np.median([len(run) for run in runs]))
    ends = [run[-length:] for run in runs if len(run) >= length]
    return float(
        np.prod([float(len(set(column))) for column in zip(*ends, strict=True)])
    )


def _shared(words: list[T], voice: Integers, least: int, most: int) -> dict[T, int]:
    """The words that many texts share, if nearly all texts have one of them.

    Args:
        words: ``[texts]``.
        voice: ``[texts]``: somebody who has each.
        least: Fewest people who have a word.
        most: Most words.
    """
    counts = Tally(words)
    people: Tally[T] = Tally()
    for word, _ in set(zip(words, voice.tolist(), strict=True)):
        people[word] += 1
    shared = {word: n for word, n in counts.most_common() if people[word] >= least}
    total = sum(shared.values())
    if not 0 < len(shared) <= most or total < COVERED * len(words):
        return {}
    return shared
