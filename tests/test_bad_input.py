"""Bad input: one line that names the thing and the fix, status 2 (130 for Ctrl-C), nothing half-written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import command, people

GOOD = people(60)


def put(content: str | bytes, name: str = "bad.csv") -> Callable[[Path], None]:
    """Something that lies in the working folder."""
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(data) and None


def column(name: str, value: str) -> str:
    """The good table with every cell of one column replaced."""
    lines = [line.split(",") for line in GOOD.splitlines()]
    at = lines[0].index(name)
    return "\n".join(
        ",".join([*cells[:at], value, *cells[at + 1 :]] if i else cells)
        for i, cells in enumerate(lines)
    )


def cut(folder: Path) -> None:
    data = (folder / "people.synthtab").read_bytes()
    (folder / "cut.synthtab").write_bytes(data[: len(data) // 2])


def newer(folder: Path) -> None:
    """A model file that says it has a format of the future."""
    with (
        zipfile.ZipFile(folder / "people.synthtab") as old,
        zipfile.ZipFile(folder / "new.synthtab", "w") as new,
    ):
        for name in old.namelist():
            data = old.read(name)
            if name == "manifest.json":
                data = json.dumps({**json.loads(data), "format": 99}).encode()
            new.writestr(name, data)


def foreign(folder: Path) -> None:
    with zipfile.ZipFile(folder / "foreign.synthtab", "w") as file:
        file.writestr("holiday.txt", "sun")


def other_schema(folder: Path) -> None:
    from synthtab import Schema, infer
    from synthtab.data import tables

    schema = infer(tables.read(folder / "people.csv"))
    Schema(schema.columns[1:]).save(folder / "schema.json")


def larger_schema(folder: Path) -> None:
    from synthtab import Column, Schema, infer
    from synthtab.data import tables

    schema = infer(tables.read(folder / "people.csv"))
    Schema((*schema.columns, Column("boss", "category", "str"))).save(
        folder / "schema.json"
    )


CASES: dict[str, tuple[Callable[[Path], object] | None, list[str], str]] = {
    # name: (what to prepare, the command, what the line must say)
    "empty file": (put(""), ["fit", "bad.csv"], "bad.csv is empty"),
    "blank lines only": (put("\n\n\n"), ["fit", "bad.csv"], "bad.csv is empty"),
    "header only": (put("a,b\n"), ["fit", "bad.csv"], "bad.csv"),
    "one row": (put("a,b\n1,x\n"), ["fit", "bad.csv"], "row"),
    "duplicate names": (put("a,a\n1,2\n3,4\n"), ["fit", "bad.csv"], "'a'"),
    "blank name": (put("a,,c\n1,2,3\n4,5,6\n"), ["fit", "bad.csv"], "blank name"),
    "ragged rows": (put("a,b\n1,2\n3,4,5\n6,7\n"), ["fit", "bad.csv"], "line 3"),
    "wrong encoding": (
        put("name\ncafé\nthé\n".encode("latin-1")),
        ["fit", "bad.csv"],
        "UTF-8",
    ),
    "UTF-16": (put("a,b\n1,2\n".encode("utf-16")), ["fit", "bad.csv"], "UTF-16"),
    "binary file": (put(bytes(range(256)) * 40), ["fit", "bad.csv"], "bad.csv"),
    "not gzip": (
        put(b"\x1f\x8b" + b"nonsense" * 9, "bad.csv.gz"),
        ["fit", "bad.csv.gz"],
        "gzip",
    ),
    "not Parquet": (
        put("a,b\n1,2\n", "bad.parquet"),
        ["fit", "bad.parquet"],
        "Parquet",
    ),
    "a folder": (lambda d: (d / "folder").mkdir(), ["fit", "folder"], "folder"),
    "missing file": (None, ["fit", "absent.csv"], "absent.csv does not exist"),
    "infinite numbers": (
        put(
            "a,b\n"
            + "\n".join(f"{i / 3 if i % 9 else 'inf'},{i % 3}" for i in range(90))
        ),
        ["fit", "bad.csv"],
        "column 'a' holds infinite values; make these cells missing or large numbers",
    ),
    "infinite numbers alone": (
        put(column("pay", "inf")),
        ["schema", "bad.csv"],
        "column 'pay' holds infinite values",
    ),
    "unwritable output": (
        None,
        ["fit", "people.csv", "-o", "absent/model.synthtab"],
        "absent",
    ),
    "output is a folder": (None, ["fit", "people.csv", "-o", "."], "folder"),
    "output is the input": (
        None,
        ["fit", "people.csv", "-o", "people.csv"],
        "overwrite",
    ),
    "unknown target": (
        None,
        ["fit", "people.csv", "--target", "jop"],
        "did you mean 'job'",
    ),
    "bad time": (None, ["fit", "people.csv", "--time", "soon"], "soon"),
    "bad preset": (None, ["fit", "people.csv", "--preset", "fast"], "fast"),
    "bad holdout": (None, ["fit", "people.csv", "--holdout", "2"], "holdout"),
    "bad epochs": (None, ["fit", "people.csv", "--epochs", "-1"], "epochs"),
    "bad device": (None, ["fit", "people.csv", "--device", "abacus"], "abacus"),
    "bad seed": (None, ["fit", "people.csv", "--seed", "-4", "--epochs", "1"], "seed"),
    "schema is missing": (
        None,
        ["fit", "people.csv", "--schema", "absent.json"],
        "absent.json",
    ),
    "schema is no JSON": (
        put("{", "schema.json"),
        ["fit", "people.csv", "--schema", "schema.json"],
        "JSON",
    ),
    "schema disagrees": (
        other_schema,
        ["fit", "people.csv", "--schema", "schema.json"],
        "'id'",
    ),
    "schema has more": (
        larger_schema,
        ["fit", "people.csv", "--schema", "schema.json"],
        "the table lacks 'boss'",
    ),
    "model to go on from is missing": (
        None,
        ["fit", "people.csv", "--from", "absent.synthtab"],
        "no model file absent.synthtab",
    ),
    "model to go on from has its schema": (
        other_schema,
        [
            *["fit", "people.csv", "-o", "new.synthtab"],
            *["--from", "people.synthtab", "--schema", "schema.json"],
        ],
        "leave out --schema",
    ),
    "negative n": (None, ["sample", "-n", "-5"], "-n must be 0 or more"),
    "n is no number": (None, ["sample", "-n", "many"], "-n"),
    "n is missing": (None, ["sample"], "-n"),
    "no model here": (
        lambda d: (d / "people.synthtab").unlink(),
        ["sample", "-n", "5"],
        "synthtab fit",
    ),
    "missing model": (
        None,
        ["sample", "-n", "5", "-m", "absent.synthtab"],
        "absent.synthtab",
    ),
    "truncated model": (
        cut,
        ["sample", "-n", "5", "-m", "cut.synthtab"],
        "cut.synthtab",
    ),
    "foreign zip": (
        foreign,
        ["sample", "-n", "5", "-m", "foreign.synthtab"],
        "foreign.synthtab",
    ),
    "a CSV as model": (None, ["sample", "-n", "5", "-m", "people.csv"], "people.csv"),
    "a folder as model": (None, ["sample", "-n", "5", "-m", "."], "folder"),
    "model of a newer format": (
        newer,
        ["sample", "-n", "5", "-m", "new.synthtab"],
        "99",
    ),
    "inspect a CSV": (None, ["inspect", "people.csv"], "people.csv"),
    "sample over the model": (
        None,
        ["sample", "-n", "5", "-m", "people.synthtab", "-o", "people.synthtab"],
        "people.synthtab is a model, not a table",
    ),
    "sample into a missing folder": (
        None,
        ["sample", "-n", "5", "-o", "absent/rows.csv"],
        "absent",
    ),
    "bad passes": (None, ["sample", "-n", "5", "--passes", "-1"], "passes"),
    "condition on an unknown column": (
        None,
        ["sample", "-n", "5", "--where", "jop = nurse"],
        "no column 'jop': did you mean 'job'?",
    ),
    "condition that cannot be read": (
        None,
        ["sample", "-n", "5", "--where", "age between 1"],
        "write conditions like",
    ),
    "condition that no row can meet": (
        None,
        ["sample", "-n", "5", "--where", "age > 500", "-o", "rows.csv"],
        "knows no such value of 'age'",
    ),
    "condition on invented cells": (
        None,
        ["sample", "-n", "5", "--where", "id = P00001"],
        "invented",
    ),
    "weights that cannot be read": (
        None,
        ["sample", "-n", "5", "--weights", "job=1"],
        "write them like",
    ),
    "balance of an unknown column": (
        None,
        ["sample", "-n", "5", "--balance", "jop"],
        "'job'",
    ),
    "balance of a smooth column": (
        None,
        ["sample", "-n", "5", "--balance", "pay"],
        "balance needs",
    ),
    "missing partial rows": (None, ["sample", "--given", "absent.csv"], "absent.csv"),
    "partial rows of another table": (
        put("a,b\n1,2\n"),
        ["sample", "--given", "bad.csv"],
        "column 'a', which the model does not know",
    ),
    "partial rows over themselves": (
        put("age\n40\n"),
        ["sample", "--given", "bad.csv", "-o", "bad.csv"],
        "overwrite",
    ),
    "partial rows that break a condition": (
        put("age\n40\n50\n"),
        ["sample", "--given", "bad.csv", "--where", "age < 45"],
        "given row 2",
    ),
    "impute a missing file": (None, ["impute", "absent.csv"], "absent.csv"),
    "impute over the table": (
        None,
        ["impute", "people.csv", "-o", "people.csv"],
        "overwrite",
    ),
    "several draws to stdout": (
        None,
        ["impute", "people.csv", "--draws", "2"],
        "name them with -o",
    ),
    "no draw": (
        None,
        ["impute", "people.csv", "--draws", "0"],
        "--draws must be at least 1",
    ),
    "impute with a model of another table": (
        put("a,b\n1,2\n"),
        ["impute", "bad.csv", "-m", "people.synthtab"],
        "lacks the column 'id'",
    ),
    "different columns": (
        put("a,b\n1,2\n3,4\n"),
        ["evaluate", "people.csv", "bad.csv"],
        "'age'",
    ),
    "evaluate a missing file": (
        None,
        ["evaluate", "people.csv", "absent.csv"],
        "absent.csv",
    ),
    "evaluate with an unknown target": (
        None,
        ["evaluate", "people.csv", "people.csv", "--target", "jop"],
        "jop",
    ),
    "report into a missing folder": (
        None,
        ["evaluate", "people.csv", "people.csv", "--json", "absent/report.json"],
        "absent",
    ),
    "report over the table": (
        None,
        ["evaluate", "people.csv", "people.csv", "--json", "people.csv"],
        "overwrite",
    ),
    "page into a missing folder": (
        None,
        ["evaluate", "people.csv", "people.csv", "--html", "absent/report.html"],
        "absent",
    ),
    "page over the table": (
        None,
        ["evaluate", "people.csv", "people.csv", "--html", "people.csv"],
        "overwrite",
    ),
    "page over the other report": (
        None,
        ["evaluate", "people.csv", "people.csv", "--html", "r", "--json", "r"],
        "name another output",
    ),
    "bound on an unknown metric": (
        None,
        ["evaluate", "people.csv", "people.csv", "--fail-under", "shape_eror=2"],
        "did you mean 'shape_error'",
    ),
    "bound without a number": (
        None,
        ["evaluate", "people.csv", "people.csv", "--fail-under", "shape_error"],
        "NAME=NUMBER",
    ),
    "bound that is no number": (
        None,
        ["evaluate", "people.csv", "people.csv", "--fail-under", "shape_error=low"],
        "a number, not 'low'",
    ),
    "bound that is not finite": (
        None,
        ["evaluate", "people.csv", "people.csv", "--fail-under", "shape_error=nan"],
        "must be a number",
    ),
    "two bounds on a metric": (
        None,
        [
            "evaluate",
            "people.csv",
            "people.csv",
            "--fail-under",
            "shape_error=1,shape_error=2",
        ],
        "two bounds",
    ),
    "empty bound": (
        None,
        ["evaluate", "people.csv", "people.csv", "--fail-under", ""],
        "NAME=NUMBER",
    ),
    "bound before the tables are read": (
        lambda folder: (folder / "no-table.csv").write_bytes(b"\0"),
        ["evaluate", "no-table.csv", "no-table.csv", "--fail-under", "shape_error"],
        "NAME=NUMBER",
    ),
    "no riskiest row": (
        None,
        ["evaluate", "people.csv", "people.csv", "--riskiest", "0"],
        "--riskiest must be at least 1",
    ),
    "a chart without a page": (
        None,
        ["evaluate", "people.csv", "people.csv", "--augmentation", "people.csv"],
        "name the page with --html",
    ),
    "a chart of a missing file": (
        None,
        [
            "evaluate",
            "people.csv",
            "people.csv",
            "--augmentation",
            "no.json",
            "--html",
            "r",
        ],
        "augment --json",
    ),
    "a chart of a table": (
        None,
        [
            "evaluate",
            "people.csv",
            "people.csv",
            "--augmentation",
            "people.csv",
            "--html",
            "r",
        ],
        "read as JSON",
    ),
    "a chart of a foreign file": (
        put('{"scores": []}', "o.json"),
        [
            "evaluate",
            "people.csv",
            "people.csv",
            "--augmentation",
            "o.json",
            "--html",
            "r",
        ],
        "o.json: no augmentation study",
    ),
    "compare without rows": (None, ["compare", "people.csv"], "--help"),
    "compare with a missing file": (
        None,
        ["compare", "people.csv", "people.csv", "absent.csv"],
        "absent.csv",
    ),
    "compare with different columns": (
        put("a,b\n1,2\n3,4\n"),
        ["compare", "people.csv", "people.csv", "bad.csv"],
        "bad: the synthetic table",
    ),
    "comparison over an input": (
        put("a,b\n1,2\n3,4\n"),
        ["compare", "people.csv", "people.csv", "bad.csv", "--html", "bad.csv"],
        "overwrite",
    ),
    "schema of a missing file": (None, ["schema", "absent.csv"], "absent.csv"),
    "schema over the table": (
        None,
        ["schema", "people.csv", "-o", "people.csv"],
        "overwrite",
    ),
    "unknown option": (None, ["fit", "people.csv", "--tagret", "job"], "--target"),
    "unknown command": (None, ["fitt"], "'fit'"),
    "no argument": (None, ["fit"], "--help"),
}


@pytest.fixture
def folder(tmp_path: Path, people_csv: Path, people_model: Path) -> Path:
    shutil.copy(people_csv, tmp_path / "people.csv")
    shutil.copy(people_model, tmp_path / "people.synthtab")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.mark.parametrize("name", CASES)
def test_one_line_and_status_2(call, folder, name):
    prepare, arguments, says = CASES[name]
    if prepare:
        prepare(folder)
    before = contents(folder)
    said = call(*arguments)
    *before_it, line = said.err.splitlines()
    assert said.status == 2
    assert said.out == ""
    assert line.startswith("synthtab: error: ")
    # Only progress and "using people.synthtab ..." may come before: the error itself is one line.
    assert not [
        x for x in before_it if "rror" in x or "Traceback" in x or "Warning" in x
    ]
    assert says in line
    assert contents(folder) == before


STRANGE = {
    "one column": "x\n" + "\n".join(str(i % 7) for i in range(80)),
    "an all-missing column": column("pay", ""),
    "1e308": "a,b\n" + "\n".join(f"{(-1) ** i}e308,{i % 3}" for i in range(90)),
    "10,000 categories": "word,b\n"
    + "\n".join(f"w{i % 10_000},{i % 3}" for i in range(10_500)),
    "every cell the same": "a,b\n" + "1,x\n" * 50,
    "two rows": "a,b\n1,x\n2,y\n",
}


@pytest.mark.long
@pytest.mark.parametrize("name", STRANGE)
def test_strange_tables_work_or_say_why(call, tmp_path, name):
    (tmp_path / "odd.csv").write_text(STRANGE[name])
    said = call("fit", "odd.csv", "--time", "1s", "-q")
    if said.status == 2:
        assert len(said.err.strip().splitlines()) == 1
        assert not (tmp_path / "odd.synthtab").exists()
        return
    assert said.status == 0, said.err
    said = call("sample", "-n", "20", "-m", "odd.synthtab", "-q")
    assert said.status == 0, said.err
    assert said.err == ""
    assert said.out.splitlines()[0] == STRANGE[name].splitlines()[0]
    assert len(said.out.splitlines()) == 21


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("output", ["rows.csv", "rows.csv.gz"])
def test_a_full_disk_while_sampling(call, folder, monkeypatch, output):
    from synthtab.data.formats import text_rows

    before = contents(folder)
    monkeypatch.setattr(text_rows, "write_text", no_space)
    said = call("sample", "-n", "5", "-m", "people.synthtab", "-o", output, "-q")
    assert said.status == 2
    assert (
        said.err == f"synthtab: error: cannot write {output}: No space left on device\n"
    )
    assert contents(folder) == before


@pytest.mark.long
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_behind_stdout(folder):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("sample", "-n", "50000", "-m", "people.synthtab", "-q"),
            cwd=folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "synthtab: error: No space left on device\n"


@pytest.mark.long
def test_a_full_disk_while_saving_the_model(call, folder, monkeypatch):
    from synthtab import Synthesizer
    from synthtab_cli import keep

    (folder / "people.synthtab").unlink()
    monkeypatch.setattr(Synthesizer, "save", no_space)
    monkeypatch.setattr(keep, "ATTEMPTS", 2)
    monkeypatch.setattr(keep, "PAUSE", 0.0)
    said = call("fit", "people.csv", "--epochs", "1", "-q")
    assert said.status == 2
    waits, lost = said.err.splitlines()
    assert waits.startswith("cannot write people.synthtab: No space left on device. ")
    assert "The model is kept in memory: make room" in waits
    assert "no other folder has room: the model is lost" in lost
    assert sorted(contents(folder)) == ["people.csv"]


def test_too_little_memory(call, folder, monkeypatch):
    from synthtab import Synthesizer

    def hungry(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Synthesizer, "fit", hungry)
    said = call("fit", "people.csv", "-q", "-o", "other.synthtab")
    assert said.status == 2
    assert said.err.startswith("synthtab: error: not enough memory")


def test_a_bug_keeps_its_traceback(call, folder, monkeypatch):
    from synthtab import Synthesizer

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Synthesizer, "fit", broken)
    with pytest.raises(ZeroDivisionError):
        call("fit", "people.csv", "-q", "-o", "other.synthtab")


def interrupt(
    folder: Path, *arguments: str, when: Callable[[], bool]
) -> tuple[int, str]:
    """Start a command, send it Ctrl-C once ``when`` is true, and return its status and stderr."""
    log = folder / "stderr"
    with open(log, "w") as err:
        process = subprocess.Popen(
            command(*arguments),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=err,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        deadline = time.monotonic() + 90
        while not when() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        status = process.wait(timeout=60)
    text = log.read_text()
    log.unlink()
    return status, text


@pytest.mark.long
def test_ctrl_c_during_fit_keeps_the_best_model(call, folder):
    (folder / "people.synthtab").unlink()

    def training() -> bool:
        return "train" in (folder / "stderr").read_text()

    def a_while_into_training() -> bool:
        if not training():
            return False
        time.sleep(2)
        return True

    status, err = interrupt(
        folder, "fit", "people.csv", "--epochs", "99999", when=a_while_into_training
    )
    assert status == 130
    assert "Traceback" not in err
    assert "interrupted: the best model so far is in people.synthtab" in err
    assert sorted(contents(folder)) == ["people.csv", "people.synthtab"]
    assert call("sample", "-n", "3", "-q", "-m", "people.synthtab").status == 0


def test_ctrl_c_before_there_is_a_model(call, folder, monkeypatch):
    from synthtab import Synthesizer

    def early(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Synthesizer, "fit", early)
    said = call("fit", "people.csv", "-q", "-o", "other.synthtab")
    assert said.status == 130
    assert said.err == "interrupted before there was a model: nothing was written\n"
    assert not (folder / "other.synthtab").exists()


@pytest.mark.long
def test_ctrl_c_during_sample_leaves_nothing(folder):
    def writing() -> bool:
        return any(p.suffix == ".tmp" for p in folder.iterdir())

    status, err = interrupt(
        folder,
        "sample",
        "-n",
        "50000000",
        "-m",
        "people.synthtab",
        "-o",
        "rows.csv",
        when=writing,
    )
    assert status == 130
    assert "Traceback" not in err
    assert "interrupted: rows.csv was not written" in err
    assert sorted(contents(folder)) == ["people.csv", "people.synthtab"]


def test_ctrl_c_elsewhere(call, folder, monkeypatch):
    import synthtab.evaluation

    def early(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(synthtab.evaluation, "evaluate", early)
    monkeypatch.setattr("synthtab.evaluate", early)
    assert call("evaluate", "people.csv", "people.csv").status == 130
