"""Options of the command line with values that nobody should give."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer

DEEP = "(" * 10_000 + "age" + ")" * 10_000
HUGE = " or ".join(["age = 1"] * 10_000)
# Each is refused: a word of the message.
SAMPLE = [
    ("-n 1 --seed -1", "seed"),
    ("-n 1 --seed x", "seed"),
    ("-n -5", "-n"),
    ("-n 1e9", "-n"),
    ("-n x", "-n"),
    ("-n 99999999999999999999999", ""),
]
WHERE = [DEEP, HUGE, "x" * 100_000, "age = " + "9" * 100_000, "nope = 1", "'a b = 1",
         "a b = 1", "größe! = 1", "age = \x01", "\n\n", "(((", "age in (" + "1," * 30_000]  # fmt: skip
FIT = [
    ("--epsilon 0", "--epsilon"),
    ("--epsilon nan", "--epsilon"),
    ("--epsilon 1", "--schema"),
    ("--delta 0.1", "--epsilon"),
    ("--epochs -3", "epochs"),
    ("--epochs x", "epochs"),
    ("--time 0", "time"),
    ("--time -5s", "time"),
    ("--time 1e9999h", "time"),
    ("--seed -1", "seed"),
    ("--rare-below -1", "rare"),
    ("--rare-below 1e3", "rare"),
    ("--target nope", "nope"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table and a model of it."""
    path = tmp_path_factory.mktemp("options")
    r = np.random.default_rng(0)
    frame = pd.DataFrame({"age": r.integers(0, 90, 200), "a b": r.normal(size=200)})
    frame.to_csv(path / "t.csv", index=False)
    options: dict[str, Any] = dict(epochs=1, rounds=0, width=16, depth=1, checks=1)
    Synthesizer("quick", **options, seed=0).fit(frame).save(path / "m.synthtab")
    return path


def refused(said: Any, word: str, start: float) -> None:
    assert said.status == 2, said.err
    assert "Traceback" not in said.err
    assert word in said.err
    # One line, and a line of advice at most; a long text is not repeated.
    assert len(said.err.splitlines()) <= 3
    assert len(said.err) < 2000
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(("options", "word"), SAMPLE)
def test_sample(
    options: str, word: str, folder: Path, call: Callable[..., Any]
) -> None:
    start = time.perf_counter()
    said = call("sample", "-m", str(folder / "m.synthtab"), *options.split())
    refused(said, word, start)


@pytest.mark.parametrize("where", WHERE, ids=range(len(WHERE)))
def test_where(where: str, folder: Path, call: Callable[..., Any]) -> None:
    start = time.perf_counter()
    said = call("sample", "-m", str(folder / "m.synthtab"), "--where", where)
    refused(said, "", start)


@pytest.mark.parametrize(("options", "word"), FIT)
def test_fit(options: str, word: str, folder: Path, call: Callable[..., Any]) -> None:
    start = time.perf_counter()
    said = call("fit", str(folder / "t.csv"), "-o", "n.synthtab", *options.split())
    refused(said, word, start)
    assert not Path("n.synthtab").exists()
