"""Blocks do not depend on how many rows are asked for; passes reveal every cell once; given cells stay."""

import numpy as np
import pytest
import torch

from synthtab.core.config import configure
from synthtab.core.layout import ORDERS, Block, Layout, plans
from synthtab.core.randomness import Streams
from synthtab.model.batches import Batch
from synthtab.model.layers import PARAMETERS, Mixtures
from synthtab.model.networks import Networks
from synthtab.sampling.sampler import BLOCK, OrderSampler, generate
from tests.model_tables import CROSSED, LAYOUT, table

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def generator() -> Networks:
    torch.manual_seed(0)
    return Networks(LAYOUT, configure("default", width=32, noise=16)).eval()


@pytest.mark.parametrize("passes", [1, 2, 3, 5, 50])
def test_every_plan_reveals_every_block_once(passes: int) -> None:
    layout = Layout(
        (
            Block("a", "digit 0", 4),
            Block("a", "digit 1", 4),
            *(Block(c, atoms=2) for c in "bcde"),
        )
    )
    made = plans(layout, passes)
    assert made == plans(layout, passes) and len(set(made)) == (
        1 if passes == 1 else ORDERS
    )
    for one in made:
        assert len(one) == min(passes, 6) and sorted(
            b for revealed in one for b in revealed
        ) == list(range(6))
        first, second = (
            next(i for i, revealed in enumerate(one) if b in revealed) for b in (0, 1)
        )
        assert first <= second and (passes < 6 or first + 1 == second), (
            "digits follow each other"
        )


@pytest.mark.parametrize("passes", [2, 5])
def test_the_target_is_drawn_given_all_other_columns(passes: int) -> None:
    layout = Layout(tuple(Block(c, atoms=2) for c in "abcde"), "b")
    made = plans(layout, passes)
    assert len(set(made)) == ORDERS and all(1 in plan[-1] for plan in made)
    assert plans(Layout(layout.blocks, "a constant"), passes) == plans(
        Layout(layout.blocks), passes
    )


@pytest.mark.parametrize("passes", [1, 3])
def test_fewer_rows_are_the_start_of_more(generator: Networks, passes: int) -> None:
    def rows(n: int) -> tuple[np.ndarray, np.ndarray]:
        parts = list(generate(generator, n, plans(LAYOUT, passes), Streams(4), CPU))
        assert all(len(p) <= BLOCK for p in parts)
        return np.concatenate([p.codes for p in parts]), np.concatenate(
            [p.offsets for p in parts]
        )

    few, many = rows(10), rows(BLOCK + 50)
    assert len(many[0]) == BLOCK + 50
    np.testing.assert_array_equal(few[0], many[0][:10])
    np.testing.assert_array_equal(few[1], many[1][:10])
    assert not np.array_equal(many[0][:50], many[0][BLOCK:]), "blocks must not repeat"


def test_given_cells_are_copied_and_the_rest_is_drawn(generator: Networks) -> None:
    encoded = table(500)
    codes, offsets = (
        torch.as_tensor(encoded.codes).long(),
        torch.as_tensor(encoded.offsets),
    )
    mask = torch.rand(codes.shape, generator=torch.Generator().manual_seed(2)) < 0.5
    sampler = OrderSampler(generator, plans(LAYOUT, 3)[0])
    done = sampler.complete(
        Batch(codes, offsets, mask), torch.Generator().manual_seed(0)
    )
    assert torch.equal(done.codes[mask], codes[mask])
    known = mask[:, LAYOUT.continuous]
    assert torch.equal(done.offsets[known], offsets[known])
    assert not torch.equal(done.codes, codes)
    assert (
        done.mask is not None
        and done.mask.all()
        and (done.codes < torch.as_tensor(LAYOUT.sizes)).all()
    )


