"""Gives the inference thread the best engine there is, and prepares better or other ones beside it.

What happens is told to a pure function, `transitions.advance`, that gives the next state and what has to be done, which
a thread of its own does. It prepares a whole `Upsampler`, checked and warm for the frames that come; the inference
thread takes it between two frames. Until then, and whenever anything fails, what serves goes on serving.

What ran before other settings took over can be gone back to: its weights are kept, and, unless told otherwise, its
engine stays ready, too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.serving.asking import roll_back_problem
from depth_sr_ros.serving.deployment import Served
from depth_sr_ros.serving.effects import Effect, Refuse, Say
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.events import (
    Abandoned,
    Closed,
    Event,
    FrameBegins,
    FrameServed,
    RollBackAsked,
    SettingsAsked,
)
from depth_sr_ros.serving.source import EngineSource, LocalEngines
from depth_sr_ros.serving.state import Frames, Running, State
from depth_sr_ros.serving.supply_state import RollBackRefused, SupplyState, tell
from depth_sr_ros.serving.supply_worker import SupplyWorker
from depth_sr_ros.serving.transitions import advance
from depth_sr_ros.upsampler import Size, Upsampler, UpsamplerInfo

PATIENCE_S = 10.0
"""How long the end waits for a preparation: a runtime that is compiling cannot be interrupted."""


class EngineSupply:
    """See the module.

    Args:
        settings: of the first engine.
        told: takes (is_warning, sentence) for the log; called from several threads.
        keep_previous: the engine that ran before stays in memory, so that going back takes no longer than a frame.
            If not, its memory is freed, and it is made anew from its kept weights.
        source: of deployments, upsamplers and plans; None takes those of this machine.

    Raises:
        UpsamplerError: nothing can serve with these settings.
    """

    def __init__(
        self,
        settings: EngineSettings,
        told: Callable[[bool, str], None] | None = None,
        keep_previous: bool = True,
        source: EngineSource | None = None,
    ) -> None:
        self._told = told or (lambda warning, sentence: None)
        source = source or LocalEngines(settings)
        deployment = source.deploy(settings, None)
        upsampler = source.upsampler(deployment)
        self._state = State(Running(deployment, upsampler, upsampler.describe(), time.time()), keep_previous)
        self._lock = threading.Lock()
        self._worker = SupplyWorker(source, self._happened)
        self._worker.start()

    def current(self) -> Upsampler:
        """The upsampler for the next frame. Only for the inference thread, between two frames."""
        if self._state.ready is not None:  # else no frame waits for a lock
            self._happened(FrameBegins(time.time()))
        return self._state.serving.upsampler

    def served(self, colour: Size, depth: Size, cameras: Calibration | None = None) -> None:
        """A frame was served. Only for the inference thread, after each frame.

        Args:
            colour: (height, width) of its colour image.
            depth: of its depth image.
            cameras: where its depth was not registered.
        """
        state, frames = self._state, Frames(colour, depth, cameras)
        if state.wanted is not None and state.frames == frames:
            return
        upsampler = state.serving.upsampler
        wanted = () if state.ready else upsampler.wanted_plans()
        self._happened(FrameServed(frames, upsampler.describe(), wanted))

    def change(self, settings: EngineSettings, reread: bool = False) -> None:
        """Asks for other settings; returns at once. What was asked for before and is not ready yet is given up.

        Args:
            settings: all of them.
            reread: take what lies in the folder of the weights now, also where that folder is the same as before.
        """
        self._happened(SettingsAsked(settings, reread))

    def roll_back(self) -> tuple[Served, Served]:
        """Asks for what ran before; returns at once. Done twice it leads forward again.

        Returns:
            What runs, and what shall take over. Its settings name a kept copy where the weights were replaced since.

        Raises:
            RollBackRefused: nothing ran before, or something else is just about to take over.
        """
        state = self._state
        problem = roll_back_problem(state)
        if problem or state.previous is None:
            raise RollBackRefused(problem)
        back = replace(state.previous, deployment=state.previous.deployment.lasting())  # reads a file, without the lock
        state = self._happened(RollBackAsked(back.upsampler, back.deployment))
        return state.serving.served(), back.served()

    def describe(self) -> UpsamplerInfo:
        """What serves."""
        return self._state.serving.upsampler.describe()

    def state(self) -> SupplyState:
        """What is going on beside it."""
        return tell(self._state, self._worker.build)

    def abandon(self) -> None:
        """Prepares nothing any more, and leaves all engines as they are: the inference thread is still in one."""
        self._happened(Abandoned())

    def close(self) -> None:
        """Ends everything; the inference thread must have ended."""
        self.abandon()
        self._worker.join(PATIENCE_S)
        last: list[Effect] = []
        self._happened(Closed(), last.append)
        for effect in last:
            self._worker.carry_out(effect)

    def _happened(self, event: Event, hand: Callable[[Effect], None] | None = None) -> State:
        """Goes on to the next state, and hands what has to be done to the worker; tells what there is to tell."""
        with self._lock:  # so that effects follow each other as states do
            self._state, effects = advance(self._state, event)
            state = self._state
            for effect in effects:
                if not isinstance(effect, (Say, Refuse)):
                    (hand or self._worker.hand)(effect)
        for effect in effects:
            if isinstance(effect, Say):
                self._told(effect.warning, effect.sentence)
            elif isinstance(effect, Refuse):
                raise RollBackRefused(effect.reason)
        return state
