"""Numbers that follow from other numbers of their row are found, learnt as a code, and come back exactly."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.data.columns import infer
from synthtab.data.encoder import TableEncoder
from synthtab.data.relations.links import Link, Linked
from synthtab.data.relations.search import bases, find

ROWS = 3000


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def bills() -> pd.DataFrame:
    """A third of the bills is paid in full, with text and missing cells; the rest has nothing to do with the bill."""
    r = rng()
    bill = np.where(r.random(ROWS) < 0.2, 0, 100 * r.integers(1, 900, ROWS))
    paid = np.where(r.random(ROWS) < 1 / 3, bill, 100 * r.integers(0, 900, ROWS))
    share = r.random(ROWS).round(4)
    tone = r.uniform(-1, 1, ROWS).round(3)
    frame = pd.DataFrame(
        {
            "strength": np.abs(tone).round(3),
            "bill": bill,
            "paid": paid,
            "share": share,
            "rest": (1 - share).round(4),
            "tone": tone,
            "from_half": np.abs(share - 0.5).round(4),
            "noise": r.normal(size=ROWS).round(3),
            "start": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(r.integers(0, 4000, ROWS), unit="D"),
        }
    )
    frame["end"] = frame["start"] + pd.to_timedelta(
        np.where(r.random(ROWS) < 0.3, 0, r.integers(1, 999, ROWS)), "D"
    )
    frame["paid"] = frame["paid"].astype("Int64").mask(r.random(ROWS) < 0.05)
    return frame


def fitted(frame: pd.DataFrame) -> tuple[TableEncoder, Schema]:
    schema = infer(frame, rare=0)
    return TableEncoder.fit(frame, schema, Streams(0)), schema


def test_links_are_found_and_only_those() -> None:
    frame = bills()
    found = {
        c: [str(link) for link in links]
        for c, links in find(frame, infer(frame), rng(1)).items()
    }
    assert found == {
        "paid": ["bill"],
        "rest": ["1 - share"],
        "strength": ["|tone|"],
        "from_half": ["|share - 0.5|"],
        "end": ["start"],
    }


def test_a_linked_table_comes_back() -> None:
    frame = bills()
    encoder, schema = fitted(frame)
    encoded = encoder.encode(frame, Streams(1))
    for state in (
        encoder,
        TableEncoder.from_state({**json.loads(json.dumps(encoder.state()))}),
    ):
        back = state.decode(encoded.codes, encoded.offsets, rng())
        pd.testing.assert_frame_equal(
            back[["paid", "rest", "strength", "from_half", "end"]],
            frame[["paid", "rest", "strength", "from_half", "end"]],
        )
        assert list(back) == list(schema.names) and (back.dtypes == frame.dtypes).all()


def test_the_numbers_of_cells_that_follow_are_those_that_are_written() -> None:
    frame = bills()
    encoder, _ = fitted(frame)
    encoded = encoder.encode(frame, Streams(1))
    assert set(encoder.followers) >= {"paid", "rest", "strength", "from_half", "end"}
    assert not {"bill", "share", "noise"} & set(encoder.followers)
    written = encoder.decode(encoded.codes, encoded.offsets, rng())
    seen = encoder.numbers_of_followers(encoded)
    for place, name in enumerate(encoder.followers):
        column = written[name]
        if name == "end":
            days = (column - pd.Timestamp("1970-01-01")) / pd.Timedelta("1D")
            # In units of the column, which are days.
            assert np.allclose(seen[:, place], days)
        else:
            assert np.allclose(
                seen[:, place],
                column.astype("Float64").to_numpy(float, na_value=np.nan),
                equal_nan=True,
            )


def test_columns_that_always_follow_vanish_from_the_layout() -> None:
    encoder, _ = fitted(bills())
    assert {"rest", "strength", "from_half"}.isdisjoint(encoder.layout.columns)
    linked = next(c for c in encoder.columns if c.column.name == "paid")
    assert (
        isinstance(linked, Linked) and linked.blocks[0].atoms == linked.first_link + 1
    )


def test_whatever_codes_are_drawn_the_cells_follow() -> None:
    """Codes and offsets at random: cells of the link's code equal the parent's cell of their row."""
    frame = bills()
    encoder, _ = fitted(frame)
    r = rng(3)
    codes = np.column_stack([r.integers(0, b.size, 500) for b in encoder.layout.blocks])
    back = encoder.decode(
        codes, r.random((500, len(encoder.layout.continuous))).astype(np.float32), r
    )
    linked = next(c for c in encoder.columns if c.column.name == "paid")
    assert isinstance(linked, Linked)
    block = next(i for i, b in enumerate(encoder.layout.blocks) if b.column == "paid")
    as_bill = codes[:, block] == linked.first_link
    assert as_bill.any() and (back["paid"][as_bill] == back["bill"][as_bill]).all()
    np.testing.assert_allclose(back["rest"], (1 - back["share"]).round(4))
    assert back["paid"].max() <= frame["paid"].max() and back["paid"].isna().any()


def test_a_link_is_not_followed_far_beyond_where_it_holds() -> None:
    """The lowest price of a week is the day's, unless that is a peak."""
    r = rng()
    day = np.where(
        r.random(ROWS) < 0.05, r.uniform(1000, 9000, ROWS), r.uniform(0, 100, ROWS)
    ).round(2)
    low = np.where(
        (day < 100) & (r.random(ROWS) < 0.6), day, r.uniform(0, 100, ROWS)
    ).round(2)
    frame = pd.DataFrame({"day": day, "low": low, "same": day})
    encoder, _ = fitted(frame)
    encoder = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    encoded = encoder.encode(frame, Streams(1))
    place = next(i for i, b in enumerate(encoder.layout.blocks) if b.column == "low")
    linked = next(
        c for c in encoder.columns if isinstance(c, Linked) and c.column.name == "low"
    )
    encoded.codes[:, place] = (
        linked.first_link
    )  # what a generator that knows no better may say
    back = encoder.decode(encoded.codes, encoded.offsets, rng(1))
    peak, plain = day > 300, (day > 1) & (day < 99)
    assert (back["low"] == back["day"])[plain].all()
    assert back["low"][peak].between(0, 100).all() and back["low"][peak].nunique() > 100
    assert (back["same"] == back["day"]).all(), "it holds everywhere, thus there, too"
    free = frame["low"][frame["low"] != frame["day"]]
    assert ks_2samp(back["low"][peak], free).pvalue > 0.01, (
        "as the cells that follow from none"
    )
    some = encoder.decode(encoded.codes[:200], encoded.offsets[:200], rng(2))
    pd.testing.assert_frame_equal(some, back.head(200))


