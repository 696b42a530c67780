"""Another engine takes over while frames flow, over real DDS: nothing is lost, and what fails is put back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from probe import Camera, Child, Probe, assert_ends_cleanly, start_node
from switching import (
    assert_nothing_was_lost,
    drops,
    frames_more,
    roll_back,
    set_values,
    text,
    until_told,
    value_of,
    whole,
)

from depth_sr_ros.artifact import SHIPPED
from depth_sr_ros.engines import PlanCache

pytestmark = [pytest.mark.dds, pytest.mark.timeout(240)]

ENGINES = Path(__file__).parents[1] / "engines"
GATED_NODE = (str(Path(__file__).with_name("gated_node.py")),)


def test_another_model_takes_over_between_two_frames(side, driver, tmp_path):
    node = start_node(side.namespace, always_infer=True, engine_cache=tmp_path, scale=8)
    before = until_told(side, "model", "fdkn_x8_live")
    frames_more(side, 3)
    assert set_values(side, model=text("dkn"))[0].successful
    after = until_told(side, "model", "dkn_x8")
    frames_more(side, 3)
    assert (before["swaps"], after["swaps"]) == ("0", "1")
    assert after["failure"] == ""
    # what speaks against the new weights is told, and was not before
    side.spin_until(lambda: "dkn_x8 had" in side.diagnostics["notes"], what="a note on the new weights")
    assert "times bicubic's error" not in before["notes"]
    assert set_values(side, model=text("fdkn"))[0].successful
    side.spin_until(lambda: "dkn_x8" not in side.diagnostics["notes"], 90, what="the note to go with the weights")
    node.wait_for(r"from this frame on dkn_x8 \(weights \w+\) runs on openvino")
    node.wait_for(r"dkn_x8 had [\d.]+ times bicubic's error")
    assert_nothing_was_lost(side, driver)
    assert_ends_cleanly(node)


def test_a_camera_that_waits_for_each_answer_gets_every_one_across_swaps(side, tmp_path):
    """No pair can be replaced by a newer one then, however busy the machine: a pair that is missing was the swap's."""
    node = start_node(side.namespace, always_infer=True, engine_cache=tmp_path, scale=8)
    camera, outputs = Camera(side), side.listen("depth/upsampled")
    camera.warm_up(outputs)
    told = side.new_report()
    before, sent = (int(told["pairs_in"]), int(told["frames_out"]), drops(told)), 0
    for swaps, change in enumerate((lambda: set_values(side, model=text("dkn")), lambda: roll_back(side)), 1):
        change()
        while side.diagnostics["swaps"] != str(swaps):
            camera.send_and_receive(outputs)
            sent += 1
    told = side.new_report()
    assert (int(told["pairs_in"]), int(told["frames_out"]), drops(told)) == (
        before[0] + sent,
        before[1] + sent,
        before[2],
    )
    assert told["swaps"] == "2" and sent >= 4
    camera.close()
    assert_ends_cleanly(node)


def test_settings_that_belong_together_are_taken_together(side, driver, tmp_path):
    """Neither DKN at x4 nor, on the way there, two swaps."""
    node = start_node(side.namespace, always_infer=True, engine_cache=tmp_path, scale=4)
    until_told(side, "model", "fdkn_x8_live")  # the camera's own scale
    assert all(result.successful for result in set_values(side, model=text("dkn"), scale=whole(8)))
    assert until_told(side, "model", "dkn_x8")["swaps"] == "1"
    assert_ends_cleanly(node)


def test_what_is_plainly_wrong_is_refused_at_once(side, tmp_path):
    node = start_node(side.namespace, engine_cache=tmp_path)
    wrong = {
        "engine": text("abacus"), "precision": text("fp7"), "model": text("dinosaur"), "weights": text("/nowhere"),
        "scale": whole(5),
    }  # fmt: skip
    results = set_values(side, **wrong)
    assert [result.successful for result in results] == [False] * 5
    for (name, value), result in zip(wrong.items(), results, strict=True):
        assert f"{name}: expected" in result.reason
        assert str(value.string_value or value.integer_value) in result.reason
    assert value_of(side, "model").string_value == "fdkn"
    assert_ends_cleanly(node)


