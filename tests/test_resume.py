"""A fit that is killed goes on where it stopped, and learns what it would have learnt."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import command, people

from synthtab import Synthesizer, datasets
from synthtab.core.config import TrainConfig, configure
from synthtab.core.errors import ArtefactError, ConfigError
from synthtab.core.progress import Clock, Progress, silent
from synthtab.core.randomness import Streams
from synthtab.model import held_out, resume, trainer
from synthtab.model.resume import Saved
from synthtab.sampling.sampler import draw_rows
from tests.model_tables import table

CPU = torch.device("cpu")


class Killed(BaseException):
    """What stops a fit in a test: nothing handles it."""


@pytest.fixture(autouse=True)
def _always_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state at every step that may have one, and a word after every step."""
    monkeypatch.setattr(resume, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(resume, "MOST_SAVING", 1e9)
    monkeypatch.setattr(held_out, "TELL_EVERY", -1.0)


def config(**more: Any) -> TrainConfig:
    sizes = dict(width=32, noise=16, batch=60, checks=4, epochs=30)
    return configure("default", **{**sizes, **more})


def train(how: TrainConfig, saved: Saved | None, kill_at: int = 0) -> held_out.Trained:
    """A fit of 500 rows, that is killed after so many words of the observer."""
    encoded = table(600)
    words = 0

    def observe(progress: Progress) -> None:
        nonlocal words
        words += 1
        if words == kill_at:
            raise Killed

    training = encoded.take(slice(100, None))
    return trainer.train(
        training,
        encoded.take(slice(100)),
        how,
        Streams(0),
        CPU,
        observe if kill_at else silent,
        draw_rows,
        saved=saved,
    )


def same(one: held_out.Trained, other: held_out.Trained) -> None:
    states = [trained.networks.state_dict() for trained in (one, other)]
    for name, weights in states[0].items():
        assert torch.equal(weights, states[1][name]), name
    assert one.losses == other.losses and one.steps == other.steps
    scores = [
        [(c.step, c.quality, c.likelihood) for c in t.history] for t in (one, other)
    ]
    assert scores[0] == scores[1]
    assert one.best and other.best and one.best.step == other.best.step


@pytest.mark.long
@pytest.mark.parametrize(
    "how",
    [
        dict(),
        # Pair moments of another subset of columns from time to time.
        pytest.param(
            dict(moment_budget=6, adversarial_every=1, cross_entropy=0.0, density=0.0),
            marks=pytest.mark.slow,
        ),
        # Normalised layers, dropout, packs, and no average.
        dict(condition="category", network="concat", packing=3, ema=0.0),
    ],
)
def test_a_fit_that_is_killed_learns_the_same(tmp_path: Path, how: dict) -> None:
    whole = train(config(**how), None)
    random = np.random.default_rng(1)
    for _ in range(2):
        kill_at = int(random.integers(55, 110))
        with pytest.raises(Killed):
            train(config(**how), Saved(tmp_path, {}, Clock()), kill_at)
    saved = Saved(tmp_path, {}, Clock())
    assert saved.state is not None
    assert 0 < saved.state["trainer"]["step"] < whole.steps
    same(train(config(**how), saved), whole)


@pytest.mark.long
def test_what_settles_settles_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_out, "WAIT_STEPS", 50)
    monkeypatch.setattr(held_out, "WAIT_SHARE", 0.0)
    # Steps that only make it worse: it settles soon.
    how = config(lr_generator=0.3, adversarial=0.0, moments=0.0, checks=2, epochs=60)
    whole = train(how, None)
    with pytest.raises(Killed):
        train(how, Saved(tmp_path, {}, Clock()), whole.steps - 12)
    saved = Saved(tmp_path, {}, Clock())
    assert saved.state is not None and saved.state["trainer"]["settling"]
    same(train(how, saved), whole)


def test_time_that_was_spent_is_spent(tmp_path: Path) -> None:
    clock = Clock(100)
    clock.add(30)
    Saved(tmp_path, {}, clock).save({"step": 1})
    again = Clock(100)
    assert Saved(tmp_path, {}, again).state == {"step": 1}
    assert 69 < again.left() < 70


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    pair = torch.arange(4, dtype=torch.uint8).reshape(2, 2)
    state = {"a": [1, 2.5, None, True, "x"], "b": {0: pair.T, "c": torch.tensor(0.1)}}
    Saved(tmp_path, {}, Clock()).save(state)
    back = Saved(tmp_path, {}, Clock()).state
    assert back is not None and back["a"] == state["a"]
    assert torch.equal(back["b"][0], pair.T) and back["b"][0].dtype == torch.uint8
    assert torch.equal(back["b"]["c"], torch.tensor(0.1))
    assert [path.name for path in tmp_path.iterdir()] == ["fit.state"]


