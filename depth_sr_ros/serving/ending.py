"""Transitions of the end."""

from __future__ import annotations

from dataclasses import replace

from depth_sr_ros.serving.effects import Close, End, Release
from depth_sr_ros.serving.events import Abandoned, Closed, Failed, Prepared
from depth_sr_ros.serving.making import Outcome
from depth_sr_ros.serving.state import Over, State, mark_freed


def abandon(state: State, event: Abandoned) -> Outcome:
    """Ends the work."""
    return replace(state, work=Over(), asked=None), (End(),)


def close(state: State, event: Closed) -> Outcome:
    """Ends the work, and closes every engine that is in memory."""
    previous, ready = state.previous, state.ready
    upsamplers = [running.upsampler for running in (state.serving, previous) if running and not running.freed]
    if ready and not (previous and previous.upsampler is ready.upsampler):
        upsamplers.append(ready.upsampler)
    state = replace(
        state,
        work=Over(),
        asked=None,
        ready=None,
        serving=replace(state.serving, freed=True),
        previous=replace(previous, freed=True) if previous else None,
    )
    return state, (End(), *map(Close, upsamplers), Release(frozenset()))


def close_late(state: State, event: Prepared) -> Outcome:
    """Closes what was being made when everything ended."""
    return mark_freed(state, event.upsampler, True), (Close(event.upsampler),)


def fail_late(state: State, event: Failed) -> Outcome:
    """Tells nobody: what was being made when everything ended is not wanted any more."""
    return mark_freed(state, event.upsampler, True), ()
