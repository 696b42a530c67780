"""Fills the generated block of docs/engines.md, and draws its plot, from docs/engines.json.

`python -m bench.engines` measures that file. `--check` only says whether the page is up to date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.engines_report import report, scaling_lines
from bench.plot import scaling_plot
from docs.blocks import with_block

PAGE = Path(__file__).parent / "engines.md"
MEASURED = Path(__file__).parent / "engines.json"
PLOT = Path(__file__).parent / "images" / "scaling.png"


def main() -> int:
    """Writes or checks the page; returns the exit status."""
    old = PAGE.read_text()
    results = json.loads(MEASURED.read_text())
    new = filled(old, results)
    if "--check" in sys.argv[1:]:
        return int(old != new)
    PAGE.write_text(new)
    scaling_plot(scaling_lines(results), PLOT)
    return 0


def filled(page: str, results: Mapping[str, Any]) -> str:
    """The page with its block made anew.

    Raises:
        ValueError: the block is missing or there twice.
    """
    return with_block(page, "measured", report(results))


if __name__ == "__main__":
    sys.exit(main())
