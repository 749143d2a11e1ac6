"""The GAN: a generator that turns noise into whole rows, and the critic that judges them.

The generator makes a row in one pass, and learns against the critic (`synthtab.model.losses`
has the objectives, `synthtab.model.trainer` the game). With ``condition="category"`` it is the
conditional GAN of arXiv 1907.00503: it always observes one category of one column, its
conditional vector.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from synthtab.core.config import TrainConfig
from synthtab.core.layout import Layout
from synthtab.model.layers import (
    CTGAN_WIDTH,
    Dropout,
    Linear,
    ResidualBlock,
    ScoreHead,
    Slots,
    draw_normal,
    hidden_layers,
)

# Width of the range of a squashed offset before it is cut to [0, 1]: so that both ends are
# reached.
REACH = 1.04


class Generator(nn.Module):
    """Whole rows from noise, in one pass.

    Args:
        layout: What codes and offsets mean.
        config: Sizes of the layers, and whether it observes a category.
    """

    # [W]: one-way frequencies of the codes of the training rows.
    frequencies: Tensor

    def __init__(self, layout: Layout, config: TrainConfig) -> None:
        super().__init__()
        self.slots = slots = Slots(layout)
        self.noise = config.noise
        self.conditional = config.condition == "category"
        self.from_noise = Linear(config.noise, config.width)
        self.from_cells = None
        if self.conditional:
            self.from_cells = Linear(slots.reads, config.width, bias=False)
        self.body, width = hidden_layers(config)
        self.head = Linear(width, layout.width + len(layout.mode_slots))
        if self.from_cells is not None:
            draw_normal(self.from_cells.weight, std=0.2)
        self.register_buffer("frequencies", torch.zeros(layout.width))

    def start_from(self, frequencies: Tensor) -> None:
        """Let the logits start at the one-way frequencies ``[W]`` of the training rows."""
        width = len(frequencies)
        with torch.no_grad():
            self.frequencies.copy_(frequencies)
            self.head.bias[:width] = frequencies.clamp(min=1e-6).log()
            self.head.weight[:width] *= 0.3

    def forward(
        self, noise: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits ``[B, W]``, and an offset for each mode, ``[B, M]``.

        Args:
            noise: ``[B, config.noise]``, standard normal.
            condition: The `Slots.reading` of the observed cells, ``[B, reads]``, for a
                generator that observes a category.
        """
        hidden = self.from_noise(noise)
        if self.from_cells is not None and condition is not None:
            hidden = hidden + self.from_cells(condition)
        outputs = self.head(self.body(hidden))
        width = self.slots.layout.width
        return outputs[:, :width] + self.slots.padding, unit(outputs[:, width:])

    def conditions(self, rows: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """What to observe of new rows: a block uniformly, a code by the data's frequency.

        Returns:
            Codes ``[rows, K]``, and which of them is observed, ``[rows, K]``.
        """
        slots = self.slots
        device = slots.starts.device
        blocks = torch.as_tensor(slots.layout.conditionable, device=device)
        drawn = torch.randint(len(blocks), (rows,), generator=random, device=device)
        logits = self.frequencies.clamp(min=1e-12).log().expand(rows, -1)
        codes = slots.sample(logits, random)
        mask = torch.zeros(codes.shape, dtype=torch.bool, device=device)
        return codes, mask.scatter_(1, blocks[drawn][:, None], True)


def unit(x: Tensor) -> Tensor:
    """The head's outputs as offsets in [0, 1].

    The gradient ignores the cut, lest a row get stuck beyond it.
    """
    wide = REACH * x.sigmoid() - (REACH - 1) / 2
    return wide + (wide.clamp(0, 1) - wide).detach()


class Critic(nn.Module):
    """Scores whole rows together with their mask.

    It judges ``config.packing`` rows at a time (PacGAN, arXiv 1712.04086).

    Args:
        layout: What codes and offsets mean.
        config: Sizes of the layers.
        random: The stream of its dropout.
    """

    def __init__(
        self,
        layout: Layout,
        config: TrainConfig,
        random: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.slots = Slots(layout)
        self.packing = config.packing
        inputs = (self.slots.features + len(layout.blocks)) * config.packing
        if config.network == "concat":
            # Xu et al. 2019 (arXiv 1907.00503), section 4.4
            self.net: nn.Module = nn.Sequential(
                Linear(inputs, CTGAN_WIDTH),
                nn.LeakyReLU(0.2),
                Dropout(random),
                Linear(CTGAN_WIDTH, CTGAN_WIDTH),
                nn.LeakyReLU(0.2),
                Dropout(random),
                ScoreHead(CTGAN_WIDTH, 1),
            )
        else:
            # The blocks take their random initial weights before the first layer does.
            blocks = [
                ResidualBlock(config.width, norm=False) for _ in range(config.depth)
            ]
            first = Linear(inputs, config.width)
            last = ScoreHead(config.width, 1)
            self.net = nn.Sequential(first, *blocks, nn.SiLU(), last)

    def see(
        self, one_hot: Tensor, offsets: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Rows as the critic reads them, ``[B / packing, packing x features]``.

        Args:
            one_hot: ``[B, W]``, or soft draws of it.
            offsets: An offset per mode, ``[B, M]``.
            mask: ``[B, K]``: which cells the generator observed; None for none.
        """
        rows = self.slots.dense(one_hot, offsets)
        if mask is None:
            observed = rows.new_zeros(len(rows), len(self.slots.layout.blocks))
        else:
            observed = mask.float()
        rows = torch.cat([rows, observed], dim=1)
        return rows.unflatten(0, (-1, self.packing)).flatten(1)

    def forward(self, rows: Tensor) -> Tensor:
        """A score for each pack of rows, ``[B / packing]``."""
        score: Tensor = self.net(rows)
        return score.squeeze(1)
