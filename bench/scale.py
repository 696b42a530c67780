"""`python -m bench.scale`: what a core extracts and trains, and a GPU where there is one; writes scale.json.

Recordings are folders of images with calibration, as `python -m training make-bag` takes them. Each becomes a bag, raw
and compressed, and is extracted by one process on one core; FDKN's recipe then trains on the shards of all. What is
measured first is kept: a run that was stopped goes on. `python -m docs.make_scale` puts the numbers into docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.kept import write_results
from bench.limits import machine
from bench.scale_report import report

_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

Results = dict[str, Any]


def main() -> int:
    """Measures what is missing and prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--recordings", type=Path, required=True, help="folder whose sub-folders hold rgb/ and depth")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    parser.add_argument("--recipe", default="fdkn_x8_live", help="what is trained (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each extraction; the quickest counts")
    parser.add_argument("--steps", type=int, default=60, help="of each training")
    parser.add_argument("--count", type=int, default=0, help="images of each recording (default: all)")
    parser.add_argument("--again", action="store_true", help="measure what is there already, too")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "scale.json"
    results: Results = json.loads(file.read_text()) if file.is_file() and not options.again else {}
    scratch = options.out / "scale"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        measure(results, options, scratch, file)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(report(results))
    return 0


def measure(results: Results, options: argparse.Namespace, scratch: Path, file: Path) -> None:
    """Fills in what `results` lacks, and writes it after every measurement.

    Raises:
        RuntimeError: a measurement failed; the message quotes it.
        ValueError: no recordings.
    """
    results.setdefault("machine", machine())
    results.setdefault("extraction", {})
    results.setdefault("training", {})
    folders = sorted(path.parent for path in options.recordings.glob("*/rgb"))
    if not folders:
        raise ValueError(f"{options.recordings}: expected folders with rgb/ and depth images, found none")
    for folder in folders:
        for kind in ("raw", "compressed"):
            _measure_extraction(results, folder, kind, options, scratch)
            write_results(results, file)
    for name, arguments in _trainings().items():
        if name not in results["training"]:
            print(f"training: {name} ...", flush=True)
            shards = _shards(folders, options, scratch)
            count = str(options.steps)
            results["training"][name] = _work(arguments[0], options.recipe, str(shards), count, *arguments[1:])
            write_results(results, file)


def _measure_extraction(results: Results, folder: Path, kind: str, options: argparse.Namespace, scratch: Path) -> None:
    name = f"{folder.name}/{kind}"
    if name in results["extraction"]:
        return
    print(f"extraction: {name} ...", flush=True)
    bag = _bag(folder, kind, options, scratch)
    rounds = []
    for number in range(options.rounds):
        out = scratch / f"{folder.name}_{kind}_{number}"
        rounds.append(_work("extract", str(bag), str(out)))
        shutil.rmtree(out)
    results["extraction"][name] = min(rounds, key=lambda row: row["cpu_s"])


def _trainings() -> dict[str, tuple[str, ...]]:
    import torch

    trainings: dict[str, tuple[str, ...]] = {"crops": ("crops",), "cpu": ("train", "cpu")}
    return {**trainings, "cuda": ("train", "cuda")} if torch.cuda.is_available() else trainings


def _bag(folder: Path, kind: str, options: argparse.Namespace, scratch: Path) -> Path:
    from training.extraction.make_bag import BagRequest, make_bag

    bag = scratch / "bags" / kind / folder.name
    if not bag.exists():
        bag.parent.mkdir(parents=True, exist_ok=True)
        make_bag(folder, bag, BagRequest(compressed=kind == "compressed", count=options.count))
    return bag


def _shards(folders: list[Path], options: argparse.Namespace, scratch: Path) -> Path:
    from training.extraction.run import extract

    shards = scratch / "shards"
    if not shards.exists():
        extract([_bag(folder, "compressed", options, scratch) for folder in folders], shards, say=lambda text: None)
    return shards


def _work(*arguments: str) -> Any:
    """A measurement in a process of its own."""
    environment = os.environ if arguments[-1] == "cuda" else {**os.environ, **dict.fromkeys(_ONE_THREAD, "1")}
    done = subprocess.run(
        [sys.executable, "-m", "bench.scale_work", *arguments], capture_output=True, text=True, env=environment
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
