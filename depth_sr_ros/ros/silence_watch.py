"""Notices that no frames come, has the cause found, and tells it: at once when it changes, then now and again."""

from __future__ import annotations

import time

from rclpy.impl.rcutils_logger import RcutilsLogger

from depth_sr_ros.ros.frame_processor import FrameProcessor
from depth_sr_ros.ros.inputs import Inputs
from depth_sr_ros.ros.parameters import NodeParameters
from depth_sr_ros.ros.silence import SLOW, Explanation, Facts, SlowEngine, Throttle, explain
from depth_sr_ros.ros.statistics import NodeStatistics

REPEAT_EVERY = 30.0
"""Seconds between two warnings about the same cause."""


class SilenceWatch:
    """Follows one activation of the node.

    Args:
        inputs: topics and pairing.
        processor: knows the newest refused pair.
        statistics: times of the newest pair and frame, and of the frame in work.
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

    def check(self, idle: bool) -> Explanation | None:
        """The cause of a silence that lasts, None while frames come or it is too early to tell; warns, throttled.

        Args:
            idle: nobody listens, so an engine that takes long keeps nothing from anybody.
        """
        now = time.monotonic()
        explanation = self._explain(now, idle)
        if explanation is None:
            if self._told and not (idle and self._told == SLOW):
                self._log.info(f"frames arrive again; the reason for the silence was: {self._told}")
            self._told = None
            return None
        due = self._throttle.passes(explanation.cause, now) and not explanation.delivers
        if due or explanation.cause != self._told:
            what = "frames come seldom" if explanation.delivers else f"no frames for {self._patience:g} s"
            self._log.warning(f"{what} ({explanation.cause}): {explanation.sentence}")
        self._told = explanation.cause
        return explanation

    def _explain(self, now: float, idle: bool) -> Explanation | None:
        refused, engine = None, None
        if now - self._newest(self._statistics.pairs.last) < self._patience:
            engine = None if idle else self._slow_engine(now)
            refusal = self._processor.refusal
            if refusal and now - self._newest(self._statistics.output.last) >= self._patience:
                refused = (refusal.cause, refusal.sentence)
            if refused is None and engine is None:
                return None
        rgb, depth = self._inputs.facts(now, mute_after=self._patience / 2)
        nearest = self._inputs.pairing.nearest
        return explain(Facts(rgb, depth, self._slop_ns, nearest, self._queue_size, refused, engine))

    def _slow_engine(self, now: float) -> SlowEngine | None:
        # The last frames count as much as the one in work: with that alone, an engine that takes longer than the user
        # wants to wait, but does deliver, would be told of anew at every frame.
        work = self._statistics.work
        found = SlowEngine(work.working(now), work.longest)
        return found if max(found.working, found.longest) >= self._patience else None

    def _newest(self, event: float | None) -> float:
        return max(self._since, event or 0.0)
