"""Small pictures as SVG: numbers in, markup out. Colours come from the page's style sheet, by class."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

Matrix = Sequence[Sequence[float]]

WIDTH, HEIGHT = 300.0, 96.0
SHADES = 10


def histogram(real: Sequence[float], synthetic: Sequence[float]) -> tuple[Markup, bool]:
    """Real shares as a filled area, synthetic ones as an outline; and whether a lone tall bin was cut off."""
    heights = sorted(
        (max(pair) for pair in zip(real, synthetic, strict=True)), reverse=True
    )
    top = heights[0] or 1.0
    cut = len(heights) > 3 and top > 4 * heights[1] > 0
    top = 1.6 * heights[1] if cut else top
    width = WIDTH / len(real)

    def steps(shares: Sequence[float]) -> str:
        points = []
        for k, value in enumerate(shares):
            y = _n(HEIGHT - (HEIGHT - 4) * min(value / top, 1.0))
            points.append(f"{_n(k * width)} {y}H{_n((k + 1) * width)}")
        return "V".join([points[0]] + [p.split(" ", 1)[1] for p in points[1:]])

    area = f"M0 {_n(HEIGHT)}V{steps(real).split(' ', 1)[1]}V{_n(HEIGHT)}Z"
    line = f"M{steps(synthetic)}"
    marks = f'<path class="real-area" d="{area}"/><path class="syn-line" d="{line}"/>'
    return _svg(WIDTH, HEIGHT, marks, stretch=True), cut


def heatmap(matrix: Matrix, names: Sequence[str], *, signed: bool = False) -> Markup:
    """A square of cells, 0 to 1, or -1 to 1 where signed; the names at its left."""
    count = len(matrix)
    longest = min(max(map(len, names), default=0), 14)
    size = min(
        (count + 0.5) / (31 - 0.58 * longest), 0.82
    )  # of the letters, about as large whatever the count
    margin = longest * size * 0.58 + 0.5
    shades: dict[tuple[str, int], list[str]] = {}
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            shade = min(round(abs(value) * SHADES), SHADES)
            if shade and i != j:
                kind = ("lost" if value < 0 else "gained") if signed else "tie"
                shades.setdefault((kind, shade), []).append(
                    f"M{margin + j:.2f} {i}h1v1h-1z"
                )
    parts = [
        f'<rect class="ground" x="{margin:.2f}" width="{count}" height="{count}"/>'
    ]
    parts += [
        f'<path class="{kind}" fill-opacity="{shade / SHADES:.1f}" d="{"".join(cells)}"/>'
        for (kind, shade), cells in sorted(shades.items())
    ]
    diagonal = "".join(f"M{margin + i:.2f} {i}h1v1h-1z" for i in range(count))
    parts.append(f'<path class="self" d="{diagonal}"/>')
    for i, name in enumerate(names):
        short = name if len(name) <= 14 else name[:13] + "…"
        parts.append(
            f'<text x="{margin - 0.3:.2f}" y="{i + 0.5 + 0.35 * size:.2f}" font-size="{size:.2f}">'
            f"{escape(short)}</text>"
        )
    return _svg(round(margin + count, 1), count, "".join(parts), kind="heatmap")


def scatter(clouds: Sequence[tuple[str, Matrix]], frame: Matrix) -> Markup:
    """Clouds of points, each with its class, in one frame ((low, high) of x and of y)."""
    (x0, x1), (y0, y1) = frame
    place = _scale(x0, x1, 4, 296), _scale(y0, y1, 236, 4)
    marks = []
    for kind, points in clouds:
        dots = "".join(f"M{_n(place[0](x))} {_n(place[1](y))}h0" for x, y in points)
        marks.append(f'<path class="dots {kind}" d="{dots}"/>')
    return _svg(300, 240, "".join(marks))


def curve(points: Matrix) -> Markup:
    """A curve in the unit square with its diagonal."""
    x, y = _scale(0, 1, 6, 194), _scale(0, 1, 194, 6)
    line = "L".join(f"{_n(x(a))} {_n(y(b))}" for a, b in points)
    area = f"M{line}L{_n(x(1))} {_n(y(0))}L{_n(x(0))} {_n(y(0))}Z"
    marks = '<rect class="frame" x="6" y="6" width="188" height="188"/><path class="chance" d="M6 194L194 6"/>'
    return _svg(
        200,
        200,
        f'{marks}<path class="syn-area" d="{area}"/><path class="syn-line" d="M{line}"/>',
    )


def _scale(
    low: float, high: float, start: float, end: float
) -> Callable[[float], float]:
    width = (high - low) or 1.0
    return lambda value: (
        start + (end - start) * min(max((value - low) / width, 0.0), 1.0)
    )


def _svg(
    width: float, height: float, marks: str, *, kind: str = "", stretch: bool = False
) -> Markup:
    shape = ' preserveAspectRatio="none"' if stretch else ""
    return Markup(
        f'<svg viewBox="0 0 {_n(width)} {_n(height)}" class="{kind}" aria-hidden="true"{shape}>{marks}</svg>'
    )


def _n(value: float) -> str:
    """One decimal, none where it is 0."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")
