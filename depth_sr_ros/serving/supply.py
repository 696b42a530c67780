"""Gives the inference thread the best engine there is, and prepares better or other ones beside it.

One thread works here. It waits for two things: settings that change, and frames of a size for which a preferred engine
has no plan yet. For either it makes a whole `Upsampler`, checked and warm for the frames that come, and leaves it in a
slot with room for one; the inference thread takes it from there between two frames. Plans are built in a process of
their own. Until the slot is taken, and whenever anything fails, what serves goes on serving.

What ran before other settings took over can be gone back to: its weights are kept, and, unless told otherwise, its
engine stays ready, too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.engines import EngineError, PlanProcess, PlanRequest
from depth_sr_ros.serving.deployment import Deployment, Served, deploy
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.kept_artifacts import KeptArtifacts
from depth_sr_ros.serving.supply_state import RollBackRefused, Running, SupplyState, Wish
from depth_sr_ros.upsampler import Size, Upsampler, UpsamplerError, UpsamplerInfo

SETTLE_S = 0.3
"""Settings that belong together may come one after the other: so long after the last one they count as complete."""

_POLL_S = 0.2
_PATIENCE_S = 10.0


class _Superseded(Exception):
    """What is being prepared is not wanted any more."""


class EngineSupply:
    """See the module.

    Args:
        settings: of the first engine.
        told: takes (is_warning, sentence) for the log; called from several threads.
        keep_previous: the engine that ran before stays in memory, so that going back takes no longer than a frame.
            If not, its memory is freed, and it is made anew from its kept weights.

    Raises:
        UpsamplerError: nothing can serve with these settings.
    """

    def __init__(
        self,
        settings: EngineSettings,
        told: Callable[[bool, str], None] | None = None,
        keep_previous: bool = True,
    ) -> None:
        self._told = told or (lambda warning, sentence: None)
        self._keep_previous = keep_previous
        self._plans = settings.plans()
        self._kept = KeptArtifacts(self._plans.folder / "weights")
        self._held = deploy(settings, self._kept)
        self._running = Running(self._held, self._held.upsampler(), time.time())
        self._previous: Running | None = None
        self._changed = threading.Condition()
        self._asked: Wish | None = None
        self._wish = Wish(settings)
        self._news: tuple[Upsampler, Size, Size] | None = None
        self._sizes: tuple[Size, Size] | None = None
        self._wanted: tuple[PlanRequest, ...] = ()
        self._hopeless: set[str] = set()
        self._ready: tuple[Upsampler, Deployment] | None = None
        self._unused: list[Upsampler] = []  # closed by the thread here: that may take longer than a frame
        self._preparing: Deployment | None = None
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
                    self._take_over(*taken)
                    self._changed.notify_all()
            if taken is not None:
                info = taken[0].describe()
                self._told(False, f"from this frame on {info.model} (weights {info.weights_id}) runs on {info.reason}")
        return self._running.upsampler

    def _take_over(self, upsampler: Upsampler, deployment: Deployment) -> None:
        """Under the lock, so that what runs is always known to be in use."""
        old = self._running
        if deployment == old.deployment:  # another engine for the same
            self._unused.append(old.upsampler)
            self._running = Running(deployment, upsampler, old.since)
        else:
            if self._previous is not None and self._previous.upsampler is not upsampler:
                self._unused.append(self._previous.upsampler)
            if not self._keep_previous:
                self._unused.append(old.upsampler)
            self._previous, self._running = old, Running(deployment, upsampler, time.time())
        self._swaps += 1

    def served(self, colour: Size, depth: Size) -> None:
        """A frame of these sizes was served. Only for the inference thread, after each frame."""
        news = (self._running.upsampler, colour, depth)
        if news != self._news:
            self._news = news
            with self._changed:
                self._sizes = colour, depth
                if self._ready is None:  # otherwise the frame was the old engine's last, whose plans nobody needs
                    self._wanted = self._running.upsampler.wanted_plans()
                self._changed.notify_all()

    def change(self, settings: EngineSettings, reread: bool = False) -> None:
        """Asks for other settings; returns at once. What was asked for before and is not ready yet is given up.

        Args:
            settings: all of them.
            reread: take what lies in the folder of the weights now, also where that folder is the same as before.
        """
        with self._changed:
            newest = self._asked or self._wish
            wish = Wish(settings, reread or newest.reread)  # what is given up may have asked to read it again
            self._asked = None if wish == Wish(self._wish.settings) else wish
            self._refused = None
            self._changed.notify_all()

    def roll_back(self) -> tuple[Served, Served]:
        """Asks for what ran before; returns at once. Done twice it leads forward again.

        Returns:
            What runs, and what shall take over. Its settings name a kept copy where the weights were replaced since.

        Raises:
            RollBackRefused: nothing ran before, or something else is just about to take over.
        """
        with self._changed:
            previous = self._expect_previous()
        back = replace(previous, deployment=previous.deployment.lasting())  # reads a file: frames must not wait for it
        with self._changed:
            if self._expect_previous() is not previous:
                raise RollBackRefused("expected one change at a time, found that something else took over; ask again")
            self._asked = Wish(back.deployment.settings, back=back)
            self._refused = None
            self._changed.notify_all()
            return self._running.served(), back.served()

    def _expect_previous(self) -> Running:
        if self._asked or self._wish != Wish(self._held.settings) or self._held != self._running.deployment:
            coming = self._asked.settings if self._asked else self._preparing or self._wish.settings
            raise RollBackRefused(
                f"expected one change at a time, found that {coming} is about to take over; wait until it has "
                "(the engine status on /diagnostics tells), or set the parameters back"
            )
        if self._previous is None:
            raise RollBackRefused(
                f"expected something that ran before, found that {self._running.served()} has run from the start; "
                "set the parameters instead"
            )
        return self._previous

    def describe(self) -> UpsamplerInfo:
        """What serves."""
        return self._running.upsampler.describe()

    def state(self) -> SupplyState:
        """What is going on beside it."""
        with self._changed:
            process = self._process
            build = process.state if process else None
            doing = self._doing or ("waiting for the next frame to take over" if self._ready else "")
            previous = self._previous.served() if self._previous else None
            waiting = self._held if self._held != self._running.deployment else None
            return SupplyState(
                self._held.settings,
                self._running.served(),
                previous,
                self._preparing or waiting,
                doing,
                build,
                self._swaps,
                self._failure,
                self._refused,
            )

    def abandon(self) -> None:
        """Prepares nothing any more, and leaves all engines as they are: the inference thread is still in one."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """Ends everything; the inference thread must have ended."""
        self.abandon()
        self._thread.join(_PATIENCE_S)  # a runtime that is compiling cannot be interrupted
        self._close_unused()
        self._running.upsampler.close()
        if self._previous:
            self._previous.upsampler.close()
        if self._ready:
            self._ready[0].close()
        self._kept.release_all_but(())

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._unused or self._asked or self._promising())
                if self._closed:
                    return
            try:
                self._close_unused()
                if self._asked is not None:
                    self._change_settings()
                elif self._promising():
                    self._improve()
            except _Superseded:
                pass
            except Exception as error:  # whatever a runtime raises, what serves goes on serving
                self._wanted = ()
                self._fail(f"{type(error).__name__}: {error}")
            with self._changed:
                self._doing, self._preparing, self._wish = "", None, Wish(self._held.settings)

    def _close_unused(self) -> None:
        with self._changed:
            unused, self._unused = self._unused, []
        for upsampler in unused:
            upsampler.close()

    def _promising(self) -> list[PlanRequest]:
        return [request for request in self._wanted if _name(request) not in self._hopeless]

    def _change_settings(self) -> None:
        wish = self._settled()
        self._doing = f"preparing {wish.settings}"
        try:
            if wish.back:
                self._preparing = deployment = wish.back.deployment
                made = self._prepared_again(wish.back.upsampler)
            else:
                deployment = deploy(wish.settings, self._kept, None if wish.reread else self._held)
                if deployment == self._held:
                    return
                self._preparing = deployment
                made = self._prepared(deployment)
            self._hand_over(made, deployment)
        except _Superseded:
            raise
        except Exception as error:  # whatever a runtime raises, the parameters are put back
            self._fail(f"{wish.settings} cannot be served, {self._held} goes on: {error}", refused=wish.settings)
        finally:
            self._release()

    def _settled(self) -> Wish:
        """What is asked for, once no more comes."""
        with self._changed:
            while self._asked is not None:
                self._wish, self._asked = self._asked, None
                if self._wish.back:  # nothing else belongs to it
                    break
                self._changed.wait_for(lambda: self._closed or self._asked is not None, SETTLE_S)
                if self._closed:
                    raise _Superseded
            return self._wish

    def _release(self) -> None:
        """Lets go of copies of weights that nothing runs on any more, nor ran on before."""
        with self._changed:
            used = {self._held.artifact.folder, self._running.deployment.artifact.folder}
            if self._previous:
                used.add(self._previous.deployment.artifact.folder)
        self._kept.release_all_but(used)

    def _prepared_again(self, upsampler: Upsampler) -> Upsampler:
        self._close_unused()  # this one, perhaps
        if self._sizes:
            upsampler.prepare(*self._sizes)
        return upsampler

    def _prepared(self, deployment: Deployment) -> Upsampler:
        """An upsampler, warm; where it would only stand in for the engine asked for, that one's plan is built first."""
        made = deployment.upsampler()
        try:
            if self._sizes:
                made.prepare(*self._sizes)
                if made.describe().stands_in:
                    wanted = made.wanted_plans()
                    made.close()
                    made = self._with_first(wanted, deployment, self._sizes)
        except BaseException:
            made.close()
            raise
        return made

    def _improve(self) -> None:
        """Builds a plan that the serving engine has been found to lack, and prepares the engine that it is for."""
        deployment, sizes = self._held, self._sizes
        assert sizes is not None
        with self._changed:
            wanted = tuple(self._promising())
        try:
            made = self._with_first(wanted, deployment, sizes)
        except (UpsamplerError, EngineError, FrameError, OSError) as error:
            self._hopeless.update(map(_name, wanted))
            self._fail(str(error))
            return
        self._hand_over(made, deployment)

    def _with_first(
        self, wanted: tuple[PlanRequest, ...], deployment: Deployment, sizes: tuple[Size, Size]
    ) -> Upsampler:
        """An upsampler, warm, with the first of some plans that can be built and loaded.

        Raises:
            EngineError: none can, or the upsampler fails.
            UpsamplerError: nothing can serve the deployment.
        """
        failures = []
        for request in wanted:
            self._doing = f"building {request}"
            self._told(False, f"building {request} beside the running engine")
            try:
                self._build(request)
                self._doing = f"preparing {deployment.settings}"
                return self._loaded(request, deployment, sizes)
            except (EngineError, OSError) as error:
                self._hopeless.add(_name(request))
                failures.append(f"{request}: {error}")
                if request is not wanted[-1]:
                    self._told(True, f"{failures[-1]}; trying the next engine")
        raise EngineError("; ".join(failures) or "no plan is wanted")

    def _loaded(self, request: PlanRequest, deployment: Deployment, sizes: tuple[Size, Size]) -> Upsampler:
        made = deployment.upsampler()
        try:
            made.prepare(*sizes)
            if _name(request) in map(_name, made.wanted_plans()):  # what serves now would stand in for it, too
                raise EngineError(f"built, but cannot be loaded here: {made.describe().reason}")
        except BaseException:
            made.close()
            raise
        return made

    def _build(self, request: PlanRequest) -> None:
        process = PlanProcess(request, self._plans)
        with self._changed:
            self._process = process
        try:
            while not process.wait(_POLL_S):
                self._close_unused()
                self._expect_wanted()
        finally:
            with self._changed:
                self._process = None
            process.stop()

    def _expect_wanted(self) -> None:
        if self._closed or self._asked is not None:
            raise _Superseded

    def _hand_over(self, made: Upsampler, deployment: Deployment) -> None:
        with self._changed:
            if self._closed or self._asked is not None:
                made.close()
                raise _Superseded
            unused, self._ready = self._ready, (made, deployment)
            self._held, self._failure, self._wanted = deployment, "", ()
        if unused:
            unused[0].close()

    def _fail(self, failure: str, refused: EngineSettings | None = None) -> None:
        with self._changed:
            self._failure = failure
            self._refused = refused if self._asked is None else None
        self._told(True, failure)


def _name(request: PlanRequest) -> str:
    """Tells requests apart without asking the runtime for its conditions, which takes a while."""
    return f"{request}, weights {request.artifact.weights_id}"
