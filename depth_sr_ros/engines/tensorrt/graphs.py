"""The graph that TensorRT is given for an artifact and a precision.

TensorRT 11 knows strongly typed networks only: precision is what the graph says, so there is one graph per precision.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Arrays, EngineError, Precision
from depth_sr_ros.engines.tensorrt.body import reduced_body, tensors_of, without_large
from depth_sr_ros.engines.tensorrt.evened import even_channels
from depth_sr_ros.engines.tensorrt.flat_graph import flat_graph
from depth_sr_ros.engines.tensorrt.golden_frames import golden_frames
from depth_sr_ros.engines.tensorrt.graph_rules import rejected_operators
from depth_sr_ros.engines.tensorrt.half import to_half
from depth_sr_ros.engines.tensorrt.quantised import convolutions_to_quantise, quantise
from depth_sr_ros.engines.tensorrt.ranges import largest_by_channel, largest_values


def graph_for(artifact: Artifact, precision: Precision, frames: Sequence[Arrays] = ()) -> onnx.ModelProto:
    """Makes a self-contained graph with the artifact's inputs and outputs.

    Args:
        artifact: whose graph.
        precision: `fp32`; `fp16`, with the body in half precision; `int8`, the same with convolutions quantised but
            for the card's `half_parts`, the channels that they read evened out before.
        frames: inputs of the frame graph, on which value ranges are measured, for `fp16` and `int8`; none takes
            `golden_frames`. For `int8` give frames of the camera that will be used.

    Raises:
        EngineError: TensorRT would reject an operator of the graph, or take it for another one.
    """
    model = flat_graph(artifact.graph)
    if precision != "fp32":
        _reduce(model, precision, frames or golden_frames(artifact), artifact.card.half_parts)
    found = rejected_operators(model)
    if found:
        raise EngineError(
            f"{artifact.card.name}: expected operators that TensorRT computes as written, found "
            f"{'; '.join(str(finding) for finding in found)}; export the artifact again"
        )
    return model


def _reduce(model: onnx.ModelProto, precision: Precision, frames: Sequence[Arrays], half_parts: Sequence[str]) -> None:
    body = reduced_body(model)
    largest = largest_values(model, tensors_of(model, body), frames)
    body = without_large(model, body, largest)
    chosen = convolutions_to_quantise(model, body, half_parts) if precision == "int8" else []
    if chosen:
        read = {name for reader, name in _inputs(model).items() if reader in chosen}
        evened = even_channels(model, chosen, largest_by_channel(model, read, frames))
        body, largest = body | evened.keys(), largest | evened
    inputs = _inputs(model)
    to_half(model, body)
    if precision == "int8":
        quantise(model, chosen, {name: largest[inputs[name]] for name in chosen})


def _inputs(model: onnx.ModelProto) -> dict[str, str]:
    """What each convolution reads, by its output."""
    return {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Conv"}
