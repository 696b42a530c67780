"""What the engines on PyTorch share: an artifact's network with its weights. torch is imported only when asked for."""

from __future__ import annotations

from typing import Any

from depth_sr_ros.artifact import Artifact


def load_network(artifact: Artifact) -> Any:
    """The network of an artifact on the CPU, float32, channels last, in evaluation mode."""
    import torch

    from depth_sr_ros.models import create_model
    from depth_sr_ros.models.weights import load_weights

    network = create_model(artifact.card.model, **artifact.card.options)
    network.load_state_dict(load_weights(artifact.weights))
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
