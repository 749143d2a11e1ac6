"""What a fit will cost is said before, is about what it then costs, and is refused where there is no room."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import people

from synthtab import Synthesizer, costs, infer
from synthtab.core.config import configure
from synthtab.core.randomness import Streams
from synthtab.data.encoder import TableEncoder
from synthtab.data.sources import open_table
from synthtab.runtime import machine
from synthtab.runtime.machine import amount

BRIEF = dict(checks=1, epochs=1, passes=1, rounds=0)


def words(rows: int, columns: int, values: int) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {f"w{i}": draw.integers(0, values, rows).astype(str) for i in range(columns)}
    ).map("v".__add__)


def numbers(rows: int, columns: int) -> pd.DataFrame:
    return pd.DataFrame(
        np.random.default_rng(0).normal(size=(rows, columns)).round(4)
    ).rename(columns="x{}".format)


PEAK = r"""
import json, re, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_costs
from synthtab import Synthesizer
def peak():
    return int(re.search(r"VmHWM:\s*([0-9]+)", Path("/proc/self/status").read_text())[1]) * 1024
frame = getattr(test_costs, {maker!r})(*{arguments!r})
before = peak()
Synthesizer(batch={batch}, **test_costs.BRIEF).fit(frame)
print(json.dumps(peak() - before))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("maker", "arguments", "batch"),
    [
        ("words", (3000, 30, 100), 512),
        pytest.param("numbers", (6000, 12), 2048, marks=pytest.mark.slow),
    ],
)
def test_the_memory_expected_is_about_what_is_used(
    maker: str, arguments: tuple[int, ...], batch: int
) -> None:
    frame = globals()[maker](*arguments)
    expected = Synthesizer(batch=batch, **BRIEF).plan(frame)["memory_bytes"]
    code = PEAK.format(
        tests=str(Path(__file__).parent), maker=maker, arguments=arguments, batch=batch
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    used = json.loads(done.stdout)
    assert 0.4 * expected <= used <= 1.25 * expected, (amount(used), amount(expected))


def test_a_plan_holds_raw_numbers() -> None:
    frame = words(3000, 3, 5)
    plan = Synthesizer("quick").plan(frame)
    assert plan["steps"] > 0 and plan["seconds"] > 0
    assert plan["table_bytes"] == frame.memory_usage(index=False, deep=True).sum()
    assert plan["refusal"] == "" and plan["device_bytes"] is None
    assert Synthesizer("quick", time="90s").plan(frame)["seconds"] == 90
    json.dumps(plan)


def test_forests_are_planned_without_steps() -> None:
    plan = Synthesizer().plan(words(500, 3, 5))
    assert plan["config"]["completer"] == "forest"
    assert plan["steps"] == 0 and 0 < plan["seconds"] < 15
    assert plan["parameters"] == 0


@pytest.mark.parametrize("change", [dict(batch=1024), dict(width=512), dict(depth=4)])
def test_more_work_needs_more_memory(change: dict[str, int]) -> None:
    frame = numbers(3000, 5)
    plain, more = (
        Synthesizer("quick", time="1s", **c).plan(frame)["step_bytes"]
        for c in ({}, change)
    )
    assert more > plain


def test_more_rows_need_more_memory_whatever_the_sample() -> None:
    small, large = (
        Synthesizer("quick", time="1s").plan(numbers(rows, 5))
        for rows in (30_000, 60_000)
    )
    assert (
        large["memory_bytes"] > small["memory_bytes"]
        and large["encoded_bytes"] == 2 * small["encoded_bytes"]
    )


def facts(out: str) -> dict[str, str]:
    return dict(
        re.split(r" {2,}", line.removeprefix("# "), maxsplit=1)
        for line in out.splitlines()
        if re.search(r"^# \S.* {2,}\S", line)
    )


def test_dry_run_speaks_in_units(call, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(people(300))
    said = call("fit", "t.csv", "--dry-run", "--rows", "200")
    assert said.status == 0, said.err
    found = facts(said.out)
    assert found["rows"] == "200"
    assert re.fullmatch(r"[\d.]+ [MGT]B", found["memory expected"]) and re.fullmatch(
        r"[\d.]+ [MGT]B", found["memory at hand"]
    )
    assert re.fullmatch(r"about \d+ (s|min \d+ s|h \d+ min)", found["training time"])


@pytest.mark.long
def test_what_does_not_fit_is_refused_and_the_advice_works(
    call, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "t.csv").write_text(people(9000))
    fit = ["fit", "t.csv", "--epochs", "1", "--batch", "4096"]
    frame = pd.read_csv(tmp_path / "t.csv")
    needed = Synthesizer(epochs=1, batch=4096).plan(frame)["memory_bytes"]
    monkeypatch.setattr(machine, "memory", lambda: int(0.9 * needed))
    said = call(*fit)
    assert said.status == 2
    *phases, error = said.err.strip().splitlines()
    # Before it, there may be a line for each phase that took long.
    assert not [line for line in phases if "error" in line], said.err
    assert error.startswith("synthtab: error: "), said.err
    assert "Traceback" not in said.err and not (tmp_path / "t.synthtab").exists()
    advice = re.search(r"of memory, and .* is left: .*\((--batch \d+)\)", said.err)
    assert advice, said.err
    dry = call(*fit, "--dry-run")
    assert (
        dry.status == 2
        and advice[1] in dry.err
        and facts(dry.out)["memory at hand"] == amount(0.9 * needed)
    )
    assert call(*fit[:-2], *advice[1].split(), "--dry-run").status == 0


@pytest.mark.long
def test_fewer_rows_are_offered_where_rows_are_too_many(monkeypatch) -> None:
    frame = numbers(40_000, 40)
    model = Synthesizer("quick", time="1s")
    needed = model.plan(frame, rows=10_000)["memory_bytes"]
    monkeypatch.setattr(machine, "memory", lambda: needed)
    plan = model.plan(frame)
    assert plan["seconds"] is None or plan["seconds"] == 1
    offered = re.fullmatch(r".*learn fewer rows \(`rows=(\d+)`\)", plan["refusal"])
    assert offered and int(offered[1]) == 10_000
    assert model.plan(frame, rows=10_000)["refusal"] == ""
    monkeypatch.setattr(machine, "memory", lambda: 1000)
    assert "no option makes it fit" in model.plan(frame)["refusal"]
    monkeypatch.setattr(machine, "memory", lambda: None)
    assert model.plan(frame)["refusal"] == "", "unknown is no reason to refuse"


def test_a_gpu_that_is_too_small_sends_to_the_cpu(monkeypatch) -> None:
    frame = words(2000, 3, 5)
    source, schema = open_table(frame, Streams(0)), infer(frame)
    encoder = TableEncoder.fit(frame, schema, Streams(0))
    monkeypatch.setattr(costs, "memory_left", lambda device: 1_000_000)
    cost = costs.of(source, encoder, configure(), torch.device("cuda"))
    assert cost.refusal.endswith(
        "of the GPU's memory, and 1 MB is left: use `device='cpu'`"
    )
    monkeypatch.setattr(costs, "memory_left", lambda device: 80 * 10**9)
    assert costs.of(source, encoder, configure(), torch.device("cuda")).refusal == ""


def lay(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


MEMINFO = "MemTotal:       8000 kB\nMemFree:         100 kB\nMemAvailable:    6000 kB\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 6000 * 1024),
        (
            {
                "sys__fs__cgroup__box__memory.max": "max\n",
                "sys__fs__cgroup__box__memory.current": "5\n",
            },
            6000 * 1024,
        ),
        (
            {
                "sys__fs__cgroup__box__memory.max": "5000\n",
                "sys__fs__cgroup__box__memory.current": "4000\n",
                "sys__fs__cgroup__box__memory.stat": "anon 1\ninactive_file 600\n",
            },
            1600,
        ),
        (
            {
                "sys__fs__cgroup__memory.max": "300\n",
                "sys__fs__cgroup__memory.current": "100\n",
            },
            200,
        ),
        (
            {
                "sys__fs__cgroup__memory.max": "300\n",
                "sys__fs__cgroup__memory.current": "400\n",
            },
            0,
        ),
        (
            {
                "proc__self__cgroup": "4:cpu,memory:/box\n",
                "sys__fs__cgroup__memory__box__memory.limit_in_bytes": "700\n",
                "sys__fs__cgroup__memory__box__memory.usage_in_bytes": "100\n",
            },
            600,
        ),
    ],
    ids=["kernel", "no limit", "limit", "limit above", "beyond", "version 1"],
)
def test_memory_is_the_least_that_any_limit_leaves(
    files: dict[str, str], expected: int, tmp_path, monkeypatch
) -> None:
    lay(
        tmp_path,
        **{"proc__meminfo": MEMINFO, "proc__self__cgroup": "0::/box\n", **files},
    )
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    assert machine.memory() == expected


def test_memory_is_known_on_this_machine() -> None:
    known = machine.memory()
    assert known is None or known > 10_000_000


def test_amounts() -> None:
    said = [amount(n) for n in (0, 1500, 999_600, 1_234_567, 996_000_000, 5.2e12, None)]
    assert said == [
        "0 kB",
        "2 kB",
        "1 MB",
        "1.23 MB",
        "0.996 GB",
        "5.2 TB",
        "an unknown amount",
    ]
