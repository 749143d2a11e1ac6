"""How good a model is on rows that training never saw: the scores that choose its checkpoint.

Both are fast enough to be taken many times during a fit, on encoded rows. The figures that
users read come from `synthtab.evaluation`, on decoded tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synthtab.core.layout import CURVE_POINTS, Encoded, Layout
from synthtab.core.randomness import Streams
from synthtab.model.batches import Batch
from synthtab.model.losses import completion
from synthtab.model.networks import Networks
from synthtab.model.orders import known_cells

# ------------------------------------------------------------------------------------------
# The likelihood of hidden cells


@torch.no_grad()
def held_out_likelihood(networks: Networks, batch: Batch) -> float:
    """Mean log-likelihood of the hidden cells of a batch, in nats.

    Of codes and offsets, each over those cells that have one.
    """
    assert networks.completer is not None, "nothing completes rows, report this"
    losses = completion(networks.completer, batch)
    return -float(torch.stack(list(losses.values())).sum())


def hidden_cells(rows: Encoded, streams: Streams, device: torch.device) -> Batch:
    """Held-out rows that know what sampling knows before some pass, always the same."""
    rows = rows.take(slice(JUDGED_ROWS))
    masks = known_cells(rows.layout, device)
    random = streams.numpy("hidden")
    passes = random.integers(0, max(1, len(masks)), len(rows))
    codes = torch.as_tensor(rows.codes.astype("int64"), device=device)
    offsets = torch.as_tensor(rows.offsets, device=device)
    return Batch(codes, offsets, masks[torch.as_tensor(passes, device=device)])


# ------------------------------------------------------------------------------------------
# The quality of generated rows

# Rows of each table that the score looks at.
JUDGED_ROWS = 4000
# Most values of a column in the two-way tables.
PAIR_BINS = 16


@dataclass(frozen=True)
class Quality:
    """Held-out quality of generated rows.

    Attributes:
        auc: Area under the ROC curve of boosted trees that tell the two tables apart (C2ST),
            out of fold; 0.5 is ideal.
        pairs: Mean total variation of all two-way tables, in [0, 1]; with sampling noise.
        coverage: Share of the codes of the held-out rows that were generated at all.
        duplicates: Share of generated rows that repeat another one, beyond that share in the
            held-out rows.
    """

    auc: float
    pairs: float
    coverage: float
    duplicates: float

    @property
    def score(self) -> float:
        """Mean of the detection score, 1 - |2 AUC - 1|, and of 1 - pairs; 1 is best."""
        return 1 - (abs(2 * self.auc - 1) + self.pairs) / 2


def quality(real: Encoded, fake: Encoded, streams: Streams) -> Quality:
    """Compare two encoded tables of one layout; at most `JUDGED_ROWS` rows of each count."""
    rows = min(JUDGED_ROWS, len(real), len(fake))
    real = real.take(slice(rows))
    fake = fake.take(slice(rows))
    binning = Binning(real.layout, torch.device("cpu"))
    real_cells = binning.cells(real)
    fake_cells = binning.cells(fake)
    covered = [
        np.isin(np.unique(real_codes), fake_codes).mean()
        for real_codes, fake_codes in zip(real.codes.T, fake.codes.T, strict=True)
    ]
    return Quality(
        auc=detection(real_cells, fake_cells, binning.nominal, streams),
        pairs=pair_error(real_cells, fake_cells),
        coverage=float(np.mean(covered)),
        duplicates=max(0.0, repeats(fake_cells) - repeats(real_cells)),
    )


def detection(
    a: Cells, b: Cells, nominal: npt.NDArray[np.bool_], streams: Streams
) -> float:
    """AUC of boosted trees that tell two tables in bins apart: two folds, out of fold."""
    # Imported here, since `sample` imports this module, too, and would pay a second for what
    # only `fit` needs.
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    cells = np.concatenate([a, b])
    labels = np.repeat([0, 1], [len(a), len(b)])
    fold = streams.numpy("quality folds").permutation(len(labels)) % 2
    scores = np.zeros(len(labels))
    for tested in (0, 1):
        learnt = fold != tested
        model = HistGradientBoostingClassifier(
            max_iter=60,
            learning_rate=0.15,
            max_leaf_nodes=15,
            categorical_features=nominal,
            early_stopping=False,
            random_state=0,
        )
        if len(set(labels[learnt])) < 2 or learnt.all():
            return 0.5  # too few rows to tell anything
        model.fit(cells[learnt], labels[learnt])
        scores[~learnt] = model.predict_proba(cells[~learnt])[:, 1]
    return float(roc_auc_score(labels, scores))


def pair_error(a: Cells, b: Cells) -> float:
    """Mean over pairs of columns of the total variation between their two-way tables.

    Of a single column, that of its one-way table.
    """
    binned = [_pair_bins(x, y) for x, y in zip(a.T, b.T, strict=True)]
    if not binned:
        return 0.0
    if len(binned) == 1:
        return _total_variation(*binned[0])
    errors = []
    for i, (left_a, left_b) in enumerate(binned):
        for right_a, right_b in binned[i + 1 :]:
            cell_a = left_a * PAIR_BINS + right_a
            cell_b = left_b * PAIR_BINS + right_b
            errors.append(_total_variation(cell_a, cell_b))
    return float(np.mean(errors))


def repeats(table: Cells) -> float:
    """Share of rows that equal an earlier row."""
    return 1 - len(np.unique(table, axis=0)) / max(1, len(table))


def _pair_bins(
    a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """A column of both tables in at most `PAIR_BINS` bins.

    The bins are the values of the first table where they are few, else its quantiles.
    """
    cuts = np.unique(a)[1:]
    if len(cuts) >= PAIR_BINS:
        inner = np.linspace(0, 1, PAIR_BINS + 1)[1:-1]
        cuts = np.unique(np.quantile(a, inner))
    return np.searchsorted(cuts, a, side="right"), np.searchsorted(
        cuts, b, side="right"
    )


def _total_variation(x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> float:
    """Half the sum of the differences between two frequency tables, in [0, 1]."""
    size = int(max(x.max(), y.max())) + 1
    p = np.bincount(x, minlength=size) / len(x)
    q = np.bincount(y, minlength=size) / len(y)
    return float(np.abs(p - q).sum() / 2)


# ------------------------------------------------------------------------------------------
# Encoded rows as trees see them

# Most values of a block that a tree tells apart: scikit-learn's limit.
BINS = 255

Cells = npt.NDArray[np.uint8]


class Binning:
    """Encoded rows as small integers ``[B, K]`` in 0 .. 254, one per block.

    Where a block is numeric they are in the order of its values. An atom has a bin of its own,
    and the modes of a block share the others evenly, each cut at equal steps of its offset,
    thus into equal shares of its rows. "Missing" comes last. Codes of a block of more than 255
    categories share bins with their neighbours.

    Args:
        layout: What codes and offsets mean.
        device: Where the rows are.
        most: Most steps of a mode.

    Attributes:
        nominal: ``[K]``: whether the bins of a block have no order.
    """

    def __init__(self, layout: Layout, device: torch.device, most: int = BINS) -> None:
        self.nominal = np.array(
            [not b.numeric and b.size <= BINS for b in layout.blocks], dtype=bool
        )
        steps = [
            max(1, min(most, (BINS - b.atoms) // b.modes)) if b.modes else 1
            for b in layout.blocks
        ]
        tables = [
            _bins_of_block(layout, i, steps[i]) for i in range(len(layout.blocks))
        ]
        # One array for all blocks, the shorter tables filled up with zeros.
        longest = max((len(t) for t in tables), default=1)
        stacked = np.zeros((len(tables), longest), dtype=np.uint8)
        for row, table in zip(stacked, tables, strict=True):
            row[: len(table)] = table
        self.tables = torch.as_tensor(stacked, device=device)
        self.steps = torch.as_tensor(np.array(steps, dtype=np.int64), device=device)
        self.atoms = torch.as_tensor(layout.atoms, device=device)
        self.continuous = torch.as_tensor(layout.continuous, device=device)

    def __call__(self, codes: Tensor, offsets: Tensor) -> Tensor:
        """Codes ``[B, K]`` and offsets ``[B, C]`` => bins, uint8 ``[B, K]``."""
        place = codes.long()
        if len(self.continuous):
            # The place of a step: after all atoms, and the steps of the modes before.
            steps = self.steps[self.continuous]
            atoms = self.atoms[self.continuous]
            code = place[:, self.continuous]
            step = (offsets * steps).long().clamp_(min=0)
            step = torch.minimum(step, steps - 1)
            in_mode = atoms + (code - atoms) * steps + step
            place_of_cell = torch.where(code >= atoms, in_mode, code)
            place = place.index_copy(1, self.continuous, place_of_cell)
        return self.tables.gather(1, place.T).T

    def cells(self, rows: Encoded) -> Cells:
        """The bins of an encoded table."""
        codes = torch.as_tensor(rows.codes.astype(np.int64))
        bins: Cells = self(codes, torch.as_tensor(rows.offsets)).numpy()
        return bins


def _bins_of_block(layout: Layout, number: int, steps: int) -> Cells:
    """The bin of every atom, and of every step of every mode, of a block."""
    block = layout.blocks[number]
    if not block.numeric:
        order = np.arange(block.size)
    else:
        grid = np.linspace(0, 1, CURVE_POINTS)
        middles = (np.arange(steps) + 0.5) / steps
        in_modes = [np.interp(middles, grid, curve) for curve in block.curves]
        values = np.concatenate([np.asarray(block.values, dtype=np.float64), *in_modes])
        # The rank of each value. NaN, which is "missing", sorts last.
        order = np.empty(len(values), dtype=np.int64)
        order[np.argsort(values, kind="stable")] = np.arange(len(values))
    if len(order) > BINS:
        order = order * BINS // len(order)
    return order.astype(np.uint8)
