"""What the page about the models needs beside the cards: time per frame, and what classical methods reach.

Both are kept in `docs/models.json`, so that tables can be filled anew without the data and without measuring. What
`python -m bench.gpu` measured on a GPU is kept in `docs/gpu.json`.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from depth_sr_ros.artifact import SHIPPED, list_artifacts, read_artifact
from depth_sr_ros.cameras.grids import reduce_to_grid
from depth_sr_ros.upsampler import Upsampler

FILE = Path(__file__).parent / "models.json"
GPU_FILE = Path(__file__).parent / "gpu.json"
PROTOCOL, CLASSICAL_SCALE = "dkn-bicubic", 8

_HEIGHT, _WIDTH = 480, 640
_WARM_UP = 2

Measurements = dict[str, Any]


def read_measurements(path: Path = FILE) -> Measurements:
    """What was measured last: `times` and `classical`, each empty where it never was."""
    return json.loads(path.read_text()) if path.is_file() else {"times": {}, "classical": {}}


def read_gpu(path: Path = GPU_FILE) -> dict[str, Any]:
    """What `bench.gpu` kept: by artifact, and `machine`."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def write_measurements(measurements: Measurements, path: Path = FILE) -> None:
    """Keeps measurements for the next time."""
    path.write_text(json.dumps(measurements, indent=2, ensure_ascii=False) + "\n")


def measure_times(rounds: int, folder: Path = SHIPPED) -> dict[str, Any]:
    """Processor time of every artifact in OpenVINO on a synthetic frame of 640x480, with one thread.

    Processor time does not grow when other programs wait for the same cores, as the time on the clock does.

    Args:
        rounds: frames that count; two before them do not.
        folder: of the artifacts.

    Returns:
        `machine`, `load` (its load average before), `rounds`, `engine`, `date`, and `frames`: by artifact its
        `weights_id`, `precision` and `median_ms` of a whole call.

    Raises:
        UpsamplerError: OpenVINO does not serve an artifact; the message says why.
    """
    about = {
        "machine": f"{_processor()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "rounds": rounds,
        "engine": f"OpenVINO {version('openvino')}",
        "date": date.today().isoformat(),
    }
    return {**about, "frames": {name: _time(folder / name, rounds) for name in list_artifacts(folder)}}


def measure_classical(data: Path) -> dict[str, dict[str, float]]:
    """RMSE of the classical methods at x8 on every image of dev and test, by method and image.

    Args:
        data: folder with a manifest.

    Raises:
        FileNotFoundError: no manifest there.
    """
    from training.datasets.pairs import load_pair, read_manifest
    from training.evaluation.comparison import classical_contestants, compare

    pairs = (load_pair(entry) for entry in read_manifest(data, "dev", "test"))
    found: dict[str, dict[str, float]] = {}
    for result in compare(classical_contestants([CLASSICAL_SCALE]), pairs, [PROTOCOL], [CLASSICAL_SCALE]):
        found.setdefault(result.method, {})[result.image] = round(result.measures["rmse"], 4)
    return found


def _time(folder: Path, rounds: int) -> dict[str, Any]:
    from training.datasets.procedural import ProceduralScenes

    card = read_artifact(folder).card
    scene = ProceduralScenes(_HEIGHT, _WIDTH, kind="depth").scene(0)
    coarse = reduce_to_grid(scene.target, (_HEIGHT // card.scale, _WIDTH // card.scale))
    upsampler = Upsampler(card.model, card.scale, weights=folder, engine="openvino", threads=1)
    milliseconds = []
    for _ in range(_WARM_UP + rounds):
        start = time.process_time()
        upsampler(scene.rgb, coarse)
        milliseconds.append((time.process_time() - start) * 1e3)
    info = upsampler.describe()
    upsampler.close()
    median = round(statistics.median(milliseconds[_WARM_UP:]), 1)
    print(f"{folder.name}: {median} ms of processor time per frame", flush=True)
    return {"weights_id": info.weights_id, "precision": info.precision, "median_ms": median}


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
