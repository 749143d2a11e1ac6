"""Rows from networks, in blocks that do not depend on how many are asked for.

    generate      whole new rows: several orders, a pool, the choice of the best
    fill          rows of which some cells are given and stay
    OrderSampler  one order of the columns: the loop over its passes
    Pass          one pass: the completer, cut down to the blocks that it reveals

A block of rows has a random stream of its own and is always made whole, so
``sample(10)`` equals the start of ``sample(100)`` bit by bit, and any block can be made
without the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synthtab.core.layout import Encoded, Layout, Plan, Region, plans
from synthtab.core.randomness import Streams
from synthtab.model.batches import Batch
from synthtab.model.completer import CHUNK_ROWS, Completer
from synthtab.model.layers import Mixtures, choose
from synthtab.model.networks import Networks
from synthtab.runtime.compute import fast_products, shared
from synthtab.runtime.machine import ENDLESS, ahead
from synthtab.sampling.limits import Limits
from synthtab.sampling.rules import TRIES, Cells, Rules
from synthtab.sampling.tree_critic import (
    LEAST_POOL,
    TreeCritic,
    capped,
    systematic_sample,
)

if TYPE_CHECKING:
    from synthtab.model.forest import ForestCompleter

Ints = npt.NDArray[np.int64]

# Rows per block.
BLOCK = 4096
# Largest logarithm of an importance weight above the median one.
MOST_LOG_WEIGHT = 1.5
# Rows to begin with for each one that goes on, where several columns of numbers are
# limited.
SPARE_ROWS = 2
# Rows within which those that are equal are scattered.
NEAR = 64
# Less than this share of the equal pairs of rows is not worth making: the others are
# equal by chance.
LEAST_OF_REPEATS = 0.5
# Within regions, one in so many of the orders is used.
ORDERS_WITHIN_REGIONS = 4


# --------------------------------------------------------------------------------------
# Blocks of rows


def generate(
    networks: Networks,
    n: int,
    passes: Sequence[Plan],
    streams: Streams,
    device: torch.device,
    critic: TreeCritic | None = None,
    within: Sequence[Region] = (),
    begin: int = 0,
    then: Callable[[int, Encoded], Any] = lambda number, block: block,
    repeats: Repeats | None = None,
) -> Iterator[Any]:
    """``n`` rows as blocks of at most `BLOCK`.

    Each of the plans makes an equal share of every block. With a tree critic, a block
    is chosen from a pool of candidates. With regions, rows are drawn within them.

    Blocks of one pass are made side by side, each on a core of its own, and what
    ``then`` makes of a block is made there, too. The steps of several passes are so
    many and so short that threads would mostly wait for one another: there, all cores
    share each step.

    Args:
        networks: What makes the rows.
        n: Rows in all, counted from block 0.
        passes: The plans of the orders.
        streams: Randomness; block ``number`` uses the stream ("sample", number).
        device: Where the networks are.
        critic: Chooses among candidates.
        within: The regions of some columns: their cells are drawn within these.
        begin: Number of the first block.
        then: Called with the number of a block and the block; its results come back.
        repeats: How many rows are to equal others.
    """
    layout = networks.layout
    rules = Rules(layout, device)
    if within or rules.weighs:
        critic = critic or TreeCritic((), None, LEAST_POOL)
    if within:
        passes = _earliest(passes, within)
    cache: PassCache = {}
    samplers = []
    for plan in passes:
        samplers.append(OrderSampler(networks, plan, within, rules, cache=cache))
    chooser = critic.on(layout, device) if critic else None
    pool = int(BLOCK * (chooser.pool if chooser else 1))

    def block(number: int) -> Any:
        stream = streams.integer("sample", number)
        random = torch.Generator(device).manual_seed(stream)
        rows = pool // len(samplers)
        parts = [sampler.invent(rows, random) for sampler in samplers]
        codes = torch.cat([part.codes for part in parts])
        offsets = torch.cat([part.offsets for part in parts])
        if chooser:
            weights = _importance(parts) if within else None
            if rules.weighs:
                left = _left(parts, pool / BLOCK)
                weights = left if weights is None else weights * left
            chosen = chooser.choose(codes, offsets, BLOCK, random, weights)
        else:
            chosen = torch.randperm(BLOCK, generator=random, device=device)
        if repeats:
            chosen = chosen[repeats.numbers(BLOCK, random)]
        # The last block is made whole, too, and then cut.
        chosen = chosen[: n - number * BLOCK]
        rows_of_block = _encoded(codes[chosen], offsets[chosen], layout)
        return then(number, rows_of_block)

    numbers = range(begin, -(-n // BLOCK))
    all_in_one_pass = all(sampler.from_noise for sampler in samplers)
    if device.type == "cpu" and all_in_one_pass:
        return ahead(block, numbers, hurry=n < ENDLESS)
    return map(_sharing_cores(block, device), numbers)


@dataclass(frozen=True)
class Repeats:
    """How often rows are equal, to the last cell.

    Networks make equal rows by chance only, and a pool gives no row twice.

    Attributes:
        shares: Of the rows, those that are one of 1, 2, 3, ... equal rows; they sum to
            1.
    """

    shares: tuple[float, ...]

    @property
    def share(self) -> float:
        """Of the rows, those that equal another one."""
        return 1 - self.shares[0]

    def pairs(self, rows: int) -> float:
        """How many pairs of so many rows are equal."""
        others = np.arange(len(self.shares))
        return float(rows * (np.array(self.shares) * others).sum() / 2)

    def beside(self, pairs: float, rows: int) -> Repeats | None:
        """What is left to be made if so many pairs are equal by chance; None if little.

        Args:
            pairs: Of as many rows.
            rows: How many those are.
        """
        left = 1 - pairs / self.pairs(rows)
        if left < LEAST_OF_REPEATS:
            return None
        several = [left * share for share in self.shares[1:]]
        return Repeats((1 - sum(several), *several))

    def numbers(self, count: int, random: torch.Generator) -> Tensor:
        """``[count]``: which of as many different rows stands where.

        Equal rows are near each other: a short sample has its share of them.
        """
        device = random.device
        shares = torch.tensor(self.shares, device=device)
        # A group of three rows has a third of a chance for each of them.
        sizes = torch.arange(1, len(shares) + 1, device=device)
        logits = (shares / sizes).log().expand(count, -1)
        groups = choose(logits, random) + 1
        rows = torch.arange(count, device=device)
        numbers = rows.repeat_interleave(groups)[:count]
        moved = rows + NEAR * torch.rand(count, generator=random, device=device)
        return numbers[moved.argsort(stable=True)]


def draw_rows(
    networks: Networks,
    rows: int,
    passes: int,
    streams: Streams,
) -> Encoded:
    """At most one block of rows, none of them left out, in so many passes."""
    device = networks.device
    ways = plans(networks.layout, passes)
    block: Encoded = next(generate(networks, rows, ways, streams, device))
    return block


def fill(
    networks: Networks,
    rows: Encoded,
    known: npt.NDArray[np.bool_],
    passes: Sequence[Plan],
    streams: Streams,
    device: torch.device,
    critic: TreeCritic | None = None,
    within: Sequence[Region] = (),
) -> Iterator[Encoded]:
    """Rows of which some cells stay and all others are drawn, as blocks.

    Each row follows one of the plans. Of a tree critic only the trees count: of several
    completions of a row, one is taken in proportion to its density ratio
    (sampling-importance resampling, Rubin 1987).

    Args:
        networks: What draws cells.
        rows: The rows; unknown cells may be anything.
        known: ``[rows, K]``: which cells stay.
        passes: The plans of the orders.
        streams: Randomness.
        device: Where the networks are.
        critic: Chooses among completions.
        within: The regions of some columns: their cells are drawn within these.
    """
    layout = networks.layout
    chooser = None
    # Completions of each row.
    several = 1
    if critic and critic.forests:
        chooser = critic.on(layout, device)
        several = int(np.ceil(chooser.pool))
    cache: PassCache = {}
    rules = Rules(layout, device)
    samplers = [
        OrderSampler(networks, plan, within, rules, leading=False, cache=cache)
        for plan in passes
    ]

    def block(number: int) -> Encoded:
        stream = streams.integer("fill", number)
        random = torch.Generator(device).manual_seed(stream)
        places = slice(number * BLOCK, (number + 1) * BLOCK)
        given = rows.take(places)
        count = len(given)

        def repeated(array: Any) -> Tensor:
            return torch.as_tensor(array).repeat_interleave(several, 0).to(device)

        codes = repeated(given.codes.astype(np.int64))
        offsets = repeated(given.offsets)
        mask = repeated(known[places])
        shape = (count,)
        order = torch.randint(len(samplers), shape, generator=random, device=device)
        left = torch.ones(len(codes), device=device, dtype=torch.float64)
        for i, sampler in enumerate(samplers):
            of_order = (order == i).repeat_interleave(several)
            batch = Batch(codes[of_order], offsets[of_order], mask[of_order])
            done = sampler.complete(batch, random)
            codes[of_order] = done.codes
            offsets[of_order] = done.offsets
            if done.left is not None:
                left[of_order] = done.left.nan_to_num(1.0)
        if chooser:
            weights = chooser.weights(codes, offsets).clamp(min=1e-30)
            if rules.weighs:
                weights = weights * left
            by_row = weights.log().view(-1, several)
            first = several * torch.arange(count, device=device)
            chosen = first + choose(by_row, random)
            codes = codes[chosen]
            offsets = offsets[chosen]
        return _encoded(codes, offsets, layout)

    numbers = range(-(-len(rows) // BLOCK))
    return map(_sharing_cores(block, device), numbers)


def _encoded(
    codes: Tensor,
    offsets: Tensor,
    layout: Layout,
) -> Encoded:
    """Rows on a device as arrays."""
    code_array = codes.cpu().numpy()
    offset_array = offsets.cpu().numpy()
    return Encoded(code_array, offset_array, layout)


def _sharing_cores(
    block: Callable[[int], Any], device: torch.device
) -> Callable[[int], Any]:
    """The same, on as many cores as are faster when it is called."""

    def on_some_cores(number: int) -> Any:
        with shared(device, BLOCK):
            return block(number)

    return on_some_cores


# --------------------------------------------------------------------------------------
# One order of the columns


class OrderSampler:
    """Makes rows, and fills the hidden cells of rows, in one order of the columns.

    One pass over all columns makes a row from noise, by the generator. Several passes
    complete a row part by part, by the completer; each observes what the earlier ones
    revealed.

    *Within regions.* With ``leading``, limited columns are drawn before all others.
    Given the first of them, the second is within its limits with another probability in
    every row. In proportion to it, rows go on or are replaced by others (sequential
    importance resampling; Gordon, Salmond and Smith 1993), so that in the end all rows
    are draws given all limits. What the completer says of all other columns given these
    is less exact than what it says in the order of the plan; so `Batch.log_weights`
    compares the two, as importance weights. Without ``leading``, each limited column is
    drawn in its turn.

    Args:
        networks: What makes the rows; put into evaluation mode.
        plan: The blocks that each pass reveals.
        within: The regions of some columns.
        rules: Those of the layout.
        leading: Whether these columns are drawn before all others.
        cache: Passes of other orders within the same regions, to share.

    Attributes:
        from_noise: Whether rows are made in one pass, by the generator.
    """

    def __init__(
        self,
        networks: Networks,
        plan: Plan,
        within: Sequence[Region] = (),
        rules: Rules | None = None,
        leading: bool = True,
        cache: PassCache | None = None,
    ) -> None:
        cache = {} if cache is None else cache
        self.networks = networks.eval()
        layout = networks.layout
        self.rules = Rules(layout, networks.device) if rules is None else rules
        completer = networks.completer
        one_pass = len(plan) == 1 and not within
        self.from_noise = networks.generator is not None and (
            one_pass or completer is None
        )
        if completer is None:
            return

        limits = _limits(within, layout, completer.slots.starts.device)
        limited_numbers = sum(_has_modes(layout, region) for region in within)
        # Equal cells of categories are no copies, but equal numbers are.
        self.spare = SPARE_ROWS if leading and limited_numbers > 1 else 1
        self.leading_columns = len(within) if leading else 0

        self.passes: list[Pass] = []
        with torch.inference_mode():
            for blocks in _with_limits(plan, limits, leading):
                limit = limits.get(blocks[0])
                key = (tuple(sorted(blocks)), limit is not None)
                if key not in cache:
                    cache[key] = Pass(completer, blocks, limit)
                self.passes.append(cache[key])
            # Importance weights compare the two orders, that of the plan and that in
            # which rows are drawn. They differ up to the last limited column of the
            # plan: after it, both have revealed the same cells and say the same. With
            # the plan (a) (b) (c) (d) and b limited, (a) (b) is compared with (b) (a).
            start: Plan = ()
            if self.leading_columns:
                start = plan[: _last_limited(plan, within) + 1]
            self.passes_of_plan = [Pass(completer, blocks) for blocks in start]
        # How many of `passes`, from the first on, draw the same blocks as these do.
        same_blocks = _with_limits(start, limits, leading) if start else ()
        self.compared = len(same_blocks)

    @torch.inference_mode()
    @fast_products()
    def invent(self, rows: int, random: torch.Generator) -> Batch:
        """So many whole new rows."""
        device = random.device
        if not self.from_noise:
            blank = self._blank(rows * self.spare, device)
            return self._fill(blank, rows, random, all_hidden=True)
        size = CHUNK_ROWS if device.type == "cpu" else rows
        chunks = []
        for start in range(0, rows, size):
            count = min(size, rows - start)
            chunks.append(self._from_noise(count, random))
        codes = torch.cat([chunk.codes for chunk in chunks])
        offsets = torch.cat([chunk.offsets for chunk in chunks])
        left = [chunk.left for chunk in chunks if chunk.left is not None]
        return Batch(codes, offsets, left=torch.cat(left) if left else None)

    @torch.inference_mode()
    @fast_products()
    def complete(self, given: Batch, random: torch.Generator) -> Batch:
        """Rows with their hidden cells drawn; ``given.mask`` marks the known ones."""
        assert given.mask is not None, "a mask says what is known, report this"
        # `_fill` writes into the batch.
        codes = given.codes.clone()
        offsets = given.offsets.clone()
        mask = given.mask.clone()
        batch = Batch(codes, offsets, mask)
        return self._fill(batch, len(codes), random, all_hidden=False)

    def _blank(self, rows: int, device: torch.device) -> Batch:
        """Rows of which nothing is known."""
        layout = self.networks.layout
        shape = (rows, len(layout.blocks))
        codes = torch.zeros(shape, dtype=torch.int64, device=device)
        mask = torch.zeros(shape, dtype=torch.bool, device=device)
        shape = (rows, len(layout.continuous))
        offsets = torch.full(shape, 0.5, device=device)
        return Batch(codes, offsets, mask)

    def _from_noise(self, rows: int, random: torch.Generator) -> Batch:
        """Rows in one pass of the generator."""
        generator = self.networks.generator
        assert generator is not None
        slots = generator.slots
        blank = self._blank(rows, random.device)
        shape = (rows, generator.noise)
        noise = torch.randn(shape, generator=random, device=random.device)
        condition = None
        if generator.conditional:
            codes, observed = generator.conditions(rows, random)
            condition = slots.reading(codes, blank.offsets, observed)
        logits, offsets_of_modes = generator(noise, condition)
        codes = slots.sample(logits, random)
        mode, in_a_mode = slots.modes(codes)
        offsets = offsets_of_modes.gather(1, mode)
        weights = None
        if self.rules:
            blocks = range(codes.shape[1])
            luck = self.rules.luck(rows, random)
            unknown = torch.zeros_like(codes, dtype=torch.bool)
            cells = Cells(codes, offsets, unknown, luck)
            codes, offsets, left = self.rules.redraw(
                logits, None, slots, blocks, cells, offsets_of_modes, random
            )
            weights = self.rules.weights(left, luck)
            _, in_a_mode = slots.modes(codes)
        offsets = torch.where(in_a_mode, offsets, blank.offsets)
        return Batch(codes, offsets, left=weights)

    def _fill(
        self,
        batch: Batch,
        count: int,
        random: torch.Generator,
        all_hidden: bool,
    ) -> Batch:
        """Fill the hidden cells of rows in place, pass by pass.

        Args:
            batch: The rows, with a mask of what is known.
            count: How many of them go on to the end, where limits choose.
            random: Randomness.
            all_hidden: Whether no cell of any row is known.
        """
        state = self._begin(batch, all_hidden, random)
        columns_done = 0
        for number, one in enumerate(self.passes):
            outputs = one.outputs(state.hidden, len(state.codes))
            cells = Cells(state.codes, state.offsets, state.mask, state.luck)
            outputs, left = self._by_rules(one, outputs, cells)
            # Of earlier passes, the order of the plan says how probable a row is.
            if number >= self.compared:
                state.left = state.left + left
            fresh = self._draw(state, one, outputs, random)
            if number < self.compared:
                codes = state.codes[:, one.blocks]
                offsets = state.offsets[:, one.columns]
                likelihood = one.log_likelihood(outputs, codes, offsets)
                state.log_likelihood = state.log_likelihood + likelihood
            is_last = number + 1 == len(self.passes)
            if not is_last:
                revealed = one.reveal(state.codes, state.offsets, state.mask, fresh)
                state.hidden = state.hidden + revealed

            ends_a_column = one.limits is not None and one.limits.last
            if ends_a_column and columns_done < self.leading_columns:
                columns_done += 1
                # After the first column nothing is to be weighed: nothing was known
                # before it, so it was as probable in every row.
                if columns_done > 1:
                    # The spare rows end here: with the last limited column.
                    last_column = columns_done == self.leading_columns
                    rows = count if last_column else len(state.codes)
                    state = state.resampled(rows, random)
        log_weights = None
        if self.passes_of_plan:
            of_plan = self._log_likelihood_of_plan(state)
            log_weights = of_plan - state.log_likelihood
        weights = self.rules.weights(state.left, state.luck)
        return Batch(state.codes, state.offsets, state.mask, log_weights, weights)

    def _by_rules(
        self, one: Pass, outputs: Outputs, cells: Cells
    ) -> tuple[Outputs, Tensor]:
        """What the head says of a pass, cut to what goes with the known cells.

        And what is left of it, see `Rules.cut`.
        """
        if not self.rules:
            return outputs, torch.zeros_like(cells.luck)
        logits, densities = outputs
        cut, left = self.rules.cut(logits, one.slots, one.numbers, cells)
        return (cut, densities), left

    def _begin(
        self, batch: Batch, all_hidden: bool, random: torch.Generator
    ) -> _Filling:
        completer = self.networks.completer
        assert completer is not None and batch.mask is not None
        # Where nothing is known, one row stands for all.
        rows = slice(1) if all_hidden else slice(None)
        codes = batch.codes[rows]
        offsets = batch.offsets[rows]
        hidden = completer.first(codes, offsets, batch.mask[rows])
        shape = (len(batch.codes),)
        zeros = torch.zeros(shape, device=hidden.device, dtype=torch.float64)
        return _Filling(
            codes=batch.codes,
            offsets=batch.offsets,
            mask=batch.mask,
            hidden=hidden,
            prefix=torch.zeros_like(batch.codes[:, 0]),
            log_weights=zeros,
            log_likelihood=torch.zeros_like(zeros),
            luck=self.rules.luck(len(batch.codes), random),
            left=torch.zeros(shape, device=hidden.device),
        )

    def _draw(
        self,
        state: _Filling,
        one: Pass,
        outputs: Any,
        random: torch.Generator,
    ) -> Tensor:
        """Draw the hidden cells of one pass; which ones they are, ``[B, blocks]``."""
        fresh = ~state.mask[:, one.blocks]
        if one.limits is None:
            codes, offsets_of_modes = one.draw(outputs, random)
            offsets = one.offsets_of(codes, offsets_of_modes)
            if self.rules.concern(one.numbers):
                logits, densities = outputs
                codes, offsets, left = self.rules.redraw(
                    logits,
                    Mixtures.of(densities, len(one.slots.mode_slots)),
                    one.slots,
                    one.numbers,
                    state.drawn(one, codes, offsets),
                    offsets_of_modes,
                    random,
                )
                state.left = state.left + left
        else:
            codes, offsets = self._draw_within(state, one, outputs, random)
        state.write(one, codes, offsets)
        state.mask[:, one.blocks] = True
        return fresh

    def _draw_within(
        self, state: _Filling, one: Pass, outputs: Outputs, random: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Draw the cells of a pass that has limits: codes and offsets, each ``[B, 1]``.

        Those that break a rule are drawn again, some times: a cell that is asked for
        stands above a rule.
        """
        assert one.limits is not None
        if one.limits.first:
            state.prefix = torch.zeros_like(state.codes[:, 0])
        codes, offsets_of_modes, prefix, weight = one.draw_within(
            outputs, state.prefix, random
        )
        offsets = one.offsets_of(codes, offsets_of_modes)
        (block,) = one.numbers
        for _ in range(TRIES if self.rules.cuts(block) else 0):
            again = self.rules.breaks(block, state.drawn(one, codes, offsets))
            if not again.any():
                break
            other_codes, offsets_of_modes, other_prefix, _ = one.draw_within(
                outputs, state.prefix, random
            )
            other_offsets = one.offsets_of(other_codes, offsets_of_modes)
            codes = torch.where(again[:, None], other_codes, codes)
            offsets = torch.where(again[:, None], other_offsets, offsets)
            prefix = torch.where(again, other_prefix, prefix)
        state.prefix = prefix
        state.log_weights = state.log_weights + weight
        return codes, offsets

    def _log_likelihood_of_plan(self, state: _Filling) -> Tensor:
        """Log-likelihood ``[B]`` of whole rows in the order of the plan.

        Of as many passes as differ from the order in which the rows were drawn.
        """
        completer = self.networks.completer
        assert completer is not None
        codes, offsets = state.codes, state.offsets
        mask = torch.zeros_like(codes, dtype=torch.bool)
        # Nothing is known yet: one row stands for all.
        hidden = completer.first(codes[:1], offsets[:1], mask[:1])
        rows = len(codes)
        logs = torch.zeros(rows, device=codes.device, dtype=torch.float64)
        for one in self.passes_of_plan:
            outputs = one.outputs(hidden, rows)
            outputs, _ = self._by_rules(
                one, outputs, Cells(codes, offsets, mask, state.luck)
            )
            codes_of_pass = codes[:, one.blocks]
            offsets_of_pass = offsets[:, one.columns]
            logs = logs + one.log_likelihood(outputs, codes_of_pass, offsets_of_pass)
            mask[:, one.blocks] = True
            fresh = mask[:, one.blocks]
            hidden = hidden + one.reveal(codes, offsets, mask, fresh)
        return logs


