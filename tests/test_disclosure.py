"""What too few rows have is neither stored nor emitted: microaggregation, rare categories, the model file."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer
from synthtab.augment.by_class import ByClass
from synthtab.core.errors import ConditionError, ConfigError, SchemaError
from synthtab.core.randomness import Streams
from synthtab.data import tables
from synthtab.data.columns import KINDS, Cells, Settings, infer
from synthtab.data.columns.disclosure import aggregate, beyond, bounds, takers
from synthtab.data.columns.numbers import NumberCodec
from synthtab.data.encoder import TableEncoder
from synthtab.data.holdout import split

ROWS = 1500
MESSY = (
    Path(
        os.environ.get(
            "SYNTHTAB_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"
        )
    )
    / "messy"
)
TINY: dict[str, Any] = dict(epochs=1, rounds=0, width=16, depth=1, checks=1)
# Column -> what one row has and no other.
PLANTED: dict[str, Any] = {
    "city": "Zzyzx",
    "grade": "Q-planted",
    "income": 987654.25,
    "debt": -4321987,
    "born": pd.Timestamp("1893-07-19"),
    "seen": pd.Timestamp("2077-03-04 05:06:07"),
    "code": 7777771,
    "email": "solo.artist@only-one.test",
    "row_id": 987654321,
    "note": "said once",
}


def table(rows: int = ROWS) -> pd.DataFrame:
    """Rows of every kind; the last one has all of `PLANTED`."""
    r = np.random.default_rng(8)
    frame = pd.DataFrame(
        {
            "city": r.choice(["Bern", "Chur", "Genf"], rows),
            "grade": pd.Categorical(
                r.choice(["A", "B"], rows), ["A", "B", "Q-planted"]
            ),
            "income": r.lognormal(8, 1, rows).round(2),
            "debt": r.integers(0, 5000, rows),
            "born": pd.Timestamp("1950-01-01")
            + pd.to_timedelta(r.integers(0, 15_000, rows), unit="D"),
            "seen": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(r.integers(0, 10**8, rows), unit="s"),
            "code": r.choice([1, 2, 3, 10], rows),  # all atoms
            "email": [
                f"user{v}@{'big.org' if v % 2 else 'huge.com'}"
                for v in r.permutation(rows)
            ],
            "row_id": np.arange(rows),
            "note": pd.Series([None] * rows, dtype=object),
        }
    )
    for name, value in PLANTED.items():
        frame.loc[rows - 1, name] = value
    return frame


def leaves(data: Any) -> Iterator[Any]:
    """All numbers and texts of JSON data, the keys of objects among them."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from (key, *leaves(value))
    elif isinstance(data, list):
        for value in data:
            yield from leaves(value)
    else:
        yield data


def told(frame: pd.DataFrame, path: Path) -> set[str]:
    """The columns whose planted value a model file holds: as a number, a date, or in a text."""
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
        content = b"\0".join(file.read(n) for n in names)
        parts = [
            leaf
            for n in names
            if n.endswith(".json")
            for leaf in leaves(json.loads(file.read(n)))
        ]
    numbers = {float(v) for v in parts if isinstance(v, (int, float))}
    texts = [v for v in parts if isinstance(v, str)]
    found = set()
    for name, value in PLANTED.items():
        forms = {str(value)}
        if isinstance(value, pd.Timestamp):
            forms = {str(value.date())}
            days = (value - pd.Timestamp(0)) / pd.Timedelta("1D")
            values = {days, days * 86_400}
        else:
            values = (
                {float(value), float(value) + 1}
                if isinstance(value, (int, float))
                else set()
            )
        if (
            values & numbers
            or any(f in t for f in forms for t in texts)
            or any(f.encode() in content for f in forms)
        ):
            found.add(name)
    return found


