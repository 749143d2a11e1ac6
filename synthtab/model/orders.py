"""In which order the columns of a row are drawn.

The completer draws a row in several *passes*: each pass reveals some blocks, given all that the
passes before it revealed. A *plan* lists the blocks of every pass. A model is a little wrong in
every order, and in another way; so rows are made in several orders, each for its share of them,
and the mixture is better than any of its parts (docs/lab.md).

Training needs the plans, too: half of its rows hide what sampling would find hidden
(`known_cells`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from synthtab.core.layout import Layout
from synthtab.core.randomness import Streams

# Orders of the columns, each for an equal share of the rows.
ORDERS = 8

# The blocks of the layout that each pass reveals, in the order of the passes.
Plan = tuple[tuple[int, ...], ...]


def plans(layout: Layout, passes: int) -> tuple[Plan, ...]:
    """Ways to draw a row in at most ``passes`` passes.

    One way for one pass, else `ORDERS` ways. The orders are random, but the same for every
    model of a layout, and they respect three rules:

    1. What no cross explains comes first. Of the hours of a day, a model would learn by heart
       which ones the training rows have (docs/lab.md).
    2. What is in a cross comes before what the cross explains: the weather of a day is easily
       drawn, the day of some weather is not.
    3. `Layout.last`, the target, comes at the end.

    The blocks of one column follow each other.

    Args:
        layout: Whose blocks.
        passes: The most passes; at least 1.
    """
    passes = min(max(1, passes), max(1, len(layout.units)))
    columns = list(layout.columns.values())
    orders = _orders(layout, several=passes > 1)
    found = []
    for order in orders:
        blocks = [block for column in order for block in columns[column]]
        parts = np.array_split(blocks, passes)
        found.append(tuple(tuple(part.tolist()) for part in parts))
    return tuple(found)


def _orders(layout: Layout, several: bool) -> list[np.ndarray]:
    """Numbers of the columns, in the orders in which `plans` draws them."""
    columns = list(layout.columns.values())
    if several:
        random = Streams(0).numpy("orders")
        orders = [random.permutation(len(columns)) for _ in range(ORDERS)]
    else:
        orders = [np.arange(len(columns))]
    stage = np.array([_stage(layout, blocks) for blocks in columns])
    # A stable sort: within a stage, columns stay in their random order.
    orders = [order[np.argsort(stage[order], kind="stable")] for order in orders]
    if layout.last in layout.columns:
        last = list(layout.columns).index(layout.last)
        orders = [np.append(order[order != last], last) for order in orders]
    return orders


# When a column is drawn, by what crosses say of it.
UNEXPLAINED, IN_A_CROSS, EXPLAINED = 0, 1, 2


def _stage(layout: Layout, blocks: tuple[int, ...]) -> int:
    if not layout.crosses:
        return EXPLAINED
    in_crosses = {b for cross in layout.crosses for b in cross.blocks}
    unexplained = set.intersection(
        *(set(cross.unexplained) for cross in layout.crosses)
    )
    if unexplained.issuperset(blocks):
        return UNEXPLAINED
    return EXPLAINED if in_crosses.isdisjoint(blocks) else IN_A_CROSS


def known_cells(layout: Layout, device: torch.device) -> Tensor:
    """What is known before each pass, where rows are drawn a unit at a time.

    Returns:
        ``[orders x passes, K]``: a row for each pass of each of the `plans`.
    """
    masks = [np.zeros((0, len(layout.blocks)), dtype=bool)]
    for plan in plans(layout, len(layout.units)):
        known = np.zeros((len(plan), len(layout.blocks)), dtype=bool)
        for number, blocks in enumerate(plan):
            known[number + 1 :, list(blocks)] = True
        masks.append(known)
    return torch.as_tensor(np.concatenate(masks), device=device)


def to_names(layout: Layout, found: Sequence[Plan]) -> list[list[list[str]]]:
    """Plans as plain data: for each plan and pass, the names of the units that it draws."""
    unit_of = {b: name for name, blocks in layout.units.items() for b in blocks}
    return [[[unit_of[b] for b in blocks] for blocks in plan] for plan in found]


def from_names(
    layout: Layout, named: Sequence[Sequence[Sequence[str]]]
) -> tuple[Plan, ...]:
    """The inverse of `to_names`; the name of a column stands for all of its units."""
    blocks_of = {**layout.columns, **layout.units}
    return tuple(
        tuple(tuple(b for name in names for b in blocks_of[name]) for names in plan)
        for plan in named
    )
