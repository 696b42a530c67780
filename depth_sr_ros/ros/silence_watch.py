"""Notices that no frames come, has the cause found, and tells it: at once when it changes, then now and again."""

from __future__ import annotations

import time

from rclpy.impl.rcutils_logger import RcutilsLogger

from depth_sr_ros.ros.frame_processor import FrameProcessor
from depth_sr_ros.ros.inputs import Inputs
from depth_sr_ros.ros.parameters import NodeParameters
from depth_sr_ros.ros.silence import Explanation, Facts, Throttle, explain
from depth_sr_ros.ros.statistics import NodeStatistics

REPEAT_EVERY = 30.0
"""Seconds between two warnings about the same cause."""


class SilenceWatch:
    """Follows one activation of the node.

    Args:
        inputs: topics and pairing.
        processor: knows the newest refused pair.
        statistics: times of the newest pair and frame.
        parameters: slop, queue and patience.
        log: the node's logger.
    """

    def __init__(
        self,
        inputs: Inputs,
        processor: FrameProcessor,
        statistics: NodeStatistics,
        parameters: NodeParameters,
        log: RcutilsLogger,
    ) -> None:
        self._inputs = inputs
        self._processor = processor
        self._statistics = statistics
        self._slop_ns = parameters.slop_ns
        self._queue_size = parameters.sync_queue_size
        self._patience = parameters.silence_after
        self._log = log
        self._since = time.monotonic()
        self._throttle = Throttle(REPEAT_EVERY)
        self._told: str | None = None

    def check(self) -> Explanation | None:
        """The cause of a silence that lasts, None while frames come or it is too early to tell; warns, throttled."""
        now = time.monotonic()
        explanation = self._explain(now)
        if explanation is None:
            if self._told:
                self._log.info(f"frames come again; the silence was: {self._told}")
            self._told = None
            return None
        changed = explanation.cause != self._told
        if self._throttle.passes(explanation.cause, now) or changed:
            self._log.warning(f"no frames for {self._patience:g} s ({explanation.cause}): {explanation.sentence}")
        self._told = explanation.cause
        return explanation

    def _explain(self, now: float) -> Explanation | None:
        refusal = self._processor.refusal
        if now - self._newest(self._statistics.pairs.last) < self._patience:
            if refusal is None or now - self._newest(self._statistics.output.last) < self._patience:
                return None
            refused = (refusal.cause, refusal.sentence)
        else:
            refused = None
        rgb, depth = self._inputs.facts(now, mute_after=self._patience / 2)
        return explain(Facts(rgb, depth, self._slop_ns, self._inputs.pairing.nearest, self._queue_size, refused))

    def _newest(self, event: float | None) -> float:
        return max(self._since, event or 0.0)
