"""Rules on a device: which codes may still be drawn, given those that are known.

What the network says of a block is cut to the codes that go together with the known
ones (`synthtab.core.layout.Rule`). Of three columns of which one is known, a code may be
drawn if some code of the third goes with both. Where known cells contradict a rule, or
rules each other, every code is left as probable beside the others as it was, or those
that break the fewest rules are drawn: a row is always made.

A house whose latitude and longitude are drawn before its zip code must lie in one zip
code, not in the latitudes of one and the longitudes of another. So a strong rule of two
columns is heeded while one of them is unknown, too: by the codes of that column that go
with all else that is known.

Of a block whose modes are cut into pieces, a cell is drawn as without the rule, and once
more, from the pieces that are left, if it lies in one that is not. So few cells cost
more than a look into a table, and what is drawn has the distribution of the network, cut
to those pieces.

A row whose cells were bent to the rules is not as probable as one that kept to them of
its own accord: a network that has drawn a distance without a route will find some route.
So rows are weighed by how much of what the network said was left at each draw, as in
importance sampling, and those of little weight are seldom kept of a pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synthtab.core.layout import Layout, Rule
from synthtab.model.layers import BELOW_ONE, COMPONENTS, Mixtures, Slots, choose

# Added to the logit of a code for each rule that it breaks. Not endless: a limited cell
# (`synthtab.sampling.limits`) is within its limits rather than within a rule.
BROKEN = -1e4
# Least logit of the codes of a rule: one that is never drawn is drawn at last, where the
# rule leaves no other.
LEAST = -1e3
# Logarithm of the share of its weight that a row keeps whose number had to be drawn from
# the pieces that are left; and least logarithm of the weight of a row.
REDRAWN = -3.0
LEAST_WEIGHT = -7.0
# Cells within limits are drawn again so often while they break a rule.
TRIES = 20
# Most normal distributions, of all rows and pieces, that are looked at side by side.
MOST_MASSES = 4_000_000

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Cells:
    """Rows that are being drawn.

    Attributes:
        codes: ``[B, K]``.
        offsets: ``[B, C]``.
        known: ``[B, K]``: which cells count.
        luck: ``[B]``, see `Rules.luck`.
    """

    codes: Tensor
    offsets: Tensor
    known: Tensor
    luck: Tensor

    def take(self, rows: Tensor) -> Cells:
        """Some of the rows."""
        return Cells(
            self.codes[rows], self.offsets[rows], self.known[rows], self.luck[rows]
        )


@dataclass(frozen=True, eq=False)
class Member:
    """A block of a rule.

    Attributes:
        block: Its number.
        column: The column of the offsets array that it has; -1 for none.
        size: How many codes and pieces it has.
        ends: Where they end, as code plus offset, but for the last; None if the block
            is not cut.
    """

    block: int
    column: int
    size: int
    ends: Tensor | None

    @classmethod
    def of_rule(
        cls, rule: Rule, place: int, layout: Layout, device: torch.device
    ) -> Member:
        """The block in one of the places of a rule."""
        block = rule.blocks[place]
        size = layout.blocks[block].size
        cuts = rule.cuts_of(place)
        if not cuts:
            return cls(block, -1, size, None)
        all_ends = np.sort(np.concatenate([np.arange(1, size), cuts]))
        ends = torch.as_tensor(all_ends, device=device)
        column = int(np.flatnonzero(layout.continuous == block)[0])
        return cls(block, column, size + len(cuts), ends)

    def of(self, codes: Tensor, offsets: Tensor) -> Tensor:
        """``[B]``: the codes of the rule, from all codes and offsets of the rows."""
        code = codes[:, self.block]
        if self.ends is None:
            return code
        offset = offsets[:, self.column].double().clamp(max=1 - BELOW_ONE)
        return torch.searchsorted(self.ends, code + offset, right=True)


@dataclass(frozen=True, eq=False)
class _Told:
    """What one rule says of one of its blocks.

    Attributes:
        own: The block.
        others: The other blocks.
        broken: ``[combinations of the others, codes and pieces]``: 0 for one that goes
            with them, else `BROKEN`. An unknown cell counts as one more code.
        by_code: ``[combinations of the others, codes]``: 0 if some piece of it does.
        free: The share of rows that need not keep to it.
        strong: See `Rule.strong`.
        has_gaps: Whether some piece goes with nothing at all.
    """

    own: Member
    others: tuple[Member, ...]
    broken: Tensor
    by_code: Tensor
    free: float
    strong: bool
    has_gaps: bool

    def concerns(self, cells: Cells) -> bool:
        """Whether it says something: whether another block is known in some row."""
        others = [other.block for other in self.others]
        return self.has_gaps or bool(cells.known[:, others].any())

    def combination(self, cells: Cells) -> Tensor:
        """``[B]``: the combination of the others."""
        combination = torch.zeros_like(cells.codes[:, 0])
        for other in self.others:
            code = torch.where(
                cells.known[:, other.block],
                other.of(cells.codes, cells.offsets),
                other.size,
            )
            combination = combination * (other.size + 1) + code
        return combination

    def added(
        self, cells: Cells, possible: Tensor | None, pieces: bool = False
    ) -> Tensor:
        """``[B, codes]``: what is added to the logits of the block.

        Args:
            cells: What is known.
            possible: ``[B, codes of the other block]``: what that may still be, where
                it is unknown; None if it may be anything.
            pieces: Whether codes and pieces are meant.
        """
        table = self.broken if pieces else self.by_code
        added = table[self.combination(cells)]
        if possible is not None:
            other = self.others[0]
            goes = (table[: other.size] == 0).float()
            through = torch.where(possible.float() @ goes > 0, 0.0, BROKEN)
            added = torch.where(cells.known[:, [other.block]], added, through)
        return added * (cells.luck >= self.free)[:, None]


@dataclass(frozen=True, eq=False)
class _Pieces:
    """All pieces of a block, as its rules together cut it.

    Attributes:
        code: ``[pieces]``.
        low: ``[pieces]``: the least offset; 0 for an atom.
        high: ``[pieces]``: the offset below which that is; 1 for an atom.
        of_rule: For each rule that cuts it, ``[pieces]``: in which of its codes and
            pieces each of these lies.
    """

    code: Tensor
    low: Tensor
    high: Tensor
    of_rule: dict[_Told, Tensor]


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
        # By the number of a block that no rule cuts: what strong rules say of it.
        self._strong: dict[int, list[_Told]] = {}
        for block, rules in self._told.items():
            strong = [t for t in rules if t.strong and t.own.ends is None]
            if len(strong) > 1:
                self._strong[block] = strong
        self._pieces: dict[int, _Pieces] = {}
        self._most_free = max((rule.free for rule in layout.rules), default=0.0)
        self._atoms = layout.atoms
        self._columns = {b: i for i, b in enumerate(layout.continuous.tolist())}
        for block, rules in self._told.items():
            if any(told.own.ends is not None for told in rules):
                self._pieces[block] = _pieces(layout, block, rules, device)

    def __bool__(self) -> bool:
        return bool(self._told)

    @property
    def weighs(self) -> bool:
        """Whether rows are weighed by what rules have left; older models have no such."""
        return bool(self._strong or self._pieces)

    def weights(self, left: Tensor, luck: Tensor) -> Tensor | None:
        """``[B]``: weights of rows, 1 at most; NaN for rows that are free of some rule.

        Args:
            left: The sum of what `cut` and `redraw` say.
            luck: See `luck`.
        """
        if not self.weighs:
            return None
        weights = left.double().clamp(min=LEAST_WEIGHT).exp()
        return torch.where(luck < self._most_free, torch.nan, weights)

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
            for told in self._told.get(block, ()):
                if any(other.block in before for other in told.others):
                    places.append(place)
                    break
        return places

    def cuts(self, block: int) -> bool:
        """Whether some rule cuts the modes of a block into pieces."""
        return block in self._pieces

    def concern(self, blocks: Sequence[int]) -> bool:
        """Whether what is drawn of these blocks is to be looked at once more."""
        is_cut = any(block in self._pieces for block in blocks)
        return is_cut or bool(self.within(blocks))

    def cut(
        self, logits: Tensor, slots: Slots, blocks: Sequence[int], cells: Cells
    ) -> tuple[Tensor, Tensor]:
        """Logits of some blocks, less what their rules leave out; and weights of rows.

        Args:
            logits: ``[B, slots of these blocks]``.
            slots: Of these blocks.
            blocks: Their numbers in the whole layout.
            cells: What is known.

        Returns:
            The logits, and ``[B]`` the logarithm of the share that is left of what is
            not known yet.
        """
        cut = logits
        left = torch.zeros_like(cells.luck)
        for place, block in enumerate(blocks):
            rules = self._heeded(block, cells)
            if not rules:
                continue
            if cut is logits:
                cut = logits.clone()
            own = _own(cut, slots, place)
            own.clamp_(min=LEAST)
            before = own.logsumexp(1)
            for told, possible in rules:
                own += told.added(cells, possible)
            share = own.logsumexp(1) - before
            left = left + torch.where(cells.known[:, block], 0.0, share)
        return cut, left

    def redraw(
        self,
        logits: Tensor,
        mixtures: Mixtures | None,
        slots: Slots,
        blocks: Sequence[int],
        cells: Cells,
        offsets_of_modes: Tensor,
        random: torch.Generator,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Cells of blocks that were drawn by logits alone, so that they keep to rules.

        Those that were drawn side by side keep to each other's.

        Args:
            logits: What `cut` returns.
            mixtures: Distributions of the offsets of these blocks; None if all offsets
                are as likely.
            slots: See `cut`.
            blocks: See `cut`.
            cells: Rows in which these blocks are drawn, but not known. Those that are
                known stay. Not changed.
            offsets_of_modes: ``[B, modes of these blocks]``: the offset of each, if it
                is drawn.
            random: Randomness.

        Returns:
            Codes ``[B, blocks]``, offsets ``[B, blocks that have modes]``, and the
            logarithms of weights, see `cut`.
        """
        within = set(self.within(blocks))
        cells = Cells(
            cells.codes.clone(), cells.offsets.clone(), cells.known.clone(), cells.luck
        )
        left = torch.zeros_like(cells.luck)
        columns = slots.continuous.tolist()
        begun = 0
        for place, block in enumerate(blocks):
            if place not in within and block not in self._pieces:
                continue
            # Those before it are known by now.
            cells.known[:, list(blocks[begun:place])] = True
            begun = place
            is_known = cells.known[:, block]
            own = _own(logits, slots, place)
            if place in within:
                # What `cut` has lowered, its rules lower again.
                own = own.clamp(min=LEAST)
                before = own.logsumexp(1)
                for told, possible in self._heeded(block, cells):
                    own += told.added(cells, possible)
                share = own.logsumexp(1) - before
                left = left + torch.where(is_known, 0.0, share)
                drawn = choose(own, random)
                cells.codes[:, block] = torch.where(
                    is_known, cells.codes[:, block], drawn
                )
            if place not in columns:
                continue
            # The block's column in the offsets of all blocks, and in those of these.
            column = self._columns[block]
            own_column = columns.index(place)
            first_mode = int(slots.mode_starts[own_column])
            if place in within:
                mode = (cells.codes[:, block] - int(self._atoms[block])).clamp(min=0)
                offset = offsets_of_modes.gather(1, first_mode + mode[:, None])[:, 0]
                cells.offsets[:, column] = torch.where(
                    is_known, cells.offsets[:, column], offset
                )
            if block in self._pieces:
                again = self.breaks(block, cells) & ~is_known
                left = left + REDRAWN * again
                rows = again.nonzero()[:, 0]
                self._redraw_pieces(
                    block, rows, own, mixtures, first_mode, cells, random
                )
        own_codes = cells.codes[:, list(blocks)]
        own_columns = [self._columns[blocks[place]] for place in columns]
        return own_codes, cells.offsets[:, own_columns], left

    def breaks(self, block: int, cells: Cells) -> Tensor:
        """``[B]``: whether what is drawn of a block lies in a piece that is left out."""
        broken = torch.zeros_like(cells.known[:, block])
        if block in self._pieces:
            for told, possible in self._heeded(block, cells):
                if told.own.ends is not None:
                    added = told.added(cells, possible, pieces=True)
                    own = told.own.of(cells.codes, cells.offsets)[:, None]
                    broken |= added.gather(1, own)[:, 0] < 0
        return broken

    def _heeded(self, block: int, cells: Cells) -> list[tuple[_Told, Tensor | None]]:
        """The rules that say something of a block, each with what `_possible` says."""
        heeded: list[tuple[_Told, Tensor | None]] = []
        for told in self._told.get(block, ()):
            possible = self._possible(told, cells)
            if possible is not None or told.concerns(cells):
                heeded.append((told, possible))
        return heeded

    def _possible(self, told: _Told, cells: Cells) -> Tensor | None:
        """``[B, codes]``: what the other block of a strong rule may be, if unknown.

        None where it is known, or may be anything.
        """
        member = told.others[0]
        other = member.block
        is_strong = told.strong and member.ends is None and other in self._strong
        if not is_strong or cells.known[:, other].all():
            return None
        possible = None
        for of_other in self._strong[other]:
            if of_other.others[0].block != told.own.block and of_other.concerns(cells):
                goes = of_other.added(cells, None) == 0
                possible = goes if possible is None else possible & goes
        if possible is None:
            return None
        # Where known cells contradict each other, anything.
        return possible | ~possible.any(1, keepdim=True)

    def _redraw_pieces(
        self,
        block: int,
        again: Tensor,
        logits: Tensor,
        mixtures: Mixtures | None,
        first_mode: int,
        cells: Cells,
        random: torch.Generator,
    ) -> None:
        """Draw a block again, in place, in some rows, from the pieces that are left.

        Args:
            block: Its number.
            again: The numbers of the rows.
            logits: Of its codes, ``[B, codes]``.
            mixtures: See `redraw`.
            first_mode: The number of its first mode among those of the mixtures.
            cells: Rows in which it is drawn.
            random: Randomness.
        """
        pieces = self._pieces[block]
        atoms = int(self._atoms[block])
        in_a_mode = pieces.code >= atoms
        mode = first_mode + (pieces.code - atoms).clamp(min=0)
        size = max(1, MOST_MASSES // (COMPONENTS * len(pieces.code)))
        for rows in again.split(size) if len(again) else ():
            some = cells.take(rows)
            logs = logits[rows].log_softmax(1)[:, pieces.code].double()
            if mixtures is None:
                mass = (pieces.high - pieces.low).log()
            else:
                own = mixtures.take(rows)
                mass = own.log_mass(pieces.low, pieces.high, mode)
            logs += torch.where(in_a_mode, mass, 0.0)
            for told, possible in self._heeded(block, some):
                if told.own.ends is not None:
                    added = told.added(some, possible, pieces=True)
                    logs += added[:, pieces.of_rule[told]]
            chosen = choose(logs, random)
            low, high = pieces.low[chosen], pieces.high[chosen]
            if mixtures is None:
                uniform = torch.rand(len(rows), generator=random, device=rows.device)
                offset = (low + (high - low) * uniform).float()
            else:
                offset = own.draw_within(low, high, mode[chosen], random)
            cells.codes[rows, block] = pieces.code[chosen]
            offset = torch.where(in_a_mode[chosen], offset, 0.5)
            cells.offsets[rows, self._columns[block]] = offset


def _own(logits: Tensor, slots: Slots, place: int) -> Tensor:
    """The part of some logits that belongs to one block."""
    start = int(slots.starts[place])
    return logits[:, start : start + int(slots.layout.sizes[place])]


def _told(rule: Rule, place: int, layout: Layout, device: torch.device) -> _Told:
    allowed: Mask = rule.allowed(layout)
    places = range(len(rule.blocks))
    members = [Member.of_rule(rule, i, layout, device) for i in places]
    own = members.pop(place)
    # One code is drawn; the others may be unknown.
    allowed = np.moveaxis(allowed, place, -1)
    for axis in range(allowed.ndim - 1):
        some = allowed.any(axis=axis, keepdims=True)
        allowed = np.concatenate([allowed, some], axis=axis)
    allowed = allowed.reshape(-1, own.size)
    broken = _added(allowed, device)
    by_code = broken
    if own.ends is not None:
        # Pieces of a mode lie side by side: each code begins where the one before ends.
        whole = np.arange(1, layout.blocks[own.block].size)
        begins = np.searchsorted(own.ends.cpu().numpy(), whole) + 1
        some_piece = np.logical_or.reduceat(allowed, np.append(0, begins), axis=1)
        by_code = _added(some_piece, device)
    has_gaps = own.ends is not None and not allowed[-1].all()
    return _Told(own, tuple(members), broken, by_code, rule.free, rule.strong, has_gaps)


def _added(allowed: Mask, device: torch.device) -> Tensor:
    broken = np.where(allowed, 0.0, BROKEN).astype(np.float32)
    return torch.as_tensor(broken, device=device)


def _pieces(
    layout: Layout, block: int, rules: Sequence[_Told], device: torch.device
) -> _Pieces:
    """The pieces of a block, cut wherever one of its rules cuts it."""
    size = layout.blocks[block].size
    cut = [told for told in rules if told.own.ends is not None]
    ends = [told.own.ends.cpu().numpy() for told in cut if told.own.ends is not None]
    begins = np.unique(np.concatenate([np.arange(size), *ends]))
    code = np.floor(begins).astype(np.int64)
    last = np.append(np.diff(code) > 0, True)
    high = np.where(last, 1.0, np.append(begins[1:], size) - code)
    of_rules = [np.searchsorted(own, begins, side="right") for own in ends]
    return _Pieces(
        torch.as_tensor(code, device=device),
        torch.as_tensor(begins - code, device=device),
        torch.as_tensor(high, device=device),
        {
            told: torch.as_tensor(own, device=device)
            for told, own in zip(cut, of_rules, strict=True)
        },
    )
