"""Transitions of the inference thread: what is ready takes over between two frames."""

from __future__ import annotations

from dataclasses import replace

from depth_sr_ros.serving.effects import Close, Effect, Say
from depth_sr_ros.serving.events import FrameBegins, FrameServed
from depth_sr_ros.serving.making import Outcome, next_work
from depth_sr_ros.serving.state import Running, State


def take_over(state: State, event: FrameBegins) -> Outcome:
    """Puts what is ready in the place of what serves, which becomes what ran before if it is another deployment."""
    ready, old, previous = state.ready, state.serving, state.previous
    if ready is None:
        return state, ()
    goes_back = previous is not None and previous.upsampler is ready.upsampler
    effects: list[Effect] = []
    if ready.deployment == old.deployment and not goes_back:  # another engine for the same
        effects.append(Close(old.upsampler))
        serving = Running(ready.deployment, ready.upsampler, ready.info, old.since)
    else:
        if previous and not goes_back and not previous.freed:
            effects.append(Close(previous.upsampler))
        if not state.keep_previous:
            effects.append(Close(old.upsampler))
        previous = replace(old, freed=not state.keep_previous)
        serving = Running(ready.deployment, ready.upsampler, ready.info, event.at)
    effects.append(Say(False, f"from this frame on {ready.info.label} runs on {ready.info.reason}"))
    state = replace(state, serving=serving, previous=previous, ready=None, wanted=None, swaps=state.swaps + 1)
    return state, tuple(effects)


def note_frame(state: State, event: FrameServed) -> Outcome:
    """Keeps what the frame tells; plans only if no other engine is about to take over, which makes them needless."""
    wanted = state.wanted if state.ready else event.wanted
    serving = replace(state.serving, info=event.info)
    return replace(state, serving=serving, frames=event.frames, wanted=wanted), ()


def note_and_build(state: State, event: FrameServed) -> Outcome:
    """The same, and begins to build a plan that is wanted."""
    state, _ = note_frame(state, event)
    return next_work(state)
