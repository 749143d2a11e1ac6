"""Columns of which some numbers have fewer decimals, or are round: the mix comes back."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from synthtab import Synthesizer
from synthtab.core.schema import Column
from synthtab.data.columns.base import Settings
from synthtab.data.columns.identifier import IdentifierEncoder
from synthtab.data.columns.numbers import NumberCodec, find_mix, with_fewer_decimals

Floats = npt.NDArray[np.float64]


def written(values: Floats, places: Sequence[int], shares: Sequence[float]) -> Floats:
    """Numbers, each rounded to a random one of some numbers of decimals."""
    chosen = np.random.default_rng(1).choice(places, len(values), p=shares)
    return np.array([round(v, int(k)) for v, k in zip(values, chosen, strict=True)])


def shares_of(values: Floats, most: int) -> Floats:
    """How many of the numbers need 0, 1, ... decimals."""
    needed = np.full(len(values), most)
    for fewer in range(most - 1, -1, -1):
        needed[np.round(values, fewer) == values] = fewer
    return np.bincount(needed, minlength=most + 1) / len(values)


MIXES = [
    ([3, 4, 5], [0.24, 0.43, 0.33]),
    ([0, 2], [0.6, 0.4]),
    ([1, 4], [0.3, 0.7]),
]


@pytest.mark.parametrize(("places", "shares"), MIXES)
def test_the_mix_is_found_behind_the_zeros(
    places: list[int], shares: list[float]
) -> None:
    drawn = np.random.default_rng(0).lognormal(9, 1, 20_000)
    distinct, counts = np.unique(written(drawn, places, shares), return_counts=True)
    mix = find_mix(distinct, counts, max(places))
    assert sum(mix) == pytest.approx(1.0)
    expected = np.zeros(max(places) + 1)
    expected[places] = shares
    # Four standard errors.
    assert np.abs(np.array(mix) - expected).max() < 4 * 0.5 / 20_000**0.5


def test_there_is_no_mix_where_zeros_tell_all() -> None:
    drawn = np.round(np.random.default_rng(0).lognormal(9, 1, 20_000), 3)
    distinct, counts = np.unique(drawn, return_counts=True)
    assert find_mix(distinct, counts, 3) == ()


@pytest.mark.parametrize(("places", "shares"), MIXES)
def test_the_order_of_numbers_stays(places: list[int], shares: list[float]) -> None:
    mix = np.zeros(max(places) + 1)
    mix[places] = shares
    drawn = np.sort(np.random.default_rng(2).normal(0, 50, 50_000).round(max(places)))
    fewer = with_fewer_decimals(drawn, tuple(mix))
    assert (np.diff(fewer) >= 0).all()
    assert np.abs(fewer - drawn).max() <= 0.5 * 10.0 ** -min(places) + 1e-9


@pytest.mark.long
@pytest.mark.parametrize(("places", "shares"), MIXES)
def test_rows_have_the_mix_of_the_table(
    places: list[int], shares: list[float], tmp_path
) -> None:
    drawn = np.random.default_rng(0).lognormal(9, 1, 1500)
    frame = pd.DataFrame({"charge": written(drawn, places, shares), "x": drawn > 8000})
    model = Synthesizer("quick", epochs=1, rounds=0, seed=0).fit(frame)
    model.save(tmp_path / "m.synthtab")
    model = Synthesizer.load(tmp_path / "m.synthtab")
    rows = model.sample(3000, seed=1)["charge"].to_numpy()
    real = shares_of(frame["charge"].to_numpy(), max(places))
    found = shares_of(rows, max(places))
    # Four standard errors of both; and means of five take what decimals they come to.
    assert np.abs(found - real).max() < 4 * 0.5 * (1 / 1500 + 1 / 3000) ** 0.5 + 0.02
    above = model.sample(50, where="charge in 9000.5..9400.25", seed=2)["charge"]
    assert above.between(9000.5, 9400.25).all()


def prices(rows: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Prices of which 6 in 10 are whole thousands, 2 in 10 whole five hundreds."""
    rng = np.random.default_rng(seed)
    drawn = rng.lognormal(13, 0.6, rows)
    grain = rng.choice([1000, 500, 1], rows, p=[0.6, 0.2, 0.2])
    return (np.rint(drawn / grain) * grain).astype(np.int64)


def dozens(rows: int) -> npt.NDArray[np.int64]:
    """Counts of which 7 in 10 are whole dozens."""
    rng = np.random.default_rng(3)
    grain = rng.choice([12, 1], rows, p=[0.7, 0.3])
    return (np.rint(rng.exponential(20_000, rows) / grain) * grain).astype(np.int64)


def on(values: npt.NDArray[np.int64], *grains: int) -> Floats:
    """The share of the numbers that are multiples of each grain."""
    return np.array([(values % grain == 0).mean() for grain in grains])