def test_cells_that_follow_from_a_missing_one_are_missing_where_that_may_be() -> None:
    frame = bills()
    frame["bill"] = frame["bill"].astype("Int64").mask(rng(9).random(ROWS) < 0.5)
    encoder, _ = fitted(frame)
    encoded = encoder.encode(frame, Streams(1))
    bill, paid = (
        next(i for i, b in enumerate(encoder.layout.blocks) if b.column == c)
        for c in ("bill", "paid")
    )
    linked = next(c for c in encoder.columns if c.column.name == "paid")
    assert isinstance(linked, Linked)
    codes = encoded.codes.copy()
    codes[:, paid] = linked.first_link
    back = encoder.decode(codes, encoded.offsets, rng())
    assert (back["paid"].isna() == back["bill"].isna()).all() and len(
        set(encoded.codes[:, bill])
    ) > 1


@pytest.mark.parametrize("seed", range(3))
def test_unrelated_columns_are_not_linked(seed: int) -> None:
    """Counts, zero-inflated amounts and ratings agree by chance alone."""
    r = rng(seed)
    frame = pd.DataFrame({f"count {i}": r.poisson(40, 2000) for i in range(4)})
    for i in range(4):
        frame[f"amount {i}"] = np.where(
            r.random(2000) < 0.8, 0, r.integers(1, 300, 2000)
        )
    frame["stars"] = r.integers(1, 6, 2000)
    assert find(frame, infer(frame), rng(seed)) == {}


