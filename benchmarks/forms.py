"""Are columns of everyday forms read as what they are, and do rows have their form?

    python benchmarks/forms.py                  # all of 438 forms, as they are
    python benchmarks/forms.py stray total      # with stray words; with a last row "Total"
    python benchmarks/forms.py plain --show     # the forms that are wrong, with cells

Each form is a column of 400 cells of text, as a file gives them, from many fields and
countries. It is right if the kind is one that makes sense, and at least 98.5 % of the cells
of new rows match a pattern. The fit is short: it is about forms, not about distributions.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import string
import uuid
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from synthtab import Synthesizer, infer
from synthtab.core.errors import SynthtabError
from synthtab.data.columns import TEXT_MARK, cells_to_text

ROWS = 400
RANDOM = np.random.default_rng(77)
# Columns that are fitted together.
TOGETHER = 60
ENOUGH = 0.985
VARIANTS = ("plain", "stray", "missing", "total", "space")

Kinds = frozenset[str]
NUMBER: Kinds = frozenset({"integer", "float"})
COMPOUND: Kinds = frozenset({"compound"})
NUMBER_OR_FORM = NUMBER | COMPOUND
KEY: Kinds = frozenset({"identifier"})
CATEGORY: Kinds = frozenset({"category"})
DATE: Kinds = frozenset({"datetime"})
DURATION: Kinds = frozenset({"duration"})
BOOLEAN: Kinds = frozenset({"boolean"})
CONSTANT: Kinds = frozenset({"constant"})
REFUSED: Kinds = frozenset({"refused"})
CATEGORY_OR_BOOLEAN = CATEGORY | BOOLEAN

# Name -> cells; kinds that make sense; pattern of a cell ("date:%Y" for a format).
FORMS: dict[str, tuple[list[str], Kinds, str]] = {}


def form(name: str, cell: Callable[[int], str], kinds: Kinds, pattern: str) -> None:
    FORMS[name] = ([cell(i) for i in range(ROWS)], kinds, pattern)


def whole(low: int, high: int) -> int:
    return int(RANDOM.integers(low, high))


def one_of(*words: str) -> str:
    return str(RANDOM.choice(words))


def lognormal(mean: float, deviation: float) -> float:
    return float(RANDOM.lognormal(mean, deviation))


def normal(mean: float, deviation: float) -> float:
    return float(RANDOM.normal(mean, deviation))


def european(
    value: float, decimals: int = 2, thousands: str = ".", mark: str = ","
) -> str:
    """1234.5 => "1.234,50"."""
    american = f"{value:,.{decimals}f}"
    return american.translate(str.maketrans({",": thousands, ".": mark}))


def a_day() -> pd.Timestamp:
    return pd.Timestamp("2018-01-01") + pd.Timedelta(whole(0, 1500), "D")


def a_moment() -> pd.Timestamp:
    return pd.Timestamp("2018-01-01") + pd.Timedelta(whole(0, 1500 * 86_400), "s")


# --- numbers in writing
form(
    "swiss_typo",
    lambda i: "CHF " + european(lognormal(7, 1), 2, "’", "."),
    NUMBER,
    r"CHF \d{1,3}(’\d{3})*\.\d\d",
)
form(
    "nbsp_eur",
    lambda i: european(lognormal(7, 1), 2, "\u00a0", ",") + "\u00a0€",
    NUMBER,
    r"\d{1,3}(\u00a0\d{3})*,\d\d\u00a0€",
)
form(
    "thin_space",
    lambda i: european(lognormal(9, 1), 0, "\u2009"),
    NUMBER,
    r"\d{1,3}(\u2009\d{3})*",
)
form(
    "eur_before",
    lambda i: "€ " + european(lognormal(6, 1)),
    NUMBER,
    r"€ \d{1,3}(\.\d{3})*,\d\d",
)
form("eur_glued", lambda i: f"€{lognormal(4, 1):.2f}", NUMBER, r"€\d+\.\d\d")
form(
    "brl",
    lambda i: "R$ " + european(lognormal(7, 1)),
    NUMBER,
    r"R\$ \d{1,3}(\.\d{3})*,\d\d",
)
form("yen", lambda i: f"¥{whole(100, 90000):,}", NUMBER, r"¥\d{1,3}(,\d{3})*")
form("yen_after", lambda i: f"{whole(100, 90000):,}円", NUMBER, r"\d{1,3}(,\d{3})*円")
form("kr_dash", lambda i: f"{whole(10, 900)},- kr", NUMBER_OR_FORM, r"\d+,- kr")
form("rupees", lambda i: f"Rs. {whole(100, 9999)}", NUMBER, r"Rs\. \d+")
form(
    "indian_lakh", lambda i: f"{lognormal(2, 0.6):.2f} lakh", NUMBER, r"\d+\.\d\d lakh"
)
form("aud", lambda i: f"A${lognormal(4, 1):.2f}", NUMBER, r"A\$\d+\.\d\d")
form("gbp_pence", lambda i: f"{whole(20, 99)}p", NUMBER, r"\d+p")
form("permille", lambda i: f"{abs(normal(5, 2)):.1f} ‰", NUMBER, r"\d+\.\d ‰")
form("bp", lambda i: f"{whole(1, 300)} bps", NUMBER, r"\d+ bps")
form("permyriad", lambda i: f"{whole(1, 300)}‱", NUMBER, r"\d+‱")
form("degree", lambda i: f"{normal(10, 8):.1f}°", NUMBER, r"-?\d+\.\d°")
form(
    "minus2212",
    lambda i: f"{normal(0, 8):.1f} °C".replace("-", "\u2212"),
    NUMBER,
    r"\u2212?\d+\.\d °C",
)
form(
    "endash_minus",
    lambda i: f"{normal(0, 8):.1f}".replace("-", "–"),
    NUMBER,
    r"–?\d+\.\d",
)
form("inches", lambda i: f'{whole(10, 60)}"', NUMBER, r'\d+"')
form(
    "feet_inches",
    lambda i: f"{whole(4, 7)}'{whole(0, 12)}\"",
    COMPOUND | CATEGORY | DURATION,
    r"[4-6]'(\d|1[01])\"",
)
form(
    "feet_inches2",
    lambda i: f"{whole(4, 7)} ft {whole(0, 12)} in",
    COMPOUND | CATEGORY,
    r"[4-6] ft (\d|1[01]) in",
)
form(
    "half",
    lambda i: f"{whole(1, 30)}{one_of('½', '¼', '¾', '')}",
    COMPOUND,
    r"\d+[½¼¾]?",
)
form(
    "fraction_mixed",
    lambda i: f"{whole(1, 30)} {one_of('1/2', '1/4', '3/4')}",
    COMPOUND,
    r"\d+ (1/2|1/4|3/4)",
)
form(
    "sci1", lambda i: f"{lognormal(-9, 2):.0e}".replace("e-0", "e-"), NUMBER, r"\de-\d+"
)
form("sci2", lambda i: f"{lognormal(14, 2):.1E}", NUMBER, r"\d\.\dE[+]\d\d")
form(
    "x10",
    lambda i: f"{RANDOM.uniform(1, 9.9):.1f}×10^{whole(3, 9)}",
    COMPOUND | NUMBER,
    r"\d\.\d×10\^[3-8]",
)
form("onek", lambda i: f"{whole(1, 90)}k", NUMBER, r"\d+k")
form(
    "kM_mix",
    lambda i: f"{whole(1, 900)}k" if i % 3 else f"{lognormal(1, 0.6):.1f}M",
    COMPOUND,
    r"\d+k|\d+\.\dM",
)
form(
    "usd_bn",
    lambda i: f"${lognormal(1, 0.7):.1f}bn" if i % 2 else f"${whole(10, 990)}m",
    COMPOUND,
    r"\$\d+\.\dbn|\$\d+m",
)
form(
    "usd_mil",
    lambda i: f"${lognormal(1, 0.7):.1f} million",
    NUMBER,
    r"\$\d+\.\d million",
)
form(
    "censor_gt",
    lambda i: ">100" if i % 9 == 0 else f"{RANDOM.uniform(1, 100):.1f}",
    NUMBER | COMPOUND,
    r">100|\d+\.\d",
)
form(
    "censor_lt",
    lambda i: "<0.01" if i % 4 == 0 else f"{lognormal(-2, 1) + 0.01:.2f}",
    NUMBER | COMPOUND,
    r"<0\.01|\d+\.\d\d",
)
form(
    "censor_many",
    lambda i: (
        f"<{whole(1, 5)}"
        if i % 4 == 0
        else f">{whole(100, 105)}"
        if i % 4 == 1
        else f"{whole(5, 100)}"
    ),
    NUMBER | COMPOUND | CATEGORY,
    r"<[1-4]|>10\d|\d+",
)
form("approx", lambda i: f"~{whole(1, 500)}", NUMBER, r"~\d+")
form("ca", lambda i: f"ca. {whole(1, 500)}", NUMBER, r"ca\. \d+")
form(
    "plusminus",
    lambda i: f"{normal(50, 9):.1f}±{abs(normal(1, 0.3)):.1f}",
    COMPOUND,
    r"\d+\.\d±\d+\.\d",
)
form(
    "plusminus_sp",
    lambda i: f"{normal(50, 9):.2f} ± {abs(normal(1, 0.3)):.2f}",
    COMPOUND,
    r"\d+\.\d\d ± \d+\.\d\d",
)
form(
    "mean_sd",
    lambda i: f"{normal(50, 9):.1f} ({abs(normal(5, 1)):.1f})",
    COMPOUND,
    r"\d+\.\d \(\d+\.\d\)",
)
form(
    "ci",
    lambda i: f"{normal(2, 0.3):.2f} [{normal(1, 0.1):.2f}, {normal(3, 0.1):.2f}]",
    COMPOUND,
    r"\d\.\d\d \[\d\.\d\d, \d\.\d\d\]",
)
form(
    "range_small",
    lambda i: (lambda a: f"{a}-{a + whole(1, 9)}")(whole(1, 40)),
    COMPOUND | CATEGORY,
    r"\d+-\d+",
)
form(
    "range_en",
    lambda i: (lambda a: f"{a}–{a + whole(1, 900)}")(whole(1, 900)),
    COMPOUND,
    r"\d+–\d+",
)
form(
    "range_money",
    lambda i: (lambda a: f"${a}k - ${a + whole(5, 90)}k")(whole(20, 400)),
    COMPOUND,
    r"\$\d+k - \$\d+k",
)
form("times10", lambda i: f"{whole(1, 60)}x", NUMBER, r"\d+x")
form("out_of5", lambda i: f"{whole(1, 6)}/5", CATEGORY | COMPOUND, r"[1-5]/5")
form("out_of_100", lambda i: f"{whole(20, 101)}/100", COMPOUND | NUMBER, r"\d+/100")
form(
    "ordinal",
    lambda i: (
        lambda n: (
            f"{n}{'th' if 10 <= n % 100 <= 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"
        )
    )(whole(1, 120)),
    CATEGORY | COMPOUND | NUMBER,
    r"\d+(st|nd|rd|th)",
)
form("ordinal_de", lambda i: f"{whole(1, 90)}.", NUMBER | CATEGORY, r"\d+\.")
form("hash_no", lambda i: f"#{whole(1, 400)}", NUMBER | CATEGORY | KEY, r"#\d+")
form(
    "version",
    lambda i: f"v{whole(1, 4)}.{whole(0, 20)}.{whole(0, 40)}",
    COMPOUND,
    r"v\d\.\d+\.\d+",
)
form(
    "version4",
    lambda i: f"{whole(1, 4)}.{whole(0, 20)}.{whole(0, 40)}-rc{whole(1, 4)}",
    COMPOUND | KEY,
    r"\d\.\d+\.\d+-rc\d",
)
form(
    "arabic_digits",
    lambda i: str(whole(100, 9999)).translate(
        str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    ),
    NUMBER,
    r"[٠-٩]{3,4}",
)
form(
    "fullwidth",
    lambda i: str(whole(100, 9999)).translate(
        str.maketrans("0123456789", "０１２３４５６７８９")
    ),
    NUMBER,
    r"[０-９]{3,4}",
)
form("pct_signed", lambda i: f"{normal(0, 3):+.2f}%", NUMBER, r"[+-]\d+\.\d\d%")
form(
    "arrow_pct",
    lambda i: f"{one_of('▲', '▼')} {abs(normal(0, 3)):.2f}%",
    COMPOUND,
    r"[▲▼] \d+\.\d\d%",
)
form(
    "paren_pct",
    lambda i: (lambda x: f"({-x:.1f}%)" if x < 0 else f"{x:.1f}%")(normal(1, 3)),
    NUMBER,
    r"\(\d+\.\d%\)|\d+\.\d%",
)
form("odds", lambda i: f"{whole(1, 30)}/{whole(1, 6)}", COMPOUND | CATEGORY, r"\d+/\d")
form("ratio", lambda i: f"1:{whole(2, 900)}", COMPOUND | NUMBER, r"1:\d+")
form(
    "titer",
    lambda i: f"1:{2 ** whole(2, 10) * 10}",
    CATEGORY | COMPOUND,
    r"1:(40|80|160|320|640|1280|2560|5120)",
)
form(
    "dosage",
    lambda i: f"{one_of('5', '10', '20', '250', '500')} mg",
    CATEGORY | NUMBER,
    r"(5|10|20|250|500) mg",
)
form(
    "dose_freq",
    lambda i: f"{one_of('5', '10', '20', '250', '500')}mg {one_of('1', '2', '3')}x/day",
    CATEGORY | COMPOUND,
    r"\d+mg [123]x/day",
)
form(
    "visus",
    lambda i: f"20/{one_of('20', '25', '30', '40', '60', '100')}",
    CATEGORY | COMPOUND,
    r"20/(20|25|30|40|60|100)",
)
form("tablet_area", lambda i: f"{whole(20, 300)} m²", NUMBER, r"\d+ m²")
form("sqft", lambda i: f"{whole(400, 5000):,} sq ft", NUMBER, r"\d{1,3}(,\d{3})? sq ft")
form(
    "kwh100",
    lambda i: f"{normal(15, 3):.1f} kWh/100km".replace(".", ","),
    NUMBER | COMPOUND,
    r"\d+,\d kWh/100km",
)
form(
    "dims_x",
    lambda i: f"{whole(10, 99)}×{whole(10, 99)}×{whole(5, 50)} mm",
    COMPOUND,
    r"\d+×\d+×\d+ mm",
)
form(
    "screen",
    lambda i: one_of("1920x1080", "1366x768", "1536x864", "360x640", "414x896"),
    CATEGORY,
    r"1920x1080|1366x768|1536x864|360x640|414x896",
)
form(
    "bytes",
    lambda i: f"{whole(1, 999)} KB" if i % 2 else f"{lognormal(1, 1):.1f} MB",
    COMPOUND,
    r"\d+ KB|\d+\.\d MB",
)
form(
    "de_dec_plain",
    lambda i: f"{abs(normal(7, 2)):.1f}".replace(".", ","),
    NUMBER,
    r"\d+,\d",
)
form(
    "arabic_dec",
    lambda i: f"{abs(normal(7, 2)):.2f}".translate(
        str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
    ),
    NUMBER,
    r"[٠-٩]+٫[٠-٩]{2}",
)
form(
    "space_minus",
    lambda i: f"{normal(0, 50):.2f}".replace("-", "- "),
    NUMBER,
    r"(- )?\d+\.\d\d",
)
form(
    "cr_dr",
    lambda i: f"{lognormal(5, 1):,.2f} {one_of('CR', 'DR')}",
    COMPOUND,
    r"\d{1,3}(,\d{3})*\.\d\d (CR|DR)",
)
form(
    "footnote",
    lambda i: f"{whole(100, 999)}{one_of('', '', '', '*', '[1]')}",
    NUMBER | COMPOUND,
    r"\d+(\*|\[1\])?",
)
# --- times
form(
    "lap",
    lambda i: f"00:{whole(0, 60):02d}.{whole(0, 10)}",
    DURATION | DATE,
    r"00:[0-5]\d\.\d",
)
form(
    "lap2",
    lambda i: f"1:{whole(0, 60):02d}:{whole(0, 60):02d}.{whole(0, 10)}",
    DURATION | DATE,
    r"1:[0-5]\d:[0-5]\d\.\d",
)
form(
    "lap3",
    lambda i: f"{whole(1, 4)}:{whole(0, 60):02d}.{whole(0, 100):02d}",
    DURATION | DATE,
    r"[1-3]:[0-5]\d\.\d\d",
)
form("min", lambda i: f"{whole(20, 200)} min.", NUMBER | DURATION, r"\d+ min\.")
form(
    "h30",
    lambda i: f"{whole(1, 9)}h{whole(0, 60):02d}",
    DURATION | DATE,
    r"[1-8]h[0-5]\d",
)
form("hm", lambda i: f"{whole(1, 9)}h {whole(0, 60)}m", DURATION, r"[1-8]h [1-5]?\dm")
form("jours", lambda i: f"{whole(1, 40)}j", NUMBER | DURATION, r"\d+j")
form(
    "jours2",
    lambda i: f"{whole(1, 40)} j {whole(0, 24)} h",
    DURATION | COMPOUND,
    r"\d+ j (\d|1\d|2[0-3]) h",
)
form("tage", lambda i: f"{whole(1, 40)} Tage", NUMBER | DURATION, r"\d+ Tage")
form(
    "stunden",
    lambda i: f"{abs(normal(4, 1)):.1f} Std.".replace(".", ",", 1),
    NUMBER | DURATION,
    r"\d+,\d Std\.",
)
form(
    "years_months",
    lambda i: f"{whole(0, 30)}y {whole(0, 12)}m",
    DURATION | COMPOUND,
    r"\d+y (\d|1[01])m",
)
form(
    "monpm",
    lambda i: (
        f"{one_of('Mon', 'Tue', 'Wed', 'Thu', 'Fri')} {whole(1, 12)}{one_of('am', 'pm')}"
    ),
    DATE | CATEGORY | COMPOUND,
    r"(Mon|Tue|Wed|Thu|Fri) ([1-9]|1[0-2])[ap]m",
)
form(
    "pm3",
    lambda i: f"{whole(1, 13)} {one_of('am', 'pm')}",
    DATE | CATEGORY,
    r"([1-9]|1[0-2]) [ap]m",
)
form(
    "h15",
    lambda i: f"{whole(0, 24)}h{one_of('00', '15', '30', '45')}",
    DATE | DURATION | CATEGORY,
    r"(\d|1\d|2[0-3])h(00|15|30|45)",
)
form(
    "uhr",
    lambda i: f"{whole(0, 24):02d}.{whole(0, 60):02d} Uhr",
    DATE,
    r"([01]\d|2[0-3])\.[0-5]\d Uhr",
)
form(
    "time_span",
    lambda i: (
        lambda a: (
            f"{a:02d}:{one_of('00', '30')}-{a + whole(1, 6):02d}:{one_of('00', '30')}"
        )
    )(whole(7, 17)),
    CATEGORY | COMPOUND | DATE,
    r"([01]\d|2[0-3]):(00|30)-([01]\d|2[0-3]):(00|30)",
)
form(
    "time_span_var",
    lambda i: (
        lambda a: (
            f"{a:02d}:{whole(0, 60):02d} - {a + whole(1, 6):02d}:{whole(0, 60):02d}"
        )
    )(whole(7, 17)),
    CATEGORY | COMPOUND | DATE,
    r"([01]\d|2[0-3]):[0-5]\d - ([01]\d|2[0-3]):[0-5]\d",
)
form("yyyymmdd", lambda i: a_day().strftime("%Y%m%d"), DATE, "date:%Y%m%d")
form(
    "dmy_short",
    lambda i: (lambda d: f"{d.day}.{d.month}.{d:%y}")(a_day()),
    DATE,
    r"([1-9]|[12]\d|3[01])\.([1-9]|1[0-2])\.\d\d",
)
form(
    "fr_dt",
    lambda i: a_moment().strftime("%d/%m/%Y %Hh"),
    DATE,
    r"[0-3]\d/[01]\d/20\d\d [0-2]\dh",
)
form("week", lambda i: a_day().strftime("%G-W%V"), DATE, r"20\d\d-W[0-5]\d")
form(
    "q1",
    lambda i: (lambda d: f"{d.year}Q{d.quarter}")(a_day()),
    DATE | CATEGORY,
    r"20\d\dQ[1-4]",
)
form(
    "q2",
    lambda i: (lambda d: f"{d.quarter}. Quartal {d.year}")(a_day()),
    DATE | CATEGORY | COMPOUND,
    r"[1-4]\. Quartal 20\d\d",
)
form("fy", lambda i: f"FY{whole(15, 24)}", CATEGORY, r"FY(1[5-9]|2[0-3])")
form(
    "fyq",
    lambda i: f"FY{whole(15, 24)} Q{whole(1, 5)}",
    CATEGORY | DATE,
    r"FY(1[5-9]|2[0-3]) Q[1-4]",
)
form(
    "jan20",
    lambda i: a_day().strftime("%b-%y"),
    DATE | CATEGORY,
    r"[JFMASOND][a-z]{2}-\d\d",
)
form(
    "de_date",
    lambda i: (
        lambda d: (
            f"{d.day}. {['Januar', 'Februar', 'März', 'April', 'Mai', 'Juni', 'Juli', 'August', 'September', 'Oktober', 'November', 'Dezember'][d.month - 1]} {d.year}"
        )
    )(a_day()),
    DATE,
    r"\d+\. [A-Zä-ü][a-zä-ü]+ 20\d\d",
)
form(
    "ja_date",
    lambda i: (lambda d: f"{d.year}年{d.month}月{d.day}日")(a_day()),
    DATE,
    r"20\d\d年([1-9]|1[0-2])月([1-9]|[12]\d|3[01])日",
)
form(
    "ja_era",
    lambda i: (lambda d: f"令和{d.year - 2018}年{d.month}月{d.day}日")(
        pd.Timestamp("2020-01-01") + pd.Timedelta(whole(0, 1000), "D")
    ),
    DATE | COMPOUND | CATEGORY,
    r"令和[2-5]年([1-9]|1[0-2])月([1-9]|[12]\d|3[01])日",
)
form(
    "ja_time",
    lambda i: f"{whole(0, 24)}時{whole(0, 60):02d}分",
    DATE | COMPOUND | DURATION,
    r"(\d|1\d|2[0-3])時[0-5]\d分",
)
form(
    "epoch_s",
    lambda i: str(int(a_moment().timestamp())),
    NUMBER | DATE,
    r"15\d{8}|16\d{8}",
)
form(
    "epoch_ms",
    lambda i: str(int(a_moment().timestamp() * 1000) + whole(0, 1000)),
    NUMBER | DATE,
    r"1[56]\d{11}",
)
form(
    "epoch_f",
    lambda i: f"{a_moment().timestamp() + RANDOM.random():.6f}",
    NUMBER | DATE,
    r"1[56]\d{8}\.\d{6}",
)
form("excel", lambda i: str(whole(43000, 44500)), NUMBER, r"4[34]\d{3}")
form(
    "julian",
    lambda i: f"{2458000 + RANDOM.random() * 1500:.5f}",
    NUMBER,
    r"245[89]\d{3}\.\d+",
)
form(
    "ptiso",
    lambda i: f"PT{whole(1, 5)}H{whole(1, 60)}M",
    DURATION,
    r"PT\d+H[1-5]?\dM|PT\d+H|PT.*",
)
form(
    "ago",
    lambda i: f"{whole(1, 60)} {one_of('minutes', 'hours', 'days')} ago",
    COMPOUND | CATEGORY | DURATION,
    r"\d+ (minutes|hours|days) ago",
)
form(
    "hijri",
    lambda i: f"{whole(1, 31)}/{whole(1, 13)}/144{whole(0, 6)} هـ",
    COMPOUND | DATE,
    r"([1-9]|[12]\d|30)/([1-9]|1[0-2])/144\d هـ",
)
form(
    "cn_slash",
    lambda i: a_moment().strftime("%Y/%m/%d %H:%M"),
    DATE,
    r"20\d\d/[01]\d/[0-3]\d [0-2]\d:[0-5]\d",
)
form(
    "kr_date",
    lambda i: (lambda d: f"{d.year}. {d.month}. {d.day}.")(a_day()),
    DATE,
    r"20\d\d\. ([1-9]|1[0-2])\. ([1-9]|[12]\d|3[01])\.",
)
form(
    "pt_month",
    lambda i: (
        lambda d: (
            f"{['jan', 'fev', 'mar', 'abr', 'mai', 'jun', 'jul', 'ago', 'set', 'out', 'nov', 'dez'][d.month - 1]}/{d:%y}"
        )
    )(a_day()),
    DATE | CATEGORY,
    r"[a-z]{3}/\d\d",
)
form(
    "es_short",
    lambda i: (
        lambda d: (
            f"{d.day}-{['ene', 'feb', 'mar', 'abr', 'may', 'jun', 'jul', 'ago', 'sep', 'oct', 'nov', 'dic'][d.month - 1]}-{d.year}"
        )
    )(a_day()),
    DATE,
    r"\d+-[a-z]{3}-20\d\d",
)
form(
    "fr_long",
    lambda i: (
        lambda d: (
            f"{d.day if d.day > 1 else '1er'} {['janvier', 'février', 'mars', 'avril', 'mai', 'juin', 'juillet', 'août', 'septembre', 'octobre', 'novembre', 'décembre'][d.month - 1]} {d.year}"
        )
    )(a_day()),
    DATE,
    r"(1er|\d+) [a-zéû]+ 20\d\d",
)
form(
    "year_season",
    lambda i: f"{one_of('Winter', 'Summer', 'Fall', 'Spring')} {whole(2010, 2024)}",
    CATEGORY,
    r"(Winter|Summer|Fall|Spring) 20\d\d",
)
form(
    "season_slash",
    lambda i: (lambda y: f"{y}/{(y + 1) % 100:02d}")(whole(2000, 2020)),
    CATEGORY,
    r"20\d\d/\d\d",
)
form(
    "ctime_ms",
    lambda i: a_moment().strftime("%H:%M:%S") + f".{whole(0, 1000):03d}",
    DATE | DURATION,
    r"[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}",
)
form(
    "log_ts",
    lambda i: a_moment().strftime("[%d/%b/%Y:%H:%M:%S +0000]"),
    DATE,
    r"\[\d\d/[A-Z][a-z]{2}/20\d\d:\d\d:\d\d:\d\d \+0000\]",
)
form(
    "century",
    lambda i: f"{one_of('early', 'mid', 'late')} {whole(15, 21)}th century",
    CATEGORY,
    r"(early|mid|late) \d\dth century",
)
form(
    "decade",
    lambda i: f"{whole(190, 203)}0s",
    CATEGORY | COMPOUND | NUMBER,
    r"(19|20)\d0s",
)
form(
    "bc_ad", lambda i: f"{whole(1, 800)} {one_of('BC', 'AD')}", COMPOUND, r"\d+ (BC|AD)"
)
# --- keys
form("hex", lambda i: f"0x{whole(0, 2**32):08x}", KEY, r"0x[0-9a-f]{8}")
form("hexcolor", lambda i: f"#{whole(0, 2**24):06X}", KEY, r"#[0-9A-F]{6}")
form("plz", lambda i: f"{whole(1067, 99998):05d}", KEY | CATEGORY, r"\d{5}")
form(
    "phone_de",
    lambda i: f"+49 {whole(30, 99)} {whole(10**6, 10**7)}",
    KEY,
    r"\+49 \d\d \d{7}",
)
form(
    "phone_fr",
    lambda i: (
        "0" + " ".join([str(whole(1, 8))] + [f"{whole(0, 100):02d}" for _ in range(4)])
    ),
    KEY,
    r"0\d \d\d \d\d \d\d \d\d",
)
form(
    "phone_us",
    lambda i: f"({whole(201, 990)}) {whole(200, 999)}-{whole(0, 10000):04d}",
    KEY,
    r"\(\d{3}\) \d{3}-\d{4}",
)
form(
    "phone_dot",
    lambda i: f"{whole(201, 990)}.{whole(200, 999)}.{whole(0, 10000):04d}",
    KEY,
    r"\d{3}\.\d{3}\.\d{4}",
)
form(
    "phone_ext",
    lambda i: (
        f"{whole(201, 990)}-{whole(200, 999)}-{whole(0, 10000):04d} x{whole(10, 9999)}"
    ),
    KEY,
    r"\d{3}-\d{3}-\d{4} x\d{2,4}",
)
form(
    "iban",
    lambda i: (
        f"DE{whole(10, 99)} {whole(1000, 9999)} {whole(1000, 9999)} {whole(1000, 9999)} {whole(1000, 9999)} {whole(10, 99)}"
    ),
    KEY,
    r"DE\d\d( \d{4}){4} \d\d",
)
form(
    "ssn",
    lambda i: f"{whole(1, 900):03d}-{whole(1, 100):02d}-{whole(1, 10000):04d}",
    KEY,
    r"\d{3}-\d\d-\d{4}",
)
form(
    "cpf",
    lambda i: (
        f"{whole(0, 1000):03d}.{whole(0, 1000):03d}.{whole(0, 1000):03d}-{whole(0, 100):02d}"
    ),
    KEY,
    r"\d{3}\.\d{3}\.\d{3}-\d\d",
)
form(
    "creditcard",
    lambda i: (
        f"4{whole(100, 999)} {whole(0, 10000):04d} {whole(0, 10000):04d} {whole(0, 10000):04d}"
    ),
    KEY,
    r"\d{4}( \d{4}){3}",
)
form(
    "masked_card",
    lambda i: f"**** **** **** {whole(0, 10000):04d}",
    KEY | COMPOUND | NUMBER,
    r"\*{4} \*{4} \*{4} \d{4}",
)
form(
    "mac",
    lambda i: ":".join(f"{whole(0, 256):02X}" for _ in range(6)),
    KEY,
    r"([0-9A-F]{2}:){5}[0-9A-F]{2}",
)
form(
    "ipv6",
    lambda i: "2001:db8:" + ":".join(f"{whole(0, 65536):x}" for _ in range(6)),
    KEY,
    r"[0-9a-f:]+",
)
form(
    "ip_port",
    lambda i: (
        f"10.{whole(0, 256)}.{whole(0, 256)}.{whole(1, 255)}:{whole(1024, 65536)}"
    ),
    COMPOUND | KEY,
    r"10(\.([01]?\d?\d|2[0-4]\d|25[0-5])){3}:\d{4,5}",
)
form(
    "cidr",
    lambda i: f"10.{whole(0, 256)}.{whole(0, 256)}.0/24",
    COMPOUND | KEY,
    r"10(\.([01]?\d?\d|2[0-4]\d|25[0-5])){2}\.0/24",
)
form(
    "uuid",
    lambda i: str(uuid.UUID(bytes=RANDOM.bytes(16), version=4)),
    KEY,
    r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
)
form(
    "dms",
    lambda i: (
        f"{whole(0, 90)}°{whole(0, 60):02d}'{whole(0, 60):02d}\"{one_of('N', 'S')}"
    ),
    COMPOUND,
    r"[0-8]?\d°[0-5]\d'[0-5]\d\"[NS]",
)
form(
    "dms_pair",
    lambda i: f"{whole(40, 50)}°{whole(0, 60)}'N {whole(0, 20)}°{whole(0, 60)}'E",
    COMPOUND,
    r"4\d°[0-5]?\d'N 1?\d°[0-5]?\d'E",
)
form(
    "latlon_NE",
    lambda i: f"{RANDOM.uniform(40, 50):.4f}° N, {RANDOM.uniform(5, 15):.4f}° E",
    COMPOUND,
    r"[45]\d\.\d{4}° N, 1?\d\.\d{4}° E",
)
form(
    "geohash",
    lambda i: (
        "u33" + "".join(RANDOM.choice(list("0123456789bcdefghjkmnpqrstuvwxyz"), 5))
    ),
    KEY,
    r"u33[0-9b-z]{5}",
)
form(
    "url",
    lambda i: (
        f"https://shop.example/item/{whole(1000, 99999)}?ref={one_of('mail', 'ad', 'home')}"
    ),
    KEY | COMPOUND,
    r"https://shop\.example/item/\d+\?ref=(mail|ad|home)",
)
form(
    "urlpath",
    lambda i: one_of("/index.html", "/about", "/cart", "/login", "/api/v1/items"),
    CATEGORY,
    r"/(index\.html|about|cart|login|api/v1/items)",
)
form(
    "email",
    lambda i: (
        f"{one_of('anna', 'ben', 'chris', 'dora')}.{one_of('smith', 'mueller', 'rossi')}{whole(1, 999)}@{one_of('gmail.com', 'web.de', 'corp.example')}"
    ),
    KEY,
    r"[a-z0-9._]+@[a-z.]+",
)
form(
    "filepath",
    lambda i: f"C:\\data\\run_{whole(1, 400):03d}\\out.csv",
    KEY | COMPOUND,
    r"C:\\data\\run_\d{3}\\out\.csv",
)
form(
    "plate_de",
    lambda i: (
        f"{one_of('B', 'M', 'HH', 'KA')}-{''.join(RANDOM.choice(list(string.ascii_uppercase), 2))} {whole(1, 9999)}"
    ),
    KEY,
    r"[A-Z]{1,3}-[A-Z]{2} \d{1,4}",
)
form(
    "plate_uk",
    lambda i: (
        f"{''.join(RANDOM.choice(list(string.ascii_uppercase), 2))}{whole(10, 72)} {''.join(RANDOM.choice(list(string.ascii_uppercase), 3))}"
    ),
    KEY,
    r"[A-Z]{2}\d\d [A-Z]{3}",
)
form(
    "uk_post",
    lambda i: (
        f"{one_of('SW', 'NW', 'M', 'EC', 'B')}{whole(1, 20)} {whole(1, 10)}{''.join(RANDOM.choice(list(string.ascii_uppercase), 2))}"
    ),
    KEY,
    r"[A-Z]{1,2}\d{1,2} \d[A-Z]{2}",
)
form(
    "ca_post",
    lambda i: (
        f"{one_of('K', 'M', 'V')}{whole(0, 10)}{one_of('A', 'B', 'C', 'X')} {whole(0, 10)}{one_of('A', 'Z', 'T')}{whole(0, 10)}"
    ),
    KEY,
    r"[A-Z]\d[A-Z] \d[A-Z]\d",
)
form(
    "zip4",
    lambda i: f"{whole(501, 99950):05d}-{whole(1, 10000):04d}",
    KEY,
    r"\d{5}-\d{4}",
)
form(
    "isbn",
    lambda i: (
        f"978-{whole(0, 9)}-{whole(1000, 9999)}-{whole(1000, 9999)}-{whole(0, 9)}"
    ),
    KEY,
    r"978-\d-\d{4}-\d{4}-\d",
)
form(
    "doi",
    lambda i: f"10.{whole(1000, 9999)}/j.{whole(10000, 99999)}.{whole(2000, 2022)}",
    KEY | COMPOUND,
    r"10\.\d{4}/j\.\d{5}\.20\d\d",
)
form(
    "flight",
    lambda i: f"{one_of('LH', 'BA', 'AF', 'UA')}{whole(1, 9999)}",
    KEY | CATEGORY | COMPOUND,
    r"(LH|BA|AF|UA)\d+",
)
form(
    "vin",
    lambda i: "".join(RANDOM.choice(list("ABCDEFGHJKLMNPRSTUVWXYZ0123456789"), 17)),
    KEY,
    r"[A-Z0-9]{17}",
)
form("git", lambda i: f"{whole(0, 2**28):07x}", KEY, r"[0-9a-f]{7}")
form("orderno", lambda i: f"ORD-2021-{i + 1:05d}", KEY, r"ORD-2021-\d{5}")
form(
    "batch",
    lambda i: f"L{whole(200, 366)}{one_of('A', 'B', 'C')}{whole(1, 99):02d}",
    KEY,
    r"L\d{3}[ABC]\d\d",
)
form("container", lambda i: f"MSCU{whole(10**6, 10**7)}", KEY, r"MSCU\d{7}")
form("patient", lambda i: f"PT-{whole(10000, 99999)}", KEY, r"PT-\d{5}")
form(
    "address_de",
    lambda i: (
        f"{one_of('Hauptstr.', 'Bahnhofstraße', 'Am Markt', 'Lindenweg')} {whole(1, 140)}{one_of('', '', 'a', 'b')}"
    ),
    KEY | CATEGORY | COMPOUND,
    r".+ \d+[ab]?",
)
form(
    "address_us",
    lambda i: (
        f"{whole(1, 9999)} {one_of('Oak', 'Main', 'Elm', 'Maple')} {one_of('St', 'Ave', 'Rd')}, Apt {whole(1, 40)}"
    ),
    KEY | COMPOUND,
    r".+",
)
form(
    "json",
    lambda i: json.dumps({"a": whole(0, 9), "b": one_of("x", "y")}),
    REFUSED,
    r".*",
)
# --- categories
form(
    "jn",
    lambda i: one_of("ja", "nein", "Ja", "Nein"),
    CATEGORY_OR_BOOLEAN,
    r"[Jj]a|[Nn]ein",
)
form("ouinon", lambda i: one_of("oui", "non"), CATEGORY_OR_BOOLEAN, r"oui|non")
form("sn", lambda i: one_of("S", "N"), CATEGORY_OR_BOOLEAN, r"S|N")
form("ynblank", lambda i: one_of("Y", "N", ""), CATEGORY_OR_BOOLEAN, r"Y|N|")
form(
    "10null",
    lambda i: one_of("1", "0", "NULL"),
    CATEGORY_OR_BOOLEAN | NUMBER,
    r"1|0|NULL",
)
form("xblank", lambda i: one_of("X", "", ""), CATEGORY_OR_BOOLEAN | CONSTANT, r"X|")
form("check", lambda i: one_of("✓", "✗"), CATEGORY_OR_BOOLEAN, r"✓|✗")
form("hai", lambda i: one_of("はい", "いいえ"), CATEGORY_OR_BOOLEAN, r"はい|いいえ")
form("arabic_bool", lambda i: one_of("نعم", "لا"), CATEGORY_OR_BOOLEAN, r"نعم|لا")
form("onoff", lambda i: one_of("ON", "OFF"), CATEGORY_OR_BOOLEAN, r"ON|OFF")
form("posneg", lambda i: one_of("POS", "NEG", "IND"), CATEGORY, r"POS|NEG|IND")
form(
    "grade",
    lambda i: one_of("A+", "A", "A-", "B+", "B", "B-", "C", "D", "F"),
    CATEGORY,
    r"[A-F][+-]?",
)
form(
    "grade_de",
    lambda i: one_of("1,0", "1,3", "1,7", "2,0", "2,3", "3,7", "4,0", "5,0"),
    CATEGORY | NUMBER,
    r"[1-5],[037]",
)
form("stars", lambda i: "★" * whole(1, 6) + "", CATEGORY, r"★+")
form(
    "stars2",
    lambda i: (lambda k: "★" * k + "☆" * (5 - k))(whole(1, 6)),
    CATEGORY,
    r"★*☆*",
)
form(
    "size",
    lambda i: one_of("XS", "S", "M", "L", "XL", "XXL"),
    CATEGORY,
    r"XS|S|M|L|XL|XXL",
)
form(
    "jeans",
    lambda i: f"{whole(28, 40)}/{one_of('30', '32', '34')}",
    CATEGORY | COMPOUND,
    r"\d\d/(30|32|34)",
)
form("shoe", lambda i: f"{whole(72, 96) / 2:g}", NUMBER | CATEGORY, r"\d\d(\.5)?")
form(
    "shoe_de",
    lambda i: f"{one_of('36', '37', '38', '39', '40')}{one_of('', ' 1/3', ' 2/3')}",
    CATEGORY | COMPOUND,
    r"\d\d( [12]/3)?",
)
form("score", lambda i: f"{whole(0, 6)}:{whole(0, 5)}", CATEGORY | COMPOUND, r"\d:\d")
form(
    "score_b",
    lambda i: f"{whole(70, 130)}-{whole(70, 130)}",
    COMPOUND,
    r"\d{2,3}-\d{2,3}",
)
form(
    "sets",
    lambda i: " ".join(
        one_of("6-4", "6-3", "7-5", "3-6", "7-6(4)", "6-1") for _ in range(whole(2, 4))
    ),
    COMPOUND | CATEGORY,
    r"\d-\d(\(\d\))?( \d-\d(\(\d\))?)+",
)
form(
    "record",
    lambda i: f"{whole(0, 30)}-{whole(0, 30)}-{whole(0, 9)}",
    COMPOUND | KEY,
    r"\d+-\d+-\d",
)
form(
    "icd",
    lambda i: f"{one_of('E', 'I', 'J', 'K')}{whole(10, 14)}.{whole(0, 10)}",
    CATEGORY | KEY,
    r"[A-Z]1\d\.\d",
)
form(
    "chem",
    lambda i: one_of("H2O", "CO2", "NaCl", "C6H12O6", "CH4", "NH3", "H2SO4"),
    CATEGORY,
    r"[A-Za-z0-9]+",
)
form(
    "agegrp",
    lambda i: one_of("18-24", "25-34", "35-44", "45-54", "55-64", "65+"),
    CATEGORY,
    r"\d\d-\d\d|65\+",
)
form(
    "incgrp",
    lambda i: one_of("< $20k", "$20k-$50k", "$50k-$100k", "> $100k"),
    CATEGORY,
    r"< \$20k|\$20k-\$50k|\$50k-\$100k|> \$100k",
)
form(
    "bloodtype", lambda i: one_of("A+", "0-", "AB+", "B-"), CATEGORY, r"A\+|0-|AB\+|B-"
)
form(
    "apgar",
    lambda i: f"{whole(5, 10)}/{whole(7, 11)}/{whole(8, 11)}",
    CATEGORY | COMPOUND,
    r"\d+/\d+/\d+",
)
form(
    "gpa",
    lambda i: f"{RANDOM.uniform(1, 4):.2f}/4.00",
    COMPOUND | NUMBER,
    r"[1-4]\.\d\d/4\.00",
)
form(
    "tnm",
    lambda i: f"T{whole(1, 5)}N{whole(0, 4)}M{whole(0, 2)}",
    CATEGORY,
    r"T\dN\dM\d",
)
form(
    "tags",
    lambda i: ",".join(
        sorted({one_of("red", "blue", "new", "sale") for _ in range(3)})
    ),
    CATEGORY,
    r"[a-z,]+",
)
form(
    "wind",
    lambda i: f"{one_of('N', 'NE', 'E', 'SW', 'NNW')} {whole(1, 60)} kt",
    COMPOUND,
    r"(N|NE|E|SW|NNW) \d+ kt",
)
form(
    "metar",
    lambda i: f"{whole(0, 36) * 10:03d}{whole(2, 30):02d}KT",
    KEY | COMPOUND,
    r"([0-2]\d|3[0-5])0\d\dKT",
)
form(
    "http",
    lambda i: one_of(
        "200 OK", "404 Not Found", "500 Internal Server Error", "301 Moved"
    ),
    CATEGORY,
    r"200 OK|404 Not Found|500 Internal Server Error|301 Moved",
)
form(
    "useragent",
    lambda i: (
        f"Mozilla/5.0 (Windows NT 10.0) Chrome/{whole(60, 120)}.0.{whole(1000, 6000)}.{whole(10, 200)} Safari/537.36"
    ),
    COMPOUND | KEY,
    r"Mozilla/5\.0 \(Windows NT 10\.0\) Chrome/\d+\.0\.\d{4}\.\d+ Safari/537\.36",
)
form(
    "pace",
    lambda i: f"{whole(3, 8)}:{whole(0, 60):02d} min/km",
    DURATION | COMPOUND | DATE,
    r"[3-7]:[0-5]\d min/km",
)
form(
    "paygrade",
    lambda i: f"E{whole(5, 15)} Stufe {whole(1, 7)}",
    CATEGORY | COMPOUND,
    r"E\d+ Stufe \d",
)
form(
    "rooms",
    lambda i: f"{whole(1, 6)} BR / {whole(1, 4)}.5 BA",
    CATEGORY | COMPOUND,
    r"\d BR / \d\.5 BA",
)
form(
    "rooms_de",
    lambda i: f"{whole(1, 6)}{one_of(',5', '')} Zi.",
    CATEGORY | COMPOUND | NUMBER,
    r"\d(,5)? Zi\.",
)
form(
    "floor", lambda i: f"{whole(1, 12)}/{whole(5, 20)}", CATEGORY | COMPOUND, r"\d+/\d+"
)
form("layout_jp", lambda i: one_of("1K", "2LDK", "3LDK", "1DK"), CATEGORY, r"\d[LDK]+")
form(
    "salary_range",
    lambda i: (lambda a: f"{a}.000–{a + whole(5, 30)}.000 €")(whole(30, 90)),
    COMPOUND,
    r"\d+\.000–\d+\.000 €",
)
form(
    "percent_of",
    lambda i: f"{whole(1, 90)} ({RANDOM.uniform(1, 99):.1f}%)",
    COMPOUND,
    r"\d+ \(\d+\.\d%\)",
)
form(
    "pval",
    lambda i: "p<0.001" if i % 3 == 0 else f"p={RANDOM.uniform(0.001, 1):.3f}",
    COMPOUND,
    r"p<0\.001|p=\d\.\d{3}",
)
form(
    "hl7_age",
    lambda i: f"{whole(0, 100):03d}Y",
    CATEGORY | KEY | COMPOUND | NUMBER | DURATION,
    r"0\d\dY",
)
form(
    "weeks_days",
    lambda i: f"{whole(24, 42)}+{whole(0, 7)}",
    COMPOUND | CATEGORY,
    r"\d\d\+[0-6]",
)
form(
    "gest",
    lambda i: f"{whole(24, 42)}w{whole(0, 7)}d",
    DURATION | COMPOUND | CATEGORY,
    r"\d\dw[0-6]d",
)
form(
    "km_pk",
    lambda i: f"PK {whole(0, 120)}+{whole(0, 1000):03d}",
    COMPOUND | KEY,
    r"PK \d+\+\d{3}",
)
form(
    "names",
    lambda i: (
        f"{one_of('Smith', 'Müller', 'Rossi', 'García', 'Novák')}{one_of('', '-Jones', '-Klein')}, {one_of('Anna', 'Ben', 'Carla', 'Dieter', 'Émile', 'Fiona', 'Gus')} {one_of(*'ABCDEFGHIJ')}."
    ),
    KEY | CATEGORY,
    r".+, .+ [A-Z]\.",
)
form(
    "freetext",
    lambda i: " ".join(
        one_of(
            "patient",
            "reports",
            "mild",
            "pain",
            "in",
            "the",
            "left",
            "knee",
            "since",
            "Monday",
            "no",
            "fever",
        )
        for _ in range(whole(4, 10))
    ),
    KEY,
    r".+",
)


# --- further ones of the same kinds
def ordered(low: int, high: int, most: int, cell: str) -> str:
    """A cell with a number and a greater one."""
    least = whole(low, high)
    return cell.format(least, least + whole(1, most))


form(
    "gps",
    lambda i: f"{whole(0, 90):02d}°{whole(0, 60000) / 1000:06.3f}'N",
    COMPOUND,
    r"\d\d°[0-5]\d\.\d{3}'N",
)
form(
    "dims_comma",
    lambda i: f"{whole(10, 300) / 10} x {whole(10, 300) / 10} cm".replace(".", ","),
    COMPOUND,
    r"\d+,\d x \d+,\d cm",
)
form(
    "coordinates_comma",
    lambda i: f"{normal(50, 2):.5f}; {normal(10, 2):.5f}".replace(".", ","),
    COMPOUND,
    r"\d\d,\d{5}; \d+,\d{5}",
)
form(
    "price_range",
    lambda i: ordered(500, 20000, 9000, "${:,} - ${:,}"),
    COMPOUND,
    r"\$\d{1,3}(,\d{3})? - \$\d{1,3}(,\d{3})?",
)
form(
    "opening",
    lambda i: (
        f"{one_of('Mo', 'Tu', 'We')} {whole(7, 12):02d}:{whole(0, 60):02d}-{whole(13, 20)}:{whole(0, 60):02d}"
    ),
    COMPOUND,
    r"(Mo|Tu|We) [01]\d:[0-5]\d-1\d:[0-5]\d",
)
form(
    "french_hours",
    lambda i: f"{whole(1, 12)}h{whole(0, 60):02d}-{whole(13, 20)}h{whole(0, 60):02d}",
    COMPOUND,
    r"\d+h[0-5]\d-1\dh[0-5]\d",
)
form("height_m", lambda i: f"1m{whole(40, 99)}", COMPOUND | NUMBER | KEY, r"1m\d\d")
form("one_in", lambda i: f"1 in {whole(2, 900)}", COMPOUND | NUMBER, r"1 in \d+")
form("years_old", lambda i: f"{whole(1, 90)} years old", NUMBER, r"\d+ years old")
form(
    "reviews",
    lambda i: (lambda n: f"{n:,} review{'s' * (n != 1)}")(int(lognormal(3, 2)) + 1),
    NUMBER,
    r"1 review|(?!1 )\d{1,3}(,\d{3})* reviews",
)
form(
    "hertz",
    lambda i: f"{whole(1, 40) / 10:.1f} GHz" if i % 2 else f"{whole(100, 999)} MHz",
    COMPOUND,
    r"\d\.\d GHz|\d{3} MHz",
)
form(
    "lab_unit",
    lambda i: "<0.01 mg/l" if i % 4 == 0 else f"{whole(1, 999) / 100:.2f} mg/l",
    NUMBER,
    r"<0\.01 mg/l|\d\.\d\d mg/l",
)
form(
    "lab_words",
    lambda i: (
        one_of("not detected", "trace") if i % 3 == 0 else f"{lognormal(0, 1):.3f}"
    ),
    NUMBER,
    r"not detected|trace|\d+\.\d{3}",
)
form(
    "thai",
    lambda i: f"{whole(1000, 99999):,}".translate(
        str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙")
    ),
    NUMBER,
    r"[๐-๙]{1,2},[๐-๙]{3}",
)
form(
    "roubles",
    lambda i: european(lognormal(9, 1), 0, " ") + " руб.",
    NUMBER,
    r"\d{1,3}( \d{3})* руб\.",
)
form("won", lambda i: f"{whole(1000, 99999):,}원", NUMBER, r"\d{1,2},\d{3}원")
form("no_cents", lambda i: f"{whole(10, 900)}.-", NUMBER, r"\d+\.-")
form("about_money", lambda i: f"ca. €{whole(10, 900)}", NUMBER, r"ca\. €\d+")
form("p_value", lambda i: f"p={RANDOM.uniform(0.001, 1):.3f}", NUMBER, r"p=[01]\.\d{3}")
form(
    "interval_out",
    lambda i: f"[{whole(1, 30)}, {whole(30, 60)})",
    COMPOUND,
    r"\[\d+, \d+\)",
)
form(
    "century_n",
    lambda i: (
        f"{(lambda n: str(n) + ('st' if n == 21 else 'th'))(whole(9, 22))} century"
    ),
    NUMBER | CATEGORY,
    r"(9|1\d|20)th century|21st century",
)
form(
    "inch_fraction",
    lambda i: f'{whole(1, 30)} {one_of("1/8", "1/4", "3/8", "1/2")}"',
    COMPOUND,
    r'\d+ (1/8|1/4|3/8|1/2)"',
)
form(
    "lap_comma",
    lambda i: f"{whole(1, 4)}:{whole(0, 60):02d},{whole(0, 100):02d}",
    DURATION | DATE,
    r"[1-3]:[0-5]\d,\d\d",
)
form(
    "log_iso",
    lambda i: a_moment().strftime("[%Y-%m-%d %H:%M:%S]"),
    DATE,
    "date:[%Y-%m-%d %H:%M:%S]",
)
form("date_quoted", lambda i: a_day().strftime("(%d.%m.%Y)"), DATE, "date:(%d.%m.%Y)")
form(
    "month_old",
    lambda i: f"{whole(1000, 1700)}-{whole(1, 13):02d}",
    DATE,
    r"1[0-7]\d\d-(0[1-9]|1[0-2])",
)
form(
    "day_old",
    lambda i: f"{whole(1000, 1700)}-{whole(1, 13):02d}-{whole(1, 29):02d}",
    DATE,
    r"1[0-7]\d\d-(0[1-9]|1[0-2])-[0-3]\d",
)
form(
    "flight_long",
    lambda i: f"{one_of('LH', 'BA', 'EZY')}{whole(10**4, 10**6)}",
    KEY,
    r"(LH|BA|EZY)\d+",
)
form(
    "session",
    lambda i: f"{one_of('web', 'app')}-{whole(0, 2**32):08x}",
    KEY,
    r"(web|app)-[0-9a-f]{8}",
)
form(
    "ticket",
    lambda i: (
        f"{one_of('BUG', 'FEAT', 'OPS')}/{whole(10**4, 10**6)}/{one_of('EU', 'US')}"
    ),
    KEY | COMPOUND,
    r"(BUG|FEAT|OPS)/\d+/(EU|US)",
)


def drawn(characters: str, count: int) -> str:
    """So many of some characters."""
    return "".join(RANDOM.choice(list(characters), count))


def indian(number: int) -> str:
    """1234567 => "12,34,567"."""
    head, tail = str(number)[:-3], str(number)[-3:]
    groups = [tail]
    while head:
        groups.append(head[-2:])
        head = head[:-2]
    return ",".join(reversed(groups))


# --- of further fields: medicine, logistics, finance, sports, machines, the net, law, farms,
# and other languages
# medicine
form(
    "bp_mmhg",
    lambda i: f"{whole(95, 180)}/{whole(55, 110)} mmHg",
    COMPOUND,
    r"\d{2,3}/\d{2,3} mmHg",
)
form(
    "blood_group",
    lambda i: one_of("A+", "A-", "B+", "B-", "AB+", "AB-", "0+", "O-"),
    CATEGORY,
    r"(A|B|AB|O|0)[+-]",
)
form(
    "dose_mgkg",
    lambda i: f"{lognormal(1, 0.5):.1f} mg/kg/d",
    NUMBER,
    r"\d+\.\d mg/kg/d",
)
form(
    "hla",
    lambda i: f"HLA-{one_of('A', 'B', 'C')}*{whole(1, 80):02d}:{whole(1, 60):02d}",
    KEY | COMPOUND,
    r"HLA-[ABC]\*\d\d:\d\d",
)
form(
    "icd_many",
    lambda i: f"{one_of(*'ABCEGIJKM')}{whole(10, 99)}.{whole(0, 10)}",
    KEY | CATEGORY,
    r"[ABCEGIJKM]\d\d\.\d",
)
form(
    "egfr",
    lambda i: ">90" if RANDOM.random() < 0.3 else str(whole(15, 90)),
    NUMBER | COMPOUND,
    r">90|\d+",
)
form(
    "ge90",
    lambda i: (
        ">=90"
        if RANDOM.random() < 0.3
        else f"<{whole(3, 6)}"
        if RANDOM.random() < 0.1
        else str(whole(15, 90))
    ),
    NUMBER | COMPOUND,
    r">=90|<\d|\d+",
)
form(
    "lab_flag",
    lambda i: f"{lognormal(2, 0.4):.1f}{one_of('', ' H', ' L', '')}",
    COMPOUND | NUMBER,
    r"\d+\.\d( [HL])?",
)
form(
    "visual",
    lambda i: f"6/{one_of('5', '6', '9', '12', '18', '24', '36', '60')}",
    CATEGORY | COMPOUND,
    r"6/\d+",
)
form("months_age", lambda i: f"{whole(1, 24)} mo", NUMBER | DURATION, r"\d+ mo")
form("age_yrs", lambda i: f"{whole(1, 95)}y", NUMBER | DURATION, r"\d+y")
form(
    "gcs",
    lambda i: f"E{whole(1, 5)}V{whole(1, 6)}M{whole(1, 7)}",
    CATEGORY | COMPOUND | KEY,
    r"E[1-4]V[1-5]M[1-6]",
)
form(
    "npi_ndc",
    lambda i: f"{whole(0, 10**5):05d}-{whole(0, 10**4):04d}-{whole(0, 100):02d}",
    KEY,
    r"\d{5}-\d{4}-\d\d",
)
form("rsid", lambda i: f"rs{whole(10**4, 10**8)}", KEY, r"rs\d+")
form(
    "chrpos",
    lambda i: f"chr{one_of('1', '2', '7', '11', 'X')}:{whole(10**4, 10**8):,}",
    KEY | COMPOUND,
    r"chr(1|2|7|11|X):\d{1,3}(,\d{3})*",
)
form("dna", lambda i: drawn("ACGT", 12), KEY, r"[ACGT]+")
form(
    "hgvs",
    lambda i: f"c.{whole(10, 3000)}{one_of('A>G', 'C>T', 'G>A', 'T>C')}",
    KEY | COMPOUND,
    r"c\.\d+[ACGT]>[ACGT]",
)
form(
    "hr_range",
    lambda i: f"{whole(50, 70)} to {whole(90, 160)} bpm",
    COMPOUND,
    r"\d+ to \d+ bpm",
)
# logistics
form(
    "awb",
    lambda i: f"{one_of('020', '125', '057')}-{whole(10**7, 10**8)}",
    KEY,
    r"\d{3}-\d{8}",
)
form(
    "ups",
    lambda i: "1Z" + drawn("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", 16),
    KEY,
    r"1Z[0-9A-Z]{16}",
)
form(
    "pallet",
    lambda i: f"{whole(1, 30)} x {whole(1, 5)}.{whole(0, 10)} kg",
    COMPOUND,
    r"\d+ x \d\.\d kg",
)
form(
    "bin",
    lambda i: f"{one_of(*'ABCDEF')}-{whole(1, 25):02d}-{whole(1, 6)}",
    CATEGORY | COMPOUND | KEY,
    r"[A-F]-\d\d-[1-5]",
)
form(
    "lbs_oz",
    lambda i: f"{whole(5, 10)} lb {whole(0, 16)} oz",
    COMPOUND,
    r"[5-9] lb (\d|1[0-5]) oz",
)
form(
    "unlocode",
    lambda i: one_of("DEHAM", "NLRTM", "CNSHA", "SGSIN"),
    CATEGORY,
    r"[A-Z]{5}",
)
form(
    "eta",
    lambda i: f"{a_day():%d %b} - {a_day():%d %b}",
    COMPOUND | DATE | KEY | CATEGORY,
    r"[0-3]\d [A-Z][a-z]{2} - [0-3]\d [A-Z][a-z]{2}",
)
form(
    "temp_range",
    lambda i: (lambda a: f"{a}…{a + whole(2, 9)} °C")(whole(-25, 20)),
    COMPOUND,
    r"-?\d+…-?\d+ °C",
)
form("teu", lambda i: f"{whole(400, 24000):,} TEU", NUMBER, r"\d{1,3}(,\d{3})? TEU")
# finance
form(
    "isin",
    lambda i: (
        f"{one_of('US', 'DE', 'FR')}{drawn('0123456789ABCDEFGH', 9)}{whole(0, 10)}"
    ),
    KEY,
    r"(US|DE|FR)[0-9A-Z]{9}\d",
)
form(
    "cusip",
    lambda i: drawn("0123456789", 6) + drawn("ABCDEFGHJK", 2) + str(whole(0, 10)),
    KEY,
    r"\d{6}[A-Z]{2}\d",
)
form("bic", lambda i: one_of("DEUTDEFF", "COBADEFF", "BNPAFRPP"), CATEGORY, r"[A-Z]{8}")
form(
    "bond",
    lambda i: f"{whole(0, 9)} {one_of('1/8', '1/4', '3/8', '1/2', '5/8')}%",
    COMPOUND | CATEGORY,
    r"\d \d/\d%",
)
form(
    "treasury",
    lambda i: f"{whole(90, 110)}-{whole(0, 32):02d}",
    COMPOUND | KEY,
    r"\d+-[0-3]\d",
)
form(
    "swiss_apos",
    lambda i: european(lognormal(9, 1), 2, "'", "."),
    NUMBER,
    r"\d{1,3}('\d{3})*\.\d\d",
)
form(
    "inr",
    lambda i: "₹" + indian(int(lognormal(13, 1))),
    NUMBER,
    r"₹\d{1,3}(,\d\d)*,\d{3}|₹\d+",
)
form("ugly_dash", lambda i: f"{whole(10, 900)}.–", NUMBER | COMPOUND, r"\d+\.–")
form(
    "eur_word",
    lambda i: f"{european(lognormal(6, 1))} EUR",
    NUMBER,
    r"\d{1,3}(\.\d{3})*,\d\d EUR",
)
form(
    "debit",
    lambda i: (lambda x: f"{abs(x):,.2f}{'-' if x < 0 else '+'}")(normal(100, 900)),
    NUMBER | COMPOUND,
    r"\d{1,3}(,\d{3})*\.\d\d[+-]",
)
form(
    "fx",
    lambda i: f"EUR/USD {normal(1.1, 0.02):.4f}",
    COMPOUND | NUMBER,
    r"EUR/USD \d\.\d{4}",
)
form("pips", lambda i: f"{normal(0, 40):+.0f} pips", NUMBER, r"[+-]?\d+ pips")
form("crore", lambda i: f"₹{lognormal(3, 0.6):.1f} Cr", NUMBER, r"₹\d+\.\d Cr")
form(
    "option",
    lambda i: (
        f"{one_of('AAPL', 'MSFT', 'TSLA')} {a_day():%m/%d/%y} {one_of('C', 'P')}{whole(20, 400) * 5}"
    ),
    KEY | COMPOUND,
    r"(AAPL|MSFT|TSLA) \d\d/\d\d/\d\d [CP]\d+",
)
form(
    "q_fy",
    lambda i: f"Q{whole(1, 5)} {whole(2012, 2024)}",
    DATE | CATEGORY,
    r"Q[1-4] 20\d\d",
)
form(
    "h1",
    lambda i: f"H{whole(1, 3)} {whole(2012, 2024)}",
    DATE | CATEGORY | COMPOUND,
    r"H[12] 20\d\d",
)
form("w32", lambda i: f"W{whole(1, 53)}", CATEGORY | DATE | NUMBER, r"W\d+")
form(
    "kw",
    lambda i: f"KW {whole(1, 53):02d}/{whole(2015, 2024)}",
    DATE | COMPOUND | CATEGORY,
    r"KW [0-5]\d/20\d\d",
)
form("fy22", lambda i: f"FY{whole(12, 24)}", CATEGORY, r"FY\d\d")
form(
    "fy2223",
    lambda i: (lambda a: f"FY{a}/{a + 1}")(whole(12, 24)),
    CATEGORY | COMPOUND,
    r"FY\d\d/\d\d",
)
form(
    "roman",
    lambda i: one_of("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"),
    CATEGORY,
    r"[IVX]+",
)
form("pct_space", lambda i: f"{RANDOM.uniform(0, 100):.1f} %", NUMBER, r"\d+\.\d %")
form(
    "pct_fr",
    lambda i: f"{RANDOM.uniform(0, 100):.1f}\u202f%".replace(".", ","),
    NUMBER,
    r"\d+,\d\u202f%",
)
# sports
form(
    "marathon",
    lambda i: f"{whole(2, 6)}:{whole(0, 60):02d}:{whole(0, 60):02d}",
    DURATION | DATE,
    r"[2-5]:[0-5]\d:[0-5]\d",
)
form(
    "lap_1",
    lambda i: f"{whole(3, 5)}:{whole(0, 60):02d}.{whole(0, 10)}",
    DURATION,
    r"[34]:[0-5]\d\.\d",
)
form(
    "gap",
    lambda i: f"+{whole(0, 3)}:{whole(0, 60):02d}.{whole(0, 1000):03d}",
    DURATION | COMPOUND,
    r"\+[0-2]:[0-5]\d\.\d{3}",
)
form("gap_s", lambda i: f"+{lognormal(2, 1):.3f}s", NUMBER | DURATION, r"\+\d+\.\d{3}s")
form(
    "tennis",
    lambda i: f"{whole(0, 7)}-{whole(0, 7)}, {whole(0, 7)}-{whole(0, 7)}",
    COMPOUND | CATEGORY,
    r"[0-6]-[0-6], [0-6]-[0-6]",
)
form(
    "cricket",
    lambda i: f"{whole(90, 400)}/{whole(1, 10)} ({whole(20, 50)}.{whole(1, 6)} ov)",
    COMPOUND,
    r"\d+/\d \(\d+\.\d ov\)",
)
form("cricket_d", lambda i: f"{whole(90, 400)}-{whole(1, 10)}d", COMPOUND, r"\d+-\dd")
form(
    "ft_in_sp",
    lambda i: f"{whole(5, 7)}' {whole(0, 12)}\"",
    COMPOUND | CATEGORY,
    r"[56]' (\d|1[01])\"",
)
form(
    "par",
    lambda i: one_of("E", "-1", "-2", "+1", "+2", "+3", "-3"),
    CATEGORY | NUMBER | COMPOUND,
    r"E|[+-]\d",
)
form(
    "par_many",
    lambda i: "E" if RANDOM.random() < 0.1 else f"{whole(-20, 20):+d}",
    CATEGORY | NUMBER | COMPOUND,
    r"E|[+-]\d+",
)
form(
    "jersey",
    lambda i: f"#{whole(0, 100):02d}",
    CATEGORY | NUMBER | KEY | COMPOUND,
    r"#\d\d",
)
form("pos_of", lambda i: f"{whole(1, 80)} of {whole(80, 200)}", COMPOUND, r"\d+ of \d+")
form(
    "minute_goal",
    lambda i: f"{whole(1, 90)}'" if RANDOM.random() < 0.9 else f"90+{whole(1, 7)}'",
    NUMBER | COMPOUND,
    r"\d+'|90\+\d'",
)
form("chess", lambda i: one_of("1-0", "0-1", "1/2-1/2"), CATEGORY, r"1-0|0-1|1/2-1/2")
# machines
form(
    "torque",
    lambda i: f"{whole(90, 700)} Nm @ {whole(15, 60) * 100} rpm",
    COMPOUND,
    r"\d+ Nm @ \d+ rpm",
)
form(
    "torque_c",
    lambda i: f"{whole(90, 700)}Nm@ {whole(15, 60) * 100:,}rpm",
    COMPOUND,
    r"\d+Nm@ \d,\d{3}rpm",
)
form("kmpl", lambda i: f"{normal(19, 3):.1f} kmpl", NUMBER, r"\d+\.\d kmpl")
form("bhp", lambda i: f"{normal(90, 20):.2f} bhp", NUMBER, r"\d+\.\d\d bhp")
form(
    "tol",
    lambda i: f"⌀{normal(12, 1):.2f} ±0.0{whole(1, 6)}",
    COMPOUND | NUMBER,
    r"⌀\d+\.\d\d ±0\.0\d",
)
form(
    "thread",
    lambda i: f"M{one_of('3', '4', '5', '6', '8')}x{one_of('0.5', '0.7', '1', '1.25')}",
    CATEGORY | COMPOUND,
    r"M\dx[\d.]+",
)
form(
    "resist",
    lambda i: f"{whole(1, 10)}k{whole(1, 10)}",
    CATEGORY | COMPOUND | KEY,
    r"\dk\d",
)
form("ohm", lambda i: f"{lognormal(3, 1):.1f} kΩ", NUMBER, r"\d+\.\d kΩ")
form("hex_code", lambda i: f"0x{whole(0, 65536):04X}", KEY | CATEGORY, r"0x[0-9A-F]{4}")
form(
    "error_code",
    lambda i: f"E-{whole(0, 1000):03d}",
    KEY | CATEGORY | COMPOUND,
    r"E-\d{3}",
)
form("semver", lambda i: f"1.{whole(0, 30)}.{whole(0, 12)}", COMPOUND, r"1\.\d+\.\d+")
form(
    "semver_pre",
    lambda i: (
        f"{whole(1, 4)}.{whole(0, 20)}.{whole(0, 12)}{one_of('', '', '-beta', '-alpha')}"
    ),
    COMPOUND,
    r"\d\.\d+\.\d+(-beta|-alpha)?",
)
form(
    "serial_b32",
    lambda i: "SN-" + drawn("23456789ABCDEFGHJKMNPQRSTVWXYZ", 8),
    KEY,
    r"SN-[2-9A-HJKMNP-TV-Z]{8}",
)
form(
    "uptime",
    lambda i: f"{whole(0, 300)} days, {whole(0, 24)}:{whole(0, 60):02d}",
    DURATION | COMPOUND,
    r"\d+ days, (\d|1\d|2[0-3]):[0-5]\d",
)
form(
    "dur_hms",
    lambda i: f"{whole(0, 3)}h{whole(0, 60):02d}m{whole(0, 60):02d}s",
    DURATION | COMPOUND,
    r"[0-2]h[0-5]\dm[0-5]\ds",
)
form(
    "dur_words",
    lambda i: f"{whole(1, 9)} hours {whole(1, 60)} minutes",
    DURATION | COMPOUND,
    r"\d hours \d+ minutes",
)
form("dur_ms", lambda i: f"{lognormal(4, 1):.0f}ms", NUMBER | DURATION, r"\d+ms")
form(
    "dur_mixed",
    lambda i: f"{lognormal(4, 1):.0f}ms" if i % 3 else f"{lognormal(1, 0.3):.2f}s",
    NUMBER | DURATION | COMPOUND,
    r"\d+ms|\d+\.\d\ds",
)
# web logs
form(
    "bytes_h",
    lambda i: f"{lognormal(3, 1):.1f}{one_of('K', 'M', 'G')}",
    COMPOUND | NUMBER,
    r"\d+\.\d[KMG]",
)
form(
    "ipv4",
    lambda i: f"{whole(1, 224)}.{whole(0, 256)}.{whole(0, 256)}.{whole(1, 255)}",
    COMPOUND,
    r"(\d{1,3}\.){3}\d{1,3}",
)
form(
    "apache",
    lambda i: a_moment().strftime("[%d/%b/%Y:%H:%M:%S +0100]"),
    DATE,
    r"\[[0-3]\d/[A-Z][a-z]{2}/20\d\d:[0-2]\d:[0-5]\d:[0-5]\d \+0100\]",
)
form(
    "syslog",
    lambda i: a_moment().strftime("%b %d %H:%M:%S"),
    DATE | KEY,
    r"[A-Z][a-z]{2} [0-3]\d [0-2]\d:[0-5]\d:[0-5]\d",
)
form("sha256", lambda i: f"{RANDOM.bytes(32).hex()}", KEY, r"[0-9a-f]{64}")
form("md5u", lambda i: f"{RANDOM.bytes(16).hex()}".upper(), KEY, r"[0-9A-F]{32}")
form(
    "etag",
    lambda i: f'W/"{whole(0, 2**40):x}-{whole(100, 4000):x}"',
    KEY,
    r'W/"[0-9a-f]+-[0-9a-f]+"',
)
form(
    "ulid",
    lambda i: "01H" + drawn("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 23),
    KEY,
    r"01H[0-9A-HJKMNP-TV-Z]{23}",
)
form(
    "base64",
    lambda i: base64.b64encode(RANDOM.bytes(15)).decode(),
    KEY,
    r"[A-Za-z0-9+/]{20}",
)
form(
    "b58",
    lambda i: (
        "1" + drawn("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", 33)
    ),
    KEY,
    r"1[1-9A-HJ-NP-Za-km-z]{33}",
)
form(
    "mac_dash",
    lambda i: "-".join(f"{whole(0, 256):02x}" for _ in range(6)),
    KEY,
    r"([0-9a-f]{2}-){5}[0-9a-f]{2}",
)
form(
    "mac_vendor",
    lambda i: (
        one_of("00:1A:2B", "3C:22:FB")
        + ":"
        + ":".join(f"{whole(0, 256):02X}" for _ in range(3))
    ),
    KEY,
    r"(00:1A:2B|3C:22:FB)(:[0-9A-F]{2}){3}",
)
form(
    "mac_cisco",
    lambda i: ".".join(f"{whole(0, 65536):04x}" for _ in range(3)),
    KEY,
    r"([0-9a-f]{4}\.){2}[0-9a-f]{4}",
)
form(
    "user_x",
    lambda i: (
        f"{one_of('dev', 'ops', 'qa')}_{drawn('abcdefghijklmnopqrstuvwxyz0123456789', 6)}"
    ),
    KEY,
    r"(dev|ops|qa)_[a-z0-9]{6}",
)
form(
    "s3",
    lambda i: f"s3://bucket/{a_day():%Y/%m/%d}/part-{whole(0, 10**5):05d}.parquet",
    KEY | COMPOUND,
    r"s3://bucket/20\d\d/\d\d/\d\d/part-\d{5}\.parquet",
)
form(
    "http_code",
    lambda i: one_of("200", "301", "404", "500"),
    CATEGORY | NUMBER,
    r"200|301|404|500",
)
form(
    "uuid_braces",
    lambda i: "{" + str(uuid.UUID(bytes=RANDOM.bytes(16), version=4)).upper() + "}",
    KEY,
    r"\{[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}\}",
)
# law
form(
    "para",
    lambda i: f"§ {whole(1, 300)} Abs. {whole(1, 5)}",
    COMPOUND | KEY,
    r"§ \d+ Abs\. [1-4]",
)
form(
    "case_us",
    lambda i: f"{whole(1, 5)}:{whole(10, 24)}-cv-{whole(100, 99999):05d}",
    KEY | COMPOUND,
    r"\d:\d\d-cv-\d{5}",
)
form(
    "az_de",
    lambda i: f"{whole(1, 13)} O {whole(1, 500)}/{whole(10, 24)}",
    KEY | COMPOUND,
    r"\d+ O \d+/\d\d",
)
form(
    "celex",
    lambda i: f"3{whole(1990, 2024)}R{whole(1, 3000):04d}",
    KEY,
    r"3(19|20)\d\dR\d{4}",
)
form(
    "sentence",
    lambda i: f"{whole(0, 15)} years, {whole(0, 12)} months",
    DURATION | COMPOUND,
    r"\d+ years, (\d|1[01]) months",
)
# farming
form(
    "ha",
    lambda i: f"{lognormal(2, 1):.2f} ha".replace(".", ","),
    NUMBER,
    r"\d+,\d\d ha",
)
form("yield_t", lambda i: f"{normal(7, 1):.1f} t/ha", NUMBER, r"\d+\.\d t/ha")
form(
    "eartag",
    lambda i: f"DE {whole(1, 17):02d} {whole(0, 1000):03d} {whole(0, 10**5):05d}",
    KEY,
    r"DE \d\d \d{3} \d{5}",
)
form(
    "npk",
    lambda i: f"{whole(5, 30)}-{whole(5, 30)}-{whole(5, 30)}",
    COMPOUND,
    r"\d+-\d+-\d+",
)
form(
    "acres", lambda i: f"{whole(1, 900)} ac {whole(1, 4)} rd", COMPOUND, r"\d+ ac \d rd"
)
form(
    "grain",
    lambda i: f"{normal(14, 1):.1f}% H2O",
    NUMBER | COMPOUND | CATEGORY,
    r"\d+\.\d% H2O",
)
# locales
form(
    "arab_pct",
    lambda i: f"{RANDOM.uniform(0, 100):.1f}٪".translate(
        str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
    ),
    NUMBER,
    r"[٠-٩]+٫[٠-٩]٪",
)
form(
    "arab_date",
    lambda i: (
        a_day()
        .strftime("%Y/%m/%d")
        .translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    ),
    DATE,
    r"[٠-٩]{4}/[٠-٩]{2}/[٠-٩]{2}",
)
form(
    "fw_yen",
    lambda i: f"￥{whole(100, 99999):,}".translate(
        str.maketrans("0123456789,", "０１２３４５６７８９，")
    ),
    NUMBER,
    r"￥[０-９]{1,3}(，[０-９]{3})*",
)
form(
    "deva",
    lambda i: str(whole(100, 9999)).translate(
        str.maketrans("0123456789", "०१२३४५६७८९")
    ),
    NUMBER,
    r"[०-९]+",
)
form(
    "reiwa",
    lambda i: f"R{whole(1, 6)}.{whole(1, 13)}.{whole(1, 29)}",
    DATE | COMPOUND,
    r"R[1-5]\.\d+\.\d+",
)
form("man_yen", lambda i: f"{whole(10, 900)}万円", NUMBER, r"\d+万円")
form(
    "man_yi",
    lambda i: f"{lognormal(1, 0.5):.1f}亿" if i % 3 else f"{whole(100, 9999)}万",
    COMPOUND | NUMBER,
    r"\d+\.\d亿|\d+万",
)
form(
    "fw_date",
    lambda i: (
        lambda d: f"{d.year}／{d.month:02d}／{d.day:02d}".translate(
            str.maketrans("0123456789", "０１２３４５６７８９")
        )
    )(a_day()),
    DATE,
    r"[０-９]{4}／[０-９]{2}／[０-９]{2}",
)
form(
    "ja_dt",
    lambda i: (
        lambda d: (
            f"{d.year}年{d.month:02d}月{d.day:02d}日 {d.hour:02d}時{d.minute:02d}分"
        )
    )(a_moment()),
    DATE,
    r"20\d\d年\d\d月\d\d日 \d\d時\d\d分",
)
form(
    "zh_ampm",
    lambda i: (
        lambda d: (
            f"{d.year}/{d.month}/{d.day} {'上午' if d.hour < 12 else '下午'} {(d.hour - 1) % 12 + 1}:{d.minute:02d}"
        )
    )(a_moment()),
    DATE,
    r"20\d\d/\d+/\d+ (上午|下午) \d+:[0-5]\d",
)
form(
    "ru_date",
    lambda i: (
        lambda d: (
            f"{d.day} {['января', 'февраля', 'марта', 'апреля', 'мая', 'июня', 'июля', 'августа', 'сентября', 'октября', 'ноября', 'декабря'][d.month - 1]} {d.year} г."
        )
    )(a_day()),
    DATE,
    r"\d+ [а-я]+ 20\d\d г\.",
)
form(
    "it_date",
    lambda i: (
        lambda d: (
            f"{d.day} {['gennaio', 'febbraio', 'marzo', 'aprile', 'maggio', 'giugno', 'luglio', 'agosto', 'settembre', 'ottobre', 'novembre', 'dicembre'][d.month - 1]} {d.year}"
        )
    )(a_day()),
    DATE,
    r"\d+ [a-z]+ 20\d\d",
)
form(
    "hu_date",
    lambda i: a_day().strftime("%Y. %m. %d."),
    DATE,
    r"20\d\d\. \d\d\. \d\d\.",
)
form(
    "us_long",
    lambda i: (lambda d: f"{d:%A}, {d:%B} {d.day}, {d.year}")(a_day()),
    DATE,
    r"[A-Z][a-z]+day, [A-Z][a-z]+ \d+, 20\d\d",
)
form(
    "ord_date",
    lambda i: (
        lambda d: (
            f"{d:%B} {d.day}{'th' if 10 <= d.day % 100 <= 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(d.day % 10, 'th')}, {d.year}"
        )
    )(a_day()),
    DATE,
    r"[A-Z][a-z]+ \d+(st|nd|rd|th), 20\d\d",
)
form(
    "mil_date",
    lambda i: a_day().strftime("%d%b%Y").upper(),
    DATE,
    r"[0-3]\d[A-Z]{3}20\d\d",
)
form(
    "dtg",
    lambda i: a_moment().strftime("%d%H%MZ %b %y").upper(),
    DATE | KEY,
    r"[0-3]\d[0-2]\d[0-5]\dZ [A-Z]{3} \d\d",
)
form(
    "pl_num",
    lambda i: european(lognormal(8, 1), 2, " ", ",") + " zł",
    NUMBER,
    r"\d{1,3}( \d{3})*,\d\d zł",
)
form(
    "range_dash",
    lambda i: (lambda a: f"{a}–{a + whole(5, 15)}")(whole(10, 60)),
    COMPOUND | CATEGORY,
    r"\d+–\d+",
)
form(
    "age_band_p",
    lambda i: one_of("18–24", "25–34", "35–44", "45–54", "55–64", "65+"),
    CATEGORY,
    r"\d\d–\d\d|65\+",
)
form("sci_e3", lambda i: f"{whole(1, 10)}e{whole(2, 7)}", NUMBER, r"\de\d")
form("frac", lambda i: one_of("1/2", "1/3", "2/3", "1/4", "3/4"), CATEGORY, r"\d/\d")
form(
    "coord_dm",
    lambda i: f"{whole(0, 90):02d}°{whole(0, 60):02d}.{whole(0, 1000):03d}'N",
    COMPOUND,
    r"\d\d°[0-5]\d\.\d{3}'N",
)
form(
    "coord_dm2",
    lambda i: f"N {whole(0, 90)}° {RANDOM.uniform(0, 60):06.3f}",
    COMPOUND,
    r"N \d+° [0-5]\d\.\d{3}",
)
form(
    "mgrs",
    lambda i: (
        f"32U{one_of('MV', 'NV', 'PV')}{whole(0, 10**5):05d}{whole(0, 10**5):05d}"
    ),
    KEY,
    r"32U(MV|NV|PV)\d{10}",
)
form(
    "pluscode",
    lambda i: (
        f"8FW4{drawn('23456789CFGHJMPQRVWX', 4)}+{drawn('23456789CFGHJMPQRVWX', 2)}"
    ),
    KEY,
    r"8FW4[2-9CFGHJMPQRVWX]{4}\+[2-9CFGHJMPQRVWX]{2}",
)
form(
    "epoch_ns",
    lambda i: str(1_600_000_000_000_000_000 + whole(0, 10**17)),
    NUMBER | DATE,
    r"1[67]\d{17}",
)
form(
    "isbn10",
    lambda i: (
        f"{whole(0, 4)}-{whole(100, 999)}-{whole(10000, 99999)}-{one_of(*'0123456789X')}"
    ),
    KEY,
    r"\d-\d{3}-\d{5}-[\dX]",
)
form(
    "issn",
    lambda i: f"{whole(0, 10**4):04d}-{whole(0, 1000):03d}{one_of(*'0123456789X')}",
    KEY,
    r"\d{4}-\d{3}[\dX]",
)
form(
    "orcid",
    lambda i: (
        f"0000-000{whole(1, 4)}-{whole(0, 10**4):04d}-{whole(0, 1000):03d}{one_of(*'0123456789X')}"
    ),
    KEY,
    r"0000-000[1-3]-\d{4}-\d{3}[\dX]",
)
form(
    "iban_sp",
    lambda i: (
        f"DE{whole(10, 99)} {whole(1000, 9999)} {whole(1000, 9999)} {whole(0, 10**4):04d} {whole(0, 10**4):04d} {whole(0, 100):02d}"
    ),
    KEY,
    r"DE\d\d( \d{4}){4} \d\d",
)
form(
    "vat",
    lambda i: f"{one_of('DE', 'ATU')}{whole(10**8, 10**9)}",
    KEY,
    r"(DE|ATU)\d{9}",
)
form(
    "phone_in",
    lambda i: f"+91 {whole(60000, 99999)} {whole(0, 10**5):05d}",
    KEY,
    r"\+91 \d{5} \d{5}",
)
form(
    "phone_paren",
    lambda i: f"({whole(200, 999)}) {whole(200, 999)}-{whole(0, 10**4):04d}",
    KEY,
    r"\(\d{3}\) \d{3}-\d{4}",
)
form(
    "phone_mixed",
    lambda i: f"0{whole(151, 179)}/{whole(10**6, 10**8)}",
    KEY,
    r"0\d{3}/\d{7,8}",
)
form("hijri_era", lambda i: f"{whole(1400, 1446)} هـ", NUMBER | CATEGORY, r"\d{4} هـ")
form(
    "decade_s",
    lambda i: f"{whole(190, 202) * 10}s",
    CATEGORY | NUMBER | DATE,
    r"\d{3}0s",
)
form("bce", lambda i: f"{whole(1, 900)} {one_of('BC', 'AD')}", COMPOUND, r"\d+ (BC|AD)")
form(
    "circa",
    lambda i: f"c. {whole(1400, 1900)}" if i % 3 else str(whole(1400, 1900)),
    COMPOUND | NUMBER,
    r"(c\. )?\d{4}",
)
form(
    "year_range",
    lambda i: (lambda a: f"{a}–{a + whole(5, 70)}")(whole(1700, 1940)),
    COMPOUND,
    r"\d{4}–\d{4}",
)
form(
    "room_no",
    lambda i: f"Room {whole(100, 500)}",
    NUMBER | CATEGORY | KEY | COMPOUND,
    r"Room \d{3}",
)
form(
    "addr_fr",
    lambda i: (
        f"{whole(1, 150)} rue {one_of('Pasteur', 'Victor Hugo', 'de la Paix', 'du Moulin')}"
    ),
    KEY | COMPOUND,
    r"\d+ rue (Pasteur|Victor Hugo|de la Paix|du Moulin)",
)
form(
    "addr_city",
    lambda i: f"{whole(10000, 99999)} {one_of('Berlin', 'Hamburg', 'Köln')}",
    KEY | COMPOUND,
    r"\d{5} (Berlin|Hamburg|Köln)",
)
form(
    "grid",
    lambda i: f"{one_of(*'ABCDEFGH')}{whole(1, 13)}",
    CATEGORY | KEY,
    r"[A-H]\d+",
)
form(
    "seat",
    lambda i: f"{whole(1, 45)}{one_of(*'ABCDEF')}",
    CATEGORY | KEY | COMPOUND,
    r"\d+[A-F]",
)
form(
    "platform",
    lambda i: f"Gleis {whole(1, 25)}{one_of('', 'a', 'b')}",
    CATEGORY | KEY | COMPOUND,
    r"Gleis \d+[ab]?",
)
form(
    "train",
    lambda i: f"{one_of('ICE', 'RE', 'IC', 'RB')} {whole(1, 3000)}",
    KEY | CATEGORY | COMPOUND,
    r"(ICE|RE|IC|RB) \d+",
)
form(
    "tail_no",
    lambda i: f"N{whole(100, 999)}{drawn('ABCDEFGHJKLMNPQRSTUVWXYZ', 2)}",
    KEY,
    r"N\d{3}[A-HJ-NP-Z]{2}",
)
form(
    "plate_it",
    lambda i: (
        f"{drawn('ABCDEFGHJKLMNPRSTVWXYZ', 2)}{whole(0, 1000):03d}{drawn('ABCDEFGHJKLMNPRSTVWXYZ', 2)}"
    ),
    KEY,
    r"[A-HJ-NPR-TV-Z]{2}\d{3}[A-HJ-NPR-TV-Z]{2}",
)
form(
    "sku",
    lambda i: (
        f"{one_of('TSH', 'JKT', 'PNT')}-{one_of('RED', 'BLU', 'BLK')}-{one_of('S', 'M', 'L', 'XL')}-{whole(100, 1000)}"
    ),
    KEY | COMPOUND,
    r"(TSH|JKT|PNT)-(RED|BLU|BLK)-(S|M|L|XL)-\d{3}",
)
form(
    "prod_code",
    lambda i: f"{drawn('ABCDEFGHIJKLMNOPQRSTUVWXYZ', 2)}-{whole(1000, 10000)}",
    KEY,
    r"[A-Z]{2}-\d{4}",
)
form(
    "invoice_m",
    lambda i: f"{a_day():%Y-%m}/{whole(1, 400):04d}",
    KEY | COMPOUND,
    r"20\d\d-\d\d/\d{4}",
)
form("ticket_h", lambda i: f"JIRA-{whole(100, 9000)}", KEY, r"JIRA-\d+")
form(
    "twitter",
    lambda i: f"@{one_of('anna', 'ben', 'carla')}{whole(1, 10**5)}",
    KEY,
    r"@[a-z]+\d+",
)
form("music", lambda i: f"{whole(60, 200)} BPM", NUMBER, r"\d+ BPM")
form(
    "fstop",
    lambda i: f"f/{one_of('1.4', '1.8', '2.8', '4', '5.6', '8')}",
    CATEGORY,
    r"f/[\d.]+",
)
form(
    "shutter",
    lambda i: f"1/{one_of('60', '125', '250', '500', '1000')} s",
    CATEGORY,
    r"1/\d+ s",
)
form("vote", lambda i: f"{whole(200, 400)}-{whole(20, 230)}", COMPOUND, r"\d+-\d+")
form(
    "opus",
    lambda i: f"Op. {whole(1, 140)} No. {whole(1, 7)}",
    COMPOUND,
    r"Op\. \d+ No\. [1-6]",
)
form(
    "bible",
    lambda i: f"{one_of('Gen', 'Ex', 'Mk', 'Lk')} {whole(1, 40)}:{whole(1, 50)}",
    COMPOUND | KEY,
    r"(Gen|Ex|Mk|Lk) \d+:\d+",
)
form(
    "density",
    lambda i: f"{lognormal(5, 1):,.1f}/km²",
    NUMBER,
    r"\d{1,3}(,\d{3})*\.\d/km²",
)
form("mpg", lambda i: f"{whole(12, 40)}/{whole(20, 60)} mpg", COMPOUND, r"\d+/\d+ mpg")
form(
    "mag",
    lambda i: f"M {normal(4, 0.8):.1f}",
    NUMBER | COMPOUND | CATEGORY,
    r"M \d\.\d",
)
form("depth", lambda i: f"{lognormal(3, 1):.1f}km", NUMBER, r"\d+\.\dkm")
form(
    "ra",
    lambda i: f"{whole(0, 24):02d}h {whole(0, 60):02d}m {RANDOM.uniform(0, 60):04.1f}s",
    DURATION | COMPOUND | DATE,
    r"[0-2]\dh [0-5]\dm [0-5]\d\.\ds",
)
form(
    "dec",
    lambda i: (
        f"{one_of('+', '-')}{whole(0, 90):02d}° {whole(0, 60):02d}′ {whole(0, 60):02d}″"
    ),
    COMPOUND,
    r"[+-]\d\d° [0-5]\d′ [0-5]\d″",
)
form(
    "chem_conc",
    lambda i: f"{lognormal(0, 1):.2f} µmol·L⁻¹",
    NUMBER,
    r"\d+\.\d\d µmol·L⁻¹",
)
form(
    "ph",
    lambda i: f"pH {normal(7, 0.4):.1f}",
    NUMBER | COMPOUND | CATEGORY,
    r"pH \d\.\d",
)
form(
    "ratio3",
    lambda i: f"{whole(1, 9)}:{whole(1, 9)}:{whole(1, 9)}",
    COMPOUND | CATEGORY | DURATION,
    r"\d:\d:\d",
)
form(
    "lt_year",
    lambda i: (
        "<1 year"
        if RANDOM.random() < 0.15
        else f"{whole(1, 11)} years"
        if RANDOM.random() < 0.8
        else "10+ years"
    ),
    CATEGORY | COMPOUND,
    r"<1 year|\d+\+? years",
)
form(
    "months_36",
    lambda i: f" {one_of('36', '60')} months",
    CATEGORY | NUMBER | DURATION,
    r"(36|60) months",
)
form(
    "zip3",
    lambda i: f"{whole(100, 999)}xx",
    CATEGORY | KEY | NUMBER | COMPOUND,
    r"\d{3}xx",
)
form("opt_pct", lambda i: f"{whole(0, 101)}pct", NUMBER, r"\d+pct")
form("bool_mark", lambda i: one_of("✓", "✗"), CATEGORY_OR_BOOLEAN, r"✓|✗")
form(
    "utc_off",
    lambda i: one_of("+01:00", "+02:00", "-05:00"),
    CATEGORY | DURATION,
    r"[+-]\d\d:00",
)
form(
    "iso_week_day",
    lambda i: (
        lambda d: f"{d.isocalendar()[0]}-W{d.isocalendar()[1]:02d}-{d.isocalendar()[2]}"
    )(a_day()),
    DATE,
    r"20\d\d-W\d\d-[1-7]",
)
form(
    "iso_ord",
    lambda i: a_day().strftime("%Y-%j"),
    DATE | COMPOUND | KEY,
    r"20\d\d-[0-3]\d\d",
)
form(
    "iso_z_ms",
    lambda i: a_moment().strftime("%Y-%m-%dT%H:%M:%S.") + f"{whole(0, 1000):03d}Z",
    DATE,
    r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
)
form(
    "rfc",
    lambda i: a_moment().strftime("%a, %d %b %Y %H:%M:%S GMT"),
    DATE,
    r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} 20\d\d \d\d:\d\d:\d\d GMT",
)
form(
    "time_z",
    lambda i: f"{whole(0, 24):02d}{whole(0, 60):02d}Z",
    DATE | KEY | COMPOUND,
    r"[0-2]\d[0-5]\dZ",
)
form(
    "time_pm",
    lambda i: f"{whole(1, 13)}:{whole(0, 60):02d}{one_of('a', 'p')}.m.",
    DATE,
    r"\d+:[0-5]\d[ap]\.m\.",
)

# -- trying them


def spoilt(cells: list[str], variant: str, random: np.random.Generator) -> list[str]:
    """The cells as a table may have them."""
    cells = list(cells)
    if variant == "stray":
        for row in random.choice(ROWS, 8, replace=False):
            cells[row] = str(random.choice(["see notes", "err"]))
    if variant == "missing":
        word = str(random.choice(["n/a", "NA", "unknown", "-"]))
        for row in random.choice(ROWS, 40, replace=False):
            cells[row] = word
    if variant == "total":
        cells[-1] = "Total"
    if variant == "space":
        chances = random.random(ROWS)
        cells = [
            f" {cell}" if chance < 0.1 else f"{cell} " if chance < 0.2 else cell
            for cell, chance in zip(cells, chances, strict=True)
        ]
    return cells


def as_read(columns: dict[str, list[str]]) -> pd.DataFrame:
    """Cells as a text file gives them."""
    frame = pd.DataFrame(columns, dtype="str").replace("", None)
    frame.attrs[TEXT_MARK] = True
    return frame


def kind_of(name: str, cells: list[str]) -> str:
    """The kind that is inferred, or "refused"."""
    try:
        return infer(as_read({name: cells}))[name].kind
    except SynthtabError:
        return "refused"


def made(columns: dict[str, list[str]]) -> dict[str, pd.Series]:
    """The cells of new rows, as text."""
    found = {}
    names = list(columns)
    for start in range(0, len(names), TOGETHER):
        some = {name: columns[name] for name in names[start : start + TOGETHER]}
        model = Synthesizer(epochs=1, rounds=0, holdout=0, seed=0).fit(as_read(some))
        rows = model.sample(ROWS, seed=1)
        for name in some:
            cells = cells_to_text(rows[name], model.schema_[name])
            found[name] = pd.Series(cells, dtype=object).str.strip()
    return found


def matching(cells: pd.Series, pattern: str) -> pd.Series:
    if pattern.startswith("date:"):
        dates = pd.to_datetime(
            cells, format=pattern.removeprefix("date:"), errors="coerce"
        )
        return dates.notna()
    return cells.map(lambda cell: bool(re.fullmatch(pattern, str(cell))))


def tried(variant: str, show: bool) -> None:
    random = np.random.default_rng(3)
    columns = {
        name: spoilt(cells, variant, random) for name, (cells, *_) in FORMS.items()
    }
    kinds = {name: kind_of(name, cells) for name, cells in columns.items()}
    rows = made({n: cells for n, cells in columns.items() if kinds[n] != "refused"})
    wrong = []
    for name, (plain, wanted, pattern) in FORMS.items():
        right = kinds[name] in wanted
        if name in rows:
            # The words that were put in may come back; missing cells must.
            words = {cell.strip() for cell in columns[name]} - set(plain)
            fits = matching(rows[name], pattern) | rows[name].isin(words)
            right &= fits.mean() >= ENOUGH
            if variant == "missing":
                right &= rows[name].isin(words).mean() >= 0.03
        if not right:
            wrong.append(name)
            if show:
                print(f"{name:<14} {kinds[name]:<11} real {plain[:5]}")
                if name in rows:
                    print(f"{'':<26} made {rows[name].head(8).tolist()}")
    right_ones = len(FORMS) - len(wrong)
    print(f"{variant}: {right_ones} of {len(FORMS)} right; wrong: {' '.join(wrong)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variants", nargs="*", help=" ".join(VARIANTS))
    parser.add_argument("--show", action="store_true", help="cells of the wrong ones")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for variant in options.variants or ["plain"]:
        if variant not in VARIANTS:
            parser.error(f"{variant}: use one of {', '.join(VARIANTS)}")
        tried(variant, options.show)


if __name__ == "__main__":
    main()
