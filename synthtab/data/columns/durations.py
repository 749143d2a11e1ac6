"""Lengths of time: pandas timedeltas, and text such as "27:05:10", "1h 30m" or "PT1H30M".

A format is one of `FORMS`, or is written with the parts of `_PART`: ``%D`` days, ``%H``
hours, ``%2M`` minutes of two digits at least, ``%S`` seconds, ``%.f`` a fraction of a
second as short as can be, ``%W`` weeks, ``%Y`` years and ``%O`` months. ``day(s)`` is
"day" after a 1, and what stands in brackets is left out where it is zero.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column
from synthtab.data.columns import dates, dtypes
from synthtab.data.columns.base import (
    Cells,
    Mask,
    Texts,
    cell_error,
    distinct_texts,
    is_text,
    natural,
    objects,
)
from synthtab.data.columns.dates import TIME_OPTIONS
from synthtab.data.columns.numeric import BOUND_OPTIONS, NumberEncoder

Integers = npt.NDArray[np.int64]

# In nanoseconds.
SECOND = 10**9
# As pandas writes durations: "-1 days +23:00:00" is an hour less than nothing.
AS_PANDAS = "D days H:M:S"
# The groups of each form.
SIGN, DAYS, HOURS, MINUTES, SECONDS, FRACTION = range(1, 7)
_FRACTION = r"(?:\.(\d{1,9}))?"
# A comma before a fraction is a form of its own. So are minutes alone, with a fraction.
_COMMA = ","
# "75:30" may as well be minutes and seconds: it comes back as it was.
FORMS = {
    "H:M:S": re.compile(rf"(-?)()(\d+):([0-5]\d):([0-5]\d){_FRACTION}"),
    "H:M": re.compile(r"(-?)()(\d+):([0-5]\d)()()"),
    "M:S": re.compile(r"(-?)()()(\d+):([0-5]\d)\.(\d{1,9})"),
    "M:S,": re.compile(r"(-?)()()(\d+):([0-5]\d),(\d{1,9})"),
    "H:M:S,": re.compile(r"(-?)()(\d+):([0-5]\d):([0-5]\d),(\d{1,9})"),
    AS_PANDAS: re.compile(
        rf"()(\d+|-\d+(?= days? \+)) days? \+?(\d+):([0-5]\d):([0-5]\d){_FRACTION}"
    ),
}
# A part of any other format: a number of some unit, a fraction of a second, an ending.
_PART = re.compile(r"%(\d?)([YOWDHMS])|%(\d)f|%([.,])f|(\(s\))")
# Letter -> seconds, from long to short. Years and months are counted in months.
SIZES = {"W": 604_800, "D": 86_400, "H": 3600, "M": 60, "S": 1}
MONTHS = {"Y": 12, "O": 1}
LETTERS = "YOWDHMS"
# What units are called, in small letters.
UNIT_WORDS = {
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), "Y"),
    **dict.fromkeys(("mo", "mos", "mon", "mons", "month", "months"), "O"),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), "W"),
    **dict.fromkeys(("d", "day", "days", "tag", "tage"), "D"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "std", "stunde"), "H"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "M"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sek"), "S"),
}
# "90 m" may be metres.
NOT_ALONE = frozenset({"m", "y"})
_PAIR = re.compile(
    r"(?P<number>\d+)(?:(?P<mark>[.,])(?P<fraction>\d{1,9}))?(?P<gap>\s?)"
    r"(?P<word>[A-Za-z]+\.?)(?P<after>(?:,|\s+and)?\s*)"
)
_END = re.compile(
    r"(?P<hours>\d+):(?P<minutes>[0-5]\d)"
    r"(?::(?P<seconds>[0-5]\d)(?:(?P<mark>[.,])(?P<fraction>\d{1,9}))?)?"
)
_ISO_PAIR = re.compile(
    r"(?P<number>\d+)(?:(?P<mark>[.,])(?P<fraction>\d{1,9}))?(?P<gap>)"
    r"(?P<word>[A-Z])(?P<after>)"
)
# So many texts show which formats there may be.
GLANCE = 100
# Longer texts are no durations.
LONGEST_TEXT = 60
# Seconds that fit into nanoseconds.
LONGEST = 2**62 // SECOND


class DurationEncoder(NumberEncoder):
    """Whole numbers of the coarsest unit that loses nothing.

    Options:
        ``format`` of the text, a key of `FORMS`; null for a column that was never text.
        ``width`` and ``digits``: how many digits its hours and its fraction have.
        ``unit``: what the numbers count.
        ``minimum`` and ``maximum``, in units.
        ``missing``.
    """

    kind: ClassVar[str] = "duration"
    of_text: ClassVar[bool] = True
    turn: ClassVar[int] = 40
    dtypes: ClassVar[re.Pattern[str] | None] = re.compile("timedelta|duration")
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **BOUND_OPTIONS,
        **TIME_OPTIONS,
        "width": {"type": "integer", "description": "Least digits of the hours."},
        "digits": {
            "type": "integer",
            "description": "Digits of a fraction of a second.",
        },
    }
    temporal: ClassVar[bool] = True
    in_units: ClassVar[bool] = True
    combinable: ClassVar[bool] = False

    @classmethod
    def fitting(cls, cells: Cells) -> Mask | None:
        """As `ColumnEncoder.fitting`: the cells of the form that most cells have."""
        detected = _detect(cells)
        return None if detected is None else detected[2]

    @classmethod
    def readable(cls, texts: Texts, column: Column) -> Mask:
        """As `ColumnEncoder.readable`."""
        return _read(texts, column.options.get("format") or AS_PANDAS)[1]

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Timedelta dtypes, and text of which every cell is written in one form."""
        options: dict[str, Any] = {"format": None}
        counts = None
        if cells.is_text:
            detected = _detect(cells)
            if detected is None or not detected[2].all():
                return None
            options, values, _ = detected
            unit = _unit_of_form(options["format"])
            # Months have no length that pandas knows.
            dtype = "timedelta64[us]" if unit == "ns" else "str"
            why = f"durations like {options['format']}"
        elif cells.series.dtype.kind == "m" or cells.python == "timedelta":
            dtype = cells.dtype
            unit = "ns" if cells.python else _unit_of_dtype(str(cells.series.dtype))
            plain = cells.column(cls.kind, dtype, "", {"unit": unit})
            values, _ = cls.numbers(cells.series, plain)
            # These are all cells, not the distinct ones.
            counts = np.ones(len(values), dtype=np.int64)
            why = "Python's timedelta" if cells.python else f"dtype {dtype}"
        else:
            return None
        coarse = dates.coarsest(values, unit)
        options |= {"unit": coarse} | cells.missing_options()
        ends = cells.bounds(dates.convert(values, unit, coarse), counts)
        if ends:
            options |= {"minimum": ends[0], "maximum": ends[1]}
            column = cells.column(cls.kind, dtype, "", options)
            least, greatest = cls.render(np.array(ends), column)
            why += f", from {least} to {greatest}"
        if coarse == "ns":
            dtype = "timedelta64[ns]"
        return cells.column(cls.kind, dtype, why, options, cells.missing_or_token)

    @classmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Integers, Mask]:
        """Cells => whole numbers of the column's unit."""
        unit = column.options.get("unit", "s")
        missing = series.isna().to_numpy(dtype=bool)
        if missing.all():
            return np.zeros(0, dtype=np.int64), missing
        if is_text(series):
            return cls._parse(series, column, unit)
        present = dtypes.plain(series[~missing])
        stamps = present.to_numpy()
        if stamps.dtype == object:
            stamps = _of_objects(present, column)
        if stamps.dtype.kind != "m":
            raise cell_error(column, present.iloc[0], "a duration")
        own_unit = np.datetime_data(stamps.dtype)[0]
        return dates.convert(stamps.astype(np.int64), own_unit, unit), missing

    @classmethod
    def _parse(
        cls, series: pd.Series, column: Column, unit: str
    ) -> tuple[Integers, Mask]:
        """`numbers` for text."""
        texts, codes, missing = distinct_texts(series, column)
        form = column.options.get("format") or AS_PANDAS
        if form not in FORMS and not _PART.search(form):
            raise SchemaError(
                f"column {column.name!r}: the format of a duration is one of "
                f"{', '.join(FORMS)}, or has parts such as %H"
            )
        values, fits = _read(texts, form)
        if not fits.all():
            raise cell_error(column, texts[~fits][0], f"a duration like {form}")
        return dates.convert(values, _unit_of_form(form), unit)[codes], missing

    @classmethod
    def natural(cls, values: Integers, missing: Mask, column: Column) -> pd.Series:
        """Whole numbers => timedelta64."""
        stamps = values.astype(f"m8[{column.options.get('unit', 's')}]")
        if column.options.get("scalar") == "Timedelta":
            lengths = pd.Series(stamps.astype("m8[ns]")).array
            cells = np.array(lengths, dtype=object)
            return natural(cells, missing, "object", column.options)
        if column.options.get("python"):
            lengths = stamps.astype("m8[us]").astype(object)
            return natural(lengths, missing, "object", column.options)
        stamps = stamps.astype(f"m8[{_unit_of_dtype(column.dtype)}]")
        return natural(stamps, missing, column.dtype)

    @classmethod
    def decimals(cls, column: Column) -> int | None:
        """Whole numbers have none."""
        return 0

    @classmethod
    def render(cls, values: Integers, column: Column) -> Texts:
        """Whole numbers => texts in the format; pandas' own without one."""
        options = column.options
        unit = options.get("unit", "s")
        form = options.get("format")
        if not form:
            lengths = pd.Series(values.astype(f"m8[{unit}]").astype("m8[ns]"))
            return objects(map(str, lengths.array), len(lengths))
        width = int(options.get("width", 1))
        digits = int(options.get("digits", 0))
        # Each distinct duration is written once.
        numbers = np.asarray(values, dtype=np.int64)
        numbers = dates.convert(numbers, unit, _unit_of_form(form))
        distinct, inverse = np.unique(numbers, return_inverse=True)
        texts_of = [_text(one, form, width, digits) for one in distinct.tolist()]
        return np.array(texts_of, dtype=object)[inverse]


