"""Rows from networks: one pass or several, in blocks that do not depend on how many are asked.

    generate      whole new rows, block by block: several orders, a pool, the choice of the best
    fill          rows of which some cells are given and stay
    OrderSampler  one order of the columns: the loop over its passes

A block of rows has a random stream of its own and is always made whole, so ``sample(10)``
equals the start of ``sample(100)`` bit by bit, and any block can be made without the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synthtab.core.layout import Encoded, Layout, Region
from synthtab.core.randomness import Streams
from synthtab.model.batches import Batch
from synthtab.model.networks import Networks
from synthtab.model.orders import Plan, plans
from synthtab.model.slots import choose
from synthtab.runtime.compute import fast_products, shared
from synthtab.runtime.parallel import ENDLESS, ahead
from synthtab.sampling.limits import Limits
from synthtab.sampling.passes import CHUNK_ROWS, Pass
from synthtab.sampling.tree_critic import LEAST_POOL, TreeCritic

# Rows per block.
BLOCK = 4096
# Largest logarithm of an importance weight above the median one.
MOST_LOG_WEIGHT = 1.5
# Rows begun for each one that goes on, where several columns of numbers are restricted.
SPARE_ROWS = 2
# Under restrictions, one in so many of the orders is used.
ORDERS_UNDER_RESTRICTIONS = 4


# ------------------------------------------------------------------------------------------
# Blocks of rows


def generate(
    networks: Networks,
    n: int,
    passes: Sequence[Plan],
    streams: Streams,
    device: torch.device,
    critic: TreeCritic | None = None,
    restrictions: Sequence[Region] = (),
    begin: int = 0,
    then: Callable[[int, Encoded], Any] = lambda number, block: block,
) -> Iterator[Any]:
    """``n`` rows as blocks of at most `BLOCK`.

    Each of the plans makes an equal share of every block. With a tree critic, a block is
    chosen from a pool of candidates. With restrictions, rows are drawn within them.

    Blocks of one pass are made side by side, each on a core of its own, and what ``then``
    makes of a block is made there, too. The steps of several passes are so many and so short
    that threads would mostly wait for one another: there, all cores share each step.

    Args:
        networks: What makes the rows.
        n: Rows in all, counted from block 0.
        passes: The plans of the orders.
        streams: Randomness; block ``number`` uses the stream ("sample", number).
        device: Where the networks are.
        critic: Chooses among candidates.
        restrictions: What the cells of some columns must be.
        begin: Number of the first block.
        then: Called with the number of a block and the block; its results come back.
    """
    layout = networks.layout
    if restrictions:
        critic = critic or TreeCritic((), None, LEAST_POOL)
        # Orders that draw the restricted columns early: what they say of all others is nearer
        # to what the order of the restrictions says.
        early = sorted(passes, key=lambda plan: _last_restricted(plan, restrictions))
        passes = early[: -(-len(early) // ORDERS_UNDER_RESTRICTIONS)]
    cache: PassCache = {}
    samplers = [
        OrderSampler(networks, plan, restrictions, cache=cache) for plan in passes
    ]
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
            weights = _importance(parts) if restrictions else None
            kept = chooser.choose(codes, offsets, BLOCK, random, weights)
        else:
            kept = torch.randperm(BLOCK, generator=random, device=device)
        kept = kept[: n - number * BLOCK]
        chosen = Encoded(codes[kept].cpu().numpy(), offsets[kept].cpu().numpy(), layout)
        return then(number, chosen)

    numbers = range(begin, -(-n // BLOCK))
    all_in_one_pass = all(sampler.from_noise for sampler in samplers)
    if device.type == "cpu" and all_in_one_pass:
        return ahead(block, numbers, hurry=n < ENDLESS)
    return map(_sharing_cores(block, device), numbers)


def draw_rows(networks: Networks, rows: int, passes: int, streams: Streams) -> Encoded:
    """At most one block of rows, none of them left out, in so many passes."""
    device = next(networks.parameters()).device
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
    restrictions: Sequence[Region] = (),
) -> Iterator[Encoded]:
    """Rows of which some cells stay and all others are drawn, in blocks of at most `BLOCK`.

    Each row follows one of the plans. Of a tree critic only the trees count: of several
    completions of a row, one is taken in proportion to its density ratio (sampling-importance
    resampling, Rubin 1987).

    Args:
        networks: What draws cells.
        rows: The rows; unknown cells may be anything.
        known: ``[rows, K]``: which cells stay.
        passes: The plans of the orders.
        streams: Randomness.
        device: Where the networks are.
        critic: Chooses among completions.
        restrictions: What the cells of some columns must be.
    """
    layout = networks.layout
    chooser = critic.on(layout, device) if critic and critic.forests else None
    # Completions of each row.
    several = int(np.ceil(chooser.pool)) if chooser else 1
    cache: PassCache = {}
    samplers = [
        OrderSampler(networks, plan, restrictions, leading=False, cache=cache)
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
        order = torch.randint(len(samplers), (count,), generator=random, device=device)
        for i, sampler in enumerate(samplers):
            of_order = (order == i).repeat_interleave(several)
            batch = Batch(codes[of_order], offsets[of_order], mask[of_order])
            done = sampler.complete(batch, random)
            codes[of_order] = done.codes
            offsets[of_order] = done.offsets
        if chooser:
            weights = chooser.weights(codes, offsets).clamp(min=1e-30)
            chosen = choose(weights.log().view(-1, several), random)
            kept = chosen + several * torch.arange(count, device=device)
            codes = codes[kept]
            offsets = offsets[kept]
        return Encoded(codes.cpu().numpy(), offsets.cpu().numpy(), layout)

    return map(_sharing_cores(block, device), range(-(-len(rows) // BLOCK)))


def _sharing_cores(
    block: Callable[[int], Any], device: torch.device
) -> Callable[[int], Any]:
    """The same, on as many cores as are faster when it is called."""

    def on_some_cores(number: int) -> Any:
        with shared(device, BLOCK):
            return block(number)

    return on_some_cores


# ------------------------------------------------------------------------------------------
# One order of the columns

# Passes by the blocks that they reveal, and whether these are limited: orders share them.
PassCache = dict[tuple[tuple[int, ...], bool], Pass]


class OrderSampler:
    """Makes rows, and fills the hidden cells of rows, in one order of the columns.

    One pass over all columns makes a row from noise, by the generator. Several passes complete
    a row part by part, by the completer; each observes what the earlier ones revealed.

    *Under restrictions.* With ``leading``, restricted columns are drawn before all others.
    Given the first of them, the second is within its limits with another probability in every
    row. In proportion to it, rows go on or are replaced by others (sequential importance
    resampling; Gordon, Salmond and Smith 1993), so that in the end all rows are draws given
    all restrictions. What the completer says of all other columns given these is less exact
    than what it says in the order of the plan; so `Batch.log_weights` compares the two, as
    importance weights. Without ``leading``, each restricted column is drawn in its turn.

    Args:
        networks: What makes the rows; put into evaluation mode.
        plan: The blocks that each pass reveals.
        restrictions: What the cells of some columns must be.
        leading: Whether these columns are drawn before all others.
        cache: Passes of other orders under the same restrictions, to share.

    Attributes:
        from_noise: Whether rows are made in one pass, by the generator.
    """

    def __init__(
        self,
        networks: Networks,
        plan: Plan,
        restrictions: Sequence[Region] = (),
        leading: bool = True,
        cache: PassCache | None = None,
    ) -> None:
        cache = {} if cache is None else cache
        self.networks = networks.eval()
        completer = networks.completer
        one_pass = len(plan) == 1 and not restrictions
        self.from_noise = networks.generator is not None and (
            one_pass or completer is None
        )
        if completer is None:
            return

        layout = networks.layout
        device = completer.slots.starts.device
        numbers_last = sorted(restrictions, key=lambda r: _has_modes(layout, r))
        # By block. Rows that go on more than once differ only in what is drawn later. Numbers
        # hardly ever repeat, so they come after categories.
        limits = {
            block: Limits(restriction, number, layout, device)
            for restriction in numbers_last
            for number, block in enumerate(restriction.blocks)
        }
        restricted_numbers = sum(_has_modes(layout, r) for r in restrictions)
        # Equal cells of categories are no copies, but equal numbers are.
        self.spare = SPARE_ROWS if leading and restricted_numbers > 1 else 1
        self.leading_columns = len(restrictions) if leading else 0

        self.passes: list[Pass] = []
        with torch.inference_mode():
            for blocks in _with_limits(plan, limits, leading):
                limit = limits.get(blocks[0])
                key = (tuple(sorted(blocks)), limit is not None)
                if key not in cache:
                    cache[key] = Pass(completer, blocks, limit)
                self.passes.append(cache[key])
            # The passes in the order of the plan, as far as the two orders differ: from the
            # pass on that follows the last restricted column, both say the same.
            differ = 0
            if self.leading_columns:
                differ = _last_restricted(plan, restrictions) + 1
            self.passes_of_plan = [Pass(completer, blocks) for blocks in plan[:differ]]
        # How many of `passes` draw the same blocks as these.
        self.compared = 0
        if differ:
            self.compared = len(_with_limits(plan[:differ], limits, leading))

    @torch.inference_mode()
    @fast_products()
    def invent(self, rows: int, random: torch.Generator) -> Batch:
        """So many whole new rows."""
        device = random.device
        if not self.from_noise:
            blank = self._blank(rows * self.spare, device)
            return self._fill(blank, rows, random, all_hidden=True)
        size = CHUNK_ROWS if device.type == "cpu" else rows
        chunks = [
            self._from_noise(min(size, rows - start), random)
            for start in range(0, rows, size)
        ]
        codes = torch.cat([chunk.codes for chunk in chunks])
        return Batch(codes, torch.cat([chunk.offsets for chunk in chunks]))

    @torch.inference_mode()
    @fast_products()
    def complete(self, given: Batch, random: torch.Generator) -> Batch:
        """Rows with their hidden cells drawn; ``given.mask`` says which cells are known."""
        assert given.mask is not None, "a mask says what is known, report this"
        copy = Batch(given.codes.clone(), given.offsets.clone(), given.mask.clone())
        return self._fill(copy, len(copy.codes), random, all_hidden=False)

    def _blank(self, rows: int, device: torch.device) -> Batch:
        """Rows of which nothing is known."""
        layout = self.networks.layout
        shape = (rows, len(layout.blocks))
        codes = torch.zeros(shape, dtype=torch.int64, device=device)
        offsets = torch.full((rows, len(layout.continuous)), 0.5, device=device)
        return Batch(codes, offsets, torch.zeros_like(codes, dtype=torch.bool))

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
        drawn = offsets_of_modes.gather(1, mode)
        return Batch(codes, torch.where(in_a_mode, drawn, blank.offsets))

    def _fill(
        self, batch: Batch, count: int, random: torch.Generator, all_hidden: bool
    ) -> Batch:
        """Fill the hidden cells of rows in place, pass by pass.

        Args:
            batch: The rows, with a mask of what is known.
            count: How many of them go on to the end, where restrictions choose.
            random: Randomness.
            all_hidden: Whether no cell of any row is known.
        """
        state = self._begin(batch, all_hidden)
        columns_done = 0
        for number, one in enumerate(self.passes):
            outputs = one.outputs(state.hidden, len(state.codes))
            fresh = self._draw(state, one, outputs, random)
            if number < self.compared:
                own = state.offsets[:, one.columns]
                drawn = state.codes[:, one.blocks]
                likelihood = one.log_likelihood(outputs, drawn, own)
                state.log_likelihood = state.log_likelihood + likelihood
            is_last = number + 1 == len(self.passes)
            if not is_last:
                revealed = one.reveal(state.codes, state.offsets, state.mask, fresh)
                state.hidden = state.hidden + revealed

            ends_a_column = one.limits is not None and one.limits.last
            if ends_a_column and columns_done < self.leading_columns:
                columns_done += 1
                # After the first column nothing is to be weighed: all rows were equal.
                if columns_done > 1:
                    last_column = columns_done == self.leading_columns
                    rows = count if last_column else len(state.codes)
                    state = state.resampled(rows, random)
        log_weights = None
        if self.passes_of_plan:
            of_plan = self._log_likelihood_of_plan(state.codes, state.offsets)
            log_weights = of_plan - state.log_likelihood
        return Batch(state.codes, state.offsets, state.mask, log_weights)

    def _begin(self, batch: Batch, all_hidden: bool) -> _Filling:
        completer = self.networks.completer
        assert completer is not None and batch.mask is not None
        # Where nothing is known, one row stands for all.
        first = slice(1) if all_hidden else slice(None)
        hidden = completer.first(
            batch.codes[first], batch.offsets[first], batch.mask[first]
        )
        zeros = torch.zeros(
            len(batch.codes), device=batch.codes.device, dtype=torch.float64
        )
        return _Filling(
            codes=batch.codes,
            offsets=batch.offsets,
            mask=batch.mask,
            hidden=hidden,
            prefix=torch.zeros_like(batch.codes[:, 0]),
            log_weights=zeros,
            log_likelihood=torch.zeros_like(zeros),
        )

    def _draw(
        self, state: _Filling, one: Pass, outputs: Any, random: torch.Generator
    ) -> Tensor:
        """Draw the hidden cells of one pass; which ones they are, ``[B, blocks]``."""
        fresh = ~state.mask[:, one.blocks]
        if one.limits is None:
            codes, offsets_of_modes = one.draw(outputs, random)
        else:
            if one.limits.first:
                state.prefix = torch.zeros_like(state.codes[:, 0])
            codes, offsets_of_modes, state.prefix, weight = one.draw_within(
                outputs, state.prefix, random
            )
            state.log_weights = state.log_weights + weight
        codes = torch.where(fresh, codes, state.codes[:, one.blocks])
        state.codes[:, one.blocks] = codes
        if len(one.columns):
            mode, in_a_mode = one.slots.modes(codes)
            changes = in_a_mode & fresh[:, one.slots.continuous]
            drawn = offsets_of_modes.gather(1, mode)
            before = state.offsets[:, one.columns]
            state.offsets[:, one.columns] = torch.where(changes, drawn, before)
        state.mask[:, one.blocks] = True
        return fresh

    def _log_likelihood_of_plan(self, codes: Tensor, offsets: Tensor) -> Tensor:
        """Log-likelihood ``[B]`` of whole rows in the order of the plan.

        Of as many passes as differ from the order in which the rows were drawn.
        """
        completer = self.networks.completer
        assert completer is not None
        mask = torch.zeros_like(codes, dtype=torch.bool)
        hidden = completer.first(codes[:1], offsets[:1], mask[:1])
        logs = torch.zeros(len(codes), device=codes.device, dtype=torch.float64)
        for one in self.passes_of_plan:
            outputs = one.outputs(hidden, len(codes))
            drawn = codes[:, one.blocks]
            logs = logs + one.log_likelihood(outputs, drawn, offsets[:, one.columns])
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
        hidden: The completer's first layer, ``[B, width]``, or ``[1, width]`` for all rows.
        prefix: ``[B]``: what the digits of a limited column are so far, see `Limits`.
        log_weights: ``[B]``: log-probabilities of what was within the limits, since the last
            resampling.
        log_likelihood: ``[B]``: of what was drawn in passes that are compared with the plan.
    """

    codes: Tensor
    offsets: Tensor
    mask: Tensor
    hidden: Tensor
    prefix: Tensor
    log_weights: Tensor
    log_likelihood: Tensor

    def resampled(self, rows: int, random: torch.Generator) -> _Filling:
        """So many rows, each as often as its weight says; then all weigh the same."""
        kept = systematic_resample(self.log_weights, rows, random)
        chosen = {f.name: getattr(self, f.name)[kept] for f in fields(self)}
        chosen["log_weights"] = torch.zeros_like(chosen["log_weights"])
        return _Filling(**chosen)


