"""What a GPU is worth: everything in one call of at most nine minutes.

    python benchmarks/gpu.py                    Adult, on CUDA
    python benchmarks/gpu.py --device cpu --table flights --batches 512 --epochs 1     tries the program

Four parts, each of which is left out with a line where too little time is left:

- right: one set of weights on the CPU and on the device, the same rows and masks: how far
  losses, gradients and log-likelihoods are apart;
- steps: steps of training and rows learnt a second for batches of 512 to 65,536, and the
  share of the time in which the device is busy (`torch.profiler`); ctgan's beside it,
  where `pip install ctgan` is;
- sample: rows a second into a DataFrame, in one pass and by default;
- fit: seconds of a fit with as many epochs on both, and the detection score of the rows.

Every figure is appended to results/gpu.jsonl with the name of the device, and
`python benchmarks/fidelity.py --table` writes the newest of each into README.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import table
import torch
from fidelity import DATA, HERE, read

from synthtab import Schema, Synthesizer, datasets, evaluate, infer
from synthtab.core.config import configure
from synthtab.core.layout import Encoded
from synthtab.core.randomness import Streams
from synthtab.data.encoder import TableEncoder
from synthtab.model.batches import Batch, TrainingRows
from synthtab.model.losses import completion
from synthtab.model.networks import Networks
from synthtab.model.trainer import Trainer

Record = dict[str, Any]
CPU = torch.device("cpu")
BATCHES = (512, 2048, 8192, 32768, 65536)
# Seconds of each timing, and seconds that a part must have left to begin.
SECONDS = 6.0
LEAST_LEFT = 45.0


def of_table(name: str, data: Path) -> tuple[pd.DataFrame, Schema]:
    """A table of the literature, or one that ships with the package, and its schema."""
    if (data / name / "train.csv").is_file():
        train, _, meta = read(data / name)
        return train, infer(train, dict.fromkeys(meta["categorical"], "category"))
    frame = datasets.load(name)
    return frame, infer(frame)


def encoded(frame: pd.DataFrame, schema: Schema) -> Encoded:
    """All rows as codes and offsets."""
    streams = Streams(0)
    encoder = TableEncoder.fit(frame, schema, streams, rare=5)
    return encoder.encode(frame, streams)


# --------------------------------------------------------------------------------------
# The parts


def right(rows: Encoded, device: torch.device) -> Iterator[tuple[str, float, str]]:
    """Relative differences between the CPU and the device, for the same weights and rows."""
    config = configure(completer="network")
    on_cpu = Networks(rows.layout, config)
    on_device = Networks(rows.layout, config).to(device)
    on_device.load_state_dict(on_cpu.state_dict())
    batch = TrainingRows(rows, CPU, torch.Generator().manual_seed(0)).partly_known(512)
    losses, slopes = [], []
    for networks, where in ((on_cpu, CPU), (on_device, device)):
        assert networks.completer is not None and batch.mask is not None
        moved = Batch(
            batch.codes.to(where), batch.offsets.to(where), batch.mask.to(where)
        )
        total = torch.stack(list(completion(networks.completer, moved).values())).sum()
        total.backward()
        losses.append(total.item())
        parameters = networks.completer.parameters()
        slopes.append(
            torch.cat(
                [p.grad.flatten().cpu() for p in parameters if p.grad is not None]
            )
        )
    yield "loss, relative difference", abs(losses[1] / losses[0] - 1), ""
    apart = (slopes[1] - slopes[0]).norm() / slopes[0].norm()
    yield "gradients, relative difference", apart.item(), ""


def steps(
    rows: Encoded, device: torch.device, batches: list[int]
) -> Iterator[tuple[str, float, str]]:
    """Steps a second, and how busy the device is, for growing batches."""
    for batch in batches:
        config = configure(completer="network", batch=batch)
        trainer = Trainer(rows, config, Streams(0), device)
        trainer.set_learning_rates(0.5)
        for _ in range(2 * config.adversarial_every):
            trainer.play()
        wait_for(device)
        began = time.perf_counter()
        done = 0
        while time.perf_counter() - began < SECONDS:
            for _ in range(config.adversarial_every):
                trainer.play()
            wait_for(device)
            done += config.adversarial_every
        speed = done / (time.perf_counter() - began)
        yield f"batch {batch:,}: steps", speed, "a second"
        yield f"batch {batch:,}: rows learnt", speed * batch, "a second"
        if device.type == "cuda":
            yield f"batch {batch:,}: device busy", 100 * busy(trainer), "%"


def busy(trainer: Trainer) -> float:
    """Share of the time of some steps in which the GPU computes."""
    from torch.profiler import ProfilerActivity, profile

    count = trainer.config.adversarial_every
    with profile(activities=[ProfilerActivity.CUDA]) as found:
        began = time.perf_counter()
        for _ in range(count):
            trainer.play()
        torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    computing = sum(event.self_device_time_total for event in found.key_averages())
    return computing / 1e6 / seconds


def of_ctgan(
    frame: pd.DataFrame, device: torch.device
) -> Iterator[tuple[str, float, str]]:
    """Rows that ctgan learns a second, where it is installed; two epochs, less one."""
    try:
        from ctgan import CTGAN
    except ModuleNotFoundError:
        print("ctgan is not installed: left out", flush=True)
        return
    words = [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]
    seconds = []
    for epochs in (1, 3):
        began = time.perf_counter()
        model = CTGAN(epochs=epochs, cuda=device.type == "cuda")
        model.fit(frame.dropna(), discrete_columns=words)
        seconds.append(time.perf_counter() - began)
    speed = 2 * len(frame.dropna()) / (seconds[1] - seconds[0])
    yield "ctgan, batch 500: rows learnt", speed, "a second"


def sample(model: Synthesizer) -> Iterator[tuple[str, float, str]]:
    """Rows a second into a DataFrame."""
    for name, options in (("one pass", {"passes": 1}), ("the default", {})):
        model.sample(4096, **options)
        began = time.perf_counter()
        rows = 0
        while time.perf_counter() - began < SECONDS:
            rows += len(model.sample(65_536, **options))
        yield f"sample, {name}", rows / (time.perf_counter() - began), "rows a second"


def wait_for(device: torch.device) -> None:
    """Until the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize()


