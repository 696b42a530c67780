"""A contact sheet: what was kept of a bag and what was left out, to be looked at before training on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.picture import Panel, Scale, compose, false_colours
from training.extraction.selection import EvenSample, Judged

_WIDTH, _COLUMNS = 240, 6
_KEPT, _LEFT_OUT = 18, 6
_PAPER = 24


@dataclass(frozen=True)
class _Tile:
    rgb: NDArray[np.uint8]
    caption: str
    depth: NDArray[np.float32] | None = None


class ContactSheet:
    """Collects frames evenly over a recording of unknown length, a few of each verdict."""

    def __init__(self) -> None:
        self._kept: EvenSample[_Tile] = EvenSample(_KEPT)
        self._left_out = {"blurred": EvenSample[_Tile](_LEFT_OUT), "duplicate": EvenSample[_Tile](_LEFT_OUT)}

    def left_out(self, number: int, judged: Judged) -> None:
        """Shows a frame that was left out."""
        rgb = judged.candidate.rgb
        if judged.verdict == "blurred":
            tile = _Tile(_middle(rgb), f"blurred {number}: sharp {judged.sharpness:.2f}")
        else:
            tile = _Tile(_small(rgb), f"duplicate {number}: moved {judged.change:.2f}")
        self._left_out[judged.verdict].offer(tile)

    def kept(self, number: int, judged: Judged, depth: NDArray[np.float32]) -> None:
        """Shows a frame that was kept; depth is (h, w) metres, NaN invalid."""
        rgb = _small(judged.candidate.rgb)
        size = rgb.shape[1], rgb.shape[0]
        small = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST)
        self._kept.offer(_Tile(rgb, _caption(number, judged), np.asarray(small, np.float32)))

    def draw(self, title: str) -> NDArray[np.uint8]:
        """The sheet, (H, W, 3) uint8 BGR. At least one frame must have been kept."""
        rows = _rows(self._kept.items, with_depth=True)
        for sample in self._left_out.values():
            rows += _rows(sample.items, with_depth=False)
        height = max(panel.image.shape[0] for panel in rows)
        return compose([_padded(panel, height) for panel in rows], _COLUMNS, title)


def _rows(tiles: Sequence[_Tile], with_depth: bool) -> list[Panel]:
    """Rows of colour, each followed by one of the same frames' depth, filled up to whole rows."""
    panels: list[Panel] = []
    for start in range(0, len(tiles), _COLUMNS):
        row = tiles[start : start + _COLUMNS]
        panels += _filled([Panel(np.ascontiguousarray(t.rgb[..., ::-1]), t.caption) for t in row])
        if with_depth:
            panels += _filled([_depth_panel(tile) for tile in row])
    return panels


def _depth_panel(tile: _Tile) -> Panel:
    assert tile.depth is not None
    scale = Scale.of_depth(tile.depth)
    return Panel(false_colours(tile.depth, scale), f"depth {scale.low:.2f} to {scale.high:.2f} m")


def _filled(panels: list[Panel]) -> list[Panel]:
    if not panels:
        return panels
    blank = np.full_like(panels[0].image, _PAPER)
    return panels + [Panel(blank, "")] * (_COLUMNS - len(panels))


def _padded(panel: Panel, height: int) -> Panel:
    missing = height - panel.image.shape[0]
    image = cv2.copyMakeBorder(panel.image, 0, missing, 0, 0, cv2.BORDER_CONSTANT) if missing else panel.image
    return Panel(np.asarray(image, np.uint8), panel.caption)


def _small(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    size = _WIDTH, max(1, round(height * _WIDTH / width))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _middle(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut out at full resolution, or blur would not be seen."""
    height, width = rgb.shape[:2]
    wide = min(_WIDTH, width)
    high = min(height, round(height * wide / width))
    top, left = (height - high) // 2, (width - wide) // 2
    cut = rgb[top : top + high, left : left + wide]
    return np.asarray(cut if wide == _WIDTH else _small(cut), np.uint8)


def _caption(number: int, judged: Judged) -> str:
    change = "first" if np.isinf(judged.change) else f"moved {judged.change:.2f}"
    return f"{number}: sharp {judged.sharpness:.2f}, {change}"
