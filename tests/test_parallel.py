"""`ahead`: as `map`, on several cores; and the products and draws that sampling is made of."""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.nn import functional as F

from synthtab.model.layers import FEW_LOGITS, choose
from synthtab.runtime import compute, machine
from synthtab.runtime.compute import fast_products, product
from synthtab.runtime.machine import ahead


@pytest.fixture(params=[1, 2, 5])
def cores(request, monkeypatch):
    """So many cores."""
    monkeypatch.setattr(machine, "cores", lambda: request.param)
    return request.param


@pytest.mark.parametrize("hurry", [True, False])
def test_in_order(cores, hurry):
    """The slowest first item does not change the order."""
    slow = ahead(lambda i: time.sleep(0.02 / (1 + i)) or i * i, range(12), hurry)
    assert list(slow) == [i * i for i in range(12)]


@pytest.mark.parametrize(("hurry", "begun"), [(True, None), (False, 1)])
def test_no_further_than_asked(cores, hurry, begun):
    """Items may be endless: as many are begun as there are cores, and one; without hurry, only the first at first."""
    seen = []
    items = ahead(lambda i: seen.append(i) or i, itertools.count(), hurry)
    assert next(items) == 0
    assert len(seen) <= (begun or cores + 1)
    assert [next(items) for _ in range(3)] == [1, 2, 3]
    items.close()
    assert len(seen) <= 4 + cores + 1
    assert not [t for t in threading.enumerate() if t.name.startswith("synthtab")], (
        "threads are left behind"
    )


def test_errors_come_through(cores):
    """At the place of the item that failed, after all before it."""
    items = ahead(lambda i: 1 / (3 - i), range(9))
    assert [next(items) for _ in range(3)] == [1 / 3, 1 / 2, 1]
    with pytest.raises(ZeroDivisionError):
        next(items)


def test_products_are_near_and_put_back():
    """bfloat16 has 8 bits: errors of about 2^-9 of the terms, which add up like random ones."""
    random = torch.Generator().manual_seed(0)
    x, weight, bias = (
        torch.randn(*shape, generator=random) for shape in ((64, 200), (30, 200), (30,))
    )
    exact = F.linear(x, weight, bias)
    assert torch.equal(product(x, weight, bias), exact), "fast though nobody asked"
    with fast_products(), fast_products():
        fast = product(x, weight, bias)
    assert torch.get_float32_matmul_precision() == "highest"
    assert float((fast - exact).abs().max()) < 6 * 2**-8 * 200**0.5
    assert fast.dtype == torch.float32


@pytest.mark.skipif(
    not torch.cpu._is_avx512_bf16_supported(), reason="this processor has no bfloat16"
)
def test_the_same_product_whether_or_not_bfloat16_is_faster(monkeypatch):
    """Some processors take twice as long for it; a seed gives the same rows there."""
    random = torch.Generator().manual_seed(0)
    x, weight = (
        torch.randn(*shape, generator=random) for shape in ((40, 300), (9, 300))
    )
    products = []
    for faster in (True, False):
        monkeypatch.setattr(
            compute,
            "product_seconds",
            lambda x, w, faster=faster: 1.0 + ((x.dtype == torch.float32) == faster),
        )
        compute.forget_trials()
        try:
            with fast_products():
                products.append(product(x, weight))
        finally:
            compute.forget_trials()
    # The order of a sum may turn a last bit of eight, here and there.
    assert (products[0] == products[1]).float().mean() > 0.99
    assert not torch.equal(products[0], F.linear(x, weight))


@pytest.mark.parametrize("width", [2, FEW_LOGITS - 1, FEW_LOGITS, 128])
def test_draws_follow_the_softmax(width):
    """Chi-square against the probabilities; what has none never comes, at either end."""
    random = torch.Generator().manual_seed(width)
    logits = torch.linspace(-2, 2, width)
    logits[[0, -1]] = -1e9 if width > 2 else torch.tensor([0.0, 1.0])
    drawn = choose(logits.expand(200_000, width), random)
    counts = np.bincount(drawn.numpy(), minlength=width)
    wanted = logits.softmax(0).double().numpy() * len(drawn)
    assert not counts[wanted == 0].any()
    assert (
        chisquare(
            counts[wanted > 0], wanted[wanted > 0] / wanted.sum() * len(drawn)
        ).pvalue
        > 1e-3
    )
