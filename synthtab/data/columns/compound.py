"""Text that is numbers with something between or around them: "120/80", "-75.72,102.68".

Blood pressures, coordinates, versions, addresses of machines, amounts of several currencies.
As identifiers they would be made up letter by letter, "450.84.20.105", and would say nothing
of their row. Here each number is learnt as a number is, and what is around them, the *form*,
as a category is. A form has a place for each number, with the decimals that it has there:
"{0}/{0}", "{2},{2}", "POINT({1-6} {1-6})", "${,2}" with a mark between thousands,
"{0}:{02:0}" for at least two digits, "{1|,} x {1|,} cm" with a comma before decimals. A
form without places stands for itself, as "p<0.001" beside "p={3}".

A place has one distribution in all forms where it has about the same one: "{0}k" and
"{1}M" have one each. Numbers of a range, "35-42", keep their order if those of the table do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.layout import Block
from synthtab.core.schema import Column
from synthtab.data.columns.base import (
    Cells,
    ColumnEncoder,
    Mask,
    Settings,
    Texts,
    as_dtype,
    cell_error,
    flag,
    is_text,
    matching,
    natural,
)
from synthtab.data.columns.identifier import Says, says
from synthtab.data.columns.numbers import NumberCodec, Numbers
from synthtab.data.columns.numeric import FLOAT_OR_INFINITE
from synthtab.data.columns.writing import detect

# What is no number but a word: the quarter of "3 1/4".
_FRACTION = r"(?<=\d )[1-9]\d?/(?:[2-68]|10|12|16|32|64)(?![\d/])"
# A number within a text. A minus sign is one at the beginning or behind what is no letter
# and no digit: the 20 of "10-20" is not negative.
_SIGN = r"(?:(?<![\w.)])-)?"
_DECIMAL = re.compile(rf"{_FRACTION}|({_SIGN}[0-9]+(?:,\d{{3}})*(?:\.[0-9]+)?(?!\d))")
_EUROPEAN = re.compile(rf"{_FRACTION}|({_SIGN}[0-9]+(?:\.\d{{3}})*(?:,[0-9]+)?(?!\d))")
# Where whole numbers are separated by points, as in 138.136.84.43.
_WHOLE = re.compile(rf"{_FRACTION}|([0-9]+)")
_CHAIN = re.compile(r"(?:\d|[A-Za-z]\.)\d*\.\d+\.\d|[A-Za-z]\.\d+\.\d")
# Numbers that may have a comma before their decimals, and what shows that they have not.
_COMMA = re.compile(r"\d,\d(?!\d\d(?!\d))")
_NO_COMMA = re.compile(r"\d,\d+,|\d\.\d(?!\d\d(?!\d))|,(?=\D|$)")
# A place of a form.
_PLACE = re.compile(r"\{(?:0(\d):)?([,.]?)(\d+)(?:-(\d+))?(\|,)?\}")
# Most forms of a column, and the share of its cells that must have one of them.
MOST_FORMS = 12
ENOUGH = 0.95
# Most numbers of a form.
MOST_PLACES = 6
# Whole numbers with more digits are keys: telephone numbers, cards, ...
MOST_DIGITS = 6
# So many texts whose numbers all have the same lengths are no coincidence, but for years.
FEWEST_ALIKE = 10
YEARS = (1000, 2100)
# Letters of an abbreviation before a number of one or two digits.
LONGEST_ABBREVIATION = 2
# Numbers with zeros before them are minutes or degrees, if so many texts have none that is
# greater than that: digits of keys go up to 99 and 999. What has a degree behind it is one.
PADDED = {2: 59, 3: 359}
DEGREES = {2: 90, 3: 360}
FEWEST_PADDED = 30
# Letters directly before the only number of a form make a code of it, but for these.
_BEFORE = re.compile(r"[^\w]*|[A-Z]{0,3}[$€£¥₹₽]|[A-Z]{3} ")
# Or where there is a unit behind it, as in "NE 12 kt".
_WORD_BEFORE = re.compile(r".*[ (=:<>≤≥~]")
_UNIT_BEHIND = re.compile(r" ?[^\W\d_]{1,8}\.?\W{0,2}| ?[%‰°].*")

# Letters that may stand directly before a number: 20x30 is a size, v1.2.3 a version, but
# 12AB34 and user7@mail2.org are codes.
_JOINED = ("x", "X", "v", "V", "k", "K")
# The same between numbers: 1m85.
_UNITS = frozenset(
    [
        "h",
        "m",
        "s",
        "d",
        "w",
        "y",
        "j",
        "g",
        "ft",
        "kg",
        "lb",
        "st",
        "min",
        "mn",
        "cm",
        "mm",
        "km",
        "to",
        "bis",
        "et",
        "à",
    ]
)

# A form of so few texts, each of which so many rows have, is none: each stands for itself.
MOST_LITERAL = 5
FEWEST_LITERAL = 5
# That is for constants beside numbers, of which so many are different.
FEWEST_OTHERS = 20
# Texts that repeat are rather numbers than categories if there are so many different ones
# with so few rows each.
FEWEST_OF_NUMBERS = 50
MOST_ROWS_EACH = 10
# Numbers of two forms have one distribution unless theirs are further apart than that
# (Kolmogorov and Smirnov's distance), by so many numbers of each.
APART = 0.5
FEWEST_TO_TELL = 20
# So many texts show that the numbers of a range are in order.
FEWEST_ORDERED = 30

Integers = npt.NDArray[np.int64]


class CompoundEncoder(ColumnEncoder):
    """A block for the form, if there are several or missing cells, and one for each number.

    Options:
        ``forms``: what stands between the numbers, see the module.
        ``missing``: the text of a missing cell, where it is not the empty one.

    Args:
        column: The schema's description of the column.
        missing: Whether some training cells were missing.
        codecs: Distributions of numbers.
        codec_of: For each form, which of these each of its places has; None for the first
            one in the first place of any form, and so on.
        ordered: For each form, places whose numbers ascend, see `_in_order`.
    """

    kind: ClassVar[str] = "compound"
    of_text: ClassVar[bool] = True
    of_digits: ClassVar[bool] = True
    # Before identifiers, which take any text that hardly repeats.
    turn: ClassVar[int] = 59
    combinable: ClassVar[bool] = False
    askable: ClassVar[bool] = False
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "forms": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Of texts with numbers: {2} is a number with two decimals.",
        }
    }

    def __init__(
        self,
        column: Column,
        missing: bool,
        codecs: tuple[NumberCodec, ...],
        codec_of: Sequence[Sequence[int]] | None = None,
        ordered: Sequence[Sequence[Sequence[Sequence[int]]]] | None = None,
    ) -> None:
        self.forms = [_Form(text) for text in column.options["forms"]]
        self.missing = missing
        self.codecs = codecs
        # Earlier versions had one for the first number of any form, one for the second, ...
        self.codec_of: Sequence[Sequence[int]]
        self.codec_of = codec_of or [range(len(form.least)) for form in self.forms]
        self.ordered: Sequence[Sequence[Sequence[Sequence[int]]]]
        self.ordered = ordered or [()] * len(self.forms)
        codes = len(self.forms) + missing
        first = (Block(column.name, "form", codes),) if codes > 1 else ()
        self.numbers: list[Block | None] = []
        for place, codec in enumerate(codecs, 1):
            block = codec.block(column.name)
            named = None if block is None else replace(block, part=f"number {place}")
            self.numbers.append(named)
        super().__init__(column, (*first, *(b for b in self.numbers if b is not None)))

    @classmethod
    def informative(cls) -> bool:
        """The texts differ from row to row: only their numbers say something."""
        return False

    @property
    def code_of_missing(self) -> int | None:
        """The code of the first block that means missing; None if there is none."""
        return len(self.forms) if self.missing else None

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Text of which nearly every cell has one of a few forms, with numbers in it."""
        if not cells.is_text or not len(cells.words):
            return None
        # Few texts that repeat are categories.
        if not forced and (not _hardly_repeat(cells) or _is_named_key(cells.name)):
            return None
        if _are_numbers(cells):
            return None
        stripped = [str(text).strip() for text in cells.words]
        # A form has the people of all its texts.
        people = cells.people_once[~cells.token_mask]
        forms = _forms(stripped, people, max(cells.rare, 1))
        if not forms or _is_number_beside_words(forms):
            return None
        fits = _numbers(stripped, forms)[0] >= 0
        if cells.share_of(fits) < ENOUGH:
            return None
        rest = cells.without(fits)
        shown = " or ".join(form.text for form in forms[:3])
        more = f" and {len(forms) - 3} more" if len(forms) > 3 else ""
        why = f"numbers in text like {shown}{more}"
        options = {"forms": [form.text for form in forms]} | rest.missing_options()
        column = rest.column(cls.kind, "str", why, options, rest.missing_or_token)
        return _with_words_as_forms(column)

    @classmethod
    def readable(cls, texts: Texts, column: Column) -> Mask:
        """As `ColumnEncoder.readable`."""
        forms = [_Form(text) for text in column.options["forms"]]
        return _numbers([str(text).strip() for text in texts], forms)[0] >= 0

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Text stays text."""
        present = series.dropna()
        if not is_text(series) and len(present):
            raise cell_error(column, present.iloc[0], "a text with numbers")
        cells = as_dtype(series, column.dtype)
        _read(cells, column)
        return cells

    @classmethod
    def text(cls, series: pd.Series, column: Column) -> Texts:
        """Text is as it is."""
        cells = series.astype(object).where(series.notna(), "")
        return cells.to_numpy(dtype=object)

    @classmethod
    def fit(
        cls,
        series: pd.Series,
        column: Column,
        rng: np.random.Generator,
        settings: Settings,
    ) -> CompoundEncoder:
        """Learn the distribution of each number."""
        form, numbers = _read(series, column)
        forms = [_Form(text) for text in column.options["forms"]]
        about = settings.people_of(series)
        codec_of = _codec_of_places(forms, form, numbers)
        codecs = []
        for number in range(
            1 + max((max(of, default=-1) for of in codec_of), default=-1)
        ):
            own = _of_codec(number, codec_of, form, numbers)
            there = ~np.isnan(own)
            decimals = _decimals(number, codec_of, forms)
            values: Numbers = own[there]
            if not decimals:
                values = values.astype(np.int64)
            none_missing = np.zeros(len(values), dtype=bool)
            people = None if about is None else about[there]
            codecs.append(
                NumberCodec.fit(
                    values, none_missing, decimals, rng, settings, people=people
                )
            )
        ordered = [
            _in_order(one, numbers[form == number]) for number, one in enumerate(forms)
        ]
        some_missing = bool((form < 0).any())
        return cls(column, some_missing, tuple(codecs), codec_of, ordered)

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes and offsets.

        A number that a form has no place for is that of another cell.
        """
        form, numbers = _read(series, self.column)
        rows = len(series)
        codes = []
        offsets = []
        if len(self.blocks) > sum(block is not None for block in self.numbers):
            last = len(self.forms) + self.missing - 1
            codes.append(np.where(form < 0, last, form))
        for number, (codec, block) in enumerate(
            zip(self.codecs, self.numbers, strict=True)
        ):
            if block is None:
                continue
            own = _of_codec(number, self.codec_of, form, numbers)
            there = ~np.isnan(own)
            filled = np.zeros(rows)
            filled[there] = own[there]
            if there.any():
                others = rng.integers(0, int(there.sum()), int((~there).sum()))
                filled[~there] = own[there][others]
            values = filled.astype(codec.atoms.dtype)
            code, offset = codec.encode(values, np.zeros(rows, dtype=bool), rng)
            codes.append(code)
            if block.modes:
                offsets.append(offset)
        return (
            np.array(codes, dtype=np.uint8).reshape(len(codes), rows).T,
            np.array(offsets, dtype=np.float32).reshape(len(offsets), rows).T,
        )

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """Codes and offsets => typed form."""
        rows = len(codes)
        remaining_codes = iter(codes.T)
        remaining_offsets = iter(offsets.T)
        form = np.zeros(rows, dtype=np.int64)
        if len(self.forms) + self.missing > 1:
            form = next(remaining_codes).astype(np.int64)
        values: list[Numbers] = []
        for codec, block in zip(self.codecs, self.numbers, strict=True):
            code = np.zeros(rows, dtype=np.uint8)
            offset = np.full(rows, 0.5, dtype=np.float32)
            if block is not None:
                code = next(remaining_codes)
                if block.modes:
                    offset = next(remaining_offsets)
            values.append(codec.decode(code, offset)[0])
        missing = form >= len(self.forms)
        texts = np.full(rows, "", dtype=object)
        for number, one in enumerate(self.forms):
            mine = np.flatnonzero(form == number)
            own = [values[codec][mine] for codec in self.codec_of[number]]
            for units in self.ordered[number]:
                _put_in_order(own, units)
            texts[mine] = one.write(own, len(mine))
        cells = natural(texts[~missing], missing, self.column.dtype)
        token = self.column.options.get("missing")
        if token is not None:
            cells = as_dtype(
                cells.astype(object).where(~missing, token), self.column.dtype
            )
        return cells.rename(self.column.name)

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {
            "missing": self.missing,
            "numbers": [codec.state() for codec in self.codecs],
            "codec_of": [list(of) for of in self.codec_of],
            "ordered": [
                [[list(unit) for unit in units] for units in of_form]
                for of_form in self.ordered
            ],
        }

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> CompoundEncoder:
        """The inverse of `state`."""
        codecs = tuple(NumberCodec.from_state(one) for one in state["numbers"])
        codec_of = state.get("codec_of")
        return cls(
            column, flag(state, "missing"), codecs, codec_of, state.get("ordered")
        )