@pytest.mark.parametrize("columns", [20, 150])
def test_equal_columns_are_found_in_tables_of_any_width(columns: int) -> None:
    """In wide ones only those are looked for: in some cells, in all, and once rounded."""
    r = rng(columns)
    frame = pd.DataFrame(
        {f"x{i}": r.normal(i, 1, ROWS).round(6) for i in range(columns)}
    )
    frame["all"] = frame["x3"]
    frame["some"] = np.where(
        r.random(ROWS) < 0.04, frame["x7"], r.normal(7, 1, ROWS).round(6)
    )
    frame["rounded"] = frame["x11"].round(1)
    frame["flag"], frame["again"] = (r.random(ROWS) < 0.02).astype(int), 0
    frame["again"] = frame["flag"]
    found = {
        c: [str(link) for link in links]
        for c, links in find(frame, infer(frame), rng()).items()
    }
    assert found == {
        "all": ["x3"],
        "some": ["x7"],
        "rounded": ["x11"],
        "again": ["flag"],
    }


def test_no_column_follows_from_itself_by_a_detour() -> None:
    x = 10 * rng().integers(1, 1000, ROWS)
    frame = pd.DataFrame({"a": x, "b": x, "c": -x, "d": np.abs(x)})
    encoder, _ = fitted(frame)
    encoded = encoder.encode(frame, Streams(0))
    pd.testing.assert_frame_equal(
        encoder.decode(encoded.codes, encoded.offsets, rng()), frame
    )
    assert list(encoder.layout.columns) == ["a"]


def test_links_to_several_columns() -> None:
    r = rng(5)
    price, count = r.uniform(1, 50, ROWS).round(2), r.integers(1, 30, ROWS)
    weight, height = r.normal(80, 12, ROWS).round(1), r.normal(1.7, 0.1, ROWS).round(2)
    parts = r.exponential(100, (ROWS, 4)).round(2)
    frame = pd.DataFrame({f"part {i}": parts[:, i] for i in range(4)}).assign(
        whole=parts.sum(1).round(2)
    )
    frame = frame.assign(
        price=price,
        count=count,
        due=(price * count).round(2),
        weight=weight,
        height=height,
    )
    frame["wide"] = (weight / height).round(4)
    frame["late"] = r.integers(-20, 300, ROWS)
    frame["total"] = frame["count"] + frame["late"]
    frame["left"] = (weight / (weight + price)).round(6)
    found = {
        c: [str(link) for link in links]
        for c, links in find(frame, infer(frame), rng()).items()
    }
    assert found == {
        "whole": ["part 0 + part 1 + part 2 + part 3"],
        "due": ["price * count"],
        "wide": ["weight / height"],
        "total": ["count + late"],
        "left": ["weight / (weight + price)"],
    }
    encoder, _ = fitted(frame)
    encoded = encoder.encode(frame, Streams(0))
    back = encoder.decode(encoded.codes, encoded.offsets, rng())
    np.testing.assert_array_equal(back["total"], back["count"] + back["late"])
    np.testing.assert_allclose(back["due"], back["price"] * back["count"], atol=0.006)
    assert (
        set(found).isdisjoint(encoder.layout.columns)
        and (back.dtypes == frame.dtypes).all()
    )


def test_missing_cells_before_the_parts_hide_no_sum() -> None:
    r = rng(4)
    frame = pd.DataFrame({"before": r.normal(size=ROWS).round(3)})
    frame["before"] = frame["before"].mask(r.random(ROWS) < 0.5)
    for name in ("north", "south", "west"):
        frame[name] = r.integers(0, 500, ROWS)
    frame["all"] = frame[["north", "south", "west"]].sum(axis=1)
    encoder, _ = fitted(frame)
    assert any("north + south + west" in link for link in encoder.links)


