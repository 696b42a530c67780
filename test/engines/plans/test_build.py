"""Plans built by real processes: once, checked, and never half."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from gated import GatedEngine, wait_until

from depth_sr_ros.engines import EngineError, EngineMemoryError, PlanCache, PlanProcess, PlanRequest, choose_engine
from depth_sr_ros.engines.openvino.plan import PlannedOpenVinoEngine
from depth_sr_ros.engines.plans import cache as module
from depth_sr_ros.engines.plans.build import obtain_plan
from depth_sr_ros.upsampler import Upsampler

GRID = (4, 5)


@pytest.fixture
def cache(tmp_path):
    return PlanCache(tmp_path / "plans")


@pytest.fixture
def request_(artifact):
    return PlanRequest(GatedEngine, artifact, GRID, "fp32")


@pytest.fixture
def start(cache, request_, gate):
    """Starts a building process; what is left of them ends with the test."""
    started = []

    def start() -> PlanProcess:
        started.append(PlanProcess(request_, cache))
        return started[-1]

    yield start
    for process in started:
        process.stop()


def builds() -> list[str]:
    path = Path(os.environ["BUILDS"])
    return path.read_text().splitlines() if path.exists() else []


def at_the_gate(process: PlanProcess) -> None:
    wait_until(lambda: process.state.doing == "at the gate", "the gate")


def test_two_processes_build_the_same_plan_once(start, cache, request_, gate):
    first = start()
    at_the_gate(first)
    second = start()
    wait_until(lambda: "waiting for process" in second.state.doing, "the second to wait")
    gate.touch()
    assert first.wait(60) and second.wait(60)
    assert len(builds()) == 1
    assert cache.find(request_.key())


def test_a_killed_build_leaves_nothing_and_the_next_one_builds(start, cache, request_, gate):
    first = start()
    at_the_gate(first)
    first.stop()
    assert cache.find(request_.key()) is None
    gate.touch()
    assert start().wait(60)
    assert len(builds()) == 2
    assert cache.find(request_.key())


def test_a_waiting_process_takes_over_when_the_builder_is_killed(start, cache, request_, gate):
    first = start()
    at_the_gate(first)
    second = start()
    wait_until(lambda: "waiting for process" in second.state.doing, "the second to wait")
    first.stop()
    at_the_gate(second)
    gate.touch()
    assert second.wait(60)
    assert cache.find(request_.key())


def test_builds_at_low_priority_and_leaves_a_processor_free(start, gate):
    at_the_gate(start())
    _, nice, processors = builds()[0].split()
    assert int(nice) == os.nice(0) + 10
    assert int(processors) == max(1, len(os.sched_getaffinity(0)) - 1)


STARTER = """
import sys
from pathlib import Path
from gated import GatedEngine
from depth_sr_ros.artifact import SHIPPED, read_artifact
from depth_sr_ros.engines import PlanCache, PlanProcess, PlanRequest
request = PlanRequest(GatedEngine, read_artifact(SHIPPED / "fdkn_x8"), (4, 5), "fp32")
process = PlanProcess(request, PlanCache(Path(sys.argv[1])))
sys.stdin.read()
"""


def test_a_build_ends_when_who_started_it_is_killed(cache, gate):
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(cache.folder)], stdin=subprocess.PIPE)
    builder = int(wait_until(builds, "the build")[0].split()[0])
    starter.kill()
    starter.wait()
    starter.stdin.close()
    wait_until(lambda: not running(builder), "the builder to end")


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_plan_that_computes_something_else_is_refused_and_not_kept(start, cache, request_, gate, monkeypatch):
    monkeypatch.setenv("GATED_WRONG", "1")
    gate.touch()
    process = start()
    with pytest.raises(EngineError, match="refused: on the golden frame"):
        process.wait(60)
    assert cache.cards() == []


def test_a_build_that_dies_says_so(start, gate, monkeypatch):
    process = start()
    at_the_gate(process)
    os.kill(int(builds()[0].split()[0]), 9)
    with pytest.raises(EngineError, match="ended with status -9"):
        process.wait(60)


def test_another_version_s_plan_is_outdated_and_built_anew(cache, request_, gate, monkeypatch):
    gate.touch()
    obtain_plan(request_, cache)
    old = request_.key()
    monkeypatch.setenv("GATED_VERSION", "2")
    assert cache.find(request_.key()) is None
    obtain_plan(request_, cache)
    assert len(builds()) == 2
    assert [card.key.conditions["version"] for card in cache.cards()] == ["2"]
    assert cache.find(old) is None


def test_another_engine_serves_and_the_missing_plan_is_named(registered, artifact, cache):
    choice = choose_engine(artifact, plans=cache)
    assert choice.runtime.name == "openvino"
    assert choice.wanted == ((GatedEngine, "fp32"),)
    assert "gated (fp32): no plan yet" in choice.reason


def test_an_engine_with_a_plan_is_taken_and_one_of_another_size_is_not(registered, artifact, cache, request_, gate):
    gate.touch()
    obtain_plan(request_, cache)
    choice = choose_engine(artifact, plans=cache, builds=False)
    assert (choice.runtime, choice.wanted) == (GatedEngine, ())
    choice.build(GRID).close()
    with pytest.raises(EngineError, match="no plan yet; build it with `depth-sr compile`"):
        choice.build((5, 5))
    assert choose_engine(artifact, plans=cache, grid=(5, 5)).runtime.name == "openvino"


def test_another_engine_stands_in_for_one_asked_for_by_name(registered, artifact, cache):
    choice = choose_engine(artifact, "gated", plans=cache, builds=False)
    assert (choice.runtime.name, choice.stands_in) == ("openvino", True)
    assert "stands in for gated fp32" in choice.reason


def test_an_engine_asked_for_by_name_builds_its_plan_when_it_may(registered, artifact, cache, request_, gate):
    gate.touch()
    choice = choose_engine(artifact, "gated", plans=cache)
    assert cache.cards() == []
    choice.build(GRID).close()
    assert cache.find(request_.key())


def test_a_whole_plan_that_fails_its_check_now_is_removed_and_another_engine_serves(
    registered, artifact, cache, request_, gate, monkeypatch
):
    gate.touch()
    obtain_plan(request_, cache)
    monkeypatch.setenv("GATED_WRONG", "1")
    other = GatedEngine.build_plan(artifact, GRID, "fp32")
    (cache.folder / f"{request_.key().stem}.gated").write_bytes(other)
    card = cache.folder / f"{request_.key().stem}.json"
    recorded = cache.card(request_.key())
    card.write_text(card.read_text().replace(recorded.sha256, hashlib.sha256(other).hexdigest()))
    assert cache.find(request_.key()) == other
    assert choose_engine(artifact, plans=cache).runtime.name == "openvino"
    assert cache.cards() == []


def refuse_here(monkeypatch, *grids, error=None):
    """Plans cannot be loaded in this process for some sizes, although they compute what they should."""

    def build(self, artifact, grid, precision, threads):
        if self._exported is not None and tuple(grid) in grids:
            raise error or RuntimeError("the runtime refuses these bytes")
        real(self, artifact, grid, precision, threads)

    real = PlannedOpenVinoEngine._build
    monkeypatch.setattr(PlannedOpenVinoEngine, "_build", build)


@pytest.fixture
def read_only(monkeypatch):
    """Plans cannot be removed; root may write to every folder, so taking rights away would not do."""

    def refuse(path, waiting=None):
        raise PermissionError(13, "Permission denied", str(path))

    return lambda: monkeypatch.setattr(module, "locked", refuse)


def test_a_plan_stays_when_memory_is_short_for_it_and_another_engine_serves(
    registered, artifact, cache, request_, gate, monkeypatch
):
    gate.touch()
    obtain_plan(request_, cache)
    refuse_here(monkeypatch, GRID, error=EngineMemoryError("out of memory"))
    choice = choose_engine(artifact, "gated", plans=cache)
    with pytest.raises(EngineMemoryError, match="cannot build fdkn_x8 .*out of memory"):
        choice.build(GRID)
    upsampler = Upsampler(weights=artifact.folder, precision="fp32", threads=1, engine_cache=cache.folder)
    upsampler.prepare((GRID[0] * 8, GRID[1] * 8), GRID)
    assert upsampler.describe().engine == "openvino" and "out of memory" in upsampler.describe().reason
    upsampler.close()
    refuse_here(monkeypatch, golden(artifact), error=EngineMemoryError("out of memory"))
    choice = choose_engine(artifact, plans=cache)
    assert choice.runtime.name == "openvino" and "out of memory" in choice.reason
    assert cache.find(request_.key()) and len(builds()) == 1


def golden(artifact):
    return artifact.fixture()["depth"].shape


@pytest.mark.parametrize("size", ["the camera's", "both"])
def test_a_refused_plan_that_cannot_be_removed_is_not_used(artifact, cache, monkeypatch, read_only, caplog, size):
    obtain_plan(PlanRequest(PlannedOpenVinoEngine, artifact, GRID, "fp32"), cache)
    refuse_here(monkeypatch, GRID, *([golden(artifact)] if size == "both" else []))
    read_only()
    upsampler = Upsampler(
        weights=artifact.folder, engine="openvino", precision="fp32", threads=1, engine_cache=cache.folder
    )
    upsampler.prepare((GRID[0] * 8, GRID[1] * 8), GRID)
    assert upsampler.describe().engine == "openvino"
    assert "cannot be removed: [Errno 13]" in caplog.text and "its plan is not used" in caplog.text
    upsampler.close()


@pytest.mark.parametrize("builds", [True, False])
def test_another_engine_serves_where_a_refused_plan_cannot_be_replaced(
    registered, artifact, cache, request_, gate, monkeypatch, read_only, builds
):
    gate.touch()
    obtain_plan(request_, cache)
    refuse_here(monkeypatch, GRID)
    read_only()
    upsampler = Upsampler(
        weights=artifact.folder, precision="fp32", threads=1, engine_cache=cache.folder, builds_plans=builds
    )
    assert upsampler.describe().engine == "gated"
    upsampler.prepare((GRID[0] * 8, GRID[1] * 8), GRID)
    assert upsampler.describe().engine == "openvino"
    assert "the runtime refuses these bytes" in upsampler.describe().reason
    upsampler.close()
    by_name = Upsampler(weights=artifact.folder, engine="gated", threads=1, engine_cache=cache.folder)
    with pytest.raises(EngineError, match="expected a plan that can be loaded here.*refuses these bytes"):
        by_name.prepare((GRID[0] * 8, GRID[1] * 8), GRID)
