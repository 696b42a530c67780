"""A recording with poses: images of a moving depth camera in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.calibration import NAME, Calibration, read_calibration
from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.depth import to_metres
from depth_sr_ros.cameras.transforms import Matrix
from depth_sr_ros.recordings.image_files import read_depth
from training.fusion.fuse import Fused, FusionOptions, fuse, neighbours_of
from training.fusion.poses import read_poses

View = Literal["depth", "colour"]


@dataclass(frozen=True)
class PosedRecording:
    """Depth images with the poses of their camera.

    Attributes:
        folder: of the depth images, 16-bit PNG millimetres.
        poses: by the images' stems, from the depth camera's optical frame to the world.
        calibration: of the cameras; without a depth camera, depth lies on the colour camera's pixels.
    """

    folder: Path
    poses: dict[str, Matrix]
    calibration: Calibration

    @classmethod
    def open(cls, recording: Path, poses: Path, depth: str = "depth") -> PosedRecording:
        """Lists a recording.

        Args:
            recording: holds calibration.json and the folder of depth images.
            poses: folder of pose files with the stems of the images.
            depth: name of the folder of depth images.

        Raises:
            FileNotFoundError: calibration, poses or depth images are missing.
            ValueError: a file that cannot be understood.
        """
        folder = Path(recording) / depth
        images = {file.stem for file in folder.glob("*.png")}
        known = {stem: pose for stem, pose in read_poses(poses).items() if stem in images}
        if not known:
            raise FileNotFoundError(f"{folder}: expected depth images (.png) named as the poses in {poses}, found none")
        return cls(folder, known, read_calibration(Path(recording) / NAME))

    @property
    def stems(self) -> Sequence[str]:
        """Names of the frames, in order."""
        return list(self.poses)

    @property
    def camera(self) -> Camera:
        """Whose pixels the depth images lie on."""
        return self.calibration.depth or self.calibration.colour

    def read(self, stem: str) -> NDArray[np.float32]:
        """A depth image, (h, w) metres, NaN where not measured.

        Raises:
            FrameError: the file is no depth image.
        """
        return to_metres(read_depth(self.folder / f"{stem}.png"), "16UC1")

    def fused(self, stem: str, view: View = "depth", options: FusionOptions | None = None) -> Fused:
        """What a frame's neighbours say of its view.

        Args:
            stem: name of the frame.
            view: of the depth camera, or of the colour camera beside it.
            options: how.

        Raises:
            FrameError: an image cannot be read.
            ValueError: no neighbour meets the view.
        """
        chosen = options or FusionOptions()
        index = self.stems.index(stem)
        others = [self.stems[other] for other in neighbours_of(index, len(self.stems), chosen.neighbours)]
        from_world = np.linalg.inv(self.poses[stem])
        target = self.camera
        if view == "colour":
            target = self.calibration.colour
            if self.calibration.depth_to_colour is not None:
                from_world = self.calibration.depth_to_colour @ from_world
        motions = [np.asarray(from_world @ self.poses[other], np.float64) for other in others]
        return fuse([self.read(other) for other in others], motions, self.camera, target, chosen)
