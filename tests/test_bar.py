"""A bar shows in notebooks while a long job runs, and nowhere else."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer, SynthtabWarning, evaluate
from synthtab.core import bar
from synthtab.core.progress import Progress, silent, watching


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a kernel would show, drawing by drawing."""
    shown: list[str] = []

    class Display:
        def update(self, text: str) -> None:
            shown.append(text)

    def display(text: str, display_id: bool) -> Display:
        assert display_id
        shown.append(text)
        return Display()

    shell = SimpleNamespace(kernel=object())
    module = SimpleNamespace(HTML=str, display=display)
    monkeypatch.setitem(
        sys.modules,
        "IPython",
        SimpleNamespace(get_ipython=lambda: shell, display=module),
    )
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(bar, "SHOWN_AFTER", 0.0)
    monkeypatch.setattr(bar, "DRAWN_EVERY", 0.0)
    return shown


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.normal(size=60), "c": rng.choice(["a", "b"], 60)})


def test_long_jobs_show_a_bar_and_leave_none(drawn: list[str]) -> None:
    frame = table()
    jobs: list[Any] = []
    model = Synthesizer("quick", rounds=0)
    jobs.append(lambda **quiet: model.fit(frame, **quiet))
    jobs.append(lambda **quiet: model.sample(20, **quiet))
    jobs.append(
        lambda **quiet: evaluate(frame, frame, metrics=["shape_error"], **quiet)
    )
    for job in jobs:
        job()
        assert len(drawn) > 1 and drawn[0].startswith("<progress"), drawn
        assert drawn[-1] == ""
        drawn.clear()
        job(verbose=False)
        job(observe=silent)
        assert not drawn


def test_messages_stay_and_nothing_is_run(drawn: list[str]) -> None:
    observe = watching(None, True)
    observe(Progress("<b>", 0.5, 7.4, 0.25, message="a & b"))
    assert drawn[-1] == (
        '<progress max="1" value="0.500"></progress> a &amp; b<br>'
        "&lt;b&gt;, about 7 s left, score 0.250"
    )
    observe.close()  # type: ignore[attr-defined]
    assert drawn[-1] == "a &amp; b"


def test_short_jobs_show_nothing(
    drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bar, "SHOWN_AFTER", 60.0)
    Synthesizer("quick", rounds=0).fit(table())
    assert not drawn


def test_elsewhere_messages_warn_and_all_else_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert watching(None, False) is silent
    told = watching(None, True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told(Progress("train", 0.5, score=0.9))
    with pytest.warns(SynthtabWarning, match="3 cells are words") as seen:
        told(Progress("read", message="3 cells are words"))
    assert seen[0].filename == __file__
    # IPython in a terminal has no kernel.
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython", shell)
    assert watching(None, True) is told
