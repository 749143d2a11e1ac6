"""Conditions on every column of every table at hand: all rows meet them, whatever the training."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer, infer
from synthtab.core.errors import ConditionError
from synthtab.core.progress import silent
from synthtab.core.randomness import Streams
from synthtab.data import tables
from synthtab.sampling.language import Condition
from synthtab.sampling.predicate import Predicate

DATA = Path(
    os.environ.get(
        "SYNTHTAB_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"
    )
)
STANDARD = ("adult", "default", "shoppers", "magic", "beijing", "news")
TABLES = (
    *(f"{name}/train.csv" for name in STANDARD),
    "messy/titanic.csv",
    "messy/telco.csv",
    "messy/nycflights.parquet",
    "messy/covtype.parquet",
)
ROWS, ASKED = 6_000, 200

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not DATA.is_dir(),
        reason=f"no tables in {DATA}; set SYNTHTAB_DATA to their folder",
    ),
]


def wanted(frame: pd.DataFrame, name: str, rng: np.random.Generator) -> list[Condition]:
    """A common value, one that less than 0.5 % of the rows have, a set, a range, missing and not: what there is."""
    cells = frame[name].dropna()
    shares = cells.value_counts(normalize=True)
    found = [Condition(name)]
    if frame[name].isna().any():
        found.append(Condition(name, missing=True))
    if not len(shares):
        return found[1:]
    repeated = shares[shares * len(cells) >= 10]
    if len(repeated):
        found += [
            Condition(name, (repeated.index[0],)),
            Condition(name, tuple(repeated.index[-3:])),
        ]
    if len(rare := repeated[repeated < 0.005]):
        found.append(Condition(name, (rare.index[0],)))
    if (
        pd.api.types.is_numeric_dtype(cells)
        and not pd.api.types.is_bool_dtype(cells)
        and len(shares) > 10
    ):
        low, high = np.sort(
            cells.sample(2, random_state=int(rng.integers(1000))).to_numpy()
        )
        found.append(Condition(name, low=low, high=high))
    return found


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_every_condition(name: str) -> None:
    frame = tables.read(DATA / name)
    frame = frame.sample(min(ROWS, len(frame)), random_state=0).reset_index(drop=True)
    schema = infer(frame)
    frame = tables.typed(frame, schema)
    model = Synthesizer("quick", seed=0, epochs=2, width=64, rounds=0).fit(
        frame, schema
    )
    rng, singles, refused = np.random.default_rng(0), [], []
    for column in schema.names:
        for condition in wanted(frame, column, rng):
            where = [condition]
            try:
                asked = [Predicate(c, schema[c.column]) for c in where]
            except ConditionError as error:  # cells that are invented
                refused.append(str(error))
                continue
            rows = pd.concat(
                model.requests.within(asked, ASKED, Streams(len(singles)), silent)
            )
            assert len(rows) == ASKED and all(
                p.holds(rows[p.column.name]).all() for p in asked
            ), str(condition)
            singles.append(condition)
    assert len(singles) >= len(schema) and all("invented" in text for text in refused)
    for number in range(10):  # what some real row has, in two to four columns at once
        row = frame.iloc[int(rng.integers(len(frame)))]
        named = [
            c
            for c in schema.names
            if schema[c].kind in ("category", "boolean", "integer")
        ]
        columns = rng.choice(named, min(4, len(named)), False)
        where = [
            Condition(c, (row[c],))
            for c in columns[: 2 + number % 3]
            if pd.notna(row[c])
        ]
        for unknown in [
            c for c in where if (frame[c.column] == row[c.column]).sum() < 10
        ]:  # perhaps not stored
            where.remove(unknown)
            if (
                schema[unknown.column].kind == "category"
                and (frame[unknown.column] == row[unknown.column]).sum() < 4
            ):
                with pytest.raises(ConditionError, match="not stored"):
                    list(
                        model.requests.within(
                            [Predicate(unknown, schema[unknown.column])],
                            1,
                            Streams(0),
                            silent,
                        )
                    )
        asked = [Predicate(c, schema[c.column]) for c in where]
        rows = pd.concat(model.requests.within(asked, ASKED, Streams(number), silent))
        assert len(rows) == ASKED and all(
            p.holds(rows[p.column.name]).all() for p in asked
        ), [str(c) for c in where]