def _with_words_as_forms(column: Column) -> Column:
    """The column, each of its words a form without places.

    A word with a brace would be read as another form: it counts as missing.
    """
    words = column.options.get("words", [])
    kept = [word for word in words if not re.search(r"[{}]", word)]
    options = {name: it for name, it in column.options.items() if name != "words"}
    options["forms"] = [*column.options["forms"], *kept]
    note = column.note
    if len(kept) < len(words):
        note += "; of these words, such with braces count as missing"
    missing = column.missing or len(kept) < len(words)
    return replace(column, options=options, note=note, missing=missing)


def _are_numbers(cells: Cells) -> bool:
    """Whether each text is one number, however it is written."""
    if cells.share_of(matching(cells.words, FLOAT_OR_INFINITE)) >= ENOUGH:
        return True
    found = detect(cells.words, cells.counts[~cells.token_mask])
    return found is not None and cells.share_of(found[1]) >= ENOUGH


def _hardly_repeat(cells: Cells) -> bool:
    """Whether as categories the texts would lose much: few rows have each of them."""
    different = len({str(text).strip() for text in cells.words})
    rows = int(cells.counts[~cells.token_mask].sum())
    if 2 * different >= rows:
        return True
    return different >= FEWEST_OF_NUMBERS and rows <= MOST_ROWS_EACH * different


