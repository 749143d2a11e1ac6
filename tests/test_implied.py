"""What follows from known cells is not drawn: completed rows keep the sums of the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer, infer
from synthtab.constraints import parse_constraint

ROWS = 600


def orders(seed: int = 0) -> pd.DataFrame:
    """Total = goods + shipping; net = total - tax; some notes are missing."""
    rng = np.random.default_rng(seed)
    goods = np.round(rng.lognormal(3, 1, ROWS), 2)
    shipping = np.where(goods > 40, 0.0, rng.choice([4.9, 9.9], ROWS))
    total = np.round(goods + shipping, 2)
    tax = np.round(total * 0.08, 2)
    return pd.DataFrame(
        {
            "kind": np.where(goods > 30, "big", "small"),
            "goods": goods,
            "shipping": shipping,
            "total": total,
            "tax": tax,
            "net": np.round(total - tax, 2),
            "items": rng.integers(1, 9, ROWS),
        }
    )


def are_sums(rows: pd.DataFrame) -> bool:
    """Whether both sums hold in every row."""
    one = (rows["goods"] + rows["shipping"] - rows["total"]).abs() < 0.005
    two = (rows["total"] - rows["tax"] - rows["net"]).abs() < 0.005
    return bool((one & two).all())


@pytest.fixture(scope="module", params=["learnt", "enforced"])
def model(request: pytest.FixtureRequest) -> Synthesizer:
    frame = orders()
    schema = infer(frame)
    if request.param == "enforced":
        texts = ["total = goods + shipping", "net = total - tax"]
        schema = schema.with_constraints(
            [parse_constraint(text, schema) for text in texts]
        )
    return Synthesizer("quick", seed=0).fit(frame, schema)


@pytest.mark.long
@pytest.mark.parametrize(
    "unknown",
    [
        ["goods"],
        ["shipping"],
        ["total"],
        ["net"],
        ["tax"],
        ["goods", "net"],
        ["goods", "shipping"],
        ["goods", "kind", "items"],
        ["tax", "net"],
    ],
    ids=" ".join,
)
def test_imputed_rows_add_up(model: Synthesizer, unknown: list[str]) -> None:
    frame = orders(1).head(60)
    filled = model.impute(frame.assign(**dict.fromkeys(unknown)))
    known = frame.columns.difference(unknown)
    pd.testing.assert_frame_equal(filled[known], frame[known], check_dtype=False)
    assert are_sums(filled)
    if len(unknown) == 1 or unknown == ["goods", "net"]:
        # Nothing is left to chance.
        for name in unknown:
            assert np.allclose(filled[name].astype(float), frame[name])


def test_whole_numbers_beyond_floats_stay_exact() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(2**60, 2**61, 300)
    frame = pd.DataFrame({"first": first, "more": rng.integers(0, 1000, 300)})
    frame["last"] = frame["first"] + frame["more"]
    model = Synthesizer("quick", seed=0).fit(frame)
    for name in frame:
        filled = model.impute(frame.head(40).assign(**{name: None}))
        assert (filled[name] == frame[name].head(40)).all(), name


def test_times_of_day_are_no_plain_numbers() -> None:
    """A constraint computes with 955 for 9:55, and 10:05 is 50 more than that."""
    rng = np.random.default_rng(0)
    minutes = rng.integers(300, 1200, 400)
    later = minutes + rng.integers(1, 60, 400)
    frame = pd.DataFrame(
        {
            "dep_time": minutes // 60 * 100 + minutes % 60,
            "arr_time": later // 60 * 100 + later % 60,
        }
    )
    frame["gap"] = frame["arr_time"] - frame["dep_time"]
    schema = infer(frame)
    assert schema["dep_time"].kind == schema["arr_time"].kind == "clock"
    rule = parse_constraint("gap = arr_time - dep_time", schema)
    model = Synthesizer("quick", seed=0).fit(frame, schema.with_constraints([rule]))
    filled = model.impute(frame.head(40).assign(gap=None))
    assert (filled["gap"] == frame["gap"].head(40)).all()


@pytest.mark.long
@pytest.mark.parametrize(
    "given", [["kind", "total"], ["shipping", "total"], ["total"], ["goods", "total"]]
)
def test_rows_of_given_cells_add_up(model: Synthesizer, given: list[str]) -> None:
    rows = model.sample(given=orders(1)[given].head(60))
    assert are_sums(rows)
