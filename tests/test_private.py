"""Differential privacy: what is asked costs what is said, and nothing else of the table is seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer, datasets, infer
from synthtab.core.errors import ConfigError, DataError, SchemaError
from synthtab.core.randomness import Streams
from synthtab.core.schema import Column, Schema
from synthtab.private import learn
from synthtab.private.domains import Grid, Ranges, Words
from synthtab.private.learn import private_rows
from synthtab.private.ledger import Ledger
from synthtab.private.mixture import Answer
from synthtab.private.noise import OpenDP, deviation, rho_of
from synthtab.private.target import redrawn

pytest.importorskip("opendp", reason="epsilon needs OpenDP")

SCHEMA = Schema(
    (
        Column("town", "category", "str", missing=True),
        Column("sex", "category", "str", {"categories": ["f", "m"]}),
        Column("age", "integer", "int64", {"minimum": 0, "maximum": 100}),
        Column("income", "float", "float64", {"decimals": 2}, missing=True),
        Column("member", "boolean", "bool", {"true": "True", "false": "False"}),
        Column("id", "identifier", "int64"),
    )
)


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    member = rng.random(rows) < 0.4
    income = np.round(rng.lognormal(10, 1, rows), 2)
    income[rng.random(rows) < 0.1] = np.nan
    town = rng.choice(["Ulm", "Bonn", "Kiel"], rows, p=[0.5, 0.3, 0.2]).astype(object)
    town[rng.random(rows) < 0.05] = None
    return pd.DataFrame(
        {
            "town": town,
            "sex": np.where(member, "f", "m"),
            "age": rng.integers(20, 80, rows),
            "income": income,
            "member": member,
            "id": np.arange(rows) + 1000,
        }
    )


class Watched:
    """Noise that remembers what it was given, and answers from a list or with little noise.

    Attributes:
        true: The true answers that came in, in order.
        said: The answers that went out.
    """

    def __init__(self, said: Sequence[Any] | None = None) -> None:
        self.true: list[Any] = []
        self.said: list[Any] = []
        self.prepared = list(said) if said is not None else None
        self.rng = np.random.default_rng(0)

    def _answer(self, true: Any, usual: Any) -> Any:
        self.true.append(true)
        answer = usual if self.prepared is None else self.prepared[len(self.said)]
        self.said.append(answer)
        return answer

    def counts(self, true: np.ndarray, rho: float) -> np.ndarray:
        noise = np.rint(self.rng.normal(size=len(true))).astype(np.int64)
        return self._answer(true.copy(), true + noise)

    def total(self, true: int, epsilon: float) -> int:
        return self._answer(true, true)

    def frequent(
        self, counts: Mapping[str, int], rho: float, delta: float
    ) -> dict[str, int]:
        return self._answer(dict(counts), {w: n for w, n in counts.items() if n > 20})

    def largest(self, scores: Sequence[float], rho: float) -> int:
        return self._answer(list(scores), int(np.argmax(scores)))


def rows_of(frame: pd.DataFrame, noise: Any = None, **options: Any) -> Any:
    schema = options.pop("schema", SCHEMA)
    return private_rows(
        frame,
        schema,
        2.0,
        options.pop("delta", 1e-5),
        Streams(0),
        noise=noise,
        **options,
    )


@pytest.mark.long
def test_nothing_but_the_noisy_answers_matters() -> None:
    """Given the same answers, another table leads to the same rows, to the last digit."""
    first = Watched()
    rows = rows_of(table(600), first)
    other = rows_of(
        table(900, seed=9).sample(frac=1, random_state=1), Watched(first.said)
    )
    pd.testing.assert_frame_equal(rows.frame, other.frame)
    assert rows.ledger.to_json() == other.ledger.to_json()


def distance(one: Any, two: Any) -> float:
    """By how much two true answers differ, in the sense that the noise is made for."""
    if isinstance(one, dict):
        words = {*one, *two}
        return sum(abs(one.get(w, 0) - two.get(w, 0)) for w in words)
    difference = np.abs(np.asarray(one, dtype=float) - np.asarray(two, dtype=float))
    # Of scores, each may change by 1; of counts, all together.
    return float(difference.max() if isinstance(one, list) else difference.sum())


@pytest.mark.long
@pytest.mark.parametrize("lost", [0, 97, 291])
def test_one_row_changes_no_true_answer_by_more_than_one(lost: int) -> None:
    frame = table(600)
    frame.loc[97, ["town", "income", "age"]] = ["Hamburg", 9e14, 100]
    with_all = Watched()
    rows_of(frame, with_all, target="member")
    without = Watched(with_all.said)
    rows_of(frame.drop(index=lost), without, target="member")
    assert len(with_all.true) == len(without.true) > 20
    for one, two in zip(with_all.true, without.true, strict=True):
        assert distance(one, two) <= 1 + 1e-6


@pytest.mark.long
def test_one_person_changes_no_true_answer_by_more_than_one() -> None:
    schema = Schema(
        (*SCHEMA.columns[:-1], Column("id", "identifier", "int64")), person="id"
    )
    frame = table(600)
    frame["id"] = np.arange(600) // 7
    with_all = Watched()
    rows_of(frame, with_all, schema=schema)
    assert with_all.true[0] == 86
    for person in (0, 40):
        without = Watched(with_all.said)
        rows_of(frame[frame["id"] != person], without, schema=schema)
        for one, two in zip(with_all.true, without.true, strict=True):
            assert distance(one, two) <= 1 + 1e-6


@pytest.mark.long
def test_all_is_paid_for_and_no_more_than_there_is() -> None:
    rows = rows_of(table(600))
    spent, ledger = rows.ledger.spent, rows.ledger
    assert 0.8 * ledger.rho < spent.rho <= ledger.rho * (1 + 1e-9)
    assert spent.epsilon == pytest.approx(0.02)
    assert spent.delta <= ledger.other_delta * (1 + 1e-9) == pytest.approx(5e-6)
    # What is left of epsilon and delta is what the conversion of rho costs.
    assert ledger.rho == pytest.approx(rho_of(2.0 - 0.02, 1e-5 - 5e-6))
    assert Ledger.from_json(ledger.to_json()) == ledger
    assert "(2, 1e-05)-differential privacy" in ledger.promise
    with pytest.raises(AssertionError, match="no budget is left"):
        ledger.spend("one more", rho=ledger.rho)


@pytest.mark.parametrize(("epsilon", "delta"), [(0.1, 1e-9), (1.0, 1e-6), (10.0, 1e-5)])
def test_zcdp_is_converted_tightly(epsilon: float, delta: float) -> None:
    rho = rho_of(epsilon, delta)
    # Proposition 1.3 of Bun and Steinke, which is not tight: more is allowed than it says ...
    loose = (
        math.sqrt(epsilon + math.log(1 / delta)) - math.sqrt(math.log(1 / delta))
    ) ** 2
    assert loose <= rho
    # ... and no more than twice as much.
    assert rho < 2 * loose


def test_noise_is_as_large_as_its_cost_says() -> None:
    noise = OpenDP()
    for rho in (0.5, 0.02):
        drawn = noise.counts(np.zeros(20_000, dtype=np.int64), rho)
        # The standard error of a deviation of 20,000 draws is .5 %.
        assert drawn.std() == pytest.approx(deviation(rho), rel=0.03)
        assert abs(drawn.mean()) < 4 * deviation(rho) / math.sqrt(20_000)
    totals = [noise.total(1000, 0.5) for _ in range(400)]
    assert 950 < np.mean(totals) < 1050 and np.std(totals) > 1
    assert noise.largest([0.0, 50.0, 3.0], rho=1.0) == 1


def test_words_of_single_rows_are_not_told() -> None:
    noise = OpenDP()
    counts = {f"secret {i}": 1 for i in range(500)} | {"usual": 10_000}
    for _ in range(20):
        assert set(noise.frequent(counts, rho=0.01, delta=1e-6)) == {"usual"}


@pytest.mark.long
def test_rows_have_the_columns_and_what_goes_together() -> None:
    frame = table(4000)
    rows = rows_of(frame, target="member").frame
    assert list(rows) == list(frame)
    assert (rows.dtypes == frame.dtypes).all()
    assert abs(len(rows) - 4000) < 1000
    assert set(rows["sex"]) == {"f", "m"}
    assert set(rows["town"].dropna()) == {"Ulm", "Bonn", "Kiel"}
    assert rows["age"].between(15, 85).mean() > 0.98
    assert ((rows["sex"] == "f") == rows["member"]).mean() > 0.95
    # A number without bounds, of which a few lie far out.
    assert rows["income"].median() == pytest.approx(frame["income"].median(), rel=0.3)
    assert rows["income"].max() < 1e8
    assert rows["income"].isna().mean() == pytest.approx(0.1, abs=0.05)
    assert rows["id"].is_unique


@pytest.mark.long
def test_three_columns_that_only_go_together_as_three_are_found() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        rng.integers(0, 2, (20_000, 5)).astype(bool), columns=[*"abcde"]
    )
    frame["c"] = frame["a"] ^ frame["b"]
    schema = Schema(
        tuple(
            Column(n, "boolean", "bool", {"true": "True", "false": "False"})
            for n in "abcde"
        )
    )
    rows = rows_of(frame, schema=schema).frame
    assert (rows["c"] == (rows["a"] ^ rows["b"])).mean() > 0.75


@pytest.mark.long
def test_cells_that_do_not_fit_are_missing_and_not_told() -> None:
    frame = table(600).astype(object)
    frame.loc[3, "age"] = "Agent 007"
    frame.loc[4, "sex"] = "hermaphrodite of Kiel"
    rows = rows_of(frame.astype(str)).frame
    assert set(rows["sex"]) <= {"f", "m"}
    assert "Agent 007" not in set(rows["age"].astype(str))


def test_of_columns_that_tell_nothing_nothing_is_learnt() -> None:
    frame = pd.DataFrame(
        {"name": [f"p{i}" for i in range(60)], "land": "CH", "id": range(60)}
    )
    schema = Schema(
        (
            Column("name", "category", "str", missing=True),
            Column("land", "constant", "str", {"value": "CH"}),
            Column("id", "identifier", "int64"),
        )
    )
    rows = rows_of(frame, schema=schema).frame
    assert rows["name"].isna().all()
    assert (rows["land"] == "CH").all()
    assert rows["id"].tolist() == list(range(1, len(rows) + 1))


def test_ranges_are_where_the_rows_are() -> None:
    column = Column("x", "float", "float64", {"decimals": 2})
    grid = Grid.of(column)
    numbers = np.array([-1e14, -3.25, 0.0, 0.01, 17.5, 1e14])
    places = grid.places(numbers)
    assert (np.diff(places) >= 0).all() and places[0] < places[2] < places[4]
    bounded = Grid.of(Column("n", "integer", "int64", {"minimum": 5, "maximum": 9}))
    assert len(set(bounded.places(np.arange(5.0, 10.0)).tolist())) == 5


@pytest.mark.parametrize("step", [None, 0.5])
def test_a_domain_gives_back_its_own_values(step: float | None) -> None:
    rng = np.random.default_rng(0)
    decimals = {} if step is None else {"decimals": 1}
    column = Column("x", "float", "float64", decimals, missing=True)
    ranges = Ranges(column, np.array([0.0, 1.0, 1.5, 40.0]), step)
    codes = rng.integers(0, ranges.size, 500)
    assert (ranges.codes(ranges.cells(codes, rng)) == codes).all()
    words = Words(SCHEMA["town"], ["Ulm", "Bonn"], np.array([2.0, 1.0]))
    # "Any other word" becomes one of those that there are; missing stays missing.
    codes = np.array([0, 1, 2, 3])
    again = words.codes(words.cells(codes, rng))
    assert again[[0, 1, 3]].tolist() == [0, 1, 3] and again[2] in (0, 1)


@pytest.mark.parametrize(
    ("low", "high", "decimals"),
    [(0, 100_000, 7), (-1_000_000, 1_000_000, 0), (0, 1, 9)],
)
def test_a_wide_column_is_cut_into_ranges_that_hold_all_of_it(
    low: float, high: float, decimals: int
) -> None:
    """Amounts of which many are 0: neither that nor the upper tenth may get lost."""
    rng = np.random.default_rng(0)
    amounts = rng.lognormal(0, 1.5, 11_000)
    amounts *= high / 100 / np.quantile(amounts, 0.99)
    amounts[rng.random(11_000) < 0.4] = 0
    frame = pd.DataFrame({"x": amounts.clip(0, high).round(decimals)})
    options = {"minimum": low, "maximum": high, "decimals": decimals}
    schema = Schema((Column("x", "float", "float64", options),))
    if decimals == 0:
        schema = Schema((Column("x", "integer", "float64", options),))
    rows = private_rows(frame, schema, 0.5, 1e-6, Streams(0)).frame
    for share in (0.2, 0.5, 0.7, 0.9):
        real, made = (float(t["x"].quantile(share)) for t in (frame, rows))
        assert made == 0 if real == 0 else 0.5 * real < made < 2 * real, share
    assert rows["x"].max() <= high


def test_words_that_may_not_be_told_are_missing_cells() -> None:
    """Thirty rows with little budget: no word is so frequent that it may be told."""
    schema = Schema((Column("town", "category", "str"),))
    rows = private_rows(
        table(30)[["town"]].fillna("Ulm"), schema, 0.1, None, Streams(0)
    )
    assert rows.frame["town"].isna().all()
    assert rows.schema["town"].missing


# ------------------------------------------------------------------------------------------
# The model


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    frame = datasets.load("penguins")
    return Synthesizer("quick", epsilon=8.0, target="species", seed=0).fit(
        frame, infer(frame)
    )


@pytest.mark.long
def test_a_private_model_does_what_others_do(model: Synthesizer, tmp_path: Any) -> None:
    rows = model.sample(200, where="species = Gentoo")
    assert (rows["species"] == "Gentoo").all()
    assert model.report_["privacy"]["epsilon"] == 8.0
    model.save(tmp_path / "m.synthtab")
    again = Synthesizer.load(tmp_path / "m.synthtab")
    pd.testing.assert_frame_equal(again.sample(20), model.sample(20))
    facts = dict(again.describe())
    assert "(8, " in facts["privacy"] and "public" in facts["not covered"]
    assert "counts of 'species'" in facts["ledger"]


@pytest.mark.long
def test_no_row_was_learnt_so_none_is_held_out(model: Synthesizer) -> None:
    with pytest.raises(DataError, match="has learnt no row"):
        model.split(datasets.load("penguins"))


@pytest.mark.long
def test_the_commands_know_the_promise(call: Any, root: Any, tmp_path: Any) -> None:
    table = root / "datasets" / "penguins" / "penguins.csv"
    infer(pd.read_csv(table)).save(tmp_path / "public.json")
    refused = call("fit", str(table), "--epsilon", "2")
    assert refused.status == 2 and "needs --schema" in refused.err
    plan = ["--epsilon", "2", "--schema", "public.json", "-o", "m.synthtab"]
    plan += ["--preset", "quick", "--time", "2s"]
    dry = call("fit", str(table), *plan, "--dry-run")
    assert "epsilon 2, delta 1 / (n sqrt n)" in dry.out
    fitted = call("fit", str(table), *plan)
    assert fitted.status == 0, fitted.err
    assert "promise: (2, " in fitted.err
    assert "(2, " in call("inspect", "m.synthtab").out
    assert call("sample", "-n", "60", "-m", "m.synthtab", "-o", "rows.csv").status == 0
    judged = call(
        "evaluate", str(table), "rows.csv", "--model", "m.synthtab", "--html", "r.html"
    )
    assert judged.status == 0 and "promise of m.synthtab" in judged.err
    assert "is not covered" in (tmp_path / "r.html").read_text("utf-8")


@pytest.mark.long
def test_two_private_models_differ_for_the_noise_has_no_seed(
    model: Synthesizer,
) -> None:
    frame = datasets.load("penguins")
    other = Synthesizer("quick", epsilon=8.0, target="species", seed=0).fit(
        frame, infer(frame)
    )
    assert not other.sample(50).equals(model.sample(50))


def test_what_cannot_be_is_one_line() -> None:
    frame = table(50)
    with pytest.raises(ConfigError, match="needs a schema"):
        Synthesizer(epsilon=1.0).fit(frame)
    with pytest.raises(ConfigError, match="together with epsilon"):
        Synthesizer(delta=1e-5).fit(frame)
    for epsilon in (0, -1, math.inf, math.nan):
        with pytest.raises(ConfigError, match="epsilon must be more than 0"):
            Synthesizer(epsilon=epsilon).fit(frame, SCHEMA)
    with pytest.raises(ConfigError, match="delta must be between"):
        Synthesizer(epsilon=1.0, delta=1.0).fit(frame, SCHEMA)
    with pytest.raises(DataError, match="lacks the column 'town'"):
        Synthesizer(epsilon=1.0).fit(frame.drop(columns="town"), SCHEMA)
    with pytest.raises(DataError, match="target 'wage' is not a column"):
        Synthesizer(epsilon=1.0, target="wage").fit(frame, SCHEMA)
    text = Schema((Column("place", "compound", "str"),))
    with pytest.raises(SchemaError, match="'place' is of kind compound"):
        rows_of(pd.DataFrame({"place": ["1, 2"] * 50}), schema=text)


# ------------------------------------------------------------------------------------------
# An attack


class Weak(OpenDP):
    """A build with half of the noise that it should have."""

    def counts(self, true: np.ndarray, rho: float) -> np.ndarray:
        return super().counts(true, 4 * rho)


def guess(noise: OpenDP, canary: bool, monkeypatch: pytest.MonkeyPatch) -> float:
    """How much all noisy counts speak for the canary, in the best way that there is."""
    evidence = 0.0
    original = type(noise).counts

    def watched(self: OpenDP, true: np.ndarray, rho: float) -> np.ndarray:
        nonlocal evidence
        noisy = original(self, true, rho)
        # The canary has the last value of every column, which nobody else has.
        evidence += float(noisy[-1]) / deviation(rho) ** 2
        return noisy

    monkeypatch.setattr(type(noise), "counts", watched)
    words = {"categories": ["a", "b", "z"]}
    schema = Schema(tuple(Column(n, "category", "str", words) for n in ("x", "y")))
    frame = pd.DataFrame({"x": [*"ab"] * 20, "y": [*"aabb"] * 10})
    if canary:
        frame.loc[40] = ["z", "z"]
    rows_of_two = private_rows(frame, schema, EPSILON, DELTA, Streams(0), noise=noise)
    monkeypatch.undo()
    assert len(rows_of_two.frame)
    return evidence


EPSILON, DELTA = 1.0, 0.05
RUNS = 4000


def least_epsilon(with_canary: np.ndarray, without: np.ndarray) -> float:
    """A lower bound of epsilon at 95 %, by the best threshold of half of the runs.

    Clopper-Pearson intervals of both rates, by the other half (Jagielski et al., arXiv
    2006.07709).
    """
    from scipy.stats import beta

    def bound(runs_with: np.ndarray, runs_without: np.ndarray, at: float) -> float:
        hits, alarms = (runs_with > at).sum(), (runs_without > at).sum()
        n = len(runs_with)
        least_hits = beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
        most_alarms = beta.ppf(0.975, alarms + 1, n - alarms) if alarms < n else 1.0
        return math.log(max(least_hits - DELTA, 1e-9) / most_alarms)

    half = len(without) // 2
    thresholds = np.quantile(without[:half], np.linspace(0.5, 0.999, 60))
    best = max(thresholds, key=lambda at: bound(with_canary[:half], without[:half], at))
    return bound(with_canary[half:], without[half:], best)


@pytest.mark.slow
@pytest.mark.parametrize("build", [OpenDP, Weak])
def test_a_canary_is_not_told_beyond_the_promise(
    build: type[OpenDP], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learn, "STEPS", 0)
    monkeypatch.setattr(learn, "LAST_STEPS", 0)
    rho = rho_of(0.99 * EPSILON, DELTA)
    monkeypatch.setattr(learn, "rho_of", lambda epsilon, delta: rho)

    def runs(canary: bool) -> np.ndarray:
        # The patches of one run are undone by it.
        found = []
        for _ in range(RUNS):
            with pytest.MonkeyPatch.context() as patch:
                found.append(guess(build(), canary, patch))
        return np.array(found)

    least = least_epsilon(runs(True), runs(False))
    if build is OpenDP:
        assert least < EPSILON
    else:
        assert least > EPSILON


def test_the_target_is_drawn_anew_as_the_counts_say_and_no_more() -> None:
    rng = np.random.default_rng(0)
    rows = 40_000
    codes = {
        "a": rng.integers(0, 3, rows),
        "b": rng.integers(0, 2, rows),
        "c": rng.integers(0, 4, rows),
        "y": np.zeros(rows, dtype=np.int64),
    }
    score = np.array([-2.0, 0.0, 1.0])[codes["a"]] + 1.5 * codes["b"]
    y = (rng.random(rows) < 1 / (1 + np.exp(-score))).astype(np.int64)
    sizes = {"a": 3, "b": 2, "c": 4, "y": 2}

    def counted(*names: str) -> Answer:
        cells = [y if name == "y" else codes[name] for name in names]
        table = np.zeros([sizes[name] for name in names])
        np.add.at(table, tuple(cells), 1.0)
        return Answer(names, table.ravel(), 5.0)

    answers = [counted("y"), counted("a", "y"), counted("y", "b"), counted("a", "c")]
    drawn = redrawn(codes, answers, "y", sizes, np.random.default_rng(1))
    for a in range(3):
        for b in range(2):
            here = (codes["a"] == a) & (codes["b"] == b)
            assert abs(drawn[here].mean() - y[here].mean()) < 0.03
    # An answer of three columns is heeded, too.
    y = codes["a"] % 2 ^ codes["b"]
    answers = [counted("y"), counted("a", "y", "b")]
    drawn = redrawn(codes, answers, "y", sizes, np.random.default_rng(1))
    assert (drawn == y).mean() > 0.95


def test_noise_that_hides_everything_leaves_the_target_nearly_even() -> None:
    rng = np.random.default_rng(0)
    codes = {"a": rng.integers(0, 30, 3000), "y": np.zeros(3000, dtype=np.int64)}
    noise = 3000 * rng.normal(size=60)
    answers = [Answer(("a", "y"), noise, 3000.0)]
    drawn = redrawn(codes, answers, "y", {"a": 30, "y": 2}, np.random.default_rng(1))
    shares = pd.Series(drawn).groupby(codes["a"]).mean()
    assert shares.between(0.2, 0.8).all()


def test_times_of_day_end_with_the_day() -> None:
    column = Column("at", "clock", "int64", {"minimum": 5, "maximum": 2355})
    domain = Ranges(column, np.array([0.0, 600.0, 1500.0]), 1.0)
    rng = np.random.default_rng(0)
    cells = domain.cells(np.ones(2000, dtype=np.int64), rng)
    assert cells.max() <= 2400 and (cells % 100 < 60).all()
    assert cells.max() > 2300
