"""`python -m bench`: latency of the live node beside its peers; writes out/bench."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.latency import run


def main() -> int:
    """Runs the benchmark and prints its tables."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    parser.add_argument("--cache", type=Path, default=Path("out/cache"), help="where the scene is kept")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each live run")
    parser.add_argument("--rates", type=float, nargs="+", default=[10.0, 30.0], help="camera rates, Hz")
    options = parser.parse_args()
    print(run(options.out, options.cache, options.seconds, options.rates))
    return 0


if __name__ == "__main__":
    sys.exit(main())
