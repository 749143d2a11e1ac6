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
    brier_score_loss,
    r2_score,
    roc_auc_score,
)

from synthtab.augment import holdout_interval, paired_interval, study, together
from synthtab.augment.arms import (
    BALANCED,
    REAL,
    Material,
    arms,
    copied,
    duplicated,
    resampled,
    weighted,
)
from synthtab.augment.intervals import Estimate, Figure, critical_values
from synthtab.augment.learners import Sample
from synthtab.augment.power import power
from synthtab.augment.scores import class_values, measures
from synthtab.augment.splits import parted
from synthtab.augment.target import METRICS_OF_TASK, target_of
from synthtab.augment.verdict import Question, Trial, Trials, judge
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


def correlated(rng: np.random.Generator, figures: int) -> list[Figure]:
    """Figures of 10 repeats and 20 halves, correlated by .6, all of them truly 0."""

    def draws(count: int) -> np.ndarray:
        shared = rng.normal(size=(1, count))
        own = rng.normal(size=(figures, count))
        return 0.6**0.5 * shared + 0.4**0.5 * own

    of_draws, rows = draws(10), draws(200)
    halves = [rng.permutation(200)[:100] for _ in range(20)]
    by_repeat = rows.mean(axis=1, keepdims=True) + 0.05 * of_draws
    by_half = np.stack([rows[:, half].mean(axis=1) for half in halves], axis=1)
    return [Figure(by_repeat[k], by_half[k], 0.2) for k in range(figures)]


@pytest.mark.long
def test_intervals_that_hold_together_do(monkeypatch) -> None:
    """Of 24 figures that are all 0, one is outside its own interval most of the time."""
    monkeypatch.setattr("synthtab.augment.intervals.DRAWS", 1_000)
    rng = np.random.default_rng(3)
    alone, at_once = 0, 0
    for _ in range(200):
        figures = correlated(rng, 24)
        alone += all(
            low <= 0 <= high
            for low, high in (figure.estimate().interval() for figure in figures)
        )
        at_once += all(low <= 0 <= high for low, high in together(figures))
    assert alone / 200 < 0.75
    assert at_once / 200 > 0.92  # a share of .95 in 200 has a standard error of .015


def test_critical_values_by_hand() -> None:
    independent = critical_values(np.eye(5), [math.inf] * 5)
    sidak = stats.norm.ppf(0.5 + 0.95 ** (1 / 5) / 2)
    assert independent == pytest.approx([sidak] * 5, abs=0.03)
    # The same figure five times is one figure; less freedom is wider.
    same = critical_values(np.ones((5, 5)), [math.inf, 9, 9, 9, 9])
    assert same[0] == pytest.approx(stats.norm.ppf(0.975), abs=0.03)
    assert same[1] == pytest.approx(stats.t.ppf(0.975, 9), abs=0.04)


def test_one_figure_and_one_that_never_varies_need_no_correction() -> None:
    figure = Figure(np.array([0.1, 0.2, 0.6]), None, 0.2)
    still = Figure(np.array([0.1, 0.1, 0.1]), None, 0.2)
    never = Figure(np.array([math.nan, 0.1, math.nan]), None, 0.2)
    first, second, third = together([figure, still, never])
    assert first == paired_interval([0.1, 0.2, 0.6], 0.2)
    assert second == pytest.approx((0.1, 0.1))
    assert third == (-math.inf, math.inf)


# Metrics and arms


def test_measures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 90)
    scores = rng.dirichlet(np.ones(3), 90) + 0.4 * np.eye(3)[y]
    scores = (scores / scores.sum(axis=1, keepdims=True)).round(1)  # with ties
    scores[:, 2] = 1 - scores[:, 0] - scores[:, 1]
    values = measures(y.astype(float), scores, 3, 0)
    always = np.tile(np.bincount(y) / 90, (90, 1))
    errors = [
        sum(brier_score_loss(y == c, said[:, c].clip(0, 1)) for c in range(3))
        for said in (scores, always)
    ]
    assert values["brier_skill"] == pytest.approx(1 - errors[0] / errors[1])
    singles = class_values("brier_skill", y.astype(float), scores, range(3))
    assert singles == pytest.approx([r2_score(y == c, scores[:, c]) for c in range(3)])
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


