"""What every adversarial loss owes, and oracles for the formulae."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from synthtab import Synthesizer
from synthtab.core.config import configure
from synthtab.core.errors import ConfigError
from synthtab.model.batches import Batch, TrainingRows
from synthtab.model.gan import Critic
from synthtab.model.layers import COMPONENTS, PARAMETERS, Mixtures, Slots, probit
from synthtab.model.losses import (
    ADVERSARIAL,
    PairMoments,
    adversarial_loss,
    completion,
    cross_entropy,
    density,
)
from synthtab.model.networks import Networks
from tests.model_tables import LAYOUT, table

SMALL = dict(width=32, noise=16, batch=40)
every = pytest.mark.parametrize("name", ADVERSARIAL)


def setup(name: str, **more: object) -> tuple:
    config = configure("default", loss=name, **{**SMALL, **more})
    torch.manual_seed(3)
    critic = Critic(LAYOUT, config)
    encoded = table(40)
    codes, offsets = (
        torch.as_tensor(encoded.codes).long(),
        torch.as_tensor(encoded.offsets),
    )
    real = critic.see(
        critic.slots.one_hot(codes), offsets[:, critic.slots.mode_offsets]
    )
    fake = real[torch.randperm(len(real))].roll(3, 1).clone()
    return ADVERSARIAL[name](config), critic, real, fake


def test_an_unknown_loss_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(ConfigError, match=f"one of {', '.join(ADVERSARIAL)}, not 'x'"):
        adversarial_loss("x")
    with pytest.raises(ConfigError, match="not 'no such'"):
        _ = Synthesizer(loss="no such").config


@every
@pytest.mark.parametrize("packing", [1, 4])
def test_finite_at_the_start(name: str, packing: int) -> None:
    loss, critic, real, fake = setup(name, packing=packing)
    for terms in (
        loss.critic_terms(critic, real, fake, 0),
        loss.generator_terms(critic, real, fake),
    ):
        assert terms and all(torch.isfinite(t) and t.ndim == 0 for t in terms.values())


@every
def test_gradients_reach_the_critic_and_the_generated_rows(name: str) -> None:
    loss, critic, real, fake = setup(name)
    sum(loss.critic_terms(critic, real, fake, 0).values()).backward()
    assert all(p.grad is not None for p in critic.parameters())
    fake = fake.requires_grad_()
    sum(loss.generator_terms(critic, real, fake).values()).backward()
    assert fake.grad is not None and fake.grad.abs().sum() > 0


@every
def test_the_critic_learns_to_tell_fixed_rows_apart(name: str) -> None:
    loss, critic, real, fake = setup(name, penalty=0.01)
    adam = torch.optim.Adam(critic.parameters(), lr=1e-2)
    for step in range(60):
        adam.zero_grad()
        sum(loss.critic_terms(critic, real, fake, step).values()).backward()
        adam.step()
        loss.after_critic(critic)
    assert critic(real).mean() > critic(fake).mean()


@every
def test_the_generator_is_pulled_towards_higher_scores(name: str) -> None:
    loss, critic, real, fake = setup(name)
    fake = fake.requires_grad_()
    sum(loss.generator_terms(critic, real, fake).values()).backward()
    with torch.no_grad():
        assert (
            critic(fake - 1e-2 * fake.grad / fake.grad.norm()).mean()
            > critic(fake).mean()
        )


class Linear(nn.Module):
    """D(x) = 2 x: a critic whose losses can be worked out by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x.squeeze(1)


def soft(x: float) -> float:
    return math.log1p(math.exp(x))


@pytest.mark.parametrize(
    ("name", "critic_term", "penalty", "generator_term"),
    [  # one real row x = 1, so D = 2, and one generated x = -0.25, so D = -0.5
        ("minimax", soft(-2) + soft(-0.5), None, -soft(-0.5)),
        ("non-saturating", soft(-2) + soft(-0.5), None, soft(0.5)),
        ("hinge", 0 + 0.5, None, 0.5),
        ("wgan", -2.5, None, 0.5),
        ("wgan-gp", -2.5, 10 * (2 - 1) ** 2, 0.5),
        ("relativistic", soft(-2.5), 0.5 * 10 * 1 * (4 + 4), soft(2.5)),
    ],
)
def test_hand_computed(
    name: str, critic_term: float, penalty: float | None, generator_term: float
) -> None:
    loss = ADVERSARIAL[name](configure("default", penalty=10.0, penalty_every=1))
    critic, real, fake = Linear(), torch.tensor([[1.0]]), torch.tensor([[-0.25]])
    terms = loss.critic_terms(critic, real, fake, 0)  # type: ignore[arg-type]
    assert terms["critic"].item() == pytest.approx(critic_term)
    assert ("penalty" in terms) == (penalty is not None)
    if penalty is not None:
        assert terms["penalty"].item() == pytest.approx(penalty, rel=1e-5)
    assert loss.generator_terms(critic, real, fake)[
        "adversarial"
    ].item() == pytest.approx(generator_term)  # type: ignore[arg-type]


