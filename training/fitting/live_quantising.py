"""An 8-bit graph for live weights: calibrated on simulated cameras, and its price measured on the dev set."""

from __future__ import annotations

import argparse
import shlex
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from depth_sr_ros.artifact import PRECISION_ERROR, Artifact, read_artifact, write_artifact
from depth_sr_ros.engines.base import Arrays, EngineError
from depth_sr_ros.engines.openvino.int8 import quantised_layers, quantiser_version, write_int8_graph
from depth_sr_ros.engines.openvino.precision_order import LIMIT
from depth_sr_ros.frame_graphs import LIVE
from training.datasets.live.crops import LiveCropsByNumber, LiveOptions
from training.datasets.live.dev import dev_crops
from training.datasets.live.opening import SHARES, open_scenes
from training.fitting.live.precision_error import engine_inputs, precision_errors

DESCRIPTION = "make an artifact of live weights that also runs in 8-bit integers"
_SEED = 20250
_EIGHT = "int8"

Say = Callable[[str], None]


def quantise_live(
    artifact: Artifact,
    data: Path,
    out: Path,
    *,
    frames: int = 48,
    scenes: str = "",
    dev: Path | None = None,
    command: str = "",
    say: Say = lambda text: None,
) -> Artifact:
    """Writes a copy of an artifact with an 8-bit graph, and on its card the errors of every precision.

    Args:
        artifact: of the live frame graph.
        data: folder with a manifest: its train split and rendered frames calibrate, dev measures.
        out: folder of the new artifact.
        frames: crops of simulated cameras to calibrate with.
        scenes: only these, one of `training.datasets.live.opening.SHARES`; empty takes all.
        dev: the dev set as a training run keeps it, `validation.npz`; None simulates it anew.
        command: the command that asked for it, for the card.
        say: told what is being done.

    Raises:
        ValueError: weights of another frame graph, or an 8-bit graph that costs too much.
        EngineError: nncf is missing, or cannot quantise the graph.
        FileNotFoundError: no manifest.
    """
    if artifact.card.form is not LIVE:
        raise ValueError(
            f"{artifact.folder}: expected weights of the live frame graph, found those of the "
            f"{artifact.card.frame_graph} one; quantise them with `depth-sr quantise`"
        )
    version = quantiser_version()
    calibration = calibration_frames(data, frames, scenes, artifact.card.size_multiple)
    with tempfile.TemporaryDirectory() as scratch:
        say(f"quantising with {len(calibration)} crops of simulated cameras")
        files = write_int8_graph(artifact, calibration, Path(scratch))
        crops = dev_crops(data, dev or Path(scratch) / "validation.npz")
        say(f"measuring on {len(crops)} dev crops")
        kept = [artifact.provenance] if artifact.provenance else []
        sources = artifact.graph, artifact.weights, artifact.fixture(), [*files, *kept]
        trial = write_artifact(Path(scratch) / "trial", artifact.card, *sources)
        note = {
            "method": f"nncf {version}, mixed preset, all convolutions",
            "layers": quantised_layers(files[0]),
            "calibration_frames": len(calibration),
            "scenes": scenes or "all",
            "command": command,
        }
        evaluation = {**artifact.card.evaluation, PRECISION_ERROR: precision_errors(trial, crops)}
        card = replace(artifact.card, quantisation=note, evaluation=evaluation)
        _expect_close(card.precision_cost(_EIGHT))
        return write_artifact(out, card, *sources)


def calibration_frames(data: Path, count: int, scenes: str = "", size_multiple: int = 8) -> list[Arrays]:
    """Crops of simulated cameras as an engine takes them; the same ones every time.

    Args:
        data: folder with a manifest.
        count: how many.
        scenes: only these, one of `SHARES`; empty takes all.
        size_multiple: what the crops' sides must be multiples of.

    Raises:
        ValueError: none are asked for, or unknown scenes.
        FileNotFoundError: no manifest.
    """
    if count < 1:
        raise ValueError(f"--count: expected a whole number of 1 or more, found {count}")
    options = LiveOptions(-(-LiveOptions().size // size_multiple) * size_multiple)
    shares = {scenes: 1.0} if scenes else None
    crops = LiveCropsByNumber(open_scenes(data, options.side, _SEED, shares), options, _SEED)
    return [engine_inputs(crops.crop(number, np.random.default_rng([_SEED, number]))) for number in range(count)]


def _expect_close(cost: float | None) -> None:
    if cost is None or not cost <= LIMIT:
        found = "none that can be compared" if cost is None else f"{cost:+.1%}"
        raise ValueError(
            f"refused: expected errors in int8 at most {LIMIT:.0%} above those in fp32, overall and at edges, found "
            f"{found}; give more --count, or stay with bf16 or fp32"
        )


def precision_table(errors: dict[str, Any]) -> str:
    """Lines to print: by precision, errors in mm overall and at edges, and how much that is of fp32's."""
    lines = ["| precision | MAE, mm | at edges, mm | of fp32's |", "|---|---|---|---|"]
    for name, one in errors.items():
        if isinstance(one, dict):
            relative = " / ".join(f"{value:.4f}" for value in one["relative"].values())
            lines.append(f"| {name} | {one['mae_mm']:.3f} | {one['edges_mm']:.3f} | {relative} |")
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--artifact", required=True, type=Path, help="folder of the live artifact")
    parser.add_argument("--data", required=True, type=Path, help="folder with a manifest.csv")
    parser.add_argument("--out", required=True, type=Path, help="folder of the new artifact")
    parser.add_argument("--count", type=int, default=48, help="crops to calibrate with (default 48)")
    parser.add_argument("--scenes", choices=sorted(SHARES), default="", help="calibrate with these only (default: all)")
    parser.add_argument(
        "--dev", type=Path, metavar="FILE", help="validation.npz of a training run (default: simulated anew)"
    )


def run(args: argparse.Namespace) -> None:
    """Runs the command."""
    command = ["python", "-m", "training", "quantise-live", "--artifact", args.artifact.name, "--data", "DATA"]
    command += ["--out", "OUT", "--count", str(args.count), *(["--scenes", args.scenes] if args.scenes else [])]
    try:
        made = quantise_live(
            read_artifact(args.artifact), args.data, args.out,
            frames=args.count, scenes=args.scenes, dev=args.dev, command=shlex.join(command), say=print,
        )  # fmt: skip
    except EngineError as error:
        raise ValueError(str(error)) from error
    print(f"{made.folder}: {made.card.name}, {made.weights_id}")
    print(precision_table(made.card.evaluation[PRECISION_ERROR]))
