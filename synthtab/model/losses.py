"""The losses: a registry of adversarial ones, one for the completer, and pair moments.

Adversarial losses see rows as `Critic.see` shows them: ``x`` is a real row, ``G`` a generated
one, ``D`` the critic's score of a row. Each states its formula and its paper. Every loss
returns a dict of terms: a step descends their sum, and the report has each of them.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from synthtab.core.config import TrainConfig, check_choice
from synthtab.model.batches import Batch, TrainingRows
from synthtab.model.completer import Completer
from synthtab.model.gan import Critic
from synthtab.model.layers import Mixtures, Slots

Terms = dict[str, Tensor]


class AdversarialLoss(Protocol):
    """One objective of critic and generator."""

    def __init__(self, config: TrainConfig) -> None: ...

    def critic_terms(
        self, critic: Critic, real: Tensor, fake: Tensor, step: int
    ) -> Terms:
        """Terms that the critic minimises; ``fake`` carries no gradient to the generator."""

    def generator_terms(self, critic: Critic, real: Tensor, fake: Tensor) -> Terms:
        """Terms that the generator minimises."""

    def after_critic(self, critic: Critic) -> None:
        """Called after each step of the critic."""


class Minimax:
    """max_D E log s(D(x)) + E log(1 - s(D(G))), min_G E log(1 - s(D(G))); s the sigmoid (arXiv 1406.2661)."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def critic_terms(
        self, critic: Critic, real: Tensor, fake: Tensor, step: int
    ) -> Terms:
        return {
            "critic": F.softplus(-critic(real)).mean() + F.softplus(critic(fake)).mean()
        }

    def generator_terms(self, critic: Critic, real: Tensor, fake: Tensor) -> Terms:
        return {"adversarial": -F.softplus(critic(fake)).mean()}

    def after_critic(self, critic: Critic) -> None:
        """Nothing to do."""


class NonSaturating(Minimax):
    """The critic of `Minimax`; min_G -E log s(D(G)) (arXiv 1406.2661, section 3)."""

    def generator_terms(self, critic: Critic, real: Tensor, fake: Tensor) -> Terms:
        return {"adversarial": F.softplus(-critic(fake)).mean()}


class Hinge(Minimax):
    """min_D E max(0, 1 - D(x)) + E max(0, 1 + D(G)), min_G -E D(G) (arXiv 1705.02894)."""

    def critic_terms(
        self, critic: Critic, real: Tensor, fake: Tensor, step: int
    ) -> Terms:
        return {
            "critic": F.relu(1 - critic(real)).mean() + F.relu(1 + critic(fake)).mean()
        }

    def generator_terms(self, critic: Critic, real: Tensor, fake: Tensor) -> Terms:
        return {"adversarial": -critic(fake).mean()}


class Wasserstein(Hinge):
    """min_D E D(G) - E D(x), weights clipped to +-0.01, min_G -E D(G) (arXiv 1701.07875)."""

    clip = 0.01

    def critic_terms(
        self, critic: Critic, real: Tensor, fake: Tensor, step: int
    ) -> Terms:
        return {"critic": critic(fake).mean() - critic(real).mean()}

    def after_critic(self, critic: Critic) -> None:
        """Clip every weight."""
        with torch.no_grad():
            for p in critic.parameters():
                p.clamp_(-self.clip, self.clip)


class WassersteinPenalty(Wasserstein):
    """`Wasserstein` with E (|grad D| - 1)^2 between real and fake instead of clipping (arXiv 1704.00028)."""

    def critic_terms(
        self, critic: Critic, real: Tensor, fake: Tensor, step: int
    ) -> Terms:
        # derived from the data, so that no further random stream is needed: the pairing is random already
        mix = torch.linspace(0, 1, len(real), device=real.device).unsqueeze(1)
        between = (mix * real + (1 - mix) * fake).detach().requires_grad_()
        (slope,) = torch.autograd.grad(
            critic(between).sum(), between, create_graph=True
        )
        penalty = (slope.square().sum(1).add(1e-12).sqrt() - 1).square().mean()
        return {
            **super().critic_terms(critic, real, fake, step),
            "penalty": self.config.penalty * penalty,
        }

    def after_critic(self, critic: Critic) -> None:
        """Nothing to do."""