def _of_objects(present: pd.Series, column: Column) -> npt.NDArray[Any]:
    """Objects of lengths of time => timedelta64."""
    codes, distinct = pd.factorize(present)
    try:
        lengths = [pd.Timedelta(cell).as_unit("ns").value for cell in distinct]
    except (TypeError, ValueError):
        raise cell_error(column, present.iloc[0], "a duration") from None
    return np.array(lengths, dtype="m8[ns]")[codes]


# How a column is written: its options, the numbers of its texts, and which texts fit.
Detected = tuple[dict[str, Any], Integers, Mask]


def _detect(cells: Cells) -> Detected | None:
    """The form that most cells have; None if there is none."""
    if not len(cells.words):
        return None
    texts = objects((text.strip() for text in cells.words), len(cells.words))
    counts = cells.counts[~cells.token_mask]
    best: Detected | None = None
    most = 0.0
    candidates: list[dict[str, Any]] = [{"format": form} for form in FORMS]
    candidates += [{"format": form} for form in _spelled(texts, counts)]
    for options in candidates:
        values, fits = _read(texts, options["format"])
        if options["format"] in FORMS and fits.any():
            options |= _digits_of(texts[fits], options["format"])
            # Only if the texts come back as they are.
            own = zip(texts[fits], values[fits].tolist(), strict=True)
            fits[fits] = [text == _text(value, **options) for text, value in own]
        share = cells.share_of(fits)
        if share > most:
            best, most = (options, values, fits), share
    return best


