"""As many cores share a step as are faster; what is learnt does not depend on it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
import torch

from synthtab import Synthesizer, datasets
from synthtab.model.layers import ScoreHead
from synthtab.runtime import compute

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def untried() -> None:
    compute.forget_trials()


def timed(monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float]) -> list[int]:
    """Let a trial take so long; which counts are tried."""
    tried: list[int] = []

    def take(count: int, enough: float = 0.0) -> float:
        tried.append(count)
        return seconds[count]

    monkeypatch.setattr(compute, "layer_seconds", take)
    return tried


def test_more_threads_are_taken_while_they_gain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = timed(monkeypatch, {1: 1.0, 2: 0.6, 4: 0.4, 6: 0.39})
    assert compute.best(6) == 4
    assert tried == [1, 2, 4, 6]
    assert compute.best(6) == 4 and len(tried) == 4  # holds for a while
    tried = timed(monkeypatch, {1: 1.0, 2: 8.0})
    assert compute.best(2) == 1  # another job wants the cores
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + compute.TRIAL_HOLDS)
    timed(monkeypatch, {1: 1.0, 2: 0.6})
    assert compute.best(2) == 2  # it has ended


def test_the_count_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    most = torch.get_num_threads()
    monkeypatch.setattr(compute, "best", lambda most: 1)
    with compute.shared(CPU, 512), compute.shared_trees():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == most
    with compute.shared(torch.device("meta"), 512):
        assert torch.get_num_threads() == most


def test_few_rows_are_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(compute, "best", lambda most: pytest.fail("shared"))
    with compute.shared(CPU, compute.FEWEST_SHARED_ROWS - 1):
        pass


@pytest.mark.long
def test_what_is_learnt_does_not_depend_on_the_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    r = torch.Generator().manual_seed(0)
    x = torch.randn(1100, 3, generator=r).numpy()
    table = pd.DataFrame(x, columns=["a", "b", "c"]).assign(
        d=lambda t: (t.a > 0).map({True: "u", False: "v"})
    )

    def weights(count: int) -> list[torch.Tensor]:
        torch.set_num_threads(count)
        monkeypatch.setattr(compute, "best", lambda most: count)
        model = Synthesizer(
            epochs=8, width=64, adversarial_every=1, rounds=0, seed=0
        ).fit(table)
        assert model.requests.networks is not None
        return list(model.requests.networks.state_dict().values())

    before = torch.get_num_threads()
    try:
        one, two = weights(1), weights(2)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_the_critics_gradient_does_not_depend_on_the_number_of_threads() -> None:
    r = torch.Generator().manual_seed(0)
    layer, x = ScoreHead(256, 1), torch.randn(512, 256, generator=r)
    layer.weight.data.normal_(generator=r)
    shares = torch.randn(512, 1, generator=r)
    assert torch.allclose(
        layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias), atol=1e-4
    )

    def slope(count: int) -> torch.Tensor:
        torch.set_num_threads(count)
        layer.zero_grad()
        (layer(x) * shares).sum().backward()
        assert layer.weight.grad is not None
        return layer.weight.grad.clone()

    before = torch.get_num_threads()
    try:
        assert torch.equal(slope(1), slope(2))
    finally:
        torch.set_num_threads(before)


@pytest.mark.long
def test_fits_in_two_threads_do_not_disturb_each_other() -> None:
    """No random stream is shared: each gives the rows that it gives alone."""
    table = datasets.load("penguins")

    def rows(seed: int) -> pd.DataFrame:
        model = Synthesizer("quick", seed=seed, epochs=2, width=32, rounds=1)
        return model.fit(table).sample(100)

    alone = [rows(seed) for seed in range(2)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(rows, range(2)))
    for one, other in zip(alone, together, strict=True):
        pd.testing.assert_frame_equal(one, other)