class Relativistic(Minimax):
    """min_D E f(D(G) - D(x)), min_G E f(D(x) - D(G)), f = softplus (arXiv 1807.00734), with zero-centred
    penalties on real and fake, R1 + R2 = c/2 E |grad D|^2 (arXiv 2501.05441), taken every few steps.
    """

    def critic_terms(
        self, critic: Critic, real: Tensor, fake: Tensor, step: int
    ) -> Terms:
        lazy = self.config.penalty_every
        if step % lazy or not self.config.penalty:
            return {"critic": F.softplus(critic(fake) - critic(real)).mean()}
        real, fake = real.detach().requires_grad_(), fake.detach().requires_grad_()
        of_real, of_fake = critic(real), critic(fake)
        slopes = torch.autograd.grad(
            of_real.sum() + of_fake.sum(), (real, fake), create_graph=True
        )
        size = sum(s.square().sum(1).mean() for s in slopes)
        return {
            "critic": F.softplus(of_fake - of_real).mean(),
            "penalty": torch.as_tensor(0.5 * self.config.penalty * lazy * size),
        }

    def generator_terms(self, critic: Critic, real: Tensor, fake: Tensor) -> Terms:
        return {"adversarial": F.softplus(critic(real) - critic(fake)).mean()}


# Name -> adversarial loss; the names that `TrainConfig.loss` takes.
ADVERSARIAL: dict[str, type[AdversarialLoss]] = {
    "minimax": Minimax,
    "non-saturating": NonSaturating,
    "hinge": Hinge,
    "wgan": Wasserstein,
    "wgan-gp": WassersteinPenalty,
    "relativistic": Relativistic,
}


def adversarial_loss(name: str) -> type[AdversarialLoss]:
    """The adversarial loss of this name.

    Raises:
        ConfigError: There is none.
    """
    check_choice("loss", name, tuple(ADVERSARIAL))
    return ADVERSARIAL[name]


# ------------------------------------------------------------------------------------------
# The loss of the completer, which is also that of a conditional vector


def cross_entropy(
    slots: Slots, logits: Tensor, codes: Tensor, weights: Tensor
) -> Tensor:
    """Weighted mean of -log p(code): CTGAN's condition loss, for any subset of the cells.

    Args:
        slots: The layout of the logits.
        logits: ``[B, W]``.
        codes: The true codes, ``[B, K]``.
        weights: ``[B, K]``; 0 where a cell does not count.
    """
    logs = slots.log_softmax(logits).gather(1, codes + slots.starts)
    return -(logs * weights).sum() / weights.sum().clamp(min=1e-9)


def density(
    slots: Slots, mixtures: Mixtures, codes: Tensor, offsets: Tensor, weights: Tensor
) -> Tensor:
    """Weighted sum of -log p(offset), over the weight of *all* cells.

    It is 0 for a density that knows nothing; together with `cross_entropy` it is -log p of a
    cell.

    Args:
        slots: The layout of the mixtures.
        mixtures: The distributions of the offsets.
        codes: The true codes, ``[B, K]``; they say which mode an offset is in.
        offsets: The true offsets, ``[B, C]``.
        weights: ``[B, K]``; 0 where a cell does not count.
    """
    mode, in_a_mode = slots.modes(codes)
    counts = in_a_mode * weights[:, slots.continuous]
    total = -(mixtures.log_density(offsets, mode) * counts).sum()
    return total / weights.sum().clamp(min=1e-9)


def completion(completer: Completer, batch: Batch) -> Terms:
    """Cross-entropy of the hidden codes, and negative log-density of the hidden offsets.

    In the likelihood of a row that is drawn in a random order, each of its h hidden cells has
    weight 1/h (Uria et al., arXiv 1310.1757). Rows of few hidden cells then make most of the
    noise: ``h ** -0.5`` learns faster (docs/lab.md).

    Args:
        completer: The network.
        batch: Rows with a mask of their known cells.
    """
    slots = completer.slots
    assert batch.mask is not None
    hidden = (~batch.mask).float()
    hidden_of_row = hidden.sum(1, keepdim=True).clamp(min=1)
    weights = hidden * hidden_of_row.rsqrt()
    logits, mixtures = completer(batch.codes, batch.offsets, batch.mask)
    terms = {"cross_entropy": cross_entropy(slots, logits, batch.codes, weights)}
    if len(slots.mode_slots):
        terms["density"] = density(slots, mixtures, batch.codes, batch.offsets, weights)
    return terms


# ------------------------------------------------------------------------------------------
# Pair moments, for the generator


