"""Every cell of the table of transitions: from which state and event to which state, with which effects.

Upsamplers are mere names here: a transition that called one would fail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import get_args

import pytest

from depth_sr_ros.artifact import find_artifact
from depth_sr_ros.engines import EngineError, PlanRequest
from depth_sr_ros.serving.deployment import Deployment
from depth_sr_ros.serving.effects import After, Build, Close, Deploy, End, Prepare, Refuse, Release, Say, StopBuild
from depth_sr_ros.serving.engine_settings import EngineSettings
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
from depth_sr_ros.serving.making import SETTLE_S
from depth_sr_ros.serving.state import (
    Building,
    Deploying,
    Idle,
    Making,
    Over,
    Preparing,
    Ready,
    Running,
    Settling,
    State,
    Wish,
    Work,
    plan_name,
)
from depth_sr_ros.serving.transitions import TABLE, WORKS, advance, ignore
from depth_sr_ros.upsampler import UpsamplerError, UpsamplerInfo

SIZES, OTHER_SIZES = ((32, 40), (4, 5)), ((64, 80), (8, 10))


@dataclass(frozen=True)
class Token:
    """Stands for an upsampler."""

    name: str


def deployment(model: str) -> Deployment:
    return Deployment(EngineSettings(model, 8), find_artifact(model, 8))


def info(of: Deployment, **more) -> UpsamplerInfo:
    card = of.artifact.card
    return UpsamplerInfo(card.name, 8, "openvino", "fp32", "the reason", of.artifact.weights_id, "CPU", **more)


FDKN, DKN, DAGF = deployment("fdkn"), deployment("dkn"), deployment("dagf")
FAST, SLOW = (PlanRequest(SimpleNamespace(name=name), FDKN.artifact, (4, 5), "fp32") for name in ("fast", "slow"))
PLANS = (FAST, SLOW)

OLD, NOW, NEW = Token("old"), Token("now"), Token("new")
SERVING, PREVIOUS = Running(FDKN, NOW, info(FDKN), 2.0), Running(DAGF, OLD, info(DAGF), 1.0)
REST = State(SERVING, frames=SIZES, wanted=())
"""FDKN serves, and nothing is to be done."""
SECOND = replace(REST, previous=PREVIOUS)
"""The same after DAGF served."""

WISH, BACK = Wish(DKN.settings), Wish(DAGF.settings, back=DAGF)
MAKING = Making(WISH, DKN, SIZES)
ON_PLAN = Making(WISH, DKN, SIZES, PLANS)
BETTER = Making(None, FDKN, SIZES, PLANS)
READY = Ready(DKN, NEW, info(DKN))

SETTLING, DEPLOYING = replace(REST, work=Settling(WISH)), replace(REST, work=Deploying(WISH))
PREPARING, BUILDING = replace(REST, work=Preparing(MAKING)), replace(REST, work=Building(ON_PLAN))
IMPROVING = replace(REST, work=Building(BETTER), wanted=PLANS)
"""A better engine's plan is built, with nobody asking."""
LOADING = replace(REST, work=Preparing(BETTER), wanted=PLANS)
"""The plan is built, and the engine loaded."""
GOING_BACK = replace(SECOND, work=Preparing(Making(BACK, DAGF, SIZES)))
OVER = replace(REST, work=Over())
DURING = {type(state.work): state for state in (REST, SETTLING, DEPLOYING, PREPARING, BUILDING, OVER)}

DAGF_SETTLES = After(SETTLE_S, SettlingOver(Wish(DAGF.settings)))
BUILDING_FAST, BUILDING_SLOW = (Say(False, f"building {plan} beside the running engine") for plan in PLANS)
GOES_ON = f"{DKN.settings} cannot be served, {FDKN} goes on: "
ONE_AT_A_TIME = (
    "expected one change at a time, found that {} is about to take over; wait until it has "
    "(the engine status on /diagnostics tells), or set the parameters back"
)
CLOSED = "expected engines that serve, found that they are closed; configure the node first"


def release(*of: Deployment) -> Release:
    return Release(frozenset(deployment.artifact.folder for deployment in of))


def taken_over(of: Deployment) -> Say:
    weights_id = of.artifact.weights_id
    return Say(False, f"from this frame on {of.artifact.card.name} (weights {weights_id}) runs on the reason")


def case(name: str, state: State, event, *effects, **changes):
    """What is expected: the state with some changes, and these effects."""
    return pytest.param(state, event, replace(state, **changes), effects, id=name.replace(" ", "_"))


