"""Live weights in 8-bit integers: what the engine makes of such a graph, and which ones are served unasked."""

import numpy as np
import pytest
from live_networks import live_artifact, wide_frame
from quantised_by_hand import quantised_artifact

from depth_sr_ros.engines import choose_engine
from depth_sr_ros.engines.openvino import engine as openvino_engine
from depth_sr_ros.engines.openvino import live_tail
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.engines.openvino.int8 import quantised_layers, write_int8_graph
from depth_sr_ros.engines.selfcheck import check_engine

openvino = pytest.importorskip("openvino")
SIZE = (104, 136)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return live_artifact(tmp_path_factory.mktemp("live"), spoken=0.05)


@pytest.fixture(scope="module")
def quantised(exported, tmp_path_factory):
    return quantised_artifact(exported, [wide_frame(*SIZE), exported.golden_inputs()], tmp_path_factory.mktemp("hand"))


def test_it_passes_the_golden_frame_and_is_not_the_other_one(quantised):
    exact, rough = (check_engine(OpenVinoEngine, quantised, precision, 1) for precision in ("fp32", "int8"))
    assert rough.passed and rough.error > 10 * exact.error


def test_maps_are_joined_as_bytes(quantised):
    """Each of the maps that the two first convolutions see is quantised alone, before they lie side by side."""
    operations = openvino.Core().read_model(quantised.int8_graph).get_ordered_ops()
    joined = [
        node for node in operations
        if node.get_type_name() == "Concat"
        and all(part.get_node().get_type_name() == "FakeQuantize" for part in node.input_values())
    ]  # fmt: skip
    users = [target.get_node() for node in joined for target in node.output(0).get_target_inputs()]
    assert len(joined) == 2 and {user.get_type_name() for user in users} == {"Convolution"}
    convolutions = [node for node in operations if node.get_type_name() == "Convolution"]
    assert quantised_layers(quantised.int8_graph) == len(convolutions)


@pytest.mark.parametrize("cut", [True, False], ids=["numba", "openvino"])
def test_it_is_close_to_float32_with_either_last_stage(quantised, monkeypatch, cut):
    monkeypatch.setattr(live_tail, "can_run_tail", lambda: cut)
    with OpenVinoEngine(quantised, SIZE, "fp32", 1) as engine:
        exact = engine.infer(wide_frame(*SIZE))
    with OpenVinoEngine(quantised, SIZE, "int8", 1) as engine:
        assert isinstance(engine._tail, live_tail.LiveTail) == cut
        outputs = engine.infer(wide_frame(*SIZE))
    apart = {name: np.mean(np.abs(outputs[name] / wanted - 1)) for name, wanted in exact.items()}
    assert 1e-5 < apart["depth_hr"] < 1.5e-3
    assert 1e-4 < apart["expected_error"] < 0.05


@pytest.mark.parametrize(("cost", "fast", "serves"), [(0.0, True, True), (0.02, True, False), (0.0, False, False)])
def test_it_serves_unasked_where_the_card_and_the_machine_allow(
    exported, tmp_path, monkeypatch, no_gpu_engines, cost, fast, serves
):
    made = quantised_artifact(exported, [wide_frame(*SIZE), exported.golden_inputs()], tmp_path, cost)
    monkeypatch.setattr(openvino_engine, "multiplies_bytes", lambda: fast)
    assert (choose_engine(made, threads=1).precision == "int8") == serves
    assert choose_engine(made, precision="int8", threads=1).precision == "int8"


def test_nncf_quantises_all_convolutions(exported, tmp_path):
    pytest.importorskip("nncf", reason="making 8-bit graphs needs nncf, of the extra `quantise`")
    files = write_int8_graph(exported, [wide_frame(*SIZE)], tmp_path)
    operations = openvino.Core().read_model(files[0]).get_ordered_ops()
    assert quantised_layers(files[0]) == sum(node.get_type_name() == "Convolution" for node in operations)
