"""How time and memory grow with rows, columns and categories.

    python benchmarks/growth.py rows
    python benchmarks/growth.py columns categories
    python benchmarks/growth.py --table

"rows" draws 10,000 to 10 million rows from covtype, which has 55 columns. The other two
make up tables of 20,000 and 200,000 rows.

Each size has a process of its own. Measured are the seconds to learn the encoding and
to encode the table, those of one training step, those to sample as many rows in one
pass, and the most memory beyond that of the program and the table. The exponent is the
slope of log seconds (or memory) over log size, by least squares: 1 is linear. Every run
appends a line to results/growth.jsonl; growth.svg and the table of README.md show the
newest of each. The data folder is that of fidelity.py.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import table
from evaluation import made
from fidelity import DATA, HERE

# Training steps that are timed, after some that warm up the allocator.
TIMED_STEPS = 48
FIRST_STEPS = 8
# Figure of a record -> its name in the picture.
FIGURES = {
    "encode_s": "encode",
    "step_ms": "one training step",
    "sample_s": "sample",
    "memory_mb": "memory",
}


def of_rows(size: int, data: Path) -> pd.DataFrame:
    """So many rows of covtype, drawn with replacement."""
    table = pd.read_parquet(data / "messy" / "covtype.parquet")
    rows = np.random.default_rng(0).integers(len(table), size=size)
    return table.iloc[rows].reset_index(drop=True)


def of_columns(size: int, data: Path) -> pd.DataFrame:
    """20,000 rows of ten columns, again and again.

    Five are numbers, and five have 5 to 13 categories.
    """
    tables = []
    for seed in range(size // 10):
        ten_columns = made(20_000, 11, seed).drop(columns="y")
        tables.append(ten_columns.add_suffix(f"_{seed}"))
    return pd.concat(tables, axis=1)


def of_categories(size: int, data: Path) -> pd.DataFrame:
    """200,000 rows of five columns, one of which has so many categories."""
    rng = np.random.default_rng(0)
    table = made(200_000, 4, 0)
    # Each in five rows at least: fewer would not be stored.
    least = np.repeat(np.arange(size), 5)
    # The others by Zipf's law: a number is as likely as it is small.
    others = (size ** rng.random(len(table) - len(least))).astype(int) % size
    numbers = rng.permutation(np.r_[least, others])
    table.insert(0, "kind", [f"k{number:06d}" for number in numbers])
    return table


# What grows -> a table of that size, and the sizes.
AXES: dict[str, tuple[Callable[[int, Path], pd.DataFrame], tuple[int, ...]]] = {
    "rows": (of_rows, (10_000, 100_000, 1_000_000, 10_000_000)),
    "columns": (of_columns, (10, 50, 200, 1000)),
    "categories": (of_categories, (10, 100, 1_000, 10_000, 40_000)),
}


def resident(entry: str) -> int:
    """MB that this process holds now (VmRSS), or held at most (VmHWM), on Linux.

    The most is counted since `forget`.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith(entry))


def forget() -> None:
    """Let the most memory held so far be what is held now (Linux)."""
    # See proc(5): 5 resets the peak.
    Path("/proc/self/clear_refs").write_text("5")


def measure(axis: str, size: int, data: Path) -> dict[str, Any]:
    """All figures of one size."""
    import torch

    # Imported in the process that is measured, so that they count in it.
    from synthtab import infer
    from synthtab.core.config import configure
    from synthtab.core.layout import plans
    from synthtab.core.randomness import Streams
    from synthtab.data import tables
    from synthtab.data.encoder import TableEncoder
    from synthtab.model.trainer import Trainer, batch_for_table
    from synthtab.sampling import sampler

    make_table, _ = AXES[axis]
    frame = make_table(size, data)
    streams = Streams(0)
    config = configure("default")
    schema = infer(frame, {"kind": "category"} if axis == "categories" else None)
    frame = tables.typed(frame, schema)
    forget()
    before = resident("VmRSS")

    start = time.perf_counter()
    encoder = TableEncoder.fit(
        frame, schema, streams, rare=config.rare, crosses=config.crosses
    )
    encoded = encoder.encode(frame, streams)
    encode_seconds = time.perf_counter() - start

    cpu = torch.device("cpu")
    trainer = Trainer(encoded, batch_for_table(config, len(encoded)), streams, cpu)
    for _ in range(FIRST_STEPS):
        trainer.play()
    start = time.perf_counter()
    for _ in range(TIMED_STEPS):
        trainer.play()
    step_seconds = (time.perf_counter() - start) / TIMED_STEPS

    start = time.perf_counter()
    one_pass = plans(encoder.layout, 1)
    blocks = sampler.generate(trainer.networks, len(frame), one_pass, streams, cpu)
    for number, block in enumerate(blocks):
        encoder.decode(block.codes, block.offsets, streams.numpy("decode", number))
    sample_seconds = time.perf_counter() - start
    return {
        "axis": axis,
        "size": size,
        "rows": len(frame),
        "columns": frame.shape[1],
        "encode_s": round(encode_seconds, 2),
        "step_ms": round(1000 * step_seconds, 1),
        "sample_s": round(sample_seconds, 2),
        "memory_mb": resident("VmHWM") - before,
        "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
    }


# Pixels: the side of a panel; what is left of it and above it; between two panels; and
# between two sizes that are both written on the axis.
PANEL = 260
LEFT = 46
TOP = 34
GAP = 96
LABEL = 62
# The colours of Okabe and Ito, which most people can tell from each other.
COLOURS = {
    "encode_s": "#0072b2",
    "step_ms": "#009e73",
    "sample_s": "#d55e00",
    "memory_mb": "#cc79a7",
}


