"""The Python API: colour and depth in, dense metric depth at the colour's size out.

    from depth_sr_ros.upsampler import Upsampler
    result = Upsampler()(rgb, depth)                                      # registered depth, any ratio
    result = Upsampler()(rgb, raw, read_calibration("calibration.json"))  # a depth camera's own images
    result = Upsampler(model="fdkn", scale=8)(rgb, depth)                 # the papers' networks

No ROS and no torch. The first frame of a new size prepares what it needs (about a second); later ones only run.
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

from depth_sr_ros.artifact import (
    ArtifactError,
    find_artifact,
    list_artifacts,
    read_artifact,
    read_card,
    shipped_scales,
)
from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.grids import coarse_scale
from depth_sr_ros.cameras.registration import RegistrationOptions, warm_up
from depth_sr_ros.cameras.relation import Evidence, Relation, relate
from depth_sr_ros.engines import (
    ENGINE_NAMES,
    PRECISIONS,
    CurrentEngine,
    EngineError,
    EngineWishes,
    PlanCache,
    PlanRequest,
)
from depth_sr_ros.live.guided import NAME as LIVE_FILTER
from depth_sr_ros.live.network import LiveNetworkFilter
from depth_sr_ros.live.path import LiveDepth, LivePath
from depth_sr_ros.papers.path import NetworkDepth, NetworkPath

DEFAULT_MODEL = "fdkn"
"""The model where none is asked for."""

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
        expected_error: (H, W) float32 metres, the mean absolute error that a live network expects of each pixel, holes
            included; None where something else served.
    """

    depth: NDArray[np.float32]
    valid: NDArray[np.bool_]
    timings: dict[str, float]
    quality: NDArray[np.uint8] | None = None
    beyond_range: int = 0
    expected_error: NDArray[np.float32] | None = None

    @property
    def uncertainty(self) -> NDArray[np.float32] | None:
        """The expected error of the pixels that have depth, (H, W) float32 metres; NaN where depth is NaN.

        None where something other than live weights served.
        """
        if self.expected_error is None:
            return None
        return np.where(np.isnan(self.depth), np.float32(np.nan), self.expected_error)