@dataclass
class _Filling:
    """Rows that are being filled, between two passes.

    Attributes:
        codes: ``[B, K]``.
        offsets: ``[B, C]``.
        mask: ``[B, K]``: which cells are known by now.
        hidden: The completer's first layer, ``[B, width]``, or ``[1, width]`` for all
            rows.
        prefix: ``[B]``: what the digits of a limited column are so far, see `Limits`.
        log_weights: ``[B]``: log-probabilities of what was within the limits, since the
            last resampling.
        log_likelihood: ``[B]``: of what was drawn in passes that are compared with the
            plan.
        luck: ``[B]``: which rows are free of which rules, see `Rules.luck`.
        left: ``[B]``: how much rules have left of the rows, see `Rules.cut`.
    """

    codes: Tensor
    offsets: Tensor
    mask: Tensor
    hidden: Tensor
    prefix: Tensor
    log_weights: Tensor
    log_likelihood: Tensor
    luck: Tensor
    left: Tensor

    def drawn(self, one: Pass, codes: Tensor, offsets: Tensor) -> Cells:
        """The rows with the cells that a pass has drawn, where they were hidden.

        Args:
            one: The pass.
            codes: ``[B, blocks]``.
            offsets: ``[B, columns]``.
        """
        copy = replace(self, codes=self.codes.clone(), offsets=self.offsets.clone())
        copy.write(one, codes, offsets)
        return Cells(copy.codes, copy.offsets, self.mask, self.luck)

    def write(self, one: Pass, codes: Tensor, offsets: Tensor) -> None:
        """Put what a pass has drawn where cells were hidden, see `drawn`."""
        fresh = ~self.mask[:, one.blocks]
        codes = torch.where(fresh, codes, self.codes[:, one.blocks])
        self.codes[:, one.blocks] = codes
        if len(one.columns):
            _, in_a_mode = one.slots.modes(codes)
            changes = in_a_mode & fresh[:, one.slots.continuous]
            before = self.offsets[:, one.columns]
            self.offsets[:, one.columns] = torch.where(changes, offsets, before)

    def resampled(self, rows: int, random: torch.Generator) -> _Filling:
        """So many rows, each as often as its weight says; then all weigh the same."""
        relative = self.log_weights - self.log_weights.max()
        chosen = systematic_sample(relative.exp(), rows, random)
        tensors = {}
        for field in fields(self):
            tensors[field.name] = getattr(self, field.name)[chosen]
        tensors["log_weights"] = torch.zeros_like(tensors["log_weights"])
        return _Filling(**tensors)


