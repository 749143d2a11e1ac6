"""What every metric of the registry must do, whoever adds one."""

from __future__ import annotations

import functools
import math
import random

import numpy as np
import pandas as pd
import pytest

from synthtab.evaluation import METRICS, Metric, Report, Score, evaluate

JOINT = {
    "trend_error",
    "association_error",
    "mutual_information_error",
    "triples_error",
    "missing_patterns",
    "alpha_precision",
    "beta_recall",
    "density",
    "coverage",
    "detection_auc",
    "detection_score",
    "utility",
    "utility_linear",
    "utility_forest",
    "importance_agreement",
}
ALONE = {  # of single columns: columns that do not know of each other score as well as a fresh sample
    "shape_error",
    "shape_of_present",
    "wasserstein",
    "missing_error",
    "off_grid",
    "heap_error",
    "category_coverage",
    "rare_category_coverage",
    "range_coverage",
}
CHECKS = {  # of the holdout alone, or of what a table may lack: keys, dates, columns in an order; with a table of their own below
    "holdout_overlap",
    "level_error",
    "timestamp_error",
    "impossible_values",
    "impossible_rows",
    "unreadable_cells",
    "left_out_error",
    "repeated_rows",
    "other_spellings",
    "copied_text",
    "rank_correlation_error",
    "interaction_error",
    "share_error",
    "group_error",
    "digit_error",
    "curve_error",
    "stray_rows",
}
DETECTORS = {
    "detection_auc_logistic"
}  # of rows, but blind to much of what ties columns
NAMES = [m.name for m in METRICS]
LEAKS = {
    "copying",
    "privacy",
}  # families in which the training table itself scores worst
IDEAL = {
    "detection_auc": 0.5,
    "nearer_to_train": 0.5,
    "membership_auc": 0.5,
    "membership_tpr": 0.01,
}
LEAKING = {
    "detector",  # a copy is learnt with the wrong label
    "copies",
    "extremes",
    "near copies",
    "nearer",
    "dcr",
    "nndr",
    "membership_auc",
    "membership_tpr",
    "singling_out",
    "linkability",
    "attribute_inference",
}
RISKS = {"singling_out": 0.0, "linkability": 0.0, "attribute_inference": 0.0}


def table(seed: int, rows: int = 900) -> pd.DataFrame:
    """Mixed columns that depend on each other; two have missing cells, mostly together,
    one a rare category.
    """
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", "c", "rare"], rows, p=[0.5, 0.3, 0.194, 0.006])
    x = rng.normal(size=rows) + 2.0 * (group == "b")
    y = np.where(rng.random(rows) < 0.4, 0.0, np.exp(x + 0.3 * rng.normal(size=rows)))
    z = 2 * x - np.log1p(y) + 0.1 * rng.normal(size=rows)
    target = np.where(
        x + (group == "c") + 0.5 * rng.normal(size=rows) > 0.8, "yes", "no"
    )
    frame = pd.DataFrame(
        {"x": x, "y": y.round(2), "z": z, "group": group, "target": target}
    )
    lost = rng.random(rows)
    frame.loc[lost < 0.1, "z"] = np.nan
    frame.loc[(lost > 0.02) & (lost < 0.1), "group"] = None
    return frame


def independent(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Each column shuffled by itself."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {name: frame[name].to_numpy()[rng.permutation(len(frame))] for name in frame}
    )


REAL, FRESH, HOLDOUT = table(0), table(1), table(2)


def half() -> pd.DataFrame:
    """Of every other row, the columns are independent."""
    frame = independent(FRESH, 0)
    frame[::2] = FRESH[::2]
    return frame


@functools.cache
def report(kind: str, seed: int = 0) -> Report:
    synthetic = {
        "itself": REAL,
        "fresh": FRESH,
        "half": half(),
        "independent": independent(FRESH, 0),
    }[kind]
    return evaluate(REAL, synthetic, holdout=HOLDOUT, target="target", seed=seed)


def badness(score: Score) -> float:
    """The lower the better, whatever the direction of the score."""
    if score.better == "ideal":
        assert score.reference is not None
        return abs(score.value - score.reference.value)
    return score.value if score.better == "lower" else -score.value


@pytest.mark.parametrize("metric", METRICS, ids=NAMES)
def test_declares_what_people_must_know(metric: Metric) -> None:
    assert metric.name.replace("_", "").isalnum()
    assert metric.name.islower()
    assert 0 < len(metric.title) <= 32
    assert 0 < len(metric.meaning) <= 74
    assert metric.measure.__doc__
    assert metric.bounds[0] < metric.bounds[1]
    assert metric.cost in ("low", "medium", "high")


