"""Training crops for networks that serve cameras: a scene, a drawn camera before it, and what run time makes of that.

Crop number i depends on the seed and on i alone, so that a run that is resumed meets the crops that it would have met.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.registration import Registered, Registration, RegistrationOptions
from depth_sr_ros.live.guided import filtered
from depth_sr_ros.live.hypotheses import for_network
from training.datasets.endless import EndlessSampler
from training.datasets.live.colours import varied
from training.datasets.live.scenes import ScenePiece, SceneSource
from training.degradation.two_cameras.camera_draw import CameraDraw, deliver, draw_camera, look
from training.degradation.two_cameras.narrow_view import narrowed
from training.degradation.two_cameras.ranges import CameraRanges

_MOST_DRAWS = 200
_GREY = np.array([0.299, 0.587, 0.114], np.float32) / 255


@dataclass(frozen=True)
class LiveOptions:
    """How crops are drawn.

    Attributes:
        size: side of the square crop, pixels.
        margin: pixels around it that the depth camera sees, too; they are cut off after registration.
        known: least share of pixels with known depth.
        ranges: what cameras are drawn from.
    """

    size: int = 224
    margin: int = 40
    known: float = 0.5
    ranges: CameraRanges = field(default_factory=CameraRanges)

    def __post_init__(self) -> None:
        if self.size < 16 or self.margin < 0:
            raise ValueError(f"live crops: expected size >= 16 and margin >= 0, found {self.size} and {self.margin}")

    @property
    def side(self) -> int:
        """Side of the piece of the scene, pixels."""
        return self.size + 2 * self.margin


@dataclass(frozen=True)
class LiveCrop:
    """What a network gets, and what it should give. Arrays are (H, W), depth in metres.

    Attributes:
        guide: (H, W, 3) float32 in [0, 1].
        registered: start image, hypotheses and quality.
        smooth: the start image as the live filter leaves it, which a network starts from.
        truth: float32, NaN where unknown.
        ratio: colour pixels per depth pixel, 1 at least.
        number: of the crop.
    """

    guide: NDArray[np.float32]
    registered: Registered
    smooth: NDArray[np.float32]
    truth: NDArray[np.float32]
    ratio: float
    number: int = 0

    def tensors(self, rng: np.random.Generator | None = None) -> dict[str, Tensor]:
        """`guide` float32 (3, H, W); `start`, `near`, `far`, `truth` float32 and `quality` uint8, all (1, H, W).

        `ratio` and `number` are scalars.

        Args:
            rng: draws one of the eight flips and turns; None leaves the crop as it is.
        """
        r = for_network(self.registered, self.smooth)
        images: dict[str, NDArray[Any]] = {"start": r.start, "near": r.near, "far": r.far, "quality": r.quality}
        images["truth"] = self.truth
        turns = [False] * 3 if rng is None else [bool(turn) for turn in rng.integers(2, size=3)]
        made = {name: torch.from_numpy(_turned(image, turns))[None] for name, image in images.items()}
        made["guide"] = torch.from_numpy(np.ascontiguousarray(_turned(self.guide, turns).transpose(2, 0, 1)))
        return {**made, "ratio": torch.tensor(self.ratio, dtype=torch.float32), "number": torch.tensor(self.number)}


class LiveCropsByNumber(Dataset[dict[str, Tensor]]):
    """Crops by number; every number has one. Items are as `LiveCrop.tensors` says.

    Args:
        source: of scenes.
        options: how.
        seed: fixes all crops.
    """

    def __init__(self, source: SceneSource, options: LiveOptions | None = None, seed: int = 0) -> None:
        self.source, self.options, self.seed = source, options or LiveOptions(), seed

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """The crop of that number. Raises ValueError where place after place had too little known depth."""
        rng = np.random.default_rng([self.seed, number])
        return self.crop(number, rng).tensors(rng)

    def crop(self, number: int, rng: np.random.Generator) -> LiveCrop:
        """One crop, not flipped. Raises as the item does."""
        for _ in range(_MOST_DRAWS):
            piece = self.source.piece(self.options.side, rng)
            made = self._made(piece, rng, number) if self._enough(piece.truth) else None
            if made is not None:
                return made
        raise ValueError(
            f"no usable crop in {_MOST_DRAWS} draws: expected known depth at {self.options.known:.0%} of the pixels "
            "and a camera that measures some of it; choose other images, or smaller crops"
        )

    def _enough(self, truth: NDArray[np.float32]) -> bool:
        return bool(np.isfinite(truth[self._inside]).mean() >= self.options.known)

    @property
    def _inside(self) -> tuple[slice, slice]:
        kept = slice(self.options.margin, self.options.margin + self.options.size)
        return kept, kept

    def _made(self, piece: ScenePiece, rng: np.random.Generator, number: int) -> LiveCrop | None:
        camera = draw_camera(piece.camera, piece.depths, self.options.ranges, rng)
        brightness = np.asarray(piece.rgb @ _GREY, np.float32)
        seen = look(piece.layers, piece.camera, brightness, camera, piece.whole)
        raw, geometry = deliver(seen, camera, rng), self.options.ranges.geometry
        if rng.random() < geometry.narrow:
            raw = narrowed(raw, geometry.narrow_most, rng)
        try:
            registered, ratio = register(raw, piece, camera)
        except FrameError:  # the camera measures nothing of this piece
            return None
        cut = part_of(registered, self._inside)
        if not np.isfinite(cut.start).all():
            return None
        guide = varied(piece.rgb[self._inside], rng)
        return LiveCrop(guide, cut, smoothed(guide, cut, ratio), piece.truth[self._inside], ratio, number)


class LiveCrops(IterableDataset[dict[str, Tensor]]):
    """Crops without end, in the order of their numbers; in one process or shared by a loader's workers as they come.

    Args:
        source: of scenes.
        options: how.
        seed: fixes all crops.
        first: number to begin with.
    """

    def __init__(self, source: SceneSource, options: LiveOptions | None = None, seed: int = 0, first: int = 0) -> None:
        self._crops, self._first = LiveCropsByNumber(source, options, seed), first

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        worker = torch.utils.data.get_worker_info()
        rank, count = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for number in EndlessSampler(count, 0, rank, count):
            yield self._crops[self._first + number]


def register(raw: NDArray[np.float32], piece: ScenePiece, camera: CameraDraw) -> tuple[Registered, float]:
    """What run time makes of a camera's image, by the calibration that it was told.

    Returns:
        The registered image, and colour pixels per depth pixel, 1 at least.

    Raises:
        FrameError: nothing is measured, or nothing of it is in the colour camera's view.
    """
    geometry, colour = camera.geometry, Camera(piece.camera)
    options = RegistrationOptions(assign_mixed=True, threads=1)
    if geometry.aligned:
        # holes stay holes, and nothing says any more which pixels were measured
        driver = Registration(Camera(geometry.camera), colour, geometry.told, replace(options, fill=False))
        raw = driver(raw).start
        return Registration(colour, colour, None, options)(raw), 1.0
    registration = Registration(Camera(geometry.camera), colour, geometry.told, options)
    return registration(raw), max(1.0, registration.ratio)


def smoothed(guide: NDArray[np.float32], registered: Registered, ratio: float) -> NDArray[np.float32]:
    """What the live filter makes of a crop, (H, W) metres; of colour (H, W, 3) in [0, 1]."""
    return filtered(np.round(guide * 255).astype(np.uint8), registered, ratio)


def part_of(registered: Registered, window: tuple[slice, slice]) -> Registered:
    """A part of a registered image; coverage and count stay those of the whole."""
    r = registered
    images = r.start[window], r.quality[window], r.near[window], r.far[window]
    return Registered(*images, r.coverage, r.beyond_range)


def _turned(image: NDArray[Any], turns: list[bool]) -> NDArray[Any]:
    image = image[::-1] if turns[0] else image
    image = image[:, ::-1] if turns[1] else image
    return np.ascontiguousarray(image.swapaxes(0, 1) if turns[2] else image)
