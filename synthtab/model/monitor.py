"""What looks after a fit: the clock, the held-out rows, the best checkpoint, the illnesses."""

from __future__ import annotations

import copy
import time
from dataclasses import astuple, dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from synthtab.core.config import TrainConfig
from synthtab.core.layout import Encoded
from synthtab.core.progress import Observer, Progress
from synthtab.core.randomness import Streams
from synthtab.model.held_out import (
    JUDGED_ROWS,
    Quality,
    held_out_likelihood,
    hidden_cells,
    quality,
)
from synthtab.model.networks import Networks
from synthtab.runtime.compute import ALONE, World

# Steps between looks at the losses: looking makes a GPU wait.
HEALTH_EVERY = 50
# Roll-backs to the last healthy state, after which a fit has diverged.
MAX_ROLLBACKS = 3
# Largest absolute value of a healthy loss.
HEALTHY_LOSS = 1e6
# Steps between looks at the held-out likelihood of hidden cells.
ASK_EVERY = 100
# Steps without a better likelihood, at least, and as a share of the steps so far, until the
# completer settles.
WAIT_STEPS = 400
WAIT_SHARE = 0.25
# Steps over which it then settles, as a share of those up to its best likelihood.
SETTLE_SHARE = 0.3
# Share of a limited time that checks may take.
MOST_JUDGING = 0.15
# Seconds between two calls of the observer.
TELL_EVERY = 0.25
# A relativistic critic whose loss is below this tells all rows apart.
CRITIC_WON = 0.02


class DrawRows(Protocol):
    """Makes rows with networks: `synthtab.sampling.sampler.draw_rows`."""

    def __call__(
        self, networks: Networks, rows: int, passes: int, streams: Streams
    ) -> Encoded:
        """So many rows in so many passes, none of them left out."""


class Monitored(Protocol):
    """What is looked after: see `synthtab.model.trainer.Trainer`."""

    networks: Networks
    device: torch.device
    step: int
    slowdown: float
    completes: bool
    settling: int
    terms: dict[str, Tensor]

    def averaged(self) -> Networks:
        """The networks to judge and to keep."""

    def settle(self, weights: dict[str, Tensor], steps: int) -> None:
        """Let the completer end within so many steps, starting from these weights."""

    def state(self) -> dict[str, Any]:
        """A copy of everything that a roll-back restores."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""


@dataclass(frozen=True)
class Check:
    """One held-out evaluation during the fit.

    Attributes:
        step: Steps so far.
        seconds: Seconds so far.
        quality: Of rows in one pass; in many, where no network makes rows in one.
        likelihood: Mean log-likelihood of hidden cells; None without a completer.
    """

    step: int
    seconds: float
    quality: Quality
    likelihood: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data for a report."""
        check = {
            "step": self.step,
            "seconds": round(self.seconds, 1),
            "likelihood": self.likelihood,
        }
        return check | {"score": self.quality.score, **vars(self.quality)}


@dataclass
class Trained:
    """What training leaves behind.

    Attributes:
        networks: The averaged networks, each as it was at the check that was best for it.
        steps: Steps in all.
        seconds: Seconds in all.
        best: The check with the best held-out quality; None without held-out rows.
        history: All checks, in order.
        stopped: "done", "time", "no more progress", "diverged" or "interrupted".
        warnings: Illnesses seen, each with what it means.
        losses: Name -> value of each term at the last look at the losses.
    """

    networks: Networks
    steps: int = 0
    seconds: float = 0.0
    best: Check | None = None
    history: list[Check] = field(default_factory=list)
    stopped: str = "done"
    warnings: list[str] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)


@dataclass
class Checkpoint:
    """The weights of one network at their best.

    Attributes:
        value: What they were judged by; more is better.
        weights: A copy of its state.
    """

    value: float
    weights: dict[str, Tensor]


