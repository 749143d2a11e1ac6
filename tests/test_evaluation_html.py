"""The page: whole, offline, safe with any name, the same figures as elsewhere, the same bytes for one seed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab.core.errors import DataError
from synthtab.core.randomness import Streams
from synthtab.evaluation import (
    METRICS,
    Metric,
    Outcome,
    Report,
    Tables,
    compare,
    evaluate,
    parse_bounds,
    prepare,
)
from synthtab.evaluation.metric import Reference, Score
from synthtab.evaluation.metrics.detection import roc_curve
from synthtab.evaluation.report import svg
from synthtab.evaluation.report.columns import distributions
from synthtab.evaluation.report.findings import Evidence, Verdict
from synthtab.evaluation.report.page import axis
from synthtab.evaluation.report.points import projected, squares
from synthtab.evaluation.report.section import Section
from synthtab.evaluation.report.study_chart import charts
from synthtab.evaluation.report.text import clean

HOSTILE = "<script>alert('x')</script>"
CELLS = [
    "</style><img src=x onerror=alert(1)>",
    '" onmouseover="alert(2)',
    "{{ 7 * 7 }}{% raw %}",
    "\u202eevil\x07 & co",
]
QUICK = [
    "shape_error",
    "association_error",
    "detection_auc",
    "exact_copies",
    "nearer_to_train",
]


def table(seed: int, rows: int = 300, columns: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    parts: dict[str, object] = {HOSTILE: rng.choice(CELLS, rows)}
    for k in range(columns):
        parts[f"number {k}"] = np.where(
            rng.random(rows) < 0.1, np.nan, x + rng.normal(size=rows)
        )
        parts[f"heap {k}"] = np.where(
            rng.random(rows) < 0.9, 0, rng.integers(1, 90, rows)
        )
        parts[f"category {k}"] = [f"word {int(w)}" for w in np.round(4 * np.abs(x))]
    days = pd.Timestamp("2020-02-01") + pd.to_timedelta(
        rng.integers(0, 800, rows), unit="D"
    )
    return pd.DataFrame(parts | {"day": days.astype(str)})


@pytest.fixture(scope="module")
def report() -> Report:
    return evaluate(table(0), table(1), holdout=table(2), metrics=QUICK)


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return report.to_html(names=(HOSTILE, "b.csv"))


class Reader(HTMLParser):
    """Checks that tags close in order; collects tags, attributes and text."""

    VOID = frozenset({"meta", "link", "br", "img", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_it_is_well_formed_and_asks_for_nothing(page: str) -> None:
    reader = Reader(page)
    names = {tag for tag, _ in reader.tags}
    assert not names & {"script", "iframe", "object", "embed", "img", "form", "base"}
    ids = {attributes["id"] for _, attributes in reader.tags if "id" in attributes}
    for tag, attributes in reader.tags:
        assert not [a for a in attributes if a.startswith("on")], (tag, attributes)
        for key in ("src", "href", "xlink:href", "action", "srcset"):
            link = attributes.get(key)
            assert (
                link is None
                or link == "data:,"
                or (link.startswith("#") and link[1:] in ids)
            ), link
    assert not re.search(r"url\(|@import|@font-face|https?:", page)
    assert "default-src 'none'" in page


def test_names_and_categories_are_text_and_nothing_else(page: str) -> None:
    reader = Reader(page)
    assert HOSTILE in "".join(reader.text)
    # A long one lacks its middle; its title has all of it.
    titles = {attributes.get("title") for _, attributes in reader.tags}
    for cell in CELLS[:3]:
        assert clean(cell) in titles
    assert "\ufffdevil\ufffd & co" in "".join(reader.text)
    assert all(c.isprintable() or c in "\n\N{NO-BREAK SPACE}" for c in page)
    page.encode()
    assert clean("\ud800") == "\ufffd"


def test_every_picture_is_sound(page: str) -> None:
    found = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(found) >= 9
    for picture in found:
        root = ET.fromstring(picture)
        assert len(root) > 0
        for path in root.iter("path"):
            assert re.fullmatch(r"[MLHVhvzZ0-9. -]+", path.attrib["d"])
    assert "nan" not in "".join(found)


def test_the_page_carries_the_figures_of_the_text(report: Report, page: str) -> None:
    text = "".join(Reader(page).text).replace("\N{NO-BREAK SPACE}", " ")
    for row in report.rows():
        assert row.title in text
        assert row.meaning in text
        assert row.value in text
        assert row.reference in text
    for verdict in report.verdicts:
        assert verdict.text in text
    assert text.index("Verdicts") < text.index("Scores") < text.index("Columns")
    assert report.summary() in text


def test_skipped_scores_say_why() -> None:
    page = evaluate(
        table(0), table(1), metrics=["utility", "nearer_to_train"]
    ).to_html()
    assert "not computed: no target given" in page
    assert "not computed: no holdout given" in page
    assert 'id="detector"' not in page


def test_no_style_cuts_the_end_of_a_name(page: str) -> None:
    """Columns that begin alike would look alike."""
    assert "text-overflow" not in page
    long = "arrival_date_" + "of_the_guest_" * 4
    frames = [
        table(seed).rename(columns={"number 0": f"{long}a", "heap 0": f"{long}b"})
        for seed in (0, 1)
    ]
    frames[1][f"{long}a"] += 3
    frames[1][f"{long}b"] += 3
    drawn = evaluate(*frames, metrics=["detection_auc"]).to_html()
    part = drawn[drawn.index('id="detector"') :]
    shown = re.findall(rf'<span title="({long}[ab])">([^<]+)</span>', part)
    assert {name for name, _ in shown} == {f"{long}a", f"{long}b"}
    assert len({text for _, text in shown}) == 2
    assert all(len(text) <= 48 for _, text in shown)


@pytest.mark.long
def test_one_seed_one_page_whatever_the_order(page: str) -> None:
    def mixed(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
        return frame.sample(frac=1, random_state=seed)[
            list(frame.columns)[::-1]
        ].reset_index(drop=True)

    again = evaluate(
        mixed(table(0), 1),
        mixed(table(1), 2),
        holdout=mixed(table(2), 3),
        metrics=QUICK,
    )
    assert again.to_html(names=(HOSTILE, "b.csv")) == page
    other = evaluate(table(0), table(1), holdout=table(2), metrics=QUICK, seed=1)
    assert other.to_html(names=(HOSTILE, "b.csv")) != page


def test_sixty_columns_are_folded_and_small() -> None:
    frames = [table(seed, 1_000, 20) for seed in (0, 1)]
    page = evaluate(*frames, metrics=["shape_error", "association_error"]).to_html()
    assert len(page.encode()) < 2_000_000
    assert "The other 50 columns" in page
    assert page.count('class="card column" id=') == 62
    assert (
        len(evaluate(*frames, metrics=["shape_error", "association_error"]).to_json())
        < 100_000
    )


def study(**changed: object) -> dict[str, Any]:
    """As `Study.to_dict` writes it: two learners, an arm with a hostile name, one without an interval."""
    arms = [
        ("real rows alone", "real", 0.8, 0.0, 0.0),
        (f"synthetic {HOSTILE}", "synthetic", 0.83, 0.01, 0.05),
        ("duplicates", "baseline", 0.79, -0.03, 0.01),
        ("SMOTENC", "baseline", 0.81, None, None),
        ("weights", "baseline", None, None, None),
    ]
    lines = [
        {
            "size": None,
            "learner": learner,
            "arm": arm,
            "kind": kind,
            "metric": metric,
            "real_rows": 1_200,
            "rows": 1_200,
            "score": score,
            "difference": 0.0,
            "low": low,
            "high": high,
            "repeats": 3,
        }
        for learner in ("linear", "trees")
        for arm, kind, score, low, high in arms
        for metric in ("auc", "other")
    ]
    best = {
        "arm": "synthetic x1",
        "score": 0.83,
        "difference": 0.03,
        "interval": [0.01, 0.05],
    }
    verdict = {
        "answer": "helps",
        "size": None,
        "learner": "trees",
        "best": best,
        "baseline": None,
        "why": "",
    }
    return {"metric": "auc", "verdicts": [verdict | changed], "comparisons": lines}


def test_the_augmentation_chart_is_there_where_its_data_is(
    report: Report, page: str
) -> None:
    assert 'id="augmentation"' not in page
    drawn = report.to_html(augmentation=study())
    text = "".join(Reader(drawn).text)
    assert (
        "Synthetic rows help. The best of them, synthetic x1: AUC +0.0300 (+0.0100 to +0.0500)."
        in text
    )
    assert f"synthetic {HOSTILE}" in text
    # The model of the verdict is open, the other one folded; each arm that has a score is there once for either.
    trees, linear = (
        text.index(f"{name}, learning from 1,200 real rows: AUC")
        for name in ("trees", "linear")
    )
    assert trees < text.index("The same for other models") < linear
    assert [text.count(name) for name in ("duplicates", "SMOTENC", "weights")] == [
        2,
        2,
        0,
    ]
    assert "+0.0300 (+0.0100 to +0.0500), more than chance" in text
    assert (
        text.count("more than chance") == 2
    )  # once for either model: the others reach 0, or have no interval
    # What was asked for stands before what did best.
    asked = {
        "arm": "synthetic x2",
        "score": 0.7,
        "difference": -0.1,
        "interval": [-0.12, -0.08],
    }
    said = report.to_html(augmentation=study(answer="hurts", asked=asked))
    assert "hurt. With synthetic x2: AUC -0.1000 (-0.1200 to -0.0800)." in said
    doubt = report.to_html(
        augmentation=study(answer="cannot say", why="the rows were learnt")
    )
    assert "cannot be said. The rows were learnt." in doubt


def test_the_chart_by_hand() -> None:
    trees, linear = charts(study())
    assert (trees["main"], linear["main"]) == (True, False)
    real, synthetic, duplicates, smote = trees["rows"]
    assert real["span"] is None
    assert duplicates["kind"] == "baseline" and smote["span"] is None
    low, high = (
        0.77 - 0.08 * 0.08,
        0.85 + 0.08 * 0.08,
    )  # the ends of all bands, and a margin
    for row, value in (
        (real, 0.8),
        (synthetic, 0.83),
        (duplicates, 0.79),
        (smote, 0.81),
    ):
        assert row["at"] == pytest.approx(100 * (value - low) / (high - low), abs=0.01)
    assert synthetic["span"] == pytest.approx(
        [100 * (v - low) / (high - low) for v in (0.81, 0.85)], abs=0.01
    )
    assert (synthetic["sure"], duplicates["sure"], smote["sure"]) == (
        True,
        False,
        False,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"metric": "auc"},
        {"metric": "auc", "verdicts": [], "comparisons": []},
        study(answer="perhaps"),
        study(size=3),
        study(learner="forest"),
        study(best=None),
        {"seed": 0, "scores": [], "verdicts": [{}]},
    ],
)
def test_what_is_no_study_is_refused(report: Report, wrong: dict[str, Any]) -> None:
    with pytest.raises(
        DataError,
        match=r"no augmentation study: write one with `Study\.to_json`",
    ):
        report.to_html(augmentation=wrong)


def test_a_report_without_tables_has_no_pictures(report: Report) -> None:
    page = Report(report.scores, report.tables, report.seed).to_html()
    assert "<svg" not in page
    assert report.rows()[0].value.replace(" %", "\N{NO-BREAK SPACE}%") in page.replace(
        " %", "\N{NO-BREAK SPACE}%"
    )
    assert Report(()).to_html()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"x": np.arange(60.0) % 7}),
        pd.DataFrame({"c": ["a", "b", "c"] * 20}),
        pd.DataFrame({"x": [1.5], "c": ["a"]}),
        pd.DataFrame({"x": [1e308, -1e308, np.inf, 0.0] * 15, "y": np.arange(60.0)}),
        pd.DataFrame({"x": [1.0, 2.0] + [np.nan] * 58, "y": np.arange(60.0) % 5}),
        pd.DataFrame(
            {"c": [f"w{i // 2}" for i in range(1200)], "d": ["", "q", "q"] * 400}
        ),
    ],
    ids=[
        "one number",
        "one category",
        "one row",
        "huge",
        "hardly any cell",
        "many categories",
    ],
)
def test_odd_tables_have_a_page(frame: pd.DataFrame) -> None:
    numeric = [c for c in frame.columns if frame[c].dtype.kind == "f"]
    other = frame.sample(frac=1, replace=True, random_state=0)
    page = evaluate(
        frame, other, numeric=numeric, metrics=["shape_error", "association_error"]
    ).to_html()
    Reader(page)
    assert "nan" not in "".join(re.findall(r"<svg.*?</svg>", page))


def test_pictures_by_hand() -> None:
    real = pd.DataFrame(
        {"n": [0.0, 0.0, 1.0, 3.0, np.nan] * 8, "c": ["a", "a", "b", None, "b"] * 8}
    )
    synthetic = pd.DataFrame(
        {"n": [0.0, 9.0, -5.0, 3.0, 3.0] * 8, "c": ["a", "z", "z", "z", None] * 8}
    )
    number, category = distributions(prepare(real, synthetic, numeric=["n"]))
    assert number["real"] == [0.4, 0.2, 0.0, 0.2]
    # Of few rows, what lies beyond counts for the outer bins.
    assert number["synthetic"] == [0.4, 0.0, 0.0, 0.6]
    assert number["beyond"] == {}
    assert number["missing"] == [0.2, 0.0]
    assert number["labels"] == ["0", "2", "3"]
    assert [(b["label"], b["real"], b["synthetic"]) for b in category["bars"]] == [
        ("z", 0.0, 0.6),
        ("a", 0.4, 0.2),
        ("b", 0.4, 0.0),
        ("missing", 0.2, 0.2),
    ]


def test_every_row_is_in_a_picture_and_dates_are_dates(report: Report) -> None:
    assert report.compared is not None
    columns = distributions(report.compared)
    for column in columns:
        if column["kind"] == "number":
            for k, side in enumerate(("real", "synthetic")):
                beyond = sum(pair[k] for pair in column["beyond"].values())
                counted = sum(column[side]) + column["missing"][k] + beyond
                assert counted == pytest.approx(1.0, abs=2e-3), column["name"]
        else:
            assert sum(b["real"] for b in column["bars"]) == pytest.approx(1.0)
    day = next(c for c in columns if c["name"] == "day")
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", label) for label in day["labels"])
    curve = roc_curve(report.compared, Streams(report.seed))
    assert curve is not None
    assert curve[0][0] == 0.0
    assert curve[-1] == [1.0, 1.0]
    area = (
        float(np.trapezoid([y for _, y in curve], [x for x, _ in curve]))
        if hasattr(np, "trapezoid")
        else None
    )
    assert area is None or area == pytest.approx(
        report.score("detection_auc").value, abs=0.01
    )
    points = projected(report.compared, Streams(report.seed))
    assert points is not None
    assert points["real"].shape == (len(report.compared.real), 2)


def test_no_row_is_drawn_alone() -> None:
    """Rows are counted in squares, and those of fewer than five are empty."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 2))
    # Four rows far from all others, and five at another place.
    rows[:4], rows[4:9] = [30.0, 0.0], [0.0, 30.0]
    points = {"real": rows, "synthetic": rng.normal(size=(400, 2)), "people": None}
    counted = squares(points)
    for table in counted.values():
        assert not ((table > 0) & (table < 5)).any()
    assert counted["real"][-1].sum() == 5
    assert counted["real"][:, -1].sum() == 0
    # All five are of one person.
    points["people"] = np.where(np.arange(400) < 9, 0, np.arange(400))
    assert squares(points)["real"][-1].sum() == 0


