"""A suffix is a promise: every format gives back what was written, others are refused by name."""

from __future__ import annotations

import io
import os
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthtab.core.errors import DataError, MissingExtraError
from synthtab.data import formats, tables
from synthtab.data.columns import infer
from synthtab.data.places import place, without_password

WRITTEN = [
    "t.csv",
    "t.tsv",
    "t.txt",
    "t.csv.gz",
    "t.tsv.bz2",
    "t.csv.xz",
    "t.csv.zst",
    "t.csv.zip",
    "t.jsonl",
    "t.ndjson.gz",
    "t.json",
    "t.parquet",
    "t.feather",
    "t.arrow",
    "t.xlsx",
    "sqlite:///t.db?table=orders",
]


def every_type(rows: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(rows), "D")
    frame = pd.DataFrame(
        {
            "day": days,
            "at": days + pd.to_timedelta(rng.integers(0, 86400, rows), "s"),
            "some days": pd.Series(days),
            "n": rng.integers(0, 90, rows),
            "some n": pd.Series(rng.integers(0, 90, rows), dtype="Int64"),
            "x": rng.normal(size=rows).round(3),
            "some x": rng.normal(size=rows),
            "yes": rng.random(rows) < 0.5,
            "maybe": pd.Series(rng.random(rows) < 0.5, dtype="boolean"),
            "word": pd.Categorical(rng.choice(["a", "b", "ü,;"], rows)),
            "text": rng.choice(["=1+1", "b", 'q"x', "0123"], rows),
            "long": pd.to_timedelta(rng.integers(0, 90000, rows), "s"),
        }
    )
    for name in ("some days", "some n", "some x", "maybe", "text"):
        frame.loc[::9, name] = None
    return frame


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", WRITTEN)
def test_typed_columns_come_back(here: Path, name: str) -> None:
    frame = every_type()
    schema = infer(frame)
    typed = tables.typed(frame, schema)
    tables.write([typed.iloc[:50], typed.iloc[50:]], name, schema)
    pd.testing.assert_frame_equal(tables.read(name, schema=schema), typed)
    # Nothing is left beside it.
    assert len(list(here.iterdir())) == 1
    again = name.replace("t.", "again.", 1)
    tables.write(typed, again)
    assert len(tables.read(again)) == len(typed)


@pytest.mark.parametrize("name", ["t.jsonl", "t.xlsx", "sqlite:///t.db?table=orders"])
def test_types_are_known_without_a_schema(here: Path, name: str) -> None:
    frame = every_type()
    tables.write(frame, name)
    dtypes = tables.read(name).dtypes.astype(str).to_dict()
    assert dtypes["some n"] == "Int64" and dtypes["n"] == "int64"
    assert dtypes["maybe"] == "boolean" and dtypes["yes"] == "bool"
    assert dtypes["x"] == "float64"
    if not name.endswith("jsonl"):
        assert dtypes["some days"].startswith("datetime64")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("t.xls", "save it as .xlsx"),
        ("t.sav", "pandas.read_spss"),
        ("t.pkl", "may run code"),
        ("t.db", "sqlite:///FILE"),
        ("t.synthtab", "a model, not a table"),
        ("t.parquet.gz", "not compressed as a whole: name it t.parquet"),
        ("t.xlsm.zip", "not compressed as a whole"),
    ],
)
def test_other_formats_are_refused_by_name(here: Path, name: str, says: str) -> None:
    (here / name).write_bytes(b"whatever")
    with pytest.raises(DataError, match=says):
        tables.read(name)
    with pytest.raises(DataError, match=says):
        tables.write(pd.DataFrame({"n": [1]}), name)
    assert (here / name).read_bytes() == b"whatever"


@pytest.mark.parametrize("name", ["t", "t.foo", "t.2020", "t.gz", "t.xlsm"])
def test_only_a_suffix_that_says_so_is_written(here: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"cannot write {name}"):
        tables.write(pd.DataFrame({"n": [1]}), name)
    assert not list(here.iterdir())


def test_unknown_suffixes_are_read_as_text(here: Path) -> None:
    for name in ("t", "t.foo", "t.2020", "t.dat"):
        (here / name).write_text("a;b\n1;2\n")
        assert tables.read(name).columns.tolist() == ["a", "b"]


