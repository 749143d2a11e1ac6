"""Columns whose numbers do not all have the same decimals: the mix comes back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from synthtab import Synthesizer
from synthtab.data.columns.numbers import find_mix, with_fewer_decimals

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
