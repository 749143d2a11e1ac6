"""Rows from a generator: one pass or several, in blocks that do not depend on how many are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from synthtab.conditions import Batch
from synthtab.layout import Encoded, Layout
from synthtab.networks import FREQUENCIES, Generator, Slots, Trunk, unit
from synthtab.randomness import Streams
from synthtab.refinement import Refinement

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
    generator: Generator, n: int, passes: Plan, streams: Streams, device: torch.device,
    refinement: Refinement | None = None,
) -> Iterator[Encoded]:  # fmt: skip
    """``n`` rows as blocks of at most `BLOCK`; each has a random stream of its own. With a refinement, a block is
    chosen from a pool of several.
    """
    layout = generator.slots.layout
    completer = Completer(generator, passes)
    chooser = refinement.compiled(layout, device) if refinement else None
    for number, start in enumerate(range(0, n, BLOCK)):
        random = torch.Generator(device).manual_seed(streams.integer("sample", number))
        pool = [completer.invent(BLOCK, random) for _ in range(chooser.pool if chooser else 1)]
        codes, offsets = torch.cat([b.codes for b in pool]), torch.cat([b.offsets for b in pool])
        if chooser:
            kept = chooser.choose(codes, offsets, BLOCK, random)
            codes, offsets = codes[kept], offsets[kept]
        rows = slice(0, min(BLOCK, n - start))
        yield Encoded(codes[rows].cpu().numpy(), offsets[rows].cpu().numpy(), layout)


class Completer:
    """Fills the hidden cells of rows pass by pass; each pass observes what the earlier ones revealed."""

    def __init__(self, generator: Generator, passes: Plan) -> None:
        self.generator = generator.eval()
        with torch.inference_mode():
            self.stages = [Stage(generator, blocks) for blocks in passes]

    @torch.inference_mode()
    def invent(self, rows: int, random: torch.Generator) -> Batch:
        """Whole new rows."""
        layout, device = self.generator.slots.layout, random.device
        codes = torch.zeros(rows, len(layout.blocks), dtype=torch.int64, device=device)
        offsets = torch.full((rows, len(layout.continuous)), 0.5, device=device)
        if not self.generator.prompted:
            return self._fill(codes, offsets, torch.zeros_like(codes, dtype=torch.bool), None, random)
        shown, seen = self.generator.prompt(rows, random)
        read = self._read(shown, offsets, seen)
        return self._fill(codes, offsets, torch.zeros_like(seen), read, random)

    @torch.inference_mode()
    def complete(self, given: Batch, random: torch.Generator) -> Batch:
        """Rows of which ``given.mask`` marks the cells that are known, at least one in every row."""
        assert given.mask is not None, "a mask says what is known, report this"
        codes, offsets, mask = given.codes.clone(), given.offsets.clone(), given.mask.clone()
        return self._fill(codes, offsets, mask, self._read(codes, offsets, mask), random)

    def _fill(
        self, codes: Tensor, offsets: Tensor, mask: Tensor, read: Tensor | None, random: torch.Generator
    ) -> Batch:
        """``read`` is what the known cells add to the first layer; None: nothing is known."""
        generator = self.generator
        invented = read is not None and generator.prompted
        for i, stage in enumerate(self.stages):
            trunk = generator.plain if read is None else generator.completing
            assert trunk is not None, "this generator completes no rows, report this"
            z = torch.randn(len(codes), generator.noise, generator=random, device=codes.device)
            hidden = trunk.from_noise(z)
            drawn, moved = stage.draw(trunk, hidden if read is None else hidden + read, random)
            hidden_cells = ~mask[:, stage.blocks]
            drawn = torch.where(hidden_cells, drawn, codes[:, stage.blocks])
            codes[:, stage.blocks] = drawn
            if len(stage.columns):
                mode, inside = stage.slots.modes(drawn)
                kept = offsets[:, stage.columns]
                inside &= hidden_cells[:, stage.slots.continuous]
                offsets[:, stage.columns] = torch.where(inside, moved.gather(1, mode), kept)
            mask[:, stage.blocks] = True
            if i + 1 < len(self.stages):
                news = stage.read(generator.completing, drawn, offsets[:, stage.columns], hidden_cells)
                read = news if read is None or (invented and i == 0) else read + news
        return Batch(codes, offsets, mask)

    def _read(self, codes: Tensor, offsets: Tensor, mask: Tensor) -> Tensor:
        slots, trunk = self.generator.slots, self.generator.completing
        assert trunk is not None and trunk.from_cells is not None, "this generator completes no rows, report this"
        cells = slots.dense(slots.one_hot(codes), offsets[:, slots.mode_offsets])
        read: Tensor = trunk.from_cells(slots.observed(cells, mask))
        return read


class Stage:
    """The generator as far as it concerns the blocks that one pass reveals: the columns of its first layer that read
    them and the rows of its head that write them, so that a pass costs no more than what it reveals.
    """

    def __init__(self, generator: Generator, blocks: Sequence[int]) -> None:
        blocks, whole = sorted(blocks), generator.slots.layout
        part = Layout(tuple(whole.blocks[b] for b in blocks))
        device = generator.slots.starts.device
        self.slots = Slots(part).to(device)
        slot = np.zeros(part.width, dtype=np.int64)
        for start, b in zip(part.starts, blocks, strict=True):
            slot[start + np.arange(whole.blocks[b].size)] = whole.starts[b] + np.arange(whole.blocks[b].size)
        owner = whole.continuous[whole.mode_offsets]
        modes = np.concatenate([np.zeros(0, np.int64), *(np.flatnonzero(owner == b) for b in blocks)]).astype(np.int64)
        waves = 1 + 2 * len(FREQUENCIES)
        numeric = np.flatnonzero(np.isin([b for b, k in enumerate(whole.blocks) if k.numeric], blocks))
        first = np.cumsum([0, whole.width, waves * len(whole.mode_slots), len(generator.slots.numeric)])
        reads = [slot, (modes[:, None] * waves + np.arange(waves)).ravel(), numeric, np.asarray(blocks)]
        self.reads = torch.as_tensor(np.concatenate([s + r for s, r in zip(first, reads, strict=True)]), device=device)
        self.writes = torch.as_tensor(np.concatenate([slot, whole.width + modes]), device=device)
        self.blocks = torch.as_tensor(np.asarray(blocks), device=device)
        self.columns = torch.as_tensor(np.flatnonzero(np.isin(whole.continuous, blocks)), device=device)
        self.heads = {
            trunk: (trunk.head.weight[self.writes], trunk.head.bias[self.writes])
            for trunk in (generator.plain, generator.completing)
            if trunk is not None
        }

    def draw(self, trunk: Trunk, hidden: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Codes ``[B, blocks]`` and an offset for each of their modes."""
        out = F.linear(trunk.body(hidden), *self.heads[trunk])
        logits, offsets = out.split([self.slots.layout.width, len(self.slots.mode_slots)], dim=1)
        codes = self.slots.argmax(self.slots.gumbel(logits + self.slots.padding, random))
        return codes, unit(offsets)

    def read(self, trunk: Trunk | None, codes: Tensor, offsets: Tensor, fresh: Tensor) -> Tensor:
        """What cells add to the first layer, where ``fresh`` marks them, all ``[B, blocks]``."""
        assert trunk is not None and trunk.from_cells is not None, "this generator completes no rows, report this"
        slots = self.slots
        cells = slots.dense(slots.one_hot(codes), offsets[:, slots.mode_offsets])
        return F.linear(slots.observed(cells, fresh), trunk.from_cells.weight[:, self.reads])