def test_every_suffix_has_one_meaning() -> None:
    known = [suffix for choice in formats.FORMATS for suffix in choice.suffixes]
    assert len(set(known)) == len(known)
    assert not set(known) & {*formats.REFUSED, *formats.COMPRESSIONS}


def test_a_missing_extra_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (here / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(MissingExtraError, match=r"pip install 'synthtab\[excel\]'"):
        tables.read("t.xlsx")
    with pytest.raises(MissingExtraError, match=r"synthtab\[postgres\]"):
        tables.read("postgresql://me:secret@host/db?table=t")


def test_commands_refuse_before_anything_is_loaded(call, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    for arguments in (
        ("sample", "-n", "5", "-m", "m.synthtab", "-o", "x.xls"),
        ("impute", "t.csv", "-o", "x.foo"),
        ("augment", "t.csv", "--target", "a", "-o", "x"),
        ("fit", "t.sav"),
        ("evaluate", "t.csv", "t.rds"),
        ("compare", "t.csv", "t.csv", "mysql://me:secret@host/db?table=t"),
    ):
        said = call(*arguments)
        assert said.status == 2 and said.out == ""
        assert len(said.err.splitlines()) == 1
        assert "secret" not in said.err
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


# -- JSON, Excel


def test_json_is_a_list_of_objects(here: Path) -> None:
    (here / "t.json").write_text('[{"a": 1, "b": "x"}, {"b": "y", "c": true}]')
    frame = tables.read("t.json")
    assert frame.columns.tolist() == ["a", "b", "c"]
    assert frame["a"].isna().tolist() == [False, True]
    # JSON lines under another name.
    (here / "t.json").write_text('{"a": 1}\n{"a": 2}\n')
    assert tables.read("t.json")["a"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ('{"a": 1}\n{"a": \n', "line 2 is not JSON"),
        ('{"a": 1}\n[2]\n', "line 2 is not a JSON object"),
        ('{"a": [1]}\n', "column 'a' holds lists or objects"),
        ('{"a": {"b": 1}}\n', "column 'a' holds lists or objects"),
    ],
)
def test_bad_json_lines_are_one_line_errors(
    here: Path, content: str, says: str
) -> None:
    (here / "t.jsonl").write_text(content)
    with pytest.raises(DataError, match=says):
        tables.read("t.jsonl")


def test_json_numbers_and_words_are_not_confused(here: Path) -> None:
    lines = ['{"n": 12345678901234567890, "w": "2020-01-01 10:00:00", "m": 1}']
    lines.append('{"n": 1, "w": "2020-01-02 10:00:00", "m": "x"}')
    (here / "t.jsonl").write_text("\n".join(lines))
    frame = tables.read("t.jsonl")
    assert frame["n"].tolist()[0] == "12345678901234567890"
    assert frame["w"].tolist()[0] == "2020-01-01 10:00:00"
    assert frame["m"].tolist() == ["1", "x"]


def test_no_text_becomes_a_formula_in_excel(here: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    tables.write(pd.DataFrame({"=a": ["=1+1", "-2+3"]}), "t.xlsx")
    sheet = openpyxl.load_workbook("t.xlsx").active
    assert [[c.data_type for c in row] for row in sheet.rows] == [["s"], ["s"], ["s"]]
    assert tables.read("t.xlsx")["=a"].tolist() == ["=1+1", "-2+3"]


def test_sheets_with_more_than_a_table(here: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in ([], [None, "a", "b"], [None, 1, "x"], [None, None, "y"]):
        book.active.append(row)
    book.create_sheet("more")
    book.save("t.xlsx")
    frame = tables.read("t.xlsx")
    assert frame["a"].isna().tolist() == [False, True]
    assert tables.notes(frame) == ["the first of 2 sheets, 'Sheet', is read"]
    (here / "t.xlsx").write_bytes(b"a,b\n1,2\n")
    with pytest.raises(DataError, match="not a whole Excel sheet"):
        tables.read("t.xlsx")


def test_what_a_sheet_cannot_hold_is_refused(here: Path) -> None:
    for text in ("x" * 40_000, "a\x1b"):
        with pytest.raises(DataError, match="column 'a' has a text that a sheet"):
            tables.write(pd.DataFrame({"a": [text]}), "t.xlsx")
    assert not list(here.iterdir())


# -- Databases


def test_a_table_of_a_database_is_never_replaced_silently(here: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2]})
    url = "sqlite:///shop.db?table=orders"
    tables.write(frame, url)
    with pytest.raises(DataError, match="if_exists=append"):
        tables.write(frame, url)
    with pytest.raises(DataError, match="if_exists=append"):
        tables.check_writable(url)
    tables.write(frame, f"{url}&if_exists=append")
    assert tables.read(url)["n"].tolist() == [1, 2, 1, 2]
    tables.write(frame, f"{url}&if_exists=replace")
    assert tables.read(url)["n"].tolist() == [1, 2]
    with pytest.raises(DataError, match="did you mean 'orders'"):
        tables.read("sqlite:///shop.db?table=order")
    with pytest.raises(DataError, match="does not exist"):
        tables.read("sqlite:///other.db?table=orders")
    assert not Path("other.db").exists()


def test_an_interrupted_write_leaves_the_database_as_it_was(here: Path) -> None:
    url = "sqlite:///shop.db?table=orders&if_exists=replace"
    tables.write(pd.DataFrame({"n": [1, 2]}), url)

    def interrupted():
        yield pd.DataFrame({"n": [3]})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tables.write(interrupted(), url)
    assert tables.read(url)["n"].tolist() == [1, 2]


def test_what_others_stored_in_sqlite_is_read(here: Path) -> None:
    with sqlite3.connect("shop.db") as connection:
        table = '"my ""t"""'
        connection.execute(f"CREATE TABLE {table} (d DATE, b BOOLEAN, m, n INT)")
        connection.execute(f"INSERT INTO {table} VALUES ('2020-01-02', 1, 1, NULL)")
        connection.execute(f"INSERT INTO {table} VALUES (NULL, 0, 'x', 4)")
    connection.close()
    frame = tables.read('sqlite:///shop.db?table=my "t"')
    assert frame["d"].tolist()[0] == pd.Timestamp("2020-01-02")
    assert frame["b"].tolist() == [True, False]
    assert frame["m"].tolist() == ["1", "x"]
    assert str(frame["n"].dtype) == "Int64"


def test_other_databases_go_through_sqlalchemy(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    from synthtab.data.formats import sql

    # No server here: the same statements on SQLite.
    monkeypatch.setattr(formats, "check_extra", lambda choice: None)
    monkeypatch.setattr(
        sql, "engine", lambda url: sqlalchemy.create_engine("sqlite:///shop.db")
    )
    url = "postgresql://me:s%40cret@host/db?table=orders"
    frame = every_type()
    schema = infer(frame)
    typed = tables.typed(frame, schema)
    tables.write([typed.iloc[:50], typed.iloc[50:]], url, schema)
    pd.testing.assert_frame_equal(tables.read(url, schema=schema), typed)
    with pytest.raises(DataError, match="if_exists=append") as refused:
        tables.check_writable(url)
    assert "cret" not in str(refused.value)
    tables.write(typed, f"{url}&if_exists=replace", schema)
    with pytest.raises(DataError, match="did you mean 'orders'"):
        tables.read(url.replace("orders", "order"))


def test_postgresql_keeps_types_and_tells_no_values() -> None:
    """On the server that SYNTHTAB_POSTGRES names, as postgresql://me@localhost/db."""
    server = os.environ.get("SYNTHTAB_POSTGRES")
    if not server:
        pytest.skip("SYNTHTAB_POSTGRES names no server")
    sa = pytest.importorskip("sqlalchemy")
    from synthtab.data.formats import sql

    engine = sql.engine(server)
    with engine.begin() as connection:
        for statement in (
            "drop table if exists synthtab_test, synthtab_new",
            "create table synthtab_test (amount numeric(12, 2), zoned timestamptz, "
            "day date, lasts interval, ip inet, nothing jsonb)",
            "insert into synthtab_test select i * 1.25, now() + i * interval '1 hour', "
            "date '2020-01-01' + i, i * interval '7 minutes', "
            "('10.0.0.' || i)::inet, null from generate_series(1, 200) i",
        ):
            connection.execute(sa.text(statement))
    url = f"{server}?table=synthtab_test"
    frame = tables.read(url)
    schema = infer(frame)
    typed = tables.typed(frame, schema)
    tables.write(typed, f"{server}?table=synthtab_new", schema)
    tables.write(typed, f"{url}&if_exists=append", schema)
    with engine.begin() as connection:
        types = {
            one["name"]: str(one["type"])
            for one in sa.inspect(connection).get_columns("synthtab_new")
        }
        twice = "select count(*), count(distinct synthtab_test) from synthtab_test"
        assert tuple(connection.execute(sa.text(twice)).one()) == (400, 200)
        connection.execute(sa.text("alter table synthtab_test drop column ip"))
    assert (types["amount"], types["zoned"]) == ("NUMERIC", "TIMESTAMP")
    with pytest.raises(DataError, match='"ip" of relation') as refused:
        tables.write(typed, f"{url}&if_exists=append", schema)
    assert "10.0.0" not in str(refused.value)
    with engine.begin() as connection:
        connection.execute(sa.text("drop table synthtab_test, synthtab_new"))
    engine.dispose()


def test_an_unreachable_database_shows_no_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    from synthtab.data.formats import sql

    def refuse(url: str) -> None:
        raise sqlalchemy.exc.ArgumentError(f"cannot reach s@cret at {url}")

    monkeypatch.setattr(formats, "check_extra", lambda choice: None)
    monkeypatch.setattr(sql, "engine", refuse)
    with pytest.raises(DataError, match=r"\*\*\*") as refused:
        tables.read("postgresql://me:s%40cret@host/db?table=orders")
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:pw@h/d?table=t", "postgresql://me:***@h/d?table=t"),
        ("postgresql://me:p@/w@h/d?table=t", "postgresql://me:***@h/d?table=t"),
        (
            "postgresql://h/d?table=t&password=x",
            "postgresql://h/d?table=t&password=***",
        ),
        ("sqlite:///a.db?table=t", "sqlite:///a.db?table=t"),
        ("people.csv", "people.csv"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
    assert place(url).shown == shown


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///a.db", "add [?]table=NAME"),
        ("sqlite://a.db?table=t", "three slashes"),
        ("sqlite:///a.db?table=t&if_exists=maybe", "append or replace"),
        ("mysql://me:pw@h/d?table=t", "use sqlite:///"),
        ("https://example.com/t.csv", "use sqlite:///"),
    ],
)
def test_bad_urls_are_one_line_errors(url: str, says: str) -> None:
    with pytest.raises(DataError, match=says) as refused:
        tables.read(url)
    assert "pw" not in str(refused.value)


# -- Cells that a spreadsheet would run


def test_safe_cells_mark_formulas_and_never_numbers(here: Path) -> None:
    cells = [
        "=1+1",
        "+cmd|x",
        "-2+3+cmd",
        "@SUM(A1)",
        "-5",
        "+3.5",
        "-1,234.50",
        "-5 %",
    ]
    cells += ["-", "a=b", "-1e5", "-$3", "plain", "x" * 3]
    frame = pd.DataFrame({"=note": cells, "n": range(-7, 7)})
    schema = infer(frame, {"=note": "category"}, rare=0)
    for given in (schema, None):
        tables.write(frame, "t.csv", given, safe_cells=True)
        back = tables.read("t.csv")
        marked = [c for c in back["'=note"] if c.startswith("'")]
        assert marked == ["'=1+1", "'+cmd|x", "'-2+3+cmd", "'@SUM(A1)"]
        assert back["n"].tolist() == [str(n) for n in range(-7, 7)]
    tables.write(frame, "t.csv", schema)
    assert tables.read("t.csv")["=note"].tolist() == cells


def test_stdout_can_be_safe_too(capsys: pytest.CaptureFixture[str]) -> None:
    tables.write(pd.DataFrame({"a": ["=1"]}), "-", safe_cells=True)
    assert pd.read_csv(io.StringIO(capsys.readouterr().out))["a"].tolist() == ["'=1"]
