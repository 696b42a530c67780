"""Fills the generated blocks of docs/cameras.md from docs/cameras.json, which `python -m bench.cameras` measures.

The sections on camera presets come from config/cameras, and config/cameras/expected.json is written beside them.
`--pictures` draws the pictures of the page anew, too. Without measurements, or where some are missing, the tables say
"not measured". `--check` only says whether page and file are up to date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.cameras.methods import METHODS, takes_cameras
from bench.cameras.report import (
    NOT_MEASURED,
    doubts_table,
    flying_table,
    groups,
    recorded_table,
    sensors_table,
    sweep_table,
)
from docs.blocks import with_block
from docs.camera_curves import curves
from docs.camera_pictures import draw, write_palette
from docs.camera_presets import expected, presets_markdown

PAGE = Path(__file__).parent / "cameras.md"
MEASURED = Path(__file__).parent / "cameras.json"
IMAGES = Path(__file__).parent / "images"
EXPECTED = Path(__file__).parents[1] / "config" / "cameras" / "expected.json"

CURVES_OF = "middlebury2014"
"""Group of scenes whose curves are drawn, and whose gross errors are told."""

_ABSENT = "`Upsampler` takes no cameras in this version: what it makes of raw depth by default is left out."


def main() -> int:
    """Writes or checks the page; returns the exit status."""
    old = PAGE.read_text()
    results = json.loads(MEASURED.read_text()) if MEASURED.is_file() else {}
    new, shipped = filled(old, results), expected_text(results)
    if "--check" in sys.argv[1:]:
        return int(old != new or not EXPECTED.is_file() or EXPECTED.read_text() != shipped)
    PAGE.write_text(new)
    EXPECTED.write_text(shipped)
    if "--pictures" in sys.argv[1:]:
        draw(IMAGES)
        write_palette(IMAGES / "cameras_curves.png", curves(results, CURVES_OF))
    return 0


def filled(page: str, results: Mapping[str, Any]) -> str:
    """The page with its blocks made anew.

    Raises:
        ValueError: a block is missing or there twice.
    """
    sweeps = [f"{title}:\n\n{sweep_table(results, group)}" for group, title in groups(results).items()]
    blocks = {
        "sweep": "\n".join(sweeps) or NOT_MEASURED,
        "doubts": doubts_table(results, CURVES_OF),
        "sensors": sensors_table(results),
        "flying": flying_table(results),
        "recorded": recorded_table(results),
        "methods": "\n".join(_methods()) + "\n",
        "presets": presets_markdown(results),
    }
    for name, content in blocks.items():
        page = with_block(page, name, content)
    return page


def expected_text(results: Mapping[str, Any]) -> str:
    """What config/cameras/expected.json holds."""
    return json.dumps(expected(results), indent=1) + "\n"


def _methods() -> list[str]:
    rows = [f"- **{title}**: {' '.join((method.__doc__ or '').split())}" for title, method in METHODS.values()]
    return rows if takes_cameras() else [*rows, "", _ABSENT]


if __name__ == "__main__":
    sys.exit(main())