def test_lazy_penalty_keeps_its_mean() -> None:
    critic, real, fake = Linear(), torch.tensor([[1.0]]), torch.tensor([[-0.25]])
    loss = ADVERSARIAL["relativistic"](
        configure("default", penalty=10.0, penalty_every=4)
    )
    taken = [
        loss.critic_terms(critic, real, fake, s)
        .get("penalty", torch.tensor(0.0))
        .item()
        for s in range(8)
    ]  # type: ignore[arg-type]
    assert np.mean(taken) == pytest.approx(40.0)
    assert sum(t > 0 for t in taken) == 2


def test_wgan_clips() -> None:
    loss, critic, *_ = setup("wgan")
    loss.after_critic(critic)
    assert max(p.abs().max() for p in critic.parameters()) <= 0.01


def test_cross_entropy_is_torchs_over_the_hidden_cells() -> None:
    slots = Slots(LAYOUT)
    encoded = table(30)
    codes = torch.as_tensor(encoded.codes).long()
    logits = torch.randn(30, LAYOUT.width) + slots.padding
    hidden = torch.rand(codes.shape) < 0.4
    parts = []
    for b, block in enumerate(LAYOUT.blocks):
        own = logits[:, int(LAYOUT.starts[b]) : int(LAYOUT.starts[b]) + block.size]
        parts.append(
            nn.functional.cross_entropy(own, codes[:, b], reduction="none")[
                hidden[:, b]
            ]
        )
    torch.testing.assert_close(
        cross_entropy(slots, logits, codes, hidden), torch.cat(parts).mean()
    )


def test_a_row_counts_by_the_root_of_its_hidden_cells() -> None:
    """One row with four hidden cells, one with one: weights 4 x 1/2 and 1."""
    slots, encoded = Slots(LAYOUT), table(2)
    networks = Networks(LAYOUT, configure("default", width=8, depth=1)).eval()
    completer = networks.completer
    assert completer is not None
    mask = torch.tensor(
        [[True, False, False, False, False], [True, True, True, True, False]]
    )
    codes, offsets = (
        torch.as_tensor(encoded.codes).long(),
        torch.as_tensor(encoded.offsets),
    )
    terms = completion(completer, Batch(codes, offsets, mask))
    logits, found = completer(codes, offsets, mask)
    few, many = (
        [
            f(slots, *x)
            for f, x in (
                (cross_entropy, (logits, codes, w)),
                (density, (found, codes, offsets, w)),
            )
        ]
        for w in (
            torch.tensor([[False] * 5, [True] * 5]) & ~mask,
            torch.tensor([[True] * 5, [False] * 5]) & ~mask,
        )
    )
    for term, one, four in zip(terms.values(), few, many, strict=True):
        torch.testing.assert_close(term, (one + 2 * four) / 3)


def mixtures(parameters: torch.Tensor) -> Mixtures:
    return Mixtures.of(parameters, len(LAYOUT.mode_slots))


def test_density_is_least_for_the_true_distribution() -> None:
    """Offsets of which the probit is normal with mean 1 and deviation 1/2, in a mixture of one live component."""
    slots, random = Slots(LAYOUT), torch.Generator().manual_seed(0)
    n = 20_000
    codes = torch.tensor([0, 3, 0, 0, 1]).expand(
        n, -1
    )  # all three continuous blocks in a mode, of five
    hidden = torch.ones_like(codes, dtype=torch.bool)
    offsets = torch.special.ndtr(1 + 0.5 * torch.randn(n, 3, generator=random))

    def loss(mean: float, deviation: float) -> float:
        parameters = torch.zeros(n, 4, 3, COMPONENTS)
        parameters[:, :, 0, 1:], parameters[:, :, 1], parameters[:, :, 2] = (
            -50,
            mean,
            float(np.log(deviation)),
        )
        return (
            5
            / 3
            * density(
                slots, mixtures(parameters.flatten(1)), codes, offsets, hidden
            ).item()
        )

    # minus the relative entropy of N(1, 1/4) to N(0, 1): -(log 2 + (1/4 + 1)/2 - 1/2); sampling error .01
    assert loss(1, 0.5) == pytest.approx(-(np.log(2) + 0.125), abs=0.02)
    assert loss(0, 1) == pytest.approx(0, abs=1e-5), "a density that knows nothing"
    assert loss(1, 0.5) < min(
        loss(0.9, 0.5), loss(1.1, 0.5), loss(1, 0.6), loss(1, 0.4)
    )