def test_copies_are_every_row_as_often_and_a_bootstrap_is_not(material) -> None:
    rng = np.random.default_rng(0)
    q = material.real.view.numbers[:, 0]
    twice_more = copied(material, rng, 2.5).view.numbers[:, 0]
    # 120 rows and 300 again: each three times, and 60 of them a fourth time.
    _, counts = np.unique(twice_more, return_counts=True)
    assert len(twice_more) == 420 and sorted(set(counts)) == [3, 4]
    again = resampled(material, rng, 1.0).view.numbers[:, 0]
    _, counts = np.unique(again, return_counts=True)
    assert len(again) == 240 and counts.min() == 1 and counts.max() > 3
    assert set(again) == set(q)


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


@pytest.mark.long
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


NAMES = {
    "one": "synthetic x1",
    "two": "synthetic x2",
    "four": "synthetic x4",
    "weights": "class weights",
    "again": "bootstrap x1",
}


def trials(**differences: list[float]) -> Trials:
    """Of one learner: real rows score 0.5, and the other arms that much more."""
    made = [
        Trial(None, i, REAL, "trees", 10, 10, 5, {"auc": 0.5})
        for i in range(len(next(iter(differences.values()))))
    ]
    for arm, gains in differences.items():
        made += [
            Trial(None, i, NAMES[arm], "trees", 10, 20, 5, {"auc": 0.5 + g})
            for i, g in enumerate(gains)
        ]
    return Trials(made, "auc", 0.5)


def asked(name: str = "one", **options) -> Question:
    all_arms = arms((1.0, 2.0, 4.0), 2)
    return Question(NAMES[name], all_arms, ["trees"], rows=100, **options)


def judged(doubt: str | None = None, about: str = "one", **differences: list[float]):
    return judge(trials(**differences), asked(about, doubt=doubt))


CLEAR, VAGUE = [0.10, 0.11, 0.12, 0.11], [0.10, -0.10, 0.05, -0.02]
LOSS = [-gain for gain in CLEAR]


def test_verdicts() -> None:
    said = judged(
        one=CLEAR, two=[0.05, 0.04, 0.06, 0.05], weights=[0.01, 0.02, 0.0, 0.01]
    )
    assert (said.answer, said.asked.arm, said.ratio, said.learner) == (
        "helps",
        "synthetic x1",
        1.0,
        "trees",
    )
    assert said.baseline is not None and said.lead is not None
    assert said.baseline.arm == "class weights"
    assert said.baseline.difference == pytest.approx(0.01)
    assert said.lead.difference == pytest.approx(0.1)
    assert judged(one=VAGUE).answer == "no evidence"
    assert judged(one=LOSS).answer == "hurts"
    said = judged("seen", one=CLEAR)
    assert (said.answer, said.why, said.others) == (
        "cannot say",
        "seen",
        {"trees": "cannot say"},
    )


def test_the_answer_is_about_the_ratio_that_was_asked_for() -> None:
    """Not about the most harmless one, and without a correction for having looked at others."""
    harm = dict(one=LOSS, two=VAGUE, four=[-2 * loss for loss in LOSS])
    assert [judged(about=name, **harm).answer for name in ("one", "two", "four")] == [
        "hurts",
        "no evidence",
        "helps",
    ]
    said = judged(about="one", **harm)
    assert said.asked.interval == pytest.approx(paired_interval(LOSS, 0.5))
    assert said.best.arm == "synthetic x4"
    # What is looked at beside it has an interval for all of it.
    alone = trials(**harm).difference("synthetic x4", REAL, "trees").interval
    assert said.best.interval[0] < alone[0] and said.best.interval[1] > alone[1]


