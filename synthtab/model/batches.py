"""Which rows a batch holds, and which of their cells the generator observes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synthtab.core.layout import Encoded, Layout
from synthtab.core.randomness import Streams

# Rows among which rows of a given category are looked up; bounds the memory of the
# index.
POOL = 200_000

# Orders of the columns, each for its share of the rows. A model that completes rows is
# a little wrong in every order, and in another way: the mixture is better than any of
# its parts (docs/lab.md).
ORDERS = 8

# The blocks of the layout that each pass reveals, in the order of the passes.
Plan = tuple[tuple[int, ...], ...]


def plans(layout: Layout, passes: int) -> tuple[Plan, ...]:
    """Ways to split the columns evenly over at most ``passes`` passes: one way for one pass, else `ORDERS`, at random
    but the same for every model of a layout, with `Layout.last` at the end, and what is in a cross before what it
    explains: the weather of a day is easily drawn, not the day of some weather. What no cross explains comes first: of
    the hours of a day a model would learn by heart which ones the training rows have (docs/lab.md). The parts of a
    column follow each other.
    """
    columns = list(layout.columns.values())
    crossed = {b for cross in layout.crosses for b in cross.blocks}
    apart = (
        set.intersection(*(set(cross.apart) for cross in layout.crosses))
        if layout.crosses
        else set()
    )
    late = np.array(
        [
            crossed.isdisjoint(blocks) - 2 * apart.issuperset(blocks)
            for blocks in columns
        ]
    )
    passes, random = (
        min(max(1, passes), max(1, len(layout.units))),
        Streams(0).numpy("orders"),
    )
    orders = (
        [random.permutation(len(columns)) for _ in range(ORDERS)]
        if passes > 1
        else [np.arange(len(columns))]
    )
    orders = [order[np.argsort(late[order], kind="stable")] for order in orders]
    if layout.last in layout.columns:
        last = list(layout.columns).index(layout.last)
        orders = [np.append(order[order != last], last) for order in orders]
    return tuple(
        tuple(
            tuple(part.tolist())
            for part in np.array_split([b for c in order for b in columns[c]], passes)
        )
        for order in orders
    )


def prefixes(layout: Layout, device: torch.device) -> Tensor:
    """What is observed when rows are made a column at a time, ``[orders x columns, K]``: a row for every pass."""
    masks = np.zeros((0, len(layout.blocks)), dtype=bool)
    for plan in plans(layout, len(layout.units)):
        shown = np.zeros((len(plan), len(layout.blocks)), dtype=bool)
        for number, blocks in enumerate(plan):
            shown[number + 1 :, list(blocks)] = True
        masks = np.concatenate([masks, shown])
    return torch.as_tensor(masks, device=device)


@dataclass(frozen=True)
class Batch:
    """Rows on the device: codes ``[B, K]``, offsets ``[B, C]``, what is observed, ``[B, K]`` or None, and logarithms of
    importance weights ``[B]``, where rows have such.
    """

    codes: Tensor
    offsets: Tensor
    mask: Tensor | None = None
    logs: Tensor | None = None


class Rows:
    """The encoded training table on the device, and ways to draw from it.

    Epochs go through all rows in a new random order. `by_category` draws rows so that rare categories are
    seen often: a block uniformly, one of its codes by the logarithm of its frequency, then one of the rows
    that have it (arXiv 1907.00503, section 4.3, which calls it training by sampling).
    """

    def __init__(
        self, table: Encoded, device: torch.device, random: torch.Generator
    ) -> None:
        self.layout: Layout = table.layout
        codes = (
            table.codes
            if table.codes.dtype == np.uint8
            else table.codes.astype(np.int16)
        )  # no copy of bytes
        self.codes = torch.as_tensor(codes).to(device)
        self.offsets = torch.as_tensor(table.offsets).to(device)
        self.random = random
        self._order = torch.zeros(0, dtype=torch.int64, device=device)
        pool = self.codes[:POOL].short()  # torch sorts no unsigned ones
        self._sorted = torch.stack([column.argsort() for column in pool.T], dim=1).int()
        sizes = torch.as_tensor(self.layout.sizes, device=device)
        self.counts = torch.zeros(len(sizes), int(sizes.max()), device=device)
        self.counts.scatter_add_(
            1, pool.T.long(), torch.ones(1, device=device).expand(pool.T.shape)
        )
        self._ends = self.counts.cumsum(1)
        self._nominal = torch.as_tensor(self.layout.conditionable, device=device)
        self._prefixes = prefixes(self.layout, device)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, index: Tensor, mask: Tensor | None = None) -> Batch:
        """The rows with these numbers."""
        return Batch(self.codes[index].long(), self.offsets[index], mask)

    def next(self, size: int) -> Batch:
        """The next ``size`` rows of the epoch."""
        while len(self._order) < size:
            order = torch.randperm(
                len(self.codes), generator=self.random, device=self.codes.device
            )
            self._order = torch.cat([self._order, order]) if len(self._order) else order
        index, self._order = self._order[:size], self._order[size:]
        return self.take(index)

    def by_category(self, size: int, nominal: bool = False) -> Batch:
        """Rows of drawn categories; exactly the drawn block of each row is observed. ``nominal`` draws among
        the blocks of categories alone, as CTGAN does.
        """
        device, blocks = self.codes.device, len(self.layout.blocks)
        block = torch.randint(
            len(self._nominal) if nominal else blocks,
            (size,),
            generator=self.random,
            device=device,
        )
        if nominal:
            block = self._nominal[block]
        counts = self.counts[block]
        code = torch.multinomial(counts.log1p(), 1, generator=self.random).squeeze(1)
        count = counts.gather(1, code[:, None]).squeeze(1)
        nth = torch.rand(size, generator=self.random, device=device) * count
        first = self._ends[block, code] - count
        place = (first + nth.floor().clamp(max=count - 1)).long()
        mask = torch.zeros(size, blocks, dtype=torch.bool, device=device)
        mask[torch.arange(size, device=device), block] = True
        return self.take(self._sorted[place, block].long(), mask)

    def subset(self, size: int, rare: float = 0.25, planned: float = 0.5) -> Batch:
        """Rows with any subset of their cells observed: a share drawn uniformly per row, then each cell with
        that probability; but a ``planned`` share of the rows as sampling will meet them, any of `prefixes`. A ``rare``
        share of the rows comes from `by_category`, with the drawn cell observed: given that cell, the others follow
        the data's own conditional frequencies.
        """
        few, last = int(size * rare), size - int(size * planned)
        drawn, plain = self.by_category(few), self.next(size - few)
        device = self.codes.device
        share = torch.rand(size, 1, generator=self.random, device=device)
        mask = (
            torch.rand(
                size, len(self.layout.blocks), generator=self.random, device=device
            )
            < share
        )
        assert drawn.mask is not None
        mask[:few] |= drawn.mask
        met = torch.randint(
            len(self._prefixes), (size - last,), generator=self.random, device=device
        )
        mask[last:] = self._prefixes[met]
        return Batch(
            torch.cat([drawn.codes, plain.codes]),
            torch.cat([drawn.offsets, plain.offsets]),
            mask,
        )
