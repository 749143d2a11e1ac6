"""`Synthesizer`: fit a table, sample rows like it, save, load.

This is what users call, and the file to start reading from. `fit` reads downwards: open the
table, learn its encoding, encode it, train networks, decide how rows are drawn.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from synthtab import __version__, costs, describe, model_file
from synthtab.core.card import model_card
from synthtab.core.config import (
    TrainConfig,
    check_choice,
    check_names,
    configure,
    going_on,
    of_parameters,
)
from synthtab.core.errors import (
    ArtefactError,
    ConfigError,
    DataError,
    MissingExtraError,
    NotFittedError,
    argument,
    hint,
)
from synthtab.core.fit_report import FitReport
from synthtab.core.layout import Encoded, from_names, to_names
from synthtab.core.notebook import block, sentence, table
from synthtab.core.progress import (
    Clock,
    Observer,
    Progress,
    WholeFit,
    done,
    silent,
    watching,
)
from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.data import holdout
from synthtab.data.columns import ColumnEncoder, infer
from synthtab.data.encoder import TableEncoder
from synthtab.data.frames import Frames, to_pandas
from synthtab.data.sources import (
    RowNumbers,
    Source,
    draw_rows,
    glimpse,
    open_table,
)
from synthtab.model import trainer
from synthtab.model.losses import ADVERSARIAL
from synthtab.model.networks import Networks
from synthtab.model.resume import Saved
from synthtab.private.learn import Plan, private_rows
from synthtab.runtime import compute
from synthtab.sampling import parts, sampler
from synthtab.sampling.recipe import (
    Recipe,
    choose_recipe,
    equal_pairs,
    find_repeats,
)
from synthtab.sampling.requests import Requests
from synthtab.sampling.sampler import Repeats
from synthtab.sampling.tree_critic import TreeCritic

if TYPE_CHECKING:
    from synthtab.sampling.language import Where

# Fewest rows of a table.
LEAST_ROWS = 10
# Training rows from which `Synthesizer.plan` learns an encoding.
PLANNED_ROWS = 20_000
# Where a model to go on from does not know more than this share of a column's cells, the fit is
# refused; a line says so from the second share on.
MOST_STRANGERS = 0.5
FEWEST_STRANGERS = 0.001
# Share of a limited time that noisy answers may take.
PRIVATE_TIME = 0.4
# Parameters of `Synthesizer` that are also fields of `TrainConfig`.
SHARED_PARAMETERS = ("holdout", "time", "epochs")


@dataclass(frozen=True)
class LearntTable:
    """Which table was learnt: what `Synthesizer.split` needs to split it again.

    Attributes:
        rows: Rows that were learnt or held out.
        total: Rows of the table, where only some of them were drawn; else None.
        digest: Of its cells, see `synthtab.data.holdout.Digest`.
    """

    rows: int
    total: int | None = None
    digest: str | None = None


@cache
def processes() -> compute.World:
    """The processes that torchrun started, this one among them.

    This process by itself without torchrun.

    Raises:
        ConfigError: The others cannot be reached.
    """
    by_torchrun = "RANK" in os.environ and "MASTER_ADDR" in os.environ
    if by_torchrun and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        # Imported here: without torchrun nobody needs it.
        from synthtab.runtime.distributed import SharedWorld

        return SharedWorld()
    return compute.ALONE


class Synthesizer:
    """A generator of rows like those of a table.

    It has the manners of a scikit-learn estimator: the constructor only stores its parameters,
    `fit` checks them, and what `fit` has learnt is in attributes that end in ``_``.

    >>> rows = Synthesizer("quick", seed=0).fit(frame).sample(1000)  # doctest: +SKIP

    Args:
        preset: "quick", "default", "best" or "ctgan": how much to compute, and which recipe.
        target: A column that models will predict from the others: drawn last, given them all.
        person: A column that says whom each row is about. What fewer than ``rare`` people have is
            not stored then, however many rows they have; the column itself is invented.
        seed: Everything random follows from it.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".
        holdout: Share of the rows kept out of training to choose the checkpoint by; None for
            the preset's.
        time: Most time for all that a fit does, in seconds or as "90s", "5m", "1.5h".
        epochs: Passes over the training rows, instead of what the preset allows.
        epsilon: Learn with differential privacy: noisy counts of the table, and nothing else of
            it, reach the model (`synthtab.private`). The schema that `fit` is given then says
            what is public. Needs OpenDP. The noise has no seed: no two such models are equal.
        delta: The chance that the promise of ``epsilon`` fails; 1 / (n sqrt n) of about n rows,
            rounded down to a power of ten, if not given.
        random_state: scikit-learn's name of ``seed``, which it replaces if it is given.
        **overrides: Any field of `TrainConfig`.

    Attributes:
        schema_: The columns of the table that was learnt.
        report_: What ran, for people: rows, holdout_rows, steps, seconds (of the training),
            total_seconds, stopped, best (the
            held-out score), history, warnings, losses, passes, device, versions.
        config_: The `TrainConfig` that ran.
        device_: The `torch.device` that rows are made on.
        feature_names_in_: Names of the columns, an array of texts.
        n_features_in_: Their number.

    Raises:
        ConfigError: An override is no field of `TrainConfig`.
    """

    def __init__(
        self,
        preset: str = "default",
        *,
        target: str | None = None,
        person: str | None = None,
        seed: int = 0,
        device: str = "auto",
        holdout: float | None = None,
        time: float | str | None = None,
        epochs: int | None = None,
        epsilon: float | None = None,
        delta: float | None = None,
        random_state: int | None = None,
        **overrides: Any,
    ) -> None:
        self.preset = preset
        self.target = target
        self.person = person
        self.seed = seed
        self.device = device
        self.holdout = holdout
        self.time = time
        self.epochs = epochs
        self.epsilon = epsilon
        self.delta = delta
        self.random_state = random_state
        # Unlike a value, a name can be checked at once, as Python does with keywords.
        check_names(overrides)
        self.overrides = overrides

    # ------------------------------------------------------------------------------------
    # Parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of the constructor, by name."""
        named = {
            "preset": self.preset,
            "target": self.target,
            "person": self.person,
            "seed": self.seed,
            "device": self.device,
            "holdout": self.holdout,
            "time": self.time,
            "epochs": self.epochs,
            "epsilon": self.epsilon,
            "delta": self.delta,
            "random_state": self.random_state,
        }
        return {**named, **self.overrides}

    def set_params(self, **params: Any) -> Synthesizer:
        """Replace parameters of the constructor; a fitted model stays as it is.

        Raises:
            ConfigError: There is no such parameter.
        """
        named = Synthesizer().get_params()
        overrides = {k: v for k, v in params.items() if k not in named}
        check_names(overrides)
        for name, value in params.items():
            if name in named:
                setattr(self, name, value)
        self.overrides = {**self.overrides, **overrides}
        return self

    def __repr__(self) -> str:
        defaults = Synthesizer().get_params()
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if name not in defaults or value != defaults[name]
        ]
        made = f"Synthesizer({', '.join(changed)})"
        if not self.fitted:
            return made
        rows = self.report_["rows"]
        best = self.report_["best"]
        score = "" if best is None else f", held-out score {best:.3f}"
        return f"<{made} of {rows:,} rows, {self.n_features_in_} columns{score}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: what the model holds, in words."""
        if not self.fitted:
            return block(repr(self), sentence("Not fitted: call fit with a table"))
        return block(repr(self).strip("<>"), table(self.describe()))

    @property
    def config(self) -> TrainConfig:
        """Every dial of training: of the fit that ran, or of one with these parameters.

        Raises:
            ConfigError: A parameter cannot work.
        """
        return self.config_ if self.fitted else self._config()

    def _config(self) -> TrainConfig:
        """What the parameters say."""
        config = of_parameters(
            self.preset, self.time, self.epochs, holdout=self.holdout, **self.overrides
        )
        # The names of losses are known where the losses are.
        check_choice("loss", config.loss, tuple(ADVERSARIAL))
        return config

    def _streams(self, seed: int | None = None) -> Streams:
        """Randomness from a seed; from the model's own if none is given."""
        if seed is None:
            given = self.seed if self.random_state is None else self.random_state
            seed = _whole("seed", given, 0)
        return Streams(seed)

    # ------------------------------------------------------------------------------------
    # Fit

    def fit(
        self,
        table: pd.DataFrame | str | os.PathLike[str] | Source,
        schema: Schema | None = None,
        observe: Observer | None = None,
        *,
        verbose: bool = True,
        rows: int | None = None,
        at_once: int | None = None,
        clock: Clock | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        start: Synthesizer | None = None,
    ) -> Synthesizer:
        """Learn a table.

        Args:
            table: A DataFrame with any columns that `synthtab.infer` knows; see its kinds: of
                pandas or polars, or a table of Arrow; `sample` gives rows of the same kind. Or
                the path of a CSV or Parquet file; one that memory does not hold comfortably is
                read in pieces, and its columns are learnt from a random sample of its rows,
                see `synthtab.data.sources`.
            schema: What the columns are; inferred if not given.
            observe: Called with the progress, see `Progress`. If not given, a notebook shows a
                bar, and nothing is shown elsewhere.
            verbose: Whether it does.
            rows: Learn only so many rows, drawn uniformly at random.
            at_once: Most bytes of memory that a file may take to be held as a whole, and its
                codes after that; None for a share of what is at hand.
            clock: What of the ``time`` is spent already; it begins now if not given.
            checkpoint: A folder to keep the state of the training in, every minute. The same
                fit then goes on from it, and learns the same as one that never stopped. It
                stays there after the fit: remove it, or fitting again repeats the end.
            start: A fitted model to go on from, with further rows of the same columns. Its
                schema, its encoding and the sizes of its networks stay as they are, and its
                weights are the first ones. What it has stored of its table stays in the
                new model: categories, averages, and what the weights have learnt.

        Returns:
            Itself.

        Raises:
            ConfigError: A parameter cannot work.
            DataError: The table cannot be learnt.
            SchemaError: The schema disagrees with the table.
            ArtefactError: The state of a checkpoint is damaged.
            KeyboardInterrupt: As pressed; if training had begun, the model is usable with its
                best checkpoint.
        """
        config, schema = self._going_on(self._config(), schema, start)
        streams = self._streams()
        world = processes()
        device = world.place(compute.pick(self.device))
        # Of several processes, the first one speaks.
        observer = silent if world.rank else watching(observe, verbose)
        clock = clock or Clock(config.time)
        if checkpoint is not None:
            _require_resumable(self, world)
        observe = WholeFit(observer, clock)

        # What the table is, and which of its rows choose the checkpoint.
        frames = Frames() if isinstance(table, pd.DataFrame) else Frames.of(table)
        observe(Progress("read"))
        source = open_table(table, streams, rows, at_once)
        privacy = None
        if self.epsilon is not None or self.delta is not None:
            source, schema, privacy = self._private(source, schema, streams, observe)
        is_inferred = schema is None
        observe(Progress("infer kinds" if is_inferred else "check columns"))
        source, schema = self._typed(source, schema, config)
        # With epsilon, no message may tell of a cell.
        if is_inferred and privacy is None:
            for line in schema.notes:
                observe(Progress("infer kinds", message=line))
        observe(Progress("find relations"))
        people = source.people(schema)
        _, held_out = holdout.split(source.rows, config.holdout, streams, people)
        config = trainer.for_rows(config, source.rows - len(held_out))

        # How its cells become codes and offsets, and whether there is room for them.
        encoder = self._encode(
            source, held_out, schema, config, streams, start=start, observe=observe
        )
        costs.require(costs.of(source, encoder, config, device))
        observe(Progress("encode", 0.0))
        with holdout.ingest(
            source, encoder, held_out, streams, observe, at_once
        ) as encoded:
            report = _report_before_training(
                source, len(held_out), encoded.digest, config, device, world.size
            )
            if privacy is not None:
                report["privacy"] = privacy
            report |= _lineage(start)
            if world.size > 1:
                state = encoder.state()
                said = [encoded.digest, streams.seed, config.to_json(), state]
                world.require_same(json.dumps(said))
            self.config_ = config
            self.device_ = device
            self.report_ = FitReport(report)
            self.table_ = LearntTable(source.rows, source.total, encoded.digest)
            self._forget()
            self._frames = frames
            if encoder.layout.blocks:
                training = encoded.training
                if people is not None:
                    people = np.delete(people, held_out)
                first = None if start is None else start.requests.networks
                saved = None
                if checkpoint is not None:
                    learnt = self._what_is_learnt(encoder, first)
                    saved = Saved(checkpoint, learnt, clock)
                self._learn(
                    encoder,
                    training,
                    encoded.held_out,
                    streams,
                    observe,
                    world,
                    people,
                    _repeats(source, encoder, config.rare),
                    saved,
                    first,
                )
                self.report_["total_seconds"] = round(clock.spent(), 1)
            else:  # constants and identifiers alone: there is nothing to learn
                self._become(encoder, None, Recipe())
        done(observer)
        return self

    def _going_on(
        self, config: TrainConfig, schema: Schema | None, start: Synthesizer | None
    ) -> tuple[TrainConfig, Schema | None]:
        """The config and the schema of a fit that goes on from a model, if there is one.

        Raises:
            ConfigError: It cannot go on, or not with these parameters.
            NotFittedError: The model has not learnt anything.
        """
        if start is None:
            return config, schema
        networks = start.requests.networks
        if networks is None or start.config_.completer == "forest":
            raise ConfigError(
                "the model has trees in place of networks, or nothing to learn, and cannot "
                "go on: fit all rows anew"
            )
        if self.epsilon is not None or "privacy" in start.report_:
            raise ConfigError(
                f"{argument('epsilon')} is a promise about one fit: fit all rows anew"
            )
        if schema is not None and schema != start.schema_:
            raise ConfigError(
                "a model to go on from has its schema: leave out another one"
            )
        for name in ("target", "person"):
            own, theirs = getattr(self, name), getattr(start, name)
            if own not in (None, theirs):
                raise ConfigError(
                    f"the model to go on from has the {name} {theirs!r}, not {own!r}: "
                    "leave it out, or fit all rows anew"
                )
        return going_on(config, self.overrides, start.config_), start.schema_

    def _private(
        self,
        source: Source,
        schema: Schema | None,
        streams: Streams,
        observe: WholeFit,
    ) -> tuple[Source, Schema, dict[str, Any]]:
        """Rows with differential privacy in place of the table's.

        From here on nothing sees the table any more, and what is learnt of these rows costs
        nothing.

        Returns:
            The rows, their schema, and what was paid for them.
        """
        if self.epsilon is None:
            raise ConfigError("delta goes together with epsilon only")
        if schema is None:
            raise ConfigError(
                f"{argument('epsilon')} needs a schema, which says what is public of the "
                "table: kinds, and bounds and categories where these are no secret; "
                "see docs/privacy.md"
            )
        if source.path is not None:
            raise ConfigError(
                f"{argument('epsilon')} needs all rows in memory, and the table is too large: "
                f"learn fewer with {argument('rows')}"
            )
        if processes().size > 1:
            raise ConfigError(
                f"{argument('epsilon')} goes together with one process only"
            )
        if self.person is not None:
            schema = replace(schema, person=self.person)
        frame = source.sample
        lost = [name for name in schema.names if name not in frame.columns]
        if lost:
            raise DataError(f"the table lacks the column {lost[0]!r} of the schema")
        if self.target is not None and self.target not in schema.names:
            near = hint(self.target, schema.names, "the columns are")
            raise DataError(f"the target {self.target!r} is not a column{near}")
        observe(Progress("ask with noise", 0.0))
        clock = observe.clock
        asking = PRIVATE_TIME * clock.left()
        began = clock.spent()
        private = private_rows(
            frame[list(schema.names)],
            schema,
            self.epsilon,
            self.delta,
            streams,
            target=self.target,
            tell=lambda done: observe(Progress("ask with noise", done)),
            left=lambda: asking - (clock.spent() - began),
        )
        public = replace(private.schema, constraints=schema.constraints)
        rows = open_table(private.frame, streams)
        return rows, public, private.ledger.to_json()

    def _learn(
        self,
        encoder: TableEncoder,
        training: Encoded,
        held_out: Encoded,
        streams: Streams,
        observe: WholeFit,
        world: compute.World,
        people: npt.NDArray[np.int64] | None,
        repeats: Repeats | None,
        saved: Saved | None,
        start: Networks | None,
    ) -> None:
        """Train the networks, then decide how rows are drawn."""
        config = self.config_
        clock = observe.clock
        observe(Progress("prepare"))
        grown = config.completer == "forest"
        if grown and saved is not None:
            message = (
                "the rows are few: trees are grown, in seconds, and no state is kept"
            )
            observe(Progress("prepare", message=message))
        if (clock.limited or observe.watched) and not grown:
            observe.after_training = costs.seconds_after_training(
                training, len(held_out), config, self.device_
            )
        limit = costs.seconds_to_train(clock, observe.after_training)
        # All processes stop together.
        (limit,) = world.from_first(lambda: [limit])
        if limit and saved is not None and saved.state is not None:
            # What earlier runs have trained counts in the limit of all.
            limit += saved.state["monitor"]["seconds"]
        trained = trainer.train(
            training,
            held_out,
            replace(config, time=limit),
            streams,
            self.device_,
            observe,
            sampler.draw_rows,
            world,
            people,
            saved,
            start,
        )
        networks = trained.networks
        self.report_.update(
            steps=trained.steps,
            seconds=round(trained.seconds, 1),
            stopped=trained.stopped,
            best=trained.best.quality.score if trained.best else None,
            history=[one.to_json() for one in trained.history],
            warnings=trained.warnings,
            losses=trained.losses,
        )
        # From here on the model is usable, if what follows is interrupted. Rows in many passes
        # are good long before those in one.
        unjudged = Recipe(config.passes or networks.most_passes)
        self._become(encoder, networks, unjudged)
        if trained.stopped == "interrupted":
            self.report_["passes"] = unjudged.passes
            raise KeyboardInterrupt
        try:
            if world.rank == 0:
                recipe, decisions = choose_recipe(
                    networks,
                    training,
                    held_out,
                    config,
                    streams,
                    observe,
                    clock,
                    encoder.numbers_of_followers if encoder.followers else None,
                )
                self.report_["warnings"] += decisions.pop("skipped")
                self.report_.update(decisions)
                self._become(encoder, networks, recipe)
                if repeats is not None:
                    left = self._beside_chance(repeats, streams)
                    self.report_["repeated"] = left.share if left else 0.0
                    self._become(encoder, networks, replace(recipe, repeats=left))
        finally:  # the other processes wait for the first one, interrupted or not
            if world.size > 1:
                file = world.bytes_from_first(lambda: model_file.packed(self._bundle()))
                if world.rank > 0:
                    self._take(file, self.device_)

    def _what_is_learnt(
        self, encoder: TableEncoder, start: Networks | None
    ) -> dict[str, str]:
        """What makes this fit what it is, for `Saved`."""
        encoding = json.dumps(encoder.state()).encode()
        # A model to go on from is told by its weights.
        begun = {} if start is None else {"first weights": _digest_of(start)}
        return begun | {
            "table": str(self.table_.digest),
            "columns": hashlib.sha256(encoding).hexdigest(),
            "seed": str(self._streams().seed),
            "config": json.dumps(self.config_.to_json()),
            "device": self.device_.type,
            "version": f"{__version__}, torch {torch.__version__}",
        }

    def _beside_chance(self, repeats: Repeats, streams: Streams) -> Repeats | None:
        """What is to be made of the rows of a table that are equal.

        The model makes others by chance: so many as a block of its rows tells.
        """
        of_repeats = Streams(streams.integer("repeats"))
        passes = self.requests.recipe.passes
        blocks = self.requests.rows(sampler.BLOCK, passes, of_repeats, silent)
        drawn = pd.concat(blocks, ignore_index=True)
        rows = self.table_.rows
        # Of twice the rows there are four times as many pairs.
        by_chance = equal_pairs(drawn) * (rows / len(drawn)) ** 2
        return repeats.beside(by_chance, rows)

    def _become(
        self, encoder: TableEncoder, networks: Networks | None, recipe: Recipe
    ) -> None:
        """Be the model that these make."""
        self._requests = Requests(encoder, networks, recipe, self.device_)
        self.schema_ = encoder.schema
        self.feature_names_in_ = np.array(encoder.schema.names, dtype=object)
        self.n_features_in_ = len(encoder.schema.names)

    def _forget(self) -> None:
        """Be no model, until a new one is learnt."""
        vars(self).pop("_requests", None)

    def plan(
        self,
        table: pd.DataFrame | str | os.PathLike[str] | Source,
        schema: Schema | None = None,
        *,
        rows: int | None = None,
        at_once: int | None = None,
    ) -> dict[str, Any]:
        """What `fit` would do, without doing it.

        Sizes, memory and time expected, and the config in full; see `synthtab.costs`. Of a
        large file only the first rows are read.
        """
        config = self._config()
        streams = self._streams()
        device = compute.pick(self.device)
        if isinstance(table, (str, os.PathLike)):
            table = glimpse(table, rows, at_once)
            rows = None
        source = open_table(table, streams, rows, at_once)
        source, schema = self._typed(source, schema, config)
        people = source.people(schema)
        _, held_out = holdout.split(source.rows, config.holdout, streams, people)
        config = trainer.for_rows(config, source.rows - len(held_out))
        encoder = self._encode(
            source, held_out, schema, config, streams, most=PLANNED_ROWS
        )
        expected = costs.planned(source, len(held_out), encoder, config, device)
        if self.epsilon is not None:
            budget = Plan.of(self.epsilon, self.delta)
            expected["privacy"] = budget.in_words(self.target is not None)
        return {
            **expected,
            "device": str(device),
            "seed": streams.seed,
            "preset": self.preset,
            "config": config.to_json(),
        }

    def _typed(
        self, source: Source, schema: Schema | None, config: TrainConfig
    ) -> tuple[Source, Schema]:
        """A table that can be learnt, in the dtypes of its schema: typed here, and once."""
        rows = source.rows
        if rows < LEAST_ROWS:
            plural = "s" * (rows != 1)
            raise DataError(
                f"the table has {rows} row{plural}: at least {LEAST_ROWS} are needed"
            )
        if schema is None:
            schema = infer(source.sample, rare=config.rare, person=self.person)
            source = source.typed(schema)
        else:
            if self.person is not None:
                schema = replace(schema, person=self.person)
            source = source.agreed(schema)
        if self.target is not None and self.target not in schema.names:
            near = hint(self.target, schema.names, "the columns are")
            raise DataError(f"the target {self.target!r} is not a column{near}")
        return source, schema

    def _encode(
        self,
        source: Source,
        held_out: RowNumbers,
        schema: Schema,
        config: TrainConfig,
        streams: Streams,
        most: int | None = None,
        start: Synthesizer | None = None,
        observe: Observer = silent,
    ) -> TableEncoder:
        """The encoding, learnt from the training rows: from ``most`` of them, if given.

        Of a model to go on from, its own.

        Only that no key comes back is a matter of all rows. With ``most`` it is not even
        that: `plan` makes no rows.
        """
        if start is not None:
            return _encoder_of(start, source, schema, streams, observe)
        is_held_out = np.isin(source.numbers, held_out, assume_unique=True)
        training = np.flatnonzero(~is_held_out)[:most]
        return TableEncoder.fit(
            source.sample.iloc[training],
            schema,
            streams,
            whole=source.sample if most else source.whole(schema),
            target=self.target,
            max_modes=config.modes,
            continuous=config.continuous,
            links=config.links,
            crosses=config.crosses,
            rare=config.rare,
            whole_people=source.people(schema),
        )

    # ------------------------------------------------------------------------------------
    # Sample

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
        frame: str | None = None,
        observe: Observer | None = None,
        verbose: bool = True,
    ) -> Any:
        """``n`` rows with the table's columns, order and dtypes.

        Args:
            n: How many, 0 for an empty table; may be left out with ``given``, which then
                gives one row each.
            where: Conditions that every row meets, as text (``"sex = Female and age in
                18..30"``), a list of such, or a dict: column -> value, ``(low, high)``, list
                of values, None for missing. See `synthtab.sampling.predicate`.
            given: Partial rows to complete: any columns of the table; a missing cell is drawn.
            balance: A column each of whose values shall be as frequent as any other.
            weights: A column and the weight of each of its values; values not named get none.
            seed: Other seeds give other rows; None takes the seed of the fit. With one seed,
                ``sample(10)`` is the start of ``sample(100)``.
            passes: Passes of sampling; None takes what held-out rows chose. Another number
                leaves the trees out, which know rows of that one only.
            first: Number of the first row: ``sample(10, first=90)`` is the end of
                ``sample(100)``, without the others being made.
            jobs: Processes to make the rows with, each with one thread; the rows are the same.
            frame: "pandas", "polars" or "arrow": whose table comes back. If not given, that of
                ``given``, or of the table that was learnt; of a model that was loaded, pandas.
            observe: Called with the progress. If not given, a notebook shows a bar.
            verbose: Whether it does.

        Raises:
            ConditionError: No row can meet the conditions, or next to none does.
            ConfigError: Options do not go together.
            NotFittedError: Nothing was learnt yet.
        """
        if given is not None:
            if balance or weights or passes or first or jobs != 1:
                raise ConfigError("given rows go together with where and seed only")
            frames = self._frames_of(given).named(frame)
            observer = watching(observe, verbose)
            rows = self._complete(to_pandas(given), n, where, seed, observer)
            done(observer)
            return frames.give(rows)
        frames = self._frames_of().named(frame)
        observer = watching(observe, verbose)
        blocks = self.sample_blocks(
            n,
            where=where,
            balance=balance,
            weights=weights,
            seed=seed,
            passes=passes,
            first=first,
            jobs=jobs,
            observe=observer,
        )
        rows = pd.concat(blocks, ignore_index=True)
        done(observer)
        return frames.give(rows)

    def _frames_of(self, table: Any = None) -> Frames:
        """Whose rows to give: those of a table, or of the one that was learnt.

        A table of some columns may be in types of the one that was learnt.
        """
        learnt: Frames = vars(self).get("_frames", Frames())
        if table is None:
            return learnt
        given = Frames.of(table)
        if given.library == learnt.library:
            return Frames(given.library, {**learnt.types, **given.types})
        return given

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
        n = _whole("the number of rows", n, 0)
        if n == 0:
            # One row is drawn for its columns, and for what is wrong with the options.
            blocks = self.sample_blocks(
                1,
                where=where,
                balance=balance,
                weights=weights,
                seed=seed,
                passes=passes,
                first=first,
                jobs=jobs,
            )
            return (block.iloc[:0] for block in blocks)
        requests = self.requests
        streams = self._streams(seed)
        many_passes = passes is not None and _whole("passes", passes, 1) > 1
        if many_passes and not self.config_.completes:
            raise ConfigError(
                "this model was trained without cross_entropy and density: it samples in 1 pass only"
            )
        predicates = requests.predicates(where)
        if passes is not None and (predicates or balance or weights):
            raise ConfigError(
                "passes cannot be chosen together with conditions, balance or weights"
            )
        first = _whole("first", first, 0)
        jobs = _whole("jobs", jobs, 1)
        if first or jobs > 1:
            if balance or weights:
                raise ConfigError(
                    "balance and weights count all rows before each one: leave out first and jobs"
                )
            grain = requests.grain(predicates)
            if jobs > 1 and n > grain:
                return parts.sampled(
                    self,
                    n,
                    jobs,
                    grain,
                    observe,
                    first,
                    where=where,
                    seed=seed,
                    passes=passes,
                )
        if balance is not None or weights:
            column, shares = _one_column(balance, weights)
            return requests.by_share(column, shares, predicates, n, streams, observe)
        if predicates:
            return requests.within(predicates, n, streams, observe, first=first)
        passes = passes or requests.recipe.passes
        return requests.rows(n, passes, streams, observe, first)

    def impute(
        self,
        table: pd.DataFrame,
        draws: int | None = None,
        *,
        columns: Sequence[str] | None = None,
        seed: int | None = None,
        observe: Observer = silent,
    ) -> Any:
        """A table with every missing cell drawn given the rest of its row.

        All other cells stay as they are.

        Args:
            table: Rows like those that were learnt; columns may be missing as a whole.
            draws: For multiple imputation (Rubin 1987), how many tables; then a list of them
                comes back.
            columns: Fill these only; None for all. They get the same cells as if all were
                filled, and missing cells of other columns stay missing.
            seed: Other seeds give other cells; None takes the seed of the fit.
            observe: Called with the progress.

        Raises:
            ConfigError: A number cannot be, or a name is not that of a column.
        """
        if draws is not None and draws < 1:
            raise ConfigError(f"draws must be at least 1, not {draws!r}")
        requests = self.requests
        frames = self._frames_of(table)
        table = to_pandas(table)
        for name in columns or ():
            if name not in self.schema_.names:
                near = hint(name, self.schema_.names, "the columns are")
                raise ConfigError(f"columns has {name!r}, which is not a column{near}")
        streams = self._streams(seed)
        tables = []
        for draw in range(draws or 1):
            of_draw = Streams(streams.integer("impute", draw))
            imputed = requests.completed_rows(
                table, (), of_draw, observe, none_missing=True
            )
            if columns is not None:
                imputed = _filled_only(columns, imputed, table)
            tables.append(frames.give(imputed))
        return tables[0] if draws is None else tables

    def _complete(
        self,
        given: pd.DataFrame,
        n: int | None,
        where: Where | None,
        seed: int | None,
        observe: Observer,
    ) -> pd.DataFrame:
        """Partial rows completed; with ``n``, so many of them, from the start again."""
        requests = self.requests
        if not isinstance(given, pd.DataFrame) or not len(given):
            raise DataError("given must be a DataFrame with at least one row")
        unknown = [name for name in given.columns if name not in self.schema_]
        if unknown:
            raise DataError(
                f"the given rows have a column {unknown[0]!r}, which the model does not know"
            )
        if n is not None:
            count = _whole("the number of rows", n, 1)
            given = given.take(np.arange(count) % len(given)).reset_index(drop=True)
        predicates = requests.predicates(where)
        streams = self._streams(seed)
        return requests.completed_rows(given, predicates, streams, observe)

    # ------------------------------------------------------------------------------------
    # What was learnt

    @property
    def fitted(self) -> bool:
        """Whether there is a model to sample from."""
        return "_requests" in vars(self)

    @property
    def requests(self) -> Requests:
        """The fitted model, as far as sampling concerns it.

        Raises:
            NotFittedError: Nothing was learnt yet.
        """
        if not self.fitted:
            raise _not_fitted("this model has not learnt a table yet: call fit first")
        return self._requests

    def describe(self) -> list[tuple[str, str]]:
        """What the model holds, as headings and sentences."""
        requests = self.requests
        ran = {
            "target": self.target,
            "preset": self.preset,
            "seed": self._streams().seed,
            "config": self.config_.to_json(),
            **self.report_,
        }
        return describe.in_words(
            requests.encoder, requests.networks, requests.recipe.critic, ran
        )

    def card(
        self,
        name: str = "model",
        report: Mapping[str, Any] | None = None,
        licence: str | None = None,
    ) -> str:
        """A model card in Markdown, in the format of Hugging Face.

        Args:
            name: Of the model.
            report: Figures to put into it, as `Report.to_dict` gives them.
            licence: As Hugging Face names it, such as "cc-by-4.0".

        Raises:
            NotFittedError: Nothing was learnt yet.
            DataError: ``report`` is no report.
        """
        return model_card(name, self.describe(), self.schema_, report, licence)

    def split(self, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows that `fit` trained on, and those that it held out.

        Args:
            table: The table that `fit` was given.

        Raises:
            DataError: It is another table, or no row was held out.
        """
        encoder = self.requests.encoder
        table = to_pandas(table)
        learnt = self.table_
        if "privacy" in self.report_:
            raise DataError(
                "a model with differential privacy has learnt no row, and holds none out: "
                f"leave some out before you fit it, and give them as {argument('holdout')}"
            )
        seed = self._streams().seed
        if learnt.total == len(table):
            table = table.iloc[draw_rows(len(table), learnt.rows, Streams(seed))]
        return holdout.parts(
            table,
            encoder.schema,
            learnt.rows,
            self.config_.holdout,
            seed,
            learnt.digest,
        )

    # ------------------------------------------------------------------------------------
    # Save and load

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file, whole or not at all. See `synthtab.model_file`."""
        model_file.save(self._bundle(), path)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str] | IO[bytes], device: str = "auto"
    ) -> Synthesizer:
        """Read a model file onto any device.

        Raises:
            ArtefactError: The file is missing, damaged, foreign or of a newer format.
        """
        bundle = model_file.load(path)
        # The machine's fault, not that of the file.
        compute.pick(device)
        try:
            return cls._from_bundle(bundle, device)
        except MissingExtraError:
            raise
        except Exception as error:
            # Any: nobody can list what a forged file makes go wrong.
            what = " ".join(str(error).split())[:120] or type(error).__name__
            raise ArtefactError(
                f"{path} does not fit together ({what}): copy or fit it again"
            ) from None

    def _bundle(self) -> model_file.Bundle:
        """The parts of the model file."""
        requests = self.requests
        recipe = requests.recipe
        state = requests.encoder.state()
        schema = state.pop("schema")
        joined = None
        if recipe.joined:
            joined = to_names(requests.encoder.layout, recipe.joined)
        manifest = {
            "preset": self.preset,
            "target": self.target,
            "seed": self._streams().seed,
            "table": asdict(self.table_),
            "sampling": {"passes": recipe.passes, "plans": joined},
            "repeats": recipe.repeats.shares if recipe.repeats else [],
            "report": self.report_,
        }
        return model_file.Bundle(
            manifest,
            schema,
            state,
            self.config_.to_json(),
            requests.networks.state_dict() if requests.networks else {},
            recipe.critic.state() if recipe.critic else {},
        )

    @classmethod
    def _from_bundle(cls, bundle: model_file.Bundle, device: str) -> Synthesizer:
        manifest = bundle.manifest
        config = TrainConfig.from_json(bundle.config)
        model = cls(
            manifest["preset"],
            target=manifest["target"],
            seed=manifest["seed"],
            device=device,
            **_changes(manifest["preset"], config),
        )
        model.config_ = config
        model.device_ = compute.pick(device)
        model.report_ = FitReport(manifest["report"])
        model.table_ = LearntTable(**manifest["table"])

        encoder = TableEncoder.from_state({**bundle.encoder, "schema": bundle.schema})
        encoder.try_out()
        networks = None
        if bundle.weights:
            networks = Networks.of_file(encoder.layout, config, bundle.weights)
            networks.to(model.device_)
        sampling = manifest["sampling"]
        joined = None
        if sampling["plans"]:
            joined = from_names(encoder.layout, sampling["plans"])
        critic = None
        if bundle.trees:
            numbers = encoder.numbers_of_followers if encoder.followers else None
            critic = TreeCritic.from_state(bundle.trees, numbers)
            critic.check(len(encoder.layout.blocks), len(encoder.followers))
        shares = tuple(map(float, manifest.get("repeats", ())))
        recipe = Recipe(
            sampling["passes"], joined, critic, Repeats(shares) if shares else None
        )
        model._become(encoder, networks, recipe)
        return model

    def __getstate__(self) -> dict[str, Any]:
        """Pickled as its file, where it is fitted: other processes get no code to run."""
        if not self.fitted:
            return dict(vars(self))
        return {
            "parameters": self.get_params(),
            "file": model_file.packed(self._bundle()),
            "device": self.device_,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "file" not in state:
            vars(self).update(state)
            return
        vars(self).update(vars(Synthesizer(**state["parameters"])))
        self._take(state["file"], state["device"])

    def _take(self, file: bytes, device: torch.device) -> None:
        """Become the model of a file, on a device or, where that is not here, on any.

        The parameters stay: a file holds them as the config that ran.
        """
        is_here = device.type != "cuda" or torch.cuda.is_available()
        name = device.type if is_here else "auto"
        parameters = self.get_params()
        # All that the loaded model is; then, over it, the parameters as they were.
        vars(self).update(vars(self.load(io.BytesIO(file), name)))
        vars(self).update(vars(Synthesizer(**parameters)))

    # ------------------------------------------------------------------------------------
    # Old names, for one version

    @property
    def schema(self) -> Schema:
        """`schema_` by its old name."""
        _warn_of_old_name("schema")
        return self.requests.encoder.schema

    @property
    def report(self) -> dict[str, Any]:
        """`report_` by its old name; empty before `fit`."""
        _warn_of_old_name("report")
        return self.report_ if self.fitted else {}

    # ------------------------------------------------------------------------------------
    # scikit-learn asks for these

    def __sklearn_is_fitted__(self) -> bool:
        return self.fitted

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            input_tags=InputTags(categorical=True, string=True, allow_nan=True),
        )


