"""The forest completer: what hidden cells are, given the known ones, said by trees.

A network learns a table of some hundred rows by heart; trees that stop at leaves of several
rows do not. So this is the completer of small tables. It answers what the network of
`synthtab.model.completer` answers: given any subset of a row's cells, the distribution of the
code and of the offset of every other cell. For each block there are `TREES` regression trees.
Each is grown on a bootstrap sample of the rows (Breiman 2001), in which every row occurs
several times, each time with other cells hidden; so a tree also learns what to say when little
is known. A leaf holds the shares of the codes of the block among its rows, and for each mode
the mean and the deviation of the probits of their offsets. What the trees say is averaged.

A tree cuts a narrow band, such as that of radius and perimeter, into steps, and what is drawn
within a step leaves the band. So the trees of a number see one more: what a line through all
known numbers says that it is (`expected`). Splits on it follow the band.

Trees for one column after another are how synthpop draws rows (Nowok, Raab and Dibben 2016,
doi:10.18637/jss.v074.i11); trees for rows of which any cells are hidden are those of
UnmaskingTrees (McCarter, arXiv 2407.05593), which boosts them.

    grow             forests from training rows
    ForestCompleter  the forests as arrays, and what they say
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from scipy.special import ndtri
from scipy.stats import rankdata
from torch import Tensor, nn

from synthtab.core.layout import Encoded, Layout, plans
from synthtab.core.randomness import Streams
from synthtab.model.layers import COMPONENTS, NEVER, Slots, probit

# Trees for each block. With what is said where nothing is known, they are the components of
# the mixture of a mode.
TREES = COMPONENTS - 1
# Rows, with other cells hidden each time, on which a tree is grown.
ROWS_OF_A_TREE = 4000
# Most times that one row occurs among them, before the bootstrap.
MOST_TIMES = 10
# Share of these rows that hide random cells; all others hide what sampling finds hidden.
RANDOM_MASKS = 0.3
# Different masks among these, for each tree: each of them takes a line of its own.
MASKS_OF_A_TREE = 60
# Most numbers of a table that lines go through: of more, each draw would take long.
MOST_ON_LINES = 64
# Masks whose lines are found at once, for the memory that it takes.
MASKS_AT_ONCE = 256
# Fewest rows of a leaf: of trees that predict a number, and of those that predict a category.
LEAST_ROWS = {True: 2.0, False: 5.0}
# Share of the features that a split may choose among. With half of them, trees that miss the
# column that matters blur what the others say (docs/lab.md).
FEATURES_TRIED = 0.8
# And most of them: of wide tables each split would take long.
MOST_FEATURES_TRIED = 64
# Rows that say of each node what its parent says: a prior.
PRIOR_ROWS = 1.0
# Share of the prior of a node that is what the whole table says; all else is its parent's.
TABLE_SHARE = 0.02
# Deviation of the probits of a leaf, as far as it is not known from its rows, and the least.
PRIOR_DEVIATION = 0.1
LEAST_DEVIATION = 0.02
# Share of the mixture of a mode that stands for any offset at all.
UNIFORM_SHARE = 0.005
# Known numbers are moved above this, so that 0 means hidden.
ABOVE_HIDDEN = 64.0
# Steps from the root to a leaf, at most.
MOST_DEPTH = 60

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


# ------------------------------------------------------------------------------------------
# What trees read


class Reader(nn.Module):
    """Rows of which some cells are known, as the numbers that trees compare.

    A numeric block is one number, its value above `ABOVE_HIDDEN`. Any other block, and
    "missing" of a numeric one, has a number for each code: 2 for the code that the row has, 1
    for all others. What is hidden is 0. So what a pass of sampling reveals can be added.

    Args:
        layout: What codes and offsets mean.

    Attributes:
        block_of_feature: ``[F]``: the block that each number is read from.
    """

    block_of_feature: Tensor
    above: Tensor
    hot_slots: Tensor

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.slots = Slots(layout)
        numeric = [i for i, block in enumerate(layout.blocks) if block.numeric]
        slots = [
            layout.starts[i] + code
            for i, block in enumerate(layout.blocks)
            for code in _codes_to_read(block)
        ]
        hot_slots = np.array(slots, dtype=np.int64)
        of_hot = layout.slot_block[hot_slots]
        above = np.r_[np.full(len(numeric), ABOVE_HIDDEN), np.ones(len(hot_slots))]
        blocks = np.r_[np.array(numeric, dtype=np.int64), of_hot]
        self.register_buffer("hot_slots", torch.as_tensor(hot_slots), persistent=False)
        self.register_buffer(
            "block_of_feature", torch.as_tensor(blocks), persistent=False
        )
        self.register_buffer("above", torch.as_tensor(above).float(), persistent=False)

    def forward(self, codes: Tensor, offsets: Tensor, mask: Tensor) -> Tensor:
        """``[B, F]``.

        Args:
            codes: ``[B, K]``.
            offsets: ``[B, C]``.
            mask: ``[B, K]``: which cells are known.
        """
        slots = self.slots
        hot = slots.one_hot(codes)
        gate = hot[:, slots.mode_slots]
        numbers = slots.values(hot, gate, offsets[:, slots.mode_offsets])
        read = torch.cat([numbers, hot[:, self.hot_slots]], dim=1) + self.above
        return read * mask[:, self.block_of_feature]


def _codes_to_read(block: Any) -> list[int]:
    """The codes of a block that trees see as numbers of their own."""
    if block.numeric:
        return np.flatnonzero(np.isnan(block.values)).tolist()
    # Of two codes, one says which it is.
    return list(range(block.size if block.size > 2 else 1))


def _number_of(block: int, layout: Layout) -> int | None:
    """Which of the numbers that a `Reader` reads is a block's; None if it is no number."""
    numeric = [b for b, other in enumerate(layout.blocks) if other.numeric]
    return numeric.index(block) if block in numeric else None


