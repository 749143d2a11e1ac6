"""The scripts of examples/ run as they are, with a second for each fit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
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
