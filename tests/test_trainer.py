"""Training: it learns, it is reproducible, it survives illness and Ctrl-C, and it keeps the best checkpoint."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from synthtab.core.config import TrainConfig, configure
from synthtab.core.layout import Encoded, plans
from synthtab.core.progress import Progress, silent
from synthtab.core.randomness import Streams
from synthtab.model import held_out, losses, trainer
from synthtab.model.held_out import Binning, pair_error
from synthtab.model.losses import ADVERSARIAL
from synthtab.sampling.sampler import draw_rows, generate
from tests.model_tables import LAYOUT, table

TINY = dict(width=32, noise=16, batch=60, checks=2, work=1e-9)
CPU = torch.device("cpu")


def config(**more: object) -> TrainConfig:
    return configure("default", **{**TINY, **more})


def fit(seed: int = 0, observe: object = silent, **more: object) -> held_out.Trained:
    encoded = table(600)
    return trainer.train(
        encoded.take(slice(100, None)),
        encoded.take(slice(100)),
        config(**more),
        Streams(seed),
        CPU,
        observe,
        draw_rows,
    )  # type: ignore[arg-type]


bins = Binning(LAYOUT, CPU).cells


def rows_of(trained: held_out.Trained, n: int, passes: int = 1) -> Encoded:
    blocks = list(generate(trained.networks, n, plans(LAYOUT, passes), Streams(1), CPU))
    return Encoded(
        np.concatenate([b.codes for b in blocks]),
        np.concatenate([b.offsets for b in blocks]),
        LAYOUT,
    )


@pytest.mark.parametrize("loss", ADVERSARIAL)
@pytest.mark.parametrize(
    "how", [dict(), dict(condition="category", packing=3, network="concat", hard=False)]
)
def test_every_loss_trains_under_every_condition(loss: str, how: dict) -> None:
    trained = fit(loss=loss, epochs=1, **how)
    assert (
        trained.steps == 500 // 60
        and trained.stopped == "done"
        and not trained.warnings
    )
    assert all(np.isfinite(v) for v in trained.losses.values())


@pytest.mark.long
@pytest.mark.parametrize("off", ["adversarial", "cross_entropy", "density", "moments"])
def test_each_loss_can_be_switched_off(off: str) -> None:
    # losses are looked at every 50 steps, so take more than that
    assert off in fit(epochs=8).losses and off not in fit(epochs=8, **{off: 0.0}).losses


@pytest.mark.long
def test_one_seed_one_model_and_no_global_randomness() -> None:
    def global_state() -> tuple:
        return (
            torch.get_rng_state().tolist(),
            np.random.get_state()[1].tolist(),
            random.getstate(),
        )

    before = global_state()
    first, again, other = fit(epochs=3), fit(epochs=3), fit(seed=1, epochs=3)
    for recipe in (dict(condition="category", network="concat", packing=3),):
        one, two = fit(epochs=2, **recipe), fit(epochs=2, **recipe)
        assert all(
            torch.equal(a, b)
            for a, b in zip(
                one.networks.parameters(), two.networks.parameters(), strict=True
            )
        )
    rows_of(first, 10)
    assert global_state() == before
    pairs = list(
        zip(
            first.networks.parameters(),
            again.networks.parameters(),
            other.networks.parameters(),
            strict=True,
        )
    )
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert not all(torch.equal(a, c) for a, _, c in pairs)


@pytest.mark.long
def test_it_learns_the_joint_distribution() -> None:
    """Two-way tables, against those of independent columns (0.215; fresh rows have 0.055, the sampling error)."""
    encoded = table(3000)
    trained = trainer.train(
        encoded.take(slice(500, None)),
        encoded.take(slice(500)),
        config(batch=200, epochs=60, width=64, adversarial_every=3),
        Streams(0),
        CPU,
        silent,
        draw_rows,
    )
    real = bins(table(3000, seed=5))
    shuffled = np.stack(
        [c[np.random.default_rng(i).permutation(3000)] for i, c in enumerate(real.T)], 1
    )
    independent = pair_error(real, shuffled)
    assert pair_error(real, bins(rows_of(trained, 3000, passes=1))) < 0.45 * independent
    assert pair_error(real, bins(rows_of(trained, 3000, passes=5))) < 0.6 * independent


@pytest.mark.long
def test_a_non_finite_loss_rolls_back_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = losses.cross_entropy
    calls = iter(range(10**6))

    def broken(*arguments: object) -> torch.Tensor:
        return honest(*arguments) * (float("nan") if 60 <= next(calls) < 90 else 1.0)  # type: ignore[arg-type]

    monkeypatch.setattr(losses, "cross_entropy", broken)
    trained = fit(epochs=30)
    assert len(trained.warnings) == 1 and "not finite" in trained.warnings[0]
    assert all(torch.isfinite(p).all() for p in trained.networks.parameters())


@pytest.mark.long
def test_a_fit_that_only_diverges_stops_with_finite_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        losses,
        "cross_entropy",
        lambda *_: torch.tensor(float("nan"), requires_grad=True),
    )
    trained = fit(epochs=100)
    assert trained.stopped == "diverged"
    assert all(torch.isfinite(p).all() for p in trained.networks.parameters())


def test_ctrl_c_leaves_a_usable_model() -> None:
    def press(progress: Progress) -> None:
        if progress.fraction and progress.fraction > 0.5:
            raise KeyboardInterrupt

    trained = fit(epochs=40, observe=press, checks=4)
    assert trained.stopped == "interrupted" and trained.best is not None
    assert len(rows_of(trained, 5)) == 5


def test_the_clock_stops_a_fit() -> None:
    trained = fit(time=0.5)
    assert (
        trained.stopped == "time"
        and 0.4 < trained.seconds < 20
        and trained.best is not None
    )


@pytest.mark.long
def test_no_more_progress_stops_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    # every check finds the same, so that none is better than the first
    frozen = held_out.quality(table(60), table(60, seed=1), Streams(0))
    monkeypatch.setattr(held_out, "quality", lambda *_: frozen)
    monkeypatch.setattr(held_out, "held_out_likelihood", lambda *_: -1.0)
    trained = fit(epochs=200, checks=40, patience=3)
    assert trained.stopped == "no more progress" and len(trained.history) == 4


def test_the_best_checkpoint_of_each_network_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aucs, likelihoods = iter([0.9, 0.5, 0.8, 0.7]), iter([-4.0, -3.0, -1.0, -2.0])
    monkeypatch.setattr(
        held_out, "quality", lambda *_: held_out.Quality(next(aucs), 0.0, 1.0, 0.0)
    )
    monkeypatch.setattr(held_out, "held_out_likelihood", lambda *_: next(likelihoods))
    monkeypatch.setattr(held_out, "ASK_EVERY", 10**6)
    kept: list[dict[str, torch.Tensor]] = []
    original = held_out.Monitor._check

    def check(self: held_out.Monitor) -> None:
        kept.append(
            {
                name: p.detach().clone()
                for name, p in self.trainer.averaged().named_parameters()
            }
        )
        original(self)

    monkeypatch.setattr(held_out.Monitor, "_check", check)
    trained = fit(epochs=12, checks=4)
    assert trained.best is trained.history[1] and trained.history[2].likelihood == -1
    for name, parameter in trained.networks.named_parameters():
        assert torch.equal(
            parameter, kept[1 if name.startswith("generator.") else 2][name]
        )


@pytest.mark.long
def test_what_no_longer_helps_held_out_rows_settles_from_its_best_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asked every 10 steps: best at 30, no better by 50, over after 20 more; the game goes on to the end."""
    values = iter([-3.0, -2.0, -1.0, *[-2.0] * 100])
    monkeypatch.setattr(held_out, "held_out_likelihood", lambda *_: next(values))
    for name, value in (("ASK_EVERY", 10), ("WAIT_STEPS", 20)):
        monkeypatch.setattr(held_out, name, value)
    settled: list[tuple[int, int, bool]] = []
    learnt: list[int] = []
    settle, terms = trainer.Trainer.settle, trainer.Trainer._completion_terms

    def see(
        self: trainer.Trainer, weights: dict[str, torch.Tensor], steps: int
    ) -> None:
        settle(self, weights, steps)
        assert (
            self.networks.completer is not None and self.average.completer is not None
        )
        pairs = zip(
            self.networks.completer.parameters(),
            self.average.completer.parameters(),
            strict=True,
        )
        settled.append((self.step, steps, all(torch.equal(a, b) for a, b in pairs)))

    def count(self: trainer.Trainer) -> losses.Terms:
        learnt.append(self.step)
        return terms(self)

    monkeypatch.setattr(trainer.Trainer, "settle", see)
    monkeypatch.setattr(trainer.Trainer, "_completion_terms", count)
    trained = fit(epochs=20, checks=2)
    assert (
        settled == [(50, 20, True)]
        and learnt == list(range(70))
        and trained.steps > 100
    )
    alone = fit(epochs=20, checks=2, adversarial=0, moments=0)
    # best at 10, settles from 30 to 50, and there is no game to go on with
    assert (alone.stopped, alone.steps) == ("no more progress", 51)


@pytest.mark.long
def test_progress_tells_time_left_and_scores() -> None:
    seen: list[Progress] = []
    fit(epochs=30, observe=seen.append, checks=3)
    assert {p.phase for p in seen} == {"train"}
    shares = [p.fraction for p in seen if p.fraction is not None]
    assert shares == sorted(shares) and seen[-1].best is not None


def test_training_without_held_out_rows_keeps_the_last_weights() -> None:
    encoded = table(200)
    trained = trainer.train(
        encoded,
        encoded.take(slice(0)),
        config(epochs=2),
        Streams(0),
        CPU,
        silent,
        draw_rows,
    )
    assert trained.best is None and not trained.history


def test_work_pays_for_fewer_steps_of_a_wider_net() -> None:
    small, wide = (trainer.step_flops(LAYOUT, config(width=w)) for w in (64, 256))
    assert wide > 4 * small
    assert trainer.total_steps(table(500), config(epochs=6)) == 50
