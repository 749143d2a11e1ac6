"""Figures and names as text, the same in the terminal and on the page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

# From here on, a figure with all of its digits would fill a line.
TOO_LONG = 1e6


def figure(value: float, unit: str, *, short: bool = False) -> str:
    """A score's figure: percentages with two decimals, shares and areas with three.

    Args:
        value: The figure; "-" stands for one that is not finite.
        unit: "%" or "".
        short: Whether to leave out digits, for the ends of an axis.
    """
    if not math.isfinite(value):
        return "-"
    if short or abs(value) >= TOO_LONG:
        return f"{value:.3g} {unit}".rstrip()
    return f"{value:.2f} {unit}" if unit else f"{value:.3f}"


def percent(value: float) -> str:
    """A share as ``12.5 %``; one that would be rounded up to it as ``100 %``."""
    return f"{100 * value:.1f} %" if value < 0.9995 else "100 %"


def clean(text: object) -> str:
    """Text without what a terminal or browser would obey or choke on.

    Control, format and surrogate characters become a replacement character. A number
    and its percent sign stay on one line.
    """
    shown = [c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text)]
    return "".join(shown).replace(" %", "\N{NO-BREAK SPACE}%")


def exposure(entry: Mapping[str, Any]) -> str:
    """How exposed a training row is, in words."""
    if entry["copied"]:
        return "copied"
    return f"exposure {entry['exposure']:.3f} (0.5 is chance)"


def shorten(text: str, width: int) -> str:
    """A text of at most ``width`` characters; a longer one lacks its middle.

    Names that begin alike mostly end otherwise: the end is the larger part.
    """
    if len(text) <= width:
        return text
    head = (width - 1) * 2 // 5
    tail = width - 1 - head
    return f"{text[:head]}…{text[-tail:]}"


def short_names(names: Sequence[str], width: int) -> list[str]:
    """The names in at most ``width`` characters each, so that they can be told apart.

    Where two would look alike, what stands before the gap gives room to what stands
    behind it; where that does not help either, they get numbers.
    """
    short = [shorten(name, width) for name in names]
    for head in range((width - 1) * 2 // 5 - 1, 0, -1):
        seen = Counter(short)
        if len(seen) == len(set(names)):
            return short
        tail = width - 1 - head
        for place, name in enumerate(names):
            if seen[short[place]] > 1 and len(name) > width:
                short[place] = f"{name[:head]}…{name[-tail:]}"
    seen = Counter(short)
    for place, text in enumerate(short):
        if seen[text] > 1 and len(names[place]) > width:
            number = f"({place + 1})"
            short[place] = text[: width - len(number)] + number
    return short


def cut(text: str, width: int) -> str:
    """A line of at most ``width`` characters; a longer one ends in three dots."""
    return text if len(text) <= width else text[: width - 3] + "..."
