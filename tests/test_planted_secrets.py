"""What one row or four have is searched in everything that the commands leave behind.

A rare word, an outlier, an e-mail address and a note are planted. The model file, the
schema, reports, messages and 50,000 rows hold none of them.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import evaluate
from synthtab.augment.experiment import _named
from synthtab.augment.target import target_of
from synthtab.core.schema import Column
from synthtab.data.columns.base import cell_error
from synthtab.evaluation.naming import LEAST, may_be_named, tellable

ROWS = 2000
OUTLIER = 98_765_432.17
FAR_COUNT = 738_913_462
FAR_DAY = "2093-11-17"
WORDS = ["Zzyzxville", "solo.artist", "only-one.test", "peculiar limp", FAR_DAY]
# Three people share a word: two fewer than it takes.
FEW = "Quxford"


def table() -> pd.DataFrame:
    r = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "city": r.choice(["Bern", "Chur", "Genf", "Olten"], ROWS).astype(object),
            "age": r.integers(18, 90, ROWS),
            "salary": r.lognormal(10.5, 0.5, ROWS).round(2),
            "visits": r.poisson(3, ROWS) * 7,
            "born": pd.Timestamp("1950-01-01")
            + pd.to_timedelta(r.integers(0, 15_000, ROWS), unit="D"),
            "email": [f"user{v}@big.org" for v in r.permutation(ROWS)],
            "note": r.choice(["", "came twice", "was late"], ROWS).astype(object),
        }
    )
    planted = {
        "city": WORDS[0],
        "salary": OUTLIER,
        "visits": FAR_COUNT,
        "born": pd.Timestamp(FAR_DAY),
        "email": "solo.artist@only-one.test",
        "note": "the man with the peculiar limp",
    }
    # Of rows that train, and of rows that are held out.
    for row, name in enumerate(planted):
        frame.loc[17 * row + 5, name] = planted[name]
    frame.loc[[100, 200, 300], "city"] = FEW
    return frame


def renderings(number: float) -> list[str]:
    """A number in the usual ways to write it, with as many digits as tell it."""
    whole = int(number)
    groups = [f"{whole:,}".replace(",", mark) for mark in (",", ".", " ", "'", "_")]
    digits = [f"{number:.{n}e}"[: n + 2] for n in (4, 5, 6)]
    return [str(whole), *groups, *digits]


def found(text: str) -> list[str]:
    """The secrets that a text holds."""
    wanted = [*WORDS, FEW, *renderings(OUTLIER), *renderings(FAR_COUNT)]
    numbers = [float(n) for n in re.findall(r"-?\d+\.?\d*(?:[eE][+-]?\d+)?", text)]
    near = [str(n) for n in numbers if is_near(np.array([n])).any()]
    return [word for word in wanted if word in text] + near


def is_near(numbers: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.any(
            [np.abs(numbers / v - 1) < 1e-6 for v in (OUTLIER, FAR_COUNT)], axis=0
        )


def found_in_bytes(content: bytes) -> bool:
    """Whether there is one of the numbers, as a float or an integer of any size."""
    for dtype in ("<f4", "<f8", "<i4", "<i8"):
        size = np.dtype(dtype).itemsize
        for start in range(0, size, 4):
            whole = (len(content) - start) // size * size
            part = np.frombuffer(content[start : start + whole], dtype=dtype)
            if is_near(part.astype(np.float64)).any():
                return True
    return any(word.encode() in content for word in [*WORDS, FEW])


def test_the_search_finds_what_is_there() -> None:
    assert found("of 98,765,432.17 francs") and found('{"max": 98765432.2}')
    assert found("Quxford") and not found("Bern 12 0.5 20930000")
    assert found_in_bytes(np.array([1.0, OUTLIER]).tobytes())
    assert found_in_bytes(np.array([1.0, OUTLIER], dtype=np.float32).tobytes())
    assert not found_in_bytes(np.arange(100.0).tobytes())


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(2_500, marks=pytest.mark.long),
        pytest.param(50_000, marks=pytest.mark.slow),
    ],
)
def test_nothing_that_is_left_behind_tells_a_secret(
    rows: int, call: Callable[..., Any], tmp_path: Path
) -> None:
    frame = table()
    frame.to_csv(tmp_path / "t.csv", index=False)
    # As another generator might: the table itself. Its reports name no more.
    frame.sample(frac=1.0, random_state=1).to_csv(tmp_path / "copy.csv", index=False)
    without = frame[~frame["city"].isin([FEW, WORDS[0]])]
    without.to_csv(tmp_path / "without.csv", index=False)
    commands = [
        "schema t.csv -o s.json",
        "schema t.csv",
        "fit t.csv -o m.synthtab --preset quick --epochs 1 --seed 1",
        "fit t.csv -o with.synthtab --schema s.json --preset quick --epochs 1",
        "inspect m.synthtab",
        f"sample -m m.synthtab -n {rows} -o rows.csv",
        "sample -m m.synthtab -n 3",
        "evaluate t.csv rows.csv --all --model m.synthtab --target city --json r.json --html r.html",
        "evaluate t.csv copy.csv --all --json c.json --html c.html",
        "evaluate t.csv without.csv --all --json w.json --html w.html",
        "compare t.csv rows.csv without.csv --html both.html",
    ]
    for text in commands:
        said = call(*text.split())
        assert said.status == 0, (text, said.err)
        assert found(said.out + said.err) == [], text
    for name in ("s.json", "rows.csv", "both.html"):
        assert found((tmp_path / name).read_text()) == [], name
    for letter in "rcw":
        for kind in ("json", "html"):
            path = tmp_path / f"{letter}.{kind}"
            assert found(path.read_text()) == [], path.name
    for name in ("m.synthtab", "with.synthtab"):
        with zipfile.ZipFile(tmp_path / name) as file:
            for member in file.namelist():
                content = file.read(member)
                assert not found_in_bytes(content), (name, member)
                if member.endswith(".json"):
                    assert found(content.decode()) == [], (name, member)
    said = call(
        *["evaluate", "t.csv", "copy.csv", "--riskiest", "5", "--model", "m.synthtab"]
    )
    assert said.status == 0


# All six rows of one person have them, and nobody else.
OWN_WORD = "Hexaburg"
OWN_NUMBER = 55_512_347.25


def visits() -> pd.DataFrame:
    r = np.random.default_rng(5)
    frame = table()[["city", "age", "salary", "note"]].head(1200)
    frame = frame[~frame["city"].isin([FEW, WORDS[0]])]
    frame["salary"] = frame["salary"].clip(upper=300_000)
    frame["note"] = r.choice(["", "came twice", "was late"], len(frame))
    frame.insert(0, "patient", 10_007 + 13 * r.integers(0, 400, len(frame)))
    hers = frame.index[:6]
    frame.loc[hers, "patient"] = 770_031
    frame.loc[hers, "city"] = OWN_WORD
    frame.loc[hers, "salary"] = OWN_NUMBER
    return frame


def hers(text: str) -> list[str]:
    """What a text tells of her."""
    numbers = re.findall(r"\d[\d,' ]*\.?\d*", text)
    plain = [re.sub("[,' ]", "", number) for number in numbers]
    return [n for n in plain if n.startswith(("555123", "770031"))] + [
        word for word in (OWN_WORD, "5.5512") if word in text
    ]


@pytest.mark.long
def test_what_one_person_has_in_six_rows_is_told_nowhere(
    call: Callable[..., Any], tmp_path: Path
) -> None:
    frame = visits()
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.sample(frac=1.0, random_state=1).to_csv(tmp_path / "copy.csv", index=False)
    others = frame[frame["city"] != OWN_WORD]
    others.to_csv(tmp_path / "others.csv", index=False)
    commands = [
        "schema t.csv --person patient -o s.json",
        "fit t.csv --person patient -o m.synthtab --preset quick --epochs 1 --seed 1",
        "inspect m.synthtab",
        "sample -m m.synthtab -n 5000 -o rows.csv",
        "evaluate t.csv rows.csv --all --model m.synthtab --target note --json r.json --html r.html",
        "evaluate t.csv others.csv --all --person patient --json o.json --html o.html",
        "evaluate t.csv copy.csv --all --person patient --json c.json --html c.html",
    ]
    for text in commands:
        said = call(*text.split())
        assert said.status == 0, (text, said.err)
        assert hers(said.out + said.err) == [], text
    names = [
        "s.json",
        "rows.csv",
        *(f"{a}.{b}" for a in "roc" for b in ("json", "html")),
    ]
    for name in names:
        assert hers((tmp_path / name).read_text()) == [], name
    with zipfile.ZipFile(tmp_path / "m.synthtab") as file:
        for member in file.namelist():
            content = file.read(member)
            assert OWN_WORD.encode() not in content, member
            for dtype in ("<f4", "<f8"):
                numbers = np.frombuffer(content[: len(content) // 8 * 8], dtype=dtype)
                with np.errstate(all="ignore"):
                    assert not (np.abs(numbers / OWN_NUMBER - 1) < 1e-6).any(), member
    # Where rows count, she is told: the search finds what is there.
    said = call("evaluate", "t.csv", "others.csv", "--all")
    assert OWN_WORD in said.out or OWN_WORD in evaluate(frame, others).to_json()


def test_a_report_counts_rare_words_without_naming_them() -> None:
    real = table().drop(columns=["email"])
    synthetic = real[~real["city"].isin([FEW, WORDS[0]])]
    synthetic = synthetic.assign(city=synthetic["city"].replace("Olten", "Basel"))
    report = evaluate(real, synthetic, metrics=["category_coverage", "range_coverage"])
    detail = report.score("category_coverage").detail
    # Enough rows have it, or none has.
    assert detail["lacking"]["city"] == ["Olten"]
    assert detail["too rare to be named"]["city"] == 2
    assert detail["invented"] == {
        "city": {"Basel": int((synthetic["city"] == "Basel").sum())}
    }
    page = report.to_html()
    assert "2 others" in page or "2 other" in page
    assert found(page) == found(report.to_json()) == found(str(report)) == []
    # The range ends where that of a model does: its share does not tell the outlier.
    bounded = synthetic[synthetic["salary"] < OUTLIER]
    report = evaluate(real, bounded, metrics=["range_coverage"])
    assert report.score("range_coverage").detail["columns"]["salary"] > 0.5


def test_a_class_of_few_rows_has_no_name_in_a_study() -> None:
    frame = table()[["city", "age"]]
    named = _named(target_of(frame, "city", None, None), frame)
    assert named == ["Bern", "Chur", "Genf", "Olten", None, None]


def test_what_may_be_named_and_told() -> None:
    rows = np.array([0, 1, LEAST - 1, LEAST, 99])
    assert may_be_named(rows).tolist() == [True, False, False, True, True]
    numbers = np.append(np.arange(100.0), [1e9, np.nan])
    told = tellable(numbers)
    assert len(told) == 101 and told[-1] < 200
    assert len(tellable(np.array([1.0, 2.0, np.nan]))) == 0


def test_an_error_shows_a_short_cell_and_no_note() -> None:
    column = Column("age", "integer", "int64")
    assert "'12 years' is not a number" in str(
        cell_error(column, "12 years", "a number")
    )
    for secret in ("the man with the peculiar limp who", "solo.artist@only-one.test"):
        message = str(cell_error(column, secret, "a number"))
        assert secret not in message and f"a text of {len(secret)} letters" in message
