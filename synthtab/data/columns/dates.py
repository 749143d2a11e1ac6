"""Dates and times of day as text <=> whole numbers since 1970, by an exact format.

A format is strftime's with parts of its own, see `PARTS` and docs/command-line.md. One that
begins with "%" and the zero of another script has digits of this script: "%٠%Y/%m/%d". A
text fits a format only if rendering its meaning gives the same text. `detect` finds out which formats texts have.

Where cells are written in several ways, as times of day in summer and in winter with
their distance from UTC, there are several formats; each cell has the first that it fits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.data.columns.base import Mask, Texts, objects
from synthtab.data.columns.calendar_words import KNOWN, LANGUAGES, names, parts_of

# How many of each unit a day has, coarse to fine.
PER_DAY = {
    "D": 1,
    "h": 24,
    "m": 1440,
    "s": 86_400,
    "ms": 86_400_000,
    "us": 86_400_000_000,
    "ns": 86_400_000_000_000,
}

# Units that have several days, the longest first: months and weeks.
LONG = ("M", "W")

# Digits of a fraction of a second.
DIGITS = {"ms": 3, "us": 6, "ns": 9}
# What 64 bits of nanoseconds since 1970 reach: from 00:12:43.145224193 on this day of 1677
# to 23:47:16.854775807 on that of 2262.
NANOSECOND_DAYS = (-106_752, 106_751)
NANOSECOND_TIMES = (763_145_224_193, 85_636_854_775_807)

# A part of a format: a letter, before it how it is written, after it a language.
TOKEN = re.compile(r"%(?:([-^~+:]?)([A-Za-z])(?:\{([a-z]+)\})?|([1-9])f|([.,])(\d?)f)")
# The letters of those that are of the time of day. "f" is a fraction of a second.
TIME_LETTERS = frozenset("HIKpPMSf")
# Each half of the day, as each part has it.
HALVES = {
    "%p": ("AM", "PM"),
    "%P": ("am", "pm"),
    "%:p": ("A.M.", "P.M."),
    "%:P": ("a.m.", "p.m."),
    "%p{es}": ("a. m.", "p. m."),
    "%p{ja}": ("午前", "午後"),
    "%p{ko}": ("오전", "오후"),
    "%p{zh}": ("上午", "下午"),
}

# The first day of a month, the only one that is an ordinal number in some languages.
FIRSTS = {"fr": "1er", "it": "1°", "pt": "1º", "es": "1.º"}

# Part -> what it looks like in a text. Those that are names are added below.
PARTS = {
    "%Y": r"(\d{4})",
    "%y": r"(\d\d)",
    "%~y": r"(\d\d)",
    "%q": r"([1-4])",
    "%m": r"(0[1-9]|1[0-2])",
    "%-m": r"([1-9]|1[0-2])",
    "%d": r"(0[1-9]|[12]\d|3[01])",
    "%-d": r"([1-9]|[12]\d|3[01])",
    "%e": r"( [1-9]|[12]\d|3[01])",
    "%o": r"((?:[1-9]|[12]\d|3[01])(?:st|nd|rd|th))",
    **{
        f"%o{{{language}}}": rf"({re.escape(first)}|[2-9]|[12]\d|3[01])"
        for language, first in FIRSTS.items()
    },
    "%j": r"([0-3]\d\d)",
    "%G": r"(\d{4})",
    "%V": r"(0[1-9]|[1-4]\d|5[0-3])",
    "%u": r"([1-7])",
    "%H": r"([01]\d|2[0-3])",
    "%-H": r"(\d|1\d|2[0-3])",
    "%+H": r"([01]\d|2[0-4])",
    "%I": r"(0[1-9]|1[0-2])",
    "%-I": r"([1-9]|1[0-2])",
    "%K": r"(0\d|1[01])",
    "%-K": r"(\d|1[01])",
    "%M": r"([0-5]\d)",
    "%S": r"([0-5]\d)",
    "%.f": r"((?:\.\d{0,5}[1-9])?)",
    "%,f": r"((?:,\d{0,5}[1-9])?)",
    **{f"%{n}f": rf"(\d{{{n}}})" for n in range(1, 10)},
    **{f"%{mark}{n}f": rf"((?:\{mark}\d{{{n}}})?)" for mark in ".," for n in (3, 6, 9)},
    **{half: "({}|{})".format(*map(re.escape, HALVES[half])) for half in HALVES},
}
# Days of no year are counted in this one, which has a 29th of February.
NO_YEAR = 1972
# Days from a Monday to 1970-01-01.
MONDAY = 3
# In fewer weeks, weekdays differ by chance.
FEWEST_WEEKS = 4
# Weekdays differ where chance would do so in one of 25,000 tables, and by this share of
# the rows.
CHI_SQUARED = 30.0
SKEW = 0.02

TIME_OPTIONS: dict[str, Mapping[str, Any]] = {
    "format": {
        "type": ["string", "array", "null"],
        "items": {"type": "string"},
        "description": "Of a date or time, such as %Y-%m-%d; a list where cells are "
        "written in several ways.",
    },
    "zone": {"type": "string", "description": "The time zone of objects."},
    "unit": {
        "type": "string",
        "enum": [*LONG, *PER_DAY],
        "description": "What a date counts: months, weeks, days, hours, ...",
    },
}

Integers = npt.NDArray[np.int64]


def _add_names() -> None:
    """Write the names of all languages into `PARTS`."""
    for letter, languages in KNOWN.items():
        for language in languages:
            for case in ("", "^", "~"):
                of_language = f"{{{language}}}" if language else ""
                words = names(letter, language, case) or ()
                # The longer of two that begin alike comes first.
                longest = sorted(set(words), key=len, reverse=True)
                pattern = "|".join(map(re.escape, longest))
                PARTS[f"%{case}{letter}{of_language}"] = f"({pattern})"


_add_names()
assert set(LANGUAGES) >= {language for known in KNOWN.values() for language in known}


def unknown_part(form: str) -> str | None:
    """The first part of a format that there is not, or None."""
    return next((t[0] for t in TOKEN.finditer(form) if t[0] not in PARTS), None)


def has_date(form: str) -> bool:
    """Whether a format has more than a time of day."""
    return any(_letter(token[0]) not in TIME_LETTERS for token in TOKEN.finditer(form))


def has_year(form: str) -> bool:
    """Whether a format says which day it is; a 4th of July alone does not."""
    return any(_letter(token[0]) in "YyG" for token in TOKEN.finditer(form))


def unit_of(form: str) -> str:
    """The finest unit that the format shows."""
    tokens = [token[0] for token in TOKEN.finditer(form)]
    letters = {_letter(token) for token in tokens}
    if "f" in letters:
        fraction = next(token for token in tokens if token[-1] == "f")
        digits = int(re.sub(r"\D", "", fraction) or 6)
        return next(unit for unit, most in DIGITS.items() if digits <= most)
    for letter, unit in (("S", "s"), ("M", "m"), ("H", "h"), ("I", "h")):
        if letter in letters:
            return unit
    if "V" in letters:
        return "D" if "u" in letters else "W"
    return "D" if letters & set("deoj") or not has_date(form) else "M"


def finest_unit(forms: Sequence[str]) -> str:
    """The finest unit that some formats show."""
    units = {unit_of(form) for form in forms}
    # Months and weeks have days in common only.
    if units == set(LONG):
        return "D"
    return max(units, key=fineness)


def _letter(part: str) -> str:
    """What a part stands for, however it is written."""
    return part.partition("{")[0][-1]


# --------------------------------------------------------------------------------------
# Text => numbers


def parse(texts: Texts, form: str) -> Integers | None:
    """Texts => whole numbers of `unit_of` the format, or None unless all texts have it."""
    # A look at a few rules most formats out.
    if not read(texts[:20], form)[1].all():
        return None
    values, fits = read(texts, form)
    return values if fits.all() else None


def read_any(
    texts: Texts, forms: Sequence[str], unit: str
) -> tuple[Integers, npt.NDArray[np.int64]]:
    """Texts in one of several formats => whole numbers of a unit.

    Returns:
        The numbers, and the number of the first format that each text fits; -1 for none.
    """
    values = np.zeros(len(texts), dtype=np.int64)
    which = np.full(len(texts), -1)
    for number, form in enumerate(forms):
        left = np.flatnonzero(which < 0)
        if not len(left):
            break
        own, fits = read(texts[left], form)
        mine = left[fits]
        values[mine] = convert(own[fits], unit_of(form), unit)
        which[mine] = number
    return values, which


def read(texts: Texts, form: str) -> tuple[Integers, Mask]:
    """Texts => whole numbers of `unit_of` the format, and which texts have it.

    The number of a text that has it not is 0.
    """
    zero = zero_of(form)
    if zero:
        # Texts with other digits do not fit.
        own = np.array([_zero_of(text) == zero for text in texts], dtype=bool)
        values = np.zeros(len(texts), dtype=np.int64)
        usual = objects([with_digits(t, zero, "0") for t in texts[own]], int(own.sum()))
        values[own], own[own] = read(usual, form[2:])
        return values, own
    fields, fits = _fixed_fields(texts, form) or _matched_fields(texts, form)
    if not fits.any():
        return np.zeros(len(texts), dtype=np.int64), fits
    shown = unit_of(form)
    unit = "D" if shown in LONG else shown
    per_day = PER_DAY[unit]
    days = np.zeros(fits.sum(), dtype=np.int64)
    valid = np.ones(len(days), dtype=bool)
    if has_date(form):
        days, valid = _days(fields)
    times = _time(fields, unit)
    if unit == "ns":
        first, last = NANOSECOND_DAYS
        earliest, latest = NANOSECOND_TIMES
        valid &= (days > first) | ((days == first) & (times >= earliest))
        valid &= (days < last) | ((days == last) & (times <= latest))
    # On the first of these days the product alone goes round, and the sum back.
    numbers: Integers = np.where(valid, days, 0) * per_day + times
    # Names of weekdays and the like follow from the date, and may contradict it.
    if any(
        _letter(token[0]) in "aAo" or token[1] == "+" for token in TOKEN.finditer(form)
    ):
        candidates = texts[fits]
        valid &= render(numbers, unit, form) == candidates
    values = np.zeros(len(texts), dtype=np.int64)
    values[fits] = np.where(valid, convert(numbers, unit, shown), 0)
    fits[fits] = valid
    return values, fits


def zero_of(form: str) -> str:
    """The zero of the script of a format's digits; "" for the usual ones."""
    is_named = form[:1] == "%" and form[1:2].isdecimal() and not form[1].isascii()
    return form[1] if is_named else ""