def test_values_that_repeat_come_back_to_the_last_digit() -> None:
    """Thirds: 1 - 0.333333 is 0.666667, but the table holds 0.666666."""
    r = rng(4)
    x = np.where(r.random(ROWS) < 0.3, 0.333333, r.random(ROWS).round(6))
    frame = pd.DataFrame(
        {"x": x, "y": np.where(x == 0.333333, 0.666666, (1 - x).round(6))}
    )
    encoder, _ = fitted(frame)
    encoded = encoder.encode(frame, Streams(0))
    back = encoder.decode(encoded.codes, encoded.offsets, rng())
    assert (
        encoder.links == ["y = 1 - x"]
        and ((back["y"] == 0.666666) == (back["x"] == 0.333333)).all()
    )
    again = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    pd.testing.assert_frame_equal(
        again.decode(encoded.codes, encoded.offsets, rng()), back
    )


def test_rare_events_are_no_product_of_others() -> None:
    """Mostly zero on both sides, thus mostly equal, by chance."""
    r = rng(2)
    frame = pd.DataFrame(
        {
            c: np.where(r.random(ROWS) < 0.02, r.integers(1, 300, ROWS), 0)
            for c in "abcd"
        }
    )
    assert find(frame, infer(frame), rng()) == {}


def shares() -> pd.DataFrame:
    """Four parts of 1, a whole number of percent apart; two parts of 1; the flags of a category; something else."""
    r = rng(6)
    parts = r.dirichlet([0.3] * 4, ROWS).round(3)
    parts[:, 3] = (1 - parts[:, :3].sum(1)).round(3)
    frame = pd.DataFrame(parts, columns=["rent", "food", "travel", "other"])
    frame["owned"] = r.random(ROWS).round(3)
    frame["rented"] = (1 - frame["owned"]).round(3)
    kind = r.integers(0, 4, ROWS)
    frame = frame.assign(**{f"kind {i}": (kind == i).astype(int) for i in range(4)})
    frame["noise"] = r.normal(size=ROWS).round(3)
    return frame


PARTS = ["rent", "food", "travel", "other"]


def test_parts_of_a_whole_are_found() -> None:
    found = {
        c: [str(link) for link in links]
        for c, links in find(shares(), infer(shares()), rng(1)).items()
    }
    assert found == {
        "rent": ["1 - food - travel - other"],
        "food": ["1 - rent - travel - other"],
        "travel": ["1 - rent - food - other"],
        "other": ["1 - rent - food - travel"],
        "rented": ["1 - owned"],
    }


def test_parts_of_a_whole_come_back_and_always_add_up() -> None:
    frame = shares()
    frame.loc[:40, "food"] = np.nan
    encoder, _ = fitted(frame)
    encoded = encoder.encode(frame, Streams(0))
    again = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    back = again.decode(encoded.codes, encoded.offsets, rng())
    pd.testing.assert_frame_equal(back[41:], frame[41:])
    assert back["food"][:41].isna().all()
    linked = [c for c in encoder.columns if c.column.name in PARTS]
    first = [
        next(i for i, b in enumerate(encoder.layout.blocks) if b.column == name)
        for name in PARTS
    ]
    rest = np.array(
        [
            encoded.codes[:, b] == c.first_link
            for b, c in zip(first, linked, strict=True)
        ]
    )  # type: ignore[union-attr]
    assert 0.87 < rest[:, 41:].any(axis=0).mean() < 0.93, (
        "a tenth is encoded as what it is"
    )
    assert (rest.sum(axis=0)[frame[PARTS].max(axis=1) > 0.5] <= 1).all()
    largest = (
        rest.T[41:]
        <= (frame[PARTS].to_numpy() == frame[PARTS].max(axis=1).to_numpy()[:, None])[
            41:
        ]
    )
    assert largest.all(), "only the largest part is the rest of the others"
    r = rng(3)
    codes = np.column_stack(
        [r.integers(0, b.size, 2000) for b in encoder.layout.blocks]
    )
    drawn = encoder.decode(
        codes, r.random((2000, len(encoder.layout.continuous))).astype(np.float32), r
    )
    whole = drawn[PARTS].dropna()
    possible = whole.min(axis=1) > 0  # else a part was cut at 0
    np.testing.assert_allclose(whole.sum(axis=1)[possible], 1, atol=0.0021)
    assert possible.mean() > 0.2 and (drawn[PARTS].min() >= frame[PARTS].min()).all()


