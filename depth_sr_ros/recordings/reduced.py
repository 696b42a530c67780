"""A recording whose depth is reduced, to simulate a coarse sensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.grids import reduce_to_grid
from depth_sr_ros.cameras.relation import Evidence
from depth_sr_ros.recordings.recording import RecordedFrame, Recording, RecordingError


class ReducedRecording:
    """A recording whose depth is made coarse, to look like the sensor that a dense recording did not have.

    Each coarse pixel is the lower median of the valid pixels it covers, never an average across an edge.

    Args:
        recording: where frames come from.
        factor: colour size / wanted depth size, at least 2.
    """

    def __init__(self, recording: Recording, factor: int) -> None:
        if factor < 2:
            raise RecordingError(f"reduction: expected a whole number of at least 2, found {factor}")
        self._recording, self._factor = recording, factor
        self.name, self.rate_hz, self.depth_count = recording.name, recording.rate_hz, recording.depth_count
        self.notes = (*recording.notes, f"depth reduced x{factor} by the median of valid pixels")

    def frames(self) -> Iterator[RecordedFrame]:
        """All frames once, depth reduced."""
        for frame in self._recording.frames():
            yield frame if frame.stream == "colour" else self._reduced(frame)

    def evidence(self) -> Evidence:
        """That of the recording, its depth camera with as few pixels."""
        found = self._recording.evidence()
        size = found.depth_size and self._grid(*found.depth_size)
        return replace(found, depth_size=size, depth=found.depth and self._camera(found.depth))

    def _reduced(self, frame: RecordedFrame) -> RecordedFrame:
        def load() -> tuple[NDArray[Any], str]:
            depth = frame.metres()
            grid = self._grid(*depth.shape)
            extent = grid[0] * self._factor / depth.shape[0], grid[1] * self._factor / depth.shape[1]
            return reduce_to_grid(depth, grid, extent), "32FC1"

        known, camera = frame.intrinsics, frame.camera
        return replace(
            frame, intrinsics=known and self._intrinsics(known), camera=camera and self._camera(camera), load=load
        )

    def _camera(self, camera: Camera) -> Camera:
        return replace(camera, intrinsics=self._intrinsics(camera.intrinsics))

    def _intrinsics(self, known: Intrinsics) -> Intrinsics:
        height, width = self._grid(known.height, known.width)
        # cells are `factor` pixels large in any case; the last ones may reach beyond the image
        whole = replace(known, height=height * self._factor, width=width * self._factor)
        return whole.resized(width, height)

    def _grid(self, height: int, width: int) -> tuple[int, int]:
        return -(-height // self._factor), -(-width // self._factor)
