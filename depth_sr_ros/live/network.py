"""A live network behind the filter: makes depth of a registered frame, and says how sure it is of it.

The network takes images whose sides are multiples of some pixels. Others are padded by repeating their last row and
column, and the result is cut back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.artifact import Artifact, ArtifactError
from depth_sr_ros.cameras.grids import Size
from depth_sr_ros.cameras.registration import MEASURED, Registered
from depth_sr_ros.engines import Arrays, CurrentEngine, Engine, EngineChoice
from depth_sr_ros.frame_graphs import LIVE


class LiveNetworkFilter:
    """Runs live weights on registered frames. Used from one thread at a time.

    Args:
        artifact: the weights.
        engine: runs them.

    Raises:
        ArtifactError: these weights are not for the live frame graph.
        EngineError: no engine can serve them.
    """

    def __init__(self, artifact: Artifact, engine: CurrentEngine) -> None:
        if artifact.card.form is not LIVE:
            raise ArtifactError(
                f"{artifact.folder}: expected weights of the live frame graph, found those of the papers' for scale "
                f"{artifact.card.scale}; give that scale, or other weights"
            )
        self._artifact, self._engine = artifact, engine
        engine.choice(artifact)

    def __call__(
        self, rgb: NDArray[np.uint8], registered: Registered
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Depth and its expected error, each (H, W) float32 metres, finite.

        Args:
            rgb: (H, W, 3) uint8.
            registered: of the same size, its holes filled; `start` is what `guided.filtered` makes of it.

        Raises:
            EngineError: the engine failed.
        """
        height, width = rgb.shape[:2]
        images = {"rgb": rgb, **{name: getattr(registered, name) for name in LIVE.inputs if name != "rgb"}}
        inputs = {name: self._padded(image) for name, image in images.items()}
        outputs = self._engine_for((height, width)).infer(inputs)
        depth, error = (outputs[name][:height, :width] for name in LIVE.outputs)
        return depth, error

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        return f"network {self._artifact.card.name}"

    @property
    def choice(self) -> EngineChoice:
        """Engine and weights that serve."""
        return self._engine.choice(self._artifact)

    def prepare(self, size: Size) -> None:
        """Builds the engine for colour images of a size, (height, width), and runs it once. Raises EngineError."""
        grid = self._grid(size)
        flat = np.ones(grid, np.float32)
        inputs: Arrays = {
            "rgb": np.zeros((*grid, 3), np.uint8),
            **{name: flat for name in ("start", "near", "far")},
            "quality": np.full(grid, MEASURED, np.uint8),
        }
        self._engine_for(size).infer(inputs)

    def _engine_for(self, size: Size) -> Engine:
        return self._engine.at(self._artifact, self._grid(size))

    def _grid(self, size: Size) -> Size:
        step = self._artifact.card.size_multiple
        return -(-size[0] // step) * step, -(-size[1] // step) * step

    def _padded(self, image: NDArray[np.generic]) -> NDArray[np.generic]:
        height, width = image.shape[:2]
        below, right = (to - side for to, side in zip(self._grid((height, width)), (height, width), strict=True))
        if not below and not right:
            return np.ascontiguousarray(image)
        return np.pad(image, ((0, below), (0, right), *[(0, 0)] * (image.ndim - 2)), mode="edge")
