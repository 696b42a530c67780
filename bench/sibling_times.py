"""Times a small sibling and its network in turn, frame by frame, in every engine and precision that both have.

Run by `bench.engines` as a process of its own: ratios of two processes differ by more than a machine's noise within
one. Prints JSON: median milliseconds of a frame.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.bench_command import parse_size, upsamplers
from depth_sr_ros.timing import Case, made_up_frame, time_in_turn
from depth_sr_ros.upsampler import Upsampler

_WARM_UP = 2


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sibling", type=Path, required=True)
    parser.add_argument("--network", type=Path, required=True)
    parser.add_argument("--size", type=parse_size, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="that an engine and precision may take")
    options = parser.parse_args()
    artifacts = {name: read_artifact(getattr(options, name)) for name in ("sibling", "network")}
    served = {name: upsamplers(artifact, threads=options.threads)[0] for name, artifact in artifacts.items()}
    scales = {artifact.card.scale for artifact in artifacts.values()}
    if len(scales) > 1:
        raise ValueError(f"expected two artifacts of one scale, found {sorted(scales)}")
    width, height = options.size
    frame = made_up_frame(height, width, scales.pop())
    common = [key for key in served["sibling"] if key in served["network"]]
    rows = {key: _in_turn({name: served[name][key] for name in served}, frame, options) for key in common}
    print(json.dumps({"rows": rows}))
    return 0


def _in_turn(pair: dict[str, Upsampler], frame: tuple[Any, Any], options: argparse.Namespace) -> dict[str, float]:
    def serve(upsampler: Upsampler) -> Callable[[], object]:
        return lambda: upsampler(*frame)

    cases: dict[str, Case] = {name: serve(upsampler) for name, upsampler in pair.items()}
    start = time.perf_counter()
    for case in cases.values():
        case()
    rounds = max(1, min(options.rounds, int(options.seconds / (time.perf_counter() - start))))
    timings = time_in_turn(cases, rounds, _WARM_UP)
    return {**{f"{name}_ms": timing.median for name, timing in timings.items()}, "rounds": rounds}


if __name__ == "__main__":
    sys.exit(main())
