"""Rows are kept in proportion to how real they are, none twice, and at the data's one-way frequencies."""

import numpy as np
import pytest
import torch

from synthtab.core.layout import Block, Encoded, Layout
from synthtab.core.randomness import Streams
from synthtab.sampling.tree_critic import (
    NO_END,
    Chooser,
    Forest,
    Sight,
    TreeCritic,
    _pool,
    frequencies,
    grow,
)

CPU = torch.device("cpu")
LINE = tuple(np.linspace(-1.7, 1.7, 33).tolist())
LAYOUT = Layout(
    (Block("a", atoms=4), Block("b", atoms=3), Block("x", modes=1, curves=(LINE,)))
)


def rows(n: int, seed: int, related: bool) -> Encoded:
    """Uniform columns; if related, b follows a and x is large where a is 0."""
    rng = np.random.default_rng(seed)
    a, b, x = rng.integers(0, 4, n), rng.integers(0, 3, n), rng.random(n)
    if related:
        b = np.where(rng.random(n) < 0.7, a % 3, b)
        x = np.where(a == 0, np.sqrt(x), x)
    return Encoded(
        np.column_stack([a, b, 0 * a]).astype(np.int16),
        x[:, None].astype(np.float32),
        LAYOUT,
    )


def draw(n: int, streams: Streams) -> Encoded:
    """A generator that knows nothing of the relation."""
    return rows(n, streams.integer("rows") % 2**32, related=False)


def keep(critic: TreeCritic, n: int) -> Encoded:
    """Rows of that generator that a critic keeps."""
    pool = draw(int(n * critic.pool), Streams(9))
    kept = critic.on(LAYOUT, CPU).choose(
        *tensors(pool), n, torch.Generator().manual_seed(0)
    )
    return pool.take(kept.numpy())


def tensors(table: Encoded) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.as_tensor(table.codes.astype(np.int64)), torch.as_tensor(table.offsets)


def two_way(table: Encoded) -> np.ndarray:
    counts = np.zeros((4, 3))
    np.add.at(counts, (table.codes[:, 0], table.codes[:, 1]), 1)
    return counts / len(table)


@pytest.mark.parametrize(
    ("weights", "pool"),
    [
        ([1.0] * 100, 1.5),  # all the same: the least
        ([0.0] * 50 + [2.0] * 50, 2.0),  # a cap at 1.5 would lose a quarter
        ([0.0] * 60 + [2.5] * 40, 2.5),
        ([0.5] * 99 + [50.5], 8.0),  # one row has half of all: the most
        ([0.99] * 99 + [1.99], 1.5),  # a cap at 1.5 loses .5 %
    ],
)
def test_a_pool_is_as_large_as_its_weights_ask(
    weights: list[float], pool: float
) -> None:
    assert _pool(torch.tensor(weights)) == pool


@pytest.mark.long
def test_trees_bring_the_relations_back_and_nothing_is_kept_twice() -> None:
    real = rows(20_000, 0, related=True)
    told: list[float] = []
    critic = grow(real, 2, True, draw, Streams(0), told.append)
    assert told == [0.5, 1.0] and len(critic.forests) == 2 and 1.5 < critic.pool <= 8
    # sampling error of one cell: sqrt(.2 * .8 / 20,000) = .003; unrelated rows are off by .12
    kept = keep(critic, 20_000)
    assert np.abs(two_way(kept) - two_way(real)).max() < 0.02
    assert abs(kept.offsets[kept.codes[:, 0] == 0].mean() - 2 / 3) < 0.02
    pool, chooser = rows(12_000, 5, related=False), critic.on(LAYOUT, CPU)
    chosen = chooser.choose(*tensors(pool), 4000, torch.Generator().manual_seed(1))
    assert len(chosen.unique()) == 4000


def test_raking_alone_gives_the_frequencies_of_the_training_rows() -> None:
    real, pool = rows(20_000, 0, related=True), rows(12_000, 1, related=False)
    plain, raked = (
        Chooser(TreeCritic((), shares, 3), LAYOUT, CPU).choose(
            *tensors(pool), 4000, torch.Generator().manual_seed(2)
        )
        for shares in (None, frequencies(real))
    )
    wanted = frequencies(real)
    off = [
        (frequencies(pool.take(kept.numpy())) - wanted).abs().sum(1).max()
        for kept in (plain, raked)
    ]
    # 16 bins of 250 rows, each off by sqrt(2 / pi) sqrt(250): .05 in all; b alone is off by .23 before
    assert off[1] < 0.08 < 0.2 < off[0]


