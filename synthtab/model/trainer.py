"""The training loop: read `train` downwards.

Every step teaches the completer to complete rows. Every so many steps, the generator and the
critic play a round of their game: the critic learns to tell real rows from generated ones, and
the generator to be taken for real.
"""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synthtab.core.config import TrainConfig
from synthtab.core.layout import Encoded, Layout
from synthtab.core.progress import Observer, Progress
from synthtab.core.randomness import Streams
from synthtab.model.batches import Batch, TrainingRows
from synthtab.model.completer import Completer
from synthtab.model.gan import Critic
from synthtab.model.held_out import (
    JUDGED_ROWS,
    Check,
    DrawRows,
    Monitor,
    Trained,
    quality,
)
from synthtab.model.layers import fresh_weights
from synthtab.model.losses import (
    PairMoments,
    Terms,
    adversarial_loss,
    completion,
    cross_entropy,
)
from synthtab.model.networks import Networks
from synthtab.model.resume import Saved
from synthtab.runtime.compute import ALONE, World, fast_products, shared

# A small table gets at most so many epochs, but so many steps, however much work is allowed.
MIN_STEPS = 2000
MAX_EPOCHS = 400
# Most training rows from which forests are grown: of more, the network learns more.
FOREST_ROWS = 2000
# Fewer training rows than these are few: the fit says what that means.
FEW_ROWS = 200
# Steps of a fit that only its time limits.
ENDLESS_STEPS = 10**9
# Share of the fit in which the learning rates warm up, and their last values.
WARM_UP = 0.01
LAST_RATE = 0.05


@fast_products()
def train(
    table: Encoded,
    held_out: Encoded,
    config: TrainConfig,
    streams: Streams,
    device: torch.device,
    observe: Observer,
    draw: DrawRows,
    world: World = ALONE,
    people: npt.NDArray[np.int64] | None = None,
    saved: Saved | None = None,
    start: Networks | None = None,
) -> Trained:
    """Train networks on an encoded table, and keep their best checkpoint.

    Several processes each take their share of every batch, and return the same.

    Args:
        table: The training rows.
        held_out: Rows that choose the checkpoint; none are trained on.
        config: Every dial.
        streams: Randomness.
        device: Where to compute.
        observe: Called with the progress.
        draw: Makes rows with networks, for the held-out score.
        world: The processes that train together.
        people: Whom each training row is about, if several may be about one person.
        saved: Where the state is kept, and where to go on; forests, which are grown in seconds,
            do not use it.
        start: Networks of the same layout whose weights are the first ones; None for random
            ones.

    Returns:
        The best checkpoint and what was seen on the way. Ctrl-C ends the loop early, with
        ``stopped == "interrupted"``.
    """
    if config.completer == "forest":
        return _grow(table, held_out, config, streams, device, observe, draw, people)
    config = batch_for_table(config, len(table))
    trainer = Trainer(table, config, streams, device, world)
    if start is not None:
        trainer.start_from(start)
    steps = total_steps(table, config)
    monitor = Monitor(trainer, held_out, config, streams, steps, observe, draw, world)
    if saved is not None and saved.state is not None:
        trainer.resume(saved.state["trainer"])
        monitor.resume(saved.state["monitor"])
    try:
        with world.listening():
            while not monitor.finished():
                trainer.set_learning_rates(monitor.fraction())
                with shared(device, config.batch):
                    trainer.play()
                    world.meet()
                    monitor.after_step()
                if saved is not None and monitor.may_save() and saved.is_due():
                    state = {
                        "trainer": trainer.progress(),
                        "monitor": monitor.progress(),
                    }
                    saved.save(state)
    except KeyboardInterrupt:
        monitor.result.stopped = "interrupted"
    return monitor.close()


