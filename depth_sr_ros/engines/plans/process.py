"""Builds a plan in a process of its own, at low priority, so that frames go on being served.

The building side, `main`, is given a request as JSON and answers with lines of JSON on standard output. It ends when
its standard input does, so it never outlives who started it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.engines.base import EngineError
from depth_sr_ros.engines.plans.build import PlanRequest, obtain_plan
from depth_sr_ros.engines.plans.cache import PlanCache

NICENESS = 10
"""Added to the process's niceness: whoever serves frames goes first."""

_LINES_KEPT = 5
_PATIENCE_S = 1.0
_ENTRY = f"import sys; from {__name__} import main; sys.exit(main())"


@dataclass(frozen=True)
class BuildState:
    """How far a build is.

    Attributes:
        share: of the work that is done, 0 to 1.
        doing: what is being done.
        seconds: since it began.
        expected_seconds: how long a build of this kind took before; None where that is unknown.
    """

    share: float
    doing: str
    seconds: float
    expected_seconds: float | None = None

    @property
    def remaining_seconds(self) -> float | None:
        """An estimate of what is left; None where nothing speaks for one."""
        if self.expected_seconds is not None and self.seconds < self.expected_seconds:
            return self.expected_seconds - self.seconds
        if self.share >= 0.05:
            return self.seconds * (1 - self.share) / self.share
        return None


class PlanProcess:
    """A running build.

    Args:
        request: which plan.
        cache: where it shall lie.
        stands_back: runs at low priority, on all processors but one.
    """

    def __init__(self, request: PlanRequest, cache: PlanCache, stands_back: bool = True) -> None:
        self._began = time.monotonic()
        self._expected = expected_seconds(request, cache)
        self._share, self._doing, self._failure = 0.0, "starting", ""
        self._noise: deque[str] = deque(maxlen=_LINES_KEPT)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ENTRY, _to_json(request, cache, stands_back)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,  # so that what the runtime starts in turn ends with it
        )  # fmt: skip
        # without a reader a talkative runtime would fill the pipe and wait for ever
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._listen, self._overhear)]
        for reader in self._readers:
            reader.start()

    @property
    def state(self) -> BuildState:
        """How far it is."""
        return BuildState(self._share, self._doing, time.monotonic() - self._began, self._expected)

    def wait(self, timeout: float) -> bool:
        """Waits for the end.

        Returns:
            Whether the plan is in the cache; False when the time ran out first.

        Raises:
            EngineError: the build failed; the message says why.
        """
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        for reader in self._readers:
            reader.join(_PATIENCE_S)  # what the runtime has started may hold the pipe open
        if status == 0:
            return True
        noise = " | ".join(self._noise) or "it said nothing"
        raise EngineError(self._failure or f"the building process ended with status {status}: {noise}")

    def stop(self) -> None:
        """Ends it, finished or not, with all that it started; nothing that is half written is used then."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for reader in self._readers:
            reader.join(_PATIENCE_S)
        if not any(reader.is_alive() for reader in self._readers):  # closing would wait for them
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            self._failure = answer.get("failure", "")
            self._share, self._doing = answer.get("share", self._share), answer.get("doing", self._doing)

    def _overhear(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._noise.append(line.rstrip())


def expected_seconds(request: PlanRequest, cache: PlanCache) -> float | None:
    """How long the build of a like plan took on this machine: the same runtime, artifact and precision."""
    for card in cache.cards():
        key = card.key
        like = (key.runtime, key.artifact, key.precision)
        if like == (request.runtime.name, request.artifact.card.name, request.precision):
            return card.build_seconds
    return None


def _to_json(request: PlanRequest, cache: PlanCache, stands_back: bool) -> str:
    runtime = request.runtime
    return json.dumps(
        {
            "runtime": [runtime.__module__, runtime.__qualname__],
            "artifact": str(request.artifact.folder),
            "grid": request.grid,
            "precision": request.precision,
            "cache": str(cache.folder.resolve()),
            "budget": cache.budget,
            "stands_back": stands_back,
        }
    )


def _from_json(given: dict[str, Any]) -> tuple[PlanRequest, PlanCache]:
    module, name = given["runtime"]
    runtime = getattr(import_module(module), name)
    artifact = read_artifact(Path(given["artifact"]))
    height, width = given["grid"]
    request = PlanRequest(runtime, artifact, (height, width), given["precision"])
    return request, PlanCache(Path(given["cache"]), given["budget"])


def _stand_back() -> None:
    """Low priority, and one processor less than there are: the serving thread shall find one free."""
    os.nice(NICENESS)
    if hasattr(os, "sched_setaffinity"):
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, processors[1:] or processors)


def _end_with(descriptor: int) -> None:
    """Ends this process and what it started when the other end of a pipe is closed, whatever it is doing."""
    while os.read(descriptor, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def main() -> int:
    """The building side."""
    # A runtime that prints must not garble the answers. One that forks closes `sys.stdin` in the new process, and would
    # wait for ever for the thread that reads it: hence descriptors of our own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    threading.Thread(target=_end_with, args=(os.dup(0),), daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    given = json.loads(sys.argv[1])
    if given["stands_back"]:
        _stand_back()

    def tell(share: float, doing: str) -> None:
        answers.write(json.dumps({"share": share, "doing": doing}) + "\n")

    try:
        request, cache = _from_json(given)
        obtain_plan(request, cache, tell)
    except (EngineError, ValueError, OSError, ImportError) as error:
        answers.write(json.dumps({"failure": str(error)}) + "\n")
        return 1
    return 0
