"""Small live networks with random weights that say something, and artifacts of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray

from depth_sr_ros.artifact import Artifact, read_artifact
from depth_sr_ros.frame_graphs import LIVE
from depth_sr_ros.models import LiveNetwork, create_live_model
from depth_sr_ros.models.export.artifacts import export_artifact, frame_graph_of
from depth_sr_ros.models.export.example_frames import LIVE_SIZE, example_live_frame

WIDTHS = (16, 24, 16)
OPTIONS: dict[str, dict[str, Any]] = {
    "fdkn": {"widths": WIDTHS},
    "dagf": {"channels": 8, "joint": 16, "residual_blocks": 1},
    "jiif": {"width": 8, "blocks": 1, "hidden": 8, "context": 8},
}
"""Small sizes of the live forms, one of each structure."""


def live_network(spoken: float = 0.2, model: str = "fdkn") -> LiveNetwork:
    """A live form with a head whose weights have this standard deviation."""
    torch.manual_seed(3)
    network = create_live_model(model, **OPTIONS[model]).eval()
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.copy_(spoken * torch.randn(parameter.shape, generator=generator))
        for norm in (m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)):
            norm.running_mean.copy_(0.05 * torch.randn(norm.running_mean.shape, generator=generator))
            norm.running_var.copy_(0.05 + 0.1 * torch.rand(norm.running_var.shape, generator=generator))
        if model == "dagf":
            _learn_statistics(network)
    return network


def _learn_statistics(network: LiveNetwork) -> None:
    """Norms as training leaves them: made-up ones would grow from layer to layer until attention is all or nothing."""
    frame = example_live_frame(network.size_multiple)
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = 1.0
    frame_graph_of(network).train()(*(torch.from_numpy(frame[name]) for name in LIVE.inputs))
    network.eval()


def live_artifact(folder: Path, spoken: float = 0.2, model: str = "fdkn") -> Artifact:
    """An artifact of `live_network` in a folder, however often asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{model}_live"
    with FileLock(f"{place}.lock"):
        if not place.is_dir():
            export_artifact(live_network(spoken, model), model, place)
    return read_artifact(place)


def wide_frame(height: int, width: int) -> dict[str, NDArray[Any]]:
    """The example frame of the live frame graph, cut or repeated to a size."""
    frame = example_live_frame(8)
    repeats = (-(-height // LIVE_SIZE[0]), -(-width // LIVE_SIZE[1]))
    grown = {name: np.tile(array, (*repeats, *[1] * (array.ndim - 2))) for name, array in frame.items()}
    return {name: np.ascontiguousarray(array[:height, :width]) for name, array in grown.items()}
