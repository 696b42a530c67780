"""Evens out the channels of what a convolution reads, so that one step of 8 bits suits them all.

Guangxuan Xiao, Ji Lin, Mickael Seznec, Hao Wu, Julien Demouth, Song Han, "SmoothQuant: Accurate and Efficient
Post-Training Quantization for Large Language Models", ICML 2023, arXiv 2211.10438, eqs. 3 and 4: an input channel is
divided by a factor and the weights that read it are multiplied by it. Products stay the same, while the step of an
activation, which is set by its largest channel, leaves more digits to the small ones; weights have a step per output
and bear the difference. The division is one product per pixel, which TensorRT computes with the quantisation behind it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from depth_sr_ros.engines.tensorrt.flat_graph import replace_nodes, set_constant

MIGRATION = 0.7
"""The paper's alpha: 1 evens out the activation alone, 0 the weights alone. Of 0.6, 0.7 and 0.8 the best on the whole
over the networks that ship."""

SMALLEST = 1 / 8
"""Channels below this part of the largest count as this large: on another frame they may be."""


def even_channels(
    model: onnx.ModelProto, convolutions: list[str], largest: Mapping[str, NDArray[np.float32]]
) -> dict[str, float]:
    """Rewrites convolutions of a flat float32 graph in place; the graph computes the same.

    Args:
        model: before `to_half`.
        convolutions: each named by its output; grouped ones stay as they are.
        largest: largest absolute value per channel, (C,), by tensor, for every input of these convolutions.

    Returns:
        The tensors that the convolutions read now, which are outputs of new nodes, with their largest absolute value.
    """
    graph, wanted = model.graph, set(convolutions)
    weights = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        if node.output[0] in wanted and weights[node.input[1]].shape[1] == largest[node.input[0]].size:
            readers.setdefault(node.input[0], []).append(node)
    evened: dict[str, float] = {}
    division: dict[str, onnx.NodeProto] = {}
    for name, nodes in readers.items():
        if not largest[name].max() > 0:
            continue
        factors = _factors(largest[name], [weights[node.input[1]] for node in nodes])
        result = f"{name}:evened"
        set_constant(graph, f"{result}:by", (1 / factors).reshape(-1, 1, 1))
        division[nodes[0].output[0]] = helper.make_node("Mul", [name, f"{result}:by"], [result], name=result)
        evened[result] = float((largest[name] / factors).max())
        for node in nodes:
            weight = f"{node.output[0]}:weight:evened"
            set_constant(graph, weight, weights[node.input[1]] * factors.reshape(1, -1, 1, 1))
            node.input[0], node.input[1] = result, weight
    # readers come in the graph's order, so each division stands before the first of them
    ordered = []
    for node in graph.node:
        ordered += [division[node.output[0]]] if node.output[0] in division else []
        ordered.append(node)
    replace_nodes(graph, ordered)
    return evened


def _factors(largest: NDArray[np.float32], weights: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Divisors of the channels, (C,), by which the largest value of all stays what it was."""
    activation = np.maximum(largest, SMALLEST * largest.max()).astype(np.float64)
    # every output has a step of its own, so what counts is a weight's part of the largest one of its output
    parts = [np.abs(w) / np.maximum(np.abs(w).max(axis=(1, 2, 3), keepdims=True), np.finfo(np.float32).tiny)
             for w in weights]  # fmt: skip
    weight = np.max([part.max(axis=(0, 2, 3)) for part in parts], axis=0)
    factors = activation**MIGRATION / np.maximum(weight, SMALLEST) ** (1 - MIGRATION)
    return (factors * (largest / factors).max() / largest.max()).astype(np.float32)
