"""How long it takes here to decide how rows are drawn: for fits that have only so long.

Machines differ, and one that is busy differs from itself. So a little of each kind of work
is done and timed, before the training, which gets what is left, and after it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from synthtab.core.config import TrainConfig
from synthtab.core.layout import Plan, plans
from synthtab.model.held_out import JUDGED_ROWS
from synthtab.model.networks import Networks
from synthtab.runtime.compute import shared, shared_trees
from synthtab.sampling.sampler import BLOCK, OrderSampler
from synthtab.sampling.tree_critic import FAKE_ROWS, REAL_ROWS

# Rows and trees that are tried.
TRIED_ROWS = 2_000
TRIED_TREES = 5
# Trees that a forest usually has, and those that judge rows.
USUAL_TREES = 120
JUDGING_TREES = 120
# Seconds for each pair of columns that is judged.
PAIR_SECONDS = 0.0003
# Rows that are usually generated for each one that is kept.
USUAL_POOL = 3.0
# Blocks of rows that it costs to find out which columns can be drawn together, by a
# thousand rows; what a block then costs; and the share of the time left for it.
JOINING_BLOCKS = 16.0
JOINED = 0.5
JOINING_SHARE = 0.25
# Fewest rows by which that can be told.
LEAST_JOINING_ROWS = 200
# Seconds for the model file and the last words.
SAVING_SECONDS = 1.0
# Share of the time for the tree critic that making rows for it may take.
DRAWING_SHARE = 0.5
# Fewest training rows that trees are grown on.
LEAST_REAL_ROWS = 500


@dataclass(frozen=True)
class Pace:
    """Seconds that pieces of the work take.

    Attributes:
        block: To make a block of rows, in as many passes as there can be.
        judge: To judge a block of rows.
        tree: To grow one tree, for each row.
    """

    block: float
    judge: float
    tree: float

    @classmethod
    def measured(
        cls, networks: Networks, held_out: int, ways: Sequence[Plan] | None = None
    ) -> Pace:
        """What a little of the work takes on this machine, now.

        Args:
            networks: What makes the rows, trained or not.
            held_out: Rows that judge.
            ways: The plans by which rows are made; None for as many passes as there
                can be.
        """
        ways = ways or plans(networks.layout, networks.most_passes)
        columns = len(networks.layout.blocks)
        tree = _seconds_of_tree(columns)
        judged = 2 * min(held_out, JUDGED_ROWS)
        of_trees = JUDGING_TREES * tree * judged / 2
        of_pairs = PAIR_SECONDS * columns * (columns - 1) / 2
        return cls(_seconds_of_block(networks, ways), of_trees + of_pairs, tree)

    def expected(self, config: TrainConfig, rows: int, held_out: int) -> float:
        """Seconds of what follows the training, if nothing is cut.

        Args:
            config: Every dial.
            rows: Training rows.
            held_out: Rows that judge.
        """
        judges = 0
        blocks = 0.0
        joined = 1.0
        if held_out:
            judges += 1  # the last check of the training
        if held_out and not config.passes:
            judges += 2
            blocks += 1 + JOINING_BLOCKS
            # Before it is known which columns can be drawn together.
            joined = JOINED
        seconds = SAVING_SECONDS
        if config.rounds:
            grown_on = min(rows, REAL_ROWS)
            blocks += joined * (config.rounds + 1) * blocks_for(grown_on)
            all_rows = (1 + FAKE_ROWS) * grown_on
            seconds += config.rounds * USUAL_TREES * all_rows * self.tree
        if held_out and (config.rounds or config.rake):
            seconds += self.verifying
        return seconds + judges * self.judge + blocks * self.block

    @property
    def verifying(self) -> float:
        """Seconds to judge rows with the tree critic and without."""
        return 2 * self.judge + (1 + USUAL_POOL) * self.block

    def joining_rows(self, rows: int, seconds: float) -> int:
        """By how many rows there is time to tell which columns can be drawn together.

        Args:
            rows: As many as there are, or are asked without a limit.
            seconds: What is left.
        """
        thousand = JOINING_BLOCKS * self.block
        in_time = int(1000 * JOINING_SHARE * seconds / max(thousand, 1e-9))
        most = min(rows, in_time)
        return most if most >= min(rows, LEAST_JOINING_ROWS) else 0

    def affordable(self, rounds: int, rows: int, seconds: float) -> tuple[int, int]:
        """How many forests there is time for, and on how many training rows.

        Rows are cut before rounds are; without time, neither is left.
        """
        blocks = DRAWING_SHARE * seconds / max(self.block, 1e-9)
        while rounds:
            blocks_a_turn = math.floor(blocks / (rounds + 1))
            real = min(rows, int(blocks_a_turn * BLOCK / FAKE_ROWS))
            if real >= min(rows, LEAST_REAL_ROWS):
                return rounds, real
            rounds -= 1
        return 0, 0


def blocks_for(rows: int) -> int:
    """Blocks of rows that are made for so many training rows."""
    return math.ceil(FAKE_ROWS * rows / BLOCK)


def _seconds_of_block(networks: Networks, ways: Sequence[Plan]) -> float:
    """Of a block of rows: one of its orders is timed."""
    device = networks.device
    random = torch.Generator(device).manual_seed(0)
    sampler = OrderSampler(networks, ways[0])
    began = time.perf_counter()
    with shared(device, BLOCK):
        rows = sampler.invent(BLOCK // len(ways), random)
    # Reading a number waits for a GPU, which otherwise goes on by itself.
    _ = float(rows.offsets.sum())
    return len(ways) * (time.perf_counter() - began)


def _seconds_of_tree(columns: int) -> float:
    """Of one tree, for each row."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = np.random.default_rng(0)
    cells: Any = random.integers(0, 64, (TRIED_ROWS, columns)).astype(np.float64)
    labels = np.arange(TRIED_ROWS) % 2
    model = HistGradientBoostingClassifier(
        max_iter=TRIED_TREES, max_leaf_nodes=15, early_stopping=False
    )
    with shared_trees():
        began = time.perf_counter()
        model.fit(cells, labels)
    return (time.perf_counter() - began) / (TRIED_TREES * TRIED_ROWS)
