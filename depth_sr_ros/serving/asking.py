"""Transitions for what is asked of the engine supply: other settings, or what ran before."""

from __future__ import annotations

from dataclasses import replace

from depth_sr_ros.serving.effects import Refuse, StopBuild
from depth_sr_ros.serving.events import RollBackAsked, SettingsAsked
from depth_sr_ros.serving.making import Outcome, next_work
from depth_sr_ros.serving.state import Building, Over, Preparing, State, Wish


def settle(state: State, event: SettingsAsked) -> Outcome:
    """Begins with them."""
    state = _with_settings(state, event)
    return next_work(state) if state.asked else (state, ())


def note_settings(state: State, event: SettingsAsked) -> Outcome:
    """Leaves them until the work ends, which is given up."""
    return _with_settings(state, event), ()


def stop_to_settle(state: State, event: SettingsAsked) -> Outcome:
    """Stops the build for them."""
    state = _with_settings(state, event)
    return state, (StopBuild(),) if state.asked else ()


def go_back(state: State, event: RollBackAsked) -> Outcome:
    """Begins with it."""
    problem = _problem(state, event)
    return (state, (Refuse(problem),)) if problem else next_work(_with_back(state, event))


def note_back(state: State, event: RollBackAsked) -> Outcome:
    """Leaves it until the work ends, which is given up."""
    problem = _problem(state, event)
    return (state, (Refuse(problem),)) if problem else (_with_back(state, event), ())


def stop_to_go_back(state: State, event: RollBackAsked) -> Outcome:
    """Stops the build for it."""
    problem = _problem(state, event)
    return (state, (Refuse(problem),)) if problem else (_with_back(state, event), (StopBuild(),))


def refuse_back(state: State, event: RollBackAsked) -> Outcome:
    """Says what is about to take over, or that nothing will."""
    return state, (Refuse(roll_back_problem(state)),)


def roll_back_problem(state: State) -> str:
    """Why what ran before cannot be gone back to now; empty where it can."""
    if isinstance(state.work, Over):
        return "expected engines that serve, found that they are closed; configure the node first"
    going_back = state.ready and state.previous and state.ready.upsampler is state.previous.upsampler
    if state.asked or state.work.wish or state.held != state.serving.deployment or going_back:
        return (
            f"expected one change at a time, found that {_coming(state)} is about to take over; wait until it has "
            "(the engine status on /diagnostics tells), or set the parameters back"
        )
    if state.previous is None:
        return (
            f"expected something that ran before, found that {state.serving.served()} has run from the start; "
            "set the parameters instead"
        )
    return ""


def _coming(state: State) -> str:
    if state.asked:
        return str(state.asked.settings)
    if isinstance(state.work, (Preparing, Building)) and state.work.wish:
        return str(state.work.making.deployment)
    return str(state.work.wish.settings if state.work.wish else state.held.settings)


def _problem(state: State, event: RollBackAsked) -> str:
    problem = roll_back_problem(state)
    if not problem and state.previous and state.previous.upsampler is not event.upsampler:
        return "expected one change at a time, found that something else took over; ask again"
    return problem


def _with_settings(state: State, event: SettingsAsked) -> State:
    """The state with settings asked for; with nothing asked for where they are in work already."""
    newest = state.asked or state.work.wish
    reread = event.reread or (newest is not None and newest.reread)  # what is given up may have asked to read it again
    wish = Wish(event.settings, reread)
    in_work = state.work.wish.settings if state.work.wish else state.held.settings
    return replace(state, asked=None if wish == Wish(in_work) else wish, refused=None)


def _with_back(state: State, event: RollBackAsked) -> State:
    return replace(state, asked=Wish(event.deployment.settings, back=event.deployment), refused=None)