class Panel:
    """One axis of growth: every figure as a multiple of what the smallest size takes.

    Args:
        axis: What grows.
        runs: A record of each size, ascending.
        left: Where the panel begins, in pixels.
    """

    def __init__(self, axis: str, runs: list[dict[str, Any]], left: float) -> None:
        self.axis = axis
        self.runs = runs
        self.left = left
        # Both scales are logarithmic.
        self.sizes = np.log10([run["size"] for run in runs])
        self.curves = {}
        for name in FIGURES:
            multiples = [run[name] / runs[0][name] for run in runs]
            self.curves[name] = np.log10(multiples)
        highest = max(curve.max() for curve in self.curves.values())
        lowest = min(curve.min() for curve in self.curves.values())
        # At least as tall as linear growth.
        self.top = max(1.0, self.sizes[-1] - self.sizes[0], highest)
        self.bottom = min(0.0, lowest)

    def at(self, x: float, y: float) -> str:
        """Log size and log multiple => pixels, as SVG writes a point."""
        across = (x - self.sizes[0]) / (self.sizes[-1] - self.sizes[0])
        up = (y - self.bottom) / (self.top - self.bottom)
        return f"{self.left + PANEL * across:.1f} {TOP + PANEL * (1 - up):.1f}"

    def text(self, x: float, y: float, words: str, anchor: str, down: int = 4) -> str:
        """Words beside a point, so many pixels below it."""
        left, top = self.at(x, y).split()
        return (
            f'<text x="{left}" y="{float(top) + down}" text-anchor="{anchor}" '
            f'fill="#555">{words}</text>'
        )

    def labelled_sizes(self) -> list[int]:
        """The sizes whose labels do not overlap: the first, the last, and those between
        that keep their distance from the last and from the one before.
        """
        first = self.sizes[0]
        last = self.sizes[-1]
        room = LABEL * (last - first) / PANEL
        labelled = [0]
        for i in range(1, len(self.sizes) - 1):
            after_previous = self.sizes[i] - self.sizes[i - 1]
            before_last = last - self.sizes[i]
            if after_previous > room and before_last > room:
                labelled.append(i)
        return [*labelled, len(self.sizes) - 1]

    def parts(self) -> list[str]:
        """The elements of SVG."""
        first = self.sizes[0]
        last = self.sizes[-1]
        frame = [self.at(first, self.top), self.at(first, self.bottom)]
        frame.append(self.at(last, self.bottom))
        linear = [self.at(first, 0), self.at(last, last - first)]
        parts = [
            f'<path d="M{"L".join(frame)}" stroke="#999" fill="none"/>',
            f'<path d="M{"L".join(linear)}" stroke="#bbb" stroke-dasharray="3 4"/>',
            self.text((first + last) / 2, self.bottom, self.axis, "middle", down=34),
        ]
        for i in self.labelled_sizes():
            size = f"{self.runs[i]['size']:,}"
            parts.append(self.text(self.sizes[i], self.bottom, size, "middle", down=16))
        for power in range(int(self.top) + 1):
            multiple = f"x{10**power:,}\u00a0\u00a0"
            parts.append(self.text(first, power, multiple, "end"))
        for name, curve in self.curves.items():
            points = [self.at(x, y) for x, y in zip(self.sizes, curve, strict=True)]
            parts.append(
                f'<path d="M{"L".join(points)}" stroke="{COLOURS[name]}" '
                'stroke-width="2" fill="none"/>'
            )
        return parts


def picture(runs: dict[str, list[dict[str, Any]]]) -> str:
    """A panel for each axis of growth, as SVG."""
    parts = []
    for number, (axis, of_axis) in enumerate(runs.items()):
        left = number * (PANEL + GAP) + LEFT
        parts += Panel(axis, of_axis, left).parts()
    legend = [(words, COLOURS[name]) for name, words in FIGURES.items()]
    legend.append(("dashed: linear", "#999"))
    for i, (words, colour) in enumerate(legend):
        parts.append(
            f'<text x="{LEFT + 130 * i}" y="16" fill="{colour}">{words}</text>'
        )
    width = len(runs) * (PANEL + GAP)
    height = TOP + PANEL + 44
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-size="12" font-family="sans-serif">'
    )
    ground = '<rect width="100%" height="100%" fill="#fff"/>'
    return f"{head}{ground}{''.join(parts)}</svg>\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("axes", nargs="*", help=f"any of {', '.join(AXES)}")
    parser.add_argument(
        "--most", type=int, default=10**9, help="leave larger sizes out"
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "growth.jsonl")
    parser.add_argument(
        "--table",
        action="store_true",
        help="write growth.svg and the table of README.md",
    )
    args = parser.parse_args()
    if wrong := set(args.axes) - set(AXES):
        parser.error(f"there is no {sorted(wrong)[0]!r}; choose from {', '.join(AXES)}")
    if not args.axes and not args.table:
        parser.error(f"name what grows: {', '.join(AXES)}; or --table")
    for axis in args.axes:
        _, sizes = AXES[axis]
        for size in sizes:
            if size > args.most:
                continue
            # A fresh process: what one size has held must not count for the next.
            spawn = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=spawn) as pool:
                record = pool.submit(measure, axis, size, args.data).result()
            table.keep(record, args.out)
    if args.table:
        table.write(HERE)
        (HERE / "growth.svg").write_text(picture(table.growth_runs(HERE)))


if __name__ == "__main__":
    main()
