"""A real engine whose builds wait at a gate, so that tests can look at them half done.

It is OpenVINO with plans, but one that must have a plan, as TensorRT must. Environment variables reach the processes
that build: GATE is a file that a build waits for, BUILDS a file that gets a line per build, GATED_VERSION the version
that it claims, GATED_WRONG makes it build other weights than it was asked for.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import ClassVar

from depth_sr_ros.artifact import SHIPPED, read_artifact
from depth_sr_ros.engines.openvino.plan import PlannedOpenVinoEngine


class GatedEngine(PlannedOpenVinoEngine):
    name = "gated"
    plan_suffix = ".gated"

    refused: ClassVar[tuple[tuple[int, int], Exception] | None] = None
    """A grid for which this process cannot load a plan, and what it raises instead."""

    @classmethod
    def precisions(cls):
        return ("fp32",)

    @classmethod
    def quick(cls, precision):
        return False

    @classmethod
    def plan_conditions(cls, precision):
        return {**super().plan_conditions(precision), "version": os.environ.get("GATED_VERSION", "1")}

    def _build(self, artifact, grid, precision, threads):
        if self.refused and tuple(grid) == self.refused[0]:
            raise self.refused[1]
        super()._build(artifact, grid, precision, threads)

    @classmethod
    def build_plan(cls, artifact, grid, precision, progress=None):
        print("chatter that must not be taken for an answer")
        if "BUILDS" in os.environ:
            with Path(os.environ["BUILDS"]).open("a") as file:
                file.write(f"{os.getpid()} {os.nice(0)} {len(os.sched_getaffinity(0))}\n")
        if progress:
            progress(0.25, "at the gate")
        while "GATE" in os.environ and not Path(os.environ["GATE"]).exists():
            time.sleep(0.02)
        if os.environ.get("GATED_WRONG"):
            artifact = read_artifact(SHIPPED / "fdkn_x8_live")
        return super().build_plan(artifact, grid, precision, progress)


def wait_until(condition, what: str, timeout: float = 60.0):
    """Waits for something true, and gives that."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.02)
    return result


def register() -> None:
    """Makes it the most preferred engine of this process."""
    from depth_sr_ros.engines import select
    from depth_sr_ros.serving import engine_settings

    others = {name: place for name, place in select.RUNTIMES.items() if name != "gated"}
    select.RUNTIMES.clear()
    select.RUNTIMES.update({"gated": ("gated", "GatedEngine"), **others})
    select.INSTALL["gated"] = "nothing"
    names = tuple(dict.fromkeys(("auto", "gated", *select.ENGINE_NAMES[1:])))
    select.ENGINE_NAMES = engine_settings.ENGINE_NAMES = names
