"""Training by several processes, as torchrun starts them: one model, the same weights everywhere, an end to all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from synthtab import Synthesizer
from synthtab.core.config import configure
from synthtab.model.trainer import batch_for_process, batch_for_table
from synthtab.runtime.compute import ALONE
from synthtab.synthesizer import processes

WATCHED = """
import hashlib, os, sys
from synthtab.model import trainer
from synthtab_cli.main import main
play, log = trainer.Trainer.play, open(f"rank{os.environ['RANK']}.txt", "w")
def watched(game):
    play(game)
    parts = {"networks": game.networks, "critic": game.critic, "average": game.average}
    for name, part in parts.items():
        content = b"".join(t.numpy().tobytes() for t in part.state_dict().values())
        print(game.step, name, hashlib.sha256(content).hexdigest(), file=log, flush=True)
    print(game.step, "batch", game.config.batch, file=log, flush=True)
    print(game.step, "random", game.random.get_state().sum().item(), file=log, flush=True)
trainer.Trainer.play = watched
sys.exit(main(sys.argv[1:]))
"""


def torchrun(*words: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        *words,
    ]


@pytest.fixture
def here(tmp_path: Path, people_csv: Path) -> Path:
    shutil.copy(people_csv, tmp_path / "people.csv")
    return tmp_path


def start(here: Path, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        torchrun(*words), cwd=here, env=environment, stderr=subprocess.PIPE, text=True
    )


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    processes.cache_clear()
    assert processes() is ALONE and processes().size == 1 and processes().rank == 0
    for name, value in (
        ("RANK", "0"),
        ("WORLD_SIZE", "1"),
        ("MASTER_ADDR", "localhost"),
    ):
        monkeypatch.setenv(name, value)
    processes.cache_clear()
    assert processes() is ALONE, "torchrun with one process is one process"


@pytest.mark.parametrize("packing", [1, 10])
@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_the_shares_are_the_batch(processes: int, packing: int) -> None:
    config = configure("default", batch=500, packing=packing)
    part = batch_for_process(config, processes).batch
    assert part % packing == 0 and 500 <= processes * part < 500 + processes * packing


@pytest.mark.long
def test_two_processes_train_one_model(here: Path) -> None:
    (here / "watched.py").write_text(WATCHED)
    words = [
        "fit",
        "people.csv",
        "-o",
        "m.synthtab",
        "--preset",
        "quick",
        "--epochs",
        "8",
        "--target",
        "job",
    ]
    started = start(here, "watched.py", *words)
    _, said = started.communicate(timeout=180)
    assert started.returncode == 0, said
    assert said.count("model: m.synthtab") == said.count("learned 300 rows") == 1, said
    logs = [(here / f"rank{i}.txt").read_text().splitlines() for i in (0, 1)]
    own = [[line for line in log if " random " in line] for log in logs]
    assert len(own[0]) == len(own[1]) > 8 and not set(own[0]) & set(own[1]), (
        "each has rows and noise of its own"
    )
    same = [[line for line in log if " random " not in line] for log in logs]
    assert same[0] == same[1], "the same weights after every step"
    assert len({line for line in same[0] if " networks " in line}) == len(own[0]), (
        "which change"
    )

    assert [p.name for p in here.glob("*.synthtab*")] == ["m.synthtab"]
    model = Synthesizer.load(here / "m.synthtab")
    assert model.report_["processes"] == 2 and model.report_["stopped"] in (
        "done",
        "no more progress",
    )
    alone = Synthesizer("quick", epochs=8, target="job").fit(
        pd.read_csv(here / "people.csv")
    )
    steps = alone.report_["steps"]
    assert model.report_["steps"] == steps == int(same[0][-1].split()[0]), (
        "the batch is that of one process, in parts"
    )
    assert (
        f"{steps} batch {batch_for_process(batch_for_table(alone.config, 270), 2).batch}"
        in same[0]
    )
    assert abs(model.report_["best"] - alone.report_["best"]) < 0.15
    assert len(model.sample(100)) == 100


def script(here: Path, table: str) -> str:
    path = here / "fit.sh"
    path.write_text(
        f'echo $$ > pid$RANK; exec {sys.executable} -m synthtab_cli.main fit {table} -o m.synthtab "$@"'
    )
    path.chmod(0o755)
    path.write_text("#!/bin/sh\n" + path.read_text())
    return str(path)


def running(here: Path, *options: str) -> tuple[subprocess.Popen[str], list[int]]:
    """Two processes that train for long, and their numbers."""
    started = start(
        here, "--no-python", script(here, "people.csv"), "--time", "5m", *options
    )
    assert started.stderr is not None
    for said in started.stderr:
        if said.startswith("train"):
            break
    time.sleep(2)
    return started, [int((here / f"pid{i}").read_text()) for i in (0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_ctrl_c_on_any_leaves_a_model(here: Path, rank: int) -> None:
    started, processes = running(here)
    os.kill(processes[rank], signal.SIGINT)
    _, said = started.communicate(timeout=60)
    assert (
        started.returncode != 0
        and "interrupted: the best model so far is in m.synthtab" in said
    ), said
    model = Synthesizer.load(here / "m.synthtab")
    assert model.report_["stopped"] == "interrupted" and len(model.sample(10)) == 10


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_one_that_dies_ends_all(here: Path, rank: int) -> None:
    started, processes = running(here)
    os.kill(processes[rank], signal.SIGKILL)
    started.communicate(timeout=60)
    assert started.returncode != 0 and not list(here.glob("*.synthtab*"))
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


@pytest.mark.slow
def test_other_tables_are_refused(here: Path) -> None:
    lines = (here / "people.csv").read_text().splitlines(keepends=True)
    (here / "people0.csv").write_text("".join(lines))
    (here / "people1.csv").write_text("".join(lines[:-1] + lines[1:2]))
    started = start(
        here, "--no-python", script(here, "people$RANK.csv"), "--epochs", "1"
    )
    _, said = started.communicate(timeout=60)
    assert started.returncode != 0 and not (here / "m.synthtab").exists()
    assert "the 2 processes do not have the same table and options" in said, said
