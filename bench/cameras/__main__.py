"""`python -m bench.cameras`: what methods make of simulated depth cameras; writes out/bench/cameras.json.

Without --data it looks at procedural scenes alone. What is measured already is kept: a run that was stopped goes on.
`python -m docs.make_cameras` puts the numbers into docs/cameras.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.cameras.measure import measure_cell
from bench.cameras.methods import METHODS, takes_cameras
from bench.cameras.recorded import measure_recording
from bench.cameras.report import report
from bench.cameras.scenes import SceneLoader, scenes
from bench.kept import write_results
from depth_sr_ros.cameras.registration import warm_up
from training.degradation.two_cameras.known_cameras import SENSORS, SWEEP, SensorModel, SweepModel

QUICK = ("r1", "r2", "r4", "azure_kinect_binned", "realsense_d435", "pico_flexx")
"""Cameras of a quick run."""

Results = dict[str, Any]


def main() -> int:
    """Measures what is missing and prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.cameras", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with a manifest.csv")
    parser.add_argument("--recording", type=Path, help="folder of a real recording with poses: a second table")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    parser.add_argument("--quick", action="store_true", help="three scenes and few cameras")
    parser.add_argument("--cameras", nargs="+", choices=[*SWEEP, *SENSORS], metavar="NAME", help="only these")
    parser.add_argument("--again", action="store_true", help="measure what is there already, too")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "cameras.json"
    results: Results = json.loads(file.read_text()) if file.is_file() and not options.again else {"cells": {}}
    names = options.cameras or (QUICK if options.quick else (*SWEEP, *SENSORS))
    measure(results, {name: (SWEEP | SENSORS)[name] for name in names}, scenes(options.data, options.quick), file)
    if options.recording and (options.again or set(METHODS) != _methods_of(results.get("recorded", {}))):
        results["recorded"] = measure_recording(options.recording)
        write_results(results, file)
    print(report(results))
    if not takes_cameras():
        print("Upsampler takes no cameras in this version: what it makes of raw depth by default is left out.")
    return 0


def measure(
    results: Results, models: Mapping[str, SensorModel | SweepModel], looked_at: Mapping[str, SceneLoader], file: Path
) -> None:
    """Measures cells that are missing, or that lack a method, and keeps each in the file."""
    warm_up()
    for scene_name, load in looked_at.items():
        wanted = [name for name in models if _missing(results["cells"].get(f"{name}/{scene_name}"))]
        scene = load() if wanted else None
        for name in wanted:
            assert scene is not None
            results["cells"][f"{name}/{scene_name}"] = measure_cell(models[name], scene, METHODS)
            print(f"{name} {scene_name}", flush=True)
            write_results(results, file)


def _methods_of(frames: Mapping[str, Any]) -> set[str]:
    return {name for frame in frames.values() for name in frame}


def _missing(cell: Any) -> bool:
    return cell is None or set(cell["methods"]) != set(METHODS)


if __name__ == "__main__":
    sys.exit(main())
