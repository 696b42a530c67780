"""The newest camera_info per frame, and the one that belongs to the output. camera_info is never synchronised."""

from __future__ import annotations

from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_sr_ros.ros.conversions import camera_info_for


class CameraInfos:
    """Keeps what the camera_info topics sent last; written by the executor, read by the inference thread."""

    def __init__(self) -> None:
        self._rgb: dict[str, CameraInfo] = {}
        self._depth: dict[str, CameraInfo] = {}

    def keep_rgb(self, message: CameraInfo) -> None:
        """Keeps a message of the colour camera."""
        self._rgb = _with(self._rgb, message)

    def keep_depth(self, message: CameraInfo) -> None:
        """Keeps a message of the depth camera."""
        self._depth = _with(self._depth, message)

    def for_output(self, rgb: Image, depth: Image, header: Header) -> CameraInfo | None:
        """The output's camera: the colour camera's, else the registered depth's, at the colour image's size.

        Args:
            rgb: colour image; its size is the output's.
            depth: depth image.
            header: header of the output.

        Returns:
            A new message, None while no camera_info has come.
        """
        source = _find(self._rgb, rgb.header.frame_id) or _find(self._depth, depth.header.frame_id)
        return None if source is None else camera_info_for(source, rgb.width, rgb.height, header)


def _with(infos: dict[str, CameraInfo], message: CameraInfo) -> dict[str, CameraInfo]:
    """A new dictionary, newest last: a reader on another thread sees the old one or the new one, nothing between."""
    others = {frame_id: info for frame_id, info in infos.items() if frame_id != message.header.frame_id}
    return {**others, message.header.frame_id: message}


def _find(infos: dict[str, CameraInfo], frame_id: str) -> CameraInfo | None:
    """The frame's own message, else the newest of the topic: some drivers name the frames of image and info apart."""
    if frame_id in infos:
        return infos[frame_id]
    newest = list(infos.values())
    return newest[-1] if newest else None
