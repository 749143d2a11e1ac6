"""Constraints: every form finds what is planted and nothing in noise, judges rows, and survives JSON and text."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from synthtab import Constraint, Schema, find_constraints, infer, parse_constraint
from synthtab.core.errors import SchemaError
from synthtab.data.constraints import FORMS, form_of, predicate
from synthtab.data.constraints.enforce import Enforced, checks
from synthtab.data.constraints.table import Table
from synthtab.data.relations import search
from synthtab.data.relations.links import holds_in
from tests.constraint_tables import ROWS, rng, shop

FRAME = shop()
SCHEMA = infer(FRAME, rare=0)
FOUND = find_constraints(FRAME, SCHEMA)

TEXTS = {
    "inequality": "start <= end",
    "range": "0 <= amount <= 40",
    "equation": "total = price * amount",
    "one_hot": "one_hot(red, green, blue, grey)",
    "determines": "city -> country",
    "combination": "combination(size, fit)",
    "together": "together(came, delay)",
    "unique": "unique(price, amount, planned)",
}


def broken(form: str) -> pd.DataFrame:
    """The table with the constraint of `TEXTS` broken in row 7 alone."""
    frame = FRAME.copy()
    if form == "unique":
        for name in ("price", "amount", "planned"):
            frame.loc[7, name] = frame.loc[3, name]
        return frame
    free = int(np.flatnonzero(FRAME["size"] == "XL")[0])
    cells = {
        "inequality": ("end", FRAME.loc[7, "start"] - pd.Timedelta(days=1)),
        "range": ("amount", 41),
        "equation": ("total", FRAME.loc[7, "total"] + 0.05),
        "one_hot": ("red", 1 - FRAME.loc[7, "red"]),
        "determines": ("country", "it" if FRAME.loc[7, "city"] != "Rome" else "de"),
        "combination": ("fit", "slim"),
        "together": ("came", np.nan if not np.isnan(FRAME.loc[7, "came"]) else 100.0),
    }
    name, value = cells[form]
    if form == "combination":
        frame.loc[7, ["city", "size"]] = FRAME.loc[free, ["city", "size"]]
    frame.loc[7, name] = value
    return frame


def of(form: str) -> Constraint:
    return parse_constraint(TEXTS[form], SCHEMA)


def test_every_form_has_examples() -> None:
    assert set(FORMS) == {*TEXTS, "predicate"}
    assert all(kind.form == name for name, kind in FORMS.items())


def test_what_is_planted_is_found_and_nothing_else() -> None:
    said = {c.says for c in FOUND}
    assert said == {
        "total = price * amount",
        "came = clock(planned + delay)",
        "city -> country",
        "start <= end",
        "one_hot(red, green, blue, grey)",
        "together(came, delay)",
        "combination(size, fit)",
        "lines is 'no phone' exactly where phone is 'False'",
        "lines -> phone",
    }
    assert all(c.support == 1 and not c.enforce for c in FOUND)
    rows = {c.says: c.rows for c in FOUND}
    assert (
        rows["start <= end"] == ROWS
        and rows["came = clock(planned + delay)"] == FRAME["came"].notna().sum()
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_found_in_noise(seed: int) -> None:
    r = rng(seed)
    n = 3000
    frame = pd.DataFrame({f"i{k}": r.integers(0, 5 + 3 * k, n) for k in range(8)})
    for k in range(6):
        frame[f"f{k}"] = r.normal(k, 1 + k, n).round(2)
        frame[f"b{k}"] = r.random(n) < 0.05 + k / 10
        frame[f"c{k}"] = r.choice(list("abcdefgh")[: 2 + k], n)
    frame["gap"] = pd.Series(r.normal(size=n)).mask(r.random(n) < 0.2)
    frame["gap2"] = pd.Series(r.normal(size=n)).mask(r.random(n) < 0.2)
    assert find_constraints(frame) == ()
    shuffled = pd.DataFrame(
        {
            c: FRAME[c].sample(frac=1, random_state=seed + i).to_numpy()
            for i, c in enumerate(FRAME)
        }
    )
    assert not [c.says for c in find_constraints(shuffled)]


def test_finding_does_not_depend_on_where_it_looks_and_counts_all_rows() -> None:
    frame = FRAME.copy()
    frame.loc[5, "end"] = frame.loc[5, "start"] - pd.Timedelta(days=3)
    found = {c.says: c for c in find_constraints(frame, seed=3)}
    late = found["start <= end"]
    assert late.support == pytest.approx(1 - 1 / ROWS) and not late.certain
    assert {c.says for c in FOUND} == set(found)


@pytest.mark.parametrize("form", TEXTS)
def test_a_form_judges_rows(form: str) -> None:
    constraint = of(form)
    form_at_work = form_of(constraint, SCHEMA)
    real, other = Table(FRAME, SCHEMA), Table(broken(form), SCHEMA)
    learnt = form_at_work.learn(real)
    assert form_at_work.holds(real, learnt).all() and form_at_work.holds(real).all()
    held = form_at_work.holds(other, learnt)
    assert list(np.flatnonzero(~held)) == [7]
    mask = checks(SCHEMA.with_constraints([constraint]), FRAME)[0](broken(form))
    assert list(np.flatnonzero(~mask)) == [7]


@pytest.mark.parametrize("constraint", [*FOUND, *map(of, TEXTS)], ids=lambda c: c.says)
def test_json_and_text_round_trip(constraint: Constraint) -> None:
    again = Constraint.from_json(json.loads(json.dumps(constraint.to_json())))
    assert form_of(again, SCHEMA) == form_of(constraint, SCHEMA)
    assert (
        again.to_json() == constraint.to_json()
        and str(form_of(again)) == constraint.says
    )
    if "where" not in constraint.says:
        assert form_of(parse_constraint(constraint.says, SCHEMA)) == form_of(constraint)


def test_the_schema_keeps_them(tmp_path: object) -> None:
    schema = SCHEMA.with_constraints(FOUND)
    assert Schema.from_json(
        json.loads(json.dumps(schema.to_json()))
    ).constraints == tuple(Constraint.from_json(c.to_json()) for c in FOUND)
    assert (
        not schema.enforced
        and schema.replace(schema["city"]).constraints == schema.constraints
    )
    twice = schema.enforcing([FOUND[0], of("range")])
    assert len(twice.constraints) == len(FOUND) + 1 and len(twice.enforced) == 2
    assert "constraints" not in SCHEMA.to_json()


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("end >= start", "start <= end"),
        ("end > start", "start < end"),
        ("amount < 5", "amount < 5"),
        ("5 > amount", "amount < 5"),
        ("start >= 2021-01-01", "start >= 2021-01-01"),
        ("10 >= amount >= 2", "2 <= amount <= 10"),
        ("total=price*amount", "total = price * amount"),
        ("total = price * amount within 5 %", "total = price * amount within 5 %"),
        ("total = price + amount + noise", "total = price + amount + noise"),
        ("total = price - amount", "total = price - amount"),
        ("total = price / amount", "total = price / amount"),
        ("noise = 1 - price", "noise = 1 - price"),
        ("price = |noise - 0.5|", "price = |noise - 0.5|"),
        ("came = clock(planned + delay)", "came = clock(planned + delay)"),
        ("planned = 100 * amount + red", "planned = 100 * amount + red"),
        ("city, size -> country, fit", "city, size -> country, fit"),
        ('unique("city", `size`)', "unique(city, size)"),
        ("at_most_one(red, green)", "at_most_one(red, green)"),
        ("together(came, delay)", "together(came, delay)"),
    ],
)
def test_text(text: str, reads: str) -> None:
    constraint = parse_constraint(text, SCHEMA)
    assert constraint.says == reads and constraint.enforce
    assert form_of(parse_constraint(reads, SCHEMA)) == form_of(constraint)


def test_names_with_signs_need_no_quotes_but_may_have_them() -> None:
    schema = infer(
        pd.DataFrame(
            {"education-num": [1, 2, 3], "education": [2, 3, 4], "a b <c>": [5, 6, 7]}
        )
    )
    assert parse_constraint("education-num <= education", schema).columns == (
        "education-num",
        "education",
    )
    assert parse_constraint("education-num<='a b <c>'", schema).columns == (
        "education-num",
        "a b <c>",
    )
    says = parse_constraint("a b <c> >= education-num", schema).says
    assert (
        says == '"education-num" <= "a b <c>"'
        and parse_constraint(says, schema).says == says
    )


def test_quotes_in_a_name_are_written_twice() -> None:
    schema = infer(pd.DataFrame({'5" pipe': [1, 2, 3], "it's": [2, 3, 4]}))
    says = parse_constraint("'5\" pipe' <= \"it's\"", schema).says
    assert says == '"5"" pipe" <= "it\'s"'
    assert parse_constraint(says, schema).columns == ('5" pipe', "it's")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("strat <= end", "no column 'strat': did you mean 'start'"),
        ("start <= price", "'start' is of kind datetime and 'price' is of kind float"),
        ("city <= size", "only two numbers or two dates"),
        ("city < 5", "not a number or a date"),
        ("start < yesterday", "no column 'yesterday'"),
        ("start < 2021-13-13", "'2021-13-13' is not a date"),
        ("start", "cannot read the constraint"),
        ("", "cannot read the constraint"),
        ("total = price ^ amount", "cannot read"),
        ("total = city * amount", "'city' is of kind category, not a number"),
        ("1 <= amount < 5", "must be alike"),
        ("unique(city, city)", "names a column twice"),
        ("together(city, country)", "no cell of 'city' may be missing"),
        ("one_hot(red)", "2 or more columns"),
        ("one_hot(came, red)", "may be missing"),
        ("'start <= end", "a quote is not closed"),
        ("noise = 1 - price -", "cannot read"),
        ("price = |noise + 0.5|", "cannot read"),
        ("total = price * amount within 5", "cannot read"),
        ("unique(price", "cannot read"),
        ("city -> country -> size", "cannot read"),
    ],
)
def test_bad_text_is_one_line(text: str, complaint: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_constraint(text, SCHEMA)
    assert complaint in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"form": "magic", "columns": ["city"]}, "unknown constraint 'magic'"),
        ({"form": "unique"}, '"columns" must be a list'),
        (
            {"form": "unique", "columns": ["city"], "enforce": "yes"},
            "'enforce' has the value 'yes'",
        ),
        (
            {"form": "unique", "columns": ["city"], "weight": 1},
            "unknown schema entry 'weight'",
        ),
        ({"form": "unique", "columns": ["town"]}, "no column 'town'"),
        (
            {"form": "determines", "columns": ["city", "country"]},
            "lacks the option 'determined'",
        ),
        (
            {
                "form": "determines",
                "columns": ["city"],
                "options": {"determined": ["city"]},
            },
            "2 or more columns",
        ),
        (
            {
                "form": "inequality",
                "columns": ["start", "end"],
                "options": {"strict": 1},
            },
            "'strict' is 1, not true or false",
        ),
        ({"form": "range", "columns": ["amount"]}, "needs a minimum or a maximum"),
        (
            {
                "form": "equation",
                "columns": ["price", "amount"],
                "options": {"equals": "magic"},
            },
            "'equals' is 'magic'; it may be 'sum'",
        ),
        (
            {
                "form": "together",
                "columns": ["came", "delay"],
                "options": {"values": [None]},
            },
            "for each column",
        ),
        ({"form": "predicate", "columns": ["city"]}, "needs a Python function"),
    ],
)
def test_bad_entries_are_one_line(entry: dict[str, object], complaint: str) -> None:
    data = {**SCHEMA.to_json(), "constraints": [entry]}
    with pytest.raises(SchemaError) as caught:
        form_of(Schema.from_json(data).constraints[0], SCHEMA)
    assert complaint in str(caught.value) and "\n" not in str(caught.value)


def test_predicates() -> None:
    short = predicate(
        lambda f: f["price"] * f["amount"] < 3000, ["price", "amount"], "cheap"
    )
    held = form_of(short).holds(Table(FRAME, SCHEMA))
    assert (held == (FRAME["price"] * FRAME["amount"] < 3000)).all() and not held.all()
    with pytest.raises(
        SchemaError, match="cheap is a Python function and cannot be stored"
    ):
        short.to_json()
    wrong: list[Callable[[pd.DataFrame], object]] = [
        lambda f: f["price"],
        lambda f: True,
        lambda f: f["nothing"],
    ]
    for function in wrong:
        with pytest.raises(
            SchemaError, match=r"one True or False for each|failed with KeyError"
        ):
            form_of(predicate(function, ["price"])).holds(Table(FRAME, SCHEMA))


def hidden(constraints: list[Constraint], frame: pd.DataFrame = FRAME) -> Enforced:
    return Enforced.fit(frame, SCHEMA.enforcing(constraints))


@pytest.mark.parametrize("form", ["equation", "one_hot", "determines", "combination"])
def test_what_is_hidden_comes_back_exactly(form: str) -> None:
    enforced = hidden([of(form)])
    inner = enforced.hide(FRAME)
    assert (
        inner.shape[1] < FRAME.shape[1] and tuple(inner.columns) == enforced.inner.names
    )
    pd.testing.assert_frame_equal(enforced.restore(inner), FRAME)
    again = Enforced.from_state(
        enforced.schema, json.loads(json.dumps(enforced.state()))
    )
    pd.testing.assert_frame_equal(again.restore(again.hide(FRAME)), FRAME)
    assert again.judge(FRAME).all(axis=None)


def test_all_found_together_come_back_exactly() -> None:
    schema = SCHEMA.enforcing(FOUND)
    enforced = Enforced.fit(FRAME, schema)
    inner = enforced.hide(FRAME)
    assert set(FRAME.columns) - set(inner.columns) == {
        "total",
        "country",
        "green",
        "blue",
        "grey",
        "phone",
        "came",
        "fit",
    }
    pd.testing.assert_frame_equal(enforced.restore(inner), FRAME)


def test_part_of_a_column_is_hidden_where_the_rest_does_not_follow() -> None:
    """Where delay alone is missing, came must still be learnt."""
    frame = FRAME.copy()
    lone = frame["delay"].notna() & (rng(4).random(ROWS) < 0.1)
    frame.loc[lone, "delay"] = np.nan
    enforced = hidden(
        [parse_constraint("came = clock(planned + delay)", SCHEMA)], frame
    )
    inner = enforced.hide(frame)
    assert inner["came"].notna().sum() == lone.sum()
    pd.testing.assert_frame_equal(enforced.restore(inner), frame)


def test_the_target_stays_what_it_is() -> None:
    schema = SCHEMA.with_constraints([of("determines")])
    assert "country" not in Enforced.fit(FRAME, schema).inner
    assert "country" in Enforced.fit(FRAME, schema, target="country").inner


def test_constraints_in_a_circle_are_no_obstacle() -> None:
    pairs = [
        "city -> country, size",
        "country, size -> city",
        "total = price * amount",
        "price = total / amount",
    ]
    sizes = dict(zip(["Bonn", "Köln", "Lyon", "Nice", "Rome"], "ABABA", strict=True))
    frame = FRAME.assign(size=FRAME["city"].map(sizes))
    schema = infer(frame, rare=0)
    enforced = Enforced.fit(
        frame, schema.with_constraints(parse_constraint(p, schema) for p in pairs[:3])
    )
    pd.testing.assert_frame_equal(enforced.restore(enforced.hide(frame)), frame)
    both = Enforced.fit(
        frame, schema.with_constraints(parse_constraint(p, schema) for p in pairs[2:])
    )
    assert "total" not in both.inner and "price" in both.inner


def test_repairs_make_it_hold() -> None:
    """Cells that were not hidden are mended: whatever the model drew, one follows from the other."""
    r = rng(8)
    mixed = FRAME.assign(
        **{n: r.permutation(FRAME[n].to_numpy()) for n in ("lines", "total", "country")}
    )
    near = parse_constraint("total = price * amount within 10 %", SCHEMA)
    value = next(c for c in FOUND if c.says.startswith("lines is"))
    for constraint in (near, value):
        enforced = hidden([constraint])
        before, after = (
            enforced.judge(rows).to_numpy()[:, 0]
            for rows in (mixed, enforced.restore(mixed))
        )
        assert (after | ~before).all() and before.mean() < 0.7 < after.mean()
        mendable = (
            ~mixed["phone"].to_numpy() if constraint is value else np.ones(ROWS, bool)
        )
        assert after[mendable].all()
    enforced = Enforced.fit(FRAME, SCHEMA.enforcing([of("equation")]), target="total")
    assert enforced.hide(FRAME) is FRAME and enforced.judge(
        enforced.restore(mixed)
    ).all(axis=None)


def test_combinations_of_few_rows_are_not_kept_where_asked() -> None:
    frame = FRAME.copy()
    frame.loc[:2, ["city", "country", "size", "fit"]] = "Atlantis", "at", "XXXL", "vast"
    schema = infer(frame, rare=0).with_constraints(
        [of("determines"), of("combination")]
    )
    for least, kept in ((1, True), (5, False)):
        enforced = Enforced.fit(frame, schema, least_rows=least)
        state = json.dumps(enforced.state())
        assert all(
            (word in state) is kept for word in ("Atlantis", '"at"', "XXXL", "vast")
        )
        assert enforced.judge(frame).all(axis=1).sum() == ROWS - 3 * (not kept)
        pd.testing.assert_frame_equal(enforced.restore(enforced.hide(FRAME)), FRAME)


def test_identifiers_determine_nothing_that_is_stored() -> None:
    frame = FRAME.assign(key=[f"K{i:05d}" for i in range(ROWS)])
    for text in ("key -> city", "combination(key, city)"):
        with pytest.raises(
            SchemaError,
            match="'key' is an identifier, and a model keeps no table of these",
        ):
            parse_constraint(text, infer(frame))


@pytest.mark.parametrize(
    "dtype", ["int8", "Int64", "float64", "bool", "category", "str"]
)
def test_one_hot_of_every_dtype(dtype: str) -> None:
    bits = np.eye(3, dtype=int)[rng(2).integers(0, 3, 500)]
    frame = pd.DataFrame(bits, columns=["a", "b", "c"])
    frame = (
        frame.astype(str).astype(dtype)
        if dtype in ("category", "str")
        else frame.astype(dtype)
    )
    schema = infer(frame, rare=0)
    found = find_constraints(frame, schema)
    assert [c.says for c in found] == ["one_hot(a, b, c)"]
    enforced = Enforced.fit(frame, schema.enforcing(found))
    assert enforced.inner.names == ("a",) and enforced.inner["a"].kind == "category"
    pd.testing.assert_frame_equal(
        enforced.restore(enforced.hide(frame)), frame, check_column_type=False
    )


ODD = {
    "one row": {"a": [1], "b": ["x"], "c": [1.5]},
    "all missing": {"a": [None] * 60, "b": [np.nan] * 60, "c": range(60)},
    "constants": {"a": [1] * 60, "b": ["x"] * 60},
    "all but one missing": {"a": [1.0] + [None] * 99, "b": rng(1).integers(0, 5, 100)},
    "huge": {
        "a": rng(2).uniform(-1, 1, 500) * 1e308,
        "b": rng(3).random(500) * 1e-308,
        "c": rng(4).integers(-(2**62), 2**62, 500),
    },
    "nearly constant": {
        "a": [0.0] * 499 + [1.0],
        "b": [0] * 499 + [2],
        "c": [0, 1] * 250,
    },
    "odd names": {
        "where is": rng(5).integers(0, 9, 300),
        "a <= b": rng(6).integers(0, 9, 300),
        'say "x"': rng(7).integers(0, 2, 300),
        "unique(": rng(8).integers(0, 2, 300),
    },
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.filterwarnings("error")
def test_odd_tables_offer_nothing_and_break_nothing(name: str) -> None:
    assert find_constraints(pd.DataFrame(ODD[name])) == ()


def test_copies_of_a_column_are_offered_once() -> None:
    twins = pd.DataFrame({"a": rng(1).integers(0, 30, 500)})
    twins = twins.assign(b=twins["a"], c=twins["a"])
    assert [c.says for c in find_constraints(twins)] == ["b = a", "c = a"]


@pytest.mark.slow
def test_many_columns_are_looked_at_in_seconds() -> None:
    import time

    r = rng(5)
    frame = pd.DataFrame(r.integers(0, 30, size=(5000, 150))).rename(
        columns=lambda k: f"c{k}"
    )
    start = time.perf_counter()
    assert find_constraints(frame) == ()
    assert time.perf_counter() - start < 30


def cells() -> dict[str, pd.Series]:
    """A column of every dtype, with missing cells where it can have them."""
    r = rng(6)
    whole, part = (
        pd.Series(r.integers(1, 30, 300)),
        pd.Series(r.integers(1, 30, 300) / 4),
    )
    gaps = pd.Series(r.random(300) < 0.1)
    days = pd.Timestamp("2020-02-28 12:00") + pd.to_timedelta(whole, unit="D")
    return {
        "int64": whole,
        "int8": whole.astype("int8"),
        "Int64": whole.astype("Int64").mask(gaps),
        "UInt16": whole.astype("UInt16"),
        "float64": part.mask(gaps),
        "float32": part.astype("float32"),
        "Float64": part.astype("Float64").mask(gaps),
        "decimal": part.map(lambda x: Decimal(f"{x:.2f}")),
        "bool": whole > 9,
        "boolean": (whole > 9).astype("boolean").mask(gaps),
        "text": ("t" + whole.astype(str)).mask(gaps),
        "string": ("t" + whole.astype(str)).astype("string").mask(gaps),
        "digits": whole.map("{:03d}".format),
        "category": ("t" + whole.astype(str)).astype("category").cat.as_ordered(),
        "numbered": whole.astype("category"),
        "datetime": days.mask(gaps),
        "zoned": days.dt.tz_localize("Europe/Paris"),
        "date": days.dt.date,
        "duration": pd.to_timedelta(whole, unit="h").mask(gaps),
        "pyarrow": whole.astype("int32[pyarrow]"),
    }


@pytest.mark.parametrize("name", cells())
def test_cells_of_every_dtype_are_looked_up_and_come_back(name: str) -> None:
    """A column of any dtype may follow from another one, or decide what does."""
    series = cells()[name]
    frame = pd.DataFrame(
        {"x": series, "key": series.astype(object).astype(str).map(lambda t: f"k{t}")}
    )
    schema = infer(frame, {"x": "category"} if name == "digits" else None, rare=0)
    for text in ("key -> x", "x -> key", "combination(key, x)"):
        enforced = Enforced.fit(
            frame, schema.with_constraints([parse_constraint(text, schema)])
        )
        inner = enforced.hide(frame)
        assert inner.shape[1] == 1
        again = Enforced.from_state(schema, json.loads(json.dumps(enforced.state())))
        pd.testing.assert_frame_equal(
            again.restore(inner), frame, check_categorical=True
        )
        assert again.judge(frame).all(axis=None)


NUMERIC = (
    "int64",
    "int8",
    "Int64",
    "UInt16",
    "float64",
    "float32",
    "Float64",
    "decimal",
    "datetime",
    "zoned",
    "date",
    "duration",
    "pyarrow",
)


@pytest.mark.parametrize("name", NUMERIC)
def test_numbers_of_every_dtype_follow_an_equation(name: str) -> None:
    series = cells()[name]
    frame = pd.DataFrame({"x": series, "y": series, "z": range(len(series))})
    schema = infer(frame, rare=0)
    enforced = Enforced.fit(
        frame, schema.with_constraints([parse_constraint("y = x", schema)])
    )
    inner = enforced.hide(frame)
    assert list(inner) == ["x", "z"]
    pd.testing.assert_frame_equal(enforced.restore(inner), frame)
    assert "y = x" in {c.says for c in find_constraints(frame, schema)}


@pytest.mark.slow
def test_a_wide_table_takes_seconds() -> None:
    """12 x 1,000 took 13 s of a core, and 51 s of the clock on a busy machine."""
    noise = np.random.default_rng(0)
    wide = pd.DataFrame(
        {
            f"c{i}": noise.integers(0, 9, 12) if i % 2 else noise.random(12)
            for i in range(1000)
        }
    )
    schema = infer(wide)
    began = time.process_time()
    found = find_constraints(wide, schema)
    assert time.process_time() - began < 10
    # Again the same: what is looked at depends on the table alone.
    assert find_constraints(wide, schema) == found


def test_few_rows_are_no_evidence_for_a_link_by_chance() -> None:
    """Of 12 rows, links to columns that agree in some of them are not even tried."""
    noise = np.random.default_rng(0)
    cells = {f"c{i}": noise.integers(0, 9, 12) for i in range(150)}
    cells["copy"] = cells["c7"]
    wide = pd.DataFrame(cells)
    tried = []

    def spy(link, *arguments):
        tried.append(link)
        return holds_in(link, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "holds_in", spy)
        links = search.find(wide, infer(wide), np.random.default_rng(0))
    assert links["copy"][0].parents == ("c7",)
    assert len(tried) < 50
