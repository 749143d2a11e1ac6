"""Figures of matplotlib, an extra: a column, a pair of columns, an augmentation study.

Columns and pairs are cut as on the page (`columns.distributions`, `crossed.two_way`), so
nothing is drawn that too few real rows have.
matplotlib's global state is left alone: a figure is shown by the notebook, or saved.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from synthtab.core.errors import ConfigError, MissingExtraError, hint
from synthtab.core.shown import shown
from synthtab.evaluation.report import columns
from synthtab.evaluation.report.crossed import two_way
from synthtab.evaluation.report.study_chart import charts
from synthtab.evaluation.report.text import percent
from synthtab.evaluation.views import Tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REAL = "#3a6ea5"
SYNTHETIC = "#e0701b"
# Inches.
WIDTH = 7.0
HEIGHT = 3.2
NAME_LENGTH = 40


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, which shows itself in a notebook.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("plots need matplotlib: pip install 'synthtab[plot]'")
    from matplotlib.figure import Figure

    class Shown(Figure):
        """A figure that a notebook shows without pyplot."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=100)
            return buffer.getvalue()

    return Shown(figsize=(width, height), layout="constrained")


def of_columns(tables: Tables | None, names: tuple[str, ...]) -> Figure:
    """One column in both tables, or two of them against each other.

    Raises:
        ConfigError: There is no such column, or it is not compared; or the report has no
            tables.
        MissingExtraError: matplotlib is not installed.
    """
    if tables is None:
        raise ConfigError("the report has no tables to draw: evaluate them again")
    if len(names) not in (1, 2) or len(set(names)) < len(names):
        raise ConfigError("plot takes the name of one column, or two different ones")
    for name in names:
        if name in tables.skipped:
            why = tables.skipped[name]
            raise ConfigError(f"column {name!r} is not compared: {why}")
        if name not in tables.names:
            near = hint(name, tables.names, "the columns are")
            raise ConfigError(f"the report has no column {name!r}{near}")
    if len(names) == 1:
        return _column(tables, names[0])
    return _pair(tables, *names)


def _column(tables: Tables, name: str) -> Figure:
    """The shares of bins or categories, the real ones beside the synthetic ones."""
    figure = new_figure(WIDTH, HEIGHT)
    axes = figure.subplots()
    (column,) = (one for one in columns.distributions(tables) if one["name"] == name)
    if column["kind"] == "number":
        count = len(column["real"])
        places = np.arange(count)
        axes.bar(places, column["real"], 1.0, color=REAL, alpha=0.45, label="real")
        axes.step(
            np.arange(count + 1) - 0.5,
            [*column["synthetic"], column["synthetic"][-1]],
            where="post",
            color=SYNTHETIC,
            label="synthetic",
        )
        axes.set_xticks([-0.5, (count - 1) / 2, count - 0.5], column["labels"])
        # What no bin holds is told below them: real and synthetic rows.
        outside = dict(column["beyond"])
        if any(column["missing"]):
            outside["missing"] = column["missing"]
        notes = [
            f"{what}: {percent(real)} of the real, {percent(synthetic)} of the synthetic"
            for what, (real, synthetic) in outside.items()
        ]
        axes.set_xlabel("\n".join(notes))
        axes.set_ylabel("share of the rows")
    else:
        bars = column["bars"]
        places = np.arange(len(bars))
        axes.barh(
            places - 0.2, [bar["real"] for bar in bars], 0.4, color=REAL, label="real"
        )
        shares = [bar["synthetic"] for bar in bars]
        axes.barh(places + 0.2, shares, 0.4, color=SYNTHETIC, label="synthetic")
        axes.set_yticks(places, [_name(bar["label"]) for bar in bars])
        axes.invert_yaxis()
        axes.set_xlabel("share of the rows")
    axes.set_title(_name(name))
    axes.legend(frameon=False)
    return figure


def _pair(tables: Tables, first: str, second: str) -> Figure:
    """Shares of the rows in the cells of two columns, in each table."""
    figure = new_figure(2 * HEIGHT + 2, HEIGHT + 1)
    across, up, *shares = two_way(tables, (first, second))
    # White where nothing is, or nothing may be told.
    drawn = [np.ma.masked_equal(share, 0.0) for share in shares]
    largest = max(float(share.max()) for share in shares)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, share, title in zip(panels, drawn, ("real", "synthetic"), strict=True):
        image = axes.imshow(
            share, origin="lower", aspect="auto", cmap="viridis", vmin=0, vmax=largest
        )
        axes.set_title(title)
        axes.set_xlabel(_name(across.name))
        axes.set_xticks(
            range(len(across.labels)), map(_name, across.labels), rotation=90
        )
    panels[0].set_ylabel(_name(up.name))
    panels[0].set_yticks(range(len(up.labels)), map(_name, up.labels))
    figure.colorbar(image, ax=panels, label="share of the rows")
    return figure


def of_study(study: Mapping[str, Any]) -> Figure:
    """Scores of the arms, with the intervals of their differences from real rows alone.

    Args:
        study: What `synthtab.augment.Study.to_dict` gives.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    main = [chart for chart in charts(study) if chart["main"]]
    rows = max(len(chart["rows"]) for chart in main)
    figure = new_figure(WIDTH, (0.8 + 0.3 * rows) * len(main))
    panels = figure.subplots(len(main), 1, squeeze=False)[:, 0]
    for axes, chart in zip(panels, main, strict=True):
        for place, row in enumerate(chart["rows"]):
            colour = SYNTHETIC if row["kind"] == "synthetic" else REAL
            value = float(row["difference"] or 0.0)
            if row["interval"]:
                low, high = map(float, row["interval"])
                axes.plot([low, high], [place, place], color=colour, lw=4, alpha=0.35)
            axes.plot([value], [place], "o", color=colour)
        axes.axvline(0.0, color="0.5", lw=1)
        axes.set_yticks(
            range(len(chart["rows"])), [_name(row["label"]) for row in chart["rows"]]
        )
        axes.invert_yaxis()
        axes.set_title(_name(chart["heading"], 80))
        axes.set_xlabel(f"{chart['measure']}: difference from real rows alone")
    return figure


def _name(text: object, most: int = NAME_LENGTH) -> str:
    """Text as a figure may show it: a dollar sign begins no formula."""
    name = shown(str(text)).replace("\n", " ").replace("$", r"\$")
    return name if len(name) <= most else f"{name[: most - 1]}…"