@pytest.mark.long
@pytest.mark.parametrize("rare", [5, 0])
def test_a_model_file_and_its_rows_hold_nothing_that_one_row_has(
    rare: int, tmp_path: Path
) -> None:
    frame = table()
    # The last row is among those that train: most rows are, and the seed says so.
    model = Synthesizer("quick", **TINY, rare=rare, seed=1)
    assert ROWS - 1 in split(ROWS, model.config.holdout, Streams(1))[0]
    model.fit(frame).save(tmp_path / "model.synthtab")
    known = set(PLANTED) - {"email", "note", "row_id"}  # invented whatever the setting
    if not rare:
        assert told(frame, tmp_path / "model.synthtab") >= known
        assert "are stored (rare=0)" in dict(model.describe())["not stored"]
        return
    assert told(frame, tmp_path / "model.synthtab") == set()
    rows = Synthesizer.load(tmp_path / "model.synthtab", device="cpu").sample(
        20_000, seed=2
    )
    for name, value in PLANTED.items():
        assert not (rows[name] == value).any(), name
        if name not in ("city", "grade", "email", "note", "row_id"):
            rest = frame[name].iloc[:-1]
            assert (
                rows[name].max() < value
                if value > rest.max()
                else rows[name].min() > value
            ), name
            assert rows[name].between(rest.min(), rest.max()).mean() > 0.95, name
    said = dict(model.describe())["not stored"]
    assert (
        "categories with fewer than 5 rows: 1 category (1 row) of 'city', 1 category (1 row) of 'grade'"
        in said
    )


def test_the_same_holds_for_the_mixture() -> None:
    frame = table().drop(columns=["email", "note", "row_id"])
    schema = infer(frame)
    encoder = TableEncoder.fit(frame, schema, Streams(0), continuous="mixture", rare=5)
    state = list(leaves(json.loads(json.dumps(encoder.state()))))
    assert not {987654.25, -4321987.0, 7777771.0} & {
        float(v) for v in state if isinstance(v, (int, float))
    }
    assert not any(
        "Zzyzx" in v or "Q-planted" in v or "1893" in v
        for v in state
        if isinstance(v, str)
    )


def test_schema_files_tell_no_rare_value_either(
    call: Callable[..., Any], tmp_path: Path
) -> None:
    frame = table()
    tables.write(frame, tmp_path / "t.csv", infer(frame, rare=0))
    for arguments, secret in (((), True), (("--rare-below", "0"), False)):
        assert call("schema", "t.csv", "-o", "s.json", *arguments).status == 0
        text = (tmp_path / "s.json").read_text()
        assert (
            "987654.25" not in text
            and "4321987" not in text
            and "1893-07-19" not in text
        ) == secret
    assert call("schema", "t.csv", "--rare-below", "-1").status == 2


def test_no_word_of_a_schema_is_a_cell_of_one_row() -> None:
    """Every kind, with a secret in one row: neither bounds nor reasons nor patterns tell it."""
    r = np.random.default_rng(9)
    minutes = r.integers(300, 1200, 400)
    frame = pd.DataFrame(
        {
            "took": [f"{v // 60 + 24}:{v % 60:02d}:00" for v in minutes],
            "dep_time": [f"{v // 60 * 100 + v % 60}" for v in minutes],
            "at": [f"{v // 60:02d}:{v % 60:02d}:00" for v in minutes],
            "day": [f"2020-0{v % 9 + 1}-{v % 28 + 1:02d}" for v in minutes],
            "share": [f"{v / 1000:.3f}" for v in minutes],
            "word": [f"w{v % 7}" for v in minutes],
            "key": [f"{v}-{i:05d}" for i, v in enumerate(minutes)],
            "flag": r.choice(["yes", "no"], 400),
        }
    )
    secrets = {
        "took": "987:31:45",
        "dep_time": "2347",
        "at": "23:59:57",
        "day": "1871-11-29",
        "share": "87654.321",
        "word": "hapax legomenon",
        "key": "Q!Ünique/7",
    }
    for name, secret in secrets.items():
        frame.loc[0, name] = secret
    schema = infer(frame, text=True)
    kinds = [
        "duration",
        "clock",
        "datetime",
        "datetime",
        "float",
        "category",
        "identifier",
        "boolean",
    ]
    assert [c.kind for c in schema.columns] == kinds
    encoder = TableEncoder.fit(frame, schema, Streams(0), rare=5)
    text = json.dumps(encoder.state(), ensure_ascii=False)
    assert not [secret for secret in secrets.values() if secret in text]
    telling = json.dumps(infer(frame, text=True, rare=0).to_json(), ensure_ascii=False)
    assert sum(secret in telling for secret in secrets.values()) >= 4, (
        "else this test shows nothing"
    )