class PairMoments:
    """Matches every two-way table of the generator to the data's, without a critic.

    Given the noise, the columns of a generated row are independent. So with p the vector of
    all probabilities, E[p p^T] over the noise *is* the table of every pair of columns. With M1
    and M2 its estimates from the two halves of a batch and R the data's,

        sum w (M1 - R) (M2 - R),    w_ij = 1 / sqrt(r_i r_j),    r the one-way frequencies,

    is an unbiased and differentiable estimate of the weighted squared error. The offset of a
    mode counts through `KNOTS` hat functions, which sum to one, times the probability of the
    mode. At most ``budget`` of these features are matched at a time: a wide table is covered
    by subsets of its blocks, a new one every `REFRESH` steps.

    Args:
        slots: The layout of the generator's outputs.
        rows: The training rows.
        budget: Most features that are matched at a time.
        random: Chooses blocks and rows.

    Attributes:
        chosen_by: The state of ``random`` before the features were chosen that are matched now.
    """

    KNOTS = 9
    REFRESH = 100
    # Training rows from which R is counted, at most, and at a time.
    SAMPLE = 65_536
    COUNTED_AT_ONCE = 4096

    def __init__(
        self, slots: Slots, rows: TrainingRows, budget: int, random: np.random.Generator
    ) -> None:
        self.slots = slots
        self.rows = rows
        self.budget = budget
        self.random = random
        layout = slots.layout
        # The block of every feature: first the slots, then the hats of every mode.
        block_of_mode = layout.continuous[layout.mode_offsets]
        block_of_hat = np.repeat(block_of_mode, self.KNOTS)
        owner = np.concatenate([layout.slot_block, block_of_hat])
        self.owner = owner.astype(np.int64)
        # A mode counts through its hats alone, padding not at all.
        atoms = layout.used.copy()
        atoms[layout.mode_slots] = False
        self.live = np.concatenate([atoms, np.ones(len(block_of_hat), bool)])
        self.in_subsets = self.live.sum() > budget
        self._choose()

    def choose_as(self, state: dict[str, Any]) -> None:
        """Match the features that were chosen when ``state`` was `chosen_by`."""
        self.random.bit_generator.state = state
        self._choose()

    def loss(self, logits: Tensor, offsets: Tensor, step: int) -> Tensor:
        """The loss of generated rows that observed nothing.

        Args:
            logits: ``[B, W]``.
            offsets: An offset per mode, ``[B, M]``.
            step: Number of the step; another subset is chosen now and then.
        """
        if self.in_subsets and step % self.REFRESH == 0:
            self._choose()
        features = self._features(self.slots.softmax(logits), offsets)
        half = len(features) // 2
        one = features[:half]
        two = features[half : 2 * half]
        first = one.T @ one / half - self.target
        second = two.T @ two / half - self.target
        return (self.weight * first * second).sum()

    def _features(self, flat: Tensor, offsets: Tensor) -> Tensor:
        """Probabilities of atoms and of hats within modes, ``[B, chosen + 1]``.

        The last feature is a constant one, so that one-way tables are matched, too.
        """
        knots = torch.arange(self.KNOTS, device=flat.device)
        distance = (offsets.unsqueeze(-1) * (self.KNOTS - 1) - knots).abs()
        of_modes = flat[:, self.slots.mode_slots].unsqueeze(-1)
        hats = (1 - distance).clamp(min=0) * of_modes
        chosen = torch.cat([flat, hats.flatten(1)], dim=1)[:, self.chosen]
        return torch.cat([chosen, chosen.new_ones(len(chosen), 1)], dim=1)

    @torch.no_grad()
    def _choose(self) -> None:
        """Choose which features to match, and count the data's tables of them."""
        self.chosen_by = self.random.bit_generator.state
        device = self.rows.codes.device
        live = self._live_subset() if self.in_subsets else self.live
        self.chosen = torch.as_tensor(np.flatnonzero(live), device=device)

        count = min(len(self.rows), self.SAMPLE)
        sample = self.random.permutation(len(self.rows))[:count]
        size = len(self.chosen) + 1
        total = torch.zeros(size, size, device=device)
        index = torch.as_tensor(sample, device=device)
        for part in index.split(self.COUNTED_AT_ONCE):
            batch = self.rows.take(part)
            one_hot = self.slots.one_hot(batch.codes)
            of_modes = batch.offsets[:, self.slots.mode_offsets]
            features = self._features(one_hot, of_modes)
            total += features.T @ features
        self.target = total / count

        share = self.target[-1].clamp(min=1 / count)
        owner = torch.as_tensor(np.append(self.owner[live], -1), device=device)
        # Two features of one block exclude each other: there is nothing to match.
        of_two_blocks = owner[:, None] != owner[None, :]
        scale = (share[:, None] * share[None, :]).sqrt()
        self.weight = of_two_blocks / scale / max(1, len(owner.unique()) ** 2)

    def _live_subset(self) -> np.ndarray:
        """The features of random blocks, as many as the budget allows, at least two."""
        order = self.random.permutation(len(self.slots.layout.blocks))
        sizes = np.bincount(self.owner[self.live], minlength=len(order))[order]
        within = int(np.searchsorted(sizes.cumsum(), self.budget, side="right"))
        blocks = order[: max(2, within)]
        subset: np.ndarray = self.live & np.isin(self.owner, blocks)
        return subset
