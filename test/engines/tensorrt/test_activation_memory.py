"""Small GPUs share their memory with everything else: a network must not need more than a gigabyte of it.

What is counted: every activation from its making to its last use, in the graph's order, nothing fused. A compiler may
order and fuse otherwise; it usually needs less.
"""

import numpy as np
import onnx
import pytest
import torch
from activation_memory import peak_activation_bytes
from onnx import TensorProto, helper

from depth_sr_ros.artifact import SHIPPED, list_artifacts, read_card
from depth_sr_ros.engines.tensorrt.body import reduced_body
from depth_sr_ros.engines.tensorrt.flat_graph import flat_graph
from depth_sr_ros.engines.tensorrt.half import to_half
from depth_sr_ros.engines.tensorrt.layout import input_shapes
from depth_sr_ros.models import create_model
from depth_sr_ros.models.export.artifacts import export_graph
from depth_sr_ros.models.export.frame_graph import FrameGraph
from depth_sr_ros.models.jiif import pairs as jiif_pairs

GIBIBYTE = 2**30
VGA = input_shapes(read_card(SHIPPED / "fdkn_x8"), (60, 80))


def test_counts_what_is_alive_at_once():
    """At the last node: x of 16 bytes, which is read twice, and c and y of 32 each."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Neg", ["a"], ["b"]),
        helper.make_node("Reshape", ["b", "shape"], ["view"]),
        helper.make_node("Concat", ["view", "view"], ["c"], axis=0),
        helper.make_node("Add", ["c", "x"], ["y"]),
    ]
    info = helper.make_tensor_value_info
    shape = onnx.numpy_helper.from_array(np.array([1, 4], np.int64), "shape")
    graph = helper.make_graph(
        nodes, "g", [info("x", TensorProto.FLOAT, (1, 4))], [info("y", TensorProto.FLOAT, None)], [shape]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    peak, where = peak_activation_bytes(model, {"x": (1, 4)})
    assert (peak, where) == (80, "Add y (2, 4)")


# DADA's loop is not followed
FOLLOWED = [name for name in list_artifacts() if name.endswith("_x8") and not name.startswith("dada")]


@pytest.mark.parametrize("name", FOLLOWED)
def test_shipped_networks_stay_below_a_gibibyte_at_640x480(name):
    peak, where = peak_activation_bytes(flat_graph(SHIPPED / name / "graph.onnx"), VGA)
    assert peak < GIBIBYTE, f"{peak / 2**20:.0f} MiB at {where}"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_jiif_stays_below_a_gibibyte_at_640x480(tmp_path, monkeypatch):
    """Full width; fewer blocks change nothing, since an encoder's blocks are alive one after another.

    Half of the parts need more memory at a time, and half of the time to trace.
    """
    monkeypatch.setattr(jiif_pairs, "_PARTS", jiif_pairs._PARTS // 2)
    torch.manual_seed(0)
    export_graph(FrameGraph(create_model("jiif", blocks=1)).eval(), tmp_path / "graph.onnx")
    model = flat_graph(tmp_path / "graph.onnx")
    single, where = peak_activation_bytes(model, VGA)
    assert single < GIBIBYTE, f"{single / 2**20:.0f} MiB at {where}"
    to_half(model, reduced_body(model))
    half, where = peak_activation_bytes(model, VGA)
    assert half < GIBIBYTE / 2 and half < 0.6 * single, f"{half / 2**20:.0f} MiB at {where}"
