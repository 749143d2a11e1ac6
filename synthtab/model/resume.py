"""The state of a fit in a file, from which the same fit goes on as if it had not stopped.

    fit.state    a digest of the rest, then safetensors: every tensor of the state; all else
                 of it, and which fit it is of, as JSON in the metadata

No row of the table is in it. It is replaced as a whole, so that whatever stops a fit leaves
the file before or the file after.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from synthtab.core.errors import ArtefactError, ConfigError
from synthtab.core.files import replacing
from synthtab.core.progress import Clock

NAME = "fit.state"
# Seconds between two states, and the most of all time that writing them may take.
SAVE_EVERY = 60.0
# Seconds before the first one: a fit may be stopped early.
FIRST_AFTER = 5.0
MOST_SAVING = 0.05
DIGEST_BYTES = 32


class Saved:
    """Where a fit keeps its state.

    Args:
        folder: Of the file; made if there is none.
        fit: What makes the fit what it is, by name, such as its seed: another one does not
            go on from this state.
        clock: The time of the fit. What earlier runs have taken is added to it.

    Attributes:
        state: Where to go on; None at the start of a fit.

    Raises:
        ConfigError: The state is of another fit.
        ArtefactError: The file is damaged.
    """

    def __init__(
        self, folder: str | os.PathLike[str], fit: Mapping[str, str], clock: Clock
    ) -> None:
        self.path = Path(folder) / NAME
        self.fit = dict(fit)
        self.clock = clock
        self.state: dict[str, Any] | None = None
        self.saved_at = time.monotonic()
        self.last_took = 0.0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(
                f"cannot use the checkpoint {folder}: {reason}"
            ) from error
        try:
            head, self.state = _unpacked(content)
        except (safetensors.SafetensorError, ValueError, KeyError, TypeError):
            raise ArtefactError(
                f"{self.path} is damaged: remove it to begin again"
            ) from None
        self._require_same(head["fit"])
        clock.add(head["spent"])

    def _require_same(self, fit: Mapping[str, str]) -> None:
        """Refuse the state of another fit, and say what is different."""
        different = [name for name in self.fit if fit.get(name) != self.fit[name]]
        if different:
            raise ConfigError(
                f"{self.path} is of a fit with another {' and '.join(different)}: "
                "go on with that one, name another folder, or remove the file"
            )

    def is_due(self) -> bool:
        """Whether it is time to save again."""
        pause = max(SAVE_EVERY, self.last_took / MOST_SAVING)
        if not self.last_took:
            pause = min(SAVE_EVERY, FIRST_AFTER)
        return time.monotonic() - self.saved_at >= pause

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the file.

        Args:
            state: Dicts, lists, numbers, texts and tensors.
        """
        began = time.monotonic()
        head = {"fit": self.fit, "spent": self.clock.spent()}
        with replacing(self.path) as scratch:
            scratch.write_bytes(_packed(head, state))
        self.saved_at = time.monotonic()
        self.last_took = self.saved_at - began


def is_kept(folder: str | os.PathLike[str]) -> bool:
    """Whether a fit can go on from there."""
    return (Path(folder) / NAME).is_file()


def remove(folder: str | os.PathLike[str]) -> None:
    """Remove the state of a fit that is over."""
    (Path(folder) / NAME).unlink(missing_ok=True)


def _packed(head: Mapping[str, Any], state: Mapping[str, Any]) -> bytes:
    tensors: dict[str, Tensor] = {}
    plain = _plain(state, tensors)
    metadata = {"head": json.dumps(head), "state": json.dumps(plain)}
    content = safetensors.torch.save(tensors, metadata)
    return hashlib.sha256(content).digest() + content


def _unpacked(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    digest, content = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("another digest")
    tensors = safetensors.torch.load(content)
    # Before the tensors: the number of bytes of a JSON header, which has the metadata.
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    state = _whole(json.loads(metadata["state"]), tensors)
    return json.loads(metadata["head"]), state


def _plain(value: Any, tensors: dict[str, Tensor]) -> Any:
    """JSON, in which each tensor is a name; the tensors by these names are added.

    JSON turns keys into texts, and optimisers have numbers as keys: dicts become pairs.
    """
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().clone().contiguous()
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {"pairs": [[key, _plain(one, tensors)] for key, one in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_plain(one, tensors) for one in value]
    return value


def _whole(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """What `_plain` was made of; tuples are lists now."""
    if isinstance(value, dict) and "tensor" in value:
        return tensors[value["tensor"]]
    if isinstance(value, dict):
        return {key: _whole(one, tensors) for key, one in value["pairs"]}
    if isinstance(value, list):
        return [_whole(one, tensors) for one in value]
    return value