def test_names_differ() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_every_metric_is_of_one_sort() -> None:
    """Whoever adds a metric says here what it sees, and the tests below hold it to
    that.
    """
    leaks = {m.name for m in METRICS if m.family in LEAKS} - CHECKS
    sorts = (JOINT, ALONE, CHECKS, DETECTORS, leaks)
    assert set().union(*sorts) == set(NAMES)
    assert sum(map(len, sorts)) == len(NAMES)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in NAMES if name not in CHECKS])
@pytest.mark.parametrize("kind", ["itself", "fresh", "independent"])
def test_bounds_reference_and_interval_hold(name: str, kind: str) -> None:
    score = report(kind).score(name)
    assert score.ok, score.status
    low, high = score.bounds
    assert low <= score.value <= high
    assert score.reference is not None
    assert low <= score.reference.value <= high
    assert 0 < len(score.reference.label) <= 34
    if score.interval is not None:
        assert low <= score.interval[0] <= score.value <= score.interval[1] <= high


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [m.name for m in METRICS if m.family not in LEAKS and m.name not in CHECKS],
)
def test_real_rows_against_themselves_score_best(name: str) -> None:
    best = badness(report("itself").score(name))
    fresh = report("fresh").score(name)
    # A model that learnt from other rows than the real ones may have better luck with the holdout.
    luck = (
        0.0
        if fresh.family != "utility" or fresh.interval is None
        else (fresh.interval[1] - fresh.interval[0]) / 2
    )
    assert best <= badness(fresh) + 1e-9 + luck
    assert best <= badness(report("independent").score(name)) + 1e-9


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(JOINT))
def test_independent_columns_score_worst_where_columns_meet(name: str) -> None:
    fresh, half, independent = (
        badness(report(kind).score(name)) for kind in ("fresh", "half", "independent")
    )
    assert independent > fresh + 0.05
    assert independent > half
    assert half > fresh - 0.01


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(ALONE))
def test_independent_columns_score_well_where_columns_stand_alone(name: str) -> None:
    """The same cells in other rows."""
    assert report("independent").score(name).value == pytest.approx(
        report("fresh").score(name).value, abs=1e-9
    )


@pytest.mark.long
def test_independent_columns_are_told_from_real_rows_by_a_line() -> None:
    for name in DETECTORS:
        assert badness(report("independent").score(name)) > badness(
            report("fresh").score(name)
        )


@pytest.mark.parametrize(
    "name", [m.name for m in METRICS if m.family in LEAKS and m.name not in CHECKS]
)
def test_copies_are_found(name: str) -> None:
    assert (
        badness(report("itself").score(name))
        > badness(report("fresh").score(name)) + 0.3
    )


def test_a_copy_of_the_training_table_fails_privacy_loudly() -> None:
    copy = report("itself")
    # That copies are near copies, too, is not said again.
    assert {
        "copies",
        "nearer",
        "dcr",
        "nndr",
        "membership_auc",
        "membership_tpr",
    } <= {v.rule for v in copy.verdicts if v.level == "bad"}
    assert {v.rule for v in copy.verdicts if v.level in ("bad", "fair")} <= LEAKING, (
        copy.verdicts
    )
    low, _ = copy.score("membership_auc").interval or (0.0, 1.0)
    assert low > 0.9
    for name, ideal in (("membership_tpr", 0.01), *RISKS.items()):
        low, _ = copy.score(name).interval or (0.0, 1.0)
        assert low > ideal + 0.2, name


def test_a_fresh_sample_passes() -> None:
    fresh = report("fresh")
    assert {v.level for v in fresh.verdicts} == {"good"}, [
        v.text for v in fresh.verdicts
    ]
    assert fresh.score("exact_copies").value == 0.0
    for name, ideal in {**IDEAL, **RISKS}.items():
        interval = fresh.score(name).interval
        assert interval is not None
        slack = 0.02 if name in ("detection_auc", "nearer_to_train") else 0.0
        assert interval[0] - slack <= ideal <= interval[1] + slack, name
    for name in ("shape_error", "trend_error"):
        reference = fresh.score(name).reference
        assert reference is not None
        assert fresh.score(name).value < 2.5 * reference.value


