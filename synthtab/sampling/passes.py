"""One pass of sampling: the completer, cut down to the blocks that the pass reveals.

A pass reads the cells that it reveals and writes nothing else. So it needs the columns of the
completer's first layer that read these cells, and the rows of its head that write them: a pass
costs no more than what it reveals. The layers between are computed in full.

`joined_plans` decides which columns may be drawn in one pass: fewer passes are faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from synthtab.core.layout import Encoded, Layout
from synthtab.model.completer import PARAMETERS, SHORTCUT, Completer, Mixtures
from synthtab.model.networks import Networks
from synthtab.model.orders import Plan, plans
from synthtab.model.slots import WAVES, Slots
from synthtab.runtime.compute import fast_products, product
from synthtab.sampling.limits import Limits

# Rows that a processor takes at a time: what it computes of them stays in its cache.
CHUNK_ROWS = 1024

# What the head says of the blocks of a pass: logits ``[B, slots of these blocks]``, and the
# parameters of the mixtures of their modes, ``[B, modes x PARAMETERS]``.
Outputs = tuple[Tensor, Tensor]


class Pass:
    """The completer as far as it concerns the blocks that one pass reveals.

    Args:
        completer: The whole network.
        blocks: Which blocks the pass reveals.
        limits: What the cells of the pass must be within; then it reveals one block.
    """

    def __init__(
        self, completer: Completer, blocks: Sequence[int], limits: Limits | None = None
    ) -> None:
        layout = completer.slots.layout
        device = completer.slots.starts.device
        blocks = sorted(blocks)
        part = Layout(tuple(layout.blocks[b] for b in blocks))
        self.completer = completer
        self.limits = limits
        self.slots = Slots(part).to(device)
        self.blocks = torch.as_tensor(np.asarray(blocks), device=device)
        # The columns of the offsets array that these blocks have.
        columns = np.flatnonzero(np.isin(layout.continuous, blocks))
        self.columns = torch.as_tensor(columns, device=device)

        # The slots of the whole flat vector that are those of the part, in its order.
        slots = np.zeros(part.width, dtype=np.int64)
        for start, b in zip(part.starts, blocks, strict=True):
            codes = np.arange(layout.blocks[b].size)
            slots[start + codes] = layout.starts[b] + codes
        block_of_mode = layout.continuous[layout.mode_offsets]
        modes_by_block = [np.flatnonzero(block_of_mode == b) for b in blocks]
        modes = np.concatenate([np.zeros(0, np.int64), *modes_by_block])
        modes = modes.astype(np.int64)

        reads = _inputs(layout, blocks, slots, modes)
        reads_on_device = torch.as_tensor(reads, device=device)
        self.read_weight = completer.from_cells.weight[:, reads_on_device]

        parameters = layout.width + _spread(modes, PARAMETERS)
        writes = torch.as_tensor(np.concatenate([slots, parameters]), device=device)
        first_width = len(completer.from_cells.weight)
        deep_width = completer.head.weight.shape[1] - first_width
        weight = completer.head.weight[writes]
        self.head_weight, shortcut = weight.split([deep_width, first_width], dim=1)
        self.shortcut_weight = SHORTCUT * shortcut
        self.bias = completer.head.bias[writes].clone()
        self.bias[: part.width] += self.slots.padding

        # For each cross, which blocks of this pass (by their place in it) are in it.
        self.cross_members = [
            [i for i, b in enumerate(blocks) if b in cross.blocks]
            for cross in layout.crosses
        ]
        self.crossed = completer.crossed if any(self.cross_members) else None

    # -- what the pass draws

    def outputs(self, hidden: Tensor, rows: int) -> Outputs:
        """What the head says of the blocks of this pass.

        Args:
            hidden: The first layer, ``[rows, width]``, or ``[1, width]`` for all rows.
            rows: Number of rows.
        """
        size = CHUNK_ROWS if hidden.device.type == "cpu" else len(hidden)
        chunks = []
        for chunk in hidden.split(size):
            deep = self.completer.body(chunk)
            out = product(deep, self.head_weight, self.bias)
            chunks.append(out.add_(product(chunk, self.shortcut_weight)))
        outputs = torch.cat(chunks) if len(chunks) > 1 else chunks[0]
        outputs = outputs.expand(rows, -1)
        width = self.slots.layout.width
        return outputs[:, :width], outputs[:, width:]

    def draw(self, outputs: Outputs, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Codes ``[B, blocks]``, and an offset for each of their modes."""
        logits, densities = outputs
        codes = self.slots.sample(logits, random)
        mixtures = Mixtures.of(densities, len(self.slots.mode_slots))
        return codes, mixtures.draw(random)

    def draw_within(
        self, outputs: Outputs, prefix: Tensor, random: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`draw` within the limits.

        Returns:
            Codes ``[B, 1]``, an offset for each mode, the new prefix ``[B]`` and the
            log-probability ``[B]`` of what is within the limits: see `Limits.draw`.
        """
        assert self.limits is not None, "this pass has no limits, report this"
        code, offset, prefix, weight = self.limits.draw(*outputs, prefix, random)
        offsets = offset[:, None].expand(-1, len(self.slots.mode_slots))
        return code[:, None], offsets, prefix, weight

    def log_likelihood(
        self, outputs: Outputs, codes: Tensor, offsets: Tensor
    ) -> Tensor:
        """Log-likelihood ``[B]`` of cells.

        Args:
            outputs: What the head says of them.
            codes: ``[B, blocks]``.
            offsets: ``[B, columns]``.
        """
        logits, densities = outputs
        slots = self.slots
        logs = slots.log_softmax(logits).gather(1, codes + slots.starts).sum(1)
        if not len(self.columns):
            return logs
        mode, in_a_mode = slots.modes(codes)
        mixtures = Mixtures.of(densities, len(slots.mode_slots))
        return logs + (mixtures.log_density(offsets, mode) * in_a_mode).sum(1)

    # -- what the next passes see

    def reveal(
        self, codes: Tensor, offsets: Tensor, mask: Tensor, fresh: Tensor
    ) -> Tensor:
        """What this pass adds to the first layer, ``[B, width]``.

        Args:
            codes: Of whole rows, ``[B, K]``.
            offsets: Of whole rows, ``[B, C]``.
            mask: ``[B, K]``: which cells are known after this pass.
            fresh: ``[B, blocks]``: which cells this pass has revealed; others were known.
        """
        added = self._read(codes[:, self.blocks], offsets[:, self.columns], fresh)
        if self.crossed is None:
            return added
        # A combination counts once, in the pass that completes it.
        newly = [
            fresh[:, members].any(1) if members else torch.zeros_like(fresh[:, 0])
            for members in self.cross_members
        ]
        completed = self.crossed.known(mask) & torch.stack(newly, dim=1)
        return added + self.crossed(codes, completed)

    def _read(self, codes: Tensor, offsets: Tensor, fresh: Tensor) -> Tensor:
        """What the cells that ``fresh`` marks add to the first layer."""
        if len(self.columns):
            reading = self.slots.reading(codes, offsets, fresh)
            return product(reading, self.read_weight)
        # A sum of rows of a table is cheaper than a product with one-hot vectors.
        return F.embedding_bag(
            codes + self.slots.starts,
            self._code_table,
            mode="sum",
            per_sample_weights=fresh.float(),
        )

    @cached_property
    def _code_table(self) -> Tensor:
        """``[slots, width]``: what each code adds, where no block has an offset."""
        slots = self.slots
        device = slots.slot_block.device
        block_of_slot = slots.slot_block
        # Row i of the readings is a row whose only known cell has the code of slot i.
        code = torch.arange(len(block_of_slot), device=device)
        code = code - slots.starts[block_of_slot]
        blocks = torch.arange(len(slots.layout.blocks), device=device)
        mask = blocks == block_of_slot[:, None]
        last_codes = torch.as_tensor(slots.layout.sizes - 1).to(block_of_slot)
        codes = torch.where(mask, code[:, None], 0).clamp(max=last_codes)
        no_offsets = codes[:, :0].float()
        reading = slots.reading(codes, no_offsets, mask)
        return product(reading, self.read_weight)


def _inputs(
    layout: Layout,
    blocks: list[int],
    slots: npt.NDArray[np.int64],
    modes: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Which inputs of the whole first layer read the cells of some blocks.

    In the order in which `Slots.reading` of these blocks alone has them.
    """
    all_modes = len(layout.mode_slots)
    all_numeric = [b for b, block in enumerate(layout.blocks) if block.numeric]
    numeric = np.flatnonzero(np.isin(all_numeric, blocks))
    # The parts of `Slots.reading`: one-hot, Fourier features, numbers, probits, known cells.
    sizes = [layout.width, WAVES * all_modes, len(all_numeric), all_modes]
    parts = [slots, _spread(modes, WAVES), numeric, modes, np.asarray(blocks)]
    starts = np.cumsum([0, *sizes])
    return np.concatenate(
        [start + part for start, part in zip(starts, parts, strict=True)]
    )


def _spread(numbers: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """The places of things of which each has ``count``, side by side.

    >>> _spread(np.array([0, 2]), 3)
    array([0, 1, 2, 6, 7, 8])
    """
    return (numbers[:, None] * count + np.arange(count)).ravel()


# ------------------------------------------------------------------------------------------
# Which columns one pass may draw

# Nats per row that a column may lose by not seeing the columns that its pass draws with it.
JOINING_LOSS = 0.005
# Held-out rows that are asked.
JOINING_ROWS = 1000


@torch.inference_mode()
@fast_products()
def joined_plans(networks: Networks, held_out: Encoded) -> tuple[Plan, ...]:
    """The plans of a unit at a time, neighbours joined where they are independent.

    A unit joins the pass of the one before it if the mean log-likelihood of its held-out
    cells, given all earlier ones, falls by less than `JOINING_LOSS` when those of the pass are
    hidden: that is their conditional mutual information, as far as the completer knows of it.
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
        own_codes = codes[:, one.blocks]
        own_offsets = offsets[:, one.columns]
        return float(one.log_likelihood(outputs, own_codes, own_offsets).mean())

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
