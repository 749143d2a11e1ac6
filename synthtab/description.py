"""What a fitted model holds, in words."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

import synthtab
from synthtab.config import TrainConfig
from synthtab.encoder import TableEncoder


def begun(config: TrainConfig, rows: int, held_out: int, digest: str, device: object, processes: int) -> dict[str, Any]:
    """The report of a fit that has not trained yet."""
    return {
        "rows": rows,
        "holdout_rows": held_out,
        "digest": digest,
        "device": str(device),
        "platform": platform.platform(),
        "versions": {"synthtab": synthtab.__version__, "torch": torch.__version__, "pandas": pd.__version__},
        **({"processes": processes} if processes > 1 else {}),
        "steps": 0,
        "seconds": 0.0,
        "stopped": "nothing to learn",
        "best": None,
        "history": [],
        "warnings": [],
        "passes": config.passes or 1,
    }


def facts(
    encoder: TableEncoder, report: Mapping[str, Any], config: TrainConfig, preset: str, target: str | None, seed: int,
    weights: int, pool: int,
) -> list[tuple[str, str]]:  # fmt: skip
    """Headings and sentences; ``weights`` is how many the generator has, ``pool`` the rows made for each one kept."""
    kinds = pd.Series([c.kind for c in encoder.schema.columns]).value_counts()
    best = report.get("best")
    changed = {k: v for k, v in config.to_json().items() if v != getattr(TrainConfig(), k)}
    kept = f"; of {pool} rows made, trees keep 1" if pool > 1 else ""
    texts = [
        ("learnt from", f"{report['rows']:,} rows, {report['holdout_rows']:,} of them held out of training"),
        ("columns", f"{len(encoder.schema.columns)}: " + ", ".join(f"{n} {k}" for k, n in kinds.items())),
        ("target", target or "none"),
        ("training", f"{report['steps']:,} steps in {report['seconds']:.0f} s on {report['device']}; "
                     f"stopped: {report['stopped']}"),
        ("held-out score", "none" if best is None else f"{best:.3f} (1 is best)"),
        ("sampling", f"{report['passes']} pass{'es' * (report['passes'] > 1)} unless told otherwise{kept}"),
        *([("links", "; ".join(encoder.links))] if encoder.links else []),
        *(("held by every row", str(step.form)) for step in encoder.enforced.steps),
        ("preset", preset + (f" ({', '.join(f'{k}={v}' for k, v in changed.items())})" if changed else "")),
        ("seed", str(seed)),
        ("generator", f"{weights:,} weights; a row is {len(encoder.layout.blocks)} codes and "
                      f"{len(encoder.layout.continuous)} offsets"),
        ("versions", ", ".join(f"{k} {v}" for k, v in report["versions"].items())),
        ("not stored", f"training rows; {encoder.withheld}"),
    ]  # fmt: skip
    return [*texts, *(("warning", w) for w in report["warnings"])]
