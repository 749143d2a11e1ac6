"""How time and memory grow with rows, columns and categories: figures, exponents and a picture of each.

    python benchmarks/growth.py rows                  10k to 10M rows drawn from covtype, 55 columns
    python benchmarks/growth.py columns categories    made-up tables of 20,000 and 200,000 rows
    python benchmarks/growth.py --table

Each size has a process of its own. Measured are the seconds to learn the encoding and to encode the table, those of one
training step, those to sample as many rows in one pass, and the most memory beyond that of the program and the table.
The exponent is the slope of log seconds (or memory) over log size, by least squares: 1 is linear. Every run appends a
line to results/growth.jsonl; growth.svg and the table of README.md show the newest of each.
The data folder is that of fidelity.py.
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

STEPS, WARM = 48, 8
FIGURES = {
    "encode_s": "encode",
    "step_ms": "one training step",
    "sample_s": "sample",
    "memory_mb": "memory",
}


def of_rows(size: int, data: Path) -> pd.DataFrame:
    """So many rows of covtype, drawn with replacement."""
    table = pd.read_parquet(data / "messy" / "covtype.parquet")
    return table.iloc[
        np.random.default_rng(0).integers(len(table), size=size)
    ].reset_index(drop=True)


def of_columns(size: int, data: Path) -> pd.DataFrame:
    """20,000 rows; the columns are those of ten, again and again: five of numbers, five of 5 to 13 categories."""
    tables = [made(20_000, 11, seed).drop(columns="y") for seed in range(size // 10)]
    return pd.concat([t.add_suffix(f"_{i}") for i, t in enumerate(tables)], axis=1)


def of_categories(size: int, data: Path) -> pd.DataFrame:
    """200,000 rows of four columns, one of which has so many categories, each in five rows or more."""
    rng = np.random.default_rng(0)
    found = made(200_000, 4, 0)
    head = np.repeat(np.arange(size), 5)
    rest = (size ** rng.random(len(found) - len(head))).astype(int) % size
    found.insert(0, "kind", [f"k{i:06d}" for i in rng.permutation(np.r_[head, rest])])
    return found


# What grows -> a table of that size, and the sizes.
AXES: dict[str, tuple[Callable[[int, Path], pd.DataFrame], tuple[int, ...]]] = {
    "rows": (of_rows, (10_000, 100_000, 1_000_000, 10_000_000)),
    "columns": (of_columns, (10, 50, 200, 1000)),
    "categories": (of_categories, (10, 100, 1_000, 10_000, 40_000)),
}


def resident(entry: str) -> int:
    """MB that this process holds now (VmRSS), or held at most since `forget` (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith(entry))