def test_several_rests_share_what_is_left() -> None:
    encoder, _ = fitted(shares())
    codes = np.zeros((1, len(encoder.layout.blocks)), dtype=np.int64)
    for i, block in enumerate(encoder.layout.blocks):
        if block.column in PARTS:
            linked = next(c for c in encoder.columns if c.column.name == block.column)
            assert isinstance(linked, Linked)
            codes[0, i] = linked.first_link
    drawn = encoder.decode(
        codes, np.full((1, len(encoder.layout.continuous)), 0.5, np.float32), rng()
    )
    assert drawn.loc[0, PARTS].tolist() == [0.25] * 4


def counts() -> pd.DataFrame:
    r = rng(8)
    words = r.integers(20, 900, ROWS)
    good, bad = r.binomial(words, 0.05), r.binomial(words, 0.01)
    price = r.uniform(1, 9, ROWS).round(2)
    return pd.DataFrame(
        {
            "good": (good / words).round(9),
            "bad": (bad / words).round(9),
            "price": price,
            "words": words,
            "n": words * 100,
        }
    )


def test_rates_that_are_counts_divided_are_found_and_stay_so() -> None:
    frame = counts()
    schema = infer(frame, rare=0)
    assert bases(frame, schema, {}) == {"good": "words", "bad": "words"}
    assert bases(frame, schema, {"words": (Link(("good",)),)}) == {"bad": "words"}, (
        "no column follows from itself"
    )
    encoder, _ = fitted(frame)
    assert "good * words is whole" in encoder.links
    again = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    encoded = again.encode(frame, Streams(0))
    pd.testing.assert_frame_equal(
        again.decode(encoded.codes, encoded.offsets, rng()), frame
    )
    r = rng(1)
    drawn = again.decode(
        encoded.codes, r.random(encoded.offsets.shape).astype(np.float32), r
    )
    for name in ("good", "bad"):
        count = drawn[name] * drawn["words"]
        np.testing.assert_allclose(count, np.rint(count), atol=1e-5)
        assert ((count < 0.5) == (drawn[name] == 0)).all()


@pytest.mark.parametrize(
    ("link", "text", "values"),
    [
        (Link(("x",)), "x", [1, 5]),
        (Link(("x",), "rest"), "-x", [-1, -5]),
        (Link(("x",), "rest", 2.5), "2.5 - x", [1.5, -2.5]),
        (Link(("x",), "distance", 3), "|x - 3|", [2, 2]),
        (Link(("x",), "distance"), "|x|", [1, 5]),
        (Link(("x", "y")), "x + y", [3, 5]),
        (Link(("x", "y"), "difference"), "x - y", [-1, 5]),
        (Link(("x", "y"), "product"), "x * y", [2, 0]),
        (Link(("x", "y"), "ratio"), "x / y", [0.5, np.inf]),
        (Link(("x", "y"), "remainder"), "x / y - x", [-0.5, np.inf]),
        (Link(("x", "y"), "share"), "x / (x + y)", [1 / 3, 1]),
    ],
)
def test_links_in_words_and_numbers(link: Link, text: str, values: list[float]) -> None:
    assert str(link) == text
    found = link.follow([np.array([1, 5]), np.array([2, 0])][: len(link.parents)])
    np.testing.assert_allclose(found, values)
    whole = (
        link.form in ("sum", "rest", "distance", "difference") and link.constant != 2.5
    )
    assert found.dtype == (np.int64 if whole else np.float64)