@pytest.mark.long
def test_the_command_line_sets_it(call: Callable[..., Any], tmp_path: Path) -> None:
    tables.write(table(200), tmp_path / "t.csv", infer(table(200), rare=0))
    for arguments, rare in (
        ((), "5"),
        (("--rare-below", "20"), "20"),
        (("--rare-below", "0"), "0"),
    ):
        said = call("fit", "t.csv", "--dry-run", *arguments)
        assert said.status == 0 and re.search(
            rf"^(# )?rare = {rare}$", said.out, re.MULTILINE
        )
    said = call("fit", "t.csv", "--rare-below", "201", "-q")
    assert said.status == 2 and said.err.count("\n") == 1 and "rare is 201" in said.err


def test_a_class_that_is_not_stored_cannot_be_asked_for() -> None:
    frame = pd.DataFrame(
        {"g": ["a"] * 200 + ["b"] * 100 + ["c"] * 3, "x": np.arange(303.0)}
    )
    model = Synthesizer("quick", **TINY, holdout=0.0).fit(frame)
    with pytest.raises(
        ConditionError,
        match=r"it knows a, b \(1 category \(3 rows\) not stored: fit with `rare=0`",
    ):
        ByClass(model, "g").sample_class("c", 2)


def test_groups_have_enough_rows_and_lose_none() -> None:
    r = np.random.default_rng(0)
    for _ in range(400):
        least = int(r.integers(0, 9))
        distinct = np.unique(r.integers(-500, 500, r.integers(1, 80)))
        counts = r.integers(1, r.integers(2, 9), len(distinct))
        kept = aggregate(distinct, counts, least)
        if counts.sum() < least:
            assert not len(kept.values) and bounds(distinct, counts, least) is None
            continue
        assert kept.rows.sum() == counts.sum() and (kept.rows >= least).all()
        assert (np.diff(kept.values) > 0).all()
        assert set(kept.values[kept.shared]) == set(distinct[counts >= least])
        ends = bounds(distinct, counts, least)
        assert ends is not None and distinct[0] <= ends[0] <= ends[1] <= distinct[-1]
        if not (counts >= least).any():
            mean = (counts * distinct).sum() / counts.sum()
            assert (kept.values * kept.rows).sum() / kept.rows.sum() == pytest.approx(
                mean
            )


def test_groups_by_hand() -> None:
    kept = aggregate(np.array([1, 2, 3, 4, 100]), np.array([1, 1, 1, 1, 1]), 5)
    assert (kept.values.tolist(), kept.rows.tolist(), kept.source.tolist()) == (
        [22.0],
        [5],
        [-1],
    )
    kept = aggregate(np.array([0, 7, 8, 9, 50]), np.array([9, 1, 6, 1, 1]), 3)
    assert (kept.values.tolist(), kept.rows.tolist(), kept.source.tolist()) == (
        [0.0, 8.0],
        [9, 9],
        [0, 2],
    )
    huge = aggregate(np.array([-1.7e308, 1.6e308, 1.7e308]), np.ones(3, dtype=int), 2)
    assert np.isfinite(huge.values).all()


