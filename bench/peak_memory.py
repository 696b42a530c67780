"""Largest resident size of a process that serves a few frames by one engine. Prints MiB, before and with the engine."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.job import job_parser
from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.commands.timing import synthetic_frame
from depth_sr_ros.upsampler import Upsampler

_FRAMES = 3


def main() -> int:
    """Measures and prints."""
    parser = job_parser(__doc__, "artifact")
    parser.add_argument("--engine", required=True)
    parser.add_argument("--precision", required=True)
    options = parser.parse_args()
    card = read_artifact(options.artifact).card
    width, height = options.size
    rgb, depth = synthetic_frame(height, width, card.scale)
    before = _peak()
    upsampler = Upsampler(
        card.model,
        card.scale,
        weights=options.artifact,
        engine=options.engine,
        precision=options.precision,
        threads=options.threads,
    )
    for _ in range(_FRAMES):
        upsampler(rgb, depth)
    print(f"{before:.0f} {_peak():.0f}")
    return 0


def _peak() -> float:
    # not getrusage: its figure starts with that of the process that started this one
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    sys.exit(main())
