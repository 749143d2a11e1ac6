"""What a fit costs, known before it runs: memory from the layout and the config, time from a few steps.

Memory is counted in the arrays that are large: the table while it is encoded, the encoded table, weights with all
their copies, what a step keeps for its gradients, and what sampling and the trees take in the end. The counts per row
are those of the tensors in `synthtab.model.networks` and `synthtab.model.losses`. Fits on the CPU took 0.78 to 1.31
of what is expected (benchmarks/README.md); a test holds 0.4 to 1.25.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from synthtab.core.config import TrainConfig
from synthtab.core.errors import DataError
from synthtab.core.layout import Encoded, Layout
from synthtab.core.randomness import Streams
from synthtab.data import sources
from synthtab.data.encoder import TableEncoder
from synthtab.data.holdout import PIECE
from synthtab.data.in_pieces import BLOCK as ENCODED
from synthtab.data.in_pieces import SHARE
from synthtab.data.sources import Source
from synthtab.model import trainer
from synthtab.model.completer import COMPONENTS, PARAMETERS
from synthtab.model.gan import Critic
from synthtab.model.layers import fresh_weights
from synthtab.model.networks import Networks
from synthtab.runtime import machine
from synthtab.runtime.compute import fast_products, memory_left
from synthtab.runtime.machine import amount
from synthtab.runtime.parallel import THREADS, cores
from synthtab.sampling.passes import CHUNK_ROWS
from synthtab.sampling.sampler import BLOCK
from synthtab.sampling.tree_critic import FAKE_ROWS, MOST_POOL, REAL_ROWS

FLOAT = 4
# What torch and scikit-learn take when they are first used.
LIBRARIES = 180_000_000
# What a further thread that makes rows keeps for itself.
THREAD = 80_000_000
# Copies of the weights of the generator and of the critic: themselves, gradients, two
# moments of Adam, the average, a state to roll back to and the next one while it is
# made, and the best checkpoint.
COPIES = (15, 10)
# Bytes of a cell while a forest is grown: its code, its rank, that as a float, and its
# bin.
TREES = 32
# Bytes of a row, whatever its columns: its number in the order of the epoch, and while
# rows are split.
PER_ROW = 32
# Rows below which it is no use to offer fewer of them.
FEWEST = 1_000
# Steps that are timed, at most: all kinds of steps of the presets; and seconds after
# which no more are.
TIMED, SECONDS = 32, 3.0


@dataclass(frozen=True)
class Cost:
    """Bytes that a fit needs, beyond what the process holds before, and what there is.

    Attributes:
        table_bytes: The table as it was read: of one that is read in pieces, its sample.
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
        """How much is needed, how much there is, and what makes it fit; "" where it does."""
        if self.fits:
            return ""
        short = not _within(self.memory_bytes, self.memory_at_hand)
        needed, left = (
            (self.memory_bytes, self.memory_at_hand)
            if short
            else (self.device_bytes, self.device_at_hand)
        )
        where = "of memory" if short else "of the GPU's memory"
        return f"learning this table needs about {amount(needed)} {where}, and {amount(left)} is left: {self.fix}"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "refusal": self.refusal}


def of(
    source: Source, encoder: TableEncoder, config: TrainConfig, device: torch.device
) -> Cost:
    """What it costs to learn a table, and what would make it cost less where that is too much."""
    cells = int(source.sample.memory_usage(index=False, deep=True).sum())
    width = cells / max(1, len(source.sample))
    table = _Table(source.rows, width, source.path is None, encoder.bytes, source.ahead)
    found = _cost(table, encoder.layout, config, device)
    return (
        found
        if found.fits
        else replace(found, fix=_fix(table, encoder.layout, config, device))
    )


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
    """``steps`` and ``seconds`` of training, an estimate: a few steps on made-up rows are timed on the device. None
    where the clock decides on the steps, or where there is no room to try. What follows the training comes on top,
    and a fit may stop sooner.
    """
    if not layout.blocks:
        return {"steps": 0, "seconds": 0.0}
    if config.time and not config.epochs:
        return {"steps": None, "seconds": config.time}
    empty = Encoded(
        np.zeros((rows, 0), np.int16), np.zeros((rows, 0), np.float32), layout
    )
    steps = trainer.total_steps(empty, config)
    taken = (
        steps * step_seconds(layout, trainer.batch_for_table(config, rows), device)
        if cost.fits
        else None
    )
    if config.time and taken is not None:
        taken = min(taken, config.time)
    return {"steps": steps, "seconds": taken}


@fast_products()
def step_seconds(layout: Layout, config: TrainConfig, device: torch.device) -> float:
    """Mean seconds of a training step, measured after a first one that warms up."""
    draw, rows = np.random.default_rng(0), 2 * config.batch
    codes = (draw.random((rows, len(layout.blocks))) * layout.sizes).astype(np.int16)
    offsets = draw.random((rows, len(layout.continuous))).astype(np.float32)
    game = trainer.Trainer(Encoded(codes, offsets, layout), config, Streams(0), device)
    done, start = -1, 0.0
    while done < TIMED and (done < 1 or clock.perf_counter() - start < SECONDS):
        game.play()
        _ = [float(term) for term in game.terms.values()]  # waits for a GPU
        done += 1
        start = start or clock.perf_counter()
    return (clock.perf_counter() - start) / done


@dataclass(frozen=True)
class _Table:
    """What a cost depends on: rows, bytes of one as it was read and encoded, whether all are held, and what it will
    take to read them.
    """

    rows: int
    width: float
    held: bool
    encoded: int
    ahead: int


