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
text has.

Words that many codes share are kept (`synthtab.data.columns.slots`).
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
from synthtab.data.columns.slots import MARKS, Words, find_slots

# Most shapes that are kept, texts that are looked at to find them, and letters of each.
MOST_SHAPES = 64
MOST_SAMPLED = 10_000
MOST_LETTERS = 200
# Most texts through which the tail of a shape counts: they fit 64 bits with room to
# multiply.
MOST_COUNTED = 2**44
# No table has so many rows: a shape with that many texts is never used up.
ENOUGH = 2**40
# From so many texts on, a character that all of them share stands for itself.
LITERAL_FROM = 20
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
_RUN_OF_X = re.compile(r"x+")
_RUN_OR_OTHER = re.compile(r"[^\W_]+|[\W_]", re.DOTALL)
# A symbol of a pattern: a backslash takes the next character literally.
SYMBOL = re.compile(r"\\.|[^\\]", re.DOTALL)

Integers = npt.NDArray[np.int64]
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
            ``modulus * k + residue``. 0 if training cells fill the shape.
        residue: A class that no training cell is in.
        key: Where the count through the tail begins.
        wider: How many characters more each pattern has with which the shape goes on;
            no other shape and no training cell has one of these patterns.
    """

    pattern: str
    weight: float
    modulus: int
    residue: int
    key: int
    wider: tuple[int, ...] = ()

    def make(self, rows: Integers) -> Texts:
        """The texts of these rows, all different."""
        steps = [(self.pattern, self.modulus, self.residue)]
        steps += [(widened(self.pattern, extra), 1, 0) for extra in self.wider]
        # The first rows take the pattern itself, the next ones the first wider one, ...
        rooms = [_room(pattern, modulus) for pattern, modulus, _ in steps]
        ends = np.cumsum(rooms)
        step_of_row = np.searchsorted(ends, rows, side="right")
        step_of_row = np.minimum(step_of_row, len(steps) - 1)
        texts = np.empty(len(rows), dtype=object)
        for step in np.unique(step_of_row):
            mine = step_of_row == step
            pattern, modulus, residue = steps[step]
            begin = ends[step - 1] if step else 0
            count = rows[mine] - begin
            texts[mine] = _texts(pattern, modulus, residue, self.key, count)
        return texts


@dataclass(frozen=True)
class Shapes:
    """The most frequent shapes, with weights that sum to one.

    Attributes:
        shapes: These.
        words: What may stand in each slot of their patterns, with its share.
    """

    shapes: tuple[Shape, ...]
    words: tuple[Words, ...] = ()

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
        slots = find_slots(texts, voice, rare)
        texts = np.array([slots.marked(text) for text in texts], dtype=object)
        skeletons = np.array([skeleton(text) for text in texts], dtype=object)
        sample = skeletons
        if len(skeletons) > MOST_SAMPLED:
            sample = rng.choice(skeletons, MOST_SAMPLED, replace=False)
        distinct, counts = np.unique(sample, return_counts=True)
        chosen = np.argsort(-counts, kind="stable")[:MOST_SHAPES]

        texts_of: dict[str, list[str]] = {distinct[place]: [] for place in chosen}
        for text, form in zip(texts, skeletons, strict=True):
            if form in texts_of:
                texts_of[form].append(text)
        runs = _Runs.of_codes(texts)
        shapes = []
        shaped = set()
        for place in chosen:
            form = distinct[place]
            alike = texts_of[form]
            if len(np.unique(voice[skeletons == form])) >= rare:
                shaped.add(form)
                cells = np.array(alike, dtype=str)
                shapes.append(
                    _shape(cells, int(counts[place]), rng, runs.get(_gist(form)))
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
        with_room = _with_room(shapes, set(skeletons))
        # Where nothing may be learnt: eight capitals.
        return cls(with_room or (Shape("AAAAAAAA", 1.0, 1, 0, 0),), slots.words)

    def shown(self) -> str:
        """The pattern of the most frequent shape, for people."""
        pattern = self.shapes[0].pattern
        for slot, words in enumerate(self.words):
            pattern = pattern.replace(chr(MARKS + slot), words[0][0])
        return pattern

    def make(self, rows: Integers) -> Texts:
        """The texts of these rows."""
        weights = [shape.weight for shape in self.shapes]
        which = choose(weights, rows, self.shapes[0].key)
        texts = np.empty(len(rows), dtype=object)
        for place in np.unique(which):
            mine = which == place
            shape = self.shapes[place]
            made = shape.make(rows[mine])
            for slot, words in enumerate(self.words):
                if chr(MARKS + slot) in shape.pattern:
                    made = _filled(made, slot, words, rows[mine], shape.key)
            texts[mine] = made
        return texts

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        shapes = [
            [s.pattern, s.weight, s.modulus, s.residue, s.key, list(s.wider)]
            for s in self.shapes
        ]
        state: dict[str, Any] = {"shapes": shapes}
        if self.words:
            state["words"] = [[list(word) for word in words] for words in self.words]
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Shapes:
        """The inverse of `state`."""
        shapes = []
        for pattern, weight, modulus, residue, key, wider in state["shapes"]:
            shape = Shape(pattern, weight, modulus, residue, key, tuple(wider))
            shapes.append(shape)
        words = [
            tuple((word, weight) for word, weight in of_slot)
            for of_slot in state.get("words", [])
        ]
        return cls(tuple(shapes), tuple(words))


# --------------------------------------------------------------------------------------
# What texts look like


def skeleton(text: str) -> str:
    """Letters and digits as "x", all else as it is."""
    return ALNUM.sub("x", text)


def _gist(form: str) -> str:
    """A skeleton whose runs of letters and digits have no length."""
    return _RUN_OF_X.sub("x", form)


@dataclass(frozen=True)
class _Runs:
    """What the runs of letters and digits of codes are, whatever their lengths.

    Attributes:
        words: For each run, the one that all texts have; "" where they differ.
        seen: For each run, its characters.
    """

    words: tuple[str, ...]
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
                number += 1
            found += mine
        return found


def _example(pattern: str) -> str:
    """The skeleton of the texts that a pattern gives."""
    return skeleton("".join(characters[0] for characters in _places(pattern)))


def _places(pattern: str) -> list[str]:
    """The characters that are possible at each position."""
    return [CLASSES.get(symbol, symbol[-1]) for symbol in SYMBOL.findall(pattern)]


def _shape(
    texts: Letters, weight: float, rng: np.random.Generator, runs: _Runs | None
) -> Shape:
    """The shape of texts with one skeleton.

    Args:
        texts: These.
        weight: Of the shape.
        rng: Chooses where its count begins.
        runs: What is known of runs of letters and digits, where these texts are few.
    """
    width = max(int(np.char.str_len(texts).max()), 1)
    letters = _letters(texts, width)
    columns = _columns(letters)
    literal = len(texts) >= LITERAL_FROM
    symbols = [_symbol(column, literal) for column in columns]
    if runs is not None and not literal:
        symbols = runs.symbols(skeleton(str(texts[0])), symbols)
    pattern = "".join(spoken(symbols, letters))
    modulus, residue = _free_residue(columns, _places(pattern))
    return Shape(pattern, weight, modulus, residue, int(rng.integers(2**62)))


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
    residue = 0
    if len(texts):
        columns = _columns(_letters(texts, len(texts[0])))
        modulus, residue = _free_residue(columns, _places(pattern))
    return Shape(pattern, weight, modulus, residue, int(rng.integers(2**62)))


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
    invented = [place for place, symbol in enumerate(symbols) if symbol in CLASSES]
    if not invented:
        return pattern + "9" * extra
    last = invented[-1]
    symbols[last] *= 1 + extra
    return "".join(symbols)


def _with_room(shapes: list[Shape], taken: set[str]) -> tuple[Shape, ...]:
    """The shapes with what each goes on with once it is used up.

    Args:
        shapes: Any.
        taken: The skeletons of the training texts; those of wider patterns are added.
    """
    wider: list[list[int]] = [[] for _ in shapes]
    rooms = [_room(shape.pattern, shape.modulus) for shape in shapes]
    # One more each in turn, so that none gets only long ones.
    while min(rooms, default=ENOUGH) < ENOUGH:
        for i, shape in enumerate(shapes):
            if rooms[i] >= ENOUGH:
                continue
            latest = wider[i][-1] if wider[i] else 0
            extra, pattern = _next_free(shape.pattern, latest, taken)
            wider[i].append(extra)
            rooms[i] += _room(pattern, 1)
    pairs = zip(shapes, wider, strict=True)
    return tuple(replace(shape, wider=tuple(extras)) for shape, extras in pairs)


def _next_free(pattern: str, extra: int, taken: set[str]) -> tuple[int, str]:
    """The next wider pattern whose skeleton nothing has; it is taken from then on."""
    while True:
        extra += 1
        wide = widened(pattern, extra)
        form = _example(wide)
        if form not in taken:
            taken.add(form)
            return extra, wide


def _room(pattern: str, modulus: int) -> int:
    """How many texts a pattern gives: a power of two, as `shuffle` permutes that many."""
    if not modulus:
        return 0
    _, numbers = _tail(_sizes(pattern))
    return 1 << ((numbers // modulus).bit_length() - 1)


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


def _free_residue(columns: list[Letters], places: list[str]) -> tuple[int, int]:
    """The smallest modulus that leaves a residue without a training cell.

    Args:
        columns: The characters of the training cells by position.
        places: The characters that the pattern has there.

    Returns:
        Modulus and residue; modulus 0 if every text of the pattern is a training cell.
    """
    begin, room = _tail([len(characters) for characters in places])
    numbers = _numbers(columns[begin:], places[begin:])
    modulus = 1
    while modulus <= room:
        cells = np.bincount(numbers % modulus, minlength=modulus)
        free = np.flatnonzero(cells == 0)
        if len(free):
            return modulus, int(free[len(free) // 2])
        # One by one, then in steps of a half: a fixed sequence.
        modulus = modulus + 1 if modulus < 16 else modulus * 3 // 2
    some = np.arange(min(room, 2 * len(numbers) + 2))
    free = np.setdiff1d(some, numbers)
    return (room, int(free[0])) if len(free) else (0, 0)


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


def _filled(texts: Texts, slot: int, words: Words, rows: Integers, key: int) -> Texts:
    """Texts with words in a slot, always the same for a row."""
    weights = [weight for _, weight in words]
    # Another key for each slot: its word has nothing to do with the others.
    which = choose(weights, rows, (key + 104_729 * (slot + 1)) % 2**62)
    mark = chr(MARKS + slot)
    pairs = zip(texts.tolist(), which.tolist(), strict=True)
    filled = [text.replace(mark, words[number][0]) for text, number in pairs]
    return np.array(filled, dtype=object)


def _texts(
    pattern: str, modulus: int, residue: int, key: int, count: Integers
) -> Texts:
    """The texts of these numbers below `_room`."""
    places = _places(pattern)
    sizes = [len(characters) for characters in places]
    tail, _ = _tail(sizes)
    bits = _room(pattern, modulus).bit_length() - 1
    index = count.astype(np.uint64)
    number = shuffle(index, bits, key)
    number = number * np.uint64(modulus) + np.uint64(residue)
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
