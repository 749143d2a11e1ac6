"""What comes after training, decided by held-out rows: how many passes, which columns together, which rows to keep."""

from __future__ import annotations

from typing import Any

import numpy as np

from synthtab.core.config import TrainConfig
from synthtab.core.layout import Encoded
from synthtab.core.progress import Observer, Progress
from synthtab.core.randomness import Streams
from synthtab.model.held_out import Quality, quality
from synthtab.sampling.grouping import grouped, to_names
from synthtab.sampling.refinement import Refinement, learn
from synthtab.sampling.requests import Requests
from synthtab.sampling.sampler import BLOCK


def finish(
    requests: Requests,
    training: Encoded,
    held_out: Encoded,
    config: TrainConfig,
    streams: Streams,
    observe: Observer,
) -> dict[str, Any]:
    """Choose passes, plans and refinement of ``requests`` in place; what was found comes back, for the report."""
    report: dict[str, Any] = {}
    requests.passes = _choose_passes(
        requests, held_out, config, streams, observe, report
    )
    if not config.passes and requests.passes > 1 and len(held_out):
        assert requests.generator is not None, "nothing to learn, report this"
        requests.learnt = to_names(
            held_out.layout, grouped(requests.generator, held_out, requests.device)
        )
        requests.passes = max(len(plan) for plan in requests.learnt)
        report["plans"] = requests.learnt
    report["passes"] = requests.passes
    if config.rounds or config.rake:
        requests.refinement = _refine(
            requests, training, held_out, config, streams, observe, report
        )
    return report


def _choose_passes(
    requests: Requests,
    held_out: Encoded,
    config: TrainConfig,
    streams: Streams,
    observe: Observer,
    report: dict[str, Any],
) -> int:
    """One per column; but one pass, if the held-out rows show that it is better."""
    generator = requests.generator
    assert generator is not None, "nothing to learn, report this"
    one = [1] if generator.plain else []
    many = [generator.most_passes] if generator.completing else []
    if config.passes or not (one and many and len(held_out)):
        return config.passes or max([1, *many])
    observe(Progress("choose passes"))
    scores = {
        passes: _judge(requests, held_out, passes, None, streams).score
        for passes in one + many
    }
    report["passes_scores"] = {str(k): v for k, v in scores.items()}
    chosen = one[0] if scores[one[0]] > scores[many[0]] + _margin(held_out) else many[0]
    report["best"] = scores[chosen]
    return chosen


def _refine(
    requests: Requests,
    training: Encoded,
    held_out: Encoded,
    config: TrainConfig,
    streams: Streams,
    observe: Observer,
    report: dict[str, Any],
) -> Refinement | None:
    """Learn which rows to keep; but not if the held-out rows know better."""

    def draw(n: int, streams: Streams) -> Encoded:
        parts = list(requests.encoded(n, requests.passes, streams, None))
        codes, offsets = (
            np.concatenate([getattr(p, name) for p in parts])
            for name in ("codes", "offsets")
        )
        return Encoded(codes, offsets, training.layout)

    observe(Progress("tree critic", 0.0))
    found = learn(
        training,
        config.rounds,
        config.rake,
        draw,
        Streams(streams.integer("refine")),
        lambda done: observe(Progress("tree critic", done)),
    )
    if len(held_out):
        before, after = (
            _judge(requests, held_out, requests.passes, r, streams)
            for r in (None, found)
        )
        report["refined"] = {
            "before": before.score,
            "after": after.score,
            "pool": found.pool,
        }
        if after.score < before.score - _margin(held_out):
            return None
        report["best"] = after.score
    return found


def _judge(
    requests: Requests,
    held_out: Encoded,
    passes: int,
    refinement: Refinement | None,
    streams: Streams,
) -> Quality:
    own = Streams(streams.integer("judge", passes))
    return quality(
        held_out, next(requests.encoded(BLOCK, passes, own, refinement)), streams
    )


def _margin(held_out: Encoded) -> float:
    """Two standard errors of the AUC of a detector that is as good as chance, thus of the held-out score."""
    return 0.82 / len(held_out) ** 0.5
