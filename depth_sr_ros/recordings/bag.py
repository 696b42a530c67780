"""RGB-D recordings in bags (db3, mcap, ROS 1), read through `rosbags`. Needs no ROS."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.typesys import Stores, get_typestore

from depth_sr_ros.cameras.camera import Camera, Intrinsics, camera_of, intrinsics_of, is_rectified
from depth_sr_ros.cameras.depth import to_metres
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.grids import Size
from depth_sr_ros.cameras.lens import Lens
from depth_sr_ros.cameras.relation import Evidence, named_registered
from depth_sr_ros.cameras.transforms import StaticTransforms
from depth_sr_ros.recordings.bag_records import unmerged_db3
from depth_sr_ros.recordings.image_messages import colour_pixels, depth_pixels, is_depth, jpeg_bytes
from depth_sr_ros.recordings.recording import DamagedRecordingError, RecordedFrame, RecordingError, Stream, Streams
from depth_sr_ros.recordings.salvage import SalvagedBag, bag_files

_IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_INFO_TYPE = "sensor_msgs/msg/CameraInfo"
_TRANSFORMS = "/tf_static", ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")
_TRANSPORTS = ("/compressedDepth", "/compressed", "/theora", "/zstd")
_DAMAGE = (AnyReaderError, OSError, AssertionError, KeyError, ValueError, RuntimeError, struct.error, EOFError)
_NANOSECONDS = 1_000_000_000
# seconds, nanoseconds and length of frame_id: behind 4 bytes in ROS 1 (sequence number) and ROS 2 (encapsulation)
_HEADER_OFFSET, _HEADER_BYTES = 4, 12

Found = TypeVar("Found")
_Load = Callable[[], tuple[NDArray[Any], str]]


class _Reader(Protocol):
    """What is used of `AnyReader`, and what `SalvagedBag` offers as well."""

    is2: bool

    @property
    def connections(self) -> Sequence[Any]: ...

    @property
    def duration(self) -> int: ...

    def messages(self, connections: Any) -> Iterator[tuple[Any, int, bytes]]: ...

    def deserialize(self, rawdata: bytes, typ: str) -> Any: ...


@contextmanager
def _opened(path: Path, salvage: bool = False) -> Iterator[_Reader]:
    try:
        reader: Any
        if salvage:
            reader = SalvagedBag(path)
        else:
            if missing := next((m for m in map(unmerged_db3, bag_files(path)) if m), None):
                raise DamagedRecordingError(f"{path}: {missing}")
            reader = AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY))
            reader.open()
    except DamagedRecordingError:
        raise
    except Exception as error:  # the readers of damaged files raise what their parsers happen to meet
        raise DamagedRecordingError(
            f"{path}: expected a readable bag, found: {type(error).__name__}: {error}. If the recorder was killed, "
            "`ros2 bag reindex` rebuilds metadata.yaml; otherwise copy the bag again"
        ) from error
    try:
        yield reader
    finally:
        reader.close()


@dataclass(frozen=True)
class _Topic:
    name: str
    depth: bool
    frame_id: str = ""

    @property
    def base(self) -> str:
        """Topic without the suffix of an image transport."""
        return next((self.name[: -len(end)] for end in _TRANSPORTS if self.name.endswith(end)), self.name)

    @property
    def score(self) -> int:
        """How much the name speaks for being the wanted stream."""
        unwanted = ("upsampled", "infra", "mono", "left", "right", "confidence")
        raw = self.base == self.name
        wanted = named_registered(self.name) if self.depth else any(w in self.name for w in ("rgb", "color", "colour"))
        return 2 * wanted - 4 * any(word in self.name for word in unwanted) + raw


class BagRecording:
    """Colour and depth of a bag.

    Topics are found by type, encoding and name, and camera_info beside the image; where that is ambiguous, they must be
    given. Stamps are those of the headers. A damaged message becomes a frame whose `load` raises FrameError; where its
    header is lost too, its stamp is guessed from the time of recording.

    Args:
        path: the bag, a folder or a file.
        streams: topics and intrinsics that are not to be guessed.
        salvage: read a damaged bag as far as it can be; `notes` say what is lost.

    Attributes:
        topics: where each stream comes from.
        frame_ids: optical frame of each stream, by its first message.
        cameras: intrinsics of each stream; those of depth are the colour camera's where `depth_info_found` is False.
        depth_info_found: whether the depth image has a camera_info of its own.
        losses: what a salvaged bag has lost, one clause each.

    Raises:
        DamagedRecordingError: a bag that is not to be salvaged cannot be read to its end; `frames` may raise it too.
        RecordingError: empty bag, or no such topics; the message lists what is there.
    """

    def __init__(self, path: Path, streams: Streams | None = None, salvage: bool = False) -> None:
        self._path, streams = Path(path), streams or Streams()
        self._salvage, self._streams = salvage, streams
        self.name = str(path)
        with _opened(self._path, salvage) as reader:
            self.losses = tuple(reader.losses) if isinstance(reader, SalvagedBag) else ()
            topics = _image_topics(self.name, reader)
            self.topics: dict[Stream, str] = {
                "colour": _choose(self.name, "colour", topics, streams.rgb),
                "depth": _choose(self.name, "depth", topics, streams.depth),
            }
            self.depth_count = sum(c.msgcount for c in reader.connections if c.topic == self.topics["depth"])
            self.rate_hz = _rate(self.depth_count, reader.duration)
            self.frame_ids: dict[Stream, str] = {
                stream: next(t.frame_id for t in topics if t.name == name) for stream, name in self.topics.items()
            }
            self.cameras, notes = self._camera_infos(reader, streams)
        found = ", ".join(f"{stream} {topic}" for stream, topic in self.topics.items())
        lost = [f"{self.name}: damaged: {loss}" for loss in self.losses]
        self.notes: tuple[str, ...] = (f"{self.name}: {found}", *notes, *lost)

    def static_transforms(self) -> StaticTransforms:
        """All transforms on /tf_static; messages that cannot be read are passed over."""
        tree = StaticTransforms()
        with _opened(self._path, self._salvage) as reader:
            wanted = [c for c in reader.connections if c.topic == _TRANSFORMS[0] and c.msgtype in _TRANSFORMS[1]]
            for connection, _, data in _messages(self.name, reader, wanted) if wanted else ():
                with suppress(FrameError, ValueError):
                    tree.add(_deserialised(reader, data, connection))
        return tree

    def evidence(self) -> Evidence:
        """Cameras, frames and names of both streams, and what /tf_static says of their frames."""
        with _opened(self._path, self._salvage) as reader:
            sizes = {s: _size_if_any(self.name, reader, topic, s == "depth") for s, topic in self.topics.items()}
        frames = self.frame_ids["colour"], self.frame_ids["depth"]
        known, motion, source = self._streams.known_cameras(), self._streams.motion(), "--depth-to-colour"
        colour, depth = self._own["colour"], self._own["depth"]
        problems = self._problems
        if known is not None:
            colour, depth, problems = known.colour, known.depth, {}
            if motion is None:
                motion, source = known.depth_to_colour, str(self._streams.calibration)
        if motion is None and known is None and frames[0] != frames[1]:
            tree = self.static_transforms()
            motion = tree.between(frames[1], frames[0])
            source = "/tf_static" if motion is not None else ", ".join(tree.frames())
        return Evidence(
            sizes["colour"], sizes["depth"], colour, depth, problems.get("colour", ""), problems.get("depth", ""),
            frames, motion, source, named_registered(self.topics["depth"]),
        )  # fmt: skip

    def frames(self) -> Iterator[RecordedFrame]:
        """All frames once, ordered by header stamp, colour before depth of the same stamp."""
        return heapq.merge(self._stream("colour"), self._stream("depth"), key=lambda frame: frame.stamp_ns)

    def _stream(self, stream: Stream) -> Iterator[RecordedFrame]:
        # a reader of its own: two loops over one file handle would move it under each other
        with _opened(self._path, self._salvage) as reader:
            wanted = [connection for connection in reader.connections if connection.topic == self.topics[stream]]
            lag_ns: int | None = None  # stamp minus time of recording
            for connection, recorded_ns, data in _messages(self.name, reader, wanted):
                try:
                    message = _deserialised(reader, data, connection)
                except FrameError as error:
                    if lag_ns is None:
                        lag_ns = _first_lag(self.name, reader, connection)
                    stamp, frame_id = _damaged_header(data, reader.is2) or (recorded_ns + lag_ns, "")
                    load: _Load = partial(_refuse, error)
                    message = None
                else:
                    stamp, frame_id = _stamp_ns(message), message.header.frame_id
                    lag_ns = stamp - recorded_ns
                    load = partial(self._load_depth if stream == "depth" else _load_colour, message)
                jpeg = partial(jpeg_bytes, message)
                camera = self._lenses[stream]
                yield RecordedFrame(stream, str(stamp), stamp, frame_id, self.cameras[stream], load, jpeg, camera)

    def _load_depth(self, message: Any) -> tuple[NDArray[Any], str]:
        raw, encoding = depth_pixels(message)
        unit = self._streams.depth_unit
        return (to_metres(raw, encoding, unit), "32FC1") if unit else (raw, encoding)

    def _camera_infos(self, reader: _Reader, streams: Streams) -> tuple[dict[Stream, Intrinsics | None], list[str]]:
        notes: list[str] = []
        self._own: dict[Stream, Camera | None] = {"colour": None, "depth": None}
        self._problems: dict[Stream, str] = {}
        colour = self._camera_info(reader, "colour", streams.rgb_info)
        depth = self._camera_info(reader, "depth", streams.depth_info)
        if streams.intrinsics:
            colour = self._given(reader, streams.intrinsics)
            known = self._own["colour"]
            self._own["colour"] = Camera(colour, known.lens if known else Lens())
            self._problems.pop("colour", None)
        if colour is None:
            notes.append(f'{self.name}: no camera_info for colour; give --rgb-info TOPIC or --intrinsics "fx fy cx cy"')
        self.depth_info_found = depth is not None
        lens = self._own["colour"]
        self._lenses: dict[Stream, Camera | None] = dict(self._own)
        if depth is None and colour is not None:
            depth = self._derived_depth_info(reader, colour)
            self._lenses["depth"] = lens and lens.resized(depth.width, depth.height)
            notes.append(f"{self.name}: no camera_info for depth; taken from the colour camera it is registered to")
        return {"colour": colour, "depth": depth}, notes

    def _camera_info(self, reader: _Reader, stream: Stream, given: str | None) -> Intrinsics | None:
        image = _Topic(self.topics[stream], stream == "depth").base
        topic = given or f"{image.rpartition('/')[0]}/camera_info"
        infos = [c for c in reader.connections if c.topic == topic and c.msgtype == _INFO_TYPE and c.msgcount]
        if not infos:
            if given:
                known = sorted({c.topic for c in reader.connections if c.msgtype == _INFO_TYPE})
                raise RecordingError(f"{self.name}: no CameraInfo on {given!r}; it has {known or 'none at all'}")
            return None
        info = _first(self.name, reader, infos[0], lambda _, message: message)
        camera = intrinsics_of(info)
        try:
            self._own[stream] = camera_of(info, is_rectified(image, info))
        except ValueError as error:
            self._problems[stream] = f"{topic}: {error}."
        return camera

    def _given(self, reader: _Reader, pinhole: tuple[float, float, float, float]) -> Intrinsics:
        height, width = _first_size(self.name, reader, self.topics["colour"], depth=False)
        return Intrinsics(width, height, *pinhole)

    def _derived_depth_info(self, reader: _Reader, colour: Intrinsics) -> Intrinsics:
        height, width = _first_size(self.name, reader, self.topics["depth"], depth=True)
        return colour.resized(width, height)


def _load_colour(message: Any) -> tuple[NDArray[Any], str]:
    return colour_pixels(message), "rgb8"


def _refuse(error: FrameError) -> tuple[NDArray[Any], str]:
    raise error


def _stamp_ns(message: Any) -> int:
    return int(message.header.stamp.sec) * _NANOSECONDS + int(message.header.stamp.nanosec)


def _damaged_header(data: bytes, cdr: bool) -> tuple[int, str] | None:
    """Stamp and frame_id of a message that is cut off behind its header; None where they are lost too."""
    start = _HEADER_OFFSET + _HEADER_BYTES
    if len(data) < start:
        return None
    sec, nanosec, length = struct.unpack_from(">iII" if cdr and not data[1] else "<iII", data, _HEADER_OFFSET)
    if nanosec >= _NANOSECONDS or start + length > len(data):
        return None
    return sec * _NANOSECONDS + nanosec, data[start : start + length].decode(errors="replace").rstrip("\0")


def _messages(name: str, reader: _Reader, connections: list[Any]) -> Iterator[tuple[Any, int, bytes]]:
    try:
        yield from reader.messages(connections=connections)
    except Exception as error:  # see _opened
        raise DamagedRecordingError(f"{name}: damaged, reading stopped at: {type(error).__name__}: {error}") from error


def _deserialised(reader: _Reader, data: bytes, connection: Any) -> Any:
    try:
        return reader.deserialize(data, connection.msgtype)
    except _DAMAGE as error:
        raise FrameError(
            "unreadable",
            f"{connection.topic}: expected a whole {connection.msgtype}, found {len(data)} damaged bytes ({error}); "
            "copy the bag again, or record it again",
        ) from error


def _first(name: str, reader: _Reader, connection: Any, use: Callable[[int, Any], Found]) -> Found:
    """What `use` makes of time of recording and message, for the first message that can be used."""
    refused: FrameError | None = None
    for found, recorded_ns, data in _messages(name, reader, [connection]):
        try:
            return use(recorded_ns, _deserialised(reader, data, found))
        except FrameError as error:
            refused = error
    raise RecordingError(
        f"{name}: no usable message on {connection.topic}{f'; the last: {refused}' if refused else ''}"
    )


def _first_lag(name: str, reader: _Reader, connection: Any) -> int:
    return _first(name, reader, connection, lambda recorded_ns, message: _stamp_ns(message) - recorded_ns)


def _first_size(name: str, reader: _Reader, topic: str, depth: bool) -> Size:
    def size(_: int, message: Any) -> Size:
        pixels = depth_pixels(message)[0] if depth else colour_pixels(message)
        return pixels.shape[0], pixels.shape[1]

    return _first(name, reader, next(c for c in reader.connections if c.topic == topic), size)


def _size_if_any(name: str, reader: _Reader, topic: str, depth: bool) -> Size | None:
    try:
        return _first_size(name, reader, topic, depth)
    except DamagedRecordingError:
        raise
    except RecordingError:  # no image of the topic can be used, which each of them says by itself
        return None


def _image_topics(name: str, reader: _Reader) -> list[_Topic]:
    images = [c for c in reader.connections if c.msgtype in _IMAGE_TYPES and c.msgcount]
    if not images:
        found = sorted({f"{c.topic} ({c.msgtype}, {c.msgcount} messages)" for c in reader.connections})
        raise RecordingError(f"{name}: expected image topics with messages, found {', '.join(found) or 'nothing'}")
    return [_first(name, reader, c, partial(_topic, c.topic)) for c in images]


def _topic(name: str, _: int, message: Any) -> _Topic:
    return _Topic(name, is_depth(message), message.header.frame_id)


def _choose(name: str, stream: Stream, topics: list[_Topic], given: str | None) -> str:
    option = "--rgb" if stream == "colour" else "--depth"
    listed = ", ".join(sorted(topic.name for topic in topics))
    if given is not None:
        if given not in {topic.name for topic in topics}:
            raise RecordingError(f"{name}: no images on {given!r} ({option}); it has {listed}")
        return given
    candidates = sorted((t for t in topics if t.depth == (stream == "depth")), key=lambda t: -t.score)
    if not candidates:
        raise RecordingError(f"{name}: expected a {stream} image topic, found only {listed}; give it by {option}")
    if len(candidates) > 1 and candidates[0].score == candidates[1].score:
        names = ", ".join(topic.name for topic in candidates)
        raise RecordingError(f"{name}: more than one {stream} topic: {names}; choose one by {option}")
    return candidates[0].name


def _rate(count: int, duration_ns: int) -> float:
    return (count - 1) * _NANOSECONDS / duration_ns if count > 1 and duration_ns > 0 else 30.0
