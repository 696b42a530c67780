"""Charts of a report as SVG: lines and points over two linear axes with round ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _EDGE = 640, 260, 64, 42, 14
_COLOURS = ("#2563eb", "#b45309", "#15803d")


@dataclass(frozen=True)
class Series:
    """One thing to draw: its name, its points, and whether they are joined by a line."""

    name: str
    points: Points
    joined: bool = True
    faint: bool = False


def chart(series: Sequence[Series], across: str, up: str) -> str:
    """An SVG element; empty text where there is nothing to draw.

    Args:
        series: what to draw; points that are not finite are left out.
        across: what the horizontal axis is.
        up: what the vertical one is; it begins at 0.
    """
    series = [Series(s.name, [p for p in s.points if all(map(math.isfinite, p))], s.joined, s.faint) for s in series]
    points = [point for one in series for point in one.points]
    if not points:
        return ""
    xs, ys = ticks(min(p[0] for p in points), max(p[0] for p in points)), ticks(0.0, max(p[1] for p in points))
    x0, x1 = min(xs[0], min(p[0] for p in points)), max(xs[-1], max(p[0] for p in points))
    y1 = max(ys[-1], max(p[1] for p in points))

    def place(x: float, y: float) -> tuple[float, float]:
        wide, high = _WIDTH - _LEFT - _EDGE, _HEIGHT - _BOTTOM - _EDGE
        return _LEFT + (x - x0) / (x1 - x0) * wide, _EDGE + (1 - y / y1) * high

    body = [_axis_x(xs, place, y1), _axis_y(ys, place, x0, x1)]
    for number, one in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        spots = [place(*point) for point in one.points]
        body.append(_line(spots, colour, one.faint) if one.joined else _dots(spots, colour))
        left = _LEFT + 12 + 190 * number
        body.append(f'<rect x="{left}" y="{_EDGE}" width="12" height="4" fill="{colour}"/>')
        body.append(_text(left + 18, _EDGE + 6, one.name, "start"))
    body.append(_text((_LEFT + _WIDTH) / 2, _HEIGHT - 6, across, "middle"))
    body.append(
        f'<text x="14" y="{_HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 {_HEIGHT / 2})">{up}</text>'
    )
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" class="chart">{"".join(body)}</svg>'


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers from at most `low` to at least `high`, at least two."""
    span = high - low or abs(high) or 1.0
    raw = span / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= raw)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def smoothed(points: Points, most: int = 120) -> list[tuple[float, float]]:
    """Means of runs of points, no more of them than `most`."""
    size = max(1, math.ceil(len(points) / most))
    runs = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(p[0] for p in run) / len(run), sum(p[1] for p in run) / len(run)) for run in runs]


def _axis_x(values: Sequence[float], place, y1: float) -> str:  # type: ignore[no-untyped-def]
    parts = []
    for value in values:
        x, y = place(value, 0.0)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y:.1f}" y2="{place(value, y1)[1]:.1f}" class="grid"/>')
        parts.append(_text(x, y + 16, f"{value:.6g}", "middle"))
    return "".join(parts)


def _axis_y(values: Sequence[float], place, x0: float, x1: float) -> str:  # type: ignore[no-untyped-def]
    parts = []
    for value in values:
        x, y = place(x0, value)
        parts.append(f'<line x1="{x:.1f}" x2="{place(x1, value)[0]:.1f}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(_text(x - 6, y + 4, f"{value:.4g}", "end"))
    return "".join(parts)


def _line(spots: Points, colour: str, faint: bool) -> str:
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    look = f'stroke="{colour}" stroke-width="{1 if faint else 2}" opacity="{0.4 if faint else 1}"'
    return f'<polyline points="{way}" fill="none" {look}/>'


def _dots(spots: Points, colour: str) -> str:
    return "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in spots)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