def _is_named_key(name: str) -> bool:
    """Whether a column's name tells of keys."""
    return says(name) in (Says.KEY, Says.PERSON)


def _is_number_beside_words(forms: list[_Form]) -> bool:
    """Whether there is a plain number in one form, and nothing in the others."""
    with_places = [form for form in forms if form.least]
    return len(with_places) == 1 and with_places[0].around == ["", ""]


class _Form:
    """What stands around the numbers of a text.

    Attributes:
        text: As an option names it.
        around: What stands before the first number, between them, and behind the last.
        least, most: For each place, with how many decimals a number is written.
        marked: For each place, the mark between thousands.
        widths: For each place, the least number of digits.
        commas: For each place, whether a comma stands before decimals.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        places = list(_PLACE.finditer(text))
        self.around = _PLACE.sub("\0", text).split("\0")
        self.widths = [int(place[1] or 1) for place in places]
        self.marked = [place[2] for place in places]
        self.least = [int(place[3]) for place in places]
        self.most = [int(place[4] or place[3]) for place in places]
        self.commas = [bool(place[5]) for place in places]

    def write(self, numbers: Sequence[Numbers], count: int) -> Texts:
        """So many texts of numbers, given those of each place ``[texts]``."""
        parts = [np.full(count, self.around[0], dtype=object)]
        for place, behind in enumerate(self.around[1:]):
            parts.append(self._written(numbers[place], place))
            parts.append(np.full(count, behind, dtype=object))
        rows = zip(*parts, strict=True)
        return np.array(["".join(row) for row in rows], dtype=object)

    def _written(self, values: Numbers, place: int) -> Texts:
        mark = "," if self.marked[place] else ""
        texts = []
        for value in values.tolist():
            text = f"{value:{mark}.{self.most[place]}f}"
            # The fewest decimals that show all of it, but no fewer than all others have.
            for _ in range(self.most[place] - self.least[place]):
                if not text.endswith("0"):
                    break
                text = text[:-1].rstrip(".") if text[-2] == "." else text[:-1]
            if text.startswith("-0") and not float(text):
                text = "0" + text[2:]
            if self.widths[place] > 1:
                whole, point, fraction = text.partition(".")
                sign = "-" if whole.startswith("-") else ""
                digits = whole.removeprefix("-").zfill(self.widths[place])
                text = sign + digits + point + fraction
            if self.commas[place]:
                text = text.translate(_SWAPPED)
            texts.append(text)
        return np.array(texts, dtype=object)


_SWAPPED = str.maketrans(",.", ".,")


def _parts(
    text: str, pattern: re.Pattern[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands around the numbers of a text, and the numbers."""
    around = []
    numbers = []
    begin = 0
    for match in pattern.finditer(text):
        if match[1] is None:
            continue
        around.append(text[begin : match.start()])
        numbers.append(match[1])
        begin = match.end()
    around.append(text[begin:])
    return tuple(around), tuple(numbers)