def expected(
    seen: Tensor,
    number: int,
    masks: Tensor,
    mask_of_row: Tensor,
    centre: Tensor,
    covariance: Tensor,
) -> Tensor:
    """What a line through the known numbers of rows says of another one, ``[B]``.

    If rows were normally distributed, it would be expected to be

        m_b + C_bK C_KK^-1 (x_K - m_K)

    of which m_b is left out here: trees compare, and nothing else.

    Args:
        seen: ``[B, F]``, see `Reader`, of which the first N are the numbers.
        number: Which of them is asked.
        masks: ``[P, N]``: different sets of known numbers.
        mask_of_row: ``[B]``: which of them a row has.
        centre: ``[N]``: the means m.
        covariance: ``[N, N]``: C.
    """
    # Exact enough that all machines come to the same leaf.
    shown = masks.double().cpu()
    centre, covariance = centre.double().cpu(), covariance.double().cpu()
    slopes = []
    for some in shown.split(MASKS_AT_ONCE):
        among_known = covariance * some[:, :, None] * some[:, None, :]
        # A hidden number stands alone, and has no slope.
        among_known += torch.diag_embed(1 - some)
        with_asked = covariance[number] * some
        slopes.append(torch.linalg.solve(among_known, with_asked.unsqueeze(-1)))
    rows = mask_of_row.cpu()
    off_centre = seen[:, : len(centre)].double().cpu() - ABOVE_HIDDEN - centre
    terms = torch.cat(slopes).squeeze(-1)[rows] * off_centre
    return terms.sum(1).to(seen)


