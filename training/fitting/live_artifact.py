"""From trained live weights to an artifact of the live frame graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.models import create_live_model
from depth_sr_ros.models.export.artifacts import export_artifact
from depth_sr_ros.models.weights import Storage
from training.networks.loading import load_into

_FACTS = ("training", "evaluation", "command")


def export_live(
    model: str,
    weights: Path,
    folder: Path,
    *,
    options: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    storage: Storage = "fp16",
) -> Artifact:
    """Writes trained live weights as an artifact.

    Args:
        model: registry name of a network with a live form.
        weights: its state dict, as `depth_sr_ros.models.weights.save_weights` writes it.
        folder: where the artifact shall lie.
        options: the network's; None takes its own.
        facts: what the card says of `training` and `evaluation`, and the `command` that trains such weights.
        storage: how weights are kept, see `depth_sr_ros.models.weights`.

    Raises:
        FileNotFoundError: no such weights.
        ValueError: an unknown network, option or fact; weights of another network; the message says what was expected.
    """
    network = create_live_model(model, **(options or {}))
    load_into(network, weights, f"{model}'s live form")
    facts = facts or {}
    unknown = sorted(set(facts) - set(_FACTS))
    if unknown:
        raise ValueError(f"facts: expected some of {list(_FACTS)}, found {unknown}")
    return export_artifact(network.deployed(), model, folder, storage=storage, **facts)
