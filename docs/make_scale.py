"""Fills the generated blocks of docs/scale.md from docs/scale.json, which `python -m bench.scale` measures.

Without that file, or where it lacks something, the tables say "not measured". `--check` only says whether the page is
up to date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.scale_report import Fleet, engines_table, extraction_table, fleet_table, training_table
from docs.blocks import with_block

PAGE = Path(__file__).parent / "scale.md"
MEASURED = Path(__file__).parent / "scale.json"


def main() -> int:
    """Writes or checks the page; returns the exit status."""
    old = PAGE.read_text()
    new = filled(old, json.loads(MEASURED.read_text()) if MEASURED.is_file() else {})
    if "--check" in sys.argv[1:]:
        return int(old != new)
    PAGE.write_text(new)
    return 0


def filled(page: str, results: Mapping[str, Any]) -> str:
    """The page with its blocks made anew.

    Raises:
        ValueError: a block is missing or there twice.
    """
    fleet = Fleet()
    machine = f"{results['machine']}.\n\n" if "machine" in results else ""
    blocks = {
        "measured": f"{machine}{extraction_table(results)}\n\n{training_table(results)}",
        "fleet": fleet_table(results, fleet),
        "engines": engines_table(results, fleet),
    }
    for name, content in blocks.items():
        page = with_block(page, name, content + "\n")
    return page


if __name__ == "__main__":
    sys.exit(main())
