"""Bounds for pipelines, and several synthetic tables side by side."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from synthtab.core.errors import ConfigError, DataError
from synthtab.evaluation import METRICS, Report, Score, compare, evaluate, parse_bounds
from synthtab.evaluation.metric import Reference
from synthtab.evaluation.report.compare import best_marks

QUICK = [
    "shape_error",
    "trend_error",
    "detection_auc",
    "detection_score",
    "utility",
    "nearer_to_train",
]


def table(seed: int, rows: int = 250) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    return pd.DataFrame(
        {"x": x, "y": x + 0.5 * rng.normal(size=rows), "c": np.where(x > 0, "a", "b")}
    )


def bad(seed: int) -> pd.DataFrame:
    return (
        table(seed)
        .apply(np.random.default_rng(0).permutation)
        .assign(x=lambda f: f["x"] + 2)
    )


def score(
    value: float, better: str, reference: float | None = None, name: str = "shape_error"
) -> Score:
    beside = None if reference is None else Reference(reference, "r")
    status = "ok" if math.isfinite(value) else "skipped: no holdout given"
    return Score(
        name, "S", "s", "fidelity", value, "", better, (0, 1), beside, status=status
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("better", "value", "limit", "fails"),
    [
        ("lower", 2.0, 2.0, False),
        ("lower", 2.1, 2.0, True),
        ("higher", 0.8, 0.8, False),
        ("higher", 0.79, 0.8, True),
        ("ideal", 0.55, 0.06, False),
        ("ideal", 0.57, 0.06, True),
        ("ideal", 0.43, 0.06, True),
        ("lower", math.nan, 2.0, True),
    ],
)
def test_a_bound_follows_the_direction_of_its_metric(
    better: str, value: float, limit: float, fails: bool
) -> None:
    (bound,) = parse_bounds(f" shape_error = {limit} ", METRICS)
    failure = bound.failure(Report((score(value, better, 0.5),)))
    assert (failure is not None) == fails
    if failure is not None:
        assert "\n" not in failure
        assert failure.startswith(f"shape_error={limit:g}: ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shape_error",
        "=2",
        "shape_error=",
        "shape_error=2,",
        "shape_error=1e999",
        "x=1",
    ],
)
def test_malformed_bounds_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_bounds(text, METRICS)


def test_several_bounds_keep_their_order() -> None:
    bounds = parse_bounds("detection_score=0.8,shape_error=2", METRICS)
    assert [(b.name, b.limit) for b in bounds] == [
        ("detection_score", 0.8),
        ("shape_error", 2.0),
    ]


@pytest.mark.parametrize(
    ("better", "values", "best"),
    [
        ("lower", (2.0, 1.0, 3.0), (False, True, False)),
        ("higher", (2.0, 1.0, 3.0), (False, False, True)),
        ("ideal", (0.4, 0.55, 0.7), (False, True, False)),
        ("lower", (1.0, 1.0001, 3.0), (True, True, False)),
        ("lower", (1.0, 1.0, 1.0), (False, False, False)),
        ("lower", (math.nan, 1.0, 3.0), (False, True, False)),
        ("lower", (math.nan, 1.0, math.nan), (False, False, False)),
    ],
)
def test_the_best_is_marked(
    better: str, values: tuple[float, ...], best: tuple[bool, ...]
) -> None:
    assert best_marks([score(v, better, 0.5) for v in values]) == best


def test_below_half_a_detector_is_as_good_as_half() -> None:
    scores = [score(v, "lower", 0.5, "detection_auc") for v in (0.45, 0.5, 0.8)]
    assert best_marks(scores, chance=0.5) == (True, True, False)
    assert best_marks(scores) == (True, False, False)
    detectors = [m for m in METRICS if m.name.startswith("detection_auc")]
    assert [m.chance for m in detectors] == [0.5, 0.5]


@pytest.mark.parametrize(("better", "chance"), [("lower", 0.5), ("higher", 0.5)])
def test_chance_follows_the_direction_of_its_metric(better: str, chance: float) -> None:
    """Beyond a guess, in the direction that is better, nothing is gained."""
    values = (0.4, 0.45, 0.8) if better == "lower" else (0.6, 0.55, 0.2)
    scores = [score(v, better, chance) for v in values]
    assert best_marks(scores, chance) == (True, True, False)


@pytest.fixture(scope="module")
def compared():
    names = ["good", "bad", "a <b>generator</b> with a long name", "d", "e"]
    frames = [table(1), bad(1), table(3), table(4), bad(5)]
    return compare(
        table(0), dict(zip(names, frames, strict=True)), target="c", metrics=QUICK
    )


@pytest.mark.long
def test_each_table_has_the_report_that_evaluate_gives(compared) -> None:
    alone = evaluate(table(0), bad(1), target="c", metrics=QUICK)
    assert compared.reports["bad"].to_json() == alone.to_json()
    assert "bad" not in compared.best("shape_error")
    assert compared.best("nearer_to_train") == ()
    data = json.loads(compared.to_json(), parse_constant=pytest.fail)
    assert list(data["reports"]) == list(compared.reports)
    assert data["best"]["shape_error"] == list(compared.best("shape_error"))


def test_the_text_fits_80_columns_and_has_every_figure(compared) -> None:
    text = str(compared)
    assert max(map(len, text.splitlines())) <= 80
    for row in compared.rows():
        assert row.title in text
        assert row.skipped or all(value in text for value in row.values)
    assert text.count("Shape error") == 2  # five tables need two blocks
    assert "skipped: no holdout given" in text
    assert f"bad: {compared.reports['bad'].summary()}" in text
    flat = " ".join(text.split())
    for report in compared.reports.values():
        assert report.conclusion.use.text in flat
        assert report.conclusion.safety.text in flat


def test_tables_of_similar_names_are_told_apart() -> None:
    names = ["people-synthetic-first", "people-synthetic-second"]
    frames = {name: table(1) for name in names}
    text = str(compare(table(0), frames, metrics=["shape_error"]))
    head = next(line for line in text.splitlines() if "possible" in line)
    shown = head.split()[1:]
    assert len(set(shown)) == 2 and shown[1].endswith("second")


def test_the_page_has_every_figure_and_escapes(compared) -> None:
    page = compared.to_html()
    assert "<b>generator</b>" not in page
    assert "a &lt;b&gt;generator&lt;/b&gt; with a long name" in page
    for row in compared.rows():
        assert row.skipped or all(value in page for value in row.values)
    assert page.count("★") == sum(sum(row.best) for row in compared.rows())
    assert page == compared.to_html()
    assert page.count('<li class="sentence">') == 2 * len(compared.reports)


def test_progress_goes_from_0_to_1() -> None:
    heard = []
    compare(
        table(0),
        {"a": table(1), "b": table(2)},
        metrics=["shape_error"],
        observe=heard.append,
    )
    fractions = [p.fraction for p in heard if p.fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert {p.phase.split(":")[0] for p in heard} == {"a", "b"}


def test_what_cannot_be_compared_is_named() -> None:
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare(table(0), {})
    with pytest.raises(DataError, match=r"^b: the synthetic table"):
        compare(
            table(0), {"a": table(1), "b": table(1)[["x"]]}, metrics=["shape_error"]
        )


def test_every_table_is_checked_before_one_is_scored() -> None:
    phases: list[str] = []
    with pytest.raises(DataError, match=r"theirs: .* lacks 'y'"):
        compare(
            table(0),
            {"ours": table(1), "theirs": table(2).drop(columns="y")},
            metrics=["shape_error"],
            observe=lambda progress: phases.append(progress.phase),
        )
    assert not phases
