"""What the engines on PyTorch share: an artifact's network with its weights. torch is imported only when asked for."""

from __future__ import annotations

from typing import Any

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.frame_graphs import LIVE


def load_network(artifact: Artifact) -> Any:
    """The network of an artifact on the CPU, float32, channels last, in evaluation mode."""
    import torch

    from depth_sr_ros.models import create_live_model, create_model
    from depth_sr_ros.models.weights import load_weights

    create: Any = create_live_model if artifact.card.form is LIVE else create_model
    network = create(artifact.card.model, **artifact.card.options)
    network.load_state_dict(load_weights(artifact.weights))
    return network.eval().to(memory_format=torch.channels_last)
