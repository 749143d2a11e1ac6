"""How rows look to the networks: one-hot vectors, draws, completion, packing."""

import numpy as np
import pytest
import torch

from synthtab.core.config import configure
from synthtab.model.gan import Critic
from synthtab.model.layers import FREQUENCIES, Slots, gumbel
from synthtab.model.networks import Networks
from tests.model_tables import LAYOUT, table

SMALL = dict(width=32, noise=16, batch=20)


def codes_and_offsets(rows: int = 50) -> tuple[torch.Tensor, torch.Tensor]:
    encoded = table(rows)
    return torch.as_tensor(encoded.codes).long(), torch.as_tensor(encoded.offsets)


def test_one_hot_and_argmax_are_inverse() -> None:
    slots = Slots(LAYOUT)
    codes, _ = codes_and_offsets()
    flat = slots.one_hot(codes)
    assert flat.sum() == codes.numel()
    assert torch.equal(slots.argmax(flat), codes)
    assert not flat[:, ~torch.as_tensor(LAYOUT.used)].any()


def test_softmax_sums_to_one_per_block_and_leaves_padding_at_zero() -> None:
    slots = Slots(LAYOUT)
    logits = torch.randn(7, LAYOUT.width) * 3 + slots.padding
    p = slots.softmax(logits)
    sums = torch.zeros(7, len(LAYOUT.blocks)).index_add_(1, slots.slot_block, p)
    torch.testing.assert_close(sums, torch.ones_like(sums))
    assert p[:, ~torch.as_tensor(LAYOUT.used)].abs().max() == 0
    torch.testing.assert_close(slots.log_softmax(logits).exp(), p)


def test_gumbel_draws_follow_the_softmax() -> None:
    slots = Slots(LAYOUT)
    random = torch.Generator().manual_seed(0)
    logits = (torch.randn(1, LAYOUT.width, generator=random) + slots.padding).expand(
        20_000, -1
    )
    codes = slots.argmax(gumbel(logits, random))
    expected = slots.softmax(logits[:1])[0]
    found = slots.one_hot(codes).mean(0)
    # five standard errors of a share of 20,000 draws
    assert (
        (found - expected).abs()
        <= 5 * (expected * (1 - expected) / 20_000).sqrt() + 1e-9
    ).all()


def test_hard_draws_are_one_hot_and_carry_gradients() -> None:
    slots = Slots(LAYOUT)
    logits = torch.randn(9, LAYOUT.width, requires_grad=True)
    drawn = slots.draw(
        logits + slots.padding, 0.7, True, torch.Generator().manual_seed(1)
    )
    rounded = drawn.detach().round()
    torch.testing.assert_close(drawn.detach(), rounded)
    assert torch.equal(slots.one_hot(slots.argmax(drawn)), rounded)
    (drawn * torch.randn(LAYOUT.width)).sum().backward()
    assert logits.grad is not None and logits.grad.abs().sum() > 0


def test_offsets_show_only_in_the_mode_that_the_row_is_in() -> None:
    slots = Slots(LAYOUT)
    codes, offsets = codes_and_offsets()
    dense = slots.dense(slots.one_hot(codes), offsets[:, slots.mode_offsets])
    moved = slots.dense(
        slots.one_hot(codes), torch.rand(offsets.shape)[:, slots.mode_offsets]
    )
    mode, inside = slots.modes(codes)
    per_mode = 1 + 2 * len(FREQUENCIES)
    waves = dense[:, LAYOUT.width :][:, : per_mode * len(LAYOUT.mode_slots)]
    features = waves.unflatten(1, (-1, per_mode))
    active = torch.zeros(len(codes), len(LAYOUT.mode_slots), dtype=torch.bool)
    active.scatter_(1, mode, inside)
    assert (features.abs().sum(2) > 0).eq(active).all()
    assert torch.equal(dense[:, : LAYOUT.width], moved[:, : LAYOUT.width])


