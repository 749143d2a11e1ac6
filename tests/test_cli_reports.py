"""`evaluate --html`, `--fail-under` and `compare`, as a user runs them."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from conftest import people

import synthtab
from synthtab_cli.compare import _names


@pytest.fixture
def here(tmp_path: Path, people_csv: Path) -> Path:
    shutil.copy(people_csv, tmp_path / "people.csv")
    lines = people(300).splitlines()
    (tmp_path / "half.csv").write_text("\n".join(lines[:151]) + "\n")
    return tmp_path


@pytest.mark.long
def test_terminal_json_and_page_carry_the_same(call, here):
    said = call(
        "evaluate",
        "people.csv",
        "half.csv",
        "--all",
        "--html",
        "report.html",
        "--json",
        "report.json",
    )
    assert said.status == 0, said.err
    assert said.err.splitlines()[-2:] == ["report: report.json", "report: report.html"]
    page = (
        (here / "report.html")
        .read_text(encoding="utf-8")
        .replace("\N{NO-BREAK SPACE}", " ")
    )
    data = json.loads((here / "report.json").read_text())
    assert "half.csv" in page
    for verdict in data["verdicts"]:
        assert verdict["text"] in page.replace("&#39;", "'")
        assert verdict["text"].split(":")[0] in " ".join(said.out.split())
    assert any(v["rule"] == "copies" and v["level"] == "bad" for v in data["verdicts"])
    assert max(map(len, said.out.splitlines())) <= 80
    assert sorted(p.name for p in here.iterdir()) == [
        "half.csv",
        "people.csv",
        "report.html",
        "report.json",
    ]


@pytest.mark.long
def test_the_first_screen_is_the_conclusion_and_what_is_wrong(call, here):
    said = call("evaluate", "people.csv", "half.csv", "--json", "r.json", "-q")
    lines = said.out.splitlines()
    assert len(lines) <= 22 and max(map(len, lines)) <= 80
    data = json.loads((here / "r.json").read_text())
    shown = " ".join(said.out.split())
    for name in ("use", "safety"):
        assert data["conclusion"][name]["text"] in shown
    for verdict in data["conclusion"]["worst"]:
        assert verdict["text"] in shown
    assert shown.index("Conclusion") < shown.index("Verdicts:")
    assert lines[-1].endswith("all verdicts and scores: --all")
    assert "beside it" not in said.out and "\n  good " not in shown
    whole = call("evaluate", "people.csv", "half.csv", "--all", "-q").out
    assert whole.startswith(said.out[: said.out.index("Verdicts:")])
    assert "  Shape error " in whole and "beside it" in whole


def test_a_report_says_where_it_comes_from(call, here, people_model):
    shutil.copy(people_model, here / "people.synthtab")
    arguments = ["evaluate", "people.csv", "half.csv", "-m", "people.synthtab", "-q"]
    assert call(*arguments, "--json", "r.json", "--html", "r.html").status == 0
    data = json.loads((here / "r.json").read_text())
    made = data["made"]
    digest = hashlib.sha256((here / "people.synthtab").read_bytes()).hexdigest()
    assert made["model"] == {"name": "people.synthtab", "digest": digest, "seed": 1}
    assert made["files"] == {"real": "people.csv", "synthetic": "half.csv"}
    assert made["version"] == synthtab.__version__
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", made["date"])
    assert data["seed"] == 0
    assert set(data["tables"]["rows"]) == {"real", "synthetic", "holdout"}
    page = (here / "r.html").read_text()
    known = (digest[:16], made["date"], synthtab.__version__, "people.csv", "half.csv")
    assert all(word in page for word in known)
    for rows in data["tables"]["rows"].values():
        assert f"<td>{rows:,}</td>" in page


@pytest.mark.long
def test_a_failed_bound_is_status_1_and_the_report_is_there(call, here):
    arguments = [
        "evaluate",
        "people.csv",
        "half.csv",
        "--html",
        "r.html",
        "--json",
        "-",
        "-q",
        "--fail-under",
    ]
    said = call(*arguments, "exact_copies=0.5,shape_error=90,nearer_to_train=0.1")
    assert said.status == 1
    assert said.err.splitlines() == [
        "failed: exact_copies=0.5: 1 is above it",
        "failed: nearer_to_train=0.1: skipped: no holdout given",
    ]
    assert json.loads(said.out)["scores"]
    assert (here / "r.html").exists()
    said = call(*arguments, "shape_error=90")
    assert (said.status, said.err) == (0, "")


@pytest.mark.long
def test_the_riskiest_rows_are_listed_only_when_asked(call, here):
    """The one training row that is copied, by the number that it has in the file, whatever is held out."""
    copied = "P00001,17,pilot,,2011-02-03,no"
    lines = (here / "people.csv").read_text().splitlines()
    (here / "people.csv").write_text("\n".join([*lines, copied]) + "\n")
    (here / "half.csv").write_text(
        "\n".join([lines[0], *people(400).splitlines()[-99:], copied]) + "\n"
    )
    arguments = (
        "fit",
        "people.csv",
        "--preset",
        "quick",
        "--epochs",
        "1",
        "--seed",
        "2",
        "-q",
    )
    assert call(*arguments).status == 0
    arguments = (
        "evaluate",
        "people.csv",
        "half.csv",
        "--json",
        "r.json",
        "--html",
        "r.html",
        "-q",
    )
    assert (
        "P00001"
        not in call(*arguments).out
        + (here / "r.json").read_text()
        + (here / "r.html").read_text()
    )
    for more in ((), ("--model", "people.synthtab")):
        said = call(*arguments, *more, "--riskiest", "2")
        assert (said.status, said.err) == (0, "")
        assert "keep this report as safe as" in said.out
        assert (
            "row 301, copied\n      id=P00001, age=17, job=pilot, pay=(missing)"
            in said.out
        )
        assert max(map(len, said.out.splitlines())) <= 80
        data = json.loads((here / "r.json").read_text())
        assert data["riskiest"][0]["row"] == 300
        assert data["riskiest"][0]["cells"]["pay"] is None
        page = (here / "r.html").read_text()
        assert "P00001" in page and "keep this report as safe as" in page


@pytest.mark.long
def test_compare_writes_a_table_json_and_a_page(call, here):
    said = call(
        "compare",
        "people.csv",
        "half.csv",
        "people.csv",
        "--json",
        "c.json",
        "--html",
        "c.html",
        "-q",
    )
    assert (said.status, said.err) == (0, "")
    assert max(map(len, said.out.splitlines())) <= 80
    assert "half" in said.out
    assert list(json.loads((here / "c.json").read_text())["reports"]) == [
        "half",
        "people",
    ]
    assert "half" in (here / "c.html").read_text(encoding="utf-8")
    said = call("compare", "people.csv", "half.csv", "--json", "-", "-q")
    assert list(json.loads(said.out)["reports"]) == ["half"]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.csv", "x/b.csv.gz"], ["a", "b"]),
        (["a.csv", "a.parquet"], ["a.csv", "a.parquet"]),
        (["x/a.csv", "y/a.csv"], ["x/a.csv", "y/a.csv"]),
        (["a.csv", "a.csv"], ["a (1)", "a (2)"]),
    ],
)
def test_files_are_told_apart(paths, names):
    assert _names(paths) == names