def test_the_state_of_another_fit_is_refused(tmp_path: Path) -> None:
    Saved(tmp_path, {"seed": "0", "table": "x"}, Clock()).save({})
    with pytest.raises(ConfigError, match=r"fit\.state is of a fit with another seed:"):
        Saved(tmp_path, {"seed": "1", "table": "x"}, Clock())
    with pytest.raises(ConfigError, match="another seed and table:"):
        Saved(tmp_path, {"seed": "1", "table": "y"}, Clock())


@pytest.mark.parametrize("where", [0, 40, 300, -1])
def test_a_damaged_state_is_refused(tmp_path: Path, where: int) -> None:
    Saved(tmp_path, {}, Clock()).save({"weights": torch.zeros(100)})
    content = bytearray((tmp_path / "fit.state").read_bytes())
    content[where] ^= 1
    (tmp_path / "fit.state").write_bytes(content)
    with pytest.raises(ArtefactError, match=r"fit\.state is damaged: remove it"):
        Saved(tmp_path, {}, Clock())


@pytest.mark.long
def test_whatever_changes_the_fit_is_noticed(tmp_path: Path) -> None:
    frame = datasets.load("penguins")
    fast = dict(epochs=60, rounds=0, width=16, passes=1)
    Synthesizer("quick", **fast).fit(frame, checkpoint=tmp_path)
    assert resume.is_kept(tmp_path)
    # The same fit again is at its end already.
    Synthesizer("quick", **fast).fit(frame, checkpoint=tmp_path)
    for name, other, rows in (
        ("seed", dict(seed=1), frame),
        ("config", dict(width=24), frame),
        ("table", {}, frame.assign(body_mass_g=frame["body_mass_g"].iloc[::-1].array)),
    ):
        with pytest.raises(ConfigError, match=f"another .*{name}"):
            Synthesizer("quick", **{**fast, **other}).fit(rows, checkpoint=tmp_path)


def test_epsilon_and_files_are_no_checkpoint(call: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(people(40))
    with pytest.raises(ConfigError, match="would be paid for twice"):
        Synthesizer(epsilon=1.0).fit(datasets.load("penguins"), checkpoint=tmp_path)
    said = call("fit", "t.csv", "--checkpoint", "t.csv")
    assert said.status == 2 and "t.csv is a file: name a folder" in said.err


@pytest.mark.slow
def test_a_command_that_is_killed_writes_the_same_model(tmp_path: Path) -> None:
    """SIGKILL at random seconds, ten times; only the clock's figures differ."""
    datasets.load("flights").head(4000).to_csv(tmp_path / "t.csv", index=False)
    fit = ["fit", "t.csv", "--epochs", "30", "--seed", "3"]
    run = (
        "import sys; from synthtab.model import resume; resume.SAVE_EVERY = 0.5; "
        f"from synthtab_cli.main import main; sys.exit(main({[*fit, '--checkpoint', 'c']}))"
    )
    whole = subprocess.run(
        [*command(*fit), "-o", "whole.synthtab"], cwd=tmp_path, check=True
    )
    assert whole.returncode == 0
    random = np.random.default_rng(0)
    for _ in range(10):
        killed = subprocess.Popen([sys.executable, "-c", run], cwd=tmp_path)
        time.sleep(random.uniform(4, 9))
        killed.send_signal(signal.SIGKILL)
        if killed.wait() == 0:
            break
    done = subprocess.run([sys.executable, "-c", run], cwd=tmp_path, check=False)
    assert done.returncode == 0
    one, other = (
        Synthesizer.load(tmp_path / name) for name in ("whole.synthtab", "t.synthtab")
    )
    for part in ("weights", "trees"):
        first, second = (getattr(model._bundle(), part) for model in (one, other))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first), part
    assert one.sample(500).equals(other.sample(500))
    assert not (tmp_path / "c" / "fit.state").exists()
