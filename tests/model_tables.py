"""Small encoded tables for the tests of the model side."""

from __future__ import annotations

import numpy as np

from synthtab.core.layout import CURVE_POINTS, Block, Cross, Encoded, Layout

LINE = tuple(np.linspace(-1.7, 1.7, CURVE_POINTS).tolist())

LAYOUT = Layout(
    (
        Block("city", atoms=5),
        Block(
            "age", atoms=3, modes=1, values=(-1.0, 0.5, float("nan")), curves=(LINE,)
        ),
        Block("sex", atoms=2),
        Block("height", modes=1, curves=(LINE,)),
        Block("income", atoms=1, modes=2, values=(0.0,), curves=(LINE, LINE)),
    )
)


# The same with a cross, of which the last combination does not count.
CROSSED = Layout(LAYOUT.blocks, None, (Cross((0, 2), tuple(range(9))),))


def table(rows: int = 400, seed: int = 0, layout: Layout = LAYOUT) -> Encoded:
    """Codes with skewed frequencies in which neighbouring blocks depend on one another; uniform offsets."""
    random = np.random.default_rng(seed)
    latent = random.random(rows)
    codes = np.stack(
        [
            (b.size * (latent + 0.4 * random.random(rows)) ** 2 % b.size).astype(
                np.int16
            )
            for b in layout.blocks
        ],
        1,
    )
    codes = np.minimum(codes, layout.sizes - 1).astype(np.int16)
    offsets = np.clip(
        0.7 * latent[:, None] + 0.3 * random.random((rows, len(layout.continuous))),
        0,
        1,
    )
    atom = codes[:, layout.continuous] < layout.atoms[layout.continuous]
    return Encoded(codes, np.where(atom, 0.5, offsets).astype(np.float32), layout)
