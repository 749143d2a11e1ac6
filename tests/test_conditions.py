"""Which rows a batch holds and what is observed of them."""

import numpy as np
import torch

from synthtab.core.layout import ORDERS, plans
from synthtab.model.batches import TrainingRows, known_cells
from tests.model_tables import LAYOUT, table


def rows(n: int = 1000) -> TrainingRows:
    return TrainingRows(table(n), torch.device("cpu"), torch.Generator().manual_seed(0))


def test_an_epoch_visits_every_row_once() -> None:
    source = rows(100)
    source.codes[:, 0] = torch.arange(100)
    seen = torch.cat([source.next(25).codes[:, 0] for _ in range(4)])
    assert sorted(seen.tolist()) == list(range(100))


def test_a_batch_may_be_larger_than_the_table() -> None:
    assert len(rows(30).next(100).codes) == 100


def test_drawn_rows_have_codes_of_the_table_and_one_observed_block() -> None:
    source = rows()
    batch = source.by_category(500)
    assert batch.mask is not None and (batch.mask.sum(1) == 1).all()
    whole = {tuple(r) for r in source.codes.tolist()}
    assert {tuple(r) for r in batch.codes.tolist()} <= whole


def test_every_category_of_every_block_is_drawn_by_the_logarithm_of_its_frequency() -> (
    None
):
    source = rows(3000)
    batch = source.by_category(60_000)
    assert batch.mask is not None
    for b, block in enumerate(LAYOUT.blocks):
        drawn = batch.codes[batch.mask[:, b], b]
        share = torch.bincount(drawn, minlength=block.size) / len(drawn)
        weights = (
            torch.bincount(source.codes[:, b].long(), minlength=block.size)
            .float()
            .log1p()
        )
        expected = weights / weights.sum()
        # five standard errors of a share among at least 11,000 draws of this block
        assert (
            (share - expected).abs()
            < 5 * (expected * (1 - expected) / 11_000).sqrt() + 1e-9
        ).all()


def test_given_the_drawn_cell_the_other_cells_keep_their_frequencies() -> None:
    source = rows(3000)
    batch = source.by_category(60_000)
    assert batch.mask is not None
    given = (batch.codes[:, 0] == 3) & batch.mask[:, 0]
    found = torch.bincount(batch.codes[given, 2], minlength=2) / given.sum()
    real = source.codes[source.codes[:, 0] == 3, 2].long()
    expected = torch.bincount(real, minlength=2) / len(real)
    assert (found - expected).abs().max() < 5 * (0.25 / int(given.sum())) ** 0.5


def test_subsets_observe_anything_from_nothing_to_everything() -> None:
    batch = rows(4000).partly_known(16_000)
    assert batch.mask is not None
    # Between the rows with a drawn cell and those that are hidden as sampling hides them.
    masks = batch.mask[4000:8000]
    counts = np.bincount(masks.sum(1).numpy(), minlength=6) / 4000
    # a uniform share makes every number of observed cells equally likely: 1/6 each
    assert np.abs(counts - 1 / 6).max() < 5 * (1 / 6 * 5 / 6 / 4000) ** 0.5


def test_half_of_the_rows_are_observed_as_sampling_observes_them() -> None:
    met = {tuple(m) for m in known_cells(LAYOUT, torch.device("cpu")).tolist()}
    columns = len(LAYOUT.columns)
    assert len(known_cells(LAYOUT, torch.device("cpu"))) == ORDERS * columns
    shown = [False] * len(LAYOUT.blocks)
    for blocks in plans(LAYOUT, columns)[3]:
        assert tuple(shown) in met
        shown = [s or b in blocks for b, s in enumerate(shown)]
    assert all(shown) and tuple(shown) not in met, (
        "a row of which all is known teaches nothing"
    )
    batch = rows().partly_known(1000)
    assert batch.mask is not None
    inside = [tuple(m) in met for m in batch.mask.tolist()]
    assert all(inside[500:]) and not all(inside[:500])
