"""Between which numbers a column lies, given another one: found, stored, drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from model_tables import LAYOUT

from synthtab import Synthesizer, infer
from synthtab.core.config import configure
from synthtab.core.layout import Encoded, Layout, Region, Rule, plans
from synthtab.core.randomness import Streams
from synthtab.data.encoder import TableEncoder
from synthtab.data.relations.rules import check_rules
from synthtab.model.networks import Networks
from synthtab.sampling.sampler import fill, generate

CPU = torch.device("cpu")


def houses(rows: int = 3000, seed: int = 0) -> pd.DataFrame:
    """Nine districts in a square of three by three, rain of which a word says whether it
    was more than 1 mm, and noise.
    """
    r = np.random.default_rng(seed)
    district = r.integers(0, 9, rows)
    rain = np.where(r.random(rows) < 0.6, 0.0, r.exponential(6, rows).round(1))
    return pd.DataFrame(
        {
            "district": np.array([f"d{i}" for i in range(9)])[district],
            "north": (district // 3 + r.random(rows)).round(4),
            "east": (district % 3 + r.random(rows)).round(4),
            "rain": rain,
            "wet": np.where(rain > 1, "yes", "no"),
            "noise": r.normal(0, 1, rows).round(3),
        }
    )


def fitted(frame: pd.DataFrame, rare: int = 5, **people) -> TableEncoder:
    schema = infer(frame, rare=rare, **people)
    return TableEncoder.fit(frame, schema, Streams(0), rare=rare)


def rule_of(encoder: TableEncoder, *columns: str) -> Rule:
    """The only rule with cuts that is about these columns."""
    blocks = encoder.layout.blocks
    (rule,) = [
        rule
        for rule in encoder.layout.rules
        if rule.cuts and {blocks[b].column for b in rule.blocks} == {*columns}
    ]
    return rule


def outside(rows: pd.DataFrame, margin: float = 0.0) -> float:
    """The share of houses that lie outside their district."""
    district = rows["district"].str[1:].astype(int)
    north = rows["north"] - district // 3
    east = rows["east"] - district % 3
    least, most = -margin, 1 + margin
    inside = north.between(least, most) & east.between(least, most)
    return float((~inside).mean())


def wrong(rows: pd.DataFrame) -> float:
    return float(((rows["rain"] > 1) != (rows["wet"] == "yes")).mean())


# -- Found


def test_ranges_are_found_and_told() -> None:
    encoder = fitted(houses())
    told = [line for line in encoder.rules if "range" in line]
    assert sorted(told) == [
        "east lies within a range that depends on district",
        "north lies within a range that depends on district",
        "rain lies within a range that depends on wet",
    ]
    again = TableEncoder.from_state(encoder.state())
    assert again.layout.rules == encoder.layout.rules and again.rules == encoder.rules
    # Nine districts leave out two thirds, a word less than that.
    assert rule_of(encoder, "district", "north").strong


def bounds(encoder: TableEncoder, word: str, name: str, number: str) -> list[float]:
    """The least and greatest number that a rule leaves to a word, of 4,000 offsets."""
    rule = rule_of(encoder, name, number)
    blocks = encoder.layout.blocks
    words = next(c for c in encoder.columns if c.column.name == name)
    cells, _ = words.encode(pd.Series([word]), np.random.default_rng(0))
    block = next(b for b, own in enumerate(blocks) if own.column == number)
    codec = next(c for c in encoder.columns if c.column.name == number).codec
    size = rule.sizes(encoder.layout)[1]
    first = blocks[block].atoms
    ends = np.sort([*range(1, blocks[block].size), *rule.cuts[1]])
    offsets = (np.arange(4000) + 0.5) / 4000
    numbers = []
    for code in range(first, blocks[block].size):
        pieces = np.searchsorted(ends, code + offsets, side="right")
        allowed = ~np.isin(int(cells[0, 0]) * size + pieces, rule.cells)
        values, _ = codec.decode(np.full(4000, code), offsets)
        numbers.append(values[allowed])
    all_numbers = np.concatenate(numbers)
    return [float(all_numbers.min()), float(all_numbers.max())]


def test_a_limit_that_rows_share_is_exact() -> None:
    encoder = fitted(houses())
    assert bounds(encoder, "yes", "wet", "rain")[0] == 1.1
    assert bounds(encoder, "no", "wet", "rain")[1] == 1.0


def test_where_values_thin_out_there_is_a_margin() -> None:
    encoder = fitted(houses())
    least, most = bounds(encoder, "d4", "district", "north")
    assert 0.96 < least < 1.01 and 1.99 < most < 2.04


def test_a_border_is_sharp_though_some_rows_lie_far_beyond_it() -> None:
    """Three houses in a thousand are anywhere: the bounds of the others stay."""
    frame = houses(9000)
    r = np.random.default_rng(1)
    is_astray = r.random(len(frame)) < 0.003
    frame.loc[is_astray, "north"] = (3 * r.random(int(is_astray.sum()))).round(4)
    encoder = fitted(frame)
    for district in ("d0", "d4", "d8"):
        least, most = bounds(encoder, district, "district", "north")
        south = int(district[1]) // 3
        assert least == pytest.approx(south, abs=0.03)
        assert most == pytest.approx(south + 1, abs=0.03)
    # As many as are astray are free.
    rule = rule_of(encoder, "district", "north")
    assert 0.001 < rule.free < 0.008


@pytest.mark.parametrize("extreme", [2.9, 2.95, 2.99])
def test_no_single_row_decides_a_bound(extreme: float) -> None:
    """The one house far in the north of its district is not told by the bound."""
    frame = houses()
    district = frame["district"] == "d4"
    plain = bounds(fitted(frame), "d4", "district", "north")
    # Among those of the next district, so that the column looks as before.
    frame.loc[frame.index[district][0], "north"] = extreme
    least, most = bounds(fitted(frame), "d4", "district", "north")
    assert most < 2.2 and most == pytest.approx(plain[1], abs=0.03)
    assert least == pytest.approx(plain[0], abs=0.03)


def test_people_count_and_not_their_rows() -> None:
    """Twenty rows of two people at the end of a range are as good as two."""
    frame = houses()
    frame["person"] = [f"p{i}" for i in range(len(frame))]
    rows = frame.index[frame["district"] == "d4"][:20]
    frame.loc[rows, "north"] = np.linspace(2.5, 2.6, 20).round(4)
    of_many = bounds(fitted(frame.drop(columns="person")), "d4", "district", "north")
    assert of_many[1] > 2.5
    frame.loc[rows, "person"] = np.where(np.arange(20) % 2, "anna", "bert")
    of_two = bounds(fitted(frame, person="person"), "d4", "district", "north")
    assert of_two[1] < 2.2


def test_independent_numbers_have_no_range() -> None:
    r = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{i}": r.gamma(1 + i, 1, 4000).round(3) for i in range(4)})
    for i in range(4):
        frame[f"c{i}"] = r.integers(0, 3 + 20 * i, 4000).astype(str)
    assert fitted(frame).layout.rules == ()
    # Another mean is no range.
    frame["x0"] += frame["c0"].astype(int)
    told = fitted(frame).rules
    assert told == [] or told == ["x0 lies within a range that depends on c0"]


def test_rules_of_a_forged_file_are_refused() -> None:
    good = Rule((0, 3), (0,), True, cuts=((), (0.5,)))
    check_rules(Layout(LAYOUT.blocks, rules=(good,)))
    for cuts in (((),), ((0.5,), ()), ((), (1.5,)), ((), (0.7, 0.2)), ((), (np.nan,))):
        with pytest.raises(ValueError, match="a rule"):
            check_rules(Layout(LAYOUT.blocks, rules=(replace(good, cuts=cuts),)))


# -- Drawn, by networks that know nothing


def heights(*allowed: tuple[int, ...]) -> Rule:
    """Of each city, which of four quarters of the heights it has."""
    never = [
        4 * city + quarter
        for city, own in enumerate(allowed)
        for quarter in {0, 1, 2, 3} - {*own}
    ]
    return Rule((0, 3), tuple(never), True, cuts=((), (0.25, 0.5, 0.75)))


# Cities 0 and 1 have a quarter each, 2 the upper half, 3 both ends, 4 all.
TALL = heights((0,), (1,), (2, 3), (0, 3), (0, 1, 2, 3))


def nothing_learnt(*rules: Rule) -> Networks:
    torch.manual_seed(0)
    layout = Layout(LAYOUT.blocks, None, (), rules)
    return Networks(layout, configure("default", width=16, depth=1)).eval()


def drawn(
    networks: Networks, passes: int, within: tuple[Region, ...] = (), n: int = 4000
) -> Encoded:
    ways = plans(networks.layout, passes)
    blocks = list(generate(networks, n, ways, Streams(0), CPU, within=within))
    codes = np.concatenate([block.codes for block in blocks])
    offsets = np.concatenate([block.offsets for block in blocks])
    return Encoded(codes, offsets, networks.layout)


def kept(rows: Encoded, rule: Rule) -> float:
    """The share of rows that keep to a rule of city and height."""
    quarter = np.minimum(4 * rows.offsets[:, 1], 3.999).astype(int)
    cell = 4 * rows.codes[:, 0] + quarter
    return float((np.isin(cell, rule.cells) != rule.never).mean())


@pytest.mark.parametrize("passes", [1, 2, 5])
def test_rows_keep_to_ranges(passes: int) -> None:
    some = tuple({*range(20)} - {*TALL.cells})
    for rule in (TALL, replace(TALL, cells=some, never=False)):
        assert kept(drawn(nothing_learnt(rule), passes), rule) == 1.0
        free = kept(drawn(nothing_learnt(replace(rule, free=0.5)), passes), rule)
        chance = kept(drawn(nothing_learnt(), passes), rule)
        assert free == pytest.approx(0.5 + chance / 2, abs=0.05)


def test_within_a_range_numbers_are_as_without() -> None:
    """What is drawn is what the network says, cut to the range, and nothing else."""
    rule = heights((1,), (0, 1), (0, 1, 2, 3), (3,), (0, 2))
    given = drawn(nothing_learnt(), 5, n=8192)
    given.codes[:, 0] = np.arange(8192) % 5
    known = np.zeros(given.codes.shape, dtype=bool)
    known[:, 0] = True
    found = []
    for rules in ((), (rule,)):
        networks = nothing_learnt(*rules)
        ways = plans(networks.layout, 5)
        blocks = fill(networks, given, known, ways, Streams(2), CPU)
        found.append(np.concatenate([block.offsets[:, 1] for block in blocks]))
    for city in range(5):
        of_city = given.codes[:, 0] == city
        quarter = (4 * found[0]).astype(int)
        allowed = of_city & ~np.isin(4 * city + quarter, rule.cells)
        at = np.linspace(0.05, 0.95, 10)
        want = np.quantile(found[0][allowed], at)
        got = np.quantile(found[1][of_city], at)
        # As ranks among what is wanted: the quarters may lie apart.
        ranks = np.searchsorted(np.sort(found[0][allowed]), got) / allowed.sum()
        assert np.abs(ranks - at).max() < 0.05, (city, want, got)


def test_atoms_and_several_modes_are_cut() -> None:
    """Sex 0 has no income, or a great one of the first mode; sex 1 any of the second."""
    # Codes and pieces of the income: none, first mode below and above .8, second mode.
    rule = Rule((2, 4), (1, 3, 4, 5, 6), True, cuts=((), (1.8,)))
    for passes in (1, 2, 5):
        rows = drawn(nothing_learnt(rule), passes)
        income, offset = rows.codes[:, 4], rows.offsets[:, 2]
        woman = rows.codes[:, 2] == 0
        assert 0.1 < woman.mean() < 0.9
        assert (income[~woman] == 2).all()
        great = (income == 1) & (offset >= 0.8)
        assert ((income == 0) | great)[woman].all()
        # Such an income is rarer than none by as much as its share of the mode.
        assert 0 < great[woman].mean() < 0.3 < (income == 0)[woman].mean()


@pytest.mark.long
def test_conditions_and_given_cells_come_before_ranges() -> None:
    networks = nothing_learnt(TALL)
    third = Region((3,), np.array([[0]]), np.array([0.5]), np.array([0.7]))
    rows = drawn(networks, 5, (third,))
    assert ((rows.offsets[:, 1] >= 0.5) & (rows.offsets[:, 1] < 0.7)).all()
    assert set(rows.codes[:, 0]) == {2, 4}
    # Of a city, the part of a wider range that it has.
    city = Region((0,), np.array([[1]]), np.zeros(1), np.ones(1))
    lower = Region((3,), np.array([[0]]), np.array([0.1]), np.array([0.4]))
    rows = drawn(networks, 5, (city, lower))
    height = rows.offsets[:, 1]
    assert (rows.codes[:, 0] == 1).all()
    assert ((height >= 0.25) & (height < 0.4)).mean() > 0.99 and height.min() >= 0.1
    # Conditions that no row can meet: rows are made all the same.
    rows = drawn(networks, 5, (city, third))
    assert (rows.codes[:, 0] == 1).all() and (rows.offsets[:, 1] >= 0.5).all()

    ways = plans(networks.layout, 5)
    given = drawn(networks, 5, n=400)
    known = np.zeros(given.codes.shape, dtype=bool)
    known[:, 0] = True
    given.codes[:, 0] = np.arange(400) % 5
    (done,) = fill(networks, given, known, ways, Streams(2), CPU)
    assert (done.codes[:, 0] == np.arange(400) % 5).all() and kept(done, TALL) == 1.0
    # A given height stays, though the given city has another.
    given.codes[:, 0] = 0
    given.offsets[:, 1] = 0.6
    known[:, 3] = True
    (done,) = fill(networks, given, known, ways, Streams(2), CPU)
    assert (done.codes[:, 0] == 0).all() and (done.offsets[:, 1] == 0.6).all()
    # Some heights are given, and some cities: each is completed by the other.
    given.offsets[:, 1] = np.linspace(0, 0.999, 400)
    known[:, 0] = np.arange(400) % 2 == 0
    known[:, 3] = ~known[:, 0]
    (done,) = fill(networks, given, known, ways, Streams(2), CPU)
    assert kept(done, TALL) == 1.0
    is_given = known[:, 3]
    assert (done.offsets[is_given, 1] == given.offsets[is_given, 1]).all()


def test_a_strong_rule_is_heeded_through_a_column_that_is_drawn_later() -> None:
    """Whatever comes first, city, sex and height go together."""
    # Cities 0 and 1 are of sex 0 and small, all others of sex 1 and tall.
    sexes = Rule((0, 2), (0, 2, 5, 7, 9))
    sizes = heights((0,), (0,), (3,), (3,), (3,))
    for strong in (False, True):
        rules = [replace(rule, strong=strong) for rule in (sexes, sizes)]
        rows = drawn(nothing_learnt(*rules), 5)
        tall = rows.offsets[:, 1] >= 0.75
        small = rows.offsets[:, 1] < 0.25
        agrees = np.where(rows.codes[:, 2] == 0, small, tall)
        # Where sex and height come before the city, only strong rules see it coming.
        assert (agrees.mean() == 1.0) == strong
        assert (kept(rows, sizes) == 1.0) == strong


# -- All of it


@pytest.mark.long
def test_rows_of_a_brief_fit_lie_within_their_ranges(tmp_path) -> None:
    frame = houses(1500)
    brief = dict(epochs=1, width=16, depth=1, adversarial=0, rounds=0, seed=0)
    model = Synthesizer(**brief).fit(frame)
    rows = model.sample(3000)
    assert outside(rows, margin=0.15) <= 0.001 and wrong(rows) == 0.0
    some = model.sample(300, where="north > 1.4 and district in (d3, d8)")
    assert (some["north"] > 1.4).all() and outside(some, margin=0.15) <= 0.01
    given = frame[["district", "wet"]].head(300)
    done = model.sample(given=given)
    assert outside(done, margin=0.15) <= 0.01 and wrong(done) == 0.0
    places = frame[["north", "east", "rain"]].head(300)
    done = model.sample(given=places)
    assert outside(done, margin=0.15) <= 0.01 and wrong(done) == 0.0
    model.save(tmp_path / "m.synthtab")
    again = Synthesizer.load(tmp_path / "m.synthtab")
    assert again.sample(200).equals(model.sample(200))
    told = dict(model.describe())["rules"]
    assert "north lies within a range that depends on district" in told
