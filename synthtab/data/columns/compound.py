"""Text that is numbers with something between or around them: "120/80", "-75.72,102.68".

Blood pressures, coordinates, versions, addresses of machines, amounts of several currencies.
As identifiers they would be made up letter by letter, "450.84.20.105", and would say nothing
of their row. Here each number is learnt as a number is, and what is around them, the *form*,
as a category is. A form has a place for each number, with the decimals that it has there:
"{0}/{0}", "{2},{2}", "POINT({1-6} {1-6})", "${,2}" with a mark between thousands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
    is_text,
    matching,
    natural,
)
from synthtab.data.columns.numbers import NumberCodec, Numbers
from synthtab.data.columns.numeric import FLOAT_OR_INFINITE
from synthtab.data.columns.writing import detect

# A number within a text. A minus sign is one at the beginning or behind what is no letter
# and no digit: the 20 of "10-20" is not negative.
_DECIMAL = re.compile(r"(?:(?<![\w.)])-)?\d+(?:,\d{3})*(?:\.\d+)?(?![\d])")
# Where whole numbers are separated by points, as in 138.136.84.43.
_WHOLE = re.compile(r"\d+")
_CHAIN = re.compile(r"\d+\.\d+\.\d")
# A place of a form.
_PLACE = re.compile(r"\{(,?)(\d+)(?:-(\d+))?\}")
# Most forms of a column, and the share of its cells that must have one of them.
MOST_FORMS = 12
ENOUGH = 0.95
# Most numbers of a form.
MOST_PLACES = 6
# Whole numbers with more digits are keys: telephone numbers, cards, ...
MOST_DIGITS = 6
# So many texts whose numbers all have the same lengths are no coincidence.
FEWEST_ALIKE = 10
# Letters directly before the only number of a form make a code of it, but for these.
_BEFORE = re.compile(r"[^\w]*|[A-Z]{0,3}[$€£¥₹₽]|[A-Z]{3} ")

# Letters that may stand directly before a number: 20x30 is a size, v1.2.3 a version, but
# 12AB34 and user7@mail2.org are codes.
_JOINED = ("x", "X", "v", "V", "k", "K")

Integers = npt.NDArray[np.int64]


class CompoundEncoder(ColumnEncoder):
    """A block for the form, if there are several or missing cells, and one for each number.

    Options:
        ``forms``: what stands between the numbers, see the module.
        ``missing``: the text of a missing cell, where it is not the empty one.

    Args:
        column: The schema's description of the column.
        missing: Whether some training cells were missing.
        codecs: Of the first number of a text, the second, ...
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
        self, column: Column, missing: bool, codecs: tuple[NumberCodec, ...]
    ) -> None:
        self.forms = [_Form(text) for text in column.options["forms"]]
        self.missing = missing
        self.codecs = codecs
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
        hardly_repeat = 2 * cells.count >= cells.rows - cells.missing
        if not (forced or hardly_repeat) or _are_numbers(cells):
            return None
        stripped = [str(text).strip() for text in cells.words]
        # A form has the people of all its texts.
        people = cells.people_once[~cells.token_mask]
        forms = _forms(stripped, people, max(cells.rare, 1))
        if not forms:
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
        codecs = []
        for place in range(numbers.shape[1]):
            values = _as_held(numbers[:, place], place, forms)
            none_missing = np.zeros(len(values), dtype=bool)
            decimals = _decimals(place, forms)
            people = None
            if about is not None:
                people = about[~np.isnan(numbers[:, place])]
            codecs.append(
                NumberCodec.fit(
                    values, none_missing, decimals, rng, settings, people=people
                )
            )
        return cls(column, bool((form < 0).any()), tuple(codecs))

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
        for place, (codec, block) in enumerate(
            zip(self.codecs, self.numbers, strict=True)
        ):
            if block is None:
                continue
            there = ~np.isnan(numbers[:, place])
            filled = np.zeros(rows)
            filled[there] = numbers[there, place]
            if there.any():
                others = rng.integers(0, int(there.sum()), int((~there).sum()))
                filled[~there] = numbers[there, place][others]
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
            texts[mine] = one.write([column[mine] for column in values])
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
        }

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> CompoundEncoder:
        """The inverse of `state`."""
        codecs = tuple(NumberCodec.from_state(one) for one in state["numbers"])
        return cls(column, state["missing"], codecs)


def _with_words_as_forms(column: Column) -> Column:
    """The column, each of its words a form without numbers.

    A word with a digit or a brace would be read as another form: it counts as missing.
    """
    words = column.options.get("words", [])
    kept = [word for word in words if not re.search(r"[\d{}]", word)]
    options = {name: it for name, it in column.options.items() if name != "words"}
    options["forms"] = [*column.options["forms"], *kept]
    note = column.note
    if len(kept) < len(words):
        note += "; of these words, such with digits count as missing"
    missing = column.missing or len(kept) < len(words)
    return replace(column, options=options, note=note, missing=missing)


def _are_numbers(cells: Cells) -> bool:
    """Whether each text is one number, however it is written."""
    if cells.share_of(matching(cells.words, FLOAT_OR_INFINITE)) >= ENOUGH:
        return True
    found = detect(cells.words, cells.counts[~cells.token_mask])
    return found is not None and cells.share_of(found[1]) >= ENOUGH


