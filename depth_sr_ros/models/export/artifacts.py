"""Turns a network into an artifact: frame graph to ONNX, weights to safetensors, a golden frame from PyTorch.

The graph holds no weights of its own: it reads them from the safetensors file. It keeps symbolic height and width
(colour size = scale x depth size; all one size in the live frame graph). Opset 18: from 20 on, ONNX renames
GridSample's `bilinear`, which TensorRT's parser does not know and silently takes for nearest.
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from depth_sr_ros.artifact import PROVENANCE, Artifact, Card, write_artifact
from depth_sr_ros.frame_graphs import LIVE, PAPERS, FrameGraphForm
from depth_sr_ros.models.base import GuidedUpsampler, Sampler
from depth_sr_ros.models.export.example_frames import example_frame, example_live_frame
from depth_sr_ros.models.export.frame_graph import FrameGraph
from depth_sr_ros.models.export.live_frame_graph import LiveFrameGraph
from depth_sr_ros.models.export.norms import with_affine_norms
from depth_sr_ros.models.export.shared_weights import share_weights
from depth_sr_ros.models.live.network import LiveNetwork
from depth_sr_ros.models.weights import Storage, load_weights, rounded, save_weights

OPSET = 18
AnyNetwork = GuidedUpsampler | LiveNetwork
AnyFrameGraph = FrameGraph | LiveFrameGraph
# constants that an exporter computes from a network are a few kilobytes
_LARGEST_GRAPH = 2**20


def export_artifact(
    network: AnyNetwork,
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
        network: trained network, which decides on the frame graph; put into evaluation mode here, its weights rounded
            to `storage`.
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
    graph = frame_graph_of(network)
    card = _card(network, model)
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


def frame_graph_of(network: AnyNetwork) -> AnyFrameGraph:
    """The frame graph that a network serves in, in evaluation mode."""
    return (LiveFrameGraph(network) if isinstance(network, LiveNetwork) else FrameGraph(network)).eval()


def export_graph(
    graph: AnyFrameGraph, path: Path, weights: Path | None = None, sampler: Sampler = "grid_sample"
) -> None:
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
    form, frame = _form_of(graph), _example(graph)
    # without gradients, as at run time: DAGF filters in another form where it has to be differentiated
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _for_export(graph, sampler),
            tuple(torch.from_numpy(frame[name]) for name in form.inputs),
            input_names=list(form.inputs),
            output_names=list(form.outputs),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=_symbolic_sizes(graph.network),
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


def _for_export(graph: AnyFrameGraph, sampler: Sampler) -> nn.Module:
    """A copy of the graph as it is exported."""
    copied = with_affine_norms(graph)
    if isinstance(copied, FrameGraph):
        copied.network.use_sampler(sampler)
    return copied


def _symbolic_sizes(network: AnyNetwork) -> dict[str, dict[int, Any]]:
    """Height and width of every input as multiples of what the network takes."""
    if isinstance(network, LiveNetwork):
        # the colour image needs the same names: sizes are one
        height, width = (_multiple(network.size_multiple, name) for name in ("h", "w"))
        return {name: {0: height, 1: width} for name in LIVE.inputs}
    cells = [_multiple(_cell_step(network), name) for name in ("h", "w")]
    pixels = [network.scale * side if network.scale > 1 else side for side in cells]
    return {"rgb": dict(enumerate(pixels)), "depth": dict(enumerate(cells))}


def _multiple(step: int, name: str) -> Any:
    side = torch.export.Dim(name, min=2, max=4096)
    # a size in whole steps: 1 * Dim would be taken for another kind of dimension
    return step * side if step > 1 else side


def _cell_step(network: GuidedUpsampler) -> int:
    """Depth height and width must be multiples of this many cells."""
    return network.size_multiple // math.gcd(network.scale, network.size_multiple)


def _form_of(graph: AnyFrameGraph) -> FrameGraphForm:
    return LIVE if isinstance(graph, LiveFrameGraph) else PAPERS


def _card(network: AnyNetwork, model: str) -> Card:
    if isinstance(network, LiveNetwork):
        card = Card(model, 0, network.options, network.size_multiple, OPSET, frame_graph=LIVE.name)
        return replace(card, normalisation="logarithm of depth, less the mean of a fixed window around each cell")
    return Card(model, network.scale, network.options, network.size_multiple, OPSET)


def _example(graph: AnyFrameGraph) -> dict[str, NDArray[Any]]:
    if isinstance(graph, LiveFrameGraph):
        return example_live_frame(graph.network.size_multiple)
    return dict(zip(PAPERS.inputs, example_frame(graph.network.scale, _cell_step(graph.network)), strict=True))


@torch.inference_mode()
def golden_fixture(graph: AnyFrameGraph) -> dict[str, NDArray[Any]]:
    """The example frame and what PyTorch makes of it in float32 on the CPU."""
    frame, form = _example(graph), _form_of(graph)
    outputs = graph(*(torch.from_numpy(frame[name]) for name in form.inputs))
    return frame | {name: output.numpy() for name, output in zip(form.outputs, outputs, strict=True)}


def _strip_metadata(proto: onnx.ModelProto) -> None:
    """Removes the exporter's notes (source lines with paths of the exporting machine) from the graph."""
    graph = proto.graph
    for item in (proto, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