def test_chances_follow_the_weights() -> None:
    """Rows of code 0 are three times as real as the others: of those kept, 3/6 = half have it."""
    cells = np.repeat(np.arange(4), 1000).astype(np.uint8)
    stump = Forest.grow(
        np.column_stack([cells] * 3),
        (cells > 0).astype(np.int64),
        np.ones(4000),
        np.array([True, True, False]),
        max_iter=1,
        max_leaf_nodes=2,
    )
    words = torch.zeros_like(stump.leaves)
    words[0, :2] = torch.tensor(
        [0.0, np.log(3)]
        if stump.leaves[0, 0] < stump.leaves[0, 1]
        else [np.log(3), 0.0]
    )
    forest = Forest.from_state(
        {**stump.state(), "leaves": words, "base": torch.tensor(0.0)}
    )
    pool = rows(40_000, 3, related=False)
    chooser = Chooser(TreeCritic((forest,), None, 4), LAYOUT, CPU)
    kept = chooser.choose(*tensors(pool), 10_000, torch.Generator().manual_seed(0))
    assert abs(float(np.mean(pool.codes[kept.numpy(), 0] == 0)) - 0.5) < 0.02  # 4 sigma


@pytest.mark.parametrize("rake", [True, False])
def test_a_tree_critic_survives_its_state(rake: bool) -> None:
    critic = grow(
        rows(500, 0, related=True), 2, rake, draw, Streams(0), lambda done: None
    )
    again = TreeCritic.from_state(
        {name: tensor.clone() for name, tensor in critic.state().items()}
    )
    pool = tensors(rows(900, 1, related=False))
    one, two = (
        r.on(LAYOUT, CPU).choose(*pool, 300, torch.Generator().manual_seed(0))
        for r in (critic, again)
    )
    assert torch.equal(one, two) and (again.frequencies is None) is not rake


def last_digits(table: Encoded) -> np.ndarray:
    """What no bin of an offset shows: its digits from the fourth on; missing for a = 3."""
    digits = (table.offsets.astype(np.float64) * 1000) % 1
    digits[table.codes[:, 0] == 3] = np.nan
    return digits


@pytest.mark.parametrize("told", [True, False])
def test_trees_see_numbers_that_single_codes_do_not_tell(told: bool) -> None:
    """Real rows have small last digits: only trees that are shown them can know."""
    pool = rows(12_000, 0, related=False)
    real = pool.take(~(last_digits(pool)[:, 0] > 0.5))
    critic = grow(
        real,
        1,
        False,
        draw,
        Streams(0),
        lambda done: None,
        numbers=last_digits if told else None,
    )
    digits = last_digits(keep(critic, 4000))
    share = np.mean(digits[~np.isnan(digits)] > 0.5)
    # Half of a generator's rows; 3,000 rows have a standard error of .009.
    assert share < 0.1 if told else abs(share - 0.5) < 0.04


def test_what_trees_see_survives_a_file_and_names_no_cell_of_the_table() -> None:
    real = rows(700, 0, related=True)
    drawn = []

    def remembered(n: int, streams: Streams) -> Encoded:
        drawn.append(draw(n, streams))
        return drawn[-1]

    critic = grow(
        real, 1, True, remembered, Streams(0), lambda done: None, numbers=last_digits
    )
    assert critic.ends is not None
    ends = critic.ends.numpy()
    generated = last_digits(drawn[0])
    just_below = np.nextafter(generated, -np.inf)
    assert np.isin(ends[ends < NO_END], [*generated, *just_below]).all()

    again = TreeCritic.from_state(critic.state(), last_digits)
    pool = tensors(rows(900, 1, related=False))
    one, two = (c.on(LAYOUT, CPU).weights(*pool) for c in (critic, again))
    assert torch.equal(one, two)


def test_bins_of_a_number_are_in_its_order_and_a_frequent_one_has_its_own() -> None:
    table = rows(5000, 0, related=False)
    values = np.where(table.codes[:, 0] == 0, 7.0, 100 * table.offsets[:, 0])
    values[table.codes[:, 0] == 3] = np.nan

    def numbers(rows: Encoded) -> np.ndarray:
        return values[:, None]

    def generated(n: int, streams: Streams) -> Encoded:
        return table

    critic = grow(
        table, 1, False, generated, Streams(0), lambda _: None, numbers=numbers
    )
    sight = Sight(LAYOUT, CPU, numbers, critic.ends)
    bins = sight.cells(table)[:, -1].astype(int)
    missing = np.isnan(values)
    assert not sight.nominal[-1]
    assert (bins[missing] > bins[~missing].max()).all()
    order = np.argsort(values[~missing], kind="stable")
    assert (np.diff(bins[~missing][order]) >= 0).all()
    seven = bins[values == 7.0]
    assert len(np.unique(seven)) == 1
    assert set(np.flatnonzero(bins == seven[0])) == set(np.flatnonzero(values == 7.0))


def test_a_critic_of_other_columns_is_refused() -> None:
    real = rows(700, 0, related=True)
    critic = grow(
        real, 1, True, draw, Streams(0), lambda done: None, numbers=last_digits
    )
    critic.check(blocks=3, followers=1)
    with pytest.raises(ValueError, match="bins"):
        critic.check(blocks=3, followers=2)
    with pytest.raises(ValueError, match="shares"):
        critic.check(blocks=4, followers=1)
    (forest,) = critic.forests
    beyond = Forest.from_state({**forest.state(), "features": forest.features + 4})
    with pytest.raises(ValueError, match="asks for a column"):
        TreeCritic((beyond,), None, 2.0).check(blocks=3, followers=0)
