"""Times a small sibling and its network in turn, frame by frame, in every engine and precision that both have.

Run by `bench.engines` as a process of its own: ratios of two processes differ by more than a machine's noise within
one. Prints JSON: median milliseconds of a frame.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from typing import Any

from bench.job import job_parser, rounds_within
from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.commands.bench import upsamplers
from depth_sr_ros.commands.timing import Case, synthetic_frame, time_in_turn

_WARM_UP = 2


def main() -> int:
    """Measures and prints."""
    parser = job_parser(__doc__, "sibling", "network")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="that an engine and precision may take")
    options = parser.parse_args()
    artifacts = {name: read_artifact(getattr(options, name)) for name in ("sibling", "network")}
    served = {name: upsamplers(artifact, threads=options.threads)[0] for name, artifact in artifacts.items()}
    scales = {artifact.card.scale for artifact in artifacts.values()}
    if len(scales) > 1:
        raise ValueError(f"expected two artifacts of one scale, found {sorted(scales)}")
    width, height = options.size
    frame = synthetic_frame(height, width, scales.pop())
    common = [key for key in served["sibling"] if key in served["network"]]
    rows = {key: _in_turn({name: partial(served[name][key], *frame) for name in served}, options) for key in common}
    print(json.dumps({"rows": rows}))
    return 0


def _in_turn(cases: dict[str, Case], options: argparse.Namespace) -> dict[str, Any]:
    rounds = rounds_within(options.seconds, options.rounds, cases.values())
    timings = time_in_turn(cases, rounds, _WARM_UP)
    return {**{f"{name}_ms": timing.median for name, timing in timings.items()}, "rounds": rounds}


if __name__ == "__main__":
    sys.exit(main())