@dataclass(frozen=True)
class UpsamplerInfo:
    """What serves.

    Attributes:
        model: artifact in use, e.g. `fdkn_x8`; `live_filter` where a filter serves.
        scale: its scale; 0 on the live path, which serves any ratio.
        engine: name of the engine.
        precision: of the network body.
        reason: one sentence on why this engine, or filter.
        weights_id: tells weights apart; empty where a filter serves.
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

    @property
    def label(self) -> str:
        """Model and weights in one word or two."""
        return f"{self.model} (weights {self.weights_id})" if self.weights_id else self.model


class Upsampler:
    """Guided depth super-resolution for a stream of frames. Used from one thread at a time.

    Args:
        model: network, e.g. `fdkn`.
        scale: 0 serves any ratio of colour size to depth size: by live weights, by a filter where none ship or no
            engine runs them, and by the papers' networks where depth is registered and its ratio is one that weights of
            theirs ship for; with `weights`, it takes their own scale. A number asks for the papers' networks at that
            ratio of colour size to the depth's real resolution.
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
        model: str = DEFAULT_MODEL,
        scale: int = 0,
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
        self._model, self._fill_holes, self._assumed = model, fill_holes, assume_registered
        plans = PlanCache(Path(engine_cache) if engine_cache else None)
        self._engine = CurrentEngine(EngineWishes(engine, precision, threads, plans, builds_plans))
        self._related: tuple[object, Relation] | None = None
        options = _registration_options(depth_min, depth_max, threads)
        folder = Path(weights) if weights else None
        self._own_weights = folder is not None
        self._path: LivePath | NetworkPath
        self._networks: dict[int, NetworkPath | None] = {}
        self._coarse_scales = tuple(shipped_scales(model))
        self._options = options
        try:
            if folder and not scale:
                scale = read_card(folder).scale
            if scale:
                self._path = NetworkPath(model, scale, folder, self._engine, options)
            else:
                self._path = LivePath(options, self._live_network(model, folder, engine, precision))
        except (ArtifactError, EngineError) as error:
            raise UpsamplerError(str(error)) from error
        self._serving = self._path

    def __call__(
        self, rgb: NDArray[np.uint8], depth: NDArray[np.float32], cameras: Calibration | None = None
    ) -> UpsampledDepth:
        """Super-resolves one frame.

        Args:
            rgb: colour image, uint8 (H, W, 3), RGB; not changed.
            depth: float32 (h, w), metres, NaN (or 0, negative, infinite) where invalid; not changed. Registered to
                `rgb`, of any size with its aspect ratio (the papers' networks: see `cameras.grids`); or what the depth
                camera of `cameras` sees.
            cameras: the cameras that `rgb` and `depth` come from and how they are related. They say whether depth is
                registered; where it is not, it is registered first. None takes it as registered.

        Raises:
            FrameError: this frame cannot be used; the next one may. Cause `unregistered` where `cameras` leave open
                how depth lies to colour, `no_overlap` where they see nothing in common.
            EngineError: the engine failed.
        """
        start = time.perf_counter()
        _check_frame(rgb, depth)
        colour_size, depth_size = (rgb.shape[0], rgb.shape[1]), (depth.shape[0], depth.shape[1])
        apart = self._apart(cameras, colour_size, depth_size)
        path = self._path_of(apart, colour_size, depth_size)
        found: LiveDepth | NetworkDepth
        if isinstance(path, NetworkPath):
            found = path(rgb, depth, apart)
        else:
            camera = cameras.colour if cameras is not None and cameras.colour.size == colour_size else None
            found = path(rgb, depth, apart, camera, any_aspect=self._assumed)
        self._serving = path
        return self._finished(found, start)

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence per combination of sizes met so far: which kind of depth it is and what is done with it."""
        networks = [path for path in self._networks.values() if path is not None]
        return tuple(note for path in (self._path, *networks) for note in path.notes)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What speaks against the weights that served the last frame: an error beyond bicubic's on their card."""
        return self._serving.cautions if isinstance(self._serving, NetworkPath) else ()

    def describe(self) -> UpsamplerInfo:
        """Model and engine that serve, as of the last frame."""
        if isinstance(self._serving, NetworkPath):
            choice = self._serving.choice
        elif self._serving.network is not None:
            choice = self._serving.network.choice
        else:
            reason = f"opencv: a {LIVE_FILTER} serves any ratio of colour to depth"
            if self._model != DEFAULT_MODEL:
                reason += f"; {self._model} has no live weights yet: for its networks give their scale"
            return UpsamplerInfo("live_filter", 0, "opencv", "fp32", reason, "", "CPU")
        return UpsamplerInfo(
            choice.artifact.card.name,
            choice.artifact.card.scale,
            choice.runtime.name,
            choice.precision,
            choice.reason,
            choice.artifact.weights_id,
            choice.device,
            choice.stands_in,
        )

    def warm_up(self) -> None:
        """Compiles, or reads what was compiled, so that the first frame need not; `prepare` does more."""
        if isinstance(self._path, LivePath):
            warm_up()

    def prepare(self, colour: Size, depth: Size, cameras: Calibration | None = None) -> None:
        """Builds what frames of these sizes, (height, width), need, and runs it once, so that none has to wait.

        Args:
            colour: size of the colour images.
            depth: size of the depth images.
            cameras: as frames will come with.

        Raises:
            FrameError: sizes that cannot be served, or cameras as for a frame.
            EngineError: the engine cannot be built or fails.
        """
        apart = self._apart(cameras, colour, depth)
        path = self._path_of(apart, colour, depth)
        if isinstance(path, NetworkPath):
            path.prepare(colour, depth, apart)
        else:
            warm_up()
            if path.network is not None:
                path.network.prepare(colour)
        self._serving = path

    def wanted_plans(self) -> tuple[PlanRequest, ...]:
        """Plans for the newest frame's size that would let a preferred engine serve, best first; empty before it."""
        return self._engine.wanted_plans()

    def close(self) -> None:
        """Frees the engine's memory; calling it again is fine, and a further frame builds the engine anew."""
        self._engine.close()

    def _path_of(self, apart: Calibration | None, colour: Size, depth: Size) -> LivePath | NetworkPath:
        """What serves such frames: see `scale`."""
        if isinstance(self._path, NetworkPath) or self._own_weights or apart is not None:
            return self._path
        scale = coarse_scale(colour, depth, self._coarse_scales)
        if not scale:
            return self._path
        if scale not in self._networks:
            self._networks[scale] = self._network(scale)
        return self._networks[scale] or self._path

    def _network(self, scale: int) -> NetworkPath | None:
        """The papers' networks at a scale; None, after a warning, where they cannot run here."""
        try:
            return NetworkPath(self._model, scale, None, self._engine, self._options)
        except (ArtifactError, EngineError) as error:
            _log.warning("%s x%d cannot serve here, a %s does: %s", self._model, scale, LIVE_FILTER, error)
            return None

    def _apart(self, cameras: Calibration | None, colour: Size, depth: Size) -> Calibration | None:
        """The cameras, where they say that depth is not registered."""
        if cameras is None or self._assumed:
            return None
        key = colour, depth, cameras
        if self._related is None or self._related[0] != key:
            relation = relate(replace(Evidence.of(cameras), colour_size=colour, depth_size=depth))
            if relation.kind == "unknown":
                raise FrameError(relation.cause, relation.reason)
            if relation.calibration is not None:
                self._make_registration(relation.calibration)
            self._related = key, relation
        return self._related[1].calibration

    def _live_network(self, model: str, folder: Path | None, engine: str, precision: str) -> LiveNetworkFilter | None:
        """Live weights of one's own, or those that ship; None where there are none."""
        _check_names(model if folder is None else None, engine, precision)
        if folder is None and 0 not in shipped_scales(model):
            return None
        artifact = read_artifact(folder, model, 0) if folder else find_artifact(model, 0)
        try:
            return LiveNetworkFilter(artifact, self._engine)
        except EngineError as error:
            if folder is not None or engine != "auto":
                raise
            _log.warning("%s cannot serve here, a %s does: %s", artifact.card.name, LIVE_FILTER, error)
            return None

    def _make_registration(self, cameras: Calibration) -> None:
        try:
            self._path.registration(cameras)
        except ValueError as error:
            raise FrameError("no_overlap", str(error)) from error

    def _finished(self, found: LiveDepth | NetworkDepth, start: float) -> UpsampledDepth:
        depth = found.depth if self._fill_holes else np.where(found.valid, found.depth, np.float32(np.nan))
        live = found if isinstance(found, LiveDepth) else None
        quality, error = (live.quality, live.expected_error) if live else (None, None)
        prepare, engine = found.milliseconds
        whole = (time.perf_counter() - start) * 1e3
        timings = {"prepare": prepare, "engine": engine, "finish": max(0.0, whole - prepare - engine)}
        return UpsampledDepth(depth, found.valid, timings, quality, found.beyond_range, error)


