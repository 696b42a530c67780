"""Small random networks of every registered model, as an artifact each. Imported by its bare name."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from unittest import mock

import torch
from filelock import FileLock

from depth_sr_ros.artifact import Artifact, read_artifact
from depth_sr_ros.models import create_model
from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.export.artifacts import export_artifact
from depth_sr_ros.models.export.frame_graph import FrameGraph
from depth_sr_ros.models.jiif import pairs as jiif_pairs
from depth_sr_ros.models.weights import load_weights

# Width and depth change no operator, only minutes. DADA settles in more steps than a test needs to see that the loop is
# right.
OPTIONS = {
    "jiif": {"width": 8, "blocks": 1, "hidden": (32, 16)},
    "dagf": {"channels": 8, "levels": 2, "residual_blocks": 1},
    "jiif_s": {"width": 8, "blocks": 1, "hidden": (32, 16)},
    "dada": {"solver": "accelerated", "accelerated_iterations": 24, "network_resolution": 1},
    "bridgenet": {"backbone": "resnet18", "deep_blocks": 4},
}


def small_network(name: str, **options) -> GuidedUpsampler:
    torch.manual_seed(0)
    network = create_model(name, **{"scale": 8, **OPTIONS.get(name, {}), **options}).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.numel() == 1 or parameter.dim() == 1:
                parameter.add_(0.05 * torch.rand(parameter.shape, generator=generator))
    return network


# Between them the networks are exported at all three scales. JIIF traces every phase of a cell apart: a quarter at x4.
SCALES = {"jiif": 4, "jiif_s": 4, "dagf": 4, "fdkn_s": 16}


def small_scale(name: str) -> int:
    """The scale that a network is exported at where no other is asked for."""
    return SCALES.get(name, 8)


@cache
def small_export(name: str, folder: Path, scale: int) -> tuple[Artifact, FrameGraph]:
    """An artifact in `folder` and the graph it was exported from, however often and by how many processes asked for.

    Exporting takes up to half a minute, so a process takes what another has made.
    """
    network, place = small_network(name, scale=scale), folder / f"{name}_x{scale}"
    with FileLock(f"{place}.lock"):
        if not place.is_dir():
            with mock.patch.object(jiif_pairs, "_PARTS", 4):  # JIIF's parts are all alike, and each costs seconds
                return export_artifact(network, name, place), FrameGraph(network).eval()
    artifact = read_artifact(place)
    network.load_state_dict(load_weights(artifact.weights))
    return artifact, FrameGraph(network).eval()