# ------------------------------------------------------------------------------------------
# Parameters


def _require_resumable(model: Synthesizer, world: compute.World) -> None:
    """Refuse a checkpoint where no fit can go on from it.

    Raises:
        ConfigError: Says why.
    """
    name = argument("checkpoint")
    if model.epsilon is not None:
        raise ConfigError(
            f"{name} and {argument('epsilon')} exclude each other: the noise of a fit that "
            "begins again would be paid for twice"
        )
    if world.size > 1:
        raise ConfigError(f"{name} goes together with one process only")


def _changes(preset: str, config: TrainConfig) -> dict[str, Any]:
    """The parameters with which a preset gives a config."""
    usual = configure(preset)
    changes = {}
    for field in fields(TrainConfig):
        value = getattr(config, field.name)
        if value != getattr(usual, field.name):
            # 0 stands for "not given" there, and None here.
            is_unset = field.name in ("time", "epochs") and not value
            changes[field.name] = None if is_unset else value
    return changes


def _whole(what: str, value: Any, least: int) -> int:
    """A whole number that is at least so large."""
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_whole or value < least:
        raise ConfigError(
            f"{what} must be a whole number of {least} or more, not {value!r}"
        )
    return int(value)


def _one_column(
    balance: str | None, weights: Mapping[str, Mapping[Any, float]] | None
) -> tuple[str, Mapping[Any, float] | None]:
    """The column whose shares are asked for, and the shares; None for equal ones."""
    asked: list[tuple[str, Mapping[Any, float] | None]] = []
    if balance:
        asked.append((balance, None))
    asked += list((weights or {}).items())
    if len(asked) > 1:
        raise ConfigError("balance and weights are of one column")
    return str(asked[0][0]), asked[0][1]


