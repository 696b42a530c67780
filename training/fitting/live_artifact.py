"""From trained live weights to an artifact of the live frame graph."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.models import create_live_model, list_live_models
from depth_sr_ros.models.export.artifacts import export_artifact
from depth_sr_ros.models.weights import Storage
from training.networks.loading import load_into

DESCRIPTION = "write an artifact of trained live weights, such as fdkn_live"
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--weights", required=True, type=Path, help="safetensors file of the trained network")
    parser.add_argument("--artifact", required=True, type=Path, help="folder to write, e.g. artifacts/fdkn_live")
    parser.add_argument("--model", default="fdkn", help=f"network, one of {list_live_models()} (default fdkn)")
    parser.add_argument("--options", type=json.loads, default={}, help="the network's options, JSON (default: its own)")
    parser.add_argument(
        "--facts", type=Path, metavar="FILE", help="JSON with what the card says of `training`, `evaluation`, `command`"
    )
    parser.add_argument("--storage", choices=get_args(Storage), default="fp16", help="of weights (default fp16)")


def run(args: argparse.Namespace) -> None:
    """Runs the command."""
    facts = json.loads(args.facts.read_text()) if args.facts else {}
    artifact = export_live(
        args.model, args.weights, args.artifact, options=args.options, facts=facts, storage=args.storage
    )
    print(f"{artifact.folder}: {artifact.card.name}, {artifact.weights_id}")
