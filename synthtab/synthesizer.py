"""`Synthesizer`: fit a table, sample rows like it, save, load. The one file that sees both sides."""

from __future__ import annotations

import difflib
import io
import json
import os
from collections.abc import Iterator, Mapping
from typing import IO, Any

import numpy as np
import pandas as pd
import torch

from synthtab import costs, describe, model_file
from synthtab.core.config import TrainConfig, configure, seconds
from synthtab.core.errors import ArtefactError, ConfigError, DataError, NotFittedError
from synthtab.core.layout import Encoded
from synthtab.core.progress import Observer, Progress, silent
from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.data import check, holdout
from synthtab.data.columns import infer
from synthtab.data.encoder import TableEncoder
from synthtab.data.holdout import Rows
from synthtab.data.in_pieces import ingest
from synthtab.data.sources import Source, chosen, glimpse, keys, opened
from synthtab.model import trainer
from synthtab.model.networks import Generator, fresh_weights
from synthtab.runtime import distributed
from synthtab.runtime.devices import pick
from synthtab.sampling import parts
from synthtab.sampling.finishing import finish
from synthtab.sampling.language import Where
from synthtab.sampling.predicate import conditions
from synthtab.sampling.refinement import Refinement
from synthtab.sampling.requests import Requests

MIN_ROWS = 10
# Training rows from which `Synthesizer.plan` learns an encoding.
LOOK = 20_000


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
        if epochs is not None and epochs < 1:
            raise ConfigError(f"epochs must be at least 1, not {epochs!r}")
        limit = None if time is None else seconds(time)
        self.config: TrainConfig = configure(
            preset, holdout=holdout, time=limit, epochs=epochs, **overrides
        )
        self.preset, self.target, self.seed = preset, target, _whole("seed", seed, 0)
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

    def fit(
        self,
        table: pd.DataFrame | str | os.PathLike[str] | Source,
        schema: Schema | None = None,
        observe: Observer = silent,
        *,
        rows: int | None = None,
        at_once: int | None = None,
    ) -> Synthesizer:
        """Learn a table.

        Args:
            table: A DataFrame with any columns that `synthtab.infer` knows; see its kinds. Or the path of a CSV or
                Parquet file; one that memory does not hold comfortably is read in pieces, and its columns are learnt
                from a random sample of its rows, see `synthtab.data.sources`.
            schema: What the columns are; inferred if not given.
            observe: Told about the progress, see `Progress`.
            rows: Learn only so many rows, drawn uniformly at random.
            at_once: Most bytes of memory that a file may take to be held as a whole, and its codes after that; None
                for a share of what is at hand.

        Raises:
            DataError: The table cannot be learnt.
            SchemaError: The schema disagrees with the table.
            KeyboardInterrupt: As pressed; if training had begun, the model is usable with its best checkpoint.
        """
        world, streams = distributed.world(), Streams(self.seed)
        observe, self.device = (
            observe if world.rank == 0 else silent,
            world.placed(self.device),
        )
        source = opened(table, streams, rows, at_once)
        schema = self._checked(source, schema)
        observe(Progress("encode", 0.0))
        held_out = holdout.split(source.rows, self.config.holdout, streams)[1]
        encoder = self._encode(source, held_out, schema, streams)
        costs.require(costs.of(source, encoder, self.config, self.device))
        with ingest(source, encoder, held_out, streams, observe, at_once) as found:
            self.report = describe.begun(
                source,
                len(held_out),
                found.digest,
                self.config,
                self.device,
                world.size,
            )
            if world.size > 1:
                world.require_same(
                    json.dumps(
                        [
                            found.digest,
                            self.seed,
                            self.config.to_json(),
                            encoder.state(),
                        ]
                    )
                )
            return self._learn(
                encoder, found.training, found.held_out, streams, observe, world
            )

    def _learn(
        self,
        encoder: TableEncoder,
        encoded: Encoded,
        kept: Encoded,
        streams: Streams,
        observe: Observer,
        world: distributed.World,
    ) -> Synthesizer:
        if (
            not encoder.layout.blocks
        ):  # constants and identifiers alone: nothing to learn
            self._encoder, self._generator, self._refinement = encoder, None, None
            return self
        trained = trainer.train(
            encoded, kept, self.config, streams, self.device, observe, world
        )
        self._encoder, self._generator, self._refinement = (
            encoder,
            trained.generator,
            None,
        )
        self.report.update(
            steps=trained.steps,
            seconds=round(trained.seconds, 1),
            stopped=trained.stopped,
            best=trained.best.quality.score if trained.best else None,
            history=[check.to_json() for check in trained.history],
            warnings=trained.warnings,
            losses=trained.losses,
        )
        if (
            trained.stopped == "interrupted"
        ):  # rows in many passes are good long before those in one
            self.report["passes"] = self.config.passes or trained.generator.most_passes
            raise KeyboardInterrupt
        try:
            if world.rank == 0:
                requests = self.requests
                self.report.update(
                    finish(requests, encoded, kept, self.config, streams, observe)
                )
                self._refinement = requests.refinement
        finally:  # the others wait for it, interrupted or not
            if world.size > 1:
                file = world.shared(lambda: model_file.packed(self._bundle()))
                self.__setstate__(
                    {"file": file, "device": self.device} if world.rank else {}
                )
        return self

    def sample(
        self,
        n: int | None = None,
        *,
        where: Where | None = None,
        given: pd.DataFrame | None = None,
        balance: str | None = None,
        weights: Mapping[str, Mapping[Any, float]] | None = None,
        seed: int | None = None,
        passes: int | None = None,
        first: int = 0,
        jobs: int = 1,
        observe: Observer = silent,
    ) -> pd.DataFrame:
        """``n`` rows with the table's columns, order and dtypes.

        Args:
            n: How many; may be left out with ``given``, which then gives one row each.
            where: Conditions that every row meets, as text (``"sex = Female and age in 18..30"``), a list of such, or
                a dict: column -> value, ``(low, high)``, list of values, None for missing. See `synthtab.sampling.predicate`.
            given: Partial rows to complete: any columns of the table; a missing cell is drawn.
            balance: A column each of whose values shall be as frequent as any other.
            weights: A column and the weight of each of its values; values not named get none.
            seed: Other seeds give other rows; None takes the seed of the fit. With one seed, ``sample(10)`` is
                the start of ``sample(100)``.
            passes: Passes of sampling; None takes what held-out rows chose. Another number leaves the trees out,
                which know rows of that one only.
            first: Number of the first row: ``sample(10, first=90)`` is the end of ``sample(100)``, without the others
                being made.
            jobs: Processes to make the rows with, each with one thread; the rows are the same.
            observe: Told about the progress.

        Raises:
            ConditionError: No row can meet the conditions, or next to none does.
        """
        if given is not None:
            if balance or weights or passes or first or jobs != 1:
                raise ConfigError("given rows go together with where and seed only")
            return self._complete(given, n, where, seed, observe)
        options: dict[str, Any] = dict(where=where, balance=balance, weights=weights)
        blocks = self.sample_blocks(
            n,
            **options,
            seed=seed,
            passes=passes,
            first=first,
            jobs=jobs,
            observe=observe,
        )
        return pd.concat(blocks, ignore_index=True)

    def sample_blocks(
        self,
        n: int | None,
        *,
        where: Where | None = None,
        balance: str | None = None,
        weights: Mapping[str, Mapping[Any, float]] | None = None,
        seed: int | None = None,
        passes: int | None = None,
        first: int = 0,
        jobs: int = 1,
        observe: Observer = silent,
    ) -> Iterator[pd.DataFrame]:
        """The rows of `sample` in blocks, in constant memory."""
        n, streams, requests = (
            _whole("the number of rows", n, 1),
            Streams(self.seed if seed is None else seed),
            self.requests,
        )
        if (
            passes is not None
            and _whole("passes", passes, 1) > 1
            and not self.config.completes
        ):
            raise ConfigError(
                "this model was trained without cross_entropy and density: it samples in 1 pass only"
            )
        tests = conditions(where, self.schema)
        if passes is not None and (tests or balance or weights):
            raise ConfigError(
                "passes cannot be chosen together with conditions, balance or weights"
            )
        if _whole("first", first, 0) or _whole("jobs", jobs, 1) > 1:
            if balance or weights:
                raise ConfigError(
                    "balance and weights count all rows before each one: leave out first and jobs"
                )
            if n > (grain := requests.grain(tests)) and jobs > 1:
                asked = dict(where=where, seed=seed, passes=passes)
                return parts.sampled(self, n, jobs, grain, observe, first, **asked)
        if balance is None and not weights and not tests:
            return requests.rows(n, passes or requests.passes, streams, observe, first)
        if balance is None and not weights:
            return requests.within(tests, n, streams, observe, first=first)
        shares = [(balance, None)] if balance else []
        shares += list((weights or {}).items())  # type: ignore[arg-type]
        if len(shares) > 1:
            raise ConfigError("balance and weights are of one column")
        return requests.shared(
            str(shares[0][0]), shares[0][1], tests, n, streams, observe
        )

    def impute(
        self,
        table: pd.DataFrame,
        draws: int | None = None,
        *,
        seed: int | None = None,
        observe: Observer = silent,
    ) -> Any:
        """A table with every missing cell drawn given the rest of its row; all other cells stay as they are.

        Args:
            table: Rows like those that were learnt; columns may be missing as a whole.
            draws: For multiple imputation (Rubin 1987), how many tables; then a list of them comes back.
            seed: Other seeds give other cells; None takes the seed of the fit.
            observe: Told about the progress.
        """
        if draws is not None and draws < 1:
            raise ConfigError(f"draws must be at least 1, not {draws!r}")
        streams, found = Streams(self.seed if seed is None else seed), []
        for draw in range(draws or 1):
            own = Streams(streams.integer("impute", draw))
            found.append(self.requests.completed(table, (), own, observe, whole=True))
        return found[0] if draws is None else found

    def _complete(
        self,
        given: pd.DataFrame,
        n: int | None,
        where: Where | None,
        seed: int | None,
        observe: Observer,
    ) -> pd.DataFrame:
        if not isinstance(given, pd.DataFrame) or not len(given):
            raise DataError("given must be a DataFrame with at least one row")
        if unknown := [c for c in given.columns if c not in self.schema]:
            raise DataError(
                f"the given rows have a column {unknown[0]!r}, which the model does not know"
            )
        if n is not None:
            given = given.take(
                np.arange(_whole("the number of rows", n, 1)) % len(given)
            ).reset_index(drop=True)
        streams = Streams(self.seed if seed is None else seed)
        return self.requests.completed(
            given, conditions(where, self.schema), streams, observe
        )

    @property
    def requests(self) -> Requests:
        """The model, as far as sampling concerns it."""
        report = self.report
        return Requests(
            self._fitted(),
            self._generator,
            self._refinement,
            self.device,
            report.get("passes") or 1,
            report.get("plans"),
        )

    def split(self, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows that `fit` trained on, and those that it held out, of the table that it was given.

        Raises:
            DataError: It is another table, or no row was held out.
        """
        schema, ran = self.schema, self.report
        if ran.get("total") == len(table):
            table = table.iloc[chosen(len(table), ran["rows"], Streams(self.seed))]
        return holdout.parts(
            table,
            schema,
            ran["rows"],
            self.config.holdout,
            self.seed,
            ran.get("digest"),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file, whole or not at all. See `synthtab.model_file`."""
        model_file.save(self._bundle(), path)

    def __getstate__(self) -> dict[str, Any]:
        """As its file, where it is fitted: other processes get no code to run."""
        return (
            {"file": model_file.packed(self._bundle()), "device": self.device}
            if self.fitted
            else dict(vars(self))
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "file" in state:
            device = state["device"].type
            there = device != "cuda" or torch.cuda.is_available()
            state = vars(
                self.load(io.BytesIO(state["file"]), device if there else "auto")
            )
        vars(self).update(state)

    def _bundle(self) -> model_file.Bundle:
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
        return model_file.Bundle(
            manifest, schema, state, self.config.to_json(), weights, trees
        )

    @classmethod
    def load(
        cls, path: str | os.PathLike[str] | IO[bytes], device: str = "auto"
    ) -> Synthesizer:
        """Read a model file onto any device.

        Raises:
            ArtefactError: The file is missing, damaged, foreign or of a newer format.
        """
        bundle = model_file.load(path)
        manifest = bundle.manifest
        try:
            model = cls(
                manifest["preset"],
                target=manifest["target"],
                seed=manifest["seed"],
                device=device,
            )
            model.config = TrainConfig.from_json(bundle.config)
            model.report = dict(manifest["report"])
            model._encoder = TableEncoder.from_state(
                {**bundle.encoder, "schema": bundle.schema}
            )
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
            raise ArtefactError(
                f"{path} does not fit together ({what}): copy or fit it again"
            ) from None
        return model

    def plan(
        self,
        table: pd.DataFrame | str | os.PathLike[str] | Source,
        schema: Schema | None = None,
        *,
        rows: int | None = None,
        at_once: int | None = None,
    ) -> dict[str, Any]:
        """What `fit` would do, without doing it: sizes, memory and time expected, and the config in full; see
        `synthtab.costs`. Of a large file only the first rows are read.
        """
        streams = Streams(self.seed)
        if isinstance(table, (str, os.PathLike)):
            table, rows = glimpse(table, rows, at_once), None
        source = opened(table, streams, rows, at_once)
        schema = self._checked(source, schema)
        held_out = holdout.split(source.rows, self.config.holdout, streams)[1]
        encoder = self._encode(source, held_out, schema, streams, most=LOOK)
        ran = {
            "device": str(self.device),
            "seed": self.seed,
            "preset": self.preset,
            "config": self.config.to_json(),
        }
        return {
            **costs.planned(source, len(held_out), encoder, self.config, self.device),
            **ran,
        }

    def _checked(self, source: Source, schema: Schema | None) -> Schema:
        if (n := source.rows) < MIN_ROWS:
            raise DataError(
                f"the table has {n} row{'s' * (n != 1)}: at least {MIN_ROWS} are needed"
            )
        if schema is None:
            schema = infer(source.sample, rare=self.config.rare)
        else:
            check.require(source.sample, schema)
        if self.target is not None and self.target not in schema.names:
            near = difflib.get_close_matches(self.target, schema.names, n=1)
            hint = (
                f": did you mean {near[0]!r}?"
                if near
                else f": the columns are {', '.join(schema.names[:12])}"
            )
            raise DataError(f"the target {self.target!r} is not a column{hint}")
        return schema

    def _encode(
        self,
        source: Source,
        held_out: Rows,
        schema: Schema,
        streams: Streams,
        most: int | None = None,
    ) -> TableEncoder:
        """Learnt from the training rows, at ``most`` so many; only that no key comes back is a matter of all."""
        c, rows = (
            self.config,
            np.flatnonzero(~np.isin(source.numbers, held_out, assume_unique=True))[
                :most
            ],
        )
        own = dict[str, Any](
            max_modes=c.modes,
            continuous=c.continuous,
            links=c.links,
            crosses=c.crosses,
            rare=c.rare,
        )
        whole = source.sample if most else source.whole(keys(schema))
        return TableEncoder.fit(
            source.sample.iloc[rows],
            schema,
            streams,
            whole=whole,
            target=self.target,
            **own,
        )

    def _fitted(self) -> TableEncoder:
        if self._encoder is None:
            raise NotFittedError(
                "this model has not learnt a table yet: call fit first"
            )
        return self._encoder

    def describe(self) -> list[tuple[str, str]]:
        """What the model holds, as headings and sentences."""
        encoder, config = self._fitted(), self.config.to_json()
        ran = {
            "target": self.target,
            "preset": self.preset,
            "seed": self.seed,
            "config": config,
            **self.report,
        }
        return describe.told(encoder, self._generator, self._refinement, ran)

    def __repr__(self) -> str:
        state = f"learnt {self.report['rows']:,} rows" if self.fitted else "not fitted"
        return f"<Synthesizer preset={self.preset!r} seed={self.seed} {state}>"


def _whole(what: str, value: Any, least: int) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, np.integer))
        or value < least
    ):
        raise ConfigError(
            f"{what} must be a whole number of {least} or more, not {value!r}"
        )
    return int(value)
