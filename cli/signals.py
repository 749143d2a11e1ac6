"""What stops a command: Ctrl-C, and the signals that mean the same.

SIGTERM comes from `kill`, `timeout` and job schedulers, SIGHUP when a terminal closes.
Both do what Ctrl-C does, so that a fit that is stopped keeps its model.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Not on every system.
STOPPING = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
]


@contextmanager
def stopped_like_ctrl_c() -> Iterator[list[int]]:
    """Within it, the signals of `STOPPING` raise a KeyboardInterrupt.

    Yields:
        The signals that have come.
    """
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    # What nohup has switched off stays so.
    heard = [s for s in STOPPING if signal.getsignal(s) is not signal.SIG_IGN]
    with _handled(heard, stop):
        yield received


@contextmanager
def finishing() -> Iterator[list[int]]:
    """Within it, Ctrl-C and its like wait until the end.

    Yields:
        The signals that have come. They are not raised again: it is for whoever waits to
        say what they have ended.
    """
    received: list[int] = []

    def remember(number: int, _: FrameType | None) -> None:
        received.append(number)

    with _handled([signal.SIGINT, *STOPPING], remember):
        yield received


@contextmanager
def _handled(numbers: list[int], handler: Any) -> Iterator[None]:
    """Within it, signals are handled so. Only the main thread can ask for that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            # None: it was set by something else than Python, and cannot be set again.
            if old is not None:
                signal.signal(number, old)
