"""Rigid transforms between named frames, as /tf_static tells them.

A transform is a 4x4 matrix: `matrix @ [x, y, z, 1]` takes a point, in metres, from the child's coordinates to the
parent's.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


class StaticTransforms:
    """The tree of static transforms, filled message by message; a later transform of a frame replaces an earlier."""

    def __init__(self) -> None:
        self._to_parent: dict[str, tuple[str, Matrix]] = {}

    def add(self, message: Any) -> None:
        """Takes the transforms of one message in.

        Args:
            message: has the fields of tf2_msgs/TFMessage (ROS 1 or 2).

        Raises:
            ValueError: a transform that is no rigid motion.
        """
        for stamped in message.transforms:
            child, parent = _name(stamped.child_frame_id), _name(stamped.header.frame_id)
            self._to_parent[child] = (parent, rigid_matrix(stamped.transform, f"{parent} -> {child}"))

    def between(self, source: str, target: str) -> Matrix | None:
        """Takes points from one frame's coordinates to another's; None where the tree does not connect them."""
        source, target = _name(source), _name(target)
        queue: deque[tuple[str, Matrix]] = deque([(source, np.eye(4))])
        seen = {source}
        while queue:
            frame, matrix = queue.popleft()
            if frame == target:
                return matrix
            for neighbour, step in self._neighbours(frame):
                if neighbour not in seen:
                    seen.add(neighbour)
                    queue.append((neighbour, step @ matrix))
        return None

    def frames(self) -> list[str]:
        """Names of all frames, sorted."""
        return sorted({*self._to_parent, *(parent for parent, _ in self._to_parent.values())})

    def _neighbours(self, frame: str) -> list[tuple[str, Matrix]]:
        neighbours = [self._to_parent[frame]] if frame in self._to_parent else []
        for child, (parent, matrix) in self._to_parent.items():
            if parent == frame:
                neighbours.append((child, np.asarray(np.linalg.inv(matrix), np.float64)))
        return neighbours


def rigid_matrix(transform: Any, name: str) -> Matrix:
    """The 4x4 matrix of a geometry_msgs/Transform.

    Raises:
        ValueError: not finite, or a quaternion of length zero; the message calls the transform `name`.
    """
    q, t = transform.rotation, transform.translation
    x, y, z, w = (float(value) for value in (q.x, q.y, q.z, q.w))
    length = float(np.sqrt(x * x + y * y + z * z + w * w))
    numbers = (x, y, z, w, float(t.x), float(t.y), float(t.z))
    if not np.isfinite(numbers).all() or length < 1e-6:
        raise ValueError(f"transform {name}: expected a rotation and finite numbers, found {numbers}")
    x, y, z, w = (value / length for value in (x, y, z, w))
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = numbers[4:]
    return matrix


def quaternion(rotation: Matrix) -> tuple[float, float, float, float]:
    """x, y, z, w of a rotation matrix (3, 3), w not negative."""
    # the eigenvector of Bar-Itzhack's matrix (2000) to its largest eigenvalue, stable for every angle
    r = np.asarray(rotation, np.float64)
    k = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], r[1, 0] + r[0, 1], r[2, 0] + r[0, 2], r[2, 1] - r[1, 2]],
            [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], r[2, 1] + r[1, 2], r[0, 2] - r[2, 0]],
            [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], r[1, 0] - r[0, 1]],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], np.trace(r)],
        ]
    )
    vector = np.linalg.eigh(k / 3)[1][:, -1]
    x, y, z, w = (float(value) for value in (vector if vector[3] >= 0 else -vector))
    return x, y, z, w


def _name(frame: str) -> str:
    """Frames of ROS 1 may begin with a slash."""
    return frame.removeprefix("/")
