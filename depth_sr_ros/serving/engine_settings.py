"""What decides on the engine that serves, and what of it can be refused without trying."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from depth_sr_ros.artifact import CARD, list_artifacts, shipped_scales
from depth_sr_ros.engines import ENGINE_NAMES, PRECISIONS, PlanCache
from depth_sr_ros.upsampler import DEFAULT_MODEL, Upsampler


@dataclass(frozen=True)
class EngineSettings:
    """See `Upsampler` for the meaning of each; empty strings stand for None."""

    model: str = DEFAULT_MODEL
    scale: int = 0
    weights: str = ""
    engine: str = "auto"
    precision: str = "auto"
    threads: int = 0
    fill_holes: bool = False
    engine_cache: str = ""
    depth_min: float = 0.0
    depth_max: float = 0.0
    assume_registered: bool = False

    def upsampler(self, weights: Path | None = None) -> Upsampler:
        """An upsampler with these settings that never waits for a plan. Raises UpsamplerError.

        Args:
            weights: folder to read instead of the one in the settings.
        """
        return Upsampler(
            self.model,
            self.scale,
            weights=weights or self.weights or None,
            engine=self.engine,
            precision=self.precision,
            threads=self.threads,
            fill_holes=self.fill_holes,
            engine_cache=self.engine_cache or None,
            builds_plans=False,
            depth_min=self.depth_min,
            depth_max=self.depth_max,
            assume_registered=self.assume_registered,
        )

    def plans(self) -> PlanCache:
        """Where plans lie."""
        return PlanCache(Path(self.engine_cache) if self.engine_cache else None)

    def problem(self) -> str | None:
        """Why these settings cannot be served, as far as that is plain at once; None where it is not.

        Each setting is looked at by itself: those that belong together may be changed one after the other.
        """
        if self.engine not in ENGINE_NAMES:
            return f"engine: expected one of {ENGINE_NAMES}, found {self.engine!r}"
        if self.precision not in PRECISIONS:
            return f"precision: expected one of {PRECISIONS}, found {self.precision!r}"
        if self.weights:
            folder = Path(self.weights)
            if not ((folder if folder.is_dir() else folder.parent) / CARD).is_file():
                return f"weights: expected an artifact folder with {CARD}, found {self.weights!r}"
            return None
        scales = shipped_scales(self.model)
        if not scales:
            return f"model: expected one of those that ship, {list_artifacts()}, found {self.model!r}"
        known = {scale for name in list_artifacts() for scale in shipped_scales(name.partition("_x")[0]) if scale}
        if self.scale and self.scale not in known:
            return f"scale: expected 0 or one of {sorted(known)}, found {self.scale}"
        return None

    def __str__(self) -> str:
        weights = f" with weights {self.weights}" if self.weights else ""
        scale = f"x{self.scale}" if self.scale else "at scale 0"
        return f"{self.model} {scale}{weights}, engine {self.engine}, precision {self.precision}"