def test_duplicates_that_do_as_much_are_no_help_and_a_small_harm_is_theirs() -> None:
    small = [-0.004, -0.005, -0.006, -0.005]
    assert judged(one=CLEAR, again=CLEAR).answer == "no evidence"
    assert judged(one=CLEAR, again=[0.0, 0.01, 0.0, 0.0]).answer == "helps"
    assert judged(one=small).answer == "hurts"
    assert judged(one=small, again=small).answer == "no evidence"
    # A loss that matters is told all the same.
    said = judged(one=LOSS, again=LOSS)
    assert said.answer == "hurts" and said.control.difference == 0


def test_what_is_sure_and_next_to_nothing_is_no_effect() -> None:
    tiny = [0.0001, 0.0001, 0.00011, 0.00011]
    assert judged(one=tiny).answer == "no evidence"
    assert judged(one=[-gain for gain in tiny]).answer == "no evidence"


def test_a_harm_that_rises_with_the_rows_is_a_finding() -> None:
    rng = np.random.default_rng(0)
    steps = {"one": -0.02, "two": -0.04, "four": -0.06}
    rising = {arm: list(step + rng.normal(0, 0.002, 6)) for arm, step in steps.items()}
    trend = judged(**rising).trend
    assert trend.difference == pytest.approx(-0.02, abs=0.003)  # at each doubling
    assert trend.answer == "hurts"
    level = {arm: list(-0.02 + rng.normal(0, 0.002, 6)) for arm in steps}
    assert judged(**level).trend.answer == "no evidence"
    assert judged(one=CLEAR, two=LOSS).trend is None  # two ratios have no trend


def test_too_few_repeats_with_a_score_are_no_answer() -> None:
    nan = math.nan
    said = judged(one=[nan, nan, nan, 0.1])
    assert said.answer == "cannot say" and "only 1 of 4 repeats" in said.why
    said = judge(trials(two=CLEAR), asked("one", skipped={NAMES["one"]: "no rows"}))
    assert (said.answer, said.why) == ("cannot say", "synthetic x1: no rows")


def test_the_power_by_hand() -> None:
    # z(0.975) + z(0.8) = 2.8016: an effect of .028 needs a variance of 1e-4.
    errors = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    estimate = Estimate(0.01 * errors, of_draws=2e-5, of_rows=3e-4, freedom=math.inf)
    found = power(estimate, rows=100, repeats=10)
    assert found.seen == pytest.approx(errors * math.sqrt(3.2e-4))
    # 1e-4 less 2e-5 for the draws of ten repeats: the rows may keep 8e-5 of 3e-4.
    assert (found.rows, found.repeats) == (375, 10)
    # More draws are cheaper than more rows: they get at most half of the variance.
    noisy = Estimate(0.01 * errors, of_draws=2e-4, of_rows=4e-5, freedom=math.inf)
    found = power(noisy, rows=100, repeats=10)
    assert (found.rows, found.repeats) == (100, 40)
    # An effect next to 0 would take all rows of the world: .01 is planned for.
    assert power(Estimate(1e-6, 1e-5, 1e-5, 20), 100, 10).effect == 0.01
    assert power(Estimate(math.nan, 0, 0, 0), 100, 10) is None


def test_what_was_not_there_in_every_repeat_is_not_judged_by() -> None:
    every = trials(one=[0.01, 0.02, 0.03], two=[0.3, 0.31, 0.32])
    some = Trials(every.trials[:-1], "auc", 0.5)
    said = judge(some, asked())
    assert said.best.arm == "synthetic x1"
    # it is shown all the same, over the repeats that it has
    shown = some.difference("synthetic x2", REAL, "trees")
    assert shown.difference == pytest.approx(0.305)


