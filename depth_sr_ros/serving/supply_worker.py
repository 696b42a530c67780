"""Carries the engine supply's effects out, one by one, on a thread of its own, and reports what became of them.

It never waits for a plan that is built, so that a build can be stopped at any time. An upsampler that is being prepared
cannot be interrupted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from depth_sr_ros.engines import BuildState
from depth_sr_ros.serving.effects import After, Build, Close, Deploy, Effect, End, Prepare, Release, StopBuild
from depth_sr_ros.serving.events import (
    CleanUpFailed,
    Deployed,
    Event,
    Failed,
    PlanBuilt,
    PlanStopped,
    Prepared,
)
from depth_sr_ros.serving.source import EngineSource, PlanBuild

_POLL_S = 0.2
"""How often a build is looked at."""


class SupplyWorker:
    """See the module.

    Args:
        source: of deployments, upsamplers and plans.
        report: takes what happened.
    """

    def __init__(self, source: EngineSource, report: Callable[[Event], object]) -> None:
        self._source = source
        self._report = report
        self._effects: SimpleQueue[Effect] = SimpleQueue()
        self._ending = threading.Event()
        self._alarm: tuple[float, Event] | None = None
        self._build: PlanBuild | None = None
        self._thread = threading.Thread(target=self._run, name="engine_supply", daemon=True)

    @property
    def build(self) -> BuildState | None:
        """How far the plan is that is being built; None where none is."""
        build = self._build
        return build.state if build else None

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Waits for the thread's end, which `End` brings about."""
        self._thread.join(timeout)

    def hand(self, effect: Effect) -> None:
        """Takes an effect to be carried out after those that were handed over before; returns at once."""
        if isinstance(effect, End):
            self._ending.set()  # ahead of all that waits
        self._effects.put(effect)

    def carry_out(self, effect: Effect) -> None:
        """Carries an effect out on the calling thread."""
        match effect:
            case Close(upsampler):
                self._clean_up(upsampler.close)
            case Release(used):
                self._clean_up(lambda: self._source.release_all_but(used))
            case StopBuild() | End():
                self._stop_build()
            case _ if self._ending.is_set():  # nothing is started any more
                return
            case After(seconds, event):
                self._alarm = time.monotonic() + seconds, event
            case Deploy():
                self._deploy(effect)
            case Prepare():
                self._prepare(effect)
            case Build():
                self._start_build(effect)

    def _run(self) -> None:
        while not (self._ending.is_set() and self._effects.empty()):
            try:
                effect = self._effects.get(timeout=self._patience())
            except Empty:
                self._look_at_the_clock()
            else:
                self.carry_out(effect)
            self._look_at_the_build()

    def _patience(self) -> float | None:
        """Seconds until something is to be looked at; None where an effect comes first."""
        until_alarm = [max(0.0, self._alarm[0] - time.monotonic())] if self._alarm else []
        return min([*until_alarm, *([_POLL_S] if self._build else [])], default=None)

    def _look_at_the_clock(self) -> None:
        if self._alarm and time.monotonic() >= self._alarm[0]:
            (_, event), self._alarm = self._alarm, None
            self._report(event)

    def _look_at_the_build(self) -> None:
        if self._build is None:
            return
        event: Event = PlanBuilt()
        try:
            if not self._build.wait(0):
                return
        except Exception as error:
            event = Failed(error)
        self._end_build()
        self._report(event)

    def _start_build(self, effect: Build) -> None:
        try:
            self._build = self._source.build(effect.request)
        except Exception as error:
            self._report(Failed(error))

    def _stop_build(self) -> None:
        if self._build:
            self._end_build()
            self._report(PlanStopped())

    def _end_build(self) -> None:
        build, self._build = self._build, None
        assert build is not None
        self._clean_up(build.stop)

    def _deploy(self, effect: Deploy) -> None:
        event: Event
        try:
            event = Deployed(self._source.deploy(effect.settings, effect.held))
        except Exception as error:
            event = Failed(error)
        self._report(event)

    def _prepare(self, effect: Prepare) -> None:
        event: Event
        upsampler = effect.upsampler
        try:
            if upsampler is None:
                upsampler = self._source.upsampler(effect.deployment)
            if effect.frames:
                upsampler.prepare(*effect.frames)
            event = Prepared(upsampler, upsampler.describe(), upsampler.wanted_plans())
        except Exception as error:  # a runtime may raise anything
            event = Failed(error, effect.upsampler)
            if upsampler:
                self._clean_up(upsampler.close)
        self._report(event)

    def _clean_up(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # a runtime may raise anything
            self._report(CleanUpFailed(error))
