"""Conditions of any text are refused in one line, or rows meet them."""

from __future__ import annotations

from typing import Any

import fuzzing
import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer
from synthtab.core.randomness import Streams
from synthtab.data.encoder import TableEncoder
from synthtab.sampling.predicate import predicates
from synthtab.sampling.region import regions

ROWS = 300
TINY: dict[str, Any] = dict(epochs=1, rounds=0, width=16, depth=1, checks=1)
NAMES = [
    "age", "pay", "born", "seen", "took", "at", "town", "member", "size", "key",
    "a b", "it's", 'say "x"', "x=1", "and", "größe", "in", "1", "", "nope", "'", '"',
    "missing", "\x00", "age\n", "select * from", "日本", "(age)", "--help",
]  # fmt: skip
SIGNS = [
    "=", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not", "..", "<>",
    "=<", "like", "and", "or", "(", ")", ",", "",
]  # fmt: skip
VALUES = [
    "inf", "-inf", "nan", "missing", "not missing", "60..20", "20..60", "1..",
    "..9", "..", "0..99999999999999999999", "99999999999999999999", "-1e400", "1e400",
    "1e308", "-0.0", "0x1F", "1_000", "١٢", "³", "2020-02-30", "2020-01-01",
    "0000-00-00", "99999-01-01", "-2020-01-01", "2020-13-01..2020-14-01", "25:61:99",
    "1:00:00", "9999999999999:00:00", "2460", "-1", "517", "'Oslo'", "Oslo", "''",
    '"', "'", "(Oslo, Bergen)", "()", "(,)", "(Oslo", "(1, x, missing)", "true", "yes",
    "S..L", "L..S", "None", "null", "\x00", "a" * 3000, "(" * 300, "é", "\ud800",
    "1e-400", "9223372036854775808", "-9223372036854775809", "1.5", "2020-01-01T99:99",
]  # fmt: skip


# Of some columns, what might stand behind a sign.
GOOD = {
    "age": ["41", "20..60", "(1, 2, 3)", "60..20", "inf"],
    "pay": ["1000", "100..9000", "-5..1e9", "inf"],
    "born": ["2020-05-05", "2020-01-01..2021-01-01"],
    "seen": ["2020-05-05", "2020-01-01..2021-01-01", "'2020-05-05 10:00:00'"],
    "at": ["517", "100..1200"],
    "town": ["Oslo", "(Oslo, Bergen)", "'Bergen'"],
    "size": ["S", "S..M", "(M, L)"],
    "member": ["true", "False"],
}


def table() -> pd.DataFrame:
    r = np.random.default_rng(0)
    minutes = r.integers(0, 1440, ROWS)
    day = pd.Timestamp("2020-01-01")
    frame = pd.DataFrame(
        {
            "age": r.integers(0, 90, ROWS),
            "pay": r.lognormal(8, 1, ROWS).round(2),
            "born": day + pd.to_timedelta(r.integers(0, 900, ROWS), unit="D"),
            "seen": day + pd.to_timedelta(r.integers(0, 10**8, ROWS), unit="s"),
            "took": pd.to_timedelta(r.integers(60, 9000, ROWS), unit="s"),
            "at": minutes // 60 * 100 + minutes % 60,
            "town": r.choice(["Oslo", "Bergen", "it's"], ROWS),
            "member": r.random(ROWS) < 0.5,
            "size": pd.Categorical(
                r.choice(["S", "M", "L"], ROWS), ["S", "M", "L"], ordered=True
            ),
            "key": np.arange(ROWS),
            "a b": r.integers(0, 9, ROWS),
            "größe": r.normal(size=ROWS),
        }
    )
    frame["age"] = frame["age"].astype("Int64").mask(r.random(ROWS) < 0.1)
    return frame


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    return Synthesizer("quick", **TINY, seed=0).fit(table())


def some_text(r: np.random.Generator) -> str:
    """A condition of parts that might stand there, or of any parts at all."""

    def one(parts: list[str]) -> str:
        return parts[int(r.integers(len(parts)))]

    if r.random() < 0.8:
        clauses = []
        for _ in range(1 + int(r.random() < 0.3)):
            name = one(NAMES[:12]) if r.random() < 0.8 else one(NAMES)
            quoted = f"'{name}'" if " " in name else name
            if name in GOOD and r.random() < 0.6:
                value = one(GOOD[name])
                sign = "in" if ".." in value or "(" in value else one(SIGNS[:7])
                clauses.append(f"{name} {sign} {value}")
            else:
                clauses.append(f"{quoted} {one(SIGNS[:12])} {one(VALUES)}")
        text = " and ".join(clauses)
    else:
        text = " ".join(one([*NAMES, *SIGNS, *VALUES]) for _ in range(r.integers(0, 9)))
    if r.random() < 0.1 and text:
        cut = int(r.integers(len(text)))
        text = text[:cut] + one(VALUES) + text[cut + 1 :]
    return text


def some_where(r: np.random.Generator) -> Any:
    """A text, or a mapping with values of any type."""
    if r.random() < 0.7:
        return some_text(r)
    values = list(fuzzing.WRONG[:-1])
    values += [(1, 2), (5, 1), (None, 3), (1, 2, 3), pd.NaT, pd.Timestamp(0), {1, 2}]
    value = values[int(r.integers(len(values)))]
    return {NAMES[int(r.integers(12))]: value}


def asked(where: Any, encoder: TableEncoder, frame: pd.DataFrame) -> None:
    """Read it; which rows meet it; and what could be drawn."""
    wanted = predicates(where, encoder.schema)
    met = np.ones(len(frame), dtype=bool)
    for predicate in wanted:
        met &= predicate.holds(frame[predicate.column.name])
    regions(encoder, wanted)


def check_many(model: Synthesizer, cases: int, seed: int) -> None:
    r = np.random.default_rng(seed)
    frame = table()
    encoder = TableEncoder.fit(frame, model.schema_, Streams(0), rare=5)
    refused = 0
    for number in range(cases):
        where = some_where(r)

        def work(where: Any = where, draws: bool = number % 20 == 0) -> None:
            asked(where, encoder, frame)
            if draws:
                rows = model.sample(3, where=where, seed=2)
                for predicate in predicates(where, model.schema_):
                    assert predicate.holds(rows[predicate.column.name]).all()

        try:
            refused += fuzzing.refused(work) is not None
        except Exception as failure:
            raise AssertionError(f"{str(where)[:300]!r}: {failure!r}") from failure
    assert cases / 5 < refused < 0.9 * cases


@pytest.mark.long
def test_some_conditions(model: Synthesizer) -> None:
    check_many(model, 400, 0)


@pytest.mark.long
def test_many_conditions(model: Synthesizer) -> None:
    check_many(model, 1200, 1)


@pytest.mark.slow
def test_more_conditions(model: Synthesizer) -> None:
    check_many(model, 5000, 2)