def _zero_of(text: str) -> str:
    """The zero of the digits of a text; "" for the usual ones, or for several scripts."""
    zeros = {chr(ord(c) - unicodedata.decimal(c)) for c in text if c.isdecimal()}
    zero = zeros.pop() if len(zeros) == 1 else ""
    return "" if zero == "0" else zero


def with_digits(text: str, own: str, wanted: str) -> str:
    """A text with its digits in another script, given the zeros of both."""
    return text.translate({ord(own) + i: ord(wanted) + i for i in range(10)})


@lru_cache(maxsize=1024)
def _pattern(form: str) -> re.Pattern[str]:
    """The format as a regular expression."""
    pattern = ""
    at = 0
    for token in TOKEN.finditer(form):
        pattern += re.escape(form[at : token.start()]) + PARTS.get(token[0], "(?!)()")
        at = token.end()
    # Digits of other scripts are none here.
    return re.compile(pattern + re.escape(form[at:]), re.ASCII)


def _fixed_fields(texts: Texts, form: str) -> tuple[dict[str, Integers], Mask] | None:
    """The numbers of a format in which every part has its place.

    All texts at once, as a table of characters: much faster than one by one.

    Returns:
        Part -> numbers ``[texts that fit]``, and which fit; None for another format.
    """
    tokens = list(TOKEN.finditer(form))
    widths = [_width(token[0]) for token in tokens]
    if not all(widths):
        return None
    letters_of_tokens = sum(len(token[0]) for token in tokens)
    length = len(form) - letters_of_tokens + sum(widths)
    fits = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) == length
    flat = np.asarray(texts[fits], dtype=f"U{length}")
    # numpy keeps a character in four bytes.
    letters = flat.view(np.uint32).reshape(len(flat), length)
    matched = np.ones(len(flat), dtype=bool)
    fields: dict[str, Integers] = {}
    # Where we are in the texts, and in the format.
    at = 0
    form_at = 0
    for token, width in zip(tokens, widths, strict=True):
        literal = form[form_at : token.start()]
        matched &= _is_at(literal, letters, at)
        at += len(literal)
        digits = letters[:, at : at + width].astype(np.int64) - ord("0")
        matched &= ((digits >= 0) & (digits <= 9)).all(axis=1)
        number = digits @ 10 ** np.arange(width - 1, -1, -1)
        low, high = LIMITS.get(token[0], (0, 10**9))
        matched &= (number >= low) & (number <= high)
        fields[token[0]] = number
        at += width
        form_at = token.end()
    matched &= _is_at(form[form_at:], letters, at)
    fits[fits] = matched
    return {part: number[matched] for part, number in fields.items()}, fits


