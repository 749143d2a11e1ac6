"""How a fitted model draws rows, decided once after training, by held-out rows.

How many passes, which columns together, and which rows to keep. Training teaches the
networks; `choose_recipe` decides how to use them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from synthtab.core.config import TrainConfig
from synthtab.core.layout import Encoded, Layout, Plan, plans, to_names
from synthtab.core.progress import Clock, Observer, Progress
from synthtab.core.randomness import Streams
from synthtab.model.held_out import Quality, quality
from synthtab.model.networks import Networks
from synthtab.runtime.compute import fast_products
from synthtab.sampling.pace import SAVING_SECONDS, Pace
from synthtab.sampling.sampler import BLOCK, Pass, Repeats, generate
from synthtab.sampling.tree_critic import (
    RAKING_POOL,
    REAL_ROWS,
    Numbers,
    TreeCritic,
    frequencies,
    grow,
)

# Nats per row that a column may lose by not seeing the columns that its pass draws with
# it.
JOINING_LOSS = 0.005
# Held-out rows that are asked.
JOINING_ROWS = 1000


@dataclass(frozen=True)
class Recipe:
    """How rows are drawn.

    Attributes:
        passes: Passes of sampling.
        joined: The plans that join independent columns in one pass; None for those of
            `synthtab.core.layout.plans`.
        critic: What chooses among generated rows, if anything.
        repeats: How many rows equal others; None for those that do by chance.
    """

    passes: int = 1
    joined: tuple[Plan, ...] | None = None
    critic: TreeCritic | None = None
    repeats: Repeats | None = None

    def plans(self, layout: Layout, passes: int) -> Sequence[Plan]:
        """How rows are made in so many passes."""
        if self.joined and passes == self.passes:
            return self.joined
        return plans(layout, passes)

    def critic_of(self, passes: int) -> TreeCritic | None:
        """What chooses among rows of so many passes; trees know no rows of others."""
        if self.critic and passes != self.passes:
            return self.critic.without_trees()
        return self.critic


# --------------------------------------------------------------------------------------
# Rows that are equal

# Fewer of the rows that equal an earlier one are left to chance.
LEAST_REPEATED = 0.005


def find_repeats(rows: pd.DataFrame, least: int) -> Repeats | None:
    """How often the rows of a table are equal; None if hardly any are.

    Args:
        rows: The table.
        least: So many groups of equal rows have the greatest size that is told, or more;
            and each other one, or it counts as the next smaller.
    """
    sizes = _sizes(rows)
    if len(sizes) > (1 - LEAST_REPEATED) * len(rows) or len(sizes) < least:
        return None
    sizes = np.minimum(sizes, np.sort(sizes)[-least])
    # Rows in groups of 0, 1, 2, ... equal ones.
    of_size = np.bincount(sizes, weights=sizes)
    for size in range(len(of_size) - 1, 1, -1):
        if of_size[size] < least * size:
            of_size[size - 1] += of_size[size]
            of_size[size] = 0
    shares = np.trim_zeros(of_size[1:], "b") / sizes.sum()
    return Repeats(tuple(shares.tolist())) if len(shares) > 1 else None


def equal_pairs(rows: pd.DataFrame) -> float:
    """How many pairs of rows are equal, to the last cell."""
    sizes = _sizes(rows)
    return float((sizes * (sizes - 1) / 2).sum())


def _sizes(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    """How many rows equal each distinct row."""
    hashes = pd.util.hash_pandas_object(rows, index=False).to_numpy()
    return np.unique(hashes, return_counts=True)[1].astype(np.int64)


# --------------------------------------------------------------------------------------
# The decisions


def choose_recipe(
    networks: Networks,
    training: Encoded,
    held_out: Encoded,
    config: TrainConfig,
    streams: Streams,
    observe: Observer,
    clock: Clock | None = None,
    numbers: Numbers | None = None,
) -> tuple[Recipe, dict[str, Any]]:
    """Decide how rows are drawn.

    Where time is limited, what there is none left for is cut or skipped, and the report
    says so.

    Args:
        networks: What training has left behind.
        training: The training rows, on which the tree critic is grown.
        held_out: Rows that decide; perhaps none.
        config: Every dial.
        streams: Randomness.
        observe: Called with the progress.
        clock: The time of the fit; no limit if not given.
        numbers: Gives what single codes do not tell of rows, see `Sight`.

    Returns:
        The recipe, and what a report says of the decisions. Its "skipped" is a list of
        sentences.
    """
    report: dict[str, Any] = {"skipped": []}
    time = _Time(clock or Clock(), networks, len(held_out))
    passes = _choose_passes(networks, held_out, config, streams, observe, report, time)
    recipe = Recipe(passes)
    if not config.passes and passes > 1 and len(held_out):
        observe(Progress("join columns"))
        recipe = _join(recipe, networks, held_out, report, time)
    report["passes"] = recipe.passes
    if config.rounds or config.rake:
        critic = _grow_critic(
            networks,
            recipe,
            training,
            held_out,
            config,
            streams,
            observe,
            report,
            time,
            numbers,
        )
        recipe = replace(recipe, critic=critic)
    return recipe, report


def _join(
    recipe: Recipe,
    networks: Networks,
    held_out: Encoded,
    report: dict[str, Any],
    time: _Time,
) -> Recipe:
    """The recipe with columns drawn together that are independent enough."""
    rows = time.joining_rows(min(JOINING_ROWS, len(held_out)))
    if not rows:
        report["skipped"].append(
            "no time was left to find columns that can be drawn together"
        )
        return recipe
    joined = joined_plans(networks, held_out.take(slice(rows)))
    report["plans"] = to_names(networks.layout, joined)
    time.measure(networks, joined)
    return Recipe(max(len(plan) for plan in joined), joined)


class _Time:
    """What there is time for.

    Args:
        clock: The time of the fit.
        networks: What makes rows.
        held_out: Rows that judge.
    """

    def __init__(self, clock: Clock, networks: Networks, held_out: int) -> None:
        self.clock = clock
        self.held_out = held_out
        self.pace = Pace(0.0, 0.0, 0.0)
        # Anew after the training: the machine may be busier now.
        self.measure(networks)

    def measure(self, networks: Networks, ways: Sequence[Plan] | None = None) -> None:
        """Find out how fast rows are made, where that matters."""
        if self.clock.limited:
            self.pace = Pace.measured(networks, self.held_out, ways)

    def left(self) -> float:
        """Seconds, but for those that saving takes."""
        return self.clock.left() - SAVING_SECONDS

    def chooses(self) -> bool:
        """Whether there is time to choose the number of passes."""
        return self.left() > 2 * (self.pace.judge + self.pace.block)

    def joining_rows(self, rows: int) -> int:
        """By how many rows columns are found that can be drawn together; 0 for none."""
        if not self.clock.limited:
            return rows
        return self.pace.joining_rows(rows, self.left())

    def verifies(self) -> bool:
        """Whether there is time to judge rows with the tree critic and without."""
        if not self.clock.limited:
            return True
        return self.left() > self.pace.verifying

    def for_trees(self) -> float:
        """Seconds in which the tree critic may grow."""
        if not self.clock.limited:
            return math.inf
        return self.left() - self.pace.verifying


def _choose_passes(
    networks: Networks,
    held_out: Encoded,
    config: TrainConfig,
    streams: Streams,
    observe: Observer,
    report: dict[str, Any],
    time: _Time,
) -> int:
    """A pass per unit; but one pass, if the held-out rows show that it is better."""
    most = networks.most_passes
    both_ways = networks.generator is not None and networks.completer is not None
    # Without a choice, or without rows to choose by, as many as there can be.
    if config.passes or not both_ways or not len(held_out):
        return config.passes or most
    if not time.chooses():
        report["skipped"].append("no time was left to choose the number of passes")
        return most
    observe(Progress("choose passes"))
    scores = {}
    for passes in (1, most):
        scores[passes] = _judge(networks, Recipe(passes), None, held_out, streams).score
    report["passes_scores"] = {str(passes): score for passes, score in scores.items()}
    chosen = 1 if scores[1] > scores[most] + _margin(held_out) else most
    report["best"] = scores[chosen]
    return chosen


@torch.inference_mode()
@fast_products()
def joined_plans(networks: Networks, held_out: Encoded) -> tuple[Plan, ...]:
    """The plans of a unit at a time, neighbours joined where they are independent.

    A unit joins the pass of the one before it if the mean log-likelihood of its
    held-out cells, given all earlier ones, falls by less than `JOINING_LOSS` when those
    of the pass are hidden: that is their conditional mutual information, as far as the
    completer knows of it.
    """
    completer = networks.completer
    assert completer is not None, "these networks complete no rows, report this"
    layout = completer.slots.layout
    device = completer.slots.starts.device
    rows = held_out.take(slice(JOINING_ROWS))
    codes = torch.as_tensor(rows.codes.astype("int64"), device=device)
    offsets = torch.as_tensor(rows.offsets, device=device)
    nothing = torch.zeros_like(codes, dtype=torch.bool)
    hidden_of_nothing = completer.first(codes, offsets, nothing)
    passes = {blocks: Pass(completer, blocks) for blocks in layout.units.values()}

    def likelihood(one: Pass, hidden: Tensor) -> float:
        outputs = one.outputs(hidden, len(codes))
        codes_of_pass = codes[:, one.blocks]
        offsets_of_pass = offsets[:, one.columns]
        logs = one.log_likelihood(outputs, codes_of_pass, offsets_of_pass)
        return float(logs.mean())

    joined = []
    for plan in plans(layout, len(layout.units)):
        groups: list[tuple[int, ...]] = []
        mask = torch.zeros_like(nothing)
        # The first layer before the current pass, and with all earlier units.
        before_pass = hidden_of_nothing
        with_all = hidden_of_nothing
        for blocks in plan:
            one = passes[blocks]
            # At least two passes: a plan of one is made from noise.
            would_be_one_pass = len(groups) == 1 and blocks is plan[-1]
            may_join = groups and not would_be_one_pass
            if may_join and (
                likelihood(one, with_all) - likelihood(one, before_pass) < JOINING_LOSS
            ):
                groups[-1] += blocks
            else:
                groups.append(blocks)
                before_pass = with_all
            mask[:, one.blocks] = True
            fresh = mask[:, one.blocks]
            with_all = with_all + one.reveal(codes, offsets, mask, fresh)
        joined.append(tuple(groups))
    return tuple(joined)


def _grow_critic(
    networks: Networks,
    recipe: Recipe,
    training: Encoded,
    held_out: Encoded,
    config: TrainConfig,
    streams: Streams,
    observe: Observer,
    report: dict[str, Any],
    time: _Time,
    numbers: Numbers | None,
) -> TreeCritic | None:
    """Grow the tree critic; None if the held-out rows are worse with it."""
    layout = networks.layout

    # Rows as they are drawn without a critic.
    def draw(n: int, streams: Streams) -> Encoded:
        ways = recipe.plans(layout, recipe.passes)
        blocks = list(generate(networks, n, ways, streams, _device(networks)))
        codes = np.concatenate([block.codes for block in blocks])
        offsets = np.concatenate([block.offsets for block in blocks])
        return Encoded(codes, offsets, layout)

    rounds = config.rounds
    rows = REAL_ROWS
    if time.clock.limited and rounds:
        most = min(REAL_ROWS, len(training))
        rounds, rows = time.pace.affordable(rounds, most, time.for_trees())
    if rounds < config.rounds:
        report["skipped"].append(
            f"the time allowed {rounds} of {config.rounds} rounds of the tree critic"
        )
    if not rounds and config.rounds:
        # Which rows would be made to measure the pool is not worth the time either.
        wanted = frequencies(training) if config.rake else None
        return TreeCritic((), wanted, RAKING_POOL) if config.rake else None
    observe(Progress("tree critic", 0.0))
    critic = grow(
        training,
        rounds,
        config.rake,
        draw,
        Streams(streams.integer("refine")),
        lambda done: observe(Progress("tree critic", done)),
        most_rows=rows,
        left=time.for_trees,
        numbers=numbers,
    )
    if not len(held_out):
        return critic
    if not time.verifies():
        report["skipped"].append("no time was left to verify the tree critic")
        return critic
    observe(Progress("judge"))
    before = _judge(networks, recipe, None, held_out, streams).score
    after = _judge(networks, recipe, critic, held_out, streams).score
    # Trees may learn the training rows by heart: then the held-out rows are worse off.
    report["refined"] = {"before": before, "after": after, "pool": critic.pool}
    if after < before - _margin(held_out):
        return None
    report["best"] = after
    return critic


def _judge(
    networks: Networks,
    recipe: Recipe,
    critic: TreeCritic | None,
    held_out: Encoded,
    streams: Streams,
) -> Quality:
    """Quality of one block of rows that are drawn so."""
    of_judge = Streams(streams.integer("judge", recipe.passes))
    ways = recipe.plans(networks.layout, recipe.passes)
    rows = generate(networks, BLOCK, ways, of_judge, _device(networks), critic)
    return quality(held_out, next(rows), streams)


def _device(networks: Networks) -> torch.device:
    return networks.device


def _margin(held_out: Encoded) -> float:
    """Two standard errors of the AUC of a detector that is as good as chance.

    Thus also of the held-out score. For n real and n generated rows, the variance of
    the AUC is about 1 / (6 n) (Hanley and McNeil 1982).
    """
    return float(0.82 / len(held_out) ** 0.5)
