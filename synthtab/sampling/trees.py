"""Boosted trees that tell real rows from generated ones, on encoded rows.

A row is seen as one small integer per block (`Binning`). Trees are grown by scikit-learn and kept as plain
arrays (`Forest`), which score many rows on any device without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synthtab.core.layout import CURVE_POINTS, Encoded, Layout

# Most values of a block that a tree tells apart; scikit-learn's limit.
BINS = 255
# Most leaves of a tree: a row's leaf is found in the bits of an int32.
LEAVES = 31
# Rows scored at once: the bits of all their trees stay in the cache.
ROWS = 1024

Cells = npt.NDArray[np.uint8]


class Binning:
    """Encoded rows as integers ``[B, K]`` in 0 .. 254, in the order of the values where a block is numeric.

    An atom has a bin of its own, and the modes of a block share the rest evenly, each cut at equal steps of its
    offset, thus into equal shares of its rows. "Missing" comes last. Codes of a block of more than 255 categories
    share bins with their neighbours.

    Args:
        layout: What codes and offsets mean.
        device: Where the rows are.
        most: Most steps of a mode.
    """

    def __init__(self, layout: Layout, device: torch.device, most: int = BINS) -> None:
        self.nominal = np.array(
            [not b.numeric and b.size <= BINS for b in layout.blocks], dtype=bool
        )
        steps = [
            max(1, min(most, (BINS - b.atoms) // b.modes)) if b.modes else 1
            for b in layout.blocks
        ]
        tables = [_order(layout, i, steps[i]) for i in range(len(layout.blocks))]
        longest = max((len(t) for t in tables), default=1)
        stacked = np.zeros((len(tables), longest), dtype=np.uint8)
        for row, table in zip(stacked, tables, strict=True):
            row[: len(table)] = table
        self.tables = torch.as_tensor(stacked, device=device)
        self.steps = torch.as_tensor(np.array(steps, dtype=np.int64), device=device)
        self.atoms = torch.as_tensor(layout.atoms, device=device)
        self.continuous = torch.as_tensor(layout.continuous, device=device)

    def __call__(self, codes: Tensor, offsets: Tensor) -> Tensor:
        """Codes ``[B, K]`` and offsets ``[B, C]`` to uint8 ``[B, K]``."""
        cells = codes.long()
        if len(self.continuous):
            steps, atoms = self.steps[self.continuous], self.atoms[self.continuous]
            code = cells[:, self.continuous]
            step = (offsets * steps).long().clamp_(min=0)
            inner = atoms + (code - atoms) * steps + torch.minimum(step, steps - 1)
            cells = cells.index_copy(
                1, self.continuous, torch.where(code >= atoms, inner, code)
            )
        return self.tables.gather(1, cells.T).T

    def cells(self, rows: Encoded) -> Cells:
        """An encoded table as bins."""
        found: Cells = self(
            torch.as_tensor(rows.codes.astype(np.int64)), torch.as_tensor(rows.offsets)
        ).numpy()
        return found


def _order(layout: Layout, block: int, steps: int) -> Cells:
    """The bin of every atom and every step of every mode of a block."""
    b = layout.blocks[block]
    if not b.numeric:
        codes = np.arange(b.size)
        return (codes if b.size <= BINS else codes * BINS // b.size).astype(np.uint8)
    grid, at = np.linspace(0, 1, CURVE_POINTS), (np.arange(steps) + 0.5) / steps
    inner = [np.interp(at, grid, curve) for curve in b.curves]
    values = np.concatenate(
        [np.asarray(b.values, dtype=np.float64), *inner]
    )  # NaN, "missing", sorts last
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return (ranks if len(ranks) <= BINS else ranks * BINS // len(ranks)).astype(
        np.uint8
    )


@dataclass(frozen=True)
class Forest:
    """Boosted trees as arrays, N inner nodes of T trees. Bit l of a row's word of a tree is on as long as the row may
    still end in the l-th leaf from the left; a node that sends it right clears the leaves on its left, and the
    lowest bit left at the end is the leaf (QuickScorer, Lucchese et al., SIGIR 2015).

    Attributes:
        features, trees: ``[N]``: the block that a node asks for, and its tree.
        lefts: ``[N, 32]`` uint8: which of the 256 bins it sends left, a bit each, lowest first.
        keeps: ``[N]`` int32: what is ANDed to the word of a row that goes right.
        leaves: ``[T, 32]`` float32: log-odds that each leaf adds.
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
        **options: Any,
    ) -> Forest:
        """Learn log-odds of label 1 from ``cells [rows, K]``; ``options`` are those of scikit-learn's
        HistGradientBoostingClassifier. If rows are kept out to stop early, the trees end where those rows say.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier

        assert options.get("max_leaf_nodes", LEAVES) <= LEAVES, (
            "a leaf is a bit of an int32, report this"
        )
        # scikit-learn moves categories to the front and renumbers those that it sees: done here, it does nothing
        order = np.concatenate([np.flatnonzero(nominal), np.flatnonzero(~nominal)])
        seen = [np.unique(cells[:, f]) for f in order]
        ranked = np.column_stack(
            [np.searchsorted(s, cells[:, f]) for s, f in zip(seen, order, strict=True)]
        )
        model = HistGradientBoostingClassifier(
            categorical_features=np.arange(int(nominal.sum()))
            if nominal.any()
            else None,
            **{"early_stopping": False, **options},
        )
        model.fit(ranked.astype(np.float64), labels, sample_weight=weights)
        best = (
            int(np.argmax(model.validation_score_))
            if model.do_early_stopping_
            else model.n_iter_
        )
        grown = [
            _read(p[0], order, seen, int(nominal.sum()))
            for p in model._predictors[: max(1, best)]
        ]
        parts = [np.concatenate(p) for p in zip(*(g[:3] for g in grown), strict=True)]
        trees = np.repeat(np.arange(len(grown)), [len(g[0]) for g in grown])
        return cls(
            features=torch.as_tensor(parts[0]),
            trees=torch.as_tensor(trees),
            lefts=torch.as_tensor(parts[1]),
            keeps=torch.as_tensor(parts[2]),
            leaves=torch.as_tensor(np.stack([g[3] for g in grown])),
            base=torch.as_tensor(np.float32(np.ravel(model._baseline_prediction)[0])),
        )

    def compiled(self, device: torch.device) -> Scorer:
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
    """For each block that the trees ask for, the AND of all its nodes' words by bin: a row costs one look-up of
    ``[T]`` words per block, whatever the number of nodes.
    """

    def __init__(self, forest: Forest, device: torch.device) -> None:
        asked, place = np.unique(forest.features.numpy(), return_inverse=True)
        words = np.full((len(asked), 256, len(forest.leaves)), -1, dtype=np.int32)
        right = ~np.unpackbits(forest.lefts.numpy(), axis=1, bitorder="little").astype(
            bool
        )
        for at, tree, bins, keep in zip(
            place, forest.trees.numpy(), right, forest.keeps.numpy(), strict=True
        ):
            words[at, bins, tree] &= keep
        self.asked = asked.tolist()
        self.words = torch.as_tensor(words, device=device)
        self.leaves = forest.leaves.to(device).flatten()
        self.first = torch.arange(len(forest.leaves), device=device) * (LEAVES + 1)
        self.base = forest.base.to(device)

    def __call__(self, cells: Tensor) -> Tensor:
        """Log-odds ``[B]`` of rows as `Binning` shows them, uint8 ``[B, K]``."""
        if not len(self.asked):
            return self.base + self.leaves[self.first].sum().expand(len(cells))
        return torch.cat([self._score(part) for part in cells.split(ROWS)])

    def _score(self, cells: Tensor) -> Tensor:
        columns = cells.T.int()
        word = self.words[0].index_select(0, columns[self.asked[0]])
        for words, block in zip(self.words[1:], self.asked[1:], strict=True):
            word &= words.index_select(0, columns[block])
        lowest = (word & -word).float().view(torch.int32)
        leaf = (lowest >> 23) - 127  # the exponent of a power of two
        return self.base + self.leaves.take(leaf + self.first).sum(1)


def _read(
    predictor: Any, order: Any, seen: list[Any], nominal: int
) -> tuple[Any, Any, Any, Any]:
    """One tree of scikit-learn: features, bins that go left, words, and the values of its leaves."""
    nodes, features, lefts, keeps = predictor.nodes, [], [], []
    leaves = np.zeros(LEAVES + 1, dtype=np.float32)

    def walk(i: int, first: int) -> int:
        """Number the leaves below a node from ``first`` on; the number of the next one."""
        node = nodes[i]
        if node["is_leaf"]:
            leaves[first] = node["value"]
            return first + 1
        middle = walk(int(node["left"]), first)
        after = walk(int(node["right"]), middle)
        f = int(node["feature_idx"])
        left = np.full(256, bool(node["missing_go_to_left"]))
        ranks = np.arange(len(seen[f]))
        if node["is_categorical"]:
            bits = predictor.raw_left_cat_bitsets[int(node["bitset_idx"])]
            left[seen[f]] = (bits[ranks // 32] >> (ranks % 32).astype(np.uint32)) & 1
        else:  # an unseen bin goes where its neighbours do
            left = np.searchsorted(seen[f], np.arange(256)) <= node["num_threshold"]
        features.append(int(order[f]))
        lefts.append(np.packbits(left, bitorder="little"))
        keeps.append(~sum(1 << leaf for leaf in range(first, middle)))
        return after

    walk(0, 0)
    return (
        np.array(features, dtype=np.int64),
        np.array(lefts, dtype=np.uint8).reshape(-1, 32),
        np.array(keeps, dtype=np.int32),
        leaves,
    )
