"""Files that several processes write: whole or not at all, and one writer at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

TEMPORARY = ".tmp"
"""How names of unfinished files end."""

_POLL_S = 0.1


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that a reader finds the old content or the new one, whatever happens in between."""
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextmanager
def locked(path: Path, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Holds a lock between processes; the system frees it when its holder ends, however that ends.

    Args:
        path: the lock file; created when missing.
        waiting: told, once, who holds the lock when it is not free.
    """
    told = False
    while True:
        with path.open("a+") as file:
            if _taken(file, path):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {os.uname().nodename}")
                file.flush()
                yield
                return
            if waiting and not told:
                file.seek(0)
                waiting(file.read().strip() or "another process")
                told = True
        time.sleep(_POLL_S)


@contextmanager
def lock_if_free(path: Path) -> Iterator[bool]:
    """Takes a lock that nobody holds; gives False, and holds nothing, when somebody does."""
    with path.open("a+") as file:
        yield _taken(file, path)


def _taken(file: TextIO, path: Path) -> bool:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # its last holder may have removed the file in between: then others lock another one of that name
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Makes a renaming last through a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
