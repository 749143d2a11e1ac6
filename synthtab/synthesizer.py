"""`Synthesizer`: fit a table, sample rows like it, save, load. The one file that sees both sides."""

from __future__ import annotations

import difflib
import os
import platform
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch

import synthtab
from synthtab import artefact, holdout, sampler, trainer
from synthtab.columns import infer
from synthtab.conditions import Plan, plans
from synthtab.config import TrainConfig, configure, seconds
from synthtab.devices import pick
from synthtab.encoder import TableEncoder
from synthtab.errors import ArtefactError, ConfigError, DataError, NotFittedError
from synthtab.grouping import from_names, grouped, to_names
from synthtab.layout import Encoded
from synthtab.networks import Generator, fresh_weights
from synthtab.progress import Observer, Progress, silent
from synthtab.quality import Quality, quality
from synthtab.randomness import Streams
from synthtab.refinement import Refinement, learn
from synthtab.schema import Schema

MIN_ROWS = 10


class Synthesizer:
    """A generator of rows like those of a table.

    >>> rows = Synthesizer("quick", seed=0).fit(frame).sample(1000)  # doctest: +SKIP

    Args:
        preset: "quick", "default", "best" or "ctgan": how much to compute, and which recipe.
        target: A column that models will predict from the others: drawn last, given all of them.
        seed: Everything random follows from it.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".
        holdout: Share of the rows kept out of training to choose the checkpoint by; None for the preset's.
        time: Most time to train, in seconds or as "90s", "5m", "1.5h".
        epochs: Passes over the training rows, instead of what the preset allows.
        **overrides: Any field of `TrainConfig`.

    Attributes:
        schema: The columns, after `fit`.
        config: The `TrainConfig` that runs.
        report: After `fit`, a dict of what ran: rows, holdout_rows, steps, seconds, stopped, best (held-out
            score), history, warnings, losses, passes, device, versions.

    Raises:
        ConfigError: An option is unknown or cannot work.
    """

    def __init__(
        self,
        preset: str = "default",
        *,
        target: str | None = None,
        seed: int = 0,
        device: str = "auto",
        holdout: float | None = None,
        time: float | str | None = None,
        epochs: int | None = None,
        **overrides: Any,
    ) -> None:
        if not isinstance(seed, int) or seed < 0:
            raise ConfigError(f"seed must be a whole number of 0 or more, not {seed!r}")
        if epochs is not None and epochs < 1:
            raise ConfigError(f"epochs must be at least 1, not {epochs!r}")
        limit = None if time is None else seconds(time)
        self.config: TrainConfig = configure(preset, holdout=holdout, time=limit, epochs=epochs, **overrides)
        self.preset, self.target, self.seed = preset, target, seed
        self.device = pick(device)
        self.report: dict[str, Any] = {}
        self._encoder: TableEncoder | None = None
        self._generator: Generator | None = None
        self._refinement: Refinement | None = None

    @property
    def fitted(self) -> bool:
        """Whether there is a model to sample from."""
        return self._encoder is not None

    @property
    def schema(self) -> Schema:
        """The columns of the table that was learnt."""
        return self._fitted().schema

    def fit(self, table: pd.DataFrame, schema: Schema | None = None, observe: Observer = silent) -> Synthesizer:
        """Learn a table.

        Args:
            table: Any columns that `synthtab.infer` knows; see its kinds.
            schema: What the columns are; inferred if not given.
            observe: Told about the progress, see `Progress`.

        Raises:
            DataError: The table cannot be learnt.
            SchemaError: The schema disagrees with the table.
            KeyboardInterrupt: As pressed; if training had begun, the model is usable with its best checkpoint.
        """
        schema = self._checked(table, schema)
        observe(Progress("encode", 0.0))
        streams = Streams(self.seed)
        training, held_out = holdout.split(len(table), self.config.holdout, streams)
        encoder = self._encode(table, training, schema, streams)
        encoded = encoder.encode(table.iloc[training], streams)
        kept = encoder.encode(table.iloc[held_out], streams)
        self.report = self._ran(len(table), len(held_out), holdout.digest(table, schema, held_out))
        if not encoder.layout.blocks:  # constants and identifiers alone: nothing to learn
            self._encoder, self._generator, self._refinement = encoder, None, None
            return self
        trained = trainer.train(encoded, kept, self.config, streams, self.device, observe)
        self._encoder, self._generator, self._refinement = encoder, trained.generator, None
        self.report.update(
            steps=trained.steps,
            seconds=round(trained.seconds, 1),
            stopped=trained.stopped,
            best=trained.best.quality.score if trained.best else None,
            history=[
                {
                    "step": c.step,
                    "seconds": round(c.seconds, 1),
                    "likelihood": c.likelihood,
                    "score": c.quality.score,
                    **vars(c.quality),
                }
                for c in trained.history
            ],
            warnings=trained.warnings,
            losses=trained.losses,
        )
        if trained.stopped == "interrupted":  # rows in many passes are good long before those in one
            self.report["passes"] = self.config.passes or trained.generator.most_passes
            raise KeyboardInterrupt
        self.report["passes"] = self._choose_passes(kept, streams, observe)
        self._group(kept)
        self._refine(encoded, kept, streams, observe)
        return self

    def sample(
        self, n: int, *, seed: int | None = None, passes: int | None = None, observe: Observer = silent
    ) -> pd.DataFrame:
        """``n`` rows with the table's columns, order and dtypes.

        Args:
            n: How many.
            seed: Other seeds give other rows; None takes the seed of the fit. With one seed, ``sample(10)`` is
                the start of ``sample(100)``.
            passes: Passes of sampling; None takes what held-out rows chose. Another number leaves the trees out,
                which know rows of that one only.
            observe: Told about the progress.
        """
        return pd.concat(self.sample_blocks(n, seed=seed, passes=passes, observe=observe), ignore_index=True)

    def sample_blocks(
        self, n: int, *, seed: int | None = None, passes: int | None = None, observe: Observer = silent
    ) -> Iterator[pd.DataFrame]:
        """The rows of `sample` in blocks, in constant memory."""
        encoder = self._fitted()
        if not isinstance(n, (int, np.integer)) or n < 1:
            raise ConfigError(f"the number of rows must be a whole number of 1 or more, not {n!r}")
        if passes is not None and passes < 1:
            raise ConfigError(f"passes must be at least 1, not {passes!r}")
        if passes is not None and passes > 1 and not self.config.completes:
            raise ConfigError("this model was trained without cross_entropy and density: it samples in 1 pass only")
        streams = Streams(self.seed if seed is None else seed)
        return self._blocks(encoder, int(n), streams, passes or self.report.get("passes") or 1, observe)

    def _blocks(
        self, encoder: TableEncoder, n: int, streams: Streams, passes: int, observe: Observer
    ) -> Iterator[pd.DataFrame]:
        start, refinement = 0, self._refinement
        if refinement and passes != self.report["passes"]:
            refinement = refinement.without_trees()
        for number, block in enumerate(self._encoded(n, passes, streams, refinement)):
            yield encoder.decode(block.codes, block.offsets, streams.numpy("decode", number), start)
            start += len(block)
            observe(Progress("sample", start / n))

    def split(self, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows that `fit` trained on, and those that it held out, of the table that it was given.

        Raises:
            DataError: It is another table, or no row was held out.
        """
        schema, ran = self.schema, self.report
        return holdout.parts(table, schema, ran["rows"], self.config.holdout, self.seed, ran.get("digest"))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file, whole or not at all. See `synthtab.artefact`."""
        state = self._fitted().state()
        manifest = {
            "preset": self.preset,
            "target": self.target,
            "seed": self.seed,
            "report": self.report,
        }
        weights = self._generator.state_dict() if self._generator else {}
        trees = self._refinement.state() if self._refinement else {}
        schema = state.pop("schema")
        artefact.save(artefact.Bundle(manifest, schema, state, self.config.to_json(), weights, trees), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str = "auto") -> Synthesizer:
        """Read a model file onto any device.

        Raises:
            ArtefactError: The file is missing, damaged, foreign or of a newer format.
        """
        bundle = artefact.load(path)
        manifest = bundle.manifest
        try:
            model = cls(manifest["preset"], target=manifest["target"], seed=manifest["seed"], device=device)
            model.config = TrainConfig.from_json(bundle.config)
            model.report = dict(manifest["report"])
            model._encoder = TableEncoder.from_state({**bundle.encoder, "schema": bundle.schema})
            if bundle.weights:
                with fresh_weights():
                    model._generator = Generator(model._encoder.layout, model.config)
                model._generator.load_state_dict(bundle.weights)
                model._generator.to(model.device).eval()
            if bundle.trees:
                model._refinement = Refinement.from_state(bundle.trees)
        except (KeyError, TypeError, ValueError, RuntimeError, AssertionError) as error:
            if isinstance(error, ConfigError) and "device" in str(error):
                raise
            what = " ".join(str(error).split())[:120] or type(error).__name__
            raise ArtefactError(f"{path} does not fit together ({what}): copy or fit it again") from None
        return model

    def plan(self, table: pd.DataFrame, schema: Schema | None = None) -> dict[str, Any]:
        """What `fit` would do, without doing it: sizes, parameters, steps, and the config in full."""
        schema = self._checked(table, schema)
        streams = Streams(self.seed)
        training, held_out = holdout.split(len(table), self.config.holdout, streams)
        encoder = self._encode(table, training[:20_000], schema, streams)
        layout = encoder.layout
        with fresh_weights():
            weights = sum(p.numel() for p in Generator(layout, self.config).parameters()) if layout.blocks else 0
        empty = Encoded(np.zeros((len(training), 0), np.int16), np.zeros((len(training), 0), np.float32), layout)
        return {
            "rows": len(table),
            "holdout_rows": len(held_out),
            "columns": len(schema.columns),
            "encoded_bytes": encoder.bytes * len(table),
            "parameters": weights,
            "steps": None if self.config.time else trainer.total_steps(empty, self.config) if layout.blocks else 0,
            "device": str(self.device),
            "seed": self.seed,
            "preset": self.preset,
            "config": self.config.to_json(),
        }

    def _checked(self, table: pd.DataFrame, schema: Schema | None) -> Schema:
        if not isinstance(table, pd.DataFrame):
            raise DataError(f"fit takes a pandas DataFrame, not {type(table).__name__}")
        if len(table) < MIN_ROWS:
            raise DataError(f"the table has {len(table)} row{'s' * (len(table) != 1)}: at least {MIN_ROWS} are needed")
        schema = schema or infer(table)
        schema.check(table)
        if self.target is not None and self.target not in schema.names:
            near = difflib.get_close_matches(self.target, schema.names, n=1)
            hint = f": did you mean {near[0]!r}?" if near else f": the columns are {', '.join(schema.names[:12])}"
            raise DataError(f"the target {self.target!r} is not a column{hint}")
        return schema

    def _encode(self, table: pd.DataFrame, training: Any, schema: Schema, streams: Streams) -> TableEncoder:
        """Learnt from the training rows; only that no key comes back is a matter of the whole table."""
        config = self.config
        recipe: dict[str, Any] = dict(continuous=config.continuous, max_modes=config.modes, links=config.links)
        return TableEncoder.fit(table.iloc[training], schema, streams, whole=table, target=self.target, **recipe)

    def _ran(self, rows: int, held_out: int, digest: str) -> dict[str, Any]:
        return {
            "rows": rows,
            "holdout_rows": held_out,
            "digest": digest,
            "device": str(self.device),
            "platform": platform.platform(),
            "versions": {"synthtab": synthtab.__version__, "torch": torch.__version__, "pandas": pd.__version__},
            "steps": 0,
            "seconds": 0.0,
            "stopped": "nothing to learn",
            "best": None,
            "history": [],
            "warnings": [],
            "passes": self.config.passes or 1,
        }

    def _encoded(self, n: int, passes: int, streams: Streams, refinement: Refinement | None) -> Iterator[Encoded]:
        layout = self._fitted().layout
        if self._generator is None:
            for start in range(0, n, sampler.BLOCK):
                size = min(sampler.BLOCK, n - start)
                yield Encoded(np.zeros((size, 0), np.int16), np.zeros((size, 0), np.float32), layout)
            return
        yield from sampler.generate(self._generator, n, self._plans(passes), streams, self.device, refinement)

    def _plans(self, passes: int) -> tuple[Plan, ...]:
        """How rows are made in so many passes: as `grouped` learnt it, where that is the model's own number."""
        layout, learnt = self._fitted().layout, self.report.get("plans")
        return from_names(layout, learnt) if learnt and passes == self.report["passes"] else plans(layout, passes)

    def _choose_passes(self, held_out: Encoded, streams: Streams, observe: Observer) -> int:
        """One per column; but one pass, if the held-out rows show that it is better."""
        assert self._generator is not None
        one = [1] if self._generator.plain else []
        many = [len(held_out.layout.columns)] if self._generator.completing else []
        if self.config.passes or not (one and many and len(held_out)):
            return self.config.passes or max([1, *many])
        observe(Progress("choose passes"))
        scores = {passes: self._judge(held_out, passes, None, streams).score for passes in one + many}
        self.report["passes_scores"] = {str(k): v for k, v in scores.items()}
        chosen = one[0] if scores[one[0]] > scores[many[0]] + _margin(held_out) else many[0]
        self.report["best"] = scores[chosen]
        return chosen

    def _group(self, held_out: Encoded) -> None:
        """Draw columns together that held-out rows find independent, where the passes are not given."""
        if self.config.passes or self.report["passes"] == 1 or not len(held_out):
            return
        assert self._generator is not None
        self.report["plans"] = to_names(held_out.layout, grouped(self._generator, held_out, self.device))
        self.report["passes"] = max(len(plan) for plan in self.report["plans"])

    def _refine(self, training: Encoded, held_out: Encoded, streams: Streams, observe: Observer) -> None:
        """Learn which rows to keep; but not if the held-out rows know better."""
        config, passes = self.config, self.report["passes"]
        if not config.rounds and not config.rake:
            return

        def draw(n: int, streams: Streams) -> Encoded:
            parts = list(self._encoded(n, passes, streams, None))
            codes, offsets = (np.concatenate([getattr(p, name) for p in parts]) for name in ("codes", "offsets"))
            return Encoded(codes, offsets, training.layout)

        observe(Progress("tree critic", 0.0))
        found = learn(
            training, config.rounds, config.rake, draw, Streams(streams.integer("refine")),
            lambda done: observe(Progress("tree critic", done)),
        )  # fmt: skip
        if len(held_out):
            before, after = (self._judge(held_out, passes, r, streams) for r in (None, found))
            self.report["refined"] = {"before": before.score, "after": after.score, "pool": found.pool}
            if after.score < before.score - _margin(held_out):
                return
            self.report["best"] = after.score
        self._refinement = found

    def _judge(self, held_out: Encoded, passes: int, refinement: Refinement | None, streams: Streams) -> Quality:
        block = next(self._encoded(sampler.BLOCK, passes, Streams(streams.integer("judge", passes)), refinement))
        return quality(held_out, block, streams)

    def _fitted(self) -> TableEncoder:
        if self._encoder is None:
            raise NotFittedError("this model has not learnt a table yet: call fit first")
        return self._encoder

    def describe(self) -> list[tuple[str, str]]:
        """What the model holds, as headings and sentences."""
        encoder, report = self._fitted(), self.report
        weights = sum(p.numel() for p in self._generator.parameters()) if self._generator else 0
        kinds = pd.Series([c.kind for c in self.schema.columns]).value_counts()
        best = report.get("best")
        changed = {k: v for k, v in self.config.to_json().items() if v != getattr(TrainConfig(), k)}
        pool = self._refinement.pool if self._refinement else 1
        kept = f"; of {pool} rows made, trees keep 1" if pool > 1 else ""
        texts = [
            ("learnt from", f"{report['rows']:,} rows, {report['holdout_rows']:,} of them held out of training"),
            ("columns", f"{len(self.schema.columns)}: " + ", ".join(f"{n} {k}" for k, n in kinds.items())),
            ("target", self.target or "none"),
            ("training", f"{report['steps']:,} steps in {report['seconds']:.0f} s on {report['device']}; "
                         f"stopped: {report['stopped']}"),
            ("held-out score", "none" if best is None else f"{best:.3f} (1 is best)"),
            ("sampling", f"{report['passes']} pass{'es' * (report['passes'] > 1)} unless told otherwise{kept}"),
            *([("links", "; ".join(encoder.links))] if encoder.links else []),
            ("preset", self.preset + (f" ({', '.join(f'{k}={v}' for k, v in changed.items())})" if changed else "")),
            ("seed", str(self.seed)),
            ("generator", f"{weights:,} weights; a row is {len(encoder.layout.blocks)} codes and "
                          f"{len(encoder.layout.continuous)} offsets"),
            ("versions", ", ".join(f"{k} {v}" for k, v in report["versions"].items())),
            ("training rows", "none are stored"),
        ]  # fmt: skip
        return [*texts, *(("warning", w) for w in report["warnings"])]

    def __repr__(self) -> str:
        state = f"learnt {self.report['rows']:,} rows" if self.fitted else "not fitted"
        return f"<Synthesizer preset={self.preset!r} seed={self.seed} {state}>"


def _margin(held_out: Encoded) -> float:
    """Two standard errors of the AUC of a detector that is as good as chance, thus of the held-out score."""
    return 0.82 / len(held_out) ** 0.5
