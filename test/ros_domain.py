"""A ROS domain for this process alone, however many test processes run on the machine. Imported by its bare name."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

_LAST = 100  # domains up to 101 keep clear of the ports that Linux gives to outgoing connections

_held: list[FileLock] = []


@cache
def domain() -> str:
    """Number of a domain that no other test process uses, held until this process ends; a given one where it is alone.

    Raises:
        RuntimeError: every domain is taken.
    """
    given = os.environ.get("ROS_DOMAIN_ID")
    if given and "PYTEST_XDIST_WORKER" not in os.environ:
        return given
    for step in range(_LAST):
        number = 1 + (os.getpid() + step) % _LAST
        lock = FileLock(Path(tempfile.gettempdir(), f"depth_sr_ros_test_domain_{number}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        _held.append(lock)
        return str(number)
    raise RuntimeError(f"expected a free ROS domain from 1 to {_LAST}, found all of them taken by other tests")
