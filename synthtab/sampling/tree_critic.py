"""The tree critic: of a pool of generated rows, it keeps those that look real.

Trees see dependencies that a network misses. After training, boosted trees are grown to
tell real rows from generated ones. With h the log-odds that they give a row of being
generated, exp(-h) estimates the density ratio of real to generated rows, and a row's
chance to be kept is proportional to it (rejection sampling; Azadi et al., arXiv
1810.06758, do so with a GAN's own critic). A second round of trees, grown against what
the first one lets through, goes on where that one stopped. Last, the chances are raked,
so that the kept rows have the one-way frequencies of the training rows.

    grow          learns a `TreeCritic` from training rows and a generator of rows
    Sight         what the trees see of a row: a bin for each block and each number that
                  follows from other columns
    TreeCritic    what is learnt and stored: forests, frequencies, the size of the pool
    Chooser       a `TreeCritic` on a device, which chooses rows
    Forest        boosted trees as arrays
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synthtab.core.layout import Encoded, Layout
from synthtab.core.randomness import Streams
from synthtab.model.held_out import BINS, Binning, Cells
from synthtab.runtime.compute import shared_trees

# Least and most rows generated for each one that is kept.
LEAST_POOL = 1.5
MOST_POOL = 8.0
# The same where nothing but the one-way frequencies choose.
RAKING_POOL = 1.25
# Share of the weights that may be lost, since no row is kept more than once.
LOST_WEIGHT = 0.01
# Generated rows whose weights decide the size of the pool, at most.
POOL_ROWS = 1_000_000

# Equal steps of the offset of a mode whose frequencies are raked.
RAKING_STEPS = 16
# Times that raking goes through the columns.
RAKING_SWEEPS = 4
# Rows that are counted at a time.
COUNTED_ROWS = 1 << 16

# Largest log-odds that one forest may give.
MOST_LOG_ODDS = 4.0
# Most trees of a forest, and how much each may say.
MOST_TREES = 900
LEARNING_RATE = 0.15
# Most leaves of a tree: a row's leaf is found in the bits of an int32.
LEAVES = 31
# Share of the rows that stop a forest, and after how many trees that do not help them:
# later trees learn the training rows by heart (docs/lab.md).
STOPPING_ROWS = 0.15
STOPPING_TREES = 10
# Trees that are grown to see how many there is time for.
TRIED_TREES = 5
# Most training rows that trees are grown on, and generated ones for each.
REAL_ROWS = 60_000
FAKE_ROWS = 2.0

# Rows of the generator, none of them left out, given how many and the randomness.
Draw = Callable[[int, Streams], Encoded]
# Numbers ``[rows, F]`` that rows show and single codes do not; NaN where missing.
Numbers = Callable[[Encoded], npt.NDArray[np.float64]]

# Ends of the bins of such a number; "missing" has a bin of its own.
ENDS = 254
# What stands for an end that is not needed. No number of a file may be infinite.
NO_END = float(np.finfo(np.float64).max)


# --------------------------------------------------------------------------------------
# What is learnt


@dataclass(frozen=True)
class TreeCritic:
    """What chooses among generated rows.

    Attributes:
        forests: Log-odds of being generated; one forest per round.
        frequencies: ``[K, BINS]``: those of the training rows in the bins of raking;
            None not to rake.
        pool: Rows to generate for each one that is kept.
        ends: ``[F, ENDS]``: of each number that follows from other columns, the ends of
            its bins; None if the trees see no such number.
        numbers: Gives these numbers; it is no part of the state.
    """

    forests: tuple[Forest, ...]
    frequencies: Tensor | None
    pool: float
    ends: Tensor | None = None
    numbers: Numbers | None = None

    def without_trees(self) -> TreeCritic:
        """The frequencies alone."""
        return TreeCritic((), self.frequencies, RAKING_POOL)

    def without_raking(self) -> TreeCritic:
        """The trees alone."""
        return replace(self, frequencies=None)

    def on(self, layout: Layout, device: torch.device) -> Chooser:
        """Ready to choose rows on a device."""
        return Chooser(self, layout, device)

    def state(self) -> dict[str, Tensor]:
        """Named tensors for `from_state`."""
        state = {}
        for number, forest in enumerate(self.forests):
            for name, tensor in forest.state().items():
                state[f"forest.{number}.{name}"] = tensor
        if self.frequencies is not None:
            state["shares"] = self.frequencies
        state["pool"] = torch.tensor(self.pool)
        if self.ends is not None:
            state["ends"] = self.ends
        return state

    @classmethod
    def from_state(
        cls, state: Mapping[str, Tensor], numbers: Numbers | None = None
    ) -> TreeCritic:
        """The inverse of `state`; ``numbers`` is as in `grow`."""
        forests: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            if name.startswith("forest."):
                _, number, part = name.split(".")
                forests.setdefault(int(number), {})[part] = tensor
        in_order = [forests[number] for number in sorted(forests)]
        grown = tuple(Forest.from_state(of_forest) for of_forest in in_order)
        pool = float(state["pool"])
        return cls(grown, state.get("shares"), pool, state.get("ends"), numbers)

    def check(self, blocks: int, followers: int) -> None:
        """Whether it fits rows of so many blocks and numbers that follow from others.

        Raises:
            ValueError: It does not: it came from a forged file.
        """
        seen = blocks
        if self.ends is not None:
            if self.ends.shape != (followers, ENDS):
                raise ValueError(
                    "the bins of the tree critic are not those of the columns"
                )
            seen += followers
        for forest in self.forests:
            asked = forest.features
            if len(asked) and not 0 <= int(asked.min()) <= int(asked.max()) < seen:
                raise ValueError("the tree critic asks for a column that there is not")
        shares = self.frequencies
        if shares is not None and shares.shape != (blocks, BINS):
            raise ValueError(
                "the shares of the tree critic are not those of the columns"
            )


def frequencies(rows: Encoded) -> Tensor:
    """``[K, BINS]``: how often each bin of raking occurs, as shares of the rows."""
    binning = Binning(rows.layout, torch.device("cpu"), RAKING_STEPS)
    shape = (len(rows.layout.blocks), BINS)
    counts = torch.zeros(shape, dtype=torch.int64)
    for start in range(0, len(rows), COUNTED_ROWS):
        part = rows.take(slice(start, start + COUNTED_ROWS))
        columns = torch.as_tensor(binning.cells(part)).long().T
        by_column = [torch.bincount(column, minlength=BINS) for column in columns]
        counts += torch.stack(by_column)
    return counts.double() / len(rows)


def grow(
    rows: Encoded,
    rounds: int,
    rake: bool,
    draw: Draw,
    streams: Streams,
    tell: Callable[[float], None],
    most_rows: int = REAL_ROWS,
    left: Callable[[], float] = lambda: math.inf,
    numbers: Numbers | None = None,
) -> TreeCritic:
    """Grow forests, each against the generated rows that the earlier ones let through.

    Args:
        rows: The training rows.
        rounds: How many forests.
        rake: Whether to keep the rows' one-way frequencies.
        draw: Generates rows.
        streams: Randomness.
        tell: Called with the share of the work that is done.
        most_rows: Most of the training rows to grow trees on.
        left: Says how many seconds are left. Where few are, forests have fewer trees,
            and no new rows are generated for the last turn.
        numbers: Gives what single codes do not tell of rows; None if there is nothing.
    """
    cpu = torch.device("cpu")
    wanted = frequencies(rows) if rake else None
    critic = TreeCritic((), wanted, LEAST_POOL, numbers=numbers)
    order = streams.numpy("refinement").permutation(len(rows))
    real = rows.take(order[:most_rows])

    drawing_seconds = 0.0
    # One more turn than forests: the last one finds the pool that all of them need.
    for number in range(rounds + 1):
        of_round = Streams(streams.integer("forest", number))
        is_last = number == rounds
        if number and left() < drawing_seconds:
            is_last = True
        else:
            began = time.monotonic()
            fake = draw(int(FAKE_ROWS * len(real)), of_round)
            drawing_seconds = time.monotonic() - began
            if numbers and critic.ends is None:
                critic = replace(critic, ends=_ends(numbers(fake)))
        codes = torch.as_tensor(fake.codes.astype(np.int64))
        offsets = torch.as_tensor(fake.offsets)
        chooser = critic.on(rows.layout, cpu)
        pool = _pool(chooser.weights(codes, offsets))
        critic = replace(critic, pool=pool)
        if is_last:
            break
        # How many rows would be kept of these, were they a pool.
        count = int(len(fake) / pool)
        chances = chooser.chances(codes, offsets, count).numpy()
        sight = chooser.sight
        # Both kinds weigh the same in sum; a generated row as much as it is likely to
        # be kept.
        of_real = np.ones(len(real))
        of_fake = chances * (len(real) / chances.sum())
        forest = Forest.grow(
            np.concatenate([sight.cells(real), sight.cells(fake)]),
            np.repeat([0, 1], [len(real), len(fake)]),
            np.concatenate([of_real, of_fake]),
            sight.nominal,
            seconds=(left() - drawing_seconds) / (rounds - number),
            max_iter=MOST_TREES,
            learning_rate=LEARNING_RATE,
            max_leaf_nodes=LEAVES,
            min_samples_leaf=50,
            l2_regularization=5.0,
            early_stopping=True,
            validation_fraction=STOPPING_ROWS,
            n_iter_no_change=STOPPING_TREES,
            random_state=of_round.integer("trees") % 2**32,
        )
        critic = replace(critic, forests=(*critic.forests, forest), pool=LEAST_POOL)
        tell((number + 1) / rounds)
    return critic


def _pool(weights: Tensor) -> float:
    """How many rows to generate for each one that is kept.

    The fewest, in halves, that lose no more than `LOST_WEIGHT` to the cap of `_capped`.
    """
    sample = weights[:POOL_ROWS]
    relative = sample / sample.mean()
    sizes = torch.arange(LEAST_POOL, MOST_POOL, 0.5, dtype=weights.dtype)
    for size in sizes:
        # A row of relative weight w is kept w / size times on average, but at most
        # once.
        lost = (relative - size).clamp(min=0).mean()
        if lost <= LOST_WEIGHT:
            return float(size)
    return MOST_POOL


# --------------------------------------------------------------------------------------
# What the trees see


def _ends(numbers: npt.NDArray[np.float64]) -> Tensor:
    """``[F, ENDS]``: the ends of bins that equally many of some rows are in.

    A number that fills more than a bin has one of its own. The rows are generated ones,
    so that no cell of the table is an end.
    """
    ends = np.full((numbers.shape[1], ENDS), NO_END)
    shares = np.linspace(0, 1, ENDS)
    for own, column in zip(ends, numbers.T, strict=True):
        present = column[np.isfinite(column)]
        if not len(present):
            continue
        quantiles = np.quantile(present, shares, method="lower")
        distinct, counts = np.unique(quantiles, return_counts=True)
        # Two ends for each number that stands for several: just below it, and itself.
        below = np.nextafter(distinct[counts > 1], -np.inf)
        needed = np.union1d(distinct, below)
        own[: len(needed)] = needed
    return torch.as_tensor(ends)


class Sight:
    """What the trees see of rows: bins, uint8 ``[B, K + F]``.

    A bin for each of the K blocks; and one for each of F numbers that follow from other
    columns, since a code such as "as in column x" does not tell the number.

    Args:
        layout: What codes and offsets mean.
        device: Where the rows are.
        numbers: Gives the F numbers of rows.
        ends: ``[F, ENDS]``: the ends of their bins; none of them is seen if not given.

    Attributes:
        nominal: ``[K + F]``: whether bins have no order.
    """

    def __init__(
        self,
        layout: Layout,
        device: torch.device,
        numbers: Numbers | None = None,
        ends: Tensor | None = None,
    ) -> None:
        self.layout = layout
        self.binning = Binning(layout, device)
        self.numbers = numbers
        self.ends = None if ends is None or numbers is None else ends.to(device)
        followers = 0 if self.ends is None else len(self.ends)
        of_followers = np.zeros(followers, dtype=bool)
        self.nominal = np.concatenate([self.binning.nominal, of_followers])

    def __call__(self, codes: Tensor, offsets: Tensor) -> Tensor:
        """The bins of rows on the device."""
        of_blocks = self.binning(codes, offsets)
        if self.numbers is None or self.ends is None:
            return of_blocks
        code_array = codes.cpu().numpy()
        offset_array = offsets.cpu().numpy()
        numbers = self.numbers(Encoded(code_array, offset_array, self.layout))
        values = torch.as_tensor(numbers.T.copy(), device=codes.device)
        bins = torch.searchsorted(self.ends, values)
        bins[values.isnan()] = ENDS
        return torch.cat([of_blocks, bins.T.to(torch.uint8)], dim=1)

    def cells(self, rows: Encoded) -> Cells:
        """The bins of an encoded table."""
        codes = torch.as_tensor(rows.codes.astype(np.int64))
        bins: Cells = self(codes, torch.as_tensor(rows.offsets)).numpy()
        return bins


# --------------------------------------------------------------------------------------
# The choice


class Chooser:
    """A `TreeCritic` on a device.

    Args:
        critic: What was learnt.
        layout: What codes and offsets mean.
        device: Where the rows are.

    Attributes:
        pool: Rows to generate for each one that is kept.
        sight: What the trees see.
    """

    def __init__(
        self,
        critic: TreeCritic,
        layout: Layout,
        device: torch.device,
    ) -> None:
        self.sight = Sight(layout, device, critic.numbers, critic.ends)
        self.raking_bins = Binning(layout, device, RAKING_STEPS)
        self.scorers = [forest.on(device) for forest in critic.forests]
        self.frequencies = None
        if critic.frequencies is not None:
            self.frequencies = critic.frequencies.to(device)
        self.pool = critic.pool

    def weights(self, codes: Tensor, offsets: Tensor) -> Tensor:
        """``[B]``: estimated density ratios of real to generated rows.

        Up to a factor that all rows have in common.
        """
        if not self.scorers:
            return torch.ones(len(codes), device=codes.device)
        cells = self.sight(codes, offsets)
        by_forest = [
            scorer(cells).clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS)
            for scorer in self.scorers
        ]
        log_odds = torch.stack(by_forest).sum(0)
        # The largest weight is 1, so that none overflows.
        return (log_odds.min() - log_odds).exp()

    def chances(
        self,
        codes: Tensor,
        offsets: Tensor,
        count: int,
        weights: Tensor | None = None,
    ) -> Tensor:
        """Of every row of a pool, the probability to be among those that are kept.

        It is proportional to the row's weight and at most 1. Then it is raked (Deming
        and Stephan 1940): in the bins of every column, the probabilities sum to what as
        many training rows would have there.

        Args:
            codes: ``[B, K]``.
            offsets: ``[B, C]``.
            count: Rows that are kept.
            weights: ``[B]``: further weights, times those that the trees give.
        """
        of_rows = self.weights(codes, offsets).double()
        if weights is not None:
            of_rows = of_rows * weights
        chance = capped(of_rows, count)
        if self.frequencies is None:
            return chance
        columns = self.raking_bins(codes, offsets).T.long()
        wanted = self.frequencies * count
        for _ in range(RAKING_SWEEPS):
            for bins, wanted_in_bins in zip(columns, wanted, strict=True):
                in_bins = torch.zeros_like(wanted_in_bins)
                in_bins.index_add_(0, bins, chance)
                # Half a row is added to either, lest rare bins make large factors.
                factor = (wanted_in_bins + 0.5) / (in_bins + 0.5)
                factor = factor.clamp(0.5, 2.0)
                chance = (chance * factor[bins]).clamp(max=1.0)
        return capped(chance, count)

    def choose(
        self,
        codes: Tensor,
        offsets: Tensor,
        count: int,
        random: torch.Generator,
        weights: Tensor | None = None,
    ) -> Tensor:
        """Numbers of ``count`` different rows of a pool, in random order.

        They are drawn with their `chances`, by systematic sampling in random order
        (Madow 1949): the sizes of all bins vary little, and none is kept twice.
        """
        chance = self.chances(codes, offsets, count, weights)
        device = chance.device
        order = torch.randperm(len(chance), generator=random, device=device)
        # No chance is above 1, thus no row comes twice.
        places = systematic_sample(chance[order], count, random)
        chosen = order[places]
        shuffled = torch.randperm(count, generator=random, device=device)
        return chosen[shuffled]


def systematic_sample(weights: Tensor, count: int, random: torch.Generator) -> Tensor:
    """Numbers of ``count`` rows, each as often as its weight says, up to rounding.

    Row i has the part of a line that ends at ``ends[i]``, as long as its weight. Points
    at equal steps, from a random start, choose the rows whose part they are in.
    """
    ends = weights.cumsum(0)
    device = weights.device
    start = torch.rand(1, generator=random, device=device, dtype=ends.dtype)
    step = ends[-1] / count
    points = (start + torch.arange(count, device=device)) * step
    rows = torch.searchsorted(ends, points)
    # Rounding may put the last point behind the last end.
    return rows.clamp(max=len(ends) - 1)


def capped(weights: Tensor, count: float) -> Tensor:
    """Probabilities in proportion to weights, at most 1, that sum to ``count``."""
    chance = weights * (count / weights.sum())
    # What is above 1 is cut, and the rest made larger: again, until nothing is.
    for _ in range(20):
        over = chance >= 1
        below = torch.where(over, 0.0, chance)
        wanted_below = count - over.sum()
        scale = wanted_below / below.sum().clamp(min=1e-12)
        chance = torch.where(over, 1.0, chance * scale)
    return chance.clamp(max=1.0)


# --------------------------------------------------------------------------------------
# Boosted trees as arrays

# Rows scored at once: the bits of all their trees stay in the cache.
SCORED_ROWS = 1024


@dataclass(frozen=True)
class Forest:
    """Boosted trees as arrays: N inner nodes of T trees.

    Each tree has a *word* for a row, of a bit for each leaf. Bit l is on as long as the
    row may still end in the l-th leaf from the left. A node that sends the row right
    clears the leaves on its left, and the lowest bit that is left in the end is the
    leaf (QuickScorer, Lucchese et al., SIGIR 2015).

    Attributes:
        features: ``[N]``: the block that a node asks for.
        trees: ``[N]``: the tree that it belongs to.
        lefts: ``[N, 32]`` uint8: which of the 256 bins it sends left, a bit each,
            lowest first.
        keeps: ``[N]`` int32: what is ANDed to the word of a row that goes right.
        leaves: ``[T, 32]`` float32: the log-odds that each leaf adds.
        base: Log-odds of the empty forest.
    """

    features: Tensor
    trees: Tensor
    lefts: Tensor
    keeps: Tensor
    leaves: Tensor
    base: Tensor

    @classmethod
    def grow(
        cls,
        cells: Cells,
        labels: npt.NDArray[np.int64],
        weights: npt.NDArray[np.float64],
        nominal: npt.NDArray[np.bool_],
        seconds: float = math.inf,
        **options: Any,
    ) -> Forest:
        """Learn the log-odds of label 1.

        If rows are kept out to stop early, the trees end where these rows say.

        Args:
            cells: ``[rows, K]``: bins.
            labels: ``[rows]``: 0 or 1.
            weights: ``[rows]``.
            nominal: ``[K]``: whether the bins of a block have no order.
            seconds: Most time; without a limit, ``max_iter`` alone counts.
            **options: Of scikit-learn's HistGradientBoostingClassifier.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier

        too_many = "a leaf is a bit of an int32, report this"
        assert options.get("max_leaf_nodes", LEAVES) <= LEAVES, too_many
        # scikit-learn moves categories to the front, and numbers those that it sees
        # anew. Both are done here, so that its trees speak of bins that we know.
        nominal_blocks = np.flatnonzero(nominal)
        order = np.concatenate([nominal_blocks, np.flatnonzero(~nominal)])
        bins_seen = [np.unique(cells[:, block]) for block in order]
        ranks = [
            np.searchsorted(seen, cells[:, block])
            for seen, block in zip(bins_seen, order, strict=True)
        ]
        categories = np.arange(len(nominal_blocks)) if nominal.any() else None
        options = {"early_stopping": False, **options}
        inputs = np.column_stack(ranks).astype(np.float64)

        def fitted(**options: Any) -> Any:
            model = HistGradientBoostingClassifier(
                categorical_features=categories, **options
            )
            # How many threads share the work changes no tree.
            with shared_trees():
                return model.fit(inputs, labels, sample_weight=weights)

        if seconds < math.inf:
            began = time.monotonic()
            fitted(**{**options, "max_iter": TRIED_TREES, "early_stopping": False})
            spent = time.monotonic() - began
            trees_in_time = int(TRIED_TREES * (seconds - spent) / spent)
            most = max(TRIED_TREES, trees_in_time)
            options["max_iter"] = min(options.get("max_iter", most), most)
        model = fitted(**options)

        best = model.n_iter_
        if model.do_early_stopping_:
            best = int(np.argmax(model.validation_score_))
        steps = model._predictors[: max(1, best)]
        # A step has a tree for each class; of two classes, one tree.
        trees = [_Tree.read(tree, order, bins_seen) for (tree,) in steps]
        baseline = np.ravel(model._baseline_prediction)
        return cls._of_trees(trees, base=np.float32(baseline[0]))

    @classmethod
    def _of_trees(cls, trees: list[_Tree], base: np.float32) -> Forest:
        """The trees of a forest, one after another."""
        nodes = [len(tree.features) for tree in trees]
        numbers = np.repeat(np.arange(len(trees)), nodes)
        features = np.concatenate([tree.features for tree in trees])
        lefts = np.concatenate([tree.lefts for tree in trees])
        keeps = np.concatenate([tree.keeps for tree in trees])
        leaves = np.stack([tree.leaves for tree in trees])
        return cls(
            features=torch.as_tensor(features),
            trees=torch.as_tensor(numbers),
            lefts=torch.as_tensor(lefts),
            keeps=torch.as_tensor(keeps),
            leaves=torch.as_tensor(leaves),
            base=torch.as_tensor(base),
        )

    def on(self, device: torch.device) -> Scorer:
        """The forest ready to score rows on a device."""
        return Scorer(self, device)

    def state(self) -> dict[str, Tensor]:
        """Named tensors for `from_state`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Forest:
        """The inverse of `state`."""
        return cls(**{name: state[name] for name in cls.__dataclass_fields__})


class Scorer:
    """A `Forest` on a device, which scores rows.

    For each block that the trees ask for it holds, by bin, the AND of the words of all
    nodes that ask for the block. So a row costs one look-up of ``[T]`` words per block,
    whatever the number of nodes.
    """

    def __init__(self, forest: Forest, device: torch.device) -> None:
        blocks, place = np.unique(forest.features.numpy(), return_inverse=True)
        all_leaves = -1  # every bit of an int32
        shape = (len(blocks), 256, len(forest.leaves))
        words = np.full(shape, all_leaves, dtype=np.int32)
        left = np.unpackbits(forest.lefts.numpy(), axis=1, bitorder="little")
        right = ~left.astype(bool)
        trees = forest.trees.numpy()
        keeps = forest.keeps.numpy()
        for node, tree in enumerate(trees):
            words[place[node], right[node], tree] &= keeps[node]
        self.blocks = blocks.tolist()
        self.words = torch.as_tensor(words, device=device)
        self.leaves = forest.leaves.to(device).flatten()
        # Where the leaves of each tree begin: there is room for one more than there
        # are.
        numbers = torch.arange(len(forest.leaves), device=device)
        self.first = numbers * (LEAVES + 1)
        self.base = forest.base.to(device)

    def __call__(self, cells: Tensor) -> Tensor:
        """Log-odds ``[B]`` of rows as `Binning` shows them, uint8 ``[B, K]``."""
        if not self.blocks:
            # Trees of one leaf each: all rows are alike.
            log_odds = self.base + self.leaves[self.first].sum()
            return log_odds.expand(len(cells))
        parts = cells.split(SCORED_ROWS)
        return torch.cat([self._score(part) for part in parts])

    def _score(self, cells: Tensor) -> Tensor:
        columns = cells.T.int()
        asked = zip(self.words, self.blocks, strict=True)
        words, block = next(asked)
        word = words.index_select(0, columns[block])
        for words, block in asked:
            word &= words.index_select(0, columns[block])
        # Of a number and its negative, the lowest bit that is on is all that both have.
        lowest = word & -word
        # The number of the lowest bit is the exponent of a power of two, which stands
        # in the bits of a float32 from the 24th on, plus 127.
        exponent = lowest.float().view(torch.int32) >> 23
        leaf = exponent - 127
        values = self.leaves.take(leaf + self.first)
        return self.base + values.sum(1)


@dataclass(frozen=True)
class _Tree:
    """One tree of scikit-learn, with the attributes of a `Forest`."""

    features: npt.NDArray[np.int64]
    lefts: npt.NDArray[np.uint8]
    keeps: npt.NDArray[np.int32]
    leaves: npt.NDArray[np.float32]

    @classmethod
    def read(
        cls,
        predictor: Any,
        order: npt.NDArray[np.int64],
        bins_seen: list[Any],
    ) -> _Tree:
        """Read a tree of scikit-learn's private kind.

        Args:
            predictor: The tree: an array of nodes, and the bits of its categories.
            order: The block of each feature that scikit-learn was given.
            bins_seen: For each such feature, the bins whose ranks it was given.
        """
        nodes = list(_inner_nodes(predictor.nodes))
        leaves = np.zeros(LEAVES + 1, dtype=np.float32)
        for leaf, node in enumerate(_leaf_nodes(predictor.nodes)):
            leaves[leaf] = node["value"]
        features = []
        lefts = []
        keeps = []
        for node, first_leaf, middle_leaf in nodes:
            feature = int(node["feature_idx"])
            left = _bins_left(predictor, node, bins_seen[feature])
            features.append(int(order[feature]))
            lefts.append(np.packbits(left, bitorder="little"))
            leaves_on_left = sum(1 << leaf for leaf in range(first_leaf, middle_leaf))
            keeps.append(~leaves_on_left)
        # A tree of one leaf has no node: its arrays keep their shapes.
        return cls(
            features=np.array(features, dtype=np.int64),
            lefts=np.array(lefts, dtype=np.uint8).reshape(-1, 32),
            keeps=np.array(keeps, dtype=np.int32),
            leaves=leaves,
        )


def _leaf_nodes(nodes: Any, number: int = 0) -> Iterator[Any]:
    """The leaves below a node, from left to right."""
    node = nodes[number]
    if node["is_leaf"]:
        yield node
    else:
        yield from _leaf_nodes(nodes, int(node["left"]))
        yield from _leaf_nodes(nodes, int(node["right"]))


def _inner_nodes(
    nodes: Any,
    number: int = 0,
    first_leaf: int = 0,
) -> Iterator[tuple[Any, int, int]]:
    """Inner nodes, with the numbers of their first leaf and the first on their right.

    Children come before their parent.
    """
    node = nodes[number]
    if node["is_leaf"]:
        return
    left = int(node["left"])
    middle_leaf = first_leaf + len(list(_leaf_nodes(nodes, left)))
    yield from _inner_nodes(nodes, left, first_leaf)
    yield from _inner_nodes(nodes, int(node["right"]), middle_leaf)
    yield node, first_leaf, middle_leaf


def _bins_left(
    predictor: Any,
    node: Any,
    bins_seen: Any,
) -> npt.NDArray[np.bool_]:
    """``[256]``: which bins a node of scikit-learn sends left.

    It speaks of ranks among the bins that it has seen, and we of bins.
    """
    # Of categories: those that were not seen go where missing ones do.
    left = np.full(256, bool(node["missing_go_to_left"]))
    if node["is_categorical"]:
        ranks = np.arange(len(bins_seen))
        # A bit for each category, in words of 32.
        words = predictor.raw_left_cat_bitsets[int(node["bitset_idx"])]
        bit = (ranks % 32).astype(np.uint32)
        left[bins_seen] = (words[ranks // 32] >> bit) & 1
        return left
    # A bin that was not seen has the rank of the next greater one that was.
    rank = np.searchsorted(bins_seen, np.arange(256))
    goes_left: npt.NDArray[np.bool_] = rank <= node["num_threshold"]
    return goes_left