def _pattern_of(texts: list[str]) -> re.Pattern[str]:
    """What numbers look like in some texts."""
    glance = texts[:100]
    chains = sum(bool(_CHAIN.search(text)) for text in glance)
    if 2 * chains > len(glance):
        return _WHOLE
    commas = sum(bool(_COMMA.search(text)) for text in glance)
    others = any(map(_NO_COMMA.search, glance))
    # "12,5" by itself may be two numbers, or is none of ours.
    several = sum(len(_EUROPEAN.findall(text)) > 1 for text in glance)
    if not others and 2 * commas > len(glance) and 2 * several > len(glance):
        return _EUROPEAN
    return _DECIMAL


def _forms(texts: list[str], counts: Integers, rare: int) -> list[_Form]:
    """The frequent forms of some texts; none if they are rather keys.

    Args:
        texts: Distinct ones.
        counts: How many rows have each.
        rare: A form that fewer rows have is none.
    """
    pattern = _pattern_of(texts)
    rows: dict[tuple[str, ...], int] = {}
    texts_of: dict[tuple[str, ...], dict[str, int]] = {}
    for text, count in zip(texts, counts.tolist(), strict=True):
        around, found = _parts(text, pattern)
        if found and len(found) <= MOST_PLACES and "{" not in text and "}" not in text:
            rows[around] = rows.get(around, 0) + count
            own = texts_of.setdefault(around, {})
            # Texts that differ by the spaces around them are one.
            own[text] = own.get(text, 0) + count
    frequent = [around for around in rows if rows[around] >= rare]
    frequent.sort(key=lambda around: -rows[around])
    chosen = frequent[:MOST_FORMS]
    has_numbers = any(len(texts_of[around]) >= FEWEST_OTHERS for around in chosen)
    forms = []
    for around in chosen:
        own = texts_of[around]
        is_literal = len(own) <= MOST_LITERAL and min(own.values()) >= max(
            rare, FEWEST_LITERAL
        )
        if has_numbers and is_literal:
            forms += [_Form(text) for text in sorted(own, key=lambda t: -own[t])]
            continue
        numbers = [_parts(text, pattern)[1] for text in own]
        # "c. 1850" beside "1850" is a number of which something is said.
        is_said = ("", "") in chosen and _WORD_BEFORE.fullmatch(around[0]) is not None
        if _is_key(around, numbers, pattern, is_said):
            return []
        forms.append(_Form(_form_text(around, numbers, pattern)))
    if len(forms) == 1 and len(forms[0].least) < 2:
        # One number in one form: a number that is written so, or a code; but for one
        # behind a word, as in "EUR/USD 1.1017".
        behind_word = _WORD_BEFORE.fullmatch(forms[0].around[0]) is not None
        has_decimals = bool(forms[0].least and forms[0].least[0])
        return forms if behind_word and has_decimals else []
    return forms


