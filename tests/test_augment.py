"""The augmentation study: its arithmetic against hand-made cases, and that it says what is so."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    r2_score,
    roc_auc_score,
)

from synthtab.augment import holdout_interval, paired_interval, study
from synthtab.augment.arms import BALANCED, REAL, Material, arms, duplicated, weighted
from synthtab.augment.learners import Sample
from synthtab.augment.scores import measures
from synthtab.augment.target import target_of
from synthtab.augment.verdict import Trial, Trials, judge
from synthtab.core.errors import ConfigError, DataError
from synthtab.evaluation.views import prepare

DATA = Path(
    os.environ.get(
        "SYNTHTAB_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"
    )
)
FAST = dict(repeats=3, learners=["trees"], seed=0)


def table(
    rows: int, seed: int, noise: float = 0.6, missing: bool = True
) -> pd.DataFrame:
    """A class and a number that depend on the other columns."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    town = rng.choice(["a", "b", "c"], rows, p=[0.5, 0.3, 0.2])
    signal = x[:, 0] + 2 * x[:, 1] * (town == "a") + rng.normal(0, noise, rows)
    frame = pd.DataFrame(
        {"p": x[:, 0], "q": x[:, 1], "r": x[:, 2].round(2), "town": town}
    )
    frame["sum"] = signal.round(3)
    frame["buys"] = np.where(signal > 1.4, "yes", "no")
    if missing:
        frame.loc[rng.random(rows) < 0.1, "q"] = np.nan
    return frame


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return table(120, 1).drop(columns="sum")


@pytest.fixture(scope="module")
def holdout() -> pd.DataFrame:
    return table(600, 2).drop(columns="sum")


@pytest.fixture(scope="module")
def good() -> pd.DataFrame:
    """Rows as good as real ones."""
    return table(600, 3).drop(columns="sum")


@pytest.fixture(scope="module")
def found(real, good, holdout):
    return study(real, good, "buys", holdout, repeats=4, learners=["trees", "linear"])