SETTINGS = [
    case(
        "settings settle", REST, SettingsAsked(DKN.settings),
        After(SETTLE_S, SettlingOver(WISH)), work=Settling(WISH),
    ),
    case("settings that hold are nothing to do", replace(REST, refused=DKN.settings), SettingsAsked(FDKN.settings),
         refused=None),
    case(
        "settings that hold can be read again", REST, SettingsAsked(FDKN.settings, reread=True),
        After(SETTLE_S, SettlingOver(Wish(FDKN.settings, True))), work=Settling(Wish(FDKN.settings, True)),
    ),
    case(
        "settings that hold are those of what is ready", replace(REST, ready=READY), SettingsAsked(DKN.settings),
    ),
    case("more settings settle anew", SETTLING, SettingsAsked(DAGF.settings), DAGF_SETTLES,
         work=Settling(Wish(DAGF.settings))),
    case("the same settings go on settling", SETTLING, SettingsAsked(DKN.settings)),
    case("settings that are set back in time are nothing to do", SETTLING, SettingsAsked(FDKN.settings), work=Idle()),
    case(
        "settings that are set back in time let a build go on", replace(SETTLING, wanted=PLANS),
        SettingsAsked(FDKN.settings), BUILDING_FAST, Build(FAST), work=Building(BETTER),
    ),
    case(
        "what is given up may have asked to read again", replace(REST, work=Settling(Wish(DKN.settings, True))),
        SettingsAsked(DAGF.settings),
        After(SETTLE_S, SettlingOver(Wish(DAGF.settings, True))), work=Settling(Wish(DAGF.settings, True)),
    ),
    case("settings wait for weights that are read", DEPLOYING, SettingsAsked(DAGF.settings),
         asked=Wish(DAGF.settings)),
    case("settings wait for an upsampler that is prepared", PREPARING, SettingsAsked(DAGF.settings),
         asked=Wish(DAGF.settings)),
    case("settings that hold give up what is prepared", PREPARING, SettingsAsked(FDKN.settings),
         asked=Wish(FDKN.settings)),
    case("settings in work are asked for again", replace(PREPARING, asked=Wish(DAGF.settings)),
         SettingsAsked(DKN.settings), asked=None),
    case("settings in work are to be read again", PREPARING, SettingsAsked(DKN.settings, True),
         asked=Wish(DKN.settings, True)),
    case("settings stop a build", BUILDING, SettingsAsked(DAGF.settings), StopBuild(), asked=Wish(DAGF.settings)),
    case("settings stop a build that nobody asked for", IMPROVING, SettingsAsked(DKN.settings), StopBuild(),
         asked=WISH),
    case("settings in work do not stop their build", BUILDING, SettingsAsked(DKN.settings)),
    case("settings that hold do not stop a build for them", IMPROVING, SettingsAsked(FDKN.settings)),
]  # fmt: skip

ASK_BACK = RollBackAsked(OLD, DAGF)
ROLL_BACK = [
    case(
        "what ran before is prepared", replace(SECOND, refused=DKN.settings), ASK_BACK,
        Prepare(DAGF, SIZES, OLD), work=GOING_BACK.work, refused=None,
    ),
    case(
        "nothing ran before", REST, ASK_BACK,
        Refuse(
            f"expected something that ran before, found that {SERVING.served()} has run from the start; "
            "set the parameters instead"
        ),
    ),
    case("something else ran before", SECOND, RollBackAsked(NEW, DKN),
         Refuse("expected one change at a time, found that something else took over; ask again")),
    case("going back is refused while something is ready", replace(SECOND, ready=READY), ASK_BACK,
         Refuse(ONE_AT_A_TIME.format(DKN.settings))),
    case("going back is refused while it is ready", replace(SECOND, ready=Ready(FDKN, OLD, info(FDKN))), ASK_BACK,
         Refuse(ONE_AT_A_TIME.format(FDKN.settings))),
    case("going back is possible before a better engine takes over",
         replace(SECOND, ready=Ready(FDKN, NEW, info(FDKN))), ASK_BACK, Prepare(DAGF, SIZES, OLD),
         work=GOING_BACK.work),
    case("going back is refused while settings settle", replace(SETTLING, previous=PREVIOUS), ASK_BACK,
         Refuse(ONE_AT_A_TIME.format(DKN.settings))),
    case("going back is refused while weights are read", replace(DEPLOYING, previous=PREVIOUS), ASK_BACK,
         Refuse(ONE_AT_A_TIME.format(DKN.settings))),
    case("going back is refused while settings are prepared", replace(PREPARING, previous=PREVIOUS), ASK_BACK,
         Refuse(ONE_AT_A_TIME.format(DKN))),
    case("going back is refused while other settings wait", replace(LOADING, previous=PREVIOUS, asked=WISH), ASK_BACK,
         Refuse(ONE_AT_A_TIME.format(DKN.settings))),
    case("going back waits for a better engine that is prepared", replace(LOADING, previous=PREVIOUS), ASK_BACK,
         asked=BACK),
    case("going back is refused while a plan is built for settings", replace(BUILDING, previous=PREVIOUS), ASK_BACK,
         Refuse(ONE_AT_A_TIME.format(DKN))),
    case("going back stops a build that nobody asked for", replace(IMPROVING, previous=PREVIOUS), ASK_BACK,
         StopBuild(), asked=BACK),
    case("going back is refused in the end", replace(OVER, previous=PREVIOUS), ASK_BACK, Refuse(CLOSED)),
]  # fmt: skip