def test_a_cross_counts_from_the_pass_on_that_completes_it() -> None:
    """The sum of what the passes reveal is what the whole network reads, whatever the order."""
    generator = Networks(CROSSED, configure("default", width=16, depth=1)).eval()
    encoded = table(80, layout=CROSSED)
    codes, offsets = (
        torch.as_tensor(encoded.codes).long(),
        torch.as_tensor(encoded.offsets),
    )
    completer = generator.completer
    assert completer is not None and completer.crossed is not None
    cell = CROSSED.crosses[0].of(codes, CROSSED)
    assert torch.equal(cell, 2 * codes[:, 0] + codes[:, 2]) and (cell == 9).any()
    with torch.no_grad():
        completer.crossed.embedding.weight[1:] += 1.0
        everything = torch.ones_like(codes, dtype=torch.bool)
        whole, added = (
            completer.first(codes, offsets, everything),
            completer.crossed(codes, everything[:, :1]),
        )
        assert (added[cell < 9].abs().sum(1) > 0).all() and not added[cell == 9].any()
        for plan in plans(CROSSED, 5):
            mask = torch.zeros_like(everything)
            hidden = completer.first(codes, offsets, mask)
            for one in OrderSampler(generator, plan).passes:
                mask[:, one.blocks] = True
                hidden = hidden + one.reveal(codes, offsets, mask, mask[:, one.blocks])
                torch.testing.assert_close(
                    hidden, completer.first(codes, offsets, mask)
                )
            torch.testing.assert_close(hidden, whole)


def test_sampling_changes_no_weight(generator: Networks) -> None:
    before = [p.clone() for p in generator.parameters()]
    list(generate(generator, 20, plans(LAYOUT, 2), Streams(0), CPU))
    assert all(
        torch.equal(a, b) for a, b in zip(before, generator.parameters(), strict=True)
    )


def test_a_pass_sees_and_says_what_the_whole_completer_does(
    generator: Networks,
) -> None:
    """The same weights, reordered: what is read of the cells and what the head says agree."""
    encoded = table(50)
    codes, offsets = (
        torch.as_tensor(encoded.codes).long(),
        torch.as_tensor(encoded.offsets),
    )
    completer = generator.completer
    assert completer is not None
    slots = completer.slots
    everything = torch.ones(codes.shape, dtype=torch.bool)
    with torch.no_grad():
        whole = completer.from_cells(slots.reading(codes, offsets, everything))
        passes = OrderSampler(generator, plans(LAYOUT, 3)[0]).passes
        nothing = torch.zeros_like(everything)
        parts = [
            one.reveal(codes, offsets, nothing, everything[:, one.blocks])
            for one in passes
        ]
        torch.testing.assert_close(
            torch.stack(parts).sum(0) + completer.from_cells.bias, whole
        )
        hidden = torch.randn(50, 32, generator=torch.Generator().manual_seed(0))
        logits, mixtures = completer.outputs(hidden)
        means = mixtures.means
        for stage in passes:
            own, densities = stage.outputs(hidden, len(hidden))
            assert densities.shape[1] == PARAMETERS * len(stage.slots.mode_slots)
            own_means = Mixtures.of(densities, len(stage.slots.mode_slots)).means
            for i, b in enumerate(stage.blocks.tolist()):
                block, at, there = (
                    LAYOUT.blocks[b],
                    int(stage.slots.layout.starts[i]),
                    int(LAYOUT.starts[b]),
                )
                torch.testing.assert_close(
                    own[:, at : at + block.size], logits[:, there : there + block.size]
                )
                if block.modes:
                    mine = stage.slots.layout.continuous.tolist().index(i)
                    first = int(stage.slots.layout.mode_starts[mine])
                    place = int(LAYOUT.mode_starts[LAYOUT.continuous.tolist().index(b)])
                    modes = (
                        slice(first, first + block.modes),
                        slice(place, place + block.modes),
                    )
                    torch.testing.assert_close(
                        own_means[:, modes[0]], means[:, modes[1]]
                    )


def test_one_pass_comes_from_noise_and_several_from_the_conditionals(
    generator: Networks,
) -> None:
    assert (
        OrderSampler(generator, plans(LAYOUT, 1)[0]).from_noise
        and not OrderSampler(generator, plans(LAYOUT, 2)[0]).from_noise
    )
    alone = Networks(
        LAYOUT, configure("default", width=32, noise=16, adversarial=0, moments=0)
    )
    assert not OrderSampler(alone, plans(LAYOUT, 1)[0]).from_noise
