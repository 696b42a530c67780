"""Everything the engine supply knows, in one frozen value.

Four words name what there is: `serving` answers frames now, `ready` takes over at the next frame, `previous` can be
gone back to, and `asked` waits for its turn. What is being done about any of it is the `work`.

Upsamplers are carried here as they are, and never called.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.engines import PlanRequest
from depth_sr_ros.serving.deployment import Deployment, Served
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.upsampler import Size, Upsampler, UpsamplerInfo


class Frames(NamedTuple):
    """What frames are like, as far as an upsampler has to be prepared for it; see `Upsampler.prepare`.

    Attributes:
        colour: (height, width) of the colour images.
        depth: of the depth images.
        cameras: of depth that is not registered; None for registered depth.
    """

    colour: Size
    depth: Size
    cameras: Calibration | None = None


@dataclass(frozen=True)
class Wish:
    """Settings that were asked for.

    Attributes:
        settings: all of them.
        reread: whatever lies in the folder of the weights now is meant, not what was read there before.
        back: `State.previous` is meant; this is its deployment, with settings that still name it.
    """

    settings: EngineSettings
    reread: bool = False
    back: Deployment | None = None


@dataclass(frozen=True)
class Running:
    """What serves frames, or did.

    Attributes:
        deployment: settings and weights.
        upsampler: what serves them.
        info: model, engine and weights of its newest frame.
        since: when it took over, seconds since 1970.
        freed: the memory of its engine was given back; preparing it makes the engine anew.
    """

    deployment: Deployment
    upsampler: Upsampler
    info: UpsamplerInfo
    since: float
    freed: bool = False

    def served(self) -> Served:
        """The same as others may know it."""
        return Served(self.deployment, self.info, self.since)


@dataclass(frozen=True)
class Ready:
    """What takes over at the next frame.

    Attributes:
        deployment: settings and weights.
        upsampler: checked, and warm where it is known what frames are like.
        info: what it is.
    """

    deployment: Deployment
    upsampler: Upsampler
    info: UpsamplerInfo


@dataclass(frozen=True)
class Making:
    """An upsampler that is being made.

    Attributes:
        wish: what it is made for; None: a better engine for the deployment that serves.
        deployment: settings and weights.
        frames: what those are like that it is made warm for; None before the first frame.
        plans: the plan that its engine needs, and after it those to be tried when that one fails; empty where it is
            made without.
        failures: one sentence for each plan that has failed.
    """

    wish: Wish | None
    deployment: Deployment
    frames: Frames | None
    plans: tuple[PlanRequest, ...] = ()
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Idle:
    """Nothing is to be done."""

    wish: ClassVar[None] = None


@dataclass(frozen=True)
class Settling:
    """Settings were asked for, and more that belong to them may follow."""

    wish: Wish


@dataclass(frozen=True)
class Deploying:
    """The weights are read that settings stand for."""

    wish: Wish


@dataclass(frozen=True)
class Preparing:
    """An upsampler is made, and warmed up where it is known what frames are like."""

    making: Making

    @property
    def wish(self) -> Wish | None:
        """What it is made for."""
        return self.making.wish


@dataclass(frozen=True)
class Building:
    """The first plan of those in `making` is built, in a process of its own."""

    making: Making

    @property
    def wish(self) -> Wish | None:
        """What it is built for."""
        return self.making.wish


@dataclass(frozen=True)
class Over:
    """Nothing is started any more."""

    wish: ClassVar[None] = None


Work = Idle | Settling | Deploying | Preparing | Building | Over


@dataclass(frozen=True)
class State:
    """See the module.

    Attributes:
        serving: answers frames.
        keep_previous: whether the memory of `previous` is kept.
        previous: ran before `serving` did; None before the first change.
        ready: takes over at the next frame.
        asked: what shall be worked on next. Work for anything else is given up then: at once where it can be
            interrupted, else when it ends.
        work: what is being done.
        frames: what the newest one is like.
        wanted: plans that a better engine than `serving` lacks, best first; None when it has not been asked since it
            took over.
        hopeless: names of plans that failed; see `plan_name`.
        failure: why the newest work failed; empty after a success.
        refused: settings that could not be served, until something else is asked for.
        swaps: how often another engine has taken over.
    """

    serving: Running
    keep_previous: bool = True
    previous: Running | None = None
    ready: Ready | None = None
    asked: Wish | None = None
    work: Work = Idle()
    frames: Frames | None = None
    wanted: tuple[PlanRequest, ...] | None = None
    hopeless: frozenset[str] = frozenset()
    failure: str = ""
    refused: EngineSettings | None = None
    swaps: int = 0

    @property
    def held(self) -> Deployment:
        """What serves from the next frame on."""
        return self.ready.deployment if self.ready else self.serving.deployment

    @property
    def promising(self) -> tuple[PlanRequest, ...]:
        """Wanted plans that have not failed."""
        return tuple(request for request in self.wanted or () if plan_name(request) not in self.hopeless)

    @property
    def at_rest(self) -> bool:
        """Whether nothing more comes by itself."""
        return isinstance(self.work, Idle) and self.ready is None


def mark_freed(state: State, upsampler: Upsampler | None, freed: bool) -> State:
    """The state with a note whether an upsampler's engine is in memory, where it is the previous one's."""
    if state.previous is None or upsampler is not state.previous.upsampler:
        return state
    return replace(state, previous=replace(state.previous, freed=freed))


def plan_name(request: PlanRequest) -> str:
    """Tells plans apart without asking the runtime for its conditions, which takes a while."""
    return f"{request}, weights {request.artifact.weights_id}"
