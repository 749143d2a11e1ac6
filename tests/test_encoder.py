"""The whole table, and the numeric encoding at its heart."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from synthtab.core.errors import ConfigError, SchemaError
from synthtab.core.layout import CURVE_POINTS
from synthtab.core.randomness import Streams
from synthtab.data import tables
from synthtab.data.columns import infer
from synthtab.data.columns.base import Settings
from synthtab.data.columns.mixture import Mixture
from synthtab.data.columns.numbers import (
    NumberCodec,
    Quantiles,
    choose_atoms,
    find_breaks,
    find_tails,
    nearest,
)
from synthtab.data.encoder import TableEncoder

DATA = Path(
    os.environ.get(
        "SYNTHTAB_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"
    )
)
CONTINUOUS = ["cdf", "mixture"]
WORD_LETTERS = st.characters(
    min_codepoint=1, exclude_categories=["Cs"]
)  # pandas 2.2 takes "\0" for ""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def mixed(rows: int = 400) -> pd.DataFrame:
    r = rng(7)
    frame = pd.DataFrame(
        {
            "id": [f"{v:05d}-K" for v in r.permutation(rows)],
            "x": r.normal(size=rows).round(3),
            "gain": np.where(r.random(rows) < 0.7, 0, r.integers(100, 10**6, rows)),
            "grade": pd.Categorical(
                r.choice(["C", "B", "A"], rows), ["C", "B", "A", "A+"], ordered=True
            ),
            "when": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(r.integers(0, 10**6, rows), unit="min"),
            "ok": r.random(rows) < 0.5,
            "same": "k",
        }
    )
    frame["x"] = frame["x"].mask(r.random(rows) < 0.1)
    frame["ok"] = frame["ok"].astype("boolean").mask(r.random(rows) < 0.2)
    return frame


@pytest.mark.parametrize("continuous", CONTINUOUS)
def test_a_mixed_table_comes_back(continuous: str) -> None:
    frame = mixed()
    schema = infer(frame, rare=0)
    encoder = TableEncoder.fit(
        frame, schema, Streams(1), continuous=continuous, target="ok"
    )
    encoded = encoder.encode(frame, Streams(2))
    assert encoder.layout.last == "ok" and encoded.layout is encoder.layout
    assert encoded.codes.dtype == np.uint8
    assert encoded.offsets.dtype == np.float32
    assert encoder.bytes == encoded.codes[0].nbytes + encoded.offsets[0].nbytes
    assert (encoded.codes < encoder.layout.sizes).all()
    again = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    assert repr(again.layout) == repr(encoder.layout)
    assert again.schema == schema
    for e in (encoder, again):
        back = e.decode(encoded.codes, encoded.offsets, rng())
        pd.testing.assert_frame_equal(
            back.drop(columns="id"), frame.drop(columns="id"), check_exact=True
        )
        assert not set(back["id"]) & set(frame["id"])
    second = again.encode(frame, Streams(2))
    assert (second.codes == encoded.codes).all()
    assert (second.offsets == encoded.offsets).all()


def test_rows_where_nothing_continuous_happens_have_offset_one_half() -> None:
    frame = mixed()
    encoder = TableEncoder.fit(frame, infer(frame, rare=0), Streams(1))
    encoded = encoder.encode(frame, Streams(2))
    for o, b in enumerate(encoder.layout.continuous):
        atom = encoded.codes[:, b] < encoder.layout.blocks[b].atoms
        assert (encoded.offsets[atom, o] == 0.5).all()


def test_decoding_in_pieces_gives_the_same_rows() -> None:
    frame = mixed()
    encoder = TableEncoder.fit(frame, infer(frame, rare=0), Streams(1))
    encoded = encoder.encode(frame, Streams(2))
    whole = encoder.decode(encoded.codes, encoded.offsets, rng(), start=10)
    parts = [
        encoder.decode(encoded.codes[s], encoded.offsets[s], rng(), start=10 + s.start)
        for s in (slice(0, 150), slice(150, 400))
    ]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)


def test_keys_of_rows_held_out_do_not_come_back() -> None:
    whole = pd.DataFrame(
        {"code": [f"Q{v:03d}" for v in range(400)], "row_id": range(400), "x": 1.5}
    )
    part = whole[whole["row_id"] < 300]
    schema = infer(whole, {"code": "identifier"})
    for table, back in ((None, True), (whole, False), (whole.iloc[::-1], False)):
        encoder = TableEncoder.fit(part, schema, Streams(1), whole=table)
        rows = encoder.decode(np.zeros((300, 0), dtype=int), np.zeros((300, 0)), rng())
        for key in ("code", "row_id"):
            assert rows[key].is_unique
            assert not set(rows[key]) & set(part[key])
            assert bool(set(rows[key]) & set(whole[key])) == back, (
                "else this test shows nothing"
            )
    with pytest.raises(SchemaError, match="lacks 'x'"):
        TableEncoder.fit(part, schema, Streams(1), whole=whole.drop(columns="x"))


def test_only_keys_are_fitted_on_the_whole_table() -> None:
    whole = pd.DataFrame(
        {"x": [1, 2] * 50 + [9] * 20, "w": ["a", "b"] * 50 + ["held out"] * 20}
    )
    encoder = TableEncoder.fit(whole.head(100), infer(whole), Streams(1), whole=whole)
    assert "held out" not in json.dumps(encoder.state())
    assert encoder.layout.sizes.tolist() == [2, 2]


def test_state_holds_no_name_and_global_random_state_is_left_alone() -> None:
    frame = mixed()
    before = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]
    encoder = TableEncoder.fit(
        frame, infer(frame, rare=0), Streams(1), continuous="mixture"
    )
    encoder.encode(frame, Streams(2))
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]
    text = json.dumps(encoder.state(), allow_nan=False)
    assert not any(key in text for key in frame["id"])


def test_text_and_typed_frames_are_one() -> None:
    frame = mixed().drop(columns=["id", "grade"])
    text = (
        frame.astype(object)
        .where(frame.notna(), None)
        .map(lambda v: None if v is None else str(v))
    )
    schema = infer(text, text=True)
    encoder = TableEncoder.fit(text, schema, Streams(1))
    a, b = (
        encoder.encode(text, Streams(2)),
        encoder.encode(tables.typed(text, schema), Streams(2)),
    )
    assert (a.codes == b.codes).all()
    assert (a.offsets == b.offsets).all()


def test_index_and_column_order_of_the_frame_do_not_matter() -> None:
    frame = mixed()
    encoder = TableEncoder.fit(frame, infer(frame, rare=0), Streams(1))
    shuffled = frame[frame.columns[::-1]].set_axis([0] * len(frame))
    assert (
        encoder.encode(shuffled, Streams(2)).codes
        == encoder.encode(frame, Streams(2)).codes
    ).all()
    with pytest.raises(SchemaError, match="lacks 'x'"):
        encoder.encode(frame.drop(columns="x"), Streams(2))


def test_options_are_checked() -> None:
    frame = mixed()
    with pytest.raises(
        ConfigError, match="continuous is 'kde'; use one of cdf, mixture"
    ):
        TableEncoder.fit(frame, infer(frame, rare=0), Streams(1), continuous="kde")
    with pytest.raises(ConfigError, match="max_modes"):
        TableEncoder.fit(frame, infer(frame, rare=0), Streams(1), max_modes=0)


def test_a_table_of_constants_has_no_block() -> None:
    frame = pd.DataFrame({"a": ["x"], "b": [3], "c": [None]})
    encoder = TableEncoder.fit(frame, infer(frame, rare=0), Streams(0))
    encoded = encoder.encode(frame, Streams(0))
    assert (encoder.layout.blocks, encoder.bytes, encoded.codes.shape) == (
        (),
        0,
        (1, 0),
    )
    pd.testing.assert_frame_equal(
        encoder.decode(encoded.codes, encoded.offsets, rng()), frame
    )


# Numbers


def codec(
    values: npt.ArrayLike, decimals: int | None = None, continuous: str = "cdf"
) -> tuple[NumberCodec, npt.NDArray]:  # type: ignore[type-arg]
    array = np.asarray(values)
    none = np.zeros(len(array), dtype=bool)
    return NumberCodec.fit(array, none, decimals, rng(), Settings(continuous)), array


def there_and_back(
    fitted: NumberCodec, values: npt.NDArray
) -> tuple[npt.NDArray, npt.NDArray, npt.NDArray]:  # type: ignore[type-arg]
    codes, offsets = fitted.encode(values, np.zeros(len(values), dtype=bool), rng(1))
    return codes, offsets, fitted.decode(codes, offsets)[0]


def test_which_values_are_atoms() -> None:
    assert choose_atoms(np.full(128, 4)).all()
    assert not choose_atoms(np.full(129, 4)).any()
    assert not choose_atoms(np.ones(1000, dtype=int)).any()
    counts = np.full(1000, 10)
    counts[500] = 40
    assert choose_atoms(counts).nonzero()[0].tolist() == [500]
    counts[500] = 25  # neither 2 % nor thrice its neighbours
    assert not choose_atoms(counts).any()
    broad = np.full(1000, 10)
    broad[490:510] = 500  # each 2.6 % of the rows
    assert choose_atoms(broad).sum() == 20
    many = np.full(3000, 1)
    many[::10] = 100
    assert choose_atoms(many).sum() == 100


def test_one_value_left_beside_the_atoms_is_an_atom() -> None:
    fitted, _ = codec([1] * 6 + [2] * 6 + [3])
    assert (len(fitted.atoms), len(fitted.tables)) == (3, 0)


@pytest.mark.parametrize("continuous", CONTINUOUS)
def test_at_most_2048_distinct_values_come_back_exactly(continuous: str) -> None:
    values = rng().choice(rng(1).normal(size=2048), 30_000)
    fitted, values = codec(values, continuous=continuous)
    assert fitted.tables[0].exact
    assert (there_and_back(fitted, values)[2] == values).all()


@pytest.mark.parametrize("continuous", CONTINUOUS)
def test_more_come_back_at_the_same_rank_and_with_their_decimals(
    continuous: str,
) -> None:
    values = rng().lognormal(8, 2, 50_000).round(2)
    fitted, values = codec(values, decimals=2, continuous=continuous)
    _, _, back = there_and_back(fitted, values)
    assert (np.round(back, 2) == back).all()
    assert back.min() >= values.min()
    assert back.max() <= values.max()
    ordered = np.sort(values)
    assert (
        np.abs(np.searchsorted(ordered, back) - np.searchsorted(ordered, values)).max()
        <= 5
    )
    assert np.quantile(np.abs(back - values) / values, 0.99) < 1e-4


@pytest.mark.parametrize("name", ["normal", "rounded", "integers", "steps", "huge"])
def test_offsets_are_uniform_and_decoding_uniform_offsets_gives_the_marginal(
    name: str,
) -> None:
    r = rng(2)
    values = {
        "normal": r.normal(size=40_000),
        "rounded": r.normal(size=40_000).round(2),
        "integers": r.integers(0, 5000, 40_000),
        "steps": np.arange(300).repeat(r.integers(1, 40, 300)),
        "huge": r.normal(size=40_000) * 1e307,
    }[name]
    decimals = {"rounded": 2, "integers": 0, "steps": 0}.get(name)
    fitted, values = codec(values, decimals=decimals)
    codes, offsets, _ = there_and_back(fitted, values)
    inside = np.sort(offsets[codes >= len(fitted.atoms)])
    assert np.abs(inside - (np.arange(len(inside)) + 0.5) / len(inside)).max() < 0.015
    drawn, _ = fitted.decode(codes, rng(3).random(len(codes)).astype(np.float32))
    grid = np.quantile(values, np.linspace(0, 1, 101))
    real = np.searchsorted(np.sort(values), grid, side="right") / len(values)
    fake = np.searchsorted(np.sort(drawn), grid, side="right") / len(values)
    assert np.abs(real - fake).max() < 0.015


@pytest.mark.parametrize("continuous", CONTINUOUS)
def test_the_block_says_what_codes_and_offsets_are_worth(continuous: str) -> None:
    values = np.concatenate([np.zeros(500), rng().normal(50, 10, 1500)])
    missing = np.zeros(len(values) + 100, dtype=bool)
    missing[-100:] = True
    fitted = NumberCodec.fit(values, missing, None, rng(), Settings(continuous))
    block = fitted.block("x")
    assert block is not None
    assert (block.atoms, block.modes) == (2, len(fitted.tables))
    assert block.values[0] == pytest.approx((0 - values.mean()) / values.std())
    assert np.isnan(block.values[1])
    assert all(len(c) == CURVE_POINTS and list(c) == sorted(c) for c in block.curves)
    codes, offsets = fitted.encode(values, missing, rng())
    assert (codes[-100:] == 1).all()
    if continuous == "cdf":
        standard = (values - values.mean()) / values.std()
        got = np.interp(
            offsets[500:2000], np.linspace(0, 1, CURVE_POINTS), block.curves[0]
        )
        assert np.abs(got - standard[500:]).mean() < 0.03


def test_a_mixture_finds_separate_modes_in_good_time() -> None:
    r = rng(4)
    values = np.concatenate([r.normal(-50, 1, 100_000), r.normal(50, 2, 100_000)])
    started = time.perf_counter()
    fitted, values = codec(values, continuous="mixture")
    assert time.perf_counter() - started < 10  # well under 1 s, but machines are shared
    codes, _, _ = there_and_back(fitted, values)
    low = codes[:100_000]
    high = codes[100_000:]
    assert not set(low.tolist()) & set(high.tolist())
    shares = Mixture(
        np.array([0.5, 0.5]), np.array([0.0, 9.0]), np.array([1.0, 1.0])
    ).responsibilities(np.array([4.5]))
    assert np.allclose(shares, [[0.5, 0.5]])


def spiked(rows: int = 40_000) -> npt.NDArray[np.float64]:
    """As shares of topics are: just above one of three base values, or anywhere."""
    r = rng(11)
    base = r.choice([0.02, 0.04, 0.1], rows, p=[0.3, 0.4, 0.3])
    return np.where(
        r.random(rows) < 0.6,
        base + 10 ** r.uniform(-8, -5, rows),
        base + r.uniform(0, 0.05, rows),
    ).round(9)


def test_a_mode_ends_where_the_density_jumps() -> None:
    """The upper end of a spike belongs to it as far as it is denser than what follows; its lower end is sharp."""
    values = spiked()
    fitted, _ = codec(values, continuous="cdf")
    assert len(fitted.tables) == 3
    for base in (0.02, 0.04, 0.1):
        spike = (values > base) & (values < base + 1e-6)
        codes, offsets = fitted.encode(
            values[spike], np.zeros(spike.sum(), dtype=bool), rng()
        )
        assert len(set(codes.tolist())) == 1, "one mode holds the spike"
        below = fitted.decode(
            codes[:1].repeat(3), np.array([0, 0.25, 0.5], dtype=np.float32)
        )[0]
        assert (below >= base).all(), "nothing of that mode lies below it"
    again = NumberCodec.from_state(json.loads(json.dumps(fitted.state())))
    codes, offsets = fitted.encode(values, np.zeros(len(values), dtype=bool), rng())
    np.testing.assert_array_equal(
        again.decode(codes, offsets)[0], fitted.decode(codes, offsets)[0]
    )
    assert np.abs(fitted.decode(codes, offsets)[0] - values).max() < 0.001


@pytest.mark.parametrize(
    "values",
    [
        rng(1).normal(size=30_000),
        rng(1).pareto(1.1, 30_000),
        -rng(1).pareto(0.7, 30_000),
        rng(1).lognormal(0, 3, 30_000),
        np.round(rng(1).exponential(50, 30_000), 1),
        np.concatenate([rng(1).normal(-9, 1, 15_000), rng(2).normal(9, 0.1, 15_000)]),
        rng(1).uniform(size=3 * 256),
    ],
)
def test_smooth_densities_heavy_tails_and_short_tables_have_no_break(
    values: npt.NDArray[np.float64],
) -> None:
    distinct, counts = np.unique(values, return_counts=True)
    assert not len(find_breaks(distinct, counts.astype(np.float64)))


@pytest.mark.parametrize(
    ("values", "below", "above"),
    [
        (rng(1).normal(size=30_000), False, False),
        (rng(1).exponential(size=30_000), False, False),
        (rng(1).pareto(1.1, 30_000), False, True),
        (-rng(1).pareto(1.1, 30_000), True, False),
        (rng(1).standard_t(1.5, 30_000), True, True),
        (rng(1).pareto(1.1, 9_000), False, False),
        (np.zeros(0), False, False),
    ],
)
def test_heavy_tails_get_modes_of_their_own(
    values: npt.NDArray[np.float64], below: bool, above: bool
) -> None:
    distinct, counts = np.unique(values, return_counts=True)
    found = find_tails(distinct, counts.astype(np.float64)).tolist()
    assert found == pytest.approx([300] * below + [len(values) - 300] * above, abs=1)
    if found:
        fitted, _ = codec(values, continuous="cdf")
        codes, _ = fitted.encode(values, np.zeros(len(values), dtype=bool), rng())
        assert np.bincount(codes).tolist() == pytest.approx(
            np.diff([0, *found, len(values)]).tolist(), abs=1
        )


def test_extremes_do_not_overflow_and_curves_stay_finite() -> None:
    values = np.concatenate([[-1.7e308, 1.7e308], rng().normal(size=5000) * 1e300])
    for continuous in CONTINUOUS:
        fitted, values = codec(values, continuous=continuous)
        with np.errstate(over="raise", invalid="raise"):
            _, _, back = there_and_back(fitted, values)
        assert np.isfinite(back).all()
        assert back.max() == 1.7e308
        block = fitted.block("x")
        assert block is not None
        assert np.isfinite(np.array(block.curves)).all()


def test_huge_integers_are_exact_in_steps() -> None:
    values = np.array([2**63 - 1, 2**62 + 1, 2**62, -(2**63), 5])
    fitted, values = codec(values, decimals=0)
    assert (there_and_back(fitted, values)[2] == values).all()
    many, wide = codec(rng().integers(2**62, 2**63 - 1, 5000), decimals=0)
    back = there_and_back(many, wide)[2]
    assert np.abs(back / wide - 1).max() < 1e-6


def test_unseen_values_count_as_the_nearest() -> None:
    assert nearest(np.array([0, 10, 20]), np.array([-5, 4, 6, 10, 99])).tolist() == [
        0,
        0,
        1,
        1,
        2,
    ]
    fitted, _ = codec([1] * 10 + [5] * 10)
    assert there_and_back(fitted, np.array([0, 2, 4, 9]))[2].tolist() == [1, 1, 5, 5]
    continuous, values = codec(rng().normal(size=5000))
    back = there_and_back(continuous, np.array([-99.0, 99.0]))[2]
    assert back.tolist() == [values.min(), values.max()]


def test_positions_are_float32_exact() -> None:
    table = Quantiles.fit(np.arange(2000), np.ones(2000), 1.0)
    assert table.positions[-1] == 2**24
    assert (np.diff(table.positions) >= 1).all()
    edges = np.append(0, table.positions[:-1]).astype(np.float32) / np.float32(2**24)
    assert (table.decode(edges) == np.arange(2000)).all()
    assert table.decode(np.array([1.0], dtype=np.float32))[0] == 1999


@settings(max_examples=60, deadline=None)
@example([0.0, 1.6944416398611722e19, -1.6064587950105557e173], "mixture")
@given(
    st.lists(
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from(CONTINUOUS),
)
def test_any_floats_come_back(cells: list[float | None], continuous: str) -> None:
    comes_back(pd.DataFrame({"x": pd.Series(cells, dtype="Float64")}), continuous)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=40),
    st.integers(1, 6),
)
def test_any_integers_come_back(cells: list[int], times: int) -> None:
    comes_back(pd.DataFrame({"x": np.array(cells * times, dtype=np.int64)}), "cdf")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.text(WORD_LETTERS, max_size=4)), min_size=1, max_size=30
    )
)
def test_any_words_come_back(cells: list[str | None]) -> None:
    frame = pd.DataFrame({"x": pd.Series(cells, dtype="string")})
    comes_back(frame, "cdf", {"x": "category"})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.datetimes()), min_size=1, max_size=30))
def test_any_instants_come_back(cells: list[object]) -> None:
    comes_back(pd.DataFrame({"x": pd.Series(np.array(cells, dtype="M8[us]"))}), "cdf")


def test_two_days_of_one_weekday_keep_their_times() -> None:
    times = pd.to_datetime(
        ["2023-01-02 08:00", "2024-01-08 17:30", "2024-01-08 09:00"]
    ).repeat(20)
    comes_back(pd.DataFrame({"x": times.astype("M8[us]")}), "cdf")


def comes_back(
    frame: pd.DataFrame, continuous: str, overrides: dict[str, str] | None = None
) -> None:
    encoder = TableEncoder.fit(
        frame, infer(frame, overrides, rare=0), Streams(0), continuous=continuous
    )
    encoder = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    encoded = encoder.encode(frame, Streams(1))
    pd.testing.assert_frame_equal(
        encoder.decode(encoded.codes, encoded.offsets, rng()), frame, check_exact=True
    )


# Real tables


def real_table(name: str) -> pd.DataFrame:
    path = DATA / name
    if not path.exists():
        pytest.skip(
            f"{name} is not part of the repository; set SYNTHTAB_DATA to the folder that holds it"
        )
    return tables.read(path).head(20_000)


@pytest.mark.parametrize("name", ["adult", "beijing", "default", "magic", "shoppers"])
def test_real_csv_is_written_back_byte_for_byte(name: str, tmp_path: Path) -> None:
    frame = real_table(f"{name}/train.csv")
    schema = infer(frame, rare=0)
    tables.write(tables.typed(frame, schema), tmp_path / "t.csv", schema)
    lines = (DATA / name / "train.csv").read_text().splitlines()[: len(frame) + 1]
    assert (tmp_path / "t.csv").read_text().splitlines() == lines


def test_adult_and_beijing_kinds() -> None:
    adult = infer(real_table("adult/train.csv"))
    numeric = {c.name for c in adult.columns if c.kind == "integer"}
    assert numeric == {
        "age",
        "fnlwgt",
        "education.num",
        "capital.gain",
        "capital.loss",
        "hours.per.week",
    }
    assert {c.kind for c in adult.columns} == {"integer", "category"}
    assert infer(real_table("beijing/train.csv"))["TEMP"].options["shown"] == 1


MESSY = {
    "titanic.csv": {
        "PassengerId": "identifier",
        "Name": "identifier",
        "Ticket": "identifier",
        "Cabin": "identifier",
    },
    "telco.csv": {
        "customerID": "identifier",
        "TotalCharges": "float",
        "Churn": "boolean",
        "SeniorCitizen": "integer",
    },
    "nycflights.parquet": {
        "time_hour": "datetime",
        "tailnum": "category",
        "dep_time": "clock",
        "year": "constant",
    },
    "covtype.parquet": {"Elevation": "integer"},
}


@pytest.mark.long
@pytest.mark.parametrize("name", list(MESSY))
def test_messy_tables(name: str, tmp_path: Path) -> None:
    frame = real_table(f"messy/{name}")
    schema = infer(frame, rare=0)
    assert {n: schema[n].kind for n in MESSY[name]} == MESSY[name]
    typed = tables.typed(frame, schema)
    encoder = TableEncoder.fit(typed, schema, Streams(0))
    encoded = encoder.encode(typed, Streams(1))
    back = encoder.decode(encoded.codes, encoded.offsets, rng())
    assert back.dtypes.tolist() == typed.dtypes.tolist()
    pd.testing.assert_frame_equal(back.isna(), typed.isna())
    for column in schema.columns:
        if column.kind == "identifier":
            assert not set(back[column.name].dropna()) & set(
                typed[column.name].dropna()
            )
        elif column.kind not in ("float", "integer", "datetime"):
            assert back[column.name].equals(typed[column.name])
    if name.endswith("csv"):
        tables.write(typed, tmp_path / "t.csv", schema)
        original = (DATA / "messy" / name).read_text().splitlines()
        assert (tmp_path / "t.csv").read_text().splitlines() == original