def _is_key(
    around: tuple[str, ...],
    numbers: list[tuple[str, ...]],
    pattern: re.Pattern[str],
    is_said: bool,
) -> bool:
    """Whether texts of one form are names for things rather than measurements.

    Args:
        around: What stands around the numbers.
        numbers: Of each text.
        pattern: What numbers look like.
        is_said: Whether what stands before the only number says something of it.
    """
    point = "," if pattern is _EUROPEAN else "."
    mark = "." if pattern is _EUROPEAN else ","
    digits_of_rows = [
        [one.replace(mark, "").lstrip("-") for one in row if point not in one]
        for row in numbers
    ]
    if any(len(one) > MOST_DIGITS for row in digits_of_rows for one in row):
        return True
    widths = [
        _width([row[place] for row in numbers], point, behind)
        for place, behind in enumerate(around[1:])
    ]
    if None in widths:
        return True
    has_one_number = len(around) == 2
    if has_one_number and not is_said and not _is_framed_number(around, numbers):
        return True
    # A letter just before a number, as in "A12": only some words join numbers. Scripts
    # without capitals have words there, too.
    for place, text in enumerate(around[:-1]):
        last = re.search(r"[^\W\d_]*$", text)
        assert last is not None, "found at the end of any text, report this"
        is_word = not last[0] or last[0].lower() == last[0].upper()
        # E4V5M6 is how somebody is, S01E05 a part of a series.
        is_abbreviation = (
            not has_one_number
            and last[0].isupper()
            and len(last[0]) <= LONGEST_ABBREVIATION
            and all(len(one) <= 2 for row in digits_of_rows for one in row)
        )
        if not (
            is_word
            or is_abbreviation
            or text in _JOINED
            or (place and last[0] in _UNITS)
        ):
            return True
    # All of one length, and long: 123-45-6789.
    lengths = {tuple(map(len, row)) for row in digits_of_rows if row}
    first_row = digits_of_rows[0] if digits_of_rows else []
    is_long = sum(map(len, first_row)) > MOST_DIGITS
    are_years = all(
        len(one) == 4 and YEARS[0] <= int(one) <= YEARS[1]
        for row in digits_of_rows
        for one in row
    )
    is_even = len(lengths) == 1 and len(numbers) >= FEWEST_ALIKE and is_long
    if are_years:
        return False
    # But for minutes and the like.
    if not is_even or not any(width in PADDED for width in widths):
        return is_even
    others = [
        int(digits)
        for row in digits_of_rows
        for digits, width in zip(row, widths, strict=False)
        if width not in PADDED
    ]
    return max(others, default=0) > PADDED[2]


