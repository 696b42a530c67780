"""What the engine supply has to do when its state changes.

Deploy, Prepare and Build are work: each ends with one event that says what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from depth_sr_ros.engines import PlanRequest
from depth_sr_ros.serving.deployment import Deployment
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.events import Event
from depth_sr_ros.serving.state import Frames
from depth_sr_ros.upsampler import Upsampler


@dataclass(frozen=True)
class Deploy:
    """Read the weights: `Deployed` or `Failed`.

    Attributes:
        settings: what they are for.
        held: where the settings name its folder, its weights are meant; None reads the folder.
    """

    settings: EngineSettings
    held: Deployment | None


@dataclass(frozen=True)
class Prepare:
    """Make an upsampler, warm for frames as they come: `Prepared` or `Failed`.

    Attributes:
        deployment: what it serves.
        frames: what they are like; None where that is unknown.
        upsampler: make this one's engine instead of a new upsampler, where it is not there any more.
    """

    deployment: Deployment
    frames: Frames | None
    upsampler: Upsampler | None = None


@dataclass(frozen=True)
class Build:
    """Start to build a plan: `PlanBuilt`, `PlanStopped` or `Failed`."""

    request: PlanRequest


@dataclass(frozen=True)
class StopBuild:
    """End the build, where it has not ended yet."""


@dataclass(frozen=True)
class After:
    """Report an event some seconds from now; only the newest one is reported."""

    seconds: float
    event: Event


@dataclass(frozen=True)
class Close:
    """Free an engine's memory."""

    upsampler: Upsampler


@dataclass(frozen=True)
class Release:
    """Let go of the copies of weights but those in some folders."""

    used: frozenset[Path]


@dataclass(frozen=True)
class Say:
    """A sentence for the log."""

    warning: bool
    sentence: str


@dataclass(frozen=True)
class Refuse:
    """What was asked for is refused; whoever asked is told why."""

    reason: str


@dataclass(frozen=True)
class End:
    """Start nothing any more, and end the build that runs."""


Effect = Deploy | Prepare | Build | StopBuild | After | Close | Release | Say | Refuse | End
