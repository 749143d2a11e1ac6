"""How good a model is on rows that training never saw, and what a fit makes of it.

Two scores choose the checkpoint: the likelihood of hidden cells, and the `quality` of
generated rows. Both are fast enough to be taken many times during a fit, on encoded rows. The
figures that users read come from `synthtab.evaluation`, on decoded tables.

The `Monitor` looks after a fit: the clock, these scores, the best checkpoint, the illnesses.
"""

from __future__ import annotations

import copy
import time
from dataclasses import astuple, dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synthtab.core.config import TrainConfig
from synthtab.core.layout import CURVE_POINTS, Encoded, Layout
from synthtab.core.progress import Observer, Progress
from synthtab.core.randomness import Streams
from synthtab.model.batches import Batch, known_cells
from synthtab.model.completer import Completer
from synthtab.model.losses import completion
from synthtab.model.networks import Networks
from synthtab.runtime.compute import ALONE, World, shared_trees

# ------------------------------------------------------------------------------------------
# The likelihood of hidden cells


@torch.no_grad()
def held_out_likelihood(networks: Networks, batch: Batch) -> float:
    """Mean log-likelihood of the hidden cells of a batch, in nats.

    Of codes and offsets, each over those cells that have one.
    """
    assert isinstance(networks.completer, Completer), "nothing learns, report this"
    losses = completion(networks.completer, batch)
    return -float(torch.stack(list(losses.values())).sum())


def hidden_cells(rows: Encoded, streams: Streams, device: torch.device) -> Batch:
    """Held-out rows that know what sampling knows before some pass, always the same."""
    rows = rows.take(slice(JUDGED_ROWS))
    masks = known_cells(rows.layout, device)
    random = streams.numpy("hidden")
    passes = random.integers(0, max(1, len(masks)), len(rows))
    codes = torch.as_tensor(rows.codes.astype("int64"), device=device)
    offsets = torch.as_tensor(rows.offsets, device=device)
    return Batch(codes, offsets, masks[torch.as_tensor(passes, device=device)])


# ------------------------------------------------------------------------------------------
# The quality of generated rows

# Rows of each table that the score looks at.
JUDGED_ROWS = 4000
# Most values of a column in the two-way tables.
PAIR_BINS = 16


@dataclass(frozen=True)
class Quality:
    """Held-out quality of generated rows.

    Attributes:
        auc: Area under the ROC curve of boosted trees that tell the two tables apart (C2ST),
            out of fold; 0.5 is ideal.
        pairs: Mean total variation of all two-way tables, in [0, 1]; with sampling noise.
        coverage: Share of the codes of the held-out rows that were generated at all.
        duplicates: Share of generated rows that repeat another one, beyond that share in the
            held-out rows.
    """

    auc: float
    pairs: float
    coverage: float
    duplicates: float

    @property
    def score(self) -> float:
        """Mean of the detection score, 1 - |2 AUC - 1|, and of 1 - pairs; 1 is best."""
        return 1 - (abs(2 * self.auc - 1) + self.pairs) / 2


def quality(real: Encoded, fake: Encoded, streams: Streams) -> Quality:
    """Compare two encoded tables of one layout; at most `JUDGED_ROWS` rows of each count."""
    rows = min(JUDGED_ROWS, len(real), len(fake))
    real = real.take(slice(rows))
    fake = fake.take(slice(rows))
    binning = Binning(real.layout, torch.device("cpu"))
    real_cells = binning.cells(real)
    fake_cells = binning.cells(fake)
    covered = [
        np.isin(np.unique(real_codes), fake_codes).mean()
        for real_codes, fake_codes in zip(real.codes.T, fake.codes.T, strict=True)
    ]
    return Quality(
        auc=detection(real_cells, fake_cells, binning.nominal, streams),
        pairs=pair_error(real_cells, fake_cells),
        coverage=float(np.mean(covered)),
        duplicates=max(0.0, repeats(fake_cells) - repeats(real_cells)),
    )