def test_what_turns_out_wrong_is_put_back_and_the_old_engine_serves_on(side, driver, tmp_path):
    node = start_node(side.namespace, always_infer=True, engine_cache=tmp_path, scale=8)
    until_told(side, "model", "fdkn_x8_live")
    assert set_values(side, scale=whole(4))[0].successful  # ships for FDKN
    until_told(side, "swaps", "1")
    assert set_values(side, model=text("dkn"))[0].successful  # ships, but not at x4
    told = side.spin_until(lambda: side.diagnostics.get("failure"), 60, "the failure")
    assert "dkn x4" in told and "fdkn x4" in told and "goes on" in told
    side.spin_until(lambda: value_of(side, "model").string_value == "fdkn", what="the value to be put back")
    assert side.levels["engine"] == b"\x01"
    frames_more(side, 3)
    assert side.diagnostics["swaps"] == "1"
    assert len([line for line in node.lines if "goes on" in line]) == 1
    assert_nothing_was_lost(side, driver)
    assert_ends_cleanly(node)


def gated_node(side: Probe, folder: Path, monkeypatch: pytest.MonkeyPatch, **parameters) -> Child:
    monkeypatch.setenv("GATE", str(folder / "gate"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ENGINES), os.environ.get("PYTHONPATH", "")]))
    return start_node(
        side.namespace, program=GATED_NODE, always_infer=True, engine_cache=folder / "plans", scale=8, **parameters
    )


def test_serves_while_the_preferred_engine_is_built_and_takes_it_when_it_is_ready(side, driver, tmp_path, monkeypatch):
    node = gated_node(side, tmp_path, monkeypatch)
    told = until_told(side, "build/step", "at the gate")
    assert (told["engine"], told["build/percent"]) == ("openvino", "24")
    assert "building gated fp32 of fdkn_x8_live for 160x120 (24 %" in told["message/engine"]
    frames_more(side, 5)
    (tmp_path / "gate").touch()
    assert until_told(side, "engine", "gated")["swaps"] == "1"
    frames_more(side, 3)
    assert_nothing_was_lost(side, driver)
    assert_ends_cleanly(node)


def test_starts_on_the_preferred_engine_when_its_plan_is_there(side, driver, tmp_path, monkeypatch):
    (tmp_path / "gate").touch()
    first = gated_node(side, tmp_path, monkeypatch)
    until_told(side, "engine", "gated")
    assert_ends_cleanly(first)
    side.diagnostics.clear()
    second = gated_node(side, tmp_path, monkeypatch)
    told = until_told(side, "engine", "gated")
    assert (told["swaps"], "from its plan" in told["reason"]) == ("0", True)
    assert_ends_cleanly(second)


def test_a_preferred_engine_that_computes_something_else_never_serves(side, driver, tmp_path, monkeypatch):
    monkeypatch.setenv("GATED_WRONG", "1")
    (tmp_path / "gate").touch()
    node = gated_node(side, tmp_path, monkeypatch, weights=SHIPPED / "fdkn_x8")
    side.spin_until(lambda: "refused: on the golden frame" in side.diagnostics.get("failure", ""), 90)
    frames_more(side, 3)
    assert (side.diagnostics["engine"], side.diagnostics["swaps"]) == ("openvino", "0")
    assert PlanCache(tmp_path / "plans").cards() == []
    assert_nothing_was_lost(side, driver)
    assert_ends_cleanly(node)


def test_ends_cleanly_in_the_middle_of_a_build(side, driver, tmp_path, monkeypatch):
    node = gated_node(side, tmp_path, monkeypatch)
    until_told(side, "build/step", "at the gate")
    assert_ends_cleanly(node)
    assert PlanCache(tmp_path / "plans").cards() == []
