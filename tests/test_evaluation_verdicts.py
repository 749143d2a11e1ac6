"""Planted defects are found by name in the verdicts, and a fresh sample has none of them."""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthtab import datasets, infer
from synthtab.data import tables
from synthtab.evaluation import METRICS, Reference, Report, Score, Verdict, evaluate
from synthtab.evaluation.report.findings import Evidence, quote, share
from synthtab.evaluation.report.verdicts import RULES, verdicts

ROWS = 2_000


def table(seed: int) -> pd.DataFrame:
    """People: a rare region, whole hours with a heap at 40, two columns that only have each other, missing by job."""
    rng = np.random.default_rng(seed)
    region = rng.choice(
        ["north", "south", "east", "west", "islands"],
        ROWS,
        p=[0.4, 0.3, 0.2, 0.088, 0.012],
    )
    age = rng.integers(18, 90, ROWS)
    hours = np.where(
        rng.random(ROWS) < 0.45, 40, np.clip(rng.normal(38, 12, ROWS).round(), 1, 99)
    ).astype(int)
    job = np.where(
        age > 64,
        "retired",
        rng.choice(["clerk", "nurse", "pilot"], ROWS, p=[0.5, 0.3, 0.2]),
    )
    pay = (
        900 + 25 * age + 400 * (job == "pilot") + 9 * hours + rng.normal(0, 120, ROWS)
    ).round(2)
    taste = rng.choice(["sweet", "sour", "salty"], ROWS)
    choice = np.where(
        rng.random(ROWS) < 0.8, taste, rng.choice(["sweet", "sour", "salty"], ROWS)
    )
    z = rng.normal(size=ROWS) + (region == "south")
    z = np.where(rng.random(ROWS) < np.where(job == "nurse", 0.7, 0.03), np.nan, z)
    return pd.DataFrame(
        {
            "region": region,
            "age": age,
            "hours": hours,
            "job": job,
            "pay": pay,
            "taste": taste,
            "choice": choice,
            "z": z,
        }
    )


REAL, FRESH, HOLDOUT = table(0), table(1), table(2)
QUICK = [m.name for m in METRICS if m.family not in ("detection", "utility")]


