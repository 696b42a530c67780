"""From a live training run's folder to an artifact of the live frame graph with a filled-in card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.models import LiveNetwork, create_live_model
from depth_sr_ros.models.export.artifacts import export_artifact
from depth_sr_ros.models.weights import Storage, rounded
from training.datasets.live.dev import dev_crops
from training.fitting.live.validation import METHODS, LiveEvaluation, LiveScores, ratio_to_filter
from training.networks.loading import load_into
from training.recipes.live_recipe import load_live_recipe
from training.recipes.names import RecipeFile
from training.recipes.provenance import Provenance, provenance_of, sha256_of, summary

PROTOCOL = "cameras"
"""What the card calls the evaluation: simulated cameras before scenes of dev, see `training.datasets.live.dev`."""

_UNIT = "millimetres"


def export_live_run(
    file: RecipeFile, run: Path, data: Path | None, folder: Path, storage: Storage = "fp16"
) -> Artifact:
    """Evaluates the weights of a live training run and writes them as an artifact.

    The card has, for each simulated camera, the mean absolute error of the start image, of the live filter and of the
    network, overall, within a few pixels of depth edges, and elsewhere. What is evaluated are the values as they are
    stored.

    Args:
        file: the live recipe that the run followed.
        run: its folder, with `weights.safetensors` and `provenance.json`.
        data: folder with a manifest; None leaves the card without errors.
        folder: where the artifact shall lie.
        storage: how weights are kept, see `depth_sr_ros.models.weights`.

    Raises:
        FileNotFoundError: the run has written no weights yet, or there is no manifest.
        ValueError: weights that do not fit the recipe.
    """
    recipe = load_live_recipe(file)
    weights = run / "weights.safetensors"
    network = create_live_model(recipe.model, **recipe.model_options)
    load_into(network, weights, f"{recipe.model}'s live form")
    network = network.deployed()
    network.load_state_dict(rounded(network.state_dict(), storage))
    record = provenance_of(weights)
    plain = f"python -m training train --recipe {file.name}_live --data DATA --out RUN"
    return export_artifact(
        network,
        recipe.model,
        folder,
        training={"recipe": f"{file.name}_live", **summary(record), "selected_on": "dev"},
        evaluation={} if data is None else card_evaluation(network, data, run / "validation.npz"),
        command=str(record.last.get("command", plain)),
        provenance=lambda stored: _as_stored(record, stored).as_text(),
        storage=storage,
    )


def _as_stored(record: Provenance, stored: Path) -> Provenance:
    """The record of weights that were rounded when they were stored."""
    facts = {"weights": sha256_of(stored), "weights_are": "as it ships, rounded"}
    return record.amended(record.last["id"], facts).stored(stored)


def card_evaluation(network: LiveNetwork, data: Path, kept: Path) -> dict[str, Any]:
    """What the card says of a live network's errors.

    Args:
        network: it is put into evaluation mode.
        data: folder with a manifest.
        kept: .npz file of the fixed set, see `training.datasets.live.dev.dev_crops`.

    Raises:
        FileNotFoundError: no manifest there.
    """
    found = LiveEvaluation(dev_crops(data, kept))(network.eval())
    return {"protocol": PROTOCOL, "unit": _UNIT, "dev": _entry(found)}


def _entry(found: Sequence[LiveScores]) -> dict[str, Any]:
    by_method = {
        method: {
            one.camera: {key: round(one.measures[method][key], 2) for key in ("mae", "edges", "elsewhere")}
            for one in found
        }
        for method in METHODS
    }
    return {**by_method, "ratio_to_filter": round(ratio_to_filter(found), 4)}
