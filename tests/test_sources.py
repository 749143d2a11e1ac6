"""Tables larger than memory: read in pieces, learnt from a random sample, the same model where that is all rows."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import people

from synthtab import Synthesizer, infer
from synthtab.core.errors import ConfigError, DataError, SchemaError
from synthtab.core.progress import Progress
from synthtab.core.randomness import Streams
from synthtab.core.schema import Column
from synthtab.data import holdout, sources, tables
from synthtab.data.columns import KINDS
from synthtab.data.formats import parquet, text
from synthtab.data.sources import draw_rows, open_table

TINY = dict(width=16, noise=8, batch=64, checks=1, epochs=1, rounds=0, passes=1)


@pytest.fixture
def small(monkeypatch) -> None:
    """Pieces, blocks and batches so small that a little table has many."""
    for module in (sources, holdout):
        monkeypatch.setattr(module, "PIECE_ROWS", 70)
    monkeypatch.setattr(holdout, "ENCODED_ROWS", 150)
    monkeypatch.setattr(parquet, "BATCH_ROWS", 64)
    monkeypatch.setattr(text, "BATCH_BYTES", 4096)


@pytest.fixture
def sampled(small, monkeypatch) -> None:
    """And the sample is smaller than the table."""
    monkeypatch.setattr(sources, "SAMPLE_ROWS", 400)
    monkeypatch.setattr(sources, "LEAST_SAMPLE_ROWS", 400)


def mixed(rows: int) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "when": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(draw.integers(0, 900, rows), unit="D"),
            "size": pd.Categorical(
                draw.choice(["S", "M", "L"], rows), ["S", "M", "L"], ordered=True
            ),
            "count": pd.array(
                np.where(draw.random(rows) < 0.1, pd.NA, draw.integers(0, 9, rows)),
                dtype="Int64",
            ),
            "price": np.where(
                draw.random(rows) < 0.1, np.nan, draw.gamma(2, 30, rows).round(2)
            ),
            "member": draw.random(rows) < 0.3,
            "word": [
                ["a, b", 'say "x"', "two\nlines", None][i]
                for i in draw.integers(0, 4, rows)
            ],
        }
    )


def written(frame: pd.DataFrame, path: Path) -> Path:
    tables.write(frame, path)
    return path


TEXTS = {
    "plain.csv": people(300).encode(),
    "marked.csv": b"\xef\xbb\xbf" + people(300).encode(),
    "zipped.csv.gz": gzip.compress(people(300).encode()),
    "semicolons.csv": people(300).replace(",", ";").encode(),
    "one.csv": b"x\n" + b"1\n\n3\n" * 40,
}


@pytest.mark.parametrize(
    "name", [*TEXTS, "mixed.csv", "mixed.tsv", "mixed.parquet", "index.parquet"]
)
def test_pieces_are_the_file(name: str, small, tmp_path: Path) -> None:
    path = tmp_path / name
    if name in TEXTS:
        path.write_bytes(TEXTS[name])
    elif name == "index.parquet":
        mixed(300).set_index("price").to_parquet(path)
    else:
        written(mixed(300), path)
    whole, parts = tables.read(path), list(tables.batches(path))
    assert len(parts) > 1 or name == "one.csv"
    joined = tables.to_frame(pa.concat_tables(parts), path)
    pd.testing.assert_frame_equal(joined, whole)
    assert joined.attrs == whole.attrs
    source = open_table(path, Streams(0), at_once=0)
    assert (source.rows, len(source.sample), str(source.path)) == (
        len(whole),
        len(whole),
        str(path),
    )
    pd.testing.assert_frame_equal(source.sample.reset_index(drop=True), whole)
    pieces = list(source.pieces())
    assert [start for start, _ in pieces] == list(range(0, len(whole), 70))
    schema = infer(whole)
    typed = pd.concat(
        [tables.typed(piece, schema) for _, piece in pieces], ignore_index=True
    )
    pd.testing.assert_frame_equal(
        typed, tables.typed(whole, schema), check_categorical=False
    )


def learnt(model: Synthesizer) -> tuple[str, object]:
    weights = hashlib.sha256()
    assert model.requests.networks is not None
    for tensor in model.requests.networks.state_dict().values():
        weights.update(tensor.numpy().tobytes())
    return weights.hexdigest(), {
        k: v
        for k, v in model.report_.items()
        if k not in ("seconds", "total_seconds", "sample", "history")
    }


@pytest.mark.long
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_model_is_the_same_where_the_sample_is_the_table(
    suffix: str, small, tmp_path: Path
) -> None:
    frame = mixed(700)
    frame.insert(0, "id", [f"K{i * 7:06d}" for i in range(len(frame))])
    path = written(frame, tmp_path / f"t.{suffix}")
    at_once, pieces = (
        Synthesizer(seed=1, **TINY).fit(path, at_once=most) for most in (None, 0)
    )
    of_frame = Synthesizer(seed=1, **TINY).fit(tables.read(path))
    assert pieces.report_["sample"] == 700 and "sample" not in at_once.report_
    assert learnt(at_once) == learnt(pieces) == learnt(of_frame)
    assert at_once.schema_ == pieces.schema_
    pd.testing.assert_frame_equal(at_once.sample(50), pieces.sample(50))
    train, held_out = pieces.split(tables.read(path))
    assert (len(train), len(held_out)) == (630, 70)


@pytest.mark.parametrize("at_once", [None, 0], ids=["at once", "in pieces"])
def test_so_many_random_rows_are_learnt(
    at_once: int | None, small, tmp_path: Path
) -> None:
    path = written(mixed(900), tmp_path / "t.csv")
    source = open_table(path, Streams(3), rows=500, at_once=at_once)
    whole, rows = tables.read(path), draw_rows(900, 500, Streams(3))
    pd.testing.assert_frame_equal(
        source.sample.reset_index(drop=True), whole.iloc[rows].reset_index(drop=True)
    )
    assert (source.rows, source.total, source.path) == (500, 900, None)
    model = Synthesizer(seed=3, **TINY).fit(path, rows=500, at_once=at_once)
    assert (
        model.report_["total"] == 900
        and "500 rows drawn of 900" in dict(model.describe())["learnt from"]
    )
    train, held_out = model.split(whole)
    assert (
        len(train) + len(held_out) == 500
        and train.index.union(held_out.index).tolist() == rows.tolist()
    )


def test_drawn_rows_are_uniform() -> None:
    times = np.bincount(
        np.concatenate([draw_rows(50, 10, Streams(seed)) for seed in range(600)]),
        minlength=50,
    )
    assert times.sum() == 6000
    assert (
        (times - 120) ** 2 / 96
    ).sum() < 95  # chi-squared, 49 degrees of freedom: above in 1 of 10,000
    assert (
        draw_rows(10, 10, Streams(0)).tolist()
        == draw_rows(10, 99, Streams(0)).tolist()
        == list(range(10))
    )


def test_the_sample_is_uniform_rows_of_the_file(sampled, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("n,m\n" + "".join(f"{i},{i}\n" for i in range(3000)))
    times = np.zeros(3000, dtype=np.int64)
    for seed in range(30):
        source = open_table(path, Streams(seed), at_once=0)
        assert (source.rows, len(source.sample)) == (3000, 400)
        assert source.sample["n"].astype(int).tolist() == source.numbers.tolist()
        times[source.numbers] += 1
    thirds = times.reshape(3, 1000).sum(axis=1)
    assert abs(thirds - 4000).max() < 250  # five standard deviations
    assert times.max() < 16


@pytest.mark.long
def test_a_sample_fits_a_model_that_knows_missing_cells(
    sampled, tmp_path: Path
) -> None:
    frame = mixed(3000)
    frame["count"] = np.arange(3000) % 7
    path = tmp_path / "t.csv"
    frame["count"] = frame["count"].astype(object)
    frame.loc[2900, "count"] = None
    frame.loc[2901, "price"] = np.nan
    written(frame, path)
    source = open_table(path, Streams(0), at_once=0)
    assert (
        source.rows == 3000
        and 400 <= len(source.sample) <= 402
        and 2900 in source.numbers
    )
    model = Synthesizer(seed=0, **TINY).fit(path, at_once=0)
    assert model.schema_["count"].missing and model.schema_["count"].dtype == "Int64"
    assert model.report_["rows"] == 3000
    assert "columns from 40" in dict(model.describe())["learnt from"]
    assert len(model.split(tables.read(path))[0]) == 2700


def test_no_key_of_the_file_comes_back(sampled, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "key": [f"C{i:04d}" for i in range(3000)],
            "n": np.arange(3000),
            "size": list("SML") * 1000,
        }
    )
    frame = frame.rename(columns={"n": "row_id"})
    path = written(frame, tmp_path / "t.csv")
    rows = Synthesizer(**TINY).fit(path, at_once=0).sample(2000)
    assert not set(rows["key"]) & set(frame["key"]) and rows["key"].is_unique
    assert not set(rows["row_id"]) & set(frame["row_id"])


def test_a_row_that_disagrees_is_named(
    sampled, tmp_path: Path, call, monkeypatch
) -> None:
    lines = [f"{i % 50},{'ab'[i % 2]}" for i in range(3000)]
    outside = next(
        i
        for i in range(2500, 3000)
        if i not in sampled_numbers(lines, tmp_path / "t.csv")
    )
    lines[outside] = "many,a"
    (tmp_path / "t.csv").write_text("n,w\n" + "\n".join(lines) + "\n")
    monkeypatch.setattr(sources, "fits", lambda path, at_once=None: False)
    said = call("fit", "t.csv", "--seed", "0", "--epochs", "1")
    assert said.status == 2 and "Traceback" not in said.err
    assert (
        f"row {outside + 1:,} of t.csv disagrees" in said.err
        and "'many' is not a whole number" in said.err
    )
    assert "--schema" in said.err and not (tmp_path / "t.synthtab").exists()
    lines[outside] = "1,a,3"
    (tmp_path / "t.csv").write_text("n,w\n" + "\n".join(lines) + "\n")
    said = call("fit", "t.csv", "--seed", "0", "--epochs", "1")
    assert (
        said.status == 2
        and f"line {outside + 2} has 3 cells where the header has 2" in said.err
    )


def sampled_numbers(lines: list[str], path: Path) -> set[int]:
    path.write_text("n,w\n" + "\n".join(lines) + "\n")
    return set(open_table(path, Streams(0), at_once=0).numbers.tolist())


@pytest.mark.long
def test_the_command_reads_in_pieces_by_itself(
    sampled, tmp_path: Path, call, monkeypatch
) -> None:
    (tmp_path / "t.csv").write_text(people(1000))
    monkeypatch.setattr(sources, "fits", lambda path, at_once=None: False)
    assert "in pieces" in call("fit", "t.csv", "--dry-run").out
    said = call("fit", "t.csv", "--constraints", "found")
    assert said.status == 2 and "--rows" in said.err
    said = call("fit", "t.csv", "--constraints", "found", "--rows", "600", "--dry-run")
    assert said.status == 0 and "at once" in said.out, said.err
    for bad in ("0", "-3"):
        assert call("fit", "t.csv", "--rows", bad).status == 2


@pytest.mark.long
def test_files_of_codes_are_removed(small, tmp_path: Path, monkeypatch) -> None:
    path = written(mixed(700), tmp_path / "t.csv")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen = set()

    def look(progress: Progress) -> None:
        seen.update((progress.phase, f.name) for f in tmp_path.glob("synthtab-*/*"))

    Synthesizer(**TINY).fit(path, observe=look, at_once=0)
    assert ("train", "train-codes.npy") in seen and (
        "train",
        "held-offsets.npy",
    ) in seen
    assert sorted(f.name for f in tmp_path.iterdir()) == ["t.csv"]

    def stop(progress: Progress) -> None:
        if progress.phase == "train":
            raise RuntimeError

    with pytest.raises(RuntimeError):
        Synthesizer(**TINY).fit(path, observe=stop, at_once=0)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["t.csv"]


@pytest.mark.parametrize("content", ["", "a,b\n"], ids=["empty", "header alone"])
def test_files_without_rows(content: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(DataError, match=r"t\.csv"):
        open_table(tmp_path / "t.csv", Streams(0), at_once=0)


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        Synthesizer(**TINY).fit(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="not list"):
        Synthesizer(**TINY).fit([1, 2])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="rows must be"):
        Synthesizer(**TINY).fit(mixed(50), rows=0)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="not a whole Parquet file"):
        list(tables.batches(tmp_path / "bad.parquet"))


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.csv.gz"])
def test_a_glimpse_plans_from_the_first_rows(
    name: str, sampled, tmp_path: Path, monkeypatch
) -> None:
    path, read = written(mixed(3000), tmp_path / name), []
    whole, batches = len(list(tables.batches(path))), tables.batches
    monkeypatch.setattr(
        tables,
        "batches",
        lambda *given: (read.append(len(b)) or b for b in batches(*given)),
    )
    source = sources.glimpse(path)
    assert 400 <= len(source.sample) < 3000 and source.numbers.tolist() == list(
        range(len(source.sample))
    )
    assert len(read) < whole or name.endswith("gz")
    assert abs(source.rows - 3000) < 200 and source.counted is (name == "t.parquet")
    plan = Synthesizer("quick", time="1s").plan(path)
    assert plan["rows"] == source.rows and plan["read"] == "at once"
    assert Synthesizer("quick", time="1s").plan(path, at_once=0)["read"] == "in pieces"
    assert (
        plan["memory_bytes"]
        >= source.reading_bytes
        == int(sources.held_bytes(path))
        > 0
    )
    drawn = sources.glimpse(path, rows=1000)
    assert (drawn.rows, drawn.total, drawn.counted) == (1000, source.rows, True)


def test_the_first_row_that_is_refused() -> None:
    def check(rows: pd.DataFrame) -> None:
        if (rows["x"] >= 37).any():
            raise SchemaError("no")

    assert sources.first_refused(pd.DataFrame({"x": range(100)}), check) == 37
    assert sources.first_refused(pd.DataFrame({"x": [50]}), check) == 0


def test_size_decides(tmp_path: Path, monkeypatch) -> None:
    path = written(mixed(100), tmp_path / "t.csv")
    for most, expected in ((10**9, True), (1000, False)):
        assert sources.fits(path, most) is expected
        monkeypatch.setattr(sources.machine, "memory", lambda most=most: 2 * most)
        assert sources.fits(path) is expected
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert sources.held_bytes(packed) > packed.stat().st_size * 8
    assert sources.held_bytes(written(mixed(100), tmp_path / "t.parquet")) > 100 * 6 * 4
    monkeypatch.setattr(sources.machine, "memory", lambda: None)
    assert sources.fits(path)


def test_a_table_is_typed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that is read in pieces: the sample, and each piece as it comes by."""
    frame = pd.DataFrame({"x": np.arange(300) % 70, "y": np.arange(300) % 3})
    frame.to_csv(tmp_path / "t.csv", index=False)
    typed: list[str] = []
    honest = KINDS["integer"].typed

    def spy(series: pd.Series, column: Column) -> pd.Series:
        typed.extend([column.name] * len(series))
        return honest(series, column)

    monkeypatch.setattr(KINDS["integer"], "typed", staticmethod(spy))
    for table, schema in (
        (frame, None),
        (frame, infer(frame)),
        (tmp_path / "t.csv", None),
    ):
        typed.clear()
        Synthesizer(epochs=1, rounds=0, width=16, passes=1).fit(table, schema)
        assert typed.count("x") == len(frame)
        assert typed.count("y") == len(frame)

    typed.clear()
    model = Synthesizer(epochs=1, rounds=0, width=16, passes=1)
    model.fit(tmp_path / "t.csv", at_once=0)
    assert typed.count("x") == 2 * len(frame)
