"""Recordings kept as image files: colour as PNG or JPEG, depth as 16-bit PNG millimetres."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.cameras.depth import to_metres
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.recordings.recording import RecordedFrame, RecordingError, Stream, Streams

LAYOUT = (
    "expected rgb/*.png or *.jpg, depth/*.png (16 bit, millimetres, 0 invalid) with the same stems, and camera.json "
    "with width, height, fx, fy, cx, cy and optionally rate_hz"
)
"""What a folder recording looks like, for error messages and help."""

FRAME_ID = "camera_color_optical_frame"
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
    """

    pinhole: Pinhole | None
    size: tuple[int, int] | None = None
    rate_hz: float = _DEFAULT_RATE_HZ
    depth_unit_m: float = 0.001


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
        self._intrinsics = self._checked_intrinsics()
        self.notes: tuple[str, ...] = ()
        if camera.pinhole is None:
            self.notes = (f"{name}: no intrinsics, so no camera_info; {_how_to_give_intrinsics()}",)

    def frames(self) -> Iterator[RecordedFrame]:
        """All frames once, ordered by stamp, colour before depth of the same stamp."""
        colour = (self._frame("colour", stamp, path) for stamp, path in self._colour)
        depth = (self._frame("depth", stamp, path) for stamp, path in self._depth)
        return heapq.merge(colour, depth, key=lambda frame: frame.stamp_ns)

    def _frame(self, stream: Stream, stamp_ns: int, path: Path) -> RecordedFrame:
        load = partial(_load_colour, path) if stream == "colour" else partial(self._load_depth, path)
        jpeg = partial(_jpeg_file, path)
        return RecordedFrame(stream, path.stem, stamp_ns, FRAME_ID, self._intrinsics[stream], load, jpeg)

    def _load_depth(self, path: Path) -> tuple[NDArray[Any], str]:
        raw, unit = read_depth(path), self._camera.depth_unit_m
        return (raw, "16UC1") if unit == 0.001 else (to_metres(raw, "16UC1", unit), "32FC1")

    def _checked_intrinsics(self) -> dict[str, Intrinsics | None]:
        """Reads the first pair, so that what is wrong with all of them is said before anything starts."""
        try:
            colour, depth = read_colour(self._colour[0][1]), read_depth(self._depth[0][1])
        except FrameError as error:
            raise RecordingError(str(error)) from error
        camera, (height, width) = self._camera, colour.shape[:2]
        if camera.pinhole is None:
            return {"colour": None, "depth": None}
        if camera.size not in (None, (height, width)):
            raise RecordingError(
                f"{self.name}: intrinsics are for (height, width) {camera.size}, the colour image has "
                f"{(height, width)}; give the intrinsics of the images as they are"
            )
        known = Intrinsics(width, height, *camera.pinhole)
        return {"colour": known, "depth": known.resized(depth.shape[1], depth.shape[0])}


class FolderRecording(ImageFilesRecording):
    """A folder with `rgb/`, `depth/` and `camera.json`.

    Instead of `camera.json`, `intrinsics.txt` may hold a 3x3 matrix, four numbers fx fy cx cy, or the same with labels.
    `camera.json` may also hold `rate_hz` and `depth_unit_m` (metres per unit, if not millimetres).

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
        super().__init__(str(folder), colour, depth, _camera(folder, streams))


def single_pair(colour: Path, depth: Path, streams: Streams | None = None) -> ImageFilesRecording:
    """A recording of one colour file and one depth file.

    Raises:
        RecordingError: a file is missing or cannot be used.
    """
    missing = [str(path) for path in (colour, depth) if not path.is_file()]
    if missing:
        raise RecordingError(f"no such file: {', '.join(missing)}; expected one colour image and one 16-bit depth PNG")
    return ImageFilesRecording(str(depth), [colour], [depth], CameraFile((streams or Streams()).intrinsics))


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


def _camera(folder: Path, streams: Streams) -> CameraFile:
    path = folder / "camera.json"
    if path.is_file():
        return _from_json(path, streams.intrinsics)
    text = next((folder / name for name in _INTRINSICS_FILES if (folder / name).is_file()), None)
    return CameraFile(streams.intrinsics or (_from_text(text) if text else None))


def _from_json(path: Path, given: Pinhole | None) -> CameraFile:
    """Reads camera.json; pinhole numbers given by the user replace the file's."""
    try:
        raw = json.loads(path.read_text())
        rate_hz, unit = float(raw.get("rate_hz", _DEFAULT_RATE_HZ)), float(raw.get("depth_unit_m", 0.001))
        known = None if given else Intrinsics.read(path)
    except (ValueError, TypeError, AttributeError) as error:
        raise RecordingError(f"{path}: {error}") from error
    if not (0 < rate_hz < inf and 0 < unit < inf):
        raise RecordingError(
            f"{path}: expected positive rate_hz and depth_unit_m, found {rate_hz} and {unit}; correct them, or leave "
            f"them out for {_DEFAULT_RATE_HZ:g} Hz and millimetres"
        )
    if known is None:
        return CameraFile(given, None, rate_hz, unit)
    return CameraFile((known.fx, known.fy, known.cx, known.cy), (known.height, known.width), rate_hz, unit)


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
