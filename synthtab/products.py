"""Matrix products in bfloat16, where the processor has them."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_turn, _inside, _before = threading.Lock(), 0, "highest"


@contextmanager
def fast_products() -> Iterator[None]:
    """Matrix products in bfloat16 with float32 sums, where the processor has them; twice as fast on a CPU.
    The setting is torch's and global, so the last thread to leave puts it back.
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
    """`torch.nn.functional.linear`; within `fast_products` the operands are made bfloat16 first, where the processor
    takes such, which is twice as fast again. The bias is added in float32.
    """
    if torch.get_float32_matmul_precision() != "medium" or not _takes_bfloat16(x.device.type):
        return F.linear(x, weight, bias)
    out = F.linear(x.bfloat16(), weight.bfloat16()).float()
    return out if bias is None else out.add_(bias)


@functools.cache
def _takes_bfloat16(device: str) -> bool:
    if device == "cpu":
        return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())
    return device == "cuda" and torch.cuda.is_bf16_supported()


class Linear(nn.Linear):
    """A layer whose product is a `product`."""

    def forward(self, x: Tensor) -> Tensor:
        return product(x, self.weight, self.bias)
