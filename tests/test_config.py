"""The one place of defaults: presets resolve, bad values are named, durations are read."""

import pytest

from synthtab.core.config import PRESETS, TrainConfig, configure, seconds
from synthtab.core.errors import ConfigError


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_resolve_and_round_trip(preset: str) -> None:
    config = configure(preset)
    assert TrainConfig.from_json(config.to_json()) == config
    assert all(getattr(config, k) == v for k, v in PRESETS[preset].items())


def test_the_ctgan_preset_is_the_papers_recipe() -> None:
    config = configure("ctgan")
    assert (
        config.loss,
        config.packing,
        config.batch,
        config.epochs,
        config.condition,
    ) == (
        "wgan-gp",
        10,
        500,
        300,
        "category",
    )
    assert (
        config.penalty,
        config.temperature,
        config.beta1,
        config.beta2,
        config.lr_generator,
    ) == (
        10,
        0.2,
        0.5,
        0.9,
        2e-4,
    )


def test_none_leaves_the_preset_alone() -> None:
    assert configure("quick", time=None, epochs=None) == configure("quick")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("condition", "sometimes"),
        ("width", 0),
        ("holdout", 0.9),
        ("batch", -1),
        ("temperature", 0),
        ("lr_critic", -1e-3),
        ("wdith", 3),
        ("moments", -1),
        ("epochs", -2),
        ("depth", "deep"),
        ("adversarial_every", 0),
    ],
)
def test_bad_values_are_named(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=field) as caught:
        configure("default", **{field: value})
    assert "\n" not in str(caught.value)


def test_a_misspelt_option_is_corrected() -> None:
    with pytest.raises(ConfigError, match="did you mean 'width'"):
        configure("default", widht=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("5m", 300), ("1.5h", 5400), ("1h30m", 5400), (7, 7)],
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "0", "5d", "1..5m", -3, 0, float("nan"), float("inf")]
)
def test_bad_durations(text: object) -> None:
    with pytest.raises(ConfigError, match="time"):
        seconds(text)  # type: ignore[arg-type]
