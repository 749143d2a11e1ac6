"""The scripts of examples/ run as they are, with a second for each fit."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NOTEBOOK = EXAMPLES / "notebook.ipynb"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
# Notebook -> libraries that it needs, and what it writes.
NEEDED = {
    "augmentation": [],
    "flights": [],
    "imputation": [],
    "pipeline": ["imblearn"],
    "promise": ["opendp"],
}
WRITTEN_BY_NOTEBOOKS = {"flights": ["report.html"]}
# Script -> what it writes.
WRITTEN = {
    "share.py": ["rows.csv", "report.html"],
    "rebalance.py": [],
    "judge.py": ["comparison.html"],
}


def test_every_script_is_run_and_listed() -> None:
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts == set(WRITTEN)
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for script in scripts:
        assert f"[{script}]({script})" in readme


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_listed_and_holds_no_result(path: Path) -> None:
    """Results would say what an older version did."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") for cell in notebook["cells"])
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert f"[{path.name}]({path.name})" in readme
    assert path == NOTEBOOK or path.stem in NEEDED


@pytest.mark.slow
@pytest.mark.parametrize("name", NEEDED)
def test_a_notebook_runs(name: str, tmp_path: Path) -> None:
    for library in ("nbclient", "nbformat", "ipykernel", *NEEDED[name]):
        pytest.importorskip(library)
    import nbclient
    import nbformat

    text = (EXAMPLES / f"{name}.ipynb").read_text(encoding="utf-8")
    # What the notebook does in minutes, in seconds.
    text, count = re.subn(r'time=\\"\d+s\\"', r'time=\\"2s\\"', text)
    assert count
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    client = nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    # An error of a cell is raised here.
    client.execute()
    assert any(cell.get("outputs") for cell in notebook.cells)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == WRITTEN_BY_NOTEBOOKS.get(name, [])


@pytest.mark.slow
def test_the_notebook_runs_and_shows_every_result() -> None:
    for library in ("nbclient", "nbformat", "ipykernel", "matplotlib"):
        pytest.importorskip(
            library, reason=f"the notebook needs {library}, which is not installed"
        )
    import nbclient
    import nbformat

    text = NOTEBOOK.read_text(encoding="utf-8")
    assert text.count('time=\\"60s\\"') == 1
    notebook = nbformat.reads(text.replace('time=\\"60s\\"', "epochs=2"), as_version=4)
    nbformat.validate(notebook)
    # An error of a cell is raised here.
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            # Of a bar, nothing is left in the end.
            (output,) = (
                one
                for one in cell.outputs
                if "data" in one and one.data.get("text/html") != ""
            )
            shown[cell.id] = set(output.data)
    for name in ("fit", "schema", "sample", "evaluate", "frame", "augment"):
        assert "text/html" in shown[name], name
    for name in ("column", "pair", "arms"):
        assert "image/png" in shown[name], name


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(WRITTEN))
def test_script(script: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script), "1s"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    written = {path.name for path in tmp_path.iterdir()}
    assert written == set(WRITTEN[script])
