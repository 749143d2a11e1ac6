"""What the repository says about itself holds: versions, bounds, names of files."""

from __future__ import annotations

import re
from pathlib import Path

import synthtab

# ``"pandas>=2.2"`` of a list of requirements, ``pandas==2.2.0`` of a file of constraints.
LOWER = re.compile(r'"([\w-]+)(?:\[\w+\])?>=([\d.]+)')
PINNED = re.compile(r"^([\w-]+)==([\d.]+)$", re.MULTILINE)

# Tools, not libraries: their newest version is the right one.
TOOLS = {
    "setuptools",
    "ruff",
    "mypy",
    "pandas-stubs",
    "scipy-stubs",
    "mkdocs",
    "mkdocs-material",
    "mkdocstrings",
}


def numbers(version: str) -> tuple[int, ...]:
    """1.4 and 1.4.0 are one version."""
    parts = tuple(map(int, version.split(".")))
    return parts + (0,) * (3 - len(parts))


def test_the_oldest_versions_are_those_that_the_project_allows(root: Path) -> None:
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    lowest = (root / "constraints-lowest.txt").read_text(encoding="utf-8")
    allowed = {n: numbers(v) for n, v in LOWER.findall(project) if n not in TOOLS}
    pinned = {n: numbers(v) for n, v in PINNED.findall(lowest)}
    # The first release of a minor version may have been taken back: a later one will do.
    assert {n: v[:2] for n, v in pinned.items()} == {
        n: v[:2] for n, v in allowed.items()
    }


def test_the_changelog_has_the_version_and_its_day(root: Path) -> None:
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d[\w.]*)\] - \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert versions[0] == synthtab.__version__


def test_every_python_that_is_allowed_is_tested(root: Path) -> None:
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    workflow = (root / ".github/workflows/tests.yml").read_text(encoding="utf-8")
    first, after = re.findall(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', project)[0]
    tested = re.findall(r'"3\.(\d+)"', workflow.split("python: [")[1].split("]")[0])
    assert list(map(int, tested)) == list(range(int(first), int(after)))


def test_files_that_contributors_are_sent_to_are_there(root: Path) -> None:
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:synthtab|tests|cli|core|benchmarks)/[\w/.]+)`", text)
    assert len(named) > 10
    for name in named:
        there = root / name
        assert there.exists() or (root / "synthtab" / name).exists(), name


def test_toys_of_the_text_are_those_of_the_tests(root: Path) -> None:
    """What CONTRIBUTING.md shows is in a test, names and formulas alike."""
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    tests = "".join(
        p.read_text("utf-8") for p in (root / "tests").glob("test_one_*.py")
    )
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        for name in re.findall(r"^(?:class|def) (\w+)", block, re.MULTILINE):
            assert re.search(rf"^(?:class|def) {name}\b", tests, re.MULTILINE), name
        for line in re.findall(r'"""(.*?)"""', block):
            assert line in tests
