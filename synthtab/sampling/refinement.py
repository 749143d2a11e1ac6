"""The last stage of sampling: of a pool of generated rows, keep those that boosted trees take for real, at the
data's own one-way frequencies.

Trees see dependencies that a network misses. With h the log-odds that they give a row of being generated, exp(-h)
estimates the density ratio of real to generated rows; a row's chance to be kept is proportional to it (rejection
sampling; Azadi et al., arXiv 1810.06758, do so with a GAN's own critic). A second round of trees, grown against
what the first one lets through, goes on where that one stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synthtab.core.layout import Encoded, Layout
from synthtab.core.randomness import Streams
from synthtab.runtime.threads import shared_trees
from synthtab.sampling.trees import BINS, LEAVES, Binning, Forest

# Equal steps of the offset of a mode whose frequencies are raked.
STEPS = 16
# Times that raking goes through the columns.
SWEEPS = 4
# Largest log-odds that one forest may give.
CLIP = 4.0
# Most trees of a forest, and how much each may say.
TREES, RATE = 900, 0.15
# Share of the rows that stop a forest, and after how many trees that do not help them:
# later trees learn the training rows by heart (docs/lab.md).
KEPT_OUT, PATIENCE = 0.15, 10
# Most training rows that trees are grown on, and generated ones for each.
REAL, FAKE = 60_000, 2.0
# Generated rows whose weights decide the size of the pool.
MOST_WEIGHTS = 1_000_000
# Rows that are counted at a time.
COUNTED = 1 << 16
# Least and most rows generated for each one kept;
POOL = (1.5, 8.0)
# and where nothing but the frequencies choose.
RAKED = 1.25
# Share of the weights that may be lost, since no row is kept more than once.
CUT = 0.01

# Rows of the generator, none of them left out.
Draw = Callable[[int, Streams], Encoded]


@dataclass
class Refinement:
    """What keeps rows.

    Attributes:
        forests: Log-odds of being generated; one per round.
        shares: ``[K, 255]``: the training rows' frequencies in the bins of raking; None not to rake.
        pool: Rows to generate for each one kept.
    """

    forests: tuple[Forest, ...]
    shares: Tensor | None
    pool: float

    def without_trees(self) -> Refinement:
        """The frequencies alone."""
        return Refinement((), self.shares, RAKED)

    def compiled(self, layout: Layout, device: torch.device) -> Chooser:
        """Ready to choose rows on a device."""
        return Chooser(self, layout, device)

    def state(self) -> dict[str, Tensor]:
        """Named tensors for `from_state`."""
        state = {
            f"forest.{i}.{name}": t
            for i, f in enumerate(self.forests)
            for name, t in f.state().items()
        }
        if self.shares is not None:
            state["shares"] = self.shares
        return {**state, "pool": torch.tensor(self.pool)}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Refinement:
        """The inverse of `state`."""
        forests: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            if name.startswith("forest."):
                _, number, part = name.split(".")
                forests.setdefault(int(number), {})[part] = tensor
        grown = tuple(Forest.from_state(forests[i]) for i in range(len(forests)))
        return cls(grown, state.get("shares"), float(state["pool"]))


class Chooser:
    """A `Refinement` on a device."""

    def __init__(
        self, refinement: Refinement, layout: Layout, device: torch.device
    ) -> None:
        self.binning = Binning(layout, device)
        self.coarse = Binning(layout, device, STEPS)
        self.scorers = [forest.compiled(device) for forest in refinement.forests]
        self.shares = (
            None if refinement.shares is None else refinement.shares.to(device)
        )
        self.pool = refinement.pool

    def weights(self, codes: Tensor, offsets: Tensor) -> Tensor:
        """Estimated density ratios of real to generated rows, ``[B]``, up to a factor."""
        if not self.scorers:
            return torch.ones(len(codes), device=codes.device)
        cells = self.binning(codes, offsets)
        odds = torch.stack(
            [scorer(cells).clamp(-CLIP, CLIP) for scorer in self.scorers]
        ).sum(0)
        return (odds.min() - odds).exp()

    def chances(
        self, codes: Tensor, offsets: Tensor, count: int, weights: Tensor | None = None
    ) -> Tensor:
        """Of every row of a pool, the probability to be among the ``count`` that are kept: in proportion to its
        weight, at most 1, and raked, so that in the bins of every column they sum to what the training rows would
        have there (Deming and Stephan 1940).
        """
        own = self.weights(codes, offsets).double()
        chance = _capped(own if weights is None else own * weights, count)
        if self.shares is None:
            return chance
        cells, wanted = self.coarse(codes, offsets).T.long(), self.shares * count
        for _ in range(SWEEPS):
            for column, want in zip(cells, wanted, strict=True):
                have = torch.zeros(
                    BINS, dtype=chance.dtype, device=chance.device
                ).index_add_(0, column, chance)
                factor = ((want + 0.5) / (have + 0.5)).clamp(0.5, 2.0)
                chance = (chance * factor[column]).clamp(max=1.0)
        return _capped(chance, count)

    def choose(
        self,
        codes: Tensor,
        offsets: Tensor,
        count: int,
        random: torch.Generator,
        weights: Tensor | None = None,
    ) -> Tensor:
        """Numbers of ``count`` different rows of a pool, in random order, drawn with their `chances`; ``weights`` come
        on top of those that the trees give.
        """
        chance = self.chances(codes, offsets, count, weights)
        # systematic sampling in random order (Madow 1949): the sizes of all bins vary little, none is kept twice
        order = torch.randperm(len(chance), generator=random, device=chance.device)
        ends = chance[order].cumsum(0)
        start = torch.rand(1, generator=random, device=chance.device, dtype=ends.dtype)
        places = torch.searchsorted(
            ends, (start + torch.arange(count, device=ends.device)) * (ends[-1] / count)
        )
        picked = order[places.clamp(max=len(order) - 1)]
        return picked[torch.randperm(count, generator=random, device=picked.device)]


def frequencies(rows: Encoded) -> Tensor:
    """``[K, 255]``: frequencies of the bins of raking."""
    binning = Binning(rows.layout, torch.device("cpu"), STEPS)
    counts = torch.zeros(len(rows.layout.blocks), BINS, dtype=torch.int64)
    for start in range(0, len(rows), COUNTED):
        cells = torch.as_tensor(
            binning.cells(rows.take(slice(start, start + COUNTED)))
        ).long()
        counts += torch.stack(
            [torch.bincount(column, minlength=BINS) for column in cells.T]
        )
    return counts.double() / len(rows)


def learn(
    rows: Encoded,
    rounds: int,
    rake: bool,
    draw: Draw,
    streams: Streams,
    tell: Callable[[float], None],
) -> Refinement:
    """Grow forests on the training rows, each against the generated ones that the earlier ones let through.

    Args:
        rows: The training rows.
        rounds: How many forests.
        rake: Whether to keep the rows' one-way frequencies.
        draw: Generates rows.
        streams: Randomness.
        tell: Told the share of the work that is done.
    """
    binning = Binning(rows.layout, torch.device("cpu"))
    found = Refinement((), frequencies(rows) if rake else None, POOL[0])
    real = rows.take(streams.numpy("refinement").permutation(len(rows))[:REAL])
    for number in range(rounds + 1):
        own = Streams(streams.integer("forest", number))
        fake = draw(int(FAKE * len(real)), own)
        codes, offsets = (
            torch.as_tensor(fake.codes.astype(np.int64)),
            torch.as_tensor(fake.offsets),
        )
        chooser = found.compiled(rows.layout, torch.device("cpu"))
        found.pool = _pool(chooser.weights(codes, offsets))
        if number == rounds:
            return found
        kept = chooser.chances(codes, offsets, int(len(fake) / found.pool)).numpy()
        labels = np.repeat([0, 1], [len(real), len(fake)])
        with shared_trees():
            forest = Forest.grow(
                np.concatenate([binning.cells(real), binning.cells(fake)]),
                labels,
                np.concatenate([np.ones(len(real)), kept * (len(real) / kept.sum())]),
                binning.nominal,
                max_iter=TREES,
                learning_rate=RATE,
                max_leaf_nodes=LEAVES,
                min_samples_leaf=50,
                l2_regularization=5.0,
                early_stopping=True,
                validation_fraction=KEPT_OUT,
                n_iter_no_change=PATIENCE,
                random_state=own.integer("trees") % 2**32,
            )
        found = Refinement((*found.forests, forest), found.shares, POOL[0])
        tell((number + 1) / rounds)
    return found


def _pool(weights: Tensor) -> float:
    """How many rows to generate for each one kept: the fewest, in halves, that lose no more than `CUT` of the weights
    to the cap of `_capped`.
    """
    sizes = torch.arange(POOL[0], POOL[1], 0.5, dtype=weights.dtype)
    relative = weights[:MOST_WEIGHTS] / weights[:MOST_WEIGHTS].mean()
    return next(
        (float(s) for s in sizes if (relative - s).clamp(min=0).mean() <= CUT), POOL[1]
    )


def _capped(weights: Tensor, count: int) -> Tensor:
    """Probabilities in proportion to weights, at most 1, that sum to ``count``."""
    chance = weights * (count / weights.sum())
    for _ in range(20):
        over = chance >= 1
        rest = torch.where(over, 0.0, chance)
        scale = (count - over.sum()) / rest.sum().clamp(min=1e-12)
        chance = torch.where(over, 1.0, chance * scale)
    return chance.clamp(max=1.0)
