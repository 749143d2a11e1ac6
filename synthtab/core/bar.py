"""A bar in a notebook, for jobs that take longer than a second.

One display is made and drawn again, and is empty once the job is done: a notebook that is
saved then holds no bar.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from synthtab.core.notebook import escaped

if TYPE_CHECKING:
    from synthtab.core.progress import Progress

# Seconds until a bar is shown, and between two drawings of it.
SHOWN_AFTER = 1.0
DRAWN_EVERY = 0.25


class Bar:
    """An observer that draws in the output of a cell."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.drawn_at = 0.0
        self.display: Any = None
        self.messages: list[str] = []

    def __call__(self, progress: Progress) -> None:
        if progress.message:
            self.messages.append(progress.message)
        now = time.monotonic()
        if now - self.began < SHOWN_AFTER or now - self.drawn_at < DRAWN_EVERY:
            return
        self.drawn_at = now
        self._draw(self._html(progress))

    def close(self) -> None:
        """Leave what is worth a line of its own, and no bar."""
        if self.display is not None or self.messages:
            self._draw("<br>".join(escaped(one) for one in self.messages))

    def _html(self, progress: Progress) -> str:
        parts = [progress.phase]
        if progress.seconds_left is not None:
            parts.append(f"about {progress.seconds_left:.0f} s left")
        if progress.score is not None:
            parts.append(f"score {progress.score:.3f}")
        value = "" if progress.fraction is None else f' value="{progress.fraction:.3f}"'
        lines = [*self.messages, ", ".join(parts)]
        said = "<br>".join(escaped(line) for line in lines)
        return f'<progress max="1"{value}></progress> {said}'

    def _draw(self, text: str) -> None:
        from IPython.display import HTML, display

        if self.display is None:
            self.display = display(HTML(text), display_id=True)
        else:
            self.display.update(HTML(text))
