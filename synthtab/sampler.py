"""Rows from a generator: one pass or several, in blocks that do not depend on how many are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from synthtab.conditions import Batch, Plan
from synthtab.densities import PARAMETERS, Mixtures, gumbel
from synthtab.layout import Encoded, Layout
from synthtab.networks import WAVES, Generator, Slots, Trunk, fast_products
from synthtab.randomness import Streams
from synthtab.refinement import Refinement

BLOCK = 4096
"""Rows per block. A block is always generated whole, so that ``sample(10)`` equals the start of
``sample(100)`` bit by bit."""


def generate(
    generator: Generator, n: int, passes: Sequence[Plan], streams: Streams, device: torch.device,
    refinement: Refinement | None = None, given: Mapping[int, int] | None = None,
) -> Iterator[Encoded]:  # fmt: skip
    """``n`` rows as blocks of at most `BLOCK`; each has a random stream of its own, and an equal share of its rows is
    made by each of the plans. With a refinement, a block is chosen from a pool of several. With codes that are
    ``given`` (block -> code of an atom), rows that have them, drawn given them.
    """
    layout = generator.slots.layout
    completers = [Completer(generator, plan) for plan in passes]
    chooser = refinement.compiled(layout, device) if refinement else None
    pool = BLOCK * (chooser.pool if chooser else 1)
    for number, start in enumerate(range(0, n, BLOCK)):
        random = torch.Generator(device).manual_seed(streams.integer("sample", number))
        size = pool // len(completers)
        if given:
            parts = [completer.complete(_known(layout, given, size, device), random) for completer in completers]
        else:
            parts = [completer.invent(size, random) for completer in completers]
        codes, offsets = torch.cat([p.codes for p in parts]), torch.cat([p.offsets for p in parts])
        if chooser:
            kept = chooser.choose(codes, offsets, BLOCK, random)
        else:
            kept = torch.randperm(BLOCK, generator=random, device=device)
        kept = kept[: n - start]
        yield Encoded(codes[kept].cpu().numpy(), offsets[kept].cpu().numpy(), layout)


def _known(layout: Layout, given: Mapping[int, int], rows: int, device: torch.device) -> Batch:
    """Rows of which the given blocks are known and all others hidden."""
    codes = torch.zeros(rows, len(layout.blocks), dtype=torch.int64, device=device)
    mask = torch.zeros_like(codes, dtype=torch.bool)
    for block, code in given.items():
        codes[:, block], mask[:, block] = code, True
    return Batch(codes, torch.full((rows, len(layout.continuous)), 0.5, device=device), mask)


class Completer:
    """Makes rows, and fills the hidden cells of rows. One pass over all columns makes a row from noise; several
    complete it part by part, each pass observing what the earlier ones revealed.
    """

    def __init__(self, generator: Generator, passes: Plan) -> None:
        self.generator = generator.eval()
        self.from_noise = generator.plain is not None and (len(passes) == 1 or generator.completing is None)
        with torch.inference_mode():
            self.stages = [Stage(generator, blocks) for blocks in passes] if generator.completing else []

    @torch.inference_mode()
    @fast_products()
    def invent(self, rows: int, random: torch.Generator) -> Batch:
        """Whole new rows."""
        generator, device = self.generator, random.device
        slots = generator.slots
        codes = torch.zeros(rows, len(slots.layout.blocks), dtype=torch.int64, device=device)
        offsets = torch.full((rows, len(slots.layout.continuous)), 0.5, device=device)
        mask = torch.zeros_like(codes, dtype=torch.bool)
        if not self.from_noise:
            return self._fill(Batch(codes, offsets, mask), random)
        z = torch.randn(rows, generator.noise, generator=random, device=device)
        cells = None
        if generator.prompted:
            shown, seen = generator.prompt(rows, random)
            cells = slots.reading(shown, offsets, seen)
        logits, moved = generator.invent(z, cells)
        codes = slots.argmax(gumbel(logits, random))
        mode, inside = slots.modes(codes)
        return Batch(codes, torch.where(inside, moved.gather(1, mode), offsets), ~mask)

    @torch.inference_mode()
    @fast_products()
    def complete(self, given: Batch, random: torch.Generator) -> Batch:
        """Rows of which ``given.mask`` marks the cells that are known."""
        assert given.mask is not None, "a mask says what is known, report this"
        return self._fill(Batch(given.codes.clone(), given.offsets.clone(), given.mask.clone()), random)

    def _fill(self, rows: Batch, random: torch.Generator) -> Batch:
        """Fill the hidden cells of rows in place."""
        codes, offsets, mask, trunk = rows.codes, rows.offsets, rows.mask, self.generator.completing
        assert trunk is not None and trunk.from_cells is not None and mask is not None
        hidden = trunk.from_cells(self.generator.slots.reading(codes, offsets, mask))
        for i, stage in enumerate(self.stages):
            drawn, moved = stage.draw(trunk, hidden, random)
            fresh = ~mask[:, stage.blocks]
            drawn = torch.where(fresh, drawn, codes[:, stage.blocks])
            codes[:, stage.blocks] = drawn
            if len(stage.columns):
                mode, inside = stage.slots.modes(drawn)
                inside &= fresh[:, stage.slots.continuous]
                offsets[:, stage.columns] = torch.where(inside, moved.gather(1, mode), offsets[:, stage.columns])
            mask[:, stage.blocks] = True
            if i + 1 < len(self.stages):
                hidden = hidden + stage.read(drawn, offsets[:, stage.columns], fresh)
        return rows


class Stage:
    """The completing trunk as far as it concerns the blocks that one pass reveals: the columns of its first layer that
    read them and the rows of its head that write them, so that a pass costs no more than what it reveals.
    """

    def __init__(self, generator: Generator, blocks: Sequence[int]) -> None:
        blocks, whole, trunk = sorted(blocks), generator.slots.layout, generator.completing
        assert trunk is not None and trunk.from_cells is not None, "this generator completes no rows, report this"
        part = Layout(tuple(whole.blocks[b] for b in blocks))
        device = generator.slots.starts.device
        self.slots = Slots(part).to(device)
        slot = np.zeros(part.width, dtype=np.int64)
        for start, b in zip(part.starts, blocks, strict=True):
            slot[start + np.arange(whole.blocks[b].size)] = whole.starts[b] + np.arange(whole.blocks[b].size)
        owner = whole.continuous[whole.mode_offsets]
        modes = np.concatenate([np.zeros(0, np.int64), *(np.flatnonzero(owner == b) for b in blocks)]).astype(np.int64)
        numeric = np.flatnonzero(np.isin([b for b, k in enumerate(whole.blocks) if k.numeric], blocks))
        sizes = [whole.width, WAVES * len(owner), len(generator.slots.numeric), len(owner)]
        reads = [slot, _spread(modes, WAVES), numeric, modes, np.asarray(blocks)]
        found = np.concatenate([first + at for first, at in zip(np.cumsum([0, *sizes]), reads, strict=True)])
        self.reads = trunk.from_cells.weight[:, torch.as_tensor(found, device=device)]
        writes = torch.as_tensor(np.concatenate([slot, whole.width + _spread(modes, PARAMETERS)]), device=device)
        self.head = trunk.head.weight[writes], trunk.head.bias[writes]
        self.blocks = torch.as_tensor(np.asarray(blocks), device=device)
        self.columns = torch.as_tensor(np.flatnonzero(np.isin(whole.continuous, blocks)), device=device)

    def draw(self, trunk: Trunk, hidden: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Codes ``[B, blocks]`` and an offset for each of their modes, given the first layer."""
        logits, densities = self._outputs(trunk, hidden)
        codes = self.slots.argmax(gumbel(logits, random))
        return codes, Mixtures.of(densities, len(self.slots.mode_slots)).draw(random)

    def log_likelihood(self, trunk: Trunk, hidden: Tensor, codes: Tensor, offsets: Tensor) -> Tensor:
        """Of codes ``[B, blocks]`` and offsets ``[B, columns]``, given the first layer, ``[B]``."""
        slots, (logits, densities) = self.slots, self._outputs(trunk, hidden)
        logs = slots.log_softmax(logits).gather(1, codes + slots.starts).sum(1)
        mode, inside = slots.modes(codes)
        mixtures = Mixtures.of(densities, len(slots.mode_slots))
        return logs + (mixtures.log_density(offsets, mode) * inside).sum(1) if len(self.columns) else logs

    def _outputs(self, trunk: Trunk, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the blocks, unused slots out of the way, and what their densities are made of."""
        out, width = F.linear(trunk.deep(hidden), *self.head), self.slots.layout.width
        return out[:, :width] + self.slots.padding, out[:, width:]

    def read(self, codes: Tensor, offsets: Tensor, fresh: Tensor) -> Tensor:
        """What cells add to the first layer, where ``fresh`` marks them; all ``[B, blocks]``."""
        return F.linear(self.slots.reading(codes, offsets, fresh), self.reads)


def _spread(numbers: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """The places of things of which each has ``count`` of them, side by side."""
    return (numbers[:, None] * count + np.arange(count)).ravel()