class _Form:
    """What stands around the numbers of a text.

    Attributes:
        text: As an option names it.
        around: What stands before the first number, between them, and behind the last.
        least, most: For each place, with how many decimals a number is written.
        marked: For each place, whether thousands have a mark.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        places = list(_PLACE.finditer(text))
        self.around = _PLACE.sub("\0", text).split("\0")
        self.least = [int(place[2]) for place in places]
        self.most = [int(place[3] or place[2]) for place in places]
        self.marked = [bool(place[1]) for place in places]

    def write(self, numbers: Sequence[Numbers]) -> Texts:
        """The texts of numbers, given those of each place ``[texts]``."""
        count = len(numbers[0]) if numbers else 0
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
            texts.append(
                "0" + text[2:] if text.startswith("-0") and not float(text) else text
            )
        return np.array(texts, dtype=object)


def _parts(text: str, whole: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands around the numbers of a text, and the numbers."""
    pattern = _WHOLE if whole else _DECIMAL
    numbers = tuple(match[0] for match in pattern.finditer(text))
    return tuple(pattern.sub("\0", text).split("\0")), numbers


def _forms(texts: list[str], counts: Integers, rare: int) -> list[_Form]:
    """The frequent forms of some texts; none if they are rather keys.

    Args:
        texts: Distinct ones.
        counts: How many rows have each.
        rare: A form that fewer rows have is none.
    """
    chains = sum(bool(_CHAIN.search(text)) for text in texts[:100])
    whole = 2 * chains > len(texts[:100])
    rows: dict[tuple[str, ...], int] = {}
    numbers: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for text, count in zip(texts, counts.tolist(), strict=True):
        around, found = _parts(text, whole)
        if found and len(found) <= MOST_PLACES and "{" not in text and "}" not in text:
            rows[around] = rows.get(around, 0) + count
            numbers.setdefault(around, []).append(found)
    frequent = [around for around in rows if rows[around] >= rare]
    frequent.sort(key=lambda around: -rows[around])
    chosen = frequent[:MOST_FORMS]
    if any(_is_key(around, numbers[around]) for around in chosen):
        return []
    if len(chosen) == 1 and len(chosen[0]) == 2:
        # One number in one form: a number that is written so, or a code.
        return []
    return [_Form(_form_text(around, numbers[around])) for around in chosen]


def _is_key(around: tuple[str, ...], numbers: list[tuple[str, ...]]) -> bool:
    """Whether texts of one form are names for things rather than measurements."""
    digits_of_rows = [
        [one.replace(",", "").lstrip("-") for one in row if "." not in one]
        for row in numbers
    ]
    if any(_is_of_a_key(one) for row in digits_of_rows for one in row):
        return True
    has_one_number = len(around) == 2
    if has_one_number and not _BEFORE.fullmatch(around[0]):
        return True
    # A letter just before a number, as in "A12": only some words join numbers.
    if any(text[-1:].isalpha() and text not in _JOINED for text in around[:-1]):
        return True
    # All of one length, and long: 123-45-6789.
    lengths = {tuple(map(len, row)) for row in digits_of_rows if row}
    first_row = digits_of_rows[0] if digits_of_rows else []
    is_long = sum(map(len, first_row)) > MOST_DIGITS
    return len(lengths) == 1 and len(numbers) >= FEWEST_ALIKE and is_long


def _is_of_a_key(digits: str) -> bool:
    """Whether a whole number has leading zeros, or very many digits."""
    is_padded = len(digits) > 1 and digits[0] == "0"
    return is_padded or len(digits) > MOST_DIGITS


def _form_text(around: tuple[str, ...], numbers: list[tuple[str, ...]]) -> str:
    """The form of texts as an option names it."""
    text = around[0]
    for place, behind in enumerate(around[1:]):
        own = [row[place] for row in numbers]
        decimals = [len(one.partition(".")[2]) for one in own]
        mark = "," if any("," in one for one in own) else ""
        least, most = min(decimals), max(decimals)
        shown = str(least) if least == most else f"{least}-{most}"
        text += f"{{{mark}{shown}}}{behind}"
    return text


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
    whole = any(len(form.around) > 3 and "." in form.around[1:-1] for form in forms)
    form = np.full(len(texts), -1, dtype=np.int64)
    numbers = np.full((len(texts), places), np.nan)
    for row, text in enumerate(texts):
        around, found = _parts(text, whole)
        number = number_of.get(around, -1)
        if number < 0:
            continue
        if not found:
            # A word.
            form[row] = number
            continue
        values = [float(one.replace(",", "")) for one in found]
        written = forms[number].write([np.array([value]) for value in values])
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


def _decimals(place: int, forms: list[_Form]) -> int:
    """The most decimals of a place in any form."""
    return max(form.most[place] for form in forms if len(form.most) > place)


def _as_held(
    numbers: npt.NDArray[np.float64], place: int, forms: list[_Form]
) -> Numbers:
    """The numbers of a place that are there; whole ones as int64."""
    there = numbers[~np.isnan(numbers)]
    return there if _decimals(place, forms) else there.astype(np.int64)
