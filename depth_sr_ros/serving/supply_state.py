"""What the engine supply is asked for, what it has, and what it tells of itself."""

from __future__ import annotations

from dataclasses import dataclass

from depth_sr_ros.engines import BuildState
from depth_sr_ros.serving.deployment import Deployment, Served
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.upsampler import Upsampler


@dataclass(frozen=True)
class SupplyState:
    """What is going on beside the serving engine.

    Attributes:
        settings: those that hold: of what serves, or will serve from the next frame on.
        serving: what runs.
        previous: what ran before it, to which `roll_back` goes; None before the first change.
        preparing: what shall take over; None where nothing shall, or where its weights have not been read yet.
        doing: what is prepared or built; empty when nothing is.
        build: how far a plan is; None while none is built.
        swaps: how often another engine has taken over.
        failure: why the newest preparation failed; empty after a success.
        refused: settings that could not be served, to be put back; None when there are none.
    """

    settings: EngineSettings
    serving: Served
    previous: Served | None
    preparing: Deployment | None
    doing: str
    build: BuildState | None
    swaps: int
    failure: str
    refused: EngineSettings | None


class RollBackRefused(Exception):
    """There is nothing to go back to, or not now; the message says why and what to do."""


@dataclass(frozen=True)
class Wish:
    """Settings that are asked for.

    Attributes:
        settings: all of them.
        reread: whatever lies in the folder of the weights now is meant, not what was read there before.
        back: what ran before is asked for.
    """

    settings: EngineSettings
    reread: bool = False
    back: Running | None = None


@dataclass(frozen=True)
class Running:
    """A deployment with its engine, whose memory may have been freed.

    Attributes:
        deployment: what.
        upsampler: what serves it.
        since: seconds since 1970.
    """

    deployment: Deployment
    upsampler: Upsampler
    since: float

    def served(self) -> Served:
        """The same as others may know it."""
        return Served(self.deployment, self.upsampler.describe(), self.since)