def _is_framed_number(around: tuple[str, ...], numbers: list[tuple[str, ...]]) -> bool:
    """Whether the only number of a form is a measurement by what stands around it."""
    before, behind = around
    if _BEFORE.fullmatch(before):
        return True
    if not _WORD_BEFORE.fullmatch(before):
        return False
    has_decimals = all("." in one or "," in one for (one,) in numbers)
    return has_decimals or _UNIT_BEHIND.fullmatch(behind) is not None


def _width(numbers: list[str], point: str, behind: str) -> int | None:
    """The least digits of the numbers of one place; None if they are digits of keys.

    It is 1 where none has a zero before it.

    Args:
        numbers: Of the texts of one form.
        point: What stands before decimals.
        behind: What stands behind them.
    """
    greatest = DEGREES if behind.startswith(("°", "º")) else PADDED
    wholes = [one.partition(point)[0].lstrip("-") for one in numbers]
    if not any(len(one) > 1 and one[0] == "0" for one in wholes):
        return 1
    width = min(map(len, wholes))
    if width not in greatest or len(numbers) < FEWEST_PADDED:
        return None
    if any(len(one) > width for one in wholes):
        return None
    return width if max(map(int, wholes)) <= greatest[width] else None


def _form_text(
    around: tuple[str, ...], numbers: list[tuple[str, ...]], pattern: re.Pattern[str]
) -> str:
    """The form of texts as an option names it."""
    point = "," if pattern is _EUROPEAN else "."
    thousands = "." if pattern is _EUROPEAN else ","
    text = around[0]
    for place, behind in enumerate(around[1:]):
        own = [row[place] for row in numbers]
        decimals = [len(one.partition(point)[2]) for one in own]
        mark = thousands if any(thousands in one for one in own) else ""
        least, most = min(decimals), max(decimals)
        shown = str(least) if least == most else f"{least}-{most}"
        width = _width(own, point, behind) or 1
        padding = f"0{width}:" if width > 1 else ""
        comma = "|," if pattern is _EUROPEAN else ""
        text += f"{{{padding}{mark}{shown}{comma}}}{behind}"
    return text


