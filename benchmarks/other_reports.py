"""What reports of others notice of the faults that `trust.py` plants.

    python benchmarks/other_reports.py sdmetrics     # pip install sdmetrics
    python benchmarks/other_reports.py mostlyai      # pip install mostlyai-qa

Each runs in an environment of its own, without synthtab. Such reports are figures and have
no verdicts. So real rows are scored against real rows first, for several seeds; a fault
counts as noticed if any figure of a report is worse than in all of these.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from faults import NO_FAULTS
from trust import FAULTS, case, tables

Frame = pd.DataFrame
# Name -> figure; the higher the better.
Figures = dict[str, float]
BASELINE_SEEDS = 5


def sdmetrics(train: Frame, rows: Frame, holdout: Frame | None) -> Figures:
    """DiagnosticReport and QualityReport, their totals and properties."""
    from sdmetrics.reports.single_table import DiagnosticReport, QualityReport

    columns: dict[str, Any] = {}
    for name in train.columns:
        kind = "categorical"
        if name == "email":
            kind = "id"
        elif pd.api.types.is_numeric_dtype(train[name]):
            kind = "numerical"
        elif pd.api.types.is_datetime64_any_dtype(train[name]):
            kind = "datetime"
        columns[name] = {"sdtype": kind}
    metadata: dict[str, Any] = {"columns": columns}
    if "email" in columns:
        metadata["primary_key"] = "email"
    figures = {}
    for report in (DiagnosticReport(), QualityReport()):
        report.generate(train, rows, metadata, verbose=False)
        figures[type(report).__name__] = report.get_score()
        for line in report.get_properties().itertuples(index=False):
            figures[str(line.Property)] = line.Score
    return figures


def mostlyai(train: Frame, rows: Frame, holdout: Frame | None) -> Figures:
    """Accuracies, similarities and distances of the report."""
    from mostlyai import qa

    with tempfile.TemporaryDirectory() as folder:
        _, metrics = qa.report(
            syn_tgt_data=rows,
            trn_tgt_data=train,
            hol_tgt_data=holdout,
            report_path=Path(folder) / "report.html",
        )
    figures = {}
    for part in ("accuracy", "similarity", "distances"):
        for name, value in getattr(metrics, part) or {}:
            if value is not None and not name.endswith("_max"):
                figures[name] = float(value)
    # Of these, less is better: copies, and being told apart or nearer.
    for name in list(figures):
        if name.startswith(("ims", "discriminator")):
            figures[name] = -figures[name]
        if name == "dcr_share":
            figures[name] = -abs(figures[name] - 0.5)
    return figures


def cases(
    table: Frame, fault: Any, seed: int
) -> tuple[Frame, Frame, Frame | None] | None:
    """Training rows, rows with a fault, and the holdout."""
    planted = case(table, fault, seed)
    if planted is None:
        return None
    train, holdout = planted.train, planted.holdout
    if holdout is not None:
        holdout = holdout[train.columns]
    spoilt = planted.spoilt[train.columns]
    if "seen" in spoilt:
        spoilt = spoilt.assign(seen=pd.to_datetime(spoilt["seen"]))
    return train, spoilt, holdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=["sdmetrics", "mostlyai"])
    parser.add_argument("--tables", nargs="*", default=["flights"])
    options = parser.parse_args()
    tool: Callable[..., Figures] = globals()[options.tool]
    noticed, count = 0, 0
    for name in options.tables:
        table = tables(None)[name]()
        clean = [
            tool(*cases(table, NO_FAULTS[0], seed)) for seed in range(BASELINE_SEEDS)
        ]
        worst = {key: min(c[key] for c in clean if key in c) for key in clean[0]}
        for fault in FAULTS:
            found = cases(table, fault, 0)
            if found is None:
                continue
            count += 1
            try:
                figures = tool(*found)
            except Exception as error:
                print(f"{name:<10} {fault.name:<32} ends with {type(error).__name__}")
                continue
            worse = [
                k for k, v in figures.items() if k in worst and v < worst[k] - 1e-9
            ]
            noticed += bool(worse)
            print(f"{name:<10} {fault.name:<32} {', '.join(worse) or '-'}", flush=True)
    print(f"{options.tool}: {noticed} of {count} faults noticed")


if __name__ == "__main__":
    main()
