"""Columns that are independent are drawn together, those that are not stay apart."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from synthtab.core.config import configure
from synthtab.core.layout import (
    ORDERS,
    Block,
    Encoded,
    Layout,
    from_names,
    plans,
    to_names,
)
from synthtab.core.progress import silent
from synthtab.core.randomness import Streams
from synthtab.model import trainer
from synthtab.model.networks import Networks
from synthtab.sampling.recipe import joined_plans
from synthtab.sampling.sampler import Pass, draw_rows

CPU = torch.device("cpu")
LINE = tuple(np.linspace(-1.7, 1.7, 33).tolist())
LAYOUT = Layout(
    (*(Block(c, atoms=4) for c in "abcd"), Block("x", modes=1, curves=(LINE,)))
)


def rows(n: int, seed: int) -> Encoded:
    """b copies a, and x is near a; c and d are noise."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, 5))
    codes[:, 1], codes[:, 4] = codes[:, 0], 0
    x = (codes[:, 0] + rng.random(n)) / 4
    return Encoded(codes.astype(np.int16), x[:, None].astype(np.float32), LAYOUT)


@pytest.mark.long
def test_what_is_independent_is_drawn_together() -> None:
    config = configure(
        "default", adversarial=0, moments=0, width=32, depth=1, batch=256, epochs=40
    )
    trained = trainer.train(
        rows(4000, 0),
        rows(1000, 1),
        config,
        Streams(0),
        CPU,
        silent,
        draw_rows,
    )
    found = joined_plans(trained.networks, rows(1000, 1))
    assert len(found) == ORDERS
    for one, plan in zip(plans(LAYOUT, 5), found, strict=True):
        assert sum(plan, ()) == sum(one, ()), "the order stays"
        assert 2 <= len(plan) < 5, "noise joins whatever it stands beside"
        first = next(part for part in plan if {0, 1, 4} & set(part))
        assert len({0, 1, 4} & set(first)) == 1, (
            "of a, b and x any one says nearly all about the others"
        )
    named = json.loads(json.dumps(to_names(LAYOUT, found)))
    assert from_names(LAYOUT, named) == found and {
        n for part in named[0] for n in part
    } == set("abcdx")


def test_independent_columns_still_take_two_passes() -> None:
    networks = Networks(LAYOUT, configure("default", width=8, depth=1)).eval()
    with torch.no_grad():
        networks.completer.head.weight.zero_()  # type: ignore[union-attr]
    assert {len(plan) for plan in joined_plans(networks, rows(100, 0))} == {2}


def test_a_pass_knows_the_likelihood_that_the_whole_network_knows() -> None:
    networks = Networks(LAYOUT, configure("default", width=16, depth=1)).eval()
    completer = networks.completer
    assert completer is not None
    table = rows(50, 3)
    codes, offsets = torch.as_tensor(table.codes).long(), torch.as_tensor(table.offsets)
    mask = torch.tensor([True, False, False, True, False]).expand(50, -1)
    slots, one = completer.slots, Pass(completer, (1, 4))
    with torch.inference_mode():
        logits, mixtures = completer(codes, offsets, mask)
        logs = (
            slots.log_softmax(logits).gather(1, codes + slots.starts)[:, [1, 4]].sum(1)
        )
        mode, inside = slots.modes(codes)
        expected = logs + (mixtures.log_density(offsets, mode) * inside).sum(1)
        first = completer.first(codes, offsets, mask)
        seen = codes[:, one.blocks], offsets[:, one.columns]
        found = one.log_likelihood(one.outputs(first, len(codes)), *seen)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_plans_of_older_models_name_columns_whole() -> None:
    layout = Layout(
        (Block("a", "digit 0", 4), Block("a", "digit 1", 4), Block("b", atoms=2))
    )
    assert from_names(layout, [[["a"], ["b"]]]) == (((0, 1), (2,)),)
    assert to_names(layout, (((0,), (1, 2)),)) == [[["a digit 0"], ["a digit 1", "b"]]]
