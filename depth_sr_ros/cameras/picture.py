"""Pictures of depth: false colours on a stated scale, panels with captions and colour bars. cv2 only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Palette = Literal["depth", "error"]

# near is warm; the error palette's zero is violet, so that black stays free for "no value"
_MAPS = {"depth": (cv2.COLORMAP_TURBO, True), "error": (cv2.COLORMAP_VIRIDIS, False)}
_PAPER, _INK = (24, 24, 24), (235, 235, 235)
_STRIP, _BAR, _LABEL, _GAP = 34, 16, 62, 10
_FONT, _TICKS = cv2.FONT_HERSHEY_SIMPLEX, 5


@dataclass(frozen=True)
class Scale:
    """What the colours of an image mean.

    Attributes:
        low: value of the one end.
        high: value of the other end; larger than `low`.
        unit: printed behind the numbers.
        palette: `depth` (near is red) or `error` (zero is violet).
    """

    low: float
    high: float
    unit: str = "m"
    palette: Palette = "depth"

    @classmethod
    def of_depth(cls, depth: NDArray[np.float32]) -> Scale:
        """A scale over the valid pixels of a depth image, the extreme half percents aside."""
        valid = depth[np.isfinite(depth)]
        if valid.size == 0:
            return cls(0.0, 1.0)
        low, high = (float(value) for value in np.percentile(valid, (0.5, 99.5)))
        return cls(low, max(high, low + 1e-3))


@dataclass(frozen=True)
class Panel:
    """One image of a picture.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        caption: one line above it.
        scale: what its colours mean; None draws no bar.
    """

    image: NDArray[np.uint8]
    caption: str
    scale: Scale | None = None


def false_colours(values: NDArray[np.float32], scale: Scale) -> NDArray[np.uint8]:
    """Paints values, (H, W, 3) uint8 BGR; black where NaN, the end colours beyond the ends of the scale."""
    level = np.clip((values - scale.low) / (scale.high - scale.low), 0, 1)
    colour_map, reverse = _MAPS[scale.palette]
    known = np.isfinite(level)
    grey = np.where(known, (1 - level if reverse else level) * 255, 0).astype(np.uint8)
    painted = np.asarray(cv2.applyColorMap(grey, colour_map), np.uint8)
    painted[~known] = 0
    return painted


def depth_panels(rgb: NDArray[np.uint8], sensor: NDArray[np.float32], upsampled: NDArray[np.float32]) -> list[Panel]:
    """Colour, sensor depth and upsampled depth with one depth scale.

    Args:
        rgb: (H, W, 3) RGB.
        sensor: (h, w) metres, NaN invalid; shown enlarged, pixel by pixel.
        upsampled: (H, W) metres, NaN invalid.
    """
    height, width = rgb.shape[:2]
    scale = Scale.of_depth(upsampled)
    large = cv2.resize(false_colours(sensor, scale), (width, height), interpolation=cv2.INTER_NEAREST)
    return [
        Panel(np.ascontiguousarray(rgb[..., ::-1]), f"colour {width}x{height}"),
        Panel(np.asarray(large, np.uint8), f"sensor depth {sensor.shape[1]}x{sensor.shape[0]}", scale),
        Panel(false_colours(upsampled, scale), f"upsampled depth {width}x{height}", scale),
    ]


def compose(panels: Sequence[Panel], columns: int, title: str = "") -> NDArray[np.uint8]:
    """Lays panels of one size out in rows, captions above, colour bars at their right; (H, W, 3) uint8 BGR.

    Args:
        panels: at least one.
        columns: panels in a row.
        title: a line over everything; empty leaves it out.
    """
    height, width = panels[0].image.shape[:2]
    zoom = max(1.0, height / 480)
    strip, gap = round(_STRIP * zoom), round(_GAP * zoom)
    lefts = _column_lefts(panels, columns, width, zoom)
    row_height, rows, top = height + strip + gap, -(-len(panels) // columns), strip if title else 0
    page = np.full((top + rows * row_height, lefts[-1], 3), _PAPER, np.uint8)
    _write(page, title, (gap, top - gap), zoom)
    for index, panel in enumerate(panels):
        x, y = lefts[index % columns], top + (index // columns) * row_height + strip
        _write(page, panel.caption, (x, y - gap), zoom)
        page[y : y + height, x : x + width] = panel.image
        if panel.scale is not None:
            _draw_bar(page, panel.scale, (x + width + gap, y), height, zoom)
    return page


def _column_lefts(panels: Sequence[Panel], columns: int, width: int, zoom: float) -> list[int]:
    """Where the columns begin, and the page's width behind them; a column without colour bars is narrower."""
    lefts = [round(_GAP * zoom)]
    for column in range(min(columns, len(panels))):
        bars = any(panel.scale is not None for panel in panels[column::columns])
        lefts.append(lefts[-1] + width + round((_GAP + (_BAR + _LABEL + _GAP if bars else 0)) * zoom))
    return lefts


def _draw_bar(page: NDArray[np.uint8], scale: Scale, at: tuple[int, int], height: int, zoom: float) -> None:
    (x, y), width = at, round(_BAR * zoom)
    values = np.linspace(scale.low, scale.high, height, dtype=np.float32)[:, None]
    page[y : y + height, x : x + width] = false_colours(np.repeat(values, width, axis=1), scale)
    digits = 0 if scale.high - scale.low >= 20 else 2
    for tick in range(_TICKS):
        share = tick / (_TICKS - 1)
        text = f"{scale.low + share * (scale.high - scale.low):.{digits}f} {scale.unit}"
        line = y + round(10 * zoom + share * (height - 14 * zoom))
        _write(page, text, (x + width + round(4 * zoom), line), 0.72 * zoom)


def _write(page: NDArray[Any], text: str, at: tuple[int, int], zoom: float) -> None:
    cv2.putText(page, text, at, _FONT, 0.55 * zoom, _INK, max(1, round(zoom)), cv2.LINE_AA)
