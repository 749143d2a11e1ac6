"""Small pictures as SVG: numbers in, markup out.

Colours come from the page's style sheet, by class, so that a picture is right in light
and dark. Coordinates have one decimal: a page of sixty columns stays below 2 MB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup, escape

from synthtab.evaluation.report.text import short_names

Matrix = Sequence[Sequence[float]]

# Units of a histogram. It is stretched to the width of its card.
HISTOGRAM_WIDTH = 300.0
HISTOGRAM_HEIGHT = 96.0
# Units between the highest bar and the upper edge.
HISTOGRAM_MARGIN = 4
# Width of a bar for what lies beyond the bins, and its distance from them.
SIDE_BAR = 10.0
SIDE_GAP = 6.0
# Height of the bars of weekdays and hours.
BARS_HEIGHT = 40.0
# A bar this many times as tall as the next one is cut, to a little above that.
LONE_BAR = 4
CUT_BAR = 1.6
# Steps between white and full colour in a heatmap.
SHADES = 10
# Letters of a name at a heatmap; longer ones lack their middle.
NAME_LENGTH = 14
# Width of a letter in units of its height.
LETTER = 0.58
WIDE_LETTER = 0.66
# A two-way table, without its labels, and their letters.
CROSSED_WIDTH = 200.0
CROSSED_HEIGHT = 150.0
CROSSED_LETTER = 9
SQUARES_WIDTH = 300.0
SQUARES_HEIGHT = 240.0
CURVE_SIZE = 200
CURVE_MARGIN = 6


Pair = tuple[float, float]


def histogram(
    real: Sequence[float],
    synthetic: Sequence[float],
    *,
    below: Pair | None = None,
    above: Pair | None = None,
) -> tuple[Markup, bool]:
    """Two distributions: real shares as a filled area, synthetic ones as an outline.

    Heights are square roots of the shares (Tukey's rootogram): chance varies all of them
    equally, and tails can be seen.

    Args:
        real: Share of the real rows in each bin.
        synthetic: Share of the synthetic rows in the same bins.
        below: The shares of both below the bins, for a bar apart.
        above: The same above them.

    Returns:
        The picture, and whether a lone tall bar was cut so that the others can be seen.
    """
    sides = [pair for pair in (below, above) if pair is not None]
    pairs = [*zip(real, synthetic, strict=True), *sides]
    heights = [math.sqrt(max(pair)) for pair in pairs]
    heights.sort(reverse=True)
    top = heights[0] or 1.0
    cut = len(heights) > 3 and top > LONE_BAR * heights[1] > 0
    if cut:
        top = CUT_BAR * heights[1]

    def height(share: float) -> str:
        tall = HISTOGRAM_HEIGHT - HISTOGRAM_MARGIN
        return _number(HISTOGRAM_HEIGHT - tall * min(math.sqrt(share) / top, 1.0))

    def drawn(pairs: Sequence[Pair], left: float, right: float) -> str:
        """An area and an outline between two places."""
        width = (right - left) / len(pairs)
        area = f"M{_number(left)} {bottom}"
        line = f"M{_number(left)} {height(pairs[0][1])}"
        for number, (one, other) in enumerate(pairs, 1):
            place = _number(left + number * width)
            area += f"V{height(one)}H{place}"
            line += f"V{height(other)}H{place}"
        area += f"V{bottom}Z"
        return (
            f'<path class="real-area" d="{area}"/><path class="syn-line" d="{line}"/>'
        )

    bottom = _number(HISTOGRAM_HEIGHT)
    left, right = 0.0, HISTOGRAM_WIDTH
    marks = ""
    if below is not None:
        marks += drawn([below], 0, SIDE_BAR)
        left = SIDE_BAR + SIDE_GAP
    if above is not None:
        right = HISTOGRAM_WIDTH - SIDE_BAR - SIDE_GAP
        marks += drawn([above], HISTOGRAM_WIDTH - SIDE_BAR, HISTOGRAM_WIDTH)
    marks += drawn(list(zip(real, synthetic, strict=True)), left, right)
    return _svg(HISTOGRAM_WIDTH, HISTOGRAM_HEIGHT, marks, stretch=True), cut


def bars(real: Sequence[float], synthetic: Sequence[float]) -> Markup:
    """Bars side by side, real and synthetic, for few levels such as weekdays.

    Args:
        real: Share of the real rows of each level.
        synthetic: The same of the synthetic ones.
    """
    top = max([*real, *synthetic]) or 1.0
    width = HISTOGRAM_WIDTH / len(real)
    marks = ""
    for kind, start, shares in (("real", 0.08, real), ("synthetic", 0.5, synthetic)):
        path = ""
        for level, share in enumerate(shares):
            left = _number((level + start) * width)
            tall = _number(BARS_HEIGHT * share / top)
            across = _number(0.42 * width)
            path += f"M{left} {_number(BARS_HEIGHT)}v-{tall}h{across}v{tall}z"
        marks += f'<path class="{kind}-bar" d="{path}"/>'
    return _svg(HISTOGRAM_WIDTH, BARS_HEIGHT, marks, kind="bars", stretch=True)


def heatmap(matrix: Matrix, names: Sequence[str], *, signed: bool = False) -> Markup:
    """A square of cells with the names at its left, one unit a cell.

    Args:
        matrix: Values from 0 to 1, or from -1 to 1 where ``signed``.
        names: One for each row.
        signed: Whether values below 0 have a colour of their own.
    """
    count = len(matrix)
    longest = min(max(map(len, names), default=0), NAME_LENGTH)
    # Letters look about as large whatever the number of columns.
    letter_height = min((count + 0.5) / (31 - LETTER * longest), 0.82)
    margin = longest * letter_height * LETTER + 0.5

    # All cells of one colour are one path: of 60 columns, 20 elements instead of 3,600.
    cells_of: dict[tuple[str, int], list[str]] = {}
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            shade = min(round(abs(value) * SHADES), SHADES)
            if shade and i != j:
                colour = _colour(value, signed)
                cells_of.setdefault((colour, shade), []).append(_cell(margin, i, j))

    parts = [
        f'<rect class="ground" x="{margin:.2f}" width="{count}" height="{count}"/>'
    ]
    for (colour, shade), cells in sorted(cells_of.items()):
        parts.append(
            f'<path class="{colour}" fill-opacity="{shade / SHADES:.1f}" d="{"".join(cells)}"/>'
        )
    diagonal = "".join(_cell(margin, i, i) for i in range(count))
    parts.append(f'<path class="self" d="{diagonal}"/>')
    for i, short in enumerate(short_names(names, NAME_LENGTH)):
        # A third of its height lower, a line of text stands in the middle of its row.
        y = i + 0.5 + 0.35 * letter_height
        parts.append(
            f'<text x="{margin - 0.3:.2f}" y="{y:.2f}" font-size="{letter_height:.2f}">'
            f"<title>{escape(names[i])}</title>{escape(short)}</text>"
        )
    return _svg(round(margin + count, 1), count, "".join(parts), kind="heatmap")


def _colour(value: float, signed: bool) -> str:
    """The class of a cell in the style sheet."""
    if not signed:
        return "tie"
    return "lost" if value < 0 else "gained"


def _cell(margin: float, row: int, column: int) -> str:
    return f"M{margin + column:.2f} {row}h1v1h-1z"


def crossed(
    matrix: Matrix, rows: Sequence[str], columns: Sequence[str], top: float
) -> Markup:
    """A two-way table as shaded cells, the first row at the bottom.

    Args:
        matrix: Shares of the rows, 0 for what is not shown.
        rows: A label for each row of the matrix; "" for none.
        columns: The same for the columns.
        top: The share of full colour; shades go by square roots.
    """
    across = CROSSED_WIDTH / len(columns)
    down = CROSSED_HEIGHT / len(rows)
    # Few letters may all be wide ones.
    letter = CROSSED_LETTER * WIDE_LETTER
    left = letter * max(map(len, rows)) + 6
    below = letter * max(map(len, columns)) + 6
    cells_of: dict[int, list[str]] = {}
    for i, shares in enumerate(matrix):
        y = _number(CROSSED_HEIGHT - (i + 1) * down)
        for j, share in enumerate(shares):
            shade = math.ceil(SHADES * math.sqrt(min(share / top, 1.0)))
            if shade:
                x = _number(left + j * across)
                cell = f"M{x} {y}h{across:.2f}v{down:.2f}h-{across:.2f}z"
                cells_of.setdefault(shade, []).append(cell)
    marks = (
        f'<rect class="ground" x="{_number(left)}" '
        f'width="{CROSSED_WIDTH:.0f}" height="{CROSSED_HEIGHT:.0f}"/>'
    )
    for shade, cells in sorted(cells_of.items()):
        marks += (
            f'<path class="tie" fill-opacity="{shade / SHADES:.1f}" '
            f'd="{"".join(cells)}"/>'
        )
    size = f'font-size="{CROSSED_LETTER}"'
    for i, label in enumerate(rows):
        y = _number(CROSSED_HEIGHT - (i + 0.5) * down + 0.35 * CROSSED_LETTER)
        if label:
            marks += (
                f'<text x="{_number(left - 4)}" y="{y}" {size}>{escape(label)}</text>'
            )
    for j, label in enumerate(columns):
        x = _number(left + (j + 0.5) * across + 0.35 * CROSSED_LETTER)
        y = _number(CROSSED_HEIGHT + 4)
        if label:
            # Upwards, the end of the text below its column.
            marks += (
                f'<text transform="translate({x} {y}) rotate(-90)" {size}>'
                f"{escape(label)}</text>"
            )
    return _svg(left + CROSSED_WIDTH, CROSSED_HEIGHT + below, marks, kind="heatmap")


def squares(matrix: Any, top: float, kind: str) -> Markup:
    """Shares of rows in squares of a frame, the first row at the bottom.

    Args:
        matrix: ``[squares upwards, squares across]``; from -1 to 1 for a difference.
        top: The share of full colour; shades of shares go by square roots.
        kind: "real", "synthetic" or "difference".
    """
    down = SQUARES_HEIGHT / len(matrix)
    across = SQUARES_WIDTH / len(matrix[0])
    cells_of: dict[tuple[str, int], list[str]] = {}
    for i, shares in enumerate(matrix):
        y = _number(SQUARES_HEIGHT - (i + 1) * down)
        for j, share in enumerate(shares):
            part = min(abs(share) / top, 1.0)
            # A difference by its size: the square root would show luck in full colour.
            depth = part if kind == "difference" else math.sqrt(part)
            shade = math.ceil(SHADES * depth)
            if shade:
                colour = _colour(share, True) if kind == "difference" else kind
                cell = (
                    f"M{_number(j * across)} {y}h{across:.2f}v{down:.2f}h-{across:.2f}z"
                )
                cells_of.setdefault((colour, shade), []).append(cell)
    marks = (
        f'<rect class="ground" width="{SQUARES_WIDTH:.0f}" '
        f'height="{SQUARES_HEIGHT:.0f}"/>'
    )
    for (colour, shade), cells in sorted(cells_of.items()):
        marks += (
            f'<path class="{colour}" fill-opacity="{shade / SHADES:.1f}" '
            f'd="{"".join(cells)}"/>'
        )
    return _svg(SQUARES_WIDTH, SQUARES_HEIGHT, marks, kind="heatmap")


def curve(points: Matrix) -> Markup:
    """A curve in the unit square, with its diagonal."""
    start = CURVE_MARGIN
    end = CURVE_SIZE - CURVE_MARGIN
    side = end - start
    place_x = _scale(0, 1, start, end)
    place_y = _scale(0, 1, end, start)
    line = "L".join(f"{_number(place_x(x))} {_number(place_y(y))}" for x, y in points)
    area = f"M{line}L{end} {end}L{start} {end}Z"
    marks = (
        f'<rect class="frame" x="{start}" y="{start}" width="{side}" height="{side}"/>'
        f'<path class="chance" d="M{start} {end}L{end} {start}"/>'
        f'<path class="syn-area" d="{area}"/><path class="syn-line" d="M{line}"/>'
    )
    return _svg(CURVE_SIZE, CURVE_SIZE, marks)


def _scale(
    low: float, high: float, start: float, end: float
) -> Callable[[float], float]:
    """From a value to its place; values beyond ``low`` and ``high`` are put there."""
    width = (high - low) or 1.0

    def place(value: float) -> float:
        along = min(max((value - low) / width, 0.0), 1.0)
        return start + (end - start) * along

    return place


def _svg(
    width: float, height: float, marks: str, *, kind: str = "", stretch: bool = False
) -> Markup:
    shape = ' preserveAspectRatio="none"' if stretch else ""
    box = f"0 0 {_number(width)} {_number(height)}"
    return Markup(
        f'<svg viewBox="{box}" class="{kind}" aria-hidden="true"{shape}>{marks}</svg>'
    )


def _number(value: float) -> str:
    """One decimal, none where it is 0: ``12.5``, ``12``."""
    # Adding 0 turns -0.0 into 0.0.
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")
