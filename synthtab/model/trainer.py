"""The training loop: read `train` downwards."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from synthtab.core.config import TrainConfig
from synthtab.core.layout import Encoded, Layout
from synthtab.core.progress import Observer
from synthtab.core.randomness import Streams
from synthtab.model.batches import Batch, Rows
from synthtab.model.losses import (
    ADVERSARIAL,
    PairMoments,
    Terms,
    completion,
    cross_entropy,
)
from synthtab.model.monitor import Trained, Watch
from synthtab.model.networks import Critic, Generator, fresh_weights
from synthtab.runtime.distributed import ALONE, World
from synthtab.runtime.products import fast_products
from synthtab.runtime.threads import shared

MIN_STEPS = 2000
# A small table gets at most so many epochs, but `MIN_STEPS` steps, however much work is
# allowed.
MAX_EPOCHS = 400


@fast_products()
def train(
    table: Encoded,
    held_out: Encoded,
    config: TrainConfig,
    streams: Streams,
    device: torch.device,
    observe: Observer,
    world: World = ALONE,
) -> Trained:
    """Train a generator on an encoded table and keep its best checkpoint by held-out quality.

    Ctrl-C ends the loop: the best checkpoint so far is returned, with ``stopped == "interrupted"``. Several processes
    take their share of every batch each, and return the same.
    """
    config = suited(config, len(table))
    game = Game(table, config, streams, device, world)
    watch = Watch(
        game, held_out, config, streams, total_steps(table, config), observe, world
    )
    try:
        with world.listening():
            while not watch.finished():
                game.learning_rate(watch.fraction())
                with shared(device, config.batch):
                    game.play()
                    world.meet()
                    watch.after_step()
    except KeyboardInterrupt:
        watch.result.stopped = "interrupted"
    return watch.close()


class Game:
    """Generator, critic and their optimisers on the encoded table; one method per kind of step."""

    def __init__(
        self,
        table: Encoded,
        config: TrainConfig,
        streams: Streams,
        device: torch.device,
        world: World = ALONE,
    ) -> None:
        self.config, self.device, self.step, self.world = (
            share(config, world.size),
            device,
            0,
            world,
        )
        own = (world.rank,) if world.rank else ()  # rows and noise of its own
        self.random = torch.Generator(device).manual_seed(
            streams.integer("train", *own)
        )
        self.rows = Rows(table, device, self.random)
        with fresh_weights(streams.integer("weights")):
            self.generator = Generator(table.layout, config)
            self.critic = Critic(table.layout, config, self.random).to(device)
        self.generator.start_from(_frequencies(self.rows, table.layout))
        self.generator.to(device)
        for network in (self.generator, self.critic):
            world.copy(network.state_dict().values())
        self.slots = slots = self.generator.slots
        self.loss = ADVERSARIAL[config.loss](config)
        self.moments = PairMoments(
            slots, self.rows, config.moment_budget, streams.numpy("moments")
        )
        self.average = copy.deepcopy(self.generator)
        adam: dict[str, Any] = {
            "betas": (config.beta1, config.beta2),
            "weight_decay": config.weight_decay,
            "fused": True,
        }
        plain, completing = (
            list(t.parameters()) if t else []
            for t in (self.generator.plain, self.generator.completing)
        )
        self.optimisers = {
            "plain": torch.optim.Adam(
                [{"params": plain}], lr=config.lr_generator, **adam
            ),
            "critic": torch.optim.Adam(
                self.critic.parameters(), lr=config.lr_critic, **adam
            ),
            "completing": torch.optim.AdamW(
                [{"params": completing}],
                lr=config.lr_generator,
                **{**adam, "weight_decay": config.decay},
            ),
        }
        self.completes, self.settled, self.rest = config.completes, 0, 0
        self.slowdown = 1.0
        self.terms: Terms = {}

    def learning_rate(self, fraction: float) -> None:
        """Linear warm-up over 1 % of the fit, then level, then down to 5 % over its second half; for `completing` from
        where it `settle`s, if that is sooner.
        """
        factor = min(1.0, fraction / 0.01 + 0.05, 0.05 + 1.9 * (1 - fraction))
        if self.config.network == "concat":
            factor = 1.0
        left = 1 - (self.step - self.settled) / self.rest if self.rest else 1.0
        rates = {
            "plain": self.config.lr_generator * factor,
            "critic": self.config.lr_critic * factor,
            "completing": self.config.lr_generator * min(factor, 0.05 + 0.95 * left),
        }
        for name, rate in rates.items():
            self.optimisers[name].param_groups[0]["lr"] = rate * self.slowdown
        self.completes = self.completes and left > 0

    def settle(self, weights: dict[str, Tensor], steps: int) -> None:
        """Let `completing` end within so many steps, starting from these weights, its best ones."""
        for generator in (self.generator, self.average):
            assert generator.completing is not None, "nothing to settle, report this"
            generator.completing.load_state_dict(weights)
        self.settled, self.rest = self.step, steps

    def play(self) -> None:
        """One step: complete rows; now and then the critic's game, in which the critic learns
        `TrainConfig.critic_steps` times, then the generator once, on rows of a fresh draw: judged on the rows that the
        critic has just seen, it learnt worse (docs/lab.md).
        """
        if self.completes:
            self._update("completing", self._completion_terms())
        if self.config.invents and self.step % self.config.adversarial_every == 0:
            self._update("plain", self._contest())
        if self.config.ema:
            decay = min(
                0.5 ** (1 / self.config.ema), (1 + self.step) / (10 + self.step)
            )
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(self.average.parameters()),
                    list(self.generator.parameters()),
                    1 - decay,
                )
        self.step += 1

    def _contest(self) -> Terms:
        """Train the critic against the generator; the generator's terms on rows of its own making."""
        config, terms, number = (
            self.config,
            {},
            self.step // self.config.adversarial_every,
        )
        real = self._batch()
        if config.adversarial:
            for turn in range(config.critic_steps):
                real = real if turn == 0 else self._batch()
                seen = self._see(real)
                with torch.no_grad():
                    rows = self._fake(real)[0]
                self._update(
                    "critic", self.loss.critic_terms(self.critic, seen, rows, number)
                )
                self.loss.after_critic(self.critic)
        fake, logits, offsets = self._fake(real)
        if config.adversarial:
            self.critic.requires_grad_(False)
            for name, term in self.loss.generator_terms(
                self.critic, seen, fake
            ).items():
                terms[name] = config.adversarial * term
            self.critic.requires_grad_(True)
        if config.moments and real.mask is None:
            terms["moments"] = config.moments * self.moments.loss(
                logits, offsets, number
            )
        if real.mask is not None:
            terms["condition"] = config.cross_entropy * cross_entropy(
                self.slots, logits, real.codes, real.mask
            )
        return terms

    def averaged(self) -> Generator:
        """The generator to judge and to keep."""
        return self.average if self.config.ema else self.generator

    def state(self) -> dict[str, Any]:
        """A copy of everything that a roll-back restores."""
        return {
            name: copy.deepcopy(part.state_dict())
            for name, part in self._parts().items()
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        for name, part in self._parts().items():
            part.load_state_dict(copy.deepcopy(state[name]))

    def _parts(self) -> dict[str, Any]:
        networks = {
            "generator": self.generator,
            "judge": self.critic,
            "average": self.average,
        }
        return {**networks, **self.optimisers}

    def _batch(self) -> Batch:
        """Rows of the adversarial batch, with what the generator observes of them."""
        if self.config.condition == "category":
            return self.rows.by_category(self.config.batch, nominal=True)
        return self.rows.next(self.config.batch)

    def _see(self, real: Batch) -> Tensor:
        return self.critic.see(
            self.slots.one_hot(real.codes),
            real.offsets[:, self.slots.mode_offsets],
            real.mask,
        )

    def _fake(self, real: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Generated rows as the critic sees them, their logits and their offsets. A condition is learnt through its
        cross-entropy, not copied.
        """
        slots = self.slots
        z = torch.randn(
            len(real.codes),
            self.config.noise,
            generator=self.random,
            device=self.device,
        )
        cells = (
            None
            if real.mask is None
            else slots.reading(real.codes, real.offsets, real.mask)
        )
        logits, offsets = self.generator.invent(z, cells)
        drawn = slots.draw(
            logits, self.config.temperature, self.config.hard, self.random
        )
        return self.critic.see(drawn, offsets, real.mask), logits, offsets

    def _completion_terms(self) -> Terms:
        """What hidden cells are, given a random part of their row."""
        config, batch = self.config, self.rows.subset(self.config.batch)
        found = completion(self.generator, batch)
        weights = {"cross_entropy": config.cross_entropy, "density": config.density}
        return {
            name: weights[name] * term for name, term in found.items() if weights[name]
        }

    def _update(self, which: str, terms: Terms) -> None:
        if not terms:
            return
        optimiser = self.optimisers[which]
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        self.world.average(
            p.grad for group in optimiser.param_groups for p in group["params"]
        )
        optimiser.step()
        self.terms.update({name: term.detach() for name, term in terms.items()})


def suited(config: TrainConfig, rows: int) -> TrainConfig:
    """The config with a batch of at most half the training rows, in whole packs."""
    batch = min(config.batch, max(16, rows // 2))
    return replace(config, batch=max(1, batch // config.packing) * config.packing)


def share(config: TrainConfig, processes: int) -> TrainConfig:
    """The config of one of several processes: its part of the batch, in whole packs."""
    if processes == 1:
        return config
    packs = -(-config.batch // (processes * config.packing))
    return replace(config, batch=max(4, packs * config.packing))


def total_steps(table: Encoded, config: TrainConfig) -> int:
    """Steps of a fit: by epochs where given, else what `TrainConfig.work` pays for; no limit but the clock's
    where only a time is given.
    """
    config = suited(config, len(table))
    if config.epochs:
        return max(1, config.epochs * len(table) // config.batch)
    if config.time:
        return 10**9
    paid = config.work * 1e12 / step_flops(table.layout, config)
    useful = max(MIN_STEPS, MAX_EPOCHS * len(table) / config.batch)
    return int(max(MIN_STEPS / 10, min(paid, useful)))


def step_flops(layout: Layout, config: TrainConfig) -> float:
    """Floating-point operations of one step, counting matrix products alone (6 per weight and row: forward,
    and the gradients of inputs and weights).
    """
    with fresh_weights():
        generator, critic = Generator(layout, config), Critic(layout, config)
    plain, completing = (
        sum(p.numel() for name, p in t.named_parameters() if "embedding" not in name)
        if t
        else 0
        for t in (generator.plain, generator.completing)
    )
    c = sum(p.numel() for p in critic.parameters()) / config.packing
    contest = 6.0 * plain
    if config.adversarial:
        contest += (
            config.critic_steps * (12 * c * (1 + 1 / config.penalty_every) + 2 * plain)
            + 6 * c
        )
    if config.moments:
        contest += (
            6
            * min(config.moment_budget, layout.width + 8 * len(layout.mode_slots)) ** 2
        )
    per_row = 6 * completing + (
        contest / config.adversarial_every if config.invents else 0
    )
    return per_row * config.batch


def _frequencies(rows: Rows, layout: Layout) -> Tensor:
    """``[W]``: one-way frequencies of the codes."""
    flat = torch.zeros(layout.width)
    counts = rows.counts.cpu()
    for b, start in enumerate(layout.starts):
        size = int(layout.sizes[b])
        flat[start : start + size] = (counts[b, :size] + 0.5) / (
            counts[b, :size] + 0.5
        ).sum()
    return flat
