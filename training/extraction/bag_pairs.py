"""Pairs of colour and registered depth out of bags (rosbag2 db3 and mcap, ROS 1 .bag). Needs no ROS and no torch.

Pairs are those that the node would make: header stamps, the same pairing. Depth that lies in its own camera's view is
registered to the colour camera by the bag's camera_infos and /tf_static, as `depth-sr upsample` does it. What cannot be
read is counted by cause and skipped; a damaged bag yields what can be read, and the run says what was lost.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.depth import within_range
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.grids import frame_layout
from depth_sr_ros.cameras.registration import Registration, RegistrationOptions
from depth_sr_ros.cameras.relation import Relation, relate
from depth_sr_ros.recordings.bag import BagRecording
from depth_sr_ros.recordings.pairing import StampPairing
from depth_sr_ros.recordings.recording import DamagedRecordingError, RecordedFrame, RecordingError, Streams


@dataclass(frozen=True)
class BagOptions:
    """How bags are read.

    Attributes:
        streams: topics and intrinsics that are not to be guessed.
        slop_s: largest distance of the stamps of a pair, seconds, inclusive.
        queue_size: messages that a stream may hold while it waits for its partner.
        registered: depth is registered to colour already; None decides as `cameras.relation` does.
        depth_unit: metres per raw depth unit, as the node's parameter of that name; 0 follows the encoding.
        depth_min: nearest depth that counts, metres.
        depth_max: farthest depth that counts, metres; 0 for no limit.
    """

    streams: Streams = Streams()
    slop_s: float = 0.02
    queue_size: int = 10
    registered: bool | None = None
    depth_unit: float = 0.0
    depth_min: float = 0.0
    depth_max: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.depth_unit <= 1000:  # not for NaN, either
            raise ValueError(
                f"--depth-unit: expected metres per raw depth unit from 0 to 1000, found {self.depth_unit}; for a "
                "sensor that counts tenths of a millimetre it is 0.0001"
            )
        self.registration()

    def registration(self) -> RegistrationOptions:
        """How depth is registered: what the depth camera does not see stays a hole. Raises ValueError for no range."""
        high = self.depth_max or math.inf
        return RegistrationOptions(fill=False, depth_min=self.depth_min, depth_max=high, assign_mixed=True)


@dataclass(frozen=True)
class Candidate:
    """A pair by stamp whose colour image is read, (H, W, 3) uint8 RGB, and whose depth is not yet."""

    rgb: NDArray[np.uint8]
    colour: RecordedFrame
    depth: RecordedFrame


Selection = Callable[[Iterator[Candidate]], Iterator[Candidate]]
"""Passes on the candidates that are wanted, in their order."""


@dataclass(frozen=True)
class BagPair:
    """A colour image and the depth registered to it.

    Attributes:
        rgb: (H, W, 3) uint8.
        jpeg: the JPEG file that `rgb` comes from, where there is one.
        depth: (h, w) float32 metres in the colour camera's view, NaN invalid; (h, w) is not larger than (H, W).
        colour_camera: intrinsics of `rgb`; None where the bag does not tell.
        depth_camera: intrinsics of `depth`, which are the colour camera's on another grid; None likewise.
        stamps_ns: header stamps of colour and depth.
    """

    rgb: NDArray[np.uint8]
    jpeg: bytes | None
    depth: NDArray[np.float32]
    colour_camera: Intrinsics | None
    depth_camera: Intrinsics | None
    stamps_ns: tuple[int, int]


@dataclass
class BagReport:
    """What was met while the pairs of a bag were read.

    Attributes:
        messages: of colour and depth that were met.
        pairs: that were made by stamp.
        unmatched: messages of each stream that found no partner.
        unusable: pairs that were passed over, by stream and cause, such as `depth: data_length`.
        examples: the first message for each of these.
        closest_ns: smallest distance of stamps of the two streams that made no pair, None where none was left.
        losses: what a damaged bag has lost, one clause each.
    """

    messages: dict[str, int] = field(default_factory=lambda: {"colour": 0, "depth": 0})
    pairs: int = 0
    unmatched: dict[str, int] = field(default_factory=lambda: {"colour": 0, "depth": 0})
    unusable: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    closest_ns: int | None = None
    losses: tuple[str, ...] = ()

    def refuse(self, stream: str, error: FrameError) -> None:
        """Counts a pair that is passed over because of one stream's image."""
        cause = f"{stream}: {error.cause}"
        self.unusable[cause] += 1
        self.examples.setdefault(cause, str(error))


