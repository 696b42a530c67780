"""Runs half-precision graphs in ONNX Runtime with a rounding after every node.

ONNX Runtime has no half-precision kernels on a CPU: it computes such nodes in float32 and keeps float32 between them,
so it would show too small an error. Here every half tensor is a float32 one that has been rounded to half.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from depth_sr_ros.engines.tensorrt.flat_graph import element_types


def rounded_model(model):
    """A float32 model that rounds wherever the given one would."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    types = element_types(model)
    graph = result.graph
    nodes = []
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for node in list(graph.node):
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        nodes.append(copy)
        for index, name in enumerate(node.output):
            if types.get(name) == TensorProto.FLOAT16:
                copy.output[index] = f"{name}:raw"
                half = f"{name}:rounded"
                if node.op_type == "Cast":
                    copy.attribute[0].i = TensorProto.FLOAT
                nodes.append(helper.make_node("Cast", [f"{name}:raw"], [half], to=TensorProto.FLOAT16))
                nodes.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    return result


def run(model, rgb, depth):
    """Outputs by name, one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    depth_hr, valid = session.run(["depth_hr", "valid"], {"rgb": rgb, "depth": depth})
    return {"depth_hr": depth_hr, "valid": valid}