def _digits_of(texts: Texts, form: str) -> dict[str, int]:
    """How many digits the hours and the fraction have in texts of one of `FORMS`."""
    parts = [match for match in map(FORMS[form].fullmatch, texts) if match]
    width = min(len(match[HOURS] or match[MINUTES]) for match in parts)
    return {"width": width, "digits": len(parts[0][FRACTION] or "")}


def _read(texts: Texts, form: str) -> tuple[Integers, Mask]:
    """Texts => nanoseconds or months, and which texts are of the form."""
    values = np.zeros(len(texts), dtype=np.int64)
    fits = np.zeros(len(texts), dtype=bool)
    pattern = FORMS.get(form)
    for number, text in enumerate(texts.tolist()):
        if pattern is None:
            cut = _cut(text)
            if cut is None or _as_spelled(cut.value, form) != text:
                continue
            values[number] = cut.value
        else:
            match = pattern.fullmatch(text)
            nanoseconds = _of_match(match) if match else None
            if nanoseconds is None:
                continue
            values[number] = nanoseconds
        fits[number] = True
    return values, fits


def _of_match(match: re.Match[str]) -> int | None:
    """A text of one of `FORMS` as nanoseconds; None for one that is too long."""
    hours = int(match[DAYS] or 0) * 24 + int(match[HOURS] or 0)
    minutes = hours * 60 + int(match[MINUTES])
    seconds = minutes * 60 + int(match[SECONDS] or 0)
    if abs(seconds) >= LONGEST:
        return None
    fraction = (match[FRACTION] or "").ljust(9, "0")
    nanoseconds = seconds * SECOND + int(fraction)
    return -nanoseconds if match[SIGN] else nanoseconds