def test_numbers_that_are_averages_keep_their_distribution() -> None:
    r = np.random.default_rng(1)
    for values, decimals in (
        (r.normal(size=600), None),
        (r.lognormal(3, 1, 4000).round(2), 2),
        (r.poisson(400, 900), 0),
        (np.where(r.random(3000) < 0.4, 7.5, r.exponential(20, 3000).round(1)), 1),
        (r.normal(size=30_000), None),
    ):
        none = np.zeros(len(values), dtype=bool)
        for continuous in ("cdf", "mixture"):
            codec = NumberCodec.fit(
                values, none, decimals, r, Settings(continuous, rare=5)
            )
            codes, offsets = codec.encode(values, none, r)
            back, _ = codec.decode(codes, offsets)
            drawn, _ = codec.decode(
                codes, np.where(codes < len(codec.atoms), 0.5, r.random(len(codes)))
            )
            grid = np.unique(values)
            for made in (back, drawn) if continuous == "cdf" else (back,):
                real, fake = (
                    np.searchsorted(np.sort(x), grid, side="right") / len(x)
                    for x in (values, made)
                )
                assert (
                    np.abs(real - fake).max()
                    < 0.002
                    + 5 / len(values)
                    + (made is drawn) * 1.5 / len(values) ** 0.5
                )
            shared = np.isin(
                values, grid[np.unique(values, return_counts=True)[1] >= 5]
            )
            assert not shared.any() or (back[shared] == values[shared]).mean() > 0.95
            assert back.min() > values.min() and back.max() < values.max()
            assert decimals is None or (np.round(back, decimals) == back).all()


@pytest.mark.parametrize(
    ("step", "decimals"), [(1000, 0), (0.05, 2), (900, 0), (25, 0)]
)
def test_averages_of_round_numbers_are_round(step: float, decimals: int) -> None:
    r = np.random.default_rng(2)
    prices = (r.lognormal(4, 0.8, 900).round() * step).round(decimals)
    frame = pd.DataFrame(
        {
            "x": prices.astype(int) if decimals == 0 else prices,
            "y": r.normal(size=900).round(2),
        }
    )
    frame.loc[0, "x"] = frame["x"].max() * 7 + 1  # one that is not
    encoder = TableEncoder.fit(frame, infer(frame), Streams(0), rare=5)
    encoder = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    encoded = encoder.encode(frame, Streams(0))
    codes, offsets = (
        encoded.codes,
        np.random.default_rng(1).random(encoded.offsets.shape).astype(np.float32),
    )
    for cells in (encoded.offsets, offsets):
        made = encoder.decode(codes, cells, r)
        assert np.allclose(made["x"] / step, np.rint(made["x"] / step), atol=1e-6)
        assert (
            0.05
            < (np.abs(made["y"] * 10 - np.rint(made["y"] * 10)) < 1e-6).mean()
            < 0.2
        ), "only where there is a rule"


def test_rows_of_rare_categories_go_to_the_others() -> None:
    words = ["a"] * 600 + ["b"] * 390 + [f"r{i}" for i in range(10)]
    series = pd.Series(words, name="x")
    column = infer(series.to_frame())["x"]
    encoder = KINDS["category"].fit(
        series, column, np.random.default_rng(0), Settings(rare=5)
    )
    encoder = KINDS["category"].from_state(
        column, json.loads(json.dumps(encoder.state()))
    )
    assert encoder.withheld == "10 categories (10 rows)"
    codes, offsets = encoder.encode(series, np.random.default_rng(0))
    back = encoder.decode(codes, offsets, np.random.default_rng(0), 0)
    assert set(back) == {"a", "b"} and (back[:990] == series[:990]).all()


def test_who_takes_the_rows_of_rare_categories() -> None:
    counts = np.array([900, 90, 10])
    assert takers(counts, 10).tolist() == pytest.approx([0.9, 0.09, 0.01])
    chances = takers(
        counts, 500
    )  # a third of the table is rare: frequent ones grow by 2 %, all share the rest
    assert chances.sum() == pytest.approx(1) and chances[0] < 0.4
    assert (500 * chances)[0] == pytest.approx(900 * 0.02 + (500 - 20) / 3)


