"""How the numbers of a column are written: "$1,234.50", "1.234,5 kg", "(12.5 %)".

A `Writing` leads from such a text to that of a plain number, "-1234.5", and back. What the
digits are is the concern of the kinds of numbers (`synthtab.data.columns.numeric`); here is
what stands around and between them. All of a column's numbers are written in one way: where
two texts could be read in two ways, as "1,234" can, the others of the column decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
_SIGN = r"(?:[A-Z]{0,3}[$€£¥₹₽₩₪₫₺₴₦฿₡₱﷼¢])"
_SPACE = "[ \u00a0\u202f\u2009]"
_NAMES = "|".join(re.escape(name) for name in (*_CODES, *_ABBREVIATIONS))
_MONEY = rf"(?:{_SIGN}|{_NAMES})"
# What stands behind a number: a share, a unit of measurement, or money. No digit, so that
# it is no part of a code.
_UNIT = r"(?:[%‰‱]|[°ºµμΩ]?[A-Za-zµμΩ°²³⁻¹·/.]{1,12}|[°º″′\"'])"
_MINUS = r"\-\u2212\u2013"

# The parts of a written number, in order. `body` has the digits and the marks.
_NUMBER = re.compile(
    rf"(?P<open>\()?(?P<sign>[+{_MINUS}]{_SPACE}?)?"
    rf"(?P<before>'|{_MONEY}{_SPACE}?)?(?P<inner>[+{_MINUS}])?"
    rf"(?P<body>\d(?:[\d.,'’_ \u00a0\u202f\u2009]*\d)?|[.,]\d+)"
    rf"(?P<exponent>[eE][+-]?\d{{1,3}})?"
    rf"(?P<after>{_SPACE}?(?:{_MONEY}|{_UNIT}))?(?P<behind>[+{_MINUS}])?(?P<close>\))?"
)
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

Counts = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Writing:
    """How numbers are written.

    Attributes:
        before: What stands before the digits, such as "$" or "CHF ".
        after: What stands behind them, such as " kg" or "%".
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

    # -- reading

    def plain(self, text: str) -> str | None:
        """The text of a plain number, such as "-1234.5"; None if it is written otherwise."""
        match = _NUMBER.fullmatch(text)
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
        if (match["before"] or "") != self.before or (
            match["after"] or ""
        ) != self.after:
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
        if not is_negative:
            is_zero = not any(digit in "123456789" for digit in body)
            sign = "+" if self.plus and not is_zero else ""
            return f"{sign}{self.before}{body}{self.after}"
        form = self.negative
        if form == "(5)":
            return f"({self.before}{body}{self.after})"
        if form.startswith("$"):
            return f"{self.before}{form[1:-1]}{body}{self.after}"
        if form.endswith("5"):
            return f"{form[:-1]}{self.before}{body}{self.after}"
        return f"{self.before}{body}{self.after}{form[1:]}"

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
        "grouped_from, negative (-5, $-5, 5-, (5)), plus, exponent, digits."
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
    stripped = [str(text).strip() for text in texts]
    by_frequency = np.argsort(-counts, kind="stable")[:_GLANCE]
    if 2 * sum(_NUMBER.fullmatch(stripped[i]) is not None for i in by_frequency) < len(
        by_frequency
    ):
        return None
    matches = [_NUMBER.fullmatch(text) for text in stripped]
    frame = _commonest(
        matches,
        counts,
        lambda m: (m["before"] or "", m["after"] or "", bool(m["exponent"])),
    )
    if frame is None:
        return None
    before, after, has_exponent = frame
    own = [
        m is not None
        and (m["before"] or "", m["after"] or "", bool(m["exponent"])) == frame
        for m in matches
    ]
    framed = [m if fits else None for m, fits in zip(matches, own, strict=True)]
    negative = _commonest(framed, counts, _negative_of) or "-5"
    positives = [m for m in framed if m is not None and _negative_of(m) is None]
    plus = any(_signs(m) == ["+"] for m in positives) and all(
        _signs(m) == ["+"] or not m["body"].strip("0.,") for m in positives
    )
    exponent, digits = _exponent_of(framed) if has_exponent else ("", 0)
    best: tuple[int, Writing, Mask] | None = None
    for thousands, decimal in _COMMA_FIRST if comma else _POINT_FIRST:
        if has_exponent and thousands:
            continue
        for indian, grouped_from in _groupings(thousands):
            writing = Writing(
                before,
                after,
                thousands,
                decimal,
                indian,
                grouped_from,
                negative,
                plus,
                exponent,
                digits,
            )
            fits = _fitting(writing, stripped, framed)
            rows = int(counts[fits].sum())
            # A mark that no number has is none.
            if thousands and not any(
                thousands in m["body"] for m in framed if m is not None
            ):
                continue
            if best is None or rows > best[0]:
                best = (rows, writing, fits)
    if best is None or not best[0]:
        return None
    _, writing, fits = best
    return None if _are_telephones(writing, stripped, fits) else (writing, fits)


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


def _commonest(matches: list[re.Match[str] | None], counts: Counts, of: Any) -> Any:
    """Of what ``of`` says of the matches, None aside, what most rows have."""
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
