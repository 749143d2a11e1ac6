"""Forests, the completer of small tables: what they say, store, and never tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from synthtab import Synthesizer
from synthtab.core.config import configure
from synthtab.core.layout import CURVE_POINTS, Block, Encoded, Layout
from synthtab.core.randomness import Streams
from synthtab.model.forest import ADDED, STATE, ForestCompleter, grow
from synthtab.model.layers import Mixtures
from synthtab.model.trainer import FOREST_ROWS, for_rows
from tests.model_tables import table

LINE = tuple(np.linspace(-1.7, 1.7, CURVE_POINTS).tolist())
# A category, and a number that depends on it.
TWO = Layout((Block("town", atoms=3), Block("size", modes=1, curves=(LINE,))))


def town_and_size(rows: int, seed: int = 0) -> Encoded:
    """Towns 0, 1, 2 in 6, 3 and 1 of 10 rows; sizes within the same part of their range."""
    r = np.random.default_rng(seed)
    towns = r.choice(3, rows, p=[0.6, 0.3, 0.1])
    low, high = np.array([0.0, 0.6, 0.9]), np.array([0.6, 0.9, 1.0])
    sizes = low[towns] + (high - low)[towns] * r.random(rows)
    return Encoded(
        towns[:, None].astype(np.int16).repeat(2, 1) * [1, 0],
        sizes[:, None].astype(np.float32),
        TWO,
    )


def says(
    forests: ForestCompleter, rows: Encoded, known: list[int], block: int
) -> tuple[torch.Tensor, Mixtures]:
    """What the forests say of a block, given some others."""
    codes = torch.as_tensor(rows.codes.astype(np.int64))
    mask = torch.zeros_like(codes, dtype=torch.bool)
    mask[:, known] = True
    seen = forests.first(codes, torch.as_tensor(rows.offsets), mask)
    part = forests.part([block])
    logits, densities = part.outputs(seen, len(rows))
    modes = len(part.slots.mode_slots)
    return part.slots.softmax(logits), Mixtures.of(densities, modes)


@pytest.fixture(scope="module")
def two() -> ForestCompleter:
    return grow(town_and_size(400), Streams(0), 5)


def test_without_known_cells_they_say_the_frequencies(two: ForestCompleter) -> None:
    rows = town_and_size(1, 1)
    shares, _ = says(two, rows, [], 0)
    # Two standard errors of a share of 400 rows, and as much for the bootstrap.
    assert shares[0].numpy() == pytest.approx([0.6, 0.3, 0.1], abs=0.1)


def test_a_number_says_the_category(two: ForestCompleter) -> None:
    rows = town_and_size(500, 1)
    shares, _ = says(two, rows, [1], 0)
    assert (shares.argmax(1).numpy() == rows.codes[:, 0]).mean() > 0.95


def test_a_category_says_the_number(two: ForestCompleter) -> None:
    rows = town_and_size(2000, 1)
    offsets = torch.as_tensor(rows.offsets)
    mode = torch.zeros(1, 1, dtype=torch.int64).expand(len(rows), 1)
    known = says(two, rows, [0], 1)[1].log_density(offsets, mode).mean()
    hidden = says(two, rows, [], 1)[1].log_density(offsets, mode).mean()
    # The mutual information is the entropy of the town: .898 nats. Edges are smoothed.
    assert hidden == pytest.approx(0, abs=0.1)
    assert 0.7 < known < 0.95


def test_what_is_revealed_can_be_added() -> None:
    rows = table(50)
    forests = grow(table(), Streams(0), 5)
    codes = torch.as_tensor(rows.codes.astype(np.int64))
    offsets = torch.as_tensor(rows.offsets)
    r = torch.Generator().manual_seed(0)
    first = torch.rand(codes.shape, generator=r) < 0.5
    blocks = [1, 3]
    first[:, blocks] = False
    both = first.clone()
    both[:, blocks] = True
    part = forests.part(blocks)
    fresh = torch.ones(len(rows), 2, dtype=torch.bool)
    seen = forests.first(codes, offsets, first)
    seen = seen + part.reveal(codes, offsets, both, fresh)
    assert torch.equal(seen, forests.first(codes, offsets, both))


def test_nothing_is_told_of_fewer_people_than_asked() -> None:
    rows = town_and_size(400)
    # Four people in all: no leaf has five, so that nothing but frequencies is told.
    forests = grow(rows, Streams(0), 5, people=np.arange(400) % 4)
    known, _ = says(forests, rows, [1], 0)
    hidden, _ = says(forests, rows, [], 0)
    assert torch.equal(known, hidden)
    # They are those of the table alone.
    counts = np.bincount(rows.codes[:, 0]) + 0.5
    assert known[0].numpy() == pytest.approx(counts / counts.sum(), abs=1e-5)


def test_a_value_of_one_person_is_not_stored() -> None:
    rows = town_and_size(400)
    # One person has six rows, far from all others.
    rows.offsets[:6] = 0.999
    rows.codes[:6] = [0, 0]
    people = np.r_[np.zeros(6), np.arange(1, 395)].astype(np.int64)
    state = grow(rows, Streams(0), 5, people).state_dict()
    probit = torch.special.ndtri(torch.tensor(0.999))
    assert ((state["means"] - probit).abs() > 0.05).all()


def test_a_limit_leaves_fewer_trees() -> None:
    forests = grow(town_and_size(400), Streams(0), 5, limit=1e-9)
    # One tree of each block stands in all places.
    assert [len(of_block.unique()) for of_block in forests.roots] == [1, 1]
    rows = town_and_size(500, 1)
    shares, _ = says(forests, rows, [1], 0)
    assert (shares.argmax(1).numpy() == rows.codes[:, 0]).mean() > 0.9


def test_a_state_makes_the_same_forests(two: ForestCompleter) -> None:
    again = ForestCompleter(TWO, two.state_dict())
    rows = town_and_size(100, 2)
    assert torch.equal(says(two, rows, [1], 0)[0], says(again, rows, [1], 0)[0])


def damaged(name: str, tensor: torch.Tensor) -> list[torch.Tensor]:
    """Tensors that no forests have in this place."""
    changed = tensor.clone()
    if tensor.is_floating_point():
        changed[len(changed) // 2] = float("nan")
    else:
        changed.view(-1)[-1] = 2**30
    negative = tensor.clone()
    negative.view(-1)[0] = -1
    wrong = [changed, tensor[: len(tensor) // 2], tensor.double()]
    # A threshold or a mean may be less than 0.
    return wrong + ([] if name in ("thresholds", "means") else [negative])


# Radius and perimeter of a circle, all but the same; and their difference.
CIRCLES = Layout(
    tuple(Block(name, modes=1, curves=(LINE,)) for name in ("radius", "edge", "odds"))
)


def circles(rows: int, seed: int = 0) -> Encoded:
    """Edges differ from radii by at most .02; the third number is by how much, times 25."""
    r = np.random.default_rng(seed)
    radius, odds = 0.1 + 0.8 * r.random(rows), r.random(rows)
    offsets = np.stack([radius, radius + (odds - 0.5) / 25, odds], 1)
    return Encoded(np.zeros((rows, 3), np.int16), offsets.astype(np.float32), CIRCLES)


@pytest.fixture(scope="module")
def three() -> ForestCompleter:
    return grow(circles(400), Streams(0), 5)


def test_a_line_through_two_numbers_says_the_third(three: ForestCompleter) -> None:
    rows = circles(1000, 1)
    _, mixtures = says(three, rows, [0, 1], 2)
    r = torch.Generator().manual_seed(0)
    drawn = mixtures.draw(r)[:, 0].numpy()
    # No threshold of the one or the other tells it: trees without lines come to .15.
    assert np.corrcoef(drawn, rows.offsets[:, 2])[0, 1] > 0.8


def test_forests_without_lines_can_be_read(two: ForestCompleter) -> None:
    state = two.state_dict()
    old = {name: state[name] for name in STATE if name not in ADDED}
    rows = town_and_size(100, 2)
    again = ForestCompleter(TWO, old)
    assert torch.equal(says(two, rows, [1], 0)[0], says(again, rows, [1], 0)[0])


@pytest.mark.parametrize("name", ADDED)
def test_damaged_lines_are_refused(three: ForestCompleter, name: str) -> None:
    state = three.state_dict()
    # A covariance of 0 is none.
    for tensor in [*damaged("means", state[name]), 0 * state["covariance"]]:
        with pytest.raises(ValueError, match="forests"):
            ForestCompleter(CIRCLES, {**state, name: tensor})


@pytest.mark.parametrize("name", [name for name in STATE if name not in ADDED])
def test_a_damaged_state_is_refused(two: ForestCompleter, name: str) -> None:
    for tensor in damaged(name, two.state_dict()[name]):
        state = {**two.state_dict(), name: tensor}
        with pytest.raises(ValueError, match="forests"):
            ForestCompleter(TWO, state)


def test_a_tree_that_leads_back_is_refused(two: ForestCompleter) -> None:
    state = two.state_dict()
    left = state["left"].clone()
    inner = int((left > torch.arange(len(left))).nonzero()[0])
    left[int(left[inner])] = inner
    with pytest.raises(ValueError, match="does not end"):
        ForestCompleter(TWO, {**state, "left": left})


@pytest.mark.parametrize(
    ("options", "rows", "completer"),
    [
        ({}, FOREST_ROWS, "forest"),
        ({}, FOREST_ROWS + 1, "network"),
        ({"epochs": 3}, 100, "network"),
        ({"completer": "network"}, 100, "network"),
        ({"completer": "forest"}, FOREST_ROWS + 1, "forest"),
        ({"preset": "ctgan"}, 100, "network"),
        ({"cross_entropy": 0, "density": 0}, 100, "network"),
    ],
)
def test_few_rows_have_forests(
    options: dict[str, Any], rows: int, completer: str
) -> None:
    assert for_rows(configure(**options), rows).completer == completer


# ------------------------------------------------------------------------------------------
# Whole models


def shop(rows: int = 150) -> pd.DataFrame:
    """Prices that depend on a kind, of which some are missing."""
    r = np.random.default_rng(1)
    kind = r.choice(["cup", "book", "lamp"], rows, p=[0.5, 0.3, 0.2])
    price = pd.Series(kind).map({"cup": 5, "book": 20, "lamp": 80}).to_numpy()
    price = (price * r.lognormal(0, 0.2, rows)).round(2)
    return pd.DataFrame(
        {
            "kind": kind,
            "price": np.where(r.random(rows) < 0.1, np.nan, price),
            "sold": r.poisson(3, rows),
            "day": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(r.integers(0, 300, rows), "D"),
        }
    )


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    return Synthesizer(seed=0).fit(shop())


@pytest.mark.long
def test_rows_of_a_small_table_are_like_it(model: Synthesizer) -> None:
    real, rows = shop(5000), model.sample(5000)
    assert model.config_.completer == "forest"
    assert "forest" in dict(model.describe())["generator"]
    shares = rows["kind"].value_counts(normalize=True)
    # Two standard errors of a share of 150 rows.
    assert shares["cup"] == pytest.approx(0.5, abs=0.08)
    assert rows["price"].isna().mean() == pytest.approx(0.1, abs=0.05)
    medians = rows.groupby("kind")["price"].median()
    expected = real.groupby("kind")["price"].median()
    assert medians.to_dict() == pytest.approx(expected.to_dict(), rel=0.15)


@pytest.mark.long
def test_few_rows_are_warned_of(model: Synthesizer) -> None:
    assert "150 rows are few" in " ".join(model.report_["warnings"])
    many = Synthesizer(seed=0).fit(shop(300))
    assert not many.report_["warnings"]


@pytest.mark.long
def test_a_model_of_forests_does_what_others_do(
    model: Synthesizer, tmp_path: Path
) -> None:
    rows = model.sample(400)
    assert model.sample(10).equals(rows[:10])
    assert (model.sample(50, where="kind = lamp")["kind"] == "lamp").all()
    dear = model.sample(500, where="price > 60")
    assert (dear["price"] > 60).all()
    # No book or cup is so dear; one lamp in five rows, if the price said nothing. Forests of
    # six seeds come to .85 to .96.
    assert (dear["kind"] == "lamp").mean() > 0.75
    holes = rows.assign(kind=None)
    filled = model.sample(given=holes)
    has_price = rows["price"].notna()
    assert filled["price"][has_price].equals(rows["price"][has_price])
    assert (filled["kind"] == rows["kind"]).mean() > 0.7
    model.save(tmp_path / "shop.synthtab")
    assert Synthesizer.load(tmp_path / "shop.synthtab").sample(400).equals(rows)


@pytest.mark.long
def test_no_row_is_a_copy_more_often_than_chance_makes_it(model: Synthesizer) -> None:
    """Fresh rows of the same table are as often nearest to a training row."""
    rows = model.sample(2000).dropna()
    fresh = shop(5000).dropna()
    copies = rows.merge(shop(), on=["price", "day"]).shape[0] / len(rows)
    chance = fresh[150:].merge(shop(), on=["price", "day"]).shape[0] / len(fresh[150:])
    assert copies <= chance + 0.01
