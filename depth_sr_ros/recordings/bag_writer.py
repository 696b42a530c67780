"""Writes images and camera_info into bags (db3, mcap) through `rosbags`. Needs no ROS."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.cameras.lens import Lens
from depth_sr_ros.cameras.transforms import quaternion
from depth_sr_ros.recordings.recording import RecordingError

STORAGES = {"mcap": StoragePlugin.MCAP, "db3": StoragePlugin.SQLITE3}
"""Names of the bag formats that can be written."""

_NANOSECONDS = 1_000_000_000
_FOREVER = QosTime(9_223_372_036, 854_775_807)  # what rmw calls infinite
_LATCHED = (
    Qos(
        QosHistory.KEEP_LAST,
        1,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL,
        _FOREVER,
        _FOREVER,
        QosLiveliness.AUTOMATIC,
        _FOREVER,
        False,
    ),
)


class BagWriter:
    """Writes a bag; it gets its name when complete, so that a half-written one is never taken for a bag.

    Args:
        path: folder of the new bag; must not exist.
        storage: one of `STORAGES`.

    Raises:
        RecordingError: something is there already, or the format is unknown.
    """

    def __init__(self, path: Path, storage: str = "mcap") -> None:
        if storage not in STORAGES:
            raise RecordingError(f"bag format: expected one of {sorted(STORAGES)}, found {storage!r}")
        self._path = Path(path)
        if self._path.exists():
            raise RecordingError(f"{self._path}: exists already; choose another name or remove it")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # the name inside the bag is that of its folder, so the temporary one is a folder around it
        self._temporary = self._path.parent / f".{self._path.name}.part"
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir()
        self._store = get_typestore(Stores.ROS2_JAZZY)
        self._writer = Writer(self._temporary / self._path.name, version=9, storage_plugin=STORAGES[storage])
        self._connections: dict[str, Connection] = {}
        self._writer.open()

    def write_image(self, topic: str, stamp_ns: int, frame_id: str, pixels: NDArray[Any], encoding: str) -> None:
        """Writes one sensor_msgs/Image.

        Args:
            topic: topic name.
            stamp_ns: header stamp and record time, nanoseconds.
            frame_id: of the header.
            pixels: (H, W) or (H, W, channels), of the array type that the encoding says.
            encoding: as in sensor_msgs/image_encodings.
        """
        rows = np.ascontiguousarray(pixels)
        image = self._store.types["sensor_msgs/msg/Image"](
            header=self._header(stamp_ns, frame_id),
            height=rows.shape[0],
            width=rows.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=rows.strides[0],
            data=rows.reshape(-1).view(np.uint8),
        )
        self._write(topic, stamp_ns, image)

    def write_compressed(self, topic: str, stamp_ns: int, frame_id: str, data: bytes, description: str) -> None:
        """Writes one sensor_msgs/CompressedImage.

        Args:
            topic: topic name.
            stamp_ns: header stamp and record time, nanoseconds.
            frame_id: of the header.
            data: the encoded image.
            description: the message's `format`, e.g. `jpeg`.
        """
        image = self._store.types["sensor_msgs/msg/CompressedImage"](
            header=self._header(stamp_ns, frame_id), format=description, data=np.frombuffer(data, np.uint8)
        )
        self._write(topic, stamp_ns, image)

    def write_camera_info(
        self, topic: str, stamp_ns: int, frame_id: str, intrinsics: Intrinsics, lens: Lens | None = None
    ) -> None:
        """Writes one sensor_msgs/CameraInfo; without a lens, that of a camera without distortion."""
        i, types = intrinsics, self._store.types
        lens = lens if lens and lens.coefficients else Lens("plumb_bob", (0.0,) * 5)
        info = types["sensor_msgs/msg/CameraInfo"](
            header=self._header(stamp_ns, frame_id),
            height=i.height,
            width=i.width,
            distortion_model=lens.model,
            d=np.array(lens.coefficients, float),
            k=np.array([i.fx, 0, i.cx, 0, i.fy, i.cy, 0, 0, 1], float),
            r=np.eye(3).reshape(-1),
            p=np.array([i.fx, 0, i.cx, 0, 0, i.fy, i.cy, 0, 0, 0, 1, 0], float),
            binning_x=0,
            binning_y=0,
            roi=types["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
        )
        self._write(topic, stamp_ns, info)

    def write_static_transform(self, stamp_ns: int, parent: str, child: str, matrix: NDArray[np.float64]) -> None:
        """Writes one transform on /tf_static.

        Args:
            stamp_ns: header stamp and record time, nanoseconds.
            parent: frame whose coordinates come out.
            child: frame whose coordinates go in.
            matrix: (4, 4), takes points in metres from the child's coordinates to the parent's.
        """
        types = self._store.types
        x, y, z, w = quaternion(matrix[:3, :3])
        transform = types["geometry_msgs/msg/Transform"](
            translation=types["geometry_msgs/msg/Vector3"](*(float(value) for value in matrix[:3, 3])),
            rotation=types["geometry_msgs/msg/Quaternion"](x=x, y=y, z=z, w=w),
        )
        stamped = types["geometry_msgs/msg/TransformStamped"](
            header=self._header(stamp_ns, parent), child_frame_id=child, transform=transform
        )
        self._write("/tf_static", stamp_ns, types["tf2_msgs/msg/TFMessage"](transforms=[stamped]), _LATCHED)

    def close(self) -> None:
        """Completes the bag and gives it its name; where that fails, as on a full disk, nothing is left."""
        try:
            self._writer.close()
        except BaseException:
            self.abort()
            raise
        (self._temporary / self._path.name).replace(self._path)
        self._temporary.rmdir()

    def abort(self) -> None:
        """Removes what was written."""
        with suppress(Exception):  # the files go in any case
            self._writer.abort()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _header(self, stamp_ns: int, frame_id: str) -> Any:
        types = self._store.types
        stamp = types["builtin_interfaces/msg/Time"](sec=stamp_ns // _NANOSECONDS, nanosec=stamp_ns % _NANOSECONDS)
        return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)

    def _write(self, topic: str, stamp_ns: int, message: Any, qos: Sequence[Qos] = ()) -> None:
        kind = message.__msgtype__
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic, kind, typestore=self._store, offered_qos_profiles=qos
            )
        self._writer.write(self._connections[topic], stamp_ns, self._store.serialize_cdr(message, kind))
