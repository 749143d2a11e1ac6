"""The generator and the critic, and how an encoded row looks to them.

Shapes: B rows, K blocks, W slots of the flat vector, C continuous blocks, M continuous modes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synthtab.core.config import TrainConfig
from synthtab.core.layout import CURVE_POINTS, Layout
from synthtab.model.densities import (
    PARAMETERS,
    Mixtures,
    choose,
    first_outputs,
    gumbel,
    probit,
)
from synthtab.model.embedding import Crossed
from synthtab.runtime.products import Linear

# Cycles per unit of offset of the Fourier features (arXiv 2006.10739). Higher ones make
# the critic's game worse.
FREQUENCIES = (0.5, 1.0, 2.0)
# Features of an offset.
WAVES = 1 + 2 * len(FREQUENCIES)
# Width of the range of a squashed offset before it is cut to [0, 1]: so that both ends
# are reached.
REACH = 1.04
# Scale of what the completing head sees of the observed cells past all layers:
# near-equal columns are linear.
SHORTCUT = 0.2


class Slots(nn.Module):
    """A `Layout` as tensors on a device: everything that turns codes into flat vectors and back."""

    starts: Tensor
    padding: Tensor
    slot_block: Tensor
    mode_slots: Tensor
    mode_offsets: Tensor
    mode_starts: Tensor
    continuous: Tensor
    atoms: Tensor
    unsort: Tensor
    numeric: Tensor
    atom_values: Tensor
    curved: Tensor
    curve_owner: Tensor
    curves: Tensor

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout

        def keep(name: str, array: object) -> None:
            self.register_buffer(
                name, torch.as_tensor(np.asarray(array)), persistent=False
            )

        for name in (
            "starts",
            "slot_block",
            "mode_slots",
            "mode_offsets",
            "mode_starts",
            "continuous",
            "atoms",
        ):
            keep(name, getattr(layout, name))
        numeric = [i for i, b in enumerate(layout.blocks) if b.numeric]
        values = np.zeros((layout.width, len(numeric)), dtype=np.float32)
        for column, b in enumerate(numeric):
            block = layout.blocks[b]
            values[layout.starts[b] + np.arange(block.atoms), column] = np.nan_to_num(
                _squash(block.values)
            )
        keep("atom_values", values)
        keep("numeric", np.array(numeric, dtype=np.int64))
        owner = {b: column for column, b in enumerate(numeric)}
        curved = [
            (m, owner[b])
            for m, b in enumerate(layout.continuous[layout.mode_offsets].tolist())
            if b in owner
        ]
        keep("curved", np.array([m for m, _ in curved], dtype=np.int64))
        keep(
            "curve_owner",
            np.array(
                [[o == c for c in range(len(numeric))] for _, o in curved],
                dtype=np.float32,
            ),
        )
        curves = [c for b in layout.blocks if b.numeric for c in b.curves]
        keep(
            "curves",
            _squash(curves).astype(np.float32).reshape(len(curved), CURVE_POINTS),
        )
        keep("padding", np.where(layout.used, 0.0, -1e9).astype(np.float32))
        keep("unsort", np.argsort([b for g in layout.groups for b in g.blocks]))

    def by_block(
        self, flat: Tensor, function: Callable[[Tensor], Tensor]
    ) -> list[Tensor]:
        """Apply a function to the view ``[B, count, width]`` of every group of blocks."""
        groups = self.layout.groups
        parts = flat.split(
            [g.count * g.width for g in groups], dim=1
        )  # its gradient is one concatenation
        return [
            function(p.unflatten(1, (g.count, g.width)))
            for p, g in zip(parts, groups, strict=True)
        ]

    def softmax(self, logits: Tensor) -> Tensor:
        """Probabilities ``[B, W]``, one softmax per block."""
        return torch.cat(
            [p.flatten(1) for p in self.by_block(logits, lambda x: x.softmax(2))], dim=1
        )

    def log_softmax(self, logits: Tensor) -> Tensor:
        """Log-probabilities ``[B, W]``, one softmax per block."""
        return torch.cat(
            [p.flatten(1) for p in self.by_block(logits, lambda x: x.log_softmax(2))],
            dim=1,
        )

    def argmax(self, flat: Tensor) -> Tensor:
        """The code with the largest entry in each block, ``[B, K]``."""
        return torch.cat(self.by_block(flat, lambda x: x.argmax(2)), dim=1)[
            :, self.unsort
        ]

    def sample(self, logits: Tensor, random: torch.Generator) -> Tensor:
        """A code of each block, drawn from its softmax, ``[B, K]``."""
        return torch.cat(self.by_block(logits, lambda x: choose(x, random)), dim=1)[
            :, self.unsort
        ]

    def one_hot(self, codes: Tensor) -> Tensor:
        """Codes ``[B, K]`` as a flat one-hot vector ``[B, W]``."""
        flat = torch.zeros(len(codes), self.layout.width, device=codes.device)
        return flat.scatter_(1, codes.long() + self.starts, 1.0)

    def spread(self, cells: Tensor) -> Tensor:
        """A value per block ``[B, K]`` as a value per slot ``[B, W]``."""
        return cells[:, self.slot_block]

    def modes(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """For each continuous block: the index of the row's mode among all modes ``[B, C]`` (that of the
        first mode where the code is an atom), and whether the code is a mode, ``[B, C]``.
        """
        local = codes[:, self.continuous].long() - self.atoms[self.continuous]
        return self.mode_starts + local.clamp(min=0), local >= 0

    def draw(
        self,
        logits: Tensor,
        temperature: float,
        hard: bool,
        random: torch.Generator | None,
    ) -> Tensor:
        """Gumbel-softmax draws ``[B, W]`` (arXiv 1611.01144); one-hot forward if ``hard``, soft backward."""
        noisy = gumbel(logits, random)
        soft = self.softmax(noisy / temperature)
        if not hard:
            return soft
        with torch.no_grad():
            correction = self.one_hot(self.argmax(noisy)) - soft
        return soft + correction

    def fourier(self, offsets: Tensor) -> Tensor:
        """Features ``[..., 1 + 2 len(FREQUENCIES)]`` of offsets in [0, 1]."""
        angles = offsets.unsqueeze(-1) * (
            2 * torch.pi * torch.tensor(FREQUENCIES, device=offsets.device)
        )
        return torch.cat(
            [2 * offsets.unsqueeze(-1) - 1, angles.sin(), angles.cos()], dim=-1
        )

    def dense(self, one_hot: Tensor, offsets: Tensor) -> Tensor:
        """What the networks see of a row ``[B, features]``: the one-hot vector, for each mode that the row is in
        the Fourier features of its offset, and the values of the numeric blocks. ``offsets`` is per mode, ``[B, M]``.
        """
        gate = one_hot[:, self.mode_slots]
        waves = (gate.unsqueeze(-1) * self.fourier(offsets)).flatten(1)
        return torch.cat([one_hot, waves, self.values(one_hot, gate, offsets)], dim=1)

    def values(self, one_hot: Tensor, gate: Tensor, offsets: Tensor) -> Tensor:
        """``[B, numeric blocks]``: standardised values, squashed by ``sign(x) log(1 + |x|)``; 0 for missing."""
        known = one_hot @ self.atom_values
        if not len(self.curved):
            return known
        at = offsets[:, self.curved] * (CURVE_POINTS - 1)
        left = at.detach().floor().clamp(0, CURVE_POINTS - 2).long()
        mode = torch.arange(len(self.curved), device=at.device).expand(left.shape)
        low, high = self.curves[mode, left], self.curves[mode, left + 1]
        inner = (low + (high - low) * (at - left)) * gate[:, self.curved]
        return known + inner @ self.curve_owner

    def reading(self, codes: Tensor, offsets: Tensor, mask: Tensor) -> Tensor:
        """What a generator sees of the cells that ``mask [B, K]`` marks, ``[B, reads]``: their part of `dense`, the
        probits of their offsets, and which they are. Codes are ``[B, K]``, offsets ``[B, C]``.
        """
        seen = mask.float()
        slot = self.spread(seen)
        hot, known = self.one_hot(codes) * slot, offsets[:, self.mode_offsets]
        gate = hot[:, self.mode_slots]
        waves = (gate.unsqueeze(-1) * self.fourier(known)).flatten(1)
        numbers = self.values(hot, gate, known) * seen[:, self.numeric]
        return torch.cat([hot, waves, numbers, gate * probit(known), seen], dim=1)

    @property
    def features(self) -> int:
        """Width of `dense`."""
        return (
            self.layout.width + WAVES * len(self.layout.mode_slots) + len(self.numeric)
        )

    @property
    def reads(self) -> int:
        """Width of `reading`."""
        return self.features + len(self.layout.mode_slots) + len(self.layout.blocks)


@contextmanager
def fresh_weights(seed: int = 0) -> Iterator[None]:
    """Build networks in here: torch draws initial weights from its global stream, which is seeded and put back."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


