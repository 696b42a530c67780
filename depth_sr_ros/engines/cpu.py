"""What an engine needs to know of the processor: threads to take when nobody says, and instructions for bytes."""

from __future__ import annotations

import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_SHARED = 2
_DESCRIPTION = Path("/proc/cpuinfo")
_FOR_BYTES = {"avx512_vnni", "avx_vnni", "amx_int8"}


def default_threads() -> int:
    """Threads for an engine: one per usable physical core, less one for the node where there are three or more.

    Beside the engine the node takes about a tenth of a core. On one or two cores keeping a whole one free for that
    would cost more than the two getting in each other's way now and then.
    """
    cores = usable_cores()
    return cores - 1 if cores > _SHARED else cores


def usable_cores(cpus: Path = _CPUS, quota: Path = _QUOTA) -> int:
    """Physical cores that this process may use, at least one.

    What its affinity allows, two logical processors of one core counted once, and no more than the whole cores of a
    container's quota.

    Args:
        cpus: where the kernel describes its processors.
        quota: the control group's limit.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = len({_siblings(cpus, cpu) for cpu in allowed})
    limit = _quota(quota)
    return max(1, cores if limit is None else min(cores, int(limit)))


def multiplies_bytes(description: Path = _DESCRIPTION) -> bool:
    """Whether the processor multiplies and adds 8-bit integers in one instruction: VNNI or AMX on x86.

    Without it 8-bit convolutions take several instructions, and whether they are faster at all is not known.

    Args:
        description: the kernel's of the processor.
    """
    try:
        lines = description.read_text().splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return not _FOR_BYTES.isdisjoint(flags)


def _siblings(cpus: Path, cpu: int) -> str:
    """Processors that share a core with this one, as the kernel writes them; its own number where that is unknown."""
    try:
        return (cpus / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _quota(path: Path) -> float | None:
    """Cores that a control group grants; None where it does not limit them."""
    try:
        granted, period = path.read_text().split()
        return float(granted) / float(period)
    except (OSError, ValueError):  # no control groups, or the word `max`
        return None