def _pattern_of_forms(forms: list[_Form]) -> re.Pattern[str]:
    """What numbers look like in texts of some forms."""
    if any(any(form.commas) for form in forms):
        return _EUROPEAN
    if any(len(form.around) > 3 and "." in form.around[1:-1] for form in forms):
        return _WHOLE
    return _DECIMAL


def _numbers(
    texts: list[str], forms: list[_Form]
) -> tuple[Integers, npt.NDArray[np.float64]]:
    """Which form each text has, and its numbers.

    Returns:
        ``[texts]``, -1 for none of the forms; ``[texts, places]``, NaN where a form has
        no such place.
    """
    places = max((len(form.least) for form in forms), default=0)
    number_of = {tuple(form.around): i for i, form in enumerate(forms)}
    pattern = _pattern_of_forms(forms)
    form = np.full(len(texts), -1, dtype=np.int64)
    numbers = np.full((len(texts), places), np.nan)
    for row, text in enumerate(texts):
        # A text that stands for itself.
        number = number_of.get((text,), -1)
        if number >= 0:
            form[row] = number
            continue
        around, found = _parts(text, pattern)
        number = number_of.get(around, -1)
        if number < 0:
            continue
        if pattern is _EUROPEAN:
            found = tuple(one.translate(_SWAPPED) for one in found)
        values = [float(one.replace(",", "")) for one in found]
        written = forms[number].write([np.array([value]) for value in values], 1)
        if written[0] == text:
            form[row] = number
            numbers[row, : len(values)] = values
    return form, numbers


def _read(
    series: pd.Series, column: Column
) -> tuple[Integers, npt.NDArray[np.float64]]:
    """`_numbers` of a column's cells; form -1 for a missing one.

    Raises:
        SchemaError: A cell has none of the forms.
    """
    forms = [_Form(text) for text in column.options["forms"]]
    codes, distinct = pd.factorize(series)
    texts = [str(text).strip() for text in np.asarray(distinct, dtype=object)]
    form, numbers = _numbers(texts, forms)
    token = column.options.get("missing")
    for number, text in zip(form, texts, strict=True):
        if number < 0 and text != token:
            shown = " or ".join(one.text for one in forms[:3])
            raise cell_error(column, text, f"a text like {shown}")
    # Code -1, a missing cell, reads the last entry.
    form = np.append(form, -1)[codes]
    none = np.full((1, numbers.shape[1]), np.nan)
    return form, np.concatenate([numbers, none])[codes]


# --------------------------------------------------------------------------------------
# Which numbers have one distribution


def _codec_of_places(
    forms: list[_Form], form: Integers, numbers: npt.NDArray[np.float64]
) -> list[list[int]]:
    """For each form, the number of the codec that each of its places has.

    Forms share the codec of a place unless their numbers differ very much.

    Args:
        forms: Of the column, the most frequent first.
        form: ``[rows]``: which form each cell has; -1 for none.
        numbers: ``[rows, places]``.
    """
    # The numbers of the first form that has each codec, by place.
    of_place: list[list[tuple[int, npt.NDArray[np.float64]]]] = []
    count = 0
    codec_of = []
    for number, one in enumerate(forms):
        mine = numbers[form == number]
        own = []
        for place in range(len(one.least)):
            if place == len(of_place):
                of_place.append([])
            values = mine[:, place]
            alike = [
                codec for codec, others in of_place[place] if not _apart(values, others)
            ]
            if not alike:
                alike = [count]
                of_place[place].append((count, values))
                count += 1
            own.append(alike[0])
        codec_of.append(own)
    return codec_of


