"""Write the tables of README.md from results/*.jsonl and published.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

DATASETS = ("adult", "default", "shoppers", "magic", "beijing", "news")
HEADER = ("", "Shape", "Trend", "AUC", "detection", "utility", "nearer", "copies", "fit s", "sample s", "peak MB")
FORMATS = {
    "shape": ".2f",
    "trend": ".2f",
    "auc": ".3f",
    "detection": ".2f",
    "utility": ".3f",
    "nearer": ".3f",
    "copies": ".2%",
    "fit_seconds": ".0f",
    "sample_seconds": ".1f",
    "peak_mb": ".0f",
}


def write(folder: Path) -> None:
    """Replace what stands between the markers of README.md."""
    readme = folder / "README.md"
    text = readme.read_text()
    for name, lines in (("fidelity", fidelity(folder)), ("speed", speed(folder))):
        start, end = f"<!-- {name}: generated, do not edit -->", f"<!-- {name}: end -->"
        assert start in text, f"README.md lacks the marker {start}"
        assert end in text, f"README.md lacks the marker {end}"
        before, rest = text.split(start, 1)
        text = before + start + "\n" + "\n".join(lines) + "\n" + end + rest.split(end, 1)[1]
    readme.write_text(text)


def fidelity(folder: Path) -> list[str]:
    """One table per dataset: floor, this project, other projects run here, published figures."""
    published = json.loads((folder / "published.json").read_text())
    lines: list[str] = []
    for dataset in DATASETS:
        records = _newest(folder / "results" / f"{dataset}.jsonl")
        if not records:
            continue
        lines += ["", f"### {dataset.capitalize()}", "", _line(HEADER), _line(["---", *["---:"] * (len(HEADER) - 1)])]
        lines.append(_line(_floor(records)))
        for label in sorted({r["label"] for r in records}, key=lambda name: (not name.startswith("synthtab"), name)):
            seeds = [r for r in records if r["label"] == label]
            lines.append(_line([_name(label, seeds), *_cells(_average(seeds))]))
        lines += [_line([f"{name}, published", *_cells(row)]) for name, row in published[dataset].items()]
    return lines


def speed(folder: Path) -> list[str]:
    """What speed.py measured, one line each."""
    newest: dict[str, dict[str, Any]] = {}
    path = folder / "results" / "speed.jsonl"
    for line in path.read_text().splitlines() if path.is_file() else []:
        record = json.loads(line)
        newest[record["what"]] = record
    rows = [_line((r["what"], f"{r['value']:g} {r['unit']}", r["how"])) for r in newest.values()]
    return ["", _line(("what", "figure", "how")), _line(("---", "---:", "---")), *rows] if rows else [""]


def _newest(path: Path) -> list[dict[str, Any]]:
    """The last record of every label and seed."""
    if not path.is_file():
        return []
    records = {(r["label"], r["seed"]): r for r in map(json.loads, path.read_text().splitlines())}
    return list(records.values())


def _floor(records: Sequence[Mapping[str, Any]]) -> list[str]:
    last = records[-1]
    ideal = {
        "shape": last["shape_floor"],
        "trend": last["trend_floor"],
        "auc": 0.5,
        "detection": 1.0,
        "utility": last["utility_real"],
        "nearer": 0.5,
        "copies": last["copies_test"],
    }
    return [f"*perfect sampler; real rows ({last['measure']})*", *_cells(ideal)]


def _average(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    values = {key: [r[key] for r in records if r.get(key) is not None] for key in FORMATS}
    return {key: mean(found) for key, found in values.items() if found}


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [format(row[key], form) if key in row else "" for key, form in FORMATS.items()]


def _name(label: str, records: Sequence[Mapping[str, Any]]) -> str:
    name = f"**{label}**" if label.startswith("synthtab") else label
    return name if len(records) == 1 else f"{name} ({len(records)} seeds)"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
