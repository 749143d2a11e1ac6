from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from synthtab.core.errors import ConfigError
from synthtab.core.progress import Progress
from synthtab.evaluation import METRICS, evaluate


def frame(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = 200
    return pd.DataFrame(
        {
            "a very long column name, as surveys have them, with a question in it": rng.normal(
                size=rows
            ),
            "c": rng.choice(["a", "b"], rows),
            "id": [f"P{seed}{i:05d}" for i in range(rows)],
        }
    )


@pytest.mark.long
def test_the_text_fits_80_columns_and_has_every_score() -> None:
    report = evaluate(frame(0), frame(1), target="c")
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= 80
    # Titles of scores without a line of their own may be broken over two.
    text = " ".join(str(report).split())
    for metric in METRICS:
        assert metric.title in text, metric.name
        alone = not metric.like or not report.score(metric.like).ok
        assert sum(line.startswith(f"  {metric.title:<32}") for line in lines) == (
            alone
        ), metric.name
    assert any("left out: id (identifier)" in line for line in lines)
    assert "skipped  no holdout given" in str(report)
    assert not any(line != line.rstrip() for line in lines)


@pytest.mark.long
def test_one_question_has_one_headline() -> None:
    """Ties between columns are told once, by the score that verdicts and pictures rest on; but never not at all."""
    same = {m.name: m.like for m in METRICS if m.like}
    assert same == {
        "shape_of_present": "shape_error",
        "level_error": "shape_error",
        "share_error": "shape_error",
        "group_error": "trend_error",
        "timestamp_error": "shape_error",
        "rank_correlation_error": "trend_error",
        "curve_error": "trend_error",
        "stray_rows": "rank_correlation_error",
        "digit_error": "heap_error",
        "mutual_information_error": "association_error",
        "interaction_error": "triples_error",
        "detection_score": "detection_auc",
        "other_spellings": "category_coverage",
    }
    for name in ("level_error", "mutual_information_error", "detection_score"):
        like = same[name]
        both, alone = (
            evaluate(frame(0), frame(1), metrics=names)
            for names in ([name, like], [name])
        )
        title = both.score(name).title
        assert f"\n  {title:<32}" not in str(both) and f"\n  {title:<32}" in str(alone)
        page = both.to_html()
        assert page.index(
            "<summary>1 more that answers a question from above"
        ) < page.index(f"<b>{title}</b>")
        assert (
            "<summary>1 more" not in alone.to_html()
            and f"<b>{title}</b>" in alone.to_html()
        )
        assert [s["name"] for s in both.to_dict()["scores"]] == [name, like]
    number = pd.DataFrame(
        {"x": np.arange(60.0)}
    )  # no pair: the headline has no value, and hides nothing
    assert f"\n  {'Mutual information error':<32}" in str(evaluate(number, number))


def test_rows_and_headings_are_ready_to_print() -> None:
    report = evaluate(frame(0), frame(1))
    rows = report.rows()
    assert [row.title for row in rows] == [metric.title for metric in METRICS]
    assert {row.family for row in rows} == set(report.headings())
    shape = rows[0]
    assert shape.value.endswith(" %")
    assert shape.label == "a perfect sampler"


def test_json_is_strict_and_complete() -> None:
    report = evaluate(frame(0), frame(1))
    data = json.loads(report.to_json(), parse_constant=pytest.fail)
    assert [s["name"] for s in data["scores"]] == [m.name for m in METRICS]
    assert data["tables"]["rows"] == {"real": 200, "synthetic": 200}
    utility = next(s for s in data["scores"] if s["name"] == "utility")
    assert utility["value"] is None
    assert utility["status"] == "skipped: no target given"
    assert utility["bounds"] == [None, 1.0]


def test_a_score_is_found_by_its_name() -> None:
    report = evaluate(frame(0), frame(1), metrics=["trend_error", "shape_error"])
    assert [s.name for s in report.scores] == ["trend_error", "shape_error"]
    assert report.score("shape_error").family == "fidelity"
    with pytest.raises(
        ConfigError, match="no score 'utility'; it has trend_error, shape_error"
    ):
        report.score("utility")
    with pytest.raises(ConfigError, match="no metric 'overall'"):
        evaluate(frame(0), frame(1), metrics=["overall"])


def test_whoever_watches_hears_of_every_metric() -> None:
    heard: list[Progress] = []
    evaluate(
        frame(0),
        frame(1),
        observe=heard.append,
        metrics=["shape_error", "exact_copies"],
    )
    assert [p.phase for p in heard] == [
        "prepare tables",
        "Shape error",
        "Exact copies",
        "done",
    ]
    fractions = [p.fraction for p in heard if p.fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


@pytest.mark.long
def test_evaluation_needs_no_torch() -> None:
    code = "import sys, synthtab.evaluation; assert not any(m.split('.')[0] == 'torch' for m in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
