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
from synthtab.model.batches import Batch, plans, prefixes
from synthtab.model.held_out import ROWS, Quality, quality
from synthtab.model.losses import completion
from synthtab.model.networks import Generator
from synthtab.runtime.distributed import ALONE, World
from synthtab.sampling.sampler import generate

# Steps between looks at the losses: looking makes a GPU wait.
HEALTH_EVERY = 50
MAX_ROLLBACKS = 3
# Steps between looks at the held-out likelihood of hidden cells.
ASK_EVERY = 100
# Steps without a better one, at least, and as a share of the steps so far, until
# `completing` settles.
WAIT, WAIT_SHARE = 400, 0.25
# Steps over which it then settles, as a share of those so far.
REST = 0.3
# Share of a limited time that checks may take.
MOST_JUDGING = 0.15


class Game(Protocol):
    """What is watched: see `synthtab.model.trainer.Game`."""

    generator: Generator
    device: torch.device
    step: int
    slowdown: float
    completes: bool
    rest: int
    terms: dict[str, Tensor]

    def averaged(self) -> Generator:
        """The generator to judge and to keep."""

    def settle(self, weights: dict[str, Tensor], steps: int) -> None:
        """Let `completing` end within so many steps, starting from these weights."""

    def state(self) -> dict[str, Any]:
        """A copy of everything that a roll-back restores."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""


@dataclass(frozen=True)
class Check:
    """One held-out evaluation during the fit: quality of rows in one pass (in many, where the generator makes none in
    one), and mean log-likelihood of hidden cells, where it completes rows.
    """

    step: int
    seconds: float
    quality: Quality
    likelihood: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data for a report."""
        seen = {
            "step": self.step,
            "seconds": round(self.seconds, 1),
            "likelihood": self.likelihood,
        }
        return seen | {"score": self.quality.score, **vars(self.quality)}


