"""The target, drawn anew given all other columns.

A mixture agrees with the noisy counts of each column with the target, and beyond that says of
the target whatever its components happen to say. Nobody asked for that, and models that
learn the rows learn it too. Of all distributions of the target given the others that agree
with the counts, the one of maximum entropy says nothing else: it is log-linear (Berger,
Della Pietra and Della Pietra, Computational Linguistics 22, 1996). The score of a value is
the sum of a weight for each count that a row adds to. Graphical models of the same counts
assume as much (McKenna et al., arXiv 2108.04978). Noisy counts and rows are all that it
sees, so it costs nothing of the budget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from synthtab.private.mixture import Answer

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Most rows that the weights are fitted to, and rows that are drawn at once.
MOST_ROWS = 50_000
ROWS_AT_ONCE = 50_000
# Steps of L-BFGS.
STEPS = 60
# Standard deviation of the weights before any count is known (docs/lab.md).
PRIOR = 0.4


def redrawn(
    codes: Mapping[str, Ints],
    answers: Sequence[Answer],
    target: str,
    sizes: Mapping[str, int],
    rng: np.random.Generator,
) -> Ints:
    """Values of the target, given those of the other columns.

    Args:
        codes: Values of all columns, ``[rows]`` each; those of the target do not matter.
        answers: Noisy counts, of which those with the target are heeded: at least one.
        target: Its name.
        sizes: Columns -> how many values each has.
        rng: Randomness.

    Returns:
        ``[rows]``.
    """
    tables = [
        _Table.of(answer, target, sizes) for answer in answers if target in answer.names
    ]
    begins = np.cumsum([0, *(len(table.shares) for table in tables)])
    # [rows, tables]: which row of all tables, one below the other, a row adds to.
    places = np.stack([table.rows(codes) for table in tables], axis=1) + begins[:-1]
    count = len(places)
    some = np.sort(rng.permutation(count)[:MOST_ROWS])
    shares = torch.as_tensor(np.concatenate([table.shares for table in tables])).float()
    noise = np.concatenate([np.full(len(t.shares), t.noise) for t in tables])
    weights = _fitted(
        torch.as_tensor(places[some]), shares, torch.as_tensor(noise[:, None]).float()
    )
    drawn = np.empty(count, dtype=np.int64)
    for start in range(0, count, ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        probable = _probabilities(weights, torch.as_tensor(places[rows])).double()
        ends = probable.cumsum(1).numpy()
        uniform = rng.random((len(ends), 1)) * ends[:, -1:]
        drawn[rows] = (ends <= uniform).sum(1)
    return drawn.clip(0, sizes[target] - 1)


class _Table:
    """The noisy counts of some columns and the target, as shares.

    Attributes:
        others: The other columns, and how many values each has.
        shares: ``[combinations of the others, values of the target]``.
        noise: Standard deviation of the noise of each.
    """

    def __init__(self, others: Mapping[str, int], shares: Floats, noise: float) -> None:
        self.others = others
        self.shares = shares
        self.noise = noise

    @classmethod
    def of(cls, answer: Answer, target: str, sizes: Mapping[str, int]) -> _Table:
        shape = [sizes[name] for name in answer.names]
        place = answer.names.index(target)
        counts = np.moveaxis(answer.counts.reshape(shape), place, -1)
        others = {name: sizes[name] for name in answer.names if name != target}
        rows = max(1.0, counts.sum())
        shares = counts.reshape(-1, sizes[target]) / rows
        return cls(others, shares, answer.deviation / rows)

    def rows(self, codes: Mapping[str, Ints]) -> Ints:
        """``[rows]``: the combination of the others in each."""
        combination = np.zeros_like(next(iter(codes.values())))
        for name, size in self.others.items():
            combination = combination * size + codes[name]
        return combination


def _probabilities(weights: Tensor, places: Tensor) -> Tensor:
    """``[rows, values of the target]``."""
    return embedding_bag(places, weights, mode="sum").softmax(1)


def _fitted(places: Tensor, shares: Tensor, noise: Tensor) -> Tensor:
    """The likeliest weights, given noisy shares and the prior: ``[table rows, values]``.

    Args:
        places: ``[rows, tables]``: which rows of the tables each row adds to.
        shares: ``[table rows, values of the target]``.
        noise: ``[table rows, 1]``: standard deviations.
    """
    weights = torch.zeros_like(shares, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weights], max_iter=STEPS, history_size=20, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        of_rows = _probabilities(weights, places) / len(places)
        made = torch.zeros_like(shares)
        for of_table in places.T:
            made = made.index_add(0, of_table, of_rows)
        errors = ((made - shares) / noise).square().sum()
        value = 0.5 * errors + 0.5 * (weights / PRIOR).square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return weights.detach()
