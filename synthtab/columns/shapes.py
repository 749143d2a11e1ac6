"""Texts that follow the pattern of others without being any of them.

What is learned is the pattern alone: which characters (digit, upper, lower, ...) stand where, as a
few weighted shapes such as ``9999-AAAAA``. Row number ``i`` always gets the same invented text, so
that texts are unique across the rows of a table however it is produced.

No training text comes back, by construction and without storing any: a shape's tail counts through
one residue class (modulo m) in which no training text lies. m is the smallest of a fixed sequence
for which such a class exists, so nothing about single texts can be read from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.columns.base import Texts

MOST_SHAPES = 64
MOST_SAMPLED = 10_000
MOST_LETTERS = 200
TAIL = 2**44
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
}
ALNUM = re.compile(r"[^\W_]")

Pool = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Counter:
    """Whole numbers, one after the other, beyond all of the training table."""

    first: int

    def make(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The numbers of these rows."""
        return self.first + rows.astype(np.int64)

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {"first": self.first}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Counter:
        """The inverse of `state`."""
        return cls(state["first"])


@dataclass(frozen=True)
class Shape:
    """Characters by position.

    Attributes:
        pattern: One letter of `CLASSES` per invented character; a backslash before a character, or
            any other character, means itself.
        weight: Share of the training cells.
        modulus: See the module: the tail is always ``modulus * k + residue``; 0 if training cells
            fill the shape, so that every invented one gets a suffix.
        residue: A class that no training cell is in.
        key: Where the count through the tail begins.
    """

    pattern: str
    weight: float
    modulus: int
    residue: int
    key: int

    def make(self, rows: npt.NDArray[np.int64]) -> Texts:
        """The texts of these rows, all different."""
        places = _places(self.pattern)
        sizes = [len(p) for p in places]
        tail, room = _tail(sizes)
        step = max(self.modulus, 1)
        bits = (room // step).bit_length() - 1
        turn, count = np.divmod(rows.astype(np.uint64), np.uint64(1 << bits))
        turn += np.uint64(self.modulus == 0)
        number = _shuffle(count, bits, self.key) * np.uint64(step) + np.uint64(self.residue)
        letters = np.empty((len(rows), len(places)), dtype="U1")
        for i in range(len(places) - 1, -1, -1):
            if i < tail:
                digit = _mix(rows.astype(np.uint64) + np.uint64((self.key + 7919 * i) % 2**62)) % np.uint64(sizes[i])
            else:
                number, digit = np.divmod(number, np.uint64(sizes[i]))
            letters[:, i] = np.array(list(places[i]))[digit.astype(np.int64)]
        texts = letters.view(f"U{max(len(places), 1)}")[:, 0].astype(object)
        extra = turn > 0
        texts[extra] += np.char.add("-", turn[extra].astype(str)).astype(object)
        return np.asarray(texts, dtype=object)


@dataclass(frozen=True)
class Shapes:
    """The most frequent shapes, with weights that sum to one."""

    shapes: tuple[Shape, ...]

    @classmethod
    def fit(cls, texts: Texts, rng: np.random.Generator) -> Shapes:
        """Group texts of equal length and punctuation; each group is a shape."""
        texts = np.array([t[:MOST_LETTERS] for t in pd.unique(texts)], dtype=object)
        sample = texts if len(texts) <= MOST_SAMPLED else rng.choice(texts, MOST_SAMPLED, replace=False)
        skeletons, counts = np.unique([skeleton(t) for t in sample], return_counts=True)
        kept = np.argsort(-counts, kind="stable")[:MOST_SHAPES]
        group_of = {str(skeletons[k]): i for i, k in enumerate(kept)}
        groups: list[list[str]] = [[] for _ in kept]
        for text in texts:
            if (group := group_of.get(skeleton(text))) is not None:
                groups[group].append(text)
        total = float(counts[kept].sum())
        shapes = [
            _shape(np.array(g, dtype=str), float(counts[k]) / total, rng) for g, k in zip(groups, kept, strict=True)
        ]
        return cls(tuple(shapes) or (Shape("AAAAAAAA", 1.0, 1, 0, 0),))

    def make(self, rows: npt.NDArray[np.int64]) -> Texts:
        """The texts of these rows."""
        edges = np.cumsum([s.weight for s in self.shapes])[:-1]
        draws = _mix(rows.astype(np.uint64) + np.uint64(self.shapes[0].key)) / 2.0**64
        which = np.searchsorted(edges, draws, side="right")
        texts = np.empty(len(rows), dtype=object)
        for i in np.unique(which):
            texts[which == i] = self.shapes[i].make(rows[which == i])
        return texts

    def state(self) -> dict[str, Any]:
        """Plain data for `from_state`."""
        return {"shapes": [[s.pattern, s.weight, s.modulus, s.residue, s.key] for s in self.shapes]}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Shapes:
        """The inverse of `state`."""
        return cls(tuple(Shape(*s) for s in state["shapes"]))


def skeleton(text: str) -> str:
    """Letters and digits as "x", all else as it is."""
    return ALNUM.sub("x", text)


def _shape(texts: npt.NDArray[np.str_], weight: float, rng: np.random.Generator) -> Shape:
    """The shape of texts with one skeleton."""
    width = max(int(np.char.str_len(texts).max()), 1)
    letters = texts.astype(f"U{width}").view("U1").reshape(len(texts), width)
    pattern, columns, sizes = "", [], []
    for i in range(width):
        symbol, alphabet = _position(np.ascontiguousarray(letters[:, i]), literal=len(texts) >= LITERAL_FROM)
        pattern += symbol
        sizes.append(len(alphabet))
        columns.append(np.ascontiguousarray(letters[:, i]))
    modulus, residue = _free_residue(columns, _places(pattern))
    return Shape(pattern, weight, modulus, residue, int(rng.integers(2**62)))


def _position(letters: npt.NDArray[np.str_], literal: bool) -> tuple[str, str]:
    """What stands at one position: its symbol in the pattern, and the characters that it allows."""
    seen = set(np.unique(letters.view(np.uint32)).view("U1").tolist())
    if all(not c.isalnum() for c in seen) or (literal and len(seen) == 1):
        only = letters[0]
        return (f"\\{only}" if only in CLASSES or only == "\\" else str(only)), str(only)
    digits = any(c.isdigit() for c in seen)
    upper = any(c.isupper() for c in seen)
    lower = any(c.isalpha() and not c.isupper() for c in seen)
    if digits and (upper or lower):
        symbol = "x" if upper and lower else ("W" if upper else "w")
        for narrow in "hH":
            if seen <= set(CLASSES[narrow]):
                symbol = narrow
    else:
        symbol = "9" if digits else ("m" if upper and lower else ("A" if upper else "a"))
    return symbol, CLASSES[symbol]


def _places(pattern: str) -> list[str]:
    """The characters allowed at each position."""
    return [CLASSES.get(p, p[-1]) for p in re.findall(r"\\.|[^\\]", pattern, flags=re.DOTALL)]


def _tail(sizes: list[int]) -> tuple[int, int]:
    """Where the part begins that counts, and how many texts it has; at most `TAIL`."""
    room, begin = 1, len(sizes)
    while begin > 0 and room * sizes[begin - 1] <= TAIL:
        begin -= 1
        room *= sizes[begin]
    return begin, room


def _free_residue(columns: list[npt.NDArray[np.str_]], places: list[str]) -> tuple[int, int]:
    """The smallest modulus that leaves a residue without a training cell, and that residue."""
    begin, room = _tail([len(p) for p in places])
    number = np.zeros(len(columns[0]), dtype=np.int64)
    outside = np.zeros(len(number), dtype=bool)
    for i in range(begin, len(places)):
        point = columns[i].view(np.uint32)
        lookup = np.full(max(int(point.max()), *map(ord, places[i])) + 1, -1, dtype=np.int64)
        lookup[[ord(c) for c in places[i]]] = np.arange(len(places[i]))
        digit = lookup[point]
        outside |= digit < 0
        number = number * len(places[i]) + np.maximum(digit, 0)
    number = np.unique(number[~outside])  # a letter outside its alphabet cannot be invented anyway
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
