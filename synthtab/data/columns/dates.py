"""Dates and times of day as text <=> whole numbers since 1970, by an exact format.

A format is strftime's, of these parts: ``%Y %y %m %-m %d %-d %b %^b %B`` for the date and, after
it, ``%H %-H %M %S %3f`` (a fraction of three digits; 1 to 9) for the time. Month names are English
whatever the locale. A text fits a format only if rendering its meaning gives the same text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
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
TOKEN = re.compile(r"%[-^]?[A-Za-z]|%[1-9]f")

# Days from a Monday to 1970-01-01.
MONDAY = 3
FEWEST_WEEKS = 4
# Weekdays differ where chance would do so in one of 25,000 tables, and by this share of
# the rows.
CHI_SQUARED, SKEW = 30.0, 0.02

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

TIMES = ("%H:%M", "%H:%M:%S", "%-H:%M", "%-H:%M:%S")
ZONES = ("", "Z", "+00:00")

TIME_OPTIONS: dict[str, Mapping[str, Any]] = {
    "format": {
        "type": ["string", "null"],
        "description": "Of a date or time, such as %Y-%m-%d.",
    },
    "unit": {
        "type": "string",
        "description": "What a date counts: Y, M, D, h, m, s, ms, us, ns.",
    },
}

Integers = npt.NDArray[np.int64]


def detect(texts: Texts) -> tuple[str, str] | None:
    """The format that all of these distinct texts have, and a remark where it is a guess."""
    if len(texts[0]) > 40 or not any(c.isdigit() for c in texts[0]):
        return None
    for date in (*ISO_DATES, *NAMED_DATES):
        for form in _with_times(date, texts[0]):
            if parse(texts, form) is not None:
                return form, ""
    for day_first, month_first in LOCAL_DATES:
        fits = []
        for date in (day_first, month_first):
            fits += [
                f
                for f in _with_times(date, texts[0], either=True)
                if parse(texts, f) is not None
            ][:1]
        if len(fits) == 2:
            chosen = fits["/" in day_first]
            return (
                chosen,
                f"; ambiguous: no number tells day from month, read as {chosen}",
            )
        if fits:
            return fits[0], ""
    for form in _times(texts[0]):
        if parse(texts, form) is not None:
            return form, ""
    return None


def _with_times(date: str, example: str, either: bool = False) -> list[str]:
    """The date format, with every time format that the example could have after it."""
    stem = re.match(_pattern(date, loose=either), example)
    if not stem:
        return []
    rest = example[stem.end() :]
    if not rest:
        return [date]
    return [
        f"{date}{sep}{form}"
        for sep in ("T", " ")
        if rest.startswith(sep)
        for form in _times(rest[1:])
    ]


def _times(example: str) -> list[str]:
    """Time formats that the example has."""
    fraction = re.search(r"\.(\d{1,9})(?=$|Z|\+)", example)
    forms = [f"{t}.%{len(fraction[1])}f" for t in TIMES] if fraction else list(TIMES)
    zones = [*ZONES]
    if offset := re.search(r"[+-]\d\d:?\d\d$", example):
        zones.append(offset[0])  # the same one in every cell: local time
    return [
        f + z for f in forms for z in zones if re.fullmatch(_pattern(f + z), example)
    ]


@lru_cache(maxsize=512)
def _pattern(form: str, loose: bool = False) -> str:
    """The format as a regular expression; ``loose`` takes any number for a day or a month."""
    pattern, at = "", 0
    for token in TOKEN.finditer(form):
        part = PARTS.get(token[0]) or rf"(\d{{{token[0][1]}}})"
        if loose and token[0][-1] in "dm":
            part = r"(\d\d)" if len(token[0]) == 2 else r"(\d\d?)"
        pattern += re.escape(form[at : token.start()]) + part
        at = token.end()
    return pattern + re.escape(form[at:])


def unit_of(form: str) -> str:
    """The finest unit that the format shows."""
    if fraction := re.search(r"%(\d)f", form):
        return (
            "ms" if int(fraction[1]) <= 3 else "us" if int(fraction[1]) <= 6 else "ns"
        )
    for token, unit in (("%S", "s"), ("%M", "m"), ("H", "h")):
        if token in form:
            return unit
    return "D"


def parse(texts: Texts, form: str) -> Integers | None:
    """Texts => whole numbers of `unit_of` the format, or None unless all texts have it."""
    match = re.compile(_pattern(form)).fullmatch
    if not all(map(match, texts[:20])):
        return None
    fields = _fixed_fields(texts, form)
    if fields is None:
        found = [m.groups() if m else None for m in map(match, texts)]
        if None in found:
            return None
        tokens = [t[0] for t in TOKEN.finditer(form)]
        fields = {
            t: _numbers(t, f)
            for t, f in zip(tokens, np.array(found, dtype=str).T, strict=True)
        }
    unit = unit_of(form)
    per_day = PER_DAY[unit]
    total = np.zeros(len(texts), dtype=np.int64)
    if any(t in fields for t in ("%Y", "%y")):
        days = _days(fields)
        if days is None:
            return None
        total = days * per_day
    for token, field in fields.items():
        if token[-1] in "HMS":
            if (field >= {"H": 24, "M": 60, "S": 60}[token[-1]]).any():
                return None
            total += field * (per_day // {"H": 24, "M": 1440, "S": 86_400}[token[-1]])
        elif token[-1] == "f":
            total += field * 10 ** (_digits(unit) - int(token[1]))
    return total


def _fixed_fields(texts: Texts, form: str) -> dict[str, Integers] | None:
    """The numbers of a format in which every part has its place, without a look at single texts.

    None where the format or a text is not like that.
    """
    tokens = list(TOKEN.finditer(form))
    if any(t[0] in NAMES or "-" in t[0] for t in tokens):
        return None
    widths = [
        int(t[0][1]) if t[0][1].isdigit() else 4 if t[0] == "%Y" else 2 for t in tokens
    ]
    length = len(form) + sum(widths) - sum(len(t[0]) for t in tokens)
    flat = np.asarray(texts, dtype=str)
    if flat.dtype.itemsize != 4 * length:
        return None
    letters = flat.view(np.uint32).reshape(len(texts), length)
    fields: dict[str, Integers] = {}
    at = end = 0
    for token, width in zip(tokens, widths, strict=True):
        literal = form[end : token.start()]
        digits = letters[:, at + len(literal) : at + len(literal) + width].astype(
            np.int64
        ) - ord("0")
        if (digits < 0).any() or (digits > 9).any() or not _is_at(literal, letters, at):
            return None
        fields[token[0]] = digits @ 10 ** np.arange(width - 1, -1, -1)
        at, end = at + len(literal) + width, token.end()
    return fields if _is_at(form[end:], letters, at) else None


def _is_at(literal: str, letters: npt.NDArray[np.uint32], at: int) -> bool:
    return all((letters[:, at + i] == ord(c)).all() for i, c in enumerate(literal))


def _numbers(token: str, field: npt.NDArray[np.str_]) -> Integers:
    if token in NAMES:
        return np.array(
            [NAMES[token].index(name) + 1 for name in field.tolist()], dtype=np.int64
        )
    return field.astype(np.int64)


def render(values: Integers, unit: str, form: str) -> Texts:
    """Whole numbers of the unit => texts; days and times are formatted once each."""
    days, inside = np.divmod(values, PER_DAY[unit])
    cut = next(
        (t.start() for t in TOKEN.finditer(form) if t[0][-1] in "HMSf"), len(form)
    )
    texts = _render_distinct(days, lambda d: _date_texts(d, form[:cut]))
    if cut < len(form):
        nanoseconds = inside * (PER_DAY["ns"] // PER_DAY[unit])
        times = _render_distinct(nanoseconds, lambda t: _time_texts(t, form[cut:]))
        texts = texts + times
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
    return np.asarray(
        np.floor_divide(values, PER_DAY[unit] // PER_DAY[wanted]), dtype=np.int64
    )


def weeks(days: Integers) -> tuple[Integers, Integers]:
    """Days since 1970 => weeks, the first of which began on Monday 1969-12-29, and weekdays, Monday being 0."""
    week, weekday = np.divmod(days + MONDAY, 7)
    return week, weekday


def days_of(week: Integers, weekday: Integers) -> Integers:
    """The inverse of `weeks`."""
    return 7 * week + weekday - MONDAY


def weekdays_differ(days: Integers, counts: Integers) -> bool:
    """Whether some weekdays have more rows than others, given ascending distinct days and their rows."""
    if not len(days) or days[-1] - days[0] < 7 * FEWEST_WEEKS:
        return False
    rows = np.bincount(weeks(days)[1], counts, minlength=7)
    even = rows.sum() / 7
    return bool(
        ((rows - even) ** 2 / even).sum() > CHI_SQUARED
        and np.abs(rows - even).sum() / 2 > SKEW * rows.sum()
    )


def _digits(unit: str) -> int:
    return {"ms": 3, "us": 6, "ns": 9}[unit]


def _days(fields: dict[str, Integers]) -> Integers | None:
    """Days since 1970, or None where there is no such day (a 30th of February)."""
    year = fields["%Y"] if "%Y" in fields else _full_year(fields["%y"])
    month, day = np.ones(len(year), dtype=np.int64), np.ones(len(year), dtype=np.int64)
    for token, field in fields.items():
        if token in NAMES or token[-1] == "m":
            month = field
        elif token[-1] == "d":
            day = field
    months = (year - 1970) * 12 + month - 1
    first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    following = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
    days = first + day - 1
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (days < following)
    return days if valid.all() else None


def _full_year(short: Integers) -> Integers:
    """POSIX: 69 to 99 are 1969 to 1999."""
    return np.where(short < 69, short + 2000, short + 1900)


def _render_distinct(values: Integers, texts_of: object) -> Texts:
    distinct, inverse = np.unique(values, return_inverse=True)
    assert callable(texts_of)
    return np.array(texts_of(distinct), dtype=object)[inverse]


def _date_texts(days: Integers, form: str) -> list[str]:
    dates = days.astype("M8[D]")
    months = dates.astype("M8[M]").astype(np.int64)
    year, month = months // 12 + 1970, months % 12 + 1
    day = days - dates.astype("M8[M]").astype("M8[D]").astype(np.int64) + 1
    rows = zip(year.tolist(), month.tolist(), day.tolist(), strict=True)

    def text(y: int, m: int, d: int) -> str:
        parts = {
            "%Y": f"{y:04d}",
            "%y": f"{y % 100:02d}",
            "%m": f"{m:02d}",
            "%-m": str(m),
            "%d": f"{d:02d}",
        }
        parts |= {
            "%-d": str(d),
            **{token: names[m - 1] for token, names in NAMES.items()},
        }
        return TOKEN.sub(lambda t: parts[t[0]], form)

    return [text(*row) for row in rows]


def _time_texts(nanoseconds: Integers, form: str) -> list[str]:
    def text(n: int) -> str:
        seconds, fraction = divmod(n, 10**9)
        minutes, s = divmod(seconds, 60)
        h, m = divmod(minutes, 60)
        parts = {"%H": f"{h:02d}", "%-H": str(h), "%M": f"{m:02d}", "%S": f"{s:02d}"}
        return TOKEN.sub(
            lambda t: parts.get(t[0]) or f"{fraction:09d}"[: int(t[0][1])], form
        )

    return [text(n) for n in nanoseconds.tolist()]
