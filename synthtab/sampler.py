"""Rows from a generator: one pass or several, in blocks that do not depend on how many are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from synthtab.conditions import Batch
from synthtab.layout import Encoded, Layout
from synthtab.networks import Generator
from synthtab.randomness import Streams

BLOCK = 4096
"""Rows per block. A block is always generated whole, so that ``sample(10)`` equals the start of
``sample(100)`` bit by bit."""

Plan = tuple[tuple[int, ...], ...]
"""The blocks of the layout that each pass reveals, in the order of the passes."""


def plan(layout: Layout, passes: int) -> Plan:
    """Split the columns, in table order, evenly over at most ``passes`` passes."""
    columns = list(layout.columns.values())
    parts = np.array_split(np.arange(len(columns)), min(max(1, passes), max(1, len(columns))))
    return tuple(tuple(b for c in part for b in columns[c]) for part in parts)


def generate(
    generator: Generator, n: int, passes: Plan, streams: Streams, *, noise: int, device: torch.device
) -> Iterator[Encoded]:
    """``n`` rows as blocks of at most `BLOCK`; each has a random stream of its own."""
    layout = generator.slots.layout
    for number, start in enumerate(range(0, n, BLOCK)):
        random = torch.Generator(device).manual_seed(streams.integer("sample", number))
        codes = torch.zeros(BLOCK, len(layout.blocks), dtype=torch.int64, device=device)
        offsets = torch.full((BLOCK, len(layout.continuous)), 0.5, device=device)
        mask = torch.zeros(codes.shape, dtype=torch.bool, device=device)
        done = complete(generator, Batch(codes, offsets, mask), passes, noise=noise, random=random)
        rows = slice(0, min(BLOCK, n - start))
        yield Encoded(done.codes[rows].cpu().numpy(), done.offsets[rows].cpu().numpy(), layout)


@torch.inference_mode()
def complete(generator: Generator, given: Batch, passes: Plan, *, noise: int, random: torch.Generator) -> Batch:
    """Fill the cells that ``given.mask`` does not mark; each pass observes what the earlier ones revealed."""
    slots = generator.slots
    generator.eval()
    codes, offsets = given.codes.clone(), given.offsets.clone()
    mask = given.mask.clone() if given.mask is not None else torch.zeros_like(codes, dtype=torch.bool)
    for revealed in passes:
        z = torch.randn(len(codes), noise, generator=random, device=codes.device)
        seen: Tensor | None = mask
        shown = codes
        if not bool(mask.any()):
            shown, seen = generator.prompt(len(codes), random) if generator.prompted else (codes, None)
        cells = None if seen is None else slots.dense(slots.one_hot(shown), offsets[:, slots.mode_offsets])
        logits, moved = generator(z, cells, seen)
        drawn = slots.argmax(slots.gumbel(logits, random))
        fresh = _only(mask, revealed) & ~mask
        codes = torch.where(fresh, drawn, codes)
        mode, inside = slots.modes(drawn)
        at = fresh[:, slots.continuous]
        offsets = torch.where(at & inside, moved.gather(1, mode), offsets)
        mask = mask | fresh
    return Batch(codes, offsets, mask)


def _only(mask: Tensor, blocks: Sequence[int]) -> Tensor:
    chosen = torch.zeros(mask.shape[1], dtype=torch.bool, device=mask.device)
    chosen[list(blocks)] = True
    return chosen.expand(mask.shape)