def _unit_of_form(form: str) -> str:
    """What the numbers of a form count: months or nanoseconds."""
    letters = {part[2] for part in _PART.finditer(form)}
    return "M" if form not in FORMS and letters & set(MONTHS) else "ns"


# --------------------------------------------------------------------------------------
# Durations with their units


@dataclass(frozen=True)
class _Cut:
    """A duration with its units, cut into pairs of a number and a unit.

    Attributes:
        value: Nanoseconds, or months.
        iso: Whether it is written as ISO 8601 says.
        pairs: Letter of `LETTERS` and match of `_PAIR` of each.
        end: Hours, minutes and seconds with colons after them, if there are such.
    """

    value: int
    iso: bool
    pairs: tuple[tuple[str, re.Match[str]], ...]
    end: re.Match[str] | None


def _cut(text: str) -> _Cut | None:
    """A text cut into numbers and units; None if it is no duration."""
    if len(text) > LONGEST_TEXT or not any(c.isdigit() for c in text):
        return None
    negative = text.startswith("-")
    body = text[negative:]
    iso = body.startswith("P")
    pairs = _iso_pairs(body) if iso else _pairs(body)
    if pairs is None:
        return None
    begin = pairs[-1][1].end() if pairs else 0
    end = None if iso else _END.fullmatch(body, begin)
    if end is None and (not pairs or (not iso and begin != len(body))):
        return None
    letters = [letter for letter, _ in pairs]
    order = [LETTERS.index(letter) for letter in letters]
    if order != sorted(set(order)) or (end and order and order[-1] >= 4):
        return None
    value = _value(pairs, end)
    if value is None:
        return None
    return _Cut(-value if negative else value, iso, tuple(pairs), end)


def _iso_pairs(body: str) -> list[tuple[str, re.Match[str]]] | None:
    """The pairs of a text such as P1DT2H."""
    date, has_time, time = body.partition("T")
    pairs = []
    # M is for months before the T, and for minutes after it.
    for begin, end, letters in (
        (1, len(date), {"Y": "Y", "M": "O", "W": "W", "D": "D"}),
        (len(date) + 1, len(body), {"H": "H", "M": "M", "S": "S"}),
    ):
        while begin < end:
            match = _ISO_PAIR.match(body, begin, end)
            if match is None or match["word"] not in letters:
                return None
            pairs.append((letters[match["word"]], match))
            begin = match.end()
    return None if has_time and not time else pairs


def _pairs(body: str) -> list[tuple[str, re.Match[str]]] | None:
    """The pairs at the start of a text such as 1h 30m."""
    pairs = []
    begin = 0
    while match := _PAIR.match(body, begin):
        letter = UNIT_WORDS.get(match["word"].lower().rstrip("."))
        if letter is None:
            return None
        pairs.append((letter, match))
        begin = match.end()
    return pairs


def _value(
    pairs: Sequence[tuple[str, re.Match[str]]], end: re.Match[str] | None
) -> int | None:
    """Nanoseconds or months; None where both are mixed, or a part of an hour is."""
    total = 0
    months = 0
    for letter, match in pairs:
        if match["fraction"] and letter != "S":
            return None
        if letter in MONTHS:
            months += int(match["number"]) * MONTHS[letter]
            continue
        total += int(match["number"]) * SIZES[letter] * SECOND
        total += int((match["fraction"] or "").ljust(9, "0"))
    if end is not None:
        total += int(end["hours"]) * 3600 * SECOND + int(end["minutes"]) * 60 * SECOND
        total += int(end["seconds"] or 0) * SECOND
        total += int((end["fraction"] or "").ljust(9, "0"))
    if (months and total) or total >= LONGEST * SECOND:
        return None
    return months or total


