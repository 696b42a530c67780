"""Looks whether a parsed network samples as its graph says.

Parsers have been known to take an interpolation that they do not recognise for nearest, without a word.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import onnx

from depth_sr_ros.engines.base import EngineError

_INTERPOLATIONS = {"bilinear": "LINEAR", "linear": "LINEAR", "bicubic": "CUBIC", "cubic": "CUBIC", "nearest": "NEAREST"}


def check_sampling(trt: Any, network: Any, model: onnx.ModelProto) -> None:
    """Compares a network's samplers with the graph that it was parsed from.

    Raises:
        EngineError: they differ.
    """
    wanted = Counter(_interpolation(node) for node in model.graph.node if node.op_type == "GridSample")
    found: Counter[str] = Counter()
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.type == trt.LayerType.GRID_SAMPLE:
            layer.__class__ = trt.IGridSampleLayer  # how TensorRT's Python names a layer's own kind
            found[str(layer.interpolation_mode).rpartition(".")[2]] += 1
    if wanted != found:
        raise EngineError(
            f"expected the network to sample {dict(wanted)}, found {dict(found)}: the parser misread the graph; export "
            "the artifact again with sampling by gathering, or choose another engine"
        )


def _interpolation(node: onnx.NodeProto) -> str:
    mode = next((a.s.decode() for a in node.attribute if a.name == "mode"), "bilinear")
    return _INTERPOLATIONS.get(mode, mode)
