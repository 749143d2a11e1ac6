"""The library as a pandas user meets it: fit, sample, save, load, and what it says when that cannot be."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.exceptions
import torch
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

import synthtab
from synthtab import Synthesizer, datasets, infer, model_file
from synthtab.core.errors import (
    ArtefactError,
    ConfigError,
    DataError,
    NotFittedError,
    SchemaError,
    SynthtabError,
)
from synthtab.core.progress import Progress
from synthtab.data import tables

OLD = Path(__file__).parent / "files"
TINY = dict(width=32, noise=16, batch=64, checks=2, epochs=3)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    n = 400
    size = pd.Categorical(
        draw.choice(["S", "M", "L"], n, p=[0.2, 0.5, 0.3]),
        ["S", "M", "L"],
        ordered=True,
    )
    return pd.DataFrame(
        {
            "when": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(draw.integers(0, 900, n), unit="D"),
            "size": size,
            "price": np.round(draw.gamma(2, 30, n), 2),
            "count": pd.array(
                np.where(draw.random(n) < 0.1, pd.NA, draw.integers(0, 9, n)),
                dtype="Int64",
            ),
            "member": draw.random(n) < 0.3,
            "code": pd.Series(
                [f"{i:04d}" for i in draw.integers(0, 40, n)], dtype="object"
            ),
            "always": "x",
        }
    )


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> Synthesizer:
    return Synthesizer(seed=3, target="member", **TINY).fit(frame)


@pytest.fixture(scope="module")
def saved(model: Synthesizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "model.synthtab"
    model.save(path)
    return path


@pytest.mark.long
def test_rows_have_the_tables_columns_order_and_dtypes(
    model: Synthesizer, frame: pd.DataFrame
) -> None:
    rows = model.sample(200)
    assert list(rows.columns) == list(frame.columns) and len(rows) == 200
    pd.testing.assert_series_equal(rows.dtypes, frame.dtypes)
    assert rows.index.equals(pd.RangeIndex(200))
    assert rows["price"].between(frame["price"].min(), frame["price"].max()).all()
    assert (rows["price"].round(2) == rows["price"]).all()
    assert set(rows["code"]) <= set(frame["code"]) and set(rows["always"]) == {"x"}


@pytest.mark.parametrize("passes", [None, 1, 4])
def test_fewer_rows_are_the_start_of_more(
    model: Synthesizer, passes: int | None
) -> None:
    many = model.sample(5000, passes=passes)  # more than one block
    pd.testing.assert_frame_equal(model.sample(10, passes=passes), many.head(10))
    blocks = pd.concat(
        list(model.sample_blocks(5000, passes=passes)), ignore_index=True
    )
    pd.testing.assert_frame_equal(blocks, many)


def test_no_rows_are_an_empty_table_of_the_same_columns(model: Synthesizer) -> None:
    one = model.sample(1)
    for options in ({}, {"jobs": 2}, {"first": 5}):
        none = model.sample(0, **options)
        assert len(none) == 0
        assert list(none) == list(one)
        assert (none.dtypes == one.dtypes).all()
    with pytest.raises(SynthtabError, match="no column"):
        model.sample(0, where="nonsense = 1")
    with pytest.raises(SynthtabError, match="0 or more, not -1"):
        model.sample(-1)


def test_seeds(model: Synthesizer, frame: pd.DataFrame) -> None:
    assert model.sample(50).equals(model.sample(50, seed=3))
    assert not model.sample(50).equals(model.sample(50, seed=4))
    again = Synthesizer(seed=3, target="member", **TINY).fit(frame)
    pd.testing.assert_frame_equal(again.sample(50), model.sample(50))


def test_save_and_load_give_the_same_rows(model: Synthesizer, saved: Path) -> None:
    loaded = Synthesizer.load(saved)
    pd.testing.assert_frame_equal(loaded.sample(100), model.sample(100))
    assert (
        loaded.report_ == json.loads(json.dumps(model.report_))
        and loaded.config == model.config
    )
    assert loaded.target == "member" and loaded.schema_ == model.schema_


def test_the_file_is_data_and_readable(saved: Path) -> None:
    with zipfile.ZipFile(saved) as file:
        assert sorted(file.namelist()) == sorted(
            [
                *(f"{p}.json" for p in model_file.JSON_PARTS),
                model_file.WEIGHTS,
                model_file.TREES,
            ]
        )
        manifest = json.loads(file.read("manifest.json"))
        everything = b"".join(file.read(name) for name in file.namelist())
    assert manifest["format"] == model_file.FORMAT and manifest["seed"] == 3
    assert {"steps", "seconds", "best", "history", "warnings"} <= set(
        manifest["report"]
    )
    assert b"pickle" not in everything
    assert [p.name for p in saved.parent.iterdir()] == [saved.name], (
        "nothing half-written is left beside it"
    )


def test_the_file_holds_no_training_row(saved: Path) -> None:
    """Nothing in the file is as long as the table (400 rows, 360 of them trained on)."""
    bundle = model_file.load(saved)

    def lengths(data: object) -> set[int]:
        if isinstance(data, dict):
            return set().union(*map(lengths, data.values())) if data else set()
        return (
            {len(data)}.union(*map(lengths, data)) if isinstance(data, list) else set()
        )

    found = lengths([bundle.manifest, bundle.schema, bundle.encoder, bundle.config])
    found |= {side for tensor in bundle.weights.values() for side in tensor.shape}
    assert not found & {400, 360} and max(found) < 400


def test_a_failed_save_leaves_the_old_file(
    model: Synthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.synthtab"
    path.write_text("old")

    def full(*_: object, **__: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_file.safetensors.torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def rewrite(source: Path, target: Path, change: dict[str, object]) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if change.get(name, ...) is not None:
                data = old.read(name)
                new.writestr(name, change[name](data) if name in change else data)  # type: ignore[operator]
    return target


def newer(data: bytes) -> str:
    return json.dumps({**json.loads(data), "format": 99})


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda s, t: t.write_bytes(s.read_bytes()[:2000]), "only a part"),
        (lambda s, t: t.write_text("age,sex\n1,2\n"), "not a synthtab model"),
        (lambda s, t: t.write_bytes(b""), "not a synthtab model"),
        (lambda s, t: t.mkdir(), "folder"),
        (lambda s, t: None, "no model file"),
        (lambda s, t: rewrite(s, t, {"manifest.json": newer}), "newer"),
        (lambda s, t: rewrite(s, t, {"manifest.json": None}), "not a synthtab model"),
        (lambda s, t: rewrite(s, t, {"manifest.json": lambda d: "{}"}), "no format"),
        (lambda s, t: rewrite(s, t, {"encoder.json": None}), "damaged"),
        (lambda s, t: rewrite(s, t, {"encoder.json": lambda d: d[:50]}), "damaged"),
        (
            lambda s, t: rewrite(s, t, {"weights.safetensors": lambda d: d[:50]}),
            "damaged",
        ),
        (
            lambda s, t: rewrite(
                s,
                t,
                {"config.json": lambda d: d.replace(b'"width": 32', b'"width": 64')},
            ),
            "damaged",
        ),
    ],
)
def test_bad_model_files_are_named(
    saved: Path, tmp_path: Path, damage: object, says: str
) -> None:
    path = tmp_path / "bad.synthtab"
    damage(saved, path)  # type: ignore[operator]
    with pytest.raises(ArtefactError, match=says) as caught:
        Synthesizer.load(path)
    assert "bad.synthtab" in str(caught.value) and "\n" not in str(caught.value)


def test_not_fitted() -> None:
    model = Synthesizer()
    assert not model.fitted
    for use in (
        lambda: model.sample(3),
        lambda: model.save("x"),
        lambda: model.describe(),
    ):
        with pytest.raises(NotFittedError, match="call fit first"):
            use()
        with pytest.raises(sklearn.exceptions.NotFittedError):
            use()
    with pytest.raises(sklearn.exceptions.NotFittedError):
        check_is_fitted(model)


@pytest.mark.parametrize("n", [-5, 2.5, "many"])
def test_bad_numbers_of_rows(model: Synthesizer, n: object) -> None:
    with pytest.raises(ConfigError, match="number of rows"):
        model.sample(n)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="passes"):
        model.sample(5, passes=0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (dict(preset="fast"), "preset must be one of quick, default"),
        (dict(seed=-1), "seed"),
        (dict(device="tpu"), "device must be"),
        (dict(time="soon"), "duration"),
        (dict(epochs=0), "epochs"),
        (dict(holdout=0.8), "holdout"),
        (dict(widht=3), "did you mean 'width'"),
    ],
)
def test_bad_options(frame: pd.DataFrame, arguments: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Synthesizer(**arguments).fit(frame)


def test_the_constructor_stores_and_sklearn_can_clone() -> None:
    given = dict(preset="quick", target="a", seed=3, time="5m", width=32)
    model = Synthesizer(**given)
    params = model.get_params()
    assert {name: params[name] for name in given} == given
    copied = clone(model)
    assert copied.get_params() == params and copied is not model
    model.set_params(width=64, epochs=2)
    assert model.config.width == 64 and model.config.epochs == 2
    assert copied.config.width == 32
    with pytest.raises(ConfigError, match="did you mean 'width'"):
        model.set_params(widht=3)
    with pytest.raises(ConfigError, match="did you mean 'width'"):
        Synthesizer(widht=3)
    assert repr(Synthesizer("quick", seed=3)) == "Synthesizer(preset='quick', seed=3)"


@pytest.mark.long
def test_random_state_is_seed(frame: pd.DataFrame) -> None:
    by_seed = Synthesizer(seed=5, **TINY).fit(frame)
    by_state = Synthesizer(random_state=5, **TINY).fit(frame)
    assert by_seed.sample(20).equals(by_state.sample(20))


def test_fitted_attributes_and_old_names(model: Synthesizer) -> None:
    names = list(model.schema_.names)
    assert model.n_features_in_ == len(names)
    assert model.feature_names_in_.tolist() == names
    check_is_fitted(model)
    with pytest.warns(DeprecationWarning, match="schema_"):
        assert model.schema == model.schema_
    with pytest.warns(DeprecationWarning, match="report_"):
        assert model.report == model.report_


def test_a_loaded_model_knows_its_parameters(
    model: Synthesizer, tmp_path: Path
) -> None:
    model.save(tmp_path / "m.synthtab")
    loaded = Synthesizer.load(tmp_path / "m.synthtab")
    assert loaded.config == model.config and clone(loaded).config == model.config


def test_a_model_file_of_format_2_gives_the_same_rows() -> None:
    """Written by the last version before the networks were renamed."""
    loaded = Synthesizer.load(OLD / "penguins-format-2.synthtab", device="cpu")
    for name, where in (("rows", None), ("dream", "island = Dream")):
        rows = loaded.sample(200 if where is None else 60, seed=1, where=where)
        expected = tables.read(OLD / f"penguins-format-2-{name}.csv")
        typed = tables.typed(expected, loaded.schema_)
        same = (rows == typed) | (rows.isna() & typed.isna())
        # Another processor may round a draw the other way, here and there.
        assert same.to_numpy(dtype=bool).mean() > 0.99


def test_bad_tables(frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="at least 10"):
        Synthesizer().fit(frame.head(1))
    with pytest.raises(DataError, match="did you mean 'member'"):
        Synthesizer(target="membr").fit(frame)
    with pytest.raises(DataError, match="DataFrame"):
        Synthesizer().fit([[1, 2]])  # type: ignore[arg-type]
    with pytest.raises(SchemaError):
        Synthesizer().fit(frame.drop(columns="price"), infer(frame))


def test_constants_and_identifiers_alone_need_no_training() -> None:
    frame = pd.DataFrame({"id": range(1000, 1200), "kind": "x"})
    model = Synthesizer().fit(frame)
    rows = model.sample(50)
    assert (
        set(rows["kind"]) == {"x"}
        and rows["id"].is_unique
        and model.report_["steps"] == 0
    )


def test_no_key_of_a_held_out_row_comes_back() -> None:
    frame = pd.DataFrame(
        {"key": [f"C{i:05d}" for i in range(500)], "size": list("SSMML") * 100}
    )
    rows = Synthesizer(**TINY).fit(frame).sample(500)
    assert not set(rows["key"]) & set(frame["key"]) and rows["key"].is_unique


@pytest.mark.long
def test_no_call_touches_global_randomness(frame: pd.DataFrame, saved: Path) -> None:
    def state() -> tuple[list[int], object, object]:
        return (
            torch.get_rng_state().tolist(),
            random.getstate(),
            np.random.get_state()[1].tolist(),
        )

    before = state()
    model = Synthesizer(
        width=32, noise=16, batch=64, checks=1, work=1e-9
    )  # steps from `work`: sizes networks first
    model.plan(frame)
    model.fit(frame).sample(5)
    Synthesizer.load(saved).sample(5)
    synthtab.evaluate(frame, frame.head(100), target="member")
    assert state() == before


def test_one_column() -> None:
    frame = pd.DataFrame({"size": list("SSMMMLLLLL") * 20})
    assert set(Synthesizer(**TINY).fit(frame).sample(100)["size"]) <= set("SML")


@pytest.mark.long
def test_ten_thousand_categories_stay_compact() -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "city": [f"c{i}" for i in draw.zipf(1.3, 20_000) % 10_000],
            "n": draw.integers(0, 5, 20_000),
        }
    )
    model = Synthesizer(**{**TINY, "epochs": 1, "batch": 512})
    plan = model.plan(frame)
    assert plan["parameters"] < 200_000 and plan["encoded_bytes"] <= 4 * len(frame)
    assert set(model.fit(frame).sample(500)["city"]) <= set(frame["city"])


@pytest.mark.long
def test_ctrl_c_leaves_a_model_that_can_be_saved(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    presses = iter([KeyboardInterrupt])

    def press(progress: Progress) -> None:
        if progress.phase == "train" and (pressed := next(presses, None)):
            raise pressed

    model = Synthesizer(**{**TINY, "epochs": 400})
    with pytest.raises(KeyboardInterrupt):
        model.fit(frame, observe=press)
    assert model.fitted and model.report_["stopped"] == "interrupted"
    assert model.report_["passes"] == 6, (
        "one per column that varies: rows in one pass are bad early in training"
    )
    model.save(tmp_path / "m.synthtab")
    assert len(Synthesizer.load(tmp_path / "m.synthtab").sample(7)) == 7


def test_plan_says_what_would_run(frame: pd.DataFrame) -> None:
    plan = Synthesizer(**TINY).plan(frame)
    assert (plan["rows"], plan["holdout_rows"], plan["columns"]) == (400, 40, 7)
    assert plan["steps"] == 3 * 360 // 64 and plan["config"]["width"] == 32


def test_describe_is_words(model: Synthesizer) -> None:
    text = dict(model.describe())
    assert text["not stored"].startswith(
        "training rows; categories with fewer than 5 rows: "
    )
    assert "400 rows" in text["learnt from"]


@pytest.mark.long
def test_the_documented_calls_work(tmp_path: Path) -> None:
    frame = datasets.load("penguins")
    model = Synthesizer(
        preset="default", target="species", seed=0, **{**TINY, "epochs": 2}
    ).fit(frame)
    rows = model.sample(344)
    report = synthtab.evaluate(frame, rows, target="species")
    assert 0 <= report.score("shape_error").value <= 100 and "Shape" in str(report)
