"""Start, stop, settings: the node as a lifecycle manager, a launch file and a user meet it."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from probe import CAMERA, Camera, Child, Probe, assert_ends_cleanly, start_node
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters

pytestmark = pytest.mark.dds


def call(probe: Probe, kind: type, service: str, request):
    """Calls a service of the node; asks again when no answer comes, for requests that may be repeated."""
    # DDS loses the answer when the server has not met the client's reader yet, and the client cannot see that.
    for _ in range(10):
        future = probe.client(kind, f"depth_sr/{service}").call_async(request)
        probe.spin_for(3.0, until=future.done)
        if future.done():
            return future.result()
    raise AssertionError(f"no answer from {service}")


def change(probe: Probe, transition: int) -> bool:
    """Asks once for a transition, of a server that has answered before."""
    state(probe)
    future = probe.client(ChangeState, "depth_sr/change_state").call_async(
        ChangeState.Request(transition=Transition(id=transition))
    )
    probe.spin_until(future.done, what="change_state")
    return future.result().success


def state(probe: Probe) -> str:
    return call(probe, GetState, "get_state", GetState.Request()).current_state.label


@pytest.fixture
def side(ros, request):
    probe = Probe(f"/{request.node.name.partition('[')[0]}")
    yield probe
    probe.close()


def test_goes_through_its_states_when_a_manager_asks(side):
    node = start_node(side.namespace, autostart=False)
    assert state(side) == "unconfigured"
    assert "state" in side.new_report() and side.diagnostics["state"] == "unconfigured"
    camera, outputs = Camera(side), side.listen("depth/upsampled")
    for _ in range(2):
        assert change(side, Transition.TRANSITION_CONFIGURE)
        assert change(side, Transition.TRANSITION_ACTIVATE)
        assert state(side) == "active"
        outputs.clear()
        camera.warm_up(outputs)
        assert change(side, Transition.TRANSITION_DEACTIVATE)
        side.spin_until(lambda: camera.rgb.get_subscription_count() == 0, what="the subscription to go")
        assert change(side, Transition.TRANSITION_CLEANUP)
    assert change(side, Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert_ends_cleanly(node)


@pytest.fixture
def held(side, tmp_path, monkeypatch):
    """A node that has served, whose engine does not return from now on; and the file that holds it."""
    hold = tmp_path / "hold"
    monkeypatch.setenv("HOLD", str(hold))
    node = start_node(side.namespace, program=(str(Path(__file__).with_name("held_node.py")),), silence_after=0.6)
    camera, outputs = Camera(side), side.listen("depth/upsampled")
    camera.warm_up(outputs)
    hold.touch()
    side.spin_until(lambda: camera.send() and side.diagnostics.get("silence") == "engine_slow", what="a hung engine")
    yield node, camera, outputs, hold
    camera.close()


def test_an_engine_that_does_not_come_back_holds_nobody_up(side, held):
    node, camera, outputs, hold = held
    assert not change(side, Transition.TRANSITION_DEACTIVATE)
    assert re.search(r"did not come back from a frame within \d+ s", node.wait_for("ERROR.*was abandoned"))
    assert state(side) == "unconfigured"
    side.spin_until(lambda: "was abandoned" in side.diagnostics.get("message/stream", ""), what="diagnostics to say so")
    outputs.clear()
    hold.unlink()
    side.spin_for(1.0)
    assert not outputs and not node.find("publish_error|engine_error"), "the frame that was given up is not published"
    assert change(side, Transition.TRANSITION_CONFIGURE) and change(side, Transition.TRANSITION_ACTIVATE)
    camera.warm_up(outputs)
    assert node.stop() == 1 and not node.find("Traceback")


def test_an_engine_that_does_not_come_back_does_not_keep_the_process(held):
    node, *_ = held
    assert node.stop() == 1
    assert node.find("ERROR.*was abandoned") and not node.find("Traceback")


def test_refuses_to_configure_with_a_bad_value_and_lives(side):
    node = start_node(side.namespace, autostart=False, engine="abacus")
    assert not change(side, Transition.TRANSITION_CONFIGURE)
    assert state(side) == "unconfigured"
    side.spin_until(lambda: "abacus" in side.diagnostics.get("message/stream", ""))
    errors = [line for line in node.lines if "ERROR" in line]
    assert len(errors) == 1
    assert not node.find("Traceback")
    assert_ends_cleanly(node)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("model", "dinosaur", "model: expected .*fdkn.*'dinosaur'"),
        ("scale", "3", "scale 3: expected .*fdkn_x8"),
        ("scale", "eight", "scale: expected integer .*'eight'"),
        ("precision", "fp7", "precision.*expected .*fp7"),
        ("output_encoding", "64FC1", "output_encoding: expected .*32FC1.*'64FC1'"),
        ("input_queue_depth", "11", "input_queue_depth: expected integer .1 to 10.*11"),
        ("colormap_range", "[5.0, 1.0]", "colormap_range: expected two numbers"),
        ("weights", "/nowhere", "/nowhere"),
        ("depth_to_colour", "[0.1, 0.0, 0.0]", "depth_to_colour: expected seven numbers"),
        ("depth_max", "-1.0", "depth_max: expected number .0 to 1000.*-1"),
        ("qos_overrides.{ns}/rgb/image.subscription.reliability", "often", "often"),
    ],
)
def test_ends_with_one_sentence_when_it_should_start_with_a_bad_value(side, name, value, sentence):
    node = start_node(side.namespace, **{name.format(ns=side.namespace): value})
    assert node.process.wait(30) == 1
    errors = [line for line in node.lines if "ERROR" in line]
    assert len(errors) == 1 and node.find(sentence), node.lines
    assert not node.find("Traceback")


def test_names_the_nearest_known_parameter_for_an_unknown_one(side):
    qos = f"qos_overrides.{side.namespace}/rgb/image.subscription.dept"
    node = start_node(side.namespace, slopp=0.1, **{qos: 5})
    node.wait_for("parameter slopp: .*did you mean slop\\?")
    node.wait_for(r"subscription\.dept: .*did you mean .*subscription\.depth\?")
    assert_ends_cleanly(node)


def test_takes_a_qos_override(side):
    topic = f"{side.namespace}/rgb/image"
    node = start_node(side.namespace, **{f"qos_overrides.{topic}.subscription.reliability": "reliable"})
    side.spin_until(lambda: side.node.get_subscriptions_info_by_topic(topic))
    assert side.node.get_subscriptions_info_by_topic(topic)[0].qos_profile.reliability.name == "RELIABLE"
    assert_ends_cleanly(node)


def test_changes_only_dynamic_parameters_while_it_runs(side):
    node = start_node(side.namespace)

    def set_value(name: str, value: ParameterValue) -> bool:
        request = SetParameters.Request(parameters=[Parameter(name=name, value=value)])
        return call(side, SetParameters, "set_parameters", request).results[0].successful

    numbers = ParameterType.PARAMETER_DOUBLE_ARRAY
    assert set_value("colormap_range", ParameterValue(type=numbers, double_array_value=[1.0, 2.0]))
    assert not set_value("colormap_range", ParameterValue(type=numbers, double_array_value=[2.0, 1.0]))
    assert not set_value("slop", ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=0.5))
    names = DescribeParameters.Request(names=["threads", "colormap_range"])
    threads, colours = call(side, DescribeParameters, "describe_parameters", names).descriptors
    assert (threads.read_only, colours.read_only) == (True, False)
    assert threads.description and threads.integer_range[0].to_value == 1024
    assert_ends_cleanly(node)


def test_colours_by_the_range_that_was_set_before_it_was_configured(side):
    node = start_node(side.namespace, autostart=False, colormap=True)
    far = ParameterValue(type=ParameterType.PARAMETER_DOUBLE_ARRAY, double_array_value=[90.0, 99.0])
    request = SetParameters.Request(parameters=[Parameter(name="colormap_range", value=far)])
    assert call(side, SetParameters, "set_parameters", request).results[0].successful
    assert change(side, Transition.TRANSITION_CONFIGURE)
    assert change(side, Transition.TRANSITION_ACTIVATE)
    colours = side.listen("depth/colormap")
    Camera(side).warm_up(colours)
    seen = np.unique(np.frombuffer(colours[0].data, np.uint8).reshape(-1, 3), axis=0)
    assert len(seen) == 2, "everything is nearer than the range, so there is one colour, and black in the hole"
    assert_ends_cleanly(node)


def test_does_not_infer_while_nobody_subscribes(side):
    node = start_node(side.namespace)
    camera = Camera(side)
    side.spin_until(lambda: camera.send() and int(side.diagnostics.get("dropped/no_subscriber", 0)) > 3)
    assert side.diagnostics["frames_out"] == "0"
    assert side.diagnostics["message/stream"].startswith("idle")
    assert_ends_cleanly(node)


def test_infers_without_subscribers_when_told_to(side):
    node = start_node(side.namespace, always_infer=True)
    camera = Camera(side)
    side.spin_until(lambda: camera.send() and int(side.diagnostics.get("frames_out", 0)) > 3)
    assert_ends_cleanly(node)


def test_survives_activations_in_the_middle_of_a_fast_stream(side):
    node = start_node(side.namespace)
    outputs = side.listen("depth/upsampled")
    driver = Child(CAMERA, side.namespace, "160", "120", "8", "100000", "100")
    for _ in range(5):
        outputs.clear()
        side.spin_until(lambda: len(outputs) > 3, what="outputs")
        assert change(side, Transition.TRANSITION_DEACTIVATE)
        assert change(side, Transition.TRANSITION_ACTIVATE)
    assert change(side, Transition.TRANSITION_DEACTIVATE)
    told = side.new_report()
    dropped = sum(int(value) for key, value in told.items() if key.startswith("dropped/"))
    assert int(told["pairs_in"]) == int(told["frames_out"]) + dropped
    driver.stop(signal.SIGKILL)
    assert_ends_cleanly(node)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_ends_cleanly_in_the_middle_of_a_stream(side, how):
    node = start_node(side.namespace)
    camera, outputs = Camera(side), side.listen("depth/upsampled")
    camera.warm_up(outputs)
    for _ in range(5):
        camera.send()
    assert_ends_cleanly(node, how)
