"""One picture per image of a comparison: colour, low resolution, truth, every result and every error map.

All depth is on one scale, all errors on another; the bars stand at the end of each row. Above stand colour,
low-resolution depth and the results; below each result its error, below the low resolution the error of bicubic, below
colour the truth. Where there are many methods, the rows go on below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from depth_sr_ros.cameras.picture import Panel, Scale, compose, false_colours
from training.datasets.pairs import Pair
from training.evaluation.cases import Case, unit_of
from training.evaluation.metrics import NothingToMeasure, RootMeanSquareError
from training.evaluation.protocols import bicubic_up, protocol

Image = NDArray[np.float32]

_WIDTH, _MOST_COLUMNS, _EMPTY = 520, 5, 24


class PictureWriter:
    """Writes pictures into a folder, as a watcher of `training.evaluation.comparison.compare`.

    Args:
        folder: is made where it is missing; files are `PROTOCOL_xSCALE_SET_IMAGE.png`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, pair: Pair, name: str, case: Case, outputs: Mapping[str, Tensor]) -> None:
        """Draws the first tile of a case and writes it.

        Raises:
            OSError: the file cannot be written.
        """
        page = comparison_picture(pair, name, case, outputs)
        path = self.folder / f"{name}_x{case.scale}_{pair.entry.dataset}_{pair.entry.name}.png"
        if not cv2.imwrite(str(path), page):
            raise OSError(f"{path}: the picture cannot be written")


def comparison_picture(pair: Pair, name: str, case: Case, outputs: Mapping[str, Tensor]) -> NDArray[np.uint8]:
    """The picture of a case, (H, W, 3) uint8 BGR.

    Args:
        pair: the image.
        name: of the protocol.
        case: as it was posed; of tiles the first is drawn.
        outputs: results (N, 1, H, W) by method, in the protocol's unit.
    """
    unit = protocol(name).unit or unit_of(pair)[0]
    valid = case.valid[0, 0].numpy()
    target = np.where(valid, case.target[0, 0].numpy(), np.nan).astype(np.float32)
    plain = case.answer(bicubic_up)[0, 0].numpy()
    depth = _depth_scale(target, pair.entry.kind == "disparity" and name != "dada", unit)
    known = np.abs(plain - target)[valid]
    error = Scale(0.0, max(float(np.percentile(known, 98)), 1e-3) if known.size else 1.0, unit, "error")
    colour = (case.guide[0].permute(1, 2, 0).numpy()[..., ::-1] * 255).round().astype(np.uint8)
    low = _low_resolution(case)
    cells = f"{case.seen.depth.shape[-1]}x{case.seen.depth.shape[-2]}"

    def column(caption: str, shown: Image, result: Image, of: str = "") -> _Column:
        words = f"error{of}, {_rmse_in_words(case, result, protocol(name).border, unit)}"
        return _Column(caption, false_colours(shown, depth), words, false_colours(np.abs(result - target), error))

    columns = [
        _Column(f"colour {colour.shape[1]}x{colour.shape[0]}", colour, "truth", false_colours(target, depth)),
        column(f"depth {cells}", low, plain, " of bicubic"),
    ]
    for method, output in outputs.items():
        if method != "bicubic":
            result = output[0, 0].numpy()
            columns.append(column(method, result, result))
    title = f"{pair.entry.dataset}, {pair.entry.name}: {name}, x{case.scale}"
    return _laid_out(columns, depth, error, title)


@dataclass(frozen=True)
class _Column:
    """Two panels, one above the other: their captions and images."""

    above: str
    upper: NDArray[np.uint8]
    below: str
    lower: NDArray[np.uint8]


def _laid_out(columns: Sequence[_Column], depth: Scale, error: Scale, title: str) -> NDArray[np.uint8]:
    """Pairs of rows; the last panel of each row carries the bar, on an empty panel where the row is not full."""
    wide = min(len(columns), _MOST_COLUMNS)
    empty = _Column("", np.full_like(columns[0].lower, _EMPTY), "", np.full_like(columns[0].lower, _EMPTY))
    full = [*columns, *[empty] * (-len(columns) % wide)]
    panels = []
    for first in range(0, len(full), wide):
        row = full[first : first + wide]
        for scale, images in (
            (depth, [(column.above, column.upper) for column in row]),
            (error, [(column.below, column.lower) for column in row]),
        ):
            panels += [Panel(_shown(image), caption) for caption, image in images[:-1]]
            panels.append(Panel(_shown(images[-1][1]), images[-1][0], scale))
    return compose(panels, columns=wide, title=title)


def _depth_scale(target: Image, near_is_high: bool, unit: str) -> Scale:
    """Near is red in either case, so for disparity the scale runs downwards."""
    found = Scale.of_depth(target)
    ends = (found.high, found.low) if near_is_high else (found.low, found.high)
    return Scale(*ends, unit)


def _shown(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Brought to a common width."""
    factor = _WIDTH / image.shape[1]
    size = (_WIDTH, round(image.shape[0] * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(np.ascontiguousarray(image), size, interpolation=method), np.uint8)


def _low_resolution(case: Case) -> Image:
    """The low-resolution depth, cell by cell at full size, NaN in holes."""
    depth = torch.where(case.seen.valid > 0, case.seen.depth * case.span + case.low, torch.nan)[:1]
    large = F.interpolate(depth, size=case.target.shape[-2:], mode="nearest-exact")[0, 0]
    return np.asarray(large.numpy(), np.float32)


def _rmse_in_words(case: Case, result: Image, border: int, unit: str) -> str:
    measure = RootMeanSquareError(border)
    try:
        rmse = float(measure.of_image(torch.from_numpy(result)[None], case.target[0], case.valid[0]))
    except NothingToMeasure:
        return "nothing to measure"
    return f"RMSE {rmse:.3g} {unit}"
