"""Large and messy real tables, end to end. They are not in the repository: SYNTHTAB_DATA names the folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from synthtab import Synthesizer, evaluate, infer
from synthtab.data import tables
from synthtab.data.columns import TEXT_MARK

DATA = (
    Path(
        os.environ.get(
            "SYNTHTAB_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"
        )
    )
    / "messy"
)
# file -> (rows to use, identifiers: columns whose values must all be new)
TABLES = {
    "titanic.csv": (None, ("PassengerId",)),
    "telco.csv": (None, ("customerID",)),
    "nycflights.parquet": (20_000, ()),
    "covtype.parquet": (10_000, ()),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not DATA.is_dir(),
        reason=f"no tables in {DATA}; set SYNTHTAB_DATA to the folder that has messy/",
    ),
    pytest.mark.filterwarnings("error"),
]


@pytest.mark.parametrize("name", TABLES)
def test_messy_table(name: str, tmp_path: Path) -> None:
    wanted, identifiers = TABLES[name]
    frame = tables.read(DATA / name)
    if wanted:
        frame = frame.sample(wanted, random_state=0).reset_index(drop=True)
    schema = infer(frame)
    real = tables.typed(frame, schema)
    model = Synthesizer("quick", time="40s", seed=0).fit(real, schema)
    model.save(tmp_path / "model.synthtab")
    rows = Synthesizer.load(tmp_path / "model.synthtab", device="cpu").sample(
        2_000, seed=1
    )

    assert list(rows.columns) == list(real.columns)
    assert rows.dtypes.astype(str).to_dict() == real.dtypes.astype(str).to_dict()
    for column in schema.columns:
        assert column.missing or not rows[column.name].isna().any(), column.name
        if column.kind in ("integer", "float"):
            low, high = real[column.name].min(), real[column.name].max()
            assert rows[column.name].dropna().between(low, high).all(), column.name
        if column.kind in ("category", "boolean"):
            assert set(rows[column.name].dropna()) <= set(real[column.name].dropna()), (
                column.name
            )
    for identifier in identifiers:
        assert schema[identifier].kind == "identifier"
        assert rows[identifier].is_unique
        assert not set(rows[identifier]) & set(real[identifier])

    suffix = Path(name).suffix
    tables.write(rows, tmp_path / f"rows{suffix}", schema)
    back = tables.typed(tables.read(tmp_path / f"rows{suffix}"), schema)
    pd.testing.assert_frame_equal(back, rows)
    report = evaluate(real, rows, schema=schema)
    assert report.scores


def test_messy_command_line(call, tmp_path: Path) -> None:
    shutil.copy(DATA / "titanic.csv", tmp_path / "titanic.csv")
    for arguments in (
        (
            "fit",
            "titanic.csv",
            "--preset",
            "quick",
            "--time",
            "20s",
            "--target",
            "Survived",
            "-q",
        ),
        ("sample", "-n", "891", "-o", "rows.csv", "-q", "-m", "titanic.synthtab"),
        ("evaluate", "titanic.csv", "rows.csv", "--target", "Survived", "-q"),
    ):
        said = call(*arguments)
        assert said.status == 0, said.err
        assert said.err == ""


@pytest.mark.parametrize(
    ("texts", "kind", "pattern"),
    [
        ([f"ORD-2021-{i:05d}" for i in range(300)], "identifier", r"ORD-2021-\d{5}"),
        (
            [f"FY{15 + i % 9} Q{1 + i % 4}" for i in range(300)],
            "category",
            r"FY\d\d Q\d",
        ),
        ([f"{95 + i}/{60 + i % 40}" for i in range(300)], "compound", r"\d+/\d+"),
        (
            [f"{1000 + i}-{i * 7 % 97:02d}X" for i in range(300)],
            "identifier",
            r"\d{4}-\d\dX",
        ),
    ],
    ids=["count", "category", "numbers", "keys"],
)
def test_spaces_around_some_cells_change_nothing(
    texts: list[str], kind: str, pattern: str
) -> None:
    for row in range(0, 300, 9):
        texts[row] = f" {texts[row]}"
        texts[row + 1] = f"{texts[row + 1]} "
    frame = pd.DataFrame({"c": pd.Series(texts, dtype="str")})
    frame.attrs[TEXT_MARK] = True
    assert infer(frame)["c"].kind == kind
    model = Synthesizer(epochs=1, rounds=0, holdout=0, seed=0).fit(frame)
    made = model.sample(300, seed=1)["c"]
    assert made.str.strip().str.fullmatch(pattern).all()