class Drawer:
    """A generator that draws from a table."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def sample(self, n: int, seed: int = 0) -> pd.DataFrame:
        return self.frame.sample(
            n, replace=True, random_state=seed % 2**32, ignore_index=True
        )


# Intervals


def test_the_interval_by_hand() -> None:
    # d = 0.1, 0.2, 0.6: mean 0.3, S² = (0.04 + 0.01 + 0.09) / 2 = 0.07; a fifth tested
    # on: 1/3 + 0.25
    half = 4.302652729911275 * math.sqrt((1 / 3 + 0.25) * 0.07)
    assert paired_interval([0.1, 0.2, 0.6], 0.2) == pytest.approx(
        (0.3 - half, 0.3 + half)
    )


def test_without_a_share_it_is_the_interval_of_independent_repeats() -> None:
    d = np.random.default_rng(0).normal(0.2, 1.0, 12)
    plain = stats.ttest_1samp(d, 0.0).confidence_interval(0.9)
    assert paired_interval(list(d), 0.0, 0.9) == pytest.approx((plain.low, plain.high))


def test_one_repeat_says_nothing() -> None:
    assert paired_interval([0.3], 0.5) == (-math.inf, math.inf)


def test_the_interval_of_a_holdout_by_hand() -> None:
    # S² = 0.07 as above, over 3; T² = 0.02: ν = (0.07/3 + 0.02)² / ((0.07/3)² / 2 +
    # 0.02² / 1)
    freedom = (0.07 / 3 + 0.02) ** 2 / ((0.07 / 3) ** 2 / 2 + 0.02**2)
    half = stats.t.ppf(0.95, freedom) * math.sqrt(0.07 / 3 + 0.02)
    assert holdout_interval([0.1, 0.2, 0.6], [0.2, 0.4], 0.9) == pytest.approx(
        (0.3 - half, 0.3 + half)
    )
    assert holdout_interval([0.2, 0.2], [0.2, 0.2]) == (0.2, 0.2)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.3])
def test_the_interval_of_a_holdout_covers_the_truth(noise: float) -> None:
    """Ten repeats with noise of their own on one holdout of 200 rows; the plain interval forgets the holdout."""
    rng = np.random.default_rng(7)
    covered, plain = 0, 0
    for _ in range(400):
        rows, drawn = rng.normal(0.1, 1.0, 200), rng.normal(0, noise, 10)
        halves = [rng.permutation(rows)[:100].mean() + drawn.mean() for _ in range(20)]
        low, high = holdout_interval(list(rows.mean() + drawn), halves)
        covered += low <= 0.1 <= high
        low, high = paired_interval(list(rows.mean() + drawn), 0.0)
        plain += (
            low <= 0.1 <= high or noise > 0.1
        )  # where that noise is all that counts, it would do
    assert covered / 400 > 0.92  # the standard error of a share of .95 in 400 is .011
    assert plain / 400 < 0.7 or noise > 0.1


# Metrics and arms


def test_measures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 90)
    scores = rng.dirichlet(np.ones(3), 90) + 0.4 * np.eye(3)[y]
    scores = (scores / scores.sum(axis=1, keepdims=True)).round(1)  # with ties
    scores[:, 2] = 1 - scores[:, 0] - scores[:, 1]
    values = measures(y.astype(float), scores, 3, 0)
    assert values["auc"] == pytest.approx(roc_auc_score(y, scores, multi_class="ovr"))
    assert values["average_precision"] == pytest.approx(
        average_precision_score(np.eye(3)[y], scores)
    )
    assert values["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(y, scores.argmax(axis=1))
    )
    two = (y == 0).astype(float)
    pair = np.stack([1 - scores[:, 0], scores[:, 0]], axis=1)
    for rarest in (0, 1):
        values = measures(two, pair, 2, rarest)
        assert values["auc"] == pytest.approx(roc_auc_score(two, scores[:, 0]))
        assert values["average_precision"] == pytest.approx(
            average_precision_score(two == rarest, pair[:, rarest])
        )
    number = rng.normal(size=90)
    assert measures(number, scores[:, 0], 0, 0) == {
        "r2": pytest.approx(r2_score(number, scores[:, 0]))
    }


def test_measures_of_a_test_table_with_one_class_do_not_exist() -> None:
    assert all(
        math.isnan(v)
        for v in measures(np.zeros(5), np.full((5, 2), 0.5), 2, 1).values()
    )


@pytest.fixture(scope="module")
def material(real, good, holdout) -> Material:
    target = target_of(real, "buys", None, None)
    tables = prepare(real, good, holdout, target="buys", schema=target.schema)
    return Material(
        target.sample(tables, tables.real),
        target.sample(tables, tables.synthetic),
        None,
        2,
    )


def test_duplicates_balance_with_real_rows(material) -> None:
    sample = duplicated(material, np.random.default_rng(0))
    counts = np.bincount(sample.y.astype(int))
    assert counts[0] == counts[1] == np.bincount(material.real.y.astype(int)).max()
    known = {row.tobytes() for row in np.nan_to_num(material.real.view.numbers)}
    assert {row.tobytes() for row in np.nan_to_num(sample.view.numbers)} == known


def test_class_weights_are_scikit_learns(material) -> None:
    from sklearn.utils.class_weight import compute_sample_weight

    sample = weighted(material, np.random.default_rng(0))
    assert sample.weight == pytest.approx(
        compute_sample_weight("balanced", material.real.y)
    )


def test_a_ratio_adds_so_many_rows_of_the_synthetic_table(material) -> None:
    arm = next(a for a in arms((0.5,), 2) if a.kind == "synthetic")
    sample = arm.build(material, np.random.default_rng(0))
    assert len(sample) == 180
    added = {row.tobytes() for row in np.nan_to_num(sample.view.numbers[120:])}
    assert added <= {
        row.tobytes() for row in np.nan_to_num(material.synthetic.view.numbers)
    }


def test_smotenc_makes_rows_between_real_ones(material) -> None:
    pytest.importorskip("imblearn", reason="needs imbalanced-learn")
    from synthtab.augment.arms import smote

    sample = smote(material, np.random.default_rng(0))
    counts = np.bincount(sample.y.astype(int))
    assert counts[0] == counts[1]
    numbers = sample.view.numbers
    assert not np.isnan(numbers[120:]).any()
    assert (numbers[120:].max(axis=0) <= np.nanmax(numbers[:120], axis=0)).all()
    town = sample.tables.categorical.index("town")
    assert set(sample.view.codes[120:, town]) <= set(sample.view.codes[:120, town])


def test_smotenc_is_skipped_with_a_reason_where_the_library_is_absent(
    real, good, holdout, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "imblearn", None)
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    result = study(real, good, "buys", holdout, ratios=[1], **{**FAST, "repeats": 2})
    assert result.skipped == {
        "SMOTENC": "needs imbalanced-learn: pip install 'synthtab[augment]'"
    }
    assert "pip install 'synthtab[augment]'" in str(result)


# Verdicts


def trials(**differences: list[float]) -> Trials:
    """Of one learner: real rows score 0.5, and the other arms that much more."""
    made = [
        Trial(None, i, REAL, "trees", 10, 10, 5, {"auc": 0.5})
        for i in range(len(next(iter(differences.values()))))
    ]
    for arm, gains in differences.items():
        name = {
            "one": "synthetic x1",
            "two": "synthetic x2",
            "weights": "class weights",
        }[arm]
        made += [
            Trial(None, i, name, "trees", 10, 20, 5, {"auc": 0.5 + g})
            for i, g in enumerate(gains)
        ]
    return Trials(made, "auc", 0.5)


def judged(doubt: str | None = None, **differences: list[float]):
    return judge(trials(**differences), arms((1.0, 2.0), 2), ["trees"], None, doubt, {})


def test_verdicts() -> None:
    clear, vague = [0.10, 0.11, 0.12, 0.11], [0.10, -0.10, 0.05, -0.02]
    said = judged(
        one=clear, two=[0.05, 0.04, 0.06, 0.05], weights=[0.01, 0.02, 0.0, 0.01]
    )
    assert (said.answer, said.best.arm, said.ratio, said.learner) == (
        "helps",
        "synthetic x1",
        1.0,
        "trees",
    )
    assert said.baseline is not None and said.lead is not None
    assert said.baseline.arm == "class weights"
    assert said.baseline.difference == pytest.approx(0.01)
    assert said.lead.difference == pytest.approx(0.1)
    # two synthetic arms were looked at: the interval of the best is that of 97.5 %
    assert said.best.interval == pytest.approx(paired_interval(clear, 0.5, 0.975))
    assert judged(one=vague).answer == "no evidence"
    assert (
        judged(one=[-d for d in clear], two=[-2 * d for d in clear]).answer == "hurts"
    )
    assert judged(one=vague, two=[-d for d in clear]).answer == "no evidence"
    said = judged("seen", one=clear)
    assert (said.answer, said.why, said.others) == (
        "cannot say",
        "seen",
        {"trees": "cannot say"},
    )


def test_what_was_not_there_in_every_repeat_is_not_judged_by() -> None:
    every = trials(one=[0.01, 0.02, 0.03], two=[0.3, 0.31, 0.32])
    some = Trials(every.trials[:-1], "auc", 0.5)
    said = judge(some, arms((1.0, 2.0), 2), ["trees"], None, None, {})
    assert said.best.arm == "synthetic x1"
    # it is shown all the same, over the repeats that it has
    shown = some.difference("synthetic x2", REAL, "trees")
    assert shown.difference == pytest.approx(0.305)


def test_rows_as_good_as_real_ones_help(real, good, holdout) -> None:
    result = study(real.head(60), good, "buys", holdout, ratios=[1, 4], **FAST)
    said = result.verdict
    assert (said.answer, said.ratio) == ("helps", 4.0)
    assert result.compare("synthetic x4", "trees").interval[0] > 0
    assert said.best.interval[0] <= said.best.difference <= said.best.interval[1]


@pytest.mark.long
def test_rows_with_the_wrong_answers_hurt(real, good, holdout) -> None:
    wrong = good.assign(buys=np.where(good["buys"] == "yes", "no", "yes"))
    said = study(real, wrong, "buys", holdout, ratios=[1, 2], **FAST).verdict
    assert said.answer == "hurts" or said.best.arm == BALANCED
    result = study(real, wrong, "buys", holdout, ratios=[1, 2], **FAST)
    assert result.compare("synthetic x2", "trees").interval[1] < 0


@pytest.mark.long
def test_without_a_holdout_it_cannot_be_said(real) -> None:
    """The generator hands out the rows that models are tested on: a great score, and no verdict."""
    result = study(real, real, "buys", ratios=[1], **FAST)
    assert result.compare("synthetic x1", "trees").difference > 0.05
    assert result.verdict.answer == "cannot say"
    assert "no holdout" in result.verdict.why and "CANNOT SAY" in str(result)


@pytest.mark.long
def test_a_holdout_that_is_part_of_the_table_is_none(real, good) -> None:
    result = study(
        real, good, "buys", real.sample(60, random_state=0), ratios=[1], **FAST
    )
    assert result.verdict.answer == "cannot say"
    assert "100%" in result.verdict.why


@pytest.mark.long
def test_a_function_that_fits_sees_training_rows_only(real) -> None:
    seen = []

    def fit(train: pd.DataFrame) -> Drawer:
        seen.append(train)
        return Drawer(train)

    result = study(real, fit, "buys", ratios=[1], sizes=(None, 40), **FAST)
    assert [len(t) for t in seen[:3]] == pytest.approx([96] * 3, abs=2)
    assert [len(t) for t in seen[3:]] == pytest.approx([40] * 3, abs=2)
    assert [v.size for v in result.verdicts] == [None, 40]
    assert all(v.answer != "cannot say" for v in result.verdicts)
    for scored in result.scores:
        assert scored.real + scored.tested <= len(real)


@pytest.mark.long
def test_a_rare_class_is_thinned_out(real, holdout) -> None:
    shares = []

    def fit(train: pd.DataFrame) -> Drawer:
        shares.append(float((train["buys"] == "yes").mean()))
        return Drawer(train)

    result = study(real, fit, "buys", holdout, ratios=[1], rare=0.04, **FAST)
    assert max(shares) == pytest.approx(0.04, abs=0.01)
    assert result.metric == "average_precision"


@pytest.mark.long
def test_a_generator_is_asked_until_a_class_has_rows(real, holdout) -> None:
    result = study(real, Drawer(real), "buys", holdout, ratios=[0.25], **FAST)
    rows = next(s.rows for s in result.scores if s.arm == BALANCED)
    assert rows == 2 * int((real["buys"] == "no").sum())


@pytest.mark.long
def test_a_generator_of_classes_is_asked_for_them(real, holdout) -> None:
    asked = []

    class ByClass(Drawer):
        def sample_class(self, value: object, n: int) -> pd.DataFrame:
            asked.append((value, n))
            return self.frame[self.frame["buys"] == value].sample(
                n, replace=True, random_state=0
            )

    study(real, ByClass(real), "buys", holdout, ratios=[0.25], **FAST)
    counts = real["buys"].value_counts()
    assert asked == [("yes", counts["no"] - counts["yes"])] * 3


# The result


@pytest.mark.long
def test_a_number_beyond_single_precision_is_no_error(real, good, holdout) -> None:
    """Forests work in single precision, and a generator may write anything."""
    vast = good.assign(p=good["p"].where(good.index > 3, 1e60))
    options = {**FAST, "learners": ["forest", "linear"], "ratios": [1.0]}
    assert study(real, vast, "buys", holdout, **options).verdict is not None


@pytest.mark.long
def test_order_of_rows_and_columns_changes_nothing(real, good, holdout) -> None:
    first = study(real, good, "buys", holdout, ratios=[1], **FAST)
    mixed = [
        t[t.columns[::-1]].sample(frac=1, random_state=i, ignore_index=True)
        for i, t in enumerate((real, good, holdout))
    ]
    assert (
        study(mixed[0], mixed[1], "buys", mixed[2], ratios=[1], **FAST).to_json()
        == first.to_json()
    )
    again = study(real, good, "buys", holdout, ratios=[1], **{**FAST, "seed": 1})
    assert again.to_json() != first.to_json()


@pytest.mark.long
def test_a_number_is_predicted(holdout) -> None:
    parts = [table(n, s).drop(columns="buys") for n, s in ((80, 1), (400, 3), (300, 2))]
    result = study(
        parts[0],
        parts[1],
        "sum",
        parts[2],
        **{**FAST, "learners": ["linear", "trees", "forest"]},
    )
    assert result.metric == "r2" and not any(a.kind == "baseline" for a in result.arms)
    assert result.compare("synthetic x2", "trees").difference > 0
    assert [a.ratio for a in result.arms] == [None, 0.25, 0.5, 1.0, 2.0, 5.0]


@pytest.mark.long
def test_several_classes_as_numbers(good, holdout) -> None:
    def marked(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(buys=pd.cut(frame["p"], [-9, -0.5, 0.5, 9], labels=False))

    result = study(
        marked(good.head(150)),
        marked(good.tail(300)),
        "buys",
        marked(holdout),
        task="classification",
        ratios=[1],
        **FAST,
    )
    assert result.facts["classes"] == ["0", "1", "2"]
    assert result.compare(REAL, "trees", "auc").score > 0.9


def test_the_text_is_narrow_and_the_data_plain(found) -> None:
    text = str(found)
    assert max(map(len, text.splitlines())) <= 80
    for word in (
        "buys",
        "synthetic x2",
        "real rows alone",
        "class weights",
        "best usual remedy",
        "600 rows of the holdout",
    ):
        assert word in text
    data = json.loads(found.to_json())
    assert data["verdicts"][0]["answer"] in ("helps", "no evidence", "hurts")
    frame = found.frame()
    assert len(frame) == len(data["comparisons"])
    assert set(frame["metric"]) == {"auc", "average_precision", "balanced_accuracy"}
    real_rows = frame[frame["arm"] == REAL]
    assert (real_rows["difference"] == 0).all()


def test_what_the_frame_says_follows_from_the_scores(found) -> None:
    row = (
        found.frame()
        .query("arm == 'synthetic x1' and learner == 'trees' and metric == 'auc'")
        .iloc[0]
    )
    value = {
        (s.arm, s.repeat): s.values["auc"] for s in found.scores if s.learner == "trees"
    }
    gains = [value["synthetic x1", i] - value[REAL, i] for i in range(4)]
    assert row["difference"] == pytest.approx(np.mean(gains))
    parts = {
        (s.arm, s.repeat): [h["auc"] for h in s.halves]
        for s in found.scores
        if s.learner == "trees"
    }
    halves = np.mean(
        [np.subtract(parts["synthetic x1", i], parts[REAL, i]) for i in range(4)],
        axis=0,
    )
    assert (row["low"], row["high"]) == pytest.approx(
        holdout_interval(gains, list(halves))
    )


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        (dict(target="none"), DataError, "not a column"),
        (dict(repeats=1), ConfigError, "repeats must be at least 2"),
        (dict(learners=["svm"]), ConfigError, "no learner 'svm'"),
        (dict(metric="r2"), ConfigError, "no metric 'r2'"),
        (dict(sizes=(100,)), ConfigError, "need a function that fits"),
        (dict(rare=0.1), ConfigError, "need a function that fits"),
        (dict(ratios=[9]), ConfigError, "ratio 9 needs 1,080 rows"),
        (dict(ratios=[-1]), ConfigError, "ratios must be positive"),
        (dict(task="ranking"), ConfigError, "task must be"),
        (dict(task="regression"), ConfigError, "cannot be predicted as a number"),
    ],
)
def test_errors_name_the_option(real, good, holdout, options, error, match) -> None:
    with pytest.raises(error, match=match):
        study(real, good, **{"target": "buys", "holdout": holdout, **options})


def test_tables_that_are_too_small_or_say_nothing(real, good, holdout) -> None:
    with pytest.raises(DataError, match="at least 30 are needed"):
        study(real.head(20), good, "buys", holdout)
    with pytest.raises(DataError, match="nothing to predict"):
        study(real.assign(buys="no"), good, "buys", holdout)
    with pytest.raises(ConfigError, match="rows must be a DataFrame"):
        study(real, 7, "buys", holdout)


@pytest.mark.long
def test_a_generator_is_asked_for_the_right_class_whatever_the_index(
    real, holdout
) -> None:
    """The first row of each class stands under a label that other rows have, too."""
    asked = []

    class OfOneClass(Drawer):
        def sample_class(self, value: object, n: int) -> pd.DataFrame:
            asked.append(value)
            return self.frame[self.frame["buys"] == value].sample(
                n, replace=True, random_state=0
            )

    mixed = real.sort_values("buys").set_axis([0] * len(real), axis=0)
    study(mixed, OfOneClass(real), "buys", holdout, ratios=[0.25], **FAST)
    assert asked == ["yes"] * 3


def test_old_names_warn_and_work() -> None:
    import synthtab.augment

    with pytest.warns(DeprecationWarning, match=r"now synthtab\.augment\.Trial"):
        assert synthtab.augment.Score is Trial


@pytest.mark.long
def test_synthetic_rows_without_any_target_are_named(real, good, holdout) -> None:
    rows = good.assign(buys=None)
    with pytest.raises(DataError, match=r"no synthetic rows .* 0 .* have a target"):
        study(real, rows, "buys", holdout, **FAST)


@pytest.mark.long
def test_rows_without_a_target_are_left_out(real, good, holdout) -> None:
    gone = real.copy()
    gone.loc[gone.index[:30], "buys"] = None
    assert study(gone, good, "buys", holdout, ratios=[1], **FAST).facts["real"] == 90


@pytest.mark.slow
def test_adult_rows_by_a_bootstrap_do_not_help() -> None:
    """Copies of the rows that are there bring nothing: whatever the table, this must not be called a help."""
    if not (DATA / "adult").is_dir():
        pytest.skip("needs the tables of the literature")
    train, test = (
        pd.read_csv(DATA / "adult" / f"{part}.csv") for part in ("train", "test")
    )
    few = train.sample(300, random_state=0)
    copies = few.sample(300, replace=True, random_state=1)
    said = study(
        few,
        copies,
        "income",
        test.sample(1000, random_state=0),
        ratios=[1],
        **{**FAST, "repeats": 5},
    ).verdict
    assert said.answer != "helps"


def test_the_sample_of_a_material_keeps_its_tables(material) -> None:
    both = material.real.plus(material.synthetic)
    assert isinstance(both, Sample) and both.tables is material.real.tables
    assert len(both) == len(material.real) + len(material.synthetic)
