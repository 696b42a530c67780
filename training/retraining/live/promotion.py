"""From trained live weights to an artifact that the node can take, as for the papers' weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.models import LiveNetwork
from training.datasets.live.recorded import FrameEntry, read_frame
from training.recipes.provenance import Provenance, provenance_of, summary
from training.retraining.card import command_of
from training.retraining.live.recipe import NAME
from training.retraining.live.report import LiveReport
from training.retraining.promotion import ServedFrame, artifact_name, check_engine_on, promoted, write_candidate
from training.retraining.settings import Settings


def exported(network: LiveNetwork, settings: Settings, report: LiveReport, held: FrameEntry) -> dict[str, Any]:
    """Writes the artifact, compiles and checks it, runs it on a held frame, and puts it in its place.

    Args:
        network: with the new weights, as they are stored.
        settings: of the retraining.
        report: what it has found.
        held: a held frame.

    Returns:
        What is kept of it: `artifact`, `weights_id`, `engine`, `engine_words`.

    Raises:
        ValueError: no engine passes its check, or none gives finite depth for the frame.
        OSError: it cannot be written.
    """
    name = artifact_name(settings.model, 0)
    record = provenance_of(settings.out / "run" / "weights.safetensors").amended(
        name, {"command": command_of(settings), "recordings": dict(report.frames)}
    )
    facts = card_facts(settings, report, record)
    candidate = write_candidate(network, settings.model, settings.out, settings.storage, facts, record)
    frame, view = read_frame(held.path), held.view
    cameras = None if view.registered else Calibration(view.colour, view.depth, view.to_colour)
    height, width = frame.rgb.shape[:2]
    step = candidate.card.size_multiple
    grid = -(-height // step) * step, -(-width // step) * step
    served = ServedFrame(frame.rgb, frame.depth, cameras)
    engine = check_engine_on(candidate, served, grid, settings.engine_cache)
    return promoted(candidate, engine, settings.out)


def card_facts(settings: Settings, report: LiveReport, record: Provenance) -> Mapping[str, Any]:
    """What the new card says: `training`, `evaluation` and `command`."""
    verdict, command = report.verdict, command_of(settings)
    training = {"recipe": NAME, **summary(record), "recordings": dict(report.frames)}
    return {
        "training": training | {"selected_on": "nothing: the last weights"},
        "evaluation": {
            "unit": "mm",
            **report.after,
            "change": {"held": verdict.held, "to_filter": verdict.to_filter, "simulated": dict(verdict.base)},
        },
        "command": command,
    }
