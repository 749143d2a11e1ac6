"""A new kind of column is one class and one line: here is the whole of one.

Nothing else of the program is touched: the class `Colour` is the file, the fixture
`registered` is the line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from synthtab import Column, Schema, Synthesizer, SynthtabError, evaluate, infer
from synthtab.core.layout import Block
from synthtab.data import schema_document, tables
from synthtab.data.columns import KINDS, Cells, ColumnEncoder, Settings
from synthtab.data.columns.base import Texts, cell_error, natural

TINY = dict(width=32, noise=16, batch=60, rounds=0, epochs=2)

HEX = re.compile(r"#[0-9a-fA-F]{6}")
# What red, green and blue can be: the web-safe levels.
LEVELS = ("00", "33", "66", "99", "cc", "ff")
MISSING = len(LEVELS)


class Colour(ColumnEncoder):
    """Colours such as #ff8800: a block each for red, green and blue.

    Options: ``capitals``, whether the letters are capitals.
    """

    kind: ClassVar[str] = "colour"
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "capitals": {"type": "boolean", "description": "Of a colour: #FF8800."}
    }

    def __init__(self, column: Column) -> None:
        red = Block(column.name, "red", len(LEVELS) + 1)
        others = [Block(column.name, part, len(LEVELS)) for part in ("green", "blue")]
        super().__init__(column, (red, *others))

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Text of which every cell is # and six hexadecimal digits."""
        if not cells.matches(HEX):
            return None
        capitals = all(text == text.upper() for text in cells.words)
        why = f"{len(cells.words)} distinct colours"
        return cells.column(cls.kind, "str", why, {"capitals": capitals})

    @classmethod
    def typed(cls, series: pd.Series, column: Column) -> pd.Series:
        """Whatever the case, the one of the schema."""
        missing = series.isna().to_numpy(dtype=bool)
        texts = series[~missing].astype(str)
        for text in texts:
            if not HEX.fullmatch(text):
                raise cell_error(column, text, "a colour such as #ff8800")
        capitals = column.options.get("capitals", False)
        texts = texts.str.upper() if capitals else texts.str.lower()
        cells = natural(texts.to_numpy(dtype=object), missing, column.dtype)
        return cells.set_axis(series.index).rename(column.name)

    @classmethod
    def text(cls, series: pd.Series, column: Column) -> Texts:
        """Cells are text already."""
        return series.to_numpy(dtype=object, na_value="")

    @classmethod
    def fit(
        cls,
        series: pd.Series,
        column: Column,
        rng: np.random.Generator,
        settings: Settings,
    ) -> Colour:
        """Nothing to learn."""
        return cls(column)

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """The nearest level of red, green and blue."""
        missing = series.isna().to_numpy(dtype=bool)
        codes = np.zeros((len(series), 3), dtype=np.uint8)
        codes[missing, 0] = MISSING
        codes[~missing] = np.rint(levels(series[~missing]) / 51)
        return codes, np.zeros((len(series), 0), dtype=np.float32)

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """Three levels => a colour."""
        missing = codes[:, 0] == MISSING
        parts = np.array(LEVELS, dtype=object)[codes[~missing]]
        texts = "#" + parts[:, 0] + parts[:, 1] + parts[:, 2]
        return self.typed(natural(texts, missing, "object"), self.column)

    @classmethod
    def places(cls, texts: Texts, column: Column) -> npt.NDArray[np.float64]:
        """From dark to bright."""
        return levels(texts) @ np.array([0.3, 0.6, 0.1])

    def state(self) -> dict[str, Any]:
        """Nothing was learnt."""
        return {}

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> Colour:
        """The inverse of `state`."""
        return cls(column)