def test_nothing_may_be_stored() -> None:
    towns = pd.DataFrame(
        {"town": pd.Categorical([f"t{i}" for i in range(20)]), "x": [1.5] * 20}
    )
    with pytest.raises(
        SchemaError,
        match=r"'town': none of its 20 categories has 5 rows or more, so that none may",
    ):
        Synthesizer("quick").fit(towns)
    texts = infer(towns.astype({"town": str}))["town"]
    assert texts.kind == "identifier" and "none of them in 5 rows" in texts.why
    with pytest.raises(ConfigError, match="rare is 50, more than the 20 rows"):
        Synthesizer("quick", rare=50).fit(towns[["x"]])
    few = pd.DataFrame({"x": [1.5, 2.5] + [None] * 30})
    schema = infer(few)
    encoder = TableEncoder.fit(few, schema, Streams(0), rare=5)
    encoded = encoder.encode(few, Streams(0))
    assert (
        encoder.decode(encoded.codes, encoded.offsets, np.random.default_rng(0))["x"]
        .isna()
        .all()
    )
    assert "minimum" not in schema["x"].options


def test_the_greatest_key_is_told_to_two_digits() -> None:
    assert [beyond(n, 5) for n in (-7, 0, 9, 98, 99, 891, 987_654_321)] == [
        -6,
        1,
        10,
        99,
        100,
        900,
        990_000_000,
    ]
    assert beyond(891, 0) == 892


def test_unused_categories_of_another_table_are_not_told() -> None:
    names = pd.Series(
        pd.Categorical(
            ["ann", "bob"] * 10, ["ann", "bob", *(f"n{i}" for i in range(50))]
        ),
        name="x",
    )
    assert KINDS["category"].accepts(Cells(names, rare=5)).options["categories"] == [
        "ann",
        "bob",
    ]
    scale = names.cat.as_ordered()
    assert (
        len(KINDS["category"].accepts(Cells(scale, rare=5)).options["categories"]) == 52
    )
    assert (
        len(KINDS["category"].accepts(Cells(names, rare=0)).options["categories"]) == 52
    )


def test_invented_names_can_be_spoken_and_are_nobodys() -> None:
    r = np.random.default_rng(3)
    first, last = (
        [
            "".join(
                r.choice(list("bdfklmnrst")) + r.choice(list("aeiou")) for _ in range(n)
            ).capitalize()
            for n in r.integers(2, 4, 60)
        ]
        for _ in range(2)
    )
    real = pd.Series(
        [
            f"{r.choice(last)}, {t}. {r.choice(first)}"
            for t in r.choice(["Mr", "Mrs"], 400)
        ],
        name="Name",
    )
    column = infer(real.to_frame())["Name"]
    encoder = KINDS["identifier"].fit(real, column, r, Settings(rare=5))
    made = encoder.decode(np.zeros((5000, 0), dtype=int), np.zeros((5000, 0)), r, 0)
    # A few names are there twice, and so are the new ones.
    assert abs(made.nunique() / 5000 - real.nunique() / 400) < 0.03
    assert not set(made) & set(real)
    assert made.str.fullmatch(r"[A-Z][a-z]+, [A-Z][a-z]+\. [A-Z][a-z]+").mean() > 0.99
    words = [w for t in made for w in re.findall(r"[A-Za-z]{4,}", t)]
    assert (
        np.mean(
            [
                bool(re.fullmatch(r"([^aeiou]?[aeiou])+[^aeiou]?", w.lower()))
                for w in words
            ]
        )
        > 0.95
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["titanic.csv", "telco.csv"])
def test_nobody_of_a_real_table_comes_back(name: str) -> None:
    if not (MESSY / name).exists():
        pytest.skip(
            f"no {name} in {MESSY}; set SYNTHTAB_DATA to the folder that has messy/"
        )
    frame = tables.read(MESSY / name)
    keys = {
        "titanic.csv": ["Name", "Ticket", "Cabin", "PassengerId"],
        "telco.csv": ["customerID"],
    }[name]
    schema = infer(frame)
    assert {schema[k].kind for k in keys} == {"identifier"}
    rows = (
        Synthesizer("quick", **TINY)
        .fit(tables.typed(frame, schema), schema)
        .sample(10_000)
    )
    for key in keys:
        assert not set(rows[key].dropna()) & set(
            tables.typed(frame, schema)[key].dropna()
        ), key


