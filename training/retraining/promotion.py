"""From trained weights to an artifact that the node can take: written, compiled, checked, then put in its place."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.artifact import Artifact, ArtifactError, read_artifact
from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.grids import frame_layout
from depth_sr_ros.engines import EngineError, PlanCache, PlanRequest, choose_engine
from depth_sr_ros.engines.plans.build import obtain_plan
from depth_sr_ros.engines.select import planned_runtimes
from depth_sr_ros.models import GuidedUpsampler, LiveNetwork
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


def artifact_name(model: str, scale: int) -> str:
    """What the artifact of new weights is called; scale 0 stands for live ones."""
    return f"{model}_x{scale}_{VARIANT}" if scale else f"{model}_live_{VARIANT}"


def write_candidate(
    network: GuidedUpsampler | LiveNetwork,
    model: str,
    out: Path,
    storage: Storage,
    facts: Mapping[str, Any],
    record: Provenance,
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
    scale = 0 if isinstance(network, LiveNetwork) else network.scale
    folder = out / CANDIDATE / artifact_name(model, scale)
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
    depth = np.where(pair.valid, pair.target, np.nan).astype(np.float32)
    return check_engine_on(artifact, ServedFrame(pair.rgb, depth), grid, cache)


@dataclass(frozen=True)
class ServedFrame:
    """A frame as the Python API takes it: colour, depth in metres, and cameras where depth is not registered."""

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    cameras: Calibration | None = None


def check_engine_on(artifact: Artifact, frame: ServedFrame, grid: tuple[int, int], cache: Path | None) -> Engine:
    """As `check_engine_of`, on any frame; `grid` is the size that the engine runs at."""
    card = artifact.card
    try:
        notes = _compile(artifact, grid, PlanCache(cache))
        choose_engine(artifact, plans=PlanCache(cache), grid=grid)
        upsampler = Upsampler(card.model, card.scale, weights=artifact.folder, engine_cache=cache)
        given = (frame.rgb, frame.depth) if frame.cameras is None else (frame.rgb, frame.depth, frame.cameras)
        upsampler(*given)
        result = upsampler(*given)
    except EngineError as error:
        raise ValueError(f"{artifact.folder}: the new weights run on no engine here: {error}") from error
    if not result.valid.any() or not np.isfinite(result.depth[result.valid]).all():
        found = "NaN" if result.valid.any() else "none"
        raise ValueError(f"{artifact.folder}: expected finite depth for a held frame, found {found} from the engine")
    info = upsampler.describe()
    upsampler.close()
    spent, size = sum(result.timings.values()), (frame.rgb.shape[1], frame.rgb.shape[0])
    return Engine(info.engine, info.precision, info.reason, spent, size, tuple(notes))


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


def promoted(candidate: Artifact, engine: Engine, out: Path) -> dict[str, Any]:
    """Puts a checked candidate in its place, see `promote`.

    Returns:
        What the retraining keeps of it: `artifact`, `weights_id`, `engine`, `engine_words`.
    """
    artifact = promote(candidate, out)
    words = (
        f"{engine.name} {engine.precision}, {engine.milliseconds:.0f} ms for a frame of {engine.size[0]}x"
        f"{engine.size[1]}; {engine.reason.partition('; passed over')[0]}"
    )
    return {
        "artifact": artifact.folder.name,
        "weights_id": artifact.weights_id,
        "engine": asdict(engine),
        "engine_words": words,
    }


def promoted_artifact(out: Path, name: str) -> Artifact:
    """The artifact that `promoted` has put into the folder of a retraining.

    Raises:
        ArtifactError: it is not there any more, or damaged; the message says what to remove.
    """
    try:
        return read_artifact(out / name)
    except ArtifactError as error:
        raise ArtifactError(
            f"{error}; remove {out / name} and {out / 'promoted.json'} to have it written again"
        ) from error


def promotion_words(artifact: Artifact, engine: str) -> dict[str, str]:
    """What a report says of a promotion, `engine` being the words on that."""
    return {"switch": switch_line(artifact), "words": switch_words(artifact), "engine": engine}


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
    scales = f"scale 0 or {card.scale}" if card.scale else "scale 0"
    return (
        f"To switch over a running node (model {card.model}, {scales}, any precision but int8, since "
        "these weights have no 8-bit graph):"
    )


def switch_line(artifact: Artifact) -> str:
    """The command that makes a running node take the new weights."""
    return f"ros2 param set /depth_sr weights {shlex.quote(str(artifact.folder.resolve()))}"
