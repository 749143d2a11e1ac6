from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from synthtab.core.errors import DataError, SchemaError
from synthtab.core.schema import Schema
from synthtab.data import tables
from synthtab.data.columns import infer
from synthtab.data.formats import parquet, text_rows

CSV = """id,when,amount,share,flag,note,size,empty
A-01,2024-01-31,5.00,15.0,yes,None,0311,
A-02,2024-02-29,12.50,3.25,no,"a, ""b""
c",0012,{blank}
A-03,2024-03-01,?,-0.5,yes,NA,7000,
""".replace("{blank}", " ")


def test_read_gives_text_and_write_gives_it_back(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    frame = tables.read(tmp_path / "a.csv")
    assert frame.shape == (3, 8)
    assert frame["size"].tolist() == ["0311", "0012", "7000"]
    assert frame["note"].tolist() == ["None", 'a, "b"\nc', "NA"]
    assert frame["amount"].tolist() == ["5.00", "12.50", "?"]
    assert frame["empty"].isna().tolist() == [True, False, True]
    schema = infer(frame, rare=0)
    kinds = {c.name: c.kind for c in schema.columns}
    assert kinds | {"id": "", "empty": ""} == {
        "id": "",
        "when": "datetime",
        "amount": "float",
        "share": "float",
        "flag": "boolean",
        "note": "category",
        "size": "category",
        "empty": "",
    }
    typed = tables.typed(frame, schema)
    assert typed["amount"].isna().tolist() == [False, False, True]
    assert str(typed["when"].dtype) == "datetime64[us]"
    tables.write(typed, tmp_path / "b.csv", schema)
    assert (tmp_path / "b.csv").read_text() == CSV
    pd.testing.assert_frame_equal(tables.read(tmp_path / "b.csv", schema=schema), typed)


@pytest.mark.parametrize(
    "name", ["t.csv", "t.tsv", "t.csv.gz", "t.tsv.gz", "t.parquet", "t.dat"]
)
def test_every_format_round_trips_in_pieces(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame(
        {
            "n": [1, 2, 3, 4],
            "x": [0.5, np.nan, 2.0, 1.25],
            "word": ["a", "b", "ü,", "\t"],
        }
    )
    schema = infer(frame)
    tables.write(iter([frame.iloc[:1], frame.iloc[1:]]), tmp_path / name, schema)
    back = tables.read(tmp_path / name, schema=schema)
    pd.testing.assert_frame_equal(back.reset_index(drop=True), frame)
    if name.endswith("gz"):
        assert gzip.decompress((tmp_path / name).read_bytes()).startswith(b"n")
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize("columns", [1, 3])
def test_cells_are_quoted_where_a_csv_writer_would(
    tmp_path: Path, delimiter: str, columns: int
) -> None:
    rng = np.random.default_rng(0)
    cells = [
        "".join(rng.choice(list('ab,\t"\n ü;'), rng.integers(0, 5))) for _ in range(900)
    ]
    frame = pd.DataFrame(np.array(cells, dtype=object).reshape(-1, columns)).set_axis(
        list('a,"')[:columns], axis=1
    )
    schema = infer(frame, dict.fromkeys(frame.columns, "category"))
    path = tmp_path / ("t.tsv" if delimiter == "\t" else "t.csv")
    tables.write([frame.head(100), frame.iloc[100:]], path, schema)
    wanted = io.StringIO()
    csv.writer(wanted, delimiter=delimiter, lineterminator="\n").writerows(
        [frame.columns, *frame.to_numpy().tolist()]
    )
    assert path.read_bytes().decode() == wanted.getvalue()


def test_carriage_returns_and_empty_lines_come_back(tmp_path: Path) -> None:
    for frame in (
        pd.DataFrame({"a": ["x\ry", None, "z"]}),
        pd.DataFrame({"a": ["x\r", "y", "z"], "b": [1, 2, 3]}),
    ):
        schema = infer(frame, {"a": "category"})
        tables.write(frame, tmp_path / "t.csv", schema)
        pd.testing.assert_frame_equal(
            tables.read(tmp_path / "t.csv", schema=schema), frame
        )


def test_many_rows_are_written_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"n": range(50), "w": [f"w{i % 7}" for i in range(50)]})
    schema = infer(frame)
    tables.write(frame, tmp_path / "a.csv", schema)
    monkeypatch.setattr(text_rows, "WRITE_ROWS", 7)
    tables.write(
        iter([frame.head(0), frame.head(20), frame.iloc[20:]]),
        tmp_path / "b.csv",
        schema,
    )
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_without_a_schema_pandas_forms_are_written(tmp_path: Path) -> None:
    tables.write(pd.DataFrame({"n": [1], "x": [0.5]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "n,x\n1,0.5\n"


def test_dash_writes_csv_with_one_header_to_stdout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    frame = pd.DataFrame({"n": [1], "x": [0.5]})
    tables.write(iter([frame, frame]), "-", infer(frame))
    assert capsys.readouterr().out == "n,x\n1,0.5\n1,0.5\n"


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_and_a_byte_order_mark(tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "t.csv").write_bytes(
        b"\xef\xbb\xbf" + f"a{delimiter}b\r\n1{delimiter}x, y\r\n".encode()
    )
    frame = tables.read(tmp_path / "t.csv")
    assert frame.to_dict("list") == {"a": ["1"], "b": ["x, y"]}


def test_one_column_keeps_its_empty_lines(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n\n3\n")
    assert tables.read(tmp_path / "t.csv")["a"].isna().tolist() == [False, True, False]


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "blank": (b"\n \n", "is empty"),
    "header only": (b"a,b\n", "has no rows"),
    "duplicate names": (b"a,b,a\n1,2,3\n", "two columns are named 'a'"),
    "blank name": (b"a,,c\n1,2,3\n", "column 2 of 3 has a blank name"),
    "short row": (b"a,b\n1,2\n3\n", "line 3 has 1 cells where the header has 2"),
    "long row": (b"a,b\n1,2,3\n", "line 2 has 3 cells where the header has 2"),
    "latin-1": ("a,b\n1,größe\n".encode("latin-1"), "is not in UTF-8"),
    "latin-1 far below": (
        b"a,b\n" + b"1,2\n" * 50_000 + "1,ö\n".encode("latin-1"),
        "is not in UTF-8",
    ),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    "binary": (b"\x00\x01\x02abc\n", "is a binary file"),
    "excel": (b"PK\x03\x04rest", "Excel"),
    "parquet by another name": (b"PAR1rest", "Parquet"),
    "broken gzip": (gzip.compress(b"a,b\n1,2\n" * 999)[:25], "damaged gzip"),
    "endless quote": (b'a,b\n"1,2\n3,4\n', "t.csv"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_text_files_are_one_line_errors(tmp_path: Path, case: str) -> None:
    content, complaint = BAD[case]
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        tables.read(path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_paths(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        tables.read(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is a folder"):
        tables.read(tmp_path)
    (tmp_path / "t.parquet").write_bytes(b"PAR1 truncated")
    with pytest.raises(DataError, match="not a whole Parquet file"):
        tables.read(tmp_path / "t.parquet")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1]})
    with pytest.raises(DataError, match="is a folder"):
        tables.write(frame, tmp_path)
    with pytest.raises(DataError, match="cannot write"):
        tables.write(frame, tmp_path / "none" / "t.csv")
    (tmp_path / "t.csv").write_text("old")

    def interrupted() -> Iterator[pd.DataFrame]:
        yield frame
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tables.write(interrupted(), tmp_path / "t.csv", infer(frame))
    assert (tmp_path / "t.csv").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="this system has no /dev/full"
)
def test_a_full_disk_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(text_rows, "open_text", lambda packed: open("/dev/full", "w"))
    with pytest.raises(DataError, match="No space left"):
        tables.write(pd.DataFrame({"n": range(100_000)}), tmp_path / "t.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("column", "cell", "complaint"),
    [
        ("n", "abc", "column 'n': 'abc' is not a whole number"),
        ("n", "1.5", "column 'n': '1.5' is not a whole number"),
        ("x", "1,5", "column 'x': '1,5' is not a number"),
        ("x", "inf", "column 'x' holds infinite values"),
        ("day", "31/12/2020", "is not a date or time like %Y-%m-%d"),
        ("yes", "maybe", "'maybe' is not 'yes' or 'no'"),
        ("same", "other", "is not the constant 'k'"),
    ],
)
def test_a_cell_that_contradicts_the_schema_is_named(
    column: str, cell: str, complaint: str
) -> None:
    frame = pd.DataFrame(
        {
            "n": ["1", "2", "3"],
            "x": ["1.5", "2.5", "9.5"],
            "day": ["2020-01-01", "2020-01-02", "2020-01-03"],
            "yes": ["yes", "no", "no"],
            "same": ["k", "k", "k"],
        }
    )
    schema = infer(frame, text=True, rare=0)
    frame.loc[1, column] = cell
    with pytest.raises((SchemaError, DataError)) as caught:
        tables.typed(frame, schema)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_typed_orders_columns_and_checks_names() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [2.5, 3.5]})
    schema: Schema = infer(frame)
    assert list(tables.typed(frame[["b", "a"]], schema).columns) == ["a", "b"]
    with pytest.raises(SchemaError, match="lacks 'b'"):
        tables.typed(frame[["a"]], schema)


@pytest.mark.parametrize(
    "sizes",
    [[1], [10], [4, 4, 4], [9, 1, 10, 3], [25, 1], [3] * 20],
    ids=lambda s: "+".join(map(str, s)),
)
def test_row_groups_are_of_one_size_whatever_the_pieces(
    sizes: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 10)
    rows = pd.DataFrame(
        {"n": np.arange(sum(sizes)), "c": pd.Categorical(["a", "b"] * 30)[: sum(sizes)]}
    )
    ends = np.cumsum(sizes)
    tables.write(
        [rows.iloc[b - a : b] for a, b in zip(sizes, ends, strict=True)],
        tmp_path / "t.parquet",
    )
    metadata = pyarrow.parquet.read_metadata(tmp_path / "t.parquet")
    groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    full, rest = divmod(sum(sizes), 10)
    assert groups == [10] * full + [rest] * (rest > 0)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), rows)


def test_decimals_in_parquet_are_numbers(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from decimal import Decimal

    table = pa.table({"price": pa.array([Decimal("1.50"), Decimal("2.25"), None])})
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink)
    (tmp_path / "t.parquet").write_bytes(sink.getvalue())
    assert infer(tables.read(tmp_path / "t.parquet"))["price"].kind == "float"
