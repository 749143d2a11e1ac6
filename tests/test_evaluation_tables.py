"""Wasserstein, mutual information, triples and missing patterns against scipy,
scikit-learn and counting by hand.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, wasserstein_distance
from sklearn.metrics import normalized_mutual_info_score

from synthtab.evaluation import Score, evaluate, floors, levels
from synthtab.evaluation.metrics import pairs, triples


def frame(seed: int, rows: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    group = rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    y = np.where(rng.random(rows) < 0.5, 0.0, np.exp(x * (1 + 0.2 * seed)))
    found = pd.DataFrame(
        {
            "x": x,
            "y": y,
            "group": group,
            "flag": np.where(x + (group == "b") > 0.5, "yes", "no"),
        }
    )
    found.loc[rng.random(rows) < 0.1, "y"] = np.nan
    return found


def score(name: str, *tables: pd.DataFrame, **options: object) -> Score:
    return evaluate(*tables, metrics=[name], **options).scores[0]  # type: ignore[arg-type]


def reference(found: Score) -> float:
    assert found.reference is not None
    return found.reference.value


def test_wasserstein_is_scipys_in_real_standard_deviations() -> None:
    real, synthetic = frame(0), frame(1, 450)
    found = score("wasserstein", real, synthetic, numeric=["x", "y"])
    for name in ("x", "y"):
        a, b = real[name].dropna(), synthetic[name].dropna()
        assert found.detail["columns"][name] == pytest.approx(
            wasserstein_distance(a, b) / a.std(ddof=0)
        )
    assert found.value == pytest.approx(np.mean(list(found.detail["columns"].values())))


def test_wasserstein_has_the_units_of_the_column() -> None:
    real = pd.DataFrame({"x": np.arange(100.0)})
    shifted = score("wasserstein", real, real + 3.0, numeric=["x"])
    assert shifted.value == pytest.approx(3.0 / real["x"].std(ddof=0))
    empty = score("wasserstein", real, real.assign(x=np.nan), numeric=["x"])
    assert empty.value == 1.0
    constant = pd.DataFrame({"x": [1.0] * 30, "c": ["a", "b", "c"] * 10})
    assert (
        score("wasserstein", constant, constant, numeric=["x"]).status
        == "skipped: no numeric column varies"
    )


def test_the_wasserstein_floor_is_the_mean_over_bootstraps() -> None:
    rng = np.random.default_rng(4)
    values = np.sort(np.concatenate([np.zeros(150), np.exp(rng.normal(size=150))]))
    drawn = [wasserstein_distance(values, rng.choice(values, 80)) for _ in range(3000)]
    error = np.std(drawn) / math.sqrt(len(drawn))
    assert floors.wasserstein_floor(values, 80) == pytest.approx(
        np.mean(drawn), abs=4 * error
    )


@pytest.mark.parametrize("m", [1, 7, 450, 5000])
def test_the_deviation_of_a_share_is_the_sum_over_the_binomial(m: int) -> None:
    p = np.array([0.0, 1e-4, 0.2, 0.5, 0.97, 1.0])
    k = np.arange(m + 1)
    expected = [(np.abs(k / m - share) * binom.pmf(k, m, share)).sum() for share in p]
    np.testing.assert_allclose(
        floors.share_deviation(p, m), expected, rtol=2e-3, atol=1e-12
    )


def test_mutual_information_is_scikit_learns() -> None:
    real, synthetic = frame(0), frame(1, 450)
    found = score("mutual_information_error", real, synthetic, numeric=["x", "y"])

    def by_hand(table: pd.DataFrame) -> pd.DataFrame:
        """Ten quantile bins of x; of y the zeros have a bin of their own and missing
        cells too.
        """
        bins = {"group": table["group"], "flag": table["flag"]}
        for name in ("x", "y"):
            edges = levels.quantile_edges(real[name].to_numpy(), pairs.BINS)
            bins[name] = pd.Series(np.digitize(table[name], edges)).mask(
                table[name].isna(), -1
            )
        return pd.DataFrame(bins)

    assert len(found.detail["pairs"]) == 6
    expected = []
    for a, b in itertools.combinations(["x", "y", "flag", "group"], 2):
        shares = [
            normalized_mutual_info_score(t[a], t[b])
            for t in map(by_hand, (real, synthetic))
        ]
        name = f"{a} + {b}"
        assert found.detail["real"][name] == pytest.approx(shares[0])
        assert found.detail["synthetic"][name] == pytest.approx(shares[1])
        expected.append(100 * abs(shares[0] - shares[1]))
    assert found.value == pytest.approx(np.mean(expected))


def test_quantile_bins_are_even_and_a_repeated_value_takes_one() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    plain = np.bincount(np.digitize(values, levels.quantile_edges(values, 10)))
    assert len(plain) == 10
    assert np.ptp(plain) <= 1
    heavy = np.append(np.zeros(9000), np.abs(values) + 1)
    bins = np.digitize(heavy, levels.quantile_edges(heavy, 10))
    assert (bins[:9000] == 0).all()
    assert len(np.bincount(bins)) == 10
    assert np.bincount(bins)[1:].min() > 90
    assert levels.quantile_edges(
        np.array([1.0, 2.0, 2.0, np.nan, 5.0]), 10
    ).tolist() == [2.0, 5.0]


def test_the_floor_of_the_mutual_information_is_that_of_a_fresh_sample() -> None:
    """Mean over pairs of independent tables: the mutual information of a sample is
    biased, the floor must not be.
    """
    found = [
        score("mutual_information_error", same(2 * s), same(2 * s + 1))
        for s in range(20)
    ]
    values, beside = [f.value for f in found], [reference(f) for f in found]
    error = np.std(values) / math.sqrt(len(values))
    assert np.mean(beside) == pytest.approx(np.mean(values), abs=4 * error)


@pytest.mark.long
def test_a_broken_pair_is_named_though_its_columns_are_right() -> None:
    real, synthetic = same(0, 2000), same(1, 2000)
    synthetic["a"] = -synthetic[
        "a"
    ]  # as much information as before, of the opposite sign
    found = score("detection_auc", real, synthetic)
    assert list(found.detail["pairs"]) == ["a + b"]
    assert score("detection_auc", real, same(2, 2000)).detail["pairs"] == {}


def same(seed: int, rows: int = 500) -> pd.DataFrame:
    """Tables of one population: a and b depend on each other, c and d on nothing."""
    rng = np.random.default_rng(1000 + seed)
    a = rng.normal(size=rows)
    return pd.DataFrame(
        {
            "a": a,
            "b": a + rng.normal(size=rows),
            "c": rng.choice(list("pqr"), rows),
            "d": rng.normal(size=rows),
        }
    )


def test_triples_agree_with_counting() -> None:
    real, synthetic = frame(0), frame(1, 450)
    found = score("triples_error", real, synthetic, numeric=["x", "y"])

    def shares(table: pd.DataFrame, names: tuple[str, ...]) -> pd.Series:
        columns = {}
        for name in names:
            columns[name] = table[name]
            if name in ("x", "y"):
                edges = levels.quantile_edges(real[name].to_numpy(), triples.BINS)
                columns[name] = pd.Series(np.digitize(table[name], edges)).mask(
                    table[name].isna(), -1
                )
        return pd.DataFrame(columns).value_counts(normalize=True)

    expected = {}
    for names in itertools.combinations(["x", "y", "flag", "group"], 3):
        difference = shares(real, names).sub(shares(synthetic, names), fill_value=0)
        expected[" + ".join(names)] = 50 * difference.abs().sum()
    assert found.detail["triples"] == pytest.approx(expected)
    assert found.interval is None  # all of them


def test_three_columns_may_be_wrong_though_all_pairs_are_right() -> None:
    def parity(seed: int, odd: bool) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        a, b = rng.integers(0, 2, (2, 2000))
        return pd.DataFrame(
            {"a": a, "b": b, "c": (a + b) % 2 if odd else rng.integers(0, 2, 2000)}
        ).astype(str)

    report = evaluate(
        parity(0, True),
        parity(1, False),
        metrics=["mutual_information_error", "triples_error"],
    )
    assert report.score("mutual_information_error").value < 0.2
    assert report.score("triples_error").value == pytest.approx(50, abs=5)


def test_the_floor_of_the_triples_is_the_mean_over_bootstraps() -> None:
    real = frame(0, 800)
    found = [
        score("triples_error", real, real.sample(500, replace=True, random_state=s))
        for s in range(20)
    ]
    values = [f.value for f in found]
    assert reference(found[0]) == pytest.approx(
        np.mean(values), abs=4 * np.std(values) / math.sqrt(len(values))
    )


def test_a_random_part_of_many_triples_has_an_interval_that_holds_the_whole() -> None:
    rng = np.random.default_rng(0)

    def wide(noise: float) -> pd.DataFrame:
        base = rng.normal(size=(300, 1))
        return pd.DataFrame(
            base * np.linspace(0, 1, 14) + noise * rng.normal(size=(300, 14))
        ).add_prefix("c")

    real, synthetic = wide(0.5), wide(1.0)
    found = score("triples_error", real, synthetic)
    assert (found.detail["number of triples"], found.detail["of"]) == (200, 364)
    assert found.interval is not None
    low, high = found.interval
    assert low < found.value < high
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(triples, "MAX_TRIPLES", 1000)
        whole = score("triples_error", real, synthetic)
    assert whole.interval is None
    middle = (low + high) / 2
    assert abs(whole.value - middle) < 1.6 * (high - middle)  # three standard errors


def test_a_random_part_of_many_pairs_has_an_interval_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    real, other = (
        pd.DataFrame(rng.normal(size=(200, 12)) @ rng.normal(size=(12, 12))).add_prefix(
            "c"
        )
        for _ in "ab"
    )
    whole = score("mutual_information_error", real, other)
    assert whole.interval is None
    assert whole.detail["number of pairs"] == 66
    monkeypatch.setattr(pairs, "MIN_PAIRS", 30)
    monkeypatch.setattr(pairs, "MAX_PAIRS", 30)
    part = score("mutual_information_error", real, other)
    assert part.detail["number of pairs"] == 30
    assert part.interval is not None
    assert part.interval[0] < part.value < part.interval[1]
    assert abs(part.value - whole.value) < 1.6 * (
        part.interval[1] - part.value
    )  # three standard errors


def test_combinations_are_distinct_and_cover_everything() -> None:
    rng = np.random.default_rng(0)
    assert sorted(levels.combination_of(i, 3) for i in range(35)) == list(
        itertools.combinations(range(7), 3)
    )
    some = levels.some_combinations(3000, 3, 50, rng)  # of 4,495,501,000
    assert len(set(some)) == 50
    assert all(0 <= a < b < c < 3000 for a, b, c in some)
    assert levels.some_combinations(4, 2, 6, rng) == list(
        itertools.combinations(range(4), 2)
    )


def test_missing_patterns_by_hand() -> None:
    nan = np.nan
    real = pd.DataFrame(
        {
            "x": [1.0, nan, nan, 2.0] * 10,
            "c": ["a", None, None, "b"] * 10,
            "w": list("pqrp") * 10,
        }
    )
    apart = real.assign(x=[nan, 1.0, nan, 2.0] * 10)
    report = evaluate(
        real, apart, numeric=["x"], metrics=["missing_error", "missing_patterns"]
    )
    assert report.score("missing_error").value == 0.0  # the rates are right
    found = report.score("missing_patterns")
    # real: both missing 1/2, none 1/2; synthetic: x 1/4, c 1/4, both 1/4, none 1/4
    assert found.value == pytest.approx(50.0)
    assert found.detail["number of patterns"] == 2
    assert {
        tuple(p["missing"]): (p["real"], p["synthetic"])
        for p in found.detail["patterns"]
    } == {
        (): (0.5, 0.25),
        ("c",): (0.0, 0.25),
        ("x",): (0.0, 0.25),
        ("x", "c"): (0.5, 0.25),
    }
    # A perfect sampler's total variation is E|K/40 - 1/2|.
    k = np.arange(41)
    assert reference(found) == pytest.approx(
        100 * (np.abs(k / 40 - 0.5) * binom.pmf(k, 40, 0.5)).sum()
    )
    whole = pd.DataFrame({"x": np.arange(30.0)})
    assert score("missing_patterns", whole, whole, numeric=["x"]).status.endswith(
        "missing in either table"
    )