def _apart(some: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> bool:
    """Whether numbers are of very different distributions."""
    if min(len(some), len(others)) < FEWEST_TO_TELL:
        return False
    points = np.sort(np.concatenate([some, others]))
    below = np.searchsorted(np.sort(some), points, side="right") / len(some)
    of_others = np.searchsorted(np.sort(others), points, side="right") / len(others)
    return bool(np.abs(below - of_others).max() > APART)


def _of_codec(
    number: int,
    codec_of: Sequence[Sequence[int]],
    form: Integers,
    numbers: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """``[rows]``: the numbers that a codec encodes; NaN where a cell has none of it."""
    own = np.full(len(form), np.nan)
    for one, codecs in enumerate(codec_of):
        for place, codec in enumerate(codecs):
            if codec == number:
                mine = form == one
                own[mine] = numbers[mine, place]
    return own


def _decimals(
    number: int, codec_of: Sequence[Sequence[int]], forms: list[_Form]
) -> int:
    """The most decimals of a codec's numbers in any form."""
    return max(
        form.most[place]
        for form, codecs in zip(forms, codec_of, strict=True)
        for place, codec in enumerate(codecs)
        if codec == number
    )


# --------------------------------------------------------------------------------------
# Numbers in order

# Places that are compared one after the other, as hours and then minutes.
_Unit = Sequence[int]


def _in_order(form: _Form, numbers: npt.NDArray[np.float64]) -> list[list[list[int]]]:
    """Runs of units that ascend in all texts of a form, as the ends of a range do.

    Args:
        form: The form.
        numbers: ``[texts, places]``.
    """
    if len(numbers) < FEWEST_ORDERED:
        return []
    units = _units(form)
    units.sort(key=lambda unit: float(numbers[:, unit[0]].mean()))
    runs = [[units[0]]] if units else []
    for unit in units[1:]:
        latest = runs[-1][-1]
        if _are_alike(form, latest, unit) and not _beyond(numbers, latest, unit).any():
            runs[-1].append(unit)
        else:
            runs.append([unit])
    return [run for run in runs if len(run) > 1]


def _units(form: _Form) -> list[list[int]]:
    """Each place, or the two halves of a form such as 09:05-10:15."""
    places = len(form.least)
    half = places // 2
    halves = [list(range(half)), list(range(half, places))]
    within = form.around[1:half], form.around[half + 1 : places]
    if half > 1 and places % 2 == 0 and within[0] == within[1]:
        return halves
    return [[place] for place in range(places)]


def _are_alike(form: _Form, one: _Unit, other: _Unit) -> bool:
    """Whether the numbers of one unit can stand in the places of another."""

    def written(place: int) -> tuple[Any, ...]:
        return form.least[place], form.most[place], form.widths[place]

    return all(written(i) == written(j) for i, j in zip(one, other, strict=True))


def _beyond(columns: Any, one: _Unit, other: _Unit) -> npt.NDArray[np.bool_]:
    """``[texts]``: where a unit is greater than the one that should follow it.

    Args:
        columns: ``[texts, places]``, or the numbers of each place.
        one: The unit.
        other: The one that should follow it.
    """
    if isinstance(columns, np.ndarray):
        columns = list(columns.T)
    # From the last places to the first, which decide.
    greater = np.zeros(len(columns[0]), dtype=bool)
    for i, j in zip(reversed(one), reversed(other), strict=True):
        is_equal = columns[i] == columns[j]
        greater = np.where(is_equal, greater, columns[i] > columns[j])
    return greater


def _put_in_order(columns: list[Numbers], units: Sequence[_Unit]) -> None:
    """Exchange the numbers of units until they ascend; ``columns`` change in place."""
    for _ in units[1:]:
        for one, other in pairwise(units):
            swapped = _beyond(columns, one, other)
            for i, j in zip(one, other, strict=True):
                a, b = columns[i], columns[j]
                columns[i] = np.where(swapped, b, a)
                columns[j] = np.where(swapped, a, b)
