"""The engine supply on engines that compute, with plans that real processes build."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from gated import GatedEngine
from supplying import SIZES, at_rest, serve, serve_until, step

from depth_sr_ros.artifact import SHIPPED
from depth_sr_ros.engines import EngineMemoryError, PlanCache
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.supply import EngineSupply
from depth_sr_ros.upsampler import UpsamplerError


def builds() -> list[str]:
    return Path(os.environ["BUILDS"]).read_text().splitlines()


def test_frames_are_served_until_the_new_engine_is_ready_and_by_it_afterwards(local, settings):
    serve(local)
    old = local.current()
    local.change(replace(settings, model="dkn"))
    assert serve_until(local, lambda: local.current() is not old) > 0
    assert (local.describe().model, local.state().swaps) == ("dkn_x8", 1)
    serve(local)


def test_nothing_is_built_for_an_engine_that_compiles_quickly(local, settings):
    serve(local)
    serve_until(local, lambda: at_rest(local))
    serve(local)
    assert at_rest(local)
    assert PlanCache(settings.plans().folder).cards() == []


def test_a_missing_plan_is_built_while_another_engine_serves(registered, gate, local):
    assert local.describe().engine == "openvino"
    serve_until(local, lambda: step(local) == "at the gate")
    assert "building gated fp32 of fdkn_x8_live for 40x32" in local.state().doing
    gate.touch()
    assert serve_until(local, lambda: local.describe().engine == "gated") > 0
    assert local.state().failure == ""


def test_a_build_that_fails_is_not_tried_again(registered, gate, settings, monkeypatch):
    monkeypatch.setenv("GATED_WRONG", "1")
    gate.touch()
    supply = EngineSupply(replace(settings, weights=str(SHIPPED / "fdkn_x8")))
    serve_until(supply, lambda: "refused: on the golden frame" in supply.state().failure)
    serve_until(supply, lambda: at_rest(supply))
    serve(supply)
    assert at_rest(supply) and len(builds()) == 1
    assert (supply.state().doing, supply.describe().engine) == ("", "openvino")
    supply.close()


@pytest.mark.parametrize(
    ("error", "kept"),
    [(RuntimeError("another device"), 0), (EngineMemoryError("not enough memory"), 1)],
    ids=["refused", "no_memory"],
)
def test_a_plan_that_cannot_be_loaded_here_is_built_once_and_told(
    registered, gate, local, settings, monkeypatch, error, kept
):
    """For want of memory it is kept, and loaded when there is more and the engine is asked for."""
    gate.touch()
    with monkeypatch.context() as patch:
        patch.setattr(GatedEngine, "refused", (SIZES[1], error))
        serve_until(local, lambda: local.state().failure)
        assert re.search(f"gated fp32 of .*: built, but cannot be loaded here: .*{error}", local.state().failure)
        serve_until(local, lambda: at_rest(local))
    assert (local.state().swaps, local.describe().engine) == (0, "openvino")
    assert (len(PlanCache(settings.plans().folder).cards()), len(builds())) == (kept, 1)
    if kept:
        local.change(replace(settings, engine="gated"))
        serve_until(local, lambda: local.describe().engine == "gated")
        assert len(builds()) == 1


def test_an_engine_asked_for_takes_over_when_its_plan_is_built_and_not_a_stand_in(registered, gate, settings):
    """Before the change the serving engine is held on the CPU by its name."""
    supply = EngineSupply(replace(settings, engine="onnxruntime"))
    serve(supply)
    supply.change(replace(settings, engine="gated"))
    serve_until(supply, lambda: step(supply) == "at the gate")
    assert supply.describe().engine == "onnxruntime"
    gate.touch()
    serve_until(supply, lambda: supply.describe().engine == "gated")
    assert supply.state().swaps == 1
    supply.close()


def test_a_first_engine_that_cannot_be_had_is_an_error():
    with pytest.raises(UpsamplerError, match="expected one of"):
        EngineSupply(EngineSettings("dinosaur"))
