"""The commands, as a user runs them."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from conftest import command

from synthtab import __version__
from synthtab_cli.main import COMMANDS
from synthtab_cli.options import default_model
from synthtab_cli.render import _Lines, duration


@pytest.fixture
def here(tmp_path: Path, people_csv: Path, people_model: Path) -> Path:
    """The working folder of the test, with the table and its model."""
    shutil.copy(people_csv, tmp_path / "people.csv")
    shutil.copy(people_model, tmp_path / "people.synthtab")
    return tmp_path


@pytest.mark.slow
def test_the_whole_way(run, tmp_path, people_csv):
    shutil.copy(people_csv, tmp_path / "people.csv")
    done = run("fit", "people.csv", "--epochs", "20", "--target", "job", "--seed", "0")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "model: people.synthtab" in done.stderr
    assert "next:  synthtab sample" in done.stderr
    assert (tmp_path / "people.synthtab").is_file()

    done = run("sample", "-n", "200", "-o", "rows.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "people.synthtab, the newest model in this folder" in done.stderr
    assert "200 rows in rows.csv" in done.stderr

    done = run(
        "evaluate", "people.csv", "rows.csv", "--target", "job", "--json", "report.json"
    )
    assert done.returncode == 0, done.stderr
    assert "shape" in done.stdout.lower()
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert json.loads((tmp_path / "report.json").read_text())
    assert not [p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")]


def test_sampled_rows_keep_names_and_formats(call, here):
    said = call("sample", "-n", "50", "-m", "people.synthtab")
    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[0] == (here / "people.csv").read_text().splitlines()[0]
    assert len(lines) == 51
    real = pd.read_csv(here / "people.csv", dtype=str)
    rows = pd.DataFrame([line.split(",") for line in lines[1:]], columns=real.columns)
    assert set(rows["job"]) <= set(real["job"])
    assert set(rows["remote"]) <= {"yes", "no"}
    assert rows["pay"].str.fullmatch(r"\d+\.\d{2}|").all()
    assert rows["joined"].str.fullmatch(r"\d{4}-\d{2}-\d{2}").all()
    assert rows["id"].str.fullmatch(r"P\d{5}").all()
    assert rows["id"].is_unique
    assert not set(rows["id"]) & set(real["id"])


@pytest.mark.long
def test_same_seed_same_rows_and_a_prefix(call, here):
    first = call("sample", "-n", "30", "--seed", "7", "-q").out
    assert call("sample", "-n", "30", "--seed", "7", "-q").out == first
    assert call("sample", "-n", "60", "--seed", "7", "-q").out.startswith(first)
    assert call("sample", "-n", "30", "--seed", "8", "-q").out != first


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["rows.csv", "rows.tsv", "rows.csv.gz", "rows.parquet"]
)
def test_every_format_out_and_in(call, here, name):
    assert call("sample", "-n", "40", "-m", "people.synthtab", "-o", name).status == 0
    assert call("evaluate", "people.csv", name, "-q").status == 0
    if name.endswith(".gz"):
        assert gzip.decompress((here / name).read_bytes()).startswith(b"id,age")
    if name.endswith(".tsv"):
        assert "\t" in (here / name).read_text()


def test_quiet_says_nothing(call, here):
    said = call("sample", "-n", "5", "-m", "people.synthtab", "-o", "rows.csv", "-q")
    assert (said.status, said.out, said.err) == (0, "", "")


def test_sample_takes_the_newest_model(call, here):
    shutil.copy(here / "people.synthtab", here / "older.synthtab")
    os.utime(here / "older.synthtab", (1, 1))
    assert "using people.synthtab" in call("sample", "-n", "1").err


def test_dry_run_writes_nothing(call, here):
    (here / "people.synthtab").unlink()
    said = call("fit", "people.csv", "--dry-run", "--preset", "quick", "--epochs", "7")
    assert said.status == 0, said.err
    assert "epochs" in said.out
    assert sorted(p.name for p in here.iterdir()) == ["people.csv"]


@pytest.mark.long
def test_schema_is_written_edited_and_obeyed(call, here):
    said = call("schema", "people.csv", "-o", "schema.json")
    assert said.status == 0
    assert "joined" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    schema = json.loads((here / "schema.json").read_text())
    assert json.loads(call("schema", "people.csv", "-o", "-").out) == schema
    age = next(c for c in schema["columns"] if c["name"] == "age")
    age.update(kind="category", options={})
    (here / "schema.json").write_text(json.dumps(schema))
    said = call(
        "fit",
        "people.csv",
        "--schema",
        "schema.json",
        "--time",
        "1s",
        "-o",
        "edited.synthtab",
        "-q",
    )
    assert said.status == 0, said.err
    rows = call("sample", "-n", "50", "-m", "edited.synthtab").out.splitlines()[1:]
    real = {
        line.split(",")[1]
        for line in (here / "people.csv").read_text().splitlines()[1:]
    }
    assert {row.split(",")[1] for row in rows} <= real


def test_inspect_says_what_is_in_the_file(call, here):
    said = call("inspect", "people.synthtab")
    assert said.status == 0
    for word in ("joined", "datetime", "300 rows", "not stored", "fewer than 5 rows"):
        assert word in said.out
    assert max(map(len, said.out.splitlines())) <= 80


@pytest.mark.long
def test_evaluate_to_stdout_as_json(call, here):
    call("sample", "-n", "100", "-m", "people.synthtab", "-o", "rows.csv")
    call("sample", "-n", "90", "-m", "people.synthtab", "-o", "others.csv")
    said = call("evaluate", "people.csv", "rows.csv", "--json", "-", "-q")
    assert said.status == 0
    assert json.loads(said.out)
    again = call(
        "evaluate",
        "people.csv",
        "rows.csv",
        "--json",
        "-",
        "-q",
        "--holdout",
        "others.csv",
    )
    assert again.status == 0


@pytest.mark.long
def test_odd_cells_of_other_files_count_against_them(call, here):
    lines = (here / "people.csv").read_text().splitlines()
    (here / "same.csv").write_text("\n".join(lines) + "\n")
    lines[5] = "key,old,astronaut,inf,someday,perhaps"
    (here / "odd.csv").write_text("\n".join(lines) + "\n")

    def scores(name):
        said = call(
            "evaluate",
            "people.csv",
            name,
            "--target",
            "job",
            "--json",
            "-",
            "-q",
        )
        assert (said.status, said.err) == (0, "")
        return {
            score["name"]: score["value"] for score in json.loads(said.out)["scores"]
        }

    odd, same = scores("odd.csv"), scores("same.csv")
    assert odd["shape_error"] > same["shape_error"] == 0
    assert odd["exact_copies"] == pytest.approx(same["exact_copies"] - 1 / 300)


@pytest.mark.long
def test_a_closed_pipe_is_quiet(here):
    sample = subprocess.Popen(
        command("sample", "-n", "200000", "-m", "people.synthtab", "-q"),
        cwd=here,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert sample.stdout is not None
    assert sample.stderr is not None
    assert sample.stdout.readline().startswith(b"id,age")
    sample.stdout.close()
    assert sample.stderr.read() == b""
    sample.wait(timeout=60)


def test_version(call):
    assert call("--version").out == f"synthtab {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_is_in_the_readme(call, root, name):
    said = call(name, "--help")
    assert said.status == 0
    assert f"Example: synthtab {name} " in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    assert f"synthtab {name} " in (root / "README.md").read_text(encoding="utf-8")


def test_no_default_is_typed_twice(call):
    """Unset options stay unset, so that the only defaults are those of the library."""
    said = call("fit", "--help")
    assert "default: 0" not in said.out
    assert "default: auto" not in said.out


def test_the_installed_script_starts(tmp_path):
    script = shutil.which(
        "synthtab",
        path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    )
    if script is None:
        pytest.skip("synthtab is not installed in this environment")
    done = subprocess.run(
        [script, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == f"synthtab {__version__}\n"


@pytest.mark.parametrize(
    ("data", "model"),
    [
        ("data.csv", "data"),
        ("a/b/data.csv.gz", "data"),
        ("data.v2.tsv", "data.v2"),
        ("x.parquet", "x"),
        ("bare", "bare"),
        ("-", "table"),
        ("sqlite:///shop.db?table=orders", "orders"),
    ],
)
def test_default_model(data, model):
    assert default_model(data) == Path(f"{model}.synthtab")


def test_durations():
    assert [duration(s) for s in (0.2, 59.4, 65, 3600, 7800)] == [
        "0 s",
        "59 s",
        "1 min 05 s",
        "1 h 00 min",
        "2 h 10 min",
    ]


def test_plain_progress_is_sparse(capsys, monkeypatch):
    from synthtab.core.progress import Progress

    clock = iter(x / 100 for x in range(100_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    observe = _Lines()
    for i in range(2_001):
        observe(
            Progress(
                "train", i / 2_000, seconds_left=20 - i / 100, score=0.9, best=0.91
            )
        )
    observe(Progress("train", 1.0, message="a warning"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("train")
    assert lines[-1] == "a warning"
    assert 4 <= len(lines) <= 7
    assert "score 0.900 (best 0.910)" in lines[1]


def test_the_bar_shows_phase_time_left_and_score(monkeypatch):
    from rich.console import Console

    from synthtab.core.progress import Progress
    from synthtab_cli import render

    screen = Console(force_terminal=True, width=80, record=True, file=io.StringIO())
    monkeypatch.setattr("rich.console.Console", lambda **_: screen)
    with render.progress() as observe:
        observe(Progress("encode"))
        observe(Progress("train", 0.5, seconds_left=70, score=0.9, best=0.92))
        observe(Progress("train", 0.6, message="the critic wins"))
        observe(Progress("train", 0.7, seconds_left=70, score=0.9, best=0.92))
    text = screen.export_text()
    for word in (
        "the critic wins",
        "70%",
        "1 min 10 s left",
        "score 0.900 (best 0.920)",
    ):
        assert word in text


def test_fit_in_words(call, here):
    said = call(
        "fit", "people.csv", "--epochs", "1", "--seed", "3", "-o", "again.synthtab"
    )
    assert said.status == 0
    assert said.out == ""
    assert said.err.splitlines()[-3:] == [
        "model: again.synthtab",
        "next:  synthtab sample -n 300 -m again.synthtab -o again-synthetic.csv",
        "then:  synthtab evaluate people.csv again-synthetic.csv --model again.synthtab",
    ]


def test_write_text_leaves_the_old_file_if_it_cannot_write(tmp_path, monkeypatch):
    from synthtab.core.errors import DataError
    from synthtab.core.files import write_text

    path = tmp_path / "report.json"
    path.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(DataError, match="No space left"):
        write_text(path, "new", DataError)
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    assert path.read_text() == "old"


def test_no_arguments_is_help(call):
    said = call()
    assert said.status == 0
    assert all(name in said.out for name in COMMANDS)
