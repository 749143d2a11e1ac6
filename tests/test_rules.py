"""What goes together in a table is found, and rows are drawn by it."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from model_tables import LAYOUT

from synthtab import Synthesizer, SynthtabWarning, infer
from synthtab.core.config import configure
from synthtab.core.layout import Block, Encoded, Layout, Region, Rule, plans
from synthtab.core.randomness import Streams
from synthtab.data.encoder import TableEncoder
from synthtab.data.relations.rules import find_rules
from synthtab.model.layers import Slots
from synthtab.model.networks import Networks
from synthtab.sampling.rules import Cells, Rules
from synthtab.sampling.sampler import fill, generate

CPU = torch.device("cpu")


def routes(rows: int = 3000, seed: int = 0) -> pd.DataFrame:
    """Flights between 3 and 20 airports: the distance is that of the route, and there
    are as many distances as routes; a station of three never measures rain.
    """
    r = np.random.default_rng(seed)
    origin, dest = r.integers(0, 3, rows), r.integers(0, 20, rows)
    distance = 137 + 211 * origin + 17 * dest + (origin * dest) ** 2
    agent = r.integers(0, 12, rows)
    rain = r.gamma(2.0, 3.0, rows).round(2)
    return pd.DataFrame(
        {
            "origin": np.array(["JFK", "LGA", "EWR"])[origin],
            "dest": np.array([f"D{i:02}" for i in range(20)])[dest],
            "distance": distance,
            "agent": np.array([f"a{i}" for i in range(12)])[agent],
            "hotel": np.array(["city", "resort"])[agent % 2],
            "noise": np.array(["x", "y", "z"])[r.integers(0, 3, rows)],
            "station": np.array(["s", "t", "u"])[agent % 3],
            "rain": np.where(agent % 3 == 1, np.nan, rain),
        }
    )


def fitted(frame: pd.DataFrame, rare: int = 5) -> TableEncoder:
    return TableEncoder.fit(frame, infer(frame, rare=rare), Streams(0), rare=rare)


def test_rules_are_found_and_told() -> None:
    encoder = fitted(routes())
    told = encoder.rules
    assert "distance follows from origin and dest" in told
    assert "hotel follows from agent" in told
    assert not any("noise" in line for line in told)
    rain = [line for line in told if line.startswith(("station and rain", "rain"))]
    assert rain
    # Every distance has a code of its own, and comes back.
    (block,) = [b for b in encoder.layout.blocks if b.column == "distance"]
    assert block.modes == 0 and block.atoms == routes()["distance"].nunique()
    again = TableEncoder.from_state(encoder.state())
    assert again.layout.rules == encoder.layout.rules and again.rules == told


def test_numbers_are_missing_together() -> None:
    r = np.random.default_rng(0)
    air, late, alone = r.gamma(2.0, 3.0, (3, 3000)).round(3)
    is_cancelled = r.random(3000) < 0.05
    air[is_cancelled | (r.random(3000) < 0.02)] = np.nan
    late[is_cancelled] = np.nan
    alone[r.random(3000) < 0.05] = np.nan
    frame = pd.DataFrame({"air": air, "late": late, "alone": alone})
    # A delay may be known of a flight whose time is not, but not the other way round.
    (rule,) = fitted(frame).layout.rules
    assert rule.never and rule.blocks == (0, 1)


def test_numbers_of_agents_with_gaps_and_rare_ones_go_with_their_hotels() -> None:
    """Each number has a code, though some are missing and some have few rows."""
    r = np.random.default_rng(0)
    number = np.minimum(r.geometric(0.03, 4000), 180)
    frame = pd.DataFrame(
        {
            "hotel": np.array(["city", "resort", "spa"])[number % 3],
            "agent": np.where(r.random(4000) < 0.14, np.nan, number),
            "noise": r.normal(size=4000).round(3),
        }
    )
    encoder = fitted(frame)
    counts = frame["agent"].value_counts()
    is_rare = counts < 5
    assert 0.01 < counts[is_rare].sum() / counts.sum() < 0.05
    (block,) = [b for b in encoder.layout.blocks if b.column == "agent"]
    # "Missing" is one more, and those of few rows are means.
    assert block.atoms == (~is_rare).sum() + 1 and block.modes
    names = [b.column for b in encoder.layout.blocks]
    (rule,) = [
        rule
        for rule in encoder.layout.rules
        if {names[b] for b in rule.blocks} == {"agent", "hotel"} and not rule.cuts
    ]
    assert not rule.never
    # One hotel of each agent, all three where there is none, or a rare one.
    assert len(rule.cells) == (~is_rare).sum() + 3 * (1 + block.modes)


def test_what_is_seldom_of_a_rare_word_is_left_to_few_rows() -> None:
    """Of ninety stays that are a present six have a price."""
    r = np.random.default_rng(0)
    price = (40 + r.gamma(3, 25, 6000)).round(2)
    price[:300] = 0.0
    segment = np.array(["online", "direct"])[r.integers(0, 2, 6000)]
    segment[210:306] = "present"
    frame = pd.DataFrame({"segment": segment, "price": price, "x": r.normal(size=6000)})
    encoder = fitted(frame)
    names = [b.column for b in encoder.layout.blocks]
    (rule,) = [
        rule
        for rule in encoder.layout.rules
        if {names[b] for b in rule.blocks} == {"segment", "price"} and rule.never
    ]
    # Six exceptions of the ninety-one that chance would make.
    assert len(rule.cells) == 1 and rule.free == pytest.approx(6 / 91, abs=0.005)
    # Of four times as many, the network learns it.
    large = fitted(pd.concat([frame] * 4, ignore_index=True))
    assert all(rule.free < 0.05 for rule in large.layout.rules)


def test_a_number_may_have_more_values_than_a_byte() -> None:
    r = np.random.default_rng(0)
    origin, dest = r.integers(0, 15, 6000), r.integers(0, 20, 6000)
    frame = pd.DataFrame(
        {
            "origin": [f"A{i}" for i in origin],
            "dest": [f"B{i}" for i in dest],
            "distance": 1009 * origin + 17 * dest**2,
        }
    )
    encoder = fitted(frame)
    assert "distance follows from origin and dest" in encoder.rules
    encoded = encoder.encode(frame, Streams(0))
    assert encoded.codes[:, 2].max() > 255
    again = encoder.decode(encoded.codes, encoded.offsets, np.random.default_rng(0))
    pd.testing.assert_series_equal(again["distance"], frame["distance"])


def test_independent_columns_have_no_rule() -> None:
    r = np.random.default_rng(0)
    frame = pd.DataFrame(
        {f"c{i}": r.integers(0, 3 + 5 * i, 4000).astype(str) for i in range(6)}
    )
    frame["rare"] = np.where(r.random(4000) < 0.003, "yes", "no")
    assert fitted(frame).rules == []
    assert (
        TableEncoder.fit(
            routes(), infer(routes()), Streams(0), links=False
        ).layout.rules
        == ()
    )


@pytest.mark.parametrize("rows", [3000, 40_000])
@pytest.mark.parametrize(("wrong", "holds"), [(0.006, True), (0.05, False)])
def test_few_exceptions_are_left(wrong: float, holds: bool, rows: int) -> None:
    """However many rows they are."""
    frame = routes(rows)
    r = np.random.default_rng(1)
    is_wrong = r.random(len(frame)) < wrong
    frame["hotel"] = np.where(is_wrong, "city", frame["hotel"])
    encoder = fitted(frame)
    assert ("hotel follows from agent" in encoder.rules) == holds
    if holds:
        names = [b.column for b in encoder.layout.blocks]
        of_hotel = [
            rule
            for rule in encoder.layout.rules
            if {names[b] for b in rule.blocks} == {"agent", "hotel"}
        ]
        # So few rows are free that even those drawn by luck break it as seldom.
        assert 0 < of_hotel[0].free < 0.01


def test_what_fewer_people_have_is_not_stored() -> None:
    """A combination of four rows is no more allowed than one of none."""
    frame = routes()
    for times in (0, 4):
        some = frame.copy()
        index = np.flatnonzero(some["agent"] == "a1")[:times]
        some.loc[index, "hotel"] = "city"
        encoder = fitted(some)
        names = [b.column for b in encoder.layout.blocks]
        (rule,) = [
            r
            for r in encoder.layout.rules
            if {names[b] for b in r.blocks} == {"agent", "hotel"}
        ]
        assert len(rule.cells) == 12 and not rule.never


def test_of_what_few_people_have_many_rows_nothing_is_stored() -> None:
    r = np.random.default_rng(0)
    one = r.integers(0, 3, 3000)
    codes = np.stack([one, one], axis=1)
    # 60 rows of four people, and of five.
    codes[:60] = (0, 1)
    codes[60:120] = (1, 0)
    people = np.arange(3000)
    people[:60] = np.arange(60) % 4
    people[60:120] = 60 + np.arange(60) % 5
    layout = Layout((Block("a", atoms=3), Block("b", atoms=3)))
    rows = Encoded(codes, np.zeros((3000, 0), np.float32), layout)
    assert find_rules(rows, 5) == (Rule((0, 1), (0, 1, 3, 4, 8), strong=True),)
    # What four people have is as good as never.
    (rule,) = find_rules(rows, 5, people)
    assert rule.never and rule.cells == (1, 2, 5, 6, 7) and rule.free > 0


# -- Rows are drawn by the rules, of networks that know nothing

PAIRS = Rule((0, 2), (0, 3, 4, 7, 9))
THREE = Rule((0, 1, 2), tuple(range(0, 40, 3)))


def nothing_learnt(*rules: Rule) -> Networks:
    torch.manual_seed(0)
    layout = Layout(LAYOUT.blocks, None, (), rules)
    return Networks(layout, configure("default", width=16, depth=1)).eval()


def drawn(networks: Networks, passes: int, within: tuple[Region, ...] = ()):
    ways = plans(networks.layout, passes)
    blocks = generate(networks, 4000, ways, Streams(0), CPU, within=within)
    return np.concatenate([block.codes for block in blocks])


def kept(codes: np.ndarray, rule: Rule) -> float:
    cell = np.zeros(len(codes), dtype=int)
    for block in rule.blocks:
        cell = cell * LAYOUT.blocks[block].size + codes[:, block]
    return float((np.isin(cell, rule.cells) != rule.never).mean())


@pytest.mark.parametrize("passes", [1, 2, 5])
def test_rows_keep_to_rules(passes: int) -> None:
    for rule in (PAIRS, THREE, replace(PAIRS, never=True), replace(THREE, never=True)):
        assert kept(drawn(nothing_learnt(rule), passes), rule) == 1.0
        free = kept(drawn(nothing_learnt(replace(rule, free=0.5)), passes), rule)
        chance = kept(drawn(nothing_learnt(), passes), rule)
        assert free == pytest.approx(0.5 + chance / 2, abs=0.05)


def test_conditions_and_given_cells_come_before_rules() -> None:
    networks = nothing_learnt(PAIRS)
    codes = np.array([[1]])
    region = Region((2,), codes, np.zeros(1), np.ones(1))
    rows = drawn(networks, 5, (region,))
    assert (rows[:, 2] == 1).all() and set(rows[:, 0]) == {1, 3, 4}
    # A pair of conditions that no row can have: rows are made all the same.
    other = Region((0,), np.array([[0]]), np.zeros(1), np.ones(1))
    rows = drawn(networks, 5, (region, other))
    assert (rows[:, 2] == 1).all() and (rows[:, 0] == 0).all()
    # Given a city, the sex goes with it; what is given stays.
    ways = plans(networks.layout, 5)
    blocks = list(generate(networks, 300, ways, Streams(1), CPU))
    given = blocks[0]
    given.codes[:, 0] = np.arange(300) % 5
    known = np.zeros(given.codes.shape, dtype=bool)
    known[:, 0] = True
    (done,) = fill(networks, given, known, ways, Streams(2), CPU)
    assert (done.codes[:, 0] == np.arange(300) % 5).all()
    assert kept(done.codes, PAIRS) == 1.0
    given.codes[:, :3:2] = (0, 1)
    known[:, 2] = True
    (done,) = fill(networks, given, known, ways, Streams(2), CPU)
    assert (done.codes[:, 0] == 0).all() and (done.codes[:, 2] == 1).all()


def test_what_is_never_drawn_is_drawn_where_a_rule_leaves_no_other() -> None:
    networks = nothing_learnt(PAIRS)
    layout = networks.layout
    rules = Rules(layout, CPU)
    slots = Slots(layout)
    codes = torch.ones(50, 5, dtype=torch.int64)
    mask = torch.zeros(50, 5, dtype=torch.bool)
    mask[:, 2] = True
    logits = torch.zeros(50, layout.width)
    start = int(layout.starts[0])
    # With sex 1 go the cities 1, 3 and 4, of which a forest has seen none.
    logits[:, start + 1] = logits[:, start + 3] = logits[:, start + 4] = -torch.inf
    offsets = torch.full((50, 3), 0.5)
    known = Cells(codes, offsets, mask, torch.ones(50))
    cut, _ = rules.cut(logits, slots, range(5), known)
    cities = slots.softmax(cut)[:, start : start + 5]
    assert torch.allclose(cities, torch.tensor([0, 1, 0, 1, 1]) / 3)


# -- All of it


@pytest.mark.long
def test_rows_of_a_brief_fit_agree(tmp_path) -> None:
    frame = routes(1500)
    brief = dict(epochs=1, width=16, depth=1, adversarial=0, rounds=0, seed=0)
    model = Synthesizer(**brief).fit(frame)
    distance = frame.groupby(["origin", "dest"])["distance"].first()

    def wrong(rows: pd.DataFrame) -> float:
        right = distance.reindex(pd.MultiIndex.from_frame(rows[["origin", "dest"]]))
        return float((right.to_numpy() != rows["distance"].to_numpy()).mean())

    rows = model.sample(2000)
    assert wrong(rows) == 0.0
    hotels = frame.drop_duplicates("agent").set_index("agent")["hotel"]
    assert (rows["agent"].map(hotels) == rows["hotel"]).all()
    assert rows.loc[rows["station"] == "t", "rain"].isna().all()
    far = model.sample(500, where="distance > 500")
    assert (far["distance"] > 500).all() and wrong(far) == 0.0
    some = model.sample(300, where="distance > 500 and origin = LGA")
    assert (some["distance"] > 500).all() and (some["origin"] == "LGA").all()
    assert wrong(some) == 0.0
    given = frame[["origin", "dest", "agent"]].head(300)
    done = model.sample(given=given)
    assert wrong(done) == 0.0 and (done["origin"].values == given["origin"]).all()
    assert "distance follows from origin and dest" in dict(model.describe())["rules"]
    model.save(tmp_path / "m.synthtab")
    again = Synthesizer.load(tmp_path / "m.synthtab")
    assert again.sample(200).equals(model.sample(200))


def test_a_combination_that_is_asked_for_is_made_and_told() -> None:
    model = Synthesizer(epochs=2, seed=0).fit(routes(600))
    pair = "agent and hotel that no row of the table has"
    with pytest.warns(SynthtabWarning, match=f"100.0% of the rows .* {pair}"):
        rows = model.sample(40, where={"agent": "a1", "hotel": "city"})
    assert (rows["hotel"] == "city").all()
    given = pd.DataFrame({"agent": ["a0", "a1"], "hotel": ["city", "city"]})
    with pytest.warns(SynthtabWarning, match=f"50.0% of the rows .* {pair}"):
        model.sample(given=given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # What the table has is no news; and nobody wants to know.
        model.sample(40, where={"agent": "a0", "hotel": "city"})
        model.sample(given=given, verbose=False)
