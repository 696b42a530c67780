"""Gives the inference thread the best engine there is, and prepares better or other ones beside it.

One thread works here. It waits for two things: settings that change, and frames of a size for which a preferred engine
has no plan yet. For either it makes a whole `Upsampler`, checked and warm for the frames that come, and leaves it in a
slot with room for one; the inference thread takes it from there between two frames. Plans are built in a process of
their own. Until the slot is taken, and whenever anything fails, what serves goes on serving.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from depth_sr_ros.engine_settings import EngineSettings
from depth_sr_ros.engines import BuildState, EngineError, PlanCache, PlanProcess, PlanRequest
from depth_sr_ros.rgbd.errors import FrameError
from depth_sr_ros.upsampler import Size, Upsampler, UpsamplerError, UpsamplerInfo

SETTLE_S = 0.3
"""Settings that belong together may come one after the other: so long after the last one they count as complete."""

_POLL_S = 0.2
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class SupplyState:
    """What is going on beside the serving engine.

    Attributes:
        settings: those that hold: of what serves, or will serve from the next frame on.
        doing: what is prepared or built; empty when nothing is.
        build: how far a plan is; None while none is built.
        swaps: how often another engine has taken over.
        failure: why the newest preparation failed; empty after a success.
        refused: settings that could not be served, to be put back; None when there are none.
    """

    settings: EngineSettings
    doing: str
    build: BuildState | None
    swaps: int
    failure: str
    refused: EngineSettings | None


class _Superseded(Exception):
    """What is being prepared is not wanted any more."""


class EngineSupply:
    """See the module.

    Args:
        settings: of the first engine.
        told: takes (is_warning, sentence) for the log; called from several threads.

    Raises:
        UpsamplerError: nothing can serve with these settings.
    """

    def __init__(self, settings: EngineSettings, told: Callable[[bool, str], None] | None = None) -> None:
        self._told = told or (lambda warning, sentence: None)
        self._serving = settings.upsampler()
        self._changed = threading.Condition()
        self._settings = settings
        self._target = settings
        self._asked: EngineSettings | None = None
        self._news: tuple[Upsampler, Size, Size] | None = None
        self._sizes: tuple[Size, Size] | None = None
        self._wanted: tuple[PlanRequest, ...] = ()
        self._hopeless: set[str] = set()
        self._ready: Upsampler | None = None
        self._process: PlanProcess | None = None
        self._doing = self._failure = ""
        self._refused: EngineSettings | None = None
        self._swaps = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="engine_supply", daemon=True)
        self._thread.start()

    def current(self) -> Upsampler:
        """The upsampler for the next frame. Only for the inference thread, between two frames."""
        if self._ready is not None:
            with self._changed:
                taken, self._ready = self._ready, None
            if taken is not None:
                old, self._serving = self._serving, taken
                self._swaps += 1
                old.close()
                info = taken.describe()
                self._told(False, f"from this frame on {info.model} runs on {info.reason}")
        return self._serving

    def served(self, colour: Size, depth: Size) -> None:
        """A frame of these sizes was served. Only for the inference thread, after each frame."""
        news = (self._serving, colour, depth)
        if news != self._news:
            self._news = news
            with self._changed:
                self._sizes, self._wanted = (colour, depth), self._serving.wanted_plans()
                self._changed.notify_all()

    def change(self, settings: EngineSettings) -> None:
        """Asks for other settings; returns at once. What was asked for before and is not ready yet is given up."""
        with self._changed:
            self._asked = None if settings == self._target else settings
            self._refused = None
            self._changed.notify_all()

    def describe(self) -> UpsamplerInfo:
        """What serves."""
        return self._serving.describe()

    def state(self) -> SupplyState:
        """What is going on beside it."""
        with self._changed:
            process = self._process
            build = process.state if process else None
            doing = self._doing or ("waiting for the next frame to take over" if self._ready else "")
            return SupplyState(self._settings, doing, build, self._swaps, self._failure, self._refused)

    def close(self) -> None:
        """Ends everything; the inference thread must have ended."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_PATIENCE_S)  # a runtime that is compiling cannot be interrupted
        self._serving.close()
        if self._ready:
            self._ready.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._asked is not None or self._promising())
                if self._closed:
                    return
            try:
                if self._asked is not None:
                    self._change_settings()
                else:
                    self._improve()
            except _Superseded:
                pass
            except Exception as error:  # whatever a runtime raises, what serves goes on serving
                self._wanted = ()
                self._fail(f"{type(error).__name__}: {error}")
            with self._changed:
                self._doing, self._target = "", self._settings

    def _promising(self) -> list[PlanRequest]:
        return [request for request in self._wanted if _name(request) not in self._hopeless]

    def _change_settings(self) -> None:
        settings = self._settled()
        if settings == self._settings:
            return
        self._doing = f"preparing {settings}"
        try:
            self._hand_over(self._prepared(settings), settings)
        except (UpsamplerError, EngineError, FrameError, OSError) as error:
            self._fail(f"{settings} cannot be served, {self._settings} goes on: {error}", refused=settings)

    def _settled(self) -> EngineSettings:
        """The settings asked for, once no more come."""
        with self._changed:
            while self._asked is not None:
                self._target, self._asked = self._asked, None
                self._changed.wait_for(lambda: self._closed or self._asked is not None, SETTLE_S)
                if self._closed:
                    raise _Superseded
            return self._target

    def _prepared(self, settings: EngineSettings) -> Upsampler:
        """An upsampler, warm; where it would only stand in for the engine asked for, that one's plan is built first."""
        made = settings.upsampler()
        try:
            if self._sizes:
                made.prepare(*self._sizes)
                if made.describe().stands_in:
                    wanted = made.wanted_plans()
                    made.close()
                    self._build_first(wanted, settings)
                    made = settings.upsampler()
                    made.prepare(*self._sizes)
        except BaseException:
            made.close()
            raise
        return made

    def _improve(self) -> None:
        """Builds a plan that the serving engine has been found to lack, and prepares the engine that it is for."""
        settings, sizes = self._settings, self._sizes
        assert sizes is not None
        with self._changed:
            wanted = tuple(self._promising())
        try:
            self._build_first(wanted, settings)
            self._doing = f"preparing {settings}"
            made = settings.upsampler()
            try:
                made.prepare(*sizes)
            except BaseException:
                made.close()
                raise
        except (UpsamplerError, EngineError, FrameError, OSError) as error:
            self._hopeless.update(map(_name, wanted))
            self._fail(str(error))
            return
        self._hand_over(made, settings)

    def _build_first(self, wanted: tuple[PlanRequest, ...], settings: EngineSettings) -> None:
        """Builds the first of some plans that can be built. Raises EngineError when none can."""
        failures = []
        for request in wanted:
            self._doing = f"building {request}"
            self._told(False, f"building {request} beside the running engine")
            try:
                self._build(request, settings.plans())
                return
            except (EngineError, OSError) as error:
                self._hopeless.add(_name(request))
                failures.append(f"{request}: {error}")
                if request is not wanted[-1]:
                    self._told(True, f"{failures[-1]}; trying the next engine")
        raise EngineError("; ".join(failures) or "no plan is wanted")

    def _build(self, request: PlanRequest, plans: PlanCache) -> None:
        process = PlanProcess(request, plans)
        with self._changed:
            self._process = process
        try:
            while not process.wait(_POLL_S):
                self._expect_wanted()
        finally:
            with self._changed:
                self._process = None
            process.stop()

    def _expect_wanted(self) -> None:
        if self._closed or self._asked is not None:
            raise _Superseded

    def _hand_over(self, made: Upsampler, settings: EngineSettings) -> None:
        with self._changed:
            if self._closed or self._asked is not None:
                made.close()
                raise _Superseded
            unused, self._ready = self._ready, made
            self._settings, self._failure, self._wanted = settings, "", ()
        if unused:
            unused.close()

    def _fail(self, failure: str, refused: EngineSettings | None = None) -> None:
        with self._changed:
            self._failure = failure
            self._refused = refused if self._asked is None else None
        self._told(True, failure)


def _name(request: PlanRequest) -> str:
    """Tells requests apart without asking the runtime for its conditions, which takes a while."""
    return f"{request}, weights {request.artifact.weights_id}"
