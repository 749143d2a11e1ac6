"""Limits: what the sampler is handed of a `Region`, to draw within it.

A cell is drawn from what the network says of it, cut to the region: in proportion to
the probability of each code, and of each range of offsets. How probable the region was
is returned, too, since it weighs the rows (see `OrderSampler`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synthtab.core.layout import Layout, Region
from synthtab.model.layers import Mixtures, choose

# Logit of a code that is left out.
NEVER = -1e9

Ints = npt.NDArray[np.int64]
# What a draw gives for B rows, each ``[B]``: codes, offsets, the new prefixes, and the
# log-probabilities of what was within the limits.
Draw = tuple[Tensor, Tensor, Tensor, Tensor]


class Limits:
    """A `Region` on a device, for one of its blocks.

    A column of several blocks, such as the digits of a number, is drawn block by block.
    Which codes may follow depends on those before, the *prefix* of a row. Prefixes are
    numbered; the first block of a column starts with prefix 0.

    Args:
        region: What the column's cells may be.
        number: Which of its blocks.
        layout: Of the table.
        device: Where.

    Attributes:
        block: The block's number in the layout.
        first: Whether it is the first one of its column.
        last: Whether it is the last one of its column.
        partial: Whether it is limited to parts of its modes: only a first block is.
    """

    def __init__(
        self,
        region: Region,
        number: int,
        layout: Layout,
        device: torch.device,
    ) -> None:
        self.block = region.blocks[number]
        self.first = number == 0
        self.last = number + 1 == len(region.blocks)
        self.atoms = layout.blocks[self.block].atoms
        self.modes = layout.blocks[self.block].modes
        has_all_offsets = (region.low <= 0) & (region.high >= 1)
        self.partial = self.first and not has_all_offsets.all()
        if self.partial:
            self._hold_pieces(region, device)
        else:
            codes = region.codes.astype(np.int64)
            size = layout.blocks[self.block].size
            self._hold_codes(codes, number, size, device)

    def _hold_pieces(self, region: Region, device: torch.device) -> None:
        """Hold the pieces of a first block: its codes and ranges of offsets."""
        first_codes = region.codes[:, 0]
        pieces = np.stack([first_codes, region.low, region.high])
        # As whole pieces, sorted by code.
        codes, low, high = np.unique(pieces, axis=1)
        codes = codes.astype(np.int64)
        # Each code leads to a prefix, numbered in the order of the codes.
        _, prefixes = np.unique(codes, return_inverse=True)
        # Negative for an atom.
        mode = codes - self.atoms
        self.codes = torch.as_tensor(codes, device=device)
        self.low = torch.as_tensor(low, device=device)
        self.high = torch.as_tensor(high, device=device)
        self.prefixes = torch.as_tensor(prefixes, device=device)
        self.mode = torch.as_tensor(mode.clip(min=0), device=device)
        self.in_a_mode = torch.as_tensor(mode >= 0, device=device)

    def _hold_codes(
        self,
        codes: Ints,
        number: int,
        size: int,
        device: torch.device,
    ) -> None:
        """Hold which codes may follow each prefix, and which prefix they lead to."""
        before = _numbers_of_rows(codes[:, :number])
        after = _numbers_of_rows(codes[:, : number + 1])
        shape = (int(before.max()) + 1, size)
        logits = np.full(shape, NEVER, dtype=np.float32)
        prefixes = np.zeros(shape, dtype=np.int64)
        logits[before, codes[:, number]] = 0.0
        prefixes[before, codes[:, number]] = after
        # Both ``[prefixes, size]``.
        self.logits_after = torch.as_tensor(logits, device=device)
        self.prefixes_after = torch.as_tensor(prefixes, device=device)

    def draw(
        self,
        logits: Tensor,
        densities: Tensor,
        prefix: Tensor,
        random: torch.Generator,
    ) -> Draw:
        """Draw a cell of each row.

        Args:
            logits: What the network says of the block's codes, ``[B, size]``.
            densities: The parameters of the mixtures of its modes.
            prefix: ``[B]``.
            random: Randomness.
        """
        logs = logits.log_softmax(1)
        mixtures = Mixtures.of(densities, self.modes)
        if self.partial:
            return self._draw_piece(logs, mixtures, random)
        logs = logs + self.logits_after[prefix]
        code = choose(logs, random)
        offsets = torch.full_like(code, 0.5, dtype=torch.float32)
        if self.modes:
            mode = (code - self.atoms).clamp(min=0)
            offsets_of_modes = mixtures.draw(random)
            offsets = offsets_of_modes.gather(1, mode[:, None])
            offsets = offsets.squeeze(1)
        log_probability = logs.logsumexp(1).double()
        next_prefix = self.prefixes_after[prefix, code]
        return code, offsets, next_prefix, log_probability

    def _draw_piece(
        self,
        logs: Tensor,
        mixtures: Mixtures,
        random: torch.Generator,
    ) -> Draw:
        """`draw` of a block that is limited to parts of its modes."""
        # A piece is as probable as its code, times the mass of its offsets in a mode.
        mass = mixtures.log_mass(self.low, self.high, self.mode)
        mass = torch.where(self.in_a_mode, mass, 0.0)
        pieces = logs[:, self.codes].double() + mass
        chosen = choose(pieces, random)
        low = self.low[chosen]
        high = self.high[chosen]
        mode = self.mode[chosen]
        offsets = mixtures.draw_within(low, high, mode, random)
        log_probability = pieces.logsumexp(1)
        return self.codes[chosen], offsets, self.prefixes[chosen], log_probability


def _numbers_of_rows(codes: Ints) -> Ints:
    """``[n]``: rows of codes as numbers, equal ones as the same number."""
    _, numbers = np.unique(codes, axis=0, return_inverse=True)
    return numbers.ravel()