@dataclass
class Trained:
    """What training leaves behind.

    Attributes:
        generator: The averaged generator; each trunk as it was at the check that was best for it.
        steps, seconds: What was trained in all.
        best: The check with the best held-out quality; None without a held-out split.
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


@torch.no_grad()
def held_out_likelihood(generator: Generator, batch: Batch) -> float:
    """Mean log-likelihood of the hidden cells of a batch: codes and offsets, each over those that count."""
    return -float(torch.stack(list(completion(generator, batch).values())).sum())


class Watch:
    """Looks after a fit: the clock, the held-out score, the checkpoint, the illnesses, the progress."""

    def __init__(
        self,
        game: Game,
        held_out: Encoded,
        config: TrainConfig,
        streams: Streams,
        steps: int,
        observe: Observer,
        world: World = ALONE,
    ) -> None:
        self.game, self.held_out, self.config, self.streams = (
            game,
            held_out,
            config,
            streams,
        )
        self.steps, self.observe, self.world = steps, observe, world
        self.start, self.told = world.time(), time.monotonic()
        self.judging = 0.0
        self.result = Trained(game.averaged())
        self.good = game.state()
        self.kept: dict[str, tuple[float, dict[str, Tensor]]] = {}
        self.hidden = _hidden(held_out, streams, game.device)
        self.checks = self.stale = self.rollbacks = self.won = self.peak = 0

    def seconds(self) -> float:
        """Since the fit began."""
        return self.world.time() - self.start

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
        elif not (self.game.completes or self.config.invents):
            self.result.stopped = "no more progress"
        elif self.fraction() < 1:
            return False
        elif self.config.time and self.game.step < self.steps:
            self.result.stopped = "time"
        return True

    def after_step(self) -> None:
        """Look at the losses now and then, at the held-out rows `checks` times, and tell the observer."""
        if self.game.step % HEALTH_EVERY == 0:
            self._look()
        if (
            self.game.completes
            and self.game.step % ASK_EVERY == 0
            and len(self.held_out)
        ):
            self._ask()
        if (
            self.fraction() * self.config.checks >= self.checks + 1
            and not self._hurried()
        ):
            self.checks = int(self.fraction() * self.config.checks)
            self._check()
        if time.monotonic() - self.told > 0.25:
            self._tell()

    def _hurried(self) -> bool:
        """Whether a short `TrainConfig.time` has gone to checks already; the last one is always taken."""
        return (
            self.config.time > 0
            and self.fraction() < 1
            and self.judging > MOST_JUDGING * self.seconds()
        )

    def close(self) -> Trained:
        """The result, with the best checkpoint in its generator."""
        result, game = self.result, self.game
        judged = result.history[-1].step if result.history else -1
        if not self.kept or (result.stopped != "interrupted" and game.step > judged):
            self._check()
        for trunk, (_, weights) in self.kept.items():
            getattr(result.generator, trunk).load_state_dict(weights)
        result.generator.eval()
        result.steps, result.seconds = game.step, self.seconds()
        if result.best and result.best.quality.coverage < 0.5:
            result.warnings.append(
                f"mode collapse: only {result.best.quality.coverage:.0%} of the held-out values were generated"
            )
        if result.best and result.best.quality.duplicates > 0.1:
            result.warnings.append(
                f"mode collapse: {result.best.quality.duplicates:.0%} of the rows are repeats"
            )
        if self.won > 3 and self.won > 0.5 * game.step / HEALTH_EVERY:
            result.warnings.append(
                "the critic won outright for most of the fit: its score no longer teaches"
            )
        return result

    def _look(self) -> None:
        game = self.game
        values = self.world.mean(
            {name: float(term) for name, term in game.terms.items()}
        )
        if all(v == v and abs(v) < 1e6 for v in values.values()):
            self.result.losses, self.good = values, game.state()
            self.won += (
                values.get("critic", 1.0) < 0.02 and self.config.loss == "relativistic"
            )
            return
        self.rollbacks += 1
        game.restore(self.good)
        game.slowdown *= 0.5
        self._warn(
            f"a loss was not finite at step {game.step}: rolled back, learning rates halved"
        )

    def _ask(self) -> float:
        """Held-out likelihood of hidden cells now; `completing` settles once it has not risen for long, and what it
        learns beyond that is the training rows by heart.
        """
        began, game = self.world.time(), self.game
        (value,) = self.world.decided(
            lambda: [held_out_likelihood(game.averaged(), self.hidden)]
        )
        if self._better("completing", value):
            self.peak = game.step
        elif not game.rest and game.step - self.peak >= max(
            WAIT, WAIT_SHARE * self.peak
        ):
            game.settle(self.kept["completing"][1], max(WAIT, int(REST * self.peak)))
        self.judging += self.world.time() - began
        return value

    def _better(self, trunk: str, value: float) -> bool:
        """Keep a trunk's weights if this is its best value."""
        better = trunk not in self.kept or value > self.kept[trunk][0]
        if better:
            weights = getattr(self.game.averaged(), trunk).state_dict()
            self.kept[trunk], self.stale = (value, copy.deepcopy(weights)), 0
        return better

    def _check(self) -> None:
        if not len(self.held_out):
            return
        self.stale += 1
        likelihood = self._ask() if self.game.generator.completing else None
        began, game, generator = self.world.time(), self.game, self.game.averaged()
        found = Quality(*self.world.decided(self._judged))
        check = Check(game.step, self.seconds(), found, likelihood)
        self.result.history.append(check)
        if generator.plain:
            self._better("plain", found.score)
        if self.result.best is None or found.score > self.result.best.quality.score:
            self.result.best = check
        self.judging += self.world.time() - began
        self._tell()

    def _judged(self) -> tuple[float, ...]:
        """The fields of `Quality`, now."""
        game, was_training = self.game, self.game.generator.training
        generator, streams = (
            game.averaged(),
            Streams(self.streams.integer("check", self.checks)),
        )
        layout, rows = self.held_out.layout, min(ROWS, len(self.held_out))
        passes = 1 if generator.plain else self.config.passes or generator.most_passes
        fake = next(
            generate(generator, rows, plans(layout, passes), streams, game.device)
        )
        found = quality(self.held_out, fake, streams)
        game.generator.train(was_training)
        return astuple(found)

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


def _hidden(rows: Encoded, streams: Streams, device: torch.device) -> Batch:
    """Held-out rows of which is observed what sampling observes, the same at every check."""
    rows, masks = rows.take(slice(ROWS)), prefixes(rows.layout, device)
    codes, offsets = (
        torch.as_tensor(x, device=device)
        for x in (rows.codes.astype("int64"), rows.offsets)
    )
    met = torch.as_tensor(
        streams.numpy("hidden").integers(0, max(1, len(masks)), len(rows)),
        device=device,
    )
    return Batch(codes, offsets, masks[met])
