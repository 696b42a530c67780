"""Which parts of a graph become 8-bit integers."""

import numpy as np
import pytest

from depth_sr_ros.artifact import INT8, read_artifact, write_artifact
from depth_sr_ros.engines import EngineError, choose_engine
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.engines.selfcheck import check_engine

pytest.importorskip("nncf", reason="making 8-bit graphs needs nncf, of the extra `quantise`")
openvino = pytest.importorskip("openvino")

from depth_sr_ros.engines.openvino.int8 import quantised_layers, write_int8_graph  # noqa: E402


@pytest.fixture(scope="module")
def quantised(artifact, tmp_path_factory):
    """FDKN calibrated with its golden frame and one of another size."""
    rng = np.random.default_rng(0)
    frame = {
        "rgb": rng.integers(0, 256, (96, 64, 3), dtype=np.uint8),
        "depth": rng.uniform(1, 3, (12, 8)).astype(np.float32),
    }
    folder = tmp_path_factory.mktemp("int8")
    files = write_int8_graph(artifact, [frame], folder)
    assert tuple(path.name for path in files) == INT8
    fixture = artifact.fixture()
    return write_artifact(folder / "artifact", artifact.card, artifact.graph, artifact.weights, fixture, files)


def test_all_convolutions_but_the_first_are_quantised_and_nothing_else(artifact, quantised):
    operations = openvino.Core().read_model(quantised.int8_graph).get_ordered_ops()
    convolutions = [node for node in operations if node.get_type_name() == "Convolution"]
    assert quantised_layers(quantised.int8_graph) == len(convolutions) - 2
    for node in operations:
        if node.get_type_name() == "FakeQuantize":
            users = {target.get_node().get_type_name() for target in node.output(0).get_target_inputs()}
            assert users == {"Convolution"}


def test_8_bit_graph_passes_the_golden_frame_and_is_not_the_other_one(artifact, quantised):
    check = check_engine(OpenVinoEngine, quantised, "int8", threads=1)
    exact = check_engine(OpenVinoEngine, quantised, "fp32", threads=1)
    assert check.passed and check.error > 10 * exact.error


def test_8_bit_is_there_for_the_asking_only(artifact, quantised):
    assert "int8" not in OpenVinoEngine.precisions_of(artifact)
    assert OpenVinoEngine.precisions_of(quantised)[-1] == "int8"
    assert choose_engine(quantised, engine="openvino", threads=1).precision != "int8"
    assert choose_engine(quantised, precision="int8", threads=1).precision == "int8"
    with pytest.raises(EngineError, match="found 'int8'; make an artifact that has it with `depth-sr quantise`"):
        choose_engine(artifact, engine="openvino", precision="int8")


def test_a_damaged_8_bit_graph_is_noticed(quantised, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in quantised.folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / INT8[1]).write_bytes(b"x" + (copy / INT8[1]).read_bytes()[1:])
    with pytest.raises(ValueError, match=r"int8\.bin: damaged file"):
        read_artifact(copy)
