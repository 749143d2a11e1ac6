"""Copying and attacks against independent implementations, hand-computed cases and
planted leaks.
"""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import binom, binomtest, mannwhitneyu

from synthtab.core.randomness import Streams
from synthtab.evaluation import Report, Score, Tables, evaluate, neighbours, prepare
from synthtab.evaluation.metric import (
    auc_interval,
    exact_interval,
    share_interval,
    simultaneous,
)
from synthtab.evaluation.privacy import attacks as persons
from synthtab.evaluation.privacy import membership, singling
from synthtab.evaluation.privacy.exposure import WARNING, riskiest
from synthtab.evaluation.privacy.risk import Rate, Risk, pooled
from synthtab.evaluation.views import View

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("SYNTHTAB_DATA", ROOT.parent / "shared" / "data"))
PRIVACY = [
    "membership_auc",
    "membership_tpr",
    "singling_out",
    "linkability",
    "attribute_inference",
]


def frame(seed: int, rows: int = 600) -> pd.DataFrame:
    """Numbers without equal values, two categories, missing cells in one column of each
    kind.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    c = np.where(x + rng.normal(size=rows) > 0, "up", "down").astype(object)
    table = pd.DataFrame(
        {
            "x": x,
            "y": x + 0.3 * rng.normal(size=rows),
            "w": rng.normal(size=rows),
            "c": c,
        }
    )
    table["d"] = rng.choice(["p", "q", "r"], rows)
    table.loc[rng.random(rows) < 0.1, "w"] = np.nan
    table.loc[rng.random(rows) < 0.1, "c"] = None
    return table


def tables(
    real: int = 0, synthetic: int = 1, holdout: int = 2, rows: int = 120
) -> Tables:
    return prepare(frame(real, rows), frame(synthetic, rows), frame(holdout, 2 * rows))


def coordinates(
    tables: Tables, view: View, names: set[str] | None = None
) -> np.ndarray:
    """Rows as points whose Euclidean distances are the metric's: numbers in standard
    deviations, one-hot words.
    """
    points = []
    for j, name in enumerate(tables.numeric):
        if names is None or name in names:
            real = tables.real.numbers[:, j]
            mean, deviation = np.nanmean(real), np.nanstd(real)
            missing = np.isnan(view.numbers[:, j])
            points += [
                np.where(missing, 0.0, (view.numbers[:, j] - mean) / deviation),
                1.0 * missing,
                1.0 * ~missing,
            ]
    for j, (name, size) in enumerate(
        zip(tables.categorical, tables.sizes, strict=True)
    ):
        if names is None or name in names:
            points += list(np.eye(size)[view.codes[:, j]].T)
    return np.column_stack(points)


def apart(
    tables: Tables, a: View, b: View, names: set[str] | None = None
) -> np.ndarray:
    return cdist(coordinates(tables, a, names), coordinates(tables, b, names))


def one(name: str, *frames: pd.DataFrame, **options: Any) -> Score:
    return evaluate(*frames, metrics=[name], **options).scores[0]


# Distances ----------------------------------------------------------------------------


def test_neighbours_are_those_of_scipys_cdist_on_one_hot_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbours, "BLOCK_CELLS", 1_000)  # several blocks
    t = tables()
    for columns in (None, [0, 3], [2], [3, 4]):
        names = None if columns is None else {t.names[j] for j in columns}
        expected = apart(t, t.synthetic, t.real, names)
        squared, found = neighbours.neighbours(t, t.synthetic, t.real, 3, columns)
        np.testing.assert_allclose(
            np.sqrt(squared), np.sort(expected, axis=1)[:, :3], atol=1e-7
        )
        np.testing.assert_allclose(
            np.take_along_axis(expected, found, axis=1), np.sqrt(squared), atol=1e-7
        )
        assert all(len(set(row)) == 3 for row in found)


def test_equal_rows_are_at_distance_0_exactly_and_found_wherever_they_are() -> None:
    t = prepare(frame(0), frame(1), frame(2))
    both = View(
        np.concatenate([t.synthetic.numbers, t.real.numbers]),
        np.concatenate([t.synthetic.codes, t.real.codes]),
    )
    rng = np.random.default_rng(0)
    near = neighbours.nearest_distances(
        t, t.real, both, 2, 100, rng
    )  # a twelfth of the rows
    assert (near[:, 0] == 0.0).all()
    assert (near[:, 1] > 0.0).all()
    assert (neighbours.nearest(t, t.real, both) == 0.0).all()


def test_copying_figures_by_brute_force() -> None:
    """near_copies, dcr and nndr from all distances by cdist; the threshold is the third
    smallest of 150.
    """
    real, synthetic, holdout = frame(0, 100), frame(1, 80), frame(2, 150)
    synthetic.iloc[:8] = real.iloc[:8]
    t = prepare(real, synthetic, holdout)
    own, other = (
        np.sort(apart(t, view, t.real), axis=1) for view in (t.synthetic, t.holdout)
    )
    found = evaluate(
        real, synthetic, holdout=holdout, metrics=["near_copies", "dcr", "nndr"]
    )
    near, dcr, nndr = found.scores
    threshold = np.sort(other[:, 0])[2]
    assert near.detail["threshold"] == pytest.approx(threshold)
    assert near.value == (own[:, 0] <= threshold + 1e-9).mean() >= 0.1
    assert near.reference is not None
    assert near.reference.value == 3 / 150
    assert dcr.value == pytest.approx(
        np.median(own[:, 0]) / np.median(other[:, 0]), abs=1e-6
    )
    assert nndr.value == pytest.approx(np.median(own[:, 0] / own[:, 1]), abs=1e-6)
    assert nndr.reference is not None
    assert nndr.reference.value == pytest.approx(
        np.median(other[:, 0] / other[:, 1]), abs=1e-6
    )


# Membership ---------------------------------------------------------------------------


def test_distance_attacks_equal_mann_whitney_on_brute_force_distances() -> None:
    t = tables()
    found = membership.attacks(t, Streams(3))
    order = Streams(3).numpy("holdout halves").permutation(240)
    assert t.holdout is not None
    reference, strangers = (
        t.holdout.take(np.sort(part)) for part in (order[:120], order[120:])
    )
    near = [apart(t, view, t.synthetic).min(axis=1) for view in (t.real, strangers)]
    ratio = [
        np.log(apart(t, view, reference).min(axis=1)) - np.log(n)
        for view, n in zip((t.real, strangers), near, strict=True)
    ]
    assert (found.members, found.strangers, found.reference) == (120, 120, 120)
    for name, (members, others) in (
        ("distance", [-n for n in near]),
        ("distance ratio", ratio),
    ):
        expected = mannwhitneyu(members, others).statistic / 120**2
        assert found.areas()[name] == pytest.approx(expected, abs=2e-4), name


def test_the_density_attack_ranks_words_by_their_ratio_of_counts() -> None:
    """One column of three words: the density ratio of DOMIAS is the ratio of their
    counts.
    """

    def words(*counts: int) -> pd.DataFrame:
        return pd.DataFrame({"c": np.repeat(["a", "b", "c"], counts)})

    t = prepare(words(200, 100, 100), words(300, 50, 50), words(100, 100, 200))
    found = membership.attacks(t, Streams(0))
    assert t.holdout is not None
    order = Streams(0).numpy("holdout halves").permutation(400)
    reference, strangers = (
        t.holdout.codes[part, 0] for part in (order[:200], order[200:])
    )
    ratio = np.array([300, 50, 50]) / np.bincount(reference, minlength=4)[:3]
    members = t.real.some(200, Streams(0).numpy("members")).codes[:, 0]
    expected = mannwhitneyu(ratio[members], ratio[strangers]).statistic / 200**2
    assert found.areas()["density ratio"] == pytest.approx(expected)
    assert expected > 0.6


def test_hits_at_one_percent_by_hand() -> None:
    strangers = np.arange(199.0)  # one of 199 may be above: (1 + 1) / (199 + 1) = 1 %
    members = np.array([198.5, 197.5, 197.2, 100.0])
    assert membership.hits_at(np.append(members, strangers), 4) == 0.75
    assert (
        membership.hits_at(np.append(members, strangers[:99] + 100), 4) == 0.25
    )  # above all of 99
    assert membership.hits_at(np.zeros(400), 200) == pytest.approx(
        0.005, abs=0.001
    )  # all equal: in proportion


def test_hits_at_one_percent_are_unbiased() -> None:
    """Over 1,500 draws without a difference the mean is 0.01; its standard error is
    below 0.0005.
    """
    rng = np.random.default_rng(0)
    drawn = [membership.hits_at(rng.random(250), 130) for _ in range(1_500)]
    assert np.mean(drawn) == pytest.approx(0.01, abs=4 * np.std(drawn) / np.sqrt(1_500))
    assert np.std(drawn) / np.sqrt(1_500) < 0.0005


def test_the_exact_interval_is_scipys() -> None:
    for successes, n in ((0, 30), (3, 40), (40, 40)):
        expected = binomtest(successes, n).proportion_ci(0.95)
        assert exact_interval(successes, n) == pytest.approx(
            (expected.low, expected.high), abs=1e-5
        )


def test_the_intervals_are_of_four_attacks_at_once() -> None:
    assert simultaneous(1) == pytest.approx(1.96, abs=1e-3)
    assert simultaneous(4) == pytest.approx(2.4977, abs=1e-3)
    found = one("membership_auc", frame(0), frame(1), holdout=frame(2))
    single = {
        name: auc_interval(a["auc"], 300, 300, 2.4977)
        for name, a in found.detail["attacks"].items()
    }
    assert len(single) == 4
    expected = (
        max(low for low, _ in single.values()),
        max(high for _, high in single.values()),
    )
    assert found.interval == pytest.approx(expected, abs=1e-4)
    assert found.value == max(a["auc"] for a in found.detail["attacks"].values())


@pytest.mark.long
def test_the_membership_interval_covers_chance_in_most_fresh_samples() -> None:
    """95 % at least; of 8 samples fewer than 6 covered would happen once in 150 times
    at 95 %.
    """
    rng = np.random.default_rng(0)
    assert binom.cdf(5, 8, 0.95) < 1 / 150
    covered = 0
    for seed in range(8):
        t = [
            pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc"))
            for n in (150, 150, 300)
        ]
        low, high = one(
            "membership_auc", t[0], t[1], holdout=t[2], seed=seed
        ).interval or (1.0, 1.0)
        covered += low <= 0.5 <= high
    assert covered >= 6


@pytest.mark.long
def test_a_holdout_of_another_population_is_named_as_drift() -> None:
    shifted = frame(2).assign(x=frame(2)["x"] + 1.0)
    assert (
        one("membership_auc", frame(0), frame(1), holdout=shifted).detail["drift"][
            "interval"
        ][0]
        > 0.5
    )
    low, high = one("membership_auc", frame(0), frame(1), holdout=frame(2)).detail[
        "drift"
    ]["interval"]
    assert low <= 0.5 <= high


# Rates and risks ----------------------------------------------------------------------


def test_the_risk_is_that_of_the_paper() -> None:
    """80 of 100 against 20 of 100: (0.8 - 0.2) / (1 - 0.2) = 0.75; for many attacks the
    delta method's interval.
    """
    few = Risk(Rate(80, 100), Rate(20, 100), Rate(10, 100))
    assert few.value == pytest.approx(0.75)
    assert few.train.interval() == share_interval(80, 100)
    many = Risk(Rate(8_000, 10_000), Rate(2_000, 10_000), Rate(0, 10))
    sides = [1.96 * np.sqrt(p * (1 - p) / 10_000) for p in (0.8, 0.2)]
    error = np.hypot(sides[0] / 0.8, sides[1] * (1 - 0.8) / 0.8**2)
    assert many.interval() == pytest.approx((0.75 - error, 0.75 + error), abs=3e-4)
    worse = Risk(Rate(10, 100), Rate(20, 100), Rate(15, 100))
    assert (worse.value, worse.unclipped) == (0.0, pytest.approx(-0.125))
    assert worse.interval()[0] == 0.0
    assert not worse.plain()["stronger than guessing"]
    assert Risk(Rate(10, 10), Rate(10, 10), Rate(0, 10)).interval() == (0.0, 1.0)
    assert Risk(
        Rate(30, 100), Rate(20, 100), Rate(0, 10), parts=4
    ).value == pytest.approx(0.5)


def test_attacks_on_one_target_hang_together() -> None:
    rng = np.random.default_rng(0)
    same = np.repeat(rng.random((400, 1)) < 0.5, 10, axis=1)
    assert pooled(same).trials == pytest.approx(400)
    apart_ = rng.random((400, 10)) < 0.5
    assert pooled(apart_).trials > 3_000
    assert pooled(apart_).share == pytest.approx(apart_.mean())
    assert pooled(np.ones((5, 3), dtype=bool)).trials == 15


# Singling out -------------------------------------------------------------------------


def test_univariate_predicates_by_hand() -> None:
    cells = [
        np.array([1.0, 2.0, 2.0, 3.0, 3.0, np.nan]),
        np.array([0.0, 0.0, 0.0, 0.0, 0.0, 4.0]),
    ]
    found = {str(p[0]) for p in singling.univariate(cells, 1, np.random.default_rng(0))}
    condition = singling.Clause
    expected = [
        condition(0, singling.EQUAL, 1.0),
        condition(0, singling.AT_MOST, 1.0),  # but not the largest, which occurs twice
        condition(0, singling.ABSENT, np.nan),
        condition(1, singling.EQUAL, 4.0),
    ]
    assert found == {str(c) for c in expected}


@pytest.mark.long
def test_singling_out_by_brute_force() -> None:
    """Every predicate by pandas' query: one synthetic row fits; the rates are shares of
    trials with one fitting row.
    """
    t = prepare(frame(0, 400), frame(1, 300), frame(2, 200))
    assert t.holdout is not None
    signs = {singling.EQUAL: "==", singling.AT_MOST: "<=", singling.AT_LEAST: ">="}

    def count(predicate: singling.Predicate, rows: pd.DataFrame) -> int:
        texts = [
            f"c{c.column} != c{c.column}"
            if c.operator == singling.ABSENT
            else f"c{c.column} {signs[c.operator]} {c.value!r}"
            for c in predicate
        ]
        return len(rows.query(" and ".join(texts)))

    def pandas(view: View) -> pd.DataFrame:
        return pd.DataFrame(
            {f"c{j}": column for j, column in enumerate(singling.columns(view))}
        )

    cells = singling.columns(t.synthetic)
    predicates = singling.multivariate(cells, len(t.numeric), np.random.default_rng(0))[
        :150
    ]
    assert len({c.operator for p in predicates for c in p}) == 4
    assert all(count(p, pandas(t.synthetic)) == 1 for p in predicates)
    rate = singling.rate_of_trials(
        singling.find_fits(
            predicates, singling.Population(singling.columns(t.real), 2)
        ),
        200,
    )
    halves = pandas(t.real).iloc[:200], pandas(t.real).iloc[200:]
    assert rate.trials == 300
    assert (
        rate.successes
        == sum(count(p, half) == 1 for p in predicates for half in halves)
        > 0
    )


def test_predicates_that_one_row_decides_count_as_one() -> None:
    """50 predicates that the same row fits, alone, are one trial; 50 that a row each
    fits are 50.
    """
    rng = np.random.default_rng(0)
    which, none = np.arange(50), np.zeros(0, dtype=np.int64)
    rest = singling.Fits(none, none, 50, 1)
    same = singling.crowding(singling.Fits(which, which * 0, 50, 1), rest, 500, rng)
    each = singling.crowding(singling.Fits(which, which, 50, 1), rest, 500, rng)
    assert same == pytest.approx(
        2 * 50
    )  # one of two tables succeeds with all: variance 1/2 against 1/4 / 50
    assert 1.0 <= each < 3.0


def test_what_leaked_weighs_the_same_whatever_the_size_of_the_control() -> None:
    """Half of the synthetic rows copied: about the same risk against a holdout of 1/1
    and of 1/4 of the rows.
    """
    rng = np.random.default_rng(0)
    real, fresh, holdout = (
        pd.DataFrame(rng.normal(size=(1200, 4)), columns=list("abcd")) for _ in range(3)
    )
    half = pd.concat([real.iloc[:600], fresh.iloc[:600]])
    for size in (1200, 300):
        found = one("singling_out", real, half, holdout=holdout.iloc[:size])
        assert found.detail["parts of train"] == 1200 // size
        assert found.detail["univariate"]["risk"] == pytest.approx(0.5, abs=0.05)
        assert found.value >= found.detail["univariate"]["risk"]


# Linkability and inference ------------------------------------------------------------


def test_linkability_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = (
        pd.DataFrame(rng.normal(size=(150, 4)), columns=list("abcd")).assign(
            e=rng.choice(["p", "q"], 150)
        )
        for _ in range(2)
    )
    t = prepare(real, pd.concat([synthetic, real.iloc[:40]]), real)
    for split in range(3):
        order = Streams(0).numpy("column halves", split).permutation(5).tolist()
        halves = [{t.names[j] for j in part} for part in (order[:2], order[2:])]
        near = [
            np.argsort(apart(t, t.real, t.synthetic, names), axis=1)[:, :5]
            for names in halves
        ]
        expected = [bool(set(a) & set(b)) for a, b in zip(*near, strict=True)]
        assert (
            persons.linked(t, t.real, t.synthetic, Streams(0), split).tolist()
            == expected
        )
        assert 40 <= sum(expected) < 150


def test_attribute_inference_by_brute_force() -> None:
    t = tables(rows=150)
    tolerance = persons.tolerances(t.real)
    hits = persons.inferred(t, t.real, t.synthetic, tolerance)
    for j, secret in enumerate(t.names):
        nearest = apart(t, t.real, t.synthetic, set(t.names) - {secret}).argmin(axis=1)
        if secret in t.categorical:
            k = t.categorical.index(secret)
            expected = t.real.codes[:, k] == t.synthetic.codes[nearest, k]
        else:
            true, guess = t.real.numbers[:, j], t.synthetic.numbers[nearest, j]
            low, high = np.nanquantile(t.real.numbers[:, j], [0.05, 0.95])
            expected = np.where(
                np.isnan(true),
                np.isnan(guess),
                np.abs(true - guess) <= 0.05 * (high - low),
            )
        np.testing.assert_array_equal(hits[:, j], expected.astype(bool), err_msg=secret)


def test_the_secret_has_no_part_in_the_choice_of_the_nearest_row() -> None:
    """All synthetic rows are equally near without the secret: the first is taken,
    whatever the secret is.
    """
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"a": 0.1, "b": rng.normal(size=80), "c": 0.7})
    t = prepare(real, real, real, numeric=["a", "b", "c"])
    targets = View(t.real.numbers + np.array([0.3, 0.0, 0.9]), t.real.codes)
    synthetic = t.synthetic.take(rng.permutation(80))
    hits = persons.inferred(t, targets, synthetic, np.zeros(3))
    assert (hits[:, 1] == (targets.numbers[:, 1] == synthetic.numbers[0, 1])).all()


def test_the_naive_attacker_succeeds_by_chance() -> None:
    rng = np.random.default_rng(0)
    t = [
        pd.DataFrame(
            {"c": rng.choice(list("abcd"), 2000), "d": rng.choice(list("pq"), 2000)}
        )
        for _ in range(3)
    ]
    naive = one("attribute_inference", t[0], t[1], holdout=t[2]).detail["naive"]
    assert naive["interval"][0] <= (0.25 + 0.5) / 2 <= naive["interval"][1]


def test_the_leaking_column_is_the_worst() -> None:
    """Independent columns, of which two stand in the synthetic rows as in the training
    rows.
    """
    rng = np.random.default_rng(1)
    real, other, holdout = (
        pd.DataFrame(rng.normal(size=(800, 4)), columns=list("abcd")) for _ in range(3)
    )
    copied = real[["a", "b"]].assign(c=other["c"], d=other["d"])
    found = one(
        "attribute_inference",
        real,
        pd.concat([copied] * 2).iloc[:800].assign(c=0.0, d=0.0),
        holdout=holdout,
    )
    assert set(list(found.detail["worst"])[:2]) == {"a", "b"}


# Planted leaks ------------------------------------------------------------------------


def planted(share: float, rows: int = 2000) -> Report:
    real, fresh = frame(0, rows), frame(1, rows)
    copied = int(share * rows)
    mixed = pd.concat([real.iloc[:copied], fresh.iloc[copied:]])
    return evaluate(
        real,
        mixed,
        holdout=frame(2, 2 * rows),
        metrics=["exact_copies", "near_copies", *PRIVACY],
    )


@pytest.mark.long
def test_five_percent_of_copied_rows_are_visible() -> None:
    report = planted(0.05)
    assert report.score("exact_copies").value == 0.05
    for name in ("near_copies", "membership_tpr", "singling_out", "linkability"):
        score = report.score(name)
        assert score.interval is not None
        assert score.reference is not None
        assert score.interval[0] > score.reference.value, name


def test_without_a_holdout_it_says_so() -> None:
    report = evaluate(frame(0), frame(1), metrics=PRIVACY)
    assert {score.status for score in report.scores} == {"skipped: no holdout given"}


@pytest.mark.long
def test_large_tables_are_sampled_and_copies_are_still_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(membership, "SEARCHED_ROWS", 50)
    monkeypatch.setattr(persons, "SEARCHED_ROWS", 100)
    monkeypatch.setattr(singling, "POPULATION", 300)
    report = planted(0.1)
    assert report.score("linkability").detail["synthetic rows searched"] == 100
    assert report.score("singling_out").detail["rows per trial"] <= 300
    low, _ = report.score("membership_tpr").interval or (0.0, 0.0)
    assert report.score("membership_tpr").value == pytest.approx(0.11, abs=0.03)
    assert low > 0.01


# Which rows ---------------------------------------------------------------------------


def test_the_riskiest_rows_are_the_copied_outliers_and_listed_only_when_asked() -> None:
    real, synthetic = frame(0), frame(1)
    copied = [17, 333, 5]
    for far, position in zip((10.0, 30.0, 90.0), copied, strict=True):
        real.loc[position, ["x", "y"]] = [far, -far]
    synthetic.iloc[:3] = real.iloc[copied]
    report = evaluate(real, synthetic, metrics=["exact_copies"], riskiest=4)
    rows = [entry["row"] for entry in report.riskiest]
    assert rows[:3] == [5, 333, 17]  # the farther from all others, the more exposed
    assert [entry["copied"] for entry in report.riskiest] == [True, True, True, False]
    assert report.riskiest[0]["exposure"] == 1.0
    assert json.loads(report.to_json())["riskiest"][0]["row"] == 5
    assert report.riskiest[0]["cells"] == {
        str(name): value for name, value in real.iloc[5].items()
    }
    plain = evaluate(real, synthetic, metrics=["exact_copies"])
    assert plain.riskiest == ()
    assert WARNING not in str(plain) + plain.to_json() + plain.to_html()
    for text in (str(report), report.to_json(), report.to_html()):
        assert text.count(WARNING) == 1
        assert "-90.0" in text
    assert "riskiest" not in plain.to_dict()


def test_exposure_by_brute_force() -> None:
    t = tables()
    found = riskiest(t, Streams(0), 120)
    others = apart(t, t.real, t.real)
    np.fill_diagonal(others, np.inf)
    near = apart(t, t.real, t.synthetic).min(axis=1)
    expected = others.min(axis=1) / (others.min(axis=1) + near)
    assert t.real.positions is not None
    by_position = dict(zip(t.real.positions.tolist(), expected, strict=True))
    assert {entry["row"] for entry in found} == set(range(120))
    for entry in found:
        assert entry["exposure"] == pytest.approx(by_position[entry["row"]], abs=1e-6)
    assert [e["exposure"] for e in found] == sorted(
        (e["exposure"] for e in found), reverse=True
    )


def test_a_row_that_many_share_is_not_exposed() -> None:
    real = pd.DataFrame({"c": ["a", "b"] * 20, "d": ["p", "q"] * 20})
    assert {
        entry["exposure"]
        for entry in evaluate(real, real, metrics=["exact_copies"], riskiest=3).riskiest
    } == {0.5}


# Benchmarks ---------------------------------------------------------------------------


def test_the_benchmarks_take_the_packages_attacks() -> None:
    spec = importlib.util.spec_from_file_location(
        "outsiders", ROOT / "benchmarks" / "outsiders.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.membership(
        frame(0), frame(2), frame(0), {"numerical": ["x", "y", "w"]}
    )
    assert found["membership_distance"] == 1.0
    assert set(found) == {"membership_distance", "membership_density"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["copy", "fresh"])
def test_adult(kind: str) -> None:
    if not (DATA / "adult").is_dir():
        pytest.skip("needs the tables of the literature")
    numeric = json.loads((DATA / "adult" / "meta.json").read_text())["numerical"]
    both = pd.concat(
        [pd.read_csv(DATA / "adult" / f"{part}.csv") for part in ("train", "test")]
    )
    both = both.sample(frac=1, random_state=0)
    real, fresh, holdout = both[:16_000], both[16_000:32_000], both[32_000:]
    report = evaluate(
        real,
        real if kind == "copy" else fresh,
        holdout=holdout,
        numeric=numeric,
        metrics=PRIVACY,
    )
    for score in report.scores:
        assert score.interval is not None
        assert score.reference is not None
        if kind == "copy":
            assert score.interval[0] > score.reference.value + 0.2, score.name
        else:
            assert score.interval[0] <= score.reference.value <= score.interval[1], (
                score.name
            )
    if kind == "copy":
        assert report.score("membership_auc").value > 0.9
