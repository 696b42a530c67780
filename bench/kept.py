"""Results saved during a measurement, so that a stopped run can continue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_results(results: Mapping[str, Any], file: Path) -> None:
    """Replaces the file by these results, as JSON; whoever reads it meanwhile finds one or the other whole."""
    building = file.with_suffix(".new")
    building.write_text(json.dumps(results, indent=2) + "\n")
    building.replace(file)
