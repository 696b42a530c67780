"""The demo's camera: a process of its own that publishes the show. Prints the start time of its stamps."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo.show import open_show
from depth_sr_ros.ros.replay import ReplayOptions, replay

BEGAN = "began "
"""What stands before the start time, in nanoseconds, on standard output."""


def main() -> int:
    """Publishes until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bag", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--rendered", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    show = open_show(options.bag, options.cache, options.rendered)
    settings = ReplayOptions(loop=True, stamps="now", wait_s=10.0, seconds=options.seconds)
    counts = replay(show.published, settings, _log, began=lambda start: print(f"{BEGAN}{start}", flush=True))
    _log(f"published {counts.summary()}")
    return 0 if counts.published["depth"] else 1


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