# --------------------------------------------------------------------------------------
# The command


def measured(args: argparse.Namespace) -> Iterator[tuple[str, float, str]]:
    """All parts that there is time for."""
    end = time.monotonic() + args.limit
    device = torch.device(args.device)
    frame, schema = of_table(args.table, args.data)
    rows = encoded(frame, schema)

    def is_time(part: str) -> bool:
        left = end - time.monotonic()
        if left < LEAST_LEFT:
            print(f"{part}: left out, {left:.0f} seconds are left", flush=True)
        return left >= LEAST_LEFT

    yield from right(rows, device)
    if is_time("steps"):
        yield from steps(rows, device, args.batches)
    if is_time("ctgan"):
        yield from of_ctgan(frame, device)
    # What the first use of a device costs is no part of a fit.
    Synthesizer(epochs=1, device=args.device).fit(frame.head(500)).sample(100)
    for where in dict.fromkeys((args.device, "cpu")):
        if not is_time(f"fit on {where}"):
            return
        began = time.perf_counter()
        model = Synthesizer(epochs=args.epochs, seed=0, device=where)
        model.fit(frame, schema)
        yield f"fit of {args.epochs} epochs ({where})", time.perf_counter() - began, "s"
        made = model.sample(len(frame))
        report = evaluate(frame, made, metrics=["detection_score"])
        yield f"detection of it ({where})", report.scores[0].value, ""
        if is_time(f"sample on {where}"):
            for what, value, unit in sample(model):
                yield f"{what} ({where})", value, unit


def name_of(device: str) -> str:
    """The GPU's name; of a CPU, the threads that are used."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--table", default="adult", help="of --data, or of the package")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--limit", type=float, default=540, help="seconds in all")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "gpu.jsonl")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit(
            "this machine has no CUDA device: --device cpu tries the program"
        )
    for what, value, unit in measured(args):
        shown = float(np.format_float_positional(value, 3, fractional=False))
        record = {"device": name_of(args.device), "table": args.table, "what": what}
        table.keep(record | {"value": shown, "unit": unit}, args.out)


if __name__ == "__main__":
    main()
