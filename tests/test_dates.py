"""Dates, times of day and durations in the forms in which tables have them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab import Schema, Synthesizer, infer
from synthtab.core.errors import DataError, SchemaError
from synthtab.core.schema import Column
from synthtab.data import tables
from synthtab.data.columns import KINDS, TEXT_MARK, Settings, cells_to_text, dates

ROWS = 200
RNG = np.random.default_rng(11)
SECONDS = RNG.integers(0, 50 * 365 * 86_400, ROWS)
# Midnight, which some forms write in a way of its own.
SECONDS[:3] = SECONDS[:3] // 86_400 * 86_400
WHEN = pd.Timestamp("1972-01-01") + pd.to_timedelta(SECONDS // 60 * 60, "s")

# Name -> the format that is found.
FORMS = {
    "half days": "%-I:%M %p",
    "half days, padded": "%I:%M%P",
    "half days, dotted": "%-I:%M %:P",
    "hours of half days": "%-I %p",
    "a US spreadsheet": "%-m/%-d/%Y %-I:%M %p",
    "weekday": "%a, %d %b %Y",
    "in words": "%A, %B %-d, %Y",
    "RFC 2822": "%a, %d %b %Y %H:%M:%S +0000",
    "short year": "%d-%b-%y",
    "month and year": "%b %Y",
    "day with its ending": "%B %o, %Y",
    "ISO month": "%Y-%m",
    "month, slash, year": "%m/%Y",
    "compact month": "%Y%m",
    "quarter": "%YQ%q",
    "quarter first": "Q%q %Y",
    "short quarter": "Q%q/%y",
    "ISO week": "%G-W%V",
    "ISO week and day": "%G-W%V-%u",
    "compact week": "%GW%V%u",
    "compact date": "%Y%m%d",
    "compact instant": "%Y%m%dT%H%M%S",
    "compact UTC": "%Y%m%dT%H%M%SZ",
    "compact with a space": "%Y%m%d %H%M",
    "digits alone": "%Y%m%d%H%M%S",
    "Apache": "%d/%b/%Y:%H:%M:%S -0700",
    "C": "%a %b %e %H:%M:%S %Y",
    "Unix": "%a %b %e %H:%M:%S UTC %Y",
    "JavaScript": "%a %b %d %Y %H:%M:%S GMT+0100 (Central European Standard Time)",
    "dots": "%-d.%-m.%Y",
    "Arabic digits": "%٠%Y/%m/%d",
    "wide digits": "%０%Y／%m／%d",
    "Chinese halves": "%Y/%-m/%-d %p{zh} %-I:%M",
    "Korean": "%Y년 %-m월 %-d일 %p{ko} %-I:%M",
    "Japanese halves": "%Y年%m月%d日 %p{ja}%-K時%M分",
    "Russian": "%-d %~B{ru} %Y г.",
    "Polish": "%-d %~B{pl} %Y r.",
    "Swedish": "%-d %~B{sv} %Y",
    "Vietnamese": "ngày %-d tháng %-m năm %Y",
    "soldiers'": "%d%H%MZ %^b %y",
    "pilots'": "%H%MZ",
    "German": "%-d. %B{de} %Y",
    "German, short": "%a{de}, %d.%m.%Y %H:%M Uhr",
    "French": "%~A{fr} %-d %~B{fr} %Y",
    "Spanish": "%-d de %~B{es} de %Y",
    "Italian": "%-d %~B{it} %Y",
    "Portuguese": "%-d de %~B{pt} de %Y",
    "Dutch": "%-d %~B{nl} %Y",
    "capitals": "%d%^b%Y:%H:%M:%S",
    "British abbreviations": "%-d %b{gb} %Y",
    "American abbreviations": "%b{ap} %-d, %Y",
    "midnight is 24:00": "%Y-%m-%d %+H:%M",
    "zone of letters": "%Y-%m-%d %H:%M:%S CET",
    "zone of a place": "%Y-%m-%dT%H:%M:%S+01:00[Europe/Berlin]",
    "hours with h": "%-Hh%M",
    "hours with a point": "%H.%M Uhr",
    "an hour after a date": "%d/%m/%Y %Hh",
    "Japanese": "%Y年%-m月%-d日",
    "Japanese time": "%-H時%M分",
    "day of no year": "%-d-%b",
    "a log": "[%d/%b/%Y:%H:%M:%S +0000]",
    "another log": "[%Y-%m-%d %H:%M:%S]",
    "in angles": "<%Y-%m-%dT%H:%M:%SZ>",
    "in quotes": '"%Y-%m-%d"',
    "first of a month in French": "%o{fr} %~B{fr} %Y",
    "first of a month in Italian": "%o{it} %~B{it} %Y",
    "first of a month in Spanish": "%o{es} de %~B{es} de %Y",
    "first of a month in Portuguese": "%o{pt} de %~B{pt} de %Y",
    "in a sentence": "%b %-d, %Y at %-I:%M %p",
}


def from_file(texts: Sequence[str], name: str = "c") -> pd.DataFrame:
    """A table of one column, as `synthtab.data.tables.read` gives it."""
    frame = pd.DataFrame({name: pd.Series(texts, dtype="str")})
    frame.attrs[TEXT_MARK] = True
    return frame


def column_of(texts: Sequence[str], name: str = "c") -> Column:
    """What inference says of a column of a file; the cells come back as they were."""
    frame = from_file(texts, name)
    column = infer(frame)[name]
    typed = tables.typed(frame, Schema((column,)))[name]
    if not column.options.get("misfits"):
        assert cells_to_text(typed, column).tolist() == list(texts)
    return column


def written(form: str, when: pd.DatetimeIndex = WHEN) -> list[str]:
    """Instants in a format."""
    unit = dates.unit_of(form)
    values = dates.convert(when.astype("M8[s]").astype(np.int64).to_numpy(), "s", unit)
    return list(dates.render(values, unit, form))


@pytest.mark.parametrize("name", FORMS)
def test_every_usual_form_is_read_and_written_back(name: str) -> None:
    column = column_of(written(FORMS[name]))
    assert (column.kind, column.options["format"]) == ("datetime", FORMS[name])
    has_year = "Y" in FORMS[name] or "y" in FORMS[name] or "G" in FORMS[name]
    assert column.dtype.startswith("datetime64") == has_year


every_form = st.sampled_from(
    [*FORMS.values(), "%Y-%m-%d %H:%M:%S%.f", "%y%j,%H:%M:%S%,3f"]
)


@settings(max_examples=300, deadline=None)
@given(every_form, st.lists(st.integers(-60_000, 110_000), min_size=1), st.data())
def test_a_text_of_a_form_is_its_number_and_back(
    form: str, days: list[int], data: st.DataObject
) -> None:
    unit = dates.unit_of(form)
    values = np.array(days, dtype=np.int64)
    if "%y" in form:
        # 1969 to 2068.
        values = values % 36_000
    if not dates.has_year(form):
        values = values % 366 + 730
    per_day = dates.PER_DAY.get(unit, 0)
    if per_day:
        inside = st.integers(0, per_day - 1)
        values = values * per_day + [data.draw(inside) for _ in days]
    else:
        values = dates.convert(values, "D", unit)
    texts = dates.render(values, unit, form)
    read, fits = dates.read(texts, form)
    assert fits.all()
    assert (dates.render(read, unit, form) == texts).all()
    if "%q" not in form and dates.has_date(form):
        assert (read == values).all()


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("٢٠٢١/٠١/٣١", "2021-01-31"),
        ("२०२१-०१-३१", "2021-01-31"),
        ("2021/1/31 下午 5:30", "2021-01-31 17:30"),
        ("2021/1/31 上午 12:05", "2021-01-31 00:05"),
        ("2021年1月31日 午後0時05分", "2021-01-31 12:05"),
        ("31 января 2021 г.", "2021-01-31"),
        ("31. ledna 2021", "2021-01-31"),
        ("31 Ocak 2021", "2021-01-31"),
        ("ngày 31 tháng 1 năm 2021", "2021-01-31"),
        ("311730Z JAN 21", "2021-01-31 17:30"),
        ("31/01/2021 5:30 p. m.", "2021-01-31 17:30"),
    ],
)
def test_forms_of_other_languages_mean_their_dates(text: str, when: str) -> None:
    meant = np.datetime64(when, "m")
    read = [
        (form, values[0])
        for form in dates.forms_of(text)
        for values, fits in [dates.read(np.array([text], dtype=object), form)]
        if fits[0]
    ]
    assert read
    for form, value in read:
        assert np.datetime64(int(value), dates.unit_of(form)) == meant, form


def test_digits_of_two_scripts_are_no_date() -> None:
    texts = np.array(["2021-01-3١", "٢021-01-31"], dtype=object)
    assert not dates.read(texts, "%Y-%m-%d")[1].any()
    assert not dates.read(texts, "%٠%Y-%m-%d")[1].any()
    assert column_of(["2021-01-3١"] * 3 + [t[:10] for t in ISO]).note


@pytest.mark.parametrize(
    ("texts", "forms"),
    [
        (["2021-02-30", "2021-13-01", "2021-00-10"], ["%Y-%m-%d"]),
        (["Tue, 04 Jan 2021"], ["%a, %d %b %Y"]),
        (["January 1th, 2021"], ["%B %o, %Y"]),
        (["13:00 PM", "0:30 AM"], ["%-I:%M %p", "%I:%M %p"]),
        (["2021-W53", "2021-W00"], ["%G-W%V"]),
        (["2021-366", "2021-000"], ["%Y-%j"]),
        (["2021-01-31 24:01", "2021-01-31 00:00"], ["%Y-%m-%d %+H:%M"]),
        (["2021-01-31 10:00:00.120", "2021-01-31 10:00:00."], ["%Y-%m-%d %H:%M:%S%.f"]),
        (["2021Q5"], ["%YQ%q"]),
    ],
)
def test_what_a_format_would_write_otherwise_does_not_fit_it(
    texts: list[str], forms: list[str]
) -> None:
    for form in forms:
        assert not dates.read(np.array(texts, dtype=object), form)[1].any()


SUMMER = WHEN.month.isin([4, 5, 6, 7, 8, 9])
ISO = WHEN.strftime("%Y-%m-%dT%H:%M:%S")


@pytest.mark.parametrize(
    "texts",
    [
        [f"{t}+0{1 + s}:00" for t, s in zip(ISO, SUMMER, strict=True)],
        [f"{t} {'CEST' if s else 'CET'}" for t, s in zip(ISO, SUMMER, strict=True)],
        [
            t[:10] if s else f"{t[8:10]}/{t[5:7]}/{t[:4]}"
            for t, s in zip(ISO, SUMMER, strict=True)
        ],
        [t if s else t[:10] for t, s in zip(ISO, SUMMER, strict=True)],
    ],
    ids=["offsets", "zones", "two orders", "with and without a time"],
)
def test_cells_that_are_written_in_two_ways_are_so_in_the_rows(
    texts: list[str],
) -> None:
    column = column_of(texts)
    forms = column.options["format"]
    assert (column.kind, len(forms)) == ("datetime", 2)
    encoder = KINDS["datetime"].fit(
        from_file(texts)["c"], column, np.random.default_rng(0), Settings(rare=5)
    )
    encoder = type(encoder).from_state(column, encoder.state())
    series = from_file(texts)["c"]
    codes, offsets = encoder.encode(series, np.random.default_rng(1))
    back = encoder.decode(codes, offsets, np.random.default_rng(2), 0)
    unit = column.options["unit"]
    which = dates.read_any(np.array(texts, dtype=object), forms, unit)[1]
    again = dates.read_any(np.array(back, dtype=object), forms, unit)[1]
    assert (which == again).all()


def test_fractions_are_as_short_as_can_be() -> None:
    endings = ["", ".125", ".5"]
    texts = [f"{t}{endings[i % 3]}" for i, t in enumerate(ISO)]
    assert column_of(texts).options["format"] == "%Y-%m-%dT%H:%M:%S%.f"
    texts = [f"{t}{['', '.125000'][i % 2]}" for i, t in enumerate(ISO)]
    assert column_of(texts).options["format"] == "%Y-%m-%dT%H:%M:%S%.6f"
    texts = [f"{t[11:]},{i:03d}" for i, t in enumerate(ISO)]
    assert column_of(texts).options["format"] == "%H:%M:%S,%3f"


@pytest.mark.parametrize(
    ("years", "form"),
    [
        (range(1960, 1999), "%b-%~y"),
        (range(1990, 2020), "%b-%y"),
        (range(2024, 2038), "%b-%y"),
    ],
)
def test_short_years_are_of_the_century_that_spreads_them_least(
    years: range, form: str
) -> None:
    when = pd.DatetimeIndex(
        [f"{year}-{month:02d}-01" for year in years for month in (3, 11)]
    )
    texts = list(when.strftime("%b-%y")) * 3
    column = column_of(texts)
    assert column.options["format"] == form
    typed = tables.typed(from_file(texts), Schema((column,)))["c"]
    assert set(typed.dt.year) == set(years)


@pytest.mark.parametrize(
    "word", ["0000-00-00", "00/00/0000", "0000-00-00 00:00:00", "__/__/____"]
)
def test_placeholders_are_missing_dates(word: str) -> None:
    texts = [word if i % 5 == 0 else t[:10] for i, t in enumerate(ISO)]
    column = column_of(texts)
    assert (column.kind, column.missing) == ("datetime", True)
    assert column.options["missing"] == word
    assert f"40 cells with {word!r} count as missing" in column.note


def test_dates_beside_many_words_are_dates_and_words() -> None:
    texts = [("active", t[:10], t[:10])[i % 3] for i, t in enumerate(ISO)]
    column = column_of(texts)
    assert (column.kind, column.options["words"]) == ("datetime", ["active"])


@pytest.mark.parametrize(
    ("texts", "name", "kind"),
    [
        (
            [f"{y}-{(y + 1) % 100:02d}" for y in range(2000, 2012)] * 9,
            "season",
            "category",
        ),
        ([f"2021-{i:03d}" for i in range(1, 201)], "invoice", "identifier"),
        ([f"{i}" for i in range(190_000, 190_400)], "c", "integer"),
        ([f"20{i:06d}" for i in range(0, 990_000, 4_500)], "c", "integer"),
        ([f"{i}/{j}" for i in range(1, 12) for j in range(9)] * 4, "ratio", None),
        ([f"10.{i}.{i % 7}.{i % 11}" for i in range(200)], "host", None),
        (
            [f"{9 + i % 3:02d}:00-{17 + i % 3}:30" for i in range(200)],
            "open",
            "category",
        ),
        ([f"{y}" for y in range(1900, 2020)], "year", "integer"),
    ],
)
def test_numbers_and_codes_are_no_dates(
    texts: list[str], name: str, kind: str | None
) -> None:
    found = infer(from_file(texts, name))[name].kind
    assert found == kind if kind else found != "datetime"


def test_days_of_the_year_need_evidence() -> None:
    days = [f"2021-{i:03d}" for i in RNG.integers(1, 366, 400)]
    assert column_of(days).options["format"] == "%Y-%j"


SENTINELS = {
    "9999-12-31": "%Y-%m-%d",
    "1900-01-01": "%Y-%m-%d",
    "1970-01-01 00:00:00": "%Y-%m-%d %H:%M:%S",
    "1677-09-21 00:12:43": "%Y-%m-%d %H:%M:%S",
    "2262-04-11 23:47:16": "%Y-%m-%d %H:%M:%S",
    "9999-12-31 23:59:59": "%Y-%m-%d %H:%M:%S",
}


@pytest.mark.parametrize("share", [0.03, 0.1, 0.6])
@pytest.mark.parametrize("sentinel", SENTINELS)
def test_a_date_that_stands_apart_is_drawn_as_a_whole(
    sentinel: str, share: float
) -> None:
    """Whatever is drawn for its week, its weekday and its time of day."""
    rng = np.random.default_rng(4)
    days = pd.bdate_range("2019-01-01", "2021-12-31")
    when = days[rng.integers(0, len(days), 1000)] + pd.to_timedelta(
        rng.integers(8 * 3600, 18 * 3600, 1000), "s"
    )
    texts = when.strftime(SENTINELS[sentinel]).to_numpy(dtype=object)
    texts[: int(share * 1000)] = sentinel
    frame = from_file(texts.tolist())
    schema = infer(frame)
    typed = tables.typed(frame, schema)["c"]
    encoder = KINDS["datetime"].fit(typed, schema["c"], rng, Settings(rare=5))
    assert len(encoder.blocks) > 1
    encoder = type(encoder).from_state(schema["c"], encoder.state())
    codes, offsets = encoder.encode(typed, rng)
    # Parts are drawn one by one, and may not fit together.
    for block in range(1, codes.shape[1]):
        codes[:, block] = rng.permutation(codes[:, block])
    back = cells_to_text(encoder.decode(codes, offsets, rng, 0), schema["c"])
    assert (back == sentinel).sum() == int(share * 1000)
    others = pd.to_datetime(back[back != sentinel])
    assert others.min() >= pd.Timestamp("2018-12-31")
    assert others.max() < pd.Timestamp("2022-01-03")


US = "%-m/%-d/%Y %-I:%M %p"


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    """Of a column of each difficulty."""
    frame = pd.DataFrame(
        {
            "offset": [f"{t}+0{1 + s}:00" for t, s in zip(ISO, SUMMER, strict=True)],
            "end": [t[:10] if i % 10 else "9999-12-31" for i, t in enumerate(ISO)],
            "month": written("%Y-%m"),
            "us": written(US),
        },
        dtype="str",
    )
    frame.attrs[TEXT_MARK] = True
    return Synthesizer("quick", epochs=1, holdout=0).fit(frame)


@pytest.mark.long
def test_rows_have_offsets_sentinels_and_months_of_the_table(
    model: Synthesizer,
) -> None:
    rows = model.sample(400, seed=2)
    assert rows["offset"].str.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0[12]:00$").all()
    summer = rows["offset"].str.endswith("+02:00")
    assert abs(summer.mean() - SUMMER.mean()) < 0.2
    late = rows["end"][rows["end"].dt.year > 2100]
    assert set(late.astype(str)) == {"9999-12-31"}
    assert (rows["month"].dt.day == 1).all()
    assert model.schema_["month"].options["unit"] == "M"


@pytest.mark.long
@pytest.mark.parametrize(
    ("where", "least", "most"),
    [
        ("us > '4/26/2003 2:48 AM'", "2003-04-26 02:49", "2100"),
        ("us in 2000-01-01..2004-03-31", "2000-01-01", "2004-03-31 23:59"),
        ("us <= '04/26/2003'", "1900", "2003-04-26 23:59"),
        ("offset > 2003-04-26", "2003-04-27", "2100"),
        ("end = 9999-12-31", "9999-12-31", "9999-12-31"),
        ("month in 2000-02..2001-03", "2000-02-01", "2001-03-01"),
        ("month >= 2000-02-15", "2000-02-01", "2100"),
    ],
)
def test_conditions_name_dates_as_the_column_or_as_iso_does(
    model: Synthesizer, where: str, least: str, most: str
) -> None:
    cells = model.sample(20, where=where, seed=3)[where.split()[0]]
    if cells.dtype != "datetime64[us]":
        cells = pd.to_datetime(cells.str[:19])
    assert cells.min() >= pd.Timestamp(least)
    assert cells.max() <= pd.Timestamp(most)


def test_a_day_first_column_reads_conditions_day_first() -> None:
    column = column_of(written("%d.%m.%Y"))
    number = KINDS["datetime"].read_loosely("5.4.2003", column)  # type: ignore[attr-defined]
    assert number == (pd.Timestamp("2003-04-05") - pd.Timestamp(0)).days
    number = KINDS["datetime"].read_loosely("2003-04-05", column)  # type: ignore[attr-defined]
    assert number == (pd.Timestamp("2003-04-05") - pd.Timestamp(0)).days


def test_a_format_written_by_hand_is_checked() -> None:
    texts = written("%Y-%m-%d")
    column = column_of(texts)
    bad = Column("c", "datetime", column.dtype, {**column.options, "format": "%Y-%Q"})
    with pytest.raises(SchemaError, match=r"unknown part %Q"):
        tables.typed(from_file(texts), Schema((bad,)))


@pytest.mark.parametrize(
    "form", ["%Y-%m-%d %H:%M:%S", "%-m/%-d/%Y %-I:%M %p", "%a, %d %b %Y %H:%M"]
)
def test_many_texts_are_read_fast(form: str) -> None:
    seconds = np.unique(RNG.integers(0, 1_600_000_000, 50_000))
    unit = dates.unit_of(form)
    texts = np.unique(dates.render(dates.convert(seconds, "s", unit), unit, form))
    started = time.perf_counter()
    found = dates.detect(texts, np.ones(len(texts), dtype=np.int64))
    # About 0.3 s, but machines are shared.
    assert time.perf_counter() - started < 5
    assert found is not None
    assert found.forms == (form,)


# Durations

LENGTHS = [0, 60, 3600, 86_400, 90_061, *RNG.integers(0, 400_000, ROWS - 5).tolist()]


def in_units(seconds: int) -> tuple[int, int, int, int]:
    """Days, hours, minutes and seconds."""
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    return (*divmod(hours, 24), m, s)


def iso(seconds: int) -> str:
    """As ISO 8601 has it."""
    d, *time_of_day = in_units(seconds)
    time = "".join(f"{n}{u}" for n, u in zip(time_of_day, "HMS", strict=True) if n)
    text = (f"{d}D" if d else "") + (f"T{time}" if time else "")
    return f"P{text or 'T0S'}"


def plural(number: int, word: str) -> str:
    """``"1 day"``, ``"2 days"``."""
    return f"{number} {word}{'s' if number != 1 else ''}"


def clock(seconds: int) -> str:
    """Hours, minutes and seconds of a day."""
    return "{1:02d}:{2:02d}:{3:02d}".format(*in_units(seconds))


@pytest.mark.parametrize(
    ("write", "form"),
    [
        (iso, "P[%DD]T[%HH][%MM][%SS]"),
        (lambda x: f"PT{x}S", "PT[%SS]"),
        (lambda x: f"PT{x}{'.5' if x % 2 else ''}S", "PT[%S%.fS]"),
        (lambda x: f"P{x % 9 + 1}Y{x % 11 + 1}M", "P[%YY][%OM]"),
        (lambda x: f"{plural(x // 86_400, 'day')} {clock(x)}", "%D day(s) %2H:%2M:%2S"),
        (
            lambda x: (
                f"{plural(x // 86_400, 'day') + ' ' if x >= 86_400 else ''}{clock(x)}"
            ),
            "[%D day(s) ]%2H:%2M:%2S",
        ),
        (
            lambda x: str(pd.Timedelta(x, "s").to_pytimedelta()),
            "[%D day(s), ]%H:%2M:%2S",
        ),
        (lambda x: f"{x // 3600}h {x // 60 % 60}m", "%Hh %Mm"),
        (lambda x: f"{x // 3600}h{x // 60 % 60:02d}m", "%Hh%2Mm"),
        (
            lambda x: f"{x // 3600}h {x // 60 % 60}m" if x >= 3600 else f"{x // 60}m",
            None,
        ),
        (lambda x: f"{x // 60} min", "%M min"),
        (lambda x: f"{x // 60}:{x % 60:02d}.{x % 10}", "M:S"),
        (lambda x: f"{x // 60:02d}:{x % 60:02d},{x % 100:02d}", "M:S,"),
        (lambda x: f"{x // 60 + 24}:{x % 60:02d}:{x % 60:02d},{x % 10}", "H:M:S,"),
        (lambda x: f"{x % 600}s", "%Ss"),
        (lambda x: f"{x // 3600}d", "%Dd"),
        (lambda x: plural(x // 3600, "hour"), "%H hour(s)"),
        (
            lambda x: f"{x // 3600} hours and {x // 60 % 60} minutes",
            "%H hours and %M minutes",
        ),
        (lambda x: f"{clock(x)}{'.5' if x % 3 == 0 else ''}", None),
        (lambda x: f"{'-' if x % 2 else ''}{x // 3600}h {x // 60 % 60}m", "%Hh %Mm"),
    ],
)
def test_durations_are_read_and_written_back(
    write: Callable[[int], str], form: str | None
) -> None:
    texts = [write(x) for x in LENGTHS]
    column = column_of(texts)
    if form is None:
        return
    assert (column.kind, column.options["format"]) == ("duration", form)
    assert column.dtype == ("str" if "%Y" in form else "timedelta64[us]")


def test_a_duration_that_cannot_be_is_a_misfit() -> None:
    texts = [f"{x // 3600}h {x // 60 % 60:02d}m" for x in LENGTHS]
    texts[7] = "1h 75m"
    column = column_of(texts)
    assert (column.kind, column.missing) == ("duration", True)
    assert "199 of 200 cells" in column.note


def test_decades_are_no_seconds() -> None:
    column = column_of([f"{1900 + 10 * (x % 13)}s" for x in LENGTHS])
    assert (column.kind, column.options["written"]) == ("integer", {"after": "s"})


@pytest.mark.parametrize("unit", [" m", "M", " kg", "x"])
def test_metres_and_codes_are_no_durations(unit: str) -> None:
    texts = [f"{x % 90}{unit}" for x in LENGTHS]
    assert infer(from_file(texts))["c"].kind != "duration"


def test_rows_of_durations_are_written_like_the_table() -> None:
    texts = [iso(x) for x in LENGTHS]
    frame = from_file(texts)
    column = infer(frame)["c"]
    typed = tables.typed(frame, Schema((column,)))["c"]
    assert typed.max() == pd.Timedelta(max(LENGTHS), "s")
    encoder = KINDS["duration"].fit(typed, column, RNG, Settings(rare=5))
    back = encoder.decode(*encoder.encode(typed, RNG), RNG, 0)
    again = KINDS["duration"].text(back, column)
    assert column_of(list(again)).options["format"] == column.options["format"]


def test_every_part_of_a_format_is_in_the_documents() -> None:
    page = (Path(__file__).parent.parent / "docs" / "command-line.md").read_text(
        "utf-8"
    )
    families = {part.partition("{")[0] for part in dates.PARTS}
    # A case and a number of digits are explained once.
    explained = {
        part for part in families if not re.match(r"%[\^~][aAB]|%[1-9]f|%,[69]f", part)
    }
    assert {part for part in explained if part not in page} == set()


# Dates at the limits of what pandas holds, and beyond


def days_between(first: str, last: str) -> list[str]:
    """ISO dates at random, both ends among them five times."""
    low, high = np.array([first, last], dtype="M8[D]").astype(np.int64)
    days = RNG.integers(low, high, ROWS - 10, endpoint=True)
    texts = [str(day) for day in days.astype("M8[D]")]
    return [*texts, *[first] * 5, *[last] * 5]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("1677-09-21", "2262-04-11"),
        ("1500-01-01", "2500-12-31"),
        ("0001-01-01", "0300-01-01"),
        ("0001-01-01", "9999-12-31"),
        ("9990-01-01", "9999-12-31"),
    ],
)
@pytest.mark.parametrize("time", ["", "T10:11:12Z", "T10:11:12.123456", " 10:11+05:00"])
def test_dates_beyond_nanoseconds_are_dates(first: str, last: str, time: str) -> None:
    texts = [day + time for day in days_between(first, last)]
    # Checks that all come back.
    column = column_of(texts)
    assert column.kind == "datetime"
    typed = tables.typed(from_file(texts), Schema((column,)))["c"]
    encoder = KINDS["datetime"].fit(typed, column, RNG, Settings(rare=5))
    back = encoder.decode(*encoder.encode(typed, RNG), RNG, 0)
    made = KINDS["datetime"].text(back, column)
    assert first + time <= min(made)
    assert max(made) <= last + time
    assert {first + time, last + time} & set(made)


def test_months_of_any_year_are_dates() -> None:
    texts = [day[:7] for day in days_between("0100-01-01", "9900-12-31")]
    assert column_of(texts).options["format"] == "%Y-%m"


def test_all_that_64_bits_of_nanoseconds_hold() -> None:
    ends = [pd.Timestamp.min, pd.Timestamp.max]
    stamps = RNG.integers(-(2**63) + 1, 2**63 - 1, ROWS, endpoint=True)
    cells = pd.Series([*ends * 5, *pd.to_datetime(stamps)], dtype="datetime64[ns]")
    column = infer(pd.DataFrame({"c": cells}))["c"]
    assert column.options["minimum"] == "1677-09-21 00:12:43.145224193"
    assert column.options["maximum"] == "2262-04-11 23:47:16.854775807"
    texts = [str(stamp).replace(" ", "T") for stamp in cells]
    texts = [text if "." in text else f"{text}.000000000" for text in texts]
    assert column_of(texts).dtype == "datetime64[ns]"


def test_nanoseconds_of_other_centuries_are_told() -> None:
    texts = [
        f"{day}T10:11:12.123456789" for day in days_between("1990-01-01", "2020-01-01")
    ]
    texts[0] = "1500-01-01T10:11:12.123456789"
    assert (
        "nanoseconds reach from 1677-09-21 to 2262-04-11"
        in infer(from_file(texts))["c"].note
    )


def test_years_of_five_digits_are_refused_with_advice() -> None:
    cells = pd.Series(np.array(["-0500-01-01", "12000-01-01"] * 50, dtype="M8[s]"))
    with pytest.raises(DataError, match="make these cells missing"):
        infer(pd.DataFrame({"c": cells}))


def test_a_condition_beyond_the_column_is_no_date_within_it() -> None:
    texts = [
        f"{day}T10:11:12.123456789" for day in days_between("1990-01-01", "2020-01-01")
    ]
    column = column_of(texts)
    number = KINDS["datetime"].read_loosely("2400-01-01", column)  # type: ignore[attr-defined]
    assert number == 2**63 - 1
