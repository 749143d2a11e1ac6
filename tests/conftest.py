from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Many small matrices on few cores: more threads only wait for each other, and had better sleep meanwhile.
os.environ.setdefault(
    "OMP_NUM_THREADS",
    str(max(1, 2 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))),
)
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


# Fixtures that start processes, or train for seconds: what uses them is not quick.
LONG_FIXTURES = {"run", "people_model"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make check` leaves out what is marked long, `make test` only what is marked slow."""
    for item in items:
        if LONG_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.long)


def pytest_collection_finish() -> None:
    """What is there by now stays: thousands of tests, and the libraries.

    Without this, every full garbage collection looks at all of it, for .4 s each time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


def command(*arguments: str) -> list[str]:
    """The command line that runs ``synthtab`` in a process of its own."""
    return [sys.executable, "-m", "synthtab_cli.main", *arguments]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``synthtab`` in the test's folder, in a process of its own."""

    def start(
        *arguments: str, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return start


class Said:
    """What one call of `main` left behind."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[Sequence[str]], Said]:
    """Run ``synthtab`` in this process, in the test's folder."""
    from synthtab_cli.main import main

    monkeypatch.chdir(tmp_path)

    def start(*arguments: str) -> Said:
        capfd.readouterr()
        status = main(list(arguments))
        captured = capfd.readouterr()
        return Said(status, captured.out, captured.err)

    return start


def people(rows: int = 300) -> str:
    """A small table of every kind, as CSV."""
    import numpy as np

    rng = np.random.default_rng(5)
    age = rng.integers(18, 80, rows)
    job = rng.choice(["clerk", "nurse", "pilot"], rows, p=[0.5, 0.3, 0.2])
    pay = np.round(900 + 25 * age + 400 * (job == "pilot") + rng.normal(0, 90, rows), 2)
    key = rng.choice(90_000, rows, replace=False) + 10_000
    lines = ["id,age,job,pay,joined,remote"]
    for i in range(rows):
        cell = "" if i % 17 == 0 else f"{pay[i]:.2f}"
        day = f"20{10 + i % 12:02d}-{1 + i % 12:02d}-{1 + i % 28:02d}"
        lines.append(
            f"P{key[i]},{age[i]},{job[i]},{cell},{day},{'yes' if i % 3 else 'no'}"
        )
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def people_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / "people.csv"
    path.write_text(people())
    return path


@pytest.fixture(scope="session")
def people_model(people_csv: Path) -> Path:
    """A model of `people_csv`, trained for a few seconds."""
    path = people_csv.with_name("people.synthtab")
    done = subprocess.run(
        command(
            "fit", str(people_csv), "-o", str(path), "--epochs", "20", "--seed", "1"
        ),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return path
