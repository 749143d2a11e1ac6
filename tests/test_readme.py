"""The README runs: its shell and Python blocks, on a shipped table, with small budgets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from synthtab import datasets

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)
SHELL = [
    block for language, block in BLOCKS if language == "sh" and "synthtab " in block
]
PYTHON = [block for language, block in BLOCKS if language == "python"]


def test_there_are_blocks() -> None:
    assert SHELL
    assert PYTHON


def small(text: str) -> str:
    """The same with a budget of seconds, fewer rows and fewer repeats."""
    text = re.sub(r"--time \w+", "--time 3s", text)
    text = re.sub(r'time="\w+"', 'time="3s"', text)
    text = re.sub(r"(synthtab augment .*)", r"\1 --repeats 2", text)
    return text.replace("10000", "1000")


@pytest.mark.parametrize("block", SHELL)
def test_shell(block: str, tmp_path: Path) -> None:
    for name in ("flights.csv", "flights-holdout.csv"):
        rows = datasets.path("flights").with_name(name).read_text().splitlines()[:1501]
        (tmp_path / name).write_text("\n".join(rows) + "\n")
    shim = tmp_path / "bin"
    shim.mkdir()
    (shim / "synthtab").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m synthtab_cli.main "$@"\n'
    )
    (shim / "synthtab").chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", small(block)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{shim}{os.pathsep}{os.environ['PATH']}"},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr


@pytest.mark.parametrize("block", PYTHON)
def test_python(block: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::Warning:synthtab", "-c", small(block)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", TEXT, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
