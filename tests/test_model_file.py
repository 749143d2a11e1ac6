"""Damaged model files: each is refused by name, or gives the rows of the undamaged one."""

from __future__ import annotations

import dataclasses
import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthtab import Synthesizer, datasets, model_file
from synthtab.core.errors import ArtefactError, SynthtabError

TINY = dict(width=16, noise=8, batch=40, epochs=2, rounds=1, seed=0)
ROWS = 12


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    return Synthesizer(target="species", **TINY).fit(datasets.load("penguins"))


@pytest.fixture(scope="module")
def saved(model: Synthesizer, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "penguins.synthtab"
    model.save(path)
    return path.read_bytes()


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return packed.getvalue()


# ------------------------------------------------------------------------------------------
# Ways to damage a file, each at a place that ``rng`` chooses


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """One bit, anywhere in the file."""
    place = int(rng.integers(len(data)))
    return (
        data[:place]
        + bytes([data[place] ^ (1 << int(rng.integers(8)))])
        + data[place + 1 :]
    )


def flip_in_the_directory(data: bytes, rng: np.random.Generator) -> bytes:
    """One bit of the zip's table of contents, which stands at its end."""
    place = len(data) - 1 - int(rng.integers(400))
    return (
        data[:place]
        + bytes([data[place] ^ (1 << int(rng.integers(8)))])
        + data[place + 1 :]
    )


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data)))]


def overwrite(data: bytes, rng: np.random.Generator) -> bytes:
    """A run of random bytes."""
    place, length = int(rng.integers(len(data))), int(rng.integers(1, 200))
    return data[:place] + rng.bytes(length) + data[place + length :]


def drop_a_member(data: bytes, rng: np.random.Generator) -> bytes:
    parts = members(data)
    del parts[str(rng.choice(list(parts)))]
    return zipped(parts)


def rename_a_member(data: bytes, rng: np.random.Generator) -> bytes:
    parts = members(data)
    name = str(rng.choice(list(parts)))
    return zipped({("x" + n if n == name else n): d for n, d in parts.items()})


def change_a_member(data: bytes, rng: np.random.Generator) -> bytes:
    """A byte of its content; the zip's own checksum is made anew."""
    parts = members(data)
    name = str(rng.choice(list(parts)))
    return zipped({**parts, name: flip(parts[name], rng)})


def change_a_value(data: bytes, rng: np.random.Generator) -> bytes:
    """Of the JSON of a member, one value becomes another."""
    parts = members(data)
    name = str(rng.choice([n for n in parts if n.endswith(".json")]))
    content = json.loads(parts[name])
    change_somewhere(content, rng)
    return zipped({**parts, name: json.dumps(content).encode()})


ODD = (None, True, -1, 0, 10**12, 1e300, "", "x", [], {}, [[]], "0" * 500)


def change_somewhere(content: Any, rng: np.random.Generator) -> None:
    """Walk down to a random place, and put something odd there, or nothing."""
    while True:
        keys = list(content) if isinstance(content, dict) else list(range(len(content)))
        key = keys[int(rng.integers(len(keys)))]
        inner = content[key]
        if isinstance(inner, (dict, list)) and len(inner) and rng.random() < 0.9:
            content = inner
            continue
        if rng.random() < 0.2:
            del content[key]
        else:
            content[key] = ODD[int(rng.integers(len(ODD)))]
        return


DAMAGES = (
    flip,
    flip_in_the_directory,
    cut,
    overwrite,
    drop_a_member,
    rename_a_member,
    change_a_member,
    change_a_value,
)


def same(one: model_file.Bundle, other: model_file.Bundle) -> bool:
    """Whether two files hold one model."""
    for field in dataclasses.fields(one):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name not in ("weights", "trees"):
            if ours != theirs:
                return False
        elif ours.keys() != theirs.keys() or not all(
            torch.equal(ours[name], theirs[name]) for name in ours
        ):
            return False
    return True