def levels(texts: Any) -> npt.NDArray[np.float64]:
    """``[texts, 3]``: red, green and blue, from 0 to 255."""
    numbers = [[int(t[i : i + 2], 16) for i in (1, 3, 5)] for t in texts]
    return np.array(numbers, dtype=np.float64).reshape(-1, 3)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one line."""
    monkeypatch.setitem(KINDS, "colour", Colour)


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    """300 cars; the sporty ones are red."""
    rng = np.random.default_rng(3)
    sporty = rng.random(300) < 0.4
    tame = rng.choice(["#003366", "#cccccc", "#669900", "#000000"], 300)
    colour = np.where(sporty, rng.choice(["#ff0000", "#ff3300"], 300), tame)
    frame = pd.DataFrame(
        {
            "colour": pd.Series(colour).mask(rng.random(300) < 0.1),
            "power": (70 + 90 * sporty + 9 * rng.normal(size=300)).round(),
        }
    )
    frame.to_csv(tmp_path / "cars.csv", index=False)
    return tmp_path / "cars.csv"


def test_schema(cars: Path) -> None:
    schema = infer(tables.read(cars))
    column = schema["colour"]
    assert (column.kind, column.dtype, column.missing) == ("colour", "str", True)
    assert column.why.startswith("6 distinct colours, ")
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    assert infer(pd.DataFrame({"x": ["#FF8800", "#AABBCC"]}))["x"].options["capitals"]
    # Forced, refused, and named among the kinds.
    assert infer(tables.read(cars), {"colour": "category"})["colour"].kind == "category"
    with pytest.raises(SynthtabError, match="'power' cannot be of kind colour"):
        infer(tables.read(cars), {"power": "colour"})
    with pytest.raises(SynthtabError, match=r"unknown kind 'hue'.* constant, colour$"):
        infer(tables.read(cars), {"colour": "hue"})


def test_published_schema(cars: Path) -> None:
    column = schema_document.document()["$defs"]["column"]["properties"]
    assert column["kind"]["enum"][-1] == "colour"
    written = infer(tables.read(cars))["colour"].to_json()
    assert set(written) == set(column)
    assert set(written["options"]) <= set(column["options"]["properties"])
    assert column["options"]["properties"]["capitals"]["type"] == "boolean"


@pytest.mark.long
def test_fit_sample_impute_and_the_model_file(cars: Path) -> None:
    table = tables.read(cars)
    model = Synthesizer(seed=1, **TINY).fit(table)
    rows = model.sample(200)
    assert all(HEX.fullmatch(text) for text in rows["colour"].dropna())
    assert 0 < rows["colour"].isna().mean() < 0.5

    # However the colour is written; and in the order that the kind gives them.
    red = model.sample(40, where="colour in ('#FF0000', '#ff3300')")
    assert set(red["colour"]) <= {"#ff0000", "#ff3300"} and len(red) == 40
    dark = model.sample(40, where={"colour": (None, "#333333")})
    brightness = Colour.places(dark["colour"].to_numpy(), model.schema_["colour"])
    assert (brightness <= 51).all() and len(dark) == 40
    with pytest.raises(SynthtabError, match="'bluish' is not a colour such as"):
        model.sample(3, where="colour = bluish")

    filled = model.impute(table)
    known = table["colour"].notna().to_numpy()
    assert filled["colour"].notna().all()
    assert (filled["colour"][known] == table["colour"][known]).all()

    model.save(cars.with_suffix(".synthtab"))
    loaded = Synthesizer.load(cars.with_suffix(".synthtab"))
    assert loaded.sample(200).equals(rows)


def test_evaluate_with_html(cars: Path) -> None:
    table = tables.typed(tables.read(cars), infer(tables.read(cars)))
    shuffled = table.sample(frac=1, random_state=0).reset_index(drop=True)
    other = shuffled.assign(power=table["power"])
    report = evaluate(table, other, schema=infer(tables.read(cars)))
    page = report.to_html()
    assert "colour" in page and "#003366" in page


@pytest.mark.long
def test_command_line(cars: Path, call) -> None:
    said = call("schema", "cars.csv", "-o", "cars.schema.json")
    assert said.status == 0, said.err
    written = json.loads(cars.with_name("cars.schema.json").read_text())
    assert written["columns"][0]["kind"] == "colour"

    fit = ["fit", "cars.csv", "--schema", "cars.schema.json", "--epochs", "1"]
    said = call(*fit, "--preset", "quick", "-o", "cars.synthtab")
    assert said.status == 0, said.err
    where = ["--where", "colour = '#FF0000' and power > 100"]
    said = call("sample", "-m", "cars.synthtab", "-n", "20", *where, "-o", "rows.csv")
    assert said.status == 0, said.err
    rows = pd.read_csv(cars.with_name("rows.csv"))
    assert len(rows) == 20 and set(rows["colour"]) == {"#ff0000"}
