"""The networks written down as their papers' code does, in plain eager PyTorch: what every engine is compared with.

FDKN and DKN gather the whole 15 x 15 window of every pixel and sample it as an image of its own; DKN runs its branches
sixteen times over shifted images; JIIF looks codes up by query, four times for every pixel, and runs its whole
perceptron on each pair. The weights are the shipped ones and the results the same; networks without such a form run as
they are.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.models import create_model
from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.export.frame_graph import FrameGraph
from depth_sr_ros.models.jiif.jiif import JIIF
from depth_sr_ros.models.kernel.dkn import DKN, _strided
from depth_sr_ros.models.kernel.kernel_filter import KernelNetwork, combine
from depth_sr_ros.models.kernel.sampling import RADIUS, WINDOW, tap_displacements
from depth_sr_ros.models.weights import load_weights

_QUERIES = 8192
_STRIDE = 4


def straightforward(artifact: Artifact) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The artifact's frame graph around the straightforward form of its network."""
    network = create_model(artifact.card.model, **artifact.card.options)
    network.load_state_dict(load_weights(artifact.weights))
    network.eval()
    form = refinement(network)
    if form is not None:
        network.refine = form  # type: ignore[method-assign, assignment]
    return FrameGraph(network)


def refinement(network: GuidedUpsampler) -> Callable[[Tensor, Tensor, Tensor], Tensor] | None:
    """The straightforward form of `network.refine`; None where there is no other than the network's own."""
    if isinstance(network, DKN):
        return lambda guide, depth_lr, start: _sixteen_passes(network, guide, start)
    if isinstance(network, KernelNetwork):
        return lambda guide, depth_lr, start: _one_pass(network, guide, start)
    if isinstance(network, JIIF):
        return lambda guide, depth_lr, start: _by_query(network, guide, depth_lr, start)
    return None


def _one_pass(network: KernelNetwork, guide: Tensor, start: Tensor) -> Tensor:
    weights, offsets = combine([branch(image) for branch, image in network.branch_inputs(guide, start)])
    assert offsets is not None
    block, taps = network.block, network.taps
    offsets = offsets.reshape(1, taps, 2, block**2, *offsets.shape[-2:]).transpose(1, 2).flatten(1, 3)
    offsets = F.pixel_shuffle(offsets, block).reshape(1, 2, taps, *start.shape[-2:]).transpose(1, 2)
    return _add(network, start, _filtered(network, start, F.pixel_shuffle(weights, block), offsets))


def _sixteen_passes(network: DKN, guide: Tensor, start: Tensor) -> Tensor:
    height, width = start.shape[-2:]
    weights = start.new_empty(1, network.taps, height, width)
    offsets = start.new_empty(1, network.taps, 2, height, width)
    inputs = list(network.branch_inputs(guide, start))
    for row in range(_STRIDE):
        for column in range(_STRIDE):
            found, moved = combine([_strided(branch, image[:, :, row:, column:]) for branch, image in inputs])
            assert moved is not None
            weights[:, :, row::_STRIDE, column::_STRIDE] = found
            offsets[..., row::_STRIDE, column::_STRIDE] = moved.reshape(1, network.taps, 2, *moved.shape[-2:])
    return _add(network, start, _filtered(network, start, weights, offsets))


def _filtered(network: KernelNetwork, start: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
    """Weights (1, K, H, W) and offsets (1, K, 2, H, W) applied to windows gathered for every pixel."""
    height, width = start.shape[-2:]
    displacement, _ = tap_displacements(offsets, network.sampling)
    mode = "replicate" if network.sampling == "centred" else "constant"
    windows = F.unfold(F.pad(start, [RADIUS] * 4, mode=mode), WINDOW)
    windows = windows.transpose(1, 2).reshape(height * width, 1, WINDOW, WINDOW)
    grid = displacement.permute(0, 3, 4, 1, 2).reshape(height * width, 1, network.taps, 2) * (2 / WINDOW)
    samples = F.grid_sample(windows, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    kernel = network._normalise(weights).permute(0, 2, 3, 1).reshape(height * width, network.taps)
    return (samples.reshape(height * width, network.taps) * kernel).sum(dim=1).reshape(1, 1, height, width)


def _add(network: KernelNetwork, start: Tensor, filtered: Tensor) -> Tensor:
    return start + filtered if network.residual else filtered


def _by_query(network: JIIF, guide: Tensor, depth_lr: Tensor, start: Tensor) -> Tensor:
    codes = network.guide_encoder(network._normalised(guide))
    reduced = network.guide_encoder(network._normalised(network.reduce(guide)))
    latent = network.depth_encoder(depth_lr)
    height, width = start.shape[-2:]
    ys, xs = ((torch.arange(n, dtype=torch.float32) * 2 + 1) / n - 1 for n in (height, width))
    positions = torch.stack(torch.meshgrid(ys, xs, indexing="ij"), dim=-1).reshape(-1, 2)
    parts = [_query(network, codes, reduced, latent, part) for part in positions.split(_QUERIES)]
    values = torch.cat(parts).reshape(start.shape)
    return start + values if network.residual else values


def _query(network: JIIF, codes: Tensor, reduced: Tensor, latent: Tensor, positions: Tensor) -> Tensor:
    cells = torch.tensor(latent.shape[-2:], dtype=torch.float32)
    at_query = _nearest(codes, positions)
    pairs = []
    for row in (-1.0, 1.0):
        for column in (-1.0, 1.0):
            # the cell whose centre is nearest after a step of half a cell, the edge cell beyond the map
            moved = positions + torch.tensor([row, column]) / cells + 1e-6
            cell = torch.floor((moved + 1) * cells / 2).clamp(min=torch.zeros(2), max=cells - 1)
            centre = (2 * cell + 1) / cells - 1
            found = _nearest(latent, centre), _nearest(reduced, centre)
            relative = (positions - centre) * cells
            pair = torch.cat((found[0], at_query, at_query - found[1], relative), dim=1)
            for number, layer in enumerate(network.functions[0].layers):  # type: ignore[arg-type]
                pair = layer(F.relu(pair) if number else pair)
            pairs.append(pair)
    pair = torch.stack(pairs)
    return (pair[..., 0] * torch.softmax(pair[..., 1], dim=0)).sum(dim=0)


def _nearest(image: Tensor, positions: Tensor) -> Tensor:
    """(1, C, H, W) at (N, 2) rows and columns in [-1, 1] -> (N, C)."""
    grid = positions.flip(-1).reshape(1, 1, -1, 2)
    return F.grid_sample(image, grid, mode="nearest", align_corners=False)[0, :, 0].t()
