"""`python -m training fuse`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from depth_sr_ros.cameras.depth import to_millimetres
from depth_sr_ros.recordings.image_files import write_image
from training.fusion.fuse import FusionOptions
from training.fusion.recording import PosedRecording

DESCRIPTION = "fuse neighbouring frames of a recording with poses into depth to judge single frames by"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    known = FusionOptions()
    parser.add_argument("recording", type=Path, metavar="RECORDING", help="folder with calibration.json and depth")
    parser.add_argument(
        "--poses", required=True, type=Path,
        help="folder of .txt, 4x4 from the depth camera to the world; inside RECORDING, or elsewhere",
    )  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, help="folder for depth, 16-bit PNG millimetres, 0 unknown")
    parser.add_argument("--depth", default="depth", metavar="NAME", help="folder of depth images in RECORDING")
    parser.add_argument("--view", choices=("depth", "colour"), default="depth", help="whose pixels (%(default)s)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth frame only")
    parser.add_argument("--neighbours", type=int, default=known.neighbours, help="frames fused (default %(default)s)")
    parser.add_argument("--least", type=int, default=known.least, help="that have to agree (default %(default)s)")
    parser.add_argument("--agree", type=float, default=known.agree, help="share of the depth (default %(default)s)")


def run(args: argparse.Namespace) -> None:
    """Writes a fused image for each frame asked for, and says how much of it is known.

    Raises:
        FileNotFoundError: calibration, poses or images are missing.
        ValueError: options that make no sense, or poses that do not belong to the images.
    """
    if args.every < 1:
        raise ValueError(f"--every: expected 1 or more, found {args.every}")
    options = FusionOptions(neighbours=args.neighbours, least=args.least, agree=args.agree)
    inside = args.recording / args.poses
    poses = inside if inside.is_dir() else args.poses
    recording = PosedRecording.open(args.recording, poses, args.depth)
    args.out.mkdir(parents=True, exist_ok=True)
    for stem in recording.stems[:: args.every]:
        fused = recording.fused(stem, args.view, options)
        write_image(args.out / f"{stem}.png", to_millimetres(fused.depth))
        print(f"{stem}: {np.isfinite(fused.depth).mean():.0%} known", flush=True)
