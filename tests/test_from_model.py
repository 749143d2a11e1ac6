"""A fit that goes on from a model, with further rows of the same columns."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer, SynthtabWarning, infer
from synthtab.core.errors import ConfigError, DataError, NotFittedError
from synthtab.core.progress import Clock
from synthtab.model.resume import Saved


def table(rows: int, seed: int, first: int = 1) -> pd.DataFrame:
    """A key, a number that follows from a word, and a further word."""
    rng = np.random.default_rng(seed)
    town = rng.choice(["Bergen", "Oslo", "Voss"], rows)
    rain = np.where(town == "Bergen", 20.0, 5.0) + rng.normal(size=rows)
    return pd.DataFrame(
        {
            "customer_id": np.arange(first, first + rows),
            "town": town,
            "rain": rain.round(2),
            "size": rng.choice(["s", "m", "l"], rows, p=[0.6, 0.3, 0.1]),
        }
    )


@pytest.fixture(scope="module")
def january() -> Synthesizer:
    return Synthesizer(epochs=12, seed=0).fit(table(800, 0))


def test_it_begins_where_the_model_ended(january: Synthesizer) -> None:
    february = table(800, 1, first=2000)
    on = Synthesizer(epochs=1, seed=0).fit(february, start=january)
    anew = Synthesizer(epochs=1, seed=0).fit(february)
    # In nats, after one step.
    first, without = (model.report_["history"][0]["likelihood"] for model in (on, anew))
    assert first - without > 0.03
    assert on.schema_ == january.schema_
    assert on.report_["from"] == {"rows": 800, "steps": january.report_["steps"]}
    heading, told = on.describe()[1]
    assert heading == "went on from" and "800 other rows" in told
    rows = on.sample(300)
    gap = rows["rain"].groupby(rows["town"]).mean()
    assert gap["Bergen"] - gap["Oslo"] > 5


def test_the_model_stays_as_it_was_and_the_new_one_is_a_model(
    january: Synthesizer, tmp_path: Path
) -> None:
    before = january.sample(50)
    on = Synthesizer(epochs=1, seed=0).fit(table(700, 1), start=january)
    pd.testing.assert_frame_equal(january.sample(50), before)
    on.save(tmp_path / "on.synthtab")
    again = Synthesizer.load(tmp_path / "on.synthtab")
    pd.testing.assert_frame_equal(again.sample(50), on.sample(50))
    further = Synthesizer(epochs=1).fit(table(700, 2), start=again)
    assert further.report_["from"]["from"] == on.report_["from"]


def test_a_checkpoint_is_of_one_first_model(
    january: Synthesizer, tmp_path: Path
) -> None:
    rows = table(700, 1)
    other = Synthesizer(epochs=2, seed=0).fit(table(800, 0))
    learner = Synthesizer(epochs=1, seed=0)
    Saved(tmp_path, {"first weights": "of another"}, Clock()).save({"steps": 0})
    with pytest.raises(ConfigError, match="first weights"):
        learner.fit(rows, start=other, checkpoint=tmp_path)
    (tmp_path / "fit.state").unlink()
    on = learner.fit(rows, start=january, checkpoint=tmp_path)
    plain = Synthesizer(epochs=1, seed=0).fit(rows, start=january)
    pd.testing.assert_frame_equal(on.sample(50), plain.sample(50))


@pytest.mark.parametrize("first", [1, 5000])
def test_keys_of_neither_table_come_back(january: Synthesizer, first: int) -> None:
    february = table(700, 1, first=first)
    on = Synthesizer(epochs=1, seed=0).fit(february, start=january)
    keys = on.sample(500)["customer_id"]
    assert keys.is_unique
    assert not keys.isin(february["customer_id"]).any()
    assert not keys.isin(table(800, 0)["customer_id"]).any()


def test_words_that_the_model_does_not_know_are_told(january: Synthesizer) -> None:
    february = table(700, 1)
    february.loc[:9, "size"] = "xl"
    with pytest.warns(SynthtabWarning, match=r"'size'.* does not know 10 of 700 cells"):
        on = Synthesizer(epochs=1, seed=0).fit(february, start=january)
    assert set(on.sample(300)["size"]) <= {"s", "m", "l"}


def test_numbers_that_the_model_does_not_know_are_told_or_refused(
    january: Synthesizer,
) -> None:
    wetter = table(700, 1)
    wetter.loc[:99, "rain"] += 100
    with pytest.warns(
        SynthtabWarning, match=r"'rain'.* does not know 10\d of 700 cells"
    ):
        Synthesizer(epochs=1, seed=0).fit(wetter, start=january)
    wetter["rain"] += 100
    with pytest.raises(DataError, match=r"'rain': 700 of 700 cells .* fit both tables"):
        Synthesizer(epochs=1, seed=0).fit(wetter, start=january)
    # A table like the first one: nothing to tell.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Synthesizer(epochs=1, seed=0).fit(table(700, 3), start=january)


def test_what_cannot_go_on_is_named(january: Synthesizer) -> None:
    rows = table(700, 1)
    few = Synthesizer(seed=0).fit(table(300, 0))
    with pytest.raises(ConfigError, match=r"trees .* cannot go on"):
        Synthesizer().fit(rows, start=few)
    with pytest.raises(ConfigError, match="width is 256 in the model"):
        Synthesizer(width=64).fit(rows, start=january)
    with pytest.raises(ConfigError, match="has the target None, not 'town'"):
        Synthesizer(target="town").fit(rows, start=january)
    with pytest.raises(ConfigError, match="leave out another"):
        Synthesizer().fit(
            rows, infer(rows).with_kind("rain", "category"), start=january
        )
    with pytest.raises(ConfigError, match="promise about one fit"):
        Synthesizer(epsilon=1.0).fit(rows, start=january)
    with pytest.raises(NotFittedError):
        Synthesizer().fit(rows, start=Synthesizer())
