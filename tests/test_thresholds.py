"""Thresholds: a word and one number say on which side of a limit another number lies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer, infer
from synthtab.core.layout import Rule
from synthtab.core.randomness import Streams
from synthtab.data.encoder import TableEncoder
from synthtab.data.relations.thresholds import roundest


def insurance(rows: int = 2000, seed: int = 0, wrong: float = 0.0) -> pd.DataFrame:
    """Smokers with a BMI of 30 and more pay more than 30,000, other smokers less."""
    r = np.random.default_rng(seed)
    age = r.integers(18, 65, rows)
    bmi = r.normal(30.7, 6, rows).round(2)
    smokes = r.random(rows) < 0.25
    is_dear = (bmi >= 30) ^ (r.random(rows) < wrong)
    dear = (
        np.where(is_dear, 32_500, 13_000) + 250 * (age - 18) + 300 * r.normal(size=rows)
    )
    plain = 3000 + 270 * (age - 18) + r.gamma(1, 4000, rows)
    return pd.DataFrame(
        {
            "age": age,
            "bmi": bmi,
            "smoker": np.where(smokes, "yes", "no"),
            "region": np.array(["n", "s", "w"])[r.integers(0, 3, rows)],
            "charges": np.where(smokes, dear, plain).round(2),
        }
    )


def limits_of(frame: pd.DataFrame, **people) -> list[tuple[TableEncoder, Rule]]:
    encoder = TableEncoder.fit(
        frame, infer(frame, rare=5, **people), Streams(0), rare=5
    )
    return [
        (encoder, rule)
        for rule in encoder.layout.rules
        if len(rule.blocks) == 3 and rule.cuts
    ]


def test_a_threshold_is_found_and_told() -> None:
    ((encoder, rule),) = limits_of(insurance())
    columns = [encoder.layout.blocks[b].column for b in rule.blocks]
    assert columns[0] == "smoker" and {*columns[1:]} == {"bmi", "charges"}
    assert rule.never and rule.free == 0.0
    (line,) = [line for line in encoder.rules if "limits" in line]
    assert line.endswith("lie on the same sides of two limits, as smoker says")
    again = TableEncoder.from_state(encoder.state())
    assert again.layout.rules == encoder.layout.rules
    # Round limits of the BMI and, with the gap between, of the charges.
    bmi = pieces(encoder, rule, "bmi", [29.7, 29.9, 30.1, 30.3])
    assert bmi[:2] == [bmi[0]] * 2 and bmi[2:] == [bmi[0] + 1] * 2
    charges = pieces(encoder, rule, "charges", [20_000, 24_000, 28_000, 34_000])
    assert charges[:2] == [charges[0]] * 2
    assert charges[2:] == [charges[0] + 1, charges[0] + 2]


def pieces(
    encoder: TableEncoder, rule: Rule, name: str, values: list[float]
) -> list[int]:
    """In which piece of a rule some numbers of a column lie."""
    frame = insurance(len(values)).assign(**{name: values})
    encoded = encoder.encode(frame, Streams(0))
    blocks = [encoder.layout.blocks[b].column for b in rule.blocks]
    place = blocks.index(name)
    block = rule.blocks[place]
    column = encoder.layout.continuous.tolist().index(block)
    key = encoded.codes[:, block] + encoded.offsets[:, column]
    return np.searchsorted(rule.cuts[place], key).tolist()


def test_few_exceptions_are_left_and_many_make_no_rule() -> None:
    ((_, rule),) = limits_of(insurance(6000, wrong=0.006))
    assert 0 < rule.free < 0.03
    assert limits_of(insurance(6000, wrong=0.08)) == []


def test_what_rises_smoothly_has_no_threshold() -> None:
    r = np.random.default_rng(0)
    x = r.normal(size=4000)
    frame = pd.DataFrame(
        {
            "word": np.array(["a", "b"])[r.integers(0, 2, 4000)],
            "x": x.round(4),
            "steep": np.tanh(3 * x).round(4),
            "close": (x + 0.1 * r.normal(size=4000)).round(4),
            "noise": r.gamma(1, 1, 4000).round(4),
        }
    )
    assert limits_of(frame) == []


def test_rows_of_few_people_are_no_evidence() -> None:
    frame = insurance()
    frame["person"] = [f"p{i % 60}" for i in range(len(frame))]
    assert limits_of(frame.drop(columns="person"))
    assert limits_of(frame, person="person") == []


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (29.93, 30.02, 30.0),
        (29_870.0, 32_500.0, 30_000.0),
        (-0.31, 0.2, 0.0),
        (-1234.5, -1187.25, -1200.0),
        (0.1249, 0.12495, 0.12495),
    ],
)
def test_limits_are_round(low: float, high: float, found: float) -> None:
    assert roundest(low, high) == pytest.approx(found, abs=4e-5)


@pytest.mark.long
@pytest.mark.parametrize("options", [{}, {"epochs": 1, "width": 16, "depth": 1}])
def test_sampled_rows_are_on_the_right_side(options: dict[str, int]) -> None:
    """By forests, and by a network that has learnt next to nothing."""
    frame = insurance(1500)
    rest = dict(adversarial=0, rounds=0) if options else {}
    model = Synthesizer(seed=0, **options, **rest).fit(frame)
    rows = model.sample(3000)
    smokers = rows[rows["smoker"] == "yes"]
    wrong = (smokers["bmi"] >= 30) != (smokers["charges"] > 30_000)
    assert len(smokers) > 300 and wrong.mean() < 0.01
    # Whatever is given.
    given = frame.loc[frame["smoker"] == "yes", ["smoker", "charges"]]
    done = model.sample(given=given)
    wrong = (done["bmi"] >= 30) != (done["charges"] > 30_000)
    assert wrong.mean() < 0.01
