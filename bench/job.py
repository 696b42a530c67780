"""What the processes that `bench.engines` starts have in common: their arguments, and rounds that fit a time."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

from depth_sr_ros.commands.bench import parse_size
from depth_sr_ros.commands.timing import Case


def job_parser(description: str | None, *artifacts: str) -> argparse.ArgumentParser:
    """A parser of `--size` and `--threads`, and of an option with a folder for each of the artifacts named."""
    parser = argparse.ArgumentParser(description=description)
    for artifact in artifacts:
        parser.add_argument(f"--{artifact}", type=Path, required=True)
    parser.add_argument("--size", type=parse_size, required=True)
    parser.add_argument("--threads", type=int, required=True)
    return parser


def rounds_within(seconds: float, rounds: int, cases: Iterable[Case]) -> int:
    """As many rounds of these cases as fit a time, one at least and `rounds` at most; calls each of them once."""
    start = time.perf_counter()
    for case in cases:
        case()
    return max(1, min(rounds, int(seconds / (time.perf_counter() - start))))
