"""What combinations of columns add to what a network reads."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from synthtab.core.layout import Layout
from synthtab.runtime.products import Linear

# Width of the embedding of a combination: a wider one learns single rows by heart
# (docs/lab.md).
CROSSED = 16


class Crossed(nn.Module):
    """What combinations of codes add to the first layer, where all of a combination is known: `Layout.crosses`."""

    def __init__(self, layout: Layout, width: int) -> None:
        super().__init__()
        self.layout, rows = layout, 1
        for i, cross in enumerate(layout.crosses):
            table = torch.zeros(
                int(np.prod(layout.sizes[list(cross.blocks)])), dtype=torch.int64
            )
            table[list(cross.cells)] = rows + torch.arange(len(cross.cells))
            self.register_buffer(f"rows_{i}", table, persistent=False)
            rows += len(cross.cells)
        self.embedding = nn.Embedding(rows, CROSSED, padding_idx=0)
        self.out = Linear(CROSSED, width, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.05)
        with torch.no_grad():
            self.embedding.weight[0] = 0.0

    def forward(self, codes: Tensor, known: Tensor) -> Tensor:
        """``[B, width]`` for codes ``[B, K]`` and, for each cross, where it counts, ``[B, crosses]``."""
        found = [
            getattr(self, f"rows_{i}")[c.of(codes, self.layout)]
            for i, c in enumerate(self.layout.crosses)
        ]
        hidden: Tensor = self.out(
            self.embedding(torch.stack(found, dim=1) * known).sum(1)
        )
        return hidden

    def known(self, mask: Tensor) -> Tensor:
        """``[B, crosses]``: which combinations the known cells ``[B, K]`` complete."""
        return torch.stack(
            [mask[:, list(cross.blocks)].all(1) for cross in self.layout.crosses], dim=1
        )
