"""What serves, and what is prepared beside it, on fake engines; on real ones see test_local_engines.py."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from fake_engines import FakeEngines
from supplying import SIZES, at_rest, serve, serve_until, step, wait_until
from two_cameras import COLOUR, DEPTH, motion

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.engines import EngineError
from depth_sr_ros.serving.supply import EngineSupply
from depth_sr_ros.upsampler import UpsamplerError


@pytest.fixture
def planned(engines) -> FakeEngines:
    """The most preferred engine needs a plan, whose build waits at the gate."""
    engines.planned = True
    return engines


def test_frames_are_served_until_the_new_engine_is_ready_and_by_it_afterwards(supply, settings, told):
    serve(supply)
    old = supply.current()
    supply.change(replace(settings, model="dkn"))
    assert serve_until(supply, lambda: supply.current() is not old) > 0
    assert supply.describe().model == "dkn_x8"
    assert supply.state().swaps == 1
    weights_id = supply.describe().weights_id
    assert told == [(False, f"from this frame on dkn_x8 (weights {weights_id}) runs on it runs here")]


def test_the_new_engine_is_warm_for_the_frames_that_come(supply, settings):
    serve(supply)
    supply.change(replace(settings, model="dkn"))
    serve_until(supply, lambda: supply.state().doing.startswith("waiting") or supply.state().swaps)
    assert supply.current().sizes[:2] == SIZES and supply.describe().model == "dkn_x8"


def test_a_preparation_before_the_first_frame_is_not_warm_and_takes_over_with_it(supply, settings):
    supply.change(replace(settings, model="dkn"))
    wait_until(supply, lambda: supply.state().doing.startswith("waiting"))
    new = supply.current()
    assert (new.describe().model, new.sizes) == ("dkn_x8", None)


def test_frames_do_not_wait_for_the_old_engine_to_be_closed(settings, engines):
    supply = EngineSupply(settings, keep_previous=False, source=engines)
    serve(supply)
    old, go_on = supply.current(), threading.Event()
    engines.closing = lambda upsampler: go_on.wait(60)
    supply.change(replace(settings, model="dkn"))
    serve_until(supply, lambda: supply.state().swaps)
    for _ in range(3):
        serve(supply)
    assert supply.describe().model == "dkn_x8" and old.sizes
    go_on.set()
    serve_until(supply, lambda: old.sizes is None)
    supply.close()
    assert [upsampler.closings for upsampler in engines.upsamplers] == [1, 1]


def test_frames_do_not_wait_for_an_engine_that_is_prepared(supply, settings, engines):
    serve(supply)
    preparing, go_on = threading.Event(), threading.Event()
    engines.preparing = lambda upsampler: preparing.set() or go_on.wait(60)
    supply.change(replace(settings, model="dkn"))
    assert preparing.wait(60)
    supply.change(replace(settings, model="dagf"))  # cannot interrupt it, and does not wait for it
    supply.served(*(tuple(2 * side for side in size) for size in SIZES))
    serve(supply)
    assert supply.state().doing == f"preparing {replace(settings, model='dkn')}" and supply.state().swaps == 0
    go_on.set()
    serve_until(supply, lambda: supply.state().swaps)
    assert (supply.describe().model, supply.state().swaps) == ("dagf_x8_live", 1)


def test_the_last_frame_of_the_old_engine_asks_for_no_plan(supply, settings):
    serve(supply)
    old = supply.current()
    supply.change(replace(settings, model="dkn"))
    wait_until(supply, lambda: supply.state().doing.startswith("waiting"))
    old.wanted_plans = lambda: pytest.fail("asked for its plans")
    supply.served(*(tuple(2 * side for side in size) for size in SIZES))
    serve_until(supply, lambda: supply.describe().model == "dkn_x8")


def test_settings_that_fail_are_told_once_and_the_old_engine_serves_on(supply, settings, told):
    serve(supply)
    old = supply.current()
    refused = replace(settings, model="dkn", scale=4)
    supply.change(refused)
    serve_until(supply, lambda: supply.state().refused)
    assert supply.current() is old
    assert supply.state().refused == refused
    assert "dkn x4" in supply.state().failure and "fdkn x8" in supply.state().failure
    assert told == [(True, supply.state().failure)]


def test_an_engine_that_cannot_be_prepared_is_closed_and_refused(supply, settings, engines):
    serve(supply)

    def fail(upsampler):
        upsampler.sizes = SIZES  # half made
        raise MemoryError("no memory")

    engines.preparing = fail
    supply.change(replace(settings, model="dkn"))
    serve_until(supply, lambda: supply.state().refused)
    assert supply.state().failure.endswith("goes on: no memory")
    assert engines.in_memory() == [supply.current()]


def test_an_engine_that_cannot_be_closed_is_told_and_everything_goes_on(supply, settings, engines, told):
    serve(supply)
    for model in ("dkn", "dagf"):  # the first engine is nothing to go back to any more
        swaps = supply.state().swaps
        supply.change(replace(settings, model=model))
        engines.closing = fail_once(engines)
        serve_until(supply, lambda swaps=swaps: supply.state().swaps > swaps)
    serve_until(supply, lambda: supply.state().failure)
    assert (True, "OSError: it does not close") in told
    supply.change(replace(settings, model="dkn"))
    serve_until(supply, lambda: supply.describe().model == "dkn_x8")
    engines.upsamplers[0].close()


def fail_once(engines):
    def closing(upsampler):
        engines.closing = lambda upsampler: None
        raise OSError("it does not close")

    return closing


def test_only_the_newest_settings_are_prepared(supply, settings, engines):
    serve(supply)
    for model in ("dagf", "dkn", "dagf", "dkn"):
        supply.change(replace(settings, model=model))
    serve_until(supply, lambda: supply.state().swaps)
    assert (supply.describe().model, supply.state().swaps) == ("dkn_x8", 1)
    assert len(engines.upsamplers) == 2


def test_settings_changed_back_in_time_change_nothing(supply, settings):
    serve(supply)
    old = supply.current()
    supply.change(replace(settings, model="dkn"))
    supply.change(settings)
    serve_until(supply, lambda: at_rest(supply))
    assert supply.current() is old and (supply.state().failure, supply.state().swaps) == ("", 0)


def test_copies_of_weights_are_let_go_of_that_nothing_runs_on_nor_ran_on_before(supply, settings, engines):
    folders = [supply.state().serving.deployment.artifact.folder]
    for model in ("dkn", "dagf"):
        swaps = supply.state().swaps
        supply.change(replace(settings, model=model))
        serve_until(supply, lambda swaps=swaps: supply.state().swaps > swaps)
        folders.append(supply.state().serving.deployment.artifact.folder)
    assert engines.released[0] == set(folders[:2])
    supply.change(replace(settings, model="dagf", scale=99))
    serve_until(supply, lambda: supply.state().refused)
    assert engines.released[-1] == set(folders[1:])


def test_a_missing_plan_is_built_while_another_engine_serves(planned, supply, settings, told):
    serve_until(supply, lambda: step(supply) == "at the gate")
    assert supply.describe().engine == "openvino"
    assert supply.state().doing == "building gated fp32 of fdkn_x8_live for 40x32"
    assert (False, "building gated fp32 of fdkn_x8_live for 40x32 beside the running engine") in told
    planned.gate.set()
    serve_until(supply, lambda: supply.describe().engine == "gated")
    assert (supply.state().failure, supply.state().previous) == ("", None)


def test_frames_of_another_size_ask_for_a_plan_of_theirs(planned, supply):
    planned.gate.set()
    serve_until(supply, lambda: supply.describe().engine == "gated")
    rgb_size, depth_size = (tuple(2 * side for side in size) for size in SIZES)
    supply.current().prepare(rgb_size, depth_size)
    supply.served(rgb_size, depth_size)
    wait_until(supply, lambda: len(planned.builds) == 2)
    assert str(planned.builds[1].request).endswith("for 80x64")


def test_a_build_goes_on_after_other_settings_were_refused(planned, supply, settings):
    serve_until(supply, lambda: step(supply) == "at the gate")
    supply.change(replace(settings, model="dkn", scale=4))
    serve_until(supply, lambda: supply.state().refused)
    serve_until(supply, lambda: step(supply) == "at the gate")
    planned.gate.set()
    serve_until(supply, lambda: supply.describe().engine == "gated")


def test_a_build_is_stopped_at_once_for_other_settings(planned, supply, settings):
    serve_until(supply, lambda: step(supply) == "at the gate")
    supply.change(replace(settings, model="dkn", engine="openvino"))
    wait_until(supply, lambda: planned.builds[0].stopped, timeout=1.0)
    serve_until(supply, lambda: supply.describe().model == "dkn_x8")
    assert len(planned.builds) == 1


def test_a_build_that_fails_is_not_tried_again(planned, supply):
    planned.build_error = EngineError("the plan is broken")
    planned.gate.set()
    serve_until(supply, lambda: supply.state().failure)
    assert supply.state().failure == "gated fp32 of fdkn_x8_live for 40x32: the plan is broken"
    serve_until(supply, lambda: at_rest(supply))
    serve(supply)
    assert at_rest(supply) and len(planned.builds) == 1
    assert (supply.state().doing, supply.describe().engine) == ("", "openvino")


def test_a_plan_that_cannot_be_loaded_here_is_built_once_and_told(planned, supply):
    planned.gate.set()
    planned.unloadable = "another device"
    serve_until(supply, lambda: supply.state().failure)
    words = "gated fp32 of fdkn_x8_live for 40x32: built, but cannot be loaded here: another device"
    assert supply.state().failure == words
    serve_until(supply, lambda: at_rest(supply))
    serve(supply)
    assert at_rest(supply) and len(planned.builds) == 1
    assert (supply.state().swaps, supply.describe().engine) == (0, "openvino")


def test_an_engine_asked_for_that_cannot_be_loaded_here_is_refused(planned, supply, settings):
    """No stand-in takes over for it, which would want the same plan again."""
    planned.gate.set()
    planned.unloadable = "another device"
    asked = replace(settings, model="dkn", engine="gated")
    serve(supply)
    supply.change(asked)
    serve_until(supply, lambda: supply.state().refused)
    assert supply.state().refused == asked
    assert "built, but cannot be loaded here" in supply.state().failure
    assert (supply.describe().model, supply.state().swaps) == ("fdkn_x8_live", 0)
    assert [build.request.artifact.card.model for build in planned.builds].count("dkn") == 1


def test_an_engine_asked_for_takes_over_when_its_plan_is_built_and_not_a_stand_in(planned, supply, settings):
    """Before the change the serving engine is held on the CPU by its name."""
    supply.change(replace(settings, engine="onnxruntime"))
    serve_until(supply, lambda: supply.describe().engine == "onnxruntime")
    supply.change(replace(settings, engine="gated"))
    serve_until(supply, lambda: step(supply) == "at the gate")
    assert supply.describe().engine == "onnxruntime"
    assert supply.state().preparing.settings.engine == "gated"
    planned.gate.set()
    serve_until(supply, lambda: supply.describe().engine == "gated")
    assert supply.state().swaps == 2


def test_closing_ends_a_build_and_closes_everything(settings, engines):
    engines.planned = True
    supply = EngineSupply(settings, source=engines)
    serve(supply)
    supply.change(replace(settings, model="dkn", engine="openvino"))
    serve_until(supply, lambda: supply.state().swaps)
    supply.change(replace(settings, model="dagf"))
    serve_until(supply, lambda: supply.state().swaps == 2)
    serve_until(supply, lambda: step(supply) == "at the gate")
    supply.close()
    assert engines.builds[-1].stopped and engines.in_memory() == []
    assert [upsampler.closings for upsampler in engines.upsamplers] == [1, 1, 1]
    assert engines.released[-1] == set()


def test_what_is_being_prepared_at_the_end_is_closed_when_it_is_made(settings, engines, monkeypatch):
    monkeypatch.setattr("depth_sr_ros.serving.supply.PATIENCE_S", 0.05)
    supply = EngineSupply(settings, source=engines)
    serve(supply)
    preparing, go_on = threading.Event(), threading.Event()
    engines.preparing = lambda upsampler: preparing.set() or go_on.wait(60)
    supply.change(replace(settings, model="dkn"))
    assert preparing.wait(60)
    supply.close()
    go_on.set()
    deadline = time.monotonic() + 60
    while [upsampler.closings for upsampler in engines.upsamplers] != [1, 1]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_abandoned_supply_prepares_nothing_and_leaves_its_engines(settings, engines):
    supply = EngineSupply(settings, source=engines)
    serve(supply)
    supply.abandon()
    supply.change(replace(settings, model="dkn"))
    time.sleep(0.2)
    serve(supply)
    assert len(engines.upsamplers) == 1 and engines.in_memory() == [supply.current()]


def test_a_first_engine_that_cannot_be_had_is_an_error(settings, engines):
    with pytest.raises(UpsamplerError, match="expected one of"):
        EngineSupply(replace(settings, model="dinosaur"), source=engines)


def test_a_build_that_cannot_be_started_is_told(planned, supply, monkeypatch):
    def build(request):
        raise OSError("no more processes")

    planned.build = build
    serve_until(supply, lambda: supply.state().failure)
    assert supply.state().failure.endswith("no more processes")


def test_what_takes_over_is_made_warm_for_the_cameras_of_the_frames(supply, settings):
    """And told of again when they change, though their sizes do not."""
    near, far = (Calibration(COLOUR, DEPTH, motion(x=x)) for x in (-0.03, -0.05))
    supply.current()
    supply.served(COLOUR.size, DEPTH.size, near)
    supply.served(COLOUR.size, DEPTH.size, far)
    supply.change(replace(settings, model="dkn"))
    wait_until(supply, lambda: supply.state().doing.startswith("waiting"))
    assert supply.current().sizes == (COLOUR.size, DEPTH.size, Calibration(COLOUR, DEPTH, motion(x=-0.05)))
