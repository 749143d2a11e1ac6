"""The model file: a zip of readable JSON and weights. No code, and no training row.

    manifest.json        format number, versions, seed, what ran, held-out scores;
                         a digest of each other member, and one of the manifest itself
    schema.json          what the columns are
    encoder.json         how cells become codes and offsets
    config.json          the training configuration that ran
    weights.safetensors  the networks that make rows
    trees.safetensors    the boosted trees and frequencies that choose among these
                         rows; no tensor in it where there are none

`load` checks a file as a whole before anything of it is used (`_read`: sizes, format,
members, digests, numbers). A flipped byte must not give other rows, and a small file
must not take much memory. Whether the parts fit together shows afterwards, in
`Synthesizer.load`.
"""

from __future__ import annotations

import hashlib
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
import torch
from torch import Tensor

from synthtab.core.errors import ArtefactError
from synthtab.core.files import replacing

FORMAT = 3
JSON_PARTS = ("manifest", "schema", "encoder", "config")
WEIGHTS, TREES = "weights.safetensors", "trees.safetensors"
MANIFEST = "manifest.json"

# Unpacked, the members of a file may take so many bytes, and so many times the bytes of
# the file. JSON that we write shrinks to a fifth or a tenth; what shrinks to a
# thousandth is made to fill a memory.
UNPACKED_BYTES = 32 * 2**20
UNPACKED_RATIO = 20


@dataclass(frozen=True)
class Bundle:
    """The parts of a model file, as plain data and tensors on the CPU."""

    manifest: Mapping[str, Any]
    schema: Any
    encoder: Mapping[str, Any]
    config: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    trees: Mapping[str, Tensor]


# ------------------------------------------------------------------------------------------
# Write


def save(bundle: Bundle, path: str | os.PathLike[str]) -> None:
    """Write the file whole or not at all, see `synthtab.core.files.replacing`."""
    with replacing(path) as scratch:
        _write(bundle, scratch)


def packed(bundle: Bundle) -> bytes:
    """The content of the file."""
    file = io.BytesIO()
    _write(bundle, file)
    return file.getvalue()


def _write(bundle: Bundle, target: Path | IO[bytes]) -> None:
    members = {
        "schema.json": _json_bytes(bundle.schema),
        "encoder.json": _json_bytes(bundle.encoder),
        "config.json": _json_bytes(bundle.config),
        WEIGHTS: _tensor_bytes(bundle.weights),
        TREES: _tensor_bytes(bundle.trees),
    }
    manifest = {
        "format": FORMAT,
        **bundle.manifest,
        "members": {name: _digest(data) for name, data in members.items()},
    }
    manifest["digest"] = _manifest_digest(manifest)
    members = {MANIFEST: _json_bytes(manifest), **members}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            # Weights look random: there is nothing to compress.
            is_json = name.endswith(".json")
            how = zipfile.ZIP_DEFLATED if is_json else zipfile.ZIP_STORED
            file.writestr(name, data, how)


def _json_bytes(data: Any) -> bytes:
    return json.dumps(data, indent=1, allow_nan=False).encode()


def _tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    whole = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    return safetensors.torch.save(whole)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _manifest_digest(manifest: Mapping[str, Any]) -> str:
    """Of all but the digest itself, however the JSON is laid out."""
    rest = {name: value for name, value in manifest.items() if name != "digest"}
    return _digest(json.dumps(rest, sort_keys=True).encode())


# ------------------------------------------------------------------------------------------
# Read


def load(path: str | os.PathLike[str] | IO[bytes]) -> Bundle:
    """Read a model file; nothing in it is executed.

    Raises:
        ArtefactError: It is missing, damaged, no model file, or of a newer format.
    """
    try:
        with zipfile.ZipFile(path) as file:
            return _read(file, path)
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
    except ArtefactError:
        raise
    except (
        KeyError,
        TypeError,
        EOFError,
        ValueError,
        OSError,
        # JSON that is nested too deeply; a member that says that it is encrypted; one
        # that says that it is compressed in a way that Python does not know.
        RecursionError,
        RuntimeError,
        NotImplementedError,
        safetensors.SafetensorError,
        zlib.error,
    ) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ArtefactError(
            f"{path} is damaged ({what}): copy or fit it again"
        ) from None


def _read(file: zipfile.ZipFile, path: object) -> Bundle:
    """Check the file, then read it: what does not cost memory is checked first."""
    names = file.namelist()
    if MANIFEST not in names:
        raise ArtefactError(f"{path} is not a synthtab model: it has no {MANIFEST}")
    _check_sizes(file)
    manifest = _parsed(file.read(MANIFEST))
    _check_format(manifest, path)
    expected = [f"{name}.json" for name in JSON_PARTS] + [WEIGHTS]
    if manifest["format"] > 1:
        expected.append(TREES)
    if sorted(names) != sorted(expected):
        raise ValueError(f"its members are {', '.join(names)}")

    members = {name: file.read(name) for name in names}
    if manifest["format"] > 2:
        _check_digests(manifest, members)
    return Bundle(
        manifest=_of_newest_format(manifest),
        schema=_parsed(members["schema.json"]),
        encoder=_parsed(members["encoder.json"]),
        config=_parsed(members["config.json"]),
        weights=_tensors(members[WEIGHTS]),
        trees=_tensors(members[TREES]) if TREES in members else {},
    )


def _check_sizes(file: zipfile.ZipFile) -> None:
    """Refuse members that would fill the memory, before any is unpacked."""
    members = file.infolist()
    unpacked = sum(member.file_size for member in members)
    in_file = sum(member.compress_size for member in members)
    if unpacked > UNPACKED_BYTES + UNPACKED_RATIO * in_file:
        raise ValueError(f"unpacked, it would take {unpacked:,} bytes")


def _check_digests(manifest: Mapping[str, Any], members: Mapping[str, bytes]) -> None:
    if manifest["digest"] != _manifest_digest(manifest):
        raise ValueError("its manifest was changed")
    found = {name: _digest(data) for name, data in members.items() if name != MANIFEST}
    if found != manifest["members"]:
        changed = [n for n, d in found.items() if d != manifest["members"].get(n)]
        raise ValueError(f"{', '.join(changed)} changed")


def _parsed(data: bytes) -> Any:
    """JSON as we write it: without the numbers that the standard does not have."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no number of a model")

    return json.loads(data, parse_constant=refuse)


def _tensors(data: bytes) -> dict[str, Tensor]:
    tensors = safetensors.torch.load(data)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name} has numbers that are not finite")
    return tensors


def _check_format(manifest: Any, path: object) -> None:
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise ArtefactError(
            f"{path} is not a synthtab model: its manifest names no format"
        )
    if found > FORMAT:
        raise ArtefactError(
            f"{path} has format {found}, newer than this version reads ({FORMAT}): "
            "pip install --upgrade synthtab"
        )


def _of_newest_format(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest of an older format as one of this format.

    Up to format 2, which table was learnt and how its rows are drawn stood in the
    report.
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
