"""The training loop: read `train` downwards."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from synthtab.conditions import Batch, Rows
from synthtab.config import TrainConfig
from synthtab.layout import Encoded, Layout
from synthtab.losses import ADVERSARIAL, PairMoments, Terms, cross_entropy, energy_score
from synthtab.networks import Critic, Generator, fresh_weights
from synthtab.progress import Observer, Progress
from synthtab.quality import ROWS, Quality, quality
from synthtab.randomness import Streams
from synthtab.sampler import generate, plan

HEALTH_EVERY = 50
"""Steps between looks at the losses: looking makes a GPU wait."""
MAX_ROLLBACKS = 3
MIN_STEPS = 2000
MAX_EPOCHS = 400
"""A small table gets at most so many epochs, but `MIN_STEPS` steps, however much work is allowed."""


@dataclass(frozen=True)
class Check:
    """One held-out evaluation during the fit."""

    step: int
    seconds: float
    quality: Quality


@dataclass
class Trained:
    """What training leaves behind.

    Attributes:
        generator: The averaged generator at the step with the best held-out score.
        steps, seconds: What was trained in all.
        best: The chosen check; None without a held-out split.
        history: All checks, in order.
        stopped: "done", "time", "no more progress" or "interrupted".
        warnings: Illnesses seen, each with what it means.
        losses: Name -> value of each term at the last health check.
    """

    generator: Generator
    steps: int = 0
    seconds: float = 0.0
    best: Check | None = None
    history: list[Check] = field(default_factory=list)
    stopped: str = "done"
    warnings: list[str] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)


def train(
    table: Encoded, held_out: Encoded, config: TrainConfig, streams: Streams, device: torch.device, observe: Observer
) -> Trained:
    """Train a generator on an encoded table and keep its best checkpoint by held-out quality.

    Ctrl-C ends the loop: the best checkpoint so far is returned, with ``stopped == "interrupted"``.
    """
    config = suited(config, len(table))
    game = Game(table, config, streams, device)
    watch = Watch(game, held_out, config, streams, total_steps(table, config), observe)
    try:
        while not watch.finished():
            game.learning_rate(watch.fraction())
            game.play()
            watch.after_step()
    except KeyboardInterrupt:
        watch.result.stopped = "interrupted"
    return watch.close()


class Game:
    """Generator, critic and their optimisers on the encoded table; one method per kind of step."""

    def __init__(self, table: Encoded, config: TrainConfig, streams: Streams, device: torch.device) -> None:
        self.config, self.device, self.step = config, device, 0
        self.random = torch.Generator(device).manual_seed(streams.integer("train"))
        self.rows = Rows(table, device, self.random)
        with fresh_weights(streams.integer("weights")):
            self.generator = Generator(table.layout, config)
            self.critic = Critic(table.layout, config, self.random).to(device)
        self.generator.start_from(_frequencies(self.rows, table.layout))
        self.generator.to(device)
        self.slots = slots = self.generator.slots
        self.loss = ADVERSARIAL[config.loss](config)
        self.moments = PairMoments(slots, self.rows, config.moment_budget, streams.numpy("moments"))
        self.average = copy.deepcopy(self.generator)
        adam: dict[str, Any] = {
            "betas": (config.beta1, config.beta2),
            "weight_decay": config.weight_decay,
            "fused": True,
        }
        self.optimisers = [
            torch.optim.Adam(self.generator.parameters(), lr=config.lr_generator, **adam),
            torch.optim.Adam(self.critic.parameters(), lr=config.lr_critic, **adam),
        ]
        self.slowdown = 1.0
        self.terms: Terms = {}

    def learning_rate(self, fraction: float) -> None:
        """Linear warm-up over 1 % of the fit, then level, then down to 5 % over its second half."""
        factor = min(1.0, fraction / 0.01 + 0.05, 0.05 + 1.9 * (1 - fraction))
        if self.config.network == "concat":
            factor = 1.0
        for optimiser, rate in zip(self.optimisers, (self.config.lr_generator, self.config.lr_critic), strict=True):
            optimiser.param_groups[0]["lr"] = rate * factor * self.slowdown

    def play(self) -> None:
        """One step: the critic `TrainConfig.critic_steps` times, then the generator once, on rows of a fresh draw:
        judged on the rows that the critic has just seen, it learnt worse (docs/lab.md).
        """
        terms: Terms = {}
        if self.config.adversarial or self.config.moments:
            terms = self._contest()
        if self.config.completes and self.config.condition != "category":
            terms |= self._completion_terms()
        self._update(0, terms)
        if self.config.ema:
            decay = min(0.5 ** (1 / self.config.ema), (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 1 - decay)
        self.step += 1

    def _contest(self) -> Terms:
        """Train the critic against the generator; the generator's terms on rows of its own making."""
        config, terms = self.config, {}
        real = self._batch()
        if config.adversarial:
            for turn in range(config.critic_steps):
                real = real if turn == 0 else self._batch()
                seen = self._see(real)
                with torch.no_grad():
                    rows = self._fake(real)[0]
                self._update(1, self.loss.critic_terms(self.critic, seen, rows, self.step))
                self.loss.after_critic(self.critic)
        fake, logits, offsets = self._fake(real)
        if config.adversarial:
            self.critic.requires_grad_(False)
            for name, term in self.loss.generator_terms(self.critic, seen, fake).items():
                terms[name] = config.adversarial * term
            self.critic.requires_grad_(True)
        if config.moments and real.mask is None:
            terms["moments"] = config.moments * self.moments.loss(logits, offsets, self.step)
        if config.condition == "category" and real.mask is not None:
            terms["condition"] = config.cross_entropy * cross_entropy(self.slots, logits, real.codes, real.mask)
        return terms

    def averaged(self) -> Generator:
        """The generator to judge and to keep."""
        return self.average if self.config.ema else self.generator

    def state(self) -> dict[str, Any]:
        """A copy of everything that a roll-back restores."""
        return {name: copy.deepcopy(part.state_dict()) for name, part in self._parts().items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        for name, part in self._parts().items():
            part.load_state_dict(copy.deepcopy(state[name]))

    def _parts(self) -> dict[str, Any]:
        networks = {"generator": self.generator, "critic": self.critic, "average": self.average}
        return {**networks, **{f"optimiser {i}": o for i, o in enumerate(self.optimisers)}}

    def _batch(self) -> Batch:
        """Rows of the adversarial batch, with what the generator observes of them."""
        size = self.config.batch
        if self.config.condition == "category":
            return self.rows.by_category(size, nominal=True)
        if self.config.condition == "subset":
            few = int(size * self.config.observed)
            some, rest = self.rows.subset(few, rare=0.0), self.rows.next(size - few)
            mask = torch.zeros(size, len(self.slots.starts), dtype=torch.bool, device=self.device)
            assert some.mask is not None
            mask[:few] = some.mask
            return Batch(torch.cat([some.codes, rest.codes]), torch.cat([some.offsets, rest.offsets]), mask)
        return self.rows.next(size)

    def _see(self, real: Batch) -> Tensor:
        return self.critic.see(self.slots.one_hot(real.codes), real.offsets[:, self.slots.mode_offsets], real.mask)

    def _fake(self, real: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Generated rows as the critic sees them, their logits and their offsets."""
        slots, mask = self.slots, real.mask
        z = torch.randn(len(real.codes), self.config.noise, generator=self.random, device=self.device)
        if mask is None:
            logits, offsets = self.generator(z)
            drawn = slots.draw(logits, self.config.temperature, self.config.hard, self.random)
            return self.critic.see(drawn, offsets), logits, offsets
        hot, known = slots.one_hot(real.codes), real.offsets[:, slots.mode_offsets]
        logits, offsets = self.generator(z, slots.dense(hot, known), mask)
        drawn = slots.draw(logits, self.config.temperature, self.config.hard, self.random)
        if self.config.condition == "category":  # the condition is learnt through its cross-entropy, not copied
            return self.critic.see(drawn, offsets, mask), logits, offsets
        slot = slots.spread(mask)
        whole = torch.where(slot, hot, drawn), torch.where(slot[:, slots.mode_slots], known, offsets)
        return self.critic.see(*whole, mask), logits, offsets

    def _completion_terms(self) -> Terms:
        """Cross-entropy and energy score of hidden cells, on rows with a random part observed."""
        slots, config = self.slots, self.config
        batch = self.rows.subset(config.batch // 2)
        assert batch.mask is not None
        cells = slots.dense(slots.one_hot(batch.codes), batch.offsets[:, slots.mode_offsets])
        z = torch.randn(2 * len(cells), config.noise, generator=self.random, device=self.device)
        logits, offsets = self.generator(z, cells, batch.mask)  # two draws of every row
        codes, hidden = batch.codes.repeat(2, 1), ~batch.mask.repeat(2, 1)
        terms = {}
        if config.cross_entropy:
            terms["cross_entropy"] = config.cross_entropy * cross_entropy(slots, logits, codes, hidden)
        if config.energy and len(slots.mode_slots):
            one, two = offsets.chunk(2)
            terms["energy"] = config.energy * energy_score(slots, one, two, batch.codes, batch.offsets, ~batch.mask)
        return terms

    def _update(self, which: int, terms: Terms) -> None:
        if not terms:
            return
        optimiser = self.optimisers[which]
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        optimiser.step()
        self.terms.update({name: term.detach() for name, term in terms.items()})


class Watch:
    """Looks after a fit: the clock, the held-out score, the checkpoint, the illnesses, the progress."""

    def __init__(
        self, game: Game, held_out: Encoded, config: TrainConfig, streams: Streams, steps: int, observe: Observer
    ) -> None:
        self.game, self.held_out, self.config, self.streams = game, held_out, config, streams
        self.steps, self.observe = steps, observe
        self.start = self.told = time.monotonic()
        self.result = Trained(game.averaged())
        self.good = game.state()
        self.best_weights: dict[str, Tensor] | None = None
        self.checks = self.stale = self.rollbacks = self.won = 0

    def seconds(self) -> float:
        """Since the fit began."""
        return time.monotonic() - self.start

    def fraction(self) -> float:
        """How much of the fit is done: the larger of the shares of its steps and of its time."""
        of_time = self.seconds() / self.config.time if self.config.time else 0.0
        return min(1.0, max(of_time, self.game.step / self.steps))

    def finished(self) -> bool:
        """Whether to stop, and why."""
        if self.config.patience and self.stale >= self.config.patience:
            self.result.stopped = "no more progress"
        elif self.rollbacks > MAX_ROLLBACKS:
            self.result.stopped = "diverged"
        elif self.fraction() < 1:
            return False
        elif self.config.time and self.game.step < self.steps:
            self.result.stopped = "time"
        return True

    def after_step(self) -> None:
        """Look at the losses now and then, at the held-out rows `checks` times, and tell the observer."""
        if self.game.step % HEALTH_EVERY == 0:
            self._look()
        if self.fraction() * self.config.checks >= self.checks + 1:
            self.checks = int(self.fraction() * self.config.checks)
            self._check()
        if time.monotonic() - self.told > 0.25:
            self._tell()

    def close(self) -> Trained:
        """The result, with the best checkpoint in its generator."""
        result, game = self.result, self.game
        if self.best_weights is None:
            self._check()
        if self.best_weights is not None:
            result.generator.load_state_dict(self.best_weights)
        result.generator.eval()
        result.steps, result.seconds = game.step, self.seconds()
        if result.best and result.best.quality.coverage < 0.5:
            result.warnings.append(
                f"mode collapse: only {result.best.quality.coverage:.0%} of the held-out values were generated"
            )
        if result.best and result.best.quality.duplicates > 0.1:
            result.warnings.append(f"mode collapse: {result.best.quality.duplicates:.0%} of the rows are repeats")
        if self.won > 3 and self.won > 0.5 * game.step / HEALTH_EVERY:
            result.warnings.append("the critic won outright for most of the fit: its score no longer teaches")
        return result

    def _look(self) -> None:
        game = self.game
        values = {name: float(term) for name, term in game.terms.items()}
        if all(v == v and abs(v) < 1e6 for v in values.values()):
            self.result.losses, self.good = values, game.state()
            self.won += values.get("critic", 1.0) < 0.02 and self.config.loss == "relativistic"
            return
        self.rollbacks += 1
        game.restore(self.good)
        game.slowdown *= 0.5
        self._warn(f"a loss was not finite at step {game.step}: rolled back, learning rates halved")

    def _check(self) -> None:
        if not len(self.held_out):
            return
        game, was_training = self.game, self.game.generator.training
        streams = Streams(self.streams.integer("check", self.checks))
        blocks = generate(
            game.averaged(), min(ROWS, len(self.held_out)), plan(self.held_out.layout, self.config.passes or 1),
            streams, game.device,
        )  # fmt: skip
        parts = list(blocks)
        found = quality(self.held_out, parts[0], streams)
        game.generator.train(was_training)
        check = Check(game.step, self.seconds(), found)
        self.result.history.append(check)
        self.stale += 1
        if self.result.best is None or found.score > self.result.best.quality.score:
            self.result.best, self.stale = check, 0
            self.best_weights = copy.deepcopy(game.averaged().state_dict())
        self._tell()

    def _tell(self, message: str | None = None) -> None:
        self.told = time.monotonic()
        done = self.fraction()
        left = self.seconds() * (1 - done) / done if done > 0.005 else None
        newest = self.result.history[-1].quality.score if self.result.history else None
        best = self.result.best.quality.score if self.result.best else None
        self.observe(Progress("train", done, left, newest, best, message))

    def _warn(self, message: str) -> None:
        self.result.warnings.append(message)
        self._tell(message)


def suited(config: TrainConfig, rows: int) -> TrainConfig:
    """The config with a batch of at most half the training rows, in whole packs."""
    batch = min(config.batch, max(16, rows // 2))
    return replace(config, batch=max(1, batch // config.packing) * config.packing)


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
    g = sum(p.numel() for p in generator.parameters())
    c = sum(p.numel() for p in critic.parameters()) / config.packing
    per_row = 0.0
    if config.adversarial:
        per_row += config.critic_steps * (12 * c * (1 + 1 / config.penalty_every) + 2 * g) + 6 * c
    per_row += 6 * g  # one batch through each of its trunks
    if config.moments:
        per_row += 6 * min(config.moment_budget, layout.width + 8 * len(layout.mode_slots)) ** 2
    return per_row * config.batch


def _frequencies(rows: Rows, layout: Layout) -> Tensor:
    """``[W]``: one-way frequencies of the codes."""
    flat = torch.zeros(layout.width)
    counts = rows.counts.cpu()
    for b, start in enumerate(layout.starts):
        size = int(layout.sizes[b])
        flat[start : start + size] = (counts[b, :size] + 0.5) / (counts[b, :size] + 0.5).sum()
    return flat