def codec_of(values: npt.NDArray[np.int64], rare: int = 5) -> NumberCodec:
    none_missing = np.zeros(len(values), dtype=bool)
    rng = np.random.default_rng(0)
    return NumberCodec.fit(values, none_missing, 0, rng, Settings(rare=rare))


def drawn_again(codec: NumberCodec, values: npt.NDArray[np.int64]) -> Floats:
    """Values of the same modes at other offsets."""
    none_missing = np.zeros(len(values), dtype=bool)
    codes, offsets = codec.encode(values, none_missing, np.random.default_rng(1))
    other = np.random.default_rng(2).random(len(values)).astype(np.float32)
    is_mode = codes >= codec.first_mode
    return codec.decode(codes, np.where(is_mode, other, offsets))[0]


@pytest.mark.parametrize(
    ("values", "grains"),
    [
        (prices(4000), (1000, 500, 10)),
        (prices(20_000), (1000, 500, 10)),
        (dozens(10_000), (12, 6, 10)),
    ],
)
def test_as_many_numbers_are_round_as_in_the_table(
    values: npt.NDArray[np.int64], grains: tuple[int, ...]
) -> None:
    codec = NumberCodec.from_state(json.loads(json.dumps(codec_of(values).state())))
    found = on(drawn_again(codec, values), *grains)
    # Four standard errors, and a hundredth for shares that are told where values crowd.
    assert np.abs(found - on(values, *grains)).max() < 4 * 0.5 / 4000**0.5 + 0.01


def test_round_numbers_come_back_as_they_are() -> None:
    values = prices(4000)
    codec = codec_of(values)
    none_missing = np.zeros(len(values), dtype=bool)
    codes, offsets = codec.encode(values, none_missing, np.random.default_rng(1))
    again, _ = codec.decode(codes, offsets)
    is_round = values % 500 == 0
    # All but those that are too few between two prices that enough rows have.
    assert (again == values)[is_round].mean() > 0.97
    assert (np.abs(again - values) <= 3).mean() > 0.95
    mode = codes[codes >= codec.first_mode][0]
    ascending = np.linspace(0, 1, 20_001, dtype=np.float32)
    line, _ = codec.decode(np.full(len(ascending), mode), ascending)
    assert (np.diff(line) >= 0).all()


def test_grains_tell_nothing_of_few_rows() -> None:
    rng = np.random.default_rng(0)
    # Ends in all digits alike, but for nineteen rows; and one value that repeats.
    values = rng.integers(10**6, 9 * 10**6, 900) // 10 * 10 + rng.integers(1, 10, 900)
    few = rng.integers(10**3, 9 * 10**3, 19) * 1000
    repeated = np.full(40, 1_234_000)
    assert codec_of(np.concatenate([values, few, repeated])).grains is None
    # Evenly spread numbers have none at all.
    assert codec_of(rng.integers(0, 10**6, 20_000)).grains is None


def keys_in_tens(rows: int, highest: int) -> npt.NDArray[np.int64]:
    """Distinct keys of which 6 in 10 end in 0 beyond chance."""
    rng = np.random.default_rng(5)
    drawn = rng.integers(highest // 10, highest, rows)
    return np.unique(np.where(rng.random(rows) < 0.6, drawn // 10 * 10, drawn))


@pytest.mark.parametrize("repeated", [False, True])
def test_as_many_keys_end_in_0_as_in_the_table(repeated: bool) -> None:
    keys = keys_in_tens(3000, 10**9)
    cells = np.concatenate([keys, keys[:900]]) if repeated else keys
    series = pd.Series(np.random.default_rng(0).permutation(cells), name="parcel_id")
    column = Column("parcel_id", "identifier", "int64")
    rng = np.random.default_rng(1)
    fitted = IdentifierEncoder.fit(series, column, rng, Settings(rare=5))
    state = json.loads(json.dumps(fitted.state()))
    encoder = IdentifierEncoder.from_state(column, state)
    no_codes = np.zeros((5000, 0))
    made = encoder.decode(no_codes, no_codes, rng, 0).to_numpy()
    distinct = np.unique(made)
    assert on(distinct, 10)[0] == pytest.approx(on(keys, 10)[0], abs=0.04)
    assert on(distinct, 100)[0] == pytest.approx(on(keys, 100)[0], abs=0.03)
    # No two alike but where they were, and none of the table's.
    assert repeated or len(distinct) == 5000
    assert not np.isin(distinct, keys).any()


def test_keys_that_count_in_tens_go_on_so() -> None:
    series = pd.Series(np.arange(100, 30_100, 10), name="line_id")
    column = Column("line_id", "identifier", "int64")
    rng = np.random.default_rng(1)
    encoder = IdentifierEncoder.fit(series, column, rng, Settings())
    no_codes = np.zeros((50, 0))
    made = encoder.decode(no_codes, no_codes, rng, 0).to_numpy()
    assert (np.diff(made) == 10).all()
    assert (made % 10 == 0).all() and made[0] > 30_090