WEIGHTS = [
    case("weights are read", SETTLING, SettlingOver(WISH), Deploy(DKN.settings, FDKN), work=Deploying(WISH)),
    case(
        "weights are read from their folder again", replace(REST, work=Settling(replace(WISH, reread=True))),
        SettlingOver(replace(WISH, reread=True)), Deploy(DKN.settings, None),
        work=Deploying(replace(WISH, reread=True)),
    ),
    case("the time of other settings is over", SETTLING, SettlingOver(Wish(DAGF.settings))),
    case("an upsampler is prepared", DEPLOYING, Deployed(DKN), Prepare(DKN, SIZES), work=PREPARING.work),
    case(
        "no sizes are known before the first frame", replace(DEPLOYING, frames=None), Deployed(DKN),
        Prepare(DKN, None), work=Preparing(replace(MAKING, frames=None)),
    ),
    case("what holds needs no preparation", DEPLOYING, Deployed(FDKN), release(FDKN), work=Idle()),
    case(
        "weights are given up", replace(DEPLOYING, asked=Wish(DAGF.settings)), Deployed(DKN),
        release(FDKN), DAGF_SETTLES, asked=None, work=Settling(Wish(DAGF.settings)),
    ),
    case(
        "weights cannot be had", DEPLOYING, Failed(UpsamplerError("no weights")),
        Say(True, GOES_ON + "no weights"), release(FDKN),
        work=Idle(), failure=GOES_ON + "no weights", refused=DKN.settings,
    ),
    case(
        "weights cannot be had, and others are asked for", replace(DEPLOYING, asked=Wish(DAGF.settings)),
        Failed(UpsamplerError("no weights")), Say(True, GOES_ON + "no weights"), release(FDKN), DAGF_SETTLES,
        asked=None, work=Settling(Wish(DAGF.settings)), failure=GOES_ON + "no weights",
    ),
]  # fmt: skip