def _limits(
    within: Sequence[Region],
    layout: Layout,
    device: torch.device,
) -> dict[int, Limits]:
    """The limits of each block of some regions, in the order in which they are drawn.

    Rows that go on more than once differ only in what is drawn later. Numbers hardly
    ever repeat, so they come after categories.
    """
    numbers_last = sorted(within, key=lambda region: _has_modes(layout, region))
    limits = {}
    for region in numbers_last:
        for number, block in enumerate(region.blocks):
            limits[block] = Limits(region, number, layout, device)
    return limits


def _has_modes(layout: Layout, region: Region) -> bool:
    """Whether the region's column holds numbers that hardly ever repeat."""
    return any(layout.blocks[block].modes for block in region.blocks)


def _with_limits(
    plan: Plan,
    limited: Collection[int],
    leading: bool,
) -> Plan:
    """A plan in which every limited block has a pass of its own.

    Before all others with ``leading``, else at its place.
    """
    passes: list[tuple[int, ...]] = []
    if leading:
        # In the order of the limits: categories before numbers.
        passes += [(block,) for block in limited]
    for blocks in plan:
        if not leading:
            passes += [(block,) for block in sorted(blocks) if block in limited]
        # What is left of the pass.
        unlimited = tuple(block for block in blocks if block not in limited)
        if unlimited:
            passes.append(unlimited)
    return tuple(passes)