def _filled_only(
    columns: Sequence[str], imputed: pd.DataFrame, table: pd.DataFrame
) -> pd.DataFrame:
    """An imputed table with the other columns as they were, missing cells included."""
    parts = {}
    for name in imputed.columns:
        if name in columns:
            parts[name] = imputed[name]
        elif name in table.columns:
            parts[name] = table[name]
    return pd.DataFrame(parts, index=imputed.index)


def _repeats(source: Source, encoder: TableEncoder, rare: int) -> Repeats | None:
    """How often the rows of a table are equal, where that can be told and made.

    Keys differ from row to row, and so do rows that must not repeat. Of a person, several
    rows are no matter of chance; of a part of a table, too few are seen.
    """
    invented = any(
        isinstance(one, ColumnEncoder) and one.invented for one in encoder.columns
    )
    enforced = encoder.enforced
    differ = invented or (enforced.steps and enforced.spanning)
    if (
        differ
        or encoder.schema.person
        or source.path
        or len(source.sample) < source.rows
    ):
        return None
    return find_repeats(source.sample, max(rare, 1))


def _encoder_of(
    start: Synthesizer,
    source: Source,
    schema: Schema,
    streams: Streams,
    observe: Observer,
) -> TableEncoder:
    """The encoding of a model, for further rows; says what of them it does not know."""
    old = start.requests.encoder
    rows = len(source.sample)
    for name, count in old.strangers(source.sample).items():
        if count > MOST_STRANGERS * rows:
            raise DataError(
                f"column {name!r}: {count:,} of {rows:,} cells are categories, numbers or "
                "dates that the model to go on from does not know: fit both tables "
                "together, or leave the column out of both"
            )
        if count > FEWEST_STRANGERS * rows:
            message = (
                f"column {name!r}: the model to go on from does not know {count:,} of "
                f"{rows:,} cells; they are learnt as the nearest, or any, that it knows"
            )
            observe(Progress("find relations", message=message))
    whole, people = source.whole(schema), source.people(schema)
    return old.going_on(source.sample, streams, whole, people)


