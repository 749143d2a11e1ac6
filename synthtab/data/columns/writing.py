"""How the numbers of a column are written: "$1,234.50", "1.234,5 kg", "(12.5 %)", "~5".

A `Writing` leads from such a text to that of a plain number, "-1234.5", and back. What the
digits are is the concern of the kinds of numbers (`synthtab.data.columns.numeric`); here is
what stands around and between them. All of a column's numbers are written in one way: where
two texts could be read in two ways, as "1,234" can, the others of the column decide.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

# Letters that stand for money: those of ISO 4217, and what people write instead.
_CODES = [
    "AED",
    "ARS",
    "AUD",
    "BGN",
    "BRL",
    "CAD",
    "CHF",
    "CLP",
    "CNY",
    "COP",
    "CZK",
    "DKK",
    "EGP",
    "EUR",
    "GBP",
    "HKD",
    "HUF",
    "IDR",
    "ILS",
    "INR",
    "ISK",
    "JPY",
    "KES",
    "KRW",
    "KZT",
    "MAD",
    "MXN",
    "MYR",
    "NGN",
    "NOK",
    "NZD",
    "PEN",
    "PHP",
    "PKR",
    "PLN",
    "QAR",
    "RMB",
    "RON",
    "RSD",
    "RUB",
    "SAR",
    "SEK",
    "SGD",
    "THB",
    "TND",
    "TRY",
    "TWD",
    "UAH",
    "USD",
    "UYU",
    "VND",
    "ZAR",
    "XAF",
    "XOF",
    "BTC",
    "ETH",
]
_ABBREVIATIONS = (
    "Rs.",
    "Rs",
    "Fr.",
    "kr.",
    "kr",
    "Kr",
    "zł",
    "Kč",
    "Ft",
    "лв",
    "руб.",
    "р.",
)
# A sign for money, perhaps with the letters of a country before it: US$, R$.
_SIGN = r"(?:[A-Z]{0,3}[$€£¥₹₽₩₪₫₺₴₦฿₡₱﷼¢￥＄￡￦])"
_SPACE = "[ \u00a0\u202f\u2009]"
_NAMES = "|".join(re.escape(name) for name in (*_CODES, *_ABBREVIATIONS))
_MONEY = rf"(?:{_SIGN}|{_NAMES})"
# What says how exact a number is, or on which side of it the truth is.
_ABOUT_WORDS = (
    "about|approx|approximately|around|circa|ca|cca|roughly|est|only|from|over|under|max|min"
    "|up to|at least|at most|etwa|rund|ungefähr|ab|bis|env|environ|aprox|unos|около|до|от"
)
_ABOUT = (
    r"(?:[~≈≃∼≅±Ø<>≤≥]=?|[約约]|(?:c|ca|cca|approx|est|env|aprox|max|min)\."
    rf"|(?:{_ABOUT_WORDS})(?={_SPACE})"
    # A short name and its value, as in p=0.05 and BMI: 22.
    r"|[^\W\d_]{1,6}_?[^\W\d_]{0,6} ?[=:])"
)
_BEFORE = rf"(?:'|(?:(?i:{_ABOUT}){_SPACE}?)?(?:{_MONEY}{_SPACE}?)?)"
# Such a short name of a key.
_KEY_NAME = re.compile(
    r"(?i:.*(?:id|no|nr|num|ref|key|code|sku|tel|fon|phone|fax|mob|pin|zip|plz|acct"
    r"|card|user|kd)) ?[=:] ?"
)
# What stands behind a number: a share, a unit of measurement, or money. It has no digit,
# so that it is no part of a code, but where these are of the unit: m2, per 100 km.
_LETTER = r"[^\s\d!-/:-@\[-`{-~±¼½¾\u2010-\u2015\u2026\u2150-\u215e\u2212]"
_UNIT_WORD = (
    rf"(?:[%‰‱]|[°ºµμΩ]?(?:{_LETTER}|[·/.]){{1,16}}"
    r"|(?:mm|cm|dm|km|m|ft|in|yd|mi|s|Nm|kg/m)[23]|[°º″′\"'])"
)
_PER = rf"(?: ?/ ?| per | pro | par )\d{{1,5}}(?:{_SPACE}?{_UNIT_WORD})?"
_UNIT = rf"{_UNIT_WORD}(?:{_SPACE}{_UNIT_WORD}){{0,2}}"
# Whole amounts of money: 5,- and 5.- and 5:-
_NO_CENTS = r"[,.:](?:-{1,2}|[\u2013\u2014])"
_AFTER = (
    rf"(?:{_NO_CENTS})?(?:{_SPACE}?(?:{_MONEY}|{_UNIT}))?(?:{_PER}| of \d+| von \d+)?"
)
_MINUS = r"\-\u2212\u2013"

# The parts of a written number, in order. `body` has the digits and the marks.
_NUMBER = re.compile(
    rf"(?P<open>\()?(?P<sign>[+{_MINUS}]{_SPACE}?)?"
    rf"(?P<before>{_BEFORE})(?P<inner>[+{_MINUS}])?"
    rf"(?P<body>\d(?:[\d.,'’_٫٬．， \u00a0\u202f\u2009]*\d)?|[.,]\d+)"
    rf"(?P<exponent>[eE][+-]?\d{{1,3}})?"
    rf"(?P<after>{_AFTER})(?P<behind>[+{_MINUS}])?(?P<close>\))?"
)
# A unit that ends in a digit.
_CUBIC = re.compile(r"[a-z][23]$")
_EXPONENT = re.compile(r"([eE])([+-]?)(\d+)")
# Marks between thousands, and marks before decimals. The first of several that suit a
# column equally well is taken.
_POINT_FIRST = (
    ("", "."),
    (",", "."),
    ("", ","),
    (".", ","),
    (" ", ","),
    (" ", "."),
    ("\u00a0", ","),
    ("\u202f", ","),
    ("\u2009", ","),
    ("\u00a0", "."),
    ("\u202f", "."),
    ("'", "."),
    ("’", "."),
    ("'", ","),
    ("_", "."),
    # Of the digits of Arabic, and of wide ones.
    ("", "٫"),
    ("٬", "٫"),
    ("", "．"),
    ("，", "．"),
)
# In a file whose cells are separated by semicolons the comma is free for decimals.
_COMMA_FIRST = (
    ("", "."),
    ("", ","),
    (".", ","),
    *(marks for marks in _POINT_FIRST[4:]),
    (",", "."),
)
# Numbers of so many digits, all of one length and none twice, are telephone numbers and the
# like if there are spaces between their digits.
_TELEPHONE = 7
# So many texts are looked at first: nearly all columns show there that they are no numbers.
_GLANCE = 50
# Of numbers out of a number, as 7/10, few different ones are grades or classes.
_FEWEST_OUT_OF = 20
# Endings of ordinal numbers: of those that end in 1, 2, 3 and others; or of 1 and others.
_ORDINALS = ("st|nd|rd|th", "er|e")
# An ending that a unit has where the number is not 1.
_PLURAL = "(s)"

Counts = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Writing:
    """How numbers are written.

    Attributes:
        before: What stands before the digits, such as "$" or "CHF ".
        after: What stands behind them, such as " kg" or "%"; " item(s)" where 1 has no s.
        thousands: The mark between groups of digits; "" for none.
        decimal: The mark before the decimals.
        indian: Whether groups are of two digits but for the last: 12,34,567.
        grouped_from: The least number of digits that are grouped: 5 where 1234 is written
            beside 12,345.
        negative: How -5 is written, with 5 for the rest: "-5" for the minus first, "$-5"
            behind what stands before, "5-" last, "(5)" in parentheses. Any minus sign.
        plus: Whether numbers above 0 have a plus sign.
        exponent: The exponent as all numbers have it, such as "E+00"; "" for none.
        digits: Digits behind the mark before an exponent; -1 for those that it takes.
        ordinal: The endings of ordinal numbers, such as "st|nd|rd|th"; "" for none.
        zero: The zero of the digits, such as "٠"; "0" for the usual ones.
    """

    before: str = ""
    after: str = ""
    thousands: str = ""
    decimal: str = "."
    indian: bool = False
    grouped_from: int = 4
    negative: str = "-5"
    plus: bool = False
    exponent: str = ""
    digits: int = 0
    ordinal: str = ""
    zero: str = "0"

    # -- reading

    def plain(self, text: str) -> str | None:
        """The text of a plain number, such as "-1234.5"; None if it is written otherwise."""
        if _zero_of(text) != self.zero:
            return None
        match = _NUMBER.fullmatch(_with_digits(text, self.zero, "0"))
        if match is None or not self._is_framed(match):
            return None
        body = self._plain_body(match["body"])
        if body is None:
            return None
        is_negative = _negative_of(match) is not None
        exponent = match["exponent"] or ""
        return ("-" if is_negative else "") + body + exponent

    def _is_framed(self, match: re.Match[str]) -> bool:
        """Whether what stands around the digits is as in this column."""
        wanted = self._after(match["body"])
        if (match["before"] or "") != self.before or (match["after"] or "") != wanted:
            return False
        if bool(match["exponent"]) != bool(self.exponent):
            return False
        signs = _signs(match)
        if not signs:
            # Nobody writes +0.
            needs_plus = self.plus and match["body"].strip("0.,")
            return bool(match["open"]) == bool(match["close"]) and not needs_plus
        if self.plus and signs == ["+"]:
            return True
        return _negative_of(match) == self.negative

    def _after(self, body: str) -> str:
        """What stands behind a number.

        Args:
            body: Its digits and marks.
        """
        if self.ordinal:
            return _ordinal_ending(self.ordinal, body) + self.after
        if self.after.endswith(_PLURAL):
            return self.after.removesuffix(_PLURAL) + ("" if body == "1" else "s")
        return self.after

    def _plain_body(self, body: str) -> str | None:
        """The digits without marks; None if the marks are not those of this column."""
        whole, mark, fraction = body.partition(self.decimal)
        if fraction and not fraction.isdecimal():
            return None
        if self.thousands and len(whole) > 3:
            digits = whole.replace(self.thousands, "")
            if digits.isdecimal() and whole != self._grouped(digits):
                return None
            whole = digits
        if whole and not whole.isdecimal():
            return None
        # "007" is a name.
        if len(whole) > 1 and whole[0] == "0":
            return None
        return f"{whole or '0'}.{fraction}" if mark else whole

    def _grouped(self, digits: str) -> str:
        """Digits with marks between the groups."""
        if not self.thousands or len(digits) < self.grouped_from:
            return digits
        size = 2 if self.indian else 3
        head, tail = digits[:-3], digits[-3:]
        groups = [tail]
        while head:
            groups.append(head[-size:])
            head = head[:-size]
        return self.thousands.join(reversed(groups))

    # -- writing

    def write(self, plain: str) -> str:
        """The inverse of `plain`."""
        if self.exponent:
            plain = self._scientific(plain)
        is_negative = plain.startswith("-")
        number, letter, exponent = plain.lstrip("-").partition(self.exponent[:1] or "e")
        whole, point, fraction = number.partition(".")
        body = self._grouped(whole)
        if point:
            body += self.decimal + fraction
        return self._framed(body + letter + exponent, is_negative)

    def _scientific(self, plain: str) -> str:
        """A number with an exponent in the column's form."""
        value = float(plain)
        digits = self.digits
        if digits < 0:
            # The fewest that give the number back.
            digits = next(d for d in range(17) if float(f"{value:.{d}e}") == value)
        mantissa, _, exponent = f"{value:.{digits}e}".partition("e")
        form = _EXPONENT.fullmatch(self.exponent)
        assert form is not None, f"no exponent, report this: {self.exponent}"
        letter, sign, width = form[1], form[2], len(form[3])
        number = int(exponent)
        shown = "-" if number < 0 else sign.replace("-", "")
        return f"{mantissa}{letter}{shown}{abs(number):0{width}d}"

    def _framed(self, body: str, is_negative: bool) -> str:
        """The digits with all that stands around them."""
        after = self._after(body)
        shown = _with_digits(body, "0", self.zero)
        if not is_negative:
            is_zero = not any(digit in "123456789" for digit in body)
            sign = "+" if self.plus and not is_zero else ""
            return f"{sign}{self.before}{shown}{after}"
        form = self.negative
        if form == "(5)":
            return f"({self.before}{shown}{after})"
        if form.startswith("$"):
            return f"{self.before}{form[1:-1]}{shown}{after}"
        if form.endswith("5"):
            return f"{form[:-1]}{self.before}{shown}{after}"
        return f"{self.before}{shown}{after}{form[1:]}"

    # -- all texts of a column

    def plain_texts(self, texts: Texts) -> tuple[Texts, Mask]:
        """Written numbers => plain ones, and which texts are such. Others stay as they are."""
        read = [self.plain(str(text).strip()) for text in texts]
        fits = np.array([one is not None for one in read], dtype=bool)
        result = np.array(
            [
                str(t) if one is None else one
                for t, one in zip(texts, read, strict=True)
            ],
            dtype=object,
        )
        return result, fits

    def written(self, plain: Texts) -> Texts:
        """Plain numbers => written ones."""
        return np.array([self.write(text) for text in plain.tolist()], dtype=object)

    # -- as an option of a column

    def to_json(self) -> dict[str, Any]:
        """What differs from a plain number, for `from_json`."""
        return {
            name: value
            for name, value in vars(self).items()
            if value != vars(_PLAIN)[name]
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Writing:
        """The inverse of `to_json`."""
        return cls(**dict(data))

    def example(self, whole: bool) -> str:
        """A number in this writing, for people.

        Args:
            whole: Whether it is a whole number.
        """
        number = "1234" if self.thousands else "12"
        sign = "-" if self.negative == "(5)" else ""
        return self.write(sign + number + ("" if whole else ".5"))

    def is_guess(self, texts: Texts) -> bool:
        """Whether the marks could as well stand before decimals, given texts that fit.

        All of "1,234", "5,678" and "0,250" could be; "1,234,567" could not.
        """
        if self.thousands not in (",", ".") or self.exponent:
            return False
        other = replace(self, thousands="", decimal=self.thousands)
        return bool(other.plain_texts(texts)[1].all())


_PLAIN = Writing()

# `Writing` as an entry of `Column.options`, see `ColumnEncoder.schema_options`.
WRITTEN_OPTION: dict[str, Any] = {
    "type": "object",
    "description": (
        "How the numbers are written: before, after, thousands, decimal, indian, "
        "grouped_from, negative (-5, $-5, 5-, (5)), plus, exponent, digits, ordinal, "
        "zero."
    ),
    "additionalProperties": False,
    "properties": {
        "before": {"type": "string"},
        "after": {"type": "string"},
        "thousands": {"type": "string"},
        "decimal": {"type": "string", "minLength": 1},
        "indian": {"type": "boolean"},
        "grouped_from": {"type": "integer", "minimum": 4},
        "negative": {"type": "string"},
        "plus": {"type": "boolean"},
        "exponent": {"type": "string"},
        "digits": {"type": "integer", "minimum": -1},
        "ordinal": {"enum": ["", *_ORDINALS]},
        "zero": {"type": "string", "minLength": 1, "maxLength": 1},
    },
}


def detect(
    texts: Texts, counts: Counts, comma: bool = False
) -> tuple[Writing, Mask] | None:
    """How most of the numbers among some texts are written.

    Args:
        texts: Distinct texts of a column.
        counts: How many rows have each.
        comma: Whether a comma rather stands before decimals, where nothing else decides.

    Returns:
        The writing that most rows fit, and which texts fit it; None if few do.
    """
    given = [str(text).strip() for text in texts]
    by_frequency = np.argsort(-counts, kind="stable")[:_GLANCE]
    zero = _commonest([given[i] for i in by_frequency], counts[by_frequency], _zero_of)
    stripped = [
        _with_digits(text, zero, "0") if _zero_of(text) == zero else ""
        for text in given
    ]
    seen = [_NUMBER.fullmatch(stripped[i]) is not None for i in by_frequency]
    if 2 * sum(seen) < len(by_frequency):
        return None
    found = _detected(stripped, counts, comma)
    if found is None or _are_telephones(found[0], stripped, found[1]):
        return None
    return replace(found[0], zero=zero), found[1]


def _detected(
    texts: list[str], counts: Counts, comma: bool
) -> tuple[Writing, Mask] | None:
    """`detect` for stripped texts with the usual digits."""
    matches = [_NUMBER.fullmatch(text) for text in texts]
    endings = _endings(matches)

    def frame_of(match: re.Match[str]) -> tuple[str, str, str, bool]:
        after, ordinal = endings(match)
        return match["before"] or "", after, ordinal, bool(match["exponent"])

    frame = _commonest(matches, counts, frame_of)
    if frame is None:
        return None
    before, after, ordinal, has_exponent = frame
    if _KEY_NAME.fullmatch(before):
        return None
    framed = [m if m is not None and frame_of(m) == frame else None for m in matches]
    if _is_out_of(after) and sum(m is not None for m in framed) < _FEWEST_OUT_OF:
        return None
    negative = _commonest(framed, counts, _negative_of) or "-5"
    positives = [m for m in framed if m is not None and _negative_of(m) is None]
    plus = _have_plus(positives)
    exponent, digits = _exponent_of(framed) if has_exponent else ("", 0)
    frame_only = Writing(
        before=before,
        after=after,
        negative=negative,
        plus=plus,
        exponent=exponent,
        digits=digits,
        ordinal=ordinal,
    )
    best: tuple[int, Writing, Mask] | None = None
    for thousands, decimal in _COMMA_FIRST if comma else _POINT_FIRST:
        # A mark that no number has is none.
        is_there = any(thousands in m["body"] for m in framed if m is not None)
        if thousands and (has_exponent or not is_there):
            continue
        for indian, grouped_from in _groupings(thousands):
            writing = replace(
                frame_only,
                thousands=thousands,
                decimal=decimal,
                indian=indian,
                grouped_from=grouped_from,
            )
            fits = _fitting(writing, texts, framed)
            rows = int(counts[fits].sum())
            if best is None or rows > best[0]:
                best = (rows, writing, fits)
    return best[1:] if best is not None and best[0] else None


def _zero_of(text: str) -> str:
    """The zero of the digits of a text; "" where they are of several scripts."""
    if text.isascii():
        return "0"
    zeros = {chr(ord(c) - unicodedata.decimal(c)) for c in text if c.isdecimal()}
    return zeros.pop() if len(zeros) == 1 else "" if zeros else "0"


def _with_digits(text: str, own: str, wanted: str) -> str:
    """The text with its digits in another script, given the zeros of both."""
    if own == wanted or not own:
        return text
    change = {ord(own) + i: ord(wanted) + i for i in range(10)}
    return text.translate(change)


def _ordinal_ending(ordinal: str, body: str) -> str:
    """The ending of an ordinal number, given the endings that there are."""
    endings = ordinal.split("|")
    if len(endings) == 2:
        return endings[0] if body == "1" else endings[1]
    last = body[-1:]
    is_teen = body[-2:-1] == "1"
    return endings[int(last) - 1] if last in "123" and not is_teen else endings[3]


def _endings(
    matches: list[re.Match[str] | None],
) -> Callable[[re.Match[str]], tuple[str, str]]:
    """What stands behind a number, as `Writing.after` and `Writing.ordinal` have it.

    Args:
        matches: All of a column, which show whether units have a plural.
    """
    found = {(m["body"] == "1", m["after"]) for m in matches if m is not None}
    singular = {
        after for is_one, after in found if is_one and (False, f"{after}s") in found
    }
    ordinals = []
    for ordinal in _ORDINALS:
        seen = {
            _ordinal_ending(ordinal, m["body"])
            for m in matches
            if m is not None
            and m["after"].startswith(_ordinal_ending(ordinal, m["body"]))
        }
        if len(seen) > 1:
            ordinals.append(ordinal)

    def ending(match: re.Match[str]) -> tuple[str, str]:
        after = match["after"] or ""
        for ordinal in ordinals:
            own = _ordinal_ending(ordinal, match["body"])
            if after.startswith(own):
                return after.removeprefix(own), ordinal
        is_one = match["body"] == "1"
        stem = after if is_one else after.removesuffix("s")
        if stem in singular and after == stem + ("" if is_one else "s"):
            return stem + _PLURAL, ""
        return after, ""

    return ending


def _fitting(
    writing: Writing, texts: list[str], matches: list[re.Match[str] | None]
) -> Mask:
    """``[texts]``: which texts come back as they were."""
    fits = np.zeros(len(texts), dtype=bool)
    for i, match in enumerate(matches):
        if match is not None:
            plain = writing.plain(texts[i])
            fits[i] = plain is not None and (
                bool(writing.exponent)
                or writing.write(plain) == texts[i]
                or _is_short(texts[i])
            )
    return fits


def _is_short(text: str) -> bool:
    """Whether a text has no digit before its mark: ".5" comes back as "0.5"."""
    return bool(re.search(r"(?<!\d)[.,]\d", text))


def _groupings(thousands: str) -> Iterator[tuple[bool, int]]:
    """Ways to set marks between digits: in threes or as in India, from which length on."""
    yield False, 4
    if thousands:
        yield False, 5
    if thousands == ",":
        yield True, 4


def _commonest(matches: list[Any], counts: Counts, of: Any) -> Any:
    """Of what ``of`` says of matches or texts, None aside, what most rows have."""
    rows: dict[Any, int] = {}
    for match, count in zip(matches, counts.tolist(), strict=True):
        found = None if match is None else of(match)
        if found is not None:
            rows[found] = rows.get(found, 0) + count
    return max(rows, key=lambda found: rows[found]) if rows else None


def _signs(match: re.Match[str]) -> list[str]:
    """The signs of a number, wherever they stand; "(" for parentheses."""
    signs = [match[name].strip() for name in ("sign", "inner", "behind") if match[name]]
    if match["open"] and match["close"]:
        signs.append("(")
    return signs


def _negative_of(match: re.Match[str]) -> str | None:
    """How a number shows that it is below 0, see `Writing.negative`; None if it is not."""
    if _signs(match) == ["("]:
        return "(5)"
    if (
        len(_signs(match)) != 1
        or match["open"]
        or match["close"]
        or "+" in _signs(match)
    ):
        return None
    if match["sign"]:
        return f"{match['sign']}5"
    if match["inner"]:
        return f"${match['inner']}5" if match["before"] else f"{match['inner']}5"
    return f"5{match['behind']}"


def _have_plus(positives: list[re.Match[str]]) -> bool:
    """Whether numbers that are not below 0 have a plus, but for 0."""
    return any(_signs(m) == ["+"] for m in positives) and all(
        _signs(m) == ["+"] or not m["body"].strip("0.,") for m in positives
    )


def _is_out_of(after: str) -> bool:
    """Whether what stands behind a number is another one, as in 7/10."""
    return after[-1:].isdecimal() and not _CUBIC.search(after)


def _exponent_of(matches: list[re.Match[str] | None]) -> tuple[str, int]:
    """The form of exponents, and the digits before them."""
    found = [m for m in matches if m is not None]
    forms = [_EXPONENT.fullmatch(m["exponent"]) for m in found]
    parts = [form for form in forms if form is not None]
    letter = parts[0][1]
    sign = "+" if any(part[2] == "+" for part in parts) else ""
    width = min(len(part[3]) for part in parts)
    counts = {len(re.sub(r"^\d*[.,]?", "", m["body"])) for m in found}
    digits = counts.pop() if len(counts) == 1 else -1
    return f"{letter}{sign}{'0' * width}", digits


def _are_telephones(writing: Writing, texts: list[str], fits: Mask) -> bool:
    """Whether numbers with spaces between their digits are rather telephone numbers."""
    if not writing.thousands.isspace() or writing.before or writing.after:
        return False
    lengths = {
        sum(c.isdigit() for c in text)
        for text, fit in zip(texts, fits, strict=True)
        if fit
    }
    return len(lengths) == 1 and lengths.pop() >= _TELEPHONE