def shuffled(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["age"] = rng.permutation(frame["age"])


def without_islands(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame.loc[frame["region"] == "islands", "region"] = "north"


def no_integer(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["hours"] = frame["hours"] + rng.normal(0, 0.3, ROWS)


def blurred(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["hours"] = (frame["hours"] + rng.normal(0, 3, ROWS)).round().astype(int)


def copied(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    for name in frame:
        frame.loc[: ROWS // 20 - 1, name] = REAL.loc[: ROWS // 20 - 1, name]


def broken(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["choice"] = rng.permutation(frame["choice"])


def missing_at_random(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    rate = frame["z"].isna().mean()
    frame["z"] = frame["z"].fillna(pd.Series(rng.choice(frame["z"].dropna(), ROWS)))
    frame.loc[rng.random(ROWS) < rate, "z"] = np.nan


def invented(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame.loc[:30, "job"] = "astronaut"


def seldom_missing(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["z"] = frame["z"].fillna(0.123)


def short(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["pay"] = frame["pay"].clip(1_900, 2_400)


def nearly_copied(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    for name in frame:
        frame[name] = REAL[name]
    frame["pay"] = (frame["pay"] + rng.normal(0, 20, ROWS)).round(2)
    frame["z"] = frame["z"] + rng.normal(0, 0.05, ROWS)


def scattered(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    for name in ("age", "hours", "pay", "z"):
        frame[name] = rng.permutation(frame[name])


def shifted(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["pay"] = (frame["pay"] + 900).round(2)


def a_little_shifted(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    frame["z"] = frame["z"] + 0.18


def tied(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    """Two columns that have nothing to do with each other decide one another."""
    order = np.argsort(frame["taste"].to_numpy(), kind="stable")
    frame.loc[order, "region"] = np.sort(frame["region"].to_numpy())


def spread(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    for name in ("age", "hours", "pay", "z"):
        away = rng.choice([-3, 3], ROWS) * frame[name].std()
        frame[name] = frame[name] + away


def collapsed(frame: pd.DataFrame, rng: np.random.Generator) -> None:
    """Forty rows again and again."""
    chosen = rng.integers(0, 40, ROWS)
    for name in frame:
        frame[name] = frame[name].to_numpy()[chosen]


PLANTED = {
    # defect: (how, what a verdict says, the columns that it names, its level)
    "a column shuffled": (
        shuffled,
        "Column 'age' does not follow the others",
        ("age",),
        "bad",
    ),
    "a rare category dropped": (
        without_islands,
        "Category 'islands' of 'region' never appears",
        ("region",),
        "bad",
    ),
    "an integer with decimals": (
        no_integer,
        "The real 'hours' values are whole numbers; 100 %",
        ("hours",),
        "bad",
    ),
    "an integer blurred": (
        blurred,
        "'hours' repeats its values otherwise: 40 fills",
        ("hours",),
        "fair",
    ),
    "5 % copied": (copied, "5.0 % of the rows are copies of training rows", (), "bad"),
    "5 % copied, which": (
        copied,
        "of holdout rows, 0 % (rows 1, 2, 3, 4, 5 and 95 more)",
        (),
        "bad",
    ),
    "5 % copied, who": (
        copied,
        "An attacker is all but sure of 6.0 % of the people in the training",
        (),
        "bad",
    ),
    "all nearly copied, all but copies": (
        nearly_copied,
        "of the training rows lies a row that is all but a copy",
        (),
        "bad",
    ),
    "all nearly copied, dcr": (
        nearly_copied,
        "times the distance to their nearest training row",
        (),
        "bad",
    ),
    "all nearly copied, nndr": (
        nearly_copied,
        "The rows cling to single training rows",
        (),
        "bad",
    ),
    "all nearly copied, membership": (
        nearly_copied,
        "who guesses which people were in the training table gains",
        (),
        "bad",
    ),
    "rows scattered": (
        scattered,
        "Rows lie where real rows are sparse: Density 0.3",
        (),
        "bad",
    ),
    "a pair broken": (
        broken,
        "The pair ('choice', 'taste') is broken",
        ("choice", "taste"),
        "bad",
    ),
    "missing at random": (
        missing_at_random,
        "Missing cells of 'z' are random",
        ("z",),
        "bad",
    ),
    "an invented category": (
        invented,
        "Category 'astronaut' of 'job' is invented",
        ("job",),
        "bad",
    ),
    "too few missing": (
        seldom_missing,
        "The share of missing cells of 'z' is",
        ("z",),
        "bad",
    ),
    "a column shifted": (
        shifted,
        "Column 'pay' is distributed otherwise",
        ("pay",),
        "bad",
    ),
    "a column shifted a little": (
        a_little_shifted,
        "Column 'z' is distributed otherwise",
        ("z",),
        "fair",
    ),
    "a pair tied": (
        tied,
        "The pair ('region', 'taste') is tied too closely",
        ("region", "taste"),
        "fair",
    ),
    "all ties gone": (
        scattered,
        "The columns together are not as they should be",
        (),
        "fair",
    ),
    "all nearly copied, nearer": (
        nearly_copied,
        "of the rows are nearer to training rows than to rows never seen",
        (),
        "bad",
    ),
    "rows where none are": (
        spread,
        "Rows lie where no real rows do",
        (),
        "bad",
    ),
    "rows of few kinds, around them": (
        collapsed,
        "Parts of the real table have no rows beside them",
        (),
        "bad",
    ),
    "rows of few kinds, near real ones": (
        collapsed,
        "Many real rows have no row near them",
        (),
        "bad",
    ),
    "a short range": (short, "Column 'pay' reaches over", ("pay",), "fair"),
}


def judged(defect: str | None) -> Report:
    return judged_with(None if defect is None else PLANTED[defect][0])


@functools.cache
def judged_with(
    plant: Callable[[pd.DataFrame, np.random.Generator], None] | None,
) -> Report:
    frame = FRESH.copy()
    if plant is not None:
        plant(frame, np.random.default_rng(7))
    return evaluate(REAL, frame, holdout=HOLDOUT, metrics=QUICK)


@pytest.mark.long
@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_is_found_by_name(defect: str) -> None:
    _, says, columns, level = PLANTED[defect]
    found = [v for v in judged(defect).verdicts if says in v.text]
    assert len(found) == 1, [v.text for v in judged(defect).verdicts]
    assert found[0].columns == columns
    assert found[0].level == level
    assert says in str(judged(defect)).replace("\n           ", " ")


@pytest.mark.long
def test_a_fault_is_planted_for_every_rule() -> None:
    """The others have tests of their own, below or in `test_evaluation_holdout`."""
    speaking = set()
    for defect in PLANTED:
        report = judged(defect)
        evidence = Evidence(report.scores, report.tables["rows"], report.metrics)
        for rule in RULES:
            if any(verdict.level in ("bad", "fair") for verdict in rule(evidence)):
                speaking.add(rule.__name__)
    assert {rule.__name__ for rule in RULES} - speaking == {
        "detector",
        "usefulness",
        "unseen",
        "drifting",
        "patterns",
        "near_copies",
    }


@pytest.mark.long
def test_near_copies_are_told_where_no_other_rule_tells_of_these_rows() -> None:
    report = judged("all nearly copied, all but copies")
    others = [score for score in report.scores if score.name != "close_copies"]

    def told(scores: list[Score]) -> list[Verdict]:
        evidence = Evidence(scores, report.tables["rows"], report.metrics)
        (rule,) = [rule for rule in RULES if rule.__name__ == "near_copies"]
        return list(rule(evidence))

    (verdict,) = told(others)
    assert "% of the rows are near copies of training rows" in verdict.text
    assert verdict.level == "bad"
    assert told(list(report.scores)) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 3, 4, 5])
def test_a_fresh_sample_has_none(seed: int) -> None:
    report = (
        judged(None)
        if seed == 1
        else evaluate(REAL, table(seed), holdout=HOLDOUT, metrics=QUICK)
    )
    assert {v.level for v in report.verdicts} == {"good"}, [
        v.text for v in report.verdicts if v.level != "good"
    ]


DATA = Path(
    os.environ.get(
        "SYNTHTAB_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"
    )
)
SHIPPED = {"penguins": "species", "anes96": "vote", "flights": "arr_delay"}


def shipped_or_shared(name: str) -> tuple[pd.DataFrame, str]:
    """A real table and a column to predict."""
    if name in SHIPPED:
        return datasets.load(name), SHIPPED[name]
    path = DATA / name / "train.csv"
    if not path.is_file():
        pytest.skip(f"no {path}; set SYNTHTAB_DATA to the folder that has {name}/")
    frame = tables.read(path)
    return tables.typed(frame, infer(frame)), "income"


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        "penguins",
        "anes96",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("flights", "adult")),
    ],
)
def test_real_rows_raise_no_alarm(name: str) -> None:
    """A third of a real table as the synthetic rows of another third, and a real table as its own."""
    frame, target = shipped_or_shared(name)
    order = np.random.default_rng(11).permutation(len(frame))
    size = min(len(frame) // 3, 4_000)
    real, fresh, unseen = (
        frame.iloc[order[i * size : (i + 1) * size]] for i in range(3)
    )
    for rows, holdout, allowed in (
        (fresh, unseen, set()),
        # Copies are learnt with the wrong label: the detector says so, too.
        (real, None, {"copies", "extremes", "detector"}),
    ):
        found = evaluate(real, rows, holdout=holdout, target=target).verdicts
        assert {v.rule for v in found if v.level in ("bad", "fair")} <= allowed, found


@pytest.mark.long
def test_one_shuffled_column_is_not_held_against_its_partners() -> None:
    named = {
        name
        for v in judged("a column shuffled").verdicts
        # Which cells cannot stand side by side is about both of them.
        if v.level != "good" and v.rule != "impossible rows"
        for name in v.columns
    }
    assert named == {"age"}


@pytest.mark.long
def test_a_detector_and_a_model_see_a_shuffled_column_too() -> None:
    frame = FRESH.copy()
    shuffled(frame, np.random.default_rng(7))
    report = evaluate(
        REAL, frame, holdout=HOLDOUT, target="job", metrics=["detection_auc", "utility"]
    )
    detector = next(v for v in report.verdicts if v.rule == "detector")
    assert detector.level == "bad"
    assert "age" in detector.columns
    assert next(v for v in report.verdicts if v.rule == "usefulness").level == "bad"


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "model"),
    [("utility_linear", "linear model"), ("utility_forest", "random forest")],
)
def test_other_models_lose_by_a_shuffled_column_too(name: str, model: str) -> None:
    frame = FRESH.copy()
    shuffled(frame, np.random.default_rng(7))
    (verdict,) = evaluate(
        REAL, frame, holdout=HOLDOUT, target="job", metrics=[name]
    ).verdicts
    assert (verdict.level, verdict.rule) == ("bad", "usefulness")
    assert verdict.text.startswith(
        f"A {model} that learnt from the rows reaches mean AUC 0."
    )


@pytest.mark.parametrize(
    ("losses", "levels"),
    [
        ({"utility": 0.0, "utility_linear": 0.0, "utility_forest": 0.0}, ["good"]),
        (
            {"utility": 0.0, "utility_linear": 0.03, "utility_forest": 0.03},
            ["fair", "good"],
        ),
        (
            {"utility": 0.03, "utility_linear": 0.0, "utility_forest": 0.3},
            ["bad", "fair"],
        ),
        ({"utility": 0.3, "utility_linear": 0.3, "utility_forest": 0.3}, ["bad"]),
        ({"utility_forest": 0.3}, ["bad"]),
    ],
)
def test_another_model_is_named_only_where_it_loses_more(
    losses: dict[str, float], levels: list[str]
) -> None:
    scores = [
        Score(
            n,
            n,
            "m",
            "utility",
            0.9 - loss,
            "",
            "higher",
            (0, 1),
            Reference(0.9, "r"),
            (0.895 - loss, 0.905 - loss),
        )
        for n, loss in losses.items()
    ]
    assert [v.level for v in verdicts(scores, {})] == levels


@pytest.mark.parametrize(
    ("classes", "n", "level"), [(3, 60, "good"), (3, 6_000, "fair")]
)
def test_a_mean_auc_of_few_test_rows_may_be_luck(
    classes: int, n: int, level: str
) -> None:
    score = Score(
        "utility",
        "t",
        "m",
        "utility",
        0.95,
        "",
        "higher",
        (0, 1),
        Reference(0.98, "r"),
        n=n,
        detail={"classes": classes},
    )
    assert [v.level for v in verdicts([score], {})] == [level]


@pytest.mark.long
def test_rows_to_test_on_that_were_learnt_are_owned_up_to() -> None:
    found = evaluate(REAL, FRESH, target="job", metrics=["utility"]).verdicts
    assert "on real rows (which the generator has seen)" in found[0].text
    found = evaluate(
        REAL, FRESH, holdout=HOLDOUT, target="job", metrics=["utility"]
    ).verdicts
    assert "on real rows;" in found[0].text


def test_cells_missing_apart_are_told_by_the_set() -> None:
    """Each column has as many missing cells as it should, and neither is tied to anything else."""
    frames = [frame.copy() for frame in (REAL, FRESH)]
    for frame, seed in zip(frames, (1, 2), strict=True):
        frame.loc[np.random.default_rng(seed).random(ROWS) < 0.15, ["hours", "pay"]] = (
            np.nan
        )
    alone = ["missing_patterns", "missing_error"]
    assert {v.level for v in evaluate(*frames, metrics=alone).verdicts} == {"good"}
    frames[1]["hours"] = np.random.default_rng(3).permutation(frames[1]["hours"])
    (found,) = (
        v
        for v in evaluate(*frames, metrics=alone).verdicts
        if v.rule == "missing together"
    )
    assert found.level == "bad"
    assert found.columns == ("hours", "pay")
    assert "'hours' and 'pay' in 2." in found.text
    frames[1]["pay"] = frames[1]["pay"].fillna(
        1_000.0
    )  # too few missing: that is said, and enough
    assert not [
        v
        for v in evaluate(*frames, metrics=alone).verdicts
        if v.rule == "missing together"
    ]


def test_many_findings_share_a_sentence() -> None:
    """Of six columns that all went astray, the last two had only each other left: a broken pair."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(2, ROWS))
    real, like = (
        pd.DataFrame({f"x{k}": x + 0.5 * rng.normal(size=ROWS) for k in range(6)})
        for x in base
    )
    independent = like.apply(rng.permutation)
    found = evaluate(real, independent, metrics=["association_error"]).verdicts
    (detached,) = (v for v in found if v.rule == "detached")
    (pair,) = (v for v in found if v.rule == "pair")
    assert detached.text.startswith("4 columns do not follow the others")
    assert {*detached.columns, *pair.columns} == set(real.columns)


def test_what_was_not_given_is_unknown() -> None:
    report = evaluate(REAL, FRESH, metrics=["nearer_to_train", "utility"])
    assert [v.level for v in report.verdicts] == ["unknown", "unknown"]
    assert "without a holdout" in report.verdicts[0].text
    assert "without a target" in report.verdicts[1].text


def test_one_sentence_says_what_a_holdout_would_tell() -> None:
    lacking = [m.name for m in METRICS if "holdout" in m.needs and m.unknown]
    (verdict,) = evaluate(REAL, FRESH, metrics=lacking).verdicts
    assert verdict.level == "unknown"
    assert verdict.text.endswith(
        "Give one with `holdout=`, or the rows that fit held out with `Synthesizer.split`"
    )
    for name in lacking:  # each of them is in it
        (alone,) = evaluate(REAL, FRESH, metrics=[name]).verdicts
        assert alone.text.split(": ")[1].split(". ")[0] in verdict.text


@pytest.mark.long
@pytest.mark.parametrize(
    "name", [m.name for m in METRICS if m.family not in ("detection",)]
)
def test_rules_live_with_one_score_alone(name: str) -> None:
    report = evaluate(REAL, FRESH, holdout=HOLDOUT, target="job", metrics=[name])
    assert all(v.level in ("good", "unknown") for v in report.verdicts)


def test_rules_live_without_detail_and_reference() -> None:
    """A score of a later or foreign version may carry less."""
    scores = [
        Score(m.name, m.title, m.meaning, m.family, 0.4, m.unit, m.better, m.bounds)
        for m in METRICS
    ]
    assert verdicts(scores, {})
    skipped = [
        Score(
            m.name,
            m.title,
            m.meaning,
            m.family,
            float("nan"),
            "",
            m.better,
            m.bounds,
            status="skipped: no holdout",
        )
        for m in METRICS
    ]
    assert {v.level for v in verdicts(skipped, {})} <= {"unknown"}
    assert verdicts([], {}) == ()


@pytest.mark.parametrize(
    ("value", "level"), [(0.51, "good"), (0.6, "fair"), (0.95, "bad")]
)
def test_an_attack_that_gains_is_told(value: float, level: str) -> None:
    interval = (value - 0.02, value + 0.02)
    score = Score(
        "membership_auc",
        "Membership",
        "AUC of an attack",
        "copying",
        value,
        "",
        "lower",
        (0, 1),
        interval=interval,
    )
    (verdict,) = verdicts([score], {"real": 100, "synthetic": 100})
    assert verdict.level == level
    assert f"{value:.3f}" in verdict.text


@pytest.mark.parametrize(
    ("name", "value", "reference", "level"),
    [
        ("near_copies", 0.02, 0.02, "good"),
        ("near_copies", 0.04, 0.02, "fair"),
        ("near_copies", 0.3, 0.02, "bad"),
        ("beta_recall", 0.8, 0.95, "fair"),
        ("coverage", 0.4, 0.95, "bad"),
        ("alpha_precision", 0.6, 0.95, "bad"),
        ("linkability", 0.01, 0.0, "good"),
        ("attribute_inference", 0.4, 0.0, "bad"),
        ("density", 0.8, 1.0, "fair"),
        ("density", 0.5, 1.0, "bad"),
        ("density", 1.5, 1.0, "fair"),
        ("density", 2.0, 1.0, "bad"),
        ("missing_patterns", 60.0, 0.5, "bad"),
        ("dcr", 0.8, 1.0, "fair"),
        ("dcr", 0.1, 1.0, "bad"),
        ("nndr", 0.7, 0.8, "fair"),
        ("nndr", 0.1, 0.8, "bad"),
        ("membership_tpr", 0.04, 0.01, "fair"),
        ("membership_tpr", 0.3, 0.01, "bad"),
        ("utility_linear", 0.87, 0.9, "fair"),
        ("utility_forest", 0.7, 0.9, "bad"),
    ],
)
def test_figures_of_other_families_have_their_rules(
    name: str, value: float, reference: float, level: str
) -> None:
    score = Score(
        name,
        "Title",
        "m",
        "copying",
        value,
        "",
        "lower",
        (0, 1),
        Reference(reference, "r"),
    )
    (verdict,) = verdicts([score], {"real": 100, "synthetic": 100})
    assert verdict.level == level
    assert all(
        v.level == "good" for v in verdicts([replace(score, value=reference)], {})
    )


def test_a_table_of_its_own_rows_is_not_crowded_by_the_luck_of_what_it_is_compared_with() -> (
    None
):
    """A row lies in its own ball, too: 1.2 where each is copied, whatever other real rows have."""
    score = Score(
        "density",
        "Density",
        "m",
        "fidelity",
        1.2,
        "",
        "higher",
        (0, math.inf),
        Reference(0.8, "r"),
    )
    assert not [v for v in verdicts([score], {}) if v.rule == "reach"]
    assert [v.level for v in verdicts([replace(score, value=1.5)], {})] == ["fair"]


@pytest.mark.long
def test_verdicts_come_bad_first_and_carry_the_scores_figures() -> None:
    report = judged("5 % copied")
    levels = [v.level for v in report.verdicts]
    assert levels == sorted(levels, key=["bad", "fair", "unknown", "good"].index)
    copies = next(v for v in report.verdicts if v.rule == "copies")
    assert copies.figures["copies"] == report.score("exact_copies").value == 0.05
    data = report.to_dict()
    assert [v["text"] for v in data["verdicts"]] == [v.text for v in report.verdicts]
    assert list(data).index("verdicts") < list(data).index("scores")
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines.index("Conclusion") < lines.index(f"Verdicts: {report.summary()}") < 15


def test_names_are_one_short_line() -> None:
    assert quote("a\nb\x1b[31m") == r"'a\nb\x1b[31m'"
    assert len(quote("x" * 500)) == 40
    frame = REAL.rename(columns={"age": "age\n\x1b[31m" + "y" * 200})
    other = frame.copy()
    other[other.columns[1]] = np.random.default_rng(0).permutation(
        other[other.columns[1]]
    )
    report = evaluate(frame, other, metrics=["association_error"])
    assert all(v.text.isprintable() for v in report.verdicts)
    assert all(len(v.text) < 300 for v in report.verdicts)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.051, "5.1 %"),
        (0.00042, "0.042 %"),
        (0.9994, "99.9 %"),
    ],
)
def test_shares_in_words(value: float, text: str) -> None:
    assert share(value) == text


@pytest.mark.long
def test_every_rule_is_named_once_and_documented() -> None:
    assert len(set(RULES)) == len(RULES)
    assert all(rule.__doc__ for rule in RULES)
    assert all(
        re.search(r"[a-z]", v.text) and isinstance(v, Verdict)
        for v in judged(None).verdicts
    )