STANDS_IN = info(DKN, stands_in=True)
PREPARED = [
    case("an upsampler is ready", replace(PREPARING, failure="before"), Prepared(NEW, info(DKN)),
         release(DKN, FDKN), work=Idle(), ready=READY, failure=""),
    case("it takes the place of one that was", replace(PREPARING, ready=Ready(DAGF, OLD, info(DAGF))),
         Prepared(NEW, info(DKN)), Close(OLD), release(DKN, FDKN), work=Idle(), ready=READY),
    case(
        "a plan is built for what a stand-in serves", PREPARING, Prepared(NEW, STANDS_IN, PLANS),
        Close(NEW), BUILDING_FAST, Build(FAST), work=BUILDING.work,
    ),
    case(
        "a stand-in takes over before the first frame",
        replace(PREPARING, work=Preparing(replace(MAKING, frames=None))), Prepared(NEW, STANDS_IN),
        release(DKN, FDKN), work=Idle(), ready=Ready(DKN, NEW, STANDS_IN),
    ),
    case(
        "a stand-in without a plan is refused", PREPARING, Prepared(NEW, STANDS_IN),
        Close(NEW), Say(True, GOES_ON + "no plan is wanted"), release(FDKN),
        work=Idle(), failure=GOES_ON + "no plan is wanted", refused=DKN.settings,
    ),
    case(
        "an upsampler is given up", replace(PREPARING, asked=Wish(DAGF.settings)), Prepared(NEW, info(DKN)),
        Close(NEW), release(FDKN), DAGF_SETTLES, asked=None, work=Settling(Wish(DAGF.settings)),
    ),
    case("an upsampler is given up for what holds", replace(PREPARING, asked=Wish(FDKN.settings)),
         Prepared(NEW, info(DKN)), Close(NEW), release(FDKN), asked=None, work=Idle()),
    case("a better engine is ready", LOADING, Prepared(NEW, info(FDKN), (SLOW,)), work=Idle(), wanted=(),
         ready=Ready(FDKN, NEW, info(FDKN))),
    case(
        "a plan that cannot be loaded is followed by the next", LOADING, Prepared(NEW, info(FDKN), PLANS),
        Close(NEW),
        Say(True, f"{FAST}: built, but cannot be loaded here: the reason; trying the next engine"),
        BUILDING_SLOW, Build(SLOW),
        work=Building(Making(None, FDKN, SIZES, (SLOW,), (f"{FAST}: built, but cannot be loaded here: the reason",))),
        hopeless=frozenset({plan_name(FAST)}),
    ),
    case("what ran before is ready", GOING_BACK, Prepared(OLD, info(DAGF)), release(DAGF, FDKN), work=Idle(),
         ready=Ready(DAGF, OLD, info(DAGF))),
    case(
        "what ran before takes over as a stand-in, too", GOING_BACK, Prepared(OLD, info(DAGF, stands_in=True), PLANS),
        release(DAGF, FDKN), work=Idle(), ready=Ready(DAGF, OLD, info(DAGF, stands_in=True)),
    ),
    case(
        "what ran before is in memory again",
        replace(GOING_BACK, keep_previous=False, previous=replace(PREVIOUS, freed=True)), Prepared(OLD, info(DAGF)),
        release(DAGF, FDKN), work=Idle(), ready=Ready(DAGF, OLD, info(DAGF)), previous=PREVIOUS,
    ),
    case("what ran before stays in memory when it is given up", replace(GOING_BACK, asked=Wish(FDKN.settings)),
         Prepared(OLD, info(DAGF)), release(DAGF, FDKN), asked=None, work=Idle()),
    case(
        "what ran before is freed again when it is given up",
        replace(GOING_BACK, asked=Wish(FDKN.settings), keep_previous=False), Prepared(OLD, info(DAGF)),
        Close(OLD), release(DAGF, FDKN), asked=None, work=Idle(), previous=replace(PREVIOUS, freed=True),
    ),
    *(
        case(f"a stray upsampler is closed, {work.__name__}", DURING[work], Prepared(NEW, info(DKN)), Close(NEW))
        for work in (Idle, Settling, Deploying, Building, Over)
    ),
    case("what ran before is closed in the end", replace(OVER, previous=PREVIOUS), Prepared(OLD, info(DAGF)),
         Close(OLD), previous=replace(PREVIOUS, freed=True)),
]  # fmt: skip

