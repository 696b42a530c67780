"""The recordings that live weights are retrained on: bags, and folders of images, with poses or without."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from depth_sr_ros.cameras.calibration import NAME as CALIBRATION
from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.own_grid import OwnGrid, OwnGrids
from depth_sr_ros.cameras.registration import Registration
from depth_sr_ros.cameras.relation import relate
from depth_sr_ros.recordings.bag import BagRecording
from depth_sr_ros.recordings.image_files import FolderRecording
from depth_sr_ros.recordings.opening import is_bag, open_recording
from depth_sr_ros.recordings.recording import (
    DamagedRecordingError,
    RecordedFrame,
    Recording,
    RecordingError,
    pair_frames,
)
from training.datasets.live.recorded import Depth
from training.datasets.live.recorded_view import RecordedView
from training.extraction.bag_pairs import BagOptions, Candidate
from training.extraction.manifest import hash_bag
from training.extraction.run import find_bags
from training.fusion.recording import PosedRecording

POSES = ("pose", "poses")
"""Folders of poses that are looked for inside a recording."""

_COLOUR = ("rgb", "color", "colour")


def find_recordings(paths: Sequence[Path], options: BagOptions) -> list[Path]:
    """Bags and folders of images among paths and below them, sorted.

    Raises:
        RecordingError: a path without any.
    """
    found: set[Path] = set()
    for path in paths:
        folders = set(_folders_in(Path(path), options))
        try:
            found.update(folders or find_bags([path]))
        except RecordingError as error:
            raise RecordingError(f"{error}; or folders of images with rgb/, depth/ and {CALIBRATION}") from error
    return sorted(found)


def _folders_in(path: Path, options: BagOptions) -> Iterator[Path]:
    if not path.is_dir() or is_bag(path):
        return
    names = [options.streams.rgb] if options.streams.rgb else _COLOUR
    if any((path / name).is_dir() for name in names):
        yield path
        return
    for below in sorted(path.iterdir()):
        if not below.name.startswith("."):
            yield from _folders_in(below, options)


def hash_recording(path: Path) -> str:
    """SHA-256 of what a recording holds. Raises OSError where it cannot be read."""
    if path.is_file() or is_bag(path):
        return hash_bag(path)
    digest = hashlib.sha256()
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        digest.update(f"{file.relative_to(path)} {file.stat().st_size} ".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class LivePair:
    """A pair by stamp, colour read and depth not yet."""

    candidate: Candidate
    stem: str


class LiveSource:
    """One recording as the live path meets it: depth as it arrives, and the cameras.

    Args:
        path: a bag, or a folder of images.
        options: how to read it.
        poses: name of the folder of poses; empty looks for `POSES`, `none` for none.

    Attributes:
        name: folder or file name without suffix.
        view: its cameras.
        posed: its poses with its depth; None without.
        notes: what a user should know, one sentence each.

    Raises:
        RecordingError: nothing to be had, or cameras that cannot be related; the message says what to change.
    """

    def __init__(self, path: Path, options: BagOptions, poses: str = "") -> None:
        self._options = options
        self.name = path.resolve().stem if path.is_file() else path.resolve().name
        self._recording = _open(path, options)
        self.view, self._grid = self._cameras()
        self.posed = self._poses(path, poses)
        self.notes = (*self._recording.notes, f"{self.name}: {self.view.words}", *self._posed_words())

    def pairs(self) -> Iterator[LivePair]:
        """All pairs by stamp whose colour can be read; a damaged bag's up to its damage."""
        frames = _until_damage(self._recording.frames())
        slop, queue = round(self._options.slop_s * 1e9), self._options.queue_size
        for colour, depth in pair_frames(frames, slop, queue):
            try:
                rgb = colour.load()[0]
            except FrameError:
                continue
            if rgb.shape[:2] == self.view.colour.size:
                yield LivePair(Candidate(np.ascontiguousarray(rgb), colour, depth), depth.name)

    def depth(self, frame: RecordedFrame) -> Depth | None:
        """A frame's depth on its own grid, metres, NaN where not measured; None where it cannot be used."""
        try:
            return self._checked(frame.metres(self._options.depth_unit))
        except FrameError:
            return None

    def _checked(self, depth: Depth) -> Depth | None:
        options = self._options
        inside = (depth >= options.depth_min) & (depth <= (options.depth_max or np.inf)) & np.isfinite(depth)
        taken = self._grid.take(np.where(inside, depth, np.float32(np.nan)).astype(np.float32))
        return taken if taken.shape == self.view.depth.size and np.isfinite(taken).any() else None

    def _cameras(self) -> tuple[RecordedView, OwnGrid]:
        relation = relate(self._recording.evidence(), bool(self._options.registered))
        if relation.kind == "unknown":
            raise RecordingError(f"{self.name}: {relation.reason} (--registered)")
        known = relation.calibration
        if known is not None and known.depth is not None and known.depth_to_colour is not None:
            view = RecordedView(known.depth, known.colour, known.depth_to_colour, False)
            return view, OwnGrid("dense", known.depth.size)
        colour, depth = self._first()
        size = (colour[0], colour[1])
        grid = OwnGrids().of(depth) if depth.shape == size else OwnGrid("dense", (depth.shape[0], depth.shape[1]))
        camera = self._recording.evidence().colour
        same = Registration.identity(grid.size, size, camera if camera and camera.size == size else None)
        return RecordedView(same.depth_camera, same.colour_camera, np.eye(4), True), grid

    def _first(self) -> tuple[tuple[int, ...], Depth]:
        """Size of the colour images, and the first depth image that can be read."""
        for colour, depth in pair_frames(
            _until_damage(self._recording.frames()), round(self._options.slop_s * 1e9), self._options.queue_size
        ):
            try:
                return colour.load()[0].shape[:2], depth.metres(self._options.depth_unit)
            except FrameError:
                continue
        raise RecordingError(
            f"{self.name}: expected pairs with stamps within {self._options.slop_s * 1e3:g} ms, found none; raise "
            "--slop-s, or synchronise the cameras' clocks"
        )

    def _poses(self, path: Path, poses: str) -> PosedRecording | None:
        if poses == "none" or not isinstance(self._recording, FolderRecording):
            return None
        names = [poses] if poses else [name for name in POSES if (path / name).is_dir()]
        if not names or not (path / CALIBRATION).is_file():
            if poses:
                raise RecordingError(f"{path}: --poses {poses} expects {CALIBRATION} beside it, found none")
            return None
        try:
            posed = PosedRecording.open(path, path / names[0], self._options.streams.depth or "depth")
        except (FileNotFoundError, ValueError) as error:
            raise RecordingError(f"{self.name}: {error}; --poses none does without") from error
        view = self.view
        cameras = Calibration(view.colour, None, None) if view.registered else None
        return posed if cameras is None else replace(posed, calibration=cameras)

    def _posed_words(self) -> tuple[str, ...]:
        if self.posed is None:
            return (f"{self.name}: no poses; its own depth is the target",)
        return (f"{self.name}: {len(self.posed.stems)} poses; depth fused of neighbouring frames is the target",)


def _open(path: Path, options: BagOptions) -> Recording:
    try:
        return open_recording(path, options.streams)
    except DamagedRecordingError:
        return BagRecording(path, options.streams, salvage=True)


def _until_damage(frames: Iterable[RecordedFrame]) -> Iterator[RecordedFrame]:
    try:
        yield from frames
    except DamagedRecordingError:
        return
