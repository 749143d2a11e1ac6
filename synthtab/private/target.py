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
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from synthtab.private.mixture import Answer, values_by

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
    heeded = [answer for answer in answers if target in answer.names]
    tables = [_Table.of(answer, target, sizes) for answer in heeded]
    places = _places(tables, codes)
    some = np.sort(rng.permutation(len(places))[:MOST_ROWS])
    weights = _fitted(torch.as_tensor(places[some]), tables)
    drawn = []
    for start in range(0, len(places), ROWS_AT_ONCE):
        rows = torch.as_tensor(places[start : start + ROWS_AT_ONCE])
        shares = _probabilities(weights, rows).double()
        drawn.append(values_by(shares.cumsum(1).numpy(), rng))
    return np.concatenate(drawn)


@dataclass(frozen=True)
class _Table:
    """The noisy counts of some columns and the target, as shares.

    Attributes:
        others: The other columns, and how many values each has.
        shares: ``[combinations of the others, values of the target]``.
        noise: Standard deviation of the noise of each.
    """

    others: Mapping[str, int]
    shares: Floats
    noise: float

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


def _places(tables: Sequence[_Table], codes: Mapping[str, Ints]) -> Ints:
    """``[rows, tables]``: which row of all tables, one below the other, a row adds to."""
    places = []
    begin = 0
    for table in tables:
        places.append(begin + table.rows(codes))
        begin += len(table.shares)
    return np.stack(places, axis=1)


def _probabilities(weights: Tensor, places: Tensor) -> Tensor:
    """``[rows, values of the target]``."""
    return embedding_bag(places, weights, mode="sum").softmax(1)


def _fitted(places: Tensor, tables: Sequence[_Table]) -> Tensor:
    """The likeliest weights, given noisy shares and the prior: ``[table rows, values]``.

    Args:
        places: ``[rows, tables]``: which rows of the tables each row adds to.
        tables: The noisy shares.
    """
    wanted = torch.cat([torch.as_tensor(table.shares) for table in tables]).float()
    noise = torch.cat(
        [torch.full((len(table.shares), 1), table.noise) for table in tables]
    )
    weights = torch.zeros_like(wanted, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weights], max_iter=STEPS, history_size=20, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        of_rows = _probabilities(weights, places) / len(places)
        made = torch.zeros_like(wanted)
        for of_table in places.T:
            made = made.index_add(0, of_table, of_rows)
        errors = (made - wanted) / noise
        beside_prior = weights / PRIOR
        value = 0.5 * errors.square().sum() + 0.5 * beside_prior.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return weights.detach()
