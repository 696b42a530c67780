"""What the engine supply tells of itself."""

from __future__ import annotations

from dataclasses import dataclass

from depth_sr_ros.engines import BuildState
from depth_sr_ros.serving.deployment import Deployment, Served
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.state import Building, Deploying, Preparing, State


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
        at_rest: nothing is asked for, prepared or ready: nothing more comes by itself.
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
    at_rest: bool


class RollBackRefused(Exception):
    """There is nothing to go back to, or not now; the message says why and what to do."""


def tell(state: State, build: BuildState | None) -> SupplyState:
    """What others may know of a state.

    Args:
        state: everything that is known.
        build: how far the plan is that is being built.
    """
    return SupplyState(
        settings=state.held.settings,
        serving=state.serving.served(),
        previous=state.previous.served() if state.previous else None,
        preparing=_preparing(state),
        doing=_doing(state),
        build=build,
        swaps=state.swaps,
        failure=state.failure,
        refused=state.refused,
        at_rest=state.at_rest,
    )


def _preparing(state: State) -> Deployment | None:
    if isinstance(state.work, (Preparing, Building)) and state.work.wish:
        return state.work.making.deployment
    return state.held if state.held != state.serving.deployment else None


def _doing(state: State) -> str:
    match state.work:
        case Deploying(wish):
            return f"preparing {wish.settings}"
        case Preparing(making):
            return f"preparing {making.deployment.settings}"
        case Building(making):
            return f"building {making.plans[0]}"
    return "waiting for the next frame to take over" if state.ready else ""
