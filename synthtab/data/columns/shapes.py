"""Texts that follow the pattern of others without being any of them.

Only the pattern is learnt: which characters (digit, capital, small letter, ...) stand
where, as a few weighted shapes such as ``9999-AAAAA``. Words become consonants and
vowels in turn, ``Cvcvc``, so that names can be spoken. A shape that too few texts have is
not kept (`synthtab.data.columns.disclosure`). Such texts lend the number of their words,
and the usual length and spelling of each, to an outline
(`synthtab.data.columns.outlines`). Row number ``i`` always gets the same invented text,
so that texts are unique across the rows of a table however it is produced.

No training text comes back, and none has to be stored for that. The places at the end of
a shape, its tail, count like the digits of a number, through one residue class modulo m
in which no training text lies. m is the smallest of a fixed sequence for which there is
such a class, so that nothing about single texts can be read from it. A shape that is
used up goes on with more characters of its last class, in a pattern that no training
text has. Where a class would be used up before there are as many new texts as old ones,
there are several of a larger m.

Words that many codes share are kept (`synthtab.data.columns.slots`), and so is which
characters stand in a place, where they are fewer than all digits or letters: the ACGT of
a sequence, the 89AB of a UUID, digits without 0 and letters without O. Such a set is an
*alphabet*; each of its characters is in at least `FEWEST_OF_CHARACTER` texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.data.columns.base import Texts
from synthtab.data.columns.outlines import outlines, spoken
from synthtab.data.columns.slots import MARKS, Words, find_slots, plain

# Most shapes that are kept, texts that are looked at to find them, and letters of each.
MOST_SHAPES = 64
MOST_SAMPLED = 10_000
MOST_LETTERS = 200
# Most texts through which the tail of a shape counts: they fit 64 bits with room to
# multiply.
MOST_COUNTED = 2**44
# No table has so many rows: a shape with that many texts is never used up.
ENOUGH = 2**40
# So many rows are dealt out to shapes at a time.
CYCLE = 4096
# So many times as many new texts as old ones are wanted: the first number with which they
# are no more than this share of all that a pattern has, or the last one.
PLENTY = (16, 8, 4, 2, 1.25)
SHARE_OF_ALL = 1 / 3
# Most ways in which letters and digits of texts with one skeleton take turns, and fewest
# texts of each.
MOST_WAYS = 3
FEWEST_OF_WAY = 50
# From so many texts on, a character that all of them share stands for itself.
LITERAL_FROM = 20
# Least texts that have a character of an alphabet, and the share of the texts that have
# one of these in a place.
FEWEST_OF_CHARACTER = 5
COVERED = 0.98
# Words of natural language have more than this share of the letters, else they are codes.
CODE = 0.3
# The symbols of a pattern, and the characters that each stands for.
CLASSES = {
    "9": "0123456789",
    "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "a": "abcdefghijklmnopqrstuvwxyz",
    "h": "0123456789abcdef",
    "H": "0123456789ABCDEF",
    "w": "0123456789abcdefghijklmnopqrstuvwxyz",
    "W": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "m": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "x": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    # Consonants and vowels, of words that can be spoken.
    "C": "BCDFGHJKLMNPRSTVWZ",
    "V": "AEIOU",
    "c": "bcdfghjklmnprstvwz",
    "v": "aeiou",
}
ALNUM = re.compile(r"[^\W_]")
_RUN = re.compile(r"[^\W_]+")
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")
_RUN_OF_X = re.compile(r"x+")
_RUN_OR_OTHER = re.compile(r"[^\W_]+|[\W_]", re.DOTALL)
# Around the characters of an alphabet in a pattern: two for private use.
OPEN = "\ue100"
CLOSE = "\ue101"
# A symbol of a pattern: a backslash takes the next character literally.
SYMBOL = re.compile(rf"\\.|{OPEN}[^{CLOSE}]+{CLOSE}|[^\\]", re.DOTALL)

Integers = npt.NDArray[np.int64]
# A pattern, a modulus and residues, as `Shape` has them.
Step = tuple[str, int, tuple[int, ...]]
Hashes = npt.NDArray[np.uint64]
# One position of many texts.
Letters = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Shape:
    """Characters by position.

    Attributes:
        pattern: One symbol of `CLASSES` for each invented character. A backslash before
            a character, or any other character, means itself.
        weight: Share of the training cells.
        modulus: The m of the module's docstring: the number in the tail is always
            ``modulus * k`` and one of the residues. 0 if training cells fill the shape.
        residues: Classes that no training cell is in.
        key: Where the count through the tail begins.
        wider: How many characters more each pattern has with which the shape goes on;
            no other shape and no training cell has one of these patterns.
        others: With what it goes on before: patterns of the same length that have other
            characters in the place of an alphabet, each with its modulus and residues.
    """

    pattern: str
    weight: float
    modulus: int
    residues: tuple[int, ...]
    key: int
    wider: tuple[int, ...] = ()
    others: tuple[Step, ...] = ()

    def make(self, rows: Integers) -> Texts:
        """The texts of these rows, all different."""
        steps: list[Step] = [(self.pattern, self.modulus, self.residues), *self.others]
        steps += [(widened(self.pattern, extra), 1, (0,)) for extra in self.wider]
        # The first rows take the pattern itself, the next ones the second one, ...
        rooms = [_room(*step) for step in steps]
        ends = np.cumsum(rooms)
        step_of_row = np.searchsorted(ends, rows, side="right")
        step_of_row = np.minimum(step_of_row, len(steps) - 1)
        texts = np.empty(len(rows), dtype=object)
        for step in np.unique(step_of_row):
            mine = step_of_row == step
            pattern, modulus, residues = steps[step]
            begin = ends[step - 1] if step else 0
            count = rows[mine] - begin
            texts[mine] = _texts(pattern, modulus, residues, self.key, count)
        return texts


@dataclass(frozen=True)
class Shapes:
    """The most frequent shapes, with weights that sum to one.

    Attributes:
        shapes: These.
        words: What may stand in each slot of their patterns, with its share.
        together: For each slot, the first one with which its words are chosen; none for
            each by itself.
        dealt: Whether rows are dealt out to shapes, see `_dealt`; earlier versions drew
            a shape for each.
    """

    shapes: tuple[Shape, ...]
    words: tuple[Words, ...] = ()
    together: tuple[int, ...] = ()
    dealt: bool = True

    @classmethod
    def fit(
        cls,
        texts: Texts,
        rng: np.random.Generator,
        rare: int = 0,
        voices: Integers | None = None,
    ) -> Shapes:
        """Learn shapes: texts with one skeleton have one.

        Args:
            texts: The training cells.
            rng: Chooses where counts begin.
            rare: A shape that fewer texts have becomes an outline with others.
            voices: ``[texts]``: somebody who has each, where fewer people are meant.
        """
        codes, distinct_texts = pd.factorize(texts)
        # Without people, each text is somebody's.
        voice = np.arange(len(distinct_texts))
        if voices is not None:
            voice[codes] = voices
        texts = np.array([text[:MOST_LETTERS] for text in distinct_texts], dtype=object)
        taken = {skeleton(text) for text in texts}
        slots = find_slots(texts, voice, rare)
        texts = slots.texts
        skeletons = np.array([skeleton(text) for text in texts], dtype=object)
        groups = _groups(texts, skeletons, voice, rare)
        sample = groups
        if len(groups) > MOST_SAMPLED:
            sample = rng.choice(groups, MOST_SAMPLED, replace=False)
        distinct, counts = np.unique(sample, return_counts=True)
        chosen = np.argsort(-counts, kind="stable")[:MOST_SHAPES]

        texts_of: dict[str, list[str]] = {distinct[place]: [] for place in chosen}
        for text, group in zip(texts, groups, strict=True):
            if group in texts_of:
                texts_of[group].append(text)
        runs = _Runs.of_codes(texts)
        shapes = []
        shaped = set()
        for place in chosen:
            group = distinct[place]
            alike = texts_of[group]
            form = skeleton(alike[0])
            if len(np.unique(voice[groups == group])) >= rare:
                shaped.add(form)
                cells = np.array(alike, dtype=str)
                shapes.append(
                    _shape(
                        cells,
                        voice[groups == group],
                        int(counts[place]),
                        rng,
                        rare,
                        runs.get(_gist(form)),
                    )
                )

        if len(shapes) < len(chosen):
            # Codes that differ from such with a shape in the lengths of their parts
            # have none of their own.
            gists = {_gist(form) for form in shaped} & set(runs)
            others = np.array(
                [form not in shaped and _gist(form) not in gists for form in skeletons],
                dtype=bool,
            )
            # Weights count texts of the sample.
            share = len(sample) / len(texts)
            room = MOST_SHAPES - len(shapes)
            # One text of each person: else somebody's many texts would be an outline.
            _, one_each = np.unique(voice[others], return_index=True)
            heard = texts[others][np.sort(one_each)]
            for pattern, count in outlines(heard, rare, room):
                form = _example(pattern)
                if form not in shaped:
                    shaped.add(form)
                    alike_texts = texts[skeletons == form]
                    shape = _outlined(pattern, alike_texts, count * share, rng)
                    shapes.append(shape)

        total = sum(shape.weight for shape in shapes)
        shapes = [replace(shape, weight=shape.weight / total) for shape in shapes]
        taken |= set(skeletons)
        with_room = tuple(
            replace(
                shape,
                pattern=_without_literals(shape.pattern),
                others=tuple((_without_literals(p), m, r) for p, m, r in shape.others),
            )
            for shape in _with_room(shapes, taken, slots.words)
        )
        # Where nothing may be learnt: eight capitals.
        return cls(
            with_room or (Shape("AAAAAAAA", 1.0, 1, (0,), 0),),
            tuple(slots.words),
            tuple(slots.together),
        )

    def shown(self) -> str:
        """The pattern of the most frequent shape, for people."""
        symbols = SYMBOL.findall(self.shapes[0].pattern)
        pattern = "".join(map(_symbol_shown, symbols))
        for slot, words in enumerate(self.words):
            pattern = pattern.replace(chr(MARKS + slot), words[0][0])
        return pattern

    def make(self, rows: Integers) -> Texts:
        """The texts of these rows."""
        weights = [shape.weight for shape in self.shapes]
        key = self.shapes[0].key
        number = rows
        if self.dealt:
            which, number = _dealt(weights, rows, key)
        else:
            which = choose(weights, rows, key)
        texts = np.empty(len(rows), dtype=object)
        for place in np.unique(which):
            mine = which == place
            shape = self.shapes[place]
            made = shape.make(number[mine])
            for slot, words in enumerate(self.words):
                if chr(MARKS + slot) in shape.pattern:
                    first = self.together[slot] if self.together else slot
                    made = _filled(made, slot, words, rows[mine], shape.key, first)
            texts[mine] = made
        return texts

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        shapes = [
            [
                *(s.pattern, s.weight, s.modulus, list(s.residues), s.key),
                list(s.wider),
                [[pattern, m, list(residues)] for pattern, m, residues in s.others],
            ]
            for s in self.shapes
        ]
        state: dict[str, Any] = {"shapes": shapes, "dealt": self.dealt}
        if self.words:
            state["words"] = [[list(word) for word in words] for words in self.words]
            state["together"] = list(self.together)
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Shapes:
        """The inverse of `state`."""
        shapes = []
        for pattern, weight, modulus, residues, key, wider, *more in state["shapes"]:
            # Earlier versions had one.
            own = (residues,) if isinstance(residues, int) else tuple(residues)
            others = tuple((p, m, tuple(r)) for p, m, r in more[0]) if more else ()
            shape = Shape(pattern, weight, modulus, own, key, tuple(wider), others)
            shapes.append(shape)
        words = [
            tuple((word, weight) for word, weight in of_slot)
            for of_slot in state.get("words", [])
        ]
        together = tuple(state.get("together", []))
        return cls(tuple(shapes), tuple(words), together, state.get("dealt", False))


# --------------------------------------------------------------------------------------
# What texts look like


def skeleton(text: str) -> str:
    """Letters and digits as "x", all else as it is."""
    return ALNUM.sub("x", text)


def _groups(texts: Texts, skeletons: Texts, voice: Integers, rare: int) -> Texts:
    """What the texts of one shape have in common: the skeleton, and perhaps more.

    "127b" and "1279" have one skeleton, but no place for letters and digits: where these
    stand in a few ways only, each of them has a shape of its own.

    Args:
        texts: ``[texts]``.
        skeletons: ``[texts]``.
        voice: ``[texts]``: somebody who has each.
        rare: No way is told that fewer people have.
    """
    ways = [_DIGIT.sub("9", _LETTER.sub("a", text)) for text in texts.tolist()]
    parts = pd.DataFrame({"skeleton": skeletons, "way": ways, "voice": voice})
    people = parts.groupby(["skeleton", "way"])["voice"].nunique()
    of_skeleton = people.groupby("skeleton").agg(["size", "min"])
    least = max(rare, FEWEST_OF_WAY)
    few = (of_skeleton["size"] <= MOST_WAYS) & (of_skeleton["min"] >= least)
    is_split = parts["skeleton"].isin(few.index[few]).to_numpy()
    return np.where(is_split, parts["way"].to_numpy(dtype=object), skeletons)


def _gist(form: str) -> str:
    """A skeleton whose runs of letters and digits have no length."""
    return _RUN_OF_X.sub("x", form)


@dataclass(frozen=True)
class _Runs:
    """What the runs of letters and digits of codes are, whatever their lengths.

    Attributes:
        words: For each run, the one that all texts have; "" where they differ.
        beginnings: For each run, with what it begins in all texts.
        seen: For each run, its characters.
    """

    words: tuple[str, ...]
    beginnings: tuple[str, ...]
    seen: tuple[frozenset[str], ...]

    @classmethod
    def of_codes(cls, texts: Texts) -> dict[str, _Runs]:
        """Gist -> runs, of the texts with digits; a gist that few texts have is none."""
        runs_of: dict[str, list[list[str]]] = {}
        for text in texts.tolist():
            if any(character.isdigit() for character in text):
                gist = _gist(skeleton(text))
                runs_of.setdefault(gist, []).append(_RUN.findall(text))
        return {
            gist: cls(
                tuple(
                    same.pop() if len(same := set(column)) == 1 else ""
                    for column in zip(*runs, strict=True)
                ),
                tuple(_beginning(column) for column in zip(*runs, strict=True)),
                tuple(
                    frozenset("".join(set(column)))
                    for column in zip(*runs, strict=True)
                ),
            )
            for gist, runs in runs_of.items()
            if len(runs) >= LITERAL_FROM
        }

    def symbols(self, form: str, own: list[str]) -> list[str]:
        """The symbols of a pattern.

        Args:
            form: Its skeleton.
            own: What they are by the texts with this skeleton alone.
        """
        found: list[str] = []
        number = 0
        for piece in _RUN_OR_OTHER.findall(form):
            mine = own[len(found) : len(found) + len(piece)]
            if ALNUM.fullmatch(piece[0]):
                word = self.words[number]
                symbol = _class_of(self.seen[number])
                if word:
                    mine = [f"\\{c}" if c in CLASSES else c for c in word]
                elif symbol in ("9", "h", "H"):
                    mine = [symbol] * len(piece)
                begin = self.beginnings[number][: len(piece)]
                literal = [f"\\{c}" if c in CLASSES else c for c in begin]
                mine = literal + mine[len(begin) :]
                number += 1
            found += mine
        return found


def _beginning(runs: Sequence[str]) -> str:
    """What all begin with."""
    least, greatest = min(runs), max(runs)
    count = 0
    while count < len(least) and least[count] == greatest[count]:
        count += 1
    return least[:count]


def _example(pattern: str) -> str:
    """The skeleton of the texts that a pattern gives."""
    return skeleton("".join(characters[0] for characters in _places(pattern)))


def _places(pattern: str) -> list[str]:
    """The characters that are possible at each position."""
    return [_characters(symbol) for symbol in SYMBOL.findall(pattern)]


def _characters(symbol: str) -> str:
    """What a symbol of a pattern stands for."""
    if _is_alphabet(symbol):
        return symbol[1:-1]
    return CLASSES.get(symbol, symbol[-1])


def _is_alphabet(symbol: str) -> bool:
    return len(symbol) > 2 and symbol[0] == OPEN


def _is_invented(symbol: str) -> bool:
    """Whether a symbol of a pattern stands for several characters."""
    return symbol in CLASSES or _is_alphabet(symbol)


def _symbol_shown(symbol: str) -> str:
    """A symbol of a pattern for people: an alphabet of more than a few as its class."""
    if not _is_alphabet(symbol):
        return symbol
    characters = symbol[1:-1]
    return f"[{characters}]" if len(characters) <= 4 else _class_of(set(characters))


def _shape(
    texts: Letters,
    voice: Integers,
    weight: float,
    rng: np.random.Generator,
    rare: int,
    runs: _Runs | None,
) -> Shape:
    """The shape of texts with one skeleton.

    Args:
        texts: These.
        voice: ``[texts]``: somebody who has each.
        weight: Of the shape.
        rng: Chooses where its count begins.
        rare: No character is kept that fewer people have.
        runs: What is known of runs of letters and digits, where these texts are few.
    """
    width = max(int(np.char.str_len(texts).max()), 1)
    letters = _letters(texts, width)
    columns = _columns(letters)
    literal = len(texts) >= LITERAL_FROM
    symbols = [_symbol(column, literal) for column in columns]
    if runs is not None and not literal:
        symbols = runs.symbols(skeleton(str(texts[0])), symbols)
    places, everywhere = _alphabets(letters, symbols, voice, rare)
    is_code = [
        symbol.isalpha() and len(everywhere[symbol]) <= CODE * len(CLASSES[symbol])
        if symbol in everywhere
        else False
        for symbol in symbols
    ]
    words = [
        OPEN if code else symbol for code, symbol in zip(is_code, symbols, strict=True)
    ]
    words = spoken(words, letters)
    is_spoken = [word not in (OPEN, s) for word, s in zip(words, symbols, strict=True)]
    places = ["" if s else own for s, own in zip(is_spoken, places, strict=True)]
    symbols = [
        symbol if code else word
        for code, symbol, word in zip(is_code, symbols, words, strict=True)
    ]
    key = int(rng.integers(2**62))
    # From the most to the least like the texts; the first with enough room.
    choices = [places, [everywhere.get(s, "") for s in symbols], [""] * width]
    for alphabets in choices:
        step = _step(symbols, alphabets, columns)
        if _room(*step) >= PLENTY[-1] * len(texts):
            break
    else:
        alphabets = choices[0]
        step = _step(symbols, alphabets, columns)
    others: list[Step] = []
    for place in range(width - 1, -1, -1):
        if _room(*step) + sum(_room(*other) for other in others) >= ENOUGH:
            break
        if alphabets[place] and symbols[place] in CLASSES:
            characters = set(CLASSES[symbols[place]]) - set(alphabets[place])
            other = list(alphabets)
            other[place] = "".join(sorted(characters))
            others.append(_step(symbols, other, columns))
            # Disjoint from those that follow.
            alphabets = [*alphabets[:place], "", *alphabets[place + 1 :]]
    pattern, modulus, residues = step
    return Shape(pattern, weight, modulus, residues, key, others=tuple(others))


def _step(
    symbols: Sequence[str], alphabets: Sequence[str], columns: list[Letters]
) -> Step:
    """A pattern, and the classes in which no training text is.

    Args:
        symbols: One for each position.
        alphabets: The same; "" for none.
        columns: The characters of the training texts by position.
    """
    pattern = _pattern(symbols, alphabets)
    return pattern, *_free_residues(columns, _places(pattern), len(columns[0]))


def _pattern(symbols: Sequence[str], alphabets: Sequence[str]) -> str:
    """Symbols as a pattern, some of them replaced by alphabets; "" for none.

    Args:
        symbols: One for each position.
        alphabets: One for each position.
    """
    return "".join(
        f"{OPEN}{alphabet}{CLOSE}" if alphabet and symbol in CLASSES else symbol
        for symbol, alphabet in zip(symbols, alphabets, strict=True)
    )


def _alphabets(
    letters: Letters, symbols: Sequence[str], voice: Integers, rare: int
) -> tuple[list[str], dict[str, str]]:
    """Which characters texts have, where these are not all of a class.

    Args:
        letters: ``[texts, positions]``.
        symbols: ``[positions]``.
        voice: ``[texts]``: somebody who has each.
        rare: No character is kept that fewer people have.

    Returns:
        For each position its alphabet, "" for none; and that of all positions with a
        class.
    """
    if len(letters) > MOST_SAMPLED:
        some = np.linspace(0, len(letters) - 1, MOST_SAMPLED).astype(np.int64)
        letters = np.ascontiguousarray(letters[some])
        voice = voice[some]
    least = max(rare, FEWEST_OF_CHARACTER)
    everywhere = {}
    for symbol in sorted(set(symbols) & set(CLASSES)):
        mine = [place for place, own in enumerate(symbols) if own == symbol]
        alphabet = _alphabet(letters[:, mine], voice, symbol, least)
        if alphabet:
            everywhere[symbol] = alphabet
    places = []
    for place, symbol in enumerate(symbols):
        own = ""
        if symbol in CLASSES:
            own = _alphabet(letters[:, [place]], voice, symbol, least)
        places.append(own or everywhere.get(symbol, ""))
    return places, everywhere


def _alphabet(letters: Letters, voice: Integers, symbol: str, least: int) -> str:
    """The characters that so many people have; "" if they are too few or a whole class.

    Args:
        letters: ``[texts, positions]``.
        voice: ``[texts]``: somebody who has each.
        symbol: Their class.
        least: A character that fewer people have is left out.
    """
    codes = letters.view(np.uint32)
    kept = set()
    for character in CLASSES[symbol]:
        has_it = (codes == ord(character)).any(axis=1)
        if has_it.sum() >= least and len(np.unique(voice[has_it])) >= least:
            kept.add(character)
    if not 1 < len(kept) < len(CLASSES[symbol]):
        return ""
    covered = float(np.isin(letters, list(kept)).mean())
    return "".join(sorted(kept)) if covered >= COVERED else ""


def _outlined(
    pattern: str, texts: Texts, weight: float, rng: np.random.Generator
) -> Shape:
    """The shape of an outline.

    Args:
        pattern: Of the outline.
        texts: Those with its skeleton, if any: they must not come back.
        weight: Of the shape.
        rng: Chooses where its count begins.
    """
    modulus = 1
    residues: tuple[int, ...] = (0,)
    if len(texts):
        columns = _columns(_letters(texts, len(texts[0])))
        modulus, residues = _free_residues(columns, _places(pattern), len(texts))
    return Shape(pattern, weight, modulus, residues, int(rng.integers(2**62)))


def _letters(texts: npt.NDArray[Any], width: int) -> Letters:
    """Texts of one length => ``[texts, width]``."""
    return texts.astype(f"U{width}").view("U1").reshape(len(texts), width)


def _columns(letters: Letters) -> list[Letters]:
    """Each position by itself, next to each other in memory."""
    return [np.ascontiguousarray(column) for column in letters.T]


def _symbol(letters: Letters, literal: bool) -> str:
    """The symbol of one position.

    Args:
        letters: ``[texts]``: the character of each text.
        literal: Whether a letter or digit that all share stands for itself.
    """
    # Numbers sort faster than characters.
    seen = set(np.unique(letters.view(np.uint32)).view("U1").tolist())
    punctuation = all(not character.isalnum() for character in seen)
    if punctuation or (literal and len(seen) == 1):
        only = str(letters[0])
        return f"\\{only}" if only in CLASSES or only == "\\" else only
    return _class_of(seen)


def _class_of(seen: Set[str]) -> str:
    """The class that has some characters."""
    digit = any(c.isdigit() for c in seen)
    capital = any(c.isupper() for c in seen)
    small = any(c.isalpha() and not c.isupper() for c in seen)
    if digit and (capital or small):
        for hexadecimal in "hH":
            if seen <= set(CLASSES[hexadecimal]):
                return hexadecimal
    return _CLASS_OF[digit, capital, small]


# Whether there are digits, capitals and small letters => the class that has them all.
_CLASS_OF = {
    (True, False, False): "9",
    (False, True, False): "A",
    (False, False, True): "a",
    (False, True, True): "m",
    (True, True, False): "W",
    (True, False, True): "w",
    (True, True, True): "x",
    # Such as a half, which is none of these.
    (False, False, False): "a",
}


# --------------------------------------------------------------------------------------
# Room for new texts


def widened(pattern: str, extra: int) -> str:
    """The pattern with more characters of its last class; digits if it has no class."""
    symbols = SYMBOL.findall(pattern)
    invented = [place for place, symbol in enumerate(symbols) if _is_invented(symbol)]
    if not invented:
        return pattern + "9" * extra
    last = invented[-1]
    symbols[last] *= 1 + extra
    return "".join(symbols)


def _without_literals(pattern: str) -> str:
    """A pattern in which words that have texts of their own are as they were."""
    symbols = SYMBOL.findall(pattern)
    own = [plain(symbol) if len(symbol) == 1 else "" for symbol in symbols]
    return "".join(
        symbol if not c else f"\\{c}" if c in CLASSES or c == "\\" else c
        for symbol, c in zip(symbols, own, strict=True)
    )


def _with_room(
    shapes: list[Shape], taken: set[str], words: Sequence[Words]
) -> list[Shape]:
    """The shapes with what each goes on with once it is used up.

    Args:
        shapes: Any.
        taken: The skeletons of the training texts, with and without marks; those of
            wider patterns are added.
        words: Of the slots.
    """
    wider: list[list[int]] = [[] for _ in shapes]
    rooms = [
        _room(shape.pattern, shape.modulus, shape.residues)
        + sum(_room(*other) for other in shape.others)
        for shape in shapes
    ]
    # One more each in turn, so that none gets only long ones.
    while min(rooms, default=ENOUGH) < ENOUGH:
        for i, shape in enumerate(shapes):
            if rooms[i] >= ENOUGH:
                continue
            latest = wider[i][-1] if wider[i] else 0
            extra, pattern = _next_free(shape.pattern, latest, taken, words)
            wider[i].append(extra)
            rooms[i] += _room(pattern, 1, (0,))
    pairs = zip(shapes, wider, strict=True)
    return [replace(shape, wider=tuple(extras)) for shape, extras in pairs]


def _next_free(
    pattern: str, extra: int, taken: set[str], words: Sequence[Words]
) -> tuple[int, str]:
    """The next wider pattern whose skeleton nothing has; it is taken from then on."""
    while True:
        extra += 1
        wide = widened(pattern, extra)
        form = _example(wide)
        filled = form
        for slot, own in enumerate(words):
            filled = filled.replace(chr(MARKS + slot), own[0][0])
        filled = skeleton("".join(plain(c) or c for c in filled))
        if form not in taken and filled not in taken:
            taken.add(form)
            return extra, wide


def _room(pattern: str, modulus: int, residues: tuple[int, ...]) -> int:
    """How many texts a pattern gives: a power of two, as `shuffle` permutes that many."""
    if not modulus:
        return 0
    _, numbers = _tail(_sizes(pattern))
    return 1 << ((numbers // modulus * len(residues)).bit_length() - 1)


def _sizes(pattern: str) -> list[int]:
    """How many characters are possible at each position."""
    return [len(characters) for characters in _places(pattern)]


def _tail(sizes: list[int]) -> tuple[int, int]:
    """Where the tail begins, and how many texts it has; at most `MOST_COUNTED`."""
    begin = len(sizes)
    numbers = 1
    while begin > 0 and numbers * sizes[begin - 1] <= MOST_COUNTED:
        begin -= 1
        numbers *= sizes[begin]
    return begin, numbers


def _free_residues(
    columns: list[Letters], places: list[str], texts: int
) -> tuple[int, tuple[int, ...]]:
    """The smallest modulus that leaves enough residues without a training cell.

    Args:
        columns: The characters of the training cells by position.
        places: The characters that the pattern has there.
        texts: Number of these cells. See `PLENTY` for how many new texts are wanted; if
            there cannot be as many, any number will do.

    Returns:
        Modulus and residues; modulus 0 if every text of the pattern is a training cell.
    """
    begin, room = _tail([len(characters) for characters in places])
    numbers = _numbers(columns[begin:], places[begin:])
    for times in (*PLENTY, 0):
        wanted = max(int(times * texts), 1)
        if wanted > SHARE_OF_ALL * room and times > PLENTY[-1]:
            continue
        # `_room` is a power of two.
        found = _free_classes(numbers, room, 1 << (wanted - 1).bit_length())
        if found is not None:
            return found
    some = np.arange(min(room, 2 * len(numbers) + 2))
    free = np.setdiff1d(some, numbers)
    return (room, (int(free[0]),)) if len(free) else (0, (0,))


def _free_classes(
    numbers: Integers, room: int, wanted: int
) -> tuple[int, tuple[int, ...]] | None:
    """The smallest modulus, and as few residues of it as will do; None if there is none.

    Args:
        numbers: In none of the classes.
        room: Numbers are below.
        wanted: So many numbers below are in the classes.
    """
    modulus = 1
    while modulus <= room:
        count = -(-wanted // (room // modulus))
        cells = np.bincount(numbers % modulus, minlength=modulus)
        free = np.flatnonzero(cells == 0)
        if len(free) >= count:
            # From the middle.
            first = (len(free) - count + 1) // 2
            return modulus, tuple(free[first : first + count].tolist())
        # One by one, then in steps of a half: a fixed sequence.
        modulus = modulus + 1 if modulus < 16 else modulus * 3 // 2
    return None


def _numbers(columns: list[Letters], places: list[str]) -> Integers:
    """The numbers that the tails of training cells are.

    Cells with a letter outside its alphabet are left out: they cannot be invented.
    """
    rows = len(columns[0]) if columns else 1
    number = np.zeros(rows, dtype=np.int64)
    outside = np.zeros(rows, dtype=bool)
    # An empty text has a column, but no place.
    for column, characters in zip(columns, places, strict=False):
        code_points = column.view(np.uint32)
        greatest = max(int(code_points.max()), *map(ord, characters))
        digit_of = np.full(greatest + 1, -1, dtype=np.int64)
        digit_of[[ord(c) for c in characters]] = np.arange(len(characters))
        digit = digit_of[code_points]
        outside |= digit < 0
        number = number * len(characters) + np.maximum(digit, 0)
    return np.unique(number[~outside])


# --------------------------------------------------------------------------------------
# Numbers => texts


def _dealt(
    weights: Sequence[float], rows: Integers, key: int
) -> tuple[Integers, Integers]:
    """One of several shapes for each row, always the same for a row, and its text.

    Each cycle of `CYCLE` rows has as many of each shape, in an order of its own: so a
    shape with a tenth of the rows makes a tenth of the texts, and is not used up sooner.

    Args:
        weights: How often each shape is chosen; they sum to one.
        rows: Numbers of the rows.
        key: Other keys deal otherwise.

    Returns:
        Which shape, and how many rows before have the same one.
    """
    wanted = np.array(weights) * CYCLE
    counts = np.floor(wanted).astype(np.int64)
    # The largest remainders make up for what is cut.
    lacking = CYCLE - int(counts.sum())
    counts[np.argsort(counts - wanted, kind="stable")[:lacking]] += 1
    order = np.argsort(mix(np.arange(CYCLE, dtype=np.uint64) + np.uint64(key)))
    shape_of = np.repeat(np.arange(len(counts)), counts)[order]
    by_shape = np.argsort(shape_of, kind="stable")
    first = np.cumsum(counts) - counts
    earlier = np.empty(CYCLE, dtype=np.int64)
    earlier[by_shape] = np.arange(CYCLE) - np.repeat(first, counts)
    cycle, place = np.divmod(rows, CYCLE)
    which = shape_of[place]
    return which, cycle * counts[which] + earlier[place]


def choose(weights: Sequence[float], rows: Integers, key: int) -> Integers:
    """One of several things for each row, always the same for a row.

    Args:
        weights: How often each is chosen; they sum to one.
        rows: Numbers of the rows.
        key: Other keys choose otherwise.
    """
    draws = mix(rows.astype(np.uint64) + np.uint64(key)) / 2.0**64
    ends = np.cumsum(weights)[:-1]
    return np.searchsorted(ends, draws, side="right")


def _filled(
    texts: Texts, slot: int, words: Words, rows: Integers, key: int, together: int
) -> Texts:
    """Texts with words in a slot, always the same for a row.

    Args:
        texts: These.
        slot: Number of the slot.
        words: Of the slot.
        rows: Numbers of the rows.
        key: Of the shape.
        together: Number of the first slot whose words go with those of this one.
    """
    weights = [weight for _, weight in words]
    # Another key for other slots: their words have nothing to do with these.
    which = choose(weights, rows, (key + 104_729 * (together + 1)) % 2**62)
    mark = chr(MARKS + slot)
    pairs = zip(texts.tolist(), which.tolist(), strict=True)
    filled = [text.replace(mark, words[number][0]) for text, number in pairs]
    return np.array(filled, dtype=object)


def _texts(
    pattern: str, modulus: int, residues: tuple[int, ...], key: int, count: Integers
) -> Texts:
    """The texts of these numbers below `_room`."""
    places = _places(pattern)
    sizes = [len(characters) for characters in places]
    tail, _ = _tail(sizes)
    bits = _room(pattern, modulus, residues).bit_length() - 1
    index = count.astype(np.uint64)
    number = shuffle(index, bits, key)
    step, which = np.divmod(number, np.uint64(len(residues)))
    of_step = np.array(residues, dtype=np.uint64)[which.astype(np.int64)]
    number = step * np.uint64(modulus) + of_step
    letters = np.empty((len(count), len(places)), dtype="U1")
    # From the end, as the digits of a number whose base changes from place to place.
    for place in range(len(places) - 1, -1, -1):
        size = np.uint64(sizes[place])
        if place >= tail:
            number, digit = np.divmod(number, size)
        else:
            # What does not count is drawn by hash.
            own_key = np.uint64((key + 7919 * place) % 2**62)
            digit = mix(index + own_key) % size
        characters = np.array(list(places[place]))
        letters[:, place] = characters[digit.astype(np.int64)]
    joined = letters.view(f"U{max(len(places), 1)}")[:, 0]
    return np.asarray(joined.astype(object), dtype=object)


def mix(numbers: Hashes) -> Hashes:
    """A hash of each number.

    The generator SplitMix64: Steele, Lea and Flood, Fast splittable pseudorandom number
    generators, OOPSLA 2014.
    """
    z = numbers * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x632BE59BD9B4E019)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def shuffle(numbers: Hashes, bits: int, key: int) -> Hashes:
    """A permutation of the numbers below ``2**bits``.

    Odd multiplications and xor-shifts can be undone, so that no two numbers become one.
    """
    if bits == 0:
        return np.zeros_like(numbers)
    mask = np.uint64((1 << bits) - 1)
    half = np.uint64(max(bits // 2, 1))
    z = (numbers + np.uint64(key % (1 << bits))) & mask
    for factor in (0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xBF58476D1CE4E5B9):
        z = (z * np.uint64(factor)) & mask
        z ^= z >> half
    return np.asarray(z, dtype=np.uint64)
