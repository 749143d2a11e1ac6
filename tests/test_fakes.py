"""Values by Faker: where the schema asks, the table's never, consistent within a row."""

from __future__ import annotations

import dataclasses
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import Schema, Synthesizer, infer
from synthtab.core.errors import MissingExtraError, SchemaError
from synthtab.data.columns import fakes
from synthtab.data.columns.fakes import PROVIDERS, Fakes

pytest.importorskip("faker")
ROWS = np.arange(60)


def fitted(
    provider: str, texts: Any = (), locale: str = "de_DE", seed: int = 0
) -> Fakes:
    texts = np.array(list(texts), dtype=object)
    return Fakes.fit(texts, provider, locale, np.random.default_rng(seed))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_row_has_one_value_wherever_it_is_made(provider: str) -> None:
    maker = fitted(provider, ["a", "b"])
    state = random.getstate()
    all_rows = maker.make(ROWS)
    assert random.getstate() == state
    assert (maker.make(ROWS[20:40]) == all_rows[20:40]).all()
    assert len(set(all_rows)) > 20 and all("\n" not in text for text in all_rows)
    again = Fakes.from_state(maker.state())
    assert (again.make(ROWS) == all_rows).all()
    assert not (fitted(provider, ["a", "b"], seed=1).make(ROWS) == all_rows).all()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_value_of_the_table_comes_back(provider: str) -> None:
    """The table holds the very values that would be made without looking at it."""
    careless = fitted(provider)
    table = careless.make(np.arange(400))
    careful = fitted(provider, table)
    assert not set(careful.make(np.arange(200))) & set(table)
    # Written otherwise it is the same value, too.
    loud = fitted(provider, [f" {text.upper()}  " for text in table])
    assert not set(loud.make(np.arange(50))) & set(table)


def test_the_file_tells_of_a_tenth_of_all_texts_at_most() -> None:
    for count in (1, 3, 40, 1000):
        maker = fitted("name", [f"Name {i}" for i in range(count)])
        assert 1 <= len(maker.free) <= max(1, 0.1 * maker.classes)
        assert not maker.free & {
            fakes._hash(f"name {i}") % maker.classes for i in range(count)
        }


def people(rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    first = rng.choice(["Ada", "Bo", "Cy", "Di"], rows)
    return pd.DataFrame(
        {
            "customer": [f"{one} Q{i:03d}" for i, one in enumerate(first)],
            "mail": [f"{one.lower()}{i}@firm.test" for i, one in enumerate(first)],
            "spent": rng.normal(size=rows),
        }
    )


def asking(frame: pd.DataFrame, **providers: dict[str, str]) -> Schema:
    columns = []
    for column in infer(frame).columns:
        if column.name in providers:
            column = dataclasses.replace(
                column, kind="identifier", dtype="str", options=providers[column.name]
            )
        columns.append(column)
    return Schema(tuple(columns))


NAME = {"provider": "name", "locale": "de_DE"}
MAIL = {"provider": "email", "locale": "de_DE"}


@pytest.mark.long
def test_an_address_is_that_of_the_name_in_its_row(tmp_path: Path) -> None:
    frame = people()
    model = Synthesizer("quick", rounds=0).fit(
        frame, asking(frame, customer=NAME, mail=MAIL)
    )
    rows = model.sample(40)
    for name, mail in zip(rows["customer"], rows["mail"], strict=True):
        first = fakes._spelt(name.split()[0])
        assert mail.startswith(first) and "@example." in mail, (name, mail)
    assert rows["mail"].is_unique
    model.save(tmp_path / "m.synthtab")
    again = Synthesizer.load(tmp_path / "m.synthtab")
    pd.testing.assert_frame_equal(again.sample(40), rows)
    # Names that repeat take their addresses with them.
    twice = pd.concat([frame, frame], ignore_index=True)
    schema = asking(twice, customer=NAME, mail=MAIL)
    rows = Synthesizer("quick", rounds=0).fit(twice, schema).sample(60)
    assert rows["customer"].nunique() < 45
    assert (rows.groupby("mail")["customer"].nunique() == 1).all()


def test_what_cannot_be_made_is_named() -> None:
    frame = people()
    with pytest.raises(SchemaError, match="no locale 'de_XX': there are de_AT"):
        Synthesizer().fit(frame, asking(frame, customer={**NAME, "locale": "de_XX"}))
    with pytest.raises(SchemaError, match="no provider 'nmae': did you mean 'name'"):
        Synthesizer().fit(frame, asking(frame, customer={"provider": "nmae"}))
    numbers = frame.assign(customer=np.arange(1000, 1060))
    schema = asking(numbers, customer=NAME)
    columns = [
        dataclasses.replace(c, dtype="int64") if c.name == "customer" else c
        for c in schema.columns
    ]
    with pytest.raises(SchemaError, match="'customer': a provider makes text"):
        Synthesizer().fit(numbers, Schema(tuple(columns)))


@pytest.mark.long
def test_without_faker_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = people()
    fakes._faker.cache_clear()
    monkeypatch.setitem(sys.modules, "faker", None)
    monkeypatch.setattr(fakes.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'synthtab\[values\]'"):
        Synthesizer().fit(frame, asking(frame, customer=NAME))
    # A schema that asks for none needs none.
    Synthesizer("quick", epochs=1, rounds=0, width=8).fit(frame)