def check(saved: bytes, damage: Callable[..., bytes], times: int) -> None:
    whole = model_file.load(io.BytesIO(saved))
    refused = 0
    for seed in range(times):
        damaged = damage(saved, np.random.default_rng(seed))
        try:
            found = model_file.load(io.BytesIO(damaged))
        except ArtefactError:
            refused += 1
            continue
        # A byte that says nothing, such as one of a time stamp.
        assert same(found, whole), f"{damage.__name__}, seed {seed}"
    assert refused > 0


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_a_damaged_file_is_refused_or_gives_the_same_rows(
    saved: bytes, damage: Callable[..., bytes]
) -> None:
    check(saved, damage, 60)


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_five_thousand_damaged_files(
    saved: bytes, damage: Callable[..., bytes]
) -> None:
    check(saved, damage, 5000 // len(DAMAGES))


def sealed(bundle: model_file.Bundle) -> io.BytesIO:
    """A file with the digests that belong to it: not damaged, but made to do harm."""
    return io.BytesIO(model_file.packed(bundle))


def check_sealed(saved: bytes, seeds: range) -> None:
    """It is refused, or an error of ours comes when it is used, or rows: no traceback.

    Either within five seconds, and an error is one line.
    """
    for seed in seeds:
        rng = np.random.default_rng(seed)
        bundle = model_file.load(io.BytesIO(saved))
        part = str(rng.choice(["manifest", "schema", "encoder", "config"]))
        content = json.loads(json.dumps(getattr(bundle, part)))
        change_somewhere(content, rng)
        begin = time.process_time()
        try:
            changed = dataclasses.replace(bundle, **{part: content})
            rows = Synthesizer.load(sealed(changed), device="cpu").sample(ROWS)
            answer = str(len(rows))
        except SynthtabError as error:
            answer = str(error)
        assert answer.isdigit() == (answer == str(ROWS)), f"seed {seed}"
        assert "\n" not in answer, f"seed {seed}"
        assert time.process_time() - begin < 5, f"seed {seed}"


@pytest.mark.long
def test_a_forged_file_is_no_traceback(saved: bytes) -> None:
    check_sealed(saved, range(20))


@pytest.mark.slow
@pytest.mark.parametrize("thousand", range(5))
def test_five_thousand_forged_files(saved: bytes, thousand: int) -> None:
    check_sealed(saved, range(1000 * thousand, 1000 * (thousand + 1)))


def test_weights_of_another_size_do_not_fit_together(saved: bytes) -> None:
    bundle = model_file.load(io.BytesIO(saved))
    for forged in ({"width": 32}, {"width": 10**9}, {"depth": 10**9}, {"noise": 9}):
        other = dataclasses.replace(bundle, config={**bundle.config, **forged})
        with pytest.raises(ArtefactError, match="fit together"):
            Synthesizer.load(sealed(other), device="cpu")


@pytest.mark.parametrize("value", [10**12, 1e300, "yes", None])
def test_a_truth_that_is_a_number_is_refused_at_once(saved: bytes, value: Any) -> None:
    bundle = model_file.load(io.BytesIO(saved))

    def places(content: Any) -> list[dict[str, Any]]:
        """Where the state of a column says whether cells are missing."""
        if isinstance(content, list):
            return [place for inner in content for place in places(inner)]
        if not isinstance(content, dict):
            return []
        own = [content] if isinstance(content.get("missing"), bool) else []
        return own + places(list(content.values()))

    found = places(bundle.encoder)
    assert len(found) > 5
    for place in found:
        place["missing"], true = value, place["missing"]
        with pytest.raises(ArtefactError, match="fit together"):
            Synthesizer.load(sealed(bundle), device="cpu")
        place["missing"] = true


def test_numbers_that_are_not_finite_are_refused(saved: bytes) -> None:
    bundle = model_file.load(io.BytesIO(saved))
    name = next(iter(bundle.weights))
    bundle.weights[name].view(-1)[0] = float("nan")  # type: ignore[index]
    with pytest.raises(ArtefactError, match="not finite"):
        model_file.load(sealed(bundle))


@pytest.mark.long
def test_a_small_file_cannot_fill_the_memory(saved: bytes) -> None:
    parts = members(saved)
    parts["encoder.json"] = b"[" + b" " * 500_000_000 + b"]"
    bomb = zipped(parts)
    assert len(bomb) < 2_000_000
    with pytest.raises(ArtefactError, match="unpacked, it would take"):
        model_file.load(io.BytesIO(bomb))


def test_nesting_without_end_is_refused(saved: bytes) -> None:
    parts = members(saved)
    parts["manifest.json"] = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(ArtefactError, match="damaged"):
        model_file.load(io.BytesIO(zipped(parts)))


def test_the_message_names_the_file_and_what_changed(
    tmp_path: Path, saved: bytes
) -> None:
    parts = members(saved)
    parts["trees.safetensors"] = parts["weights.safetensors"]
    path = tmp_path / "m.synthtab"
    path.write_bytes(zipped(parts))
    with pytest.raises(ArtefactError) as caught:
        Synthesizer.load(path)
    assert str(caught.value) == (
        f"{path} is damaged (trees.safetensors changed): copy or fit it again"
    )
