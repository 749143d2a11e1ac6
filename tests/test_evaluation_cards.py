"""The card of a column: its own finding, its figures, its tails, its hours; no rare value."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from synthtab import evaluate
from synthtab.evaluation import Report, prepare
from synthtab.evaluation.naming import tellable_beside
from synthtab.evaluation.report import hours, svg
from synthtab.evaluation.report.columns import distributions
from synthtab.evaluation.report.figures import figures
from synthtab.evaluation.report.text import figure, short_names, shorten

ROWS = 800
FAR = 987_654.25


def table(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=ROWS)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(
        rng.integers(0, 90, ROWS) * 24 + rng.integers(8, 18, ROWS), unit="h"
    )
    return pd.DataFrame(
        {
            "pay": (1000 + 100 * base + rng.normal(0, 5, ROWS)).round(2),
            "age": (40 + 10 * base + rng.normal(0, 1, ROWS)).round(),
            "visits": rng.integers(0, 9, ROWS),
            "at": at,
        }
    )


def card(page: str, name: str) -> str:
    found = re.search(
        rf'<article class="card column"[^>]*>\s*<header><h3 title="{name}">.*?</article>',
        page,
        flags=re.DOTALL,
    )
    assert found is not None
    return found[0]


@pytest.fixture(scope="module")
def report() -> Report:
    rows = table(1)
    rows["visits"] = rows["visits"] + 0.25
    # The pair breaks; `pay` and `age` themselves are as they should be.
    rows["age"] = np.random.default_rng(2).permutation(rows["age"])
    rows["at"] = rows["at"].dt.normalize()
    names = ["association_error", "shape_error", "off_grid", "timestamp_error"]
    return evaluate(table(0), rows, metrics=names)


def test_a_card_wears_its_own_finding_and_not_that_of_a_pair(report: Report) -> None:
    page = report.to_html()
    about_pair = next(v for v in report.verdicts if v.rule == "pair")
    assert set(about_pair.columns) == {"pay", "age"} and not about_pair.own
    for name in ("pay", "age"):
        assert 'class="chip' not in card(page, name)
    for verdict in report.verdicts:
        for name, text in verdict.own.items():
            of_column = card(page, name).replace("\N{NO-BREAK SPACE}", " ")
            assert text.replace("'", "&#39;") in of_column
    assert 'class="chip bad"' in card(page, "visits")
    assert "whole numbers" in card(page, "visits")


def test_many_columns_of_one_sentence_each_have_their_own() -> None:
    rng = np.random.default_rng(0)
    real = pd.DataFrame({f"n{k}": rng.integers(0, 9, 300) for k in range(6)})
    report = evaluate(real, real + 0.5, metrics=["off_grid"])
    (verdict,) = report.verdicts
    assert set(verdict.own) == set(real.columns)
    page = report.to_html()
    for name in real.columns:
        assert f"The real &#39;{name}&#39; values are whole" in card(page, name)
    assert "own" not in report.to_dict()["verdicts"][0]


def test_figures_by_hand() -> None:
    real = pd.DataFrame({"n": [*range(10)] * 10 + [np.nan] * 25})
    other = pd.DataFrame({"n": [2.0] * 90 + [4.0] * 10 + [np.nan] * 25})
    told = figures(prepare(real, other, numeric=["n"]), 0)
    lines = {line.title: (line.real, line.synthetic) for line in told}
    assert lines == {
        "mean": ("4.5", "2.2"),
        "deviation": ("2.872", "0.6"),
        "least": ("0", "2"),
        "5 %": ("0", "2"),
        "50 %": ("4", "2"),
        "95 %": ("9", "4"),
        "greatest": ("9", "4"),
        "distinct": ("10", "2"),
        "missing": ("20.0 %", "20.0 %"),
    }


def test_figures_of_dates_are_dates_and_days() -> None:
    frame = table(0)
    tables = prepare(frame, table(1))
    told = {f.title: f.real for f in figures(tables, tables.numeric.index("at"))}
    assert all(told[name].startswith("2024-") for name in ("mean", "least", "50 %"))
    assert re.fullmatch(r"[0-9.]+ days", told["deviation"])


def test_no_value_that_few_real_rows_have_is_told() -> None:
    """Not of the real table, nor of one that copied it, once or often."""
    real = table(0)
    real.loc[3, "pay"] = FAR
    rows = table(1)
    rows.loc[:9, "pay"] = FAR
    tables = prepare(real, rows)
    told = figures(tables, tables.numeric.index("pay"))
    ends = next(line for line in told if line.title == "greatest")
    for text in (ends.real, ends.synthetic):
        assert float(text.replace(",", "")) < 10_000
    page = evaluate(real, rows, metrics=["shape_error"]).to_html()
    for text in ("987654", "987,654"):
        assert text not in page
    # One that no real row has tells of none, and is told.
    new = tellable_beside(
        np.array([FAR] * 9 + [1000.0] * 9), table(0)["pay"].to_numpy()
    )
    assert new[-1] > 10_000
    assert len(tellable_beside(np.array([1.0] * 9), np.array([1.0, 2.0]))) == 0


def test_a_median_is_no_row_of_the_real_table() -> None:
    real = table(0).head(799)
    rows = table(1)
    rows["pay"] += 200
    found = evaluate(real, rows, metrics=["level_error"])
    told = found.score("level_error").detail["figures"]["pay"]["real"]["median"]
    median = real["pay"].median()
    assert median in set(real["pay"])
    assert told == pytest.approx(median, rel=0.01) and told != median
    assert str(median) not in found.to_json()


def test_a_tail_has_its_bar_and_can_be_seen() -> None:
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"x": rng.uniform(0, 1, 1_000)})
    rows = real.copy()
    rows.loc[:19, "x"] += 7
    (column,) = distributions(prepare(real, rows))
    assert column["beyond"]["above"] == pytest.approx((0.0, 0.02), abs=5e-3)
    page = evaluate(real, rows, metrics=["shape_error"]).to_html()
    text = card(page, "x").replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"Above 0\.99\d+: 0\.0 % real, 2\.\d % synthetic", text)
    # A share of 1 % of the highest is a tenth of its height.
    picture, _ = svg.histogram([0.81, 0.0081], [0.81, 0.0081])
    (area,) = re.findall(r'real-area" d="([^"]+)"', picture)
    tall, low = (96 - float(y) for y in re.findall(r"V([0-9.]+)H", area))
    assert low / tall == pytest.approx(0.1, abs=0.01)


def test_timestamps_have_bars_of_weekdays_and_hours(report: Report) -> None:
    assert report.compared is not None
    found = {
        part: (one, other) for _, part, one, other in hours.shares(report.compared)
    }
    assert set(found) == {"weekday", "time of day"}
    real, synthetic = found["time of day"]
    assert real[8:18].sum() == pytest.approx(1.0) and synthetic[0] == 1.0
    of_card = card(report.to_html(), "at")
    assert of_card.count('class="bars"') == 2
    assert all(f"<span>{day}</span>" in of_card for day in ("Mo", "Su", "18:00"))
    # Four rows at night are not told.
    real_rows = table(0)
    real_rows.loc[:3, "at"] = real_rows.loc[:3, "at"].dt.normalize()
    told = hours.shares(prepare(real_rows, table(1)))
    (one,) = [one for _, part, one, _ in told if part == "time of day"]
    assert one[0] == 0 and one.sum() < 1


def test_names_that_begin_alike_are_told_apart() -> None:
    names = [
        "arrival_date_year",
        "arrival_date_month",
        "arrival_date_week_number",
        "arrival_date_day_of_month",
    ]
    for width in (10, 14, 17):
        short = short_names(names, width)
        assert len(set(short)) == 4 and max(map(len, short)) <= width
    assert short_names(["a" * 30 + "x" + "b" * 30, "a" * 30 + "y" + "b" * 30], 12)
    assert (
        len(set(short_names([f"{'a' * 40}{k}{'b' * 40}" for k in range(20)], 12))) == 20
    )
    assert short_names(["ab", "cd"], 14) == ["ab", "cd"]
    assert shorten("arrival_date_month", 14) == "arriv…te_month"


def test_huge_figures_do_not_fill_a_line() -> None:
    assert figure(3.45e29, "") == "3.45e+29" and figure(-2.5e8, "%") == "-2.5e+08 %"
    assert figure(123_456.5, "%") == "123456.50 %"
    real = table(0)[["pay", "age"]]
    rows = table(1)[["pay", "age"]]
    rows["pay"] *= 1e20
    text = str(evaluate(real, rows, metrics=["level_error", "shape_error"]))
    assert max(map(len, re.findall(r"[0-9]+", text))) < 12
