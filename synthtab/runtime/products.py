"""Matrix products in bfloat16, where they are faster."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Sizes of a product of which both kinds are tried, and how often.
TRIAL, TRIALS = (512, 256, 256), 9
_turn, _inside, _before = threading.Lock(), 0, "highest"


@contextmanager
def fast_products() -> Iterator[None]:
    """Matrix products in bfloat16 with float32 sums, where they are faster. The setting is torch's and global, so the
    last thread to leave puts it back.
    """
    global _inside, _before
    with _turn:
        if not _inside:
            _before = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision("medium")
        _inside += 1
    try:
        yield
    finally:
        with _turn:
            _inside -= 1
            if not _inside:
                torch.set_float32_matmul_precision(_before)


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear`; within `fast_products` the operands are made bfloat16 first, where the device
    takes such and gains by it. The bias is added in float32.
    """
    if torch.get_float32_matmul_precision() != "medium" or not _takes_bfloat16(
        x.device.type
    ):
        return F.linear(x, weight, bias)
    out = F.linear(x.bfloat16(), weight.bfloat16()).float()
    return out if bias is None else out.add_(bias)


@functools.cache
def _takes_bfloat16(device: str) -> bool:
    """Whether products of bfloat16 operands are faster. Processors with the instructions differ: an EPYC takes a
    quarter of the time for them, a Xeon without tiles (AMX) nearly twice as long (docs/lab.md); so they are tried, the
    two in turn.
    """
    if device != "cpu":
        return device == "cuda" and torch.cuda.is_bf16_supported()
    if not getattr(torch.cpu, "_is_avx512_bf16_supported", bool)():
        return False
    rows, inputs, outputs = TRIAL
    single = torch.ones(rows, inputs), torch.ones(outputs, inputs)
    double = tuple(x.bfloat16() for x in single)
    with torch.inference_mode():
        tried = [[_seconds(x, w) for x, w in (single, double)] for _ in range(TRIALS)]
    return min(t[1] for t in tried) < min(t[0] for t in tried)


def _seconds(x: Tensor, weight: Tensor) -> float:
    """What a product takes."""
    start = time.perf_counter()
    F.linear(x, weight)
    return time.perf_counter() - start


class Linear(nn.Linear):
    """A layer whose product is a `product`."""

    def forward(self, x: Tensor) -> Tensor:
        return product(x, self.weight, self.bias)