def _lines(
    seen: npt.NDArray[np.float32], layout: Layout, people: int, least: int
) -> tuple[Floats, Floats]:
    """Centre ``[N]`` and covariance ``[N, N]`` of the numbers of rows; N is 0 for no lines.

    The covariance of standardised numbers is moved towards that of independent ones (Ledoit
    and Wolf 2004): it is known from few rows.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    count = sum(block.numeric for block in layout.blocks)
    if not 2 <= count <= MOST_ON_LINES or people < least:
        return np.zeros(0), np.zeros((0, 0))
    numbers = seen[:, :count].astype(np.float64) - ABOVE_HIDDEN
    centre = numbers.mean(0)
    # One that does not vary has a covariance with none.
    deviation = np.maximum(numbers.std(0), 1e-6)
    standard = (numbers - centre) / deviation
    towards = ledoit_wolf_shrinkage(standard, assume_centered=True)
    correlation = (1 - towards) * standard.T @ standard / len(standard)
    correlation += max(towards, 1e-4) * np.eye(count)
    return centre, correlation * np.outer(deviation, deviation)


# ------------------------------------------------------------------------------------------
# The forests

# What a `ForestCompleter` is made of, and the type of each tensor.
STATE = {
    "roots": torch.int32,
    "features": torch.int32,
    "thresholds": torch.float32,
    "left": torch.int32,
    "right": torch.int32,
    "shares_at": torch.int32,
    "shares": torch.float32,
    "modes_at": torch.int32,
    "means": torch.float32,
    "deviations": torch.float32,
    "centre": torch.float32,
    "covariance": torch.float32,
}
# The tensors that are not lists.
MATRICES = ("roots", "covariance")
# What the first forests lack, which have no lines.
ADDED = {"centre": torch.zeros(0), "covariance": torch.zeros(0, 0)}


class ForestCompleter(nn.Module):
    """The distribution of hidden cells, given the known ones, by trees as arrays.

    The nodes of all trees of all blocks stand in one list.

    Args:
        layout: What codes and offsets mean.
        state: The tensors below.

    Attributes:
        roots: ``[K, TREES]``: the first node of each tree.
        features: ``[nodes]``: which number of a row decides (`Reader`); behind those, what is
            `expected` of the block.
        thresholds: ``[nodes]``: rows up to it go left.
        left, right: ``[nodes]``: where rows go on; a leaf is its own child.
        shares_at: ``[nodes]``: where the shares of the codes of a leaf begin in `shares`.
        modes_at: ``[nodes]``: where the modes of a leaf begin in `means` and `deviations`.
        shares: Shares of the codes, leaf by leaf.
        means, deviations: Of the probits of the offsets of each mode, leaf by leaf.
        centre: ``[N]``: means of the numbers that lines go through; N is 0 for no lines.
        covariance: ``[N, N]``: of these.

    Raises:
        ValueError: The state is none of such a layout.
    """

    roots: Tensor
    features: Tensor
    thresholds: Tensor
    left: Tensor
    right: Tensor
    shares_at: Tensor
    shares: Tensor
    modes_at: Tensor
    means: Tensor
    deviations: Tensor
    centre: Tensor
    covariance: Tensor

    def __init__(self, layout: Layout, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.reader = Reader(layout)
        for name in STATE:
            self.register_buffer(name, {**ADDED, **state}[name])
        _check(self)

    @property
    def slots(self) -> Slots:
        """Where codes lie in flat vectors."""
        return self.reader.slots

    def first(self, codes: Tensor, offsets: Tensor, mask: Tensor) -> Tensor:
        """What the trees see of rows of which some cells are known, see `Reader`."""
        return self.reader(codes, offsets, mask)

    def part(self, blocks: Sequence[int]) -> ForestPart:
        """What is needed to draw some blocks, in ascending order."""
        return ForestPart(self, blocks)

    def masks(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Different sets ``[P, N]`` of known numbers of rows, and that of each row."""
        known = seen[:, : len(self.centre)] != 0
        if not len(self.centre):
            return known[:1], torch.zeros(len(seen), dtype=torch.int64)
        masks, mask_of_row = known.unique(dim=0, return_inverse=True)
        return masks, mask_of_row

    def leaf_of(self, seen: Tensor, block: int, masks: tuple[Tensor, Tensor]) -> Tensor:
        """The leaf ``[B, TREES]`` of each tree of a block that rows are in.

        Args:
            seen: ``[B, F]``: what the trees see of them.
            block: Which block.
            masks: Which numbers are known, see `masks`.
        """
        if len(self.centre):
            number = _number_of(block, self.slots.layout)
            line = seen.new_zeros(len(seen))
            if number is not None:
                line = expected(seen, number, *masks, self.centre, self.covariance)
            seen = torch.cat([seen, line.unsqueeze(1)], dim=1)
        node = self.roots[block].long().expand(len(seen), -1)
        for _ in range(MOST_DEPTH):
            feature = self.features[node].long()
            goes_left = seen.gather(1, feature) <= self.thresholds[node]
            below = torch.where(goes_left, self.left[node], self.right[node]).long()
            if torch.equal(below, node):
                break
            node = below
        return node