# Part of two digits or so => its least and greatest number.
LIMITS = {
    "%m": (1, 12),
    "%d": (1, 31),
    "%j": (1, 366),
    "%V": (1, 53),
    "%u": (1, 7),
    "%q": (1, 4),
    "%H": (0, 23),
    "%+H": (0, 24),
    "%I": (1, 12),
    "%K": (0, 11),
    "%M": (0, 59),
    "%S": (0, 59),
}
# Part => how many digits it always has.
WIDTHS = {
    "%Y": 4,
    "%G": 4,
    "%y": 2,
    "%~y": 2,
    "%j": 3,
    "%u": 1,
    "%q": 1,
} | dict.fromkeys(("%m", "%d", "%V", "%H", "%+H", "%I", "%K", "%M", "%S"), 2)


def _width(part: str) -> int:
    """How many digits a part of fixed width has; 0 for another."""
    if part[1].isdigit():
        return int(part[1])
    return WIDTHS.get(part, 0)


def _is_at(literal: str, letters: npt.NDArray[np.uint32], at: int) -> Mask:
    """``[texts]``: which have these characters at a place."""
    found = np.ones(len(letters), dtype=bool)
    for i, character in enumerate(literal):
        found &= letters[:, at + i] == ord(character)
    return found


def _matched_fields(texts: Texts, form: str) -> tuple[dict[str, Integers], Mask]:
    """As `_fixed_fields`, for any format, text by text."""
    match = _pattern(form).fullmatch
    found = [match(text) for text in texts]
    fits = np.array([one is not None for one in found], dtype=bool)
    tokens = [token[0] for token in TOKEN.finditer(form)]
    if not fits.any() or not tokens:
        return {}, np.zeros(len(texts), dtype=bool)
    groups = zip(*(one.groups() for one in found if one), strict=True)
    pairs = zip(tokens, groups, strict=True)
    return {token: _numbers(token, column) for token, column in pairs}, fits


def _numbers(part: str, field: Sequence[str]) -> Integers:
    """The texts of one part as numbers; months and weekdays count from 1."""
    # Of few different texts.
    number = {text: _number(part, text) for text in set(field)}
    return np.fromiter(map(number.__getitem__, field), np.int64, len(field))


def _number(part: str, text: str) -> int:
    """One text of a part as a number; a fraction of a second in its last digit."""
    letter = _letter(part)
    if letter in "bBaA":
        return _names_of(part).index(text) + 1
    if letter in "pP":
        return HALVES[part].index(text)
    digits = re.sub(r"\D", "", text)
    if letter == "f" and part[1] in ".,":
        return int(digits.ljust(int(part[2:-1] or 6), "0"))
    return int(digits)


@lru_cache(maxsize=256)
def _names_of(part: str) -> tuple[str, ...]:
    """The names that a part may be."""
    token = TOKEN.fullmatch(part)
    assert token is not None, f"no part of a format, report this: {part!r}"
    return names(token[2], token[3] or "", token[1]) or ()


