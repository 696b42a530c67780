"""The live frame graph as it is exported: the same in every runtime, at any size."""

import numpy as np
import onnx
import pytest
import torch
from live_networks import OPTIONS, live_artifact, live_network, wide_frame

from depth_sr_ros.artifact import ArtifactError, find_artifact, read_artifact
from depth_sr_ros.engines.onnxruntime import OnnxRuntimeEngine
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.engines.torch.network import load_network
from depth_sr_ros.frame_graphs import LIVE
from depth_sr_ros.models import LiveNetwork
from depth_sr_ros.models.export.artifacts import frame_graph_of
from depth_sr_ros.models.export.example_frames import LIVE_SIZE


@pytest.fixture(scope="module", params=sorted(OPTIONS))
def exported(request, tmp_path_factory):
    return live_artifact(tmp_path_factory.getbasetemp() / "live", model=request.param)


@pytest.mark.parametrize("size", [(64, 96), (160, 224)])
def test_runtimes_agree_with_torch(exported, size):
    frame = wide_frame(*size)
    graph = frame_graph_of(load_network(exported))
    with torch.inference_mode():
        depth, error = (t.numpy() for t in graph(*(torch.from_numpy(frame[name]) for name in LIVE.inputs)))
    for runtime in (OnnxRuntimeEngine, OpenVinoEngine):
        with runtime(exported, size, "fp32", 1) as engine:
            outputs = engine.infer(frame)
        assert list(outputs) == ["depth_hr", "expected_error"]
        np.testing.assert_allclose(outputs["depth_hr"], depth, rtol=2e-4, err_msg=runtime.name)
        np.testing.assert_allclose(outputs["expected_error"], error, rtol=2e-3, err_msg=runtime.name)


def test_graph_has_symbolic_size_and_a_safe_opset(exported):
    proto = onnx.load(str(exported.graph))
    assert all(o.version < 20 for o in proto.opset_import)
    for graph_input in proto.graph.input:
        dims = graph_input.type.tensor_type.shape.dim
        assert dims[0].dim_param and dims[1].dim_param


def test_card_says_which_frame_graph_it_is(exported):
    model = exported.card.model
    again = read_artifact(exported.folder, model, 0)
    assert (again.card.name, again.card.scale, again.card.frame_graph) == (f"{model}_live", 0, "live")
    network = load_network(again)
    assert again.card.form is LIVE and again.card.size_multiple == network.size_multiple
    assert find_artifact(model, 0, exported.folder.parent).card == again.card
    assert isinstance(network, LiveNetwork) and network.options == live_network(model=model).options
    with pytest.raises(ArtifactError, match="expected weights for scale 8, found 0"):
        read_artifact(exported.folder, model, 8)


def test_golden_frame_holds_inputs_and_outputs_and_what_is_hard(exported):
    fixture = exported.fixture()
    assert set(fixture) == {*LIVE.inputs, *LIVE.outputs}
    step = exported.card.size_multiple
    assert exported.golden_grid == fixture["start"].shape == tuple(-(-side // step) * step for side in LIVE_SIZE)
    assert set(np.unique(fixture["quality"])) == {1, 2, 3}
    assert (fixture["near"] <= fixture["start"]).all() and (fixture["start"] <= fixture["far"]).all()
    question = fixture["near"] < fixture["far"]
    assert 0.02 < question.mean() < 0.5 and fixture["start"].max() > 500
    moved = np.abs(fixture["depth_hr"] - fixture["start"])
    assert moved[question].mean() > 0.05 and (fixture["expected_error"] > 0).all()


def test_weights_lie_beside_the_graph_once(exported):
    assert exported.graph.stat().st_size < 2**18
    assert all(i.data_location == onnx.TensorProto.EXTERNAL for i in _large(exported))


def _large(artifact):
    proto = onnx.load(str(artifact.graph), load_external_data=False)
    return [i for i in proto.graph.initializer if np.prod(i.dims) > 1024]
