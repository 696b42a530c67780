"""Pictures of what the models make of depth edges, one per place: above the results, below each its error.

Pictures that ship show scenes of `training.datasets.procedural`, which are free of any licence. Those of the real
Motorcycle scene, which is free for research but not ours to pass on, are drawn where git ignores them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.scene import BASELINE_M, DISPARITY_OFFSET_PX, FOCAL_PX, load_scene
from depth_sr_ros.cameras.holes import fill_nearest
from depth_sr_ros.cameras.picture import Panel, Scale, compose, false_colours
from training.datasets.pairs import Pair, PairEntry
from training.datasets.procedural import ProceduralScenes
from training.evaluation.cases import Case
from training.evaluation.comparison import network_contestant
from training.evaluation.protocols import Method, bicubic_up, protocol

PROTOCOL, SCALE = "dkn-bicubic", 8

_SIDE, _ZOOM, _COLUMNS, _PAPER = 112, 3, 4, 24
_SCENE_SIDE, _SCENE_SEED = 320, 2026


@dataclass(frozen=True)
class Place:
    """A part of an image that is looked at.

    Attributes:
        name: of the picture.
        title: what there is to see.
        corner: row and column of the part's upper left corner.
    """

    name: str
    title: str
    corner: tuple[int, int]


@dataclass(frozen=True)
class Image:
    """An image and the places in it.

    Attributes:
        load: gives the image.
        places: in it.
    """

    load: Callable[[], Pair]
    places: Sequence[Place]


def synthetic_images() -> list[Image]:
    """Images whose pictures may ship."""
    return [
        Image(_synthetic(24), [Place("fence", "a fence whose gaps are 5 to 7 pixels wide", (150, 20))]),
        Image(_synthetic(29), [Place("same_colour", "slats of nearly the colour of what shows between them", (0, 60))]),
        Image(_synthetic(10), [Place("texture", "a chequered ball, and a wire before it", (20, 20))]),
    ]


def real_images(cache: Path) -> list[Image]:
    """The Motorcycle scene of the demo, which is downloaded into `cache` where it is missing."""
    spokes, bench = (
        Place("spokes", "spokes of the rear wheel", (265, 130)),
        Place("bench", "back of a bench", (95, 185)),
    )
    return [Image(lambda: _motorcycle(cache), [spokes, bench])]


def draw(images: Sequence[Image], weights: Sequence[str], folder: Path) -> Iterator[Path]:
    """Draws a picture per place and gives the paths.

    Args:
        images: where to look.
        weights: names of artifacts at x8, or their folders.
        folder: of the pictures; made where it is missing.

    Raises:
        OSError: a picture cannot be written.
    """
    methods: dict[str, Method] = {"bicubic": bicubic_up}
    for words in weights:
        network = network_contestant(words)
        methods[network.name] = network.method
    folder.mkdir(parents=True, exist_ok=True)
    for image in images:
        case = protocol(PROTOCOL).pose(image.load(), SCALE)
        results = {name: case.answer(method)[0, 0].numpy() for name, method in methods.items()}
        for place in image.places:
            path = folder / f"models_{place.name}.png"
            if not cv2.imwrite(str(path), picture(case, results, place), _PNG):
                raise OSError(f"{path}: the picture cannot be written")
            yield path


def picture(case: Case, results: Mapping[str, NDArray[np.float32]], place: Place) -> NDArray[np.uint8]:
    """One place with the results of all methods, (H, W, 3) uint8 BGR.

    Args:
        case: the whole image as it was posed.
        results: (H, W) of the whole image by method, `bicubic` among them: its errors set the scale of all.
        place: which part is drawn.
    """
    top, left = place.corner
    window = slice(top, top + _SIDE), slice(left, left + _SIDE)
    truth = np.where(case.valid[0, 0], case.target[0, 0], np.nan).astype(np.float32)[window]
    # near is red, and disparity grows towards the camera
    depth = Scale(float(np.nanmax(truth)), float(np.nanmin(truth)), "px")
    error = Scale(0.0, float(np.nanpercentile(np.abs(results["bicubic"][window] - truth), 98)), "px", "error")
    colour = (case.guide[0].permute(1, 2, 0).numpy()[window][..., ::-1] * 255).round().astype(np.uint8)
    columns = [(("colour", colour), ("truth; black: unknown", false_colours(truth, depth)))]
    for name, result in results.items():
        wrong = np.abs(result[window] - truth)
        words = f"error, RMSE {float(np.sqrt(np.nanmean(wrong**2))):.2f} px"
        columns.append(((name, false_colours(result[window], depth)), (words, false_colours(wrong, error))))
    return compose(list(_panels(columns, depth, error)), min(_COLUMNS, len(columns)), place.title)


# enlarged pixels repeat, which no filter hides from the compression
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
_Half = tuple[str, NDArray[np.uint8]]


def _panels(columns: Sequence[tuple[_Half, _Half]], depth: Scale, error: Scale) -> Iterator[Panel]:
    """Rows of upper halves and lower halves in turn; the last panel of each carries the row's scale."""
    wide = min(_COLUMNS, len(columns))
    blank = np.full_like(columns[0][0][1], _PAPER)
    empty: tuple[_Half, _Half] = ("", blank), ("", blank)
    full = [*columns, *[empty] * (-len(columns) % wide)]
    for first in range(0, len(full), wide):
        for half, scale in ((0, depth), (1, error)):
            row = [column[half] for column in full[first : first + wide]]
            for number, (caption, image) in enumerate(row, 1):
                yield Panel(_enlarged(image), caption, scale if number == wide else None)


def _enlarged(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    large = cv2.resize(np.ascontiguousarray(image), None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, np.uint8)


def _synthetic(number: int) -> Callable[[], Pair]:
    return lambda: ProceduralScenes(_SCENE_SIDE, _SCENE_SIDE, _SCENE_SEED, "disparity").scene(number)


def _motorcycle(cache: Path) -> Pair:
    scene = load_scene(cache)
    valid = np.isfinite(scene.depth)
    disparity = BASELINE_M * FOCAL_PX / np.where(valid, scene.depth, 1.0) - DISPARITY_OFFSET_PX
    entry = PairEntry("dev", "middlebury2014", "Motorcycle", "", Path(), Path("disp.npz"), "disparity", "disparity")
    return Pair(entry, scene.rgb, fill_nearest(disparity.astype(np.float32), valid), valid)