def test_density_ignores_atoms_and_observed_cells() -> None:
    slots = Slots(LAYOUT)
    codes = torch.tensor([[0, 0, 0, 0, 0]])  # height alone is in a mode
    parameters = torch.randn(
        1, 4 * PARAMETERS, generator=torch.Generator().manual_seed(0)
    )
    hidden = torch.ones_like(codes, dtype=torch.bool)
    one, two = torch.tensor([[0.5, 0.3, 0.5]]), torch.tensor([[0.1, 0.3, 0.9]])
    loss = density(slots, mixtures(parameters), codes, one, hidden)
    assert loss.item() != 0 and torch.equal(
        loss, density(slots, mixtures(parameters), codes, two, hidden)
    )
    assert density(slots, mixtures(parameters), codes, one, ~hidden).item() == 0


def test_drawn_offsets_follow_their_density() -> None:
    """A mixture of two: the share, mean and deviation of each come back within 4 sigma."""
    n = 40_000
    parameters = torch.zeros(n, 1, 3, COMPONENTS)
    parameters[:, :, 0] = -50
    parameters[:, :, 0, 0], parameters[:, :, 0, 1] = (
        float(np.log(0.3)),
        float(np.log(0.7)),
    )
    parameters[:, :, 1, 0], parameters[:, :, 1, 1] = -2, 1
    parameters[:, :, 2] = float(np.log(0.25))
    drawn = probit(
        Mixtures.of(parameters.flatten(1), 1).draw(torch.Generator().manual_seed(0))[
            :, 0
        ]
    )
    low = drawn < -0.5
    assert float(low.float().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(drawn[low].mean()) == pytest.approx(-2, abs=0.01)
    assert float(drawn[~low].std()) == pytest.approx(0.25, abs=0.006)


def moments_of(
    rows: int, budget: int = 1024
) -> tuple[PairMoments, TrainingRows, Slots]:
    slots = Slots(LAYOUT)
    source = TrainingRows(
        table(rows), torch.device("cpu"), torch.Generator().manual_seed(0)
    )
    return PairMoments(slots, source, budget, np.random.default_rng(0)), source, slots


def test_pair_moments_vanish_on_the_data_and_not_on_independent_columns() -> None:
    moments, rows, slots = moments_of(4000)
    index = torch.randperm(4000, generator=torch.Generator().manual_seed(1))
    batch = rows.take(index)

    def loss(codes: torch.Tensor, offsets: torch.Tensor) -> float:
        sure = (slots.one_hot(codes) * 60) + slots.padding
        return moments.loss(sure, offsets[:, slots.mode_offsets], 1).item()

    same = loss(batch.codes, batch.offsets)
    mixed = torch.stack(
        [
            c[torch.randperm(4000, generator=torch.Generator().manual_seed(i))]
            for i, c in enumerate(batch.codes.T)
        ],
        1,
    )
    assert abs(same) < 0.02 * loss(mixed, batch.offsets)


def test_pair_moments_measure_the_two_way_table() -> None:
    moments, rows, slots = moments_of(4000)
    city, sex = slots.starts[0], slots.starts[2]
    place = {int(s): i for i, s in enumerate(moments.chosen)}
    codes = rows.codes.numpy()
    expected = np.mean((codes[:, 0] == 1) & (codes[:, 2] == 0))
    assert moments.target[
        place[int(city) + 1], place[int(sex)]
    ].item() == pytest.approx(expected, abs=1e-5)
    assert moments.weight[place[int(city)], place[int(city) + 1]] == 0, (
        "a block against itself is no pair"
    )


def test_pair_moments_of_a_wide_table_stay_within_the_budget() -> None:
    moments, *_ = moments_of(500, budget=32)
    assert moments.in_subsets
    seen = set()
    for _ in range(40):
        moments._choose()
        assert len(moments.chosen) <= 32
        seen.update(moments.chosen.tolist())
    assert seen == set(np.flatnonzero(moments.live)), "every block gets its turn"
