"""Finds the Fast DDS profile that ships with this package and puts it in force.

The shared-memory segment Fast DDS makes by default (512 KB) is smaller than one depth image, so images are lost
without a word. The profile `config/fastdds.xml` enlarges it. Fast DDS reads its environment variable once, when the
process makes its first participant: Fast DDS 2 (Humble, Jazzy) looks at FASTRTPS_DEFAULT_PROFILES_FILE only, Fast DDS 3
(Kilted and later) at FASTDDS_DEFAULT_PROFILES_FILE, so both are always set alike.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

from depth_sr_ros.config_files import find_config

VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
"""Environment variables that name a Fast DDS profile: that of Fast DDS 3 and that of Fast DDS 2."""


def find_profile() -> Path | None:
    """The shipped profile: of a source checkout, an installed ROS share folder or a pip installation; None if lost."""
    return find_config("fastdds.xml")


def profile_in_force(environment: MutableMapping[str, str] | None = None) -> Path | None:
    """The profile that either variable names, None where both leave it to Fast DDS.

    Args:
        environment: variables to look at; None takes those of this process.
    """
    variables = os.environ if environment is None else environment
    return next((Path(variables[name]) for name in VARIABLES if variables.get(name)), None)


def use_profile(environment: MutableMapping[str, str] | None = None) -> Path | None:
    """Puts a profile in force, whichever Fast DDS reads it: the user's where either variable is set, else the shipped.

    Args:
        environment: variables to change; None takes those of this process.

    Returns:
        The profile now in force, None when none is set and the shipped one cannot be found.
    """
    variables = os.environ if environment is None else environment
    profile = profile_in_force(variables) or find_profile()
    if profile is not None:
        for name in VARIABLES:
            variables[name] = variables.get(name) or str(profile)
    return profile