class ForestPart:
    """A `ForestCompleter` as far as it concerns some blocks: what a pass of sampling asks.

    Args:
        completer: The forests.
        blocks: Which blocks, in ascending order.
    """

    def __init__(self, completer: ForestCompleter, blocks: Sequence[int]) -> None:
        self.completer = completer
        self.blocks = list(blocks)
        self.layout = completer.slots.layout
        self.slots = Slots(Layout(tuple(self.layout.blocks[b] for b in blocks)))

    def outputs(self, hidden: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """Logits ``[rows, slots]``, parameters ``[rows, modes x PARAMETERS]`` of mixtures.

        Args:
            hidden: What the trees see, ``[rows, F]``, or ``[1, F]`` for all rows.
            rows: Number of rows.
        """
        part = self.slots.layout
        logits = hidden.new_full((len(hidden), part.width), NEVER)
        mixtures = [hidden.new_zeros((len(hidden), 0))]
        masks = self.completer.masks(hidden)
        for start, block in zip(part.starts, self.blocks, strict=True):
            leaf = self.completer.leaf_of(hidden, block, masks)
            shares = self._shares(leaf, block)
            size = shares.shape[-1]
            logits[:, start : start + size] = shares.mean(1).log()
            if self.layout.blocks[block].modes:
                mixtures.append(self._mixtures(leaf, shares, block))
        densities = torch.cat(mixtures, dim=1)
        return logits.expand(rows, -1), densities.expand(rows, -1)

    def reveal(
        self, codes: Tensor, offsets: Tensor, mask: Tensor, fresh: Tensor
    ) -> Tensor:
        """What the trees see of cells that were drawn, ``[B, F]``.

        Their part of `Reader`, which is added to what the trees have seen before.
        """
        drawn = torch.zeros_like(mask)
        drawn[:, self.blocks] = fresh
        return self.completer.reader(codes, offsets, drawn)

    def _shares(self, leaf: Tensor, block: int) -> Tensor:
        """Shares ``[B, TREES, size]`` of the codes of a block."""
        size = self.layout.blocks[block].size
        first = self.completer.shares_at[leaf].long()
        codes = torch.arange(size, device=leaf.device)
        return self.completer.shares[first.unsqueeze(-1) + codes]

    def _mixtures(self, leaf: Tensor, shares: Tensor, block: int) -> Tensor:
        """Parameters ``[B, modes x PARAMETERS]``: a component a tree, and a broad one."""
        count = self.layout.blocks[block].modes
        first = self.completer.modes_at[leaf].long()
        at = first.unsqueeze(-1) + torch.arange(count, device=leaf.device)
        means = self.completer.means[at]
        deviations = self.completer.deviations[at].log()
        of_modes = shares[:, :, -count:]
        broad = of_modes.sum(1, keepdim=True) * (UNIFORM_SHARE / (1 - UNIFORM_SHARE))
        nothing = torch.zeros_like(broad)
        logits = torch.cat([of_modes, broad], dim=1).log()
        means = torch.cat([means, nothing], dim=1)
        deviations = torch.cat([deviations, nothing], dim=1)
        # ``[B, modes, 3, COMPONENTS]``, as `Mixtures.of` reads it.
        stacked = torch.stack([logits, means, deviations], dim=1)
        return stacked.permute(0, 3, 1, 2).flatten(1)


def _check(forests: ForestCompleter) -> None:
    """Raise a ValueError where a state from a file would lead out of its arrays."""
    layout = forests.slots.layout
    for name, dtype in STATE.items():
        tensor = getattr(forests, name)
        if tensor.dtype != dtype or tensor.ndim != 1 + (name in MATRICES):
            raise ValueError(f"{name} of the forests is no such array")
        if dtype.is_floating_point and not tensor.isfinite().all():
            raise ValueError(f"{name} of the forests has numbers that are not finite")
    if forests.roots.shape != (len(layout.blocks), TREES):
        raise ValueError("the forests are not those of the columns")
    _check_lines(forests)
    nodes = len(forests.features)
    by_node = ("thresholds", "left", "right", "shares_at", "modes_at")
    if any(len(getattr(forests, name)) != nodes for name in by_node):
        raise ValueError("the nodes of the forests are incomplete")
    numbers = torch.arange(nodes)
    for name in ("left", "right"):
        children = getattr(forests, name)
        # Never back: so rows always come to a leaf.
        if nodes and ((children < numbers) | (children >= nodes)).any():
            raise ValueError("a tree of the forests does not end")
    widest = max(block.size for block in layout.blocks)
    bounds = {
        "roots": nodes,
        "features": len(forests.reader.block_of_feature) + bool(len(forests.centre)),
        "shares_at": len(forests.shares) - widest + 1,
        "modes_at": len(forests.means) + 1,
    }
    for name, end in bounds.items():
        numbers = getattr(forests, name)
        if numbers.numel() and not (numbers.min() >= 0 and numbers.max() < end):
            raise ValueError(f"{name} of the forests leads nowhere")
    if len(forests.deviations) != len(forests.means):
        raise ValueError("the forests have means without deviations")
    if not ((forests.shares > 0).all() and (forests.deviations > 0).all()):
        raise ValueError("the forests have shares or deviations that are not positive")


def _check_lines(forests: ForestCompleter) -> None:
    """Raise a ValueError where no lines follow from a state."""
    count = len(forests.centre)
    wanted = sum(block.numeric for block in forests.slots.layout.blocks)
    if count not in (0, wanted) or forests.covariance.shape != (count, count):
        raise ValueError("the lines of the forests are not those of the numbers")
    if count and torch.linalg.cholesky_ex(forests.covariance.double()).info.item():
        raise ValueError("the lines of the forests have no covariance")


# ------------------------------------------------------------------------------------------
# Growing


def grow(
    table: Encoded,
    streams: Streams,
    least: int,
    people: Ints | None = None,
    observe: Callable[[float], None] = lambda done: None,
    limit: float = 0.0,
) -> ForestCompleter:
    """Forests from training rows.

    Where the time is over before each block has all its trees, those that it has count more
    than once; each block has at least one.

    Args:
        table: The rows.
        streams: Randomness; uses the stream "forests".
        least: Fewest rows, or people, that a leaf tells of.
        people: Whom each row is about, if several rows may be of one person.
        observe: Called with the share of the work that is done.
        limit: Seconds to grow them in; 0 for no limit.
    """
    began = time.monotonic()
    random = streams.numpy("forests")
    layout = table.layout
    reader = Reader(layout)
    codes = torch.as_tensor(table.codes.astype(np.int64))
    offsets = torch.as_tensor(table.offsets)
    everything = torch.ones_like(codes, dtype=torch.bool)
    seen = reader(codes, offsets, everything).numpy()
    about = _numbered(people, len(table))
    centre, covariance = _lines(seen, layout, int(about.max()) + 1, least)
    rows = _Rows(
        codes=codes.numpy(),
        probits=probit(offsets).double().numpy(),
        seen=seen,
        people=about,
        block_of_feature=reader.block_of_feature.numpy(),
        known_before=_known_before(layout),
        centre=torch.as_tensor(centre).to(STATE["centre"]),
        covariance=torch.as_tensor(covariance).to(STATE["covariance"]),
    )
    count = len(layout.blocks)
    nodes = _Nodes()
    for number in range(TREES):
        spent = time.monotonic() - began
        # A further tree of each block takes as long as those before it.
        if limit and number and spent * (number + 1) / number > limit:
            break
        for block in range(count):
            observe((number + block / count) / TREES)
            nodes.append(_grow_tree(rows, layout, block, least, random))
    lines = {"centre": rows.centre, "covariance": rows.covariance}
    return ForestCompleter(layout, {**nodes.state(count), **lines})


def _numbered(people: Ints | None, rows: int) -> Ints:
    """``[rows]``: numbers from 0; each row is about somebody else if not told."""
    if people is None:
        return np.arange(rows)
    numbers: Ints = np.unique(people, return_inverse=True)[1].ravel()
    return numbers


@dataclass(frozen=True)
class _Rows:
    """The training rows as trees are grown on them.

    Attributes:
        codes: ``[rows, K]``.
        probits: ``[rows, C]``: of the offsets.
        seen: ``[rows, F]``: what trees see where nothing is hidden.
        people: ``[rows]``: whom each row is about.
        block_of_feature: ``[F]``.
        known_before: ``[orders, K, K]``: of each order and block, which blocks are drawn
            before it.
        centre, covariance: As those of `ForestCompleter`.
    """

    codes: Ints
    probits: Floats
    seen: npt.NDArray[np.float32]
    people: Ints
    block_of_feature: Ints
    known_before: npt.NDArray[np.bool_]
    centre: Tensor
    covariance: Tensor

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True)
class _Tree:
    """One tree; its nodes are numbered from 0, children after their parents.

    Attributes:
        features, thresholds, left, right: As those of `ForestCompleter`.
        shares: ``[nodes, size]``: of the codes.
        means, deviations: ``[nodes, modes]``: of the probits of the offsets.
    """

    features: Ints
    thresholds: Floats
    left: Ints
    right: Ints
    shares: Floats
    means: Floats
    deviations: Floats