class Monitor:
    """Looks after a fit: after every step it decides what else is due.

    Args:
        trainer: What is looked after.
        held_out: Rows that are judged by; perhaps none.
        config: Every dial.
        streams: Randomness.
        steps: Steps of the whole fit.
        observe: Called with the progress.
        draw: Makes rows with networks, for the held-out score.
        world: The processes that train together.

    Attributes:
        result: What `close` returns.
    """

    def __init__(
        self,
        trainer: Monitored,
        held_out: Encoded,
        config: TrainConfig,
        streams: Streams,
        steps: int,
        observe: Observer,
        draw: DrawRows,
        world: World = ALONE,
    ) -> None:
        self.trainer = trainer
        self.held_out = held_out
        self.config = config
        self.streams = streams
        self.steps = steps
        self.observe = observe
        self.draw = draw
        self.world = world

        self.started_at = world.time()
        self.told_at = time.monotonic()
        self.judging_seconds = 0.0
        self.result = Trained(trainer.averaged())
        self.healthy_state = trainer.state()
        # By the name of the network: "generator", "completer".
        self.checkpoints: dict[str, Checkpoint] = {}
        self.hidden = hidden_cells(held_out, streams, trainer.device)
        self.checks = 0
        self.checks_without_gain = 0
        self.rollbacks = 0
        # Looks at the losses at which the critic told all rows apart.
        self.looks_won_by_critic = 0
        # The step at which the completer was best.
        self.best_completer_step = 0

    # -- the clock

    def seconds(self) -> float:
        """Since the fit began."""
        return self.world.time() - self.started_at

    def fraction(self) -> float:
        """How much of the fit is done: of its steps or of its time, whichever is more."""
        of_steps = self.trainer.step / self.steps
        of_time = 0.0
        if self.config.time:
            of_time = self.seconds() / self.config.time
        return min(1.0, max(of_time, of_steps))

    def finished(self) -> bool:
        """Whether to stop; the result says why."""
        patience = self.config.patience
        learns_anything = self.trainer.completes or self.config.invents
        if patience and self.checks_without_gain >= patience:
            self.result.stopped = "no more progress"
        elif self.rollbacks > MAX_ROLLBACKS:
            self.result.stopped = "diverged"
        elif not learns_anything:
            self.result.stopped = "no more progress"
        elif self.fraction() < 1:
            return False
        elif self.config.time and self.trainer.step < self.steps:
            self.result.stopped = "time"
        return True

    def after_step(self) -> None:
        """Do what is due: look at the losses, ask held-out rows, check, tell the observer."""
        step = self.trainer.step
        if step % HEALTH_EVERY == 0:
            self._look_at_losses()
        if self.trainer.completes and step % ASK_EVERY == 0 and len(self.held_out):
            self._ask_completer()
        done = self.fraction() * self.config.checks
        if done >= self.checks + 1 and not self._is_hurried():
            self.checks = int(done)
            self._check()
        if time.monotonic() - self.told_at > TELL_EVERY:
            self._tell()

    def _is_hurried(self) -> bool:
        """Whether too much of a limited time has gone to checks; not before the last one."""
        limited = self.config.time > 0 and self.fraction() < 1
        return limited and self.judging_seconds > MOST_JUDGING * self.seconds()

    def close(self) -> Trained:
        """The result, with the best checkpoint of each network."""
        result = self.result
        trainer = self.trainer
        last_check = result.history[-1].step if result.history else -1
        unchecked = result.stopped != "interrupted" and trainer.step > last_check
        if unchecked or not self.checkpoints:
            self._check()
        for name, checkpoint in self.checkpoints.items():
            getattr(result.networks, name).load_state_dict(checkpoint.weights)
        result.networks.eval()
        result.steps = trainer.step
        result.seconds = self.seconds()
        result.warnings += self._illnesses()
        return result

    def _illnesses(self) -> list[str]:
        """What a user should know of a fit that went through."""
        illnesses = []
        if self.result.best:
            best = self.result.best.quality
            if best.coverage < 0.5:
                illnesses.append(
                    f"mode collapse: only {best.coverage:.0%} of the held-out values were generated"
                )
            if best.duplicates > 0.1:
                illnesses.append(
                    f"mode collapse: {best.duplicates:.0%} of the rows are repeats"
                )
        looks = self.trainer.step / HEALTH_EVERY
        if self.looks_won_by_critic > 3 and self.looks_won_by_critic > 0.5 * looks:
            illnesses.append(
                "the critic won outright for most of the fit: its score no longer teaches"
            )
        return illnesses

    # -- the losses

    def _look_at_losses(self) -> None:
        """Roll back to the last healthy state if a loss is not finite."""
        trainer = self.trainer
        terms = {name: float(term) for name, term in trainer.terms.items()}
        values = self.world.mean(terms)
        healthy = all(v == v and abs(v) < HEALTHY_LOSS for v in values.values())
        if healthy:
            self.result.losses = values
            self.healthy_state = trainer.state()
            won = values.get("critic", 1.0) < CRITIC_WON
            if won and self.config.loss == "relativistic":
                self.looks_won_by_critic += 1
            return
        self.rollbacks += 1
        trainer.restore(self.healthy_state)
        trainer.slowdown *= 0.5
        message = f"a loss was not finite at step {trainer.step}: rolled back, learning rates halved"
        self.result.warnings.append(message)
        self._tell(message)

    # -- held-out rows

    def _ask_completer(self) -> float:
        """The held-out likelihood of hidden cells now.

        The completer settles once it has not risen for long: what it learns beyond that is
        the training rows by heart.
        """
        began = self.world.time()
        trainer = self.trainer
        (likelihood,) = self.world.from_first(
            lambda: [held_out_likelihood(trainer.averaged(), self.hidden)]
        )
        best_step = self.best_completer_step
        if self._keep_if_better("completer", likelihood):
            self.best_completer_step = trainer.step
        elif not trainer.settling and (
            trainer.step - best_step >= max(WAIT_STEPS, WAIT_SHARE * best_step)
        ):
            weights = self.checkpoints["completer"].weights
            trainer.settle(weights, max(WAIT_STEPS, int(SETTLE_SHARE * best_step)))
        self.judging_seconds += self.world.time() - began
        return likelihood

    def _check(self) -> None:
        """Judge the networks by held-out rows, and keep those that are better than before."""
        if not len(self.held_out):
            return
        trainer = self.trainer
        self.checks_without_gain += 1
        likelihood = self._ask_completer() if trainer.networks.completer else None
        began = self.world.time()
        score = Quality(*self.world.from_first(lambda: astuple(self._judge())))
        check = Check(trainer.step, self.seconds(), score, likelihood)
        self.result.history.append(check)
        if trainer.networks.generator:
            self._keep_if_better("generator", score.score)
        best = self.result.best
        if best is None or score.score > best.quality.score:
            self.result.best = check
        self.judging_seconds += self.world.time() - began
        self._tell()

    def _judge(self) -> Quality:
        """Quality of rows in one pass, or in many where no network makes rows in one."""
        trained = self.trainer.networks
        was_training = trained.training
        networks = self.trainer.averaged()
        streams = Streams(self.streams.integer("check", self.checks))
        rows = min(JUDGED_ROWS, len(self.held_out))
        passes = 1
        if networks.generator is None:
            passes = self.config.passes or networks.most_passes
        score = quality(
            self.held_out, self.draw(networks, rows, passes, streams), streams
        )
        # Drawing rows has put the networks into evaluation mode.
        trained.train(was_training)
        return score

    def _keep_if_better(self, name: str, value: float) -> bool:
        """Keep the weights of a network if this is its best value."""
        best = self.checkpoints.get(name)
        if best is not None and value <= best.value:
            return False
        weights = getattr(self.trainer.averaged(), name).state_dict()
        self.checkpoints[name] = Checkpoint(value, copy.deepcopy(weights))
        self.checks_without_gain = 0
        return True

    # -- the observer

    def _tell(self, message: str | None = None) -> None:
        self.told_at = time.monotonic()
        done = self.fraction()
        # Too early, an estimate of the time left would jump.
        left = self.seconds() * (1 - done) / done if done > 0.005 else None
        history = self.result.history
        newest = history[-1].quality.score if history else None
        best = self.result.best.quality.score if self.result.best else None
        self.observe(Progress("train", done, left, newest, best, message))
