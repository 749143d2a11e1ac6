"""What notebooks show of a report, a study, a schema and a model: one screen, safe, alone."""

from __future__ import annotations

import html.parser
import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import Schema, Synthesizer, compare, evaluate, infer
from synthtab.augment import study
from synthtab.core import notebook

# A screen at 1,000 pixels: lines, and characters of each.
LINES = 40
WIDTH = 140
NASTY = '<script>alert("&")</script>\x1b[31m'


def wide(seed: int, columns: int = 30, rows: int = 300) -> pd.DataFrame:
    """Columns with names and words that are code, of another distribution each time."""
    rng = np.random.default_rng(seed)
    frame = {
        f"{NASTY}{j}": rng.normal(seed, 1 + seed, rows).round(2) for j in range(columns)
    }
    words = [f"<b>{NASTY}", "it's & co", "plain"]
    frame["word"] = rng.choice(words[seed:], rows)
    frame["class"] = rng.choice(["yes", "no"], rows)
    return pd.DataFrame(frame)


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    real = wide(0)
    few = real[[*real.columns[:3], "word", "class"]]
    others = wide(1)[list(few.columns)]
    metrics = ["shape_error", "range_coverage", "association_error", "exact_copies"]
    return {
        "report": evaluate(real, wide(1), metrics=metrics),
        "comparison": compare(
            real, {f"{NASTY}{i}": wide(i) for i in range(3)}, metrics=metrics
        ),
        "study": study(few, others, target="class", repeats=2, learners=["linear"]),
        "schema": infer(pd.concat([real.add_suffix(str(i)) for i in range(3)], axis=1)),
        "model": Synthesizer("quick", epochs=1, rounds=0, target="class").fit(few),
        "unfitted": Synthesizer(target=NASTY),
    }


NAMES = ("report", "comparison", "study", "schema", "model", "unfitted")


class Seen(html.parser.HTMLParser):
    """The lines of a block that are open, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.open: list[str] = []
        self.lines: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links |= {name for name, _ in attrs} - {"class"}
        self.open.append(tag)
        # What is folded is one line: its summary.
        hidden = "details" in self.open and tag != "summary"
        if tag in ("p", "tr", "summary") and not hidden:
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        hidden = "details" in self.open and "summary" not in self.open
        if self.lines and not hidden and "style" not in self.open:
            self.lines[-1] += f"{data} "


def seen(text: str) -> Seen:
    found = Seen()
    found.feed(text)
    assert not found.open
    return found


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_it_is_one_screen_and_loads_nothing(results: dict[str, Any], name: str) -> None:
    text = results[name]._repr_html_()
    found = seen(text)
    height = sum(math.ceil(len(line) / WIDTH) for line in found.lines)
    assert height <= LINES, found.lines
    assert not found.tags & {"script", "link", "img", "iframe", "a"}
    assert not found.links, "neither addresses nor handlers"
    assert "url(" not in text and "@import" not in text


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_names_and_cells_are_seen_and_not_run(
    results: dict[str, Any], name: str
) -> None:
    text = results[name]._repr_html_()
    assert "<script" not in text and "\x1b" not in text
    if name != "model":  # it names kinds, not columns
        assert "&lt;script" in text or name == "study"


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_repr_is_one_line(results: dict[str, Any], name: str) -> None:
    text = repr(results[name])
    assert "\n" not in text and len(text) <= 250


@pytest.mark.long
def test_repr_says_what_matters_most(results: dict[str, Any]) -> None:
    report = results["report"]
    assert repr(report).startswith(f"<Report: {report.summary()}; ")
    assert results["study"].verdict.answer in repr(results["study"])
    assert re.fullmatch(
        r"<Synthesizer\(.*\) of 300 rows, 5 columns, held-out score 0\.\d+>",
        repr(results["model"]),
    )


@pytest.mark.long
def test_a_report_shows_the_conclusion_and_the_worst(results: dict[str, Any]) -> None:
    report = results["report"]
    lines = seen(report._repr_html_()).lines
    assert any(report.conclusion.use.text[:60] in line for line in lines)
    worst = report.conclusion.worst[0].text[:20]
    assert any(worst in line for line in lines)
    shape = report.score("shape_error")
    (line,) = (line for line in lines if line.startswith(shape.title))
    assert f"{shape.value:.2f} %" in line and "a perfect sampler" in line


def test_a_schema_is_read_in_text_too() -> None:
    schema = infer(pd.DataFrame({"x": np.arange(30.0) / 4, "w": ["a", "b"] * 15}))
    assert repr(schema) == "<Schema: 2 columns (1 float, 1 category)>"
    first, *lines = str(schema).splitlines()
    assert first == repr(schema)
    assert [line.split()[:2] for line in lines] == [["x", "float"], ["w", "category"]]


def test_constraints_of_a_schema_are_counted() -> None:
    frame = pd.DataFrame({"a": np.arange(30), "b": np.arange(30) + 5})
    schema = Schema.from_json(
        infer(frame).to_json()
        | {"constraints": [{"form": "inequality", "columns": ["a", "b"]}]}
    )
    assert "0 of 1 constraints enforced" in repr(schema)
    assert "offered" in schema._repr_html_()


def test_a_table_says_how_many_rows_it_leaves_out() -> None:
    rows = [(f"r{i}", i) for i in range(1200)]
    text = notebook.table(rows, ("name", "number"), numbers=[1], most=3)
    assert text.count("<tr>") == 4 and "and 1,197 more" in text
    assert "more" not in notebook.table(rows[:3], most=3)


def test_long_text_is_cut_before_it_is_escaped() -> None:
    text = notebook.escaped("&" * 500, most=10)
    assert text == "&amp;" * 9 + "…"
    # What is HTML already stays.
    assert notebook.escaped(notebook.badge("bad")) == notebook.badge("bad")


@pytest.mark.parametrize("colour", notebook.LEVEL_COLOURS.values())
def test_badges_can_be_read_in_light_and_dark(colour: str) -> None:
    """White on the badge: WCAG's 4.5; the badge on white and on black: 3 and 2."""

    def luminance(hexadecimal: str) -> float:
        parts = [int(hexadecimal[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    level = luminance(colour)
    assert 1.05 / (level + 0.05) >= 4.5
    assert (level + 0.05) / 0.05 >= 2