def _registration_options(depth_min: float, depth_max: float, threads: int) -> RegistrationOptions:
    try:
        high = depth_max or math.inf
        return RegistrationOptions(depth_min=depth_min, depth_max=high, assign_mixed=True, threads=threads)
    except ValueError as error:
        raise UpsamplerError(str(error)) from error


def _check_names(model: str | None, engine: str, precision: str) -> None:
    """Refuses misspelt settings, where no network is looked for that would notice."""
    if model is not None and not shipped_scales(model):
        raise UpsamplerError(f"model: expected one of those that ship, {list_artifacts()}, found {model!r}")
    for name, found, known in (("engine", engine, ENGINE_NAMES), ("precision", precision, PRECISIONS)):
        if found not in known:
            raise UpsamplerError(f"{name}: expected one of {known}, found {found!r}")


def _check_frame(rgb: NDArray[Any], depth: NDArray[Any]) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise FrameError("encoding", f"colour: expected (H, W, 3) uint8 RGB, found {rgb.shape} {rgb.dtype}; convert it")
    if depth.ndim != 2 or depth.dtype != np.float32:
        raise FrameError(
            "encoding",
            f"depth: expected (h, w) float32 metres, found {depth.shape} {depth.dtype}; convert it, e.g. by "
            "depth_sr_ros.cameras.depth.to_metres",
        )
