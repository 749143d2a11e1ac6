"""The distribution of an offset given the rest of its row: a mixture density network (Bishop 1994).

Offsets are uniform on [0, 1] by construction, so their probits are standard normal. Given the observed cells, the
probit is a mixture of `COMPONENTS` normal distributions whose shares, means and deviations a network returns; it is
learnt by maximum likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

COMPONENTS = 16
PARAMETERS = 3 * COMPONENTS
"""Outputs of the network per continuous mode."""
EDGE = 1e-5
"""Offsets count as no nearer to 0 and 1 than this, a probit of 4.3."""
NARROWEST, WIDEST = -6.0, 2.0
"""Logarithms of the deviations of a component."""


@dataclass(frozen=True)
class Mixtures:
    """Of every row and continuous mode: logits of the shares, means and log deviations, each ``[B, M, COMPONENTS]``."""

    shares: Tensor
    means: Tensor
    deviations: Tensor

    @classmethod
    def of(cls, outputs: Tensor, modes: int) -> Mixtures:
        """From what the network returns, ``[B, modes x PARAMETERS]``."""
        shares, means, deviations = outputs.unflatten(1, (modes, 3, COMPONENTS)).unbind(2)
        return cls(shares, means, deviations.clamp(NARROWEST, WIDEST))

    def log_density(self, offsets: Tensor, mode: Tensor) -> Tensor:
        """Of offsets ``[B, C]``, each in the mode that ``mode [B, C]`` names; 0 where all are equally likely."""
        index = mode.unsqueeze(-1).expand(-1, -1, COMPONENTS)
        shares, means, deviations = (p.gather(1, index) for p in (self.shares, self.means, self.deviations))
        at = probit(offsets).unsqueeze(-1)
        logs = shares.log_softmax(-1) - deviations - 0.5 * ((at - means) * (-deviations).exp()).square()
        return logs.logsumexp(-1) + 0.5 * at.squeeze(-1).square()

    def draw(self, random: torch.Generator) -> Tensor:
        """An offset for every row and mode, ``[B, M]``."""
        chosen = gumbel(self.shares, random).argmax(-1, keepdim=True)
        mean, deviation = (p.gather(-1, chosen).squeeze(-1) for p in (self.means, self.deviations))
        normal = torch.randn(mean.shape, generator=random, device=mean.device)
        return torch.special.ndtr(mean + deviation.exp() * normal)


def gumbel(logits: Tensor, random: torch.Generator | None) -> Tensor:
    """Logits plus Gumbel noise: their argmax is a draw from the softmax."""
    # -log(-log u); `exponential_` would be one logarithm less and, on a CPU, seven times slower
    uniform = torch.rand(logits.shape, generator=random, device=logits.device)
    return logits - uniform.clamp_(1e-20).log_().neg_().clamp_(1e-20).log_()


def probit(offsets: Tensor) -> Tensor:
    """The inverse of the normal distribution function."""
    return torch.special.ndtri(offsets.clamp(EDGE, 1 - EDGE))


def first_outputs(modes: int) -> Tensor:
    """Biases ``[modes x PARAMETERS]`` with which training starts: components side by side over the whole range."""
    start = torch.zeros(modes, 3, COMPONENTS)
    start[:, 1] = torch.linspace(-1.5, 1.5, COMPONENTS)
    start[:, 2] = -0.5
    return start.flatten()
