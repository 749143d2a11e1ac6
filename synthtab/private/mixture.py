"""A distribution over rows that agrees with noisy counts: a mixture of independent columns.

In a component, all columns are independent; what goes together goes together because
components differ. So counts of any columns are sums of products, which have gradients, and
the mixture is fitted to all answers at once: "relaxed projection" (Aydore et al., arXiv
2103.06641; Liu et al., GEM, arXiv 2106.07153). Rows of it need no further look at the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LEARNING_RATE = 0.1
# How much components differ to begin with, in logits.
DIFFERENCE = 0.7
# The logit of a value that a column does not have.
NEVER = -1e9


@dataclass(frozen=True)
class Answer:
    """Noisy counts.

    Attributes:
        names: The columns that are counted together.
        counts: Flat, in the order of `numpy.ravel`.
        deviation: Standard deviation of the noise of each.
    """

    names: tuple[str, ...]
    counts: Floats
    deviation: float


class Mixture:
    """Components of independent columns, all of one weight.

    D columns are held in one tensor, as wide as the largest of them.

    Args:
        sizes: Columns -> how many values each has.
        components: How many components.
        rows: About how many rows the table has.
        random: Randomness of the start.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        components: int,
        rows: int,
        random: torch.Generator,
    ) -> None:
        self.sizes = dict(sizes)
        self.number = {name: i for i, name in enumerate(sizes)}
        self.components = components
        # Rows for which one component stands.
        self.scale = rows / components
        widest = max(sizes.values())
        shape = (len(sizes), components, widest)
        logits = DIFFERENCE * torch.randn(shape, generator=random)
        for name, size in sizes.items():
            logits[self.number[name], :, size:] = NEVER
        self.logits = logits.requires_grad_(True)
        self.optimiser = torch.optim.Adam([self.logits], lr=LEARNING_RATE)

    def start_from(self, answer: Answer) -> None:
        """Let a column start at its noisy counts."""
        (name,) = answer.names
        counts = np.maximum(answer.counts, 0.5 * answer.deviation)
        logs = torch.as_tensor(np.log(counts / counts.sum())).float()
        with torch.no_grad():
            self.logits[self.number[name], :, : len(logs)] += logs

    def fit(
        self,
        answers: Sequence[Answer],
        steps: int,
        left: Callable[[], float] = lambda: math.inf,
    ) -> float:
        """Move towards the answers, the exact ones more than the noisy ones.

        The loss is the sum of squared errors, in deviations of the noise: minus twice the
        log-likelihood of the answers, up to a constant.

        Args:
            answers: All of them.
            steps: Of Adam; the learning rate falls to 0 within the second half.
            left: Says how many seconds are left; it ends where there are none.

        Returns:
            The mean squared error, in squared deviations: 1 where nothing but noise is left.
        """
        asked = Asked.of([answer.names for answer in answers], self)
        by_place = [answers[i] for i in asked.order]
        wanted = torch.cat([torch.as_tensor(a.counts) for a in by_place]).float()
        precision = torch.cat(
            [torch.full((len(a.counts),), 1 / a.deviation) for a in by_place]
        )
        loss = torch.zeros(())
        for step in range(steps):
            if left() <= 0:
                break
            factor = min(1.0, 2 * (1 - step / steps))
            self.optimiser.param_groups[0]["lr"] = LEARNING_RATE * factor
            errors = (asked.counts(self._shares()) - wanted) * precision
            loss = errors.square().mean()
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        return float(loss.detach())

    @torch.no_grad()
    def counts(
        self, questions: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], Floats]:
        """What the counts of some columns would be, flat, for many questions."""
        asked = Asked.of(questions, self)
        flat = asked.counts(self._shares()).double().numpy()
        counts = {}
        start = 0
        for place in asked.order:
            names = questions[place]
            end = start + math.prod(self.sizes[name] for name in names)
            counts[names] = flat[start:end]
            start = end
        return counts

    @torch.no_grad()
    def draw(self, rows: int, rng: np.random.Generator) -> dict[str, Ints]:
        """Values of all columns, ``[rows]`` each; components have equally many rows."""
        shares = self._shares().double().numpy()
        component = rng.permutation(np.arange(rows) % self.components)
        drawn = {}
        for name, number in self.number.items():
            ends = shares[number, :, : self.sizes[name]].cumsum(1)
            drawn[name] = values_by(ends[component], rng)
        return drawn

    def _shares(self) -> Tensor:
        """``[D, components, widest]``: how likely each value is in each component."""
        return self.logits.softmax(2)


