"""Write the tables of README.md from results/*.jsonl and published.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import log
from pathlib import Path
from statistics import linear_regression, mean
from typing import Any

DATASETS = ("adult", "default", "shoppers", "magic", "beijing", "news")
FORMATS = {
    "shape": ("Shape", ".2f"),
    "trend": ("Trend", ".2f"),
    "auc": ("AUC", ".3f"),
    "detection": ("detection", ".2f"),
    "detection_xgboost": ("detection, XGBoost", ".2f"),
    "utility": ("utility", ".3f"),
    "threads": ("cores", ".0f"),
    "fit_seconds": ("fit s", ".0f"),
    "sample_seconds": ("sample s", ".1f"),
    "peak_mb": ("peak MB", ".0f"),
}
COPYING = {
    "nearer": ("nearer", ".3f"),
    "copies": ("copies", ".2%"),
    "trend_train": ("Trend, train", ".2f"),
    "trend_test": ("Trend, test", ".2f"),
    "auc_train": ("AUC, train", ".3f"),
    "auc_test": ("AUC, test", ".3f"),
    "membership_distance": ("membership, distance", ".3f"),
    "membership_density": ("membership, density", ".3f"),
}
TIMES = ("fit_seconds", "sample_seconds")
ABLATION = {
    key: FORMATS[key]
    for key in ("shape", "trend", "auc", "detection", "utility", "sample_seconds")
}
Columns = Mapping[str, tuple[str, str]]


def keep(record: Mapping[str, Any], path: Path) -> None:
    """Print a record and append it to a results file."""
    print(json.dumps(record), flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")


def write(folder: Path) -> None:
    """Replace what stands between the markers of README.md."""
    readme = folder / "README.md"
    text = readme.read_text()
    parts = {
        "fidelity": fidelity,
        "labels": labels,
        "ablation": ablation,
        "conditions": conditions,
        "imputation": imputation,
        "augmentation": augmentation,
        "evaluation": evaluation,
        "speed": speed,
        "gpu": gpu,
        "memory": memory,
        "growth": growth,
    }
    for name, lines in ((name, part(folder)) for name, part in parts.items()):
        start, end = f"<!-- {name}: generated, do not edit -->", f"<!-- {name}: end -->"
        assert start in text, f"README.md lacks the marker {start}"
        assert end in text, f"README.md lacks the marker {end}"
        before, rest = text.split(start, 1)
        text = (
            before
            + start
            + "\n"
            + "\n".join(lines)
            + "\n"
            + end
            + rest.split(end, 1)[1]
        )
    readme.write_text(text)


def fidelity(folder: Path) -> list[str]:
    """Two tables per dataset: how good the rows are, and whether by copying.

    Lines are the floor, this project, other projects run here, and published figures.
    """
    published = json.loads((folder / "published.json").read_text())
    lines: list[str] = []
    for dataset in DATASETS:
        records = _newest(folder / "results" / f"{dataset}.jsonl")
        if not records:
            continue
        labels = sorted({r["label"] for r in records})
        # This project first; sorting again keeps the alphabet among the others.
        labels.sort(key=lambda label: not label.startswith("synthtab"))
        runs = {label: [r for r in records if r["label"] == label] for label in labels}
        lines += ["", f"### {dataset.capitalize()}", "", *_head(FORMATS)]
        lines.append(_line(_floor(records, FORMATS)))
        lines += _lines_of_runs(runs, FORMATS)
        for name, row in published[dataset].items():
            lines.append(_line([f"{name}, published", *_cells(row, FORMATS)]))
        # Nobody publishes these.
        lines += ["", *_head(COPYING), _line(_floor(records, COPYING))]
        lines += _lines_of_runs(runs, COPYING)
    return lines


def _lines_of_runs(runs: Mapping[str, Any], formats: Mapping[str, Any]) -> list[str]:
    """A line for each label, of the means over its seeds."""
    lines = []
    for label, seeds in runs.items():
        cells = _cells(_average(seeds), formats)
        lines.append(_line([_name(label, seeds), *cells]))
    return lines


def labels(folder: Path) -> list[str]:
    """What labels.py measured, beside this project, with the range of the seeds."""
    path = folder / "results" / "labels.jsonl"
    known = map(json.loads, path.read_text().splitlines() if path.is_file() else [])
    found = list({(r["dataset"], r["control"], r["seed"]): r for r in known}.values())
    lines: list[str] = []
    for dataset in DATASETS:
        mine = [
            [r for r in found if (r["dataset"], r["control"]) == (dataset, c)]
            for c in ("bootstrap", "redrawn")
        ]
        ours = [
            r
            for r in _newest(folder / "results" / f"{dataset}.jsonl")
            if r["label"] == "synthtab, default"
        ]
        if all(mine) and ours:
            cells = [
                _spread([r["utility_real"] - r["utility"] for r in runs])
                for runs in (*mine, ours)
            ]
            lines.append(
                _line(
                    [dataset.capitalize(), f"{mine[0][0]['utility_real']:.3f}", *cells]
                )
            )
    below = [
        "bootstrap of the real rows",
        "target redrawn by boosted trees",
        "synthtab, default",
    ]
    names = ["", "real rows", *(f"{name}: below that" for name in below)]
    return ["", _line(names), _line(["---"] + ["---:"] * 4), *lines] if lines else [""]


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.4f} ({min(values):.4f} to {max(values):.4f})"


def ablation(folder: Path) -> list[str]:
    """What ablation.py measured: a table per dataset.

    Its lines are in the order in which the variants ran first.
    """
    lines: list[str] = []
    records = _newest(folder / "results" / "ablation.jsonl", "dataset")
    for dataset in DATASETS:
        mine = [r for r in records if r["dataset"] == dataset]
        if mine:
            lines += [
                "",
                f"### {dataset.capitalize()}, {mine[-1]['time']} of training",
                "",
                *_head(ABLATION),
            ]
        for label in dict.fromkeys(r["label"] for r in mine):
            seeds = [r for r in mine if r["label"] == label]
            lines.append(
                _line([_name(label, seeds), *_cells(_average(seeds), ABLATION)])
            )
    return lines or [""]


def conditions(folder: Path) -> list[str]:
    """What conditions.py measured, the newest of each condition."""
    path = folder / "results" / "conditions.jsonl"
    lines = path.read_text().splitlines() if path.is_file() else []
    newest = {(r["dataset"], r["where"]): r for r in map(json.loads, lines)}
    found: list[str] = []
    for dataset in dict.fromkeys(r["dataset"] for r in newest.values()):
        names = [
            f"{dataset.capitalize()}: rows where",
            "share",
            "all meet it",
            "AUC",
            "AUC, thrown away",
            "time",
        ]
        found += ["", _line(names), _line(["---", *["---:"] * 5])]
        for r in newest.values():
            if r["dataset"] == dataset:
                figures = [
                    f"{r['share']:.1%}",
                    "yes" if r["exact"] else "no",
                    f"{r['auc']:.3f}",
                ]
                found.append(
                    _line(
                        [
                            r["where"],
                            *figures,
                            f"{r['auc_filtered']:.3f}",
                            f"{r['time']:.2f}x",
                        ]
                    )
                )
    return found or [""]


def imputation(folder: Path) -> list[str]:
    """What imputation.py measured: a table per dataset and share of hidden cells."""
    path = folder / "results" / "imputation.jsonl"
    lines = path.read_text().splitlines() if path.is_file() else []
    newest = {
        (r["dataset"], r["hidden"], r["label"]): r for r in map(json.loads, lines)
    }
    found: list[str] = []
    for dataset in dict.fromkeys(r["dataset"] for r in newest.values()):
        names = [
            f"{dataset.capitalize()}, hidden",
            "imputer",
            "error",
            "accuracy",
            "energy (floor)",
            "s",
        ]
        found += ["", _line(names), _line(["---:", "---", *["---:"] * 4])]
        mine = (r for r in newest.values() if r["dataset"] == dataset)
        for r in sorted(mine, key=lambda r: (r["hidden"], r["label"])):
            judged = [
                f"{r['error']:.3f}",
                f"{r['accuracy']:.3f}",
                f"{r['energy']:.1f} ({r['energy_floor']:.1f})",
            ]
            found.append(
                _line(
                    [f"{r['hidden']:.0%}", r["label"], *judged, f"{r['seconds']:.0f}"]
                )
            )
    return found or [""]


def augmentation(folder: Path) -> list[str]:
    """What augmentation.py measured: a table per dataset and size.

    The usual remedies come once, then each generator.
    """
    lines: list[str] = []
    records = _newest(folder / "results" / "augmentation.jsonl", "dataset", "size")
    # Size 0 is the whole table: the last one.
    cuts = sorted(
        {(r["dataset"], r["size"]) for r in records},
        key=lambda cut: (cut[0], cut[1] or 10**9),
    )
    for dataset, size in cuts:
        mine = [r for r in records if (r["dataset"], r["size"]) == (dataset, size)]
        first = mine[0]
        learners = list(dict.fromkeys(c["learner"] for c in first["comparisons"]))
        metric = first["metric"].replace("_", " ").replace("auc", "AUC")
        lines += ["", f"### {dataset.capitalize()}, {first['rows']:,} rows, {metric}"]
        lines += ["", _line(["", *learners])]
        lines.append(_line(["---", *["---:"] * len(learners)]))
        for record in mine:
            # One line for each arm, though it was compared for every learner.
            arms = dict.fromkeys((c["arm"], c["kind"]) for c in record["comparisons"])
            for arm, kind in arms:
                name = arm
                if kind == "synthetic":
                    name = f"{record['label']}: {arm}"
                elif record is not first:
                    # A usual remedy, which is the same beside any generator.
                    continue
                gains = [_gain(record, arm, kind, learner) for learner in learners]
                lines.append(_line([name, *gains]))
        lines.append("")
        lines += [_verdict(record) for record in mine]
    return lines or [""]


def _verdict(record: Mapping[str, Any]) -> str:
    """Whether the rows of a generator help, at the ratio that was asked for."""
    verdict = record["verdict"]
    # Records of version 0.1 are about the ratio that did best.
    asked = verdict.get("asked") or verdict["best"]
    low, high = asked["interval"]
    label = _name(record["label"], [record])
    return (
        f"- {label}: **{verdict['answer']}**; {asked['arm']}, {verdict['learner']}: "
        f"{asked['difference']:+.4f} ({low:+.4f} to {high:+.4f})"
    )


def _gain(record: Mapping[str, Any], arm: str, kind: str, learner: str) -> str:
    """The score of the real rows, or the difference from it with half its interval.

    A star stands where the interval does not reach 0.
    """
    for c in record["comparisons"]:
        is_arm = (c["arm"], c["learner"]) == (arm, learner)
        if not is_arm or c["metric"] != record["metric"] or c["difference"] is None:
            continue
        if kind == "real":
            return f"{c['score']:.4f}"
        # A single repeat has no interval.
        if c["low"] is None:
            return f"{c['difference']:+.4f}"
        half = (c["high"] - c["low"]) / 2
        is_clear = c["low"] > 0 or c["high"] < 0
        return f"{c['difference']:+.4f} ±{half:.4f}{'*' * is_clear}"
    return ""


def evaluation(folder: Path) -> list[str]:
    """What evaluation.py measured: a line per table and number of cores.

    It names the metrics that cost most.
    """
    records = _newest(
        folder / "results" / "evaluation.jsonl", "dataset", "rows", "columns", "threads"
    )
    if not records:
        return [""]
    names = (
        "table",
        "rows",
        "columns",
        "cores",
        "one by one, s",
        "`evaluate`, s",
        "peak MB",
        "of which",
    )
    lines = ["", _line(names), _line(["---", *["---:"] * 6, "---"])]
    for r in sorted(
        records,
        key=lambda r: (r["dataset"] == "made", r["dataset"], r["rows"], r["threads"]),
    ):
        costly = sorted(r["seconds"].items(), key=lambda item: -item[1])[:4]
        name = "made up" if r["dataset"] == "made" else r["dataset"].capitalize()
        lines.append(
            _line(
                [
                    name + (f" ({r['label']})" if r["label"] else ""),
                    f"{r['rows']:,}",
                    str(r["columns"]),
                    str(r["threads"]),
                    f"{r['one_by_one']:.0f}",
                    f"{r['evaluate']:.0f}",
                    f"{r['peak_mb']:,}",
                    ", ".join(f"{metric} {seconds:.1f}" for metric, seconds in costly),
                ]
            )
        )
    return lines


def speed(folder: Path) -> list[str]:
    """What speed.py measured, one line each."""
    newest: dict[str, dict[str, Any]] = {}
    path = folder / "results" / "speed.jsonl"
    for line in path.read_text().splitlines() if path.is_file() else []:
        record = json.loads(line)
        newest[record["what"]] = record
    rows = [
        _line((r["what"], f"{r['value']:g} {r['unit']}", r["how"]))
        for r in newest.values()
    ]
    return (
        ["", _line(("what", "figure", "how")), _line(("---", "---:", "---")), *rows]
        if rows
        else [""]
    )


def gpu(folder: Path) -> list[str]:
    """What gpu.py measured, a line for each figure and a column for each device."""
    path = folder / "results" / "gpu.jsonl"
    if not path.is_file():
        return ["", "Empty: since this benchmark was written, no GPU was at hand."]
    # Figure -> device -> the newest value; both in the order in which they were measured.
    figures: dict[tuple[str, str], dict[str, str]] = {}
    devices: list[str] = []
    for line in path.read_text().splitlines():
        record = json.loads(line)
        device = record["device"]
        if device not in devices:
            devices.append(device)
        of_figure = figures.setdefault((record["table"], record["what"]), {})
        of_figure[device] = f"{record['value']:,g} {record['unit']}"
    heading = ("table", "what", *devices)
    rule = ("---", "---", *["---:" for _ in devices])
    lines = ["", _line(heading), _line(rule)]
    for figure, values in figures.items():
        cells = [values.get(device, "") for device in devices]
        lines.append(_line((*figure, *cells)))
    return lines


def memory(folder: Path) -> list[str]:
    """What memory.py measured."""
    path = folder / "results" / "memory.jsonl"
    records = (
        [json.loads(line) for line in path.read_text().splitlines()]
        if path.is_file()
        else []
    )
    newest = {(r["part"], r["what"], r.get("how")): r for r in records}
    lines: list[str] = []
    if mine := [r for r in newest.values() if r["part"] == "expected"]:
        lines += [
            "",
            _line(("fit of", "expected, MB", "taken, MB")),
            _line(("---", "---:", "---:")),
        ]
        lines += [
            _line((r["what"], f"{r['expected']:,}", f"{r['taken']:,}")) for r in mine
        ]
    if mine := [r for r in newest.values() if r["part"] == "pieces"]:
        lines += [
            "",
            _line(("fit of a file", "read", "taken, MB")),
            _line(("---", "---", "---:")),
        ]
        lines += [_line((r["what"], r["how"], f"{r['taken']:,}")) for r in mine]
    if mine := [r for r in newest.values() if r["part"] == "sample"]:
        lines += [
            "",
            _line(("sample, one pass", "taken, MB", "s")),
            _line(("---", "---:", "---:")),
        ]
        lines += [
            _line((r["what"], f"{r['taken']:,}", f"{r['seconds']:g}")) for r in mine
        ]
    return lines or [""]


def growth_runs(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What growth.py measured: the newest record of each size, by what grew."""
    path = folder / "results" / "growth.jsonl"
    records = (
        [json.loads(line) for line in path.read_text().splitlines()]
        if path.is_file()
        else []
    )
    newest = {(r["axis"], r["size"]): r for r in records}
    return {
        axis: sorted(
            (r for r in newest.values() if r["axis"] == axis), key=lambda r: r["size"]
        )
        for axis in dict.fromkeys(r["axis"] for r in records)
    }


