"""What serves, and what is prepared beside it, without ROS."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from supplying import SIZES, at_rest, rest, serve, serve_until, step

from depth_sr_ros.artifact import SHIPPED
from depth_sr_ros.engines import EngineMemoryError, PlanCache
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.supply import EngineSupply
from depth_sr_ros.upsampler import Upsampler, UpsamplerError


@pytest.fixture
def settings(tmp_path):
    return EngineSettings(precision="fp32", threads=1, engine_cache=str(tmp_path / "plans"))


@pytest.fixture
def supply(settings):
    told: list[tuple[bool, str]] = []
    supply = EngineSupply(settings, lambda warning, sentence: told.append((warning, sentence)))
    supply.told = told
    yield supply
    supply.close()


def test_frames_are_served_until_the_new_engine_is_ready_and_by_it_afterwards(supply):
    serve(supply)
    old = supply.current()
    supply.change(EngineSettings("dkn", **rest(supply)))
    assert serve_until(supply, lambda: supply.current() is not old) > 0
    assert supply.describe().model == "dkn_x8"
    assert supply.state().swaps == 1
    serve(supply)


def test_the_new_engine_is_warm_for_the_frames_that_come(supply):
    serve(supply)
    supply.change(EngineSettings("dkn", **rest(supply)))
    serve_until(supply, lambda: supply.state().swaps)
    assert supply.current()._engine is not None


def test_frames_do_not_wait_for_the_old_engine_to_be_closed(settings, monkeypatch):
    supply = EngineSupply(settings, keep_previous=False)
    serve(supply)
    old, close, go_on = supply.current(), Upsampler.close, threading.Event()

    def slowly(self):
        assert self is not old or go_on.wait(60)
        close(self)

    monkeypatch.setattr(Upsampler, "close", slowly)
    supply.change(EngineSettings("dkn", **rest(supply)))
    serve_until(supply, lambda: supply.state().swaps)
    for _ in range(3):
        serve(supply)
    assert supply.describe().model == "dkn_x8" and old._engine is not None
    go_on.set()
    serve_until(supply, lambda: old._engine is None)
    supply.close()


def test_the_last_frame_of_the_old_engine_asks_for_no_plan(supply, monkeypatch):
    serve(supply)
    supply.change(EngineSettings("dkn", **rest(supply)))
    deadline = time.monotonic() + 60
    while not supply.state().doing.startswith("waiting"):  # for a frame
        assert time.monotonic() < deadline, supply.state()
        time.sleep(0.02)
    monkeypatch.setattr(supply._running.upsampler, "wanted_plans", lambda: pytest.fail("asked for its plans"))
    supply.served(*(tuple(2 * side for side in size) for size in SIZES))
    serve_until(supply, lambda: supply.describe().model == "dkn_x8")


def test_settings_that_fail_are_told_once_and_the_old_engine_serves_on(supply):
    serve(supply)
    old = supply.current()
    refused = EngineSettings("dkn", 4, **rest(supply))
    supply.change(refused)
    serve_until(supply, lambda: supply.state().refused)
    assert supply.current() is old
    assert supply.state().refused == refused
    assert "dkn x4" in supply.state().failure and "fdkn x8" in supply.state().failure
    assert [warning for warning, _ in supply.told].count(True) == 1


def test_only_the_newest_settings_are_prepared(supply):
    serve(supply)
    for model in ("dagf", "dkn", "dagf", "dkn"):
        supply.change(EngineSettings(model, **rest(supply)))
    serve_until(supply, lambda: supply.state().swaps)
    assert (supply.describe().model, supply.state().swaps) == ("dkn_x8", 1)


def test_settings_changed_back_in_time_change_nothing(supply, settings):
    serve(supply)
    old = supply.current()
    supply.change(EngineSettings("dkn", **rest(supply)))
    supply.change(settings)
    serve_until(supply, lambda: at_rest(supply))
    assert supply.current() is old and (supply.state().failure, supply.state().swaps) == ("", 0)


def test_nothing_is_built_for_an_engine_that_compiles_quickly(supply, settings):
    serve(supply)
    serve_until(supply, lambda: at_rest(supply))
    serve(supply)
    assert at_rest(supply)
    assert PlanCache(settings.plans().folder).cards() == []


def test_a_missing_plan_is_built_while_another_engine_serves(registered, gate, supply):
    assert supply.describe().engine == "openvino"
    serve_until(supply, lambda: step(supply) == "at the gate")
    assert "building gated fp32 of fdkn_x8_live for 40x32" in supply.state().doing
    gate.touch()
    assert serve_until(supply, lambda: supply.describe().engine == "gated") > 0
    assert supply.state().failure == ""


def test_a_build_goes_on_after_other_settings_were_refused(registered, gate, supply):
    serve_until(supply, lambda: step(supply) == "at the gate")
    supply.change(EngineSettings("dkn", 4, **rest(supply)))
    serve_until(supply, lambda: supply.state().refused)
    serve_until(supply, lambda: step(supply) == "at the gate")
    gate.touch()
    serve_until(supply, lambda: supply.describe().engine == "gated")


def test_a_build_that_fails_is_not_tried_again(registered, gate, supply, monkeypatch):
    monkeypatch.setenv("GATED_WRONG", "1")
    gate.touch()
    wrong = EngineSettings(weights=str(SHIPPED / "fdkn_x8"), **rest(supply))
    supply.change(wrong)
    serve_until(supply, lambda: "refused: on the golden frame" in supply.state().failure)
    serve_until(supply, lambda: at_rest(supply))
    serve(supply)
    assert at_rest(supply)
    builds = Path(os.environ["BUILDS"]).read_text().splitlines()
    assert len(builds) == len(set(builds))
    assert (supply.state().doing, supply.describe().engine) == ("", "openvino")


def built_plans(settings):
    return PlanCache(settings.plans().folder).cards()


def unloadable_here(monkeypatch, error):
    """The gated engine's plans of the frames' size are built and checked by other processes, and not loaded by this."""
    from gated import GatedEngine

    def build(self, artifact, grid, precision, threads):
        if tuple(grid) == SIZES[1]:
            raise error
        real(self, artifact, grid, precision, threads)

    real = GatedEngine._build
    monkeypatch.setattr(GatedEngine, "_build", build)


@pytest.mark.parametrize(
    ("error", "kept"),
    [(RuntimeError("another device"), 0), (EngineMemoryError("not enough memory"), 1)],
    ids=["refused", "no_memory"],
)
def test_a_plan_that_cannot_be_loaded_here_is_built_once_and_told(
    registered, gate, supply, settings, monkeypatch, error, kept
):
    gate.touch()
    unloadable_here(monkeypatch, error)
    serve_until(supply, lambda: supply.state().failure)
    assert re.search(f"gated fp32 of .*: built, but cannot be loaded here: .*{error}", supply.state().failure)
    serve_until(supply, lambda: at_rest(supply))
    serve(supply)
    assert at_rest(supply)
    assert len(Path(os.environ["BUILDS"]).read_text().splitlines()) == 1
    assert (supply.state().swaps, supply.describe().engine, len(built_plans(settings))) == (0, "openvino", kept)


def test_a_plan_that_had_too_little_memory_is_loaded_when_there_is_more(
    registered, gate, supply, settings, monkeypatch
):
    gate.touch()
    with monkeypatch.context() as patch:
        unloadable_here(patch, EngineMemoryError("not enough memory"))
        serve_until(supply, lambda: supply.state().failure)
        serve_until(supply, lambda: at_rest(supply))
    supply.change(replace(settings, engine="gated"))
    serve_until(supply, lambda: supply.describe().engine == "gated")
    assert len(Path(os.environ["BUILDS"]).read_text().splitlines()) == 1


def test_an_engine_asked_for_that_cannot_be_loaded_here_is_refused(registered, gate, supply, settings, monkeypatch):
    """No stand-in takes over for it, which would want the same plan again."""
    gate.touch()
    supply.change(replace(settings, engine="onnxruntime"))
    serve_until(supply, lambda: supply.describe().engine == "onnxruntime")
    serve_until(supply, lambda: at_rest(supply))
    builds, swaps = Path(os.environ["BUILDS"]), supply.state().swaps
    before = builds.read_text().splitlines() if builds.exists() else []
    unloadable_here(monkeypatch, RuntimeError("another device"))
    asked = replace(settings, model="dkn", engine="gated")
    supply.change(asked)
    serve_until(supply, lambda: supply.state().refused)
    assert supply.state().refused == asked
    assert "built, but cannot be loaded here" in supply.state().failure
    assert (supply.describe().engine, supply.state().swaps) == ("onnxruntime", swaps)
    assert len(builds.read_text().splitlines()) == len(before) + 1


def test_an_engine_asked_for_takes_over_when_its_plan_is_built_and_not_a_stand_in(registered, gate, supply, settings):
    """Before the change the serving engine is held on the CPU by its name."""
    supply.change(replace(settings, engine="onnxruntime"))
    serve_until(supply, lambda: supply.describe().engine == "onnxruntime")
    swaps = supply.state().swaps
    supply.change(replace(settings, engine="gated"))
    serve_until(supply, lambda: step(supply) == "at the gate")
    assert supply.describe().engine == "onnxruntime"
    gate.touch()
    serve_until(supply, lambda: supply.describe().engine == "gated")
    assert supply.state().swaps == swaps + 1


def test_a_first_engine_that_cannot_be_had_is_an_error(settings):
    with pytest.raises(UpsamplerError, match="expected one of"):
        EngineSupply(EngineSettings("dinosaur"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (EngineSettings("dinosaur"), "model: expected one of .*fdkn_x8.*'dinosaur'"),
        (EngineSettings(scale=5), r"scale: expected one of \[4, 8, .*\], found 5"),
        (EngineSettings(engine="abacus"), "engine: expected one of .*'abacus'"),
        (EngineSettings(precision="fp7"), "precision: expected one of .*'fp7'"),
        (EngineSettings(weights="/nowhere"), "weights: expected an artifact folder .*'/nowhere'"),
    ],
)
def test_plainly_wrong_settings_are_told_without_trying(settings, words):
    assert re.search(words, settings.problem())


@pytest.mark.parametrize(
    "settings", [EngineSettings(), EngineSettings("dkn", 4), EngineSettings("own", 3, weights=str(SHIPPED / "fdkn_x4"))]
)
def test_settings_whose_parts_are_known_are_worth_a_try(settings):
    assert settings.problem() is None
