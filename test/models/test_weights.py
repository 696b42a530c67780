"""Weights in small storage, and graphs that read them from the file beside them."""

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.torch
import torch
from onnx import TensorProto, helper, numpy_helper

from depth_sr_ros.models.export.shared_weights import share_weights
from depth_sr_ros.models.weights import load_weights, rounded, save_weights


@pytest.fixture
def state():
    generator = torch.Generator().manual_seed(0)
    return {
        "conv.weight": torch.randn(4, 3, 3, 3, generator=generator),
        "conv.bias": torch.randn(4, generator=generator),
        "norm.num_batches_tracked": torch.tensor(7),
    }


@pytest.mark.parametrize(("storage", "error"), [("fp32", 0), ("fp16", 2**-11), ("int8", 0.5 / 127)])
def test_read_back_within_the_rounding_of_the_storage(state, tmp_path, storage, error):
    save_weights(state, tmp_path / "w.safetensors", storage)
    again = load_weights(tmp_path / "w.safetensors")
    assert set(again) == set(state)
    largest = state["conv.weight"].flatten(1).abs().amax(dim=1)[:, None, None, None]
    assert ((again["conv.weight"] - state["conv.weight"]).abs() <= error * largest + 1e-9).all()
    assert torch.equal(again["conv.bias"], state["conv.bias"])
    assert again["norm.num_batches_tracked"] == 7


@pytest.mark.parametrize("storage", ["fp32", "fp16", "int8"])
def test_rounded_is_what_reading_gives(state, tmp_path, storage):
    save_weights(state, tmp_path / "w.safetensors", storage)
    again = load_weights(tmp_path / "w.safetensors")
    for name, tensor in rounded(state, storage).items():
        assert torch.equal(tensor, again[name]), name


def test_saving_what_was_rounded_changes_nothing(state, tmp_path):
    once = rounded(state, "int8")
    twice = rounded(once, "int8")
    torch.testing.assert_close(once["conv.weight"], twice["conv.weight"], rtol=1e-6, atol=0)


def test_values_beyond_half_precision_are_refused(tmp_path):
    with pytest.raises(ValueError, match="w: half precision holds up to 65504, found 1e"):
        save_weights({"w": torch.full((1, 1), 1e6)}, tmp_path / "w.safetensors", "fp16")


def test_unknown_storage_lists_the_known(tmp_path):
    with pytest.raises(ValueError, match="fp16.*found 'fp8'"):
        save_weights({}, tmp_path / "w.safetensors", "fp8")


@pytest.mark.parametrize("storage", ["fp32", "fp16", "int8"])
def test_graph_reads_its_weights_from_the_file(state, tmp_path, storage):
    weights = tmp_path / "weights.safetensors"
    save_weights(state, weights, storage)
    values = rounded(state, storage)
    proto = _convolution(values)
    left = share_weights(proto, load_weights(weights), weights)
    assert left == 0
    onnx.save(proto, str(tmp_path / "graph.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "graph.onnx"), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)
    expected = torch.conv2d(torch.from_numpy(image), values["conv.weight"], values["conv.bias"])
    np.testing.assert_allclose(session.run(None, {"x": image})[0], expected.numpy(), atol=1e-5)
    assert (tmp_path / "graph.onnx").stat().st_size < 1000


def test_values_the_file_does_not_hold_stay_in_the_graph(state, tmp_path):
    weights = tmp_path / "weights.safetensors"
    save_weights(state, weights)
    proto = _convolution({**state, "conv.weight": state["conv.weight"] + 1})
    share_weights(proto, load_weights(weights), weights)
    kept = {i.name: i for i in proto.graph.initializer}
    assert kept["network.conv.weight"].data_location == TensorProto.DEFAULT
    assert kept["network.conv.bias"].data_location == TensorProto.EXTERNAL


def test_bytes_in_the_file_are_a_quarter(state, tmp_path):
    save_weights(state, tmp_path / "w.safetensors", "int8")
    stored = safetensors.torch.load_file(tmp_path / "w.safetensors")
    assert stored["conv.weight"].dtype == torch.int8


def _convolution(values):
    tensors = [
        numpy_helper.from_array(values[name].numpy(), f"network.{name}") for name in ("conv.weight", "conv.bias")
    ]
    node = helper.make_node("Conv", ["x", tensors[0].name, tensors[1].name], ["y"])
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in "xy"]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
