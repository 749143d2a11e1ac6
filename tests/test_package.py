"""A source distribution is whole: who has it can run the tests and build the site."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "site", "demo", "*.synthtab"
)


@pytest.mark.long
def test_the_source_distribution_holds_tests_and_documents(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", "77", reason="pyproject.toml asks for it")
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=LEFT_OUT)
    build = "import setuptools.build_meta as b, sys; print(b.build_sdist(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        held = {name.partition("/")[2] for name in file.getnames()}
    for folder in ("docs", "tests", "examples", "datasets", "benchmarks", "cli"):
        for path in (source / folder).rglob("*.*"):
            if path.is_file():
                assert path.relative_to(source).as_posix() in held, path
    for name in ("CHANGELOG.md", "Makefile", "mkdocs.yml", "constraints.txt"):
        assert name in held
    assert not [name for name in held if "__pycache__" in name or "/site/" in name]


def test_the_container_file_names_extras_that_there_are() -> None:
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    (extras,) = (
        line.partition("=")[2]
        for line in text.splitlines()
        if line.startswith("ARG EXTRAS")
    )
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in extras.split(","):
        assert f"\n{extra} = [" in project