def for_rows(config: TrainConfig, rows: int) -> TrainConfig:
    """The config with the completer that suits so many training rows.

    Trees learn more of few rows than a network does, and do not learn them by heart. What asks
    for steps of training asks for a network. The tree critic is left out beside forests: it
    knows few training rows by heart (docs/lab.md).
    """
    few = rows <= FOREST_ROWS and config.completes and not config.epochs
    if config.completer == "forest" or (config.completer == "auto" and few):
        return replace(config, completer="forest", rounds=0)
    return replace(config, completer="network")


def _grow(
    table: Encoded,
    held_out: Encoded,
    config: TrainConfig,
    streams: Streams,
    device: torch.device,
    observe: Observer,
    draw: DrawRows,
    people: npt.NDArray[np.int64] | None,
) -> Trained:
    """Forests instead of networks: `train` for small tables."""
    # Imported here: most tables are not small.
    from synthtab.model.forest import grow

    began = time.monotonic()

    def tell(done: float) -> None:
        observe(Progress("train", done))

    forests = grow(table, streams, config.rare, people, tell, config.time)
    different = len(forests.roots[0].unique())
    networks = Networks(table.layout, config, forests).to(device).eval()
    best = None
    if len(held_out):
        judging = Streams(streams.integer("check", 0))
        rows = draw(networks, JUDGED_ROWS, networks.most_passes, judging)
        seconds = time.monotonic() - began
        best = Check(0, seconds, quality(held_out, rows, judging), None)
    return Trained(
        networks,
        seconds=time.monotonic() - began,
        best=best,
        history=[best] if best else [],
        stopped="forests are grown",
        warnings=_forest_warnings(len(table), different),
    )


def _forest_warnings(rows: int, trees: int) -> list[str]:
    """What to know of forests of so many rows and trees before new rows are shared."""
    from synthtab.model.forest import TREES

    warnings = []
    if rows < FEW_ROWS:
        # The figures are those of benchmarks/small.py.
        warnings.append(
            f"{rows} rows are few: of rows made from 100, about 6 in 10 lie nearer to a learnt "
            "row than to a fresh one, where 5 would be ideal; hold rows out and evaluate "
            "before you share any"
        )
    if trees < TREES:
        warnings.append(f"the time allowed {trees} of {TREES} trees a column")
    return warnings


