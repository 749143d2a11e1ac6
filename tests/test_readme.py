"""README and the pages of docs/ are true: their blocks run, their links and maps lead somewhere.

The shell blocks of a page run one after the other in one folder, its Python blocks in one
process, as a reader would type them: a model is fitted once a page. Budgets are small.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from synthtab import datasets

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
# Most words of README, as `wc -w` counts them.
MOST_WORDS = 1000
# Rows of the tables that the blocks read.
FEW_ROWS = 300
# Pages whose blocks do little that those of README, or other tests, do not: marked slow.
REPEATED = {
    "sh": {
        "index.md",
        "augment.md",
        "command-line.md",
        "constraints.md",
        "privacy.md",
        "scale.md",
    },
    "python": {"index.md", "augment.md", "constraints.md", "library.md", "scale.md"},
}


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in this language."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [block for name, block in found if name == language]


def commands(page: Path) -> list[str]:
    """The shell blocks of a page that call the program."""
    return [block for block in blocks(page, "sh") if "synthtab " in block]


def small(text: str) -> str:
    """The same with a budget of a second, fewer rows and fewer repeats."""
    text = re.sub(r"--time \w+", "--time 1s", text)
    # In Python also without the trees, which take longer than a second.
    text = re.sub(r'time="\w+"', "epochs=2, rounds=0", text)
    text = re.sub(r"(synthtab study rows \S+)", r"\1 --repeats 2 --time 1s", text)
    # A study takes longest; it is left out where nothing is done with what it says.
    text = re.sub(r"(synthtab augment .*--json \S+)", r"\1 --repeats 2", text)
    text = re.sub(r"(synthtab augment (?!.*--json)[^#\n]*)", r"\1 --no-verdict ", text)
    text = text.replace("repeats=3", "repeats=2")
    return text.replace("10000", "400").replace("20_000", "13_000")


def finish(done: subprocess.CompletedProcess[str]) -> None:
    """Fail with what the process wrote to stderr, if it failed."""
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def test_there_are_blocks() -> None:
    assert commands(README)
    assert blocks(README, "python")
    assert sum(len(commands(page)) for page in PAGES) >= 8
    assert sum(len(blocks(page, "python")) for page in PAGES) >= 8


def pages(language: str) -> list[object]:
    """The pages that have blocks to run, as parameters of a test."""
    return [
        pytest.param(
            page,
            id=page.name,
            marks=pytest.mark.slow
            if page.name in REPEATED[language]
            else pytest.mark.long,
        )
        for page in PAGES
        if (commands(page) if language == "sh" else blocks(page, language))
    ]


@pytest.mark.parametrize("page", pages("sh"))
def test_shell(page: Path, tmp_path: Path) -> None:
    for name in ("flights.csv", "flights-holdout.csv"):
        lines = datasets.path("flights").with_name(name).read_text().splitlines()
        (tmp_path / name).write_text("\n".join(lines[: FEW_ROWS + 1]) + "\n")
    shim = tmp_path / "bin"
    shim.mkdir()
    (shim / "synthtab").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m synthtab_cli.main "$@"\n'
    )
    (shim / "synthtab").chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", small("\n".join(commands(page)))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{shim}{os.pathsep}{os.environ['PATH']}"},
        timeout=600,
        check=False,
    )
    finish(done)
    assert "Warning" not in done.stderr, done.stderr


@pytest.mark.parametrize("page", pages("python"))
def test_python(page: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error::Warning:synthtab",
            "-c",
            small("\n".join(blocks(page, "python"))),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    finish(done)


@pytest.mark.long
def test_the_worked_row_is_what_the_library_computes() -> None:
    page = ROOT / "docs" / "method.md"
    # The closing fence of a block would be taken for a line of output.
    session = "\n".join(blocks(page, "pycon"))
    test = doctest.DocTestParser().get_doctest(session, {}, page.name, str(page), 0)
    assert len(test.examples) > 10
    said: list[str] = []
    doctest.DocTestRunner().run(test, out=said.append)
    assert not said, "".join(said)


# ------------------------------------------------------------------------------------------
# What is written, without running it


def without_code(text: str) -> str:
    """A page without its code blocks and without code in its lines."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: Path) -> set[str]:
    """What a link after # may say: GitHub's names of a page's headings."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.*)$", text, flags=re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_are_there(page: Path) -> None:
    """`gan.py`, or with any of the folders above it."""
    if page.name == "lab.md":
        return  # entries of a date name the files of that date
    folders = ("synthtab", "cli", "tests", "benchmarks", "examples")
    there = [
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
    ]
    for name in re.findall(r"`([\w/]+\.py)`", page.read_text(encoding="utf-8")):
        assert any(f"/{path}".endswith(f"/{name}") for path in there), (
            f"{page.name}: {name}"
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = without_code(page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached = set()
    to_read = [README]
    while to_read:
        page = to_read.pop()
        reached.add(page)
        text = without_code(page.read_text(encoding="utf-8"))
        for path in re.findall(r"\]\(([^)#\s]+\.md)", text):
            target = (page.parent / path).resolve()
            if target in PAGES and target not in reached:
                to_read.append(target)
    assert reached == set(PAGES)


def test_every_page_is_on_the_site() -> None:
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert re.search(rf"[: -] {name}$", config, re.MULTILINE), name


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").split()) <= MOST_WORDS


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    said = set(re.findall(r"\bmake (\w+)", "\n".join(blocks(README, "sh"))))
    assert said
    for target in said:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


@pytest.mark.parametrize(
    "page", [README, ROOT / "docs" / "map.md"], ids=["readme", "map"]
)
def test_names_beside_a_file_are_in_it(page: Path) -> None:
    """In a line of a table that links to a file: "`Trainer.play` is one step"."""
    checked = 0
    for line in page.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            continue
        for path in re.findall(r"\]\(([^)]+\.py)\)", line)[:1]:
            code = (page.parent / path).read_text(encoding="utf-8")
            for name in re.findall(r"`([A-Za-z_.]+)`", line):
                if not name.endswith((".py", ".json", ".md")):
                    checked += 1
                    assert name.split(".")[-1] in code, f"{path}: {name}"
    assert checked


def test_the_walks_through_the_code_name_what_is_there() -> None:
    """ "`train` in `model/trainer.py`" of docs/map.md."""
    text = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w.]+)` in\s+\[?`([\w/]+\.py)`", text)
    assert len(named) >= 8
    for name, path in named:
        code = (ROOT / "synthtab" / path).read_text(encoding="utf-8")
        last = name.split(".")[-1]
        assert re.search(rf"^ *(def|class) {last}\b", code, re.MULTILINE), (path, name)


def test_the_map_has_a_line_for_every_file() -> None:
    text = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    lines = re.findall(
        r"^\| \[`([^`]+\.py)`\]\(\.\./([^)]+)\) \| \S", text, re.MULTILINE
    )
    mapped = [path for _, path in lines]
    assert len(mapped) == len(set(mapped)), "a file has two lines"
    there = {
        path.relative_to(ROOT).as_posix()
        for folder in ("synthtab", "cli")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert set(mapped) - there == set(), "lines of files that are not there"
    assert there - set(mapped) == set(), "files without a line"