def _cost(
    table: _Table, layout: Layout, config: TrainConfig, device: torch.device
) -> Cost:
    config = trainer.batch_for_table(config, table.rows)
    weights, critic = _parameters(layout, config) if layout.blocks else (0, 0)
    copies = FLOAT * (COPIES[0] * weights + COPIES[1] * critic)
    step = _step_bytes(layout, config)
    free, on_gpu = machine.memory(), device.type == "cuda"
    sampling, trees = (
        _sampling_bytes(layout, on_gpu),
        _tree_bytes(layout, config, table.rows),
    )
    encoded = table.encoded * table.rows
    mapped = not table.held and free is not None and encoded > SHARE * free
    read = table.width * (
        table.rows
        if table.held
        else min(table.rows, 2 * sources.sample_rows(len(layout.columns)))
    )
    # the part of the table that is being encoded, as text and typed; then nothing but the codes is needed
    pieces = min(table.rows, 2 * ENCODED + PIECE) * (2 * table.width + 8 * 8)
    fixed = (
        LIBRARIES
        + THREAD * (min(cores(), THREADS) - 1)
        + PER_ROW * table.rows
        + (0 if mapped else encoded)
        + (0 if table.held else read)
    )
    # of what training took, the allocator of the CPU has little left in pieces as large as sampling needs
    networks = copies + (max(step, sampling) if on_gpu else step + sampling)
    host = fixed + max(
        pieces + (read if table.held else 0), trees + (0 if on_gpu else networks)
    )
    return Cost(
        table_bytes=int(read),
        encoded_bytes=encoded,
        parameters=weights,
        weight_bytes=copies,
        step_bytes=step,
        finish_bytes=sampling + trees,
        memory_bytes=max(int(host), table.ahead),
        device_bytes=int(networks + encoded + PER_ROW * table.rows) if on_gpu else None,
        memory_at_hand=free,
        device_at_hand=memory_left(device) if on_gpu else None,
    )


def _parameters(layout: Layout, config: TrainConfig) -> tuple[int, int]:
    with fresh_weights(), torch.device("meta"):
        networks = Networks(layout, config), Critic(layout, config)
    generator, critic = (
        sum(p.numel() for p in network.parameters()) for network in networks
    )
    return generator, critic


def _step_bytes(layout: Layout, config: TrainConfig) -> int:
    """The larger of the two kinds of step: completing rows, and the critic's game with its double gradients."""
    wide, modes, blocks = layout.width, len(layout.mode_slots), len(layout.blocks)
    inner = config.width * config.depth
    reads = wide + 9 * modes + 2 * blocks
    completing = (
        reads
        + 6 * inner
        + 2 * config.width
        + 6 * wide
        + (2 * PARAMETERS + 20 * COMPONENTS) * modes
    )
    matched = min(config.moment_budget, wide + 9 * modes) + 1
    contest = 4 * reads + 8 * wide + 20 * inner + 66 * modes + 3 * matched
    rows = max(completing if config.completes else 0, contest if config.invents else 0)
    return FLOAT * (config.batch * rows + 9 * matched**2 * bool(config.moments))


def _sampling_bytes(layout: Layout, on_gpu: bool) -> int:
    """The largest pool of a block of rows, and the logits of as many of its rows as are made at a time, in one pass."""
    pool, slots = int(BLOCK * MOST_POOL), layout.width + len(layout.mode_slots)
    return 3 * (
        FLOAT * slots * (pool if on_gpu else min(cores(), THREADS) * CHUNK_ROWS)
        + 8 * len(layout.blocks) * pool
    )


def _tree_bytes(layout: Layout, config: TrainConfig, rows: int) -> int:
    return (
        int((1 + FAKE_ROWS) * min(REAL_ROWS, rows) * len(layout.blocks) * TREES)
        if config.rounds
        else 0
    )


def _within(needed: int | None, left: int | None) -> bool:
    return needed is None or left is None or needed <= left


def _fix(
    table: _Table, layout: Layout, config: TrainConfig, device: torch.device
) -> str:
    """The first of these that makes a table fit: the CPU, a smaller batch, fewer rows, both."""

    def fits(
        batch: int = config.batch,
        rows: int = table.rows,
        held: bool = table.held,
        on: Any = device,
    ) -> bool:
        smaller = replace(table, rows=rows, held=held)
        return _cost(smaller, layout, replace(config, batch=batch), on).fits

    if device.type == "cuda" and fits(on=torch.device("cpu")):
        return "use --device cpu"
    least = max(1, 32 // config.packing) * config.packing
    batches = [b for b in _halves(config.batch, least) if b % config.packing == 0]
    if batch := next((b for b in batches if fits(batch=b)), None):
        return f"use a smaller batch (--batch {batch})"
    if rows := _most(lambda n: fits(rows=n, held=True), table.rows):
        return f"learn fewer rows (--rows {rows})"
    if rows := _most(lambda n: fits(batch=least, rows=n, held=True), table.rows):
        return f"use a smaller batch and fewer rows (--batch {least} --rows {rows})"
    widest = max(
        layout.columns,
        key=lambda c: sum(layout.blocks[b].size for b in layout.columns[c]),
        default="",
    )
    return f"no option makes it fit; leave out columns, the widest ({widest!r}) first"


def _halves(batch: int, least: int) -> list[int]:
    found = []
    while (batch := batch // 2) >= least:
        found.append(batch)
    return found


def _most(fits: Callable[[int], bool], rows: int) -> int:
    """The largest round number of rows, below those there are, that fits; 0 if none does."""
    for n in (m * 10**k for k in range(len(str(rows)), 2, -1) for m in (5, 2, 1)):
        if FEWEST <= n < rows and fits(n):
            return n
    return 0
