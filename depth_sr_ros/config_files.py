"""Finds the configuration files that ship with the package: DDS profile, parameters, camera presets."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_SHARE = Path("share", "depth_sr_ros", "config")


def find_config(name: str) -> Path | None:
    """A file or folder of `config/`: of a source checkout, an installed ROS share folder or a pip installation.

    Args:
        name: path below `config/`, such as `fastdds.xml`.

    Returns:
        The first that exists, None if none does.
    """
    return next((folder / name for folder in _folders() if (folder / name).exists()), None)


def _folders() -> list[Path]:
    root = Path(__file__).resolve().parents[1]
    # in an installation this is site-packages, where `config` may be anybody's
    checkout = [root / "config"] if (root / "package.xml").is_file() else []
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return [*checkout, *(Path(prefix) / _SHARE for prefix in prefixes if prefix), Path(sys.prefix) / _SHARE]
