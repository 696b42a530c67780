"""The papers' path: depth brought to the grid of a network of the papers, and the network's engine run on it.

    path = NetworkPath("fdkn", 8, None, CurrentEngine(EngineWishes()))
    depth = path(rgb, depth).depth

Depth that is not registered is registered first, its holes left open: a network takes them as such.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.artifact import Artifact, ArtifactError, find_artifact, read_artifact, shipped_scales
from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.depth import within_range
from depth_sr_ros.cameras.grids import FrameLayout, Size, colour_on_grid, depth_on_grid, frame_layout
from depth_sr_ros.cameras.own_grid import OwnGrids
from depth_sr_ros.cameras.registration import Registration, RegistrationOptions, warm_up
from depth_sr_ros.cameras.registrations import Registrations
from depth_sr_ros.engines import Arrays, CurrentEngine, Engine, EngineChoice, EngineError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NetworkDepth:
    """What a network makes of a frame.

    Attributes:
        depth: (H, W) float32 metres, continued into holes.
        valid: (H, W) bool; False where the sensor saw nothing.
        beyond_range: measured depth pixels that `depth_min` and `depth_max` leave out.
        milliseconds: before the engine, and of the engine.
    """

    depth: NDArray[np.float32]
    valid: NDArray[np.bool_]
    beyond_range: int
    milliseconds: tuple[float, float]


class NetworkPath:
    """Serves a stream of frames. Used from one thread at a time.

    Args:
        model: network, e.g. `fdkn`.
        scale: ratio of colour size to depth size that is asked for. Shipped weights of other scales stand in for depth
            of another ratio; weights of one's own serve theirs only.
        weights: artifact folder of your own; None takes the shipped one.
        engine: runs the network.
        options: range, and how depth is registered.

    Raises:
        ArtifactError: there are no such weights, or they are damaged.
        EngineError: no engine can serve them.
    """

    def __init__(
        self,
        model: str,
        scale: int,
        weights: Path | None,
        engine: CurrentEngine,
        options: RegistrationOptions | None = None,
    ) -> None:
        self._model, self._scale, self._engine = model, scale, engine
        options = replace(options or RegistrationOptions(), fill=False)
        self._range = options.depth_min, options.depth_max
        self._registrations, self._grids = Registrations(options), OwnGrids()
        artifact = read_artifact(weights, model, scale) if weights else find_artifact(model, scale)
        engine.choice(artifact)
        self._artifacts: dict[int, Artifact] = {scale: artifact}
        self._scales = (scale,) if weights else tuple(s for s in shipped_scales(model) if s)
        self._serving = scale
        self._notes: dict[tuple[Size, Size], str] = {}

    def __call__(
        self, rgb: NDArray[np.uint8], depth: NDArray[np.float32], cameras: Calibration | None = None
    ) -> NetworkDepth:
        """Serves one frame.

        Args:
            rgb: (H, W, 3) uint8.
            depth: (h, w) float32 metres, NaN (or 0, negative, infinite) where invalid.
            cameras: of depth that is not registered; None for registered depth.

        Raises:
            FrameError: this frame cannot be used.
            ValueError: the cameras cannot be used.
            EngineError: the engine failed.
        """
        start = time.perf_counter()
        height, width = colour = rgb.shape[0], rgb.shape[1]
        depth, beyond = self._registered(depth, cameras, colour)
        layout = self._layout(colour, (depth.shape[0], depth.shape[1]))
        inputs: Arrays = {"rgb": colour_on_grid(rgb, layout), "depth": depth_on_grid(depth, layout, colour)}
        engine = self._engine_for(layout)
        ready = time.perf_counter()
        outputs = engine.infer(inputs)
        times = (ready - start) * 1e3, (time.perf_counter() - ready) * 1e3
        valid = outputs["valid"][:height, :width].astype(bool)
        return NetworkDepth(outputs["depth_hr"][:height, :width], valid, beyond, times)

    @property
    def choice(self) -> EngineChoice:
        """Engine and weights of the newest frame; before the first those of the scale asked for."""
        return self._engine.choice(self._artifacts[self._serving])

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence per combination of sizes met so far: which kind of depth it is and what is done with it."""
        return tuple(self._notes.values())

    @property
    def cautions(self) -> tuple[str, ...]:
        """What speaks against the weights that served the newest frame: an error beyond bicubic's on their card."""
        card = self._artifacts[self._serving].card
        if card.median_ratio is None or card.median_ratio <= 1:
            return ()
        return (
            f"{card.name} had {card.median_ratio:.2f} times bicubic's error on depth reduced by medians, as happens "
            "here: for a camera choose another `model` or `scale`, or `weights` trained for one",
        )

    def registration(self, cameras: Calibration) -> Registration:
        """The registration of depth that is not registered, made ready.

        Raises:
            ValueError: the cameras cannot be used.
        """
        return self._registrations.between(cameras)

    def prepare(self, colour: Size, depth: Size, cameras: Calibration | None = None) -> None:
        """Builds what frames of these sizes, (height, width), need, and runs it once, so that none has to wait.

        Args:
            colour: size of the colour images.
            depth: size of the depth images.
            cameras: of depth that is not registered.

        Raises:
            FrameError: sizes that cannot be served.
            ValueError: the cameras cannot be used.
            EngineError: the engine cannot be built or fails.
        """
        if cameras is not None:
            warm_up()
            self.registration(cameras)
            depth = colour
        layout = self._layout(colour, depth)
        height, width = layout.grid
        ramp = np.broadcast_to(np.linspace(1, 2, width, dtype=np.float32), layout.grid).copy()
        rgb = np.zeros((height * layout.scale, width * layout.scale, 3), np.uint8)
        self._engine_for(layout).infer({"rgb": rgb, "depth": ramp})

    def _registered(
        self, depth: NDArray[np.float32], cameras: Calibration | None, colour: Size
    ) -> tuple[NDArray[np.float32], int]:
        """Depth on the colour image's view, and how much of it is out of range."""
        if cameras is not None:
            registered = self._registrations.between(cameras)(depth)
            return registered.start, registered.beyond_range
        depth, beyond = within_range(depth, *self._range)
        if depth.shape == colour and (grid := self._grids.of(depth)).kind == "dots":
            depth = grid.take(depth)
        return depth, beyond

    def _layout(self, colour: Size, depth: Size) -> FrameLayout:
        multiple = self._artifacts[self._scale].card.size_multiple
        layout = frame_layout(colour, depth, self._scale, self._scales, multiple)
        refused = []
        while reason := self._refusal(layout.scale):  # ends at the scale asked for, whose engine is there
            refused.append(f"scale x{layout.scale} cannot be served: {reason}")
            layout = frame_layout(colour, depth, self._scale, self._scales, multiple)
        if refused:
            _log.warning("%s; x%d stands in", "; ".join(refused), layout.scale)
        self._notes.setdefault((colour, depth), layout.sentence(colour, depth))
        return layout

    def _refusal(self, scale: int) -> str:
        """Why a scale cannot be served, empty where it can; one that cannot is not asked for again."""
        if scale in self._artifacts:
            return ""
        try:
            artifact = find_artifact(self._model, scale)
            self._engine.choice(artifact)
        except (ArtifactError, EngineError) as error:
            self._scales = tuple(s for s in self._scales if s != scale)
            return str(error)
        self._artifacts[scale] = artifact
        return ""

    def _engine_for(self, layout: FrameLayout) -> Engine:
        engine = self._engine.at(self._artifacts[layout.scale], layout.grid)
        self._serving = layout.scale
        return engine
