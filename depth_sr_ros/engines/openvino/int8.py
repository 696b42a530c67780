"""Turns a frame graph into 8-bit integers for OpenVINO, by NNCF's quantisation after training.

Only convolutions are quantised, their inputs and their weights. Units, start image, kernel products, mean subtraction,
sampling and the residual sum hold no convolution, so they stay as they are. So do the first convolutions, which see
colour and start image themselves: they are small, and hold a third of the error. Both are found by structure, not by
name, which makes this work for every network. Making such a graph needs nncf, running it does not.

The live graph's first convolutions see maps that were limited to [-1, 1] for them. They are quantised, too: it adds
less than a thousandth to the error, and they take a fifth of the graph's time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from depth_sr_ros.artifact import INT8, Artifact
from depth_sr_ros.engines.base import Arrays, EngineError
from depth_sr_ros.engines.openvino.core import openvino_core
from depth_sr_ros.engines.openvino.tail import follows_convolution, is_quantised
from depth_sr_ros.frame_graphs import LIVE

_QUANTISED = {"Convolution", "GroupConvolution"}
_UNTOUCHED = {"Constant", "Parameter", "Result"}


def quantiser_version() -> str:
    """NNCF's version.

    Raises:
        EngineError: it is not installed.
    """
    try:
        import nncf
    except ImportError as error:
        raise EngineError(f"quantising needs nncf ({error}): pip install 'depth_sr_ros[quantise]'") from error
    return str(nncf.__version__)


def write_int8_graph(artifact: Artifact, frames: Sequence[Arrays], folder: Path) -> list[Path]:
    """Writes the artifact's graph in 8-bit integers.

    Args:
        artifact: what to quantise.
        frames: inputs as an engine takes them, from the cameras that it shall serve: they set the ranges of every
            layer. Sizes may differ. The golden frame is added, so that its contrasts are covered too.
        folder: where the files go.

    Returns:
        The files written, named as in an artifact.

    Raises:
        EngineError: nncf is not installed, or cannot quantise the graph.
    """
    quantiser_version()
    import nncf
    import openvino
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    nncf.set_log_level(logging.WARNING)  # it names every node that stays as it is
    model = openvino_core().read_model(artifact.graph)
    first_too = artifact.card.form is LIVE
    kept = [node.get_friendly_name() for node in model.get_ordered_ops() if _is_kept(node, first_too)]
    frames = [*frames, artifact.golden_inputs()]
    # the whole range that was met: clipped features would be wrong by far, coarser steps are wrong by little
    ranges = nncf.AdvancedQuantizationParameters(activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX)
    try:
        quantised = nncf.quantize(
            model,
            nncf.Dataset(frames),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(frames),
            target_device=nncf.TargetDevice.CPU,
            ignored_scope=nncf.IgnoredScope(names=kept, validate=False),
            advanced_parameters=ranges,
        )
    except (RuntimeError, nncf.errors.ValidationError) as error:
        raise EngineError(f"nncf cannot quantise {artifact.card.name}: {error}") from error
    quantise_before_joining(quantised)
    paths = [folder / name for name in INT8]
    openvino.save_model(quantised, str(paths[0]), compress_to_fp16=False)
    return paths


def quantised_layers(graph: Path) -> int:
    """How many convolutions of a quantised graph take 8-bit inputs."""
    convolutions = [n for n in openvino_core().read_model(graph).get_ordered_ops() if n.get_type_name() in _QUANTISED]
    return sum(is_quantised(n.input_value(0)) for n in convolutions)


def quantise_before_joining(model: Any) -> None:
    """Quantises maps that are joined for a first convolution one by one, in place: they are then joined as bytes.

    Args:
        model: a quantised OpenVINO model; what it computes stays the same.
    """
    from openvino import opset13

    for node in model.get_ordered_ops():
        if node.get_type_name() != "FakeQuantize":
            continue
        joint = node.input_value(0).get_node()
        if joint.get_type_name() != "Concat" or follows_convolution(joint):
            continue
        limits, levels = [node.input_value(i) for i in range(1, 5)], node.get_attributes()["levels"]
        if any(_count(limit) != 1 for limit in limits):
            continue  # limits by channel belong to the whole
        parts = [opset13.fake_quantize(part, *limits, levels).output(0) for part in joint.input_values()]
        joined = opset13.concat(parts, int(joint.get_attributes()["axis"]))
        for target in list(node.output(0).get_target_inputs()):
            target.replace_source_output(joined.output(0))
    model.validate_nodes_and_infer_types()


def _count(value: Any) -> int:
    return int(np.prod(list(value.get_shape())))


def _is_kept(node: Any, first_too: bool) -> bool:
    kind = node.get_type_name()
    if kind in _QUANTISED:
        return not (first_too or follows_convolution(node.input_value(0).get_node()))
    return kind not in _UNTOUCHED