def _has_modes(layout: Layout, restriction: Region) -> bool:
    """Whether the restricted column holds numbers that hardly ever repeat."""
    return any(layout.blocks[block].modes for block in restriction.blocks)


def _with_limits(plan: Plan, limited: Collection[int], leading: bool) -> Plan:
    """A plan in which every limited block has a pass of its own.

    Before all others with ``leading``, else at its place.
    """
    passes: list[tuple[int, ...]] = []
    if leading:
        passes += [(block,) for block in limited]
    for blocks in plan:
        if not leading:
            passes += [(block,) for block in sorted(blocks) if block in limited]
        unlimited = tuple(block for block in blocks if block not in limited)
        if unlimited:
            passes.append(unlimited)
    return tuple(passes)


def _last_restricted(plan: Plan, restrictions: Sequence[Region]) -> int:
    """Number of the last pass that reveals a restricted column."""
    restricted = {block for r in restrictions for block in r.blocks}
    return max(i for i, blocks in enumerate(plan) if restricted.intersection(blocks))


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


def systematic_resample(
    log_weights: Tensor, count: int, random: torch.Generator
) -> Tensor:
    """Numbers of ``count`` rows, each as often as its weight says, up to rounding."""
    ends = (log_weights - log_weights.max()).exp().cumsum(0)
    start = torch.rand(1, generator=random, device=ends.device, dtype=ends.dtype)
    step = ends[-1] / count
    places = (start + torch.arange(count, device=ends.device)) * step
    return torch.searchsorted(ends, places).clamp(max=len(ends) - 1)
