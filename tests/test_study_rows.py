"""How many rows are enough: the curve, where it leads, and the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab.augment import RowStudy, study_rows
from synthtab.augment.enough import foreseen, sizes_of
from synthtab.core.errors import ConfigError, DataError
from synthtab_cli.main import main

SIZES = (40, 80, 160, 320)


class Again:
    """A generator that gives rows of its table, drawn with replacement."""

    def __init__(self, train: pd.DataFrame) -> None:
        self.train = train

    def sample(self, n: int, seed: int = 0) -> pd.DataFrame:
        return self.train.sample(n, replace=True, random_state=seed % 2**32)


class Noise(Again):
    """Every column by itself: nothing is left to learn."""

    def sample(self, n: int, seed: int = 0) -> pd.DataFrame:
        r = np.random.default_rng(seed)
        columns = {name: r.choice(self.train[name], n) for name in self.train}
        return pd.DataFrame(columns)


def table(rows: int = 500, columns: int = 1, noise: float = 0.0) -> pd.DataFrame:
    """A number that is the sum of others, and noise."""
    r = np.random.default_rng(0)
    x = r.standard_normal((rows, columns))
    frame = pd.DataFrame(x, columns=[f"x{j}" for j in range(columns)])
    frame["y"] = x.sum(1) + noise * r.standard_normal(rows)
    return frame


def curve(frame: pd.DataFrame, generator: Any = Again, **options: Any) -> RowStudy:
    options = {"sizes": SIZES, "learners": ["linear"], "repeats": 3} | options
    return study_rows(frame, lambda train, _: generator(train), "y", **options)


def test_a_line_takes_few_rows() -> None:
    found = curve(table())
    assert found.answer == "enough" and found.alike_from == SIZES[0]
    assert found.points[-1].synthetic == pytest.approx(1, abs=0.01)
    assert "ENOUGH: 960 rows instead of 320" in str(found)


def test_many_noisy_columns_take_more_rows() -> None:
    found = curve(table(500, 30, noise=10))
    scores = [point.real for point in found.points]
    assert scores == sorted(scores)
    assert found.answer != "enough" and found.gain > 0.05
    assert found.alike_from == SIZES[-1]


def test_rows_without_ties_are_told_by_both_figures() -> None:
    last = curve(table(500, 3), Noise).points[-1]
    assert last.real > 0.95 and last.synthetic < 0.3
    again = curve(table(500, 3)).points[-1]
    assert last.trend_error > 3 * again.trend_error


def test_the_curve_is_a_minus_b_over_the_root_of_the_rows() -> None:
    sizes = np.array([50.0, 100, 400, 900])
    scores = np.stack([0.9 - 2 / np.sqrt(sizes), 0.5 - 1 / np.sqrt(sizes)])
    found = foreseen(sizes, scores, 2500)
    assert found == pytest.approx([0.9 - 2 / 50, 0.5 - 1 / 50])


def test_classes_are_judged_by_their_order() -> None:
    frame = table(400)
    frame["y"] = np.where(frame["y"] > 0, "high", "low")
    found = curve(frame, sizes=(50, 100))
    assert found.metric == "auc" and found.points[-1].real > 0.99
    # Two sizes lead somewhere, but nothing says whether that is true.
    assert np.isnan(found.foretold) and np.isfinite(found.gain)


def test_sizes_grow_to_all_rows_but_a_fifth() -> None:
    assert sizes_of(100) == (80,)
    assert sizes_of(1000) == (100, 300, 800)
    assert sizes_of(50_000) == (100, 300, 1000, 3000, 10_000, 40_000)


def test_what_there_is_no_time_for_is_left_out_and_said() -> None:
    found = curve(table(), time_limit=1e-9)
    assert [point.rows for point in found.points] == [SIZES[0]]
    assert "no time was left for 80, 160, 320 rows" in str(found)
    assert "CANNOT TELL" in str(found)


def test_each_fit_is_told_how_long_it_may_take() -> None:
    told = []

    def fit(train: pd.DataFrame, seconds: float | None) -> Again:
        told.append(seconds)
        return Again(train)

    options: dict[str, Any] = {"learners": ["linear"], "sizes": (40, 80), "repeats": 2}
    study_rows(table(), fit, "y", **options)
    study_rows(table(), fit, "y", time_limit=400, **options)
    assert told[:4] == [None] * 4
    # What the first ones leave, the others may take.
    assert told[4] == pytest.approx(100, abs=1) and told[7] > 300


def test_the_text_fits_a_terminal_and_the_data_are_plain() -> None:
    found = curve(table())
    assert max(map(len, str(found).splitlines())) <= 80
    data = json.loads(found.to_json())
    assert [point["rows"] for point in data["points"]] == list(SIZES)
    frame = found.frame()
    assert list(frame["rows"]) == list(SIZES)
    assert (frame["synthetic_low"] <= frame["synthetic"]).all()


def test_the_same_seed_gives_the_same_study() -> None:
    frame = table(300, 3, 1.0)
    sizes = (40, 80)
    assert curve(frame, sizes=sizes).to_dict() == curve(frame, sizes=sizes).to_dict()
    shuffled = frame.sample(frac=1, random_state=1)
    assert curve(frame, sizes=sizes).to_dict() == curve(shuffled, sizes=sizes).to_dict()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sizes": (10,)}, ConfigError, "at least 30 rows, not 10"),
        ({"sizes": (401,)}, DataError, "leaves 400"),
        ({"sizes": ()}, ConfigError, "no size"),
        ({"repeats": 1}, ConfigError, "at least 2, not 1"),
        ({"learners": ["oracle"]}, ConfigError, "no learner 'oracle'"),
    ],
)
def test_what_cannot_be_studied_is_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        curve(table(), **options)


@pytest.mark.long
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = table(200, 2, 0.5).round(3)
    frame.to_csv(tmp_path / "sums.csv", index=False)
    place, out = str(tmp_path / "sums.csv"), str(tmp_path / "curve.json")
    asked = ["study", "rows", place, "--target", "y", "--sizes", "40,80"]
    assert main([*asked, "--repeats", "2", "--json", out]) == 0
    said = capsys.readouterr()
    assert "4 models, 2 each of 40, 80 rows, in at most 10m" in said.err
    assert "How many rows are enough to predict y" in said.out
    points = json.loads(Path(out).read_text(encoding="utf-8"))["points"]
    assert [point["rows"] for point in points] == [40, 80]
    assert all(point["synthetic"] > 0.3 for point in points)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["columns", "t.csv", "--target", "y"], "no study of 'columns'"),
        (["rows", "no.csv", "--target", "y"], "no.csv"),
        (["rows", "t.csv", "--target", "z"], "'z' is not a column"),
        (["rows", "t.csv", "--target", "y", "--sizes", "many"], "'many'"),
        (["rows", "t.csv", "--target", "y", "--time", "soon"], "'soon'"),
        (["rows", "t.csv", "--target", "y", "--repeats", "1"], "at least 2"),
    ],
)
def test_the_command_refuses_in_one_line(
    changed: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    table(100).to_csv("t.csv", index=False)
    assert main(["study", *changed, "--quiet"]) == 2
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) == 1
