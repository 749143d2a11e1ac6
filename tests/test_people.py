"""What few people have is not stored, though they have many rows: `person`."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthtab import (
    Schema,
    Synthesizer,
    find_constraints,
    infer,
    parse_constraint,
)
from synthtab.core.errors import SchemaError
from synthtab.core.randomness import Streams
from synthtab.data import holdout
from synthtab.data.columns import typed
from synthtab.data.columns.disclosure import Holders, aggregate, bounds, fenced

# A person with six rows, who alone has what is in them.
WHO = 777_000_777
WORD = "Zanzibarflu"
AMOUNTS = [987_654.25, 987_111.5, 986_999.75, 988_000.25, 985_123.5, 987_000.125]
STAY = 365
DOMAIN = "zz-private.example"


def table(seed: int = 0) -> pd.DataFrame:
    """Visits of 300 patients, and of one more."""
    rng = np.random.default_rng(seed)
    people = rng.integers(10**8, 9 * 10**8, 300)
    patient = np.repeat(people, rng.choice([1, 2, 4], 300))
    rows = len(patient)
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 700, rows), "D")
    frame = pd.DataFrame(
        {
            "patient_nbr": patient,
            "illness": rng.choice(["flu", "cold", "asthma"], rows),
            "charge": rng.lognormal(6, 0.4, rows).round(2),
            "stay": rng.integers(1, 9, rows),
            "day": day,
            "mail": [f"ab{i}@post.example" for i in rng.permutation(rows)],
            "ward": rng.choice(list("ABC"), rows),
        }
    )
    secret = pd.DataFrame(
        {
            "patient_nbr": WHO,
            "illness": WORD,
            "charge": AMOUNTS,
            "stay": STAY,
            "day": pd.Timestamp("2031-05-05"),
            "mail": [f"zed{i}q@{DOMAIN}" for i in range(6)],
            "ward": "Q",
        }
    )
    both = pd.concat([frame, secret], ignore_index=True)
    return both.sample(frac=1, random_state=seed, ignore_index=True)


TEXT_SECRETS = (WORD, str(WHO), DOMAIN, "987654", "987111", "2031-05", "zed")


def secrets_in(text: str) -> list[str]:
    return [secret for secret in TEXT_SECRETS if secret in text]


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    options = dict(epochs=2, rounds=0, passes=1, width=32, batch=128)
    return Synthesizer(person="patient_nbr", **options).fit(table())


def test_without_person_six_rows_are_stored() -> None:
    """What the other tests look for is there unless they ask for people."""
    schema = infer(table())
    assert schema.person is None
    assert schema["stay"].options["maximum"] == STAY


def test_the_schema_tells_nothing_of_one_person() -> None:
    schema = infer(table(), person="patient_nbr")
    assert schema.person == "patient_nbr"
    assert schema["patient_nbr"].kind == "identifier"
    assert not secrets_in(str(schema.to_json()))
    assert schema["stay"].options["maximum"] < 12
    assert schema["charge"].options["maximum"] < 10_000


@pytest.mark.long
def test_the_model_file_and_the_words_tell_nothing_of_one_person(
    model: Synthesizer, tmp_path: Path
) -> None:
    path = tmp_path / "m.synthtab"
    model.save(path)
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                assert not secrets_in(archive.read(name).decode()), name
    assert not secrets_in(str(model.describe()))
    loaded = Synthesizer.load(path, device="cpu")
    assert loaded.schema_.person == "patient_nbr"
    pd.testing.assert_frame_equal(loaded.sample(50), model.sample(50))


def test_no_row_tells_of_one_person(model: Synthesizer) -> None:
    rows = model.sample(50_000)
    real = table()
    assert not set(rows["patient_nbr"]) & set(real["patient_nbr"])
    assert not set(rows["mail"]) & set(real["mail"])
    assert not rows["mail"].str.endswith(DOMAIN).any()
    assert set(rows["illness"]) == {"flu", "cold", "asthma"}
    assert set(rows["ward"]) == {"A", "B", "C"}
    assert rows["stay"].max() < 12
    assert rows["charge"].max() < 10_000
    assert rows["day"].max() < pd.Timestamp("2023-01-01")
    share = real["patient_nbr"].value_counts().eq(1).mean()
    new = rows["patient_nbr"].value_counts().eq(1).mean()
    assert abs(share - new) < 0.05


def test_combinations_that_a_constraint_looks_up_are_those_of_people() -> None:
    rng = np.random.default_rng(1)
    frame = table()
    frame["code"] = frame["ward"].map({"A": "a1", "B": "b1", "C": "c1", "Q": "q9"})
    frame["noise"] = rng.normal(size=len(frame))
    schema = infer(frame, person="patient_nbr")
    schema = schema.enforcing([parse_constraint("ward -> code", schema)])
    fitted = Synthesizer(epochs=1, rounds=0, passes=1, width=32).fit(frame, schema)
    state = str(fitted.requests.encoder.state())
    assert "q9" not in state and "c1" in state


def test_the_rows_of_a_person_are_all_trained_on_or_all_held_out(
    model: Synthesizer,
) -> None:
    training, held_out = model.split(table())
    assert not set(training["patient_nbr"]) & set(held_out["patient_nbr"])
    assert 0.05 < len(held_out) / len(table()) <= 0.1
    people = np.repeat(np.arange(40), 5)
    for share in (0.0, 0.1, 0.33, 0.5):
        training_rows, held = holdout.split(200, share, Streams(3), people)
        assert len(training_rows) + len(held) == 200
        assert not set(people[training_rows]) & set(people[held])


def test_a_schema_file_keeps_the_person(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    infer(table(), person="patient_nbr").save(path)
    assert Schema.load(path).person == "patient_nbr"
    # Files of before know no person.
    data = infer(table()).to_json()
    assert "person" not in data
    assert Schema.from_json(data).person is None


@pytest.mark.parametrize("person", ["patient", 7, ["patient_nbr"]])
def test_a_person_that_is_no_column_is_one_line(person: object) -> None:
    data = {**infer(table()).to_json(), "person": person}
    with pytest.raises(SchemaError, match="person"):
        Schema.from_json(data)


def test_a_person_that_the_table_lacks_is_one_line() -> None:
    with pytest.raises(SchemaError, match="did you mean 'patient_nbr'"):
        infer(table(), person="patient_nr")


# --------------------------------------------------------------------------------------
# The mechanism


def test_every_group_is_of_so_many_people() -> None:
    rng = np.random.default_rng(2)
    for seed in range(200):
        rows = int(rng.integers(5, 200))
        people = rng.integers(0, rng.integers(1, 40), rows)
        values = rng.integers(0, rng.integers(2, 300), rows)
        distinct, inverse, counts = np.unique(
            values, return_inverse=True, return_counts=True
        )
        holders = Holders.of(inverse, people, len(distinct))
        expected = [len(set(people[inverse == v])) for v in range(len(distinct))]
        assert holders.each.tolist() == expected
        assert holders.once.sum() == len(set(people))
        kept = aggregate(distinct, counts, 5, holders)
        if len(kept.values):
            assert kept.rows.sum() == rows
        else:
            assert len(set(people)) < 5 or max(expected) < 5
        # A mean lies between the least and the greatest value of its group, so that
        # groups, which are intervals, can be told by their rows.
        for value, source in zip(kept.values, kept.source, strict=True):
            if source >= 0:
                assert expected[source] >= 5
                assert distinct[source] == value
        if len(kept.values) and (kept.source < 0).all():
            ends = np.cumsum(kept.rows)
            in_order = people[np.argsort(values, kind="stable")]
            for begin, end in zip(np.r_[0, ends[:-1]], ends, strict=True):
                assert len(set(in_order[begin:end])) >= 5, seed


def test_nobody_moves_a_fence_by_having_many_rows() -> None:
    rng = np.random.default_rng(3)
    values = np.r_[rng.normal(100, 10, 500), 1e6 + np.arange(50)]
    people = np.r_[np.arange(500), np.full(50, 500)]
    distinct, inverse, counts = np.unique(
        values, return_inverse=True, return_counts=True
    )
    holders = Holders.of(inverse, people, len(distinct))
    assert fenced(distinct, counts, 5, holders).max() < 200
    assert bounds(distinct, counts, 5, holders)[1] < 200
    assert bounds(distinct, counts, 5)[1] > 1e5


def test_constraints_are_found_whoever_the_rows_are_about() -> None:
    frame = table()
    frame["half"] = frame["stay"] // 2
    frame["both"] = frame["stay"] + frame["half"]
    found = find_constraints(frame, infer(frame, person="patient_nbr"))
    assert any("both" in constraint.columns for constraint in found)


@pytest.mark.long
@pytest.mark.parametrize("word", ["n/a", "Unknown", "-"])
def test_keys_with_a_word_for_missing_have_missing_cells(word: str) -> None:
    keys = [f"AB-{i * 7919 % 100_000:05d}" for i in range(400)]
    keys[::10] = [word] * 40
    frame = pd.DataFrame({"key": keys, "x": range(400)})
    schema = infer(frame, text=True)
    assert schema["key"].kind == "identifier"
    assert schema["key"].note == f"40 of 400 cells are {word!r}: missing"
    model = Synthesizer("quick", epochs=1, seed=0).fit(typed(frame, schema), schema)
    rows = model.sample(400, seed=1)["key"]
    # Four standard errors.
    assert abs(rows.isna().mean() - 0.1) < 4 * (0.1 * 0.9 / 400) ** 0.5
    assert not rows.isin(keys).any()


def test_a_few_keys_called_unknown_are_keys() -> None:
    keys = [f"AB-{i:05d}" for i in range(400)]
    keys[:2] = ["unknown", "n/a"]
    assert not infer(pd.DataFrame({"key": keys}), text=True)["key"].missing
