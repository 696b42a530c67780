"""Whatever is asked, whatever becomes of the work, and whenever frames come: what always holds of the engine supply.

Hypothesis draws events and lets a worker like the real one carry the effects out, in their order, with any outcome.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from depth_sr_ros.artifact import WEIGHTS, Artifact, Card
from depth_sr_ros.engines import EngineError, EngineMemoryError, PlanRequest
from depth_sr_ros.serving.deployment import Deployment
from depth_sr_ros.serving.effects import After, Build, Close, Deploy, End, Prepare, Refuse, Release, Say, StopBuild
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.events import (
    Abandoned,
    CleanUpFailed,
    Closed,
    Deployed,
    Failed,
    FrameBegins,
    FrameServed,
    PlanBuilt,
    PlanStopped,
    Prepared,
    RollBackAsked,
    SettingsAsked,
)
from depth_sr_ros.serving.state import (
    Building,
    Deploying,
    Idle,
    Over,
    Preparing,
    Running,
    Settling,
    State,
    plan_name,
)
from depth_sr_ros.serving.transitions import advance
from depth_sr_ros.upsampler import UpsamplerError, UpsamplerInfo

WORK = (Deploy, Prepare, Build)
FILTER = "filter"
MODELS = ("fdkn", "dkn", "dagf", FILTER)
ARTIFACTS = {
    model: Artifact(Path(model), Card(model, 8, {}, size_multiple=4, opset=18, files={WEIGHTS: 64 * str(number)}))
    for number, model in enumerate(MODELS)
    if model != FILTER  # which has no weights
}
PLANS = [
    PlanRequest(SimpleNamespace(name=name), ARTIFACTS["fdkn"], (4, 5), "fp32") for name in ("fast", "slow", "slower")
]

models = st.sampled_from(MODELS)
plans = st.lists(st.sampled_from(PLANS), unique_by=plan_name, max_size=3).map(tuple)
sizes = st.sampled_from([((32, 40), (4, 5)), ((64, 80), (8, 10))])
often = st.sampled_from([True, True, True, False])
errors = st.sampled_from([EngineError("e"), EngineMemoryError("m"), UpsamplerError("u"), OSError("o"), KeyError("k")])


@dataclass(eq=False)
class Engine:
    """Stands for an upsampler; counts how often its engine came into memory and was closed."""

    made: int = 0
    closed: int = 0


class SupplyMachine(RuleBasedStateMachine):
    """The state under test, and a worker: a queue of effects, one job at a time, a build beside it, an alarm."""

    @initialize(
        keep_previous=st.booleans(),
        before=st.lists(models, max_size=3),
        steps=st.integers(10, 150),
        closed=st.booleans(),
    )
    def start(self, keep_previous, before, steps, closed):
        """Starts, changes the model a few times without any trouble, and goes on for so many events."""
        self.engines: list[Engine] = []
        self.lost: set[Engine] = set()
        self.queue: deque = deque()
        self.job = None
        self.building = self.ended = self.gone = False
        self.alarm = None
        self.steps_left, self.is_closed, self.asked_in_a_row = steps, closed, 0
        self.clock = 1.0
        self.failed: set[str] = set()
        first = self.new_engine()
        deployment = Deployment(EngineSettings("fdkn", 8), ARTIFACTS["fdkn"])
        self.state = State(Running(deployment, first, self.info(deployment), self.clock), keep_previous)
        for model in before:
            self.happen(SettingsAsked(EngineSettings(model, 8)))
            self.do_all_there_is_to_do(False, ())
            self.frame(((32, 40), (4, 5)), ())
        self.steps_left = steps

    # what happens

    def happen(self, event):
        self.steps_left -= 1
        before = self.state
        self.state, effects = advance(before, event)
        self.check_step(before, event, effects)
        for effect in effects:
            if isinstance(effect, End):
                self.ended = True
            if not isinstance(effect, (Say, Refuse)):
                self.queue.append(effect)
        return effects

    def check_step(self, before, event, effects):
        after = self.state
        warnings = [effect for effect in effects if isinstance(effect, Say) and effect.warning]
        if after.serving.upsampler is not before.serving.upsampler:
            assert isinstance(event, FrameBegins), "only a new frame changes what serves"
        if not isinstance(event, Closed):
            assert Close(after.serving.upsampler) not in effects, "what serves is never closed"
        if after.previous and after.previous.upsampler is not (before.previous and before.previous.upsampler):
            assert after.swaps == before.swaps + 1
            assert after.previous.upsampler is before.serving.upsampler, "what ran before is what ran before a swap"
        if isinstance(after.work, Over):
            assert not {type(effect) for effect in effects} & {*WORK, After}, "nothing is started after the end"
        if isinstance(event, Failed) and not isinstance(before.work, Over):
            assert after.serving == before.serving and after.ready == before.ready, "a failure changes no engine"
            assert len(warnings) == 1, "a failure is told once"
        if after.refused is not None and before.refused is None:
            assert warnings == [Say(True, after.failure)], "a refusal is told once"
            assert after.refused == before.work.wish.settings and not before.asked
        if before.asked and isinstance(event, Prepared):
            assert after.ready is before.ready, "what is given up never takes over"
        if before.work.wish and after.work.wish != before.work.wish and not isinstance(after.work, Over):
            given_up = before.asked or isinstance(event, SettingsAsked)
            served = after.ready is not before.ready or event == Deployed(after.held)
            assert given_up or served or warnings, "no wish is lost"
        for effect in effects:
            if isinstance(effect, Release) and not isinstance(event, Closed):
                used = [after.held, after.serving.deployment, *([after.previous.deployment] if after.previous else [])]
                assert effect.used == {deployment.artifact.folder for deployment in used if deployment.artifact}
            if isinstance(effect, Build) and not after.work.wish:
                assert plan_name(effect.request) not in self.failed, "what failed is not tried again"

    # what is asked

    @precondition(lambda self: self.asked_in_a_row < 2)
    @rule(model=models, engine=st.sampled_from(["auto", "openvino"]), reread=st.booleans())
    def ask(self, model, engine, reread):
        self.asked_in_a_row += 1
        self.happen(SettingsAsked(EngineSettings(model, 8, engine=engine), reread))
        assert self.ended or self.state.refused is None

    @precondition(lambda self: self.asked_in_a_row < 2)
    @rule(reread=st.booleans())
    def ask_for_what_holds_or_is_in_work(self, reread):
        self.asked_in_a_row += 1
        before = self.state
        self.happen(SettingsAsked((before.work.wish or before.held).settings, reread))
        if not any(wish and wish.reread for wish in (before.work.wish, before.asked)) and not reread:
            assert self.state.asked is None and type(self.state.work) is type(before.work), "it goes on"

    @precondition(lambda self: self.state.previous)
    @rule(late=often.map(lambda usual: not usual), equal=often.map(lambda usual: not usual))
    def roll_back(self, late, equal):
        previous = self.state.previous
        # weights that were written over are named by their copy: that may be what the settings name already
        deployment = self.state.serving.deployment if equal else previous.deployment
        effects = self.happen(RollBackAsked(Engine() if late else previous.upsampler, deployment))
        if late:
            assert any(isinstance(effect, Refuse) for effect in effects)

    # the inference thread

    @rule(ours=sizes, wanted=plans)
    def frame(self, ours, wanted):
        self.clock += 1
        ready = self.state.ready
        self.happen(FrameBegins(self.clock))
        if ready and not self.ended:
            assert self.state.serving.upsampler is ready.upsampler
        self.happen(FrameServed(ours, self.info(self.state.serving.deployment), wanted))

    # the worker

    @precondition(lambda self: self.job is None and self.queue)
    @rule(cleans_up=often)
    def carry_out(self, cleans_up):
        effect = self.queue.popleft()
        self.asked_in_a_row = 0
        match effect:
            case Close(engine):
                self.close_engine(engine)
                if not cleans_up:
                    self.happen(CleanUpFailed(OSError("no space")))
            case StopBuild() | End():
                if self.building:
                    self.building = False
                    self.happen(PlanStopped())
            case After(_, event) if not self.ended:
                self.alarm = event
            case Deploy() | Prepare() | Build() if not self.ended:
                assert not self.building, "one work at a time"
                self.job, self.building = (None, True) if isinstance(effect, Build) else (effect, False)

    @precondition(lambda self: self.job)
    @rule(error=st.none() | st.none() | errors, same=st.booleans(), stands_in=st.booleans(), wanted=plans)
    def end_job(self, error, same, stands_in, wanted):
        job, self.job = self.job, None
        self.asked_in_a_row = 0
        if isinstance(job, Deploy):
            deployment = self.state.held if same else Deployment(job.settings, ARTIFACTS.get(job.settings.model))
            self.happen(Failed(error) if error else Deployed(deployment))
        else:
            self.prepare(job, error, stands_in, wanted)

    def prepare(self, job, error, stands_in, wanted):
        engine = job.upsampler
        if error:
            self.lost.add(engine)
            if engine and engine.made > engine.closed:
                self.close_engine(engine)
            self.happen(Failed(error, engine))
            return
        if engine is None:
            engine = self.new_engine()
        elif engine.made == engine.closed:
            engine.made += 1
        self.lost.discard(engine)
        self.happen(Prepared(engine, self.info(job.deployment, stands_in), wanted))

    @precondition(lambda self: self.building)
    @rule(error=st.none() | errors)
    def end_build(self, error):
        self.building, self.asked_in_a_row = False, 0
        if isinstance(error, (EngineError, OSError)) and isinstance(self.state.work, Building):
            self.failed.add(plan_name(self.state.work.making.plans[0]))
        self.happen(Failed(error) if error else PlanBuilt())

    @precondition(lambda self: self.alarm)
    @rule()
    def ring(self):
        event, self.alarm = self.alarm, None
        self.happen(event)

    @precondition(lambda self: self.job or self.queue or self.alarm or self.building)
    @rule(stands_in=st.booleans(), wanted=plans, error=st.none() | st.none() | errors)
    def do_all_there_is_to_do(self, stands_in, wanted, error=None):
        """For so many steps at most: what stands in for ever wants plans for ever."""
        for _ in range(20):
            if isinstance(self.job, Prepare):
                self.end_job(error, False, stands_in, wanted)
            elif self.job:
                self.end_job(None, False, stands_in, wanted)
            elif self.queue:
                self.carry_out(True)
            elif self.alarm:
                self.ring()
            elif self.building:
                self.end_build(None)

    # the end

    @precondition(lambda self: self.steps_left <= 0 and not self.ended)
    @rule()
    def end(self):
        """As the shell does it: what is left to do at last is done at once, also when the worker is still at work."""
        self.happen(Abandoned())
        if self.is_closed:
            self.close()

    def close(self):
        self.gone = True
        waiting, self.queue = self.queue, deque()
        self.happen(Closed())
        last, self.queue = self.queue, waiting
        for effect in last:
            if isinstance(effect, Close):
                self.close_engine(effect.upsampler)

    def teardown(self):
        if not hasattr(self, "state"):
            return
        if not self.ended:
            self.end()
        if not self.gone:
            self.close()
        while self.queue or self.job:
            if self.job:
                self.end_job(None, False, False, ())
            else:
                self.carry_out(True)
        assert [engine for engine in self.engines if engine.made != engine.closed] == []
        assert isinstance(self.state.work, Over) and not self.building

    # what always holds

    @invariant()
    def what_serves_and_what_is_ready_is_in_memory(self):
        if not self.gone:
            held = [self.state.serving.upsampler, *([self.state.ready.upsampler] if self.state.ready else [])]
            assert all(engine.made == engine.closed + 1 for engine in held)

    @invariant()
    def no_engine_is_lost(self):
        state = self.state
        known = [state.serving.upsampler] + [effect.upsampler for effect in self.queue if isinstance(effect, Close)]
        known += [state.ready.upsampler] if state.ready else []
        known += [state.previous.upsampler] if state.previous and not state.previous.freed else []
        known += [self.job.upsampler] if isinstance(self.job, Prepare) else []
        assert all(any(engine is other for other in known) for engine in self.engines if engine.made > engine.closed)

    @invariant()
    def memory_of_what_ran_before_is_as_noted_and_as_told(self):
        previous, ready = self.state.previous, self.state.ready
        if previous is None or (isinstance(self.job, Prepare) and self.job.upsampler is previous.upsampler):
            return
        closing = self.queue.count(Close(previous.upsampler))
        assert previous.freed == (previous.upsampler.made == previous.upsampler.closed + closing)
        if not self.state.keep_previous and not (ready and ready.upsampler is previous.upsampler):
            assert previous.freed
        # what is prepared anew when everything ends is closed
        if self.state.keep_previous and not self.ended and previous.upsampler not in self.lost:
            assert not previous.freed

    @invariant()
    def one_work_at_a_time_is_what_the_state_says(self):
        if self.ended:
            return
        jobs = [effect for effect in (self.job, *self.queue) if isinstance(effect, WORK)]
        stops = any(isinstance(effect, StopBuild) for effect in self.queue)
        expected = {Deploying: [Deploy], Preparing: [Prepare], Building: [Build]}.get(type(self.state.work), [])
        assert [type(job) for job in jobs] + [Build] * self.building == expected
        if self.state.asked:
            assert isinstance(self.state.work, (Deploying, Preparing)) or stops, "what is asked for does not wait"

    @invariant()
    def at_rest_nothing_waits(self):
        assert not (self.state.asked and isinstance(self.state.work, (Idle, Settling, Over)))
        assert not (self.state.promising and isinstance(self.state.work, Idle))

    @staticmethod
    def info(deployment, stands_in=False):
        if deployment.artifact is None:
            return UpsamplerInfo(FILTER, 0, "opencv", "fp32", "why", "", "CPU", stands_in)
        card = deployment.artifact.card
        return UpsamplerInfo(card.name, 8, "openvino", "fp32", "why", deployment.artifact.weights_id, "CPU", stands_in)

    def new_engine(self):
        self.engines.append(Engine(made=1))
        return self.engines[-1]

    def close_engine(self, engine):
        engine.closed += 1
        assert engine.closed == engine.made, "closed once for every time that it was made"


TestSupplyMachine = SupplyMachine.TestCase
TestSupplyMachine.settings = hypothesis_settings(max_examples=200, stateful_step_count=40, deadline=None)
