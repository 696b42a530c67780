"""How the depth stream lies to the colour stream: decided again when something that it depends on has changed.

`cameras.relation.relate` decides, by what camera_infos, images, frames, /tf_static and parameters say. What is not
known at the first images may still come, so nothing is guessed before `PATIENCE_S` are over.
"""

from __future__ import annotations

from typing import Any

from sensor_msgs.msg import CameraInfo, Image

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Camera, camera_of, is_rectified
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.relation import Evidence, Relation, named_registered, relate
from depth_sr_ros.cameras.transforms import Matrix
from depth_sr_ros.ros.camera_infos import CameraInfos
from depth_sr_ros.ros.live_transforms import TOPIC, LiveTransforms

PATIENCE_S = 2.0
"""Seconds of frames during which camera_info and transforms that are missing are waited for."""

WAITING = "awaiting_cameras"
"""Cause under which frames are counted that come before it is known how depth lies to colour."""


class StreamRelation:
    """See the module. Used from the inference thread only, but for `given`, which may be set at any time.

    Args:
        infos: camera_info messages.
        transforms: what /tf_static says.
        topics: names of the colour and depth images' topics, after remapping.
        assume_registered: take depth as registered, whatever is found.
        given: the motion that parameters give, (4, 4), from the depth camera's frame to the colour camera's.

    Attributes:
        given: likewise.
        problem: why nothing is served, one sentence; empty where something is, or where it is not known yet.
        note: how depth lies to colour, one sentence; empty before that is known.
    """

    def __init__(
        self,
        infos: CameraInfos,
        transforms: LiveTransforms,
        topics: tuple[str, str],
        assume_registered: bool = False,
        given: Matrix | None = None,
    ) -> None:
        self._infos, self._transforms, self._topics = infos, transforms, topics
        self._assumed, self.given = assume_registered, given
        self.problem, self.note = "", ""
        self._decided: tuple[tuple[object, ...], Relation, object] | None = None
        self._open_since: float | None = None

    def cameras(self, rgb: Image, depth: Image, now: float) -> Calibration | None:
        """The cameras of depth that has to be registered; None for registered depth.

        Args:
            rgb: colour image with pixels.
            depth: depth image with pixels.
            now: monotonic time, seconds.

        Raises:
            FrameError: nothing can be served: `awaiting_cameras` as long as what is missing may come, afterwards
                `unregistered`, or `size` where a camera_info belongs to images of another size.
        """
        relation = self._relation(rgb, depth)
        if not relation.open:
            self._open_since = None
        elif self._waits(now):
            raise FrameError(WAITING, "waiting for camera_info and transforms")
        if relation.kind == "unknown":
            self.problem, self.note = relation.reason, ""
            raise FrameError(relation.cause, relation.reason)
        self.problem, self.note = "", relation.reason
        return relation.calibration

    def _waits(self, now: float) -> bool:
        if self._open_since is None:
            self._open_since = now
        return now - self._open_since < PATIENCE_S

    def _relation(self, rgb: Image, depth: Image) -> Relation:
        infos = self._infos.rgb(rgb.header.frame_id), self._infos.depth(depth.header.frame_id)
        given = self.given
        key = (
            (rgb.height, rgb.width), (depth.height, depth.width), rgb.header.frame_id, depth.header.frame_id,
            *map(id, infos), id(given), self._transforms.version,
        )  # fmt: skip
        if self._decided is None or self._decided[0] != key:
            relation = relate(self._evidence(rgb, depth, infos, given), self._assumed)
            self._decided = key, relation, (infos, given)  # kept, so that no other object gets their ids
        return self._decided[1]

    def _evidence(
        self, rgb: Image, depth: Image, infos: tuple[CameraInfo | None, CameraInfo | None], given: Matrix | None
    ) -> Evidence:
        found = [
            _camera(info, image, topic)
            for info, image, topic in zip(infos, self._topics, self._infos.topics, strict=True)
        ]
        frames = rgb.header.frame_id, depth.header.frame_id
        motion, source = given, "depth_to_colour"
        if motion is None and frames[0] != frames[1]:
            motion = self._transforms.between(frames[1], frames[0])
            source = TOPIC if motion is not None else self._transforms.found()
        return Evidence(
            (rgb.height, rgb.width), (depth.height, depth.width), found[0][0], found[1][0], found[0][1], found[1][1],
            frames, motion, source, named_registered(self._topics[1]),
        )  # fmt: skip


def _camera(info: Any, image_topic: str, info_topic: str) -> tuple[Camera | None, str]:
    """The camera of a camera_info, and why there is none."""
    if info is None:
        return None, ""
    try:
        return camera_of(info, is_rectified(image_topic, info)), ""
    except ValueError as error:
        return None, f"{info_topic}: {error}."
