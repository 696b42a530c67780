"""The newest camera_info per frame, and the one that belongs to the output. camera_info is never synchronised."""

from __future__ import annotations

from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_sr_ros.ros.conversions import camera_info_for

_MAX_ASPECT_ERROR = 0.02


class CameraInfos:
    """Keeps what the camera_info topics sent last; written by the executor, read by the inference thread.

    Args:
        topics: names of the colour and the depth camera's topic, for messages to people.

    Attributes:
        topics: likewise.
    """

    def __init__(self, topics: tuple[str, str] = ("rgb/camera_info", "depth_raw/camera_info")) -> None:
        self.topics = topics
        self._rgb: dict[str, CameraInfo] = {}
        self._depth: dict[str, CameraInfo] = {}

    def keep_rgb(self, message: CameraInfo) -> None:
        """Keeps a message of the colour camera."""
        self._rgb = _with(self._rgb, message)

    def keep_depth(self, message: CameraInfo) -> None:
        """Keeps a message of the depth camera."""
        self._depth = _with(self._depth, message)

    def rgb(self, frame_id: str) -> CameraInfo | None:
        """The colour camera's message for images of a frame: the same object until what it says changes."""
        return _find(self._rgb, frame_id)

    def depth(self, frame_id: str) -> CameraInfo | None:
        """The depth camera's, likewise."""
        return _find(self._depth, frame_id)

    def for_output(self, rgb: Image, depth: Image, header: Header) -> CameraInfo | None:
        """The output's camera: the colour camera's, else the registered depth's, at the colour image's size.

        Args:
            rgb: colour image; its size is the output's.
            depth: depth image.
            header: header of the output.

        Returns:
            A new message, None while no camera_info has come.
        """
        source = self._source(rgb, depth)
        return None if source is None else camera_info_for(source, rgb.width, rgb.height, header)

    def problem(self, rgb: Image, depth: Image) -> str | None:
        """Why the output has no camera_info, or one that may be wrong: a sentence with the fix; None when all is well.

        Args:
            rgb: colour image.
            depth: depth image.
        """
        source = self._source(rgb, depth)
        if source is None:
            return (
                f"no camera_info: expected one on {self.topics[0]} or {self.topics[1]}, found none, so "
                "depth/camera_info is not published; start the driver's camera_info, or remap the topic"
            )
        width, height = source.roi.width or source.width, source.roi.height or source.height
        if width and height and abs(width * rgb.height / (height * rgb.width) - 1) > _MAX_ASPECT_ERROR:
            return (
                f"camera_info is for {width}x{height}, colour is {rgb.width}x{rgb.height}: expected one aspect ratio; "
                f"depth/camera_info may be wrong, remap {self.topics[0]} to the camera_info of this image"
            )
        return None

    def _source(self, rgb: Image, depth: Image) -> CameraInfo | None:
        return self.rgb(rgb.header.frame_id) or self.depth(depth.header.frame_id)


def _with(infos: dict[str, CameraInfo], message: CameraInfo) -> dict[str, CameraInfo]:
    """A new dictionary, newest last: a reader on another thread sees the old one or the new one, nothing between."""
    name = message.header.frame_id
    others = {frame_id: info for frame_id, info in infos.items() if frame_id != name}
    known = infos.get(name)
    return {**others, name: known if known is not None and _same_camera(known, message) else message}


def _same_camera(one: CameraInfo, other: CameraInfo) -> bool:
    """Whether both say the same but for the time."""
    plain = ("width", "height", "distortion_model", "binning_x", "binning_y", "roi")
    return all(getattr(one, name) == getattr(other, name) for name in plain) and all(
        list(getattr(one, name)) == list(getattr(other, name)) for name in ("d", "k", "r", "p")
    )


def _find(infos: dict[str, CameraInfo], frame_id: str) -> CameraInfo | None:
    """The frame's own message, else the newest of the topic: some drivers name the frames of image and info apart."""
    if frame_id in infos:
        return infos[frame_id]
    newest = list(infos.values())
    return newest[-1] if newest else None
