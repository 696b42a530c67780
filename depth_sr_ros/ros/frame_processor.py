"""A pair's way on the inference thread: decode, upsample, publish; counted, timed, and never fatal."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rclpy.clock import Clock
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.utilities import ok

from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.ros.camera_infos import CameraInfos
from depth_sr_ros.ros.conversions import ImageDecoder, output_header, stamp_ns
from depth_sr_ros.ros.coverage_watch import CoverageWatch
from depth_sr_ros.ros.inputs import ReceivedPair
from depth_sr_ros.ros.outputs import Outputs
from depth_sr_ros.ros.silence import Throttle
from depth_sr_ros.ros.statistics import NodeStatistics
from depth_sr_ros.ros.stream_relation import PATIENCE_S, WAITING, StreamRelation
from depth_sr_ros.serving.supply import EngineSupply
from depth_sr_ros.upsampler import UpsampledDepth, Upsampler

EXPLAIN_EVERY = 10.0
"""Seconds between two explanations of the same cause."""

NO_UNCERTAINTY = (
    "depth/uncertainty is not published: {model} serves, and only live weights such as fdkn_live know their expected "
    "error; set `weights` to a folder of live weights, and `scale` to 0"
)
"""What a subscriber of depth/uncertainty is told where nothing comes."""


@dataclass(frozen=True)
class Refusal:
    """A pair that was given up: cause, sentence, and monotonic time in seconds."""

    cause: str
    sentence: str
    at: float


class FrameProcessor:
    """Turns pairs into published frames.

    Args:
        supply: gives the engine for each frame.
        decoder: of the images.
        outputs: publishes results.
        infos: camera_info messages.
        relation: how depth lies to colour.
        statistics: counts and durations are entered here.
        clock: ROS clock, for the age of a frame.
        log: the node's logger.
        always_infer: run also while nobody subscribes.

    Attributes:
        notes: sentences about the input and the weights that serve, as of the newest frame; each is logged once.
        refusal: the newest pair given up since the last published frame, None after a published frame.
        coverage: how much of the colour image gets depth.
        info_problem: why depth/camera_info is missing or may be wrong, None when it is right.
        uncertainty_problem: why a subscriber of depth/uncertainty gets nothing; empty where it does or nobody does.
    """

    def __init__(
        self,
        supply: EngineSupply,
        decoder: ImageDecoder,
        outputs: Outputs,
        infos: CameraInfos,
        relation: StreamRelation,
        statistics: NodeStatistics,
        clock: Clock,
        log: RcutilsLogger,
        always_infer: bool,
    ) -> None:
        self._supply = supply
        self._decoder = decoder
        self._outputs = outputs
        self._infos = infos
        self._relation = relation
        self._statistics = statistics
        self._clock = clock
        self._log = log
        self._always_infer = always_infer
        self._throttle = Throttle(EXPLAIN_EVERY)
        self.notes: tuple[str, ...] = ()
        self._told: set[str] = set()
        self.refusal: Refusal | None = None
        self.coverage = CoverageWatch(log)
        self.info_problem: str | None = None
        self._info_missed: float | None = None
        self.uncertainty_problem = ""
        self._abandoned = False

    def abandon(self) -> None:
        """The node has given up waiting for the frame in work: whatever becomes of it is neither published nor told."""
        self._statistics.counters.drop("abandoned")
        self._abandoned = True

    def process(self, pair: ReceivedPair) -> None:
        """Works on one pair; a pair that cannot be used is counted and explained, once per cause and period.

        Raises:
            Exception: whatever the engine or a publisher raises; `failed` takes it.
        """
        self._statistics.work.begin(time.monotonic())
        try:
            self._process(pair)
        finally:
            self._statistics.work.end()

    def _process(self, pair: ReceivedPair) -> None:
        upsampler = self._supply.current()
        if not (self._always_infer or self._outputs.wanted()):
            self._statistics.counters.drop("no_subscriber")
            self.refusal = None
            return
        try:
            self._serve(pair, upsampler)
        except FrameError as error:
            if error.cause == WAITING:
                self._statistics.counters.drop(WAITING)
            else:
                self._give_up(error.cause, str(error))

    def failed(self, pair: ReceivedPair, error: Exception) -> None:
        """Counts a pair that the engine could not serve."""
        self._give_up("engine_error", f"expected a result, found {type(error).__name__}: {error}; try another `engine`")

    def _unpublished(self, error: Exception) -> None:
        if not ok():  # a signal has ended the context; nothing can be published any more
            self._statistics.counters.drop("shutdown")
            return
        found = f"{type(error).__name__}: {error}"
        self._give_up("publish_error", f"expected to publish a frame, found {found}; check the DDS (`depth-sr doctor`)")

    def _look_at_info(self, problem: str | None, now: float) -> None:
        """Tells of a missing or unfitting camera_info; the first frames may come before it, so not at once."""
        if problem is None:
            self.info_problem = self._info_missed = None
            return
        self._info_missed = self._info_missed or now
        if now - self._info_missed < PATIENCE_S:
            return
        self.info_problem = problem
        if self._throttle.passes("camera_info", now):
            self._log.warning(problem)

    def _look_at_uncertainty(self, result: UpsampledDepth, upsampler: Upsampler) -> None:
        """Tells a subscriber once, for each model, why no expected error comes."""
        self.uncertainty_problem = ""
        if result.expected_error is None and self._outputs.uncertainty_wanted():
            self.uncertainty_problem = NO_UNCERTAINTY.format(model=upsampler.describe().model)
            for problem in self._untold((self.uncertainty_problem,)):
                self._log.warning(problem)

    def _serve(self, pair: ReceivedPair, upsampler: Upsampler) -> None:
        start = time.monotonic()
        rgb_message, depth_message = pair.rgb.message, pair.depth.message
        rgb, depth = self._decoder.colour(rgb_message), self._decoder.depth(depth_message)
        decoded = time.monotonic()
        cameras = self._relation.cameras(rgb_message, depth_message, decoded)
        result = upsampler(rgb, depth, cameras)
        if self._abandoned:
            return
        self._supply.served(rgb.shape[:2], depth.shape, cameras)
        self._note(upsampler)
        upsampled = time.monotonic()
        self._look_at_uncertainty(result, upsampler)
        self.coverage.look(depth, result, cameras, upsampled)
        header = output_header(rgb_message, depth_message)
        camera_info = self._infos.for_output(rgb_message, depth_message, header)
        self._look_at_info(self._infos.problem(rgb_message, depth_message), upsampled)
        try:
            self._outputs.publish(header, result, camera_info)
        except Exception as error:  # rclpy's and DDS's own types
            self._unpublished(error)
            return
        published = time.monotonic()
        self.refusal = None
        self._statistics.counters.frame_out()
        self._statistics.output.tick(published)
        self._statistics.work.delivered(published)
        self._statistics.latency.add(
            {
                "sync_wait": abs(pair.rgb.at - pair.depth.at) * 1e3,
                "mailbox_wait": (start - max(pair.rgb.at, pair.depth.at)) * 1e3,
                "decode": (decoded - start) * 1e3,
                "publish": (published - upsampled) * 1e3,
                "overhead": (published - start) * 1e3 - result.timings["engine"],
                "total": (published - max(pair.rgb.at, pair.depth.at)) * 1e3,
                "age_at_publish": (self._clock.now().nanoseconds - stamp_ns(depth_message)) * 1e-6,
                **result.timings,
            }
        )

    def _give_up(self, cause: str, sentence: str) -> None:
        if self._abandoned:
            return
        now = time.monotonic()
        self._statistics.counters.drop(cause)
        self.refusal = Refusal(cause, sentence, now)
        if self._throttle.passes(cause, now):
            self._log.warning(f"a frame is skipped ({cause}): {sentence}")

    def _note(self, upsampler: Upsampler) -> None:
        notes = (self._relation.note, *upsampler.notes)
        # one call each: rclpy refuses two severities from one place
        for note in self._untold(notes):
            self._log.info(note)
        for caution in self._untold(upsampler.cautions):
            self._log.warning(caution)
        self.notes = notes + upsampler.cautions

    def _untold(self, notes: tuple[str, ...]) -> list[str]:
        new = [note for note in notes if note not in self._told]
        self._told.update(new)
        return new
