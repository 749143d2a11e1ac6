"""What a fit was, and what the model holds in words."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

import synthtab
from synthtab.core.config import TrainConfig
from synthtab.data.encoder import TableEncoder
from synthtab.data.sources import Source
from synthtab.model.networks import Networks
from synthtab.sampling.tree_critic import TreeCritic


def begun(
    source: Source,
    held_out: int,
    digest: str,
    config: TrainConfig,
    device: object,
    processes: int,
) -> dict[str, Any]:
    """The report of a fit that has not trained yet."""
    return {
        "rows": source.rows,
        **({"total": source.total} if source.total else {}),
        **({"sample": len(source.sample)} if source.path else {}),
        "holdout_rows": held_out,
        "digest": digest,
        "device": str(device),
        "platform": platform.platform(),
        "versions": {
            "synthtab": synthtab.__version__,
            "torch": torch.__version__,
            "pandas": pd.__version__,
        },
        **({"processes": processes} if processes > 1 else {}),
        "steps": 0,
        "seconds": 0.0,
        "stopped": "nothing to learn",
        "best": None,
        "history": [],
        "warnings": [],
        "passes": config.passes or 1,
    }


def told(
    encoder: TableEncoder,
    networks: Networks | None,
    critic: TreeCritic | None,
    ran: Mapping[str, Any],
) -> list[tuple[str, str]]:
    """Headings and sentences; ``ran`` is the report of the fit, with its target, preset, seed and config."""
    weights = sum(p.numel() for p in networks.parameters()) if networks else 0
    kinds = pd.Series([c.kind for c in encoder.schema.columns]).value_counts()
    best = ran.get("best")
    changed = {k: v for k, v in ran["config"].items() if v != getattr(TrainConfig(), k)}
    pool = critic.pool if critic else 1
    kept = f"; trees keep 1 of {pool:g} rows made" if pool > 1 else ""
    drawn = f" drawn of {ran['total']:,}" if ran.get("total") else ""
    sample = (
        f"; columns from {ran['sample']:,} random rows" if ran.get("sample") else ""
    )
    texts = [
        (
            "learnt from",
            f"{ran['rows']:,} rows{drawn}, {ran['holdout_rows']:,} of them held out of training{sample}",
        ),
        (
            "columns",
            f"{len(encoder.schema.columns)}: "
            + ", ".join(f"{n} {k}" for k, n in kinds.items()),
        ),
        ("target", ran["target"] or "none"),
        (
            "training",
            f"{ran['steps']:,} steps in {ran['seconds']:.0f} s on {ran['device']}; stopped: {ran['stopped']}",
        ),
        ("held-out score", "none" if best is None else f"{best:.3f} (1 is best)"),
        (
            "sampling",
            f"{ran['passes']} pass{'es' * (ran['passes'] > 1)} unless told otherwise{kept}",
        ),
        *([("links", "; ".join(encoder.links))] if encoder.links else []),
        *([("crosses", "; ".join(encoder.crosses))] if encoder.crosses else []),
        *(("held by every row", str(step.form)) for step in encoder.enforced.steps),
        (
            "preset",
            ran["preset"]
            + (
                f" ({', '.join(f'{k}={v}' for k, v in changed.items())})"
                if changed
                else ""
            ),
        ),
        ("seed", str(ran["seed"])),
        (
            "generator",
            f"{weights:,} weights; a row is {len(encoder.layout.blocks)} codes and "
            f"{len(encoder.layout.continuous)} offsets",
        ),
        ("versions", ", ".join(f"{k} {v}" for k, v in ran["versions"].items())),
        ("not stored", f"training rows; {encoder.withheld}"),
    ]
    return [*texts, *(("warning", w) for w in ran["warnings"])]
