"""A recording whose frames say which cameras they come from, wherever that was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.relation import Evidence
from depth_sr_ros.recordings.recording import RecordedFrame, Recording


class CalibratedRecording:
    """A recording with its cameras known, so that a replay publishes their camera_info.

    Args:
        recording: where frames come from.
        cameras: both cameras, and how they are related.
    """

    def __init__(self, recording: Recording, cameras: Calibration) -> None:
        self._recording, self._cameras = recording, cameras
        self.name, self.rate_hz, self.depth_count = recording.name, recording.rate_hz, recording.depth_count
        self.notes = recording.notes

    def frames(self) -> Iterator[RecordedFrame]:
        """All frames once, each with its camera."""
        known = {"colour": self._cameras.colour, "depth": self._cameras.depth}
        for frame in self._recording.frames():
            camera = known[frame.stream]
            yield replace(frame, camera=camera, intrinsics=camera.intrinsics if camera else None)

    def evidence(self) -> Evidence:
        """That of the recording, with the cameras."""
        cameras, found = self._cameras, self._recording.evidence()
        return replace(
            found, colour=cameras.colour, depth=cameras.depth, depth_to_colour=cameras.depth_to_colour,
            colour_problem="", depth_problem="",
        )  # fmt: skip
