"""Fills the generated blocks of docs/engines.md, and draws its plot, from docs/engines.json and docs/gpu.json.

`python -m bench.engines` and `python -m bench.gpu` measure these files. `--check` only says whether the page is up to
date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.engines_report import report, scaling_lines
from bench.gpu_report import gpu_report
from bench.plot import scaling_plot
from docs.blocks import with_block
from docs.model_measurements import read_gpu

PAGE = Path(__file__).parent / "engines.md"
MEASURED = Path(__file__).parent / "engines.json"
PLOT = Path(__file__).parent / "images" / "scaling.png"


def main() -> int:
    """Writes or checks the page; returns the exit status."""
    old = PAGE.read_text()
    results = json.loads(MEASURED.read_text())
    new = filled(old, results, read_gpu())
    if "--check" in sys.argv[1:]:
        return int(old != new)
    PAGE.write_text(new)
    scaling_plot(scaling_lines(results), PLOT)
    return 0


def filled(page: str, results: Mapping[str, Any], gpu: Mapping[str, Any]) -> str:
    """The page with its blocks made anew.

    Args:
        page: as it is.
        results: what `bench.engines` measured.
        gpu: what `bench.gpu` measured.

    Raises:
        ValueError: the block is missing or there twice.
    """
    return with_block(with_block(page, "measured", report(results)), "gpu", gpu_report(gpu))


if __name__ == "__main__":
    sys.exit(main())