FAILED = [
    case(
        "settings fail", PREPARING, Failed(RuntimeError("broken")),
        Say(True, GOES_ON + "broken"), release(FDKN),
        work=Idle(), failure=GOES_ON + "broken", refused=DKN.settings,
    ),
    case(
        "settings that are given up fail", replace(PREPARING, asked=Wish(FDKN.settings)),
        Failed(RuntimeError("broken")), Say(True, GOES_ON + "broken"), release(FDKN),
        asked=None, work=Idle(), failure=GOES_ON + "broken",
    ),
    case(
        "what ran before fails", GOING_BACK, Failed(EngineError("no memory"), OLD),
        Say(True, f"{DAGF.settings} cannot be served, {FDKN} goes on: no memory"), release(DAGF, FDKN),
        work=Idle(), failure=f"{DAGF.settings} cannot be served, {FDKN} goes on: no memory", refused=DAGF.settings,
        previous=replace(PREVIOUS, freed=True),
    ),
    case(
        "a plan fails and the next one is built", IMPROVING, Failed(EngineError("broken")),
        Say(True, f"{FAST}: broken; trying the next engine"), BUILDING_SLOW, Build(SLOW),
        work=Building(Making(None, FDKN, SIZES, (SLOW,), (f"{FAST}: broken",))),
        hopeless=frozenset({plan_name(FAST)}),
    ),
    case(
        "the last plan fails", replace(IMPROVING, work=Building(replace(BETTER, plans=(SLOW,), failures=("before",)))),
        Failed(OSError("no process")), Say(True, f"before; {SLOW}: no process"), BUILDING_FAST, Build(FAST),
        work=Building(replace(BETTER, plans=(FAST,))),
        failure=f"before; {SLOW}: no process", hopeless=frozenset({plan_name(SLOW)}),
    ),
    case(
        "the last plan for settings fails", replace(REST, work=Building(replace(ON_PLAN, plans=(SLOW,)))),
        Failed(EngineError("broken")), Say(True, f"{GOES_ON}{SLOW}: broken"), release(FDKN),
        work=Idle(), failure=f"{GOES_ON}{SLOW}: broken", refused=DKN.settings, hopeless=frozenset({plan_name(SLOW)}),
    ),
    case(
        "a plan that is given up fails", replace(IMPROVING, asked=WISH), Failed(EngineError("broken")),
        Say(True, f"{FAST}: broken"), After(SETTLE_S, SettlingOver(WISH)), asked=None, work=Settling(WISH),
        failure=f"{FAST}: broken", hopeless=frozenset({plan_name(FAST)}),
    ),
    case(
        "no plan helps where nothing can be served", LOADING, Failed(UpsamplerError("no engine")),
        Say(True, "no engine"), work=Idle(), failure="no engine", hopeless=frozenset(map(plan_name, PLANS)),
    ),
    case(
        "an engine raises what no engine should", LOADING, Failed(KeyError("x")),
        Say(True, "KeyError: 'x'"), work=Idle(), failure="KeyError: 'x'", wanted=(),
    ),
    case("what fails in the end is told nobody", replace(OVER, previous=PREVIOUS), Failed(EngineError("x"), OLD),
         previous=replace(PREVIOUS, freed=True)),
    *(
        case(f"a clean-up fails, {work.__name__}", DURING[work], CleanUpFailed(OSError("no space")),
             Say(True, "OSError: no space"), failure="OSError: no space")
        for work in WORKS
    ),
]  # fmt: skip

BUILDS = [
    case("an upsampler is prepared on its plan", BUILDING, PlanBuilt(), Prepare(DKN, SIZES), work=Preparing(ON_PLAN)),
    case("a plan comes too late", replace(IMPROVING, asked=WISH), PlanBuilt(), After(SETTLE_S, SettlingOver(WISH)),
         asked=None, work=Settling(WISH)),
    case("a build has stopped", replace(BUILDING, asked=Wish(DAGF.settings)), PlanStopped(),
         release(FDKN), DAGF_SETTLES, asked=None, work=Settling(Wish(DAGF.settings))),
    case("a build has stopped for what ran before", replace(IMPROVING, previous=PREVIOUS, asked=BACK), PlanStopped(),
         Prepare(DAGF, SIZES, OLD), asked=None, work=GOING_BACK.work),
    case("a build that has stopped is asked for again", BUILDING, PlanStopped(), BUILDING_FAST, Build(FAST)),
]  # fmt: skip

