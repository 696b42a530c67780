"""Times every engine and precision of one artifact at one size, in turn with the straightforward form and a peer.

Run by `bench.engines` as a process of its own, so that a job that fails or is stopped loses no other. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from functools import partial
from typing import Any

import numpy as np

from bench.job import job_parser, rounds_within
from bench.limits import arithmetic, limit_cases, rates
from bench.peers import guided_colour
from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.commands.bench import upsamplers
from depth_sr_ros.commands.timing import Case, synthetic_frame, time_in_turn
from depth_sr_ros.upsampler import Upsampler

STRAIGHTFORWARD, PEER = "torch eager, straightforward", "cv2 guided filter"
_WARM_UP = 1


def main() -> int:
    """Measures and prints."""
    parser = job_parser(__doc__, "artifact")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="that the straightforward form may take in all")
    parser.add_argument("--only-best", action="store_true", help="the engine that serves by itself, and nothing else")
    options = parser.parse_args()
    print(json.dumps(_measure(options)))
    return 0


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    artifact = read_artifact(options.artifact)
    width, height = options.size
    rgb, depth = synthetic_frame(height, width, artifact.card.scale)
    if options.only_best:
        card = artifact.card
        best = Upsampler(card.model, card.scale, weights=artifact.folder, threads=options.threads)
        info = best.describe()
        served, refused = {f"{info.engine} {info.precision}": best}, dict[str, str]()
    else:
        served, refused = upsamplers(artifact, threads=options.threads)
    engine_ms: dict[str, list[float]] = {name: [] for name in served}

    def run(name: str) -> None:
        engine_ms[name].append(served[name](rgb, depth).timings["engine"])

    cases: dict[str, Case] = {name: partial(run, name) for name in served}
    rounds = options.rounds
    if not options.only_best:
        cases[STRAIGHTFORWARD] = _straightforward(artifact, rgb, depth, options.threads)
        rounds = rounds_within(options.seconds, rounds, [cases[STRAIGHTFORWARD]])
        cases[PEER] = lambda: guided_colour(rgb, depth)
        cases |= limit_cases(options.threads)
    timings = time_in_turn(cases, rounds, _WARM_UP)
    rows = {
        name: {"frame_ms": t.median, "processor_ms": t.processor}
        for name, t in timings.items()
        if not name.startswith("limit ")
    }
    for name, values in engine_ms.items():
        rows[name]["engine_ms"] = statistics.median(values[_WARM_UP:])
    grid = -(-height // artifact.card.scale), -(-width // artifact.card.scale)
    step = artifact.card.size_multiple // np.gcd(artifact.card.size_multiple, artifact.card.scale)
    whole = tuple(int(-(-side // step) * step) for side in grid)
    gflop = arithmetic(artifact.graph, (whole[0], whole[1]), artifact.card.scale)
    about = {"rounds": rounds, "gflop": gflop, "gflop_per_s": rates(timings), "name": artifact.card.name}
    return {"rows": rows, "refused": refused, **about}


def _straightforward(artifact: Any, rgb: Any, depth: Any, threads: int) -> Case:
    import torch

    from bench.straightforward import straightforward

    torch.set_num_threads(threads)
    graph = straightforward(artifact)
    inputs = torch.from_numpy(rgb), torch.from_numpy(np.nan_to_num(depth))

    def run() -> None:
        with torch.inference_mode():
            graph(*inputs)

    return run


if __name__ == "__main__":
    sys.exit(main())