def _digest_of(networks: Networks) -> str:
    """A digest of weights."""
    digest = hashlib.sha256()
    for weights in networks.state_dict().values():
        digest.update(weights.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _lineage(start: Synthesizer | None) -> dict[str, Any]:
    """What a report says of the model that a fit went on from, if there is one."""
    if start is None:
        return {}
    lineage: dict[str, Any] = {
        "rows": start.report_["rows"],
        "steps": start.report_["steps"],
    }
    if "from" in start.report_:
        lineage["from"] = start.report_["from"]
    return {"from": lineage}


def _report_before_training(
    source: Source,
    held_out: int,
    digest: str,
    config: TrainConfig,
    device: torch.device,
    processes: int,
) -> dict[str, Any]:
    """What is known of a fit before its first step; the training fills in the rest.

    An entry that is no matter of this fit, such as the size of the sample of a table that
    was read as a whole, is left out.
    """
    report: dict[str, Any] = {"rows": source.rows}
    if source.total:
        report["total"] = source.total
    if source.path:
        report["sample"] = len(source.sample)
    report |= {
        "holdout_rows": held_out,
        "digest": digest,
        "device": str(device),
        "platform": platform.platform(),
        "versions": {
            "synthtab": __version__,
            "torch": torch.__version__,
            "pandas": pd.__version__,
        },
    }
    if processes > 1:
        report["processes"] = processes
    return report | {
        "steps": 0,
        "seconds": 0.0,
        "stopped": "nothing to learn",
        "best": None,
        "history": [],
        "warnings": [],
        "passes": config.passes or 1,
    }


@cache
def _not_fitted_class() -> type[NotFittedError]:
    """Our `NotFittedError` that is scikit-learn's as well.

    Made when it is first needed: scikit-learn takes a second to import.
    """
    from sklearn.exceptions import NotFittedError as OfSklearn

    return type("NotFittedError", (NotFittedError, OfSklearn), {})


def _not_fitted(message: str) -> NotFittedError:
    return _not_fitted_class()(message)


def _warn_of_old_name(name: str) -> None:
    warnings.warn(
        f"Synthesizer.{name} is now {name}_, and will be gone in the next version",
        DeprecationWarning,
        stacklevel=3,
    )
