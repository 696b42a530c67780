"""The Python API: colour and coarse metric depth in, dense metric depth at the colour's size out.

    from depth_sr_ros.upsampler import Upsampler
    result = Upsampler(model="fdkn", scale=8)(rgb, depth)               # registered depth, the papers' networks
    result = Upsampler()(rgb, raw, read_calibration("calibration.json"))  # a depth camera's own images

No ROS and no torch. The first frame of a new size compiles an engine for it (about a second); later ones only run.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.artifact import Artifact, ArtifactError, find_artifact, read_artifact, shipped_scales
from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.grids import FrameLayout, colour_on_grid, depth_on_grid, frame_layout, same_aspect
from depth_sr_ros.cameras.own_grid import OwnGrids
from depth_sr_ros.cameras.registration import RegistrationOptions, warm_up
from depth_sr_ros.cameras.registrations import Registrations
from depth_sr_ros.cameras.relation import Evidence, Relation, relate
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
from depth_sr_ros.live.guided import NAME as LIVE_FILTER
from depth_sr_ros.live.path import LivePath

DEFAULT_SCALE = 8
"""Of the papers' networks, where none is asked for."""

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
        quality: (H, W) uint8, how each pixel is known (see `cameras.registration.Registered`); None where one of the
            papers' networks served.
        beyond_range: measured depth pixels that `depth_min` and `depth_max` leave out.
    """

    depth: NDArray[np.float32]
    valid: NDArray[np.bool_]
    timings: dict[str, float]
    quality: NDArray[np.uint8] | None = None
    beyond_range: int = 0


@dataclass(frozen=True)
class UpsamplerInfo:
    """What serves.

    Attributes:
        model: artifact in use, e.g. `fdkn_x8`.
        scale: its scale; 0 on the live path, which serves any ratio.
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
        scale: a number asks for the papers' networks at that ratio of colour size to the depth's real resolution; 0
            serves any ratio on the live path. None takes 0 where a frame's cameras say that depth is not registered,
            and otherwise 8.
        weights: artifact folder of your own; None takes the shipped one.
        engine: one of `engines.ENGINE_NAMES`.
        precision: one of `engines.PRECISIONS`.
        threads: CPU threads for the engine, 0 for its own choice.
        fill_holes: give a distance in holes too, continued from their surroundings; `valid` marks them all the same.
        engine_cache: folder of plans; None takes the default one.
        builds_plans: an engine asked for by name that lacks a plan builds it at the first frame that needs it, which
            may take minutes. If not, another engine stands in, and `wanted_plans` says what is missing.
        depth_min: nearest depth that counts, metres; what is nearer is invalid.
        depth_max: farthest depth that counts, metres; 0 for no limit.
        assume_registered: take depth as registered to colour, whatever cameras and sizes say.

    Raises:
        UpsamplerError: the message says what was expected, what was found and what to change.
    """

    def __init__(
        self,
        model: str = "fdkn",
        scale: int | None = None,
        *,
        weights: str | Path | None = None,
        engine: str = "auto",
        precision: str = "auto",
        threads: int = 0,
        fill_holes: bool = False,
        engine_cache: str | Path | None = None,
        builds_plans: bool = True,
        depth_min: float = 0.0,
        depth_max: float = 0.0,
        assume_registered: bool = False,
    ) -> None:
        self._settings = (engine, precision, threads)
        self._plans = PlanCache(Path(engine_cache) if engine_cache else None)
        self._builds_plans = builds_plans
        self._asked, self._scale = scale, scale or DEFAULT_SCALE
        self._fill_holes, self._assumed = fill_holes, assume_registered
        self._prepare_registration(depth_min, depth_max, threads)
        self._choices: dict[int, EngineChoice] = {}
        self._scales: tuple[int, ...] = ()
        self._model = model
        if scale != 0:
            self._choose_network(weights)
        elif weights:
            raise UpsamplerError(
                f"scale 0: expected no weights, since a filter serves it, found {weights}; give the weights' own scale"
            )
        self._engine: tuple[tuple[int, Size], Engine] | None = None
        self._serving = scale if scale is not None else self._scale
        self._notes: dict[tuple[Size, Size], str] = {}

    def __call__(
        self, rgb: NDArray[np.uint8], depth: NDArray[np.float32], cameras: Calibration | None = None
    ) -> UpsampledDepth:
        """Super-resolves one frame.

        Args:
            rgb: colour image, uint8 (H, W, 3), RGB; not changed.
            depth: float32 (h, w), metres, NaN (or 0, negative, infinite) where invalid; not changed. Registered to
                `rgb`, of colour size / scale, colour size itself, or between (see `cameras.grids`); or what the depth
                camera of `cameras` sees.
            cameras: the cameras that `rgb` and `depth` come from and how they are related. They say whether depth is
                registered; where it is not, it is registered first. None takes it as registered.

        Raises:
            FrameError: this frame cannot be used; the next one may. Cause `unregistered` where `cameras` leave open
                how depth lies to colour.
            ValueError: the cameras see nothing in common; no frame of theirs can be used.
            EngineError: the engine failed.
        """
        start = time.perf_counter()
        _check_frame(rgb, depth)
        sizes: tuple[Size, Size] = (rgb.shape[0], rgb.shape[1]), (depth.shape[0], depth.shape[1])
        apart = self._apart(cameras, *sizes)
        if self._is_live(apart, *sizes):
            return self._live_depth(rgb, depth, cameras, apart, start)
        depth, beyond = self._registered(depth, apart, sizes[0])
        layout = self._layout(sizes[0], (depth.shape[0], depth.shape[1]))
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
        return UpsampledDepth(upsampled, valid, {stage: float(ms) for stage, ms in stages}, beyond_range=beyond)

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence per combination of sizes met so far: which kind of depth it is and what is done with it."""
        return (*self._notes.values(), *self._live.notes)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What speaks against the weights that served the last frame: an error beyond bicubic's on their card."""
        if not self._serving:
            return ()
        card = self._choices[self._serving].artifact.card
        if card.median_ratio is None or card.median_ratio <= 1:
            return ()
        return (
            f"{card.name} had {card.median_ratio:.2f} times bicubic's error on depth reduced by medians, as happens "
            "here: for a camera choose another `model` or `scale`, or `weights` trained for one",
        )

    def describe(self) -> UpsamplerInfo:
        """Model and engine that serve, as of the last frame."""
        if not self._serving:
            reason = f"scale 0 serves any ratio by a {LIVE_FILTER}"
            return UpsamplerInfo("live_filter", 0, "opencv", "fp32", reason, "", "CPU")
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

    def prepare(self, colour: Size, depth: Size, cameras: Calibration | None = None) -> None:
        """Builds what frames of these sizes, (height, width), need, and runs it once, so that none has to wait.

        Args:
            colour: size of the colour images.
            depth: size of the depth images.
            cameras: as frames will come with.

        Raises:
            FrameError: sizes that cannot be served, or cameras that leave open how depth lies to colour.
            ValueError: cameras that see nothing in common.
            EngineError: the engine cannot be built or fails.
        """
        apart = self._apart(cameras, colour, depth)
        if self._is_live(apart, colour, depth):
            warm_up()
            if apart is not None:
                self._live.prepare(apart)
            return
        if apart is not None:
            warm_up()
            self._registrations.between(apart)
            depth = colour
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

    def _prepare_registration(self, depth_min: float, depth_max: float, threads: int) -> None:
        try:
            options = RegistrationOptions(
                fill=False, depth_min=depth_min, depth_max=depth_max or math.inf, assign_mixed=True, threads=threads
            )
        except ValueError as error:
            raise UpsamplerError(str(error)) from error
        self._range = options.depth_min, options.depth_max
        self._live, self._registrations, self._grids = LivePath(options), Registrations(options), OwnGrids()
        self._related: tuple[object, Relation] | None = None

    def _choose_network(self, weights: str | Path | None) -> None:
        scale = self._scale
        try:
            artifact = (
                read_artifact(Path(weights), self._model, scale) if weights else find_artifact(self._model, scale)
            )
            self._choices[scale] = self._choose(artifact)
        except (ArtifactError, EngineError) as error:
            raise UpsamplerError(str(error)) from error
        # weights of one's own serve their own scale only; shipped ones may stand in for each other
        self._scales = (scale,) if weights else tuple(shipped_scales(self._model))

    def _apart(self, cameras: Calibration | None, colour: Size, depth: Size) -> Calibration | None:
        """The cameras, where they say that depth is not registered."""
        if cameras is None or self._assumed:
            return None
        motion = None if cameras.depth_to_colour is None else cameras.depth_to_colour.tobytes()
        key = colour, depth, cameras.colour, cameras.depth, motion
        if self._related is None or self._related[0] != key:
            found = replace(Evidence.of(cameras), colour_size=colour, depth_size=depth)
            self._related = key, relate(found)
        relation = self._related[1]
        if relation.kind == "unknown":
            fits = cameras.colour.size == colour and (cameras.depth is None or cameras.depth.size == depth)
            raise FrameError("unregistered" if fits else "size", relation.reason)
        return relation.calibration

    def _is_live(self, apart: Calibration | None, colour: Size, depth: Size) -> bool:
        if self._asked is not None:
            return self._asked == 0
        return apart is not None or (self._assumed and min(depth) > 0 and not same_aspect(colour, depth))

    def _live_depth(
        self,
        rgb: NDArray[np.uint8],
        depth: NDArray[np.float32],
        cameras: Calibration | None,
        apart: Calibration | None,
        start: float,
    ) -> UpsampledDepth:
        camera = cameras.colour if cameras is not None and cameras.colour.size == rgb.shape[:2] else None
        found = self._live(rgb, depth, apart, camera, any_aspect=self._assumed)
        self._serving = 0
        upsampled = found.depth if self._fill_holes else np.where(found.valid, found.depth, np.float32(np.nan))
        prepare, engine = found.milliseconds
        whole = (time.perf_counter() - start) * 1e3
        timings = {"prepare": prepare, "engine": engine, "finish": max(0.0, whole - prepare - engine)}
        return UpsampledDepth(upsampled, found.valid, timings, found.quality, found.beyond_range)

    def _registered(
        self, depth: NDArray[np.float32], apart: Calibration | None, colour: Size
    ) -> tuple[NDArray[np.float32], int]:
        """Depth as the papers' networks take it, on the colour image's view, and how much of it is out of range."""
        if apart is not None:
            registered = self._registrations.between(apart)(depth)
            return registered.start, registered.beyond_range
        low, high = self._range
        beyond = 0
        if low > 0 or high < math.inf:
            with np.errstate(invalid="ignore"):
                measured, inside = np.isfinite(depth) & (depth > 0), (depth >= low) & (depth <= high)
            beyond = int(np.count_nonzero(measured & ~inside))
            depth = np.where(inside, depth, np.float32(np.nan))
        if depth.shape == colour and (grid := self._grids.of(depth)).kind == "dots":
            depth = grid.take(depth)
        return depth, beyond

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
