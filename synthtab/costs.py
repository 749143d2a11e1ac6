"""What a fit costs, known before it runs: memory by counting, time from a few steps.

Memory is counted in the arrays that are large: the table while it is encoded, the
encoded table, weights with all their copies, what a step keeps for its gradients, and
what sampling and the trees take in the end. The numbers of values per row, mode or slot
below are those of the tensors in `synthtab.model`. Fits on the CPU took 0.78 to 1.31 of
what is expected (benchmarks/README.md); a test holds 0.4 to 1.25.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from synthtab.core.config import TrainConfig
from synthtab.core.errors import DataError, argument
from synthtab.core.layout import Encoded, Layout
from synthtab.core.progress import Clock
from synthtab.core.randomness import Streams
from synthtab.data import sources
from synthtab.data.encoder import TableEncoder
from synthtab.data.holdout import ENCODED_ROWS, ENCODED_SHARE
from synthtab.data.sources import PIECE_ROWS, Source
from synthtab.model import trainer
from synthtab.model.completer import CHUNK_ROWS
from synthtab.model.gan import Critic
from synthtab.model.layers import COMPONENTS, PARAMETERS, fresh_weights
from synthtab.model.networks import Networks
from synthtab.runtime import machine
from synthtab.runtime.compute import fast_products, memory_left
from synthtab.runtime.machine import THREADS, amount, cores
from synthtab.sampling.pace import Pace
from synthtab.sampling.sampler import BLOCK
from synthtab.sampling.tree_critic import FAKE_ROWS, MOST_POOL, REAL_ROWS

# Bytes of a number in a network.
FLOAT = 4
# Bytes that torch and scikit-learn take when they are first used.
LIBRARY_BYTES = 180_000_000
# Bytes that each further thread that makes rows keeps for itself.
THREAD_BYTES = 80_000_000
# Copies of the weights of the networks: themselves, gradients, two moments of Adam, the
# average, a state to roll back to and the next one while it is made, and the best
# checkpoint.
COPIES_OF_NETWORKS = 15
# The same of the critic, which has no average and no checkpoint.
COPIES_OF_CRITIC = 10
# Bytes of a cell while a forest is grown: its code, its rank, that as a float, and its
# bin.
TREE_CELL_BYTES = 32
# Bytes of a row, whatever its columns: its number in the order of the epoch, and while
# rows are split.
ROW_BYTES = 32
# Rows below which it is no use to offer fewer of them.
LEAST_OFFERED_ROWS = 1_000
# Fewest rows of a batch that is offered.
LEAST_OFFERED_BATCH = 32
# Share of a limited time that training gets at least: of all of it, and of what is left
# when it begins.
LEAST_TRAINING = 0.05
MOST_AFTERWARDS = 0.5
# What follows the training is expected to take so many times as long as was measured.
MARGIN = 1.2
# Steps that are timed, at most: as many as have all kinds of steps of the presets; and
# the seconds after which no further step is begun.
TIMED_STEPS = 32
TIMED_SECONDS = 3.0
# Seconds that the trees of a block take to grow, for each code that they look at.
FOREST_SECONDS = 0.005


@dataclass(frozen=True)
class Cost:
    """Bytes that a fit needs, beyond what the process holds before, and what there is.

    Attributes:
        table_bytes: The table as it was read: of one that is read in pieces, its
            sample.
        encoded_bytes: All of its codes and offsets.
        parameters: Weights of the generator.
        weight_bytes: Weights with all copies.
        step_bytes: What one training step keeps for its gradients.
        finish_bytes: What sampling and the trees take in the end.
        memory_bytes: The most that is expected at a time, in memory of the machine.
        device_bytes: The same in the memory of a GPU; None where none computes.
        memory_at_hand: What the machine has left; None where that is not known.
        device_at_hand: What the GPU has left; None where none computes.
        fix: What makes it fit where it does not, in words; "" where it does.
    """

    table_bytes: int
    encoded_bytes: int
    parameters: int
    weight_bytes: int
    step_bytes: int
    finish_bytes: int
    memory_bytes: int
    device_bytes: int | None
    memory_at_hand: int | None
    device_at_hand: int | None
    fix: str = ""

    @property
    def fits(self) -> bool:
        """Whether there is room, as far as is known."""
        return _within(self.memory_bytes, self.memory_at_hand) and _within(
            self.device_bytes, self.device_at_hand
        )

    @property
    def refusal(self) -> str:
        """How much is needed and there is, and what makes it fit; "" where it does."""
        if self.fits:
            return ""
        short = not _within(self.memory_bytes, self.memory_at_hand)
        needed, left = (
            (self.memory_bytes, self.memory_at_hand)
            if short
            else (self.device_bytes, self.device_at_hand)
        )
        where = "of memory" if short else "of the GPU's memory"
        return (
            f"learning this table needs about {amount(needed)} {where}, "
            f"and {amount(left)} is left: {self.fix}"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "refusal": self.refusal}


def of(
    source: Source, encoder: TableEncoder, config: TrainConfig, device: torch.device
) -> Cost:
    """What it costs to learn a table, and what would make it fit where it does not.

    Args:
        source: The table.
        encoder: How it is encoded.
        config: Every dial.
        device: Where networks compute.
    """
    sample_bytes = int(source.sample.memory_usage(index=False, deep=True).sum())
    table = _Table(
        rows=source.rows,
        row_bytes=sample_bytes / max(1, len(source.sample)),
        is_held=source.path is None,
        encoded_row_bytes=encoder.bytes,
        reading_bytes=source.reading_bytes,
    )
    cost = _cost(table, encoder.layout, config, device)
    if cost.fits:
        return cost
    return replace(cost, fix=_fix(table, encoder.layout, config, device))


def planned(
    source: Source,
    held_out: int,
    encoder: TableEncoder,
    config: TrainConfig,
    device: torch.device,
) -> dict[str, Any]:
    """Sizes, memory and time of a fit, as plain data."""
    cost = of(source, encoder, config, device)
    return {
        "rows": source.rows,
        "counted": source.counted,
        "holdout_rows": held_out,
        "columns": len(encoder.schema.columns),
        "read": "in pieces" if source.path else "at once",
        **cost.to_json(),
        **time(encoder.layout, source.rows - held_out, config, device, cost),
    }


def require(cost: Cost) -> None:
    """Refuse a fit for which there is no room.

    Raises:
        DataError: With the `Cost.refusal`.
    """
    if cost.refusal:
        raise DataError(cost.refusal)


def time(
    layout: Layout, rows: int, config: TrainConfig, device: torch.device, cost: Cost
) -> dict[str, Any]:
    """How long training takes: an estimate.

    A few steps on made-up rows are timed on the device. What follows the training comes
    on top, and a fit may stop sooner.

    Args:
        layout: What codes and offsets mean.
        rows: Training rows.
        config: Every dial.
        device: Where networks compute.
        cost: What the fit needs; nothing is timed where there is no room.

    Returns:
        "steps", None where the clock decides; and "seconds", None where nothing was
        timed.
    """
    if not layout.blocks:
        return {"steps": 0, "seconds": 0.0}
    if config.completer == "forest":
        return {"steps": 0, "seconds": _forest_seconds(layout, rows)}
    if config.time and not config.epochs:
        return {"steps": None, "seconds": config.time}
    no_codes = np.zeros((rows, 0), np.int16)
    no_offsets = np.zeros((rows, 0), np.float32)
    steps = trainer.total_steps(Encoded(no_codes, no_offsets, layout), config)
    seconds = None
    if cost.fits:
        suited = trainer.batch_for_table(config, rows)
        seconds = steps * step_seconds(layout, suited, device)
    if config.time and seconds is not None:
        seconds = min(seconds, config.time)
    return {"steps": steps, "seconds": seconds}


def seconds_after_training(
    table: Encoded, held_out: int, config: TrainConfig, device: torch.device
) -> float:
    """How long it will take to decide how rows are drawn, if nothing is cut.

    A little of each kind of work is done by networks that have learnt nothing yet.

    Args:
        table: The training rows.
        held_out: Rows that judge.
        config: Every dial.
        device: Where networks compute.
    """
    with fresh_weights():
        networks = Networks(table.layout, config).to(device)
    pace = Pace.measured(networks, held_out)
    return pace.expected(config, len(table), held_out)


def seconds_to_train(clock: Clock, after_training: float) -> float:
    """What a limited time leaves for the training; 0, for no limit, without one."""
    if not clock.limited:
        return 0.0
    left = clock.left()
    afterwards = min(MARGIN * after_training, MOST_AFTERWARDS * left)
    return max(LEAST_TRAINING * clock.limit, left - afterwards)


@fast_products()
def step_seconds(layout: Layout, config: TrainConfig, device: torch.device) -> float:
    """Mean seconds of a training step, measured after a first one that warms up."""
    random = np.random.default_rng(0)
    rows = 2 * config.batch
    uniform = random.random((rows, len(layout.blocks)))
    codes = (uniform * layout.sizes).astype(np.int16)
    offsets = random.random((rows, len(layout.continuous))).astype(np.float32)
    table = Encoded(codes, offsets, layout)
    tried = trainer.Trainer(table, config, Streams(0), device)

    def step() -> None:
        tried.play()
        # Reading the losses waits for a GPU, which otherwise goes on by itself.
        _ = [float(term) for term in tried.terms.values()]

    step()
    start = clock.perf_counter()
    steps = 0
    while steps < TIMED_STEPS:
        step()
        steps += 1
        if clock.perf_counter() - start >= TIMED_SECONDS:
            break
    return (clock.perf_counter() - start) / steps


@dataclass(frozen=True)
class _Table:
    """What of a table a cost depends on.

    Attributes:
        rows: Its rows.
        row_bytes: Bytes of a row as it was read.
        is_held: Whether all rows are in memory, and not only a sample of them.
        encoded_row_bytes: Bytes of a row of codes and offsets.
        reading_bytes: Bytes that reading it will take at most.
    """

    rows: int
    row_bytes: float
    is_held: bool
    encoded_row_bytes: int
    reading_bytes: int


def _cost(
    table: _Table, layout: Layout, config: TrainConfig, device: torch.device
) -> Cost:
    config = trainer.batch_for_table(config, table.rows)
    free = machine.memory()
    on_gpu = device.type == "cuda"

    # The table: all of it, or the sample from which its columns are learnt.
    rows_read = table.rows
    if not table.is_held:
        rows_read = min(table.rows, 2 * sources.sample_rows(len(layout.columns)))
    read = table.row_bytes * rows_read
    encoded = table.encoded_row_bytes * table.rows
    in_a_file = (
        not table.is_held and free is not None and encoded > ENCODED_SHARE * free
    )

    # The networks, and what a step and the sampling need beside them.
    weights = critic = 0
    if layout.blocks and config.completer != "forest":
        weights, critic = _parameters(layout, config)
    copies = FLOAT * (COPIES_OF_NETWORKS * weights + COPIES_OF_CRITIC * critic)
    step = _step_bytes(layout, config)
    sampling = _sampling_bytes(layout, on_gpu)
    trees = _tree_bytes(layout, config, table.rows)
    if on_gpu:
        networks = copies + max(step, sampling)
    else:
        # Of what training took, the allocator of the CPU has little left in pieces as
        # large as sampling needs.
        networks = copies + step + sampling

    # What is there all the time ...
    always: float = LIBRARY_BYTES
    always += THREAD_BYTES * (min(cores(), THREADS) - 1)
    always += ROW_BYTES * table.rows
    if not in_a_file:
        always += encoded
    if not table.is_held:
        always += read
    # ... and what comes on top: while the table is encoded, the piece at work, as text
    # and typed; later, nothing of the table but its codes.
    encoding = min(table.rows, 2 * ENCODED_ROWS + PIECE_ROWS) * (
        2 * table.row_bytes + 8 * 8
    )
    if table.is_held:
        encoding += read
    learning = trees if on_gpu else trees + networks
    host = always + max(encoding, learning)
    return Cost(
        table_bytes=int(read),
        encoded_bytes=encoded,
        parameters=weights,
        weight_bytes=copies,
        step_bytes=step,
        finish_bytes=sampling + trees,
        memory_bytes=max(int(host), table.reading_bytes),
        device_bytes=int(networks + encoded + ROW_BYTES * table.rows)
        if on_gpu
        else None,
        memory_at_hand=free,
        device_at_hand=memory_left(device) if on_gpu else None,
    )


def _forest_seconds(layout: Layout, rows: int) -> float:
    """What it takes to grow forests: about as long for each number that trees compare."""
    times = sum(block.size for block in layout.blocks) + len(layout.blocks)
    return FOREST_SECONDS * times * len(layout.blocks) * min(1.0, rows / 400)


def _parameters(layout: Layout, config: TrainConfig) -> tuple[int, int]:
    """Weights of the networks that make rows, and of the critic."""
    # On the device "meta" tensors have shapes and no memory.
    with fresh_weights(), torch.device("meta"):
        networks = Networks(layout, config)
        critic = Critic(layout, config)
    of_networks = sum(p.numel() for p in networks.parameters())
    of_critic = sum(p.numel() for p in critic.parameters())
    return of_networks, of_critic


def _step_bytes(layout: Layout, config: TrainConfig) -> int:
    """What one step keeps for its gradients.

    The larger of the two kinds of step: completing rows, and the critic's game with its
    double gradients.
    """
    slots = layout.width
    modes = len(layout.mode_slots)
    hidden = config.width * config.depth
    # What a network reads of a row: see `Slots.reading`.
    reads = slots + 9 * modes + 2 * len(layout.blocks)
    of_modes = (2 * PARAMETERS + 20 * COMPONENTS) * modes
    completing = reads + 6 * hidden + 2 * config.width + 6 * slots + of_modes
    matched = min(config.moment_budget, slots + 9 * modes) + 1
    game = 4 * reads + 8 * slots + 20 * hidden + 66 * modes + 3 * matched
    numbers_per_row = 0
    if config.completes:
        numbers_per_row = completing
    if config.invents:
        numbers_per_row = max(numbers_per_row, game)
    tables_of_pairs = 9 * matched**2 if config.moments else 0
    return FLOAT * (config.batch * numbers_per_row + tables_of_pairs)


def _sampling_bytes(layout: Layout, on_gpu: bool) -> int:
    """The largest pool of a block of rows, and the logits of those made at a time."""
    pool = int(BLOCK * MOST_POOL)
    at_a_time = pool if on_gpu else min(cores(), THREADS) * CHUNK_ROWS
    outputs = layout.width + len(layout.mode_slots)
    logits = FLOAT * outputs * at_a_time
    codes = 8 * len(layout.blocks) * pool
    # Three of each: as they are drawn, joined, and chosen from.
    return 3 * (logits + codes)


def _tree_bytes(layout: Layout, config: TrainConfig, rows: int) -> int:
    """The real and the generated rows on which a forest is grown."""
    if not config.rounds:
        return 0
    grown_on = (1 + FAKE_ROWS) * min(REAL_ROWS, rows)
    return int(grown_on * len(layout.blocks) * TREE_CELL_BYTES)


def _within(needed: int | None, left: int | None) -> bool:
    return needed is None or left is None or needed <= left


def _fix(
    table: _Table, layout: Layout, config: TrainConfig, device: torch.device
) -> str:
    """What makes a table fit, the least bother first.

    The CPU instead of a GPU, a smaller batch, fewer rows, both.
    """

    def fits(
        batch: int = config.batch,
        rows: int = table.rows,
        is_held: bool = table.is_held,
        on: torch.device = device,
    ) -> bool:
        smaller = replace(table, rows=rows, is_held=is_held)
        return _cost(smaller, layout, replace(config, batch=batch), on).fits

    if device.type == "cuda" and fits(on=torch.device("cpu")):
        return f"use {argument('device', 'cpu')}"
    packs = max(1, LEAST_OFFERED_BATCH // config.packing)
    least_batch = packs * config.packing
    for batch in _halves(config.batch, least_batch):
        if batch % config.packing == 0 and fits(batch=batch):
            return f"use a smaller batch ({argument('batch', batch)})"
    rows = _most_rows(lambda n: fits(rows=n, is_held=True), table.rows)
    if rows:
        return f"learn fewer rows ({argument('rows', rows)})"
    rows = _most_rows(
        lambda n: fits(batch=least_batch, rows=n, is_held=True), table.rows
    )
    if rows:
        both = f"{argument('batch', least_batch)} {argument('rows', rows)}"
        return f"use a smaller batch and fewer rows ({both})"
    codes = {
        column: sum(layout.blocks[b].size for b in blocks)
        for column, blocks in layout.columns.items()
    }
    widest = max(codes, key=lambda column: codes[column], default="")
    return f"no option makes it fit; leave out columns, the widest ({widest!r}) first"


def _halves(batch: int, least: int) -> list[int]:
    """A half, a quarter and so on of a batch, down to the least.

    >>> _halves(512, 100)
    [256, 128]
    """
    halves = []
    while batch // 2 >= least:
        batch = batch // 2
        halves.append(batch)
    return halves


def _most_rows(fits: Callable[[int], bool], rows: int) -> int:
    """The largest round number of rows, below those there are, that fits; else 0.

    Round numbers are 5, 2 or 1 with zeros.
    """
    for zeros in range(len(str(rows)), 2, -1):
        for digit in (5, 2, 1):
            offered = digit * 10**zeros
            if LEAST_OFFERED_ROWS <= offered < rows and fits(offered):
                return offered
    return 0
