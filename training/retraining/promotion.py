"""From trained weights to an artifact that the node can take: written, compiled, checked, then put in its place."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from depth_sr_ros.artifact import Artifact, ArtifactError, read_artifact
from depth_sr_ros.cameras.grids import frame_layout
from depth_sr_ros.engines import EngineError, PlanCache, PlanRequest, choose_engine
from depth_sr_ros.engines.plans.build import obtain_plan
from depth_sr_ros.engines.select import planned_runtimes
from depth_sr_ros.models import GuidedUpsampler
from depth_sr_ros.models.export.artifacts import export_artifact
from depth_sr_ros.models.weights import Storage
from depth_sr_ros.upsampler import Upsampler
from training.datasets.pairs import Pair
from training.recipes.provenance import Provenance

VARIANT = "retrained"
"""What the card says that the weights are for."""

CANDIDATE = ".candidate"


@dataclass(frozen=True)
class Engine:
    """The engine that serves the new weights.

    Attributes:
        name: e.g. `openvino`.
        precision: of the network body.
        reason: one sentence on why this one.
        milliseconds: of the second of two frames, of the size below.
        size: width and height of the colour image.
        notes: plans that were built or could not be.
    """

    name: str
    precision: str
    reason: str
    milliseconds: float
    size: tuple[int, int]
    notes: tuple[str, ...]


def write_candidate(
    network: GuidedUpsampler, model: str, out: Path, storage: Storage, facts: Mapping[str, Any], record: Provenance
) -> Artifact:
    """Writes the artifact beside its place, for whatever an earlier run has left there.

    Args:
        network: with the new weights.
        model: its registry name.
        out: folder of the retraining.
        storage: how weights are kept.
        facts: the card's `training`, `evaluation` and `command`.
        record: where the weights come from.

    Raises:
        OSError: it cannot be written; nothing is left that could be taken for an artifact.
    """
    folder = out / CANDIDATE / f"{model}_x{network.scale}_{VARIANT}"
    shutil.rmtree(out / CANDIDATE, ignore_errors=True)
    return export_artifact(
        network,
        model,
        folder,
        training=facts["training"],
        evaluation=facts["evaluation"],
        command=facts["command"],
        provenance=lambda weights: record.stored(weights).as_text(),
        storage=storage,
        variant=VARIANT,
    )


def check_engine_of(artifact: Artifact, pair: Pair, cache: Path | None) -> Engine:
    """Compiles the artifact for the recordings' size, checks it on its golden frame, and runs it on a real frame.

    Args:
        artifact: the new weights.
        pair: a frame at the recordings' size.
        cache: where plans lie; None takes the default.

    Raises:
        ValueError: no engine passes its check, or none gives finite depth for the frame.
    """
    card, size = artifact.card, (pair.rgb.shape[0], pair.rgb.shape[1])
    grid = frame_layout(size, size, card.scale, (card.scale,), card.size_multiple).grid
    try:
        notes = _compile(artifact, grid, PlanCache(cache))
        choose_engine(artifact, plans=PlanCache(cache), grid=grid)
        upsampler = Upsampler(card.model, card.scale, weights=artifact.folder, engine_cache=cache)
        depth = np.where(pair.valid, pair.target, np.nan).astype(np.float32)
        upsampler(pair.rgb, depth)
        result = upsampler(pair.rgb, depth)
    except EngineError as error:
        raise ValueError(f"{artifact.folder}: the new weights run on no engine here: {error}") from error
    if not result.valid.any() or not np.isfinite(result.depth[result.valid]).all():
        found = "NaN" if result.valid.any() else "none"
        raise ValueError(f"{artifact.folder}: expected finite depth for a held frame, found {found} from the engine")
    info = upsampler.describe()
    upsampler.close()
    spent = sum(result.timings.values())
    return Engine(info.engine, info.precision, info.reason, spent, (size[1], size[0]), tuple(notes))


def _compile(artifact: Artifact, grid: tuple[int, int], cache: PlanCache) -> list[str]:
    """Builds the plans that `depth-sr compile` would; one that cannot be built is noted, others may serve."""
    notes = []
    for runtime in planned_runtimes()[0]:
        request = PlanRequest(runtime, artifact, grid, runtime.precisions()[0])
        try:
            obtain_plan(request, cache)
            notes.append(f"{request}: plan in {cache.folder}")
        except (EngineError, OSError) as error:
            notes.append(f"{request}: no plan: {error}")
    return notes


def promote(artifact: Artifact, out: Path) -> Artifact:
    """Moves a checked candidate to its place, for an older one.

    Raises:
        ArtifactError: something else lies there.
    """
    place = out / artifact.folder.name
    older = out / CANDIDATE / "older"
    if place.exists():
        try:
            read_artifact(place)
        except ArtifactError as error:
            raise ArtifactError(f"{place}: expected an older artifact, found: {error}; move it away") from error
        os.replace(place, older)
    os.replace(artifact.folder, place)
    shutil.rmtree(out / CANDIDATE, ignore_errors=True)
    return read_artifact(place)


def switch_words(artifact: Artifact) -> str:
    """What goes with `switch_line`: which nodes it is for."""
    card = artifact.card
    return (
        f"To switch over a running node (model {card.model}, scale 0 or {card.scale}, any precision but int8, since "
        "these weights have no 8-bit graph):"
    )


def switch_line(artifact: Artifact) -> str:
    """The command that makes a running node take the new weights."""
    return f"ros2 param set /depth_sr weights {shlex.quote(str(artifact.folder.resolve()))}"
