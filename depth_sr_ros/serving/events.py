"""What happens to the engine supply: what is asked of it, what becomes of its work, and the frames."""

from __future__ import annotations

from dataclasses import dataclass

from depth_sr_ros.engines import PlanRequest
from depth_sr_ros.serving.deployment import Deployment
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.state import Frames, Wish
from depth_sr_ros.upsampler import Upsampler, UpsamplerInfo


@dataclass(frozen=True)
class SettingsAsked:
    """Other settings are asked for; see `Wish`."""

    settings: EngineSettings
    reread: bool = False


@dataclass(frozen=True)
class RollBackAsked:
    """What ran before is asked for.

    Attributes:
        upsampler: that of what ran before when it was asked for.
        deployment: its deployment, with settings that still name it.
    """

    upsampler: Upsampler
    deployment: Deployment


@dataclass(frozen=True)
class SettlingOver:
    """The time is over for which settings were waited for that belong to these."""

    wish: Wish


@dataclass(frozen=True)
class Deployed:
    """The weights are read."""

    deployment: Deployment


@dataclass(frozen=True)
class Prepared:
    """An upsampler is made.

    Attributes:
        upsampler: new, or that of `State.previous`.
        info: what it is.
        wanted: plans that a better engine lacks, best first; empty where it is not warm.
    """

    upsampler: Upsampler
    info: UpsamplerInfo
    wanted: tuple[PlanRequest, ...] = ()


@dataclass(frozen=True)
class PlanBuilt:
    """The plan lies in the cache."""


@dataclass(frozen=True)
class PlanStopped:
    """The build was ended before its time, as it was told to."""


@dataclass(frozen=True)
class Failed:
    """What was being done ended with an error.

    Attributes:
        error: why.
        upsampler: the one of `State.previous`, when that was prepared; its engine is not in memory any more. A new one
            is closed by whoever failed to make it.
    """

    error: Exception
    upsampler: Upsampler | None = None


@dataclass(frozen=True)
class CleanUpFailed:
    """An engine could not be closed, a build not ended, or a copy of weights not let go of."""

    error: Exception


@dataclass(frozen=True)
class FrameBegins:
    """The next frame is about to be served: between two frames another engine can take over.

    Attributes:
        at: seconds since 1970.
    """

    at: float


@dataclass(frozen=True)
class FrameServed:
    """A frame was served, of another kind or by another engine than the one before.

    Attributes:
        frames: what it is like.
        info: what served it.
        wanted: plans that a better engine lacks for such frames, best first.
    """

    frames: Frames
    info: UpsamplerInfo
    wanted: tuple[PlanRequest, ...] = ()


@dataclass(frozen=True)
class Abandoned:
    """Nothing shall be prepared any more, and all engines stay as they are."""


@dataclass(frozen=True)
class Closed:
    """No more frames come; all engines shall be closed."""


Event = (
    SettingsAsked
    | RollBackAsked
    | SettlingOver
    | Deployed
    | Prepared
    | PlanBuilt
    | PlanStopped
    | Failed
    | CleanUpFailed
    | FrameBegins
    | FrameServed
    | Abandoned
    | Closed
)
