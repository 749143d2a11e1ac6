"""Rows from a generator: one pass or several, in blocks that do not depend on how many are asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from synthtab.core.layout import Encoded, Layout, Restriction
from synthtab.core.randomness import Streams
from synthtab.model.batches import Batch, Plan
from synthtab.model.densities import PARAMETERS, Mixtures, choose
from synthtab.model.networks import SHORTCUT, WAVES, Generator, Slots, Trunk
from synthtab.runtime.parallel import ENDLESS, ahead
from synthtab.runtime.products import fast_products, product
from synthtab.runtime.threads import shared
from synthtab.sampling.limits import Limits
from synthtab.sampling.refinement import POOL, Refinement

# Rows per block. A block is always generated whole, so that ``sample(10)`` equals the
# start of ``sample(100)`` bit by bit.
BLOCK = 4096
# Rows that a processor takes at a time: what it computes of them stays in its cache.
CHUNK = 1024
# Largest logarithm of an importance weight above the median one.
MOST = 1.5
# Rows begun for each one that goes on, where several columns of numbers are restricted.
SPARE = 2


def generate(
    generator: Generator,
    n: int,
    passes: Sequence[Plan],
    streams: Streams,
    device: torch.device,
    refinement: Refinement | None = None,
    restrictions: Sequence[Restriction] = (),
    begin: int = 0,
    then: Callable[[int, Encoded], Any] = lambda number, block: block,
) -> Iterator[Any]:
    """``n`` rows as blocks of at most `BLOCK`; each has a random stream of its own, and an equal share of its rows is
    made by each of the plans. With a refinement, a block is chosen from a pool of several. With restrictions, rows
    that are within them, drawn given that. The blocks before number ``begin`` are left out.

    Blocks of one pass are made side by side, each on a core of its own, and what ``then`` makes of a block, given its
    number, is made there too. The steps of several passes are so many and so short that threads would mostly wait for
    one another: all cores share each step.
    """
    layout = generator.slots.layout
    if restrictions:
        refinement = refinement or Refinement((), None, POOL[0])
        early = sorted(passes, key=lambda plan: _last(plan, restrictions))
        passes = early[: -(-len(early) // 4)]
    stages: Stages = {}
    completers = [
        Completer(generator, plan, restrictions, stages=stages) for plan in passes
    ]
    chooser = refinement.compiled(layout, device) if refinement else None
    pool = int(BLOCK * (chooser.pool if chooser else 1))

    def block(number: int) -> Any:
        random = torch.Generator(device).manual_seed(streams.integer("sample", number))
        parts = [
            completer.invent(pool // len(completers), random)
            for completer in completers
        ]
        codes, offsets = (
            torch.cat([p.codes for p in parts]),
            torch.cat([p.offsets for p in parts]),
        )
        if chooser:
            weights = (
                torch.cat([_moderate(p.logs) for p in parts if p.logs is not None])
                if restrictions
                else None
            )
            kept = chooser.choose(codes, offsets, BLOCK, random, weights)
        else:
            kept = torch.randperm(BLOCK, generator=random, device=device)
        kept = kept[: n - number * BLOCK]
        return then(
            number,
            Encoded(codes[kept].cpu().numpy(), offsets[kept].cpu().numpy(), layout),
        )

    numbers = range(begin, -(-n // BLOCK))
    side_by_side = device.type == "cpu" and all(
        completer.from_noise for completer in completers
    )
    return (
        ahead(block, numbers, hurry=n < ENDLESS)
        if side_by_side
        else map(sharing(block, device), numbers)
    )


def sharing(block: Callable[[int], Any], device: torch.device) -> Callable[[int], Any]:
    """The same, on as many cores as are faster when it is called."""

    def on_some(number: int) -> Any:
        with shared(device, BLOCK):
            return block(number)

    return on_some


def fill(
    generator: Generator,
    rows: Encoded,
    known: npt.NDArray[np.bool_],
    passes: Sequence[Plan],
    streams: Streams,
    device: torch.device,
    refinement: Refinement | None = None,
    restrictions: Sequence[Restriction] = (),
) -> Iterator[Encoded]:
    """Rows of which the cells ``known [rows, K]`` stay and all others are drawn, in blocks of at most `BLOCK`.

    Each row follows one of the plans. Of a refinement only the trees count: of several completions of a row, one is
    taken in proportion to its density ratio (sampling-importance resampling, Rubin 1987).
    """
    layout = generator.slots.layout
    chooser = (
        refinement.compiled(layout, device)
        if refinement and refinement.forests
        else None
    )
    several = int(np.ceil(chooser.pool)) if chooser else 1
    stages: Stages = {}
    completers = [
        Completer(generator, plan, restrictions, leading=False, stages=stages)
        for plan in passes
    ]

    def block(number: int) -> Encoded:
        random = torch.Generator(device).manual_seed(streams.integer("fill", number))
        places = slice(number * BLOCK, (number + 1) * BLOCK)
        own, seen = rows.take(places), torch.as_tensor(known[places])
        arrays = (
            torch.as_tensor(own.codes.astype(np.int64)),
            torch.as_tensor(own.offsets),
            seen,
        )
        codes, offsets, mask = (
            x.repeat_interleave(several, 0).to(device) for x in arrays
        )
        plan = torch.randint(
            len(completers), (len(seen),), generator=random, device=device
        )
        for i, completer in enumerate(completers):
            mine = (plan == i).repeat_interleave(several)
            done = completer.complete(
                Batch(codes[mine], offsets[mine], mask[mine]), random
            )
            codes[mine], offsets[mine] = done.codes, done.offsets
        if chooser:
            logs = (
                chooser.weights(codes, offsets).clamp(min=1e-30).log().view(-1, several)
            )
            kept = choose(logs, random) + several * torch.arange(
                len(seen), device=device
            )
            codes, offsets = codes[kept], offsets[kept]
        return Encoded(codes.cpu().numpy(), offsets.cpu().numpy(), layout)

    return map(sharing(block, device), range(-(-len(rows) // BLOCK)))


class Completer:
    """Makes rows, and fills the hidden cells of rows. One pass over all columns makes a row from noise; several
    complete it part by part, each pass observing what the earlier ones revealed.

    Args:
        generator: Whose rows.
        passes: The blocks that each pass reveals.
        restrictions: What the cells of some columns must be.
        leading: Whether these columns are drawn before all others. Given the first of them, the second is within its
            limits with another probability in every row; in proportion to it, rows go on or are replaced by others
            (sequential importance resampling; Gordon, Salmond and Smith 1993), so that in the end all rows are draws
            given all restrictions. What the network says of all other columns given these is less exact than what it
            says in the order of the passes; so `Batch.logs` compares the two, as importance weights. Else each
            restricted column is drawn in its turn.
        stages: Those of other plans under the same restrictions, to share.
    """

    def __init__(
        self,
        generator: Generator,
        passes: Plan,
        restrictions: Sequence[Restriction] = (),
        leading: bool = True,
        stages: Stages | None = None,
    ) -> None:
        known = {} if stages is None else stages
        self.generator, layout, device = (
            generator.eval(),
            generator.slots.layout,
            generator.slots.starts.device,
        )
        one = len(passes) == 1 and not restrictions
        self.from_noise = generator.plain is not None and (
            one or generator.completing is None
        )
        # Of rows that go on more than once, what is drawn last differs: numbers that hardly ever repeat.
        ordered = sorted(
            restrictions, key=lambda r: any(layout.blocks[b].modes for b in r.blocks)
        )
        limits = {
            b: Limits(r, i, layout, device)
            for r in ordered
            for i, b in enumerate(r.blocks)
        }
        self.leading = len(restrictions) if leading else 0
        numbers = sum(
            any(layout.blocks[b].modes for b in r.blocks) for r in restrictions
        )
        self.spare = (
            SPARE if leading and numbers > 1 else 1
        )  # equal cells of the others are no copies
        plan = _arranged(passes, limits, leading)
        self.stages: list[Stage] = []
        with torch.inference_mode():
            for blocks in plan if generator.completing else ():
                within = limits.get(blocks[0])
                key = tuple(sorted(blocks)), within is not None
                known[key] = stage = known.get(key) or Stage(generator, blocks, within)
                self.stages.append(stage)
            # From the pass on that follows the last restricted column, both orders say the same.
            ends = _last(passes, restrictions) + 1 if self.leading else 0
            self.usual = [Stage(generator, blocks) for blocks in passes[:ends]]
        self.compared = len(_arranged(passes[:ends], limits, leading)) if ends else 0

    @torch.inference_mode()
    @fast_products()
    def invent(self, rows: int, random: torch.Generator) -> Batch:
        """Whole new rows."""
        if self.from_noise:
            size = CHUNK if random.device.type == "cpu" else rows
            parts = [
                self._invented(min(size, rows - start), random)
                for start in range(0, rows, size)
            ]
            return Batch(
                *(
                    torch.cat([getattr(part, name) for part in parts])
                    for name in ("codes", "offsets", "mask")
                )
            )
        return self._fill(
            self._blank(rows * self.spare, random.device), rows, random, known=False
        )

    def _blank(self, rows: int, device: torch.device) -> Batch:
        """Rows of which nothing is known."""
        layout = self.generator.slots.layout
        codes = torch.zeros(rows, len(layout.blocks), dtype=torch.int64, device=device)
        offsets = torch.full((rows, len(layout.continuous)), 0.5, device=device)
        return Batch(codes, offsets, torch.zeros_like(codes, dtype=torch.bool))

    def _invented(self, rows: int, random: torch.Generator) -> Batch:
        """Rows from noise, in one pass."""
        generator, slots, blank = (
            self.generator,
            self.generator.slots,
            self._blank(rows, random.device),
        )
        z = torch.randn(rows, generator.noise, generator=random, device=random.device)
        cells = None
        if generator.prompted:
            shown, seen = generator.prompt(rows, random)
            cells = slots.reading(shown, blank.offsets, seen)
        logits, moved = generator.invent(z, cells)
        codes = slots.sample(logits, random)
        mode, inside = slots.modes(codes)
        assert blank.mask is not None
        return Batch(
            codes,
            torch.where(inside, moved.gather(1, mode), blank.offsets),
            ~blank.mask,
        )

    @torch.inference_mode()
    @fast_products()
    def complete(self, given: Batch, random: torch.Generator) -> Batch:
        """Rows of which ``given.mask`` marks the cells that are known."""
        assert given.mask is not None, "a mask says what is known, report this"
        own = Batch(given.codes.clone(), given.offsets.clone(), given.mask.clone())
        return self._fill(own, len(own.codes), random, known=True)

    def _fill(
        self, rows: Batch, count: int, random: torch.Generator, known: bool
    ) -> Batch:
        """Fill the hidden cells of rows in place; of more rows than ``count``, so many go on. ``known`` says whether
        any of their cells may be known.
        """
        codes, offsets, mask, trunk = (
            rows.codes,
            rows.offsets,
            rows.mask,
            self.generator.completing,
        )
        assert trunk is not None and trunk.from_cells is not None and mask is not None
        begun = (
            slice(None) if known else slice(1)
        )  # where nothing is known, one row stands for all
        hidden = self.generator.first(codes[begun], offsets[begun], mask[begun])
        prefix, logs = (
            torch.zeros_like(codes[:, 0]),
            torch.zeros(len(codes), device=codes.device, dtype=torch.float64),
        )
        restricted, own = 0, torch.zeros_like(logs)
        for i, stage in enumerate(self.stages):
            fresh, limits = ~mask[:, stage.blocks], stage.limits
            outputs = stage.outputs(trunk, hidden, len(codes))
            if limits is None:
                drawn, moved = stage.draw(outputs, random)
            else:
                prefix = torch.zeros_like(codes[:, 0]) if limits.first else prefix
                drawn, moved, prefix, weight = stage.draw_within(
                    outputs, prefix, random
                )
                logs = logs + weight
            drawn = torch.where(fresh, drawn, codes[:, stage.blocks])
            codes[:, stage.blocks] = drawn
            if len(stage.columns):
                mode, inside = stage.slots.modes(drawn)
                inside &= fresh[:, stage.slots.continuous]
                offsets[:, stage.columns] = torch.where(
                    inside, moved.gather(1, mode), offsets[:, stage.columns]
                )
            mask[:, stage.blocks] = True
            if i < self.compared:
                own = own + stage.log_likelihood(
                    outputs, drawn, offsets[:, stage.columns]
                )
            if i + 1 < len(self.stages):
                hidden = hidden + stage.reveal(codes, offsets, mask, fresh)
            if limits is not None and limits.last and restricted < self.leading:
                restricted += 1
                if restricted > 1:
                    kept = _resampled(
                        logs, count if restricted == self.leading else len(logs), random
                    )
                    codes, offsets, mask, hidden = (
                        codes[kept],
                        offsets[kept],
                        mask[kept],
                        hidden[kept],
                    )
                    prefix, own, logs = (
                        prefix[kept],
                        own[kept],
                        torch.zeros_like(logs[kept]),
                    )
        return Batch(
            codes,
            offsets,
            mask,
            self._usually(codes, offsets) - own if self.usual else None,
        )

    def _usually(self, codes: Tensor, offsets: Tensor) -> Tensor:
        """Log-likelihood ``[B]`` of whole rows in the order of the passes, as far as it differs."""
        trunk = self.generator.completing
        assert trunk is not None and trunk.from_cells is not None
        mask = torch.zeros_like(codes, dtype=torch.bool)
        hidden = self.generator.first(codes[:1], offsets[:1], mask[:1])
        logs = torch.zeros(len(codes), device=codes.device, dtype=torch.float64)
        for stage in self.usual:
            drawn, moved = codes[:, stage.blocks], offsets[:, stage.columns]
            logs = logs + stage.log_likelihood(
                stage.outputs(trunk, hidden, len(codes)), drawn, moved
            )
            mask[:, stage.blocks] = True
            hidden = hidden + stage.reveal(codes, offsets, mask, mask[:, stage.blocks])
        return logs


def _arranged(passes: Plan, limited: Collection[int], leading: bool) -> Plan:
    """A plan in which every limited block has a pass of its own: before all others, or at its place."""
    found: list[tuple[int, ...]] = [(b,) for b in limited] if leading else []
    for part in passes:
        found += [] if leading else [(b,) for b in sorted(part) if b in limited]
        if rest := tuple(b for b in part if b not in limited):
            found.append(rest)
    return tuple(found)


def _last(passes: Plan, restrictions: Sequence[Restriction]) -> int:
    """Number of the last pass that reveals a restricted column."""
    limited = {b for r in restrictions for b in r.blocks}
    return max(i for i, blocks in enumerate(passes) if limited.intersection(blocks))


def _moderate(logs: Tensor) -> Tensor:
    """Importance weights of mean 1, the largest cut: a little bias for much less variance (Ionides 2008)."""
    weights = (logs - logs.median()).clamp(max=MOST).exp()
    return weights / weights.mean()


def _resampled(logs: Tensor, count: int, random: torch.Generator) -> Tensor:
    """Numbers of ``count`` rows, each as often as its weight says, up to rounding (systematic resampling)."""
    ends = (logs - logs.max()).exp().cumsum(0)
    start = torch.rand(1, generator=random, device=ends.device, dtype=ends.dtype)
    places = (start + torch.arange(count, device=ends.device)) * (ends[-1] / count)
    return torch.searchsorted(ends, places).clamp(max=len(ends) - 1)


# By the blocks that they reveal, and whether within limits.
Stages = dict[tuple[tuple[int, ...], bool], "Stage"]


class Stage:
    """The completing trunk as far as it concerns the blocks that one pass reveals: the columns of its first layer that
    read them and the rows of its head that write them, so that a pass costs no more than what it reveals.
    """

    def __init__(
        self, generator: Generator, blocks: Sequence[int], limits: Limits | None = None
    ) -> None:
        self.limits = limits
        blocks, whole, trunk = (
            sorted(blocks),
            generator.slots.layout,
            generator.completing,
        )
        assert trunk is not None and trunk.from_cells is not None, (
            "this generator completes no rows, report this"
        )
        part = Layout(tuple(whole.blocks[b] for b in blocks))
        device = generator.slots.starts.device
        self.slots = Slots(part).to(device)
        slot = np.zeros(part.width, dtype=np.int64)
        for start, b in zip(part.starts, blocks, strict=True):
            slot[start + np.arange(whole.blocks[b].size)] = whole.starts[b] + np.arange(
                whole.blocks[b].size
            )
        owner = whole.continuous[whole.mode_offsets]
        modes = np.concatenate(
            [np.zeros(0, np.int64), *(np.flatnonzero(owner == b) for b in blocks)]
        ).astype(np.int64)
        numeric = np.flatnonzero(
            np.isin([b for b, k in enumerate(whole.blocks) if k.numeric], blocks)
        )
        sizes = [
            whole.width,
            WAVES * len(owner),
            len(generator.slots.numeric),
            len(owner),
        ]
        reads = [slot, _spread(modes, WAVES), numeric, modes, np.asarray(blocks)]
        found = np.concatenate(
            [
                first + at
                for first, at in zip(np.cumsum([0, *sizes]), reads, strict=True)
            ]
        )
        self.reads = trunk.from_cells.weight[:, torch.as_tensor(found, device=device)]
        writes = torch.as_tensor(
            np.concatenate([slot, whole.width + _spread(modes, PARAMETERS)]),
            device=device,
        )
        inner = trunk.head.weight.shape[1] - len(trunk.from_cells.weight)
        self.head, self.shortcut = trunk.head.weight[writes].split(
            [inner, len(trunk.from_cells.weight)], dim=1
        )
        self.shortcut, self.bias = (
            SHORTCUT * self.shortcut,
            trunk.head.bias[writes].clone(),
        )
        self.bias[: part.width] += self.slots.padding
        self.blocks = torch.as_tensor(np.asarray(blocks), device=device)
        self.completed = [
            [i for i, b in enumerate(blocks) if b in cross.blocks]
            for cross in whole.crosses
        ]
        self.crossed = trunk.crossed if any(self.completed) else None
        self.columns = torch.as_tensor(
            np.flatnonzero(np.isin(whole.continuous, blocks)), device=device
        )

    def draw(
        self, outputs: tuple[Tensor, Tensor], random: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Codes ``[B, blocks]`` and an offset for each of their modes."""
        logits, densities = outputs
        codes = self.slots.sample(logits, random)
        return codes, Mixtures.of(densities, len(self.slots.mode_slots)).draw(random)

    def draw_within(
        self, outputs: tuple[Tensor, Tensor], prefix: Tensor, random: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`draw` of one block within its limits; and as `Limits.draw`, the new prefix and what weighs the rows."""
        assert self.limits is not None, "this stage has no limits, report this"
        code, offsets, prefix, weight = self.limits.draw(*outputs, prefix, random)
        return (
            code[:, None],
            offsets[:, None].expand(-1, len(self.slots.mode_slots)),
            prefix,
            weight,
        )

    def log_likelihood(
        self, outputs: tuple[Tensor, Tensor], codes: Tensor, offsets: Tensor
    ) -> Tensor:
        """Of codes ``[B, blocks]`` and offsets ``[B, columns]``, ``[B]``."""
        slots, (logits, densities) = self.slots, outputs
        logs = slots.log_softmax(logits).gather(1, codes + slots.starts).sum(1)
        mode, inside = slots.modes(codes)
        mixtures = Mixtures.of(densities, len(slots.mode_slots))
        return (
            logs + (mixtures.log_density(offsets, mode) * inside).sum(1)
            if len(self.columns)
            else logs
        )

    def outputs(self, trunk: Trunk, hidden: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """Logits of the blocks, unused slots out of the way, and what their densities are made of: given the first
        layer of ``rows`` rows, or of one that all are like.
        """
        size = CHUNK if hidden.device.type == "cpu" else len(hidden)
        parts = [
            product(trunk.body(some), self.head, self.bias).add_(
                product(some, self.shortcut)
            )
            for some in hidden.split(size)
        ]
        out = (torch.cat(parts) if len(parts) > 1 else parts[0]).expand(rows, -1)
        return out[:, : self.slots.layout.width], out[:, self.slots.layout.width :]

    def reveal(
        self, codes: Tensor, offsets: Tensor, mask: Tensor, fresh: Tensor
    ) -> Tensor:
        """What this pass adds to the first layer, given whole rows of codes ``[B, K]`` and offsets ``[B, C]``, what is
        known of them after it, ``[B, K]``, and which cells it revealed, ``[B, blocks]``.
        """
        found = self.read(codes[:, self.blocks], offsets[:, self.columns], fresh)
        if self.crossed is None:
            return found
        newly = [
            fresh[:, own].any(1) if own else torch.zeros_like(fresh[:, 0])
            for own in self.completed
        ]
        return found + self.crossed(
            codes, self.crossed.known(mask) & torch.stack(newly, dim=1)
        )

    def read(self, codes: Tensor, offsets: Tensor, fresh: Tensor) -> Tensor:
        """What cells add to the first layer, where ``fresh`` marks them; all ``[B, blocks]``."""
        if len(self.columns):
            return product(self.slots.reading(codes, offsets, fresh), self.reads)
        return F.embedding_bag(
            codes + self.slots.starts,
            self.table,
            mode="sum",
            per_sample_weights=fresh.float(),
        )

    @cached_property
    def table(self) -> Tensor:
        """What each code adds, by its slot, where none has an offset: a sum of rows is cheaper than a product."""
        slots = self.slots
        owner = slots.slot_block
        code = torch.arange(len(owner), device=owner.device) - slots.starts[owner]
        own = (
            torch.arange(len(slots.layout.blocks), device=owner.device)
            == owner[:, None]
        )
        codes = torch.where(own, code[:, None], 0).clamp(
            max=torch.as_tensor(slots.layout.sizes - 1).to(owner)
        )
        return product(slots.reading(codes, codes[:, :0].float(), own), self.reads)


def _spread(numbers: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """The places of things of which each has ``count`` of them, side by side."""
    return (numbers[:, None] * count + np.arange(count)).ravel()