def test_texts_that_all_look_different_get_an_outline() -> None:
    r = np.random.default_rng(4)
    real = [
        " ".join(["lorem", "ipsum", "dolor", "sit", "amet"][: r.integers(2, 6)])
        + "x" * int(i)
        + "."
        for i in range(40)
    ]
    series = pd.Series(real, name="comment")
    column = KINDS["identifier"].accepts(Cells(series, rare=5), forced=True)
    assert column is not None
    encoder = KINDS["identifier"].fit(series, column, r, Settings(rare=5))
    made = encoder.decode(np.zeros((300, 0), dtype=int), np.zeros((300, 0)), r, 0)
    assert made.is_unique and not set(made) & set(real)
    assert made.str.fullmatch(r"[a-z]+( [a-z]+){1,4}\.").all()


def test_addresses_keep_the_usual_providers_and_no_other() -> None:
    real = pd.Series(
        [f"p{i}.x{i * 7 % 91}@{'mail.org' if i % 3 else 'post.ch'}" for i in range(300)]
        + ["me@my.own"]
    )
    column = infer(real.to_frame("contact"))["contact"]
    encoder = KINDS["identifier"].fit(
        real, column, np.random.default_rng(0), Settings(rare=5)
    )
    encoder = KINDS["identifier"].from_state(
        column, json.loads(json.dumps(encoder.state()))
    )
    made = encoder.decode(
        np.zeros((3000, 0), dtype=int), np.zeros((3000, 0)), np.random.default_rng(0), 0
    )
    shares = made.str.rpartition("@")[2].value_counts(normalize=True)
    assert set(shares.index) <= {"mail.org", "post.ch", "example.com"}
    assert shares["mail.org"] == pytest.approx(200 / 301, abs=0.05)
    assert (
        made.is_unique
        and not set(made) & set(real)
        and "my.own" not in json.dumps(encoder.state())
    )


@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (
            lambda r: (
                f"+41 79 {r.integers(100, 999)} {r.integers(10, 99)} {r.integers(10, 99)}"
            ),
            r"\+41 79 \d{3} \d\d \d\d",
        ),
        (
            lambda r: f"({r.integers(200, 999)}) 555-{r.integers(1000, 9999)}",
            r"\(\d{3}\) 555-\d{4}",
        ),
        (lambda r: f"0{r.integers(1000, 9999)}", r"0\d{4,6}"),
        (
            lambda r: (
                f"CH{r.integers(10, 99)} 0900 {r.integers(1000, 9999)} {r.integers(0, 9)}"
            ),
            r"CH\d\d 0900 \d{4} \d",
        ),
        (
            lambda r: (
                f"{r.choice(['US', 'DE'])}-{r.integers(10**5):05d}-{r.choice(list('abc'))}"
            ),
            r"[A-Z]{2}-\d{5}-[a-z]",
        ),
    ],
    ids=["phone", "phone in brackets", "leading zero", "account", "composite key"],
)
def test_keys_of_people_keep_their_form_and_are_nobodys(
    make: Callable[[Any], str], pattern: str
) -> None:
    r = np.random.default_rng(6)
    real = pd.Series(pd.unique(pd.Series([make(r) for _ in range(700)])), name="x")
    column = infer(real.to_frame())["x"]
    assert column.kind == "identifier"
    encoder = KINDS["identifier"].fit(real, column, r, Settings(rare=5))
    made = encoder.decode(np.zeros((2000, 0), dtype=int), np.zeros((2000, 0)), r, 0)
    assert (
        made.str.fullmatch(pattern).all()
        and made.is_unique
        and not set(made) & set(real)
    )
