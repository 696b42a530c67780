"""Keeps what TensorRT measured while it chose kernels, so that the next build need not measure again.

Measurements count for one version of TensorRT on one kind of GPU only, so each pair has a file of its own. The file is
replaced whole or not at all; of two builders that end at the same time one's additions are lost, which costs time and
nothing else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)


class TimingCache:
    """Measurements under given conditions.

    Args:
        folder: where the files lie; made when the first one is kept.
        conditions: version of TensorRT, GPU and whatever else decides whether measurements count.
    """

    def __init__(self, folder: Path, conditions: Mapping[str, str]) -> None:
        digest = hashlib.sha256(json.dumps(dict(conditions), sort_keys=True).encode()).hexdigest()
        self.path = folder / f"{digest[:16]}.timing"

    def open(self, config: Any) -> Any:
        """Gives a build's configuration what is known; returns the cache to keep after the build, None if refused."""
        for known in (self._read(), b""):
            try:
                cache = config.create_timing_cache(known)
            except (RuntimeError, TypeError, ValueError) as error:
                _log.debug("%s: %s", self.path, error)
                continue
            if cache is not None and config.set_timing_cache(cache, False):
                return cache
        return None

    def keep(self, cache: Any) -> None:
        """Writes what is known now. A folder that cannot be written costs the next build time, so it is no error."""
        try:
            content = bytes(cache.serialize())
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".", suffix=".timing", dir=self.path.parent)
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            os.replace(name, self.path)
        except (OSError, RuntimeError) as error:
            _log.info("%s: measurements cannot be saved: %s", self.path, error)

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError:
            return b""


def default_folder() -> Path:
    """In the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # the specification: a relative path counts as none
    root = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"
    return root / "depth_sr_ros" / "timing"
