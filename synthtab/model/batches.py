"""Batches of training rows: which rows they hold, and which of their cells are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synthtab.core.layout import Encoded, Layout, plans

# Rows among which rows of a given category are looked up; bounds the memory of the index.
INDEXED_ROWS = 200_000
# Share of a batch that is drawn by a rare category, which is then known.
RARE_SHARE = 0.25
# Share of a batch that is hidden as it is before some pass of sampling.
PLANNED_SHARE = 0.5


@dataclass(frozen=True)
class Batch:
    """Rows on the device.

    Attributes:
        codes: ``[B, K]``.
        offsets: ``[B, C]``.
        mask: ``[B, K]``: which cells are known; None where nothing asks.
        log_weights: ``[B]``: logarithms of importance weights, where rows have such.
        left: ``[B]``: what rules have left of rows, see `synthtab.sampling.rules`.
    """

    codes: Tensor
    offsets: Tensor
    mask: Tensor | None = None
    log_weights: Tensor | None = None
    left: Tensor | None = None


class TrainingRows:
    """The encoded training table on the device, and ways to draw from it.

    Args:
        table: The training rows.
        device: Where to keep them.
        random: The stream of all draws.

    Attributes:
        layout: What codes and offsets mean.
        codes: ``[rows, K]``, in a small integer type.
        offsets: ``[rows, C]``.
        counts: ``[K, codes]``: how many of the indexed rows have each code of each block.
        to_come: Numbers of the rows of this epoch that are still to come, in random order.
    """

    def __init__(
        self, table: Encoded, device: torch.device, random: torch.Generator
    ) -> None:
        self.layout: Layout = table.layout
        # Bytes are not copied: they may be a file that memory does not hold.
        is_bytes = table.codes.dtype == np.uint8
        codes = table.codes if is_bytes else table.codes.astype(np.int16)
        self.codes = torch.as_tensor(codes).to(device)
        self.offsets = torch.as_tensor(table.offsets).to(device)
        self.random = random
        self.to_come = torch.zeros(0, dtype=torch.int64, device=device)
        self._conditionable = torch.as_tensor(self.layout.conditionable, device=device)
        self._known_before_passes = known_cells(self.layout, device)

        # An index of rows by category: for each block, the numbers of the rows sorted by
        # their code, and for each code where its rows end.
        indexed = self.codes[:INDEXED_ROWS].short()  # torch sorts no unsigned integers
        by_code = [column.argsort() for column in indexed.T]
        self._sorted = torch.stack(by_code, dim=1).int()
        sizes = torch.as_tensor(self.layout.sizes, device=device)
        self.counts = torch.zeros(len(sizes), int(sizes.max()), device=device)
        ones = torch.ones(1, device=device).expand(indexed.T.shape)
        self.counts.scatter_add_(1, indexed.T.long(), ones)
        self._ends = self.counts.cumsum(1)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, index: Tensor, mask: Tensor | None = None) -> Batch:
        """The rows with these numbers."""
        return Batch(self.codes[index].long(), self.offsets[index], mask)

    def next(self, size: int) -> Batch:
        """The next ``size`` rows of the epoch; each epoch has a random order of its own."""
        while len(self.to_come) < size:
            order = torch.randperm(
                len(self.codes), generator=self.random, device=self.codes.device
            )
            left = self.to_come
            self.to_come = torch.cat([left, order]) if len(left) else order
        index = self.to_come[:size]
        self.to_come = self.to_come[size:]
        return self.take(index)

    def by_category(self, size: int, nominal: bool = False) -> Batch:
        """Rows drawn so that rare categories are seen often.

        A block uniformly, one of its codes by the logarithm of its frequency, then one of the
        rows that have it: training by sampling (arXiv 1907.00503, section 4.3). The drawn
        cell, and no other, is known.

        Args:
            size: Number of rows.
            nominal: Draw among the blocks of categories alone, as CTGAN does.
        """
        device = self.codes.device
        blocks = len(self.layout.blocks)
        choices = len(self._conditionable) if nominal else blocks
        block = torch.randint(choices, (size,), generator=self.random, device=device)
        if nominal:
            block = self._conditionable[block]
        counts = self.counts[block]
        code = torch.multinomial(counts.log1p(), 1, generator=self.random).squeeze(1)
        rows_of_code = counts.gather(1, code[:, None]).squeeze(1)
        uniform = torch.rand(size, generator=self.random, device=device)
        nth = (uniform * rows_of_code).floor().clamp(max=rows_of_code - 1)
        first = self._ends[block, code] - rows_of_code
        index = self._sorted[(first + nth).long(), block].long()
        mask = torch.zeros(size, blocks, dtype=torch.bool, device=device)
        mask[torch.arange(size, device=device), block] = True
        return self.take(index, mask)

    def partly_known(self, size: int) -> Batch:
        """Rows of which some cells are known: what the completer learns from.

        - A `RARE_SHARE` of the rows comes `by_category`, and the drawn cell is known: given
          that cell, the others follow the data's own conditional frequencies.
        - Of the rows but the last `PLANNED_SHARE`, a share of the cells is known: the share
          is drawn uniformly for each row, then each cell with that probability.
        - The last rows are as sampling meets them, before any pass of any plan.
        """
        rare = int(size * RARE_SHARE)
        planned = size - int(size * PLANNED_SHARE)
        by_category = self.by_category(rare)
        in_order = self.next(size - rare)
        device = self.codes.device

        share = torch.rand(size, 1, generator=self.random, device=device)
        shape = (size, len(self.layout.blocks))
        mask = torch.rand(shape, generator=self.random, device=device) < share
        assert by_category.mask is not None
        mask[:rare] |= by_category.mask
        passes = torch.randint(
            len(self._known_before_passes),
            (size - planned,),
            generator=self.random,
            device=device,
        )
        mask[planned:] = self._known_before_passes[passes]
        codes = torch.cat([by_category.codes, in_order.codes])
        offsets = torch.cat([by_category.offsets, in_order.offsets])
        return Batch(codes, offsets, mask)


def known_cells(layout: Layout, device: torch.device) -> Tensor:
    """What is known before each pass, where rows are drawn a unit at a time.

    Half of the rows of training hide what sampling would find hidden.

    Returns:
        ``[orders x passes, K]``: a row for each pass of each of the `plans`.
    """
    masks = [np.zeros((0, len(layout.blocks)), dtype=bool)]
    for plan in plans(layout, len(layout.units)):
        known = np.zeros((len(plan), len(layout.blocks)), dtype=bool)
        for number, blocks in enumerate(plan):
            known[number + 1 :, list(blocks)] = True
        masks.append(known)
    return torch.as_tensor(np.concatenate(masks), device=device)
