"""The model file: one zip of readable JSON and safetensors weights. Data, never code; no training row.

manifest.json        format number, versions, seed, what ran, held-out scores
schema.json          what the columns are
encoder.json         how cells become codes and offsets
config.json          the training configuration that ran
weights.safetensors  the generator
trees.safetensors    the boosted trees and frequencies that choose among its rows, where there are any
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import safetensors
import safetensors.torch
from torch import Tensor

from synthtab.core.errors import ArtefactError
from synthtab.core.files import replacing

FORMAT = 3
JSON_PARTS = ("manifest", "schema", "encoder", "config")
WEIGHTS, TREES = "weights.safetensors", "trees.safetensors"


@dataclass(frozen=True)
class Bundle:
    """The parts of a model file, as plain data and tensors on the CPU."""

    manifest: Mapping[str, Any]
    schema: Any
    encoder: Mapping[str, Any]
    config: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    trees: Mapping[str, Tensor]


def save(bundle: Bundle, path: str | os.PathLike[str]) -> None:
    """Write the file whole or not at all: to a temporary name beside it, then renamed."""
    with replacing(path) as scratch:
        _write(bundle, scratch)


def packed(bundle: Bundle) -> bytes:
    """The content of the file."""
    file = io.BytesIO()
    _write(bundle, file)
    return file.getvalue()


def _write(bundle: Bundle, target: Path | IO[bytes]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name in JSON_PARTS:
            data = getattr(bundle, name)
            if name == "manifest":
                data = {"format": FORMAT, **data}
            file.writestr(f"{name}.json", json.dumps(data, indent=1, allow_nan=False))
        for name, tensors in ((WEIGHTS, bundle.weights), (TREES, bundle.trees)):
            whole = {
                key: tensor.detach().cpu().contiguous()
                for key, tensor in tensors.items()
            }
            file.writestr(name, safetensors.torch.save(whole), zipfile.ZIP_STORED)


def load(path: str | os.PathLike[str] | IO[bytes]) -> Bundle:
    """Read a model file; nothing in it is executed.

    Raises:
        ArtefactError: It is missing, damaged, no model file, or of a newer format.
    """
    try:
        with zipfile.ZipFile(path) as file:
            if "manifest.json" not in file.namelist():
                raise ArtefactError(
                    f"{path} is not a synthtab model: it has no manifest.json"
                )
            manifest = json.loads(file.read("manifest.json"))
            _check_format(manifest, path)
            manifest = _of_newest_format(manifest)
            parts = {name: json.loads(file.read(f"{name}.json")) for name in JSON_PARTS}
            weights, trees = (_tensors(file, name) for name in (WEIGHTS, TREES))
            return Bundle(
                **{**parts, "manifest": manifest}, weights=weights, trees=trees
            )
    except FileNotFoundError:
        raise ArtefactError(
            f"no model file {path}: make one with `synthtab fit`"
        ) from None
    except IsADirectoryError:
        raise ArtefactError(f"{path} is a folder, not a model file") from None
    except PermissionError:
        raise ArtefactError(f"{path} cannot be read: permission denied") from None
    except zipfile.BadZipFile:
        raise ArtefactError(
            f"{path} is not a synthtab model, or only a part of one: copy or fit it again"
        ) from None
    except (
        KeyError,
        EOFError,
        ValueError,
        OSError,
        safetensors.SafetensorError,
        zlib.error,
    ) as error:
        if isinstance(error, ArtefactError):
            raise
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ArtefactError(
            f"{path} is damaged ({what}): copy or fit it again"
        ) from None


def _tensors(file: zipfile.ZipFile, name: str) -> dict[str, Tensor]:
    """Format 1 had no trees."""
    return (
        safetensors.torch.load(file.read(name))
        if name == WEIGHTS or name in file.namelist()
        else {}
    )


def _check_format(manifest: Any, path: object) -> None:
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(found, int):
        raise ArtefactError(
            f"{path} is not a synthtab model: its manifest names no format"
        )
    if found > FORMAT:
        raise ArtefactError(
            f"{path} has format {found}, newer than this version reads ({FORMAT}): pip install --upgrade synthtab"
        )


def _of_newest_format(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest of an older format as one of this format.

    Up to format 2, which table was learnt and how its rows are drawn stood in the report.
    """
    if manifest["format"] >= 3:
        return manifest
    report = manifest["report"]
    return {
        **manifest,
        "table": {name: report.get(name) for name in ("rows", "total", "digest")},
        "sampling": {
            "passes": report.get("passes") or 1,
            "plans": report.get("plans"),
        },
    }
