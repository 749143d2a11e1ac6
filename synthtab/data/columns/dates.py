"""Dates and times of day as text <=> whole numbers since 1970, by an exact format.

A format is strftime's, of these parts: ``%Y %y %m %-m %d %-d %b %^b %B`` for the date
and, after it, ``%H %-H %M %S %3f`` (a fraction of three digits; 1 to 9) for the time.
Month names are English whatever the locale. A text fits a format only if rendering its
meaning gives the same text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.data.columns.base import Texts

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

# Digits of a fraction of a second.
DIGITS = {"ms": 3, "us": 6, "ns": 9}

# Part of a time of day => what its numbers stay below, and how many of it a day has.
CLOCK = {"H": (24, 24), "M": (60, 1440), "S": (60, 86_400)}

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
SHORT = tuple(m[:3] for m in MONTHS)
UPPER = tuple(m.upper() for m in SHORT)
NAMES = {"%B": MONTHS, "%b": SHORT, "%^b": UPPER}

# What each part looks like in a text.
PARTS = {
    "%Y": r"(\d{4})",
    "%y": r"(\d\d)",
    "%m": r"(0[1-9]|1[0-2])",
    "%-m": r"([1-9]|1[0-2])",
    "%d": r"(0[1-9]|[12]\d|3[01])",
    "%-d": r"([1-9]|[12]\d|3[01])",
    "%H": r"([01]\d|2[0-3])",
    "%-H": r"(\d|1\d|2[0-3])",
    "%M": r"([0-5]\d)",
    "%S": r"([0-5]\d)",
    **{token: "(" + "|".join(names) + ")" for token, names in NAMES.items()},
}
# A part of a format.
TOKEN = re.compile(r"%[-^]?[A-Za-z]|%[1-9]f")

# Days from a Monday to 1970-01-01.
MONDAY = 3
# In fewer weeks, weekdays differ by chance.
FEWEST_WEEKS = 4
# Weekdays differ where chance would do so in one of 25,000 tables, and by this share of
# the rows.
CHI_SQUARED = 30.0
SKEW = 0.02

# Longer texts are no dates.
LONGEST_TEXT = 40
ISO_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d")
NAMED_DATES = (
    "%d %b %Y",
    "%-d %b %Y",
    "%d-%b-%Y",
    "%d-%^b-%Y",
    "%b %d, %Y",
    "%b %-d, %Y",
    "%B %-d, %Y",
    "%-d %B %Y",
)
# Pairs of day-first and month-first; which one it is the cells decide.
LOCAL_DATES = tuple(
    tuple(form.replace("/", sep) for form in forms)
    for sep in "/.-"
    for year in ("%Y", "%y")
    for forms in (
        (f"%d/%m/{year}", f"%m/%d/{year}"),
        (f"%-d/%-m/{year}", f"%-m/%-d/{year}"),
    )
)

# Each also with a fraction, and with a zone: UTC, as a database writes it.
TIMES = ("%H:%M", "%H:%M:%S", "%-H:%M", "%-H:%M:%S")
ZONES = ("", "Z", "+00:00")

TIME_OPTIONS: dict[str, Mapping[str, Any]] = {
    "format": {
        "type": ["string", "null"],
        "description": "Of a date or time, such as %Y-%m-%d.",
    },
    "zone": {"type": "string", "description": "The time zone of objects."},
    "unit": {
        "type": "string",
        "description": "What a date counts: Y, M, D, h, m, s, ms, us, ns.",
    },
}

Integers = npt.NDArray[np.int64]


def detect(texts: Texts) -> tuple[str, str] | None:
    """The format that all of these distinct texts have.

    Returns:
        The format, and a remark where it is a guess; None if there is none.
    """
    example = texts[0]
    if len(example) > LONGEST_TEXT or not any(c.isdigit() for c in example):
        return None

    def first_that_fits(forms: Iterable[str]) -> str | None:
        return next((form for form in forms if parse(texts, form) is not None), None)

    for date in (*ISO_DATES, *NAMED_DATES):
        form = first_that_fits(_with_times(date, example))
        if form is not None:
            return form, ""
    for day_first, month_first in LOCAL_DATES:
        european = first_that_fits(_with_times(day_first, example, either=True))
        american = first_that_fits(_with_times(month_first, example, either=True))
        if european is not None and american is not None:
            # Slashes are American, dots and hyphens European.
            form = american if "/" in day_first else european
            remark = f"; ambiguous: no number tells day from month, read as {form}"
            return form, remark
        form = european or american
        if form is not None:
            return form, ""
    form = first_that_fits(_times(example))
    return None if form is None else (form, "")


def _with_times(date: str, example: str, either: bool = False) -> list[str]:
    """The date format, with every time format that the example could have after it.

    Args:
        date: The format of the date.
        example: A text.
        either: A number that is no month may be one in the format.
    """
    stem = re.match(_pattern(date, loose=either), example)
    if not stem:
        return []
    time = example[stem.end() :]
    if not time:
        return [date]
    separator = time[0]
    if separator not in ("T", " "):
        return []
    return [f"{date}{separator}{form}" for form in _times(time[1:])]


def _times(example: str) -> list[str]:
    """Time formats that the example has."""
    forms = list(TIMES)
    fraction = re.search(r"\.(\d{1,9})(?=$|Z|\+)", example)
    if fraction:
        digits = len(fraction[1])
        forms = [f"{form}.%{digits}f" for form in TIMES]
    zones = list(ZONES)
    # Local time, the same distance from UTC in every cell.
    offset = re.search(r"[+-]\d\d:?\d\d$", example)
    if offset:
        zones.append(offset[0])
    candidates = [form + zone for form in forms for zone in zones]
    return [form for form in candidates if re.fullmatch(_pattern(form), example)]


@lru_cache(maxsize=512)
def _pattern(form: str, loose: bool = False) -> str:
    """The format as a regular expression; ``loose``, days and months are any number."""
    pattern = ""
    at = 0
    for token in TOKEN.finditer(form):
        part = token[0]
        # A fraction names its digits.
        expression = PARTS.get(part) or rf"(\d{{{part[1]}}})"
        if loose and part[-1] in "dm":
            padded = "-" not in part
            expression = r"(\d\d)" if padded else r"(\d\d?)"
        pattern += re.escape(form[at : token.start()]) + expression
        at = token.end()
    return pattern + re.escape(form[at:])


def unit_of(form: str) -> str:
    """The finest unit that the format shows."""
    fraction = re.search(r"%(\d)f", form)
    if fraction:
        digits = int(fraction[1])
        return next(unit for unit, most in DIGITS.items() if digits <= most)
    for token, unit in (("%S", "s"), ("%M", "m"), ("H", "h")):
        if token in form:
            return unit
    return "D"


def parse(texts: Texts, form: str) -> Integers | None:
    """Texts => whole numbers of `unit_of` the format, or None unless all texts have it."""
    match = re.compile(_pattern(form)).fullmatch
    # A look at a few rules most formats out.
    if not all(map(match, texts[:20])):
        return None
    fields = _fixed_fields(texts, form)
    if fields is None:
        groups = []
        for text in texts:
            found = match(text)
            if found is None:
                return None
            groups.append(found.groups())
        tokens = [token[0] for token in TOKEN.finditer(form)]
        columns = np.array(groups, dtype=str).T
        pairs = zip(tokens, columns, strict=True)
        fields = {token: _numbers(token, column) for token, column in pairs}
    unit = unit_of(form)
    per_day = PER_DAY[unit]
    total = np.zeros(len(texts), dtype=np.int64)
    if "%Y" in fields or "%y" in fields:
        days = _days(fields)
        if days is None:
            return None
        total = days * per_day
    for token, field in fields.items():
        letter = token[-1]
        if letter in CLOCK:
            most, of_day = CLOCK[letter]
            if (field >= most).any():
                return None
            total += field * (per_day // of_day)
        elif letter == "f":
            missing_digits = DIGITS[unit] - int(token[1])
            total += field * 10**missing_digits
    return total


def _fixed_fields(texts: Texts, form: str) -> dict[str, Integers] | None:
    """The numbers of a format in which every part has its place.

    All texts at once, as a table of characters: much faster than one by one.

    Returns:
        Part -> numbers ``[texts]``; None where the format or a text is not like that.
    """
    tokens = list(TOKEN.finditer(form))
    if any(token[0] in NAMES or "-" in token[0] for token in tokens):
        return None
    widths = [_width(token[0]) for token in tokens]
    letters_of_tokens = sum(len(token[0]) for token in tokens)
    length = len(form) - letters_of_tokens + sum(widths)
    flat = np.asarray(texts, dtype=str)
    # numpy keeps a character in four bytes.
    if flat.dtype.itemsize != 4 * length:
        return None
    letters = flat.view(np.uint32).reshape(len(texts), length)
    fields: dict[str, Integers] = {}
    # Where we are in the texts, and in the format.
    at = 0
    form_at = 0
    for token, width in zip(tokens, widths, strict=True):
        literal = form[form_at : token.start()]
        if not _is_at(literal, letters, at):
            return None
        at += len(literal)
        digits = letters[:, at : at + width].astype(np.int64) - ord("0")
        if (digits < 0).any() or (digits > 9).any():
            return None
        fields[token[0]] = digits @ 10 ** np.arange(width - 1, -1, -1)
        at += width
        form_at = token.end()
    return fields if _is_at(form[form_at:], letters, at) else None


def _width(part: str) -> int:
    """How many digits a part of fixed width has."""
    if part[1].isdigit():
        return int(part[1])
    return 4 if part == "%Y" else 2


def _is_at(literal: str, letters: npt.NDArray[np.uint32], at: int) -> bool:
    """Whether all texts have these characters at a place."""
    return all((letters[:, at + i] == ord(c)).all() for i, c in enumerate(literal))


def _numbers(token: str, field: npt.NDArray[np.str_]) -> Integers:
    """The texts of one part as numbers; months count from 1."""
    if token not in NAMES:
        return field.astype(np.int64)
    numbers = [NAMES[token].index(name) + 1 for name in field.tolist()]
    return np.array(numbers, dtype=np.int64)


def render(values: Integers, unit: str, form: str) -> Texts:
    """Whole numbers of the unit => texts; days and times are formatted once each."""
    days, inside = np.divmod(values, PER_DAY[unit])
    of_time = (t.start() for t in TOKEN.finditer(form) if t[0][-1] in "HMSf")
    cut = next(of_time, len(form))
    texts = _render_distinct(days, partial(_date_texts, form=form[:cut]))
    if cut < len(form):
        nanoseconds = inside * (PER_DAY["ns"] // PER_DAY[unit])
        of_times = partial(_time_texts, form=form[cut:])
        texts = texts + _render_distinct(nanoseconds, of_times)
    return texts


def coarsest(values: Integers, unit: str) -> str:
    """The coarsest unit of which all values are whole numbers."""
    for candidate, per_day in PER_DAY.items():
        step = PER_DAY[unit] // per_day
        if candidate == unit or not (values % step).any():
            return candidate
    return unit


def convert(values: Integers, unit: str, wanted: str) -> Integers:
    """Whole numbers of one unit in another, rounded down."""
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


def days_of(week: Integers, weekday: Integers) -> Integers:
    """The inverse of `weeks`."""
    return 7 * week + weekday - MONDAY


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


def _days(fields: dict[str, Integers]) -> Integers | None:
    """Days since 1970, or None where there is no such day (a 30th of February)."""
    year = fields["%Y"] if "%Y" in fields else _full_year(fields["%y"])
    month = np.ones(len(year), dtype=np.int64)
    day = np.ones(len(year), dtype=np.int64)
    for token, field in fields.items():
        if token in NAMES or token[-1] == "m":
            month = field
        elif token[-1] == "d":
            day = field
    months = (year - 1970) * 12 + month - 1
    first = _first_day(months)
    following = _first_day(months + 1)
    days = first + day - 1
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (days < following)
    return days if valid.all() else None


def _first_day(months: Integers) -> Integers:
    """Months since 1970 => days since 1970."""
    return months.astype("M8[M]").astype("M8[D]").astype(np.int64)


def _full_year(short: Integers) -> Integers:
    """POSIX: 69 to 99 are 1969 to 1999."""
    return np.where(short < 69, short + 2000, short + 1900)


def _render_distinct(
    values: Integers, texts_of: Callable[[Integers], list[str]]
) -> Texts:
    """Texts of numbers of which many are equal."""
    distinct, inverse = np.unique(values, return_inverse=True)
    return np.array(texts_of(distinct), dtype=object)[inverse]


def _date_texts(days: Integers, form: str) -> list[str]:
    """Days since 1970 => texts."""
    months = days.astype("M8[D]").astype("M8[M]").astype(np.int64)
    years = months // 12 + 1970
    days_of_month = days - _first_day(months) + 1
    rows = zip(
        years.tolist(),
        (months % 12 + 1).tolist(),
        days_of_month.tolist(),
        strict=True,
    )
    texts = []
    for y, m, d in rows:
        parts = {
            "%Y": f"{y:04d}",
            "%y": f"{y % 100:02d}",
            "%m": f"{m:02d}",
            "%-m": str(m),
            "%d": f"{d:02d}",
            "%-d": str(d),
        }
        for token, names in NAMES.items():
            parts[token] = names[m - 1]
        texts.append(_substituted(form, parts))
    return texts


def _time_texts(nanoseconds: Integers, form: str) -> list[str]:
    """Nanoseconds since midnight => texts."""
    texts = []
    for nanosecond in nanoseconds.tolist():
        seconds, fraction = divmod(nanosecond, 10**9)
        minutes, s = divmod(seconds, 60)
        h, m = divmod(minutes, 60)
        parts = {"%H": f"{h:02d}", "%-H": str(h), "%M": f"{m:02d}", "%S": f"{s:02d}"}
        for digits in range(1, 10):
            parts[f"%{digits}f"] = f"{fraction:09d}"[:digits]
        texts.append(_substituted(form, parts))
    return texts


def _substituted(form: str, parts: Mapping[str, str]) -> str:
    """The format with its parts filled in."""
    return TOKEN.sub(lambda token: parts[token[0]], form)