def detection(
    a: Cells, b: Cells, nominal: npt.NDArray[np.bool_], streams: Streams
) -> float:
    """AUC of boosted trees that tell two tables in bins apart: two folds, out of fold."""
    # Imported here, since `sample` imports this module, too, and would pay a second for what
    # only `fit` needs.
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    cells = np.concatenate([a, b])
    labels = np.repeat([0, 1], [len(a), len(b)])
    fold = streams.numpy("quality folds").permutation(len(labels)) % 2
    scores = np.zeros(len(labels))
    for tested in (0, 1):
        learnt = fold != tested
        model = HistGradientBoostingClassifier(
            max_iter=60,
            learning_rate=0.15,
            max_leaf_nodes=15,
            categorical_features=nominal,
            early_stopping=False,
            random_state=0,
        )
        if len(set(labels[learnt])) < 2 or learnt.all():
            return 0.5  # too few rows to tell anything
        with shared_trees():
            model.fit(cells[learnt], labels[learnt])
            scores[~learnt] = model.predict_proba(cells[~learnt])[:, 1]
    return float(roc_auc_score(labels, scores))


def pair_error(a: Cells, b: Cells) -> float:
    """Mean over pairs of columns of the total variation between their two-way tables.

    Of a single column, that of its one-way table.
    """
    binned = [_pair_bins(x, y) for x, y in zip(a.T, b.T, strict=True)]
    if not binned:
        return 0.0
    if len(binned) == 1:
        return _total_variation(*binned[0])
    errors = []
    for i, (left_a, left_b) in enumerate(binned):
        for right_a, right_b in binned[i + 1 :]:
            cell_a = left_a * PAIR_BINS + right_a
            cell_b = left_b * PAIR_BINS + right_b
            errors.append(_total_variation(cell_a, cell_b))
    return float(np.mean(errors))


def repeats(table: Cells) -> float:
    """Share of rows that equal an earlier row."""
    return 1 - len(np.unique(table, axis=0)) / max(1, len(table))


