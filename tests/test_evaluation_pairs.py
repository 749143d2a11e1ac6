"""Broken pairs are drawn, without cells of few real rows; correlations have a sign."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from synthtab import evaluate, infer
from synthtab.evaluation import Report, prepare
from synthtab.evaluation.report import crossed, hours, svg
from synthtab.evaluation.report.columns import anchors

ROWS = 1_000


def table(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, ROWS)
    job = np.where(age > 60, "retired", rng.choice(["clerk", "nurse"], ROWS))
    pay = 1000 - 10 * age + rng.normal(0, 20, ROWS)
    taste = rng.choice(["sweet", "sour"], ROWS)
    choice = np.where(rng.random(ROWS) < 0.9, taste, "sweet")
    parts = {"age": age, "job": job, "pay": pay, "taste": taste, "choice": choice}
    return pd.DataFrame(parts)


@pytest.fixture(scope="module")
def report() -> Report:
    rows = table(1)
    rows["choice"] = np.random.default_rng(0).permutation(rows["choice"])
    # Rises where it fell.
    rows["pay"] = 1000 - (rows["pay"] - 1000)
    names = ["association_error", "rank_correlation_error"]
    return evaluate(table(0), rows, metrics=names)


def test_every_broken_pair_has_a_picture_and_its_verdict_a_link(report: Report) -> None:
    assert report.compared is not None
    pairs = {frozenset(pair) for pair, _ in crossed.broken(report, report.compared)}
    assert pairs >= {frozenset(("taste", "choice")), frozenset(("age", "pay"))}
    page = report.to_html()
    assert page.count('class="card panel pair"') == len(pairs)
    for pair, target in crossed.anchors(report).items():
        assert pair in pairs
        assert f'id="{target}"' in page and f'href="#{target}"' in page
    clean = evaluate(table(0), table(1), metrics=["association_error"]).to_html()
    assert 'id="pairs"' not in clean


def test_cells_by_hand_and_none_of_few_rows() -> None:
    real = pd.DataFrame({"a": ["x"] * 50 + ["y"] * 50, "b": ["p"] * 46 + ["q"] * 54})
    rows = pd.DataFrame({"a": ["x"] * 50 + ["y"] * 50, "b": ["p", "q"] * 50})
    across, up, one, other = crossed.two_way(prepare(real, rows), ("a", "b"))
    assert (across.labels, up.labels) == (["x", "y"], ["q", "p"])
    # Four rows are x and q.
    assert one.tolist() == [[0, 0.5], [0.46, 0]]
    assert other.tolist() == [[0.25, 0.25], [0.25, 0.25]]


def test_people_count_where_the_schema_names_them() -> None:
    """Six rows of one person are one person's, in a cell and at an hour."""
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta([3] * 6 + [12] * 94, unit="h")
    real = pd.DataFrame(
        {
            "who": ["a"] * 6 + [f"p{k}" for k in range(94)],
            "a": ["x"] * 6 + ["y"] * 94,
            "b": ["p"] * 6 + ["p", "q"] * 47,
            "at": at,
            "n": range(100),
        }
    )
    schema = infer(real, rare=0)

    def told(person: str | None) -> tuple[list[str], float, float]:
        """Words of a, the share of the rows in shown cells, and that at three o'clock."""
        tables = prepare(real, real, schema=replace(schema, person=person))
        across, _, cells, _ = crossed.two_way(tables, ("a", "b"))
        (by_hour,) = [
            one for _, part, one, _ in hours.shares(tables) if part == "time of day"
        ]
        return across.labels, float(cells.sum()), float(by_hour[3])

    assert told(None) == (["y", "x"], pytest.approx(1.0), 0.06)
    assert told("who") == (["y", "others"], pytest.approx(0.94), 0.0)


def test_bins_and_gaps_are_levels() -> None:
    real = table(0)
    real["pay"] = real["pay"].where(real["age"] < 60)
    tables = prepare(real, table(1))
    across, up, one, _ = crossed.two_way(tables, ("missing pay", "age"))
    # Of words, those with fewer levels stand at the left.
    assert (across.name, up.name) == ("age", "missing pay")
    assert up.labels == ["there", "missing"]
    assert one.sum() == pytest.approx(1.0, abs=0.02)
    assert one[1].sum() == pytest.approx(float(real["pay"].isna().mean()), abs=0.02)
    across, _, _, _ = crossed.two_way(tables, ("pay", "age"))
    assert across.labels[-1] == "missing"


def test_no_label_is_a_value_of_few_real_rows() -> None:
    real = table(0)
    real.loc[5, "pay"] = 987_654.25
    real.loc[6, "job"] = "astronaut"
    across, up, _, _ = crossed.two_way(prepare(real, table(1)), ("pay", "job"))
    assert "astronaut" not in up.labels
    numbers = [float(label.replace(",", "")) for label in across.labels if label]
    assert max(numbers) < 10_000


def test_correlations_have_a_sign(report: Report) -> None:
    page = report.to_html()
    row = re.search(
        r"<tr><td>(age · pay|pay · age)</td>.*?</tr>", page, flags=re.DOTALL
    )
    told = re.findall(
        r"[-+]0\.\d\d", re.sub("<[^>]+>", " ", page[page.index("rank corr") :])
    )
    assert any(text.startswith("-") for text in told)
    assert row is None or "now" in row[0]
    ties = page[page.index('id="ties"') :]
    ties = ties[: ties.index("<h2", 10)]
    assert "Spearman" in ties and ties.count('class="heatmap"') == 6
    picture = svg.heatmap([[1, -0.9], [0.9, 1]], ["a", "b"], signed=True)
    assert 'class="lost"' in picture and 'class="gained"' in picture


def test_names_at_a_map_are_told_apart_and_have_their_full_name() -> None:
    names = [f"arrival_date_{part}" for part in ("year", "month", "day_of_month")]
    picture = svg.heatmap(np.eye(3).tolist(), names)
    shown = re.findall(r"<title>([^<]+)</title>([^<]+)</text>", picture)
    assert [full for full, _ in shown] == names
    assert len({short for _, short in shown}) == 3
    assert anchors(None) == {}
