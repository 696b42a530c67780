"""An artifact as an engine runs it, to be evaluated beside networks and classical methods.

What a robot gets differs from what PyTorch gives in float32: by the engine's precision, by the frame graph, which fills
holes, normalises depth by the frame's own range and keeps the result within it, and by what single cells have beyond
that range, which goes around the graph (`depth_sr_ros.engines.robust_range`).
"""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Engine
from depth_sr_ros.engines.select import choose_engine

# normalised depth of 0 must not become 0 m, which is a hole
_NEAREST_M = 1.0


class EngineMethod:
    """An engine as a method, see `training.evaluation.cases.Method`.

    Args:
        artifact: what is run.
        engine: one of `depth_sr_ros.engines.select.ENGINE_NAMES`.
        precision: one of `depth_sr_ros.engines.select.PRECISIONS`.

    Attributes:
        size_multiple: what the sides of an image must be multiples of.
        name: engine and precision that were chosen, as `openvino:bf16`.
        seconds_building: that building engines for the sizes of images took so far, which is no part of running them.

    Raises:
        EngineError: no such engine or precision, or it does not work here.
    """

    def __init__(self, artifact: Artifact, engine: str = "auto", precision: str = "auto") -> None:
        self._choice = choose_engine(artifact, engine, precision)
        self._built: tuple[tuple[int, int], Engine] | None = None
        self.size_multiple = artifact.card.size_multiple
        self.seconds_building = 0.0
        self.name = f"{self._choice.runtime.name}:{self._choice.precision}"

    def __call__(self, guide: Tensor, depth_lr: Tensor, valid_lr: Tensor) -> Tensor:
        """Normalised depth (1, 1, H, W).

        Args:
            guide: (1, 3, H, W) RGB in [0, 1].
            depth_lr: (1, 1, h, w), normalised.
            valid_lr: (1, 1, h, w), 0 in holes.
        """
        rgb = (guide[0].permute(1, 2, 0) * 255).round().to(torch.uint8)
        depth = torch.where(valid_lr > 0, depth_lr + _NEAREST_M, 0)[0, 0]
        frame = {"rgb": np.ascontiguousarray(rgb.numpy()), "depth": np.ascontiguousarray(depth.numpy(), np.float32)}
        outputs = self._engine(frame["depth"].shape).infer(frame)
        return torch.from_numpy(np.asarray(outputs["depth_hr"], np.float32) - np.float32(_NEAREST_M))[None, None]

    def _engine(self, grid: tuple[int, ...]) -> Engine:
        """The engine of a size; the one of another size before it is closed."""
        height, width = grid
        if self._built is None or self._built[0] != (height, width):
            if self._built is not None:
                self._built[1].close()
                self._built = None
            started = time.perf_counter()
            try:
                self._built = (height, width), self._choice.build((height, width))
            finally:
                self.seconds_building += time.perf_counter() - started
        return self._built[1]
