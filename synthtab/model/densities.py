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
# Outputs of the network per continuous mode.
PARAMETERS = 3 * COMPONENTS
# Offsets count as no nearer to 0 and 1 than this, a probit of 4.3.
EDGE = 1e-5
# Fewer logits than this are drawn from faster by their Gumbel noise than by running
# sums.
NARROW = 12
# Logarithms of the deviations of a component.
NARROWEST, WIDEST = -6.0, 2.0


@dataclass(frozen=True)
class Mixtures:
    """Of every row and continuous mode: logits of the shares, means and log deviations, each ``[B, M, COMPONENTS]``."""

    shares: Tensor
    means: Tensor
    deviations: Tensor

    @classmethod
    def of(cls, outputs: Tensor, modes: int) -> Mixtures:
        """From what the network returns, ``[B, modes x PARAMETERS]``."""
        shares, means, deviations = outputs.unflatten(1, (modes, 3, COMPONENTS)).unbind(
            2
        )
        return cls(shares, means, deviations.clamp(NARROWEST, WIDEST))

    def log_density(self, offsets: Tensor, mode: Tensor) -> Tensor:
        """Of offsets ``[B, C]``, each in the mode that ``mode [B, C]`` names; 0 where all are equally likely."""
        index = mode.unsqueeze(-1).expand(-1, -1, COMPONENTS)
        shares, means, deviations = (
            p.gather(1, index) for p in (self.shares, self.means, self.deviations)
        )
        at = probit(offsets).unsqueeze(-1)
        logs = (
            shares.log_softmax(-1)
            - deviations
            - 0.5 * ((at - means) * (-deviations).exp()).square()
        )
        return logs.logsumexp(-1) + 0.5 * at.squeeze(-1).square()

    def draw(self, random: torch.Generator) -> Tensor:
        """An offset for every row and mode, ``[B, M]``."""
        chosen = choose(self.shares, random).unsqueeze(-1)
        mean, deviation = (
            p.gather(-1, chosen).squeeze(-1) for p in (self.means, self.deviations)
        )
        normal = torch.randn(mean.shape, generator=random, device=mean.device)
        return torch.special.ndtr(mean + deviation.exp() * normal)

    def log_mass(self, low: Tensor, high: Tensor, mode: Tensor) -> Tensor:
        """Of ranges of offsets ``low [N]`` to ``high [N]``, each in the mode that ``mode [N]`` names: ``[B, N]``."""
        shares, low, high = self._within(low, high, mode)
        return (shares.log_softmax(-1) + _log_between(low, high)).logsumexp(-1)

    def draw_within(
        self, low: Tensor, high: Tensor, mode: Tensor, random: torch.Generator
    ) -> Tensor:
        """An offset ``[B]`` for every row, between ``low [B]`` and ``high [B]`` in the mode ``mode [B]``."""
        index = mode[:, None, None].expand(-1, 1, COMPONENTS)
        own = Mixtures(
            *(p.gather(1, index) for p in (self.shares, self.means, self.deviations))
        )
        first = torch.zeros_like(mode[:1])
        shares, start, end = (
            x[:, 0] for x in own._within(low[:, None], high[:, None], first)
        )
        chosen = gumbel(shares + _log_between(start, end), random).argmax(
            -1, keepdim=True
        )
        start, end = start.gather(-1, chosen)[:, 0], end.gather(-1, chosen)[:, 0]
        mean, deviation = (
            p[:, 0].double().gather(-1, chosen)[:, 0]
            for p in (own.means, own.deviations)
        )
        # In the half where the distribution function is small, thus exact.
        flip = start > 0
        start, end = torch.where(flip, -end, start), torch.where(flip, -start, end)
        below, above = torch.special.ndtr(start), torch.special.ndtr(end)
        uniform = torch.rand(
            len(below), generator=random, device=below.device, dtype=below.dtype
        )
        at = torch.special.ndtri(below + uniform * (above - below))
        # Where the mass is 0 in floating point: the end that is nearer to the mean.
        at = torch.where(
            at.isfinite(), at, torch.where(end.isfinite(), end, start)
        ).clamp(start, end)
        at = torch.where(flip, -at, at)
        last = (high - 2.0**-24).clamp(min=low)
        return torch.special.ndtr(mean + deviation.exp() * at).clamp(low, last).float()

    def _within(
        self, low: Tensor, high: Tensor, mode: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Shares of the components of modes, and where ranges begin and end, in deviations from their means."""
        shares, means, deviations = (
            p[:, mode].double() for p in (self.shares, self.means, self.deviations)
        )
        start, end = (
            torch.special.ndtri(x.double()).unsqueeze(-1) for x in (low, high)
        )
        return (
            shares,
            (start - means) * (-deviations).exp(),
            (end - means) * (-deviations).exp(),
        )


def _log_between(low: Tensor, high: Tensor) -> Tensor:
    """Logarithm of the mass of the standard normal distribution between two points."""
    flip = low > 0
    low, high = torch.where(flip, -high, low), torch.where(flip, -low, high)
    lower, upper = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return upper + (-(lower - upper).exp()).log1p().clamp(min=-700.0)


def gumbel(logits: Tensor, random: torch.Generator | None) -> Tensor:
    """Logits plus Gumbel noise: their argmax is a draw from the softmax."""
    # -log(-log u); `exponential_` would be one logarithm less and, on a CPU, seven times slower
    uniform = torch.rand(logits.shape, generator=random, device=logits.device)
    return logits - uniform.clamp_(1e-20).log_().neg_().clamp_(1e-20).log_()


def choose(logits: Tensor, random: torch.Generator | None) -> Tensor:
    """A draw from the softmax over the last dimension: where the running sum of the probabilities passes a uniform
    number. One random number a draw, not one for each logit; `gumbel` is for what a gradient must pass.
    """
    if logits.shape[-1] < NARROW:
        return gumbel(logits, random).argmax(-1)
    ends = logits.softmax(-1).cumsum(-1)
    # Below the last end even after rounding: what has no probability is never drawn.
    uniform = torch.rand(logits.shape[:-1], generator=random, device=logits.device) * (
        1 - 2.0**-20
    )
    return torch.searchsorted(
        ends, (uniform * ends[..., -1]).unsqueeze(-1), right=True
    ).squeeze(-1)


def probit(offsets: Tensor) -> Tensor:
    """The inverse of the normal distribution function."""
    return torch.special.ndtri(offsets.clamp(EDGE, 1 - EDGE))


def first_outputs(modes: int) -> Tensor:
    """Biases ``[modes x PARAMETERS]`` with which training starts: components side by side over the whole range."""
    start = torch.zeros(modes, 3, COMPONENTS)
    start[:, 1] = torch.linspace(-1.5, 1.5, COMPONENTS)
    start[:, 2] = -0.5
    return start.flatten()
