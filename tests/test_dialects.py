"""How a CSV file is written is found out from many lines, and what is unusual is said."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from synthtab import find_constraints, infer
from synthtab.core.errors import DataError, SynthtabError
from synthtab.data import tables


def read(folder: Path, content: str | bytes) -> pd.DataFrame:
    """The table of a file; the same whether it is read at once or in pieces."""
    path = folder / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    frame = tables.read(path)
    joined = tables.to_frame(pa.concat_tables(list(tables.batches(path))), path)
    pd.testing.assert_frame_equal(joined, frame)
    assert joined.attrs == frame.attrs
    return frame


AB = {"a": ["1", "3"], "b": ["2", "4"]}

# What is in the file -> the table, and words of the note, if there is one.
READ: dict[str, tuple[str, dict[str, list[str]], str]] = {
    "a comma in a quoted name": (
        '"price, EUR";g\n1;2\n3;4\n',
        {"price, EUR": ["1", "3"], "g": ["2", "4"]},
        "",
    ),
    "a comma in a name": (
        "price, EUR;g\n1;2\n3;4\n",
        {"price, EUR": ["1", "3"], "g": ["2", "4"]},
        "",
    ),
    "decimal commas": (
        "a;b\n1,5;2,5\n3,5;4,5\n",
        {"a": ["1,5", "3,5"], "b": ["2,5", "4,5"]},
        "",
    ),
    "decimal commas below a comma": (
        "p, EUR;b\n1,5;2\n3,5;4\n",
        {"p, EUR": ["1,5", "3,5"], "b": ["2", "4"]},
        "",
    ),
    "bars": ("a|b\n1|2\n3|4\n", AB, ""),
    "tabs": ("a\tb\n1\t2\n3\t4\n", AB, ""),
    "carets": ("a^b\n1^2\n3^4\n", AB, "'^' is taken"),
    "colons": ("a:b\n1:2\n3:4\n", AB, "':' is taken"),
    "times of day": ("t\n08:10\n09:20\n", {"t": ["08:10", "09:20"]}, ""),
    "words with semicolons": ("t\nx; y\nz\n", {"t": ["x; y", "z"]}, ""),
    "old Mac": ("a,b\r1,2\r3,4\r", AB, ""),
    "mixed line ends": ("a,b\r1,2\r\n3,4\n", AB, ""),
    "a return in a name": (
        "a\rx,b\n1,2\n3,4\n",
        {"a x": ["1", "3"], "b": ["2", "4"]},
        "became a blank",
    ),
    "a return in a quoted name": (
        '"a\rx",b\n1,2\n3,4\n',
        {"a\rx": ["1", "3"], "b": ["2", "4"]},
        "",
    ),
    "single quotes": (
        "a,b\n'x, y',1\n'z',2\n",
        {"a": ["x, y", "z"], "b": ["1", "2"]},
        "single quotes",
    ),
    "apostrophes": (
        "a,b\nO'Brien,1\n'tis,2\n",
        {"a": ["O'Brien", "'tis"], "b": ["1", "2"]},
        "",
    ),
    "pandas' index": (",a,b\n0,1,2\n1,3,4\n", AB, "column of row numbers"),
    "a shuffled index": (",a,b\n9,1,2\n4,3,4\n", AB, "column of row numbers"),
    "the index of R": ('"","a","b"\n"1",1,2\n"2",3,4\n', AB, "column of row numbers"),
    "trailing delimiters": ("a,b,\n1,2,\n3,4,\n", AB, ""),
    "trailing in the header": ("a,b,\n1,2\n3,4\n", AB, ""),
    "trailing in the rows": ("a;b\n1;2;\n3;4;\n", AB, ""),
    "a title": ("Sales 2020\na,b\n1,2\n3,4\n", AB, "taken for a title"),
    "a title of a sheet": ("Sales 2020,\n,\na,b\n1,2\n3,4\n", AB, "for a title"),
    "sep=": ("sep=|\r\na|b\r\n1|2\r\n3|4\r\n", AB, ""),
    "comments": ("# by me, now\n# x\na,b\n1,2\n3,4\n", AB, "with # at the beginning"),
    "a name with #": ("#a,b\n1,2\n3,4\n", {"#a": ["1", "3"], "b": ["2", "4"]}, ""),
    "a byte order mark": ('\ufeff"a";b\n1;2\n3;4\n', AB, ""),
    "no header": ("5.1,3.5\n1,2\n", {"5.1": ["1"], "3.5": ["2"]}, "holds numbers"),
    "years as names": ("c,2019\nx,1\n", {"c": ["x"], "2019": ["1"]}, ""),
    "one column of numbers": ("41\n1\n3\n", {"41": ["1", "3"]}, "holds numbers"),
    "one column": ("x\n1\n2\n", {"x": ["1", "2"]}, ""),
    "blank lines": ("\n\na,b\n1,2\n\n\n3,4\n\n", AB, ""),
    "blanks between cells": ("a b\n1 2\n3 4\n", {"a b": ["1 2", "3 4"]}, "sed -E"),
    "a quoted line end": ('a,b\n"x\ny",2\n', {"a": ["x\ny"], "b": ["2"]}, ""),
    "inches": ('a,b\n5" pipe,1\n', {"a": ['5" pipe'], "b": ["1"]}, ""),
}


@pytest.mark.parametrize("case", READ)
def test_unusual_files_are_read_and_said(tmp_path: Path, case: str) -> None:
    content, expected, note = READ[case]
    frame = read(tmp_path, content)
    assert frame.to_dict("list") == expected
    said = " ".join(tables.notes(frame))
    assert note in said if note else said == ""


def test_the_delimiter_is_passed_on(tmp_path: Path) -> None:
    frame = read(tmp_path, "a;b\n1,5;2\n3,5;4\n")
    assert frame.attrs[tables.DELIMITER] == ";"


@pytest.mark.long
def test_headers_and_cells_may_be_long(tmp_path: Path) -> None:
    names = [f"column {i}" for i in range(12_000)]
    frame = read(tmp_path, ",".join(names) + "\n" + ",".join("1" for _ in names))
    assert frame.columns.tolist() == names
    cell = "x" * 2_000_000
    assert read(tmp_path, f'a,b\n1,"{cell}"\n2,y\n')["b"].tolist() == [cell, "y"]


BAD = {
    "an open quote at the end": ('a,b\n1,x\n2,"y\n3,z\n', "opens in line 3 is never"),
    "an open quote in the middle": ('a,b\n1,"x\n2,y\n3,"z\n4,b\n', "opens in line 2"),
    "an open quote in the first column": ('a,b\n1,x\n"2,y\n3,z\n', "opens in line 3"),
    "an open quote in the header": ('"a,b\n1,x\n2,y\n', "opens in line 1 is never"),
    "a blank name with cells": ("a,b,\n1,2,5\n3,4,\n", "column 3 of 3 has a blank"),
    "an index of words": (",a\nx,1\ny,2\n", "index=False"),
    "a title with a comma": ("Sales, 2020\na,b,c\n1,2,3\n", "take out line 1 if it"),
    "no header, twice the same": ("1,1\n2,3\n", "looks like a row"),
    "a comment among rows": ("a,b\n1,2\n# x\n3,4\n", "line 3 looks like a comment"),
    "a ragged line": ("a,b\n1,2\n\n3,4,5\n", "line 4 has 3 cells"),
    "a NUL byte": ("a,b\n1,2\n3,\0x\n", "line 3 holds a NUL byte"),
    "UTF-16 without a mark": ("a,b\n1,2\n".encode("utf-16-le"), "in UTF-16"),
    "JSON": ('{"a": 1}\n{"a": 2}\n', "name it [*].jsonl"),
    "a web page": ("<html>no</html>", "a web page"),
    "a database": (b"SQLite format 3\0rest", "sqlite:///FILE"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, case: str) -> None:
    content, says = BAD[case]
    with pytest.raises(DataError, match=says) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_fit_says_how_a_table_was_read(call, tmp_path: Path) -> None:
    rows = "\n".join(f"{i},{i % 7},=x{i % 3}" for i in range(60))
    (tmp_path / "t.csv").write_text(f",a,b\n{rows}\n")
    said = call("fit", "t.csv", "--dry-run")
    assert said.status == 0
    lines = said.err.splitlines()
    assert "t.csv: its column of row numbers, which has no name, is left out" in lines
    assert len([line for line in lines if "--safe-cells" in line]) == 1
    assert call("fit", "t.csv", "--dry-run", "-q").err == ""


SEEDS = [
    "id,when,amount,note\n1,2020-01-31,5.00,yes\n2,2020-02-29,12.50,no\n",
    'a;b\n"x; ""y""";1,5\nz;-2\n',
    "Sales 2020,,\n,,\n,n,w\n0,1,x\n1,2,\n",
    "# by me\n'a'|'b'\n'1'|'2'\n",
]
PIECES = [",", ";", "\t", "|", '"', "'", "\n", "\r", "\r\n", "", " ", "#", "=", "\0"]
PIECES += [
    "\x1b[31m",
    "é",
    "\ufeff",
    "1e999",
    "-",
    "NaN",
    "sep=;\n",
    "\udcff",
    "{",
    "9" * 40,
]


def mutants(count: int) -> list[bytes]:
    """Small files, each with a few characters taken out, doubled or put in."""
    rng = random.Random(17)
    found = []
    for number in range(count):
        text = list(SEEDS[number % len(SEEDS)])
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(text))
            text[at : at + rng.randint(0, 3)] = rng.choice(
                [rng.choice(PIECES), text[at] * 2]
            )
        found.append("".join(text).encode("utf-8", "surrogateescape"))
    return found


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    """What `synthtab schema` does; nothing but our own errors may come."""
    path = tmp_path / "t.csv"
    refusals = []
    for content in mutants(300):
        path.write_bytes(content)
        try:
            frame = tables.read(path)
            find_constraints(frame, infer(frame))
        except SynthtabError as error:
            refusals.append(str(error))
    assert 50 < len(refusals) < 250
    assert not [text for text in refusals if "\n" in text]
