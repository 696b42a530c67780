"""What each event does in each state of the work, in one table.

The way of settings leads from left to right: they settle, their weights are read, an upsampler is prepared. Where that
one only stands in for an engine that lacks its plan, the plan is built, and an upsampler is prepared on it. Work that
nobody asked for begins with a build: of a plan that a better engine than the serving one lacks.

When work ends, what was asked for meanwhile begins; see `making.next_work`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from depth_sr_ros.serving.asking import (
    go_back,
    note_back,
    note_settings,
    refuse_back,
    settle,
    stop_to_go_back,
    stop_to_settle,
)
from depth_sr_ros.serving.effects import Close
from depth_sr_ros.serving.ending import abandon, close, close_late, fail_late
from depth_sr_ros.serving.events import (
    Abandoned,
    CleanUpFailed,
    Closed,
    Deployed,
    Event,
    Failed,
    FrameBegins,
    FrameServed,
    PlanBuilt,
    PlanStopped,
    Prepared,
    RollBackAsked,
    SettingsAsked,
    SettlingOver,
)
from depth_sr_ros.serving.frames import note_and_build, note_frame, take_over
from depth_sr_ros.serving.making import (
    Outcome,
    build_again,
    deploy,
    give_up,
    note_failure,
    prepare,
    prepare_on_plan,
    refuse_settings,
    take,
)
from depth_sr_ros.serving.state import Building, Deploying, Idle, Over, Preparing, Settling, State, Work

Transition = Callable[[State, Any], Outcome]


def ignore(state: State, event: Event) -> Outcome:
    """Changes nothing: the event does not fit, or comes too late."""
    return state, ()


def close_stray(state: State, event: Prepared) -> Outcome:
    """Closes an upsampler that nothing waits for: what is made is never lost."""
    return state, (Close(event.upsampler),)


WORKS: tuple[type[Work], ...] = (Idle, Settling, Deploying, Preparing, Building, Over)
"""The columns of the table."""

TABLE: Mapping[type[Event], tuple[Transition, ...]] = {
    #               Idle            Settling      Deploying        Preparing      Building         Over
    SettingsAsked: (settle,         settle,       note_settings,   note_settings, stop_to_settle,  ignore),
    RollBackAsked: (go_back,        refuse_back,  refuse_back,     note_back,     stop_to_go_back, refuse_back),
    SettlingOver:  (ignore,         deploy,       ignore,          ignore,        ignore,          ignore),
    Deployed:      (ignore,         ignore,       prepare,         ignore,        ignore,          ignore),
    Prepared:      (close_stray,    close_stray,  close_stray,     take,          close_stray,     close_late),
    PlanBuilt:     (ignore,         ignore,       ignore,          ignore,        prepare_on_plan, ignore),
    PlanStopped:   (ignore,         ignore,       ignore,          ignore,        build_again,     ignore),
    Failed:        (ignore,         ignore,       refuse_settings, give_up,       give_up,         fail_late),
    CleanUpFailed: (note_failure,   note_failure, note_failure,    note_failure,  note_failure,    note_failure),
    FrameBegins:   (take_over,      take_over,    take_over,       take_over,     take_over,       ignore),
    FrameServed:   (note_and_build, note_frame,   note_frame,      note_frame,    note_frame,      ignore),
    Abandoned:     (abandon,        abandon,      abandon,         abandon,       abandon,         ignore),
    Closed:        (close,          close,        close,           close,         close,           close),
}  # fmt: skip
"""Rows are events, columns the work during which they come; each cell is a function of the same signature."""


def advance(state: State, event: Event) -> Outcome:
    """The state after an event, and what has to be done about it."""
    return TABLE[type(event)][WORKS.index(type(state.work))](state, event)
