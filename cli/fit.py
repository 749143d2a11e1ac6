"""`synthtab fit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthtab.core.errors import ConfigError, DataError
from synthtab.runtime.machine import amount

from .options import Device, Quiet, Rare, Seed, check_output, default_model
from .render import duration, note, progress

if TYPE_CHECKING:
    from synthtab import Synthesizer


def fit(
    data: Annotated[
        Path,
        typer.Argument(
            help="Table to learn: CSV, TSV (also .gz) or Parquet.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Model file. [default: DATA.synthtab here]",
            metavar="FILE",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Column that models will predict: it is learnt given all others, and drawn last."
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            help="Column kinds from `synthtab schema`, perhaps edited.", metavar="FILE"
        ),
    ] = None,
    constraints: Annotated[
        str | None,
        typer.Option(
            help="found: enforce what `synthtab schema` finds in all rows.",
            metavar="found",
        ),
    ] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(
            help="Enforce this too, such as 'end >= start'. Can be repeated.",
            metavar="TEXT",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="How much to compute.", metavar="quick|default|best|ctgan"),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(help="Most time to train: 90s, 5m, 1h30m.", metavar="TIME"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the table, instead.", metavar="N")
    ] = None,
    holdout: Annotated[
        float | None,
        typer.Option(
            help="Share of the rows kept aside to choose the model by.", metavar="SHARE"
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            help="Learn only so many rows, drawn at random.",
            metavar="N",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            help="Rows of one training step; fewer take less memory.", metavar="N"
        ),
    ] = None,
    rare: Rare = None,
    device: Device = None,
    seed: Seed = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would run, and stop.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Learn a table and write a model file.

    Example: synthtab fit people.csv --target income --time 5m
    """
    output = output or default_model(data)
    check_output(output, data, schema)
    if constraints not in (None, "found"):
        raise ConfigError(
            f"--constraints can only be found, not {constraints!r}; give one by --constraint"
        )

    from synthtab import Schema, Synthesizer, find_constraints, infer, parse_constraint
    from synthtab.core.randomness import Streams
    from synthtab.data.sources import glimpse, open_table
    from synthtab.runtime import distributed

    given: dict[str, Any] = dict(
        preset=preset,
        target=target,
        seed=seed,
        device=device,
        holdout=holdout,
        time=time,
        epochs=epochs,
        rare=rare,
        batch=batch,
    )
    model = Synthesizer(**{k: v for k, v in given.items() if v is not None})
    source = (
        glimpse(data, rows) if dry_run else open_table(data, Streams(model.seed), rows)
    )
    declared = (
        Schema.load(schema) if schema else infer(source.sample, rare=model.config.rare)
    )
    declared = declared.enforcing(
        parse_constraint(text, declared) for text in constraint or ()
    )
    if constraints and source.path:
        raise ConfigError(
            f"--constraints found looks at all rows, and {data} is too large for memory: name some with "
            "--constraint, or learn fewer rows (--rows)"
        )
    if constraints:
        declared = declared.enforcing(
            c
            for c in find_constraints(source.typed(declared).sample, declared)
            if c.certain
        )

    world = distributed.world()
    first = (
        world.rank == 0
    )  # of the processes that torchrun started: the one that speaks and writes
    if dry_run:
        if first:
            _print_plan(model.plan(source, declared), output)
        return
    try:
        with progress(quiet or not first) as observe:
            model.fit(source, declared, observe)
    except KeyboardInterrupt:
        if not model.fitted:
            note("interrupted before there was a model: nothing was written")
        elif first:
            model.save(output)
            note(f"interrupted: the best model so far is in {output}")
        if model.fitted:
            world.leave()
        raise typer.Exit(130) from None
    if first:
        model.save(output)
    world.leave()
    if first and not quiet:
        _summary(model, data, output)


def _print_plan(plan: dict[str, Any], output: Path) -> None:
    """One line per fact, then one per field of the config; a refusal comes last, as the error that it would be."""
    config, refusal = plan.pop("config"), plan.pop("refusal")
    if not plan.pop("counted"):
        plan["rows"] = f"about {plan['rows']:,}, from the size of the file"
    del plan["fix"]
    said: dict[str, Any] = {}
    for name, value in plan.items():
        if name.endswith(("_bytes", "_at_hand")):
            if value is not None:
                said[_HEADINGS[name]] = amount(value)
        elif name == "seconds":
            said["training time"] = (
                "unknown" if value is None else f"about {duration(value)}"
            )
        else:
            said[name] = (
                "until the time is up" if name == "steps" and value is None else value
            )
    for name, value in {**said, "output": output, **config}.items():
        typer.echo(f"{name:<20} {f'{value:,}' if type(value) is int else value}")
    if refusal:
        raise DataError(refusal)


_HEADINGS = {
    "table_bytes": "table as read",
    "encoded_bytes": "table encoded",
    "weight_bytes": "weights and copies",
    "step_bytes": "one training step",
    "finish_bytes": "trees and sampling",
    "memory_bytes": "memory expected",
    "device_bytes": "GPU memory expected",
    "memory_at_hand": "memory at hand",
    "device_at_hand": "GPU memory at hand",
}


def _summary(model: Synthesizer, data: Path, output: Path) -> None:
    report = model.report_
    best = (
        ""
        if report["best"] is None
        else f", held-out score {report['best']:.3f} (1 is best)"
    )
    drawn = f" drawn of {report['total']:,}" if report.get("total") else ""
    note(
        f"learned {report['rows']:,} rows{drawn} in {duration(report['seconds'])}{best}"
    )
    for warning in report["warnings"]:
        note(f"warning: {warning}")
    note(f"model: {output}")
    note(
        f"next:  synthtab sample -n {report['rows']} -m {output} -o {output.stem}-synthetic.csv"
    )
    unseen = f" --model {output}" if report["holdout_rows"] else ""
    note(f"then:  synthtab evaluate {data} {output.stem}-synthetic.csv{unseen}")