def growth(folder: Path) -> list[str]:
    """A line per size, and the exponents: slopes of the logarithms by least squares."""
    figures = ("encode_s", "step_ms", "sample_s", "memory_mb")
    lines: list[str] = []
    for axis, runs in growth_runs(folder).items():
        names = (
            axis,
            "table",
            "cores",
            "encode, s",
            "one step, ms",
            "sample, s",
            "memory, MB",
        )
        lines += ["", _line(names), _line(["---:"] * len(names))]
        for r in runs:
            size = f"{r['rows']:,} x {r['columns']}"
            lines.append(
                _line(
                    [
                        f"{r['size']:,}",
                        size,
                        str(r["threads"]),
                        *(f"{r[name]:,}" for name in figures),
                    ]
                )
            )
        slopes = [
            linear_regression(
                [log(r["size"]) for r in runs], [log(r[name]) for r in runs]
            ).slope
            for name in figures
        ]
        lines.append(
            _line(["*exponent*", "", "", *(f"{slope:.2f}" for slope in slopes)])
        )
    return lines or [""]


def _newest(path: Path, *keys: str) -> list[dict[str, Any]]:
    """The last record of every label and seed."""
    if not path.is_file():
        return []
    records = {
        (r["label"], r["seed"], *(r[k] for k in keys)): r
        for r in map(json.loads, path.read_text().splitlines())
    }
    return list(records.values())