def test_the_page_has_no_points(report: Report) -> None:
    page = report.to_html()
    assert "no single row is shown" in page
    assert 'class="dots' not in page


def test_a_metric_with_its_picture_and_verdict_is_one_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing but the registry knows it: text, JSON, page, comparison and bounds do."""

    def measure(tables: Tables, streams: Streams) -> Outcome:
        value = float(tables.synthetic.numbers.shape[1])
        return Outcome(
            value, Reference(0.0, "nothing"), detail={"curve": [[0, 0], [1, 1]]}
        )

    def rule(evidence: Evidence) -> Iterator[Verdict]:
        score = evidence.get("toy")
        if score is not None:
            yield Verdict("bad", f"The toy is {score.value:.0f}", "toy")

    def picture(tables: Tables, streams: Streams, score: Score) -> Section:
        return Section(
            "toy", "Toy", "What the toy sees", svg.curve(score.detail["curve"])
        )

    toy = Metric(
        "toy",
        "A toy",
        "counts the columns of numbers",
        "detection",
        "lower",
        measure,
        rule=rule,
        picture=picture,
    )
    monkeypatch.setattr("synthtab.evaluation.METRICS", (*METRICS, toy))
    report = evaluate(table(0), table(1), metrics=["toy", "shape_error"])
    assert [v.text for v in report.verdicts if v.level == "bad"] == ["The toy is 3"]
    assert "counts the columns of numbers" in str(report)
    assert report.to_dict()["scores"][0]["value"] == 3.0
    page = report.to_html()
    Reader(page)
    assert '<a href="#toy">Toy</a>' in page
    heading = page.index('<h2 id="toy">What the toy sees</h2>')
    assert page.index('<h2 id="rows">') < heading < page.index('class="syn-area"')
    both = compare(
        table(0), {"one": table(1), "two": table(2)}, metrics=["toy", "shape_error"]
    )
    assert "A toy" in str(both) and "A toy" in both.to_html()
    (bound,) = parse_bounds("toy=2", (*METRICS, toy))
    assert bound.failure(report) is not None
    # one that was not computed draws nothing
    assert (
        'id="toy"'
        not in evaluate(table(0), table(1), metrics=["shape_error"]).to_html()
    )


@pytest.mark.parametrize(
    ("value", "reference", "bounds", "better", "unit", "ends"),
    [
        (4.9, 1.1, (0.0, 100.0), "lower", "%", (0.0, 10.0)),
        (0.0, 0.0, (0.0, 100.0), "lower", "%", (0.0, 1.0)),
        (0.97, 0.5, (0.0, 1.0), "lower", "", (0.0, 1.0)),
        (0.05, 0.0, (0.0, 1.0), "lower", "", (0.0, 0.1)),
        (-0.3, 0.9, (-np.inf, 1.0), "higher", "", (-0.3, 1.0)),
        (3.0, 2.0, (0.0, np.inf), "lower", "", (0.0, 5.0)),
    ],
)
def test_axes(value, reference, bounds, better, unit, ends) -> None:
    score = Score(
        "s",
        "S",
        "s",
        "fidelity",
        value,
        unit,
        better,
        bounds,
        Reference(reference, "r"),
    )
    low, high = axis(score)
    assert (low, high) == pytest.approx(ends, abs=1e-6)
    assert low <= min(value, reference)
    assert high >= max(value, reference)
