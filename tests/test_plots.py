"""Figures of columns, pairs and studies: what they draw, and what they must not."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest
from test_frame import by_hand

from synthtab import evaluate
from synthtab.core.errors import ConfigError, MissingExtraError
from synthtab.evaluation import Report

needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None,
    reason="matplotlib is not installed: pip install 'synthtab[plot]'",
)


def table(seed: int) -> pd.DataFrame:
    """Two numbers and a word; one row alone is rich, and one alone is called $secret."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "income": rng.normal(100, 10, 400).round(),
            "age": rng.integers(20, 60, 400),
            "job": rng.choice(["nurse", "clerk"], 400),
            "id": [f"K{seed}{i:05d}" for i in range(400)],
        }
    )
    frame.loc[0, "income"] = 987_654
    frame.loc[1, "job"] = "$secret"
    return frame


@pytest.fixture(scope="module")
def report() -> Report:
    return evaluate(table(0), table(1), metrics=["shape_error"])


def words(figure: object) -> str:
    """All texts of a figure."""
    from matplotlib.text import Text

    figure.canvas.draw()
    return "\n".join(text.get_text() for text in figure.findobj(Text))


@needs_matplotlib
@pytest.mark.parametrize(
    "names",
    [
        ("income",),
        ("age",),
        ("job",),
        ("income", "age"),
        ("job", "income"),
        ("age", "job"),
    ],
    ids=" ".join,
)
def test_a_figure_shows_itself_and_tells_of_nobody(
    report: Report, names: tuple[str, ...]
) -> None:
    figure = report.plot(*names)
    text = words(figure)
    assert all(name in text for name in names)
    assert "987" not in text and "secret" not in text
    assert figure._repr_png_().startswith(b"\x89PNG")


@needs_matplotlib
def test_a_cell_of_few_real_rows_is_not_drawn() -> None:
    """Four nurses over 50, five clerks: the clerks are seen alone."""
    rows = [("nurse", "old")] * 4 + [("clerk", "old")] * 5
    rows += [("nurse", "young"), ("clerk", "young")] * 50
    real = pd.DataFrame(rows, columns=["job", "age"])
    figure = evaluate(real, real, metrics=["shape_error"]).plot("job", "age")
    for axes in figure.axes[:2]:
        (image,) = axes.images
        drawn = image.get_array()
        assert sorted(np.round(drawn.compressed() * len(real))) == [5, 50, 50]


@needs_matplotlib
def test_shares_of_a_pair_are_those_of_the_table(report: Report) -> None:
    figure = report.plot("job", "age")
    (image,) = figure.axes[1].images
    frame = table(1)
    assert image.get_array().sum() == pytest.approx(1.0, abs=5 / len(frame))
    assert set(words(figure).splitlines()) >= {"nurse", "clerk", "others"}


@needs_matplotlib
def test_missing_cells_have_a_place_in_a_pair() -> None:
    real = table(0)
    real.loc[20:60, "age"] = np.nan
    figure = evaluate(real, table(1), metrics=["shape_error"]).plot("job", "age")
    assert "missing" in words(figure).splitlines()


@needs_matplotlib
def test_nothing_of_matplotlib_is_changed(report: Report) -> None:
    import sys

    before = "matplotlib.pyplot" in sys.modules
    report.plot("age")
    assert ("matplotlib.pyplot" in sys.modules) is before


@needs_matplotlib
def test_a_study_is_drawn_by_arm() -> None:
    figure = by_hand().plot()
    assert {"synthetic x1", "duplicates"} <= set(words(figure).splitlines())
    places = [
        line.get_xdata()[0]
        for line in figure.axes[0].lines
        if len(line.get_xdata()) == 1
    ]
    assert places[0] == 0.0 and max(places) == pytest.approx(0.1, abs=0.001)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("agee",), "no column 'agee': did you mean 'age'"),
        (("id",), "column 'id' is not compared: identifier"),
        (("age", "age"), "two different ones"),
        ((), "the name of one column"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    report: Report, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        report.plot(*names)
    with pytest.raises(ConfigError, match="no tables"):
        Report(report.scores).plot("age")


def test_without_the_extra_one_line_says_how_to_get_it(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for draw in (lambda: report.plot("age"), by_hand().plot):
        with pytest.raises(MissingExtraError, match=r"pip install 'synthtab\[plot\]'"):
            draw()
    assert issubclass(MissingExtraError, ImportError)