@pytest.mark.long
def test_rows_as_good_as_real_ones_help(real, good, holdout) -> None:
    options = {**FAST, "repeats": 2}
    result = study(real.head(60), good, "buys", holdout, ratios=[1, 4], **options)
    said = result.verdict
    assert (said.answer, said.ratio) == ("helps", 4.0)
    assert result.compare("synthetic x4", "trees").interval[0] > 0
    assert said.asked.interval[0] <= said.asked.difference <= said.asked.interval[1]


@pytest.mark.long
def test_rows_with_the_wrong_answers_hurt(real, good, holdout) -> None:
    wrong = good.assign(buys=np.where(good["buys"] == "yes", "no", "yes"))
    options = {**FAST, "repeats": 2}
    result = study(real, wrong, "buys", holdout, ratios=[0.05, 2], **options)
    assert (result.verdict.answer, result.verdict.ratio) == ("hurts", 2.0)
    assert result.compare("synthetic x2", "trees").interval[1] < 0


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    """Each column by itself: noise with the right values."""
    rng = np.random.default_rng(5)
    columns = {name: rng.permutation(frame[name]) for name in frame}
    return pd.DataFrame(columns)


@pytest.mark.long
@pytest.mark.parametrize(
    ("rows", "learner", "answer"),
    [
        ("noise", "linear", "hurts"),
        ("duplicates", "linear", "no evidence"),
        ("fresh", "forest", "helps"),
    ],
)
def test_rows_of_which_the_answer_is_known(holdout, rows, learner, answer) -> None:
    few = table(100, 1).drop(columns="sum")
    fresh = table(500, 9)[list(few)]
    added = {"noise": shuffled(few), "duplicates": few, "fresh": fresh}
    options = {**FAST, "learners": [learner], "repeats": 2}
    ratio = len(added[rows]) / len(few)
    result = study(few, added[rows], "buys", holdout, ratios=[ratio], **options)
    assert result.verdict.answer == answer, str(result)
    assert result.metric == "brier_skill"


def test_a_number_has_duplicates_and_a_bootstrap_beside_it() -> None:
    parts = [table(n, s).drop(columns="buys") for n, s in ((60, 1), (300, 2))]
    options = {**FAST, "learners": ["linear"]}
    result = study(parts[0], shuffled(parts[0]), "sum", parts[1], **options)
    baselines = [arm.name for arm in result.arms if arm.kind == "baseline"]
    assert baselines == ["duplicates x1", "bootstrap x1"]
    assert result.verdict.answer == "hurts" and result.verdict.control is not None
    assert "the more rows, the worse" in str(result)


@pytest.mark.long
@pytest.mark.parametrize(
    ("count", "told"), [(0, "no row"), (1, "1 row"), (4, "4 rows")]
)
def test_a_holdout_without_a_class_cannot_say(real, good, holdout, count, told) -> None:
    buyers = holdout[holdout["buys"] == "yes"].head(count)
    few = pd.concat([holdout[holdout["buys"] == "no"], buyers])
    options = {**FAST, "learners": ["linear"]}
    text = str(study(real, good, "buys", few, ratios=[1], **options))
    assert f"CANNOT SAY: the holdout has {told} of class yes: at least 5" in text
    assert "nan" not in text


def test_a_holdout_of_one_number_cannot_say() -> None:
    parts = [table(n, s).drop(columns="buys") for n, s in ((60, 1), (60, 2), (60, 3))]
    same = parts[2].assign(sum=1.5)
    options = {**FAST, "learners": ["linear"]}
    text = str(study(parts[0], parts[1], "sum", same, **options))
    assert "CANNOT SAY: all rows of the holdout have the same sum" in text
    assert "nan" not in text


