"""An engine that computes something else is refused before it serves."""

import shutil

import numpy as np
import onnx
import pytest

from depth_sr_ros.artifact import GRAPH, Artifact
from depth_sr_ros.engines import EngineError, choose_engine
from depth_sr_ros.engines.onnxruntime import OnnxRuntimeEngine
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.engines.selfcheck import check_engine, compare


def _with_nearest_sampling(artifact, folder):
    """A copy whose graph samples nearest: what TensorRT makes of GridSample at opset 20."""
    shutil.copytree(artifact.folder, folder)
    proto = onnx.load(str(folder / GRAPH))
    for node in proto.graph.node:
        if node.op_type == "GridSample":
            for attribute in node.attribute:
                if attribute.name == "mode":
                    attribute.s = b"nearest"
    onnx.save(proto, str(folder / GRAPH))
    return Artifact(folder, artifact.card)


@pytest.mark.parametrize("runtime", [OpenVinoEngine, OnnxRuntimeEngine])
def test_every_precision_passes_on_the_shipped_weights(runtime, artifact):
    for precision in runtime.precisions():
        assert check_engine(runtime, artifact, precision, threads=0).passed


@pytest.mark.parametrize("runtime", [OpenVinoEngine, OnnxRuntimeEngine])
def test_nearest_sampling_is_caught_in_every_precision(runtime, artifact, tmp_path):
    wrong = _with_nearest_sampling(artifact, tmp_path / "wrong")
    for precision in runtime.precisions():
        with pytest.raises(EngineError, match="refused: on the golden frame"):
            check_engine(runtime, wrong, precision, threads=0)


def test_choice_says_what_was_refused_and_fails_when_nothing_is_left(artifact, tmp_path, caplog, no_gpu_engines):
    """torch runs from the weights, not from the graph, so it still serves where the graph is wrong."""
    wrong = _with_nearest_sampling(artifact, tmp_path / "wrong")
    choice = choose_engine(wrong)
    assert choice.runtime.name == "torch"
    assert "passed over" in choice.reason and "openvino" in choice.reason
    assert "refused" in caplog.text
    with pytest.raises(EngineError, match="refused"):
        choose_engine(wrong, engine="openvino")


def test_not_a_number_never_passes(artifact):
    fixture = artifact.fixture()
    outputs = {"depth_hr": np.full_like(fixture["depth_hr"], np.nan), "valid": fixture["valid"]}
    assert not compare(outputs, fixture, "fp32").passed


def test_wrong_validity_never_passes(artifact):
    fixture = artifact.fixture()
    assert not compare({"depth_hr": fixture["depth_hr"], "valid": 1 - fixture["valid"]}, fixture, "fp32").passed