def values_by(ends: Floats, rng: np.random.Generator) -> Ints:
    """A value for each row, ``[rows]``, by cumulated shares ``[rows, values]``."""
    uniform = rng.random(len(ends)) * ends[:, -1]
    values = (ends <= uniform[:, None]).sum(1)
    # A share of 0 at the end could be drawn for want of digits.
    return values.clip(0, ends.shape[1] - 1).astype(np.int64)


@dataclass(frozen=True)
class Asked:
    """Which counts are wanted of a mixture, so that few operations give them all.

    Attributes:
        order: The questions in the order of their counts: of one column, two, and three.
        scale: Rows for which one component stands.
        ones: ``[questions of one]``: their columns.
        pairs: ``[2, questions of two]``.
        triples: Three columns each.
        of_ones: Which of the padded counts of one column are real ones.
        of_pairs: The same of two.
        sizes: ``[D]``: how many values each column has.
    """

    order: tuple[int, ...]
    scale: float
    ones: Tensor
    pairs: Tensor
    triples: tuple[tuple[int, ...], ...]
    of_ones: Tensor
    of_pairs: Tensor
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, questions: Sequence[tuple[str, ...]], mixture: Mixture) -> Asked:
        """The questions, numbered."""
        by_length: dict[int, list[int]] = {1: [], 2: [], 3: []}
        for i, names in enumerate(questions):
            by_length[len(names)].append(i)
        numbers = [tuple(mixture.number[n] for n in names) for names in questions]
        sizes = tuple(mixture.sizes.values())
        widest = max(sizes)
        used = torch.arange(widest) < torch.tensor(sizes)[:, None]
        ones = torch.tensor([numbers[i][0] for i in by_length[1]], dtype=torch.int64)
        both = [numbers[i] for i in by_length[2]]
        pairs = torch.tensor(both, dtype=torch.int64).reshape(-1, 2).T
        of_pairs = used[pairs[0]][:, :, None] & used[pairs[1]][:, None, :]
        return cls(
            order=(*by_length[1], *by_length[2], *by_length[3]),
            scale=mixture.scale,
            ones=ones,
            pairs=pairs,
            triples=tuple(numbers[i] for i in by_length[3]),
            of_ones=used[ones],
            of_pairs=of_pairs,
            sizes=sizes,
        )

    def counts(self, shares: Tensor) -> Tensor:
        """All counts, one question after another, in `order`."""
        found = [shares[self.ones].sum(1)[self.of_ones]]
        # Some pairs at a time, lest they take much memory.
        parts = zip(
            self.pairs.split(PAIRS_AT_ONCE, 1),
            self.of_pairs.split(PAIRS_AT_ONCE),
            strict=True,
        )
        for (first, second), real in parts:
            tables = shares[first].transpose(1, 2) @ shares[second]
            found.append(tables[real])
        for a, b, c in self.triples:
            of_a = shares[a, :, : self.sizes[a]]
            of_b = shares[b, :, : self.sizes[b]]
            both = (of_a[:, :, None] * of_b[:, None, :]).flatten(1)
            found.append((both.T @ shares[c, :, : self.sizes[c]]).flatten())
        return self.scale * torch.cat(found)


# Pairs of columns that are multiplied at once.
PAIRS_AT_ONCE = 64
