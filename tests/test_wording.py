"""Messages name arguments where Python calls, and options where the command line does."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer

from synthtab import Schema, Synthesizer, evaluate
from synthtab.augment import Study
from synthtab.core import errors
from synthtab.core.errors import argument, call
from synthtab_cli.main import application, main
from synthtab_cli.options import COMMANDS_FOR, in_options

MODULES = sorted((Path(__file__).resolve().parent.parent / "synthtab").rglob("*.py"))
# Words of a message that look like an option and are one of another program.
OF_PIP = "pip install --upgrade"


def texts(tree: ast.AST) -> Iterator[str]:
    """All texts of a file but its docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings:
            yield node.value


def named(function: str) -> set[str]:
    """What the library names by `argument`, or by `call`."""
    found = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == function:
                found.add(ast.literal_eval(node.args[0]))
    return found


def options() -> set[str]:
    """The options of all commands."""
    commands = typer.main.get_command(application()).commands
    return {text for one in commands.values() for p in one.params for text in p.opts}


def test_no_message_of_the_library_names_an_option() -> None:
    wrong = []
    for path in MODULES:
        # It writes a document, which is about the command line too.
        if path.name == "schema_document.py":
            continue
        for text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            if re.search(r"(?<![\w-])--[a-z]", text.replace(OF_PIP, "")):
                wrong.append((path.name, text))
    assert not wrong


def test_every_argument_that_is_named_has_an_option() -> None:
    arguments = named("argument")
    assert {"holdout", "rows", "rare", "device"} <= arguments
    there = options()
    assert {in_options(argument(name)) for name in arguments} <= there


def test_every_method_that_is_named_has_a_command() -> None:
    assert named("call") == set(COMMANDS_FOR)
    owners = {"Synthesizer": Synthesizer, "Schema": Schema, "Study": Study}
    for name in COMMANDS_FOR:
        owner, method = name.split(".")
        assert callable(getattr(owners[owner], method))


@pytest.mark.parametrize(
    ("message", "on_the_command_line"),
    [
        (f"use {argument('device', 'cpu')}", "use --device cpu"),
        (
            f"({argument('batch', 64)} {argument('rows', 500)})",
            "(--batch 64 --rows 500)",
        ),
        (f"with {argument('rare', 0)}", "with --rare-below 0"),
        (f"give {argument('holdout')}, or", "give --holdout, or"),
        (f"write {call('Schema.save')}", "write synthtab schema"),
        # What is no argument stays: code, and columns of such a name.
        ("column 'rows=5' and `mean`, 3 = 3", "column 'rows=5' and `mean`, 3 = 3"),
    ],
)
def test_options_in_place_of_arguments(message: str, on_the_command_line: str) -> None:
    assert in_options(message) == on_the_command_line


def test_an_error_names_what_its_reader_can_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"x": np.arange(60.0)})
    with pytest.raises(errors.ConfigError, match="use `device='cpu'`, or install"):
        Synthesizer(device="mps").fit(frame)

    monkeypatch.chdir(tmp_path)
    frame.to_csv("t.csv", index=False)
    assert main(["fit", "t.csv", "--device", "mps"]) == 2
    assert "use --device cpu, or install" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_a_verdict_names_what_its_reader_can_give(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the text, in JSON and on the page; and nothing else is changed there."""
    column = "`rows=5`"
    frame = pd.DataFrame({column: np.arange(60.0) % 7, "y": ["a", "b"] * 30})
    report = evaluate(frame, frame)
    for text in (str(report), report.to_json(), report.to_html()):
        assert "`holdout=`" in text and "--holdout" not in text

    monkeypatch.chdir(tmp_path)
    frame.to_csv("t.csv", index=False)
    files = ["--json", "r.json", "--html", "r.html"]
    assert main([command, "t.csv", "t.csv", *files]) == 0
    written = Path("r.json").read_text(encoding="utf-8")
    page = Path("r.html").read_text(encoding="utf-8")
    for text in (written, page):
        assert "--holdout" in text and "`holdout=`" not in text
    assert json.loads(written)
    # A page of several tables names no column.
    assert column in (page if command == "evaluate" else written)
    # The text of a comparison has the bad verdicts alone.
    assert ("--holdout" in capsys.readouterr().out) is (command == "evaluate")