def _head(columns: Columns) -> list[str]:
    names = ["", *(name for name, _ in columns.values())]
    return [_line(names), _line(["---", *["---:"] * (len(names) - 1)])]


def _floor(records: Sequence[Mapping[str, Any]], columns: Columns) -> list[str]:
    last = {key: value for record in records for key, value in record.items()}
    ideal = {
        "shape": last["shape_floor"],
        "trend": last["trend_floor"],
        "auc": 0.5,
        "detection": 1.0,
        "detection_xgboost": 1.0,
        "utility": last["utility_real"],
        "nearer": 0.5,
        "copies": last["copies_test"],
        "membership_distance": 0.5,
        "membership_density": 0.5,
    }
    reals = {"trend_test": "trend_real", "auc_test": "auc_real"}
    ideal |= {key: last[name] for key, name in reals.items() if name in last}
    return [
        f"*perfect sampler; real rows ({last['measure']})*",
        *_cells(ideal, columns),
    ]


def _average(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Means; times of runs beside other jobs (``--shared``) do not count."""

    def counts(record: Mapping[str, Any], key: str) -> bool:
        return record.get(key) is not None and not (
            record.get("shared") and key in TIMES
        )

    values = {
        key: [float(r[key]) for r in records if counts(r, key)]
        for key in {**FORMATS, **COPYING}
    }
    return {key: mean(found) for key, found in values.items() if found}


def _cells(row: Mapping[str, Any], columns: Columns) -> list[str]:
    return [
        format(row[key], form) if key in row else ""
        for key, (_, form) in columns.items()
    ]


def _name(label: str, records: Sequence[Mapping[str, Any]]) -> str:
    name = f"**{label}**" if label.startswith("synthtab") else label
    return name if len(records) == 1 else f"{name} ({len(records)} seeds)"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
