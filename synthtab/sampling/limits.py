"""Draws of a column's cells within a `Restriction`: codes and offsets in proportion to what the network gives them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from synthtab.core.layout import Layout, Restriction
from synthtab.model.completer import Mixtures
from synthtab.model.slots import choose

# Logit of a code that is left out.
NEVER = -1e9


class Limits:
    """A `Restriction` on a device, for one of the column's blocks.

    A column of several digits is drawn digit by digit: which ones may follow depends on those before, the *prefix* of
    a row. The first block of a column starts with prefix 0.

    Args:
        restriction: What the column's cells may be.
        number: Which of its blocks.
        layout: Of the table.
        device: Where.
    """

    def __init__(
        self,
        restriction: Restriction,
        number: int,
        layout: Layout,
        device: torch.device,
    ) -> None:
        self.block = restriction.blocks[number]
        self.first, self.last = number == 0, number + 1 == len(restriction.blocks)
        block, codes = layout.blocks[self.block], np.asarray(restriction.codes)
        self.atoms, self.modes = block.atoms, block.modes
        whole = (restriction.low <= 0) & (restriction.high >= 1)
        self.partial = number == 0 and not whole.all()

        def keep(array: object, dtype: torch.dtype) -> Tensor:
            return torch.as_tensor(np.asarray(array), dtype=dtype, device=device)

        if self.partial:
            code, low, high = np.unique(
                np.stack([codes[:, 0], restriction.low, restriction.high]), axis=1
            )
            local = code - block.atoms
            self.codes, self.next = (
                keep(code, torch.int64),
                keep(np.unique(code, return_inverse=True)[1], torch.int64),
            )
            self.low, self.high = (keep(x, torch.float64) for x in (low, high))
            self.mode, self.inside = (
                keep(local.clip(min=0), torch.int64),
                keep(local >= 0, torch.bool),
            )
            return
        before = np.unique(codes[:, :number], axis=0, return_inverse=True)[1].ravel()
        after = np.unique(codes[:, : number + 1], axis=0, return_inverse=True)[
            1
        ].ravel()
        allowed = np.full((int(before.max()) + 1, block.size), NEVER)
        following = np.zeros(allowed.shape, dtype=np.int64)
        allowed[before, codes[:, number]], following[before, codes[:, number]] = (
            0.0,
            after,
        )
        self.allowed, self.following = (
            keep(allowed, torch.float32),
            keep(following, torch.int64),
        )

    def draw(
        self, logits: Tensor, densities: Tensor, prefix: Tensor, random: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Codes ``[B]``, offsets ``[B]``, the new prefix ``[B]`` and the logarithm of the probability of what is
        allowed, ``[B]``, given the block's logits ``[B, size]`` and the outputs of its densities.
        """
        logs, mixtures = logits.log_softmax(1), Mixtures.of(densities, self.modes)
        if self.partial:
            mass = mixtures.log_mass(self.low, self.high, self.mode)
            pieces = logs[:, self.codes].double() + torch.where(self.inside, mass, 0.0)
            chosen = choose(pieces, random)
            offsets = mixtures.draw_within(
                self.low[chosen], self.high[chosen], self.mode[chosen], random
            )
            return self.codes[chosen], offsets, self.next[chosen], pieces.logsumexp(1)
        logs = logs + self.allowed[prefix]
        code = choose(logs, random)
        offsets = torch.full((len(code),), 0.5, device=code.device)
        if self.modes:
            offsets = mixtures.draw(random).gather(
                1, (code - self.atoms).clamp(min=0)[:, None]
            )[:, 0]
        return code, offsets, self.following[prefix, code], logs.logsumexp(1).double()