def test_the_values_of_numeric_blocks_are_those_of_atoms_and_curves() -> None:
    slots = Slots(LAYOUT)
    codes = torch.tensor([[4, 0, 1, 0, 0], [0, 2, 0, 0, 1], [0, 3, 0, 0, 2]])
    offsets = torch.tensor([[0.5, 0.0, 0.5], [0.5, 0.5, 1.0], [0.25, 1.0, 0.5]])
    hot = slots.one_hot(codes)
    found = slots.values(
        hot, hot[:, slots.mode_slots], offsets[:, slots.mode_offsets]
    ).numpy()
    expected = np.array(
        [[-1.0, -1.7, 0.0], [0.0, 0.0, 1.7], [-0.85, 1.7, 0.0]]
    )  # age, height, income; missing is 0
    # the curve is interpolated after the squashing; both agree at its points
    np.testing.assert_allclose(
        found, np.sign(expected) * np.log1p(np.abs(expected)), atol=0.01
    )


def test_the_completer_reads_what_the_mask_marks_and_nothing_else() -> None:
    completer = Networks(LAYOUT, configure("default", **SMALL)).eval().completer
    assert completer is not None
    codes, offsets = codes_and_offsets()
    mask = torch.zeros(codes.shape, dtype=torch.bool)
    mask[:, [0, 3]] = True
    other_codes, other_offsets = codes.clone(), offsets.clone()
    other_codes[:, 1], other_offsets[:, 0] = (codes[:, 1] + 1) % 4, 0.9  # hidden cells

    def out(c: torch.Tensor, o: torch.Tensor) -> torch.Tensor:
        return completer(c, o, mask)[0]

    assert torch.equal(out(codes, offsets), out(other_codes, other_offsets))
    moved = offsets.clone()
    moved[:, 1] = (offsets[:, 1] + 0.3) % 1  # of height, which is observed
    other_codes[:, 0] = (codes[:, 0] + 1) % 5
    assert not torch.equal(out(codes, offsets), out(other_codes, offsets))
    assert not torch.equal(out(codes, offsets), out(codes, moved))


def test_a_recipe_without_a_loss_has_no_network_for_it() -> None:
    no_critic = Networks(
        LAYOUT, configure("default", adversarial=0, moments=0, **SMALL)
    )
    no_conditionals = Networks(
        LAYOUT, configure("default", cross_entropy=0, density=0, **SMALL)
    )
    assert no_critic.generator is None and no_critic.completer is not None
    assert no_conditionals.completer is None and no_conditionals.generator is not None
    category = Networks(LAYOUT, configure("ctgan", **SMALL))
    assert (
        category.completer is None
        and category.generator is not None
        and category.generator.from_cells is not None
    )


@pytest.mark.parametrize("packing", [1, 4])
def test_the_critic_scores_packs_of_rows(packing: int) -> None:
    critic = Critic(LAYOUT, configure("default", packing=packing, **SMALL))
    codes, offsets = codes_and_offsets(20)
    seen = critic.see(
        critic.slots.one_hot(codes), offsets[:, critic.slots.mode_offsets]
    )
    assert critic(seen).shape == (20 // packing,)


def test_the_generator_starts_at_the_one_way_frequencies() -> None:
    networks = Networks(LAYOUT, configure("default", **SMALL))
    frequencies = torch.as_tensor(np.where(LAYOUT.used, 0.2, 1.0)).float()
    networks.start_from(frequencies)
    for network in (networks.generator, networks.completer):
        assert network is not None
        torch.testing.assert_close(network.head.bias[: LAYOUT.width].exp(), frequencies)


def test_a_conditional_generator_is_sampled_under_the_datas_own_frequencies() -> None:
    networks = Networks(LAYOUT, configure("ctgan"))
    generator = networks.generator
    assert generator is not None
    weights = np.where(LAYOUT.used, 1.0 + np.arange(LAYOUT.width) % 3, 0.0)
    sums = np.bincount(LAYOUT.slot_block, weights)
    generator.start_from(torch.as_tensor(weights / sums[LAYOUT.slot_block]).float())
    codes, mask = generator.conditions(20_000, torch.Generator().manual_seed(0))
    assert networks.completer is None and (mask.sum(1) == 1).all()
    assert mask.any(0).tolist() == [not b.numeric for b in LAYOUT.blocks], (
        "conditions are on categories"
    )
    found = generator.slots.one_hot(codes).mean(0)
    # five standard errors of a share of 20,000 draws
    assert ((found - generator.frequencies).abs() < 5 * (0.25 / 20_000) ** 0.5).all()
