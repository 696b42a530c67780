"""Notices that much less of the colour image gets depth than the depth camera measures, and says why."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rclpy.impl.rcutils_logger import RcutilsLogger

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.offline.coverage import Coverage
from depth_sr_ros.ros.silence import Throttle
from depth_sr_ros.upsampler import UpsampledDepth

LOOK_EVERY_S = 1.0
"""Seconds between two frames that are looked at: a look takes a few milliseconds."""

_LOOKS = 3  # frames that count
_REPEAT_EVERY_S = 60.0


class CoverageWatch:
    """Follows a stream. Used from the inference thread only, but for reading `warning`.

    Args:
        log: the node's logger.

    Attributes:
        warning: one sentence where coverage falls, with the cause; empty where it does not.
    """

    def __init__(self, log: RcutilsLogger) -> None:
        self.warning = ""
        self._log = log
        self._throttle = Throttle(_REPEAT_EVERY_S)
        self._looked = float("-inf")
        self._coverage = Coverage(_LOOKS)
        self._cameras: Calibration | None = None

    def look(self, depth: NDArray[np.float32], result: UpsampledDepth, cameras: Calibration | None, now: float) -> None:
        """Takes a frame in, where it is time for one.

        Args:
            depth: as it came, metres, NaN where invalid.
            result: what was made of it.
            cameras: of depth that was registered here.
            now: monotonic time, seconds.
        """
        if now - self._looked < LOOK_EVERY_S:
            return
        self._looked = now
        if cameras != self._cameras:
            self._coverage, self._cameras = Coverage(_LOOKS), cameras
        self._coverage.add(depth, result)
        self.warning = self._coverage.warning(cameras) or "" if len(self._coverage.covered) == _LOOKS else ""
        if self.warning and self._throttle.passes("coverage", now):
            self._log.warning(self.warning)
