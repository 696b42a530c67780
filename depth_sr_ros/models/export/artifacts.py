"""Turns a network into an artifact: frame graph to ONNX, weights to safetensors, a golden frame from PyTorch.

The graph holds no weights of its own: it reads them from the safetensors file. It keeps symbolic height and width
(colour size = scale x depth size). Opset 18: from 20 on, ONNX renames GridSample's `bilinear`, which TensorRT's parser
does not know and silently takes for nearest.
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from depth_sr_ros.artifact import PROVENANCE, Artifact, Card, write_artifact
from depth_sr_ros.models.base import GuidedUpsampler, Sampler
from depth_sr_ros.models.export.frame_graph import FrameGraph
from depth_sr_ros.models.export.norms import with_affine_norms
from depth_sr_ros.models.export.shared_weights import share_weights
from depth_sr_ros.models.weights import Storage, load_weights, rounded, save_weights

OPSET = 18
FIXTURE_CELLS = (18, 24)
"""Height and width of the golden frame's depth, before rounding up to what a network takes."""
# constants that an exporter computes from a network are a few kilobytes
_LARGEST_GRAPH = 2**20


def export_artifact(
    network: GuidedUpsampler,
    model: str,
    folder: Path,
    *,
    training: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    command: str = "",
    provenance: Callable[[Path], str] | None = None,
    storage: Storage = "fp16",
    variant: str = "",
    sampler: Sampler = "grid_sample",
) -> Artifact:
    """Writes a network with its weights as an artifact.

    Args:
        network: trained network; put into evaluation mode here, its weights rounded to `storage`.
        model: its registry name.
        folder: where the artifact shall lie.
        training: what the card says of the training.
        evaluation: what the card says of measured errors.
        command: the command that trains such weights.
        provenance: gives the text of `provenance.json` for the file of weights that was written; None writes none.
        storage: how weights are kept, see `depth_sr_ros.models.weights`.
        variant: see `depth_sr_ros.artifact.Card`.
        sampler: how networks that sample do so in the graph, see `depth_sr_ros.models.base.Sampler`.

    Raises:
        RuntimeError: the exported graph holds an operator set the engines cannot be trusted with.
    """
    network.load_state_dict(rounded(network.state_dict(), storage))
    graph = FrameGraph(network).eval()
    card = Card(model, network.scale, network.options, network.size_multiple, OPSET)
    card = replace(card, training=dict(training or {}), evaluation=dict(evaluation or {}))
    card = replace(card, command=command, variant=variant, half_parts=network.half_parts)
    with tempfile.TemporaryDirectory() as scratch:
        onnx_file, weights = Path(scratch) / "graph.onnx", Path(scratch) / "weights.safetensors"
        save_weights(network.state_dict(), weights, storage)
        export_graph(graph, onnx_file, weights, sampler)
        more = []
        if provenance is not None:
            more.append(Path(scratch) / PROVENANCE)
            more[0].write_text(provenance(weights), encoding="utf-8")
        return write_artifact(folder, card, onnx_file, weights, golden_fixture(graph), more)


def export_graph(graph: FrameGraph, path: Path, weights: Path | None = None, sampler: Sampler = "grid_sample") -> None:
    """Writes the frame graph as an ONNX file with symbolic size, and checks its opset.

    Args:
        graph: in evaluation mode.
        path: ONNX file.
        weights: the network's weights as `save_weights` wrote them, in the same folder; the graph refers to them. None
            puts the weights into the graph.
        sampler: how networks that sample do so in the graph.

    Raises:
        RuntimeError: the exporter wrote an opset of 20 or above, or weights stayed in the graph that should not.
    """
    scale, step = graph.network.scale, _cell_step(graph.network)
    rgb, depth = example_frame(scale, step)
    # a size in whole steps: 1 * Dim would be taken for another kind of dimension
    cells = [torch.export.Dim(name, min=2, max=4096) for name in ("h", "w")]
    cells = [step * side if step > 1 else side for side in cells]
    pixels = [scale * side if scale > 1 else side for side in cells]
    # without gradients, as at run time: DAGF filters in another form where it has to be differentiated
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _for_export(graph, sampler),
            (torch.from_numpy(rgb), torch.from_numpy(depth)),
            input_names=["rgb", "depth"],
            output_names=["depth_hr", "valid"],
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes={"rgb": dict(enumerate(pixels)), "depth": dict(enumerate(cells))},
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    versions = [o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")]
    if max(versions) >= 20:
        raise RuntimeError(f"exported opset {versions}: expected below 20, where GridSample is safe")
    _strip_metadata(proto)
    if weights is not None:
        left = share_weights(proto, load_weights(weights), weights)
        if left > _LARGEST_GRAPH:
            raise RuntimeError(f"{left} bytes of weights stayed in the graph: the exporter renamed or computed them")
    onnx.save(proto, str(path))


def _for_export(graph: FrameGraph, sampler: Sampler) -> nn.Module:
    """A copy of the graph as it is exported."""
    copied = with_affine_norms(graph)
    assert isinstance(copied, FrameGraph)
    copied.network.use_sampler(sampler)
    return copied


def _cell_step(network: GuidedUpsampler) -> int:
    """Depth height and width must be multiples of this many cells."""
    return network.size_multiple // math.gcd(network.scale, network.size_multiple)


def example_frame(scale: int, step: int = 1) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A small synthetic frame with slanted planes, depth edges, a thin bar, texture and holes.

    Args:
        scale: ratio of colour and depth size.
        step: depth's height and width are multiples of this.

    Returns:
        `rgb` uint8 (18 scale, 24 scale, 3) and `depth` float32 (18, 24) metres, 0 where invalid; larger where `step`
        asks for it.
    """
    cells_high, cells_wide = (-(-cells // step) * step for cells in FIXTURE_CELLS)
    height, width = cells_high * scale, cells_wide * scale
    y, x = np.mgrid[:height, :width] / scale
    full = 3.0 - 0.03 * y + 0.02 * x
    full = np.where((x - 8) ** 2 + (y - 9) ** 2 < 20, 1.2 + 0.02 * x, full)
    full = np.where(np.abs(x - 16.4 + 0.3 * y) < 0.7, 0.9, full)
    full = np.where((x > 17) & (y > 10), 2.0 - 0.05 * y, full)
    rng = np.random.default_rng(0)
    shade = 60 + 50 * full + 8 * np.sin(5 * x) * np.cos(4 * y)
    colour = shade[..., None] * np.array([0.9, 0.7, 1.0]) + rng.normal(0, 3, (height, width, 3))
    centre = scale // 2
    depth = full[centre::scale, centre::scale].astype(np.float32)
    depth[2:5, 2:6] = 0
    depth[14, 8:20] = 0
    depth[rng.random(depth.shape) < 0.02] = 0
    return np.clip(colour, 0, 255).astype(np.uint8), depth


@torch.inference_mode()
def golden_fixture(graph: FrameGraph) -> dict[str, NDArray[Any]]:
    """The example frame and what PyTorch makes of it in float32 on the CPU."""
    rgb, depth = example_frame(graph.network.scale, _cell_step(graph.network))
    depth_hr, valid = graph(torch.from_numpy(rgb), torch.from_numpy(depth))
    return {"rgb": rgb, "depth": depth, "depth_hr": depth_hr.numpy(), "valid": valid.numpy()}


def _strip_metadata(proto: onnx.ModelProto) -> None:
    """Removes the exporter's notes (source lines with paths of the exporting machine) from the graph."""
    graph = proto.graph
    for item in (proto, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
