"""What a fit tells where experiments are compared, and its picture."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer
from synthtab.core.errors import MissingExtraError, NotFittedError
from synthtab.core.fit_report import FitReport
from synthtab.core.progress import Progress
from synthtab.runtime.trackers import MLflow, TensorBoard, together


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.normal(size=300), "k": rng.choice(["a", "b"], 300)})


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Any]]:
    """What MLflow is given: step and figures of each check."""
    given: list[tuple[int, Any]] = []

    def log_metrics(figures: dict[str, float], step: int) -> None:
        given.append((step, figures))

    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(log_metrics=log_metrics))
    return given


def test_every_check_is_logged_once(
    frame: pd.DataFrame, logged: list[tuple[int, Any]]
) -> None:
    seen: list[Progress] = []
    model = Synthesizer(epochs=4, seed=0, checks=3)
    model.fit(frame, observe=together(seen.append, MLflow()))
    history = model.report_["history"]
    assert history and [step for step, _ in logged] == [one["step"] for one in history]
    for (_, figures), check in zip(logged, history, strict=True):
        assert "step" not in figures and figures["score"] == check["score"]
        assert figures["likelihood"] == check["likelihood"]
    # Whoever watches is told of all else, too.
    assert {"read", "train"} <= {progress.phase for progress in seen}


def test_tensorboard_gets_the_same(frame: pd.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = Synthesizer(epochs=2, seed=0)
    model.fit(frame, observe=TensorBoard(tmp_path))
    events = EventAccumulator(str(tmp_path)).Reload()
    steps = [event.step for event in events.Scalars("held-out/score")]
    assert steps == [one["step"] for one in model.report_["history"]]


@pytest.mark.parametrize(
    ("library", "make"),
    [("mlflow", MLflow), ("torch.utils.tensorboard", lambda: TensorBoard("runs"))],
)
def test_what_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, library: str, make: Any
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match="pip install 'synthtab"):
        make()


def test_the_picture_of_a_fit(frame: pd.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    model = Synthesizer(epochs=2, seed=0).fit(frame)
    model.save(tmp_path / "model.synthtab")
    again = Synthesizer.load(tmp_path / "model.synthtab")
    titles = [axis.get_title() for axis in again.report_.plot().axes]
    assert titles[0].endswith("hidden cells") and titles[1].startswith("score")
    line = again.report_.plot().axes[1].get_lines()[0]
    assert list(line.get_ydata()) == [one["score"] for one in again.report_["history"]]


def test_without_a_check_there_is_no_picture() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    with pytest.raises(NotFittedError, match="nothing to draw"):
        FitReport(rows=3, history=[]).plot()
