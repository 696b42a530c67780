"""Recordings kept as image files: colour as PNG or JPEG, depth as 16-bit PNG millimetres."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.calibration import NAME as CALIBRATION
from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.depth import to_metres
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.grids import Size
from depth_sr_ros.cameras.lens import Lens
from depth_sr_ros.cameras.relation import Evidence, named_registered
from depth_sr_ros.cameras.transforms import Matrix
from depth_sr_ros.recordings.recording import RecordedFrame, RecordingError, Stream, Streams, cameras_in

LAYOUT = (
    "expected rgb/*.png or *.jpg, depth/*.png (16 bit, millimetres, 0 invalid) with the same stems, and camera.json "
    "with width, height, fx, fy, cx, cy and optionally rate_hz; for a depth camera's own images, calibration.json"
)
"""What a folder recording looks like, for error messages and help."""

FRAME_ID = "camera_color_optical_frame"
DEPTH_FRAME_ID = "camera_depth_optical_frame"
"""Of depth images that lie in a camera of their own."""

_COLOUR_SUFFIXES, _DEPTH_SUFFIXES = (".png", ".jpg", ".jpeg"), (".png",)
_COLOUR_FOLDERS, _DEPTH_FOLDERS = ("rgb", "color", "colour"), ("depth", "depth_registered")
_INTRINSICS_FILES = ("intrinsics.txt", "camera-intrinsics.txt")
_DEFAULT_RATE_HZ = 30.0
_NANOSECONDS = 1_000_000_000

Pinhole = tuple[float, float, float, float]
"""fx, fy, cx, cy in pixels, without an image size."""


def read_colour(path: Path) -> NDArray[np.uint8]:
    """Reads a colour image, (H, W, 3) uint8 RGB.

    Raises:
        FrameError: cause `unreadable`.
    """
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise FrameError("unreadable", f"{path}: expected a PNG or JPEG image, found data that cannot be decoded")
    return np.ascontiguousarray(pixels[..., ::-1]).astype(np.uint8, copy=False)


def read_depth(path: Path) -> NDArray[np.uint16]:
    """Reads depth, (h, w) uint16.

    Raises:
        FrameError: cause `unreadable` for a file that cannot be decoded, `encoding` for one that is not 16-bit grey.
    """
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise FrameError("unreadable", f"{path}: expected a 16-bit PNG, found data that cannot be decoded")
    if pixels.dtype != np.uint16 or pixels.ndim != 2:
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        raise FrameError(
            "encoding",
            f"{path}: expected depth as a 16-bit single-channel PNG in millimetres, found {pixels.dtype} with "
            f"{channels} channel(s); save the raw depth, not a picture of it",
        )
    return pixels.astype(np.uint16, copy=False)


def write_image(path: Path, pixels: NDArray[Any]) -> None:
    """Writes an image as PNG (grey, or BGR as cv2 has it), by a temporary name and a rename.

    Raises:
        OSError: it cannot be written there.
    """
    done, data = cv2.imencode(".png", pixels)
    if not done:
        raise OSError(f"{path}: {pixels.shape} {pixels.dtype} cannot be encoded as PNG")
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(data.tobytes())
    temporary.replace(path)


@dataclass(frozen=True)
class CameraFile:
    """What is known of a folder's camera.

    Attributes:
        pinhole: fx, fy, cx, cy of the colour image in pixels; None if unknown.
        size: (height, width) they hold for; None takes that of the first colour image.
        rate_hz: frames a second.
        depth_unit_m: metres per depth unit; 0.001 unless stated.
        lens: of the colour camera.
        own: the depth camera, where depth lies in one of its own and not in the colour image's view.
        depth_to_colour: how that stands to the colour camera; None where it is not known.
        source: where that was found.
    """

    pinhole: Pinhole | None
    size: tuple[int, int] | None = None
    rate_hz: float = _DEFAULT_RATE_HZ
    depth_unit_m: float = 0.001
    lens: Lens = Lens()
    own: Camera | None = None
    depth_to_colour: Matrix | None = None
    source: str = ""

    def calibrated(self, known: Calibration, source: str, depth: str, given: Pinhole | None) -> CameraFile:
        """The same with the cameras of a calibration.

        Args:
            known: the cameras.
            source: what to call it.
            depth: name of the folder that depth is in; one that says registered has no camera of its own.
            given: stands for the colour camera's fx, fy, cx, cy.
        """
        i, apart = known.colour.intrinsics, not named_registered(depth)
        return replace(
            self, pinhole=given or (i.fx, i.fy, i.cx, i.cy), size=known.colour.size, lens=known.colour.lens,
            own=known.depth if apart else None, depth_to_colour=known.depth_to_colour if apart else None, source=source,
        )  # fmt: skip

    def with_streams(self, streams: Streams, depth: str = "") -> CameraFile:
        """The same with what a user gives; `depth` is the name of the folder that depth is in."""
        known, motion = streams.known_cameras(), streams.motion()
        camera = self if known is None else self.calibrated(known, str(streams.calibration), depth, streams.intrinsics)
        if motion is not None:
            camera = replace(camera, depth_to_colour=motion, source="--depth-to-colour")
        return replace(camera, depth_unit_m=streams.depth_unit or camera.depth_unit_m)


class ImageFilesRecording:
    """A recording of colour and depth files.

    Stems that are times (seconds with a fraction, or nanoseconds) give the stamps, each stream its own. Otherwise the
    files are paired by stem, or by order where stems differ, and stamped by index at the camera's rate.

    Args:
        name: how to call it in messages.
        colour: colour files in order.
        depth: depth files in order.
        camera: intrinsics and rate.

    Raises:
        RecordingError: no files, files that do not pair, or a first depth file that is not 16-bit.
    """

    def __init__(self, name: str, colour: Sequence[Path], depth: Sequence[Path], camera: CameraFile) -> None:
        self.name, self.rate_hz = name, camera.rate_hz
        self._camera = camera
        self._colour, self._depth = _stamped(name, list(colour), list(depth), camera.rate_hz)
        self.depth_count = len(self._depth)
        self._sizes = self._read_sizes()
        self._cameras = self._checked_cameras()
        self.notes: tuple[str, ...] = ()
        if camera.pinhole is None:
            self.notes = (f"{name}: no intrinsics, so no camera_info; {_how_to_give_intrinsics()}",)

    def frames(self) -> Iterator[RecordedFrame]:
        """All frames once, ordered by stamp, colour before depth of the same stamp."""
        colour = (self._frame("colour", stamp, path) for stamp, path in self._colour)
        depth = (self._frame("depth", stamp, path) for stamp, path in self._depth)
        return heapq.merge(colour, depth, key=lambda frame: frame.stamp_ns)

    def evidence(self) -> Evidence:
        """Depth is registered unless there is a depth camera, or a motion between them."""
        camera, sizes = self._camera, self._sizes
        return Evidence(
            sizes["colour"], sizes["depth"], self._cameras["colour"], camera.own,
            depth_to_colour=camera.depth_to_colour, extrinsics_source=camera.source,
        )  # fmt: skip

    def _frame(self, stream: Stream, stamp_ns: int, path: Path) -> RecordedFrame:
        load = partial(_load_colour, path) if stream == "colour" else partial(self._load_depth, path)
        jpeg = partial(_jpeg_file, path)
        frame_id = DEPTH_FRAME_ID if stream == "depth" and self._camera.own is not None else FRAME_ID
        camera = self._cameras[stream]
        intrinsics = camera.intrinsics if camera else None
        return RecordedFrame(stream, path.stem, stamp_ns, frame_id, intrinsics, load, jpeg, camera)

    def _load_depth(self, path: Path) -> tuple[NDArray[Any], str]:
        raw, unit = read_depth(path), self._camera.depth_unit_m
        return (raw, "16UC1") if unit == 0.001 else (to_metres(raw, "16UC1", unit), "32FC1")

    def _read_sizes(self) -> dict[Stream, Size]:
        """Reads the first pair, so that what is wrong with all of them is said before anything starts."""
        try:
            colour, depth = read_colour(self._colour[0][1]), read_depth(self._depth[0][1])
        except FrameError as error:
            raise RecordingError(str(error)) from error
        return {"colour": (colour.shape[0], colour.shape[1]), "depth": (depth.shape[0], depth.shape[1])}

    def _checked_cameras(self) -> dict[Stream, Camera | None]:
        camera, (height, width), size = self._camera, self._sizes["colour"], self._sizes["depth"]
        if camera.pinhole is None:
            return {"colour": None, "depth": None}
        if camera.size not in (None, (height, width)):
            raise RecordingError(
                f"{self.name}: intrinsics are for (height, width) {camera.size}, the colour image has "
                f"{(height, width)}; give the intrinsics of the images as they are"
            )
        if camera.own is not None and camera.own.size != size:
            raise RecordingError(
                f"{self.name}: the depth camera of {camera.source} is for (height, width) {camera.own.size}, the depth "
                f"image has {size}; give the calibration of the images as they are"
            )
        try:
            known = Camera(Intrinsics(width, height, *camera.pinhole), camera.lens)
        except ValueError as error:
            raise RecordingError(f"{self.name}: colour {error}") from error
        return {"colour": known, "depth": camera.own or known.resized(size[1], size[0])}


class FolderRecording(ImageFilesRecording):
    """A folder with `rgb/`, `depth/` and `camera.json`, or `calibration.json` where depth is a depth camera's own.

    Depth is registered to colour, unless `calibration.json` names a depth camera; a depth folder called registered, or
    aligned, is registered all the same. Instead of `camera.json`, `intrinsics.txt` may hold a 3x3 matrix, four numbers
    fx fy cx cy, or the same with labels. `camera.json` and `calibration.json` may also hold `rate_hz` and
    `depth_unit_m` (metres per unit, if not millimetres).

    Args:
        folder: where the files are.
        streams: names of the sub-folders and intrinsics, where they differ.

    Raises:
        RecordingError: something is missing or does not fit; the message says what.
    """

    def __init__(self, folder: Path, streams: Streams | None = None) -> None:
        streams = streams or Streams()
        colour = _list(folder, streams.rgb, _COLOUR_FOLDERS, _COLOUR_SUFFIXES)
        depth = _list(folder, streams.depth, _DEPTH_FOLDERS, _DEPTH_SUFFIXES)
        super().__init__(str(folder), colour, depth, _camera(folder, depth[0].parent.name, streams))


def single_pair(colour: Path, depth: Path, streams: Streams | None = None) -> ImageFilesRecording:
    """A recording of one colour file and one depth file.

    Raises:
        RecordingError: a file is missing or cannot be used.
    """
    missing = [str(path) for path in (colour, depth) if not path.is_file()]
    if missing:
        raise RecordingError(f"no such file: {', '.join(missing)}; expected one colour image and one 16-bit depth PNG")
    streams = streams or Streams()
    camera = CameraFile(streams.intrinsics).with_streams(streams)
    return ImageFilesRecording(str(depth), [colour], [depth], camera)


def _jpeg_file(path: Path) -> bytes | None:
    return path.read_bytes() if path.suffix.lower() in _COLOUR_SUFFIXES[1:] else None


def _load_colour(path: Path) -> tuple[NDArray[Any], str]:
    return read_colour(path), "rgb8"


def _list(folder: Path, given: str | None, usual: Sequence[str], suffixes: Sequence[str]) -> list[Path]:
    names = [given] if given else usual
    found = next((folder / name for name in names if (folder / name).is_dir()), None)
    if found is None:
        raise RecordingError(f"{folder}: found no folder {' or '.join(f'{name}/' for name in names)}; {LAYOUT}")
    files = sorted(path for path in found.iterdir() if path.suffix.lower() in suffixes)
    if not files:
        raise RecordingError(f"{found}: found no {' or '.join(suffixes)} files; {LAYOUT}")
    return files


Stamped = list[tuple[int, Path]]


def _stamped(name: str, colour: list[Path], depth: list[Path], rate_hz: float) -> tuple[Stamped, Stamped]:
    times = [[_time_ns(path.stem) for path in files] for files in (colour, depth)]
    if all(stamp is not None for stamps in times for stamp in stamps):
        return _by_time(times[0], colour), _by_time(times[1], depth)
    if len(colour) != len(depth):
        unmatched = sorted({path.stem for path in colour} ^ {path.stem for path in depth})
        raise RecordingError(
            f"{name}: found {len(colour)} colour and {len(depth)} depth files; expected as many of each. "
            f"Without a partner: {', '.join(unmatched[:3]) or 'none by name'}{' …' if len(unmatched) > 3 else ''}"
        )
    stamps = [round(index * _NANOSECONDS / rate_hz) for index in range(len(colour))]
    return list(zip(stamps, colour, strict=True)), list(zip(stamps, depth, strict=True))


def _by_time(stamps: Sequence[int | None], files: list[Path]) -> Stamped:
    return sorted((stamp, path) for stamp, path in zip(stamps, files, strict=True) if stamp is not None)


def _time_ns(stem: str) -> int | None:
    """Nanoseconds from a stem such as 1305031102.175304 or 1305031102175304000; None for a plain index."""
    if re.fullmatch(r"\d{9,10}\.\d+", stem):
        seconds, fraction = stem.split(".")
        return int(seconds) * _NANOSECONDS + int(fraction[:9].ljust(9, "0"))
    return int(stem) if re.fullmatch(r"\d{18,19}", stem) else None


def _camera(folder: Path, depth: str, streams: Streams) -> CameraFile:
    """What a folder and the user say of the cameras; `depth` is the name of the folder that depth is in."""
    path, calibration = folder / "camera.json", folder / CALIBRATION
    text = next((folder / name for name in _INTRINSICS_FILES if (folder / name).is_file()), None)
    if path.is_file():
        camera = _from_json(path, streams.intrinsics)
    elif text and not calibration.is_file():
        camera = CameraFile(streams.intrinsics or _from_text(text))
    else:
        camera = CameraFile(streams.intrinsics)
    if calibration.is_file() and streams.calibration is None:
        known, extras = cameras_in(calibration), _extras(calibration)
        camera = replace(camera, rate_hz=extras.get("rate_hz", camera.rate_hz))
        camera = replace(camera, depth_unit_m=extras.get("depth_unit_m", camera.depth_unit_m))
        camera = camera.calibrated(known, CALIBRATION, depth, streams.intrinsics)
    return camera.with_streams(streams, depth)


def _from_json(path: Path, given: Pinhole | None) -> CameraFile:
    """Reads camera.json; pinhole numbers given by the user replace the file's."""
    extras = _extras(path)
    try:
        known = None if given else Intrinsics.read(path)
    except ValueError as error:
        raise RecordingError(str(error)) from error
    rate_hz, unit = extras.get("rate_hz", _DEFAULT_RATE_HZ), extras.get("depth_unit_m", 0.001)
    if known is None:
        return CameraFile(given, None, rate_hz, unit)
    return CameraFile((known.fx, known.fy, known.cx, known.cy), (known.height, known.width), rate_hz, unit)