def forget() -> None:
    """Let the most memory held so far be what is held now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def measure(axis: str, size: int, data: Path) -> dict[str, Any]:
    """All figures of one size."""
    import torch

    from synthtab import infer
    from synthtab.core.config import configure
    from synthtab.core.randomness import Streams
    from synthtab.data.encoder import TableEncoder
    from synthtab.model import trainer
    from synthtab.model.orders import plans
    from synthtab.sampling import sampler

    frame = AXES[axis][0](size, data)
    streams, config = Streams(0), configure("default")
    schema = infer(frame, {"kind": "category"} if axis == "categories" else None)
    forget()
    before, start = resident("VmRSS"), time.perf_counter()
    encoder = TableEncoder.fit(
        frame, schema, streams, rare=config.rare, crosses=config.crosses
    )
    encoded = encoder.encode(frame, streams)
    encode = time.perf_counter() - start
    cpu = torch.device("cpu")
    game = trainer.Game(encoded, trainer.suited(config, len(encoded)), streams, cpu)
    for _ in range(WARM):
        game.play()
    start = time.perf_counter()
    for _ in range(STEPS):
        game.play()
    step = (time.perf_counter() - start) / STEPS
    start = time.perf_counter()
    blocks = sampler.generate(
        game.generator, len(frame), plans(encoder.layout, 1), streams, cpu
    )
    for number, block in enumerate(blocks):
        encoder.decode(block.codes, block.offsets, streams.numpy("decode", number))
    return {
        "axis": axis,
        "size": size,
        "rows": len(frame),
        "columns": frame.shape[1],
        "encode_s": round(encode, 2),
        "step_ms": round(1000 * step, 1),
        "sample_s": round(time.perf_counter() - start, 2),
        "memory_mb": resident("VmHWM") - before,
        "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
    }


PANEL, LEFT, TOP, GAP, LABEL = 260, 46, 34, 96, 62
COLOURS = {
    "encode_s": "#0072b2",
    "step_ms": "#009e73",
    "sample_s": "#d55e00",
    "memory_mb": "#cc79a7",
}


def picture(runs: dict[str, list[dict[str, Any]]]) -> str:
    """A panel for each axis, both scales logarithmic: every figure as a multiple of what the smallest size takes."""
    parts = []
    for number, (axis, mine) in enumerate(runs.items()):
        sizes = np.log10([r["size"] for r in mine])
        curves = {
            name: np.log10([r[name] / mine[0][name] for r in mine]) for name in FIGURES
        }
        tall = max(
            1.0, sizes[-1] - sizes[0], *(curve.max() for curve in curves.values())
        )
        low = min(0.0, *(curve.min() for curve in curves.values()))

        def at(
            x: float,
            y: float,
            left: float = number * (PANEL + GAP) + LEFT,
            scale: Any = (sizes, low, tall),
        ) -> str:
            sizes, low, tall = scale
            across = PANEL * (x - sizes[0]) / (sizes[-1] - sizes[0])
            return f"{left + across:.1f} {TOP + PANEL * (1 - (y - low) / (tall - low)):.1f}"

        def text(
            x: float,
            y: float,
            words: str,
            anchor: str,
            colour: str = "#555",
            dy: int = 4,
            at: Any = at,
        ) -> str:
            left, top = at(x, y).split()
            return f'<text x="{left}" y="{float(top) + dy}" text-anchor="{anchor}" fill="{colour}">{words}</text>'

        end = sizes[-1]
        parts.append(
            f'<path d="M{at(sizes[0], tall)}L{at(sizes[0], low)}L{at(end, low)}" stroke="#999" fill="none"/>'
        )
        parts.append(
            f'<path d="M{at(sizes[0], 0)}L{at(end, end - sizes[0])}" stroke="#bbb" stroke-dasharray="3 4"/>'
        )
        parts.append(text((sizes[0] + end) / 2, low, axis, "middle", dy=34))
        apart = LABEL * (end - sizes[0]) / PANEL
        told = [
            i
            for i, x in enumerate(sizes[:-1])
            if i == 0 or end - x > apart < x - sizes[i - 1]
        ] + [len(mine) - 1]
        parts += [
            text(sizes[i], low, f"{mine[i]['size']:,}", "middle", dy=16) for i in told
        ]
        parts += [
            text(sizes[0], y, f"x{10**y:,}\u00a0\u00a0", "end")
            for y in range(int(tall) + 1)
        ]
        for name, curve in curves.items():
            points = [at(x, y) for x, y in zip(sizes, curve, strict=True)]
            parts.append(
                f'<path d="M{"L".join(points)}" stroke="{COLOURS[name]}" stroke-width="2" fill="none"/>'
            )
    for i, (name, words) in enumerate(FIGURES.items()):
        parts.append(
            f'<text x="{LEFT + 130 * i}" y="16" fill="{COLOURS[name]}">{words}</text>'
        )
    parts.append(
        f'<text x="{LEFT + 130 * len(FIGURES)}" y="16" fill="#999">dashed: linear</text>'
    )
    width, height = len(runs) * (PANEL + GAP), TOP + PANEL + 44
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-size="12" '
    ground = '<rect width="100%" height="100%" fill="#fff"/>'
    return f'{head}font-family="sans-serif">{ground}{"".join(parts)}</svg>\n'


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
        for size in (s for s in AXES[axis][1] if s <= args.most):
            with ProcessPoolExecutor(
                1, mp_context=multiprocessing.get_context("spawn")
            ) as pool:
                record = pool.submit(measure, axis, size, args.data).result()
            table.keep(record, args.out)
    if args.table:
        table.write(HERE)
        (HERE / "growth.svg").write_text(picture(table.growth_runs(HERE)))


if __name__ == "__main__":
    main()
