"""From a training run's folder to an artifact with a filled-in card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.models import GuidedUpsampler
from depth_sr_ros.models.export.artifacts import export_artifact
from depth_sr_ros.models.weights import Storage, rounded
from training.evaluation.network_scores import card_entry, evaluate, network_of_recipe
from training.evaluation.protocols import protocol
from training.recipes.names import RecipeFile, RecipeSource, find_recipe
from training.recipes.provenance import Stage, provenance_of, summary
from training.recipes.recipe import load_recipe

# protocols that are not for both splits: published noisy files are those of the test scenes
_SPLITS = {"cell-median": ("dev",), "noisy-middlebury": ("test",)}
_UNIT = "ground truth's own (disparity levels or pixels); centimetres for metric depth"


def export_run(
    source: RecipeSource, run: Path, data: Path | None, folder: Path, storage: Storage = "fp16", variant: str = ""
) -> Artifact:
    """Evaluates the weights of a training run and writes them as an artifact.

    The card has the errors under the recipe's protocols, of dev and test (`cell-median`: dev alone, `noisy-middlebury`:
    test alone); of the main protocol at the top, of the others by their names.

    Parts that serve training alone are left out; what is evaluated are the values as they are stored.

    Args:
        source: the recipe that the run followed.
        run: its folder, with `weights.safetensors` and `provenance.json`.
        data: folder with a manifest; None leaves the card without errors.
        folder: where the artifact shall lie.
        storage: how weights are kept, see `depth_sr_ros.models.weights`.
        variant: see `depth_sr_ros.artifact.Card`.

    Raises:
        FileNotFoundError: the run has written no weights yet, or a protocol's files are missing.
        ValueError: an unknown protocol, or one that cannot pose an image; weights that do not fit the recipe.
    """
    file = find_recipe(source)
    recipe = load_recipe(file)
    for name in recipe.evaluation:
        protocol(name)
    network = network_of_recipe(recipe, run / "weights.safetensors").deployed()
    network.load_state_dict(rounded(network.state_dict(), storage))
    record = provenance_of(run / "weights.safetensors")
    training = {"recipe": file.name, **summary(record), "selected_on": "dev"}
    evaluation = {} if data is None else _evaluation(network, data, recipe.evaluation)
    return export_artifact(
        network,
        recipe.model,
        folder,
        training=training,
        evaluation=evaluation,
        command=_command(record.last, file),
        provenance=lambda weights: record.stored(weights).as_text(),
        storage=storage,
        variant=variant,
    )


def _command(last: Stage, file: RecipeFile) -> str:
    """One that trains such weights: the run's own, or of weights that were made otherwise the recipe's."""
    plain = f"python -m training train --recipe {file.name} --data DATA --out RUN"
    return str(last.get("command", plain)) if last["kind"] == "train" else plain


def _evaluation(network: GuidedUpsampler, data: Path, protocols: Sequence[str]) -> dict[str, Any]:
    """What the card says under the protocols, the first of which is the main one."""
    by_protocol = {name: _entries(network, data, name) for name in protocols}
    main = protocols[0]
    return {"protocol": main, "unit": _UNIT, **by_protocol.pop(main), **by_protocol}


def _entries(network: GuidedUpsampler, data: Path, name: str) -> dict[str, Any]:
    """What the card says of a protocol, by split."""
    scores = evaluate(network, data, _SPLITS.get(name, ("dev", "test")), name)
    return {split: card_entry(of_split) for split, of_split in scores.items()}
