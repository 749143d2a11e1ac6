"""The held-out score: best for the same distribution, worse for independent columns, and worst for junk."""

import numpy as np
import pytest

from synthtab.core.layout import Encoded
from synthtab.core.randomness import Streams
from synthtab.model.held_out import pair_error, quality, repeats
from tests.model_tables import LAYOUT, table


def shuffled(encoded: Encoded) -> Encoded:
    random = np.random.default_rng(0)
    order = [random.permutation(len(encoded)) for _ in LAYOUT.blocks]
    codes = np.stack([encoded.codes[o, b] for b, o in enumerate(order)], 1)
    offsets = np.stack(
        [encoded.offsets[order[b], c] for c, b in enumerate(LAYOUT.continuous)], 1
    )
    return Encoded(codes, offsets, LAYOUT)


def test_order_of_scores() -> None:
    real, fresh = table(2000), table(2000, seed=1)
    constant = Encoded(
        np.zeros_like(real.codes), np.full_like(real.offsets, 0.5), LAYOUT
    )
    good, independent, junk = (
        quality(real, t, Streams(0)) for t in (fresh, shuffled(real), constant)
    )
    assert good.score > independent.score > junk.score
    assert abs(good.auc - 0.5) < 0.05 < 0.2 < independent.auc - 0.5
    assert (
        junk.coverage < 0.5 < good.coverage and junk.duplicates > 0.5 > good.duplicates
    )


def test_one_seed_one_score() -> None:
    real, fresh = table(300), table(300, seed=1)
    assert quality(real, fresh, Streams(2)) == quality(real, fresh, Streams(2))


def test_pair_error_of_a_hand_computed_table() -> None:
    real = np.array([[0, 0], [0, 0], [1, 1], [1, 1]], dtype=np.float32)
    fake = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
    assert pair_error(real, fake) == pytest.approx(0.5)
    assert pair_error(real, real[::-1]) == 0


def test_repeats() -> None:
    assert repeats(
        np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 4.0]], dtype=np.float32)
    ) == pytest.approx(1 / 3)