def _earliest(passes: Sequence[Plan], within: Sequence[Region]) -> Sequence[Plan]:
    """The plans of the orders that draw limited columns early.

    What these say of all other columns is nearest to what the order that draws the
    limited columns first says: see `OrderSampler`.
    """
    early = sorted(passes, key=lambda plan: _last_limited(plan, within))
    count = -(-len(early) // ORDERS_WITHIN_REGIONS)
    return early[:count]


def _last_limited(plan: Plan, within: Sequence[Region]) -> int:
    """Number of the last pass that reveals a limited column."""
    last = 0
    limited = {block for region in within for block in region.blocks}
    for number, blocks in enumerate(plan):
        if not limited.isdisjoint(blocks):
            last = number
    return last


def _importance(parts: Sequence[Batch]) -> Tensor:
    """Importance weights of all rows, of mean 1 in each part.

    The largest are cut: a little bias for much less variance (Ionides 2008).
    """
    weights = []
    for part in parts:
        if part.log_weights is not None:
            relative = part.log_weights - part.log_weights.median()
            weight = relative.clamp(max=MOST_LOG_WEIGHT).exp()
            weights.append(weight / weight.mean())
    return torch.cat(weights)


def _left(parts: Sequence[Batch], pool: float) -> Tensor:
    """What rules have left of rows as weights, of mean 1 in each part.

    None is so large that the row would be kept more than once of a pool so many times
    as large. Rows that are free of a rule weigh 1: they stay as many as they are.
    """
    weights = []
    for part in parts:
        if part.left is not None:
            weight = torch.ones_like(part.left)
            bound = ~part.left.isnan()
            rows = int(bound.sum())
            chances = capped(part.left[bound], rows / pool)
            weight[bound] = pool * chances
            weights.append(weight)
    return torch.cat(weights)


# --------------------------------------------------------------------------------------
# One pass

# What the head says of the blocks of a pass: logits ``[B, slots of these blocks]``, and
# the parameters of the mixtures of their modes, ``[B, modes x PARAMETERS]``.
Outputs = tuple[Tensor, Tensor]


class Pass:
    """The completer as far as it concerns the blocks that one pass reveals.

    Args:
        completer: The whole completer, a network or forests.
        blocks: Which blocks the pass reveals.
        limits: What the cells of the pass must be within; then it reveals one block.

    Attributes:
        numbers: Those of its blocks, ascending.
        outputs: What the completer says of the blocks, given what it has read.
        reveal: What the completer reads of cells of these blocks, once they are drawn.
    """

    def __init__(
        self,
        completer: Completer | ForestCompleter,
        blocks: Sequence[int],
        limits: Limits | None = None,
    ) -> None:
        layout = completer.slots.layout
        device = completer.slots.starts.device
        blocks = sorted(blocks)
        part = completer.part(blocks)
        self.outputs = part.outputs
        self.reveal = part.reveal
        self.limits = limits
        self.slots = part.slots.to(device)
        self.numbers = tuple(blocks)
        self.blocks = torch.as_tensor(blocks, device=device)
        # The columns of the offsets array that these blocks have.
        columns = np.flatnonzero(np.isin(layout.continuous, blocks))
        self.columns = torch.as_tensor(columns, device=device)

    # -- what the pass draws

    def draw(self, outputs: Outputs, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Codes ``[B, blocks]``, and an offset for each of their modes."""
        logits, densities = outputs
        codes = self.slots.sample(logits, random)
        mixtures = Mixtures.of(densities, len(self.slots.mode_slots))
        return codes, mixtures.draw(random)

    def offsets_of(self, codes: Tensor, offsets_of_modes: Tensor) -> Tensor:
        """``[B, columns]``: the offsets of the modes that were drawn."""
        mode, _ = self.slots.modes(codes)
        return offsets_of_modes.gather(1, mode)

    def draw_within(
        self,
        outputs: Outputs,
        prefix: Tensor,
        random: torch.Generator,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`draw` within the limits.

        Returns:
            Codes ``[B, 1]``, an offset for each mode, the new prefix ``[B]`` and the
            log-probability ``[B]`` of what is within the limits: see `Limits.draw`.
        """
        assert self.limits is not None, "this pass has no limits, report this"
        code, offset, prefix, weight = self.limits.draw(*outputs, prefix, random)
        # The offset is that of the mode that was drawn; any other one is not read.
        modes = len(self.slots.mode_slots)
        offsets = offset[:, None].expand(-1, modes)
        return code[:, None], offsets, prefix, weight

    def log_likelihood(
        self,
        outputs: Outputs,
        codes: Tensor,
        offsets: Tensor,
    ) -> Tensor:
        """Log-likelihood ``[B]`` of cells.

        Args:
            outputs: What the head says of them.
            codes: ``[B, blocks]``.
            offsets: ``[B, columns]``.
        """
        logits, densities = outputs
        slots = self.slots
        log_softmax = slots.log_softmax(logits)
        logs = log_softmax.gather(1, codes + slots.starts).sum(1)
        if not len(self.columns):
            return logs
        mode, in_a_mode = slots.modes(codes)
        mixtures = Mixtures.of(densities, len(slots.mode_slots))
        log_density = mixtures.log_density(offsets, mode) * in_a_mode
        return logs + log_density.sum(1)


# Passes by their blocks, and by whether these are limited: orders share them.
PassCache = dict[tuple[tuple[int, ...], bool], Pass]
