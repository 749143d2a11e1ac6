"""Which columns may be drawn in one pass: fewer passes, at next to no cost."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synthtab.core.layout import Encoded, Layout
from synthtab.model.batches import Plan, plans
from synthtab.model.networks import Generator
from synthtab.runtime.products import fast_products
from synthtab.sampling.sampler import Stage

# Nats per row that a column may lose by not seeing the columns that are drawn together
# with it.
LOSS = 0.005
# Held-out rows that are asked.
ROWS = 1000


@torch.inference_mode()
@fast_products()
def grouped(
    generator: Generator, held_out: Encoded, device: torch.device
) -> tuple[Plan, ...]:
    """The orders of `plans`, a column at a time, with neighbours joined into one pass where they are independent given
    what came before.

    A column joins the pass of the one before it if the mean log-likelihood of its held-out cells, given all earlier
    columns, falls by less than `LOSS` when those of the pass are hidden: their conditional mutual information, as far
    as the generator knows of it.
    """
    trunk, layout, rows = (
        generator.completing,
        generator.slots.layout,
        held_out.take(slice(ROWS)),
    )
    assert trunk is not None and trunk.from_cells is not None, (
        "this generator completes no rows, report this"
    )
    codes = torch.as_tensor(rows.codes.astype("int64"), device=device)
    offsets, mask = (
        torch.as_tensor(rows.offsets, device=device),
        torch.zeros_like(codes, dtype=torch.bool),
    )
    empty = generator.first(codes, offsets, mask)
    stages = {blocks: Stage(generator, blocks) for blocks in layout.units.values()}

    def likelihood(stage: Stage, hidden: Tensor) -> float:
        cells = codes[:, stage.blocks], offsets[:, stage.columns]
        return float(
            stage.log_likelihood(
                stage.outputs(trunk, hidden, len(codes)), *cells
            ).mean()
        )

    found = []
    for plan in plans(layout, len(layout.units)):
        groups: list[tuple[int, ...]] = []
        mask = torch.zeros_like(mask)
        before = known = (
            empty  # the first layer before the current pass, and with all earlier columns
        )
        for blocks in plan:
            stage = stages[blocks]
            alone = (
                len(groups) == 1 and blocks is plan[-1]
            )  # at least two passes: one is made from noise
            if (
                groups
                and not alone
                and likelihood(stage, known) - likelihood(stage, before) < LOSS
            ):
                groups[-1] += blocks
            else:
                groups.append(blocks)
                before = known
            mask[:, stage.blocks] = True
            known = known + stage.reveal(codes, offsets, mask, mask[:, stage.blocks])
        found.append(tuple(groups))
    return tuple(found)


def to_names(layout: Layout, found: Sequence[Plan]) -> list[list[list[str]]]:
    """Plans as plain data: for each, for each pass, the columns, or parts of columns, that it draws."""
    owner = {b: name for name, blocks in layout.units.items() for b in blocks}
    return [[[owner[b] for b in part] for part in plan] for plan in found]


def from_names(
    layout: Layout, named: Sequence[Sequence[Sequence[str]]]
) -> tuple[Plan, ...]:
    """The inverse of `to_names`."""
    known = {**layout.columns, **layout.units}
    return tuple(
        tuple(tuple(b for n in part for b in known[n]) for part in plan)
        for plan in named
    )