def _time(fields: Mapping[str, Integers], unit: str) -> Integers:
    """Times of day in a unit."""
    total = np.zeros(1, dtype=np.int64)
    for part, field in fields.items():
        letter = _letter(part)
        if letter == "H":
            total = total + field * (PER_DAY[unit] // 24)
        elif letter in "IK":
            # Twelve is the first hour of its half.
            total = total + field % 12 * (PER_DAY[unit] // 24)
        elif letter in "pP":
            total = total + field * (PER_DAY[unit] // 2)
        elif letter == "M":
            total = total + field * (PER_DAY[unit] // 1440)
        elif letter == "S":
            total = total + field * (PER_DAY[unit] // 86_400)
        elif letter == "f":
            digits = int(re.sub(r"\D", "", part) or 6)
            total = total + field * 10 ** (DIGITS[unit] - digits)
    return total


def _days(fields: Mapping[str, Integers]) -> tuple[Integers, Mask]:
    """Days since 1970, and which of them there are: not a 30th of February."""
    of_letter = {_letter(part): field for part, field in fields.items()}
    if "G" in of_letter:
        return _days_of_weeks(of_letter)
    year = of_letter.get("Y")
    if year is None and "y" not in of_letter:
        year = np.full(len(next(iter(fields.values()))), NO_YEAR)
    elif year is None:
        pivot = 30 if "%~y" in fields else 69
        short = of_letter["y"]
        year = np.where(short < pivot, short + 2000, short + 1900)
    month = np.ones(len(year), dtype=np.int64)
    day = np.ones(len(year), dtype=np.int64)
    for letter, field in of_letter.items():
        if letter in "mbB":
            month = field
        elif letter == "q":
            month = 3 * field - 2
        elif letter in "deo":
            day = field
    months = (year - 1970) * 12 + month - 1
    first = _first_day(months)
    if "j" in of_letter:
        days = first + of_letter["j"] - 1
        return days, (of_letter["j"] >= 1) & (days < _first_day(months + 12))
    days = first + day - 1
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (days < _first_day(months + 1))
    return days, valid


def _days_of_weeks(of_letter: Mapping[str, Integers]) -> tuple[Integers, Mask]:
    """As `_days`, of years, weeks and weekdays of ISO 8601."""
    year = of_letter["G"]
    week = of_letter["V"]
    weekday = of_letter.get("u", np.ones(len(year), dtype=np.int64))
    first = _first_week(year)
    number = first + week - 1
    return days_of(number, weekday - 1), number < _first_week(year + 1)


def _first_week(year: Integers) -> Integers:
    """The first week of years: that with the fourth of January."""
    return weeks(_first_day((year - 1970) * 12) + 3)[0]


def _months(days: Integers) -> Integers:
    """Days since 1970 => months since 1970."""
    return days.astype("M8[D]").astype("M8[M]").astype(np.int64)


def _first_day(months: Integers) -> Integers:
    """Months since 1970 => days since 1970."""
    return months.astype("M8[M]").astype("M8[D]").astype(np.int64)


# --------------------------------------------------------------------------------------
# Numbers => text


def render(values: Integers, unit: str, form: str) -> Texts:
    """Whole numbers of the unit => texts; days and times are formatted once each."""
    zero = zero_of(form)
    if zero:
        usual = render(values, unit, form[2:])
        return objects([with_digits(text, "0", zero) for text in usual], len(usual))
    if unit in LONG:
        values = convert(values, unit, "D")
        unit = "D"
    days, inside = np.divmod(values, PER_DAY[unit])
    nanoseconds = inside * (PER_DAY["ns"] // PER_DAY[unit])
    if "%+H" in form:
        midnight = nanoseconds == 0
        days = days - midnight
        nanoseconds = np.where(midnight, PER_DAY["ns"], nanoseconds)
    texts: Texts | str = ""
    for segment, of_time in _segments(form):
        if of_time:
            texts = texts + _render_distinct(nanoseconds, segment, _Clock)
        else:
            texts = texts + _render_distinct(days, segment, _Calendar)
    assert not isinstance(texts, str), f"an empty format, report this: {form!r}"
    return texts


def render_each(
    values: Integers, unit: str, forms: Sequence[str], which: npt.NDArray[Any]
) -> Texts:
    """As `render`, each value in the format of which it has the number."""
    texts = np.full(len(values), "", dtype=object)
    for number, form in enumerate(forms):
        mine = which == number
        if mine.any():
            texts[mine] = render(values[mine], unit, form)
    return texts


@lru_cache(maxsize=1024)
def _segments(form: str) -> tuple[tuple[str, bool], ...]:
    """The format cut where it turns from the date to the time of day, or back.

    Returns:
        Each piece, and whether it is of the time of day.
    """
    segments: list[tuple[str, bool]] = []
    begin = 0
    of_time: bool | None = None
    for token in TOKEN.finditer(form):
        is_time = _letter(token[0]) in TIME_LETTERS
        if of_time is not None and is_time != of_time:
            segments.append((form[begin : token.start()], of_time))
            begin = token.start()
        of_time = is_time
    segments.append((form[begin:], bool(of_time)))
    return tuple(segments)


def _render_distinct(
    values: Integers, form: str, meaning: Callable[[Integers], _Calendar | _Clock]
) -> Texts:
    """Texts of numbers of which many are equal."""
    distinct, inverse = np.unique(values, return_inverse=True)
    of_distinct = meaning(distinct)
    pieces: list[Sequence[str]] = []
    at = 0
    for token in TOKEN.finditer(form):
        pieces.append([form[at : token.start()]] * len(distinct))
        pieces.append(of_distinct.texts(token[0]))
        at = token.end()
    pieces.append([form[at:]] * len(distinct))
    texts = objects(map("".join, zip(*pieces, strict=True)), len(distinct))
    return np.asarray(texts[inverse], dtype=object)


@dataclass(frozen=True)
class _Calendar:
    """Days since 1970, and what a calendar says of them."""

    days: Integers

    @cached_property
    def months(self) -> Integers:
        """Since 1970."""
        return _months(self.days)

    @cached_property
    def year(self) -> Integers:
        """Of the calendar."""
        return self.months // 12 + 1970

    @cached_property
    def weekday(self) -> Integers:
        """Monday is 0."""
        return weeks(self.days)[1]

    @cached_property
    def iso_year(self) -> Integers:
        """The year that the Thursday of the week is in."""
        thursday = self.days - self.weekday + 3
        return _Calendar(thursday).year

    def texts(self, part: str) -> list[str]:
        """``[days]``: a part of a format."""
        letter = _letter(part)
        if letter in "bB":
            words = _names_of(part)
            return [words[month] for month in (self.months % 12).tolist()]
        if letter in "aA":
            words = _names_of(part)
            return [words[weekday] for weekday in self.weekday.tolist()]
        day = self.days - _first_day(self.months) + 1
        if letter == "o":
            return [_ordinal(number, part) for number in day.tolist()]
        numbers = {
            "Y": lambda: self.year,
            "y": lambda: self.year % 100,
            "q": lambda: self.months % 12 // 3 + 1,
            "m": lambda: self.months % 12 + 1,
            "d": lambda: day,
            "e": lambda: day,
            "j": lambda: self.days - _first_day(self.months // 12 * 12) + 1,
            "G": lambda: self.iso_year,
            "V": lambda: weeks(self.days)[0] - _first_week(self.iso_year) + 1,
            "u": lambda: self.weekday + 1,
        }
        return _digits(part, numbers[letter]())


@dataclass(frozen=True)
class _Clock:
    """Nanoseconds since midnight, and what a clock says of them."""

    nanoseconds: Integers

    def texts(self, part: str) -> list[str]:
        """``[times]``: a part of a format."""
        letter = _letter(part)
        seconds, fraction = np.divmod(self.nanoseconds, 10**9)
        if letter == "f":
            return [_fraction(part, one) for one in fraction.tolist()]
        hour = seconds // 3600
        if letter in "pP":
            return [HALVES[part][half] for half in (hour % 24 // 12).tolist()]
        numbers = {
            "H": lambda: hour,
            "I": lambda: (hour - 1) % 12 + 1,
            "K": lambda: hour % 12,
            "M": lambda: seconds // 60 % 60,
            "S": lambda: seconds % 60,
        }
        return _digits(part, numbers[letter]())


def _digits(part: str, numbers: Integers) -> list[str]:
    """Numbers with as many digits as the part has, or as they need."""
    padding = "2d" if part == "%e" else f"0{_width(part) or 1}d"
    return [format(number, padding) for number in numbers.tolist()]


def _fraction(part: str, nanoseconds: int) -> str:
    """A fraction of a second; "" where it is zero and may be left out."""
    digits = f"{nanoseconds:09d}"
    if part[1].isdigit():
        return digits[: int(part[1])]
    shown = digits[: int(part[2])] if part[2].isdigit() else digits[:6].rstrip("0")
    return part[1] + shown if shown.strip("0") else ""


def _ordinal(day: int, part: str) -> str:
    """``"21st"``; in some languages ``"1er"``, but ``"21"``."""
    if part.endswith("}"):
        first = FIRSTS[part[part.index("{") + 1 : -1]]
        return first if day == 1 else str(day)
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if 11 <= day <= 13 else endings.get(day % 10, "th")
    return f"{day}{ending}"


# --------------------------------------------------------------------------------------
# Texts => the formats that they have
#
# A text is cut into numbers, names, a time of day and what stands between, and each
# combination of what these may be is a format that it may have: "01/02/2020" has two. The
# format that most rows of a sample fit is the column's, and further ones for what is left.

# Longer texts are no dates.
LONGEST_TEXT = 80
# So many texts show which formats there may be: frequent ones, and some of the others.
GLANCE = 100
FREQUENT = 30
# Most formats of one column, and the share of the rows that a further one has.
MOST_FORMS = 16
LEAST_SHARE = 0.002
# Formats that fit the glance equally well are tried on all texts; so many at most.
MOST_EQUAL = 8

# Digits alone are a date if so many different ones, 5 or more, are all dates of these
# years.
COMPACT_EVIDENCE = {"%Y%m": 12}
EARLIEST = 1800
LATEST = 2199
FEWEST_MONTHS = 30
# A year and three digits count its days, not its invoices, if they get that far ...
LATE_DAY = 300

# -- a time of day
_HALF = r"(?P<half>(?P<gap>\s?)(?P<half_name>[AaPp][Mm]\b|[AaPp]\.[Mm]\.|[ap]\. m\.))"
# As in China, Japan and Korea.
_HALF_BEFORE = (
    r"(?P<early>(?P<early_name>上午|下午|午前|午後|오전|오후)(?P<early_gap>\s?))"
)
_SECONDS = r"(?P<seconds>[0-5]\d)(?:(?P<mark>[.,])(?P<fraction>\d{1,9}))?"
CLOCKS = (
    re.compile(
        rf"(?<![\d+]){_HALF_BEFORE}?(?<![\d+])(?P<hour>\d\d?)(?P<colon>[:：])"
        rf"(?P<minutes>[0-5]\d)(?:(?P=colon){_SECONDS})?(?!\d){_HALF}?"
    ),
    re.compile(rf"(?<!\d)(?P<hour>\d\d?){_HALF}"),
    re.compile(r"(?<![\d+])(?P<hour>\d\d?)(?P<colon>h)(?P<minutes>[0-5]\d)(?!\d)"),
    # As in Finland, Denmark and Italy, after a date.
    re.compile(
        r"(?<=\d{4} )(?P<hour>\d\d?)(?P<colon>\.)(?P<minutes>[0-5]\d)"
        r"(?:\.(?P<seconds>[0-5]\d))?$"
    ),
    # As in Germany and in Japan.
    re.compile(
        r"(?<![\d.])(?P<hour>\d\d?)(?P<colon>\.)(?P<minutes>[0-5]\d)(?= ?Uhr\b)"
    ),
    re.compile(
        rf"{_HALF_BEFORE}?(?<!\d)(?P<hour>\d\d?)(?P<colon>[時时시点點]\s?)"
        r"(?P<minutes>[0-5]\d)(?=[分분])"
    ),
    # As soldiers and pilots write it, also behind the day.
    re.compile(r"^(?P<hour>\d\d)(?P<colon>)(?P<minutes>[0-5]\d)(?=Z$)"),
    re.compile(r"(?<=^\d\d)(?P<hour>\d\d)(?P<colon>)(?P<minutes>[0-5]\d)(?=Z\b)"),
    # An hour after a date.
    re.compile(r"(?<=\d{4} )(?P<hour>\d\d?)(?=h$)"),
    # Of digits alone.
    re.compile(
        r"(?<=\dT)(?P<hour>\d\d)(?P<colon>)(?P<minutes>[0-5]\d)"
        rf"(?:{_SECONDS})?(?!\d)"
    ),
    re.compile(
        r"(?<=\d{8} )(?P<hour>\d\d)(?P<colon>)(?P<minutes>[0-5]\d)"
        rf"(?:{_SECONDS})?$"
    ),
    re.compile(
        r"(?<=^[12]\d{7})(?P<hour>\d\d)(?P<colon>)(?P<minutes>[0-5]\d)"
        rf"(?:{_SECONDS})?$"
    ),
)
# Where the time of day was.
MARK = "\0"
# What may follow it: where it is that time.
_ABBREVIATIONS = (
    "UTC GMT UT CET CEST WET WEST EET EEST MEZ MESZ BST IST MSK EST EDT CST CDT MST MDT "
    "PST PDT AKST AKDT HST AST ADT NST NDT JST KST SGT HKT PKT AEST AEDT ACST ACDT AWST "
    "NZST NZDT SAST CAT EAT WAT BRT ART Z z"
)
_OFFSET = r"[+\-\u2212](?:(?:0\d|1[0-4])(?::?(?:00|15|30|45))?|\d)(?![\d:])"
_NAME = rf"(?:{_ABBREVIATIONS.replace(' ', '|')})\b"
_PLACE = r"[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)?"
_IN_WORDS = r"\([A-Z][A-Za-z ]+\)"
ZONE = re.compile(
    rf"(?:\s?(?:{_NAME}(?:{_OFFSET})?|{_OFFSET}|\[?{_PLACE}\]?|{_IN_WORDS}))+"
    r"|\s?(?:Uhr|hrs?|h)\b|\s?[分분]"
)
UTC = re.compile(r"(?:Z|UTC|GMT|[+-]00:?(?:00)?)$")

# -- the rest
_ITEM = re.compile(
    r"(?P<quarter>(?<![A-Za-z])Q(?P<after>[1-4])(?!\d)|(?<!\d)(?P<before>[1-4])Q)"
    r"|(?P<week>(?<![A-Za-z])W(?P<number>[0-5]\d)(?P<weekday>[1-7])?(?!\d))"
    r"|(?P<day>(?<!\d)(?:\d\d?(?:st|nd|rd|th)\b|1er\b|1\.?º|1°))"
    r"|(?P<digits>\d+)"
    rf"|(?P<clock>{MARK})"
    r"|(?P<word>[^\W\d_]{2,}(?:-feira)?\.?)"
    r"|(?P<other>.)",
    re.DOTALL,
)
# What may stand between the parts of a date.
_GLUE = re.compile(
    r"(?:[\s,.;:/_()\[\]<>\"#年月日号號년월일|'\u2019\u2013-]|[，、．／：－،]|T"
    r"|at\b|of\b|the\b|de\b|um\b|den\b|le\b|el\b|om\b|kl\.|г\.|р\.|r\.|года?\b"
    r"|ngày\b|tháng\b|năm\b)*"
)


@dataclass(frozen=True)
class Detected:
    """What the texts of a column are.

    Attributes:
        forms: The formats, the most frequent first.
        remark: What is a guess.
        unit: The finest that they show.
        values: ``[texts]``: whole numbers of it; 0 where none fits.
        fits: ``[texts]``: which have one of the formats.
    """

    forms: tuple[str, ...]
    remark: str
    unit: str
    values: Integers
    fits: Mask


def detect(
    texts: Texts,
    counts: npt.NDArray[np.int64],
    fewest: int = 1,
    trusted: bool = False,
) -> Detected | None:
    """The formats that most rows have.

    Args:
        texts: The distinct texts of the column.
        counts: How many rows have each.
        fewest: So many rows have each format beside the first.
        trusted: It is known that they are dates, say from the name of the column.

    Returns:
        None if hardly any text is a date or time of day.
    """
    column = _Column(texts, counts, trusted)
    if not any(map(forms_of, texts[column.glance])):
        return None
    forms: list[str] = []
    remarks: list[str] = []
    fits = np.zeros(len(texts), dtype=bool)
    least = max(fewest, LEAST_SHARE * counts.sum())
    while len(forms) < MOST_FORMS and not fits.all():
        found = column.best(np.flatnonzero(~fits))
        if found is None:
            break
        form, remark = found
        own = column.read(form)[1]
        if forms and counts[own & ~fits].sum() < least:
            break
        # A form that fits the others as well stands for all of them.
        if (own | ~fits).all():
            forms, remarks = [], []
        forms.append(form)
        remarks.append(remark)
        fits |= own
    if not forms:
        return None
    forms = [column.with_likely_century(form) for form in forms]
    unit = finest_unit(forms)
    values = np.zeros(len(texts), dtype=np.int64)
    # Each text has the first form that it fits.
    for form in reversed(forms):
        own_values, own = column.read(form)
        own_unit = unit_of(form)
        values[own] = convert(own_values[own], own_unit, unit)
    remark = next(filter(None, remarks), "")
    return Detected(tuple(forms), remark, unit, values, fits)


def _glance(texts: Texts, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The numbers of the most frequent texts, and of some at even distances."""
    frequent = np.argsort(-counts, kind="stable")[:FREQUENT]
    even = np.linspace(0, len(texts) - 1, GLANCE - FREQUENT).astype(np.int64)
    return np.union1d(frequent, even)


class _Column:
    """The distinct texts of a column, each read once in each format.

    Args:
        texts: The texts.
        counts: How many rows have each.
        trusted: See `detect`.
    """

    def __init__(
        self, texts: Texts, counts: npt.NDArray[np.int64], trusted: bool
    ) -> None:
        self.texts = texts
        self.counts = counts
        self.trusted = trusted
        self.glance = _glance(texts, counts)
        self._read: dict[str, tuple[Integers, Mask]] = {}

    def read(self, form: str) -> tuple[Integers, Mask]:
        """As `read`, of all texts."""
        if form not in self._read:
            self._read[form] = read(self.texts, form)
        return self._read[form]

    def best(self, left: npt.NDArray[np.int64]) -> tuple[str, str] | None:
        """The format that most rows of some texts have, and a remark.

        Args:
            left: The numbers of the texts in question.
        """
        of_left = left[_glance(self.texts[left], self.counts[left])]
        # In the order of preference.
        forms = dict.fromkeys(
            form for text in self.texts[of_left] for form in forms_of(text)
        )
        shares = {
            form: (self._rows(of_left, form), self._rows(self.glance, form))
            for form in forms
        }
        # The order of equal ones stays.
        ordered = sorted(forms, key=shares.__getitem__, reverse=True)
        best = ""
        most = 0
        for form in ordered[:MOST_EQUAL]:
            if best and shares[form] < shares[best]:
                break
            rows = self.counts[left][self.read(form)[1][left]].sum()
            if rows > most and self._is_evident(form):
                best, most = form, rows
        if not best:
            return None
        remark = ""
        if any(
            self._is_rival(form, best) for form in forms if shares[form] == shares[best]
        ):
            remark = f"; ambiguous: no number tells day from month, read as {best}"
        return best, remark

    def _rows(self, some: npt.NDArray[np.int64], form: str) -> int:
        """How many rows have some texts and a format."""
        fits = read(self.texts[some], form)[1]
        return int(self.counts[some][fits].sum())

    def _is_rival(self, form: str, best: str) -> bool:
        """Whether the texts fit a format with day and month exchanged as well."""
        if _plain(form) != _swapped(best) or _plain(form) == _plain(best):
            return False
        return bool((self.read(form)[1] == self.read(best)[1]).all())

    def _is_evident(self, form: str) -> bool:
        """Whether texts that fit a format are dates rather than numbers or codes."""
        parts = [token[0] for token in TOKEN.finditer(form)]
        is_compact = parts[0] == "%Y" and not TOKEN.sub("", form)
        of_days = parts == ["%Y", "%j"]
        of_months = parts in (["%Y", "%m"], ["%Y", "%-m"])
        if self.trusted or not (is_compact or of_days or of_months):
            return True
        values, fits = self.read(form)
        texts = self.texts[fits]
        days = convert(values[fits], unit_of(form), "D")
        years = days.astype("M8[D]").astype("M8[Y]").astype(np.int64) + 1970
        # Two digits after a mark that are a month in so many texts are no accident.
        are_months = form == "%Y-%m" and len(texts) >= FEWEST_MONTHS
        if not are_months and (years.min() < EARLIEST or years.max() > LATEST):
            return False
        if of_days:
            day = max(int(text[-3:]) for text in texts)
            return day > LATE_DAY and self.counts[fits].sum() > len(texts)
        if is_compact:
            return len(texts) >= COMPACT_EVIDENCE.get(form, 5)
        # The season 2010-11 is no November.
        months = convert(days, "D", "M") % 12 + 1
        return not (months == (years + 1) % 100).all()

    def with_likely_century(self, form: str) -> str:
        """The format, its years of two digits in the century that spreads them least."""
        if "%y" not in form:
            return form
        other = form.replace("%y", "%~y")
        own, fits = self.read(form)
        others, _ = self.read(other)
        if (own == others).all():
            return form
        # 1969 to 2068 or 1930 to 2029.
        narrower = np.ptp(others[fits]) <= np.ptp(own[fits])
        return other if narrower else form


def _plain(form: str) -> str:
    """The format, whether or not days and months are padded."""
    return form.replace("%-", "%")


def _swapped(form: str) -> str:
    """The format with day and month in each other's place."""
    swap = {"%m": "%d", "%d": "%m"}
    return re.sub("%[dm]", lambda part: swap[part[0]], _plain(form))


# --------------------------------------------------------------------------------------
# The formats that one text may have


@lru_cache(maxsize=4096)
def forms_of(text: str) -> tuple[str, ...]:
    """All formats that a text may have, the likeliest first."""
    if len(text) > LONGEST_TEXT or not any(c.isdigit() for c in text) or "%" in text:
        return ()
    zero = _zero_of(text)
    if zero:
        usual = forms_of(with_digits(text, zero, "0"))
        return tuple(f"%{zero}{form}" for form in usual)
    forms = []
    for clock in CLOCKS:
        for match in clock.finditer(text):
            zone = ZONE.match(text, match.end())
            end = zone.end() if zone else match.end()
            rest = text[: match.start()] + MARK + text[end:]
            # "10:30-11:30" is two times.
            if (
                zone
                and zone[0][0] in "+-"
                and rest == MARK
                and not match.groupdict().get("seconds")
            ):
                continue
            times = [time + (zone[0] if zone else "") for time in _times(match)]
            for date, time in product(_dates(rest), times):
                forms.append(date.replace(MARK, time))
    forms += _dates(text)
    zoned = re.fullmatch(rf"(.*\d)(Z|{_OFFSET})", text)
    if zoned and not forms:
        forms += [date + zoned[2] for date in _dates(zoned[1])]
    return tuple(dict.fromkeys(forms))


def _times(match: re.Match[str]) -> Iterator[str]:
    """Formats of a time of day."""
    found = match.groupdict()
    end = found["colon"] + "%M" if found.get("minutes") else ""
    endings = [end]
    if found.get("seconds"):
        endings = [end + found["colon"] + "%S"]
    if found.get("fraction"):
        endings = [
            endings[0] + one for one in _fractions(found["mark"], found["fraction"])
        ]
    half = ""
    if found.get("half"):
        half = _half(found["gap"], found["half_name"])
        if not half:
            return
    early = ""
    if found.get("early"):
        early = _half("", found["early_name"]) + found["early_gap"]
    if half and early:
        return
    for hour in _hours(found["hour"], bool(half or early)):
        for ending in endings:
            yield early + hour + ending + half


def _half(gap: str, name: str) -> str:
    """The format of AM or PM, with the space before it; "" if there is none."""
    parts = (part for part, names in HALVES.items() if name in names)
    part = next(parts, "")
    return gap + part if part else ""


def _hours(digits: str, of_half: bool) -> list[str]:
    """Formats of an hour."""
    hour = int(digits)
    if of_half:
        of_twelve = _padded("I", digits) if 1 <= hour <= 12 else []
        return of_twelve + (_padded("K", digits) if hour < 12 else [])
    if digits == "24":
        return ["%+H"]
    return _padded("H", digits) if hour < 24 else []


def _fractions(mark: str, digits: str) -> list[str]:
    """Formats of a fraction of a second, with the mark before it."""
    count = len(digits)
    forms = [f"{mark}%{count}f"]
    if not digits.endswith("0") and count <= 6:
        forms.append(f"%{mark}f")
    if count in (3, 6, 9):
        forms.append(f"%{mark}{count}f")
    return forms


def _padded(letter: str, digits: str) -> list[str]:
    """Formats of a number of one or two digits."""
    if len(digits) == 1:
        return [f"%-{letter}"]
    if digits.startswith("0"):
        return [f"%{letter}"]
    return [f"%{letter}", f"%-{letter}"]


@dataclass(frozen=True)
class _Item:
    """A piece of a text: its role, and what it is in a format.

    The roles are D for a number, N for a month, W for a weekday, O for a day with its
    ending, Q for a quarter, V for a week, T for the time of day.
    """

    role: str
    text: str
    forms: tuple[str, ...] = ()


def _dates(text: str) -> list[str]:
    """Formats of a text in which the time of day is a `MARK`."""
    if text == MARK:
        return [MARK]
    items, between = _items(text)
    if items is None:
        return []
    roles = "".join(item.role for item in items)
    # Weekdays and the time may stand anywhere.
    kept = [place for place, role in enumerate(roles) if role not in "WT"]
    fields = [items[place] for place in kept]
    readings = _READINGS.get("".join(field.role for field in fields))
    if readings is None or roles.count("T") > 1 or roles.count("W") > 1:
        return []
    inner = [between[place] for place in kept[1:]]
    forms = []
    for reading in readings(fields, inner):
        alternatives = [list(item.forms) for item in items]
        for place, of_field in zip(kept, reading, strict=True):
            alternatives[place] = of_field
        for parts in product(*alternatives):
            joined = [glue + part for glue, part in zip(between, parts, strict=False)]
            forms.append("".join(joined) + between[-1])
    # A day may have a space in place of its first digit.
    spaced = [form.replace("  %-d", " %e") for form in forms if "  %-d" in form]
    return forms + spaced


def _items(text: str) -> tuple[list[_Item] | None, list[str]]:
    """The pieces of a text, and what is before, between and after them.

    Returns:
        None in place of the pieces if there is anything else between.
    """
    items: list[_Item] = []
    between = [""]
    for match in _ITEM.finditer(text):
        item = _item(match)
        if item is None:
            between[-1] += match[0]
            continue
        items.append(item)
        between.append("")
    if not all(map(_GLUE.fullmatch, between)):
        return None, between
    return items, between


def _item(match: re.Match[str]) -> _Item | None:
    """A piece of a text; None for what is between pieces."""
    kind = match.lastgroup
    text = match[0]
    if match["quarter"]:
        return _Item("Q", text, ("Q%q" if match["after"] else "%qQ",))
    if match["week"]:
        return _Item("V", text, ("W%V%u" if match["weekday"] else "W%V",))
    if kind == "day":
        language = next((name for name, one in FIRSTS.items() if one == text), "")
        return _Item("O", text, (f"%o{{{language}}}" if language else "%o",))
    if kind == "digits":
        return _Item("D", text)
    if kind == "clock":
        return _Item("T", text, (MARK,))
    if kind != "word":
        return None
    return _word(text)


def _word(text: str) -> _Item | None:
    """The name of a month or a weekday; None for another word."""
    parts = parts_of(text)
    if text.endswith("."):
        parts += tuple(f"{part}." for part in parts_of(text[:-1]))
    months = tuple(part for part in parts if part.lstrip("%^~")[0] in "bB")
    weekdays = tuple(part for part in parts if part.lstrip("%^~")[0] in "aA")
    # "mar." is a month and a day in some languages; months are more frequent.
    if months:
        return _Item("N", text, months)
    return _Item("W", text, weekdays) if weekdays else None


# -- what the fields of a date may be, for each sequence of roles

_Reading = list[list[str]]
# Between three numbers.
_SEPARATORS = (
    "-",
    "/",
    ".",
    " ",
    ". ",
    ", ",
    " / ",
    " - ",
    "_",
    "\u2013",
    "／",
    "．",
    "－",
)
# Words behind the first and the second.
_NAMED = (("年", "月"), ("년", "월"), ("tháng", "năm"), ("tháng", ", năm"))


def _year(digits: str) -> list[str]:
    if len(digits) == 4:
        return ["%Y"]
    return ["%y"] if len(digits) == 2 else []


def _of_digits(letter: str, digits: str) -> list[str]:
    return _padded(letter, digits) if len(digits) <= 2 and digits != "0" else []


def _three_numbers(fields: Sequence[_Item], between: Sequence[str]) -> list[_Reading]:
    """As 2021-01-31, 31.1.2021 and 1/31/21."""
    a, b, c = (field.text for field in fields)
    # 2020年1月31日
    is_named = (between[0].strip(), between[1].strip()) in _NAMED
    is_even = between[0].strip() == between[1].strip() and between[0] in _SEPARATORS
    if not (is_named or is_even):
        return []
    if len(a) == 4:
        return [
            [["%Y"], _of_digits("m", b), _of_digits("d", c)],
            [["%Y"], _of_digits("d", b), _of_digits("m", c)],
        ]
    day_first = [_of_digits("d", a), _of_digits("m", b), _year(c)]
    month_first = [_of_digits("m", a), _of_digits("d", b), _year(c)]
    year_first = [_year(a), _of_digits("m", b), _of_digits("d", c)]
    # Slashes are American, dots and hyphens European.
    if between[0] == "/":
        return [month_first, day_first, year_first]
    return [day_first, month_first, year_first]


def _day_month_year(fields: Sequence[_Item], between: Sequence[str]) -> list[_Reading]:
    """As 31 Jan 2021 and 2021-Jan-31."""
    a, b, c = fields
    day_first = [_of_digits("d", a.text), list(b.forms), _year(c.text)]
    if len(a.text) == 4:
        return [[["%Y"], list(b.forms), _of_digits("d", c.text)]]
    return [day_first]


def _month_day_year(fields: Sequence[_Item], between: Sequence[str]) -> list[_Reading]:
    """As January 31, 2021."""
    a, b, c = fields
    return [[list(a.forms), _of_digits("d", b.text), _year(c.text)]]


def _with_ending(fields: Sequence[_Item], between: Sequence[str]) -> list[_Reading]:
    """As January 31st, 2021, 31st of January 2021 and 31st January."""
    return [[list(field.forms) or _year(field.text) for field in fields]]


def _month_year(fields: Sequence[_Item], between: Sequence[str]) -> list[_Reading]:
    """As Jan 2021, 2021 Q3 and Nov-65; and a day of no year, as May 12 and 12-May."""
    number = next(field.text for field in fields if field.role == "D")
    of_day = [list(field.forms) or _of_digits("d", field.text) for field in fields]
    of_year = [list(field.forms) or _year(field.text) for field in fields]
    if len(number) == 4:
        return [of_year]
    is_last = fields[-1].role == "D"
    readings = []
    if is_last and set(between[0]) & set("-/'\u2019"):
        readings.append(of_year)
    if not any(field.role == "Q" for field in fields):
        readings.append(of_day)
    return readings


def _year_week(fields: Sequence[_Item], between: Sequence[str]) -> list[_Reading]:
    """As 2021-W05."""
    year, week = fields
    return [[["%G"], list(week.forms)]] if len(year.text) == 4 else []


def _year_week_day(fields: Sequence[_Item], between: Sequence[str]) -> list[_Reading]:
    """As 2021-W05-3."""
    year, week, day = fields
    if len(year.text) != 4 or week.forms != ("W%V",) or len(day.text) != 1:
        return []
    return [[["%G"], ["W%V"], ["%u"]]]


def _two_numbers(fields: Sequence[_Item], between: Sequence[str]) -> list[_Reading]:
    """As 2021-01, 1/2021 and 2021-031."""
    a, b = (field.text for field in fields)
    if between[0] not in ("-", "/"):
        return []
    if len(a) == 4 and len(b) == 3:
        return [[["%Y"], ["%j"]]]
    if len(a) == 4:
        return [[["%Y"], _of_digits("m", b)]]
    return [[_of_digits("m", a), ["%Y"]]] if len(b) == 4 else []


def _one_number(fields: Sequence[_Item], between: Sequence[str]) -> list[_Reading]:
    """As 20210131 and 202101."""
    compact = {8: "%Y%m%d", 7: "%Y%j", 6: "%Y%m"}
    form = compact.get(len(fields[0].text))
    return [[[form]]] if form else []


_READINGS = {
    "DDD": _three_numbers,
    "DND": _day_month_year,
    "NDD": _month_day_year,
    "NOD": _with_ending,
    "OND": _with_ending,
    "NO": _with_ending,
    "ON": _with_ending,
    "ND": _month_year,
    "DN": _month_year,
    "QD": _month_year,
    "DQ": _month_year,
    "DV": _year_week,
    "DVD": _year_week_day,
    "DD": _two_numbers,
    "D": _one_number,
}


# --------------------------------------------------------------------------------------
# Units


def fineness(unit: str) -> int:
    """The finer the unit, the greater."""
    return [*LONG, *PER_DAY].index(unit)


def coarsest(values: Integers, unit: str) -> str:
    """The coarsest unit from days on of which all values are whole numbers."""
    if unit in LONG:
        return unit
    for candidate, per_day in PER_DAY.items():
        step = PER_DAY[unit] // per_day
        if candidate == unit or not (values % step).any():
            return candidate
    return unit


def convert(values: Integers, unit: str, wanted: str) -> Integers:
    """Whole numbers of one unit in another, rounded down."""
    if unit == wanted:
        return values
    if unit in LONG:
        values = _first_day(values) if unit == "M" else days_of(values, np.int64(0))
        unit = "D"
    if wanted in LONG:
        days = values // PER_DAY[unit]
        return weeks(days)[0] if wanted == "W" else _months(days)
    if PER_DAY[wanted] >= PER_DAY[unit]:
        return values * (PER_DAY[wanted] // PER_DAY[unit])
    step = PER_DAY[unit] // PER_DAY[wanted]
    return np.asarray(np.floor_divide(values, step), dtype=np.int64)


def weeks(days: Integers) -> tuple[Integers, Integers]:
    """Days since 1970 => weeks and weekdays.

    The first week began on Monday 1969-12-29; Monday is 0.
    """
    week, weekday = np.divmod(days + MONDAY, 7)
    return week, weekday


def days_of(week: Integers, weekday: Integers | np.int64) -> Integers:
    """The inverse of `weeks`."""
    return 7 * week + weekday - MONDAY


def years(numbers: Integers, of_weeks: bool) -> tuple[Integers, Integers]:
    """Days, or weeks, since 1970 => years, and how many since their year began.

    A week is of the year of its Thursday, as in ISO 8601.
    """
    if not of_weeks:
        year = numbers.astype("M8[D]").astype("M8[Y]").astype(np.int64) + 1970
        return year, numbers - _first_day((year - 1970) * 12)
    thursday = days_of(numbers, np.int64(3))
    year = thursday.astype("M8[D]").astype("M8[Y]").astype(np.int64) + 1970
    return year, numbers - _first_week(year)


def of_years(year: Integers, since: Integers, of_weeks: bool) -> Integers:
    """The inverse of `years`; what a year does not have is its last day, or week."""
    if of_weeks:
        return np.minimum(_first_week(year) + since, _first_week(year + 1) - 1)
    months = (year - 1970) * 12
    return np.minimum(_first_day(months) + since, _first_day(months + 12) - 1)


def weekdays_differ(days: Integers, counts: Integers) -> bool:
    """Whether some weekdays have more rows than others.

    Args:
        days: Ascending distinct days.
        counts: How many rows have each.
    """
    if not len(days) or days[-1] - days[0] < 7 * FEWEST_WEEKS:
        return False
    _, weekday = weeks(days)
    rows = np.bincount(weekday, counts, minlength=7)
    even = rows.sum() / 7
    # More than by chance, and by so many rows that it matters.
    chi_squared = ((rows - even) ** 2 / even).sum()
    moved = np.abs(rows - even).sum() / 2
    return bool(chi_squared > CHI_SQUARED and moved > SKEW * rows.sum())
