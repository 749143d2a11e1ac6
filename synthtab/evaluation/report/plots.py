"""Figures of matplotlib, an extra: a column, a pair of columns, an augmentation study.

Columns are binned as on the page (`columns.distributions`), so no value that too few real
rows have is named; of pairs, no cell is drawn that fewer real rows than that are in.
matplotlib's global state is left alone: a figure is shown by the notebook, or saved.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from synthtab.core.errors import ConfigError, MissingExtraError, hint
from synthtab.core.shown import shown
from synthtab.data.columns.disclosure import people_of_values
from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.naming import may_be_named
from synthtab.evaluation.report import columns
from synthtab.evaluation.report.figures import is_whole, labels
from synthtab.evaluation.report.study_chart import charts
from synthtab.evaluation.report.text import percent
from synthtab.evaluation.views import Tables, View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REAL = "#3a6ea5"
SYNTHETIC = "#e0701b"
# Inches.
WIDTH = 7.0
HEIGHT = 3.2
# Bins of a number, and categories, beside each other in the picture of a pair.
PAIR_BINS = 12
PAIR_CATEGORIES = 8
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


@dataclass(frozen=True)
class _Levels:
    """A column cut into few levels: what they are called, and the one of each row."""

    labels: list[str]
    of_real: Integers
    of_synthetic: Integers


def _levels(tables: Tables, name: str) -> _Levels:
    if name in tables.numeric:
        return _bins(tables, name)
    j = tables.categorical.index(name)
    words = tables.categories[j]
    counts = np.bincount(tables.real.codes[:, j], minlength=len(words) + 1)[:-1]
    order = np.argsort(-counts, kind="stable")
    kept = order[tables.nameable(j)[order]][:PAIR_CATEGORIES]
    # The code behind the last word stands for a missing cell.
    level_of_code = np.full(len(words) + 1, len(kept))
    level_of_code[kept] = np.arange(len(kept))
    level_of_code[-1] = len(kept) + 1
    shown_words = [*(words[code] for code in kept), "others", "missing"]

    def of(view: View) -> Integers:
        return level_of_code[view.codes[:, j]]

    return _Levels(shown_words, of(tables.real), of(tables.synthetic))


def _bins(tables: Tables, name: str) -> _Levels:
    """Equal bins between numbers that may be told; what lies beyond is in the outer ones."""
    j = tables.numeric.index(name)
    told = tables.tellable(j)
    ends = np.quantile(told, [columns.TAIL, 1 - columns.TAIL]) if len(told) else [0, 1]
    low, high = (float(end) for end in ends)
    edges = np.linspace(low, high if high > low else low + 1.0, PAIR_BINS + 1)
    if is_whole(tables.real.numbers[:, j]):
        # Bins of as many whole numbers each.
        low, high = np.rint([low, high])
        width = max(1.0, np.ceil((high - low + 1) / PAIR_BINS))
        edges = low - 0.5 + width * np.arange(int((high - low) // width) + 2)
    count = len(edges) - 1
    middles: Floats = (edges[:-1] + edges[1:]) / 2
    words = [*labels(tables, name, middles), "missing"]

    def of(view: View) -> Integers:
        cells = view.numbers[:, j]
        bins = np.clip(np.searchsorted(edges, cells, side="right") - 1, 0, count - 1)
        return np.where(np.isnan(cells), count, bins)

    return _Levels(words, of(tables.real), of(tables.synthetic))


def _pair(tables: Tables, first: str, second: str) -> Figure:
    """Shares of the rows in the cells of two columns, in each table."""
    figure = new_figure(2 * HEIGHT + 2, HEIGHT + 1)
    across = _levels(tables, first)
    along = _levels(tables, second)
    shape = (len(along.labels), len(across.labels))
    cells = shape[0] * shape[1]
    here = along.of_real * shape[1] + across.of_real
    there = along.of_synthetic * shape[1] + across.of_synthetic
    real = np.bincount(here, minlength=cells)
    synthetic = np.bincount(there, minlength=cells)
    # Of what few real rows have nothing is shown, in neither table.
    holders = people_of_values(here.astype(np.int64), cells, tables.real.people)
    hidden = ~may_be_named(holders)
    shares = [
        np.ma.masked_where(
            (hidden | (counts == 0)).reshape(shape),
            (counts / max(counts.sum(), 1)).reshape(shape),
        )
        for counts in (real, synthetic)
    ]
    largest = max(float(share.max()) if share.count() else 0.0 for share in shares)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, share, title in zip(panels, shares, ("real", "synthetic"), strict=True):
        image = axes.imshow(
            share, origin="lower", aspect="auto", cmap="viridis", vmin=0, vmax=largest
        )
        axes.set_title(title)
        axes.set_xlabel(_name(first))
        axes.set_xticks(range(shape[1]), map(_name, across.labels), rotation=90)
    panels[0].set_ylabel(_name(second))
    panels[0].set_yticks(range(shape[0]), map(_name, along.labels))
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
