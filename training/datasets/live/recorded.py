"""Training crops of a camera's own recordings: what it measured is taken away in part, and is what should come out.

Truth is fused from many frames where a recording has poses (`training.fusion`): the frame itself is not among them, so
its noise is not copied. Without poses the truth is what the frame itself measured, a few pixels from depth edges, where
silhouettes are fat and pixels mixed. The input then gets noise of the sensor's own size on top of its own: a network
that copies it is wrong by that noise, as it would be at run time.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.registration import MEASURED, Registration
from training.datasets.live.crops import LiveCrop, part_of, smoothed
from training.datasets.live.dev import DevCrop
from training.datasets.live.recorded_view import RecordedView
from training.degradation.two_cameras.hiding import hidden
from training.degradation.two_cameras.noise import AxialNoise
from training.fusion.fuse import FusionOptions, without_jumps

Depth = NDArray[np.float32]

_MOST_DRAWS = 50
_PLACES = 4  # that are looked at for a crop; the one with the most truth at edges is taken
_JUMP = 0.03  # share of depth
_COARSE = 1.5  # colour pixels per depth pixel from which half of the crops are made of coarser images
_STRENGTH = (0.7, 1.3)  # of added noise beside the sensor's own


@dataclass(frozen=True)
class RecordedFrame:
    """A frame of a recording.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth: (h, w) float32 metres as the camera delivered it, NaN where not measured.
        truth: (H, W) float32 metres on the colour image's pixels, NaN where unknown; None where the frame has to do.
    """

    rgb: NDArray[np.uint8]
    depth: Depth
    truth: Depth | None = None

    def write(self, path: Path) -> None:
        """Writes it as .npz, whole or not at all. Raises OSError where that cannot be done."""
        arrays = {"rgb": self.rgb, "depth": self.depth, **({} if self.truth is None else {"truth": self.truth})}
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
        fresh.replace(path)


def read_frame(path: Path) -> RecordedFrame:
    """What `RecordedFrame.write` wrote. Raises FileNotFoundError where it is gone."""
    with np.load(path) as archive:
        return RecordedFrame(archive["rgb"], archive["depth"], archive.get("truth"))


@dataclass(frozen=True)
class FrameEntry:
    """Where a frame lies.

    Attributes:
        recording: what the recording is called.
        path: file of the frame.
        view: cameras of the recording.
    """

    recording: str
    path: Path
    view: RecordedView


class RecordedCrops:
    """Crops of recorded frames.

    Args:
        entries: frames to cut from.
        side: of the crops, colour pixels.
        noise: of the sensor, as measured in its recordings.
        multiple: of which frames to judge by, where they are smaller than a crop, keep whole ones.

    Raises:
        ValueError: no frames.
    """

    def __init__(self, entries: Sequence[FrameEntry], side: int, noise: AxialNoise, multiple: int = 1) -> None:
        if not entries:
            raise ValueError("recorded crops: expected at least one frame, found none")
        self._entries, self._side, self._noise, self._multiple = list(entries), side, noise, multiple
        self._ready: dict[Hashable, Registration] = {}

    def crop(self, number: int, rng: np.random.Generator) -> LiveCrop:
        """A crop of a random frame. Raises ValueError where place after place had too little to learn."""
        for _ in range(_MOST_DRAWS):
            entry = self._entries[int(rng.integers(len(self._entries)))]
            made = self._made(entry, rng, number)
            if made is not None:
                return made
        raise ValueError(
            f"recordings: expected frames with measured depth, found no usable crop in {_MOST_DRAWS} draws; record the "
            "camera at a distance that it measures at"
        )

    def judged(self, entry: FrameEntry, rng: np.random.Generator) -> DevCrop | None:
        """A frame to judge by, the same for equal generators; None where nothing can be compared.

        Fused truth judges the frame as it is, the frame's own truth what was hidden and made noisier.
        """
        frame = read_frame(entry.path)
        raw = frame.depth if frame.truth is not None else self._degraded(frame, entry.view, rng)
        truth = self._own_truth(frame, entry.view) if frame.truth is None else frame.truth
        made = self._cut(frame.rgb, raw, truth, entry.view, rng, 0)
        if made is None:
            return None
        crop, window = made
        return DevCrop(entry.recording, entry.path.stem, crop, np.ascontiguousarray(frame.rgb[window]))

    def _made(self, entry: FrameEntry, rng: np.random.Generator, number: int) -> LiveCrop | None:
        frame, view = read_frame(entry.path), entry.view
        times = round(view.ratio)
        large = min(view.colour.size) // times >= self._side if times else False
        if frame.truth is None and view.ratio >= _COARSE and large and rng.random() < 0.5:
            return self._coarser(frame, view, times, rng, number)
        # of fused truth half of the crops show the frame as it arrives
        as_it_is = frame.truth is not None and rng.random() < 0.5
        raw = frame.depth if as_it_is else self._degraded(frame, view, rng)
        truth = self._own_truth(frame, view) if frame.truth is None else frame.truth
        made = self._cut(frame.rgb, raw, truth, view, rng, number)
        return made[0] if made else None

    def _coarser(
        self, frame: RecordedFrame, view: RecordedView, times: int, rng: np.random.Generator, number: int
    ) -> LiveCrop | None:
        """Images as many times smaller as colour is finer than depth: the measured pixels are truth for all of it.

        Wald, Ranchin and Mangolini ("Fusion of satellite images of different spatial resolutions", 1997) judge by this.
        """
        small = view.coarser(times)
        height, width = small.colour.size
        rgb = np.asarray(cv2.resize(frame.rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        fine = RecordedView(view.depth, small.colour, view.to_colour, view.registered)
        truth = self._own_truth(frame, fine)
        raw = self._degraded(frame, view, rng)[times // 2 :: times, times // 2 :: times]
        made = self._cut(rgb, np.ascontiguousarray(raw), truth, small, rng, number)
        return made[0] if made else None

    def _degraded(self, frame: RecordedFrame, view: RecordedView, rng: np.random.Generator) -> Depth:
        """Less and noisier than it was measured; of fused truth, whose noise is another's, only less."""
        away = hidden(frame.depth, view.focal, rng)
        depth = np.where(away, np.float32(np.nan), frame.depth)
        if frame.truth is not None:
            return depth
        strength, n = rng.uniform(*_STRENGTH), self._noise
        noisy = AxialNoise(strength * n.constant, strength * n.share, strength * n.square).added(depth, rng)
        return np.where(noisy > 0, noisy, np.float32(np.nan)).astype(np.float32)

    def _own_truth(self, frame: RecordedFrame, view: RecordedView) -> Depth:
        """What the frame measured, away from edges, on the colour image's pixels."""
        try:
            found = self._registration(view, fill=False)(without_jumps(frame.depth, FusionOptions()))
        except FrameError:
            return np.full(view.colour.size, np.nan, np.float32)
        return np.where(found.quality == MEASURED, found.start, np.float32(np.nan))

    def _cut(
        self,
        rgb: NDArray[np.uint8],
        raw: Depth,
        truth: Depth,
        view: RecordedView,
        rng: np.random.Generator,
        number: int,
    ) -> tuple[LiveCrop, tuple[slice, slice]] | None:
        if not np.isfinite(raw).any():
            return None
        registration = self._registration(view, fill=True)
        try:
            registered = registration(np.ascontiguousarray(raw))
        except FrameError:  # nothing of it is in the colour camera's view
            return None
        window = self._window(truth, rng)
        cut, known = part_of(registered, window), truth[window]
        if not np.isfinite(cut.start).all() or not np.isfinite(known).any():
            return None
        guide, ratio = (rgb[window] / np.float32(255)).astype(np.float32), max(1.0, registration.ratio)
        return LiveCrop(guide, cut, smoothed(guide, cut, ratio), np.ascontiguousarray(known), ratio, number), window

    def _window(self, truth: Depth, rng: np.random.Generator) -> tuple[slice, slice]:
        height, width = (min(self._side, side) // self._multiple * self._multiple for side in truth.shape)
        places = []
        for _ in range(_PLACES):
            top, left = int(rng.integers(truth.shape[0] - height + 1)), int(rng.integers(truth.shape[1] - width + 1))
            places.append((slice(top, top + height), slice(left, left + width)))
        return max(places, key=lambda place: _worth(truth[place]))

    def _registration(self, view: RecordedView, fill: bool) -> Registration:
        """Made once for each pair of cameras that is met."""
        key = view.depth, view.colour, view.to_colour.tobytes(), fill
        if key not in self._ready:
            self._ready[key] = view.registration(fill)
        return self._ready[key]


def _worth(truth: Depth) -> float:
    """How much a place teaches: known pixels, and edges more."""
    known = np.isfinite(truth)
    if not known.any():
        return 0.0
    coarse = truth[::4, ::4]
    with np.errstate(invalid="ignore"):
        jumps = np.abs(np.diff(coarse, axis=1)) > _JUMP * coarse[:, 1:]
    return float(known.mean()) * (1 + float(jumps.mean()))


def spread_frames(entries: Sequence[FrameEntry], count: int) -> list[FrameEntry]:
    """`count` entries, evenly spread; all where `count` is 0 or more than there are."""
    wanted = min(count or len(entries), len(entries))
    return [entries[number * len(entries) // wanted] for number in range(wanted)]


def frames_by_recording(parts: Mapping[str, Sequence[FrameEntry]]) -> dict[str, dict[str, int]]:
    """Number of frames by recording and part."""
    names = dict.fromkeys(entry.recording for entries in parts.values() for entry in entries)
    return {
        name: {part: sum(entry.recording == name for entry in entries) for part, entries in parts.items()}
        for name in names
    }
