"""Rules on a device: which codes may still be drawn, given those that are known.

What the network says of a block is cut to the codes that go together with the known
ones (`synthtab.core.layout.Rule`). Of three columns of which one is known, a code may be
drawn if some code of the third goes with both. Where known cells contradict a rule, or
rules each other, every code is left as probable beside the others as it was, or those
that break the fewest rules are drawn: a row is always made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synthtab.core.layout import Layout, Rule
from synthtab.model.layers import Slots, choose

# Added to the logit of a code for each rule that it breaks. Not endless: a limited cell
# (`synthtab.sampling.limits`) is within its limits rather than within a rule.
BROKEN = -1e4
# Least logit of the codes of a rule: one that is never drawn is drawn at last, where the
# rule leaves no other.
LEAST = -1e3


@dataclass(frozen=True, eq=False)
class _Told:
    """What one rule says of one of its blocks.

    Attributes:
        others: The other blocks.
        sizes: How many codes each of these has.
        broken: ``[combinations of the others, codes]``: 0 for a code that goes with
            them, else `BROKEN`. An unknown cell counts as one more code.
        free: The share of rows that need not keep to it.
    """

    others: tuple[int, ...]
    sizes: tuple[int, ...]
    broken: Tensor
    free: float


class Rules:
    """The rules of a layout.

    Args:
        layout: What the blocks are.
        device: Where rows are drawn.
    """

    def __init__(self, layout: Layout, device: torch.device) -> None:
        self._told: dict[int, list[_Told]] = {}
        for rule in layout.rules:
            for place, block in enumerate(rule.blocks):
                told = _told(rule, place, layout, device)
                self._told.setdefault(block, []).append(told)

    def __bool__(self) -> bool:
        return bool(self._told)

    def luck(self, rows: int, random: torch.Generator) -> Tensor:
        """``[rows]``: those with a number below its `Rule.free` are free of a rule.

        One number for all rules: what a row is free of in one, it may be in others, as
        rows that are exceptions often are.
        """
        if not self:
            return torch.zeros(rows, device=random.device)
        return torch.rand(rows, generator=random, device=random.device)

    def within(self, blocks: Sequence[int]) -> list[int]:
        """Places of the blocks that share a rule with one before them."""
        places = []
        for place, block in enumerate(blocks):
            before = set(blocks[:place])
            if any(before & {*told.others} for told in self._told.get(block, ())):
                places.append(place)
        return places

    def cut(
        self,
        logits: Tensor,
        slots: Slots,
        blocks: Sequence[int],
        codes: Tensor,
        mask: Tensor,
        luck: Tensor,
    ) -> Tensor:
        """Logits of some blocks, less what their rules leave out.

        Args:
            logits: ``[B, slots of these blocks]``.
            slots: Of these blocks.
            blocks: Their numbers in the whole layout.
            codes: Of whole rows, ``[B, K]``.
            mask: ``[B, K]``: which of them are known.
            luck: ``[B]``, see `luck`.
        """
        cut = logits
        for place, block in enumerate(blocks):
            rules = [
                told for told in self._told.get(block, ()) if mask[:, told.others].any()
            ]
            if not rules:
                continue
            if cut is logits:
                cut = logits.clone()
            own = _own(cut, slots, place)
            own.clamp_(min=LEAST)
            for told in rules:
                own += _broken(told, codes, mask, luck)
        return cut

    def redraw(
        self,
        logits: Tensor,
        slots: Slots,
        blocks: Sequence[int],
        codes: Tensor,
        mask: Tensor,
        luck: Tensor,
        random: torch.Generator,
    ) -> Tensor:
        """Codes of blocks that were drawn side by side, but keep to each other's rules.

        Args:
            logits: See `cut`.
            slots: See `cut`.
            blocks: See `cut`.
            codes: Of whole rows, these blocks drawn; not changed.
            mask: Which of them were known before.
            luck: See `luck`.
            random: Randomness.

        Returns:
            ``[B, blocks]``.
        """
        places = self.within(blocks)
        if places:
            codes = codes.clone()
            mask = mask.clone()
        done = 0
        for place in places:
            # Those before it are known by now.
            mask[:, list(blocks[done:place])] = True
            done = place
            block = blocks[place]
            # What `cut` has lowered, its rules lower again.
            own = _own(logits, slots, place).clamp(min=LEAST)
            for told in self._told[block]:
                own += _broken(told, codes, mask, luck)
            codes[:, block] = torch.where(
                mask[:, block], codes[:, block], choose(own, random)
            )
        return codes[:, list(blocks)]


def _own(logits: Tensor, slots: Slots, place: int) -> Tensor:
    """The part of some logits that belongs to one block."""
    start = int(slots.starts[place])
    return logits[:, start : start + int(slots.layout.sizes[place])]


def _broken(told: _Told, codes: Tensor, mask: Tensor, luck: Tensor) -> Tensor:
    """``[B, codes]``: what is added to the logits of a block."""
    combination = torch.zeros_like(codes[:, 0])
    for block, size in zip(told.others, told.sizes, strict=True):
        code = torch.where(mask[:, block], codes[:, block], size)
        combination = combination * (size + 1) + code
    return told.broken[combination] * (luck >= told.free)[:, None]


def _told(rule: Rule, place: int, layout: Layout, device: torch.device) -> _Told:
    sizes = [layout.blocks[block].size for block in rule.blocks]
    flat = np.full(int(np.prod(sizes)), rule.never)
    flat[list(rule.cells)] = not rule.never
    allowed: npt.NDArray[np.bool_] = flat.reshape(sizes)
    if not rule.never:
        allowed = _with_strangers(allowed)
    # One code is drawn; the others may be unknown.
    allowed = np.moveaxis(allowed, place, -1)
    for axis in range(allowed.ndim - 1):
        some = allowed.any(axis=axis, keepdims=True)
        allowed = np.concatenate([allowed, some], axis=axis)
    broken = np.where(allowed, 0.0, BROKEN).astype(np.float32)
    others = [b for i, b in enumerate(rule.blocks) if i != place]
    other_sizes = [size for i, size in enumerate(sizes) if i != place]
    told = torch.as_tensor(broken.reshape(-1, sizes[place]), device=device)
    return _Told(tuple(others), tuple(other_sizes), told, rule.free)


def _with_strangers(allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """A code of which no combination is known goes with everything."""
    free = np.zeros_like(allowed)
    for axis in range(allowed.ndim):
        others = tuple(i for i in range(allowed.ndim) if i != axis)
        free |= ~allowed.any(axis=others, keepdims=True)
    return allowed | free
