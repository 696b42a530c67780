"""Who does the work: this process, or a Ray cluster. Both give the same results, in the order they finish."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from training.extraction.bag_task import BagFailure, BagJob, extract_bag
from training.extraction.manifest import BagRecord, hash_bag

Result = BagRecord | BagFailure
Progress = Callable[[BagJob, float], None]
"""Told which share of a bag is done."""
Task = TypeVar("Task")
Done = TypeVar("Done")

RETRIES = 3
"""How often a task is begun again whose worker died."""

_LOCAL_STORE = 128 << 20  # bytes; nothing but names and counts goes between the processes

INSTALL = "--ray: expected Ray to be installed, found no module `ray`; pip install -e '.[ray]'"


class SerialWorkers:
    """One bag after the other, in this process."""

    def hashes(self, paths: Sequence[Path]) -> Iterator[tuple[Path, str | BagFailure]]:
        """SHA-256 of each bag; a failure where it cannot be read."""
        for path in paths:
            yield path, _hash(path)

    def extract(self, jobs: Sequence[BagJob], progress: Progress) -> Iterator[tuple[BagJob, Result]]:
        """The result of each job; progress is reported frame by frame."""
        for job in jobs:
            yield job, extract_bag(job, lambda share, job=job: progress(job, share))  # type: ignore[misc]

    def close(self) -> None:
        """Nothing to give back."""


class RayWorkers:
    """One Ray task per bag; a task whose worker dies is begun again elsewhere.

    Bags, the extraction folder and this checkout must be at the same paths on every machine (a shared file system).

    Args:
        address: of a cluster, such as `auto` or `ray://head:10001`; `local` starts one on this machine.
        count: workers of a local cluster; 0 takes one per core.

    Raises:
        ValueError: Ray is not installed, or no cluster is at that address.
    """

    def __init__(self, address: str, count: int = 0) -> None:
        try:
            import ray
        except ImportError as error:
            raise ValueError(INSTALL) from error
        self._ray = ray
        root = Path(__file__).resolve().parents[2]
        known = os.environ.get("PYTHONPATH", "")
        environment = {"env_vars": {"PYTHONPATH": f"{root}:{known}" if known else str(root), "OMP_NUM_THREADS": "1"}}
        options: dict[str, Any] = {"runtime_env": environment, "logging_level": logging.ERROR, "log_to_driver": False}
        if address == "local":
            options |= {"address": "local", "num_cpus": count or os.cpu_count(), "include_dashboard": False}
            options["object_store_memory"] = _LOCAL_STORE
        else:
            options |= {"address": address}
        try:
            _answers(address)
            ray.init(**options)
        except (OSError, ValueError, RuntimeError) as error:
            raise ValueError(f"--ray {address}: expected a Ray cluster there, found: {error}") from error

    def hashes(self, paths: Sequence[Path]) -> Iterator[tuple[Path, str | BagFailure]]:
        """SHA-256 of each bag; a failure where it cannot be read."""
        tasks = [(path, path.resolve()) for path in paths]  # workers have a working directory of their own
        for (path, _), digest in self._run(_hash_resolved, tasks, lambda task: task[0]):
            yield path, digest

    def extract(self, jobs: Sequence[BagJob], progress: Progress) -> Iterator[tuple[BagJob, Result]]:
        """The result of each job; progress is reported bag by bag."""
        for job, result in self._run(extract_bag, list(jobs), lambda job: job.path):
            progress(job, 1.0)
            yield job, result

    def close(self) -> None:
        """Leaves the cluster; ends it if it is a local one."""
        self._ray.shutdown()

    def _run(
        self, work: Callable[[Task], Any], tasks: list[Task], path: Callable[[Task], Path]
    ) -> Iterator[tuple[Task, Any]]:
        ray = self._ray
        remote = ray.remote(num_cpus=1, max_retries=RETRIES)(work)
        waiting = {remote.remote(task): task for task in tasks}
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            task = waiting.pop(done)
            try:
                yield task, ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                where = path(task)
                yield task, BagFailure(where, f"{where}: its worker died {RETRIES + 1} times ({type(error).__name__})")


def _answers(address: str) -> None:
    """Raises OSError where nothing listens at HOST:PORT; Ray itself would go on trying for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=5).close()


def _hash_resolved(task: tuple[Path, Path]) -> str | BagFailure:
    return _hash(task[1])


def _hash(path: Path) -> str | BagFailure:
    try:
        return hash_bag(path)
    except OSError as error:
        return BagFailure(path, f"{path}: expected a readable bag, found: {error}")
