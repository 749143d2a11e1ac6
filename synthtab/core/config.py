"""Every dial of training, its default, and the presets: the only defaults there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from synthtab.core.errors import ConfigError, hint

# Where networks can compute; "auto" is a GPU where there is one.
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class TrainConfig:
    """What `fit` does. Sizes left at 0 are derived from the table.

    Attributes:
        loss: Adversarial loss, a name in `synthtab.model.losses.ADVERSARIAL`, which
            checks it: this module does not import the model.
        adversarial, cross_entropy, density, moments: Weights of the four losses of the
            generator; 0 switches one off (see `synthtab.model.losses`).
        condition: What the adversarial batch observes: "nothing", or "category" (one
            category of one column, by log-frequency, arXiv 1907.00503).
        adversarial_every: The critic's game is played every so many steps; all steps
            learn to complete rows.
        completer: What says what hidden cells are: "network"; "forest", trees for small
            tables (see `synthtab.model.forest`); or "auto", what suits the rows.
        network: "residual", or "concat" for the networks of arXiv 1907.00503.
        continuous: "cdf", one mode per numeric column, or "mixture", up to `modes`
            Gaussian ones.
        modes: Largest number of continuous modes of a column.
        links: Whether cells that follow from another cell of their row get a code that
            says so (see `synthtab.data.relations.links`), and rules say which cells go
            together (see `synthtab.data.relations.rules`).
        crosses: Whether combinations of columns that say more than each by itself get
            an embedding of their own (see `synthtab.data.relations.crosses`).
        rare: Values that fewer rows have are not stored, nor come back; 0 to store all
            (see `synthtab.data.columns.disclosure`).
        width, depth: Size of the residual blocks of the generator and the critic, and
            their number.
        noise: Dimension of the noise.
        batch: Rows per step.
        packing: Rows that the critic judges together (PacGAN, arXiv 1712.04086).
        critic_steps: Critic updates per generator update.
        penalty: Weight of the gradient penalty (R1 and R2, or that of WGAN-GP).
        penalty_every: The penalty of the relativistic loss is taken every so many
            steps, times as many.
        temperature: Of the Gumbel-softmax.
        hard: Straight-through: the critic sees one-hot vectors and no softness.
        lr_generator, lr_critic: Learning rates of Adam.
        beta1, beta2, weight_decay: The other constants of Adam.
        decay: Decoupled weight decay of what completes rows (AdamW, arXiv 1711.05101).
        ema: Half-life of the moving average of the generator, in steps; 0 for none.
        moment_budget: Most features among which pair moments are matched in one step.
        work: Compute to spend, in TFLOP, when neither `epochs` nor `time` is given.
        epochs: Passes over the training rows; 0 to derive them from `work`.
        time: Most seconds of a fit, from reading to saving; 0 for no limit.
        patience: Stop after so many evaluations without a better held-out score; 0
            never.
        checks: Held-out evaluations during a fit.
        holdout: Share of the rows kept out of training to choose the checkpoint by.
        passes: Passes of sampling; 0 to choose by held-out score among one pass and one
            per column.
        rounds: Rounds of boosted trees that choose among the generated rows; 0 for none
            (see `synthtab.sampling.refinement`).
        rake: Whether the rows that are kept match the one-way frequencies of the
            training rows.
    """

    # Losses
    loss: str = "relativistic"
    adversarial: float = 1.0
    cross_entropy: float = 1.0
    density: float = 1.0
    moments: float = 1.0
    # The critic's game
    condition: str = "nothing"
    adversarial_every: int = 8
    completer: str = "auto"
    network: str = "residual"
    # How cells become codes and offsets
    continuous: str = "cdf"
    modes: int = 10
    links: bool = True
    crosses: bool = True
    rare: int = 5
    # Sizes of networks and batches
    width: int = 256
    depth: int = 2
    noise: int = 128
    batch: int = 512
    packing: int = 1
    # The critic again: how often it learns, and what holds it back
    critic_steps: int = 1
    penalty: float = 1.0
    penalty_every: int = 4
    temperature: float = 0.5
    hard: bool = True
    # Optimisation
    lr_generator: float = 2e-3
    lr_critic: float = 2e-3
    beta1: float = 0.0
    beta2: float = 0.99
    weight_decay: float = 0.0
    decay: float = 0.1
    ema: float = 300.0
    moment_budget: int = 1024
    # How long to train
    work: float = 45.0
    epochs: int = 0
    time: float = 0.0
    patience: int = 0
    checks: int = 12
    holdout: float = 0.1
    # How rows are made
    passes: int = 0
    rounds: int = 2
    rake: bool = True

    def __post_init__(self) -> None:
        check_choice("condition", self.condition, ("nothing", "category"))
        check_choice("completer", self.completer, ("auto", "network", "forest"))
        check_choice("network", self.network, ("residual", "concat"))
        check_choice("continuous", self.continuous, ("cdf", "mixture"))
        for name in AT_LEAST_ONE:
            value = getattr(self, name)
            _check(value >= 1, name, value, "must be at least 1")
        for name in NOT_NEGATIVE:
            value = getattr(self, name)
            _check(value >= 0, name, value, "must not be negative")
        for name in POSITIVE:
            value = getattr(self, name)
            _check(value > 0, name, value, "must be positive")
        # With more held out than learnt, the wrong part would be learnt.
        _check(
            0 <= self.holdout <= 0.5,
            "holdout",
            self.holdout,
            "must be a share of the rows from 0 to 0.5",
        )
        # The critic sees packs of rows, and a batch must be whole packs.
        _check(
            self.batch % self.packing == 0,
            "batch",
            self.batch,
            f"must be a multiple of packing={self.packing}",
        )
        _check(
            self.adversarial + self.cross_entropy + self.moments > 0,
            "adversarial",
            self.adversarial,
            "may be 0 only while another loss is on",
        )

    @property
    def completes(self) -> bool:
        """Whether the generator learns to complete rows of which a part is observed."""
        by_likelihood = self.cross_entropy > 0 or self.density > 0
        return self.condition == "nothing" and by_likelihood

    @property
    def invents(self) -> bool:
        """Whether the generator learns to make whole rows in one pass."""
        return self.condition == "category" or self.adversarial > 0 or self.moments > 0

    def to_json(self) -> dict[str, Any]:
        """Plain data, as `from_json` takes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainConfig:
        """A config from plain data; fields that are absent take their default.

        Raises:
            ConfigError: A name is unknown or a value cannot work.
        """
        return replace(cls(), **_typed(data))