class Bag:
    """One bag as pairs.

    Args:
        path: a folder with metadata.yaml, a .db3, .mcap or .bag file, or what a killed recorder left of them.
        options: how to read it.
        salvage: read it as a damaged one from the start.

    Attributes:
        name: folder or file name without suffix.
        topics: topic of `colour` and of `depth`.
        frame_ids: optical frame of each.
        expected: how many depth messages the bag says it has.
        salvaged: whether it is read as a damaged one.
        to_colour: transform from the depth camera's frame to the colour camera's, None where depth is registered.
        notes: what a user should know, one sentence each.
        report: filled while `pairs` is read.

    Raises:
        RecordingError: nothing to be had: no images, one stream only, ambiguous topics, cameras that cannot be related;
            the message says what was expected, what was found and what to change.
    """

    def __init__(self, path: Path, options: BagOptions | None = None, salvage: bool = False) -> None:
        self._options = options or BagOptions()
        self._recording, self.salvaged = _open(Path(path), self._options.streams, salvage)
        self.name = Path(path).resolve().stem if Path(path).is_file() else Path(path).resolve().name
        self.topics: dict[str, str] = {stream: topic for stream, topic in self._recording.topics.items()}
        self.frame_ids: dict[str, str] = {stream: frame for stream, frame in self._recording.frame_ids.items()}
        self.expected = self._recording.depth_count
        self.report = BagReport(losses=self._recording.losses)
        relation = self._relation()
        self.to_colour = relation.calibration.depth_to_colour if relation.calibration else None
        self.notes = (*self._recording.notes, f"{self.name}: {relation.reason}")
        self._registration = self._prepared(relation.calibration)

    def pairs(self, select: Selection | None = None) -> Iterator[BagPair]:
        """All usable pairs once, ordered by stamp.

        Args:
            select: passes on the pairs that are wanted by their colour; the depth of others is not even decoded.

        Raises:
            DamagedRecordingError: the bag is damaged further on; read it again with `salvage`.
            RecordingError: no pair at all; the message says how far apart the streams are.
        """
        self.report = BagReport(losses=self._recording.losses)
        candidates = self._candidates()
        for candidate in select(candidates) if select else candidates:
            pair = self._usable(candidate)
            if pair is not None:
                yield pair

    def count_pairs(self) -> BagReport:
        """Pairs by stamp, without a look at the images. Raises as `pairs` does."""
        report = BagReport(losses=self._recording.losses)
        for _ in self._paired(report):
            report.pairs += 1
        if not report.pairs:
            self.report = report
            raise RecordingError(self._no_pairs())
        return report

    def _candidates(self) -> Iterator[Candidate]:
        report = self.report
        for colour, depth in self._paired(report):
            report.pairs += 1
            try:
                rgb = colour.load()[0]
            except FrameError as error:
                report.refuse("colour", error)
            else:
                yield Candidate(rgb, colour, depth)
        for stream in report.unmatched:
            report.unmatched[stream] = report.messages[stream] - report.pairs
        if not report.pairs:
            raise RecordingError(self._no_pairs())

    def _paired(self, report: BagReport) -> Iterator[tuple[RecordedFrame, RecordedFrame]]:
        pairing = StampPairing(round(self._options.slop_s * 1e9), self._options.queue_size)
        for frame in self._recording.frames():
            report.messages[frame.stream] += 1
            made = pairing.add(0 if frame.stream == "colour" else 1, frame.stamp_ns, frame)
            best = pairing.counters.best_distance_ns
            if best is not None:
                report.closest_ns = best if report.closest_ns is None else min(best, report.closest_ns)
            if made is not None:
                yield made

    def _usable(self, candidate: Candidate) -> BagPair | None:
        rgb, colour, depth = candidate.rgb, candidate.colour, candidate.depth
        try:
            metres, camera = self._registered(depth)
            frame_layout((rgb.shape[0], rgb.shape[1]), (metres.shape[0], metres.shape[1]), 1, (1,))
        except FrameError as error:
            self.report.refuse("depth", error)
            return None
        stamps = colour.stamp_ns, depth.stamp_ns
        return BagPair(rgb, colour.jpeg(), metres, colour.intrinsics, camera, stamps)

    def _registered(self, frame: RecordedFrame) -> tuple[NDArray[np.float32], Intrinsics | None]:
        depth, camera = frame.metres(self._options.depth_unit), frame.intrinsics
        if self._registration is not None:
            return self._registration(depth).start, self._registration.colour_camera.intrinsics
        options = self._options.registration()
        depth, beyond = within_range(depth, options.depth_min, options.depth_max)
        if not np.isfinite(depth).any():
            raise FrameError(
                "all_invalid",
                f"depth: expected measured pixels, found none, and {beyond} out of `--depth-min` to `--depth-max`; is "
                "the sensor covered?",
            )
        return depth, camera

    def _relation(self) -> Relation:
        relation = relate(self._recording.evidence(), bool(self._options.registered))
        if relation.kind == "unknown":
            raise RecordingError(f"{self.name}: {relation.reason} (--registered)")
        return relation

    def _prepared(self, cameras: Calibration | None) -> Registration | None:
        """Registers to the colour camera on a grid no finer than the depth camera's; None where depth is registered."""
        if cameras is None or cameras.depth is None:
            return None
        target = _target(cameras.depth, cameras.colour)
        try:
            return Registration(cameras.depth, target, cameras.depth_to_colour, self._options.registration())
        except ValueError as error:
            raise RecordingError(f"{self.name}: {error}") from error

    def _no_pairs(self) -> str:
        report, slop_ms = self.report, self._options.slop_s * 1e3
        seen = report.messages
        closest = "" if report.closest_ns is None else f", {report.closest_ns / 1e6:.1f} ms apart at best"
        return (
            f"{self.name}: expected pairs with stamps within {slop_ms:g} ms, found {seen['colour']} colour and "
            f"{seen['depth']} depth images{closest}; raise --slop-s, or synchronise the cameras' clocks"
        )


def _target(depth: Camera, colour: Camera) -> Camera:
    """The colour camera on a grid that is not finer than the depth camera's: itself, or with fewer pixels."""
    i, own = colour.intrinsics, depth.intrinsics
    share = min(1.0, own.fx / i.fx, own.fy / i.fy)
    return colour.resized(max(1, round(i.width * share)), max(1, round(i.height * share))) if share < 1 else colour


def _open(path: Path, streams: Streams, salvage: bool) -> tuple[BagRecording, bool]:
    if not path.exists():
        raise RecordingError(f"{path}: no such bag; expected a .mcap, .db3 or .bag file, or a folder with one")
    if not salvage:
        try:
            return BagRecording(path, streams), False
        except DamagedRecordingError as error:
            damage = error
    try:
        return BagRecording(path, streams, salvage=True), True
    except RecordingError as error:
        if salvage:
            raise
        raise RecordingError(f"{damage} Nothing could be salvaged: {error}") from error
