"""The arrays score as scikit-learn does; bins keep the order of values."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from synthtab.core.layout import Block, Layout
from synthtab.model.held_out import BINS, Binning
from synthtab.sampling.tree_critic import LEAVES, Forest
from tests.model_tables import LAYOUT, table

CPU = torch.device("cpu")


def planted(rows: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bins, labels that depend on them in every way a tree can see, and which blocks are nominal."""
    rng = np.random.default_rng(0)
    cells = np.column_stack(
        [
            rng.integers(0, 9, rows),
            rng.integers(0, 255, rows),
            3 * rng.integers(0, 40, rows),
            rng.integers(0, 2, rows),
        ]
    ).astype(np.uint8)
    odds = (
        (cells[:, 0] % 3 == 1) + cells[:, 1] / 100 + (cells[:, 2] % 2) * cells[:, 3] - 2
    )
    return (
        cells,
        (odds + rng.normal(size=rows) > 0).astype(np.int64),
        np.array([True, False, True, True]),
    )


def test_scikit_learn_has_an_upper_bound(root: Path) -> None:
    """Its trees are read from attributes that the next release may rename without notice.

    Raise the bound when the tests of this file pass with a newer release.
    """
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'"scikit-learn>=1\.\d+,<1\.\d+"', project)


@pytest.mark.parametrize("leaves", [2, 15, LEAVES])
@pytest.mark.parametrize("nominal", [True, False])
def test_scores_are_those_of_scikit_learn(leaves: int, nominal: bool) -> None:
    cells, labels, kinds = planted()
    kinds &= nominal
    options = dict(max_iter=20, max_leaf_nodes=leaves, random_state=0)
    forest = Forest.grow(cells, labels, np.ones(len(labels)), kinds, **options)
    oracle = HistGradientBoostingClassifier(
        early_stopping=False, categorical_features=kinds, **options
    )
    expected = oracle.fit(cells, labels).decision_function(cells)
    np.testing.assert_allclose(
        forest.on(CPU)(torch.as_tensor(cells)).numpy(), expected, atol=1e-5
    )


def test_weights_count() -> None:
    cells, labels, kinds = planted()
    even, heavy = (
        Forest.grow(cells, labels, np.where(labels == 1, w, 1.0), kinds, max_iter=5).on(
            CPU
        )
        for w in (1.0, 20.0)
    )
    shift = heavy(torch.as_tensor(cells)) - even(torch.as_tensor(cells))
    assert abs(float(shift.mean()) - np.log(20)) < 0.5, (
        "log-odds move by the logarithm of the weight"
    )


def test_rows_kept_out_end_a_forest_that_has_nothing_to_learn() -> None:
    cells, labels, kinds = planted()
    noise = np.random.default_rng(1).permutation(labels)
    stop = dict(
        max_iter=100,
        early_stopping=True,
        validation_fraction=0.2,
        n_iter_no_change=5,
        random_state=0,
    )
    learnt, guessed = (
        Forest.grow(cells, y, np.ones(len(y)), kinds, **stop) for y in (labels, noise)
    )
    assert len(guessed.leaves) <= 3 < 10 < len(learnt.leaves)


def test_nothing_to_split_and_bins_never_seen_are_no_error() -> None:
    cells, _, kinds = planted(200)
    forest = Forest.grow(0 * cells, np.arange(200) % 2, np.ones(200), kinds, max_iter=3)
    assert torch.allclose(
        forest.on(CPU)(torch.as_tensor(cells)), torch.zeros(200), atol=1e-6
    )


def test_a_forest_survives_its_state() -> None:
    cells, labels, kinds = planted(1000)
    forest = Forest.grow(cells, labels, np.ones(1000), kinds, max_iter=5)
    again = Forest.from_state(
        {name: tensor.clone() for name, tensor in forest.state().items()}
    )
    assert torch.equal(*(f.on(CPU)(torch.as_tensor(cells)) for f in (forest, again)))


def test_bins_follow_the_order_of_values() -> None:
    """Atoms at 0 and 2 between the halves of a mode that runs from -1 to 3; "missing" is last."""
    line = tuple(np.linspace(-1, 3, 33).tolist())
    layout = Layout((Block("x", "", 3, 1, (0.0, 2.0, float("nan")), (line,)),))
    binning = Binning(layout, CPU)
    offsets = torch.tensor(
        [[0.0], [0.2], [0.5], [0.7], [0.8], [1.0], [0.5], [0.5], [0.5]]
    )
    codes = torch.tensor([[3]] * 6 + [[0], [1], [2]])
    low, below, middle, near, above, high, zero, two, missing = binning(codes, offsets)[
        :, 0
    ].tolist()
    assert low < below < zero < middle < near < two < above < high < missing < BINS


@pytest.mark.parametrize("most", [4, BINS])
def test_every_bin_fits_whatever_the_layout(most: int) -> None:
    wide = Layout(
        (
            Block("a", atoms=1000),
            Block("b", "", 128, 10, tuple(map(float, range(128))), ((0.0,) * 33,) * 10),
        )
    )
    random = torch.Generator().manual_seed(0)
    codes = torch.stack(
        [torch.randint(s, (5000,), generator=random) for s in wide.sizes.tolist()],
        dim=1,
    )
    cells = Binning(wide, CPU, most)(codes, torch.rand(5000, 1, generator=random))
    assert cells.dtype == torch.uint8 and int(cells.max()) < BINS
    assert (cells[codes[:, 0].argsort(), 0].int().diff() >= 0).all(), (
        "neighbouring categories share bins"
    )


def test_encoded_tables_have_bins_for_every_code() -> None:
    rows = table(500)
    cells = Binning(LAYOUT, CPU)(
        torch.as_tensor(rows.codes).long(), torch.as_tensor(rows.offsets)
    )
    for b in np.flatnonzero(Binning(LAYOUT, CPU).nominal):
        assert torch.equal(cells[:, b].long(), torch.as_tensor(rows.codes[:, b]).long())
