"""A new loss and a new command are one file and one line: here is the whole of each.

A metric with its picture is in test_evaluation_html.py, a column kind in
test_one_file_one_line_kind.py, a form of constraint in test_one_file_one_line_form.py.
CONTRIBUTING.md quotes these tests.
"""

from __future__ import annotations

import math
from typing import Annotated

import pytest
import typer
from torch import Tensor

from synthtab import Synthesizer, datasets
from synthtab.model.gan import Critic
from synthtab.model.losses import ADVERSARIAL, Minimax, Terms
from synthtab_cli import main

TINY = dict(width=32, noise=16, batch=60, rounds=0, epochs=12)


class LeastSquares(Minimax):
    """min_D E (D(x) - 1)^2 + E D(G)^2, min_G E (D(G) - 1)^2 (arXiv 1611.04076)."""

    def critic_terms(
        self, critic: Critic, real: Tensor, fake: Tensor, step: int
    ) -> Terms:
        of_real = (critic(real) - 1).square().mean()
        of_fake = critic(fake).square().mean()
        return {"critic": of_real + of_fake}

    def generator_terms(self, critic: Critic, real: Tensor, fake: Tensor) -> Terms:
        return {"adversarial": (critic(fake) - 1).square().mean()}


@pytest.mark.long
def test_a_loss(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setitem(ADVERSARIAL, "least-squares", LeastSquares)
    table = datasets.load("penguins")
    model = Synthesizer(loss="least-squares", adversarial_every=1, **TINY).fit(table)
    assert {"critic", "adversarial"} <= set(model.report_["losses"])
    assert all(map(math.isfinite, model.report_["losses"].values()))

    model.save(tmp_path / "penguins.synthtab")
    loaded = Synthesizer.load(tmp_path / "penguins.synthtab")
    assert loaded.config.loss == "least-squares"
    assert loaded.sample(20).equals(model.sample(20))


def count(
    data: Annotated[str, typer.Argument(help="Table.")],
    header: Annotated[bool, typer.Option(help="Count the header too.")] = False,
) -> None:
    """Say how many rows a table has."""
    with open(data, encoding="utf-8") as lines:
        typer.echo(sum(1 for _ in lines) - (not header))


def test_a_command(monkeypatch: pytest.MonkeyPatch, call) -> None:
    monkeypatch.setitem(main.COMMANDS, "count", count)
    flights = str(datasets.path("flights"))
    assert call("count", flights).out == "10000\n"
    assert call("count", flights, "--header").out == "10001\n"
    assert "Say how many rows a table has." in call("--help").out
    # Its errors are those of every command: one line, and status 2.
    absent = call("count", "absent.csv")
    assert absent.status == 2
    assert absent.err == "synthtab: error: absent.csv: No such file or directory\n"