def _pair_bins(
    a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """A column of both tables in at most `PAIR_BINS` bins.

    The bins are the values of the first table where they are few, else its quantiles.
    """
    cuts = np.unique(a)[1:]
    if len(cuts) >= PAIR_BINS:
        inner = np.linspace(0, 1, PAIR_BINS + 1)[1:-1]
        cuts = np.unique(np.quantile(a, inner))
    return np.searchsorted(cuts, a, side="right"), np.searchsorted(
        cuts, b, side="right"
    )


def _total_variation(x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> float:
    """Half the sum of the differences between two frequency tables, in [0, 1]."""
    size = int(max(x.max(), y.max())) + 1
    p = np.bincount(x, minlength=size) / len(x)
    q = np.bincount(y, minlength=size) / len(y)
    return float(np.abs(p - q).sum() / 2)


# ------------------------------------------------------------------------------------------
# Encoded rows as trees see them

# Most values of a block that a tree tells apart: scikit-learn's limit.
BINS = 255

Cells = npt.NDArray[np.uint8]


class Binning:
    """Encoded rows as small integers ``[B, K]`` in 0 .. 254, one per block.

    Where a block is numeric they are in the order of its values. An atom has a bin of its own,
    and the modes of a block share the others evenly, each cut at equal steps of its offset,
    thus into equal shares of its rows. "Missing" comes last. Codes of a block of more than 255
    categories share bins with their neighbours.

    Args:
        layout: What codes and offsets mean.
        device: Where the rows are.
        most: Most steps of a mode.

    Attributes:
        nominal: ``[K]``: whether the bins of a block have no order.
    """

    def __init__(self, layout: Layout, device: torch.device, most: int = BINS) -> None:
        self.nominal = np.array(
            [not b.numeric and b.size <= BINS for b in layout.blocks], dtype=bool
        )
        steps = [
            max(1, min(most, (BINS - b.atoms) // b.modes)) if b.modes else 1
            for b in layout.blocks
        ]
        tables = [
            _bins_of_block(layout, i, steps[i]) for i in range(len(layout.blocks))
        ]
        # One array for all blocks, the shorter tables filled up with zeros.
        longest = max((len(t) for t in tables), default=1)
        stacked = np.zeros((len(tables), longest), dtype=np.uint8)
        for row, table in zip(stacked, tables, strict=True):
            row[: len(table)] = table
        self.tables = torch.as_tensor(stacked, device=device)
        self.steps = torch.as_tensor(np.array(steps, dtype=np.int64), device=device)
        self.atoms = torch.as_tensor(layout.atoms, device=device)
        self.continuous = torch.as_tensor(layout.continuous, device=device)

    def __call__(self, codes: Tensor, offsets: Tensor) -> Tensor:
        """Codes ``[B, K]`` and offsets ``[B, C]`` => bins, uint8 ``[B, K]``."""
        place = codes.long()
        if len(self.continuous):
            # The place of a step: after all atoms, and the steps of the modes before.
            steps = self.steps[self.continuous]
            atoms = self.atoms[self.continuous]
            code = place[:, self.continuous]
            step = (offsets * steps).long().clamp_(min=0)
            step = torch.minimum(step, steps - 1)
            in_mode = atoms + (code - atoms) * steps + step
            place_of_cell = torch.where(code >= atoms, in_mode, code)
            place = place.index_copy(1, self.continuous, place_of_cell)
        return self.tables.gather(1, place.T).T

    def cells(self, rows: Encoded) -> Cells:
        """The bins of an encoded table."""
        codes = torch.as_tensor(rows.codes.astype(np.int64))
        bins: Cells = self(codes, torch.as_tensor(rows.offsets)).numpy()
        return bins


def _bins_of_block(layout: Layout, number: int, steps: int) -> Cells:
    """The bin of every atom, and of every step of every mode, of a block."""
    block = layout.blocks[number]
    if not block.numeric:
        order = np.arange(block.size)
    else:
        grid = np.linspace(0, 1, CURVE_POINTS)
        middles = (np.arange(steps) + 0.5) / steps
        in_modes = [np.interp(middles, grid, curve) for curve in block.curves]
        values = np.concatenate([np.asarray(block.values, dtype=np.float64), *in_modes])
        # The rank of each value. NaN, which is "missing", sorts last.
        order = np.empty(len(values), dtype=np.int64)
        order[np.argsort(values, kind="stable")] = np.arange(len(values))
    if len(order) > BINS:
        order = order * BINS // len(order)
    return order.astype(np.uint8)


# ------------------------------------------------------------------------------------------
# The monitor

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
# What a monitor counts, by the names of its attributes.
COUNTED = (
    "judging_seconds",
    "check_seconds",
    "checks",
    "checks_without_gain",
    "rollbacks",
    "looks_won_by_critic",
    "best_completer_step",
)
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
        # Of the newest check.
        self.check_seconds = 0.0
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
            # The last check comes when the time is up, and is part of it.
            for_steps = self.config.time - self.check_seconds
            of_time = self.seconds() / max(for_steps, self.config.time / 2)
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

    def may_save(self) -> bool:
        """Whether the healthy state is that of now, so that `progress` needs no other."""
        return self.trainer.step % HEALTH_EVERY == 0

    def progress(self) -> dict[str, Any]:
        """All that decides what is due and what is kept, for `resume`."""
        result = self.result
        return {
            **{name: getattr(self, name) for name in COUNTED},
            "seconds": self.seconds(),
            "history": [astuple(check) for check in result.history],
            # The number of the best check.
            "best": result.history.index(result.best) if result.best else None,
            "warnings": result.warnings,
            "losses": result.losses,
            "checkpoints": {
                name: [one.value, one.weights] for name, one in self.checkpoints.items()
            },
        }

    def resume(self, progress: dict[str, Any]) -> None:
        """Go on from a `progress`, once the trainer does."""
        for name in COUNTED:
            setattr(self, name, progress[name])
        self.started_at = self.world.time() - progress["seconds"]
        self.healthy_state = self.trainer.state()
        history = []
        for step, seconds, quality_of_rows, likelihood in progress["history"]:
            history.append(Check(step, seconds, Quality(*quality_of_rows), likelihood))
        result = self.result
        result.history = history
        result.best = None if progress["best"] is None else history[progress["best"]]
        result.warnings = progress["warnings"]
        result.losses = progress["losses"]
        device = self.trainer.device
        for name, (value, weights) in progress["checkpoints"].items():
            on_device = {key: weight.to(device) for key, weight in weights.items()}
            self.checkpoints[name] = Checkpoint(value, on_device)
        self._tell(f"going on at step {self.trainer.step:,}")

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
            # A roll-back must not undo it.
            self.healthy_state = trainer.state()
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
        self.check_seconds = self.world.time() - began
        self.judging_seconds += self.check_seconds
        self._tell(check=check)

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

    def _tell(self, message: str | None = None, check: Check | None = None) -> None:
        self.told_at = time.monotonic()
        done = self.fraction()
        # Too early, an estimate of the time left would jump.
        left = self.seconds() * (1 - done) / done if done > 0.005 else None
        history = self.result.history
        newest = history[-1].quality.score if history else None
        best = self.result.best.quality.score if self.result.best else None
        figures = None if check is None else check.to_json()
        self.observe(
            Progress("train", done, left, newest, best, message, check=figures)
        )