def _extras(path: Path) -> dict[str, float]:
    """`rate_hz` and `depth_unit_m` of a JSON file, where they are there."""
    try:
        raw = json.loads(path.read_text())
        found = {key: float(raw[key]) for key in ("rate_hz", "depth_unit_m") if key in raw}
    except (ValueError, TypeError, AttributeError) as error:
        raise RecordingError(f"{path}: {error}") from error
    if not all(0 < value < inf for value in found.values()):
        raise RecordingError(
            f"{path}: expected positive rate_hz and depth_unit_m, found {found}; correct them, or leave "
            f"them out for {_DEFAULT_RATE_HZ:g} Hz and millimetres"
        )
    return found


_NUMBER = r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"


def _from_text(path: Path) -> Pinhole:
    text = path.read_text()
    labelled = {key: float(value) for key, value in re.findall(rf"\b(fx|fy|cx|cy)\s*[:=]?\s*({_NUMBER})", text)}
    if len(labelled) == 4:
        return labelled["fx"], labelled["fy"], labelled["cx"], labelled["cy"]
    numbers = [float(word) for word in re.findall(_NUMBER, text)]
    if len(numbers) == 4:
        return numbers[0], numbers[1], numbers[2], numbers[3]
    if len(numbers) == 9 and numbers[6:] == [0, 0, 1]:
        return numbers[0], numbers[4], numbers[2], numbers[5]
    raise RecordingError(
        f"{path}: expected a 3x3 camera matrix or the four numbers fx fy cx cy, found {len(numbers)} numbers; "
        f"{_how_to_give_intrinsics()}"
    )


def _how_to_give_intrinsics() -> str:
    return 'give --intrinsics "fx fy cx cy" or a camera.json'
