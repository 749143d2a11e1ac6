"""The device to compute on."""

from __future__ import annotations

import torch

from synthtab.core.errors import ConfigError
from synthtab.runtime import machine


def pick(name: str) -> torch.device:
    """A device by name: "auto" is a GPU where there is one.

    Raises:
        ConfigError: There is no such device here.
    """
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return torch.device("cuda" if available["cuda"] else "cpu")
    if name not in available:
        raise ConfigError(f"device must be auto, cpu, cuda or mps, not {name!r}")
    if not available[name]:
        raise ConfigError(
            f"device {name!r} is not available here: use --device cpu, or install a torch built for it"
        )
    return torch.device(name)


def memory_left(device: torch.device) -> int | None:
    """Bytes that this process can still have on a device: of a GPU, what is free there or held by torch for reuse; of
    any other, what the machine has.
    """
    if device.type != "cuda":
        return machine.memory()
    free, _ = torch.cuda.mem_get_info(device)
    return int(
        free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    )
