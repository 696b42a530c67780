"""Transitions of the work: from settings to an upsampler that is ready, by way of weights and plans.

Work that is given up while it cannot be interrupted goes on to its end, and what it made is let go of then.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.engines import EngineError
from depth_sr_ros.serving.effects import After, Build, Close, Deploy, Effect, Prepare, Release, Say
from depth_sr_ros.serving.events import (
    CleanUpFailed,
    Deployed,
    Failed,
    PlanBuilt,
    PlanStopped,
    Prepared,
    SettlingOver,
)
from depth_sr_ros.serving.state import (
    Building,
    Deploying,
    Idle,
    Making,
    Preparing,
    Ready,
    Settling,
    State,
    Wish,
    mark_freed,
    plan_name,
)
from depth_sr_ros.upsampler import Upsampler, UpsamplerError

SETTLE_S = 0.3
"""Settings that belong together may come one after the other: so long after the last one they count as complete."""

Outcome = tuple[State, tuple[Effect, ...]]


def next_work(state: State) -> Outcome:
    """Begins what is asked for, or else to build a plan that a better engine lacks, or nothing."""
    asked, state = state.asked, replace(state, asked=None)
    if asked and asked.back:
        assert state.previous is not None
        return _prepare(state, Making(asked, asked.back, state.frames), state.previous.upsampler)
    if asked and asked != Wish(state.held.settings):
        return replace(state, work=Settling(asked)), (After(SETTLE_S, SettlingOver(asked)),)
    if state.promising:
        return _build(state, Making(None, state.held, state.frames, state.promising))
    return replace(state, work=Idle()), ()


def deploy(state: State, event: SettlingOver) -> Outcome:
    """Reads the weights, when nothing else was asked for meanwhile."""
    assert isinstance(state.work, Settling)
    wish = state.work.wish
    if event.wish != wish:
        return state, ()
    return replace(state, work=Deploying(wish)), (Deploy(wish.settings, None if wish.reread else state.held),)


def prepare(state: State, event: Deployed) -> Outcome:
    """Makes an upsampler on the weights, unless it would be what serves already."""
    assert isinstance(state.work, Deploying)
    if state.asked or event.deployment == state.held:
        return _end(state)
    return _prepare(state, Making(state.work.wish, event.deployment, state.frames))


def prepare_on_plan(state: State, event: PlanBuilt) -> Outcome:
    """Makes an upsampler that takes the plan."""
    making = _making(state)
    return _end(state) if state.asked else _prepare(state, making)


def build_again(state: State, event: PlanStopped) -> Outcome:
    """Goes on to what the build was stopped for; builds again where that is not asked for any more."""
    making = _making(state)
    return _end(state) if state.asked else _build(state, making)


def take(state: State, event: Prepared) -> Outcome:
    """Makes the upsampler ready, unless it is not wanted any more, stands in for another, or lacks its plan."""
    making = _making(state)
    state = mark_freed(state, event.upsampler, False)
    if state.asked:
        state, effects = _let_go(state, event.upsampler)
        return _end(state, *effects)
    if making.plans:
        if plan_name(making.plans[0]) in map(plan_name, event.wanted):  # another engine would stand in once more
            error = EngineError(f"built, but cannot be loaded here: {event.info.reason}")
            return _first(Close(event.upsampler), _try_next_plan(state, making, error))
    elif making.frames and event.info.stands_in and not (making.wish and making.wish.back):
        return _first(Close(event.upsampler), _build(state, replace(making, plans=event.wanted)))
    effects = ()
    if state.ready:
        state, effects = _let_go(state, state.ready.upsampler)
    ready = Ready(making.deployment, event.upsampler, event.info)
    return _end(replace(state, ready=ready, wanted=(), failure=""), *effects)


def refuse_settings(state: State, event: Failed) -> Outcome:
    """Tells that settings cannot be served."""
    assert isinstance(state.work, Deploying)
    return _refuse(state, state.work.wish, event.error)


def give_up(state: State, event: Failed) -> Outcome:
    """Tries the next plan, or tells that there is none."""
    making = _making(state)
    state = mark_freed(state, event.upsampler, True)
    if making.plans and isinstance(event.error, (EngineError, OSError)):
        return _try_next_plan(state, making, event.error)
    return _fail(state, making, event.error)


def note_failure(state: State, event: CleanUpFailed) -> Outcome:
    """Tells it; the work goes on."""
    failure = f"{type(event.error).__name__}: {event.error}"
    return replace(state, failure=failure), (Say(True, failure),)


def _making(state: State) -> Making:
    assert isinstance(state.work, (Preparing, Building))
    return state.work.making


def _prepare(state: State, making: Making, upsampler: Upsampler | None = None) -> Outcome:
    return replace(state, work=Preparing(making)), (Prepare(making.deployment, making.frames, upsampler),)


def _build(state: State, making: Making) -> Outcome:
    if not making.plans:
        return _fail(state, making, EngineError("no plan is wanted"))
    request = making.plans[0]
    say = Say(False, f"building {request} beside the running engine")
    return replace(state, work=Building(making)), (say, Build(request))


def _try_next_plan(state: State, making: Making, error: Exception) -> Outcome:
    """What cannot be built or loaded once is not tried again."""
    request, *rest = making.plans
    failures = (*making.failures, f"{request}: {error}")
    state = replace(state, hopeless=state.hopeless | {plan_name(request)})
    if rest and not state.asked:
        say = Say(True, f"{failures[-1]}; trying the next engine")
        return _first(say, _build(state, replace(making, plans=tuple(rest), failures=failures)))
    # those not tried, since something else is asked for, may be tried later
    return _fail(state, replace(making, plans=()), EngineError("; ".join(failures)))


def _fail(state: State, making: Making, error: Exception) -> Outcome:
    if making.wish:
        return _refuse(state, making.wish, error)
    if isinstance(error, (UpsamplerError, EngineError, FrameError, OSError)):
        hopeless = state.hopeless.union(map(plan_name, making.plans))
        state = replace(state, hopeless=hopeless, failure=str(error))
    else:  # whatever a runtime raises, what serves goes on serving
        state = replace(state, wanted=(), failure=f"{type(error).__name__}: {error}")
    return _end(state, Say(True, state.failure))


def _refuse(state: State, wish: Wish, error: Exception) -> Outcome:
    failure = f"{wish.settings} cannot be served, {state.held} goes on: {error}"
    refused = None if state.asked else wish.settings
    return _end(replace(state, failure=failure, refused=refused), Say(True, failure))


def _let_go(state: State, upsampler: Upsampler) -> Outcome:
    """Closes an upsampler that was to take over and shall not; the previous one where its memory is not kept."""
    if state.keep_previous and state.previous and upsampler is state.previous.upsampler:
        return state, ()
    return mark_freed(state, upsampler, True), (Close(upsampler),)


def _end(state: State, *effects: Effect) -> Outcome:
    """Ends the work, and begins the next."""
    release = (Release(_used(state)),) if state.work.wish else ()
    state, more = next_work(state)
    return state, (*effects, *release, *more)


def _used(state: State) -> frozenset[Path]:
    """Folders of the weights that something runs on, or ran on before."""
    deployments = [state.held, state.serving.deployment]
    if state.previous:
        deployments.append(state.previous.deployment)
    return frozenset(deployment.artifact.folder for deployment in deployments if deployment.artifact)


def _first(effect: Effect, outcome: Outcome) -> Outcome:
    state, effects = outcome
    return state, (effect, *effects)