def visits(seed: int, rows: int = 600) -> pd.DataFrame:
    """What the checks look at: keys, a constant, dates, an order, words, a sum."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 365, rows)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(start, "D")
    low = rng.gamma(2.0, 10.0, rows).round(2)
    fee = rng.integers(5, 40, rows)
    return pd.DataFrame(
        {
            "key": [f"{k:x}" for k in rng.integers(2**40, 2**44, rows)],
            "site": "north",
            "seen": days + pd.to_timedelta(rng.integers(480, 1080, rows), "min"),
            "low": low,
            "high": (low + rng.gamma(2.0, 5.0, rows)).round(2),
            "word": rng.choice(["red", "green", "blue"], rows),
            "other": rng.choice(["up", "down"], rows),
            "fee": fee,
            "paid": low + fee,
        }
    )


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_checks_find_nothing_in_fresh_rows_and_hold_their_bounds(name: str) -> None:
    real, fresh, holdout = visits(0), visits(1), visits(2)
    found = evaluate(real, fresh, holdout=holdout, metrics=[name])
    score = found.scores[0]
    assert score.ok, score.status
    low, high = score.bounds
    assert low <= score.value <= high
    assert score.reference is not None
    assert low <= score.reference.value <= high
    assert not [v for v in found.verdicts if v.level in ("bad", "fair")]
    if score.family not in LEAKS:
        itself = evaluate(real, real, metrics=[name]).scores[0]
        assert badness(itself) <= badness(score) + 1e-9
    mixed = [part.sample(frac=1, random_state=3) for part in (real, fresh, holdout)]
    again = evaluate(mixed[0], mixed[1], holdout=mixed[2], metrics=[name])
    assert again.scores[0] == score


@pytest.mark.long
def test_the_order_of_rows_and_columns_changes_nothing() -> None:
    def mixed(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
        return frame.sample(frac=1, random_state=seed)[
            list(frame.columns)[::-1]
        ].reset_index(drop=True)

    other = evaluate(
        mixed(REAL, 1), mixed(FRESH, 2), holdout=mixed(HOLDOUT, 3), target="target"
    )
    for score in report("fresh").scores:
        assert other.score(score.name) == score, score.name
    assert other.verdicts == report("fresh").verdicts
    # Rows of the training table are copies in another order: only where they stand differs.
    copy = evaluate(
        mixed(REAL, 1), mixed(REAL, 2), holdout=mixed(HOLDOUT, 3), target="target"
    )
    for score in report("itself").scores:
        # Of a score that could not be computed, there is none.
        assert copy.score(score.name).value == score.value or not score.ok, score.name


@pytest.mark.long
def test_one_seed_one_report_and_global_randomness_is_left_alone() -> None:
    state, legacy = random.getstate(), np.random.get_state()[1].copy()
    again = evaluate(REAL, FRESH, holdout=HOLDOUT, target="target")
    assert again.to_json() == report("fresh").to_json()
    assert random.getstate() == state
    assert (np.random.get_state()[1] == legacy).all()


@pytest.mark.long
def test_another_seed_is_another_draw_of_the_same() -> None:
    scores = zip(report("fresh").scores, report("fresh", seed=1).scores, strict=True)
    assert any(a.value != b.value for a, b in scores)


ODD = {
    "one column": pd.DataFrame({"x": np.arange(60.0) % 7}),
    "one category": pd.DataFrame({"c": ["a", "b", "c"] * 20}),
    "one row": pd.DataFrame({"x": [1.5], "c": ["a"]}),
    "two rows": pd.DataFrame({"x": [1.5, 2.5], "c": ["a", "b"]}),
    "an empty column": pd.DataFrame(
        {"x": np.arange(60.0), "e": [None] * 60, "c": ["a", "b"] * 30}
    ),
    "a constant": pd.DataFrame({"x": np.arange(60.0) % 11, "k": [1] * 60}),
    "huge numbers": pd.DataFrame(
        {"x": [1e308, -1e308, np.inf, 0.0] * 15, "y": np.arange(60.0)}
    ),
    "hardly any cell": pd.DataFrame(
        {"x": [1.0, 2.0] + [np.nan] * 58, "y": np.arange(60.0) % 5}
    ),
    "many categories": pd.DataFrame(
        {"c": [f"w{i // 2}" for i in range(1200)], "d": ["p", "q", "q"] * 400}
    ),
}


@pytest.mark.long
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("holdout", [False, True], ids=["", "holdout"])
@pytest.mark.parametrize("name", ODD)
def test_odd_tables_give_a_score_or_a_reason(name: str, holdout: bool) -> None:
    frame = ODD[name]
    numeric = [c for c in frame.columns if frame[c].dtype.kind == "f"]
    target = frame.columns[-1]
    other = frame.sample(frac=1, replace=True, random_state=0)
    # Rows that were not learnt: half a unit more, the last column upside down.
    not_learnt = frame.assign(**{target: frame[target].to_numpy()[::-1]})
    not_learnt[numeric] += 0.5
    found = evaluate(
        frame,
        other,
        holdout=not_learnt if holdout else None,
        target=target,
        numeric=numeric,
    )
    for score in found.scores:
        assert score.ok == math.isfinite(score.value), score
        assert score.ok or 0 < len(score.status.removeprefix("skipped: ")) <= 35
    assert len(str(found)) > 0