def _spelled(texts: Texts, counts: npt.NDArray[np.int64]) -> list[str]:
    """Formats that most of some texts may have, from what a glance at them shows."""
    frequent = np.argsort(-counts, kind="stable")[: GLANCE // 2]
    even = np.linspace(0, len(texts) - 1, GLANCE // 2).astype(np.int64)
    glance = texts[np.union1d(frequent, even)]
    cuts = [cut for cut in map(_cut, glance) if cut is not None]
    if not cuts:
        return []
    pairs: dict[str, list[re.Match[str]]] = {}
    for cut in cuts:
        for letter, match in cut.pairs:
            pairs.setdefault(letter, []).append(match)
    letters = sorted(pairs, key=LETTERS.index)
    ends = [cut.end for cut in cuts if cut.end is not None]
    choices = [_forms_of_pairs(letter, pairs[letter]) for letter in letters]
    forms = []
    iso = any(cut.iso for cut in cuts)
    words = {match["word"].lower() for matches in pairs.values() for match in matches}
    if not iso and not ends and (words <= NOT_ALONE or _are_decades(pairs)):
        return []
    # ISO 8601 leaves out what is zero, others do not if both are possible.
    for hidden, pieces in product((iso, not iso), product(*choices)):
        written = [f"[{piece}]" if hidden else piece for piece in pieces]
        if iso:
            late = next((i for i, x in enumerate(letters) if x in "HMS"), len(letters))
            written.insert(late, "T" if late < len(letters) else "")
            written.insert(0, "P")
        forms += ["".join(written) + end for end in _forms_of_ends(ends)]
    ranked = {
        form: sum(_as_spelled(c.value, form) == t for c, t in _each(glance))
        for form in forms
    }
    return sorted(ranked, key=ranked.__getitem__, reverse=True)[:1]


def _are_decades(pairs: Mapping[str, Sequence[re.Match[str]]]) -> bool:
    """Whether numbers of seconds, such as 1990s, are rather tens of years."""
    if list(pairs) != ["S"]:
        return False
    numbers = [int(match["number"]) for match in pairs["S"]]
    glued = all(match[0] == f"{match['number']}s" for match in pairs["S"])
    return glued and all(1000 <= n < 2200 and n % 10 == 0 for n in numbers)


def _each(texts: Texts) -> Iterator[tuple[_Cut, str]]:
    """The durations among some texts."""
    for text in texts:
        cut = _cut(text)
        if cut is not None:
            yield cut, text


def _forms_of_pairs(letter: str, matches: Sequence[re.Match[str]]) -> list[str]:
    """Formats of one unit: its number, its name and what follows."""
    width = min(len(match["number"]) for match in matches)
    gap = _commonest(match["gap"] for match in matches)
    after = _commonest(match["after"] for match in matches if match["after"])
    words = [match["word"] for match in matches]
    names = [_commonest(words)]
    if names[0].endswith("s") and len(names[0]) > 1:
        names.append(f"{names[0][:-1]}(s)")
    else:
        names.append(f"{names[0]}(s)")
    fraction = _form_of_fractions(matches)
    widths = ["", str(width)] if width > 1 else [""]
    return [
        f"%{digits}{letter}{fraction}{gap}{name}{after}"
        for digits in widths
        for name in names
    ]


def _forms_of_ends(ends: Sequence[re.Match[str]]) -> list[str]:
    """Formats of hours, minutes and seconds with colons."""
    if not ends:
        return [""]
    width = min(len(end["hours"]) for end in ends)
    form = f"%{width if width > 1 else ''}H:%2M"
    if any(end["seconds"] for end in ends):
        form += ":%2S" + _form_of_fractions(ends)
    return [form]


def _form_of_fractions(matches: Sequence[re.Match[str]]) -> str:
    """The format of a fraction of a second; "" if there is none."""
    digits = {len(match["fraction"] or "") for match in matches}
    mark = next((match["mark"] for match in matches if match["mark"]), "")
    if digits == {0}:
        return ""
    return f"{mark}%{digits.pop()}f" if len(digits) == 1 else f"%{mark}f"


def _commonest(words: Iterable[str]) -> str:
    """The most frequent of some texts."""
    counted = Counter(words).most_common(1)
    return counted[0][0] if counted else ""


def _as_spelled(value: int, form: str) -> str:
    """Nanoseconds or months as a text with units."""
    sign = "-" if value < 0 else ""
    numbers = _in_units(abs(value), form)
    shown = "".join(_piece(piece, numbers, False) for piece in _pieces(form))
    if form.startswith("P"):
        shown = shown.removesuffix("T")
    shown = re.sub(r"(,|\s|\band)+$", "", shown)
    if not any(c.isdigit() for c in shown):
        # Nothing at all: in the shortest unit.
        kept = [piece for piece in _pieces(form) if "%" not in piece]
        kept.append(_pieces(form)[-1])
        shown = "".join(_piece(piece, numbers, True) for piece in kept)
    return sign + shown


@lru_cache(maxsize=256)
def _pieces(form: str) -> tuple[str, ...]:
    """A format cut at its brackets."""
    return tuple(re.findall(r"\[[^\]]*\]|[^\[\]]+", form))


@lru_cache(maxsize=256)
def _letters(form: str) -> tuple[str, ...]:
    """The letters of the units of a format, from long to short."""
    found = {part[2] for part in _PART.finditer(form) if part[2]}
    return tuple(sorted(found, key=LETTERS.index))


def _in_units(value: int, form: str) -> dict[str, int]:
    """How many of each unit of the format a duration has; "f" for its nanoseconds."""
    letters = _letters(form)
    if letters[0] in MONTHS:
        numbers = {"f": 0}
        for letter in letters:
            size = MONTHS.get(letter)
            numbers[letter], value = divmod(value, size) if size else (0, value)
        return numbers
    seconds, fraction = divmod(value, SECOND)
    numbers = {"f": fraction}
    for letter in letters:
        numbers[letter], seconds = divmod(seconds, SIZES[letter])
    return numbers


def _piece(piece: str, numbers: Mapping[str, int], forced: bool) -> str:
    """A piece of a format with its numbers; "" for one in brackets that is zero."""
    if piece.startswith("["):
        has_fraction = piece.count("%") > len(_letters(piece))
        own = [numbers[letter] for letter in _letters(piece)]
        if not any(own) and not (has_fraction and numbers["f"]) and not forced:
            return ""
        piece = piece[1:-1]
    last = 0

    def filled(part: re.Match[str]) -> str:
        nonlocal last
        if part[2]:
            last = numbers[part[2]]
            return f"{last:0{part[1] or 1}d}"
        digits = f"{numbers['f']:09d}"
        if part[3]:
            return digits[: int(part[3])]
        if part[4]:
            return part[4] + digits.rstrip("0") if numbers["f"] else ""
        return "" if last == 1 else "s"

    return _PART.sub(filled, piece)


def _text(nanoseconds: int, format: str, width: int = 1, digits: int = 0) -> str:
    """A duration in a form, with so many digits of its hours and its fraction."""
    form = format
    if form not in FORMS:
        return _as_spelled(nanoseconds, form)
    # pandas counts from negative days upwards; the others have a sign.
    signed = form != AS_PANDAS
    seconds, fraction = divmod(abs(nanoseconds) if signed else nanoseconds, SECOND)
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    sign = "-" if nanoseconds < 0 else ""
    if form == "H:M":
        return f"{sign}{hours:0{width}d}:{m:02d}"
    end = f":{m:02d}:{s:02d}"
    shown = ""
    if digits:
        mark = _COMMA if form.endswith(_COMMA) else "."
        shown = f"{mark}{fraction:09d}"[: digits + 1]
    if form.startswith("M:S"):
        return f"{sign}{minutes:0{width}d}:{s:02d}{shown}"
    end += shown
    if signed:
        return f"{sign}{hours:0{width}d}{end}"
    days, hours = divmod(hours, 24)
    plus = "+" if days < 0 else ""
    return f"{days} days {plus}{hours:0{width}d}{end}"


def _unit_of_dtype(dtype: str) -> str:
    """``"us"`` of ``timedelta64[us]``; pandas' own unit where the name has none."""
    unit = re.search(r"\[(s|ms|us|ns)\b", dtype)
    return unit[1] if unit else "ns"
