"""The benchmark folder: its tables are those of its results; the figures of the
literature's tables.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import time
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from synthtab.evaluation import evaluate

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("SYNTHTAB_DATA", ROOT.parent / "shared" / "data"))


def table_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "benchmark_table", ROOT / "benchmarks" / "table.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_generated_from_the_results(tmp_path: Path) -> None:
    copy = tmp_path / "benchmarks"
    shutil.copytree(ROOT / "benchmarks", copy)
    table_module().write(copy)
    assert (copy / "README.md").read_text() == (
        ROOT / "benchmarks" / "README.md"
    ).read_text()


def test_the_seconds_of_the_evaluation_have_a_table(tmp_path: Path) -> None:
    """The newest run of each table and number of cores, real tables first, with what
    cost most.
    """
    (tmp_path / "results").mkdir()
    record = {
        "label": "",
        "seed": 0,
        "dataset": "made",
        "rows": 1_000,
        "columns": 3,
        "threads": 1,
        "peak_mb": 2_000,
    }
    runs = [
        {**record, "one_by_one": 9.0, "evaluate": 9.0, "seconds": {}},
        {**record, "one_by_one": 5.0, "evaluate": 4.0, "seconds": {"a": 1.0, "b": 4.0}},
        {
            **record,
            "dataset": "adult",
            "label": "busy",
            "one_by_one": 7.0,
            "evaluate": 6.0,
            "seconds": {"a": 7.0},
        },
    ]
    (tmp_path / "results" / "evaluation.jsonl").write_text(
        "".join(json.dumps(run) + "\n" for run in runs)
    )
    assert table_module().evaluation(tmp_path)[3:] == [
        "| Adult (busy) | 1,000 | 3 | 1 | 7 | 6 | 2,000 | a 7.0 |",
        "| made up | 1,000 | 3 | 1 | 5 | 4 | 2,000 | b 4.0, a 1.0 |",
    ]
    assert table_module().evaluation(tmp_path / "nowhere") == [""]


def test_newest_record_and_mean_over_seeds(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "published.json").write_text(
        json.dumps({"adult": {"Other": {"shape": 9.0, "detection": 0.1}}})
    )
    floors = {
        "shape_floor": 0.4,
        "trend_floor": 0.9,
        "utility_real": 0.93,
        "copies_test": 0.001,
        "measure": "AUC",
    }
    runs = [
        ("synthtab, default", 0, 5.0),
        ("synthtab, default", 0, 1.0),
        ("synthtab, default", 1, 2.0),
        ("b", 0, 7.0),
    ]
    lines = [
        json.dumps(floors | {"label": label, "seed": seed, "shape": shape})
        for label, seed, shape in runs
    ]
    (tmp_path / "results" / "adult.jsonl").write_text("\n".join(lines))
    rows = [line for line in table_module().fidelity(tmp_path) if line.startswith("|")]
    assert rows[2].startswith(
        "| *perfect sampler; real rows (AUC)* | 0.40 | 0.90 | 0.500 | 1.00 | 1.00 | 0.930 |"
    )
    assert rows[3].startswith("| **synthtab, default** (2 seeds) | 1.50 |  |")
    assert rows[4].startswith("| b | 7.00 |")
    assert rows[5].startswith("| Other, published | 9.00 |  |  | 0.10 |")
    assert (
        rows[8].startswith("| *perfect sampler; real rows (AUC)* | 0.500 | 0.10% |")
        and len(rows) == 11
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "trend"),
    [
        ("adult", 0.38, 0.87),
        ("default", 0.46, 0.66),
        ("shoppers", 0.63, 1.05),
        ("magic", 0.66, 0.51),
    ],
)
def test_floors_are_those_measured_before(
    name: str, shape: float, trend: float
) -> None:
    if not (DATA / name).is_dir():
        pytest.skip("needs the tables of the literature")
    real = pd.read_csv(DATA / name / "train.csv")
    numeric = json.loads((DATA / name / "meta.json").read_text())["numerical"]
    report = evaluate(
        real, real, numeric=numeric, metrics=["shape_error", "trend_error"]
    )
    floors = [score.reference.value for score in report.scores if score.reference]
    assert floors == pytest.approx([shape, trend], rel=0.12)


@pytest.mark.slow
def test_adult_takes_less_than_half_a_minute() -> None:
    if not (DATA / "adult").is_dir():
        pytest.skip("needs the tables of the literature")
    real, test = (
        pd.read_csv(DATA / "adult" / f"{part}.csv") for part in ("train", "test")
    )
    start = time.perf_counter()
    report = evaluate(
        real,
        real.sample(len(real), replace=True, random_state=0),
        holdout=test,
        target="income",
    )
    assert time.perf_counter() - start < 30
    assert all(
        score.ok for score in report.scores if not score.name.startswith("missing")
    )
