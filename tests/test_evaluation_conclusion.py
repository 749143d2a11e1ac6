"""The conclusion says what the verdicts say, and nothing else."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from synthtab import evaluate
from synthtab.evaluation import METRICS, Report, Verdict
from synthtab.evaluation.report.conclusion import (
    LEAKS,
    TOGETHER,
    Conclusion,
    concluded,
)
from synthtab.evaluation.report.verdicts import FAMILY_OF_RULE, RULES

GOOD = (
    Verdict("good", "No copy", "copies", family="copying"),
    Verdict("good", "No near copy", "near copies", family="copying"),
    Verdict("good", "Nothing gained", "membership_auc", family="privacy"),
    Verdict("good", "Every column", "shape"),
    Verdict("good", "Every pair", "ties"),
    Verdict("good", "No detector", "detector", family="detection"),
    Verdict("good", "A model", "usefulness", family="utility"),
)


def without(*rules: str) -> list[Verdict]:
    return [verdict for verdict in GOOD if verdict.rule not in rules]


def people(seed: int, rows: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    pay = (900 + 25 * age + rng.normal(0, 120, rows)).round(2)
    town = rng.choice(["north", "south", "east"], rows)
    return pd.DataFrame({"age": age, "pay": pay, "town": town})


def test_good_everywhere_is_usable_and_no_guarantee() -> None:
    found = concluded(GOOD, "income")
    assert (found.use.level, found.safety.level, found.worst) == ("good", "good", ())
    assert found.use.text == (
        "Usable for statistics of single columns, questions about several columns at "
        "once and training a model to predict 'income'"
    )
    assert "No leak was found, which is no guarantee" in found.safety.text
    assert "who was in the training table" in found.safety.text


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("shape", "not judged for statistics of single columns"),
        ("ties", "not judged for questions about several columns at once"),
        ("detector", "not judged for questions about several columns at once"),
        ("usefulness", "not judged for training a model"),
    ],
)
def test_a_use_needs_its_own_evidence(lacking: str, said: str) -> None:
    assert said in concluded(without(lacking)).use.text


@pytest.mark.parametrize("lacking", ["copies", "near copies", "membership_auc"])
def test_safety_needs_its_own_evidence(lacking: str) -> None:
    safety = concluded(without(lacking)).safety
    assert safety.level == "unknown" and "was not judged" in safety.text


def test_nothing_known_is_unknown() -> None:
    found = concluded(())
    assert (found.use.level, found.safety.level) == ("unknown", "unknown")
    assert found.use.text.startswith("Not judged for statistics of single columns")


@pytest.mark.parametrize("level", ["bad", "fair"])
@pytest.mark.parametrize("rule", sorted(LEAKS))
def test_a_leak_is_told_by_its_name(level: str, rule: str) -> None:
    leak = Verdict(level, "It leaks", rule, family="privacy")  # type: ignore[arg-type]
    safety = concluded([leak, *without(rule)]).safety
    assert safety.level == level and LEAKS[rule] in safety.text
    assert safety.text.startswith("Not safe" if level == "bad" else "Perhaps not safe")


def test_a_rule_that_nobody_knows_is_told_in_its_own_words() -> None:
    odd = Verdict("bad", "Names shine through", "shine", family="privacy")
    assert "Names shine through" in concluded([odd, *GOOD]).safety.text
    # A holdout that was mended is no leak.
    mended = Verdict("fair", "Left out", "holdout", family="copying")
    assert concluded([mended, *GOOD]).safety.level == "good"


def test_what_is_unknown_says_why() -> None:
    no_holdout = Verdict("unknown", "?", "holdout", family="privacy")
    found = concluded([no_holdout, *without("near copies", "membership_auc")])
    assert found.safety.level == "unknown"
    assert "there is no holdout of real rows" in found.safety.text
    figures = {"holdout rows": 45, "needed": 1_200}
    few = Verdict("unknown", "?", "too few rows", (), figures, family="privacy")
    text = concluded([few, *GOOD]).safety.text
    assert "the 45 rows of the holdout are too few, about 1,200 would tell" in text
    no_target = Verdict("unknown", "?", "usefulness", family="utility")
    use = concluded([no_target, *without("usefulness")]).use
    assert use.level == "good"
    assert "unknown for training a model (no target was given)" in use.text


@pytest.mark.long
def test_a_target_that_nothing_predicts_proves_no_use() -> None:
    def coins(seed: int) -> pd.DataFrame:
        toss = np.random.default_rng(seed + 100).choice(["heads", "tails"], 600)
        return people(seed).assign(toss=toss)

    found = evaluate(
        coins(0), coins(1), holdout=coins(2), target="toss", metrics=["utility"]
    )
    assert [v.level for v in found.verdicts] == ["unknown"]
    assert "unknown, as real rows hardly do, AUC 0." in found.verdicts[0].text
    assert "(real rows hardly train one)" in found.conclusion.use.text
    useful = evaluate(people(0), people(1), target="pay", metrics=["utility"])
    assert [v.level for v in useful.verdicts] == ["good"]


def test_the_worst_are_at_most_three_of_as_many_rules_as_there_are() -> None:
    bad = [Verdict("bad", f"Column {k}", "shape") for k in range(3)]
    pair = Verdict("bad", "A pair", "pair")
    fair = Verdict("fair", "A heap", "heap")
    assert concluded([*bad, pair, fair]).worst == (bad[0], bad[1], pair)
    assert concluded([pair, fair]).worst == (pair, fair)


@pytest.mark.long
def test_several_lacks_of_holdout_rows_are_one_sentence() -> None:
    real, rows = people(0), people(1)
    report = evaluate(real, rows, holdout=people(2, 40))
    lacking = [v for v in report.verdicts if "needed" in v.figures]
    assert [v.rule for v in lacking] == ["too few rows"]
    counts = [
        int(n.replace(",", "")) for n in re.findall(r"\(([0-9,]+)\)", lacking[0].text)
    ]
    assert counts == list(lacking[0].figures["needed for each"].values())
    assert len(counts) > 1 and min(counts) > 40


def report() -> Report:
    rows = people(1)
    rows["age"] = np.random.default_rng(0).permutation(rows["age"])
    rows["pay"] += 0.001
    return evaluate(people(0), rows, metrics=["association_error", "off_grid"])


def test_text_json_and_page_begin_with_it() -> None:
    found = report()
    said: Conclusion = found.conclusion
    assert said.use.level == "bad" and len(said.worst) > 1
    for statement in (said.use, said.safety):
        flat = " ".join(str(found).split())
        assert statement.text in flat
        assert flat.index(statement.text) < flat.index(said.worst[0].text)
    data = json.loads(found.to_json())
    assert next(iter(data)) == "conclusion"
    assert data["conclusion"]["use"] == {"level": "bad", "text": said.use.text}
    worst = [verdict["text"] for verdict in data["conclusion"]["worst"]]
    assert worst == [verdict.text for verdict in said.worst]
    page = found.to_html()
    assert page.index('id="conclusion"') < page.index('id="verdicts"')
    top = page[page.index('id="conclusion"') : page.index('id="verdicts"')]
    for verdict in said.worst:
        for name in verdict.columns:
            link = re.search(rf'<a href="#(column-\d+)" title="{name}">', top)
            assert link is not None
            card = page[page.index(f'id="{link[1]}"') :]
            assert f'<h3 title="{name}">' in card[: card.index("</h3>")]


def test_every_verdict_of_every_rule_is_about_something() -> None:
    """Families come from the registries; a rule outside them is about fidelity."""
    assert set(FAMILY_OF_RULE) <= set(RULES)
    families = {v.rule: v.family for v in report().verdicts}
    assert families["pair"] == "fidelity"
    # With its one pair broken, no column follows the others as it should.
    assert "detached" not in families
    copied = evaluate(people(0), people(0), metrics=["exact_copies"])
    assert [v.family for v in copied.verdicts] == ["copying"]
    own = {m.name: m.family for m in METRICS if m.rule is not None}
    assert own["copied_text"] == "copying"
    assert {"pair", "sign", "triple", "impossible rows"} <= TOGETHER


def test_a_score_with_an_interval_shows_it_in_text() -> None:
    found = evaluate(people(0), people(1), metrics=["detection_auc"])
    (row,) = found.rows()
    interval = found.scores[0].interval
    assert interval is not None
    assert row.interval == f"{interval[0]:.3f} to {interval[1]:.3f}"
    assert f"95 % from {row.interval}" in str(found)


def test_a_screen_has_the_worst_and_as_many_others_as_fit() -> None:
    found = report()
    bad = [v for v in found.verdicts if v.level == "bad"]
    screen = found.first_screen("--all")
    lines = screen.splitlines()
    assert len(lines) <= 22 and max(map(len, lines)) <= 80
    flat = " ".join(screen.split())
    for verdict in found.conclusion.worst:
        assert verdict.text in flat
    # One that is cut has its beginning.
    assert all(verdict.text[:50] in flat for verdict in bad)
    assert lines[-1] == "All verdicts and scores: --all"

    rng = np.random.default_rng(0)
    real = pd.DataFrame({f"column {k}": rng.normal(size=400) for k in range(40)})
    names = ["shape_error", "level_error", "impossible_values", "exact_copies"]
    many = evaluate(real, real.iloc[:200] * (1 + rng.random(40)) + 1, metrics=names)
    crowded = many.first_screen().splitlines()
    assert len(crowded) <= 22
    # The more there are, the shorter each is told.
    assert sum(line.startswith("  bad ") for line in crowded) >= 4
    assert Report(()).first_screen() == "\nAll verdicts and scores: str(report)"