AT_LEAST_ONE = (
    "width",
    "depth",
    "noise",
    "batch",
    "packing",
    "critic_steps",
    "penalty_every",
    "adversarial_every",
    "modes",
)
NOT_NEGATIVE = (
    "adversarial",
    "cross_entropy",
    "density",
    "moments",
    "penalty",
    "epochs",
    "time",
    "passes",
    "rounds",
    "rare",
)
POSITIVE = ("lr_generator", "lr_critic", "temperature")

# Preset -> what differs from the defaults of `TrainConfig`.
PRESETS: dict[str, dict[str, Any]] = {
    "quick": dict(work=7.0, checks=5),
    "default": dict(),
    "best": dict(work=450.0, checks=60, patience=15),
    # As near to arXiv 1907.00503 as this code comes.
    "ctgan": dict(
        loss="wgan-gp",
        cross_entropy=1.0,
        density=0.0,
        moments=0.0,
        condition="category",
        network="concat",
        continuous="mixture",
        modes=10,
        links=False,
        crosses=False,
        batch=500,
        packing=10,
        penalty=10.0,
        penalty_every=1,
        adversarial_every=1,
        temperature=0.2,
        hard=False,
        lr_generator=2e-4,
        lr_critic=2e-4,
        beta1=0.5,
        beta2=0.9,
        weight_decay=1e-6,
        ema=0.0,
        epochs=300,
        checks=10,
        passes=1,
        rounds=0,
        rake=False,
    ),
}


