"""Rows of one class from a fitted model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer
from synthtab.augment.by_class import ByClass
from synthtab.core.errors import ConditionError, DataError

SMALL = dict(
    width=64, depth=1, noise=16, batch=128, holdout=0.0, adversarial=0.0, moments=0.0
)


def table(rows: int = 600) -> pd.DataFrame:
    """The number and the word tell the class, whichever dtype it has."""
    rng = np.random.default_rng(0)
    code = (rng.random(rows) < 0.07).astype(int)
    return pd.DataFrame(
        {
            "key": [f"K{i:05d}" for i in rng.permutation(90_000)[:rows]],
            "size": np.round(rng.normal(100 + 80 * code, 10), 1),
            "town": np.where(rng.random(rows) < 0.05 + 0.9 * code, "east", "west"),
            "flag": code,
            "rare": np.where(code == 1, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    return Synthesizer(target="rare", seed=0, epochs=60, rounds=1, **SMALL).fit(table())


@pytest.mark.long
@pytest.mark.parametrize(
    ("column", "value", "size"),
    [("rare", "yes", 180), ("rare", "no", 100), ("flag", 1, 180)],
)
def test_all_rows_are_of_the_class_and_the_other_cells_follow_it(
    model, column, value, size
) -> None:
    rows = ByClass(model, column).sample_class(value, 300)
    assert len(rows) == 300 and (rows[column] == value).all()
    assert list(rows.columns) == list(table().columns)
    assert (rows.dtypes == table().dtypes).all()
    assert rows["size"].median() == pytest.approx(size, abs=15)
    assert ((rows["town"] == "east").mean() > 0.5) == (size == 180)


def test_seeds_prefixes_and_identifiers(model) -> None:
    source = ByClass(model, "rare")
    first = source.sample_class("yes", 20, seed=3)
    assert source.sample_class("yes", 60, seed=3).head(20).equals(first)
    assert not source.sample_class("yes", 20, seed=4).equals(first)
    assert (
        not source.sample_class("no", 20, seed=3)
        .drop(columns="rare")
        .equals(first.drop(columns="rare"))
    )
    later = source.sample_class("yes", 20, seed=3, start=20)
    assert not set(later["key"]) & set(first["key"])
    assert not set(first["key"]) & set(table()["key"])


def test_identifiers_go_on_from_class_to_class(model) -> None:
    source = ByClass(model, "rare")
    parts = [
        source.sample_class("no", 30),
        source.sample_class("yes", 30, start=30),
        source.sample_class("no", 9, start=60),
    ]
    keys = pd.concat(parts)["key"]
    assert keys.is_unique and not set(keys) & set(table()["key"])


def test_sampling_a_class_leaves_the_model_as_it_was(model) -> None:
    before = model.sample(50)
    ByClass(model, "rare").sample_class("yes", 10)
    assert model.sample(50).equals(before)


def test_a_model_that_cannot_complete_rows_is_asked_until_there_are_enough() -> None:
    config = dict(
        cross_entropy=0.0,
        density=0.0,
        rounds=0,
        rake=False,
        epochs=3,
        width=16,
        depth=1,
        holdout=0.0,
    )
    model = Synthesizer(target="rare", seed=0, **config).fit(table(200))
    assert (
        model.requests.networks is not None
        and model.requests.networks.completer is None
    )
    rows = ByClass(model, "rare").sample_class("no", 30)
    assert len(rows) == 30 and (rows["rare"] == "no").all()


def test_a_class_that_was_never_seen_is_an_error(model) -> None:
    with pytest.raises(
        ConditionError, match=r"no such value of 'rare'|'perhaps' is not 'yes' or 'no'"
    ):
        ByClass(model, "rare").sample_class("perhaps", 5)
    with pytest.raises(DataError, match="no column 'income'"):
        ByClass(model, "income")