class ResidualBlock(nn.Module):
    """``x + W2 silu(W1 norm(x))``; W2 starts at zero where there is a norm."""

    def __init__(self, width: int, norm: bool) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width) if norm else nn.Identity()
        self.inner = Linear(width, width)
        self.outer = Linear(width, width, bias=False)
        nn.init.normal_(self.outer.weight, std=0.1 / width**0.5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.outer(F.silu(self.inner(self.norm(x))))
        return x + y


class Trunk(nn.Module):
    """Noise, if ``noise`` > 0, and the `Slots.reading` of observed cells, if ``reads`` > 0, to ``outputs``."""

    def __init__(
        self,
        config: TrainConfig,
        noise: int,
        reads: int,
        outputs: int,
        crossed: Crossed | None = None,
    ) -> None:
        super().__init__()
        self.crossed = crossed
        self.from_noise = Linear(noise, config.width) if noise else None
        self.from_cells = Linear(reads, config.width, bias=not noise) if reads else None
        self.body, out = body(config, config.width)
        self.shortcut = not noise
        self.head = Linear(out + config.width * self.shortcut, outputs)
        if self.from_cells is not None:
            nn.init.normal_(self.from_cells.weight, std=0.2)

    def deep(self, hidden: Tensor) -> Tensor:
        """What the head sees, given the first layer."""
        inner: Tensor = self.body(hidden)
        return torch.cat([inner, SHORTCUT * hidden], dim=1) if self.shortcut else inner

    def forward(self, noise: Tensor | None, cells: Tensor | None = None) -> Tensor:
        parts = [
            layer(x)
            for layer, x in ((self.from_noise, noise), (self.from_cells, cells))
            if layer and x is not None
        ]
        out: Tensor = self.head(
            self.deep(parts[0] if len(parts) == 1 else parts[0] + parts[1])
        )
        return out


class Generator(nn.Module):
    """Whole rows from noise, and any part of a row from the rest.

    Two trunks, since their objectives spoil each other in one (docs/lab.md): ``plain`` turns noise into whole
    rows, and learns against the critic; ``completing`` gives the distribution of the hidden cells given the observed
    ones, and learns by maximum likelihood. A recipe that always observes a category has the first alone, which
    then reads it. ``plain`` says logits ``[B, W]`` and an offset per mode ``[B, M]``; ``completing`` logits and
    `Mixtures`.
    """

    frequencies: Tensor

    def __init__(self, layout: Layout, config: TrainConfig) -> None:
        super().__init__()
        self.slots = slots = Slots(layout)
        self.noise, self.prompted = config.noise, config.condition == "category"
        modes = len(layout.mode_slots)
        reads = slots.reads if self.prompted else 0
        self.plain = (
            Trunk(config, config.noise, reads, layout.width + modes)
            if config.invents
            else None
        )
        outputs = layout.width + modes * PARAMETERS
        crossed = (
            Crossed(layout, config.width)
            if layout.crosses and config.completes
            else None
        )
        self.completing = (
            Trunk(config, 0, slots.reads, outputs, crossed)
            if config.completes
            else None
        )
        self.register_buffer("frequencies", torch.zeros(layout.width))

    @property
    def most_passes(self) -> int:
        """One per column, if this generator completes rows."""
        return len(self.slots.layout.units) if self.completing else 1

    def start_from(self, frequencies: Tensor) -> None:
        """Let the logits start at the one-way frequencies ``[W]`` of the training rows."""
        width = len(frequencies)
        with torch.no_grad():
            self.frequencies.copy_(frequencies)
            for trunk in (self.plain, self.completing):
                if trunk is not None:
                    trunk.head.bias[:width] = frequencies.clamp(min=1e-6).log()
                    trunk.head.weight[:width] *= 0.3
            if self.completing is not None:
                self.completing.head.bias[width:] = first_outputs(
                    len(self.slots.mode_slots)
                )
                self.completing.head.weight[width:] *= 0.3

    def invent(
        self, noise: Tensor, cells: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits ``[B, W]`` and offsets ``[B, M]`` of rows made from noise ``[B, noise]``, standard normal."""
        assert self.plain is not None, "this generator invents no rows, report this"
        logits, offsets = self.split(self.plain(noise, cells))
        return logits, unit(offsets)

    def first(self, codes: Tensor, offsets: Tensor, mask: Tensor) -> Tensor:
        """The first layer of `completing`, ``[B, width]``, given the cells that ``mask [B, K]`` marks."""
        trunk = self.completing
        assert trunk is not None and trunk.from_cells is not None, (
            "this generator completes no rows, report this"
        )
        hidden: Tensor = trunk.from_cells(self.slots.reading(codes, offsets, mask))
        return (
            hidden
            if trunk.crossed is None
            else hidden + trunk.crossed(codes, trunk.crossed.known(mask))
        )

    def complete(
        self, codes: Tensor, offsets: Tensor, mask: Tensor
    ) -> tuple[Tensor, Mixtures]:
        """Logits ``[B, W]`` and densities of the offsets of every mode, given the cells that ``mask [B, K]`` marks."""
        assert self.completing is not None, (
            "this generator completes no rows, report this"
        )
        logits, densities = self.split(
            self.completing.head(self.completing.deep(self.first(codes, offsets, mask)))
        )
        return logits, Mixtures.of(densities, len(self.slots.mode_slots))

    def split(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, unused slots out of the way, and the rest."""
        width = self.slots.layout.width
        return outputs[:, :width] + self.slots.padding, outputs[:, width:]

    def prompt(self, rows: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Conditions to sample under for a generator that always observes one: a block uniformly, one of its
        codes by the data's frequency. Codes ``[rows, K]`` and what of them is observed, ``[rows, K]``.
        """
        slots = self.slots
        chosen = torch.as_tensor(slots.layout.conditionable, device=slots.starts.device)
        picked = torch.randint(
            len(chosen), (rows,), generator=random, device=chosen.device
        )
        codes = slots.sample(
            self.frequencies.clamp(min=1e-12).log().expand(rows, -1), random
        )
        mask = torch.zeros(codes.shape, dtype=torch.bool, device=chosen.device)
        return codes, mask.scatter_(1, chosen[picked][:, None], True)


class Critic(nn.Module):
    """Scores ``[B / packing]`` of whole rows together with their mask; judges ``packing`` rows at a time."""

    def __init__(
        self, layout: Layout, config: TrainConfig, random: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.slots = Slots(layout)
        self.packing = config.packing
        features = (self.slots.features + len(layout.blocks)) * config.packing
        if config.network == "concat":
            # Xu et al. 2019 (arXiv 1907.00503), section 4.4
            self.net: nn.Module = nn.Sequential(
                Linear(features, 256),
                nn.LeakyReLU(0.2),
                Dropout(random),
                Linear(256, 256),
                nn.LeakyReLU(0.2),
                Dropout(random),
                Score(256, 1),
            )
        else:
            blocks = [
                ResidualBlock(config.width, norm=False) for _ in range(config.depth)
            ]
            self.net = nn.Sequential(
                Linear(features, config.width),
                *blocks,
                nn.SiLU(),
                Score(config.width, 1),
            )

    def see(
        self, one_hot: Tensor, offsets: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Rows as the critic takes them: ``[B / packing, packing x features]``."""
        rows = self.slots.dense(one_hot, offsets)
        seen = (
            mask.float()
            if mask is not None
            else rows.new_zeros(len(rows), len(self.slots.layout.blocks))
        )
        rows = torch.cat([rows, seen], dim=1)
        return rows.unflatten(0, (-1, self.packing)).flatten(1)

    def forward(self, rows: Tensor) -> Tensor:
        score: Tensor = self.net(rows)
        return score.squeeze(1)


class Score(nn.Linear):
    """A layer of one output, without a product: the gradient of one depends on the number of threads."""

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum(1, keepdim=True) + self.bias


class Dropout(nn.Module):
    """Drops half of the features, with a random stream of its own: torch's dropout draws from the global one."""

    def __init__(self, random: torch.Generator | None) -> None:
        super().__init__()
        self.random = random

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * torch.empty_like(x).bernoulli_(0.5, generator=self.random) * 2


class ConcatBlock(nn.Module):
    """``[relu(batchnorm(W x)), x]``: the generator's layer of arXiv 1907.00503, section 4.4."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = Linear(inputs, outputs)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.relu(self.norm(self.linear(x))), x], dim=1)


def body(config: TrainConfig, width: int) -> tuple[nn.Module, int]:
    """The generator's layers between its inputs and its head, and the width that they return."""
    if config.network == "concat":
        return nn.Sequential(
            ConcatBlock(width, 256), ConcatBlock(width + 256, 256)
        ), width + 512
    blocks = [ResidualBlock(width, norm=True) for _ in range(config.depth)]
    return nn.Sequential(*blocks, nn.RMSNorm(width)), width


def unit(x: Tensor) -> Tensor:
    """The head's outputs as offsets in [0, 1]; the gradient ignores the cut, lest a row get stuck beyond it."""
    wide = REACH * x.sigmoid() - (REACH - 1) / 2
    return wide + (wide.clamp(0, 1) - wide).detach()


def _squash(values: object) -> npt.NDArray[np.float64]:
    x = np.asarray(values, dtype=np.float64)
    return np.asarray(np.sign(x) * np.log1p(np.abs(x)))
