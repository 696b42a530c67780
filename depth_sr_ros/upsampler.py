"""The Python API: colour and coarse metric depth in, dense metric depth at the colour's size out.

    from depth_sr_ros.upsampler import Upsampler
    result = Upsampler(model="fdkn", scale=8)(rgb, depth)

No ROS and no torch. The first frame of a new size compiles an engine for it (about a second); later ones only run.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.artifact import Artifact, ArtifactError, find_artifact, read_artifact, shipped_scales
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.grids import FrameLayout, colour_on_grid, depth_on_grid, frame_layout
from depth_sr_ros.engines import (
    Arrays,
    Engine,
    EngineChoice,
    EngineError,
    EngineMemoryError,
    NoPlanError,
    PlanCache,
    PlanRequest,
    Precision,
    Refused,
    choose_engine,
)

Size = tuple[int, int]

_log = logging.getLogger(__name__)


class UpsamplerError(ValueError):
    """Settings that cannot be served: unknown names, unusable weights, no working engine."""


@dataclass(frozen=True)
class UpsampledDepth:
    """One frame's result.

    Attributes:
        depth: (H, W) float32 metres on the colour image's pixels; NaN where not valid, unless holes are filled.
        valid: (H, W) bool; False where the sensor saw nothing.
        timings: milliseconds of the stages `prepare`, `engine` and `finish`.
    """

    depth: NDArray[np.float32]
    valid: NDArray[np.bool_]
    timings: dict[str, float]


@dataclass(frozen=True)
class UpsamplerInfo:
    """What serves.

    Attributes:
        model: artifact in use, e.g. `fdkn_x8`.
        scale: its scale.
        engine: name of the engine.
        precision: of the network body.
        reason: one sentence on why this engine.
        weights_id: tells weights apart.
        device: what the engine runs on.
        stands_in: it serves only until the engine asked for has a plan.
    """

    model: str
    scale: int
    engine: str
    precision: str
    reason: str
    weights_id: str
    device: str
    stands_in: bool = False


class Upsampler:
    """Guided depth super-resolution for a stream of frames. Used from one thread at a time.

    Args:
        model: network, e.g. `fdkn`.
        scale: ratio of colour size to the depth's real resolution.
        weights: artifact folder of your own; None takes the shipped one.
        engine: one of `engines.ENGINE_NAMES`.
        precision: one of `engines.PRECISIONS`.
        threads: CPU threads for the engine, 0 for its own choice.
        fill_holes: give a distance in holes too, continued from their surroundings; `valid` marks them all the same.
        engine_cache: folder of plans; None takes the default one.
        builds_plans: an engine asked for by name that lacks a plan builds it at the first frame that needs it, which
            may take minutes. If not, another engine stands in, and `wanted_plans` says what is missing.

    Raises:
        UpsamplerError: the message says what was expected, what was found and what to change.
    """

    def __init__(
        self,
        model: str = "fdkn",
        scale: int = 8,
        *,
        weights: str | Path | None = None,
        engine: str = "auto",
        precision: str = "auto",
        threads: int = 0,
        fill_holes: bool = False,
        engine_cache: str | Path | None = None,
        builds_plans: bool = True,
    ) -> None:
        self._settings = (engine, precision, threads)
        self._plans = PlanCache(Path(engine_cache) if engine_cache else None)
        self._builds_plans = builds_plans
        self._scale = scale
        self._fill_holes = fill_holes
        try:
            artifact = read_artifact(Path(weights), model, scale) if weights else find_artifact(model, scale)
            self._choices: dict[int, EngineChoice] = {scale: self._choose(artifact)}
        except (ArtifactError, EngineError) as error:
            raise UpsamplerError(str(error)) from error
        # user weights serve their own scale only; shipped ones may replace each other
        self._scales = (scale,) if weights else tuple(shipped_scales(model))
        self._model = model
        self._engine: tuple[tuple[int, Size], Engine] | None = None
        self._serving = scale
        self._notes: dict[tuple[Size, Size], str] = {}

    def __call__(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32]) -> UpsampledDepth:
        """Super-resolves one frame.

        Args:
            rgb: colour image, uint8 (H, W, 3), RGB; not changed.
            depth: registered to `rgb`, float32 (h, w), metres, NaN (or 0, negative, infinite) where invalid; not
                changed. Sizes: colour size / scale, colour size itself, or between; see `rgbd.grids`.

        Raises:
            FrameError: this frame cannot be used; the next one may.
            EngineError: the engine failed.
        """
        start = time.perf_counter()
        _check_frame(rgb, depth)
        layout = self._layout(rgb.shape[:2], depth.shape)
        inputs: Arrays = {"rgb": colour_on_grid(rgb, layout), "depth": depth_on_grid(depth, layout, rgb.shape[:2])}
        engine = self._engine_for(layout)
        prepared = time.perf_counter()
        outputs = engine.infer(inputs)
        inferred = time.perf_counter()
        height, width = rgb.shape[:2]
        valid = outputs["valid"][:height, :width].astype(bool)
        upsampled = outputs["depth_hr"][:height, :width]
        if not self._fill_holes:
            upsampled = np.where(valid, upsampled, np.float32(np.nan))
        stamps = (start, prepared, inferred, time.perf_counter())
        stages = zip(("prepare", "engine", "finish"), np.diff(stamps) * 1e3, strict=True)
        return UpsampledDepth(upsampled, valid, {stage: float(ms) for stage, ms in stages})

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence per combination of sizes met so far: which kind of depth it is and what is done with it."""
        return tuple(self._notes.values())

    @property
    def cautions(self) -> tuple[str, ...]:
        """What speaks against the weights that served the last frame: an error beyond bicubic's on their card."""
        card = self._choices[self._serving].artifact.card
        if card.median_ratio is None or card.median_ratio <= 1:
            return ()
        return (
            f"{card.name} had {card.median_ratio:.2f} times bicubic's error on depth reduced by medians, as happens "
            "here: for a camera choose another `model` or `scale`, or `weights` trained for one",
        )

    def describe(self) -> UpsamplerInfo:
        """Model and engine that serve, as of the last frame."""
        choice = self._choices[self._serving]
        return UpsamplerInfo(
            choice.artifact.card.name,
            self._serving,
            choice.runtime.name,
            choice.precision,
            choice.reason,
            choice.artifact.weights_id,
            choice.device,
            choice.stands_in,
        )

    def prepare(self, colour: Size, depth: Size) -> None:
        """Builds the engine for frames of these sizes, (height, width), and runs it once, so that none has to wait.

        Raises:
            FrameError: sizes that cannot be served.
            EngineError: the engine cannot be built or fails.
        """
        layout = self._layout(colour, depth)
        height, width = layout.grid
        ramp = np.broadcast_to(np.linspace(1, 2, width, dtype=np.float32), layout.grid).copy()
        rgb = np.zeros((height * layout.scale, width * layout.scale, 3), np.uint8)
        self._engine_for(layout).infer({"rgb": rgb, "depth": ramp})

    def wanted_plans(self) -> tuple[PlanRequest, ...]:
        """Plans for the newest frame's size that would let a preferred engine serve, best first; empty before it."""
        if self._engine is None:
            return ()
        (scale, grid), _ = self._engine
        choice = self._choices[scale]
        return tuple(PlanRequest(runtime, choice.artifact, grid, precision) for runtime, precision in choice.wanted)

    def close(self) -> None:
        """Frees the engine's memory; calling it again is fine, and a further frame builds the engine anew."""
        if self._engine is not None:
            self._engine[1].close()
            self._engine = None

    def _choose(self, artifact: Artifact, grid: Size | None = None, refused: Refused | None = None) -> EngineChoice:
        plans, builds = self._plans, self._builds_plans
        return choose_engine(artifact, *self._settings, plans=plans, builds=builds, grid=grid, refused=refused)

    def _layout(self, colour_size: Size, depth_size: Size) -> FrameLayout:
        multiple = self._choices[self._scale].artifact.card.size_multiple
        layout = frame_layout(colour_size, depth_size, self._scale, self._scales, multiple)
        refused = []
        while reason := self._refusal(layout.scale):  # ends at the scale asked for, whose engine is there
            refused.append(f"scale x{layout.scale} cannot be served: {reason}")
            layout = frame_layout(colour_size, depth_size, self._scale, self._scales, multiple)
        if refused:
            _log.warning("%s; x%d stands in", "; ".join(refused), layout.scale)
        self._notes.setdefault((colour_size, depth_size), layout.sentence(colour_size, depth_size))
        return layout

    def _refusal(self, scale: int) -> str:
        """Why a scale cannot be served, empty where it can; one that cannot is not asked for again."""
        if scale in self._choices:
            return ""
        try:
            self._choices[scale] = self._choose(find_artifact(self._model, scale))
        except (ArtifactError, EngineError) as error:
            self._scales = tuple(s for s in self._scales if s != scale)
            return str(error)
        return ""

    def _engine_for(self, layout: FrameLayout) -> Engine:
        key = (layout.scale, layout.grid)
        if self._engine is None or self._engine[0] != key:
            self.close()
            self._engine = (key, self._build(layout))
            self._serving = layout.scale
        return self._engine[1]

    def _build(self, layout: FrameLayout) -> Engine:
        choice = self._choices[layout.scale]
        refused: dict[tuple[str, Precision], str] = {}
        while True:
            try:
                return choice.build(layout.grid)
            except (NoPlanError, EngineMemoryError) as error:  # what was checked was another size
                tried = choice.runtime.name, choice.precision
                if tried in refused:  # asked for by name, and nothing may stand in
                    raise
                refused[tried] = str(error)
                choice = self._choices[layout.scale] = self._choose(choice.artifact, layout.grid, refused)


def _check_frame(rgb: NDArray[Any], depth: NDArray[Any]) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise FrameError("encoding", f"colour: expected (H, W, 3) uint8 RGB, found {rgb.shape} {rgb.dtype}; convert it")
    if depth.ndim != 2 or depth.dtype != np.float32:
        raise FrameError(
            "encoding",
            f"depth: expected (h, w) float32 metres, found {depth.shape} {depth.dtype}; convert it, e.g. by "
            "depth_sr_ros.cameras.depth.to_metres",
        )
