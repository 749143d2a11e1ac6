"""Keys, names and other text that is (nearly) different in every row: invented, never learned.

What is learned is the pattern alone: which characters (digit, upper, lower, ...) stand where, as a
few weighted shapes such as ``9999-AAAAA``. Row number ``i`` always gets the same invented cell, so
that cells are unique across the rows of a table however it is produced.

No training cell comes back, by construction and without storing any: a shape's tail counts through
one residue class (modulo m) in which no training cell lies. m is the smallest for which such a class
exists, so nothing about the cells can be read from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.columns.base import Cells, ColumnEncoder, Settings, Texts, natural
from synthtab.columns.categorical import CategoryEncoder, category_texts
from synthtab.columns.numeric import FLOAT, INTEGER, IntegerEncoder
from synthtab.errors import DataError
from synthtab.layout import Block
from synthtab.schema import Column

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
ID_WORDS = frozenset({"id", "ids", "key", "uuid", "guid", "index", "idx", "rowid", "rownum", "serial"})
ID_NAME = re.compile(r"(user|cust|customer|client|order|row|record|account|patient|member|passenger|trans)_?(id|no|nr)")
PERSON_WORDS = frozenset({"email", "mail", "phone", "mobile", "ssn", "iban", "passport", "surname", "lastname"})
ALNUM = re.compile(r"[^\W_]")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

Pool = npt.NDArray[np.uint64]


class IdentifierEncoder(ColumnEncoder):
    """No block, unless some cells are missing: then one that says which.

    Options: ``pattern``, the most frequent shape, for the reader of the schema.

    Args:
        column: The schema's word on the column.
        missing: Whether some training cells were.
        maker: What invents cells: `Shapes` for text, `Counter` for integers.
    """

    kind: ClassVar[str] = "identifier"

    def __init__(self, column: Column, missing: bool, maker: Shapes | Counter) -> None:
        super().__init__(column, (Block(column.name, "", 2),) if missing else ())
        self.missing = missing
        self.maker = maker

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Text that rarely repeats, and integers that never do if the name is that of a key.

        Text is an identifier if its cells hold e-mail addresses; or if values occur less than twice
        on average and there are more than 50 cells; or if no value repeats in ten cells or more and
        all are shaped alike. Numbers as text count as integers.
        """
        count, cellcount = cells.count, cells.rows - cells.missing
        if not count or (isinstance(cells.series.dtype, pd.CategoricalDtype) and not forced):
            return None
        whole = pd.api.types.is_integer_dtype(cells.series.dtype) or cells.matches(INTEGER)
        if whole and (forced or (count == cellcount > 2 and names_a_key(cells.name))):
            dtype = "Int64" if cells.missing else "int64"
            return cells.column(cls.kind, dtype, f"{count:,} distinct whole numbers, none repeats", {"pattern": "9"})
        if not forced and (whole or not cells.is_text):
            return None
        reason = f"{count:,} distinct texts in {cellcount:,} cells"
        if not forced:
            rare = count >= cellcount / 2 and cellcount > 50
            alike = 10 <= count == cellcount <= 50 and len(set(map(_skeleton, cells.distinct))) == 1
            personal = count > 50 and bool(PERSON_WORDS & set(name_words(cells.name)))
            if cells.matches(EMAIL):
                reason = "e-mail addresses"
            elif not (rare or personal or (alike and _mixes(cells.distinct))) or cells.matches(FLOAT):
                return None
        texts = category_texts(cells.series.dropna())
        pattern = Shapes.fit(texts[:1000], np.random.default_rng(0)).shapes[0].pattern
        return cells.column(cls.kind, "str", f"{reason}; new ones are invented", {"pattern": pattern[:80]})

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Cells => the schema's dtype."""
        kind = IntegerEncoder if _whole(column) else CategoryEncoder
        return kind.typed(series, column)

    @classmethod
    def text(cls, series: pd.Series, column: Column) -> Texts:
        """The typed form => the cells of a CSV file."""
        kind = IntegerEncoder if _whole(column) else CategoryEncoder
        return kind.text(series, column)

    @classmethod
    def fit(cls, series: pd.Series, column: Column, rng: np.random.Generator, settings: Settings) -> IdentifierEncoder:
        """Learn the shapes, and whether cells are missing."""
        missing = series.isna().to_numpy(dtype=bool)
        present = series[~missing]
        maker: Shapes | Counter
        if _whole(column):
            values, _ = IntegerEncoder.numbers(present, column)
            maker = Counter(int(values.max(initial=0)) + 1)
        else:
            maker = Shapes.fit(category_texts(present), rng)
        return cls(column, bool(missing.any()) and not missing.all(), maker)

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, 0 or 1]``: 0 for a cell, 1 for missing."""
        missing = series.isna().to_numpy(dtype=bool)
        codes = np.broadcast_to(missing[:, None], (len(series), len(self.blocks)))
        return codes.astype(np.uint8), np.zeros((len(series), 0), dtype=np.float32)

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """New cells for rows ``start``, ``start + 1``, ... in the typed form."""
        missing = codes[:, 0] == 1 if self.missing else np.zeros(len(codes), dtype=bool)
        rows = (start + np.arange(len(codes)))[~missing]
        if isinstance(self.maker, Counter):
            numbers = self.maker.make(rows)
            self._check_room(numbers)
            return natural(numbers, missing, self.column.dtype).rename(self.column.name)
        texts = natural(self.maker.make(rows), missing, "object")
        return CategoryEncoder.typed(texts, self.column).rename(self.column.name)

    def _check_room(self, cells: npt.NDArray[np.int64]) -> None:
        name = self.column.dtype.lower().removesuffix("[pyarrow]")
        if name.startswith(("int", "uint")) and len(cells) and cells.max() > np.iinfo(name).max:
            raise DataError(f"column {self.column.name!r}: dtype {self.column.dtype} has no room for more keys")

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {"missing": self.missing, "maker": self.maker.state()}

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> IdentifierEncoder:
        """The inverse of `state`."""
        maker = Counter if "first" in state["maker"] else Shapes
        return cls(column, state["missing"], maker.from_state(state["maker"]))


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
        skeletons, counts = np.unique([_skeleton(t) for t in sample], return_counts=True)
        kept = np.argsort(-counts, kind="stable")[:MOST_SHAPES]
        group_of = {str(skeletons[k]): i for i, k in enumerate(kept)}
        groups: list[list[str]] = [[] for _ in kept]
        for text in texts:
            if (group := group_of.get(_skeleton(text))) is not None:
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


def name_words(name: str) -> list[str]:
    """``"PassengerId"`` => ``["passenger", "id"]``."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def names_a_key(name: str) -> bool:
    """Whether a column of this name is expected to number its rows."""
    words = name_words(name)
    return bool(ID_WORDS & set(words)) or bool(ID_NAME.fullmatch(name.lower())) or words[:1] == ["unnamed"]


def _whole(column: Column) -> bool:
    return "int" in column.dtype.lower()


def _skeleton(text: str) -> str:
    """Letters and digits as "x", all else as it is."""
    return ALNUM.sub("x", text)


def _mixes(texts: Texts) -> bool:
    """Whether the first text holds digits beside something else, as codes do and words do not."""
    return any(c.isdigit() for c in texts[0]) and not texts[0].isdigit()


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