@pytest.mark.long
def test_what_the_study_could_see_is_said(real, good, holdout) -> None:
    options = {**FAST, "learners": ["linear"]}
    again = real.sample(30, random_state=0)
    text = str(study(real, again, "buys", holdout.head(60), **options))
    assert text.splitlines()[2].startswith("NO EVIDENCE: synthetic x0.25")
    assert "could see a difference of" in text
    assert "takes a holdout of" in " ".join(text.split())


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "ratio"),
    [({}, 1.0), ({"ratios": [0.5, 3]}, 3.0), ({"ratio": 0.5}, 0.5)],
)
def test_the_ratio_of_a_generator(real, holdout, options, ratio) -> None:
    """By default as many rows as there are; of a table all of its rows."""
    fast = {**FAST, "learners": ["linear"], "repeats": 2, **options}
    result = study(real, Drawer(real), "buys", holdout, **fast)
    assert result.verdict.ratio == ratio
    assert f"bootstrap x{ratio:.3g}" in {arm.name for arm in result.arms}


@pytest.mark.long
def test_balanced_rows_are_asked_about_by_the_order(real, good, holdout) -> None:
    fast = {**FAST, "learners": ["linear"], "repeats": 2, "ratio": "balanced"}
    result = study(real, good, "buys", holdout, **fast)
    assert (result.verdict.asked.arm, result.metric) == (BALANCED, "auc")


@pytest.mark.long
def test_repeats_are_many_where_they_are_cheap(real, holdout) -> None:
    fast = dict(learners=["linear"], ratios=[0.25])
    assert (
        study(real.head(80), Drawer(real), "buys", holdout.head(60), **fast).facts[
            "repeats"
        ]
        == 20
    )
    assert (
        study(real.head(80), real, "buys", holdout.head(60), **fast).facts["repeats"]
        == 10
    )


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
    assert result.metric == "r2"
    assert result.compare("synthetic x2", "trees").difference > 0
    ratios = [a.ratio for a in result.arms if a.kind == "synthetic" and a.is_step]
    assert ratios == [0.25, 0.5, 1.0, 2.0, 5.0]


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
    # It says of which class a figure is.
    assert set(result.verdict.by_class) == {"0", "1", "2"}
    one = result.compare("synthetic x1", "trees", "brier_skill of 1")
    assert result.verdict.by_class["1"].difference == pytest.approx(one.difference)
    text = " ".join(str(result).split())
    assert "Brier skill over all 3 classes" in text and "by class: " in text
    assert set(result.frame()["metric"]) == set(METRICS_OF_TASK["classification"])


@pytest.mark.long
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
    assert set(frame["metric"]) == set(METRICS_OF_TASK["classification"])
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
    low, high = holdout_interval(gains, list(halves))
    # Around the same mean, and wider: it holds together with all others.
    assert row["low"] + row["high"] == pytest.approx(low + high)
    assert 1.1 < (row["high"] - row["low"]) / (high - low) < 3


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
        (dict(ratio=9), ConfigError, "ratio 9 needs 1,080 rows"),
        (dict(ratio=0), ConfigError, "ratio must be a positive number or 'balanced'"),
        (dict(target="p", ratio="balanced"), ConfigError, "'p' is a number"),
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


def test_rows_that_would_tell_are_named_though_a_hundredth_could_be_seen() -> None:
    """A study that could see .0094 and measured .0065 says what .0065 takes."""
    estimate = Estimate(mean=0.0065, of_draws=0.0, of_rows=0.0033**2, freedom=50.0)
    found = power(estimate, rows=1_000, repeats=20)
    assert found is not None
    assert found.seen < 0.01
    assert found.effect == 0.0065
    assert found.rows > 1_000


def test_every_class_is_parted_in_the_same_proportion() -> None:
    classes = np.array(["rare"] * 10 + ["common"] * 90)
    for seed in range(5):
        chosen, others = parted(classes, 0.2, np.random.default_rng(seed))
        assert (classes[chosen] == "rare").sum() == 2
        assert len(chosen) == 20
        assert sorted([*chosen, *others]) == list(range(100))