HERE = FrameBegins(9.0)
THERE = Running(DKN, NEW, info(DKN), 9.0)
FRAMES = [
    *(
        case(f"another deployment takes over, {work.__name__}", replace(DURING[work], ready=READY, wanted=()), HERE,
             taken_over(DKN), serving=THERE, previous=SERVING, ready=None, wanted=None, swaps=1)
        for work in (Idle, Settling, Deploying, Preparing, Building)
    ),
    case("nothing is ready", REST, HERE),
    case("what ran before the last is closed", replace(SECOND, ready=READY), HERE,
         Close(OLD), taken_over(DKN), serving=THERE, previous=SERVING, ready=None, wanted=None, swaps=1),
    case(
        "what ran before is freed where its memory is not kept", replace(REST, ready=READY, keep_previous=False), HERE,
        Close(NOW), taken_over(DKN),
        serving=THERE, previous=replace(SERVING, freed=True), ready=None, wanted=None, swaps=1,
    ),
    case(
        "what is freed is not closed again",
        replace(SECOND, previous=replace(PREVIOUS, freed=True), ready=READY, keep_previous=False), HERE,
        Close(NOW), taken_over(DKN),
        serving=THERE, previous=replace(SERVING, freed=True), ready=None, wanted=None, swaps=1,
    ),
    case(
        "a better engine is nothing to go back from", replace(SECOND, ready=Ready(FDKN, NEW, info(FDKN))), HERE,
        Close(NOW), taken_over(FDKN), serving=Running(FDKN, NEW, info(FDKN), 2.0), ready=None, wanted=None, swaps=1,
    ),
    case(
        "what ran before and what runs change places", replace(SECOND, ready=Ready(DAGF, OLD, info(DAGF))), HERE,
        taken_over(DAGF),
        serving=Running(DAGF, OLD, info(DAGF), 9.0), previous=SERVING, ready=None, wanted=None, swaps=1,
    ),
    case(
        "they change places also where both are the same deployment",
        replace(SECOND, ready=Ready(FDKN, OLD, info(FDKN))), HERE, taken_over(FDKN),
        serving=Running(FDKN, OLD, info(FDKN), 9.0), previous=SERVING, ready=None, wanted=None, swaps=1,
    ),
    case(
        "a plan is built that a better engine lacks", REST, FrameServed(OTHER_SIZES, STANDS_IN, PLANS),
        BUILDING_FAST, Build(FAST), serving=replace(SERVING, info=STANDS_IN), frames=OTHER_SIZES, wanted=PLANS,
        work=Building(replace(BETTER, frames=OTHER_SIZES)),
    ),
    case(
        "plans that failed are not built", replace(REST, hopeless=frozenset({plan_name(FAST)})),
        FrameServed(SIZES, info(FDKN), PLANS), BUILDING_SLOW, Build(SLOW),
        wanted=PLANS, work=Building(replace(BETTER, plans=(SLOW,))),
    ),
    case("the last frame of an engine wants no plan", replace(REST, ready=READY),
         FrameServed(OTHER_SIZES, info(FDKN), PLANS), frames=OTHER_SIZES),
    *(
        case(f"plans wait for the work, {work.__name__}", DURING[work], FrameServed(OTHER_SIZES, info(FDKN), PLANS),
             frames=OTHER_SIZES, wanted=PLANS)
        for work in (Settling, Deploying, Preparing, Building)
    ),
]  # fmt: skip

EVERYTHING = replace(SECOND, ready=READY, asked=WISH)
END = [
    *(
        case(f"abandoned, {work.__name__}", replace(DURING[work], asked=WISH), Abandoned(), End(),
             work=Over(), asked=None)
        for work in (Idle, Settling, Deploying, Preparing, Building)
    ),
    *(
        case(
            f"closed, {work.__name__}", replace(EVERYTHING, work=DURING[work].work), Closed(),
            End(), Close(NOW), Close(OLD), Close(NEW), release(), work=Over(), asked=None, ready=None,
            serving=replace(SERVING, freed=True), previous=replace(PREVIOUS, freed=True),
        )
        for work in WORKS
    ),
    case(
        "what is ready and what ran before are closed once", replace(SECOND, ready=Ready(DAGF, OLD, info(DAGF))),
        Closed(), End(), Close(NOW), Close(OLD), release(), work=Over(), ready=None,
        serving=replace(SERVING, freed=True), previous=replace(PREVIOUS, freed=True),
    ),
    case(
        "what was freed is not closed",
        replace(OVER, serving=replace(SERVING, freed=True), previous=replace(PREVIOUS, freed=True)), Closed(),
        End(), release(),
    ),
]  # fmt: skip

CASES = [*SETTINGS, *ROLL_BACK, *WEIGHTS, *PREPARED, *FAILED, *BUILDS, *FRAMES, *END]


@pytest.mark.parametrize(("state", "event", "expected", "effects"), CASES)
def test_transition(state, event, expected, effects):
    assert advance(state, event) == (expected, effects)


SAMPLES = {type(case.values[1]): case.values[1] for case in CASES}
CELLS = {(event, work): cell for event, row in TABLE.items() for work, cell in zip(WORKS, row, strict=True)}
IGNORED = [place for place, cell in CELLS.items() if cell is ignore]


@pytest.mark.parametrize(
    ("event", "work"), IGNORED, ids=[f"{event.__name__}-{work.__name__}" for event, work in IGNORED]
)
def test_what_does_not_fit_changes_nothing(event, work):
    assert advance(DURING[work], SAMPLES[event]) == (DURING[work], ())


def test_every_cell_of_the_table_is_tested():
    tested = {(type(case.values[1]), type(case.values[0].work)) for case in CASES}
    assert tested.isdisjoint(IGNORED)
    assert tested.union(IGNORED) == CELLS.keys()


def test_every_event_and_every_work_has_its_place_in_the_table():
    assert set(TABLE) == set(get_args(Event)) and set(WORKS) == set(get_args(Work))