def _grow_tree(
    rows: _Rows, layout: Layout, block: int, least: int, random: np.random.Generator
) -> _Tree:
    """One tree that says what a block is, on a bootstrap sample with hidden cells."""
    from sklearn.tree import DecisionTreeRegressor

    numeric = layout.blocks[block].numeric
    times = int(np.clip(ROWS_OF_A_TREE // len(rows), 1, MOST_TIMES))
    drawn = np.tile(random.integers(0, len(rows), len(rows)), times)
    masks, mask_of_row = _hide(rows, block, len(drawn), random)
    known = masks[mask_of_row]
    seen = rows.seen[drawn] * known[:, rows.block_of_feature]
    number = _number_of(block, layout)
    if len(rows.centre) and number is not None:
        line = expected(
            torch.as_tensor(seen),
            number,
            torch.as_tensor(masks[:, rows.block_of_feature[: len(rows.centre)]]),
            torch.as_tensor(mask_of_row),
            rows.centre,
            rows.covariance,
        )
        seen = np.column_stack([seen, line.numpy()])
    wanted = _targets(rows, layout, block)[drawn]
    grown = DecisionTreeRegressor(
        # About a third of the times that a row occurs, the same cells decide.
        min_samples_leaf=math.ceil(LEAST_ROWS[numeric] * max(1.0, times / 3)),
        max_features=max(
            1, min(MOST_FEATURES_TRIED, int(FEATURES_TRIED * seen.shape[1]))
        ),
        max_depth=MOST_DEPTH,
        random_state=int(random.integers(2**31)),
    ).fit(seen, wanted)
    return _with_statistics(grown, seen, drawn, rows, layout, block, least)


def _hide(
    rows: _Rows, block: int, count: int, random: np.random.Generator
) -> tuple[npt.NDArray[np.bool_], Ints]:
    """Masks of which cells are known of rows whose ``block`` is asked.

    Returns:
        Masks ``[P, K]``, and which of them each of so many rows has, ``[count]``.
    """
    of_orders = rows.known_before[:, block]
    share = random.random((MASKS_OF_A_TREE, 1))
    at_random = random.random((MASKS_OF_A_TREE, of_orders.shape[1])) < share
    at_random[:, block] = False
    mask_of_row = np.where(
        random.random(count) < RANDOM_MASKS,
        len(of_orders) + random.integers(MASKS_OF_A_TREE, size=count),
        random.integers(len(of_orders), size=count),
    )
    return np.concatenate([of_orders, at_random]), mask_of_row


def _known_before(layout: Layout) -> npt.NDArray[np.bool_]:
    """``[orders, K, K]``: of each order and block, which blocks are drawn before it."""
    ways = plans(layout, max(2, len(layout.units)))
    count = len(layout.blocks)
    known = np.zeros((len(ways), count, count), dtype=bool)
    for number, plan in enumerate(ways):
        earlier: list[int] = []
        for blocks in plan:
            known[np.ix_([number], list(blocks), earlier)] = True
            earlier += blocks
    return known


def _targets(rows: _Rows, layout: Layout, block: int) -> Floats:
    """``[rows, targets]``: what the trees of a block predict.

    The codes, one-hot; of numbers their normal scores, so that none weighs more for being
    far out.
    """
    seen = rows.seen[:, rows.block_of_feature == block].astype(np.float64)
    if not layout.blocks[block].numeric:
        return seen
    ranks = rankdata(seen[:, 0])
    scores = ndtri((ranks - 0.5) / len(ranks))
    return np.column_stack([scores, seen[:, 1:]])


def _with_statistics(
    grown: Any,
    seen: npt.NDArray[np.float32],
    drawn: Ints,
    rows: _Rows,
    layout: Layout,
    block: int,
    least: int,
) -> _Tree:
    """A tree of scikit-learn, with what each node says of the block."""
    tree = grown.tree_
    # ``[drawn, nodes]``: the nodes that each row passes.
    path = grown.decision_path(seen)
    who = _membership(rows.people[drawn])
    people = _count_distinct(who, path)
    parents = _parents(tree)

    # A node of few people is a leaf that says what its parent says. Where trees predict a
    # category, their parent does not split at all: that was likelier, and for numbers it was not.
    left, right = tree.children_left, tree.children_right
    numbers = np.arange(tree.node_count)
    tells = people >= least
    splits = (left >= 0) & tells
    if not layout.blocks[block].numeric:
        splits &= tells[left] & tells[right]
    left = np.where(splits, left, numbers)
    right = np.where(splits, right, numbers)

    size, atoms = layout.blocks[block].size, layout.blocks[block].atoms
    codes = rows.codes[drawn, block]
    counts = path.T @ _membership(codes, size)
    counts = counts.toarray()
    of_node = counts / counts.sum(1, keepdims=True)
    table = np.bincount(rows.codes[:, block], minlength=size) + 0.5
    shares = _shrunk(of_node, people * tells, table / table.sum(), parents, PRIOR_ROWS)

    modes = layout.blocks[block].modes
    means = np.zeros((len(numbers), modes))
    deviations = np.ones((len(numbers), modes))
    if modes:
        column = int(np.flatnonzero(layout.continuous == block)[0])
        probits = rows.probits[drawn, column]
    for mode in range(modes):
        inside = codes == atoms + mode
        in_mode = _count_distinct(who[inside], path[inside])
        sums = _sums(path[inside], probits[inside])
        means[:, mode], deviations[:, mode] = _moments(
            *sums, in_mode, parents, max(least, 2)
        )
    return _Tree(
        features=np.maximum(tree.feature, 0),
        thresholds=tree.threshold,
        left=left,
        right=right,
        shares=shares,
        means=means,
        deviations=deviations,
    )


def _membership(labels: Ints, count: int | None = None) -> Any:
    """``[len(labels), labels]``: a sparse matrix that is 1 where a row has the label."""
    count = int(labels.max()) + 1 if count is None else count
    ones = np.ones(len(labels))
    rows = np.arange(len(labels))
    return sparse.csr_matrix((ones, (rows, labels)), shape=(len(labels), count))


def _count_distinct(who: Any, path: Any) -> Ints:
    """``[nodes]``: how many people the rows are about that pass each node."""
    visits = (who.T @ path).tocsr()
    return np.asarray(visits.getnnz(axis=0), dtype=np.int64)


def _parents(tree: Any) -> Ints:
    """``[nodes]``: the parent of each node; the root is its own."""
    parents = np.zeros(tree.node_count, dtype=np.int64)
    splits = np.flatnonzero(tree.children_left >= 0)
    parents[tree.children_left[splits]] = splits
    parents[tree.children_right[splits]] = splits
    return parents


def _shrunk(
    of_node: Floats, weights: Ints, start: Floats, parents: Ints, prior: float
) -> Floats:
    """What nodes say, each mixed with what its parent says: few rows know little.

    Args:
        of_node: ``[nodes, size]``: of the rows of each node alone.
        weights: ``[nodes]``: how many rows these are.
        start: ``[size]``: what stands above the root.
        parents: ``[nodes]``: parents come before their children.
        prior: How many rows the parent counts for.
    """
    mixed = np.empty_like(of_node)
    share = weights / (weights + prior)
    for node, parent in enumerate(parents):
        above = start if node == 0 else mixed[parent]
        # Nothing is ruled out, however many nodes above have not seen it.
        above = (1 - TABLE_SHARE) * above + TABLE_SHARE * start
        mixed[node] = share[node] * of_node[node] + (1 - share[node]) * above
    return mixed


def _sums(path: Any, values: Floats) -> tuple[Floats, Floats, Floats]:
    """``[nodes]``: of the rows that pass each node: how many, sum, sum of squares."""
    columns = np.column_stack([np.ones_like(values), values, values**2])
    count, total, squares = (path.T @ columns).T
    return count, total, squares


def _moments(
    count: Floats,
    total: Floats,
    squares: Floats,
    people: Ints,
    parents: Ints,
    least: int,
) -> tuple[Floats, Floats]:
    """Mean and deviation ``[nodes]`` of the probits of a mode.

    A node with fewer than ``least`` people in the mode says what its parent says.
    """
    means = np.zeros(len(count))
    deviations = np.ones(len(count))
    known = people >= least
    n = np.maximum(count, 1.0)
    of_node = total / n
    variance = np.maximum(squares / n - of_node**2, 0.0)
    for node, parent in enumerate(parents):
        if known[node]:
            rows = people[node]
            share = rows / (rows + PRIOR_ROWS)
            means[node] = share * of_node[node] + (1 - share) * means[parent]
            spread = rows * variance[node] + PRIOR_ROWS * PRIOR_DEVIATION**2
            # Less one row for the mean, which is not known exactly either.
            spread /= max(rows - 1.0, 1.0) + PRIOR_ROWS
            deviations[node] = np.sqrt(spread * (1 + 1 / rows))
        else:
            means[node] = means[parent]
            deviations[node] = deviations[parent]
    return means, np.maximum(deviations, LEAST_DEVIATION)


class _Nodes:
    """The nodes of many trees in one list."""

    def __init__(self) -> None:
        self.trees: list[_Tree] = []

    def append(self, tree: _Tree) -> None:
        """Add a tree, without the nodes that are not reached."""
        self.trees.append(_without_unreached(tree))

    def state(self, blocks: int) -> dict[str, Tensor]:
        """The tensors of a `ForestCompleter`; each block in turn had a tree added."""
        sizes = [len(tree.features) for tree in self.trees]
        starts = np.cumsum([0, *sizes[:-1]])
        found = {
            # ``[K, TREES]``: where there are fewer trees, they stand there again.
            "roots": np.resize(starts, (TREES, blocks)).T.copy(),
            "features": _joined([tree.features for tree in self.trees]),
            "thresholds": _joined([tree.thresholds for tree in self.trees]),
            "left": _joined(
                [s + t.left for s, t in zip(starts, self.trees, strict=True)]
            ),
            "right": _joined(
                [s + t.right for s, t in zip(starts, self.trees, strict=True)]
            ),
        }
        leaves = [tree.left == np.arange(len(tree.left)) for tree in self.trees]
        found["shares_at"], found["shares"] = _of_leaves(
            leaves, [tree.shares for tree in self.trees]
        )
        found["modes_at"], found["means"] = _of_leaves(
            leaves, [tree.means for tree in self.trees]
        )
        _, found["deviations"] = _of_leaves(
            leaves, [tree.deviations for tree in self.trees]
        )
        # What is read of a narrow leaf as if it were the widest stays in the array.
        widest = max(tree.shares.shape[1] for tree in self.trees)
        found["shares"] = np.concatenate([found["shares"], np.ones(widest)])
        return {
            name: torch.as_tensor(array).to(STATE[name])
            for name, array in found.items()
        }


def _joined(arrays: Sequence[Any]) -> Any:
    return np.concatenate(arrays)


def _of_leaves(leaves: Sequence[Any], values: Sequence[Floats]) -> tuple[Ints, Floats]:
    """Where each leaf's values begin (0 for other nodes), and these values in a row."""
    places = []
    kept = []
    at = 0
    for is_leaf, of_tree in zip(leaves, values, strict=True):
        width = of_tree.shape[1]
        place = at + width * (np.cumsum(is_leaf) - 1)
        places.append(np.where(is_leaf, place, 0))
        kept.append(of_tree[is_leaf].ravel())
        at += width * int(is_leaf.sum())
    return np.concatenate(places), np.concatenate(kept)


def _without_unreached(tree: _Tree) -> _Tree:
    """The same without nodes below those that became leaves."""
    reached = np.zeros(len(tree.left), dtype=bool)
    reached[0] = True
    for node in range(len(tree.left)):
        if reached[node]:
            reached[tree.left[node]] = reached[tree.right[node]] = True
    renumbered = np.cumsum(reached) - 1
    return _Tree(
        features=tree.features[reached],
        thresholds=tree.thresholds[reached],
        left=renumbered[tree.left[reached]],
        right=renumbered[tree.right[reached]],
        shares=tree.shares[reached],
        means=tree.means[reached],
        deviations=tree.deviations[reached],
    )