class Trainer:
    """Networks, critic and their optimisers on a table; one method per kind of step.

    Args:
        table: The training rows.
        config: Every dial, with a batch that suits the table.
        streams: Randomness.
        device: Where to compute.
        world: The processes that train together.

    Attributes:
        networks: What is trained.
        critic: What the generator is trained against.
        average: A moving average of the networks.
        step: Number of steps so far.
        completes: Whether the completer still learns.
        settling: Steps within which the completer is to end, since `settle`; 0 before.
        slowdown: Factor of all learning rates.
        terms: The newest value of each term of each loss.
    """

    def __init__(
        self,
        table: Encoded,
        config: TrainConfig,
        streams: Streams,
        device: torch.device,
        world: World = ALONE,
    ) -> None:
        self.config = batch_for_process(config, world.size)
        self.device = device
        self.world = world
        self.step = 0

        # Each process draws rows and noise of its own, and starts with the same weights.
        stream = ("train", world.rank) if world.rank else ("train",)
        self.random = torch.Generator(device).manual_seed(streams.integer(*stream))
        self.rows = TrainingRows(table, device, self.random)
        with fresh_weights(streams.integer("weights")):
            self.networks = Networks(table.layout, config)
            self.critic = Critic(table.layout, config, self.random).to(device)
        self.networks.start_from(_frequencies(self.rows, table.layout))
        self.networks.to(device)
        for network in (self.networks, self.critic):
            world.copy(network.state_dict().values())

        self.slots = self.critic.slots
        self.loss = adversarial_loss(config.loss)(config)
        moments_stream = streams.numpy("moments")
        self.moments = PairMoments(
            self.slots, self.rows, config.moment_budget, moments_stream
        )
        self.average = copy.deepcopy(self.networks)
        self.optimisers = self._optimisers()

        self.completes = config.completes
        self.settled_at = 0
        self.settling = 0
        self.slowdown = 1.0
        self.terms: Terms = {}

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        config = self.config
        adam: dict[str, Any] = {"betas": (config.beta1, config.beta2), "fused": True}
        optimisers: dict[str, torch.optim.Optimizer] = {
            "critic": torch.optim.Adam(
                self.critic.parameters(),
                lr=config.lr_critic,
                weight_decay=config.weight_decay,
                **adam,
            )
        }
        if self.networks.generator is not None:
            optimisers["generator"] = torch.optim.Adam(
                self.networks.generator.parameters(),
                lr=config.lr_generator,
                weight_decay=config.weight_decay,
                **adam,
            )
        if self.networks.completer is not None:
            # Decoupled weight decay (AdamW, arXiv 1711.05101).
            optimisers["completer"] = torch.optim.AdamW(
                self.networks.completer.parameters(),
                lr=config.lr_generator,
                weight_decay=config.decay,
                **adam,
            )
        return optimisers

    def start_from(self, networks: Networks) -> None:
        """Take the weights of other networks of the same layout and sizes."""
        for own in (self.networks, self.average):
            own.load_state_dict(networks.state_dict())

    # -- learning rates

    def set_learning_rates(self, fraction: float) -> None:
        """Warm up, then stay level, then fall linearly over the second half of the fit.

        The completer's rate falls from where it began to `settle`, if that is sooner.

        Args:
            fraction: Share of the fit that is done, in [0, 1].
        """
        # The least of three: the first exceeds 1 soon, the second up to half of the fit.
        warm_up = fraction / WARM_UP + LAST_RATE
        fall = LAST_RATE + 2 * (1 - LAST_RATE) * (1 - fraction)
        factor = min(1.0, warm_up, fall)
        if self.config.network == "concat":
            factor = 1.0  # the paper's recipe has no schedule
        left = 1.0  # share of the completer's settling that is to come; 1 before it
        if self.settling:
            left = 1 - (self.step - self.settled_at) / self.settling
        factor_of_completer = min(factor, LAST_RATE + (1 - LAST_RATE) * left)
        rates = {
            "generator": self.config.lr_generator * factor,
            "critic": self.config.lr_critic * factor,
            "completer": self.config.lr_generator * factor_of_completer,
        }
        for name, optimiser in self.optimisers.items():
            optimiser.param_groups[0]["lr"] = rates[name] * self.slowdown
        self.completes = self.completes and left > 0

    def settle(self, weights: dict[str, Tensor], steps: int) -> None:
        """Let the completer end within so many steps, starting from its best weights."""
        for networks in (self.networks, self.average):
            assert networks.completer is not None, "nothing to settle, report this"
            networks.completer.load_state_dict(weights)
        self.settled_at = self.step
        self.settling = steps

    # -- steps

    def play(self) -> None:
        """One step: complete rows and, every so many steps, a round of the GAN's game."""
        config = self.config
        if self.completes:
            self._update("completer", self._completion_terms())
        if config.invents and self.step % config.adversarial_every == 0:
            self._update("generator", self._round_of_the_game())
        if config.ema:
            self._move_average()
        self.step += 1

    def _completion_terms(self) -> Terms:
        """What hidden cells are, given a random part of their row."""
        assert isinstance(self.networks.completer, Completer)
        batch = self.rows.partly_known(self.config.batch)
        losses = completion(self.networks.completer, batch)
        weights = {
            "cross_entropy": self.config.cross_entropy,
            "density": self.config.density,
        }
        return {name: weights[name] * x for name, x in losses.items() if weights[name]}

    def _round_of_the_game(self) -> Terms:
        """Teach the critic `TrainConfig.critic_steps` times; the generator's terms.

        The generator makes new rows for its own step: judged on those that the critic has
        just seen, it learnt worse (docs/lab.md). The real rows stay.
        """
        config = self.config
        number = self.step // config.adversarial_every
        terms: Terms = {}
        real = self._real_batch()
        if config.adversarial:
            for turn in range(config.critic_steps):
                if turn > 0:
                    real = self._real_batch()
                real_seen = self._see(real)
                with torch.no_grad():
                    fake_seen, _, _ = self._fake(real)
                critic_terms = self.loss.critic_terms(
                    self.critic, real_seen, fake_seen, number
                )
                self._update("critic", critic_terms)
                self.loss.after_critic(self.critic)

        fake_seen, logits, offsets = self._fake(real)
        if config.adversarial:
            # `real_seen` is that of the critic's last turn. The generator's loss needs
            # gradients through the critic, not of it.
            self.critic.requires_grad_(False)
            losses = self.loss.generator_terms(self.critic, real_seen, fake_seen)
            for name, loss in losses.items():
                terms[name] = config.adversarial * loss
            self.critic.requires_grad_(True)
        if config.moments and real.mask is None:
            moments = self.moments.loss(logits, offsets, number)
            terms["moments"] = config.moments * moments
        if real.mask is not None:
            held = cross_entropy(self.slots, logits, real.codes, real.mask)
            terms["condition"] = config.cross_entropy * held
        return terms

    def _real_batch(self) -> Batch:
        """Real rows for the critic, with what the generator observes of them."""
        if self.config.condition == "category":
            return self.rows.by_category(self.config.batch, nominal=True)
        return self.rows.next(self.config.batch)

    def _see(self, real: Batch) -> Tensor:
        """Real rows as the critic reads them."""
        one_hot = self.slots.one_hot(real.codes)
        offsets = real.offsets[:, self.slots.mode_offsets]
        return self.critic.see(one_hot, offsets, real.mask)

    def _fake(self, real: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Generated rows that observe what is known of the real ones.

        A condition is learnt through its cross-entropy: it is not copied into the rows.

        Returns:
            The rows as the critic reads them, their logits and their offsets.
        """
        assert self.networks.generator is not None
        config = self.config
        shape = (len(real.codes), config.noise)
        noise = torch.randn(shape, generator=self.random, device=self.device)
        condition = None
        if real.mask is not None:
            condition = self.slots.reading(real.codes, real.offsets, real.mask)
        logits, offsets = self.networks.generator(noise, condition)
        one_hot = self.slots.draw(logits, config.temperature, config.hard, self.random)
        return self.critic.see(one_hot, offsets, real.mask), logits, offsets

    def _update(self, which: str, terms: Terms) -> None:
        """One step of an optimiser down the sum of some terms."""
        if not terms:
            return
        optimiser = self.optimisers[which]
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        groups = optimiser.param_groups
        self.world.average(p.grad for group in groups for p in group["params"])
        optimiser.step()
        self.terms.update({name: term.detach() for name, term in terms.items()})

    def _move_average(self) -> None:
        """Move the average towards the networks, faster in the first steps."""
        by_half_life = 0.5 ** (1 / self.config.ema)
        decay = min(by_half_life, (1 + self.step) / (10 + self.step))
        average: list[Tensor] = list(self.average.parameters())
        newest: list[Tensor] = list(self.networks.parameters())
        with torch.no_grad():
            torch._foreach_lerp_(average, newest, 1 - decay)

    # -- checkpoints

    def averaged(self) -> Networks:
        """The networks to judge and to keep."""
        return self.average if self.config.ema else self.networks

    def state(self) -> dict[str, Any]:
        """A copy of everything that a roll-back restores."""
        parts = self._parts().items()
        return {name: copy.deepcopy(part.state_dict()) for name, part in parts}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        for name, part in self._parts().items():
            part.load_state_dict(copy.deepcopy(state[name]))

    def progress(self) -> dict[str, Any]:
        """All that decides the steps to come, for `resume`."""
        return {
            "parts": {name: part.state_dict() for name, part in self._parts().items()},
            "random": self.random.get_state(),
            "rows to come": self.rows.to_come,
            "moments": self.moments.chosen_by,
            "step": self.step,
            "completes": self.completes,
            "settled at": self.settled_at,
            "settling": self.settling,
            "slowdown": self.slowdown,
            "terms": self.terms,
        }

    def resume(self, progress: dict[str, Any]) -> None:
        """Go on from a `progress`."""
        self.restore(progress["parts"])
        self.random.set_state(progress["random"])
        self.rows.to_come = progress["rows to come"].to(self.device)
        self.moments.choose_as(progress["moments"])
        self.step = progress["step"]
        self.completes = progress["completes"]
        self.settled_at = progress["settled at"]
        self.settling = progress["settling"]
        self.slowdown = progress["slowdown"]
        terms = progress["terms"].items()
        self.terms = {name: term.to(self.device) for name, term in terms}

    def _parts(self) -> dict[str, Any]:
        networks = {
            "networks": self.networks,
            "critic network": self.critic,
            "average": self.average,
        }
        return {**networks, **self.optimisers}


# ------------------------------------------------------------------------------------------
# How much to train


def batch_for_table(config: TrainConfig, rows: int) -> TrainConfig:
    """The config with a batch of at most half the training rows, in whole packs."""
    batch = min(config.batch, max(16, rows // 2))
    packs = batch // config.packing
    return replace(config, batch=max(1, packs * config.packing))


def batch_for_process(config: TrainConfig, processes: int) -> TrainConfig:
    """The config of one of several processes: its part of the batch, in whole packs."""
    if processes == 1:
        return config
    packs = -(-config.batch // (processes * config.packing))
    return replace(config, batch=max(4, packs * config.packing))


def total_steps(table: Encoded, config: TrainConfig) -> int:
    """Steps of a fit.

    They follow from the epochs, if these are given; else from `TrainConfig.work`. Where only
    a time is given, they have no limit but the clock's.
    """
    config = batch_for_table(config, len(table))
    if config.epochs:
        return max(1, config.epochs * len(table) // config.batch)
    if config.time:
        return ENDLESS_STEPS
    paid = config.work * 1e12 / step_flops(table.layout, config)
    useful = max(MIN_STEPS, MAX_EPOCHS * len(table) / config.batch)
    return int(max(MIN_STEPS / 10, min(paid, useful)))


def step_flops(layout: Layout, config: TrainConfig) -> float:
    """Floating-point operations of one step, counting matrix products alone.

    A product costs 2 per weight and row forwards, and 4 backwards: for the gradients of its
    inputs and of its weights.
    """
    with fresh_weights():
        networks = Networks(layout, config)
        critic = Critic(layout, config)
    of_generator = _product_weights(networks.generator)
    of_completer = _product_weights(networks.completer)
    of_critic = _product_weights(critic) / config.packing

    game = 6.0 * of_generator
    if config.adversarial:
        # A step of the critic: forwards and backwards (6) for real and for generated rows,
        # the penalty as much again, and the generator forwards (2). A step of the generator
        # goes through the critic: forwards for real rows (2), forwards and back to the
        # inputs for generated ones (4).
        penalties = 1 + 1 / config.penalty_every
        game += config.critic_steps * (12 * of_critic * penalties + 2 * of_generator)
        game += 6 * of_critic
    if config.moments:
        features = layout.width + 8 * len(layout.mode_slots)
        game += 6 * min(config.moment_budget, features) ** 2
    per_row = 6.0 * of_completer
    if config.invents:
        per_row += game / config.adversarial_every
    return per_row * config.batch


def _product_weights(network: torch.nn.Module | None) -> int:
    """Weights of a network that take part in products: an embedding is a look-up."""
    if network is None:
        return 0
    named = network.named_parameters()
    return sum(p.numel() for name, p in named if "embedding" not in name)


def _frequencies(rows: TrainingRows, layout: Layout) -> Tensor:
    """``[W]``: one-way frequencies of the codes, none of them 0; 0 for padding."""
    flat = torch.zeros(layout.width)
    counts = rows.counts.cpu()
    for block, start in enumerate(layout.starts):
        size = int(layout.sizes[block])
        smoothed = counts[block, :size] + 0.5
        flat[start : start + size] = smoothed / smoothed.sum()
    return flat
