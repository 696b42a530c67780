"""Small random networks of every registered model, as an artifact each. Imported by its bare name."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from unittest import mock

import torch

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.models import create_model, jiif_pairs
from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.export import export_artifact
from depth_sr_ros.models.frame_graph import FrameGraph

# Width and depth change no operator, only minutes. DADA settles in more steps than a test needs to see that the loop is
# right.
OPTIONS = {
    "jiif": {"width": 8, "blocks": 1, "hidden": (32, 16)},
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


@cache
def small_export(name: str, folder: Path) -> tuple[Artifact, FrameGraph]:
    """An artifact in `folder` and the graph it was exported from; one per name and folder, however often asked for."""
    network = small_network(name)
    with mock.patch.object(jiif_pairs, "_PARTS", 4):  # JIIF's parts are all alike, and each costs seconds of tracing
        artifact = export_artifact(network, name, folder / name)
    return artifact, FrameGraph(network).eval()