def configure(preset: str = "default", **overrides: Any) -> TrainConfig:
    """The config of a preset, with some fields replaced.

    An override of None leaves the value of the preset.

    Raises:
        ConfigError: The preset or a field is unknown, or a value cannot work.
    """
    check_choice("preset", preset, tuple(PRESETS))
    values = dict(PRESETS[preset])
    for name, value in overrides.items():
        if value is not None:
            values[name] = value
    return replace(TrainConfig(), **_typed(values))


def of_parameters(
    preset: str,
    time: float | str | None,
    epochs: int | None,
    **overrides: Any,
) -> TrainConfig:
    """The config that the parameters of a `Synthesizer` mean.

    Raises:
        ConfigError: One of them cannot work.
    """
    if epochs is not None and epochs < 1:
        raise ConfigError(f"epochs must be at least 1, not {epochs!r}")
    limit = None if time is None else seconds(time)
    return configure(preset, time=limit, epochs=epochs, **overrides)


# What a fit that goes on from a model decides anew; all else is as it was for the model.
OF_TRAINING = (
    "work",
    "epochs",
    "time",
    "patience",
    "checks",
    "holdout",
    "passes",
    "rounds",
    "rake",
    "batch",
)


def going_on(
    config: TrainConfig, asked: Mapping[str, Any], start: TrainConfig
) -> TrainConfig:
    """The config of a fit that goes on from a model.

    Args:
        config: What the parameters say.
        asked: The dials that were named.
        start: The config of the model.

    Raises:
        ConfigError: A dial was named that the model has decided.
    """
    for name, value in asked.items():
        if name not in OF_TRAINING and value not in (None, getattr(start, name)):
            raise ConfigError(
                f"{name} is {getattr(start, name)!r} in the model to go on from: "
                "leave it out, or fit all rows anew"
            )
    return replace(start, **{name: getattr(config, name) for name in OF_TRAINING})


# Hours, minutes and seconds; only the last unit may be left out: "1h30m", "90s", "90".
_DURATION = re.compile(r"\s*(?:([\d.]+)h)?\s*(?:([\d.]+)m)?\s*(?:([\d.]+)s?)?\s*")
_UNITS = (3600, 60, 1)


def seconds(text: str | float) -> float:
    """A duration in seconds: 90, "90", "90s", "5m", "1.5h", "1h30m".

    Raises:
        ConfigError: It is none of these, or not positive.
    """
    value = _parse_duration(text) if isinstance(text, str) else float(text)
    _check(0 < value < float("inf"), "time", text, "must be positive")
    return value


def _parse_duration(text: str) -> float:
    complaint = ConfigError(
        f"time {text!r} is not a duration: write, for example, 90s, 5m or 1.5h"
    )
    match = _DURATION.fullmatch(text.lower())
    # Every part may be missing, but not all of them.
    if match is None or not any(match.groups()):
        raise complaint
    total = 0.0
    for figure, unit in zip(match.groups(), _UNITS, strict=True):
        try:
            total += float(figure or 0) * unit
        except ValueError:
            # Digits and dots that are no number: "1.2.3".
            raise complaint from None
    return total


def check_names(names: Iterable[str]) -> None:
    """Refuse names that are no fields of `TrainConfig`.

    Raises:
        ConfigError: One of them is not; the message has the nearest one that is.
    """
    dials = [field.name for field in fields(TrainConfig)]
    for name in names:
        if name not in dials:
            raise ConfigError(f"unknown option {name!r}{hint(name, dials)}")


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of fields in the fields' types: JSON and the command line may mix them."""
    check_names(values)
    types = {"int": int, "float": float, "str": str, "bool": bool}
    # Annotations are text in this module.
    type_names = {field.name: str(field.type) for field in fields(TrainConfig)}
    typed = {}
    for name, value in values.items():
        wanted = types[type_names[name]]
        try:
            typed[name] = wanted(value)
        except (TypeError, ValueError):
            raise ConfigError(
                f"{name} must be of type {wanted.__name__}, not {value!r}"
            ) from None
    return typed


def _check(good: bool, name: str, value: object, what: str) -> None:
    if not good:
        raise ConfigError(f"{name} {what}, not {value!r}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise a `ConfigError` for a value that is none of the choices."""
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
