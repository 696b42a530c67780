"""The camera of the benchmark: the demo's scene onto the node's topics from a process of its own, at a given rate."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.motorcycle import registered_motorcycle
from depth_sr_ros.ros.replay import ReplayOptions, replay


def main() -> int:
    """Publishes until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--rate-hz", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    recording = registered_motorcycle(options.cache)
    settings = ReplayOptions(
        speed=options.rate_hz / recording.rate_hz, loop=True, stamps="now", wait_s=10.0, seconds=options.seconds
    )
    counts = replay(recording, settings, lambda text: print(text, file=sys.stderr, flush=True))
    print(counts.published["depth"], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
