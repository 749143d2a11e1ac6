"""Rows that equal others, to the last cell: as many as in the table, and no copies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from synthtab import Synthesizer
from synthtab.sampling.recipe import equal_pairs, find_repeats
from synthtab.sampling.sampler import Repeats

BRIEF = dict(epochs=1, width=16, depth=1, adversarial=0, rounds=0, seed=0)


def stays(rows: int = 2400, repeated: float = 0.13, seed: int = 0) -> pd.DataFrame:
    """Stays of hotels: a share of the rows are bookings of two rooms."""
    r = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "price": r.gamma(4, 25, rows).round(2),
            "nights": r.poisson(3, rows),
            "lead": r.integers(0, 300, rows),
            "segment": np.array(["group", "direct", "agent"])[r.integers(0, 3, rows)],
        }
    )
    twins = int(rows * repeated / 2)
    table = pd.concat([table.iloc[:twins], table.iloc[: rows - twins]])
    return table.sample(frac=1, random_state=seed, ignore_index=True)


def share(table: pd.DataFrame) -> float:
    """Of the rows, those that equal another one."""
    return float(table.duplicated(keep=False).mean())


def test_equal_rows_are_counted() -> None:
    found = find_repeats(stays(), 5)
    assert found is not None and len(found.shares) == 2
    assert found.share == pytest.approx(0.13, abs=0.001)
    assert found.pairs(2400) == pytest.approx(equal_pairs(stays())) == 156
    assert find_repeats(stays(repeated=0.0), 5) is None
    assert find_repeats(stays(repeated=0.004), 5) is None


def test_a_size_that_few_groups_have_is_not_told() -> None:
    """Nobody sees that one row is there 40 times; five such are no secret."""
    table = stays()
    for groups, most in ((1, 2), (4, 2), (5, 40)):
        many = pd.concat([table, *[table.iloc[-groups:]] * 39], ignore_index=True)
        found = find_repeats(many, 5)
        assert found is not None and len(found.shares) == most
        told = share(many) if most == 40 else 0.13
        assert found.share == pytest.approx(told, abs=0.01)


def test_what_chance_repeats_is_not_made() -> None:
    found = Repeats((0.8, 0.2))
    assert found.beside(0, 1000) == found
    assert found.pairs(1000) == 100
    half = found.beside(40, 1000)
    assert half is not None and half.share == pytest.approx(0.12)
    assert found.beside(60, 1000) is None


def test_numbers_of_rows_that_repeat() -> None:
    shares = (0.5, 0.2, 0.3)
    random = torch.Generator().manual_seed(0)
    numbers = Repeats(shares).numbers(30_000, random).numpy()
    rows, sizes = np.unique(numbers, return_counts=True)
    # All of the first ones, and none that there is not.
    assert (rows == np.arange(len(rows))).all() and len(numbers) == 30_000
    of_size = np.bincount(sizes, weights=sizes) / 30_000
    assert np.abs(of_size[1:4] - shares).max() < 0.01
    # Any short stretch has its share.
    _, first = np.unique(numbers[10_000:11_000], return_counts=True)
    assert first[first > 1].sum() / 1000 == pytest.approx(0.5, abs=0.06)


@pytest.mark.long
def test_a_sample_has_as_many_equal_rows_as_its_table(tmp_path) -> None:
    table = stays()
    model = Synthesizer(**BRIEF).fit(table)
    for n in (300, 2400, 9000):
        wide = 0.05 if n == 300 else 0.02
        assert share(model.sample(n)) == pytest.approx(0.13, abs=wide)
    rows = model.sample(2400)
    # None of them is a row of the table.
    assert not len(rows.merge(table.astype(rows.dtypes.to_dict())))
    some = model.sample(1000, where="nights > 3")
    assert (some["nights"] > 3).all() and share(some) == pytest.approx(0.13, abs=0.04)
    assert model.sample(300).equals(rows.head(300))
    assert "13.0% of the rows" in dict(model.describe())["equal rows"]
    model.save(tmp_path / "m.synthtab")
    assert Synthesizer.load(tmp_path / "m.synthtab").sample(2400).equals(rows)
    # Of rows that all differ none is repeated; nor where few cells are possible anyway.
    assert share(Synthesizer(**BRIEF).fit(stays(repeated=0)).sample(1000)) < 0.005
    few = Synthesizer(**BRIEF).fit(stays()[["segment", "nights"]])
    assert few.report_["repeated"] == 0.0


@pytest.mark.long
def test_keys_do_not_repeat() -> None:
    table = stays().assign(booking_id=lambda t: 100_000 + 7 * np.arange(len(t)))
    rows = Synthesizer(**BRIEF).fit(table).sample(1000)
    assert rows["booking_id"].is_unique
