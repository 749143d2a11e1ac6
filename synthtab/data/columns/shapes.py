"""Texts that follow the pattern of others without being any of them.

What is learned is the pattern alone: which characters (digit, upper, lower, ...) stand where, as a
few weighted shapes such as ``9999-AAAAA``; words become consonants and vowels in turn, ``Cvcvc``, so that names can be
spoken. A shape that too few texts have is not kept (`synthtab.data.columns.disclosure`): such texts lend the number of
their words, and the usual length and spelling of each, to an outline (`synthtab.data.columns.outlines`). Row number ``i``
always gets the same invented text, so that texts are unique across the rows of a table however it is produced.

No training text comes back, by construction and without storing any: a shape's tail counts through
one residue class (modulo m) in which no training text lies. m is the smallest of a fixed sequence
for which such a class exists, so nothing about single texts can be read from it. A shape that is
used up goes on with more characters of its last class, in a pattern that no training text has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.data.columns.base import Texts
from synthtab.data.columns.outlines import outlines, spoken

MOST_SHAPES = 64
MOST_SAMPLED = 10_000
MOST_LETTERS = 200
TAIL = 2**44
ENOUGH = 2**40
LITERAL_FROM = 20
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
    "C": "BCDFGHJKLMNPRSTVWZ",
    "V": "AEIOU",
    "c": "bcdfghjklmnprstvwz",
    "v": "aeiou",
}
ALNUM = re.compile(r"[^\W_]")
SYMBOL = re.compile(r"\\.|[^\\]", re.DOTALL)

Pool = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Shape:
    """Characters by position.

    Attributes:
        pattern: One letter of `CLASSES` per invented character; a backslash before a character, or
            any other character, means itself.
        weight: Share of the training cells.
        modulus: See the module: the tail is always ``modulus * k + residue``; 0 if training cells
            fill the shape.
        residue: A class that no training cell is in.
        key: Where the count through the tail begins.
        wider: How many characters more each pattern has that the shape goes on with; no other
            shape and no training cell has one of these patterns.
    """

    pattern: str
    weight: float
    modulus: int
    residue: int
    key: int
    wider: tuple[int, ...] = ()

    def make(self, rows: npt.NDArray[np.int64]) -> Texts:
        """The texts of these rows, all different."""
        forms = [
            (self.pattern, self.modulus, self.residue),
            *((widened(self.pattern, k), 1, 0) for k in self.wider),
        ]
        ends = np.cumsum([_room(pattern, modulus) for pattern, modulus, _ in forms])
        which = np.minimum(np.searchsorted(ends, rows, side="right"), len(forms) - 1)
        texts = np.empty(len(rows), dtype=object)
        for i in np.unique(which):
            mine = which == i
            pattern, modulus, residue = forms[i]
            count = rows[mine] - (ends[i - 1] if i else 0)
            texts[mine] = _texts(pattern, modulus, residue, self.key, count)
        return texts


@dataclass(frozen=True)
class Shapes:
    """The most frequent shapes, with weights that sum to one."""

    shapes: tuple[Shape, ...]

    @classmethod
    def fit(cls, texts: Texts, rng: np.random.Generator, rare: int = 0) -> Shapes:
        """Group texts of equal length and punctuation; each group is a shape, if it has at least ``rare`` texts."""
        texts = np.array([t[:MOST_LETTERS] for t in pd.unique(texts)], dtype=object)
        forms = np.array([skeleton(t) for t in texts], dtype=object)
        sample = (
            forms
            if len(forms) <= MOST_SAMPLED
            else rng.choice(forms, MOST_SAMPLED, replace=False)
        )
        skeletons, counts = np.unique(sample, return_counts=True)
        kept = np.argsort(-counts, kind="stable")[:MOST_SHAPES]
        group_of = {skeletons[k]: i for i, k in enumerate(kept)}
        groups: list[list[str]] = [[] for _ in kept]
        for text, form in zip(texts, forms, strict=True):
            if (group := group_of.get(form)) is not None:
                groups[group].append(text)
        known = [
            (np.array(g, dtype=str), int(counts[k]))
            for g, k in zip(groups, kept, strict=True)
            if len(g) >= rare
        ]
        shapes = [_shape(g, n, rng) for g, n in known]
        if len(known) < len(groups):
            common = {skeleton(g[0]) for g, _ in known}
            left = np.array([f not in common for f in forms], dtype=bool)
            share = len(sample) / len(texts)
            for pattern, n in outlines(texts[left], rare, MOST_SHAPES - len(shapes)):
                form = skeleton("".join(p[0] for p in _places(pattern)))
                if form not in common:
                    common.add(form)
                    shapes.append(
                        _outlined(pattern, texts[forms == form], n * share, rng)
                    )
        total = sum(s.weight for s in shapes)
        shapes = [replace(s, weight=s.weight / total) for s in shapes]
        return cls(_with_room(shapes, set(forms)) or (Shape("AAAAAAAA", 1.0, 1, 0, 0),))

    def make(self, rows: npt.NDArray[np.int64]) -> Texts:
        """The texts of these rows."""
        which = choose([s.weight for s in self.shapes], rows, self.shapes[0].key)
        texts = np.empty(len(rows), dtype=object)
        for i in np.unique(which):
            texts[which == i] = self.shapes[i].make(rows[which == i])
        return texts

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {
            "shapes": [
                [s.pattern, s.weight, s.modulus, s.residue, s.key, list(s.wider)]
                for s in self.shapes
            ]
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Shapes:
        """The inverse of `state`."""
        return cls(
            tuple(
                Shape(p, w, m, r, k, tuple(wider))
                for p, w, m, r, k, wider in state["shapes"]
            )
        )


def skeleton(text: str) -> str:
    """Letters and digits as "x", all else as it is."""
    return ALNUM.sub("x", text)


def choose(
    weights: Sequence[float], rows: npt.NDArray[np.int64], key: int
) -> npt.NDArray[np.int64]:
    """One of several things for each row, as often as its weight says, always the same for a row."""
    draws = _mix(rows.astype(np.uint64) + np.uint64(key)) / 2.0**64
    return np.searchsorted(np.cumsum(weights)[:-1], draws, side="right")


def widened(pattern: str, extra: int) -> str:
    """The pattern with more characters of its last class; digits at the end of one without a class."""
    symbols = SYMBOL.findall(pattern)
    last = max((i for i, s in enumerate(symbols) if s in CLASSES), default=-1)
    return (
        "".join([*symbols[:last], symbols[last] * extra, *symbols[last:]])
        if last >= 0
        else pattern + "9" * extra
    )


def _with_room(shapes: list[Shape], taken: set[str]) -> tuple[Shape, ...]:
    """The shapes with what each goes on with once it is used up; ``taken`` are the training skeletons."""
    wider: list[list[int]] = [[] for _ in shapes]
    rooms = [_room(s.pattern, s.modulus) for s in shapes]
    while (
        min(rooms, default=ENOUGH) < ENOUGH
    ):  # one more each in turn, so that none gets only long ones
        for i in range(len(shapes)):
            if rooms[i] < ENOUGH:
                extra, wide = _next_free(
                    shapes[i].pattern, wider[i][-1] if wider[i] else 0, taken
                )
                wider[i].append(extra)
                rooms[i] += _room(wide, 1)
    return tuple(replace(s, wider=tuple(w)) for s, w in zip(shapes, wider, strict=True))


def _next_free(pattern: str, extra: int, taken: set[str]) -> tuple[int, str]:
    """The next wider pattern that nothing has; it is taken from then on."""
    while True:
        extra += 1
        wide = widened(pattern, extra)
        form = skeleton("".join(p[0] for p in _places(wide)))
        if form not in taken:
            taken.add(form)
            return extra, wide


def _room(pattern: str, modulus: int) -> int:
    """How many texts a pattern gives: a power of two, as `_shuffle` permutes that many."""
    if not modulus:
        return 0
    _, room = _tail([len(p) for p in _places(pattern)])
    return 1 << ((room // modulus).bit_length() - 1)


def _texts(
    pattern: str, modulus: int, residue: int, key: int, count: npt.NDArray[np.int64]
) -> Texts:
    """The texts of these numbers below `_room`; what is left of the tail is drawn by hash."""
    places = _places(pattern)
    sizes = [len(p) for p in places]
    tail, _ = _tail(sizes)
    bits = _room(pattern, modulus).bit_length() - 1
    index = count.astype(np.uint64)
    number = _shuffle(index, bits, key) * np.uint64(modulus) + np.uint64(residue)
    letters = np.empty((len(count), len(places)), dtype="U1")
    for i in range(len(places) - 1, -1, -1):
        if i < tail:
            digit = _mix(index + np.uint64((key + 7919 * i) % 2**62)) % np.uint64(
                sizes[i]
            )
        else:
            number, digit = np.divmod(number, np.uint64(sizes[i]))
        letters[:, i] = np.array(list(places[i]))[digit.astype(np.int64)]
    return np.asarray(
        letters.view(f"U{max(len(places), 1)}")[:, 0].astype(object), dtype=object
    )


def _shape(
    texts: npt.NDArray[np.str_], weight: float, rng: np.random.Generator
) -> Shape:
    """The shape of texts with one skeleton."""
    width = max(int(np.char.str_len(texts).max()), 1)
    letters = texts.astype(f"U{width}").view("U1").reshape(len(texts), width)
    columns = [np.ascontiguousarray(letters[:, i]) for i in range(width)]
    symbols = [
        _position(column, literal=len(texts) >= LITERAL_FROM)[0] for column in columns
    ]
    pattern = "".join(spoken(symbols, letters))
    modulus, residue = _free_residue(columns, _places(pattern))
    return Shape(pattern, weight, modulus, residue, int(rng.integers(2**62)))


def _outlined(
    pattern: str, texts: Texts, weight: float, rng: np.random.Generator
) -> Shape:
    """The shape of a pattern, and of the texts whose skeleton it has, if any: only that they do not come back."""
    modulus, residue = 1, 0
    if len(texts):
        width = len(texts[0])
        letters = (
            np.array(texts, dtype=f"U{width}").view("U1").reshape(len(texts), width)
        )
        columns = [np.ascontiguousarray(letters[:, i]) for i in range(width)]
        modulus, residue = _free_residue(columns, _places(pattern))
    return Shape(pattern, weight, modulus, residue, int(rng.integers(2**62)))


def _position(letters: npt.NDArray[np.str_], literal: bool) -> tuple[str, str]:
    """What stands at one position: its symbol in the pattern, and the characters that it allows."""
    seen = set(np.unique(letters.view(np.uint32)).view("U1").tolist())
    if all(not c.isalnum() for c in seen) or (literal and len(seen) == 1):
        only = letters[0]
        return (f"\\{only}" if only in CLASSES or only == "\\" else str(only)), str(
            only
        )
    digits = any(c.isdigit() for c in seen)
    upper = any(c.isupper() for c in seen)
    lower = any(c.isalpha() and not c.isupper() for c in seen)
    if digits and (upper or lower):
        symbol = "x" if upper and lower else ("W" if upper else "w")
        for narrow in "hH":
            if seen <= set(CLASSES[narrow]):
                symbol = narrow
    else:
        symbol = (
            "9" if digits else ("m" if upper and lower else ("A" if upper else "a"))
        )
    return symbol, CLASSES[symbol]


def _places(pattern: str) -> list[str]:
    """The characters allowed at each position."""
    return [CLASSES.get(p, p[-1]) for p in SYMBOL.findall(pattern)]


def _tail(sizes: list[int]) -> tuple[int, int]:
    """Where the part begins that counts, and how many texts it has; at most `TAIL`."""
    room, begin = 1, len(sizes)
    while begin > 0 and room * sizes[begin - 1] <= TAIL:
        begin -= 1
        room *= sizes[begin]
    return begin, room


def _free_residue(
    columns: list[npt.NDArray[np.str_]], places: list[str]
) -> tuple[int, int]:
    """The smallest modulus that leaves a residue without a training cell, and that residue."""
    begin, room = _tail([len(p) for p in places])
    number = np.zeros(len(columns[0]), dtype=np.int64)
    outside = np.zeros(len(number), dtype=bool)
    for i in range(begin, len(places)):
        point = columns[i].view(np.uint32)
        lookup = np.full(
            max(int(point.max()), *map(ord, places[i])) + 1, -1, dtype=np.int64
        )
        lookup[[ord(c) for c in places[i]]] = np.arange(len(places[i]))
        digit = lookup[point]
        outside |= digit < 0
        number = number * len(places[i]) + np.maximum(digit, 0)
    number = np.unique(
        number[~outside]
    )  # a letter outside its alphabet cannot be invented anyway
    modulus = 1
    while modulus <= room:
        free = np.flatnonzero(np.bincount(number % modulus, minlength=modulus) == 0)
        if len(free):
            return modulus, int(free[len(free) // 2])
        modulus = modulus + 1 if modulus < 16 else modulus * 3 // 2
    free = np.setdiff1d(np.arange(min(room, 2 * len(number) + 2)), number)
    return (room, int(free[0])) if len(free) else (0, 0)


def _mix(numbers: Pool) -> Pool:
    """SplitMix64: a hash of each number."""
    z = numbers * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x632BE59BD9B4E019)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def _shuffle(numbers: Pool, bits: int, key: int) -> Pool:
    """A permutation of the numbers below ``2**bits``: odd multiplications and xor-shifts, all invertible."""
    if bits == 0:
        return np.zeros_like(numbers)
    mask, half = np.uint64((1 << bits) - 1), np.uint64(max(bits // 2, 1))
    z = (numbers + np.uint64(key % (1 << bits))) & mask
    for factor in (0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xBF58476D1CE4E5B9):
        z = (z * np.uint64(factor)) & mask
        z ^= z >> half
    return np.asarray(z, dtype=np.uint64)
